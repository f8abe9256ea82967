use super::*;
use crate::core::lane::Halt;
use crate::core::testkit::{chunk, lane, oid};
use crate::model::{ExitCode, IssueRecord, PrRecord, PrState};

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
