//! Rust: cargo, its workspaces, clippy and nextest.

use super::{CheckRow, Language, PLAIN, Plan};
use crate::verify::check::{CheckKind, Narrow, Only, Reads};
use crate::verify::conditions::Ground;
use crate::verify::reading::Format;
use crate::verify::view::{FileView, ancestors, below, join};

pub(super) const RUST: Language = Language {
    name: "rust",
    manifests: &["Cargo.toml"],
    extensions: &["rs"],
    names: &[
        "Cargo.toml",
        "Cargo.lock",
        "clippy.toml",
        ".clippy.toml",
        "rust-toolchain",
        "rust-toolchain.toml",
        "nextest.toml",
    ],
    folders: &["src", "tests", "benches", "examples", ".cargo"],
    root: cargo_root,
    is_test: |path| path.contains("tests/"),
    checks: &[
        CheckRow {
            names: &["cargo clippy"],
            kind: CheckKind::Lint,
            optional: true,
            no_tests_exit: None,
            env: &[],
            plan: |g| {
                wants_clippy(g).then(|| {
                    Plan::line(
                        "cargo clippy --quiet --all-targets",
                        "cargo clippy --version",
                    )
                    .whole(workspace_flag(g))
                    .narrow(Narrow::CargoPackages)
                })
            },
        },
        CheckRow {
            names: &["cargo test"],
            kind: CheckKind::Test,
            optional: false,
            no_tests_exit: None,
            env: &[],
            plan: |g| {
                if uses_nextest(g) {
                    // The one kind of test that nextest does not run.
                    return g.ci_says(&["cargo test --doc"]).then(|| {
                        Plan::line("cargo test --no-fail-fast --doc", "cargo --version")
                            .whole(workspace_flag(g))
                            .reads(Reads::printed(Format::Libtest))
                            .only(Only::Libtest)
                            .narrow(Narrow::CargoPackages)
                    });
                }
                Some(
                    Plan::line("cargo test --no-fail-fast", "cargo --version")
                        .whole(workspace_flag(g))
                        .reads(Reads::printed(Format::Libtest))
                        .only(Only::Libtest)
                        .narrow(Narrow::CargoPackages),
                )
            },
        },
        CheckRow {
            names: &["cargo nextest"],
            kind: CheckKind::Test,
            optional: false,
            // https://nexte.st/docs/design/exit-codes: NO_TESTS_RUN.
            no_tests_exit: Some(4),
            env: &[],
            plan: |g| {
                uses_nextest(g).then(|| {
                    Plan::line(
                        "cargo nextest run --no-fail-fast --status-level all",
                        "cargo nextest --version",
                    )
                    .whole(workspace_flag(g))
                    .reads(Reads::printed(Format::Nextest))
                    .only(Only::Nextest)
                    .narrow(Narrow::CargoPackages)
                })
            },
        },
    ],
    ..PLAIN
};

/// Cargo looks upward for the nearest `[workspace]` that does not exclude the package
/// (<https://doc.rust-lang.org/cargo/reference/workspaces.html>).
pub(in crate::verify) fn cargo_root(view: &FileView<'_>, dir: &str) -> String {
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

/// The `[workspace]` of a manifest.
pub(in crate::verify) fn cargo_workspace(manifest: &str) -> Option<toml::Table> {
    match manifest.parse::<toml::Table>().ok()?.remove("workspace") {
        Some(toml::Value::Table(workspace)) => Some(workspace),
        _ => None,
    }
}

/// In a workspace all members are tested, unless its author named the default ones.
fn workspace_flag(g: &Ground<'_>) -> &'static str {
    match cargo_workspace(&g.read("Cargo.toml")) {
        Some(w) if !w.contains_key("default-members") => "--workspace",
        _ => "",
    }
}

/// Only a repository that set clippy up is held to it.
fn wants_clippy(g: &Ground<'_>) -> bool {
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

/// Where its authors run their tests with nextest, and it is installed: `cargo test` runs all but its setup.
fn uses_nextest(g: &Ground<'_>) -> bool {
    let wanted = g.has(".config/nextest.toml") || g.ci_says(&["cargo nextest", "nextest run"]);
    wanted && g.view.has_tool("cargo-nextest")
}
