//! What compilers and linters say: an error with its place.

use super::collect::{Collect, Message, failure};
use super::kind::kind_of;
use super::traces::file_line;
use super::{Lines, Read};
use crate::pattern::pattern;
use regex::Regex;
use std::sync::LazyLock;

/// `error: …` lines of cargo and rustc that name no error of their own.
const NOISE: &[&str] = &[
    "aborting due to ",
    "could not compile ",
    "test failed, to rerun pass ",
    "test run failed",
    "doctest failed, to rerun",
    "command `",
    "build failed",
    "process didn't exit successfully",
];

/// True for a line `error: …` that says something of its own.
fn tells(rest: &str) -> bool {
    !NOISE.iter().any(|n| rest.starts_with(n)) && !rest.ends_with(" failed:")
}

/// rustc's errors: a line with the message, and one with its place, which follows.
#[derive(Debug, Default)]
pub struct Rustc {
    open: Option<String>,
    /// Lines since the message: its place is not far.
    since: u8,
}

impl Rustc {
    /// Takes one line; true when it belonged to an error.
    pub fn line(&mut self, line: &str, out: &mut Collect) -> bool {
        let headline = line
            .strip_prefix("error: ")
            .map_or_else(|| line.starts_with("error["), tells);
        if headline {
            self.close(None, out);
            self.open = Some(line.to_owned());
            self.since = 0;
            return true;
        }
        if self.open.is_none() {
            return false;
        }
        self.since += 1;
        match line.trim_start().strip_prefix("--> ") {
            Some(place) => self.close(file_line(place), out),
            None if line.is_empty() || self.since > 4 => self.close(None, out),
            None => {
                if let Some(open) = self.open.as_mut().filter(|o| o.len() < 1_000) {
                    open.push('\n');
                    open.push_str(line);
                }
            }
        }
        true
    }

    /// The last error, whose place may not come any more.
    pub fn close(&mut self, place: Option<(String, Option<u32>)>, out: &mut Collect) {
        if let Some(message) = self.open.take() {
            let kind = kind_of(&message);
            out.broken(failure(None, place, &message, kind));
        }
    }
}

/// `file:line[:column]: message`. No time of day, no address: the file has a dot or a slash.
static LOCATED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:vet: )?((?:[A-Za-z]:)?[^\s:]*[./][^\s:]*):(\d+)(?::\d+)?:? (.+)$")
});
/// tsc: `src/a.ts(3,5): error TS2304: …`.
static TSC: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(\S+?)\((\d+),\d+\): (error TS\d+: .+)$"));
/// eslint: `  3:5  error  … rule`, below a line with the file.
static ESLINT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s+(\d+):\d+\s+error\s+(.+)$"));
/// ruff's rule codes at the beginning of a line.
static RULE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[A-Z]{1,4}\d{2,4} (?:\[\*\] )?.+$|^invalid-syntax: .+$"));

/// A located line of a compiler, with whether it is an error.
pub fn located(line: &str) -> Option<(String, u32, &str)> {
    let found = LOCATED.captures(line)?;
    let message = found.get(3)?.as_str();
    let soft = ["note: ", "warning: ", "warn: ", "help: ", "info: ", "in "];
    if soft.iter().any(|s| message.starts_with(s)) {
        return None;
    }
    Some((found[1].to_owned(), found[2].parse().ok()?, message))
}

/// All of them, one after the other.
#[derive(Debug, Default)]
pub struct Compilers {
    out: Collect,
    rustc: Rustc,
    heading: String,
    /// A rule of ruff, until its place comes.
    rule: Option<String>,
    /// Python's `File "…", line 3` before what it says.
    python: Option<(String, u32)>,
}

impl Lines for Compilers {
    fn line(&mut self, line: &str) {
        if let (Some(place), Some(rule)) =
            (line.trim_start().strip_prefix("--> "), self.rule.take())
        {
            self.out
                .broken(failure(None, file_line(place), &rule, kind_of(&rule)));
            return;
        }
        if self.rustc.line(line, &mut self.out) {
            return;
        }
        if let Some((file, number, message)) = located(line) {
            self.push(file, number, message);
        } else if let Some(found) = TSC.captures(line) {
            self.push(
                found[1].to_owned(),
                found[2].parse().unwrap_or(0),
                &found[3],
            );
        } else if let Some(found) = ESLINT.captures(line) {
            let message = found[2].split_whitespace().collect::<Vec<_>>().join(" ");
            self.push(
                self.heading.clone(),
                found[1].parse().unwrap_or(0),
                &message,
            );
        } else if RULE.is_match(line) {
            self.rule = Some(line.to_owned());
        } else if let Some(place) = python_frame(line) {
            self.python = Some(place);
        } else if let Some(place) = self.python.clone().filter(|_| {
            let errors = ["SyntaxError: ", "IndentationError: ", "TabError: "];
            errors.iter().any(|e| line.trim_start().starts_with(e))
        }) {
            self.push(place.0, place.1, line.trim_start());
        } else if line.starts_with(['/', '.']) && !line.contains(char::is_whitespace) {
            line.clone_into(&mut self.heading);
        }
    }

    fn finish(mut self: Box<Self>) -> Read {
        self.rustc.close(None, &mut self.out);
        let certain = self.out.has_broken();
        Read {
            report: self.out.finish(false),
            certain,
        }
    }
}

impl Compilers {
    fn push(&mut self, file: String, line: u32, message: &str) {
        let message = Message::of([message]);
        let kind = kind_of(message.text());
        self.out.broken(failure(
            None,
            Some((file, Some(line).filter(|l| *l > 0))),
            message.text(),
            kind,
        ));
    }
}

/// `  File "a.py", line 3, in f`.
pub fn python_frame(line: &str) -> Option<(String, u32)> {
    let rest = line.trim_start().strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((file.to_owned(), digits.parse().ok()?))
}

/// What a package's build said under a heading of its own: the place and the kind of a line, if it has them.
pub fn build_failure(line: &str) -> super::Failure {
    match located(line) {
        Some((file, number, message)) => failure(
            None,
            Some((file.trim_start_matches("./").to_owned(), Some(number))),
            message,
            kind_of(line),
        ),
        None => failure(None, None, line, kind_of(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, read_lines};

    #[test]
    fn errors_are_read_with_their_places() {
        let text = "\
src/a.ts(3,5): error TS2304: Cannot find name 'x'.
/r/b.js
  3:5   error  'x' is not defined  no-undef
  9:1   warning  unused  no-unused-vars

✖ 2 problems (1 error, 1 warning)
a.py:1:8: F401 `os` imported but unused
c.py:3: error: Name \"y\" is not defined  [name-defined]
F821 Undefined name `z`
 --> d.py:4:2
e.c:3:5: error: expected ';' before '}' token
e.c:2:5: warning: unused variable
  File \"f.py\", line 7
    def f(:
          ^
SyntaxError: invalid syntax
12:30:01 all is well
https://example.com:80 answered
error: this could be simpler
  --> src/lib.rs:3:5
   |
error: could not compile `small` (lib) due to 1 previous error
";
        let report = read_lines(Format::Compiler, text);
        let found: Vec<String> = report
            .broken
            .iter()
            .map(|f| {
                format!(
                    "{}:{} {:?} {}",
                    f.file.as_deref().unwrap_or(""),
                    f.line.unwrap_or(0),
                    f.kind,
                    f.message
                )
            })
            .collect();
        insta::assert_snapshot!("compilers", found.join("\n"));
        assert_eq!(report.tests, None);
    }
}
