//! vitest on the console. Names of all tests are printed by its verbose reporter only.

use super::collect::{Collect, failure};
use super::kind::kind_or;
use super::marked::{marked, untimed_bare};
use super::traces::Thrown;
use super::{Lines, Read, Redness};

#[derive(Debug, Default)]
pub struct Vitest {
    out: Collect,
    certain: bool,
    /// The failure that is told: a test, or None and its file.
    open: Option<(Option<String>, String, Thrown)>,
    total: Option<usize>,
    named: usize,
}

impl Lines for Vitest {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        if text.starts_with("RUN  v") || text.starts_with("RUN v") {
            self.certain = true;
            return;
        }
        if let Some(name) = line
            .trim_start()
            .strip_prefix("FAIL  ")
            .filter(|_| line.starts_with([' ', 'F']))
        {
            self.close();
            let name = without_project(name.trim());
            self.open = Some(match name.rsplit_once(" [ ") {
                Some((file, _)) => (None, file.trim().to_owned(), Thrown::default()),
                None => (
                    Some(name.to_owned()),
                    name.split(" > ").next().unwrap_or_default().to_owned(),
                    Thrown::default(),
                ),
            });
            return;
        }
        if text.starts_with('⎯') {
            self.close();
            return;
        }
        if let Some(sums) = text.strip_prefix("Tests  ") {
            self.close();
            self.certain = true;
            let total = sums.rsplit_once('(').and_then(|(_, t)| t.strip_suffix(')'));
            self.total = total.and_then(|t| t.parse().ok());
            return;
        }
        if text.starts_with("No test files found") {
            self.certain = true;
            self.out.nothing = true;
            return;
        }
        if let Some((_, _, thrown)) = &mut self.open {
            thrown.line(line);
            return;
        }
        // ` ✓ a.test.js > group > name 2ms`: a tree below a file's line has no whole names.
        let entry = line.strip_prefix(' ').filter(|l| !l.starts_with(' '));
        if let Some((status, name)) = entry.and_then(marked)
            && name.contains(" > ")
        {
            self.named += 1;
            self.out.test(untimed_bare(without_project(name)), status);
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

impl Vitest {
    fn close(&mut self) {
        let Some((test, file, thrown)) = self.open.take() else {
            return;
        };
        let message = thrown.message.text();
        let kind = kind_or(message, Redness::Crash);
        match test {
            Some(test) => {
                let place = thrown.place().or(Some((file, None)));
                self.out.fail(failure(Some(&test), place, message, kind));
            }
            None => {
                let line = thrown
                    .place()
                    .filter(|(f, _)| *f == file)
                    .and_then(|(_, l)| l);
                self.out
                    .broken(failure(None, Some((file, line)), message, kind));
            }
        }
    }
}

/// ` |unit| a.test.js > …`: the project's name goes.
fn without_project(name: &str) -> &str {
    name.strip_prefix('|')
        .and_then(|n| n.split_once("| "))
        .map_or(name, |(_, rest)| rest)
}
