//! Private keys over several lines.

use super::shape::{is_base64, longest_run};

/// How one begins: of PEM, OpenSSH and PGP, and the line of a PuTTY key after which its private half stands.
pub(super) const FIRST_LINE: &str = concat!(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
    r"|Private-Lines:[ \t]{0,4}[0-9]{1,4}",
);

/// How the last line begins.
pub(super) const LAST: &str = "-----END ";
/// The same of a PuTTY key.
pub(super) const LAST_PUTTY: &str = "Private-MAC:";

/// Bytes within which it is looked for where the text does not look like a key's body.
const REACH: usize = 16 * 1024;

/// Base64 characters in a row that make a line look like the body of a key.
pub(super) const LINE: usize = 24;

/// True for a line after which the body of a key is to be expected.
pub(super) fn begins_in(line: &str) -> bool {
    let is_pem = line.contains("-----BEGIN ") && line.contains("PRIVATE KEY");
    (is_pem || line.contains("Private-Lines:")) && !ends_in(line)
}

/// True for a line with which a key ends.
pub(super) fn ends_in(line: &str) -> bool {
    line.contains(LAST) || line.contains(LAST_PUTTY)
}

/// Bytes within which the last line ends.
const LAST_LINE: usize = 1024;

/// Where the private keys of a text end, asked for in the order in which they stand: what was looked for once is not
/// looked for again, however many first lines there are.
pub(super) struct Ends<'t> {
    text: &'t str,
    /// Where the next last line begins, of each kind; the text's length where there is none.
    last: Option<usize>,
    last_putty: Option<usize>,
    /// Where the last body of each kind that was seen ends. A key that begins in it has no other one.
    body: usize,
    body_putty: usize,
}

impl<'t> Ends<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            last: None,
            last_putty: None,
            body: 0,
            body_putty: 0,
        }
    }

    /// Where a private key whose first line ends at `from` ends: after its last line, or, where that is missing, after
    /// what looks like its body.
    pub(super) fn of(&mut self, from: usize) -> usize {
        let text = self.text;
        if !text[..from].ends_with('-') {
            // The last line of a PuTTY key looks like its body, and says nothing of it.
            let last = next(&mut self.last_putty, text, from, LAST_PUTTY);
            if from >= self.body_putty {
                self.body_putty = from + body_end(&text[from..last]);
            }
            return self.body_putty;
        }
        if from >= self.body {
            self.body = from + body_end(&text[from..]);
        }
        // Header lines of an encrypted key (RFC 1421) do not look like a body, so the last line is looked for
        // beyond it too, within reason.
        let last = next(&mut self.last, text, from, LAST) + LAST.len();
        if last > text.floor_char_boundary(self.body.max(from + REACH)) {
            return self.body;
        }
        let line = &text[last..text.floor_char_boundary(last + LAST_LINE)];
        let end = line.find("-----").map(|i| last + i + "-----".len());
        end.unwrap_or(self.body)
    }
}

/// Where `wanted` stands next at `from` or later; `known` is what was found for an earlier place.
fn next(known: &mut Option<usize>, text: &str, from: usize, wanted: &str) -> usize {
    match *known {
        Some(at) if at >= from => at,
        Some(_) | None => {
            let at = text[from..].find(wanted).map_or(text.len(), |i| from + i);
            *known = Some(at);
            at
        }
    }
}

/// Bytes of a line within which a body begins, if one stands there.
const LOOK: usize = 512;

/// End of the lines that look like the body of a key: long runs of base64, and a short last one.
fn body_end(text: &str) -> usize {
    let (mut end, mut at) = (0, 0);
    while at < text.len() {
        // The rest of a long line is read where a body begins in it, and then no key behind this one reads it again.
        let rest = &text[at..];
        let head = &rest[..rest.floor_char_boundary(LOOK)];
        let head = head.split_inclusive('\n').next().unwrap_or_default();
        let begins = longest_run(inside(head), is_base64) >= LINE;
        let line = match begins && !head.ends_with('\n') {
            true => rest.split_inclusive('\n').next().unwrap_or_default(),
            false => head,
        };
        let inside = inside(line);
        let part = inside.trim_end();
        let is_whole = line.ends_with('\n') || line.len() == rest.len();
        let short_last = end > 0
            && !part.is_empty()
            && is_whole
            && part.len() == line.trim_end().len()
            && part.chars().all(is_base64);
        if begins {
            end = at + part.len();
        } else if short_last {
            return at + part.len();
        } else if at > 0 || !part.trim().is_empty() {
            return end;
        }
        if inside.len() < line.len() || !is_whole {
            return end;
        }
        at += line.len();
    }
    end
}

/// What of a line may stand in the body of a key, with its quotes and separators.
fn inside(line: &str) -> &str {
    let is_outside = |c: char| !(is_base64(c) || c.is_ascii_whitespace() || "\\\"',:-".contains(c));
    &line[..line.find(is_outside).unwrap_or(line.len())]
}
