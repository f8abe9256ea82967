//! Reading that a survey does for each of hundreds of specs.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid};
use crate::model::Oid;
use git2::ObjectType;
use std::collections::HashSet;
use std::path::Path;

impl Repo {
    /// As [`Repo::read_file`], for a file that probably holds `likely`: where it does, which its id in the tree
    /// tells, its object is neither opened nor inflated.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn read_file_like(
        &self,
        commit: &Oid,
        path: &str,
        likely: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let Some(likely) = likely else {
            return self.read_file(commit, path);
        };
        let what = || format!("reading {path} in {}", commit.short());
        let id = git2::Oid::hash_object(ObjectType::Blob, likely).doing(what)?;
        let entry = self
            .git
            .find_commit(from_oid(commit)?)
            .and_then(|c| c.tree()?.get_path(Path::new(path)));
        if entry.is_ok_and(|e| e.kind() == Some(ObjectType::Blob) && e.id() == id) {
            return Ok(Some(likely.to_vec()));
        }
        self.read_file(commit, path)
    }

    /// Names of the files in a folder of a commit, `""` for its root; none where there is no such folder.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn files_in(&self, commit: &Oid, folder: &str) -> Result<Vec<String>, GitError> {
        let id = from_oid(commit)?;
        let name = format!("{commit}:{folder}");
        let names = self.with_fetched(&["ls-tree", "--name-only", &name], || {
            let root = self.git.find_commit(id)?.tree()?;
            let tree = match folder {
                "" => root,
                folder => match root.get_path(Path::new(folder)) {
                    Ok(entry) if entry.kind() == Some(ObjectType::Tree) => {
                        self.git.find_tree(entry.id())?
                    }
                    Ok(_) => return Ok(Vec::new()),
                    Err(e) if e.code() == git2::ErrorCode::NotFound => return Ok(Vec::new()),
                    Err(e) => return Err(e),
                },
            };
            let files = tree.iter().filter(|e| e.kind() == Some(ObjectType::Blob));
            let names = files.map(|e| String::from_utf8_lossy(e.name_bytes()).into_owned());
            Ok(names.collect())
        });
        names.doing(|| format!("listing {folder:?} in {}", commit.short()))
    }

    /// What stands below a ref prefix that ends in `/`, to know of hundreds of refs that they do not exist.
    ///
    /// # Errors
    /// Refs that cannot be listed.
    pub fn names_below(&self, prefix: &str) -> Result<RefNames, GitError> {
        let what = || format!("listing {prefix}");
        let mut refs = self
            .git
            .references_glob(&format!("{prefix}*"))
            .doing(what)?;
        let mut names: HashSet<String> = refs
            .names()
            .flatten()
            .filter_map(|name| Some(first(name.strip_prefix(prefix)?)))
            .collect();
        // Damaged refs are not listed, and whoever asks for one is to be told.
        let files = std::fs::read_dir(self.info.common_dir.join(prefix));
        names.extend(
            files
                .into_iter()
                .flatten()
                .flatten()
                .map(|file| first(&file.file_name().to_string_lossy())),
        );
        Ok(RefNames(names))
    }
}

/// First components of names below a ref prefix.
#[derive(Debug, Default)]
pub struct RefNames(HashSet<String>);

impl RefNames {
    /// False where git has no ref of this name below the prefix.
    pub fn may_hold(&self, name: &str) -> bool {
        self.0.contains(&first(name))
    }
}

/// The first component in small letters: refs may be files, and file systems may not tell letters apart.
fn first(name: &str) -> String {
    name.split('/').next().unwrap_or(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::BRANCHES;

    fn repo(dir: &Path) -> (Repo, Oid) {
        let git = git2::Repository::init(dir).unwrap();
        let who = git2::Signature::now("Ada", "ada@localhost").unwrap();
        let mut index = git.index().unwrap();
        std::fs::create_dir_all(dir.join("specs")).unwrap();
        crate::fsx::atomic::write(&dir.join("specs/a.md"), b"- [ ] one\n").unwrap();
        index.add_path(Path::new("specs/a.md")).unwrap();
        let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
        let tip = git
            .commit(Some("HEAD"), &who, &who, "First", &tree, &[])
            .unwrap();
        (Repo::open(dir).unwrap(), super::super::repo::to_oid(tip))
    }

    #[test]
    fn a_likely_text_changes_nothing_but_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let (repo, tip) = repo(dir.path());
        for path in ["specs/a.md", "specs", "specs/none.md"] {
            let read = repo.read_file(&tip, path).unwrap();
            for likely in [
                None,
                Some(&b"- [ ] one\n"[..]),
                Some(b"- [x] one\n"),
                Some(b""),
            ] {
                assert_eq!(
                    repo.read_file_like(&tip, path, likely).unwrap(),
                    read,
                    "{path}"
                );
            }
        }
        // The text alone is proof enough: the object is not opened.
        let id = git2::Oid::hash_object(ObjectType::Blob, b"- [ ] one\n")
            .unwrap()
            .to_string();
        let object = dir
            .path()
            .join(".git/objects")
            .join(&id[..2])
            .join(&id[2..]);
        std::fs::remove_file(object).unwrap();
        let (repo, likely) = (Repo::open(dir.path()).unwrap(), &b"- [ ] one\n"[..]);
        let found = repo.read_file_like(&tip, "specs/a.md", Some(likely));
        assert_eq!(found.unwrap().as_deref(), Some(likely));
        assert!(repo.read_file(&tip, "specs/a.md").is_err());
    }

    #[test]
    fn names_of_loose_packed_and_damaged_refs() {
        let dir = tempfile::tempdir().unwrap();
        let (repo, tip) = repo(dir.path());
        let prefix = format!("refs/heads/{BRANCHES}");
        assert!(!repo.names_below(&prefix).unwrap().may_hold("loose"));
        repo.set_ref(&format!("{prefix}Loose"), &tip, "test")
            .unwrap();
        repo.set_ref(&format!("{prefix}deep/er"), &tip, "test")
            .unwrap();
        let git = dir.path().join(".git");
        let line = format!("{tip} {prefix}packed\n");
        crate::fsx::atomic::write(&git.join("packed-refs"), line.as_bytes()).unwrap();
        crate::fsx::atomic::write(&git.join(&prefix).join("torn"), b"").unwrap();
        let names = Repo::open(dir.path())
            .unwrap()
            .names_below(&prefix)
            .unwrap();
        for name in ["Loose", "loose", "deep", "deep/er", "packed", "torn"] {
            assert!(names.may_hold(name), "{name}");
        }
        assert!(!names.may_hold("other"));
    }
}
