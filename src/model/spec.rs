//! A parsed spec: its tasks with byte positions, its front matter, and what was wrong with it.

use super::id::{ChunkId, SpecId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;

/// A spec file as parsed. Offsets index the file's bytes exactly as read (BOM and CRLF included).
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    pub id: SpecId,
    /// Path below the repository's root, with `/`.
    pub path: String,
    /// First heading, else the file's stem.
    pub title: String,
    pub front: FrontMatter,
    /// In document order. A task with children is done when they are and is never built itself.
    pub tasks: Vec<Task>,
    /// Headings and prose between tasks, in document order, for context.
    pub sections: Vec<Section>,
    pub diagnostics: Vec<Diagnostic>,
    /// True when tasks come from heading sections because the file has no checkboxes.
    pub prose: bool,
    /// True when tasks are the chunks of a model's plan, which say themselves what they depend on.
    pub planned: bool,
    /// What the file says of chunks of a model's plan, in order.
    pub chunk_marks: Vec<ChunkMark>,
}

/// A line of its own that says what became of a chunk of a model's plan. It stands whether the plan is known or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkMark {
    pub id: ChunkId,
    pub mark: TaskMark,
    /// The line with its line end, or with the one before it where the file ends without.
    pub span: Range<usize>,
}

impl Spec {
    /// Tasks and planned chunks whose own mark says that they are done.
    pub fn marked_done(&self) -> BTreeSet<ChunkId> {
        let tasks = self.tasks.iter().filter(|t| t.children.is_empty());
        let tasks = tasks.map(|t| (&t.id, &t.mark));
        let chunks = self.chunk_marks.iter().map(|c| (&c.id, &c.mark));
        tasks
            .chain(chunks)
            .filter(|(_, mark)| **mark == TaskMark::Done)
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// What the file says of a chunk of a model's plan: done, where it says so anywhere.
    pub fn chunk_mark(&self, id: &ChunkId) -> TaskMark {
        let said = self.chunk_marks.iter().filter(|c| c.id == *id);
        let mut open = TaskMark::Open;
        for said in said.map(|c| &c.mark) {
            if open == TaskMark::Open || *said == TaskMark::Done {
                open = said.clone();
            }
        }
        open
    }

    /// True when the task at `index` needs no work: its mark says so or, where it has children, all tasks
    /// inside it that have none are done. False where there is no such task.
    pub fn is_done(&self, index: usize) -> bool {
        let Some(task) = self.tasks.get(index) else {
            return false;
        };
        // The tasks inside one follow it in document order, deeper than itself.
        let inside = self.tasks[index + 1..]
            .iter()
            .take_while(|inner| inner.depth > task.depth);
        if task.children.is_empty() {
            return task.mark == TaskMark::Done;
        }
        inside
            .filter(|t| t.children.is_empty())
            .all(|t| t.mark == TaskMark::Done)
    }
}

/// A heading and the text below it, up to the next heading of any level.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Heading texts from the outermost to this one; empty for text before the first heading.
    pub headings: Vec<String>,
    pub level: u8,
    /// Bytes of the section, heading included.
    pub span: Range<usize>,
    /// 1-based line of the heading.
    pub line: usize,
}

/// What a spec says about itself between leading `---` lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrontMatter {
    /// Paths or slugs of specs that must be built first.
    pub depends_on: Vec<String>,
    /// Lower numbers first; specs without a priority come after those with one.
    pub priority: Option<i64>,
    pub status: SpecStatus,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecStatus {
    #[default]
    Ready,
    /// Not built.
    Draft,
    /// Finished by hand: nothing in it is built any more.
    Done,
}

/// One item of a spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Explicit id where it is a name and unique in the spec, else 12 hex digits.
    pub id: ChunkId,
    /// What people call it: `T007`, `2.1`. None where the text starts with plain words.
    pub label: Option<String>,
    /// True when `label` is an explicit id (a name), not a position.
    pub named: bool,
    /// First line of the task's own text without label and marks.
    pub title: String,
    /// The task's own text and everything that belongs to it (paragraphs, code, plain sub-items),
    /// without the text of child tasks.
    pub text: String,
    /// 12 hex digits over the normalised text: the same id with another fingerprint is *changed*.
    pub fingerprint: String,
    /// Bytes of the whole item, children included.
    pub span: Range<usize>,
    /// 1-based line of the box or heading.
    pub line: usize,
    /// Index into [`Spec::sections`].
    pub section: usize,
    /// Nesting depth among tasks; 0 at the top.
    pub depth: usize,
    /// Index of the parent task.
    pub parent: Option<usize>,
    /// Indexes of child tasks.
    pub children: Vec<usize>,
    /// What stands at this task's own site; for a task with children [`Spec::is_done`] decides.
    pub mark: TaskMark,
    pub site: MarkSite,
    /// Labels this task says it depends on, as written (`T004`).
    pub depends_on: Vec<String>,
    /// Paths named in the task's text, as written.
    pub files: Vec<String>,
}

/// What a spec says about a task's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskMark {
    Open,
    Done,
    /// The first `done` of `of` parts of a split task have landed; `bounds` freezes how it was split.
    Partial {
        done: usize,
        of: usize,
        bounds: String,
    },
}

/// Where a task's mark is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkSite {
    /// The byte between the brackets of a checkbox, and the end of the box's line (before its line end)
    /// where a part comment goes; `comment` is the comment that already stands there.
    Checkbox {
        tick: usize,
        line_end: usize,
        comment: Option<Range<usize>>,
    },
    /// End of the heading's line, where the comment of a prose section goes.
    Heading {
        line_end: usize,
        comment: Option<Range<usize>>,
    },
    /// A line of its own behind the text, for a chunk of a model's plan; `span` is the line that stands already,
    /// as in [`ChunkMark`].
    Line { span: Option<Range<usize>> },
}

/// Something wrong or doubtful in a spec, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub path: String,
    /// 1-based; 0 when the whole file is meant.
    pub line: usize,
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Warning,
    /// The file cannot be built; others go on, and the exit code says so.
    Error,
}
