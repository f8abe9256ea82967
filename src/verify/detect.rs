//! Which projects a repository holds, and the checks each has. Pure.

use super::check::{Check, Run};
use super::conditions::Ground;
use super::languages::{CheckRow, LANGUAGES, Language, is_sample};
use super::view::{FileView, ancestors, base_name, below, extension, parent};
use std::collections::{BTreeMap, BTreeSet};

/// A folder with checks of one language.
pub struct Project {
    pub language: &'static Language,
    /// Folder below the root; empty for the root.
    pub dir: String,
    /// What can be run here; a syntax check names all files that it could parse.
    pub checks: Vec<Check>,
}

/// Folders in which a weak manifest says nothing.
const NO_PROJECT: &[&str] = &["tests", "test", "docs", "doc", "requirements", "ci"];

/// Files of one syntax check, at most: what lies beyond is other checks' business.
const MAX_PARSED: usize = 3_000;

/// Finds all projects, by language and then by folder.
pub fn detect(view: &FileView<'_>) -> Vec<Project> {
    LANGUAGES
        .iter()
        .flat_map(|language| projects_of(language, view))
        .collect()
}

/// The project of `language` that a path belongs to: the nearest one above it that `suits`.
pub(super) fn nearest<'p>(
    projects: &'p [Project],
    language: &Language,
    path: &str,
    suits: impl Fn(&Project) -> bool,
) -> Option<&'p Project> {
    ancestors(path).find_map(|dir| {
        projects
            .iter()
            .find(|p| p.language.name == language.name && p.dir == dir && suits(p))
    })
}

fn projects_of(language: &'static Language, view: &FileView<'_>) -> Vec<Project> {
    let declared = declared(language, view);
    let mut sources: BTreeMap<&str, Vec<&str>> = declared
        .iter()
        .map(|dir| (dir.as_str(), Vec::new()))
        .collect();
    for &path in view.paths() {
        if !language.extensions.contains(&extension(path)) || is_sample(path) {
            continue;
        }
        match ancestors(path).find(|dir| declared.contains(*dir)) {
            Some(dir) => sources.entry(dir).or_default().push(path),
            None if language.loose => sources.entry("").or_default().push(path),
            None => {}
        }
    }
    sources
        .into_iter()
        .map(|(dir, sources)| project(language, view, dir, sources, declared.contains(dir)))
        .filter(|p| !p.checks.is_empty())
        .collect()
}

/// The folders that manifests make a project.
fn declared(language: &Language, view: &FileView<'_>) -> BTreeSet<String> {
    let strong = view
        .paths()
        .iter()
        .filter(|p| language.manifests.contains(&base_name(p)) && !is_sample(p))
        .map(|p| (language.root)(view, parent(p)));
    let mut dirs: BTreeSet<String> = strong.collect();
    let mut weak: Vec<&str> = view
        .paths()
        .iter()
        .filter(|p| language.weak_manifests.contains(&base_name(p)) && !is_sample(p))
        .filter(|p| {
            !parent(p)
                .split('/')
                .any(|segment| NO_PROJECT.contains(&segment))
        })
        .copied()
        .collect();
    weak.sort_by_key(|p| p.matches('/').count());
    for path in weak {
        if !ancestors(path).any(|dir| dirs.contains(dir)) {
            dirs.insert(parent(path).to_owned());
        }
    }
    dirs
}

fn project<'a>(
    language: &'static Language,
    view: &'a FileView<'a>,
    dir: &'a str,
    sources: Vec<&'a str>,
    declared: bool,
) -> Project {
    let holds_tests = |path: &&str| {
        (language.is_test)(path)
            && (language.test_marks.is_empty()
                || view
                    .read(path)
                    .is_none_or(|text| language.test_marks.iter().any(|m| text.contains(m))))
    };
    let tests = sources.iter().copied().filter(holds_tests).collect();
    let ground = Ground {
        view,
        dir,
        sources,
        tests,
    };
    let rows = language.checks.iter().filter_map(|row| check(row, &ground));
    Project {
        language,
        dir: dir.to_owned(),
        checks: syntax(language, &ground, declared)
            .into_iter()
            .chain(rows)
            .collect(),
    }
}

fn check(row: &'static CheckRow, ground: &Ground<'_>) -> Option<Check> {
    Some(Check {
        name: row.name.to_owned(),
        dir: ground.dir.to_owned(),
        kind: row.kind,
        run: Run::Shell((row.command)(ground)?),
        timeout: None,
        optional: row.optional,
        no_tests_exit: row.no_tests_exit.filter(|_| ground.tests.is_empty()),
        env: row.env,
    })
}

fn syntax(language: &Language, ground: &Ground<'_>, declared: bool) -> Option<Check> {
    let parser = language.parser?;
    let dialect = (language.dialect)(ground);
    let files: Vec<String> = ground
        .sources
        .iter()
        .filter(|p| parser.extensions.contains(&extension(p)))
        .filter(|p| !(dialect && parser.extensions.first() == Some(&extension(p))))
        .filter_map(|p| below(ground.dir, p))
        .take(MAX_PARSED)
        .map(str::to_owned)
        .collect();
    (!files.is_empty()).then(|| Check {
        name: parser.name.to_owned(),
        dir: ground.dir.to_owned(),
        kind: super::check::CheckKind::Syntax,
        run: Run::Parse { parser, files },
        timeout: None,
        // A stray script in a repository of another language does not make its interpreter a must.
        optional: !declared,
        no_tests_exit: None,
        env: &[],
    })
}

#[cfg(test)]
#[path = "detect_tests.rs"]
mod tests;
