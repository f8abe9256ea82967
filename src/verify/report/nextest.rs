//! `cargo nextest run`.

use super::collect::{Collect, failure};
use super::compilers::Rustc;
use super::kind::kind_or;
use super::traces::Panic;
use super::{Lines, Read, Redness};
use crate::model::TestStatus;
use crate::pattern::pattern;
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A status line: `  TRY 2 FAIL [   0.007s] ( 1/13) small tests::a`. Words: <https://nexte.st/docs/reporting/>.
static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:TRY (?P<try>\d+) )?(?P<word>PASS|FAIL|SKIP|XFAIL|LEAK|LEAK-FAIL|FAIL \+ LEAK|TIMEOUT|TIMEOUT-PASS|TMT|TMPASS|ABRT|ABORT|SIG[A-Z0-9]+|SIG \d+|SEGV|FLAKY(?: \d+/\d+)?)\s+\[[^\]]*\]\s+(?:\([^)]*\)\s+)?(?P<binary>\S+)\s+(?P<test>\S.*)$",
    )
});

#[derive(Debug, Default)]
pub struct Nextest {
    out: Collect,
    rustc: Rustc,
    certain: bool,
    /// The latest try of each test counts, as for nextest.
    latest: BTreeMap<String, (u32, TestStatus, Redness)>,
    told: BTreeMap<String, Panic>,
    /// The test whose output is printed, indented by four.
    open: Option<String>,
    /// Of the summary: how many tests ran.
    ran: Option<usize>,
}

const MAX_RESULTS: usize = 100_000;

impl Lines for Nextest {
    fn line(&mut self, line: &str) {
        if let Some(found) = STATUS.captures(line) {
            let attempt = found
                .name("try")
                .map_or(1, |t| t.as_str().parse().unwrap_or(1));
            let (status, kind) = meaning(&found["word"]);
            let name = format!("{} {}", &found["binary"], &found["test"]);
            self.certain = true;
            self.status(name, attempt, status, kind);
            return;
        }
        if let (Some(open), Some(indented)) = (&self.open, line.strip_prefix("    ")) {
            if let Some(panic) = self.told.get_mut(open) {
                // libtest's own frame around the one test says nothing more.
                let frame = ["running 1 test", "failures:", "test ", "---- ", "    "];
                if panic.is_open() || !frame.iter().any(|f| indented.starts_with(f)) {
                    panic.line(indented);
                }
            }
            return;
        }
        if line.trim_start().starts_with("Nextest run ID ") {
            self.certain = true;
        } else if let Some((_, sums)) = line
            .trim_start()
            .strip_prefix("Summary [")
            .and_then(|r| r.split_once("] "))
        {
            self.certain = true;
            self.ran = sums.split([' ', '/']).next().and_then(|n| n.parse().ok());
        } else if line.starts_with("error: no tests to run") {
            self.certain = true;
            self.out.nothing = true;
        } else if !line.trim().is_empty() && !line.trim_start().starts_with("std") {
            self.open = None;
            self.rustc.line(line, &mut self.out);
        } else if let Some(open) = self.open.as_ref().filter(|_| line.is_empty())
            && let Some(panic) = self.told.get_mut(open)
        {
            panic.line("");
        }
    }

    fn finish(mut self: Box<Self>) -> Read {
        self.rustc.close(None, &mut self.out);
        let mut ran = 0;
        for (name, (_, status, kind)) in &self.latest {
            ran += usize::from(*status != TestStatus::Skipped);
            self.out.test(name, *status);
            if *status == TestStatus::Failed {
                let (place, message) = self
                    .told
                    .remove(name)
                    .map(Panic::finish)
                    .unwrap_or_default();
                let kind = match kind {
                    Redness::Unknown => kind_or(&message, Redness::Crash),
                    kind => *kind,
                };
                self.out.fail(failure(Some(name), place, &message, kind));
            }
        }
        let all_named = self.ran.is_none_or(|r| ran >= r) && self.latest.len() < MAX_RESULTS;
        Read {
            report: self.out.finish(all_named),
            certain: self.certain,
        }
    }
}

impl Nextest {
    fn status(&mut self, name: String, attempt: u32, status: TestStatus, kind: Redness) {
        self.open = (status == TestStatus::Failed).then(|| name.clone());
        if self.latest.len() >= MAX_RESULTS && !self.latest.contains_key(&name) {
            return;
        }
        let known = self.latest.get(&name).map_or(0, |(n, _, _)| *n);
        if attempt < known {
            return;
        }
        if self.open.is_some() && attempt > known && self.told.len() < super::collect::MAX_FAILURES
        {
            self.told.insert(name.clone(), Panic::default());
        } else if attempt == known {
            // The closing list repeats the lines, without output.
            self.open = None;
        }
        self.latest.insert(name, (attempt, status, kind));
    }
}

fn meaning(word: &str) -> (TestStatus, Redness) {
    match word {
        "PASS" | "LEAK" | "TIMEOUT-PASS" | "TMPASS" => (TestStatus::Passed, Redness::Unknown),
        "SKIP" | "XFAIL" => (TestStatus::Skipped, Redness::Unknown),
        "FAIL" | "LEAK-FAIL" | "FAIL + LEAK" => (TestStatus::Failed, Redness::Unknown),
        "TIMEOUT" | "TMT" => (TestStatus::Failed, Redness::Timeout),
        flaky if flaky.starts_with("FLAKY") => (TestStatus::Passed, Redness::Unknown),
        // ABRT, SIGSEGV and all other signals.
        _ => (TestStatus::Failed, Redness::Crash),
    }
}
