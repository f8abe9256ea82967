//! The program that plays forges, itself.

use super::server::{ForgeServer, fake_forge};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const TOKEN: &str = "authorization: Bearer dummy-token";

fn get(server: &ForgeServer, path: &str) -> (u16, Value) {
    let (status, text) = server.raw("GET", path, &[TOKEN], "");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn make(server: &ForgeServer, head: &str) -> (u16, Value) {
    let body = json!({"head": head, "base": "main", "title": "T", "body": ""}).to_string();
    let (status, text) = server.raw("POST", "/api/v1/repos/acme/tool/pulls", &[TOKEN], &body);
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[test]
fn mistakes_are_told_at_once() {
    let dir = TempDir::new().unwrap();
    let script = dir.path().join("script.json");
    let script = script.to_str().unwrap();
    std::fs::write(script, r#"{"rules": [{"pathh": "/pulls"}]}"#).unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&[], "--dialect"),
        (&["--dialect", "svn"], "svn"),
        (&["--dialect", "gitea", "--port", "x"], "--port x"),
        (&["--dialect", "gitea", "--script"], "wants a value"),
        (&["--dialect", "gitea", "--script", script], "pathh"),
        (&["--dialect", "gitea", "--verbose"], "--verbose"),
    ];
    for (arguments, said) in cases {
        let run = Command::new(fake_forge())
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(99), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
}

#[test]
fn another_server_goes_on_where_one_ended() {
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state.json");
    let state = ["--state", state.to_str().unwrap()];
    let first = ForgeServer::start("gitea", &state);
    assert_eq!(make(&first, "a").0, 201);
    let known = first.state();
    drop(first);
    let second = ForgeServer::start("gitea", &state);
    assert_eq!(second.state(), known);
    assert_eq!(make(&second, "a").0, 409);
    assert_eq!(make(&second, "b").1["number"], 2);
}

#[test]
fn numbers_are_shared_or_apart() {
    for (dialect, want) in [("gitea", [1, 2]), ("github", [1, 2]), ("gitlab", [1, 1])] {
        let server = ForgeServer::start(dialect, &[]);
        let issue =
            |title: &str| server.control("issue", &json!({"title": title}))["number"].clone();
        let first = issue("one");
        let (path, body) = match dialect {
            "gitlab" => (
                "/api/v4/projects/acme%2Ftool/merge_requests",
                json!({"source_branch": "a", "target_branch": "main", "title": "T"}),
            ),
            "gitea" => (
                "/api/v1/repos/acme/tool/pulls",
                json!({"head": "a", "base": "main", "title": "T"}),
            ),
            _ => (
                "/repos/acme/tool/pulls",
                json!({"head": "a", "base": "main", "title": "T"}),
            ),
        };
        let (status, text) = server.raw("POST", path, &[TOKEN], &body.to_string());
        assert_eq!(status, 201, "{dialect}: {text}");
        let made = server.state()["prs"][0]["number"].clone();
        assert_eq!([first, made], want.map(Value::from), "{dialect}");
    }
}

#[test]
fn a_rule_is_due_when_it_says_so() {
    let server = ForgeServer::start("gitea", &[]);
    server.rules(&json!([
        {"method": "GET", "path_end": "/pulls", "nth": 2, "status": 418, "body": "short and stout"},
        {"path": "state=closed", "times": 1, "status": 503},
        {"contains": "needle", "status": 400},
        {"path_end": "/labels", "headers": {"x-odd": "yes", "x-when": "{epoch}"}},
    ]));
    let pulls = "/api/v1/repos/acme/tool/pulls";
    let status = |path: &str| get(&server, path).0;
    assert_eq!(
        [status(pulls), status(pulls), status(pulls)],
        [200, 418, 200]
    );
    let closed = format!("{pulls}?state=closed");
    assert_eq!([status(&closed), status(&closed)], [503, 200]);
    assert_eq!(make(&server, "needle").0, 400);
    assert_eq!(server.effects("pr_created"), 0, "before it acted");
    assert_eq!(
        status("/api/v1/repos/acme/tool/labels"),
        200,
        "a header more, and nothing else"
    );
    let log = server.log();
    let rules: Vec<&Value> = log.iter().map(|l| &l["rule"]).collect();
    let want = [
        json!(null),
        json!(0),
        json!(null),
        json!(1),
        json!(null),
        json!(2),
        json!(3),
    ];
    assert_eq!(rules, want.iter().collect::<Vec<_>>());
    assert_eq!(log[5]["acted"], false);
    for line in &log {
        assert!(!line.to_string().contains("dummy-token"), "{line}");
    }

    server.rules(&json!([{"method": "POST", "after": true, "status": 500}]));
    assert_eq!(make(&server, "a").0, 500);
    let line = server.log().pop().unwrap();
    assert_eq!(line["effects"], json!({"pr_created": 1}), "after it acted");
}

#[test]
fn pages_are_walked_by_their_numbers() {
    let server = ForgeServer::start("gitea", &["--page-size", "2"]);
    for head in ["a", "b", "c"] {
        make(&server, head);
    }
    let path = "/api/v1/repos/acme/tool/pulls?state=all&limit=50";
    assert_eq!(get(&server, path).1.as_array().unwrap().len(), 2);
    let (_, rest) = get(&server, &format!("{path}&page=2"));
    assert_eq!(
        rest[0]["head"]["ref"], "a",
        "the first that was made comes last"
    );
    assert_eq!(get(&server, &format!("{path}&page=3")).1, json!([]));
}

#[test]
fn branches_that_go_away_close_or_leave() {
    for (dialect, state) in [
        ("github", "closed"),
        ("gitea", "closed"),
        ("gitlab", "open"),
    ] {
        let repo = crate::support::Repo::new();
        repo.git(&["checkout", "-qb", "a"]);
        repo.write("a.txt", "a\n");
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-qm", "Add a"]);
        repo.git(&["push", "-q", "origin", "a"]);
        let server = ForgeServer::start(dialect, &["--git-dir", repo.origin.to_str().unwrap()]);
        let pr = json!({"number": 1, "head": "a", "base": "main", "title": "T", "author": "ada"});
        server.control("set", &json!({"prs": [pr]}));
        server.control("delete_branch", &json!({"branch": "a"}));
        assert_eq!(server.state()["prs"][0]["state"], state, "{dialect}");
        let origin = repo.origin.to_str().unwrap();
        assert_eq!(
            repo.git(&["--git-dir", origin, "branch", "--list", "a"]),
            ""
        );
    }
}

#[test]
fn what_control_does_not_know_is_an_error() {
    let server = ForgeServer::start("gitlab", &[]);
    for (what, body, want) in [
        ("merge", json!({"number": 9, "how": "squash"}), 404),
        ("merge", json!({"number": 9, "how": "octopus"}), 400),
        ("close", json!({"number": 9}), 404),
        ("set", json!({"repo": {"colour": "red"}}), 400),
        (
            "script",
            json!({"rules": [{"before": true, "after": true}]}),
            400,
        ),
        ("dance", json!({}), 404),
    ] {
        assert_eq!(server.try_control(what, &body).0, want, "{what} {body}");
    }
}
