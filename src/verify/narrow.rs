//! Narrowing a check to what the changes can reach, as far as its tool allows. Pure.
//!
//! What is picked is a part of the whole, and holds at least what was changed. Wherever that cannot be told, for
//! a file of settings, a deleted test, a file that nothing is known to use, the check runs whole.

mod cargo;
mod go;
mod graph;
mod maven;
mod node;
mod python;

use super::check::{Check, Narrow, Run, quoted};
use super::detect::{Project, nearest};
use super::languages::DOCUMENTS;
use super::scope::Changes;
use super::view::{FileView, below, extension};

/// Bytes of a command line that names what was picked.
const MAX_LINE: usize = 32 << 10;
/// Changed files, and sources of one project, that are looked at one by one.
const MAX_CHANGES: usize = 300;
const MAX_SOURCES: usize = 10_000;

/// One project and what was changed in it.
pub(super) struct Look<'a> {
    view: &'a FileView<'a>,
    project: &'a Project,
    /// Paths below the root. Documents are not among them.
    present: Vec<&'a str>,
    deleted: Vec<&'a str>,
}

/// A part of what a check looks at.
struct Part {
    run: Run,
    words: String,
}

/// The check, narrowed to what the changes can reach.
pub fn narrow(
    view: &FileView<'_>,
    projects: &[Project],
    project: &Project,
    check: &Check,
    changes: &Changes<'_>,
) -> Check {
    let concerns = |path: &&str| {
        !DOCUMENTS.contains(&extension(path))
            && nearest(projects, project.language, path, |_| true)
                .is_some_and(|p| p.dir == project.dir)
    };
    let look = Look {
        view,
        project,
        present: changes.present.iter().copied().filter(concerns).collect(),
        deleted: changes.deleted.iter().copied().filter(concerns).collect(),
    };
    let count = look.present.len() + look.deleted.len();
    if count == 0 || count > MAX_CHANGES || project.sources.len() > MAX_SOURCES {
        return check.clone();
    }
    let Some(how) = check.narrow else {
        return check.clone();
    };
    let part = match how {
        Narrow::CargoPackages => cargo::packages(&look).map(|p| p.of(check)),
        Narrow::GoPackages => go::packages(&look).map(|p| p.of(check)),
        Narrow::MavenModules => maven::modules(&look).map(|p| p.of(check)),
        Narrow::Files(extensions) => files(&look, extensions).map(|p| p.of(check)),
        Narrow::PythonTests => python::tests(&look).map(|p| p.of(check)),
        Narrow::NodeTests => node::tests(&look).map(|p| p.of(check)),
        Narrow::JestRelated => node::jest(&look).map(|p| p.of(check)),
        Narrow::VitestRelated => node::vitest(&look),
    };
    match part {
        Some(part) if fits(&part.run) => check.narrowed_to(part.run, part.words),
        Some(_) | None => check.clone(),
    }
}

fn fits(run: &Run) -> bool {
    match run {
        Run::Shell { start, whole } => start.len() + whole.len() < MAX_LINE,
        Run::Parse { .. } => true,
    }
}

/// What was picked, as words of the command line and for people.
struct Picked {
    arguments: String,
    words: String,
}

impl Picked {
    fn of(self, check: &Check) -> Part {
        let start = match &check.run {
            Run::Shell { start, .. } => super::languages::open_line(start),
            Run::Parse { .. } => String::new(),
        };
        Part {
            run: Run::Shell {
                start,
                whole: self.arguments,
            },
            words: self.words,
        }
    }
}

impl Look<'_> {
    fn all(&self) -> impl Iterator<Item = &str> {
        self.present.iter().chain(&self.deleted).copied()
    }

    /// The path as a command in the project's folder takes it.
    fn word_for(&self, path: &str) -> String {
        let here = below(&self.project.dir, path).unwrap_or(path);
        match here.starts_with('-') {
            true => quoted(&format!("./{here}")),
            false => quoted(here),
        }
    }
}

/// The changed files themselves. What names other files may complain of a deleted one.
fn files(look: &Look<'_>, extensions: &[&str]) -> Option<Picked> {
    let has_extension = |path: &str| extensions.contains(&extension(path));
    if look.deleted.iter().any(|p| has_extension(p)) {
        return None;
    }
    let (files, others): (Vec<&str>, Vec<&str>) =
        look.present.iter().partition(|p| has_extension(p));
    if files.is_empty() || others.iter().any(|p| look.project.language.names_file(p)) {
        return None;
    }
    let arguments: Vec<String> = files.iter().map(|path| look.word_for(path)).collect();
    Some(Picked {
        words: count(files.len(), "changed file"),
        arguments: arguments.join(" "),
    })
}

/// `3 test files`
fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The first few, and how many more.
fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 6;
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..SHOWN].join(", ")),
        Some(_) | None => names.join(", "),
    }
}

#[cfg(test)]
#[path = "narrow_tests.rs"]
mod tests;
