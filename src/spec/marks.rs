//! Marks: how a spec says "done", and how that is written without touching anything else.
//!
//! A box is ticked by one byte. A part of a split task that has landed is a comment at the end of the box's
//! line, ` <!-- codelicious: part 1/3 BOUNDS -->`; a prose section is marked by
//! ` <!-- codelicious: done -->` at the end of its heading's line. A chunk of a model's plan has a line of its own
//! behind the text, `<!-- codelicious: chunk ID done -->`: see [`super::lines`]. A record of a JSON file is marked by
//! the value that holds its state. Line ends, the byte order mark and everything else keep their bytes.
//!
//! With a task its steps are ticked, and the groups around it that are done by it: who keeps such lists expects
//! either, and no tool that reads them takes a group for done whose own box is open.

use super::lines;
use crate::model::spec::Words;
use crate::model::{Aside, ChunkId, MarkSite, Role, Spec, Task, TaskMark};
use std::collections::BTreeMap;
use std::ops::Range;

/// One contiguous change of a file: the bytes of `range` become `replacement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    pub range: Range<usize>,
    pub replacement: Vec<u8>,
}

/// Why a mark cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    #[error(
        "`{bounds}` cannot stand in a mark: only letters, digits and , . ; : - are safe in a comment"
    )]
    UnsafeBounds { bounds: String },
    #[error("part {done} of {of} is no part: parts count from 1")]
    NoSuchPart { done: usize, of: usize },
}

/// The change that marks `task` itself done, without its steps and what is around it. For an open box it is one
/// byte; a part comment goes in the same change.
///
/// `bytes` is the file that `task` was parsed from.
pub fn mark_done(bytes: &[u8], task: &Task) -> Splice {
    set(bytes, task, &TaskMark::Done, b"x")
}

/// The change that says that the first `done` of `of` parts of a split task have landed.
///
/// # Errors
/// `bounds` holds anything but `[A-Za-z0-9,.;:-]`, or the numbers make no part.
pub fn mark_partial(
    bytes: &[u8],
    task: &Task,
    done: usize,
    of: usize,
    bounds: &str,
) -> Result<Splice, MarkError> {
    if !is_safe(bounds) {
        return Err(MarkError::UnsafeBounds {
            bounds: bounds.to_owned(),
        });
    }
    if done == 0 || done > of {
        return Err(MarkError::NoSuchPart { done, of });
    }
    let mark = TaskMark::Partial {
        done,
        of,
        bounds: bounds.to_owned(),
    };
    Ok(set(bytes, task, &mark, b"x"))
}

/// The change that takes every mark off `task`.
pub fn clear(bytes: &[u8], task: &Task) -> Splice {
    set(bytes, task, &TaskMark::Open, b"x")
}

/// The change after which `task` says that it is open, also where it said nothing.
pub(super) fn opened(bytes: &[u8], task: &Task) -> Splice {
    match &task.site {
        MarkSite::Value {
            span,
            before,
            words,
        } => Splice {
            range: span.clone(),
            replacement: [before.as_bytes(), words.open.as_bytes()].concat(),
        },
        MarkSite::Checkbox { .. } | MarkSite::Heading { .. } | MarkSite::Line { .. } => {
            clear(bytes, task)
        }
    }
}

/// `bytes` with the task at `index` done, with its steps and the groups around it that are done by it. `spec` is
/// what `bytes` says. Bytes as they are where there is no such task.
pub fn tick(bytes: &[u8], spec: &Spec, index: usize) -> Vec<u8> {
    let Some(task) = spec.tasks.get(index) else {
        return bytes.to_vec();
    };
    let mut ticked = vec![task];
    if task.role == Role::Work {
        let steps = spec.inside(index).filter(|t| t.role == Role::Step);
        ticked.extend(steps.filter(|t| t.mark != TaskMark::Done));
        ticked.extend(completed_by(spec, index));
    }
    ticked.sort_unstable_by_key(|t| t.span.start);
    let splices: Vec<Splice> = ticked.iter().map(|t| mark_done(bytes, t)).collect();
    apply_all(bytes, &splices)
}

/// The groups around a task that lack nothing but it.
fn completed_by(spec: &Spec, index: usize) -> impl Iterator<Item = &Task> {
    let is_over = |task: &Task| {
        task.mark == TaskMark::Done || task.aside.as_ref().is_some_and(Aside::is_for_good)
    };
    let own = &spec.tasks[index].id;
    let groups = spec.around(index).take_while(move |&group| {
        let mut work = spec.inside(group).filter(|t| t.role == Role::Work);
        spec.tasks[group].role == Role::Group && work.all(|t| t.id == *own || is_over(t))
    });
    groups
        .map(|group| &spec.tasks[group])
        .filter(|group| group.mark != TaskMark::Done)
}

/// `bytes` with each of these tasks brought to its mark; the others keep theirs. `spec` is what `bytes` says.
pub fn with_marks(bytes: &[u8], spec: &Spec, marks: &BTreeMap<ChunkId, TaskMark>) -> Vec<u8> {
    let splices: Vec<Splice> = spec
        .tasks
        .iter()
        .filter_map(|task| {
            let mark = marks.get(&task.id).filter(|mark| **mark != task.mark)?;
            Some(set(bytes, task, mark, b"x"))
        })
        .collect();
    apply_all(bytes, &splices)
}

/// `bytes` after one change.
pub fn apply(bytes: &[u8], splice: &Splice) -> Vec<u8> {
    apply_all(bytes, std::slice::from_ref(splice))
}

/// `bytes` after several changes that are in order and do not overlap.
pub(super) fn apply_all(bytes: &[u8], splices: &[Splice]) -> Vec<u8> {
    let grown: usize = splices.iter().map(|s| s.replacement.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + grown);
    let mut at = 0;
    for splice in splices {
        out.extend_from_slice(bytes.get(at..splice.range.start).unwrap_or_default());
        out.extend_from_slice(&splice.replacement);
        at = splice.range.end;
    }
    out.extend_from_slice(bytes.get(at..).unwrap_or_default());
    out
}

/// The change that brings `task` itself to `mark`; `done` is how a done one is written, where there is a choice.
pub(super) fn set(bytes: &[u8], task: &Task, mark: &TaskMark, done: &[u8]) -> Splice {
    let site = match &task.site {
        MarkSite::Line { span } => return lines::set(bytes, &task.id, span.clone(), mark),
        MarkSite::Value {
            span,
            before,
            words,
        } => return set_value(bytes, span, before, *words, mark, done),
        site @ (MarkSite::Checkbox { .. } | MarkSite::Heading { .. }) => site,
    };
    // The steps of a task say that it is done, where it has any.
    let says_done = matches!(site, MarkSite::Heading { .. }) && task.children.is_empty();
    let (sign, comment) = match mark {
        TaskMark::Open => (b' ', None),
        TaskMark::Done if says_done => (b' ', Some("<!-- codelicious: done -->".to_owned())),
        TaskMark::Done => (done.first().copied().unwrap_or(b'x'), None),
        TaskMark::Noted { said, .. } => (said.as_bytes().first().copied().unwrap_or(b' '), None),
        TaskMark::Partial { done, of, bounds } => (b' ', Some(part_comment(*done, *of, bounds))),
    };
    rewrite(bytes, site, sign, comment)
}

/// The change of a record's state. A record without one gets it only where it has something to say.
fn set_value(
    bytes: &[u8],
    span: &Range<usize>,
    before: &str,
    words: Words,
    mark: &TaskMark,
    done: &[u8],
) -> Splice {
    let old = bytes.get(span.clone()).unwrap_or_default();
    let is_open = |word: &[u8]| before.is_empty() && word == words.open.as_bytes();
    let new: &[u8] = match mark {
        // Parts have no place in a record, and their task is open.
        TaskMark::Open | TaskMark::Partial { .. } if old.is_empty() || is_open(old) => old,
        TaskMark::Open | TaskMark::Partial { .. } => words.open.as_bytes(),
        TaskMark::Done if done.len() > 1 => done,
        TaskMark::Done => words.done.as_bytes(),
        TaskMark::Noted { said, .. } => said.as_bytes(),
    };
    if new == old {
        return Splice {
            range: span.start..span.start,
            replacement: Vec::new(),
        };
    }
    Splice {
        range: span.clone(),
        replacement: [before.as_bytes(), new].concat(),
    }
}

fn part_comment(done: usize, of: usize, bounds: &str) -> String {
    format!("<!-- codelicious: {} -->", part_words(done, of, bounds))
}

/// How a comment says that parts have landed.
pub(super) fn part_words(done: usize, of: usize, bounds: &str) -> String {
    let gap = if bounds.is_empty() { "" } else { " " };
    format!("part {done}/{of}{gap}{bounds}")
}

/// Rewrites a site to the given tick byte and comment, as the smallest contiguous change.
fn rewrite(bytes: &[u8], site: &MarkSite, tick: u8, comment: Option<String>) -> Splice {
    let (from, line_end, old_comment) = match site {
        MarkSite::Checkbox {
            tick,
            line_end,
            comment,
        } => (*tick, *line_end, comment),
        MarkSite::Heading { line_end, comment } => (
            comment
                .as_ref()
                .map_or(*line_end, |c| c.start.saturating_sub(1)),
            *line_end,
            comment,
        ),
        MarkSite::Line { .. } | MarkSite::Value { .. } => (bytes.len(), bytes.len(), &None),
    };
    let old = bytes.get(from..line_end).unwrap_or_default();
    let mut new = old.to_vec();
    if let Some(range) = old_comment {
        // The space before the comment came with it.
        let start = range.start - from;
        let spaced = start > 0 && old.get(start - 1) == Some(&b' ');
        new.drain(start - usize::from(spaced)..range.end - from);
    }
    if matches!(site, MarkSite::Checkbox { .. })
        && let Some(byte) = new.first_mut()
    {
        *byte = tick;
    }
    if let Some(comment) = comment {
        // A comment that is replaced keeps its place; trailing white space behind it stays behind it.
        let at = match old_comment {
            Some(range) => {
                let start = range.start - from;
                start - usize::from(start > 0 && old.get(start - 1) == Some(&b' '))
            }
            None => new.len(),
        };
        let text = format!(" {comment}");
        new.splice(at..at, text.into_bytes());
    }
    let same_head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let same_tail = old[same_head..]
        .iter()
        .rev()
        .zip(new[same_head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    Splice {
        range: from + same_head..line_end - same_tail,
        replacement: new[same_head..new.len() - same_tail].to_vec(),
    }
}

/// One of our comments as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comment {
    pub(super) range: Range<usize>,
    pub(super) says: Says,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Done,
    Part {
        done: usize,
        of: usize,
        bounds: String,
    },
}

impl Says {
    /// Reads what stands behind `codelicious:` in a comment.
    pub(super) fn read(says: &str) -> Option<Self> {
        if says == "done" {
            return Some(Self::Done);
        }
        let mut words = says.strip_prefix("part ")?.split_whitespace();
        let (done, of) = words.next()?.split_once('/')?;
        let (done, of) = (done.parse().ok()?, of.parse().ok()?);
        let bounds = words.next().unwrap_or("").to_owned();
        if done == 0 || done > of || !is_safe(&bounds) || words.next().is_some() {
            return None;
        }
        Some(Self::Part { done, of, bounds })
    }

    /// The comment as a task's state.
    pub(super) fn mark(&self) -> TaskMark {
        match self {
            Self::Done => TaskMark::Done,
            Self::Part { done, of, bounds } => TaskMark::Partial {
                done: *done,
                of: *of,
                bounds: bounds.clone(),
            },
        }
    }
}

/// Our comment at the very end of a line (white space may follow), between `from` and `line_end`.
///
/// Only there: a line that talks about `` `<!-- codelicious: done -->` `` carries no mark.
pub(super) fn comment_at_end(text: &str, from: usize, line_end: usize) -> Option<Comment> {
    let line = text.get(from..line_end)?.trim_end();
    let inner = line.strip_suffix("-->")?;
    let open = inner.rfind("<!--")?;
    let says = inner[open + 4..]
        .trim()
        .strip_prefix("codelicious:")?
        .trim();
    let says = Says::read(says)?;
    Some(Comment {
        range: from + open..from + line.len(),
        says,
    })
}

pub(super) fn is_safe(bounds: &str) -> bool {
    bounds
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b",.;:-".contains(&b))
}
