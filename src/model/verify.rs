//! What verification recorded.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How one check ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CheckOutcome {
    #[default]
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
    /// Failed, and what had failed passed when it was run again at once.
    Flaky {
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
            Self::Flaky { .. } => "flaky",
        }
    }
}

/// How one test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestStatus {
    Passed,
    Failed,
    /// Skipped, ignored, marked as to do or as expected to fail: it proves nothing.
    Skipped,
}

/// The tests of one run by name, as their runner names them. A name that came twice has the worse status.
pub type Tests = BTreeMap<String, TestStatus>;

/// How many tests a run had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCounts {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl TestCounts {
    pub fn of(tests: &Tests) -> Self {
        let mut counts = Self::default();
        for status in tests.values() {
            match status {
                TestStatus::Passed => counts.passed += 1,
                TestStatus::Failed => counts.failed += 1,
                TestStatus::Skipped => counts.skipped += 1,
            }
        }
        counts
    }

    pub fn total(self) -> u32 {
        self.passed + self.failed + self.skipped
    }
}

/// A run of what had failed, at once after the failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    pub command: String,
    pub exit: i32,
    pub millis: u64,
    /// Bounded output, head and tail, redacted.
    pub output: String,
}

/// One command that verification ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What was left out because the changes cannot reach it, in words; None where the check ran whole.
    #[serde(default)]
    pub narrowed: Option<String>,
    /// Test by test; None where the runner's words are not known, or where the check runs no tests. Not in ledgers.
    #[serde(default)]
    pub tests: Option<Tests>,
    /// How many there were; None where nobody counted them.
    #[serde(default)]
    pub counts: Option<TestCounts>,
    /// Names of tests that failed, bounded.
    #[serde(default)]
    pub failing: Vec<String>,
    /// Set where the check failed and what had failed was run again.
    #[serde(default)]
    pub rerun: Option<Rerun>,
    /// Hosts that its wall kept it from, each with the reason, bounded.
    #[serde(default)]
    pub refused: Vec<String>,
    /// Why its wall may be what it failed at, for people and for the engine that mends it; no part of the output.
    /// Not in ledgers.
    #[serde(default)]
    pub hint: Option<String>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingSeverity {
    /// Listed in the pull request.
    Note,
    /// A person looks before it is committed.
    NeedsReview,
    /// Goes back to the engine; a person looks when it stays.
    Fail,
}

impl FindingSeverity {
    /// As in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::NeedsReview => "needs_review",
            Self::Fail => "fail",
        }
    }
}

/// Something that the audit of a diff found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's name, as in the configuration: `deleted_test`.
    pub rule: String,
    pub severity: FindingSeverity,
    /// Path below the root.
    pub path: String,
    /// Line in the new file, or in the old one for what is gone; from 1.
    pub line: Option<u32>,
    /// What was found, in a sentence without the place.
    pub what: String,
    /// The words of the task that ask for it: then it is a note, whatever the configuration says.
    #[serde(default)]
    pub asked_for: Option<String>,
}

impl Finding {
    /// Path and line.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.path),
            None => self.path.clone(),
        }
    }
}

/// Lines that tests ran, of the lines that could be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    pub covered: u64,
    pub total: u64,
}

impl Covered {
    /// Percent; None where there is no line that could be run.
    pub fn percent(self) -> Option<f64> {
        (self.total > 0).then(|| self.covered as f64 * 100.0 / self.total as f64)
    }
}

/// Coverage of the work, and of what it was built upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// None where the base was not measured.
    pub before: Option<Covered>,
    pub after: Covered,
    /// Of the lines that the work added or changed.
    pub changed: Covered,
}

/// Which tests show the work, each by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Red or absent without the change, green with it.
    pub proving: Vec<String>,
    /// New, and green without the change as well: they prove nothing of it.
    pub idle: Vec<String>,
}

impl Proof {
    /// True where no test was looked at.
    pub fn is_empty(&self) -> bool {
        self.proving.is_empty() && self.idle.is_empty()
    }
}

/// What a reviewer said of one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Path below the root; empty where it is about the whole.
    pub path: String,
    pub line: Option<u32>,
    pub severity: RemarkSeverity,
    pub claim: String,
    /// What to do instead; may be empty.
    pub suggestion: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemarkSeverity {
    Low,
    Medium,
    /// Starts a fix turn.
    High,
}

/// Everything verification knows about one chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub checks: Vec<CheckResult>,
    /// True when no check ran, or when one could not and that was allowed: said in every output.
    pub unverified: bool,
    /// Git tree that was checked.
    pub tree: Option<String>,
    #[serde(default)]
    pub proof: Proof,
    /// None where nothing measured it.
    #[serde(default)]
    pub coverage: Option<Coverage>,
    /// What the audit of the diff found.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What a reviewer said; None where none was asked.
    #[serde(default)]
    pub remarks: Option<Vec<Remark>>,
    /// The verdict as the commit's trailer says it, where nothing else is known of how it came about.
    #[serde(default)]
    pub told: Option<Verdict>,
    /// What walled the checks in, in a word; empty where nothing did.
    #[serde(default)]
    pub sandbox: String,
}

/// Whether it is shown which tests need the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prove {
    /// The work's tests are run once more without the work.
    #[default]
    After,
    /// The engine writes the tests first, and they are seen to be red.
    TestsFirst,
    No,
}

/// What the evidence of a chunk comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A check failed that did not fail before, or the audit refuses the diff.
    Failed,
    /// No check looked at it, or not every one that should have.
    Unverified,
    /// Nothing broke, and nothing new proves it.
    RegressionOnly,
    /// A test that was red or absent without the change is green with it.
    Proven,
}

impl Verdict {
    /// As in trailers, documents and the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unverified => "unverified",
            Self::RegressionOnly => "regression_only",
            Self::Proven => "proven",
        }
    }

    /// The verdict of such a word. `passed` is what versions before this one wrote.
    pub fn read(word: &str) -> Option<Self> {
        let all = [
            Self::Failed,
            Self::Unverified,
            Self::RegressionOnly,
            Self::Proven,
        ];
        let word = if word == "passed" {
            "regression_only"
        } else {
            word
        };
        all.into_iter().find(|v| v.word() == word)
    }

    /// The same for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unverified => "unverified",
            Self::RegressionOnly => "regression only",
            Self::Proven => "proven",
        }
    }
}

impl Evidence {
    /// True when nothing failed that did not fail before. An unverified chunk passes and says so; in it, a
    /// check that could not run was allowed not to.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|c| match c.outcome {
            CheckOutcome::Passed
            | CheckOutcome::FailedBefore { .. }
            | CheckOutcome::Flaky { .. } => true,
            CheckOutcome::NotAvailable { .. } => self.unverified,
            CheckOutcome::Failed { .. } | CheckOutcome::TimedOut { .. } => false,
        })
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        if let Some(told) = self.told {
            return told;
        }
        let refused = self
            .findings
            .iter()
            .any(|f| f.severity == FindingSeverity::Fail);
        if !self.passed() || refused {
            Verdict::Failed
        } else if self.unverified {
            Verdict::Unverified
        } else if self.proof.proving.is_empty() {
            Verdict::RegressionOnly
        } else {
            Verdict::Proven
        }
    }

    /// The verdict in a word or two, for tables and PR bodies.
    pub fn word(&self) -> &'static str {
        self.verdict().words()
    }

    /// Tests that ran, over all checks; None where nobody counted them.
    pub fn test_counts(&self) -> Option<TestCounts> {
        let counted = self.checks.iter().filter_map(|c| c.counts);
        counted.reduce(|a, b| TestCounts {
            passed: a.passed + b.passed,
            failed: a.failed + b.failed,
            skipped: a.skipped + b.skipped,
        })
    }
}
