//! Before an engine is paid: whether what it builds can be committed and delivered.
//!
//! Looked at again in every cycle that has work, since tokens end and remotes move while a run goes on.

use super::Session;
use crate::app::error::AppError;
use crate::app::preflight::{ask_forge, of_check, of_error};
use crate::app::survey::Survey;
use crate::core::preflight::findings;
use crate::forge::LocalForge;
use crate::git::preflight::{Options, probe};
use crate::model::effect::PushFailureKind;
use crate::model::preflight::{Answer, Facts, Finding, Verdict};
use std::io::IsTerminal as _;

impl Session<'_> {
    /// Asks git, the remote and the forge. Says what is worth knowing, each thing once a run.
    ///
    /// # Errors
    /// What would keep the work from being committed or delivered, with the remedies. In a later cycle a remote or a
    /// forge that does not answer for the moment is none.
    pub(super) async fn preflight(&mut self, found: &Survey) -> Result<(), AppError> {
        let is_open = |c: &crate::model::Chunk| !c.done;
        let mut plans = found.plan.specs.iter();
        if !plans.any(|p| p.not_built.is_none() && p.chunks.iter().any(is_open)) {
            return Ok(());
        }
        if let Some(policy) = &found.policy
            && !*self.world.settings.i_have_permission
        {
            let place = format!("{}:{}", policy.path, policy.line);
            return Err(AppError::setup(
                format!("{place}: {}", policy.message()),
                policy.remedy(),
            ));
        }
        let flags = &self.world.flags;
        let (asks, signs) = (!flags.skip_auth_check, !flags.skip_credential_probe);
        let options = Options {
            remote: asks,
            signing: signs,
            // Who started the run may still sit there.
            may_prompt: self.is_first_look
                && self.options.terminal
                && std::io::stdin().is_terminal(),
        };
        let place = self.shells.git.call(|repo| repo.git_place()).await?;
        let vars = place.environment(&self.shells.settings.git_env);
        let root = &self.shells.root;
        let (remote, stop) = (
            self.scope.remote.as_deref(),
            self.shells.stop_everything.clone(),
        );
        let facts = probe(root, remote, &found.base, &vars, options, stop).await;
        let is_passing = is_passing(&facts);
        let mut all = findings(&facts);
        let is_local = self.shells.forge.name() == LocalForge::NAME;
        all.retain(|f| is_told(f, is_local, asks, signs));
        let mut passing = Vec::new();
        if asks {
            let (forge, settings) = (self.shells.forge.as_ref(), &self.world.settings);
            match ask_forge(forge, settings, &found.base).await {
                Ok(check) => {
                    let now = self.shells.clock.now();
                    let mut said = of_check(check, &found.base.branch, now);
                    let first = said.iter_mut().find(|f| f.verdict == Verdict::Problem);
                    if let Some(first) = first.filter(|_| !self.token_from.is_empty()) {
                        first.remedy += &format!("; the token in use is from {}", self.token_from);
                    }
                    all.extend(said);
                }
                Err(e) if e.is_transient() && !self.is_first_look => passing.push(e.message),
                Err(e) => all.push(of_error(&e, &self.token_from)),
            }
        }
        // Between cycles the network may fail for a moment: what is built then is pushed later.
        if is_passing && !self.is_first_look {
            for finding in all
                .iter_mut()
                .filter(|f| matches!(f.what, "remote" | "push"))
            {
                if finding.verdict == Verdict::Problem {
                    passing.push(format!("{}; going on without", finding.found));
                    finding.verdict = Verdict::Ok;
                }
            }
        }
        let (problems, notes): (Vec<Finding>, Vec<Finding>) = all
            .into_iter()
            .filter(|f| f.verdict != Verdict::Ok)
            .partition(|f| f.verdict == Verdict::Problem);
        let notes = notes.into_iter().map(|f| match f.remedy.as_str() {
            "" => f.found,
            remedy => format!("{}; {remedy}", f.found),
        });
        for said in notes.chain(passing) {
            if self.said.insert(said.clone()) {
                self.warn(said);
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        let lines = |of: fn(&Finding) -> &str| {
            let lines = problems.iter().map(of).filter(|l| !l.is_empty());
            lines.collect::<Vec<&str>>().join("\n")
        };
        Err(AppError::setup(lines(|f| &f.found), lines(|f| &f.remedy)))
    }
}

/// What was left out is no news, and where pull requests are files nobody else looks at the base.
fn is_told(finding: &Finding, is_local: bool, asks: bool, signs: bool) -> bool {
    match (finding.verdict, finding.what) {
        (Verdict::Problem, _) => true,
        (_, "remote" | "push") => false,
        (_, "base") => asks && !is_local,
        (_, "signing") => signs,
        _ => true,
    }
}

/// True where the remote may answer soon.
fn is_passing(facts: &Facts) -> bool {
    let answers = facts.remote.iter().flat_map(|r| [&r.reach, &r.push]);
    let mut failed = answers.filter_map(|a| match a {
        Answer::Failed(failure) => Some(failure.kind),
        Answer::Fine | Answer::NotAsked => None,
    });
    failed.any(|kind| kind == PushFailureKind::Transient)
}
