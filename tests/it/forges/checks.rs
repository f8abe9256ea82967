//! The look before a run.

use super::{DIALECTS, Hub, forge, hosted};
use crate::forge_contract::{now, request};
use codelicious::ports::{CommentRequest, ForgeCheck, ForgeErrorKind, Wanted};
use serde_json::{Value, json};

fn wanted() -> Wanted {
    Wanted {
        labels: vec!["codelicious".into()],
        reviewers: vec!["ada".into()],
        base: "main".into(),
    }
}

fn look(hub: &Hub, wanted: &Wanted) -> ForgeCheck {
    now(hub.forge.check(wanted)).unwrap_or_else(|e| panic!("{}: {e:?}", hub.dialect))
}

#[test]
fn all_is_well() {
    for dialect in DIALECTS {
        let hub = Hub::new(dialect);
        let token = json!([{"value": "dummy-token", "user": "robot", "expires_at": "2027-01-31"}]);
        hub.server.control(
            "set",
            &json!({"repo": {"protected": ["main"]}, "tokens": token}),
        );
        hub.writes_nothing(|| {
            let check = look(&hub, &wanted());
            assert_eq!(check.problems, [], "{dialect}");
            assert!(
                check.repository.starts_with("acme/tool at 127.0.0.1"),
                "{check:?}"
            );
            assert_eq!(check.user.as_deref(), Some("robot"), "{dialect}");
            assert_eq!(check.base_is_protected, Some(true), "{dialect}");
            let notes = check.notes.join("\n");
            let told = match dialect {
                "github" | "gitlab" => "good until 2027-01-31",
                _ => "does not tell a token's scopes",
            };
            assert!(notes.contains(told), "{dialect}: {notes}");
        });
        hub.server
            .control("set", &json!({"repo": {"protected": []}}));
        assert_eq!(
            look(&hub, &wanted()).base_is_protected,
            Some(false),
            "{dialect}"
        );
    }
}

#[test]
fn each_thing_that_stops_a_run_is_named_with_what_to_do() {
    let plain = |_: &mut Wanted| {};
    type Change = fn(&mut Wanted);
    // What is other at the forge, what is other in what is wanted, and what is then said where.
    let cases: Vec<(Value, Change, &str, &[&str])> = vec![
        (
            json!({"repo": {"archived": true}}),
            plain,
            "archived",
            &DIALECTS,
        ),
        (
            json!({"repo": {"pull_requests": false}}),
            plain,
            "turned off",
            &DIALECTS,
        ),
        (
            json!({"repo": {"permission": "read"}}),
            plain,
            "role in acme/tool is below Developer",
            &["gitlab"],
        ),
        (
            json!({"repo": {"permission": "read"}}),
            plain,
            "may not push",
            &["github", "gitea"],
        ),
        (
            json!({"repo": {"permission": "none"}}),
            plain,
            "404",
            &DIALECTS,
        ),
        (
            json!({"repo": {"path": "new/place", "moved_from": "acme/tool"}}),
            plain,
            "acme/tool is now new/place",
            &DIALECTS,
        ),
        (json!({"tokens": []}), plain, "401", &DIALECTS),
        (
            json!({"tokens": [{"value": "dummy-token", "expired": true}]}),
            plain,
            "401",
            &DIALECTS,
        ),
        (
            json!({"tokens": [{"value": "dummy-token", "scopes": ["read_api"]}]}),
            plain,
            "its scopes are `read_api`",
            &["gitlab"],
        ),
        (
            json!({"tokens": [{"value": "dummy-token", "scopes": ["read:issue"]}]}),
            plain,
            "403",
            &["gitea"],
        ),
        (
            json!({"tokens": [{"value": "dummy-token", "scopes": ["write:repository", "write:issue"]}]}),
            |w| w.reviewers = vec!["nobody".into()],
            "no user `nobody`",
            &["gitea"],
        ),
        (
            json!({"repo": {"branches": ["develop"]}}),
            plain,
            "no branch `main`",
            &DIALECTS,
        ),
        (
            json!({}),
            |w| w.reviewers = vec!["nobody".into()],
            "no user `nobody`",
            &DIALECTS,
        ),
        (
            json!({"users": [{"id": 1, "login": "robot"}, {"id": 2, "login": "ada", "may_review": false}]}),
            plain,
            "`ada`, who is to review, ",
            &DIALECTS,
        ),
        (
            json!({}),
            |w| w.reviewers = vec!["robot".into()],
            "cannot be asked to review",
            &["gitea"],
        ),
        (
            json!({}),
            |w| w.reviewers = vec!["team:reviewers".into()],
            "users, not teams",
            &["gitlab"],
        ),
        (
            json!({}),
            |w| w.reviewers = vec!["team:ghosts".into()],
            "no team `ghosts`",
            &["gitea"],
        ),
        (
            json!({"tokens": [{"value": "dummy-token", "scopes": ["repo", "read:org"]}]}),
            |w| w.reviewers = vec!["team:ghosts".into(), "team:reviewers".into()],
            "no team `ghosts`",
            &["github"],
        ),
        (
            json!({"tokens": [{"value": "dummy-token", "scopes": ["gist"]}]}),
            plain,
            "its scopes are `gist`",
            &["github"],
        ),
        (
            json!({"repo": {"private": false}, "tokens": [{"value": "dummy-token", "scopes": ["none"]}]}),
            plain,
            "it has no scopes",
            &["github"],
        ),
        (
            json!({}),
            |w| w.labels = vec!["new".into()],
            "no label `new`",
            &["gitea"],
        ),
        (
            json!({}),
            |w| w.labels = vec!["a,b".into()],
            "commas",
            &["gitlab"],
        ),
    ];
    for (set, change, said, dialects) in cases {
        for dialect in DIALECTS.into_iter().filter(|d| dialects.contains(d)) {
            let hub = Hub::new(dialect);
            hub.server.control("set", &set);
            let mut wanted = wanted();
            change(&mut wanted);
            hub.writes_nothing(|| {
                let check = look(&hub, &wanted);
                let found = check.problems.iter().find(|p| p.message.contains(said));
                let Some(found) = found else {
                    panic!("{dialect}, {set}, {said}: {check:?}");
                };
                assert!(!found.remedy.is_empty(), "{found:?}");
                assert_eq!(check.problems.len(), 1, "{dialect}, {set}: {check:?}");
            });
        }
    }
}

#[test]
fn what_stops_nothing_is_a_note() {
    let plain = |_: &mut Wanted| {};
    type Change = fn(&mut Wanted);
    let oauth = json!([{"value": "dummy-token", "kind": "app"}]);
    let fine = json!([{"value": "dummy-token", "kind": "fine"}]);
    let cases: Vec<(Value, Change, &str, &str)> = vec![
        (
            json!({"tokens": fine}),
            plain,
            "fine-grained one, which does not tell",
            "github",
        ),
        (
            json!({"tokens": oauth}),
            plain,
            "belongs to no user, as those of GitHub Actions",
            "github",
        ),
        (
            json!({}),
            |w| w.labels = vec!["new".into()],
            "GitHub makes it",
            "github",
        ),
        (
            json!({}),
            |w| w.reviewers = vec!["Robot".into()],
            "nobody is asked to review a pull request of their own",
            "github",
        ),
        (
            json!({}),
            |w| w.reviewers = vec!["team:ghosts".into()],
            "is not told to this token",
            "github",
        ),
        (
            json!({"tokens": oauth}),
            plain,
            "does not tell what this token may do",
            "gitlab",
        ),
        (
            json!({}),
            |w| w.labels = vec!["new".into()],
            "GitLab will make it",
            "gitlab",
        ),
        (
            json!({}),
            |w| w.reviewers.push("grace".into()),
            "keeps one reviewer",
            "gitlab",
        ),
        (
            json!({"repo": {"private": false}, "users": [{"id": 2, "login": "ada", "may_review": false}]}),
            plain,
            "no member",
            "gitlab",
        ),
        (
            json!({}),
            |w| w.reviewers = vec!["team:reviewers".into()],
            "scopes",
            "gitea",
        ),
    ];
    for (set, change, said, dialect) in cases {
        let hub = Hub::new(dialect);
        hub.server.control("set", &set);
        let mut wanted = wanted();
        change(&mut wanted);
        let check = look(&hub, &wanted);
        assert_eq!(check.problems, [], "{dialect}, {set}");
        let notes = check.notes.join("\n");
        assert!(notes.contains(said), "{dialect}, {set}, {said}: {notes}");
    }
}

#[test]
fn nobodys_comment_is_ours_without_a_name() {
    let hub = Hub::new("gitea");
    let asked = CommentRequest {
        issue: hub.server.control("issue", &json!({"title": "I"}))["number"]
            .as_u64()
            .unwrap(),
        key: "k".into(),
        body: "hello".into(),
    };
    now(hub.forge.comment(&asked)).unwrap();
    // Somebody else's token, which does not tell whose it is.
    let scopes = ["write:repository", "write:issue"];
    let token = json!([{"value": "dummy-token", "user": "grace", "scopes": scopes}]);
    hub.server.control("set", &json!({ "tokens": token }));
    let other = forge("gitea", &hosted("gitea", &hub.server, "acme/tool"));
    hub.writes_nothing(|| {
        let error = now(other.comment(&asked)).unwrap_err();
        assert_eq!(error.kind, ForgeErrorKind::Forbidden, "{error:?}");
        assert!(error.remedy.contains("read:user"), "{error:?}");
        let check = now(other.check(&wanted())).unwrap();
        assert_eq!(check.problems, []);
        let notes = check.notes.join("\n");
        assert!(notes.contains("lacks the scope `read:user`"), "{notes}");
    });
    // Pull requests do without.
    now(other.put(&request("codelicious/a"))).unwrap();
}

#[test]
fn without_a_token_nothing_is_asked() {
    for dialect in DIALECTS {
        let hub = Hub::new(dialect);
        let mut hosted = hosted(dialect, &hub.server, "acme/tool");
        hosted.token = None;
        let check = now(forge(dialect, &hosted).check(&wanted())).unwrap();
        assert_eq!(check.problems.len(), 1, "{dialect}: {check:?}");
        assert!(check.problems[0].message.contains("no token"), "{check:?}");
        assert_eq!(hub.server.log().len(), 0, "{dialect}");
    }
}

#[test]
fn a_forge_that_is_down_is_an_error_and_no_problem() {
    for dialect in DIALECTS {
        let hub = Hub::new(dialect);
        hub.server.rules(&json!([{"status": 503}]));
        let error = now(hub.forge.check(&wanted())).unwrap_err();
        assert!(error.is_transient(), "{dialect}: {error:?}");
    }
}

#[test]
fn a_token_that_does_not_tell_whose_it_is() {
    let forbidden =
        json!([{"path_end": "/user", "status": 403, "body": {"message": "403 Forbidden"}}]);
    for (dialect, note) in [("gitlab", "whose token"), ("gitea", "scopes")] {
        let hub = Hub::new(dialect);
        hub.server.rules(&forbidden);
        let check = look(&hub, &wanted());
        assert_eq!(
            (check.problems.as_slice(), check.user),
            (&[][..], None),
            "{dialect}"
        );
        assert!(
            check.notes.join("\n").contains(note),
            "{dialect}: {:?}",
            check.notes
        );
    }
}
