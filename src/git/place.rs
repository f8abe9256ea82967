//! Where a repository is, or why it cannot be built in; and where its lanes are.

use super::error::{Context, GitError};
use super::lane::{LaneDir, LanePaths};
use super::repo::Repo;
use git2::{Repository, RepositoryOpenFlags};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoInfo {
    /// Root of the main worktree.
    pub root: PathBuf,
    /// The folder all worktrees share (`.git` of the main one).
    pub common_dir: PathBuf,
}

impl RepoInfo {
    /// Finds the repository that `path` is in; a linked worktree leads to its main one.
    ///
    /// # Errors
    /// No repository, a bare one, or one that git refuses to read, each with its remedy.
    pub fn discover(path: &Path) -> Result<Self, GitError> {
        let what = || format!("opening the repository at {}", path.display());
        if !path.exists() {
            return Err(GitError::new(
                what(),
                "there is no such folder",
                "give the path of a git repository",
            ));
        }
        super::durable::set_up();
        // Opened where it was found: its git folder alone does not tell a worktree that stands elsewhere.
        let git = Repository::open_ext(
            path,
            RepositoryOpenFlags::CROSS_FS,
            &[] as &[&std::ffi::OsStr],
        )
        .map_err(|e| match e.code() {
            git2::ErrorCode::NotFound => GitError::new(
                what(),
                "this is not a git repository",
                "run `git init` there first, or give the path of a repository",
            ),
            git2::ErrorCode::Owner => GitError::new(
                what(),
                "it belongs to another user",
                format!(
                    "git config --global --add safe.directory {}",
                    root_of(path)
                ),
            ),
            // libgit2 has words for this and no code.
            _ if e.message().contains("unsupported extension") => GitError::new(
                what(),
                e.message(),
                "this version cannot read such a repository: run in a plain clone, made with git's defaults",
            ),
            _ => GitError::new(what(), e.message(), ""),
        })?;
        if git.is_bare() {
            return Err(GitError::new(
                what(),
                "the repository is bare",
                "run codelicious in a clone that has a working tree",
            ));
        }
        let common_dir = canonical(git.commondir())?;
        let root = if git.is_worktree() {
            main_worktree(&git, &common_dir).ok_or_else(|| {
                let is_bare = git.config().and_then(|c| c.get_bool("core.bare"));
                if is_bare.unwrap_or(false) {
                    GitError::new(
                        what(),
                        "it is a linked worktree without a main one",
                        "run codelicious in a clone that has a working tree",
                    )
                } else {
                    GitError::new(
                        what(),
                        "it is a linked worktree, and its git folder does not tell where the main one is",
                        "run codelicious in the main worktree",
                    )
                }
            })?
        } else {
            let workdir = git
                .workdir()
                .ok_or_else(|| GitError::new(what(), "it has no working tree", ""))?;
            canonical(workdir)?
        };
        Ok(Self { root, common_dir })
    }
}

/// Where the main worktree of a linked one is: around the common folder, or where the configuration says, as it
/// does in submodules. None for a bare repository and for a git folder that stands elsewhere.
fn main_worktree(git: &Repository, common_dir: &Path) -> Option<PathBuf> {
    if common_dir.file_name().is_some_and(|n| n == ".git") {
        return common_dir.parent().map(Path::to_path_buf);
    }
    let configured = git.config().ok()?.get_path("core.worktree").ok()?;
    common_dir.join(configured).canonicalize().ok()
}

/// The root of the repository around `path`, as a word for a shell, for when git refuses to read it.
fn root_of(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let root = path.ancestors().find(|p| p.join(".git").exists());
    let word = root.unwrap_or(&path).display().to_string();
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn canonical(path: &Path) -> Result<PathBuf, GitError> {
    path.canonicalize()
        .doing(|| format!("resolving {}", path.display()))
}

impl Repo {
    /// Finds git's folder for the worktree at `dir`; what is left of a half-made one is cleared away.
    ///
    /// # Errors
    /// The leftovers cannot be removed.
    pub fn find_lane(&self, dir: &Path) -> Result<LaneDir, GitError> {
        let wanted = dir.join(".git");
        let admins = std::fs::read_dir(self.info.common_dir.join("worktrees"));
        let admin = admins
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .find(|admin| {
                std::fs::read(admin.join("gitdir"))
                    .is_ok_and(|text| text.trim_ascii_end() == wanted.as_os_str().as_bytes())
            });
        match admin {
            Some(admin) if dir.is_dir() && has_index(&admin) => Ok(LaneDir::Ready(LanePaths {
                dir: dir.to_path_buf(),
                admin,
            })),
            Some(_) | None => {
                self.clear_place(dir)?;
                Ok(LaneDir::Missing)
            }
        }
    }

    /// Makes room where a lane is to be made: what is left of an earlier one goes, anything else is somebody's.
    fn clear_place(&self, dir: &Path) -> Result<(), GitError> {
        let what = || format!("removing the unusable lane {}", dir.display());
        if !dir.exists() || std::fs::remove_dir(dir).is_ok() {
            return Ok(());
        }
        // The second while git makes it.
        let ours = ["worktrees", super::git_place::FOLDER].map(|folder| {
            let folder = self.info.common_dir.join(folder);
            [b"gitdir: ", folder.as_os_str().as_bytes(), b"/"].concat()
        });
        let is_ours = |text: Vec<u8>| ours.iter().any(|o| text.starts_with(o));
        if std::fs::read(dir.join(".git")).is_ok_and(is_ours) {
            return std::fs::remove_dir_all(dir).doing(what);
        }
        Err(GitError::new(
            format!("making the lane {}", dir.display()),
            "there is a folder that is not a lane of this repository",
            "look what is in it and move it away, or move lanes elsewhere with `[worktree] dir`",
        ))
    }
}

/// True when git finished making the worktree and no power cut undid it: it has an index, its own or ours, with
/// at least a header and a checksum (gitformat-index(5)).
fn has_index(admin: &Path) -> bool {
    ["index", "codelicious-index"].iter().any(|name| {
        let meta = admin.join(name).metadata();
        meta.is_ok_and(|m| m.is_file() && m.len() >= 32)
    })
}
