//! What the forge knows, and the effects that every dialect has in common. All of it is JSON, so that a test may
//! read it, and change any of it by `/_control/set`.

use crate::git::Git;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    pub repo: Repo,
    pub tokens: Vec<Token>,
    pub users: Vec<User>,
    /// Teams of the organisation, by slug.
    pub teams: Vec<String>,
    pub labels: Vec<Label>,
    pub prs: Vec<Pr>,
    pub issues: Vec<Issue>,
    pub comments: Vec<Comment>,
    /// How often each effect was really had: `pr_created`, `pr_edited`, `labels_added`, `review_requested`, …
    pub effects: BTreeMap<String, u64>,
    /// The last number or id that was given out.
    pub last: Last,
    /// Reviewers of one pull request at most; GitLab's free plan keeps one.
    pub most_reviewers: Option<usize>,
    /// What `version` endpoints say; empty: the dialect's own.
    pub version: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Last {
    pub pr: u64,
    pub issue: u64,
    pub id: u64,
    /// Seconds since the world began: every effect is one later than the one before.
    pub second: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Repo {
    /// `owner/name`, on GitLab with groups.
    pub path: String,
    /// Where it was before; empty: always here.
    pub moved_from: String,
    pub default_branch: String,
    /// Branches that nobody may push to directly.
    pub protected: Vec<String>,
    /// Branches where there is no bare repository; None: every branch is there.
    pub branches: Option<Vec<String>>,
    pub archived: bool,
    pub private: bool,
    /// Drafts may be made.
    pub drafts: bool,
    pub issues: bool,
    pub pull_requests: bool,
    /// What tokens may do here, unless they say less: `admin`, `write`, `triage`, `read`, `none`.
    pub permission: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    pub value: String,
    pub user: String,
    pub scopes: Vec<String>,
    pub expired: bool,
    pub read_only: bool,
    /// `personal`, `fine` (GitHub, says no scopes), `app` (belongs to no user), `job` (GitLab CI).
    pub kind: String,
    /// `2027-01-31`.
    pub expires_at: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    pub id: u64,
    pub login: String,
    pub may_review: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Label {
    pub id: u64,
    pub name: String,
    /// Gitea: what it is added to has no other of its scope.
    pub exclusive: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pr {
    pub number: u64,
    pub id: u64,
    pub head: String,
    /// Owner of the fork that the head is in; empty: it is in the repository itself.
    pub fork: String,
    pub base: String,
    pub title: String,
    pub body: String,
    /// GitLab and Gitea say it by the title; it is kept equal to that there.
    pub draft: bool,
    pub state: State,
    pub author: String,
    pub labels: Vec<String>,
    /// Logins who are asked to review and have not.
    pub requested: Vec<String>,
    pub requested_teams: Vec<String>,
    /// Whoever was ever asked, `team:slug` for a team, in order: what GitHub's events tell.
    pub asked: Vec<String>,
    /// Whom a person took off the list of who is asked, in the same words.
    pub taken_off: Vec<String>,
    pub reviews: Vec<Review>,
    /// Tip of the head when it was last looked at.
    pub head_sha: String,
    pub merge_commit: Option<String>,
    pub created: u64,
    pub updated: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    #[default]
    Open,
    Closed,
    Merged,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Review {
    pub user: String,
    /// `approved`, `changes_requested`, `commented`.
    pub state: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Issue {
    pub number: u64,
    pub id: u64,
    pub title: String,
    pub body: String,
    pub author: String,
    pub open: bool,
    pub labels: Vec<String>,
    pub created: u64,
    pub updated: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Comment {
    pub id: u64,
    pub thread: Thread,
    pub number: u64,
    pub author: String,
    pub body: String,
    pub created: u64,
    pub updated: u64,
}

/// What a comment stands at; GitHub and Gitea treat pull requests as issues here, with numbers of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thread {
    #[default]
    Issue,
    Pr,
}

impl Default for Repo {
    fn default() -> Self {
        Self {
            path: "acme/tool".to_owned(),
            moved_from: String::new(),
            default_branch: "main".to_owned(),
            protected: Vec::new(),
            branches: None,
            archived: false,
            private: true,
            drafts: true,
            issues: true,
            pull_requests: true,
            permission: "write".to_owned(),
        }
    }
}

impl Default for Token {
    fn default() -> Self {
        Self {
            value: "dummy-token".to_owned(),
            user: "robot".to_owned(),
            scopes: Vec::new(),
            expired: false,
            read_only: false,
            kind: "personal".to_owned(),
            expires_at: None,
        }
    }
}

impl Default for User {
    fn default() -> Self {
        Self {
            id: 0,
            login: String::new(),
            may_review: true,
        }
    }
}

impl Default for World {
    fn default() -> Self {
        let user = |id, login: &str| User {
            id,
            login: login.to_owned(),
            may_review: true,
        };
        let label = |id, name: &str| Label {
            id,
            name: name.to_owned(),
            exclusive: false,
        };
        Self {
            repo: Repo::default(),
            tokens: vec![Token::default()],
            users: vec![user(1, "robot"), user(2, "ada"), user(3, "grace")],
            teams: vec!["reviewers".to_owned()],
            labels: vec![label(1, "codelicious"), label(2, "bug")],
            prs: Vec::new(),
            issues: Vec::new(),
            comments: Vec::new(),
            effects: BTreeMap::new(),
            last: Last {
                id: 1000,
                ..Last::default()
            },
            most_reviewers: None,
            version: String::new(),
        }
    }
}

impl Repo {
    pub fn owner(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(owner, _)| owner)
    }

    /// True where it was once at this path.
    pub fn was_at(&self, path: &str) -> bool {
        !self.moved_from.is_empty() && self.moved_from.eq_ignore_ascii_case(path)
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl Token {
    /// `admin`, `write`, `triage`, `read` or `none`.
    pub fn permission<'a>(&self, repo: &'a Repo) -> &'a str {
        match (self.read_only, repo.permission.as_str()) {
            (true, "admin" | "write" | "triage") => "read",
            (_, permission) => permission,
        }
    }

    pub fn may_write(&self, repo: &Repo) -> bool {
        matches!(self.permission(repo), "admin" | "write")
    }

    pub fn may_read(&self, repo: &Repo) -> bool {
        self.permission(repo) != "none"
    }
}

/// What a new pull request is to be.
#[derive(Debug, Default)]
pub struct NewPr {
    pub head: String,
    pub base: String,
    pub title: String,
    pub body: String,
    pub draft: bool,
    pub author: String,
}

/// Why it is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotMade {
    NoHead,
    NoBase,
    /// Head and base are one branch.
    Same,
    /// There is nothing between them.
    NoCommits,
    /// Another open one goes from this head into this base.
    Exists(u64),
    NoDrafts,
}

/// The world, and where its branches are.
pub struct Forge {
    pub world: World,
    pub git: Git,
    /// Most items of a page.
    pub page_size: usize,
    /// Issues and pull requests are numbered apart.
    pub numbers_apart: bool,
    /// A title that says draft, where titles do.
    pub draft_title: Option<fn(&str) -> bool>,
}

impl Forge {
    /// Counts an effect; every effect goes through here, and is a second later than the one before.
    pub fn effect(&mut self, name: &str) -> u64 {
        *self.world.effects.entry(name.to_owned()).or_default() += 1;
        self.world.last.second += 1;
        self.world.last.second
    }

    pub fn id(&mut self) -> u64 {
        self.world.last.id += 1;
        self.world.last.id
    }

    fn number(&mut self, thread: Thread) -> u64 {
        let last = &mut self.world.last;
        if !self.numbers_apart {
            last.pr = last.pr.max(last.issue) + 1;
            last.issue = last.pr;
            return last.pr;
        }
        match thread {
            Thread::Pr => {
                last.pr += 1;
                last.pr
            }
            Thread::Issue => {
                last.issue += 1;
                last.issue
            }
        }
    }

    /// Tip of a branch; without a repository, a made-up one of a branch that is there.
    pub fn tip(&self, branch: &str) -> Option<String> {
        if self.git.is_there() {
            return self.git.tip(branch);
        }
        let known = self.world.repo.branches.as_ref();
        known
            .is_none_or(|all| all.iter().any(|b| b == branch))
            .then(|| made_up(branch))
    }

    pub fn pr(&self, number: u64) -> Option<&Pr> {
        self.world.prs.iter().find(|p| p.number == number)
    }

    pub fn pr_mut(&mut self, number: u64) -> Option<&mut Pr> {
        self.world.prs.iter_mut().find(|p| p.number == number)
    }

    pub fn issue(&self, number: u64) -> Option<&Issue> {
        self.world.issues.iter().find(|i| i.number == number)
    }

    pub fn user(&self, login: &str) -> Option<&User> {
        let same = |u: &&User| u.login.eq_ignore_ascii_case(login);
        self.world.users.iter().find(same)
    }

    pub fn label(&self, name: &str) -> Option<&Label> {
        self.world.labels.iter().find(|l| l.name == name)
    }

    /// Makes a label where there is none of this name.
    pub fn make_label(&mut self, name: &str) {
        if self.label(name).is_none() {
            let id = self.id();
            let name = name.to_owned();
            self.world.labels.push(Label {
                id,
                name,
                exclusive: false,
            });
            self.effect("label_created");
        }
    }

    /// Makes a pull request; the number of it.
    pub fn open_pr(&mut self, new: NewPr) -> Result<u64, NotMade> {
        if new.head == new.base {
            return Err(NotMade::Same);
        }
        if self.tip(&new.base).is_none() {
            return Err(NotMade::NoBase);
        }
        let Some(head_sha) = self.tip(&new.head) else {
            return Err(NotMade::NoHead);
        };
        let same = |p: &&Pr| {
            p.state == State::Open && p.fork.is_empty() && p.head == new.head && p.base == new.base
        };
        if let Some(pr) = self.world.prs.iter().find(same) {
            return Err(NotMade::Exists(pr.number));
        }
        if self.git.is_there() && !self.git.differs(&new.base, &new.head) {
            return Err(NotMade::NoCommits);
        }
        if new.draft && !self.world.repo.drafts {
            return Err(NotMade::NoDrafts);
        }
        let number = self.number(Thread::Pr);
        let id = self.id();
        let now = self.effect("pr_created");
        self.world.prs.push(Pr {
            number,
            id,
            head: new.head,
            base: new.base,
            draft: self.draft_title.map_or(new.draft, |says| says(&new.title)),
            title: new.title,
            body: new.body,
            author: new.author,
            head_sha,
            created: now,
            updated: now,
            ..Pr::default()
        });
        Ok(number)
    }

    /// Changes a pull request; counted only when something is other than before.
    pub fn edit_pr(&mut self, number: u64, effect: &str, change: impl FnOnce(&mut Pr)) {
        let says = self.draft_title;
        let Some(pr) = self.pr_mut(number) else {
            return;
        };
        let before = serde_json::to_value(&*pr).unwrap_or(Value::Null);
        change(pr);
        if let Some(says) = says {
            pr.draft = says(&pr.title);
        }
        if serde_json::to_value(&*pr).unwrap_or(Value::Null) == before {
            return;
        }
        let now = self.effect(effect);
        if let Some(pr) = self.pr_mut(number) {
            pr.updated = now;
        }
    }

    /// Takes off the labels that share a scope, which ends at the last `mark`, with one of `names`.
    pub fn make_room(
        &mut self,
        number: u64,
        names: &[String],
        mark: &str,
        is_scoped: impl Fn(&str) -> bool,
    ) {
        let scope = |name: &String| {
            let found = name.rsplit_once(mark).map(|(scope, _)| scope.to_owned());
            found.filter(|_| is_scoped(name))
        };
        let scopes: Vec<String> = names.iter().filter_map(scope).collect();
        self.edit_pr(number, "labels_displaced", |pr| {
            let stays =
                |l: &String| names.contains(l) || scope(l).is_none_or(|s| !scopes.contains(&s));
            pr.labels.retain(stays);
        });
    }

    /// Adds labels to a pull request (or, where numbers are shared, an issue).
    pub fn add_labels(&mut self, number: u64, names: &[String]) {
        self.edit_pr(number, "labels_added", |pr| {
            for name in names {
                if !pr.labels.contains(name) {
                    pr.labels.push(name.clone());
                }
            }
        });
    }

    /// Asks people to review. Asking somebody again is an effect too: they are told again.
    pub fn request_review(&mut self, number: u64, users: &[String], teams: &[String]) {
        for _ in 0..users.len() + teams.len() {
            self.effect("review_requested");
        }
        let now = self.world.last.second;
        let Some(pr) = self.pr_mut(number) else {
            return;
        };
        pr.updated = now;
        pr.asked.extend(users.iter().cloned());
        pr.asked
            .extend(teams.iter().map(|team| format!("team:{team}")));
        for user in users {
            if !pr.requested.contains(user) {
                pr.requested.push(user.clone());
            }
        }
        for team in teams {
            if !pr.requested_teams.contains(team) {
                pr.requested_teams.push(team.clone());
            }
        }
    }

    pub fn open_issue(&mut self, title: &str, body: &str, author: &str, labels: &[String]) -> u64 {
        let number = self.number(Thread::Issue);
        let id = self.id();
        let now = self.effect("issue_created");
        self.world.issues.push(Issue {
            number,
            id,
            title: title.to_owned(),
            body: body.to_owned(),
            author: author.to_owned(),
            open: true,
            labels: labels.to_vec(),
            created: now,
            updated: now,
        });
        number
    }

    pub fn comments(&self, thread: Thread, number: u64) -> impl Iterator<Item = &Comment> {
        let here = move |c: &&Comment| c.thread == thread && c.number == number;
        self.world.comments.iter().filter(here)
    }

    pub fn add_comment(&mut self, thread: Thread, number: u64, author: &str, body: &str) -> u64 {
        let id = self.id();
        let now = self.effect("comment_created");
        self.world.comments.push(Comment {
            id,
            thread,
            number,
            author: author.to_owned(),
            body: body.to_owned(),
            created: now,
            updated: now,
        });
        id
    }

    /// False when there is no such comment.
    pub fn edit_comment(&mut self, id: u64, body: &str) -> bool {
        let Some(at) = self.world.comments.iter().position(|c| c.id == id) else {
            return false;
        };
        if self.world.comments[at].body != body {
            let now = self.effect("comment_edited");
            self.world.comments[at].body = body.to_owned();
            self.world.comments[at].updated = now;
        }
        true
    }

    /// Reads the tips of open pull requests anew: people push.
    pub fn refresh(&mut self) {
        if !self.git.is_there() {
            return;
        }
        for at in 0..self.world.prs.len() {
            let pr = &self.world.prs[at];
            if pr.state == State::Open
                && let Some(tip) = self.git.tip(&pr.head)
            {
                self.world.prs[at].head_sha = tip;
            }
        }
    }
}

/// Forty hexadecimal digits that stand for a branch.
fn made_up(branch: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    branch.hash(&mut hasher);
    let once = format!("{:016x}", hasher.finish());
    once.repeat(3)[..40].to_owned()
}

/// A moment as forges write it: the world's seconds, counted from the beginning of 2026.
pub fn time(second: u64) -> String {
    let (days, rest) = (second / 86_400, second % 86_400);
    // A test that has more effects than January has seconds has other problems.
    format!(
        "2026-01-{:02}T{:02}:{:02}:{:02}Z",
        days + 1,
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}
