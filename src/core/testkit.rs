//! Lanes for tests of decisions.

use super::budget::Caps;
use super::lane::{Lane, Policy, PrPolicy};
use super::retry::RetryPolicy;
use super::roster::Patience;
use crate::model::ledger::SpecBase;
use crate::model::spec::SpecStatus;
use crate::model::{Chunk, ChunkId, Ledger, Oid, RunId, SpecId, SpecPlan};
use chrono::{DateTime, TimeZone, Utc};

pub(super) fn oid(n: u32) -> Oid {
    Oid::new(format!("{n:040x}"))
}

pub(super) fn at(second: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(1_800_000_000 + second, 0).unwrap()
}

pub(super) fn policy() -> Policy {
    Policy {
        run: RunId::from("run"),
        engines: vec!["fake".to_owned()],
        retry: RetryPolicy::default(),
        patience: Patience {
            on_the_spot: std::time::Duration::from_secs(120),
            until: None,
        },
        caps: Caps::default(),
        names_sessions: ["fake".to_owned()].into(),
        max_attempts: 3,
        max_fixes: 2,
        max_commits: 8,
        max_lines: 250,
        allow_unverified: false,
        require_proof: false,
        tests_first: false,
        remote: Some("origin".to_owned()),
        max_pushes: 3,
        pr: PrPolicy::default(),
        review: None,
    }
}

pub(super) fn chunk(id: &str, depends_on: &[&str]) -> Chunk {
    Chunk {
        id: ChunkId::from(id),
        task: ChunkId::from(id),
        part: None,
        label: None,
        title: format!("Build {id}"),
        text: String::new(),
        headings: Vec::new(),
        fingerprint: format!("print-{id}"),
        line: 1,
        depends_on: depends_on.iter().map(|d| ChunkId::from(*d)).collect(),
        files: Vec::new(),
        tokens: 1,
        context: String::new(),
        outline_tokens: 0,
        done: false,
    }
}

pub(super) fn spec_plan(chunks: Vec<Chunk>) -> SpecPlan {
    SpecPlan {
        id: SpecId::from("spec"),
        path: "specs/spec.md".to_owned(),
        title: "Spec".to_owned(),
        status: SpecStatus::Ready,
        depends_on: Vec::new(),
        priority: None,
        not_built: None,
        waits_for: None,
        chunks,
        format: "Markdown",
        left_out: Vec::new(),
        outline: String::new(),
    }
}

pub(super) fn base() -> SpecBase {
    SpecBase {
        branch: "main".to_owned(),
        commit: oid(1),
    }
}

pub(super) fn ledger() -> Ledger {
    Ledger {
        base: Some(base()),
        ..Ledger::new(SpecId::from("spec"), "specs/spec.md", "codelicious/spec")
    }
}

/// A lane over these chunks that has not been prepared.
pub(super) fn lane(chunks: Vec<Chunk>) -> Lane {
    Lane::new(policy(), ledger(), spec_plan(chunks))
}
