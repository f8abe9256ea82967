//! What a task is called for good.
//!
//! An explicit id that is a name and unique in the spec is the task's id. Any other task is known by 12 hex
//! digits over where it stands (headings without numbers, enclosing tasks) and its first paragraph; tasks
//! that have all of that in common are told apart by their order. So ticking, renumbering, reordering and
//! inserting change no other task's id, and neither does editing what stands below a task's first paragraph:
//! that changes its fingerprint. Editing the first paragraph of an unnamed task makes it another task.

use super::label::{Label, without_numbers};
use super::parse::Notes;
use super::text::{collapse, digest, hex, without_comments};
use crate::model::{ChunkId, Rule};
use std::collections::{HashMap, HashSet};

/// What a task is known by, before its neighbours are looked at.
pub(super) struct Identity {
    pub(super) label: Option<Label>,
    pub(super) key: [u8; 32],
    pub(super) line: usize,
}

/// The place of a section in keys.
pub(super) fn place(headings: &[String]) -> [u8; 32] {
    let plain: Vec<String> = headings.iter().map(|h| without_numbers(h)).collect();
    let parts: Vec<&[u8]> = plain.iter().map(|h| h.as_bytes()).collect();
    digest(&parts)
}

/// The key of a task at a place: `outer` is the enclosing task's key or the section's place.
///
/// A task with an explicit id is keyed by that id alone, so that the tasks inside it stay who they are when
/// its words or its heading change.
pub(super) fn key(outer: &[u8; 32], label: Option<&Label>, words: &str) -> [u8; 32] {
    match label {
        Some(label) if label.named => digest(&[b"id", label.text.as_bytes()]),
        _ => digest(&[b"text", outer, normalise(words).as_bytes()]),
    }
}

/// 12 hex digits over all of a task's own text.
pub(super) fn fingerprint(words: &str) -> String {
    hex(&digest(&[normalise(words).as_bytes()]), 12)
}

/// Text as identity sees it: without comments, ticks and the shape of white space.
fn normalise(text: &str) -> String {
    let plain = match text.contains('<') {
        true => collapse(&without_comments(text)),
        false => collapse(text),
    };
    match plain.contains('[') {
        true => plain.replace("[x] ", "[ ] ").replace("[X] ", "[ ] "),
        false => plain,
    }
}

/// Gives every task its id; in order. The second value is false for labels that are no unique name.
pub(super) fn assign(tasks: &[Identity], notes: &mut Notes<'_>) -> Vec<(ChunkId, bool)> {
    let name = |task: &Identity| {
        task.label
            .as_ref()
            .filter(|l| l.named)
            .map(|l| l.text.to_ascii_lowercase())
    };
    let mut holders: HashMap<String, usize> = HashMap::new();
    for held in tasks.iter().filter_map(name) {
        *holders.entry(held).or_default() += 1;
    }
    let mut warned = HashSet::new();
    let mut twins: HashMap<[u8; 32], u64> = HashMap::new();
    let mut used = HashSet::new();
    let mut ids = Vec::with_capacity(tasks.len());
    for task in tasks {
        let label = task.label.as_ref().filter(|l| l.named);
        if let (Some(label), Some(held)) = (label, name(task)) {
            if holders.get(&held) == Some(&1) {
                ids.push((ChunkId::new(label.text.clone()), true));
                continue;
            }
            if warned.insert(held) {
                notes.warn(
                    Rule::DuplicateId,
                    task.line,
                    format!("the id `{}` stands at more than one task", label.text),
                    "give every task an id of its own; until then these are known by their text",
                );
            }
        }
        let ordinal = twins.entry(task.key).or_default();
        // 48 bits can meet by chance among many thousands; the next ordinal then tells them apart.
        let id = loop {
            let id = hex(&digest(&[&task.key, &ordinal.to_le_bytes()]), 12);
            *ordinal += 1;
            if used.insert(id.clone()) {
                break id;
            }
        };
        ids.push((ChunkId::new(id), false));
    }
    ids
}
