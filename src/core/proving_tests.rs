//! Proof, tests that come before the code, and the whole suite before a review, as the loop goes through them.

use super::*;

fn proven(tests: &[&str]) -> Evidence {
    Evidence {
        proof: Proof {
            proving: tests.iter().map(|t| (*t).to_owned()).collect(),
            idle: Vec::new(),
        },
        ..check(CheckOutcome::Passed)
    }
}

fn finding(severity: FindingSeverity) -> Finding {
    Finding {
        rule: "deleted_test".to_owned(),
        severity,
        path: "a_test.go".to_owned(),
        line: Some(3),
        what: "`TestA` is gone".to_owned(),
        asked_for: None,
    }
}

fn engine_done(lane: &mut Lane) {
    give(
        lane,
        EffectResult::EngineEnded {
            chunk: "a".into(),
            report: report(completion(0.9, None)),
            undone: Vec::new(),
        },
    );
}

/// What becomes of a chunk whose engine does the same work again and again.
fn ends_as(verified: &Verified, require_proof: bool) -> (String, String, u32) {
    let mut lane = lane(vec![chunk("a", &[])]);
    lane.policy.require_proof = require_proof;
    prepared(&mut lane);
    let mut engines = 0;
    for n in 0.. {
        match &turn(&mut lane, &[])[..] {
            [Effect::RunEngine { .. }] => engine_done(&mut lane),
            [Effect::Verify { .. }] => {
                let tree = Some(oid(30 + n));
                let verified = Box::new(Verified {
                    tree,
                    ..verified.clone()
                });
                let chunk = "a".into();
                give(&mut lane, EffectResult::Verified { chunk, verified });
                engines += 1;
            }
            _ => break,
        }
    }
    let state = lane.state(&"a".into());
    let reason = state.reason().unwrap_or_default().to_owned();
    (state.word().to_owned(), reason, engines)
}

#[test]
fn what_evidence_leads_to() {
    let plain = *work(&["a"], 1, check(CheckOutcome::Passed));
    let with = |finding: Finding| {
        let mut verified = plain.clone();
        verified.evidence.findings = vec![finding];
        verified
    };
    let idle = {
        let mut verified = plain.clone();
        verified.evidence.proof.idle = vec!["t_one".to_owned(), "t_two".to_owned()];
        verified
    };
    let short = Verified {
        shortfall: Some("coverage is 71.0 %, below 80 %".to_owned()),
        ..plain.clone()
    };
    let (fail, review, note) = (
        finding(FindingSeverity::Fail),
        finding(FindingSeverity::NeedsReview),
        finding(FindingSeverity::Note),
    );
    for (what, verified, proof, state, says, engines) in [
        ("nothing broke", plain.clone(), false, "verifying", "", 1),
        ("a note", with(note), false, "verifying", "", 1),
        (
            "a finding that refuses",
            with(fail),
            false,
            "needs_review",
            "the audit refuses the work: `TestA` is gone (a_test.go:3), after 1 fix turn",
            2,
        ),
        (
            "one to look at",
            with(review),
            false,
            "needs_review",
            "the audit wants a person to look: `TestA` is gone (a_test.go:3)",
            1,
        ),
        (
            "no proof where it is wanted",
            plain.clone(),
            true,
            "needs_review",
            "no test proves the work: none that is red",
            2,
        ),
        (
            "tests that prove nothing",
            idle,
            true,
            "needs_review",
            "t_one (and 1 more) passes without the change as well",
            2,
        ),
        (
            "proof",
            *work(&["a"], 1, proven(&["t_one"])),
            true,
            "verifying",
            "",
            1,
        ),
        (
            "too little coverage",
            short,
            false,
            "needs_review",
            "coverage is 71.0 %",
            2,
        ),
    ] {
        let (became, why, turns) = ends_as(&verified, proof);
        assert_eq!((became.as_str(), turns), (state, engines), "{what}: {why}");
        assert!(why.contains(says), "{what}: {why}");
    }
}

#[test]
fn tests_come_first_where_that_is_wanted() {
    let mut lane = lane(vec![chunk("a", &[])]);
    lane.policy.tests_first = true;
    prepared(&mut lane);
    let red_seen = |seen| EffectResult::RedSeen {
        chunk: "a".into(),
        seen,
    };
    assert_eq!(turn(&mut lane, &[]), [run_engine("a", 1, 0)]);
    assert!(lane.is_first_turn(0));
    engine_done(&mut lane);
    let see = Effect::SeeRed { chunk: "a".into() };
    assert_eq!(turn(&mut lane, &[]), std::slice::from_ref(&see));
    give(&mut lane, red_seen(Err("they pass".to_owned())));
    // The same attempt, told what was wrong.
    assert_eq!(turn(&mut lane, &[]), [run_engine("a", 1, 0)]);
    assert!(!lane.is_first_turn(0));
    assert_eq!(
        lane.first,
        Some(First::Writing {
            tries: 1,
            why: Some("they pass".to_owned())
        })
    );
    engine_done(&mut lane);
    assert_eq!(turn(&mut lane, &[]), [see]);
    let red = RedTests {
        tests: vec!["t".to_owned()],
        tree: Some(oid(8)),
        files: vec!["a_test.go".to_owned()],
    };
    give(&mut lane, red_seen(Ok(red.clone())));
    assert_eq!(turn(&mut lane, &[]), [run_engine("a", 1, 0)]);
    assert_eq!(lane.first, Some(First::Red(red)));
    assert_eq!(lane.record(&"a".into()).unwrap().attempts.len(), 1);
    build(&mut lane, "a", 3, oid(3));
    assert_eq!(lane.state(&"a".into()).word(), "committed");
}

#[test]
fn tests_that_are_never_red_are_a_persons_business() {
    let mut lane = lane(vec![chunk("a", &[])]);
    lane.policy.tests_first = true;
    prepared(&mut lane);
    for _ in 0..2 {
        assert_eq!(turn(&mut lane, &[]), [run_engine("a", 1, 0)]);
        engine_done(&mut lane);
        turn(&mut lane, &[]);
        give(
            &mut lane,
            EffectResult::RedSeen {
                chunk: "a".into(),
                seen: Err("they pass".to_owned()),
            },
        );
    }
    let state = lane.state(&"a".into());
    assert_eq!(
        (state.word(), state.reason()),
        (
            "needs_review",
            Some("no test that is red without the work, after 2 turns: they pass")
        )
    );
}

/// A part whose checks left something out is read by nobody before all of them ran on it.
#[test]
fn the_whole_suite_runs_before_a_review() {
    for (failing, ready, exit) in [
        (&[][..], true, ExitCode::Done),
        (&["pytest"], false, ExitCode::Incomplete),
    ] {
        let mut lane = lane(vec![chunk("a", &[])]);
        lane.policy.remote = None;
        prepared(&mut lane);
        turn(&mut lane, &[]);
        build(&mut lane, "a", 3, oid(3));
        assert!(is_ready(&lane, 1), "nothing was left out");
        let evidence = &mut lane.record_mut(&"a".into()).evidence;
        evidence.as_mut().unwrap().checks[0].narrowed = Some("package a".to_owned());
        assert!(!is_ready(&lane, 1));
        let busy = [EffectKey::Pr];
        assert_eq!(turn(&mut lane, &busy), [Effect::Suite { part: 1 }]);
        let suite = |tip| Suite {
            tip,
            failing: failing.iter().map(|f| (*f).to_owned()).collect(),
            millis: 1,
        };
        give(
            &mut lane,
            EffectResult::SuiteDone {
                part: 1,
                suite: suite(oid(3)),
            },
        );
        assert_eq!(turn(&mut lane, &busy), [], "once");
        assert_eq!(is_ready(&lane, 1), ready);
        assert_eq!(lane_exit(&lane), exit);
        // What it said is of one commit.
        lane.ledger.prs[0].suite = Some(suite(oid(2)));
        assert_eq!(turn(&mut lane, &busy), [Effect::Suite { part: 1 }]);
    }
}
