//! Issues of the forge that are to be built: asked for before a survey, handed to it as texts.

use super::Session;
use crate::app::error::AppError;
use crate::app::survey::{Handed, Survey};
use crate::core::issue_spec;
use crate::model::{EventKind, IssueRecord, Ledger, SpecId};
use crate::ports::{ForgeError, ForgeIssue};
use std::collections::BTreeMap;

/// Issues that one look takes up at most, by number.
const MAX_ISSUES: usize = 200;

impl Session<'_> {
    /// The specs that issues become, by path. What the forge does not tell in a later cycle is left for the next
    /// one: a lane that exists goes on with what it has.
    ///
    /// # Errors
    /// In the first cycle: an issue that was named and cannot be had, or is closed.
    pub(super) async fn issues(&self) -> Result<BTreeMap<String, Handed>, AppError> {
        let mut issues = Vec::new();
        for number in &self.from_issues {
            let what = format!("--from-issue {number}");
            match self.shells.forge.issue(*number).await {
                Ok(issue) if issue.is_open => issues.push(issue),
                Ok(issue) if self.is_first_look => {
                    return Err(AppError::setup(
                        format!("{what}: {} is closed", issue.url),
                        "reopen the issue, or name another one",
                    ));
                }
                Ok(_) => {}
                Err(e) if self.is_first_look => return Err(refused(&what, e)),
                Err(e) => self.warn(format!("{what}: {e}; going on with what is known of it")),
            }
        }
        // Who names specs or issues wants those and no others.
        let is_named = !self.from_issues.is_empty() || !self.specs.is_empty();
        if let Some(source) = &*self.world.settings.sources.issues
            && !is_named
        {
            let label = &source.label;
            match self.shells.forge.issues(label).await {
                Ok(found) => issues.extend(found),
                Err(e) if self.is_first_look => {
                    return Err(refused(&format!("issues labelled `{label}`"), e));
                }
                Err(e) => self.warn(format!(
                    "issues labelled `{label}`: {e}; going on with what is known of them"
                )),
            }
        }
        if issues.len() > MAX_ISSUES {
            let more = issues.len() - MAX_ISSUES;
            self.warn(format!(
                "{more} issues are left for later: {MAX_ISSUES} are taken up at a time"
            ));
            issues.truncate(MAX_ISSUES);
        }
        Ok(issues.into_iter().map(handed).collect())
    }

    /// Leaves specs alone whose issue a person closed, or took the label from, while there was work left.
    pub(super) async fn heed_closed_issues(
        &self,
        found: &mut Survey,
        ledgers: &BTreeMap<SpecId, Ledger>,
    ) {
        let label = self.world.settings.sources.issues.as_ref();
        for plan in &mut found.plan.specs {
            let is_open = plan.not_built.is_none() && plan.chunks.iter().any(|c| !c.done);
            let ledger = ledgers.get(&plan.id).filter(|_| is_open);
            let Some(issue) = ledger.and_then(|l| l.issue.as_ref()) else {
                continue;
            };
            if self.scope.handed.contains_key(&plan.path) {
                continue;
            }
            let (number, path) = (issue.number, &plan.path);
            match self.shells.forge.issue(number).await {
                Ok(now) if !now.is_open => {
                    plan.not_built = Some(format!(
                        "issue {number} was closed: reopen it to go on, or name the spec with --spec {path}"
                    ));
                }
                Ok(now) => {
                    let lacks = label.filter(|l| !now.labels.contains(&l.label));
                    if let Some(source) = lacks.filter(|_| self.specs.is_empty()) {
                        plan.not_built = Some(format!(
                            "issue {number} does not bear the label `{}` any more: put it back, or name the issue \
                             with --from-issue {number}",
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

    fn warn(&self, message: String) {
        self.say(EventKind::Warning { message });
    }
}

fn handed(issue: ForgeIssue) -> (String, Handed) {
    let text = issue_spec::text(issue.number, &issue.title, &issue.body);
    let handed = Handed {
        text: text.into_bytes(),
        issue: IssueRecord {
            number: issue.number,
            url: issue.url,
            told: None,
        },
    };
    (issue_spec::path(handed.issue.number), handed)
}

fn refused(what: &str, error: ForgeError) -> AppError {
    let remedy = match error.remedy.as_str() {
        "" => "try again when the forge answers",
        remedy => remedy,
    };
    AppError::setup(format!("{what}: {}", error.message), remedy)
}
