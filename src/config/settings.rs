//! The settings of a run, as data.

use super::endpoint::Endpoint;
use super::engine::{EngineChoice, EngineRef, EngineSettings, TokenSource};
use super::value::{Origin, Value};
use crate::model::policy::SandboxSettings;
use crate::model::{FindingSeverity, ForgeKind, PrMode, Price, Prove, ReviewOn};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be set, each value with its origin. Paths are resolved: relative ones in a
/// file start at that file's folder, those of flags and variables where the program was started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub engine: Value<EngineChoice>,
    /// Of the first engine; [`Settings::model_of`] knows what else counts.
    pub model: Value<Option<String>>,
    /// Stands as `base_url` of the first chat provider of the chain already.
    pub endpoint: Value<Option<Endpoint>>,
    /// All built-in engines and all named by tables, by name; recordings as `replay`.
    pub engines: BTreeMap<String, EngineSettings>,
    /// By model, `engine:model`, or either with a `*` at its end; see [`Settings::price_of`].
    pub prices: BTreeMap<String, PriceSetting>,
    /// Bound on one engine run.
    pub agent_timeout: Value<Duration>,
    /// Bound on an engine's silence.
    pub stall_timeout: Value<Duration>,
    /// Bound on the whole run.
    pub deadline: Value<Option<Duration>>,
    pub base: Value<Option<String>>,
    pub continuous: Value<bool>,
    pub cycle_sleep: Value<Duration>,
    /// Wait where all engines are limited.
    pub wait_for_reset: Value<bool>,
    /// Bound on such waits together, in a run without a deadline.
    pub max_wait_total: Value<Duration>,
    /// Engine attempts per chunk over all runs.
    pub max_attempts: Value<u32>,
    /// Fix turns per attempt.
    pub max_fix_attempts: Value<u32>,
    pub sandbox: Value<SandboxMode>,
    /// Maintainers allowed what their policy forbids.
    pub i_have_permission: Value<bool>,
    /// What is set of walls, the mode included.
    pub walls: SandboxSettings,
    pub pr: PrSettings,
    pub forge: ForgeSettings,
    pub sources: SourceSettings,
    pub specs: SpecSettings,
    pub lint: LintSettings,
    pub plan: PlanSettings,
    pub budget: BudgetSettings,
    pub retry: RetrySettings,
    pub network: NetworkSettings,
    pub worktree: WorktreeSettings,
    pub env: EnvSettings,
    pub verify: VerifySettings,
    pub review: ReviewSettings,
    pub audit: AuditSettings,
    pub coverage: CoverageSettings,
    pub evidence: EvidenceSettings,
    pub commit: CommitSettings,
    pub log: LogSettings,
    pub gc: GcSettings,
    pub claude: ClaudeSettings,
    /// What somebody set, in the order of [`super::KEYS`]; then engines and prices.
    pub set: Vec<SetValue>,
}

impl Settings {
    /// The engines in the order in which they are tried; empty for `auto`.
    pub fn chain(&self) -> &[EngineRef] {
        match &*self.engine {
            EngineChoice::Auto => &[],
            EngineChoice::Chain(chain) => chain,
        }
    }

    /// What is set of an engine. Engines of the chain always have something.
    pub fn engine(&self, engine: &EngineRef) -> Option<&EngineSettings> {
        self.engines.get(engine.name())
    }

    /// The model that an engine is asked to use. For the first engine of a chain `model` counts as well: where it
    /// comes from a higher layer than the engine's own, or the engine has none.
    pub fn model_of(&self, name: &str, is_first: bool) -> Option<&str> {
        let own = self.engines.get(name).map(|engine| &engine.model);
        let own = own.filter(|own| own.value.is_some());
        match own {
            Some(own) if !is_first || own.origin.rank() >= self.model.origin.rank() => {
                own.as_deref()
            }
            _ if is_first => self.model.as_deref(),
            Some(_) | None => None,
        }
    }

    /// What a model costs with an engine: by `engine:model`, else by the model's name, else by the longest
    /// beginning of either that ends in `*`. None where nobody said; there are no built-in prices.
    pub fn price_of(&self, engine: &str, model: &str) -> Option<&PriceSetting> {
        let full = format!("{engine}:{model}");
        let exact = self.prices.get(&full).or_else(|| self.prices.get(model));
        exact.or_else(|| {
            let begins = |start: &str| full.starts_with(start) || model.starts_with(start);
            let fitting = self.prices.iter().filter_map(|(name, price)| {
                let start = name.strip_suffix('*')?;
                begins(start).then_some((start.len(), price))
            });
            fitting.max_by_key(|(len, _)| *len).map(|(_, price)| price)
        })
    }
}

/// A setting that is not left at its default, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetValue {
    pub key: String,
    /// As TOML, as it was written; of lists that add up, the highest layer's.
    pub value: String,
    pub origin: Origin,
}

/// Whether engines and checks are walled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxMode {
    /// They are, or nothing runs.
    #[default]
    On,
    /// They are not, because the user chose it by name, and every run says so.
    Off,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrSettings {
    pub max_commits: Value<u32>,
    pub max_lines: Value<u32>,
    pub platform: Value<Platform>,
    pub mode: Value<PrMode>,
    /// Open pull requests per spec.
    pub max_open: Value<u32>,
    pub labels: Value<Vec<String>>,
    /// Names of users; `team:name` for a team.
    pub reviewers: Value<Vec<String>>,
    /// The text that bodies are made from, relative to the root.
    pub template: Value<Option<String>>,
    /// Globs as in `.gitignore`, beside the built-in ones.
    pub uncounted: Value<Vec<String>>,
}

/// Where pull requests go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platform {
    /// What the remote's address calls for.
    #[default]
    Auto,
    /// Files, no network.
    Local,
    /// The remote is on a forge of this kind.
    Forge(ForgeKind),
}

/// How the forge is reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForgeSettings {
    /// As the forge names it, where the remote's address does not tell.
    pub repository: Value<Option<String>>,
    /// None for where such a forge has it on the remote's host.
    pub api: Value<Option<Endpoint>>,
    pub graphql: Value<Option<Endpoint>>,
    /// None for the variables of the forge's kind, and for who else knows it.
    pub token: Value<Option<TokenSource>>,
}

/// Where work comes from, beside files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceSettings {
    pub issues: Value<Option<IssueSource>>,
}

/// Issues that are specs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueSource {
    /// Open issues that bear it.
    pub label: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpecSettings {
    /// Specs built although they are prose, relative to the root.
    pub paths: Value<Vec<String>>,
    /// Globs as in `.gitignore`.
    pub exclude: Value<Vec<String>>,
    /// The same, of files that are specs beside those found.
    pub include: Value<Vec<String>>,
    /// Build what specs call optional.
    pub optional: Value<bool>,
}

/// What `lint` makes of its rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LintSettings {
    /// Ids of rules that are not told.
    pub allow: Value<Vec<String>>,
    /// Ids of rules whose findings are errors.
    pub deny: Value<Vec<String>>,
}

/// How specs become chunks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanSettings {
    pub strategy: Value<PlanStrategy>,
    /// Tokens of a spec that a model plans at a time.
    pub window_tokens: Value<u64>,
    /// Tokens that two windows have in common; less than a window.
    pub overlap_tokens: Value<u64>,
    pub max_windows: Value<u32>,
}

/// What cuts a spec into chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanStrategy {
    /// Its tasks, if there are any; else a model, where one can be asked.
    #[default]
    Auto,
    Tasks,
    /// A model.
    Llm,
}

/// What may be spent; None is without a bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BudgetSettings {
    /// Per run.
    pub max_cost_usd: Value<Option<f64>>,
    /// Per run, input and output.
    pub max_tokens: Value<Option<u64>>,
    pub chunk_max_cost_usd: Value<Option<f64>>,
    pub chunk_max_tokens: Value<Option<u64>>,
    /// Largest spec that is read.
    pub max_spec_bytes: Value<u64>,
}

/// Bounds on trying again, as `core::retry` takes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetrySettings {
    /// Tries after the first one.
    pub max_retries: Value<u32>,
    /// The longest first pause.
    pub base: Value<Duration>,
    /// No pause of our own choice is longer.
    pub max_pause: Value<Duration>,
    /// What a provider asks for beyond this is not waited for on the spot.
    pub max_wait: Value<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkSettings {
    /// Hosts that may resolve to private addresses, as `Endpoint::host` writes them.
    pub private_hosts: Value<Vec<String>>,
    /// Bound on one answer of the forge.
    pub answer_timeout: Value<Duration>,
}

/// What somebody says that a model costs.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceSetting {
    pub price: Price,
    /// When it was looked up.
    pub date: NaiveDate,
    /// Where its table begins.
    pub origin: Origin,
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
    /// Names of detected checks that are left out, with `@folder` for one folder's.
    pub disable: Value<Vec<String>>,
    pub scope: Value<CheckScope>,
    /// Bound on one check that has none of its own.
    pub timeout: Value<Duration>,
    pub allow_unverified: Value<bool>,
    /// Only work that a test proves is committed.
    pub require_proof: Value<bool>,
    pub prove: Value<Prove>,
}

/// Who reads verified work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReviewSettings {
    /// One that is known; None: nobody.
    pub engine: Value<Option<EngineRef>>,
    /// Before that of the engine's own table.
    pub model: Value<Option<String>>,
    /// Fix turns per attempt.
    pub max_rounds: Value<u32>,
    pub on: Value<ReviewOn>,
}

/// How much of a check that changes call for runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckScope {
    #[default]
    Changed,
    All,
}

/// How checks may say what each test did.
pub const CHECK_FORMATS: &[&str] = &[
    "auto",
    "libtest",
    "nextest",
    "pytest",
    "unittest",
    "go-json",
    "tap",
    "junit",
    "jest-json",
];

/// The words of `coverage.format`.
pub const FORMATS: &[&str] = &[
    "auto",
    "lcov",
    "cobertura",
    "llvm",
    "coverage.py",
    "istanbul",
    "go",
];

/// What coverage is held to, and where it comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CoverageSettings {
    /// Percent of all lines.
    pub min: Value<Option<f64>>,
    /// Percent of the lines that a chunk changed.
    pub changed_min: Value<Option<f64>>,
    /// Points below the base that are let pass.
    pub tolerance: Value<f64>,
    /// Measure where the project's tools can; a bound asks for it as well.
    pub measure: Value<bool>,
    /// For the shell.
    pub command: Value<Option<String>>,
    /// Below the root.
    pub report: Value<Vec<String>>,
    /// One of [`FORMATS`].
    pub format: Value<String>,
}

impl CoverageSettings {
    /// True where somebody wants to know.
    pub fn is_wanted(&self) -> bool {
        let is_bound = self.min.is_some() || self.changed_min.is_some();
        *self.measure || is_bound || !self.report.is_empty()
    }
}

/// How grave the audit takes what it finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditSettings {
    /// By the rule's word; every rule has one.
    pub rules: BTreeMap<&'static str, Value<FindingSeverity>>,
    /// Patterns of paths that only people change.
    pub protect: Value<Vec<String>>,
    /// Lines that a file may gain before nobody reads them.
    pub max_added_lines: Value<u64>,
}

/// Where evidence is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvidenceSettings {
    /// As notes on commits.
    pub notes: Value<bool>,
    /// Sent with the branches.
    pub push: Value<bool>,
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
    /// One of [`CHECK_FORMATS`].
    pub reads: Option<String>,
    /// Where it leaves a report, below its folder.
    pub report: Option<String>,
    /// For the shell: runs the tests that stand in place of `{tests}`.
    pub only: Option<String>,
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
