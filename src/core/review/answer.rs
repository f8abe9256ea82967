//! What a reviewer reports: the schema it is asked for, and how its answer is read.
//!
//! An answer counts only where it is the object that was asked for, whole: what does not fit is no review. What it says
//! is bounded and cleaned before anybody sees it, since prompts, terminals and pull requests repeat it.

use super::Patch;
use crate::core::prompt::one_line;
use crate::model::{Remark, RemarkSeverity};
use serde::Deserialize;
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Most remarks of one review; of more the gravest are kept.
pub const MAX_REMARKS: usize = 30;
/// Most that an answer may have: beyond this it is no review but an accident.
const MAX_READ: usize = 1_000;

/// Characters of a claim, a suggestion and a path.
const CLAIM_CHARS: usize = 600;
const SUGGESTION_CHARS: usize = 1_200;
const PATH_CHARS: usize = 300;

/// JSON Schema of the answer. Every property is required and the line is a number in any case: strict providers take
/// nothing else.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["remarks"],
        "properties": {
            "remarks": {
                "type": "array",
                "description": "What is wrong with the work; empty where you found nothing.",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["path", "line", "severity", "claim", "suggestion"],
                    "properties": {
                        "path": {"type": "string", "description": "The file, relative to the project's root; empty where it is about the whole."},
                        "line": {"type": "integer", "description": "The line in the new file, from 1; 0 where it is about the whole file."},
                        "severity": {"type": "string", "enum": ["low", "medium", "high"]},
                        "claim": {"type": "string", "description": "What is wrong, and when it shows, in one or two sentences."},
                        "suggestion": {"type": "string", "description": "What to do instead; may be empty."}
                    }
                }
            }
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    remarks: Vec<WireRemark>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRemark {
    path: String,
    #[serde(default)]
    line: Option<u32>,
    severity: RemarkSeverity,
    claim: String,
    #[serde(default)]
    suggestion: String,
}

/// Reads an answer. The gravest remarks come first, otherwise they stay in their order.
///
/// # Errors
/// A sentence saying what does not fit; then there is no review.
pub fn read(object: &Value) -> Result<Vec<Remark>, String> {
    // An array would be taken for the fields in order.
    if !object.is_object() {
        return Err("it must be an object with `remarks`".to_owned());
    }
    let wire = Wire::deserialize(object).map_err(|e| e.to_string())?;
    if wire.remarks.len() > MAX_READ {
        return Err(format!("it has {} remarks", wire.remarks.len()));
    }
    let remarks = wire.remarks.into_iter().enumerate();
    let mut remarks = remarks
        .map(|(n, remark)| clean(remark).ok_or_else(|| format!("remark {} claims nothing", n + 1)))
        .collect::<Result<Vec<Remark>, String>>()?;
    remarks.sort_by_key(|r| Reverse(r.severity));
    remarks.truncate(MAX_REMARKS);
    Ok(remarks)
}

/// None where it claims nothing.
fn clean(wire: WireRemark) -> Option<Remark> {
    let claim = bounded(&one_line(&wire.claim), CLAIM_CHARS);
    let lines: Vec<String> = wire.suggestion.lines().map(visible).collect();
    let path = one_line(&wire.path);
    (!claim.is_empty()).then(|| Remark {
        path: bounded(path.trim_start_matches("./"), PATH_CHARS),
        line: wire.line.filter(|line| *line > 0),
        severity: wire.severity,
        claim,
        suggestion: bounded(lines.join("\n").trim(), SUGGESTION_CHARS),
    })
}

/// A line that keeps its indentation.
fn visible(line: &str) -> String {
    let indent: String = line
        .chars()
        .take_while(|c| matches!(c, ' ' | '\t'))
        .collect();
    format!("{}{}", indent.replace('\t', "    "), one_line(line))
}

fn bounded(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// The object that somebody's last words are who could not be given a schema: all of them, or what their one fence
/// encloses. None where there is none, or more than one to choose from.
pub fn object_in(words: &str) -> Option<Value> {
    let parse = |text: &str| {
        let value = serde_json::from_str::<Value>(text.trim()).ok()?;
        value.is_object().then_some(value)
    };
    parse(words).or_else(|| {
        let mut fences = words.split("\n```").collect::<Vec<&str>>();
        if let Some(first) = words.strip_prefix("```") {
            fences = first.split("\n```").collect();
            fences.insert(0, "");
        }
        let [_, fenced, _] = fences[..] else {
            return None;
        };
        let (language, body) = fenced.split_once('\n')?;
        matches!(language.trim(), "" | "json").then(|| parse(body))?
    })
}

/// The remarks as they fit the work: what stands at no changed file is about the whole, and a line that its file does
/// not have is none. `root` is the folder that the reviewer looked at, which some put before every path.
pub fn placed(remarks: Vec<Remark>, patches: &[Patch], root: &str) -> Vec<Remark> {
    let place = |mut remark: Remark| {
        if let Some(below) = remark.path.strip_prefix(root) {
            remark.path = below.trim_start_matches('/').to_owned();
        }
        match patches.iter().find(|p| p.path == remark.path) {
            Some(patch) => {
                let has_line = |line: &u32| patch.lines.is_some_and(|lines| *line <= lines);
                remark.line = remark.line.filter(has_line);
            }
            None => {
                if !remark.path.is_empty() {
                    remark.claim =
                        bounded(&format!("{}: {}", remark.path, remark.claim), CLAIM_CHARS);
                }
                remark.path.clear();
                remark.line = None;
            }
        }
        remark
    };
    remarks.into_iter().map(place).collect()
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
