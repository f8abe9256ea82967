//! Rotation of an append-only file by size.

use super::error::{Context, FsError};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The n-th older generation of a file: `events.jsonl` becomes `events-1.jsonl`, `events-2.jsonl`, …
pub fn generation(path: &Path, n: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(ext) => format!("{stem}-{n}.{}", ext.to_string_lossy()),
        None => format!("{stem}-{n}"),
    };
    path.with_file_name(name)
}

/// Shifts every generation by one: the oldest of `keep` falls away, and `path` becomes generation 1.
/// A missing generation is no error. With `keep` 0 the file is removed.
pub fn rotate(path: &Path, keep: usize) -> Result<(), FsError> {
    if keep == 0 {
        return gone_is_fine(fs::remove_file(path)).context("rotate", path);
    }
    for n in (1..keep).rev() {
        let from = generation(path, n);
        gone_is_fine(fs::rename(&from, generation(path, n + 1))).context("rotate", &from)?;
    }
    gone_is_fine(fs::rename(path, generation(path, 1))).context("rotate", path)
}

fn gone_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsx::atomic::write;

    #[test]
    fn names() {
        for (path, n, name) in [
            ("/d/events.jsonl", 1, "/d/events-1.jsonl"),
            ("/d/events.jsonl", 12, "/d/events-12.jsonl"),
            ("log", 1, "log-1"),
        ] {
            assert_eq!(generation(Path::new(path), n), Path::new(name));
        }
    }

    #[test]
    fn keeps_as_many_as_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.jsonl");
        for n in 1..=5 {
            write(&path, n.to_string().as_bytes()).unwrap();
            rotate(&path, 3).unwrap();
        }
        let read = |n| fs::read_to_string(generation(&path, n)).ok();
        assert_eq!(read(1).as_deref(), Some("5"));
        assert_eq!(read(3).as_deref(), Some("3"));
        assert_eq!(read(4), None);
        assert!(!path.exists());
        rotate(&path, 3).unwrap();
        write(&path, b"x").unwrap();
        rotate(&path, 0).unwrap();
        assert!(!path.exists());
    }
}
