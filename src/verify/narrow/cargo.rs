//! Cargo: the packages that were touched, and the members that depend on them.

use super::graph::Users;
use super::{Look, Picked, some_of};
use crate::verify::check::quoted;
use crate::verify::languages::name_matches;
use crate::verify::view::{ancestors, base_name, below, extension, join};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Members of a workspace: folder and name.
struct Workspace {
    members: BTreeMap<String, String>,
    users: Users,
}

pub(super) fn packages(look: &Look<'_>) -> Option<Picked> {
    let workspace = Workspace::read(look)?;
    let mut touched: BTreeSet<String> = BTreeSet::new();
    for path in look.all() {
        // Features of one package are those of all who share a dependency with it.
        if matches!(base_name(path), "Cargo.toml" | "Cargo.lock") {
            return None;
        }
        let package = ancestors(path).find(|dir| look.view.has(&join(dir, "Cargo.toml")))?;
        if !workspace.members.contains_key(package) || is_setting(look, package, path) {
            return None;
        }
        touched.insert(package.to_owned());
        if extension(path) != "rs" {
            touched.extend(workspace.embedders(look, base_name(path)));
        }
    }
    let reached = workspace.users.reached(touched.iter().map(String::as_str));
    let names: BTreeSet<&str> = reached
        .iter()
        .filter_map(|dir| workspace.members.get(dir))
        .map(String::as_str)
        .collect();
    if names.is_empty() || names.len() >= workspace.members.len() {
        return None;
    }
    let names: Vec<&str> = names.into_iter().collect();
    let arguments: Vec<String> = names.iter().map(|n| format!("-p {}", quoted(n))).collect();
    Some(Picked {
        arguments: arguments.join(" "),
        words: format!(
            "{} of {} packages: {}",
            names.len(),
            workspace.members.len(),
            some_of(&names)
        ),
    })
}

/// A file of the workspace's root that is no package's own: a toolchain, `.cargo`, data that anybody may read.
fn is_setting(look: &Look<'_>, package: &str, path: &str) -> bool {
    let here = below(package, path).unwrap_or(path);
    let own = ["src/", "tests/", "benches/", "examples/", "build.rs"];
    package == look.project.dir && !own.iter().any(|folder| here.starts_with(folder))
}

impl Workspace {
    fn read(look: &Look<'_>) -> Option<Self> {
        let root = &look.project.dir;
        let manifest = table(look, root)?;
        let workspace = manifest.get("workspace")?.as_table()?;
        // Its author chose what runs.
        if workspace.contains_key("default-members") {
            return None;
        }
        let mut manifests: BTreeMap<String, Table> = BTreeMap::new();
        let dirs = look.view.paths().iter();
        let dirs = dirs.filter_map(|path| path.strip_suffix("Cargo.toml"));
        for dir in dirs.map(|dir| dir.trim_end_matches('/')) {
            if dir == root || below(root, dir).is_some() {
                manifests.extend(table(look, dir).map(|t| (dir.to_owned(), t)));
            }
        }
        let listed = |key: &str| {
            let globs = workspace.get(key).and_then(Value::as_array);
            globs.into_iter().flatten().filter_map(Value::as_str)
        };
        let is_listed = |dir: &String| {
            let here = below(root, dir).unwrap_or_default();
            dir == root
                || (listed("members").any(|glob| is_match(glob, here))
                    && !listed("exclude")
                        .any(|e| here == e || below(e.trim_end_matches('/'), here).is_some()))
        };
        let shared = workspace.get("dependencies").and_then(Value::as_table);
        let mut users = Users::default();
        let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (dir, manifest) in &manifests {
            for used in paths_of(manifest, dir, shared, root) {
                users.add(dir, &used);
                uses.entry(dir).or_default().insert(used);
            }
        }
        // What a member depends on by its path is a member as well.
        let mut members: BTreeMap<String, String> = BTreeMap::new();
        let mut open: Vec<String> = manifests.keys().filter(|d| is_listed(d)).cloned().collect();
        while let Some(dir) = open.pop() {
            if members.contains_key(&dir) || (dir != *root && below(root, &dir).is_none()) {
                continue;
            }
            let name = manifests
                .get(&dir)
                .and_then(|m| m.get("package")?.get("name")?.as_str());
            if let Some(name) = name {
                members.insert(dir.clone(), name.to_owned());
                open.extend(uses.get(dir.as_str()).into_iter().flatten().cloned());
            }
        }
        Some(Self { members, users })
    }

    /// Members whose sources name a file that is no source: `include_str!` reaches over folders.
    fn embedders(&self, look: &Look<'_>, name: &str) -> Vec<String> {
        let sources = look.project.sources.iter();
        let naming =
            sources.filter(|path| look.view.read(path).is_none_or(|text| text.contains(name)));
        naming
            .filter_map(|path| ancestors(path).find(|dir| self.members.contains_key(*dir)))
            .map(str::to_owned)
            .collect()
    }
}

fn table(look: &Look<'_>, dir: &str) -> Option<Table> {
    look.view.read(&join(dir, "Cargo.toml"))?.parse().ok()
}

/// Folders that a package depends on by their path.
fn paths_of(manifest: &Table, dir: &str, shared: Option<&Table>, root: &str) -> BTreeSet<String> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flatten();
    let tables = targets.filter_map(|(_, target)| target.as_table());
    let mut used = BTreeSet::new();
    for table in tables.chain([manifest]) {
        let kinds = KINDS.iter().filter_map(|kind| table.get(*kind)?.as_table());
        for (name, dependency) in kinds.flatten() {
            let is_shared = dependency.get("workspace").and_then(Value::as_bool) == Some(true);
            let (from, dependency) = match shared.and_then(|s| s.get(name)) {
                Some(shared) if is_shared => (root, shared),
                Some(_) | None => (dir, dependency),
            };
            let path = dependency.get("path").and_then(Value::as_str);
            used.extend(path.and_then(|path| resolve(from, path)));
        }
    }
    used
}

/// A relative path from a folder below the root; `None` where it leads out of it.
pub(super) fn resolve(dir: &str, path: &str) -> Option<String> {
    let mut segments: Vec<&str> = dir.split('/').filter(|s| !s.is_empty()).collect();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            name => segments.push(name),
        }
    }
    Some(segments.join("/"))
}

/// A glob of `members`, segment by segment.
fn is_match(glob: &str, dir: &str) -> bool {
    let glob: Vec<&str> = glob
        .trim_start_matches("./")
        .trim_end_matches('/')
        .split('/')
        .collect();
    let dir: Vec<&str> = dir.split('/').collect();
    fn each(glob: &[&str], dir: &[&str]) -> bool {
        match (glob, dir) {
            ([], []) => true,
            (["**", rest @ ..], _) => {
                each(rest, dir)
                    || dir
                        .split_first()
                        .is_some_and(|(_, below)| each(glob, below))
            }
            ([first, rest @ ..], [name, below @ ..]) => {
                name_matches(first, name) && each(rest, below)
            }
            ([], [_, ..]) | ([_, ..], []) => false,
        }
    }
    each(&glob, &dir)
}
