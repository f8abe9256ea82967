//! Redaction of a stream of bytes that arrives in pieces.

use super::shape::is_base64;
use super::{REDACTED, Redactor, keys};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of an unfinished line that are held back before a part of it is let go.
const MAX_LINE: usize = 64 * 1024;

/// Bytes of an overlong line that stay behind at least, for a token that may be cut.
const MIN_BEHIND: usize = 4096;

/// How many bytes before a border other places are tried: what tells that a value is a secret stands right before it.
const BACK: [usize; 5] = [0, 64, 256, 1024, 2048];

/// Lines of a private key at most.
const MAX_KEY_LINES: usize = 400;

/// Lets lines through, redacted, as soon as they are complete. A secret that comes in two pieces is found;
/// the body of a private key goes whatever stands in front of its lines. Bytes that are not UTF-8 pass as they are.
#[derive(Debug)]
pub struct StreamRedactor {
    redactor: Arc<Redactor>,
    pending: Vec<u8>,
    /// Lines that may still belong to a private key.
    key_lines: usize,
    /// The head of an overlong line ended within a secret that goes on.
    is_within: bool,
}

impl StreamRedactor {
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self {
            redactor,
            pending: Vec::new(),
            key_lines: 0,
            is_within: false,
        }
    }

    /// Takes a piece; appends to `out` what is complete by now.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let behind = self.redactor.known().reach().max(MIN_BEHIND);
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            self.pending.extend_from_slice(line);
            self.leave_secret();
            if !self.redactor.known().may_go_on(&self.pending) {
                let whole = std::mem::take(&mut self.pending);
                self.lines(&whole, out);
            } else if self.pending.len() > MAX_LINE + 2 * behind {
                // A secret of several lines is looked for as a whole; what stands before it need not wait.
                self.let_go(behind, out);
            }
            rest = after;
        }
        for piece in rest.chunks(MAX_LINE) {
            self.pending.extend_from_slice(piece);
            // So far above what stays that each time there is much that goes.
            if self.pending.len() > MAX_LINE + 2 * behind {
                self.let_go(behind, out);
            }
        }
    }

    /// Appends what is left, at the end of the stream.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.leave_secret();
        let last = std::mem::take(&mut self.pending);
        if !last.is_empty() {
            self.lines(&last, out);
        }
    }

    /// Redacts complete lines, one as a rule.
    fn lines(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.utf8_chunks() {
            self.text(piece.valid(), out);
            out.extend_from_slice(piece.invalid());
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if self.key_lines > 0 {
            self.key_lines = if keys::ends_in(text) {
                0
            } else {
                self.key_lines - 1
            };
            let text = without_key_body(text);
            out.extend_from_slice(self.redactor.redact(&text).as_bytes());
        } else {
            out.extend_from_slice(self.redactor.redact(text).as_bytes());
        }
        if keys::begins_in(text) {
            self.key_lines = MAX_KEY_LINES;
        }
    }

    /// Redacts and appends the head of an overlong line. What stays behind begins on a character's border
    /// and not inside a secret.
    fn let_go(&mut self, behind: usize, out: &mut Vec<u8>) {
        self.leave_secret();
        let wanted = self.pending.len().saturating_sub(behind);
        // The last run of text; a secret holds no byte that is not of one.
        let (mut cut, mut at) = (wanted, 0);
        for piece in self.pending.utf8_chunks() {
            let (start, end) = (at, at + piece.valid().len());
            at = end + piece.invalid().len();
            if wanted < start || wanted >= end {
                continue;
            }
            let text = piece.valid();
            let border = text.floor_char_boundary(wanted - start);
            let spans = self.redactor.spans(text);
            let there = self.border(text, border, &spans, start == 0);
            self.is_within = there == text.len() && spans.last().is_some_and(|s| s.end == there);
            cut = start + there;
            break;
        }
        let tail = self.pending.split_off(cut);
        let head = std::mem::replace(&mut self.pending, tail);
        self.lines(&head, out);
    }

    /// Where a text can be parted, near a border: in no secret, and not between one and what tells that it is one.
    fn border(&self, text: &str, border: usize, spans: &[Range<usize>], is_all: bool) -> usize {
        let parts = |at: usize| {
            let behind = spans.iter().filter(|s| s.end > at);
            let behind = behind.map(|s| (s.start.checked_sub(at), s.end - at));
            let alone = self.redactor.spans(&text[at..]);
            behind.eq(alone.into_iter().map(|s| (Some(s.start), s.end)))
        };
        let before = &text[..border];
        let line = before.rfind('\n').map(|at| at + 1);
        let word = before.rfind(' ').map(|at| at + 1);
        let back = BACK.map(|bytes| text.floor_char_boundary(border.saturating_sub(bytes)));
        let hit = spans.iter().find(|s| s.start < border && border < s.end);
        let candidates = line.into_iter().chain(word).chain(back);
        let mut candidates = candidates.chain(hit.map(|s| s.end));
        let found = candidates.find(|at| !(is_all && *at == 0) && parts(*at));
        found.unwrap_or(match hit {
            // Nothing but one secret that goes on: it goes as far as it is known.
            Some(span) if is_all && span.start == 0 => span.end,
            Some(span) => span.start,
            None => border,
        })
    }

    /// Drops what a secret goes on with whose beginning is gone already.
    fn leave_secret(&mut self) {
        if self.is_within {
            let part = self.pending.iter().take_while(|b| goes_on(**b)).count();
            self.is_within = part == self.pending.len();
            self.pending.drain(..part);
        }
    }
}

/// True for a byte that a token may go on with.
fn goes_on(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.~+/=".contains(&byte)
}

/// The line without anything that may be the body of a key.
fn without_key_body(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for (i, part) in line.split_inclusive(|c| !is_base64(c)).enumerate() {
        let body = part.trim_end_matches(|c| !is_base64(c));
        // A body's last line may be short, but then it is alone on its line.
        let alone = i == 0 && body.len() == line.trim().len();
        if body.len() >= keys::LINE || (alone && !body.is_empty()) {
            out.push_str(REDACTED);
            out.push_str(&part[body.len()..]);
        } else {
            out.push_str(part);
        }
    }
    out
}
