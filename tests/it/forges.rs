//! Forges that are spoken to over HTTP, each against the program that plays it: the contract of all forges, and what
//! only they can do or meet.

mod checks;
mod fake;
mod faults;
pub mod fields;
mod git;
pub mod github;
mod reviewers;
pub mod server;

use crate::forge_contract::{self as contract, Bench, now, request};
use chrono::{DateTime, Utc};
use codelicious::config::Endpoint;
use codelicious::core::retry::RetryPolicy;
use codelicious::forge::{Gitea, Github, Gitlab, Hosted};
use codelicious::model::PrState;
use codelicious::ports::{
    Clock, CommentRequest, Forge, ForgeError, ForgeErrorKind, ForgePr, PrRequest, PutPr, Rng,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::ForgeServer;
use std::rc::Rc;
use std::time::Duration;

struct Machine;

impl Clock for Machine {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

impl Rng for Machine {
    fn bytes(&self) -> [u8; 16] {
        [0; 16]
    }
}

/// The forges that are put through everything here.
const DIALECTS: [&str; 3] = ["github", "gitlab", "gitea"];

/// A forge with the server behind it.
pub struct Hub {
    pub dialect: &'static str,
    pub server: ForgeServer,
    pub forge: Box<dyn Forge>,
}

impl Hub {
    pub fn new(dialect: &'static str) -> Self {
        Self::with(dialect, &[])
    }

    /// With more arguments for the server.
    pub fn with(dialect: &'static str, more: &[&str]) -> Self {
        let server = ForgeServer::start(dialect, more);
        let repository = server.state()["repo"]["path"].as_str().unwrap().to_owned();
        let forge = forge(dialect, &hosted(dialect, &server, &repository));
        Self {
            dialect,
            server,
            forge,
        }
    }

    pub fn try_put(&self, request: &PrRequest) -> Result<PutPr, ForgeError> {
        now(self.forge.put(request))
    }

    pub fn put(&self, request: &PrRequest) -> ForgePr {
        match self.try_put(request) {
            Ok(put) => put.pr,
            Err(e) => panic!("{}: {e:?}", self.dialect),
        }
    }

    pub fn find(&self, head: &str) -> Option<ForgePr> {
        now(self.forge.find(head)).unwrap_or_else(|e| panic!("{}: {e:?}", self.dialect))
    }

    /// A pull request as the server keeps it.
    pub fn pr(&self, number: u64) -> Value {
        let state = self.server.state();
        let mut all = state["prs"].as_array().unwrap().iter();
        let found = all.find(|p| p["number"] == number);
        found.expect("it is there").clone()
    }

    /// Doing this writes nothing at all.
    pub fn writes_nothing(&self, what: impl FnOnce()) {
        let (state, asked) = (self.server.state(), self.server.log().len());
        what();
        assert_eq!(self.server.state(), state, "{}", self.dialect);
        for line in &self.server.log()[asked..] {
            assert_eq!(line["method"], "GET", "{}: {line}", self.dialect);
        }
    }
}

/// What a forge is told, for a server on this machine.
pub fn hosted(dialect: &str, server: &ForgeServer, repository: &str) -> Hosted {
    let api = match dialect {
        "github" => format!("{}/api/v3", server.url),
        "gitlab" => format!("{}/api/v4", server.url),
        "gitea" => format!("{}/api/v1", server.url),
        other => panic!("no dialect {other}"),
    };
    Hosted {
        api: Endpoint::parse(&api).unwrap(),
        graphql: match dialect {
            "github" => Endpoint::parse(&format!("{}/api/graphql", server.url)).ok(),
            _ => None,
        },
        web: server.url.clone(),
        repository: repository.to_owned(),
        token: Some(SecretString::from("dummy-token")),
        private_hosts: vec!["127.0.0.1".to_owned()],
        retry: RetryPolicy {
            max_retries: 3,
            base: Duration::from_millis(1),
            cap: Duration::from_millis(2),
            max_wait: Duration::from_secs(2),
        },
        connect_timeout: Duration::from_secs(5),
        answer_timeout: Duration::from_secs(5),
    }
}

pub fn forge(dialect: &str, hosted: &Hosted) -> Box<dyn Forge> {
    let (clock, rng) = (Rc::new(Machine), Rc::new(Machine));
    match dialect {
        "github" => Box::new(Github::new(hosted.clone(), clock, rng).unwrap()),
        "gitlab" => Box::new(Gitlab::new(hosted.clone(), clock, rng).unwrap()),
        "gitea" => Box::new(Gitea::new(hosted.clone(), clock, rng).unwrap()),
        other => panic!("no dialect {other}"),
    }
}

/// A title without what says draft, as the two forges write it.
fn bare(title: &str) -> &str {
    ["Draft: ", "WIP: "]
        .iter()
        .find_map(|p| title.strip_prefix(p))
        .unwrap_or(title)
}

impl Bench for Hub {
    fn forge(&self) -> &dyn Forge {
        self.forge.as_ref()
    }

    fn snapshot(&self) -> Vec<String> {
        vec![self.server.state().to_string()]
    }

    fn body(&self, pr: &ForgePr) -> String {
        self.pr(pr.number)["body"].as_str().unwrap().to_owned()
    }

    fn title(&self, pr: &ForgePr) -> String {
        bare(self.pr(pr.number)["title"].as_str().unwrap()).to_owned()
    }

    fn shown(&self, title: &str, head: &str) -> String {
        let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.as_str() {
            "" => head.to_owned(),
            line => line.to_owned(),
        }
    }

    fn person_writes(&self, pr: &ForgePr, before: &str, after: &str) {
        // A form in a browser ends its lines so.
        let body = format!("{before}\n{}\n{after}", self.body(pr)).replace('\n', "\r\n");
        self.server
            .control("edit", &json!({"number": pr.number, "body": body}));
    }
}

#[test]
fn keep_the_contract() {
    for dialect in DIALECTS {
        contract::check(&Hub::new(dialect));
    }
}

#[test]
fn keep_the_contract_a_page_of_two_at_a_time() {
    for dialect in DIALECTS {
        contract::check(&Hub::with(dialect, &["--page-size", "2"]));
    }
}

#[test]
fn labels_and_reviewers_are_added_once_and_never_taken() {
    for dialect in DIALECTS {
        let hub = Hub::new(dialect);
        let mut asked = request("codelicious/a");
        asked.labels = vec!["codelicious".into()];
        asked.reviewers = vec!["ada".into(), "Grace".into(), "ada".into()];
        let made = hub.put(&asked);
        let pr = hub.pr(made.number);
        assert_eq!(pr["labels"], json!(["codelicious"]), "{dialect}");
        assert_eq!(
            pr["requested"].as_array().unwrap().len(),
            2,
            "{dialect}: {pr}"
        );
        assert_eq!(hub.server.effects("review_requested"), 2, "{dialect}");
        hub.writes_nothing(|| assert_eq!(hub.put(&asked), made));

        // Whoever has reviewed is not asked again.
        let review = json!({"number": made.number, "user": "ada", "state": "approved"});
        hub.server.control("review", &review);
        hub.writes_nothing(|| assert_eq!(hub.put(&asked), made));

        // What people add stays.
        let mut prs = hub.server.state()["prs"].clone();
        prs[0]["labels"] = json!(["bug", "codelicious"]);
        hub.server.control("set", &json!({"prs": prs}));
        asked.labels = vec!["codelicious".into()];
        asked.reviewers = Vec::new();
        hub.writes_nothing(|| assert_eq!(hub.put(&asked), made));
        asked.labels = Vec::new();
        asked.body = "another body".into();
        hub.put(&asked);
        let pr = hub.pr(made.number);
        assert_eq!(pr["labels"], json!(["bug", "codelicious"]), "{dialect}");
        assert_eq!(
            pr["requested"].as_array().unwrap().len(),
            1,
            "{dialect}: {pr}"
        );
        assert_eq!(hub.server.effects("review_requested"), 2, "{dialect}");
    }
}

#[test]
fn what_is_over_is_left_alone() {
    for dialect in DIALECTS {
        let hub = Hub::new(dialect);
        for (head, what, body, state) in [
            ("codelicious/a", "close", json!({}), PrState::Closed),
            (
                "codelicious/b",
                "merge",
                json!({"how": "squash"}),
                PrState::Merged,
            ),
        ] {
            let mut asked = request(head);
            asked.ready = true;
            let made = hub.put(&asked);
            let mut control = body.clone();
            control["number"] = json!(made.number);
            hub.server.control(what, &control);
            assert_eq!(hub.find(head).unwrap().state, state, "{dialect}");
            asked.body = "changed".into();
            asked.labels = vec!["bug".into()];
            asked.reviewers = vec!["ada".into()];
            hub.writes_nothing(|| {
                let put = hub.put(&asked);
                assert_eq!((put.number, put.state), (made.number, state), "{dialect}");
            });
        }
        // A person opened it again: it is ours again.
        let closed = hub.find("codelicious/a").unwrap();
        hub.server
            .control("reopen", &json!({"number": closed.number}));
        let mut asked = request("codelicious/a");
        asked.body = "changed".into();
        assert_eq!(hub.put(&asked).state, PrState::Ready, "{dialect}");
        assert!(hub.body(&closed).contains("changed"), "{dialect}");
    }
}

#[test]
fn of_several_an_open_one_and_none_of_a_fork() {
    for dialect in DIALECTS {
        let hub = Hub::with(dialect, &["--page-size", "2"]);
        let pr = |number: u64, head: &str, fork: &str, state: &str| {
            json!({"number": number, "id": 100 + number, "head": head, "fork": fork, "base": "main",
                   "title": "T", "state": state, "author": "ada", "created": number})
        };
        let prs = json!([
            pr(1, "codelicious/a", "", "open"),
            pr(2, "codelicious/a", "", "closed"),
            pr(3, "codelicious/b", "", "closed"),
            pr(4, "codelicious/b", "", "merged"),
            pr(5, "codelicious/a", "stranger", "open"),
            pr(6, "codelicious/c", "stranger", "open"),
            pr(7, "other", "", "open"),
            pr(8, "other/b", "", "closed"),
        ]);
        hub.server
            .control("set", &json!({"prs": prs, "last": {"pr": 8, "issue": 8}}));
        let number = |head: &str| hub.find(head).map(|p| p.number);
        assert_eq!(number("codelicious/a"), Some(1), "{dialect}");
        assert_eq!(number("codelicious/b"), Some(4), "{dialect}");
        assert_eq!(number("codelicious/c"), None, "{dialect}");
        assert_eq!(hub.put(&request("codelicious/c")).number, 9, "{dialect}");
    }
}

#[test]
fn drafts_are_a_persons_to_end() {
    for dialect in DIALECTS {
        let hub = Hub::new(dialect);
        let asked = request("codelicious/a");
        let made = hub.put(&asked);
        assert_eq!(made.state, PrState::Draft);
        assert_eq!(hub.pr(made.number)["draft"], true, "{dialect}");
        let number = made.number;
        let edit = |change: Value| hub.server.control("edit", &change);
        edit(match dialect {
            "github" => json!({"number": number, "draft": false}),
            _ => json!({"number": number, "title": asked.title}),
        });
        hub.writes_nothing(|| assert_eq!(hub.put(&asked).state, PrState::Ready));
        // A person's own way to say it, and their own mind.
        edit(match dialect {
            "github" => json!({"number": number, "draft": true}),
            "gitlab" => json!({"number": number, "title": format!("[Draft] {}", asked.title)}),
            _ => json!({"number": number, "title": format!("[wip] {}", asked.title)}),
        });
        hub.writes_nothing(|| assert_eq!(hub.put(&asked).state, PrState::Draft));
        let mut ready = asked.clone();
        ready.ready = true;
        assert_eq!(hub.put(&ready).state, PrState::Ready, "{dialect}");
        assert_eq!(hub.pr(made.number)["title"], asked.title, "{dialect}");
    }
}

#[test]
fn the_free_plan_keeps_one_reviewer_and_it_is_said() {
    let hub = Hub::new("gitlab");
    hub.server.control("set", &json!({"most_reviewers": 1}));
    let mut asked = request("codelicious/a");
    asked.reviewers = vec!["ada".into(), "grace".into()];
    let put = hub.try_put(&asked).unwrap();
    assert!(
        put.notes.iter().any(|n| n.contains("1 of 2 reviewers")),
        "{:?}",
        put.notes
    );
    assert_eq!(hub.pr(put.pr.number)["requested"], json!(["ada"]));
    hub.writes_nothing(|| assert_eq!(hub.put(&asked), put.pr));
    // Nor does another process.
    let other = forge("gitlab", &hosted("gitlab", &hub.server, "acme/tool"));
    hub.writes_nothing(|| drop(now(other.put(&asked)).unwrap()));
}

#[test]
fn no_line_of_ours_is_a_command() {
    let hub = Hub::new("gitlab");
    let mut asked = request("codelicious/a");
    asked.body = "/close\n\ntext\n/assign @ada".into();
    let made = hub.put(&asked);
    assert!(hub.body(&made).contains("/close"), "{}", hub.body(&made));
    hub.writes_nothing(|| assert_eq!(hub.put(&asked), made));
    asked.body = "/merge".into();
    hub.put(&asked);
    let issue = hub.server.control("issue", &json!({"title": "I"}))["number"].clone();
    let comment = CommentRequest {
        issue: issue.as_u64().unwrap(),
        key: "k".into(),
        body: "/close".into(),
    };
    now(hub.forge.comment(&comment)).unwrap();
    assert_eq!(hub.server.effects("quick_action"), 0);
}

fn comments(hub: &Hub) -> Vec<String> {
    let state = hub.server.state();
    let all = state["comments"].as_array().unwrap().iter();
    all.map(|c| c["body"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_comment_is_one_and_is_kept_up() {
    for dialect in DIALECTS {
        let hub = Hub::with(dialect, &["--page-size", "2"]);
        let issue = hub.server.control(
            "issue",
            &json!({"title": "Todo", "labels": ["codelicious"]}),
        );
        let mut asked = CommentRequest {
            issue: issue["number"].as_u64().unwrap(),
            key: "spec:todo".into(),
            body: "Planned.".into(),
        };
        let say = |asked: &CommentRequest| now(hub.forge.comment(asked)).unwrap();
        for _ in 0..3 {
            hub.server
                .control("comment", &json!({"issue": asked.issue, "body": "me too"}));
        }
        say(&asked);
        let ours = comments(&hub)[3].clone();
        assert!(ours.contains("Planned."), "{dialect}: {ours}");
        hub.writes_nothing(|| say(&asked));
        // Somebody quotes all of it, and somebody else copies it.
        hub.server.control(
            "comment",
            &json!({"issue": asked.issue, "body": format!("> {ours}")}),
        );
        hub.server
            .control("comment", &json!({"issue": asked.issue, "body": ours}));
        asked.body = "Built.".into();
        say(&asked);
        let said = comments(&hub);
        assert_eq!(said.len(), 6, "{dialect}");
        assert!(
            said[3].contains("Built.") && said[4].contains("Planned."),
            "{dialect}: {said:?}"
        );
        assert!(said[5].contains("Planned."), "{dialect}: {said:?}");
        // Another key is another comment.
        asked.key = "spec:other".into();
        say(&asked);
        assert_eq!(comments(&hub).len(), 7, "{dialect}");
        assert_eq!(hub.server.effects("comment_edited"), 1, "{dialect}");
    }
}

#[test]
fn issues_are_read() {
    for dialect in DIALECTS {
        let hub = Hub::with(dialect, &["--page-size", "2"]);
        // A pull request is no issue, whatever it bears.
        let mut asked = request("codelicious/a");
        asked.labels = vec!["codelicious".into()];
        hub.put(&asked);
        let open = |title: &str, label: &str, closed: bool| {
            let body = json!({"title": title, "body": "line\n", "labels": [label], "closed": closed, "author": "grace"});
            hub.server.control("issue", &body)["number"]
                .as_u64()
                .unwrap()
        };
        let a = open("A", "codelicious", false);
        open("B", "bug", false);
        open("C", "codelicious", true);
        let more: Vec<u64> = (0..3).map(|_| open("D", "codelicious", false)).collect();
        let found = now(hub.forge.issues("codelicious")).unwrap();
        let numbers: Vec<u64> = found.iter().map(|i| i.number).collect();
        assert_eq!(numbers, [&[a][..], &more].concat(), "{dialect}");
        let one = now(hub.forge.issue(a)).unwrap();
        assert_eq!(one, found[0], "{dialect}");
        assert_eq!((one.title.as_str(), one.body.as_str()), ("A", "line\n"));
        assert_eq!((one.author.as_str(), one.is_open), ("grace", true));
        assert_eq!(one.labels, ["codelicious"]);
        assert!(one.url.starts_with(&hub.server.url), "{}", one.url);
        assert_eq!(now(hub.forge.issues("no such label")).unwrap(), []);
        let none = now(hub.forge.issue(999)).unwrap_err();
        assert_eq!(none.kind, ForgeErrorKind::NotFound, "{dialect}: {none:?}");
    }
}

#[test]
fn lives_below_a_path_and_in_groups() {
    let server = ["--prefix", "/code", "--repo", "group/sub group/tool"];
    let hub = Hub::with("gitlab", &server);
    let made = hub.put(&request("codelicious/a b#c"));
    assert_eq!(hub.find("codelicious/a b#c"), Some(made));
    let url = hub
        .forge
        .file_url("codelicious/a#b", "specs/a b.md")
        .unwrap();
    let want = "/group/sub%20group/tool/-/blob/codelicious/a%23b/specs/a%20b.md";
    assert_eq!(url, format!("{}{want}", hub.server.url));
    for line in hub.server.log() {
        let path = line["path"].as_str().unwrap();
        assert!(path.starts_with("/code/api/v4/"), "{path}");
    }
    let gitea = Hub::with("gitea", &["--prefix", "/code"]);
    gitea.put(&request("codelicious/a"));
    let url = gitea.forge.file_url("main", "specs/todo.md").unwrap();
    let want = "/acme/tool/src/branch/main/specs/todo.md";
    assert_eq!(url, format!("{}{want}", gitea.server.url));
}
