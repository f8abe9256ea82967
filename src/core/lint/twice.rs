//! Work that is asked for twice.

use super::{Open, name};
use crate::model::{Diagnostic, Rule};
use std::collections::{BTreeSet, HashMap};

/// Shorter titles are said of many things.
const MIN_WORDS: usize = 4;

pub(super) fn look(specs: &[Open<'_>], found: &mut Vec<Diagnostic>) {
    let twins: BTreeSet<&str> = found
        .iter()
        .filter(|d| d.rule == Rule::TwinList)
        .map(|d| d.path.as_str())
        .collect();
    // By its words and the groups around it.
    let mut first = HashMap::new();
    let mut told = Vec::new();
    for open in specs {
        let path = open.spec().path.as_str();
        for (index, task) in open.tasks().filter(|_| !twins.contains(path)) {
            let spec = open.spec();
            // What a group says tells its tasks apart.
            let around = spec.around(index).map(|t| spec.tasks[t].title.as_str());
            let words = words(&task.text);
            if words.len() < MIN_WORDS {
                continue;
            }
            let key = (words, around.collect::<Vec<&str>>());
            match first.get(&key) {
                None => {
                    first.insert(key, (path, task.line));
                }
                Some((other, line)) => told.push(open.finding(
                    Rule::DuplicateTask,
                    task.line,
                    format!(
                        "{} is asked for in {other}:{line} as well, word for word",
                        name(task),
                    ),
                    "take one of them out, or say what is different",
                )),
            }
        }
    }
    found.extend(told);
}

/// The words of a text, in any order.
fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect()
}
