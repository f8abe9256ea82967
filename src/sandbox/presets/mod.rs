//! From settings and machine to the wall around one process.
//!
//! Pure: what this machine has stands in [`Machine`], what it can enforce in `Abilities`. What is read, written and
//! executed is listed in `files`, hosts in `network`, variables in `variables`; here they become one [`Wall`].

mod degrade;
mod files;
mod network;
#[cfg(test)]
mod tests;
mod variables;

pub use degrade::lacks;
pub use network::{REGISTRIES, endpoint_of};
pub(crate) use variables::at_port;
pub(super) use variables::{CACHES, HOMES};

use super::{Refused, Sandbox, Subject};
use crate::model::policy::{
    Abilities, Ceiling, CommandSettings, Endpoint, Explained, Network, Preset, PresetSettings,
    ResourceLimits, SandboxSettings, Wall,
};
use std::path::{Path, PathBuf};

/// What a wall depends on of this machine, read once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The user's home.
    pub home: Option<PathBuf>,
    /// The repository's root, git's folder of it, and our own in it.
    pub root: PathBuf,
    pub git_dir: PathBuf,
    pub codelicious_dir: PathBuf,
    /// Folders that programs are searched in and what they belong to, links followed.
    pub path: Vec<PathBuf>,
    /// Toolchains and caches by the variable that names them or would: `CARGO_HOME`, `RUSTUP_HOME`, `GOMODCACHE` ….
    /// Only what there is.
    pub tools: Vec<(String, PathBuf)>,
    /// What of the user's tree is linked into lanes.
    pub linked: Vec<PathBuf>,
    /// Certificates of authorities that the environment or settings name.
    pub certificates: Vec<PathBuf>,
    /// Registries that the user's own settings of cargo, npm, pip or go name.
    pub registries: Vec<Endpoint>,
    /// Where Go gets modules from, as the user has it.
    pub go_proxy: Option<String>,
    /// The presets that will be asked for; empty for all.
    pub uses: Vec<Preset>,
}

impl Machine {
    /// A toolchain or cache by its variable.
    pub fn tool(&self, variable: &str) -> Option<&Path> {
        let mut tools = self.tools.iter();
        tools
            .find(|(name, _)| name == variable)
            .map(|(_, path)| path.as_path())
    }

    fn presets(&self) -> &[Preset] {
        match self.uses.is_empty() {
            true => &Preset::ALL,
            false => &self.uses,
        }
    }
}

/// What lies beside the lane for a process.
struct Places {
    home: PathBuf,
    tmp: PathBuf,
    /// Of packages, for all of the lane.
    cache: PathBuf,
    /// Whatever else an agent keeps: programs that it loads lie there too.
    cache_of_agent: Option<PathBuf>,
}

impl Places {
    fn all(&self) -> Vec<PathBuf> {
        let all = [&self.home, &self.tmp, &self.cache];
        all.into_iter()
            .chain(&self.cache_of_agent)
            .cloned()
            .collect()
    }
}

/// Whether the machine can enforce what the settings ask for.
///
/// # Errors
/// It cannot.
pub fn check(
    settings: &SandboxSettings,
    machine: &Machine,
    abilities: &Abilities,
) -> Result<(), Refused> {
    degrade::check_files(abilities)?;
    for preset in machine.presets() {
        let network = network_of(settings, machine, *preset);
        degrade::check_network(abilities, *preset, &network)?;
    }
    Ok(())
}

/// True where a preset that is asked for, or a command's own entry, reaches everything.
pub fn is_open(settings: &SandboxSettings, machine: &Machine) -> bool {
    let of_preset = |preset: &Preset| network_of(settings, machine, *preset) == Network::Full;
    let of_command = |entry: &CommandSettings| entry.change.network == Some(Network::Full);
    machine.presets().iter().any(of_preset) || settings.commands.iter().any(of_command)
}

/// The wall around a process.
pub fn wall(
    settings: &SandboxSettings,
    machine: &Machine,
    abilities: &Abilities,
    subject: &Subject<'_>,
) -> Wall {
    explain(settings, machine, abilities, subject).wall
}

/// The wall around a process, and why it is so.
pub fn explain(
    settings: &SandboxSettings,
    machine: &Machine,
    abilities: &Abilities,
    subject: &Subject<'_>,
) -> Explained {
    let entries = entries_for(&settings.commands, subject.command);
    let preset = entries
        .iter()
        .rev()
        .find_map(|entry| entry.preset)
        .unwrap_or(subject.preset);
    let of_preset = change_of(settings, preset);
    let changes: Vec<&PresetSettings> = of_preset
        .iter()
        .copied()
        .chain(entries.iter().map(|entry| &entry.change))
        .collect();
    let private = Sandbox::private_dir(subject.lane);
    // Whose it is does not change with the wall that settings give it.
    let own = Sandbox::own_dir(subject.lane, subject.preset, subject.command);
    let places = Places {
        cache: private.join("cache"),
        home: own.join("home"),
        tmp: own.join("tmp"),
        cache_of_agent: (own != private).then(|| own.join("cache")),
    };

    let mut network = network::usual(machine, preset, subject);
    let mut limits = limits(preset);
    let mut unix_sockets = false;
    for change in &changes {
        network = network::changed(network, change);
        limits = change.limits.or(limits);
        unix_sockets = change.unix_sockets.unwrap_or(unix_sockets);
    }
    for change in &changes {
        let Ceiling {
            network: most,
            limits: bounds,
        } = &change.ceiling;
        if let Some(most) = most {
            network = network.least(most.clone());
        }
        limits = limits.least(*bounds);
    }
    let mut weaker = lacks(abilities);
    let network = degrade::network(abilities, network, &mut weaker);

    let files = files::groups(machine, subject.lane, &places, &changes);
    let env = variables::of(machine, &places, &network, unix_sockets, subject.env);
    Explained {
        wall: Wall {
            preset,
            files: files::access(&files),
            network,
            unix_sockets,
            limits,
            env,
        },
        files,
        weaker,
        entries: entries.iter().map(|entry| entry.command.clone()).collect(),
    }
}

/// Whether settings let an agent have what of its configuration starts programs.
pub fn brings_programs(settings: &SandboxSettings, subject: &Subject<'_>) -> bool {
    let entries = entries_for(&settings.commands, subject.command);
    let entry = entries.iter().find_map(|entry| entry.change.agent_programs);
    let of_preset = change_of(settings, Preset::AgentCli).and_then(|c| c.agent_programs);
    subject.preset == Preset::AgentCli && entry.or(of_preset).unwrap_or_default()
}

/// The network of a preset as settings have it, for a process of which nothing else is known.
fn network_of(settings: &SandboxSettings, machine: &Machine, preset: Preset) -> Network {
    let subject = Subject {
        preset,
        lane: Path::new("/"),
        command: "",
        env: &[],
    };
    let usual = network::usual(machine, preset, &subject);
    let Some(change) = change_of(settings, preset) else {
        return usual;
    };
    let network = network::changed(usual, change);
    match &change.ceiling.network {
        Some(most) => network.least(most.clone()),
        None => network,
    }
}

fn change_of(settings: &SandboxSettings, preset: Preset) -> Option<&PresetSettings> {
    let mut presets = settings.presets.iter();
    presets
        .find(|(of, _)| *of == preset)
        .map(|(_, change)| change)
}

/// The entries that count for a command: of the user's own the one that says most of it, then all of the
/// repository's, which only take away.
fn entries_for<'a>(entries: &'a [CommandSettings], command: &str) -> Vec<&'a CommandSettings> {
    let fitting = || {
        entries
            .iter()
            .filter(|entry| begins_with(command, &entry.command))
    };
    let own = fitting()
        .filter(|entry| !entry.is_repositorys)
        .max_by_key(|entry| entry.command.split_whitespace().count());
    let repositorys = fitting().filter(|entry| entry.is_repositorys);
    own.into_iter().chain(repositorys).collect()
}

/// True for a command that is these words and perhaps more of the same: not for a line that a shell would make
/// several commands of, because the others would get a wall that was meant for the first.
fn begins_with(command: &str, words: &str) -> bool {
    let mut rest = command.split_whitespace();
    let mut wanted = words.split_whitespace().peekable();
    if wanted.peek().is_none() {
        return false;
    }
    if command.trim() == words.trim() {
        return true;
    }
    let is_one = !command.contains(|c: char| ";&|<>$`(){}\n\r\\".contains(c));
    is_one && wanted.all(|word| rest.next() == Some(word))
}

const GIB: u64 = 1 << 30;

/// Bounds that builds of real projects pass, and bombs do not.
fn limits(preset: Preset) -> ResourceLimits {
    ResourceLimits {
        memory: Some(8 * GIB),
        processes: Some(match preset {
            // It runs builds and what it is made of itself.
            Preset::AgentCli => 2_048,
            Preset::EngineTool | Preset::Verify | Preset::Setup => 1_024,
        }),
        open_files: Some(4_096),
        file_size: Some(4 * GIB),
        disk: Some(20 * GIB),
        cpu_seconds: None,
    }
}
