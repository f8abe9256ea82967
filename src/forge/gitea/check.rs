//! The look before a run: token, repository, rights, and who and what is named.

use super::wire::{BaseBranch, Repository, Team, User};
use super::{Gitea, Route};
use crate::forge::asked::{moved, problem, said};
use crate::forge::said::Reviewer;
use crate::forge::web::Failure;
use crate::ports::{ForgeCheck, ForgeErrorKind, Wanted};
use serde::de::IgnoredAny;

impl Gitea {
    pub(super) async fn check_now(&self, wanted: &Wanted) -> Result<ForgeCheck, Failure> {
        let host = self.hosted.web.split("://").last().unwrap_or_default();
        let mut check = ForgeCheck {
            repository: format!("{} at {host}", self.hosted.repository),
            ..ForgeCheck::default()
        };
        if self.hosted.token.is_none() {
            check.problems.push(problem(
                "there is no token for Gitea, and pull requests cannot be opened without one",
                "make a token with the scopes `write:repository`, `write:issue` and `read:user`, and give it to codelicious",
            ));
            return Ok(check);
        }
        match said(self.own_name().await)? {
            Ok(own) => check.user = own,
            Err(error) => {
                check.problems.push(error);
                return Ok(check);
            }
        }
        let repository = match said(self.web.get::<Repository>(self.route([])).await)? {
            Ok(repository) => repository,
            Err(error) => {
                check.problems.push(error);
                return Ok(check);
            }
        };
        let note = match check.user {
            Some(_) => {
                "Gitea does not tell a token's scopes: `write:repository` and `write:issue` are needed"
            }
            None => {
                "the token lacks the scope `read:user`: without it comments at issues are not written; of its other \
                 scopes, which Gitea does not tell, `write:repository` and `write:issue` are needed"
            }
        };
        check.notes.push(note.to_owned());
        self.look_at_repository(&mut check, &repository);
        self.look_at_base(&mut check, wanted).await?;
        self.look_at_labels(&mut check, wanted).await?;
        self.look_at_names(&mut check, wanted).await?;
        Ok(check)
    }

    fn look_at_repository(&self, check: &mut ForgeCheck, repository: &Repository) {
        let path = &repository.full_name;
        if !path.eq_ignore_ascii_case(&self.hosted.repository) {
            check.problems.push(moved(&self.hosted.repository, path));
        }
        if repository.archived {
            check.problems.push(problem(
                &format!("{path} is archived: nothing can be written there"),
                "unarchive it in its settings, or choose another remote",
            ));
        }
        if repository.has_pull_requests == Some(false) {
            check.problems.push(problem(
                &format!("pull requests are turned off in {path}"),
                "turn them on in its settings, or work without a forge: --platform local",
            ));
        }
        match &repository.permissions {
            None => check
                .notes
                .push("Gitea does not tell whether the token may push".to_owned()),
            Some(permissions) if !permissions.push => check.problems.push(problem(
                &format!("the token's user may not push to {path}"),
                "have somebody who may do so give them the right to write, or use another token",
            )),
            Some(_) => {}
        }
    }

    async fn look_at_base(&self, check: &mut ForgeCheck, wanted: &Wanted) -> Result<(), Failure> {
        if wanted.base.is_empty() {
            return Ok(());
        }
        let route = self.route(["branches", &wanted.base]);
        match self.web.get_if_there::<BaseBranch>(route).await? {
            Some(branch) => check.base_is_protected = Some(branch.protected),
            None => check.problems.push(problem(
                &format!("Gitea has no branch `{}` here", wanted.base),
                "push it, or name another base with --base",
            )),
        }
        Ok(())
    }

    async fn look_at_labels(&self, check: &mut ForgeCheck, wanted: &Wanted) -> Result<(), Failure> {
        if wanted.labels.is_empty() {
            return Ok(());
        }
        let known = match said(self.known_labels().await)? {
            Ok(known) => known,
            Err(error) => {
                check.problems.push(error);
                return Ok(());
            }
        };
        for name in wanted.labels.iter().filter(|n| !known.contains_key(*n)) {
            check.problems.push(problem(
                &format!("there is no label `{name}`, and Gitea makes none by itself"),
                "make it among the repository's labels, or take it out of the labels",
            ));
        }
        Ok(())
    }

    async fn look_at_names(&self, check: &mut ForgeCheck, wanted: &Wanted) -> Result<(), Failure> {
        if wanted.reviewers.is_empty() {
            return Ok(());
        }
        // <https://docs.gitea.com/api/1.22/#tag/repository/operation/repoGetReviewers>; None on a server without it.
        let route = self.route(["reviewers"]);
        let may: Option<Vec<User>> = self.web.get_if_there(route).await?;
        for name in &wanted.reviewers {
            match Reviewer::of(name) {
                Reviewer::User(user) => self.look_at_user(check, user, may.as_deref()).await?,
                Reviewer::Team(team) => self.look_at_team(check, team).await?,
            }
        }
        Ok(())
    }

    async fn look_at_user(
        &self,
        check: &mut ForgeCheck,
        user: &str,
        may: Option<&[User]>,
    ) -> Result<(), Failure> {
        let is_own = |own: &String| own.eq_ignore_ascii_case(user);
        if check.user.as_ref().is_some_and(is_own) {
            check.problems.push(problem(
                &format!("`{user}` opens the pull requests and cannot be asked to review them"),
                "take them out of the reviewers, or use another user's token",
            ));
            return Ok(());
        }
        let same = |u: &User| u.login.eq_ignore_ascii_case(user);
        if may.is_some_and(|may| may.iter().any(same)) {
            return Ok(());
        }
        let route = Route::new(["users", user]);
        let found = match self.web.get_if_there::<IgnoredAny>(route).await {
            // Without `read:user` nobody is told, and whoever may be asked is on the list.
            Err(failure) if failure.error.kind == ForgeErrorKind::Forbidden => match may {
                Some(_) => {
                    check.problems.push(problem(
                        &format!("Gitea knows no user `{user}` here who can be asked to review"),
                        "correct the name in the reviewers, or give them the right to read the repository",
                    ));
                    return Ok(());
                }
                None => Some(IgnoredAny),
            },
            found => found?,
        };
        match found {
            None => check.problems.push(problem(
                &format!("Gitea knows no user `{user}`, who is to review"),
                "correct the name in the reviewers",
            )),
            Some(_) if may.is_some() => check.problems.push(problem(
                &format!("`{user}`, who is to review, cannot be asked to in this repository"),
                "give them the right to read it, or take them out of the reviewers",
            )),
            Some(_) => check.notes.push(format!(
                "Gitea does not tell whether `{user}` can be asked to review"
            )),
        }
        Ok(())
    }

    /// Teams are of organisations; what a user owns has none.
    async fn look_at_team(&self, check: &mut ForgeCheck, team: &str) -> Result<(), Failure> {
        // All of them come at once.
        let route = self.route(["teams"]);
        let teams = said(self.web.get::<Vec<Team>>(route).await)?.unwrap_or_default();
        if !teams.iter().any(|t| t.name.eq_ignore_ascii_case(team)) {
            check.problems.push(problem(
                &format!("no team `{team}` is given this repository"),
                "correct the name in the reviewers, or give the team the repository",
            ));
        }
        Ok(())
    }
}
