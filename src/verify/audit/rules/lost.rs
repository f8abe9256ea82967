//! Tests that are gone: deleted, or where no runner finds them. What went into another test is not gone.

use crate::model::{Finding, Tests};
use crate::verify::audit::assertion::{assertions, helpers, is_common, literals};
use crate::verify::audit::diff::{Diff, Side};
use crate::verify::audit::inventory::{Test, likeness, words};
use crate::verify::audit::matching::At;
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::task::{REMOVE, RENAME, subject};
use std::collections::BTreeSet;

/// From this on, a function is the test that is gone.
const ALIKE: f64 = 0.7;
const MOST: usize = 100;

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let removed = removed_names(diff);
    let lost = diff.tests.lost.iter().enumerate();
    // What became of each is looked for only while they are few.
    lost.filter_map(|(index, at)| one(diff, *at, &removed, index < MOST))
        .collect()
}

fn one(diff: &Diff<'_>, at: At, removed: &BTreeSet<String>, look: bool) -> Option<Finding> {
    let file = &diff.files[at.file];
    let side = file.before.as_ref()?;
    let test = side.inventory.tests.get(at.test)?;
    let line = side.source.line(test.body.start);
    let (path, name) = (file.change.path, test.name.as_str());
    let found = look.then(|| not_found_any_more(diff, side, test)).flatten();
    if let Some((new_path, new_line, new_name)) = found {
        let named = subject([name]);
        let asked = diff
            .task
            .asks(RENAME, &named, &["test", "suite", "case", "helper"]);
        let how = if new_name == name {
            format!(
                "the test `{name}` is in a place or a form in which its runner does not find it; put it back as a test"
            )
        } else {
            format!(
                "the test `{name}` became `{new_name}`, which its runner does not take for a test; give it a test's name and form"
            )
        };
        return Some(diff.finding(
            Rule::RenamedTest,
            Grade::Main,
            (&new_path, Some(new_line)),
            how,
            asked,
        ));
    }
    if look && is_merged(diff, side, test) || still_runs(diff, name) {
        return None;
    }
    let grade = if test.skip.is_some() {
        Grade::Lesser
    } else {
        Grade::Main
    };
    let what = format!(
        "the test `{name}` is gone and no other test holds what it held; put it back, or keep its cases in another test"
    );
    Some(diff.finding(
        Rule::DeletedTest,
        grade,
        (path, Some(line)),
        what,
        asked_for(diff, path, side, test, removed),
    ))
}

/// The task asks for it: it names the test, or it removes what the test was of.
fn asked_for(
    diff: &Diff<'_>,
    path: &str,
    side: &Side<'_>,
    test: &Test,
    removed: &BTreeSet<String>,
) -> Option<String> {
    let stem = path.rsplit('/').next().unwrap_or(path);
    let named = subject([test.name.as_str(), test.group.as_str(), stem]);
    let by_tests = diff.task.asks(
        REMOVE,
        &named,
        &["test", "tests", "suite", "spec", "coverage"],
    );
    let used = words(&side.source, &test.body);
    let gone: Vec<&str> = used.intersection(removed).map(String::as_str).collect();
    by_tests.or_else(|| {
        let of_code = subject(gone.iter().copied());
        (!gone.is_empty()).then(|| {
            let wide = of_code.union(&named).cloned().collect();
            diff.task
                .removes(&of_code)
                .or_else(|| diff.task.asks(REMOVE, &wide, &gone))
        })?
    })
}

/// Names that the code outside tests declared, and does not any more.
fn removed_names(diff: &Diff<'_>) -> BTreeSet<String> {
    let names = |is_before: bool| {
        let mut names = BTreeSet::new();
        for file in diff.files.iter().filter(|f| !f.is_test) {
            let side = if is_before { &file.before } else { &file.after };
            for captures in side
                .iter()
                .flat_map(|s| NAMES.captures_iter(s.source.code()))
            {
                names.extend(captures.get(1).map(|m| m.as_str().to_owned()));
            }
            if let Some(side) = side {
                names.extend(side.source.functions.iter().map(|f| f.name.clone()));
            }
        }
        names
    };
    let (old, new): (BTreeSet<String>, BTreeSet<String>) = (names(true), names(false));
    old.difference(&new)
        .filter(|n| n.len() > 2)
        .cloned()
        .collect()
}

static NAMES: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
    crate::verify::audit::language::pattern(
        r"\b(?:class|struct|enum|trait|interface|type|const|static|mod|object|record|def|fn|func|function|let|var)\s+(\w+)",
    )
});

/// A function of the new sources that is the test, and which no runner takes for one.
fn not_found_any_more(
    diff: &Diff<'_>,
    side: &Side<'_>,
    test: &Test,
) -> Option<(String, u32, String)> {
    let mine = words(&side.source, &test.body);
    let language = side.source.language.row.name;
    let mut best: Option<(f64, String, u32, String)> = None;
    for (file, after) in diff
        .afters()
        .filter(|(_, s)| s.source.language.row.name == language)
    {
        for index in after.inventory.others.iter().take(1_000) {
            let function = &after.source.functions[*index];
            if !after.touches(&function.whole) && function.name != test.name {
                continue;
            }
            let existed = diff
                .files
                .iter()
                .filter_map(|f| f.before.as_ref())
                .any(|s| {
                    s.inventory
                        .others
                        .iter()
                        .any(|i| s.source.functions[*i].name == function.name)
                });
            let theirs = words(&after.source, &function.body);
            let score =
                likeness(&mine, &theirs) + if function.name == test.name { 0.3 } else { 0.0 };
            let is_better = best.as_ref().is_none_or(|(old, ..)| score > *old);
            if score >= ALIKE && is_better && !existed {
                let line = after.source.line(function.head.start);
                best = Some((
                    score,
                    file.change.path.to_owned(),
                    line,
                    function.name.clone(),
                ));
            }
        }
    }
    best.map(|(_, path, line, name)| (path, line, name))
}

/// All values that the test held are in one test of the new sources that calls the same.
fn is_merged(diff: &Diff<'_>, side: &Side<'_>, test: &Test) -> bool {
    let helpers_before = helpers(&side.source, &side.inventory.others);
    let held = assertions(&side.source, &test.body, &helpers_before);
    let values: BTreeSet<&String> = held.iter().flat_map(|a| &a.literals).collect();
    let said: BTreeSet<&String> = held.iter().map(|a| &a.said).collect();
    let mut used: BTreeSet<&String> = held.iter().flat_map(|a| &a.words).collect();
    used.retain(|w| {
        w.len() > 2 && w.starts_with(|c: char| c.is_alphabetic()) && !values.contains(w)
    });
    if held.is_empty() {
        return false;
    }
    let language = side.source.language.row.name;
    let touched = diff
        .afters()
        .filter(|(_, s)| s.source.language.row.name == language);
    touched.into_iter().any(|(_, after)| {
        after
            .inventory
            .tests
            .iter()
            .filter(|t| t.skip.is_none() && after.touches(&t.whole))
            .any(|t| {
                let there: BTreeSet<String> =
                    literals(&after.source, &t.whole).into_iter().collect();
                let theirs = words(&after.source, &t.whole);
                let has = assertions(&after.source, &t.body, &BTreeSet::new());
                let same = said
                    .iter()
                    .filter(|s| has.iter().any(|a| &&a.said == *s))
                    .count();
                let common = used.iter().filter(|w| theirs.contains(**w)).count();
                let telling = values.iter().any(|v| !is_common(v));
                same == said.len()
                    || (!has.is_empty() || !after.source.language.is("rust"))
                        && (telling || values.len() > 1)
                        && values
                            .iter()
                            .all(|v| there.contains(*v) || (is_common(v) && theirs.contains(*v)))
                        && common * 2 >= used.len()
            })
    })
}

/// As many tests of that name ran now as at the base.
fn still_runs(diff: &Diff<'_>, name: &str) -> bool {
    let count = |tests: Option<&Tests>| {
        tests.map(|tests| tests.keys().filter(|key| last(key) == name).count())
    };
    match (count(diff.input.tests_before), count(diff.input.tests_now)) {
        (Some(before), Some(now)) => now > 0 && now >= before,
        _ => false,
    }
}

/// The test's own name, of one as its runner names it.
pub(super) fn last(name: &str) -> &str {
    let name = name.rsplit([':', '>']).next().unwrap_or(name).trim();
    name.split(['[', '(']).next().unwrap_or(name)
}
