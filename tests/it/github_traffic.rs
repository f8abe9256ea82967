//! What is sent to GitHub, and what the program that plays it answers, held against GitHub's own descriptions: the OpenAPI
//! description of REST and the schema of GraphQL, as GitHub publishes them.
//!
//! `OCTOKIT` says where they are:
//!
//! - unset: below `target/tmp`, where `tests/real/install-octokit` puts them once (node, npm and network needed);
//!   where that is not possible these tests say SKIPPED
//! - a folder: `node_modules` in it, installed there when it is missing; what fails then fails the tests
//! - `no`: these tests say SKIPPED

use crate::forges::Hub;
use crate::forges::github::converse;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Where the descriptions are; None where there are none, which was said.
fn installed() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let wanted = std::env::var_os("OCTOKIT");
    if wanted.as_deref().is_some_and(|w| w == "no") {
        eprintln!("SKIPPED: GitHub's descriptions: OCTOKIT=no");
        return None;
    }
    let dir = wanted.as_ref().map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("octokit"),
        PathBuf::from,
    );
    let output = Command::new("sh")
        .arg(script("install-octokit"))
        .arg(&dir)
        .stdin(Stdio::null())
        .output()
        .expect("sh starts");
    if output.status.success() {
        return Some(dir);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        wanted.is_none(),
        "nothing can be installed in {}: {said}",
        dir.display()
    );
    eprintln!("SKIPPED: GitHub's descriptions cannot be installed: {said}");
    None
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/real")
        .join(name)
}

/// Holds a log against the descriptions; how it ended, and what was printed.
fn held(descriptions: &Path, log: &[Value]) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log.jsonl");
    let lines: Vec<String> = log.iter().map(Value::to_string).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new("node")
        .arg(script("check-github-traffic"))
        .args([descriptions, &file])
        .stdin(Stdio::null())
        .output()
        .expect("node starts");
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.success(), said)
}

/// Holds the log of whole runs against the descriptions, where those are to be had.
pub fn is_described(log: &[Value]) {
    if let Some(descriptions) = installed() {
        let (good, said) = held(descriptions, log);
        assert!(good, "{said}");
    }
}

#[test]
fn everything_that_is_sent_and_answered_is_described() {
    let Some(descriptions) = installed() else {
        return;
    };
    let mut log = Vec::new();
    for more in [&[][..], &["--page-size", "2"]] {
        let hub = Hub::with("github", more);
        converse(&hub);
        log.extend(hub.server.log());
    }
    let kind = |line: &Value| {
        let path = line["path"].as_str().unwrap();
        let path: String = path.chars().filter(|c| !c.is_ascii_digit()).collect();
        format!("{} {path}", line["method"].as_str().unwrap())
    };
    let kinds: std::collections::BTreeSet<String> = log.iter().map(kind).collect();
    assert!(kinds.len() >= 20, "{kinds:#?}");
    let (good, said) = held(descriptions, &log);
    assert!(good, "{said}");
    assert!(said.contains(&format!("{} requests", log.len())), "{said}");
}

#[test]
fn what_is_not_described_is_found() {
    let Some(descriptions) = installed() else {
        return;
    };
    let line = |method: &str,
                path: &str,
                query: &str,
                body: Value,
                status: u16,
                response: Value| {
        json!({"n": 1, "method": method, "path": path, "query": query, "headers": {"x-github-api-version": "2022-11-28"},
               "body": body, "status": status, "response": response, "rule": null})
    };
    let new = |more: Value| {
        let mut body = json!({"title": "T", "head": "a", "base": "main"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let ready =
        |document: &str, variables: Value| json!({"query": document, "variables": variables});
    let good = "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } } }";
    let mut unversioned = line("GET", "/user", "", Value::Null, 200, json!({"login": "x"}));
    unversioned["headers"] = json!({});
    let cases = [
        (
            line("GET", "/repos/o/r/pullz", "", Value::Null, 200, json!([])),
            "no such path",
        ),
        (
            line("PUT", "/repos/o/r/pulls", "", Value::Null, 200, json!([])),
            "has no PUT",
        ),
        (
            line(
                "GET",
                "/repos/o/r/pulls",
                "heads=a",
                Value::Null,
                200,
                json!([]),
            ),
            "`heads` is not described",
        ),
        (
            line(
                "GET",
                "/repos/o/r/pulls",
                "state=merged",
                Value::Null,
                200,
                json!([]),
            ),
            "`state`",
        ),
        (
            line("GET", "/repos/o/r/pulls/x", "", Value::Null, 200, json!({})),
            "{pull_number}",
        ),
        (
            line(
                "POST",
                "/repos/o/r/pulls",
                "",
                json!({"title": "T"}),
                201,
                json!({}),
            ),
            "required property 'head'",
        ),
        (
            line(
                "POST",
                "/repos/o/r/pulls",
                "",
                new(json!({"drafted": true})),
                201,
                json!({}),
            ),
            "`drafted`",
        ),
        (
            line(
                "POST",
                "/repos/o/r/pulls",
                "",
                new(json!({"draft": "yes"})),
                201,
                json!({}),
            ),
            "/draft must be boolean",
        ),
        (
            line("POST", "/repos/o/r/pulls", "", Value::Null, 201, json!({})),
            "its body is missing",
        ),
        (
            line(
                "POST",
                "/repos/o/r/pulls",
                "",
                new(json!({})),
                202,
                json!({}),
            ),
            "202 is not described",
        ),
        (
            line(
                "POST",
                "/repos/o/r/pulls",
                "",
                new(json!({})),
                201,
                json!({"number": "7"}),
            ),
            "/number must be integer",
        ),
        (
            line(
                "POST",
                "/repos/o/r/pulls",
                "",
                new(json!({})),
                201,
                json!({"numero": 7}),
            ),
            "`numero`",
        ),
        (unversioned, "which version"),
        (
            line(
                "POST",
                "/graphql",
                "",
                ready("mutation {", json!({})),
                200,
                json!({}),
            ),
            "cannot be parsed",
        ),
        (
            line(
                "POST",
                "/graphql",
                "",
                ready("{ viewer { logins } }", json!({})),
                200,
                json!({}),
            ),
            "logins",
        ),
        (
            line(
                "POST",
                "/graphql",
                "",
                ready(good, json!({})),
                200,
                json!({}),
            ),
            "$id",
        ),
        (
            line(
                "POST",
                "/graphql",
                "",
                ready(good, json!({"id": "x"})),
                200,
                json!({"data": {"markPullRequestReadyForReview": {"pullRequest": {"isDraft": "no"}}}}),
            ),
            "answer",
        ),
    ];
    let mut log: Vec<Value> = cases.iter().map(|(line, _)| line.clone()).collect();
    for (at, line) in log.iter_mut().enumerate() {
        line["n"] = json!(at + 1);
    }
    let (good, found) = held(descriptions, &log);
    assert!(!good, "{found}");
    for (at, (line, said)) in cases.iter().enumerate() {
        let place = format!("{} {} ", at + 1, line["method"].as_str().unwrap());
        let is_said = found
            .lines()
            .any(|l| l.starts_with(&place) && l.contains(said));
        assert!(is_said, "{said}: {found}\n{line}");
    }
}
