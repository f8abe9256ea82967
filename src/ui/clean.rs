//! Foreign text on its way to a terminal or a log: nothing in it is obeyed, and nothing in it disappears.
//!
//! What a terminal or a CI system would act on is shown instead: a control character as its picture (`␛`), what
//! reorders or hides text as `\u{202e}`, and a workflow command with a backslash in it.

use super::text::is_zero_width;
use crate::model::report::{is_hidden_char, is_unsafe_char};
use std::borrow::Cow;

/// Makes foreign text safe to print. Line feeds and tabs stay; `\r\n` becomes a line feed.
///
/// Workflow commands of CI systems are broken up: `::name::` at the start of a line and `##[name]` anywhere (GitHub
/// Actions, Gitea and Azure read those from a job's output), `##vso[`, `##teamcity[`, and the marks of sections of
/// GitLab and Travis. Borrows when there is nothing to do.
pub fn clean(text: &str) -> Cow<'_, str> {
    // Most text is, and that is told many bytes at a time.
    let is_plain = |b: &u8| matches!(b, b' '..=b'~' | b'\n' | b'\t') && !matches!(b, b':' | b'#');
    if text.as_bytes().iter().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let suspicious = |c: char| {
        (is_unsafe_char(c) && !matches!(c, '\n' | '\t'))
            || is_hidden_char(c)
            || matches!(c, ':' | '#')
    };
    if !text.contains(suspicious) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut line_is_blank = true;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\r' if chars.peek().is_some_and(|(_, n)| *n == '\n') => continue,
            '\n' | '\t' => out.push(c),
            c if is_unsafe_char(c) || is_hidden_char(c) => show(&mut out, c),
            ':' if line_is_blank && chars.peek().is_some_and(|(_, n)| *n == ':') => {
                out.push_str(":\\");
            }
            ':' if SECTIONS.iter().any(|mark| out.ends_with(mark)) => out.push_str("\\:"),
            '#' if speaks_to_ci(&text[at..]) => out.push_str("#\\"),
            c => out.push(c),
        }
        // Readers of commands skip more than blanks before them.
        line_is_blank = c == '\n'
            || (line_is_blank && (c.is_whitespace() || is_unsafe_char(c) || is_zero_width(c)));
    }
    if out == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(out)
    }
}

/// What stands before the colon of marks that fold a job's output.
const SECTIONS: [&str; 4] = ["section_start", "section_end", "travis_fold", "travis_time"];

fn speaks_to_ci(rest: &str) -> bool {
    ["##[", "##vso[", "##teamcity["].iter().any(|m| {
        rest.get(..m.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(m))
    })
}

fn show(out: &mut String, c: char) {
    match c {
        '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
        '\u{7f}' => out.push('\u{2421}'),
        _ => out.extend(c.escape_unicode()),
    }
}

/// Writes characters that a terminal would obey as `\u` escapes, and the `#` of what a CI system would obey wherever
/// it stands. The value stays the same: JSON has them inside strings only, but for the line feeds between its lines.
pub(super) fn escape_unsafe(json: String) -> String {
    escape_commands(escape_controls(json))
}

fn escape_commands(json: String) -> String {
    if !json.contains("##") {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for (at, c) in json.char_indices() {
        match c {
            '#' if speaks_to_ci(&json[at..]) => out.push_str("\\u0023"),
            c => out.push(c),
        }
    }
    out
}

fn escape_controls(json: String) -> String {
    let unsafe_here = |c: char| (is_unsafe_char(c) && c != '\n') || is_hidden_char(c);
    // Most is plain ASCII, which is told block by block much sooner than character by character.
    let plain = |b: &u8| matches!(b, b'\n' | b' '..=b'~');
    let mut blocks = json.as_bytes().chunks(1024);
    if blocks.all(|block| block.iter().fold(true, |all, b| all & plain(b))) {
        return json;
    }
    if !json.contains(unsafe_here) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if unsafe_here(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{json_line, json_text};
    use proptest::prelude::*;

    #[test]
    fn neutralisation_table() {
        for (hostile, harmless) in [
            ("plain text, naïve, 日本", "plain text, naïve, 日本"),
            ("\x1b[2Jgone", "␛[2Jgone"),
            (
                "\x1b]8;;http://evil\x07click\x1b]8;;\x07",
                "␛]8;;http://evil␇click␛]8;;␇",
            ),
            ("\x1b]52;c;cm0gLXJm\x07", "␛]52;c;cm0gLXJm␇"),
            ("\x1bP+q544e\x1b\\", "␛P+q544e␛\\"),
            ("\x1b_Gf=100;x\x1b\\", "␛_Gf=100;x␛\\"),
            ("\u{9b}31mred", "\\u{9b}31mred"),
            ("\u{9d}0;title\u{9c}", "\\u{9d}0;title\\u{9c}"),
            ("progress\rovertyped", "progress␍overtyped"),
            ("abc\x08\x08\x08xyz", "abc␈␈␈xyz"),
            ("dos\r\nline", "dos\nline"),
            ("a\tb\nc", "a\tb\nc"),
            ("bell\x07 del\x7f nul\0", "bell␇ del␡ nul␀"),
            ("so\x0eup\x0f", "so␎up␏"),
            ("user\u{202e}nimda", "user\\u{202e}nimda"),
            ("\u{2066}isolate\u{2069}", "\\u{2066}isolate\\u{2069}"),
            ("mark\u{200f}ed", "mark\\u{200f}ed"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("line\u{2028}sep\u{2029}", "line\\u{2028}sep\\u{2029}"),
            ("pass\u{200b}word", "pass\\u{200b}word"),
            ("a\u{2060}b\u{feff}c", "a\\u{2060}b\\u{feff}c"),
            ("fill\u{3164}er\u{115f}", "fill\\u{3164}er\\u{115f}"),
            (
                "👩\u{200d}👧 ❤\u{fe0f} می\u{200c}خ",
                "👩\u{200d}👧 ❤\u{fe0f} می\u{200c}خ",
            ),
            ("::set-output name=x::y", ":\\:set-output name=x::y"),
            ("ok\n  ::error::no", "ok\n  :\\:error::no"),
            ("\u{200b}::warning::x", "\\u{200b}:\\:warning::x"),
            ("\u{a0}::warning::x", "\u{a0}:\\:warning::x"),
            ("::::x", ":\\:::x"),
            ("std::fs::read", "std::fs::read"),
            ("x ##[group]y", "x #\\#[group]y"),
            ("###[b", "##\\#[b"),
            ("##vso[task.setvariable]", "#\\#vso[task.setvariable]"),
            ("##VSO[task.setvariable]", "#\\#VSO[task.setvariable]"),
            ("##teamcity[buildStop]", "#\\#teamcity[buildStop]"),
            ("section_start:1:a\r\x1b[0K", "section_start\\:1:a␍␛[0K"),
            ("section_end:1:a", "section_end\\:1:a"),
            ("travis_fold:start:a", "travis_fold\\:start:a"),
            ("## Heading #3", "## Heading #3"),
        ] {
            assert_eq!(clean(hostile), harmless, "{hostile:?}");
        }
        assert!(matches!(clean("std::fs #1"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_shows_no_controls() {
        let value = serde_json::json!({"a": "\u{9b}2J\n\u{202e}\u{200b}", "b": [1]});
        let text = json_text(&value);
        assert_eq!(
            text,
            "{\n  \"a\": \"\\u009b2J\\n\\u202e\\u200b\",\n  \"b\": [\n    1\n  ]\n}\n"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    #[test]
    fn json_speaks_to_no_ci_system() {
        let value = serde_json::json!({"a": "##[error]x ##vso[y] ## z ###[b"});
        let line = json_line(&value);
        assert_eq!(
            line,
            r###"{"a":"\u0023#[error]x \u0023#vso[y] ## z #\u0023#[b"}"###
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&line).unwrap(),
            value
        );
    }

    proptest! {
        #[test]
        fn nothing_unsafe_survives(text in any::<String>()) {
            let safe = clean(&text);
            prop_assert!(!safe.chars().any(|c| (is_unsafe_char(c) && c != '\n' && c != '\t') || is_hidden_char(c)));
            prop_assert_eq!(clean(&safe), safe.as_ref());
        }

        #[test]
        fn no_line_is_a_command(text in "[a:#\\[\\]vso \n\t\u{200b}\u{feff}\u{a0}\r]{0,40}") {
            for line in clean(&text).lines() {
                prop_assert!(!line.trim_start().starts_with("::"), "{line:?}");
                prop_assert!(!line.contains("##[") && !line.contains("##vso["), "{line:?}");
            }
        }
    }
}
