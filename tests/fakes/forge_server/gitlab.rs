//! GitLab: REST v4, as <https://docs.gitlab.com/api/rest/> documents it.

use crate::call::{Auth, Call, Form, Page, Reply};
use crate::state::{Comment, Forge, Issue, NewPr, NotMade, Pr, State, Thread, Token, time};
use serde_json::{Value, json};

/// The project's own id.
const PROJECT: u64 = 7;

/// Answers a request.
pub fn answer(forge: &mut Forge, call: &Call) -> Reply {
    let (method, path) = call.at();
    let ["api", "v4", path @ ..] = path.as_slice() else {
        return message(404, "404 Not Found");
    };
    let token = match allowed(call) {
        Ok(token) => token,
        Err(refusal) => return refusal,
    };
    match (method, path) {
        ("GET", ["version" | "metadata"]) => {
            let version = match forge.world.version.as_str() {
                "" => "17.5.0",
                version => version,
            };
            Reply::json(200, json!({"version": version, "revision": "fa4e0000000"}))
        }
        ("GET", ["user"]) if token.kind != "job" => Reply::json(200, user(forge, &token.user)),
        ("GET", ["user"]) => message(401, "401 Unauthorized"),
        ("GET", ["personal_access_tokens", "self"]) => own_token(&token),
        ("GET", ["users"]) => {
            let wanted = call.query("username").unwrap_or_default();
            let found = forge.user(wanted).map(|u| user(forge, &u.login));
            Page::of(found.into_iter().collect(), page(forge, call)).reply(call)
        }
        (_, ["projects", id, rest @ ..]) => {
            if forge.world.repo.was_at(id) {
                return elsewhere(call, method, id);
            }
            let known = **id == forge.world.repo.path || **id == PROJECT.to_string();
            if !known || !token.may_read(&forge.world.repo) {
                return message(404, "404 Project Not Found");
            }
            if method != "GET" && !token.may_write(&forge.world.repo) {
                return message(403, "403 Forbidden");
            }
            project(forge, call, &token, method, rest)
        }
        _ => message(404, "404 Not Found"),
    }
}

/// Reading is led to the project by its id, and nothing else is
/// (<https://docs.gitlab.com/api/rest/#redirects>).
fn elsewhere(call: &Call, method: &str, id: &str) -> Reply {
    if method != "GET" {
        let text = "405 Method Not Allowed - Non GET methods are not allowed for moved projects";
        return message(405, text);
    }
    let whole = format!("{}{}", call.raw_path, call.query_text());
    let path = whole.replacen(&crate::call::encode(id), &PROJECT.to_string(), 1);
    let host: Vec<&str> = call.base.splitn(4, '/').take(3).collect();
    Reply::empty(302).header("location", &format!("{}{path}", host.join("/")))
}

fn message(status: u16, text: &str) -> Reply {
    Reply::json(status, json!({"message": text}))
}

/// The token, where it may make this request.
fn allowed(call: &Call) -> Result<Token, Reply> {
    let token = match &call.auth {
        Auth::Known { form, token } if takes(*form, &token.kind) => token,
        Auth::Expired { .. } => {
            return Err(Reply::json(
                401,
                json!({"error": "invalid_token", "error_description": "Token is expired. You can either do re-authorization or token refresh."}),
            ));
        }
        Auth::Known { .. } | Auth::Nobody | Auth::Unknown { .. } => {
            return Err(message(401, "401 Unauthorized"));
        }
    };
    let scope = match call.method.as_str() {
        "GET" => ["api", "read_api"].as_slice(),
        _ => ["api"].as_slice(),
    };
    let has = scopes(token).iter().any(|s| scope.contains(&s.as_str()));
    // What tells of the token itself is open to every token.
    let of_itself = call.path.last().is_some_and(|s| s == "self" || s == "user");
    match has || of_itself {
        true => Ok(token.clone()),
        false => Err(Reply::json(
            403,
            json!({"error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.", "scope": scope.join(" ")}),
        )),
    }
}

/// Which tokens may be sent how (<https://docs.gitlab.com/api/rest/authentication/>).
fn takes(form: Form, kind: &str) -> bool {
    match form {
        Form::Bearer => kind != "job",
        Form::PrivateToken => kind == "personal",
        Form::JobToken => kind == "job",
        Form::Token | Form::Basic => false,
    }
}

fn scopes(token: &Token) -> Vec<String> {
    match (token.scopes.is_empty(), token.read_only) {
        (false, _) => token.scopes.clone(),
        (true, true) => vec!["read_api".to_owned()],
        (true, false) => vec!["api".to_owned()],
    }
}

/// Only personal, project and group tokens know themselves.
fn own_token(token: &Token) -> Reply {
    match token.kind.as_str() {
        "personal" => Reply::json(
            200,
            json!({"id": 1, "name": "for tests", "revoked": false, "active": true,
                   "scopes": scopes(token), "user_id": 1, "expires_at": token.expires_at}),
        ),
        "job" => message(401, "401 Unauthorized"),
        _ => message(404, "404 Not Found"),
    }
}

fn page(forge: &Forge, call: &Call) -> (usize, usize) {
    call.page("per_page", 20, forge.page_size)
}

/// A list with GitLab's own headers about pages beside `Link`.
fn listed(forge: &Forge, call: &Call, all: Vec<Value>) -> Reply {
    let page = Page::of(all, page(forge, call));
    let next = match page.number < page.pages() {
        true => (page.number + 1).to_string(),
        false => String::new(),
    };
    let (number, size, total) = (page.number, page.size, page.total);
    let pages = page.pages();
    page.reply(call)
        .header("x-next-page", &next)
        .header("x-page", &number.to_string())
        .header("x-per-page", &size.to_string())
        .header("x-total", &total.to_string())
        .header("x-total-pages", &pages.to_string())
}

fn user(forge: &Forge, login: &str) -> Value {
    let known = forge.user(login);
    json!({"id": known.map_or(0, |u| u.id), "username": known.map_or(login, |u| &u.login),
           "name": login, "state": "active", "locked": false})
}

/// <https://docs.gitlab.com/api/members/#roles>
fn level(token: &Token, forge: &Forge) -> Option<u64> {
    match token.permission(&forge.world.repo) {
        "admin" => Some(40),
        "write" => Some(30),
        "triage" | "read" => Some(20),
        _ => None,
    }
}

fn project(forge: &mut Forge, call: &Call, token: &Token, method: &str, rest: &[&str]) -> Reply {
    if method != "GET" && forge.world.repo.archived {
        return message(403, "403 Forbidden");
    }
    match (method, rest) {
        ("GET", []) => about(forge, call, token),
        ("GET", ["repository", "branches", name]) => branch(forge, name),
        ("GET", ["labels"]) => {
            let label = |l: &crate::state::Label| json!({"id": l.id, "name": l.name});
            let wanted = call.query("search").unwrap_or_default();
            let fits = |l: &&crate::state::Label| l.name.contains(wanted);
            let all = forge.world.labels.iter().filter(fits).map(label).collect();
            listed(forge, call, all)
        }
        ("GET", ["members", "all", id]) => {
            let found = forge
                .world
                .users
                .iter()
                .find(|u| u.id.to_string() == **id && u.may_review);
            match found {
                Some(u) => {
                    let mut member = user(forge, &u.login);
                    member["access_level"] = json!(30);
                    Reply::json(200, member)
                }
                None => message(404, "404 Not found"),
            }
        }
        (_, ["merge_requests", ..]) if !forge.world.repo.pull_requests => {
            message(403, "403 Forbidden")
        }
        ("GET", ["merge_requests"]) => merge_requests(forge, call),
        ("POST", ["merge_requests"]) => create(forge, call, token),
        ("GET", ["merge_requests", iid]) => match number(iid).and_then(|n| forge.pr(n)) {
            Some(pr) => Reply::json(200, merge_request(forge, call, pr)),
            None => message(404, "404 Not found"),
        },
        ("PUT", ["merge_requests", iid]) => match number(iid) {
            Some(n) if forge.pr(n).is_some() => update(forge, call, n),
            _ => message(404, "404 Not found"),
        },
        ("GET", ["issues"]) => issues(forge, call),
        ("GET", ["issues", iid]) => match number(iid).and_then(|n| forge.issue(n)) {
            Some(found) => Reply::json(200, issue(forge, call, found)),
            None => message(404, "404 Not found"),
        },
        (_, ["issues", iid, "notes", rest @ ..]) => {
            notes(forge, call, token, method, (Thread::Issue, iid), rest)
        }
        (_, ["merge_requests", iid, "notes", rest @ ..]) => {
            notes(forge, call, token, method, (Thread::Pr, iid), rest)
        }
        _ => message(404, "404 Not Found"),
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn about(forge: &Forge, call: &Call, token: &Token) -> Reply {
    let repo = &forge.world.repo;
    let access = |on: bool| if on { "enabled" } else { "disabled" };
    Reply::json(
        200,
        json!({
            "id": PROJECT,
            "name": repo.name(),
            "path_with_namespace": repo.path,
            "default_branch": repo.default_branch,
            "web_url": format!("{}/{}", call.base, repo.path),
            "visibility": if repo.private { "private" } else { "public" },
            "archived": repo.archived,
            "issues_enabled": repo.issues,
            "issues_access_level": access(repo.issues),
            "merge_requests_enabled": repo.pull_requests,
            "merge_requests_access_level": access(repo.pull_requests),
            "permissions": {
                "project_access": level(token, forge).map(|l| json!({"access_level": l, "notification_level": 3})),
                "group_access": null,
            },
        }),
    )
}

fn branch(forge: &Forge, name: &str) -> Reply {
    match forge.tip(name) {
        None => message(404, "404 Branch Not Found"),
        Some(tip) => {
            let protected = forge.world.repo.protected.iter().any(|p| p == name);
            Reply::json(
                200,
                json!({"name": name, "protected": protected, "default": name == forge.world.repo.default_branch,
                       "can_push": !protected, "commit": {"id": tip}}),
            )
        }
    }
}

fn merge_request(forge: &Forge, call: &Call, pr: &Pr) -> Value {
    // Who has reviewed stays a reviewer here.
    let mut reviewers = pr.requested.clone();
    for review in &pr.reviews {
        if !reviewers.contains(&review.user) {
            reviewers.push(review.user.clone());
        }
    }
    let reviewers: Vec<Value> = reviewers.iter().map(|u| user(forge, u)).collect();
    let state = match pr.state {
        State::Open => "opened",
        State::Closed => "closed",
        State::Merged => "merged",
    };
    let source = if pr.fork.is_empty() {
        PROJECT
    } else {
        PROJECT + 1
    };
    json!({
        "id": pr.id,
        "iid": pr.number,
        "project_id": PROJECT,
        "source_project_id": source,
        "target_project_id": PROJECT,
        "title": pr.title,
        "description": pr.body,
        "state": state,
        "draft": pr.draft,
        "work_in_progress": pr.draft,
        "source_branch": pr.head,
        "target_branch": pr.base,
        "author": user(forge, &pr.author),
        "labels": pr.labels,
        "reviewers": reviewers,
        "sha": pr.head_sha,
        "merge_commit_sha": pr.merge_commit,
        "created_at": time(pr.created),
        "updated_at": time(pr.updated),
        "web_url": format!("{}/{}/-/merge_requests/{}", call.base, forge.world.repo.path, pr.number),
    })
}

fn merge_requests(forge: &Forge, call: &Call) -> Reply {
    let state = call.query("state").unwrap_or("all");
    let fits = |pr: &&Pr| {
        let same = match state {
            "opened" => pr.state == State::Open,
            "closed" => pr.state == State::Closed,
            "merged" => pr.state == State::Merged,
            _ => true,
        };
        let of = |name: &str, is: &str| call.query(name).is_none_or(|wanted| wanted == is);
        same && of("source_branch", &pr.head) && of("target_branch", &pr.base)
    };
    let mut all: Vec<&Pr> = forge.world.prs.iter().filter(fits).collect();
    all.sort_by_key(|pr| std::cmp::Reverse((pr.created, pr.number)));
    if call.query("sort") == Some("asc") {
        all.reverse();
    }
    let all = all
        .iter()
        .map(|pr| merge_request(forge, call, pr))
        .collect();
    listed(forge, call, all)
}

fn create(forge: &mut Forge, call: &Call, token: &Token) -> Reply {
    for name in ["source_branch", "target_branch", "title"] {
        if call.text(name).is_none() {
            return Reply::json(400, json!({"error": format!("{name} is missing")}));
        }
    }
    let text = |name: &str| call.text(name).unwrap_or_default().to_owned();
    if let Some(refusal) = bad_title(&text("title")) {
        return refusal;
    }
    let body = obeyed(forge, &text("description"));
    let made = forge.open_pr(NewPr {
        head: text("source_branch"),
        base: text("target_branch"),
        title: text("title"),
        body,
        draft: false,
        author: token.user.clone(),
    });
    match made {
        Ok(number) => {
            change(forge, call, number);
            match forge.pr(number) {
                Some(pr) => Reply::json(201, merge_request(forge, call, pr)),
                None => message(500, "500 Internal Server Error"),
            }
        }
        Err(NotMade::Exists(number)) => Reply::json(
            409,
            json!({"message": [format!("Another open merge request already exists for this source branch: !{number}")]}),
        ),
        Err(NotMade::Same) => Reply::json(
            422,
            json!({"message": ["You can't use same project/branch for source and target"]}),
        ),
        Err(NotMade::NoHead) => Reply::json(
            400,
            json!({"message": {"source_branch": ["does not exist"]}}),
        ),
        Err(NotMade::NoBase) => Reply::json(
            400,
            json!({"message": {"target_branch": ["does not exist"]}}),
        ),
        Err(NotMade::NoCommits | NotMade::NoDrafts) => Reply::json(
            400,
            json!({"message": {"base": ["there are no commits between the branches"]}}),
        ),
    }
}

fn bad_title(title: &str) -> Option<Reply> {
    let why = if title.trim().is_empty() {
        "can't be blank"
    } else if title.chars().count() > 255 {
        "is too long (maximum is 255 characters)"
    } else {
        return None;
    };
    Some(Reply::json(400, json!({"message": {"title": [why]}})))
}

/// Lines that are quick actions are obeyed and taken out of the text
/// (<https://docs.gitlab.com/user/project/quick_actions/>); here they are only counted.
fn obeyed(forge: &mut Forge, text: &str) -> String {
    let action = |line: &str| {
        let mut chars = line.chars();
        chars.next() == Some('/') && chars.next().is_some_and(|c| c.is_ascii_lowercase())
    };
    let (actions, kept): (Vec<&str>, Vec<&str>) = text.split('\n').partition(|l| action(l));
    for _ in &actions {
        forge.effect("quick_action");
    }
    kept.join("\n")
}

fn update(forge: &mut Forge, call: &Call, number: u64) -> Reply {
    let known = [
        "title",
        "description",
        "target_branch",
        "state_event",
        "labels",
        "add_labels",
        "remove_labels",
        "reviewer_ids",
        "assignee_ids",
        "remove_source_branch",
        "squash",
    ];
    if !known.iter().any(|name| call.body.get(name).is_some()) {
        return Reply::json(
            400,
            json!({"error": format!("{} are missing, at least one parameter must be provided", known.join(", "))}),
        );
    }
    if let Some(refusal) = call.text("title").and_then(bad_title) {
        return refusal;
    }
    if let Some(base) = call.text("target_branch") {
        if forge.tip(base).is_none() {
            return Reply::json(
                400,
                json!({"message": {"target_branch": ["does not exist"]}}),
            );
        }
        let head = forge.pr(number).map(|p| p.head.clone());
        let taken = forge.world.prs.iter().find(|p| {
            p.number != number
                && p.state == State::Open
                && p.base == base
                && Some(&p.head) == head.as_ref()
        });
        if let Some(other) = taken {
            let text = format!(
                "Another open merge request already exists for this source branch: !{}",
                other.number
            );
            return Reply::json(409, json!({"message": [text]}));
        }
    }
    change(forge, call, number);
    match forge.pr(number) {
        Some(pr) => Reply::json(200, merge_request(forge, call, pr)),
        None => message(404, "404 Not found"),
    }
}

/// What creating and updating have in common.
fn change(forge: &mut Forge, call: &Call, number: u64) {
    let title = call.text("title").map(str::to_owned);
    let base = call.text("target_branch").map(str::to_owned);
    let body = call.text("description").map(str::to_owned);
    let body = body.map(|text| obeyed(forge, &text));
    let event = call.text("state_event");
    forge.edit_pr(number, "pr_edited", |pr| {
        pr.title = title.unwrap_or_else(|| pr.title.clone());
        pr.body = body.unwrap_or_else(|| pr.body.clone());
        pr.base = base.unwrap_or_else(|| pr.base.clone());
        match event {
            Some("close") => pr.state = State::Closed,
            Some("reopen") => pr.state = State::Open,
            _ => {}
        }
    });
    for field in ["labels", "add_labels"] {
        let names = call.texts(field).unwrap_or_default();
        for name in &names {
            forge.make_label(name);
        }
        // <https://docs.gitlab.com/user/project/labels/#scoped-labels>
        forge.make_room(number, &names, "::", |_| true);
        forge.add_labels(number, &names);
    }
    if let Some(mut ids) = call.numbers("reviewer_ids") {
        ids.truncate(forge.world.most_reviewers.unwrap_or(usize::MAX));
        let login = |id: &u64| {
            let found = forge.world.users.iter().find(|u| u.id == *id);
            // Who may not see the project is passed over without a word.
            found.filter(|u| u.may_review).map(|u| u.login.clone())
        };
        let wanted: Vec<String> = ids.iter().filter_map(login).collect();
        let Some(pr) = forge.pr_mut(number) else {
            return;
        };
        pr.requested.retain(|u| wanted.contains(u));
        let known =
            |u: &String| pr.requested.contains(u) || pr.reviews.iter().any(|r| r.user == *u);
        let new: Vec<String> = wanted.iter().filter(|u| !known(u)).cloned().collect();
        forge.request_review(number, &new, &[]);
    }
}

fn issue(forge: &Forge, call: &Call, issue: &Issue) -> Value {
    json!({
        "id": issue.id,
        "iid": issue.number,
        "project_id": PROJECT,
        "title": issue.title,
        "description": issue.body,
        "state": if issue.open { "opened" } else { "closed" },
        "author": user(forge, &issue.author),
        "labels": issue.labels,
        "created_at": time(issue.created),
        "updated_at": time(issue.updated),
        "web_url": format!("{}/{}/-/issues/{}", call.base, forge.world.repo.path, issue.number),
    })
}

fn issues(forge: &Forge, call: &Call) -> Reply {
    if !forge.world.repo.issues {
        return message(403, "403 Forbidden");
    }
    let labels = call.query("labels").unwrap_or_default();
    let fits = |i: &&Issue| {
        let same = match call.query("state") {
            Some("opened") => i.open,
            Some("closed") => !i.open,
            _ => true,
        };
        let mut wanted = labels.split(',').filter(|l| !l.is_empty());
        same && wanted.all(|l| i.labels.iter().any(|own| own == l))
    };
    let mut all: Vec<&Issue> = forge.world.issues.iter().filter(fits).collect();
    if call.query("sort") != Some("asc") {
        all.reverse();
    }
    let all = all.iter().map(|i| issue(forge, call, i)).collect();
    listed(forge, call, all)
}

fn note(forge: &Forge, comment: &Comment) -> Value {
    json!({"id": comment.id, "body": comment.body, "author": user(forge, &comment.author), "system": false,
           "created_at": time(comment.created), "updated_at": time(comment.updated)})
}

fn notes(
    forge: &mut Forge,
    call: &Call,
    token: &Token,
    method: &str,
    (thread, iid): (Thread, &str),
    rest: &[&str],
) -> Reply {
    let there = |n: &u64| match thread {
        Thread::Issue => forge.issue(*n).is_some(),
        Thread::Pr => forge.pr(*n).is_some(),
    };
    let Some(number) = number(iid).filter(there) else {
        return message(404, "404 Not found");
    };
    match (method, rest) {
        ("GET", []) => {
            let mut all: Vec<&Comment> = forge.comments(thread, number).collect();
            if call.query("sort") != Some("asc") {
                all.reverse();
            }
            let all = all.into_iter().map(|c| note(forge, c)).collect();
            listed(forge, call, all)
        }
        ("POST", []) => {
            let Some(body) = call.text("body") else {
                return Reply::json(400, json!({"error": "body is missing"}));
            };
            let body = obeyed(forge, body);
            let id = forge.add_comment(thread, number, &token.user, &body);
            told(forge, id, 201)
        }
        ("PUT", [id]) => {
            let id = self::number(id).unwrap_or(0);
            let Some(body) = call.text("body") else {
                return Reply::json(400, json!({"error": "body is missing"}));
            };
            let own = forge
                .comments(thread, number)
                .find(|c| c.id == id)
                .map(|c| c.author == token.user);
            match own {
                None => message(404, "404 Note Not Found"),
                Some(false) => message(403, "403 Forbidden"),
                Some(true) => {
                    let body = obeyed(forge, body);
                    forge.edit_comment(id, &body);
                    told(forge, id, 200)
                }
            }
        }
        _ => message(404, "404 Not Found"),
    }
}

fn told(forge: &Forge, id: u64, status: u16) -> Reply {
    match forge.world.comments.iter().find(|c| c.id == id) {
        Some(comment) => Reply::json(status, note(forge, comment)),
        None => message(404, "404 Note Not Found"),
    }
}

/// A title that makes a merge request a draft: `Draft:`, `[Draft]` or `(Draft)`, in any case
/// (<https://docs.gitlab.com/user/project/merge_requests/drafts/>).
pub fn says_draft(title: &str) -> bool {
    let title = title.trim_start().to_lowercase();
    ["draft:", "[draft]", "(draft)"]
        .iter()
        .any(|p| title.starts_with(p))
}
