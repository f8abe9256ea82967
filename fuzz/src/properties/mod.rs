//! What holds for anything that codelicious reads from outside: a function for each target, from an input's bytes to a
//! panic where it does not hold.
//!
//! The targets of `fuzz/` call them, and a test of the ordinary suite calls them with every seed.

pub mod answers;
pub mod cassette;
pub mod coverage;
pub mod engines;
pub mod events;
pub mod ledger;
pub mod long;
pub mod redact;
pub mod reports;
pub mod spec;

/// A target's name and its property.
pub type Target = (&'static str, fn(&[u8]));

pub const ALL: [Target; 10] = [
    ("answers", answers::check),
    ("cassette", cassette::check),
    ("coverage", coverage::check),
    ("engines", engines::check),
    ("events", events::check),
    ("ledger", ledger::check),
    ("long", long::check),
    ("redact", redact::check),
    ("reports", reports::check),
    ("spec", spec::check),
];

/// Parts of an input that has several: a byte stands between them that no text has. Those that are missing are empty, so
/// that a file as it is makes an input of one part.
fn parts<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut split = bytes.splitn(N, |b| *b == 0xFF);
    std::array::from_fn(|_| split.next().unwrap_or_default())
}

/// The bytes in pieces: each byte of `cuts` is the length of one, and what is left over is the last.
fn pieces<'a>(mut bytes: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::with_capacity(cuts.len() + 1);
    for cut in cuts {
        let (piece, rest) = bytes.split_at(usize::from(*cut).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

/// The lines of a text with their ends.
fn lines_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|b| *b == b'\n')
}
