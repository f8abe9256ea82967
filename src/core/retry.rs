//! Whether a failed request or engine run is tried again, and when. By our own loop for one request to a
//! provider, by the lane for one run of an engine, and by the forges for one request.

use crate::model::EngineError;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// Bounds on trying again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries after the first one.
    pub max_retries: u32,
    /// The first pause is at most this long; each further one at most twice the one before.
    pub base: Duration,
    /// No pause of our own choice is longer.
    pub cap: Duration,
    /// What a provider asks for beyond this is not waited for on the spot.
    pub max_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 5,
            base: Duration::from_secs(2),
            cap: Duration::from_secs(60),
            max_wait: Duration::from_secs(120),
        }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try the same engine again after this long.
    Retry(Duration),
    /// This engine is no use now; another one may be.
    SwitchEngine,
    /// The same, until this time.
    WaitUntil(DateTime<Utc>),
    /// Trying again would not help.
    Stop(StopReason),
}

/// Why trying again would not help: the closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    ContextTooLong,
    InvalidRequest,
    Refusal,
    /// The whole time of the engine run is over.
    TimeIsUp,
    TurnLimit,
    Budget,
    /// What came back was not understood; unknown failures stop.
    Protocol,
    /// The engine is not there or does not start.
    NotStarted,
}

/// Decides about the `attempt`-th failure in a row, from 1. `jitter` is a random number from 0 to 1.
///
/// Pauses grow exponentially with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"). What a
/// provider asks for is a floor that is never undercut: jitter only adds to it.
pub fn should_retry(
    attempt: u32,
    error: &EngineError,
    policy: &RetryPolicy,
    now: DateTime<Utc>,
    jitter: f64,
) -> Decision {
    match error {
        EngineError::RateLimited { until, .. }
        | EngineError::Overloaded { until, .. }
        | EngineError::Transient { until, .. } => again(attempt, *until, policy, now, jitter),
        EngineError::NoConnection { .. }
        | EngineError::NoAnswer { .. }
        | EngineError::Stalled { .. } => again(attempt, None, policy, now, jitter),
        EngineError::Auth { .. } | EngineError::Credit { .. } => Decision::SwitchEngine,
        EngineError::ContextTooLong { .. } => Decision::Stop(StopReason::ContextTooLong),
        EngineError::InvalidRequest { .. } => Decision::Stop(StopReason::InvalidRequest),
        EngineError::Refusal { .. } => Decision::Stop(StopReason::Refusal),
        EngineError::TimedOut { .. } => Decision::Stop(StopReason::TimeIsUp),
        EngineError::TurnLimit { .. } => Decision::Stop(StopReason::TurnLimit),
        EngineError::Budget { .. } | EngineError::AllowanceSpent { .. } => {
            Decision::Stop(StopReason::Budget)
        }
        EngineError::Protocol { .. } => Decision::Stop(StopReason::Protocol),
        EngineError::NotStarted { .. } => Decision::Stop(StopReason::NotStarted),
    }
}

/// Decides about the `attempt`-th failure in a row, from 1, of what may succeed later, and that asked for nothing
/// before `until`.
pub fn again(
    attempt: u32,
    until: Option<DateTime<Utc>>,
    policy: &RetryPolicy,
    now: DateTime<Utc>,
    jitter: f64,
) -> Decision {
    let floor = until.map_or(TimeDelta::zero(), |t| (t - now).max(TimeDelta::zero()));
    let floor = floor.to_std().unwrap_or_default();
    let is_over = attempt > policy.max_retries;
    match until {
        Some(until) if floor > policy.max_wait || (is_over && until > now) => {
            Decision::WaitUntil(until)
        }
        _ if is_over => Decision::SwitchEngine,
        _ => Decision::Retry(floor + pause(attempt, policy.base, policy.cap, jitter)),
    }
}

/// The `attempt`-th pause of our own choice, from 1: anything from nothing to `base`, doubled each time up to `cap`.
pub fn pause(attempt: u32, base: Duration, cap: Duration, jitter: f64) -> Duration {
    let doubled = base.saturating_mul(1 << attempt.saturating_sub(1).min(20));
    let jitter = if jitter.is_finite() {
        jitter.clamp(0.0, 1.0)
    } else {
        1.0
    };
    doubled.min(cap).mul_f64(jitter)
}

/// A number from 0 to 1, both included.
#[allow(
    clippy::cast_precision_loss,
    reason = "so many bits are exact in a float"
)]
pub fn fraction(bytes: [u8; 16]) -> f64 {
    let [a, b, c, d, e, f, ..] = bytes;
    let bits = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    bits as f64 / ((1u64 << 48) - 1) as f64
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
