//! Pull requests: found by their head, made once, changed where something differs.

use super::wire::{Asked, Change, Event, Label, NewLabels, NewPull, Pull, Review};
use super::{Github, PER_PAGE};
use crate::crash::{self, Point};
use crate::forge::body::splice;
use crate::forge::said::{Reviewer, is_final, is_over, is_same, missing, noted, one_line};
use crate::forge::web::{Failure, Method};
use crate::ports::{ForgeError, ForgeErrorKind, PrRequest, PutPr};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use std::collections::BTreeSet;

/// Most characters of a title and of a body that GitHub takes.
const MAX_TITLE: usize = 256;
const MAX_BODY: usize = 65_536;

/// REST cannot take the draft away.
const MARK_READY: &str = "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) \
                          { pullRequest { isDraft } } }";

/// What [`MARK_READY`] answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marked {
    #[allow(dead_code, reason = "that it is there is the answer")]
    mark_pull_request_ready_for_review: IgnoredAny,
}

impl Github {
    /// The pull request from a branch of this very repository: an open one, else the latest.
    pub(super) async fn locate(&self, head: &str) -> Result<Option<Pull>, Failure> {
        // <https://docs.github.com/en/rest/pulls/pulls#list-pull-requests>
        let route = self
            .route(["pulls"])
            .query("head", format!("{}:{head}", self.owner()))
            .query("state", "all")
            .query("per_page", PER_PAGE);
        let mut found: Vec<Pull> = self.web.list(route).await?;
        // A filter that GitHub cannot read filters nothing.
        found.retain(|pull| pull.is_from(head));
        Ok(found
            .into_iter()
            .max_by_key(|pull| (!is_over(pull.state()), pull.number)))
    }

    pub(super) async fn put_now(&self, request: &PrRequest) -> Result<PutPr, ForgeError> {
        let mut notes = Vec::new();
        let found = self.locate(&request.head).await?;
        crash::point(Point::ForgeFound).map_err(|e| ForgeError {
            kind: ForgeErrorKind::Transient,
            message: e.to_string(),
            remedy: String::new(),
        })?;
        let pull = match found {
            Some(pull) => pull,
            None => self.create(request, &mut notes).await?,
        };
        if is_over(pull.state()) {
            let pr = pull.seen();
            return Ok(PutPr { pr, notes });
        }
        let pull = self.change(pull, request, &mut notes).await?;
        let pull = self.make_ready(pull, request).await?;
        self.add_labels(&pull, request, &mut notes).await?;
        self.ask_reviewers(&pull, request, &mut notes).await?;
        let pr = pull.seen();
        Ok(PutPr { pr, notes })
    }

    /// <https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request>
    async fn create(&self, request: &PrRequest, notes: &mut Vec<String>) -> Result<Pull, Failure> {
        let (title, body) = (title_of(request), splice("", &request.body));
        let mut new = NewPull {
            title: &title,
            head: &request.head,
            base: &request.base,
            body: &body,
            draft: !request.ready,
        };
        let look = || self.locate(&request.head);
        let mut made = self
            .web
            .create_once(self.route(["pulls"]), &new, look)
            .await;
        if new.draft && made.as_ref().is_err_and(refuses_drafts) {
            new.draft = false;
            made = self
                .web
                .create_once(self.route(["pulls"]), &new, look)
                .await;
            if made.is_ok() {
                let note = "drafts are not to be had in this repository: the pull request is open for review";
                notes.push(note.to_owned());
            }
        }
        match made {
            // Somebody was faster: an answer that was lost, or a second run.
            Err(failure) if failure.status == Some(422) => match look().await? {
                Some(pull) if !is_over(pull.state()) => Ok(pull),
                Some(_) | None => Err(failure),
            },
            made => made,
        }
    }

    /// Title, base and what is ours of the body, where they differ.
    async fn change(
        &self,
        pull: Pull,
        request: &PrRequest,
        notes: &mut Vec<String>,
    ) -> Result<Pull, Failure> {
        let (title, old) = (title_of(request), pull.body.as_deref().unwrap_or_default());
        // What a person wrote in a browser has the line ends of a form.
        let body = splice(&old.replace("\r\n", "\n"), &request.body);
        let body = match body.chars().count() {
            n if n > MAX_BODY => {
                notes.push(format!(
                    "the text was left as it is: with what people wrote there it would have {n} characters, and GitHub takes {MAX_BODY}"
                ));
                None
            }
            _ => (!is_same(&body, old)).then_some(body),
        };
        let change = Change {
            title: (title != pull.title).then_some(title),
            body,
            base: (request.base != pull.base.r#ref).then(|| request.base.clone()),
        };
        if change == Change::default() {
            return Ok(pull);
        }
        // <https://docs.github.com/en/rest/pulls/pulls#update-a-pull-request>
        let number = pull.number.to_string();
        let route = self.route(["pulls", &number]);
        self.web.write(Method::Patch, route, &change).await
    }

    /// Ready is never taken back.
    async fn make_ready(&self, pull: Pull, request: &PrRequest) -> Result<Pull, Failure> {
        if !(pull.draft && request.ready) {
            return Ok(pull);
        }
        let marked = self
            .web
            .graphql::<Marked>(MARK_READY, json!({ "id": pull.node_id }))
            .await;
        // The answer tells little, and a refusal may mean that a person was faster.
        let now = self.pull(pull.number).await?;
        match marked {
            Err(failure) if now.draft => Err(failure),
            Ok(_) | Err(_) => Ok(now),
        }
    }

    async fn pull(&self, number: u64) -> Result<Pull, Failure> {
        self.web
            .get(self.route(["pulls", &number.to_string()]))
            .await
    }

    /// Labels that are missing. Names are one whatever their case.
    async fn add_labels(
        &self,
        pull: &Pull,
        request: &PrRequest,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let there: Vec<&str> = pull.labels.iter().map(Label::name).collect();
        let mut wanted = missing(&request.labels, &[]);
        wanted.retain(|name| {
            !there
                .iter()
                .any(|t| t.to_lowercase() == name.to_lowercase())
        });
        if wanted.is_empty() {
            return Ok(());
        }
        // <https://docs.github.com/en/rest/issues/labels#add-labels-to-an-issue>: adding what is there adds nothing.
        let number = pull.number.to_string();
        let route = self.route(["issues", &number, "labels"]);
        let new = NewLabels { labels: &wanted };
        let added = self
            .web
            .write::<IgnoredAny>(Method::Post, route, &new)
            .await;
        noted(added.map(drop), "labels were not added", notes)
    }

    /// Who was never asked and has not reviewed. Whoever a person took off the list is not asked again.
    async fn ask_reviewers(
        &self,
        pull: &Pull,
        request: &PrRequest,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let mut asked = wanted_reviewers(pull, request);
        if asked == Asked::default() {
            return Ok(());
        }
        self.without_earlier(pull, &mut asked).await?;
        if asked == Asked::default() {
            return Ok(());
        }
        let all = self.ask(pull, &asked).await;
        let several = asked.reviewers.len() + asked.team_reviewers.len() > 1;
        match all {
            // GitHub refuses all of them for the sake of one.
            Err(failure) if several && is_final(&failure) => {
                for one in one_by_one(&asked) {
                    let who = one.reviewers.iter().chain(&one.team_reviewers);
                    let who: Vec<&str> = who.map(String::as_str).collect();
                    let what = format!("{} was not asked to review", who.join(", "));
                    noted(self.ask(pull, &one).await, &what, notes)?;
                }
                Ok(())
            }
            all => noted(all, "nobody was asked to review", notes),
        }
    }

    /// Takes out who was asked before or has reviewed unasked.
    async fn without_earlier(&self, pull: &Pull, asked: &mut Asked) -> Result<(), Failure> {
        let number = pull.number.to_string();
        // <https://docs.github.com/en/rest/issues/events#list-issue-events>
        let route = self.route(["issues", &number, "events"]);
        let events: Vec<Event> = self.web.list(route.query("per_page", PER_PAGE)).await?;
        let (mut users, mut teams) = (BTreeSet::new(), BTreeSet::new());
        for event in events.into_iter().filter(|e| e.event == "review_requested") {
            users.extend(event.requested_reviewer.map(|u| u.login.to_lowercase()));
            teams.extend(event.requested_team.map(|t| t.slug.to_lowercase()));
        }
        asked
            .reviewers
            .retain(|u| !users.contains(&u.to_lowercase()));
        asked
            .team_reviewers
            .retain(|t| !teams.contains(&t.to_lowercase()));
        if asked.reviewers.is_empty() {
            return Ok(());
        }
        // <https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request>
        let route = self.route(["pulls", &number, "reviews"]);
        let reviews: Vec<Review> = self.web.list(route.query("per_page", PER_PAGE)).await?;
        let by: BTreeSet<String> = reviews
            .into_iter()
            .filter_map(|r| Some(r.user?.login.to_lowercase()))
            .collect();
        asked.reviewers.retain(|u| !by.contains(&u.to_lowercase()));
        Ok(())
    }

    /// <https://docs.github.com/en/rest/pulls/review-requests#request-reviewers-for-a-pull-request>: asking again tells
    /// people again, so it is done once.
    async fn ask(&self, pull: &Pull, asked: &Asked) -> Result<(), Failure> {
        let number = pull.number.to_string();
        let route = self.route(["pulls", &number, "requested_reviewers"]);
        let look = async || {
            let mut left = asked.clone();
            self.without_earlier(pull, &mut left).await?;
            Ok((left == Asked::default()).then_some(IgnoredAny))
        };
        self.web.create_once(route, asked, look).await.map(drop)
    }
}

/// A title of one line that is never empty.
fn title_of(request: &PrRequest) -> String {
    let line = one_line(&request.title);
    let title = if line.is_empty() {
        &request.head
    } else {
        &line
    };
    let cut: String = title.chars().take(MAX_TITLE).collect();
    cut.trim_end().to_owned()
}

/// GitHub says it in words only.
fn refuses_drafts(failure: &Failure) -> bool {
    let words = failure.words.to_lowercase();
    failure.status == Some(422) && words.contains("draft") && words.contains("not supported")
}

/// Those who are not on the list of who is asked. Nobody reviews a pull request of their own.
fn wanted_reviewers(pull: &Pull, request: &PrRequest) -> Asked {
    let is_one_of = |name: &str, there: &[&str]| there.iter().any(|t| t.eq_ignore_ascii_case(name));
    let mut users: Vec<&str> = pull
        .requested_reviewers
        .iter()
        .map(|u| u.login.as_str())
        .collect();
    users.extend(pull.user.as_ref().map(|u| u.login.as_str()));
    let teams: Vec<&str> = pull
        .requested_teams
        .iter()
        .map(|t| t.slug.as_str())
        .collect();
    let mut asked = Asked::default();
    for name in missing(&request.reviewers, &[]) {
        match Reviewer::of(name) {
            Reviewer::User(user) if !is_one_of(user, &users) => {
                asked.reviewers.push(user.to_owned())
            }
            Reviewer::Team(team) if !is_one_of(team, &teams) => {
                asked.team_reviewers.push(team.to_owned());
            }
            Reviewer::User(_) | Reviewer::Team(_) => {}
        }
    }
    asked
}

fn one_by_one(asked: &Asked) -> Vec<Asked> {
    let user = |name: &String| Asked {
        reviewers: vec![name.clone()],
        ..Asked::default()
    };
    let team = |name: &String| Asked {
        team_reviewers: vec![name.clone()],
        ..Asked::default()
    };
    let users = asked.reviewers.iter().map(user);
    users.chain(asked.team_reviewers.iter().map(team)).collect()
}

#[cfg(test)]
#[path = "pulls_tests.rs"]
mod tests;
