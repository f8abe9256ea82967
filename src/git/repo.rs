//! The repository as it stands: what it is based on, what its trees hold.

use super::command::is_missing_object;
use super::error::{Context, GitError};
use super::place::RepoInfo;
use crate::core::uncounted::Uncounted;
use crate::crash::{self, Point};
use crate::model::Oid;
use crate::model::ledger::SpecBase;
use git2::{BranchType, FileMode, ObjectType, Repository, Signature, TreeWalkMode, TreeWalkResult};
use std::path::Path;
use std::sync::Arc;

/// An open repository, on the git thread.
pub struct Repo {
    pub(super) git: Repository,
    pub(super) info: RepoInfo,
    pub(super) lane: Option<super::lane::OpenLane>,
    /// How commits are made: as the repository stood when the run first asked.
    pub(super) method: Option<super::seal::SealMethod>,
    /// The hooks as they stood then.
    pub(super) hooks: Option<Arc<super::hooks::Hooks>>,
    /// The configuration as it stood then.
    pub(super) frozen: std::cell::OnceCell<Arc<super::frozen::Frozen>>,
    pub(super) command: Option<super::command::CommandSettings>,
    /// What stands in files that engines must not change.
    pub(super) watch: super::watch::Watch,
    /// What the configuration with these bytes starts.
    pub(super) things: Option<(Arc<[u8]>, Arc<super::programs::Things>)>,
    /// Files whose lines do not count.
    pub(super) uncounted: Arc<Uncounted>,
}

impl Repo {
    /// Opens the repository whose main worktree is at `root`.
    ///
    /// # Errors
    /// As [`RepoInfo::discover`].
    pub fn open(root: &Path) -> Result<Self, GitError> {
        let info = RepoInfo::discover(root)?;
        let git =
            Repository::open(&info.root).doing(|| format!("opening {}", info.root.display()))?;
        Ok(Self {
            git,
            info,
            lane: None,
            method: None,
            hooks: None,
            frozen: std::cell::OnceCell::new(),
            command: None,
            watch: super::watch::Watch::default(),
            things: None,
            uncounted: Arc::default(),
        })
    }

    /// Says which files' lines do not count.
    pub fn set_uncounted(&mut self, uncounted: Uncounted) {
        self.uncounted = Arc::new(uncounted);
    }

    pub fn info(&self) -> &RepoInfo {
        &self.info
    }

    /// The commit a full ref name points to; None when there is no such ref.
    ///
    /// # Errors
    /// A ref that exists and cannot be read.
    pub fn ref_target(&self, name: &str) -> Result<Option<Oid>, GitError> {
        match self.git.find_reference(name) {
            Ok(r) => {
                let commit = r.peel_to_commit().doing(|| format!("reading {name}"))?;
                Ok(Some(to_oid(commit.id())))
            }
            Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(e) => Err(e).doing(|| format!("reading {name}")),
        }
    }

    /// A file's bytes in a commit; None when it is not there, or is a link.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn read_file(&self, commit: &Oid, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let id = from_oid(commit)?;
        let name = format!("{commit}:{path}");
        self.with_fetched(&["cat-file", "blob", &name], || {
            let tree = self.git.find_commit(id)?.tree()?;
            match tree.get_path(Path::new(path)) {
                Ok(entry) if entry.filemode() == i32::from(FileMode::Link) => Ok(None),
                Ok(entry) if entry.kind() == Some(ObjectType::Blob) => {
                    Ok(Some(self.git.find_blob(entry.id())?.content().to_vec()))
                }
                Ok(_) => Ok(None),
                Err(e) if is_missing_object(&e) => Err(e),
                Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
                Err(e) => Err(e),
            }
        })
        .doing(|| format!("reading {path} in {}", commit.short()))
    }

    /// Names and targets of refs below a prefix, in name order.
    ///
    /// # Errors
    /// Refs that cannot be listed.
    pub fn refs_below(&self, prefix: &str) -> Result<Vec<(String, Oid)>, GitError> {
        let refs = self
            .git
            .references_glob(&format!("{prefix}*"))
            .doing(|| format!("listing {prefix}"))?;
        // Ours and branches point at commits directly; nothing has to be opened to know where.
        let mut found: Vec<(String, Oid)> = refs
            .flatten()
            .filter_map(|r| Some((r.name().ok()?.to_owned(), to_oid(r.target()?))))
            .collect();
        found.sort();
        Ok(found)
    }

    /// True when `ancestor` is reachable from `descendant` (or is it).
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn is_ancestor(&self, ancestor: &Oid, descendant: &Oid) -> Result<bool, GitError> {
        let (a, d) = (from_oid(ancestor)?, from_oid(descendant)?);
        Ok(a == d
            || self
                .git
                .graph_descendant_of(d, a)
                .doing(|| "comparing commits".to_owned())?)
    }

    /// The commit of the user's HEAD; None in a repository without commits.
    pub fn head_commit(&self) -> Option<Oid> {
        self.git
            .head()
            .ok()
            .and_then(|h| h.peel_to_commit().ok())
            .map(|c| to_oid(c.id()))
    }

    /// Commits of the user's HEAD that the base lacks.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn head_ahead_of(&self, base: &Oid) -> Result<usize, GitError> {
        let Some(head) = self.git.head().ok().and_then(|h| h.target()) else {
            return Ok(0);
        };
        let (ahead, _) = self
            .git
            .graph_ahead_behind(head, from_oid(base)?)
            .doing(|| "comparing HEAD with the base".to_owned())?;
        Ok(ahead)
    }

    /// Moves a ref only if it still points to `old` (`None`: only if it does not exist).
    ///
    /// # Errors
    /// Somebody else moved it, or it cannot be written.
    pub fn move_ref(
        &self,
        name: &str,
        old: Option<&Oid>,
        new: &Oid,
        why: &str,
    ) -> Result<(), GitError> {
        let what = || format!("moving {name} to {}", new.short());
        crash::named(Point::RefMoving, name).doing(what)?;
        let moved = match old {
            Some(old) => {
                self.git
                    .reference_matching(name, from_oid(new)?, true, from_oid(old)?, why)
            }
            None => self.git.reference(name, from_oid(new)?, false, why),
        };
        moved.map(|_| ()).map_err(|e| match e.code() {
            git2::ErrorCode::Modified | git2::ErrorCode::Exists => GitError::new(
                what(),
                "somebody else moved it meanwhile",
                "run again: it is read anew",
            ),
            _ => GitError::new(what(), e.message(), ""),
        })?;
        crash::named(Point::RefMoved, name).doing(what)
    }

    /// Points a ref of ours somewhere, wherever it was.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_ref(&self, name: &str, target: &Oid, why: &str) -> Result<(), GitError> {
        let what = || format!("setting {name}");
        crash::named(Point::RefMoving, name).doing(what)?;
        self.git
            .reference(name, from_oid(target)?, true, why)
            .doing(what)?;
        crash::named(Point::RefMoved, name).doing(what)
    }

    /// Removes a ref of ours; fine when there is none.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn delete_ref(&self, name: &str) -> Result<(), GitError> {
        match self.git.find_reference(name) {
            Ok(mut r) => r.delete().doing(|| format!("removing {name}")),
            Err(_) => Ok(()),
        }
    }

    /// True when a branch is checked out in any worktree.
    pub fn is_checked_out(&self, branch: &str) -> bool {
        let line = format!("ref: refs/heads/{branch}");
        let heads = std::iter::once(self.info.common_dir.join("HEAD")).chain(
            std::fs::read_dir(self.info.common_dir.join("worktrees"))
                .into_iter()
                .flatten()
                .flatten()
                .map(|e| e.path().join("HEAD")),
        );
        heads
            .filter_map(|p| std::fs::read_to_string(p).ok())
            .any(|text| text.trim_end() == line)
    }

    /// A configuration value as git resolves it.
    pub fn config(&self, key: &str) -> Option<String> {
        self.git.config().ok()?.get_string(key).ok()
    }

    /// A boolean configuration value.
    pub fn config_bool(&self, key: &str) -> bool {
        self.git
            .config()
            .ok()
            .and_then(|c| c.get_bool(key).ok())
            .unwrap_or(false)
    }
}

/// Where lanes start: `--base`, else the remote's default branch, else the current branch.
///
/// # Errors
/// A named base that does not exist, a repository without commits, a detached HEAD without a remote.
pub fn resolve_base(
    repo: &Repo,
    wanted: Option<&str>,
    remote: Option<&str>,
) -> Result<SpecBase, GitError> {
    let on_remote = |branch: &str| -> Result<Option<Oid>, GitError> {
        match remote {
            Some(r) => repo.ref_target(&format!("refs/remotes/{r}/{branch}")),
            None => Ok(None),
        }
    };
    if let Some(name) = wanted {
        let local = repo.ref_target(&format!("refs/heads/{name}"))?;
        let commit = on_remote(name)?.or(local).ok_or_else(|| {
            GitError::new(
                "finding the base",
                format!("there is no branch `{name}`"),
                "name an existing branch with --base",
            )
        })?;
        return Ok(SpecBase {
            branch: name.to_owned(),
            commit,
        });
    }
    if let Some(r) = remote {
        let head = format!("refs/remotes/{r}/HEAD");
        let symbolic = repo
            .git
            .find_reference(&head)
            .ok()
            .and_then(|h| h.symbolic_target().ok().flatten().map(str::to_owned));
        let prefix = format!("refs/remotes/{r}/");
        let named = symbolic.and_then(|s| s.strip_prefix(&prefix).map(str::to_owned));
        for branch in named
            .into_iter()
            .chain(["main".to_owned(), "master".to_owned()])
        {
            if let Some(commit) = on_remote(&branch)? {
                return Ok(SpecBase { branch, commit });
            }
        }
    }
    let head = repo.git.head().map_err(|e| match e.code() {
        git2::ErrorCode::UnbornBranch | git2::ErrorCode::NotFound => GitError::new(
            "finding the base",
            "the repository has no commit yet",
            "make a first commit: git add -A && git commit -m 'First commit'",
        ),
        _ => GitError::new("finding the base", e.message(), ""),
    })?;
    if !head.is_branch() {
        return Err(GitError::new(
            "finding the base",
            "HEAD is detached and no remote names a default branch",
            "name the branch to build on with --base",
        ));
    }
    let commit = head.peel_to_commit().doing(|| "reading HEAD".to_owned())?;
    let branch = head.shorthand().unwrap_or("HEAD").to_owned();
    Ok(SpecBase {
        branch,
        commit: to_oid(commit.id()),
    })
}

/// Fails early where our branches cannot be made: git keeps no branch below another branch.
///
/// # Errors
/// A branch called `codelicious`, here or on the remote.
pub fn room_for_branches(repo: &Repo, remote: Option<&str>) -> Result<(), GitError> {
    let name = super::BRANCHES.trim_end_matches('/');
    let what = format!("making branches below `{}`", super::BRANCHES);
    let why = format!("a branch called `{name}` is in the way");
    if repo.ref_target(&format!("refs/heads/{name}"))?.is_some() {
        let remedy = format!("rename it: git branch -m {name} <another name>");
        return Err(GitError::new(what, why, remedy));
    }
    if let Some(remote) = remote
        && repo
            .ref_target(&format!("refs/remotes/{remote}/{name}"))?
            .is_some()
    {
        let remedy = format!(
            "push it to {remote} under another name, then git push {remote} --delete {name}"
        );
        return Err(GitError::new(what, format!("{why} on {remote}"), remedy));
    }
    Ok(())
}

/// Paths of all files in a commit, with `/`; names that are not UTF-8 are left out.
///
/// # Errors
/// Objects that cannot be read.
pub fn files_of_tree(repo: &Repo, commit: &Oid) -> Result<Vec<String>, GitError> {
    let what = || format!("listing the files of {}", commit.short());
    let id = from_oid(commit)?;
    repo.with_fetched(&["ls-tree", "-r", "--name-only", commit.as_str()], || {
        let mut files = Vec::new();
        let tree = repo.git.find_commit(id)?.tree()?;
        tree.walk(TreeWalkMode::PreOrder, |dir, entry| {
            if entry.kind() == Some(ObjectType::Blob)
                && let (Ok(dir), Ok(name)) = (std::str::from_utf8(dir.as_ref()), entry.name())
            {
                files.push(format!("{dir}{name}"));
            }
            TreeWalkResult::Ok
        })?;
        Ok(files)
    })
    .doing(what)
}

impl Repo {
    /// Local branches below `codelicious/`, with their tips.
    ///
    /// # Errors
    /// Branches that cannot be listed.
    pub fn our_branches(&self) -> Result<Vec<(String, Oid)>, GitError> {
        let below = self.refs_below(&format!("refs/heads/{}", super::BRANCHES))?;
        Ok(below
            .into_iter()
            .filter_map(|(name, oid)| Some((name.strip_prefix("refs/heads/")?.to_owned(), oid)))
            .collect())
    }

    /// True when a local branch of this name exists.
    pub fn has_branch(&self, name: &str) -> bool {
        self.git.find_branch(name, BranchType::Local).is_ok()
    }

    /// The remote that work is pushed to: the current branch's, else `origin`, else the only one.
    pub fn default_remote(&self) -> Option<String> {
        let remotes = self.git.remotes().ok()?;
        let names: Vec<String> = remotes
            .iter()
            .filter_map(|n| n.ok().flatten().map(str::to_owned))
            .collect();
        let of_branch = self
            .git
            .head()
            .ok()
            .and_then(|h| h.shorthand().ok().map(str::to_owned))
            .and_then(|b| self.config(&format!("branch.{b}.remote")))
            .filter(|r| names.contains(r));
        of_branch
            .or_else(|| names.iter().find(|n| *n == "origin").cloned())
            .or_else(|| (names.len() == 1).then(|| names[0].clone()))
    }
}

pub(super) fn to_oid(id: git2::Oid) -> Oid {
    Oid::new(id.to_string())
}

pub(super) fn from_oid(oid: &Oid) -> Result<git2::Oid, GitError> {
    git2::Oid::from_str(oid.as_str()).doing(|| format!("reading object id `{oid}`"))
}

impl Repo {
    /// The name of who works here, from git's configuration; None where it names nobody.
    pub fn user_name(&self) -> Option<String> {
        let name = self.git.config().ok()?.get_string("user.name").ok()?;
        Some(name.trim().to_owned()).filter(|n| !n.is_empty())
    }
}

/// Fails early where nobody could commit.
///
/// # Errors
/// Git's configuration names nobody.
pub fn identity(repo: &Repo) -> Result<(), GitError> {
    signature(&repo.git).map(drop)
}

/// Who commits, from git's configuration.
pub(super) fn signature(git: &Repository) -> Result<Signature<'static>, GitError> {
    git.signature().map_err(|e| {
        GitError::new(
            "finding out who commits",
            e.message(),
            "git config --global user.name 'Your Name' && git config --global user.email you@example.com",
        )
    })
}
