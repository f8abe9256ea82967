//! The debug log of a run: everything, redacted, in `logs/<run>.log`, with `logs/latest.log` leading to it.

use crate::core::redact::{Redactor, StreamRedactor};
use crate::fsx::{FsError, atomic, read};
use crate::model::RunId;
use crate::model::report::{is_hidden_char, is_unsafe_char};
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tracing::{Level, Subscriber};

/// Bytes of a log that [`tail`] looks at.
const TAIL_BYTES: u64 = 256 * 1024;

/// Why the log did not start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error("the debug log was started twice in one process")]
    Twice,
}

/// Starts the log for the whole process and returns its path.
///
/// # Errors
/// The file cannot be made, or a log was started before.
pub fn start(
    codelicious_dir: &Path,
    run: &RunId,
    redactor: Arc<Redactor>,
    level: Level,
) -> Result<PathBuf, LogError> {
    let (subscriber, path) = subscriber(codelicious_dir, run, redactor, level)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    Ok(path)
}

/// What [`start`] installs: a subscriber that writes the run's log, and the log's path.
pub fn subscriber(
    codelicious_dir: &Path,
    run: &RunId,
    redactor: Arc<Redactor>,
    level: Level,
) -> Result<(impl Subscriber + Send + Sync + use<>, PathBuf), FsError> {
    let dir = codelicious_dir.join("logs");
    atomic::create_dir_all_durable(&dir)?;
    let name = format!("{run}.log");
    let path = dir.join(&name);
    let file = read::open_append(&path)?;
    atomic::swap_symlink(Path::new(&name), &dir.join("latest.log"))?;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        // A full disk must not turn into noise on the terminal.
        .log_internal_errors(false)
        .with_writer(Mutex::new(RedactingWriter::new(file, redactor)))
        .finish();
    Ok((subscriber, path))
}

/// The last `n` lines of a log, oldest first, for a postmortem. Fewer when the log is shorter, or when its
/// last quarter of a MiB holds fewer; of a last line that is longer than that, its end.
pub fn tail(path: &Path, n: usize) -> Result<Vec<String>, FsError> {
    let (bytes, whole) = read::read_tail(path, TAIL_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line of a part is a part of a line.
    let mut lines: Vec<&str> = text.lines().collect();
    if !whole && lines.len() > 1 {
        lines.remove(0);
    }
    let from = lines.len().saturating_sub(n);
    Ok(lines
        .split_off(from)
        .into_iter()
        .map(str::to_owned)
        .collect())
}

/// Passes complete lines on, redacted.
#[derive(Debug)]
struct RedactingWriter<W: Write> {
    inner: W,
    redactor: StreamRedactor,
    out: Vec<u8>,
}

impl<W: Write> RedactingWriter<W> {
    fn new(inner: W, redactor: Arc<Redactor>) -> Self {
        Self {
            inner,
            redactor: StreamRedactor::new(redactor),
            out: Vec::new(),
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let result = self.inner.write_all(&harmless(&self.out));
        // What could not be written is lost, not repeated: the log is no record.
        self.out.clear();
        result
    }
}

/// Lines as they may be looked at in a terminal: what would be obeyed or not be seen there is spelled out.
fn harmless(lines: &[u8]) -> Cow<'_, [u8]> {
    let is_obeyed = |c: char| (is_unsafe_char(c) && !matches!(c, '\n' | '\t')) || is_hidden_char(c);
    let text = String::from_utf8_lossy(lines);
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(lines);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_obeyed(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    Cow::Owned(out.into_bytes())
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.redactor.push(bytes, &mut self.out);
        self.pass_on()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for RedactingWriter<W> {
    fn drop(&mut self) {
        self.redactor.finish(&mut self.out);
        // Nobody is left to tell.
        let _ = self.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;
    use std::fs;

    fn redactor() -> Arc<Redactor> {
        Arc::new(Redactor::new([SecretString::from("hunter22")]))
    }

    #[test]
    fn everything_is_logged_redacted() {
        let dir = tempfile::tempdir().unwrap();
        for run in ["r1", "r2"] {
            let (subscriber, path) =
                subscriber(dir.path(), &run.into(), redactor(), Level::DEBUG).unwrap();
            assert_eq!(path, dir.path().join("logs").join(format!("{run}.log")));
            tracing::subscriber::with_default(subscriber, || {
                tracing::debug!(key = "hunter22", quoted = ?"a\nhunter22", "run {run} says hunter22");
                tracing::trace!("not this");
            });
        }
        let latest = fs::read_to_string(dir.path().join("logs/latest.log")).unwrap();
        assert!(latest.contains("run r2 says [redacted]"), "{latest}");
        assert!(
            !latest.contains("hunter22") && !latest.contains("not this"),
            "{latest}"
        );
        assert_eq!(
            fs::read_link(dir.path().join("logs/latest.log")).unwrap(),
            Path::new("r2.log")
        );
        assert_eq!(fs::read_dir(dir.path().join("logs")).unwrap().count(), 3);
    }

    #[test]
    fn an_unfinished_line_is_written_at_the_end() {
        let mut out = Vec::new();
        let mut writer = RedactingWriter::new(&mut out, redactor());
        writer.write_all(b"one hunt").unwrap();
        writer.write_all(b"er22\ntwo hunter22").unwrap();
        drop(writer);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "one [redacted]\ntwo [redacted]"
        );
    }

    #[test]
    fn nothing_in_the_log_is_obeyed() {
        let mut out = Vec::new();
        let mut writer = RedactingWriter::new(&mut out, redactor());
        let hostile = "a\u{1b}[2Jb\rc\u{202e}d\u{200b}e\u{9b}f\tg\n日本\n";
        writer.write_all(hostile.as_bytes()).unwrap();
        drop(writer);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\\u{1b}[2Jb\\u{d}c\\u{202e}d\\u{200b}e\\u{9b}f\tg\n日本\n"
        );
    }

    #[test]
    fn the_tail_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l");
        atomic::write(&path, b"a\nb\nc\n").unwrap();
        assert_eq!(tail(&path, 2).unwrap(), ["b", "c"]);
        assert_eq!(tail(&path, 9).unwrap(), ["a", "b", "c"]);
        assert!(tail(&path, 0).unwrap().is_empty());
        let long = format!("{}\nlast\n", "x".repeat(300 * 1024));
        atomic::write(&path, long.as_bytes()).unwrap();
        assert_eq!(tail(&path, 9).unwrap(), ["last"]);
        atomic::write(&path, format!("{}end\n", "x".repeat(300 * 1024)).as_bytes()).unwrap();
        let lines = tail(&path, 9).unwrap();
        assert!(
            lines.len() == 1 && lines[0].ends_with("xend"),
            "the end of one endless line"
        );
        assert!(tail(&dir.path().join("none"), 1).is_err());
    }
}
