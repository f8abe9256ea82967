//! What a spec says and takes back: told with the reading that was taken.

use super::parse::Notes;
use crate::model::{Role, Rule, Spec, Task, TaskMark};

/// Notes what contradicts itself in a spec as read.
pub(super) fn note(spec: &Spec, notes: &mut Notes<'_>) {
    for (index, task) in spec.tasks.iter().enumerate() {
        if task.role != Role::Group || task.mark != TaskMark::Done {
            continue;
        }
        // A group is done without what is optional in it.
        let is_open = |t: &&Task| {
            t.role == Role::Work && t.mark != TaskMark::Done && t.aside.is_none() && !t.optional
        };
        let said = match spec.inside(index).filter(is_open).count() {
            0 => None,
            1 => Some("the task is done, and one inside it is not: it is built".to_owned()),
            n => Some(format!(
                "the task is done, and {n} inside it are not: they are built"
            )),
        };
        if let Some(said) = said {
            notes.warn(
                Rule::Contradiction,
                task.line,
                said,
                "mark what is inside as done where it is, or take the outer mark away",
            );
        }
    }
}
