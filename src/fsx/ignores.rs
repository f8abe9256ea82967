//! Git's ignore rules for one tree, as a chain: the deepest file that says something about a path decides.

use super::read::read_bounded;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Larger ignore files are not read: git itself refuses none, but nobody writes one by hand.
const MAX_IGNORE_FILE: u64 = 4 << 20;

/// The rules that hold in one folder.
#[derive(Clone, Default)]
pub(super) struct Ignores(Option<Arc<Level>>);

struct Level {
    rules: Gitignore,
    above: Ignores,
}

impl Ignores {
    /// What holds at the root before its own `.gitignore`: the user's global excludes, then the
    /// repository's `info/exclude`, which goes before them (gitignore(5)).
    pub(super) fn at_root(root: &Path) -> Self {
        // A broken line in an ignore file is skipped, as git does.
        let (global, _) = GitignoreBuilder::new(root).build_global();
        let base = Self::default().with(global);
        match common_git_dir(root) {
            Some(git) => base.and_file(root, &git.join("info/exclude")),
            None => base,
        }
    }

    /// These rules and those of the ignore file at `path`, which count for what is below `dir`.
    pub(super) fn and_file(&self, dir: &Path, path: &Path) -> Self {
        let Ok(bytes) = read_bounded(path, MAX_IGNORE_FILE) else {
            return self.clone();
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut builder = GitignoreBuilder::new(dir);
        for line in text.trim_start_matches('\u{feff}').lines() {
            let _ = builder.add_line(None, line);
        }
        self.clone()
            .with(builder.build().unwrap_or_else(|_| Gitignore::empty()))
    }

    fn with(self, rules: Gitignore) -> Self {
        if rules.is_empty() {
            return self;
        }
        Self(Some(Arc::new(Level { rules, above: self })))
    }

    /// True when no rule holds here at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// True when git would ignore `path`, given that its folder is not ignored.
    pub(super) fn ignores(&self, path: &Path, is_dir: bool) -> bool {
        let mut here = self;
        while let Some(level) = &here.0 {
            let verdict = level.rules.matched(path, is_dir);
            if !verdict.is_none() {
                return verdict.is_ignore();
            }
            here = &level.above;
        }
        false
    }
}

/// The directory that holds `info/exclude`: `.git` itself, or, where it is a file, what it and the
/// worktree's `commondir` point at (gitrepository-layout(5)).
fn common_git_dir(root: &Path) -> Option<PathBuf> {
    let dot_git = root.join(".git");
    if dot_git.is_dir() {
        return Some(dot_git);
    }
    let pointer = first_line(&dot_git)?;
    let git_dir = root.join(pointer.strip_prefix("gitdir:")?.trim());
    match first_line(&git_dir.join("commondir")) {
        Some(common) => Some(git_dir.join(common)),
        None => Some(git_dir),
    }
}

fn first_line(path: &Path) -> Option<String> {
    let bytes = read_bounded(path, 64 * 1024).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.lines().next().map(|l| l.trim().to_owned())
}
