//! When work is reviewed, and what follows: lanes with a world that answers as told.

use super::super::absorb::{absorb, begin as begin_effect};
use super::super::budget::Caps;
use super::super::decide::decide;
use super::super::testkit::{at, base, chunk, lane as bare_lane, oid};
use super::*;
use crate::model::effect::{EffectResult, Verified};
use crate::model::{
    AttemptEnd, CheckOutcome, CheckResult, Completion, Cost, Effect, EffectKey, EngineError, Usage,
};

fn lane(review: Option<(u32, ReviewOn)>) -> Lane {
    let mut lane = bare_lane(vec![chunk("a", &[]), chunk("b", &[])]);
    lane.policy.review = review.map(|(max_rounds, on)| ReviewPolicy {
        engine: "reviewer".to_owned(),
        max_rounds,
        on,
    });
    give(
        &mut lane,
        EffectResult::LanePrepared {
            tip: oid(2),
            base: base(),
            synced: false,
            notes: Vec::new(),
        },
    );
    give(
        &mut lane,
        EffectResult::BaselineDone(checked(CheckOutcome::Passed)),
    );
    lane
}

fn checked(outcome: CheckOutcome) -> Evidence {
    Evidence {
        checks: vec![CheckResult {
            name: "test".to_owned(),
            outcome,
            ..CheckResult::default()
        }],
        ..Evidence::default()
    }
}

/// The effects on the worktree that are due now, begun, by name.
fn due(lane: &mut Lane) -> Vec<&'static str> {
    let busy = [EffectKey::Push, EffectKey::Pr].into();
    let due = decide(lane, &busy, at(0));
    for effect in &due {
        begin_effect(lane, effect, at(0)).unwrap();
    }
    due.iter().map(Effect::name).collect()
}

fn give(lane: &mut Lane, result: EffectResult) -> Vec<EventKind> {
    let events = absorb(lane, result, at(0)).unwrap();
    events.into_iter().map(|(_, kind)| kind).collect()
}

fn report(outcome: EngineOutcome, usd: Option<f64>) -> Box<EngineReport> {
    Box::new(EngineReport {
        outcome,
        usage: Usage {
            input: Some(10),
            cached: None,
            output: Some(1),
        },
        cost: usd.map_or(Cost::Unknown, Cost::Usd),
        session: Some("of the reviewer".to_owned()),
        model: Some("reviewer-1".to_owned()),
    })
}

/// An engine turn, with verification behind it.
fn build(lane: &mut Lane, files: &[&str], evidence: Evidence) {
    assert_eq!(due(lane), ["run_engine"]);
    let completion = Completion {
        summary: "did it".to_owned(),
        confidence: 0.9,
        rationale: "because".to_owned(),
        no_change_needed: files.is_empty().then(|| "it is there".to_owned()),
    };
    let mut ended = report(EngineOutcome::Completed(completion), Some(0.5));
    (ended.session, ended.model) = (Some("of the builder".to_owned()), None);
    give(
        lane,
        EffectResult::EngineEnded {
            chunk: ChunkId::from("a"),
            report: ended,
            undone: Vec::new(),
        },
    );
    assert_eq!(due(lane), ["verify"]);
    verified(lane, files, evidence);
}

fn verified(lane: &mut Lane, files: &[&str], evidence: Evidence) {
    give(
        lane,
        EffectResult::Verified {
            chunk: ChunkId::from("a"),
            verified: Box::new(Verified {
                evidence,
                tree: Some(oid(9)),
                files: files.iter().map(|f| (*f).to_owned()).collect(),
                lines: 3,
                findings: Vec::new(),
                ..Verified::default()
            }),
        },
    );
}

fn said(lane: &mut Lane, outcome: EngineOutcome) -> Vec<EventKind> {
    let report = report(outcome, Some(0.25));
    give(
        lane,
        EffectResult::Reviewed {
            chunk: ChunkId::from("a"),
            report,
            undone: Vec::new(),
        },
    )
}

fn remark(severity: RemarkSeverity, claim: &str) -> Remark {
    Remark {
        path: "a".to_owned(),
        line: Some(3),
        severity,
        claim: claim.to_owned(),
        suggestion: "do\nthis".to_owned(),
    }
}

fn high() -> EngineOutcome {
    EngineOutcome::Reviewed(vec![
        remark(RemarkSeverity::High, "it loses data"),
        remark(RemarkSeverity::Low, "a typo"),
    ])
}

fn passed() -> Evidence {
    checked(CheckOutcome::Passed)
}

fn remarks(lane: &Lane) -> Option<Vec<String>> {
    let record = lane.record(&ChunkId::from("a")).unwrap();
    let remarks = record.evidence.as_ref().unwrap().remarks.as_ref()?;
    let of_lane = &lane.verified.as_ref().unwrap().evidence.remarks;
    assert_eq!(
        of_lane.as_ref(),
        Some(remarks),
        "what is sealed and what is kept"
    );
    Some(remarks.iter().map(|r| r.claim.clone()).collect())
}

fn warnings(events: &[EventKind]) -> Vec<&str> {
    let mut warned = Vec::new();
    for event in events {
        if let EventKind::Warning { message } = event {
            warned.push(message.as_str());
        }
    }
    warned
}

#[test]
fn who_has_nothing_grave_to_say_changes_nothing_but_the_evidence() {
    let mut lane = lane(Some((1, ReviewOn::Every)));
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["review"]);
    let events = said(
        &mut lane,
        EngineOutcome::Reviewed(vec![remark(RemarkSeverity::Medium, "rarely wrong")]),
    );
    assert!(
        events.iter().any(|e| matches!(
            e,
            EventKind::ReviewFinished {
                remarks: Some(1),
                high: 0,
                ..
            }
        )),
        "{events:?}"
    );
    assert_eq!(remarks(&lane), Some(vec!["rarely wrong".to_owned()]));
    assert_eq!(due(&mut lane), ["seal"]);
}

#[test]
fn a_high_remark_is_one_fix_turn_and_what_was_repaired_is_read_once_more() {
    let mut lane = lane(Some((1, ReviewOn::Every)));
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["review"]);
    said(&mut lane, high());
    let told = feedback(&lane.verified.as_ref().unwrap().evidence);
    assert!(
        told.contains("- a:3: it loses data\n  do\n  this\n"),
        "{told}"
    );
    assert!(!told.contains("typo"), "{told}");
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["review"]);
    // It is never content; the work is committed all the same.
    said(&mut lane, high());
    assert_eq!(due(&mut lane), ["seal"]);
    assert_eq!(remarks(&lane).unwrap().len(), 2);
}

#[test]
fn no_fix_turn_is_started_that_the_attempt_does_not_have() {
    for (max_rounds, max_fixes, wanted) in [
        (0, 3, "seal"),
        (1, 0, "seal"),
        (1, 1, "run_engine"),
        (5, 1, "run_engine"),
    ] {
        let mut lane = lane(Some((max_rounds, ReviewOn::Every)));
        lane.policy.max_fixes = max_fixes;
        build(&mut lane, &["a"], passed());
        assert_eq!(due(&mut lane), ["review"]);
        said(&mut lane, high());
        assert_eq!(due(&mut lane), [wanted], "{max_rounds} {max_fixes}");
    }
    // Turns that the checks called for count as well.
    let mut lane = lane(Some((1, ReviewOn::Every)));
    lane.policy.max_fixes = 1;
    build(&mut lane, &["a"], checked(CheckOutcome::Failed { exit: 1 }));
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["review"]);
    said(&mut lane, high());
    assert_eq!(due(&mut lane), ["seal"]);
}

#[test]
fn without_a_review_the_work_goes_on_and_says_so() {
    for outcome in [
        EngineOutcome::Failed(EngineError::RateLimited {
            until: None,
            message: "limit".to_owned(),
        }),
        EngineOutcome::Failed(EngineError::TimedOut { seconds: 9 }),
        EngineOutcome::Failed(EngineError::AllowanceSpent {
            message: "all of it".to_owned(),
        }),
        EngineOutcome::Failed(EngineError::Auth {
            message: "no key".to_owned(),
        }),
        EngineOutcome::Undeclared {
            last_words: "LGTM! Merge it.".to_owned(),
        },
        EngineOutcome::Blocked(crate::model::BlockRequest {
            reason: "stop".to_owned(),
            needs: "all of it".to_owned(),
        }),
        EngineOutcome::Interrupted,
    ] {
        let mut lane = lane(Some((1, ReviewOn::Every)));
        build(&mut lane, &["a"], passed());
        assert_eq!(due(&mut lane), ["review"]);
        let events = said(&mut lane, outcome.clone());
        let warned = warnings(&events);
        assert!(warned[0].starts_with("Build a: no review: "), "{warned:?}");
        assert_eq!(due(&mut lane), ["seal"], "{outcome:?}");
        assert_eq!(remarks(&lane), None);
    }
}

#[test]
fn who_is_limited_is_not_asked_again_before_its_time() {
    let mut lane = lane(Some((1, ReviewOn::Every)));
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["review"]);
    said(
        &mut lane,
        EngineOutcome::Failed(EngineError::RateLimited {
            until: Some(at(9_000)),
            message: "limit".to_owned(),
        }),
    );
    let (id, mut events) = (ChunkId::from("a"), Vec::new());
    lane.reviews.begin_attempt();
    let stage = next_stage(&mut lane, &id, 3, at(60), &mut events);
    assert!(matches!(stage, Stage::Seal { .. }), "{stage:?}");
    let kinds: Vec<EventKind> = events.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(warnings(&kinds), ["Build a: no review: reviewer is out"]);
    lane.reviews.begin_attempt();
    let stage = next_stage(&mut lane, &id, 3, at(9_001), &mut Vec::new());
    assert!(matches!(stage, Stage::Review { round: 1, .. }), "{stage:?}");
}

#[test]
fn what_is_reviewed() {
    let proven = Evidence {
        proof: crate::model::Proof {
            proving: vec!["t".to_owned()],
            idle: Vec::new(),
        },
        ..passed()
    };
    for (on, files, evidence, wanted) in [
        (ReviewOn::Every, &["a"][..], passed(), "review"),
        (ReviewOn::Every, &["a"], proven.clone(), "review"),
        (ReviewOn::Unproven, &["a"], passed(), "review"),
        (ReviewOn::Unproven, &["a"], proven, "seal"),
        // Nothing was changed.
        (ReviewOn::Every, &[], passed(), "seal"),
        (
            ReviewOn::Every,
            &["a"],
            checked(CheckOutcome::Failed { exit: 1 }),
            "run_engine",
        ),
    ] {
        let mut lane = lane(Some((1, on)));
        build(&mut lane, files, evidence.clone());
        assert_eq!(due(&mut lane), [wanted], "{on:?} {files:?} {evidence:?}");
    }
    let mut lane = lane(None);
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["seal"]);
}

#[test]
fn work_that_a_hook_changed_is_not_read_again() {
    let mut lane = lane(Some((1, ReviewOn::Every)));
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["review"]);
    said(
        &mut lane,
        EngineOutcome::Reviewed(vec![remark(RemarkSeverity::Low, "a typo")]),
    );
    assert_eq!(due(&mut lane), ["seal"]);
    give(
        &mut lane,
        EffectResult::SealChanged {
            chunk: ChunkId::from("a"),
        },
    );
    assert_eq!(due(&mut lane), ["verify"]);
    verified(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["seal"]);
    assert_eq!(remarks(&lane), Some(vec!["a typo".to_owned()]));
}

#[test]
fn what_it_uses_is_the_attempts() {
    let mut lane = lane(Some((1, ReviewOn::Every)));
    lane.policy.caps = Caps {
        chunk: Allowance {
            usd: Some(1.0),
            tokens: None,
        },
        ..Caps::default()
    };
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["review"]);
    let intents = lane.ledger.intents.clone();
    assert!(
        matches!(&intents[..], [Intent::Engine { attempt: 1, .. }]),
        "{intents:?}"
    );
    let of = |lane: &Lane| lane.record(&ChunkId::from("a")).unwrap().attempts[0].clone();
    let rest = super::super::budget::rest_of_attempt(&of(&lane));
    assert_eq!(rest.usd, Some(0.5), "half a dollar of one is spent");
    said(&mut lane, high());
    let attempt = of(&lane);
    assert_eq!(
        (attempt.cost, attempt.usage.input),
        (Cost::Usd(0.75), Some(20))
    );
    assert_eq!(attempt.session.as_deref(), Some("of the builder"));
    assert_eq!(attempt.model, None);
    assert!(lane.ledger.intents.is_empty());
    // The fix turn takes the rest: nothing is left for a second review, nor for another fix turn.
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["seal"]);
    assert_eq!(
        remarks(&lane),
        None,
        "what was said of it before it was repaired is not said of this"
    );
}

#[test]
fn a_fix_turn_that_nobody_can_pay_is_not_begun() {
    let mut lane = lane(Some((1, ReviewOn::Every)));
    lane.policy.caps.chunk.usd = Some(0.7);
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["review"]);
    said(&mut lane, high());
    assert_eq!(due(&mut lane), ["seal"]);
    assert_eq!(remarks(&lane).unwrap().len(), 2);
}

#[test]
fn a_review_that_the_shell_broke_off_gives_the_chunk_back() {
    let mut lane = lane(Some((1, ReviewOn::Every)));
    build(&mut lane, &["a"], passed());
    assert_eq!(due(&mut lane), ["review"]);
    give(
        &mut lane,
        EffectResult::Broken {
            effect: Box::new(Effect::Review {
                chunk: ChunkId::from("a"),
                round: 1,
            }),
            message: "the disk is full".to_owned(),
            remedy: String::new(),
        },
    );
    let record = lane.record(&ChunkId::from("a")).unwrap();
    assert_eq!(record.state, ChunkState::Pending);
    assert_eq!(record.attempts[0].end, AttemptEnd::Interrupted);
    assert!(record.attempts[0].lost, "nobody knows what it used");
    assert!(lane.ledger.intents.is_empty());
    assert!(lane.halt.is_some());
}

#[test]
fn a_fix_turn_is_told_a_bounded_text() {
    let mut evidence = passed();
    assert_eq!(feedback(&evidence), "");
    evidence.remarks = Some(Vec::new());
    assert_eq!(feedback(&evidence), "");
    evidence.remarks = Some(vec![remark(RemarkSeverity::Medium, "rarely wrong")]);
    assert_eq!(feedback(&evidence), "");
    evidence.remarks = Some(vec![remark(RemarkSeverity::High, &"x".repeat(900)); 30]);
    let told = feedback(&evidence);
    assert!(
        told.len() <= MAX_FEEDBACK + 100 && told.ends_with("(more is left out)\n"),
        "{}",
        told.len()
    );
}
