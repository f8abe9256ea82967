//! Tests before code: the tests of a chunk are written in an engine turn of their own, seen to be red, and protected
//! from then on.

use super::absorb::{LaneEvent, stop};
use super::lane::{Lane, Stage};
use super::transition::{ChunkInput, IllegalTransition};
use crate::model::effect::RedTests;
use crate::model::event::EventKind;
use crate::model::{AttemptEnd, ChunkId};
use chrono::{DateTime, Utc};

/// Turns in which an engine may try to write tests that are red for the right reason.
const MAX_TRIES: u32 = 2;

/// How far an attempt is that begins with its tests. Memory only: an attempt does not outlive its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// The engine writes the tests.
    Writing {
        /// Turns that came to nothing.
        tries: u32,
        /// What was wrong with the last one's.
        why: Option<String>,
    },
    /// They were red: now the code is written, and they stay as they are.
    Red(RedTests),
}

impl First {
    /// Before the first turn.
    pub fn begun() -> Self {
        Self::Writing {
            tries: 0,
            why: None,
        }
    }
}

/// Takes in what the tests did without any work.
pub(super) fn seen(
    lane: &mut Lane,
    chunk: &ChunkId,
    seen: Result<RedTests, String>,
    now: DateTime<Utc>,
    events: &mut Vec<LaneEvent>,
) -> Result<(), IllegalTransition> {
    let tries = match &lane.first {
        Some(First::Writing { tries, .. }) => tries + 1,
        Some(First::Red(_)) | None => MAX_TRIES,
    };
    match seen {
        Ok(red) => {
            let tests = red.tests.len();
            events.push((Some(chunk.clone()), EventKind::TestsSeenRed { tests }));
            lane.first = Some(First::Red(red));
        }
        Err(why) => {
            let kind = EventKind::TestsNotRed { why: why.clone() };
            events.push((Some(chunk.clone()), kind));
            if tries >= MAX_TRIES {
                let why =
                    format!("no test that is red without the work, after {tries} turns: {why}");
                let end = AttemptEnd::NeedsReview { why: why.clone() };
                return stop(
                    lane,
                    chunk,
                    ChunkInput::NeedsReview { why },
                    end,
                    now,
                    events,
                );
            }
            lane.first = Some(First::Writing {
                tries,
                why: Some(why),
            });
        }
    }
    lane.stage = Stage::Engine {
        chunk: chunk.clone(),
        attempt: lane.record(chunk).map_or(0, |r| r.last_attempt()),
        fixes: 0,
    };
    Ok(())
}
