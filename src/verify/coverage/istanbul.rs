//! `coverage-final.json` of istanbul: per file the places of statements, and how often each ran
//! (istanbul-lib-coverage). A line is code where a statement begins on it.

use super::{Gathered, Place, ReportError, ReportFormat, ReportedFile, damaged, json_error};
use serde::Deserialize;
use std::collections::BTreeMap;

const FORMAT: ReportFormat = ReportFormat::Istanbul;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    path: Option<String>,
    statement_map: Option<BTreeMap<String, Span>>,
    s: Option<BTreeMap<String, f64>>,
    /// Older versions put everything one level deeper.
    data: Option<Box<Entry>>,
    /// The sums of a summary.
    lines: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Span {
    start: Start,
}

#[derive(Deserialize)]
struct Start {
    /// Null where a source map leads nowhere.
    line: Option<u64>,
}

pub(super) fn parse(text: &str) -> Result<Vec<ReportedFile>, ReportError> {
    let report: BTreeMap<String, Entry> =
        serde_json::from_str(text).map_err(|e| json_error(FORMAT, &e))?;
    let mut found = Gathered::new(FORMAT);
    for (key, entry) in report {
        let entry = match entry.data {
            Some(inner) if entry.statement_map.is_none() => *inner,
            _ => entry,
        };
        let (Some(spans), Some(counts)) = (entry.statement_map, entry.s) else {
            if entry.lines.is_some() {
                return Err(ReportError::NoLines {
                    remedy: "add the reporter `json`, which writes coverage-final.json, to json-summary",
                });
            }
            let what = format!("`{key}` has no `statementMap` and `s`");
            return Err(damaged(FORMAT, Place::Whole, what));
        };
        found.file(entry.path.as_deref().unwrap_or(&key), &[]);
        for (id, span) in spans {
            let Some(line) = span.start.line else {
                continue;
            };
            let Some(count) = counts.get(&id) else {
                let what = format!("statement {id} of `{key}` has no count");
                return Err(damaged(FORMAT, Place::Whole, what));
            };
            found.line(line, *count > 0.0, Place::Whole)?;
        }
    }
    Ok(found.files)
}
