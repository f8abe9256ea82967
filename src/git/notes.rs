//! Evidence as notes on commits (git-notes(1)): written in-process, and brought together with the remote's.
//!
//! A note is written once its commit has landed, so that a crash leaves a commit without its note, and never the
//! other way round; what is missing is written later. A restack writes them before it moves anything, onto commits that
//! it comes to again however often it is killed. Notes count for no decision of a run.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid, signature, to_oid};
use super::{NOTES, REMOTE_NOTES};
use crate::model::Oid;
use std::collections::BTreeMap;

/// Largest note that is read or written, in bytes. What we write is smaller.
const MAX_NOTE: usize = 256 << 10;
/// Notes of one ref that are brought together.
const MAX_NOTES: usize = 200_000;

/// What writing a note came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteWritten {
    Written,
    /// It says that already.
    Stood,
    /// Somebody wrote a note of their own there, which stays.
    Foreign,
}

/// What bringing the remote's notes in came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotesMerged {
    /// There is nothing on the remote that is not here.
    Nothing,
    /// Ours are what the remote has now.
    Followed,
    /// So many of the remote's stand beside ours, in a commit on top of both.
    United(usize),
}

impl Repo {
    /// Puts a note on a commit. One of ours is replaced, where `is_ours` knows it for such; any other stays.
    ///
    /// # Errors
    /// Too many bytes, bytes that are no text, no identity, or objects and refs that cannot be written.
    pub fn write_note(
        &self,
        commit: &Oid,
        bytes: &[u8],
        is_ours: impl Fn(&[u8]) -> bool,
    ) -> Result<NoteWritten, GitError> {
        let what = || format!("writing the note of {}", commit.short());
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|t| t.len() <= MAX_NOTE);
        let Some(text) = text else {
            let why = format!("it is no text of at most {MAX_NOTE} bytes");
            return Err(GitError::new(what(), why, "this is a bug in codelicious"));
        };
        match self.note_in(NOTES, commit)? {
            Some(there) if there == bytes => return Ok(NoteWritten::Stood),
            Some(there) if !is_ours(&there) => return Ok(NoteWritten::Foreign),
            Some(_) | None => {}
        }
        let who = signature(&self.git)?;
        self.git
            .note(&who, &who, Some(NOTES), from_oid(commit)?, text, true)
            .doing(what)?;
        Ok(NoteWritten::Written)
    }

    /// The note of a commit: ours, else the remote's as last fetched.
    ///
    /// # Errors
    /// Objects that cannot be read, a note larger than any of ours.
    pub fn read_note(&self, commit: &Oid) -> Result<Option<Vec<u8>>, GitError> {
        match self.note_in(NOTES, commit)? {
            Some(note) => Ok(Some(note)),
            None => self.note_in(REMOTE_NOTES, commit),
        }
    }

    /// Those of these commits that have no note of ours here.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn without_note(&self, commits: &[Oid]) -> Result<Vec<Oid>, GitError> {
        let mut missing = Vec::new();
        for commit in commits {
            if self.note_in(NOTES, commit)?.is_none() {
                missing.push(commit.clone());
            }
        }
        Ok(missing)
    }

    /// Brings the remote's notes, as last fetched, together with ours, so that ours can be pushed without force.
    /// Of two notes of one commit ours stands.
    ///
    /// # Errors
    /// Objects that cannot be read or written, or somebody else moved our notes meanwhile.
    pub fn merge_notes(&self) -> Result<NotesMerged, GitError> {
        let what = || "bringing the remote's notes in".to_owned();
        let Some(theirs) = self.ref_target(REMOTE_NOTES)? else {
            return Ok(NotesMerged::Nothing);
        };
        let Some(ours) = self.ref_target(NOTES)? else {
            self.move_ref(NOTES, None, &theirs, "codelicious: the remote's notes")?;
            return Ok(NotesMerged::Followed);
        };
        if self.is_ancestor(&theirs, &ours)? {
            return Ok(NotesMerged::Nothing);
        }
        if self.is_ancestor(&ours, &theirs)? {
            self.move_ref(
                NOTES,
                Some(&ours),
                &theirs,
                "codelicious: the remote's notes",
            )?;
            return Ok(NotesMerged::Followed);
        }
        let mut notes = self.notes_of(REMOTE_NOTES)?;
        let mine = self.notes_of(NOTES)?;
        let brought = notes.keys().filter(|at| !mine.contains_key(at)).count();
        notes.extend(mine);
        if notes.len() > MAX_NOTES {
            let why = format!("there are more than {MAX_NOTES} notes");
            let remedy = format!("move the old ones away: git update-ref -d {NOTES}");
            return Err(GitError::new(what(), why, remedy));
        }
        // A flat tree: git reads notes however deep they lie, and spreads them out when it writes next.
        let mut tree = self.git.treebuilder(None).doing(what)?;
        for (at, note) in &notes {
            tree.insert(at.to_string(), *note, i32::from(git2::FileMode::Blob))
                .doing(what)?;
        }
        let tree = tree
            .write()
            .and_then(|t| self.git.find_tree(t))
            .doing(what)?;
        let parents = [&ours, &theirs].map(from_oid);
        let [first, second] = parents;
        let first = self.git.find_commit(first?).doing(what)?;
        let second = self.git.find_commit(second?).doing(what)?;
        let who = signature(&self.git)?;
        let merged = self
            .git
            .commit(
                None,
                &who,
                &who,
                "Merge the remote's notes\n",
                &tree,
                &[&first, &second],
            )
            .doing(what)?;
        self.move_ref(
            NOTES,
            Some(&ours),
            &to_oid(merged),
            "codelicious: merge notes",
        )?;
        Ok(NotesMerged::United(brought))
    }

    fn note_in(&self, reference: &str, commit: &Oid) -> Result<Option<Vec<u8>>, GitError> {
        let what = || format!("reading the note of {}", commit.short());
        match self.git.find_note(Some(reference), from_oid(commit)?) {
            Ok(note) => {
                let bytes = note.message_bytes();
                if bytes.len() > MAX_NOTE {
                    let why = format!("it has {} bytes, and none of ours has", bytes.len());
                    return Err(GitError::new(
                        what(),
                        why,
                        format!("git notes --ref={reference} remove {commit}"),
                    ));
                }
                Ok(Some(bytes.to_vec()))
            }
            Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(e) => Err(e).doing(what),
        }
    }

    /// Blobs of notes, by the object that each is about.
    fn notes_of(&self, reference: &str) -> Result<BTreeMap<git2::Oid, git2::Oid>, GitError> {
        let what = || format!("listing {reference}");
        let notes = self.git.notes(Some(reference)).doing(what)?;
        notes
            .take(MAX_NOTES + 1)
            .map(|pair| pair.map(|(note, at)| (at, note)).doing(what))
            .collect()
    }
}

#[cfg(test)]
#[path = "notes_tests.rs"]
mod tests;
