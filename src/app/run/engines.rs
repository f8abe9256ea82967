//! What holds for engines and money in the whole run, from lane to lane.

use super::Session;
use crate::app::reports;
use crate::core::budget::{Charge, of_run};
use crate::core::lane::{Lane, Policy, PrPolicy};
use crate::core::review::ReviewPolicy;
use crate::core::roster::{Patience, Roster};
use crate::forge::LocalForge;
use crate::model::Ledger;

impl Session<'_> {
    /// What holds for engines and money in the whole run holds for this lane.
    pub(super) fn with_engines(&self, mut lane: Lane) -> Lane {
        if let Some(roster) = &self.roster {
            lane.roster.clone_from(roster);
        }
        lane.reviews.roster.clone_from(&self.reviewer_roster);
        lane.resume.clone_from(&self.resume);
        // Files have no issues to comment on.
        lane.comment_gave_up = self.shells.forge.name() == LocalForge::NAME;
        // What the lane's own ledger knows is asked of it; it may have been lost meanwhile.
        let known = of_run(&lane.ledger, &self.run);
        let charges = self
            .charged
            .iter()
            .map(|(spec, charge)| match *spec == lane.ledger.spec {
                true => charge.beyond(known),
                false => *charge,
            });
        lane.elsewhere = charges.fold(self.planning_charged, Charge::plus);
        lane
    }

    /// Engines that told an earlier run how long they are limited are not asked before that.
    pub(super) fn remember_limits<'l>(&mut self, ledgers: impl Iterator<Item = &'l Ledger>) {
        if self.roster.is_none() {
            let mut roster = Roster::new(&self.policy().engines);
            if !self.restart.forget_failures {
                roster.remember(ledgers, self.shells.clock.now());
            }
            self.roster = Some(roster);
        }
    }

    pub(super) fn policy(&self) -> Policy {
        let policy = reports::policy(self.world, self.run.clone(), self.scope.remote.as_deref());
        let engines = self.shells.engines.iter();
        let resumes = !self.restart.forget_failures;
        let named = engines.clone().filter(|e| resumes && e.names_sessions);
        Policy {
            engines: engines.map(|e| e.engine.name().to_owned()).collect(),
            names_sessions: named.map(|e| e.engine.name().to_owned()).collect(),
            patience: Patience {
                until: self.waits_until,
                ..policy.patience
            },
            pr: PrPolicy {
                max_open: self.max_open(),
                template: self.template.clone(),
                ..policy.pr
            },
            review: self.shells.reviewer.as_ref().map(|reviewer| ReviewPolicy {
                engine: reviewer.engine.name().to_owned(),
                max_rounds: *self.world.settings.review.max_rounds,
                on: *self.world.settings.review.on,
            }),
            ..policy
        }
    }

    /// Files can be as many as they like: nobody is told of them.
    fn max_open(&self) -> Option<u32> {
        let is_local = self.shells.forge.name() == LocalForge::NAME;
        (!is_local).then(|| *self.world.settings.pr.max_open)
    }
}
