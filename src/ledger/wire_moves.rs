//! Persons' moves on disk: as records in a ledger, and as files in the mailbox (schema 1).

use super::codec::{CodecError, corrupt};
use crate::model::moves::MOVE_SCHEMA;
use crate::model::{ChunkId, Move, MoveKind, MoveRecord, RunId, Seen, SpecId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A move in a ledger. `text` and `attempt` are the move's own facts.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordWire {
    n: u32,
    kind: Word,
    who: String,
    when: DateTime<Utc>,
    run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
}

/// A file of the mailbox.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveWire {
    schema: u32,
    spec: SpecId,
    chunk: ChunkId,
    n: u32,
    kind: Word,
    who: String,
    when: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    seen: SeenWire,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenWire {
    state: String,
    attempts: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Retry,
    Answer,
    Accept,
    Skip,
}

/// Word, text and attempt of a move.
fn parts(kind: &MoveKind) -> (Word, Option<String>, Option<u32>) {
    match kind {
        MoveKind::Retry => (Word::Retry, None, None),
        MoveKind::Answer { text } => (Word::Answer, Some(text.clone()), None),
        MoveKind::Accept { attempt } => (Word::Accept, None, Some(*attempt)),
        MoveKind::Skip => (Word::Skip, None, None),
    }
}

fn kind(word: Word, text: Option<String>, attempt: Option<u32>) -> Result<MoveKind, String> {
    match (word, text, attempt) {
        (Word::Retry, None, None) => Ok(MoveKind::Retry),
        (Word::Answer, Some(text), None) => Ok(MoveKind::Answer { text }),
        (Word::Accept, None, Some(attempt)) => Ok(MoveKind::Accept { attempt }),
        (Word::Skip, None, None) => Ok(MoveKind::Skip),
        (word, ..) => Err(format!(
            "the move {word:?} does not go with the text and attempt beside it"
        )),
    }
}

impl From<&MoveRecord> for RecordWire {
    fn from(record: &MoveRecord) -> Self {
        let MoveRecord {
            n,
            kind,
            who,
            when,
            run,
        } = record;
        let (word, text, attempt) = parts(kind);
        Self {
            n: *n,
            kind: word,
            who: who.clone(),
            when: *when,
            run: run.clone(),
            text,
            attempt,
        }
    }
}

impl TryFrom<RecordWire> for MoveRecord {
    type Error = String;

    fn try_from(w: RecordWire) -> Result<Self, String> {
        Ok(Self {
            n: w.n,
            kind: kind(w.kind, w.text, w.attempt).map_err(|e| format!("move {}: {e}", w.n))?,
            who: w.who,
            when: w.when,
            run: w.run,
        })
    }
}

/// A move as a file: pretty JSON with a newline at its end.
pub fn encode_move(asked: &Move) -> Vec<u8> {
    let Move {
        spec,
        chunk,
        n,
        kind,
        who,
        when,
        seen: Seen { state, attempts },
    } = asked;
    let (word, text, attempt) = parts(kind);
    let wire = MoveWire {
        schema: MOVE_SCHEMA,
        spec: spec.clone(),
        chunk: chunk.clone(),
        n: *n,
        kind: word,
        who: who.clone(),
        when: *when,
        text,
        attempt,
        seen: SeenWire {
            state: state.clone(),
            attempts: *attempts,
        },
    };
    let mut bytes = serde_json::to_vec_pretty(&wire)
        .expect("plain structs with text keys are always representable");
    bytes.push(b'\n');
    bytes
}

/// Reads a move's file.
///
/// # Errors
/// [`CodecError::Newer`] when the schema is beyond ours, whatever else the bytes hold. Unknown fields are
/// refused.
pub fn decode_move(bytes: &[u8]) -> Result<Move, CodecError> {
    #[derive(Deserialize)]
    struct Probe {
        schema: u64,
    }
    let Probe { schema } = serde_json::from_slice(bytes).map_err(corrupt)?;
    match schema {
        1 => {
            let w: MoveWire = serde_json::from_slice(bytes).map_err(corrupt)?;
            let inconsistent = |message| CodecError::Inconsistent {
                place: "kind".to_owned(),
                message,
            };
            Ok(Move {
                spec: w.spec,
                chunk: w.chunk,
                n: w.n,
                kind: kind(w.kind, w.text, w.attempt).map_err(inconsistent)?,
                who: w.who,
                when: w.when,
                seen: Seen {
                    state: w.seen.state,
                    attempts: w.seen.attempts,
                },
            })
        }
        0 => Err(CodecError::Inconsistent {
            place: "schema".to_owned(),
            message: "0 was never written".to_owned(),
        }),
        found => Err(CodecError::Newer {
            found,
            known: MOVE_SCHEMA,
        }),
    }
}
