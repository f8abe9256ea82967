//! Which chunk a word on the command line means.

use crate::app::error::AppError;
use crate::app::survey::Survey;
use crate::model::{Chunk, Severity, SpecPlan};

/// Chunks and specs that an error names.
const NAMED: usize = 12;

/// The chunk that `word` names: `<spec>:<id>`, where the spec may be named by its path, or the bare id where
/// that is unique. `state` says how a chunk stands, for errors.
///
/// # Errors
/// No such chunk, or several: with what there is.
pub(super) fn find<'s>(
    found: &'s Survey,
    word: &str,
    state: impl Fn(&SpecPlan, &Chunk) -> &'static str,
) -> Result<(&'s SpecPlan, &'s Chunk), AppError> {
    let specs = &found.plan.specs;
    let (wanted, id) = match word.rsplit_once(':') {
        Some((spec, id)) => (Some(spec), id),
        None => (None, word),
    };
    let is_meant = |p: &&SpecPlan| {
        wanted.is_none_or(|w| p.id.as_str() == w || p.path == w.strip_prefix("./").unwrap_or(w))
    };
    let meant: Vec<&SpecPlan> = specs.iter().filter(is_meant).collect();
    if let (Some(wanted), true) = (wanted, meant.is_empty()) {
        let names: Vec<String> = specs.iter().map(|s| s.id.to_string()).collect();
        return Err(AppError::setup(
            format!("there is no spec `{wanted}`"),
            there_are(&names) + &unread(found),
        ));
    }
    let all: Vec<(&SpecPlan, &Chunk)> = meant
        .iter()
        .flat_map(|p| p.chunks.iter().map(|c| (*p, c)))
        .collect();
    let hits: Vec<_> = all
        .iter()
        .filter(|(_, c)| c.id.as_str() == id)
        .copied()
        .collect();
    // An id is one for good, and a number what people see: where no chunk has the id, it is meant.
    let hits = match hits.is_empty() {
        true => all
            .iter()
            .filter(|(_, c)| c.label.as_deref() == Some(id) && c.part.is_none())
            .copied()
            .collect(),
        false => hits,
    };
    let parts: Vec<_> = all
        .iter()
        .filter(|(_, c)| {
            c.part.is_some() && (c.task.as_str() == id || c.label.as_deref() == Some(id))
        })
        .copied()
        .collect();
    let names = |of: &[(&SpecPlan, &Chunk)]| -> Vec<String> {
        let full = |(p, c): &(&SpecPlan, &Chunk)| match &c.label {
            Some(label) if label != c.id.as_str() && label != c.task.as_str() => {
                format!("{}:{} ({label}, {})", p.id, c.id, state(p, c))
            }
            _ => format!("{}:{} ({})", p.id, c.id, state(p, c)),
        };
        of.iter().map(full).collect()
    };
    match hits[..] {
        [one] => Ok(one),
        [] if !parts.is_empty() => Err(AppError::setup(
            format!("`{id}` is built in parts"),
            format!("say which: {}", listed(&names(&parts))),
        )),
        [] => {
            // What stopped is what is meant most likely.
            let mut all = all;
            all.sort_by_key(|(p, c)| matches!(state(p, c), "done" | "pending"));
            let place = wanted.map_or_else(String::new, |w| format!(" in {w}"));
            Err(AppError::setup(
                format!("there is no chunk `{id}`{place}"),
                there_are(&names(&all)) + &unread(found),
            ))
        }
        [..] => Err(AppError::setup(
            format!("`{id}` is in several specs"),
            format!("say which: {}", listed(&names(&hits))),
        )),
    }
}

/// Specs that could not be read may hold what was meant.
fn unread(found: &Survey) -> String {
    let first = found
        .plan
        .diagnostics
        .iter()
        .find(|d| d.severity == Severity::Error);
    first.map_or_else(String::new, |d| {
        format!("; {} cannot be read: {}", d.path, d.message)
    })
}

fn there_are(names: &[String]) -> String {
    if names.is_empty() {
        "there are no specs; `codelicious init` writes a first one".to_owned()
    } else {
        format!("there are: {}", listed(names))
    }
}

fn listed(names: &[String]) -> String {
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    format!("{}{more}", named.join(", "))
}
