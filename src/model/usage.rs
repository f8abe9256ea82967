//! What an engine run used. Unknown is not zero.

use serde::{Deserialize, Serialize};

/// Tokens of one attempt; each is None when the engine did not say. `input` leaves out what was read from
/// the provider's cache, which is `cached`, and has what was written to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub input: Option<u64>,
    pub cached: Option<u64>,
    pub output: Option<u64>,
}

impl Usage {
    /// All tokens, where all three counts are known or absent by nature; None when nothing is known.
    pub fn total(&self) -> Option<u64> {
        match (self.input, self.output) {
            (None, None) => None,
            (i, o) => {
                let both = i.unwrap_or(0).saturating_add(o.unwrap_or(0));
                Some(both.saturating_add(self.cached.unwrap_or(0)))
            }
        }
    }

    /// Adds two usages; an unknown side contributes nothing but does not make the sum unknown. Engines may say any
    /// number: a sum that began anew at 0 would make room in a budget.
    #[must_use]
    pub fn plus(self, other: Usage) -> Usage {
        let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        Usage {
            input: add(self.input, other.input),
            cached: add(self.cached, other.cached),
            output: add(self.output, other.output),
        }
    }
}

/// Money, in US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    #[default]
    Unknown,
    Usd(f64),
}

impl Cost {
    /// What a program says that it cost. What is no amount of money is unknown: less than nothing would make room in a
    /// budget.
    pub fn told(usd: f64) -> Self {
        match usd.is_finite() && usd >= 0.0 {
            true => Self::Usd(usd),
            false => Self::Unknown,
        }
    }

    /// Sum of two costs; unknown if either is.
    #[must_use]
    pub fn plus(self, other: Cost) -> Cost {
        match (self, other) {
            (Cost::Usd(a), Cost::Usd(b)) => Cost::Usd(a + b),
            _ => Cost::Unknown,
        }
    }

    /// The amount, where known.
    pub fn usd(self) -> Option<f64> {
        match self {
            Cost::Usd(v) => Some(v),
            Cost::Unknown => None,
        }
    }
}

/// What a model costs, in US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// Input that is not read from a cache; also what is written to one.
    pub input: f64,
    /// Input read from the provider's cache.
    pub cached: f64,
    pub output: f64,
}

impl Price {
    /// What `usage` costs; unknown when input or output tokens are.
    pub fn of(&self, usage: Usage) -> Cost {
        let (Some(input), Some(output)) = (usage.input, usage.output) else {
            return Cost::Unknown;
        };
        Cost::Usd(self.dollars(input, usage.cached.unwrap_or(0), output))
    }

    /// Dollars for so many tokens.
    #[allow(
        clippy::cast_precision_loss,
        reason = "no count of tokens comes near 2^52"
    )]
    pub fn dollars(&self, input: u64, cached: u64, output: u64) -> f64 {
        (input as f64 * self.input + cached as f64 * self.cached + output as f64 * self.output)
            / 1e6
    }
}

/// What an engine run may still spend; None where there is no cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Allowance {
    pub usd: Option<f64>,
    pub tokens: Option<u64>,
}

impl Allowance {
    /// Sum of two amounts; what neither names stays unnamed.
    #[must_use]
    pub fn plus(self, other: Allowance) -> Allowance {
        let sum = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        Allowance {
            usd: sum(self.usd, other.usd),
            tokens: match (self.tokens, other.tokens) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sum_begins_anew() {
        let much = Usage {
            input: Some(u64::MAX),
            cached: Some(1),
            output: Some(u64::MAX),
        };
        assert_eq!(much.total(), Some(u64::MAX));
        assert_eq!(much.plus(much).input, Some(u64::MAX));
    }

    #[test]
    fn what_is_no_amount_of_money_is_unknown() {
        for usd in [-0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Cost::told(usd), Cost::Unknown);
        }
        assert_eq!(Cost::told(0.25), Cost::Usd(0.25));
    }
}
