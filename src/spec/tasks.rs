//! From boxes to tasks.

use super::dialect::{Dialect, Units};
use super::draft::{Draft, build, part_comment, unmarked};
use super::label::split_label;
use super::parse::Notes;
use super::reader::{Near, Outline, RawBox};
use super::sections::unit_draft;
use super::text::{Lines, cut, dedent, line_end, unix, without_comments};
use super::units;
use crate::model::{MarkSite, Rule, Task, TaskMark};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// What the boxes of a spec came to.
pub(super) struct Boxes {
    pub(super) tasks: Vec<Task>,
    /// Lines of open boxes that are context and belong to no task.
    pub(super) open_context: Vec<usize>,
}

/// Tasks of a spec with boxes.
pub(super) fn from_boxes(
    text: &str,
    lines: &Lines,
    outline: &Outline,
    dialect: &Dialect,
    notes: &mut Notes<'_>,
) -> Boxes {
    // Where nothing but criteria has boxes, headings say what is to be done.
    let is_all_context = outline.boxes.iter().all(|b| b.context);
    let by_headings = dialect.units.by_headings() || is_all_context;
    let units = match by_headings && !outline.boxes.is_empty() {
        true => units::headings(outline),
        false => Vec::new(),
    };
    let unit_at = |at: usize| {
        let unit = units.partition_point(|u| u.span.start <= at).checked_sub(1);
        unit.filter(|&unit| units[unit].span.contains(&at))
    };
    let is_work = |raw: &RawBox| {
        !raw.context || (is_all_context && dialect.is_list) || unit_at(raw.tick).is_some()
    };
    let mut inner: Vec<Vec<usize>> = vec![Vec::new(); outline.boxes.len()];
    for (index, raw) in outline.boxes.iter().enumerate() {
        if let Some(parent) = raw.parent.filter(|_| is_work(raw)) {
            inner[parent].push(index);
        }
    }
    let mut drafts: Vec<Draft> = Vec::with_capacity(outline.boxes.len() + units.len());
    // For every box the draft that stands for it: its own, or that of the nearest box around it.
    let mut stands_for: Vec<Option<usize>> = vec![None; outline.boxes.len()];
    let mut unit_drafts: Vec<usize> = Vec::with_capacity(units.len());
    let (mut empty, mut open_context) = (Vec::new(), Vec::new());
    let mut pending = units.iter().peekable();
    for (index, raw) in outline.boxes.iter().enumerate() {
        while let Some(unit) = pending.next_if(|u| u.span.start <= raw.span.start) {
            unit_drafts.push(drafts.len());
            drafts.push(unit_draft(text, unit, outline, dialect));
        }
        let unit = unit_at(raw.tick);
        let outer = raw.parent.and_then(|p| stands_for[p]);
        let parent = outer.or(unit.and_then(|u| unit_drafts.get(u).copied()));
        stands_for[index] = parent;
        let line = lines.number(raw.tick);
        if !is_work(raw) {
            if !matches!(text.as_bytes()[raw.tick], b'x' | b'X') {
                open_context.push(line);
            }
            continue;
        }
        let is_whole = dialect.units == Units::Outermost && parent.is_none();
        let holes: Vec<Range<usize>> = match is_whole {
            true => Vec::new(),
            false => inner[index]
                .iter()
                .map(|&i| outline.boxes[i].span.clone())
                .collect(),
        };
        match draft(text, lines, raw, &holes, dialect) {
            Some(made) => {
                stands_for[index] = Some(drafts.len());
                let whole = raw.text..raw.span.end.max(raw.text);
                drafts.push(Draft {
                    parent,
                    line,
                    unmarked: is_whole.then(|| dedent(&unmarked(text, whole, outline, dialect))),
                    ..made
                });
            }
            None => empty.push(line),
        }
    }
    drafts.extend(pending.map(|unit| unit_draft(text, unit, outline, dialect)));
    warn_near(outline, lines, &empty, notes);
    if dialect.numbers_nest {
        nest_by_number(&mut drafts);
    }
    Boxes {
        tasks: build(drafts, outline, dialect, notes),
        open_context,
    }
}

/// Makes an item that is numbered `2.1` one inside the item `2` before it, where people write both at one
/// indentation.
fn nest_by_number(drafts: &mut [Draft]) {
    let numbers: Vec<Option<String>> = drafts
        .iter()
        .map(|d| split_label(&d.first).0.filter(|l| !l.named))
        .map(|label| label.map(|l| l.text))
        .collect();
    // For items that stand side by side in the text the numbers that are still open, outermost first: what is inside
    // an item follows it before anything else does.
    let mut open = HashMap::new();
    for (index, number) in numbers.iter().enumerate() {
        let beside = (drafts[index].section, drafts[index].parent);
        let path: &mut Vec<(&str, usize)> = open.entry(beside).or_default();
        let Some(number) = number.as_deref() else {
            path.clear();
            continue;
        };
        // `2.0` is what `2.1` is inside of, too.
        let carried = number.strip_suffix(".0").unwrap_or(number);
        let is_outer = |outer: &str| {
            let inner = carried.strip_prefix(outer);
            inner.is_some_and(|rest| rest.starts_with('.'))
        };
        while path.pop_if(|(outer, _)| !is_outer(outer)).is_some() {}
        let parent = path.last().map(|(_, parent)| *parent);
        path.push((carried, index));
        if parent.is_some() {
            drafts[index].parent = parent;
            let end = drafts[index].span.end;
            let mut around = parent;
            while let Some(at) = around {
                drafts[at].span.end = drafts[at].span.end.max(end);
                around = drafts[at].parent;
            }
        }
    }
    // A task that is built with its steps says what they say, wherever they are written.
    let nested: Vec<(usize, usize)> = (0..drafts.len())
        .filter_map(|index| {
            let ancestors = std::iter::successors(drafts[index].parent, |at| drafts[*at].parent);
            Some((ancestors.last()?, index))
        })
        .collect();
    for (whole, index) in nested {
        let step = &drafts[index];
        let sign = match step.mark {
            TaskMark::Done => 'x',
            _ => ' ',
        };
        let said = step.text.replace('\n', "\n  ");
        let (text, unmarked) = (format!("\n- [{sign}] {said}"), format!("\n- [ ] {said}"));
        let whole = &mut drafts[whole];
        if let Some(before) = &mut whole.unmarked
            && !whole.text.contains(&said)
        {
            before.push_str(&unmarked);
            whole.text.push_str(&text);
        }
    }
}

/// Reads one box; None when it has no text of its own.
fn draft(
    text: &str,
    lines: &Lines,
    raw: &RawBox,
    children: &[Range<usize>],
    dialect: &Dialect,
) -> Option<Draft> {
    let bytes = text.as_bytes();
    let end_of_line = line_end(bytes, raw.tick);
    let comment = part_comment(text, raw.text, end_of_line);

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
    let mark = match (dialect.mark(bytes[raw.tick]), &comment) {
        (TaskMark::Open, Some(comment)) => comment.says.mark(),
        (said, _) => said,
    };
    Some(Draft {
        text: own,
        unmarked: None,
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
        optional: raw.optional,
    })
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
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
            Rule::NotABox,
            line,
            "an empty box is no task".to_owned(),
            "write what is to be done behind it, or remove it",
        );
    }
    for line in of(Near::Malformed) {
        notes.warn(
            Rule::NotABox,
            line,
            "looks like a box and is none".to_owned(),
            "write `- [ ] text`: a space in the brackets and one behind them",
        );
    }
}
