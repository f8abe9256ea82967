//! Ledgers as bytes. Pure.
//!
//! The layout has structs of its own in `wire`, so that a change of the model is no change of the format by
//! accident. Every schema ever written stays readable; a newer one is refused, never guessed at.

use super::wire::LedgerWire;
use crate::model::Ledger;
use crate::model::ledger::LEDGER_SCHEMA;
use serde::Deserialize;

/// Why bytes are no ledger.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error(
        "it was written by a newer codelicious (schema {found}, this one knows {known}); upgrade codelicious"
    )]
    Newer { found: u64, known: u32 },
    /// 1-based position.
    #[error("line {line}, column {column}: {message}")]
    Corrupt {
        line: usize,
        column: usize,
        message: String,
    },
    /// Valid in form, but its fields contradict each other. `place` says where: `chunk T001`.
    #[error("{place}: {message}")]
    Inconsistent { place: String, message: String },
}

/// Pretty JSON in the current schema, with a newline at its end. Money and confidence are rounded to a
/// millionth; an amount that is not finite counts as unknown.
pub fn encode(ledger: &Ledger) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(&LedgerWire::from(ledger))
        .expect("plain structs with text keys are always representable");
    bytes.push(b'\n');
    bytes
}

/// Reads a ledger of this or an older schema.
///
/// # Errors
/// [`CodecError::Newer`] when the schema is beyond ours, whatever else the bytes hold. Unknown fields are
/// refused, since the next write would lose them.
pub fn decode(bytes: &[u8]) -> Result<Ledger, CodecError> {
    #[derive(Deserialize)]
    struct Probe {
        schema: u64,
    }
    let Probe { schema } = serde_json::from_slice(bytes).map_err(corrupt)?;
    match schema {
        1 => serde_json::from_slice::<LedgerWire>(bytes)
            .map_err(corrupt)?
            .migrated_from_1()
            .try_into(),
        2..=5 => serde_json::from_slice::<LedgerWire>(bytes)
            .map_err(corrupt)?
            .try_into(),
        0 => Err(CodecError::Inconsistent {
            place: "schema".to_owned(),
            message: "0 was never written".to_owned(),
        }),
        found => Err(CodecError::Newer {
            found,
            known: LEDGER_SCHEMA,
        }),
    }
}

pub(super) fn corrupt(error: serde_json::Error) -> CodecError {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    CodecError::Corrupt {
        line: error.line(),
        column: error.column(),
        message: text.strip_suffix(&position).unwrap_or(&text).to_owned(),
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
