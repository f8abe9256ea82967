//! The loop: decide, record the intent, perform, record the result.
//!
//! Nothing is decided here and nothing is done here: `core` decides, [`perform`] does, and the ledger is
//! durable before every outside effect.

mod audit;
mod checks;
mod engine;
mod hooks;
mod lodging;
mod moves;
mod notes;
mod perform;
mod prepare;
mod proof;
mod red;
mod restack;
mod review;
mod seal;
mod shells;
mod signals;
mod suite;

pub use notes::make_good as make_notes_good;
pub use prepare::{lanes_dir, remember_seen};
pub use shells::{EngineSetup, LaneSettings, Shells};
pub use signals::{Control, Heard, Stop};

use crate::core::absorb::{LaneEvent, absorb, begin, look_again};
use crate::core::decide::{decide, next_wake};
use crate::core::lane::{Halt, Lane};
use crate::core::transition::IllegalTransition;
use crate::crash::{self, Around};
use crate::ledger::mailbox::{Looked, MailError};
use crate::ledger::store::StoreError;
use crate::model::effect::EffectKey;
use crate::model::{Effect, EffectResult, EventKind, ExitCode};
use chrono::TimeDelta;
use std::collections::BTreeSet;
use std::rc::Rc;
use tokio::task::JoinSet;

/// The run cannot go on at all.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error(transparent)]
    Ledger(#[from] StoreError),
    #[error(transparent)]
    Mail(#[from] MailError),
    /// A bug: the decision and the state disagree.
    #[error("internal error: {0}")]
    Illegal(#[from] IllegalTransition),
    /// A bug: an effect panicked.
    #[error("internal error: {0} did not come back")]
    Lost(String),
}

/// How long a lane that is on hold does not look for persons' moves.
const LISTEN: TimeDelta = TimeDelta::seconds(20);

/// Effects in flight, by the name of what they are.
type InFlight = JoinSet<(EffectKey, &'static str, EffectResult)>;

/// Runs one lane until nothing is left that this run may do in it, and gives it back as it ended.
///
/// # Errors
/// The ledger cannot be written, or a bug. The lane's work so far is in git either way.
pub async fn run_lane(
    lane: Lane,
    shells: &Rc<Shells>,
    control: &mut Control,
) -> Result<Lane, DriverError> {
    let mut in_flight = InFlight::new();
    let ran = go_through(lane, shells, control, &mut in_flight).await;
    if ran.is_err() {
        end_in_flight(&mut in_flight, control).await;
    }
    ran
}

/// Lets what is in flight come to its end when nothing more is decided: engines and checks are told to stop, a push
/// that is cut off may leave a lock on the remote. What it came to is read from git and the forge by the next run.
async fn end_in_flight(in_flight: &mut InFlight, control: &mut Control) {
    control.stop_engines();
    loop {
        tokio::select! {
            biased;
            heard = control.next() => if heard == Heard::Again {
                in_flight.shutdown().await;
            },
            done = in_flight.join_next() => if done.is_none() {
                return;
            },
        }
    }
}

async fn go_through(
    lane: Lane,
    shells: &Rc<Shells>,
    control: &mut Control,
    in_flight: &mut InFlight,
) -> Result<Lane, DriverError> {
    // Effects in flight look at the lane as it was when they were decided: it is copied only when one of
    // them still looks while the next result is taken in.
    let mut shared = Rc::new(lane);
    let mut busy: BTreeSet<EffectKey> = BTreeSet::new();
    // Effects whose results the ledger on disk does not have yet.
    let mut unrecorded: Vec<&'static str> = Vec::new();
    let mut looked = Looked::default();
    loop {
        if moves::take_in(shells, &mut shared, &mut looked)? {
            let events = look_again(Rc::make_mut(&mut shared), shells.clock.now())?;
            shells.emit(&shared.ledger.spec, events);
        }
        let due = decide(&shared, &busy, shells.clock.now());
        let lane = Rc::make_mut(&mut shared);
        for effect in &due {
            let events = begin(lane, effect, shells.clock.now())?;
            if matches!(effect, Effect::RunEngine { fixes: 0, .. }) {
                crash::chunk_begun();
            }
            shells.emit(&lane.ledger.spec, events);
        }
        if due.iter().any(Effect::has_intent) {
            for effect in due.iter().filter(|e| e.has_intent()) {
                come_by(shells, effect.name(), Around::BeforeIntent)?;
            }
            // One durable write holds the results since the last one and the intents of what comes now.
            record(shells, lane, &mut unrecorded)?;
        }
        for effect in due {
            let (key, name) = (effect.key(), effect.name());
            busy.insert(key);
            let (shells, view) = (Rc::clone(shells), Rc::clone(&shared));
            in_flight.spawn_local(async move {
                (key, name, perform::perform(&shells, &view, effect).await)
            });
        }
        let wake = next_wake(&shared).map(|t| match shared.hold {
            // Who waits long listens now and then whether a person wants something.
            Some(_) => t.min(shells.clock.now() + LISTEN),
            None => t,
        });
        if busy.is_empty() && (wake.is_none() || shared.halt.is_some()) {
            break;
        }
        // What is waited for may be far: a run that is killed meanwhile is to know what it came to.
        if shared.hold.is_some() && !unrecorded.is_empty() {
            record(shells, Rc::make_mut(&mut shared), &mut unrecorded)?;
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
                let (key, name, result) = done
                    .ok_or_else(|| DriverError::Lost("an effect".to_owned()))?
                    .map_err(|e| DriverError::Lost(e.to_string()))?;
                busy.remove(&key);
                let lane = Rc::make_mut(&mut shared);
                let events = absorb(lane, result, shells.clock.now())?;
                shells.emit(&lane.ledger.spec, events);
                unrecorded.push(name);
                shells.guard_lock();
            }
            () = shells.sleep_until(wake), if busy.is_empty() => {}
        }
    }
    let mut lane = Rc::unwrap_or_clone(shared);
    record(shells, &mut lane, &mut unrecorded)?;
    let (done, total) = lane.progress();
    shells.emit(
        &lane.ledger.spec,
        vec![(None, EventKind::SpecFinished { done, total })] as Vec<LaneEvent>,
    );
    Ok(lane)
}

/// Makes the ledger durable as it is in memory.
fn record(
    shells: &Shells,
    lane: &mut Lane,
    unrecorded: &mut Vec<&'static str>,
) -> Result<(), DriverError> {
    shells.save(&mut lane.ledger)?;
    for name in unrecorded.drain(..) {
        come_by(shells, name, Around::AfterRecord)?;
    }
    Ok(())
}

fn come_by(shells: &Shells, effect: &str, around: Around) -> Result<(), DriverError> {
    crash::effect(effect, around).map_err(|e| {
        let place = shells.root.join(crate::fsx::root::DIR_NAME);
        StoreError::from(crate::fsx::FsError::new("write the ledger in", &place, e)).into()
    })
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
