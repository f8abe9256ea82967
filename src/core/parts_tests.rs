use super::super::absorb::note_part;
use super::super::decide::{is_ready, lane_exit};
use super::super::lane::{PrPolicy, Stage};
use super::super::plan::parts_preview;
use super::super::testkit::{at, chunk, lane, oid};
use super::*;
use crate::model::{ChunkId, ChunkState, Effect, Evidence, ExitCode};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A prepared lane over chunks `T1` to `Tn`, none of which is built.
fn lane_of(n: usize, pr: PrPolicy) -> Lane {
    let chunks = (1..=n).map(|i| chunk(&format!("T{i}"), &[]));
    let mut lane = lane(chunks.collect());
    (lane.policy.pr, lane.policy.remote) = (pr, None);
    (lane.policy.max_commits, lane.policy.max_lines) = (3, 100);
    lane.stage = Stage::Idle;
    lane.tip = Some(oid(2));
    lane
}

fn mode(mode: PrMode) -> PrPolicy {
    PrPolicy {
        mode,
        ..PrPolicy::default()
    }
}

fn at_most(open: u32) -> PrPolicy {
    PrPolicy {
        max_open: Some(open),
        ..PrPolicy::default()
    }
}

/// Commits the next chunk with so many lines to the part that it belongs to.
fn land(lane: &mut Lane, lines: u32) -> u32 {
    let id = lane.next_chunk().expect("a chunk is left").id.clone();
    let part = choose_part(lane, lines);
    let built = u32::try_from(lane.progress().0).unwrap();
    let commit = oid(100 + built);
    let record = lane.record_mut(&id);
    record.state = ChunkState::Committed {
        commit: commit.clone(),
    };
    (record.part, record.lines) = (Some(part), lines);
    record.evidence = Some(Evidence::default());
    note_part(lane, part, &commit);
    part
}

fn merge(lane: &mut Lane, part: u32) {
    let pr = lane.ledger.prs.iter_mut().find(|p| p.part == part);
    pr.unwrap().state = PrState::Merged;
}

/// True when an engine is asked for the next chunk.
fn builds(lane: &Lane) -> bool {
    let due = super::super::decide::decide(lane, &BTreeSet::new(), at(0));
    due.iter().any(|e| matches!(e, Effect::RunEngine { .. }))
}

#[test]
fn which_part_a_piece_goes_to() {
    use PrMode::{Chunk, Part, Spec};
    for (what, how, sizes, parts) in [
        ("by commits", Part, vec![1, 1, 1, 1], vec![1, 1, 1, 2]),
        ("by lines", Part, vec![60, 40, 1], vec![1, 1, 2]),
        ("does not fit", Part, vec![60, 41, 59], vec![1, 2, 2]),
        ("too large first", Part, vec![612, 1], vec![1, 2]),
        ("too large alone", Part, vec![1, 612, 1], vec![1, 2, 3]),
        ("nothing changed", Part, vec![100, 0, 1], vec![1, 1, 2]),
        ("one a chunk", Chunk, vec![1, 0, 612], vec![1, 2, 3]),
        ("one a spec", Spec, vec![612, 1, 900, 1], vec![1, 1, 1, 1]),
    ] {
        let mut lane = lane_of(sizes.len(), mode(how));
        let went: Vec<u32> = sizes.iter().map(|lines| land(&mut lane, *lines)).collect();
        assert_eq!(went, parts, "{what}");
    }
}

#[test]
fn what_is_over_takes_nothing_more() {
    for how in [PrMode::Part, PrMode::Chunk, PrMode::Spec] {
        let mut lane = lane_of(3, mode(how));
        assert_eq!(land(&mut lane, 1), 1);
        merge(&mut lane, 1);
        assert_eq!(land(&mut lane, 1), 2, "{how:?}");
    }
}

#[test]
fn only_what_is_alone_above_the_bound_is_noted() {
    let words = |how, lines| oversize_words(&lane_of(1, mode(how)), lines);
    assert_eq!(words(PrMode::Part, 100), None);
    assert_eq!(
        words(PrMode::Spec, 5000),
        None,
        "size does not matter there"
    );
    for how in [PrMode::Part, PrMode::Chunk] {
        let words = words(how, 612).unwrap();
        assert!(
            words.contains("612 changed lines in one task, above the bound of 100"),
            "{words}"
        );
    }
}

#[test]
fn as_many_parts_as_may_be_are_open_and_the_next_waits() {
    let mut lane = lane_of(9, at_most(2));
    for built in 0..6 {
        assert!(builds(&lane), "{built}");
        land(&mut lane, 1);
    }
    assert!(!builds(&lane));
    assert!(is_ready(&lane, 2), "people cannot merge a draft");
    assert_eq!(lane_exit(&lane), ExitCode::WaitsForPerson);
    assert_eq!(super::super::decide::next_wake(&lane), None);
    lane.ledger.prs[0].number = Some(7);
    assert_eq!(
        waiting_words(&lane).unwrap(),
        "specs/spec.md: nothing more is built until people caught up: pull requests #7, codelicious/spec-part-2 are open, and 2 may be at a time; merge one, or raise `[pr] max_open`"
    );
    merge(&mut lane, 1);
    assert!(builds(&lane));
    for _ in 0..3 {
        assert_eq!(land(&mut lane, 1), 3);
    }
    assert!(!builds(&lane) || lane.next_chunk().is_none());
    assert_eq!(waiting_words(&lane), None, "nothing is left to build");
}

#[test]
fn a_part_that_has_room_is_filled() {
    let mut lane = lane_of(3, at_most(1));
    land(&mut lane, 1);
    assert!(builds(&lane) && !is_ready(&lane, 1));
    land(&mut lane, 99);
    assert!(!builds(&lane), "full by lines");
    assert!(is_ready(&lane, 1));
}

#[test]
fn work_that_turns_out_not_to_fit_goes_one_further_and_then_waits() {
    let mut lane = lane_of(4, at_most(1));
    land(&mut lane, 60);
    assert!(builds(&lane), "there is room in part 1");
    assert_eq!(land(&mut lane, 60), 2);
    assert!(!builds(&lane), "two are open, and part 2 has room");
    assert!(is_ready(&lane, 1) && !is_ready(&lane, 2));
    merge(&mut lane, 1);
    assert!(builds(&lane), "part 2 is filled");
    assert_eq!(land(&mut lane, 40), 2);
    assert!(!builds(&lane) && is_ready(&lane, 2));
}

#[test]
fn a_part_whose_work_is_on_the_base_is_not_open() {
    let mut lane = lane_of(4, at_most(1));
    for _ in 0..3 {
        land(&mut lane, 1);
    }
    assert!(!builds(&lane));
    lane.on_base = (1..=3)
        .map(|i| ChunkId::from(format!("T{i}").as_str()))
        .collect();
    assert!(builds(&lane), "squashed, and the forge did not say so");
}

#[test]
fn a_part_is_not_put_to_review_while_a_verdict_is_missing() {
    let mut lane = lane_of(4, PrPolicy::default());
    for _ in 0..4 {
        land(&mut lane, 1);
    }
    assert!(is_ready(&lane, 1) && is_ready(&lane, 2));
    lane.record_mut(&ChunkId::from("T2")).evidence = None;
    assert!(!is_ready(&lane, 1) && is_ready(&lane, 2));
    assert_eq!(
        unknown_words(&lane),
        [""; 0],
        "there is nothing to declare ready yet"
    );
    lane.ledger.prs[0].number = Some(1);
    let words = unknown_words(&lane);
    assert!(
        words.len() == 1 && words[0].contains("how T2 was verified"),
        "{words:?}"
    );
    lane.ledger.prs[0].state = PrState::Ready;
    assert_eq!(unknown_words(&lane), [""; 0], "somebody looked at it");
    let unverified = Evidence {
        unverified: true,
        ..Evidence::default()
    };
    lane.record_mut(&ChunkId::from("T2")).evidence = Some(unverified);
    assert!(is_ready(&lane, 1), "unverified is known, and allowed");
}

#[test]
fn without_a_bound_nothing_waits() {
    let mut lane = lane_of(30, mode(PrMode::Chunk));
    for _ in 0..29 {
        land(&mut lane, 1);
        assert!(builds(&lane));
    }
}

fn any_mode() -> impl Strategy<Value = PrMode> {
    prop_oneof![Just(PrMode::Part), Just(PrMode::Chunk), Just(PrMode::Spec)]
}

proptest! {
    #[test]
    fn the_forecast_is_what_happens_where_lines_do_not_matter(n in 1usize..12, how in any_mode(), commits in 1u32..5) {
        let mut lane = lane_of(n, mode(how));
        lane.policy.max_commits = commits;
        let forecast = parts_preview(&lane.plan, how, commits as usize);
        let mut held: BTreeMap<u32, Vec<ChunkId>> = BTreeMap::new();
        while let Some(next) = lane.next_chunk().map(|c| c.id.clone()) {
            held.entry(land(&mut lane, 0)).or_default().push(next);
        }
        prop_assert_eq!(held.into_values().collect::<Vec<_>>(), forecast);
    }

    #[test]
    fn bounds_hold_whatever_is_built_and_merged(
        sizes in proptest::collection::vec((0u32..160, any::<bool>()), 1..40),
        how in any_mode(),
        most in 1u32..4,
    ) {
        let mut lane = lane_of(sizes.len(), PrPolicy { mode: how, max_open: Some(most), ..PrPolicy::default() });
        for (lines, merges) in sizes {
            if merges {
                let lowest = open(&lane).map(|p| p.part).min();
                if let Some(part) = lowest {
                    merge(&mut lane, part);
                }
            }
            if !builds(&lane) {
                prop_assert_eq!(lane_exit(&lane), ExitCode::WaitsForPerson);
                let waits = open(&lane).any(|p| is_ready(&lane, p.part));
                prop_assert!(waits, "nobody can merge anything");
                continue;
            }
            land(&mut lane, lines);
            prop_assert!(open(&lane).count() <= most as usize + 1);
            for part in lane.parts() {
                let (commits, held) = size(&lane, part);
                let fits = match how {
                    PrMode::Part => commits == 1 || (commits <= 3 && held <= 100),
                    PrMode::Chunk => commits == 1,
                    PrMode::Spec => true,
                };
                prop_assert!(fits, "part {} holds {} commits, {} lines", part, commits, held);
            }
        }
    }
}
