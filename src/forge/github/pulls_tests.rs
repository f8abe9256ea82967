//! What is decided before GitHub is asked.

use super::*;
use crate::model::PrState;
use serde_json::Value;

fn pull(change: Value) -> Pull {
    let mut whole = json!({
        "number": 7, "node_id": "PR_7", "html_url": "https://github.com/o/r/pull/7", "state": "open", "draft": true,
        "merged_at": null, "title": "Todo", "body": null, "user": {"login": "robot"},
        "head": {"ref": "codelicious/todo", "repo": {"id": 1}}, "base": {"ref": "main", "repo": {"id": 1}},
        "labels": [{"name": "bug"}], "requested_reviewers": [{"login": "Ada"}], "requested_teams": [{"slug": "core"}],
        "unknown": [1, 2]
    });
    for (key, value) in change.as_object().unwrap() {
        whole[key] = value.clone();
    }
    serde_json::from_value(whole).unwrap()
}

#[test]
fn states_of_pull_requests() {
    for (change, want) in [
        (json!({}), PrState::Draft),
        (json!({"draft": false}), PrState::Ready),
        (json!({"state": "closed"}), PrState::Closed),
        (
            json!({"state": "closed", "draft": false, "merged_at": "2026-01-01T00:00:00Z"}),
            PrState::Merged,
        ),
    ] {
        assert_eq!(pull(change.clone()).state(), want, "{change}");
    }
}

#[test]
fn whose_pull_request_it_is() {
    assert!(pull(json!({})).is_from("codelicious/todo"));
    assert!(!pull(json!({})).is_from("codelicious"));
    assert!(!pull(json!({})).is_from("codelicious/Todo"));
    for repo in [json!({"id": 2}), Value::Null] {
        let fork = pull(json!({"head": {"ref": "codelicious/todo", "repo": repo}}));
        assert!(!fork.is_from("codelicious/todo"));
    }
}

#[test]
fn who_is_still_to_be_asked() {
    let asked = |users: &[&str], teams: &[&str]| Asked {
        reviewers: users.iter().map(|u| (*u).to_owned()).collect(),
        team_reviewers: teams.iter().map(|t| (*t).to_owned()).collect(),
    };
    for (wanted, want) in [
        (&[][..], asked(&[], &[])),
        (&["ada", "team:core"], asked(&[], &[])),
        (&["robot", "ROBOT"], asked(&[], &[])),
        (
            &["grace", "grace", "@linus"],
            asked(&["grace", "linus"], &[]),
        ),
        (&["team:infra", "team:CORE"], asked(&[], &["infra"])),
    ] {
        let request = PrRequest {
            reviewers: wanted.iter().map(|w| (*w).to_owned()).collect(),
            ..PrRequest::default()
        };
        assert_eq!(
            wanted_reviewers(&pull(json!({})), &request),
            want,
            "{wanted:?}"
        );
    }
    let two = asked(&["a"], &["b"]);
    assert_eq!(one_by_one(&two), [asked(&["a"], &[]), asked(&[], &["b"])]);
}

#[test]
fn titles_are_lines() {
    for (title, want) in [
        ("Todo", "Todo"),
        (" two\n\nlines\u{7} ", "two lines"),
        ("", "codelicious/x"),
        ("\n", "codelicious/x"),
    ] {
        let request = PrRequest {
            head: "codelicious/x".into(),
            title: title.into(),
            ..PrRequest::default()
        };
        assert_eq!(title_of(&request), want, "{title:?}");
    }
    let request = PrRequest {
        title: "é".repeat(999),
        ..PrRequest::default()
    };
    assert_eq!(title_of(&request).chars().count(), MAX_TITLE);
}
