//! Evidence as a document: made of what a ledger holds, written within a bound, and read strictly.

use crate::model::evidence::{CheckDoc, EVIDENCE_SCHEMA, EvidenceDoc, Trees};
use crate::model::spent::Spent;
use crate::model::{CheckOutcome, CheckResult, ChunkId, ChunkRecord, Evidence, SpecId};

/// No note is larger, in bytes.
pub const MAX_NOTE: usize = 64 << 10;

/// What a ledger does not hold about a commit.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Of codelicious.
    pub version: &'a str,
    pub spec: &'a SpecId,
    pub spec_path: &'a str,
    pub chunk: &'a ChunkId,
    pub trees: &'a Trees,
}

/// A document that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    #[error("it has schema {found}, and this version knows {EVIDENCE_SCHEMA}: upgrade codelicious")]
    Newer { found: u64 },
    #[error("it is no evidence of codelicious: {why}")]
    Damaged { why: String },
}

/// The document of a chunk's commit. The same record makes the same document, whenever it is written.
pub fn document(facts: &Facts<'_>, record: &ChunkRecord, evidence: &Evidence) -> EvidenceDoc {
    let mut spent = Spent::default();
    for attempt in &record.attempts {
        spent.add_attempt(attempt);
    }
    let last = record.attempts.last();
    let sandbox = match evidence.sandbox.as_str() {
        "" => "unsandboxed",
        word => word,
    };
    EvidenceDoc {
        schema: EVIDENCE_SCHEMA,
        codelicious: facts.version.to_owned(),
        spec: facts.spec.clone(),
        spec_path: facts.spec_path.to_owned(),
        chunk: facts.chunk.clone(),
        title: record.title.clone(),
        fingerprint: record.fingerprint.clone(),
        part: record.part,
        trees: facts.trees.clone(),
        replayed: None,
        verdict: evidence.verdict(),
        unverified: evidence.unverified,
        checks: evidence
            .checks
            .iter()
            .map(|check| check_doc(check, sandbox))
            .collect(),
        tests: evidence.test_counts(),
        proving: evidence.proof.proving.clone(),
        idle: evidence.proof.idle.clone(),
        coverage: evidence.coverage,
        findings: evidence.findings.clone(),
        remarks: evidence.remarks.clone(),
        engine: last.map(|a| a.engine.clone()),
        model: last.and_then(|a| a.model.clone()),
        attempts: spent.attempts,
        fixes: last.map_or(0, |a| a.fixes),
        usage: spent.usage,
        cost_usd: spent.cost.usd().filter(|usd| usd.is_finite()),
        started: record.attempts.first().map(|a| a.started),
        ended: last.and_then(|a| a.ended),
        no_change_needed: record
            .completion
            .as_ref()
            .and_then(|c| c.no_change_needed.clone()),
        accepted_by: record.accepted().map(|a| a.who.clone()),
        left_out: Vec::new(),
    }
}

fn check_doc(check: &CheckResult, sandbox: &str) -> CheckDoc {
    CheckDoc {
        name: check.name.clone(),
        command: check.command.clone(),
        dir: check.dir.clone(),
        exit: match &check.outcome {
            CheckOutcome::Passed => Some(0),
            CheckOutcome::Failed { exit }
            | CheckOutcome::FailedBefore { exit }
            | CheckOutcome::Flaky { exit } => Some(*exit),
            CheckOutcome::NotAvailable { .. } | CheckOutcome::TimedOut { .. } => None,
        },
        result: check.outcome.clone(),
        millis: check.millis,
        narrowed: check.narrowed.clone(),
        sandbox: sandbox.to_owned(),
        tests: check.counts,
        failing: check.failing.clone(),
        flaky: matches!(check.outcome, CheckOutcome::Flaky { .. }),
        refused: check.refused.clone(),
        output: check.output.clone(),
    }
}

/// The document as it is kept: JSON with a line end, at most [`MAX_NOTE`] bytes. What does not fit is left out,
/// outputs first, then names, then remarks and findings that are notes, and the document says so.
pub fn to_bytes(document: &EvidenceDoc) -> Vec<u8> {
    let mut bytes = written(document);
    for step in STEPS {
        if bytes.len() <= MAX_NOTE {
            break;
        }
        bytes = written(&clipped(document, step));
    }
    bytes
}

/// The document as JSON for people and programs.
pub fn written(document: &EvidenceDoc) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(document)
        .expect("documents hold strings, finite numbers and string keys only");
    bytes.push(b'\n');
    bytes
}

/// Reads a document.
///
/// # Errors
/// A newer schema, or what is no such document.
pub fn read(bytes: &[u8]) -> Result<EvidenceDoc, EvidenceError> {
    let damaged = |e: serde_json::Error| EvidenceError::Damaged { why: e.to_string() };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(damaged)?;
    let schema = value.get("schema").and_then(serde_json::Value::as_u64);
    match schema {
        Some(found) if found > u64::from(EVIDENCE_SCHEMA) => Err(EvidenceError::Newer { found }),
        Some(1..) => serde_json::from_value(value).map_err(damaged),
        Some(0) | None => Err(EvidenceError::Damaged {
            why: "it has no schema number".to_owned(),
        }),
    }
}

/// How much is kept.
#[derive(Clone, Copy)]
struct Step {
    /// Bytes of an output.
    output: usize,
    /// Names of a list, checks among them.
    names: usize,
    /// Bytes of any other text.
    text: usize,
}

/// The last one fits whatever the document was: some 40 texts and lists of 4 of them.
const STEPS: [Step; 7] = [
    Step {
        output: 8_192,
        names: usize::MAX,
        text: usize::MAX,
    },
    Step {
        output: 2_048,
        names: usize::MAX,
        text: usize::MAX,
    },
    Step {
        output: 512,
        names: 1_000,
        text: 4_096,
    },
    Step {
        output: 512,
        names: 200,
        text: 1_024,
    },
    Step {
        output: 128,
        names: 50,
        text: 256,
    },
    Step {
        output: 0,
        names: 12,
        text: 128,
    },
    Step {
        output: 0,
        names: 4,
        text: 64,
    },
];

fn clipped(document: &EvidenceDoc, step: Step) -> EvidenceDoc {
    let mut doc = document.clone();
    let mut left_out = LeftOut::default();
    for check in &mut doc.checks {
        left_out.outputs += usize::from(tail(&mut check.output, step.output));
        left_out.names += shorten(&mut check.failing, step.names);
        left_out.hosts += shorten(&mut check.refused, step.names);
        let texts = [
            &mut check.name,
            &mut check.command,
            &mut check.dir,
            &mut check.sandbox,
        ];
        for text in texts
            .into_iter()
            .chain(&mut check.narrowed)
            .chain(&mut check.failing)
            .chain(&mut check.refused)
        {
            left_out.texts += usize::from(head(text, step.text));
        }
        if let CheckOutcome::NotAvailable { why } = &mut check.result {
            left_out.texts += usize::from(head(why, step.text));
        }
    }
    left_out.checks = shorten(&mut doc.checks, step.names);
    left_out.names += shorten(&mut doc.proving, step.names) + shorten(&mut doc.idle, step.names);
    // The gravest stay.
    doc.findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    left_out.findings = shorten(&mut doc.findings, step.names);
    if let Some(remarks) = &mut doc.remarks {
        remarks.sort_by_key(|remark| std::cmp::Reverse(remark.severity));
        left_out.remarks = shorten(remarks, step.names);
    }
    for text in texts(&mut doc) {
        left_out.texts += usize::from(head(text, step.text));
    }
    doc.left_out = left_out.words();
    doc
}

/// Texts that others wrote. Ids, hashes and versions are ours, and short.
fn texts(doc: &mut EvidenceDoc) -> Vec<&mut String> {
    let mut texts: Vec<&mut String> = vec![&mut doc.title];
    texts.extend(&mut doc.proving);
    texts.extend(&mut doc.idle);
    texts.extend(&mut doc.engine);
    texts.extend(&mut doc.model);
    texts.extend(&mut doc.no_change_needed);
    texts.extend(&mut doc.accepted_by);
    for finding in &mut doc.findings {
        texts.extend([&mut finding.rule, &mut finding.path, &mut finding.what]);
        texts.extend(&mut finding.asked_for);
    }
    for remark in doc.remarks.iter_mut().flatten() {
        texts.extend([&mut remark.path, &mut remark.claim, &mut remark.suggestion]);
    }
    texts
}

#[derive(Default)]
struct LeftOut {
    outputs: usize,
    names: usize,
    hosts: usize,
    checks: usize,
    findings: usize,
    remarks: usize,
    texts: usize,
}

impl LeftOut {
    fn words(&self) -> Vec<String> {
        let said = [
            (self.outputs, "outputs of checks are cut to their end"),
            (self.names, "names of tests are left out"),
            (self.hosts, "hosts that checks were kept from are left out"),
            (self.checks, "checks are left out"),
            (self.findings, "findings are left out, the least grave ones"),
            (self.remarks, "remarks are left out, the least grave ones"),
            (self.texts, "other texts are cut"),
        ];
        said.into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, words)| format!("{n} {words}"))
            .collect()
    }
}

fn shorten<T>(list: &mut Vec<T>, most: usize) -> usize {
    let gone = list.len().saturating_sub(most);
    list.truncate(most);
    gone
}

/// Keeps the end, on a character.
fn tail(text: &mut String, most: usize) -> bool {
    if text.len() <= most {
        return false;
    }
    let mut from = text.len() - most;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.drain(..from);
    true
}

/// Keeps the beginning, on a character.
fn head(text: &mut String, most: usize) -> bool {
    if text.len() <= most {
        return false;
    }
    let mut to = most;
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    text.truncate(to);
    true
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
