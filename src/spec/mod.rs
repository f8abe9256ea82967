//! Specs: text in, tasks with byte positions out, and marks written back byte by byte.
//!
//! This room is pure. It finds out which paths are specs ([`discover`]), gives each a stable slug
//! ([`slug`]), parses one file in whatever format it has ([`parse`]; a format is a file below `formats/`), writes "done" and "part 1 of 3" into it without touching
//! anything else ([`marks`]), merges what the user and the lane did to it ([`merge`]), shows it as
//! context ([`outline`]), takes a model's plan for its tasks ([`planned`]), says what of a text people are shown
//! ([`visible()`]) and what in it reads like an order to whoever builds it ([`injection`]). It reads no files and knows no git.

pub mod discover;
pub mod injection;
pub mod lines;
pub mod marks;
pub mod merge;
pub mod outline;
pub mod planned;
pub mod slug;

mod context;
mod contradictions;
mod criteria;
mod dialect;
mod draft;
mod format;
mod formats;
mod front;
mod hints;
mod identity;
mod json;
mod label;
mod list;
mod parse;
mod places;
mod prose;
mod reader;
mod records;
mod sections;
mod tasks;
mod text;
mod units;
mod visible;
mod waves;

pub use context::announces_criteria;
pub use criteria::{Criteria, Passage, sections};
pub use discover::{
    SpecKind, classify, is_pruned_dir, is_tool_dir, is_vendored_dir, may_be_spec, specs,
};
pub use format::attend;
pub use lines::{mark_chunk, with_chunk_marks};
pub use marks::{MarkError, Splice, apply, clear, mark_done, mark_partial, tick, with_marks};
pub use merge::{MergeConflict, merge_specs};
pub use outline::{outline, section_text};
pub use parse::{MAX_SPEC_BYTES, ParseOptions, parse};
pub use places::is_json;
pub use planned::{
    apply_plan, chunk_id, is_chunk_id, normal_title, note_unknown_marks, text_hash, without_marks,
};
pub use prose::{Intro, intro, said};
pub use slug::assign_slugs;
pub use visible::{visible, visible_in_place};

#[cfg(test)]
mod tests;
