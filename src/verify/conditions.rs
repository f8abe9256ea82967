//! What the rows of `languages` ask of a project before they name a command. Pure.

use super::view::{FileView, ancestors, base_name, below, join};

/// One project as its rows see it.
pub struct Ground<'a> {
    pub view: &'a FileView<'a>,
    pub dir: &'a str,
    /// Its sources: paths below the root, without those of nested projects.
    pub sources: Vec<&'a str>,
    /// Those of its sources that hold tests.
    pub tests: Vec<&'a str>,
}

impl Ground<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.view.has(&join(self.dir, name))
    }

    pub(super) fn read(&self, name: &str) -> String {
        self.view.read(&join(self.dir, name)).unwrap_or_default()
    }
}

/// Cargo looks upward for the nearest `[workspace]` that does not exclude the package
/// (<https://doc.rust-lang.org/cargo/reference/workspaces.html>).
pub(super) fn cargo_root(view: &FileView<'_>, dir: &str) -> String {
    let manifest = join(dir, "Cargo.toml");
    for candidate in ancestors(&manifest) {
        let Some(workspace) = cargo_workspace(
            &view
                .read(&join(candidate, "Cargo.toml"))
                .unwrap_or_default(),
        ) else {
            continue;
        };
        let excluded = workspace
            .get("exclude")
            .and_then(toml::Value::as_array)
            .is_some_and(|list| {
                list.iter().filter_map(toml::Value::as_str).any(|entry| {
                    let from_root = below(candidate, dir).unwrap_or_default();
                    from_root == entry || below(entry.trim_end_matches('/'), from_root).is_some()
                })
            });
        if candidate == dir || !excluded {
            return candidate.to_owned();
        }
    }
    dir.to_owned()
}

fn cargo_workspace(manifest: &str) -> Option<toml::Table> {
    match manifest.parse::<toml::Table>().ok()?.remove("workspace") {
        Some(toml::Value::Table(workspace)) => Some(workspace),
        _ => None,
    }
}

/// In a workspace all members are tested, unless its author named the default ones.
pub(super) fn workspace_flag(g: &Ground<'_>) -> &'static str {
    match cargo_workspace(&g.read("Cargo.toml")) {
        Some(w) if !w.contains_key("default-members") => " --workspace",
        _ => "",
    }
}

/// Only a repository that set clippy up is held to it.
pub(super) fn wants_clippy(g: &Ground<'_>) -> bool {
    let manifest = g
        .read("Cargo.toml")
        .parse::<toml::Table>()
        .unwrap_or_default();
    let workspace_lints = manifest
        .get("workspace")
        .is_some_and(|w| w.get("lints").is_some());
    g.has("clippy.toml")
        || g.has(".clippy.toml")
        || manifest.contains_key("lints")
        || workspace_lints
}

/// Texts in which a Python project may say that it uses pytest.
const PYTHON_CONFIGS: &[&str] = &[
    "pyproject.toml",
    "setup.cfg",
    "tox.ini",
    "pytest.ini",
    "setup.py",
    "requirements.txt",
    "requirements-dev.txt",
];

pub(super) fn pytest(g: &Ground<'_>) -> Option<String> {
    let configs: String = PYTHON_CONFIGS.iter().map(|name| g.read(name)).collect();
    let configured = g.has("pytest.ini")
        || g.has("conftest.py")
        || ["[tool.pytest", "[tool:pytest]", "[pytest]"]
            .iter()
            .any(|s| configs.contains(s));
    if !configured && (g.tests.is_empty() || unittest(g).is_some()) {
        return None;
    }
    // `-rfE` prints the names that judging needs, whatever the project's own options say.
    // The cache would be a dropping in the lane; a project that uses it cannot do without the plugin.
    let uses_cache = [
        "cache_dir",
        "--lf",
        "--ff",
        "--nf",
        "--sw",
        "--last-failed",
        "--failed-first",
        "--new-first",
        "--stepwise",
        "--cache",
    ]
    .iter()
    .any(|s| configs.contains(s));
    let cache = if uses_cache {
        ""
    } else {
        " -p no:cacheprovider"
    };
    Some(format!(
        "python3 -m pytest -q -rfE{cache} --continue-on-collection-errors --maxfail=0"
    ))
}

/// Tests that need nothing but the standard library, and that `unittest discover` finds: it looks below
/// its start folder only into packages.
pub(super) fn unittest(g: &Ground<'_>) -> Option<String> {
    let mentions_pytest = PYTHON_CONFIGS
        .iter()
        .any(|name| g.read(name).contains("pytest"))
        || g.has("conftest.py");
    let first = g.tests.first()?;
    let only_unittest = || {
        g.tests.iter().all(|path| {
            base_name(path).starts_with("test")
                && g.view
                    .read(path)
                    .is_some_and(|text| text.contains("unittest") && !text.contains("pytest"))
        })
    };
    if mentions_pytest || !only_unittest() {
        return None;
    }
    let start = ancestors(first).find(|dir| g.tests.iter().all(|t| below(dir, t).is_some()))?;
    let is_package = |dir: &str| g.view.has(&join(dir, "__init__.py"));
    let found = g
        .tests
        .iter()
        .all(|t| ancestors(t).take_while(|dir| *dir != start).all(is_package));
    let from_here = below(g.dir, start).filter(|s| !s.is_empty() && start != g.dir);
    match from_here {
        _ if !found => None,
        None => Some("python3 -m unittest discover".to_owned()),
        Some(s)
            if s.contains(|c: char| !(c.is_ascii_alphanumeric() || "/_.-".contains(c)))
                || s.starts_with('-') =>
        {
            None
        }
        // A package may import its siblings relatively: then the project's folder is the top level.
        Some(s) if is_package(start) && !s.contains('/') => {
            Some(format!("python3 -m unittest discover -s {s} -t ."))
        }
        Some(s) => Some(format!("python3 -m unittest discover -s {s}")),
    }
}

pub(super) fn script(g: &Ground<'_>, name: &str) -> Option<String> {
    let manifest: serde_json::Value = serde_json::from_str(&g.read("package.json")).ok()?;
    let line = manifest.get("scripts")?.get(name)?.as_str()?;
    (!line.trim().is_empty()).then(|| line.to_owned())
}

/// Packages whose users write JSX or types into `.js` files.
const COMPILERS: &[&str] = &[
    "react",
    "react-native",
    "react-scripts",
    "preact",
    "solid-js",
    "inferno",
    "next",
    "gatsby",
    "expo",
    "flow-bin",
    "@babel/core",
    "babel-core",
    "@swc/core",
    "@docusaurus/core",
    "@wordpress/scripts",
];

pub(super) fn compiled_javascript(g: &Ground<'_>) -> bool {
    let own = join(g.dir, "package.json");
    ancestors(&own).any(|dir| {
        let text = g.view.read(&join(dir, "package.json")).unwrap_or_default();
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        ["dependencies", "devDependencies", "peerDependencies"]
            .iter()
            .filter_map(|key| manifest.get(key)?.as_object())
            .any(|packages| COMPILERS.iter().any(|c| packages.contains_key(*c)))
    })
}
