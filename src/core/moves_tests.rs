use super::super::testkit::{at, chunk, ledger, oid, spec_plan};
use super::*;
use crate::model::{Attempt, AttemptEnd, Cost, Usage};
use proptest::prelude::*;

fn text() -> String {
    "x".to_owned()
}

/// Every state a ledger may hold.
fn states() -> Vec<ChunkState> {
    vec![
        ChunkState::Pending,
        ChunkState::InProgress { attempt: 1 },
        ChunkState::Verifying {
            attempt: 1,
            fixes: 0,
        },
        ChunkState::Fixing {
            attempt: 1,
            fixes: 1,
        },
        ChunkState::Committed { commit: oid(5) },
        ChunkState::Failed { why: text() },
        ChunkState::NeedsReview { why: text() },
        ChunkState::Blocked {
            why: text(),
            needs: text(),
        },
        ChunkState::AwaitingApproval { gate: text() },
        ChunkState::Skipped {
            because: "b is failed".to_owned(),
            by: SkippedBy::Dependency,
        },
        ChunkState::Skipped {
            because: "Ada said so".to_owned(),
            by: SkippedBy::Person,
        },
    ]
}

fn kinds() -> Vec<MoveKind> {
    vec![
        MoveKind::Retry,
        MoveKind::Answer { text: text() },
        MoveKind::Accept { attempt: 1 },
        MoveKind::Skip,
    ]
}

fn attempt(n: u32) -> Attempt {
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
        end: AttemptEnd::NeedsReview { why: text() },
    }
}

fn record(state: ChunkState) -> ChunkRecord {
    ChunkRecord {
        state,
        attempts: vec![attempt(1)],
        ..ChunkRecord::new("Build a", "print-a")
    }
}

fn said(n: u32, kind: MoveKind) -> MoveRecord {
    MoveRecord {
        n,
        kind,
        who: "Ada".to_owned(),
        when: at(i64::from(n)),
        run: None,
    }
}

fn asked(n: u32, kind: MoveKind, seen: Seen) -> Move {
    Move {
        spec: SpecId::from("spec"),
        chunk: ChunkId::from("a"),
        n,
        kind,
        who: "Ada".to_owned(),
        when: at(i64::from(n)),
        seen,
    }
}

const WITHOUT: Carrier<'static> = Carrier {
    at_work: false,
    run: None,
};
const AT_WORK: Carrier<'static> = Carrier {
    at_work: true,
    run: None,
};

/// Every move at every state, as a run that is at work in the lane sees it.
#[test]
fn where_each_move_applies_beside_a_run() {
    let mut rows = Vec::new();
    for state in states() {
        let record = record(state.clone());
        let stands = standing(Some(&record), &chunk("a", &[]), true);
        for kind in kinds() {
            let said = match check(&kind, &"spec".into(), &"a".into(), &stands) {
                Ok(()) => "yes".to_owned(),
                Err(Refusal { why, remedy }) => format!("{why}; {remedy}"),
            };
            rows.push(format!("{} {}: {said}", state.word(), kind.word()));
        }
    }
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn how_a_chunk_stands_without_a_run() {
    let plain = chunk("a", &[]);
    let mut done = plain.clone();
    done.done = true;
    let mut changed = plain.clone();
    changed.fingerprint = "other".to_owned();
    let mut rows = Vec::new();
    for state in states() {
        let record = record(state.clone());
        let word = |chunk: &Chunk| standing(Some(&record), chunk, false).word();
        rows.push(format!(
            "{}: {}, done {}, changed {}",
            state.word(),
            word(&plain),
            word(&done),
            word(&changed)
        ));
    }
    rows.push(format!("none: {}", standing(None, &plain, false).word()));
    insta::assert_snapshot!(rows.join("\n"), @r"
    pending: pending, done done, changed pending
    in_progress: pending, done done, changed pending
    verifying: pending, done done, changed pending
    fixing: pending, done done, changed pending
    committed: pending, done done, changed pending
    failed: failed, done done, changed pending
    needs_review: needs_review, done done, changed pending
    blocked: blocked, done done, changed pending
    awaiting_approval: awaiting_approval, done done, changed pending
    skipped: skipped, done done, changed skipped
    skipped: skipped, done done, changed skipped
    none: pending
    ");
}

#[test]
fn what_was_accepted_says_so_until_it_is_verified() {
    let verifying = ChunkState::Verifying {
        attempt: 1,
        fixes: 0,
    };
    let mut record = record(verifying);
    record.moves = vec![said(1, MoveKind::Accept { attempt: 1 })];
    for at_work in [true, false] {
        let stands = standing(Some(&record), &chunk("a", &[]), at_work);
        assert_eq!(stands.accepted_by.as_deref(), Some("Ada"));
        let refused = check(&MoveKind::Skip, &"spec".into(), &"a".into(), &stands);
        assert!(refused.unwrap_err().why.contains("accepted by Ada"));
    }
    let mut changed = chunk("a", &[]);
    changed.fingerprint = "other".to_owned();
    assert_eq!(standing(Some(&record), &changed, false).word(), "pending");
    // A later attempt is nobody's accepted work.
    record.attempts.push(attempt(2));
    record.state = ChunkState::Verifying {
        attempt: 2,
        fixes: 0,
    };
    assert!(record.accepted().is_none());
}

/// A ledger with `a` in this state, and `b` and `c` waiting for it one behind the other.
fn with_waiting(state: ChunkState) -> (Ledger, SpecPlan) {
    let mut ledger = ledger();
    ledger.chunks.insert("a".into(), record(state));
    for (id, on) in [("b", "a"), ("c", "b")] {
        let mut waiting = ChunkRecord::new(format!("Build {id}"), format!("print-{id}"));
        waiting.state = ChunkState::Skipped {
            because: format!("{on} is failed"),
            by: SkippedBy::Dependency,
        };
        ledger.chunks.insert(id.into(), waiting);
    }
    let chunks = vec![
        chunk("a", &[]),
        chunk("b", &["a"]),
        chunk("c", &["b"]),
        chunk("d", &[]),
    ];
    (ledger, spec_plan(chunks))
}

fn seen(state: &str, attempts: u32) -> Seen {
    Seen {
        state: state.to_owned(),
        attempts,
    }
}

fn words(ledger: &Ledger) -> Vec<String> {
    let word = |(id, r): (&ChunkId, &ChunkRecord)| {
        let reason = r
            .state
            .reason()
            .map_or_else(String::new, |r| format!(" ({r})"));
        format!("{id} {}{reason}", r.state.word())
    };
    ledger.chunks.iter().map(word).collect()
}

#[test]
fn a_move_is_recorded_and_told() {
    let (mut ledger, plan) = with_waiting(ChunkState::Failed { why: text() });
    let run = RunId::from("this");
    let carrier = Carrier {
        at_work: true,
        run: Some(&run),
    };
    let retry = asked(1, MoveKind::Retry, seen("failed", 1));
    let (carried, events) = carry_out(&mut ledger, &plan, &retry, carrier).unwrap();
    assert_eq!(carried, Carried::Done);
    assert_eq!(words(&ledger), ["a pending", "b pending", "c pending"]);
    let record = &ledger.chunks[&ChunkId::from("a")];
    assert!(record.moves[0].is_of(&retry));
    assert_eq!(record.moves[0].run, Some(run.clone()));
    assert_eq!(record.next_move(), 2);
    let moved = EventKind::Moved {
        verb: "retry".to_owned(),
        who: "Ada".to_owned(),
        status: "pending".to_owned(),
    };
    assert_eq!(events, [(Some(ChunkId::from("a")), moved)]);
    // The same file once more, after a crash.
    let before = ledger.clone();
    let again = carry_out(&mut ledger, &plan, &retry, carrier).unwrap();
    assert_eq!(again, (Carried::Known, Vec::new()));
    assert_eq!(ledger, before);
}

#[test]
fn what_waits_for_a_skipped_chunk_says_so() {
    let (mut ledger, plan) = with_waiting(ChunkState::Blocked {
        why: text(),
        needs: text(),
    });
    let skip = asked(1, MoveKind::Skip, seen("blocked", 1));
    let (_, events) = carry_out(&mut ledger, &plan, &skip, WITHOUT).unwrap();
    assert_eq!(
        words(&ledger),
        [
            "a skipped (Ada said so)",
            "b skipped (a is skipped)",
            "c skipped (b is skipped)"
        ]
    );
    assert_eq!(events.len(), 3);
    let retry = asked(2, MoveKind::Retry, seen("skipped", 1));
    carry_out(&mut ledger, &plan, &retry, WITHOUT).unwrap();
    assert_eq!(words(&ledger), ["a pending", "b pending", "c pending"]);
}

#[test]
fn a_chunk_that_nobody_tried_can_be_left_out() {
    let mut ledger = ledger();
    let plan = spec_plan(vec![chunk("a", &[]), chunk("b", &["a"])]);
    let skip = asked(1, MoveKind::Skip, seen("pending", 0));
    carry_out(&mut ledger, &plan, &skip, WITHOUT).unwrap();
    assert_eq!(
        words(&ledger),
        ["a skipped (Ada said so)", "b skipped (a is skipped)"]
    );
    let record = &ledger.chunks[&ChunkId::from("a")];
    assert_eq!(
        (record.title.as_str(), record.fingerprint.as_str()),
        ("Build a", "print-a")
    );
}

#[test]
fn what_the_person_saw_is_looked_at_again() {
    let failed = || ChunkState::Failed { why: text() };
    for (state, moves, asked, says) in [
        (
            ChunkState::InProgress { attempt: 1 },
            vec![],
            asked(1, MoveKind::Skip, seen("pending", 0)),
            "a is being built",
        ),
        (
            ChunkState::NeedsReview { why: text() },
            vec![],
            asked(1, MoveKind::Retry, seen("failed", 1)),
            "a is needs_review now; it was failed when Ada looked at it",
        ),
        (
            failed(),
            vec![],
            asked(1, MoveKind::Retry, seen("failed", 0)),
            "a was tried again since Ada looked at it, and is failed once more",
        ),
        (
            failed(),
            vec![MoveRecord {
                who: "Bob".to_owned(),
                ..said(1, MoveKind::Skip)
            }],
            asked(1, MoveKind::Retry, seen("failed", 1)),
            "Bob was first, with skip a",
        ),
        (
            failed(),
            vec![],
            Move {
                chunk: "z".into(),
                ..asked(1, MoveKind::Retry, seen("failed", 1))
            },
            "there is no z in spec any more",
        ),
    ] {
        let (mut ledger, plan) = with_waiting(state);
        ledger.chunks.get_mut(&"a".into()).unwrap().moves = moves;
        let before = ledger.clone();
        let (carried, events) = carry_out(&mut ledger, &plan, &asked, AT_WORK).unwrap();
        let Carried::Refused(refusal) = carried else {
            panic!("{says}: {carried:?}");
        };
        assert_eq!(refusal.why, says);
        assert_eq!(ledger, before, "{says}");
        let [(Some(_), EventKind::MoveRefused { why, who, .. })] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!((why.as_str(), who.as_str()), (says, "Ada"));
    }
}

#[test]
fn answers_add_up_and_the_oldest_make_room() {
    let mut record = record(ChunkState::Pending);
    assert_eq!(answers(&record), None);
    let answer = |n, text: &str| {
        let text = text.to_owned();
        said(n, MoveKind::Answer { text })
    };
    record.moves = vec![
        answer(1, "green\n"),
        said(2, MoveKind::Retry),
        answer(3, "dark green"),
    ];
    assert_eq!(answers(&record).as_deref(), Some("green\n\ndark green"));
    record.moves.push(answer(4, &"x".repeat(MAX_ANSWERS - 10)));
    let said = answers(&record).unwrap();
    assert!(said.starts_with("dark green\n\nxx"), "{}", &said[..20]);
}

proptest! {
    /// Whatever is asked for at whatever state, the ledger stays on the graph, and nobody but a run commits.
    #[test]
    fn no_sequence_of_moves_leaves_the_graph(
        start in 0..states().len(),
        picks in proptest::collection::vec((0usize..4, 0usize..4, any::<bool>()), 0..12),
    ) {
        let (mut ledger, plan) = with_waiting(states()[start].clone());
        for (kind, at, at_work) in picks {
            let target = &plan.chunks[at];
            let record = ledger.chunks.get(&target.id);
            let stands = standing(record, target, at_work);
            let asked = Move {
                chunk: target.id.clone(),
                ..asked(record.map_or(1, ChunkRecord::next_move), kinds()[kind].clone(), stands.seen())
            };
            let allowed = check(&asked.kind, &asked.spec, &asked.chunk, &stands).is_ok();
            let before = ledger.clone();
            let carrier = Carrier { at_work, run: None };
            let (carried, _) = carry_out(&mut ledger, &plan, &asked, carrier).unwrap();
            prop_assert_eq!(carried == Carried::Done, allowed);
            if !allowed {
                prop_assert_eq!(&before, &ledger);
            }
            for (id, now) in &ledger.chunks {
                let was = before.chunks.get(id).map_or(&ChunkState::Pending, |r| &r.state);
                let committed = |s: &ChunkState| matches!(s, ChunkState::Committed { .. });
                prop_assert!(!committed(&now.state) || committed(was));
                let numbers: Vec<u32> = now.moves.iter().map(|m| m.n).collect();
                let wanted: Vec<u32> = (1..).take(numbers.len()).collect();
                prop_assert_eq!(numbers, wanted);
            }
        }
    }
}
