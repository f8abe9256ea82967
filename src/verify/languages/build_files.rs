//! Make and just: what a repository calls `test` or `check` where no language row found tests.

use super::{CheckRow, Language, PLAIN, Plan};
use crate::verify::check::{CheckKind, Reads};
use crate::verify::conditions::Ground;
use crate::verify::reading::Format;

pub(super) const MAKE: Language = Language {
    name: "make",
    manifests: MAKEFILES,
    names: MAKEFILES,
    fallback: true,
    checks: &[CheckRow {
        names: &["make test", "make check"],
        kind: CheckKind::Test,
        optional: true,
        no_tests_exit: None,
        env: &[],
        plan: |g| {
            let target = target(g, MAKEFILES)?;
            let name = if target == "test" {
                "make test"
            } else {
                "make check"
            };
            Some(Plan {
                name: Some(name),
                ..Plan::line(name, "make --version").reads(Reads::printed(Format::Auto))
            })
        },
    }],
    ..PLAIN
};

pub(super) const JUST: Language = Language {
    name: "just",
    manifests: JUSTFILES,
    names: JUSTFILES,
    fallback: true,
    checks: &[CheckRow {
        names: &["just test", "just check"],
        kind: CheckKind::Test,
        optional: true,
        no_tests_exit: None,
        env: &[],
        plan: |g| {
            if target(g, MAKEFILES).is_some() {
                return None;
            }
            let target = target(g, JUSTFILES)?;
            let name = if target == "test" {
                "just test"
            } else {
                "just check"
            };
            Some(Plan {
                name: Some(name),
                ..Plan::line(name, "just --version").reads(Reads::printed(Format::Auto))
            })
        },
    }],
    ..PLAIN
};

const MAKEFILES: &[&str] = &["GNUmakefile", "Makefile", "makefile"];
const JUSTFILES: &[&str] = &["justfile", "Justfile", ".justfile"];

/// `test`, else `check`, where the first of these files has it as a target that needs no arguments.
fn target(g: &Ground<'_>, files: &[&str]) -> Option<&'static str> {
    let file = files.iter().find(|name| g.has(name))?;
    let text = g.read(file);
    let has = |target: &str| {
        text.lines().any(|line| {
            let Some((names, rest)) = line.split_once(':') else {
                return false;
            };
            // `test := x` sets a variable; a recipe of just may have a leading `@`.
            !line.starts_with([' ', '\t', '#'])
                && !rest.starts_with('=')
                && is_target(names, target, files)
        })
    };
    ["test", "check"].into_iter().find(|target| has(target))
}

/// Several targets may stand in one line of make; in just, parameters stand behind the name.
fn is_target(words: &str, target: &str, files: &[&str]) -> bool {
    let mut words = words.split_whitespace();
    if files == MAKEFILES {
        return words.any(|name| name == target);
    }
    let named = words.next().map(|name| name.trim_start_matches('@')) == Some(target);
    named && words.all(|parameter| parameter.starts_with('*') || parameter.contains('='))
}
