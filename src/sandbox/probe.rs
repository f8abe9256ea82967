//! What this machine can enforce, found by trying it in one process that then ends.

use super::launch;
use crate::model::policy::{Abilities, ResourceLimits};

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
    #[cfg(not(target_os = "linux"))]
    let _ = ResourceLimits::default();
    found
}

#[cfg(target_os = "linux")]
#[allow(
    clippy::disallowed_methods,
    reason = "namespaces and filters change the process that tries them"
)]
fn layers() -> Abilities {
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

#[cfg(not(target_os = "linux"))]
fn layers() -> Abilities {
    let _ = launch::VERB;
    Abilities {
        lacking: vec!["this version puts its wall up on Linux only".to_owned()],
        ..Abilities::default()
    }
}
