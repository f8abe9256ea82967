//! jest on the console. Names of passing tests are printed with `--verbose`, or where there is one file.

use super::collect::{Collect, failure};
use super::json::told_of_file;
use super::kind::kind_or;
use super::marked::{marked, untimed};
use super::traces::{Thrown, cut};
use super::{Lines, Read, Redness};
use crate::model::TestStatus;

#[derive(Debug, Default)]
pub struct Jest {
    out: Collect,
    certain: bool,
    file: String,
    /// Below a file's line: its tree of tests, until a blank line.
    tree: bool,
    groups: Vec<String>,
    /// The failure that is told: a test's name, or None for its file.
    open: Option<(Option<String>, Thrown)>,
    total: Option<usize>,
    named: usize,
}

impl Lines for Jest {
    fn line(&mut self, line: &str) {
        let text = line.trim_start();
        let indent = line.chars().take_while(|c| *c == ' ').count();
        if let Some(file) = line
            .strip_prefix("PASS ")
            .or_else(|| line.strip_prefix("FAIL "))
            .filter(|f| f.contains('.') && !f.contains('\t'))
        {
            self.close();
            let file = untimed(file.trim());
            // `--projects` prints the project's name before.
            let file = file.rsplit(' ').next().unwrap_or(file);
            file.strip_prefix("./")
                .unwrap_or(file)
                .clone_into(&mut self.file);
            self.tree = true;
            self.groups.clear();
            return;
        }
        if let Some(sums) = line.strip_prefix("Tests: ") {
            self.close();
            self.certain = true;
            let total = sums
                .split(", ")
                .last()
                .and_then(|t| t.trim().strip_suffix(" total"));
            self.total = total.and_then(|t| t.parse().ok());
            self.out.nothing = self.total == Some(0);
            return;
        }
        if line.starts_with("Test Suites: ") || line.starts_with("Summary of all failing tests") {
            self.close();
            self.tree = false;
            return;
        }
        if line.starts_with("No tests found") {
            self.certain = true;
            self.out.nothing = true;
            return;
        }
        if let Some(title) = line.strip_prefix("  ● ") {
            self.close();
            self.tree = false;
            let title = title.trim_end();
            if title.starts_with("Test suite failed to run") {
                self.open = Some((None, Thrown::default()));
            } else if title != "Console" && !self.file.is_empty() {
                self.open = Some((Some(title.replace(" › ", " > ")), Thrown::default()));
            }
            return;
        }
        if let Some((_, thrown)) = &mut self.open {
            thrown.line(line.get(4..).unwrap_or(text));
            return;
        }
        if !self.tree {
            return;
        }
        if text.is_empty() {
            self.tree = false;
        } else if indent >= 2 && indent % 2 == 0 {
            self.entry(text, indent / 2 - 1);
        }
    }

    fn finish(mut self: Box<Self>) -> Read {
        self.close();
        let all_named = self.total.is_some_and(|total| self.named >= total);
        Read {
            certain: self.certain,
            report: self.out.finish(all_named),
        }
    }
}

impl Jest {
    fn entry(&mut self, text: &str, depth: usize) {
        let Some((status, name)) = marked(text) else {
            if depth <= self.groups.len() {
                self.groups.truncate(depth);
                self.groups.push(cut(text, 400).to_owned());
            }
            return;
        };
        let name = untimed(name);
        let name = match status {
            TestStatus::Skipped => name
                .strip_prefix("skipped ")
                .or_else(|| name.strip_prefix("todo "))
                .unwrap_or(name),
            TestStatus::Passed | TestStatus::Failed => name,
        };
        self.named += 1;
        let depth = depth.min(self.groups.len());
        let groups = self.groups[..depth].iter().map(String::as_str);
        let path: Vec<&str> = [self.file.as_str()]
            .into_iter()
            .chain(groups)
            .chain([name])
            .collect();
        self.out.test(&path.join(" > "), status);
    }

    fn close(&mut self) {
        let Some((test, thrown)) = self.open.take() else {
            return;
        };
        let text = told_of_file(thrown.message.text());
        let kind = kind_or(&text, Redness::Crash);
        match test {
            Some(test) => {
                let name = format!("{} > {test}", self.file);
                self.out.fail(failure(
                    Some(&name),
                    thrown.place(),
                    thrown.message.text(),
                    kind,
                ));
            }
            None => {
                let line = thrown
                    .place()
                    .filter(|(file, _)| *file == self.file)
                    .and_then(|(_, line)| line);
                let place = Some((self.file.clone(), line));
                self.out.broken(failure(None, place, &text, kind));
            }
        }
    }
}
