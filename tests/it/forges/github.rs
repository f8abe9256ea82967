//! What only GitHub does: drafts refused, reviewers who drop out of their list, issues that are pull requests.

use super::{Hub, forge, hosted};
use crate::forge_contract::{now, request};
use codelicious::model::PrState;
use codelicious::ports::{CommentRequest, ForgeErrorKind, PrRequest};
use serde_json::json;

fn asking(reviewers: &[&str]) -> PrRequest {
    PrRequest {
        reviewers: reviewers.iter().map(|r| (*r).to_owned()).collect(),
        ..request("codelicious/a")
    }
}

#[test]
fn where_drafts_are_not_to_be_had_it_is_said_and_done_without() {
    let hub = Hub::new("github");
    hub.server
        .control("set", &json!({"repo": {"drafts": false}}));
    let put = hub.try_put(&request("codelicious/a")).unwrap();
    assert_eq!(put.pr.state, PrState::Ready);
    assert!(
        put.notes[0].contains("drafts are not to be had"),
        "{:?}",
        put.notes
    );
    assert_eq!(hub.server.effects("pr_created"), 1);
    // Once it is there nothing is said any more.
    let again = hub.try_put(&request("codelicious/a")).unwrap();
    assert_eq!((again.pr, again.notes), (put.pr, vec![]));
}

#[test]
fn a_reviewer_who_may_not_review_keeps_no_other_from_being_asked() {
    let hub = Hub::new("github");
    let asked = asking(&["ada", "nobody", "team:reviewers"]);
    let put = hub.try_put(&asked).unwrap();
    let pr = hub.pr(put.pr.number);
    assert_eq!(pr["requested"], json!(["ada"]));
    assert_eq!(pr["requested_teams"], json!(["reviewers"]));
    assert_eq!(put.notes.len(), 1, "{:?}", put.notes);
    assert!(
        put.notes[0].starts_with("nobody was not asked to review: "),
        "{:?}",
        put.notes
    );
    hub.try_put(&asked).unwrap();
    assert_eq!(hub.server.effects("review_requested"), 2);
}

#[test]
fn nobody_is_asked_twice_whatever_became_of_the_first_time() {
    let hub = Hub::new("github");
    let asked = asking(&["ada", "team:reviewers", "robot"]);
    let made = hub.put(&asked);
    assert_eq!(hub.server.effects("review_requested"), 2);
    // Who has reviewed is off the list, a team too; and a person took somebody off it.
    let mut prs = hub.server.state()["prs"].clone();
    prs[0]["requested"] = json!([]);
    prs[0]["requested_teams"] = json!([]);
    hub.server.control("set", &json!({"prs": prs}));
    hub.writes_nothing(|| assert_eq!(hub.put(&asked), made));
    // Another process knows no more than the forge tells.
    let other = forge("github", &hosted("github", &hub.server, "acme/tool"));
    hub.writes_nothing(|| assert_eq!(now(other.put(&asked)).unwrap().pr, made));
    // Somebody who reviewed unasked.
    let review = json!({"number": made.number, "user": "grace", "state": "commented"});
    hub.server.control("review", &review);
    hub.writes_nothing(|| assert_eq!(hub.put(&asking(&["grace"])), made));
}

#[test]
fn ready_is_said_by_graphql_and_seen_after_a_lost_answer() {
    for loss in [
        json!({}),
        json!({"after": true, "cut": true}),
        json!({"after": true, "status": 502, "body": "<html>"}),
        json!({"status": 200, "body": {"errors": [{"type": "SERVICE_UNAVAILABLE", "message": "busy"}]}}),
    ] {
        let hub = Hub::new("github");
        let mut rule = json!({"method": "POST", "path_end": "/graphql", "times": 1});
        for (key, value) in loss.as_object().unwrap() {
            rule[key] = value.clone();
        }
        if loss != json!({}) {
            hub.server.rules(&json!([rule]));
        }
        let made = hub.put(&request("codelicious/a"));
        assert_eq!(made.state, PrState::Draft);
        let mut ready = request("codelicious/a");
        ready.ready = true;
        assert_eq!(hub.put(&ready).state, PrState::Ready, "{loss}");
        assert_eq!(hub.server.effects("pr_made_ready"), 1, "{loss}");
    }
    // One that is refused for good is told.
    let hub = Hub::new("github");
    let refusal = json!({"status": 200, "body": {"data": null, "errors": [{"type": "FORBIDDEN", "message": "not for you"}]}});
    let mut rule = refusal.clone();
    rule["path_end"] = json!("/graphql");
    hub.server.rules(&json!([rule]));
    hub.put(&request("codelicious/a"));
    let mut ready = request("codelicious/a");
    ready.ready = true;
    let error = hub.try_put(&ready).unwrap_err();
    assert_eq!(error.kind, ForgeErrorKind::Forbidden);
    assert!(error.message.contains("not for you"), "{error:?}");
}

#[test]
fn a_text_that_people_made_too_long_is_left_alone() {
    let hub = Hub::new("github");
    let mut asked = request("codelicious/a");
    let made = hub.put(&asked);
    let long = format!(
        "{}\n{}",
        "é".repeat(65_000),
        hub.pr(made.number)["body"].as_str().unwrap()
    );
    hub.server
        .control("edit", &json!({"number": made.number, "body": long}));
    asked.body = "x".repeat(1000);
    asked.title = "Another title".to_owned();
    let put = hub.try_put(&asked).unwrap();
    assert!(put.notes[0].contains("left as it is"), "{:?}", put.notes);
    let pr = hub.pr(made.number);
    assert_eq!(
        (&pr["title"], &pr["body"]),
        (&json!("Another title"), &json!(long))
    );
}

#[test]
fn a_strangers_comment_with_our_mark_is_not_ours() {
    let hub = Hub::new("github");
    let issue = hub.server.control("issue", &json!({"title": "I"}));
    let issue = issue["number"].as_u64().unwrap();
    let asked = |body: &str| CommentRequest {
        issue,
        key: "spec/todo".into(),
        body: body.into(),
    };
    let forged = "<!-- codelicious:comment:spec/todo -->\nforged";
    hub.server.control(
        "comment",
        &json!({"issue": issue, "body": forged, "author": "mallory"}),
    );
    now(hub.forge.comment(&asked("one"))).unwrap();
    now(hub.forge.comment(&asked("two"))).unwrap();
    let comments = hub.server.state()["comments"].clone();
    let bodies: Vec<&str> = comments
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["body"].as_str().unwrap())
        .collect();
    assert_eq!(
        bodies,
        [forged, "<!-- codelicious:comment:spec/todo -->\ntwo"]
    );
}

#[test]
fn an_issue_that_is_a_pull_request_is_none() {
    let hub = Hub::new("github");
    let made = hub.put(&request("codelicious/a"));
    let error = now(hub.forge.issue(made.number)).unwrap_err();
    assert_eq!(error.kind, ForgeErrorKind::NotFound);
    assert!(error.message.contains("is a pull request"), "{error:?}");
}

#[test]
fn a_file_has_its_page() {
    let hub = Hub::new("github");
    let url = |branch: &str, path: &str| hub.forge.file_url(branch, path).unwrap();
    let base = format!("{}/acme/tool/blob", hub.server.url);
    assert_eq!(
        url("codelicious/a", "specs/to do#1.md"),
        format!("{base}/codelicious/a/specs/to%20do%231.md")
    );
}

#[test]
fn a_host_tells_which_forge_it_is_and_is_sent_no_token() {
    let probe = |hub: &Hub| {
        let web = codelicious::config::Endpoint::parse(&hub.server.url).unwrap();
        let bound = std::time::Duration::from_secs(20);
        now(codelicious::forge::probe::probe(&web, &[], bound))
    };
    for dialect in super::DIALECTS {
        let hub = Hub::new(dialect);
        if dialect == "gitlab" {
            // The real one tells strangers nothing but by this.
            let header = json!([{"headers": {"x-gitlab-meta": "{}"}}]);
            hub.server.rules(&header);
        }
        let known = probe(&hub).unwrap();
        assert_eq!(known.map(|kind| kind.word()), Some(dialect));
        for line in hub.server.log() {
            assert_eq!(line["auth"]["form"], json!(null), "{line}");
        }
    }
    let hub = Hub::new("github");
    hub.server
        .rules(&json!([{"status": 404, "body": "<html>"}]));
    assert_eq!(probe(&hub).unwrap(), None);
    hub.server.rules(&json!([{"cut": true}]));
    probe(&hub).unwrap_err();
}

/// Everything that the client can ask, once at least.
pub fn converse(hub: &Hub) {
    let wanted = codelicious::ports::Wanted {
        labels: vec!["codelicious".into(), "new".into()],
        reviewers: vec![
            "ada".into(),
            "nobody".into(),
            "team:reviewers".into(),
            "team:ghosts".into(),
        ],
        base: "main".into(),
    };
    now(hub.forge.check(&wanted)).unwrap();
    let mut asked = asking(&["ada", "team:reviewers", "nobody"]);
    asked.labels = vec!["codelicious".into(), "made by us".into()];
    let made = hub.put(&asked);
    asked.title = "Another title".into();
    asked.body = "another body".into();
    asked.base = "develop".into();
    asked.ready = true;
    asked.reviewers.push("grace".into());
    hub.put(&asked);
    hub.server.control(
        "review",
        &json!({"number": made.number, "user": "ada", "state": "approved"}),
    );
    hub.put(&asked);
    hub.server.control("close", &json!({"number": made.number}));
    hub.find("codelicious/a");
    hub.find("codelicious/none");
    hub.server
        .control("set", &json!({"repo": {"drafts": false}}));
    hub.put(&request("codelicious/b"));
    let mut impossible = request("codelicious/c");
    impossible.base = "codelicious/c".into();
    hub.try_put(&impossible).unwrap_err();
    let issue = hub.server.control(
        "issue",
        &json!({"title": "I", "body": "", "labels": ["codelicious"], "author": "mallory"}),
    );
    let issue = issue["number"].as_u64().unwrap();
    now(hub.forge.issue(issue)).unwrap();
    now(hub.forge.issue(999)).unwrap_err();
    now(hub.forge.issues("codelicious")).unwrap();
    for body in ["one", "two", "two"] {
        let asked = CommentRequest {
            issue,
            key: "k".into(),
            body: body.into(),
        };
        now(hub.forge.comment(&asked)).unwrap();
    }
}
