//! Making way in a worktree that an engine or a check wrote in, before git's library goes through it.
//!
//! The library opens rule files to read them, and what stands in a file's place to write into it: a pipe would hold it
//! forever, and a link would lead its bytes out of the lane.

use git2::build::CheckoutBuilder;
use git2::{CheckoutNotificationType, Index, Repository};
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Files that are read wherever they stand.
const RULES: [&str; 4] = [".gitattributes", ".gitignore", ".gitmodules", ".mailmap"];

/// A checkout over whatever stands in `dir`, which writes into nothing but files of the worktree's own.
pub(super) fn forced(dir: &Path) -> CheckoutBuilder<'static> {
    let dir = dir.to_path_buf();
    let mut cleared = None;
    let mut checkout = CheckoutBuilder::new();
    checkout
        .force()
        // Told of every file that will be written, before the first one is.
        .notify_on(CheckoutNotificationType::UPDATED | CheckoutNotificationType::DIRTY)
        .notify(move |_, path, _, _, _| {
            path.is_none_or(|path| make_way(&dir, path, &mut cleared).is_ok())
        });
    checkout
}

/// Removes what would lead a file's bytes elsewhere: a link in place of it or of a folder above, and whatever is
/// neither file nor folder. `cleared` is the folder that was looked at last.
fn make_way(dir: &Path, path: &Path, cleared: &mut Option<PathBuf>) -> io::Result<()> {
    let above = path.parent().unwrap_or(Path::new(""));
    if cleared.as_deref() != Some(above) {
        let mut at = dir.to_path_buf();
        for name in above {
            at.push(name);
            remove_unless(&at, |meta| meta.is_dir() || meta.is_file())?;
        }
        *cleared = Some(above.to_path_buf());
    }
    remove_unless(&dir.join(path), |meta| meta.is_file() || meta.is_dir())
}

fn remove_unless(path: &Path, is_fine: impl Fn(&fs::Metadata) -> bool) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(meta) if !is_fine(&meta) => fs::remove_file(path),
        Ok(_) => Ok(()),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Removes pipes, sockets and devices, and rule files that are links to such, wherever the library would go.
///
/// # Errors
/// Something of that kind cannot be removed.
pub(super) fn clear_specials(git: &Repository, index: &Index, dir: &Path) -> io::Result<()> {
    look_for_specials(git, index, dir, &mut |path| {
        fs::remove_file(path).map(|()| ControlFlow::Continue(()))
    })
}

/// The first of them, for who may not remove any.
///
/// # Errors
/// What a folder holds cannot be told.
pub(super) fn find_special(
    git: &Repository,
    index: &Index,
    dir: &Path,
) -> io::Result<Option<PathBuf>> {
    let mut first = None;
    look_for_specials(git, index, dir, &mut |path| {
        first = Some(path.to_path_buf());
        Ok(ControlFlow::Break(()))
    })?;
    Ok(first)
}

/// Goes where the library would; what it finds is gone, or is the last, before the library is asked for rules.
fn look_for_specials(
    git: &Repository,
    index: &Index,
    dir: &Path,
    found: &mut dyn FnMut(&Path) -> io::Result<ControlFlow<()>>,
) -> io::Result<()> {
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        // What cannot be listed is not gone into by the library either.
        let Ok(entries) = fs::read_dir(dir.join(&folder)) else {
            continue;
        };
        let mut below = Vec::new();
        for entry in entries.flatten() {
            let kind = entry.file_type()?;
            if kind.is_dir() {
                below.push(folder.join(entry.file_name()));
                continue;
            }
            let is_special = match kind.is_symlink() {
                true => {
                    let is_rule = RULES.iter().any(|rule| entry.file_name() == *rule);
                    is_rule && fs::metadata(entry.path()).is_ok_and(|m| !m.is_file())
                }
                false => !kind.is_file(),
            };
            if is_special && found(&entry.path())?.is_break() {
                return Ok(());
            }
        }
        // The rules that say so can be read by now.
        open.extend(
            below
                .into_iter()
                .filter(|path| is_gone_into(git, index, path)),
        );
    }
    Ok(())
}

fn is_gone_into(git: &Repository, index: &Index, folder: &Path) -> bool {
    if folder == Path::new(".git") {
        return false;
    }
    let mut name: OsString = folder.as_os_str().to_owned();
    name.push("/");
    let is_ignored = git.is_path_ignored(Path::new(&name)).unwrap_or(false);
    !is_ignored || index.find_prefix(name.into_vec()).is_ok()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    /// A repository with two files and what they are to be, and a folder outside.
    fn site() -> (tempfile::TempDir, Repository, git2::Oid) {
        let temp = tempfile::tempdir().unwrap();
        let (lane, outside) = (temp.path().join("lane"), temp.path().join("outside"));
        fs::create_dir_all(lane.join("work/deep")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("rc"), "the user's, and long enough\n").unwrap();
        for path in ["a.txt", "work/b.txt", "work/deep/c.txt"] {
            fs::write(lane.join(path), "hello\n").unwrap();
        }
        let git = Repository::init(&lane).unwrap();
        let mut index = git.index().unwrap();
        index
            .add_all(["*"], git2::IndexAddOption::DEFAULT, None)
            .unwrap();
        index.write().unwrap();
        let tree = index.write_tree().unwrap();
        let who = git2::Signature::now("Ada", "ada@localhost").unwrap();
        let found = git.find_tree(tree).unwrap();
        git.commit(Some("HEAD"), &who, &who, "x", &found, &[])
            .unwrap();
        drop(found);
        (temp, git, tree)
    }

    fn pipe(path: &Path) {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    }

    fn photograph(dir: &Path) -> Vec<(PathBuf, String)> {
        let mut found: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().path())
            .map(|p| (p.clone(), fs::read_to_string(p).unwrap()))
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_checkout_writes_through_nothing() {
        type Change = fn(&Path, &Path);
        let changes: [(&str, Change); 8] = [
            ("a link to a file", |lane, outside| {
                fs::remove_file(lane.join("a.txt")).unwrap();
                symlink(outside.join("rc"), lane.join("a.txt")).unwrap();
            }),
            ("a link to nothing", |lane, outside| {
                fs::remove_file(lane.join("work/b.txt")).unwrap();
                symlink(outside.join("new"), lane.join("work/b.txt")).unwrap();
            }),
            ("a link in place of a folder", |lane, outside| {
                fs::remove_dir_all(lane.join("work")).unwrap();
                symlink(outside, lane.join("work")).unwrap();
            }),
            ("a link in place of a folder below", |lane, outside| {
                fs::remove_dir_all(lane.join("work/deep")).unwrap();
                symlink(outside, lane.join("work/deep")).unwrap();
            }),
            ("a pipe", |lane, _| {
                fs::remove_file(lane.join("a.txt")).unwrap();
                pipe(&lane.join("a.txt"));
            }),
            ("a pipe in place of a folder", |lane, _| {
                fs::remove_dir_all(lane.join("work")).unwrap();
                pipe(&lane.join("work"));
            }),
            ("a pipe as rules", |lane, _| {
                pipe(&lane.join("work/.gitignore"));
                pipe(&lane.join(".gitattributes"));
            }),
            ("a link to a pipe as rules", |lane, outside| {
                pipe(&lane.join("pipe"));
                symlink(lane.join("pipe"), lane.join(".gitignore")).unwrap();
                symlink(outside.join("rc"), lane.join(".gitmodules")).unwrap();
            }),
        ];
        for (what, change) in changes {
            let (temp, git, tree) = site();
            let (lane, outside) = (temp.path().join("lane"), temp.path().join("outside"));
            let before = photograph(&outside);
            change(&lane, &outside);
            clear_specials(&git, &git.index().unwrap(), &lane).unwrap();
            let found = git.find_tree(tree).unwrap();
            let mut checkout = forced(&lane);
            checkout.remove_untracked(true);
            git.checkout_tree(found.as_object(), Some(&mut checkout))
                .unwrap();
            assert_eq!(photograph(&outside), before, "{what}");
            for path in ["a.txt", "work/b.txt", "work/deep/c.txt"] {
                let full = lane.join(path);
                let meta = full
                    .symlink_metadata()
                    .unwrap_or_else(|e| panic!("{what}: {path}: {e}"));
                assert!(meta.is_file(), "{what}: {path}");
                assert_eq!(
                    fs::read_to_string(full).unwrap(),
                    "hello\n",
                    "{what}: {path}"
                );
            }
            assert!(!lane.join("work/.gitignore").exists(), "{what}");
        }
    }

    #[test]
    fn what_git_ignores_is_left_alone_unless_something_there_is_tracked() {
        let (temp, git, _) = site();
        let lane = temp.path().join("lane");
        fs::create_dir(lane.join("out")).unwrap();
        fs::write(lane.join(".gitignore"), "/out/\n/work/\n").unwrap();
        pipe(&lane.join("out/pipe"));
        pipe(&lane.join("work/deep/pipe"));
        clear_specials(&git, &git.index().unwrap(), &lane).unwrap();
        assert!(lane.join("out/pipe").symlink_metadata().is_ok());
        assert!(lane.join("work/deep/pipe").symlink_metadata().is_err());
        let odd = Path::new(OsStr::from_bytes(b"odd\xff"));
        fs::create_dir(lane.join(odd)).unwrap();
        pipe(&lane.join(odd).join("pipe"));
        clear_specials(&git, &git.index().unwrap(), &lane).unwrap();
        assert!(lane.join(odd).join("pipe").symlink_metadata().is_err());
    }
}
