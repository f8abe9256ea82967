//! Small text tools: line numbers, hashes, white space and comments.

use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::ops::Range;

/// Where lines begin. A line ends with LF, CRLF or a lone CR, as in CommonMark.
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut starts = vec![0];
        for (i, &b) in bytes.iter().enumerate() {
            if b == b'\n' || (b == b'\r' && bytes.get(i + 1) != Some(&b'\n')) {
                starts.push(i + 1);
            }
        }
        Self { starts }
    }

    /// 1-based line of a byte offset.
    pub(super) fn number(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset)
    }

    /// Offset of the first byte of the line that holds `offset`.
    pub(super) fn start(&self, offset: usize) -> usize {
        self.starts[self.number(offset) - 1]
    }

    /// Offset of the first byte of a 1-based line, where there is such a line.
    pub(super) fn start_of(&self, number: usize) -> Option<usize> {
        self.starts.get(number.checked_sub(1)?).copied()
    }
}

/// Where a text begins behind a byte order mark.
pub(super) fn beginning(text: &str) -> usize {
    if text.starts_with('\u{feff}') { 3 } else { 0 }
}

/// End of the line that holds `offset`, before its line end.
pub(super) fn line_end(bytes: &[u8], offset: usize) -> usize {
    let rest = bytes.get(offset..).unwrap_or_default();
    offset
        + rest
            .iter()
            .position(|b| matches!(b, b'\n' | b'\r'))
            .unwrap_or(rest.len())
}

/// SHA-256 over parts that are kept apart by their lengths.
pub(super) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The first `digits` hex digits of a digest.
pub(super) fn hex(bytes: &[u8], digits: usize) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]])
        .take(digits)
        .map(char::from)
        .collect()
}

/// `digits` hex digits (at most 64) that stand for `bytes`.
pub(super) fn short_hash(bytes: &[u8], digits: usize) -> String {
    hex(&digest(&[bytes]), digits)
}

/// Words separated by single spaces.
pub(super) fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The text without `<!-- … -->`; one that is never closed stays.
pub(super) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("<!--") {
        let Some(close) = rest[open + 4..].find("-->") else {
            break;
        };
        out.push_str(&rest[..open]);
        rest = &rest[open + 4 + close + 3..];
    }
    out.push_str(rest);
    out
}

/// The text with LF as its only line end.
pub(super) fn unix(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Takes away the white space that all lines but the first have in common, white space at the ends of lines
/// and blank lines at both ends; lines end with LF.
pub(super) fn dedent(text: &str) -> String {
    let text = &*unix(text);
    let blank = |line: &str| line.trim().is_empty();
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let common = text
        .lines()
        .skip(1)
        .filter(|l| !blank(l))
        .map(indent)
        .min()
        .unwrap_or(0);
    let mut out = String::with_capacity(text.len());
    for (i, line) in text.lines().enumerate() {
        let line = if i == 0 {
            line.trim_start()
        } else {
            line.get(common..).unwrap_or("")
        };
        if !(out.is_empty() && blank(line)) {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// `text` without the given ranges, which are sorted and may touch but not overlap.
pub(super) fn cut(text: &str, whole: Range<usize>, holes: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(whole.len());
    let mut at = whole.start;
    for hole in holes {
        if hole.start >= at {
            out.push_str(text.get(at..hole.start.min(whole.end)).unwrap_or(""));
        }
        at = at.max(hole.end).min(whole.end);
    }
    out.push_str(text.get(at..whole.end).unwrap_or(""));
    out
}
