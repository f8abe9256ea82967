//! What was delivered, and what could not be, on disk: pull requests, the last failure, the issue of a spec.

use crate::model::effect::{PushFailure, PushFailureKind};
use crate::model::ledger::Suite;
use crate::model::{IssueRecord, Oid, PrRecord, PrState};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssueWire {
    number: u64,
    url: String,
    told: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrWire {
    part: u32,
    branch: String,
    base: String,
    tip: Oid,
    number: Option<u64>,
    url: Option<String>,
    state: PrWord,
    content: Option<String>,
    /// Since schema 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suite: Option<Suite>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PrWord {
    Draft,
    Ready,
    Merged,
    Closed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureWire {
    kind: FailureWord,
    message: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FailureWord {
    Auth,
    Conflict,
    HookDeclined,
    Transient,
    Other,
    /// These since schema 4.
    Untrusted,
    NotFound,
    Protected,
    TooLarge,
    Lfs,
}

impl From<&PrRecord> for PrWire {
    fn from(pr: &PrRecord) -> Self {
        let PrRecord {
            part,
            branch,
            base,
            tip,
            number,
            url,
            state,
            content,
            suite,
        } = pr;
        Self {
            part: *part,
            branch: branch.clone(),
            base: base.clone(),
            tip: tip.clone(),
            number: *number,
            url: url.clone(),
            state: match state {
                PrState::Draft => PrWord::Draft,
                PrState::Ready => PrWord::Ready,
                PrState::Merged => PrWord::Merged,
                PrState::Closed => PrWord::Closed,
            },
            content: content.clone(),
            suite: suite.clone(),
        }
    }
}

impl From<PushFailureKind> for FailureWord {
    fn from(kind: PushFailureKind) -> Self {
        match kind {
            PushFailureKind::Auth => Self::Auth,
            PushFailureKind::Conflict => Self::Conflict,
            PushFailureKind::HookDeclined => Self::HookDeclined,
            PushFailureKind::Transient => Self::Transient,
            PushFailureKind::Other => Self::Other,
            PushFailureKind::Untrusted => Self::Untrusted,
            PushFailureKind::NotFound => Self::NotFound,
            PushFailureKind::Protected => Self::Protected,
            PushFailureKind::TooLarge => Self::TooLarge,
            PushFailureKind::Lfs => Self::Lfs,
        }
    }
}

impl From<PrWire> for PrRecord {
    fn from(w: PrWire) -> Self {
        Self {
            part: w.part,
            branch: w.branch,
            base: w.base,
            tip: w.tip,
            number: w.number,
            url: w.url,
            state: match w.state {
                PrWord::Draft => PrState::Draft,
                PrWord::Ready => PrState::Ready,
                PrWord::Merged => PrState::Merged,
                PrWord::Closed => PrState::Closed,
            },
            content: w.content,
            suite: w.suite,
        }
    }
}

impl From<FailureWord> for PushFailureKind {
    fn from(word: FailureWord) -> Self {
        match word {
            FailureWord::Auth => Self::Auth,
            FailureWord::Conflict => Self::Conflict,
            FailureWord::HookDeclined => Self::HookDeclined,
            FailureWord::Transient => Self::Transient,
            FailureWord::Other => Self::Other,
            FailureWord::Untrusted => Self::Untrusted,
            FailureWord::NotFound => Self::NotFound,
            FailureWord::Protected => Self::Protected,
            FailureWord::TooLarge => Self::TooLarge,
            FailureWord::Lfs => Self::Lfs,
        }
    }
}

impl From<&PushFailure> for FailureWire {
    fn from(PushFailure { kind, message }: &PushFailure) -> Self {
        Self {
            kind: (*kind).into(),
            message: message.clone(),
        }
    }
}

impl From<FailureWire> for PushFailure {
    fn from(FailureWire { kind, message }: FailureWire) -> Self {
        Self {
            kind: kind.into(),
            message,
        }
    }
}

impl From<IssueRecord> for IssueWire {
    fn from(IssueRecord { number, url, told }: IssueRecord) -> Self {
        Self { number, url, told }
    }
}

impl From<IssueWire> for IssueRecord {
    fn from(IssueWire { number, url, told }: IssueWire) -> Self {
        Self { number, url, told }
    }
}
