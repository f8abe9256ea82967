//! What a check said test by test: from what it printed, or from the report files it wrote. Pure.

use crate::model::{TestStatus, Tests};

/// How a runner writes down its results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    Libtest,
    Nextest,
    Pytest,
    Unittest,
    GoJson,
    Tap,
    JUnit,
    JestJson,
    /// Whatever is recognised.
    #[default]
    Auto,
}

impl Format {
    /// The format that the configuration calls so.
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "auto" => Self::Auto,
            "libtest" => Self::Libtest,
            "nextest" => Self::Nextest,
            "pytest" => Self::Pytest,
            "unittest" => Self::Unittest,
            "go-json" => Self::GoJson,
            "tap" => Self::Tap,
            "junit" => Self::JUnit,
            "jest-json" => Self::JestJson,
            _ => return None,
        })
    }

    /// True for formats that are read from a file.
    pub fn is_file(self) -> bool {
        matches!(self, Self::JUnit | Self::JestJson)
    }
}

/// Collects results line by line, then file by file.
pub struct Reading {
    tests: Tests,
}

impl Reading {
    pub fn new(_format: Format) -> Self {
        Self {
            tests: Tests::new(),
        }
    }

    /// Takes one cleaned line.
    pub fn feed(&mut self, line: &str) {
        let read = || {
            if let Some(rest) = line.strip_prefix("test ") {
                let (name, status) = rest.rsplit_once(" ... ")?;
                let status = match status {
                    "ok" => TestStatus::Passed,
                    "FAILED" => TestStatus::Failed,
                    _ => TestStatus::Skipped,
                };
                return Some((name, status));
            }
            let (status, rest) = line.split_once(' ')?;
            let status = match status {
                "PASSED" => TestStatus::Passed,
                "FAILED" => TestStatus::Failed,
                _ => return None,
            };
            Some((rest.split(" - ").next()?, status))
        };
        if let Some((name, status)) = read() {
            self.tests.insert(name.to_owned(), status);
        }
    }

    /// Takes a report file.
    pub fn file(&mut self, _format: Format, text: &str) {
        text.lines().for_each(|line| self.feed(line));
    }

    /// What was read; `None` where nothing was recognised.
    pub fn finish(self) -> Option<Tests> {
        (!self.tests.is_empty()).then_some(self.tests)
    }
}
