//! Which paths of a repository are specs. Decided by the path alone.

/// Why a path counts as a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecKind {
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

/// Says whether the file at `path` (below the root, with `/`) is a spec, and why.
///
/// Names are compared without regard to case. What lies in vendored folders is none.
pub fn classify(path: &str) -> Option<SpecKind> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let file = file.to_ascii_lowercase();
    let stem = file.strip_suffix(".md")?;
    if stem.is_empty() || NEVER.contains(&stem) || is_pruned_dir(folder) {
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
    named.then_some(SpecKind::Named)
}

fn is_specs_folder(name: &str) -> bool {
    name.eq_ignore_ascii_case("specs")
}
