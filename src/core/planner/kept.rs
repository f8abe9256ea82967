//! The durable form of a plan: one JSON file with a schema number.
//!
//! It comes from a remote as often as from here, so nothing in it is believed: ids become names of refs, files become
//! hints, and a plan in a circle would never be built.

use super::{MAX_SENTENCE, MAX_TEXT, MAX_TITLE, file_hints};
use crate::model::{ChunkId, ChunkPlan, PlannedChunk};
use crate::spec::is_chunk_id;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// Name of the file in a plan's commit.
pub const FILE: &str = "plan.json";

/// The schema that is written.
pub const SCHEMA: u64 = 1;

/// Largest file that is read, in bytes, and most chunks in it: those of many plans, one after the other.
const MAX_BYTES: usize = 4 << 20;
const MAX_KEPT: usize = 5_000;

/// Why a kept plan cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeptError {
    #[error("it has schema {found}, and this program knows {SCHEMA}")]
    Newer { found: u64 },
    #[error("it is damaged: {0}")]
    Damaged(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanWire {
    schema: u64,
    spec_text: String,
    model: String,
    covers: BTreeSet<String>,
    chunks: Vec<ChunkWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkWire {
    id: String,
    title: String,
    text: String,
    acceptance: Vec<String>,
    headings: Vec<String>,
    files: Vec<String>,
    depends_on: Vec<String>,
}

/// The file's text.
pub fn encode(plan: &ChunkPlan) -> String {
    let id = |id: &ChunkId| id.as_str().to_owned();
    let wire = PlanWire {
        schema: SCHEMA,
        spec_text: plan.text.clone(),
        model: plan.model.clone(),
        covers: plan.covers.clone(),
        chunks: plan
            .chunks
            .iter()
            .map(|chunk| ChunkWire {
                id: id(&chunk.id),
                title: chunk.title.clone(),
                text: chunk.text.clone(),
                acceptance: chunk.acceptance.clone(),
                headings: chunk.headings.clone(),
                files: chunk.files.clone(),
                depends_on: chunk.depends_on.iter().map(id).collect(),
            })
            .collect(),
    };
    // Strings and numbers alone cannot fail to be JSON.
    let mut text = serde_json::to_string_pretty(&wire).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads the file.
///
/// # Errors
/// A newer schema, which is never rewritten; or anything that this program would not have written.
pub fn decode(bytes: &[u8]) -> Result<ChunkPlan, KeptError> {
    let damaged = |why: String| KeptError::Damaged(why);
    if bytes.len() > MAX_BYTES {
        return Err(damaged(format!(
            "{} bytes are more than the {MAX_BYTES} a plan may have",
            bytes.len()
        )));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
    match value.get("schema").and_then(Value::as_u64) {
        Some(SCHEMA) => {}
        Some(found) if found > SCHEMA => return Err(KeptError::Newer { found }),
        Some(_) | None => return Err(damaged("it has no schema number".to_owned())),
    }
    let wire: PlanWire = serde_json::from_value(value).map_err(|e| damaged(e.to_string()))?;
    if wire.chunks.len() > MAX_KEPT {
        return Err(damaged(format!("it has {} chunks", wire.chunks.len())));
    }
    let mut chunks: Vec<PlannedChunk> = Vec::with_capacity(wire.chunks.len());
    let mut known: BTreeSet<ChunkId> = BTreeSet::new();
    for chunk in wire.chunks {
        let title = chunk.title.trim().to_owned();
        if !is_chunk_id(&chunk.id) {
            return Err(damaged(format!("{:?} is no id of a chunk", chunk.id)));
        }
        // Taking secrets out may have made a text longer.
        let is_long = |text: &str, most: usize| text.chars().count() > 2 * most;
        if title.is_empty() || title.contains('\n') || is_long(&title, MAX_TITLE) {
            return Err(damaged(format!("the title of {} is none", chunk.id)));
        }
        if is_long(&chunk.text, MAX_TEXT)
            || chunk.acceptance.iter().any(|l| is_long(l, MAX_SENTENCE))
        {
            return Err(damaged(format!("{} says too much", chunk.id)));
        }
        let depends_on: Vec<ChunkId> = chunk.depends_on.iter().map(ChunkId::new).collect();
        // What comes after what it depends on cannot go in a circle.
        if let Some(unknown) = depends_on.iter().find(|id| !known.contains(*id)) {
            return Err(damaged(format!(
                "{} depends on {unknown}, which does not stand before it",
                chunk.id
            )));
        }
        let id = ChunkId::new(chunk.id);
        if !known.insert(id.clone()) {
            return Err(damaged(format!("{id} stands twice")));
        }
        chunks.push(PlannedChunk {
            id,
            title,
            text: chunk.text,
            acceptance: chunk.acceptance,
            headings: chunk.headings,
            files: file_hints(&chunk.files),
            depends_on,
        });
    }
    Ok(ChunkPlan {
        text: wire.spec_text,
        model: wire.model,
        covers: wire.covers,
        chunks,
    })
}
