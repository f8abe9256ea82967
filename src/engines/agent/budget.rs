//! What a run may still spend, what its next request can take at most, and how much conversation fits. Pure.
//!
//! Nothing here counts tokens. A provider says how many the last request had; what came since has at most one for two
//! bytes, which no tokenizer in use exceeds for text.

use super::history;
use crate::model::{Allowance, Cost, EngineError, Price, Usage};
use crate::ports::{ChatRequest, ToolSpec};

/// Bytes that a token has at least.
const TOKEN: usize = 2;

/// Input tokens of a request, as its provider counted them, and the bytes it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    pub tokens: u64,
    pub bytes: usize,
}

/// The most that one request can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Worst {
    pub input: u64,
    pub output: u64,
}

impl Worst {
    pub(super) fn of(bytes: usize, last: Option<Measured>, max_output: Option<u64>) -> Self {
        let at_most = |bytes: usize| bytes.div_ceil(TOKEN) as u64;
        let input = match last {
            None => at_most(bytes),
            Some(last) if bytes >= last.bytes => {
                last.tokens.saturating_add(at_most(bytes - last.bytes))
            }
            // The conversation was shortened and what is left may be the denser part of it, so nothing that was
            // measured bounds it.
            Some(_) => at_most(bytes),
        };
        Self {
            input,
            output: max_output.unwrap_or(0),
        }
    }

    fn tokens(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    fn dollars(self, price: Price) -> f64 {
        // Nobody promises that something is read from a cache.
        let input = Price {
            input: price.input.max(price.cached),
            ..price
        };
        input.dollars(self.input, 0, self.output)
    }
}

/// Bytes of a request beside its messages.
pub(super) fn frame(system: &str, tools: &[ToolSpec]) -> usize {
    let tool =
        |t: &ToolSpec| t.name.len() + t.description.len() + (t.schema)().to_string().len() + 32;
    system.len() + tools.iter().map(tool).sum::<usize>()
}

/// Bytes of a request, without the punctuation of its JSON.
pub(super) fn size(frame: usize, request: &ChatRequest) -> usize {
    frame + history::size(&request.messages)
}

/// Bytes that the messages may have, so that conversation and reply fit into the model's context.
pub(super) fn room(
    context: Option<u64>,
    max_output: Option<u64>,
    last: Option<Measured>,
    frame: usize,
) -> Option<usize> {
    let context = context?;
    // A context that the reply alone fills would leave no room for a question.
    let input = context
        .saturating_sub(max_output.unwrap_or(0))
        .max(context / 4);
    let bytes = match last {
        // Other text may have more tokens than what was measured.
        Some(last) if last.tokens > 0 => {
            u128::from(input) * last.bytes as u128 * 9 / 10 / u128::from(last.tokens)
        }
        Some(_) | None => u128::from(input) * TOKEN as u128,
    };
    Some(
        usize::try_from(bytes)
            .unwrap_or(usize::MAX)
            .saturating_sub(frame),
    )
}

/// What a run has spent, against what it may.
///
/// Where there is a cap, what a reply does not say is counted at its worst, so that the cap holds. Where there is none
/// it stays unknown.
#[derive(Clone, Debug)]
pub(super) struct Purse {
    allowance: Allowance,
    price: Option<Price>,
    /// The model, for messages.
    model: String,
    usage: Usage,
    /// None before anything was asked that may cost something.
    cost: Option<Cost>,
}

impl Purse {
    pub(super) fn new(allowance: Allowance, price: Option<Price>, model: &str) -> Self {
        Self {
            allowance,
            price,
            model: model.to_owned(),
            usage: Usage::default(),
            cost: None,
        }
    }

    /// Whether a request that takes `worst` may be sent.
    ///
    /// # Errors
    /// `AllowanceSpent`, when it could pass what is left, or when nobody knows what it costs.
    pub(super) fn admit(&self, worst: Worst) -> Result<(), EngineError> {
        let spent = |message: String| Err(EngineError::AllowanceSpent { message });
        if let Some(allowed) = self.allowance.tokens {
            let used = self.usage.total().unwrap_or(0);
            let (left, most) = (allowed.saturating_sub(used), worst.tokens());
            if most > left {
                return spent(format!(
                    "the next request may take {most} tokens, and {left} of {allowed} are left"
                ));
            }
        }
        if let Some(allowed) = self.allowance.usd {
            let Some(price) = self.price else {
                let model = &self.model;
                return spent(format!(
                    "what `{model}` costs is not known, so no budget in dollars can be kept: say it as \
                     `[price.\"{model}\"]` in your configuration"
                ));
            };
            let used = self.cost.and_then(Cost::usd).unwrap_or(0.0);
            let (left, most) = ((allowed - used).max(0.0), worst.dollars(price));
            // Sums of floats may be off in their last digit.
            if most > left + 1e-9 {
                return spent(format!(
                    "the next request may cost ${most:.4}, and ${left:.4} of ${allowed:.4} are left"
                ));
            }
        }
        Ok(())
    }

    /// Takes in what a reply used and cost.
    pub(super) fn replied(&mut self, usage: Usage, cost: Cost, worst: Worst) {
        let usage = match self.allowance.tokens {
            Some(_) => Usage {
                input: usage.input.or(Some(worst.input)),
                output: usage.output.or(Some(worst.output)),
                ..usage
            },
            None => usage,
        };
        self.usage = self.usage.plus(usage);
        let cost = match (cost, self.allowance.usd, self.price) {
            (Cost::Unknown, Some(_), Some(price)) => Cost::Usd(worst.dollars(price)),
            (cost, ..) => cost,
        };
        self.cost = Some(self.cost.map_or(cost, |so_far| so_far.plus(cost)));
    }

    /// Takes in a request that was sent and never answered to its end: it may be charged all the same.
    pub(super) fn lost(&mut self, worst: Worst) {
        self.replied(Usage::default(), Cost::Unknown, worst);
    }

    /// What was used and what it cost; nothing, where nothing was asked that costs something.
    pub(super) fn total(&self) -> (Usage, Cost) {
        match self.cost {
            Some(cost) => (self.usage, cost),
            None => {
                let nothing = Usage {
                    input: Some(0),
                    cached: None,
                    output: Some(0),
                };
                (nothing, Cost::Usd(0.0))
            }
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRICE: Price = Price {
        input: 3.0,
        cached: 0.3,
        output: 15.0,
    };

    fn usage(input: u64, output: u64) -> Usage {
        Usage {
            input: Some(input),
            cached: None,
            output: Some(output),
        }
    }

    fn purse(tokens: Option<u64>, usd: Option<f64>, price: Option<Price>) -> Purse {
        Purse::new(Allowance { usd, tokens }, price, "m")
    }

    #[test]
    fn the_worst_of_a_request() {
        let last = |tokens, bytes| Some(Measured { tokens, bytes });
        for (bytes, last, max_output, input, output) in [
            (1001, None, Some(50), 501, 50),
            (1001, None, None, 501, 0),
            (1001, last(200, 1000), Some(50), 201, 50),
            (3000, last(200, 1000), Some(50), 1200, 50),
            // Of 10 kB English text and 1 kB of dense one, the dense one is left.
            (1000, last(300, 11_000), Some(50), 500, 50),
            (900, last(200, 1000), Some(50), 450, 50),
            (100, last(200, 1000), Some(50), 50, 50),
        ] {
            assert_eq!(
                Worst::of(bytes, last, max_output),
                Worst { input, output },
                "{bytes} {last:?}"
            );
        }
    }

    #[test]
    fn how_much_conversation_fits() {
        let last = Some(Measured {
            tokens: 1000,
            bytes: 4000,
        });
        assert_eq!(room(None, Some(10), last, 0), None);
        assert_eq!(room(Some(10_000), Some(2000), None, 1000), Some(15_000));
        assert_eq!(room(Some(10_000), Some(2000), last, 1000), Some(27_800));
        assert_eq!(room(Some(10_000), Some(20_000), None, 0), Some(5000));
        assert_eq!(room(Some(10), Some(2), None, 1000), Some(0));
        assert_eq!(room(Some(u64::MAX), None, last, 0), Some(usize::MAX));
    }

    #[test]
    fn a_request_that_could_pass_what_is_left_is_not_sent() {
        let worst = Worst {
            input: 600,
            output: 400,
        };
        let says = |purse: &Purse| match purse.admit(worst) {
            Ok(()) => String::new(),
            Err(EngineError::AllowanceSpent { message }) => message,
            Err(other) => panic!("{other:?}"),
        };
        let mut tokens = purse(Some(1500), None, None);
        assert_eq!(says(&tokens), "");
        tokens.replied(usage(400, 101), Cost::Unknown, worst);
        assert_eq!(
            says(&tokens),
            "the next request may take 1000 tokens, and 999 of 1500 are left"
        );

        // 600 and 400 tokens come to 0.0078 dollars.
        let mut usd = purse(None, Some(0.0156), Some(PRICE));
        usd.replied(usage(1, 1), Cost::Usd(0.0078), worst);
        assert_eq!(says(&usd), "");
        usd.replied(usage(1, 1), Cost::Usd(0.0001), worst);
        assert_eq!(
            says(&usd),
            "the next request may cost $0.0078, and $0.0077 of $0.0156 are left"
        );
        assert!(says(&purse(None, Some(100.0), None)).contains("[price.\"m\"]"));
        assert_eq!(says(&purse(None, None, None)), "");
        assert_ne!(says(&purse(Some(0), None, None)), "");
    }

    #[test]
    fn what_is_not_said_counts_at_its_worst_where_there_is_a_cap() {
        let worst = Worst {
            input: 600,
            output: 400,
        };
        let mut free = purse(None, None, None);
        assert_eq!(
            free.total(),
            (usage(0, 0), Cost::Usd(0.0)),
            "nothing was asked"
        );
        free.lost(worst);
        assert_eq!(free.total(), (Usage::default(), Cost::Unknown));

        let mut bound = purse(Some(5000), Some(1.0), Some(PRICE));
        bound.replied(usage(100, 10), Cost::Usd(0.25), worst);
        bound.lost(worst);
        assert_eq!(bound.total(), (usage(700, 410), Cost::Usd(0.2578)));
        let half = Usage {
            input: None,
            cached: Some(7),
            output: Some(1),
        };
        bound.replied(half, Cost::Usd(0.0), worst);
        assert_eq!(bound.usage().total(), Some(700 + 410 + 600 + 7 + 1));
    }

    proptest! {
        /// However replies turn out within their worst case, a cap is never passed.
        #[test]
        fn a_cap_holds(
            tokens in 0u64..5000,
            usd in 0.0f64..0.1,
            steps in prop::collection::vec((0u64..900, 0u64..900, 0.0f64..=1.0, 0.0f64..=1.0, any::<bool>(), any::<bool>()), 0..30),
        ) {
            let mut purse = purse(Some(tokens), Some(usd), Some(PRICE));
            for (input, output, of_input, of_output, says, answers) in steps {
                let worst = Worst { input, output };
                if purse.admit(worst).is_err() {
                    continue;
                }
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
                let part = |n: u64, of: f64| (n as f64 * of) as u64;
                let real = usage(part(input, of_input), part(output, of_output));
                match (answers, says) {
                    (true, true) => purse.replied(real, PRICE.of(real), worst),
                    (true, false) => purse.replied(Usage::default(), Cost::Unknown, worst),
                    (false, _) => purse.lost(worst),
                }
                let (used, cost) = purse.total();
                prop_assert!(used.total().unwrap() <= tokens);
                prop_assert!(cost.usd().unwrap() <= usd + 1e-6);
            }
        }
    }
}
