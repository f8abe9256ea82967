//! What verification found, for who reviews it: checks, proof, coverage, the audit's findings, a reviewer's remarks.

use super::sections::{bounded, names};
use crate::markdown::{code, inline};
use crate::model::report::{BodyChunk, BodyInput};
use crate::model::{Covered, Finding, FindingSeverity, Remark, RemarkSeverity, Verdict};
use std::fmt::Write as _;

/// Shares of the longest body, in characters.
const CHECKS_SHARE: usize = 4_000;
const PROOF_SHARE: usize = 2_000;
const FINDINGS_SHARE: usize = 4_000;
const REMARKS_SHARE: usize = 3_000;

pub(super) fn verification(out: &mut String, input: &BodyInput) {
    out.push_str("### Verification\n\n");
    checks(out, input);
    proof(out, input);
    coverage(out, input);
    audit(out, input.findings.as_deref());
    remarks(out, input.remarks.as_deref());
}

fn checks(out: &mut String, input: &BodyInput) {
    if input.checks.is_empty() {
        let looked_at = [Verdict::Proven, Verdict::RegressionOnly].map(Verdict::words);
        let is_verified =
            |c: &BodyChunk| c.verdict.as_deref().is_some_and(|v| looked_at.contains(&v));
        out.push_str(match input.chunks.iter().any(is_verified) {
            true => "- The checks passed; which they were stands in the record of the run that built it.\n",
            false => "- No check ran.\n",
        });
    }
    let checks = input.checks.iter().map(|c| {
        let place = match c.dir.as_str() {
            "" | "." => String::new(),
            dir => format!(" in {}", code(dir, 120)),
        };
        format!(
            "- {}: {} ({}{place})\n",
            inline(&c.name, 80),
            inline(&c.verdict, 80),
            code(&c.command, 200)
        )
    });
    bounded(out, checks, CHECKS_SHARE, |n| format!("- … and {n} more\n"));
    match input.suite.as_deref() {
        None => {}
        Some([]) => out.push_str("- All checks ran once more on the whole part, and passed.\n"),
        Some(failing) => {
            let failing = names(failing);
            let _ = writeln!(out, "- On the whole part these checks fail: {failing}.");
        }
    }
}

/// The tests that would fail without the work, so that a reviewer knows where to begin.
fn proof(out: &mut String, input: &BodyInput) {
    let proven: Vec<&BodyChunk> = input
        .chunks
        .iter()
        .filter(|c| !c.proving.is_empty())
        .collect();
    let items = proven.iter().map(|c| {
        let name = c.label.as_deref().unwrap_or(c.id.as_str());
        let shown: Vec<String> = c.proving.iter().take(3).map(|t| code(t, 120)).collect();
        let more = match c.proving.len() - shown.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        format!(
            "- {} is proven by {}{more}: red without it, green with it\n",
            code(name, 40),
            shown.join(", ")
        )
    });
    bounded(out, items, PROOF_SHARE, |n| {
        format!("- … and {n} more tasks are proven\n")
    });
}

fn coverage(out: &mut String, input: &BodyInput) {
    let Some(coverage) = input.coverage else {
        return;
    };
    let percent = |c: Covered| match c.percent() {
        Some(percent) => format!("{percent:.1} %"),
        None => "no lines".to_owned(),
    };
    let before = coverage.before.map(percent);
    let before = before.map_or_else(String::new, |b| format!(", before {b}"));
    let changed = match coverage.changed.total {
        0 => String::new(),
        _ => format!(", of the changed lines {}", percent(coverage.changed)),
    };
    let _ = writeln!(
        out,
        "- Coverage: {}{before}{changed}",
        percent(coverage.after)
    );
}

fn audit(out: &mut String, findings: Option<&[Finding]>) {
    let Some(findings) = findings else {
        return;
    };
    if findings.is_empty() {
        out.push_str("- Audit: nothing found\n");
    }
    let findings = findings.iter().map(|f| {
        let asked = f.asked_for.as_deref();
        let asked = asked.map_or_else(String::new, |words| {
            format!(" (asked for: {})", inline(words, 120))
        });
        let word = match f.severity {
            FindingSeverity::Note => "Noted",
            FindingSeverity::NeedsReview => "To be looked at",
            FindingSeverity::Fail => "Refused",
        };
        format!(
            "- {word} in {}: {}{asked}\n",
            code(&f.place(), 200),
            inline(&f.what, 400)
        )
    });
    bounded(out, findings, FINDINGS_SHARE, |n| {
        format!("- … and {n} more findings\n")
    });
}

fn remarks(out: &mut String, remarks: Option<&[Remark]>) {
    let Some(remarks) = remarks else {
        return;
    };
    if remarks.is_empty() {
        out.push_str("- Review by a second engine: nothing to remark\n");
    }
    let items = remarks.iter().map(|r| {
        let weight = match r.severity {
            RemarkSeverity::Low => "low",
            RemarkSeverity::Medium => "medium",
            RemarkSeverity::High => "high",
        };
        let place = match (r.path.as_str(), r.line) {
            ("", _) => String::new(),
            (path, Some(line)) => format!(" on {}", code(&format!("{path}:{line}"), 200)),
            (path, None) => format!(" on {}", code(path, 200)),
        };
        let suggestion = match r.suggestion.trim() {
            "" => String::new(),
            text => format!(" ({})", inline(text, 300)),
        };
        format!(
            "- A second engine remarks{place}, {weight}: {}{suggestion}\n",
            inline(&r.claim, 400)
        )
    });
    bounded(out, items, REMARKS_SHARE, |n| {
        format!("- … and {n} more remarks\n")
    });
}
