//! The engines of a run, in the order in which they are tried, and which of them are no use for now.

use super::retry::{Decision, RetryPolicy, StopReason, pause, should_retry};
use crate::model::{Attempt, AttemptEnd, EngineError, ExitCode, Ledger};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// The first pause after a limit that named no end, and the longest.
const COOL_OFF: Duration = Duration::from_secs(60);
const MAX_COOL_OFF: Duration = Duration::from_secs(3600);
/// Short limits of one engine in a row that are waited for on the spot.
const MAX_SOON: u32 = 5;

/// How long a run waits for engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A limit that ends within this is waited for in any case.
    pub on_the_spot: Duration,
    /// Longer ones are waited for up to this time; None: they end the run.
    pub until: Option<DateTime<Utc>>,
}

/// The chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    seats: Vec<Seat>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seat {
    engine: String,
    out: Out,
    /// Times in a row that it was out without a word about how long, and with one.
    in_a_row: u32,
    told_in_a_row: u32,
}

/// Whether an engine is out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Out {
    No,
    Until {
        at: DateTime<Utc>,
        why: String,
        /// It said so itself; else it is a guess of ours.
        told: bool,
    },
    ForRun {
        why: String,
        /// It is not there at all, which is a matter of set-up.
        is_absent: bool,
    },
}

/// Whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    Now(String),
    /// Nobody's before this time.
    At {
        until: DateTime<Utc>,
        why: String,
    },
    /// Nobody's in this run.
    Never {
        exit: ExitCode,
        why: String,
        remedy: String,
    },
}

/// What becomes of an engine, and of the chunk that it failed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same engine tries again at this time.
    Again(DateTime<Utc>),
    /// The engine is out; until when it says so itself, where it did.
    Out { until: Option<DateTime<Utc>> },
    /// The chunk failed; the engine is as good as before.
    ChunkFailed,
    /// What the run or the chunk may spend is spent.
    OverBudget,
}

impl Roster {
    /// A chain of engines by their names, all of them usable.
    pub fn new(engines: &[String]) -> Self {
        let seats = engines.iter().map(|engine| Seat {
            engine: engine.clone(),
            out: Out::No,
            in_a_row: 0,
            told_in_a_row: 0,
        });
        Self {
            seats: seats.collect(),
        }
    }

    /// Takes over what earlier runs were told: an engine that named the end of its limit is not asked before it.
    pub fn remember<'a>(&mut self, ledgers: impl Iterator<Item = &'a Ledger>, now: DateTime<Utc>) {
        let attempts = ledgers.flat_map(|l| l.chunks.values().flat_map(|r| &r.attempts));
        let attempts: Vec<&Attempt> = attempts.collect();
        for attempt in &attempts {
            // What it did since proves that the limit is over.
            let is_over = attempts.iter().any(|a| {
                let served = matches!(
                    a.end,
                    AttemptEnd::Committed
                        | AttemptEnd::Failed { .. }
                        | AttemptEnd::Blocked { .. }
                        | AttemptEnd::NeedsReview { .. }
                );
                served && a.engine == attempt.engine && a.started > attempt.started
            });
            if is_over {
                continue;
            }
            if let AttemptEnd::Limited {
                why,
                until: Some(until),
            } = &attempt.end
                && *until > now
                && let Some(seat) = self.seat(&attempt.engine)
                && !matches!(&seat.out, Out::Until { at, .. } if at >= until)
            {
                seat.out = Out::Until {
                    at: *until,
                    why: why.clone(),
                    told: true,
                };
            }
        }
    }

    /// The first engine that may be asked now.
    pub fn first(&self, now: DateTime<Utc>) -> Option<&str> {
        let is_in = |seat: &&Seat| match &seat.out {
            Out::No => true,
            Out::Until { at, .. } => *at <= now,
            Out::ForRun { .. } => false,
        };
        self.seats.iter().find(is_in).map(|s| s.engine.as_str())
    }

    /// Whose turn it is, or when somebody's is.
    pub fn turn(&self, patience: &Patience, now: DateTime<Utc>) -> Turn {
        if let Some(engine) = self.first(now) {
            return Turn::Now(engine.to_owned());
        }
        let why = self.why();
        let back = self.seats.iter().filter_map(|seat| match &seat.out {
            Out::Until { at, told, .. } => Some((*at, *told, seat.told_in_a_row)),
            Out::No | Out::ForRun { .. } => None,
        });
        let Some((until, told, _)) = back.clone().min_by_key(|(at, ..)| *at) else {
            let absent = |seat: &Seat| {
                matches!(
                    seat.out,
                    Out::ForRun {
                        is_absent: true,
                        ..
                    }
                )
            };
            return match self.seats.iter().all(absent) {
                true => Turn::Never {
                    exit: ExitCode::Setup,
                    why,
                    remedy: "see `codelicious doctor`".to_owned(),
                },
                false => Turn::Never {
                    exit: ExitCode::NoEngine,
                    why,
                    remedy: "log the engine in, set its key or top up its account, then run again: the work so far is kept".to_owned(),
                },
            };
        };
        if patience.until.is_some_and(|limit| until <= limit) {
            return Turn::At { until, why };
        }
        // A provider that asks for a short while again and again means a long one.
        let soon = back.filter(|(at, told, times)| {
            *told && *times <= MAX_SOON && *at - now <= delta(patience.on_the_spot)
        });
        if let Some((until, ..)) = soon.min_by_key(|(at, ..)| *at) {
            return Turn::At { until, why };
        }
        let remedy = if told {
            "run again then, or wait with --wait-for-reset; --no-resume asks at once: the work so far is kept"
        } else {
            "run again later, or wait with --wait-for-reset: the work so far is kept"
        };
        Turn::Never {
            exit: ExitCode::NoEngine,
            why,
            remedy: remedy.to_owned(),
        }
    }

    /// What a failure of `engine` means, its `attempt`-th in a row at this chunk, from 1. Takes the engine out
    /// where that is what it means.
    pub fn failed(
        &mut self,
        engine: &str,
        (attempt, error): (u32, &EngineError),
        policy: &RetryPolicy,
        now: DateTime<Utc>,
        jitter: f64,
    ) -> Verdict {
        let decision = should_retry(attempt, error, &for_runs(policy, error), now, jitter);
        match decision {
            Decision::Retry(after) => return Verdict::Again(now + delta(after)),
            Decision::Stop(StopReason::Budget) if is_ours(error) => return Verdict::OverBudget,
            Decision::Stop(StopReason::NotStarted) => {}
            Decision::Stop(
                StopReason::ContextTooLong
                | StopReason::InvalidRequest
                | StopReason::Refusal
                | StopReason::TimeIsUp
                | StopReason::TurnLimit
                | StopReason::Budget
                | StopReason::Protocol,
            ) => return Verdict::ChunkFailed,
            // A silent agent is silent because of what it does, in another engine's hands as well.
            Decision::SwitchEngine if matches!(error, EngineError::Stalled { .. }) => {
                return Verdict::ChunkFailed;
            }
            Decision::SwitchEngine | Decision::WaitUntil(_) => {}
        }
        let why = error.to_string();
        let told = match decision {
            Decision::WaitUntil(until) => Some(until),
            Decision::Retry(_) | Decision::SwitchEngine | Decision::Stop(_) => None,
        };
        if let Some(seat) = self.seat(engine) {
            seat.out = match error {
                EngineError::Auth { .. }
                | EngineError::Credit { .. }
                | EngineError::NotStarted { .. } => Out::ForRun {
                    why,
                    is_absent: matches!(error, EngineError::NotStarted { .. }),
                },
                _ => match told {
                    Some(at) => {
                        seat.told_in_a_row += 1;
                        Out::Until {
                            at,
                            why,
                            told: true,
                        }
                    }
                    None => {
                        seat.in_a_row += 1;
                        // Full jitter, but never at once: it was just asked in vain.
                        let more = pause(seat.in_a_row, COOL_OFF, MAX_COOL_OFF, jitter);
                        Out::Until {
                            at: now + delta(COOL_OFF.max(more)),
                            why,
                            told: false,
                        }
                    }
                },
            };
        }
        Verdict::Out { until: told }
    }

    /// An engine did what it was asked to.
    pub fn served(&mut self, engine: &str) {
        if let Some(seat) = self.seat(engine) {
            (seat.out, seat.in_a_row, seat.told_in_a_row) = (Out::No, 0, 0);
        }
    }

    /// When an engine comes back, where it is out for a time.
    pub fn back_at(&self, engine: &str) -> Option<DateTime<Utc>> {
        let seat = self.seats.iter().find(|s| s.engine == engine)?;
        match &seat.out {
            Out::Until { at, .. } => Some(*at),
            Out::No | Out::ForRun { .. } => None,
        }
    }

    /// True when an engine may be asked now; one that is not in the chain may.
    pub fn may_ask(&self, engine: &str, now: DateTime<Utc>) -> bool {
        let seat = self.seats.iter().find(|s| s.engine == engine);
        seat.is_none_or(|seat| match &seat.out {
            Out::No => true,
            Out::Until { at, .. } => *at <= now,
            Out::ForRun { .. } => false,
        })
    }

    fn seat(&mut self, engine: &str) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|s| s.engine == engine)
    }

    /// Why nobody is left, engine by engine.
    fn why(&self) -> String {
        let alone = self.seats.len() == 1;
        let said = self.seats.iter().filter_map(|seat| match &seat.out {
            Out::No => None,
            Out::Until { why, .. } | Out::ForRun { why, .. } if alone => Some(why.clone()),
            Out::Until { why, .. } | Out::ForRun { why, .. } => {
                Some(format!("{}: {why}", seat.engine))
            }
        });
        said.collect::<Vec<_>>().join("; ")
    }
}

/// A run of an engine is not a request: what a provider limits it has waited for itself, or it would have no end.
fn for_runs(policy: &RetryPolicy, error: &EngineError) -> RetryPolicy {
    let is_limit = matches!(
        error,
        EngineError::RateLimited { .. }
            | EngineError::Overloaded { .. }
            | EngineError::Stalled { .. }
    );
    RetryPolicy {
        max_retries: if is_limit { 0 } else { policy.max_retries },
        max_wait: Duration::ZERO,
        ..policy.clone()
    }
}

fn is_ours(error: &EngineError) -> bool {
    matches!(error, EngineError::AllowanceSpent { .. })
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// A number from 0 to 1 that looks random and is the same for the same attempt of the same run, so that two runs
/// beside each other do not come back at the same moment.
pub fn jitter(run: &str, chunk: &str, attempt: u32) -> f64 {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(format!("{run}/{chunk}/{attempt}"));
    let head = hash
        .iter()
        .take(4)
        .fold(0u32, |n, b| (n << 8) | u32::from(*b));
    f64::from(head) / f64::from(u32::MAX)
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
