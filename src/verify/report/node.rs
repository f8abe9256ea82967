//! `node --test` with the spec reporter.

use super::collect::{Collect, MAX_FAILURES, failure};
use super::kind::{kind_of, kind_or};
use super::marked::{marked, untimed};
use super::tap::is_script;
use super::traces::{Thrown, cut, file_line};
use super::{Lines, Read, Redness};
use crate::model::TestStatus;

#[derive(Debug)]
struct Failed {
    name: String,
    leaf: String,
    thrown: Thrown,
    place: Option<(String, Option<u32>)>,
    told: bool,
}

#[derive(Debug, Default)]
pub struct NodeSpec {
    out: Collect,
    certain: bool,
    /// Open groups by depth, and whether a test in them failed.
    groups: Vec<(String, bool)>,
    failed: Vec<Failed>,
    /// The failure that indented lines belong to, and the column of its mark.
    open: Option<(usize, usize)>,
    /// Below `✖ failing tests:`: everything once more, with places.
    closing: bool,
    place: Option<(String, Option<u32>)>,
    /// The last line that named an error outside of a test.
    error: String,
}

impl Lines for NodeSpec {
    fn line(&mut self, line: &str) {
        let text = line.trim_start();
        let indent = line.chars().take_while(|c| *c == ' ').count();
        if let Some(sum) = text.strip_prefix("ℹ tests ") {
            self.certain = true;
            self.open = None;
            self.out.nothing = sum.trim() == "0";
            return;
        }
        if text == "✖ failing tests:" {
            self.closing = true;
            self.open = None;
            return;
        }
        if self.closing
            && let Some(place) = line.strip_prefix("test at ")
        {
            self.place = file_line(place);
            self.open = None;
            return;
        }
        let group = text.strip_prefix("▶ ");
        if group.is_some() || marked(text).is_some() && self.open.is_none_or(|(_, at)| indent <= at)
        {
            self.open = None;
            if self.closing {
                self.told_again(text, indent);
            } else if let Some(name) = group {
                self.group(untimed(name), indent / 2);
            } else if let Some((status, name)) = marked(text) {
                self.test(status, name, indent);
            }
            return;
        }
        match self.open {
            Some((index, at)) if line.is_empty() || indent > at => {
                if let Some(failed) = self.failed.get_mut(index) {
                    failed.thrown.line(line.get(at + 2..).unwrap_or_default());
                }
            }
            _ => {
                self.open = None;
                if line.contains("Error") && kind_of(line) != Redness::Unknown {
                    cut(line, 400).clone_into(&mut self.error);
                }
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Read {
        for failed in std::mem::take(&mut self.failed) {
            let place = failed.place.or_else(|| failed.thrown.place());
            let message = failed.thrown.message.text();
            let kind = kind_or(message, Redness::Crash);
            self.out
                .fail(failure(Some(&failed.name), place, message, kind));
        }
        Read {
            certain: self.certain,
            report: self.out.finish(true),
        }
    }
}

impl NodeSpec {
    /// A group begins; older versions end it with the same mark and its time.
    fn group(&mut self, name: &str, depth: usize) {
        if self.groups.len() == depth + 1 && self.groups[depth].0 == name {
            self.groups.truncate(depth);
            return;
        }
        self.groups.truncate(depth);
        self.groups.push((name.to_owned(), false));
    }

    fn test(&mut self, status: TestStatus, text: &str, indent: usize) {
        let depth = indent / 2;
        let (timed, marked) = match text.split_once("ms) # ") {
            Some((name, _)) => (format!("{name}ms)"), true),
            None => (text.to_owned(), false),
        };
        let leaf = untimed(&timed);
        let leaf = leaf
            .strip_suffix(" # SKIP")
            .or(leaf.strip_suffix(" # TODO"))
            .unwrap_or(leaf);
        let leaf = untimed(leaf);
        if self.groups.len() == depth + 1 && self.groups[depth].0 == leaf {
            // The end of a group: its tests count, not it.
            let (name, child_failed) = self.groups.remove(depth);
            if status == TestStatus::Failed && !child_failed && !marked {
                let message = format!("{name}: failed outside of its tests");
                self.out
                    .broken(failure(None, None, &message, Redness::Crash));
            }
            if let Some(parent) = self.groups.last_mut() {
                parent.1 |= status == TestStatus::Failed;
            }
            return;
        }
        self.groups.truncate(depth);
        if status == TestStatus::Failed && depth == 0 && is_script(leaf) {
            let error = std::mem::take(&mut self.error);
            let kind = kind_or(&error, Redness::Crash);
            self.out
                .broken(failure(None, Some((leaf.to_owned(), None)), &error, kind));
            return;
        }
        let skipped = marked || text.ends_with(" # SKIP") || text.ends_with(" # TODO");
        let status = if skipped { TestStatus::Skipped } else { status };
        let groups = self.groups.iter().map(|(name, _)| name.as_str());
        let name = groups.chain([leaf]).collect::<Vec<_>>().join(" > ");
        self.out.test(&name, status);
        if status == TestStatus::Failed {
            for group in &mut self.groups {
                group.1 = true;
            }
            if self.failed.len() < MAX_FAILURES {
                self.open = Some((self.failed.len(), indent));
                self.failed.push(Failed {
                    name,
                    leaf: leaf.to_owned(),
                    thrown: Thrown::default(),
                    place: None,
                    told: false,
                });
            }
        }
    }

    /// The closing list names tests without their groups, in their order.
    fn told_again(&mut self, text: &str, indent: usize) {
        let Some((_, name)) = marked(text) else {
            return;
        };
        let leaf = untimed(name);
        let place = self.place.take();
        let found = self
            .failed
            .iter_mut()
            .enumerate()
            .find(|(_, f)| !f.told && f.leaf == leaf);
        if let Some((index, failed)) = found {
            failed.told = true;
            failed.place = place;
            if failed.thrown.message.is_empty() {
                self.open = Some((index, indent));
            }
        }
    }
}
