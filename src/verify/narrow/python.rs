//! Python: test files that belong to, or import, what changed. Imports are read by a light scan, through the
//! project's own modules.

use super::graph::Users;
use super::{Look, Picked, count};
use crate::pattern::pattern;
use crate::verify::languages::PYTHON_CONFIGS;
use crate::verify::names::mentions;
use crate::verify::view::{base_name, below, extension, join, parent};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Settings with which other files hold tests, or others are left out, than a path tells.
const OTHER_RULES: &[&str] = &[
    "python_files",
    "norecursedirs",
    "doctest",
    "--pyargs",
    "--ignore",
    "--deselect",
    "pytest_plugins",
];

/// Words of tests that reach code without importing it.
const OUTSIDE: &[&str] = &["subprocess", "runpy", "importlib", "os.system", "pexpect"];

/// A dotted name in quotes: what `mock.patch` and `import_module` take.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r#"["']([A-Za-z_]\w*(?:\.\w+)+)["']"#));
static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]+))",
    )
});

pub(super) fn tests(look: &Look<'_>) -> Option<Picked> {
    let language = look.project.language;
    let configs: String = PYTHON_CONFIGS
        .iter()
        .filter_map(|name| look.view.read(&join(&look.project.dir, name)))
        .collect();
    if OTHER_RULES.iter().any(|rule| configs.contains(rule)) {
        return None;
    }
    for path in look.all() {
        let is_lost_test = look.deleted.contains(&path) && (language.is_test)(path);
        if extension(path) != "py" || base_name(path) == "conftest.py" || is_lost_test {
            return None;
        }
    }
    let modules = Modules::of(look);
    let mut users = Users::default();
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for path in look.project.sources.iter().filter(|p| extension(p) == "py") {
        let text = look.view.read(path)?;
        for used in modules.used_by(path, &text) {
            users.add(path, used);
        }
        texts.insert(path, text);
    }
    let tests: BTreeSet<&str> = look.project.tests.iter().map(String::as_str).collect();
    let mut picked: BTreeSet<&str> = BTreeSet::new();
    for path in look.all() {
        let reached = users.reached([path]);
        if reached.iter().any(|p| base_name(p) == "conftest.py") {
            return None;
        }
        let stem = base_name(path).trim_end_matches(".py");
        let (before, after) = (format!("test_{stem}.py"), format!("{stem}_test.py"));
        let mine = tests.iter().copied().filter(|test| {
            reached.contains(*test) || base_name(test) == before || base_name(test) == after
        });
        let mine: Vec<&str> = mine.collect();
        // Nothing is known to use it: anything may.
        if mine.is_empty() {
            return None;
        }
        picked.extend(mine);
    }
    let text = |test: &str| texts.get(test).map_or("", String::as_str);
    picked.extend(
        tests
            .iter()
            .filter(|test| OUTSIDE.iter().any(|word| mentions(text(test), word))),
    );
    if let Some(folders) = test_paths(&configs)? {
        let is_in = |test: &str| {
            let here = below(&look.project.dir, test).unwrap_or(test);
            folders
                .iter()
                .any(|f| here == *f || below(f, here).is_some())
        };
        picked.retain(|test| is_in(test));
    }
    let holds_one =
        |test: &&str| text(test).contains("def test") || text(test).contains("unittest");
    if picked.len() >= tests.len() || !picked.iter().any(holds_one) {
        return None;
    }
    let arguments: Vec<String> = picked.iter().map(|test| look.word_for(test)).collect();
    Some(Picked {
        arguments: arguments.join(" "),
        words: format!(
            "{} of {}: those that import what changed",
            picked.len(),
            count(tests.len(), "test file")
        ),
    })
}

/// `testpaths`, where there are any; `None` where they cannot be read.
fn test_paths(configs: &str) -> Option<Option<Vec<&str>>> {
    if !configs.contains("testpaths") {
        return Some(None);
    }
    let line = configs
        .lines()
        .find(|line| line.trim_start().starts_with("testpaths"))?;
    let value = line.split_once('=')?.1.trim();
    let value = match value.strip_prefix('[') {
        Some(list) => list.strip_suffix(']')?,
        None => value,
    };
    let split = |c: char| c == ',' || c == '"' || c == '\'' || c.is_whitespace();
    let folders = value.split(split).filter(|folder| !folder.is_empty());
    let folders: Vec<&str> = folders
        .map(|f| f.trim_start_matches("./").trim_end_matches('/'))
        .collect();
    let is_plain = |folder: &&str| !folder.contains(['*', '[', '$']) && *folder != ".";
    (!folders.is_empty() && folders.iter().all(is_plain)).then_some(Some(folders))
}

/// The project's modules by the names under which they may be imported.
struct Modules<'a> {
    files: BTreeMap<String, BTreeSet<&'a str>>,
    packages: BTreeSet<&'a str>,
}

impl<'a> Modules<'a> {
    fn of(look: &'a Look<'_>) -> Self {
        let sources = look.project.sources.iter().map(String::as_str);
        let paths: BTreeSet<&str> = sources
            .chain(look.deleted.iter().copied())
            .filter(|path| extension(path) == "py")
            .collect();
        let packages = paths
            .iter()
            .filter(|path| base_name(path) == "__init__.py")
            .map(|path| parent(path))
            .collect();
        let mut modules = Self {
            files: BTreeMap::new(),
            packages,
        };
        for path in paths {
            // From the folder that holds the outermost package, and from the project's, for packages without
            // `__init__.py`, also below `src`.
            let here = below(&look.project.dir, path).unwrap_or(path);
            let names = [
                dotted(below(modules.root_of(path), path).unwrap_or(path)),
                dotted(here),
                dotted(here.strip_prefix("src/").unwrap_or(here)),
            ];
            for name in names {
                modules.files.entry(name).or_default().insert(path);
            }
        }
        modules
    }

    /// The nearest folder above that is no package.
    fn root_of<'p>(&self, path: &'p str) -> &'p str {
        let mut dir = parent(path);
        while self.packages.contains(dir) && !dir.is_empty() {
            dir = parent(dir);
        }
        dir
    }

    /// Files that a source imports, with the packages that are run on the way.
    fn used_by(&self, path: &str, text: &str) -> BTreeSet<&'a str> {
        let mut used = BTreeSet::new();
        let own = dotted(below(self.root_of(path), path).unwrap_or(path));
        let is_package = base_name(path) == "__init__.py";
        for found in IMPORT.captures_iter(text) {
            if let Some(plain) = found.get(3) {
                for module in plain.as_str().split(',') {
                    let module = module.split_whitespace().next().unwrap_or_default();
                    self.add(module, path, &mut used);
                }
                continue;
            }
            let from = found.get(1).map_or("", |m| m.as_str());
            let base = absolute(from, &own, is_package);
            self.add(&base, path, &mut used);
            let names = found.get(2).map_or("", |m| m.as_str());
            for name in names.trim_matches(['(', ')']).split([',', '\n']) {
                let name = name.split_whitespace().next().unwrap_or_default();
                match base.is_empty() {
                    true => self.add(name, path, &mut used),
                    false => self.add(&format!("{base}.{name}"), path, &mut used),
                }
            }
        }
        for found in QUOTED.captures_iter(text) {
            if let Some(name) = found.get(1) {
                self.add(name.as_str(), path, &mut used);
            }
        }
        used.remove(path);
        used
    }

    /// The module of this name, and every package above it.
    fn add(&self, name: &str, from: &str, used: &mut BTreeSet<&'a str>) {
        let ends = name.match_indices('.').map(|(at, _)| at);
        for end in ends.chain([name.len()]) {
            if let Some(files) = self.files.get(&name[..end]) {
                used.extend(files.iter().filter(|file| **file != from));
            }
        }
    }
}

/// `a/b/__init__.py` as `a.b`.
fn dotted(path: &str) -> String {
    let bare = path.trim_end_matches(".py");
    let bare = bare.strip_suffix("/__init__").unwrap_or(bare);
    bare.replace('/', ".")
}

/// `..x` as seen from a module.
fn absolute(from: &str, own: &str, is_package: bool) -> String {
    let name = from.trim_start_matches('.');
    let dots = from.len() - name.len();
    if dots == 0 {
        return name.to_owned();
    }
    let mut segments: Vec<&str> = own.split('.').collect();
    let up = if is_package { dots - 1 } else { dots };
    segments.truncate(segments.len().saturating_sub(up));
    segments.extend(name.split('.').filter(|s| !s.is_empty()));
    segments.join(".")
}
