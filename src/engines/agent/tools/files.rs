//! `read_file`, `write_file`, `edit_file` and `list_dir`.

use super::super::lane::{Lane, PathError};
use super::{Changed, EditFile, ListDir, Output, ReadFile, WriteFile, edit};

/// Bytes of a file that is read or edited at all.
const MAX_READ: u64 = 8 << 20;
/// Bytes that are written to a file.
const MAX_WRITE: usize = 2 << 20;
/// Lines in one answer of `read_file`.
pub(super) const MAX_LINES: usize = 2000;
/// Bytes in one answer.
const MAX_ANSWER: usize = 64 << 10;
/// Bytes of one line in an answer.
const MAX_LINE: usize = 2000;
/// Entries in one answer of `list_dir`.
const MAX_ENTRIES: usize = 500;

pub(super) fn read(lane: &Lane, request: &ReadFile) -> Result<Output, PathError> {
    let bytes = lane.read(&request.path, MAX_READ)?;
    if is_binary(&bytes) {
        return Ok(Output::error(format!(
            "`{}` is a binary file of {} bytes",
            request.path,
            bytes.len()
        )));
    }
    let first = request.offset.unwrap_or(1).max(1);
    let limit = request.limit.unwrap_or(MAX_LINES).clamp(1, MAX_LINES);
    Ok(page(&bytes, first, limit))
}

/// Lines `first..first + limit` of a text, and a note on what is missing.
fn page(bytes: &[u8], first: usize, limit: usize) -> Output {
    let text = String::from_utf8_lossy(bytes);
    let total = text.lines().count();
    if total == 0 {
        return Output::ok("[the file is empty]", Changed::No);
    }
    if first > total {
        return Output::error(format!(
            "the file has {total} lines, there is no line {first}"
        ));
    }
    let mut shown = String::new();
    let mut last = first - 1;
    let mut cut_lines = 0;
    for line in text.split_inclusive('\n').skip(first - 1).take(limit) {
        let piece = &line[..line.floor_char_boundary(MAX_LINE)];
        if shown.len() + piece.len() > MAX_ANSWER {
            break;
        }
        shown.push_str(piece);
        if piece.len() < line.len() {
            cut_lines += 1;
            shown.push_str("…\n");
        }
        last += 1;
    }
    let mut notes = Vec::new();
    if first > 1 || last < total {
        notes.push(format!("lines {first}-{last} of {total}"));
    }
    if last < total {
        notes.push(format!("read on with offset {}", last + 1));
    }
    if cut_lines > 0 {
        notes.push(format!(
            "{cut_lines} long lines are cut at {MAX_LINE} bytes"
        ));
    }
    if std::str::from_utf8(bytes).is_err() {
        notes.push("not UTF-8: some bytes are shown as \u{fffd}".to_owned());
    }
    if !notes.is_empty() {
        if !shown.ends_with('\n') {
            shown.push('\n');
        }
        shown.push_str(&format!("[{}]", notes.join("; ")));
    }
    Output::ok(shown, Changed::No)
}

pub(super) fn write(lane: &Lane, request: &WriteFile) -> Result<Output, PathError> {
    let WriteFile { path, content } = request;
    within(path, content.len())?;
    lane.may_write(path)?;
    let same = lane
        .read(path, MAX_READ)
        .is_ok_and(|old| old == content.as_bytes());
    if same {
        return Ok(Output::ok(
            format!("{path} already has this content"),
            Changed::No,
        ));
    }
    let verb = if lane.write(path, content.as_bytes())? {
        "created"
    } else {
        "replaced"
    };
    let (lines, bytes) = (content.lines().count(), content.len());
    Ok(Output::ok(
        format!("{verb} {path}: {lines} lines, {bytes} bytes"),
        Changed::Yes,
    ))
}

pub(super) fn edit(lane: &Lane, request: &EditFile) -> Result<Output, PathError> {
    lane.may_write(&request.path)?;
    let before = lane.read(&request.path, MAX_READ)?;
    let all = request.all.unwrap_or(false);
    match edit::replace(&before, &request.old, &request.new, all) {
        Ok(edited) => {
            within(&request.path, edited.bytes.len())?;
            lane.write(&request.path, &edited.bytes)?;
            let lines: Vec<String> = edited
                .lines
                .iter()
                .take(20)
                .map(ToString::to_string)
                .collect();
            let (count, word) = match edited.lines.len() {
                1 => (1, "line"),
                n => (n, "lines"),
            };
            let at = lines.join(", ");
            let text = format!("edited {}: replaced {count}, at {word} {at}", request.path);
            Ok(Output::ok(text, Changed::Yes))
        }
        Err(miss) => Ok(Output::error(format!(
            "`{}` was not edited: {miss}",
            request.path
        ))),
    }
}

pub(super) fn list(lane: &Lane, request: &ListDir) -> Result<Output, PathError> {
    let mut names = Vec::new();
    for entry in lane.list(&request.path)? {
        let name = printable(&entry.name.to_string_lossy());
        if name == ".git" {
            continue;
        }
        names.push(match (entry.is_dir, entry.leads_to) {
            (true, _) => format!("{name}/"),
            (false, Some(to)) => format!("{name} -> {}", printable(&to.to_string_lossy())),
            (false, None) => name,
        });
    }
    names.sort_unstable();
    let total = names.len();
    names.truncate(MAX_ENTRIES);
    let mut text = names.join("\n");
    if total > MAX_ENTRIES {
        text.push_str(&format!(
            "\n[{MAX_ENTRIES} of {total} entries; use search or run_command for the rest]"
        ));
    } else if total == 0 {
        text.push_str("[the folder is empty]");
    }
    Ok(Output::ok(text, Changed::No))
}

/// A file name on one line.
fn printable(name: &str) -> String {
    if name.chars().any(char::is_control) {
        name.escape_debug().to_string()
    } else {
        name.to_owned()
    }
}

/// A NUL early on, as git tells binary files.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(8000)].contains(&0)
}

fn within(path: &str, size: usize) -> Result<(), PathError> {
    if size > MAX_WRITE {
        return Err(PathError::TooLarge {
            path: path.to_owned(),
            size: size as u64,
            max: MAX_WRITE as u64,
        });
    }
    Ok(())
}
