//! Go: packages that were touched, and those that import them.

use super::graph::Users;
use super::{Look, Picked, some_of};
use crate::verify::check::quoted;
use crate::verify::view::{ancestors, below, extension, join, parent};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn packages(look: &Look<'_>) -> Option<Picked> {
    let dir = &look.project.dir;
    let manifest = look.view.read(&join(dir, "go.mod"))?;
    let module = manifest
        .lines()
        .find_map(|l| l.trim().strip_prefix("module "))?;
    let module = module.trim().trim_matches('"');
    // `./...` leaves out folders that begin with a dot or an underscore.
    let counts = |path: &str| {
        let here = below(dir, parent(path)).unwrap_or_default();
        !here.split('/').any(|s| s.starts_with(['.', '_']))
    };
    let mut packages: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in look.project.sources.iter().filter(|p| counts(p)) {
        packages.entry(parent(path)).or_default().push(path);
    }
    let mut users = Users::default();
    for (package, files) in &packages {
        for file in files {
            for import in imports(&look.view.read(file)?) {
                let used = match import.strip_prefix(module) {
                    Some("") => dir.clone(),
                    Some(rest) if rest.starts_with('/') => join(dir, &rest[1..]),
                    Some(_) | None => continue,
                };
                users.add(package, &used);
            }
        }
    }
    let mut touched = BTreeSet::new();
    for path in look.all() {
        let is_source = extension(path) == "go";
        if !is_source && look.project.language.names_file(path) {
            return None;
        }
        // A package that is gone still has those who import it.
        let package = match is_source {
            true => parent(path),
            false => ancestors(path).find(|dir| packages.contains_key(dir))?,
        };
        if below(dir, package).is_none() && package != dir {
            return None;
        }
        touched.insert(package.to_owned());
    }
    let reached = users.reached(touched.iter().map(String::as_str));
    let picked: Vec<&str> = packages
        .keys()
        .copied()
        .filter(|package| reached.contains(*package))
        .collect();
    if picked.is_empty() || picked.len() >= packages.len() {
        return None;
    }
    // Named by itself, a package of which nothing is built here is an error; `./...` passes over it.
    let is_built = |package: &str| {
        packages.get(package).into_iter().flatten().any(|file| {
            let stem = file.trim_end_matches(".go").trim_end_matches("_test");
            let has_system = stem
                .rsplit('/')
                .next()
                .is_some_and(|name| name.contains('_'));
            let text = look.view.read(file).unwrap_or_default();
            let is_tagged = text.contains("//go:build") || text.contains("// +build");
            !has_system && !is_tagged
        })
    };
    if !picked.iter().all(|package| is_built(package)) {
        return None;
    }
    let here = |package: &&str| match below(dir, package) {
        Some(path) if !path.is_empty() && package != dir => format!("./{path}"),
        Some(_) | None => ".".to_owned(),
    };
    let arguments: Vec<String> = picked.iter().map(here).collect();
    let names: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Some(Picked {
        words: format!(
            "{} of {} packages: {}",
            picked.len(),
            packages.len(),
            some_of(&names)
        ),
        arguments: arguments
            .iter()
            .map(|a| quoted(a))
            .collect::<Vec<_>>()
            .join(" "),
    })
}

/// Paths that a source imports.
fn imports(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_block = false;
    let path = |line: &'_ str| {
        let (_, rest) = line.split_once('"')?;
        let (path, _) = rest.split_once('"')?;
        let start = line.len() - rest.len();
        Some((start, start + path.len()))
    };
    for line in text.lines() {
        let bare = line.trim_start();
        match in_block {
            true if bare.starts_with(')') => in_block = false,
            true => found.extend(path(line).map(|(from, to)| &line[from..to])),
            false if bare.starts_with("import (") => in_block = true,
            false if bare.starts_with("import ") => {
                found.extend(path(line).map(|(from, to)| &line[from..to]));
            }
            false => {}
        }
    }
    found
}
