//! Making a chunk's commit, and landing it.
//!
//! Sealing writes objects and moves nothing. In-process where nothing of the repository's has a say; through
//! the git command where a hook or a signer does.

use super::error::{Context, GitError};
use super::lane::{LanePaths, OpenLane};
use super::repo::{Repo, from_oid, signature, to_oid};
use crate::crash::{self, Point};
use crate::model::Oid;
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Command, Limits};
use git2::{IndexEntry, IndexTime, Repository};
use std::path::Path;
use std::time::Duration;

/// How commits have to be made in this repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealMethod {
    InProcess,
    /// Hooks or signing: `git commit` runs them.
    Command {
        signs: bool,
    },
}

/// What goes into a commit beside the staged work.
#[derive(Clone, Debug)]
pub struct SealRequest {
    pub tip: Oid,
    /// The spec's path and its text with the chunk's mark set.
    pub spec: String,
    pub spec_text: Vec<u8>,
    pub message: String,
}

/// What there was to do for a branch that follows a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaughtUp {
    Stands,
    WasGone,
    Lagged,
}

/// Hooks that `git commit` runs.
const COMMIT_HOOKS: [&str; 4] = [
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
];

impl Repo {
    /// How commits have to be made here. Asked once: a hook that appears during a run is not the user's.
    pub fn seal_method(&mut self) -> SealMethod {
        if let Some(method) = self.method {
            return method;
        }
        let signs = self.config_bool("commit.gpgsign");
        let method = if signs || COMMIT_HOOKS.iter().any(|h| self.has_hook(h)) {
            SealMethod::Command { signs }
        } else {
            SealMethod::InProcess
        };
        self.method = Some(method);
        method
    }

    /// True when the repository has this hook, enabled.
    pub fn has_hook(&self, name: &str) -> bool {
        use std::os::unix::fs::PermissionsExt;
        let dir = match self.git.config().and_then(|c| c.get_path("core.hooksPath")) {
            Ok(path) if path.is_absolute() => path,
            Ok(path) => self.info.root.join(path),
            Err(_) => self.info.common_dir.join("hooks"),
        };
        dir.join(name)
            .metadata()
            .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    }

    /// Writes the commit object in-process: staged work, mark and message.
    ///
    /// # Errors
    /// No identity, or objects that cannot be written.
    pub fn seal(&mut self, request: &SealRequest) -> Result<Oid, GitError> {
        let lane = self.opened()?;
        let what = || "writing the commit".to_owned();
        let parent = from_oid(&request.tip)?;
        let (commit, known) = lane.unsynced(|lane| {
            lane.stage_spec(&request.spec, &request.spec_text)?;
            let tree = lane.write_tree("writing the commit's tree")?;
            let tree = lane.git.find_tree(tree).doing(what)?;
            let parent = lane.git.find_commit(parent).doing(what)?;
            let author = signature(&lane.git)?;
            let commit = lane
                .git
                .commit(None, &author, &author, &request.message, &tree, &[&parent])
                .doing(what)?;
            Ok((commit, parent.tree_id()))
        })?;
        crash::point(Point::ObjectsMade).doing(what)?;
        lane.keep(commit, Some(known))?;
        Ok(to_oid(commit))
    }

    /// Stages the spec with its mark and writes our index out, for the git command.
    ///
    /// # Errors
    /// Objects or files that cannot be written.
    pub fn stage_for_command(&mut self, request: &SealRequest) -> Result<Oid, GitError> {
        self.detach_lane(&request.tip)?;
        let lane = self.opened()?;
        let what = || "staging the commit".to_owned();
        let tree = lane.unsynced(|lane| {
            lane.stage_spec(&request.spec, &request.spec_text)?;
            lane.write_tree("writing the commit's tree")
        })?;
        lane.keep(tree, lane.tip_tree())?;
        lane.index.write().doing(what)?;
        lane.clear_way_to(&request.spec)?;
        let file = lane.paths.dir.join(&request.spec);
        crate::fsx::atomic::write(&file, &request.spec_text)
            .map_err(|e| GitError::new(what(), e.to_string(), ""))?;
        crash::point(Point::SealStaged).doing(what)?;
        Ok(to_oid(tree))
    }

    /// Reads what `git commit` made: the lane's new HEAD and its tree.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn read_seal(&mut self) -> Result<(Oid, Oid), GitError> {
        let lane = self.opened()?;
        let what = || "reading the commit that git made".to_owned();
        crash::point(Point::SealRan).doing(what)?;
        lane.holds = None;
        lane.index.read(true).doing(what)?;
        let commit = lane
            .git
            .head()
            .and_then(|h| h.peel_to_commit())
            .doing(what)?;
        Ok((to_oid(commit.id()), to_oid(commit.tree_id())))
    }

    /// Lands a commit: the lane's tip by compare-and-swap, then the branch where nobody has it checked out.
    ///
    /// # Errors
    /// Somebody else moved the lane, or refs that cannot be written.
    pub fn land(
        &mut self,
        lane_ref: &str,
        branch: &str,
        old: &Oid,
        new: &Oid,
        spec: &str,
    ) -> Result<(), GitError> {
        self.move_ref(lane_ref, Some(old), new, "codelicious: chunk")?;
        // Commits that a person made on the branch stay where they are; the next run says so.
        let is_behind = match self.ref_target(&format!("refs/heads/{branch}"))? {
            Some(now) => self.is_ancestor(&now, new)?,
            None => true,
        };
        if is_behind {
            self.follow(branch, new)?;
        }
        self.settle_lane(new, spec)
    }

    /// Moves a branch of ours to `tip` unless somebody works on it. Not synced beside an open lane: the lane's
    /// tip is what counts, and [`Repo::catch_up`] repairs a branch that a power cut left behind.
    ///
    /// # Errors
    /// The ref cannot be written.
    pub fn follow(&self, branch: &str, tip: &Oid) -> Result<(), GitError> {
        if self.is_checked_out(branch) {
            return Ok(());
        }
        let name = format!("refs/heads/{branch}");
        let what = || format!("setting {name}");
        let git = self.lane.as_ref().map_or(&self.git, |l| &l.git);
        crash::named(Point::RefMoving, &name).doing(what)?;
        git.reference(&name, from_oid(tip)?, true, "codelicious: follow the lane")
            .doing(what)?;
        crash::named(Point::RefMoved, &name).doing(what)
    }

    /// Brings a branch of ours up to `tip` where a crash came between the lane and its branch. `is_earlier`: it
    /// is no ancestor of the tip, and yet holds nothing that the lane lacks.
    ///
    /// # Errors
    /// Objects that cannot be read, a ref that cannot be written.
    pub fn catch_up(
        &self,
        branch: &str,
        tip: &Oid,
        is_earlier: bool,
    ) -> Result<CaughtUp, GitError> {
        let was = match self.ref_target(&format!("refs/heads/{branch}"))? {
            Some(now) if now == *tip => CaughtUp::Stands,
            Some(now) if is_earlier || self.is_ancestor(&now, tip)? => CaughtUp::Lagged,
            Some(_) => CaughtUp::Stands,
            None => CaughtUp::WasGone,
        };
        if was == CaughtUp::Stands || self.is_checked_out(branch) {
            return Ok(CaughtUp::Stands);
        }
        self.follow(branch, tip)?;
        Ok(was)
    }

    /// Writes a commit that changes files on top of `parent` (None: from nothing), for spec syncs; a file
    /// without text is removed. Moves nothing. Written by way of the lane that is open, if one is.
    ///
    /// # Errors
    /// No identity, or objects that cannot be written.
    pub fn commit_files(
        &mut self,
        parent: Option<&Oid>,
        files: &[(String, Option<Vec<u8>>)],
        message: &str,
    ) -> Result<Oid, GitError> {
        let what = || "writing the spec's text".to_owned();
        let parent = parent.map(from_oid).transpose()?;
        let Some(lane) = self.lane.as_mut() else {
            return Ok(to_oid(write_files(&self.git, parent, files, message)?.0));
        };
        let written = lane.unsynced(|lane| write_files(&lane.git, parent, files, message));
        let (commit, known) = written?;
        crash::point(Point::ObjectsMade).doing(what)?;
        lane.keep(commit, known)?;
        Ok(to_oid(commit))
    }
}

/// The commit, and the tree that it changes.
fn write_files(
    git: &Repository,
    parent: Option<git2::Oid>,
    files: &[(String, Option<Vec<u8>>)],
    message: &str,
) -> Result<(git2::Oid, Option<git2::Oid>), GitError> {
    let what = || "writing the spec's text".to_owned();
    let parent = match parent {
        Some(p) => Some(git.find_commit(p).doing(what)?),
        None => None,
    };
    let base = match &parent {
        Some(p) => p.tree().doing(what)?,
        None => {
            let empty = git.treebuilder(None).and_then(|b| b.write()).doing(what)?;
            git.find_tree(empty).doing(what)?
        }
    };
    let mut update = git2::build::TreeUpdateBuilder::new();
    for (path, text) in files {
        match text {
            Some(text) => {
                let blob = git.blob(text).doing(what)?;
                update.upsert(path.as_str(), blob, git2::FileMode::Blob);
            }
            None if base.get_path(Path::new(path)).is_ok() => {
                update.remove(path.as_str());
            }
            None => {}
        }
    }
    let tree = update
        .create_updated(git, &base)
        .and_then(|t| git.find_tree(t))
        .doing(what)?;
    let author = signature(git)?;
    let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
    let commit = git
        .commit(None, &author, &author, message, &tree, &parents)
        .doing(what)?;
    Ok((commit, parent.map(|p| p.tree_id())))
}

impl OpenLane {
    /// Puts the spec's text into our index.
    fn stage_spec(&mut self, spec: &str, text: &[u8]) -> Result<(), GitError> {
        let path = Path::new(spec);
        let mode = self.index.get_path(path, 0).map_or(0o100_644, |e| e.mode);
        let entry = IndexEntry {
            ctime: IndexTime::new(0, 0),
            mtime: IndexTime::new(0, 0),
            dev: 0,
            ino: 0,
            mode,
            uid: 0,
            gid: 0,
            file_size: 0,
            id: git2::Oid::ZERO_SHA1,
            flags: 0,
            flags_extended: 0,
            path: spec.as_bytes().to_vec(),
        };
        self.holds = None;
        self.index
            .add_frombuffer(&entry, text)
            .doing(|| format!("staging {spec}"))
    }
}

/// `git commit` in the lane, with the repository's hooks and the user's signer. A signer that does not work
/// falls back to an unsigned commit, with a warning.
///
/// # Errors
/// Git could not be started.
pub async fn commit_with_command(
    paths: &LanePaths,
    message: &str,
    signs: bool,
    env: &[(String, String)],
    policy: SandboxPolicy,
    stop: StopSignal,
) -> Result<Result<Option<String>, String>, GitError> {
    let run = async |extra: &[&str]| {
        let command = Command::new("git", &paths.dir, policy.clone())
            .args(super::command::PLAIN_INDEX)
            .args([
                "-c",
                "gc.auto=0",
                "-c",
                "maintenance.auto=false",
                "-c",
                "core.fsync=all",
                "commit",
                "--quiet",
                "--allow-empty",
                "--cleanup=verbatim",
                "--file=-",
            ])
            .args(extra.iter().copied())
            .env(env.iter().cloned())
            .env([
                (
                    "GIT_INDEX_FILE".to_owned(),
                    paths.index().to_string_lossy().into_owned(),
                ),
                ("GIT_EDITOR".to_owned(), "true".to_owned()),
            ])
            .stdin(message.as_bytes());
        let limits = Limits {
            total: Some(Duration::from_secs(600)),
            ..Limits::default()
        };
        proc::output(&command, limits, stop.clone())
            .await
            .map_err(|e| GitError::new("committing", e.to_string(), "install git"))
    };
    let first = run(&[]).await?;
    if first.success() {
        return Ok(Ok(None));
    }
    let words = format!("{}{}", first.stdout.text(), first.stderr.text());
    if signs && run(&["--no-gpg-sign"]).await?.success() {
        let why = words
            .trim()
            .lines()
            .last()
            .unwrap_or("no reason given")
            .to_owned();
        return Ok(Ok(Some(format!(
            "the commit is not signed: the signer failed ({why})"
        ))));
    }
    Ok(Err(words))
}
