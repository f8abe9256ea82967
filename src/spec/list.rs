//! A task list in Markdown, in one dialect or another.

use super::dialect::Dialect;
use super::front;
use super::lines as mark_lines;
use super::parse::{Notes, ParseOptions, Source};
use super::places;
use super::reader::{self, Outline};
use super::sections;
use super::tasks;
use super::text::{Lines, beginning};
use super::units::stages_by_section;
use crate::model::spec::SpecStatus;
use crate::model::{Rule, Spec};

/// What lists are called by those who write them for everybody: of a list they say nothing.
const NAMELESS: [&str; 14] = [
    "implementation",
    "implementation plan",
    "implementation tasks",
    "plan",
    "spec tasks",
    "task list",
    "tasks",
    "todo",
    "plan de implementación",
    "実装タスク",
    "実装計画",
    "实施计划",
    "实现计划",
    "구현 계획",
];

/// The first heading; of a list that its folder is named for, and whose own heading says nothing, the folder.
fn title(path: &str, outline: &Outline) -> Option<String> {
    let mut headings = outline.parts.iter().map(|part| &part.section);
    let first = headings.find(|section| !section.headings.is_empty());
    let heading = first.and_then(|s| Some((s.level, s.headings.last()?)));
    let heading = heading.filter(|(_, words)| !words.is_empty());
    let mut names = path.rsplit('/');
    let folder = names.next().filter(|file| places::is(file, "tasks.md"));
    let folder = folder.and_then(|_| names.next());
    let says = |level, words: &str| {
        level == 1 && !NAMELESS.contains(&words.trim().to_lowercase().as_str())
    };
    match (heading, folder) {
        (Some((level, words)), Some(folder)) if !says(level, words) => Some(folder.to_owned()),
        (Some((_, words)), _) => Some(words.clone()),
        (None, folder) => folder.map(str::to_owned),
    }
}

/// Reads the whole text. `format` is what people call the format.
pub(super) fn read(
    source: Source<'_>,
    format: &'static str,
    dialect: &Dialect,
    options: ParseOptions,
    notes: &mut Notes<'_>,
) -> Spec {
    let stem = source.stem().to_owned();
    let (path, text) = (source.path, source.text);
    // The byte order mark and front matter are not markdown: reading begins behind them.
    // Marks of planned chunks are no part of either one, wherever they stand.
    let (end, chunk_marks) = mark_lines::read(text);
    let plain = mark_lines::Plain::new(
        &text[..end],
        Lines::new(&text.as_bytes()[..end]),
        &chunk_marks,
    );
    let (text, lines) = (&*plain.text, &plain.lines);
    let from_here = notes.len();
    let (front, base) = front::read(text, beginning(text), lines, notes);
    let outline = reader::read(text, base, lines);

    let boxes = tasks::from_boxes(text, lines, &outline, dialect, notes);
    let mut tasks = boxes.tasks;
    let mut prose = false;
    if tasks.is_empty() && options.prose {
        tasks = sections::from_sections(text, lines, &outline, dialect, notes);
        prose = !tasks.is_empty();
    }
    if !prose
        && front.status == SpecStatus::Ready
        && boxes.open_context.len() > tasks.len()
        && let Some(first) = boxes.open_context.first()
    {
        notes.warn(
            Rule::TasksAsCriteria,
            *first,
            format!(
                "{} open boxes stand below words such as \"acceptance criteria\" and are no tasks",
                boxes.open_context.len()
            ),
            "name the file with --spec to build its sections, or move boxes that are work below another heading",
        );
    }
    let title = title(path, &outline).unwrap_or(stem);
    let stages = stages_by_section(&mut tasks);
    let mut spec = Spec {
        id: source.id,
        path: path.to_owned(),
        format,
        title,
        front,
        tasks,
        stages,
        sections: outline.parts.into_iter().map(|part| part.section).collect(),
        diagnostics: Vec::new(),
        beside: Vec::new(),
        held: None,
        prose,
        planned: false,
        chunk_marks,
    };
    plain.restore(&mut spec);
    notes.moved_since(from_here, |line| plain.line(line));
    spec
}
