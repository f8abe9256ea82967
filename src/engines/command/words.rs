//! Words of foreign programs: patterns with stars, bounded excerpts, HTTP statuses in a sentence. Pure.

use std::borrow::Cow;

/// Characters of a foreign text that are kept in an error or an ending.
const MESSAGE_CHARS: usize = 500;
/// Characters of a value that are shown to people in a step.
const STEP_CHARS: usize = 80;

/// True when `text` is as `pattern` says, in which `*` stands for anything. Case does not matter, and a curly
/// apostrophe is a straight one: sentences change such things between releases.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (straight(pattern), straight(text));
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = strip(&text, first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match find(rest, part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len()
        && rest[rest.len() - last.len()..].eq_ignore_ascii_case(last.as_bytes())
}

/// Where `part` begins in `text`, in bytes; case does not matter.
pub(super) fn position(text: &str, part: &str) -> Option<usize> {
    find(text.as_bytes(), part)
}

fn straight(text: &str) -> Cow<'_, str> {
    match text.contains('’') {
        true => Cow::Owned(text.replace('’', "'")),
        false => Cow::Borrowed(text),
    }
}

fn strip<'a>(text: &'a str, head: &str) -> Option<&'a [u8]> {
    let (start, rest) = text.as_bytes().split_at_checked(head.len())?;
    start.eq_ignore_ascii_case(head.as_bytes()).then_some(rest)
}

fn find(text: &[u8], part: &str) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    text.windows(part.len())
        .position(|w| w.eq_ignore_ascii_case(part.as_bytes()))
}

/// The HTTP status that stands behind the first of these phrases: `last status: 429 Too Many Requests`.
pub(super) fn status_after(phrases: &[String], text: &str) -> Option<u16> {
    phrases.iter().find_map(|phrase| {
        let rest = text[position(text, phrase)? + phrase.len()..].trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end]
            .parse()
            .ok()
            .filter(|status| (100..600).contains(status))
    })
}

/// The first line, bounded, without what could move a terminal's cursor.
pub(super) fn brief(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(STEP_CHARS).collect();
    if shown.len() < line.len() || text.trim().len() > line.len() {
        shown.push('…');
    }
    shown
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The beginning of a text, bounded.
pub(super) fn clip(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The end of a text, bounded: what a program says last matters most.
pub(super) fn tail(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().rev().nth(MESSAGE_CHARS - 1) {
        Some((at, _)) if at > 0 => format!("…{}", &text[at..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text) in [
            ("turn.failed", "turn.failed"),
            ("Turn.*", "turn.failed"),
            ("*", ""),
            ("*429*", "last status: 429 Too Many"),
            ("a*b*c", "aXbYbZc"),
            ("You've hit*limit*", "You’ve hit your usage limit."),
            ("*é*", "caf\u{e9}!"),
            ("ab*ab", "abab"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("turn", "turn.failed"),
            ("turn.failed", "turn"),
            ("a*b*c", "acb"),
            ("ab*ab", "ab"),
            ("", "x"),
            ("*x", ""),
            ("é", "e"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn statuses() {
        let after = ["last status: ".to_owned(), "unexpected status ".to_owned()];
        for (text, status) in [
            (
                "exceeded retry limit, last status: 429 Too Many Requests",
                Some(429),
            ),
            ("Unexpected status 401 Unauthorized: x", Some(401)),
            ("last status: 503", Some(503)),
            ("last status:  502, x", Some(502)),
            ("last status: 4290", None),
            ("last status: 99", None),
            ("last status: +42", None),
            ("last status: 999", None),
            ("last status: é", None),
            ("status 429", None),
        ] {
            assert_eq!(status_after(&after, text), status, "{text}");
        }
    }

    #[test]
    fn excerpts() {
        assert_eq!(brief(" a\u{1b}[2Jb \nmore"), "a [2Jb …");
        assert_eq!(clip(&"é".repeat(600)).chars().count(), 501);
        assert_eq!(
            tail(&format!("{}end", "é".repeat(600))).chars().count(),
            501
        );
        assert!(tail(&format!("{}end", "é".repeat(600))).ends_with("end"));
        assert_eq!((tail(" x "), clip(" x ")), ("x".to_owned(), "x".to_owned()));
    }
}
