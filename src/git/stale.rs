//! Lock files that a killed process left on our refs.
//!
//! Git writes a ref by way of `<ref>.lock` and removes that file itself, unless it is killed in between; from
//! then on the ref cannot be moved. Only runs move our refs, and there is one run at a time, so that a lock
//! found when a run starts is nobody's.

use std::path::{Path, PathBuf};

/// Removes locks on refs of ours below the common folder `git_dir`, and returns what was removed. To be
/// called with the run lock held and nothing of an earlier run alive. What cannot be removed is reported by
/// whoever wants to move that ref.
pub fn remove_stale_locks(git_dir: &Path) -> Vec<PathBuf> {
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
    let mut removed = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                // No ref's name ends so (git-check-ref-format(1)).
                Ok(_) if path.extension().is_some_and(|e| e == "lock") => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_locks_on_our_own_refs_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let ours = [
            "refs/codelicious/attempts/a/T001/1.lock",
            "refs/codelicious/lanes/a.lock",
            "refs/heads/codelicious/a.lock",
            "refs/remotes/origin/codelicious/a.lock",
        ];
        let others = [
            "index.lock",
            "packed-refs.lock",
            "refs/codelicious/lanes/a",
            "refs/heads/codelicious/a",
            "refs/heads/main.lock",
            "refs/remotes/origin/main.lock",
        ];
        for name in ours.iter().chain(&others) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(path).unwrap();
        }
        let removed = remove_stale_locks(dir.path());
        assert_eq!(removed, ours.map(|n| dir.path().join(n)));
        for name in others {
            assert!(dir.path().join(name).exists(), "{name}");
        }
        assert!(remove_stale_locks(dir.path()).is_empty());
    }
}
