//! New tests that no runner finds or that cannot fail, and tests that ran and were not run now.

use super::lost::last;
use super::weakened::is_empty_body;
use crate::model::{Finding, TestStatus};
use crate::verify::audit::assertion::{Strength, assertions, helpers};
use crate::verify::audit::diff::{Changed, Diff, Side};
use crate::verify::audit::language::{Shape, pattern};
use crate::verify::audit::matching::after;
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::source::{Function, Source};
use crate::verify::audit::task::{REMOVE, SKIP, subject};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, side) in diff.afters() {
        findings.extend(functions(diff, file, side));
        findings.extend(place(diff, file, side));
    }
    findings.extend(new_tests(diff));
    findings.extend(missing(diff));
    findings.extend(never_ran(diff));
    findings
}

/// Functions that assert, are called by nobody, and are no tests.
fn functions(diff: &Diff<'_>, file: &Changed<'_>, side: &Side<'_>) -> Vec<Finding> {
    let source = &side.source;
    if !source.language.has_tests()
        || source.language.row.shape == Shape::Braces && !source.language.is("go")
    {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for index in side.inventory.others.iter().take(2_000) {
        let function = &source.functions[*index];
        if !side.is_test(function.head.start)
            || !side.touches(&function.head)
            || is_hook(source, function)
        {
            continue;
        }
        let existed = file
            .before
            .as_ref()
            .is_some_and(|b| b.source.functions.iter().any(|f| f.name == function.name));
        let named = looks_named(source, function);
        let asserts = !assertions(source, &function.body, &BTreeSet::new()).is_empty();
        if existed
            || !(asserts || named && !source.code()[function.body.clone()].trim().is_empty())
            || is_used(diff, side, function)
        {
            continue;
        }
        let is_plain = has_no_parameters(source, function);
        if !is_plain && !named {
            continue;
        }
        if source
            .functions
            .iter()
            .any(|f| f.body.contains(&function.whole.start))
        {
            continue;
        }
        let what = format!(
            "`{}` asserts and is no test to its runner; give it the name, the form and the place of a test",
            function.name
        );
        let line = source.line(function.head.start);
        findings.push(diff.finding(
            Rule::TestNotRun,
            Grade::Main,
            (file.change.path, Some(line)),
            what,
            None,
        ));
    }
    findings
}

/// Written as a test would be, but for what makes a runner find it.
fn looks_named(source: &Source<'_>, function: &Function) -> bool {
    match source.language.row.name {
        "go" => NEAR_GO.is_match(&source.code()[function.head.clone()]),
        "python" => {
            function.name.to_lowercase().starts_with("test")
                || function.name.ends_with("_test")
                || function.name.starts_with("check_")
        }
        _ => {
            function.name.to_lowercase().starts_with("test")
                || function.name.ends_with("Test")
                || function.name.ends_with("_test")
        }
    }
}

static NEAR_GO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^func\s+(?:\([^)]*\)\s*)?(?:[tT]est|TEST|[cC]heck|Verify)\w*\s*\(\s*\w+\s+\*testing\.T\s*\)",
    )
});

fn has_no_parameters(source: &Source<'_>, function: &Function) -> bool {
    let head = &source.code()[function.head.clone()];
    let inner = head.find('(').and_then(|open| {
        let close = source.mate(function.head.start + open)?;
        source.code().get(function.head.start + open + 1..close)
    });
    matches!(
        inner.unwrap_or_default().trim().trim_end_matches(','),
        "" | "self" | "cls" | "&self"
    )
}

/// Set-up, fixtures, and what else a runner or a framework calls by name or by what stands before it.
fn is_hook(source: &Source<'_>, function: &Function) -> bool {
    let marks = &source.code()[function.marks.clone()];
    let decorated = !marks.trim().is_empty()
        && !marks.contains("cfg(")
        && !marks.contains("@staticmethod")
        && !marks.contains("allow(");
    decorated || HOOKS.is_match(&function.name)
}

static HOOKS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:set_?up\w*|tear_?down\w*|pytest_\w+|__\w+__|main|TestMain|init|before\w*|after\w*)$",
    )
});

/// Somebody in the diff calls it, or a file of the same folder may.
fn is_used(diff: &Diff<'_>, side: &Side<'_>, function: &Function) -> bool {
    diff.afters().any(|(_, other)| {
        let code = other.source.code();
        code.match_indices(function.name.as_str())
            .take(200)
            .any(|(at, name)| {
                let bytes = code.as_bytes();
                let word =
                    |i: Option<&u8>| i.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
                let is_own = std::ptr::eq(other, side) && function.head.contains(&at)
                    || (std::ptr::eq(other, side) && function.whole.contains(&at));
                !is_own
                    && !word(at.checked_sub(1).and_then(|i| bytes.get(i)))
                    && !word(bytes.get(at + name.len()))
            })
    })
}

/// New files full of tests where their runner does not look.
fn place(diff: &Diff<'_>, file: &Changed<'_>, side: &Side<'_>) -> Option<Finding> {
    let (source, path) = (&side.source, file.change.path);
    if file.change.before.is_some() || !source.language.has_tests() {
        return None;
    }
    let collected = source.language.collected.is_match(path);
    let why = match source.language.row.name {
        "rust" => {
            if side.inventory.tests.is_empty() || is_declared(diff, path) {
                return None;
            }
            "no `mod` declares this file, so that its tests are not compiled; declare it"
        }
        "javascript" => {
            if side.inventory.tests.is_empty() || runner_finds(diff, path, collected) {
                return None;
            }
            "it holds tests, and its name is not one that test runners look for; name it as the other tests are named"
        }
        "python" | "go" | "java" => {
            let marks = |f: &Function| {
                source
                    .language
                    .attribute
                    .is_match(&source.bare()[f.marks.clone()])
            };
            let tests: Vec<_> = source
                .functions
                .iter()
                .filter(|f| {
                    (source.language.name.is_match(&f.name)
                        && (!source.language.is("go")
                            || source.code()[f.head.clone()].contains("*testing.")))
                        || marks(f)
                })
                .filter(|f| !assertions(source, &f.body, &BTreeSet::new()).is_empty())
                .collect();
            if collected || tests.is_empty() || !side.inventory.tests.is_empty() {
                return None;
            }
            "it holds tests, and its name is not one that the test runner looks for; name it as the other tests are named"
        }
        _ => return None,
    };
    let known = is_reported(diff, side);
    (!known).then(|| {
        diff.finding(
            Rule::TestNotRun,
            Grade::Main,
            (path, None),
            why.to_owned(),
            None,
        )
    })
}

fn is_reported(diff: &Diff<'_>, side: &Side<'_>) -> bool {
    diff.input.tests_now.is_some_and(|now| {
        !side.inventory.tests.is_empty()
            && side.inventory.tests.iter().all(|t| {
                now.keys()
                    .any(|k| last(k) == t.name || k.ends_with(&t.name))
            })
    })
}

/// Where other tests of the repository have a suffix such as `.test.`, a new one without it is not found.
fn runner_finds(diff: &Diff<'_>, path: &str, collected: bool) -> bool {
    if !collected {
        return false;
    }
    let has_suffix = |path: &str| SUFFIX.is_match(path);
    let in_tests = IN_TESTS.is_match(path);
    if has_suffix(path) || in_tests {
        return true;
    }
    let siblings = diff.input.tracked.iter().filter(|p| {
        SCRIPT.is_match(p) && crate::verify::audit::is_test_file(p) && p.as_str() != path
    });
    let with: Vec<bool> = siblings.take(200).map(|p| has_suffix(p)).collect();
    with.is_empty() || with.contains(&false)
}

static SUFFIX: LazyLock<Regex> = LazyLock::new(|| pattern(r"[._-](?:test|spec)\.[cm]?[jt]sx?$"));
static IN_TESTS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|/)__tests__/"));
static SCRIPT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\.[cm]?[jt]sx?$"));

/// A file of Rust is compiled where cargo finds it itself, or where a `mod` says so.
fn is_declared(diff: &Diff<'_>, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let name = parts.last().copied().unwrap_or_default();
    let stem = name.trim_end_matches(".rs");
    let folder = parts
        .len()
        .checked_sub(2)
        .map(|i| parts[i])
        .unwrap_or_default();
    let is_root = matches!(folder, "tests" | "benches" | "examples" | "bin")
        || matches!(name, "main.rs" | "lib.rs" | "build.rs")
            && (folder == "src"
                || parts
                    .iter()
                    .rev()
                    .nth(2)
                    .is_some_and(|p| matches!(*p, "tests" | "benches" | "examples" | "bin")));
    if is_root {
        return true;
    }
    let module = if name == "mod.rs" { folder } else { stem };
    let Ok(declares) = Regex::new(&format!(
        r"\bmod\s+{}\b|\x22[^\x22]*{}\x22",
        regex::escape(module),
        regex::escape(name)
    )) else {
        return true;
    };
    let in_diff = diff
        .afters()
        .filter(|(f, _)| f.change.path.ends_with(".rs") && f.change.path != path)
        .any(|(_, s)| declares.is_match(s.source.bare()));
    if in_diff {
        return true;
    }
    let up = parts
        .len()
        .saturating_sub(if name == "mod.rs" { 2 } else { 1 });
    let parent = parts[..up].join("/");
    let beside = [
        format!("{parent}/mod.rs"),
        format!("{parent}/lib.rs"),
        format!("{parent}/main.rs"),
        format!("{parent}.rs"),
    ];
    let mut could_read = false;
    for candidate in beside {
        if let Some(text) = (diff.input.read)(&candidate) {
            could_read = true;
            if declares.is_match(&text) {
                return true;
            }
        }
    }
    // A file that declares it from somewhere else cannot be ruled out where nothing could be read.
    !could_read && diff.input.tracked.is_empty()
}

/// Tests that passed at the base, are in sources still or were in none that changed, and were not run.
fn missing(diff: &Diff<'_>) -> Vec<Finding> {
    let (Some(before), Some(now)) = (diff.input.tests_before, diff.input.tests_now) else {
        return Vec::new();
    };
    let gone: BTreeSet<&str> = diff
        .tests
        .lost
        .iter()
        .filter_map(|at| crate::verify::audit::matching::before(&diff.files, *at))
        .map(|t| t.name.as_str())
        .collect();
    let renamed: BTreeSet<&str> = diff
        .tests
        .pairs
        .iter()
        .filter_map(|(old, new)| {
            let (a, b) = (
                crate::verify::audit::matching::before(&diff.files, *old)?,
                crate::verify::audit::matching::after(&diff.files, *new)?,
            );
            (a.name != b.name || old.file != new.file || a.group != b.group || b.skip.is_some())
                .then_some(a.name.as_str())
        })
        .collect();
    let now_names: BTreeSet<&str> = now.keys().map(|k| last(k)).collect();
    let mut findings = Vec::new();
    for (name, status) in before {
        let own = last(name);
        let explained = gone
            .iter()
            .chain(&renamed)
            .any(|n| *n == own || name.ends_with(n));
        if *status != TestStatus::Passed
            || now.contains_key(name)
            || now_names.contains(own)
            || explained
        {
            continue;
        }
        let path = diff.files.iter().find(|f| {
            f.before
                .as_ref()
                .is_some_and(|b| b.inventory.tests.iter().any(|t| t.name == own))
        });
        let path = path.map_or_else(
            || name.split("::").next().unwrap_or(name),
            |f| f.change.path,
        );
        let asked = diff
            .task
            .asks(REMOVE, &subject([own]), &["test", "tests"])
            .or_else(|| diff.task.asks(SKIP, &subject([own]), &["test", "tests"]));
        let what = format!("the test `{name}` passed at the base and was not run now; let it run");
        findings.push(diff.finding(Rule::TestNotRun, Grade::Main, (path, None), what, asked));
    }
    findings.truncate(20);
    findings
}

/// New tests of the sources that the runner did not report, where it reported others of the same file's language.
fn never_ran(diff: &Diff<'_>) -> Vec<Finding> {
    let Some(now) = diff.input.tests_now.filter(|now| !now.is_empty()) else {
        return Vec::new();
    };
    let names: BTreeSet<&str> = now.keys().map(|k| last(k)).collect();
    let mut findings = Vec::new();
    for at in &diff.tests.new {
        let file = &diff.files[at.file];
        let (Some(side), Some(test)) = (
            &file.after,
            crate::verify::audit::matching::after(&diff.files, *at),
        ) else {
            continue;
        };
        let is_dynamic = test.name.contains(['$', '%', '{', '#'])
            || side.source.bare()[test.marks.clone()].contains("each");
        let seen = names.contains(test.name.as_str())
            || now.keys().any(|k| k.contains(test.name.as_str()));
        // Nothing of this file's language was run: the checks did not call for it.
        let others = side.inventory.tests.iter().chain(
            diff.files
                .iter()
                .filter_map(|f| f.after.as_ref())
                .filter(|s| s.source.language.row.name == side.source.language.row.name)
                .flat_map(|s| &s.inventory.tests),
        );
        let any = others.into_iter().any(|t| {
            names.contains(t.name.as_str()) || now.keys().any(|k| k.ends_with(t.name.as_str()))
        });
        if seen || is_dynamic || test.skip.is_some() || !any || side.inventory.file_skip.is_some() {
            continue;
        }
        let line = side.source.line(test.body.start);
        let what = format!(
            "the new test `{}` was not run; let its runner find it",
            test.name
        );
        findings.push(diff.finding(
            Rule::TestNotRun,
            Grade::Main,
            (file.change.path, Some(line)),
            what,
            None,
        ));
    }
    findings
}

/// New tests that cannot fail.
fn new_tests(diff: &Diff<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for at in &diff.tests.new {
        let file = &diff.files[at.file];
        let (Some(side), Some(test)) = (&file.after, after(&diff.files, *at)) else {
            continue;
        };
        let holds = assertions(
            &side.source,
            &test.body,
            &helpers(&side.source, &side.inventory.others),
        );
        let nothing = !holds.is_empty() && holds.iter().all(|a| a.strength == Strength::Nothing);
        let todo = test.skip.as_deref().is_some_and(|s| s.contains("todo"));
        let calls = side.source.code()[test.body.clone()].contains('(');
        let is_call = side.source.language.row.tests.call != crate::verify::audit::language::NEVER;
        let empty = if is_call {
            false
        } else {
            is_empty_body(side, test) || (holds.is_empty() && !calls)
        };
        if (nothing || empty) && !todo {
            let line = side.source.line(test.body.start);
            let what = format!(
                "the new test `{}` cannot fail; assert what the code does, or leave it out",
                test.name
            );
            findings.push(diff.finding(
                Rule::EmptiedTest,
                Grade::Lesser,
                (file.change.path, Some(line)),
                what,
                None,
            ));
        }
    }
    findings
}
