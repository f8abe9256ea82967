//! The words of codelicious as data: ids, specs, chunks, ledgers, events, effects, outcomes.
//!
//! Types here hold state and nothing else: no IO, no clocks, no decisions. Every other module
//! speaks in these types, so this one imports none of them.

pub mod body;
pub mod chunk;
pub mod document;
pub mod effect;
pub mod event;
pub mod evidence;
pub mod exit;
pub mod forge_kind;
pub mod gc;
pub mod id;
pub mod ledger;
pub mod moves;
pub mod outcome;
pub mod planned;
pub mod policy;
pub mod pr;
pub mod preflight;
pub mod progress;
pub mod prompt;
pub mod push;
pub mod report;
pub mod review;
pub mod rule;
pub mod said;
pub mod secret;
pub mod shell;
pub mod spec;
pub mod spent;
pub mod usage;
pub mod verify;

pub use chunk::{Chunk, ChunkPart, ChunkState, LeftOut, Plan, PlanWarning, SkippedBy, SpecPlan};
pub use document::{Beside, Document, DocumentKind, Place};
pub use effect::{Effect, EffectKey, EffectResult};
pub use event::{Event, EventKind};
pub use exit::ExitCode;
pub use forge_kind::ForgeKind;
pub use id::{ChunkId, Oid, RunId, SpecId};
pub use ledger::{
    Attempt, AttemptEnd, ChunkRecord, Intent, IssueRecord, Ledger, PrRecord, PrState,
};
pub use moves::{Move, MoveKind, MoveRecord, Refusal, Seen};
pub use outcome::{
    BlockRequest, Completion, Ends, EngineError, EngineOutcome, EngineReport, Session,
};
pub use planned::{ChunkPlan, PlannedChunk, PlanningSpent};
pub use pr::{LineCount, PrMode};
pub use prompt::Prompt;
pub use review::ReviewOn;
pub use rule::Rule;
pub use spec::{
    Aside, ChunkMark, Diagnostic, FrontMatter, MarkSite, Meaning, Role, Severity, Spec, Stage,
    Task, TaskMark,
};
pub use usage::{Allowance, Cost, Price, Usage};
pub use verify::{
    CheckOutcome, CheckResult, Coverage, Covered, Evidence, Finding, FindingSeverity, Proof, Prove,
    Remark, RemarkSeverity, Rerun, TestCounts, TestStatus, Tests, Verdict,
};
