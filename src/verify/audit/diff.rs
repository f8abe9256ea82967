//! A diff as the rules read it: sources before and after, which lines are new, and the tests on both sides.

use super::inventory::{Inventory, inventory};
use super::matching::{Matched, matched};
use super::regions::{is_test_file, regions_of};
use super::rule::{Grade, Rule};
use super::source::Source;
use super::task::Task;
use super::{AuditInput, FileChange, Text};
use crate::model::Finding;
use std::collections::HashMap;
use std::ops::Range;

/// Longer files are looked at as a whole only.
const MOST_BYTES: usize = 4 * 1024 * 1024;

pub(super) struct Diff<'a> {
    pub input: &'a AuditInput<'a>,
    pub task: Task,
    pub files: Vec<Changed<'a>>,
    pub tests: Matched,
}

/// A file of the diff.
pub(super) struct Changed<'a> {
    pub change: &'a FileChange<'a>,
    pub before: Option<Side<'a>>,
    pub after: Option<Side<'a>>,
    /// A test file by its path.
    pub is_test: bool,
}

/// A file on one side of the change.
pub(super) struct Side<'a> {
    pub source: Source<'a>,
    pub inventory: Inventory,
    /// Parts that are tests.
    pub tests: Vec<Range<usize>>,
    /// By line from 0: it is not on the other side, here or in another file.
    pub fresh: Vec<bool>,
}

impl<'a> Side<'a> {
    fn new(path: &'a str, text: &'a str) -> Self {
        let source = Source::new(path, text);
        let inventory = inventory(&source);
        let tests = regions_of(&source);
        let fresh = vec![false; source.line_starts().len()];
        Self {
            source,
            inventory,
            tests,
            fresh,
        }
    }

    /// True where an offset lies in a test.
    pub(super) fn is_test(&self, offset: usize) -> bool {
        let index = self.tests.partition_point(|r| r.start <= offset);
        index > 0 && self.tests[index - 1].end > offset
    }

    /// True where the line of an offset is only on this side.
    pub(super) fn is_fresh(&self, offset: usize) -> bool {
        let line = self.source.line(offset) as usize;
        self.fresh.get(line - 1).copied().unwrap_or(false)
    }

    /// True where any line of a part is only on this side.
    pub(super) fn touches(&self, range: &Range<usize>) -> bool {
        let first = self.source.line(range.start) as usize - 1;
        let last = self
            .source
            .line(range.end.saturating_sub(1).max(range.start)) as usize;
        self.fresh[first..last.min(self.fresh.len())].contains(&true)
    }

    /// The new lines, with where they begin.
    pub(super) fn fresh_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let starts = self.source.line_starts().iter().zip(&self.fresh);
        starts
            .filter(|(_, fresh)| **fresh)
            .map(|(start, _)| (*start, &self.source.text[self.source.line_range(*start)]))
    }
}

impl<'a> Diff<'a> {
    pub(super) fn new(input: &'a AuditInput<'a>) -> Self {
        let mut files: Vec<Changed<'a>> = input.files.iter().map(changed).collect();
        files.sort_by_key(|f| f.change.path);
        mark_fresh(&mut files);
        let tests = matched(&files);
        Self {
            input,
            task: Task::new(input.task),
            files,
            tests,
        }
    }

    /// Files with a text after the change.
    pub(super) fn afters(&self) -> impl Iterator<Item = (&Changed<'a>, &Side<'a>)> {
        self.files
            .iter()
            .filter_map(|f| f.after.as_ref().map(|side| (f, side)))
    }

    pub(super) fn finding(
        &self,
        rule: Rule,
        grade: Grade,
        place: (&str, Option<u32>),
        what: String,
        asked_for: Option<String>,
    ) -> Finding {
        let grade = if asked_for.is_some() {
            Grade::Least
        } else {
            grade
        };
        Finding {
            rule: rule.word().to_owned(),
            severity: self.input.policy.graded(rule, grade),
            path: place.0.to_owned(),
            line: place.1,
            what,
            asked_for,
        }
    }
}

fn changed<'a>(change: &'a FileChange<'a>) -> Changed<'a> {
    // What tools write into lock files is no code, and neither are links.
    let is_read = |text: &Text<'a>| match text {
        Text::Whole(text) => text.len() <= MOST_BYTES && change.mode & 0o170_000 != 0o120_000,
        Text::Binary { .. } | Text::TooBig { .. } => false,
    };
    let side = |text: Option<Text<'a>>| match text.filter(is_read) {
        Some(Text::Whole(text)) => Some(Side::new(change.path, text)),
        _ => None,
    };
    Changed {
        change,
        before: side(change.before),
        after: side(change.after),
        is_test: is_test_file(change.path),
    }
}

/// Which lines are only on one side. Equal beginnings and ends of a file are left out, what is between is compared
/// without its order, and what went to another file is not new there.
fn mark_fresh(files: &mut [Changed<'_>]) {
    for file in files.iter_mut() {
        match (&mut file.before, &mut file.after) {
            (Some(before), Some(after)) => {
                let (old, new) = (lines(&before.source), lines(&after.source));
                let (a, b) = compare(&old, &new);
                (before.fresh, after.fresh) = (a, b);
            }
            (Some(side), None) | (None, Some(side)) => side.fresh.fill(true),
            (None, None) => {}
        }
    }
    let mut gone: HashMap<String, usize> = HashMap::new();
    for side in files.iter().filter_map(|f| f.before.as_ref()) {
        for (_, line) in side.fresh_lines() {
            let line = line.trim();
            if line.len() > 8 {
                *gone.entry(line.to_owned()).or_default() += 1;
            }
        }
    }
    for side in files.iter_mut().filter_map(|f| f.after.as_mut()) {
        let starts = side.source.line_starts().to_vec();
        for (index, start) in starts.into_iter().enumerate() {
            let line = side.source.text[side.source.line_range(start)].trim();
            if side.fresh[index]
                && let Some(left) = gone.get_mut(line).filter(|left| **left > 0)
            {
                *left -= 1;
                side.fresh[index] = false;
            }
        }
    }
}

fn lines<'s>(source: &'s Source<'_>) -> Vec<&'s str> {
    let starts = source.line_starts().iter();
    starts
        .map(|start| source.text[source.line_range(*start)].trim())
        .collect()
}

fn compare(old: &[&str], new: &[&str]) -> (Vec<bool>, Vec<bool>) {
    let first = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - first;
    let last = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(|(a, b)| a == b)
        .count();
    let only = |these: &[&str], those: &[&str]| {
        let mut left: HashMap<&str, usize> = HashMap::new();
        for line in &those[first..those.len() - last] {
            *left.entry(line).or_default() += 1;
        }
        let mut fresh = vec![false; these.len()];
        for index in first..these.len() - last {
            fresh[index] = match left.get_mut(these[index]) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => !these[index].is_empty(),
            };
        }
        fresh
    };
    (only(old, new), only(new, old))
}
