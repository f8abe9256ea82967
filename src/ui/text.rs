//! Text on its way out: cut to columns, counted, coloured. What neutralises it stands in `clean`.

pub use super::clean::clean;
pub(super) use super::clean::escape_unsafe;
use crate::model::report::{Spent, is_unsafe_char};
pub use crate::model::shell::quote as shell_quote;
use crate::model::{Cost, Usage};
use serde::Serialize;
use std::borrow::Cow;
use std::path::Path;

/// [`clean`], on one line: runs of whitespace become one space.
pub(super) fn one_line(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_one = bytes.iter().all(|b| matches!(b, b' '..=b'~'))
        && !bytes.windows(2).any(|two| two == b"  ")
        && !text.starts_with(' ')
        && !text.ends_with(' ');
    if is_one {
        return clean(text).into_owned();
    }
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    clean(&joined).into_owned()
}

/// Columns a text takes on a terminal. Knows combining marks and the wide blocks of East Asian text and
/// emoji (UAX #11 by block, not by character); joined emoji are counted too wide rather than too narrow.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(char_width).sum()
}

pub(super) fn is_zero_width(c: char) -> bool {
    matches!(u32::from(c),
        0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f | 0x6d6..=0x6dc
        | 0x93c | 0x941..=0x948 | 0x94d | 0xe31 | 0xe34..=0xe3a | 0xe47..=0xe4e | 0x1ab0..=0x1aff
        | 0x1dc0..=0x1dff | 0x200b..=0x200f | 0x2060..=0x2064 | 0x20d0..=0x20ff | 0x3099..=0x309a
        | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0xfeff | 0xe0100..=0xe01ef)
}

fn char_width(c: char) -> usize {
    if c.is_ascii() {
        return 1;
    }
    let code = u32::from(c);
    if is_zero_width(c) {
        return 0;
    }
    let wide = matches!(code,
        0x1100..=0x115f | 0x231a..=0x231b | 0x23e9..=0x23ec | 0x23f0 | 0x23f3 | 0x25fd..=0x25fe
        | 0x2614..=0x2615 | 0x2648..=0x2653 | 0x267f | 0x2693 | 0x26a1 | 0x26aa..=0x26ab | 0x26bd..=0x26be
        | 0x26c4..=0x26c5 | 0x26ce | 0x26d4 | 0x26ea | 0x26f2..=0x26f3 | 0x26f5 | 0x26fa | 0x26fd | 0x2705
        | 0x270a..=0x270b | 0x2728 | 0x274c | 0x274e | 0x2753..=0x2755 | 0x2757 | 0x2795..=0x2797 | 0x27b0
        | 0x2b1b..=0x2b1c | 0x2b50 | 0x2b55 | 0x2e80..=0x303e | 0x3041..=0x4dbf | 0x4e00..=0xa4cf
        | 0xa960..=0xa97f | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60
        | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f680..=0x1f6ff | 0x1f900..=0x1f9ff | 0x1fa70..=0x1faff
        | 0x20000..=0x3fffd);
    if wide { 2 } else { 1 }
}

/// Cuts to at most `columns`, with an ellipsis where something was cut. Never separates a letter from
/// the marks that combine with it.
pub(super) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let w = char_width(c);
        if used + w + 1 > columns {
            break;
        }
        used += w;
        end = at + c.len_utf8();
    }
    if columns == 0 {
        Cow::Borrowed("")
    } else {
        Cow::Owned(format!("{}…", &text[..end]))
    }
}

/// Fills with spaces up to `columns`.
pub(super) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Breaks a text at spaces into lines of at most `columns`, each with `indent` spaces before it; a word
/// longer than a line stands alone and whole. Ends with a line feed unless empty.
pub(super) fn wrap(text: &str, indent: usize, columns: usize) -> String {
    let room = columns.saturating_sub(indent).max(20);
    let margin = " ".repeat(indent);
    let mut out = String::new();
    // Columns of the line that is being filled; 0 before its first word.
    let mut used = 0;
    for word in one_line(text).split(' ').filter(|w| !w.is_empty()) {
        if used > 0 && used + 1 + width(word) <= room {
            out.push(' ');
            out.push_str(word);
            used += 1 + width(word);
            continue;
        }
        if used > 0 {
            out.push('\n');
        }
        // What stood in the middle of the text begins a line now, and there it might be obeyed.
        let first = clean(word);
        out.push_str(&margin);
        out.push_str(&first);
        used = width(&first).max(1);
    }
    if used > 0 {
        out.push('\n');
    }
    out
}

/// A JSON value for stdout, indented, ending with a line feed, safe to look at in a terminal.
pub fn json_text(value: &serde_json::Value) -> String {
    escape_unsafe(format!("{value:#}\n"))
}

/// The same of a report whose fields stand in the order of their names.
pub(super) fn report_text(report: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(report)
        .expect("reports hold strings, numbers and string keys only");
    text.push('\n');
    escape_unsafe(text)
}

/// The same on one line, for streams of JSON lines.
pub fn json_line(value: &serde_json::Value) -> String {
    escape_unsafe(value.to_string())
}

/// A path as a word of a POSIX shell command. Bytes that are no text, and characters that must not be printed,
/// are spelled out for the shell's own `printf`.
pub fn shell_quote_path(path: &Path) -> String {
    if let Some(text) = path.to_str().filter(|t| !t.contains(is_unsafe_char)) {
        return shell_quote(text);
    }
    let mut spelled = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\'' | b'\\' | b'%' => spelled.push_str(&format!("\\{byte:03o}")),
            b' '..=b'~' => spelled.push(char::from(*byte)),
            _ => spelled.push_str(&format!("\\{byte:03o}")),
        }
    }
    format!("\"$(printf '{spelled}')\"")
}

/// A number with thousands separated: `12,345`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 chunk`, `2 chunks`.
pub(super) fn plural(n: usize, one: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{} {one}s", count(n as u64))
    }
}

/// `tokens unknown` or `12,345 tokens`.
pub(super) fn tokens(usage: Usage) -> String {
    usage.total().map_or_else(
        || "tokens unknown".to_owned(),
        |n| format!("{} tokens", count(n)),
    )
}

/// `cost unknown` or `$0.34`.
pub(super) fn money(cost: Cost) -> String {
    match cost {
        Cost::Unknown => "cost unknown".to_owned(),
        Cost::Usd(v) => format!("${v:.2}"),
    }
}

/// What attempts used, saying what is not known.
pub(super) fn spent(s: &Spent) -> String {
    if s.attempts == 0 {
        return "no engine run".to_owned();
    }
    let silent = match (s.silent, s.usage.total()) {
        (0, _) | (_, None) => String::new(),
        (n, Some(_)) => format!(" ({n} did not say)"),
    };
    let lost = match (s.lost, s.charged.usd, s.charged.tokens) {
        (0, ..) => String::new(),
        (n, None, None) => format!("; {n} lost in a crash"),
        (n, usd, tokens) => {
            let usd = usd.map(|usd| format!("${usd:.2}"));
            let tokens = tokens.map(|n| format!("{} tokens", count(n)));
            let charged: Vec<String> = usd.into_iter().chain(tokens).collect();
            format!("; {n} lost in a crash, charged {}", charged.join(" and "))
        }
    };
    format!(
        "{}: {}{silent}, {}{lost}",
        plural(s.attempts as usize, "attempt"),
        tokens(s.usage),
        money(s.cost)
    )
}

/// A span of time for people: `3.4 s`, `2 min 13 s`, `1 h 02 min`.
pub(super) fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{}.{} s", seconds, millis % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The few colours in use, by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Strong,
    Good,
    Doubt,
    Bad,
    Plain,
}

impl Paint {
    /// Wraps text that is already clean.
    pub(super) fn on(self, color: bool, text: &str) -> String {
        let code = match self {
            Self::Strong => "1",
            Self::Good => "32",
            Self::Doubt => "33",
            Self::Bad => "31",
            Self::Plain => return text.to_owned(),
        };
        if color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn widths_and_cuts() {
        for (text, columns) in [
            ("abc", 3),
            ("日本", 4),
            ("e\u{301}", 1),
            ("", 0),
            ("✅", 2),
            ("한글", 4),
        ] {
            assert_eq!(width(text), columns, "{text}");
        }
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn small_formats() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(duration(3_450), "3.4 s");
        assert_eq!(duration(133_000), "2 min 13 s");
        assert_eq!(duration(3_725_000), "1 h 02 min");
        assert_eq!(shell_quote("todo:T003"), "todo:T003");
        assert_eq!(shell_quote("it's me"), r"'it'\''s me'");
        let path = |bytes: &'static [u8]| {
            use std::os::unix::ffi::OsStrExt;
            shell_quote_path(Path::new(std::ffi::OsStr::from_bytes(bytes)))
        };
        assert_eq!(path(b"/a  b/it's"), r"'/a  b/it'\''s'");
        assert_eq!(
            path(b"/a b\xff%'\\$x`"),
            r#""$(printf '/a b\377\045\047\134$x`')""#
        );
        assert_eq!(path(b"/a\nb"), r#""$(printf '/a\012b')""#);
        assert_eq!(
            wrap("one two three four five six", 2, 22),
            "  one two three four\n  five six\n"
        );
        assert_eq!(
            wrap("what the check printed ::stop-commands::x", 0, 26),
            "what the check printed\n:\\:stop-commands::x\n"
        );
        assert_eq!(money(Cost::Unknown), "cost unknown");
        let mut s = Spent::default();
        assert_eq!(spent(&s), "no engine run");
        s.add(
            Usage {
                input: Some(1000),
                cached: None,
                output: Some(5),
            },
            Cost::Usd(0.5),
        );
        assert_eq!(spent(&s), "1 attempt: 1,005 tokens, $0.50");
        s.add(Usage::default(), Cost::Unknown);
        assert_eq!(
            spent(&s),
            "2 attempts: 1,005 tokens (1 did not say), cost unknown"
        );
    }

    proptest! {
        #[test]
        fn no_line_of_a_wrapped_text_is_a_workflow_command(words in "[a: #\\[\u{200b}]{0,60}", columns in 20usize..30) {
            for line in wrap(&words, 2, columns).lines() {
                prop_assert!(!line.trim_start().starts_with("::"), "{line:?}");
            }
        }

        #[test]
        fn cuts_fit(text in any::<String>(), columns in 0usize..40) {
            prop_assert!(width(&cut(&text, columns)) <= columns);
        }
    }
}
