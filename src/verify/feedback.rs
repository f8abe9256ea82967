//! What an engine is told of failing checks: what it needs to mend them, and no more.
//!
//! Where a runner's words are known, its failures go back as the few lines that matter; otherwise the output
//! goes back without noise, head and tail.

use super::failures::steady;
use super::report::{Failure, Format, Report, read_lines};
use super::transcript::clean;
use crate::model::{CheckOutcome, CheckResult, Evidence, Finding, FindingSeverity};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Tokens of the whole text, unless said otherwise.
pub const MAX_TOKENS: usize = 3_000;
/// A low estimate for code and paths.
const BYTES_A_TOKEN: usize = 3;
/// Failures of a check that are told in full; the others are named.
const IN_FULL: usize = 20;

/// What is said beside the evidence.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    /// Reports by the index of their check, where they came from files; of others the output is read again.
    pub reports: &'a [(usize, Report)],
    /// What the last fix changed, one line a file.
    pub changed_since: Option<&'a str>,
    /// The same failure as before the last fix, by [`signature`].
    pub repeated: bool,
    pub max_tokens: usize,
}

impl Default for Feedback<'_> {
    fn default() -> Self {
        Self {
            reports: &[],
            changed_since: None,
            repeated: false,
            max_tokens: MAX_TOKENS,
        }
    }
}

/// [`feedback_with`] with nothing beside the evidence.
pub fn feedback(evidence: &Evidence) -> String {
    feedback_with(evidence, &Feedback::default())
}

/// Failing checks with what failed, where, and the command that reproduces it, then what the audit refuses;
/// bounded. Empty when nothing failed that the work is to blame for.
pub fn feedback_with(evidence: &Evidence, extra: &Feedback<'_>) -> String {
    let limit = extra.max_tokens.saturating_mul(BYTES_A_TOKEN).max(600);
    let failing: Vec<(usize, &CheckResult, String)> = evidence
        .checks
        .iter()
        .enumerate()
        .filter_map(|(i, c)| Some((i, c, verdict(c, evidence.unverified)?)))
        .collect();
    let findings = findings(&evidence.findings, limit / 4);
    if failing.is_empty() && findings.is_empty() {
        return String::new();
    }
    let mut head = String::new();
    if extra.repeated {
        head.push_str(
            "This is the failure from before your last fix, unchanged: look for another cause before you change more.\n\n",
        );
    }
    if let Some(changed) = extra.changed_since.map(str::trim).filter(|c| !c.is_empty()) {
        let _ = write!(
            head,
            "Your last fix changed:\n{}\n\n",
            clip(changed, limit / 8)
        );
    }
    // Heads and fences take a part as well; a very long list of checks is cut at the end.
    let share = limit.saturating_sub(head.len() + findings.len()) / failing.len().max(1);
    let mut text = head;
    for (index, check, verdict) in failing {
        let read = extra.reports.iter().find(|(i, _)| *i == index);
        let report = read.map_or_else(|| read_again(check), |(_, report)| report.clone());
        let room = share.saturating_sub(400).max(200);
        let told = match told(check, &report, room) {
            Some(told) => told,
            None => clip(quiet(&clean(&check.output)).trim_end(), room),
        };
        push_check(&mut text, check, &verdict, &told);
    }
    text.push_str(&findings);
    clip(text.trim_end(), limit)
}

fn push_check(text: &mut String, check: &CheckResult, verdict: &str, told: &str) {
    let place = if check.dir.is_empty() {
        String::new()
    } else {
        format!(" in `{}`", check.dir)
    };
    let _ = writeln!(
        text,
        "The check `{}`{place} {verdict}. Command: `{}`",
        check.name,
        clip(&check.command, 200)
    );
    if let Some(rerun) = &check.rerun {
        let _ = writeln!(text, "Only what failed: `{}`", clip(&rerun.command, 200));
    }
    if told.is_empty() {
        text.push_str("It printed nothing.\n\n");
    } else {
        let fence = fence_for(told);
        let _ = write!(text, "{fence}\n{told}\n{fence}\n\n");
    }
    // An engine that does not know of a wall would build around it.
    if let Some(hint) = &check.hint {
        let _ = write!(text, "{}\n\n", clip(hint, 400));
    }
}

/// What a check's kept output says: the lines that tell failures were kept.
fn read_again(check: &CheckResult) -> Report {
    read_lines(Format::Auto, &clean(&check.output))
}

/// Failures as a list; None where no reader found any.
fn told(check: &CheckResult, report: &Report, room: usize) -> Option<String> {
    let blamed: BTreeSet<&str> = check.failing.iter().map(String::as_str).collect();
    let mut failures: Vec<&Failure> = report.failures.iter().collect();
    // Of those that failed before as well the work is not to blame.
    let known = |f: &&Failure| f.test.as_deref().is_some_and(|t| blamed.contains(t));
    if failures.iter().any(known) {
        failures.retain(known);
    }
    let mut named: Vec<&str> = Vec::new();
    for name in &blamed {
        if !failures.iter().any(|f| f.test.as_deref() == Some(name)) {
            named.push(name);
        }
    }
    let broken = first_of_each_file(&report.broken);
    if failures.is_empty() && broken.is_empty() {
        return None;
    }
    let mut text = String::new();
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut left = 0;
    for (i, failure) in broken.iter().copied().chain(failures).enumerate() {
        let name = failure.test.as_deref().unwrap_or_default();
        let message = failure.message.as_str();
        let item = match seen.get(message) {
            Some(first) if message.len() > 40 => format!("{}\n  as {first}\n", heading(failure)),
            _ => item(failure),
        };
        if !name.is_empty() {
            seen.entry(message).or_insert(name);
        }
        if i < IN_FULL && text.len() + item.len() <= room * 3 / 4 {
            text.push_str(&item);
        } else if !name.is_empty() {
            named.push(name);
        } else {
            left += 1;
        }
    }
    if left > 0 {
        let _ = writeln!(text, "and {left} more errors");
    }
    if !named.is_empty() {
        let _ = writeln!(text, "failed as well: {}", named.join(", "));
    }
    Some(clip(text.trim_end(), room))
}

/// Compilers follow an error up with others in the same file.
fn first_of_each_file(broken: &[Failure]) -> Vec<&Failure> {
    let mut files = BTreeSet::new();
    broken
        .iter()
        .filter(|f| f.file.is_none() || files.insert(f.file.clone()))
        .collect()
}

/// `tests/it.rs::adds (tests/it.rs:8)`, or the place alone.
fn heading(failure: &Failure) -> String {
    let place = match (&failure.file, failure.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => String::new(),
    };
    match (&failure.test, place.as_str()) {
        (Some(test), "") => test.clone(),
        (Some(test), place) => format!("{test} ({place})"),
        (None, place) => place.to_owned(),
    }
}

fn item(failure: &Failure) -> String {
    let heading = heading(failure);
    let message = quiet(&failure.message);
    let mut lines = message.lines();
    let mut text = heading.clone();
    if failure.test.is_none() {
        // `src/lib.rs:3: error: …`, as compilers have it.
        let first = lines.next().unwrap_or_default();
        let colon = if heading.is_empty() || first.is_empty() {
            ""
        } else {
            ": "
        };
        let _ = write!(text, "{colon}{first}");
    }
    text.push('\n');
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// What the audit refuses, with what to do about it.
fn findings(findings: &[Finding], room: usize) -> String {
    let refused: Vec<&Finding> = findings
        .iter()
        .filter(|f| f.severity == FindingSeverity::Fail)
        .collect();
    if refused.is_empty() {
        return String::new();
    }
    let mut text = "The diff does what the task does not ask for:\n".to_owned();
    for (i, finding) in refused.iter().enumerate() {
        let line = format!(
            "- {} ({}): {}\n",
            finding.place(),
            finding.rule,
            finding.what
        );
        if text.len() + line.len() > room {
            let _ = writeln!(text, "- and {} more", refused.len() - i);
            break;
        }
        text.push_str(&line);
    }
    text.push_str(
        "Undo each, and mend the code instead. If the task cannot be done without it, block the chunk and say why.\n",
    );
    text
}

/// What makes two failures the same: what failed and how, without places and numbers that wander. Empty when
/// nothing failed.
pub fn signature(evidence: &Evidence) -> String {
    let mut parts: BTreeSet<String> = BTreeSet::new();
    for check in &evidence.checks {
        if verdict(check, evidence.unverified).is_none() {
            continue;
        }
        let key = format!("{}@{} {}", check.name, check.dir, check.outcome.word());
        let report = read_again(check);
        let mut found: Vec<String> = Vec::new();
        for name in check.failing.iter().cloned().chain(report.failing()) {
            found.push(format!("test {name}"));
        }
        for failure in report
            .failures
            .iter()
            .chain(first_of_each_file(&report.broken))
        {
            let first = failure.message.lines().find(|l| !l.trim().is_empty());
            found.push(format!(
                "{} {} {:?} {}",
                failure.test.as_deref().unwrap_or_default(),
                failure.file.as_deref().unwrap_or_default(),
                failure.kind,
                first.map(unnumbered).unwrap_or_default()
            ));
        }
        if found.is_empty() {
            found = quiet(&clean(&check.output))
                .lines()
                .map(unnumbered)
                .collect();
        }
        parts.insert(key.clone());
        parts.extend(found.into_iter().map(|f| format!("{key} {f}")));
    }
    for finding in &evidence.findings {
        if finding.severity == FindingSeverity::Fail {
            let what = unnumbered(&finding.what);
            parts.insert(format!("{} {} {what}", finding.rule, finding.path));
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    let mut hash = Sha256::new();
    for part in &parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(16)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A line without what changes by itself, and without numbers.
fn unnumbered(line: &str) -> String {
    let mut text = String::new();
    for c in steady(line).chars() {
        if !c.is_ascii_digit() {
            text.push(c);
        } else if !text.ends_with('#') {
            text.push('#');
        }
    }
    text
}

/// Beginnings of lines that say what a tool is doing, not what is wrong.
const PROGRESS: &[&str] = &[
    "Compiling ",
    "Checking ",
    "Downloading ",
    "Downloaded ",
    "Finished ",
    "Fresh ",
    "Blocking waiting ",
    "Locking ",
    "Updating ",
    "Collecting ",
    "Using cached ",
    "Installing collected ",
    "Requirement already ",
    "go: downloading ",
    "npm notice",
    "npm warn ",
    "npm WARN ",
    "[INFO] Download",
    "Downloading from ",
    "Downloaded from ",
    "Progress (",
    "Resolving ",
    "Fetching ",
    "warning: build failed, waiting",
    "note: run with `RUST_BACKTRACE",
    "note: Some details are omitted",
    "For more information about ",
    "Some errors have detailed ",
];

/// Frames of runtimes and of runners.
const FOREIGN: &[&str] = &[
    "node:internal",
    "node_modules/",
    "/rustc/",
    "site-packages/",
    "/lib/python",
    "<frozen ",
    "/src/testing/testing.go",
    "/src/runtime/",
    "org.junit.",
    "java.base/",
    "jdk.internal.",
    "org.apache.maven.",
];

/// A text without progress, frames of the runner and lines that repeat the one before. A text that is nothing
/// else stays.
fn quiet(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut frame = false;
    for line in text.lines() {
        let start = line.trim_start();
        let foreign = FOREIGN.iter().any(|f| line.contains(f))
            && (start.starts_with("at ") || start.starts_with("File \"") || line.starts_with('\t'));
        // `   4: core::ops::…`: the next line has the place.
        let numbered = start.split_once(": ").is_some_and(|(n, rest)| {
            n.parse::<u8>().is_ok() && line.starts_with("  ") && rest.contains("::")
        });
        let placed = frame && start.starts_with("at ");
        frame = numbered;
        let progress = PROGRESS.iter().any(|p| start.starts_with(p)) || start == "stack backtrace:";
        if foreign || numbered || placed || progress || kept.last() == Some(&line) {
            continue;
        }
        kept.push(line);
    }
    if kept.iter().all(|l| l.trim().is_empty()) {
        return text.to_owned();
    }
    kept.join("\n")
}

fn verdict(check: &CheckResult, unverified: bool) -> Option<String> {
    match &check.outcome {
        CheckOutcome::Passed | CheckOutcome::FailedBefore { .. } | CheckOutcome::Flaky { .. } => {
            None
        }
        CheckOutcome::NotAvailable { .. } if unverified => None,
        CheckOutcome::Failed { exit } => Some(format!("failed with exit code {exit}")),
        CheckOutcome::TimedOut { seconds } => {
            Some(format!("did not end within {seconds} s and was ended"))
        }
        CheckOutcome::NotAvailable { why } => Some(format!("could not run: {why}")),
    }
}

/// A third of the head, the rest from the tail, cut at characters.
fn clip(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(40);
    let head = text.floor_char_boundary(room / 3);
    let tail = text.ceil_char_boundary(text.len() - (room - room / 3));
    format!(
        "{}\n[… {} bytes cut …]\n{}",
        &text[..head],
        tail - head,
        &text[tail..]
    )
}

/// A fence that the output does not contain.
fn fence_for(output: &str) -> String {
    let longest = output
        .lines()
        .map(|l| l.trim_start().chars().take_while(|c| *c == '`').count())
        .max();
    "`".repeat(longest.unwrap_or(0).max(2) + 1)
}

#[cfg(test)]
#[path = "feedback_tests.rs"]
mod tests;
