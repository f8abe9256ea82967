//! Sections as tasks: of prose without any box, and headings that are called a task.

use super::context::is_background;
use super::dialect::Dialect;
use super::draft::{Draft, build, unmarked};
use super::marks::{Comment, comment_at_end};
use super::parse::Notes;
use super::reader::{Outline, Part};
use super::text::{Lines, collapse, dedent, line_end, without_comments};
use super::units;
use crate::model::{MarkSite, Task, TaskMark};

/// Tasks of a spec without boxes: its innermost sections that have text.
pub(super) fn from_sections(
    text: &str,
    lines: &Lines,
    outline: &Outline,
    dialect: &Dialect,
    notes: &mut Notes<'_>,
) -> Vec<Task> {
    let units = units::headings(outline);
    if !units.is_empty() {
        let drafts = units
            .iter()
            .map(|unit| unit_draft(text, unit, outline, dialect));
        return build(drafts.collect(), outline, dialect, notes);
    }
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
    build(drafts, outline, dialect, notes)
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
        unmarked: None,
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
        optional: false,
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
    // With a comment behind it, this is where a link leads, and no text any more.
    if first.starts_with('[') && first.ends_with("]:") {
        return None;
    }
    let rest = dedent(&text[end..part.section.span.end]);
    let mut made = section_draft(&first, &rest, comment, end, 0, part);
    made.line = lines.number(start);
    (!first.is_empty()).then_some(made)
}

/// A heading that is a task, with all that stands below it.
pub(super) fn unit_draft(
    text: &str,
    unit: &units::Unit,
    outline: &Outline,
    dialect: &Dialect,
) -> Draft {
    let part = &outline.parts[unit.part];
    let name = part.section.headings.last().map_or("", String::as_str);
    let below = part.body.start.min(unit.span.end)..unit.span.end;
    let body = dedent(&text[below.clone()]);
    let plain = dedent(&unmarked(text, below, outline, dialect));
    let mut made = section_draft(
        name,
        &body,
        part.comment.clone(),
        part.line_end,
        unit.part,
        part,
    );
    made.unmarked = Some(format!("{name}\n\n{plain}").trim_end().to_owned());
    made.span = unit.span.clone();
    made
}
