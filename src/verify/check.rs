//! One check: what to run, where, and how to read its exit.

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
    /// A line for `sh -c`.
    Shell(String),
    /// Parse these files (paths below the check's folder) in one process, executing none of them.
    Parse {
        parser: &'static Parser,
        files: Vec<String>,
    },
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
    /// Set unless the environment has it already.
    pub env: &'static [(&'static str, &'static str)],
}

impl Check {
    /// The command as people read it.
    pub fn command(&self) -> String {
        match &self.run {
            Run::Shell(line) => line.clone(),
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
}
