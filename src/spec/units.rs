//! Which tasks are chunks: what is work, what holds work, and what is a step of it.

use super::dialect::Units;
use super::label::{Label, split_label};
use super::reader::Outline;
use crate::model::{Aside, MarkSite, Meaning, Role, Stage, Task, TaskMark};
use std::ops::Range;

/// A heading that is a task, and what belongs to it.
pub(super) struct Unit {
    /// Index into the outline's parts.
    pub(super) part: usize,
    /// Bytes from the heading up to the next one of its level or above.
    pub(super) span: Range<usize>,
}

/// The headings that are called a task (`### Task 3: Routes`, `#### T012 Add the table`), innermost ones only; and
/// stories (`### US-001: …`) that have boxes for their criteria alone.
pub(super) fn headings(outline: &Outline) -> Vec<Unit> {
    let parts = &outline.parts;
    let last_of = |index: usize| {
        let level = parts[index].section.level;
        let behind = parts[index + 1..].iter();
        index + behind.take_while(|p| p.section.level > level).count()
    };
    let only_criteria = |index: usize| {
        let mut boxes = outline.boxes.iter();
        boxes.all(|b| b.context || !(index..=last_of(index)).contains(&b.section))
    };
    let is_unit = |index: usize| {
        let part = &parts[index];
        let heading = part.section.headings.last().map_or("", String::as_str);
        !part.context && (is_task(heading) || (is_story(heading) && only_criteria(index)))
    };
    let units: Vec<usize> = (0..parts.len()).filter(|&i| is_unit(i)).collect();
    let innermost = |index: &usize| {
        let behind = units.partition_point(|unit| unit <= index);
        units.get(behind).is_none_or(|next| *next > last_of(*index))
    };
    units
        .iter()
        .copied()
        .filter(innermost)
        .map(|index| Unit {
            part: index,
            span: parts[index].section.span.start..parts[last_of(index)].section.span.end,
        })
        .collect()
}

/// What people call a task, before its number.
const WORDS: [&str; 10] = [
    "task",
    "aufgabe",
    "tarea",
    "tarefa",
    "tâche",
    "задача",
    "任务",
    "任務",
    "タスク",
    "작업",
];

/// `Task 3: …`, `Task 2.1 …` in a few languages, and ids of the form `T012`.
fn is_task(heading: &str) -> bool {
    let lower = heading.to_lowercase();
    let lower = lower.trim_start_matches(|c: char| !c.is_alphanumeric());
    let numbered = WORDS.iter().any(|word| {
        let rest = lower.strip_prefix(word).unwrap_or_default();
        let number = rest.trim_start_matches([' ', '\u{3000}', '#', '-']);
        // Agent OS gives such a group to one builder.
        let number = number.strip_prefix("group ").unwrap_or(number);
        // Only where letters end does a word of ASCII.
        let apart = !word.is_ascii() || number.len() < rest.len();
        apart && number.starts_with(|c: char| c.is_ascii_digit())
    });
    numbered || split_label(heading).0.is_some_and(|label| is_id(&label))
}

/// `US-001: …`.
fn is_story(heading: &str) -> bool {
    let label = split_label(heading).0.filter(|label| label.named);
    label.is_some_and(|l| ["US", "STORY"].iter().any(|word| l.text.starts_with(word)))
}

/// `T012`, `TASK-7`.
fn is_id(label: &Label) -> bool {
    let digits = label
        .text
        .strip_prefix("TASK")
        .or_else(|| label.text.strip_prefix('T'));
    let digits = digits.map(|d| d.trim_start_matches(['-', '_']));
    label.named && digits.is_some_and(|d| d.starts_with(|c: char| c.is_ascii_digit()))
}

/// Gives every task its role, and a task with steps the mark that its steps make.
pub(super) fn settle(tasks: &mut [Task], units: Units) {
    for index in 0..tasks.len() {
        let is_inherited = tasks[index].parent.is_some_and(|p| tasks[p].optional);
        tasks[index].optional |= is_inherited;
    }
    for index in 0..tasks.len() {
        let task = &tasks[index];
        let all_optional = || !task.optional && task.children.iter().all(|&c| tasks[c].optional);
        let role = match task.parent {
            Some(parent) if tasks[parent].role == Role::Step || has_steps(tasks, parent, units) => {
                Role::Step
            }
            // What a task is about besides what may be left out of it is work of its own.
            Some(_) | None => match task.children.is_empty() || has_steps(tasks, index, units) {
                true => Role::Work,
                false if all_optional() => Role::Work,
                false => Role::Group,
            },
        };
        tasks[index].role = role;
    }
    for index in 0..tasks.len() {
        let has_steps = !tasks[index].children.is_empty() && has_steps(tasks, index, units);
        if tasks[index].role != Role::Work || !has_steps {
            continue;
        }
        let depth = tasks[index].depth;
        let mut steps = tasks[index + 1..].iter().take_while(|t| t.depth > depth);
        let done = steps.all(|t| !t.children.is_empty() || t.mark == TaskMark::Done);
        let mark = &mut tasks[index].mark;
        match done {
            true => *mark = TaskMark::Done,
            false if *mark == TaskMark::Done => *mark = TaskMark::Open,
            false => {}
        }
    }
}

/// True for a task whose inner boxes are its steps.
fn has_steps(tasks: &[Task], index: usize, units: Units) -> bool {
    let task = &tasks[index];
    let is_heading = matches!(task.site, MarkSite::Heading { .. });
    match units {
        Units::Outermost => task.parent.is_none(),
        Units::Headings | Units::Leaves => is_heading,
        Units::Ids => {
            let ids_inside = || task.children.iter().any(|&c| tasks[c].named);
            is_heading || (task.named && !ids_inside())
        }
    }
}

/// Puts tasks of one section into one stage, and each stage behind the one before it.
pub(super) fn stages_by_section(tasks: &mut [Task]) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut last = None;
    for index in 0..tasks.len() {
        if tasks[index].role == Role::Step {
            tasks[index].stage = tasks[index].parent.map_or(0, |p| tasks[p].stage);
            continue;
        }
        if last.replace(tasks[index].section) != Some(tasks[index].section) {
            stages.push(Stage {
                after: stages.len().checked_sub(1).into_iter().collect(),
                in_turn: false,
            });
        }
        tasks[index].stage = stages.len() - 1;
    }
    stages
}

/// Says of each open task why it is not built, where it is not.
pub(super) fn set_aside(tasks: &mut [Task], with_optional: bool) {
    for index in 0..tasks.len() {
        let outer = tasks[index].parent.map(|p| &tasks[p]);
        let task = &tasks[index];
        let aside = match &task.mark {
            TaskMark::Done => None,
            TaskMark::Noted { said, means } => {
                let said = said.trim_matches('"').to_owned();
                match means {
                    Meaning::Started => None,
                    Meaning::Waits => Some(Aside::Waits { said }),
                    Meaning::Cancelled => Some(Aside::Cancelled { said }),
                }
            }
            TaskMark::Open | TaskMark::Partial { .. } => None,
        };
        let inherited = outer
            .filter(|_| task.mark != TaskMark::Done)
            .and_then(|outer| outer.aside.clone());
        let optional = task.optional && !with_optional && task.mark != TaskMark::Done;
        // A format may have said so already.
        let told = tasks[index]
            .aside
            .take()
            .filter(|_| tasks[index].mark != TaskMark::Done);
        let aside = told.or(aside).or(inherited);
        tasks[index].aside = aside.or(optional.then_some(Aside::Optional));
    }
}
