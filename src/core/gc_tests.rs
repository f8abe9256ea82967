use super::*;
use proptest::prelude::*;

const DAY: u64 = 86_400;

fn days(n: u64) -> Duration {
    Duration::from_secs(n * DAY)
}

fn keep() -> Retention {
    Retention {
        records: days(30),
        attempts: days(7),
        archives: days(90),
    }
}

fn lane(unmerged: Unmerged, has_open_chunks: bool, unsaved: Unsaved, locked: bool) -> Facts {
    Facts::Lane {
        unmerged,
        has_open_chunks,
        unsaved,
        locked,
    }
}

fn said(facts: Facts, age: Option<u64>) -> String {
    let thing = Thing {
        facts,
        age: age.map(days),
    };
    match judge(&thing, &keep(), "main") {
        Verdict::Remove(why) => format!("- {why}"),
        Verdict::Keep(why) => format!("+ {why}"),
    }
}

#[test]
fn lanes() {
    use Unmerged::{Commits, Unknown};
    use Unsaved::{Nothing, Something};
    let torn = || Unsaved::Unknown("torn".to_owned());
    for (facts, wanted) in [
        (
            lane(Commits(0), false, Nothing, false),
            "- all of it is on main",
        ),
        (
            lane(Commits(0), true, Nothing, false),
            "+ its spec has open tasks",
        ),
        (
            lane(Commits(1), false, Nothing, false),
            "+ 1 commit is not on main",
        ),
        (
            lane(Commits(5), true, Nothing, false),
            "+ 5 commits are not on main",
        ),
        (
            lane(Unknown, false, Nothing, false),
            "+ its commits cannot be read",
        ),
        (
            lane(Commits(0), false, Something, false),
            "+ it holds changes that no ref keeps",
        ),
        (
            lane(Commits(0), false, torn(), false),
            "+ what it holds cannot be told: torn",
        ),
        (lane(Commits(0), false, Nothing, true), "+ it is locked"),
    ] {
        assert_eq!(said(facts.clone(), Some(400)), wanted, "{facts:?}");
    }
    let lost = |unsaved, locked| Facts::LostLane { unsaved, locked };
    assert_eq!(
        said(lost(Nothing, false), Some(30)),
        "- its folder is gone; older than 30 days"
    );
    assert_eq!(
        said(lost(Nothing, false), Some(29)),
        "+ its folder is gone; kept for 30 days"
    );
    assert_eq!(said(lost(Nothing, true), Some(99)), "+ it is locked");
    assert_eq!(
        said(lost(Something, false), Some(99)),
        "+ it holds changes that no ref keeps"
    );
    assert_eq!(said(Facts::Rest, None), "- left over from a removal");
}

#[test]
fn refs() {
    let attempt = |is_done| Facts::Attempt { is_done };
    assert_eq!(
        said(attempt(Some(true)), Some(7)),
        "- its chunk is done; older than 7 days"
    );
    assert_eq!(
        said(attempt(Some(true)), Some(6)),
        "+ its chunk is done; kept for 7 days"
    );
    assert_eq!(
        said(attempt(Some(true)), None),
        "+ its chunk is done; its age cannot be told"
    );
    assert_eq!(
        said(attempt(Some(false)), Some(999)),
        "+ its chunk is not done"
    );
    assert_eq!(
        said(attempt(None), Some(999)),
        "+ its chunk is in no spec that can be read"
    );
    let archive = |is_elsewhere, unmerged| Facts::Archive {
        is_elsewhere,
        unmerged,
    };
    for (facts, age, wanted) in [
        (
            archive(true, Unmerged::Commits(0)),
            0,
            "- all of it is on the base, on a branch or on a lane",
        ),
        (
            archive(false, Unmerged::Commits(0)),
            90,
            "- its chunks are done; older than 90 days",
        ),
        (
            archive(false, Unmerged::Commits(0)),
            89,
            "+ its chunks are done; kept for 90 days",
        ),
        (
            archive(false, Unmerged::Commits(1)),
            999,
            "+ 1 commit that is nowhere else, of chunks that are not done",
        ),
        (
            archive(false, Unmerged::Unknown),
            999,
            "+ its commits cannot be read",
        ),
    ] {
        assert_eq!(said(facts.clone(), Some(age)), wanted, "{facts:?}");
    }
}

#[test]
fn records() {
    let log = |is_latest, is_named| Facts::Log {
        is_latest,
        is_named,
    };
    for (facts, age, wanted) in [
        (log(false, false), 30, "- older than 30 days"),
        (log(false, false), 29, "+ kept for 30 days"),
        (log(true, false), 99, "+ it is the newest"),
        (log(false, true), 99, "+ the newest postmortem names it"),
        (
            Facts::Events { counts_on: false },
            30,
            "- older than 30 days",
        ),
        (
            Facts::Events { counts_on: true },
            99,
            "+ events count on from its numbers",
        ),
        (Facts::Ledger, 30, "- older than 30 days"),
        (
            Facts::Postmortem { is_newest: false },
            30,
            "- older than 30 days",
        ),
        (
            Facts::Postmortem { is_newest: true },
            99,
            "+ it is the newest",
        ),
        (
            Facts::Orphan,
            30,
            "- its repository is gone; older than 30 days",
        ),
        (
            Facts::Orphan,
            1,
            "+ its repository is gone; kept for 30 days",
        ),
    ] {
        assert_eq!(said(facts.clone(), Some(age)), wanted, "{facts:?}");
    }
}

#[test]
fn spans() {
    for (seconds, words) in [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (3_600, "1 hour"),
        (DAY, "1 day"),
        (30 * DAY, "30 days"),
    ] {
        assert_eq!(span(Duration::from_secs(seconds)), words);
    }
}

fn unmerged() -> impl Strategy<Value = Unmerged> {
    prop_oneof![
        Just(Unmerged::Unknown),
        (0usize..4).prop_map(Unmerged::Commits)
    ]
}

fn unsaved() -> impl Strategy<Value = Unsaved> {
    prop_oneof![
        Just(Unsaved::Nothing),
        Just(Unsaved::Something),
        Just(Unsaved::Unknown("why".to_owned())),
    ]
}

fn facts() -> impl Strategy<Value = Facts> {
    let flags = any::<(bool, bool)>();
    prop_oneof![
        (unmerged(), unsaved(), flags)
            .prop_map(|(unmerged, unsaved, (open, locked))| lane(unmerged, open, unsaved, locked)),
        (unsaved(), any::<bool>())
            .prop_map(|(unsaved, locked)| Facts::LostLane { unsaved, locked }),
        Just(Facts::Rest),
        any::<Option<bool>>().prop_map(|is_done| Facts::Attempt { is_done }),
        (any::<bool>(), unmerged()).prop_map(|(is_elsewhere, unmerged)| Facts::Archive {
            is_elsewhere,
            unmerged
        }),
        flags.prop_map(|(is_latest, is_named)| Facts::Log {
            is_latest,
            is_named
        }),
        any::<bool>().prop_map(|counts_on| Facts::Events { counts_on }),
        Just(Facts::Ledger),
        any::<bool>().prop_map(|is_newest| Facts::Postmortem { is_newest }),
        Just(Facts::Orphan),
    ]
}

/// Said once more and differently: what only this thing holds, or may hold.
fn may_hold_work(facts: &Facts) -> bool {
    match facts {
        Facts::Lane {
            unmerged, unsaved, ..
        } => *unmerged != Unmerged::Commits(0) || *unsaved != Unsaved::Nothing,
        Facts::LostLane { unsaved, .. } => *unsaved != Unsaved::Nothing,
        Facts::Attempt { is_done } => *is_done != Some(true),
        Facts::Archive {
            is_elsewhere,
            unmerged,
        } => !is_elsewhere && *unmerged != Unmerged::Commits(0),
        Facts::Rest
        | Facts::Log { .. }
        | Facts::Events { .. }
        | Facts::Ledger
        | Facts::Postmortem { .. }
        | Facts::Orphan => false,
    }
}

proptest! {
    #[test]
    fn nothing_that_may_hold_unmerged_work_is_removed(
        facts in facts(),
        age in any::<Option<u32>>(),
        keep in any::<[u32; 3]>(),
    ) {
        let [records, attempts, archives] = keep.map(|s| Duration::from_secs(s.into()));
        let keep = Retention { records, attempts, archives };
        let age = age.map(|s| Duration::from_secs(s.into()));
        let thing = Thing { facts: facts.clone(), age };
        let verdict = judge(&thing, &keep, "main");
        if may_hold_work(&facts) {
            prop_assert!(matches!(verdict, Verdict::Keep(_)), "{facts:?}: {verdict:?}");
        }
        let (Verdict::Keep(why) | Verdict::Remove(why)) = verdict;
        prop_assert!(!why.is_empty());
    }

    #[test]
    fn what_is_kept_for_its_age_alone_goes_when_it_is_old(facts in facts()) {
        let old = Thing { facts: facts.clone(), age: Some(days(36_500)) };
        let young = Thing { facts, age: Some(Duration::ZERO) };
        if matches!(judge(&young, &keep(), "main"), Verdict::Remove(_)) {
            prop_assert!(matches!(judge(&old, &keep(), "main"), Verdict::Remove(_)));
        }
    }
}
