//! Spec sync: what the user and the lane did to one spec, as one text.
//!
//! Texts are merged line by line with every mark taken off, so that a task appended below a line that the
//! lane has ticked is no conflict. Then each task of the merged text gets its mark back:
//!
//! - with an ancestor, the side that changed the mark wins; a person who unticks a box that was ticked reopens
//!   it; where both changed it in different ways, done wins, then the lane's parts;
//! - without one (or for a task the ancestor lacks), done on either side is done: an open box reopens nothing.
//!
//! Marks of planned chunks are merged in the same way, by the chunk's id.
//!
//! Without an ancestor and with different texts, the text is the user's.

use super::lines::with_chunk_marks;
use super::marks::{self, Splice};
use super::parse::{ParseOptions, parse};
use super::planned::cleared;
use crate::model::{ChunkId, MarkSite, Spec, SpecId, Task, TaskMark};
use diffy::{ConflictStyle, MergeOptions};
use std::collections::{HashMap, HashSet};

/// The user's text and the lane's cannot become one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}{}", at(lines))]
pub struct MergeConflict {
    /// 1-based lines of the user's text, one for each place; empty when the whole file is meant.
    pub lines: Vec<usize>,
    pub why: String,
}

fn at(lines: &[usize]) -> String {
    let numbers: Vec<String> = lines.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [] => String::new(),
        [one] => format!(" (line {one})"),
        many => format!(" (lines {})", many.join(", ")),
    }
}

/// Merges the user's text (`theirs`) into the lane's, given the text both come from. `path` tells the format.
///
/// Where the lane's text has one kind of line end throughout, the result has it too: a checkout with other
/// line ends is no change.
///
/// # Errors
/// Both changed the same lines in different ways, or one of the texts cannot be parsed.
pub fn merge_specs(
    path: &str,
    ancestor: Option<&[u8]>,
    lane: &[u8],
    theirs: &[u8],
) -> Result<Vec<u8>, MergeConflict> {
    let ends = line_ends(lane);
    let theirs = with_line_ends(theirs, ends);
    let ancestor = ancestor.map(|text| with_line_ends(text, ends));
    if theirs == lane || ancestor.as_deref() == Some(theirs.as_slice()) {
        return Ok(lane.to_vec());
    }
    let theirs_spec = read(path, &theirs, "the user's text")?;
    if ancestor.as_deref() == Some(lane) {
        return Ok(theirs);
    }
    let lane_spec = read(path, lane, "the lane's text")?;
    let ancestor = match ancestor {
        Some(bytes) => Some((read(path, &bytes, "the last synced text")?, bytes)),
        None => None,
    };

    let lane_text = cleared(lane, &lane_spec);
    let theirs_text = cleared(&theirs, &theirs_spec);
    let merged = match &ancestor {
        _ if lane_text == theirs_text => lane_text,
        None => theirs_text,
        Some((spec, bytes)) => merge_texts(&cleared(bytes, spec), &lane_text, &theirs_text)?,
    };
    let merged_spec = read(path, &merged, "the merged text")?;

    let from_lane = match_tasks(&merged_spec, &lane_spec);
    let from_theirs = match_tasks(&merged_spec, &theirs_spec);
    let from_ancestor = ancestor
        .as_ref()
        .map(|(spec, _)| match_tasks(&merged_spec, spec));
    let mut splices: Vec<Splice> = Vec::new();
    for (index, task) in merged_spec.tasks.iter().enumerate() {
        let in_lane = from_lane[index].map(|i| &lane_spec.tasks[i]);
        let in_theirs = from_theirs[index].map(|i| &theirs_spec.tasks[i]);
        let in_ancestor = ancestor
            .as_ref()
            .zip(from_ancestor.as_ref())
            .and_then(|((spec, _), found)| found[index].map(|i| &spec.tasks[i]));
        let mark = merge_marks(
            in_ancestor.map(|t| &t.mark),
            in_lane.map(|t| &t.mark),
            in_theirs.map(|t| &t.mark),
        );
        let done = [(in_theirs, theirs.as_slice()), (in_lane, lane)]
            .into_iter()
            .find_map(|(task, bytes)| said_done(task?, bytes))
            .unwrap_or(b"x");
        let splice = marks::set(&merged, task, &mark, done);
        if !(splice.range.is_empty() && splice.replacement.is_empty()) {
            splices.push(splice);
        }
    }
    let chunks = merge_chunk_marks(
        ancestor.as_ref().map(|(spec, _)| spec),
        &lane_spec,
        &theirs_spec,
    );
    let merged = marks::apply_all(&merged, &splices);
    if chunks.is_empty() {
        return Ok(merged);
    }
    let merged_spec = read(path, &merged, "the merged text")?;
    Ok(with_chunk_marks(&merged, &merged_spec, &chunks))
}

/// The marks of planned chunks, in the lane's order. A text that lacks one says that the chunk is open.
fn merge_chunk_marks(
    ancestor: Option<&Spec>,
    lane: &Spec,
    theirs: &Spec,
) -> Vec<(ChunkId, TaskMark)> {
    let mut seen = HashSet::new();
    let all = lane.chunk_marks.iter().chain(&theirs.chunk_marks);
    all.filter(|said| seen.insert(said.id.clone()))
        .map(|said| {
            let before = ancestor.map(|spec| spec.chunk_mark(&said.id));
            let (here, there) = (lane.chunk_mark(&said.id), theirs.chunk_mark(&said.id));
            let mark = merge_marks(before.as_ref(), Some(&here), Some(&there));
            (said.id.clone(), mark)
        })
        .filter(|(_, mark)| *mark != TaskMark::Open)
        .collect()
}

/// The mark of a task on three sides, where it stands there, becomes one.
fn merge_marks(
    ancestor: Option<&TaskMark>,
    lane: Option<&TaskMark>,
    theirs: Option<&TaskMark>,
) -> TaskMark {
    let (lane, theirs) = match (lane, theirs) {
        (Some(lane), Some(theirs)) => (lane, theirs),
        (Some(one), None) | (None, Some(one)) => return one.clone(),
        (None, None) => return TaskMark::Open,
    };
    match ancestor {
        Some(ancestor) if lane == ancestor => theirs.clone(),
        Some(ancestor) if theirs == ancestor => lane.clone(),
        Some(TaskMark::Done) if matches!(theirs, TaskMark::Open | TaskMark::Noted { .. }) => {
            theirs.clone()
        }
        _ => match (lane, theirs) {
            (TaskMark::Done, _) | (_, TaskMark::Done) => TaskMark::Done,
            (TaskMark::Partial { .. }, _) => lane.clone(),
            (TaskMark::Open, _) => theirs.clone(),
            // What a person said last, who looks at the lane less than at the text.
            (TaskMark::Noted { .. }, TaskMark::Open) => lane.clone(),
            (TaskMark::Noted { .. }, _) => theirs.clone(),
        },
    }
}

/// How a done task says so: people write `x` or `X`, `"done"` or `"completed"`.
fn said_done<'a>(task: &Task, bytes: &'a [u8]) -> Option<&'a [u8]> {
    match (&task.mark, &task.site) {
        (TaskMark::Done, MarkSite::Checkbox { tick, .. }) => bytes.get(*tick..*tick + 1),
        (TaskMark::Done, MarkSite::Value { span, .. }) => bytes.get(span.clone()),
        _ => None,
    }
}

/// What two tasks must have in common to be the same one: headings, id or title, fingerprint.
type KeyOf<'a> = &'a dyn Fn(&Spec, &Task) -> (Vec<String>, String, String);

/// For every task of `merged` the index of the same task in `side`.
///
/// The id alone could mistake one twin for another after one was inserted, so equal text counts before it;
/// and tasks below a heading that was renamed are still themselves.
fn match_tasks(merged: &Spec, side: &Spec) -> Vec<Option<usize>> {
    let mut found = vec![None; merged.tasks.len()];
    let mut claimed = HashSet::new();
    let headings = |spec: &Spec, task: &Task| spec.sections[task.section].headings.clone();
    let merged_headings: HashSet<&Vec<String>> = merged
        .sections
        .iter()
        .map(|section| &section.headings)
        .collect();
    let gone = |task: &Task| !merged_headings.contains(&side.sections[task.section].headings);

    let mut pass = |key: KeyOf<'_>, eligible: &dyn Fn(&Task) -> bool| {
        let mut by_key: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, task) in side.tasks.iter().enumerate().rev() {
            if !claimed.contains(&index) && eligible(task) {
                by_key.entry(key(side, task)).or_default().push(index);
            }
        }
        for (index, task) in merged.tasks.iter().enumerate() {
            if found[index].is_none()
                && let Some(same) = by_key.get_mut(&key(merged, task)).and_then(Vec::pop)
            {
                found[index] = Some(same);
                claimed.insert(same);
            }
        }
    };
    let id = |task: &Task| task.id.as_str().to_owned();
    let print = |task: &Task| task.fingerprint.clone();
    let any = |_: &Task| true;
    pass(&|_, t| (Vec::new(), id(t), print(t)), &any);
    pass(&|s, t| (headings(s, t), t.title.clone(), print(t)), &any);
    pass(&|_, t| (Vec::new(), id(t), String::new()), &any);
    pass(&|_, t| (Vec::new(), t.title.clone(), print(t)), &gone);
    found
}

fn read(path: &str, bytes: &[u8], whose: &str) -> Result<Spec, MergeConflict> {
    parse(
        SpecId::new(""),
        path,
        bytes,
        ParseOptions {
            prose: true,
            ..ParseOptions::default()
        },
    )
    .map_err(|bad| MergeConflict {
        lines: Vec::new(),
        why: format!("{whose} {}, line {}", bad.message, bad.line),
    })
}

/// Three-way merge by lines. A missing line end at the end of the file is a fact of its own: it does not make
/// the last line another one.
fn merge_texts(ancestor: &[u8], lane: &[u8], theirs: &[u8]) -> Result<Vec<u8>, MergeConflict> {
    let ended = |text: &[u8]| text.is_empty() || text.ends_with(b"\n");
    let end: &[u8] = if line_ends(lane) == Ends::CrLf {
        b"\r\n"
    } else {
        b"\n"
    };
    let whole = |text: &[u8]| {
        let mut text = text.to_vec();
        if !ended(&text) {
            text.extend_from_slice(end);
        }
        text
    };
    let theirs_whole = whole(theirs);
    let mut options = MergeOptions::new();
    options
        .set_conflict_style(ConflictStyle::Merge)
        .set_conflict_marker_length(MARKER);
    let mut merged = options
        .merge_bytes(&whole(ancestor), &whole(lane), &theirs_whole)
        .map_err(|conflicted| MergeConflict {
            lines: conflict_lines(&conflicted, &theirs_whole),
            why: "the spec was changed in the same place by the user and on its branch".to_owned(),
        })?;
    let keep_end = if ended(lane) == ended(ancestor) {
        ended(theirs)
    } else {
        ended(lane)
    };
    if !keep_end && merged.ends_with(end) {
        merged.truncate(merged.len() - end.len());
    }
    Ok(merged)
}

/// Length of conflict markers. A text with such lines gets less exact line numbers and nothing worse.
const MARKER: usize = 251;

/// How many lines of the user's text the lane may have deleted in one place before line numbers get vague.
const LOOK_AHEAD: usize = 64;

/// Where the conflicts of a merge stand in the user's text.
fn conflict_lines(conflicted: &[u8], theirs: &[u8]) -> Vec<usize> {
    let theirs: Vec<&[u8]> = theirs.split_inclusive(|b| *b == b'\n').collect();
    let marker = |line: &[u8], sign: u8| line.starts_with(&[sign; MARKER]);
    let mut lines = Vec::new();
    let mut at = 0;
    let mut block: Option<Vec<&[u8]>> = None;
    let mut ours = false;
    for line in conflicted.split_inclusive(|b| *b == b'\n') {
        if marker(line, b'<') {
            ours = true;
        } else if marker(line, b'=') {
            ours = false;
            block = Some(Vec::new());
        } else if marker(line, b'>') {
            let part = block.take().unwrap_or_default();
            let found = (at..=theirs.len().saturating_sub(part.len()))
                .find(|&from| theirs[from..].starts_with(&part))
                .unwrap_or(at);
            lines.push(found + 1);
            at = found + part.len();
        } else if let Some(part) = &mut block {
            part.push(line);
        } else if !ours && (theirs.get(at) == Some(&line) || !line.trim_ascii().is_empty()) {
            // A line of both, or of the lane alone; and the lane may have deleted lines of the user's text.
            let ahead = theirs.get(at..).unwrap_or_default();
            if let Some(skipped) = ahead.iter().take(LOOK_AHEAD).position(|l| *l == line) {
                at += skipped + 1;
            }
        }
    }
    lines
}

/// What ends the lines of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Lf,
    CrLf,
    /// Both, or none at all.
    Mixed,
}

fn line_ends(bytes: &[u8]) -> Ends {
    let (mut crlf, mut lf) = (false, false);
    for (i, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b'\n') {
        if i > 0 && bytes[i - 1] == b'\r' {
            crlf = true;
        } else {
            lf = true;
        }
    }
    match (lf, crlf) {
        (true, false) => Ends::Lf,
        (false, true) => Ends::CrLf,
        _ => Ends::Mixed,
    }
}

/// The text with line ends of one kind; as it is for [`Ends::Mixed`].
fn with_line_ends(bytes: &[u8], ends: Ends) -> Vec<u8> {
    if ends == Ends::Mixed || line_ends(bytes) == ends {
        return bytes.to_vec();
    }
    let mut out = Vec::with_capacity(bytes.len() + 64);
    for (i, &b) in bytes.iter().enumerate() {
        match b {
            b'\r' if bytes.get(i + 1) == Some(&b'\n') => {}
            b'\n' if ends == Ends::CrLf => out.extend_from_slice(b"\r\n"),
            b => out.push(b),
        }
    }
    out
}
