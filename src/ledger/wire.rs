//! The ledger's layout on disk, schema 5, and its conversions.
//!
//! Flat where people and scripts read it: a status is a word with its facts beside it. Reading is strict, so
//! that nothing a person or a newer version wrote is dropped in silence.

use super::codec::CodecError;
use super::wire_delivery::{FailureWire, IssueWire, PrWire};
use super::wire_evidence::EvidenceWire;
use super::wire_moves::RecordWire;

use crate::model::ledger::{LEDGER_SCHEMA, SpecBase};
use crate::model::{
    Allowance, Attempt, AttemptEnd, ChunkId, ChunkRecord, ChunkState, Completion, Cost, Intent,
    Ledger, Oid, RunId, SkippedBy, SpecId, Usage,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerWire {
    schema: u32,
    version: u64,
    spec: SpecId,
    path: String,
    branch: String,
    base: Option<BaseWire>,
    chunks: BTreeMap<ChunkId, ChunkWire>,
    prs: Vec<PrWire>,
    intents: Vec<IntentWire>,
    pushed: BTreeMap<String, Oid>,
    undelivered: Option<FailureWire>,
    /// Up to schema 4: it is a cache, and stands in a file of its own.
    #[serde(default, skip_serializing)]
    #[allow(dead_code, reason = "read so that older ledgers are, and dropped")]
    baseline: Option<serde::de::IgnoredAny>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    user_copy: bool,
    /// Since schema 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issue: Option<IssueWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaseWire {
    branch: String,
    commit: Oid,
}

/// `attempt`, `fixes`, `commit`, `reason`, `needs` and `by` are the status's own facts; which of them stand depends
/// on it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkWire {
    title: String,
    fingerprint: String,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixes: Option<u32>,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<String>,
    /// Who left it out; since schema 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<ByWord>,
    commit: Option<Oid>,
    attempts: Vec<AttemptWire>,
    evidence: Option<EvidenceWire>,
    completion: Option<CompletionWire>,
    part: Option<u32>,
    lines: u32,
    pr: Option<u64>,
    /// Since schema 2.
    #[serde(default)]
    moves: Vec<RecordWire>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ByWord {
    Dependency,
    Person,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Pending,
    InProgress,
    Verifying,
    Fixing,
    Committed,
    Failed,
    NeedsReview,
    Blocked,
    AwaitingApproval,
    Skipped,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptWire {
    n: u32,
    run: RunId,
    engine: String,
    model: Option<String>,
    session: Option<String>,
    started: DateTime<Utc>,
    ended: Option<DateTime<Utc>>,
    fixes: u32,
    usage: UsageWire,
    /// None: unknown.
    cost_usd: Option<f64>,
    /// The next three since schema 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed_usd: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lost: bool,
    end: End,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Since schema 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Running,
    Committed,
    Failed,
    Blocked,
    NeedsReview,
    Interrupted,
    Limited,
    /// Since schema 3.
    OverBudget,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageWire {
    input: Option<u64>,
    cached: Option<u64>,
    output: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CompletionWire {
    summary: String,
    confidence: f64,
    rationale: String,
    no_change_needed: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "snake_case", deny_unknown_fields)]
enum IntentWire {
    Engine {
        chunk: ChunkId,
        attempt: u32,
        tip: Oid,
    },
    TakeUp {
        chunk: ChunkId,
        attempt: u32,
    },
    Land {
        chunk: ChunkId,
        part: u32,
        old: Oid,
        new: Oid,
    },
    Push {
        branch: String,
        tip: Oid,
    },
    Pr {
        part: u32,
        head: String,
    },
}

// The model to its layout. Every struct is taken apart field by field, so that a new field of the model
// does not compile until it has a place here.

impl From<&Ledger> for LedgerWire {
    fn from(ledger: &Ledger) -> Self {
        let Ledger {
            schema: _,
            version,
            spec,
            path,
            branch,
            base,
            chunks,
            prs,
            intents,
            pushed,
            undelivered,
            user_copy,
            issue,
        } = ledger;
        Self {
            schema: LEDGER_SCHEMA,
            version: *version,
            spec: spec.clone(),
            path: path.clone(),
            branch: branch.clone(),
            base: base.as_ref().map(|SpecBase { branch, commit }| BaseWire {
                branch: branch.clone(),
                commit: commit.clone(),
            }),
            chunks: chunks
                .iter()
                .map(|(id, chunk)| (id.clone(), chunk.into()))
                .collect(),
            prs: prs.iter().map(Into::into).collect(),
            intents: intents.iter().cloned().map(Into::into).collect(),
            pushed: pushed.clone(),
            undelivered: undelivered.as_ref().map(Into::into),
            baseline: None,
            user_copy: *user_copy,
            issue: issue.clone().map(Into::into),
        }
    }
}

impl From<&ChunkRecord> for ChunkWire {
    fn from(chunk: &ChunkRecord) -> Self {
        let ChunkRecord {
            title,
            fingerprint,
            state,
            attempts,
            evidence,
            completion,
            part,
            lines,
            pr,
            moves,
        } = chunk;
        let mut wire = Self {
            title: title.clone(),
            fingerprint: fingerprint.clone(),
            status: Status::Pending,
            attempt: None,
            fixes: None,
            reason: state.reason().map(str::to_owned),
            needs: None,
            by: None,
            commit: None,
            attempts: attempts.iter().map(Into::into).collect(),
            evidence: evidence.as_ref().map(Into::into),
            completion: completion.as_ref().map(Into::into),
            part: *part,
            lines: *lines,
            pr: *pr,
            moves: moves.iter().map(Into::into).collect(),
        };
        wire.status = match state {
            ChunkState::Pending => Status::Pending,
            ChunkState::InProgress { attempt } => {
                wire.attempt = Some(*attempt);
                Status::InProgress
            }
            ChunkState::Verifying { attempt, fixes } => {
                (wire.attempt, wire.fixes) = (Some(*attempt), Some(*fixes));
                Status::Verifying
            }
            ChunkState::Fixing { attempt, fixes } => {
                (wire.attempt, wire.fixes) = (Some(*attempt), Some(*fixes));
                Status::Fixing
            }
            ChunkState::Committed { commit } => {
                wire.commit = Some(commit.clone());
                Status::Committed
            }
            ChunkState::Failed { why: _ } => Status::Failed,
            ChunkState::NeedsReview { why: _ } => Status::NeedsReview,
            ChunkState::Blocked { why: _, needs } => {
                wire.needs = Some(needs.clone());
                Status::Blocked
            }
            ChunkState::AwaitingApproval { gate: _ } => Status::AwaitingApproval,
            ChunkState::Skipped { because: _, by } => {
                wire.by = Some(match by {
                    SkippedBy::Dependency => ByWord::Dependency,
                    SkippedBy::Person => ByWord::Person,
                });
                Status::Skipped
            }
        };
        wire
    }
}

impl From<&Attempt> for AttemptWire {
    fn from(attempt: &Attempt) -> Self {
        let Attempt {
            n,
            run,
            engine,
            model,
            session,
            started,
            ended,
            fixes,
            usage:
                Usage {
                    input,
                    cached,
                    output,
                },
            cost,
            allowed: Allowance { usd, tokens },
            lost,
            end,
        } = attempt;
        let (end, why, until) = match end {
            AttemptEnd::Running => (End::Running, None, None),
            AttemptEnd::Committed => (End::Committed, None, None),
            AttemptEnd::Failed { why } => (End::Failed, Some(why), None),
            AttemptEnd::Blocked { why } => (End::Blocked, Some(why), None),
            AttemptEnd::NeedsReview { why } => (End::NeedsReview, Some(why), None),
            AttemptEnd::Interrupted => (End::Interrupted, None, None),
            AttemptEnd::Limited { why, until } => (End::Limited, Some(why), *until),
            AttemptEnd::OverBudget { why } => (End::OverBudget, Some(why), None),
        };
        Self {
            n: *n,
            run: run.clone(),
            engine: engine.clone(),
            model: model.clone(),
            session: session.clone(),
            started: *started,
            ended: *ended,
            fixes: *fixes,
            usage: UsageWire {
                input: *input,
                cached: *cached,
                output: *output,
            },
            cost_usd: match cost {
                Cost::Unknown => None,
                Cost::Usd(amount) => Some(*amount).filter(|a| a.is_finite()).map(to_millionths),
            },
            allowed_usd: usd.filter(|a| a.is_finite()).map(to_millionths),
            allowed_tokens: *tokens,
            lost: *lost,
            end,
            until,
            why: why.cloned(),
        }
    }
}

impl From<&Completion> for CompletionWire {
    fn from(completion: &Completion) -> Self {
        let Completion {
            summary,
            confidence,
            rationale,
            no_change_needed,
        } = completion;
        Self {
            summary: summary.clone(),
            // No number at all is no confidence at all.
            confidence: if confidence.is_finite() {
                to_millionths(*confidence)
            } else {
                0.0
            },
            rationale: rationale.clone(),
            no_change_needed: no_change_needed.clone(),
        }
    }
}

impl From<Intent> for IntentWire {
    fn from(intent: Intent) -> Self {
        match intent {
            Intent::Engine {
                chunk,
                attempt,
                tip,
            } => Self::Engine {
                chunk,
                attempt,
                tip,
            },
            Intent::TakeUp { chunk, attempt } => Self::TakeUp { chunk, attempt },
            Intent::Land {
                chunk,
                part,
                old,
                new,
            } => Self::Land {
                chunk,
                part,
                old,
                new,
            },
            Intent::Push { branch, tip } => Self::Push { branch, tip },
            Intent::Pr { part, head } => Self::Pr { part, head },
        }
    }
}

/// Rounded, so that a sum's noise does not show; amounts too large to have such digits stay as they are.
fn to_millionths(value: f64) -> f64 {
    if value.abs() < 1e9 {
        (value * 1e6).round() / 1e6
    } else {
        value
    }
}

// And back.

impl LedgerWire {
    /// What schema 1 wrote, as of schema 2: then only dependencies left chunks out, and nobody moved one.
    pub(super) fn migrated_from_1(mut self) -> Self {
        let skipped = self.chunks.values_mut();
        for chunk in skipped.filter(|c| matches!(c.status, Status::Skipped)) {
            chunk.by.get_or_insert(ByWord::Dependency);
        }
        self
    }
}

impl TryFrom<LedgerWire> for Ledger {
    type Error = CodecError;

    fn try_from(wire: LedgerWire) -> Result<Self, CodecError> {
        let chunks = wire.chunks.into_iter().map(|(id, chunk)| {
            let record =
                ChunkRecord::try_from(chunk).map_err(|message| CodecError::Inconsistent {
                    place: format!("chunk {id}"),
                    message,
                })?;
            Ok((id, record))
        });
        Ok(Self {
            schema: LEDGER_SCHEMA,
            version: wire.version,
            spec: wire.spec,
            path: wire.path,
            branch: wire.branch,
            base: wire.base.map(|b| SpecBase {
                branch: b.branch,
                commit: b.commit,
            }),
            chunks: chunks.collect::<Result<_, CodecError>>()?,
            prs: wire.prs.into_iter().map(Into::into).collect(),
            intents: wire.intents.into_iter().map(Into::into).collect(),
            pushed: wire.pushed,
            undelivered: wire.undelivered.map(Into::into),
            user_copy: wire.user_copy,
            issue: wire.issue.map(Into::into),
        })
    }
}

impl TryFrom<ChunkWire> for ChunkRecord {
    type Error = String;

    fn try_from(w: ChunkWire) -> Result<Self, String> {
        if w.by.is_some() && !matches!(w.status, Status::Skipped) {
            return Err(format!("the status {:?} takes no `by`", w.status));
        }
        let state = match (w.status, w.attempt, w.fixes, w.commit, w.reason, w.needs) {
            (Status::Pending, None, None, None, None, None) => ChunkState::Pending,
            (Status::InProgress, Some(attempt), None, None, None, None) => {
                ChunkState::InProgress { attempt }
            }
            (Status::Verifying, Some(attempt), Some(fixes), None, None, None) => {
                ChunkState::Verifying { attempt, fixes }
            }
            (Status::Fixing, Some(attempt), Some(fixes), None, None, None) => {
                ChunkState::Fixing { attempt, fixes }
            }
            (Status::Committed, None, None, Some(commit), None, None) => {
                ChunkState::Committed { commit }
            }
            (Status::Failed, None, None, None, Some(why), None) => ChunkState::Failed { why },
            (Status::NeedsReview, None, None, None, Some(why), None) => {
                ChunkState::NeedsReview { why }
            }
            (Status::Blocked, None, None, None, Some(why), Some(needs)) => {
                ChunkState::Blocked { why, needs }
            }
            (Status::AwaitingApproval, None, None, None, Some(gate), None) => {
                ChunkState::AwaitingApproval { gate }
            }
            (Status::Skipped, None, None, None, Some(because), None) => {
                let by = match w.by {
                    Some(ByWord::Dependency) => SkippedBy::Dependency,
                    Some(ByWord::Person) => SkippedBy::Person,
                    None => return Err("what is skipped wants a `by`".to_owned()),
                };
                ChunkState::Skipped { because, by }
            }
            (status, ..) => {
                return Err(format!(
                    "the status {status:?} does not go with the attempt, fixes, commit, reason and needs beside it"
                ));
            }
        };
        Ok(Self {
            title: w.title,
            fingerprint: w.fingerprint,
            state,
            attempts: w
                .attempts
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, String>>()?,
            evidence: w.evidence.map(TryInto::try_into).transpose()?,
            completion: w.completion.map(|c| Completion {
                summary: c.summary,
                confidence: c.confidence,
                rationale: c.rationale,
                no_change_needed: c.no_change_needed,
            }),
            part: w.part,
            lines: w.lines,
            pr: w.pr,
            moves: w
                .moves
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, String>>()?,
        })
    }
}

impl TryFrom<AttemptWire> for Attempt {
    type Error = String;

    fn try_from(w: AttemptWire) -> Result<Self, String> {
        let end = match (w.end, w.why) {
            (End::Running, None) => AttemptEnd::Running,
            (End::Committed, None) => AttemptEnd::Committed,
            (End::Failed, Some(why)) => AttemptEnd::Failed { why },
            (End::Blocked, Some(why)) => AttemptEnd::Blocked { why },
            (End::NeedsReview, Some(why)) => AttemptEnd::NeedsReview { why },
            (End::Interrupted, None) => AttemptEnd::Interrupted,
            (End::Limited, Some(why)) => AttemptEnd::Limited {
                why,
                until: w.until,
            },
            (End::OverBudget, Some(why)) => AttemptEnd::OverBudget { why },
            (end, why) => {
                let with = if why.is_some() { "takes no" } else { "wants a" };
                return Err(format!("attempt {}: the end {end:?} {with} `why`", w.n));
            }
        };
        Ok(Self {
            n: w.n,
            run: w.run,
            engine: w.engine,
            model: w.model,
            session: w.session,
            started: w.started,
            ended: w.ended,
            fixes: w.fixes,
            usage: Usage {
                input: w.usage.input,
                cached: w.usage.cached,
                output: w.usage.output,
            },
            cost: w.cost_usd.map_or(Cost::Unknown, Cost::Usd),
            allowed: Allowance {
                usd: w.allowed_usd,
                tokens: w.allowed_tokens,
            },
            lost: w.lost,
            end,
        })
    }
}

impl From<IntentWire> for Intent {
    fn from(w: IntentWire) -> Self {
        match w {
            IntentWire::Engine {
                chunk,
                attempt,
                tip,
            } => Self::Engine {
                chunk,
                attempt,
                tip,
            },
            IntentWire::TakeUp { chunk, attempt } => Self::TakeUp { chunk, attempt },
            IntentWire::Land {
                chunk,
                part,
                old,
                new,
            } => Self::Land {
                chunk,
                part,
                old,
                new,
            },
            IntentWire::Push { branch, tip } => Self::Push { branch, tip },
            IntentWire::Pr { part, head } => Self::Pr { part, head },
        }
    }
}
