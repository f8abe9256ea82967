//! Which paths of a repository are specs. Decided by paths alone.

use super::format::{self, Confidence};
use super::places::HIDDEN;
use std::collections::BTreeSet;

/// Why a path counts as a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecKind {
    /// The list of a tool whose format is known, where that tool keeps it or as it calls it.
    OfTool,
    /// A markdown file below a folder named `specs`.
    InSpecsFolder,
    /// A file whose name says so: `spec*.md`, `*.spec.md`, `roadmap.md`, `todo.md`.
    Named,
}

/// Stems of markdown files that are about the repository or for agents, never specs.
const NEVER: [&str; 6] = [
    "readme",
    "changelog",
    "contributing",
    "license",
    "claude",
    "agents",
];

/// Folders that hold other people's or generated files. `build`, `out` and `bin` are missing on
/// purpose: repositories keep real files there, and where they are build output they are git-ignored.
const VENDORED: [&str; 33] = [
    ".bundle",
    ".cache",
    ".codelicious",
    ".dart_tool",
    ".eggs",
    ".git",
    ".gradle",
    ".hg",
    ".jj",
    ".mypy_cache",
    ".next",
    ".nox",
    ".nuxt",
    ".pnpm-store",
    ".pytest_cache",
    ".ruff_cache",
    ".svelte-kit",
    ".svn",
    ".terraform",
    ".tox",
    ".venv",
    ".yarn",
    "__pycache__",
    "bower_components",
    "dist",
    "node_modules",
    "site-packages",
    "target",
    "third-party",
    "third_party",
    "vendor",
    "venv",
    "virtualenv",
];

/// Folders that show how something is done: what stands in specs below them is nobody's work.
const SHOWN: [&str; 12] = [
    "__fixtures__",
    "__tests__",
    "example",
    "examples",
    "fixture",
    "fixtures",
    "sample",
    "samples",
    "template",
    "templates",
    "test-fixtures",
    "testdata",
];

/// Names of files that say in a feature's folder what its `tasks.md` builds.
const DOCUMENTS: [&str; 9] = [
    "data-model",
    "design",
    "plan",
    "proposal",
    "quickstart",
    "requirements",
    "research",
    "spec",
    "spec-lite",
];

/// True for the name of a folder whose files are not the repository's own work.
pub fn is_vendored_dir(name: &str) -> bool {
    VENDORED.contains(&name)
}

/// True when a walk need not enter the folder at `path` (below the root, with `/`).
///
/// Below a `specs` folder only version control and our own folder are skipped: `specs/vendor/` is a
/// subject there, not other people's code.
pub fn is_pruned_dir(path: &str) -> bool {
    let mut in_specs = false;
    for name in path.split('/') {
        if matches!(name, ".git" | ".codelicious") || (!in_specs && is_vendored_dir(name)) {
            return true;
        }
        in_specs |= is_specs_folder(name);
    }
    false
}

/// True for a file that may be a spec by its name alone, whatever folder it is in.
pub fn may_be_spec(file: &str) -> bool {
    let ends_with = |end: &str| {
        let at = file.len().checked_sub(end.len());
        at.is_some_and(|at| at > 0 && file.as_bytes()[at..].eq_ignore_ascii_case(end.as_bytes()))
    };
    ends_with(".md")
        || file.eq_ignore_ascii_case("tasks.json")
        || file.eq_ignore_ascii_case("prd.json")
}

/// True for the name of a hidden folder in which tools keep specs.
pub fn is_tool_dir(name: &str) -> bool {
    HIDDEN.contains(&name)
}

/// Says whether the file at `path` (below the root, with `/`) is a spec, and why, without a look at what else there
/// is.
///
/// Names are compared without regard to case. What lies in vendored folders is none, nor what tools keep beside
/// their lists, nor examples and templates.
pub fn classify(path: &str) -> Option<SpecKind> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    if !may_be_spec(file) || is_pruned_dir(folder) || is_left_out(folder) {
        return None;
    }
    match format::by_path(path) {
        Confidence::Sure | Confidence::Likely => return Some(SpecKind::OfTool),
        Confidence::NotWork => return None,
        Confidence::Looks | Confidence::No => {}
    }
    let file = file.to_ascii_lowercase();
    let stem = file.strip_suffix(".md")?;
    if NEVER.contains(&stem) {
        return None;
    }
    if folder.split('/').any(is_specs_folder) {
        return Some(SpecKind::InSpecsFolder);
    }
    let named = stem.starts_with("spec")
        || stem
            .strip_suffix(".spec")
            .is_some_and(|rest| !rest.is_empty())
        || matches!(stem, "roadmap" | "todo");
    (named && !stem.ends_with("template")).then_some(SpecKind::Named)
}

/// The specs among all `paths`: those that [`classify`] takes for one, but for what stands beside a tool's list and
/// says what that builds.
pub fn specs(paths: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let found: Vec<(String, SpecKind)> = paths
        .into_iter()
        .filter_map(|path| classify(&path).map(|kind| (path, kind)))
        .collect();
    let of = |kind: SpecKind| {
        let lists = found.iter().filter(move |(_, k)| *k == kind);
        lists.filter_map(|(path, _)| path.rsplit_once('/'))
    };
    let sure =
        |folder: &str, file: &str| format::by_path(&format!("{folder}/{file}")) == Confidence::Sure;
    // All below the folder of a tool's list is its own.
    let tools: BTreeSet<&str> = of(SpecKind::OfTool)
        .filter(|(folder, file)| sure(folder, file))
        .map(|(folder, _)| folder)
        .collect();
    let features: BTreeSet<&str> = of(SpecKind::InSpecsFolder)
        .filter(|(folder, file)| {
            let above = folder.rsplit_once('/').map(|(above, _)| above);
            file.eq_ignore_ascii_case("tasks.md")
                && above.is_some_and(|above| above.split('/').any(is_specs_folder))
        })
        .map(|(folder, _)| folder)
        .collect();
    let is_document = |path: &str| {
        let below_tool = ancestors(path).any(|folder| tools.contains(folder));
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let is_named = DOCUMENTS.iter().any(|name| name.eq_ignore_ascii_case(stem));
        below_tool || (is_named && features.contains(folder))
    };
    let kept = found
        .iter()
        .filter(|(path, kind)| *kind == SpecKind::OfTool || !is_document(path));
    kept.map(|(path, _)| path.clone()).collect()
}

/// The folders on the way to a path, innermost first.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let above = |path: &str| path.rfind('/');
    std::iter::successors(above(path).map(|at| &path[..at]), move |folder| {
        folder.rfind('/').map(|at| &folder[..at])
    })
}

/// True for folders that no walk enters, and for what only shows something.
fn is_left_out(folder: &str) -> bool {
    let mut in_specs = false;
    for name in folder.split('/') {
        if name.starts_with('.') && !is_tool_dir(name) && !in_specs {
            return true;
        }
        let lower = name.to_ascii_lowercase();
        if !in_specs && SHOWN.contains(&lower.as_str()) {
            return true;
        }
        in_specs |= is_specs_folder(name) || is_tool_dir(name) || name == "openspec";
    }
    false
}

fn is_specs_folder(name: &str) -> bool {
    name.eq_ignore_ascii_case("specs")
}
