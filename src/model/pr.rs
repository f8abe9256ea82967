//! How a spec's work is cut into pull requests.

use serde::{Deserialize, Serialize};

/// What one pull request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrMode {
    /// As many chunks as the caps allow; what follows is stacked upon it.
    #[default]
    Part,
    /// One chunk.
    Chunk,
    /// The whole spec, whatever its size.
    Spec,
}

impl PrMode {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::Chunk => "chunk",
            Self::Spec => "spec",
        }
    }
}
