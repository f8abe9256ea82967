//! Having a model cut a prose spec into chunks: what it is shown, what its answer must be, and what becomes of it.
//!
//! - [`windows`] cuts a long text into overlapping pieces, one request each
//! - [`prompt`] is what the model is told, [`schema`] the tool it answers with
//! - [`read_plan`] takes an answer apart, strictly: whatever is wrong with it is told to the model
//! - [`Draft`] puts the answers together: one chunk for one title, in an order that keeps what they depend on
//! - [`kept`] is the form in which a plan is kept in git
//!
//! The model proposes. That a chunk is done is said by its mark alone, and only this program writes that.

mod answer;
mod draft;
pub mod kept;
mod prompt;
mod window;

pub use answer::{Fault, Proposed, object_in, read_plan, schema};
pub use draft::{Draft, TooMany};
pub use prompt::{PlannerPrompt, prompt};
pub use window::{TooLong, Window, Windows, windows};

use crate::model::{ChunkId, ChunkPlan, Spec, Task, TaskMark};
use std::collections::BTreeSet;

/// More chunks than this are no plan but a mistake. Tasks that people wrote have no such limit.
pub const MAX_CHUNKS: usize = 100;

/// Longest title, in characters.
const MAX_TITLE: usize = 160;
/// Longest description of a chunk, in characters.
const MAX_TEXT: usize = 8_000;
/// Most sentences that say when a chunk is done, and the longest of them, in characters.
const MAX_ACCEPTANCE: usize = 20;
const MAX_SENTENCE: usize = 500;
/// Most files of a chunk, and the longest path, in bytes.
const MAX_FILES: usize = 32;
const MAX_PATH: usize = 240;

/// What is to be planned, and what of it was planned before.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// As parsed, without a plan: its tasks are its sections.
    pub spec: &'a Spec,
    /// The file, fit to be shown.
    pub text: &'a str,
    /// What [`crate::spec::text_hash`] says of it.
    pub hash: &'a str,
    /// The plan that was kept for an earlier text, or is not wanted any more.
    pub before: Option<&'a ChunkPlan>,
}

impl Subject<'_> {
    /// Chunks of the earlier plan that have begun to land: they stay as they are.
    fn landed(&self) -> impl Iterator<Item = &crate::model::PlannedChunk> {
        let chunks = self.before.into_iter().flat_map(|plan| &plan.chunks);
        chunks.filter(|chunk| self.spec.chunk_mark(&chunk.id) != TaskMark::Open)
    }

    /// Sections that were built before any plan was made: no plan speaks for them.
    fn built_sections(&self) -> impl Iterator<Item = &Task> {
        let tasks = self.spec.tasks.iter();
        tasks.filter(|task| task.mark != TaskMark::Open)
    }

    /// The plan that a model's chunks make, after those that landed before.
    pub fn plan(&self, model: &str, draft: Draft) -> ChunkPlan {
        let landed: Vec<_> = self.landed().cloned().collect();
        let known: BTreeSet<ChunkId> = landed.iter().map(|c| c.id.clone()).collect();
        let proposed = draft.into_chunks(self.spec);
        let mut chunks = landed;
        chunks.extend(proposed.into_iter().filter(|c| !known.contains(&c.id)));
        // A chunk that landed may have needed one that is planned no more, or anew.
        let mut before = BTreeSet::new();
        for chunk in &mut chunks {
            chunk.depends_on.retain(|id| before.contains(id));
            before.insert(chunk.id.clone());
        }
        let covered = self.spec.tasks.iter().filter(|t| t.mark == TaskMark::Open);
        ChunkPlan {
            text: self.hash.to_owned(),
            model: model.to_owned(),
            covers: covered.map(|t| t.fingerprint.clone()).collect(),
            chunks,
        }
    }
}

/// A hint at a file, where it is fit to be one: below the root, of the repository's own files.
fn file_hint(path: &str) -> Option<String> {
    let path = path.trim().trim_matches('`');
    let path = path
        .strip_prefix("./")
        .unwrap_or(path)
        .trim_end_matches('/');
    let is_odd =
        |c: char| c.is_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    if path.is_empty() || path.len() > MAX_PATH || path.starts_with(['/', '~', '-']) {
        return None;
    }
    let is_bad = |part: &str| {
        let lower = part.to_ascii_lowercase();
        matches!(lower.as_str(), "" | "." | ".." | ".git" | ".codelicious") || part != part.trim()
    };
    if path.chars().any(is_odd) || path.split('/').any(is_bad) {
        return None;
    }
    Some(path.to_owned())
}

/// The good ones among hints at files, each once, within the bound.
fn file_hints<'a>(paths: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for path in paths.into_iter().filter_map(|p| file_hint(p)) {
        if kept.len() < MAX_FILES && !kept.contains(&path) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
