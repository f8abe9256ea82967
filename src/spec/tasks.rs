//! From boxes and sections to tasks.

use super::context::is_background;
use super::hints;
use super::identity::{self, Identity};
use super::label::split_label;
use super::marks::{Comment, Says, comment_at_end};
use super::parse::Notes;
use super::reader::{Near, Outline, Part, RawBox};
use super::text::{Lines, collapse, cut, dedent, line_end, unix, without_comments};
use crate::model::{MarkSite, Task, TaskMark};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// What is read off one box or section, before it gets its id.
struct Draft {
    /// Whole own text, dedented.
    text: String,
    /// First paragraph, or the heading: what the id is made of.
    first: String,
    site: MarkSite,
    mark: TaskMark,
    span: Range<usize>,
    line: usize,
    section: usize,
    parent: Option<usize>,
}

/// Tasks of a spec with boxes.
pub(super) fn from_boxes(
    text: &str,
    lines: &Lines,
    outline: &Outline,
    notes: &mut Notes<'_>,
) -> Vec<Task> {
    let mut inner: Vec<Vec<usize>> = vec![Vec::new(); outline.boxes.len()];
    for (index, raw) in outline.boxes.iter().enumerate() {
        if let Some(parent) = raw.parent.filter(|_| !raw.context) {
            inner[parent].push(index);
        }
    }
    let mut drafts: Vec<Draft> = Vec::with_capacity(outline.boxes.len());
    // For every box the draft that stands for it: its own, or that of the nearest box around it.
    let mut stands_for: Vec<Option<usize>> = vec![None; outline.boxes.len()];
    let mut empty = Vec::new();
    for (index, raw) in outline.boxes.iter().enumerate() {
        let parent = raw.parent.and_then(|p| stands_for[p]);
        stands_for[index] = parent;
        if raw.context {
            continue;
        }
        let holes: Vec<Range<usize>> = inner[index]
            .iter()
            .map(|&i| outline.boxes[i].span.clone())
            .collect();
        let line = lines.number(raw.tick);
        match draft(text, lines, raw, &holes) {
            Some(made) => {
                stands_for[index] = Some(drafts.len());
                drafts.push(Draft {
                    parent,
                    line,
                    ..made
                });
            }
            None => empty.push(line),
        }
    }
    warn_near(outline, lines, &empty, notes);
    build(drafts, outline, notes)
}

/// Reads one box; None when it has no text of its own.
fn draft(text: &str, lines: &Lines, raw: &RawBox, children: &[Range<usize>]) -> Option<Draft> {
    let bytes = text.as_bytes();
    let end_of_line = line_end(bytes, raw.tick);
    let comment = comment_at_end(text, raw.text, end_of_line)
        .filter(|comment| matches!(comment.says, Says::Part { .. }));

    let mut holes: Vec<Range<usize>> = comment.iter().map(|c| c.range.clone()).collect();
    for child in children {
        // The child's indentation goes with it; blank lines behind the last child stay.
        let start = lines.start(child.start).max(raw.text);
        let start = if is_blank(&text[start..child.start]) {
            start
        } else {
            child.start
        };
        let content = child.start + text[child.clone()].trim_end().len();
        let end = lines
            .start_of(lines.number(content) + 1)
            .map_or(child.end, |next| next.min(child.end));
        match holes
            .last_mut()
            .filter(|last| last.end <= start && is_blank(&text[last.end..start]))
        {
            Some(last) if comment.as_ref().is_none_or(|c| last.start != c.range.start) => {
                last.end = end
            }
            _ => holes.push(start..end),
        }
    }
    let whole = raw.text..raw.span.end.max(raw.text);
    let first_end = children
        .first()
        .map_or(raw.first_end, |c| raw.first_end.min(c.start));
    let own = dedent(&cut(text, whole.clone(), &holes));
    let first = without_comments(&cut(
        text,
        raw.text..first_end.clamp(raw.text, whole.end),
        &holes,
    ));
    let first = match first.trim() {
        // What stands in a list inside the box does not speak for the box.
        "" if raw.list_first => return None,
        "" => without_comments(&own)
            .trim()
            .lines()
            .next()
            .unwrap_or("")
            .to_owned(),
        first => unix(first).into_owned(),
    };
    if first.trim().is_empty() {
        return None;
    }
    let ticked = matches!(bytes[raw.tick], b'x' | b'X');
    let mark = match &comment {
        _ if ticked => TaskMark::Done,
        Some(comment) => comment.says.mark(),
        None => TaskMark::Open,
    };
    Some(Draft {
        text: own,
        first,
        site: MarkSite::Checkbox {
            tick: raw.tick,
            line_end: end_of_line,
            comment: comment.map(|c| c.range),
        },
        mark,
        span: raw.span.clone(),
        line: 0,
        section: raw.section,
        parent: None,
    })
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Tasks of a spec without boxes: its innermost sections that have text.
pub(super) fn from_sections(
    text: &str,
    lines: &Lines,
    outline: &Outline,
    notes: &mut Notes<'_>,
) -> Vec<Task> {
    let innermost = |index: usize| {
        let level = outline.parts[index].section.level;
        level > 0
            && outline
                .parts
                .get(index + 1)
                .is_none_or(|next| next.section.level <= level)
    };
    let body = |part: &Part| dedent(&text[part.body.clone()]);
    let candidates: Vec<usize> = (0..outline.parts.len())
        .filter(|&i| innermost(i) && !outline.parts[i].context)
        .filter(|&i| !without_comments(&body(&outline.parts[i])).trim().is_empty())
        .collect();
    let name = |index: usize| {
        outline.parts[index]
            .section
            .headings
            .last()
            .map_or("", String::as_str)
    };
    let work: Vec<usize> = candidates
        .iter()
        .copied()
        .filter(|&i| !is_background(name(i)))
        .collect();
    // A file of nothing but an "Overview" asks for what the overview says.
    let chosen = if work.is_empty() { candidates } else { work };
    let mut drafts: Vec<Draft> = chosen
        .into_iter()
        .map(|index| {
            let part = &outline.parts[index];
            let heading = name(index);
            let first = if heading.is_empty() {
                "untitled section"
            } else {
                heading
            };
            section_draft(
                first,
                &body(part),
                part.comment.clone(),
                part.line_end,
                index,
                part,
            )
        })
        .collect();
    // Only a paragraph can carry a mark at the end of its first line.
    if let [only] = outline.parts.as_slice()
        && drafts.is_empty()
        && outline.opens_with_text
    {
        drafts.extend(whole_file(text, lines, only));
    }
    build(drafts, outline, notes)
}

fn section_draft(
    first: &str,
    body: &str,
    comment: Option<Comment>,
    line_end: usize,
    section: usize,
    part: &Part,
) -> Draft {
    Draft {
        text: format!("{first}\n\n{body}").trim_end().to_owned(),
        first: first.to_owned(),
        mark: comment.as_ref().map_or(TaskMark::Open, |c| c.says.mark()),
        site: MarkSite::Heading {
            line_end,
            comment: comment.map(|c| c.range),
        },
        span: part.section.span.clone(),
        line: part.section.line,
        section,
        parent: None,
    }
}

/// A file without any heading is one task; its first line stands for the heading.
fn whole_file(text: &str, lines: &Lines, part: &Part) -> Option<Draft> {
    let body = &text[part.section.span.clone()];
    let start = part.section.span.start + (body.len() - body.trim_start().len());
    let end = line_end(text.as_bytes(), start);
    let comment = comment_at_end(text, start, end);
    let cut_end = comment.as_ref().map_or(end, |c| c.range.start);
    let first = collapse(&without_comments(&text[start..cut_end]));
    let rest = dedent(&text[end..part.section.span.end]);
    let mut made = section_draft(&first, &rest, comment, end, 0, part);
    made.line = lines.number(start);
    (!first.is_empty()).then_some(made)
}

/// Labels, ids, hints and the tree.
fn build(drafts: Vec<Draft>, outline: &Outline, notes: &mut Notes<'_>) -> Vec<Task> {
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
            split_label(&draft.text).1.into_owned(),
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
            text: draft.text,
            span: draft.span,
            line: draft.line,
            section: draft.section,
            depth: draft.parent.map_or(0, |parent| tasks[parent].depth + 1),
            parent: draft.parent,
            children: Vec::new(),
            mark: draft.mark,
            site: draft.site,
        });
    }
    tasks
}

/// The first line of the words behind the label, or of the whole text where the label is all there is.
fn title(rest: &str, first: &str) -> String {
    let words = if rest.trim().is_empty() { first } else { rest };
    collapse(words.trim_start().lines().next().unwrap_or(""))
}

/// Warns of items that people take for boxes and markdown does not.
fn warn_near(outline: &Outline, lines: &Lines, empty: &[usize], notes: &mut Notes<'_>) {
    let boxes: HashSet<usize> = outline
        .boxes
        .iter()
        .map(|raw| lines.number(raw.tick))
        .collect();
    let of = |kind: Near| -> Vec<usize> {
        let found = outline
            .near
            .iter()
            .filter(|(line, near)| *near == kind && !boxes.contains(line));
        found.map(|(line, _)| *line).collect()
    };
    for line in empty.iter().copied().chain(of(Near::Empty)) {
        notes.warn(
            line,
            "an empty box is no task".to_owned(),
            "write what is to be done behind it, or remove it",
        );
    }
    for line in of(Near::Malformed) {
        notes.warn(
            line,
            "looks like a box and is none".to_owned(),
            "write `- [ ] text`: a space in the brackets and one behind them",
        );
    }
    let optional = of(Near::Optional);
    if let Some(&first) = optional.first() {
        notes.warn(
            first,
            format!(
                "{} items marked optional (`[ ]*`) are not built",
                optional.len()
            ),
            "remove the `*` behind the box to have them built",
        );
    }
}
