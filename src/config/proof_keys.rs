//! The settings of coverage and of evidence, rows of the one table.

use super::env_names as env;
use super::keys::{KeyDoc, Kind, Of};
use super::settings::FORMATS;

pub(super) const COVERAGE_MIN: KeyDoc = KeyDoc::new(
    "coverage.min", Kind::Percent, "", env::COVERAGE_MIN,
    "The least that the tests must run of all lines; where nothing measured it, the work does not pass.",
).flag("--min-coverage").example("80.0");
pub(super) const COVERAGE_CHANGED_MIN: KeyDoc = KeyDoc::new(
    "coverage.changed_min",
    Kind::Percent,
    "",
    env::COVERAGE_CHANGED_MIN,
    "The same of the lines that a chunk added or changed.",
)
.example("90.0");
pub(super) const COVERAGE_TOLERANCE: KeyDoc = KeyDoc::new(
    "coverage.tolerance",
    Kind::Percent,
    "0.1",
    env::COVERAGE_TOLERANCE,
    "Points that a chunk's coverage may be below its base's.",
);
pub(super) const COVERAGE_MEASURE: KeyDoc = KeyDoc::new(
    "coverage.measure",
    Kind::Bool,
    "false",
    env::COVERAGE_MEASURE,
    "Measure where the project's own tools can (pytest-cov, cargo llvm-cov, vitest, jest, go test); so does a bound.",
);
pub(super) const COVERAGE_COMMAND: KeyDoc = KeyDoc::new(
    "coverage.command", Kind::Command, "", env::COVERAGE_COMMAND,
    "A shell command that measures, in place of what is known; without it the reports are those that the checks write.",
).example("\"make coverage\"");
pub(super) const COVERAGE_REPORT: KeyDoc = KeyDoc::new(
    "coverage.report",
    Kind::List(Of::Inside),
    "[]",
    env::COVERAGE_REPORT,
    "The reports that are then there. What one of them says ran, ran.",
)
.example("[\"coverage/lcov.info\"]");
pub(super) const COVERAGE_FORMAT: KeyDoc = KeyDoc::new(
    "coverage.format",
    Kind::OneOf(FORMATS),
    "\"auto\"",
    env::COVERAGE_FORMAT,
    "Their format; auto looks into them.",
);
pub(super) const EVIDENCE_NOTES: KeyDoc = KeyDoc::new(
    "evidence.notes",
    Kind::Bool,
    "true",
    env::EVIDENCE_NOTES,
    "Keep each chunk's evidence as a note on its commit, below `refs/notes/codelicious`.",
);
pub(super) const EVIDENCE_PUSH: KeyDoc = KeyDoc::new(
    "evidence.push",
    Kind::Bool,
    "false",
    env::EVIDENCE_PUSH,
    "Send these notes with the branches. They hold commands and the ends of their outputs, redacted.",
);
