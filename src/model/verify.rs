//! What verification recorded.

use serde::{Deserialize, Serialize};

/// How one check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CheckOutcome {
    Passed,
    Failed {
        exit: i32,
    },
    /// It could not start: the program or what it needs is not there.
    NotAvailable {
        why: String,
    },
    TimedOut {
        seconds: u64,
    },
    /// Failed in the same way before the chunk's work: not blamed on it.
    FailedBefore {
        exit: i32,
    },
}

impl CheckOutcome {
    /// The outcome in a word or two, for tables and events.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "failed",
            Self::NotAvailable { .. } => "not available",
            Self::TimedOut { .. } => "timed out",
            Self::FailedBefore { .. } => "failed before as well",
        }
    }
}

/// One command that verification ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Short name for people: `cargo test`.
    pub name: String,
    /// The command as run.
    pub command: String,
    /// Folder below the root it ran in; empty for the root.
    pub dir: String,
    #[serde(rename = "result")]
    pub outcome: CheckOutcome,
    pub millis: u64,
    /// Bounded output, head and tail, redacted.
    pub output: String,
}

/// Everything verification knows about one chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub checks: Vec<CheckResult>,
    /// True when no check ran, or when one could not and that was allowed: said in every output.
    pub unverified: bool,
    /// Git tree that was checked.
    pub tree: Option<String>,
}

impl Evidence {
    /// True when nothing failed that did not fail before. An unverified chunk passes and says so; in it, a
    /// check that could not run was allowed not to.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|c| match c.outcome {
            CheckOutcome::Passed | CheckOutcome::FailedBefore { .. } => true,
            CheckOutcome::NotAvailable { .. } => self.unverified,
            CheckOutcome::Failed { .. } | CheckOutcome::TimedOut { .. } => false,
        })
    }

    /// The verdict in a word or two, for tables and PR bodies.
    pub fn word(&self) -> &'static str {
        if !self.passed() {
            "failed"
        } else if self.unverified {
            "unverified"
        } else {
            "passed"
        }
    }
}
