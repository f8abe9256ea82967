//! The Test Anything Protocol, with node's and vitest's ways of nesting.

use super::collect::{Collect, Message, failure};
use super::kind::{kind_of, kind_or};
use super::traces::{cut, file_line, is_js_frame};
use super::{Failure, Lines, Read, Redness};
use crate::model::TestStatus;
use std::collections::VecDeque;

/// Nesting that is followed.
const MAX_DEPTH: usize = 32;

/// The YAML block of a test.
#[derive(Debug, Default)]
struct Yaml {
    message: Message,
    name: String,
    place: Option<(String, Option<u32>)>,
    failure_type: String,
    exited: bool,
    /// Column of the key whose block of text comes.
    block: Option<usize>,
}

/// A result whose YAML block may follow.
#[derive(Debug)]
struct Result {
    name: String,
    description: String,
    status: TestStatus,
    /// It has tests of its own: they count, not it.
    suite: bool,
    child_failed: bool,
    yaml: Yaml,
}

#[derive(Debug, Default)]
pub struct Tap {
    out: Collect,
    certain: bool,
    version: bool,
    results: usize,
    /// Names announced by `# Subtest:` or by a line that ends in `{`, by depth.
    path: Vec<String>,
    /// Children seen at a depth since its parent, and whether one failed.
    children: Vec<(usize, bool)>,
    last: Option<Result>,
    /// Column of the open YAML block.
    yaml: Option<usize>,
    plan: Option<usize>,
    top: usize,
    /// The latest comments: node puts there what a file that died said.
    comments: VecDeque<String>,
}

impl Lines for Tap {
    fn line(&mut self, line: &str) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(column) = self.yaml {
            // Where an output was cut, the block's end may be gone.
            let next = text.starts_with("# Subtest: ") || point(text).is_some();
            if indent >= column || text.is_empty() || !next {
                if text == "..." && indent <= column {
                    self.close();
                } else if let Some(last) = &mut self.last {
                    last.yaml.line(line, indent, column);
                }
                return;
            }
            self.close();
        }
        if text == "---" && self.last.is_some() {
            self.yaml = Some(indent);
            return;
        }
        let depth = (indent / 4).min(MAX_DEPTH);
        if text == "}" {
            self.close();
            self.path.truncate(depth);
            self.children.truncate(depth + 1);
            return;
        }
        if let Some(comment) = text.strip_prefix('#') {
            self.comment(comment.trim_start(), depth);
            return;
        }
        if let Some(plan) = text.strip_prefix("1..") {
            let count: String = plan.chars().take_while(char::is_ascii_digit).collect();
            if let (0, Ok(count)) = (indent, count.parse::<usize>()) {
                self.certain |=
                    self.version || self.results > 0 || count == 0 || plan == count.to_string();
                self.plan = Some(self.plan.unwrap_or(0) + count);
            }
            return;
        }
        if text.starts_with("TAP version ") {
            self.version = true;
            self.certain = true;
            return;
        }
        if let Some(why) = text.strip_prefix("Bail out!") {
            self.close();
            let message = format!("the tests gave up:{why}");
            self.out
                .broken(failure(None, None, &message, kind_or(why, Redness::Crash)));
            return;
        }
        if let Some((passed, rest)) = point(text) {
            self.close();
            self.point(passed, rest, depth);
        }
    }

    fn finish(mut self: Box<Self>) -> Read {
        self.close();
        if let Some(plan) = self.plan.filter(|plan| self.top < *plan) {
            let message = format!("{plan} tests were planned, {} came", self.top);
            self.out
                .broken(failure(None, None, &message, Redness::Crash));
        }
        self.out.nothing = self.plan == Some(0);
        Read {
            certain: self.certain && (self.results > 0 || self.out.nothing),
            report: self.out.finish(true),
        }
    }
}

impl Tap {
    fn comment(&mut self, comment: &str, depth: usize) {
        if let Some(name) = comment.strip_prefix("Subtest: ") {
            self.close();
            self.path.truncate(depth);
            self.path.push(unescape(name));
            self.children.truncate(depth + 1);
            return;
        }
        if self.comments.len() == 24 {
            self.comments.pop_front();
        }
        self.comments.push_back(cut(comment, 400).to_owned());
    }

    fn point(&mut self, passed: bool, rest: &str, depth: usize) {
        self.results += 1;
        self.top += usize::from(depth == 0);
        let (rest, opens) = match rest.strip_suffix('{') {
            Some(rest) => (rest.trim_end(), true),
            None => (rest, false),
        };
        let (description, directive) = split_directive(rest);
        let description = if description.is_empty() {
            format!("{}", self.results)
        } else {
            description
        };
        let status = match (directive, passed) {
            (Some(_), _) => TestStatus::Skipped,
            (None, true) => TestStatus::Passed,
            (None, false) => TestStatus::Failed,
        };
        self.path.truncate(depth);
        let mut name = self.path.join(" > ");
        if !name.is_empty() {
            name.push_str(" > ");
        }
        name.push_str(&description);
        self.children
            .resize(self.children.len().max(depth + 2), (0, false));
        let (inside, child_failed) = self.children[depth + 1];
        self.children.truncate(depth + 1);
        let suite = opens || inside > 0;
        let here = &mut self.children[depth];
        here.0 += 1;
        here.1 |= status == TestStatus::Failed;
        if opens {
            self.path.push(description.clone());
        }
        self.last = Some(Result {
            name,
            description,
            status,
            suite,
            // Children that come in braces are told after it.
            child_failed: child_failed || opens,
            yaml: Yaml::default(),
        });
    }

    /// Takes the last result over, with what its block said.
    fn close(&mut self) {
        self.yaml = None;
        let Some(result) = self.last.take() else {
            return;
        };
        let yaml = result.yaml;
        let message = if yaml.name.is_empty() || yaml.message.text().starts_with(&yaml.name) {
            yaml.message.text().to_owned()
        } else {
            format!("{}: {}", yaml.name, yaml.message.text())
        };
        let kind = match yaml.failure_type.as_str() {
            "testTimeoutFailure" => Redness::Timeout,
            _ => kind_or(&message, Redness::Crash),
        };
        // A file that died before it had tests.
        let is_file = result.status == TestStatus::Failed
            && !result.suite
            && (yaml.exited || is_script(&result.description));
        if is_file {
            let said = Message::of(
                self.comments
                    .iter()
                    .map(String::as_str)
                    .filter(|c| !is_js_frame(c) && !c.trim().is_empty()),
            );
            let text = if said.is_empty() {
                message
            } else {
                error_first(said.text())
            };
            let kind = kind_or(&text, Redness::Crash);
            self.out
                .broken(failure(None, Some((result.description, None)), &text, kind));
            self.comments.clear();
            return;
        }
        self.comments.clear();
        if result.suite {
            if result.status == TestStatus::Failed && !result.child_failed {
                self.out.broken(Failure {
                    message: format!("{}: {message}", result.name),
                    ..failure(None, yaml.place, "", kind)
                });
            }
            return;
        }
        self.out.test(&result.name, result.status);
        if result.status == TestStatus::Failed {
            self.out
                .fail(failure(Some(&result.name), yaml.place, &message, kind));
        }
    }
}

impl Yaml {
    fn line(&mut self, line: &str, indent: usize, column: usize) {
        if let Some(block) = self.block {
            if indent > block || line.trim().is_empty() {
                self.message.push(line.get(block + 2..).unwrap_or_default());
                return;
            }
            self.block = None;
        }
        let Some((key, value)) = line.trim().split_once(':') else {
            return;
        };
        let value = value.trim();
        match key {
            // An empty `error:` is a table of its own.
            "error" | "message" if value.is_empty() => {}
            "error" | "message" if value.starts_with(['|', '>']) => self.block = Some(indent),
            "error" | "message" if self.message.is_empty() => {
                for part in unquote(value).split("\\n") {
                    self.message.push(part);
                }
            }
            "name" => self.name = cut(&unquote(value), 100).to_owned(),
            "location" | "at" if indent <= column + 4 => {
                let place = unquote(value);
                self.place = file_line(place.strip_prefix("file://").unwrap_or(&place));
            }
            "failureType" => self.failure_type = cut(&unquote(value), 100).to_owned(),
            "exitCode" => self.exited = true,
            "expected" | "actual"
                if !value.is_empty() && self.message.text().lines().count() < 8 =>
            {
                self.message
                    .push(&format!("{key}: {}", cut(&unquote(value), 200)));
            }
            _ => {}
        }
    }
}

/// `ok 2 - name`, `not ok 2 name`: whether it passed, and the rest.
fn point(text: &str) -> Option<(bool, &str)> {
    let (passed, rest) = match text.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let rest = rest.trim_start();
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let numbered = digits > 0 && matches!(rest.as_bytes().get(digits), None | Some(b' '));
    let rest = if numbered {
        rest[digits..].trim_start()
    } else {
        rest
    };
    if !numbered && !rest.starts_with("- ") && !rest.is_empty() {
        return None;
    }
    Some((passed, rest.strip_prefix("- ").unwrap_or(rest)))
}

/// Description and directive. `# time=2ms` is none.
fn split_directive(rest: &str) -> (String, Option<&str>) {
    let mut directive = None;
    let mut description = rest;
    while let Some((before, comment)) = description.rsplit_once(" # ") {
        let word = comment.trim_start().to_ascii_lowercase();
        if word.starts_with("skip") || word.starts_with("todo") {
            directive = Some(comment);
        } else if !word.starts_with("time=") {
            break;
        }
        description = before;
    }
    if let Some(rest) = description.strip_prefix("# ") {
        let word = rest.to_ascii_lowercase();
        if word.starts_with("skip") || word.starts_with("todo") {
            return (String::new(), Some(rest));
        }
    }
    (unescape(description.trim()), directive)
}

fn unescape(text: &str) -> String {
    text.replace("\\#", "#").replace("\\\\", "\\")
}

fn unquote(value: &str) -> String {
    let inner = |q: char| value.strip_prefix(q).and_then(|v| v.strip_suffix(q));
    match (inner('\''), inner('"')) {
        (Some(single), _) => single.replace("''", "'"),
        (_, Some(double)) => double.replace("\\\"", "\""),
        (None, None) => value.trim_matches(['\'', '"']).to_owned(),
    }
}

/// A path to a script: node names a test so when the file itself failed.
pub fn is_script(name: &str) -> bool {
    let ends = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx"];
    !name.contains(' ') && name.contains(['/', '.']) && ends.iter().any(|e| name.ends_with(e))
}

/// A text from its first line that names an error on.
pub fn error_first(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|l| kind_of(l) != Redness::Unknown && l.contains("Error"))
        .or_else(|| lines.iter().position(|l| l.contains("Error")))
        .unwrap_or(0);
    let from = lines.iter().skip(at).take(4);
    from.map(|l| l.trim_start()).collect::<Vec<_>>().join("\n")
}
