//! Where a lane stands when a run takes it up: what the first line about it says.

use super::lane::Lane;
use super::parts::waits_for_people;
use crate::model::{AttemptEnd, Chunk, ChunkId, ChunkState};

/// A lane as recovery left it, before anything is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub done: usize,
    pub total: usize,
    /// Open chunks whose last attempt was cut short: by a signal, a crash or the deadline.
    pub interrupted: usize,
    /// Open chunks whose last attempt failed, and that are tried again.
    pub retried: usize,
    /// Chunks that failed and are not tried again by themselves.
    pub failed: usize,
    /// Chunks that wait for a person.
    pub waiting: usize,
    /// The chunk that comes first: its id and title; None when nothing may be built.
    pub next: Option<(ChunkId, String)>,
}

/// How far a lane is, and what comes next in it.
pub fn standing(lane: &Lane) -> Standing {
    let (done, total) = lane.progress();
    let mut standing = Standing {
        done,
        total,
        ..Standing::default()
    };
    let open = lane.plan.chunks.iter().filter(|c| !lane.is_done(&c.id));
    for chunk in open.filter(|c| !lane.is_accepted(&c.id)) {
        match lane.state(&chunk.id) {
            ChunkState::Pending => match last_end(lane, chunk) {
                Some(AttemptEnd::Interrupted | AttemptEnd::Running) => standing.interrupted += 1,
                Some(
                    AttemptEnd::Failed { .. }
                    | AttemptEnd::NeedsReview { .. }
                    | AttemptEnd::Blocked { .. },
                ) => standing.retried += 1,
                // A commit whose mark was taken away, and an engine that was limited, failed at nothing.
                Some(
                    AttemptEnd::Committed
                    | AttemptEnd::Limited { .. }
                    | AttemptEnd::OverBudget { .. },
                )
                | None => {}
            },
            // What was sealed before the last run ended: it only has to land.
            ChunkState::InProgress { .. }
            | ChunkState::Verifying { .. }
            | ChunkState::Fixing { .. } => standing.interrupted += 1,
            ChunkState::Failed { .. } => standing.failed += 1,
            ChunkState::NeedsReview { .. }
            | ChunkState::Blocked { .. }
            | ChunkState::AwaitingApproval { .. } => standing.waiting += 1,
            ChunkState::Committed { .. } | ChunkState::Skipped { .. } => {}
        }
    }
    let landing = lane.resume_landing.as_ref().map(|(id, ..)| id);
    let next = landing
        .and_then(|id| lane.chunk(id))
        .or_else(|| lane.next_accepted().map(|(chunk, _)| chunk))
        .or_else(|| lane.next_chunk().filter(|_| !waits_for_people(lane)));
    standing.next = next.map(|c| (c.id.clone(), c.title.clone()));
    standing
}

fn last_end<'l>(lane: &'l Lane, chunk: &Chunk) -> Option<&'l AttemptEnd> {
    Some(&lane.record(&chunk.id)?.attempts.last()?.end)
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{at, chunk, lane, oid};
    use super::*;
    use crate::model::{Attempt, Cost, RunId, Usage};

    fn attempt(end: AttemptEnd) -> Attempt {
        Attempt {
            n: 1,
            run: RunId::from("before"),
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

    /// Chunks `a`, `b`, … each in a state and with the end of its last attempt.
    fn lane_of(chunks: Vec<(ChunkState, Option<AttemptEnd>)>) -> Lane {
        let names = (b'a'..).map(|b| char::from(b).to_string());
        let ids: Vec<String> = names.take(chunks.len()).collect();
        let mut lane = lane(ids.iter().map(|id| chunk(id, &[])).collect());
        for (id, (state, end)) in ids.iter().zip(chunks) {
            let record = lane.record_mut(&ChunkId::from(id.as_str()));
            record.state = state;
            record.attempts.extend(end.map(attempt));
        }
        lane
    }

    fn why() -> String {
        "why".to_owned()
    }

    #[test]
    fn a_first_run_stands_at_its_first_chunk() {
        let lane = lane_of(vec![
            (ChunkState::Pending, None),
            (ChunkState::Pending, None),
        ]);
        let wanted = Standing {
            total: 2,
            next: Some((ChunkId::from("a"), "Build a".to_owned())),
            ..Standing::default()
        };
        assert_eq!(standing(&lane), wanted);
    }

    #[test]
    fn every_state_is_counted_once() {
        let committed = ChunkState::Committed { commit: oid(7) };
        let failed = AttemptEnd::Failed { why: why() };
        let lane = lane_of(vec![
            (committed, Some(AttemptEnd::Committed)),
            (ChunkState::Failed { why: why() }, Some(failed.clone())),
            (
                ChunkState::Blocked {
                    why: why(),
                    needs: why(),
                },
                None,
            ),
            (ChunkState::NeedsReview { why: why() }, None),
            (ChunkState::Pending, Some(AttemptEnd::Interrupted)),
            (ChunkState::Pending, Some(failed)),
            (
                ChunkState::Pending,
                Some(AttemptEnd::Limited {
                    why: why(),
                    until: None,
                }),
            ),
        ]);
        let wanted = Standing {
            done: 1,
            total: 7,
            interrupted: 1,
            retried: 1,
            failed: 1,
            waiting: 2,
            next: Some((ChunkId::from("e"), "Build e".to_owned())),
        };
        assert_eq!(standing(&lane), wanted);
    }

    #[test]
    fn what_was_sealed_comes_first_and_counts_as_interrupted() {
        let verifying = ChunkState::Verifying {
            attempt: 1,
            fixes: 0,
        };
        let mut lane = lane_of(vec![
            (ChunkState::Pending, None),
            (verifying, Some(AttemptEnd::Running)),
        ]);
        lane.resume_landing = Some((ChunkId::from("b"), 1, oid(9)));
        let standing = standing(&lane);
        assert_eq!(standing.interrupted, 1);
        assert_eq!(standing.next.map(|(id, _)| id), Some(ChunkId::from("b")));
    }

    #[test]
    fn nothing_comes_next_where_all_is_done_or_waits() {
        let lane = lane_of(vec![(ChunkState::NeedsReview { why: why() }, None)]);
        assert_eq!(standing(&lane).next, None);
        let mut done = lane_of(vec![(ChunkState::Pending, None)]);
        std::sync::Arc::make_mut(&mut done.plan).chunks[0].done = true;
        assert_eq!((standing(&done).done, standing(&done).next), (1, None));
    }
}
