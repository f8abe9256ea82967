//! What a killed process, or a power cut, left on our refs and beside our lanes.
//!
//! Git writes a ref by way of `<ref>.lock` and removes that file itself, unless it is killed in between; from
//! then on the ref cannot be moved. Only runs move our refs, and there is one run at a time, so that a lock
//! found when a run starts is nobody's. A ref whose file is empty was named before its content reached the
//! disk; git refuses to read or write it, and what it said is known from the lane's tip.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Longer than anybody takes to write one object.
const WRITING: Duration = Duration::from_secs(600);

/// Removes locks on refs of ours below the common folder `git_dir`, and refs without content, and returns what
/// was removed. Half-written files and object stores of lanes go without a word: nothing in them is needed. To be
/// called with the run lock held and nothing of an earlier run alive. What cannot be removed is reported by
/// whoever wants to move that ref.
pub fn remove_stale(git_dir: &Path, now: SystemTime) -> Vec<PathBuf> {
    let lanes = std::fs::read_dir(git_dir.join("worktrees"));
    for admin in lanes.into_iter().flatten().flatten() {
        clear_lane(&admin.path());
    }
    clear_objects(&git_dir.join("objects"), now);
    let mut removed = Vec::new();
    let refs = git_dir.join("refs");
    let mut folders = vec![refs.join("codelicious"), refs.join("heads/codelicious")];
    let remotes = std::fs::read_dir(refs.join("remotes"));
    folders.extend(
        remotes
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path().join("codelicious")),
    );
    let notes = git_dir.join(super::NOTES);
    for path in [notes.with_extension("lock"), notes] {
        let is_nobodys = path.is_file() && (is_lock(&path) || is_torn(&path));
        if is_nobodys && std::fs::remove_file(&path).is_ok() {
            removed.push(path);
        }
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(_) if is_lock(&path) || is_torn(&path) => {
                    if std::fs::remove_file(&path).is_ok() {
                        removed.push(path);
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    removed.sort();
    removed
}

/// Clears git's folder of a worktree of what only a run at work has there. What cannot be removed is in the way of
/// whoever opens the lane, and told there.
fn clear_lane(admin: &Path) {
    let _ = crate::fsx::atomic::remove_stale_temps(admin);
    let _ = std::fs::remove_dir_all(admin.join(super::staging::FOLDER));
    for name in super::lane::HALF_WRITTEN {
        let _ = std::fs::remove_file(admin.join(name));
    }
}

/// Removes objects that libgit2 was at when its process ended (its odb_loose.c names them); git itself clears such files
/// only after weeks.
fn clear_objects(objects: &Path, now: SystemTime) {
    for entry in std::fs::read_dir(objects).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_half = name.as_encoded_bytes().starts_with(b"tmp_object_git2_");
        let written = entry.metadata().ok().filter(fs::Metadata::is_file);
        let written = written.and_then(|meta| meta.modified().ok());
        if is_half && written.is_some_and(|written| is_nobodys(written, now)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// True for an object that was last written so long ago that nobody is at it any more: not this repository's other
/// programs, such as the user's editor, either.
fn is_nobodys(written: SystemTime, now: SystemTime) -> bool {
    now.duration_since(written).is_ok_and(|age| age > WRITING)
}

/// No ref's name ends so (git-check-ref-format(1)).
fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "lock")
}

/// A file that a power cut left empty, or with the zeros that were there before.
fn is_torn(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.iter().all(|b| matches!(b, 0 | b'\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_lately_may_be_somebodys() {
        let now = SystemTime::UNIX_EPOCH + 10 * WRITING;
        let second = Duration::from_secs(1);
        for (written, nobodys) in [
            (now, false),
            (now - WRITING, false),
            (now - WRITING - second, true),
            // A clock that was set back.
            (now + second, false),
        ] {
            assert_eq!(is_nobodys(written, now), nobodys, "{written:?}");
        }
    }

    #[test]
    fn only_locks_and_torn_files_of_our_own_refs_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let ours = [
            "refs/codelicious/attempts/a/T001/1.lock",
            "refs/codelicious/lanes/a.lock",
            "refs/heads/codelicious/a-part-2",
            "refs/heads/codelicious/a.lock",
            "refs/notes/codelicious.lock",
            "refs/remotes/origin/codelicious/a.lock",
        ];
        let others = [
            "index.lock",
            "packed-refs.lock",
            "refs/codelicious/lanes/a",
            "refs/heads/codelicious/a",
            "refs/heads/main.lock",
            "refs/notes/commits.lock",
            "refs/remotes/origin/main.lock",
        ];
        for name in ours.iter().chain(&others) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = if name.ends_with("/a") {
                "a commit\n"
            } else {
                ""
            };
            crate::fsx::atomic::write(&path, text.as_bytes()).unwrap();
        }
        let half = dir.path().join("objects/tmp_object_git2_0a1b");
        let live = dir.path().join("objects/tmp_object_git2_0a1c");
        let gits = dir.path().join("objects/tmp_obj_0a1b");
        fs::create_dir_all(half.parent().unwrap()).unwrap();
        for path in [&half, &live, &gits] {
            crate::fsx::atomic::write(path, b"half").unwrap();
        }
        let now = live.metadata().unwrap().modified().unwrap();
        for path in [&half, &gits] {
            let file = fs::File::open(path).unwrap();
            file.set_modified(now - 2 * WRITING).unwrap();
        }
        let removed = remove_stale(dir.path(), now);
        assert!(!half.exists() && live.exists() && gits.exists());
        assert_eq!(removed, ours.map(|n| dir.path().join(n)));
        for name in others {
            assert!(dir.path().join(name).exists(), "{name}");
        }
        assert!(remove_stale(dir.path(), now).is_empty());
    }
}
