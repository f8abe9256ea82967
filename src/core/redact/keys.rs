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

/// Where a private key whose first line ends at `from` ends: after its last line, or, where that is missing,
/// after what looks like its body.
pub(super) fn end(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    if !text[..from].ends_with('-') {
        // The last line of a PuTTY key looks like its body, and says nothing of it.
        let last = rest.find(LAST_PUTTY).unwrap_or(rest.len());
        return from + body_end(&rest[..last]);
    }
    let body = body_end(rest);
    // Header lines of an encrypted key (RFC 1421) do not look like a body, so the last line is looked for
    // beyond it too, within reason.
    let reach = rest.floor_char_boundary(body.max(REACH));
    let end = rest[..reach]
        .find(LAST)
        .map(|i| i + LAST.len())
        .and_then(|i| rest[i..].find("-----").map(|j| i + j + "-----".len()));
    from + end.unwrap_or(body)
}

/// End of the lines that look like the body of a key: long runs of base64, and a short last one.
fn body_end(text: &str) -> usize {
    let (mut end, mut at) = (0, 0);
    for (n, line) in text.split_inclusive('\n').enumerate() {
        let inside = line
            .find(|c: char| !(is_base64(c) || c.is_ascii_whitespace() || "\\\"',:-".contains(c)))
            .unwrap_or(line.len());
        let part = line[..inside].trim_end();
        let short_last = end > 0
            && !part.is_empty()
            && part.len() == line.trim_end().len()
            && part.chars().all(is_base64);
        if longest_run(part, is_base64) >= LINE {
            end = at + part.len();
        } else if short_last {
            return at + part.len();
        } else if n > 0 || !part.trim().is_empty() {
            return end;
        }
        if inside < line.len() {
            return end;
        }
        at += line.len();
    }
    end
}
