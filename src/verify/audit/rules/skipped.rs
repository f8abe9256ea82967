//! Tests that do not run any more, or end before they assert.

use crate::model::Finding;
use crate::verify::audit::assertion::{assertions, helpers};
use crate::verify::audit::diff::{Diff, Side};
use crate::verify::audit::inventory::{Test, shown};
use crate::verify::audit::language::pattern;
use crate::verify::audit::matching::{after, before};
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::task::{SKIP, subject};
use regex::Regex;
use std::sync::LazyLock;

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (old, new) in &diff.tests.pairs {
        let (Some(was), Some(is)) = (before(&diff.files, *old), after(&diff.files, *new)) else {
            continue;
        };
        let (file, from) = (&diff.files[new.file], &diff.files[old.file]);
        let (Some(side), Some(old_side)) = (file.after.as_ref(), from.before.as_ref()) else {
            continue;
        };
        let asked = || asked_for(diff, file.change.path, is);
        let place = (
            file.change.path,
            Some(side.source.line(is.body.start.min(is.whole.end))),
        );
        match (&was.skip, &is.skip) {
            (None, Some(skip)) => {
                let what = format!(
                    "the test `{}` does not run any more: `{skip}`; let it run, and mend the code",
                    is.name
                );
                findings.push(diff.finding(Rule::SkippedTest, Grade::Main, place, what, asked()));
            }
            (None, None) => {
                if let Some(way_out) = new_way_out(old_side, was, side, is) {
                    let what = format!(
                        "the test `{}` ends before its assertions: `{way_out}`; take that out",
                        is.name
                    );
                    findings.push(diff.finding(
                        Rule::SkippedTest,
                        Grade::Main,
                        place,
                        what,
                        asked(),
                    ));
                }
            }
            (Some(_), _) => {}
        }
    }
    for at in &diff.tests.new {
        let file = &diff.files[at.file];
        let (Some(side), Some(test)) = (file.after.as_ref(), after(&diff.files, *at)) else {
            continue;
        };
        let Some(skip) = &test.skip else { continue };
        if CONDITIONAL.is_match(skip) {
            continue;
        }
        let place = (file.change.path, Some(side.source.line(test.body.start)));
        let what = format!(
            "the new test `{}` does not run: `{skip}`; let it run, or leave it out",
            test.name
        );
        findings.push(diff.finding(
            Rule::SkippedTest,
            Grade::Lesser,
            place,
            what,
            asked_for(diff, file.change.path, test),
        ));
    }
    findings.extend(whole_files(diff));
    findings
}

/// A new test may say where it can run.
static CONDITIONAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)skipif|skipunless|runif|importorskip|assum|testing\.Short|Getenv|environ|platform|GOOS|cfg\(|cfg_attr|EnabledOn|EnabledIf|DisabledOn|DisabledIf|^if\b|\?\?|only",
    )
});

fn asked_for(diff: &Diff<'_>, path: &str, test: &Test) -> Option<String> {
    let stem = path.rsplit('/').next().unwrap_or(path);
    let named = subject([test.name.as_str(), test.group.as_str()]);
    let wide = subject([test.name.as_str(), test.group.as_str(), stem]);
    let about = [
        "test", "tests", "suite", "case", "spec", "windows", "linux", "macos", "platform", "ci",
    ];
    diff.task
        .asks(SKIP, &named, &about)
        .or_else(|| diff.task.asks(SKIP, &wide, &about))
}

static RETURN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\breturn\b[ \t]*(?:;|\n|\}|$|Ok\s*\(\s*\(\s*\)\s*\)|None\b|done\(\)|Promise\.resolve)|\b(?:sys|os)\._?exit\s*\(|\bprocess\.exit\s*\(|\bSystem\.exit\s*\(|\bos\.Exit\s*\(\s*0|\bruntime\.Goexit\b|\bprocess::exit\b",
    )
});

/// A way out of the test in front of its first assertion that was not there.
fn new_way_out(old_side: &Side<'_>, was: &Test, side: &Side<'_>, is: &Test) -> Option<String> {
    let ways = |side: &Side<'_>, test: &Test| -> Vec<usize> {
        let named = helpers(&side.source, &side.inventory.others);
        let held = assertions(&side.source, &test.body, &named);
        let code = &side.source.code()[test.body.clone()];
        // What stands in braces around the assertion may lead around it; what stands behind all of them may not.
        let last = held.last().map_or(test.body.end, |a| a.at) - test.body.start;
        let in_test = |at: usize| {
            side.source
                .function_at(test.body.start + at)
                .is_none_or(|f| {
                    f.body.start <= test.body.start + 8
                        || f.body.contains(&test.body.start)
                        || f.whole.start <= test.whole.start
                })
        };
        RETURN
            .find_iter(&code[..last.min(code.len())])
            .map(|m| m.start())
            .filter(|at| in_test(*at))
            .map(|at| test.body.start + at)
            .collect()
    };
    let (old, new) = (ways(old_side, was), ways(side, is));
    let first = new.iter().find(|at| side.is_fresh(**at)).or(new.first());
    (new.len() > old.len())
        .then(|| first.map(|at| shown(side.source.text[side.source.line_range(*at)].trim())))?
}

/// Files whose tests do not run at all any more.
fn whole_files(diff: &Diff<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, side) in diff.afters() {
        let Some((skip, at)) = &side.inventory.file_skip else {
            continue;
        };
        let had = file.before.as_ref();
        let old_skip = had
            .and_then(|s| s.inventory.file_skip.as_ref())
            .map(|(s, _)| s);
        if side.inventory.tests.is_empty() || old_skip == Some(skip) {
            continue;
        }
        let tags: Vec<&str> = skip
            .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.')
            .skip(1)
            .filter(|w| !w.is_empty() && *w != "go" && *w != "build")
            .collect();
        let is_go = side.source.language.is("go");
        let is_platform = is_go
            && tags
                .iter()
                .all(|tag| PLATFORMS.contains(tag) || tag.starts_with("go1."));
        let is_of_code = is_go
            && diff.afters().any(|(f, s)| {
                !f.is_test
                    && s.inventory.file_skip.is_none()
                    && s.source.text.contains(skip.as_str())
            });
        let existed = had.is_some_and(|s| !s.inventory.tests.is_empty());
        if !existed && (is_platform || is_of_code) {
            continue;
        }
        let rule = if existed {
            Rule::SkippedTest
        } else {
            Rule::TestNotRun
        };
        let what = format!(
            "`{}` keeps all tests of this file from running; take it out",
            shown(skip)
        );
        let stem = file.change.path.rsplit('/').next().unwrap_or_default();
        let mut words = subject([stem]);
        words.extend(subject(tags));
        let asked = diff.task.asks(
            SKIP,
            &words,
            &["test", "tests", "build", "tag", "suite", "platform"],
        );
        findings.push(diff.finding(
            rule,
            Grade::Main,
            (file.change.path, Some(side.source.line(*at))),
            what,
            asked,
        ));
    }
    findings
}

const PLATFORMS: &[&str] = &[
    "linux", "darwin", "windows", "unix", "freebsd", "openbsd", "netbsd", "android", "ios", "js",
    "wasip1", "plan9", "solaris", "aix", "amd64", "arm64", "386", "arm", "wasm", "riscv64",
    "s390x", "ppc64le", "cgo", "race", "gc",
];
