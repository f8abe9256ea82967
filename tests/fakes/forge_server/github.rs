//! GitHub: REST as <https://docs.github.com/en/rest> documents it, and of GraphQL what REST cannot do.
//!
//! A token whose `scopes` are empty is a classic one with `repo`; `kind` `fine` tells no scopes, `app` has no user.

use crate::call::{Auth, Call, Form, Page, Reply};
use crate::state::{Comment, Forge, Issue, Label, NewPr, NotMade, Pr, State, Thread, Token, time};
use serde_json::{Value, json};

const DOCS: &str = "https://docs.github.com/rest";

/// The repository's own id; a fork's is the next one.
const REPO: u64 = 7;

/// Most characters of a body.
const MAX_BODY: usize = 65_536;

/// Answers a request.
pub fn answer(forge: &mut Forge, call: &Call) -> Reply {
    let (method, path) = call.at();
    if let ("POST", ["graphql"] | ["api", "graphql"]) = (method, path.as_slice()) {
        return graphql(forge, call);
    }
    let path = match path.as_slice() {
        ["api", "v3", rest @ ..] => rest,
        path => path,
    };
    if let ("GET", ["meta"]) = (method, path) {
        let reply = Reply::json(
            200,
            json!({"verifiable_password_authentication": true, "installed_version": "3.14.0"}),
        );
        return with_limits(reply, None);
    }
    let token = match &call.auth {
        Auth::Known {
            form: Form::Bearer | Form::Token | Form::Basic,
            token,
        } => Some(token.clone()),
        Auth::Nobody => None,
        Auth::Known { .. } | Auth::Unknown { .. } | Auth::Expired { .. } => {
            return message(401, "Bad credentials");
        }
    };
    let reply = match (method, path) {
        ("GET", ["user"]) => match &token {
            None => message(401, "Requires authentication"),
            Some(token) if token.kind == "app" => {
                message(403, "Resource not accessible by integration")
            }
            Some(token) => Reply::json(200, user(forge, call, &token.user)),
        },
        ("GET", ["users", login]) => match forge.user(login) {
            Some(known) => Reply::json(200, user(forge, call, &known.login.clone())),
            None => not_found(),
        },
        ("GET", ["orgs", owner, "teams", slug]) => {
            let is_there = owner.eq_ignore_ascii_case(forge.world.repo.owner())
                && forge.world.teams.iter().any(|t| t == slug);
            match (is_there, &token) {
                (true, Some(_)) => Reply::json(200, team(slug)),
                _ => not_found(),
            }
        }
        // <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects>
        (_, ["repos", owner, name, ..]) if forge.world.repo.was_at(&format!("{owner}/{name}")) => {
            let old = format!("repos/{owner}/{name}");
            let path = call.raw_path.replacen(&old, "repositories/7", 1);
            let host: Vec<&str> = call.base.splitn(4, '/').take(3).collect();
            let to = format!("{}{path}{}", host.join("/"), call.query_text());
            let status = if method == "GET" { 301 } else { 307 };
            Reply::json(status, json!({"message": "Moved Permanently", "url": to}))
                .header("location", &to)
        }
        (_, ["repositories", id, rest @ ..]) if *id == REPO.to_string() => {
            of_repo(forge, call, token.as_ref(), method, rest)
        }
        (_, ["repos", owner, name, rest @ ..]) => {
            let own = format!("{owner}/{name}").eq_ignore_ascii_case(&forge.world.repo.path);
            match own {
                true => of_repo(forge, call, token.as_ref(), method, rest),
                false => not_found(),
            }
        }
        _ => not_found(),
    };
    with_limits(reply, token.as_ref())
}

/// What stands above every answer.
fn with_limits(reply: Reply, token: Option<&Token>) -> Reply {
    let mut reply = reply
        .header("x-github-media-type", "github.v3; format=json")
        .header("x-ratelimit-limit", "5000")
        .header("x-ratelimit-remaining", "4999")
        .header("x-ratelimit-reset", "4102444800");
    if let Some(token) = token {
        if token.kind == "personal" {
            reply = reply.header("x-oauth-scopes", &scopes(token).join(", "));
        }
        if let Some(day) = &token.expires_at {
            let end = format!("{day} 00:00:00 UTC");
            reply = reply.header("github-authentication-token-expiration", &end);
        }
    }
    reply
}

fn scopes(token: &Token) -> Vec<String> {
    match token.scopes.as_slice() {
        [] => vec!["repo".to_owned()],
        [none] if none == "none" => Vec::new(),
        scopes => scopes.to_vec(),
    }
}

fn message(status: u16, text: &str) -> Reply {
    let mut body = json!({"message": text, "documentation_url": DOCS});
    // The description has no such field in what answers 422.
    if status != 422 {
        body["status"] = status.to_string().into();
    }
    Reply::json(status, body)
}

fn not_found() -> Reply {
    message(404, "Not Found")
}

/// A refusal of a field, or with words of its own.
fn invalid(resource: &str, field: &str, code: &str, words: &str) -> Reply {
    let mut error = json!({"resource": resource, "code": code});
    if !field.is_empty() {
        error["field"] = field.into();
    }
    if !words.is_empty() {
        error["message"] = words.into();
    }
    Reply::json(
        422,
        json!({"message": "Validation Failed", "errors": [error], "documentation_url": DOCS}),
    )
}

fn of_repo(
    forge: &mut Forge,
    call: &Call,
    token: Option<&Token>,
    method: &str,
    rest: &[&str],
) -> Reply {
    let repo = &forge.world.repo;
    let is_seen = match token {
        None => !repo.private,
        Some(token) => {
            let blind = token.kind == "personal"
                && repo.private
                && !scopes(token).iter().any(|s| s == "repo");
            token.may_read(repo) && !blind
        }
    };
    if !is_seen {
        return not_found();
    }
    if method != "GET" {
        let Some(token) = token else {
            return message(401, "Requires authentication");
        };
        if repo.archived {
            return message(403, "Repository was archived so is read-only.");
        }
        let enough = |s: &String| s == "repo" || s == "public_repo" && !repo.private;
        if token.kind == "personal" && !scopes(token).iter().any(enough) {
            return not_found();
        }
        if !token.may_write(repo) {
            return match token.kind.as_str() {
                "app" => message(403, "Resource not accessible by integration"),
                _ => message(403, "Resource not accessible by personal access token"),
            };
        }
    }
    match (method, rest) {
        ("GET", []) => Reply::json(200, repository(forge, call, token)),
        ("GET", ["branches", name]) => match forge.tip(name) {
            None => message(404, "Branch not found"),
            Some(tip) => {
                let protected = forge.world.repo.protected.iter().any(|p| p == name);
                Reply::json(
                    200,
                    json!({"name": name, "protected": protected, "commit": {"sha": tip}}),
                )
            }
        },
        ("GET", ["collaborators", login]) => match forge.user(login) {
            Some(known) if known.may_review => Reply::empty(204),
            Some(_) | None => not_found(),
        },
        ("GET", ["labels", name]) => match forge.label(name) {
            Some(known) => Reply::json(200, label(known)),
            None => not_found(),
        },
        (_, ["pulls", ..]) if !forge.world.repo.pull_requests => not_found(),
        ("GET", ["pulls"]) => pulls(forge, call),
        ("POST", ["pulls"]) => create(forge, call, author(token)),
        (_, ["pulls", n, rest @ ..]) => match number(n).filter(|n| forge.pr(*n).is_some()) {
            Some(n) => one(forge, call, method, n, rest),
            None => not_found(),
        },
        (_, ["issues", ..]) if !forge.world.repo.issues && method != "GET" => {
            message(410, "Issues has been disabled in this repository.")
        }
        ("GET", ["issues"]) => issues(forge, call),
        ("PATCH", ["issues", "comments", id]) => {
            let id = number(id).unwrap_or(0);
            match forge.edit_comment(id, call.text("body").unwrap_or_default()) {
                true => told(forge, call, id, 200),
                false => not_found(),
            }
        }
        (_, ["issues", n, rest @ ..]) => match number(n) {
            Some(n) => of_issue(forge, call, author(token), method, n, rest),
            None => not_found(),
        },
        _ => not_found(),
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn author(token: Option<&Token>) -> &str {
    match token {
        Some(token) if token.kind == "app" => "github-actions[bot]",
        Some(token) => &token.user,
        None => "",
    }
}

fn listed(forge: &Forge, call: &Call, all: Vec<Value>) -> Reply {
    Page::of(all, call.page("per_page", 30, forge.page_size)).reply(call)
}

fn user(forge: &Forge, call: &Call, login: &str) -> Value {
    let known = forge.user(login);
    let kind = if login.ends_with("[bot]") {
        "Bot"
    } else {
        "User"
    };
    json!({
        "id": known.map_or(0, |u| u.id),
        "login": known.map_or(login, |u| &u.login),
        "node_id": format!("U_{login}"),
        "html_url": format!("{}/{login}", call.base),
        "type": kind,
        "site_admin": false,
    })
}

fn team(slug: &str) -> Value {
    json!({"id": 1, "node_id": format!("T_{slug}"), "name": slug, "slug": slug, "privacy": "closed"})
}

fn label(label: &Label) -> Value {
    json!({"id": label.id, "node_id": format!("L_{}", label.id), "name": label.name, "color": "00aabb", "default": false})
}

fn labels(forge: &Forge, names: &[String]) -> Vec<Value> {
    let known = names.iter().filter_map(|n| forge.label(n));
    known.map(label).collect()
}

fn repository(forge: &Forge, call: &Call, token: Option<&Token>) -> Value {
    let repo = &forge.world.repo;
    let mut shown = json!({
        "id": REPO,
        "node_id": "R_7",
        "name": repo.name(),
        "full_name": repo.path,
        "owner": {"id": 99, "login": repo.owner(), "node_id": "O_99", "type": "Organization", "site_admin": false},
        "private": repo.private,
        "archived": repo.archived,
        "disabled": false,
        "default_branch": repo.default_branch,
        "has_issues": repo.issues,
        "has_pull_requests": repo.pull_requests,
        "html_url": format!("{}/{}", call.base, repo.path),
    });
    if let Some(token) = token.filter(|t| t.kind != "app") {
        shown["permissions"] = json!({
            "admin": token.permission(repo) == "admin",
            "maintain": token.permission(repo) == "admin",
            "push": token.may_write(repo),
            "triage": token.may_write(repo),
            "pull": token.may_read(repo),
        });
    }
    shown
}

fn pull(forge: &Forge, call: &Call, pr: &Pr) -> Value {
    let repo = &forge.world.repo;
    let owner = match pr.fork.as_str() {
        "" => repo.owner(),
        fork => fork,
    };
    let home = |id: u64, owner: &str| {
        json!({"id": id, "node_id": format!("R_{id}"), "name": repo.name(), "full_name": format!("{owner}/{}", repo.name()),
               "private": repo.private, "default_branch": repo.default_branch})
    };
    let head_id = if pr.fork.is_empty() { REPO } else { REPO + 1 };
    json!({
        "id": pr.id,
        "node_id": node(pr),
        "number": pr.number,
        "url": format!("{}/repos/{}/pulls/{}", call.base, repo.path, pr.number),
        "html_url": format!("{}/{}/pull/{}", call.base, repo.path, pr.number),
        "title": pr.title,
        "body": match pr.body.as_str() { "" => Value::Null, body => body.into() },
        "state": if pr.state == State::Open { "open" } else { "closed" },
        "locked": false,
        "draft": pr.draft,
        "merged_at": (pr.state == State::Merged).then(|| time(pr.updated)),
        "closed_at": (pr.state != State::Open).then(|| time(pr.updated)),
        "merge_commit_sha": pr.merge_commit,
        "user": user(forge, call, &pr.author),
        "author_association": association(forge, &pr.author),
        "labels": labels(forge, &pr.labels),
        "requested_reviewers": pr.requested.iter().map(|u| user(forge, call, u)).collect::<Vec<_>>(),
        "requested_teams": pr.requested_teams.iter().map(|t| team(t)).collect::<Vec<_>>(),
        "head": {"label": format!("{owner}:{}", pr.head), "ref": pr.head, "sha": pr.head_sha, "repo": home(head_id, owner)},
        "base": {"label": format!("{}:{}", repo.owner(), pr.base), "ref": pr.base, "sha": forge.tip(&pr.base).unwrap_or_default(),
                 "repo": home(REPO, repo.owner())},
        "created_at": time(pr.created),
        "updated_at": time(pr.updated),
    })
}

fn node(pr: &Pr) -> String {
    format!("PR_{}", pr.id)
}

/// What whoever wrote something is to the repository.
fn association(forge: &Forge, login: &str) -> &'static str {
    match forge.user(login) {
        Some(known) if known.may_review => "COLLABORATOR",
        Some(_) | None => "NONE",
    }
}

fn pulls(forge: &Forge, call: &Call) -> Reply {
    let fits_state = |pr: &&Pr| match call.query("state") {
        None | Some("open") => pr.state == State::Open,
        Some("closed") => pr.state != State::Open,
        Some(_) => true,
    };
    // `owner:branch`; anything else filters nothing.
    let head = call.query("head").and_then(|h| h.split_once(':'));
    let fits_head = |pr: &&Pr| {
        head.is_none_or(|(owner, branch)| {
            let own = match pr.fork.as_str() {
                "" => forge.world.repo.owner(),
                fork => fork,
            };
            own.eq_ignore_ascii_case(owner) && pr.head == branch
        })
    };
    let fits_base = |pr: &&Pr| call.query("base").is_none_or(|base| pr.base == base);
    let mut all: Vec<&Pr> = forge
        .world
        .prs
        .iter()
        .filter(fits_state)
        .filter(fits_head)
        .filter(fits_base)
        .collect();
    // The newest first, unless the query says otherwise.
    if call.query("direction") != Some("asc") {
        all.reverse();
    }
    let all = all.iter().map(|pr| pull(forge, call, pr)).collect();
    listed(forge, call, all)
}

fn create(forge: &mut Forge, call: &Call, author: &str) -> Reply {
    let text = |name: &str| call.text(name).unwrap_or_default().to_owned();
    let owner = forge.world.repo.owner().to_owned();
    let head = text("head");
    let head = head
        .strip_prefix(&format!("{owner}:"))
        .unwrap_or(&head)
        .to_owned();
    let new = NewPr {
        head: head.clone(),
        base: text("base"),
        title: text("title"),
        body: text("body"),
        draft: call.body.get("draft") == Some(&Value::Bool(true)),
        author: author.to_owned(),
    };
    if new.title.trim().is_empty() {
        return invalid("PullRequest", "title", "missing_field", "");
    }
    if let Some(refused) = too_long(&new.body) {
        return refused;
    }
    let base = new.base.clone();
    match forge.open_pr(new) {
        Ok(number) => answered(forge, call, number, 201),
        Err(NotMade::Exists(_)) => {
            let text = format!("A pull request already exists for {owner}:{head}.");
            invalid("PullRequest", "", "custom", &text)
        }
        Err(NotMade::Same | NotMade::NoCommits) => {
            let text = format!("No commits between {base} and {head}");
            invalid("PullRequest", "", "custom", &text)
        }
        Err(NotMade::NoHead) => invalid("PullRequest", "head", "invalid", ""),
        Err(NotMade::NoBase) => invalid("PullRequest", "base", "invalid", ""),
        Err(NotMade::NoDrafts) => message(
            422,
            "Draft pull requests are not supported in this repository.",
        ),
    }
}

fn too_long(body: &str) -> Option<Reply> {
    (body.chars().count() > MAX_BODY).then(|| {
        let text = "body is too long (maximum is 65536 characters)";
        invalid("Issue", "body", "custom", text)
    })
}

fn answered(forge: &Forge, call: &Call, number: u64, status: u16) -> Reply {
    match forge.pr(number) {
        Some(pr) => Reply::json(status, pull(forge, call, pr)),
        None => not_found(),
    }
}

fn one(forge: &mut Forge, call: &Call, method: &str, number: u64, rest: &[&str]) -> Reply {
    match (method, rest) {
        ("GET", []) => answered(forge, call, number, 200),
        ("PATCH", []) => edit(forge, call, number),
        ("GET", ["reviews"]) => {
            let reviews = forge.pr(number).map(|p| p.reviews.clone());
            let review = |(at, r): (usize, &crate::state::Review)| {
                json!({"id": at + 1, "node_id": format!("PRR_{at}"), "user": user(forge, call, &r.user), "body": "",
                       "state": r.state.to_uppercase(), "author_association": association(forge, &r.user)})
            };
            let reviews = reviews.unwrap_or_default();
            let all = reviews.iter().enumerate().map(review).collect();
            listed(forge, call, all)
        }
        ("POST", ["requested_reviewers"]) => request_review(forge, call, number),
        _ => not_found(),
    }
}

fn request_review(forge: &mut Forge, call: &Call, number: u64) -> Reply {
    let users = call.texts("reviewers").unwrap_or_default();
    let teams = call.texts("team_reviewers").unwrap_or_default();
    let author = forge.pr(number).map(|p| p.author.clone());
    if users.iter().any(|u| Some(u) == author.as_ref()) {
        return message(422, "Review cannot be requested from pull request author.");
    }
    let is_one = |u: &String| forge.user(u).is_some_and(|known| known.may_review);
    if !users.iter().all(is_one) || !teams.iter().all(|t| forge.world.teams.contains(t)) {
        let text = format!(
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not \
             a collaborator of the {} repository.",
            forge.world.repo.path
        );
        return message(422, &text);
    }
    forge.request_review(number, &users, &teams);
    answered(forge, call, number, 201)
}

fn edit(forge: &mut Forge, call: &Call, number: u64) -> Reply {
    let text = |name: &str| call.text(name).map(str::to_owned);
    let (title, body, base) = (text("title"), text("body"), text("base"));
    let Some(pr) = forge.pr(number) else {
        return not_found();
    };
    if title.as_ref().is_some_and(|t| t.trim().is_empty()) {
        return invalid("PullRequest", "title", "missing_field", "");
    }
    if let Some(refused) = body.as_deref().and_then(too_long) {
        return refused;
    }
    if let Some(base) = base.as_ref().filter(|b| **b != pr.base) {
        if forge.tip(base).is_none() {
            return invalid("PullRequest", "base", "invalid", "");
        }
        if pr.state != State::Open {
            let text = "Cannot change the base branch of a closed pull request.";
            return invalid("PullRequest", "base", "custom", text);
        }
        let taken = forge.world.prs.iter().any(|p| {
            p.number != number && p.state == State::Open && p.base == *base && p.head == pr.head
        });
        if taken {
            let text = format!(
                "A pull request already exists for base branch '{base}' and head branch '{}'",
                pr.head
            );
            return invalid("PullRequest", "base", "custom", &text);
        }
    }
    let state = text("state");
    forge.edit_pr(number, "pr_edited", |pr| {
        pr.title = title.unwrap_or_else(|| pr.title.clone());
        pr.body = body.unwrap_or_else(|| pr.body.clone());
        pr.base = base.unwrap_or_else(|| pr.base.clone());
        match (pr.state, state.as_deref()) {
            (State::Open, Some("closed")) => pr.state = State::Closed,
            (State::Closed, Some("open")) => pr.state = State::Open,
            _ => {}
        }
    });
    answered(forge, call, number, 200)
}

fn issue(forge: &Forge, call: &Call, issue: &Issue) -> Value {
    json!({
        "id": issue.id,
        "node_id": format!("I_{}", issue.id),
        "number": issue.number,
        "html_url": format!("{}/{}/issues/{}", call.base, forge.world.repo.path, issue.number),
        "title": issue.title,
        "body": match issue.body.as_str() { "" => Value::Null, body => body.into() },
        "state": if issue.open { "open" } else { "closed" },
        "locked": false,
        "comments": forge.comments(Thread::Issue, issue.number).count(),
        "user": user(forge, call, &issue.author),
        "author_association": association(forge, &issue.author),
        "labels": labels(forge, &issue.labels),
        "created_at": time(issue.created),
        "updated_at": time(issue.updated),
    })
}

/// A pull request as the issue that it is, too.
fn pull_as_issue(forge: &Forge, call: &Call, pr: &Pr) -> Value {
    let mut shown = issue(
        forge,
        call,
        &Issue {
            number: pr.number,
            id: pr.id,
            title: pr.title.clone(),
            body: pr.body.clone(),
            author: pr.author.clone(),
            open: pr.state == State::Open,
            labels: pr.labels.clone(),
            created: pr.created,
            updated: pr.updated,
        },
    );
    let at = format!("{}/{}/pull/{}", call.base, forge.world.repo.path, pr.number);
    shown["pull_request"] = json!({"html_url": at, "url": at, "diff_url": format!("{at}.diff"), "patch_url": format!("{at}.patch")});
    shown["html_url"] = at.into();
    shown
}

fn issues(forge: &Forge, call: &Call) -> Reply {
    let wanted = call.query("labels").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|l| !l.is_empty()).collect();
    let fits = |open: bool, own: &[String]| {
        let same = match call.query("state") {
            None | Some("open") => open,
            Some("closed") => !open,
            Some(_) => true,
        };
        same && wanted
            .iter()
            .all(|l| own.iter().any(|o| o.eq_ignore_ascii_case(l)))
    };
    let mut all: Vec<(u64, Value)> = Vec::new();
    for found in &forge.world.issues {
        if fits(found.open, &found.labels) {
            all.push((found.number, issue(forge, call, found)));
        }
    }
    for pr in &forge.world.prs {
        if fits(pr.state == State::Open, &pr.labels) {
            all.push((pr.number, pull_as_issue(forge, call, pr)));
        }
    }
    all.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let all = all.into_iter().map(|(_, shown)| shown).collect();
    listed(forge, call, all)
}

fn of_issue(
    forge: &mut Forge,
    call: &Call,
    author: &str,
    method: &str,
    number: u64,
    rest: &[&str],
) -> Reply {
    if forge.pr(number).is_none() && forge.issue(number).is_none() {
        return not_found();
    }
    match (method, rest) {
        ("GET", []) => match (forge.issue(number), forge.pr(number)) {
            (Some(found), _) => Reply::json(200, issue(forge, call, found)),
            (None, Some(pr)) => Reply::json(200, pull_as_issue(forge, call, pr)),
            (None, None) => not_found(),
        },
        ("POST", ["labels"]) => {
            let names = call.texts("labels").unwrap_or_default();
            for name in &names {
                forge.make_label(name);
            }
            forge.add_labels(number, &names);
            let own = forge.pr(number).map(|p| labels(forge, &p.labels));
            Reply::json(200, Value::Array(own.unwrap_or_default()))
        }
        ("GET", ["events"]) => {
            let asked = forge.pr(number).map(|p| p.asked.clone());
            let event = |(at, who): (usize, &String)| {
                let mut event = json!({"id": at + 1, "node_id": format!("E_{at}"), "event": "review_requested",
                                       "actor": user(forge, call, author), "created_at": time(0)});
                match who.strip_prefix("team:") {
                    Some(slug) => event["requested_team"] = team(slug),
                    None => event["requested_reviewer"] = user(forge, call, who),
                }
                event
            };
            let asked = asked.unwrap_or_default();
            let all = asked.iter().enumerate().map(event).collect();
            listed(forge, call, all)
        }
        ("GET", ["comments"]) => {
            let all: Vec<Value> = forge
                .comments(Thread::Issue, number)
                .map(|c| comment(forge, call, c))
                .collect();
            listed(forge, call, all)
        }
        ("POST", ["comments"]) => {
            let body = call.text("body").unwrap_or_default();
            if body.trim().is_empty() {
                return invalid("IssueComment", "body", "missing_field", "");
            }
            if let Some(refused) = too_long(body) {
                return refused;
            }
            let id = forge.add_comment(Thread::Issue, number, author, body);
            told(forge, call, id, 201)
        }
        _ => not_found(),
    }
}

fn comment(forge: &Forge, call: &Call, comment: &Comment) -> Value {
    json!({"id": comment.id, "node_id": format!("IC_{}", comment.id), "body": comment.body,
           "html_url": format!("{}/{}/issues/{}#issuecomment-{}", call.base, forge.world.repo.path, comment.number, comment.id),
           "user": user(forge, call, &comment.author), "author_association": association(forge, &comment.author),
           "created_at": time(comment.created), "updated_at": time(comment.updated)})
}

fn told(forge: &Forge, call: &Call, id: u64, status: u16) -> Reply {
    match forge.world.comments.iter().find(|c| c.id == id) {
        Some(found) => Reply::json(status, comment(forge, call, found)),
        None => not_found(),
    }
}

/// <https://docs.github.com/en/graphql/reference/mutations#markpullrequestreadyforreview>
fn graphql(forge: &mut Forge, call: &Call) -> Reply {
    let Some(token) = call.token() else {
        return message(401, "Bad credentials");
    };
    let fails = |kind: &str, words: &str| {
        Reply::json(
            200,
            json!({"data": {"markPullRequestReadyForReview": null},
                   "errors": [{"type": kind, "path": ["markPullRequestReadyForReview"],
                               "locations": [{"line": 1, "column": 20}], "message": words}]}),
        )
    };
    if !call
        .text("query")
        .is_some_and(|q| q.contains("markPullRequestReadyForReview"))
    {
        let words = "this server knows one mutation only";
        return Reply::json(200, json!({"errors": [{"message": words}]}));
    }
    let id = call.body["variables"]["id"].as_str().unwrap_or_default();
    let Some(number) = forge
        .world
        .prs
        .iter()
        .find(|p| node(p) == id)
        .map(|p| p.number)
    else {
        let words = format!("Could not resolve to a node with the global id of '{id}'");
        return fails("NOT_FOUND", &words);
    };
    if !token.may_write(&forge.world.repo) {
        return fails(
            "FORBIDDEN",
            "Resource not accessible by personal access token",
        );
    }
    forge.edit_pr(number, "pr_made_ready", |pr| pr.draft = false);
    let reply = Reply::json(
        200,
        json!({"data": {"markPullRequestReadyForReview": {"pullRequest": {"isDraft": false}}}}),
    );
    with_limits(reply, Some(token))
}
