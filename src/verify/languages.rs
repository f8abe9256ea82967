//! What is known about languages, a row each. A new language is a new row, in a file of its own.
//!
//! No check passes a network flag: a check sees the network that the sandbox leaves it, as at the user's
//! own prompt. All of a project's tests run even after the first failure, because a test that did not run
//! cannot be judged against the baseline.

mod build_files;
mod go;
mod java;
mod node;
mod python;
mod rust;

pub(super) use node::script;

pub(super) use node::{exec, open_line, vitest_report};
pub(super) use python::PYTHON_CONFIGS;

use super::check::{CheckKind, Narrow, Only, Parser, Reads};
use super::conditions::Ground;
use super::view::{FileView, base_name, extension, parent};

/// A language and its checks.
pub struct Language {
    pub name: &'static str,
    /// File names that make a folder a project.
    pub manifests: &'static [&'static str],
    /// File names that make a folder a project only when no other project of the language encloses it,
    /// and not in a folder for tests or documentation.
    pub weak_manifests: &'static [&'static str],
    /// Extensions of its sources.
    pub extensions: &'static [&'static str],
    /// Other files that call for its checks; one `*` stands for anything.
    pub names: &'static [&'static str],
    /// Folders of a project in which any file calls for its checks: fixtures, templates, embedded data.
    pub folders: &'static [&'static str],
    /// True when sources outside any project form one at the root.
    pub loose: bool,
    /// True when its checks count only in a folder where no other language has tests, and then for any file.
    pub fallback: bool,
    /// The folder whose checks cover a manifest's folder: the workspace's root.
    pub root: fn(&FileView<'_>, &str) -> String,
    /// True for a file that holds tests, by its path.
    pub is_test: fn(&str) -> bool,
    /// Texts of which a file that holds tests has at least one; empty when the path alone tells.
    pub test_marks: &'static [&'static str],
    pub parser: Option<&'static Parser>,
    /// True when sources with the parser's main extension are not plain: they need a compiler first.
    pub dialect: fn(&Ground<'_>) -> bool,
    /// What other projects of the language call this one, and what this one calls those it is built upon.
    pub links: fn(&FileView<'_>, &str) -> Links,
    pub checks: &'static [CheckRow],
}

/// How projects of one language name each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    pub name: Option<String>,
    pub needs: Vec<String>,
}

/// A language without anything: a row says what differs.
const PLAIN: Language = Language {
    name: "",
    manifests: &[],
    weak_manifests: &[],
    extensions: &[],
    names: &[],
    folders: &[],
    loose: false,
    fallback: false,
    root: |_, dir| dir.to_owned(),
    is_test: |_| false,
    test_marks: &[],
    parser: None,
    dialect: |_| false,
    links: |_, _| Links {
        name: None,
        needs: Vec::new(),
    },
    checks: &[],
};

/// A check of a language.
pub struct CheckRow {
    /// Every name that a check of this row may have.
    pub names: &'static [&'static str],
    pub kind: CheckKind,
    pub optional: bool,
    /// Exit code that says "found no tests"; a pass only in a project without tests.
    pub no_tests_exit: Option<i32>,
    pub env: &'static [(&'static str, &'static str)],
    /// What to run, or `None` where the project does not call for this check.
    pub plan: fn(&Ground<'_>) -> Option<Plan>,
}

/// What a row runs in one project.
pub struct Plan {
    /// One of the row's names; the first of them where this is `None`.
    pub name: Option<&'static str>,
    /// See [`super::check::Run::Shell`].
    pub start: String,
    pub whole: String,
    /// Says whether the tool is there, by running and changing nothing.
    pub probe: String,
    pub reads: Option<Reads>,
    pub only: Option<Only>,
    pub narrow: Option<Narrow>,
}

impl Plan {
    fn line(start: impl Into<String>, probe: impl Into<String>) -> Self {
        Self {
            name: None,
            start: start.into(),
            whole: String::new(),
            probe: probe.into(),
            reads: None,
            only: None,
            narrow: None,
        }
    }

    fn whole(self, whole: impl Into<String>) -> Self {
        Self {
            whole: whole.into(),
            ..self
        }
    }

    fn reads(self, reads: Reads) -> Self {
        Self {
            reads: Some(reads),
            ..self
        }
    }

    fn only(self, only: Only) -> Self {
        Self {
            only: Some(only),
            ..self
        }
    }

    fn narrow(self, narrow: Narrow) -> Self {
        Self {
            narrow: Some(narrow),
            ..self
        }
    }
}

/// Segments of paths below which nothing is a project or a source of its own: samples, often broken on
/// purpose, and other people's code.
pub const SAMPLES: &[&str] = &[
    "fixtures",
    "__fixtures__",
    "testdata",
    "test-data",
    "vendor",
    "third_party",
    "node_modules",
];

/// Documents: they call for no language's checks.
pub const DOCUMENTS: &[&str] = &["md", "markdown", "rst", "adoc", "txt"];

/// Those that fall back on a build file come last: they look whether the others found tests.
pub static LANGUAGES: &[Language] = &[
    rust::RUST,
    python::PYTHON,
    node::NODE,
    go::GO,
    java::MAVEN,
    java::GRADLE,
    build_files::MAKE,
    build_files::JUST,
];

impl Language {
    /// True when the file calls for this language's checks by its name alone.
    pub fn names_file(&self, path: &str) -> bool {
        self.extensions.contains(&extension(path))
            || self.names.iter().any(|n| name_matches(n, base_name(path)))
    }

    /// True when the file (a path below the project) stands in a folder whose files all count.
    pub fn counts_folder(&self, path: &str) -> bool {
        parent(path)
            .split('/')
            .any(|segment| self.folders.contains(&segment))
    }
}

/// One `*` stands for anything.
pub(super) fn name_matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            name.len() >= pattern.len() - 1 && name.starts_with(start) && name.ends_with(end)
        }
        None => pattern == name,
    }
}

/// True when a segment of the path's folder is one of [`SAMPLES`], or a template's placeholder.
pub(super) fn is_sample(path: &str) -> bool {
    parent(path)
        .split('/')
        .any(|segment| SAMPLES.contains(&segment) || segment.contains("{{"))
}
