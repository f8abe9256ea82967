//! Go: modules, and workspaces of several.

use super::{CheckRow, Language, Links, PLAIN, Plan};
use crate::verify::check::{CheckKind, Narrow, Only, Reads};
use crate::verify::reading::Format;
use crate::verify::view::{FileView, join};

pub(super) const GO: Language = Language {
    name: "go",
    manifests: &["go.mod"],
    extensions: &["go"],
    names: &["go.mod", "go.sum", "go.work"],
    folders: &["testdata"],
    is_test: |path| path.ends_with("_test.go"),
    links,
    checks: &[
        // Without a package both commands complain or fail: there is nothing to check.
        CheckRow {
            names: &["go vet"],
            kind: CheckKind::Lint,
            optional: false,
            no_tests_exit: None,
            env: &[],
            plan: |g| {
                (!g.sources.is_empty()).then(|| {
                    Plan::line("go vet", "go version")
                        .whole("./...")
                        .narrow(Narrow::GoPackages)
                })
            },
        },
        CheckRow {
            names: &["go test"],
            kind: CheckKind::Test,
            optional: false,
            no_tests_exit: None,
            env: &[],
            plan: |g| {
                (!g.sources.is_empty()).then(|| {
                    Plan::line("go test -json", "go version")
                        .whole("./...")
                        .reads(Reads::printed(Format::GoJson))
                        .only(Only::Go)
                        .narrow(Narrow::GoPackages)
                })
            },
        },
    ],
    ..PLAIN
};

/// Modules of one repository build upon each other where a workspace or a `replace` says so.
fn links(view: &FileView<'_>, dir: &str) -> Links {
    let manifest = view.read(&join(dir, "go.mod")).unwrap_or_default();
    let mut links = Links::default();
    for line in manifest.lines().map(str::trim) {
        let line = line.strip_prefix("require ").unwrap_or(line);
        match line.strip_prefix("module ") {
            Some(name) => links.name = Some(name.trim().trim_matches('"').to_owned()),
            None => links
                .needs
                .extend(line.split_whitespace().next().map(str::to_owned)),
        }
    }
    links
}
