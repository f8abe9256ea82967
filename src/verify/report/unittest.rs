//! `python -m unittest -v`.

use super::collect::{Collect, Message, failure};
use super::compilers::python_frame;
use super::kind::kind_or;
use super::traces::cut;
use super::{Lines, Read, Redness};
use crate::model::TestStatus;
use std::collections::VecDeque;

/// A block below a line of `=`.
#[derive(Debug)]
struct Block {
    /// None where the heading names no test: a module that could not be imported, a class that was not set up.
    test: Option<String>,
    asserted: bool,
    /// The last frame of the project's own.
    place: Option<(String, Option<u32>)>,
    /// Lines since the last frame.
    said: VecDeque<String>,
    /// The line after a frame is its code.
    code: bool,
}

#[derive(Debug, Default)]
pub struct Unittest {
    out: Collect,
    certain: bool,
    pending: Option<String>,
    block: Option<Block>,
    /// The line before was a ruler of `=`.
    ruled: bool,
    /// Modules that could not be imported: they count as tests.
    modules: usize,
    /// How many ran, by the sums.
    ran: Option<usize>,
}

impl Lines for Unittest {
    fn line(&mut self, line: &str) {
        if let Some(count) = ran(line) {
            self.close();
            self.certain = true;
            self.ran = Some(self.ran.unwrap_or(0) + count);
            self.out.nothing = count == 0;
            return;
        }
        if is_ruler(line, '=') {
            self.close();
            self.ruled = true;
            return;
        }
        if std::mem::take(&mut self.ruled) && self.open(line) {
            return;
        }
        if let Some(block) = &mut self.block {
            if !is_ruler(line, '-') {
                block.line(line);
            }
            return;
        }
        self.progress(line);
    }

    fn finish(mut self: Box<Self>) -> Read {
        self.close();
        let all_named = self
            .ran
            .is_none_or(|ran| self.out.len() + self.modules >= ran);
        Read {
            report: self.out.finish(all_named),
            certain: self.certain,
        }
    }
}

impl Unittest {
    fn progress(&mut self, line: &str) {
        let (before, rest) = match line.rsplit_once(" ... ") {
            Some((before, rest)) => (before, rest),
            None => match line.strip_suffix(" ...") {
                Some(before) => (before, ""),
                None => ("", line),
            },
        };
        if let Some(test) = identity(before.trim()) {
            self.pending = None;
            match status(rest) {
                Some(status) => self.result(&test, status),
                None => self.pending = Some(test),
            }
            return;
        }
        // The name stands in a line of its own where the test has a docstring.
        if before.is_empty()
            && let Some(test) = identity(line.trim())
        {
            self.pending = Some(test);
            return;
        }
        if let (Some(test), Some(status)) = (&self.pending, status(rest)) {
            let test = test.clone();
            self.pending = None;
            self.result(&test, status);
        }
    }

    fn result(&mut self, test: &str, status: TestStatus) {
        if test.starts_with("unittest.loader.") {
            self.modules += 1;
        } else if test.ends_with(".setUpClass") || test.ends_with(".setUpModule") {
            // No test of its own: its block tells it.
        } else {
            self.out.test(test, status);
        }
    }

    /// `FAIL: test_a (module.Class.test_a) [part] (i=0)`.
    fn open(&mut self, line: &str) -> bool {
        let heads = [
            ("FAIL: ", true),
            ("ERROR: ", false),
            ("UNEXPECTED SUCCESS: ", true),
        ];
        let Some((head, asserted)) = heads.iter().find(|(h, _)| line.starts_with(h)) else {
            return false;
        };
        let name = &line[head.len()..];
        let test = identity(name);
        let fixture = [
            "setUpClass (",
            "tearDownClass (",
            "setUpModule (",
            "tearDownModule (",
        ];
        let outside = fixture.iter().any(|f| name.starts_with(f))
            || test
                .as_ref()
                .is_none_or(|t| t.starts_with("unittest.loader."));
        let mut said = VecDeque::new();
        if head.starts_with("UNEXPECTED") {
            said.push_back("unexpected success".to_owned());
        }
        if outside {
            said.push_back(name.to_owned());
        } else if let Some(test) = &test {
            self.out.test(test, TestStatus::Failed);
        }
        self.block = Some(Block {
            test: test.filter(|_| !outside),
            asserted: *asserted,
            place: None,
            said,
            code: false,
        });
        true
    }

    fn close(&mut self) {
        self.pending = None;
        let Some(block) = self.block.take() else {
            return;
        };
        let message = Message::of(block.said.iter().map(String::as_str));
        let otherwise = if block.asserted {
            Redness::Assertion
        } else {
            Redness::Crash
        };
        let kind = kind_or(message.text(), otherwise);
        let failure = failure(block.test.as_deref(), block.place, message.text(), kind);
        if block.test.is_some() {
            self.out.fail(failure);
        } else {
            self.out.broken(failure);
        }
    }
}

impl Block {
    fn line(&mut self, line: &str) {
        if let Some((file, number)) = python_frame(line) {
            self.code = true;
            self.said.clear();
            let library = ["/lib/python", "site-packages", "<frozen"];
            if !library.iter().any(|l| file.contains(l)) {
                self.place = Some((file, Some(number)));
            }
            return;
        }
        let text = line.trim();
        if line.starts_with("Traceback (most recent call last)")
            || text.is_empty()
            || text.chars().all(|c| matches!(c, '^' | '~'))
        {
            return;
        }
        if std::mem::take(&mut self.code) && line.starts_with("    ") {
            return;
        }
        if self.said.len() < 24 {
            self.said.push_back(cut(line, 400).to_owned());
        }
    }
}

/// `test_a (module.Class.test_a)`, or before Python 3.11 `test_a (module.Class)`: the dotted name.
fn identity(text: &str) -> Option<String> {
    let (method, rest) = text.split_once(" (")?;
    let (path, _) = rest.split_once(')')?;
    let name = |s: &str| {
        !s.is_empty()
            && s.chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '<' | '>'))
    };
    if !name(method) || !name(path) || !path.contains('.') && method.contains('.') {
        return None;
    }
    Some(if path.rsplit('.').next() == Some(method) {
        path.to_owned()
    } else {
        format!("{path}.{method}")
    })
}

fn status(text: &str) -> Option<TestStatus> {
    match text {
        "ok" => Some(TestStatus::Passed),
        "FAIL" | "ERROR" | "unexpected success" => Some(TestStatus::Failed),
        "expected failure" => Some(TestStatus::Skipped),
        _ if text.starts_with("skipped ") => Some(TestStatus::Skipped),
        _ => None,
    }
}

/// `Ran 10 tests in 0.002s`.
fn ran(line: &str) -> Option<usize> {
    let (count, rest) = line.strip_prefix("Ran ")?.split_once(" test")?;
    let timed = rest.trim_start_matches('s').starts_with(" in ");
    count.parse().ok().filter(|_| timed)
}

fn is_ruler(line: &str, of: char) -> bool {
    line.len() == 70 && line.chars().all(|c| c == of)
}
