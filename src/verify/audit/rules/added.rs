//! Lines that are new, and by themselves worth a look: silenced tools, questions whether a test runs, code put in
//! comments, new dependencies.

use crate::model::Finding;
use crate::pattern::Pattern;
use crate::verify::audit::diff::{Changed, Diff, Side};
use crate::verify::audit::inventory::shown;
use crate::verify::audit::language::pattern;
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::task::{ADD, DETECT, SILENCE, subject};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let mut findings = suppressions(diff);
    for (file, side) in diff.afters() {
        findings.extend(testing(diff, file, side));
        findings.extend(commented(diff, file, side));
        findings.extend(dependencies(diff, file, side));
    }
    findings
}

/// Marks that silence tools, more of them than there were. One that moved with its line is not new.
fn suppressions(diff: &Diff<'_>) -> Vec<Finding> {
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for side in diff.files.iter().filter_map(|f| f.before.as_ref()) {
        for (_, mark) in marks(side) {
            *left.entry(mark).or_default() += 1;
        }
    }
    // The marks of lines that did not change take theirs first.
    let mut new: Vec<(&Changed<'_>, &Side<'_>, usize, String)> = Vec::new();
    for (file, side) in diff.afters() {
        for (at, mark) in marks(side) {
            if side.is_fresh(at) {
                new.push((file, side, at, mark));
            } else if let Some(count) = left.get_mut(&mark) {
                *count = count.saturating_sub(1);
            }
        }
    }
    let mut findings = Vec::new();
    for (file, side, at, mark) in new {
        if let Some(count) = left.get_mut(&mark).filter(|c| **c > 0) {
            *count -= 1;
            continue;
        }
        let line = side.source.text[side.source.line_range(at)].trim();
        let named = side.source.function_at(at).map_or("", |f| f.name.as_str());
        let what = format!(
            "`{}` silences a tool; mend what it says, and take this out",
            shown(line)
        );
        let words = subject([mark.as_str(), named]);
        let asked = diff.task.asks(
            SILENCE,
            &words,
            &[
                "warning",
                "lint",
                "clippy",
                "eslint",
                "noqa",
                "rule",
                "typed",
                "types",
                "mypy",
                "suppression",
                "nolint",
                "deprecated",
            ],
        );
        // A file that is a generator's, and marks of formatters, are for nobody to mend.
        let grade = if LESSER.is_match(&mark) {
            Grade::Lesser
        } else {
            Grade::Main
        };
        findings.push(diff.finding(
            Rule::Suppression,
            grade,
            (file.change.path, Some(side.source.line(at))),
            what,
            asked,
        ));
    }
    findings
}

static LESSER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"rustfmt::skip|fmt:\s*off|prettier-ignore|isort"));

fn marks(side: &Side<'_>) -> Vec<(usize, String)> {
    let source = &side.source;
    let found = source.language.suppression.find_iter(source.text);
    let found = found.filter(|m| {
        let comment = m.as_str().starts_with(['/', '#'])
            && !m.as_str().starts_with("#[")
            && !m.as_str().starts_with("#!");
        let is_pragma = m.as_str().starts_with('#') && !source.language.is("python");
        match comment && !is_pragma {
            true => source.in_comment(m.start() + 1),
            false => !source.in_comment(m.start()) && !source.in_text(m.start()),
        }
    });
    found
        .map(|m| {
            (
                m.start(),
                m.as_str()
                    .split_whitespace()
                    .collect::<String>()
                    .to_lowercase(),
            )
        })
        .collect()
}

/// Code outside of tests that asks whether it is being tested.
fn testing(diff: &Diff<'_>, file: &Changed<'_>, side: &Side<'_>) -> Vec<Finding> {
    let source = &side.source;
    if file.is_test || TOOLS.is_match(file.change.path) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for found in source.language.testing.find_iter(source.bare()) {
        let at = found.start();
        if !side.is_fresh(at)
            || side.is_test(at)
            || source.in_text(at) && !is_quoted(found.as_str())
        {
            continue;
        }
        let text = found.as_str();
        let asks_cfg = source.language.is("rust") && text.starts_with("#[");
        let grade = if asks_cfg {
            match cfg_grade(side, at, text) {
                Some(grade) => grade,
                None => continue,
            }
        } else if DOUBTFUL.is_match(text) {
            Grade::Lesser
        } else {
            Grade::Main
        };
        let line = source.text[source.line_range(at)].trim();
        let what = format!(
            "`{}` does something else while it is tested; do the same in both",
            shown(line)
        );
        let asked = diff
            .task
            .asks(DETECT, &subject([line]), &["ci", "environment"])
            .filter(|_| DOUBTFUL.is_match(text));
        findings.push(diff.finding(
            Rule::TestingBranch,
            grade,
            (file.change.path, Some(source.line(at))),
            what,
            asked,
        ));
    }
    findings
}

fn is_quoted(text: &str) -> bool {
    text.starts_with(['"', '\'', '`'])
}

/// May be meant otherwise.
static DOUBTFUL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"debug_assertions|[\x22'.]CI\b|getStackTrace|npm_lifecycle_event|recursion")
});
/// Configuration of tools, which may well ask.
static TOOLS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|/)[^/]*(?:config|rc|setup)\.[cm]?[jt]s$|(?:^|/)babel\.|(?:^|/)build\.rs$|(?:^|/)(?:setup|noxfile|fabfile|tasks)\.py$",
    )
});

/// `cfg(test)` on a module, an import or a helper of tests is usual; on code that has a twin for not being tested, not.
fn cfg_grade(side: &Side<'_>, at: usize, text: &str) -> Option<Grade> {
    let code = side.source.code();
    let close = code[at..].find(']').map(|i| at + i + 1)?;
    let next = code[close..].trim_start();
    let next = next.trim_start_matches('#').trim_start();
    let item = next.strip_prefix("pub").map_or(next, |rest| {
        let rest = rest.trim_start();
        rest.strip_prefix('(')
            .and_then(|r| r.split_once(')'))
            .map_or(rest, |(_, r)| r.trim_start())
    });
    let usual = ["mod ", "use ", "extern ", "macro_rules!", "["];
    if usual.iter().any(|word| item.starts_with(word)) && !text.contains("not") {
        return None;
    }
    if text.contains("not") {
        return Some(if item.starts_with("use ") || item.starts_with("mod ") {
            Grade::Lesser
        } else {
            Grade::Main
        });
    }
    let has_twin = code.contains("cfg(not(test))");
    let is_item = [
        "fn ", "impl", "struct ", "const ", "static ", "type ", "enum ", "trait ", "async ",
        "unsafe ",
    ]
    .iter()
    .any(|w| item.starts_with(w));
    if has_twin || !is_item {
        Some(Grade::Main)
    } else {
        Some(Grade::Least)
    }
}

static LOOKS_LIKE_CODE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[;{}]\s*$|^\s*(?:let|const|var|fn|def|func|class|return|if|for|while|import|from|use|pub|public|private|else|elif|try|except|catch|switch|case|match|self\.\w+|this\.\w+)\b.*[(){}:=;\[\].]|^\s*[\w.]+\s*(?::?=|\+=|-=)\s*\S|^\s*[\w.]+\([^)]*\)\s*;?$",
    )
});

/// New comments that are code: lines of code that were taken out and stand in comments now, or several in a row that look like it.
fn commented(diff: &Diff<'_>, file: &Changed<'_>, side: &Side<'_>) -> Vec<Finding> {
    let source = &side.source;
    if source.language.row.function == crate::verify::audit::language::NEVER {
        return Vec::new();
    }
    let taken: BTreeSet<&str> = diff
        .files
        .iter()
        .filter_map(|f| f.before.as_ref())
        .flat_map(|s| s.fresh_lines().map(|(_, line)| line.trim()))
        .filter(|l| l.len() > 3)
        .collect();
    let mut findings = Vec::new();
    let mut run: Vec<(usize, bool)> = Vec::new();
    let mut end_run = |run: &mut Vec<(usize, bool)>| {
        let was_code = run.iter().filter(|(_, taken)| *taken).count();
        if was_code >= 1 || run.len() >= 3 {
            let line = source.line(run[0].0);
            let what = format!(
                "{} lines of code stand in comments; take them out, git keeps them",
                run.len()
            );
            findings.push(diff.finding(
                Rule::CommentedOutCode,
                Grade::Main,
                (file.change.path, Some(line)),
                what,
                None,
            ));
        }
        run.clear();
    };
    for (index, start) in source.line_starts().iter().enumerate() {
        let line = source.line_range(*start);
        let text = source.text[line].trim();
        let inner = ["//", "#", "*", "/*"]
            .iter()
            .find_map(|mark| text.strip_prefix(mark));
        let is_doc = ["///", "//!", "/**", "#!", "#["]
            .iter()
            .any(|mark| text.starts_with(mark));
        let Some(inner) = inner.filter(|_| {
            side.fresh[index]
                && !is_doc
                && source.in_comment(
                    *start
                        + source.text[source.line_range(*start)]
                            .find(text)
                            .unwrap_or(0)
                        + 1,
                )
        }) else {
            end_run(&mut run);
            continue;
        };
        let inner = inner.trim().trim_end_matches("*/").trim();
        let was_code = taken.contains(inner);
        let words = inner.split_whitespace().count();
        let prose = words > 6 && !inner.ends_with([';', '{', '}', ')', ':']);
        if was_code || (!prose && LOOKS_LIKE_CODE.is_match(inner)) {
            run.push((*start, was_code));
        } else {
            end_run(&mut run);
        }
    }
    end_run(&mut run);
    findings
}

/// A manifest, what a line of it looks like that names a dependency, and the sections in which it does.
struct Manifest {
    file: &'static str,
    section: &'static str,
    entry: &'static str,
}

const MANIFESTS: &[Manifest] = &[
    Manifest {
        file: r"(?:^|/)Cargo\.toml$",
        section: r"(?m)^\[(?:target\.[^\]]+\.)?(?:workspace\.)?(?:dev-|build-)?dependencies(?:\.([\w-]+))?\]",
        entry: r"(?m)^([\w-]+)(?:\.\w+)?\s*=",
    },
    Manifest {
        file: r"(?:^|/)package\.json$",
        section: r#"(?m)^\s*"(?:dev|peer|optional)?[dD]ependencies"\s*:\s*\{"#,
        entry: r#""([@\w./-]+)"\s*:\s*""#,
    },
    Manifest {
        file: r"(?:^|/)pyproject\.toml$",
        section: r"(?m)^\s*(?:dependencies|dev|test|tests|docs|[\w-]+)\s*=\s*\[|^\[tool\.poetry(?:\.group\.\w+)?\.(?:dev-)?dependencies\]",
        entry: r#"(?m)^\s*"([A-Za-z][\w.-]*)|\[\s*"([A-Za-z][\w.-]*)|,\s*"([A-Za-z][\w.-]*)|^([A-Za-z][\w.-]*)\s*=\s*["{]"#,
    },
    Manifest {
        file: r"(?:^|/)requirements[^/]*\.(?:txt|in)$",
        section: r"^",
        entry: r"(?m)^([A-Za-z][\w.-]*)",
    },
    Manifest {
        file: r"(?:^|/)go\.mod$",
        section: r"^",
        entry: r"(?m)^(?:require\s+|\t)([\w.-]+\.[\w./-]+)\s+v",
    },
    Manifest {
        file: r"(?:^|/)pom\.xml$",
        section: r"^",
        entry: r"<dependency>\s*<groupId>[^<]*</groupId>\s*<artifactId>([^<]+)</artifactId>",
    },
    Manifest {
        file: r"(?:^|/)build\.gradle(?:\.kts)?$",
        section: r"^",
        entry: r#"(?m)^\s*(?:\w*[iI]mplementation|api|compileOnly|runtimeOnly|\w*[rR]untimeOnly|annotationProcessor)\s*\(?\s*["']([^"']+?)(?::[^:"']+)?["']"#,
    },
    Manifest {
        file: r"(?:^|/)Gemfile$",
        section: r"^",
        entry: r#"(?m)^\s*gem\s+["']([^"']+)"#,
    },
];

struct CompiledManifest {
    file: Pattern,
    section: Pattern,
    entry: Pattern,
}

static COMPILED: LazyLock<Vec<CompiledManifest>> = LazyLock::new(|| {
    let compiled = MANIFESTS.iter().map(|m| CompiledManifest {
        file: Pattern::new(m.file),
        section: Pattern::new(m.section),
        entry: Pattern::new(m.entry),
    });
    compiled.collect()
});

fn dependencies(diff: &Diff<'_>, file: &Changed<'_>, side: &Side<'_>) -> Vec<Finding> {
    let Some(manifest) = COMPILED.iter().find(|m| m.file.is_match(file.change.path)) else {
        return Vec::new();
    };
    let before = file.before.as_ref().map_or("", |s| s.source.text);
    let had: BTreeSet<String> = names(manifest, before)
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    let mut findings = Vec::new();
    for (at, name) in names(manifest, side.source.text) {
        if !had.contains(&name) {
            let what = format!("`{name}` is a new dependency; say in the summary why it is needed");
            let asked = diff
                .task
                .asks(ADD, &subject([name.as_str()]), &[])
                .or_else(|| diff.task.states(&name));
            findings.push(diff.finding(
                Rule::NewDependency,
                Grade::Main,
                (file.change.path, Some(side.source.line(at))),
                what,
                asked,
            ));
        }
    }
    findings
}

fn names(manifest: &CompiledManifest, text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for section in manifest.section.captures_iter(text).take(200) {
        let Some(whole) = section.get(0) else {
            continue;
        };
        if let Some(name) = section.get(1) {
            found.push((name.start(), name.as_str().to_owned()));
            continue;
        }
        let rest = &text[whole.end()..];
        let end = match whole.as_str().trim_end().chars().last() {
            Some('{') => rest.find('}'),
            Some(']') => rest.find("\n["),
            Some('[') => rest.find("\n]").or_else(|| rest.find(']')),
            _ => None,
        };
        let start = if whole.as_str().ends_with('[') {
            whole.end() - 1
        } else {
            whole.end()
        };
        let part = &text[start..whole.end() + end.unwrap_or(rest.len())];
        for entry in manifest.entry.captures_iter(part).take(2_000) {
            if let Some(name) = entry.iter().skip(1).flatten().next() {
                found.push((start + name.start(), name.as_str().to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for manifest in &*COMPILED {
            for pattern in [&manifest.file, &manifest.section, &manifest.entry] {
                pattern.as_str();
            }
        }
    }
}
