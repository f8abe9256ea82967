//! Front matter: what a spec says about itself between leading `---` lines.
//!
//! Only the few keys we know are read, in the plain forms people write them; everything else is left
//! alone. A value that cannot be read is a warning, never an error.

use super::parse::Notes;
use super::text::{Lines, line_end};
use crate::model::spec::SpecStatus;
use crate::model::{FrontMatter, Rule};

/// Reads front matter that begins at `at`. Returns it with the offset where the markdown begins; without
/// front matter that is `at` itself, and a first `---` is a rule like any other.
pub(super) fn read(
    text: &str,
    at: usize,
    lines: &Lines,
    notes: &mut Notes<'_>,
) -> (FrontMatter, usize) {
    let Some((body, end)) = extent(text, at, lines) else {
        return (FrontMatter::default(), at);
    };
    let mut front = FrontMatter::default();
    let mut rows = body.into_iter().peekable();
    while let Some((number, row)) = rows.next() {
        let Some((key, value)) = key_value(row) else {
            continue;
        };
        match key.to_ascii_lowercase().replace('-', "_").as_str() {
            "depends_on" => {
                let mut listed = list(value);
                while let Some((_, item)) =
                    rows.next_if(|(_, r)| value.is_empty() && r.trim_start().starts_with('-'))
                {
                    let item = scalar(item.trim_start().trim_start_matches('-'));
                    listed.get_or_insert_default().push(item.to_owned());
                }
                match listed {
                    Some(names) => {
                        front
                            .depends_on
                            .extend(names.into_iter().filter(|name| !name.is_empty()));
                    }
                    None => notes.warn(
                        Rule::UnknownValue,
                        number,
                        format!("`depends_on: {value}` cannot be read"),
                        "write `depends_on: [first-spec, second-spec]` on one line",
                    ),
                }
            }
            "priority" => match scalar(value).parse() {
                Ok(priority) => front.priority = Some(priority),
                Err(_) => notes.warn(
                    Rule::UnknownValue,
                    number,
                    format!("`priority: {value}` is not a whole number"),
                    "write for example `priority: 10`; lower numbers are built first",
                ),
            },
            "status" => match status(scalar(value)) {
                Some(status) => front.status = status,
                None => notes.warn(
                    Rule::UnknownValue,
                    number,
                    format!("`status: {value}` is not known and counts as `ready`"),
                    "write `status: draft`, `status: ready` or `status: done`",
                ),
            },
            _ => {}
        }
    }
    (front, end)
}

pub(super) type Rows<'a> = Vec<(usize, &'a str)>;

/// The lines between the rules with their numbers, and the offset behind the closing rule. None when
/// there is no closing rule or when what stands between does not begin with a key.
pub(super) fn extent<'a>(text: &'a str, at: usize, lines: &Lines) -> Option<(Rows<'a>, usize)> {
    let bytes = text.as_bytes();
    let mut number = lines.number(at);
    if text[at..line_end(bytes, at)].trim_end() != "---" {
        return None;
    }
    let mut rows = Vec::new();
    loop {
        number += 1;
        let start = lines.start_of(number)?;
        let row = &text[start..line_end(bytes, start)];
        if matches!(row.trim_end(), "---" | "...") {
            let end = lines.start_of(number + 1).unwrap_or(text.len());
            return Some((rows, end));
        }
        let blank = row.trim().is_empty() || row.trim_start().starts_with('#');
        if !blank {
            if rows.is_empty() && key_value(row).is_none() {
                return None;
            }
            rows.push((number, row));
        }
    }
}

/// `key: value` at the left margin; the value without a trailing `# comment`.
fn key_value(row: &str) -> Option<(&str, &str)> {
    let (key, value) = row.split_once(':')?;
    let is_key = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    let spaced = value.is_empty() || value.starts_with([' ', '\t']);
    let value = value.split(" #").next().unwrap_or("").trim();
    (is_key && spaced).then_some((key, value))
}

/// A value without quotes and without a trailing comment.
fn scalar(value: &str) -> &str {
    let value = value.split(" #").next().unwrap_or("").trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value
            .strip_prefix(quote)
            .and_then(|v| v.strip_suffix(quote))
        {
            return inner;
        }
    }
    value
}

/// `[a, b]`, `a` or `a, b`. None when brackets are left open, or nothing is there.
fn list(value: &str) -> Option<Vec<String>> {
    let inner = match (value.strip_prefix('['), value.ends_with(']')) {
        (Some(inner), true) => &inner[..inner.len() - 1],
        (None, false) if !value.is_empty() && !value.contains(['{', '[']) => value,
        _ => return None,
    };
    Some(
        inner
            .split(',')
            .map(|name| scalar(name).to_owned())
            .collect(),
    )
}

fn status(word: &str) -> Option<SpecStatus> {
    let word = word.to_lowercase().replace(['_', ' '], "-");
    match word.as_str() {
        "ready" | "open" | "todo" | "active" | "approved" | "accepted" | "planned"
        | "in-progress" => Some(SpecStatus::Ready),
        "draft" | "proposed" | "paused" | "deferred" | "on-hold" | "rejected" | "abandoned"
        | "cancelled" | "canceled" | "superseded" | "deprecated" | "archived" => {
            Some(SpecStatus::Draft)
        }
        "done" | "complete" | "completed" | "implemented" | "finished" | "shipped" | "closed" => {
            Some(SpecStatus::Done)
        }
        _ => None,
    }
}
