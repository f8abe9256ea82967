//! A model's answer: the tool it calls, and what is taken from it.

use super::{MAX_ACCEPTANCE, MAX_CHUNKS, MAX_SENTENCE, MAX_TEXT, MAX_TITLE, file_hints};
use crate::core::graph;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest text in which an object is looked for, in bytes, and how many braces are tried.
const MAX_PROSE: usize = 1 << 20;
const MAX_BRACES: usize = 2_000;

/// A chunk as a model proposed it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    pub title: String,
    pub text: String,
    pub acceptance: Vec<String>,
    /// The heading it comes from, as the model wrote it.
    pub section: Option<String>,
    pub files: Vec<String>,
    /// Positions in the same answer.
    pub depends_on: Vec<usize>,
}

/// What is wrong with an answer, in words for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

/// JSON Schema of the arguments of `propose_chunks`.
pub fn schema() -> Value {
    let text = |most: usize| json!({"type": "string", "minLength": 1, "maxLength": most});
    let chunk = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["title", "description", "section", "files", "depends_on", "acceptance"],
        "properties": {
            "title": text(MAX_TITLE),
            "description": text(MAX_TEXT),
            "section": {
                "type": "string",
                "description": "The heading that the chunk comes from, exactly as it stands in the spec; empty if there is none.",
            },
            "files": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Paths below the repository's root that the chunk changes or adds; empty if unsure.",
            },
            "depends_on": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
                "description": "Positions in `chunks`, from 0, of chunks that must be built before this one.",
            },
            "acceptance": {
                "type": "array",
                "items": text(MAX_SENTENCE),
                "maxItems": MAX_ACCEPTANCE,
                "description": "How to tell that the chunk is done, one checkable sentence each.",
            },
        },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["chunks"],
        "properties": {"chunks": {"type": "array", "maxItems": MAX_CHUNKS, "items": chunk}},
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanWire {
    chunks: Vec<ChunkWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkWire {
    title: String,
    description: String,
    #[serde(default)]
    section: Option<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    depends_on: Vec<i64>,
    #[serde(default)]
    acceptance: Vec<String>,
}

/// Takes an answer apart. An answer without chunks is one: the window asks for nothing.
///
/// # Errors
/// Anything that is not as [`schema`] has it, more than [`MAX_CHUNKS`] chunks, and dependencies that are none of the
/// answer's chunks or go in a circle. Hints at files that are no good are left out instead.
pub fn read_plan(answer: Value) -> Result<Vec<Proposed>, Fault> {
    if let Some(chunks) = answer.get("chunks").and_then(Value::as_array)
        && chunks.len() > MAX_CHUNKS
    {
        return Err(too_many(chunks.len()));
    }
    let wire: PlanWire = serde_json::from_value(answer).map_err(|e| Fault(e.to_string()))?;
    let count = wire.chunks.len();
    let chunks: Vec<Proposed> = wire
        .chunks
        .into_iter()
        .enumerate()
        .map(|(n, chunk)| read_chunk(n, count, chunk))
        .collect::<Result<_, _>>()?;
    let edges: Vec<Vec<usize>> = chunks.iter().map(|c| c.depends_on.clone()).collect();
    match graph::circles(&edges).first() {
        None => Ok(chunks),
        Some(members) => {
            let around = graph::one_circle(&edges, members);
            let names: Vec<String> = around.iter().map(usize::to_string).collect();
            Err(Fault(format!(
                "the chunks {} depend on each other in a circle",
                names.join(", ")
            )))
        }
    }
}

pub(super) fn too_many(count: usize) -> Fault {
    Fault(format!(
        "{count} chunks are too many: propose {MAX_CHUNKS} at most, each as big as one good commit"
    ))
}

fn read_chunk(n: usize, count: usize, wire: ChunkWire) -> Result<Proposed, Fault> {
    let fault = |what: String| Fault(format!("chunk {n}: {what}"));
    let title = one_line(&wire.title);
    let text = plain(&wire.description);
    if title.is_empty() || text.is_empty() {
        return Err(fault(
            "`title` and `description` must say something".to_owned(),
        ));
    }
    let too_long = [
        ("title", title.chars().count(), MAX_TITLE),
        ("description", text.chars().count(), MAX_TEXT),
        ("acceptance", wire.acceptance.len(), MAX_ACCEPTANCE),
    ];
    if let Some((what, is, most)) = too_long.into_iter().find(|(_, is, most)| is > most) {
        return Err(fault(format!(
            "`{what}` is too long: {is}, and {most} is the most"
        )));
    }
    let acceptance: Vec<String> = wire.acceptance.iter().map(|line| one_line(line)).collect();
    if let Some(long) = acceptance.iter().find(|l| l.chars().count() > MAX_SENTENCE) {
        let is = long.chars().count();
        return Err(fault(format!(
            "a sentence of `acceptance` is too long: {is} characters, and {MAX_SENTENCE} is the most"
        )));
    }
    let mut depends_on = Vec::new();
    for needs in wire.depends_on {
        let known = usize::try_from(needs)
            .ok()
            .filter(|i| *i < count && *i != n);
        let Some(index) = known else {
            return Err(fault(format!(
                "`depends_on` holds {needs}, and that is no other chunk of this answer (they count from 0 to {})",
                count - 1
            )));
        };
        if !depends_on.contains(&index) {
            depends_on.push(index);
        }
    }
    Ok(Proposed {
        title,
        text,
        acceptance: acceptance.into_iter().filter(|l| !l.is_empty()).collect(),
        section: wire.section.map(|s| one_line(&s)).filter(|s| !s.is_empty()),
        files: file_hints(&wire.files),
        depends_on,
    })
}

/// Words with single spaces, without control characters.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect();
    words.join(" ")
}

/// Text with LF as its only line end and only control character.
fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept: String = text
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| *c == '\n' || !c.is_control())
        .collect();
    kept.trim().to_owned()
}

/// The one JSON object that a text in words holds; None where it holds none or several.
pub fn object_in(text: &str) -> Option<Value> {
    if text.len() > MAX_PROSE {
        return None;
    }
    let mut found = None;
    let mut at = 0;
    for _ in 0..MAX_BRACES {
        let Some(brace) = text[at..].find('{') else {
            return found;
        };
        at += brace;
        let mut objects = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match objects.next() {
            Some(Ok(object)) => {
                at += objects.byte_offset();
                if found.replace(object).is_some() {
                    return None;
                }
            }
            Some(Err(_)) | None => at += 1,
        }
    }
    None
}
