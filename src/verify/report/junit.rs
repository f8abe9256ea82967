//! JUnit's XML, as pytest, surefire, gradle, nextest, node, vitest and others write it.

use super::collect::{Collect, Message, failure};
use super::compilers::python_frame;
use super::kind::{kind_of, kind_or};
use super::traces::{Thrown, file_line, is_js_frame};
use super::{Redness, Report, Unreadable};
use crate::model::TestStatus;
use roxmltree::{Document, Node, ParsingOptions};

/// Elements and texts of a file.
const MAX_NODES: u32 = 2_000_000;
/// Nesting of suites.
const MAX_DEPTH: usize = 64;

/// # Errors
/// [`Unreadable::Malformed`]: no XML, with a DTD, or no report.
pub fn read(text: &str) -> Result<Report, Unreadable> {
    let malformed = |why: String| Unreadable::Malformed {
        wanted: "JUnit XML",
        why,
    };
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| malformed(error.to_string()))?;
    let root = document.root_element();
    if !matches!(root.tag_name().name(), "testsuites" | "testsuite") {
        return Err(malformed(format!(
            "its outermost element is `{}`",
            root.tag_name().name()
        )));
    }
    let mut out = Collect::default();
    let mut cases = 0;
    suite(root, &mut Vec::new(), &mut out, &mut cases);
    out.nothing = cases == 0;
    Ok(out.finish(true))
}

fn suite<'a>(node: Node<'a, 'a>, path: &mut Vec<&'a str>, out: &mut Collect, cases: &mut usize) {
    for child in node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "testsuite" if path.len() < MAX_DEPTH => {
                path.push(child.attribute("name").unwrap_or_default());
                suite(child, path, out, cases);
                path.pop();
            }
            "testcase" => {
                *cases += 1;
                case(child, path, out);
            }
            // What failed around the tests.
            "error" | "failure" => {
                let (message, place) = told(child);
                let kind = kind_or(&message, Redness::Crash);
                out.broken(failure(None, place, &message, kind));
            }
            _ => {}
        }
    }
}

fn case(node: Node<'_, '_>, path: &[&str], out: &mut Collect) {
    let title = node.attribute("name").unwrap_or_default().trim();
    let class = node.attribute("classname").unwrap_or_default().trim();
    let name = match class {
        // node calls every class `test`; its groups are suites.
        "" | "test" => {
            let groups = path.iter().copied().filter(|p| !p.is_empty());
            let groups = groups.filter(|_| class == "test");
            groups.chain([title]).collect::<Vec<_>>().join(" > ")
        }
        class => format!("{class}::{title}"),
    };
    let child = |wanted: &[&str]| {
        node.children()
            .find(|c| c.is_element() && wanted.contains(&c.tag_name().name()))
    };
    let skipped = child(&["skipped", "disabled"]).is_some()
        || matches!(
            node.attribute("status").or(node.attribute("result")),
            Some("notrun" | "skipped" | "disabled" | "suppressed")
        );
    let Some(bad) = child(&["failure", "error"]) else {
        let status = if skipped {
            TestStatus::Skipped
        } else {
            TestStatus::Passed
        };
        out.test(&name, status);
        return;
    };
    if skipped {
        // A test marked as to do that fails, as it may.
        out.test(&name, TestStatus::Skipped);
        return;
    }
    let (message, place) = told(bad);
    let file = node.attribute("file").map(str::to_owned);
    let line = node.attribute("line").and_then(|l| l.parse().ok());
    let place = place.or_else(|| file.map(|f| (f, line)));
    // pytest says so of a file that it could not collect, node and vitest of one that died.
    let is_file = super::tap::is_script(title) && (class == "test" || class == title);
    if bad.attribute("message") == Some("collection failure") || is_file {
        let kind = kind_of(&message);
        let place = place.or_else(|| Some((title.to_owned(), None)));
        out.broken(failure(None, place, &message, kind));
        return;
    }
    out.test(&name, TestStatus::Failed);
    let otherwise =
        if bad.tag_name().name() == "failure" && bad.attribute("type").is_none_or(is_assertion) {
            Redness::Assertion
        } else {
            Redness::Crash
        };
    let typed = bad.attribute("type").map_or(Redness::Unknown, kind_of);
    let kind = match (typed, kind_of(&message)) {
        (Redness::Unknown | Redness::Crash, Redness::Unknown) => otherwise,
        (Redness::Unknown | Redness::Crash, kind) => kind,
        (kind, _) => kind,
    };
    out.fail(failure(Some(&name), place, &message, kind));
}

/// Types that say only that something failed.
fn is_assertion(kind: &str) -> bool {
    matches!(kind, "" | "failure" | "testCodeFailure" | "test failure")
        || kind.contains("Assert")
        || kind.starts_with("test failure")
}

/// Message and place out of attribute and text: the text repeats the message and adds a trace.
fn told(node: Node<'_, '_>) -> (String, Option<(String, Option<u32>)>) {
    let attribute = node.attribute("message").unwrap_or_default().trim();
    let text: String = node
        .descendants()
        .filter(Node::is_text)
        .filter_map(|n| n.text())
        .collect();
    let mut place = None;
    let mut asserted = Message::default();
    let mut indent = None;
    let mut thrown = Thrown::default();
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("E  ") {
            let blanks = said.len() - said.trim_start_matches(' ').len();
            let indent = *indent.get_or_insert(blanks);
            asserted.push(said.get(indent.min(blanks)..).unwrap_or(said));
            if let Some((file, line)) = python_frame(said) {
                place = Some((file, Some(line)));
            }
        } else if let Some(code) = line.strip_prefix("> ") {
            asserted.push(&format!("> {}", code.trim()));
        }
        place = python_place(line).or(place);
        if let Some(java) = java_place(line) {
            place = place.or(Some(java));
        }
        thrown.line(line);
    }
    let place = place.or_else(|| thrown.place());
    if !asserted.is_empty() {
        return (asserted.text().to_owned(), place);
    }
    let first = text
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty())
        .unwrap_or_default();
    let mut message = Message::default();
    if attribute.is_empty() {
        // Nothing but the text, up to its stack.
        let end = |l: &&str| !is_js_frame(l) && !l.trim_start().starts_with("at ");
        text.lines()
            .take_while(end)
            .take(12)
            .for_each(|l| message.push(l));
    } else {
        // The text has the type before it, and keeps lines apart.
        let begins = attribute
            .split_whitespace()
            .take(4)
            .collect::<Vec<_>>()
            .join(" ");
        if first.contains(&begins) && !first.starts_with('[') {
            message = thrown.message;
        } else {
            attribute.lines().for_each(|l| message.push(l));
        }
    }
    (message.text().to_owned(), place)
}

/// `tests/test_a.py:12: AssertionError`.
fn python_place(line: &str) -> Option<(String, Option<u32>)> {
    let (file, rest) = line.split_once(".py:")?;
    let (number, _) = rest.split_once(':')?;
    let plain = !file.contains(char::is_whitespace)
        && !file.contains("site-packages")
        && !file.contains("/lib/python");
    Some((format!("{file}.py"), Some(number.parse().ok()?))).filter(|_| plain)
}

/// `at small.SumsTest.fails(SumsTest.java:10)`: the first frame of no library.
fn java_place(line: &str) -> Option<(String, Option<u32>)> {
    let frame = line.trim_start().strip_prefix("at ")?;
    let library = [
        "org.junit.",
        "java.",
        "jdk.",
        "sun.",
        "org.opentest4j.",
        "kotlin.",
        "org.apache.maven.",
    ];
    let frame = frame.rsplit_once('/').map_or(frame, |(_, f)| f);
    if library.iter().any(|l| frame.starts_with(l)) {
        return None;
    }
    let (_, place) = frame.split_once('(')?;
    let place = place.strip_suffix(')')?;
    let known = [".java:", ".kt:", ".scala:", ".groovy:"];
    known
        .iter()
        .any(|k| place.contains(k))
        .then(|| file_line(place))?
}
