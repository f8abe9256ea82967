//! The operating system's wall around what a model or a repository causes.
//!
//! A policy is data (`model::policy`). [`Sandbox`] decides it for a process, given the settings and this machine;
//! `proc` applies it to whatever it starts. On Linux the program starts itself anew as a helper that puts the wall up
//! around itself and then becomes the command; on macOS the command is started by sandbox-exec.

pub mod caches;
pub mod gateway;
pub mod groups;
pub mod helper;
pub mod homes;
pub mod launch;
#[cfg(target_os = "linux")]
mod linux;
pub mod presets;
pub mod probe;
pub mod seatbelt;
pub mod suspect;

pub use launch::set_helper;

use crate::model::policy::{
    Abilities, Explained, Preset, SandboxPolicy, SandboxSettings, WallState,
};
use presets::Machine;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Decides what processes may touch. Clones share what was decided when it was made.
#[derive(Clone, Debug)]
pub struct Sandbox {
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    settings: SandboxSettings,
    machine: Machine,
    abilities: Abilities,
}

/// This machine cannot put up the wall that the settings ask for.
#[derive(Debug, thiserror::Error)]
#[error("this machine cannot wall in what engines and checks run: {why}")]
pub struct Refused {
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// A process that a policy is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub preset: Preset,
    /// The worktree that it works in.
    pub lane: &'a Path,
    /// Its command as a person would type it; for what settings say of single commands.
    pub command: &'a str,
    /// The environment that it is given.
    pub env: &'a [(String, String)],
}

impl Sandbox {
    /// No wall; the user said so.
    pub fn off() -> Self {
        Self { inner: None }
    }

    /// A wall as the settings have it.
    ///
    /// # Errors
    /// The machine cannot enforce it, and the user did not switch it off.
    pub fn new(
        settings: SandboxSettings,
        machine: Machine,
        abilities: Abilities,
    ) -> Result<Self, Refused> {
        if settings.off {
            return Ok(Self::off());
        }
        presets::check(&settings, &machine, &abilities)?;
        Ok(Self {
            inner: Some(Arc::new(Inner {
                settings,
                machine,
                abilities,
            })),
        })
    }

    /// The policy for a process that a model or a repository causes.
    pub fn policy(&self, subject: &Subject<'_>) -> SandboxPolicy {
        let Some(inner) = &self.inner else {
            return SandboxPolicy::Unsandboxed;
        };
        let wall = presets::wall(&inner.settings, &inner.machine, &inner.abilities, subject);
        SandboxPolicy::Walled(Arc::new(wall))
    }

    /// Whether an agent gets what of the user's configuration starts programs for it.
    pub fn brings_programs(&self, subject: &Subject<'_>) -> bool {
        let settings = self.inner.as_ref().map(|inner| &inner.settings);
        settings.is_some_and(|settings| presets::brings_programs(settings, subject))
    }

    /// The same wall with the reason of each part; None where there is none.
    pub fn explain(&self, subject: &Subject<'_>) -> Option<Explained> {
        let inner = self.inner.as_ref()?;
        let Inner {
            settings,
            machine,
            abilities,
        } = inner.as_ref();
        Some(presets::explain(settings, machine, abilities, subject))
    }

    /// What it was made of; None where there is no wall.
    pub fn machine(&self) -> Option<&Machine> {
        self.inner.as_ref().map(|inner| &inner.machine)
    }

    /// True where there is no wall.
    pub fn is_off(&self) -> bool {
        self.inner.is_none()
    }

    /// How much of a wall there is, for the banner, events, summaries and pull request bodies.
    pub fn state(&self) -> WallState {
        match &self.inner {
            Some(inner) if presets::is_open(&inner.settings, &inner.machine) => {
                WallState::NetworkOpen
            }
            Some(_) => WallState::Up,
            None => WallState::Off,
        }
    }

    /// The same in a word.
    pub fn word(&self) -> &'static str {
        self.state().word()
    }

    /// The lane that such a folder belongs to; None for any other path.
    pub fn lane_of(private: &Path) -> Option<PathBuf> {
        let name = private.file_name()?.as_encoded_bytes();
        let name = name.strip_suffix(b"@box").filter(|name| !name.is_empty())?;
        Some(private.with_file_name(std::ffi::OsStr::from_bytes(name)))
    }

    /// The folder beside a lane that is its processes' own: `home`, `tmp`, `cache` and a folder for each agent lie in it.
    pub fn private_dir(lane: &Path) -> PathBuf {
        let mut name = lane.file_name().unwrap_or_default().to_owned();
        name.push("@box");
        lane.with_file_name(name)
    }

    /// The folder with the home and the temporary files of whom a process is started for. Each agent has one that is
    /// its alone: what checks run neither reads its credentials nor leaves anything in its home.
    pub fn own_dir(lane: &Path, preset: Preset, command: &str) -> PathBuf {
        let private = Self::private_dir(lane);
        match preset {
            Preset::AgentCli => private.join(format!("agent-{}", agent_word(command))),
            Preset::EngineTool | Preset::Verify | Preset::Setup => private,
        }
    }
}

/// A command's program as a part of a file's name.
fn agent_word(command: &str) -> String {
    let program = command.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let fine = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
        _ => '-',
    };
    let word: String = name.chars().take(40).map(fine).collect();
    match word.is_empty() {
        true => "cli".to_owned(),
        false => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agent_has_a_folder_of_its_own_and_nobody_else_has() {
        let lane = Path::new("/lanes/shop");
        let own = |preset, command: &str| {
            let dir = Sandbox::own_dir(lane, preset, command);
            dir.strip_prefix("/lanes/shop@box")
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        for (command, folder) in [
            ("claude", "agent-claude"),
            ("/usr/bin/codex exec -", "agent-codex"),
            ("../../home", "agent-home"),
            ("..", "agent---"),
            ("a b", "agent-a"),
            ("größer", "agent-gr--er"),
            ("", "agent-cli"),
            ("/", "agent-cli"),
        ] {
            assert_eq!(own(Preset::AgentCli, command), folder, "{command}");
            for preset in [Preset::EngineTool, Preset::Verify, Preset::Setup] {
                assert_eq!(own(preset, command), "", "{command}");
            }
        }
    }
}
