//! Which checks a chunk's changes call for. Pure.

use super::check::{Check, CheckKind, Reads, Run};
use super::configured::Configured;
use super::detect::{Project, nearest};
use super::languages::{DOCUMENTS, LANGUAGES, Language};
use super::names;
use super::narrow::narrow;
use super::reading::Format;
use super::view::{FileView, ancestors, below, extension};
use crate::model::{CheckResult, Evidence, TestStatus};
use std::path::Path;

/// The files a chunk changed, as paths below the root.
#[derive(Clone, Debug, Default)]
pub struct Changes<'a> {
    /// Those that are there: new or edited.
    pub present: Vec<&'a str>,
    pub deleted: Vec<&'a str>,
}

impl<'a> Changes<'a> {
    fn all(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.present.iter().chain(&self.deleted).copied()
    }
}

/// Every check there is: what a baseline runs. A configured check replaces the detected one of the same
/// name and folder.
pub fn everything(projects: &[Project], configured: &[Configured]) -> Vec<Check> {
    let detected = projects
        .iter()
        .flat_map(|p| &p.checks)
        .filter(|c| !is_configured(configured, &c.name, &c.dir));
    ordered(
        detected
            .chain(configured.iter().map(|c| &c.check))
            .cloned()
            .collect(),
    )
}

/// The checks that the changes call for, cheap kinds first.
///
/// A file calls for the checks of the nearest project above it: of its own language by name or extension,
/// else of the innermost project in one of whose source folders it stands. Documents call for nothing.
/// A check that the base had and that is gone from a folder with changes is run as on the base: removing a
/// manifest or the tests removes no proof. Nothing changed calls for everything: that is how "there was
/// nothing to do" is proven. A check in which a test failed on the base that the task names runs whole: the task
/// was to mend it, wherever the changes are.
pub fn scope(
    view: &FileView<'_>,
    projects: &[Project],
    configured: &[Configured],
    changes: &Changes<'_>,
    (base, task): (&Evidence, &str),
) -> Vec<Check> {
    if changes.present.is_empty() && changes.deleted.is_empty() {
        return everything(projects, configured);
    }
    let mut called: Vec<Check> = Vec::new();
    let mut touched: Vec<&Project> = Vec::new();
    for path in changes.all() {
        for language in languages_of(projects, path) {
            for kind in [CheckKind::Lint, CheckKind::Test] {
                let has_kind = |p: &Project| p.checks.iter().any(|c| c.kind == kind);
                let Some(project) = nearest(projects, language, path, has_kind) else {
                    continue;
                };
                touched.push(project);
                for check in project.checks.iter().filter(|c| c.kind == kind) {
                    if !called.iter().any(|c| c.is(&check.name, &check.dir)) {
                        called.push(narrow(view, projects, project, check, changes));
                    }
                }
            }
        }
    }
    for project in dependents(view, projects, &touched) {
        let tests = project.checks.iter().filter(|c| c.kind == CheckKind::Test);
        for check in tests {
            called.retain(|c| !c.is(&check.name, &check.dir));
            called.push(check.clone());
        }
    }
    for check in asked_for(projects, base, task) {
        called.retain(|c| !c.is(&check.name, &check.dir));
        called.push(check.clone());
    }
    called.extend(
        projects
            .iter()
            .flat_map(|p| &p.checks)
            .filter_map(|c| parse_changed(c, changes)),
    );
    for project in projects.iter().filter(|p| p.language.fallback) {
        let touched = |path: &str| {
            below(&project.dir, path).is_some() && !DOCUMENTS.contains(&extension(path))
        };
        if changes.all().any(touched) {
            called.extend(project.checks.iter().cloned());
        }
    }
    called.extend(vanished(view, projects, changes, base));
    for check in &mut called {
        let lost_tests = |path: &&str| {
            below(&check.dir, path).is_some()
                && LANGUAGES.iter().any(|l| {
                    l.checks
                        .iter()
                        .any(|r| r.names.contains(&check.name.as_str()))
                        && (l.is_test)(path)
                })
        };
        if changes.deleted.iter().any(lost_tests) {
            // There were tests: finding none is no pass any more.
            check.no_tests_exit = None;
        }
    }
    called.retain(|c| !is_configured(configured, &c.name, &c.dir));
    called.extend(
        configured
            .iter()
            .filter(|c| wanted(c, changes))
            .map(|c| c.check.clone()),
    );
    ordered(called)
}

/// Projects of the same repository that are built upon one of these, however far: packages of a workspace.
fn dependents<'p>(
    view: &FileView<'_>,
    projects: &'p [Project],
    touched: &[&'p Project],
) -> Vec<&'p Project> {
    let mut reached: Vec<(&str, &str)> = Vec::new();
    let mut open: Vec<&Project> = touched.to_vec();
    let mut found = Vec::new();
    let id = |p: &'p Project| (p.language.name, p.dir.as_str());
    let links: Vec<_> = match touched.is_empty() || projects.len() < 2 {
        true => Vec::new(),
        false => projects
            .iter()
            .map(|p| (p, (p.language.links)(view, &p.dir)))
            .collect(),
    };
    while let Some(project) = open.pop() {
        if reached.contains(&id(project)) {
            continue;
        }
        reached.push(id(project));
        let own = links.iter().find(|(p, _)| id(p) == id(project));
        let Some(name) = own.and_then(|(_, l)| l.name.as_ref()) else {
            continue;
        };
        for (user, theirs) in &links {
            let uses = user.language.name == project.language.name && theirs.needs.contains(name);
            if uses && !touched.iter().any(|t| id(t) == id(user)) {
                found.push(*user);
                open.push(*user);
            } else if uses {
                open.push(*user);
            }
        }
    }
    found
}

/// Checks of which the task names a test that was red on the base.
fn asked_for<'p>(projects: &'p [Project], base: &Evidence, task: &str) -> Vec<&'p Check> {
    let names_red = |check: &CheckResult| {
        check
            .tests
            .iter()
            .flatten()
            .any(|(name, status)| *status == TestStatus::Failed && names::is_named(task, name))
    };
    let red: Vec<&CheckResult> = base.checks.iter().filter(|c| names_red(c)).collect();
    projects
        .iter()
        .flat_map(|p| &p.checks)
        .filter(|c| red.iter().any(|r| c.is(&r.name, &r.dir)))
        .collect()
}

fn is_configured(configured: &[Configured], name: &str, dir: &str) -> bool {
    configured.iter().any(|c| c.check.is(name, dir))
}

fn ordered(mut checks: Vec<Check>) -> Vec<Check> {
    // Stable: configured checks keep the order of the configuration.
    checks.sort_by_key(|c| c.kind);
    checks
}

fn wanted(configured: &Configured, changes: &Changes<'_>) -> bool {
    let Some(when) = &configured.when else {
        return true;
    };
    changes.all().any(|path| {
        when.matched_path_or_any_parents(Path::new(path.trim_start_matches('/')), false)
            .is_ignore()
    })
}

/// The languages whose checks a path calls for.
fn languages_of(projects: &[Project], path: &str) -> Vec<&'static Language> {
    let named = LANGUAGES
        .iter()
        .filter(|l| !l.fallback && l.names_file(path));
    let named: Vec<&Language> = named.collect();
    if !named.is_empty() || DOCUMENTS.contains(&extension(path)) {
        return named;
    }
    let innermost = |dir: &str| -> Vec<&'static Language> {
        let here = projects.iter().filter(|p| p.dir == dir);
        here.filter(|p| below(dir, path).is_some_and(|rest| p.language.counts_folder(rest)))
            .map(|p| p.language)
            .collect()
    };
    ancestors(path)
        .map(innermost)
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// The syntax check with those of its files that changed.
fn parse_changed(check: &Check, changes: &Changes<'_>) -> Option<Check> {
    let Run::Parse { parser, files } = &check.run else {
        return None;
    };
    let changed: Vec<String> = changes
        .present
        .iter()
        .filter_map(|path| below(&check.dir, path))
        .filter(|path| files.iter().any(|f| f == path))
        .map(str::to_owned)
        .collect();
    (!changed.is_empty()).then(|| Check {
        run: Run::Parse {
            parser,
            files: changed,
        },
        ..check.clone()
    })
}

/// Checks of the base that detection no longer finds, in folders with changes of their language.
/// A folder that is gone as a whole has nothing left to prove.
fn vanished(
    view: &FileView<'_>,
    projects: &[Project],
    changes: &Changes<'_>,
    base: &Evidence,
) -> Vec<Check> {
    let found = |name: &str, dir: &str| {
        projects
            .iter()
            .flat_map(|p| &p.checks)
            .any(|c| c.is(name, dir))
    };
    let remains =
        |dir: &str| dir.is_empty() || view.paths().iter().any(|path| below(dir, path).is_some());
    let missing = base
        .checks
        .iter()
        .filter(|b| !found(&b.name, &b.dir) && remains(&b.dir));
    let gone = missing.filter_map(|b| {
        let (language, row) = LANGUAGES.iter().find_map(|l| {
            let row = l.checks.iter().find(|r| r.names.contains(&b.name.as_str()));
            Some((l, row?))
        })?;
        let called = changes.all().any(|path| {
            below(&b.dir, path).is_some_and(|rest| {
                language.fallback || language.names_file(path) || language.counts_folder(rest)
            })
        });
        called.then(|| Check {
            optional: row.optional,
            env: row.env,
            // Its format stood in what is gone.
            reads: b.tests.as_ref().map(|_| Reads::printed(Format::Auto)),
            ..Check::new(&b.name, &b.dir, row.kind, Run::line(&b.command))
        })
    });
    gone.collect()
}

#[cfg(test)]
#[path = "scope_tests.rs"]
mod tests;
