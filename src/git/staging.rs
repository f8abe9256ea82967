//! Objects of a lane before they count.
//!
//! Work is captured as blobs and trees several times before it is committed, and most of those are never
//! needed again. They are written, unsynced, to a small object store of the lane's own, which looks into the
//! repository's for everything else. What a commit needs is then moved over in one go: every file synced
//! before it gets its name, every folder after. So a power cut leaves no torn object in the repository, and
//! no commit in it without its trees and blobs.
//!
//! The same idea as git's quarantine of received objects (gitglossary, `git-receive-pack`).

use super::durable::unsynced;
use super::error::{Context, GitError};
use crate::crash::{self, Point};
use crate::fsx::atomic::sync;
use git2::{ObjectType, Repository, RepositoryInitOptions};
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Name of the store's folder in the lane's own git folder.
pub(super) const FOLDER: &str = "codelicious-objects";

/// Files synced at a time.
const SYNCS: usize = 4;

/// A lane's store, empty when it is opened.
pub(super) struct Staging {
    store: Repository,
    /// Loose objects of the store.
    from: PathBuf,
    /// Loose objects of the repository.
    to: PathBuf,
}

impl Staging {
    /// Makes `lane` write its objects to a store in `admin`. None where the repository's path is not UTF-8,
    /// which libgit2's interface wants: the lane then writes to the repository at once.
    ///
    /// # Errors
    /// The store cannot be made.
    pub(super) fn open(
        admin: &Path,
        common_dir: &Path,
        lane: &Repository,
    ) -> Result<Option<Self>, GitError> {
        let dir = admin.join(FOLDER);
        let what = || format!("making {}", dir.display());
        match std::fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e).doing(what),
            _ => {}
        }
        let to = common_dir.join("objects");
        let Some(path) = to.to_str() else {
            return Ok(None);
        };
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false);
        let store = unsynced(|| Repository::init_opts(&dir, &options)).doing(what)?;
        {
            let objects = store.odb().doing(what)?;
            objects.add_disk_alternate(path).doing(what)?;
            lane.set_odb(&objects).doing(what)?;
        }
        Ok(Some(Self {
            from: dir.join("objects"),
            store,
            to,
        }))
    }

    /// Makes an object (a commit or a tree) that was written here last in the repository, with everything it
    /// needs. `known` is a tree that does already, which saves looking at what it has in common with the new one.
    ///
    /// What an engine added to the repository by itself (`git add`) is part of that: git does not sync it.
    ///
    /// # Errors
    /// Objects that cannot be read, synced or moved. What was moved by then does no harm.
    pub(super) fn keep(&self, id: git2::Oid, known: Option<git2::Oid>) -> Result<(), GitError> {
        let what = || "moving objects to the repository".to_owned();
        if !loose(&self.from, id).exists() {
            return Ok(());
        }
        let mut needed = Needed::default();
        self.collect(id, known, &mut needed).doing(what)?;
        sync_together(&needed.files)?;
        crash::point(Point::ObjectsSynced).doing(what)?;
        let mut folders = BTreeSet::new();
        // What others refer to comes first.
        for id in &needed.order {
            let (from, to) = (loose(&self.from, *id), loose(&self.to, *id));
            let folder = to.parent().unwrap_or(&self.to).to_path_buf();
            if !needed.here.contains(id) {
                let made = make(&folder)?;
                folders.extend(made.then(|| self.to.clone()));
                let moved = rename_or_copy(&from, &to).or_else(|e| {
                    // Empty folders may be tidied away beside us (`git gc`).
                    if e.kind() == ErrorKind::NotFound {
                        std::fs::create_dir(&folder)?;
                    }
                    rename_or_copy(&from, &to)
                });
                moved.doing(|| format!("writing {}", to.display()))?;
                crash::point(Point::ObjectsHalf).doing(what)?;
            }
            folders.insert(folder);
        }
        sync_together(&folders.into_iter().collect::<Vec<_>>())?;
        crash::point(Point::ObjectsKept).doing(what)
    }

    /// The loose objects that `id` needs, each after those it refers to. What is packed was synced with its pack.
    fn collect(
        &self,
        id: git2::Oid,
        known: Option<git2::Oid>,
        needed: &mut Needed,
    ) -> Result<(), git2::Error> {
        if !needed.seen.insert(id) {
            return Ok(());
        }
        let (from, to) = (loose(&self.from, id), loose(&self.to, id));
        let file = if from.exists() {
            from
        } else if to.exists() {
            needed.here.insert(id);
            to
        } else {
            return Ok(());
        };
        match self.store.odb()?.read_header(id)?.1 {
            ObjectType::Commit => {
                self.collect(self.store.find_commit(id)?.tree_id(), known, needed)?;
            }
            ObjectType::Tree => {
                let known = known.and_then(|k| self.store.find_tree(k).ok());
                for entry in &self.store.find_tree(id)? {
                    let was = known
                        .as_ref()
                        .and_then(|k| k.get_name_bytes(entry.name_bytes()).map(|e| e.id()));
                    if was != Some(entry.id()) {
                        self.collect(entry.id(), was, needed)?;
                    }
                }
            }
            _ => {}
        }
        needed.files.push(file);
        needed.order.push(id);
        Ok(())
    }

    /// Empties the store: nothing in it is needed any more.
    pub(super) fn discard(self) {
        let dir = self.from.parent().map(Path::to_path_buf);
        drop(self.store);
        if let Some(dir) = dir {
            // What is left is emptied when the lane is opened again.
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

/// Objects of a commit that are to last.
#[derive(Default)]
struct Needed {
    seen: HashSet<git2::Oid>,
    /// Each after those it refers to.
    order: Vec<git2::Oid>,
    /// Their files as they stand.
    files: Vec<PathBuf>,
    /// Those that are in the repository already.
    here: HashSet<git2::Oid>,
}

/// Makes a folder; false when it is there.
fn make(folder: &Path) -> Result<bool, GitError> {
    match std::fs::create_dir(folder) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e).doing(|| format!("making {}", folder.display())),
    }
}

/// Syncs files or folders, several at a time: the disk's caches are then flushed fewer times.
fn sync_together(paths: &[PathBuf]) -> Result<(), GitError> {
    let sync = |paths: &[PathBuf]| paths.iter().try_for_each(|p| sync(p));
    let done = std::thread::scope(|threads| {
        let share = paths.len().div_ceil(SYNCS).max(1);
        let mut shares = paths.chunks(share);
        let ours = shares.next().unwrap_or_default();
        let others: Vec<_> = shares
            .map(|some| threads.spawn(move || sync(some)))
            .collect();
        let mut done = sync(ours);
        for other in others {
            // A panic is passed on.
            let one = other
                .join()
                .unwrap_or_else(|e| std::panic::resume_unwind(e));
            done = done.and(one);
        }
        done
    });
    done.map_err(|e| GitError::new("writing objects", e.to_string(), "look at the disk's space"))
}

/// Where a loose object is (gitrepository-layout(5)).
fn loose(objects: &Path, id: git2::Oid) -> PathBuf {
    let hex = id.to_string();
    objects.join(&hex[..2]).join(&hex[2..])
}

fn rename_or_copy(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::rename(from, to) {
        // The repository's objects are on another disk than the rest of it.
        Err(e) if e.kind() == ErrorKind::CrossesDevices => {
            let temp = to.with_extension("codelicious");
            std::fs::copy(from, &temp)?;
            File::open(&temp)?.sync_all()?;
            std::fs::rename(&temp, to)
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::Signature;

    #[test]
    fn only_what_a_commit_needs_is_moved() {
        let dir = tempfile::tempdir().expect("a folder");
        let main = Repository::init(dir.path().join("main")).expect("made");
        let lane = Repository::open(main.path()).expect("opened");
        let admin = dir.path().join("admin");
        let staging = Staging::open(&admin, main.path(), &lane)
            .expect("made")
            .expect("the path is UTF-8");

        let blob = |text: &str| lane.blob(text.as_bytes()).expect("written");
        let tree = |entries: &[(&str, git2::Oid, i32)]| {
            let mut builder = lane.treebuilder(None).expect("made");
            for (name, id, mode) in entries {
                builder.insert(name, *id, *mode).expect("inserted");
            }
            builder.write().expect("written")
        };
        let dropped = blob("never committed");
        let inner = tree(&[("a", blob("one"), 0o100_644)]);
        let outer = tree(&[("dir", inner, 0o040_000), ("b", blob("two"), 0o100_644)]);
        let who = Signature::now("Ada", "ada@localhost").expect("valid");
        let first = lane
            .commit(
                None,
                &who,
                &who,
                "one",
                &lane.find_tree(outer).expect("there"),
                &[],
            )
            .expect("written");
        let is_there = |id: git2::Oid| {
            Repository::open(main.path()).is_ok_and(|r| r.find_object(id, None).is_ok())
        };
        assert!(!is_there(first) && !is_there(inner));

        staging.keep(first, None).expect("moved");
        for id in [first, outer, inner, blob("one"), blob("two")] {
            assert!(is_there(id), "{id}");
        }
        assert!(!is_there(dropped));
        assert!(
            lane.find_commit(first).is_ok(),
            "and the lane still sees it"
        );

        // Against a tree that is there, only the difference is looked at; a store that lost its objects to a
        // crash starts empty.
        let next = tree(&[("dir", inner, 0o040_000), ("c", blob("three"), 0o100_644)]);
        staging.keep(next, Some(outer)).expect("moved");
        assert!(is_there(next) && is_there(blob("three")));
        staging
            .keep(next, Some(outer))
            .expect("nothing is left to do");

        // What stands in the repository already does not end the search: a tree may have got there without its
        // blobs, and both unsynced.
        let (late, early) = (blob("late"), main.blob(b"early").expect("written"));
        let half = tree(&[("l", late, 0o100_644), ("e", early, 0o100_644)]);
        let moved = loose(&staging.to, half);
        std::fs::create_dir_all(moved.parent().expect("a folder")).expect("made");
        std::fs::rename(loose(&staging.from, half), &moved).expect("moved");
        let top = tree(&[("dir", half, 0o040_000)]);
        let mut needed = Needed::default();
        staging.collect(top, None, &mut needed).expect("read");
        assert_eq!(needed.files.len(), 4, "all of it is synced");
        staging.keep(top, Some(outer)).expect("moved");
        assert!(is_there(top) && is_there(half) && is_there(late) && is_there(early));

        assert!(loose(&staging.from, dropped).exists());
        Staging::open(&admin, main.path(), &lane).expect("made");
        assert!(!loose(&admin.join(FOLDER).join("objects"), dropped).exists());
    }
}
