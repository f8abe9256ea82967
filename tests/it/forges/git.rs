//! The program that plays forges before a real bare repository: what it refuses, merges and retargets.

use super::{DIALECTS, Hub};
use crate::forge_contract::request;
use crate::support::Repo;
use codelicious::model::PrState;
use codelicious::ports::ForgeErrorKind;
use serde_json::json;

/// A project with a stack of two branches, all pushed: main, a upon main, b upon a.
fn stack() -> Repo {
    let repo = Repo::new();
    for (branch, file) in [("codelicious/a", "a.txt"), ("codelicious/b", "b.txt")] {
        repo.git(&["checkout", "-qb", branch]);
        repo.write(file, "one\n");
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-qm", &format!("Add {file}")]);
        repo.git(&["push", "-q", "origin", branch]);
    }
    repo.git(&["branch", "codelicious/empty", "main"]);
    repo.git(&["push", "-q", "origin", "codelicious/empty"]);
    repo
}

fn hub(dialect: &'static str, repo: &Repo) -> Hub {
    Hub::with(dialect, &["--git-dir", repo.origin.to_str().unwrap()])
}

#[test]
fn a_branch_that_is_not_there_has_no_pull_request() {
    let repo = stack();
    for dialect in DIALECTS {
        let hub = hub(dialect, &repo);
        for (head, base) in [
            ("codelicious/ghost", "main"),
            ("codelicious/empty", "main"),
            ("codelicious/a", "ghost"),
        ] {
            let mut asked = request(head);
            asked.base = base.to_owned();
            let error = hub.try_put(&asked).unwrap_err();
            let refused = matches!(
                error.kind,
                ForgeErrorKind::Refused | ForgeErrorKind::NotFound
            );
            assert!(refused, "{dialect}, {head}: {error:?}");
        }
        assert_eq!(hub.server.effects("pr_created"), 0, "{dialect}");
    }
}

#[test]
fn merging_a_part_retargets_what_is_stacked_upon_it() {
    for dialect in DIALECTS {
        for how in ["merge", "squash", "rebase"] {
            let repo = stack();
            let hub = hub(dialect, &repo);
            let mut first = request("codelicious/a");
            first.ready = true;
            let mut second = request("codelicious/b");
            second.base = "codelicious/a".to_owned();
            let (a, b) = (hub.put(&first), hub.put(&second));
            let merged = hub.server.control(
                "merge",
                &json!({"number": a.number, "how": how, "delete_branch": true}),
            );
            let origin = repo.origin.to_str().unwrap();
            let tip = repo.git(&["--git-dir", origin, "rev-parse", "main"]);
            assert_eq!(
                tip.trim(),
                merged["commit"].as_str().unwrap(),
                "{dialect} {how}"
            );
            let file = repo.git(&["--git-dir", origin, "show", "main:a.txt"]);
            assert_eq!(file.trim(), "one", "{dialect} {how}");
            let parents = repo.git(&["--git-dir", origin, "rev-list", "--parents", "-n1", "main"]);
            let parents = parents.split_whitespace().count() - 1;
            assert_eq!(
                parents,
                if how == "merge" { 2 } else { 1 },
                "{dialect} {how}"
            );

            assert_eq!(
                hub.find("codelicious/a").unwrap().state,
                PrState::Merged,
                "{dialect}"
            );
            let now = hub.find("codelicious/b").unwrap();
            assert_eq!(
                (now.number, now.base.as_str()),
                (b.number, "main"),
                "{dialect}"
            );
            // What is over stays found when its branch is gone, and is not made anew.
            hub.writes_nothing(|| assert_eq!(hub.put(&first).number, a.number));
        }
    }
}

#[test]
fn a_conflict_and_a_draft_are_not_merged() {
    let repo = stack();
    let hub = hub("gitea", &repo);
    let draft = hub.put(&request("codelicious/b"));
    let merge = |number: u64| {
        let body = json!({"number": number, "how": "squash", "delete_branch": false});
        hub.server.try_control("merge", &body).0
    };
    assert_eq!(merge(draft.number), 409);
    let mut asked = request("codelicious/a");
    asked.ready = true;
    let ready = hub.put(&asked);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("a.txt", "another\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Another a"]);
    repo.git(&["push", "-q", "origin", "main"]);
    assert_eq!(merge(ready.number), 409);
    assert_eq!(hub.find("codelicious/a").unwrap().state, PrState::Ready);
}
