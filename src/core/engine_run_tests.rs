//! Lanes with chains of engines, limits, waits and budgets: every turn asserted, at its time.

use super::super::absorb::{absorb, begin as begin_effect};
use super::super::budget::Caps;
use super::super::decide::{decide, lane_exit, next_wake};
use super::super::recover::{LaneFacts, Resume, recover};
use super::super::testkit::{at, base, chunk, lane, oid};
use super::*;
use crate::model::effect::{EffectResult, Verified};
use crate::model::{CheckOutcome, CheckResult, Completion, Effect, Evidence};
use std::collections::BTreeSet;

/// A lane of these chunks, ready for its first engine run, with the engines `a` and `b`.
fn ready(chunks: &[&str]) -> Lane {
    let mut lane = lane(chunks.iter().map(|id| chunk(id, &[])).collect());
    lane.policy.engines = vec!["a".to_owned(), "b".to_owned()];
    lane.policy.names_sessions = lane.policy.engines.iter().cloned().collect();
    lane.roster = super::super::roster::Roster::new(&lane.policy.engines);
    lane.policy.remote = None;
    prepare(&mut lane, 0);
    lane
}

fn prepare(lane: &mut Lane, second: i64) {
    assert_eq!(turn(lane, second), [Effect::PrepareLane]);
    let prepared = EffectResult::LanePrepared {
        tip: oid(2),
        base: base(),
        synced: false,
        notes: Vec::new(),
    };
    give(lane, prepared, second);
    if lane.stage == Stage::Baseline {
        turn(lane, second);
        give(lane, EffectResult::BaselineDone(passed()), second);
    }
}

fn passed() -> Evidence {
    Evidence {
        checks: vec![CheckResult {
            name: "test".to_owned(),
            command: "make test".to_owned(),
            dir: String::new(),
            outcome: CheckOutcome::Passed,
            millis: 1,
            output: String::new(),
            ..CheckResult::default()
        }],
        ..Evidence::default()
    }
}

/// What is begun at this second.
fn turn(lane: &mut Lane, second: i64) -> Vec<Effect> {
    let due = decide(lane, &BTreeSet::new(), at(second));
    for effect in &due {
        begin_effect(lane, effect, at(second)).unwrap();
    }
    due
}

fn give(lane: &mut Lane, result: EffectResult, second: i64) -> Vec<&'static str> {
    let events = absorb(lane, result, at(second)).unwrap();
    events.iter().map(|(_, kind)| kind.name()).collect()
}

fn run_engine(id: &str, attempt: u32, engine: &str) -> Vec<Effect> {
    vec![Effect::RunEngine {
        chunk: ChunkId::from(id),
        attempt,
        fixes: 0,
        engine: engine.to_owned(),
    }]
}

fn ends(
    lane: &mut Lane,
    id: &str,
    outcome: EngineOutcome,
    usd: Cost,
    second: i64,
) -> Vec<&'static str> {
    let report = EngineReport {
        outcome,
        usage: Usage {
            input: Some(100),
            cached: None,
            output: Some(10),
        },
        cost: usd,
        session: None,
        model: None,
    };
    let ended = EffectResult::EngineEnded {
        chunk: ChunkId::from(id),
        report: Box::new(report),
        undone: Vec::new(),
    };
    give(lane, ended, second)
}

/// The engine at work fails, and its work is set aside.
fn fails(lane: &mut Lane, id: &str, error: EngineError, second: i64) -> Vec<&'static str> {
    let attempt = lane.record(&ChunkId::from(id)).unwrap().last_attempt();
    let mut events = ends(
        lane,
        id,
        EngineOutcome::Failed(error),
        Cost::Usd(0.5),
        second,
    );
    let aside = Effect::SetAside {
        chunk: ChunkId::from(id),
        attempt,
    };
    assert_eq!(
        work(lane, second),
        [aside],
        "what was cut off is kept, and the lane is clean"
    );
    let saved = EffectResult::SetAside {
        chunk: ChunkId::from(id),
        saved: None,
    };
    events.extend(give(lane, saved, second));
    events
}

fn done() -> EngineOutcome {
    EngineOutcome::Completed(Completion {
        summary: "s".to_owned(),
        confidence: 0.9,
        rationale: "r".to_owned(),
        no_change_needed: None,
    })
}

/// The engine at work builds its chunk for half a dollar, and the work is committed.
fn builds(lane: &mut Lane, id: &str, second: i64) {
    ends(lane, id, done(), Cost::Usd(0.5), second);
    commits(lane, id, second);
}

fn commits(lane: &mut Lane, id: &str, second: i64) {
    let chunk = ChunkId::from(id);
    turn(lane, second);
    let verified = Box::new(Verified {
        evidence: passed(),
        tree: Some(oid(9)),
        files: vec![id.to_owned()],
        lines: 1,
        findings: Vec::new(),
        ..Verified::default()
    });
    let verified = EffectResult::Verified {
        chunk: chunk.clone(),
        verified,
    };
    give(lane, verified, second);
    turn(lane, second);
    let commit = oid(u32::from(id.as_bytes()[0]));
    let sealed = EffectResult::Sealed {
        chunk: chunk.clone(),
        part: 1,
        commit: commit.clone(),
        warning: None,
    };
    give(lane, sealed, second);
    turn(lane, second);
    let landed = EffectResult::Landed {
        chunk,
        part: 1,
        commit,
        lines: 1,
    };
    give(lane, landed, second);
}

/// What is begun beside pull requests.
fn work(lane: &mut Lane, second: i64) -> Vec<Effect> {
    let mut due = turn(lane, second);
    due.retain(|e| !matches!(e, Effect::PutPr { .. }));
    due
}

fn limited(until: Option<i64>) -> EngineError {
    EngineError::RateLimited {
        until: until.map(at),
        message: "slow down".to_owned(),
    }
}

#[test]
fn an_engine_that_is_limited_at_chunk_2_hands_over_at_chunk_2() {
    let mut lane = ready(&["x", "y", "z"]);
    assert_eq!(turn(&mut lane, 0), run_engine("x", 1, "a"));
    builds(&mut lane, "x", 10);
    assert_eq!(work(&mut lane, 10), run_engine("y", 1, "a"));
    let events = fails(&mut lane, "y", limited(Some(600)), 20);
    assert!(events.contains(&"engine_out"), "{events:?}");
    assert_eq!(work(&mut lane, 20), run_engine("y", 2, "b"));
    builds(&mut lane, "y", 30);
    assert_eq!(
        work(&mut lane, 599),
        run_engine("z", 1, "b"),
        "a is limited until 600"
    );
    let by = |id: &str| {
        let attempts = &lane.record(&ChunkId::from(id)).unwrap().attempts;
        attempts
            .iter()
            .map(|a| a.engine.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (by("x"), by("y")),
        (vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned()])
    );
    let limited = &lane.record(&ChunkId::from("y")).unwrap().attempts[0].end;
    assert!(matches!(limited, AttemptEnd::Limited { until: Some(t), .. } if *t == at(600)));
}

#[test]
fn an_engine_is_used_again_after_its_reset() {
    let mut lane = ready(&["x", "y"]);
    turn(&mut lane, 0);
    fails(&mut lane, "x", limited(Some(600)), 10);
    assert_eq!(turn(&mut lane, 10), run_engine("x", 2, "b"));
    builds(&mut lane, "x", 700);
    assert_eq!(work(&mut lane, 700), run_engine("y", 1, "a"));
}

#[test]
fn both_limited_end_the_run_or_are_waited_for() {
    for patient in [false, true] {
        let mut lane = ready(&["x"]);
        lane.policy.patience.until = patient.then(|| at(10_000));
        turn(&mut lane, 0);
        fails(&mut lane, "x", limited(Some(7_200)), 10);
        turn(&mut lane, 10);
        let events = fails(&mut lane, "x", limited(Some(3_600)), 20);
        assert_eq!(work(&mut lane, 20), []);
        if !patient {
            assert_eq!(lane_exit(&lane), ExitCode::NoEngine);
            continue;
        }
        assert_eq!(events.last(), Some(&"waiting"));
        assert_eq!(
            (next_wake(&lane), work(&mut lane, 3_599)),
            (Some(at(3_600)), vec![])
        );
        assert_eq!(
            work(&mut lane, 3_600),
            run_engine("x", 3, "b"),
            "the earliest"
        );
        assert_eq!(next_wake(&lane), None);
        builds(&mut lane, "x", 3_700);
        assert_eq!(lane_exit(&lane), ExitCode::Done);
    }
}

#[test]
fn a_transient_failure_is_tried_again_with_the_same_engine_a_while_later() {
    let error = || EngineError::Transient {
        until: None,
        message: "502".to_owned(),
    };
    let mut lane = ready(&["x"]);
    let mut now = 0;
    for attempt in 1..=6 {
        assert_eq!(turn(&mut lane, now), run_engine("x", attempt, "a"));
        fails(&mut lane, "x", error(), now);
        if let Some(wake) = next_wake(&lane) {
            assert!(wake >= at(now), "{wake}");
            assert!(attempt <= 5, "bounded");
            now = wake.timestamp() + 1 - at(0).timestamp();
        }
    }
    assert_eq!(
        turn(&mut lane, now),
        run_engine("x", 7, "b"),
        "then the next one"
    );
    assert_eq!(
        lane.record(&ChunkId::from("x")).unwrap().counted_attempts(),
        0
    );
}

#[test]
fn a_refused_key_takes_its_engine_out_for_the_run() {
    let auth = || EngineError::Auth {
        message: "401".to_owned(),
    };
    let mut lane = ready(&["x", "y"]);
    turn(&mut lane, 0);
    fails(&mut lane, "x", auth(), 1);
    assert_eq!(turn(&mut lane, 1), run_engine("x", 2, "b"));
    builds(&mut lane, "x", 1 << 30);
    assert_eq!(work(&mut lane, 1 << 30), run_engine("y", 1, "b"));
    fails(&mut lane, "y", auth(), 1 << 30);
    assert_eq!(lane_exit(&lane), ExitCode::NoEngine);
}

#[test]
fn the_budget_of_the_run_ends_it() {
    let mut lane = ready(&["x", "y"]);
    lane.policy.caps.run.usd = Some(1.25);
    let allowed = |lane: &Lane, id: &str| {
        lane.record(&ChunkId::from(id)).unwrap().attempts[0]
            .allowed
            .usd
    };
    turn(&mut lane, 0);
    assert_eq!(allowed(&lane, "x"), Some(1.25));
    builds(&mut lane, "x", 1);
    work(&mut lane, 1);
    assert_eq!(allowed(&lane, "y"), Some(0.75));
    ends(&mut lane, "y", done(), Cost::Usd(0.75), 2);
    commits(&mut lane, "y", 2);
    assert_eq!(lane_exit(&lane), ExitCode::Done, "all was built for it");

    let mut lane = ready(&["x", "y"]);
    lane.policy.caps.run.tokens = Some(110);
    turn(&mut lane, 0);
    builds(&mut lane, "x", 1);
    assert_eq!(
        (work(&mut lane, 1), lane_exit(&lane)),
        (vec![], ExitCode::Budget)
    );
    assert!(lane.halt.unwrap().why.contains("110 of 110 tokens"));
}

#[test]
fn an_engine_that_does_not_say_what_it_cost_used_up_what_it_was_allowed() {
    let mut lane = ready(&["x", "y"]);
    lane.policy.caps.run.usd = Some(100.0);
    turn(&mut lane, 0);
    ends(&mut lane, "x", done(), Cost::Unknown, 1);
    commits(&mut lane, "x", 1);
    assert_eq!(
        (work(&mut lane, 1), lane_exit(&lane)),
        (vec![], ExitCode::Budget)
    );
}

#[test]
fn an_attempt_cut_off_by_the_budget_is_given_back_and_kept() {
    let spent = || EngineError::AllowanceSpent {
        message: "the next request might cost $0.30".to_owned(),
    };
    let mut lane = ready(&["x", "y"]);
    lane.policy.caps.run.usd = Some(0.6);
    turn(&mut lane, 0);
    let events = fails(&mut lane, "x", spent(), 1);
    assert!(events.contains(&"chunk_reset"), "{events:?}");
    assert_eq!(
        (work(&mut lane, 1), lane_exit(&lane)),
        (vec![], ExitCode::Budget)
    );
    let x = lane.record(&ChunkId::from("x")).unwrap();
    assert!(matches!(x.attempts[0].end, AttemptEnd::OverBudget { .. }));
    assert_eq!((x.state.word(), x.counted_attempts()), ("pending", 0));
}

#[test]
fn the_budget_of_a_chunk_leaves_the_others_theirs() {
    let mut lane = ready(&["x", "y"]);
    lane.policy.caps = Caps {
        chunk: Allowance {
            usd: Some(0.5),
            tokens: None,
        },
        ..Caps::default()
    };
    turn(&mut lane, 0);
    fails(&mut lane, "x", limited(Some(600)), 1);
    assert_eq!(
        turn(&mut lane, 1),
        run_engine("y", 1, "b"),
        "x has spent its half dollar"
    );
    builds(&mut lane, "y", 2);
    assert_eq!(
        (work(&mut lane, 2), lane_exit(&lane)),
        (vec![], ExitCode::Budget)
    );
    assert_eq!(
        lane.state(&ChunkId::from("x")).word(),
        "pending",
        "resumable"
    );
    // With more, the next run goes on with it.
    lane.policy.caps.chunk.usd = Some(5.0);
    lane.over_budget.clear();
    assert_eq!(work(&mut lane, 700), run_engine("x", 2, "a"));
}

#[test]
fn what_is_left_for_a_fix_turn_is_asked_before_it() {
    let mut lane = ready(&["x"]);
    lane.policy.caps.run.usd = Some(0.5);
    turn(&mut lane, 0);
    ends(&mut lane, "x", done(), Cost::Usd(0.5), 1);
    turn(&mut lane, 1);
    let mut evidence = passed();
    evidence.checks[0].outcome = CheckOutcome::Failed { exit: 1 };
    let verified = Box::new(Verified {
        evidence,
        tree: Some(oid(9)),
        files: vec!["x".to_owned()],
        lines: 1,
        findings: Vec::new(),
        ..Verified::default()
    });
    let verified = EffectResult::Verified {
        chunk: ChunkId::from("x"),
        verified,
    };
    give(&mut lane, verified, 2);
    let aside = Effect::SetAside {
        chunk: ChunkId::from("x"),
        attempt: 1,
    };
    assert_eq!(
        (turn(&mut lane, 2), lane_exit(&lane)),
        (vec![aside], ExitCode::Budget)
    );
}

/// The lane as the next run finds it after a crash.
fn after_a_crash(lane: Lane, second: i64) -> Lane {
    let facts = LaneFacts {
        tip: lane.tip.clone(),
        base: lane.ledger.base.clone(),
        ..LaneFacts::default()
    };
    let plan = (*lane.plan).clone();
    let mut next = recover(lane.policy, lane.ledger, plan, &facts, Resume::Remembered)
        .unwrap()
        .lane;
    next.policy.run = "next".into();
    next.roster.remember([&next.ledger].into_iter(), at(second));
    prepare(&mut next, second);
    next
}

#[test]
fn a_run_that_died_is_charged_what_it_was_allowed() {
    let mut lane = ready(&["x"]);
    lane.policy.caps.chunk.usd = Some(2.0);
    turn(&mut lane, 0);
    let mut lane = after_a_crash(lane, 0);
    let x = &lane.record(&ChunkId::from("x")).unwrap().attempts[0];
    assert_eq!((x.lost, x.cost, charge(x).usd), (true, Cost::Unknown, 2.0));
    assert_eq!(
        (turn(&mut lane, 0), lane_exit(&lane)),
        (vec![], ExitCode::Budget)
    );
}

#[test]
fn a_conversation_that_was_cut_off_is_gone_on_with_by_its_own_engine() {
    let session = |lane: &Lane, n: usize| {
        let attempts = &lane.record(&ChunkId::from("x")).unwrap().attempts;
        (attempts[n].engine.clone(), attempts[n].session.clone())
    };
    let mut lane = ready(&["x"]);
    turn(&mut lane, 0);
    let (_, first) = session(&lane, 0);
    assert!(first.is_some());
    let mut again = after_a_crash(lane.clone(), 0);
    turn(&mut again, 0);
    assert_eq!(session(&again, 1), ("a".to_owned(), first.clone()));
    // Another engine begins its own, and so does one whose sessions are to be forgotten.
    let mut other = after_a_crash(lane.clone(), 0);
    other.roster.failed(
        "a",
        (1, &limited(Some(600))),
        &other.policy.retry.clone(),
        at(0),
        0.5,
    );
    turn(&mut other, 0);
    let (engine, second) = session(&other, 1);
    assert_eq!(engine, "b");
    assert_ne!(second, first);
    lane.policy.names_sessions.clear();
    let mut forgetful = after_a_crash(lane, 0);
    turn(&mut forgetful, 0);
    assert_eq!(session(&forgetful, 1).1, None);
}

#[test]
fn a_conversation_that_a_person_names_is_for_the_first_engine_once() {
    let mut lane = ready(&["x", "y"]);
    lane.resume = Some("s-1".to_owned());
    turn(&mut lane, 0);
    builds(&mut lane, "x", 1);
    work(&mut lane, 1);
    let session = |id: &str| {
        lane.record(&ChunkId::from(id)).unwrap().attempts[0]
            .session
            .clone()
    };
    assert_eq!(session("x").as_deref(), Some("s-1"));
    assert_ne!(session("y").as_deref(), Some("s-1"));
}

/// A small generator, so that ten thousand sequences are the same ones on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn until(&mut self, now: i64) -> Option<i64> {
        match self.below(4) {
            0 => None,
            1 => Some(now - 5),
            2 => Some(now + i64::try_from(self.below(120)).unwrap()),
            _ => Some(now + i64::try_from(self.below(20_000)).unwrap()),
        }
    }

    fn failure(&mut self, now: i64) -> EngineError {
        let message = String::new();
        let until = self.until(now).map(at);
        match self.below(9) {
            0..=3 => EngineError::RateLimited { until, message },
            4 => EngineError::Overloaded { until, message },
            5 | 6 => EngineError::Transient { until, message },
            7 => EngineError::NoAnswer { seconds: 1 },
            _ => EngineError::NoConnection { seconds: 1 },
        }
    }
}

#[test]
fn over_ten_thousand_runs_no_engine_is_asked_before_its_time() {
    let (mut asked, mut waited, mut restarted) = (0u32, 0u32, 0u32);
    for seed in 0..10_000 {
        let mut dice = Dice(seed);
        let mut lane = ready(&["x"]);
        let patient = dice.below(4) > 0;
        lane.policy.patience.until = patient.then(|| at(100_000));
        let mut now = 0;
        // What each engine last asked for.
        let mut told: std::collections::BTreeMap<String, i64> = Default::default();
        for _ in 0..12 {
            match work(&mut lane, now).first() {
                Some(Effect::RunEngine { engine, .. }) => {
                    asked += 1;
                    if let Some(until) = told.get(engine) {
                        assert!(
                            now >= *until,
                            "{seed}: {engine} was asked at {now}, before {until}"
                        );
                    }
                    let engine = engine.clone();
                    now += i64::try_from(dice.below(30)).unwrap();
                    if dice.below(8) == 0 {
                        break;
                    }
                    let error = dice.failure(now);
                    if let Some(until) = error.until() {
                        told.insert(engine, until.timestamp() - at(0).timestamp());
                    }
                    fails(&mut lane, "x", error, now);
                    // The process dies, and the next one knows what the ledger has.
                    if dice.below(4) == 0 && lane.halt.is_none() {
                        restarted += 1;
                        lane = after_a_crash(lane, now);
                    }
                }
                Some(other) => panic!("{seed}: {other:?}"),
                None => match next_wake(&lane) {
                    Some(wake) if lane.halt.is_none() => {
                        waited += 1;
                        assert!(wake > at(now), "{seed}: a wait that is over already");
                        now = wake.timestamp() - at(0).timestamp()
                            + i64::from(wake.timestamp_subsec_nanos() > 0);
                    }
                    _ => {
                        assert_eq!(lane_exit(&lane), ExitCode::NoEngine, "{seed}");
                        break;
                    }
                },
            }
        }
    }
    assert!(
        asked > 20_000 && waited > 1_000 && restarted > 1_000,
        "{asked} {waited} {restarted}"
    );
}

#[test]
fn a_push_that_ends_while_an_engine_works_asks_nothing_of_its_budget() {
    let mut lane = ready(&["x", "y"]);
    lane.policy.remote = Some("origin".to_owned());
    lane.policy.caps.run.tokens = Some(5_000);
    turn(&mut lane, 0);
    builds(&mut lane, "x", 1);
    let due = turn(&mut lane, 1);
    assert!(due.contains(&run_engine("y", 1, "a")[0]), "{due:?}");
    let tip = lane.tip.clone().unwrap();
    let branch = lane.branch(1);
    give(
        &mut lane,
        EffectResult::Pushed {
            branch,
            tip,
            notes: Vec::new(),
        },
        2,
    );
    assert_eq!(lane.state(&ChunkId::from("y")).word(), "in_progress");
    assert_eq!(lane.halt, None);
}

#[test]
fn what_a_person_reopens_is_built_within_the_budget_too() {
    let mut lane = ready(&["x"]);
    lane.policy.caps.run.usd = Some(0.5);
    turn(&mut lane, 0);
    ends(
        &mut lane,
        "x",
        EngineOutcome::Failed(EngineError::TurnLimit { turns: 9 }),
        Cost::Usd(0.5),
        1,
    );
    work(&mut lane, 1);
    let saved = EffectResult::SetAside {
        chunk: ChunkId::from("x"),
        saved: None,
    };
    give(&mut lane, saved, 1);
    lane.step(&ChunkId::from("x"), ChunkInput::Reopened)
        .unwrap();
    super::super::absorb::look_again(&mut lane, at(2)).unwrap();
    assert_eq!(
        (work(&mut lane, 2), lane_exit(&lane)),
        (vec![], ExitCode::Budget)
    );
    // Whoever begins all the same gets nothing to spend.
    lane.halt = None;
    let effect = &run_engine("x", 2, "a")[0];
    begin_effect(&mut lane, effect, at(3)).unwrap();
    let allowed = lane.record(&ChunkId::from("x")).unwrap().attempts[1].allowed;
    assert_eq!((allowed.usd, allowed.tokens), (Some(0.0), Some(0)));
}

#[test]
fn short_limits_without_end_are_not_waited_for_without_end() {
    let mut lane = ready(&["x"]);
    lane.policy.engines = vec!["a".to_owned()];
    lane.roster = super::super::roster::Roster::new(&lane.policy.engines);
    let (mut now, mut runs) = (0, 0);
    while work(&mut lane, now)
        .iter()
        .any(|e| matches!(e, Effect::RunEngine { .. }))
    {
        runs += 1;
        fails(&mut lane, "x", limited(Some(now + 60)), now);
        now += 60;
    }
    assert_eq!((runs, lane_exit(&lane)), (6, ExitCode::NoEngine));
}
