//! What tests ask for beside the forge's own interface: what people do there. The head of `forge_server.rs`
//! documents it.

use crate::Dialect;
use crate::call::Reply;
use crate::git::How;
use crate::state::{Forge, Review, State, Thread, World};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    number: u64,
    how: How,
    #[serde(default)]
    delete_branch: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    number: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Branch {
    branch: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reviewed {
    number: u64,
    user: String,
    state: String,
    /// The team whose request this answers: it is asked no more.
    #[serde(default)]
    team: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TakenOff {
    number: u64,
    /// `team:slug` for a team.
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    number: u64,
    title: Option<String>,
    body: Option<String>,
    base: Option<String>,
    draft: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewIssue {
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default = "ada")]
    author: String,
    #[serde(default)]
    closed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewComment {
    issue: u64,
    body: String,
    #[serde(default = "ada")]
    author: String,
}

fn ada() -> String {
    "ada".to_owned()
}

/// Carries out `/_control/<what>`.
pub fn answer(forge: &mut Forge, dialect: Dialect, what: &str, body: &Value) -> Reply {
    match act(forge, dialect, what, body) {
        Ok(told) => Reply::json(200, told),
        Err((status, why)) => Reply::json(status, json!({"error": why})),
    }
}

type Told = Result<Value, (u16, String)>;

fn act(forge: &mut Forge, dialect: Dialect, what: &str, body: &Value) -> Told {
    forge.refresh();
    match what {
        "state" => {}
        "set" => set(forge, body)?,
        "merge" => {
            let asked = read(body)?;
            return merge(forge, dialect, &asked);
        }
        "close" => {
            let Number { number } = read(body)?;
            known(forge, number)?;
            forge.edit_pr(number, "person_closed", |pr| pr.state = State::Closed);
        }
        "reopen" => {
            let Number { number } = read(body)?;
            known(forge, number)?;
            forge.edit_pr(number, "person_reopened", |pr| pr.state = State::Open);
        }
        "delete_branch" => {
            let Branch { branch } = read(body)?;
            forge.git.delete_branch(&branch).map_err(|e| (409, e))?;
            branch_is_gone(forge, dialect, &branch);
        }
        "review" => {
            let Reviewed {
                number,
                user,
                state,
                team,
            } = read(body)?;
            known(forge, number)?;
            forge.edit_pr(number, "person_reviewed", |pr| {
                pr.requested.retain(|u| *u != user);
                pr.requested_teams.retain(|t| *t != team);
                pr.reviews.push(Review { user, state });
            });
        }
        "take_off" => {
            let TakenOff { number, name } = read(body)?;
            known(forge, number)?;
            forge.edit_pr(number, "person_took_off", |pr| {
                pr.requested.retain(|u| *u != name);
                let team = name.strip_prefix("team:").unwrap_or_default();
                pr.requested_teams.retain(|t| t != team);
                pr.taken_off.push(name);
            });
        }
        "edit" => {
            let asked: Edit = read(body)?;
            known(forge, asked.number)?;
            forge.edit_pr(asked.number, "person_edited", |pr| {
                pr.title = asked.title.unwrap_or_else(|| pr.title.clone());
                pr.body = asked.body.unwrap_or_else(|| pr.body.clone());
                pr.base = asked.base.unwrap_or_else(|| pr.base.clone());
                pr.draft = asked.draft.unwrap_or(pr.draft);
            });
        }
        "issue" => {
            let asked: NewIssue = read(body)?;
            let number = forge.open_issue(&asked.title, &asked.body, &asked.author, &asked.labels);
            if let Some(issue) = forge.world.issues.iter_mut().find(|i| i.number == number) {
                issue.open = !asked.closed;
            }
            return Ok(json!({"number": number}));
        }
        "comment" => {
            let asked: NewComment = read(body)?;
            let id = forge.add_comment(Thread::Issue, asked.issue, &asked.author, &asked.body);
            return Ok(json!({"id": id}));
        }
        _ => return Err((404, format!("there is no /_control/{what}"))),
    }
    serde_json::to_value(&forge.world).map_err(|e| (500, e.to_string()))
}

fn read<T: DeserializeOwned>(body: &Value) -> Result<T, (u16, String)> {
    serde_json::from_value(body.clone()).map_err(|e| (400, e.to_string()))
}

fn known(forge: &Forge, number: u64) -> Result<(), (u16, String)> {
    match forge.pr(number) {
        Some(_) => Ok(()),
        None => Err((404, format!("there is no pull request {number}"))),
    }
}

/// A merge patch (RFC 7386) over the whole world.
fn set(forge: &mut Forge, patch: &Value) -> Result<(), (u16, String)> {
    let mut world = serde_json::to_value(&forge.world).map_err(|e| (500, e.to_string()))?;
    overlay(&mut world, patch);
    forge.world = serde_json::from_value::<World>(world).map_err(|e| (400, e.to_string()))?;
    Ok(())
}

pub fn overlay(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in changes {
        match value {
            Value::Null => {
                // Absent is what the default says; an option is none by default.
                if let Some(map) = target.as_object_mut() {
                    map.remove(key);
                }
            }
            value => overlay(&mut target[key], value),
        }
    }
}

fn merge(forge: &mut Forge, dialect: Dialect, asked: &Merge) -> Told {
    let Some(pr) = forge.pr(asked.number).cloned() else {
        return Err((404, format!("there is no pull request {}", asked.number)));
    };
    if pr.state != State::Open {
        return Err((409, format!("pull request {} is not open", pr.number)));
    }
    if pr.draft {
        return Err((409, format!("pull request {} is a draft", pr.number)));
    }
    let commit = match forge.git.is_there() {
        false => None,
        true => {
            let message = match asked.how {
                How::Squash => format!("{} (#{})\n", pr.title, pr.number),
                How::Merge | How::Rebase => {
                    format!(
                        "Merge pull request #{} from {}\n\n{}\n",
                        pr.number, pr.head, pr.title
                    )
                }
            };
            let merged = forge.git.merge(&pr.base, &pr.head, asked.how, &message);
            Some(merged.map_err(|e| (409, e))?)
        }
    };
    forge.edit_pr(pr.number, "person_merged", |pr| {
        pr.state = State::Merged;
        pr.merge_commit.clone_from(&commit);
    });
    if asked.delete_branch {
        if forge.git.is_there() {
            forge.git.delete_branch(&pr.head).map_err(|e| (409, e))?;
        }
        retarget(forge, dialect, &pr.head, &pr.base);
    }
    Ok(json!({"number": pr.number, "commit": commit}))
}

/// Open pull requests into a branch that went away with its merge go into where it was merged: GitHub and Gitea
/// (`RETARGET_CHILDREN_ON_MERGE`) see to all of them, GitLab to four.
fn retarget(forge: &mut Forge, dialect: Dialect, gone: &str, base: &str) {
    let most = match dialect {
        Dialect::Github | Dialect::Gitea => usize::MAX,
        Dialect::Gitlab => 4,
    };
    let children: Vec<u64> = forge
        .world
        .prs
        .iter()
        .filter(|p| p.state == State::Open && p.base == gone && p.head != base)
        .map(|p| p.number)
        .take(most)
        .collect();
    for number in children {
        forge.edit_pr(number, "retargeted", |pr| base.clone_into(&mut pr.base));
    }
}

/// A branch went away and nothing was merged: GitHub and Gitea close what goes from it or into it, GitLab leaves it.
fn branch_is_gone(forge: &mut Forge, dialect: Dialect, gone: &str) {
    if dialect == Dialect::Gitlab {
        return;
    }
    let about: Vec<u64> = forge
        .world
        .prs
        .iter()
        .filter(|p| p.state == State::Open && (p.base == gone || p.head == gone))
        .map(|p| p.number)
        .collect();
    for number in about {
        forge.edit_pr(number, "closed_by_branch", |pr| pr.state = State::Closed);
    }
}
