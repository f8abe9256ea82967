//! The proxy through which this machine itself reaches the world, where it has one.

use super::rules::{Host, Target};
use secrecy::SecretString;
use std::net::IpAddr;

/// A proxy that speaks plain HTTP to its clients, and what does not go through it.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub(super) address: Target,
    /// The value of `Proxy-Authorization`.
    pub(super) authorization: Option<SecretString>,
    /// Names and addresses; a name stands for all below it as well.
    direct: Vec<String>,
    is_off: bool,
}

impl Upstream {
    /// Reads the values of `HTTPS_PROXY` (or `HTTP_PROXY`) and `NO_PROXY`, as the configuration found them.
    ///
    /// # Errors
    /// What is wrong with it; no credentials are in the text.
    pub fn parse(proxy: &str, no_proxy: &str) -> Result<Self, String> {
        let proxy = proxy.trim();
        let (scheme, rest) = proxy.split_once("://").unwrap_or(("http", proxy));
        if !scheme.eq_ignore_ascii_case("http") {
            let scheme: String = scheme.chars().filter(char::is_ascii_alphanumeric).collect();
            return Err(format!(
                "a sandbox cannot go through a proxy of the kind `{scheme}`: give it one of http://host:port"
            ));
        }
        let rest = rest.split_once('/').map_or(rest, |(rest, _)| rest);
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, rest),
        };
        let address = Target::parse(address, Some(80))
            .map_err(|why| format!("the proxy of this machine is not http://host:port: {why}"))?;
        let direct: Vec<String> = no_proxy
            .split([',', ' '])
            .map(|entry| entry.trim_matches(['[', ']']).trim_start_matches("*."))
            .map(|entry| entry.trim_start_matches('.').to_ascii_lowercase())
            .filter(|entry| !entry.is_empty())
            .collect();
        let authorization = login.map(|login| {
            let login = match login.contains(':') {
                true => unescaped(login),
                false => unescaped(&format!("{login}:")),
            };
            SecretString::from(format!("Basic {}", base64(&login)))
        });
        Ok(Self {
            address,
            authorization,
            is_off: direct.iter().any(|entry| entry == "*"),
            direct,
        })
    }

    /// True for what goes past the proxy: this machine itself, and what `NO_PROXY` names.
    pub(super) fn is_direct(&self, target: &Target) -> bool {
        if self.is_off {
            return true;
        }
        let is_named = |host: &str| {
            let with_port = format!("{host}:{}", target.port);
            self.direct.iter().any(|entry| {
                [host, with_port.as_str()].iter().any(|own| {
                    own.strip_suffix(entry.as_str())
                        .is_some_and(|front| front.is_empty() || front.ends_with('.'))
                })
            })
        };
        match &target.host {
            Host::Name(name) => name == "localhost" || is_named(name),
            Host::Address(IpAddr::V4(address)) => {
                address.is_loopback() || self.direct.contains(&address.to_string())
            }
            Host::Address(IpAddr::V6(address)) => {
                address.is_loopback() || self.direct.contains(&address.to_string())
            }
        }
    }
}

/// Percent escapes resolved; one that is none stands for itself.
fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let escaped = more
            .get(..2)
            .filter(|two| *first == b'%' && two.iter().all(u8::is_ascii_hexdigit))
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        out.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &more[2..] } else { more };
    }
    out
}

/// RFC 4648, 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            out.push(match at <= three.len() {
                true => char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]),
                false => '=',
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn proxies_are_read() {
        for (text, host, port, login) in [
            ("http://proxy.corp:8080", "proxy.corp", 8080, None),
            ("proxy.corp:8080/", "proxy.corp", 8080, None),
            ("HTTP://10.0.0.1", "10.0.0.1", 80, None),
            ("http://[fd00::1]:3128/", "[fd00::1]", 3128, None),
            ("http://u:p@h:1", "h", 1, Some("Basic dTpw")),
            ("http://u:p%40%2f@h:1", "h", 1, Some("Basic dTpwQC8=")),
            ("http://only@h:1", "h", 1, Some("Basic b25seTo=")),
            ("http://u:a@b%zz@h:1", "h", 1, Some("Basic dTphQGIleno=")),
        ] {
            let read = Upstream::parse(text, "").unwrap();
            assert_eq!(read.address.host.to_string(), host, "{text}");
            assert_eq!(read.address.port, port, "{text}");
            let own = read
                .authorization
                .as_ref()
                .map(|a| a.expose_secret().to_owned());
            assert_eq!(own.as_deref(), login, "{text}");
            assert!(!format!("{read:?}").contains("Basic"), "{read:?}");
        }
        for text in [
            "",
            "socks5://u:hunter2@h:1",
            "https://u:hunter2@h:1",
            "http://u:hunter2@",
            "h:0",
        ] {
            let error = Upstream::parse(text, "").unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_goes_past_the_proxy() {
        let upstream = Upstream::parse(
            "h:1",
            "localhost, .corp.local,*.lan,10.0.0.5,git.org:8443,[fd00::7]",
        )
        .unwrap();
        for (text, want) in [
            ("localhost:1", true),
            ("127.0.0.1:80", true),
            ("[::1]:80", true),
            ("corp.local:443", true),
            ("a.b.corp.local:443", true),
            ("acorp.local:443", false),
            ("x.lan:80", true),
            ("10.0.0.5:80", true),
            ("10.0.0.55:80", false),
            ("[fd00::7]:1", true),
            ("git.org:8443", true),
            ("git.org:443", false),
            ("example.org:443", false),
        ] {
            let target = Target::parse(text, None).unwrap();
            assert_eq!(upstream.is_direct(&target), want, "{text}");
        }
        let all = Upstream::parse("h:1", "*").unwrap();
        assert!(all.is_direct(&Target::parse("example.org:443", None).unwrap()));
    }
}
