use super::super::decide::decide;
use super::super::testkit::{at, base, chunk, ledger, oid, policy, spec_plan};
use super::*;
use crate::model::Verdict;
use crate::model::{
    Attempt, Chunk, ChunkRecord, Cost, Effect, MoveKind, MoveRecord, PrState, RunId, Usage,
};
use proptest::prelude::*;

fn attempt(n: u32, end: AttemptEnd) -> Attempt {
    Attempt {
        n,
        run: RunId::from("earlier"),
        engine: "fake".to_owned(),
        model: None,
        session: None,
        started: at(0),
        ended: None,
        fixes: 0,
        usage: Usage::default(),
        cost: Cost::Unknown,
        allowed: Default::default(),
        lost: false,
        end,
    }
}

fn record(state: ChunkState, attempts: Vec<Attempt>) -> ChunkRecord {
    ChunkRecord {
        state,
        attempts,
        ..ChunkRecord::new("Build a", "print-a")
    }
}

fn done(mut chunk: Chunk) -> Chunk {
    chunk.done = true;
    chunk
}

fn facts(tip: u32) -> LaneFacts {
    LaneFacts {
        tip: Some(oid(tip)),
        base: Some(base()),
        ..LaneFacts::default()
    }
}

fn commit(n: u32, id: &str, part: u32) -> LaneCommit {
    LaneCommit {
        oid: oid(n),
        chunk: Some(ChunkId::from(id)),
        part: Some(part),
        lines: 7,
        verdict: Some(Verdict::Proven),
        sync: false,
        other: None,
    }
}

fn recovered(ledger: Ledger, chunks: Vec<Chunk>, facts: &LaneFacts, resume: Resume) -> Recovered {
    recover(policy(), ledger, spec_plan(chunks), facts, resume).unwrap()
}

fn failed(n: usize) -> ChunkRecord {
    let why = || "x".to_owned();
    let attempts = (1..=n)
        .map(|i| attempt(u32::try_from(i).unwrap(), AttemptEnd::Failed { why: why() }))
        .collect();
    record(ChunkState::Failed { why: why() }, attempts)
}

#[test]
fn what_was_remembered_against_what_stands_in_the_spec() {
    let why = || "x".to_owned();
    let running = || vec![attempt(1, AttemptEnd::Running)];
    let changed = |r: ChunkRecord| ChunkRecord {
        fingerprint: "other".to_owned(),
        ..r
    };
    let table: Vec<(&str, ChunkRecord, bool, Resume, &str, bool)> = vec![
        (
            "pending stays",
            record(ChunkState::Pending, vec![]),
            false,
            Resume::Remembered,
            "pending",
            false,
        ),
        (
            "interrupted in the engine",
            record(ChunkState::InProgress { attempt: 1 }, running()),
            false,
            Resume::Remembered,
            "pending",
            true,
        ),
        (
            "interrupted in the checks",
            record(
                ChunkState::Verifying {
                    attempt: 1,
                    fixes: 1,
                },
                running(),
            ),
            false,
            Resume::Remembered,
            "pending",
            true,
        ),
        (
            "committed, record lost",
            record(
                ChunkState::Verifying {
                    attempt: 1,
                    fixes: 0,
                },
                running(),
            ),
            true,
            Resume::Remembered,
            "committed",
            true,
        ),
        (
            "committed and marked",
            record(ChunkState::Committed { commit: oid(5) }, vec![]),
            true,
            Resume::Remembered,
            "committed",
            false,
        ),
        (
            "mark taken away",
            record(ChunkState::Committed { commit: oid(5) }, vec![]),
            false,
            Resume::Remembered,
            "pending",
            true,
        ),
        (
            "ticked by a person",
            record(
                ChunkState::Blocked {
                    why: why(),
                    needs: why(),
                },
                vec![],
            ),
            true,
            Resume::Remembered,
            "committed",
            true,
        ),
        (
            "failed within its bound",
            failed(2),
            false,
            Resume::Remembered,
            "pending",
            false,
        ),
        (
            "failed too often",
            failed(3),
            false,
            Resume::Remembered,
            "failed",
            false,
        ),
        (
            "failed too often, text changed",
            changed(failed(3)),
            false,
            Resume::Remembered,
            "pending",
            false,
        ),
        (
            "failed too often, --no-resume",
            failed(3),
            false,
            Resume::Forgetful,
            "pending",
            false,
        ),
        (
            "blocked stays",
            record(
                ChunkState::Blocked {
                    why: why(),
                    needs: why(),
                },
                vec![],
            ),
            false,
            Resume::Remembered,
            "blocked",
            false,
        ),
        (
            "blocked, text changed",
            changed(record(
                ChunkState::Blocked {
                    why: why(),
                    needs: why(),
                },
                vec![],
            )),
            false,
            Resume::Remembered,
            "pending",
            false,
        ),
        (
            "needs review stays",
            record(ChunkState::NeedsReview { why: why() }, vec![]),
            false,
            Resume::Remembered,
            "needs_review",
            false,
        ),
        (
            "needs review, --no-resume",
            record(ChunkState::NeedsReview { why: why() }, vec![]),
            false,
            Resume::Forgetful,
            "pending",
            false,
        ),
        (
            "skipped comes back",
            record(
                ChunkState::Skipped {
                    because: why(),
                    by: SkippedBy::Dependency,
                },
                vec![],
            ),
            false,
            Resume::Remembered,
            "pending",
            false,
        ),
    ];
    for (what, record, is_done, resume, state, is_repair) in table {
        let mut ledger = ledger();
        ledger.chunks.insert(ChunkId::from("a"), record);
        let mut facts = facts(5);
        let plan = if is_done {
            facts.commits.push(commit(5, "a", 1));
            done(chunk("a", &[]))
        } else {
            chunk("a", &[])
        };
        let after = recovered(ledger, vec![plan], &facts, resume);
        assert_eq!(
            after.lane.state(&ChunkId::from("a")).word(),
            state,
            "{what}"
        );
        assert_eq!(
            !after.repairs.is_empty(),
            is_repair,
            "{what}: {:?}",
            after.repairs
        );
        let still_running = after
            .lane
            .record(&ChunkId::from("a"))
            .unwrap()
            .attempts
            .iter()
            .any(|a| a.end == AttemptEnd::Running);
        assert!(!still_running, "{what}");
    }
}

#[test]
fn a_fresh_clone_knows_everything_that_matters() {
    let chunks = vec![
        done(chunk("a", &[])),
        done(chunk("b", &[])),
        chunk("c", &[]),
    ];
    let mut facts = facts(7);
    facts.commits = vec![commit(5, "a", 1), commit(7, "b", 2)];
    facts.remote = [
        ("codelicious/spec".to_owned(), oid(5)),
        ("codelicious/spec-part-2".to_owned(), oid(7)),
    ]
    .into();
    let after = recovered(ledger(), chunks, &facts, Resume::Remembered);
    let lane = after.lane;
    assert_eq!(lane.progress(), (2, 3));
    assert_eq!(
        lane.ledger
            .prs
            .iter()
            .map(|p| (p.part, p.tip.clone(), p.base.as_str()))
            .collect::<Vec<_>>(),
        [(1, oid(5), "main"), (2, oid(7), "codelicious/spec")]
    );
    assert_eq!(lane.ledger.pushed.len(), 2, "nothing is sent again");
    assert_eq!(lane.record(&ChunkId::from("b")).unwrap().lines, 7);
    assert_eq!(lane.next_chunk().unwrap().id, ChunkId::from("c"));
}

#[test]
fn a_trailer_without_its_mark_was_undone_and_is_said() {
    let mut facts = facts(5);
    facts.commits.push(commit(5, "a", 1));
    let after = recovered(ledger(), vec![chunk("a", &[])], &facts, Resume::Remembered);
    assert_eq!(*after.lane.state(&ChunkId::from("a")), ChunkState::Pending);
    assert!(
        after.repairs[0].contains("its mark was taken away"),
        "{:?}",
        after.repairs
    );
}

#[test]
fn a_sealed_commit_is_landed_without_buying_the_work_again() {
    let landing = || Intent::Land {
        chunk: ChunkId::from("a"),
        part: 1,
        old: oid(2),
        new: oid(3),
    };
    let mut before = ledger();
    before.chunks.insert(
        ChunkId::from("a"),
        record(
            ChunkState::Verifying {
                attempt: 1,
                fixes: 0,
            },
            vec![attempt(1, AttemptEnd::Running)],
        ),
    );
    before.intents.push(landing());
    let mut facts = facts(2);
    facts.objects.insert(oid(3));
    let after = recovered(
        before.clone(),
        vec![chunk("a", &[])],
        &facts,
        Resume::Remembered,
    );
    assert_eq!(
        after.lane.resume_landing,
        Some((ChunkId::from("a"), 1, oid(3)))
    );
    assert_eq!(
        decide(&after.lane, &BTreeSet::new(), at(0)),
        [Effect::PrepareLane]
    );
    // The lane moved, or the object is gone: the chunk starts again.
    for facts in [
        LaneFacts {
            tip: Some(oid(9)),
            ..facts.clone()
        },
        LaneFacts {
            objects: BTreeSet::new(),
            ..facts
        },
    ] {
        let after = recovered(
            before.clone(),
            vec![chunk("a", &[])],
            &facts,
            Resume::Remembered,
        );
        assert_eq!(after.lane.resume_landing, None);
        assert_eq!(*after.lane.state(&ChunkId::from("a")), ChunkState::Pending);
    }
}

#[test]
fn numbers_of_merged_parts_are_not_used_again() {
    let mut facts = facts(1);
    facts.tip = None;
    facts.merged_parts = [
        (1, ("codelicious/spec".to_owned(), oid(5))),
        (2, ("codelicious/spec-part-2".to_owned(), oid(7))),
    ]
    .into();
    let after = recovered(
        ledger(),
        vec![done(chunk("a", &[])), chunk("b", &[])],
        &facts,
        Resume::Remembered,
    );
    assert!(
        after
            .lane
            .ledger
            .prs
            .iter()
            .all(|p| p.state == PrState::Merged)
    );
    assert_eq!(super::super::decide::choose_part(&after.lane, 1), 3);
    assert_eq!(super::super::decide::pr_base(&after.lane, 3), "main");
}

fn any_state() -> impl Strategy<Value = ChunkState> {
    let why = || "x".to_owned();
    prop_oneof![
        Just(ChunkState::Pending),
        (1u32..4).prop_map(|attempt| ChunkState::InProgress { attempt }),
        (1u32..4, 0u32..3).prop_map(|(attempt, fixes)| ChunkState::Verifying { attempt, fixes }),
        (1u32..4, 1u32..3).prop_map(|(attempt, fixes)| ChunkState::Fixing { attempt, fixes }),
        (1u32..9).prop_map(|n| ChunkState::Committed { commit: oid(n) }),
        Just(ChunkState::Failed { why: why() }),
        Just(ChunkState::NeedsReview { why: why() }),
        Just(ChunkState::Blocked {
            why: why(),
            needs: why()
        }),
        Just(ChunkState::AwaitingApproval { gate: why() }),
        Just(ChunkState::Skipped {
            because: why(),
            by: SkippedBy::Dependency
        }),
        Just(ChunkState::Skipped {
            because: why(),
            by: SkippedBy::Person
        }),
    ]
}

/// A chunk that a person accepted, which an earlier run or nobody verified.
fn accepted() -> ChunkRecord {
    let why = || "x".to_owned();
    let attempts = vec![attempt(1, AttemptEnd::NeedsReview { why: why() })];
    let mut record = record(
        ChunkState::Verifying {
            attempt: 1,
            fixes: 0,
        },
        attempts,
    );
    record.moves = vec![MoveRecord {
        n: 1,
        kind: MoveKind::Accept { attempt: 1 },
        who: "Ada".to_owned(),
        when: at(0),
        run: None,
    }];
    record
}

#[test]
fn a_killed_run_s_next_run_goes_on_with_what_was_accepted() {
    for resume in [Resume::Remembered, Resume::Forgetful, Resume::SameRun] {
        let mut before = ledger();
        before.chunks.insert(ChunkId::from("a"), accepted());
        before.intents = vec![
            Intent::TakeUp {
                chunk: ChunkId::from("a"),
                attempt: 1,
            },
            Intent::Push {
                branch: "b".to_owned(),
                tip: oid(2),
            },
        ];
        let after = recovered(before, vec![chunk("a", &[])], &facts(2), resume);
        assert!(after.lane.is_accepted(&ChunkId::from("a")), "{resume:?}");
        assert!(after.repairs.is_empty(), "{:?}", after.repairs);
        // What lies in the worktree is a copy, until the lane is prepared.
        assert_eq!(after.lane.ledger.intents.len(), 1);
        let due = decide(&after.lane, &BTreeSet::new(), at(0));
        assert_eq!(due, [Effect::PrepareLane]);
    }
}

#[test]
fn accepted_work_of_another_text_is_built_anew() {
    let mut before = ledger();
    let mut old = accepted();
    old.fingerprint = "other".to_owned();
    before.chunks.insert(ChunkId::from("a"), old);
    let after = recovered(before, vec![chunk("a", &[])], &facts(2), Resume::Remembered);
    assert_eq!(*after.lane.state(&ChunkId::from("a")), ChunkState::Pending);
}

#[test]
fn accepted_work_that_landed_is_known_as_accepted() {
    let mut before = ledger();
    before.chunks.insert(ChunkId::from("a"), accepted());
    let facts = LaneFacts {
        commits: vec![commit(3, "a", 1)],
        ..facts(3)
    };
    let after = recovered(
        before,
        vec![done(chunk("a", &[]))],
        &facts,
        Resume::Remembered,
    );
    let record = after.lane.record(&ChunkId::from("a")).unwrap();
    assert_eq!(record.state, ChunkState::Committed { commit: oid(3) });
    assert_eq!(record.accepted().map(|a| a.who.as_str()), Some("Ada"));
}

#[test]
fn a_person_s_skip_stands_whatever_becomes_of_the_text() {
    for resume in [Resume::Remembered, Resume::Forgetful, Resume::SameRun] {
        let skipped = ChunkState::Skipped {
            because: "Ada said so".to_owned(),
            by: SkippedBy::Person,
        };
        let mut before = ledger();
        let mut kept = record(skipped.clone(), vec![]);
        kept.fingerprint = "other".to_owned();
        before.chunks.insert(ChunkId::from("a"), kept);
        let after = recovered(before, vec![chunk("a", &[])], &facts(2), resume);
        assert_eq!(
            *after.lane.state(&ChunkId::from("a")),
            skipped,
            "{resume:?}"
        );
        assert!(decide(&after.lane, &BTreeSet::new(), at(0)).is_empty());
        assert_eq!(
            super::super::decide::lane_exit(&after.lane),
            crate::model::ExitCode::Done
        );
    }
}

#[test]
fn another_look_of_the_same_run_pays_for_no_failure_again() {
    let mut before = ledger();
    before.chunks.insert(ChunkId::from("a"), failed(1));
    let of = |resume| recovered(before.clone(), vec![chunk("a", &[])], &facts(2), resume);
    let word = |r: Recovered| r.lane.state(&ChunkId::from("a")).word();
    assert_eq!(word(of(Resume::SameRun)), "failed");
    assert_eq!(word(of(Resume::Remembered)), "pending");
}

proptest! {
    /// Whatever the ledger remembers: what the spec marks is done, and nothing else is.
    #[test]
    fn git_decides_what_is_done(states in proptest::collection::vec((any_state(), any::<bool>()), 1..8), forget: bool) {
        let mut before = ledger();
        let mut chunks = Vec::new();
        for (i, (state, is_done)) in states.iter().enumerate() {
            let id = format!("c{i}");
            before.chunks.insert(ChunkId::from(id.as_str()), record(state.clone(), vec![]));
            chunks.push(if *is_done { done(chunk(&id, &[])) } else { chunk(&id, &[]) });
        }
        let resume = if forget { Resume::Forgetful } else { Resume::Remembered };
        let once = recovered(before, chunks.clone(), &facts(2), resume);
        for (i, (_, is_done)) in states.iter().enumerate() {
            let id = ChunkId::from(format!("c{i}").as_str());
            prop_assert_eq!(matches!(once.lane.state(&id), ChunkState::Committed { .. }), *is_done);
        }
        let twice = recovered(once.lane.ledger.clone(), chunks, &facts(2), resume);
        prop_assert_eq!(&twice.lane.ledger, &once.lane.ledger, "recovering again changes nothing");
        prop_assert!(twice.repairs.is_empty(), "{:?}", twice.repairs);
    }
}

/// What waits for something that stopped goes on waiting for it, and the run that finds it so ends as the one before.
#[test]
fn what_waits_for_a_stopped_chunk_is_still_skipped_when_nothing_else_is_due() {
    let mut known = ledger();
    let blocked = ChunkState::Blocked {
        why: "a question".to_owned(),
        needs: "an answer".to_owned(),
    };
    let skipped = ChunkState::Skipped {
        because: "a is blocked".to_owned(),
        by: SkippedBy::Dependency,
    };
    known
        .chunks
        .insert(ChunkId::from("a"), record(blocked, Vec::new()));
    let b = ChunkRecord {
        fingerprint: "print-b".to_owned(),
        ..record(skipped, Vec::new())
    };
    known.chunks.insert(ChunkId::from("b"), b);
    let chunks = vec![chunk("a", &[]), chunk("b", &["a"])];
    let found = recovered(known, chunks, &facts(2), Resume::Remembered);
    let state = found.lane.state(&ChunkId::from("b"));
    assert!(matches!(state, ChunkState::Skipped { .. }), "{state:?}");
    assert_eq!(
        super::super::decide::lane_exit(&found.lane),
        crate::model::ExitCode::WaitsForPerson
    );
    assert!(decide(&found.lane, &BTreeSet::new(), at(0)).is_empty());
}

/// Until it has landed, the ledger goes on naming the commit: a second crash must find it too.
#[test]
fn the_intent_to_land_outlives_recovery() {
    let mut known = ledger();
    let state = ChunkState::Verifying {
        attempt: 1,
        fixes: 0,
    };
    let attempts = vec![attempt(1, AttemptEnd::Running)];
    known
        .chunks
        .insert(ChunkId::from("a"), record(state, attempts));
    let intent = Intent::Land {
        chunk: ChunkId::from("a"),
        part: 1,
        old: oid(2),
        new: oid(3),
    };
    known.intents = vec![intent.clone()];
    let known_facts = LaneFacts {
        objects: [oid(3)].into(),
        ..facts(2)
    };
    let found = recovered(
        known,
        vec![chunk("a", &[])],
        &known_facts,
        Resume::Remembered,
    );
    assert!(found.lane.resume_landing.is_some());
    assert_eq!(found.lane.ledger.intents, [intent]);
}

/// The plan of a split task that is done has one chunk, the ledger all of its parts.
#[test]
fn a_part_that_holds_parts_of_a_task_is_merged_with_the_task() {
    let mut known = ledger();
    for id in ["a+1", "a+2"] {
        let committed = ChunkState::Committed { commit: oid(2) };
        let part = ChunkRecord {
            part: Some(1),
            ..record(committed, Vec::new())
        };
        known.chunks.insert(ChunkId::from(id), part);
    }
    let on_base = LaneFacts {
        on_base: [ChunkId::from("a")].into(),
        ..facts(2)
    };
    let found = recovered(
        known,
        vec![done(chunk("a", &[]))],
        &on_base,
        Resume::Remembered,
    );
    assert!(found.lane.part_is_merged(1));
}
