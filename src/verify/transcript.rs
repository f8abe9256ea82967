//! Bounded output of a check: head, tail, and from between them the lines that name failures, and those that
//! say what failed.

use super::failures::Scanner;
use super::report::telling;
use std::collections::VecDeque;

/// Bytes kept from the beginning.
const HEAD: usize = 8 << 10;
/// Bytes of lines naming failures that are kept from what lies between: judging needs them all.
const TELLING: usize = 24 << 10;
/// Bytes kept from there of what was asserted, and of headings that tell whose it is.
const ASSERTED: usize = 12 << 10;
/// Bytes kept from the end.
const TAIL: usize = 24 << 10;
/// Bytes kept of a check that passed.
const PASSED: usize = 1 << 10;

/// What a line is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    Nothing,
    /// It names a failure.
    Name,
    /// It says what failed.
    What,
}

/// Collects cleaned lines of both streams in the order they arrived.
#[derive(Debug, Default)]
pub struct Transcript {
    scanner: Scanner,
    head: String,
    telling: String,
    named: usize,
    asserted: usize,
    /// Lines that belong to the one before.
    follow: u8,
    tail: VecDeque<(Tells, String)>,
    tail_bytes: usize,
    cut: u64,
}

impl Transcript {
    /// Takes one line without its line end.
    pub fn push(&mut self, raw: &[u8]) {
        let line = clean_line(&String::from_utf8_lossy(raw));
        let said = telling(&line);
        let follows = self.follow;
        self.follow = follows.saturating_sub(1).max(said.unwrap_or(0));
        let tells = if self.scanner.feed(&line) {
            Tells::Name
        } else if said.is_some() || follows > 0 {
            Tells::What
        } else {
            Tells::Nothing
        };
        if self.tail.is_empty() && self.head.len() + line.len() < HEAD {
            self.head.push_str(&line);
            self.head.push('\n');
            return;
        }
        self.tail_bytes += line.len() + 1;
        self.tail.push_back((tells, line));
        while self.tail_bytes > TAIL && self.tail.len() > 1 {
            let Some((tells, line)) = self.tail.pop_front() else {
                break;
            };
            self.tail_bytes -= line.len() + 1;
            let (used, most) = match tells {
                Tells::Name => (&mut self.named, TELLING),
                Tells::What => (&mut self.asserted, ASSERTED),
                Tells::Nothing => (&mut self.asserted, 0),
            };
            if *used + line.len() < most {
                *used += line.len() + 1;
                self.telling.push_str(&line);
                self.telling.push('\n');
            } else {
                self.cut += line.len() as u64 + 1;
            }
        }
    }

    /// The kept text, with a note where something was cut.
    pub fn text(&self) -> String {
        let mut text = self.head.clone();
        if self.cut > 0 {
            text.push_str(&format!("[… {} bytes cut …]\n", self.cut));
        }
        text.push_str(&self.telling);
        for (_, line) in &self.tail {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The end of the text, for a check that passed: nobody judges by it.
    pub fn short(&self) -> String {
        let text = self.text();
        let from = text.ceil_char_boundary(text.len().saturating_sub(PASSED));
        match text[from..].find('\n') {
            Some(end) if from > 0 => text[from + end + 1..].to_owned(),
            _ => text[from..].to_owned(),
        }
    }
}

/// A text without terminal control: line by line as [`Transcript`] keeps it.
pub fn clean(text: &str) -> String {
    text.lines().map(clean_line).collect::<Vec<_>>().join("\n")
}

/// A line as a terminal would leave it: no escape sequences, no control characters but tabs, and of parts
/// that overwrite each other (progress bars) the last.
fn clean_line(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line
        .rsplit('\r')
        .find(|part| !part.trim().is_empty())
        .unwrap_or(line);
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Skips what follows an escape character (ECMA-48): CSI up to its final byte, OSC up to its terminator,
/// else one character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            for c in chars.by_ref() {
                if ('@'..='~').contains(&c) {
                    break;
                }
            }
        }
        Some(']') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' {
                    break;
                }
                if c == '\u{1b}' && chars.peek() == Some(&'\\') {
                    chars.next();
                    break;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cleaned() {
        let table: &[(&str, &str)] = &[
            ("plain\ttext", "plain\ttext"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            (
                "\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\ end",
                "link end",
            ),
            ("10%\r50%\r100%\r", "100%"),
            ("a\u{8}\u{7}b\u{0}", "ab"),
            ("\u{1b}", ""),
        ];
        for (raw, cleaned) in table {
            assert_eq!(clean_line(raw), *cleaned);
        }
    }

    #[test]
    fn a_failure_named_in_the_middle_is_kept() {
        let mut transcript = Transcript::default();
        for i in 0..50_000 {
            transcript.push(format!("noise {i}").as_bytes());
            if i == 25_000 {
                transcript.push(b"FAILED tests/test_a.py::test_x - boom");
            }
        }
        let text = transcript.text();
        assert!(text.len() <= HEAD + TELLING + ASSERTED + TAIL + 100);
        assert!(text.starts_with("noise 0\n") && text.ends_with("noise 49999\n"));
        assert!(text.contains("FAILED tests/test_a.py::test_x"));
        assert!(text.contains("bytes cut"));
        assert!(transcript.short().len() <= PASSED);
    }

    /// A recording that stands in the middle of much else reads as it does alone.
    #[test]
    fn failures_in_the_middle_are_told_as_if_they_stood_alone() {
        use super::super::report::{Format, read_lines};
        let mut lost = Vec::new();
        for (name, format) in [
            ("libtest.txt", Format::Libtest),
            ("pytest-v.txt", Format::Pytest),
            ("unittest-v.txt", Format::Unittest),
            ("go-json.txt", Format::GoJson),
            ("go.txt", Format::GoText),
            ("node-tap.txt", Format::Tap),
            ("jest.txt", Format::Jest),
            ("vitest.txt", Format::Vitest),
            ("mocha.txt", Format::Mocha),
        ] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
            let recording = std::fs::read_to_string(path.join(name)).unwrap();
            let alone = read_lines(format, &clean(&recording));
            let noise = |transcript: &mut Transcript| {
                for i in 0..4_000 {
                    transcript.push(format!("INFO a line of a log, number {i}").as_bytes());
                }
            };
            let mut transcript = Transcript::default();
            noise(&mut transcript);
            recording
                .lines()
                .for_each(|line| transcript.push(line.as_bytes()));
            noise(&mut transcript);
            let text = transcript.text();
            assert!(text.len() <= HEAD + TELLING + ASSERTED + TAIL + 100);
            let kept = read_lines(format, &text);
            for failure in &alone.failures {
                let same = kept.failures.iter().find(|f| f.test == failure.test);
                if same.map(|f| f.kind) != Some(failure.kind) {
                    lost.push(format!("{name}: {failure:?}, now {same:?}"));
                }
            }
        }
        assert!(lost.is_empty(), "{}", lost.join("\n"));
    }

    proptest::proptest! {
        #[test]
        fn a_transcript_is_bounded_whatever_comes(lines in proptest::collection::vec(proptest::collection::vec(0u8.., 0..9_000), 0..12)) {
            let mut transcript = Transcript::default();
            for line in &lines {
                transcript.push(line);
            }
            // Replaced bytes are up to three times as long; one line may be over the bound by itself.
            proptest::prop_assert!(transcript.text().len() <= HEAD + TELLING + ASSERTED + TAIL + 3 * 9_000 + 100);
            transcript.short();
        }
    }
}
