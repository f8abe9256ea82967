//! Gathering results within bounds.

use super::{Failure, Redness, Report};
use crate::model::{TestStatus, Tests};
use std::borrow::Cow;

/// Bytes of a line that are read.
pub const MAX_LINE: usize = 8 << 10;
/// More tests than this are not kept, and then none are: a list with holes would show tests as gone.
const MAX_TESTS: usize = 100_000;
/// Bytes of all names together, for the same.
const MAX_NAMES: usize = 16 << 20;
/// Bytes of a name; longer ones are cut.
const MAX_NAME: usize = 1 << 10;
pub const MAX_FAILURES: usize = 300;
pub const MAX_BROKEN: usize = 60;
/// Bytes and lines of a message.
const MAX_MESSAGE: usize = 1_600;
const MAX_MESSAGE_LINES: usize = 24;

/// Puts a status in; a name that is there keeps the worse one.
pub fn worse(tests: &mut Tests, name: String, status: TestStatus) {
    let rank = |s: TestStatus| match s {
        TestStatus::Skipped => 0,
        TestStatus::Passed => 1,
        TestStatus::Failed => 2,
    };
    let kept = tests.entry(name).or_insert(status);
    if rank(status) > rank(*kept) {
        *kept = status;
    }
}

/// A test's name as one line: a title of several, as JSON and XML can hold it, would be taken for two names wherever
/// names are listed.
fn one_line(name: &str) -> Cow<'_, str> {
    if !name.contains(['\n', '\r']) {
        return Cow::Borrowed(name);
    }
    let lines = name.split(['\n', '\r']).map(str::trim);
    let lines: Vec<&str> = lines.filter(|l| !l.is_empty()).collect();
    Cow::Owned(lines.join(" "))
}

/// Lines of a message, bounded; blank ones at the ends are not kept.
#[derive(Clone, Debug, Default)]
pub struct Message {
    text: String,
    lines: usize,
}

impl Message {
    pub fn push(&mut self, line: &str) {
        let line = line.trim_end();
        if self.lines >= MAX_MESSAGE_LINES || (line.is_empty() && self.text.is_empty()) {
            return;
        }
        let room = MAX_MESSAGE.saturating_sub(self.text.len() + 1);
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&line[..line.floor_char_boundary(room)]);
        self.lines += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn text(&self) -> &str {
        self.text.trim_end()
    }

    pub fn of<'l>(lines: impl IntoIterator<Item = &'l str>) -> Self {
        let mut message = Self::default();
        lines.into_iter().for_each(|l| message.push(l));
        message
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Collect {
    tests: Tests,
    names: usize,
    overflow: bool,
    failures: Vec<Failure>,
    broken: Vec<Failure>,
    pub nothing: bool,
}

impl Collect {
    pub fn test(&mut self, name: &str, status: TestStatus) {
        let name = one_line(name);
        let name = &name[..name.floor_char_boundary(MAX_NAME)];
        if name.is_empty() || self.overflow {
            return;
        }
        if !self.tests.contains_key(name) {
            self.names += name.len();
            if self.tests.len() >= MAX_TESTS || self.names > MAX_NAMES {
                self.overflow = true;
                return;
            }
        }
        worse(&mut self.tests, name.to_owned(), status);
    }

    pub fn status(&self, name: &str) -> Option<TestStatus> {
        self.tests.get(name).copied()
    }

    pub fn len(&self) -> usize {
        self.tests.len()
    }

    /// Names in their order.
    pub fn names(&self) -> impl Iterator<Item = (&String, TestStatus)> {
        self.tests.iter().map(|(name, status)| (name, *status))
    }

    /// A failure; of one test the first that says something is kept.
    pub fn fail(&mut self, mut failure: Failure) {
        bound(&mut failure);
        let known = self
            .failures
            .iter()
            .position(|f| failure.test.is_some() && f.test == failure.test);
        let Some(at) = known else {
            if self.failures.len() < MAX_FAILURES {
                self.failures.push(failure);
            }
            return;
        };
        if self.failures[at].message.is_empty() && !failure.message.is_empty() {
            self.failures[at] = failure;
        }
    }

    pub fn broken(&mut self, mut failure: Failure) {
        bound(&mut failure);
        if self.broken.len() < MAX_BROKEN && !self.broken.contains(&failure) {
            self.broken.push(failure);
        }
    }

    pub fn has_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// The report. `all_named`: every test that ran is in it. A test that failed without a word has a failure too.
    pub fn finish(mut self, all_named: bool) -> Report {
        let silent: Vec<String> = self
            .tests
            .iter()
            .filter(|(name, status)| {
                **status == TestStatus::Failed
                    && !self.failures.iter().any(|f| f.test.as_ref() == Some(*name))
            })
            .map(|(name, _)| name.clone())
            .take(MAX_FAILURES)
            .collect();
        for name in silent {
            self.fail(Failure {
                test: Some(name),
                ..Failure::default()
            });
        }
        let known = all_named && !self.overflow && !self.tests.is_empty();
        let mut report = Report {
            collected_nothing: self.nothing && self.tests.is_empty() && self.broken.is_empty(),
            tests: known.then_some(self.tests),
            failures: self.failures,
            broken: self.broken,
        };
        report.tidy();
        report
    }
}

fn bound(failure: &mut Failure) {
    if let Some(Cow::Owned(name)) = failure.test.as_deref().map(one_line) {
        failure.test = Some(name);
    }
    for text in [&mut failure.test, &mut failure.file].into_iter().flatten() {
        text.truncate(text.floor_char_boundary(MAX_NAME));
    }
    // Lines count from 1; some runners say 0 of what has no place.
    failure.line = failure.line.filter(|n| *n > 0);
    if failure.message.len() > MAX_MESSAGE {
        failure.message = Message::of(failure.message.lines()).text().to_owned();
    }
}

/// A failure out of what is known of it.
pub fn failure(
    test: Option<&str>,
    place: Option<(String, Option<u32>)>,
    message: &str,
    kind: Redness,
) -> Failure {
    let (file, line) = match place {
        Some((file, line)) => (Some(file), line),
        None => (None, None),
    };
    Failure {
        test: test.map(str::to_owned),
        file,
        line,
        message: message.trim_end().to_owned(),
        kind,
    }
}
