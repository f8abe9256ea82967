//! What tells one way of writing task lists in Markdown from another.

use crate::model::{Meaning, TaskMark};

/// How one tool's lists are read.
pub(super) struct Dialect {
    pub(super) units: Units,
    /// What `[-]` says: Kiro writes it at what it has begun, people at what they dropped.
    pub(super) dash: Meaning,
    /// What `[~]` says: queued with Kiro; in part, deferred or dropped with people.
    pub(super) tilde: Meaning,
    /// The file is nothing but a list of work: where all its boxes stand below words such as "checklist", they are
    /// it.
    pub(super) is_list: bool,
    /// An item `2.1` is inside the item `2` before it, however it is indented.
    pub(super) numbers_nest: bool,
}

/// Which of nested boxes are one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Units {
    /// Each box that has none inside.
    Leaves,
    /// Each heading that is called a task, and each outermost box elsewhere, with all boxes inside.
    Outermost,
    /// Each heading that is called a task, with the boxes below it; elsewhere as [`Units::Leaves`].
    Headings,
    /// As [`Units::Headings`], and each box with an id, with the boxes inside it that have none.
    Ids,
}

impl Units {
    /// Headings may be tasks.
    pub(super) fn by_headings(self) -> bool {
        matches!(self, Self::Headings | Self::Ids | Self::Outermost)
    }
}

impl Dialect {
    /// What people mean who follow no tool.
    pub(super) const PLAIN: Self = Self {
        units: Units::Headings,
        dash: Meaning::Cancelled,
        tilde: Meaning::Waits,
        is_list: false,
        numbers_nest: false,
    };

    /// Lists whose tasks have ids.
    pub(super) const IDS: Self = Self {
        units: Units::Ids,
        is_list: true,
        ..Self::PLAIN
    };

    /// Kiro's lists, and those of tools that write as it does: a task is known by its number.
    pub(super) const NUMBERED: Self = Self {
        units: Units::Leaves,
        dash: Meaning::Started,
        tilde: Meaning::Started,
        is_list: true,
        numbers_nest: true,
    };

    /// What the sign in a box says.
    pub(super) fn mark(&self, sign: u8) -> TaskMark {
        let noted = |means| TaskMark::Noted {
            said: char::from(sign).to_string(),
            means,
        };
        match sign {
            b'x' | b'X' => TaskMark::Done,
            b'-' => noted(self.dash),
            b'~' => noted(self.tilde),
            b'/' => noted(Meaning::Started),
            _ => TaskMark::Open,
        }
    }
}
