//! Which addresses a server may have. A name that leads into the user's own network, or to the service that
//! hands out a cloud machine's credentials, is not where a key and a repository's source are sent, unless the
//! configuration names the host.
//!
//! The addresses that were looked at are the ones that are connected to: nothing asks again in between.

use crate::config::Endpoint;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// An address that nothing is sent to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{host}` leads to {address}, {what}: nothing is sent there. If that is meant, list the host as \
     `private_hosts = [\"{host}\"]` below `[network]` in your own configuration"
)]
pub(super) struct Refused {
    pub host: String,
    pub address: IpAddr,
    pub what: &'static str,
}

/// What a host may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// This machine, by its name; nothing is looked up.
    Localhost,
    /// Anything: the user said so, or it is literally a loopback address.
    Anywhere,
    /// The public internet.
    Public,
}

impl Reach {
    /// What the configuration allows the endpoint's host.
    pub(super) fn of(endpoint: &Endpoint, private_hosts: &[String]) -> Self {
        let host = endpoint.host();
        let is_listed = private_hosts
            .iter()
            .any(|listed| listed.trim_matches(['[', ']']).eq_ignore_ascii_case(&host));
        match endpoint.address() {
            None if endpoint.is_loopback() => Self::Localhost,
            Some(_) if endpoint.is_loopback() => Self::Anywhere,
            Some(_) | None if is_listed => Self::Anywhere,
            Some(_) | None => Self::Public,
        }
    }

    /// All of the addresses, or the first that is refused: a name that leads to one such is not to be trusted
    /// with the others.
    pub(super) fn check(
        &self,
        host: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<(), Refused> {
        match self {
            Self::Localhost | Self::Anywhere => Ok(()),
            Self::Public => {
                addresses
                    .into_iter()
                    .try_for_each(|address| match not_public(address) {
                        None => Ok(()),
                        Some(what) => Err(Refused {
                            host: host.to_owned(),
                            address,
                            what,
                        }),
                    })
            }
        }
    }
}

/// Looks a name up and checks what it leads to. Blocks for as long as the system's resolver does.
pub(super) fn look_up(
    host: &str,
    reach: &Reach,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    if *reach == Reach::Localhost {
        let both = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        return Ok(both.map(|address| SocketAddr::new(address, 0)).to_vec());
    }
    let found: Vec<SocketAddr> = (host, 0).to_socket_addrs()?.collect();
    reach.check(host, found.iter().map(SocketAddr::ip))?;
    Ok(found)
}

/// What an address is, where it is not one of the public internet (IANA's special-purpose registries).
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    const METADATA: [Ipv4Addr; 4] = [
        Ipv4Addr::new(169, 254, 169, 254),
        // Alibaba, Azure, Oracle.
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(168, 63, 129, 16),
        Ipv4Addr::new(192, 0, 0, 192),
    ];
    if METADATA.contains(&address) {
        return Some("where a cloud machine's credentials are handed out");
    }
    match address.octets() {
        [0, ..] => Some("which is no address of another machine"),
        [127, ..] => Some("this machine itself"),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Some("an address of a private network"),
        [169, 254, ..] => Some("a link-local address"),
        [100, 64..=127, ..] => Some("an address shared behind a provider's NAT"),
        [192, 0, 0, _]
        | [192, 0, 2, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Some("an address for tests and protocols only"),
        [224..=255, ..] => Some("a multicast or reserved address"),
        _ => None,
    }
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let s = address.segments();
    let low = u32::from(s[6]) << 16 | u32::from(s[7]);
    let v4 = |bits: u32| not_public_v4(Ipv4Addr::from_bits(bits));
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("which is no address of another machine"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("this machine itself"),
        // IPv4-mapped, IPv4-translated (RFC 2765), the old IPv4-compatible form, and the two prefixes of NAT64.
        [0, 0, 0, 0, 0, 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..] => v4(low),
        [0, 0, 0, 0, 0, 0, ..] => v4(low).or(Some("an address for tests and protocols only")),
        [0x64, 0xff9b, 1, ..] => Some("an address of a private network"),
        // 6to4 carries an IPv4 address in front.
        [0x2002, a, b, ..] => v4(u32::from(a) << 16 | u32::from(b)),
        // AWS.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => {
            Some("where a cloud machine's credentials are handed out")
        }
        [0xfc00..=0xfdff, ..] => Some("an address of a private network"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfec0..=0xfeff, ..] => Some("an address of a private network"),
        [0xff00..=0xffff, ..] => Some("a multicast or reserved address"),
        // Teredo, documentation, discard-only.
        [0x2001, 0, ..] | [0x2001, 0xdb8, ..] | [0x100, 0, 0, 0, ..] => {
            Some("an address for tests and protocols only")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "203.0.113.9",
            "::",
            "::1",
            "fd00:ec2::254",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::ffff:0:10.0.0.1",
            "::ffff:0:169.254.169.254",
            "::10.0.0.1",
            "::8.8.8.8",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:a00:1::",
            "2002:7f00:1::1",
            "2001::1",
            "2001:db8::1",
            "100::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(not_public(address).is_some(), "{text}");
        }
        for text in [
            "8.8.8.8",
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "169.253.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(not_public(address), None, "{text}");
        }
    }

    #[test]
    fn one_private_address_among_public_ones_spoils_them() {
        let both = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        let refused = Reach::Public.check("api.example.com", both).unwrap_err();
        assert_eq!(refused.address, both[1]);
        let text = refused.to_string();
        assert!(
            text.contains("private_hosts = [\"api.example.com\"]"),
            "{text}"
        );
        assert_eq!(Reach::Anywhere.check("api.example.com", both), Ok(()));
    }

    #[test]
    fn what_a_host_may_lead_to() {
        let listed = [
            "gpu.lan".to_owned(),
            "192.168.1.5".to_owned(),
            "[fd00::1]".to_owned(),
        ];
        for (text, want) in [
            ("https://api.openai.com", Reach::Public),
            ("https://GPU.lan/v1", Reach::Anywhere),
            ("https://other.gpu.lan/v1", Reach::Public),
            ("https://192.168.1.5", Reach::Anywhere),
            ("https://192.168.1.6", Reach::Public),
            ("https://[fd00::1]", Reach::Anywhere),
            ("http://localhost:1", Reach::Localhost),
            ("http://127.0.0.1:1", Reach::Anywhere),
            ("https://localhost.example", Reach::Public),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(Reach::of(&endpoint, &listed), want, "{text}");
        }
    }

    #[test]
    fn localhost_is_not_looked_up() {
        let found = look_up("localhost", &Reach::Localhost).unwrap();
        assert!(
            found.len() == 2 && found.iter().all(|a| a.ip().is_loopback()),
            "{found:?}"
        );
        // What a name of this machine's own leads to is found by the system, and refused.
        let error = look_up("localhost", &Reach::Public).unwrap_err();
        assert!(error.downcast_ref::<Refused>().is_some(), "{error}");
    }
}
