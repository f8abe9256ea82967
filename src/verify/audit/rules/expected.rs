//! What tests expect, where it stands apart from their assertions: rows of tables, named values, recorded outputs; and
//! what of it the task states.

use crate::model::Finding;
use crate::verify::audit::assertion::{is_common, literals};
use crate::verify::audit::diff::{Diff, Side};
use crate::verify::audit::inventory::{likeness, shown};
use crate::verify::audit::language::pattern;
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::task::{CHANGE, REMOVE, Task, subject};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The sentence of the task that states new values: each of them that tells something, or what they are for.
pub(super) fn stated(task: &Task, all: &[String], come: &[String]) -> Option<String> {
    let telling: Vec<&String> = come.iter().filter(|l| !is_common(l)).collect();
    if telling.is_empty() {
        let inputs = all.iter().filter(|l| !is_common(l) && !come.contains(l));
        return inputs.into_iter().find_map(|l| task.states(l));
    }
    let first = telling.iter().find_map(|l| task.states(l));
    let every = telling.iter().all(|l| says(task, l));
    first.filter(|_| every)
}

/// The value itself, or, of a text of several words, each of its words.
fn says(task: &Task, literal: &str) -> bool {
    task.states(literal).is_some() || {
        let words: Vec<&str> = literal
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|w| w.len() > 1)
            .collect();
        words.len() > 1 && words.iter().all(|w| task.states(w).is_some())
    }
}

/// A line that holds cases or what is expected.
pub(super) struct Row {
    at: usize,
    text: String,
    literals: Vec<String>,
    is_case: bool,
}

static CASE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^[\[({]+.*[\])}]+,?$|^\w[\w.:]*\(.*\),$|^#\[(?:case|test_case|values|rstest)\b.*\]$|^\{?\s*"[^"]*"\s*:.*,$|^@\w*(?:CsvSource|ValueSource|case)\b.*|^\w+\(.*\)\]?,$"#,
    )
});
/// Several of them in a line are the fields of one object.
static KEY: LazyLock<Regex> = LazyLock::new(|| pattern(r#""\w+"\s*:"#));
static EXPECTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:(?:let|const|var|final|static|private|public|mut|val)\s+)*(?:\w+\s+)?(?:\w*want\w*|expect(?:ed)?\w*|exp|\w+_expected|golden\w*)\b[^=:\n(]*(?::?=|:)[^=].*$",
    )
});

pub(super) fn rows(side: &Side<'_>, range: &std::ops::Range<usize>) -> Vec<Row> {
    let source = &side.source;
    let first = source.line(range.start) as usize - 1;
    let last = source.line(range.end.saturating_sub(1).max(range.start)) as usize;
    let mut found = Vec::new();
    for start in source.line_starts()[first..last].iter().take(4_000) {
        let line = source.line_range(*start);
        let text = source.text[line.clone()].trim();
        if source.in_comment(line.end.saturating_sub(1).max(line.start))
            && source.bare()[line.clone()].trim().is_empty()
        {
            continue;
        }
        // A script of what happens, in nested tables, an arm of code, or a value that is computed step by step: no case.
        let is_script = text.matches('{').count() > 1
            || text.contains("=>")
            || source.code()[line.clone()].contains(").")
            || text.starts_with('"') && KEY.find_iter(text).count() > 1;
        let is_case = CASE.is_match(text) && !is_script;
        if !is_case && !EXPECTED.is_match(text)
            || source
                .language
                .assertion
                .is_match(&source.code()[line.clone()])
        {
            continue;
        }
        let literals = literals(source, &line);
        if !literals.is_empty() {
            found.push(Row {
                at: *start,
                text: text.trim_end_matches(',').to_owned(),
                literals,
                is_case,
            });
        }
    }
    found
}

/// Rows of which each tells something are one row, changed, where they begin alike or share what tells: a small number
/// stands in any row.
fn may_pair(old: &Row, new: &Row) -> bool {
    let telling = |row: &Row| row.literals.iter().any(|l| !is_common(l));
    let shares = |l: &String| !is_common(l) && new.literals.contains(l);
    !(old.is_case && telling(old) && telling(new))
        || old.literals.first() == new.literals.first()
        || old.literals.iter().any(shares)
}

pub(super) fn compare_rows(
    diff: &Diff<'_>,
    path: &str,
    name: &str,
    old: (&Side<'_>, &[Row]),
    new: (&Side<'_>, &[Row]),
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut gained: Vec<&Row> = new
        .1
        .iter()
        .filter(|r| !old.1.iter().any(|o| o.text == r.text))
        .collect();
    let all_now: BTreeSet<&String> = new.1.iter().flat_map(|r| &r.literals).collect();
    for row in old
        .1
        .iter()
        .filter(|o| !new.1.iter().any(|r| r.text == o.text))
    {
        let set = |r: &Row| r.literals.iter().cloned().collect::<BTreeSet<_>>();
        let mine = set(row);
        let best = gained
            .iter()
            .enumerate()
            .filter(|(_, g)| may_pair(row, g))
            .map(|(i, g)| {
                (
                    likeness(&mine, &set(g))
                        + if g.literals.first() == row.literals.first() {
                            0.5
                        } else {
                            0.0
                        },
                    i,
                )
            })
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let whole = new.0.source.text;
        let kept = row
            .literals
            .iter()
            .all(|l| all_now.contains(l) || (!is_common(l) && whole.contains(l.as_str())));
        match best.filter(|(score, _)| *score > 0.2 || (!row.is_case && *score >= 0.0)) {
            Some((_, index)) => {
                let other = gained.remove(index);
                let come: Vec<String> = other
                    .literals
                    .iter()
                    .filter(|l| !row.literals.contains(l))
                    .cloned()
                    .collect();
                let gone = row.literals.iter().any(|l| !other.literals.contains(l));
                if come.is_empty() || !gone {
                    continue;
                }
                let asked = stated(&diff.task, &other.literals, &come);
                let what = format!(
                    "in the test `{name}`, `{}` became `{}`; mend the code, not what is expected of it",
                    shown(&row.text),
                    shown(&other.text)
                );
                let line = new.0.source.line(other.at);
                findings.push(diff.finding(
                    Rule::WeakenedTest,
                    Grade::Main,
                    (path, Some(line)),
                    what,
                    asked,
                ));
            }
            None if kept || !row.is_case => {}
            None => {
                let asked = diff.task.asks(
                    REMOVE,
                    &subject(std::iter::once(name).chain(row.literals.iter().map(String::as_str))),
                    &["test", "tests", "case", "cases"],
                );
                let what = format!(
                    "the test `{name}` lost the case `{}`; put it back",
                    shown(&row.text)
                );
                // A table that was written anew has as many rows as it had.
                let rewritten = new.1.len() >= old.1.len() && !gained.is_empty();
                let grade = if rewritten { Grade::Least } else { Grade::Main };
                findings.push(diff.finding(
                    Rule::WeakenedTest,
                    grade,
                    (path, Some(old.0.source.line(row.at))),
                    what,
                    asked,
                ));
            }
        }
    }
    findings
}

/// Tables and expectations that stand in test files outside of tests.
pub(super) fn tables(diff: &Diff<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &diff.files {
        let (Some(old), Some(new)) = (&file.before, &file.after) else {
            continue;
        };
        if old.inventory.tests.is_empty() || !old.source.language.has_tests() {
            continue;
        }
        let outside = |side: &Side<'_>| -> Vec<Row> {
            let mut all: Vec<Row> = side
                .tests
                .iter()
                .flat_map(|range| rows(side, range))
                .collect();
            all.retain(|row| {
                !side
                    .inventory
                    .tests
                    .iter()
                    .any(|t| t.whole.contains(&row.at) || t.whole.contains(&(row.at + 1)))
            });
            all
        };
        if old.inventory.tests.len() > 500 {
            continue;
        }
        let name = file.change.path.rsplit('/').next().unwrap_or_default();
        findings.extend(compare_rows(
            diff,
            file.change.path,
            name,
            (old, &outside(old)),
            (new, &outside(new)),
        ));
    }
    findings
}

/// Recorded expectations: snapshots and golden files that were changed or are gone.
pub(super) fn recorded(diff: &Diff<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in diff
        .files
        .iter()
        .filter(|f| f.change.before.is_some() && RECORDED.is_match(f.change.path))
    {
        let (path, gone) = (file.change.path, file.change.after.is_none());
        if file.after.as_ref().is_some_and(|a| {
            !a.fresh.contains(&true)
                && file
                    .before
                    .as_ref()
                    .is_some_and(|b| !b.fresh.contains(&true))
        }) {
            continue;
        }
        let only_more = file
            .before
            .as_ref()
            .is_some_and(|b| !b.fresh.contains(&true));
        if only_more && !gone {
            continue;
        }
        let named = subject([path.rsplit('/').next().unwrap_or(path)]);
        let about = [
            "snapshot", "golden", "fixture", "output", "expected", "test", "tests", "render",
        ];
        let asked = diff
            .task
            .asks(CHANGE, &named, &about)
            .or_else(|| diff.task.asks(CHANGE, &subject(["snapshot"]), &[]));
        let come: Vec<String> = file
            .after
            .iter()
            .flat_map(|s| {
                s.fresh_lines()
                    .map(|(at, _)| literals(&s.source, &s.source.line_range(at)))
            })
            .flatten()
            .collect();
        let asked = asked.or_else(|| stated(&diff.task, &[], &come).filter(|_| !come.is_empty()));
        let broken = file
            .after
            .iter()
            .any(|a| a.fresh_lines().any(|(_, l)| BROKEN.is_match(l)))
            && !file
                .before
                .as_ref()
                .is_some_and(|b| BROKEN.is_match(b.source.text));
        let what = if gone {
            "what tests compare with is gone; put it back"
        } else {
            "what tests compare with was recorded anew; say in the task what changes, or mend the code"
        };
        let (grade, asked) = match broken {
            true => (Grade::Main, None),
            false if gone => (Grade::Lesser, asked),
            // That it changes with the code is what it is for; the reviewer sees it in the list.
            false => (Grade::Least, asked),
        };
        let finding = diff.finding(
            Rule::WeakenedTest,
            grade,
            (path, None),
            what.to_owned(),
            asked,
        );
        findings.push(finding);
    }
    findings
}

static RECORDED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\.snap$|\.snap\.new$|(?:^|/)__snapshots__/|(?:^|/)snapshots/|\.golden$|(?:^|/)golden/|(?:^|/)testdata/.*(?:expected|golden|want)|(?:^|/)(?:tests?|fixtures)/.*expected[^/]*\.\w+$|\.approved\.\w+$",
    )
});

/// What a bug writes where a value should be.
pub(super) static BROKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\bundefined\b|\bNaN\b|\[object Object\]|<nil>|%!\w\(|\bTraceback\b|\bpanicked at\b")
});
