use super::reviewers::not_asked;
use super::wire::{Entry, Review};
use super::*;
use serde_json::json;

fn pull(more: &serde_json::Value) -> Pull {
    let mut value = json!({
        "number": 3, "html_url": "https://git.example/o/r/pulls/3", "state": "open", "title": "WIP: Todo",
        "body": "<!-- codelicious:begin -->\r\nbody\r\n<!-- codelicious:end -->\r\n",
        "head": {"label": "codelicious/todo", "ref": "codelicious/todo", "repo_id": 7},
        "base": {"label": "main", "ref": "main", "repo_id": 7},
        "user": {"login": "robot"}, "labels": null,
        "requested_reviewers": [{"login": "Ada"}], "requested_reviewers_teams": null,
    });
    for (key, new) in more.as_object().unwrap() {
        value[key] = new.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn request() -> PrRequest {
    PrRequest {
        head: "codelicious/todo".into(),
        base: "main".into(),
        title: "Todo".into(),
        body: "body".into(),
        ..PrRequest::default()
    }
}

#[test]
fn only_what_differs_is_written() {
    let title = |t: &str| Change {
        title: Some(t.into()),
        ..Change::default()
    };
    for (more, ready, want) in [
        (json!({}), false, Change::default()),
        (json!({}), true, title("Todo")),
        // A person made it ready.
        (
            json!({"title": "Todo", "draft": false}),
            false,
            Change::default(),
        ),
        // This server takes other words for a draft.
        (
            json!({"title": "WIP: Todo", "draft": false}),
            false,
            title("Todo"),
        ),
        (
            json!({"title": "Entwurf Todo", "draft": true}),
            true,
            title("Todo"),
        ),
        (
            json!({"title": "Entwurf Todo", "draft": true}),
            false,
            Change::default(),
        ),
        (
            json!({"title": "[wip] Todo", "draft": true}),
            false,
            Change::default(),
        ),
    ] {
        let mut request = request();
        request.ready = ready;
        assert_eq!(change(&pull(&more), &request), want, "{more} {ready}");
    }
}

#[test]
fn a_head_is_known_when_its_branch_is_gone() {
    let head = |name: &str, repo: i64| json!({"head": {"label": "codelicious/todo", "ref": name, "repo_id": repo}});
    assert!(pull(&head("refs/pull/3/head", 7)).is_from("codelicious/todo"));
    assert!(!pull(&head("codelicious/todo", 8)).is_from("codelicious/todo"));
    assert!(!pull(&json!({})).is_from("codelicious"));
}

#[test]
fn nobody_is_asked_twice() {
    let reviews: Vec<Review> =
        serde_json::from_value(json!([{"user": {"login": "grace"}}, {"user": null}])).unwrap();
    let wanted: Vec<String> = ["ada", "@ADA", "robot", "grace", "alan", "alan", "team:core"]
        .map(str::to_owned)
        .to_vec();
    let now = pull(&json!({}));
    let names = not_asked(&now, &wanted, &reviews, &[]);
    assert_eq!(names, ["alan", "team:core"]);
    // Once asked, whoever reviewed or was taken off since.
    let entries: Vec<Entry> = serde_json::from_value(json!([
        {"type": "comment", "assignee": {"login": "alan"}},
        {"type": "review_request", "assignee": null, "assignee_team": {"name": "Core"}},
        {"type": "review_request", "removed_assignee": true, "assignee": {"login": "Alan"}},
    ]))
    .unwrap();
    assert_eq!(not_asked(&now, &wanted, &reviews, &entries[..1]).len(), 2);
    assert_eq!(not_asked(&now, &wanted, &reviews, &entries[..2]), ["alan"]);
    assert!(not_asked(&now, &wanted, &reviews, &entries).is_empty());
}
