//! How a ledger holds what verification recorded. Tests are counted, and only the failing ones are named: the names
//! of all are for the cache of baselines.

use crate::model::{
    CheckOutcome, CheckResult, Coverage, Evidence, Finding, Proof, Remark, Rerun, TestCounts,
    Verdict,
};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvidenceWire {
    checks: Vec<CheckWire>,
    unverified: bool,
    tree: Option<String>,
    /// Since schema 5, as all that follows.
    #[serde(
        default,
        skip_serializing_if = "is_default",
        deserialize_with = "strict"
    )]
    proof: Proof,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict"
    )]
    coverage: Option<Coverage>,
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "strict"
    )]
    findings: Vec<Finding>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict"
    )]
    remarks: Option<Vec<Remark>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Verdict>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    sandbox: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckWire {
    name: String,
    command: String,
    dir: String,
    result: CheckWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    millis: u64,
    output: String,
    /// Since schema 5, as all that follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    narrowed: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict"
    )]
    tests: Option<TestCounts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failing: Vec<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict"
    )]
    rerun: Option<Rerun>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
}

/// Reads what the model has a struct for, which passes over fields that it does not know: here they are refused, since
/// the next write would lose them.
fn strict<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Serialize,
{
    let value = Value::deserialize(deserializer)?;
    let read: T = serde_json::from_value(value.clone()).map_err(D::Error::custom)?;
    let written = serde_json::to_value(&read).map_err(D::Error::custom)?;
    match unknown(&value, &written) {
        Some(name) => Err(D::Error::custom(format!("unknown field `{name}`"))),
        None => Ok(read),
    }
}

/// A field of `value` that `written` has not.
fn unknown<'v>(value: &'v Value, written: &Value) -> Option<&'v str> {
    match (value, written) {
        (Value::Object(fields), Value::Object(known)) => {
            fields
                .iter()
                .find_map(|(name, value)| match known.get(name) {
                    Some(known) => unknown(value, known),
                    None => Some(name.as_str()),
                })
        }
        (Value::Array(items), Value::Array(known)) => {
            items.iter().zip(known).find_map(|(v, k)| unknown(v, k))
        }
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CheckWord {
    Passed,
    Failed,
    NotAvailable,
    TimedOut,
    FailedBefore,
    Flaky,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<&Evidence> for EvidenceWire {
    fn from(evidence: &Evidence) -> Self {
        let Evidence {
            checks,
            unverified,
            tree,
            proof,
            coverage,
            findings,
            remarks,
            told,
            sandbox,
        } = evidence;
        Self {
            checks: checks.iter().map(Into::into).collect(),
            unverified: *unverified,
            tree: tree.clone(),
            proof: proof.clone(),
            coverage: *coverage,
            findings: findings.clone(),
            remarks: remarks.clone(),
            told: *told,
            sandbox: sandbox.clone(),
        }
    }
}

impl From<&CheckResult> for CheckWire {
    fn from(check: &CheckResult) -> Self {
        let CheckResult {
            name,
            command,
            dir,
            outcome,
            millis,
            output,
            narrowed,
            tests: _,
            counts,
            failing,
            rerun,
            refused,
            hint: _,
        } = check;
        let (result, exit, why, seconds) = match outcome {
            CheckOutcome::Passed => (CheckWord::Passed, None, None, None),
            CheckOutcome::Failed { exit } => (CheckWord::Failed, Some(*exit), None, None),
            CheckOutcome::NotAvailable { why } => {
                (CheckWord::NotAvailable, None, Some(why.clone()), None)
            }
            CheckOutcome::TimedOut { seconds } => (CheckWord::TimedOut, None, None, Some(*seconds)),
            CheckOutcome::FailedBefore { exit } => {
                (CheckWord::FailedBefore, Some(*exit), None, None)
            }
            CheckOutcome::Flaky { exit } => (CheckWord::Flaky, Some(*exit), None, None),
        };
        Self {
            name: name.clone(),
            command: command.clone(),
            dir: dir.clone(),
            result,
            exit,
            why,
            seconds,
            millis: *millis,
            output: output.clone(),
            narrowed: narrowed.clone(),
            tests: *counts,
            failing: failing.clone(),
            rerun: rerun.clone(),
            refused: refused.clone(),
        }
    }
}

impl TryFrom<EvidenceWire> for Evidence {
    type Error = String;

    fn try_from(w: EvidenceWire) -> Result<Self, String> {
        Ok(Self {
            checks: w
                .checks
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, String>>()?,
            unverified: w.unverified,
            tree: w.tree,
            proof: w.proof,
            coverage: w.coverage,
            findings: w.findings,
            remarks: w.remarks,
            told: w.told,
            sandbox: w.sandbox,
        })
    }
}

impl TryFrom<CheckWire> for CheckResult {
    type Error = String;

    fn try_from(w: CheckWire) -> Result<Self, String> {
        let outcome = match (w.result, w.exit, w.why, w.seconds) {
            (CheckWord::Passed, None, None, None) => CheckOutcome::Passed,
            (CheckWord::Failed, Some(exit), None, None) => CheckOutcome::Failed { exit },
            (CheckWord::NotAvailable, None, Some(why), None) => CheckOutcome::NotAvailable { why },
            (CheckWord::TimedOut, None, None, Some(seconds)) => CheckOutcome::TimedOut { seconds },
            (CheckWord::FailedBefore, Some(exit), None, None) => {
                CheckOutcome::FailedBefore { exit }
            }
            (CheckWord::Flaky, Some(exit), None, None) => CheckOutcome::Flaky { exit },
            (result, ..) => {
                return Err(format!(
                    "check {}: the result {result:?} does not go with the exit, why and seconds beside it",
                    w.name
                ));
            }
        };
        Ok(Self {
            name: w.name,
            command: w.command,
            dir: w.dir,
            outcome,
            millis: w.millis,
            output: w.output,
            narrowed: w.narrowed,
            tests: None,
            counts: w.tests,
            failing: w.failing,
            rerun: w.rerun,
            refused: w.refused,
            hint: None,
        })
    }
}
