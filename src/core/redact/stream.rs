//! Redaction of a stream of bytes that arrives in pieces.

use super::{KEY_LAST, KEY_LINE, REDACTED, Redactor, is_base64};
use std::sync::Arc;

/// Bytes of an unfinished line that are held back before a part of it is let go.
const MAX_LINE: usize = 64 * 1024;

/// Bytes of an overlong line that stay behind at least, for a token that may be cut.
const MIN_BEHIND: usize = 4096;

/// Lines of a private key at most.
const MAX_KEY_LINES: usize = 400;

/// Lets lines through, redacted, as soon as they are complete. A secret that comes in two pieces is found;
/// the body of a private key goes whatever stands in front of its lines. Bytes that are not UTF-8 become
/// replacement characters.
#[derive(Debug)]
pub struct StreamRedactor {
    redactor: Arc<Redactor>,
    pending: Vec<u8>,
    /// Lines that may still belong to a private key.
    key_lines: usize,
}

impl StreamRedactor {
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self {
            redactor,
            pending: Vec::new(),
            key_lines: 0,
        }
    }

    /// Takes a piece; appends to `out` what is complete by now.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            if self.pending.is_empty() {
                self.line(line, out);
            } else {
                self.pending.extend_from_slice(line);
                let whole = std::mem::take(&mut self.pending);
                self.line(&whole, out);
            }
            rest = after;
        }
        let behind = self.redactor.longest().max(MIN_BEHIND);
        for piece in rest.chunks(MAX_LINE) {
            self.pending.extend_from_slice(piece);
            if self.pending.len() > MAX_LINE + 2 * behind {
                self.let_go(behind, out);
            }
        }
    }

    /// Appends what is left, at the end of the stream.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let last = std::mem::take(&mut self.pending);
        if !last.is_empty() {
            self.line(&last, out);
        }
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line);
        if self.key_lines > 0 {
            self.key_lines = if text.contains(KEY_LAST) {
                0
            } else {
                self.key_lines - 1
            };
            let text = without_key_body(&text);
            out.extend_from_slice(self.redactor.redact(&text).as_bytes());
        } else {
            out.extend_from_slice(self.redactor.redact(&text).as_bytes());
        }
        if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY") && !text.contains(KEY_LAST)
        {
            self.key_lines = MAX_KEY_LINES;
        }
    }

    /// Redacts and appends the head of an overlong line. What stays behind begins on a character's border
    /// and not inside a secret.
    fn let_go(&mut self, behind: usize, out: &mut Vec<u8>) {
        let whole = self.pending.len() - incomplete_tail(&self.pending);
        let text = String::from_utf8_lossy(&self.pending[..whole]).into_owned();
        let wanted = text.floor_char_boundary(text.len().saturating_sub(behind));
        let spans = self.redactor.spans(&text);
        let cut = match spans.iter().find(|s| s.start < wanted && wanted < s.end) {
            // Nothing but one secret that goes on: it goes as far as it is known.
            Some(span) if span.start == 0 => span.end,
            Some(span) => span.start,
            None => wanted,
        };
        let tail = self.pending.split_off(whole);
        self.line(&text.as_bytes()[..cut], out);
        self.pending = text.as_bytes()[cut..].to_vec();
        self.pending.extend_from_slice(&tail);
    }
}

/// The line without anything that may be the body of a key.
fn without_key_body(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for (i, part) in line.split_inclusive(|c| !is_base64(c)).enumerate() {
        let body = part.trim_end_matches(|c| !is_base64(c));
        // A body's last line may be short, but then it is alone on its line.
        let alone = i == 0 && body.len() == line.trim().len();
        if body.len() >= KEY_LINE || (alone && !body.is_empty()) {
            out.push_str(REDACTED);
            out.push_str(&part[body.len()..]);
        } else {
            out.push_str(part);
        }
    }
    out
}

/// Bytes at the end that begin a character and do not complete it (at most three).
fn incomplete_tail(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let wants = match byte {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            0x80..=0xBF => continue,
            _ => return 0,
        };
        return if wants > back { back } else { 0 };
    }
    0
}
