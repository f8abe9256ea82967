use super::*;
use crate::model::effect::{PushFailure, PushFailureKind};
use crate::model::ledger::SpecBase;
use crate::model::{
    Allowance, Attempt, AttemptEnd, CheckOutcome, CheckResult, ChunkId, ChunkRecord, ChunkState,
    Completion, Cost, Coverage, Covered, Evidence, Finding, FindingSeverity, Intent, MoveKind,
    MoveRecord, Oid, PrRecord, PrState, Proof, Remark, RemarkSeverity, Rerun, SkippedBy,
    TestCounts, TestStatus, Usage,
};
use chrono::DateTime;
use proptest::prelude::*;
use proptest::{collection, option};

/// A ledger as schema 1 wrote it. Never edit: every later version must go on reading it.
const SCHEMA_1: &str = include_str!("fixtures/schema-1.json");

/// The same, as schema 2 wrote it.
const SCHEMA_2: &str = include_str!("fixtures/schema-2.json");
const SCHEMA_3: &str = include_str!("fixtures/schema-3.json");
const SCHEMA_4: &str = include_str!("fixtures/schema-4.json");
const SCHEMA_5: &str = include_str!("fixtures/schema-5.json");

fn fixture() -> Ledger {
    let mut ledger = Ledger::new(
        "specs-001_demo".into(),
        "specs/001_demo.md",
        "codelicious/specs-001_demo",
    );
    ledger.version = 7;
    ledger.base = Some(SpecBase {
        branch: "main".into(),
        commit: "b0".into(),
    });
    let check = |outcome| CheckResult {
        name: "cargo test".into(),
        command: "cargo test --offline".into(),
        dir: "sub".into(),
        outcome,
        millis: 1200,
        output: "ok\n".into(),
        ..CheckResult::default()
    };
    let evidence = Evidence {
        checks: vec![
            check(CheckOutcome::Passed),
            check(CheckOutcome::Failed { exit: 101 }),
            check(CheckOutcome::NotAvailable {
                why: "no cargo".into(),
            }),
            check(CheckOutcome::TimedOut { seconds: 600 }),
            check(CheckOutcome::FailedBefore { exit: -1 }),
        ],
        unverified: false,
        tree: Some("7ree".into()),
        ..Evidence::default()
    };
    let attempt = |n, end| Attempt {
        n,
        run: "20260102T030405Z-abcdef".into(),
        engine: "claude".into(),
        model: Some("m".into()),
        session: Some("s".into()),
        started: DateTime::from_timestamp(1_767_323_045, 0).unwrap(),
        ended: DateTime::from_timestamp(1_767_323_105, 500_000_000),
        fixes: 1,
        usage: Usage {
            input: Some(10),
            cached: None,
            output: Some(0),
        },
        cost: Cost::Usd(0.125),
        allowed: Allowance::default(),
        lost: false,
        end,
    };
    let ends = [
        AttemptEnd::Running,
        AttemptEnd::Committed,
        AttemptEnd::Failed { why: "w".into() },
        AttemptEnd::Blocked { why: "w".into() },
        AttemptEnd::NeedsReview { why: "w".into() },
        AttemptEnd::Interrupted,
        AttemptEnd::Limited {
            why: "w".into(),
            until: None,
        },
    ];
    let states = [
        ChunkState::Committed {
            commit: "c1".into(),
        },
        ChunkState::Pending,
        ChunkState::InProgress { attempt: 1 },
        ChunkState::Verifying {
            attempt: 1,
            fixes: 0,
        },
        ChunkState::Fixing {
            attempt: 2,
            fixes: 1,
        },
        ChunkState::Failed { why: "w".into() },
        ChunkState::NeedsReview { why: "w".into() },
        ChunkState::Blocked {
            why: "w".into(),
            needs: "a key".into(),
        },
        ChunkState::AwaitingApproval { gate: "g".into() },
        ChunkState::Skipped {
            because: "b".into(),
            by: SkippedBy::Dependency,
        },
    ];
    for (n, state) in states.into_iter().enumerate() {
        let mut record = ChunkRecord::new(format!("Task {n}"), "f1f1f1f1f1f1");
        record.state = state;
        if n == 0 {
            record.attempts = (1..)
                .zip(ends.clone())
                .map(|(n, end)| attempt(n, end))
                .collect();
            record.evidence = Some(evidence.clone());
            record.completion = Some(Completion {
                summary: "Built.".into(),
                confidence: 0.9,
                rationale: "Tests pass.".into(),
                no_change_needed: None,
            });
            record.part = Some(1);
            record.lines = 12;
            record.pr = Some(34);
        }
        ledger
            .chunks
            .insert(format!("T{n:03}").as_str().into(), record);
    }
    ledger.prs = [
        PrState::Draft,
        PrState::Ready,
        PrState::Merged,
        PrState::Closed,
    ]
    .into_iter()
    .zip(1..)
    .map(|(state, part)| PrRecord {
        part,
        branch: "codelicious/specs-001_demo".into(),
        base: "main".into(),
        tip: "c1".into(),
        number: Some(34),
        url: Some("https://example.org/34".into()),
        state,
        content: Some("h".into()),
        suite: None,
    })
    .collect();
    ledger.intents = vec![
        Intent::Engine {
            chunk: "T002".into(),
            attempt: 1,
            tip: "c1".into(),
        },
        Intent::Land {
            chunk: "T003".into(),
            part: 1,
            old: "c1".into(),
            new: "c2".into(),
        },
        Intent::Push {
            branch: "b".into(),
            tip: "c2".into(),
        },
        Intent::Pr {
            part: 1,
            head: "b".into(),
        },
    ];
    ledger
        .pushed
        .insert("codelicious/specs-001_demo".into(), "c1".into());
    ledger.undelivered = Some(PushFailure {
        kind: PushFailureKind::HookDeclined,
        message: "no".into(),
    });
    ledger
}

/// The same with what schema 2 added.
fn fixture_2() -> Ledger {
    let mut ledger = fixture();
    let said = |n, kind, run: Option<&str>| MoveRecord {
        n,
        kind,
        who: "Ada".into(),
        when: DateTime::from_timestamp(1_767_323_045, 250_000_000).unwrap(),
        run: run.map(Into::into),
    };
    let answer = MoveKind::Answer {
        text: "In green.\n".into(),
    };
    let mut record = ChunkRecord::new("Task 10", "f1f1f1f1f1f1");
    record.moves = vec![
        said(1, answer, None),
        said(2, MoveKind::Retry, Some("20260102T030405Z-abcdef")),
        said(3, MoveKind::Accept { attempt: 4 }, None),
        said(4, MoveKind::Skip, None),
    ];
    record.state = ChunkState::Skipped {
        because: "Ada said so".into(),
        by: SkippedBy::Person,
    };
    ledger.chunks.insert("T010".into(), record);
    ledger.intents.push(Intent::TakeUp {
        chunk: "T006".into(),
        attempt: 5,
    });
    ledger
}

#[test]
fn schema_1_is_read() {
    assert_eq!(decode(SCHEMA_1.as_bytes()).unwrap(), fixture());
}

#[test]
fn schema_2_is_read() {
    assert_eq!(decode(SCHEMA_2.as_bytes()).unwrap(), fixture_2());
}

/// The same with what schema 3 added.
fn fixture_3() -> Ledger {
    let mut ledger = fixture_2();
    let record = ledger.chunks.get_mut(&ChunkId::from("T000")).unwrap();
    let mut last = record.attempts.last().unwrap().clone();
    last.end = AttemptEnd::Limited {
        why: "w".into(),
        until: DateTime::from_timestamp(1_767_326_645, 0),
    };
    let limited = Attempt {
        n: last.n + 1,
        ..last.clone()
    };
    let spent = Attempt {
        n: last.n + 2,
        allowed: Allowance {
            usd: Some(2.5),
            tokens: Some(90_000),
        },
        lost: true,
        cost: Cost::Unknown,
        end: AttemptEnd::OverBudget { why: "w".into() },
        ..last
    };
    record.attempts.extend([limited, spent]);
    ledger
}

#[test]
fn schema_3_is_read() {
    assert_eq!(decode(SCHEMA_3.as_bytes()).unwrap(), fixture_3());
}

/// The same with what schema 4 added.
fn fixture_4() -> Ledger {
    let mut ledger = fixture_3();
    ledger.undelivered = Some(PushFailure {
        kind: PushFailureKind::TooLarge,
        message: "no".into(),
    });
    ledger
}

#[test]
fn schema_4_is_read() {
    assert_eq!(decode(SCHEMA_4.as_bytes()).unwrap(), fixture_4());
    for kind in PushFailureKind::ALL {
        let mut ledger = fixture_4();
        ledger.undelivered = Some(PushFailure {
            kind,
            message: "no".into(),
        });
        let bytes = encode(&ledger);
        assert_eq!(decode(&bytes).unwrap(), ledger);
        let word = serde_json::to_string(&kind).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(&format!("\"kind\": {word}")), "{word}");
    }
}

/// The same with what schema 5 added.
fn fixture_5() -> Ledger {
    let mut ledger = fixture_4();
    let check = CheckResult {
        name: "pytest".into(),
        command: "pytest".into(),
        outcome: CheckOutcome::Flaky { exit: 1 },
        narrowed: Some("packages b and c".into()),
        tests: None,
        counts: Some(TestCounts {
            passed: 3,
            failed: 1,
            skipped: 2,
        }),
        failing: vec!["a::b".into()],
        rerun: Some(Rerun {
            command: "cargo test a::b".into(),
            exit: 0,
            millis: 7,
            output: "ok\n".into(),
        }),
        ..CheckResult::default()
    };
    let evidence = Evidence {
        checks: vec![check],
        proof: Proof {
            proving: vec!["a::new".into()],
            idle: vec!["a::idle".into()],
        },
        coverage: Some(Coverage {
            before: None,
            after: Covered {
                covered: 3,
                total: 4,
            },
            changed: Covered {
                covered: 1,
                total: 1,
            },
        }),
        findings: vec![Finding {
            rule: "suppression".into(),
            severity: FindingSeverity::Note,
            path: "src/a.rs".into(),
            line: Some(3),
            what: "a new `allow`".into(),
            asked_for: Some("allow dead code".into()),
        }],
        remarks: Some(vec![Remark {
            path: "src/a.rs".into(),
            line: None,
            severity: RemarkSeverity::High,
            claim: "it loops".into(),
            suggestion: String::new(),
        }]),
        ..Evidence::default()
    };
    let record = ledger.chunks.get_mut(&ChunkId::from("T000")).unwrap();
    record.evidence = Some(evidence);
    ledger
}

#[test]
fn schema_5_is_read_and_written() {
    assert_eq!(String::from_utf8(encode(&fixture_5())).unwrap(), SCHEMA_5);
    assert_eq!(decode(SCHEMA_5.as_bytes()).unwrap(), fixture_5());
}

/// The names of all tests are for the cache of baselines.
#[test]
fn a_ledger_counts_tests_and_names_those_that_failed() {
    let mut ledger = fixture_5();
    let record = ledger.chunks.get_mut(&ChunkId::from("T000")).unwrap();
    let check = &mut record.evidence.as_mut().unwrap().checks[0];
    check.tests = Some([("a::c".to_owned(), TestStatus::Passed)].into());
    assert_eq!(decode(&encode(&ledger)).unwrap(), fixture_5());
}

#[test]
fn what_schema_2_added_is_not_guessed_at() {
    for (from, to, says) in [
        (
            "\"by\": \"person\",\n      ",
            "",
            "chunk T010: what is skipped wants a `by`",
        ),
        (
            "\"status\": \"pending\",",
            "\"status\": \"pending\", \"by\": \"person\",",
            "chunk T001: the status Pending takes no `by`",
        ),
        (
            "\"attempt\": 4",
            "\"attempt\": 4, \"text\": \"x\"",
            "chunk T010: move 3: the move Accept does not go",
        ),
        (
            "\"kind\": \"skip\"",
            "\"kind\": \"leap\"",
            "unknown variant `leap`",
        ),
        (
            "\"who\": \"Ada\"",
            "\"who\": \"Ada\", \"x\": 1",
            "unknown field `x`",
        ),
        (
            "\"schema\": 2",
            "\"schema\": 6",
            "schema 6, this one knows 5); upgrade codelicious",
        ),
    ] {
        assert!(SCHEMA_2.contains(from), "{from}");
        let error = decode(SCHEMA_2.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
}

#[test]
fn the_words_are_the_model_s() {
    let text = String::from_utf8(encode(&fixture())).unwrap();
    for record in fixture().chunks.values() {
        let word = format!("\"status\": \"{}\"", record.state.word());
        assert!(text.contains(&word), "{word}");
    }
}

#[test]
fn refusals_say_where_and_what() {
    let edit = |from: &str, to: &str| {
        assert!(SCHEMA_1.contains(from), "{from}");
        SCHEMA_1.replacen(from, to, 1)
    };
    for (bytes, says) in [
        (
            edit("\"schema\": 1", "\"schema\": 6"),
            "newer codelicious (schema 6, this one knows 5); upgrade codelicious",
        ),
        (
            r#"{"schema": 99, "all": "else is new"}"#.to_owned(),
            "schema 99",
        ),
        (
            edit("\"schema\": 1", "\"schema\": 0"),
            "schema: 0 was never written",
        ),
        (
            edit("\"version\": 7", "\"version\": 7, \"extra\": 1"),
            "line 3, column",
        ),
        (
            edit("\"version\": 7", "\"version\": 7, \"extra\": 1"),
            "unknown field `extra`",
        ),
        (
            edit(
                "\"unverified\": false",
                "\"unverified\": false, \"extra\": 1",
            ),
            "unknown field `extra`",
        ),
        (
            edit("\"intent\": \"pr\"", "\"intent\": \"pr\", \"extra\": 1"),
            "unknown field `extra`",
        ),
        (
            edit("\"status\": \"committed\"", "\"status\": \"shipped\""),
            "unknown variant `shipped`",
        ),
        (
            edit("\"status\": \"committed\"", "\"status\": \"pending\""),
            "chunk T000: the status Pending does not go",
        ),
        (
            edit("\"end\": \"running\"", "\"end\": \"failed\""),
            "chunk T000: attempt 1: the end Failed wants a `why`",
        ),
        (
            edit("\"result\": \"passed\"", "\"result\": \"timed_out\""),
            "check cargo test: the result TimedOut",
        ),
        (SCHEMA_1[..SCHEMA_1.len() / 2].to_owned(), "EOF"),
        (String::new(), "line 1, column 0: EOF"),
        ("[]".to_owned(), "line 1, column"),
        ("{}".to_owned(), "missing field `schema`"),
        ("[".repeat(100_000), "line 1, column"),
    ] {
        let error = decode(bytes.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn a_field_that_nobody_knows_is_refused_wherever_it_stands() {
    fn in_each(value: &serde_json::Value, check: &mut dyn FnMut(serde_json::Value)) {
        if let Some(fields) = value.as_object() {
            // Of a map by names of people's own choice an entry more is no unknown field, but none either.
            let mut changed = fields.clone();
            changed.insert("of_a_later_version".to_owned(), 1.into());
            check(changed.into());
            for (name, value) in fields {
                in_each(value, &mut |inner| {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), inner);
                    check(changed.into());
                });
            }
        }
        for item in value.as_array().into_iter().flatten() {
            // A list of the changed item alone.
            in_each(item, &mut |inner| check(vec![inner].into()));
        }
    }
    let whole = serde_json::from_str(SCHEMA_5).unwrap();
    let mut tried = 0;
    in_each(&whole, &mut |changed| {
        tried += 1;
        assert!(decode(changed.to_string().as_bytes()).is_err(), "{changed}");
    });
    assert!(tried > 40, "{tried}");
}

#[test]
fn numbers_that_are_none_do_not_break_the_file() {
    let mut ledger = fixture();
    let record = ledger.chunks.get_mut(&"T000".into()).unwrap();
    record.attempts[0].cost = Cost::Usd(f64::NAN);
    record.attempts[1].cost = Cost::Usd(0.1 + 0.2);
    record.completion.as_mut().unwrap().confidence = f64::INFINITY;
    let read = decode(&encode(&ledger)).unwrap();
    let record = &read.chunks[&"T000".into()];
    assert_eq!(record.attempts[0].cost, Cost::Unknown);
    assert_eq!(record.attempts[1].cost, Cost::Usd(0.3));
    assert_eq!(record.completion.as_ref().unwrap().confidence, 0.0);
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,6}"
}

fn oid() -> impl Strategy<Value = Oid> {
    "[0-9a-f]{4}".prop_map(Oid::new)
}

fn state() -> impl Strategy<Value = ChunkState> {
    prop_oneof![
        Just(ChunkState::Pending),
        any::<u32>().prop_map(|attempt| ChunkState::InProgress { attempt }),
        any::<(u32, u32)>().prop_map(|(attempt, fixes)| ChunkState::Verifying { attempt, fixes }),
        any::<(u32, u32)>().prop_map(|(attempt, fixes)| ChunkState::Fixing { attempt, fixes }),
        oid().prop_map(|commit| ChunkState::Committed { commit }),
        text().prop_map(|why| ChunkState::Failed { why }),
        text().prop_map(|why| ChunkState::NeedsReview { why }),
        (text(), text()).prop_map(|(why, needs)| ChunkState::Blocked { why, needs }),
        text().prop_map(|gate| ChunkState::AwaitingApproval { gate }),
        (text(), any::<bool>()).prop_map(|(because, person)| ChunkState::Skipped {
            because,
            by: if person {
                SkippedBy::Person
            } else {
                SkippedBy::Dependency
            },
        }),
    ]
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let outcome = prop_oneof![
        Just(CheckOutcome::Passed),
        any::<i32>().prop_map(|exit| CheckOutcome::Failed { exit }),
        text().prop_map(|why| CheckOutcome::NotAvailable { why }),
        any::<u64>().prop_map(|seconds| CheckOutcome::TimedOut { seconds }),
        any::<i32>().prop_map(|exit| CheckOutcome::FailedBefore { exit }),
    ];
    let check = (text(), text(), outcome, any::<u64>(), text()).prop_map(
        |(name, command, outcome, millis, output)| CheckResult {
            dir: command.clone(),
            name,
            command,
            outcome,
            millis,
            output,
            ..CheckResult::default()
        },
    );
    (
        collection::vec(check, 0..3),
        any::<bool>(),
        option::of(text()),
    )
        .prop_map(|(checks, unverified, tree)| Evidence {
            checks,
            unverified,
            tree,
            ..Evidence::default()
        })
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let time = (0i64..4_000_000_000, 0u32..1_000_000_000)
        .prop_map(|(s, n)| DateTime::from_timestamp(s, n).unwrap());
    let allowed = option::of((0u64..1 << 40, any::<u64>())).prop_map(|a| Allowance {
        usd: a.map(|(usd, _)| usd as f64 / 1e6),
        tokens: a.map(|(_, tokens)| tokens),
    });
    let end = prop_oneof![
        Just(AttemptEnd::Running),
        Just(AttemptEnd::Interrupted),
        Just(AttemptEnd::Committed),
        text().prop_map(|why| AttemptEnd::Failed { why }),
        (text(), option::of(time.clone()))
            .prop_map(|(why, until)| AttemptEnd::Limited { why, until }),
        text().prop_map(|why| AttemptEnd::OverBudget { why }),
    ];
    let cost = option::of(0u64..1 << 40)
        .prop_map(|c| c.map_or(Cost::Unknown, |c| Cost::Usd(c as f64 / 1e6)));
    let usage = any::<(Option<u64>, Option<u64>, Option<u64>)>();
    (
        any::<(u32, u32)>(),
        text(),
        option::of(text()),
        time.clone(),
        option::of(time),
        usage,
        cost,
        (allowed, any::<bool>()),
        end,
    )
        .prop_map(
            |(
                (n, fixes),
                engine,
                session,
                started,
                ended,
                (input, cached, output),
                cost,
                (allowed, lost),
                end,
            )| {
                Attempt {
                    n,
                    run: engine.as_str().into(),
                    model: session.clone(),
                    engine,
                    session,
                    started,
                    ended,
                    fixes,
                    usage: Usage {
                        input,
                        cached,
                        output,
                    },
                    cost,
                    allowed,
                    lost,
                    end,
                }
            },
        )
}

fn kind() -> impl Strategy<Value = MoveKind> {
    prop_oneof![
        Just(MoveKind::Retry),
        Just(MoveKind::Skip),
        text().prop_map(|text| MoveKind::Answer { text }),
        any::<u32>().prop_map(|attempt| MoveKind::Accept { attempt }),
    ]
}

fn a_move() -> impl Strategy<Value = MoveRecord> {
    (any::<u32>(), kind(), text(), option::of(text())).prop_map(|(n, kind, who, run)| MoveRecord {
        n,
        kind,
        who,
        when: DateTime::from_timestamp(i64::from(n), n % 1_000_000_000).unwrap(),
        run: run.map(|r| r.as_str().into()),
    })
}

fn record() -> impl Strategy<Value = ChunkRecord> {
    let completion = (text(), 0u32..=1_000_000, option::of(text())).prop_map(
        |(summary, c, no_change_needed)| Completion {
            rationale: summary.clone(),
            summary,
            confidence: f64::from(c) / 1e6,
            no_change_needed,
        },
    );
    (
        (text(), text(), state()),
        collection::vec(attempt(), 0..3),
        option::of(evidence()),
        option::of(completion),
        any::<(Option<u32>, u32, Option<u64>)>(),
        collection::vec(a_move(), 0..3),
    )
        .prop_map(
            |(
                (title, fingerprint, state),
                attempts,
                evidence,
                completion,
                (part, lines, pr),
                moves,
            )| {
                ChunkRecord {
                    title,
                    fingerprint,
                    state,
                    attempts,
                    evidence,
                    completion,
                    part,
                    lines,
                    pr,
                    moves,
                }
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        version: u64,
        path in text(),
        chunks in collection::btree_map(text().prop_map(|t| t.as_str().into()), record(), 0..4),
        pushed in collection::btree_map(text(), oid(), 0..3),
        user_copy: bool,
    ) {
        let mut ledger = fixture();
        ledger.version = version;
        ledger.path = path;
        ledger.chunks = chunks;
        ledger.pushed = pushed;
        ledger.user_copy = user_copy;
        prop_assert_eq!(decode(&encode(&ledger)).unwrap(), ledger);
    }

    #[test]
    fn any_bytes_are_survived(bytes in collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn any_damage_is_survived(at in 0..SCHEMA_2.len(), byte: u8, cut in 0..SCHEMA_2.len()) {
        let mut bytes = SCHEMA_2.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = decode(&bytes);
        bytes.truncate(cut);
        let _ = decode(&bytes);
    }
}
