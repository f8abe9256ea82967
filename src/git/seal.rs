//! Making a chunk's commit, and landing it.
//!
//! Sealing writes objects and moves nothing. In-process, but for commits that the user signs; hooks are run before
//! and after by the driver (`hooks`).

use super::error::{Context, GitError};
use super::git_place::GitPlace;
use super::lane::OpenLane;
use super::remote::git;
use super::repo::{Repo, from_oid, signature, to_oid};
use crate::crash::{self, Point};
use crate::model::Oid;
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Limits};
use git2::{IndexEntry, IndexTime, Repository};
use std::path::Path;
use std::time::Duration;

/// What has a say in how commits are made in this repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealMethod {
    /// The repository has hooks for it.
    pub hooks: bool,
    /// The user signs.
    pub signs: bool,
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

impl Repo {
    /// How commits have to be made here. Asked once: a hook that appears during a run is not the user's.
    ///
    /// # Errors
    /// Git cannot be started.
    pub fn seal_method(&mut self) -> Result<SealMethod, GitError> {
        if let Some(method) = self.method {
            return Ok(method);
        }
        let method = SealMethod {
            hooks: self.hooks()?.of_commits(),
            signs: self.config_bool("commit.gpgsign"),
        };
        self.method = Some(method);
        Ok(method)
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

    /// Stages the spec with its mark and writes our index out, for hooks and signers.
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

    /// Notes that hooks and signer are through.
    ///
    /// # Errors
    /// Only what a test asks for.
    pub fn sealed_with_command(&self) -> Result<(), GitError> {
        crash::point(Point::SealRan).doing(|| "reading the commit that git made".to_owned())
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

/// `git commit-tree` with the user's signer: a commit of `tree` on top of `tip`, which nothing points to yet. `Err` is
/// why there is none.
///
/// # Errors
/// Git could not be started.
pub async fn sign_with_command(
    (admin, place): (&Path, &GitPlace),
    (tree, tip): (&Oid, &Oid),
    message: &str,
    env: &[(String, String)],
    stop: StopSignal,
) -> Result<Result<Oid, String>, GitError> {
    // Not in the lane: nothing there has a say in how a signer is started.
    let command = git(admin, env, SandboxPolicy::Trusted)
        .env(place.env.iter().cloned())
        .args(["commit-tree", "-S", "-p", tip.as_str(), "-F", "-"])
        .args([tree.as_str()])
        .stdin(message.as_bytes());
    let limits = Limits {
        total: Some(Duration::from_secs(600)),
        ..Limits::default()
    };
    let done = proc::output(&command, limits, stop)
        .await
        .map_err(|e| GitError::new("committing", e.to_string(), "install git"))?;
    let out = done.stdout.text();
    match git2::Oid::from_str(out.trim()) {
        Ok(commit) if done.success() => Ok(Ok(to_oid(commit))),
        _ => {
            let words = format!("{out}{}", done.stderr.text());
            let why = words.trim().lines().last().unwrap_or("no reason given");
            Ok(Err(why.to_owned()))
        }
    }
}
