//! A chunk's evidence, and a branch held against it, for people and as JSON.

use super::UiOptions;
use super::status::value;
use super::text::{Paint, count, cut, duration, money, one_line, plural, tokens, wrap};
use crate::model::evidence::{
    AuditReport, AuditedCommit, CheckDoc, CommitKind, EvidenceDoc, EvidenceReport, EvidenceSource,
    RerunReport,
};
use crate::model::{CheckOutcome, Cost, Coverage, Covered, TestCounts, Verdict};
use serde_json::Value;

/// Names of tests that are shown without `--verbose`.
const NAMES: usize = 10;

/// The documented JSON of [`EvidenceReport`], with every field present.
pub fn json(report: &EvidenceReport) -> Value {
    value(report)
}

/// The documented JSON of [`AuditReport`], with every field present.
pub fn audit_json(report: &AuditReport) -> Value {
    value(report)
}

/// Evidence for people.
pub fn render(report: &EvidenceReport, options: &UiOptions) -> String {
    let doc = &report.evidence;
    let head = format!("{}:{}  {}", doc.spec, doc.chunk, one_line(&doc.title));
    let head = cut(&head, options.width.saturating_sub(20)).into_owned();
    let mut out = format!(
        "{}  {}\n",
        Paint::Strong.on(options.color, &head),
        painted(doc.verdict, options)
    );
    let mut say = |text: String| out.push_str(&wrap(&text, 2, options.width));
    let from = match report.source {
        EvidenceSource::Note => "the note on the commit",
        EvidenceSource::Ledger => "this machine's ledger; the commit has no note here",
    };
    say(format!("commit {}, from {from}", report.commit.short()));
    say(format!(
        "checked tree {}, committed with its mark as {}, on {}",
        doc.trees.verified.short(),
        doc.trees.after.short(),
        doc.trees.before.short()
    ));
    if let Some(now) = &doc.replayed {
        say(format!(
            "replayed by a restack since: {} on {}",
            now.after.short(),
            now.before.short()
        ));
    }
    if doc.checks.is_empty() {
        say("no check ran".to_owned());
    }
    for check in &doc.checks {
        say(check_text(check));
        if options.verbose > 0 && !check.output.trim().is_empty() {
            for line in check.output.trim_end().lines() {
                say(format!("  | {}", one_line(line)));
            }
        }
    }
    let most = if options.verbose > 0 {
        usize::MAX
    } else {
        NAMES
    };
    for (words, names) in [
        ("proven by", &doc.proving),
        ("new, and green without the change", &doc.idle),
    ] {
        if !names.is_empty() {
            say(format!("{words}: {}", listed(names, most)));
        }
    }
    if let Some(coverage) = &doc.coverage {
        say(coverage_text(coverage));
    }
    for finding in &doc.findings {
        say(format!(
            "{} {}: {} ({})",
            finding.severity.word().replace('_', " "),
            one_line(&finding.place()),
            one_line(&finding.what),
            one_line(&finding.rule)
        ));
    }
    for remark in doc.remarks.iter().flatten() {
        let place = if remark.path.is_empty() {
            "all of it"
        } else {
            &remark.path
        };
        say(format!(
            "reviewer on {}: {}",
            one_line(place),
            one_line(&remark.claim)
        ));
    }
    if let Some(why) = &doc.no_change_needed {
        say(format!("nothing had to be changed: {}", one_line(why)));
    }
    if let Some(who) = &doc.accepted_by {
        say(format!("accepted by {}", one_line(who)));
    }
    say(made_by(doc));
    for words in &doc.left_out {
        say(format!("left out: {}", one_line(words)));
    }
    out
}

fn painted(verdict: Verdict, options: &UiOptions) -> String {
    let paint = match verdict {
        Verdict::Failed => Paint::Bad,
        Verdict::Unverified => Paint::Doubt,
        Verdict::RegressionOnly | Verdict::Proven => Paint::Strong,
    };
    paint.on(options.color, verdict.words())
}

/// Hosts that are named.
const MAX_REFUSED: usize = 3;

fn check_text(check: &CheckDoc) -> String {
    let place = match check.dir.as_str() {
        "" => String::new(),
        dir => format!(" in {}", one_line(dir)),
    };
    let exit = match (&check.result, check.exit) {
        (CheckOutcome::Passed, _) | (_, None) => String::new(),
        (_, Some(exit)) => format!(" (exit {exit})"),
    };
    let tests = check
        .tests
        .map_or_else(String::new, |t| format!(", {}", counts(t)));
    let narrowed = check
        .narrowed
        .as_ref()
        .map_or_else(String::new, |n| format!(", narrowed: {}", one_line(n)));
    let refused = match check.refused.is_empty() {
        true => String::new(),
        false => format!(", kept from {}", listed(&check.refused, MAX_REFUSED)),
    };
    format!(
        "{}{place}: {}{exit} in {}{tests}{narrowed}, {}{refused}",
        one_line(&check.name),
        check.result.word(),
        duration(check.millis),
        one_line(&check.sandbox)
    )
}

fn counts(tests: TestCounts) -> String {
    let said = [
        (tests.passed, "passed"),
        (tests.failed, "failed"),
        (tests.skipped, "skipped"),
    ];
    let said: Vec<String> = said
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{} {word}", count(u64::from(*n))))
        .collect();
    match said.is_empty() {
        true => "no tests".to_owned(),
        false => format!("tests: {}", said.join(", ")),
    }
}

fn listed(names: &[String], most: usize) -> String {
    let shown: Vec<String> = names.iter().take(most).map(|n| one_line(n)).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn coverage_text(coverage: &Coverage) -> String {
    let share = |c: Covered| match c.percent() {
        // Cut and not rounded: what is below a bound never looks as if it reached it.
        Some(percent) => format!(
            "{:.1} % ({} of {} lines)",
            (percent * 10.0).floor() / 10.0,
            count(c.covered),
            count(c.total)
        ),
        None => "no line that could be run".to_owned(),
    };
    let before = coverage.before.map_or_else(|| "unknown".to_owned(), share);
    format!(
        "coverage: {}, before {before}; of changed lines {}",
        share(coverage.after),
        share(coverage.changed)
    )
}

fn made_by(doc: &EvidenceDoc) -> String {
    let who = match (&doc.engine, &doc.model) {
        (Some(engine), Some(model)) => {
            format!("built by {} ({})", one_line(engine), one_line(model))
        }
        (Some(engine), None) => format!("built by {}", one_line(engine)),
        (None, _) => return "who built it is not known any more".to_owned(),
    };
    let cost = doc.cost_usd.map_or(Cost::Unknown, Cost::Usd);
    format!(
        "{who}: {}, {} in the last one, {}, {}",
        plural(doc.attempts as usize, "attempt"),
        plural(doc.fixes as usize, "fix turn"),
        tokens(doc.usage),
        money(cost)
    )
}

/// A branch held against its evidence, for people: a line a commit, what is wrong below it, and the sum.
pub fn render_audit(report: &AuditReport, options: &UiOptions) -> String {
    let mut out = String::new();
    for commit in &report.commits {
        if options.quiet == 0 || !commit.failures.is_empty() {
            out.push_str(&commit_text(commit, options));
        }
    }
    if let Some(rerun) = &report.rerun {
        out.push_str(&rerun_text(rerun, options));
    }
    let chunks: Vec<&AuditedCommit> = report
        .commits
        .iter()
        .filter(|c| c.kind == CommitKind::Chunk)
        .collect();
    let without = chunks.iter().filter(|c| c.verdict.is_none()).count();
    let failed = report
        .commits
        .iter()
        .filter(|c| !c.failures.is_empty())
        .count();
    let what = format!(
        "{} of {}, {} of them chunks, beyond {}",
        plural(report.commits.len(), "commit"),
        one_line(&report.branch),
        chunks.len(),
        report.base.short()
    );
    let sum = match report.passed {
        true => format!("{what}: nothing is amiss"),
        false if failed > 0 => format!("{what}: {failed} not as they say"),
        false => format!("{what}: the checks fail at the tip"),
    };
    if options.quiet == 0 || !report.passed {
        let paint = if report.passed {
            Paint::Strong
        } else {
            Paint::Bad
        };
        out.push_str(&format!("{}\n", paint.on(options.color, &sum)));
    }
    if without > 0 && options.quiet == 0 {
        let words = format!(
            "{without} of the chunks without evidence here: git fetch origin refs/notes/codelicious:refs/notes/codelicious \
             brings it, where it was sent ([evidence] push)"
        );
        out.push_str(&wrap(&words, 0, options.width));
    }
    out
}

fn commit_text(commit: &AuditedCommit, options: &UiOptions) -> String {
    let what = match (commit.kind, &commit.spec, &commit.chunk) {
        (CommitKind::Chunk, Some(spec), Some(chunk)) => format!("{spec}:{chunk}"),
        (CommitKind::Sync, Some(spec), _) => format!("sync of {spec}"),
        _ => "a person's".to_owned(),
    };
    let verdict = match (commit.kind, commit.verdict) {
        (CommitKind::Chunk, Some(verdict)) => format!(", {}", verdict.words()),
        _ => String::new(),
    };
    let word = match commit.failures.is_empty() {
        true => "ok  ".to_owned(),
        false => Paint::Bad.on(options.color, "FAIL"),
    };
    let line = format!(
        "{}  {what}{verdict}  {}",
        commit.commit.short(),
        one_line(&commit.subject)
    );
    let line = cut(&line, options.width.saturating_sub(6).max(40)).into_owned();
    let mut out = format!("{word}  {line}\n");
    for failure in &commit.failures {
        out.push_str(&wrap(&one_line(failure), 6, options.width));
    }
    for note in &commit.notes {
        out.push_str(&wrap(&one_line(note), 6, options.width));
    }
    out
}

fn rerun_text(rerun: &RerunReport, options: &UiOptions) -> String {
    let mut out = String::new();
    for check in &rerun.checks {
        let line = format!(
            "{}{}: {} in {}",
            one_line(&check.name),
            if check.dir.is_empty() {
                String::new()
            } else {
                format!(" in {}", one_line(&check.dir))
            },
            check.outcome,
            duration(check.millis)
        );
        out.push_str(&wrap(&format!("run again: {line}"), 0, options.width));
        if !check.output.is_empty() {
            for line in check.output.trim_end().lines() {
                out.push_str(&wrap(&format!("| {}", one_line(line)), 6, options.width));
            }
        }
    }
    if rerun.checks.is_empty() {
        out.push_str("run again: there is no check\n");
    }
    out
}
