//! What stands before a task's words: an explicit id (`T007`, `**US-001**:`) or a position (`2.1`).
//!
//! A label is judged by its own form alone, never by its neighbours', so that adding a task does not
//! change what another one is called. `H2 headings`, `UTF-8 input` and `S3 upload` begin with a word of the
//! trade, not with an id.

use std::borrow::Cow;

/// A task's label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) text: String,
    /// An id that goes with the task wherever it moves; else a position.
    pub(super) named: bool,
}

/// Prefixes that make an id without any separator: `T12 Add login`.
const ID_PREFIXES: [&str; 11] = [
    "T", "TASK", "US", "FR", "NFR", "REQ", "STORY", "EPIC", "BUG", "FEAT", "ISSUE",
];

/// Prefixes of words that only look like ids: algorithms, formats, products.
const TRADE_WORDS: [&str; 55] = [
    "AES", "AMD", "ARM", "BASE", "BLAKE", "CEA", "COVID", "CP", "CRC", "CSS", "CVE", "CWE", "DDR",
    "EC", "ECMA", "ED", "ES", "FLOAT", "GPT", "HMAC", "HS", "HTML", "HTTP", "HTTPS", "INT", "IP",
    "IPV", "ISO", "LATIN", "LOG", "MD", "MP", "NEO", "NODE", "OAUTH", "PEP", "POP", "PS", "PYTHON",
    "RFC", "RS", "RSA", "SHA", "SSL", "TLS", "UCS", "UINT", "USB", "UTF", "VUE", "WEB", "WIN",
    "WINDOWS", "X", "XXH",
];

/// Words that number a step: "Step 3: …" is a position.
const STEP_WORDS: [&str; 8] = [
    "step",
    "task",
    "subtask",
    "phase",
    "part",
    "item",
    "stage",
    "milestone",
];

/// How much stands between a label and the words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// `:`, `.`, `)`, a dash, or closing emphasis or bracket.
    Strong,
    /// White space alone, or nothing left.
    Space,
}

/// Splits the label off a task's text. The rest begins with the task's words.
pub(super) fn split_label(text: &str) -> (Option<Label>, Cow<'_, str>) {
    let text = text.trim_start();
    for wrap in ["**", "__"] {
        if let Some(inner) = text.strip_prefix(wrap) {
            return split_wrapped(inner, wrap)
                .map_or((None, Cow::Borrowed(text)), |(label, rest)| {
                    (Some(label), rest)
                });
        }
    }
    if let Some(inner) = text.strip_prefix('[') {
        let found = inner
            .split_once(']')
            .filter(|(_, after)| !after.starts_with(['(', '[']));
        if let Some((token, after)) = found
            && let Some(label) = whole_label(token)
        {
            return (Some(label), Cow::Borrowed(skip_separator(after).0));
        }
        return (None, Cow::Borrowed(text));
    }
    match scan(text) {
        Some((label, rest)) => (Some(label), Cow::Borrowed(rest)),
        None => (None, Cow::Borrowed(text)),
    }
}

/// True when `token` has the form of an explicit id or a dotted number: something a dependency may name.
pub(super) fn is_reference(token: &str) -> bool {
    Shape::of(token).is_some() || (token.contains('.') && number_len(token) == token.len())
}

/// Length of `1`, `2.1`, `10.2.3` at the start of the text; 0 when there is none.
pub(super) fn number_len(text: &str) -> usize {
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let mut len = digits(text);
    while len > 0 && text[len..].starts_with('.') {
        match digits(&text[len + 1..]) {
            0 => break,
            n => len += 1 + n,
        }
    }
    len
}

/// The text without a leading list number (`2.1 `, `1. `, `3) `).
pub(super) fn skip_number(text: &str) -> &str {
    match number(text) {
        Some((_, rest)) => rest,
        None => text,
    }
}

/// A heading without its numbers, for identity: "Phase 3: Setup" and "Phase 4: Setup" are one place.
pub(super) fn without_numbers(heading: &str) -> String {
    let is_number = |word: &str| {
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        !core.is_empty() && core.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    let words: Vec<&str> = heading
        .split_whitespace()
        .filter(|w| !is_number(w))
        .collect();
    words.join(" ")
}

/// `**T001** rest`, `**T001:** rest`, `**T001: some** rest`.
fn split_wrapped<'a>(inner: &'a str, wrap: &str) -> Option<(Label, Cow<'a, str>)> {
    if let Some((token, after)) = inner.split_once(wrap) {
        let token = token
            .trim()
            .trim_end_matches([':', '.', ')', '：'])
            .trim_end();
        if let Some(label) = whole_label(token) {
            return Some((label, Cow::Borrowed(skip_separator(after).0)));
        }
    }
    let (label, rest) = scan(inner)?;
    Some((label, Cow::Owned(format!("{wrap}{rest}"))))
}

/// A token that emphasis or brackets set apart.
fn whole_label(token: &str) -> Option<Label> {
    let named = Shape::of(token).is_some_and(|shape| shape.is_id(Gap::Strong));
    let position = !token.is_empty()
        && (number_len(token) == token.len() || step_len(token) == Some(token.len()));
    (named || position).then(|| Label {
        text: token.to_owned(),
        named,
    })
}

/// A label at the start of plain text, and what follows it.
fn scan(text: &str) -> Option<(Label, &str)> {
    if let Some((token, rest)) = number(text) {
        return Some((
            Label {
                text: token.to_owned(),
                named: false,
            },
            rest,
        ));
    }
    if let Some(len) = step_len(text)
        && let (rest, Gap::Strong) = skip_separator(&text[len..])
    {
        return Some((
            Label {
                text: text[..len].to_owned(),
                named: false,
            },
            rest,
        ));
    }
    let run = text
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        .count();
    let token = text[..run].trim_end_matches(['.', '-', '_']);
    let after = &text[token.len()..];
    let (rest, gap) = skip_separator(after);
    if rest.len() == after.len() && !after.is_empty() {
        return None;
    }
    let named = Shape::of(token)?.is_id(gap);
    named.then(|| {
        (
            Label {
                text: token.to_owned(),
                named,
            },
            rest,
        )
    })
}

/// `2.1 rest`, `1. rest`, `3) rest`; a lone `3 rest` is a quantity.
fn number(text: &str) -> Option<(&str, &str)> {
    let len = number_len(text);
    let (token, after) = text.split_at(len);
    if token.is_empty()
        || !(after.is_empty()
            || after.starts_with([' ', '\t', '\n', '.', ')', ':', '：', '、', '-', '–', '—']))
    {
        return None;
    }
    let (rest, gap) = skip_separator(after);
    let is_label = gap == Gap::Strong || token.contains('.');
    (is_label && rest.len() < after.len()).then_some((token, rest))
}

/// Length of "Step 3" or "task 2.1" at the start.
fn step_len(text: &str) -> Option<usize> {
    let word = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    if !STEP_WORDS
        .iter()
        .any(|w| w.eq_ignore_ascii_case(&text[..word]))
    {
        return None;
    }
    let blanks = text[word..].bytes().take_while(|b| *b == b' ').count();
    let digits = number_len(&text[word + blanks..]);
    (blanks > 0 && digits > 0).then_some(word + blanks + digits)
}

/// Skips `: `, `. `, `) `, ` - ` and white space. A sign must be followed by white space or the end, so
/// that `T1.x` and `T1:8080` are words. Nothing is skipped where no gap is.
fn skip_separator(text: &str) -> (&str, Gap) {
    let trimmed = text.trim_start();
    let spaced = trimmed.len() < text.len();
    let mut chars = trimmed.chars();
    let strong = match chars.next() {
        Some('：' | '、') => true,
        Some(':' | '.' | ')') => {
            !spaced && (chars.as_str().is_empty() || starts_blank(chars.as_str()))
        }
        Some('-' | '–' | '—') => starts_blank(chars.as_str()),
        _ => false,
    };
    if strong {
        (chars.as_str().trim_start(), Gap::Strong)
    } else {
        (trimmed, Gap::Space)
    }
}

fn starts_blank(text: &str) -> bool {
    text.starts_with(char::is_whitespace)
}

/// An explicit id taken apart: letters (with `-` or `_` between groups), digits, at most one small letter.
struct Shape<'a> {
    prefix: &'a str,
    joined: bool,
    digits: &'a str,
    suffix: bool,
}

impl<'a> Shape<'a> {
    fn of(token: &'a str) -> Option<Self> {
        if token.len() > 32 || !token.starts_with(|c: char| c.is_ascii_uppercase()) {
            return None;
        }
        let bytes = token.as_bytes();
        let suffix = bytes.len() > 1
            && bytes[bytes.len() - 1].is_ascii_lowercase()
            && bytes[bytes.len() - 2].is_ascii_digit();
        let body = &token[..token.len() - usize::from(suffix)];
        let letters = body.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let digits = &body[letters.len()..];
        let prefix = letters.trim_end_matches(['-', '_']);
        let good_digits = number_len(digits) == digits.len()
            && !digits.is_empty()
            && digits.split('.').all(|group| group.len() <= 6);
        let good_prefix = letters.len() - prefix.len() <= 1
            && prefix.split(['-', '_']).all(|group| {
                (1..=10).contains(&group.len())
                    && group.starts_with(|c: char| c.is_ascii_alphabetic())
                    && group.bytes().all(|b| b.is_ascii_alphanumeric())
            });
        (good_digits && good_prefix).then_some(Self {
            prefix,
            joined: letters.len() > prefix.len(),
            digits,
            suffix,
        })
    }

    /// True when the token is an id, given what follows it.
    fn is_id(&self, gap: Gap) -> bool {
        let padded = self.digits.len() >= 3 && self.digits.starts_with('0');
        if self.is_trade_word() && !padded {
            return false;
        }
        let known = ID_PREFIXES.iter().any(|p| match p.len() {
            1 => *p == self.prefix,
            _ => p.eq_ignore_ascii_case(self.prefix),
        });
        let tracker = self.joined
            && self.prefix.len() > 1
            && self.prefix.bytes().all(|b| !b.is_ascii_lowercase());
        gap == Gap::Strong || padded || known || tracker
    }

    fn is_trade_word(&self) -> bool {
        let one_digit = self.digits.len() == 1;
        match self.prefix {
            // Priorities, headings, object storage, quarters.
            "P" | "H" | "S" | "Q" if one_digit => true,
            "T" => false,
            // Int and float widths; K8s, I18n and their like.
            "U" | "I" | "F" if matches!(self.digits, "8" | "16" | "32" | "64" | "128") => true,
            p if p.len() == 1 && self.suffix => true,
            p => TRADE_WORDS.iter().any(|w| w.eq_ignore_ascii_case(p)),
        }
    }
}
