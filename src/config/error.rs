//! What can be wrong with a configuration, each with place and remedy.

use super::engine::known_words;
use super::value::Origin;
use std::fmt;
use std::path::PathBuf;

/// Everything that is wrong with the configuration, all layers at once, in the order of the files'
/// lines. Never empty.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// An error out of what was found; None when nothing was.
    pub(super) fn from_problems(mut problems: Vec<Problem>) -> Option<ConfigError> {
        problems.sort_by_key(Problem::place);
        (!problems.is_empty()).then_some(ConfigError { problems })
    }

    /// Each single problem.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{}: cannot be read: {message}", path.display())]
    Unreadable { path: PathBuf, message: String },

    #[error("{at}: not valid TOML: {message}")]
    Syntax { at: Origin, message: String },

    #[error("{at}: unknown {what} `{key}`; {}", remedy(nearest.as_deref(), what))]
    Unknown {
        at: Origin,
        /// `key`, `table` or `variable`.
        what: &'static str,
        key: String,
        nearest: Option<String>,
    },

    #[error("{at}: unknown engine `{name}`; {}", engine_remedy(nearest.as_deref()))]
    UnknownEngine {
        at: Origin,
        name: String,
        nearest: Option<String>,
    },

    #[error("{at}: `{key}` is {found}; it must be {allowed}")]
    WrongType {
        at: Origin,
        key: String,
        found: &'static str,
        allowed: String,
    },

    #[error("{at}: `{key}` cannot be {given}; it must be {allowed}")]
    BadValue {
        at: Origin,
        key: String,
        given: String,
        allowed: String,
    },

    #[error("{at}: `{key}` cannot be used: {why}")]
    Unusable {
        at: Origin,
        key: String,
        why: String,
    },

    #[error(
        "{at}: `{key}` may not be set in the repository's file, because it would let a repository \
         weaken what protects its user; set it {}in your own file{}",
        setters(*env, *flag),
        own_file(user_file.as_ref())
    )]
    Wall {
        at: Origin,
        key: String,
        /// None where only a file can set it.
        env: Option<&'static str>,
        flag: Option<&'static str>,
        user_file: Option<PathBuf>,
    },

    #[error("{at}: {message}")]
    Unsupported { at: Origin, message: String },
}

fn remedy(nearest: Option<&str>, what: &str) -> String {
    match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!(
            "remove it: no {what} is called that (`codelicious init` writes a file with all known keys)"
        ),
    }
}

fn engine_remedy(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!(
            "known are {}; others are named by `[engine.<name>]` tables",
            known_words()
        ),
    }
}

fn setters(env: Option<&str>, flag: Option<&str>) -> String {
    match (env, flag) {
        (Some(env), Some(flag)) => format!("with {flag} or {env}, or "),
        (Some(name), None) | (None, Some(name)) => format!("with {name}, or "),
        (None, None) => String::new(),
    }
}

fn own_file(path: Option<&PathBuf>) -> String {
    path.map(|p| format!(" {}", p.display()))
        .unwrap_or_default()
}

impl Problem {
    /// Sort key: user file, repository file, environment, flags; then by line.
    fn place(&self) -> (u8, usize) {
        let at = match self {
            Self::Unreadable { .. } => return (0, 0),
            Self::Syntax { at, .. }
            | Self::Unknown { at, .. }
            | Self::UnknownEngine { at, .. }
            | Self::WrongType { at, .. }
            | Self::BadValue { at, .. }
            | Self::Unusable { at, .. }
            | Self::Wall { at, .. }
            | Self::Unsupported { at, .. } => at,
        };
        let line = match at {
            Origin::UserFile { line, .. } | Origin::RepoFile { line, .. } => *line,
            Origin::Default | Origin::Env { .. } | Origin::Flag { .. } => 0,
        };
        (at.rank(), line)
    }
}
