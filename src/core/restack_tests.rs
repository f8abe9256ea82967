use super::super::absorb::absorb;
use super::super::decide::decide;
use super::super::testkit::{at, base, chunk, lane, oid};
use super::*;
use crate::model::{Effect, EffectResult, PrRecord, PrState};

fn texts(finished: &str, base: Option<&str>) -> SpecTexts {
    SpecTexts {
        path: "specs/s.md".to_owned(),
        finished: finished.as_bytes().to_vec(),
        base: base.map(|b| b.as_bytes().to_vec()),
        prose: true,
    }
}

/// Replays commits that each turned one text into the next; the texts that come out, oldest first.
fn replayed(texts: &SpecTexts, history: &[&str]) -> Vec<String> {
    let given: Vec<Marks> = history
        .windows(2)
        .map(|w| {
            texts
                .given(Some(w[0].as_bytes()), Some(w[1].as_bytes()))
                .unwrap()
        })
        .collect();
    let mut text = texts.below(&given).unwrap();
    let mut out = vec![String::from_utf8(text.clone()).unwrap()];
    for marks in &given {
        text = texts.after(&text, marks).unwrap();
        out.push(String::from_utf8(text.clone()).unwrap());
    }
    out
}

#[test]
fn marks_of_planned_chunks_are_set_anew_without_their_plan() {
    let text = |ids: &[&str]| {
        let mark = |id: &&str| format!("<!-- codelicious: chunk {id} -->\n");
        format!(
            "# Shop\n\nWe sell.\n{}",
            ids.iter().map(mark).collect::<String>()
        )
    };
    let (a, b, c) = (
        "aaaaaaaaaaaa done",
        "bbbbbbbbbbbb done",
        "cccccccccccc done",
    );
    let (half, whole) = ("dddddddddddd part 1/2", "dddddddddddd done");
    let all = text(&[a, b, c, whole]);
    let history = [
        text(&[a]),
        text(&[a, b]),
        text(&[a, b, half]),
        text(&[a, b, whole]),
        text(&[a, b, whole, c]),
    ];
    let history: Vec<&str> = history.iter().map(String::as_str).collect();
    // The first chunk is on the base; what came since is set on top of it, one commit at a time.
    let texts_then = texts(&all, Some(&text(&[a])));
    assert_eq!(
        replayed(&texts_then, &history),
        [
            text(&[a]),
            text(&[a, b]),
            text(&[a, b, half]),
            text(&[a, b, whole]),
            text(&[a, b, whole, c]),
        ]
    );
    // A person took one away since: it is not set again.
    let without = texts(&text(&[a, c, whole]), Some(&text(&[a])));
    let last = replayed(&without, &history).pop();
    assert_eq!(last, Some(text(&[a, whole, c])));
}

#[test]
fn marks_are_set_anew_in_the_text_of_the_base() {
    let base = "# Changed\n\n- [x] A1 one\n- [ ] A2 two\n- [ ] A3 three\n- [ ] A4 four\n";
    let history = [
        "- [x] A1 one\n- [ ] A2 two\n- [ ] A3 three\n",
        "- [x] A1 one\n- [x] A2 two\n- [ ] A3 three\n",
        "- [x] A1 one\n- [x] A2 two\n- [x] A3 three\n",
    ];
    let finished = base.replace("[ ] A2", "[x] A2").replace("[ ] A3", "[x] A3");
    let out = replayed(&texts(&finished, Some(base)), &history);
    assert_eq!(
        out,
        [base.to_owned(), base.replace("[ ] A2", "[x] A2"), finished]
    );
}

#[test]
fn parts_of_a_split_task_and_prose_keep_their_marks() {
    let boxes = |mark: &str| format!("- [ ] A1 one{mark}\n");
    let part = |n: usize| boxes(&format!(" <!-- codelicious: part {n}/3 10;20 -->"));
    let done = "- [x] A1 one\n".to_owned();
    let out = replayed(&texts(&done, Some(&part(1))), &[&part(1), &part(2), &done]);
    assert_eq!(out, [part(1), part(2), done]);

    let open = "# Title\n\n## First\n\nText.\n\n## Second\n\nText.\n";
    let one = open.replace("## First", "## First <!-- codelicious: done -->");
    let two = one.replace("## Second", "## Second <!-- codelicious: done -->");
    let out = replayed(&texts(&two, Some(&one)), &[&one, &two]);
    assert_eq!(out, [one, two]);
}

#[test]
fn a_mark_that_a_person_took_away_is_not_set_again_and_one_they_set_stays() {
    let open = "- [ ] A1 one\n- [ ] A2 two\n- [ ] A3 three\n";
    let built = open.replace("[ ] A1", "[x] A1");
    let finished = open.replace("[ ] A3", "[X] A3");
    let out = replayed(&texts(&finished, None), &[open, &built]);
    assert_eq!(out, [finished.clone(), finished]);
}

#[test]
fn a_part_of_a_split_task_is_on_the_base_with_its_task() {
    let on_base: BTreeSet<ChunkId> = ["A1", "A2+1"].map(ChunkId::from).into();
    for (id, is_there) in [
        ("A1", true),
        ("A1+2", true),
        ("A2+1", true),
        ("A2+2", false),
        ("A2", false),
    ] {
        assert_eq!(is_on_base(&on_base, &ChunkId::from(id)), is_there, "{id}");
    }
}

/// `a` is merged in part 1; `b` and `c` are in parts 2 and 3, whose branches the remote has at 4 and 5.
fn due() -> Lane {
    let mut lane = lane(["a", "b", "c"].map(|id| chunk(id, &[])).to_vec());
    let step = |n, id: &str, part| Replay {
        commit: oid(n),
        chunk: ChunkId::from(id),
        part,
    };
    for (n, id, part) in [(3, "a", 1), (4, "b", 2), (5, "c", 3)] {
        let branch = lane.branch(part);
        let record = lane.record_mut(&ChunkId::from(id));
        record.state = ChunkState::Committed { commit: oid(n) };
        record.part = Some(part);
        lane.ledger.pushed.insert(branch.clone(), oid(n));
        lane.ledger.prs.push(PrRecord {
            part,
            branch,
            base: String::new(),
            tip: oid(n),
            number: None,
            url: None,
            state: PrState::Ready,
            content: None,
            suite: None,
        });
    }
    lane.on_base.insert(ChunkId::from("a"));
    lane.tip = Some(oid(5));
    lane.start.sync = Some(Vec::new());
    let seen = [2, 3].map(|part| (lane.branch(part), oid(part + 2)));
    lane.restack = Some(RestackPlan {
        old: oid(5),
        onto: base(),
        replay: vec![step(4, "b", 2), step(5, "c", 3)],
        merged: vec![1],
        specs: Vec::new(),
        below: oid(3),
        seen: seen.into(),
    });
    lane
}

fn next(lane: &Lane) -> Vec<Effect> {
    decide(lane, &BTreeSet::new(), at(0))
}

fn push(lane: &Lane, part: u32, tip: u32, seen: u32) -> Effect {
    Effect::Push {
        branch: lane.branch(part),
        tip: oid(tip),
        replaces: Some(oid(seen)),
    }
}

#[test]
fn a_restacked_lane_is_sent_with_a_lease_on_what_was_seen() {
    let mut lane = due();
    let restack = Effect::Restack {
        onto: base().commit,
    };
    assert_eq!(next(&lane), [restack], "and nothing is sent before");
    let result = EffectResult::Restacked {
        tip: oid(15),
        moved: vec![(oid(4), oid(14)), (oid(5), oid(15))],
        kept: "refs/x".to_owned(),
        notes: vec!["unsigned".to_owned()],
    };
    let events = absorb(&mut lane, result, at(0)).unwrap();
    let said: Vec<String> = events
        .into_iter()
        .filter_map(|(_, kind)| match kind {
            EventKind::Repaired { what } => Some(what),
            EventKind::Warning { message } => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(
        said,
        [
            "part 1 is on main: parts 2 and 3 are moved there (as before: refs/x)",
            "unsigned"
        ]
    );
    assert_eq!(
        *lane.state(&ChunkId::from("b")),
        ChunkState::Committed { commit: oid(14) }
    );
    assert_eq!(
        (
            lane.tip.clone(),
            lane.start.lane_ref.clone(),
            lane.start.sync.clone()
        ),
        (Some(oid(15)), Some(oid(15)), None)
    );
    for (part, tip, seen) in [(2, 14, 4), (3, 15, 5)] {
        let effect = push(&lane, part, tip, seen);
        assert_eq!(next(&lane).first(), Some(&effect));
        let (branch, tip) = (lane.branch(part), oid(tip));
        absorb(
            &mut lane,
            EffectResult::Pushed {
                branch,
                tip,
                notes: Vec::new(),
            },
            at(0),
        )
        .unwrap();
    }
    assert!(lane.replaces.is_empty(), "a lease is for one push");
    assert!(matches!(next(&lane)[..], [Effect::PutPr { part: 2, .. }]));
}

#[test]
fn a_restack_that_is_refused_leaves_everything_as_it_was() {
    let mut lane = due();
    let before = lane.ledger.clone();
    let why = "it conflicts".to_owned();
    let events = absorb(&mut lane, EffectResult::RestackRefused { why }, at(0)).unwrap();
    assert_eq!(lane.ledger, before);
    let EventKind::Warning { message } = &events[0].1 else {
        panic!("{events:?}");
    };
    assert!(message.starts_with("part 1 is on main, but parts 2 and 3 are not moved there: it conflicts; the pull request of part 2 goes into main now; by hand: git rebase --update-refs --onto "), "{message}");
    assert!(lane.replaces.is_empty());
    assert!(
        matches!(next(&lane)[..], [Effect::PutPr { part: 2, .. }]),
        "retargeted"
    );
}
