//! Whole lives of lanes, with a world that answers effects as told: no IO, every turn asserted.

use super::super::absorb::{absorb, begin};
use super::super::lane::Stage;
use super::super::moves::{Carrier, carry_out};
use super::super::testkit::{at, base, chunk, lane, oid};
use super::*;
use crate::core::first::First;
use crate::model::EventKind;
use crate::model::effect::RedTests;
use crate::model::effect::{EffectResult, PushFailure, PushFailureKind, Verified};
use crate::model::ledger::Suite;
use crate::model::{
    BlockRequest, CheckOutcome, CheckResult, ChunkId, Completion, Cost, EngineError, EngineOutcome,
    EngineReport, Evidence, Finding, FindingSeverity, Move, MoveKind, Oid, Proof, Seen, SkippedBy,
    Usage,
};

#[path = "proving_tests.rs"]
mod proving;

fn check(outcome: CheckOutcome) -> Evidence {
    Evidence {
        checks: vec![CheckResult {
            name: "test".to_owned(),
            command: "make test".to_owned(),
            dir: String::new(),
            outcome,
            millis: 1,
            output: String::new(),
            ..CheckResult::default()
        }],
        ..Evidence::default()
    }
}

fn completion(confidence: f64, no_change_needed: Option<&str>) -> EngineOutcome {
    EngineOutcome::Completed(Completion {
        summary: "did it".to_owned(),
        confidence,
        rationale: "because".to_owned(),
        no_change_needed: no_change_needed.map(str::to_owned),
    })
}

fn report(outcome: EngineOutcome) -> Box<EngineReport> {
    Box::new(EngineReport {
        outcome,
        usage: Usage::default(),
        cost: Cost::Unknown,
        session: None,
        model: None,
    })
}

fn work(files: &[&str], lines: u32, evidence: Evidence) -> Box<Verified> {
    Box::new(Verified {
        evidence,
        tree: Some(oid(9)),
        files: files.iter().map(|f| (*f).to_owned()).collect(),
        lines,
        findings: Vec::new(),
        ..Verified::default()
    })
}

/// The effects due now, begun, as short words.
fn turn(lane: &mut Lane, busy: &[EffectKey]) -> Vec<Effect> {
    let due = decide(lane, &busy.iter().copied().collect(), at(0));
    for effect in &due {
        begin(lane, effect, at(0)).unwrap();
    }
    due
}

fn give(lane: &mut Lane, result: EffectResult) {
    absorb(lane, result, at(0)).unwrap();
}

fn prepared(lane: &mut Lane) {
    assert_eq!(turn(lane, &[]), [Effect::PrepareLane]);
    give(
        lane,
        EffectResult::LanePrepared {
            tip: oid(2),
            base: base(),
            synced: true,
            notes: Vec::new(),
        },
    );
    assert_eq!(turn(lane, &[]), [Effect::Baseline]);
    give(
        lane,
        EffectResult::BaselineDone(check(CheckOutcome::Passed)),
    );
}

fn run_engine(id: &str, attempt: u32, fixes: u32) -> Effect {
    Effect::RunEngine {
        chunk: ChunkId::from(id),
        attempt,
        fixes,
        engine: "fake".to_owned(),
    }
}

/// Takes a chunk from its engine run to its landing; other effects are left alone.
fn build(lane: &mut Lane, id: &str, lines: u32, commit: Oid) -> u32 {
    let chunk = ChunkId::from(id);
    give(
        lane,
        EffectResult::EngineEnded {
            chunk: chunk.clone(),
            report: report(completion(0.9, None)),
            undone: Vec::new(),
        },
    );
    turn(lane, &[EffectKey::Push, EffectKey::Pr]);
    give(
        lane,
        EffectResult::Verified {
            chunk: chunk.clone(),
            verified: work(&["a"], lines, check(CheckOutcome::Passed)),
        },
    );
    let due = turn(lane, &[EffectKey::Push, EffectKey::Pr]);
    let [Effect::Seal { part, .. }] = due[..] else {
        panic!("{due:?}")
    };
    give(
        lane,
        EffectResult::Sealed {
            chunk: chunk.clone(),
            part,
            commit: commit.clone(),
            warning: None,
        },
    );
    let due = turn(lane, &[EffectKey::Push, EffectKey::Pr]);
    assert!(
        matches!(&due[..], [Effect::Land { new, .. }] if *new == commit),
        "{due:?}"
    );
    give(
        lane,
        EffectResult::Landed {
            chunk,
            part,
            commit,
            lines,
        },
    );
    part
}

#[test]
fn a_chunk_from_plan_to_review() {
    let mut lane = lane(vec![chunk("a", &[])]);
    prepared(&mut lane);
    assert_eq!(turn(&mut lane, &[]), [run_engine("a", 1, 0)]);
    assert!(
        turn(&mut lane, &[EffectKey::Worktree]).is_empty(),
        "one engine at a time"
    );
    build(&mut lane, "a", 10, oid(3));
    let push = Effect::Push {
        branch: "codelicious/spec".to_owned(),
        tip: oid(3),
        replaces: None,
    };
    assert_eq!(
        turn(&mut lane, &[]),
        [push],
        "no pull request before its branch is there"
    );
    give(
        &mut lane,
        EffectResult::Pushed {
            branch: "codelicious/spec".to_owned(),
            tip: oid(3),
            notes: Vec::new(),
        },
    );
    assert_eq!(
        turn(&mut lane, &[]),
        [Effect::PutPr {
            part: 1,
            ready: true
        }]
    );
    let key = pr_key(&lane, 1);
    let pr = PrRecord {
        number: Some(1),
        state: PrState::Ready,
        content: Some(key),
        suite: None,
        ..lane.ledger.prs[0].clone()
    };
    give(
        &mut lane,
        EffectResult::PrPut {
            part: 1,
            pr: Box::new(pr),
            notes: Vec::new(),
        },
    );
    assert!(turn(&mut lane, &[]).is_empty());
    assert_eq!(lane_exit(&lane), ExitCode::Done);
    assert!(lane.ledger.intents.is_empty());
}

#[test]
fn the_next_chunk_does_not_wait_for_a_push() {
    let mut lane = lane(vec![chunk("a", &[]), chunk("b", &["a"])]);
    prepared(&mut lane);
    turn(&mut lane, &[]);
    build(&mut lane, "a", 1, oid(3));
    let due = turn(&mut lane, &[]);
    assert_eq!(due[0], run_engine("b", 1, 0));
    assert!(matches!(due[1], Effect::Push { .. }));
}

#[test]
fn what_an_ending_leads_to() {
    let passed = || check(CheckOutcome::Passed);
    let none = || Evidence {
        unverified: true,
        ..Evidence::default()
    };
    let undeclared = || EngineOutcome::Undeclared {
        last_words: "ok".to_owned(),
    };
    let secret = || {
        Box::new(Verified {
            findings: vec!["a.txt:1: a key".to_owned()],
            ..*work(&["a.txt"], 1, passed())
        })
    };
    let table: Vec<(&str, EngineOutcome, Box<Verified>, &str)> = vec![
        (
            "work and green",
            completion(0.9, None),
            work(&["a"], 1, passed()),
            "verifying",
        ),
        (
            "work, no checks at all",
            completion(0.9, None),
            work(&["a"], 1, none()),
            "verifying",
        ),
        (
            "work and red",
            completion(0.9, None),
            work(&["a"], 1, check(CheckOutcome::Failed { exit: 1 })),
            "fixing",
        ),
        (
            "work and a check that hangs",
            completion(0.9, None),
            work(&["a"], 1, check(CheckOutcome::TimedOut { seconds: 1 })),
            "fixing",
        ),
        (
            "red as before",
            completion(0.9, None),
            work(&["a"], 1, check(CheckOutcome::FailedBefore { exit: 1 })),
            "verifying",
        ),
        (
            "nothing and no reason",
            completion(0.9, None),
            work(&[], 0, passed()),
            "needs_review",
        ),
        (
            "nothing, with a reason, green",
            completion(0.9, Some("is there")),
            work(&[], 0, passed()),
            "verifying",
        ),
        (
            "nothing, with a reason, red",
            completion(0.9, Some("is there")),
            work(&[], 0, check(CheckOutcome::Failed { exit: 1 })),
            "fixing",
        ),
        (
            "nothing, with a reason, no checks",
            completion(0.9, Some("is there")),
            work(&[], 0, none()),
            "needs_review",
        ),
        (
            "undeclared and green",
            undeclared(),
            work(&["a"], 1, passed()),
            "verifying",
        ),
        (
            "undeclared, no checks",
            undeclared(),
            work(&["a"], 1, none()),
            "needs_review",
        ),
        (
            "undeclared and nothing",
            undeclared(),
            work(&[], 0, passed()),
            "needs_review",
        ),
        (
            "not confident",
            completion(0.1, None),
            work(&["a"], 1, passed()),
            "needs_review",
        ),
        (
            "a secret in the diff",
            completion(0.9, None),
            secret(),
            "needs_review",
        ),
    ];
    for (what, outcome, verified, state) in table {
        let mut lane = lane(vec![chunk("a", &[])]);
        prepared(&mut lane);
        turn(&mut lane, &[]);
        let id = ChunkId::from("a");
        give(
            &mut lane,
            EffectResult::EngineEnded {
                chunk: id.clone(),
                report: report(outcome),
                undone: Vec::new(),
            },
        );
        turn(&mut lane, &[]);
        give(
            &mut lane,
            EffectResult::Verified {
                chunk: id.clone(),
                verified,
            },
        );
        assert_eq!(lane.state(&id).word(), state, "{what}");
        let sealed = matches!(lane.stage, Stage::Seal { .. });
        assert_eq!(
            sealed,
            state == "verifying",
            "{what}: only what is judged good is sealed"
        );
    }
}

/// An engine turn whose work fails a check: a tree, and what fails in it.
fn refuse(lane: &mut Lane, id: &ChunkId, tree: Oid, signature: &str) {
    give(
        lane,
        EffectResult::EngineEnded {
            chunk: id.clone(),
            report: report(completion(0.9, None)),
            undone: Vec::new(),
        },
    );
    turn(lane, &[]);
    let red = Verified {
        tree: Some(tree),
        signature: signature.to_owned(),
        ..*work(&["a"], 1, check(CheckOutcome::Failed { exit: 1 }))
    };
    give(
        lane,
        EffectResult::Verified {
            chunk: id.clone(),
            verified: Box::new(red),
        },
    );
}

/// Two turns that fail alike cost as much as three that do not, and work that was refused is not tried again.
#[test]
fn a_fix_that_helps_nothing_costs_double_and_one_that_goes_back_ends_it() {
    let id = ChunkId::from("a");
    for (turns, why) in [
        (
            &[(21, "x"), (22, "x")][..],
            "checks fail: test, after 1 fix turn, the last of which changed nothing about it",
        ),
        (
            &[(21, "x"), (21, "y")],
            "checks fail: test, after 1 fix turn, the last of which brought back work that was refused before",
        ),
        (
            &[(21, "x"), (22, "y"), (21, "z")],
            "checks fail: test, after 2 fix turns, the last of which brought back work that was refused before",
        ),
    ] {
        let mut lane = lane(vec![chunk("a", &[])]);
        prepared(&mut lane);
        for (fixes, (tree, signature)) in turns.iter().enumerate() {
            let fixes = u32::try_from(fixes).unwrap();
            assert_eq!(turn(&mut lane, &[]), [run_engine("a", 1, fixes)]);
            refuse(&mut lane, &id, oid(*tree), signature);
        }
        assert_eq!(
            *lane.state(&id),
            ChunkState::Failed {
                why: why.to_owned()
            }
        );
    }
}

#[test]
fn the_fix_budget_is_spent_and_the_rest_goes_on() {
    let mut lane = lane(vec![chunk("a", &[]), chunk("b", &["a"]), chunk("c", &[])]);
    prepared(&mut lane);
    let id = ChunkId::from("a");
    assert_eq!(turn(&mut lane, &[]), [run_engine("a", 1, 0)]);
    for fixes in 1..=2 {
        refuse(&mut lane, &id, oid(20 + fixes), &format!("failure {fixes}"));
        assert_eq!(turn(&mut lane, &[]), [run_engine("a", 1, fixes)]);
    }
    refuse(&mut lane, &id, oid(23), "failure 3");
    assert_eq!(
        *lane.state(&id),
        ChunkState::Failed {
            why: "checks fail: test, after 2 fix turns".to_owned()
        }
    );
    assert_eq!(
        turn(&mut lane, &[]),
        [Effect::SetAside {
            chunk: id.clone(),
            attempt: 1
        }]
    );
    give(
        &mut lane,
        EffectResult::SetAside {
            chunk: id.clone(),
            saved: None,
        },
    );
    assert_eq!(
        turn(&mut lane, &[]),
        [run_engine("c", 1, 0)],
        "b depends on a, c does not"
    );
    build(&mut lane, "c", 1, oid(3));
    assert_eq!(
        *lane.state(&ChunkId::from("b")),
        ChunkState::Skipped {
            because: "a is failed".to_owned(),
            by: SkippedBy::Dependency,
        }
    );
    assert_eq!(lane_exit(&lane), ExitCode::Incomplete);
}

#[test]
fn how_engine_failures_end_a_chunk_or_the_run() {
    let text = || "x".to_owned();
    let table = [
        (
            EngineError::RateLimited {
                until: None,
                message: text(),
            },
            "pending",
            Some(ExitCode::NoEngine),
        ),
        (
            EngineError::Overloaded {
                until: None,
                message: text(),
            },
            "pending",
            Some(ExitCode::NoEngine),
        ),
        (
            EngineError::Credit { message: text() },
            "pending",
            Some(ExitCode::NoEngine),
        ),
        (
            EngineError::Auth { message: text() },
            "pending",
            Some(ExitCode::NoEngine),
        ),
        (
            EngineError::NotStarted { message: text() },
            "pending",
            Some(ExitCode::Setup),
        ),
        (
            EngineError::ContextTooLong { message: text() },
            "failed",
            None,
        ),
        (
            EngineError::InvalidRequest { message: text() },
            "failed",
            None,
        ),
        (EngineError::Refusal { message: text() }, "failed", None),
        (EngineError::TimedOut { seconds: 1 }, "failed", None),
        (EngineError::Stalled { seconds: 1 }, "failed", None),
        (EngineError::TurnLimit { turns: 1 }, "failed", None),
        (EngineError::Budget { message: text() }, "failed", None),
        (
            EngineError::Transient {
                until: None,
                message: text(),
            },
            "pending",
            None,
        ),
        (EngineError::NoConnection { seconds: 1 }, "pending", None),
        (EngineError::NoAnswer { seconds: 1 }, "pending", None),
        (
            EngineError::AllowanceSpent { message: text() },
            "pending",
            Some(ExitCode::Budget),
        ),
        (EngineError::Protocol { message: text() }, "failed", None),
    ];
    for fixing in [false, true] {
        for (error, state, halt) in &table {
            let mut lane = lane(vec![chunk("a", &[])]);
            prepared(&mut lane);
            turn(&mut lane, &[]);
            let id = ChunkId::from("a");
            if fixing {
                give(
                    &mut lane,
                    EffectResult::EngineEnded {
                        chunk: id.clone(),
                        report: report(completion(0.9, None)),
                        undone: Vec::new(),
                    },
                );
                turn(&mut lane, &[]);
                let red = work(&["a"], 1, check(CheckOutcome::Failed { exit: 1 }));
                give(
                    &mut lane,
                    EffectResult::Verified {
                        chunk: id.clone(),
                        verified: red,
                    },
                );
                turn(&mut lane, &[]);
            }
            let outcome = EngineOutcome::Failed(error.clone());
            give(
                &mut lane,
                EffectResult::EngineEnded {
                    chunk: id.clone(),
                    report: report(outcome),
                    undone: Vec::new(),
                },
            );
            assert_eq!(lane.state(&id).word(), *state, "{error}");
            let counted = lane.record(&id).unwrap().counted_attempts();
            assert_eq!(
                counted,
                u32::from(*state == "failed"),
                "a limit does not use up the attempts: {error}"
            );
            assert_eq!(
                turn(&mut lane, &[]),
                [Effect::SetAside {
                    chunk: id.clone(),
                    attempt: 1
                }],
                "the work is kept: {error}"
            );
            give(
                &mut lane,
                EffectResult::SetAside {
                    chunk: id,
                    saved: None,
                },
            );
            assert_eq!(lane.halt.as_ref().map(|h| h.exit), *halt, "{error}");
            let is_tried_again = lane.hold.is_some();
            assert_eq!(
                is_tried_again,
                *state == "pending" && halt.is_none(),
                "{error}"
            );
        }
    }
}

#[test]
fn a_question_blocks_its_chunk_only() {
    let mut lane = lane(vec![chunk("a", &[]), chunk("b", &[])]);
    prepared(&mut lane);
    turn(&mut lane, &[]);
    let asks = EngineOutcome::Blocked(BlockRequest {
        reason: "no key".to_owned(),
        needs: "which?".to_owned(),
    });
    let id = ChunkId::from("a");
    give(
        &mut lane,
        EffectResult::EngineEnded {
            chunk: id.clone(),
            report: report(asks),
            undone: Vec::new(),
        },
    );
    turn(&mut lane, &[]);
    give(
        &mut lane,
        EffectResult::SetAside {
            chunk: id,
            saved: None,
        },
    );
    assert_eq!(turn(&mut lane, &[]), [run_engine("b", 1, 0)]);
    build(&mut lane, "b", 1, oid(3));
    give(
        &mut lane,
        EffectResult::Pushed {
            branch: "codelicious/spec".to_owned(),
            tip: oid(3),
            notes: Vec::new(),
        },
    );
    assert!(is_ready(&lane, 1), "only a person can move the rest");
    assert_eq!(lane_exit(&lane), ExitCode::WaitsForPerson);
}

#[test]
fn caps_start_the_next_part_but_never_an_empty_one() {
    let chunks: Vec<_> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|id| chunk(id, &[]))
        .collect();
    let mut lane = lane(chunks);
    lane.policy.max_commits = 2;
    lane.policy.max_lines = 100;
    prepared(&mut lane);
    let mut parts = Vec::new();
    for (i, (id, lines)) in [("a", 900), ("b", 10), ("c", 80), ("d", 20), ("e", 1)]
        .into_iter()
        .enumerate()
    {
        turn(&mut lane, &[EffectKey::Push, EffectKey::Pr]);
        parts.push(build(
            &mut lane,
            id,
            lines,
            oid(10 + u32::try_from(i).unwrap()),
        ));
    }
    // a alone is over the cap of lines and gets a part of its own; b and c hold 90 lines and 2 commits.
    assert_eq!(parts, [1, 2, 2, 3, 3]);
    assert_eq!(pr_base(&lane, 1), "main");
    assert_eq!(pr_base(&lane, 3), "codelicious/spec-part-2");
    assert!(
        is_ready(&lane, 1) && is_ready(&lane, 2),
        "a finished part goes to review"
    );
}

#[test]
fn pushes_are_tried_again_when_that_can_help() {
    for kind in PushFailureKind::ALL {
        let tries = match kind {
            PushFailureKind::Transient => 3,
            PushFailureKind::Auth
            | PushFailureKind::Untrusted
            | PushFailureKind::NotFound
            | PushFailureKind::Conflict
            | PushFailureKind::Protected
            | PushFailureKind::HookDeclined
            | PushFailureKind::TooLarge
            | PushFailureKind::Lfs
            | PushFailureKind::Other => 1,
        };
        let mut lane = lane(vec![chunk("a", &[])]);
        prepared(&mut lane);
        turn(&mut lane, &[]);
        build(&mut lane, "a", 1, oid(3));
        let mut now = at(0);
        let mut sent = 0;
        loop {
            let due = decide(&lane, &BTreeSet::new(), now);
            let Some(Effect::Push { branch, tip, .. }) = due.first().cloned() else {
                break;
            };
            sent += 1;
            let failure = PushFailure {
                kind,
                message: "no".to_owned(),
            };
            let failed = EffectResult::PushFailed {
                branch,
                tip,
                failure,
            };
            let events = absorb(&mut lane, failed, now).unwrap();
            // What to do is said when it is given up, not while it is tried.
            let told = events.iter().find_map(|(_, e)| match e {
                EventKind::PushFailed {
                    failure, remedy, ..
                } => Some((*failure, remedy.as_str())),
                _ => None,
            });
            let remedy = if sent == tries { kind.remedy() } else { "" };
            assert_eq!(told, Some((Some(kind), remedy)));
            assert!(
                decide(&lane, &BTreeSet::new(), now).is_empty(),
                "never at once"
            );
            now = next_wake(&lane).unwrap_or(now);
        }
        assert_eq!(sent, tries, "{kind:?}");
        assert!(undelivered(&lane));
        assert_eq!(lane_exit(&lane), ExitCode::Incomplete);
    }
}

#[test]
fn a_missing_check_stops_before_an_engine_is_paid_unless_allowed() {
    for allowed in [false, true] {
        let mut lane = lane(vec![chunk("a", &[])]);
        lane.policy.allow_unverified = allowed;
        turn(&mut lane, &[]);
        give(
            &mut lane,
            EffectResult::LanePrepared {
                tip: oid(2),
                base: base(),
                synced: false,
                notes: Vec::new(),
            },
        );
        turn(&mut lane, &[]);
        give(
            &mut lane,
            EffectResult::BaselineDone(check(CheckOutcome::NotAvailable {
                why: "no make".to_owned(),
            })),
        );
        let due = turn(&mut lane, &[]);
        assert_eq!(due.len(), usize::from(allowed), "{due:?}");
        assert_eq!(
            lane_exit(&lane),
            if allowed {
                ExitCode::Incomplete
            } else {
                ExitCode::Setup
            }
        );
    }
}

#[test]
fn a_halt_takes_no_new_work_and_a_landing_is_carried_to_its_end() {
    let mut lane = lane(vec![chunk("a", &[]), chunk("b", &[])]);
    prepared(&mut lane);
    turn(&mut lane, &[]);
    let id = ChunkId::from("a");
    give(
        &mut lane,
        EffectResult::EngineEnded {
            chunk: id.clone(),
            report: report(completion(0.9, None)),
            undone: Vec::new(),
        },
    );
    turn(&mut lane, &[]);
    give(
        &mut lane,
        EffectResult::Verified {
            chunk: id.clone(),
            verified: work(&["a"], 1, check(CheckOutcome::Passed)),
        },
    );
    turn(&mut lane, &[]);
    give(
        &mut lane,
        EffectResult::Sealed {
            chunk: id.clone(),
            part: 1,
            commit: oid(3),
            warning: None,
        },
    );
    lane.halt = Some(super::super::lane::Halt {
        exit: ExitCode::Deadline,
        why: String::new(),
        remedy: String::new(),
    });
    assert!(matches!(turn(&mut lane, &[])[..], [Effect::Land { .. }]));
    give(
        &mut lane,
        EffectResult::Landed {
            chunk: id,
            part: 1,
            commit: oid(3),
            lines: 1,
        },
    );
    assert!(
        matches!(turn(&mut lane, &[])[..], [Effect::Push { .. }]),
        "a deadline lets finished work out"
    );
    lane.halt = Some(super::super::lane::Halt {
        exit: ExitCode::Terminated,
        why: String::new(),
        remedy: String::new(),
    });
    assert!(turn(&mut lane, &[]).is_empty(), "a signal does not");
    assert_eq!(lane_exit(&lane), ExitCode::Terminated);
}

#[test]
fn a_hook_that_always_changes_the_work_is_given_up() {
    let mut lane = lane(vec![chunk("a", &[])]);
    prepared(&mut lane);
    turn(&mut lane, &[]);
    let id = ChunkId::from("a");
    give(
        &mut lane,
        EffectResult::EngineEnded {
            chunk: id.clone(),
            report: report(completion(0.9, None)),
            undone: Vec::new(),
        },
    );
    let mut seals = 0;
    for _ in 0..10 {
        turn(&mut lane, &[]);
        if !matches!(lane.stage, Stage::Verify { .. }) {
            break;
        }
        give(
            &mut lane,
            EffectResult::Verified {
                chunk: id.clone(),
                verified: work(&["a"], 1, check(CheckOutcome::Passed)),
            },
        );
        turn(&mut lane, &[]);
        seals += 1;
        give(&mut lane, EffectResult::SealChanged { chunk: id.clone() });
    }
    assert_eq!(seals, 3);
    assert_eq!(lane.state(&id).word(), "failed");
}

#[test]
fn what_breaks_off_because_of_a_stop_does_not_change_why_the_run_ends() {
    let table = [
        (None, ExitCode::Setup),
        (Some(ExitCode::NoEngine), ExitCode::Setup),
        (Some(ExitCode::Deadline), ExitCode::Deadline),
        (Some(ExitCode::Hangup), ExitCode::Hangup),
        (Some(ExitCode::Terminated), ExitCode::Terminated),
    ];
    for (halted, exit) in table {
        let mut lane = lane(vec![chunk("a", &[])]);
        prepared(&mut lane);
        turn(&mut lane, &[]);
        let id = ChunkId::from("a");
        give(
            &mut lane,
            EffectResult::EngineEnded {
                chunk: id.clone(),
                report: report(completion(0.9, None)),
                undone: Vec::new(),
            },
        );
        turn(&mut lane, &[]);
        lane.halt = halted.map(|exit| super::super::lane::Halt {
            exit,
            why: String::new(),
            remedy: String::new(),
        });
        give(
            &mut lane,
            EffectResult::Broken {
                effect: Box::new(Effect::Verify { chunk: id.clone() }),
                message: "stopped before all checks were done".to_owned(),
                remedy: "run again".to_owned(),
            },
        );
        assert_eq!(lane_exit(&lane), exit, "{halted:?}");
        assert_eq!(*lane.state(&id), ChunkState::Pending);
        assert!(matches!(
            turn(&mut lane, &[])[..],
            [Effect::SetAside { .. }]
        ));
    }
}

/// A lane that is prepared, in which a person accepted the work of `a`, which `b` depends on.
fn with_accepted() -> Lane {
    let mut lane = lane(vec![chunk("a", &[]), chunk("b", &["a"])]);
    prepared(&mut lane);
    assert_eq!(turn(&mut lane, &[]), [run_engine("a", 1, 0)]);
    give(
        &mut lane,
        EffectResult::EngineEnded {
            chunk: ChunkId::from("a"),
            report: report(completion(0.1, None)),
            undone: Vec::new(),
        },
    );
    turn(&mut lane, &[]);
    let verified = work(&["f"], 7, check(CheckOutcome::Passed));
    let chunk = ChunkId::from("a");
    give(&mut lane, EffectResult::Verified { chunk, verified });
    turn(&mut lane, &[]);
    let (chunk, saved) = (ChunkId::from("a"), Some("refs/x".to_owned()));
    give(&mut lane, EffectResult::SetAside { chunk, saved });
    assert_eq!(lane.state(&ChunkId::from("a")).word(), "needs_review");
    assert_eq!(lane.state(&ChunkId::from("b")).word(), "skipped");
    let accept = Move {
        spec: lane.ledger.spec.clone(),
        chunk: ChunkId::from("a"),
        n: 1,
        kind: MoveKind::Accept { attempt: 1 },
        who: "Ada".to_owned(),
        when: at(0),
        seen: Seen {
            state: "needs_review".to_owned(),
            attempts: 1,
        },
    };
    let (plan, carrier) = (
        lane.plan.clone(),
        Carrier {
            at_work: true,
            run: None,
        },
    );
    carry_out(&mut lane.ledger, &plan, &accept, carrier).unwrap();
    assert!(!is_built_out(&lane));
    assert_eq!(
        turn(&mut lane, &[]),
        [Effect::TakeUp {
            chunk: ChunkId::from("a"),
            attempt: 1
        }]
    );
    assert_eq!(lane.ledger.intents.len(), 1);
    lane
}

fn taken_up(lane: &mut Lane, refused: Option<&str>) {
    let chunk = ChunkId::from("a");
    let refused = refused.map(str::to_owned);
    give(lane, EffectResult::TakenUp { chunk, refused });
}

fn verified_as(lane: &mut Lane, verified: Verified) {
    let due = turn(lane, &[EffectKey::Push, EffectKey::Pr]);
    assert!(matches!(&due[..], [Effect::Verify { .. }]), "{due:?}");
    let (chunk, verified) = (ChunkId::from("a"), Box::new(verified));
    give(lane, EffectResult::Verified { chunk, verified });
}

#[test]
fn accepted_work_is_verified_and_committed_without_an_engine() {
    for files in [&["f"][..], &[]] {
        let mut lane = with_accepted();
        taken_up(&mut lane, None);
        verified_as(&mut lane, *work(files, 7, check(CheckOutcome::Passed)));
        let due = turn(&mut lane, &[]);
        assert_eq!(
            due,
            [Effect::Seal {
                chunk: ChunkId::from("a"),
                part: 1
            }]
        );
        let (chunk, commit) = (ChunkId::from("a"), oid(3));
        give(
            &mut lane,
            EffectResult::Sealed {
                chunk: chunk.clone(),
                part: 1,
                commit: commit.clone(),
                warning: None,
            },
        );
        turn(&mut lane, &[]);
        give(
            &mut lane,
            EffectResult::Landed {
                chunk: chunk.clone(),
                part: 1,
                commit,
                lines: 1,
            },
        );
        let record = lane.record(&chunk).unwrap();
        let accepted = record.accepted().unwrap();
        assert_eq!(accepted.run.as_ref(), Some(&lane.policy.run));
        assert!(lane.ledger.intents.is_empty());
        let due = turn(&mut lane, &[EffectKey::Push]);
        assert_eq!(due, [run_engine("b", 1, 0)], "what waited for it goes on");
    }
}

#[test]
fn accepted_work_that_may_not_be_committed_goes_back_to_a_person() {
    let failing = *work(&["f"], 7, check(CheckOutcome::Failed { exit: 1 }));
    let secret = Verified {
        findings: vec!["f:1: a key".to_owned()],
        ..*work(&["f"], 7, check(CheckOutcome::Passed))
    };
    for (verified, says) in [
        (failing, "checks fail: test"),
        (secret, "the work may not be committed: f:1: a key"),
    ] {
        let mut lane = with_accepted();
        taken_up(&mut lane, None);
        verified_as(&mut lane, verified);
        let state = lane.state(&ChunkId::from("a")).clone();
        assert_eq!(state.word(), "needs_review");
        assert_eq!(state.reason(), Some(says));
        let due = turn(&mut lane, &[]);
        assert!(matches!(&due[..], [Effect::SetAside { .. }]), "{due:?}");
        assert!(lane.ledger.intents.is_empty());
        let (chunk, saved) = (ChunkId::from("a"), None);
        give(&mut lane, EffectResult::SetAside { chunk, saved });
        assert!(turn(&mut lane, &[]).is_empty(), "no engine is paid");
    }
}

#[test]
fn a_hook_that_refuses_accepted_work_sends_no_engine() {
    let mut lane = with_accepted();
    taken_up(&mut lane, None);
    verified_as(&mut lane, *work(&["f"], 7, check(CheckOutcome::Passed)));
    turn(&mut lane, &[]);
    let (chunk, output) = (ChunkId::from("a"), "no".to_owned());
    give(&mut lane, EffectResult::SealRefused { chunk, output });
    assert_eq!(lane.state(&ChunkId::from("a")).word(), "needs_review");
    let due = turn(&mut lane, &[]);
    assert!(matches!(&due[..], [Effect::SetAside { .. }]), "{due:?}");
}

#[test]
fn accepted_work_that_does_not_fit_stays_with_the_person() {
    let mut lane = with_accepted();
    taken_up(&mut lane, Some("f changed on both sides"));
    let state = lane.state(&ChunkId::from("a"));
    assert_eq!(state.reason(), Some("f changed on both sides"));
    assert!(lane.ledger.intents.is_empty());
    assert!(turn(&mut lane, &[]).is_empty(), "nothing is set aside");
    assert_eq!(lane.state(&ChunkId::from("b")).word(), "skipped");
    assert_eq!(lane_exit(&lane), ExitCode::WaitsForPerson);
}

#[test]
fn accepted_work_survives_a_shell_that_breaks() {
    let mut lane = with_accepted();
    taken_up(&mut lane, None);
    let due = turn(&mut lane, &[]);
    give(
        &mut lane,
        EffectResult::Broken {
            effect: Box::new(due[0].clone()),
            message: "no disk".to_owned(),
            remedy: String::new(),
        },
    );
    assert!(lane.is_accepted(&ChunkId::from("a")));
    assert!(turn(&mut lane, &[]).is_empty());
    assert_eq!(lane_exit(&lane), ExitCode::Setup);
    assert_eq!(lane.ledger.intents.len(), 1, "the worktree holds a copy");
}

/// What a person closes while it is built is left alone from then on, and a signal is still told as one.
#[test]
fn a_series_that_is_closed_while_it_is_built_stops() {
    let mut lane = lane(vec![chunk("a", &[]), chunk("b", &[])]);
    prepared(&mut lane);
    turn(&mut lane, &[]);
    build(&mut lane, "a", 1, oid(3));
    lane.ledger.prs[0].state = PrState::Closed;
    assert!(turn(&mut lane, &[]).is_empty());
    assert_eq!(super::lane_exit(&lane), ExitCode::WaitsForPerson);
    lane.halt = Some(super::super::lane::Halt {
        exit: ExitCode::Terminated,
        why: String::new(),
        remedy: String::new(),
    });
    assert_eq!(super::lane_exit(&lane), ExitCode::Terminated);
}
