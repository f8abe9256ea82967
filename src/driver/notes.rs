//! Evidence as notes on chunks' commits: written when they land, made good where a run did not get to it, and
//! carried along when a restack makes new commits of them.
//!
//! Nothing depends on them: what goes wrong is a warning, and the next run tries again.

use super::shells::Shells;
use crate::core::absorb::absorb;
use crate::core::evidence::{self, Facts};
use crate::core::lane::Lane;
use crate::crash::{self, Point};
use crate::git::{GitError, NoteWritten, Repo};
use crate::model::evidence::EvidenceDoc;
use crate::model::{
    AttemptEnd, ChunkId, ChunkRecord, ChunkState, EffectResult, EventKind, Oid, SpecId,
};

/// A chunk's record with what it belongs to.
struct Kept {
    spec: SpecId,
    spec_path: String,
    chunk: ChunkId,
    commit: Oid,
    record: ChunkRecord,
}

impl Kept {
    /// None where nothing is known of how the commit was proven but what it says itself.
    fn new(lane: &Lane, chunk: &ChunkId, record: &ChunkRecord) -> Option<Self> {
        let ChunkState::Committed { commit } = &record.state else {
            return None;
        };
        let is_known = record
            .evidence
            .as_ref()
            .is_some_and(|e| e.told.is_none() && e.tree.is_some());
        is_known.then(|| Self {
            spec: lane.ledger.spec.clone(),
            spec_path: lane.ledger.path.clone(),
            chunk: chunk.clone(),
            commit: commit.clone(),
            record: record.clone(),
        })
    }

    /// Writes the note. `Ok(None)` where the evidence is not about this commit: a person ticked the box after an
    /// attempt that was not committed, or another machine built the chunk.
    fn write(&self, repo: &Repo) -> Result<Option<NoteWritten>, GitError> {
        let (Some(known), Some(trees)) = (
            &self.record.evidence,
            repo.commit_facts(&self.commit, None)?.trees,
        ) else {
            return Ok(None);
        };
        if known.tree.as_deref() != Some(trees.verified.as_str()) {
            return Ok(None);
        }
        let facts = Facts {
            version: env!("CARGO_PKG_VERSION"),
            spec: &self.spec,
            spec_path: &self.spec_path,
            chunk: &self.chunk,
            trees: &trees,
        };
        let document = evidence::document(&facts, &self.record, known);
        write(repo, &self.commit, &document).map(Some)
    }
}

fn write(repo: &Repo, commit: &Oid, document: &EvidenceDoc) -> Result<NoteWritten, GitError> {
    let is_ours = |bytes: &[u8]| evidence::read(bytes).is_ok();
    repo.write_note(commit, &evidence::to_bytes(document), is_ours)
}

/// Writes the note of a commit that landed just now, as the ledger will have it once that is taken in. Work that a
/// killed run sealed is told by the ledger alone.
pub(super) async fn landed(shells: &Shells, lane: &Lane, chunk: &ChunkId, result: &EffectResult) {
    if !shells.settings.notes {
        return;
    }
    let mut then = lane.clone();
    // What cannot be taken in ends the run with its own words.
    if absorb(&mut then, result.clone(), shells.clock.now()).is_err() {
        return;
    }
    let Some(kept) = then
        .record(chunk)
        .and_then(|record| Kept::new(&then, chunk, record))
    else {
        return;
    };
    let written = shells.git.call(move |repo| {
        kept.write(repo)?;
        let _ = crash::point(Point::NoteWritten);
        Ok(())
    });
    if let Err(e) = written.await {
        tell(shells, lane, Some(chunk), &e);
    }
}

/// Writes the notes that commits of a lane lack although the ledger has their evidence: a run was killed between
/// landing and note, could not write it, or was not to.
pub async fn make_good(shells: &Shells, lane: &Lane) {
    if !shells.settings.notes {
        return;
    }
    let built = lane.ledger.chunks.iter().filter(|(_, record)| {
        let last = record.attempts.last();
        last.is_some_and(|a| a.end == AttemptEnd::Committed)
    });
    let kept: Vec<Kept> = built
        .filter_map(|(chunk, record)| Kept::new(lane, chunk, record))
        .collect();
    if kept.is_empty() {
        return;
    }
    let written = shells.git.call(move |repo| {
        let commits: Vec<Oid> = kept.iter().map(|k| k.commit.clone()).collect();
        let lacking = repo.without_note(&commits)?;
        for one in kept.iter().filter(|k| lacking.contains(&k.commit)) {
            one.write(repo)?;
        }
        Ok(())
    });
    if let Err(e) = written.await {
        tell(shells, lane, None, &e);
    }
}

/// Puts the notes of commits onto those that a restack made of them, saying so in them. Gives back why not, once.
pub(super) fn carry(repo: &Repo, moved: &[(Oid, Oid)]) -> Option<String> {
    moved
        .iter()
        .find_map(|(old, new)| carry_one(repo, old, new).err())
        .map(|e| not_written(&e))
}

fn carry_one(repo: &Repo, old: &Oid, new: &Oid) -> Result<(), GitError> {
    let known = repo.read_note(old)?;
    // A note of somebody's own stays where it is.
    let Some(mut document) = known.and_then(|bytes| evidence::read(&bytes).ok()) else {
        return Ok(());
    };
    document.replayed = repo.commit_facts(new, None)?.trees;
    write(repo, new, &document).map(|_| ())
}

fn tell(shells: &Shells, lane: &Lane, chunk: Option<&ChunkId>, error: &GitError) {
    let message = shells.redactor.redact(&not_written(error)).into_owned();
    // The same for every commit of a run: once is enough.
    if shells.told.borrow_mut().insert(error.message.clone()) {
        let event = (chunk.cloned(), EventKind::Warning { message });
        shells.emit(&lane.ledger.spec, vec![event]);
    }
}

fn not_written(error: &GitError) -> String {
    let remedy = match error.remedy.as_str() {
        "" => String::new(),
        remedy => format!(" ({remedy})"),
    };
    format!("evidence is not kept as a note: {error}{remedy}; the next run tries again")
}
