//! Thresholds of coverage that were lowered or taken out, and code that is not measured any more.

use crate::model::Finding;
use crate::verify::audit::diff::{Changed, Diff};
use crate::verify::audit::inventory::shown;
use crate::verify::audit::language::pattern;
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::task::{CONFIGURE, subject};
use regex::Regex;
use std::sync::LazyLock;

/// Files in which a threshold stands, beside those that say `cov` in a line.
static FILES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\.coveragerc$|codecov\.ya?ml$|\.nycrc|(?:jest|vitest|vite|karma|c8)[^/]*\.(?:[cm]?[jt]s|json)$|package\.json$|pyproject\.toml$|setup\.cfg$|tox\.ini$|pytest\.ini$|pom\.xml$|build\.gradle(?:\.kts)?$|Makefile$|justfile$|\.ya?ml$|tarpaulin\.toml$|codelicious\.toml$|\.testcoverage\.ya?ml$|\.sh$|sonar[^/]*\.properties$|noxfile\.py$|coverage\.cfg$|\.simplecov$",
    )
});
static THRESHOLD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(fail[_-]under(?:[_-]\w+)?|cov-fail-under|coverage_?threshold\w*|min_?_?coverage\w*|min_coverage|threshold(?:-\w+)?|\bbranches\b|\bfunctions\b|\blines\b|\bstatements\b|\btarget\b|<minimum>|\bminimum\b|COVERAGE\w*|check-coverage|coverage\.\w+)["']?\s*[:=> ]\s*["']?(\d+(?:\.\d+)?)"#,
    )
});
static MEASURED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\bomit\b|exclude_(?:lines|also)|coveragePathIgnorePatterns|collectCoverageFrom|<exclude>|\bignore:|no-?cov(?:erage)?\b|--ignore-filename|excludeFiles|exclude-files|\bexcludes?\b"#,
    )
});
static ABOUT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)cov|jacoco|nyc|c8\b|istanbul|tarpaulin|fail[_-]under"));

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let mut moved_to = Vec::new();
    for (file, side) in diff.afters().filter(|(f, _)| FILES.is_match(f.change.path)) {
        if file.change.before.is_none() || ABOUT.is_match(side.source.text) {
            moved_to.extend(
                thresholds(side.source.text)
                    .into_iter()
                    .map(|(name, value, _)| (name, value)),
            );
        }
    }
    let files = diff.files.iter().filter(|f| FILES.is_match(f.change.path));
    files.flat_map(|file| one(diff, file, &moved_to)).collect()
}

/// Names, values and where they stand; only in files that are about coverage.
fn thresholds(text: &str) -> Vec<(String, f64, usize)> {
    if !ABOUT.is_match(text) {
        return Vec::new();
    }
    let found = THRESHOLD.captures_iter(text).take(500).filter_map(|c| {
        let (name, value) = (c.get(1)?, c.get(2)?);
        Some((
            plain(name.as_str()),
            value.as_str().parse().ok()?,
            name.start(),
        ))
    });
    found.collect()
}

fn plain(name: &str) -> String {
    let name = name.to_lowercase().replace(['-', '_', '<', '>'], "");
    name.strip_prefix("cov")
        .filter(|rest| rest.starts_with("fail"))
        .map_or(name.clone(), str::to_owned)
}

fn one(diff: &Diff<'_>, file: &Changed<'_>, moved_to: &[(String, f64)]) -> Vec<Finding> {
    let Some(before) = &file.before else {
        return Vec::new();
    };
    let path = file.change.path;
    let after = file.after.as_ref();
    let old = thresholds(before.source.text);
    let mut new = after.map_or_else(Vec::new, |s| thresholds(s.source.text));
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    for (name, value, at) in old {
        // The one of the same value first: what stands around it may have moved.
        let same = new.iter().position(|(n, v, _)| *n == name && *v == value);
        match same {
            Some(index) => {
                new.remove(index);
            }
            None => missing.push((name, value, at)),
        }
    }
    for (name, value, at) in missing {
        let index = new.iter().position(|(n, ..)| *n == name);
        let now = index.map(|index| new.remove(index));
        let lowered = now.as_ref().is_none_or(|(_, v, _)| {
            // Of a tolerated drop, more is less.
            if name.starts_with("threshold") && before.source.text.contains("target") {
                *v > value
            } else {
                *v < value
            }
        });
        let elsewhere = now.is_none() && moved_to.iter().any(|(n, v)| *n == name && *v >= value);
        if !lowered || elsewhere {
            continue;
        }
        let line = now.as_ref().map_or_else(
            || before.source.line(at),
            |(_, _, at)| after.map_or(1, |s| s.source.line(*at)),
        );
        let what = match &now {
            Some((_, now, _)) => {
                format!("`{name}` was {value} and is {now}; put it back, and test more")
            }
            None => format!("`{name}` of {value} is gone; put it back"),
        };
        let asked = asked(diff, now.as_ref().map(|(_, v, _)| *v));
        findings.push(diff.finding(
            Rule::CoverageThreshold,
            Grade::Main,
            (path, Some(line)),
            what,
            asked,
        ));
    }
    if let Some(side) = after.filter(|s| ABOUT.is_match(s.source.text)) {
        for (at, line) in side.fresh_lines() {
            let near = near_coverage(side.source.text, at);
            let section = MEASURED.is_match(line)
                || list_of(side.source.text, at).is_some_and(|head| MEASURED.is_match(head));
            let removes = line.contains("no cover") && line.contains("pragma");
            if near
                && section
                && !removes
                && !line.trim().ends_with(['[', '=', '{', ':'])
                && !GENERATED.is_match(line)
            {
                let what = format!(
                    "`{}` takes code out of what is measured; take it out",
                    shown(line.trim())
                );
                findings.push(diff.finding(
                    Rule::CoverageThreshold,
                    Grade::Main,
                    (path, Some(side.source.line(at))),
                    what,
                    asked(diff, None).or_else(|| {
                        diff.task.asks(
                            CONFIGURE,
                            &subject([line]),
                            &["coverage", "measured", "cover"],
                        )
                    }),
                ));
            }
        }
    }
    findings
}

/// What tools write need not be tested.
static GENERATED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)generated|_pb2|\.d\.ts|node_modules|dist/|__main__|TYPE_CHECKING|^\s*#|migrations/|\.pb\.go",
    )
});

fn near_coverage(text: &str, at: usize) -> bool {
    let start = text[..at]
        .char_indices()
        .rev()
        .nth(600)
        .map_or(0, |(i, _)| i);
    let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    ABOUT.is_match(&text[start..end])
}

/// The line that opens the list in which a line stands.
fn list_of(text: &str, at: usize) -> Option<&str> {
    let before = text[..at].lines().rev().take(30);
    before
        .map(str::trim)
        .find(|l| l.ends_with(['[', '=', ':']) || l.starts_with('['))
}

fn asked(diff: &Diff<'_>, now: Option<f64>) -> Option<String> {
    let by_words = diff
        .task
        .asks(CONFIGURE, &subject(["coverage", "threshold"]), &[]);
    let by_one = diff.task.asks(
        CONFIGURE,
        &subject(["coverage"]),
        &["coverage", "fail_under", "percent", "threshold"],
    );
    let value = now.map(|v| v.to_string());
    let found = by_words.or(by_one);
    match value {
        Some(value) => found.filter(|_| diff.task.states(&value).is_some()),
        None => found.filter(|words| {
            words.to_lowercase().contains("remove")
                || words.to_lowercase().contains("drop")
                || words.to_lowercase().contains("exclude")
                || words.to_lowercase().contains("omit")
        }),
    }
}
