//! Issues of the forge that are to be built, and those that are not any more.

use super::Session;
use crate::app::error::AppError;
use crate::app::issues::{self, Issues};
use crate::app::survey::Survey;
use crate::forge::LocalForge;
use crate::model::{EventKind, SpecId};
use crate::ports::ForgeErrorKind;
use std::collections::BTreeMap;
use std::time::Duration;

/// Issues that one look takes up at most.
const MAX_ISSUES: usize = 200;
/// Bound on one answer about an issue that is known already.
const ANSWER_TIME: Duration = Duration::from_secs(30);

impl Session<'_> {
    /// The specs that issues become. What the forge does not tell in a later cycle is left for the next one: a lane
    /// that exists goes on with what it has.
    ///
    /// # Errors
    /// In the first cycle: an issue that was named and cannot be had, or is closed.
    pub(super) async fn issues(&self) -> Result<Issues, AppError> {
        let forge = self.shells.forge.as_ref();
        if !self.from_issues.is_empty() || !self.specs.is_empty() {
            // Who names specs or issues wants those and no others.
            let mut found = Issues::new();
            for number in &self.from_issues {
                let one = issues::named(forge, *number).await.map(Some);
                found.extend(self.or_later(one)?);
            }
            return Ok(found);
        }
        let Some(source) = &*self.world.settings.sources.issues else {
            return Ok(Issues::new());
        };
        let what = format!("issues labelled `{}`", source.label);
        let found = forge.issues(&source.label).await;
        let found = found.map_err(|e| issues::refused(&what, e));
        let mut found = self.or_later(found)?;
        if found.len() > MAX_ISSUES {
            let more = found.len() - MAX_ISSUES;
            self.warn(format!(
                "{more} {what} are left for later: {MAX_ISSUES} are taken up at a time"
            ));
            found.truncate(MAX_ISSUES);
        }
        Ok(found.into_iter().map(issues::handed).collect())
    }

    fn or_later<T: Default>(&self, found: Result<T, AppError>) -> Result<T, AppError> {
        match found {
            Err(e) if !self.is_first_look => {
                self.warn(format!("{}; going on with what is known of it", e.message));
                Ok(T::default())
            }
            found => found,
        }
    }

    /// Specs that are left alone because a person closed their issue, or took the label from it, while there was work
    /// left, each with the reason.
    pub(super) async fn closed_issues(&self, found: &Survey) -> BTreeMap<SpecId, String> {
        let mut closed = BTreeMap::new();
        // Files have no issues: whoever chose them knows.
        if self.shells.forge.name() == LocalForge::NAME {
            return closed;
        }
        let source = self.world.settings.sources.issues.as_ref();
        for plan in &found.plan.specs {
            let is_due = plan.not_built.is_none()
                && plan.chunks.iter().any(|c| !c.done)
                && !self.scope.handed.contains_key(&plan.path);
            let spec = found.specs.get(&plan.id).filter(|_| is_due);
            let Some(issue) = spec.and_then(|s| s.issue.as_ref()) else {
                continue;
            };
            let (number, path) = (issue.number, &plan.path);
            let asked = tokio::time::timeout(ANSWER_TIME, self.shells.forge.issue(number)).await;
            let (why, goes_on) = match asked {
                Ok(Ok(now)) if !now.is_open => {
                    let why = format!(
                        "issue {number} was closed: reopen it to go on, or start again with --fresh from a spec of \
                         your own at {path}"
                    );
                    closed.insert(plan.id.clone(), why);
                    continue;
                }
                Ok(Ok(now)) => {
                    let lacks = source.filter(|s| !now.labels.contains(&s.label));
                    if let Some(source) = lacks.filter(|_| self.specs.is_empty()) {
                        let why = format!(
                            "issue {number} does not bear the label `{}` any more: put it back, or build it with \
                             --from-issue {number}",
                            source.label
                        );
                        closed.insert(plan.id.clone(), why);
                    }
                    continue;
                }
                // What is wrong with one issue says nothing of the next one.
                Ok(Err(e)) => {
                    let is_its_own =
                        matches!(e.kind, ForgeErrorKind::NotFound | ForgeErrorKind::Refused);
                    (e.message, is_its_own)
                }
                Err(_) => ("the forge does not answer".to_owned(), false),
            };
            self.warn(format!(
                "issue {number}: {why}; going on with what is known of it"
            ));
            if !goes_on {
                break;
            }
        }
        closed
    }

    pub(super) fn warn(&self, message: String) {
        self.say(EventKind::Warning { message });
    }
}

/// Says of these specs why they are not built.
pub(super) fn leave_alone(found: &mut Survey, closed: &BTreeMap<SpecId, String>) {
    for plan in &mut found.plan.specs {
        if let Some(why) = closed.get(&plan.id)
            && plan.not_built.is_none()
        {
            plan.not_built = Some(why.clone());
        }
    }
}
