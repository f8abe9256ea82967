//! Who is asked next, and when nobody is.

use super::*;
use crate::model::{Attempt, ChunkId, ChunkRecord, Cost, SpecId};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn roster(engines: &[&str]) -> Roster {
    Roster::new(&engines.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>())
}

fn message() -> String {
    "x".to_owned()
}

fn limited(until: Option<i64>) -> EngineError {
    EngineError::RateLimited {
        until: until.map(at),
        message: message(),
    }
}

fn fails(roster: &mut Roster, engine: &str, n: u32, error: &EngineError) -> Verdict {
    roster.failed(engine, (n, error), &RetryPolicy::default(), at(0), 1.0)
}

const NOT_PATIENT: Patience = Patience {
    on_the_spot: Duration::from_secs(120),
    until: None,
};

#[test]
fn what_a_failure_of_an_engine_run_means() {
    let out = |until: Option<i64>| Verdict::Out {
        until: until.map(at),
    };
    let transient = |until: Option<i64>| EngineError::Transient {
        until: until.map(at),
        message: message(),
    };
    for (n, error, verdict) in [
        (1, limited(Some(600)), out(Some(600))),
        (1, limited(Some(5)), out(Some(5))),
        (1, limited(None), out(None)),
        (
            1,
            EngineError::Overloaded {
                until: None,
                message: message(),
            },
            out(None),
        ),
        (1, transient(None), Verdict::Again(at(2))),
        (5, transient(None), Verdict::Again(at(32))),
        (6, transient(None), out(None)),
        (1, transient(Some(30)), out(Some(30))),
        (
            1,
            EngineError::NoConnection { seconds: 1 },
            Verdict::Again(at(2)),
        ),
        (6, EngineError::NoAnswer { seconds: 1 }, out(None)),
        (1, EngineError::Auth { message: message() }, out(None)),
        (1, EngineError::Credit { message: message() }, out(None)),
        (1, EngineError::NotStarted { message: message() }, out(None)),
        (1, EngineError::Stalled { seconds: 1 }, Verdict::ChunkFailed),
        (
            1,
            EngineError::TimedOut { seconds: 1 },
            Verdict::ChunkFailed,
        ),
        (1, EngineError::TurnLimit { turns: 1 }, Verdict::ChunkFailed),
        (
            1,
            EngineError::ContextTooLong { message: message() },
            Verdict::ChunkFailed,
        ),
        (
            1,
            EngineError::InvalidRequest { message: message() },
            Verdict::ChunkFailed,
        ),
        (
            1,
            EngineError::Refusal { message: message() },
            Verdict::ChunkFailed,
        ),
        (
            1,
            EngineError::Protocol { message: message() },
            Verdict::ChunkFailed,
        ),
        (
            1,
            EngineError::Budget { message: message() },
            Verdict::ChunkFailed,
        ),
        (
            1,
            EngineError::AllowanceSpent { message: message() },
            Verdict::OverBudget,
        ),
    ] {
        let mut roster = roster(&["a", "b"]);
        assert_eq!(fails(&mut roster, "a", n, &error), verdict, "{error:?}");
        let next = if matches!(verdict, Verdict::Out { .. }) {
            "b"
        } else {
            "a"
        };
        assert_eq!(roster.first(at(0)), Some(next), "{error:?}");
    }
}

#[test]
fn a_limited_engine_comes_back_at_its_time_and_not_before() {
    let mut roster = roster(&["a", "b"]);
    fails(&mut roster, "a", 1, &limited(Some(600)));
    assert_eq!(roster.first(at(599)), Some("b"));
    assert_eq!(roster.first(at(600)), Some("a"));
    // Nobody said when: it grows from a minute on, whatever the dice say.
    for (n, seconds) in [(1, 60), (2, 120), (3, 240), (9, 3600)] {
        let mut roster = Roster {
            seats: vec![Seat {
                engine: "a".to_owned(),
                out: Out::No,
                in_a_row: n - 1,
                told_in_a_row: 0,
            }],
        };
        fails(&mut roster, "a", 1, &limited(None));
        assert_eq!(roster.back_at("a"), Some(at(seconds)), "{n}");
        let (unlucky, policy) = (&mut roster, RetryPolicy::default());
        unlucky.failed("a", (1, &limited(None)), &policy, at(0), 0.0);
        assert_eq!(roster.back_at("a"), Some(at(60)), "{n}");
    }
}

#[test]
fn when_nobody_is_left() {
    let waits = |roster: &Roster, until| {
        let patience = Patience {
            until: Some(at(until)),
            ..NOT_PATIENT
        };
        roster.turn(&patience, at(0))
    };
    let mut both = roster(&["a", "b"]);
    fails(&mut both, "a", 1, &limited(Some(7200)));
    fails(&mut both, "b", 1, &limited(Some(3600)));
    let why = "a: the engine is rate limited until 2027-01-15 10:00:00 UTC; b: the engine is rate limited until 2027-01-15 09:00:00 UTC";
    let Turn::Never {
        exit, why: said, ..
    } = both.turn(&NOT_PATIENT, at(0))
    else {
        panic!("nobody waits an hour without being told to");
    };
    assert_eq!((exit, said.as_str()), (ExitCode::NoEngine, why));
    assert_eq!(
        waits(&both, 3600),
        Turn::At {
            until: at(3600),
            why: why.to_owned()
        },
        "the earliest"
    );
    assert!(
        matches!(waits(&both, 3599), Turn::Never { .. }),
        "within the deadline only"
    );
    // Soon is soon enough, where the engine said so itself.
    let mut soon = roster(&["a"]);
    fails(&mut soon, "a", 1, &limited(Some(120)));
    assert!(matches!(soon.turn(&NOT_PATIENT, at(0)), Turn::At { .. }));
    let mut guess = roster(&["a"]);
    fails(&mut guess, "a", 1, &limited(None));
    assert!(matches!(
        guess.turn(&NOT_PATIENT, at(0)),
        Turn::Never {
            exit: ExitCode::NoEngine,
            ..
        }
    ));
    assert!(matches!(waits(&guess, 3600), Turn::At { .. }));
    // Nothing to wait for.
    for (error, expected) in [
        (EngineError::Auth { message: message() }, ExitCode::NoEngine),
        (
            EngineError::NotStarted { message: message() },
            ExitCode::Setup,
        ),
    ] {
        let mut roster = roster(&["a"]);
        fails(&mut roster, "a", 1, &error);
        let Turn::Never { exit, .. } = waits(&roster, 1 << 30) else {
            panic!("{error:?}");
        };
        assert_eq!(exit, expected, "{error:?}");
    }
}

#[test]
fn what_an_engine_told_an_earlier_run_counts() {
    let attempt = |n, engine: &str, end| Attempt {
        n,
        run: "r".into(),
        engine: engine.to_owned(),
        model: None,
        session: None,
        started: at(-100),
        ended: Some(at(-50)),
        fixes: 0,
        usage: Default::default(),
        cost: Cost::Unknown,
        allowed: Default::default(),
        lost: false,
        end,
    };
    let told = |seconds: Option<i64>| AttemptEnd::Limited {
        why: "limited".to_owned(),
        until: seconds.map(at),
    };
    let mut ledger = Ledger::new(SpecId::from("s"), "s.md", "codelicious/s");
    let mut record = ChunkRecord::new("t", "f");
    record.attempts = vec![
        attempt(1, "a", told(Some(300))),
        attempt(2, "a", told(Some(100))),
        attempt(3, "b", told(Some(-1))),
        attempt(4, "c", told(None)),
        attempt(5, "gone", told(Some(900))),
    ];
    ledger.chunks.insert(ChunkId::from("T1"), record);
    let mut roster = roster(&["a", "b", "c"]);
    roster.remember([&ledger].into_iter(), at(0));
    assert_eq!(roster.back_at("a"), Some(at(300)), "the later of its words");
    assert_eq!((roster.back_at("b"), roster.back_at("c")), (None, None));
    assert_eq!(roster.first(at(0)), Some("b"));
    roster.served("a");
    assert_eq!(roster.first(at(0)), Some("a"));
    // What it did since proves that the limit is over.
    let later = Attempt {
        started: at(-10),
        ..attempt(6, "a", AttemptEnd::Committed)
    };
    let record = ledger.chunks.get_mut(&ChunkId::from("T1")).unwrap();
    record.attempts.push(later);
    let mut again = super::Roster::new(&["a".to_owned()]);
    again.remember([&ledger].into_iter(), at(0));
    assert_eq!(again.first(at(0)), Some("a"));
}

#[test]
fn the_earliest_of_those_that_named_a_time_is_waited_for() {
    let mut both = roster(&["a", "b"]);
    fails(&mut both, "a", 6, &EngineError::NoConnection { seconds: 1 });
    fails(&mut both, "b", 1, &limited(Some(90)));
    assert_eq!(both.back_at("a"), Some(at(60)));
    let Turn::At { until, .. } = both.turn(&NOT_PATIENT, at(0)) else {
        panic!("b alone would be waited for");
    };
    assert_eq!(until, at(90));
}

#[test]
fn jitter_is_a_number_of_the_attempt() {
    assert_eq!(jitter("r", "c", 1), jitter("r", "c", 1));
    let numbers: Vec<f64> = (0..100).map(|n| jitter("r", "c", n)).collect();
    assert!(numbers.iter().all(|n| (0.0..=1.0).contains(n)));
    let mean = numbers.iter().sum::<f64>() / 100.0;
    assert!((0.3..0.7).contains(&mean), "{mean}");
}
