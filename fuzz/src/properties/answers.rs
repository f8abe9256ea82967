//! Chat providers' answers: the same events and the same reply wherever the bytes are cut, and with comments between
//! them; and what is told of a refusal does not tell the key.
//!
//! An input is the body, and the lengths of the pieces it comes in.

use super::{lines_of, parts, pieces};
use codelicious::engines::fuzz::{answer, refusals};

const SECRET: &str = "hunter2-of-the-provider";

pub fn check(bytes: &[u8]) {
    let [body, cuts] = parts(bytes);
    let whole = answer(&[body]);
    let cut = answer(&pieces(body, cuts));
    assert_eq!(
        cut.events, whole.events,
        "cut anywhere, the events are the same ones"
    );
    assert_eq!(cut, whole);
    if body.len() <= 2048 {
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(answer(&bytes).events, whole.events, "byte by byte");
    }
    let mut mixed = Vec::new();
    for line in lines_of(body) {
        mixed.extend_from_slice(line);
        if line.ends_with(b"\n") {
            mixed.extend_from_slice(b": still here\n");
        }
    }
    let mixed = answer(&[&mixed]);
    assert_eq!(mixed.events, whole.events, "comments say nothing");

    let said = String::from_utf8_lossy(body).replace('\u{2}', SECRET);
    for (status, told) in refusals(said.as_bytes(), SECRET) {
        assert!(!told.contains(SECRET), "{status}: {told}");
        assert!(
            !told.chars().any(char::is_control),
            "{status}: {told:?} is a line"
        );
        assert!(
            !told.is_empty() && told.len() < 8_192,
            "{status}: {} bytes",
            told.len()
        );
    }
}
