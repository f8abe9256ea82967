//! What a spec says and takes back: told with the reading that was taken.

use super::parse::Notes;
use crate::model::{Role, Rule, Spec, TaskMark};

/// Notes what contradicts itself in a spec as read.
pub(super) fn note(spec: &Spec, notes: &mut Notes<'_>) {
    for (index, task) in spec.tasks.iter().enumerate() {
        if task.role != Role::Group || task.mark != TaskMark::Done {
            continue;
        }
        let open = spec
            .inside(index)
            .filter(|t| t.role == Role::Work && t.mark != TaskMark::Done && t.aside.is_none());
        let open = open.count();
        if open > 0 {
            notes.warn(
                Rule::Contradiction,
                task.line,
                format!("is done, and {open} tasks inside it are not: they are built"),
                "mark what is inside as done where it is, or take the outer mark away",
            );
        }
    }
}
