//! What a reply means for the loop, and when a model goes in circles. Pure.

use super::history::said;
use super::tools::Output;
use crate::model::{Ends, EngineError, EngineOutcome};
use crate::ports::{ChatReply, Finish, ToolCall};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Said to a model that answers in prose only.
pub(super) const PROSE_NUDGE: &str = "You called no tool. Go on working with the tools. When the task is built, \
     call `complete_chunk`; when it cannot be built without a person, call `block_chunk`.";

/// The same of a reviewer.
const REVIEW_NUDGE: &str = "You called no tool. Go on reading with the tools, or end with `report_review`, with no \
     remarks where you found nothing.";

/// Said to a model whose answer was cut before it called anything.
pub(super) const CUT_NUDGE: &str = "Your answer ran into the limit on one reply and was cut before you called a tool. Go on \
     in smaller steps: say less, and write a long file in several edits.";

/// Added to the answer of a call that cannot be read because the reply was cut.
pub(super) const CUT_CALL: &str = "Your reply ran into the limit on one reply and was cut within this call. Make it shorter: \
     write a long file with write_file and then in several edits.";

/// The same call with the same result is pointed out this many times in.
const REPEATS: u32 = 3;

/// What to do with a reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Carry out its calls in order and answer all of them.
    Work,
    /// Say this and ask again.
    Nudge(&'static str),
    End(EngineOutcome),
}

/// What a carried-out call says about progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circle {
    No,
    /// Tell the model that it repeats itself, this many times now.
    PointOut(u32),
    /// It was told, and did it again.
    End,
}

/// Where the loop stands.
#[derive(Debug)]
pub(super) struct Turns {
    limit: u32,
    ends: Ends,
    taken: u32,
    nudged: bool,
    /// Calls with their results, counted since something last changed.
    seen: HashMap<u64, Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    times: u32,
    /// The turn in which it was pointed out.
    told: Option<u32>,
}

impl Turns {
    pub(super) fn new(limit: u32, ends: Ends) -> Self {
        Self {
            limit,
            ends,
            taken: 0,
            nudged: false,
            seen: HashMap::new(),
        }
    }

    /// Number of the next turn, from 0.
    ///
    /// # Errors
    /// [`EngineError::TurnLimit`] when all turns are taken.
    pub(super) fn next(&self) -> Result<u32, EngineError> {
        if self.taken < self.limit {
            Ok(self.taken)
        } else {
            Err(EngineError::TurnLimit { turns: self.taken })
        }
    }

    /// Takes a reply in.
    pub(super) fn step(&mut self, reply: &ChatReply) -> Next {
        self.taken += 1;
        if !reply.calls.is_empty() {
            self.nudged = false;
            return Next::Work;
        }
        if std::mem::replace(&mut self.nudged, true) {
            return Next::End(EngineOutcome::Undeclared {
                last_words: said(&reply.text, true),
            });
        }
        Next::Nudge(match (reply.finish, self.ends) {
            (Finish::Whole, Ends::Build) => PROSE_NUDGE,
            (Finish::Whole, Ends::Review) => REVIEW_NUDGE,
            (Finish::Cut, _) => CUT_NUDGE,
        })
    }

    /// Takes in how a call of the current reply ended.
    pub(super) fn noted(&mut self, call: &ToolCall, output: &Output) -> Circle {
        let mut hasher = DefaultHasher::new();
        (&call.name, call.arguments.to_string(), &output.text).hash(&mut hasher);
        let key = hasher.finish();
        if output.changed.is_certain()
            || (output.changed.is_possible() && !self.seen.contains_key(&key))
        {
            // The keys stay: a command that was seen before is not new again.
            self.seen
                .values_mut()
                .for_each(|seen| *seen = Seen::default());
        }
        let taken = self.taken;
        let seen = self.seen.entry(key).or_default();
        seen.times += 1;
        match seen.told {
            Some(turn) if turn < taken => Circle::End,
            // Twins within the reply that was not yet told.
            Some(_) => Circle::No,
            None if seen.times >= REPEATS => {
                seen.told = Some(taken);
                Circle::PointOut(seen.times)
            }
            None => Circle::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tools::Changed;
    use super::*;
    use crate::model::{Cost, Usage};
    use serde_json::json;

    fn reply(text: &str, calls: usize) -> ChatReply {
        ChatReply {
            text: text.into(),
            calls: (0..calls).map(|n| call("list_dir", n)).collect(),
            finish: Finish::Whole,
            usage: Usage::default(),
            cost: Cost::Unknown,
        }
    }

    fn call(name: &str, n: usize) -> ToolCall {
        ToolCall {
            id: n.to_string(),
            name: name.into(),
            arguments: json!({"path": n.to_string()}),
        }
    }

    fn said(text: &str, changed: Changed) -> Output {
        Output {
            text: text.into(),
            is_error: false,
            changed,
        }
    }

    #[test]
    fn prose_is_nudged_once_in_a_row() {
        let mut turns = Turns::new(9, Ends::Build);
        let steps: Vec<Next> = [("a", 0), ("", 1), ("b", 0), ("c", 0)]
            .iter()
            .map(|(text, calls)| turns.step(&reply(text, *calls)))
            .collect();
        let end = Next::End(EngineOutcome::Undeclared {
            last_words: "c".into(),
        });
        assert_eq!(
            steps,
            [
                Next::Nudge(PROSE_NUDGE),
                Next::Work,
                Next::Nudge(PROSE_NUDGE),
                end
            ]
        );
    }

    #[test]
    fn a_cut_answer_is_told_so() {
        let mut turns = Turns::new(9, Ends::Build);
        let cut = ChatReply {
            finish: Finish::Cut,
            ..reply("a", 0)
        };
        assert_eq!(turns.step(&cut), Next::Nudge(CUT_NUDGE));
        assert!(matches!(turns.step(&cut), Next::End(_)));
    }

    #[test]
    fn turns_are_counted() {
        let mut turns = Turns::new(2, Ends::Build);
        assert_eq!(turns.next(), Ok(0));
        turns.step(&reply("", 1));
        assert_eq!(turns.next(), Ok(1));
        turns.step(&reply("", 1));
        assert_eq!(turns.next(), Err(EngineError::TurnLimit { turns: 2 }));
    }

    #[test]
    fn a_circle_is_pointed_out_and_then_ends() {
        use Changed::{Maybe, No, Yes};
        use Circle::{End, PointOut};
        // (call, its result, what it changed) -> verdict, one a turn
        type Calls = &'static [(usize, &'static str, Changed)];
        let cases: [(&str, Calls, &[Circle]); 5] = [
            (
                "same",
                &[(1, "x", No); 4],
                &[Circle::No, Circle::No, PointOut(3), End],
            ),
            (
                "alternating",
                &[
                    (1, "x", No),
                    (2, "x", No),
                    (1, "x", No),
                    (2, "x", No),
                    (1, "x", No),
                    (1, "x", No),
                ],
                &[
                    Circle::No,
                    Circle::No,
                    Circle::No,
                    Circle::No,
                    PointOut(3),
                    End,
                ],
            ),
            (
                "other results",
                &[(1, "x", No), (1, "y", No), (1, "z", No)],
                &[Circle::No; 3],
            ),
            (
                "a change between",
                &[(1, "x", No), (1, "x", No), (2, "edited", Yes), (1, "x", No)],
                &[Circle::No; 4],
            ),
            (
                "a new command may change something, a known one does not",
                &[
                    (1, "x", Maybe),
                    (2, "x", Maybe),
                    (1, "x", Maybe),
                    (2, "x", Maybe),
                    (2, "x", Maybe),
                ],
                &[Circle::No, Circle::No, Circle::No, Circle::No, PointOut(3)],
            ),
        ];
        for (name, calls, want) in cases {
            let mut turns = Turns::new(99, Ends::Build);
            let got: Vec<Circle> = calls
                .iter()
                .map(|(n, text, changed)| {
                    turns.step(&reply("", 1));
                    turns.noted(&call("run_command", *n), &said(text, *changed))
                })
                .collect();
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn twins_in_one_reply_end_nothing() {
        let mut turns = Turns::new(9, Ends::Build);
        turns.step(&reply("", 1));
        let got: Vec<Circle> = (0..6)
            .map(|_| turns.noted(&call("list_dir", 0), &said("x", Changed::No)))
            .collect();
        assert!(!got.contains(&Circle::End), "{got:?}");
        assert_eq!(got.iter().filter(|c| **c == Circle::PointOut(3)).count(), 1);
    }
}
