//! A person's moves at a chunk: what was asked for, by whom, and what the person saw.

use super::chunk::ChunkState;
use super::id::{ChunkId, RunId, SpecId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Schema number of a move in the mailbox, written by this version.
pub const MOVE_SCHEMA: u32 = 1;

/// Longest text of an answer, in bytes.
pub const MAX_ANSWER: usize = 16 * 1024;

/// What a person wants of a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MoveKind {
    /// Try it again, whatever its attempts came to.
    Retry,
    /// Go on with this answer to its question.
    Answer { text: String },
    /// Commit the work that was saved of this attempt, where the checks pass.
    Accept { attempt: u32 },
    /// Do not build it.
    Skip,
}

impl MoveKind {
    /// The verb, as it is typed and as it stands in files and events.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Answer { .. } => "answer",
            Self::Accept { .. } => "accept",
            Self::Skip => "skip",
        }
    }
}

/// A move that waits in the mailbox until whoever holds the run lock carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub spec: SpecId,
    pub chunk: ChunkId,
    /// One more than the moves that the ledger had recorded for the chunk: of two who both saw the same, only
    /// one gets this number.
    pub n: u32,
    pub kind: MoveKind,
    pub who: String,
    pub when: DateTime<Utc>,
    pub seen: Seen,
}

/// How the chunk stood when the person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The state's word.
    pub state: String,
    /// Attempts there were.
    pub attempts: u32,
}

/// A move that was carried out, in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRecord {
    /// From 1, over the chunk's life.
    pub n: u32,
    pub kind: MoveKind,
    pub who: String,
    pub when: DateTime<Utc>,
    /// The run that carried it out, or committed what was accepted; None where the verb did without a run.
    pub run: Option<RunId>,
}

impl MoveRecord {
    /// True when this is the record of `asked`, and not of another move with its number.
    pub fn is_of(&self, asked: &Move) -> bool {
        self.n == asked.n
            && self.kind == asked.kind
            && self.who == asked.who
            && self.when == asked.when
    }
}

/// Why a move does not apply, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub why: String,
    /// Words that read on after "help:"; empty where nothing is to be done.
    pub remedy: String,
}

/// How the verbs `retry`, `answer`, `accept` and `skip` came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MovesReport {
    pub schema: u32,
    /// The run that holds the lock and carries out what was recorded.
    pub run: Option<RunId>,
    pub moves: Vec<MoveReport>,
    /// The command that goes on with what was carried out; None where there is nothing to go on with.
    pub next: Option<String>,
}

/// One move in [`MovesReport`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MoveReport {
    pub spec: SpecId,
    pub chunk: ChunkId,
    pub title: String,
    /// The verb.
    #[serde(rename = "move")]
    pub verb: String,
    pub who: String,
    pub when: DateTime<Utc>,
    /// The state's word before.
    pub was: String,
    /// The state's word now; the same as before until a recorded move is carried out.
    pub now: String,
    pub outcome: MoveOutcome,
    /// What happened, or why not.
    pub message: String,
    /// What to do instead; empty where nothing is.
    pub remedy: String,
}

/// What became of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveOutcome {
    /// Carried out: the ledger says so.
    Done,
    /// Waits in the mailbox for the run that holds the lock.
    Recorded,
    Refused,
}

impl Seen {
    /// How a chunk in `state` after `attempts` attempts looks to a person.
    pub fn of(state: &ChunkState, attempts: u32) -> Self {
        Self {
            state: state.word().to_owned(),
            attempts,
        }
    }
}
