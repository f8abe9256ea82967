//! Changes to what decides which checks run, on what, and what they let pass. A row for each kind of file.

use super::collecting;
use crate::model::Finding;
use crate::pattern::Pattern;
use crate::verify::audit::diff::{Changed, Diff};
use crate::verify::audit::inventory::shown;
use crate::verify::audit::language::{NEVER, pattern};
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::task::{CONFIGURE, REMOVE, subject};
use regex::Regex;
use std::sync::LazyLock;

/// A kind of file.
struct Row {
    files: &'static str,
    /// A new line that lets more pass.
    loosens: &'static str,
    /// A line whose loss lets more pass.
    tightens: &'static str,
    /// Any other change is listed.
    only_checks: bool,
}

const PYTEST: &str = r#"(?i)--ignore\b|--ignore-glob|--deselect|(?:^|\s|["'=])-k[ "'=]|(?:^|\s|["'=])-m[ "'=]+["']?not\b|-p\s*no:|--exitfirst|-x\b.*--maxfail|norecursedirs|collect_ignore|--co\b|--collect-only|continue-on-collection-errors|filterwarnings\s*=.*ignore|\bignore_errors\s*=\s*true|\bignore_missing_imports\s*=\s*true|follow_imports\s*=\s*["']?skip|\bstrict\s*=\s*false|disallow_\w+\s*=\s*false|check_untyped_defs\s*=\s*false|warn_\w+\s*=\s*false|disable_error_code|^\s*(?:extend-)?(?:per-file-)?ignore[s-]*\s*=|^\s*\x22?[\w/*.]+\x22?\s*=\s*\[\s*\x22[A-Z]{1,4}\d*|^\s*\x22[A-Z]{1,4}\d{0,4}\x22,?\s*(?:#.*)?$|^\s*(?:extend-)?exclude\s*=|\bdisable\s*=|max-line-length\s*=|max-complexity\s*=|xfail_strict\s*=\s*false|python_(?:files|functions|classes)\s*=|testpaths\s*="#;

const ROWS: &[Row] = &[
    Row {
        files: r"(?:^|/)(?:pytest\.ini|pyproject\.toml|setup\.cfg|tox\.ini|\.?ruff\.toml|\.flake8|\.?mypy\.ini|\.pylintrc|pyrightconfig\.json|noxfile\.py)$",
        loosens: PYTEST,
        tightens: r#"(?i)^\s*strict\s*=\s*true|--strict|-W\s*error|filterwarnings.*error|xfail_strict\s*=\s*true|disallow_\w+\s*=\s*true|check_untyped_defs\s*=\s*true|^\s*(?:extend-)?select\s*=|^\s*(?:commands|deps)\s*=.*(?:pytest|mypy|ruff)|^\s*(?:pytest|mypy|ruff|flake8|pylint)\b|warn_\w+\s*=\s*true"#,
        only_checks: false,
    },
    Row {
        files: r"(?:^|/)conftest\.py$",
        loosens: r"pytest_collection_modifyitems|collect_ignore|pytest_ignore_collect|pytest_runtest_makereport|pytest_sessionfinish|exitstatus|pytest\.mark\.(?:skip|xfail)|pytest\.(?:skip|exit|xfail)\s*\(|os\._exit|sys\.exit|\.outcome\s*=|deselected|items\[:\]|items\.(?:remove|clear|pop)|\bdel\s+items|pytest_pyfunc_call|pytest_runtest_(?:call|protocol)",
        tightens: NEVER,
        only_checks: false,
    },
    Row {
        files: r"(?:^|/)(?:jest|vitest|vite|karma|playwright|cypress|ava|web-test-runner|wdio)\.?[^/]*\.(?:[cm]?[jt]s|json)$|(?:^|/)\.mocharc|(?:^|/)\.?ava\.config|(?:^|/)\.taprc$",
        loosens: r#"testPathIgnorePatterns|modulePathIgnorePatterns|passWithNoTests|\bexclude\s*:|\bignore\w*["']?\s*:|testMatch|testRegex|\bbail\b|testNamePattern|\bgrep\b|\bretries?\b\s*:|\bretry\b|testIgnore|\binclude\s*:|allowOnly|dangerouslyIgnore|^\s*["'][^"']*(?:test|spec)[^"']*["'],?\s*$"#,
        tightens: r#"\bforbidOnly\b|errorOnDeprecated|\bsetupFiles\w*"#,
        only_checks: false,
    },
    Row {
        files: r"(?:^|/)package\.json$",
        loosens: r#""(?:pre|post)?(?:test|lint|check|typecheck|ci|verify|tsc|coverage)[\w:-]*"\s*:\s*"(?:[^"]*(?:echo|\btrue\b|exit 0|\|\||;|--passWithNoTests|--testPathIgnorePatterns|-t\s|--grep|--invert|--exclude|--max-warnings|--quiet|--no-)|\s*")|testPathIgnorePatterns|passWithNoTests|testMatch|testRegex"#,
        tightens: r#""(?:pre|post)?(?:test|lint|check|typecheck|ci|verify|tsc|coverage)[\w:-]*"\s*:"#,
        only_checks: false,
    },
    Row {
        files: r"(?:^|/)(?:tsconfig[^/]*\.json|jsconfig\.json)$",
        loosens: r#""(?:strict\w*|no(?:Implicit|Unused|Unchecked|Fallthrough|PropertyAccess)\w*|exactOptional\w*|useUnknownInCatchVariables|alwaysStrict|checkJs|forceConsistent\w*)"\s*:\s*false|"(?:skipLibCheck|allowUnreachableCode|suppress\w*|noEmitOnError)"\s*:\s*(?:true|false)|"exclude"\s*:|^\s*"[^"]*(?:test|spec)[^"]*",?\s*$"#,
        tightens: r#""(?:strict\w*|no(?:Implicit|Unused|Unchecked|Fallthrough|PropertyAccess)\w*|exactOptional\w*|noEmitOnError)"\s*:\s*true"#,
        only_checks: false,
    },
    Row {
        files: r"(?:^|/)(?:\.eslintrc[^/]*|eslint\.config\.[cm]?[jt]s|\.eslintignore|biome\.jsonc?|\.oxlintrc\.json|\.stylelintrc[^/]*|tslint\.json|\.prettierignore)$",
        loosens: r#"["'](?:off|warn|0)["']|:\s*(?:0|1|false)\b|ignorePatterns|\bignores?["']?\s*:|"ignore"|^[\w*/.!-]+$"#,
        tightens: r#"["']error["']|:\s*2\b|"recommended"\s*:\s*true|recommended|strict"#,
        only_checks: true,
    },
    Row {
        files: r"(?:^|/)(?:Makefile|makefile|GNUmakefile|justfile|Justfile|Taskfile\.ya?ml|[^/]*\.mk|magefile\.go)$",
        loosens: r"\|\|\s*(?:true|:|exit 0|echo)|^\t-\w|^\t@?-|;\s*true\b|set \+e|^\s*@?(?:echo|true|:)\b.*(?:test|pass|ok|skip)|exit 0\b|-k ['\x22]?not|--ignore|-run\b|-short\b|--skip\b|-skip\b|--exclude\b|\.IGNORE|^\t@?true$",
        tightens: r"\b(?:go (?:test|vet)|pytest|cargo (?:test|clippy|nextest)|npm (?:test|run)|jest|vitest|mypy|ruff|golangci-lint|staticcheck|tox|mvn|gradle|eslint|tsc)\b|-race\b|set -e|-D warnings|-Werror",
        only_checks: false,
    },
    Row {
        files: r"(?:^|/)\.github/workflows/[^/]+\.ya?ml$|(?:^|/)\.gitlab-ci\.ya?ml$|(?:^|/)(?:azure-pipelines|bitbucket-pipelines|\.travis|appveyor|\.drone|cloudbuild)\.ya?ml$|(?:^|/)\.circleci/|(?:^|/)Jenkinsfile$|(?:^|/)\.pre-commit-config\.ya?ml$|(?:^|/)\.forgejo/workflows/|(?:^|/)\.gitea/workflows/|(?:^|/)\.buildkite/|(?:^|/)\.?lefthook(?:-local)?\.(?:ya?ml|jsonc?|toml)$|(?:^|/)prek\.toml$|(?:^|/)\.(?:local-)?overcommit\.yml$",
        loosens: r"\|\|\s*(?:true|:|exit 0|echo)|continue-on-error:\s*true|allow_failure:\s*true|;\s*true\b|set \+e|if:\s*(?:\$\{\{\s*)?false|--no-verify|-k ['\x22]?not|--ignore\b|--deselect|--skip\b|-short\b|exit 0\b|when:\s*manual|paths-ignore|-DskipTests|-Dmaven\.test\.skip|-x test\b|--passWithNoTests|fail-fast:\s*false.*ignore|\bSKIP:|exclude:|\bskip[\x22']?\s*[:=]\s*(?:true|\[)",
        tightens: r"\b(?:go (?:test|vet)|pytest|cargo (?:test|clippy|nextest|fmt|deny)|npm (?:test|ci|run)|pnpm|yarn|jest|vitest|mypy|ruff|golangci-lint|tox|mvn|gradlew?|eslint|tsc|make)\b|-D warnings|set -e|-race\b",
        only_checks: false,
    },
    Row {
        files: r"(?:^|/)(?:\.?clippy\.toml|rustfmt\.toml|\.rustfmt\.toml|deny\.toml|\.config/nextest\.toml|nextest\.toml|\.cargo/config(?:\.toml)?)$",
        loosens: r#"allow-|threshold\s*=|max-\w+\s*=|default-filter|\bretries\b|ignore\s*=|allow\s*=|--cap-lints|-A\w*\b|"-A|too-many|^\s*"RUSTSEC"#,
        tightens: r"disallowed|deny|forbid|-D|warnings|path\s*=",
        only_checks: true,
    },
    Row {
        files: r"(?:^|/)Cargo\.toml$",
        loosens: r#"^\s*(?:test|doctest|harness|bench)\s*=\s*false|^\s*autotests\s*=\s*false|^\s*[\w:-]+\s*=\s*(?:"(?:allow|warn)"|\{\s*level\s*=\s*"(?:allow|warn)")"#,
        tightens: r#"^\s*[\w:-]+\s*=\s*(?:"(?:deny|forbid)"|\{\s*level\s*=\s*"(?:deny|forbid)")|^\[\[test\]\]|^\s*workspace\s*=\s*true\s*$"#,
        only_checks: false,
    },
    Row {
        files: r"(?:^|/)\.golangci\.(?:ya?ml|toml|json)$",
        loosens: r"disable|exclude|skip|tests:\s*false|issues-exit-code|max-\w+|new:\s*true|^\s*-\s*\w+",
        tightens: r"^\s*-\s*\w+|enable",
        only_checks: true,
    },
    Row {
        files: r"(?:^|/)(?:pom\.xml|build\.gradle(?:\.kts)?|settings\.gradle(?:\.kts)?|gradle\.properties|\.mvn/.*)$",
        loosens: r"(?i)skipTests|maven\.test\.skip|<skip>\s*true|testFailureIgnore|<exclude>[^<]*(?:Test|IT|Spec)|<excludes>|enabled\s*=\s*false|ignoreFailures|exclude\s*\(?\s*['\x22]|excludeTestsMatching|failOnViolation\s*[=>]\s*false|<failsOnError>\s*false|failOnError\s*=\s*false|onlyIf\s*\{\s*false|<excludedGroups>|excludeTags|<haltOnFailure>\s*false|failIfNoTests>\s*false|excludedGroups",
        tightens: r"(?i)failOnViolation|<goal>(?:check|verify)|useJUnitPlatform|failIfNoTests|-Werror|allWarningsAsErrors|finalizedBy|dependsOn.*(?:test|check)|warningsAsErrors",
        only_checks: false,
    },
    Row {
        files: r"(?:^|/)(?:checkstyle|pmd|spotbugs|detekt)[^/]*\.(?:xml|ya?ml)$",
        loosens: r"(?i)suppress|exclude|severity.*(?:ignore|info|warning)|active:\s*false|<Match>",
        tightens: r"(?i)<module|<rule|active:\s*true",
        only_checks: true,
    },
    Row {
        files: r"(?:^|/)(?:run[-_]?)?(?:tests?|check|ci|verify|lint)[\w-]*\.(?:sh|bash)$|(?:^|/)scripts?/(?:test|check|ci|verify|lint)[\w-]*$",
        loosens: r"\|\|\s*(?:true|:|exit 0|echo)|;\s*true\b|set \+e|exit 0\b|--ignore|--skip\b|--exclude\b|-k ['\x22]?not|^\s*#.*(?:pytest|cargo|npm|go test)",
        tightens: r"set -\w*e|\b(?:go (?:test|vet)|pytest|cargo (?:test|clippy|nextest)|npm (?:test|run)|jest|vitest|mypy|ruff|tox|mvn|gradlew?)\b",
        only_checks: false,
    },
];

struct Compiled {
    files: Pattern,
    loosens: Pattern,
    tightens: Pattern,
    only_checks: bool,
}

static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let compiled = ROWS.iter().map(|row| Compiled {
        files: Pattern::new(row.files),
        loosens: Pattern::new(row.loosens),
        tightens: Pattern::new(row.tightens),
        only_checks: row.only_checks,
    });
    compiled.collect()
});

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    diff.files.iter().flat_map(|file| one(diff, file)).collect()
}

fn one(diff: &Diff<'_>, file: &Changed<'_>) -> Vec<Finding> {
    let path = file.change.path;
    let mut findings = Vec::new();
    if path == "codelicious.toml" || path.ends_with("/codelicious.toml") {
        findings.extend(own(diff, file));
    }
    let Some(row) = COMPILED.iter().find(|row| row.files.is_match(path)) else {
        return findings;
    };
    if file.after.is_none() {
        if file.before.is_some()
            && (row.only_checks || path.contains("pytest.ini") || path.contains("workflows"))
        {
            let what = "a configuration of checks is gone; put it back".to_owned();
            let asked = diff.task.asks(REMOVE, &subject([path]), &[]);
            findings.push(diff.finding(Rule::VerifyConfig, Grade::Main, (path, None), what, asked));
        }
        return findings;
    }
    findings.extend(lines(diff, file, row));
    findings
}

fn lines(diff: &Diff<'_>, file: &Changed<'_>, row: &Compiled) -> Vec<Finding> {
    let path = file.change.path;
    let Some(after) = &file.after else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let is_new = file.change.before.is_none();
    let text = after.source.text;
    let mut loosened = 0;
    for (at, line) in after.fresh_lines() {
        let trimmed = line.trim();
        if trimmed.is_empty()
            || is_comment(path, trimmed)
            || !row.loosens.is_match(line)
            || !is_relevant(path, text, at, trimmed)
        {
            continue;
        }
        if is_harmless(path, file, trimmed, line)
            || path.ends_with("conftest.py") && collecting::keeps_all(&after.source, at, trimmed)
        {
            continue;
        }
        loosened += 1;
        let what = format!(
            "`{}` lets more pass, or runs less; take it back",
            shown(trimmed)
        );
        // A configuration that is new with the project it is for is no change of one.
        let grade = if is_new && !SURE.is_match(trimmed) {
            Grade::Lesser
        } else {
            Grade::Main
        };
        findings.push(diff.finding(
            Rule::VerifyConfig,
            grade,
            (path, Some(after.source.line(at))),
            what,
            asked(diff, path, trimmed),
        ));
    }
    let mut lost = 0;
    if let Some(before) = &file.before {
        for (at, line) in before.fresh_lines() {
            let trimmed = line.trim();
            if trimmed.is_empty()
                || is_comment(path, trimmed)
                || !row.tightens.is_match(line)
                || !is_relevant(path, before.source.text, at, trimmed)
            {
                continue;
            }
            if replaced(trimmed, after.fresh_lines().map(|(_, l)| l.trim()), row) {
                continue;
            }
            lost += 1;
            let what = format!("`{}` is gone; put it back", shown(trimmed));
            findings.push(diff.finding(
                Rule::VerifyConfig,
                Grade::Main,
                (path, Some(before.source.line(at))),
                what,
                asked(diff, path, trimmed),
            ));
        }
    }
    let changed = after.fresh.contains(&true)
        || file
            .before
            .as_ref()
            .is_some_and(|b| b.fresh.contains(&true));
    if row.only_checks && !is_new && changed && loosened + lost == 0 {
        let what = "a configuration of checks was changed".to_owned();
        findings.push(diff.finding(Rule::VerifyConfig, Grade::Least, (path, None), what, None));
    }
    findings.truncate(20);
    findings
}

/// Takes things down, and may find nothing to take down.
static CLEANS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:rm|kill|killall|pkill|mkdir|docker|podman|compose|umount|unlink|rmdir|stop|down|delete|cleanup|uninstall|mv|cp|ln|gh|git (?:tag|branch|config|fetch))\b",
    )
});
static CHECKS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)tests?\b|lint|check|pytest|jest|vitest|mypy|ruff|clippy|eslint|tsc\b|vet\b|tox\b|verify|coverage|mocha|audit",
    )
});

/// Lets more pass wherever it stands.
static SURE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\|\|\s*(?:true|:|exit 0)|continue-on-error|allow_failure|skipTests|passWithNoTests|exitstatus|os\._exit|pytest_collection_modifyitems|pytest_runtest_makereport|\.outcome\s*=|collect_ignore|items\[:\]|deselected",
    )
});

fn is_comment(path: &str, line: &str) -> bool {
    let hash = !path.ends_with(".json")
        && !path.ends_with("js")
        && !path.ends_with("ts")
        && !path.ends_with(".eslintignore");
    (hash && line.starts_with('#')) || line.starts_with("//") || line.starts_with("<!--")
}

/// In a file that is about more than checks, the line is about them.
fn is_relevant(path: &str, text: &str, at: usize, line: &str) -> bool {
    let section = || {
        let before = text[..at].lines().rev();
        before
            .map(str::trim)
            .find(|l| l.starts_with('[') && l.ends_with(']') && !l.starts_with("[\""))
            .unwrap_or_default()
    };
    if path.ends_with("pyproject.toml") || path.ends_with("setup.cfg") || path.ends_with("tox.ini")
    {
        let section = section();
        return [
            "pytest", "ruff", "mypy", "flake8", "pylint", "pyright", "black", "isort", "testenv",
            "tox", "bandit", "nox",
        ]
        .iter()
        .any(|tool| section.contains(tool));
    }
    if path.ends_with("Cargo.toml") {
        let section = section();
        let of_lints = section.contains("lints");
        let of_targets = [
            "[[test]]",
            "[lib]",
            "[[bin]]",
            "[package]",
            "[[bench]]",
            "[[example]]",
        ]
        .contains(&section);
        let level = line.contains("\"allow\"")
            || line.contains("\"warn\"")
            || line.contains("\"deny\"")
            || line.contains("\"forbid\"")
            || line.starts_with("workspace");
        return if level {
            of_lints
        } else {
            of_targets || line.starts_with("[[test]]")
        };
    }
    true
}

/// Matches, and yet lets nothing pass that did not: it was there in another form, or it says the opposite.
fn is_harmless(path: &str, file: &Changed<'_>, line: &str, whole: &str) -> bool {
    if path.ends_with("package.json") && !line.contains("Ignore") && !line.contains("passWith") {
        // A script that was not there cannot be weakened, unless it hides its own failure.
        let key = line.split(':').next().unwrap_or_default();
        let existed = file
            .before
            .as_ref()
            .is_some_and(|b| b.source.text.contains(key));
        return !existed && !line.contains("||") && !line.contains("\"test\"");
    }
    if path.ends_with("Makefile") || path.ends_with("justfile") {
        let is_clean = whole.contains("rm ")
            || whole.contains("mkdir")
            || whole.contains("docker")
            || whole.contains("include");
        return is_clean;
    }
    if line.contains("testpaths")
        || line.contains("python_files")
        || line.contains("testMatch")
        || line.contains("include")
        || line.contains("max-line-length")
    {
        let key = line.split(['=', ':']).next().unwrap_or_default().trim();
        let before = file.before.as_ref().and_then(|b| {
            b.source
                .text
                .lines()
                .find(|l| l.trim().starts_with(key))
                .map(str::to_owned)
        });
        // A list that only grew looks at more.
        return match before {
            Some(old) => values(&old).iter().all(|v| values(line).contains(v)),
            None => !line.contains('!'),
        };
    }
    if CLEANS.is_match(line) && !CHECKS.is_match(line) {
        return true;
    }
    if line.contains("fail-fast") || line.contains("strategy") {
        return true;
    }
    let was = file.before.as_ref().is_some_and(|b| {
        b.fresh_lines().any(|(_, old)| {
            let (old, new) = (values(old), values(line));
            !new.is_empty() && new.iter().all(|v| old.contains(v))
        })
    });
    was && !SURE.is_match(line)
}

fn values(line: &str) -> Vec<String> {
    line.split(|c: char| c.is_whitespace() || "\"'[](){},=".contains(c))
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A line that came in its place says as much.
fn replaced<'l>(old: &str, mut new: impl Iterator<Item = &'l str>, row: &Compiled) -> bool {
    let mine = values(old);
    new.any(|line| {
        let theirs = values(line);
        let kept = mine.iter().filter(|w| theirs.contains(w)).count();
        let tight = row.tightens.is_match(line)
            && (kept * 2 >= mine.len()
                || row.tightens.find(old).map(|m| m.as_str())
                    == row.tightens.find(line).map(|m| m.as_str()));
        let looser = row.loosens.is_match(line) && !row.loosens.is_match(old);
        let shorter = SELECT.is_match(old) && !mine.iter().all(|w| theirs.contains(w));
        tight && !looser && !shorter
    })
}

/// A list of what is looked for.
static SELECT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^(?:extend-)?select\s*=|^enable"));

fn asked(diff: &Diff<'_>, path: &str, line: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let words = subject([line]);
    let about = [
        "config",
        "configuration",
        "ci",
        "workflow",
        "lint",
        "linter",
        "makefile",
        "pipeline",
        "pytest",
        "jest",
        "ruff",
        "eslint",
        "clippy",
        "mypy",
        "tsconfig",
        "strict",
        "rule",
        "marker",
        "collect",
        "test",
        "tests",
        "suite",
        "script",
        "exclude",
        "ignore",
        "conftest",
    ];
    diff.task
        .asks(CONFIGURE, &words, &about)
        .filter(|_| words.len() > 1)
        .or_else(|| {
            let tight: std::collections::BTreeSet<String> =
                words.union(&subject([name])).cloned().collect();
            diff.task.asks(CONFIGURE, &tight, &[])
        })
}

/// This program's own configuration: an engine that changes it changes its own judge.
fn own(diff: &Diff<'_>, file: &Changed<'_>) -> Option<Finding> {
    let sections = |text: &str| -> Vec<String> {
        let mut section = String::new();
        let mut found = Vec::new();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']).to_owned();
            } else if section.starts_with("verify")
                || section.starts_with("audit")
                || line.contains("coverage")
                || line.contains("sandbox")
                || line.starts_with("verify.")
                || line.starts_with("audit.")
            {
                found.push(format!("{section}: {line}"));
            }
        }
        found
    };
    let text = |side: &Option<crate::verify::audit::diff::Side<'_>>| {
        side.as_ref()
            .map_or_else(Vec::new, |s| sections(s.source.text))
    };
    let of_checks = text(&file.before) != text(&file.after);
    let grade = if of_checks {
        Grade::Main
    } else {
        Grade::Lesser
    };
    let what = if of_checks {
        "the configuration that judges this work was changed; take it back"
    } else {
        "the configuration of this program was changed"
    };
    let asked = diff.task.states("codelicious.toml");
    Some(diff.finding(
        Rule::VerifyConfig,
        grade,
        (file.change.path, None),
        what.to_owned(),
        asked,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for row in &*COMPILED {
            for pattern in [&row.files, &row.loosens, &row.tightens] {
                pattern.as_str();
            }
        }
    }
}
