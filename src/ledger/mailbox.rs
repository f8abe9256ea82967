//! Where persons leave their moves: `.codelicious/moves/`, one file each.
//!
//! A file's name holds the number that the move will have, and it is made by link(2), which fails where the
//! name is taken: so of two persons who saw the same, one is first. Whoever holds the run lock carries the
//! moves out: ledger first, durably, then the file goes. A file that is left behind by a crash in between is
//! known by its record in the ledger.

use super::codec::CodecError;
use super::store::StoreError;
use super::wire_moves::{decode_move, encode_move};
use crate::core::absorb::LaneEvent;
use crate::core::moves::{Carried, Carrier, carry_out};
use crate::core::transition::IllegalTransition;
use crate::fsx::{FsError, atomic, read_bounded, root};
use crate::model::{EventKind, Ledger, Move, SpecId, SpecPlan};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Name of the folder in ours.
const FOLDER: &str = "moves";

/// No move is larger: an answer is bounded, and everything else is short.
const MAX_MOVE: u64 = 256 << 10;

/// Longest part of a chunk's id in a file name.
const MAX_NAME: usize = 100;

/// Seconds for which a folder's change time may hide a second change: file systems count it in steps.
const GRAIN: i64 = 2;

/// Time in the names of what is moved aside.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// Why moves were not read, written or carried out.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug: what does not apply is refused.
    #[error("internal error: {0}")]
    Illegal(#[from] IllegalTransition),
}

/// A file of the mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub path: PathBuf,
    pub content: Result<Move, Unusable>,
}

/// Why a file of the mailbox cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is left as it is.
    Newer(String),
    /// It is moved aside.
    Damaged(String),
}

/// Who was first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    Ours,
    /// Another move with this number waits already.
    Taken(Box<Letter>),
}

/// What [`Mailbox::deliver`] did.
#[derive(Debug, Default)]
pub struct Delivered {
    pub moves: Vec<(Move, Carried)>,
    /// To be recorded and shown.
    pub events: Vec<LaneEvent>,
}

/// When the folder had changed at the last look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looked(Option<(i64, i64)>);

/// The mailbox of one repository.
#[derive(Clone, Debug)]
pub struct Mailbox {
    ours: PathBuf,
    dir: PathBuf,
}

impl Mailbox {
    /// The mailbox below `.codelicious/`. Creates nothing before the first move.
    pub fn open(codelicious_dir: &Path) -> Self {
        Self {
            ours: codelicious_dir.to_owned(),
            dir: codelicious_dir.join(FOLDER),
        }
    }

    /// Leaves a move, durably, unless another one with its number waits.
    ///
    /// # Errors
    /// The disk refuses, or cannot link.
    pub fn post(&self, asked: &Move) -> Result<Posted, MailError> {
        root::ensure_folder(&self.ours, FOLDER)?;
        let path = self.dir.join(name_of(asked));
        let bytes = encode_move(asked);
        loop {
            if atomic::create(&path, &bytes)? {
                return Ok(Posted::Ours);
            }
            // It may be carried out and gone between the two looks.
            if let Some(letter) = self.read(&path)? {
                return Ok(Posted::Taken(Box::new(letter)));
            }
        }
    }

    /// One look at the folder: false when nothing was left there since the last one.
    pub fn may_have_mail(&self, looked: &mut Looked, now: DateTime<Utc>) -> bool {
        let Ok(meta) = fs::symlink_metadata(&self.dir) else {
            return false;
        };
        let changed = (meta.ctime(), meta.ctime_nsec());
        let is_settled = now.timestamp() - changed.0 > GRAIN;
        let seen = looked.0.replace(changed) == Some(changed);
        !(seen && is_settled)
    }

    /// Everything that waits, by name.
    ///
    /// # Errors
    /// The folder or a file cannot be read.
    pub fn all(&self) -> Result<Vec<Letter>, MailError> {
        self.list("")
    }

    /// What waits for chunks of one spec. What cannot be read is among it where its name begins as the spec's.
    ///
    /// # Errors
    /// The folder or a file cannot be read.
    pub fn of_spec(&self, spec: &SpecId) -> Result<Vec<Letter>, MailError> {
        let mut letters = self.list(&format!("{}--", folded(spec.as_str())))?;
        letters.retain(|l| l.content.as_ref().map_or(true, |m| m.spec == *spec));
        Ok(letters)
    }

    /// Carries out what waits for a spec: in the ledger, which `save` then makes durable. Only whoever holds
    /// the run lock may.
    ///
    /// # Errors
    /// The disk refuses; moves whose files still stand are tried again, and known where they were carried out.
    pub fn deliver(
        &self,
        ledger: &mut Ledger,
        plan: &SpecPlan,
        carrier: Carrier<'_>,
        now: DateTime<Utc>,
        save: impl FnOnce(&mut Ledger) -> Result<(), StoreError>,
    ) -> Result<Delivered, MailError> {
        let mut delivered = Delivered::default();
        let mut done = Vec::new();
        for Letter { path, content } in self.of_spec(&plan.id)? {
            match content {
                Ok(asked) => {
                    let (carried, events) = carry_out(ledger, plan, &asked, carrier)?;
                    delivered.moves.push((asked, carried));
                    delivered.events.extend(events);
                    done.push(path);
                }
                Err(why) => delivered
                    .events
                    .push((None, self.set_aside(&path, why, now)?)),
            }
        }
        if delivered.moves.iter().any(|(_, c)| *c == Carried::Done) {
            save(ledger)?;
        }
        for path in done {
            self.remove(&path)?;
        }
        Ok(delivered)
    }

    /// Gets a file that cannot be used out of the way, where that may be, and says so.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn set_aside(
        &self,
        path: &Path,
        why: Unusable,
        now: DateTime<Utc>,
    ) -> Result<EventKind, MailError> {
        match why {
            Unusable::Newer(why) => Ok(EventKind::Warning {
                message: format!("cannot use the move {}: {why}", path.display()),
            }),
            Unusable::Damaged(why) => {
                let mut to = path.to_owned().into_os_string();
                to.push(format!(".corrupt-{}", now.format(STAMP)));
                let to = atomic::move_aside(path, Path::new(&to))?;
                let what = format!(
                    "a person's move was damaged ({why}); moved to {}, and to be asked for again",
                    to.display()
                );
                Ok(EventKind::Repaired { what })
            }
        }
    }

    /// Removes a move that was carried out or refused. Not synced: one that comes back is known by the ledger,
    /// or refused once more.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&self, path: &Path) -> Result<(), MailError> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                Err(FsError::new("remove", path, e).into())
            }
            _ => Ok(()),
        }
    }

    /// Where a move's file is, while it waits.
    pub fn path_of(&self, asked: &Move) -> PathBuf {
        self.dir.join(name_of(asked))
    }

    fn list(&self, prefix: &str) -> Result<Vec<Letter>, MailError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(FsError::new("list", &self.dir, e).into()),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| FsError::new("list", &self.dir, e))?;
            let name = entry.file_name();
            let is_one = name.to_str().is_some_and(|n| {
                n.starts_with(prefix) && !n.starts_with('.') && n.ends_with(".json")
            });
            if is_one {
                paths.push(entry.path());
            }
        }
        paths.sort();
        let letters: Result<Vec<_>, MailError> = paths.iter().map(|p| self.read(p)).collect();
        let mut letters: Vec<Letter> = letters?.into_iter().flatten().collect();
        // In the order in which they were asked for.
        letters.sort_by_key(|l| l.content.as_ref().map(|m| (m.n, m.when)).ok());
        Ok(letters)
    }

    /// None when it is gone by now.
    fn read(&self, path: &Path) -> Result<Option<Letter>, MailError> {
        let content = match fs::symlink_metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Ok(meta) if meta.is_file() => match read_bounded(path, MAX_MOVE) {
                Ok(bytes) => judge(path, &bytes),
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
                Err(e) => Err(Unusable::Damaged(e.to_string())),
            },
            _ => Err(Unusable::Damaged("it is not a regular file".to_owned())),
        };
        Ok(Some(Letter {
            path: path.to_owned(),
            content,
        }))
    }
}

fn judge(path: &Path, bytes: &[u8]) -> Result<Move, Unusable> {
    match decode_move(bytes) {
        Ok(asked) if path.file_name() == Some(name_of(&asked).as_ref()) => Ok(asked),
        Ok(asked) => Err(Unusable::Damaged(format!(
            "it holds move {} of {}:{}, which is not its name",
            asked.n, asked.spec, asked.chunk
        ))),
        Err(why @ CodecError::Newer { .. }) => Err(Unusable::Newer(why.to_string())),
        Err(why @ (CodecError::Corrupt { .. } | CodecError::Inconsistent { .. })) => {
            Err(Unusable::Damaged(why.to_string()))
        }
    }
}

/// `<spec>--<chunk>.<n>.json`.
fn name_of(asked: &Move) -> String {
    let (spec, chunk) = (folded(asked.spec.as_str()), folded(asked.chunk.as_str()));
    format!("{spec}--{chunk}.{}.json", asked.n)
}

/// An id as part of a file name: a plain one as it is, another with a hash that tells it from its likes.
fn folded(id: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
    let is_safe = !id.is_empty()
        && id.len() <= MAX_NAME
        && id.chars().all(is_plain)
        && !id.starts_with('.')
        && !id.contains("--");
    if is_safe {
        return id.to_owned();
    }
    let name: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(MAX_NAME / 2)
        .collect();
    let hash = Sha256::digest(id.as_bytes());
    let hex: String = hash.iter().take(6).map(|b| format!("{b:02x}")).collect();
    format!("{}-{hex}", name.replace("--", "-"))
}

#[cfg(test)]
#[path = "mailbox_tests.rs"]
mod tests;
