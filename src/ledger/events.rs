//! `events.jsonl`: what happened, a JSON object a line, appended by any number of processes.
//!
//! An append holds the file's lock for microseconds, so that numbers go up without a gap and a line that a
//! crash tore is never built upon. Nothing is synced: a power cut may cost the last events, and events are
//! never read for recovery.

use crate::core::redact::Redactor;
use crate::crash::{self, Point};
use crate::fsx::{FsError, lock, read, read_bounded, root, rotate};
use crate::model::{ChunkId, Event, EventKind, RunId, SpecId};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Name of the log in `.codelicious/`; older generations are `events-1.jsonl`, `events-2.jsonl`, …
pub const FILE_NAME: &str = "events.jsonl";

/// When the log is rotated, and how many older generations are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that a generation holds at most, but at least one event.
    pub max_bytes: u64,
    pub keep: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 16 << 20,
            keep: 3,
        }
    }
}

/// Tries, each giving way to other threads, to get the file's lock from another process.
const LOCK_TRIES: u32 = 200_000;

/// Times that the file may be replaced under our hands (rotated by others, deleted) before we give up.
const REOPEN_TRIES: u32 = 16;

/// Numbers beyond are not ours: JSON readers elsewhere would lose digits.
const MAX_SEQ: u64 = 1 << 53;

/// Bytes that are read first to find the last event.
const FIRST_WINDOW: u64 = 64 * 1024;

/// Why an event was not written, or the log not read.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error("{} is locked by another process and stays so; find and stop it", .path.display())]
    Busy { path: PathBuf },
    #[error("{} line {line}: {message}", .path.display())]
    Line {
        path: PathBuf,
        line: usize,
        message: String,
    },
}

/// An event that could not be written. It happened all the same, so it is here to be shown.
#[derive(Debug, thiserror::Error)]
#[error("an event was not recorded: {why}")]
pub struct RecordError {
    /// Redacted, with the number it would have had as far as that is known.
    pub event: Box<Event>,
    pub why: EventError,
}

/// The log, open for one run.
#[derive(Debug)]
pub struct EventLog {
    dir: PathBuf,
    path: PathBuf,
    run: RunId,
    redactor: Arc<Redactor>,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Arc<File>,
    /// Size of the file after our last append; None when it has not been looked at.
    size: Option<u64>,
    /// The greatest number known.
    seq: u64,
    lock_tries: u32,
}

impl EventLog {
    /// Opens the log below `.codelicious/`, creating both.
    pub fn open(
        codelicious_dir: &Path,
        run: RunId,
        redactor: Arc<Redactor>,
    ) -> Result<Self, EventError> {
        Self::with_limits(codelicious_dir, run, redactor, Limits::default())
    }

    /// The same with other bounds.
    pub fn with_limits(
        codelicious_dir: &Path,
        run: RunId,
        redactor: Arc<Redactor>,
        limits: Limits,
    ) -> Result<Self, EventError> {
        root::ensure_layout(codelicious_dir)?;
        let path = codelicious_dir.join(FILE_NAME);
        let file = Arc::new(read::open_append(&path)?);
        Ok(Self {
            dir: codelicious_dir.to_owned(),
            path,
            run,
            redactor,
            limits,
            state: Mutex::new(State {
                file,
                size: None,
                seq: 0,
                lock_tries: LOCK_TRIES,
            }),
        })
    }

    /// Numbers, redacts and appends one event; returns it as written.
    ///
    /// A line that was torn off at the log's end is cut away first, which is an event of its own
    /// (`repaired`). A log that was deleted is begun anew and goes on counting.
    ///
    /// # Errors
    /// The event comes back in the error, so that it can still be shown.
    pub fn record(
        &self,
        spec: Option<&SpecId>,
        chunk: Option<&ChunkId>,
        kind: EventKind,
        now: DateTime<Utc>,
    ) -> Result<Event, RecordError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut event = Event {
            seq: 0,
            ts: now,
            run: self.run.clone(),
            spec: spec.map(|s| SpecId::new(self.redactor.redact(s.as_str()))),
            chunk: chunk.map(|c| ChunkId::new(self.redactor.redact(c.as_str()))),
            kind,
        };
        for text in event.kind.texts_mut() {
            if let std::borrow::Cow::Owned(clean) = self.redactor.redact(text) {
                *text = clean;
            }
        }
        match self.append(&mut state, &mut event) {
            Ok(()) => Ok(event),
            Err(why) => {
                event.seq = state.seq + 1;
                Err(RecordError {
                    event: Box::new(event),
                    why,
                })
            }
        }
    }

    fn append(&self, state: &mut State, event: &mut Event) -> Result<(), EventError> {
        for _ in 0..REOPEN_TRIES {
            let file = Arc::clone(&state.file);
            let guard = lock::guard(&file, state.lock_tries).map_err(|e| self.failed("lock", e))?;
            if guard.is_none() {
                // Whoever holds it will not let go; the next events must not wait as long again.
                state.lock_tries = 1;
                return Err(EventError::Busy {
                    path: self.path.clone(),
                });
            }
            state.lock_tries = LOCK_TRIES;
            if !lock::is_at(&file, &self.path).map_err(|e| self.failed("look at", e))? {
                root::ensure_layout(&self.dir)?;
                state.file = Arc::new(read::open_append(&self.path)?);
                state.size = None;
                continue;
            }
            let mut size = file
                .metadata()
                .map_err(|e| self.failed("look at", e))?
                .len();
            if state.size != Some(size) {
                size = self.catch_up(state, &file, size, event)?;
            }
            event.seq = state.seq + 1;
            let line = line_of(event, &self.path)?;
            if size > 0 && size + line.len() as u64 > self.limits.max_bytes {
                rotate::rotate(&self.path, self.limits.keep)?;
                continue;
            }
            state.size = Some(self.write(&file, size, &line)?);
            state.seq = event.seq;
            return Ok(());
        }
        Err(EventError::Busy {
            path: self.path.clone(),
        })
    }

    /// Learns what others appended since our last append, and repairs a torn end. Returns the file's size.
    fn catch_up(
        &self,
        state: &mut State,
        file: &File,
        size: u64,
        event: &Event,
    ) -> Result<u64, EventError> {
        let end = read_end(file, size).map_err(|e| self.failed("read", e))?;
        let last = match end.seq {
            Some(seq) => Some(seq),
            // Just begun: the count goes on from the generation before.
            None => last_seq(&rotate::generation(&self.path, 1)),
        };
        state.seq = state.seq.max(last.unwrap_or(0));
        if end.whole == size {
            return Ok(size);
        }
        file.set_len(end.whole)
            .map_err(|e| self.failed("repair", e))?;
        let repaired = Event {
            seq: state.seq + 1,
            spec: None,
            chunk: None,
            kind: EventKind::Repaired {
                what: format!(
                    "the last line of {FILE_NAME} was torn off: {} bytes cut away",
                    size - end.whole
                ),
            },
            ..event.clone()
        };
        let size = self.write(file, end.whole, &line_of(&repaired, &self.path)?)?;
        state.seq = repaired.seq;
        Ok(size)
    }

    fn failed(&self, op: &'static str, source: std::io::Error) -> FsError {
        FsError::new(op, &self.path, source)
    }

    /// Appends a line in one write; returns the new size. A part of a line does not stay.
    fn write(&self, mut file: &File, size: u64, line: &[u8]) -> Result<u64, EventError> {
        let (part, went_on) = crash::half(Point::EventHalf, &self.path, line);
        if let Err(e) = file.write_all(part).and(went_on) {
            // Should this fail too, the next append repairs it.
            let _ = file.set_len(size);
            return Err(FsError::new("append to", &self.path, e).into());
        }
        Ok(size + line.len() as u64)
    }
}

/// Every event of the log, oldest first, older generations included. A line without an end in the newest
/// place of a file is being written or was torn off, and is passed over.
///
/// # Errors
/// [`EventError::Line`] for a line that is no event of a known kind, with its file and number.
pub fn read(codelicious_dir: &Path) -> Result<Vec<Event>, EventError> {
    let path = codelicious_dir.join(FILE_NAME);
    let bound = Limits::default().max_bytes * 4;
    // The newest first: what is rotated meanwhile is then read twice, not missed.
    let mut files = Vec::new();
    for n in 0..=Limits::default().keep {
        let file = if n == 0 {
            path.clone()
        } else {
            rotate::generation(&path, n)
        };
        match read_bounded(&file, bound) {
            Ok(bytes) => files.push((file, bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e.into()),
        }
    }
    let mut events: Vec<Event> = Vec::new();
    for (file, bytes) in files.into_iter().rev() {
        for (n, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
            if !line.ends_with(b"\n") {
                break;
            }
            let event: Event = serde_json::from_slice(line).map_err(|e| EventError::Line {
                path: file.clone(),
                line: n + 1,
                message: e.to_string(),
            })?;
            if events.last().is_none_or(|last| last.seq < event.seq) {
                events.push(event);
            }
        }
    }
    Ok(events)
}

fn line_of(event: &Event, path: &Path) -> Result<Vec<u8>, EventError> {
    let mut line = serde_json::to_vec(event).map_err(|e| FsError::new("write", path, e.into()))?;
    line.push(b'\n');
    Ok(line)
}

/// The end of a log.
struct End {
    /// Size up to the end of its last complete line.
    whole: u64,
    /// Number of its last event.
    seq: Option<u64>,
}

/// Reads backwards, in growing windows, until an event is found.
fn read_end(file: &File, size: u64) -> std::io::Result<End> {
    #[derive(Deserialize)]
    struct Numbered {
        seq: u64,
    }
    let mut window = FIRST_WINDOW.min(size);
    loop {
        let mut bytes = vec![0; usize::try_from(window).map_err(std::io::Error::other)?];
        file.read_exact_at(&mut bytes, size - window)?;
        let complete = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let seq = bytes[..complete]
            .rsplit(|b| *b == b'\n')
            .filter_map(|line| serde_json::from_slice::<Numbered>(line).ok())
            .map(|n| n.seq)
            .find(|seq| *seq < MAX_SEQ);
        if seq.is_some() || window == size {
            return Ok(End {
                whole: size - window + complete as u64,
                seq,
            });
        }
        window = (window * 8).min(size);
    }
}

/// Number of the last event of an older generation, where it has one.
fn last_seq(path: &Path) -> Option<u64> {
    let file = File::open(path).ok()?;
    let size = file.metadata().ok().filter(|m| m.is_file())?.len();
    read_end(&file, size).ok()?.seq
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
