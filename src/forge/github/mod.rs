//! Pull requests on GitHub, github.com or Enterprise, over its REST API and, where that cannot, its GraphQL.
//!
//! What is of GitHub's own kind here: a draft is a field, which only GraphQL takes away again; reviewers are asked one
//! by one and drop out of the list when they have reviewed, so that only the events tell who was asked before; issues
//! and pull requests share their numbers, their labels and their comments.
//!
//! - [`wire`]: what is sent and read
//! - [`pulls`]: found, made, and changed where something differs
//! - [`issues`]: read and commented
//! - [`check`]: the look before a run

mod check;
mod issues;
mod pulls;
mod wire;

use super::Hosted;
use super::web::{Auth, Dialect, Paging, Route, Web};
use crate::ports::{
    Clock, CommentRequest, Forge, ForgeCheck, ForgeError, ForgeIssue, ForgePr, LocalBoxFuture,
    PrRequest, PutPr, Rng, Wanted,
};
use std::rc::Rc;

/// <https://docs.github.com/en/rest/about-the-rest-api/api-versions>
const DIALECT: Dialect = Dialect {
    name: "GitHub",
    auth: Auth::Bearer,
    headers: &[
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ],
    paging: Paging::Told,
};

/// Entries of a page; GitHub gives no more.
const PER_PAGE: u32 = 100;

/// A repository on GitHub.
pub struct Github {
    web: Web,
    hosted: Hosted,
}

impl Github {
    /// # Errors
    /// An address that nothing is sent to.
    pub fn new(hosted: Hosted, clock: Rc<dyn Clock>, rng: Rc<dyn Rng>) -> Result<Self, ForgeError> {
        Ok(Self {
            web: Web::new(&hosted, DIALECT, clock, rng)?,
            hosted,
        })
    }

    /// A path below the repository's.
    fn route<const N: usize>(&self, segments: [&str; N]) -> Route {
        let repository = self.hosted.repository.split('/');
        Route::new(["repos"]).join(repository).join(segments)
    }

    fn owner(&self) -> &str {
        self.hosted.repository.split('/').next().unwrap_or_default()
    }
}

impl Forge for Github {
    fn name(&self) -> &str {
        "github"
    }

    fn check<'a>(
        &'a self,
        wanted: &'a Wanted,
    ) -> LocalBoxFuture<'a, Result<ForgeCheck, ForgeError>> {
        Box::pin(async move { Ok(self.check_now(wanted).await?) })
    }

    fn find<'a>(
        &'a self,
        head: &'a str,
    ) -> LocalBoxFuture<'a, Result<Option<ForgePr>, ForgeError>> {
        Box::pin(async move { Ok(self.locate(head).await?.map(|pull| pull.seen())) })
    }

    fn put<'a>(&'a self, request: &'a PrRequest) -> LocalBoxFuture<'a, Result<PutPr, ForgeError>> {
        Box::pin(self.put_now(request))
    }

    fn issue(&self, number: u64) -> LocalBoxFuture<'_, Result<ForgeIssue, ForgeError>> {
        Box::pin(self.read_issue(number))
    }

    fn issues<'a>(
        &'a self,
        label: &'a str,
    ) -> LocalBoxFuture<'a, Result<Vec<ForgeIssue>, ForgeError>> {
        Box::pin(async move { Ok(self.list_issues(label).await?) })
    }

    fn comment<'a>(
        &'a self,
        request: &'a CommentRequest,
    ) -> LocalBoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move { Ok(self.comment_now(request).await?) })
    }

    fn file_url(&self, branch: &str, path: &str) -> Option<String> {
        let below = Route::of_path(&self.hosted.repository)
            .push("blob")
            .join(branch.split('/'))
            .join(path.split('/'));
        Some(format!("{}{}", self.hosted.web, below.path()))
    }
}
