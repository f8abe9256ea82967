//! What is sent is what the forges document: every endpoint, parameter and field that a long conversation uses stands
//! in a table, with the page that documents it.

use super::{Hub, forge, hosted};
use crate::forge_contract::{now, request};
use codelicious::ports::{CommentRequest, Wanted};
use serde_json::{Value, json};

/// Method, path (`*` for a segment), parameters of the query, fields of the body, page.
type Row = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static str,
);

const PAGES: [&str; 2] = ["page", "per_page"];

const GITLAB: &[Row] = &[
    (
        "GET",
        "/user",
        &[],
        &[],
        "https://docs.gitlab.com/api/users/#retrieve-the-current-user",
    ),
    (
        "GET",
        "/users",
        &["username"],
        &[],
        "https://docs.gitlab.com/api/users/#list-users",
    ),
    (
        "GET",
        "/personal_access_tokens/self",
        &[],
        &[],
        "https://docs.gitlab.com/api/personal_access_tokens/#self-inform",
    ),
    (
        "GET",
        "/projects/*",
        &[],
        &[],
        "https://docs.gitlab.com/api/projects/#get-a-single-project",
    ),
    (
        "GET",
        "/projects/*/repository/branches/*",
        &[],
        &[],
        "https://docs.gitlab.com/api/branches/#get-single-repository-branch",
    ),
    (
        "GET",
        "/projects/*/labels",
        &["search"],
        &[],
        "https://docs.gitlab.com/api/labels/#list-labels",
    ),
    (
        "GET",
        "/projects/*/members/all/*",
        &[],
        &[],
        "https://docs.gitlab.com/api/members/",
    ),
    (
        "GET",
        "/projects/*/merge_requests",
        &["source_branch", "state"],
        &[],
        "https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests",
    ),
    (
        "POST",
        "/projects/*/merge_requests",
        &[],
        &["source_branch", "target_branch", "title", "description"],
        "https://docs.gitlab.com/api/merge_requests/#create-mr",
    ),
    (
        "PUT",
        "/projects/*/merge_requests/*",
        &[],
        &[
            "title",
            "description",
            "target_branch",
            "add_labels",
            "reviewer_ids",
        ],
        "https://docs.gitlab.com/api/merge_requests/#update-mr",
    ),
    (
        "GET",
        "/projects/*/issues",
        &["labels", "state"],
        &[],
        "https://docs.gitlab.com/api/issues/#list-project-issues",
    ),
    (
        "GET",
        "/projects/*/issues/*",
        &[],
        &[],
        "https://docs.gitlab.com/api/issues/#single-project-issue",
    ),
    (
        "GET",
        "/projects/*/issues/*/notes",
        &["sort", "order_by"],
        &[],
        "https://docs.gitlab.com/api/notes/#list-project-issue-notes",
    ),
    (
        "POST",
        "/projects/*/issues/*/notes",
        &[],
        &["body"],
        "https://docs.gitlab.com/api/notes/#create-new-issue-note",
    ),
    (
        "PUT",
        "/projects/*/issues/*/notes/*",
        &[],
        &["body"],
        "https://docs.gitlab.com/api/notes/#modify-existing-issue-note",
    ),
];

/// Every server documents these at `/api/swagger`; the pages are Gitea 1.22's.
const GITEA: &[Row] = &[
    (
        "GET",
        "/user",
        &[],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/user/operation/userGetCurrent",
    ),
    (
        "GET",
        "/users/*",
        &[],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/user/operation/userGet",
    ),
    (
        "GET",
        "/repos/*/*",
        &[],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/repository/operation/repoGet",
    ),
    (
        "GET",
        "/repos/*/*/branches/*",
        &[],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/repository/operation/repoGetBranch",
    ),
    (
        "GET",
        "/orgs/*/labels",
        &["limit"],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/organization/operation/orgListLabels",
    ),
    (
        "GET",
        "/repos/*/*/labels",
        &["limit"],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/issue/operation/issueListLabels",
    ),
    (
        "GET",
        "/repos/*/*/reviewers",
        &[],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/repository/operation/repoGetReviewers",
    ),
    (
        "GET",
        "/repos/*/*/pulls",
        &["state", "limit"],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/repository/operation/repoListPullRequests",
    ),
    (
        "GET",
        "/repos/*/*/pulls/*/reviews",
        &["limit"],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/repository/operation/repoListPullReviews",
    ),
    (
        "POST",
        "/repos/*/*/pulls",
        &[],
        &["head", "base", "title", "body"],
        "https://docs.gitea.com/api/1.22/#tag/repository/operation/repoCreatePullRequest",
    ),
    (
        "PATCH",
        "/repos/*/*/pulls/*",
        &[],
        &["title", "body", "base"],
        "https://docs.gitea.com/api/1.22/#tag/repository/operation/repoEditPullRequest",
    ),
    (
        "POST",
        "/repos/*/*/pulls/*/requested_reviewers",
        &[],
        &["reviewers", "team_reviewers"],
        "https://docs.gitea.com/api/1.22/#tag/repository/operation/repoCreatePullReviewRequests",
    ),
    (
        "GET",
        "/repos/*/*/issues/*/timeline",
        &["limit"],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/issue/operation/issueGetCommentsAndTimeline",
    ),
    (
        "POST",
        "/repos/*/*/issues/*/labels",
        &[],
        &["labels"],
        "https://docs.gitea.com/api/1.22/#tag/issue/operation/issueAddLabel",
    ),
    (
        "GET",
        "/repos/*/*/issues",
        &["labels", "state", "type", "limit"],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/issue/operation/issueListIssues",
    ),
    (
        "GET",
        "/repos/*/*/issues/*",
        &[],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/issue/operation/issueGetIssue",
    ),
    (
        "GET",
        "/repos/*/*/issues/*/comments",
        &[],
        &[],
        "https://docs.gitea.com/api/1.22/#tag/issue/operation/issueGetComments",
    ),
    (
        "POST",
        "/repos/*/*/issues/*/comments",
        &[],
        &["body"],
        "https://docs.gitea.com/api/1.22/#tag/issue/operation/issueCreateComment",
    ),
    (
        "PATCH",
        "/repos/*/*/issues/comments/*",
        &[],
        &["body"],
        "https://docs.gitea.com/api/1.22/#tag/issue/operation/issueEditComment",
    ),
];

/// Everything that a forge can be asked, once at least.
fn converse(hub: &Hub) {
    let wanted = Wanted {
        labels: vec!["codelicious".into()],
        reviewers: vec!["ada".into(), "nobody".into()],
        base: "main".into(),
    };
    now(hub.forge.check(&wanted)).unwrap();
    let mut asked = request("codelicious/a");
    asked.labels = vec!["codelicious".into()];
    asked.reviewers = vec!["ada".into()];
    let made = hub.put(&asked);
    asked.title = "Another title".into();
    asked.body = "another body".into();
    asked.base = "develop".into();
    asked.ready = true;
    hub.put(&asked);
    hub.server.control("close", &json!({"number": made.number}));
    hub.find("codelicious/a");
    let issue = hub
        .server
        .control("issue", &json!({"title": "I", "labels": ["codelicious"]}));
    let issue = issue["number"].as_u64().unwrap();
    now(hub.forge.issue(issue)).unwrap();
    now(hub.forge.issues("codelicious")).unwrap();
    for body in ["one", "two"] {
        let asked = CommentRequest {
            issue,
            key: "k".into(),
            body: body.into(),
        };
        now(hub.forge.comment(&asked)).unwrap();
    }
}

fn fits(row: &Row, method: &str, path: &str) -> bool {
    let (pattern, path) = (row.1.split('/'), path.split('/'));
    let mut pairs = pattern.clone().zip(path.clone());
    row.0 == method
        && pattern.count() == path.count()
        && pairs.all(|(want, is)| want == "*" || want == is)
}

/// Every logged request of whole runs is of a row and uses only what stands there.
pub fn is_documented(dialect: &str, log: &[Value]) {
    match dialect {
        "gitlab" => drop(each_fits(GITLAB, "/api/v4", log)),
        "gitea" => drop(each_fits(GITEA, "/api/v1", log)),
        other => panic!("there is no table for {other}"),
    }
}

/// The same, and every row is used.
fn hold(rows: &[Row], base: &str, log: &[Value]) {
    for (row, used) in rows.iter().zip(each_fits(rows, base, log)) {
        assert!(used, "nothing asked {} {}", row.0, row.1);
    }
}

/// Which rows are used.
fn each_fits(rows: &[Row], base: &str, log: &[Value]) -> Vec<bool> {
    let mut used = vec![false; rows.len()];
    for line in log {
        let method = line["method"].as_str().unwrap();
        let path = line["path"].as_str().unwrap().strip_prefix(base).unwrap();
        // `/issues/comments/7` is no issue with a number.
        let at = rows.iter().position(|row| fits(row, method, path));
        let Some(at) = at else {
            panic!("{method} {path} is not in the table");
        };
        used[at] = true;
        let (_, _, query, body, page) = rows[at];
        let pairs = line["query"].as_str().unwrap().split('&');
        for key in pairs.filter(|p| !p.is_empty()) {
            let key = key.split('=').next().unwrap();
            let known = query.contains(&key) || PAGES.contains(&key);
            assert!(
                known,
                "{method} {path}: the parameter {key} is not on {page}"
            );
        }
        if let Some(fields) = line["body"].as_object() {
            for key in fields.keys() {
                assert!(
                    body.contains(&key.as_str()),
                    "{method} {path}: {key} is not on {page}"
                );
            }
        }
    }
    used
}

#[test]
fn gitlab_is_sent_what_it_documents() {
    let hub = Hub::new("gitlab");
    converse(&hub);
    let log = hub.server.log();
    hold(GITLAB, "/api/v4", &log);
    for line in &log {
        assert_eq!(line["auth"]["form"], "bearer", "{line}");
    }
}

#[test]
fn gitea_is_sent_what_it_documents() {
    let hub = Hub::new("gitea");
    converse(&hub);
    let log = hub.server.log();
    hold(GITEA, "/api/v1", &log);
    for line in &log {
        assert_eq!(line["auth"]["form"], "token", "{line}");
    }
}

#[test]
fn what_did_not_change_is_asked_for_by_its_tag() {
    for dialect in super::DIALECTS {
        let hub = Hub::new(dialect);
        let asked = request("codelicious/a");
        hub.put(&asked);
        hub.put(&asked);
        let before = hub.server.log().len();
        hub.put(&asked);
        for line in &hub.server.log()[before..] {
            assert_eq!(line["status"], 304, "{dialect}: {line}");
        }
        // Another process knows no tags.
        let other = forge(dialect, &hosted(dialect, &hub.server, "acme/tool"));
        let before = hub.server.log().len();
        now(other.put(&asked)).unwrap();
        assert_eq!(hub.server.log()[before]["status"], 200, "{dialect}");
    }
}
