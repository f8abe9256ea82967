//! A parsed spec: its tasks with byte positions, its front matter, and what was wrong with it.

use super::document::Beside;
use super::id::{ChunkId, SpecId};
use super::rule::Rule;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;

/// A spec file as parsed. Offsets index the file's bytes exactly as read (BOM and CRLF included).
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    pub id: SpecId,
    /// Path below the repository's root, with `/`.
    pub path: String,
    /// What it is written as: the format's name, as people are shown it.
    pub format: &'static str,
    /// First heading, else the file's stem.
    pub title: String,
    pub front: FrontMatter,
    /// In document order: an enclosing task comes before those inside it.
    pub tasks: Vec<Task>,
    /// What is built before what, by the shape of the text; in document order.
    pub stages: Vec<Stage>,
    /// Headings and prose between tasks, in document order, for context.
    pub sections: Vec<Section>,
    pub diagnostics: Vec<Diagnostic>,
    /// What stands beside it and says more, weightiest first.
    pub beside: Vec<Beside>,
    /// Why nothing of it is built although nothing is wrong with it, but for who names it.
    pub held: Option<String>,
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
    /// Tasks that are built as a chunk, open or not, left out or not.
    pub fn work(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|t| t.role == Role::Work)
    }

    /// True while there is work that is to be built and is not done.
    pub fn has_open_work(&self) -> bool {
        self.work()
            .any(|t| t.mark != TaskMark::Done && t.aside.is_none())
    }

    /// Tasks and planned chunks whose own mark says that they are done.
    pub fn marked_done(&self) -> BTreeSet<ChunkId> {
        let tasks = self.work().map(|t| (&t.id, &t.mark));
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

    /// True when the task at `index` needs no work: its mark says so or, for a group, all work inside it is done or
    /// need not be. False where there is no such task.
    pub fn is_done(&self, index: usize) -> bool {
        let Some(task) = self.tasks.get(index) else {
            return false;
        };
        if task.role != Role::Group {
            return task.mark == TaskMark::Done;
        }
        self.inside(index)
            .filter(|t| t.role == Role::Work)
            .all(|t| t.mark == TaskMark::Done || t.aside.as_ref().is_some_and(Aside::is_for_good))
    }

    /// The tasks inside the one at `index`, at any depth, in document order.
    pub fn inside(&self, index: usize) -> impl Iterator<Item = &Task> {
        let depth = self.tasks.get(index).map_or(usize::MAX, |t| t.depth);
        // They follow it, deeper than itself.
        let behind = self.tasks.get(index + 1..).unwrap_or_default().iter();
        behind.take_while(move |inner| inner.depth > depth)
    }

    /// The groups around the task at `index`, innermost first.
    pub fn around(&self, index: usize) -> impl Iterator<Item = usize> {
        let parent = |at: usize| self.tasks.get(at).and_then(|t| t.parent);
        std::iter::successors(parent(index), move |at| parent(*at))
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

/// Tasks that the shape of the text puts together: those of a section, of a phase, of a wave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// Stages that must be built first; each stands before this one.
    pub after: Vec<usize>,
    /// Its tasks are built one after the other, but for those that are [`Task::parallel`].
    pub in_turn: bool,
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
    /// Index into [`Spec::stages`].
    pub stage: usize,
    /// Nesting depth among tasks; 0 at the top.
    pub depth: usize,
    /// Index of the parent task.
    pub parent: Option<usize>,
    /// Indexes of child tasks.
    pub children: Vec<usize>,
    pub role: Role,
    /// What stands at this task's own site; of a task with steps, what the steps say. For a group
    /// [`Spec::is_done`] decides.
    pub mark: TaskMark,
    pub site: MarkSite,
    /// The spec says that it may be left out.
    pub optional: bool,
    /// Why it is not built although it is not done.
    pub aside: Option<Aside>,
    /// It may be built beside the tasks around it.
    pub parallel: bool,
    /// Lower ones are built first where nothing else decides; tasks without one come after those with one.
    pub priority: Option<i64>,
    /// Labels this task says it depends on, as written (`T004`).
    pub depends_on: Vec<String>,
    /// Paths named in the task's text, as written.
    pub files: Vec<String>,
    /// Requirements, stories and criteria that this task says it is for, as written (`1.2`, `US1`, `FR-003`).
    pub meets: Vec<String>,
}

/// What a task is to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One unit of work: built as a chunk.
    Work,
    /// Holds other tasks, and is done when they are.
    Group,
    /// A step of the work around it, built and ticked with it.
    Step,
}

/// Why an open task is not built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Aside {
    /// The spec says that it may be left out, and nobody asked for it.
    Optional,
    /// Its state says that nobody wants it any more.
    Cancelled { said: String },
    /// Its state says that it waits for somebody or something.
    Waits { said: String },
    /// It needs a task that is itself left out.
    Needs { task: String },
    /// It belongs to another list than the one that is worked on.
    OtherList { name: String },
}

impl Aside {
    /// The word for it in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Cancelled { .. } => "cancelled",
            Self::Waits { .. } => "waits",
            Self::Needs { .. } => "needs",
            Self::OtherList { .. } => "other_list",
        }
    }

    /// True where what is around the task, or needs it, goes on without it.
    pub fn is_for_good(&self) -> bool {
        match self {
            Self::Optional | Self::Cancelled { .. } => true,
            Self::Waits { .. } | Self::Needs { .. } | Self::OtherList { .. } => false,
        }
    }
}

/// In words, behind "is not built: ".
impl std::fmt::Display for Aside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Optional => f.write_str("it is optional"),
            Self::Cancelled { said } | Self::Waits { said } => write!(f, "the spec says `{said}`"),
            Self::Needs { task } => write!(f, "it needs {task}, which is not built"),
            Self::OtherList { name } => write!(f, "it belongs to the list `{name}`"),
        }
    }
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
    /// Not done, and more is said than that.
    Noted {
        /// As written: the sign in the brackets, or the JSON value.
        said: String,
        means: Meaning,
    },
}

/// What a state that is neither open nor done means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Somebody began: it is built as if it were open.
    Started,
    /// It waits for somebody or something.
    Waits,
    /// Nobody wants it any more.
    Cancelled,
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
    /// End of the heading's line, where the comment of a prose section goes, and of a part of a task with steps.
    Heading {
        line_end: usize,
        comment: Option<Range<usize>>,
    },
    /// A line of its own behind the text, for a chunk of a model's plan; `span` is the line that stands already,
    /// as in [`ChunkMark`].
    Line { span: Option<Range<usize>> },
    /// The value of a JSON record that holds its state. Where the record has none, `span` is empty and stands where
    /// `before` and a value make one.
    Value {
        span: Range<usize>,
        before: String,
        words: Words,
    },
}

/// How a record says that it is open, and that it is done: JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    pub open: &'static str,
    pub done: &'static str,
}

/// Something wrong or doubtful in a spec, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub rule: Rule,
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
