//! What failed, read from the output of test runners and compilers. Pure.
//!
//! Two runs fail in the same way when the later one names no failure that the earlier one did not name.
//! Where a runner's words are not known, the whole text is compared without what changes by itself.

use crate::pattern::{Pattern, pattern, spelled};
use regex::{Captures, Regex, RegexSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Lines in which test runners name what failed; group 1 is the name.
const TESTS: &[&str] = &[
    // pytest's short summary; `FAILED (failures=1)` is unittest's count.
    r"^((?:FAILED|ERROR) [^\s(]\S*?(?:::.+?)?)(?: - .*)?$",
    // unittest.
    r"^((?:FAIL|ERROR): \S+ \(.+\))$",
    // go test: tests (subtests are indented), and packages that failed or did not build; jest and vitest: files.
    r"^\s*(--- FAIL: \S+)(?: \(.*\))?$",
    r"^\s*(FAIL\s+\S+)(?:\s.*)?$",
    // node:test as TAP and as list; jest, vitest and mocha.
    r"^\s*not ok \d+ (- .+?)(?: # time=.*)?$",
    r"^\s*([✖✗✕×] .+)$",
    r"^\s*(● .+ › .+)$",
    r"^\s*\d+\) (\S.*)$",
    // cargo: the closing list of failed targets.
    r"^\s{4}`(-.+)`$",
];

/// Lines of compilers that name an error. rustc's location follows in a line of its own.
const ERRORS: &[&str] = &[
    r"^(error(?:\[[A-Z]\d+\])?: .+)$",
    r"^(\S+: (?:fatal )?error: .+)$",
    r"^(\S+\(\d+,\d+\): error TS\d+: .+)$",
    r"^(\S.*: (?:SyntaxError|IndentationError|TabError): .+)$",
];

/// Lines of linters that have only a location in common.
const LOCATED: &[&str] = &[
    r"^(?:vet: )?(\S[^\s:]*:\d+(?::\d+)?:? .+)$",
    r"^\s+(\d+:\d+\s+error\s+.+)$",
];

/// Counts and hints that say nothing of their own.
const NOISE: &[&str] = &[
    r"^error: \d+ targets? failed:$",
    r"^error: aborting due to ",
    r"^FAIL\s*$",
    r"^✖ \d+ problems?\b",
];

/// Bytes of a line that may name a failure; a longer one is data.
const MAX_NAMED: usize = 1 << 10;

/// A table of patterns, compiled: the set finds quickly, the single one captures.
struct Patterns(RegexSet, Vec<Pattern>);

impl Patterns {
    fn new(patterns: &[&'static str]) -> Self {
        Self(
            RegexSet::new(patterns.iter().map(|p| spelled(p)))
                .expect("the tables' patterns are tested"),
            patterns.iter().copied().map(Pattern::new).collect(),
        )
    }

    /// Group 1 of the first pattern that matches.
    fn find<'l>(&self, line: &'l str) -> Option<&'l str> {
        let index = self.0.matches(line).into_iter().next()?;
        self.1
            .get(index)?
            .captures(line)?
            .get(1)
            .map(|m| m.as_str())
    }
}

static TEST_LINES: LazyLock<Patterns> = LazyLock::new(|| Patterns::new(TESTS));
static ERROR_LINES: LazyLock<Patterns> = LazyLock::new(|| Patterns::new(ERRORS));
static LOCATED_LINES: LazyLock<Patterns> = LazyLock::new(|| Patterns::new(LOCATED));
static NOISE_LINES: LazyLock<Patterns> = LazyLock::new(|| Patterns::new(NOISE));
/// What runners append to a test's name: how long it took, where a documentation test stands.
static SUFFIX: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\s*(?:\(\d+(?:\.\d+)?\s?m?s\)|\s\d+(?:\.\d+)?\s?ms|\(line \d+\))$"));

/// The failures an output names, with how often each was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    named: BTreeMap<String, usize>,
    located: BTreeSet<String>,
}

impl Failures {
    /// Reads an output.
    pub fn of(output: &str) -> Self {
        let mut scanner = Scanner::default();
        for line in output.lines() {
            scanner.feed(line);
        }
        scanner.finish()
    }

    /// True when something is named here that `earlier` does not name as often.
    fn exceed(&self, earlier: &Self) -> bool {
        self.named
            .iter()
            .any(|(name, count)| earlier.named.get(name).copied().unwrap_or(0) < *count)
    }
}

/// Reads an output line by line.
#[derive(Debug, Default)]
pub struct Scanner {
    found: Failures,
    /// Inside libtest's closing list `failures:`.
    listing: bool,
    /// rustc's message, until its location is known.
    open: Option<String>,
    counted: BTreeMap<String, usize>,
    /// The file that the following lines are about, where a linter names it once.
    heading: String,
}

impl Scanner {
    /// Takes one line; true when it tells something about a failure.
    pub fn feed(&mut self, line: &str) -> bool {
        if line.len() > MAX_NAMED {
            return false;
        }
        if let Some(open) = self.open.take() {
            if let Some(place) = line.trim_start().strip_prefix("--> ") {
                self.name(format!("{open} in {}", steady(place)));
                return true;
            }
            self.name(open);
        }
        if let Some(test) = failed_event(line) {
            self.name(test);
            return true;
        }
        if line == "failures:" {
            self.listing = true;
            return true;
        }
        if self.listing {
            match line.strip_prefix("    ") {
                Some(test) if !test.starts_with(' ') && !test.is_empty() => {
                    *self
                        .counted
                        .entry(format!("test {}", test_name(test)))
                        .or_default() += 1;
                    return true;
                }
                _ => self.listing = line.trim().is_empty(),
            }
        }
        if line.starts_with('/') && !line.contains(char::is_whitespace) {
            self.heading = format!("{line} ");
        }
        if NOISE_LINES.0.is_match(line) {
            return false;
        }
        if let Some(test) = TEST_LINES.find(line) {
            self.name(test_name(test));
        } else if let Some(error) = ERROR_LINES.find(line) {
            match error.strip_prefix("error: could not compile ") {
                Some(target) => self.name(format!(
                    "does not compile: {}",
                    target.split(" due to ").next().unwrap_or(target)
                )),
                None if error.starts_with("error") => self.open = Some(steady(error)),
                None => self.name(steady(error)),
            }
        } else if let Some(place) = LOCATED_LINES.find(line) {
            self.found
                .located
                .insert(format!("{}{}", self.heading, steady(place)));
        } else {
            return false;
        }
        true
    }

    /// What was found.
    pub fn finish(mut self) -> Failures {
        if let Some(open) = self.open.take() {
            self.name(open);
        }
        self.found.named.extend(self.counted);
        self.found
    }

    /// Runners repeat a name in their summaries: being named once is all that counts.
    fn name(&mut self, name: String) {
        self.found.named.insert(name, 1);
    }
}

/// `go test -json`: a test that failed.
fn failed_event(line: &str) -> Option<String> {
    if !line.starts_with('{') || !line.contains(r#""Action":"fail""#) {
        return None;
    }
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let part = |key: &str| event.get(key).and_then(serde_json::Value::as_str);
    let package = part("Package").unwrap_or_default();
    Some(match part("Test") {
        Some(test) => format!("--- FAIL: {package}/{test}"),
        None => format!("FAIL {package}"),
    })
}

/// A test's name is kept as it is (`[1.5]` and `[2.5]` are two tests), but for what is appended to it.
fn test_name(text: &str) -> String {
    SUFFIX.replace(text.trim_end(), "").into_owned()
}

/// True when the later failure is the earlier one, or less of it.
pub fn same_failure(earlier: &str, later: &str) -> bool {
    let (before, now) = (Failures::of(earlier), Failures::of(later));
    if !now.named.is_empty() {
        return !now.exceed(&before);
    }
    if before.named.is_empty() && !now.located.is_empty() {
        return now.located.is_subset(&before.located);
    }
    steady_lines(earlier) == steady_lines(later)
}

/// [`same_failure`] for outputs that the clock cut off: they say only so much, so the later one must
/// merely not name a failure of its own.
pub fn same_failure_cut_short(earlier: &str, later: &str) -> bool {
    !Failures::of(later).exceed(&Failures::of(earlier))
}

/// Parallel runners print in any order, so lines are compared as a set.
fn steady_lines(output: &str) -> BTreeSet<String> {
    output
        .lines()
        .map(steady)
        .filter(|l| !l.is_empty())
        .collect()
}

/// What changes from run to run, or when lines are added above. Counts are left: "4 failed" after
/// "3 failed" is a new failure.
const UNSTEADY: &[(&str, &str)] = &[
    // Dates and times of day.
    (
        r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?",
        "<date>",
    ),
    (r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?", "<time>"),
    // Durations: `(0.01s)`, `in 12.3 ms`, `finished in 0.00s`, `duration_ms 97.2`.
    (
        r"\b\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?)\b",
        "<duration>",
    ),
    (r"\bduration_ms:? \d+(?:\.\d+)?", "<duration>"),
    (r"\b\d+\.\d+\b", "<number>"),
    // Addresses, hashes, temporary folders, threads and processes.
    (r"\b0x[0-9a-fA-F]+", "<address>"),
    (
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
        "<id>",
    ),
    (r"\b[0-9a-f]{12,}\b", "<id>"),
    (
        r"(?:/private)?(?:/tmp|/var/folders|/var/tmp)(?:/[^\s:'\x22)]*)?",
        "<tmp>",
    ),
    (r"^(thread '[^']*' )\(\d+\)", "$1"),
    (r"\b(pid|PID)[ =:]\d+", "<pid>"),
    // Lines and columns.
    (r"\b(line|lines|column|col) \d+", "$1"),
    (r"(\.\w+|\])\(\d+,\d+\)", "$1"),
    (r"^\s*\d+:\d+\s+", ""),
    (r":\d+(?::\d+)?\b", ":"),
    (r"^\s*\d+ \|", "|"),
];

static UNSTEADY_SET: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    UNSTEADY
        .iter()
        .map(|(p, with)| (pattern(p), *with))
        .collect()
});

/// A line without times, addresses, temporary paths and line numbers.
pub fn steady(line: &str) -> String {
    let mut text = line.trim_end().to_owned();
    for (regex, with) in UNSTEADY_SET.iter() {
        if regex.is_match(&text) {
            text = regex
                .replace_all(&text, |c: &Captures<'_>| {
                    let mut out = String::new();
                    c.expand(with, &mut out);
                    out
                })
                .into_owned();
        }
    }
    text.trim().to_owned()
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
