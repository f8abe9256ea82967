//! Who is asked to review, and how often: once, whatever happens in between.

use super::{DIALECTS, Hub, forge, hosted};
use crate::forge_contract::{now, request};
use codelicious::ports::PrRequest;
use serde_json::json;

fn asked(reviewers: &[&str]) -> PrRequest {
    let mut asked = request("codelicious/a");
    asked.reviewers = reviewers.iter().map(|r| (*r).to_owned()).collect();
    asked
}

/// The same from another process, which knows nothing.
fn writes_nothing_anew(hub: &Hub, asked: &PrRequest) {
    let other = forge(hub.dialect, &hosted(hub.dialect, &hub.server, "acme/tool"));
    hub.writes_nothing(|| drop(now(other.put(asked)).unwrap()));
}

#[test]
fn a_team_that_has_reviewed_is_not_asked_again() {
    for dialect in ["github", "gitea"] {
        let hub = Hub::with(dialect, &["--page-size", "2"]);
        let asked = asked(&["team:reviewers", "ada"]);
        let made = hub.put(&asked);
        assert_eq!(hub.server.effects("review_requested"), 2, "{dialect}");
        let review = json!({"number": made.number, "user": "grace", "state": "approved", "team": "reviewers"});
        hub.server.control("review", &review);
        let requested = hub.pr(made.number)["requested_teams"].clone();
        assert_eq!(requested, json!([]), "{dialect}");
        writes_nothing_anew(&hub, &asked);
    }
}

#[test]
fn whoever_was_taken_off_stays_so() {
    for dialect in DIALECTS {
        for name in ["ada", "team:reviewers"] {
            if (dialect, name) == ("gitlab", "team:reviewers") {
                continue;
            }
            let hub = Hub::with(dialect, &["--page-size", "2"]);
            let asked = asked(&[name]);
            let made = hub.put(&asked);
            assert_eq!(hub.server.effects("review_requested"), 1, "{dialect}");
            let off = json!({"number": made.number, "name": name});
            hub.server.control("take_off", &off);
            writes_nothing_anew(&hub, &asked);
        }
    }
}

#[test]
fn whoever_reviewed_unasked_is_found_on_every_page() {
    for dialect in ["github", "gitea"] {
        let hub = Hub::with(dialect, &["--page-size", "2"]);
        let made = hub.put(&asked(&[]));
        for user in ["robot", "robot", "robot", "grace"] {
            let review = json!({"number": made.number, "user": user, "state": "commented"});
            hub.server.control("review", &review);
        }
        writes_nothing_anew(&hub, &asked(&["grace"]));
    }
}

#[test]
fn labels_are_found_on_every_page() {
    let hub = Hub::with("gitea", &["--page-size", "2"]);
    let label = |id: u64| json!({"id": id, "name": format!("l{id}")});
    let labels: Vec<_> = (1..=5).map(label).collect();
    hub.server.control("set", &json!({ "labels": labels }));
    let mut asked = asked(&[]);
    asked.labels = vec!["l5".into()];
    let put = hub.try_put(&asked).unwrap();
    assert_eq!(put.notes, [""; 0]);
    assert_eq!(hub.pr(put.pr.number)["labels"], json!(["l5"]));
}

#[test]
fn what_is_refused_for_good_is_a_note() {
    for (status, path_end) in [
        (403, "/labels"),
        (422, "/labels"),
        (403, "/requested_reviewers"),
        (422, "/requested_reviewers"),
    ] {
        for dialect in ["github", "gitea"] {
            let hub = Hub::new(dialect);
            let rule = json!({"method": "POST", "path_end": path_end, "status": status, "body": {"message": "not you"}});
            hub.server.rules(&json!([rule]));
            let mut asked = asked(&["ada"]);
            asked.labels = vec!["bug".into()];
            let put = hub.try_put(&asked).unwrap();
            assert_eq!(put.notes.len(), 1, "{dialect}: {:?}", put.notes);
            assert!(put.notes[0].contains("not you"), "{:?}", put.notes);
        }
    }
}

#[test]
fn a_label_of_the_same_scope_is_a_persons_choice() {
    for (dialect, ours, theirs) in [
        ("gitlab", "state::draft", "state::ready"),
        ("gitea", "state/draft", "state/ready"),
    ] {
        let hub = Hub::new(dialect);
        let label = |id: u64, name: &str| json!({"id": id, "name": name, "exclusive": true});
        let labels = json!([label(1, ours), label(2, theirs), {"id": 3, "name": "bug"}]);
        hub.server.control("set", &json!({ "labels": labels }));
        let mut asked = asked(&[]);
        asked.labels = vec![ours.into()];
        let made = hub.put(&asked);
        assert_eq!(hub.pr(made.number)["labels"], json!([ours]), "{dialect}");
        let mut prs = hub.server.state()["prs"].clone();
        prs[0]["labels"] = json!([theirs]);
        hub.server.control("set", &json!({ "prs": prs }));
        writes_nothing_anew(&hub, &asked);
        asked.labels.push("bug".into());
        hub.put(&asked);
        let now = hub.pr(made.number)["labels"].clone();
        assert_eq!(now, json!([theirs, "bug"]), "{dialect}");
    }
}
