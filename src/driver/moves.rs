//! What persons want of a lane's chunks while it is built, and putting back what one of them accepted.

use super::DriverError;
use super::perform::{Failure, tip_of};
use super::shells::Shells;
use crate::core::lane::Lane;
use crate::core::moves::Carrier;
use crate::git::{ATTEMPTS, TakenUp};
use crate::ledger::mailbox::{Letter, Looked, MailError, Unusable};
use crate::model::{ChunkId, EffectResult, Ledger, SpecPlan};
use std::rc::Rc;
use std::sync::Arc;

/// Conflicting paths that a reason names.
const NAMED_PATHS: usize = 3;

/// Carries out the moves that arrived for the lane since the last look; true when there were some.
pub(super) fn take_in(
    shells: &Shells,
    shared: &mut Rc<Lane>,
    looked: &mut Looked,
) -> Result<bool, DriverError> {
    // A lane that halts takes no new work: the next run does.
    if shared.halt.is_some() || !shells.mailbox.may_have_mail(looked, shells.clock.now()) {
        return Ok(false);
    }
    // What a newer version left is spoken of once, when the lane starts.
    let is_due = |l: &Letter| !matches!(l.content, Err(Unusable::Newer(_)));
    let letters = shells.mailbox.of_spec(&shared.ledger.spec)?;
    if !letters.iter().any(is_due) {
        return Ok(false);
    }
    let lane = Rc::make_mut(shared);
    let (plan, run) = (Arc::clone(&lane.plan), lane.policy.run.clone());
    let carrier = Carrier {
        at_work: true,
        run: Some(&run),
    };
    shells.carry_out_moves(&mut lane.ledger, &plan, carrier)?;
    Ok(true)
}

impl Shells {
    /// Carries out what waits for a spec, and says so.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn carry_out_moves(
        &self,
        ledger: &mut Ledger,
        plan: &SpecPlan,
        carrier: Carrier<'_>,
    ) -> Result<(), MailError> {
        let save = |ledger: &mut Ledger| self.save(ledger);
        let done = self
            .mailbox
            .deliver(ledger, plan, carrier, self.clock.now(), save)?;
        self.emit(&plan.id, done.events);
        Ok(())
    }
}

/// Puts the work that was saved of an attempt back on top of the lane's tip.
pub(super) async fn take_up(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    attempt: u32,
) -> Result<EffectResult, Failure> {
    let tip = tip_of(lane)?;
    let reference = format!("{ATTEMPTS}{}/{id}/{attempt}", lane.ledger.spec);
    let judged = lane
        .record(id)
        .and_then(|r| r.evidence.as_ref()?.tree.clone());
    let (chunk, spec) = (id.to_string(), lane.ledger.path.clone());
    let refused = shells
        .git
        .call(move |repo| {
            repo.reset_lane(&tip)?;
            repo.remember_kept(&chunk, &spec)?;
            // Work that changed nothing stands already, whatever its engine committed by itself.
            if let Some(tree) = judged
                && !repo.holds_tree(&reference, &tree)?
                && repo.had_tree(&tip, &tree)?
            {
                return Ok(None);
            }
            Ok(match repo.take_up(&reference, &tip)? {
                TakenUp::Stands => None,
                TakenUp::Conflicts(paths) => Some(conflict(&paths)),
                TakenUp::Missing => Some(format!(
                    "the work of attempt {attempt} was not saved, so that it cannot be accepted"
                )),
            })
        })
        .await?;
    Ok(EffectResult::TakenUp {
        chunk: id.clone(),
        refused,
    })
}

fn conflict(paths: &[String]) -> String {
    let named = paths.iter().take(NAMED_PATHS).cloned().collect::<Vec<_>>();
    let more = match paths.len().saturating_sub(NAMED_PATHS) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!(
        "the accepted work no longer fits: {}{more} changed on both sides",
        named.join(", ")
    )
}
