//! Ledgers in `.codelicious/state/`.
//!
//! While a run holds the run lock, what it has in memory is the record, and a file that somebody else
//! changed meanwhile is overwritten and told: an agent that writes a ledger saying that everything is done
//! changes nothing.

use super::codec::{self, CodecError};
use crate::fsx::{FsError, atomic, read_bounded, root};
use crate::model::{Ledger, SpecId};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// No ledger is larger; what is, is not ours.
const MAX_LEDGER: u64 = 64 << 20;

/// Time in the names of what is moved aside: sortable, and without characters that shells or other systems
/// dislike.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// Why a ledger was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error("cannot use the ledger {}: {why}", .path.display())]
    Newer { path: PathBuf, why: CodecError },
    #[error("the ledger {} is damaged: {why}; a run moves it aside and rebuilds it from git", .path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("`{spec}` cannot name a ledger: it is not a plain file name")]
    Name { spec: SpecId },
}

/// What loading a ledger came to.
#[derive(Debug, PartialEq)]
pub enum Loaded {
    /// There is none.
    Absent,
    Found(Box<Ledger>),
    /// It could not be read, was moved to `to`, and is to be rebuilt.
    MovedAside {
        to: PathBuf,
        why: String,
    },
}

/// A write that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    pub version: u64,
    /// The file was not as we left it: somebody changed, replaced or removed it. Worth telling.
    pub overwrote_foreign: bool,
}

/// The ledgers of one repository.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// Each file as we last read or wrote it.
    seen: Mutex<BTreeMap<SpecId, Seen>>,
}

/// Identity of a file's content, as cheap as one look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    inode: (u64, u64),
    size: u64,
    /// Seconds and nanoseconds. The change time, unlike the modification time, cannot be set by a program.
    changed: (i64, i64),
}

impl Store {
    /// The ledgers below `.codelicious/`. Creates nothing before the first write.
    pub fn open(codelicious_dir: &Path) -> Self {
        Self {
            dir: codelicious_dir.join("state"),
            seen: Mutex::default(),
        }
    }

    /// Loads a ledger. One that is damaged is moved to `<spec>.json.corrupt-<time>`, so that it can be rebuilt.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer codelicious wrote it: it is left as it is.
    pub fn load(&self, spec: &SpecId, now: DateTime<Utc>) -> Result<Loaded, StoreError> {
        match self.read(spec) {
            Ok(None) => Ok(Loaded::Absent),
            Ok(Some(ledger)) => Ok(Loaded::Found(Box::new(ledger))),
            Err(StoreError::Damaged { path, why }) => {
                let mut to = path.clone().into_os_string();
                to.push(format!(".corrupt-{}", now.format(STAMP)));
                let to = atomic::move_aside(&path, Path::new(&to))?;
                self.seen().remove(spec);
                Ok(Loaded::MovedAside { to, why })
            }
            Err(e) => Err(e),
        }
    }

    /// Reads a ledger and changes nothing, whatever state it is in: for verbs that only look.
    ///
    /// # Errors
    /// Also [`StoreError::Damaged`].
    pub fn read(&self, spec: &SpecId) -> Result<Option<Ledger>, StoreError> {
        let path = self.path(spec)?;
        // Looked at first: a change between the look and the read is then told at the next write.
        let seen = look(&path)?;
        let Some(seen) = seen else {
            return Ok(None);
        };
        let damaged = |why: String| StoreError::Damaged {
            path: path.clone(),
            why,
        };
        if seen.size > MAX_LEDGER {
            return Err(damaged(format!("it is larger than {MAX_LEDGER} bytes")));
        }
        let bytes = match read_bounded(&path, MAX_LEDGER) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        match codec::decode(&bytes) {
            Ok(ledger) if ledger.spec == *spec => {
                self.seen().insert(spec.clone(), seen);
                Ok(Some(ledger))
            }
            Ok(ledger) => Err(damaged(format!("it is the ledger of {}", ledger.spec))),
            Err(why @ CodecError::Newer { .. }) => Err(StoreError::Newer { path, why }),
            Err(why @ (CodecError::Corrupt { .. } | CodecError::Inconsistent { .. })) => {
                Err(damaged(why.to_string()))
            }
        }
    }

    /// Writes a ledger durably and raises its version by one; after an error the version is what it was.
    pub fn save(&self, ledger: &mut Ledger) -> Result<Saved, StoreError> {
        let path = self.path(&ledger.spec)?;
        if !self.dir.is_dir()
            && let Some(ours) = self.dir.parent()
        {
            root::ensure_layout(ours)?;
        }
        let overwrote_foreign = look(&path)? != self.seen().get(&ledger.spec).copied();
        ledger.version += 1;
        if let Err(e) = atomic::write(&path, &codec::encode(ledger)) {
            ledger.version -= 1;
            return Err(e.into());
        }
        let now = look(&path)?;
        let mut seen = self.seen();
        match now {
            Some(now) => seen.insert(ledger.spec.clone(), now),
            None => seen.remove(&ledger.spec),
        };
        Ok(Saved {
            version: ledger.version,
            overwrote_foreign,
        })
    }

    /// The specs that have a ledger, sorted.
    pub fn list(&self) -> Result<Vec<SpecId>, StoreError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(FsError::new("list", &self.dir, e).into()),
        };
        let mut specs = Vec::new();
        for entry in entries {
            let name = entry
                .map_err(|e| FsError::new("list", &self.dir, e))?
                .file_name();
            let spec = name
                .to_str()
                .and_then(|n| n.strip_suffix(".json"))
                .map(SpecId::from);
            specs.extend(spec.filter(|s| is_plain(s.as_str())));
        }
        specs.sort();
        Ok(specs)
    }

    /// Moves every ledger to `state/aside-<time>/`, so that all are rebuilt. Returns where they went.
    pub fn move_all_aside(&self, now: DateTime<Utc>) -> Result<Vec<PathBuf>, StoreError> {
        let specs = self.list()?;
        if specs.is_empty() {
            return Ok(Vec::new());
        }
        let aside = atomic::free_name(&self.dir.join(format!("aside-{}", now.format(STAMP))));
        atomic::create_dir_all_durable(&aside)?;
        let mut moved = Vec::new();
        for spec in specs {
            let from = self.path(&spec)?;
            moved.push(atomic::move_aside(
                &from,
                &aside.join(format!("{spec}.json")),
            )?);
            self.seen().remove(&spec);
        }
        Ok(moved)
    }

    fn path(&self, spec: &SpecId) -> Result<PathBuf, StoreError> {
        if is_plain(spec.as_str()) {
            Ok(self.dir.join(format!("{spec}.json")))
        } else {
            Err(StoreError::Name { spec: spec.clone() })
        }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<SpecId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True for a name that stays in its folder and is not hidden, as temporary files are.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

fn look(path: &Path) -> Result<Option<Seen>, FsError> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(Seen {
            inode: (meta.dev(), meta.ino()),
            size: meta.size(),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(FsError::new("look at", path, e)),
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
