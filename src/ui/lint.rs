//! What `lint` prints: lines for people, JSON, and SARIF for what shows findings beside code.

use super::UiOptions;
use super::lines::place;
use super::text::{Paint, clean, one_line, plural, report_text, wrap};
use crate::model::report::LintReport;
use crate::model::{Diagnostic, Rule, Severity};
use serde_json::{Value, json};

/// Where rules are explained.
const RULES: &str = "docs/lint.md";

/// The report as JSON, in the shape that docs/json.md has.
pub fn json(report: &LintReport) -> String {
    report_text(report)
}

/// A finding in two lines, and how many there are. Quiet, only errors.
pub fn text(report: &LintReport, quiet: bool, options: &UiOptions) -> String {
    let mut out = String::new();
    let shown = report.findings.iter();
    let shown = shown.filter(|d| !quiet || d.severity == Severity::Error);
    for finding in shown {
        let (word, paint) = match finding.severity {
            Severity::Error => ("error", Paint::Bad),
            Severity::Warning => ("warning", Paint::Doubt),
        };
        let level = paint.on(options.color, &format!("{word}[{}]", finding.rule.id()));
        let place = place(&finding.path, finding.line.max(1));
        out.push_str(&format!(
            "{place}: {level}: {}\n",
            one_line(&finding.message)
        ));
        if !finding.remedy.is_empty() {
            out.push_str(&wrap(&finding.remedy, 2, options.width));
        }
    }
    if quiet && report.errors == 0 {
        return out;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let specs = plural(report.specs, "spec");
    out.push_str(&match (report.errors, report.warnings) {
        (0, 0) if report.specs == 0 => {
            "no specs found; `codelicious init` writes a first one\n".to_owned()
        }
        (0, 0) => format!("{specs}: nothing to say\n"),
        (errors, warnings) => format!(
            "{specs}: {}, {}\n",
            plural(errors, "error"),
            plural(warnings, "warning")
        ),
    });
    out
}

/// Says that nothing was looked at where somebody named something.
pub fn no_specs(
    paths: &[String],
    is_file: &dyn Fn(&String) -> bool,
    options: &UiOptions,
) -> String {
    let mut out = String::new();
    for path in paths {
        let message = match is_file(path) {
            true => format!(
                "{} is no spec, and none stands beside it; `--spec {}` reads it as one",
                clean(path),
                super::shell_quote(path)
            ),
            false => format!("no spec is in {}, and it is a part of none", clean(path)),
        };
        out.push_str(&super::error::warning(&message, options.color));
    }
    out
}

/// The report as SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), as GitHub's code
/// scanning takes it: every result has a line, and a fingerprint that stays when lines move.
pub fn sarif(report: &LintReport) -> String {
    let rules = Rule::ALL.map(|rule| {
        json!({
            "id": rule.id(),
            "shortDescription": {"text": rule.summary()},
            "help": {"text": format!("{} {RULES} says what to do.", rule.summary())},
            "defaultConfiguration": {"level": level(rule.severity())},
        })
    });
    let mut seen = std::collections::BTreeMap::new();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let print = fingerprint(finding);
            let nth: &mut usize = seen.entry(print.clone()).or_default();
            *nth += 1;
            result(finding, &format!("{print}:{nth}"))
        })
        .collect();
    let sarif = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "codelicious",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the repository's root"}}},
            "results": results,
        }],
    });
    format!("{sarif:#}\n")
}

fn result(finding: &Diagnostic, print: &str) -> Value {
    let text = match finding.remedy.is_empty() {
        true => one_line(&finding.message),
        false => format!(
            "{}\n{}",
            one_line(&finding.message),
            one_line(&finding.remedy)
        ),
    };
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": finding.rule as usize,
        "level": level(finding.severity),
        "message": {"text": text},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.path), "uriBaseId": "SRCROOT"},
            "region": {"startLine": finding.line.max(1)},
        }}],
        "partialFingerprints": {"primaryLocationLineHash": print},
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A path as a relative URI (RFC 3986): what has a meaning there is escaped.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// 16 hex digits of the rule, the file and the message without its numbers, which are mostly of lines. GitHub tells
/// alerts apart by what is called so.
fn fingerprint(finding: &Diagnostic) -> String {
    use sha2::{Digest, Sha256};
    let message = finding.message.replace(|c: char| c.is_ascii_digit(), "");
    let mut digest = Sha256::new();
    for part in [finding.rule.id(), &finding.path, &message] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let digest = digest.finalize();
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
