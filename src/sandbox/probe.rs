//! What this machine can enforce, found by trying it in one process that then ends.

use super::{launch, seatbelt};
use crate::model::policy::{Abilities, FileAccess, Network, Preset, ResourceLimits, Wall};
use std::ffi::OsString;
use std::path::Path;

/// A program of every system that does nothing.
const TRUE: &str = "/usr/bin/true";

/// Tries all layers of the wall. What is not to be had is among the lacking, with its reason.
pub fn abilities() -> Abilities {
    let mut found = layers();
    #[cfg(target_os = "linux")]
    {
        let bounds = ResourceLimits {
            memory: Some(1 << 30),
            processes: Some(1 << 10),
            ..ResourceLimits::default()
        };
        match super::groups::Bounds::make(&bounds) {
            Ok(made) => found.control_group = Some(made.describe()),
            Err(why) => found.lacking.push(format!(
                "memory is bounded for each process only, and the number of processes only in a user namespace: {why}"
            )),
        }
    }
    found
}

#[allow(
    clippy::disallowed_methods,
    reason = "namespaces and filters change the process that tries them"
)]
fn layers() -> Abilities {
    if let Some(program) = seatbelt::program() {
        return by_profiles(program);
    }
    let failed = |why: String| Abilities {
        lacking: vec![format!("the sandbox's helper does not work: {why}")],
        ..Abilities::default()
    };
    let output = std::process::Command::new(launch::helper())
        .args([launch::VERB, launch::PROBE])
        .env_clear()
        .current_dir("/")
        .stdin(std::process::Stdio::null())
        .output();
    match output {
        Err(e) => failed(e.to_string()),
        Ok(output) => serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
            let said = String::from_utf8_lossy(&output.stderr);
            failed(format!("{} {e} {}", output.status, said.trim()))
        }),
    }
}

/// Whether this program walls in what it starts: it has to let a command pass that a profile of ours allows, and to
/// refuse the same one where nothing is allowed.
#[allow(
    clippy::disallowed_methods,
    reason = "a wall is known by what a process inside of it can do"
)]
fn by_profiles(program: &Path) -> Abilities {
    let name = program.display();
    let failed = |why: String| Abilities {
        lacking: vec![why],
        ..Abilities::default()
    };
    let try_it = |args: Vec<OsString>| {
        std::process::Command::new(program)
            .args(args)
            .env_clear()
            .current_dir("/")
            .stdin(std::process::Stdio::null())
            .output()
    };
    let nothing = Wall {
        preset: Preset::Verify,
        files: FileAccess::default(),
        network: Network::None,
        unix_sockets: false,
        limits: ResourceLimits::default(),
        env: Vec::new(),
    };
    let passes = seatbelt::arguments(&nothing, Path::new(TRUE), &[]);
    let refuses = ["-p", "(version 1)(deny default)", "--", TRUE].map(OsString::from);
    match (try_it(passes), try_it(refuses.into())) {
        (Ok(passed), Ok(refused)) if passed.status.success() && !refused.status.success() => {
            Abilities {
                seatbelt: true,
                lacking: seatbelt::lacks(),
                ..Abilities::default()
            }
        }
        (Ok(passed), Ok(_)) if passed.status.success() => {
            failed(format!("{name} starts what its profile refuses"))
        }
        (Ok(passed), _) => {
            let said = String::from_utf8_lossy(&passed.stderr);
            failed(format!(
                "{name} does not work: {} {}",
                passed.status,
                said.trim()
            ))
        }
        (Err(e), _) => failed(format!("{name} cannot be started: {e}")),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A stand-in for sandbox-exec that is this script.
    fn found(script: &str) -> Abilities {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("sandbox-exec");
        std::fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        by_profiles(&program)
    }

    #[test]
    fn a_program_is_believed_that_lets_pass_and_refuses() {
        const RUN: &str = "[ \"$1\" = -p ] && [ \"$3\" = -- ] || exit 64\nprofile=$2; shift 3\n";
        let refuses =
            format!("{RUN}case $profile in *process-exec*) exec \"$@\";; *) exit 71;; esac");
        let good = found(&refuses);
        assert!(good.seatbelt, "{good:?}");
        assert_eq!(good.lacking, seatbelt::lacks());
        for (script, why) in [
            (
                format!("{RUN}exec \"$@\""),
                "starts what its profile refuses",
            ),
            ("echo no such luck >&2; exit 71".to_owned(), "no such luck"),
        ] {
            let bad = found(&script);
            assert!(!bad.seatbelt && bad.lacking[0].contains(why), "{bad:?}");
        }
        let none = by_profiles(Path::new("/nonexistent/sandbox-exec"));
        assert!(!none.seatbelt && none.lacking[0].contains("cannot be started"));
    }
}
