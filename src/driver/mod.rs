//! The loop: decide, record the intent, perform, record the result.
//!
//! Nothing is decided here and nothing is done here: `core` decides, [`perform`] does, and the ledger is
//! durable before every outside effect.

mod checks;
mod crash;
mod engine;
mod perform;
mod prepare;
mod seal;
mod shells;
mod signals;

#[cfg(debug_assertions)]
pub use crash::arm;
pub use prepare::lanes_dir;
pub use shells::{LaneSettings, Shells};
pub use signals::{Control, Heard, Stop};

use crate::core::absorb::{LaneEvent, absorb, begin};
use crate::core::decide::{decide, next_wake};
use crate::core::lane::{Halt, Lane};
use crate::core::transition::IllegalTransition;
use crate::ledger::store::StoreError;
use crate::model::effect::EffectKey;
use crate::model::{Effect, EffectResult, EventKind, ExitCode};
use crash::Place;
use std::collections::BTreeSet;
use std::rc::Rc;
use tokio::task::JoinSet;

/// The run cannot go on at all.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error(transparent)]
    Ledger(#[from] StoreError),
    /// A bug: the decision and the state disagree.
    #[error("internal error: {0}")]
    Illegal(#[from] IllegalTransition),
    /// A bug: an effect panicked.
    #[error("internal error: {0} did not come back")]
    Lost(String),
}

/// Runs one lane until nothing is left that this run may do in it, and gives it back as it ended.
///
/// # Errors
/// The ledger cannot be written, or a bug. The lane's work so far is in git either way.
pub async fn run_lane(
    lane: Lane,
    shells: &Rc<Shells>,
    control: &mut Control,
) -> Result<Lane, DriverError> {
    // Effects in flight look at the lane as it was when they were decided: it is copied only when one of
    // them still looks while the next result is taken in.
    let mut shared = Rc::new(lane);
    let mut in_flight: JoinSet<(EffectKey, EffectResult)> = JoinSet::new();
    let mut busy: BTreeSet<EffectKey> = BTreeSet::new();
    loop {
        let due = decide(&shared, &busy, shells.clock.now());
        let lane = Rc::make_mut(&mut shared);
        for effect in &due {
            let events = begin(lane, effect, shells.clock.now())?;
            shells.emit(&lane.ledger.spec, events);
        }
        if due.iter().any(has_intent) {
            // One durable write holds the results since the last one and the intents of what comes now.
            shells.save(&mut lane.ledger)?;
        }
        for effect in due {
            let key = effect.key();
            busy.insert(key);
            let (shells, view) = (Rc::clone(shells), Rc::clone(&shared));
            in_flight.spawn_local(async move {
                crash::come_by(&effect, Place::Before);
                let result = perform::perform(&shells, &view, effect.clone()).await;
                crash::come_by(&effect, Place::After);
                (key, result)
            });
        }
        let wake = next_wake(&shared);
        if busy.is_empty() && (wake.is_none() || shared.halt.is_some()) {
            break;
        }
        tokio::select! {
            biased;
            heard = control.next() => match heard {
                Heard::Stop(stop) => halt(Rc::make_mut(&mut shared), stop),
                Heard::Again => {
                    // Dropping the effects kills what they started; git and the intents say how far they came.
                    in_flight.shutdown().await;
                    break;
                }
            },
            done = in_flight.join_next(), if !busy.is_empty() => {
                let (key, result) = done
                    .ok_or_else(|| DriverError::Lost("an effect".to_owned()))?
                    .map_err(|e| DriverError::Lost(e.to_string()))?;
                busy.remove(&key);
                let lane = Rc::make_mut(&mut shared);
                let events = absorb(lane, result, shells.clock.now())?;
                shells.emit(&lane.ledger.spec, events);
                shells.guard_lock();
            }
            () = shells.sleep_until(wake), if busy.is_empty() => {}
        }
    }
    let mut lane = Rc::unwrap_or_clone(shared);
    shells.save(&mut lane.ledger)?;
    let (done, total) = lane.progress();
    shells.emit(
        &lane.ledger.spec,
        vec![(None, EventKind::SpecFinished { done, total })] as Vec<LaneEvent>,
    );
    Ok(lane)
}

fn halt(lane: &mut Lane, stop: Stop) {
    let (exit, why) = match stop {
        Stop::Deadline => (
            ExitCode::Deadline,
            "the deadline was reached (--deadline)".to_owned(),
        ),
        Stop::Signal(exit) => (exit, exit.meaning().to_owned()),
    };
    let halt = Halt {
        exit,
        why,
        remedy: String::new(),
    };
    if lane.halt.as_ref().is_none_or(|h| h.exit < exit) {
        lane.halt = Some(halt);
    }
}

/// True for effects that a crash must not leave unexplained.
fn has_intent(effect: &Effect) -> bool {
    match effect {
        Effect::RunEngine { .. }
        | Effect::Land { .. }
        | Effect::Push { .. }
        | Effect::PutPr { .. } => true,
        // Repeatable without a trace outside the lane, or recovered from git alone.
        Effect::PrepareLane
        | Effect::Baseline
        | Effect::Verify { .. }
        | Effect::Seal { .. }
        | Effect::SetAside { .. } => false,
    }
}
