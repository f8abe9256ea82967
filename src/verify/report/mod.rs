//! What test runners and compilers say, read into test-by-test results and failures. Pure.
//!
//! [`Reader`] takes cleaned lines as they arrive, [`read_file`] takes a report file. Both end in a [`Report`].
//! Names are stable between runs: without hashes, timings and the line numbers of documentation tests.
//!
//! Not for: judging (`baseline`), or saying where two outputs fail in the same way (`failures`).

mod auto;
mod collect;
mod compilers;
mod go;
mod jest;
mod json;
mod junit;
mod kind;
mod libtest;
mod marked;
mod maven;
mod mocha;
mod nextest;
mod node;
mod pytest;
mod tap;
mod tell;
mod traces;
mod unittest;
mod vitest;

pub use tell::telling;

use crate::model::{TestStatus, Tests};

/// Whose words a report is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `cargo test`: <https://doc.rust-lang.org/rustc/tests/index.html>.
    ///
    /// Names: `tests/it.rs::module::name`; of unit tests, whose file says nothing in a workspace,
    /// `src/lib.rs::crate::module::name`; of documentation tests `doc crate::src/lib.rs - item`, numbered from
    /// ` #2` where an item has several.
    Libtest,
    /// `cargo nextest run`: <https://nexte.st/docs/reporting/>. Names: `package::binary module::name`.
    Nextest,
    /// pytest's progress and summary: <https://docs.pytest.org/en/stable/how-to/output.html>. Names: node ids.
    Pytest,
    /// `python -m unittest -v`: <https://docs.python.org/3/library/unittest.html>. Names: `module.Class.method`.
    Unittest,
    /// `go test -json`: <https://pkg.go.dev/cmd/test2json>. Names: `package/TestName/sub`.
    GoJson,
    /// `go test -v`. Names as of [`Format::GoJson`].
    GoText,
    /// <https://testanything.org/tap-version-14-specification.html>. Names: descriptions, joined by ` > `.
    Tap,
    /// `node --test`, the spec reporter: <https://nodejs.org/docs/latest/api/test.html#test-reporters>. Names as
    /// of [`Format::Tap`]; the same name in two files is one test.
    NodeSpec,
    /// mocha's spec reporter: <https://mochajs.org/#spec>. Names as of [`Format::Tap`].
    Mocha,
    /// jest on the console: <https://jestjs.io/docs/cli#--verbose>. Names: `file > describe > it`.
    Jest,
    /// vitest on the console: <https://vitest.dev/guide/reporters>. Names as of [`Format::Jest`].
    Vitest,
    /// surefire on the console: <https://maven.apache.org/surefire/maven-surefire-plugin/>. Failures only, as
    /// `package.Class::method`: it does not print what passed.
    Maven,
    /// Compilers and linters: no tests, only what is [`Report::broken`].
    Compiler,
    /// JUnit's XML: <https://github.com/testmoapp/junitxml>. A file. Names: `classname::name`; where every class
    /// is called `test` (node), the suites and the name, joined by ` > `.
    JUnit,
    /// `jest --json`: <https://jestjs.io/docs/configuration#testresultsprocessor-string>. A file. Names as of
    /// [`Format::Jest`]. vitest's json reporter has the same shape, but says `passed` of what failed as expected
    /// and has no failure details beside the messages.
    JestJson,
    /// Whatever is recognised among the lines: for commands of the configuration, `npm test`, `make test`.
    #[default]
    Auto,
}

impl Format {
    /// Those of test runners that print lines, of which [`Format::Auto`] recognises each.
    pub const OF_RUNNERS: [Self; 12] = [
        Self::Libtest,
        Self::Nextest,
        Self::Pytest,
        Self::Unittest,
        Self::GoJson,
        Self::GoText,
        Self::Tap,
        Self::NodeSpec,
        Self::Mocha,
        Self::Jest,
        Self::Vitest,
        Self::Maven,
    ];

    /// True for formats that are read from a file with [`read_file`].
    pub fn is_file(self) -> bool {
        matches!(self, Self::JUnit | Self::JestJson)
    }
}

/// Why a test is red: a new test counts as proof only when it is red for a reason of the behaviour asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redness {
    Assertion,
    /// A name, import, method, parameter or symbol that is not there, or says of itself that it is not implemented.
    MissingItem,
    Syntax,
    /// A panic, a signal, an exception that is no assertion.
    Crash,
    Timeout,
    #[default]
    Unknown,
}

/// One thing that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// As in [`Report::tests`]; None for what failed outside any test.
    pub test: Option<String>,
    /// As printed: below the folder it ran in, or absolute (see [`Report::below`]).
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// The few lines that matter, bounded; may be empty.
    pub message: String,
    pub kind: Redness,
}

/// What a run said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// None where nothing recognisable was printed, where not every test was named, or where there were too many.
    pub tests: Option<Tests>,
    /// Of tests, sorted and bounded; there may be some where `tests` is None.
    pub failures: Vec<Failure>,
    /// What failed outside any test: compile errors, collection errors, set-up, a process that died. Sorted, bounded.
    pub broken: Vec<Failure>,
    /// The runner said that there was no test to run.
    pub collected_nothing: bool,
}

impl Report {
    /// Both taken together. Tests of one name have the worse status.
    pub fn merge(&mut self, other: Self) {
        let empty = |r: &Self| r.tests.is_none() && r.failures.is_empty() && r.broken.is_empty();
        self.collected_nothing = match (empty(self), empty(&other)) {
            (true, true) => self.collected_nothing || other.collected_nothing,
            (true, false) => other.collected_nothing,
            (false, true) => self.collected_nothing,
            (false, false) => self.collected_nothing && other.collected_nothing,
        };
        match (&mut self.tests, other.tests) {
            (Some(mine), Some(theirs)) => {
                for (name, status) in theirs {
                    collect::worse(mine, name, status);
                }
            }
            (mine @ None, theirs) => *mine = theirs,
            (Some(_), None) => {}
        }
        self.failures.extend(other.failures);
        self.broken.extend(other.broken);
        self.tidy();
    }

    /// The same with paths relative to `root`, where they were below it: runs in different folders compare.
    pub fn below(mut self, root: &str) -> Self {
        let root = root.trim_end_matches('/');
        if root.is_empty() {
            return self;
        }
        let prefix = format!("{root}/");
        let shorten = |text: &mut String| {
            if text.contains(&prefix) {
                *text = text.replace(&prefix, "");
            }
        };
        if let Some(tests) = self.tests.take() {
            let mut renamed = Tests::new();
            for (mut name, status) in tests {
                shorten(&mut name);
                collect::worse(&mut renamed, name, status);
            }
            self.tests = Some(renamed);
        }
        for failure in self.failures.iter_mut().chain(&mut self.broken) {
            shorten(&mut failure.message);
            for text in [&mut failure.test, &mut failure.file].into_iter().flatten() {
                shorten(text);
            }
        }
        self.tidy();
        self
    }

    /// Names of the tests that failed, also where not every test was named.
    pub fn failing(&self) -> Vec<String> {
        let named = self.tests.iter().flatten();
        let named = named.filter(|(_, status)| **status == TestStatus::Failed);
        let told = self.failures.iter().filter_map(|f| f.test.as_ref());
        let mut names: Vec<String> = named.map(|(name, _)| name).chain(told).cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    fn tidy(&mut self) {
        for (list, most) in [
            (&mut self.failures, collect::MAX_FAILURES),
            (&mut self.broken, collect::MAX_BROKEN),
        ] {
            list.sort();
            list.dedup();
            list.truncate(most);
        }
    }
}

/// One runner's words, line by line.
trait Lines: Send {
    fn line(&mut self, line: &str);
    fn finish(self: Box<Self>) -> Read;
}

/// What a [`Lines`] made of its lines.
struct Read {
    report: Report,
    /// The lines are this runner's beyond doubt: it said its name or its sums.
    certain: bool,
}

/// Reads lines as they arrive, stdout and stderr mixed. Any number of lines; bounded memory.
pub struct Reader(Box<dyn Lines>);

impl Reader {
    /// A format that is a file's reads nothing from lines but what `Auto` would.
    pub fn new(format: Format) -> Self {
        Self(match format {
            Format::Libtest => Box::<libtest::Libtest>::default(),
            Format::Nextest => Box::<nextest::Nextest>::default(),
            Format::Pytest => Box::<pytest::Pytest>::default(),
            Format::Unittest => Box::<unittest::Unittest>::default(),
            Format::GoJson => Box::new(go::Go::json()),
            Format::GoText => Box::new(go::Go::text()),
            Format::Tap => Box::<tap::Tap>::default(),
            Format::NodeSpec => Box::<node::NodeSpec>::default(),
            Format::Mocha => Box::<mocha::Mocha>::default(),
            Format::Jest => Box::<jest::Jest>::default(),
            Format::Vitest => Box::<vitest::Vitest>::default(),
            Format::Maven => Box::<maven::Maven>::default(),
            Format::Compiler => Box::<compilers::Compilers>::default(),
            Format::JUnit | Format::JestJson | Format::Auto => Box::<auto::Auto>::default(),
        })
    }

    /// Takes one cleaned line without its line end.
    pub fn feed(&mut self, line: &str) {
        let line = line.trim_end_matches(['\r', '\n']);
        self.0
            .line(&line[..line.floor_char_boundary(collect::MAX_LINE)]);
    }

    pub fn finish(self) -> Report {
        self.0.finish().report
    }
}

/// Reads a whole output with a [`Reader`].
pub fn read_lines(format: Format, text: &str) -> Report {
    let mut reader = Reader::new(format);
    text.lines().for_each(|line| reader.feed(line));
    reader.finish()
}

/// A report file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the report has {bytes} bytes, more than the {most} that are read")]
    TooLarge { bytes: usize, most: usize },
    #[error("the report is no {wanted}: {why}")]
    Malformed { wanted: &'static str, why: String },
    #[error("{format:?} is read from the output's lines, not from a file")]
    NotAFile { format: Format },
}

/// Bytes of a report file that are read.
pub const MAX_FILE: usize = 32 << 20;

/// Reads a report file; for [`Format::Auto`] the first character tells.
///
/// # Errors
/// [`Unreadable`]: too large, malformed, or a format that is no file's.
pub fn read_file(format: Format, text: &str) -> Result<Report, Unreadable> {
    if text.len() > MAX_FILE {
        return Err(Unreadable::TooLarge {
            bytes: text.len(),
            most: MAX_FILE,
        });
    }
    let text = text.trim_start_matches('\u{feff}').trim();
    match format {
        Format::JUnit => junit::read(text),
        Format::JestJson => json::read(text),
        Format::Auto if text.starts_with('<') => junit::read(text),
        Format::Auto if text.starts_with('{') => json::read(text),
        Format::Libtest
        | Format::Nextest
        | Format::Pytest
        | Format::Unittest
        | Format::GoJson
        | Format::GoText
        | Format::Tap
        | Format::NodeSpec
        | Format::Mocha
        | Format::Jest
        | Format::Vitest
        | Format::Maven
        | Format::Compiler
        | Format::Auto => Err(Unreadable::NotAFile { format }),
    }
}

#[cfg(test)]
mod tests;
