//! The settings of a run, as data.

use super::request::{EngineChoice, EngineKind};
use super::value::{Origin, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be set, each value with its origin. Paths are resolved: relative ones in a
/// file start at that file's folder, those of flags and variables where the program was started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub engine: Value<EngineChoice>,
    pub model: Value<Option<String>>,
    /// Bound on one engine run.
    pub agent_timeout: Value<Duration>,
    /// Bound on an engine's silence.
    pub stall_timeout: Value<Duration>,
    /// Bound on the whole run.
    pub deadline: Value<Option<Duration>>,
    pub base: Value<Option<String>>,
    pub continuous: Value<bool>,
    pub cycle_sleep: Value<Duration>,
    /// Engine attempts per chunk over all runs.
    pub max_attempts: Value<u32>,
    /// Fix turns per attempt.
    pub max_fix_attempts: Value<u32>,
    pub sandbox: Value<SandboxMode>,
    pub pr: PrSettings,
    pub specs: SpecSettings,
    pub budget: BudgetSettings,
    pub worktree: WorktreeSettings,
    pub env: EnvSettings,
    pub verify: VerifySettings,
    pub commit: CommitSettings,
    pub log: LogSettings,
    pub gc: GcSettings,
    pub claude: ClaudeSettings,
    /// What somebody set, in the order of [`super::KEYS`].
    pub set: Vec<SetValue>,
}

/// A setting that is not left at its default, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetValue {
    pub key: &'static str,
    /// As TOML, as it was written.
    pub value: String,
    pub origin: Origin,
}

/// Whether engines and checks are walled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxMode {
    /// They are not, and every run says so. The origin tells whether the user chose it by name.
    #[default]
    Off,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrSettings {
    pub max_commits: Value<u32>,
    pub max_lines: Value<u32>,
    pub platform: Value<Platform>,
}

/// Where pull requests go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platform {
    /// What the remote's address calls for, as far as this version supports it.
    #[default]
    Auto,
    /// Files, no network.
    Local,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpecSettings {
    /// Specs built although they are prose, relative to the root.
    pub paths: Value<Vec<String>>,
    /// Globs as in `.gitignore`.
    pub exclude: Value<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct BudgetSettings {
    pub claude: Value<u64>,
    pub replay: Value<u64>,
    /// Largest spec that is read.
    pub max_spec_bytes: Value<u64>,
}

impl BudgetSettings {
    /// Prompt tokens a chunk may have for this engine.
    pub fn chunk_tokens(&self, engine: EngineKind) -> u64 {
        match engine {
            EngineKind::Claude => *self.claude,
            EngineKind::Replay => *self.replay,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorktreeSettings {
    /// Absolute where the environment knows its folder; outside the repository or in `.codelicious/`.
    pub dir: Value<Option<PathBuf>>,
    pub setup: Value<Vec<String>>,
    /// Relative to the root, without `..`.
    pub copy: Value<Vec<String>>,
    /// Relative to the root, without `..`.
    pub link: Value<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnvSettings {
    /// Names beside the built-in list; a trailing `*` stands for any ending.
    pub pass: Value<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerifySettings {
    pub commands: Value<Vec<CheckCommand>>,
    pub detect: Value<bool>,
    /// Bound on one check that has none of its own.
    pub timeout: Value<Duration>,
    pub allow_unverified: Value<bool>,
}

/// A check that the configuration asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckCommand {
    /// For people; the command itself when none was given.
    pub name: String,
    /// For the shell.
    pub run: String,
    /// Below the root; empty for the root.
    pub dir: String,
    /// Globs as in `.gitignore` of changed files that call for it; empty for always.
    pub when: Vec<String>,
    pub timeout: Option<Duration>,
}

impl CheckCommand {
    /// A command in the root, always.
    pub fn shell(run: impl Into<String>) -> CheckCommand {
        let run = run.into();
        CheckCommand {
            name: run.clone(),
            run,
            ..CheckCommand::default()
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommitSettings {
    pub template: Value<Option<CommitTemplate>>,
}

/// Text of a commit message in which `{spec}`, `{id}`, `{title}` and `{body}` are filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitTemplate(String);

impl CommitTemplate {
    /// None when a brace is not part of a known placeholder.
    pub fn parse(text: &str) -> Option<CommitTemplate> {
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (name, after) = rest[at..].strip_prefix('{')?.split_once('}')?;
            if !["spec", "id", "title", "body"].contains(&name) {
                return None;
            }
            rest = after;
        }
        Some(CommitTemplate(text.to_owned()))
    }

    /// The text with its placeholders.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogSettings {
    /// Names of variables whose values are secrets.
    pub redact: Value<Vec<String>>,
}

/// How long what nothing needs is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GcSettings {
    /// Logs, postmortems, rotated events, ledgers moved aside, orphaned lanes.
    pub keep: Value<Duration>,
    /// Attempts of chunks that are done.
    pub keep_attempts: Value<Duration>,
    /// Archived lanes whose chunks are done.
    pub keep_archives: Value<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClaudeSettings {
    /// A bare name is looked up in `PATH`.
    pub path: Value<PathBuf>,
    pub args: Value<Vec<String>>,
    pub max_turns: Value<Option<u32>>,
    pub max_budget_usd: Value<Option<f64>>,
}
