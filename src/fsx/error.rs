//! The error of every file operation here.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A file operation that failed: what was tried, where, why, and what to do about it.
///
/// Its text holds the operating system's message, so that it has no `source()`: a printer of error
/// chains would say it twice. The error itself is in the field.
#[derive(Debug)]
pub struct FsError {
    /// What was tried, as a verb: `write`, `create the folder`.
    pub op: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
    /// What the user can do; empty where nothing better than the message is known.
    pub remedy: String,
}

impl FsError {
    /// Wraps an operating system error; the remedy follows from its kind.
    pub fn new(op: &'static str, path: &Path, source: io::Error) -> Self {
        let remedy = remedy(source.kind(), path);
        Self {
            op,
            path: path.to_owned(),
            source,
            remedy,
        }
    }

    /// An error of our own making, with a remedy of its own.
    pub(crate) fn refused(op: &'static str, path: &Path, why: String, remedy: String) -> Self {
        Self {
            op,
            path: path.to_owned(),
            source: io::Error::other(why),
            remedy,
        }
    }

    /// The kind of the underlying error.
    pub fn kind(&self) -> ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for FsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.op,
            self.path.display(),
            self.source
        )?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for FsError {}

/// Adds what was tried, and where, to the result of an operating system call.
pub(crate) trait Context<T> {
    fn context(self, op: &'static str, path: &Path) -> Result<T, FsError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, op: &'static str, path: &Path) -> Result<T, FsError> {
        self.map_err(|source| FsError::new(op, path, source))
    }
}

/// What to do about an error of this kind. Only kinds a user can do something about have one.
fn remedy(kind: ErrorKind, path: &Path) -> String {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(path)
        .display();
    match kind {
        ErrorKind::StorageFull => {
            format!("free space on the disk that holds {folder}, then run again")
        }
        ErrorKind::QuotaExceeded => {
            format!(
                "your disk quota for {folder} is used up: remove files or raise it, then run again"
            )
        }
        ErrorKind::ReadOnlyFilesystem => {
            format!("{folder} is mounted read-only: mount it writable or work on a writable copy")
        }
        ErrorKind::PermissionDenied => {
            format!("give the user who runs codelicious access to {folder}")
        }
        ErrorKind::FileTooLarge => format!("raise the file size limit (ulimit -f) for {folder}"),
        ErrorKind::InvalidFilename => {
            "shorten the name of the file or of the spec behind it".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_follow_the_error_number() {
        // Numbers of errno.h that Linux and macOS share.
        for (errno, says) in [
            (28, "free space on the disk that holds /r/state"),
            (30, "/r/state is mounted read-only"),
            (13, "give the user who runs codelicious access to /r/state"),
            (1, "give the user who runs codelicious access to /r/state"),
            (27, "ulimit -f"),
        ] {
            let error = FsError::new(
                "write",
                Path::new("/r/state/a.json"),
                io::Error::from_raw_os_error(errno),
            );
            let text = error.to_string();
            assert!(text.starts_with("cannot write /r/state/a.json: "), "{text}");
            assert!(text.contains(says), "{errno}: {text}");
        }
        let plain = FsError::new(
            "read",
            Path::new("x"),
            io::Error::from(ErrorKind::UnexpectedEof),
        );
        assert!(!plain.to_string().contains(';'));
    }
}
