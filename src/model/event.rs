//! Events: what people and programs see happen. Never read for recovery.

use super::exit::ExitCode;
use super::id::{ChunkId, Oid, RunId, SpecId};
use super::push::PushFailureKind;
use super::usage::{Cost, Usage};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::Value;
use std::borrow::Cow;

/// One line of `events.jsonl` and of `--json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// From 1, over the life of the log, across processes and rotations.
    pub seq: u64,
    /// RFC 3339, UTC.
    pub ts: DateTime<Utc>,
    pub run: RunId,
    pub spec: Option<SpecId>,
    pub chunk: Option<ChunkId>,
    pub kind: EventKind,
}

/// An event as it stands on the wire: the kind's name beside an object with the kind's fields.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventWire<'a> {
    seq: u64,
    ts: DateTime<Utc>,
    run: Cow<'a, RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spec: Option<Cow<'a, SpecId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chunk: Option<Cow<'a, ChunkId>>,
    kind: String,
    payload: Value,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tagged = serde_json::to_value(&self.kind).map_err(ser::Error::custom)?;
        let payload = tagged.get_mut("payload").map_or(Value::Null, Value::take);
        EventWire {
            seq: self.seq,
            ts: self.ts,
            run: Cow::Borrowed(&self.run),
            spec: self.spec.as_ref().map(Cow::Borrowed),
            chunk: self.chunk.as_ref().map(Cow::Borrowed),
            kind: self.kind.name().to_owned(),
            payload,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    /// Refuses a kind that is not in [`EVENT_KINDS`], and any field that is not the kind's.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = EventWire::deserialize(deserializer)?;
        if !EVENT_KINDS.contains(&wire.kind.as_str()) {
            return Err(de::Error::custom(format!(
                "unknown event kind `{}`; a newer codelicious may have written it",
                wire.kind
            )));
        }
        let tagged = serde_json::json!({ "kind": wire.kind, "payload": wire.payload });
        let kind = EventKind::deserialize(tagged).map_err(de::Error::custom)?;
        Ok(Event {
            seq: wire.seq,
            ts: wire.ts,
            run: wire.run.into_owned(),
            spec: wire.spec.map(Cow::into_owned),
            chunk: wire.chunk.map(Cow::into_owned),
            kind,
        })
    }
}

/// The closed set of kinds. On the wire: `"kind": "<snake_case name>", "payload": {…}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    content = "payload",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum EventKind {
    RunStarted {
        version: String,
        root: String,
        engine: String,
        forge: String,
        sandbox: String,
    },
    Planned {
        specs: usize,
        chunks: usize,
        done: usize,
    },
    /// A model is asked to plan a spec that has no tasks.
    PlanningStarted {
        path: String,
        model: String,
    },
    /// What came of it: `planned`, or why not. `kept` chunks were done before and stay.
    PlanningFinished {
        path: String,
        model: String,
        outcome: String,
        chunks: usize,
        kept: usize,
        /// There was a plan of an earlier text.
        replanned: bool,
        usage: Usage,
        cost: Cost,
    },
    Warning {
        message: String,
    },
    SpecRejected {
        path: String,
        line: usize,
        message: String,
    },
    SpecStarted {
        path: String,
        title: String,
        branch: String,
        base: String,
        done: usize,
        total: usize,
        /// Open chunks whose last attempt was cut short.
        #[serde(default)]
        interrupted: usize,
        /// Open chunks that failed before and are tried again.
        #[serde(default)]
        retried: usize,
        /// Chunks that failed and are not tried again by themselves.
        #[serde(default)]
        failed: usize,
        /// Chunks that wait for a person.
        #[serde(default)]
        waiting: usize,
        /// Id and title of the chunk that comes first; None when there is none to build.
        #[serde(default)]
        next: Option<String>,
        #[serde(default)]
        next_title: Option<String>,
    },
    SpecSynced {
        commit: Oid,
    },
    LaneAdopted {
        branch: String,
        tip: Oid,
    },
    BaselineStarted {},
    BaselineFinished {
        verdict: String,
    },
    /// All checks run on a part before people read it.
    SuiteStarted {
        part: u32,
    },
    SuiteFinished {
        part: u32,
        /// `passed`, or the checks that failed.
        verdict: String,
    },
    /// The tests that were written first fail without the work.
    TestsSeenRed {
        tests: usize,
    },
    TestsNotRed {
        why: String,
    },
    ChunkStarted {
        title: String,
        attempt: u32,
    },
    EngineStarted {
        engine: String,
        fixes: u32,
    },
    /// An engine is no use for now: until a time, or for the rest of the run.
    EngineOut {
        engine: String,
        until: Option<DateTime<Utc>>,
        why: String,
    },
    EngineStep {
        step: String,
    },
    EngineUsage {
        usage: Usage,
        cost: Cost,
    },
    EngineEnded {
        outcome: String,
        usage: Usage,
        cost: Cost,
    },
    /// A second engine looks at work that was verified.
    ReviewStarted {
        engine: String,
        round: u32,
    },
    /// What it found: `remarks` in all, or None where no review came about; `high` of them grave.
    ReviewFinished {
        engine: String,
        remarks: Option<usize>,
        high: usize,
        usage: Usage,
        cost: Cost,
    },
    CheckStarted {
        name: String,
    },
    CheckFinished {
        name: String,
        verdict: String,
        millis: u64,
    },
    /// What `what` was kept from by its wall: hosts, each with the reason, and for people a guess why it failed.
    SandboxRefused {
        what: String,
        hosts: Vec<String>,
        hint: Option<String>,
    },
    ChunkCommitted {
        #[serde(default)]
        title: String,
        commit: Oid,
        part: u32,
        lines: u32,
    },
    ChunkStopped {
        #[serde(default)]
        title: String,
        status: String,
        reason: String,
    },
    ChunkReset {
        why: String,
    },
    /// A person's move was carried out: `verb` is what was asked for, `status` what the chunk is now.
    Moved {
        verb: String,
        who: String,
        status: String,
    },
    /// A person's move was not carried out.
    MoveRefused {
        verb: String,
        who: String,
        why: String,
    },
    WorkSaved {
        reference: String,
    },
    Pushed {
        branch: String,
        tip: Oid,
    },
    PushFailed {
        branch: String,
        /// None in what earlier versions recorded.
        #[serde(default)]
        failure: Option<PushFailureKind>,
        message: String,
        /// What to do about it; empty while it is tried again.
        #[serde(default)]
        remedy: String,
    },
    PrPut {
        part: u32,
        branch: String,
        state: String,
        url: Option<String>,
    },
    PrFailed {
        part: u32,
        message: String,
    },
    /// Our comment at the issue of the spec says how far it is.
    IssueCommented {
        issue: u64,
    },
    SpecFinished {
        done: usize,
        total: usize,
    },
    Repaired {
        what: String,
    },
    Waiting {
        until: DateTime<Utc>,
        why: String,
    },
    RunFinished {
        exit: ExitCode,
        committed: usize,
        stopped: usize,
        undelivered: usize,
    },
}

impl EventKind {
    /// The kind's name on the wire, one of [`EVENT_KINDS`].
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run_started",
            Self::Planned { .. } => "planned",
            Self::PlanningStarted { .. } => "planning_started",
            Self::PlanningFinished { .. } => "planning_finished",
            Self::Warning { .. } => "warning",
            Self::SpecRejected { .. } => "spec_rejected",
            Self::SpecStarted { .. } => "spec_started",
            Self::SpecSynced { .. } => "spec_synced",
            Self::LaneAdopted { .. } => "lane_adopted",
            Self::BaselineStarted { .. } => "baseline_started",
            Self::BaselineFinished { .. } => "baseline_finished",
            Self::SuiteStarted { .. } => "suite_started",
            Self::SuiteFinished { .. } => "suite_finished",
            Self::TestsSeenRed { .. } => "tests_seen_red",
            Self::TestsNotRed { .. } => "tests_not_red",
            Self::ChunkStarted { .. } => "chunk_started",
            Self::EngineStarted { .. } => "engine_started",
            Self::EngineOut { .. } => "engine_out",
            Self::EngineStep { .. } => "engine_step",
            Self::EngineUsage { .. } => "engine_usage",
            Self::EngineEnded { .. } => "engine_ended",
            Self::ReviewStarted { .. } => "review_started",
            Self::ReviewFinished { .. } => "review_finished",
            Self::CheckStarted { .. } => "check_started",
            Self::CheckFinished { .. } => "check_finished",
            Self::SandboxRefused { .. } => "sandbox_refused",
            Self::ChunkCommitted { .. } => "chunk_committed",
            Self::ChunkStopped { .. } => "chunk_stopped",
            Self::ChunkReset { .. } => "chunk_reset",
            Self::Moved { .. } => "moved",
            Self::MoveRefused { .. } => "move_refused",
            Self::WorkSaved { .. } => "work_saved",
            Self::Pushed { .. } => "pushed",
            Self::PushFailed { .. } => "push_failed",
            Self::PrPut { .. } => "pr_put",
            Self::PrFailed { .. } => "pr_failed",
            Self::IssueCommented { .. } => "issue_commented",
            Self::SpecFinished { .. } => "spec_finished",
            Self::Repaired { .. } => "repaired",
            Self::Waiting { .. } => "waiting",
            Self::RunFinished { .. } => "run_finished",
        }
    }

    /// Every free text of the payload, for redaction. Object ids, numbers and times hold none.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::RunStarted {
                version,
                root,
                engine,
                forge,
                sandbox,
            } => vec![version, root, engine, forge, sandbox],
            Self::PlanningStarted { path, model } => vec![path, model],
            Self::PlanningFinished {
                path,
                model,
                outcome,
                ..
            } => vec![path, model, outcome],
            Self::Warning { message } => vec![message],
            Self::SpecRejected { path, message, .. } => vec![path, message],
            Self::SpecStarted {
                path,
                title,
                branch,
                base,
                next,
                next_title,
                ..
            } => [path, title, branch, base]
                .into_iter()
                .chain(next)
                .chain(next_title)
                .collect(),
            Self::LaneAdopted { branch, .. } => vec![branch],
            Self::BaselineFinished { verdict } | Self::SuiteFinished { verdict, .. } => {
                vec![verdict]
            }
            Self::TestsNotRed { why } => vec![why],
            Self::ChunkStarted { title, .. } | Self::ChunkCommitted { title, .. } => vec![title],
            Self::EngineStarted { engine, .. }
            | Self::ReviewStarted { engine, .. }
            | Self::ReviewFinished { engine, .. } => vec![engine],
            Self::EngineOut { engine, why, .. } => vec![engine, why],
            Self::EngineStep { step } => vec![step],
            Self::EngineEnded { outcome, .. } => vec![outcome],
            Self::CheckStarted { name } => vec![name],
            Self::CheckFinished { name, verdict, .. } => vec![name, verdict],
            Self::SandboxRefused { what, hosts, hint } => {
                [what].into_iter().chain(hosts).chain(hint).collect()
            }
            Self::ChunkStopped {
                title,
                status,
                reason,
            } => vec![title, status, reason],
            Self::ChunkReset { why } => vec![why],
            Self::Moved { verb, who, status } => vec![verb, who, status],
            Self::MoveRefused { verb, who, why } => vec![verb, who, why],
            Self::WorkSaved { reference } => vec![reference],
            Self::Pushed { branch, .. } => vec![branch],
            Self::PushFailed {
                branch,
                failure: _,
                message,
                remedy,
            } => vec![branch, message, remedy],
            Self::PrPut {
                branch, state, url, ..
            } => [branch, state].into_iter().chain(url).collect(),
            Self::PrFailed { message, .. } => vec![message],
            Self::Repaired { what } => vec![what],
            Self::Waiting { why, .. } => vec![why],
            Self::Planned { .. }
            | Self::IssueCommented { .. }
            | Self::SpecSynced { .. }
            | Self::BaselineStarted { .. }
            | Self::SuiteStarted { .. }
            | Self::TestsSeenRed { .. }
            | Self::EngineUsage { .. }
            | Self::SpecFinished { .. }
            | Self::RunFinished { .. } => Vec::new(),
        }
    }
}

/// Names of all kinds, as they stand on the wire.
pub const EVENT_KINDS: [&str; 41] = [
    "run_started",
    "planned",
    "planning_started",
    "planning_finished",
    "warning",
    "spec_rejected",
    "spec_started",
    "spec_synced",
    "lane_adopted",
    "baseline_started",
    "baseline_finished",
    "suite_started",
    "suite_finished",
    "tests_seen_red",
    "tests_not_red",
    "chunk_started",
    "engine_started",
    "engine_out",
    "engine_step",
    "engine_usage",
    "engine_ended",
    "review_started",
    "review_finished",
    "check_started",
    "check_finished",
    "sandbox_refused",
    "chunk_committed",
    "chunk_stopped",
    "chunk_reset",
    "moved",
    "move_refused",
    "work_saved",
    "pushed",
    "push_failed",
    "pr_put",
    "pr_failed",
    "issue_commented",
    "spec_finished",
    "repaired",
    "waiting",
    "run_finished",
];

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
