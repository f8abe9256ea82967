//! Variables that stand over those of the command: a home of its own, caches of its own, the way out.

use super::{Machine, Places};
use crate::model::policy::Network;
use crate::sandbox::gateway::PROXY_PORT;
use std::path::Path;

/// Where programs without a variable of their own keep what they may lose.
const XDG_CACHE: &str = "XDG_CACHE_HOME";

/// Caches below the private one, by the variable that says where: what tools write packages into.
pub(in crate::sandbox) const CACHES: &[(&str, &str)] = &[
    (XDG_CACHE, "xdg"),
    ("CARGO_HOME", "cargo"),
    ("GOCACHE", "go-build"),
    ("GOMODCACHE", "go-mod"),
    ("npm_config_cache", "npm"),
    ("npm_config_store_dir", "pnpm"),
    ("YARN_CACHE_FOLDER", "yarn"),
    ("YARN_GLOBAL_FOLDER", "yarn-berry"),
    ("BUN_INSTALL_CACHE_DIR", "bun"),
    ("DENO_DIR", "deno"),
    ("PIP_CACHE_DIR", "pip"),
    ("UV_CACHE_DIR", "uv"),
    ("POETRY_CACHE_DIR", "poetry"),
    ("PRE_COMMIT_HOME", "pre-commit"),
    ("BUNDLE_USER_HOME", "bundle"),
    ("COMPOSER_HOME", "composer"),
    ("NUGET_PACKAGES", "nuget"),
    ("GRADLE_USER_HOME", "gradle"),
    ("SCCACHE_DIR", "sccache"),
    ("CCACHE_DIR", "ccache"),
];

/// Folders of the private home, by the variable that says where.
pub(in crate::sandbox) const HOMES: &[(&str, &str)] = &[
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
    ("GOPATH", "go"),
];

/// The variables of a wall.
pub(super) fn of(
    machine: &Machine,
    places: &Places,
    network: &Network,
    unix_sockets: bool,
    given: &[(String, String)],
) -> Vec<(String, String)> {
    let given = |name: &str| {
        let mut found = given.iter().rev();
        found
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let Places {
        home, tmp, cache, ..
    } = places;
    let mut env: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: String| env.push((name.to_owned(), value));

    set("HOME", text(home));
    for name in ["TMPDIR", "TMP", "TEMP", "XDG_RUNTIME_DIR"] {
        set(name, text(tmp));
    }
    for (name, below) in HOMES {
        set(name, text(&home.join(below)));
    }
    for (name, below) in CACHES {
        let of_agent = places.cache_of_agent.as_ref();
        set(
            name,
            match of_agent.filter(|_| *name == XDG_CACHE) {
                Some(own) => text(own),
                None => text(&cache.join(below)),
            },
        );
    }
    // What was found through the home has to be named, because the home is another.
    for name in [
        "RUSTUP_HOME",
        "PYENV_ROOT",
        "UV_PYTHON_INSTALL_DIR",
        "PLAYWRIGHT_BROWSERS_PATH",
        "NVM_DIR",
        "VOLTA_HOME",
        "RBENV_ROOT",
        "ASDF_DATA_DIR",
        "MISE_DATA_DIR",
        "SDKMAN_DIR",
        "COREPACK_HOME",
    ] {
        if let Some(path) = machine.tool(name) {
            set(name, text(path));
        }
    }
    // The lane's index is not writable; without this git would try to refresh it.
    set("GIT_OPTIONAL_LOCKS", "0".to_owned());
    cargo(cache, network, &given, &mut set);
    go(machine, &given, &mut set);
    java(machine, cache, tmp, network, &given, &mut set);
    if !unix_sockets && given("SSH_AUTH_SOCK").is_some() {
        // It could not be reached, and ssh would complain of that.
        set("SSH_AUTH_SOCK", String::new());
    }
    if let Network::Hosts(_) = network {
        let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            set(name, proxy.clone());
            set(&name.to_ascii_lowercase(), proxy.clone());
        }
        for name in ["NO_PROXY", "no_proxy"] {
            set(name, "localhost,127.0.0.1,::1".to_owned());
        }
        // Node.js looks at the others only when it is told to.
        set("NODE_USE_ENV_PROXY", "1".to_owned());
    }
    env
}

/// The same variables where the proxy listens on another port.
pub(crate) fn at_port(env: &[(String, String)], port: u16) -> Vec<(String, String)> {
    let usual = [
        format!("127.0.0.1:{PROXY_PORT}"),
        format!("proxyPort={PROXY_PORT}"),
    ];
    let there = [format!("127.0.0.1:{port}"), format!("proxyPort={port}")];
    let moved = |value: &String| {
        let pairs = usual.iter().zip(&there);
        pairs.fold(value.clone(), |value, (from, to)| value.replace(from, to))
    };
    env.iter()
        .map(|(name, value)| (name.clone(), moved(value)))
        .collect()
}

fn cargo<'a>(
    cache: &Path,
    network: &Network,
    given: &impl Fn(&str) -> Option<&'a str>,
    set: &mut impl FnMut(&str, String),
) {
    // One for all of the user's projects cannot be written to from inside.
    if given("CARGO_TARGET_DIR").is_some_and(|dir| Path::new(dir).is_absolute()) {
        set(
            "CARGO_TARGET_DIR",
            cache.join("cargo-target").to_string_lossy().into_owned(),
        );
    }
    if let Network::None | Network::Loopback = network {
        // It then takes what it has, where it would have looked for something newer.
        set("CARGO_NET_OFFLINE", "true".to_owned());
    }
}

/// Modules come from the user's own cache first, as from a proxy, so that what is there needs no network.
fn go<'a>(
    machine: &Machine,
    given: &impl Fn(&str) -> Option<&'a str>,
    set: &mut impl FnMut(&str, String),
) {
    let flags = given("GOFLAGS").unwrap_or_default();
    // Otherwise modules are made read-only, and nobody could remove the folder.
    let flags = format!("{flags} -modcacherw");
    set("GOFLAGS", flags.trim_start().to_owned());
    let Some(modules) = machine.tool("GOMODCACHE") else {
        return;
    };
    let others = given("GOPROXY")
        .or(machine.go_proxy.as_deref())
        .unwrap_or("https://proxy.golang.org,direct");
    let ours = format!("file://{}", url_path(&modules.join("cache/download")));
    set("GOPROXY", format!("{ours},{others}"));
}

/// A JVM looks for temporary files and proxies at no variable but its own.
fn java<'a>(
    machine: &Machine,
    cache: &Path,
    tmp: &Path,
    network: &Network,
    given: &impl Fn(&str) -> Option<&'a str>,
    set: &mut impl FnMut(&str, String),
) {
    let mut options = given("JAVA_TOOL_OPTIONS").unwrap_or_default().to_owned();
    let tmp = tmp.to_string_lossy();
    // Such options are cut at spaces.
    if !tmp.contains(char::is_whitespace) {
        options.push_str(&format!(" -Djava.io.tmpdir={tmp}"));
    }
    if let Network::Hosts(_) = network {
        for scheme in ["http", "https"] {
            options.push_str(&format!(
                " -D{scheme}.proxyHost=127.0.0.1 -D{scheme}.proxyPort={PROXY_PORT}"
            ));
        }
    }
    set("JAVA_TOOL_OPTIONS", options.trim_start().to_owned());
    let own = cache.join("maven");
    let mut maven = format!(
        "{} -Dmaven.repo.local={}",
        given("MAVEN_ARGS").unwrap_or_default(),
        own.display()
    );
    if let Some(theirs) = machine.tool("MAVEN_REPOSITORY") {
        // Read where ours has nothing, since Maven 3.9.
        maven.push_str(&format!(" -Dmaven.repo.local.tail={}", theirs.display()));
    }
    if !own.to_string_lossy().contains(char::is_whitespace) {
        set("MAVEN_ARGS", maven.trim_start().to_owned());
    }
    if let Some(theirs) = machine.tool("GRADLE_USER_HOME") {
        set(
            "GRADLE_RO_DEP_CACHE",
            theirs.join("caches").to_string_lossy().into_owned(),
        );
    }
}

/// A path as it stands in an address.
fn url_path(path: &Path) -> String {
    let mut out = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'/'
            | b'-'
            | b'_'
            | b'.'
            | b'~'
            | b'@'
            | b'+' => {
                out.push(char::from(*byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
