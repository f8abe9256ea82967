//! The look before a run: token, repository, rights, and who and what is named.

use super::Github;
use super::wire::{Branch, Repository, User};
use crate::forge::asked::{moved, problem, said};
use crate::forge::said::Reviewer;
use crate::forge::web::{Failure, Got, Route};
use crate::net::Headers;
use crate::ports::{ForgeCheck, ForgeErrorKind, Wanted};
use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;

impl Github {
    pub(super) async fn check_now(&self, wanted: &Wanted) -> Result<ForgeCheck, Failure> {
        let host = self.hosted.web.split("://").last().unwrap_or_default();
        let mut check = ForgeCheck {
            repository: format!("{} at {host}", self.hosted.repository),
            ..ForgeCheck::default()
        };
        if self.hosted.token.is_none() {
            check.problems.push(problem(
                "there is no token for GitHub, and pull requests cannot be opened without one",
                "make a fine-grained token for the repository that may read and write its contents, pull requests \
                 and issues, or a classic one with the scope `repo`, and give it to codelicious",
            ));
            return Ok(check);
        }
        // Headers tell what the token is; those of apps (of Actions, too) belong to no user, and this is refused.
        let headers = match self
            .web
            .get_with_headers::<User>(Route::new(["user"]))
            .await
        {
            Ok(Got { value, headers }) => {
                check.user = Some(value.login);
                Some(headers)
            }
            Err(failure) if failure.error.kind == ForgeErrorKind::Auth => {
                let error = failure.error;
                check.problems.push(problem(&error.message, &error.remedy));
                return Ok(check);
            }
            Err(failure) => {
                said::<()>(Err(failure))?.ok();
                None
            }
        };
        let found = said(self.web.get::<Repository>(self.route([])).await)?;
        let repository = match found {
            Ok(repository) => repository,
            Err(problem) => {
                // A private repository is not found without the scope, and that says more.
                self.look_at_token(&mut check, headers.as_ref(), true);
                if check.problems.is_empty() {
                    check.problems.push(problem);
                }
                return Ok(check);
            }
        };
        self.look_at_token(&mut check, headers.as_ref(), repository.private);
        self.look_at_repository(&mut check, &repository);
        self.look_at_base(&mut check, wanted).await?;
        self.look_at_reviewers(&mut check, wanted, &repository, headers.as_ref())
            .await?;
        self.look_at_labels(&mut check, wanted).await?;
        Ok(check)
    }

    /// <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps>: only classic tokens tell
    /// their scopes.
    fn look_at_token(&self, check: &mut ForgeCheck, headers: Option<&Headers>, is_private: bool) {
        let Some(headers) = headers else {
            let note = "the token belongs to no user, as those of GitHub Actions and of apps do, and does not tell \
                        what it may do: it must write contents, pull requests and issues";
            check.notes.push(note.to_owned());
            return;
        };
        match scopes(headers) {
            None => {
                let note = "the token is a fine-grained one, which does not tell what it may do: it must write \
                            contents, pull requests and issues";
                check.notes.push(note.to_owned());
            }
            Some(scopes) => {
                let enough: &[&str] = match is_private {
                    true => &["repo"],
                    false => &["repo", "public_repo"],
                };
                if !scopes.iter().any(|scope| enough.contains(scope)) {
                    let has = match scopes.as_slice() {
                        [] => "it has no scopes".to_owned(),
                        scopes => format!("its scopes are `{}`", scopes.join("`, `")),
                    };
                    check.problems.push(problem(
                        &format!("the token may not write pull requests: {has}"),
                        &format!("give it the scope `{}`", enough.join("` or `")),
                    ));
                }
            }
        }
        if let Some(end) = expiry(headers) {
            let day = end.format("%Y-%m-%d");
            check.notes.push(format!("the token is good until {day}"));
        }
    }

    fn look_at_repository(&self, check: &mut ForgeCheck, repository: &Repository) {
        let named = &self.hosted.repository;
        if !repository.full_name.eq_ignore_ascii_case(named) {
            check.problems.push(moved(named, &repository.full_name));
        }
        if repository.archived {
            check.problems.push(problem(
                &format!("{named} is archived: nothing can be written there"),
                "take it out of the archive in its settings, or deliver elsewhere",
            ));
        }
        if repository.has_pull_requests == Some(false) {
            check.problems.push(problem(
                &format!("pull requests are turned off in {named}"),
                "turn them on in its settings, or deliver elsewhere",
            ));
        }
        if repository.permissions.as_ref().is_some_and(|p| !p.push) {
            check.problems.push(problem(
                &format!("the token's user may not push to {named}"),
                "ask for the role Write, or use the token of somebody who has it",
            ));
        }
    }

    /// <https://docs.github.com/en/rest/branches/branches#get-a-branch>
    async fn look_at_base(&self, check: &mut ForgeCheck, wanted: &Wanted) -> Result<(), Failure> {
        if wanted.base.is_empty() {
            return Ok(());
        }
        let route = self.route(["branches", &wanted.base]);
        match self.web.get_if_there::<Branch>(route).await {
            Ok(Some(branch)) => check.base_is_protected = Some(branch.protected),
            Ok(None) => check.problems.push(problem(
                &format!(
                    "there is no branch `{}` in {}, and pull requests are to go into it",
                    wanted.base, self.hosted.repository
                ),
                "push it, or name another base with --base",
            )),
            Err(failure) => {
                if let Err(refused) = said::<()>(Err(failure))? {
                    let what = "whether the base is protected is not told";
                    check.notes.push(format!("{what}: {}", refused.message));
                }
            }
        }
        Ok(())
    }

    async fn look_at_reviewers(
        &self,
        check: &mut ForgeCheck,
        wanted: &Wanted,
        repository: &Repository,
        headers: Option<&Headers>,
    ) -> Result<(), Failure> {
        for name in &wanted.reviewers {
            match Reviewer::of(name) {
                Reviewer::User(user) => {
                    let own = check.user.as_deref();
                    if own.is_some_and(|own| own.eq_ignore_ascii_case(user)) {
                        check.notes.push(format!(
                            "{user} is whose token it is, and nobody is asked to review a pull request of their own"
                        ));
                    } else {
                        self.look_at_user(check, user).await?;
                    }
                }
                Reviewer::Team(team) => {
                    let is_org = repository.owner.as_ref().is_none_or(|o| o.r#type != "User");
                    self.look_at_team(check, team, is_org, headers).await?;
                }
            }
        }
        Ok(())
    }

    /// <https://docs.github.com/en/rest/collaborators/collaborators#check-if-a-user-is-a-repository-collaborator>
    async fn look_at_user(&self, check: &mut ForgeCheck, user: &str) -> Result<(), Failure> {
        let route = self.route(["collaborators", user]);
        let collaborates = said(self.web.get_if_there::<IgnoredAny>(route).await)?;
        if let Ok(Some(_)) = collaborates {
            return Ok(());
        }
        let route = Route::new(["users", user]);
        let exists = said(self.web.get_if_there::<IgnoredAny>(route).await)?;
        match (exists, collaborates) {
            (Ok(None), _) => check.problems.push(problem(
                &format!("there is no user `{user}` on GitHub who could review"),
                "correct `reviewers` below `[pr]`; a team is written `team:name`",
            )),
            (Ok(Some(_)), Ok(_)) => check.problems.push(problem(
                &format!(
                    "`{user}`, who is to review, is no collaborator of {}",
                    self.hosted.repository
                ),
                "invite them, or correct `reviewers` below `[pr]`",
            )),
            (_, Err(refused)) | (Err(refused), Ok(_)) => check.notes.push(format!(
                "whether {user} may be asked to review is not told: {}",
                refused.message
            )),
        }
        Ok(())
    }

    /// <https://docs.github.com/en/rest/teams/teams#get-a-team-by-name>: who may not read the organisation finds none.
    async fn look_at_team(
        &self,
        check: &mut ForgeCheck,
        team: &str,
        is_org: bool,
        headers: Option<&Headers>,
    ) -> Result<(), Failure> {
        let owner = self.owner();
        if !is_org {
            check.problems.push(problem(
                &format!("{owner} is a user and has no teams, so `team:{team}` cannot review"),
                "name users in `reviewers` below `[pr]`",
            ));
            return Ok(());
        }
        let route = Route::new(["orgs", owner, "teams", team]);
        let found = said(self.web.get_if_there::<IgnoredAny>(route).await)?;
        let reads = headers.and_then(scopes).is_some_and(|scopes| {
            let may = ["read:org", "write:org", "admin:org"];
            scopes.iter().any(|scope| may.contains(scope))
        });
        match found {
            Ok(Some(_)) => {}
            Ok(None) if reads => check.problems.push(problem(
                &format!("there is no team `{team}` in {owner}"),
                "correct `reviewers` below `[pr]`: the name is that in the team's address",
            )),
            Ok(None) | Err(_) => check.notes.push(format!(
                "whether there is a team `{team}` in {owner} is not told to this token"
            )),
        }
        Ok(())
    }

    /// <https://docs.github.com/en/rest/issues/labels#get-a-label>: GitHub makes a label that is not there.
    async fn look_at_labels(&self, check: &mut ForgeCheck, wanted: &Wanted) -> Result<(), Failure> {
        for label in &wanted.labels {
            let route = self.route(["labels", label]);
            if let Ok(None) = said(self.web.get_if_there::<IgnoredAny>(route).await)? {
                let note = format!("there is no label `{label}` yet; GitHub makes it");
                check.notes.push(note);
            }
        }
        Ok(())
    }
}

/// The scopes of a classic token; None where the token is none.
fn scopes(headers: &Headers) -> Option<Vec<&str>> {
    let value = headers.get("x-oauth-scopes")?;
    Some(
        value
            .split(',')
            .map(str::trim)
            .filter(|scope| !scope.is_empty())
            .collect(),
    )
}

/// When the token is over: `2026-12-01 10:00:00 UTC`, or with an offset.
fn expiry(headers: &Headers) -> Option<DateTime<Utc>> {
    let value = headers.get("github-authentication-token-expiration")?;
    let value = value.replace("UTC", "+0000");
    DateTime::parse_from_str(&value, "%Y-%m-%d %H:%M:%S %z")
        .ok()
        .map(|end| end.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_headers_tell_of_a_token() {
        let of = |name: &str, value: &str| Headers::new([(name, value)]);
        for (value, want) in [
            ("repo, read:org", vec!["repo", "read:org"]),
            ("", vec![]),
            ("gist", vec!["gist"]),
        ] {
            assert_eq!(scopes(&of("X-OAuth-Scopes", value)), Some(want));
        }
        assert_eq!(scopes(&Headers::default()), None);
        for (value, want) in [
            ("2026-12-01 10:00:00 UTC", Some("2026-12-01T10:00:00+00:00")),
            (
                "2026-12-01 10:00:00 +0100",
                Some("2026-12-01T09:00:00+00:00"),
            ),
            (
                "2026-12-01 10:00:00 -0800",
                Some("2026-12-01T18:00:00+00:00"),
            ),
            ("soon", None),
            ("", None),
        ] {
            let found = expiry(&of("github-authentication-token-expiration", value));
            assert_eq!(found.map(|t| t.to_rfc3339()).as_deref(), want, "{value}");
        }
    }
}
