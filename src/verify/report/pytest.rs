//! pytest: progress lines, sections of failures, the short summary and the sums.

use super::collect::{Collect, Message, failure};
use super::compilers::python_frame;
use super::kind::{kind_of, kind_or};
use super::traces::cut;
use super::{Failure, Lines, Read, Redness};
use crate::model::TestStatus;

/// Words of results with what they are worth. `XPASS` is a test that was marked as failing: it proves nothing.
const WORDS: &[(&str, TestStatus)] = &[
    ("PASSED", TestStatus::Passed),
    ("FAILED", TestStatus::Failed),
    ("ERROR", TestStatus::Failed),
    ("SKIPPED", TestStatus::Skipped),
    ("XFAIL", TestStatus::Skipped),
    ("XPASS", TestStatus::Skipped),
];

const MAX_SECTIONS: usize = 300;

/// Which part of the output a line stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Progress,
    /// `FAILURES` and `ERRORS`.
    Sections,
    /// Outputs of tests that passed, warnings, coverage: nothing of these is read.
    Other,
    Summary,
}

/// A section below `FAILURES` or `ERRORS`.
#[derive(Debug, Default)]
struct Section {
    /// `TestGroup.test_a[x]`, as the heading has it.
    title: String,
    /// What could not be collected.
    collecting: Option<String>,
    message: Message,
    place: Option<(String, Option<u32>)>,
    /// Paths of frames, to tell tests of one name in two files apart.
    frames: Vec<String>,
    captured: bool,
    /// Blanks before the first line of what was raised.
    indent: Option<usize>,
}

#[derive(Debug, Default)]
pub struct Pytest {
    out: Collect,
    part: Part,
    certain: bool,
    sections: Vec<Section>,
    /// A heading came since `FAILURES` or `ERRORS`: with `--tb=line` none does.
    headed: bool,
    /// A progress line whose result comes in a later one, after the test's own output.
    pending: Option<String>,
    /// Passing tests that were named while running, and in the summary.
    named: [usize; 2],
    /// How many passed, by the sums.
    passed: Option<usize>,
    /// What the summary says of failing tests.
    summary: Vec<(String, String)>,
}

impl Lines for Pytest {
    fn line(&mut self, line: &str) {
        if let Some(title) = framed(line, '=') {
            self.part(title);
            self.sums(title);
            return;
        }
        if self.sums(line) {
            return;
        }
        match self.part {
            Part::Progress => self.progress(line),
            Part::Sections => self.section(line),
            Part::Other => {}
            Part::Summary => self.summarised(line),
        }
    }

    fn finish(mut self: Box<Self>) -> Read {
        for section in std::mem::take(&mut self.sections) {
            self.place_section(section);
        }
        for (node, message) in std::mem::take(&mut self.summary) {
            let kind = kind_or(&message, Redness::Unknown);
            if node.contains("::") {
                self.out.fail(failure(Some(&node), None, &message, kind));
            } else if !self.out.has_broken() || !message.is_empty() {
                self.out
                    .broken(failure(None, Some((node, None)), &message, kind));
            }
        }
        let named = self.named[0].max(self.named[1]);
        let all_named = self.passed.is_none_or(|passed| named >= passed);
        Read {
            report: self.out.finish(all_named),
            certain: self.certain,
        }
    }
}

impl Pytest {
    fn part(&mut self, title: &str) {
        self.pending = None;
        self.headed = false;
        self.part = match title {
            "test session starts" => {
                self.certain = true;
                Part::Progress
            }
            "FAILURES" | "ERRORS" => Part::Sections,
            "short test summary info" => {
                self.certain = true;
                Part::Summary
            }
            _ => Part::Other,
        };
    }

    /// `2 failed, 1 passed in 0.04s`, with or without a frame.
    fn sums(&mut self, text: &str) -> bool {
        let Some((sums, time)) = text.rsplit_once(" in ") else {
            return false;
        };
        let seconds = time.split(' ').next().unwrap_or(time);
        let Some(seconds) = seconds.strip_suffix('s') else {
            return false;
        };
        if seconds.parse::<f64>().is_err() {
            return false;
        }
        if sums == "no tests ran" {
            self.certain = true;
            self.out.nothing = true;
            return true;
        }
        let mut passed = 0;
        for part in sums.split(", ") {
            let Some((count, _)) = part.split_once(' ') else {
                return false;
            };
            let Ok(count) = count.parse::<usize>() else {
                return false;
            };
            if part.ends_with(" passed") && !part.contains("subtests") {
                passed = count;
            }
        }
        self.certain = true;
        self.passed = Some(passed);
        self.part = Part::Other;
        true
    }

    fn progress(&mut self, line: &str) {
        let text = without_percent(line.trim_end());
        // pytest-xdist: `[gw0] [  6%] PASSED a.py::b`, and lines with the name alone when a test begins.
        if let Some(rest) = text.strip_prefix("[gw") {
            if let Some((_, rest)) = rest.split_once("] ") {
                let rest = match rest.split_once("] ") {
                    Some((percent, rest)) if percent.starts_with('[') => rest,
                    _ => rest,
                };
                if let Some((status, node)) = leading(rest) {
                    self.result(node.trim(), status, 0);
                }
            }
            return;
        }
        if let Some((node, status)) = trailing(text) {
            self.pending = None;
            self.result(node, status, 0);
        } else if is_node(text) {
            self.pending = Some(cut(text, 1_000).to_owned());
        } else if let Some(pending) = &self.pending {
            let word = text.split(' ').next().unwrap_or_default();
            if let Some((_, status)) = WORDS.iter().find(|(w, _)| *w == word) {
                let node = first_word(pending).to_owned();
                self.pending = None;
                self.result(&node, *status, 0);
            }
        }
    }

    fn section(&mut self, line: &str) {
        if let Some(title) = framed(line, '_') {
            if self.sections.len() >= MAX_SECTIONS {
                self.part = Part::Other;
                return;
            }
            self.headed = true;
            let stages = ["ERROR at setup of ", "ERROR at teardown of "];
            let name = stages.iter().find_map(|s| title.strip_prefix(s));
            self.sections.push(Section {
                title: name.unwrap_or(title).to_owned(),
                collecting: title.strip_prefix("ERROR collecting ").map(str::to_owned),
                ..Section::default()
            });
            return;
        }
        let Some(section) = self.sections.last_mut().filter(|_| self.headed) else {
            return;
        };
        if framed(line, '-').is_some_and(|t| t.starts_with("Captured ")) {
            section.captured = true;
        }
        if section.captured {
            return;
        }
        if let Some(said) = line.strip_prefix("E  ") {
            if let Some((file, number)) = python_frame(said) {
                section.place = Some((file, Some(number)));
            }
            let blanks = said.len() - said.trim_start_matches(' ').len();
            let indent = *section.indent.get_or_insert(blanks);
            section
                .message
                .push(said.get(indent.min(blanks)..).unwrap_or(said));
        } else if let Some(code) = line.strip_prefix("> ") {
            section.message.push(&format!("> {}", code.trim()));
        } else if line.starts_with("[XPASS(strict)]") {
            section.message.push(line);
        } else if let Some((file, number)) = place(line) {
            if section.frames.len() < 40 {
                section.frames.push(file.clone());
            }
            if !file.contains("site-packages") && !file.contains("/lib/python") {
                section.place = Some((file, Some(number)));
            }
        }
    }

    fn summarised(&mut self, line: &str) {
        let Some((word, rest)) = line.split_once(' ') else {
            return;
        };
        if word.starts_with("SUBFAILED") {
            // `SUBFAILED(i=0) a.py::b - message`: what the subtest is called may contain blanks.
            if let Some((_, rest)) = line.split_once(") ").or_else(|| line.split_once("] ")) {
                let (node, message) = self.node_and_message(rest);
                self.result(&node, TestStatus::Failed, 1);
                self.summary.push((node, message));
            }
            return;
        }
        let Some((_, status)) = WORDS.iter().find(|(w, _)| *w == word) else {
            return;
        };
        // Of skipped tests it has the places only.
        if word == "SKIPPED" {
            return;
        }
        let (node, message) = self.node_and_message(rest);
        if node.contains("::") {
            self.result(&node, *status, 1);
        }
        if *status == TestStatus::Failed && self.summary.len() < MAX_SECTIONS {
            self.summary.push((node, message));
        }
    }

    /// Splits `node - message`; a parameter may contain ` - `, so a node that is known goes first.
    fn node_and_message(&self, rest: &str) -> (String, String) {
        let cuts = rest.match_indices(" - ").map(|(at, _)| at);
        let known = cuts
            .clone()
            .chain([rest.len()])
            .find(|at| self.out.status(&rest[..*at]).is_some());
        let at = known
            .or_else(|| cuts.clone().find(|at| balanced(&rest[..*at])))
            .or_else(|| cuts.clone().next())
            .unwrap_or(rest.len());
        let message = rest.get(at + 3..).unwrap_or_default();
        (rest[..at].trim_end().to_owned(), message.to_owned())
    }

    fn result(&mut self, node: &str, status: TestStatus, stage: usize) {
        if status == TestStatus::Passed {
            self.named[stage] += 1;
        }
        self.out.test(node, status);
    }

    /// Finds the test that a section is about: headings have no file.
    fn place_section(&mut self, section: Section) {
        let message = section.message.text().to_owned();
        if let Some(file) = section.collecting {
            let kind = kind_of(&message);
            let line = section
                .place
                .filter(|(at, _)| at.ends_with(&file))
                .and_then(|(_, line)| line);
            self.out
                .broken(failure(None, Some((file, line)), &message, kind));
            return;
        }
        // `Old.test_parts (i=0)` is a subtest.
        let title = section.title.as_str();
        let plain = title.split(" (").next().unwrap_or(title);
        let plain = plain.split(" [").next().unwrap_or(plain);
        let failed = |dotted: &str| -> Vec<String> {
            let failing = self
                .out
                .names()
                .filter(|(_, status)| *status == TestStatus::Failed);
            let named = failing.filter(|(node, _)| {
                let rest = node.split_once("::").map_or("", |(_, rest)| rest);
                rest == dotted || rest.replace("::", ".") == dotted
            });
            named.map(|(node, _)| node.clone()).collect()
        };
        let mut nodes = failed(title);
        if nodes.is_empty() {
            nodes = failed(plain);
        }
        let of_file = nodes.iter().find(|node| {
            let file = node.split("::").next().unwrap_or_default();
            section.frames.iter().any(|f| f.ends_with(file))
        });
        let kind = kind_or(&message, Redness::Crash);
        let Some(node) = of_file.or(nodes.first()) else {
            if nodes.is_empty() && !message.is_empty() && self.out.len() == 0 {
                self.out
                    .broken(failure(None, section.place, &message, kind));
            }
            return;
        };
        self.out.fail(Failure {
            test: Some(node.clone()),
            ..failure(None, section.place, &message, kind)
        });
    }
}

/// The text inside a frame that fills the line: `=== FAILURES ===`.
fn framed(line: &str, with: char) -> Option<&str> {
    let line = line.trim_end();
    let inner = line.trim_matches(with);
    let frame = line.len() - inner.len();
    let title = inner.strip_prefix(' ')?.strip_suffix(' ')?;
    (frame >= 2 && line.starts_with(with) && line.ends_with(with) && !title.trim().is_empty())
        .then(|| title.trim())
}

/// A line without the progress at its end: `[ 12%]`, `[ 1/16]`.
fn without_percent(line: &str) -> &str {
    let Some((before, progress)) = line.strip_suffix(']').and_then(|l| l.rsplit_once('[')) else {
        return line;
    };
    let numbers = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '%' | '/');
    if progress.contains(['%', '/']) && progress.chars().all(numbers) {
        before.trim_end()
    } else {
        line
    }
}

/// `PASSED a.py::b`.
fn leading(text: &str) -> Option<(TestStatus, &str)> {
    let (word, rest) = text.split_once(' ')?;
    if word.starts_with("SUBFAILED") {
        let (_, node) = text.split_once(") ").or_else(|| text.split_once("] "))?;
        return Some((TestStatus::Failed, node));
    }
    let (_, status) = WORDS.iter().find(|(w, _)| *w == word)?;
    is_node(rest).then_some((*status, rest))
}

/// `a.py::b PASSED`, `a.py::b SKIPPED (why)`.
fn trailing(text: &str) -> Option<(&str, TestStatus)> {
    if !is_node(text) {
        return None;
    }
    let mut best: Option<(usize, TestStatus)> = None;
    for (word, status) in WORDS
        .iter()
        .copied()
        .chain([("SUBFAILED", TestStatus::Failed)])
    {
        for (at, _) in text.match_indices(word) {
            let alone = text[..at].ends_with(' ');
            let rest = &text[at + word.len()..];
            let ends = rest.is_empty() || (rest.starts_with(" (") && rest.ends_with(')'));
            let subtest = word == "SUBFAILED" && rest.starts_with(['(', '[']);
            if alone && (ends || subtest) && best.is_none_or(|(b, _)| at < b) {
                best = Some((at, status));
            }
        }
    }
    let (at, status) = best?;
    Some((text[..at].trim_end(), status))
}

/// A node id begins with a path: no blank before `::`.
fn is_node(text: &str) -> bool {
    text.split_once("::").is_some_and(|(path, rest)| {
        !path.is_empty()
            && !rest.is_empty()
            && !path.contains(char::is_whitespace)
            && path.contains('.')
    })
}

/// A node id up to its first blank outside brackets.
fn first_word(text: &str) -> &str {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ' ' if depth <= 0 => return &text[..at],
            _ => {}
        }
    }
    text
}

fn balanced(text: &str) -> bool {
    text.matches('[').count() == text.matches(']').count()
}

/// `tests/test_a.py:12: AssertionError`, `tests/test_a.py:12: in test_a`, and the frames of `--tb=native`.
fn place(line: &str) -> Option<(String, u32)> {
    if let Some(place) = python_frame(line) {
        return Some(place);
    }
    let (file, rest) = line.split_once(".py:")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let after = &rest[digits.len()..];
    let shaped = !file.contains(char::is_whitespace) && after.starts_with(':');
    Some((format!("{file}.py"), digits.parse().ok()?)).filter(|_| shaped)
}
