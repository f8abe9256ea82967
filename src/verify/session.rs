//! Running the checks of one look at a lane: each once, and what the work is to blame for once more.

use super::baseline::{self, Judging};
use super::check::Check;
use super::coverage::rows::Measuring;
use super::measure::has_reported;
use super::run::{Surroundings, run_check};
use super::{CheckProgress, NoVerdict, names, only, read_small};
use crate::model::{CheckOutcome, CheckResult, Rerun, TestStatus};
use crate::ports::StopSignal;

/// What results are judged by; a baseline is not.
pub(super) struct Judged<'a> {
    pub judging: Judging<'a>,
    /// New and edited files of the chunk.
    pub changed: &'a [&'a str],
}

pub(super) struct Session<'a> {
    pub around: Surroundings<'a>,
    pub judged: Option<Judged<'a>>,
    /// What runs in place of checks, for the report of coverage that it leaves.
    pub measuring: &'a [Measuring],
    pub on_check: &'a dyn Fn(CheckProgress<'_>),
    pub stop: StopSignal,
}

/// Why a tool that was asked for its version is not there.
pub(super) fn not_there(outcome: &CheckOutcome, asked: &str) -> Option<String> {
    match outcome {
        CheckOutcome::Passed => None,
        CheckOutcome::NotAvailable { why } => Some(why.clone()),
        CheckOutcome::Failed { exit }
        | CheckOutcome::FailedBefore { exit }
        | CheckOutcome::Flaky { exit } => Some(format!("`{asked}` ends with exit code {exit}")),
        CheckOutcome::TimedOut { seconds } => {
            Some(format!("`{asked}` says nothing within {seconds} s"))
        }
    }
}

impl Session<'_> {
    pub(super) async fn run_all(&self, checks: &[Check]) -> Result<Vec<CheckResult>, NoVerdict> {
        let mut results = Vec::new();
        for check in checks {
            (self.on_check)(CheckProgress::Started {
                name: &check.name,
                command: &check.command(),
                dir: &check.dir,
            });
            let result = self.run_one(check).await?;
            (self.on_check)(CheckProgress::Finished(&result));
            let dropped =
                check.optional && matches!(result.outcome, CheckOutcome::NotAvailable { .. });
            if !dropped {
                results.push(result);
            }
        }
        Ok(results)
    }

    async fn run_one(&self, check: &Check) -> Result<CheckResult, NoVerdict> {
        let mut ran = self.run_measuring(check).await?;
        // What was picked holds no tests: then all of them are to say something.
        let picked_none = check.narrowed.is_some()
            && matches!(ran.outcome, CheckOutcome::Failed { exit } if Some(exit) == check.none_found);
        let widened = check.widened();
        let check = if picked_none {
            ran = self.run(&widened).await?;
            &widened
        } else {
            check
        };
        let Some(judged) = &self.judged else {
            return Ok(CheckResult {
                failing: baseline::failing(&ran),
                ..ran
            });
        };
        let mut found = baseline::judge_one(judged.judging, &ran);
        if !found.blamed.is_empty() {
            self.run_again(check, judged, &mut found).await?;
        }
        Ok(found.result)
    }

    /// Runs the tests that are to blame once more, at once. Where all of them pass, the failure is not the
    /// work's, unless one of the tests is: a test that the chunk brings must pass every time.
    async fn run_again(
        &self,
        check: &Check,
        judged: &Judged<'_>,
        found: &mut baseline::Judged,
    ) -> Result<(), NoVerdict> {
        let blamed: Vec<&str> = found.blamed.iter().map(String::as_str).collect();
        let again = self.run(&only::only(check, &blamed)).await?;
        let passed = |name: &&str| {
            let tests = again.tests.as_ref();
            tests.and_then(|tests| tests.get(*name)) == Some(&TestStatus::Passed)
        };
        let exit = match again.outcome {
            CheckOutcome::Passed => 0,
            CheckOutcome::Failed { exit }
            | CheckOutcome::FailedBefore { exit }
            | CheckOutcome::Flaky { exit } => exit,
            CheckOutcome::TimedOut { .. } => baseline::ENDED_FOR_TIME,
            CheckOutcome::NotAvailable { .. } => baseline::NOT_FOUND,
        };
        let is_flaky = exit == 0
            && blamed.iter().all(passed)
            && !blamed
                .iter()
                .any(|name| self.is_new(name, judged, &found.result));
        if let (true, CheckOutcome::Failed { exit }) = (is_flaky, &found.result.outcome) {
            found.result.outcome = CheckOutcome::Flaky { exit: *exit };
        }
        found.result.rerun = Some(Rerun {
            command: again.command,
            exit,
            millis: again.millis,
            output: again.output,
        });
        Ok(())
    }

    /// True for a test that the base does not have and that a changed file names.
    fn is_new(&self, name: &str, judged: &Judged<'_>, now: &CheckResult) -> bool {
        let before = baseline::before(judged.judging.base, now);
        let known = before
            .and_then(|b| b.tests.as_ref())
            .is_some_and(|tests| tests.contains_key(name));
        let own = names::leaf(name);
        !known
            && judged.changed.iter().any(|path| {
                names::file(name).is_some_and(|file| path.ends_with(file))
                    || read_small(self.around.lane, path)
                        .is_none_or(|text| names::mentions(&text, own))
            })
    }

    /// Runs a check, measuring where it can. What it says is the check's: its command is the one that anybody can
    /// run, without a folder that is gone. A failure without a report may be the measuring's own: then the check
    /// says what there is to say.
    async fn run_measuring(&self, check: &Check) -> Result<CheckResult, NoVerdict> {
        let found = self.measuring.iter();
        let mut found = found.filter(|m| m.check.is(&check.name, &check.dir));
        let Some(measuring) = found.next() else {
            return self.run(check).await;
        };
        let with_report = Check {
            run: measuring.check.run.clone(),
            ..check.widened()
        };
        let ran = self.run(&with_report).await?;
        let is_sound = ran.outcome == CheckOutcome::Passed || has_reported(measuring);
        if !is_sound {
            return self.run(check).await;
        }
        Ok(CheckResult {
            command: check.command(),
            ..ran
        })
    }

    async fn run(&self, check: &Check) -> Result<CheckResult, NoVerdict> {
        run_check(check, self.around, self.stop.clone()).await
    }
}
