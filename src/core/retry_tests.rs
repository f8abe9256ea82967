//! The table of decisions, and what holds for any failure.

use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn limited(until: Option<i64>) -> EngineError {
    EngineError::RateLimited {
        until: until.map(at),
        message: String::new(),
    }
}

#[test]
fn every_kind_of_failure_has_its_decision() {
    use Decision::{Retry, Stop, SwitchEngine, WaitUntil};
    let s = Duration::from_secs;
    let m = String::new;
    let overloaded = |until: Option<i64>| EngineError::Overloaded {
        until: until.map(at),
        message: m(),
    };
    let transient = |until: Option<i64>| EngineError::Transient {
        until: until.map(at),
        message: m(),
    };
    // A policy of 5 tries, pauses up to 2, 4, 8 … 60 s; full jitter of 1 makes them the longest.
    for (attempt, error, decision) in [
        (1, limited(None), Retry(s(2))),
        (2, limited(None), Retry(s(4))),
        (5, limited(None), Retry(s(32))),
        (6, limited(None), SwitchEngine),
        (1, limited(Some(30)), Retry(s(32))),
        (1, limited(Some(120)), Retry(s(122))),
        (1, limited(Some(121)), WaitUntil(at(121))),
        (1, limited(Some(-5)), Retry(s(2))),
        (6, limited(Some(10)), WaitUntil(at(10))),
        (6, limited(Some(-5)), SwitchEngine),
        (1, overloaded(None), Retry(s(2))),
        (1, overloaded(Some(7)), Retry(s(9))),
        (6, overloaded(None), SwitchEngine),
        (1, transient(None), Retry(s(2))),
        (1, transient(Some(3600)), WaitUntil(at(3600))),
        (6, transient(None), SwitchEngine),
        (1, EngineError::NoConnection { seconds: 10 }, Retry(s(2))),
        (1, EngineError::NoAnswer { seconds: 10 }, Retry(s(2))),
        (1, EngineError::Stalled { seconds: 10 }, Retry(s(2))),
        (6, EngineError::Stalled { seconds: 10 }, SwitchEngine),
        (1, EngineError::Auth { message: m() }, SwitchEngine),
        (1, EngineError::Credit { message: m() }, SwitchEngine),
        (
            1,
            EngineError::ContextTooLong { message: m() },
            Stop(StopReason::ContextTooLong),
        ),
        (
            1,
            EngineError::InvalidRequest { message: m() },
            Stop(StopReason::InvalidRequest),
        ),
        (
            1,
            EngineError::Refusal { message: m() },
            Stop(StopReason::Refusal),
        ),
        (
            1,
            EngineError::TimedOut { seconds: 10 },
            Stop(StopReason::TimeIsUp),
        ),
        (
            1,
            EngineError::TurnLimit { turns: 3 },
            Stop(StopReason::TurnLimit),
        ),
        (
            1,
            EngineError::Budget { message: m() },
            Stop(StopReason::Budget),
        ),
        (
            1,
            EngineError::Protocol { message: m() },
            Stop(StopReason::Protocol),
        ),
        (
            1,
            EngineError::NotStarted { message: m() },
            Stop(StopReason::NotStarted),
        ),
    ] {
        let decided = should_retry(attempt, &error, &RetryPolicy::default(), at(0), 1.0);
        assert_eq!(decided, decision, "failure {attempt} in a row: {error:?}");
    }
}

#[test]
fn a_time_beyond_all_reason_is_survived() {
    let error = EngineError::RateLimited {
        until: Some(DateTime::<Utc>::MAX_UTC),
        message: String::new(),
    };
    let decided = should_retry(1, &error, &RetryPolicy::default(), at(0), 0.5);
    assert_eq!(decided, Decision::WaitUntil(DateTime::<Utc>::MAX_UTC));
}

proptest! {
    /// Whatever is decided, nothing is asked before the time that was named, and every wait is bounded.
    #[test]
    fn a_floor_is_never_undercut(
        attempt in 1u32..40,
        until in proptest::option::of(-1_000i64..1_000_000),
        jitter in 0.0f64..=1.0,
        max_retries in 0u32..20,
        max_wait in 0u64..10_000,
    ) {
        let policy = RetryPolicy {
            max_retries,
            max_wait: Duration::from_secs(max_wait),
            ..RetryPolicy::default()
        };
        match should_retry(attempt, &limited(until), &policy, at(0), jitter) {
            Decision::Retry(after) => {
                let floor = until.unwrap_or(0).max(0).unsigned_abs();
                prop_assert!(after >= Duration::from_secs(floor));
                prop_assert!(after <= policy.max_wait + policy.cap);
                prop_assert!(attempt <= max_retries);
            }
            Decision::WaitUntil(t) => prop_assert_eq!(Some(t), until.map(at)),
            Decision::SwitchEngine => prop_assert!(attempt > max_retries),
            Decision::Stop(why) => prop_assert!(false, "{:?}", why),
        }
    }

    #[test]
    fn pauses_grow_to_their_cap(attempt in 1u32..200, jitter in proptest::num::f64::ANY) {
        let (base, cap) = (Duration::from_secs(2), Duration::from_secs(60));
        prop_assert!(pause(attempt, base, cap, jitter) <= cap);
        prop_assert!(pause(attempt, base, cap, 1.0) <= pause(attempt + 1, base, cap, 1.0));
    }
}
