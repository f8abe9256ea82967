//! What a command line asks for, as data: written by the command line, read by the application.

use super::engine::EngineChoice;
use super::layers::NO_WAIT_FOR_RESET;
use crate::model::policy::Preset;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The greatest number that an issue may have: what a JSON number holds exactly.
const MAX_ISSUE: u64 = (1 << 53) - 1;

/// One validated invocation.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    Build(BuildRequest),
    Plan(PlanRequest),
    Prompt(PromptRequest),
    Lint(LintRequest),
    Status(StatusRequest),
    Events(EventsRequest),
    Move(MoveRequest),
    Doctor(DoctorRequest),
    Init(InitRequest),
    Evidence(EvidenceRequest),
    Audit(AuditRequest),
    Gc(GcRequest),
    Sandbox(SandboxRequest),
    Demo(DemoRequest),
    Completions(Shell),
}

/// Build what is open.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildRequest {
    /// A folder in the repository, as typed; `.` when nothing was typed.
    pub path: PathBuf,
    /// Only these specs, as typed; empty for all.
    pub specs: Vec<PathBuf>,
    /// Issues of the forge that are made specs and built, like `specs`.
    pub from_issues: Vec<IssueRef>,
    /// Show the plan and change nothing.
    pub dry_run: bool,
    pub restart: Restart,
    /// The session of the first engine's program that the first chunk of this run goes on with.
    pub resume: Option<String>,
    pub output: Output,
    pub flags: Flags,
}

/// An issue, as somebody names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssueRef {
    /// Of the repository that is built.
    Number(u64),
    /// Its address. Whether that is in the repository that is built is not known yet.
    Url(String),
}

impl FromStr for IssueRef {
    type Err = String;

    /// Reads `12`, `#12`, or an http or https address.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let is_address = ["https://", "http://"].iter().any(|scheme| {
            text.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        match number(digits) {
            Some(number) if (1..=MAX_ISSUE).contains(&number) => Ok(Self::Number(number)),
            None if is_address
                && text.len() <= 2_048
                && !text.contains(|c: char| c.is_whitespace() || c.is_control()) =>
            {
                Ok(Self::Url(text.to_owned()))
            }
            Some(_) | None => Err(
                "it must be an issue's number, or the address of its page (https://…/issues/12)"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for IssueRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// What a run is to forget of earlier ones. Marks and commits count in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restart {
    /// `--no-resume`: remembered failures, sessions and stored plans.
    pub forget_failures: bool,
    /// `--reset-ledger`: move the ledgers aside and rebuild them from git and the forge.
    pub rebuild_ledger: bool,
    /// `--fresh`: archive the lanes and start the specs again from the base.
    pub fresh: bool,
}

/// Show what a run would build.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRequest {
    pub path: PathBuf,
    pub specs: Vec<PathBuf>,
    pub shape: PlanShape,
    pub output: Output,
    pub flags: Flags,
}

/// What of the plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanShape {
    /// All of it, for people or as JSON.
    #[default]
    Report,
    /// Specs with open work, as a matrix of GitHub Actions.
    GithubMatrix,
}

/// Show how far the specs are.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusRequest {
    pub path: PathBuf,
    pub output: Output,
}

/// Show what an engine would be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptRequest {
    pub path: PathBuf,
    /// `<spec>:<id>`, or the id where it is unique.
    pub chunk: String,
    pub specs: Vec<PathBuf>,
    pub output: Output,
    pub flags: Flags,
}

/// Say what a builder would trip over.
#[derive(Clone, Debug, PartialEq)]
pub struct LintRequest {
    /// What is told of, as typed; empty for everything.
    pub paths: Vec<PathBuf>,
    /// Only these specs are read, as typed, also when they are prose; empty for all.
    pub specs: Vec<PathBuf>,
    /// Every warning is an error.
    pub strict: bool,
    pub shape: LintShape,
    pub output: Output,
    pub flags: Flags,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LintShape {
    Human,
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// Show what happened.
#[derive(Clone, Debug, PartialEq)]
pub struct EventsRequest {
    pub path: PathBuf,
    /// Only this run's events.
    pub run: Option<String>,
    pub output: Output,
}

/// Say what a person wants of a chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct MoveRequest {
    pub path: PathBuf,
    pub verb: MoveVerb,
    pub wanted: Wanted,
    pub output: Output,
}

/// What is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoveVerb {
    Retry,
    /// The answer as typed; `-` stands for stdin.
    Answer(String),
    Accept,
    Skip,
}

/// Which chunk is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `<spec>:<id>`, or a bare id, as typed.
    Chunk(String),
    /// Every chunk that failed.
    AllFailed,
}

/// Check that everything a run needs is there.
#[derive(Clone, Debug, PartialEq)]
pub struct DoctorRequest {
    pub path: PathBuf,
    pub output: Output,
    pub flags: Flags,
}

/// Write a commented `codelicious.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct InitRequest {
    pub path: PathBuf,
}

/// Remove what nothing needs any more.
#[derive(Clone, Debug, PartialEq)]
pub struct GcRequest {
    pub path: PathBuf,
    /// Do it; else only say what would be removed.
    pub yes: bool,
    pub output: Output,
}

/// Show how a chunk was proven.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceRequest {
    pub path: PathBuf,
    /// As typed; None for the newest chunk.
    pub rev: Option<String>,
    pub output: Output,
}

/// Hold a branch's commits against their evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRequest {
    pub path: PathBuf,
    pub branch: String,
    pub base: Option<String>,
    /// Run all checks once more.
    pub rerun: bool,
    /// Refuse boxes that people ticked.
    pub strict: bool,
    /// Refuse chunks without evidence.
    pub require_notes: bool,
    pub output: Output,
}

/// Show or use the wall of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct SandboxRequest {
    /// Run it; else only say what it would get.
    pub runs: bool,
    /// None for that of checks.
    pub preset: Option<Preset>,
    /// Words of a command, or one line for the shell. Never empty.
    pub command: Vec<String>,
    pub output: Output,
    pub flags: Flags,
}

/// Build a sample project offline.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoRequest {
    /// Where the sample goes; a temporary folder when nothing was typed.
    pub dir: Option<PathBuf>,
    pub output: Output,
}

/// How results and progress are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub format: Format,
    pub verbosity: Verbosity,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Human,
    Json,
}

/// How much is said on stderr. Ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and the final word only.
    Quiet,
    #[default]
    Normal,
    /// What engine and checks do, step by step.
    Verbose,
    /// The debug log as well.
    Debug,
}

/// A shell that completions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Elvish,
    Fish,
    PowerShell,
    Zsh,
}

/// Settings given on the command line: the layer above all others. None leaves a setting to the
/// layers below.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    pub engine: Option<EngineChoice>,
    pub model: Option<String>,
    /// As typed: whatever is wrong with it is told without repeating it.
    pub endpoint: Option<String>,
    pub agent_timeout: Option<Duration>,
    pub stall_timeout: Option<Duration>,
    pub deadline: Option<Duration>,
    pub base: Option<String>,
    pub continuous: Option<bool>,
    pub cycle_sleep: Option<Duration>,
    pub wait_for_reset: Option<bool>,
    pub max_fix_attempts: Option<u32>,
    pub sandbox: Option<String>,
    pub i_have_permission: Option<bool>,
    pub max_commits: Option<u32>,
    pub max_lines: Option<u32>,
    pub platform: Option<String>,
    pub chunk_strategy: Option<String>,
    pub max_cost_usd: Option<f64>,
    pub max_tokens: Option<u64>,
    pub chunk_max_cost_usd: Option<f64>,
    pub chunk_max_tokens: Option<u64>,
    /// Build what specs call optional.
    pub include_optional: Option<bool>,
    pub allow_unverified: Option<bool>,
    /// Only work that a test proves is committed.
    pub require_proof: bool,
    pub min_coverage: Option<f64>,
    /// Begin without having asked engines, remote and forge whether they can be used.
    pub skip_auth_check: bool,
    /// Begin without having asked whether commits can be signed and ssh keys be used without a person.
    pub skip_credential_probe: bool,
}

impl Flags {
    /// The words that give these settings again, for the command that a report offers.
    pub fn words(&self) -> Vec<String> {
        // Every field by name, so that a new flag is not forgotten here.
        let Self {
            engine,
            model,
            endpoint,
            agent_timeout,
            stall_timeout,
            deadline,
            base,
            continuous,
            cycle_sleep,
            wait_for_reset,
            max_fix_attempts,
            sandbox,
            i_have_permission,
            max_commits,
            max_lines,
            platform,
            chunk_strategy,
            max_cost_usd,
            max_tokens,
            chunk_max_cost_usd,
            chunk_max_tokens,
            include_optional,
            allow_unverified,
            require_proof,
            min_coverage,
            skip_auth_check,
            skip_credential_probe,
        } = self;
        let seconds = |d: &Option<Duration>| d.map(|d| d.as_secs().to_string());
        let number = |n: &Option<u32>| n.map(|n| n.to_string());
        let tokens = |n: &Option<u64>| n.map(|n| n.to_string());
        let dollars = |n: &Option<f64>| n.map(|n| n.to_string());
        let valued = [
            ("--engine", engine.as_ref().map(ToString::to_string)),
            ("--model", model.clone()),
            ("--endpoint", endpoint.clone()),
            ("--agent-timeout", seconds(agent_timeout)),
            ("--stall-timeout", seconds(stall_timeout)),
            ("--sandbox", sandbox.clone()),
            ("--max-fix-attempts", number(max_fix_attempts)),
            ("--max-commits-per-pr", number(max_commits)),
            ("--max-loc-per-pr", number(max_lines)),
            ("--platform", platform.clone()),
            ("--base", base.clone()),
            ("--chunk-strategy", chunk_strategy.clone()),
            ("--deadline", seconds(deadline)),
            ("--cycle-sleep-s", seconds(cycle_sleep)),
            ("--max-cost-usd", dollars(max_cost_usd)),
            ("--max-tokens", tokens(max_tokens)),
            ("--max-cost-usd-per-chunk", dollars(chunk_max_cost_usd)),
            ("--min-coverage", dollars(min_coverage)),
            ("--max-tokens-per-chunk", tokens(chunk_max_tokens)),
        ];
        let plain = [
            ("--i-have-permission", *i_have_permission == Some(true)),
            ("--include-optional", *include_optional == Some(true)),
            ("--allow-unverified", *allow_unverified == Some(true)),
            ("--require-proof", *require_proof),
            ("--continuous", *continuous == Some(true)),
            ("--wait-for-reset", *wait_for_reset == Some(true)),
            (NO_WAIT_FOR_RESET, *wait_for_reset == Some(false)),
            ("--skip-auth-check", *skip_auth_check),
            ("--skip-credential-probe", *skip_credential_probe),
        ];
        let mut words = Vec::new();
        for (name, value) in valued {
            words.extend(value.into_iter().flat_map(|v| [name.to_owned(), v]));
        }
        let given = plain.iter().filter(|(_, on)| *on);
        words.extend(given.map(|(name, _)| (*name).to_owned()));
        words
    }
}

/// The words that are verbs when they stand first on the command line.
pub const VERBS: [&str; 16] = [
    "plan",
    "prompt",
    "lint",
    "status",
    "events",
    "retry",
    "answer",
    "accept",
    "skip",
    "evidence",
    "doctor",
    "init",
    "gc",
    "sandbox",
    "demo",
    "completions",
];

/// The verb that was probably meant by a path that does not exist: `codelicious stauts`.
pub fn mistyped_verb(path: &Path) -> Option<&'static str> {
    let word = path.to_str()?;
    VERBS.into_iter().find(|verb| {
        // Two slips in a long word, one in a short one.
        let slips = if verb.len() > 5 { 2 } else { 1 };
        strsim::osa_distance(word, verb) <= slips
    })
}

/// Reads whole seconds: a plain number, or numbers with units `s`, `m`, `h`, `d` (`90s`, `1h30m`).
/// None for anything else, and for more than 64 bits of seconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(seconds) = number(text) {
        return Some(Duration::from_secs(seconds));
    }
    let mut rest = text;
    let mut total = 0u64;
    // Units must go down, so that a slip such as `30m8h` is not read as something.
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = match rest.as_bytes()[digits] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            _ => return None,
        };
        if unit >= last {
            return None;
        }
        last = unit;
        total = total.checked_add(number(&rest[..digits])?.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    (last != u64::MAX).then_some(Duration::from_secs(total))
}

fn number(digits: &str) -> Option<u64> {
    // `parse` alone would take a leading plus.
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}
