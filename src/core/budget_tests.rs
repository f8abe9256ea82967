//! What is charged, and what is left.

use super::super::testkit::{at, chunk, lane};
use super::*;
use crate::model::{AttemptEnd, Usage};

fn attempt(run: &str, cost: Cost, tokens: Option<u64>, allowed: Allowance) -> Attempt {
    Attempt {
        n: 1,
        run: run.into(),
        engine: "fake".to_owned(),
        model: None,
        session: None,
        started: at(0),
        ended: None,
        fixes: 0,
        usage: Usage {
            input: tokens,
            cached: None,
            output: tokens.map(|_| 0),
        },
        cost,
        allowed,
        lost: false,
        end: AttemptEnd::Interrupted,
    }
}

fn allowance(usd: Option<f64>, tokens: Option<u64>) -> Allowance {
    Allowance { usd, tokens }
}

/// A lane with these caps, and these attempts at its chunk `a`.
fn spent(caps: Caps, attempts: Vec<Attempt>) -> Lane {
    let mut lane = lane(vec![chunk("a", &[])]);
    lane.policy.caps = caps;
    lane.record_mut(&ChunkId::from("a")).attempts = attempts;
    lane
}

#[test]
fn what_is_not_known_is_charged_as_allowed() {
    let none = allowance(None, None);
    let some = allowance(Some(2.0), Some(500));
    let lost = |a: Attempt| Attempt { lost: true, ..a };
    for (attempt, usd, tokens) in [
        (attempt("r", Cost::Usd(0.5), Some(7), none), 0.5, 7),
        (attempt("r", Cost::Usd(0.5), Some(7), some), 0.5, 7),
        (attempt("r", Cost::Unknown, Some(7), some), 2.0, 7),
        (attempt("r", Cost::Usd(0.5), None, some), 0.5, 500),
        (attempt("r", Cost::Unknown, None, none), 0.0, 0),
        (lost(attempt("r", Cost::Usd(0.5), Some(7), some)), 2.0, 500),
    ] {
        assert_eq!(charge(&attempt), Charge { usd, tokens }, "{attempt:?}");
    }
}

#[test]
fn tokens_that_were_told_in_part_are_not_told() {
    let some = allowance(Some(2.0), Some(500));
    let told = |input, output| Usage {
        input,
        cached: None,
        output,
    };
    let part = Attempt {
        usage: told(Some(7), None),
        ..attempt("r", Cost::Unknown, None, some)
    };
    assert_eq!(charge(&part).tokens, 500);
    // A fix turn that told nothing takes what its build turn told with it.
    let start = (Usage::default(), Cost::Usd(0.0));
    let first = both(start, told(Some(7), Some(3)));
    assert_eq!(first, told(Some(7), Some(3)));
    assert_eq!(both((first, Cost::Usd(0.1)), Usage::default()).output, None);
    let silent = both(start, Usage::default());
    assert_eq!(
        both((silent, Cost::Unknown), told(Some(7), Some(3))).output,
        None
    );
    // Nothing was paid for, so nothing was used.
    let refused = attempt("r", Cost::Usd(0.0), None, some);
    assert_eq!(charge(&refused), Charge::default());
}

#[test]
fn the_lesser_of_what_is_left_counts() {
    let caps = Caps {
        run: allowance(Some(10.0), Some(1_000)),
        chunk: allowance(Some(3.0), None),
    };
    let none = allowance(None, None);
    let a = ChunkId::from("a");
    let two = |run| vec![attempt(run, Cost::Usd(2.0), Some(400), none)];
    let rest = |lane: &Lane| left(lane, &a);
    assert_eq!(
        rest(&spent(caps, Vec::new())),
        Ok(allowance(Some(3.0), Some(1_000)))
    );
    // The lane's run is `run`: what another run spent counts for the chunk alone.
    assert_eq!(
        rest(&spent(caps, two("run"))),
        Ok(allowance(Some(1.0), Some(600)))
    );
    assert_eq!(
        rest(&spent(caps, two("other"))),
        Ok(allowance(Some(1.0), Some(1_000)))
    );
    let mut lane = spent(caps, two("run"));
    lane.elsewhere = Charge {
        usd: 7.5,
        tokens: 0,
    };
    assert_eq!(rest(&lane), Ok(allowance(Some(0.5), Some(600))));
    lane.elsewhere.usd = 8.0;
    assert_eq!(
        rest(&lane),
        Err(Reached::Run(
            "the budget of the run is used up: $10.00 of $10.00".to_owned()
        ))
    );
    lane.elsewhere = Charge {
        usd: 0.0,
        tokens: 600,
    };
    assert_eq!(
        rest(&lane),
        Err(Reached::Run(
            "the budget of the run is used up: 1000 of 1000 tokens".to_owned()
        ))
    );
    let over = vec![attempt("other", Cost::Usd(3.25), None, none)];
    assert_eq!(
        rest(&spent(caps, over)),
        Err(Reached::Chunk(
            "the budget of this chunk is used up: $3.25 of $3.00".to_owned()
        ))
    );
}

#[test]
fn whose_cap_ended_a_run() {
    let a = ChunkId::from("a");
    let whose = |caps: Caps| {
        binding(&spent(caps, Vec::new()), &a).map(|r| match r {
            Reached::Run(_) => "run",
            Reached::Chunk(_) => "chunk",
        })
    };
    let caps = |run, chunk| Caps { run, chunk };
    let none = allowance(None, None);
    assert_eq!(whose(caps(none, none)), None);
    assert_eq!(whose(caps(allowance(Some(1.0), None), none)), Some("run"));
    assert_eq!(whose(caps(none, allowance(None, Some(1)))), Some("chunk"));
    assert_eq!(
        whose(caps(allowance(Some(9.0), None), allowance(Some(1.0), None))),
        Some("chunk")
    );
    assert_eq!(
        whose(caps(allowance(None, Some(1)), allowance(Some(1.0), None))),
        Some("run"),
        "either may have been it"
    );
}

#[test]
fn a_fix_turn_gets_what_its_attempt_has_left() {
    let some = allowance(Some(2.0), Some(500));
    let attempt = attempt("run", Cost::Usd(0.5), Some(100), some);
    assert_eq!(for_run(&attempt, true), some);
    assert_eq!(for_run(&attempt, false), allowance(Some(1.5), Some(400)));
}

#[test]
fn planning_counts_against_the_run() {
    let allowed = Allowance {
        usd: Some(3.0),
        tokens: Some(500),
    };
    let spent = |asks, tokens, cost| PlanningSpent {
        asks,
        usage: Usage {
            input: tokens,
            output: tokens,
            ..Usage::default()
        },
        cost,
    };
    for (what, spent, usd, tokens) in [
        ("nobody was asked", PlanningSpent::default(), 0.0, 0),
        ("all is known", spent(1, Some(10), Cost::Usd(0.5)), 0.5, 20),
        (
            "unknown is what was allowed",
            spent(2, None, Cost::Unknown),
            3.0,
            500,
        ),
    ] {
        assert_eq!(
            of_planning(&spent, allowed),
            Charge { usd, tokens },
            "{what}"
        );
    }
    let caps = Caps {
        run: allowed,
        ..Caps::default()
    };
    let charge = |usd, tokens| Charge { usd, tokens };
    assert_eq!(
        left_of_run(&caps, charge(1.0, 100)).unwrap().tokens,
        Some(400)
    );
    left_of_run(&caps, charge(3.0, 0)).unwrap_err();
    left_of_run(&caps, charge(0.0, 500)).unwrap_err();
    assert_eq!(
        left_of_run(&Caps::default(), charge(9.0, 9)),
        Ok(Allowance::default())
    );
}
