//! What `coverage json` of coverage.py writes: per file the numbers of lines that ran and that did not
//! (<https://coverage.readthedocs.io/en/latest/commands/cmd_json.html>).

use super::{Gathered, Place, ReportError, ReportFormat, ReportedFile, json_error};
use serde::Deserialize;
use std::collections::BTreeMap;

const FORMAT: ReportFormat = ReportFormat::CoveragePy;

#[derive(Deserialize)]
struct Report {
    files: BTreeMap<String, File>,
}

#[derive(Deserialize)]
struct File {
    executed_lines: Vec<u64>,
    missing_lines: Vec<u64>,
}

pub(super) fn parse(text: &str) -> Result<Vec<ReportedFile>, ReportError> {
    let report: Report = serde_json::from_str(text).map_err(|e| json_error(FORMAT, &e))?;
    let mut found = Gathered::new(FORMAT);
    for (path, file) in report.files {
        found.file(&path, &[]);
        for (lines, ran) in [(file.missing_lines, false), (file.executed_lines, true)] {
            for line in lines {
                found.line(line, ran, Place::Whole)?;
            }
        }
    }
    Ok(found.files)
}
