//! `go test`, as JSON events and as text.
//!
//! Text becomes the same events: a package's name comes after its tests, so they wait for it.

use super::collect::{Collect, Message, failure};
use super::compilers::{build_failure, located};
use super::kind::kind_of;
use super::traces::{cut, file_line};
use super::{Failure, Lines, Read, Redness};
use crate::model::TestStatus;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Lines kept of one test's output, and of a package's.
const MAX_OUTPUT: usize = 60;
/// Tests that run at a time, over all packages.
const MAX_OPEN: usize = 20_000;

/// An event: <https://pkg.go.dev/cmd/test2json#hdr-Output_Format>.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    test: Option<String>,
    #[serde(default)]
    output: String,
    /// Of `build-output`, since Go 1.24.
    import_path: Option<String>,
}

#[derive(Debug, Default)]
struct Test {
    output: Vec<String>,
    status: Option<TestStatus>,
}

#[derive(Debug, Default)]
struct Package {
    tests: BTreeMap<String, Test>,
    output: Vec<String>,
}

/// What becomes of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Passed,
    Failed,
    /// It has no tests.
    Skipped,
}

#[derive(Debug, Default)]
pub struct Go {
    json: bool,
    out: Collect,
    open: BTreeMap<String, Package>,
    opened: usize,
    overflow: bool,
    certain: bool,
    /// Text: the test whose output comes.
    current: Option<String>,
    /// Text: tests announced with `=== RUN`. Without `-v` only failures are named.
    announced: bool,
    /// Lines of builds, by the package they are about.
    builds: BTreeMap<String, Vec<String>>,
    building: Option<String>,
    /// Packages that ended, and whether they were built.
    ended: BTreeMap<String, bool>,
}

impl Lines for Go {
    fn line(&mut self, line: &str) {
        if self.json && line.starts_with('{') {
            if let Ok(event) = serde_json::from_str::<Event>(line) {
                self.certain = true;
                self.event(event);
            }
            return;
        }
        self.text_line(line);
    }

    fn finish(mut self: Box<Self>) -> Read {
        // What has no end was cut off.
        for package in self.open.keys().cloned().collect::<Vec<_>>() {
            self.end(&package, None);
        }
        // Of a package that was built they are warnings; builds and results come through two pipes.
        for (package, lines) in std::mem::take(&mut self.builds) {
            if self.ended.get(&package) != Some(&true) {
                self.build_failed(&lines);
            }
        }
        let unbuilt = self.ended.iter().find(|(_, built)| !**built);
        if let Some((package, _)) = unbuilt.filter(|_| !self.out.has_broken()) {
            let message = format!("{package} does not build");
            self.out
                .broken(failure(None, None, &message, Redness::Unknown));
        }
        self.out.nothing = !self.ended.is_empty();
        let all_named = (self.json || self.announced) && !self.overflow;
        Read {
            report: self.out.finish(all_named),
            certain: self.certain,
        }
    }
}

impl Go {
    pub fn json() -> Self {
        Self {
            json: true,
            ..Self::default()
        }
    }

    pub fn text() -> Self {
        Self::default()
    }

    fn event(&mut self, event: Event) {
        let status = match event.action.as_str() {
            "pass" => Some(TestStatus::Passed),
            "fail" => Some(TestStatus::Failed),
            "skip" => Some(TestStatus::Skipped),
            "run" => {
                if let Some(test) = &event.test {
                    self.test(&event.package, test);
                }
                return;
            }
            "output" => {
                let line = event.output.trim_end_matches('\n');
                self.output(&event.package, event.test.as_deref(), line);
                return;
            }
            "build-output" => {
                let path = event.import_path.unwrap_or_default();
                let path = path.split(' ').next().unwrap_or_default().to_owned();
                self.build_line(&path, event.output.trim_end());
                return;
            }
            // start, pause, cont, bench, build-fail and what later versions add.
            _ => return,
        };
        match (event.test, status) {
            (Some(test), status) => {
                if let Some(test) = self.test(&event.package, &test) {
                    test.status = status;
                }
            }
            (None, Some(TestStatus::Passed)) => self.end(&event.package, Some(End::Passed)),
            (None, Some(TestStatus::Skipped)) => self.end(&event.package, Some(End::Skipped)),
            (None, Some(TestStatus::Failed) | None) => self.end(&event.package, Some(End::Failed)),
        }
    }

    fn test(&mut self, package: &str, test: &str) -> Option<&mut Test> {
        let open = self.open.entry(package.to_owned()).or_default();
        if !open.tests.contains_key(test) {
            self.opened += 1;
            if self.opened > MAX_OPEN {
                self.overflow = true;
                return None;
            }
        }
        Some(open.tests.entry(test.to_owned()).or_default())
    }

    fn output(&mut self, package: &str, test: Option<&str>, line: &str) {
        let Some(name) = test else {
            let open = self.open.entry(package.to_owned()).or_default();
            keep(&mut open.output, line);
            return;
        };
        let ended = ended(line).filter(|(n, _)| *n == name).map(|(_, s)| s);
        if let Some(test) = self.test(package, name) {
            match ended {
                // A line of the test's own without an end hides the result from `go test`.
                Some(status) => test.status = test.status.or(Some(status)),
                None => keep(&mut test.output, line),
            }
        }
    }

    fn build_line(&mut self, package: &str, line: &str) {
        if line.starts_with("# ") || line.trim().is_empty() || self.builds.len() > 200 {
            return;
        }
        keep(self.builds.entry(package.to_owned()).or_default(), line);
    }

    fn build_failed(&mut self, lines: &[String]) {
        for line in lines.iter().filter(|l| !l.starts_with("FAIL")) {
            // `too many errors` and continued lines say nothing alone.
            if line.starts_with('\t') || line.trim_start().starts_with("too many errors") {
                continue;
            }
            self.out.broken(build_failure(line));
        }
    }

    /// Takes a package's tests over. No end: it was cut off.
    fn end(&mut self, package: &str, end: Option<End>) {
        let Package { tests, output } = self.open.remove(package).unwrap_or_default();
        self.opened = self.opened.saturating_sub(tests.len());
        let unbuilt = output
            .iter()
            .any(|l| l.contains("[build failed]") || l.contains("[setup failed]"));
        if end.is_some() && self.ended.len() < MAX_OPEN {
            self.ended.insert(package.to_owned(), !unbuilt);
        }
        let name = |test: &str| {
            if package.is_empty() {
                test.to_owned()
            } else {
                format!("{package}/{test}")
            }
        };
        let timed_out =
            |lines: &[String]| lines.iter().any(|l| l.starts_with("panic: test timed out"));
        let late = timed_out(&output) || tests.values().any(|t| timed_out(&t.output));
        let mut failed = false;
        for (test, state) in &tests {
            let status = match (state.status, end) {
                (Some(status), _) => status,
                (None, Some(End::Passed | End::Skipped)) => TestStatus::Passed,
                (None, Some(End::Failed) | None) => TestStatus::Failed,
            };
            self.out.test(&name(test), status);
            if status != TestStatus::Failed {
                continue;
            }
            failed = true;
            let told = told(&state.output, package);
            let by_subtest = told.message.is_empty()
                && tests.keys().any(|t| {
                    t.strip_prefix(test.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
                });
            let kind = match (state.status, told.kind) {
                (None, _) if late => Redness::Timeout,
                (None, Redness::Unknown) => Redness::Crash,
                // What a test reports itself is its assertion, whatever the words.
                (Some(_), Redness::Unknown | Redness::MissingItem) => Redness::Assertion,
                (_, kind) => kind,
            };
            let message = if by_subtest {
                "a subtest failed".to_owned()
            } else {
                told.message
            };
            self.out.fail(Failure {
                test: Some(name(test)),
                message,
                kind,
                ..told
            });
        }
        if end == Some(End::Failed) && !failed && !unbuilt {
            let mut told = told(&output, package);
            if told.message.is_empty() {
                told.message = format!("{package} failed outside of its tests");
            }
            self.out.broken(told);
        }
    }

    /// A line of `go test` without `-json`, or of what builds.
    fn text_line(&mut self, line: &str) {
        if let Some(heading) = line.strip_prefix("# ") {
            // `# small/a_test [small/a.test]`: the package is in the brackets, where there are any.
            let (path, tested) = heading.split_once(" [").unwrap_or((heading, ""));
            let tested = tested.trim_end_matches(']').strip_suffix(".test");
            self.building = Some(tested.unwrap_or(path).to_owned());
            return;
        }
        if let Some((package, end, rest)) = package_line(line) {
            self.certain |= !self.json;
            self.building = None;
            self.current = None;
            let package = package.to_owned();
            let mut waiting = self.open.remove("").unwrap_or_default();
            if end == End::Failed {
                keep(&mut waiting.output, rest);
            }
            let open = self.open.entry(package.clone()).or_default();
            open.tests.append(&mut waiting.tests);
            open.output.append(&mut waiting.output);
            self.end(&package, Some(end));
            return;
        }
        if let Some(package) = self.building.clone() {
            let continues = ["\t", "vet: ", "too many errors", "package ", "imports "];
            if located(line).is_some() || continues.iter().any(|c| line.starts_with(c)) {
                self.build_line(&package, line);
                return;
            }
            self.building = None;
        }
        if self.json {
            return;
        }
        let announced = ["=== RUN ", "=== CONT ", "=== NAME ", "=== PAUSE "];
        if let Some(head) = announced.iter().find(|h| line.starts_with(**h)) {
            let name = line[head.len()..].trim().to_owned();
            self.announced = true;
            self.certain = true;
            self.test("", &name);
            self.current = Some(name);
            return;
        }
        if let Some((name, status)) = ended(line) {
            self.certain = true;
            let name = name.to_owned();
            if let Some(test) = self.test("", &name) {
                test.status = Some(status);
            }
            self.current = Some(name);
            return;
        }
        if line == "FAIL" || line == "PASS" || line.starts_with("exit status ") {
            return;
        }
        match self.current.clone() {
            Some(test) => self.output("", Some(&test), line),
            None => self.output("", None, line),
        }
    }
}

fn keep(lines: &mut Vec<String>, line: &str) {
    if lines.len() < MAX_OUTPUT {
        lines.push(cut(line, 400).to_owned());
    }
}

/// `--- FAIL: TestA/b (0.00s)`, also behind output without a line end.
fn ended(line: &str) -> Option<(&str, TestStatus)> {
    let words = [
        ("--- PASS: ", TestStatus::Passed),
        ("--- FAIL: ", TestStatus::Failed),
        ("--- SKIP: ", TestStatus::Skipped),
    ];
    let timed = line.strip_suffix("s)")?;
    let (at, word, status) = words
        .iter()
        .filter_map(|(w, s)| Some((line.rfind(w)?, w, *s)))
        .max_by_key(|(at, _, _)| *at)?;
    let (name, time) = timed.get(at + word.len()..)?.rsplit_once(" (")?;
    time.parse::<f64>().ok()?;
    Some((name, status))
}

/// A package's line, in columns: `ok pkg 0.1s`, `FAIL pkg [build failed]`, `? pkg [no test files]`.
fn package_line(line: &str) -> Option<(&str, End, &str)> {
    let (word, rest) = line.split_once('\t')?;
    let end = match word.trim_end() {
        "ok" => End::Passed,
        "FAIL" => End::Failed,
        "?" => End::Skipped,
        _ => return None,
    };
    let package = rest.split(['\t', ' ']).next()?;
    (!package.is_empty()).then_some((package, end, rest))
}

/// What a test's output says: its panic, or the lines it reported with their place.
fn told(output: &[String], package: &str) -> Failure {
    if let Some(at) = output
        .iter()
        .position(|l| l.starts_with("panic: ") || l.starts_with("fatal error: "))
    {
        let message = output[at].trim_end_matches(" [recovered]");
        let own = |file: &str| {
            !file.contains("/src/testing/")
                && !file.contains("/src/runtime/")
                && !file.contains("/pkg/mod/")
        };
        // A frame is two lines: the function, whose path is the package's, and the place.
        let frames = output.windows(2).skip(at);
        let place = frames
            .filter(|w| !package.is_empty() && w[0].starts_with(package))
            .find_map(|w| {
                let place = w[1].trim().split(' ').next()?;
                file_line(place).filter(|(file, _)| own(file))
            });
        let kind = match kind_of(message) {
            Redness::Timeout => Redness::Timeout,
            Redness::MissingItem => Redness::MissingItem,
            Redness::Assertion | Redness::Syntax | Redness::Crash | Redness::Unknown => {
                Redness::Crash
            }
        };
        return failure(None, place, message, kind);
    }
    let mut message = Message::default();
    let mut place = None;
    for line in output {
        let text = line.trim_start();
        if text.is_empty() || text.starts_with("=== ") {
            continue;
        }
        let located = text.split_once(".go:").and_then(|(file, rest)| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let said = rest[digits.len()..].strip_prefix(": ")?;
            Some(((format!("{file}.go"), digits.parse().ok()), said.to_owned()))
        });
        match located {
            Some((at, said)) if !at.0.contains(' ') => {
                place = place.or(Some(at));
                message.push(&said);
            }
            _ if line.starts_with(' ') || line.starts_with('\t') => message.push(text),
            // What it printed itself.
            _ => {}
        }
    }
    if message.is_empty() {
        message = Message::of(
            output
                .iter()
                .map(String::as_str)
                .filter(|l| !l.starts_with("=== "))
                .take(8),
        );
    }
    failure(None, place, message.text(), kind_of(message.text()))
}
