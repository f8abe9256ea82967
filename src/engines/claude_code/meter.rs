//! What a run of Claude Code has used while it goes on, and whether that is all it may. Pure.
//!
//! A message's counts repeat on each of its lines, so they are kept by message id and never summed over
//! lines. A message tells its output only when it ends, and only where streamed pieces are asked for
//! (`--include-partial-messages`): without them the output of a run that is going on is unknown.

use super::wire::Tokens;
use crate::model::{Cost, Price, Usage};
use std::collections::BTreeMap;

/// What a run may use, as far as it is watched here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bounds {
    pub tokens: Option<u64>,
    /// Watched only where the price is known; the program has a bound of its own besides.
    pub usd: Option<f64>,
    pub price: Option<Price>,
    /// The dollars that the program was told to keep to are what the run may spend, and not a bound of its own
    /// configuration.
    pub usd_is_allowance: bool,
}

impl Bounds {
    /// True when there is something to watch, so that streamed pieces are wanted.
    pub(super) fn are_watched(&self) -> bool {
        self.tokens.is_some() || (self.usd.is_some() && self.price.is_some())
    }
}

/// Tokens by message.
#[derive(Debug, Default)]
pub(super) struct Meter {
    bounds: Bounds,
    messages: BTreeMap<String, Counted>,
    /// The message that is being streamed.
    current: Option<String>,
    /// It declares how the run ends.
    declares: bool,
    /// A message that declared the end was let through though the bound was reached.
    spared: bool,
    /// Streamed pieces come: only they say when a message has ended.
    streams: bool,
    spent: Option<String>,
}

#[derive(Debug)]
struct Counted {
    tokens: Tokens,
    /// The message has ended, and its output is known.
    ended: bool,
}

impl Meter {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// No message of the model has been seen.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// A message begins to be streamed.
    pub(super) fn begins(&mut self, id: Option<String>, tokens: Option<Tokens>) {
        self.streams = true;
        self.declares = false;
        self.current = id;
        if let (Some(id), Some(tokens)) = (self.current.clone(), tokens) {
            self.count(id, tokens);
        }
    }

    /// The streamed message has ended. True when the run is to be ended: its bound is reached.
    pub(super) fn ended(&mut self, tokens: Tokens) -> bool {
        self.streams = true;
        if let Some(id) = self.current.take() {
            let earlier = self.messages.get(&id).map(|c| c.tokens).unwrap_or_default();
            let counted = Counted {
                tokens: tokens.or(earlier),
                ended: true,
            };
            self.messages.insert(id, counted);
        }
        self.is_over()
    }

    /// A line of a message. True when the run is to be ended, as far as that can be said before the message has
    /// ended.
    pub(super) fn line(&mut self, id: String, tokens: Tokens, declares: bool) -> bool {
        self.declares |= declares;
        self.count(id, tokens);
        !self.streams && self.is_over()
    }

    fn count(&mut self, id: String, tokens: Tokens) {
        let counted = self.messages.entry(id).or_insert(Counted {
            tokens,
            ended: false,
        });
        if !counted.ended {
            counted.tokens = tokens;
        }
    }

    /// Why the run was to be ended.
    pub(super) fn spent(&self) -> Option<&str> {
        self.spent.as_deref()
    }

    /// Tokens so far; the output only when every message has ended.
    pub(super) fn usage(&self) -> Usage {
        let known = self.at_least();
        let all_ended = self.messages.values().all(|c| c.ended);
        Usage {
            output: known.output.filter(|_| all_ended),
            ..known
        }
    }

    /// What it cost so far, by the price that was given.
    pub(super) fn cost(&self) -> Cost {
        let price = self.bounds.price.filter(|_| !self.is_empty());
        price.map_or(Cost::Unknown, |p| p.of(self.usage()))
    }

    fn at_least(&self) -> Usage {
        sum(self.messages.values().map(|c| &c.tokens))
    }

    fn is_over(&mut self) -> bool {
        let usage = self.at_least();
        let (input, cached, output) = (
            usage.input.unwrap_or(0),
            usage.cached.unwrap_or(0),
            usage.output.unwrap_or(0),
        );
        let tokens = input.saturating_add(cached).saturating_add(output);
        let over_tokens = self.bounds.tokens.filter(|max| tokens >= *max);
        let dollars = self.bounds.price.map(|p| p.dollars(input, cached, output));
        let over_usd = self
            .bounds
            .usd
            .zip(dollars)
            .filter(|(max, spent)| spent >= max);
        let why = match (over_tokens, over_usd) {
            (Some(max), _) => format!("it used {tokens} tokens and was allowed {max}"),
            (None, Some((max, spent))) => {
                format!("it used ${spent:.4} and was allowed ${max:.4}")
            }
            (None, None) => return false,
        };
        // Declaring the end is its last request: ending it here would save nothing and lose the work. Once:
        // what is declared wrongly is asked for again.
        if self.declares && !self.spared {
            self.spared = true;
            return false;
        }
        self.spent = Some(why);
        true
    }
}

/// `input` holds what was written to the cache too: both are paid as input.
pub(super) fn sum<'a>(tokens: impl IntoIterator<Item = &'a Tokens>) -> Usage {
    tokens
        .into_iter()
        .map(|t| Usage {
            input: t
                .input_tokens
                .map(|i| i.saturating_add(t.cache_creation_input_tokens.unwrap_or(0))),
            cached: t.cache_read_input_tokens,
            output: t.output_tokens,
        })
        .fold(Usage::default(), Usage::plus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64, output: u64) -> Tokens {
        Tokens {
            input_tokens: Some(input),
            output_tokens: Some(output),
            ..Tokens::default()
        }
    }

    fn meter(tokens: Option<u64>, usd: Option<f64>) -> Meter {
        Meter::new(Bounds {
            tokens,
            usd,
            price: Some(Price {
                input: 1.0,
                cached: 0.1,
                output: 10.0,
            }),
            usd_is_allowance: true,
        })
    }

    /// A whole streamed message; whether the run is to be ended after it.
    fn message(meter: &mut Meter, id: &str, input: u64, output: u64, declares: bool) -> bool {
        meter.begins(Some(id.to_owned()), Some(tokens(input, 1)));
        for _ in 0..3 {
            assert!(!meter.line(id.to_owned(), tokens(input, 1), declares));
        }
        meter.ended(Tokens {
            output_tokens: Some(output),
            ..Tokens::default()
        })
    }

    #[test]
    fn messages_are_counted_once_and_the_bound_holds() {
        let mut meter = meter(Some(250), None);
        assert!(!message(&mut meter, "a", 90, 10, false));
        assert_eq!(
            (meter.usage().input, meter.usage().output),
            (Some(90), Some(10))
        );
        assert!(!message(&mut meter, "b", 100, 49, false), "249 of 250");
        meter.begins(Some("c".to_owned()), Some(tokens(0, 1)));
        assert_eq!(meter.usage().output, None, "the third message goes on");
        assert!(meter.ended(tokens(0, 1)));
        assert_eq!(
            meter.spent(),
            Some("it used 250 tokens and was allowed 250")
        );
    }

    #[test]
    fn dollars_are_watched_by_the_price() {
        let mut meter = meter(None, Some(0.003));
        assert!(!message(&mut meter, "a", 1_000, 100, false));
        assert_eq!(meter.cost(), Cost::Usd(0.002));
        assert!(message(&mut meter, "b", 500, 50, false));
        assert_eq!(
            meter.spent(),
            Some("it used $0.0030 and was allowed $0.0030")
        );
    }

    #[test]
    fn a_declared_end_is_let_through_once() {
        let mut meter = meter(Some(100), None);
        assert!(!message(&mut meter, "a", 500, 1, true));
        assert!(message(&mut meter, "b", 1, 1, true));
    }

    #[test]
    fn without_streamed_pieces_lines_are_all_there_is() {
        let mut meter = meter(Some(100), None);
        assert!(!meter.line("a".to_owned(), tokens(60, 1), false));
        assert!(!meter.line("a".to_owned(), tokens(60, 1), false));
        assert!(meter.line("b".to_owned(), tokens(60, 1), false));
        assert_eq!(meter.usage().output, None);
        assert_eq!(meter.cost(), Cost::Unknown);
    }
}
