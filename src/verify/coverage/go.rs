//! Go's cover profiles: `mode: …`, then `file:line.column,line.column statements count` per block
//! (`go tool cover`, package `golang.org/x/tools/cover`). Files are named by their package's import path.

use super::{Gathered, Place, ReportError, ReportFormat, ReportedFile, damaged};
use std::collections::BTreeMap;

const FORMAT: ReportFormat = ReportFormat::Go;

struct Block {
    from: u64,
    to: u64,
    ran: bool,
    line: usize,
}

pub(super) fn parse(text: &str) -> Result<Vec<ReportedFile>, ReportError> {
    let mut blocks: BTreeMap<&str, Vec<Block>> = BTreeMap::new();
    let mut has_mode = false;
    for (i, line) in text.lines().enumerate() {
        let (line, at) = (line.trim(), Place::Line(i + 1));
        if line.starts_with("mode: ") {
            // Profiles that were put together repeat it.
            has_mode = true;
        } else if !line.is_empty() {
            if !has_mode {
                return Err(damaged(
                    FORMAT,
                    at,
                    "the profile does not begin with `mode:`",
                ));
            }
            let (file, block) = block(line, i + 1).ok_or_else(|| {
                damaged(
                    FORMAT,
                    at,
                    "it is no `file:line.column,line.column statements count`",
                )
            })?;
            blocks.entry(file).or_default().extend(block);
        }
    }
    let mut found = Gathered::new(FORMAT);
    for (file, blocks) in blocks {
        found.file(file, &[]);
        for block in blocks {
            for line in block.from..=block.to {
                found.line(line, block.ran, Place::Line(block.line))?;
            }
        }
    }
    Ok(found.files)
}

/// File and block of a line; a block without statements is no code.
fn block(text: &str, line: usize) -> Option<(&str, Option<Block>)> {
    let (rest, count) = text.rsplit_once(' ')?;
    let (rest, statements) = rest.rsplit_once(' ')?;
    let (file, span) = rest.rsplit_once(':')?;
    let (from, to) = span.split_once(',')?;
    let line_of = |place: &str| -> Option<u64> {
        let (line, column) = place.split_once('.')?;
        column.parse::<u64>().ok()?;
        line.parse().ok()
    };
    let (from, to) = (line_of(from)?, line_of(to)?);
    let (statements, count): (u64, u64) = (statements.parse().ok()?, count.parse().ok()?);
    if file.is_empty() || to < from {
        return None;
    }
    let block = Block {
        from,
        to,
        ran: count > 0,
        line,
    };
    Some((file, (statements > 0).then_some(block)))
}
