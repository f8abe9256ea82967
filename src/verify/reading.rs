//! What a check said test by test: from what it printed, or from the report files it wrote. Pure.

use super::report::{Reader, Report, read_file};
use crate::model::Tests;

pub use super::report::Format;

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
}

/// Collects results line by line, then file by file.
pub struct Reading {
    /// `None` for formats that are read from files: what such a check prints has other names for its tests.
    reader: Option<Reader>,
    files: Report,
}

impl Reading {
    pub fn new(format: Format) -> Self {
        Self {
            reader: (!format.is_file()).then(|| Reader::new(format)),
            files: Report::default(),
        }
    }

    /// Takes one cleaned line.
    pub fn feed(&mut self, line: &str) {
        if let Some(reader) = &mut self.reader {
            reader.feed(line);
        }
    }

    /// Takes a report file.
    pub fn file(&mut self, format: Format, text: &str) {
        // Lines in a file are lines.
        if !format.is_file() && format != Format::Auto {
            text.lines().for_each(|line| self.feed(line));
            return;
        }
        match read_file(format, text) {
            Ok(report) => self.files.merge(report),
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// What was read, with names as seen from `root`; `None` where nothing was recognised.
    pub fn finish(self, root: &str) -> Option<Tests> {
        let mut report = self.files;
        if let Some(reader) = self.reader {
            report.merge(reader.finish());
        }
        report.below(root).tests
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CHECK_FORMATS;
    use crate::model::TestStatus;

    #[test]
    fn every_format_of_the_configuration_is_known() {
        for word in CHECK_FORMATS {
            assert!(Format::named(word).is_some(), "{word}");
        }
        assert_eq!(Format::named("xml"), None);
    }

    #[test]
    fn results_come_from_lines_or_from_files() {
        let mut reading = Reading::new(Format::Pytest);
        reading.feed("/lane/tests/test_a.py::test_b PASSED");
        let tests = reading.finish("/lane").unwrap();
        assert_eq!(
            tests.get("tests/test_a.py::test_b"),
            Some(&TestStatus::Passed)
        );

        let mut reading = Reading::new(Format::JUnit);
        reading.feed("tests/test_a.py::test_b PASSED");
        for name in ["one", "two"] {
            let text = format!(
                "<testsuite name=\"s\"><testcase classname=\"a.B\" name=\"{name}\"/></testsuite>"
            );
            reading.file(Format::JUnit, &text);
        }
        reading.file(Format::JUnit, "<testsuite");
        let names: Vec<String> = reading.finish("").unwrap().into_keys().collect();
        assert_eq!(names, ["a.B::one", "a.B::two"]);
        assert_eq!(Reading::new(Format::JUnit).finish(""), None);
    }
}
