//! Tasks in the making: what is read off a text, and what becomes of it once all of it is known.

use super::dialect::Dialect;
use super::hints;
use super::identity::{self, Identity};
use super::label::split_label;
use super::marks::{Comment, Says, comment_at_end};
use super::parse::Notes;
use super::reader::Outline;
use super::text::{collapse, line_end};
use super::units;
use crate::model::{MarkSite, Role, Task, TaskMark};
use std::collections::HashMap;
use std::ops::Range;

/// What is read off one box or section, before it gets its id.
pub(super) struct Draft {
    /// Whole own text, dedented.
    pub(super) text: String,
    /// The same as if no box inside were marked, where there are any.
    pub(super) unmarked: Option<String>,
    /// First paragraph, or the heading: what the id is made of.
    pub(super) first: String,
    pub(super) site: MarkSite,
    pub(super) mark: TaskMark,
    pub(super) span: Range<usize>,
    pub(super) line: usize,
    pub(super) section: usize,
    pub(super) parent: Option<usize>,
    pub(super) optional: bool,
}

/// Labels, ids, hints and the tree.
pub(super) fn build(
    drafts: Vec<Draft>,
    outline: &Outline,
    dialect: &Dialect,
    notes: &mut Notes<'_>,
) -> Vec<Task> {
    let mut places: HashMap<usize, [u8; 32]> = HashMap::new();
    let mut identities: Vec<Identity> = Vec::with_capacity(drafts.len());
    let mut words: Vec<(String, String)> = Vec::with_capacity(drafts.len());
    for draft in &drafts {
        let headings = &outline.parts[draft.section].section.headings;
        let outer = match draft.parent {
            Some(parent) => identities[parent].key,
            // The heading of a prose section is its text, not its place.
            None if matches!(draft.site, MarkSite::Heading { .. }) => {
                identity::place(&headings[..headings.len().saturating_sub(1)])
            }
            None => *places
                .entry(draft.section)
                .or_insert_with(|| identity::place(headings)),
        };
        let (label, rest) = split_label(&draft.first);
        let key = identity::key(
            &outer,
            label.as_ref(),
            if rest.trim().is_empty() {
                &draft.first
            } else {
                &rest
            },
        );
        words.push((
            title(&rest, &draft.first),
            split_label(draft.unmarked.as_ref().unwrap_or(&draft.text))
                .1
                .into_owned(),
        ));
        identities.push(Identity {
            label,
            key,
            line: draft.line,
        });
    }
    let ids = identity::assign(&identities, notes);

    let mut tasks: Vec<Task> = Vec::with_capacity(drafts.len());
    for (index, (draft, (id, unique))) in drafts.into_iter().zip(ids).enumerate() {
        let (title, own_words) = std::mem::take(&mut words[index]);
        if let Some(parent) = draft.parent {
            tasks[parent].children.push(index);
        }
        tasks.push(Task {
            id,
            label: identities[index].label.take().map(|label| label.text),
            named: unique,
            title,
            fingerprint: identity::fingerprint(&own_words),
            depends_on: hints::depends_on(&draft.text),
            files: hints::files(&draft.text),
            meets: hints::meets(&draft.text),
            text: draft.text,
            span: draft.span,
            line: draft.line,
            section: draft.section,
            depth: draft.parent.map_or(0, |parent| tasks[parent].depth + 1),
            parent: draft.parent,
            children: Vec::new(),
            stage: 0,
            role: Role::Work,
            mark: draft.mark,
            site: draft.site,
            optional: draft.optional,
            aside: None,
            parallel: false,
            priority: None,
        });
    }
    units::settle(&mut tasks, dialect.units);
    tasks
}

/// The first line of the words behind the label, or of the whole text where the label is all there is.
fn title(rest: &str, first: &str) -> String {
    let words = if rest.trim().is_empty() { first } else { rest };
    collapse(words.trim_start().lines().next().unwrap_or(""))
}

/// A stretch of text as if none of the boxes in it were marked.
pub(super) fn unmarked(
    text: &str,
    whole: Range<usize>,
    outline: &Outline,
    dialect: &Dialect,
) -> String {
    // The box whose words these are has its own sign before them, and its comment among them.
    let first = outline.boxes.partition_point(|b| b.text < whole.start);
    let inside = outline.boxes[first..].iter();
    let mut out = String::with_capacity(whole.len());
    let mut at = whole.start;
    for raw in inside.take_while(|b| b.tick < whole.end) {
        if raw.tick >= whole.start && dialect.mark(text.as_bytes()[raw.tick]) != TaskMark::Open {
            out.push_str(&text[at..raw.tick]);
            out.push(' ');
            at = raw.tick + 1;
        }
        let end = line_end(text.as_bytes(), raw.tick);
        if let Some(comment) = part_comment(text, raw.text, end).filter(|_| end <= whole.end) {
            out.push_str(text[at..comment.range.start].trim_end_matches(' '));
            at = comment.range.end;
        }
    }
    out.push_str(text.get(at..whole.end).unwrap_or(""));
    out
}

/// Our comment at a box's line that says how many parts have landed.
pub(super) fn part_comment(text: &str, from: usize, line_end: usize) -> Option<Comment> {
    comment_at_end(text, from, line_end).filter(|comment| matches!(comment.says, Says::Part { .. }))
}
