//! Hosts that only ssh knows by their name.

use crate::app::programs::Ask;
use crate::config::{Environment, Settings};
use crate::core::remote_address::{Guess, Remote, RemoteAddress, Scheme, platform_of};
use std::time::Duration;

/// The same address at the host that ssh would connect to, where it is written with a name of the user's ssh
/// configuration (`git@github.com-work:octo/hello.git`). As it is where ssh is not there or says nothing else.
pub(super) fn resolved(
    settings: &Settings,
    env: &Environment,
    address: RemoteAddress,
) -> RemoteAddress {
    let is_told = match platform_of(&Remote::Host(address.clone())) {
        Guess::Known(_) | Guess::Unsupported(_) | Guess::Local => true,
        Guess::AskHost(_) => address.scheme != Scheme::Ssh,
    };
    if is_told {
        return address;
    }
    let ask = Ask {
        program: "ssh",
        dir: None,
        args: vec!["-G".to_owned(), address.host.clone()],
        env: Vec::new(),
        stdin: String::new(),
        bound: Duration::from_secs(5),
    };
    let said = ask.answer(settings, env).unwrap_or_default();
    let host = said.lines().find_map(|line| line.strip_prefix("hostname "));
    match host.map(str::trim) {
        Some(host) if !host.eq_ignore_ascii_case(&address.host) => {
            address.at_host(host).unwrap_or(address)
        }
        Some(_) | None => address,
    }
}
