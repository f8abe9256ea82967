//! Baselines that were made before, by what they depend on: a tree of files, and what would run on it.
//!
//! A cache and no record: what cannot be read is not there, and is made again.

use crate::fsx::{self, FsError, atomic, tree};
use crate::model::{CheckOutcome, Evidence};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Version of the file's shape. Another one is as good as no file.
const SCHEMA: u32 = 1;
/// Files that are kept, the newest.
const KEPT: usize = 20;
/// Bytes of one that are read.
const MAX_BYTES: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Entry {
    schema: u32,
    key: String,
    evidence: Evidence,
}

/// A name for the baseline of a tree, given [`Verifier::fingerprint`](super::Verifier::fingerprint).
pub fn key(tree: &str, fingerprint: &str) -> String {
    let digest = Sha256::digest(format!("{tree} {fingerprint}").as_bytes());
    digest.iter().take(20).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The baseline of this key, from the folder `.codelicious`.
pub fn read(dir: &Path, key: &str) -> Option<Evidence> {
    let bytes = fsx::read_bounded(&file(dir, key), MAX_BYTES).ok()?;
    let entry: Entry = serde_json::from_slice(&bytes).ok()?;
    (entry.schema == SCHEMA && entry.key == key).then_some(entry.evidence)
}

/// Keeps a baseline in the folder `.codelicious`, and of all that are there the newest. The caller has
/// redacted it. One in which a tool was missing, or time was, may be another one the next time: it is not kept.
///
/// # Errors
/// It could not be written; nothing depends on it.
pub fn write(dir: &Path, key: &str, evidence: &Evidence) -> Result<(), FsError> {
    let lasts = evidence.checks.iter().all(|c| match c.outcome {
        CheckOutcome::Passed
        | CheckOutcome::Failed { .. }
        | CheckOutcome::FailedBefore { .. }
        | CheckOutcome::Flaky { .. } => true,
        CheckOutcome::NotAvailable { .. } | CheckOutcome::TimedOut { .. } => false,
    });
    if !lasts || evidence.checks.is_empty() {
        return Ok(());
    }
    let entry = Entry {
        schema: SCHEMA,
        key: key.to_owned(),
        evidence: evidence.clone(),
    };
    let path = file(dir, key);
    let Ok(text) = serde_json::to_vec(&entry) else {
        return Ok(());
    };
    if text.len() as u64 > MAX_BYTES {
        return Ok(());
    }
    atomic::create_dir_all_durable(&folder(dir))?;
    atomic::write(&path, &text)?;
    forget_old(&folder(dir), &path);
    Ok(())
}

/// Where they lie in the folder `.codelicious`.
pub fn folder(dir: &Path) -> PathBuf {
    dir.join("cache").join("baseline")
}

fn file(dir: &Path, key: &str) -> PathBuf {
    folder(dir).join(format!("{key}.json"))
}

/// Removes what is over the number, the oldest first; `newest` stays whatever the clock says of it.
fn forget_old(folder: &Path, newest: &Path) {
    let listed = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, PathBuf)> = listed
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "json") && path != newest)
        .filter_map(|path| Some((path.symlink_metadata().ok()?.modified().ok()?, path)))
        .collect();
    files.sort();
    let too_many = (files.len() + 1).saturating_sub(KEPT);
    for (_, path) in files.into_iter().take(too_many) {
        if let Err(error) = tree::remove(&path) {
            tracing::warn!("an old baseline stays: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CheckResult, TestStatus};

    fn evidence(outcome: CheckOutcome) -> Evidence {
        let check = CheckResult {
            name: "pytest".to_owned(),
            outcome,
            tests: Some([("a::b".to_owned(), TestStatus::Failed)].into()),
            ..CheckResult::default()
        };
        Evidence {
            checks: vec![check],
            ..Evidence::default()
        }
    }

    #[test]
    fn a_baseline_comes_back_with_its_tests() {
        let dir = tempfile::tempdir().unwrap();
        let base = evidence(CheckOutcome::Failed { exit: 1 });
        assert_eq!(read(dir.path(), "k"), None);
        write(dir.path(), "k", &base).unwrap();
        assert_eq!(read(dir.path(), "k"), Some(base));
        assert_eq!(read(dir.path(), "other"), None);
    }

    #[test]
    fn keys_differ_with_tree_and_fingerprint() {
        let keys: std::collections::BTreeSet<String> = [("a", "b"), ("b", "a"), ("a", "c")]
            .iter()
            .map(|(tree, print)| key(tree, print))
            .collect();
        assert_eq!((keys.len(), key("a", "b")), (3, key("a", "b")));
    }

    #[test]
    fn what_may_be_otherwise_next_time_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let missing = CheckOutcome::NotAvailable {
            why: "gone".to_owned(),
        };
        for outcome in [missing, CheckOutcome::TimedOut { seconds: 1 }] {
            write(dir.path(), "k", &evidence(outcome)).unwrap();
        }
        write(dir.path(), "k", &Evidence::default()).unwrap();
        assert_eq!(read(dir.path(), "k"), None);
    }

    #[test]
    fn a_damaged_file_is_none() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "k", &evidence(CheckOutcome::Passed)).unwrap();
        let path = file(dir.path(), "k");
        let whole = std::fs::read(&path).unwrap();
        let text = String::from_utf8(whole.clone()).unwrap();
        let newer = text.replace("\"schema\":1", "\"schema\":2");
        for bytes in [&whole[..whole.len() / 2], b"", b"[]", newer.as_bytes()] {
            atomic::write(&path, bytes).unwrap();
            assert_eq!(read(dir.path(), "k"), None);
        }
    }

    #[test]
    fn the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..KEPT + 5 {
            write(dir.path(), &n.to_string(), &evidence(CheckOutcome::Passed)).unwrap();
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + n as u64);
            let written = std::fs::File::open(file(dir.path(), &n.to_string())).unwrap();
            written.set_modified(at).unwrap();
        }
        let there = |n: usize| read(dir.path(), &n.to_string()).is_some();
        assert!((0..5).all(|n| !there(n)) && (5..KEPT + 5).all(there));
    }
}
