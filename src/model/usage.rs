//! What an engine run used. Unknown is not zero.

use serde::{Deserialize, Serialize};

/// Tokens of one attempt; each is None when the engine did not say.
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
            (i, o) => Some(i.unwrap_or(0) + o.unwrap_or(0) + self.cached.unwrap_or(0)),
        }
    }

    /// Adds two usages; an unknown side contributes nothing but does not make the sum unknown.
    #[must_use]
    pub fn plus(self, other: Usage) -> Usage {
        let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
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
