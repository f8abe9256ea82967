use super::*;
use crate::core::lane::Halt;
use crate::core::testkit::{chunk, lane, oid};
use crate::model::{ChunkState, ExitCode, IssueRecord, PrRecord, PrState};

/// A lane of an issue with two open chunks.
fn of_issue() -> Lane {
    let mut lane = lane(vec![chunk("a", &[]), chunk("b", &[])]);
    lane.ledger.issue = Some(IssueRecord {
        number: 7,
        url: "https://example.com/7".to_owned(),
        told: None,
    });
    lane
}

fn with_pr(mut lane: Lane, number: Option<u64>, state: PrState) -> Lane {
    lane.ledger.prs = vec![PrRecord {
        part: 1,
        branch: "codelicious/spec".to_owned(),
        base: "main".to_owned(),
        tip: oid(3),
        number,
        url: None,
        state,
        content: None,
        suite: None,
    }];
    lane
}

fn told(mut lane: Lane) -> Lane {
    let key = key(&lane);
    if let Some(issue) = lane.ledger.issue.as_mut() {
        issue.told = key;
    }
    lane
}

fn halted_by(mut lane: Lane, why: &str) -> Lane {
    lane.halt = Some(Halt {
        exit: ExitCode::Budget,
        why: why.to_owned(),
        remedy: String::new(),
    });
    lane
}

#[test]
fn it_is_due_when_there_is_something_new_to_say() {
    let draft = || with_pr(of_issue(), Some(8), PrState::Draft);
    for (what, lane, wanted) in [
        ("nothing happened yet", of_issue(), None),
        (
            "no pull request that the forge knows",
            with_pr(of_issue(), None, PrState::Draft),
            None,
        ),
        ("a pull request appeared", draft(), Some(7)),
        ("it was told", told(draft()), None),
        (
            "the pull request is ready",
            with_pr(told(draft()), Some(8), PrState::Ready),
            Some(7),
        ),
        (
            "the lane came to rest",
            halted_by(told(draft()), "the budget is used up"),
            Some(7),
        ),
        (
            "that was told as well",
            told(halted_by(told(draft()), "the budget is used up")),
            None,
        ),
        (
            "the forge would not have it",
            Lane {
                comment_gave_up: true,
                ..draft()
            },
            None,
        ),
        (
            "no issue",
            with_pr(lane(vec![chunk("a", &[])]), Some(8), PrState::Draft),
            None,
        ),
    ] {
        assert_eq!(due(&lane), wanted, "{what}");
    }
}

/// The first chunk is committed in part 1, and what follows waits.
fn with_work(mut lane: Lane) -> Lane {
    let record = lane.record_mut(&"a".into());
    record.state = ChunkState::Committed { commit: oid(3) };
    record.part = Some(1);
    lane
}

#[test]
fn waiting_for_people_is_said() {
    let mut lane = told(with_work(with_pr(of_issue(), Some(8), PrState::Draft)));
    assert_eq!(due(&lane), None);
    lane.policy.pr.max_open = Some(1);
    lane.policy.max_commits = 1;
    assert_eq!(due(&lane), Some(7));
    let why = input(&lane).halted.unwrap_or_default();
    assert!(
        why.contains("until people caught up") && why.contains("#8"),
        "{why}"
    );
    assert_eq!(due(&told(lane.clone())), None);
    lane.stage = crate::core::lane::Stage::Baseline;
    assert_eq!(key(&lane).as_deref(), Some("1:8:draft "), "it goes on");
}

#[test]
fn a_closed_pull_request_is_said() {
    let lane = told(with_work(with_pr(of_issue(), Some(8), PrState::Draft)));
    let lane = with_pr(lane, Some(8), PrState::Closed);
    assert_eq!(due(&lane), Some(7));
    assert!(
        key(&lane).unwrap().contains("a:done b:pending"),
        "{:?}",
        key(&lane)
    );
    assert_eq!(
        input(&lane).halted.as_deref(),
        Some("the pull request of part 1 was closed without being merged")
    );
}

#[test]
fn the_facts_of_a_comment() {
    let lane = halted_by(with_pr(of_issue(), Some(8), PrState::Draft), "why");
    let input = input(&lane);
    assert_eq!((input.done, input.total), (0, 2));
    assert_eq!(input.tasks[1].title, "Build b");
    let pr = &input.prs[0];
    assert_eq!(
        (pr.part, pr.link.text.as_str(), pr.state),
        (1, "pull request 8", "draft")
    );
    assert_eq!(input.halted.as_deref(), Some("why"));
}
