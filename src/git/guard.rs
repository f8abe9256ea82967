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
    /// Our own refs. One lane is built at a time, so nothing of ours moves beside an engine.
    ours: BTreeMap<String, Oid>,
    stash: Option<git2::Oid>,
    /// Git's list of stashes, newest last.
    stash_log: Option<Vec<u8>>,
    /// Entries in the lane's log of HEAD.
    head_log: usize,
}

/// Refs that only the program moves.
const OURS: &str = "refs/codelicious/";

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
        // Of the lane's own folder: what configures git there and says which repository it belongs to.
        let admin = self.lane.as_ref().map(|l| l.paths.admin.clone());
        let of_lane = admin
            .iter()
            .flat_map(|a| ["config.worktree", "commondir", "gitdir"].map(|f| a.join(f)));
        let paths = fixed
            .iter()
            .map(|f| common.join(f))
            .chain(of_lane)
            .chain(hooks.iter().cloned());
        let config = common.join("config");
        Ok(Snapshot {
            files: paths.map(|p| (p.clone(), std::fs::read(&p).ok())).collect(),
            config: std::fs::read(&config).doing(|| format!("reading {}", config.display()))?,
            runs_things: runs_things(&config),
            hooks,
            branches: self.refs_below("refs/heads/")?.into_iter().collect(),
            ours: self.refs_below(OURS)?.into_iter().collect(),
            stash: self.git.refname_to_id("refs/stash").ok(),
            stash_log: std::fs::read(self.stash_log()).ok(),
            head_log: self
                .lane
                .as_ref()
                .and_then(|l| l.git.reflog("HEAD").ok())
                .map_or(0, |log| log.len()),
        })
    }

    fn stash_log(&self) -> PathBuf {
        self.info.common_dir.join("logs/refs/stash")
    }

    /// Puts back what the engine changed; says what it was.
    ///
    /// # Errors
    /// Files or refs that cannot be written.
    pub fn restore(&mut self, before: &Snapshot, tip: &Oid) -> Result<Vec<String>, GitError> {
        let mut undone = self.restore_files(before)?;
        if let Some(lane) = &self.lane {
            lane.paths.clear_locks();
        }
        let made_here = self.commits_made_in_lane(before)?;
        undone.extend(self.restore_ours(before)?);
        undone.extend(self.restore_branches(before, tip, &made_here)?);
        undone.extend(self.restore_stash(before, tip, &made_here)?);
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
        let unchanged = std::fs::read(&config).is_ok_and(|now| now == before.config);
        if !unchanged && runs_things(&config) != before.runs_things {
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

    /// Whatever happened to our own refs was the engine's doing.
    fn restore_ours(&mut self, before: &Snapshot) -> Result<Vec<String>, GitError> {
        let mut undone = Vec::new();
        let now: BTreeMap<String, Oid> = self.refs_below(OURS)?.into_iter().collect();
        for name in now.keys().filter(|n| !before.ours.contains_key(*n)) {
            self.delete_ref(name)?;
            undone.push(format!("removed {name}, which the engine made"));
        }
        for (name, was) in before.ours.iter().filter(|(n, o)| now.get(*n) != Some(o)) {
            self.set_ref(name, was, "codelicious: undo the engine's move")?;
            undone.push(format!("put {name} back, which the engine had moved"));
        }
        Ok(undone)
    }

    /// Branches that moved to a commit made in the lane, or appeared there, are the engine's doing: the
    /// lane's own log of HEAD says which commits those are. Who removed a branch cannot be told, so it is
    /// put back: a branch too many is a nuisance, one too few a loss.
    fn restore_branches(
        &mut self,
        before: &Snapshot,
        tip: &Oid,
        made_here: &BTreeSet<Oid>,
    ) -> Result<Vec<String>, GitError> {
        let (_, on_branch) = self.lane_head()?;
        let mut undone = Vec::new();
        let branches = self.refs_below("refs/heads/")?;
        let there: BTreeSet<&String> = branches.iter().map(|(name, _)| name).collect();
        for (name, was) in before.branches.iter().filter(|(n, _)| !there.contains(n)) {
            self.set_ref(name, was, "codelicious: put back")?;
            undone.push(format!(
                "put the branch {} back, which disappeared while the engine ran",
                name.trim_start_matches("refs/heads/")
            ));
        }
        for (name, now) in branches {
            let was = before.branches.get(&name);
            if was == Some(&now) {
                continue;
            }
            let short = name.trim_start_matches("refs/heads/");
            let is_ours = short.starts_with(super::BRANCHES) && !self.is_checked_out(short);
            let is_engines =
                is_ours || made_here.contains(&now) || on_branch.as_deref() == Some(&name);
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

    /// Commits at which the lane's HEAD stood since the snapshot.
    fn commits_made_in_lane(&mut self, before: &Snapshot) -> Result<BTreeSet<Oid>, GitError> {
        let lane = self.opened()?;
        let log = lane
            .git
            .reflog("HEAD")
            .doing(|| "reading the lane's log of HEAD".to_owned())?;
        // Newest first. A log that became shorter was cut: all of it counts.
        let new = log.len().checked_sub(before.head_log);
        Ok(log
            .iter()
            .take(new.unwrap_or(log.len()))
            .map(|entry| to_oid(entry.id_new()))
            .collect())
    }

    /// The stash is shared too. An entry on top of a commit of the lane, made off every branch that stood
    /// before, is the engine's; one that disappeared is put back, as a branch is.
    fn restore_stash(
        &mut self,
        before: &Snapshot,
        tip: &Oid,
        made_here: &BTreeSet<Oid>,
    ) -> Result<Vec<String>, GitError> {
        let mut undone = Vec::new();
        for _ in 0..64 {
            let top = self.git.refname_to_id("refs/stash").ok();
            let Some(stash) = top.filter(|_| top != before.stash) else {
                break;
            };
            let Ok((on, message)) = self.git.find_commit(stash).map(|commit| {
                let on = commit.parent_id(0).map(to_oid).ok();
                (
                    on,
                    String::from_utf8_lossy(commit.message_bytes()).into_owned(),
                )
            }) else {
                break;
            };
            let in_lane = on.is_some_and(|on| on == *tip || made_here.contains(&on));
            if !in_lane || !self.is_off_branches(&message, before) {
                break;
            }
            self.git
                .stash_drop(0)
                .doing(|| "dropping the engine's stash".to_owned())?;
            undone.push("dropped a stash that the engine made".to_owned());
        }
        if let (Some(stash), Some(log)) = (before.stash, &before.stash_log) {
            let now = std::fs::read(self.stash_log()).unwrap_or_default();
            let newest = log.trim_ascii_end().rsplit(|b| *b == b'\n').next();
            let id = stash.to_string();
            let is_there = String::from_utf8_lossy(&now).contains(&id);
            if !is_there && newest.is_some_and(|l| String::from_utf8_lossy(l).contains(&id)) {
                self.set_ref("refs/stash", &to_oid(stash), "codelicious: put back")?;
                crate::fsx::atomic::write(&self.stash_log(), log)
                    .map_err(|e| GitError::new("putting the stash back", e.to_string(), ""))?;
                undone.push("put a stash back, which disappeared while the engine ran".to_owned());
            }
        }
        Ok(undone)
    }

    /// True when a stash's message (`WIP on BRANCH: …`, `On BRANCH: …`) names no branch of the user's.
    fn is_off_branches(&self, message: &str, before: &Snapshot) -> bool {
        let branch = message
            .trim_start_matches("WIP ")
            .get(3..)
            .and_then(|rest| rest.split_once(':'))
            .map(|(branch, _)| branch);
        match branch {
            None => false,
            Some("(no branch)") => true,
            Some(name) if name.starts_with(super::BRANCHES) => !self.is_checked_out(name),
            Some(name) => !before.branches.contains_key(&format!("refs/heads/{name}")),
        }
    }

    /// True when `commit` is a commit here.
    pub fn has_commit(&self, commit: &Oid) -> bool {
        from_oid(commit).is_ok_and(|id| self.git.find_commit(id).is_ok())
    }
}

/// Configuration that starts programs or sends work elsewhere, with its values.
fn runs_things(config: &std::path::Path) -> BTreeSet<(String, String)> {
    const KEYS: [&str; 13] = [
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
        "extensions.worktreeconfig",
    ];
    const SECTIONS: [&str; 10] = [
        "alias.",
        "filter.",
        "include.",
        "includeif.",
        "credential.",
        "url.",
        "remote.",
        "diff.",
        "merge.",
        "submodule.",
    ];
    let mut found = BTreeSet::new();
    if let Ok(entries) = git2::Config::open(config).and_then(|mut c| c.snapshot())
        && let Ok(mut entries) = entries.entries(None)
    {
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
