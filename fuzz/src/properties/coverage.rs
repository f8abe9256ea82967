//! Reports of coverage in every format: lines have numbers that can be, line ends do not matter, and what was read of
//! any format says the same when it is written as LCOV.

use codelicious::verify::coverage::{ReportFormat, ReportedFile, detect_format, parse};
use std::collections::BTreeMap;
use std::fmt::Write;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    detect_format("coverage/report", text);
    for format in ReportFormat::ALL {
        let files = match parse(format, text) {
            Ok(files) => files,
            Err(why) => {
                assert!(!why.to_string().is_empty());
                continue;
            }
        };
        let numbers = files.iter().flat_map(|f| f.lines.keys());
        assert!(
            numbers.copied().all(|n| (1..=2_000_000).contains(&n)),
            "{format:?}"
        );
        if !text.contains('\r') {
            let crlf = parse(format, &text.replace('\n', "\r\n"));
            assert_eq!(crlf.as_ref(), Ok(&files), "{format:?}: line ends");
        }
        let plain = |f: &&ReportedFile| {
            f.path.trim() == f.path && !f.path.is_empty() && !f.path.contains(char::is_control)
        };
        let files: Vec<&ReportedFile> = files
            .iter()
            .filter(plain)
            .filter(|f| !f.lines.is_empty())
            .collect();
        let again = parse(ReportFormat::Lcov, &lcov(&files)).expect("what was read can be written");
        assert_eq!(
            merged(again.iter()),
            merged(files.into_iter()),
            "{format:?}"
        );
    }
}

fn lcov(files: &[&ReportedFile]) -> String {
    let mut out = String::from("TN:\n");
    for file in files {
        let _ = writeln!(out, "SF:{}", file.path);
        for (line, ran) in &file.lines {
            let _ = writeln!(out, "DA:{line},{}", u8::from(*ran));
        }
        out.push_str("end_of_record\n");
    }
    out
}

/// By path: a report may speak of a file twice.
fn merged<'f>(
    files: impl Iterator<Item = &'f ReportedFile>,
) -> BTreeMap<&'f str, BTreeMap<u32, bool>> {
    let mut all: BTreeMap<&str, BTreeMap<u32, bool>> = BTreeMap::new();
    for file in files {
        let lines = all.entry(&file.path).or_default();
        for (line, ran) in &file.lines {
            *lines.entry(*line).or_default() |= ran;
        }
    }
    all
}
