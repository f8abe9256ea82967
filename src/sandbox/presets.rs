//! From settings and machine to the wall around one process.

use super::{Refused, Sandbox, Subject};
use crate::model::policy::{
    Abilities, FileAccess, Network, PresetSettings, ResourceLimits, SandboxSettings, Wall,
};
use std::path::PathBuf;

/// What a wall depends on of this machine, read once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The user's home.
    pub home: Option<PathBuf>,
    /// The repository's root, git's folder of it, and our own in it.
    pub root: PathBuf,
    pub git_dir: PathBuf,
    pub codelicious_dir: PathBuf,
    /// Folders that programs are searched in, links followed.
    pub path: Vec<PathBuf>,
    /// Toolchains and caches by the variable that names them or would: `CARGO_HOME`, `RUSTUP_HOME`, `GOMODCACHE` ….
    pub tools: Vec<(String, PathBuf)>,
}

/// Whether the machine can enforce what the settings ask for.
///
/// # Errors
/// It cannot.
pub fn check(settings: &SandboxSettings, abilities: &Abilities) -> Result<(), Refused> {
    let _ = settings;
    if abilities.landlock == 0 && !abilities.seatbelt {
        return Err(Refused {
            why: abilities.lacking.join("; "),
            remedy: "run with --sandbox=off, or set `sandbox.mode = \"off\"` in your own configuration file"
                .to_owned(),
        });
    }
    Ok(())
}

/// The wall around a process.
pub fn wall(
    settings: &SandboxSettings,
    machine: &Machine,
    abilities: &Abilities,
    subject: &Subject<'_>,
) -> Wall {
    let _ = (machine, abilities);
    let private = Sandbox::private_dir(subject.lane);
    let change = settings
        .presets
        .iter()
        .find(|(preset, _)| *preset == subject.preset)
        .map_or_else(PresetSettings::default, |(_, change)| change.clone());
    let lane = subject.lane.to_path_buf();
    Wall {
        preset: subject.preset,
        files: FileAccess {
            read: change.read,
            execute: vec![lane.clone(), "/usr".into(), "/bin".into(), "/lib".into()],
            write: vec![lane, private],
        },
        network: change.network.unwrap_or(Network::Loopback),
        unix_sockets: change.unix_sockets.unwrap_or(false),
        limits: ResourceLimits::default(),
        env: Vec::new(),
    }
}
