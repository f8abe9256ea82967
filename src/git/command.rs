//! The git command, for what libgit2 does not do: filter programs, sparse checkouts, and objects that a
//! partial clone left on its remote. Runs on the git thread and waits there.

use super::error::{Context, GitError};
use super::git_place::told;
use super::remote::git;
use super::repo::Repo;
use super::sweep::walk_rules;
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Command, Ended, Finished, Limits};
use git2::{
    ErrorClass, ErrorCode, Index, IndexEntry, IndexEntryExtendedFlag, IndexTime, TreeWalkMode,
    TreeWalkResult,
};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bound on one command; filters and missing objects may need the network.
const TOTAL: Duration = Duration::from_secs(1800);
const IDLE: Duration = Duration::from_secs(300);
/// Filter programs are named by the user's configuration, not by a tree: attributes only choose among them.
const FILTERS: SandboxPolicy = SandboxPolicy::Trusted;
/// Bytes that git may say where all of it counts.
const MAX_SAID: usize = 16 << 20;
/// Paths that one command gets as arguments.
const PATHS: usize = 100;
/// Bytes of a file of attributes; git leaves bigger ones unread (gitattributes(5)).
const MAX_RULES: u64 = 100 << 20;

/// Options of git that keep out of our index what libgit2 cannot read.
pub(super) const PLAIN_INDEX: [&str; 8] = [
    "-c",
    "index.sparse=false",
    "-c",
    "index.skipHash=false",
    "-c",
    "core.splitIndex=false",
    "-c",
    "core.fsmonitor=false",
];

/// How the git command is started.
#[derive(Clone)]
pub struct CommandSettings {
    /// The whole environment: filters and credential helpers see nothing else.
    pub env: Vec<(String, String)>,
    pub stop: StopSignal,
}

impl Repo {
    /// Says how the git command is started from now on. Before that, what needs it fails.
    pub fn set_command(&mut self, settings: CommandSettings) {
        self.command = Some(settings);
    }

    /// True for a clone that fetches objects when they are needed (`git clone --filter`).
    pub(super) fn is_partial(&self) -> bool {
        let remotes = self.git.remotes().ok();
        let names = remotes.iter().flat_map(|r| r.iter());
        self.config("extensions.partialclone").is_some()
            || names
                .filter_map(|n| n.ok().flatten())
                .any(|n| self.config_bool(&format!("remote.{n}.promisor")))
    }

    /// `act`, once more when an object is missing that a partial clone can fetch: git fetches what the command
    /// `fetch` looks at.
    pub(super) fn with_fetched<T>(
        &self,
        fetch: &[&str],
        act: impl Fn() -> Result<T, git2::Error>,
    ) -> Result<T, git2::Error> {
        let missing = match act() {
            Err(e) if is_missing_object(&e) && self.is_partial() => e,
            done => return done,
        };
        let fetched = self.command(
            &self.info.root,
            fetch,
            Vec::new(),
            None,
            SandboxPolicy::Trusted,
        );
        self.git.odb()?.refresh()?;
        // The command may end with an error and have fetched all the same: what is not there has no content.
        act().map_err(|_| match fetched {
            Ok(_) => missing,
            Err(why) => git2::Error::from_str(&why.to_string()),
        })
    }

    /// Runs `git <args>` in `dir`, on our index of a lane where one is given.
    ///
    /// # Errors
    /// It could not be started, failed, or did not come to an end.
    fn command(
        &self,
        dir: &Path,
        args: &[&str],
        more: Vec<&Path>,
        index: Option<&Path>,
        policy: SandboxPolicy,
    ) -> Result<Finished, GitError> {
        let what = || format!("git {}", args.first().unwrap_or(&"command"));
        let settings = self.command.clone().ok_or_else(|| {
            GitError::new(what(), "it was not set up", "this is a bug in codelicious")
        })?;
        // The lane's own link is not followed: an engine may have changed where it leads.
        let mut place = match (&self.lane, index.and_then(Path::parent)) {
            (Some(lane), _) if lane.paths.dir == dir => self.lane_place(&lane.paths.admin, dir),
            // Our index of a lane lies in the lane's own git folder.
            (_, Some(admin)) => self.lane_place(admin, dir),
            (_, None) => self.git_place(),
        }?;
        let mut command = git(dir, &settings.env, policy)
            .env(place.env.iter().cloned())
            .args(PLAIN_INDEX)
            .args(args)
            .args(more);
        if let Some(index) = index {
            let name = place.name_file(index)?;
            command.env.push(("GIT_INDEX_FILE".to_owned(), name));
        }
        let limits = Limits {
            total: Some(TOTAL),
            idle: Some(IDLE),
            ..Limits::default()
        };
        let done = blocking(&command, limits, settings.stop)
            .map_err(|why| GitError::new(what(), why, "install git and make sure it is on PATH"))?;
        if done.success() {
            return Ok(done);
        }
        let why = match done.ended {
            Ended::Stopped => "the run was told to stop".to_owned(),
            Ended::DiskSpent => "it filled the disk".to_owned(),
            Ended::TimedOut | Ended::Stalled => "it did not come to an end".to_owned(),
            Ended::Itself | Ended::ByCaller => done.stderr.text().trim().to_owned(),
        };
        Err(GitError::new(
            what(),
            why,
            format!("look at what git says in {}", dir.display()),
        ))
    }

    /// What git says in the main worktree, whole.
    ///
    /// # Errors
    /// It could not be started, failed, or said more than anybody configures.
    pub(super) fn ask_git(&self, args: &[&str]) -> Result<String, GitError> {
        let what = || format!("git {}", args.first().unwrap_or(&"command"));
        let settings = self.command.clone().ok_or_else(|| {
            GitError::new(what(), "it was not set up", "this is a bug in codelicious")
        })?;
        let (root, common) = (&self.info.root, &self.info.common_dir);
        let (place, _held) = told(common, root)?;
        let command = git(root, &settings.env, SandboxPolicy::Trusted)
            .env(place)
            .args(args);
        let limits = Limits {
            total: Some(IDLE),
            capture: MAX_SAID,
            ..Limits::default()
        };
        let done = blocking(&command, limits, settings.stop)
            .map_err(|why| GitError::new(what(), why, "install git and make sure it is on PATH"))?;
        if done.success() && done.stdout.dropped() == 0 {
            return Ok(done.stdout.text());
        }
        let why = done.stderr.text().trim().to_owned();
        Err(GitError::new(what(), why, "look at what git says there"))
    }

    /// Stages files that git passes through a program: what the program makes of them is committed. Returns
    /// those that come out as they were.
    ///
    /// # Errors
    /// The program fails.
    pub(super) fn stage_filtered(&mut self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, GitError> {
        let mut unchanged = Vec::new();
        let config = self.git.config();
        let trusts_modes = config.is_ok_and(|c| c.get_bool("core.fileMode").unwrap_or(true));
        let dir = self.opened()?.paths.dir.clone();
        for some in paths.chunks(PATHS) {
            let names = some.iter().map(PathBuf::as_path).collect();
            let done = self.command(&dir, &["hash-object", "-w", "--"], names, None, FILTERS)?;
            let out = done.stdout.text();
            let ids: Vec<git2::Oid> = out
                .lines()
                .filter_map(|l| git2::Oid::from_str(l.trim()).ok())
                .collect();
            if ids.len() != some.len() {
                return Err(GitError::new(
                    "git hash-object",
                    format!("it named {} objects for {} files", ids.len(), some.len()),
                    "",
                ));
            }
            let lane = self.opened()?;
            for (path, id) in some.iter().zip(ids) {
                let what = || format!("staging {}", path.display());
                let meta = dir.join(path).symlink_metadata().doing(what)?;
                let was = lane.index.get_path(path, 0);
                let same = was.as_ref().is_some_and(|w| w.id == id);
                unchanged.extend(same.then(|| path.clone()));
                let mut entry = entry_of(path, id, &meta);
                if !trusts_modes {
                    entry.mode = was.map_or(0o100_644, |w| w.mode);
                }
                lane.index.add(&entry).doing(what)?;
            }
        }
        Ok(unchanged)
    }

    /// Whether git itself has to write the files of `tree` in the lane: in a sparse or partial checkout, and where
    /// an attribute names a filter and filter programs are configured.
    pub(super) fn git_writes_files(&mut self, tree: git2::Oid) -> Result<bool, GitError> {
        if self.is_partial() || self.opened()?.is_sparse {
            return Ok(true);
        }
        if !self.has_filter_programs() {
            return Ok(false);
        }
        let names_filter = |text: &[u8]| text.windows(7).any(|w| w == b"filter=");
        let mut beside = vec![
            self.info.common_dir.join("info/attributes"),
            PathBuf::from("/etc/gitattributes"),
        ];
        beside.extend(self.global_attributes());
        if beside
            .iter()
            .filter_map(|f| std::fs::read(f).ok())
            .any(|text| names_filter(&text))
        {
            return Ok(true);
        }
        // In the tree, and as an engine left them.
        let lane = self.opened()?;
        let mut named = false;
        let walked = lane.git.find_tree(tree).and_then(|tree| {
            tree.walk(TreeWalkMode::PreOrder, |_, entry| {
                let is_attributes = entry.name_bytes() == b".gitattributes";
                let blob = is_attributes.then(|| lane.git.find_blob(entry.id()));
                named |= matches!(blob, Some(Ok(blob)) if names_filter(blob.content()));
                TreeWalkResult::Ok
            })
        });
        walked.doing(|| format!("reading the tree {tree}"))?;
        let mut on_disk = lane.index.iter().filter(|e| {
            let file = lane.paths.dir.join(OsStr::from_bytes(&e.path));
            e.path.ends_with(b".gitattributes")
                && crate::fsx::read_bounded(&file, MAX_RULES).is_ok_and(|text| names_filter(&text))
        });
        Ok(named || on_disk.next().is_some())
    }

    /// The user's own file of attributes (gitattributes(5)): as configured, else in the configuration folder.
    fn global_attributes(&self) -> Option<PathBuf> {
        let configured = self
            .git
            .config()
            .and_then(|c| c.get_path("core.attributesFile"));
        if let Ok(path) = configured {
            return Some(path);
        }
        let settings = self.command.as_ref()?;
        let var = |name: &str| {
            let found = settings
                .env
                .iter()
                .find(|(k, v)| k == name && !v.is_empty());
            found.map(|(_, v)| PathBuf::from(v))
        };
        let folder = var("XDG_CONFIG_HOME").or_else(|| Some(var("HOME")?.join(".config")));
        Some(folder?.join("git/attributes"))
    }

    fn has_filter_programs(&self) -> bool {
        let Ok(config) = self.git.config() else {
            return false;
        };
        let Ok(mut entries) = config.entries(Some("^filter\\..*\\.(clean|smudge|process)$")) else {
            return false;
        };
        entries.next().is_some()
    }

    /// Makes our index of a sparse lane one that libgit2 can read: every file by name.
    pub(super) fn spell_out_index(&self, dir: &Path, index: &Path) -> Result<(), GitError> {
        let args = ["update-index", "--force-write-index"];
        self.command(dir, &args, Vec::new(), Some(index), FILTERS)
            .map(drop)
    }

    /// Stands the lane's files at a tree, through git: filters run, files outside a sparse checkout stay away,
    /// missing objects are fetched. New files are removed, ignored ones kept.
    pub(super) fn check_out_with_git(&mut self, tree: git2::Oid) -> Result<(), GitError> {
        let lane = self.opened()?;
        lane.keep(tree, lane.tip_tree())?;
        lane.holds = None;
        let what = || "handing our index to git".to_owned();
        lane.index.write().doing(what)?;
        let (dir, index) = (lane.paths.dir.clone(), lane.paths.index());
        let rules = walk_rules(&lane.links, &lane.cache_dirs());
        let id = tree.to_string();
        // A partial clone fetches what it has to write.
        let policy = if self.is_partial() {
            SandboxPolicy::Trusted
        } else {
            FILTERS
        };
        let write = ["read-tree", "--reset", "-u", &id];
        self.command(&dir, &write, Vec::new(), Some(&index), policy)?;
        let mut clean = vec!["clean", "-ffdq"];
        for rule in rules.lines() {
            clean.extend(["-e", rule]);
        }
        self.command(&dir, &clean, Vec::new(), Some(&index), FILTERS)?;
        let lane = self.opened()?;
        lane.index.read(true).doing(what)?;
        lane.holds = Some(tree);
        lane.note_left_out();
        Ok(())
    }
}

/// True when an object is not here, as opposed to a name that nothing has.
pub(super) fn is_missing_object(e: &git2::Error) -> bool {
    e.code() == ErrorCode::NotFound && e.class() == ErrorClass::Odb
}

/// Files outside a sparse checkout that an engine wrote all the same are work like any other, as git sees it
/// (git-sparse-checkout(1), "present despite skipped"). Returns their objects as they were.
pub(super) fn notice_present(index: &mut Index, dir: &Path) -> Result<Vec<git2::Oid>, git2::Error> {
    let present: Vec<IndexEntry> = index
        .iter()
        .filter(is_skipped)
        .filter(|e| {
            let path = dir.join(OsStr::from_bytes(&e.path));
            path.symlink_metadata().is_ok()
        })
        .collect();
    let mut were = Vec::new();
    for mut entry in present {
        entry.flags_extended &= !IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
        index.add(&entry)?;
        were.push(entry.id);
    }
    Ok(were)
}

/// Notes that a sparse checkout leaves these files out, those of them that the index has.
pub(super) fn skip(index: &mut Index, paths: &[Vec<u8>]) -> Result<(), git2::Error> {
    for path in paths {
        let path = Path::new(OsStr::from_bytes(path));
        if let Some(mut entry) = index.get_path(path, 0) {
            entry.flags_extended |= IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
            index.add(&entry)?;
        }
    }
    Ok(())
}

/// True for a file that a sparse checkout leaves out.
pub(super) fn is_skipped(entry: &IndexEntry) -> bool {
    entry.flags_extended & IndexEntryExtendedFlag::SKIP_WORKTREE.bits() != 0
}

/// An index entry for a file as it stands on disk.
pub(super) fn entry_of(path: &Path, id: git2::Oid, meta: &std::fs::Metadata) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(meta.ctime() as i32, meta.ctime_nsec() as u32),
        mtime: IndexTime::new(meta.mtime() as i32, meta.mtime_nsec() as u32),
        dev: meta.dev() as u32,
        ino: meta.ino() as u32,
        mode: if meta.mode() & 0o100 == 0 {
            0o100_644
        } else {
            0o100_755
        },
        uid: meta.uid(),
        gid: meta.gid(),
        file_size: meta.size() as u32,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_os_str().as_bytes().to_vec(),
    }
}

/// Runs a command from a thread that has no runtime of its own, or whose runtime is busy. Never while leftovers
/// of an engine are being ended: nobody asks the git thread for anything then.
fn blocking(command: &Command, limits: Limits, stop: StopSignal) -> Result<Finished, String> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        let done = runtime.block_on(proc::output(command, limits, stop));
        done.map_err(|e| e.to_string())
    };
    std::thread::scope(|threads| match threads.spawn(run).join() {
        Ok(done) => done,
        Err(_) => Err("the thread that ran it panicked".to_owned()),
    })
}
