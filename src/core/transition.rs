//! The one function through which a chunk's state moves, and so the whole graph of legal moves.

use crate::model::{ChunkState, Oid, SkippedBy};

/// What can happen to a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkInput {
    /// An attempt begins; `attempt` counts from 1 over the chunk's life.
    Started {
        attempt: u32,
    },
    /// The engine ended in a way that deserves a look at its work.
    EngineDone,
    /// Checks refused the work and the fix budget is not used up.
    FixNeeded,
    /// The chunk's commit is the lane's tip.
    Landed {
        commit: Oid,
    },
    Failed {
        why: String,
    },
    NeedsReview {
        why: String,
    },
    Blocked {
        why: String,
        needs: String,
    },
    /// Interrupted, or its engine was limited: the chunk is as if it had not been started.
    Returned,
    /// A dependency did not commit, or a person said so.
    Skipped {
        because: String,
        by: SkippedBy,
    },
    /// A person wants the saved work of this attempt as it is, where the checks pass.
    Accepted {
        attempt: u32,
    },
    /// The chunk may be tried again: a new run, a person, a changed text, a dependency that moved.
    Reopened,
    /// The mark stands in the spec, whoever set it.
    MarkFound {
        commit: Oid,
    },
    /// The mark is gone: a person took it away.
    MarkLost,
}

/// A move that the graph does not have: a bug in the caller, never a consequence of input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a chunk that is {from} cannot take {input:?}")]
pub struct IllegalTransition {
    pub from: &'static str,
    pub input: ChunkInput,
}

/// Moves a chunk.
///
/// # Errors
/// [`IllegalTransition`] when the graph has no such move; the state is unchanged then.
pub fn transition(state: &ChunkState, input: ChunkInput) -> Result<ChunkState, IllegalTransition> {
    use ChunkInput as I;
    use ChunkState as S;
    let next = match (state, input) {
        (S::Pending, I::Started { attempt }) => S::InProgress { attempt },
        (S::InProgress { attempt }, I::EngineDone) => S::Verifying {
            attempt: *attempt,
            fixes: 0,
        },
        (S::Fixing { attempt, fixes }, I::EngineDone) => S::Verifying {
            attempt: *attempt,
            fixes: *fixes,
        },
        (S::Verifying { attempt, fixes }, I::FixNeeded) => S::Fixing {
            attempt: *attempt,
            fixes: fixes + 1,
        },
        (S::Verifying { .. }, I::Landed { commit }) => S::Committed { commit },

        (S::InProgress { .. } | S::Verifying { .. } | S::Fixing { .. }, I::Failed { why }) => {
            S::Failed { why }
        }
        (S::InProgress { .. } | S::Verifying { .. } | S::Fixing { .. }, I::NeedsReview { why }) => {
            S::NeedsReview { why }
        }
        (S::InProgress { .. } | S::Fixing { .. }, I::Blocked { why, needs }) => {
            S::Blocked { why, needs }
        }
        (S::InProgress { .. } | S::Verifying { .. } | S::Fixing { .. }, I::Returned) => S::Pending,

        (
            S::Pending
            | S::Failed { .. }
            | S::NeedsReview { .. }
            | S::Blocked { .. }
            | S::AwaitingApproval { .. },
            I::Skipped { because, by },
        ) => S::Skipped { because, by },
        // What waits for a dependency, a person can leave out for good.
        (
            S::Skipped {
                by: SkippedBy::Dependency,
                ..
            },
            I::Skipped {
                because,
                by: by @ SkippedBy::Person,
            },
        ) => S::Skipped { because, by },
        (S::NeedsReview { .. }, I::Accepted { attempt }) => S::Verifying { attempt, fixes: 0 },
        (
            S::Failed { .. }
            | S::NeedsReview { .. }
            | S::Blocked { .. }
            | S::AwaitingApproval { .. }
            | S::Skipped { .. },
            I::Reopened,
        ) => S::Pending,

        // Git is the truth: a mark decides whatever was remembered.
        (_, I::MarkFound { commit }) => S::Committed { commit },
        (S::Committed { .. }, I::MarkLost) => S::Pending,

        (from, input) => {
            return Err(IllegalTransition {
                from: from.word(),
                input,
            });
        }
    };
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn oid() -> Oid {
        Oid::new("a".repeat(40))
    }

    fn every_input() -> Vec<ChunkInput> {
        let text = || "x".to_owned();
        vec![
            ChunkInput::Started { attempt: 1 },
            ChunkInput::EngineDone,
            ChunkInput::FixNeeded,
            ChunkInput::Landed { commit: oid() },
            ChunkInput::Failed { why: text() },
            ChunkInput::NeedsReview { why: text() },
            ChunkInput::Blocked {
                why: text(),
                needs: text(),
            },
            ChunkInput::Returned,
            ChunkInput::Skipped {
                because: text(),
                by: SkippedBy::Dependency,
            },
            ChunkInput::Skipped {
                because: text(),
                by: SkippedBy::Person,
            },
            ChunkInput::Accepted { attempt: 1 },
            ChunkInput::Reopened,
            ChunkInput::MarkFound { commit: oid() },
            ChunkInput::MarkLost,
        ]
    }

    /// The whole graph as words, `state + input -> state`: what is not in here is illegal.
    #[test]
    fn the_graph() {
        let text = || "x".to_owned();
        let states = [
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
            ChunkState::Committed { commit: oid() },
            ChunkState::Failed { why: text() },
            ChunkState::NeedsReview { why: text() },
            ChunkState::Blocked {
                why: text(),
                needs: text(),
            },
            ChunkState::AwaitingApproval { gate: text() },
            ChunkState::Skipped {
                because: text(),
                by: SkippedBy::Dependency,
            },
            ChunkState::Skipped {
                because: text(),
                by: SkippedBy::Person,
            },
        ];
        let mut rows = Vec::new();
        for state in &states {
            let legal: Vec<String> = every_input()
                .into_iter()
                .filter_map(|input| {
                    let name = format!("{input:?}");
                    let by = name
                        .split("by: ")
                        .nth(1)
                        .map(|by| by.trim_end_matches(" }"));
                    let by = by.map_or_else(String::new, |by| format!("({by})"));
                    let name = name.split([' ', '{']).next().unwrap_or_default().to_owned() + &by;
                    transition(state, input)
                        .ok()
                        .map(|to| format!("{name}->{}", to.word()))
                })
                .collect();
            rows.push(format!("{}: {}", state.word(), legal.join(" ")));
        }
        insta::assert_snapshot!(rows.join("\n"), @r"
        pending: Started->in_progress Skipped(Dependency)->skipped Skipped(Person)->skipped MarkFound->committed
        in_progress: EngineDone->verifying Failed->failed NeedsReview->needs_review Blocked->blocked Returned->pending MarkFound->committed
        verifying: FixNeeded->fixing Landed->committed Failed->failed NeedsReview->needs_review Returned->pending MarkFound->committed
        fixing: EngineDone->verifying Failed->failed NeedsReview->needs_review Blocked->blocked Returned->pending MarkFound->committed
        committed: MarkFound->committed MarkLost->pending
        failed: Skipped(Dependency)->skipped Skipped(Person)->skipped Reopened->pending MarkFound->committed
        needs_review: Skipped(Dependency)->skipped Skipped(Person)->skipped Accepted->verifying Reopened->pending MarkFound->committed
        blocked: Skipped(Dependency)->skipped Skipped(Person)->skipped Reopened->pending MarkFound->committed
        awaiting_approval: Skipped(Dependency)->skipped Skipped(Person)->skipped Reopened->pending MarkFound->committed
        skipped: Skipped(Person)->skipped Reopened->pending MarkFound->committed
        skipped: Reopened->pending MarkFound->committed
        ");
    }

    proptest! {
        /// Only a landed commit or a mark makes a chunk committed, whatever else happens in between.
        #[test]
        fn nothing_else_commits(picks in proptest::collection::vec(0usize..every_input().len(), 0..40)) {
            let inputs = every_input();
            let mut state = ChunkState::Pending;
            for pick in picks {
                let input = inputs[pick].clone();
                let marks = matches!(input, ChunkInput::Landed { .. } | ChunkInput::MarkFound { .. });
                let was = state.clone();
                if let Ok(next) = transition(&state, input) {
                    if matches!(next, ChunkState::Committed { .. }) {
                        prop_assert!(marks, "{was:?} -> {next:?}");
                    }
                    state = next;
                }
            }
        }
    }
}
