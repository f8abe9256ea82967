//! Which changes in a lane become part of a commit. Pure: paths and sizes in, verdicts out.

use crate::config::REPO_FILE;
use crate::fsx::names::{folded, is_taken_for};
use crate::fsx::root::DIR_NAME;
use std::ffi::OsStr;

/// Files larger than this are refused by name: a forge would, and nobody reviews them.
pub(super) const MAX_FILE: u64 = 50 << 20;

/// What tools leave behind and nobody commits, whether or not the repository ignores it.
const DROPPINGS: [&str; 8] = [
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    "node_modules",
    ".venv",
    ".DS_Store",
];

/// What no work changes.
const KEPT: [&str; 3] = [REPO_FILE, DIR_NAME, ".git"];

/// One changed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change<'a> {
    pub path: &'a [u8],
    pub kind: ChangeKind,
    /// Bytes on disk.
    pub size: u64,
    /// It is in the tip's tree.
    pub tracked: bool,
    /// Git passes it through a program of the user's (git-lfs and its kind): what is committed is not what
    /// stands on disk.
    pub filtered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Present,
    Deleted,
    /// A folder with a repository of its own, or a submodule.
    Repository,
    Unreadable,
}

/// What becomes of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    /// Not part of the work; the lane is reset over it.
    Drop,
    /// Stops the commit until a person looked.
    Refuse(String),
}

/// Judges one change. `spec` is the spec's own path: only our mark is committed there. `links` are files
/// and folders that the configuration links or copies into the lane.
pub(super) fn judge(change: &Change<'_>, spec: &str, links: &[String]) -> Verdict {
    let shown = String::from_utf8_lossy(change.path).into_owned();
    let path = shown.trim_end_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let is_below = |dir: &str| {
        let rest = path.strip_prefix(dir);
        rest.is_some_and(|r| r.is_empty() || r.starts_with('/'))
    };
    if KEPT.contains(&first) || is_below(spec) {
        return Verdict::Drop;
    }
    if change.kind != ChangeKind::Deleted {
        let taken_for = |kept: &&&str| is_taken_for(OsStr::new(first), kept);
        // In git's own name, at every depth: a clone there would have it for a repository's.
        let is_git = path
            .split('/')
            .any(|name| is_taken_for(OsStr::new(name), ".git"));
        let other = match KEPT.iter().find(taken_for) {
            Some(kept) => Some(*kept),
            None if is_git => Some(".git"),
            None => (path != spec && folded(path) == folded(spec)).then_some(spec),
        };
        if let Some(other) = other {
            return Verdict::Refuse(format!(
                "{path}: a file system that folds names takes it for {other}"
            ));
        }
    }
    // A file in place of the spec's folder.
    if spec
        .strip_prefix(path)
        .is_some_and(|rest| rest.starts_with('/'))
    {
        return Verdict::Drop;
    }
    let linked = |l: &String| is_below(l.trim_end_matches('/'));
    if links.iter().any(linked) {
        return Verdict::Drop;
    }
    if !change.tracked && path.split('/').any(|c| DROPPINGS.contains(&c)) {
        return Verdict::Drop;
    }
    match change.kind {
        ChangeKind::Deleted => Verdict::Take,
        ChangeKind::Repository if change.tracked => Verdict::Drop,
        ChangeKind::Repository => Verdict::Refuse(format!(
            "{path}: a repository inside the repository cannot be committed"
        )),
        ChangeKind::Unreadable => Verdict::Refuse(format!("{path}: cannot be read")),
        ChangeKind::Present if change.size > MAX_FILE && !change.filtered => {
            Verdict::Refuse(format!(
                "{path}: {} MB is over the bound of {} MB for one file",
                change.size >> 20,
                MAX_FILE >> 20
            ))
        }
        ChangeKind::Present => Verdict::Take,
    }
}

/// Ignore rules that keep the walk out of folders whose files would be dropped one by one.
pub(super) fn walk_rules(links: &[String], cache_dirs: &[String]) -> String {
    let mut rules: Vec<String> = DROPPINGS.iter().map(|d| (*d).to_owned()).collect();
    rules.extend(
        links
            .iter()
            .chain(cache_dirs)
            .map(|l| format!("/{}", l.trim_matches('/'))),
    );
    rules.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(path: &str, kind: ChangeKind, size: u64, tracked: bool) -> Verdict {
        judge(
            &Change {
                path: path.as_bytes(),
                kind,
                size,
                tracked,
                filtered: false,
            },
            "specs/a.md",
            &["data/big".to_owned()],
        )
    }

    #[test]
    fn table() {
        use ChangeKind::*;
        for path in [
            "src/lib.rs",
            "-A",
            "a b",
            "ü:x",
            "line\nbreak",
            "tokenizer_x.py",
            "specs/b.md",
            "specs/a.md.txt",
            "spec",
            "data/bigger",
            "sub/codelicious.toml",
            "Specs/b.md",
            ".github/x",
            ".gitignore",
        ] {
            assert_eq!(verdict(path, Present, 1, false), Verdict::Take, "{path}");
            assert_eq!(verdict(path, Deleted, 0, true), Verdict::Take, "{path}");
        }
        for path in [
            "specs/a.md",
            "specs/a.md/inside",
            "specs",
            "codelicious.toml",
            "codelicious.toml/inside",
            ".codelicious/state/x",
            "data/big/x",
            "data/big",
            "a/__pycache__/x.pyc",
        ] {
            assert_eq!(verdict(path, Present, 1, false), Verdict::Drop, "{path}");
        }
        assert_eq!(
            verdict("node_modules/x.js", Present, 1, true),
            Verdict::Take,
            "a tracked file is the repository's own"
        );
        assert_eq!(verdict("sub", Repository, 0, true), Verdict::Drop);
        let large = Change {
            path: b"model.bin",
            kind: Present,
            size: 120 << 20,
            tracked: false,
            filtered: true,
        };
        let kept_elsewhere = judge(&large, "specs/a.md", &[]);
        assert_eq!(kept_elsewhere, Verdict::Take, "what is committed is small");
        for (path, kind, size) in [
            ("Codelicious.toml", Present, 1),
            ("CODELI~1.TOM", Present, 1),
            (".Codelicious/state/x", Present, 1),
            (".CODELICIOU\u{17f}/x", Present, 1),
            (".Git", Present, 1),
            (".GIT/config", Present, 1),
            ("sub/.gi\u{200c}t/config", Present, 1),
            ("git~1/hooks/pre-commit", Present, 1),
            ("Specs/A.md", Present, 1),
            ("specs/a.MD", Present, 1),
            ("nested/", Repository, 0),
            ("blob.bin", Present, 120 << 20),
            ("secret", Unreadable, 0),
        ] {
            let Verdict::Refuse(why) = verdict(path, kind, size, false) else {
                panic!("{path} was not refused")
            };
            assert!(why.contains(path.trim_end_matches('/')), "{why}");
        }
    }
}
