//! Test reports and what runners print: line ends do not matter, taking the same run in twice adds nothing, a failing
//! test is one of the tests, and an output fails in the same way as itself.

use codelicious::model::TestStatus;
use codelicious::verify::failures::{Failures, same_failure, same_failure_cut_short};
use codelicious::verify::report::{Format, Report, read_file, read_lines};

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let crlf = (!text.contains('\r')).then(|| text.replace('\n', "\r\n"));
    for format in Format::OF_RUNNERS
        .into_iter()
        .chain([Format::Compiler, Format::Auto])
    {
        let report = read_lines(format, text);
        sound(format, &report);
        if let Some(crlf) = &crlf {
            assert_eq!(read_lines(format, crlf), report, "{format:?}: line ends");
        }
    }
    for format in [Format::JUnit, Format::JestJson, Format::Auto] {
        if let Ok(report) = read_file(format, text) {
            sound(format, &report);
        }
    }
    let failures = Failures::of(text);
    assert_eq!(Failures::of(text), failures);
    assert!(same_failure(text, text) && same_failure_cut_short(text, text));
}

fn sound(format: Format, report: &Report) {
    let failing = report.failing();
    if let Some(tests) = &report.tests {
        for (name, status) in tests {
            assert!(
                !name.is_empty() && !name.contains('\n'),
                "{format:?}: {name:?}"
            );
            if *status == TestStatus::Failed {
                assert!(failing.contains(name), "{format:?}: {name}");
            }
        }
    }
    for failure in report.failures.iter().chain(&report.broken) {
        let name = failure.test.as_deref().unwrap_or_default();
        assert!(!name.contains('\n'), "{format:?}: {name:?}");
        assert!(failure.line != Some(0), "{format:?}: {failure:?}");
        assert!(
            failure.message.len() < 64 << 10,
            "{format:?}: {} bytes",
            failure.message.len()
        );
    }
    let mut twice = report.clone();
    twice.merge(report.clone());
    assert_eq!(&twice, report, "{format:?}: the same run twice");
}
