//! The look before a run: token, project, rights, and who and what is named.

use super::wire::{Branch, Label, OwnToken, Project, User};
use super::{Gitlab, PER_PAGE, Route};
use crate::forge::asked::{moved, problem, said};
use crate::forge::said::Reviewer;
use crate::forge::web::Failure;
use crate::ports::{ForgeCheck, Wanted};
use serde::de::IgnoredAny;

/// The least role that may push branches and open merge requests
/// (<https://docs.gitlab.com/user/permissions/>: Developer).
const DEVELOPER: u64 = 30;

impl Gitlab {
    pub(super) async fn check_now(&self, wanted: &Wanted) -> Result<ForgeCheck, Failure> {
        let host = self.hosted.web.split("://").last().unwrap_or_default();
        let mut check = ForgeCheck {
            repository: format!("{} at {host}", self.hosted.repository),
            ..ForgeCheck::default()
        };
        if self.hosted.token.is_none() {
            check.problems.push(problem(
                "there is no token for GitLab, and merge requests cannot be opened without one",
                "make a personal, project or group access token with the scope `api` and the role Developer, and \
                 give it to codelicious",
            ));
            return Ok(check);
        }
        let user = said(self.web.get::<User>(Route::new(["user"])).await)?;
        let token_error = match user {
            Ok(user) => {
                *self.own.borrow_mut() = Some(user.username.clone());
                check.user = Some(user.username);
                None
            }
            Err(error) => Some(error),
        };
        let project = said(self.web.get::<Project>(self.route([])).await)?;
        let project = match (project, token_error) {
            (Ok(project), None) => project,
            (Ok(project), Some(_)) => {
                let note = "GitLab does not tell whose token it is";
                check.notes.push(note.to_owned());
                project
            }
            // The token's own failure says more than that the project is not to be seen.
            (Err(_), Some(error)) | (Err(error), None) => {
                check.problems.push(error);
                return Ok(check);
            }
        };
        self.look_at_token(&mut check).await?;
        self.look_at_project(&mut check, &project);
        self.look_at_base(&mut check, wanted).await?;
        self.look_at_labels(&mut check, wanted).await?;
        let is_public = project.visibility.as_deref() == Some("public");
        self.look_at_names(&mut check, wanted, is_public).await?;
        Ok(check)
    }

    /// <https://docs.gitlab.com/api/personal_access_tokens/#self-inform>: of personal, project and group tokens.
    async fn look_at_token(&self, check: &mut ForgeCheck) -> Result<(), Failure> {
        let route = Route::new(["personal_access_tokens", "self"]);
        match said(self.web.get::<OwnToken>(route).await)? {
            Err(_) => {
                let note = "GitLab does not tell what this token may do: the scope `api` is needed";
                check.notes.push(note.to_owned());
            }
            Ok(token) => {
                if !token.scopes.iter().any(|s| s == "api") {
                    let scopes = token.scopes.join("`, `");
                    check.problems.push(problem(
                        &format!("the token may not write: its scopes are `{scopes}`"),
                        "make a token with the scope `api`",
                    ));
                }
                if let Some(date) = token.expires_at {
                    check.notes.push(format!("the token is good until {date}"));
                }
            }
        }
        Ok(())
    }

    fn look_at_project(&self, check: &mut ForgeCheck, project: &Project) {
        let path = &project.path_with_namespace;
        if !path.eq_ignore_ascii_case(&self.hosted.repository) {
            check.problems.push(moved(&self.hosted.repository, path));
        }
        if project.archived {
            check.problems.push(problem(
                &format!("{path} is archived: nothing can be written there"),
                "unarchive it under Settings, General, Advanced, or choose another remote",
            ));
        }
        if project.merge_requests_access_level.as_deref() == Some("disabled") {
            check.problems.push(problem(
                &format!("merge requests are turned off in {path}"),
                "turn them on under Settings, General, Visibility, or work without a forge: --platform local",
            ));
        }
        let level = project.permissions.as_ref().and_then(|p| {
            let levels = [&p.project_access, &p.group_access];
            levels.into_iter().flatten().map(|a| a.access_level).max()
        });
        match level {
            None => check
                .notes
                .push("GitLab does not tell which role the token has in the project: Developer is needed".to_owned()),
            Some(level) if level < DEVELOPER => check.problems.push(problem(
                &format!(
                    "the token's role in {path} is below Developer (access level {level}, {DEVELOPER} is needed)"
                ),
                "have somebody who may do so make its user a Developer, or use another token",
            )),
            Some(_) => {}
        }
    }

    async fn look_at_base(&self, check: &mut ForgeCheck, wanted: &Wanted) -> Result<(), Failure> {
        if wanted.base.is_empty() {
            return Ok(());
        }
        let route = self.route(["repository", "branches", &wanted.base]);
        match self.web.get_if_there::<Branch>(route).await? {
            Some(branch) => check.base_is_protected = Some(branch.protected),
            None => check.problems.push(problem(
                &format!("GitLab has no branch `{}` here", wanted.base),
                "push it, or name another base with --base",
            )),
        }
        Ok(())
    }

    async fn look_at_labels(&self, check: &mut ForgeCheck, wanted: &Wanted) -> Result<(), Failure> {
        for name in &wanted.labels {
            if name.contains(',') || name.trim().is_empty() {
                check.problems.push(problem(
                    &format!("`{name}` is no label for GitLab: commas part its labels"),
                    "name the label otherwise",
                ));
                continue;
            }
            let route = self
                .route(["labels"])
                .query("search", name)
                .query("per_page", PER_PAGE);
            let found: Vec<Label> = self.web.list(route).await?;
            if !found.iter().any(|l| l.name == *name) {
                check.notes.push(format!(
                    "there is no label `{name}` yet: GitLab will make it"
                ));
            }
        }
        Ok(())
    }

    async fn look_at_names(
        &self,
        check: &mut ForgeCheck,
        wanted: &Wanted,
        is_public: bool,
    ) -> Result<(), Failure> {
        for name in &wanted.reviewers {
            let Reviewer::User(user) = Reviewer::of(name) else {
                check.problems.push(problem(
                    &format!("`{name}` cannot be asked to review: GitLab asks users, not teams"),
                    "name users as reviewers",
                ));
                continue;
            };
            let Some(id) = self.user_id(user).await? else {
                check.problems.push(problem(
                    &format!("GitLab knows no user `{user}`, who is to review"),
                    "correct the name in the reviewers",
                ));
                continue;
            };
            // <https://docs.gitlab.com/api/members/>
            let route = self.route(["members", "all", &id.to_string()]);
            match self.web.get_if_there::<IgnoredAny>(route).await? {
                Some(_) => {}
                None if is_public => check.notes.push(format!(
                    "`{user}`, who is to review, is no member of the project"
                )),
                None => check.problems.push(problem(
                    &format!(
                        "`{user}`, who is to review, is no member of the project and cannot see it"
                    ),
                    "invite them, or take them out of the reviewers",
                )),
            }
        }
        if wanted.reviewers.len() > 1 {
            let note = "GitLab's free plan keeps one reviewer for each merge request";
            check.notes.push(note.to_owned());
        }
        Ok(())
    }
}
