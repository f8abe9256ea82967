//! How the usual test runners are made to measure, a row each, and what the configuration says instead.
//!
//! A row takes the command of the check that runs the tests and gives it back with what makes it write a report
//! too, so that the tests run once. Reports go to a folder outside the lane, where nothing takes them for work.

use super::ReportFormat;
use super::paths::go_module;
use crate::verify::check::{Check, CheckKind, Run};
use crate::verify::conditions::Ground;
use crate::verify::languages::script;
use crate::verify::view::{FileView, base_name, parent};

/// What a machine has that a row may need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    pub cargo_llvm_cov: bool,
}

/// How one runner measures.
pub struct CoverageRow {
    pub language: &'static str,
    /// For people.
    pub tool: &'static str,
    /// Whether the project at this place has what it takes.
    pub when: fn(&Ground<'_>, Installed) -> bool,
    /// The tests' command, measuring; None where the row does not know such a command. The second is the folder
    /// for reports, quoted for a shell.
    pub command: fn(&str, &str) -> Option<String>,
    /// The report's name in that folder.
    pub report: &'static str,
    pub format: ReportFormat,
}

/// Where a report is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportPlace {
    /// Absolute.
    At(String),
    /// Below the folder of the check, as the configuration says.
    InLane(String),
}

/// A check that measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measuring {
    pub check: Check,
    pub reports: Vec<ReportPlace>,
    /// None where the report itself has to tell.
    pub format: Option<ReportFormat>,
    /// True when it runs the tests of the check of the same name and folder, which need not run as well.
    pub replaces: bool,
}

/// What the configuration says about measuring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredCoverage {
    /// A line for `sh -c`, run in the root; None where reports come from the checks that run anyway.
    pub command: Option<String>,
    /// Paths below the root.
    pub reports: Vec<String>,
    pub format: Option<ReportFormat>,
}

/// The name of a configured measurement.
pub const CONFIGURED: &str = "coverage";

pub static ROWS: &[CoverageRow] = &[PYTEST, CARGO, VITEST, JEST, GO];

const PYTEST: CoverageRow = CoverageRow {
    language: "python",
    tool: "pytest-cov",
    when: |g, _| {
        const CONFIGS: &[&str] = &[
            "pyproject.toml",
            "setup.cfg",
            "tox.ini",
            "pytest.ini",
            "setup.py",
            "requirements.txt",
            "requirements-dev.txt",
            "requirements-test.txt",
            "dev-requirements.txt",
        ];
        let names_it = |text: &str| text.contains("pytest-cov") || text.contains("--cov");
        CONFIGS.iter().any(|name| names_it(&g.read(name)))
    },
    // A bound of the project's own would end tests that passed with a failure.
    command: |line, out| {
        let at = find_word(line, "pytest")?;
        let (head, tail) = line.split_at(at);
        Some(format!(
            "COVERAGE_FILE={out}/.coverage {head} --cov --cov-report=json:{out}/coverage.json --cov-fail-under=0{tail}"
        ))
    },
    report: "coverage.json",
    format: ReportFormat::CoveragePy,
};

const CARGO: CoverageRow = CoverageRow {
    language: "rust",
    tool: "cargo llvm-cov",
    when: |_, installed| installed.cargo_llvm_cov,
    command: |line, out| {
        let json = format!("--json --output-path {out}/llvm-cov.json");
        if let Some(rest) = after(line, "cargo test") {
            return Some(format!("cargo llvm-cov test {json}{rest}"));
        }
        let rest = after(line, "cargo nextest run")?;
        Some(format!("cargo llvm-cov nextest {json}{rest}"))
    },
    report: "llvm-cov.json",
    format: ReportFormat::Llvm,
};

const VITEST: CoverageRow = CoverageRow {
    language: "node",
    tool: "vitest --coverage",
    when: |g, _| {
        let manifest = g.read("package.json");
        runs(g, "vitest")
            && ["@vitest/coverage-v8", "@vitest/coverage-istanbul"]
                .iter()
                .any(|provider| manifest.contains(provider))
    },
    command: |line, out| {
        let bounds: String = ["lines", "functions", "branches", "statements"]
            .iter()
            .map(|of| format!(" --coverage.thresholds.{of}=0"))
            .collect();
        with_script_args(
            line,
            &format!(
                "--coverage.enabled --coverage.reporter=json --coverage.reportsDirectory={out}/vitest{bounds}"
            ),
        )
    },
    report: "vitest/coverage-final.json",
    format: ReportFormat::Istanbul,
};

const JEST: CoverageRow = CoverageRow {
    language: "node",
    tool: "jest --coverage",
    when: |g, _| runs(g, "jest"),
    command: |line, out| {
        with_script_args(
            line,
            &format!(
                "--coverage --coverageReporters=json --coverageDirectory={out}/jest --coverageThreshold='{{}}'"
            ),
        )
    },
    report: "jest/coverage-final.json",
    format: ReportFormat::Istanbul,
};

const GO: CoverageRow = CoverageRow {
    language: "go",
    tool: "go test -coverprofile",
    when: |_, _| true,
    command: |line, out| {
        let rest = after(line, "go test")?;
        Some(format!("go test -coverprofile={out}/cover.out{rest}"))
    },
    report: "cover.out",
    format: ReportFormat::Go,
};

/// The check of a project's tests, measuring, with reports in `out`, a folder of its own outside the lane. None
/// where no row knows how.
pub fn coverage_check(
    language: &str,
    check: &Check,
    ground: &Ground<'_>,
    installed: Installed,
    out: &str,
) -> Option<Measuring> {
    if check.kind != CheckKind::Test || !matches!(check.run, Run::Shell { .. }) {
        return None;
    }
    let line = &check.command();
    let rows = ROWS.iter().filter(|row| row.language == language);
    let mut able = rows.filter(|row| (row.when)(ground, installed));
    able.find_map(|row| {
        let command = (row.command)(line, &quoted(out))?;
        Some(Measuring {
            check: Check {
                run: Run::line(command),
                ..check.clone()
            },
            reports: vec![ReportPlace::At(format!("{out}/{}", row.report))],
            format: Some(row.format),
            replaces: true,
        })
    })
}

/// What the configuration asks for: a command of its own, run beside the other checks. None where it names no
/// report; where it names reports without a command, the checks that run anyway write them.
pub fn configured_check(
    configured: &ConfiguredCoverage,
) -> Option<(Option<Check>, Vec<ReportPlace>)> {
    if configured.reports.is_empty() {
        return None;
    }
    let check = configured
        .command
        .as_ref()
        .map(|line| Check::new(CONFIGURED, "", CheckKind::Configured, Run::line(line)));
    let reports = configured.reports.iter().cloned();
    Some((check, reports.map(ReportPlace::InLane).collect()))
}

/// The Go modules of a repository: import path, and folder below the root.
pub fn go_modules(view: &FileView<'_>) -> Vec<(String, String)> {
    let manifests = view
        .paths()
        .iter()
        .filter(|path| base_name(path) == "go.mod");
    manifests
        .filter_map(|path| Some((go_module(&view.read(path)?)?, parent(path).to_owned())))
        .collect()
}

/// What follows a command's first words.
fn after<'l>(line: &'l str, words: &str) -> Option<&'l str> {
    let rest = line.strip_prefix(words)?;
    (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
}

/// Where a word of a simple command ends.
fn find_word(line: &str, word: &str) -> Option<usize> {
    if is_compound(line) {
        return None;
    }
    let mut from = 0;
    for part in line.split(' ') {
        if part == word {
            return Some(from + part.len());
        }
        from += part.len() + 1;
    }
    None
}

/// A package manager's script with further arguments for what it runs.
fn with_script_args(line: &str, args: &str) -> Option<String> {
    if is_compound(line) {
        return None;
    }
    let is_known = ["npm test", "npm run test", "npx vitest", "npx jest"]
        .iter()
        .any(|start| after(line, start).is_some());
    let needs_dashes = line.starts_with("npm ") && !line.contains(" -- ");
    is_known.then(|| match needs_dashes {
        true => format!("{line} -- {args}"),
        false => format!("{line} {args}"),
    })
}

/// True when the `test` script is one command that is this program: only then do further arguments reach it.
fn runs(g: &Ground<'_>, program: &str) -> bool {
    let line = script(g, "test").unwrap_or_default();
    let named = || {
        // Settings of the environment may stand before it.
        let mut words = line.split_whitespace();
        words.find(|word| !word.contains('=') && *word != "cross-env") == Some(program)
    };
    !is_compound(&line) && named()
}

fn is_compound(line: &str) -> bool {
    line.contains(['&', '|', ';', '\n', '`', '(', '#', '>', '<'])
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
