//! Undoing what an engine did to the repository around its lane.
//!
//! A linked worktree shares configuration, hooks, branches and the stash with the user's. What changed
//! there while an engine ran, and can be told to be the engine's doing, is put back.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid, to_oid};
use crate::model::Oid;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The repository around the lane before an engine run.
pub struct Snapshot {
    /// Hooks and files beside them, by path; None for a file that was not there.
    files: BTreeMap<PathBuf, Option<Vec<u8>>>,
    config: Vec<u8>,
    runs_things: BTreeSet<(String, String)>,
    hooks: BTreeSet<PathBuf>,
    branches: BTreeMap<String, Oid>,
    stash: Option<git2::Oid>,
}

impl Repo {
    /// Remembers what an engine must not change.
    ///
    /// # Errors
    /// Refs that cannot be listed.
    pub fn snapshot(&self) -> Result<Snapshot, GitError> {
        let common = &self.info.common_dir;
        let hooks = files_in(&common.join("hooks"));
        let fixed = [
            "config.worktree",
            "info/exclude",
            "info/attributes",
            "info/grafts",
        ];
        let paths = fixed
            .iter()
            .map(|f| common.join(f))
            .chain(hooks.iter().cloned());
        let config = common.join("config");
        Ok(Snapshot {
            files: paths.map(|p| (p.clone(), std::fs::read(&p).ok())).collect(),
            config: std::fs::read(&config).doing(|| format!("reading {}", config.display()))?,
            runs_things: runs_things(&config),
            hooks,
            branches: self.refs_below("refs/heads/")?.into_iter().collect(),
            stash: self.git.refname_to_id("refs/stash").ok(),
        })
    }

    /// Puts back what the engine changed; says what it was.
    ///
    /// # Errors
    /// Files or refs that cannot be written.
    pub fn restore(&mut self, before: &Snapshot, tip: &Oid) -> Result<Vec<String>, GitError> {
        let mut undone = self.restore_files(before)?;
        undone.extend(self.restore_branches(before, tip)?);
        undone.extend(self.restore_stash(before)?);
        Ok(undone)
    }

    fn restore_files(&self, before: &Snapshot) -> Result<Vec<String>, GitError> {
        let common = &self.info.common_dir;
        let mut undone = Vec::new();
        for path in files_in(&common.join("hooks")).difference(&before.hooks) {
            std::fs::remove_file(path)
                .doing(|| format!("removing the planted hook {}", path.display()))?;
            undone.push(format!(
                "removed the hook {} that the engine planted",
                shown(common, path)
            ));
        }
        // A person may set an upstream while we run; only what starts programs or redirects is undone.
        let config = common.join("config");
        if runs_things(&config) != before.runs_things {
            crate::fsx::atomic::write(&config, &before.config)
                .map_err(|e| GitError::new("restoring git's configuration", e.to_string(), ""))?;
            undone.push("restored git's configuration, which the engine had changed".to_owned());
        }
        for (path, bytes) in &before.files {
            if std::fs::read(path).ok() == *bytes {
                continue;
            }
            let what = || format!("restoring {}", path.display());
            match bytes {
                Some(bytes) => {
                    let mode = path.metadata().ok().map(|m| m.permissions());
                    crate::fsx::atomic::write(path, bytes)
                        .map_err(|e| GitError::new(what(), e.to_string(), ""))?;
                    if let Some(mode) = mode {
                        std::fs::set_permissions(path, mode).doing(what)?;
                    }
                }
                None => std::fs::remove_file(path).doing(what)?,
            }
            undone.push(format!(
                "restored {} that the engine changed",
                shown(common, path)
            ));
        }
        Ok(undone)
    }

    /// Branches that moved to a commit made in the lane, or appeared there, are the engine's doing: the
    /// lane's own log of HEAD says which commits those are.
    fn restore_branches(&mut self, before: &Snapshot, tip: &Oid) -> Result<Vec<String>, GitError> {
        let made_here = self.commits_made_in_lane(tip)?;
        let (_, on_branch) = self.lane_head()?;
        let mut undone = Vec::new();
        for (name, now) in self.refs_below("refs/heads/")? {
            let was = before.branches.get(&name);
            if was == Some(&now) {
                continue;
            }
            let is_engines = made_here.contains(&now) || on_branch.as_deref() == Some(&name);
            if !is_engines {
                continue;
            }
            self.detach_lane(tip)?;
            match was {
                Some(old) => self.move_ref(
                    &name,
                    Some(&now),
                    old,
                    "codelicious: undo the engine's move",
                )?,
                None => self.delete_ref(&name)?,
            }
            undone.push(format!(
                "put the branch {} back",
                name.trim_start_matches("refs/heads/")
            ));
        }
        Ok(undone)
    }

    fn commits_made_in_lane(&mut self, tip: &Oid) -> Result<BTreeSet<Oid>, GitError> {
        let lane = self.opened()?;
        let log = lane
            .git
            .reflog("HEAD")
            .doing(|| "reading the lane's log of HEAD".to_owned())?;
        let mut made = BTreeSet::new();
        for entry in log.iter() {
            let new = to_oid(entry.id_new());
            if new == *tip {
                break;
            }
            made.insert(new);
        }
        Ok(made)
    }

    /// The stash is shared too; an entry made on a detached HEAD after the snapshot is the lane's.
    fn restore_stash(&mut self, before: &Snapshot) -> Result<Vec<String>, GitError> {
        let mut undone = Vec::new();
        for _ in 0..64 {
            let top = self.git.refname_to_id("refs/stash").ok();
            if top == before.stash {
                break;
            }
            let message = top
                .and_then(|t| self.git.find_commit(t).ok())
                .map(|c| String::from_utf8_lossy(c.message_bytes()).into_owned());
            if !message.is_some_and(|m| m.contains("(no branch)")) {
                break;
            }
            self.git
                .stash_drop(0)
                .doing(|| "dropping the engine's stash".to_owned())?;
            undone.push("dropped a stash that the engine made".to_owned());
        }
        Ok(undone)
    }

    /// True when `commit` is a commit here.
    pub fn has_commit(&self, commit: &Oid) -> bool {
        from_oid(commit).is_ok_and(|id| self.git.find_commit(id).is_ok())
    }
}

/// Configuration that starts programs or sends work elsewhere, with its values.
fn runs_things(config: &std::path::Path) -> BTreeSet<(String, String)> {
    const KEYS: [&str; 12] = [
        "core.hookspath",
        "core.fsmonitor",
        "core.sshcommand",
        "core.gitproxy",
        "core.editor",
        "core.pager",
        "core.attributesfile",
        "core.worktree",
        "core.bare",
        "commit.gpgsign",
        "gpg.program",
        "init.templatedir",
    ];
    const SECTIONS: [&str; 9] = [
        "alias.",
        "filter.",
        "include.",
        "includeif.",
        "credential.",
        "url.",
        "remote.",
        "diff.",
        "merge.",
    ];
    let mut found = BTreeSet::new();
    if let Ok(entries) = git2::Config::open(config).and_then(|mut c| c.snapshot()) {
        if let Ok(mut entries) = entries.entries(None) {
            while let Some(Ok(entry)) = entries.next() {
                let (Ok(name), value) = (entry.name(), entry.value().unwrap_or_default()) else {
                    continue;
                };
                let lower = name.to_lowercase();
                if KEYS.contains(&lower.as_str()) || SECTIONS.iter().any(|s| lower.starts_with(s)) {
                    found.insert((name.to_owned(), value.to_owned()));
                }
            }
        }
    }
    found
}

fn files_in(dir: &std::path::Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|e| e.path()).filter(|p| !p.is_dir()).collect()
}

fn shown(common: &std::path::Path, path: &std::path::Path) -> String {
    path.strip_prefix(common)
        .unwrap_or(path)
        .display()
        .to_string()
}
