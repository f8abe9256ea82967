//! Issues of the forge that are to be built, and those that are not any more.

use super::Session;
use crate::app::error::AppError;
use crate::app::issues::{self, Issues};
use crate::app::survey::Survey;
use crate::model::{EventKind, Ledger, SpecId};
use std::collections::BTreeMap;

/// Issues that one look takes up at most.
const MAX_ISSUES: usize = 200;

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
            let found = issues::named(forge, &self.from_issues).await;
            return self.or_later(found);
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

    /// Leaves specs alone whose issue a person closed, or took the label from, while there was work left.
    pub(super) async fn heed_closed_issues(
        &self,
        found: &mut Survey,
        ledgers: &BTreeMap<SpecId, Ledger>,
    ) {
        let source = self.world.settings.sources.issues.as_ref();
        for plan in &mut found.plan.specs {
            let is_due = plan.not_built.is_none()
                && plan.chunks.iter().any(|c| !c.done)
                && !self.scope.handed.contains_key(&plan.path);
            let ledger = ledgers.get(&plan.id).filter(|_| is_due);
            let Some(issue) = ledger.and_then(|l| l.issue.as_ref()) else {
                continue;
            };
            let (number, path) = (issue.number, &plan.path);
            match self.shells.forge.issue(number).await {
                Ok(now) if !now.is_open => {
                    plan.not_built = Some(format!(
                        "issue {number} was closed: reopen it to go on, or start again with --fresh from a spec of \
                         your own at {path}"
                    ));
                }
                Ok(now) => {
                    let lacks = source.filter(|s| !now.labels.contains(&s.label));
                    if let Some(source) = lacks.filter(|_| self.specs.is_empty()) {
                        plan.not_built = Some(format!(
                            "issue {number} does not bear the label `{}` any more: put it back, or build it with \
                             --from-issue {number}",
                            source.label
                        ));
                    }
                }
                Err(e) => self.warn(format!(
                    "issue {number}: {e}; going on with what is known of it"
                )),
            }
        }
    }

    pub(super) fn warn(&self, message: String) {
        self.say(EventKind::Warning { message });
    }
}
