//! What the verbs report: the shapes behind `--json`, the human output and the pull request bodies.
//!
//! Data only. `app` fills these from the plan, the ledgers and git; `ui` and `forge` turn them into
//! text. Shapes that go out as JSON carry `schema`, and only ever grow under one number. Texts are
//! expected redacted and are neutralised where they are rendered.

pub use super::body::{
    BodyCheck, BodyChunk, BodyInput, BodyLink, BodyNeighbour, IssueRef, Oversized,
};
use super::chunk::{ChunkState, PlanWarning, SkippedBy};
use super::effect::PushFailureKind;
use super::exit::ExitCode;
use super::id::{ChunkId, Oid, RunId, SpecId};
use super::ledger::{PrRecord, PrState, SpecBase};
use super::policy::WallState;
use super::spec::{Diagnostic, SpecStatus};
pub use super::spent::{ChunkSpent, EngineSpent, Spent};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// Schema number of every report shape in this module.
pub const REPORT_SCHEMA: u32 = 1;

/// True for a character that must never reach a terminal, a log that people read or a pull request as
/// it is: controls (C0, DEL, C1; line feed and tab are the renderer's choice), bidirectional
/// embeddings, overrides and isolates (Trojan Source, CVE-2021-42574), line and paragraph separators,
/// and the invisible tag characters.
pub fn is_unsafe_char(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
}

/// True for a character that shows nothing and means nothing but to programs: blanks without width, marks of
/// direction, fillers. Joiners and selectors, which scripts and emoji need, are none.
pub fn is_hidden_char(c: char) -> bool {
    matches!(c,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{61c}'
        | '\u{180e}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0100}'..='\u{e01ef}')
}

/// What `plan` and `--dry-run` say.
///
/// Fields of this and of what it holds stand in the order of their names, the order in which JSON shows them:
/// so the plan of a big repository is written as it is, and never made a tree of values to be sorted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanReport {
    /// None in a repository without commits.
    pub base: Option<SpecBase>,
    #[serde(serialize_with = "by_name")]
    pub diagnostics: Vec<Diagnostic>,
    /// The command that builds this plan; None when nothing is left to build.
    pub next: Option<String>,
    pub schema: u32,
    pub specs: Vec<PlanSpec>,
    #[serde(serialize_with = "by_name")]
    pub warnings: Vec<PlanWarning>,
}

/// One spec in [`PlanReport`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanSpec {
    /// First part's branch.
    pub branch: String,
    /// In build order.
    pub chunks: Vec<PlanChunk>,
    pub depends_on: Vec<SpecId>,
    pub done: usize,
    /// What it is written as.
    pub format: &'static str,
    pub id: SpecId,
    /// Open tasks that the spec itself leaves out, in document order.
    pub left_out: Vec<PlanLeftOut>,
    /// Why nothing of this spec is built; None when it may be built.
    pub not_built: Option<String>,
    /// Predicted pull requests: the open chunks of each, in order.
    pub parts: Vec<Vec<ChunkId>>,
    pub path: String,
    pub priority: Option<i64>,
    pub status: SpecStatus,
    pub title: String,
    pub total: usize,
}

/// What an engine would be sent for a chunk's first turn. Tokens are estimates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PromptReport {
    /// Most tokens that a chunk may have, files included.
    pub budget_tokens: u64,
    pub chunk: ChunkId,
    /// Of the prompt: what is around the task, documents included.
    pub context_tokens: u64,
    /// The engine it is for; None where none can be used, and then it is as Claude Code would have it.
    pub engine: Option<String>,
    /// Of the files that the task names and that there are, which the engine reads itself.
    pub file_tokens: u64,
    pub schema: u32,
    pub spec: SpecId,
    pub system: String,
    pub system_tokens: u64,
    pub user: String,
    pub user_tokens: u64,
}

/// What `lint` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LintReport {
    pub errors: usize,
    /// By path and line.
    pub findings: Vec<Diagnostic>,
    pub schema: u32,
    /// How many specs were looked at.
    pub specs: usize,
    pub warnings: usize,
}

/// An open task that is not built, in [`PlanSpec`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanLeftOut {
    /// Why, for people.
    pub because: String,
    pub id: ChunkId,
    pub label: Option<String>,
    pub line: usize,
    pub title: String,
    /// `optional`, `cancelled`, `waits`, `needs` or `other_list`.
    pub why: &'static str,
}

/// One chunk in [`PlanSpec`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanChunk {
    pub depends_on: Vec<ChunkId>,
    pub done: bool,
    pub files: Vec<String>,
    pub id: ChunkId,
    pub label: Option<String>,
    /// 1-based line of the task in the spec.
    pub line: usize,
    /// Predicted part of the pull request series, from 1.
    pub part: Option<u32>,
    /// Why it is not built, where it is not and that is known.
    pub reason: Option<String>,
    /// Which piece of a split task this is: index from 1, and how many.
    pub split: Option<(usize, usize)>,
    /// The state's word ([`ChunkState::word`]); `done` where the mark stands in the spec.
    pub status: String,
    pub task: ChunkId,
    pub title: String,
    /// Estimated prompt tokens.
    pub tokens: u64,
}

/// Shapes that others keep in another order, sorted on their way out. There are few of them.
fn by_name<T: Serialize, S: serde::Serializer>(value: &T, out: S) -> Result<S::Ok, S::Error> {
    serde_json::to_value(value)
        .map_err(serde::ser::Error::custom)?
        .serialize(out)
}

/// How many chunks stand in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StateCounts {
    pub pending: usize,
    pub in_progress: usize,
    pub verifying: usize,
    pub fixing: usize,
    pub committed: usize,
    pub failed: usize,
    pub needs_review: usize,
    pub blocked: usize,
    pub awaiting_approval: usize,
    pub skipped: usize,
}

impl StateCounts {
    /// Counts one chunk.
    pub fn add(&mut self, state: &ChunkState) {
        let slot = match state {
            ChunkState::Pending => &mut self.pending,
            ChunkState::InProgress { .. } => &mut self.in_progress,
            ChunkState::Verifying { .. } => &mut self.verifying,
            ChunkState::Fixing { .. } => &mut self.fixing,
            ChunkState::Committed { .. } => &mut self.committed,
            ChunkState::Failed { .. } => &mut self.failed,
            ChunkState::NeedsReview { .. } => &mut self.needs_review,
            ChunkState::Blocked { .. } => &mut self.blocked,
            ChunkState::AwaitingApproval { .. } => &mut self.awaiting_approval,
            ChunkState::Skipped { .. } => &mut self.skipped,
        };
        *slot += 1;
    }

    /// Every state's word and count, in the order of the lifecycle.
    pub fn by_word(&self) -> [(&'static str, usize); 10] {
        [
            ("pending", self.pending),
            ("in_progress", self.in_progress),
            ("verifying", self.verifying),
            ("fixing", self.fixing),
            ("committed", self.committed),
            ("failed", self.failed),
            ("needs_review", self.needs_review),
            ("blocked", self.blocked),
            ("awaiting_approval", self.awaiting_approval),
            ("skipped", self.skipped),
        ]
    }
}

impl<'a> FromIterator<&'a ChunkState> for StateCounts {
    fn from_iter<I: IntoIterator<Item = &'a ChunkState>>(states: I) -> Self {
        let mut counts = Self::default();
        states.into_iter().for_each(|s| counts.add(s));
        counts
    }
}

/// A pull request, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrReport {
    pub part: u32,
    pub branch: String,
    pub base: String,
    pub number: Option<u64>,
    /// Address, or path below the root for local pull requests; None until the forge knows it.
    pub url: Option<String>,
    pub state: PrState,
}

impl From<&PrRecord> for PrReport {
    fn from(record: &PrRecord) -> Self {
        Self {
            part: record.part,
            branch: record.branch.clone(),
            base: record.base.clone(),
            number: record.number,
            url: record.url.clone(),
            state: record.state,
        }
    }
}

/// A chunk that does not go on by itself, and what to type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoppedChunk {
    pub spec: SpecId,
    pub chunk: ChunkId,
    pub title: String,
    /// The state's word.
    pub status: String,
    pub reason: String,
    /// The question to answer, for a blocked chunk.
    pub needs: Option<String>,
    /// What a person can do, most likely first, each as words that read on after "to go on:". Empty where it
    /// goes on by itself.
    pub next: Vec<String>,
}

impl StoppedChunk {
    /// A stopped chunk of the spec at `path`; None for one that goes on by itself.
    pub fn of(
        spec: &SpecId,
        path: &str,
        chunk: &ChunkId,
        title: &str,
        state: &ChunkState,
    ) -> Option<Self> {
        Self::of_elsewhere(spec, path, chunk, title, state, "")
    }

    /// The same for who types from outside the repository: `folder` ends the commands, quoted for a shell.
    pub fn of_elsewhere(
        spec: &SpecId,
        path: &str,
        chunk: &ChunkId,
        title: &str,
        state: &ChunkState,
        folder: &str,
    ) -> Option<Self> {
        let gap = if folder.is_empty() { "" } else { " " };
        let typed = |verb: &str, text: &str| {
            format!("codelicious {verb} {spec}:{chunk}{text}{gap}{folder}")
        };
        let verb = |verb: &str| typed(verb, "");
        let say_more = format!("say more in its task in {path}, and run again");
        let (needs, next) = match state {
            ChunkState::Failed { .. } => (
                None,
                vec![
                    format!("{}, and run again", verb("retry")),
                    say_more,
                    format!("{} leaves it out", verb("skip")),
                ],
            ),
            ChunkState::NeedsReview { .. } => (
                None,
                vec![
                    format!("{} takes the work as it is", verb("accept")),
                    format!("{} has it built anew", verb("retry")),
                    say_more,
                ],
            ),
            ChunkState::Blocked { needs, .. } => (
                Some(needs.clone()),
                vec![
                    format!("{}, and run again", typed("answer", " TEXT")),
                    format!("put the answer below its task in {path}, and run again"),
                    format!("{} leaves it out", verb("skip")),
                ],
            ),
            ChunkState::AwaitingApproval { .. } => {
                (None, vec![format!("{}, and run again", verb("retry"))])
            }
            ChunkState::Skipped { by, .. } => match by {
                SkippedBy::Dependency => (None, Vec::new()),
                SkippedBy::Person => (None, vec![format!("{} takes it back", verb("retry"))]),
            },
            ChunkState::Pending
            | ChunkState::InProgress { .. }
            | ChunkState::Verifying { .. }
            | ChunkState::Fixing { .. }
            | ChunkState::Committed { .. } => return None,
        };
        Some(Self {
            spec: spec.clone(),
            chunk: chunk.clone(),
            title: title.to_owned(),
            status: state.word().to_owned(),
            reason: state.reason().unwrap_or_default().to_owned(),
            needs: needs.filter(|n| !n.trim().is_empty()),
            next,
        })
    }
}

/// Committed work that the remote does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undelivered {
    pub branch: String,
    /// What a push must send where the branch may lag behind the lane; None: the branch itself.
    pub tip: Option<Oid>,
    /// None when the repository has no remote.
    pub failure: Option<PushFailureKind>,
    pub message: String,
    /// What to do about the failure; None where the commands alone do it.
    pub remedy: Option<String>,
    /// Remote to push to; None when there is none.
    pub remote: Option<String>,
}

/// Who holds the run lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockHolder {
    pub pid: u32,
    pub run: RunId,
    pub host: String,
    pub started: Option<DateTime<Utc>>,
}

/// What `status` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatusReport {
    pub schema: u32,
    pub lock: Option<LockHolder>,
    pub specs: Vec<StatusSpec>,
    pub diagnostics: Vec<Diagnostic>,
    /// The command to go on; None when everything is done and delivered.
    pub next: Option<String>,
}

/// One spec in [`StatusReport`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatusSpec {
    pub id: SpecId,
    pub path: String,
    pub title: String,
    pub branch: String,
    pub done: usize,
    pub total: usize,
    pub counts: StateCounts,
    pub stopped: Vec<StoppedChunk>,
    pub spent: Spent,
    /// The same by engine, and by chunk in plan order; those that had no attempt are left out.
    pub engines: Vec<EngineSpent>,
    pub chunks: Vec<ChunkSpent>,
    pub prs: Vec<PrReport>,
    pub undelivered: Option<Undelivered>,
    /// Committed chunks that no check ever looked at.
    pub unverified: usize,
}

/// What the end of a run says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SummaryReport {
    pub schema: u32,
    pub run: RunId,
    pub exit: ExitCode,
    pub specs: Vec<SummarySpec>,
    /// Chunks this run committed.
    pub committed: usize,
    pub diagnostics: Vec<Diagnostic>,
    /// What walled in that which a model or the repository's checks ran.
    pub sandbox: WallState,
    /// What this run spent.
    pub spent: Spent,
    /// Wall-clock time of the run.
    pub millis: u64,
    /// Path of the postmortem, after an abnormal end.
    pub postmortem: Option<String>,
    /// The exact command to go on; None when everything is done and delivered.
    pub next: Option<String>,
}

/// One spec in [`SummaryReport`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SummarySpec {
    pub id: SpecId,
    pub path: String,
    pub title: String,
    pub branch: String,
    pub done: usize,
    pub total: usize,
    pub prs: Vec<PrReport>,
    pub stopped: Vec<StoppedChunk>,
    pub undelivered: Option<Undelivered>,
    /// Committed chunks that no check ever looked at.
    pub unverified: usize,
}

/// What a postmortem says, after an abnormal end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PostmortemReport {
    pub version: String,
    pub run: RunId,
    pub ended: DateTime<Utc>,
    pub exit: ExitCode,
    pub reason: String,
    pub engine: String,
    pub forge: String,
    pub sandbox: WallState,
    pub counts: StateCounts,
    /// What was about to happen or going on, one line each.
    pub in_flight: Vec<String>,
    pub stopped: Vec<StoppedChunk>,
    /// Committed work that the remote does not hold.
    pub undelivered: Vec<Undelivered>,
    /// Last lines of the log, oldest first.
    pub log_tail: Vec<String>,
    /// Path of the whole log.
    pub log_path: String,
    /// The exact command to go on.
    pub next: String,
}
