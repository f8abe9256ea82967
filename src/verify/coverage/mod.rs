//! How much of the code the tests ran: reports of coverage in, lines and a judgement out. Pure.
//!
//! [`parse`] reads a report of any known format, [`place`] finds out which files of the repository it speaks
//! of, [`coverage_of`] holds two measurements and a change against each other, and [`judge`] says whether that is
//! enough. [`rows`] knows how the usual test runners are made to write a report.
//!
//! Not for: running anything, or reading the reports of tests.

mod cobertura;
mod coverage_py;
mod go;
mod istanbul;
mod judgement;
mod lcov;
mod llvm;
mod paths;
pub mod rows;

pub use judgement::{Bound, Bounds, Changed, Shortfall, coverage_of, judge, missed, unmeasured};
pub use paths::{Placed, Whereabouts, place};

use std::collections::BTreeMap;
use std::fmt;

/// Largest report that is read, in bytes.
pub const MAX_REPORT: usize = 64 << 20;
/// Lines that one measurement may speak of, and the highest number a line may have.
const MAX_LINES: usize = 8_000_000;
const MAX_LINE: u64 = 2_000_000;

/// Lines of one file that can be run, each with whether it was.
pub type Lines = BTreeMap<u32, bool>;

/// What was measured, by path below the repository's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    pub files: BTreeMap<String, Lines>,
    /// Files that could not be found in the repository, by the path in the report: they count, and no change
    /// is ever held against them.
    pub elsewhere: BTreeMap<String, Lines>,
}

impl Measured {
    /// Takes another measurement in: a line that ran in either ran.
    pub fn merge(&mut self, other: Measured) {
        let Measured { files, elsewhere } = other;
        for (into, from) in [(&mut self.files, files), (&mut self.elsewhere, elsewhere)] {
            for (path, lines) in from {
                merge_lines(into.entry(path).or_default(), lines);
            }
        }
    }
}

fn merge_lines(into: &mut Lines, from: Lines) {
    for (line, ran) in from {
        *into.entry(line).or_default() |= ran;
    }
}

/// The formats that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportFormat {
    Lcov,
    Cobertura,
    /// `llvm-cov export`, and so `cargo llvm-cov --json`.
    Llvm,
    /// `coverage json`.
    CoveragePy,
    /// `coverage-final.json` of istanbul, as jest, vitest, nyc and c8 write it.
    Istanbul,
    /// `go test -coverprofile`.
    Go,
}

impl ReportFormat {
    pub const ALL: [Self; 6] = [
        Self::Lcov,
        Self::Cobertura,
        Self::Llvm,
        Self::CoveragePy,
        Self::Istanbul,
        Self::Go,
    ];

    /// As in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lcov => "lcov",
            Self::Cobertura => "cobertura",
            Self::Llvm => "llvm",
            Self::CoveragePy => "coverage.py",
            Self::Istanbul => "istanbul",
            Self::Go => "go",
        }
    }

    /// The format of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }
}

/// One file of a report, with its path as written there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportedFile {
    pub path: String,
    /// Folders that a relative path may start from, as the report says; empty where it says none.
    pub sources: Vec<String>,
    pub lines: Lines,
}

/// A report that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    #[error(
        "the report has {bytes} bytes and {MAX_REPORT} is the most: measure less of the code in one report"
    )]
    TooLarge { bytes: usize },
    #[error(
        "the report speaks of more than {MAX_LINES} lines: leave out of it what is generated or of others"
    )]
    TooManyLines,
    #[error(
        "no known format of coverage: write lcov, cobertura, llvm, coverage.py, istanbul or go, and name it in `coverage.format`"
    )]
    UnknownFormat,
    #[error("{at}: {what}; have the report written anew as {}", .format.word())]
    Damaged {
        format: ReportFormat,
        at: Place,
        what: String,
    },
    /// Sums only.
    #[error("the report has sums and no lines, so that no change can be held against it: {remedy}")]
    NoLines { remedy: &'static str },
}

/// Where in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In the report as a whole.
    #[default]
    Whole,
    /// 1-based.
    Line(usize),
    /// Both 1-based.
    Column(usize, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the report"),
            Self::Line(line) => write!(f, "line {line} of the report"),
            Self::Column(line, column) => write!(f, "line {line}, column {column} of the report"),
        }
    }
}

/// Reads a report.
///
/// # Errors
/// [`ReportError`]: too large, damaged, or without lines.
pub fn parse(format: ReportFormat, text: &str) -> Result<Vec<ReportedFile>, ReportError> {
    if text.len() > MAX_REPORT {
        return Err(ReportError::TooLarge { bytes: text.len() });
    }
    if text.trim().is_empty() {
        let what = "it is empty: nothing was measured".to_owned();
        return Err(damaged(format, Place::Whole, what));
    }
    let text = text.trim_start_matches('\u{feff}');
    match format {
        ReportFormat::Lcov => lcov::parse(text),
        ReportFormat::Cobertura => cobertura::parse(text),
        ReportFormat::Llvm => llvm::parse(text),
        ReportFormat::CoveragePy => coverage_py::parse(text),
        ReportFormat::Istanbul => istanbul::parse(text),
        ReportFormat::Go => go::parse(text),
    }
}

/// The format of a report, by what it begins with and holds, and by its path where that says nothing.
pub fn detect_format(path: &str, text: &str) -> Option<ReportFormat> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("mode: ") {
        return Some(ReportFormat::Go);
    }
    if first.starts_with("TN:") || first.starts_with("SF:") {
        return Some(ReportFormat::Lcov);
    }
    if text.starts_with('<') {
        // The root stands behind a declaration, a document type and comments.
        let is_cobertura = text.contains("<coverage") && text.contains("line-rate");
        return is_cobertura.then_some(ReportFormat::Cobertura);
    }
    if text.starts_with('{') {
        let by_key = [
            ("\"llvm.coverage.json.export\"", ReportFormat::Llvm),
            ("\"executed_lines\"", ReportFormat::CoveragePy),
            ("\"statementMap\"", ReportFormat::Istanbul),
            // A summary, which istanbul's reader names.
            ("\"pct\"", ReportFormat::Istanbul),
            ("\"branch_coverage\"", ReportFormat::CoveragePy),
        ];
        let found = by_key.into_iter().find(|(key, _)| text.contains(key));
        if let Some((_, format)) = found {
            return Some(format);
        }
    }
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match name {
        "coverage-final.json" => Some(ReportFormat::Istanbul),
        _ if name.ends_with(".info") => Some(ReportFormat::Lcov),
        _ => None,
    }
}

fn damaged(format: ReportFormat, at: Place, what: impl Into<String>) -> ReportError {
    ReportError::Damaged {
        format,
        at,
        what: what.into(),
    }
}

/// Why a JSON report cannot be read, with its place.
fn json_error(format: ReportFormat, error: &serde_json::Error) -> ReportError {
    // The place is told apart from the words.
    let words = error.to_string();
    let what = words.split(" at line ").next().unwrap_or(&words);
    damaged(format, Place::Column(error.line(), error.column()), what)
}

/// Gathers files of one report within the bounds.
struct Gathered {
    format: ReportFormat,
    files: Vec<ReportedFile>,
    lines: usize,
}

impl Gathered {
    fn new(format: ReportFormat) -> Self {
        Self {
            format,
            files: Vec::new(),
            lines: 0,
        }
    }

    fn file(&mut self, path: &str, sources: &[String]) {
        self.files.push(ReportedFile {
            path: path.to_owned(),
            sources: sources.to_vec(),
            lines: Lines::new(),
        });
    }

    /// Takes in a line of the last file. Lines below 1 are no lines: some tools put there what has none.
    fn line(&mut self, line: u64, ran: bool, at: Place) -> Result<(), ReportError> {
        if line > MAX_LINE {
            let what = format!("line {line} is beyond the {MAX_LINE} that a file may have");
            return Err(damaged(self.format, at, what));
        }
        let (Some(file), Ok(line @ 1..)) = (self.files.last_mut(), u32::try_from(line)) else {
            return Ok(());
        };
        let before = file.lines.len();
        *file.lines.entry(line).or_default() |= ran;
        self.lines += file.lines.len() - before;
        if self.lines > MAX_LINES {
            return Err(ReportError::TooManyLines);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "formats_tests.rs"]
mod formats_tests;
