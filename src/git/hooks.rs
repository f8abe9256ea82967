//! The repository's hooks. Git runs none for us: we run them ourselves, in a place of their own.
//!
//! A hook is a program that a repository brings. It gets the lane as its worktree and, as its git folder, one that is
//! made for it beside the lane and thrown away: HEAD, refs and configuration as copies, an index that it may stage
//! in, and a place for objects on top of the repository's. So nothing of git's has to be writable to it, and what it
//! does to refs, stashes and configuration counts for nothing.

use super::command::PLAIN_INDEX;
use super::error::{Context, GitError};
use super::frozen::{Frozen, Version};
use super::git_place::{clear, put, told};
use super::lane::{LanePaths, restore_dot_git};
use super::repo::{Repo, from_oid};
use crate::model::Oid;
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Command, Finished, Limits};
use git2::{Index, IndexEntry};
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Those that have a say in a commit of ours or hear of it, and the one that has in a push.
pub const PRE_COMMIT: &str = "pre-commit";
pub const PREPARE_MESSAGE: &str = "prepare-commit-msg";
pub const COMMIT_MESSAGE: &str = "commit-msg";
pub const POST_COMMIT: &str = "post-commit";
pub const PRE_PUSH: &str = "pre-push";
const ALL: [&str; 5] = [
    PRE_COMMIT,
    PREPARE_MESSAGE,
    COMMIT_MESSAGE,
    POST_COMMIT,
    PRE_PUSH,
];

/// First version that has `git hook run`, and the first that passes input on with it (git's release notes).
const RUNS_HOOKS: Version = (2, 36);
const PASSES_INPUT: Version = (2, 40);

/// Bound on one hook.
const TOTAL: Duration = Duration::from_secs(600);
/// Bytes of a commit message that a hook may leave.
const MAX_MESSAGE: u64 = 1 << 20;

/// The hooks as they stood when the run first asked. One that appears later is not the user's.
#[derive(Clone, Debug)]
pub struct Hooks {
    /// As configured: a relative folder is looked for in the worktree that the hook runs in.
    folder: PathBuf,
    names: BTreeSet<&'static str>,
    version: Version,
}

impl Hooks {
    /// True when the repository has this hook, enabled.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// True when one of them has to do with commits.
    pub fn of_commits(&self) -> bool {
        self.names.iter().any(|n| *n != PRE_PUSH)
    }
}

/// A worktree and a git folder for a hook to run in. What is in the folder is not to be trusted once one ran.
#[derive(Clone, Debug)]
pub struct HookPlace {
    hooks: Arc<Hooks>,
    /// Where the hooks are.
    pub folder: PathBuf,
    /// Where they run.
    pub work_tree: PathBuf,
    /// Their git folder.
    pub dir: PathBuf,
    /// Where objects are looked for that are not in it.
    pub objects: PathBuf,
    env: Vec<(String, String)>,
    /// What these name by its handle.
    _held: Arc<Vec<OwnedFd>>,
}

/// What a hook's index holds at first.
#[derive(Clone, Copy, Debug)]
pub enum Staged<'a> {
    /// What we staged in the lane that is open.
    Lane(&'a LanePaths),
    /// What is in the commit.
    Commit,
}

impl Repo {
    /// The hooks that are enabled here. Asked once.
    ///
    /// # Errors
    /// Git cannot be started.
    pub fn hooks(&mut self) -> Result<Arc<Hooks>, GitError> {
        if let Some(hooks) = &self.hooks {
            return Ok(Arc::clone(hooks));
        }
        let (folder, version) = match self.command {
            Some(_) => {
                let frozen = self.frozen()?;
                (self.hooks_folder(&frozen), frozen.version)
            }
            None => (self.info.common_dir.join("hooks"), RUNS_HOOKS),
        };
        let at_root = self.info.root.join(&folder);
        let names = ALL.into_iter().filter(|n| is_enabled(&at_root.join(n)));
        let hooks = Arc::new(Hooks {
            names: names.collect(),
            folder,
            version,
        });
        self.hooks = Some(Arc::clone(&hooks));
        Ok(hooks)
    }

    fn hooks_folder(&self, frozen: &Frozen) -> PathBuf {
        let Some(configured) = frozen.value("core.hookspath").filter(|p| !p.is_empty()) else {
            return self.info.common_dir.join("hooks");
        };
        let home = self.command.as_ref().and_then(|c| {
            let found = c.env.iter().find(|(k, _)| k == "HOME");
            found.map(|(_, v)| Path::new(v).to_path_buf())
        });
        match (configured.strip_prefix("~/"), home) {
            (Some(below), Some(home)) => home.join(below),
            _ => PathBuf::from(configured),
        }
    }

    /// The folder of hooks, where it is one of the repository's own folders: relative to its root.
    ///
    /// # Errors
    /// Git cannot be started.
    pub fn hooks_in_tree(&mut self) -> Result<Option<PathBuf>, GitError> {
        let hooks = self.hooks()?;
        let below = match hooks.folder.strip_prefix(&self.info.root) {
            Ok(below) => below.to_path_buf(),
            Err(_) if hooks.folder.is_relative() => hooks.folder.clone(),
            Err(_) => return Ok(None),
        };
        let is_plain = below
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)));
        let is_git = below.starts_with(".git");
        Ok((is_plain && !is_git && !below.as_os_str().is_empty()).then_some(below))
    }

    /// Makes a place for hooks to run in `work_tree`, standing at `head`: `private` becomes their git folder.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn hook_place(
        &mut self,
        work_tree: &Path,
        private: &Path,
        head: &Oid,
        staged: Staged<'_>,
    ) -> Result<HookPlace, GitError> {
        let hooks = self.hooks()?;
        let frozen = self.frozen()?;
        let what = || format!("making {} for the repository's hooks", private.display());
        clear(private).doing(what)?;
        std::fs::create_dir_all(private.join("objects/info")).doing(what)?;
        for folder in ["objects/pack", "refs", "info"] {
            std::fs::create_dir(private.join(folder)).doing(what)?;
        }
        let objects = self.info.common_dir.join("objects");
        let alternate = [objects.as_os_str().as_bytes(), b"\n"].concat();
        let refs = self.refs_below("refs/")?;
        let refs: String = refs.iter().map(|(n, oid)| format!("{oid} {n}\n")).collect();
        for (name, bytes) in [
            ("HEAD", format!("{head}\n").as_bytes()),
            ("config", frozen.for_hooks().as_bytes()),
            ("packed-refs", refs.as_bytes()),
            ("objects/info/alternates", &alternate),
        ] {
            put(&private.join(name), bytes).doing(what)?;
        }
        let copy = |from: PathBuf, name: &str| match std::fs::read(from) {
            Ok(bytes) => put(&private.join(name), &bytes).doing(what),
            Err(_) => Ok(()),
        };
        for name in ["shallow", "info/exclude", "info/attributes"] {
            copy(self.info.common_dir.join(name), name)?;
        }
        let lfs = self.info.common_dir.join("lfs");
        if lfs.is_dir() {
            std::os::unix::fs::symlink(lfs, private.join("lfs")).doing(what)?;
        }
        let index = private.join("index");
        match staged {
            Staged::Lane(paths) => {
                copy(
                    paths.admin.join("info/sparse-checkout"),
                    "info/sparse-checkout",
                )?;
                let ours = std::fs::read(paths.index()).doing(what)?;
                put(&index, &ours).doing(what)?;
            }
            Staged::Commit => {
                let commit = self.git.find_commit(from_oid(head)?).doing(what)?;
                let tree = commit.tree().doing(what)?;
                let written = Index::open(&index).and_then(|mut index| {
                    index.read_tree(&tree)?;
                    index.write()
                });
                written.doing(what)?;
            }
        }
        let commit = self.git.find_commit(from_oid(head)?).doing(what)?;
        let is_tracked = hooks.folder.is_relative()
            && commit
                .tree()
                .is_ok_and(|tree| tree.get_path(&hooks.folder).is_ok());
        let folder = match is_tracked {
            true => work_tree.join(&hooks.folder),
            // Made by a tool in the user's worktree and ignored by git, as husky does. In the lane, an engine may have
            // made it.
            false => self.info.root.join(&hooks.folder),
        };
        let word = |path: &Path| path.to_string_lossy().into_owned();
        let (mut env, held) = told(private, work_tree)?;
        env.extend([
            ("GIT_INDEX_FILE".to_owned(), word(&index)),
            ("GIT_CONFIG_GLOBAL".to_owned(), "/dev/null".to_owned()),
            ("GIT_CONFIG_NOSYSTEM".to_owned(), "1".to_owned()),
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
            // No editor is opened, which is how git says so.
            ("GIT_EDITOR".to_owned(), ":".to_owned()),
        ]);
        Ok(HookPlace {
            hooks,
            folder,
            work_tree: work_tree.to_path_buf(),
            dir: private.to_path_buf(),
            objects,
            env,
            _held: Arc::new(held),
        })
    }

    /// True when hooks staged something in the place's index, against what we staged in the lane.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub fn is_restaged(&mut self, place: &HookPlace) -> Result<bool, GitError> {
        let path = place.dir.join("index");
        let what = || format!("reading {}", path.display());
        let is_file = path.symlink_metadata().is_ok_and(|m| m.is_file());
        if !is_file {
            return Err(GitError::new(
                what(),
                "a hook put something else in its place",
                "look at the repository's hooks",
            ));
        }
        let theirs = Index::open(&path).doing(what)?;
        let ours = &self.opened()?.index;
        let same = |a: IndexEntry, b: IndexEntry| {
            let stage = |e: &IndexEntry| e.flags & 0x3000;
            a.path == b.path && a.id == b.id && a.mode == b.mode && stage(&a) == stage(&b)
        };
        let is_same =
            ours.len() == theirs.len() && ours.iter().zip(theirs.iter()).all(|(a, b)| same(a, b));
        Ok(!is_same)
    }

    /// Puts the lane's `.git` file back, which says which repository it belongs to, and removes locks.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn restore_link(&mut self) -> Result<bool, GitError> {
        let paths = &self.opened()?.paths;
        paths.clear_locks();
        restore_dot_git(paths)
    }
}

impl HookPlace {
    #[cfg(test)]
    pub(crate) fn stand_in(folder: &str, work_tree: &str, dir: &str, objects: &str) -> Self {
        Self {
            hooks: Arc::new(Hooks {
                folder: folder.into(),
                names: BTreeSet::new(),
                version: RUNS_HOOKS,
            }),
            folder: folder.into(),
            work_tree: work_tree.into(),
            dir: dir.into(),
            objects: objects.into(),
            env: Vec::new(),
            _held: Arc::default(),
        }
    }

    /// Removes the git folder, and the one around it where nothing else is in it.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(self) -> Result<(), GitError> {
        clear(&self.dir).doing(|| format!("removing {}", self.dir.display()))?;
        let _ = self.dir.parent().map(std::fs::remove_dir);
        Ok(())
    }

    /// The file that a commit's message is in while hooks look at it.
    fn message_file(&self) -> PathBuf {
        self.dir.join("COMMIT_EDITMSG")
    }

    /// Writes the message for hooks to look at; gives back the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_message(&self, text: &str) -> Result<PathBuf, GitError> {
        let path = self.message_file();
        let what = || format!("writing {}", path.display());
        clear(&path).doing(what)?;
        put(&path, text.as_bytes()).doing(what)?;
        Ok(path)
    }

    /// The message as hooks left it.
    ///
    /// # Errors
    /// There is no such file any more, or no text in it, in words for who wrote the hook.
    pub fn read_message(&self) -> Result<String, String> {
        let bytes = crate::fsx::read::read_own(&self.message_file(), MAX_MESSAGE)
            .map_err(|e| format!("the commit's message after the hooks: {e}"))?;
        let text = String::from_utf8_lossy(&bytes).replace('\0', "");
        match text.trim().is_empty() {
            true => Err("the hooks left the commit without a message".to_owned()),
            false => Ok(text),
        }
    }

    /// Runs one hook as git would. It is one of those that the repository has.
    ///
    /// # Errors
    /// It could not be started.
    pub async fn run(
        &self,
        name: &str,
        args: &[&str],
        input: &[u8],
        (policy, env): (SandboxPolicy, &[(String, String)]),
        stop: StopSignal,
    ) -> Result<Finished, GitError> {
        let what = || format!("running the hook {name}");
        let wanted = match input.is_empty() {
            true => RUNS_HOOKS,
            false => PASSES_INPUT,
        };
        let command = if self.hooks.version >= wanted {
            let mut path = std::ffi::OsString::from("core.hooksPath=");
            path.push(&self.folder);
            let mut command = Command::new("git", &self.work_tree, policy)
                .args(PLAIN_INDEX)
                .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c"])
                .args([path])
                .args(["hook", "run", "--ignore-missing"]);
            if !input.is_empty() {
                let file = self.dir.join("codelicious-input");
                clear(&file).doing(what)?;
                put(&file, input).doing(what)?;
                let mut option = std::ffi::OsString::from("--to-stdin=");
                option.push(&file);
                command = command.args([option]);
            }
            command.args([name, "--"])
        } else {
            Command::new(self.folder.join(name), &self.work_tree, policy).stdin(input)
        };
        let command = command
            .args(args.iter().copied())
            .env(env.iter().cloned())
            .env(self.env.iter().cloned());
        let limits = Limits {
            total: Some(TOTAL),
            ..Limits::default()
        };
        proc::output(&command, limits, stop)
            .await
            .map_err(|e| GitError::new(what(), e.to_string(), "install git"))
    }
}

fn is_enabled(hook: &Path) -> bool {
    hook.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}
