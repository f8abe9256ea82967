//! What an exit code means. Pure.

use crate::model::CheckOutcome;
use crate::pattern::Pattern;
use std::sync::LazyLock;

/// How a program says that another one is missing.
struct Rule {
    /// Exit codes with which it says so; a line alone proves nothing.
    exits: &'static [i32],
    /// Matches the line; group `tool` is what is missing.
    line: &'static str,
    /// True when the line is the last thing printed: deeper in the output a test may have said it.
    last: bool,
    why: fn(&str) -> String,
}

// 126 and 127: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02
const RULES: &[Rule] = &[
    Rule {
        exits: &[127],
        line: r"^(?:\S.*: )?(?P<tool>[^:\s][^:]*): (?:command )?not found$",
        last: false,
        why: |tool| format!("`{tool}` was not found on PATH"),
    },
    Rule {
        exits: &[127],
        line: r"^(?:\S+/)?env: [‘'`]?(?P<tool>[^'’]+?)[’']?: No such file or directory$",
        last: false,
        why: |tool| format!("`{tool}` was not found on PATH"),
    },
    Rule {
        exits: &[127],
        line: r"^(?:\S*sh: )?(?:line )?(?:\d+: )?(?P<tool>[^:\s]+): No such file or directory$",
        last: false,
        why: |tool| format!("`{tool}` does not exist"),
    },
    Rule {
        // A shell that may not look into every folder of PATH (execvp(3): EACCES goes before ENOENT).
        exits: &[127],
        line: r"^(?:\S*sh: )?(?:line )?(?:\d+: )?(?P<tool>[^:\s]+): Permission denied$",
        last: false,
        why: |tool| format!("`{tool}` was not found on PATH, or may not be executed"),
    },
    Rule {
        exits: &[126],
        line: r"^(?:\S.*: )?(?P<tool>[^:\s][^:]*): (?:Permission denied|cannot execute.*|.*[Ee]xec format error)$",
        last: false,
        why: |tool| format!("`{tool}` cannot be executed"),
    },
    Rule {
        exits: &[1],
        line: r"^\S*python[\d.]*: No module named (?P<tool>\S+)$",
        last: true,
        why: |tool| format!("Python has no module `{tool}` (python3 -m pip install {tool})"),
    },
    Rule {
        exits: &[101],
        line: r"^error: no such command: `(?P<tool>[^`]+)`$",
        last: false,
        why: |tool| format!("`cargo {tool}` is not installed"),
    },
    Rule {
        exits: &[1, 101],
        line: r"^error: '(?P<tool>[^']+)' is not installed for the (?:custom )?toolchain",
        last: false,
        why: |tool| format!("`{tool}` is not installed for this toolchain"),
    },
    Rule {
        exits: &[101],
        line: r"^error: could not execute process `(?P<tool>[^` ]+)[^`]*` \(never executed\)$",
        last: false,
        why: |tool| format!("`{tool}` was not found on PATH"),
    },
    Rule {
        exits: &[1],
        line: r#"npx canceled due to missing packages and no YES option: \["(?P<tool>@?[^"@]+)"#,
        last: false,
        why: |tool| format!("the package `{tool}` is not installed here"),
    },
    Rule {
        // make says 2 for every failure; the tool's 127 stands in the `Error 127` line after this one.
        exits: &[2],
        line: r"^make(?:\[\d+\])?: (?P<tool>[^:\s]+): No such file or directory$",
        last: false,
        why: |tool| format!("`{tool}`, which make calls, was not found on PATH"),
    },
];

static COMPILED: LazyLock<Vec<(Pattern, &'static Rule)>> = LazyLock::new(|| {
    RULES
        .iter()
        .map(|rule| (Pattern::new(rule.line), rule))
        .collect()
});

/// Reads an exit code together with the output it came with.
///
/// Exit 127 without a line that names what is missing is a failure like any other: a script may choose it.
pub fn classify(exit: i32, output: &str, no_tests_exit: Option<i32>) -> CheckOutcome {
    if exit == 0 || Some(exit) == no_tests_exit {
        return CheckOutcome::Passed;
    }
    match missing(exit, output) {
        Some(why) => CheckOutcome::NotAvailable { why },
        None => CheckOutcome::Failed { exit },
    }
}

fn missing(exit: i32, output: &str) -> Option<String> {
    let rules: Vec<_> = COMPILED
        .iter()
        .filter(|(_, rule)| rule.exits.contains(&exit))
        .collect();
    if rules.is_empty() || (exit == 2 && !output.contains("Error 127")) {
        return None;
    }
    let lines = output
        .lines()
        .rev()
        .map(str::trim_end)
        .filter(|l| !l.is_empty());
    for (from_end, line) in lines.enumerate() {
        for (regex, rule) in &rules {
            let tool = regex
                .captures(line)
                .and_then(|c| c.name("tool"))
                .filter(|_| !rule.last || from_end == 0);
            if let Some(tool) = tool {
                return Some((rule.why)(tool.as_str()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for (pattern, _) in &*COMPILED {
            pattern.as_str();
        }
    }

    #[test]
    fn exits_are_read() {
        let missing: &[(i32, &str, &str)] = &[
            (127, "sh: 1: pytest: not found", "`pytest`"),
            (127, "sh: pytest: command not found", "`pytest`"),
            (127, "sh: line 1: jest: command not found\n", "`jest`"),
            (
                127,
                "\n> a@1.0.0 test\n> jest\n\nsh: 1: jest: not found\nnpm error code 127\n",
                "`jest`",
            ),
            (
                127,
                "./check.sh: 3: ./check.sh: shellcheck: not found",
                "`shellcheck`",
            ),
            (
                127,
                "bash: line 1: golangci-lint: command not found",
                "`golangci-lint`",
            ),
            (
                127,
                "pyenv: ruff: command not found\n\nThe `ruff' command exists in these Python versions:\n  3.12.1",
                "`ruff`",
            ),
            (
                127,
                "/usr/bin/env: ‘node’: No such file or directory",
                "`node`",
            ),
            (127, "env: node: No such file or directory", "`node`"),
            (
                127,
                "sh: line 1: ./missing.sh: No such file or directory",
                "`./missing.sh`",
            ),
            (126, "sh: 1: ./check.sh: Permission denied", "`./check.sh`"),
            (
                127,
                "sh: 1: no-such-tool: Permission denied",
                "`no-such-tool`",
            ),
            (
                1,
                "/usr/bin/python3: No module named pytest\n",
                "pip install pytest",
            ),
            (
                1,
                "npm error npx canceled due to missing packages and no YES option: [\"eslint@9.1.0\"]\nnpm error A complete log",
                "`eslint`",
            ),
            (
                101,
                "error: no such command: `nextest`\n\nhelp: view all",
                "`cargo nextest`",
            ),
            (
                1,
                "error: 'cargo-clippy' is not installed for the toolchain '1.95'.",
                "`cargo-clippy`",
            ),
            (
                101,
                "error: could not execute process `rustc -vV` (never executed)\n\nCaused by:",
                "`rustc`",
            ),
            (
                2,
                "make: jest: No such file or directory\nmake: *** [Makefile:2: test] Error 127",
                "`jest`",
            ),
        ];
        for (exit, output, word) in missing {
            match classify(*exit, output, None) {
                CheckOutcome::NotAvailable { why } => {
                    assert!(why.contains(word), "{output}: {why}")
                }
                other => panic!("{output}: {other:?}"),
            }
        }
        let failed: &[(i32, &str)] = &[
            (1, "sh: 1: pytest: not found"),
            (127, "3 tests failed"),
            (127, ""),
            (1, "ModuleNotFoundError: No module named 'pytest'"),
            (
                1,
                "python3: No module named helper\nFAILED test_a.py::test_x",
            ),
            (
                2,
                "make: *** [Makefile:2: test] Error 1\nmake: x: No such file or directory",
            ),
            (5, "no tests ran"),
            (137, ""),
        ];
        for (exit, output) in failed {
            assert_eq!(
                classify(*exit, output, None),
                CheckOutcome::Failed { exit: *exit },
                "{output}"
            );
        }
        assert_eq!(classify(5, "no tests ran", Some(5)), CheckOutcome::Passed);
        assert_eq!(
            classify(0, "sh: 1: x: not found", None),
            CheckOutcome::Passed
        );
    }
}
