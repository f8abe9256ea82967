use super::super::absorb::{absorb, note_part};
use super::super::decide::{is_ready, pr_key};
use super::super::lane::{PrPolicy, Stage};
use super::super::template::Template;
use super::super::testkit::{at, chunk, lane, oid};
use super::*;
use crate::model::{CheckResult, ChunkId, ChunkPart, EffectResult, EventKind, IssueRecord, PrMode};
use std::sync::Arc;

const SPEC: &str = "---\ncloses: #90\n---\n# Todo\n\nA list. Closes #91.\n\n- [ ] a\n";

fn passed(unverified: bool) -> Evidence {
    Evidence {
        unverified,
        ..Evidence::default()
    }
}

/// A prepared lane over chunks with these texts, two commits a part, the first `built` of them committed.
fn lane_of(texts: &[&str], built: usize) -> Lane {
    let chunks = texts.iter().enumerate().map(|(i, text)| {
        let mut chunk = chunk(&format!("T{}", i + 1), &[]);
        chunk.text = (*text).to_owned();
        chunk
    });
    let mut lane = lane(chunks.collect());
    (lane.stage, lane.tip) = (Stage::Idle, Some(oid(2)));
    for i in 0..built {
        let n = u32::try_from(i).unwrap();
        let (id, commit, part) = (lane.plan.chunks[i].id.clone(), oid(100 + n), 1 + n / 2);
        let record = lane.record_mut(&id);
        record.state = ChunkState::Committed {
            commit: commit.clone(),
        };
        (record.part, record.evidence) = (Some(part), Some(passed(false)));
        note_part(&mut lane, part, &commit);
    }
    lane
}

fn facts() -> PartFacts {
    PartFacts {
        spec_text: SPEC.as_bytes().to_vec(),
        ..PartFacts::default()
    }
}

fn closed(lane: &Lane, part: u32) -> Vec<String> {
    let input = body_input(lane, part, &facts());
    input.closes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_part_closes_what_its_own_tasks_say() {
    let texts = [
        "a\n\nCloses #1 and `closes #2`",
        "b (fixes o/r#3)",
        "closes #4",
        "none",
    ];
    let lane = lane_of(&texts, 3);
    assert_eq!(closed(&lane, 1), ["#1", "o/r#3"]);
    assert_eq!(closed(&lane, 2), ["#4"], "the spec is not whole yet");
    let whole = lane_of(&texts, 4);
    assert_eq!(closed(&whole, 1), ["#1", "o/r#3"]);
    assert_eq!(closed(&whole, 2), ["#90", "#91", "#4"]);
}

#[test]
fn a_model_s_plan_closes_nothing() {
    let mut lane = lane_of(&["closes #1", "closes #2"], 2);
    lane.start.planned.insert(ChunkId::from("T1"));
    assert_eq!(closed(&lane, 1), ["#90", "#91", "#2"]);
}

#[test]
fn what_was_made_of_an_issue_closes_that_one_alone() {
    let mut lane = lane_of(&["closes #1", "closes #2", "closes #3"], 2);
    lane.ledger.issue = Some(IssueRecord {
        number: 7,
        url: "https://example.org/7".to_owned(),
        told: None,
    });
    assert_eq!(closed(&lane, 1), [""; 0], "it is not whole yet");
    let issue = lane.ledger.issue.take();
    lane = lane_of(&["closes #1", "closes #2", "closes #3"], 3);
    lane.ledger.issue = issue;
    assert_eq!(closed(&lane, 1), [""; 0]);
    assert_eq!(closed(&lane, 2), ["#7"]);
}

#[test]
fn a_spec_that_cannot_be_read_is_not_whole() {
    let mut lane = lane_of(&["closes #1", "closes #2"], 2);
    assert!(is_ready(&lane, 1));
    assert_eq!(closed(&lane, 1), ["#90", "#91", "#1", "#2"]);
    Arc::make_mut(&mut lane.plan).chunks.clear();
    assert!(!is_ready(&lane, 1) && !is_complete(&lane, 1));
    assert_eq!(closed(&lane, 1), [""; 0]);
}

#[test]
fn a_split_task_closes_with_its_last_piece() {
    let mut lane = lane_of(&["first (closes #1)", "second", "else", "more"], 2);
    for (i, chunk) in Arc::make_mut(&mut lane.plan).chunks[..3]
        .iter_mut()
        .enumerate()
    {
        chunk.task = ChunkId::from("T");
        chunk.part = Some(ChunkPart {
            index: i + 1,
            of: 3,
            bounds: String::new(),
        });
    }
    assert_eq!(closed(&lane, 1), [""; 0]);
    let id = ChunkId::from("T3");
    let record = lane.record_mut(&id);
    record.state = ChunkState::Committed { commit: oid(103) };
    record.part = Some(2);
    note_part(&mut lane, 2, &oid(103));
    assert_eq!(closed(&lane, 1), [""; 0]);
    assert_eq!(closed(&lane, 2), ["#1"]);
}

#[test]
fn what_is_unproven_is_named() {
    let mut lane = lane_of(&["", "", "", ""], 4);
    lane.policy.max_lines = 100;
    let before = CheckResult {
        name: "test".to_owned(),
        command: "make test".to_owned(),
        dir: String::new(),
        outcome: CheckOutcome::FailedBefore { exit: 1 },
        millis: 1,
        output: String::new(),
        ..CheckResult::default()
    };
    lane.record_mut(&ChunkId::from("T1")).evidence = Some(passed(true));
    lane.record_mut(&ChunkId::from("T2")).evidence = None;
    let third = lane.record_mut(&ChunkId::from("T3"));
    third.evidence = Some(Evidence {
        checks: vec![before.clone(), before],
        ..Evidence::default()
    });
    third.lines = 101;
    let one = body_input(&lane, 1, &facts());
    assert_eq!(
        (one.unverified, one.unknown),
        (vec!["T1".to_owned()], vec!["T2".to_owned()])
    );
    assert!(one.failed_before.is_empty() && one.oversized.is_empty());
    let two = body_input(&lane, 2, &facts());
    assert_eq!(two.failed_before, ["test"]);
    assert_eq!((two.oversized[0].lines, two.oversized[0].most), (101, 100));
    assert_eq!(
        two.chunks[0].verdict.as_deref(),
        Some("regression only, but 2 failed before as well")
    );
    lane.policy.pr.mode = PrMode::Spec;
    assert!(body_input(&lane, 2, &facts()).oversized.is_empty());
}

#[test]
fn neighbours_know_each_other() {
    let mut lane = lane_of(&["", "", "", ""], 4);
    for (pr, number) in lane.ledger.prs.iter_mut().zip([11, 12]) {
        (pr.number, pr.url) = (Some(number), Some(format!("https://example.org/{number}")));
    }
    let next = body_input(&lane, 1, &facts()).next.unwrap();
    assert_eq!(
        (next.part, next.number, next.state),
        (2, Some(12), PrState::Draft)
    );
    let open = pr_key(&lane, 2);
    lane.ledger.prs[0].state = PrState::Merged;
    let previous = body_input(&lane, 2, &facts()).previous.unwrap();
    assert_eq!(
        (previous.number, previous.state),
        (Some(11), PrState::Merged)
    );
    assert_ne!(pr_key(&lane, 2), open, "it is said anew");
    lane.ledger.prs[0].state = PrState::Ready;
    lane.on_base = [ChunkId::from("T1"), ChunkId::from("T2")].into();
    let previous = body_input(&lane, 2, &facts()).previous.unwrap();
    assert_eq!(previous.state, PrState::Merged, "squashed by hand");
}

#[test]
fn a_changed_configuration_is_applied() {
    let mut lane = lane_of(&["", ""], 2);
    let mut keys = vec![pr_key(&lane, 1)];
    let template = |text: &str| Some(Arc::new(Template::parse(text).unwrap()));
    for pr in [
        PrPolicy {
            labels: vec!["ours".to_owned()],
            ..PrPolicy::default()
        },
        PrPolicy {
            reviewers: vec!["ours".to_owned()],
            ..PrPolicy::default()
        },
        PrPolicy {
            template: template("{what}"),
            ..PrPolicy::default()
        },
        PrPolicy {
            template: template("{tasks}"),
            ..PrPolicy::default()
        },
    ] {
        lane.policy.pr = pr;
        let key = pr_key(&lane, 1);
        assert!(!keys.contains(&key), "{key}");
        keys.push(key);
    }
    lane.policy.pr = PrPolicy::default();
    assert_eq!(pr_key(&lane, 1), keys[0]);
}

#[test]
fn what_the_forge_did_otherwise_is_said() {
    let mut lane = lane_of(&["", ""], 2);
    let pr = lane.ledger.prs[0].clone();
    let result = EffectResult::PrPut {
        part: 1,
        pr: Box::new(pr),
        notes: vec!["drafts are not to be had here".to_owned()],
    };
    let events = absorb(&mut lane, result, at(0)).unwrap();
    let said = events.iter().any(|(_, kind)| {
        matches!(kind, EventKind::Warning { message } if message == "drafts are not to be had here")
    });
    assert!(said, "{events:?}");
}
