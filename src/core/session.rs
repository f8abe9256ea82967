//! Names of engine conversations, known before they begin.

use crate::model::{ChunkId, RunId, SpecId};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The id under which an attempt begins its conversation: a random UUID (RFC 9562, version 4) in form, since that
/// is all that Claude Code takes. Another run, chunk or attempt has another one.
pub fn session_id(run: &RunId, spec: &SpecId, chunk: &ChunkId, attempt: u32) -> String {
    of(&[run.as_str(), spec.as_str(), chunk.as_str()], &[attempt])
}

/// The same for a review of an attempt's work, by its number and the review's.
pub fn review_id(
    run: &RunId,
    spec: &SpecId,
    chunk: &ChunkId,
    (attempt, round): (u32, u32),
) -> String {
    let names = [run.as_str(), spec.as_str(), chunk.as_str(), "review"];
    of(&names, &[attempt, round])
}

fn of(names: &[&str], numbers: &[u32]) -> String {
    let mut hash = Sha256::new();
    for part in names {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    for number in numbers {
        hash.update(number.to_be_bytes());
    }
    let mut bytes = hash.finalize();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut id = String::with_capacity(36);
    for (at, byte) in bytes.iter().take(16).enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        let _ = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_has_an_id_of_its_own_in_the_form_of_a_uuid() {
        let id = |run: &str, chunk: &str, n| {
            session_id(
                &RunId::from(run),
                &SpecId::from("s"),
                &ChunkId::from(chunk),
                n,
            )
        };
        let one = id("r1", "T1", 1);
        assert_eq!(one, id("r1", "T1", 1));
        let review = |round| {
            let (run, spec, chunk) = (RunId::from("r1"), SpecId::from("s"), ChunkId::from("T1"));
            review_id(&run, &spec, &chunk, (1, round))
        };
        assert!(review(1) != one && review(1) != review(2));
        let others = [id("r2", "T1", 1), id("r1", "T2", 1), id("r1", "T1", 2)];
        assert!(others.iter().all(|o| *o != one), "{one} {others:?}");
        let groups: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!((groups, &one[14..15]), (vec![8, 4, 4, 4, 12], "4"), "{one}");
        assert!(matches!(&one[19..20], "8" | "9" | "a" | "b"), "{one}");
    }
}
