//! The typed endings of an engine run: what a model may ask for, and how its answer is read. What a reviewer reports
//! is read in [`super::review::answer`].
//!
//! Our own loop offers the two requests as tools. Agent CLIs answer through schema output with one flat
//! object that has a `kind`, since providers refuse a top-level `oneOf`.

use super::review::answer;
use crate::model::{BlockRequest, Completion, Ends, EngineOutcome};
use serde::Deserialize;
use serde_json::{Value, json};

/// JSON Schema of the arguments of `complete_chunk`.
pub fn complete_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["summary", "confidence", "rationale"],
        "properties": {
            "summary": {"type": "string", "description": "What was built, in one or two sentences."},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1, "description": "How sure you are that the task is met."},
            "rationale": {"type": "string", "description": "Why the work meets the task."},
            "no_change_needed": {"type": "string", "description": "Only when nothing had to be changed: why."}
        }
    })
}

/// JSON Schema of the arguments of `block_chunk`.
pub fn block_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["reason", "needs"],
        "properties": {
            "reason": {"type": "string", "description": "Why the task cannot be built now."},
            "needs": {"type": "string", "description": "The question a person has to answer, or what has to be provided."}
        }
    })
}

/// JSON Schema of the flat object by which an agent CLI ends.
pub fn flat_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["kind", "summary", "confidence", "rationale"],
        "properties": {
            "kind": {"type": "string", "enum": ["complete_chunk", "block_chunk"]},
            "summary": {"type": "string", "description": "What was built, in one or two sentences; empty when blocked."},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "rationale": {"type": "string", "description": "Why the work meets the task."},
            "no_change_needed": {"type": "string", "description": "Only when nothing had to be changed: why."},
            "reason": {"type": "string", "description": "With block_chunk: why the task cannot be built now."},
            "needs": {"type": "string", "description": "With block_chunk: the question a person has to answer."}
        }
    })
}

/// JSON Schema of the one object by which an agent CLI ends a run of this kind.
pub fn object_schema(ends: Ends) -> Value {
    match ends {
        Ends::Build => flat_schema(),
        Ends::Review => answer::schema(),
    }
}

/// Reads the object by which an agent CLI ended a run of this kind.
///
/// # Errors
/// A sentence saying what is wrong; the run then counts as undeclared.
pub fn read_object(ends: Ends, object: &Value) -> Result<EngineOutcome, String> {
    match ends {
        Ends::Build => read_flat(object),
        Ends::Review => answer::read(object).map(EngineOutcome::Reviewed),
    }
}

/// Reads the arguments of `complete_chunk`. `Err` is a sentence for the model.
pub fn read_completion(arguments: &Value) -> Result<Completion, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wire {
        summary: String,
        confidence: f64,
        rationale: String,
        #[serde(default)]
        no_change_needed: Option<String>,
    }
    let wire: Wire =
        serde_json::from_value(arguments.clone()).map_err(|e| format!("complete_chunk: {e}"))?;
    if wire.rationale.trim().is_empty() {
        return Err("rationale must not be empty".to_owned());
    }
    checked(
        wire.summary,
        wire.confidence,
        wire.rationale,
        wire.no_change_needed,
    )
}

/// Reads the arguments of `block_chunk`. `Err` is a sentence for the model.
pub fn read_block(arguments: &Value) -> Result<BlockRequest, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wire {
        reason: String,
        needs: String,
    }
    let wire: Wire =
        serde_json::from_value(arguments.clone()).map_err(|e| format!("block_chunk: {e}"))?;
    blocked(wire.reason, wire.needs)
}

/// Reads the flat object of an agent CLI.
///
/// # Errors
/// A sentence saying what is wrong; the run then counts as undeclared.
pub fn read_flat(object: &Value) -> Result<EngineOutcome, String> {
    #[derive(Deserialize)]
    struct Wire {
        kind: Kind,
        #[serde(default)]
        summary: String,
        confidence: Option<f64>,
        #[serde(default)]
        rationale: String,
        #[serde(default)]
        no_change_needed: Option<String>,
        #[serde(default)]
        reason: String,
        #[serde(default)]
        needs: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        CompleteChunk,
        BlockChunk,
    }
    let wire: Wire = serde_json::from_value(object.clone()).map_err(|e| e.to_string())?;
    match wire.kind {
        Kind::CompleteChunk => {
            let confidence = wire.confidence.ok_or("confidence is missing")?;
            checked(
                wire.summary,
                confidence,
                wire.rationale,
                wire.no_change_needed,
            )
            .map(EngineOutcome::Completed)
        }
        Kind::BlockChunk => blocked(wire.reason, wire.needs).map(EngineOutcome::Blocked),
    }
}

fn checked(
    summary: String,
    confidence: f64,
    rationale: String,
    no_change_needed: Option<String>,
) -> Result<Completion, String> {
    if !(0.0..=1.0).contains(&confidence) {
        return Err(format!(
            "confidence must be between 0 and 1, not {confidence}"
        ));
    }
    if summary.trim().is_empty() {
        return Err("summary must not be empty".to_owned());
    }
    Ok(Completion {
        summary,
        confidence,
        rationale,
        no_change_needed: no_change_needed.filter(|t| !t.trim().is_empty()),
    })
}

fn blocked(reason: String, needs: String) -> Result<BlockRequest, String> {
    if reason.trim().is_empty() && needs.trim().is_empty() {
        return Err("reason and needs must not both be empty".to_owned());
    }
    Ok(BlockRequest { reason, needs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_objects() {
        let done =
            json!({"kind": "complete_chunk", "summary": "s", "confidence": 0.5, "rationale": "r"});
        assert!(
            matches!(read_flat(&done), Ok(EngineOutcome::Completed(c)) if c.no_change_needed.is_none())
        );
        let block = json!({"kind": "block_chunk", "summary": "", "confidence": 0, "rationale": "", "reason": "no key", "needs": "which?"});
        assert!(matches!(read_flat(&block), Ok(EngineOutcome::Blocked(b)) if b.needs == "which?"));
        for bad in [
            json!({"kind": "complete_chunk", "summary": "s", "confidence": 1.5, "rationale": "r"}),
            json!({"kind": "complete_chunk", "summary": "s", "rationale": "r"}),
            json!({"kind": "complete_chunk", "summary": " ", "confidence": 1, "rationale": "r"}),
            json!({"kind": "tick_everything"}),
            json!("done"),
        ] {
            assert!(read_flat(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tool_arguments_are_strict() {
        let extra = json!({"summary": "s", "confidence": 1, "rationale": "r", "tick": true});
        assert!(
            read_completion(&extra)
                .unwrap_err()
                .contains("unknown field")
        );
        for word in ["summary", "rationale"] {
            let mut given = json!({"summary": "s", "confidence": 1, "rationale": "r"});
            given[word] = json!(" ");
            assert!(read_completion(&given).unwrap_err().contains(word));
            given.as_object_mut().unwrap().remove(word);
            assert!(read_completion(&given).unwrap_err().contains(word));
        }
        assert!(
            read_block(&json!({"reason": "r"}))
                .unwrap_err()
                .contains("needs")
        );
    }
}
