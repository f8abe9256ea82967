//! Undoing what an engine did to the repository around its lane.
//!
//! A linked worktree shares configuration, hooks, branches and the stash with the user's. What changed
//! there while an engine ran, and can be told to be the engine's doing, is put back.

use super::error::{Context, GitError};
use super::programs::{Things, runs_things, shared_things};
use super::repo::{Repo, from_oid, to_oid};
use super::watch::{self, Held};
use crate::model::Oid;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The repository around the lane before an engine run.
#[derive(Serialize, Deserialize)]
pub struct Snapshot {
    /// Hooks and files beside them, by path; None for a file that was not there.
    files: BTreeMap<PathBuf, Option<Held>>,
    config: Held,
    #[serde(with = "shared_things")]
    runs_things: Arc<Things>,
    hooks: BTreeSet<PathBuf>,
    branches: BTreeMap<String, Oid>,
    /// Our own refs. One lane is built at a time, so nothing of ours moves beside an engine.
    ours: BTreeMap<String, Oid>,
    stash: Option<Oid>,
    /// Git's list of stashes, newest last.
    stash_log: Option<Vec<u8>>,
    /// Bytes in the lane's log of HEAD.
    head_log: usize,
}

/// When what an engine did is undone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment<'a> {
    /// As soon as it is over: whatever changed is its doing.
    AtOnce,
    /// When the next run starts, because its own was killed. A person may have changed things since: files are kept
    /// in this folder before they are put back, and only what the lane's log says of branches counts.
    Later { aside: &'a Path },
}

/// Refs that only the program moves.
const OURS: &str = "refs/codelicious/";

impl Repo {
    /// Remembers what an engine must not change.
    ///
    /// # Errors
    /// Refs that cannot be listed.
    pub fn snapshot(&mut self) -> Result<Snapshot, GitError> {
        // What the user has is what stood before the first engine.
        if self.command.is_some() {
            self.hooks()?;
        }
        let common = self.info.common_dir.clone();
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
        let paths: Vec<PathBuf> = paths.collect();
        // Our index was written last, when the lane was stood at its tip.
        let written = self
            .lane
            .as_ref()
            .and_then(|l| watch::changed(&l.paths.index()));
        let held = |watch: &mut watch::Watch, p: PathBuf| {
            let held = watch.read(&p, written);
            (p, held)
        };
        let files = paths
            .into_iter()
            .map(|p| held(&mut self.watch, p))
            .collect();
        let path = common.join("config");
        let (path, config) = held(&mut self.watch, path);
        let config = config.ok_or_else(|| {
            GitError::new(
                format!("reading {}", path.display()),
                "it cannot be read",
                "make it readable",
            )
        })?;
        Ok(Snapshot {
            files,
            runs_things: self.runs_things(&config),
            config,
            hooks,
            branches: self.refs_below("refs/heads/")?.into_iter().collect(),
            ours: self.refs_below(OURS)?.into_iter().collect(),
            stash: self.stash(),
            stash_log: std::fs::read(self.stash_log()).ok(),
            head_log: self
                .head_log()
                .and_then(|p| p.metadata().ok())
                .map_or(0, |m| m.len() as usize),
        })
    }

    /// What of git's configuration, last read as `config`, starts programs.
    fn runs_things(&mut self, config: &Held) -> Arc<Things> {
        if let Some((of, things)) = &self.things
            && *of == config.bytes
        {
            return Arc::clone(things);
        }
        let things = Arc::new(runs_things(&self.info.common_dir.join("config")));
        // What is included may change by itself.
        let is_whole = !things
            .iter()
            .any(|(k, _)| k.to_lowercase().starts_with("include"));
        self.things = is_whole.then(|| (Arc::clone(&config.bytes), Arc::clone(&things)));
        things
    }

    fn head_log(&self) -> Option<PathBuf> {
        self.lane.as_ref().map(|l| l.paths.admin.join("logs/HEAD"))
    }

    fn stash(&self) -> Option<Oid> {
        self.git.refname_to_id("refs/stash").ok().map(to_oid)
    }

    fn stash_log(&self) -> PathBuf {
        self.info.common_dir.join("logs/refs/stash")
    }

    /// Puts back what the engine changed; says what it was.
    ///
    /// # Errors
    /// Files or refs that cannot be written.
    pub fn restore(&mut self, before: &Snapshot, tip: &Oid) -> Result<Vec<String>, GitError> {
        self.restore_then(before, tip, Moment::AtOnce)
    }

    /// The same at a given moment.
    ///
    /// # Errors
    /// Files or refs that cannot be written.
    pub(super) fn restore_then(
        &mut self,
        before: &Snapshot,
        tip: &Oid,
        moment: Moment<'_>,
    ) -> Result<Vec<String>, GitError> {
        let mut undone = self.restore_files(before, moment)?;
        if let Some(lane) = &self.lane {
            lane.paths.clear_locks();
            lane.clear_specials()?;
        }
        let made_here = self.commits_made_in_lane(before)?;
        undone.extend(self.restore_ours(before)?);
        undone.extend(self.restore_branches(before, tip, &made_here, moment)?);
        undone.extend(self.restore_stash(before, tip, &made_here)?);
        Ok(undone)
    }

    /// What can be put back when the lane's folder is gone.
    pub(super) fn restore_without_lane(
        &mut self,
        before: &Snapshot,
        moment: Moment<'_>,
    ) -> Result<Vec<String>, GitError> {
        let mut undone = self.restore_files(before, moment)?;
        undone.extend(self.restore_ours(before)?);
        Ok(undone)
    }

    /// Hooks, configuration and what belongs to it.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub(super) fn restore_files(
        &mut self,
        before: &Snapshot,
        moment: Moment<'_>,
    ) -> Result<Vec<String>, GitError> {
        let common = &self.info.common_dir;
        let mut undone = Vec::new();
        for path in files_in(&common.join("hooks")).difference(&before.hooks) {
            let kept = keep_aside(common, path, moment)?;
            std::fs::remove_file(path)
                .doing(|| format!("removing the planted hook {}", path.display()))?;
            undone.push(format!(
                "removed the hook {} that the engine planted{kept}",
                shown(common, path)
            ));
        }
        // A person may set an upstream while we run; only what starts programs or redirects is undone.
        let config = common.join("config");
        let unchanged = self.watch.read(&config, None).as_ref() == Some(&before.config);
        if !unchanged && runs_things(&config) != *before.runs_things {
            let kept = keep_aside(common, &config, moment)?;
            crate::fsx::atomic::write(&config, &before.config.bytes)
                .map_err(|e| GitError::new("restoring git's configuration", e.to_string(), ""))?;
            undone.push(format!(
                "restored git's configuration, which the engine had changed{kept}"
            ));
        }
        for (path, held) in &before.files {
            if self.watch.read(path, None) == *held {
                continue;
            }
            let what = || format!("restoring {}", path.display());
            let kept = keep_aside(common, path, moment)?;
            match held {
                Some(held) => {
                    crate::fsx::atomic::write(path, &held.bytes)
                        .map_err(|e| GitError::new(what(), e.to_string(), ""))?;
                    let mode = std::fs::Permissions::from_mode(held.mode);
                    std::fs::set_permissions(path, mode).doing(what)?;
                }
                None => std::fs::remove_file(path).doing(what)?,
            }
            undone.push(format!(
                "restored {} that the engine changed{kept}",
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
        moment: Moment<'_>,
    ) -> Result<Vec<String>, GitError> {
        let is_later = matches!(moment, Moment::Later { .. });
        let on_branch = self.lane_head()?.1.filter(|_| !is_later);
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
            let is_engines = made_here.contains(&now) || on_branch.as_deref() == Some(&name);
            if !is_engines {
                continue;
            }
            if !is_later {
                self.detach_lane(tip)?;
            }
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
        let Some(path) = self.head_log() else {
            return Ok(BTreeSet::new());
        };
        let log = match std::fs::read(&path) {
            Ok(log) => log,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e).doing(|| format!("reading {}", path.display())),
        };
        Ok(moved_to(&log, before.head_log))
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
            let top = self.stash();
            let Some(stash) = top.filter(|top| before.stash.as_ref() != Some(top)) else {
                break;
            };
            let Ok((on, message)) = self.git.find_commit(from_oid(&stash)?).map(|commit| {
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
        if let (Some(stash), Some(log)) = (&before.stash, &before.stash_log) {
            let now = std::fs::read(self.stash_log()).unwrap_or_default();
            let newest = log.trim_ascii_end().rsplit(|b| *b == b'\n').next();
            let id = stash.to_string();
            let is_there = String::from_utf8_lossy(&now).contains(&id);
            let rest = newest.and_then(|l| log.trim_ascii_end().strip_suffix(l));
            // Only where nothing else happened to the stashes: a person may have popped this one and made another.
            let is_only_change =
                rest.is_some_and(|rest| now.trim_ascii_end() == rest.trim_ascii_end());
            if is_only_change
                && !is_there
                && newest.is_some_and(|l| String::from_utf8_lossy(l).contains(&id))
            {
                self.set_ref("refs/stash", stash, "codelicious: put back")?;
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

/// Commits that the log of a ref's moves names from byte `from` on. A log that was cut or written anew counts
/// whole. The format is git's (refs/files-backend.c): `<old> <new> <who> <when>\t<why>`, oldest first.
fn moved_to(log: &[u8], from: usize) -> BTreeSet<Oid> {
    let is_as_it_was = from == 0 || log.get(from - 1) == Some(&b'\n');
    let new = log.get(from..).filter(|_| is_as_it_was).unwrap_or(log);
    new.split(|b| *b == b'\n')
        .filter_map(|line| std::str::from_utf8(line.split(|b| *b == b' ').nth(1)?).ok())
        .filter_map(|id| git2::Oid::from_str(id).ok())
        .map(to_oid)
        .collect()
}

fn files_in(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        // Git's templates, which it does not run under these names.
        .filter(|e| !e.file_name().as_encoded_bytes().ends_with(b".sample"))
        .filter(|e| match e.file_type() {
            Ok(kind) if !kind.is_symlink() => !kind.is_dir(),
            _ => !e.path().is_dir(),
        })
        .map(|e| e.path())
        .collect()
}

/// Copies a file aside before it is put back, at the moments that want it; says where, as the end of a sentence.
fn keep_aside(common: &Path, path: &Path, moment: Moment<'_>) -> Result<String, GitError> {
    let Moment::Later { aside } = moment else {
        return Ok(String::new());
    };
    if !path.exists() {
        return Ok(String::new());
    }
    let to = aside.join(path.strip_prefix(common).unwrap_or(Path::new("file")));
    let what = || format!("keeping {} aside", path.display());
    to.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::copy(path, &to))
        .doing(what)?;
    Ok(format!("; as it was it is kept at {}", to.display()))
}

fn shown(common: &Path, path: &Path) -> String {
    path.strip_prefix(common)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_of_head_since_a_point_are_read_from_its_log() {
        let line = |new: char| {
            let (old, new) = ("a".repeat(40), new.to_string().repeat(40));
            format!("{old} {new} Ada <ada@localhost> 1700000000 +0000\tcommit: a line\n")
        };
        let (one, two) = (line('1'), line('2'));
        let log = format!("{one}{two}");
        let ids = |digits: &[char]| -> BTreeSet<Oid> {
            let oid = |d: &char| Oid::new(d.to_string().repeat(40));
            digits.iter().map(oid).collect()
        };
        assert_eq!(moved_to(log.as_bytes(), 0), ids(&['1', '2']));
        assert_eq!(moved_to(log.as_bytes(), one.len()), ids(&['2']));
        assert_eq!(moved_to(log.as_bytes(), log.len()), ids(&[]));
        assert_eq!(
            moved_to(log.as_bytes(), log.len() + 1),
            ids(&['1', '2']),
            "a log that became shorter counts whole"
        );
        assert_eq!(
            moved_to(log.as_bytes(), one.len() + 7),
            ids(&['1', '2']),
            "and so does one that was written anew"
        );
        assert_eq!(moved_to(b"torn", 0), ids(&[]));
    }
}
