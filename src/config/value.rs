//! A configured value and where it came from.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

/// Where a value was set. Displayed the way a person would look it up: `codelicious.toml:3`,
/// `CODELICIOUS_MODEL`, `--model`, `default`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    #[default]
    Default,
    /// The user's own file. `line` is 1-based.
    UserFile { path: PathBuf, line: usize },
    /// `codelicious.toml` at the repository's root. `line` is 1-based.
    RepoFile { path: PathBuf, line: usize },
    /// An environment variable.
    Env { name: String },
    /// A command line flag, with its dashes.
    Flag { name: &'static str },
}

impl Origin {
    /// The same file at another line; other origins stay as they are.
    #[must_use]
    pub fn at_line(&self, line: usize) -> Origin {
        match self {
            Self::UserFile { path, .. } => Self::UserFile {
                path: path.clone(),
                line,
            },
            Self::RepoFile { path, .. } => Self::RepoFile {
                path: path.clone(),
                line,
            },
            Self::Default | Self::Env { .. } | Self::Flag { .. } => self.clone(),
        }
    }

    /// The place among the layers: of two values for the same thing, that of the higher one counts.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::UserFile { .. } => 1,
            Self::RepoFile { .. } => 2,
            Self::Env { .. } => 3,
            Self::Flag { .. } => 4,
        }
    }

    /// True when nobody set the value.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Default)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::UserFile { path, line } | Self::RepoFile { path, line } => {
                write!(f, "{}:{line}", path.display())
            }
            Self::Env { name } => f.write_str(name),
            Self::Flag { name } => f.write_str(name),
        }
    }
}

/// A value that knows its origin. Reads like the value itself: `*settings.max_attempts`,
/// `settings.model.as_deref()`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value<T> {
    pub value: T,
    pub origin: Origin,
}

impl<T> Value<T> {
    /// The same origin with the value turned into another.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Value<U> {
        Value {
            value: turn(self.value),
            origin: self.origin,
        }
    }
}

impl<T> Deref for Value<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
