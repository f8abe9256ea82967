//! jest's JSON, which vitest's json reporter copies.

use super::collect::{Collect, failure};
use super::kind::kind_or;
use super::tap::error_first;
use super::traces::Thrown;
use super::{Redness, Report, Unreadable};
use crate::model::TestStatus;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    test_results: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    name: String,
    #[serde(default)]
    status: String,
    /// Everything that failed in it, for people.
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    assertion_results: Vec<Assertion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(default)]
    ancestor_titles: Vec<String>,
    title: String,
    status: String,
    #[serde(default)]
    failure_messages: Option<Vec<String>>,
}

/// # Errors
/// [`Unreadable::Malformed`]: no JSON, or of another shape.
pub fn read(text: &str) -> Result<Report, Unreadable> {
    let run: Run = serde_json::from_str(text).map_err(|error| Unreadable::Malformed {
        wanted: "report of `jest --json`",
        why: error.to_string(),
    })?;
    let mut out = Collect::default();
    let mut found = 0;
    for file in &run.test_results {
        for test in &file.assertion_results {
            found += 1;
            read_test(&file.name, test, &mut out);
        }
        let unread = file.status == "failed" && file.assertion_results.is_empty();
        if let Some(message) = file.message.as_deref().filter(|_| unread) {
            let mut thrown = Thrown::default();
            message.lines().for_each(|l| thrown.line(l));
            let text = told_of_file(thrown.message.text());
            let kind = kind_or(&text, Redness::Crash);
            let line = thrown
                .place()
                .filter(|(f, _)| file.name.ends_with(f.as_str()))
                .and_then(|(_, l)| l);
            out.broken(failure(None, Some((file.name.clone(), line)), &text, kind));
        }
    }
    out.nothing = found == 0;
    Ok(out.finish(true))
}

fn read_test(file: &str, test: &Assertion, out: &mut Collect) {
    let mut path = vec![file];
    path.extend(test.ancestor_titles.iter().map(String::as_str));
    path.push(&test.title);
    let name = path.join(" > ");
    let status = match test.status.as_str() {
        "passed" => TestStatus::Passed,
        "failed" => TestStatus::Failed,
        // pending, skipped, todo, disabled: did not run.
        _ => TestStatus::Skipped,
    };
    out.test(&name, status);
    if status != TestStatus::Failed {
        return;
    }
    let mut thrown = Thrown::default();
    let first = test.failure_messages.iter().flatten().next();
    first
        .into_iter()
        .flat_map(|m| m.lines())
        .for_each(|l| thrown.line(l));
    // What vitest puts in place of the message when the time is up.
    let late = thrown.message.text().ends_with("STACK_TRACE_ERROR");
    let (message, kind) = if late {
        ("the test took too long", Redness::Timeout)
    } else {
        let text = thrown.message.text();
        (text, kind_or(text, Redness::Crash))
    };
    let place = thrown.place().or_else(|| Some((file.to_owned(), None)));
    out.fail(failure(Some(&name), place, message, kind));
}

/// What stopped a file, without jest's advice about it.
pub fn told_of_file(text: &str) -> String {
    let title = "● Test suite failed to run";
    let text = text.trim_start().strip_prefix(title).unwrap_or(text);
    if text.contains("Jest encountered an unexpected token") {
        return error_first(text);
    }
    super::collect::Message::of(text.lines().map(str::trim_start).take(8))
        .text()
        .to_owned()
}
