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

/// Lines that a commit changed, the spec's own file left out. A binary file is one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCount {
    pub added: u32,
    pub removed: u32,
    /// Added and removed lines that nobody reads, in lock files and what is generated: in neither of the others.
    pub uncounted: u32,
}

impl LineCount {
    /// The lines that count for the size of a pull request.
    pub fn counted(self) -> u32 {
        self.added.saturating_add(self.removed)
    }
}
