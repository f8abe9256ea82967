//! mocha's spec reporter.

use super::collect::{Collect, MAX_FAILURES, failure};
use super::kind::kind_or;
use super::marked::{marked, untimed};
use super::traces::{Thrown, cut};
use super::{Lines, Read, Redness};
use crate::model::TestStatus;

#[derive(Debug, Default)]
pub struct Mocha {
    out: Collect,
    certain: bool,
    /// Open suites by depth.
    suites: Vec<String>,
    /// Names as numbered in the list of failures.
    failed: Vec<String>,
    /// The failure that is told, after the sums.
    open: Option<(usize, Thrown)>,
    /// Inside its heading, which ends with a colon.
    heading: bool,
    summed: bool,
}

impl Lines for Mocha {
    fn line(&mut self, line: &str) {
        let text = line.trim_start();
        let indent = line.chars().take_while(|c| *c == ' ').count();
        if indent == 2
            && text
                .split_once(" passing (")
                .is_some_and(|(n, _)| n.parse::<u32>().is_ok())
        {
            self.certain = true;
            self.summed = true;
            self.out.nothing = text.starts_with("0 ");
            return;
        }
        if self.summed {
            self.told(text, indent);
            return;
        }
        if let Some(why) = text.strip_prefix("Exception during run: ") {
            self.certain = true;
            self.out
                .broken(failure(None, None, why, kind_or(why, Redness::Crash)));
            return;
        }
        // What tests print themselves has no indentation.
        if indent < 2 || indent % 2 != 0 || text.is_empty() {
            return;
        }
        let depth = indent / 2 - 1;
        if let Some((status, name)) = marked(text) {
            self.test(depth, untimed(name), status);
        } else if let Some(name) = numbered(text) {
            self.test(depth, name, TestStatus::Failed);
        } else if let Some(name) = text.strip_prefix("- ") {
            self.test(depth, name, TestStatus::Skipped);
        } else if depth <= self.suites.len() {
            self.suites.truncate(depth);
            self.suites.push(cut(text, 400).to_owned());
        }
    }

    fn finish(mut self: Box<Self>) -> Read {
        self.close();
        Read {
            certain: self.certain,
            report: self.out.finish(true),
        }
    }
}

impl Mocha {
    fn test(&mut self, depth: usize, name: &str, status: TestStatus) {
        let depth = depth.min(self.suites.len());
        let path = self.suites[..depth].iter().map(String::as_str);
        let full = path.chain([name]).collect::<Vec<_>>().join(" > ");
        if status == TestStatus::Failed && self.failed.len() < MAX_FAILURES {
            self.failed.push(full.clone());
        }
        if !is_hook(name) {
            self.out.test(&full, status);
        }
    }

    /// `  3) a group` with the rest of the name below it, then what was thrown.
    fn told(&mut self, text: &str, indent: usize) {
        let number = text
            .split_once(')')
            .and_then(|(n, _)| n.parse::<usize>().ok());
        if let (2, Some(number)) = (indent, number.filter(|n| *n > 0)) {
            self.close();
            self.heading = !text.ends_with(':');
            self.open = Some((number - 1, Thrown::default()));
            return;
        }
        if let Some((_, thrown)) = &mut self.open {
            if self.heading {
                self.heading = !text.ends_with(':');
            } else {
                thrown.line(text);
            }
        }
    }

    fn close(&mut self) {
        let Some((index, thrown)) = self.open.take() else {
            return;
        };
        let Some(name) = self.failed.get(index) else {
            return;
        };
        let message = thrown.message.text();
        let kind = kind_or(message, Redness::Crash);
        let hook = name.rsplit(" > ").next().is_some_and(is_hook);
        if hook {
            let message = format!("{name}: {message}");
            self.out
                .broken(failure(None, thrown.place(), &message, kind));
        } else {
            self.out
                .fail(failure(Some(name), thrown.place(), message, kind));
        }
    }
}

/// `"before all" hook for "never"`: no test of its own.
fn is_hook(name: &str) -> bool {
    let hooks = [
        "\"before all\" hook",
        "\"after all\" hook",
        "\"before each\" hook",
        "\"after each\" hook",
    ];
    hooks.iter().any(|h| name.starts_with(h))
}

/// `3) fails`.
fn numbered(text: &str) -> Option<&str> {
    let (number, name) = text.split_once(") ")?;
    number.parse::<u32>().ok().map(|_| name)
}
