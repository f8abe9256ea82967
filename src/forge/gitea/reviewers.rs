//! Who is asked to review: everybody once, as long as nobody else says otherwise.

use super::wire::{Entry, NewReviewers, Pull, Review, Team, User};
use super::{Gitea, LIMIT};
use crate::forge::said::{Reviewer, missing, noted};
use crate::forge::web::Failure;
use crate::ports::{ForgeErrorKind, PrRequest};
use serde::de::IgnoredAny;

impl Gitea {
    /// Asks who was never asked and has not reviewed. Whoever a person took off is not asked again.
    /// <https://docs.gitea.com/api/1.22/#tag/repository/operation/repoCreatePullReviewRequests>
    pub(super) async fn ask_reviewers(
        &self,
        now: &Pull,
        request: &PrRequest,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        if not_asked(now, &request.reviewers, &[], &[]).is_empty() {
            return Ok(());
        }
        let number = now.number.to_string();
        let entries = self.timeline(now).await?;
        let left = not_asked(now, &request.reviewers, &[], &entries);
        if left.is_empty() {
            return Ok(());
        }
        let reviews = self
            .route(["pulls", &number, "reviews"])
            .query("limit", LIMIT);
        let reviews: Vec<Review> = self.web.list(reviews).await?;
        // One at a time: of several the server refuses all when it refuses one.
        for name in not_asked(now, &request.reviewers, &reviews, &entries) {
            let (mut reviewers, mut team_reviewers) = (Vec::new(), Vec::new());
            match Reviewer::of(name) {
                Reviewer::User(user) => reviewers.push(user),
                Reviewer::Team(team) => team_reviewers.push(team),
            }
            let new = NewReviewers {
                reviewers,
                team_reviewers,
            };
            let route = self.route(["pulls", &number, "requested_reviewers"]);
            let look = async || {
                let now = self.pull(now.number).await?;
                let is_asked = not_asked(&now, std::slice::from_ref(name), &[], &[]).is_empty();
                Ok(is_asked.then_some(IgnoredAny))
            };
            let asked = self.web.create_once::<IgnoredAny>(route, &new, look).await;
            let what = format!("`{name}` was not asked to review");
            noted(asked.map(drop), &what, notes)?;
        }
        Ok(())
    }

    /// <https://docs.gitea.com/api/1.22/#tag/issue/operation/issueGetCommentsAndTimeline>; empty on a server without it.
    async fn timeline(&self, now: &Pull) -> Result<Vec<Entry>, Failure> {
        let number = now.number.to_string();
        let route = self
            .route(["issues", &number, "timeline"])
            .query("limit", LIMIT);
        // Its `x-total-count` is that of the page.
        match self.web.list_by_number(route, false).await {
            Err(failure) if failure.error.kind == ForgeErrorKind::NotFound => Ok(Vec::new()),
            entries => entries,
        }
    }
}

/// Who of `wanted` is neither asked nor the author, has not reviewed, and was not asked before.
pub(super) fn not_asked<'w>(
    now: &Pull,
    wanted: &'w [String],
    reviews: &[Review],
    entries: &[Entry],
) -> Vec<&'w String> {
    let is_user = |user: &Option<User>, name: &str| {
        let login = user.as_ref().map(|u| &u.login);
        login.is_some_and(|login| login.eq_ignore_ascii_case(name))
    };
    let is_team = |team: &Team, name: &str| team.name.eq_ignore_ascii_case(name);
    let asked = now.requested_reviewers.as_deref().unwrap_or_default();
    let teams = now.requested_reviewers_teams.as_deref();
    let requests = entries.iter().filter(|e| e.kind == "review_request");
    let is_left = |name: &&String| match Reviewer::of(name) {
        Reviewer::User(user) => {
            !is_user(&now.user, user)
                && !asked.iter().any(|u| u.login.eq_ignore_ascii_case(user))
                && !reviews.iter().any(|r| is_user(&r.user, user))
                && !requests.clone().any(|e| is_user(&e.assignee, user))
        }
        Reviewer::Team(name) => {
            let mut teams = teams.unwrap_or_default().iter();
            let mut before = requests.clone().filter_map(|e| e.assignee_team.as_ref());
            !teams.any(|t| is_team(t, name)) && !before.any(|t| is_team(t, name))
        }
    };
    missing(wanted, &[]).into_iter().filter(is_left).collect()
}
