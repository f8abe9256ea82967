//! Labels, which are named by id.

use super::wire::{Label, NewLabels, Pull};
use super::{Gitea, LIMIT, Method, Route};
use crate::forge::said::{has_scope, missing, noted};
use crate::forge::web::Failure;
use crate::ports::PrRequest;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

impl Gitea {
    /// Labels by name. <https://docs.gitea.com/api/1.22/#tag/issue/operation/issueListLabels>
    pub(super) async fn known_labels(&self) -> Result<BTreeMap<String, Label>, Failure> {
        if let Some(known) = self.labels.borrow().clone() {
            return Ok(known);
        }
        let mut known = BTreeMap::new();
        let owner = self.hosted.repository.split('/').next().unwrap_or_default();
        let of_org = Route::new(["orgs", owner, "labels"]).query("limit", LIMIT);
        let found = match self.web.list::<Label>(of_org).await {
            Ok(found) => found,
            // The owner is a user, or the token may not see its organisation.
            Err(failure) if matches!(failure.status, Some(403 | 404)) && failure.is_said() => {
                Vec::new()
            }
            Err(failure) => return Err(failure),
        };
        known.extend(found.into_iter().map(|l| (l.name.clone(), l)));
        let own = self.route(["labels"]).query("limit", LIMIT);
        let found: Vec<Label> = self.web.list(own).await?;
        known.extend(found.into_iter().map(|l| (l.name.clone(), l)));
        *self.labels.borrow_mut() = Some(known.clone());
        Ok(known)
    }

    /// <https://docs.gitea.com/api/1.22/#tag/issue/operation/issueAddLabel>
    pub(super) async fn add_labels(
        &self,
        now: &Pull,
        request: &PrRequest,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let there = now.labels.as_deref().unwrap_or_default();
        let names: Vec<String> = there.iter().map(|l| l.name.clone()).collect();
        let names = missing(&request.labels, &names);
        if names.is_empty() {
            return Ok(());
        }
        let known = self.known_labels().await?;
        let mut labels = Vec::new();
        for name in names {
            // <https://docs.gitea.com/usage/labels#label-scopes>: a person chose another of the scope.
            let exclusive = there
                .iter()
                .filter(|l| l.exclusive)
                .map(|l| l.name.as_str());
            match known.get(name) {
                Some(label) if label.exclusive && has_scope(name, "/", exclusive) => {}
                Some(label) => labels.push(label.id),
                None => notes.push(format!("there is no label `{name}`: it was left out")),
            }
        }
        if labels.is_empty() {
            return Ok(());
        }
        let number = now.number.to_string();
        let route = self.route(["issues", &number, "labels"]);
        // Adding a label that is there changes nothing, so this may be sent again.
        let new = NewLabels { labels };
        let added = self
            .web
            .write::<IgnoredAny>(Method::Post, route, &new)
            .await;
        noted(added.map(drop), "labels were not added", notes)
    }
}
