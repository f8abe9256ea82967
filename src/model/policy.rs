//! What a spawned process may touch, as data. Enforced by `sandbox`, applied at the one door in `proc`.

mod as_text;

use ::core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The policy a process runs under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxPolicy {
    /// Our own helpers, such as git with the user's configuration: not caused by a model.
    Trusted,
    /// Caused by a model or a repository, with the wall switched off by name.
    /// Said in the banner, in events and in every PR body.
    Unsandboxed,
    /// Caused by a model or a repository, inside a wall.
    Walled(Arc<Wall>),
}

impl SandboxPolicy {
    /// True when a process under this policy ought to have had a wall and has none.
    pub fn is_unsandboxed(&self) -> bool {
        matches!(self, Self::Unsandboxed)
    }

    /// What a process sees that is given these variables: those of its wall stand over them.
    pub fn environment(&self, env: &[(String, String)]) -> Vec<(String, String)> {
        let over: &[(String, String)] = match self {
            Self::Trusted | Self::Unsandboxed => &[],
            Self::Walled(wall) => &wall.env,
        };
        let is_over = |name: &str| over.iter().any(|(n, _)| n == name);
        let kept = env.iter().filter(|(name, _)| !is_over(name));
        kept.chain(over).cloned().collect()
    }
}

/// How far what a model or a repository causes is walled in, as every output says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum WallState {
    #[default]
    #[serde(rename = "sandboxed")]
    Up,
    /// Some of what runs reaches every host.
    #[serde(rename = "sandboxed, network open")]
    NetworkOpen,
    /// Switched off by the user, by name.
    #[serde(rename = "unsandboxed")]
    Off,
}

impl WallState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "sandboxed",
            Self::NetworkOpen => "sandboxed, network open",
            Self::Off => "unsandboxed",
        }
    }
}

/// Who a process is started for; each has a wall of its own kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// A command that a chat model asks for through our own loop.
    EngineTool,
    /// The repository's checks and hooks.
    Verify,
    /// What makes a lane ready: `[worktree] setup`.
    Setup,
    /// An agent's own program.
    AgentCli,
}

impl Preset {
    pub const ALL: [Self; 4] = [Self::EngineTool, Self::Verify, Self::Setup, Self::AgentCli];

    /// The word in configuration, on the command line and in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::EngineTool => "engine-tool",
            Self::Verify => "verify",
            Self::Setup => "setup",
            Self::AgentCli => "agent-cli",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The wall around one process and everything that it starts. What is not named is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    pub preset: Preset,
    pub files: FileAccess,
    pub network: Network,
    /// May open sockets of the Unix domain. The kernel cannot tell those in the lane from an agent's or a daemon's
    /// elsewhere, so this opens every one that file permissions allow. Pairs of sockets are always allowed.
    pub unix_sockets: bool,
    pub limits: ResourceLimits,
    /// Variables that stand over those of the command: a home, a folder for temporary files and caches of its own.
    pub env: Vec<(String, String)>,
}

/// Absolute paths, each with everything below it. One that does not exist grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAccess {
    /// Reading and listing.
    #[serde(with = "as_text")]
    pub read: Vec<PathBuf>,
    /// Reading, listing and executing.
    #[serde(with = "as_text")]
    pub execute: Vec<PathBuf>,
    /// Reading, listing, writing, making and removing; not executing.
    #[serde(with = "as_text")]
    pub write: Vec<PathBuf>,
    /// Not written to, although it lies in a folder that is.
    #[serde(default, with = "as_text")]
    pub kept: Vec<PathBuf>,
}

impl FileAccess {
    /// True where something below this folder is granted, and not the folder as a whole.
    pub fn reaches_below(&self, folder: &Path) -> bool {
        let mut granted = self.read.iter().chain(&self.execute).chain(&self.write);
        granted.any(|path| path.starts_with(folder) && path != folder)
    }
}

/// What may be done with a group of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Read,
    /// And read.
    Execute,
    /// And read, not execute.
    Write,
    /// All of it.
    All,
}

impl Access {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Execute => "read, execute",
            Self::Write => "read, write",
            Self::All => "read, write, execute",
        }
    }
}

/// Files that are granted for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGroup {
    pub access: Access,
    pub why: &'static str,
    pub paths: Vec<PathBuf>,
}

/// A wall with the reason of each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    pub wall: Wall,
    pub files: Vec<FileGroup>,
    /// What this machine does in another way than the settings ask, or not at all.
    pub weaker: Vec<String>,
    /// The `[[sandbox.command]]` entries that count for it, as they stand in settings.
    pub entries: Vec<String>,
}

/// What a process may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// No socket of the internet's at all.
    None,
    /// A loopback of its own, on which nobody else is.
    Loopback,
    /// The same, and these: a loopback address through its own port, others through a proxy that the usual variables
    /// name.
    Hosts(Vec<Endpoint>),
    /// Everything that this machine reaches.
    Full,
}

impl Network {
    /// The one of both that reaches less; of two lists of hosts what stands in both.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::Loopback, _) | (_, Self::Loopback) => Self::Loopback,
            (Self::Hosts(mut own), Self::Hosts(others)) => {
                own.retain(|endpoint| others.contains(endpoint));
                Self::Hosts(own)
            }
            (Self::Hosts(own), Self::Full) | (Self::Full, Self::Hosts(own)) => Self::Hosts(own),
            (Self::Full, Self::Full) => Self::Full,
        }
    }

    /// The word in configuration and output.
    pub fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Loopback => "loopback",
            Self::Hosts(_) => "hosts",
            Self::Full => "full",
        }
    }
}

/// A host, perhaps at one port only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// A name in lower case, `*.` and a name for all below it, or an address without brackets.
    pub host: String,
    /// None: 80 and 443.
    pub port: Option<u16>,
}

impl Endpoint {
    /// Reads `host`, `host:port`, `*.host`, `[address]:port`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a host, such as api.example.org or 127.0.0.1:5432");
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
                address.parse::<Ipv6Addr>().map_err(|_| wrong())?;
                (address, port.strip_prefix(':'))
            }
            None if text.parse::<Ipv6Addr>().is_ok() => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            None => None,
            Some(port) => Some(
                port.parse::<u16>()
                    .ok()
                    .filter(|p| *p > 0)
                    .ok_or_else(wrong)?,
            ),
        };
        let name = host.strip_prefix("*.").unwrap_or(host);
        let is_label = |l: &str| {
            !l.is_empty()
                && l.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let is_name = name.len() <= 253 && name.split('.').all(is_label);
        if !is_name && name.parse::<IpAddr>().is_err() {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    /// The address on this machine itself that it names, where it names one.
    pub fn loopback(&self) -> Option<IpAddr> {
        if self.host == "localhost" {
            return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        let address: IpAddr = self.host.parse().ok()?;
        address.is_loopback().then_some(address)
    }

    /// True when a connection to this host and port is one of those that it names.
    pub fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_host = match self.host.strip_prefix('*') {
            Some(ending) => host.len() > ending.len() && host.ends_with(ending),
            None => host == self.host,
        };
        is_host
            && match self.port {
                Some(own) => own == port,
                None => matches!(port, 80 | 443),
            }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.host.contains(':')) {
            (None, _) => f.write_str(&self.host),
            (Some(port), false) => write!(f, "{}:{port}", self.host),
            (Some(port), true) => write!(f, "[{}]:{port}", self.host),
        }
    }
}

/// Bounds on resources; None: the machine's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimits {
    /// Bytes of memory: of everything together where the machine has a control group for it, else of each process.
    pub memory: Option<u64>,
    /// Processes and threads at once.
    pub processes: Option<u64>,
    /// Open files of a process.
    pub open_files: Option<u64>,
    /// Bytes of one file that is written.
    pub file_size: Option<u64>,
    /// Bytes by which the free room of the disk below the folders that it may write to may shrink.
    pub disk: Option<u64>,
    /// Seconds of processor time of a process.
    pub cpu_seconds: Option<u64>,
}

impl ResourceLimits {
    /// These where they say something, else those.
    #[must_use]
    pub fn or(self, base: Self) -> Self {
        self.with(base, Option::or)
    }

    /// The lower of both.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        self.with(other, |own, other| match (own, other) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        })
    }

    fn with(self, other: Self, pick: impl Fn(Option<u64>, Option<u64>) -> Option<u64>) -> Self {
        Self {
            memory: pick(self.memory, other.memory),
            processes: pick(self.processes, other.processes),
            open_files: pick(self.open_files, other.open_files),
            file_size: pick(self.file_size, other.file_size),
            disk: pick(self.disk, other.disk),
            cpu_seconds: pick(self.cpu_seconds, other.cpu_seconds),
        }
    }
}

/// What this machine can enforce.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// Version of Landlock's interface (landlock(7)); 0: none. Elsewhere than on Linux 0 as well.
    pub landlock: u32,
    /// Filters of system calls (seccomp(2)).
    pub seccomp: bool,
    /// A network namespace of its own (network_namespaces(7)), with its loopback up.
    pub network_namespace: bool,
    /// A control group that bounds processes and memory can be made here; what it is or why not, for people.
    pub control_group: Option<String>,
    /// macOS' sandbox-exec.
    pub seatbelt: bool,
    /// Why something of it is not to be had, one line each.
    pub lacking: Vec<String>,
}

/// What settings say of the sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SandboxSettings {
    /// Switched off by the user, by name.
    pub off: bool,
    pub presets: Vec<(Preset, PresetSettings)>,
    /// Other walls for single commands, by how the command begins.
    pub commands: Vec<CommandSettings>,
}

/// What settings change of a preset. Paths are absolute, or below the lane when relative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresetSettings {
    pub read: Vec<PathBuf>,
    pub execute: Vec<PathBuf>,
    pub write: Vec<PathBuf>,
    pub network: Option<Network>,
    /// Hosts beside those of the preset.
    pub hosts: Vec<Endpoint>,
    pub unix_sockets: Option<bool>,
    /// Whether agents get hooks, servers of tools and the like of the user's.
    pub agent_programs: Option<bool>,
    pub limits: ResourceLimits,
    /// What the repository's own file says: it can take away, and never give.
    pub ceiling: Ceiling,
}

/// What a wall grants at most, whatever else is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    pub network: Option<Network>,
    pub limits: ResourceLimits,
}

/// A command with a wall of another kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandSettings {
    /// Words that the command begins with.
    pub command: String,
    pub preset: Option<Preset>,
    pub change: PresetSettings,
    /// Said by the repository's own file: stands beside what the user says of the command, not in its place.
    pub is_repositorys: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_and_written() {
        for (text, host, port) in [
            ("api.Example.org", "api.example.org", None),
            ("api.example.org:8443", "api.example.org", Some(8443)),
            ("*.example.org", "*.example.org", None),
            ("127.0.0.1:5432", "127.0.0.1", Some(5432)),
            ("::1", "::1", None),
            ("[::1]:80", "::1", Some(80)),
            ("localhost:11434", "localhost", Some(11434)),
        ] {
            let read = Endpoint::parse(text).unwrap();
            assert_eq!((read.host.as_str(), read.port), (host, port), "{text}");
            assert_eq!(Endpoint::parse(&read.to_string()), Ok(read), "{text}");
        }
        for text in [
            "",
            "*",
            "*.",
            "a b",
            "https://example.org",
            "example.org:",
            "example.org:0",
            "example.org:70000",
            "[::1",
            "a..b",
            "user@host",
            "*example.org",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_an_endpoint_covers() {
        let covers = |endpoint: &str, host: &str, port: u16| {
            Endpoint::parse(endpoint).unwrap().covers(host, port)
        };
        assert!(covers("api.example.org", "API.example.org.", 443));
        assert!(!covers("api.example.org", "api.example.org", 22));
        assert!(!covers("api.example.org", "api.example.org.evil.org", 443));
        assert!(!covers("example.org", "api.example.org", 443));
        assert!(covers("*.example.org", "a.b.example.org", 443));
        assert!(!covers("*.example.org", "example.org", 443));
        assert!(!covers("*.example.org", "badexample.org", 443));
        assert!(covers("127.0.0.1:5432", "127.0.0.1", 5432));
    }
}
