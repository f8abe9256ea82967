//! Places and messages out of what languages print when something is thrown.

use super::collect::Message;
use std::collections::VecDeque;

/// `a/b.rs:3:5`, `a/b.rs:3`: file and line.
pub fn file_line(text: &str) -> Option<(String, Option<u32>)> {
    let mut parts = text.split(':');
    let mut file = parts.next()?.to_owned();
    let mut next = parts.next()?;
    // A drive: `C:\a.js:3:5`.
    if file.len() == 1 && next.starts_with(['\\', '/']) {
        file = format!("{file}:{next}");
        next = parts.next()?;
    }
    let digits: String = next.chars().take_while(char::is_ascii_digit).collect();
    let line = digits.parse().ok()?;
    let whole = !file.is_empty() && digits.len() == next.len();
    whole.then_some((file, Some(line)))
}

/// What a Rust test says when it panics or gives an error back: the last one counts.
#[derive(Debug, Default)]
pub struct Panic {
    place: Option<(String, Option<u32>)>,
    message: Message,
    open: bool,
    panicked: bool,
    /// The end of what it printed, where it did not panic.
    last: VecDeque<String>,
}

impl Panic {
    /// Takes a line without the indentation of its block.
    pub fn line(&mut self, line: &str) {
        let text = line.trim_start();
        if let Some((_, place)) = text
            .split_once(" panicked at ")
            .filter(|_| text.starts_with("thread '"))
        {
            let (place, message) = match place.strip_prefix('\'') {
                // Before Rust 1.73: panicked at 'message', src/lib.rs:3:5
                Some(old) => old.rsplit_once("', ").map_or((old, ""), |(m, p)| (p, m)),
                None => (place, ""),
            };
            *self = Self {
                place: file_line(place.trim_end_matches(':')),
                open: true,
                panicked: true,
                ..Self::default()
            };
            self.message.push(message);
            return;
        }
        if self.open {
            self.open = !(text.is_empty() || is_backtrace(text));
            if self.open {
                self.message.push(line);
            }
            return;
        }
        if self.panicked || text.is_empty() || is_backtrace(text) {
            return;
        }
        if let Some(place) = text.strip_prefix("--> ") {
            self.place = self.place.take().or_else(|| file_line(place));
        }
        if self.last.len() == 8 {
            self.last.pop_front();
        }
        self.last.push_back(cut(line, 300).to_owned());
    }

    /// Inside the message of a panic.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Place and message.
    pub fn finish(self) -> (Option<(String, Option<u32>)>, String) {
        let message = if self.message.is_empty() {
            let told = self
                .last
                .iter()
                .position(|l| l.starts_with("Error: ") || l.starts_with("error"));
            Message::of(self.last.iter().skip(told.unwrap_or(0)).map(String::as_str))
        } else {
            self.message
        };
        let place = self.place.or_else(|| {
            let (_, at) = message.text().split_once("as expected at ")?;
            file_line(at.lines().next()?)
        });
        (place, message.text().to_owned())
    }
}

fn is_backtrace(text: &str) -> bool {
    text == "stack backtrace:"
        || text.starts_with("note: run with `RUST_BACKTRACE")
        || text.starts_with("note: Some details are omitted")
}

/// The beginning of a text, cut at a character.
pub fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// A line of a JavaScript stack.
pub fn is_js_frame(line: &str) -> bool {
    let text = line.trim_start();
    (text.starts_with("at ")
        && (text.ends_with(')') || text.ends_with(") {") || js_place(text).is_some()))
        || text.starts_with("❯ ") && js_place(text).is_some()
}

/// The place that a frame names, unless it is the runtime's or a package's.
pub fn js_place(line: &str) -> Option<(String, Option<u32>)> {
    let text = line.trim_start().trim_end_matches(" {");
    let text = text
        .strip_prefix("at ")
        .or_else(|| text.strip_prefix("❯ "))?;
    let place = match text.rsplit_once('(') {
        Some((_, inner)) => inner.trim_end_matches(')'),
        None => text.rsplit(' ').next()?,
    };
    let place = place.strip_prefix("file://").unwrap_or(place);
    let foreign = ["node:", "node_modules/", "<anonymous>", "internal/"];
    if foreign.iter().any(|f| place.contains(f)) {
        return None;
    }
    file_line(place)
}

/// What matters of a JavaScript failure: message and difference without stack and dump of fields, and the
/// first place of the project's own.
#[derive(Debug, Default)]
pub struct Thrown {
    pub message: Message,
    place: Option<(String, Option<u32>)>,
    /// Inside the fields that node prints after the stack.
    stacked: bool,
}

impl Thrown {
    /// Takes a line without the indentation of its block.
    pub fn line(&mut self, line: &str) {
        let text = line.trim();
        if is_js_frame(line) {
            self.stacked = true;
            if self.place.is_none() {
                self.place = js_place(line);
            }
            return;
        }
        // Lines around the one that failed in a code frame, and what only restates the stack.
        if self.stacked || text.is_empty() || is_code_frame(text) {
            return;
        }
        self.message.push(line);
    }

    pub fn place(&self) -> Option<(String, Option<u32>)> {
        self.place.clone()
    }
}

/// `  12 | code`, `     |   ^`; not the line with the arrow.
fn is_code_frame(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.strip_prefix(['|', '│'])
        .or_else(|| rest.trim_start().strip_prefix(['|', '│']))
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let table: &[(&str, Option<(&str, u32)>)] = &[
            (
                "    at Object.toBe (a.test.js:3:41)",
                Some(("a.test.js", 3)),
            ),
            ("at /x/a.js:3:41", Some(("/x/a.js", 3))),
            ("at async file:///x/a.mjs:3:41", Some(("/x/a.mjs", 3))),
            (" ❯ a.test.js:12:1", Some(("a.test.js", 12))),
            ("at Test.run (node:internal/test_runner/test:796:25)", None),
            ("at x (/a/node_modules/b/c.js:1:2)", None),
            ("at new Promise (<anonymous>)", None),
            ("at noon we eat", None),
        ];
        for (line, expected) in table {
            let place = js_place(line);
            let found = place.as_ref().map(|(f, l)| (f.as_str(), l.unwrap()));
            assert_eq!(found, *expected, "{line}");
        }
        assert_eq!(
            file_line("C:\\a.rs:3:5"),
            Some(("C:\\a.rs".to_owned(), Some(3)))
        );
        for bad in ["", ":", "a", "a:", "a:b", ":3", "a:3x"] {
            assert_eq!(file_line(bad), None, "{bad}");
        }
    }
}
