//! Work that is asked for twice.

use super::Open;
use crate::model::{Diagnostic, Rule};
use crate::spec::normal_title;
use std::collections::{BTreeSet, HashMap};

/// Shorter titles are said of many things.
const MIN_WORDS: usize = 4;

pub(super) fn look(specs: &[Open<'_>], found: &mut Vec<Diagnostic>) {
    let twins: BTreeSet<&str> = found
        .iter()
        .filter(|d| d.rule == Rule::TwinList)
        .map(|d| d.path.as_str())
        .collect();
    // By its words, and the groups around it.
    let mut first = HashMap::new();
    let mut told = Vec::new();
    for open in specs {
        let path = open.spec().path.as_str();
        for (index, task) in open.tasks().filter(|_| !twins.contains(path)) {
            let spec = open.spec();
            // What a group says tells its tasks apart.
            let around = spec.around(index).map(|t| spec.tasks[t].title.as_str());
            let label = task.label.as_deref().unwrap_or_default();
            let text = task.text.strip_prefix(label).unwrap_or(&task.text);
            let text = normal_title(text);
            if text.split(' ').count() < MIN_WORDS {
                continue;
            }
            let key = (text, around.collect::<Vec<&str>>());
            match first.get(&key) {
                None => {
                    first.insert(key, (path, task.line));
                }
                // Every package may have the same list.
                Some((other, _)) if *other != path && file(other) == file(path) => {}
                Some((other, line)) => told.push(open.finding(
                    Rule::DuplicateTask,
                    task.line,
                    format!(
                        "{} is asked for in {other}:{line} as well, word for word",
                        open.name(task),
                    ),
                    "take one of them out, or say what is different",
                )),
            }
        }
    }
    found.extend(told);
}

fn file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
