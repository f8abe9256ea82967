//! Recordings of real runners on little projects, in `tests/reports`, and lines of any kind.

use super::*;
use crate::verify::transcript::clean;
use proptest::prelude::*;

use std::fmt::Write as _;
use std::path::Path;

/// Recordings with their formats. The projects stood in `/repo`.
const RECORDINGS: &[(&str, Format)] = &[
    ("libtest.txt", Format::Libtest),
    ("libtest-quiet.txt", Format::Libtest),
    ("libtest-show-output.txt", Format::Libtest),
    ("libtest-nocapture.txt", Format::Libtest),
    ("cargo-missing-name.txt", Format::Libtest),
    ("cargo-syntax.txt", Format::Libtest),
    ("cargo-missing-in-test.txt", Format::Libtest),
    ("nextest.txt", Format::Nextest),
    ("nextest-missing-name.txt", Format::Nextest),
    ("pytest-v.txt", Format::Pytest),
    ("pytest.txt", Format::Pytest),
    ("pytest-ra.txt", Format::Pytest),
    ("pytest-xdist.txt", Format::Pytest),
    ("pytest-line.txt", Format::Pytest),
    ("pytest-short.txt", Format::Pytest),
    ("pytest-collection.txt", Format::Pytest),
    ("pytest-none.txt", Format::Pytest),
    ("pytest.xml", Format::JUnit),
    ("pytest-collection.xml", Format::JUnit),
    ("unittest-v.txt", Format::Unittest),
    ("unittest.txt", Format::Unittest),
    ("go.txt", Format::GoText),
    ("go-v.txt", Format::GoText),
    ("go-json.txt", Format::GoJson),
    ("go-none.txt", Format::GoText),
    ("go-timeout-json.txt", Format::GoJson),
    ("go-timeout-v.txt", Format::GoText),
    ("node-tap.txt", Format::Tap),
    ("node-spec.txt", Format::NodeSpec),
    ("node-junit.xml", Format::JUnit),
    ("jest.txt", Format::Jest),
    ("jest-verbose.txt", Format::Jest),
    ("jest.json", Format::JestJson),
    ("vitest.txt", Format::Vitest),
    ("vitest-verbose.txt", Format::Vitest),
    ("vitest-tap.txt", Format::Tap),
    ("vitest.json", Format::JestJson),
    ("vitest.xml", Format::JUnit),
    ("mocha.txt", Format::Mocha),
    ("mocha-missing.txt", Format::Mocha),
];

fn recording(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reports")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

fn read(name: &str, format: Format) -> Report {
    let text = recording(name);
    let report = if format.is_file() {
        read_file(format, &text).unwrap()
    } else {
        read_lines(format, &clean(&text))
    };
    report.below("/repo")
}

fn render(report: &Report) -> String {
    let mut text = String::new();
    match &report.tests {
        None => text.push_str("tests: unknown\n"),
        Some(tests) => {
            for (name, status) in tests {
                let _ = writeln!(text, "{status:?}: {name}");
            }
        }
    }
    for (title, failures) in [("failure", &report.failures), ("broken", &report.broken)] {
        for f in failures {
            let place = match (&f.file, f.line) {
                (Some(file), Some(line)) => format!(" at {file}:{line}"),
                (Some(file), None) => format!(" at {file}"),
                (None, _) => String::new(),
            };
            let test = f.test.as_deref().unwrap_or("-");
            let _ = writeln!(text, "{title} {test}{place} ({:?})", f.kind);
            for line in f.message.lines() {
                let _ = writeln!(text, "    | {line}");
            }
        }
    }
    if report.collected_nothing {
        text.push_str("collected nothing\n");
    }
    text
}

#[test]
fn recordings_are_read() {
    for (name, format) in RECORDINGS {
        insta::assert_snapshot!(*name, render(&read(name, *format)));
    }
}

/// Formats that read lines.
fn line_formats() -> Vec<Format> {
    let mut formats: Vec<Format> = RECORDINGS.iter().map(|(_, f)| *f).collect();
    formats.extend([Format::Maven, Format::Compiler, Format::Auto]);
    formats.retain(|f| !f.is_file());
    formats.sort();
    formats.dedup();
    formats
}

#[test]
fn runners_are_recognised_by_their_words() {
    // Of these nothing but errors of a compiler, or of a module that is missing, is left to recognise.
    let unmarked = [
        "cargo-missing-name.txt",
        "cargo-syntax.txt",
        "cargo-missing-in-test.txt",
        "nextest-missing-name.txt",
    ];
    for (name, format) in RECORDINGS.iter().filter(|(_, f)| !f.is_file()) {
        let own = read(name, *format);
        let auto = read(name, Format::Auto);
        if unmarked.contains(name) {
            assert_eq!(auto.tests, None, "{name}");
            assert_eq!(auto.broken, own.broken, "{name}");
        } else {
            assert_eq!(render(&auto), render(&own), "{name}");
        }
    }
    assert_eq!(
        read_lines(Format::Auto, "make: all is well\nok\n"),
        Report::default()
    );
}

#[test]
fn two_runners_of_one_command_are_both_read() {
    let both = format!("{}\n{}", recording("go-v.txt"), recording("pytest-v.txt"));
    let report = read_lines(Format::Auto, &both);
    let tests = report.tests.unwrap();
    assert!(tests.contains_key("example.com/small/a/TestPasses"));
    assert!(tests.contains_key("tests/test_small.py::test_passes"));
    // One that names no test that passes leaves the whole unknown, and its failures told.
    let both = format!("{}\n{}", recording("go-v.txt"), recording("pytest.txt"));
    let report = read_lines(Format::Auto, &both);
    assert_eq!(report.tests, None);
    assert!(
        report
            .failing()
            .contains(&"tests/test_small.py::test_fails".to_owned())
    );
}

#[test]
fn carriage_returns_and_colours_change_nothing() {
    for (name, format) in RECORDINGS.iter().filter(|(_, f)| !f.is_file()) {
        let text = clean(&recording(name));
        let windows = text.replace('\n', "\r\n");
        assert_eq!(
            read_lines(*format, &windows),
            read_lines(*format, &text),
            "{name}"
        );
    }
}

#[test]
fn a_run_in_another_folder_reads_the_same() {
    for (name, format) in RECORDINGS {
        let moved = recording(name).replace("/repo", "/elsewhere/lane");
        let report = if format.is_file() {
            read_file(*format, &moved).unwrap()
        } else {
            read_lines(*format, &clean(&moved))
        };
        assert_eq!(
            render(&report.below("/elsewhere/lane/")),
            render(&read(name, *format)),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_read_says_so() {
    let dtd = "<!DOCTYPE a [<!ENTITY b \"c\">]><testsuite/>";
    for (format, text) in [
        (Format::JUnit, "<testsuite>"),
        (Format::JUnit, "<html/>"),
        (Format::JUnit, dtd),
        (Format::JUnit, ""),
        (Format::JestJson, "[]"),
        (Format::JestJson, "{"),
    ] {
        assert!(
            matches!(read_file(format, text), Err(Unreadable::Malformed { .. })),
            "{text}"
        );
    }
    assert!(matches!(
        read_file(Format::Tap, "ok 1"),
        Err(Unreadable::NotAFile { .. })
    ));
    let large = " ".repeat(MAX_FILE + 1);
    assert!(matches!(
        read_file(Format::JUnit, &large),
        Err(Unreadable::TooLarge { .. })
    ));
    assert!(
        read_file(Format::JUnit, "<testsuites/>")
            .unwrap()
            .collected_nothing
    );
}

#[test]
fn more_tests_than_are_kept_are_no_list() {
    let mut reader = Reader::new(Format::Tap);
    reader.feed("TAP version 13");
    for i in 0..120_000 {
        reader.feed(&format!("not ok {i} - test {i}"));
    }
    let report = reader.finish();
    assert_eq!(report.tests, None);
    assert!(report.failures.len() <= collect::MAX_FAILURES);
}

/// Puts two streams together in an order that `picks` chooses, each in its own order.
fn interleaved(out: &[&str], err: &[&str], picks: &[bool]) -> Vec<String> {
    let (mut out, mut err) = (out.iter(), err.iter());
    let mut picks = picks.iter().cycle();
    let mut lines = Vec::new();
    loop {
        let first = *picks.next().unwrap_or(&true);
        let next = if first {
            out.next().or_else(|| err.next())
        } else {
            err.next().or_else(|| out.next())
        };
        match next {
            Some(line) => lines.push((*line).to_owned()),
            None => return lines,
        }
    }
}

fn read_all(format: Format, lines: &[String]) -> Report {
    let mut reader = Reader::new(format);
    lines.iter().for_each(|l| reader.feed(l));
    reader.finish()
}

#[test]
fn a_line_that_is_told_to_be_0_is_none() {
    let xml = r#"<testsuite name="b.test.js"><testcase name="b.test.js">
<error message="x">Error: Cannot find module './nothing' imported from /repo/b.test.js
 ❯ b.test.js:0:1</error></testcase></testsuite>"#;
    let report = read_file(Format::JUnit, xml).unwrap();
    let all = report.failures.iter().chain(&report.broken);
    let lines: Vec<Option<u32>> = all.map(|f| f.line).collect();
    assert_eq!(lines, [None]);
    let report = read_lines(Format::Compiler, "error[E0425]: x\n --> src/a.rs:0:5\n");
    assert_eq!(report.broken[0].line, None);
}

#[test]
fn a_name_of_several_lines_is_one_line() {
    let go = concat!(
        r#"{"Action":"fail","Package":"a","Test":"TestA\nb"}"#,
        "\n",
        r#"{"Action":"fail","Package":"a"}"#,
    );
    let jest = r#"{"testResults": [{"name": "a.test.js", "assertionResults": [
{"ancestorTitles": ["\n  adds\n  up\n"], "title": "two\r\nones", "status": "failed"}]}]}"#;
    let xml = r#"<testsuite><testcase classname="A" name="adds&#10;  up"><failure message="no"/></testcase></testsuite>"#;
    for (report, name) in [
        (read_lines(Format::GoJson, go), "a/TestA b"),
        (
            read_file(Format::JestJson, jest).unwrap(),
            "a.test.js > adds up > two ones",
        ),
        (read_file(Format::JUnit, xml).unwrap(), "A::adds up"),
    ] {
        let tests: Vec<_> = report.tests.iter().flatten().collect();
        assert_eq!(tests, [(&name.to_owned(), &TestStatus::Failed)]);
        // Result and failure are one test's.
        assert_eq!(report.failing(), [name]);
        assert_eq!(report.failures.len(), 1);
    }
}

/// A recording of `cargo test` as cargo's lines and its tests' came through in another order.
fn cargo_mixed(picks: &[bool]) -> Report {
    let text = recording("libtest.txt");
    let cargo = |l: &&str| {
        let words = [
            "Compiling",
            "Finished",
            "Running",
            "Doc-tests",
            "error: ",
            "Caused by",
            "process didn't",
        ];
        words.iter().any(|w| l.trim_start().starts_with(w))
    };
    let err: Vec<&str> = text.lines().filter(cargo).collect();
    let out: Vec<&str> = text.lines().filter(|l| !cargo(l)).collect();
    read_all(Format::Libtest, &interleaved(&out, &err, picks))
}

#[test]
fn what_cargo_builds_is_no_part_of_what_a_test_says() {
    let expected = render(&read("libtest.txt", Format::Libtest));
    // After so many lines of the tests' comes the first one of cargo's, after as many the next.
    for before in 1..90 {
        let picks: Vec<bool> = (0..=before).map(|i| i < before).collect();
        assert_eq!(render(&cargo_mixed(&picks)), expected, "{before}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_lines_are_read(
        seed in proptest::collection::vec((0usize..60_000, 0usize..90, proptest::bool::weighted(0.1)), 0..120),
        noise in proptest::collection::vec("\\PC{0,60}|[ ]{0,9}(test |FAIL|--- |✔ |● |ok |E  )\\PC{0,20}", 1..8),
    ) {
        // Pieces of recordings, out of order and cut anywhere, with noise between.
        let mut pool = Vec::new();
        for (name, _) in RECORDINGS {
            pool.extend(clean(&recording(name)).lines().map(str::to_owned).collect::<Vec<_>>());
        }
        let lines: Vec<String> = seed.iter().map(|(at, cut, odd)| {
            if *odd {
                return noise[at % noise.len()].clone();
            }
            let line = &pool[at % pool.len()];
            let cut = line.floor_char_boundary(line.len().saturating_sub(cut / 4));
            line[..cut].to_owned()
        }).collect();
        for format in line_formats() {
            let report = read_all(format, &lines);
            prop_assert!(report.failures.len() <= collect::MAX_FAILURES);
            prop_assert!(report.tests.as_ref().is_none_or(|t| !t.is_empty()));
            prop_assert!(report.failures.iter().chain(&report.broken).all(|f| f.message.len() <= 2_000));
        }
        let text = lines.join("\n");
        let _ = read_file(Format::JUnit, &text);
        let _ = read_file(Format::JestJson, &text);
    }

    #[test]
    fn cargo_and_its_tests_may_come_through_in_any_order(picks in proptest::collection::vec(any::<bool>(), 1..60)) {
        prop_assert_eq!(render(&cargo_mixed(&picks)), render(&read("libtest.txt", Format::Libtest)));
    }

    #[test]
    fn gos_builds_and_results_may_come_through_in_any_order(picks in proptest::collection::vec(any::<bool>(), 1..60)) {
        let text = recording("go-json.txt");
        let build = |l: &&str| l.starts_with("# ") || l.starts_with("bad/");
        let err: Vec<&str> = text.lines().filter(build).collect();
        let out: Vec<&str> = text.lines().filter(|l| !build(l)).collect();
        let mixed = read_all(Format::GoJson, &interleaved(&out, &err, &picks)).below("/repo");
        prop_assert_eq!(render(&mixed), render(&read("go-json.txt", Format::GoJson)));
    }
}
