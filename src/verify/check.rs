//! One check: what to run, where, how to read what it says, and how to run less of it.

use super::reading::Format;
use std::time::Duration;

/// What a check looks at. The order is the order of running: cheap ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckKind {
    Syntax,
    Lint,
    Test,
    /// Named by the configuration.
    Configured,
}

/// How a check is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// A line for `sh -c`, in two pieces: what always stands there, and what names the whole of what is checked.
    /// A narrowed check has other words in place of `whole`.
    Shell { start: String, whole: String },
    /// Parse these files (paths below the check's folder) in one process, executing none of them.
    Parse {
        parser: &'static Parser,
        files: Vec<String>,
    },
}

impl Run {
    /// A line that cannot be taken apart.
    pub fn line(line: impl Into<String>) -> Self {
        Self::Shell {
            start: line.into(),
            whole: String::new(),
        }
    }
}

/// A program that reads NUL-separated paths from its input, parses each file, prints
/// `path:line: SyntaxError: …` for each that does not parse, and exits 1 if there was one.
#[derive(Debug, PartialEq, Eq)]
pub struct Parser {
    /// Name of the check for people.
    pub name: &'static str,
    pub program: &'static str,
    pub args: &'static [&'static str],
    pub extensions: &'static [&'static str],
}

/// Where a check says test by test how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    pub format: Format,
    pub from: ReportPlace,
}

impl Reads {
    /// From what it prints.
    pub fn printed(format: Format) -> Self {
        Self {
            format,
            from: ReportPlace::Output,
        }
    }

    /// From the file that [`REPORT_VARIABLE`] names.
    pub fn asked_for(format: Format) -> Self {
        Self {
            format,
            from: ReportPlace::Asked,
        }
    }

    /// From what the build leaves in these places below the check's folder.
    pub fn left(format: Format, places: Vec<String>) -> Self {
        Self {
            format,
            from: ReportPlace::Left(places),
        }
    }
}

/// Every check that reads a report file sees this variable: the path of a file, outside the lane, that is read
/// and removed when it ended.
pub const REPORT_VARIABLE: &str = "CODELICIOUS_REPORT";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportPlace {
    Output,
    /// The file that [`REPORT_VARIABLE`] names.
    Asked,
    /// Files, or folders full of them, that the check writes by itself. What was there before it ran counts
    /// for nothing.
    Left(Vec<String>),
}

/// How just some of a check's tests are run, by their names in the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Only {
    /// `-- --exact` and the names.
    Libtest,
    /// A filter expression.
    Nextest,
    /// Node ids.
    Pytest,
    /// Dotted names.
    Unittest,
    /// `-run` and the packages.
    Go,
    /// The files, and the titles as a pattern.
    Jest,
    Vitest,
    /// The titles as a pattern.
    NodeTest,
    Mocha,
    /// `-Dtest=`.
    Maven,
    /// `--tests`.
    Gradle,
    /// A line of the configuration, in which `{tests}` stands for the quoted names.
    Line(String),
}

/// How a check is narrowed to what the changes can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Narrow {
    /// Workspace packages and those that depend on them.
    CargoPackages,
    /// The changed files, of these extensions.
    Files(&'static [&'static str]),
    /// Test files that belong to, or import, what changed.
    PythonTests,
    /// The runner finds what imports the changed files.
    JestRelated,
    VitestRelated,
    /// Test files that import what changed.
    NodeTests,
    /// Packages and what imports them.
    GoPackages,
    /// Modules and what depends on them.
    MavenModules,
}

/// One check, ready to run. `name` and `dir` together identify it between baseline and chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    /// Folder below the root; empty for the root.
    pub dir: String,
    pub kind: CheckKind,
    pub run: Run,
    /// Bound on its run; `None` for the default.
    pub timeout: Option<Duration>,
    /// Not called for where its tool is missing: a linter that nobody installed stops no work.
    pub optional: bool,
    /// Exit code that says "found no tests", where there are none to find.
    pub no_tests_exit: Option<i32>,
    /// The same code, also where there should be some: a narrowed check that says so runs whole.
    pub none_found: Option<i32>,
    /// Says whether the tool is there, by running and changing nothing; a line for `sh -c`, empty where unknown.
    pub probe: String,
    /// Set unless the environment has it already.
    pub env: &'static [(&'static str, &'static str)],
    /// `None` where it runs no tests, or nobody knows its words.
    pub reads: Option<Reads>,
    pub only: Option<Only>,
    pub narrow: Option<Narrow>,
    /// Set where it was narrowed.
    pub narrowed: Option<Narrowed>,
}

/// What a narrowed check leaves out, and how it ran before it was narrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// For people: what ran.
    pub words: String,
    /// What would run all of it.
    pub from: Run,
}

impl Check {
    /// A check of which nothing is known but how to run it.
    pub fn new(name: impl Into<String>, dir: impl Into<String>, kind: CheckKind, run: Run) -> Self {
        Self {
            name: name.into(),
            dir: dir.into(),
            kind,
            run,
            timeout: None,
            optional: false,
            no_tests_exit: None,
            none_found: None,
            probe: String::new(),
            env: &[],
            reads: None,
            only: None,
            narrow: None,
            narrowed: None,
        }
    }

    /// The command as people read it.
    pub fn command(&self) -> String {
        match &self.run {
            Run::Shell { start, whole } if whole.is_empty() => start.clone(),
            Run::Shell { start, whole } => format!("{start} {whole}"),
            Run::Parse { parser, files } if files.len() == 1 => {
                format!("{} (parse {})", parser.program, files[0])
            }
            Run::Parse { parser, files } => {
                format!("{} (parse {} files)", parser.program, files.len())
            }
        }
    }

    /// True when both are the same check of the same folder.
    pub fn is(&self, name: &str, dir: &str) -> bool {
        self.name == name && self.dir == dir
    }

    /// The check with this in place of what runs all of it.
    #[must_use]
    pub fn narrowed_to(&self, run: Run, words: String) -> Self {
        let from = match &self.narrowed {
            Some(narrowed) => narrowed.from.clone(),
            None => self.run.clone(),
        };
        Self {
            run,
            narrowed: Some(Narrowed { words, from }),
            ..self.clone()
        }
    }

    /// The check as it was before it was narrowed.
    #[must_use]
    pub fn widened(&self) -> Self {
        let mut check = self.clone();
        if let Some(narrowed) = check.narrowed.take() {
            check.run = narrowed.from;
        }
        check
    }
}

/// A word for the shell: as it is where that is safe, else in single quotes.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_.-:@=+,%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
