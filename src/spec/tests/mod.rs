//! Tests of the room, by what they ask.

mod corpus;
mod criteria;
mod discovery;
mod formats;
mod identities;
mod injections;
mod merging;
mod planned;
mod properties;
mod samples;
mod ticks;

use super::{ParseOptions, parse};
use crate::model::{Spec, SpecId, Task, TaskMark};

/// Parses text that must be fit to be a spec.
fn spec(text: &str) -> Spec {
    parse(
        SpecId::new("s"),
        "specs/s.md",
        text.as_bytes(),
        ParseOptions::default(),
    )
    .unwrap()
}

/// The same, with sections as tasks where there are no boxes.
fn prose(text: &str) -> Spec {
    parse(
        SpecId::new("s"),
        "specs/s.md",
        text.as_bytes(),
        ParseOptions {
            prose: true,
            ..ParseOptions::default()
        },
    )
    .unwrap()
}

fn titles(spec: &Spec) -> Vec<&str> {
    spec.tasks.iter().map(|task| task.title.as_str()).collect()
}

fn done(spec: &Spec) -> Vec<&str> {
    let done = spec.tasks.iter().filter(|task| task.mark == TaskMark::Done);
    done.map(|task| task.title.as_str()).collect()
}

fn index(spec: &Spec, title: &str) -> usize {
    let task = task(spec, title);
    spec.tasks.iter().position(|t| t.id == task.id).unwrap()
}

fn task<'a>(spec: &'a Spec, title: &str) -> &'a Task {
    let mut found = spec.tasks.iter().filter(|task| task.title == title);
    found
        .next()
        .unwrap_or_else(|| panic!("no task {title:?} among {:?}", titles(spec)))
}
