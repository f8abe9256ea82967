//! What `llvm-cov export` writes as JSON: per file segments `[line, column, count, has count, is entry, is gap]`,
//! each the beginning of a stretch that goes on to the next one (LLVM's `CoverageExporterJson.cpp`).

use super::{Gathered, Place, ReportError, ReportFormat, ReportedFile, damaged, json_error};
use serde::Deserialize;
use serde::de::IgnoredAny;

const FORMAT: ReportFormat = ReportFormat::Llvm;

#[derive(Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    /// Left out by `--summary-only`.
    segments: Option<Vec<Segment>>,
}

/// The last field came with a later version of the format. Lines need no column.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Segment {
    Six((u64, IgnoredAny, u64, bool, bool, bool)),
    Five((u64, IgnoredAny, u64, bool, bool)),
}

#[derive(Clone, Copy)]
struct Stretch {
    line: u64,
    count: u64,
    has_count: bool,
    is_entry: bool,
    is_gap: bool,
}

impl From<Segment> for Stretch {
    fn from(segment: Segment) -> Self {
        let (line, count, has_count, is_entry, is_gap) = match segment {
            Segment::Six((line, _, count, has_count, is_entry, is_gap)) => {
                (line, count, has_count, is_entry, is_gap)
            }
            Segment::Five((line, _, count, has_count, is_entry)) => {
                (line, count, has_count, is_entry, false)
            }
        };
        Self {
            line,
            count,
            has_count,
            is_entry,
            is_gap,
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Vec<ReportedFile>, ReportError> {
    let export: Export = serde_json::from_str(text).map_err(|e| json_error(FORMAT, &e))?;
    let mut found = Gathered::new(FORMAT);
    for file in export.data.into_iter().flat_map(|data| data.files) {
        let Some(segments) = file.segments else {
            return Err(ReportError::NoLines {
                remedy: "export without --summary-only",
            });
        };
        found.file(&file.filename, &[]);
        lines(&segments, &mut found)?;
    }
    Ok(found.files)
}

/// Says of each line whether it ran, by llvm-cov's own rule: a line is code where a counted stretch reaches into it
/// or begins in it, unless it begins with a stretch that is skipped; it ran as often as the most often run of them.
fn lines(segments: &[Segment], found: &mut Gathered) -> Result<(), ReportError> {
    let all: Vec<Stretch> = segments.iter().copied().map(Stretch::from).collect();
    let mut reaching: Option<Stretch> = None;
    for here in all.chunk_by(|a, b| a.line == b.line) {
        let (first, last) = (here[0], here[here.len() - 1]);
        if let Some(before) = reaching {
            if first.line < before.line {
                let what = format!("segments of line {} come after later ones", first.line);
                return Err(damaged(FORMAT, Place::Whole, what));
            }
            if before.has_count {
                for line in before.line + 1..first.line {
                    found.line(line, before.count > 0, Place::Whole)?;
                }
            }
        }
        let is_start = |s: &&Stretch| s.has_count && s.is_entry && !s.is_gap;
        let is_skipped = !first.has_count && first.is_entry;
        let reaches = reaching.filter(|before| before.has_count);
        let begins = here.iter().any(|s| s.has_count && s.is_entry);
        if begins || (reaches.is_some() && !is_skipped) {
            let most = here.iter().filter(is_start).map(|s| s.count).max();
            let count = most.unwrap_or(0).max(reaches.map_or(0, |r| r.count));
            found.line(first.line, count > 0, Place::Whole)?;
        }
        reaching = Some(last);
    }
    Ok(())
}
