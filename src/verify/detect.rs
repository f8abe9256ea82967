//! Which projects a repository holds, and the checks each has. Pure.

use super::check::CheckKind;
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
    /// Paths below the root, without those of nested projects.
    pub sources: Vec<String>,
    /// Those of the sources that hold tests.
    pub tests: Vec<String>,
}

/// Folders in which a weak manifest says nothing.
const NO_PROJECT: &[&str] = &["tests", "test", "docs", "doc", "requirements", "ci"];

/// Files of one syntax check, at most: what lies beyond is other checks' business.
const MAX_PARSED: usize = 3_000;

/// Finds all projects, by language and then by folder.
pub fn detect(view: &FileView<'_>) -> Vec<Project> {
    let (fallbacks, languages): (Vec<&Language>, Vec<&Language>) =
        LANGUAGES.iter().partition(|language| language.fallback);
    let mut projects: Vec<Project> = languages
        .into_iter()
        .flat_map(|language| projects_of(language, view))
        .collect();
    for language in fallbacks {
        let more: Vec<Project> = projects_of(language, view)
            .into_iter()
            .filter(|more| {
                let is_test = |c: &Check| c.kind == CheckKind::Test;
                !projects
                    .iter()
                    .any(|p| p.dir == more.dir && p.checks.iter().any(is_test))
            })
            .collect();
        projects.extend(more);
    }
    projects
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
    let checks = syntax(language, &ground, declared)
        .into_iter()
        .chain(rows)
        .collect();
    let owned = |paths: Vec<&str>| paths.into_iter().map(str::to_owned).collect();
    Project {
        language,
        dir: dir.to_owned(),
        checks,
        sources: owned(ground.sources),
        tests: owned(ground.tests),
    }
}

fn check(row: &'static CheckRow, ground: &Ground<'_>) -> Option<Check> {
    let plan = (row.plan)(ground)?;
    let name = plan.name.or(row.names.first().copied())?;
    let run = Run::Shell {
        start: plan.start,
        whole: plan.whole,
    };
    Some(Check {
        optional: row.optional,
        no_tests_exit: row.no_tests_exit.filter(|_| ground.tests.is_empty()),
        none_found: row.no_tests_exit,
        probe: plan.probe,
        env: row.env,
        reads: plan.reads,
        only: plan.only,
        narrow: plan.narrow,
        ..Check::new(name, ground.dir, row.kind, run)
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
        // A stray script in a repository of another language does not make its interpreter a must.
        optional: !declared,
        probe: format!("{} --version", parser.program),
        ..Check::new(
            parser.name,
            ground.dir,
            CheckKind::Syntax,
            Run::Parse { parser, files },
        )
    })
}

#[cfg(test)]
#[path = "detect_tests.rs"]
mod tests;
