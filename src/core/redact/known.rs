//! Values that are known to be secret, searched for in every spelling.
//!
//! Spellings that are the same wherever a value stands (base64, hexadecimal, HTML) are written out beforehand. Those
//! in which any character may or may not be escaped (percent-encoding, backslashes of JSON and of shells) would be
//! too many: there the text is read the other way, and what is found is carried back to where it stood.

use super::{MIN_SECRET_CHARS, REDACTED, spellings};
use regex::bytes::{Regex, RegexBuilder};
use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// Bytes that the automaton may take.
const MAX_AUTOMATON: usize = 512 << 20;

/// Escapings within escapings that are read: JSON in JSON in a string of a shell.
const MAX_DEPTH: u32 = 3;

/// Bytes that one byte of a secret may take after so many escapings (`%2525` and its like, `\\\\u0041`).
const LONGEST_ESCAPE: usize = 16;

const READERS: [fn(&View<'_>) -> Option<Decoded>; 4] =
    [backslashes, percents, pluses, without_width];

/// Secrets that were given, ready to be searched for.
pub(super) struct Known {
    values: BTreeSet<String>,
    forms: Forms,
    /// Spellings over several lines.
    lines: Vec<String>,
    longest: usize,
}

enum Forms {
    Nothing,
    Automaton(Regex),
    /// So much that no automaton would hold it; slow, but complete.
    List(Vec<String>),
}

impl Known {
    /// Those of the values that can be searched for.
    pub(super) fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let values = secrets.into_iter().filter_map(|s| usable(&s)).collect();
        Self::of(values)
    }

    /// The same and these; None where all of them are known.
    pub(super) fn with(&self, secrets: impl IntoIterator<Item = SecretString>) -> Option<Self> {
        let mut values = self.values.clone();
        values.extend(secrets.into_iter().filter_map(|s| usable(&s)));
        (values.len() > self.values.len()).then(|| Self::of(values))
    }

    fn of(values: BTreeSet<String>) -> Self {
        let mut forms = BTreeSet::new();
        for value in &values {
            spellings::of(value, &mut forms);
        }
        forms.retain(|f| !REDACTED.contains(f.as_str()));
        let mut forms: Vec<String> = forms.into_iter().collect();
        // Of two that begin at the same place the longer is to be found.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Self {
            values,
            longest: forms.first().map_or(0, String::len),
            lines: forms.iter().filter(|f| f.contains('\n')).cloned().collect(),
            forms: Forms::new(forms),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    /// Bytes of a text within which the longest spelling of a secret fits.
    pub(super) fn reach(&self) -> usize {
        self.longest * LONGEST_ESCAPE
    }

    /// True when a text that ends in a line break may be the beginning of a secret of several lines.
    pub(super) fn may_go_on(&self, text: &[u8]) -> bool {
        self.lines.iter().any(|form| {
            let ends = form.bytes().enumerate().filter(|(_, b)| *b == b'\n');
            ends.map(|(i, _)| &form.as_bytes()[..=i])
                .any(|beginning| text.ends_with(beginning))
        })
    }

    /// Every occurrence, overlapping ones too: where one value ends inside another, both must go.
    pub(super) fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if matches!(self.forms, Forms::Nothing) {
            return found;
        }
        self.forms.spans(text.as_bytes(), |range| found.push(range));
        let mut views = vec![(View::Text(text.as_bytes()), 0)];
        while let Some((view, depth)) = views.pop() {
            for read in READERS {
                let Some(decoded) = read(&view) else { continue };
                self.forms.spans(&decoded.bytes, |r| {
                    let (start, end) = (decoded.at[r.start], decoded.at[r.end]);
                    found.push(text.floor_char_boundary(start)..text.ceil_char_boundary(end));
                });
                if depth + 1 < MAX_DEPTH {
                    views.push((View::Decoded(decoded), depth + 1));
                }
            }
        }
        found
    }
}

/// The value without surrounding white space. One that is short stands everywhere, one that the mark holds would
/// never be gone.
fn usable(secret: &SecretString) -> Option<String> {
    let value = secret.expose_secret().trim();
    let counts = value.chars().count() >= MIN_SECRET_CHARS && !REDACTED.contains(value);
    counts.then(|| value.to_owned())
}

impl Forms {
    fn new(forms: Vec<String>) -> Self {
        if forms.is_empty() {
            return Self::Nothing;
        }
        let pattern: Vec<String> = forms.iter().map(|f| regex::escape(f)).collect();
        RegexBuilder::new(&pattern.join("|"))
            .size_limit(MAX_AUTOMATON)
            .build()
            .map_or(Self::List(forms), Self::Automaton)
    }

    fn spans(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        let mut at = 0;
        while let Some(range) = self.find(text, at) {
            at = range.start + 1;
            found(range);
        }
    }

    /// The first occurrence that begins at `at` or later.
    fn find(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        match self {
            Self::Nothing => None,
            Self::Automaton(regex) => regex.find_at(text, at).map(|m| m.range()),
            Self::List(forms) => (at..text.len()).find_map(|i| {
                let form = forms.iter().find(|f| text[i..].starts_with(f.as_bytes()))?;
                Some(i..i + form.len())
            }),
        }
    }
}

/// A text in which escapes were undone.
struct Decoded {
    bytes: Vec<u8>,
    /// Where in the text itself each byte begins, and where the text ends.
    at: Vec<usize>,
}

enum View<'t> {
    Text(&'t [u8]),
    Decoded(Decoded),
}

impl View<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            View::Text(bytes) => bytes,
            View::Decoded(decoded) => &decoded.bytes,
        }
    }

    fn at(&self, i: usize) -> usize {
        match self {
            View::Text(_) => i,
            View::Decoded(decoded) => decoded.at[i],
        }
    }

    /// Reads the text piece by piece: `read` says how long the escape at the beginning is and what it stands for, or
    /// nothing where there is none. None where the whole text has none.
    fn decode(
        &self,
        read: impl Fn(&[u8]) -> Option<(usize, Cow<'static, [u8]>)>,
    ) -> Option<Decoded> {
        let mut has_escapes = false;
        let bytes = self.bytes();
        let mut out = Decoded {
            bytes: Vec::with_capacity(bytes.len()),
            at: Vec::with_capacity(bytes.len() + 1),
        };
        let mut i = 0;
        while i < bytes.len() {
            let (length, stands_for) = match read(&bytes[i..]) {
                Some(escape) => escape,
                None => {
                    out.at.push(self.at(i));
                    out.bytes.push(bytes[i]);
                    i += 1;
                    continue;
                }
            };
            has_escapes = true;
            out.at
                .extend(std::iter::repeat_n(self.at(i), stands_for.len()));
            out.bytes.extend_from_slice(&stands_for);
            i += length;
        }
        out.at.push(self.at(bytes.len()));
        has_escapes.then_some(out)
    }
}

/// Takes away characters without width: one of them breaks a mention up.
fn without_width(view: &View<'_>) -> Option<Decoded> {
    const NO_WIDTH: [&str; 3] = ["\u{200b}", "\u{2060}", "\u{feff}"];
    let has_none = |bytes: &[u8]| NO_WIDTH.iter().any(|n| bytes.starts_with(n.as_bytes()));
    if !view.bytes().windows(3).any(has_none) {
        return None;
    }
    view.decode(|rest| has_none(rest).then_some((3, Cow::Borrowed(&[]))))
}

/// Undoes backslashes: JSON (RFC 8259), `$'…'` and `printf %q` of shells, git's quoted paths, Markdown.
fn backslashes(view: &View<'_>) -> Option<Decoded> {
    if !view.bytes().contains(&b'\\') {
        return None;
    }
    view.decode(|rest| {
        let [b'\\', next, ..] = rest else { return None };
        let one = |c: &'static [u8]| Some((2, Cow::Borrowed(c)));
        match next {
            b'n' => one(b"\n"),
            b't' => one(b"\t"),
            b'r' => one(b"\r"),
            b'b' => one(b"\x08"),
            b'f' => one(b"\x0c"),
            b'u' => unicode(rest),
            b'x' => {
                let byte = u8::try_from(hex(rest.get(2..4)?)?).ok()?;
                Some((4, vec![byte].into()))
            }
            b'0'..=b'3' => {
                let byte = octal(rest.get(1..4)?)?;
                Some((4, vec![byte].into()))
            }
            c if c.is_ascii() => Some((2, vec![*c].into())),
            _ => None,
        }
    })
}

/// `\uXXXX`, and two of them where a character takes two.
fn unicode(rest: &[u8]) -> Option<(usize, Cow<'static, [u8]>)> {
    let first = hex(rest.get(2..6)?)?;
    let mut units = vec![first];
    if (0xD800..0xDC00).contains(&first)
        && rest.get(6..8) == Some(br"\u")
        && let Some(second) = rest.get(8..12).and_then(hex)
    {
        units.push(second);
    }
    let length = 6 * units.len();
    let text = String::from_utf16(&units).ok()?;
    Some((length, text.into_bytes().into()))
}

fn hex(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |sum, d| {
        let digit = char::from(*d).to_digit(16)?;
        Some(sum << 4 | u16::try_from(digit).ok()?)
    })
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |sum: u8, d| {
        let digit = char::from(*d).to_digit(8)?;
        Some(sum << 3 | u8::try_from(digit).ok()?)
    })
}

/// Undoes percent-encoding (RFC 3986).
fn percents(view: &View<'_>) -> Option<Decoded> {
    if !view.bytes().contains(&b'%') {
        return None;
    }
    view.decode(percent)
}

/// The same in the query of an address, where a plus is a space.
fn pluses(view: &View<'_>) -> Option<Decoded> {
    let bytes = view.bytes();
    if !bytes.contains(&b'+') || !bytes.windows(3).any(|w| percent(w).is_some()) {
        return None;
    }
    view.decode(|rest| match rest.first() {
        Some(b'+') => Some((1, Cow::Borrowed(b" "))),
        _ => percent(rest),
    })
}

fn percent(rest: &[u8]) -> Option<(usize, Cow<'static, [u8]>)> {
    let [b'%', digits @ ..] = rest else {
        return None;
    };
    let byte = hex(digits.get(..2)?)?;
    Some((3, vec![u8::try_from(byte).ok()?].into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_too_long_for_an_automaton_is_searched_all_the_same() {
        let forms = Forms::List(vec!["hunter22-longer".into(), "hunter22".into()]);
        let mut found = Vec::new();
        forms.spans(b"a hunter22-longer hunter22", |r| found.push(r));
        assert_eq!(found, [2..17, 18..26]);
    }

    #[test]
    fn escapes_are_undone() {
        let view = |text| View::Text(str::as_bytes(text));
        for (text, expected) in [
            (r"a\u0062\u00e9\ud83d\ude00c", "abé😀c"),
            (r"\x41\101\$\\n\/", r"AA$\n/"),
            (r"\t\u12\xzz\é\", "\t\\u12\\xzz\\é\\"),
        ] {
            let decoded = backslashes(&view(text)).unwrap();
            assert_eq!(String::from_utf8_lossy(&decoded.bytes), expected, "{text}");
            assert_eq!(decoded.at.len(), decoded.bytes.len() + 1);
        }
        let decoded = percents(&view("%41%4a%zz%")).unwrap();
        assert_eq!(decoded.bytes, b"AJ%zz%");
        assert_eq!(decoded.at, [0, 3, 6, 7, 8, 9, 10]);
        let decoded = without_width(&view("a\u{200b}b")).unwrap();
        assert_eq!(
            (&*decoded.bytes, &*decoded.at),
            (&b"ab"[..], &[0, 4, 5][..])
        );
        assert!(without_width(&view("é plain")).is_none());
        assert!(backslashes(&view("plain")).is_none() && percents(&view("plain")).is_none());
    }
}
