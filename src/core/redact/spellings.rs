//! How a secret looks after the usual encodings.

use super::MIN_SECRET_CHARS;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Lines of a secret of several lines that are looked for on their own, since logs break it up. A shorter
/// line, or one with spaces, may be ordinary text.
const MIN_LINE: usize = 20;

/// Adds every spelling of `value` to `forms` that is not read out of the text itself (see `known`).
pub(super) fn of(value: &str, forms: &mut BTreeSet<String>) {
    base64(value.as_bytes(), forms);
    for hex in [hex(value, false), hex(value, true)] {
        forms.insert(hex);
    }
    // A form's spaces, where none of its other characters has to be encoded.
    forms.insert(value.replace(' ', "+"));
    // A single quote inside single quotes: of shells, and as Python's shlex writes it.
    forms.insert(value.replace('\'', r"'\''"));
    forms.insert(value.replace('\'', r#"'"'"'"#));
    html(value, forms);
    if value.contains('\n') {
        let lines = value.lines().map(str::trim);
        let telling = |l: &&str| {
            l.len() >= MIN_LINE && !l.contains(char::is_whitespace) && !l.starts_with('-')
        };
        forms.extend(lines.filter(telling).map(str::to_owned));
    }
    forms.insert(value.to_owned());
}

/// Its bytes in hexadecimal.
fn hex(value: &str, upper: bool) -> String {
    let mut out = String::with_capacity(2 * value.len());
    for byte in value.bytes() {
        let written = match upper {
            true => write!(out, "{byte:02X}"),
            false => write!(out, "{byte:02x}"),
        };
        written.expect("a string takes every write");
    }
    out
}

/// As it stands in HTML, with the names of the quotes that are in use.
fn html(value: &str, forms: &mut BTreeSet<String>) {
    let text = value.replace('&', "&amp;").replace('<', "&lt;");
    forms.insert(text.clone());
    let text = text.replace('>', "&gt;");
    forms.insert(text.clone());
    let text = text.replace('"', "&quot;");
    for quote in ["&#39;", "&#x27;", "&apos;", "'"] {
        forms.insert(text.replace('\'', quote));
    }
}

/// The characters that base64, in both alphabets (RFC 4648), has for `value` wherever it stands in a longer
/// text: one spelling for each of the three places it can have in a group of three bytes. A character that
/// also depends on the neighbours is left out.
fn base64(value: &[u8], forms: &mut BTreeSet<String>) {
    for (before, alphabet) in [0, 1, 2]
        .into_iter()
        .flat_map(|n| [(n, STANDARD), (n, URL)])
    {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value);
        let whole = bytes.len() * 8 / 6;
        let first = (before * 8).div_ceil(6);
        bytes.push(0);
        let text: String = (first..whole)
            .map(|i| {
                let (byte, shift) = (i * 6 / 8, i * 6 % 8);
                let pair = u16::from_be_bytes([bytes[byte], bytes[byte + 1]]);
                char::from(alphabet[usize::from(pair >> (10 - shift) & 63)])
            })
            .collect();
        if text.len() >= MIN_SECRET_CHARS {
            forms.insert(text);
        }
    }
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(value: &str) -> BTreeSet<String> {
        let mut forms = BTreeSet::new();
        of(value, &mut forms);
        forms
    }

    #[test]
    fn base64_at_every_place() {
        // `printf 'hunter22' | base64`, and the same after one and two other bytes.
        let forms = forms("hunter22");
        for (whole, text) in [
            ("aHVudGVyMjI=", "hunter22"),
            ("Omh1bnRlcjIy", ":hunter22"),
            ("YTpodW50ZXIyMg==", "a:hunter22"),
        ] {
            assert!(
                forms.iter().any(|f| whole.contains(f.as_str())),
                "{text}: {forms:?}"
            );
        }
        assert!(forms.contains("aHVudGVyMj"));
    }

    #[test]
    fn both_alphabets() {
        let forms = forms("\u{3ff}\u{3ff}\u{3ff}~~~???");
        assert!(
            forms.iter().any(|f| f.contains('+') || f.contains('/')),
            "{forms:?}"
        );
        assert!(
            forms.iter().any(|f| f.contains('_') || f.contains('-')),
            "{forms:?}"
        );
    }

    #[test]
    fn other_spellings() {
        let forms = forms("a'b <\"> c");
        for form in [
            r#"a'\''b <"> c"#,
            "a'\"'\"'b <\"> c",
            "a&#39;b &lt;&quot;&gt; c",
            "a'b+<\">+c",
            "612762203c223e2063",
            "612762203C223E2063",
        ] {
            assert!(forms.contains(form), "{form}: {forms:?}");
        }
    }

    #[test]
    fn telling_lines_count_alone() {
        let forms = forms("first line with words in it\nQUJDREVGR0hJSktMTU5PUFFSU1Q\nshort");
        assert!(forms.contains("QUJDREVGR0hJSktMTU5PUFFSU1Q"));
        assert!(!forms.contains("first line with words in it") && !forms.contains("short"));
    }
}
