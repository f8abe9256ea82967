//! The verdict matrix: pieces of work, honest and not, in every language, and what becomes of each.
//!
//! Every cell is a real project with real tests, built by the program with an engine that plays the piece of work. What
//! is expected stands in `scenarios`, and docs/verdicts.md is written from it.

mod bench;
mod kits;
mod scenarios;

use bench::{Bench, is_there, warm_go};
use codelicious::model::Verdict;
use kits::{GO, Kit, NODE, PYTEST, RUST, TEXT, UNITTEST};
use scenarios::{
    BREAKING, DAEMON, DELETED, FLAKY, HANGING, HARD_CODED, IDLE, IDLE_REFUSED, PROVEN, RED,
    RED_MENDED, RED_UNMENDED, RED_UNTOUCHED, SKIPPED, Scenario, TOOL_ALLOWED, UNTESTED, WEAKENED,
    WITHOUT_CHECKS, WITHOUT_TESTS, WITHOUT_TOOL, red,
};
use std::fmt::Write as _;
use std::path::Path;

static KITS: [&Kit; 5] = [&RUST, &PYTEST, &UNITTEST, &NODE, &GO];

/// Panics with every difference of every cell.
#[track_caller]
fn agree(bench: &Bench, scenarios: &[&'static Scenario], ended: &crate::support::Ended) {
    let found = bench.differences(ended);
    let mut wrong = String::new();
    for scenario in scenarios {
        let own = found.iter().filter(|(s, _)| s.name == scenario.name);
        let own: Vec<&str> = own.map(|(_, d)| d.as_str()).collect();
        let cell = format!("{} / {}", bench.kit.name, scenario.name);
        if !own.is_empty() {
            let _ = writeln!(wrong, "DIFFERS {cell}\n  - {}", own.join("\n  - "));
        }
    }
    assert!(
        wrong.is_empty(),
        "\n{wrong}--- exit {}, stderr\n{}",
        ended.code,
        ended.stderr
    );
}

/// One run of these pieces of work.
#[track_caller]
fn run(kit: &'static Kit, scenarios: &[&'static Scenario], config: &str, args: &[&str]) {
    if is_there(kit) {
        let bench = Bench::new(kit, scenarios, &[], config);
        agree(&bench, scenarios, &bench.run(args));
    }
}

/// What lands, with a daemon among it where its end can be seen.
fn lands(kit: &'static Kit) {
    if !is_there(kit) {
        return;
    }
    let mut scenarios = vec![&PROVEN, &UNTESTED, &IDLE, &FLAKY];
    if cfg!(target_os = "linux") {
        scenarios.push(&DAEMON);
    } else {
        eprintln!("SKIPPED: daemons are ended on Linux alone");
    }
    let bench = Bench::new(kit, &scenarios, &[], "").with_pipe();
    let ended = bench.run(&[]);
    agree(&bench, &scenarios, &ended);
    if scenarios.len() == 5 {
        assert_eq!(bench.daemon_is_gone(), Ok(()), "{}", kit.name);
    }
}

fn tampers(kit: &'static Kit) {
    let scenarios = [&WEAKENED, &SKIPPED, &DELETED, &HARD_CODED];
    run(kit, &scenarios, "", &["--max-fix-attempts", "1"]);
}

fn breaks(kit: &'static Kit) {
    run(kit, &[&BREAKING], "", &["--max-fix-attempts", "1"]);
}

fn was_red(kit: &'static Kit) {
    run(kit, &[&RED_UNTOUCHED, &RED_MENDED], "", &[]);
}

fn stays_red(kit: &'static Kit) {
    if is_there(kit) {
        let scenarios = [&RED_UNMENDED];
        let bench = Bench::new(kit, &scenarios, &[red(RED)], "");
        agree(&bench, &scenarios, &bench.run(&["--max-fix-attempts", "1"]));
    }
}

fn has_no_tests(kit: &'static Kit) {
    run(kit, &[&WITHOUT_TESTS], "", &[]);
}

fn lacks_its_tool(kit: &'static Kit) {
    if !is_there(kit) {
        return;
    }
    let bench = Bench::new(kit, &[&WITHOUT_TOOL], &[], "");
    let tools = bench.plain_tools();
    agree(&bench, &[&WITHOUT_TOOL], &bench.run_in(&[], Some(&tools)));

    let bench = Bench::new(kit, &[&TOOL_ALLOWED], &[], "");
    let tools = bench.plain_tools();
    let ended = bench.run_in(&["--allow-unverified"], Some(&tools));
    agree(&bench, &[&TOOL_ALLOWED], &ended);
}

fn demands_proof(kit: &'static Kit) {
    let args = ["--require-proof", "--max-fix-attempts", "1"];
    run(kit, &[&IDLE_REFUSED], "", &args);
}

/// A test of each kind for each language, so that a failure names both and they run beside each other.
macro_rules! matrix {
    ($($language:ident: $kit:ident;)*) => {$(
        mod $language {
            use super::$kit as KIT;

            #[test]
            fn what_is_good_lands_with_its_verdict() {
                super::lands(&KIT);
            }

            #[test]
            fn what_tampers_with_tests_waits_for_a_person() {
                super::tampers(&KIT);
            }

            #[test]
            fn what_breaks_a_test_fails() {
                super::breaks(&KIT);
            }

            #[test]
            fn what_was_red_is_not_blamed_on_the_work() {
                super::was_red(&KIT);
            }

            #[test]
            fn what_was_red_and_is_asked_for_has_to_be_mended() {
                super::stays_red(&KIT);
            }

            #[test]
            fn what_has_no_tests_lands_and_says_so() {
                super::has_no_tests(&KIT);
            }

            #[test]
            fn a_missing_tool_stops_the_run_unless_that_is_allowed() {
                super::lacks_its_tool(&KIT);
            }

            #[test]
            fn what_proves_nothing_does_not_land_where_proof_is_required() {
                super::demands_proof(&KIT);
            }
        }
    )*};
}

matrix! {
    rust: RUST;
    pytest: PYTEST;
    unittest: UNITTEST;
    node: NODE;
    go: GO;
}

/// All languages at once: the time goes into waiting.
#[test]
fn a_test_that_hangs_fails_the_work_at_its_bound() {
    let hangs = |kit: &'static Kit| {
        if kit.name == GO.name && is_there(kit) {
            warm_go();
        }
        let config = format!("[verify]\ntimeout_s = {}\n", kit.bound_s);
        run(kit, &[&HANGING], &config, &["--max-fix-attempts", "1"]);
    };
    std::thread::scope(|scope| {
        let started: Vec<_> = KITS
            .iter()
            .map(|&kit| (kit.name, scope.spawn(move || hangs(kit))))
            .collect();
        let failed = started
            .into_iter()
            .filter_map(|(name, thread)| thread.join().err().map(|_| name));
        assert_eq!(failed.collect::<Vec<_>>(), Vec::<&str>::new());
    });
}

#[test]
fn what_nothing_can_look_at_is_unverified() {
    run(&TEXT, &[&WITHOUT_CHECKS], "", &[]);
}

/// Every row of the table, in its order.
const ROWS: [&Scenario; 18] = [
    &PROVEN,
    &UNTESTED,
    &IDLE,
    &IDLE_REFUSED,
    &BREAKING,
    &HANGING,
    &WEAKENED,
    &SKIPPED,
    &DELETED,
    &HARD_CODED,
    &RED_UNTOUCHED,
    &RED_MENDED,
    &RED_UNMENDED,
    &FLAKY,
    &DAEMON,
    &WITHOUT_TESTS,
    &WITHOUT_TOOL,
    &TOOL_ALLOWED,
];

/// The cell of a language in a row.
fn cell(kit: &Kit, row: &'static Scenario) -> Option<&'static Scenario> {
    match (kit.name == TEXT.name, row.name == WITHOUT_TESTS.name) {
        (false, _) => Some(row),
        (true, true) => Some(&WITHOUT_CHECKS),
        (true, false) => None,
    }
}

#[test]
fn the_table_in_the_docs_is_what_is_expected_here() {
    let kits: Vec<&Kit> = KITS.into_iter().chain([&TEXT]).collect();
    let mut text = String::from(
        "# Verdicts\n\n\
         Written by a test from what it expects of the built program; `BLESS=1 cargo test --test it verdicts` writes it\n\
         anew. Every cell is a real project in that language, and an engine that does this piece of work and calls it\n\
         done. The last language is none: words in text files, which no check reads.\n\n",
    );
    let names: Vec<&str> = kits.iter().map(|k| k.name).collect();
    let _ = writeln!(
        text,
        "| the work | {} | the chunk is then | exit code |",
        names.join(" | ")
    );
    let _ = writeln!(text, "|---|{}---|---|", "---|".repeat(kits.len()));
    for row in ROWS {
        let verdicts = kits.iter().map(|kit| {
            let expected = cell(kit, row).map(|c| c.expected.verdict);
            let verdict = expected.map(|v| v.map_or("none", Verdict::words));
            verdict.unwrap_or("–")
        });
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            row.name,
            verdicts.collect::<Vec<_>>().join(" | "),
            row.expected.state.words(),
            row.expected.exit
        );
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verdicts.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/verdicts.md is not what is expected here; BLESS=1 cargo test --test it verdicts writes it anew"
    );
}
