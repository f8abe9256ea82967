//! What each preset reaches.

use super::{Machine, Subject};
use crate::model::policy::{Endpoint, Network, Preset, PresetSettings};

/// Where packages come from.
pub const REGISTRIES: &[&str] = &[
    "index.crates.io",
    "static.crates.io",
    "crates.io",
    "github.com",
    "codeload.github.com",
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "pypi.org",
    "files.pythonhosted.org",
    "proxy.golang.org",
    "sum.golang.org",
    "repo.maven.apache.org",
    "repo1.maven.org",
    "plugins.gradle.org",
    "services.gradle.org",
    "rubygems.org",
];

/// Endings of variables that hold the address of a model.
const ADDRESSES: [&str; 4] = ["_BASE_URL", "_API_BASE", "_ENDPOINT", "_API_URL"];

/// The network of a preset before settings change it.
pub(super) fn usual(machine: &Machine, preset: Preset, subject: &Subject<'_>) -> Network {
    match preset {
        Preset::EngineTool | Preset::Verify => Network::Loopback,
        Preset::Setup => {
            let built_in = REGISTRIES
                .iter()
                .filter_map(|host| Endpoint::parse(host).ok());
            let hosts = built_in.chain(machine.registries.iter().cloned());
            Network::Hosts(without_repeats(hosts))
        }
        Preset::AgentCli => {
            let of_variables = subject
                .env
                .iter()
                .filter(|(name, _)| ADDRESSES.iter().any(|ending| name.ends_with(ending)));
            let of_variables = of_variables.filter_map(|(_, value)| endpoint_of(value));
            // What its row in the table of agents names is added when its home is made.
            Network::Hosts(without_repeats(of_variables))
        }
    }
}

/// The network as settings change it: theirs in its place, and their hosts beside it.
pub(super) fn changed(network: Network, change: &PresetSettings) -> Network {
    let network = change.network.clone().unwrap_or(network);
    if change.hosts.is_empty() {
        return network;
    }
    let more = change.hosts.iter().cloned();
    match network {
        Network::Full => Network::Full,
        Network::Hosts(hosts) => Network::Hosts(without_repeats(hosts.into_iter().chain(more))),
        Network::None | Network::Loopback => Network::Hosts(without_repeats(more)),
    }
}

fn without_repeats(hosts: impl Iterator<Item = Endpoint>) -> Vec<Endpoint> {
    let mut all: Vec<Endpoint> = Vec::new();
    for host in hosts {
        if !all.contains(&host) {
            all.push(host);
        }
    }
    all
}

/// The host of an address of the web, and its port: with it a host may be in a private network, where registries and
/// gateways of companies are. None for anything else.
pub fn endpoint_of(address: &str) -> Option<Endpoint> {
    let address = address.trim();
    let address = address
        .strip_prefix("sparse+")
        .or_else(|| address.strip_prefix("git+"))
        .unwrap_or(address);
    let (scheme, rest) = address.split_once("://")?;
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "https" | "wss" => 443,
        "http" | "ws" => 80,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    let mut endpoint = Endpoint::parse(place).ok()?;
    // `*` would be all of a domain, and no address has that.
    if endpoint.host.starts_with('*') {
        return None;
    }
    endpoint.port.get_or_insert(usual);
    Some(endpoint)
}
