use super::*;
use crate::model::{
    Allowance, Attempt, AttemptEnd, ChunkState, Completion, Cost, Coverage, Covered, Finding,
    FindingSeverity, Oid, Proof, Remark, RemarkSeverity, RunId, TestCounts, Usage, Verdict,
};
use chrono::{DateTime, Utc};
use proptest::prelude::*;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn trees() -> Trees {
    let oid = |digit: &str| Oid::new(digit.repeat(40));
    Trees {
        before: oid("a"),
        verified: oid("b"),
        after: oid("c"),
    }
}

fn attempt(n: u32, end: AttemptEnd, cost: Cost) -> Attempt {
    Attempt {
        n,
        run: RunId::new("20261101T080000Z-aaaaaa"),
        engine: "claude".to_owned(),
        model: Some("sonnet".to_owned()),
        session: None,
        started: time("2026-11-01T08:00:00Z"),
        ended: Some(time("2026-11-01T08:05:00Z")),
        fixes: n,
        usage: Usage {
            input: Some(1000),
            cached: None,
            output: Some(50),
        },
        cost,
        allowed: Allowance::default(),
        lost: false,
        end,
    }
}

fn record() -> ChunkRecord {
    ChunkRecord {
        state: ChunkState::Committed {
            commit: Oid::new("d".repeat(40)),
        },
        attempts: vec![
            attempt(1, AttemptEnd::Interrupted, Cost::Usd(0.25)),
            attempt(2, AttemptEnd::Committed, Cost::Usd(0.5)),
        ],
        completion: Some(Completion {
            summary: "Adds it.".to_owned(),
            confidence: 0.9,
            rationale: String::new(),
            no_change_needed: None,
        }),
        part: Some(1),
        ..ChunkRecord::new("Add the form", "0123456789ab")
    }
}

fn evidence() -> Evidence {
    Evidence {
        checks: vec![
            CheckResult {
                name: "cargo test".to_owned(),
                command: "cargo test --quiet".to_owned(),
                millis: 1500,
                output: "ok\n".to_owned(),
                narrowed: Some("the packages web and api are left out".to_owned()),
                counts: Some(TestCounts {
                    passed: 4,
                    failed: 0,
                    skipped: 1,
                }),
                ..CheckResult::default()
            },
            CheckResult {
                name: "pytest".to_owned(),
                command: "pytest -q".to_owned(),
                dir: "tools".to_owned(),
                outcome: CheckOutcome::Flaky { exit: 1 },
                failing: vec!["test_a::test_b".to_owned()],
                ..CheckResult::default()
            },
        ],
        tree: Some("b".repeat(40)),
        proof: Proof {
            proving: vec!["form::it_is_there".to_owned()],
            idle: vec!["form::trivial".to_owned()],
        },
        coverage: Some(Coverage {
            before: None,
            after: Covered {
                covered: 8,
                total: 10,
            },
            changed: Covered {
                covered: 3,
                total: 3,
            },
        }),
        findings: vec![Finding {
            rule: "skipped_test".to_owned(),
            severity: FindingSeverity::Note,
            path: "tests/a.rs".to_owned(),
            line: Some(4),
            what: "a test is skipped".to_owned(),
            asked_for: None,
        }],
        remarks: Some(vec![Remark {
            path: String::new(),
            line: None,
            severity: RemarkSeverity::Low,
            claim: "it could be shorter".to_owned(),
            suggestion: String::new(),
        }]),
        ..Evidence::default()
    }
}

fn sample() -> EvidenceDoc {
    let (spec, chunk) = (SpecId::from("specs-login"), ChunkId::from("T007"));
    let facts = Facts {
        version: "0.1.0",
        spec: &spec,
        spec_path: "specs/login.md",
        chunk: &chunk,
        trees: &trees(),
    };
    document(&facts, &record(), &evidence())
}

#[test]
fn the_document() {
    let doc = sample();
    let text = String::from_utf8(to_bytes(&doc)).unwrap();
    insta::assert_snapshot!(text);
    assert_eq!(read(text.as_bytes()), Ok(doc.clone()));
    assert_eq!(doc.verdict, Verdict::Proven);
    assert_eq!(doc.cost_usd, Some(0.75));
}

#[test]
fn what_is_unknown_is_null() {
    let mut record = record();
    record.attempts = vec![attempt(1, AttemptEnd::Committed, Cost::Unknown)];
    record.attempts[0].usage = Usage::default();
    let (spec, chunk, trees) = (SpecId::from("a"), ChunkId::from("b"), trees());
    let facts = Facts {
        version: "0.1.0",
        spec: &spec,
        spec_path: "a.md",
        chunk: &chunk,
        trees: &trees,
    };
    let doc = document(&facts, &record, &Evidence::default());
    let value: serde_json::Value = serde_json::from_slice(&written(&doc)).unwrap();
    for key in [
        "cost_usd",
        "tests",
        "coverage",
        "remarks",
        "no_change_needed",
        "accepted_by",
    ] {
        assert!(
            value.get(key).is_some_and(serde_json::Value::is_null),
            "{key}"
        );
    }
    assert!(value["usage"]["input"].is_null());
    // A ledger that was rebuilt from git knows of no attempt.
    record.attempts.clear();
    let doc = document(&facts, &record, &Evidence::default());
    assert_eq!((doc.engine, doc.started, doc.cost_usd), (None, None, None));
}

#[test]
fn what_is_newer_or_none_is_refused() {
    let text = String::from_utf8(written(&sample())).unwrap();
    let with = |from: &str, to: &str| read(text.replacen(from, to, 1).as_bytes());
    let newer = with("\"schema\": 1", "\"schema\": 2").unwrap_err();
    assert_eq!(newer, EvidenceError::Newer { found: 2 });
    assert!(newer.to_string().ends_with("upgrade codelicious"));
    for (from, to, words) in [
        ("\"schema\": 1", "\"schema\": 0", "no schema number"),
        (
            "\"schema\": 1",
            "\"schema\": 1, \"more\": 1",
            "unknown field",
        ),
        (
            "\"verdict\": \"proven\"",
            "\"verdict\": \"fine\"",
            "unknown variant",
        ),
        ("\"trees\"", "\"woods\"", "unknown field"),
    ] {
        let error = with(from, to).unwrap_err().to_string();
        assert!(error.contains(words), "{to}: {error}");
    }
    for text in ["", "Reviewed by Ada", "[]", "{}"] {
        assert!(
            matches!(read(text.as_bytes()), Err(EvidenceError::Damaged { .. })),
            "{text}"
        );
    }
}

#[test]
fn outputs_go_first() {
    let mut doc = sample();
    doc.checks[0].output = format!("{}the end", "ü".repeat(60_000));
    let bytes = to_bytes(&doc);
    assert!(bytes.len() <= MAX_NOTE);
    let kept = read(&bytes).unwrap();
    assert!(kept.checks[0].output.ends_with("the end"));
    assert_eq!(kept.left_out, ["1 outputs of checks are cut to their end"]);
    assert_eq!((kept.proving, kept.findings), (doc.proving, doc.findings));
}

#[test]
fn hosts_that_are_cut_off_are_told_as_hosts() {
    let mut doc = sample();
    doc.checks[0].refused = (0..5_000).map(|n| format!("{n}.example.org:443")).collect();
    let kept = read(&to_bytes(&doc)).unwrap();
    let [said] = kept.left_out.as_slice() else {
        panic!("{:?}", kept.left_out);
    };
    assert!(
        said.ends_with(" hosts that checks were kept from are left out"),
        "{said}"
    );
    assert_eq!(kept.checks[1].failing, doc.checks[1].failing);
}

proptest! {
    // Each case writes a document many times its bound.
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever there is of everything, it fits, is read back, and says what is missing.
    #[test]
    fn every_document_fits(names in 0usize..1500, len in 0usize..300, output in 0usize..100_000, checks in 1usize..40, remarks in 0usize..100) {
        let mut doc = sample();
        let word = "\u{1}ü\"".repeat(len / 4);
        doc.title = word.repeat(20);
        doc.proving = vec![word.clone(); names];
        let mut check = doc.checks[1].clone();
        check.output = "\u{7}x".repeat(output / 2 / checks);
        check.command = word.clone();
        check.failing = vec![word.clone(); names / 10];
        doc.checks = vec![check; checks];
        let remark = Remark { claim: word.clone(), suggestion: word.clone(), ..doc.remarks.as_ref().unwrap()[0].clone() };
        doc.remarks = Some(vec![remark; remarks]);
        let bytes = to_bytes(&doc);
        prop_assert!(bytes.len() <= MAX_NOTE, "{}", bytes.len());
        let kept = read(&bytes).unwrap();
        prop_assert_eq!(kept.left_out.is_empty(), kept == doc);
        prop_assert_eq!(kept.trees, doc.trees);
    }
}
