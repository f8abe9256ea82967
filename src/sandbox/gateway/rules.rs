//! What a request may reach: how a host is written, which endpoint allows it, which addresses it may lead to. Pure.
//!
//! A host has one spelling here. What one program could read as this host and another as that one (numbers in other
//! bases, mapped addresses, escapes, user names) is refused instead of being understood.

use crate::model::policy::Endpoint;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The port of the proxy on the loopback of a walled process.
pub const PROXY_PORT: u16 = 3128;

/// Most listening sockets that one wall may have; one message carries 253 at most (unix(7)).
const MAX_DOORS: usize = 128;

/// A host as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// In lower case, without a final dot.
    Name(String),
    Address(IpAddr),
}

/// A host and a port that a process wants to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub host: Host,
    pub port: u16,
}

impl Host {
    /// Reads a host, an IPv6 address in brackets.
    ///
    /// # Errors
    /// It is none, or could be read in two ways.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(rest) = text.strip_prefix('[') {
            let inside = rest.strip_suffix(']').ok_or("the bracket is not closed")?;
            let address: Ipv6Addr = inside.parse().map_err(|_| "this is no IPv6 address")?;
            if embedded(address).is_some() {
                return Err("an IPv4 address in the clothes of an IPv6 address is not taken");
            }
            return Ok(Self::Address(IpAddr::V6(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |l: &str| {
            (1..=63).contains(&l.len())
                && l.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err("this is no host name; names of other alphabets are written as xn--");
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        // Resolvers read `1`, `0x7f.1` and `017700000001` as addresses; which one depends on the resolver.
        let is_number = last.bytes().all(|b| b.is_ascii_digit())
            || last
                .to_ascii_lowercase()
                .strip_prefix("0x")
                .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
        if is_number {
            let address: Ipv4Addr = text
                .parse()
                .map_err(|_| "an IPv4 address is written as four decimal numbers")?;
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }
}

impl Target {
    /// Reads `host:port`, or `host` where there is a port that goes without saying.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, usual: Option<u16>) -> Result<Self, &'static str> {
        let end = text.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match text[end..].find(':') {
            Some(at) => (&text[..end + at], Some(&text[end + at + 1..])),
            None => (text, None),
        };
        let port = match (port, usual) {
            (None, Some(usual)) => usual,
            (None, None) => return Err("there is no port"),
            (Some(port), _) => {
                let is_plain = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
                port.parse()
                    .ok()
                    .filter(|_| is_plain)
                    .ok_or("this is no port")?
            }
        };
        let host = Host::parse(host)?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Where a target that is allowed may lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// These and nothing else: somebody wrote an address, or `localhost`.
    These(Vec<IpAddr>),
    /// What the name leads to, on the public internet.
    Public,
    /// The same, or in a private network: somebody wrote the name with its port, as one does for a host of one's own
    /// (`git.internal:443`). Never this machine, its links, or where a cloud hands out credentials.
    Own,
}

/// The endpoint that allows a target, as what it may lead to; None: nobody allows it. Of several the widest counts.
pub fn reach(endpoints: &[Endpoint], target: &Target) -> Option<Reach> {
    let mut found = None;
    for endpoint in endpoints {
        let own: Option<IpAddr> = endpoint.host.parse().ok();
        match &target.host {
            Host::Address(address) => {
                let is_meant = match own {
                    Some(own) => own == *address,
                    // The doors of `localhost` are on both.
                    None => endpoint.host == "localhost" && LOCALHOST.contains(address),
                };
                if is_meant && covers_port(endpoint, target.port) {
                    return Some(Reach::These(vec![*address]));
                }
            }
            Host::Name(_) if own.is_some() => {}
            Host::Name(name) if endpoint.covers(name, target.port) => {
                if endpoint.host == "localhost" {
                    return Some(Reach::These(LOCALHOST.to_vec()));
                }
                match endpoint.port {
                    Some(_) => found = Some(Reach::Own),
                    None => found = found.or(Some(Reach::Public)),
                }
            }
            Host::Name(_) => {}
        }
    }
    found
}

const LOCALHOST: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

fn covers_port(endpoint: &Endpoint, port: u16) -> bool {
    ports(endpoint).contains(&port)
}

fn ports(endpoint: &Endpoint) -> Vec<u16> {
    endpoint
        .port
        .map_or_else(|| vec![80, 443], |port| vec![port])
}

impl Reach {
    /// Whether an address that a name leads to is one of those meant.
    ///
    /// # Errors
    /// What the address is.
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        if let Self::These(those) = self {
            return match those.contains(&address) {
                true => Ok(()),
                false => Err("another address than the one that is allowed"),
            };
        }
        match kind(address) {
            Kind::Public => Ok(()),
            Kind::Private if *self == Self::Own => Ok(()),
            Kind::Private => Err("an address of a private network"),
            Kind::Loopback => Err("this machine itself"),
            Kind::LinkLocal => Err("a link-local address"),
            Kind::Metadata => Err("where a cloud machine's credentials are handed out"),
            Kind::Nowhere => Err("no address of another machine"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    Loopback,
    LinkLocal,
    Metadata,
    /// Unspecified, multicast, broadcast, reserved, for documentation.
    Nowhere,
}

/// What an address is (IANA's special-purpose registries, and where clouds have their metadata).
fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        // Most clouds, Alibaba, Azure, Oracle.
        [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => {
            Kind::Metadata
        }
        [127, ..] => Kind::Loopback,
        [169, 254, ..] => Kind::LinkLocal,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Kind::Private,
        // For measurements; proxies on people's machines give names such addresses.
        [198, 18 | 19, ..] => Kind::Private,
        [0, ..]
        | [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _]
        | [224..=255, ..] => Kind::Nowhere,
        _ => Kind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    if let Some(inner) = embedded(address) {
        return kind_v4(inner);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        // AWS, Google.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            Kind::Metadata
        }
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Kind::Private,
        [0xfe80..=0xfebf, ..] => Kind::LinkLocal,
        // 2000::/3 is all that is given out; of it Teredo, documentation and protocols are no hosts.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Kind::Nowhere,
        [0x2000..=0x3fff, ..] => Kind::Public,
        _ => Kind::Nowhere,
    }
}

/// The IPv4 address in an IPv6 one: mapped, translated (RFC 2765), compatible, NAT64's well-known prefix, 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let bits = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(bits(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => Some(bits(high, low)),
        [0x2002, high, low, ..] => Some(bits(high, low)),
        _ => None,
    }
}

/// A socket that listens inside the wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    pub at: SocketAddr,
    pub leads: Leads,
}

/// Where what comes through a door goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    Proxy,
    /// The first of these outside that answers.
    To(Vec<SocketAddr>),
}

/// Every door of a wall with these endpoints. Both sides of the wall reckon it, and speak of doors by their place.
///
/// # Errors
/// There are too many, or one is where the proxy is.
pub fn doors(endpoints: &[Endpoint]) -> Result<Vec<Door>, String> {
    let at = |address: &IpAddr, port| SocketAddr::new(*address, port);
    let mut doors: Vec<Door> = LOCALHOST
        .iter()
        .map(|address| Door {
            at: at(address, PROXY_PORT),
            leads: Leads::Proxy,
        })
        .collect();
    for endpoint in endpoints {
        let Some(address) = endpoint.loopback() else {
            continue;
        };
        let addresses = match endpoint.host.as_str() {
            "localhost" => LOCALHOST.to_vec(),
            _ => vec![address],
        };
        for port in ports(endpoint) {
            let all: Vec<SocketAddr> = addresses.iter().map(|a| at(a, port)).collect();
            for here in &all {
                match doors.iter().find(|door| door.at == *here) {
                    None => doors.push(Door {
                        at: *here,
                        leads: Leads::To(all.clone()),
                    }),
                    Some(taken) if taken.leads == Leads::Proxy => {
                        return Err(format!(
                            "{endpoint} cannot be reached from inside a sandbox: port {PROXY_PORT} is its own proxy's \
                             there; let what listens on {here} listen on another port, or leave it out of the hosts"
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    if doors.len() > MAX_DOORS {
        return Err(format!(
            "{} loopback ports are too many for one sandbox ({MAX_DOORS} is the most): name fewer hosts",
            doors.len()
        ));
    }
    Ok(doors)
}
