//! The keys of `[engine.<name>]`: what may stand there, and what it means. Unknown keys are found here, and the
//! documentation is written from here.

use super::nearest;
use toml::{Table, Value};

/// A key, what it may be, and what it means.
pub(super) type KeyDoc = (&'static str, &'static str, &'static str);

/// Of the table itself.
pub(super) const TABLE: &[KeyDoc] = &[
    (
        "preset",
        "name of a preset",
        "the table to start from; a table that has the name of a preset starts from it anyway",
    ),
    (
        "program",
        "name or path",
        "the program; a name is looked for on `PATH`",
    ),
    (
        "version_args",
        "list of texts",
        "asks for the version; `[\"--version\"]` where it is not set",
    ),
    ("install", "text", "how to get it, for error messages"),
    (
        "args",
        "list of arguments",
        "a text is an argument, a list is a group that drops out when a placeholder in it has no value",
    ),
    (
        "resume_args",
        "list of arguments",
        "the same, to go on in the session `{session}`; without it every run begins anew",
    ),
    (
        "extra_args",
        "list of texts",
        "take the place of the argument `{extra}`, without placeholders",
    ),
    (
        "prompt",
        "`stdin`, `arg`, `file`",
        "how it gets its prompt; `stdin` where it is not set",
    ),
    (
        "format",
        "`text`, `json-lines`",
        "what it prints; with `text`, rules see each line as the one field `line`",
    ),
    (
        "answer",
        "`none`, `last-message`, `answer-file`",
        "where the typed ending is, if it can answer by a JSON schema (`{schema_file}`)",
    ),
    ("success", "table", "when a run ended well"),
    (
        "events",
        "list of rules",
        "what its lines mean; every rule that fits a line counts",
    ),
    (
        "failures",
        "list of rules",
        "which failure it was: rules with a `field` decide first, then an HTTP status, then the others in their order",
    ),
    (
        "status_after",
        "list of texts",
        "phrases of error messages behind which an HTTP status stands",
    ),
    ("env", "table of texts", "variables that are set for it"),
    (
        "env_pass",
        "list of names",
        "variables of yours that it needs, its keys among them; a name may end in `*`",
    ),
    (
        "litter",
        "list of names",
        "what it leaves for itself at the top of the worktree, `*` for anything; removed after a run unless it was there before",
    ),
    ("price", "table", "for CLIs that tell tokens and no cost"),
];

pub(super) const SUCCESS: &[KeyDoc] = &[
    ("exit_codes", "list of numbers", "`[0]` where it is not set"),
    (
        "done",
        "true or false",
        "a line whose rule says `done` is needed too",
    ),
];

pub(super) const EVENT: &[KeyDoc] = &[
    (
        "when",
        "table",
        "paths of fields and what they have to be: a text in which `*` stands for anything, a number, true or false",
    ),
    ("session", "path", "the session's id"),
    ("model", "path", "the model that answers"),
    (
        "text",
        "path",
        "what the agent says; the last text is its last words",
    ),
    (
        "delta",
        "true or false",
        "the text goes on where the one of the line before ended",
    ),
    (
        "step",
        "text",
        "what it does now, for people; `{item.command}` is the field of that path",
    ),
    ("usage", "table", "where tokens stand"),
    ("cost", "table", "where dollars stand"),
    ("error", "path", "the message of a failure"),
    (
        "final",
        "true or false",
        "the CLI does not get over this failure by itself",
    ),
    ("status", "path", "an HTTP status beside the message"),
    (
        "until",
        "path",
        "when a limit ends: seconds or milliseconds since 1970, RFC 3339, or seconds from now",
    ),
    (
        "done",
        "true or false",
        "an answer came to its end: earlier failures no longer count",
    ),
];

pub(super) const USAGE: &[KeyDoc] = &[
    (
        "input",
        "list of paths",
        "tokens it read; several paths are added up",
    ),
    (
        "cached",
        "list of paths",
        "those of them that came from a cache",
    ),
    ("output", "list of paths", "tokens it wrote"),
    (
        "input_includes_cached",
        "true or false",
        "`cached` is counted in `input` as well",
    ),
    (
        "counts",
        "`event`, `run`, `session`",
        "what the numbers count: this line's part, all of the run, all of the session",
    ),
];

pub(super) const COST: &[KeyDoc] = &[
    ("usd", "path", "dollars"),
    ("counts", "`event`, `run`, `session`", "as in `usage`"),
];

pub(super) const FAILURE: &[KeyDoc] = &[
    (
        "is",
        "see above",
        "`rate-limited`, `overloaded`, `transient`, `credit`, `auth`, `context-too-long`, `invalid-request`, `refusal`, \
         `budget`, `turn-limit`, `not-started`, `session-lost` or `protocol`",
    ),
    (
        "field",
        "table",
        "as `when`, on the line that told of the failure",
    ),
    ("exit_codes", "list of numbers", "any of these"),
    (
        "message",
        "list of texts",
        "the message is like any of these; `*` stands for anything",
    ),
    (
        "stderr",
        "list of texts",
        "a line of standard error is like any of these: the last resort",
    ),
    (
        "until_after",
        "list of texts",
        "phrases behind which stands when a limit ends, as a time or a duration",
    ),
    ("remedy", "text", "what to do, said with the error"),
];

pub(super) const PRICE: &[KeyDoc] = &[
    ("input", "number", "US dollars for a million tokens"),
    (
        "cached",
        "number",
        "the same for tokens from a cache; as `input` where it is not set",
    ),
    ("output", "number", "the same"),
];

/// Every part of a table with its keys, for the documentation.
pub(super) const PARTS: &[(&str, &[KeyDoc])] = &[
    ("[engine.NAME]", TABLE),
    ("success", SUCCESS),
    ("[[engine.NAME.events]]", EVENT),
    ("usage", USAGE),
    ("cost", COST),
    ("[[engine.NAME.failures]]", FAILURE),
    ("price", PRICE),
];

/// Refuses a key that is not known.
///
/// # Errors
/// A sentence with the key's place and the nearest known one.
pub(super) fn check(table: &Table) -> Result<(), String> {
    known(table, TABLE, "")?;
    within(table, "success", SUCCESS, "")?;
    within(table, "price", PRICE, "")?;
    for (n, rule) in rules(table, "events") {
        let place = format!("events[{n}].");
        known(rule, EVENT, &place)?;
        within(rule, "usage", USAGE, &place)?;
        within(rule, "cost", COST, &place)?;
    }
    for (n, rule) in rules(table, "failures") {
        known(rule, FAILURE, &format!("failures[{n}]."))?;
    }
    Ok(())
}

/// The tables of a list, counted from 1.
fn rules<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = (usize, &'a Table)> {
    let list = table.get(key).and_then(Value::as_array);
    let items = list.into_iter().flatten().enumerate();
    items.filter_map(|(n, item)| Some((n + 1, item.as_table()?)))
}

fn within(table: &Table, key: &str, keys: &[KeyDoc], place: &str) -> Result<(), String> {
    match table.get(key).and_then(Value::as_table) {
        Some(inner) => known(inner, keys, &format!("{place}{key}.")),
        None => Ok(()),
    }
}

fn known(table: &Table, keys: &[KeyDoc], place: &str) -> Result<(), String> {
    let names = keys.iter().map(|(name, ..)| *name);
    for key in table.keys() {
        if names.clone().any(|name| name == key) {
            continue;
        }
        return Err(match nearest(key, names.clone()) {
            Some(near) => format!("`{place}{key}` is not known; did you mean `{near}`?"),
            None => format!(
                "`{place}{key}` is not known; known are {}",
                names.collect::<Vec<_>>().join(", ")
            ),
        });
    }
    Ok(())
}
