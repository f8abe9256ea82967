//! Gitea and Forgejo: REST v1, as <https://docs.gitea.com/api/> and every server's `/api/swagger` document it.

use crate::call::{Auth, Call, Form, Page, Reply};
use crate::state::{
    Comment, Forge, Issue, Label, NewPr, NotMade, Pr, Repo, State, Thread, Token, time,
};
use serde_json::{Value, json};

/// The repository's own id.
const REPO: u64 = 7;

/// Answers a request.
pub fn answer(forge: &mut Forge, call: &Call) -> Reply {
    let (method, path) = call.at();
    let ["api", "v1", path @ ..] = path.as_slice() else {
        return not_found(call);
    };
    if let ("GET", ["version"]) = (method, path) {
        let version = match forge.world.version.as_str() {
            "" => "1.22.3",
            version => version,
        };
        return Reply::json(200, json!({"version": version}));
    }
    let token = match &call.auth {
        Auth::Known {
            form: Form::Token | Form::Bearer | Form::Basic,
            token,
        } => token.clone(),
        Auth::Known { .. } | Auth::Nobody => return message(call, 401, "token is required"),
        Auth::Unknown { .. } | Auth::Expired { .. } => {
            return message(call, 401, "invalid username, password or token");
        }
    };
    if let ["user" | "users", ..] = path
        && !token.scopes.is_empty()
        && !token
            .scopes
            .iter()
            .any(|s| s == "all" || s.ends_with(":user"))
    {
        let text = "token does not have at least one of required scope(s): [read:user]";
        return message(call, 403, text);
    }
    match (method, path) {
        ("GET", ["user"]) => Reply::json(200, user(forge, &token.user)),
        ("GET", ["users", login]) => match forge.user(login) {
            Some(known) => Reply::json(200, user(forge, &known.login)),
            None => not_found(call),
        },
        (_, ["repos", owner, name, rest @ ..]) => {
            let old = format!("{owner}/{name}");
            if forge.world.repo.was_at(&old) {
                // A path, whatever the method.
                let path = call.raw_path.replacen(&old, &forge.world.repo.path, 1);
                let to = format!("{path}{}", call.query_text());
                return Reply::empty(301).header("location", &to);
            }
            let own = format!("{owner}/{name}").eq_ignore_ascii_case(&forge.world.repo.path);
            if !own || !token.may_read(&forge.world.repo) {
                return not_found(call);
            }
            if method != "GET" && forge.world.repo.archived {
                let text = format!("Repo is archived: {}", forge.world.repo.path);
                return message(call, 423, &text);
            }
            if method != "GET" && !token.may_write(&forge.world.repo) {
                return message(
                    call,
                    403,
                    "user should have a permission to write to this repo",
                );
            }
            if let Some(scope) = missing_scope(&token, method, rest) {
                let text =
                    format!("token does not have at least one of required scope(s): [{scope}]");
                return message(call, 403, &text);
            }
            repo(forge, call, &token, method, rest)
        }
        _ => not_found(call),
    }
}

fn message(call: &Call, status: u16, text: &str) -> Reply {
    Reply::json(
        status,
        json!({"message": text, "url": format!("{}/api/swagger", call.base)}),
    )
}

fn not_found(call: &Call) -> Reply {
    message(call, 404, "The target couldn't be found.")
}

/// Scopes are `read:repository`, `write:issue` and the like; none given to the token: all of them.
fn missing_scope(token: &Token, method: &str, rest: &[&str]) -> Option<String> {
    if token.scopes.is_empty() || token.scopes.iter().any(|s| s == "all") {
        return None;
    }
    let area = match rest {
        ["issues" | "labels", ..] => "issue",
        _ => "repository",
    };
    let has = |word: &str| token.scopes.contains(&format!("{word}:{area}"));
    match method {
        "GET" if has("read") || has("write") => None,
        "GET" => Some(format!("read:{area}")),
        _ if has("write") => None,
        _ => Some(format!("write:{area}")),
    }
}

/// A list that tells how long it is and no more: labels, reviews.
fn counted(forge: &Forge, call: &Call, all: Vec<Value>) -> Reply {
    let page = Page::of(all, call.page("limit", 30, forge.page_size));
    let total = page.total.to_string();
    Reply::json(200, Value::Array(page.items)).header("x-total-count", &total)
}

/// A list with links as well. Their addresses are made of `ROOT_URL`, which few set right behind a proxy.
fn listed(forge: &Forge, call: &Call, all: Vec<Value>) -> Reply {
    let page = Page::of(all, call.page("limit", 30, forge.page_size));
    let total = page.total.to_string();
    let mut reply = page.reply(call);
    for (name, value) in &mut reply.headers {
        if name == "link" {
            *value = value.replace(&call.base, "http://root-url.invalid:3000");
        }
    }
    reply.header("x-total-count", &total)
}

fn user(forge: &Forge, login: &str) -> Value {
    let known = forge.user(login);
    json!({"id": known.map_or(0, |u| u.id), "login": known.map_or(login, |u| &u.login), "full_name": ""})
}

fn label(label: &Label) -> Value {
    json!({"id": label.id, "name": label.name, "color": "00aabb", "exclusive": label.exclusive})
}

fn labels(forge: &Forge, names: &[String]) -> Vec<Value> {
    names
        .iter()
        .filter_map(|n| forge.label(n))
        .map(label)
        .collect()
}

fn repository(repo: &Repo, call: &Call, token: &Token) -> Value {
    json!({
        "id": REPO,
        "name": repo.name(),
        "full_name": repo.path,
        "owner": {"id": 99, "login": repo.owner()},
        "private": repo.private,
        "archived": repo.archived,
        "default_branch": repo.default_branch,
        "has_issues": repo.issues,
        "has_pull_requests": repo.pull_requests,
        "html_url": format!("{}/{}", call.base, repo.path),
        "permissions": {
            "admin": token.permission(repo) == "admin",
            "push": token.may_write(repo),
            "pull": token.may_read(repo),
        },
    })
}

fn repo(forge: &mut Forge, call: &Call, token: &Token, method: &str, rest: &[&str]) -> Reply {
    match (method, rest) {
        ("GET", []) => Reply::json(200, repository(&forge.world.repo, call, token)),
        // A branch's name may be sent with its slashes as they are.
        ("GET", ["branches", name @ ..]) if !name.is_empty() => {
            branch(forge, call, &name.join("/"))
        }
        ("GET", ["labels"]) => {
            let all = forge.world.labels.iter().map(label).collect();
            counted(forge, call, all)
        }
        ("GET", ["reviewers"]) => {
            let may = forge.world.users.iter().filter(|u| u.may_review);
            let all: Vec<Value> = may.map(|u| user(forge, &u.login)).collect();
            Reply::json(200, Value::Array(all))
        }
        ("GET", ["teams"]) => {
            let team = |(at, name): (usize, &String)| json!({"id": at + 1, "name": name});
            let all: Vec<Value> = forge.world.teams.iter().enumerate().map(team).collect();
            Reply::json(200, Value::Array(all))
        }
        (_, ["pulls", ..]) if !forge.world.repo.pull_requests => not_found(call),
        ("GET", ["pulls"]) => pulls(forge, call),
        ("POST", ["pulls"]) => create(forge, call, token),
        (_, ["pulls", n, rest @ ..]) => match number(n).filter(|n| forge.pr(*n).is_some()) {
            Some(n) => one(forge, call, method, n, rest),
            None => not_found(call),
        },
        (_, ["issues", ..]) if !forge.world.repo.issues => not_found(call),
        ("GET", ["issues"]) => issues(forge, call),
        ("PATCH", ["issues", "comments", id]) => edit_comment(forge, call, token, id),
        (_, ["issues", n, rest @ ..]) => match number(n) {
            Some(n) => issue_of(forge, call, token, method, n, rest),
            None => not_found(call),
        },
        _ => not_found(call),
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn branch(forge: &Forge, call: &Call, name: &str) -> Reply {
    match forge.tip(name) {
        None => not_found(call),
        Some(tip) => {
            let protected = forge.world.repo.protected.iter().any(|p| p == name);
            Reply::json(
                200,
                json!({"name": name, "protected": protected, "user_can_push": !protected,
                       "user_can_merge": true, "commit": {"id": tip}}),
            )
        }
    }
}

fn pull(forge: &Forge, call: &Call, pr: &Pr) -> Value {
    let repo = &forge.world.repo;
    // The branch of a head that is gone is still told as the label.
    let head_ref = match forge.tip(&pr.head) {
        Some(_) => pr.head.clone(),
        None => format!("refs/pull/{}/head", pr.number),
    };
    let head_repo = if pr.fork.is_empty() { REPO } else { REPO + 1 };
    json!({
        "id": pr.id,
        "number": pr.number,
        "title": pr.title,
        "body": pr.body,
        "state": if pr.state == State::Open { "open" } else { "closed" },
        "draft": pr.draft,
        "merged": pr.state == State::Merged,
        "merged_at": (pr.state == State::Merged).then(|| time(pr.updated)),
        "merge_commit_sha": pr.merge_commit,
        "user": user(forge, &pr.author),
        "labels": labels(forge, &pr.labels),
        "requested_reviewers": pr.requested.iter().map(|u| user(forge, u)).collect::<Vec<_>>(),
        "requested_reviewers_teams": pr.requested_teams.iter().map(|t| json!({"id": 1, "name": t})).collect::<Vec<_>>(),
        "head": {"label": pr.head, "ref": head_ref, "sha": pr.head_sha, "repo_id": head_repo},
        "base": {"label": pr.base, "ref": pr.base, "sha": "", "repo_id": REPO},
        "created_at": time(pr.created),
        "updated_at": time(pr.updated),
        "html_url": format!("{}/{}/pulls/{}", call.base, repo.path, pr.number),
    })
}

fn pulls(forge: &Forge, call: &Call) -> Reply {
    let fits = |pr: &&Pr| match call.query("state") {
        None | Some("open") => pr.state == State::Open,
        Some("closed") => pr.state != State::Open,
        Some(_) => true,
    };
    let mut all: Vec<&Pr> = forge.world.prs.iter().filter(fits).collect();
    all.reverse();
    let all = all.iter().map(|pr| pull(forge, call, pr)).collect();
    listed(forge, call, all)
}

fn create(forge: &mut Forge, call: &Call, token: &Token) -> Reply {
    let text = |name: &str| call.text(name).unwrap_or_default().to_owned();
    let new = NewPr {
        head: text("head"),
        base: text("base"),
        title: text("title"),
        body: text("body"),
        draft: false,
        author: token.user.clone(),
    };
    if new.title.trim().is_empty() {
        return message(call, 422, "[Title]: Required");
    }
    let (head, base) = (new.head.clone(), new.base.clone());
    match forge.open_pr(new) {
        Ok(number) => {
            let ids = call.numbers("labels").unwrap_or_default();
            let names = label_names(forge, &ids);
            forge.add_labels(number, &names);
            answered(forge, call, number)
        }
        Err(NotMade::Exists(number)) => {
            let text = format!(
                "pull request already exists for these targets [id: {number}, issue_id: {number}, head_repo_id: {REPO}, base_repo_id: {REPO}, head_branch: {head}, base_branch: {base}]"
            );
            message(call, 409, &text)
        }
        Err(NotMade::Same | NotMade::NoCommits) => message(
            call,
            422,
            "Invalid PullRequest: There are no changes between the head and the base",
        ),
        Err(NotMade::NoHead | NotMade::NoBase | NotMade::NoDrafts) => not_found(call),
    }
}

fn answered(forge: &Forge, call: &Call, number: u64) -> Reply {
    match forge.pr(number) {
        Some(pr) => Reply::json(201, pull(forge, call, pr)),
        None => not_found(call),
    }
}

/// Ids that no label has are passed over, as the real one does.
fn label_names(forge: &Forge, ids: &[u64]) -> Vec<String> {
    let known = forge.world.labels.iter().filter(|l| ids.contains(&l.id));
    known.map(|l| l.name.clone()).collect()
}

fn one(forge: &mut Forge, call: &Call, method: &str, number: u64, rest: &[&str]) -> Reply {
    match (method, rest) {
        ("GET", []) => match forge.pr(number) {
            Some(pr) => Reply::json(200, pull(forge, call, pr)),
            None => not_found(call),
        },
        ("PATCH", []) => edit(forge, call, number),
        ("GET", ["reviews"]) => {
            let review = |r: &crate::state::Review| json!({"user": user(forge, &r.user), "state": r.state.to_uppercase()});
            let reviews = forge.pr(number).map(|p| p.reviews.as_slice());
            let all = reviews.unwrap_or_default().iter().map(review).collect();
            counted(forge, call, all)
        }
        ("POST", ["requested_reviewers"]) => {
            let users = call.texts("reviewers").unwrap_or_default();
            let teams = call.texts("team_reviewers").unwrap_or_default();
            let author = forge
                .pr(number)
                .map(|p| p.author.clone())
                .unwrap_or_default();
            for login in &users {
                let Some(known) = forge.user(login) else {
                    let text = format!("user does not exist [uid: 0, name: {login}]");
                    return message(call, 404, &text);
                };
                if known.login == author {
                    return message(call, 422, "poster of pr can't be reviewer");
                }
                if !known.may_review {
                    return message(
                        call,
                        422,
                        "reviewer doesn't have permission to read the repo",
                    );
                }
            }
            if let Some(team) = teams.iter().find(|t| !forge.world.teams.contains(t)) {
                let text = format!("team does not exist [org_id 0, team_id 0, name: {team}]");
                return message(call, 404, &text);
            }
            forge.request_review(number, &users, &teams);
            Reply::json(201, json!([]))
        }
        _ => not_found(call),
    }
}

fn edit(forge: &mut Forge, call: &Call, number: u64) -> Reply {
    let filled = |name: &str| call.text(name).filter(|t| !t.is_empty()).map(str::to_owned);
    let body = call.text("body").map(str::to_owned);
    let base = filled("base");
    if let Some(base) = &base {
        if forge.tip(base).is_none() {
            return message(call, 404, &format!("new base '{base}' not exist"));
        }
        let Some(pr) = forge.pr(number) else {
            return not_found(call);
        };
        let taken = forge.world.prs.iter().any(|p| {
            p.number != number && p.state == State::Open && p.base == *base && p.head == pr.head
        });
        if taken {
            return message(call, 409, "pull request already exists for these targets");
        }
        if pr.state == State::Closed && pr.base != *base {
            return message(call, 422, "issue is closed");
        }
    }
    let state = call.text("state");
    forge.edit_pr(number, "pr_edited", |pr| {
        // An empty title leaves it as it is.
        pr.title = filled("title").unwrap_or_else(|| pr.title.clone());
        pr.body = body.unwrap_or_else(|| pr.body.clone());
        match (pr.state, base, state) {
            (State::Merged, _, _) => {}
            (_, new, state) => {
                pr.base = new.unwrap_or_else(|| pr.base.clone());
                match state {
                    Some("closed") => pr.state = State::Closed,
                    Some("open") => pr.state = State::Open,
                    _ => {}
                }
            }
        }
    });
    answered(forge, call, number)
}

fn issue(forge: &Forge, call: &Call, issue: &Issue) -> Value {
    json!({
        "id": issue.id,
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": if issue.open { "open" } else { "closed" },
        "user": user(forge, &issue.author),
        "labels": labels(forge, &issue.labels),
        "pull_request": null,
        "created_at": time(issue.created),
        "updated_at": time(issue.updated),
        "html_url": format!("{}/{}/issues/{}", call.base, forge.world.repo.path, issue.number),
    })
}

fn issues(forge: &Forge, call: &Call) -> Reply {
    let wanted = call.query("labels").unwrap_or_default();
    // Labels that the repository does not have filter nothing here, as in the real one before 1.23.
    let wanted: Vec<&str> = wanted
        .split(',')
        .filter(|l| forge.label(l).is_some())
        .collect();
    let fits = |i: &&Issue| {
        let same = match call.query("state") {
            None | Some("open") => i.open,
            Some("closed") => !i.open,
            Some(_) => true,
        };
        same && wanted.iter().all(|l| i.labels.iter().any(|own| own == l))
    };
    let mut all: Vec<Value> = forge
        .world
        .issues
        .iter()
        .filter(fits)
        .map(|i| issue(forge, call, i))
        .collect();
    if call.query("type") != Some("issues") {
        let open = forge.world.prs.iter().filter(|p| p.state == State::Open);
        all.extend(open.map(|pr| {
            let mut shown = pull(forge, call, pr);
            shown["pull_request"] = json!({"merged": false});
            shown
        }));
    }
    all.reverse();
    listed(forge, call, all)
}

fn issue_of(
    forge: &mut Forge,
    call: &Call,
    token: &Token,
    method: &str,
    number: u64,
    rest: &[&str],
) -> Reply {
    let is_pr = forge.pr(number).is_some();
    if !is_pr && forge.issue(number).is_none() {
        return not_found(call);
    }
    match (method, rest) {
        ("GET", []) => match (forge.issue(number), forge.pr(number)) {
            (Some(found), _) => Reply::json(200, issue(forge, call, found)),
            (None, Some(pr)) => {
                let mut shown = pull(forge, call, pr);
                shown["pull_request"] = json!({"merged": pr.state == State::Merged});
                Reply::json(200, shown)
            }
            (None, None) => not_found(call),
        },
        ("POST", ["labels"]) => {
            let ids = call.numbers("labels").unwrap_or_default();
            let names = label_names(forge, &ids);
            let exclusive = |l: &&Label| l.exclusive;
            let scoped = forge.world.labels.iter().filter(exclusive);
            let scoped: Vec<String> = scoped.map(|l| l.name.clone()).collect();
            forge.make_room(number, &names, "/", |name| scoped.iter().any(|s| s == name));
            forge.add_labels(number, &names);
            let all = forge.pr(number).map(|p| labels(forge, &p.labels));
            Reply::json(200, Value::Array(all.unwrap_or_default()))
        }
        ("GET", ["comments"]) => {
            // Comments of one issue come all at once.
            let all: Vec<Value> = forge
                .comments(Thread::Issue, number)
                .map(|c| comment(forge, c))
                .collect();
            Reply::json(200, Value::Array(all))
        }
        ("GET", ["timeline"]) => match forge.pr(number) {
            Some(pr) => timeline(forge, call, pr),
            None => Reply::json(200, Value::Null),
        },
        ("POST", ["comments"]) => {
            let Some(body) = call.text("body").filter(|b| !b.is_empty()) else {
                return message(call, 422, "[Body]: Required");
            };
            let id = forge.add_comment(Thread::Issue, number, &token.user, body);
            told(forge, call, id, 201)
        }
        _ => not_found(call),
    }
}

/// What happened at a pull request. The count above it is that of the page, and a page of nothing is null.
fn timeline(forge: &Forge, call: &Call, pr: &Pr) -> Reply {
    let entry = |name: &String, removed: bool| {
        let team = name.strip_prefix("team:");
        json!({"type": "review_request", "removed_assignee": removed,
               "assignee": team.is_none().then(|| user(forge, name)),
               "assignee_team": team.map(|name| json!({"id": 1, "name": name}))})
    };
    let mut all = vec![json!({"type": "pull_push", "assignee": null, "assignee_team": null})];
    all.extend(pr.asked.iter().map(|name| entry(name, false)));
    all.extend(pr.taken_off.iter().map(|name| entry(name, true)));
    let page = Page::of(all, call.page("limit", 30, forge.page_size));
    let count = page.items.len().to_string();
    let items = match page.items.is_empty() {
        true => Value::Null,
        false => Value::Array(page.items),
    };
    Reply::json(200, items).header("x-total-count", &count)
}

fn comment(forge: &Forge, comment: &Comment) -> Value {
    json!({"id": comment.id, "body": comment.body, "user": user(forge, &comment.author),
           "created_at": time(comment.created), "updated_at": time(comment.updated)})
}

fn told(forge: &Forge, call: &Call, id: u64, status: u16) -> Reply {
    match forge.world.comments.iter().find(|c| c.id == id) {
        Some(found) => Reply::json(status, comment(forge, found)),
        None => not_found(call),
    }
}

fn edit_comment(forge: &mut Forge, call: &Call, token: &Token, id: &str) -> Reply {
    let id = number(id).unwrap_or(0);
    let author = forge.world.comments.iter().find(|c| c.id == id);
    match author.map(|c| c.author == token.user) {
        None => not_found(call),
        Some(false) => message(call, 403, "Only the poster or an admin may edit a comment"),
        Some(true) => {
            forge.edit_comment(id, call.text("body").unwrap_or_default());
            told(forge, call, id, 200)
        }
    }
}

/// A title that makes a pull request work in progress: `WIP:` or `[WIP]`, in any case, unless the server's
/// `WORK_IN_PROGRESS_PREFIXES` says otherwise (<https://docs.gitea.com/usage/pull-request>).
pub fn says_draft(title: &str) -> bool {
    let title = title.trim_start().to_lowercase();
    ["wip:", "[wip]"].iter().any(|p| title.starts_with(p))
}
