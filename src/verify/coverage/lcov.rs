//! Tracefiles of lcov: records of lines such as `DA:<line>,<count>`, each between `SF:` and `end_of_record`
//! (geninfo(1), "FILES").

use super::{Gathered, Place, ReportError, ReportFormat, ReportedFile, damaged};

const FORMAT: ReportFormat = ReportFormat::Lcov;

pub(super) fn parse(text: &str) -> Result<Vec<ReportedFile>, ReportError> {
    let mut found = Gathered::new(FORMAT);
    let mut opened: Option<usize> = None;
    for (i, line) in text.lines().enumerate() {
        let (line, at) = (line.trim(), Place::Line(i + 1));
        if let Some(path) = line.strip_prefix("SF:") {
            if opened.is_some() {
                return Err(damaged(FORMAT, at, "a file begins inside another one"));
            }
            if path.is_empty() {
                return Err(damaged(FORMAT, at, "a file has no name"));
            }
            found.file(path, &[]);
            opened = Some(i + 1);
        } else if line == "end_of_record" {
            // geninfo ends records that never began, where it filtered a file out.
            opened = None;
        } else if let Some(data) = line.strip_prefix("DA:") {
            if opened.is_none() {
                return Err(damaged(
                    FORMAT,
                    at,
                    "a line's count stands outside any file",
                ));
            }
            let (line, ran) =
                count(data).ok_or_else(|| damaged(FORMAT, at, "it is no `DA:<line>,<count>`"))?;
            found.line(line, ran, at)?;
        }
    }
    match opened {
        Some(line) => Err(damaged(
            FORMAT,
            Place::Line(line),
            "the report is cut off: this file's record has no end",
        )),
        None => Ok(found.files),
    }
}

/// Line, and whether it ran. gcov is known to write counts below zero for lines that ran too often to count.
fn count(data: &str) -> Option<(u64, bool)> {
    let mut parts = data.split(',');
    let line = parts.next()?.trim().parse().ok()?;
    let count: f64 = parts.next()?.trim().parse().ok()?;
    (!count.is_nan()).then_some((line, count != 0.0))
}
