//! What becomes of a wall where the kernel lacks something. Never more is opened than was asked for.

use crate::model::policy::{Abilities, Network, Preset};
use crate::sandbox::Refused;

const OFF: &str = "run with --sandbox=off or CODELICIOUS_SANDBOX=off, or set `mode = \"off\"` below `[sandbox]` in your own configuration file";

/// Whether files can be walled in, and what a command asks the kernel for.
pub(super) fn check_files(abilities: &Abilities) -> Result<(), Refused> {
    if abilities.seatbelt {
        return Ok(());
    }
    let lack = match (abilities.landlock, abilities.seccomp) {
        (0, _) => "it has no Landlock, or it is switched off",
        (_, false) => "it cannot filter system calls (seccomp)",
        (_, true) => return Ok(()),
    };
    let why = match abilities.lacking.is_empty() {
        true => lack.to_owned(),
        false => abilities.lacking.join("; "),
    };
    if cfg!(target_os = "macos") {
        return Err(Refused {
            why,
            remedy: format!("look what /usr/bin/sandbox-exec says, or {OFF}"),
        });
    }
    Err(Refused {
        why,
        remedy: format!(
            "use a Linux kernel from 5.13 on with `landlock` in its list of security modules \
             (cat /sys/kernel/security/lsm), or {OFF}"
        ),
    })
}

/// Whether a preset's network can be had.
pub(super) fn check_network(
    abilities: &Abilities,
    preset: Preset,
    network: &Network,
) -> Result<(), Refused> {
    let is_list = matches!(network, Network::Hosts(_));
    if !is_list || has_own_network(abilities) {
        return Ok(());
    }
    Err(Refused {
        why: format!(
            "`{preset}` may reach some hosts only, and that needs a network namespace, which is not to be had here"
        ),
        remedy: format!(
            "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, \
             kernel.apparmor_restrict_unprivileged_userns=0, or in a container --security-opt \
             seccomp=unconfined), or set `network = \"full\"` or `\"none\"` below `[sandbox.{preset}]` in your own \
             configuration file, or {OFF}"
        ),
    })
}

/// The network that can be had, with a word where it is less.
pub(super) fn network(abilities: &Abilities, wanted: Network, weaker: &mut Vec<String>) -> Network {
    if has_own_network(abilities) {
        return wanted;
    }
    match wanted {
        Network::Loopback => {
            weaker.push(
                "no network namespace: the network is off as a whole, the loopback as well"
                    .to_owned(),
            );
            Network::None
        }
        Network::Hosts(_) => {
            weaker.push(
                "no network namespace: the network is off, because single hosts cannot be allowed"
                    .to_owned(),
            );
            Network::None
        }
        other @ (Network::None | Network::Full) => other,
    }
}

fn has_own_network(abilities: &Abilities) -> bool {
    abilities.network_namespace || abilities.seatbelt
}

/// What of every wall this machine cannot enforce, one line each.
pub fn lacks(abilities: &Abilities) -> Vec<String> {
    let mut lacks = abilities.lacking.clone();
    if abilities.seatbelt {
        return lacks;
    }
    let by_version = [
        (
            2,
            "files cannot be renamed or linked from one folder into another",
        ),
        (
            3,
            "files that may be read can be cut short where their permissions allow it",
        ),
        (
            4,
            "ports are not held back by Landlock, only by the network namespace and the filter of system calls",
        ),
        (
            5,
            "control requests (ioctl) to devices that may be opened are not held back",
        ),
        (
            6,
            "signals to other processes of yours and abstract sockets are not held back",
        ),
    ];
    for (version, what) in by_version {
        if abilities.landlock < version {
            lacks.push(format!(
                "Landlock {} (from version {version} on it would be otherwise): {what}",
                abilities.landlock
            ));
        }
    }
    // Who looked may have said why.
    if abilities.control_group.is_none() && abilities.lacking.is_empty() {
        lacks.push(
            "no control group can be made: memory is bounded for each process alone, and processes by their \
             user's number, which does not bind root"
                .to_owned(),
        );
    }
    lacks
}
