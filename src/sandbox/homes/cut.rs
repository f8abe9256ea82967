//! Takes out of settings what would start programs for an agent, or let it do more than it is told. Pure.
//!
//! Read are JSON, with comments and commas at the end of lists as well; TOML; YAML as it is written by hand, line by line;
//! and lines of `NAME=value`. A file that is none of what its name says cannot be cut, and its caller leaves it out.
//!
//! A pointer names keys from the top down, `*` any of them: `/permissions/allow`. With `!` at its end what refuses or asks
//! stays of it. [`COMMANDS`] is any value that holds a command for a shell.

use serde_json::Value;
use std::collections::BTreeSet;

/// Stands for values with `$(…)` in them.
pub(super) const COMMANDS: &str = "$(";

/// It is not what its name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// What is left, and the names of what is gone; no names, no change.
pub(super) type Cut = (Vec<u8>, Vec<String>);

/// Takes what the pointers name out of a file of this name.
pub(super) fn cut(path: &str, bytes: &[u8], pointers: &[&str]) -> Result<Cut, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut gone = BTreeSet::new();
    let left = match name.rsplit('.').next() {
        Some("toml") => of_toml(text, pointers, &mut gone)?,
        Some("yaml" | "yml") => of_yaml(text, pointers, &mut gone)?,
        Some("env") => of_variables(text, pointers, &mut gone)?,
        _ => of_json(text, pointers, &mut gone)?,
    };
    match gone.is_empty() {
        true => Ok((bytes.to_vec(), Vec::new())),
        false => Ok((left.into_bytes(), gone.into_iter().collect())),
    }
}

/// JSON as agents read their settings: with comments, and with a comma behind the last of a list.
pub(super) fn json(text: &str) -> Option<Value> {
    let plain = || serde_json::from_str(&without_comments(text)).ok();
    serde_json::from_str(text).ok().or_else(plain)
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim_start_matches('\u{feff}').chars().peekable();
    // The last character that counts, and where it stands; of a string its closing quote.
    let mut last = None;
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('"', _) => {
                out.push(c);
                while let Some(c) = rest.next() {
                    out.push(c);
                    match c {
                        '\\' => out.extend(rest.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                last = None;
            }
            ('/', Some('/')) => {
                rest.by_ref().find(|c| *c == '\n');
                out.push('\n');
            }
            ('/', Some('*')) => {
                rest.next();
                let mut before = ' ';
                rest.by_ref()
                    .find(|c| std::mem::replace(&mut before, *c) == '*' && *c == '/');
                out.push(' ');
            }
            _ => {
                if let (']' | '}', Some((',', at))) = (c, last) {
                    out.replace_range(at..=at, " ");
                }
                if !c.is_whitespace() {
                    last = Some((c, out.len()));
                }
                out.push(c);
            }
        }
    }
    out
}

fn steps(pointer: &str) -> Vec<&str> {
    pointer.split('/').skip(1).collect()
}

fn of_json(
    text: &str,
    pointers: &[&str],
    gone: &mut BTreeSet<String>,
) -> Result<String, Unreadable> {
    let mut value = json(text).ok_or(Unreadable)?;
    for pointer in pointers {
        let is_cut = match *pointer {
            COMMANDS => without_commands(&mut value),
            pointer => take(&mut value, &steps(pointer)),
        };
        if is_cut {
            gone.insert(told(pointer));
        }
    }
    serde_json::to_string_pretty(&value).map_err(|_| Unreadable)
}

/// What a pointer names, for people.
fn told(pointer: &str) -> String {
    match pointer {
        COMMANDS => "commands in values".to_owned(),
        pointer => pointer.trim_matches(['/', '!']).replace('/', "."),
    }
}

/// True where something was taken away.
fn take(value: &mut Value, steps: &[&str]) -> bool {
    let (Some((step, more)), Value::Object(map)) = (steps.split_first(), value) else {
        return false;
    };
    let (name, only_refusals) = match step.strip_suffix('!') {
        Some(name) => (name, true),
        None => (*step, false),
    };
    let mut is_cut = false;
    map.retain(|key, value| {
        if name != "*" && name != key {
            return true;
        }
        if !more.is_empty() {
            is_cut |= take(value, more);
            return true;
        }
        if only_refusals {
            let before = value.clone();
            let stays = refuses(value);
            is_cut |= !stays || *value != before;
            return stays;
        }
        // What is switched off or empty does nothing, and its absence might.
        let stays = is_nothing(value);
        is_cut |= !stays;
        stays
    });
    is_cut
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// Leaves of permissions what refuses or asks; false where that is nothing.
fn refuses(value: &mut Value) -> bool {
    let is_refusal = |word: &str| matches!(word, "deny" | "reject" | "ask");
    match value {
        Value::String(word) => is_refusal(word),
        Value::Object(map) => match map.get("action") {
            Some(action) => action.as_str().is_some_and(is_refusal),
            None => {
                map.retain(|_, value| refuses(value));
                !map.is_empty()
            }
        },
        Value::Array(items) => {
            items.retain_mut(refuses);
            !items.is_empty()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn without_commands(value: &mut Value) -> bool {
    let holds = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.contains(COMMANDS) || text.contains('`')
    };
    match value {
        Value::Object(map) => {
            let before = map.len();
            map.retain(|_, value| !holds(value));
            let inner = map
                .values_mut()
                .fold(false, |cut, v| without_commands(v) | cut);
            map.len() < before || inner
        }
        Value::Array(items) => {
            let before = items.len();
            items.retain(|value| !holds(value));
            let inner = items
                .iter_mut()
                .fold(false, |cut, v| without_commands(v) | cut);
            items.len() < before || inner
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn of_toml(
    text: &str,
    pointers: &[&str],
    gone: &mut BTreeSet<String>,
) -> Result<String, Unreadable> {
    fn take(table: &mut toml::Table, steps: &[&str]) -> bool {
        let Some((step, more)) = steps.split_first() else {
            return false;
        };
        let mut is_cut = false;
        table.retain(|key, value| {
            if *step != "*" && *step != key {
                return true;
            }
            match (more.is_empty(), value) {
                (true, _) => {
                    is_cut = true;
                    false
                }
                (false, toml::Value::Table(inner)) => {
                    is_cut |= take(inner, more);
                    true
                }
                (false, _) => true,
            }
        });
        is_cut
    }
    let mut table: toml::Table = text.parse().map_err(|_| Unreadable)?;
    for pointer in pointers {
        if take(&mut table, &steps(pointer)) {
            gone.insert(told(pointer));
        }
    }
    Ok(table.to_string())
}

/// Lines of `NAME=value`, as programs read them into their environment.
fn of_variables(
    text: &str,
    pointers: &[&str],
    gone: &mut BTreeSet<String>,
) -> Result<String, Unreadable> {
    let mut out = String::new();
    for line in text.lines() {
        let plain = line.trim().trim_start_matches("export ").trim_start();
        let (name, value) = plain.split_once('=').unwrap_or((plain, ""));
        let pointer = pointers.iter().find(|p| p.trim_matches('/') == name.trim());
        let Some(pointer) = pointer else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        // One that goes on in the next line would leave a piece of itself.
        let value = value.trim();
        let quote = value
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\'' | '`'));
        if quote.is_some_and(|quote| value.matches(quote).count() % 2 == 1) {
            return Err(Unreadable);
        }
        gone.insert(told(pointer));
    }
    Ok(out)
}

/// What a line of YAML is that stands for itself.
enum Line<'t> {
    /// A key of a mapping, and what stands behind its colon.
    Key(&'t str, &'t str),
    Item,
    Other,
}

fn line_of(plain: &str) -> Line<'_> {
    if plain == "-" || plain.starts_with("- ") {
        return Line::Item;
    }
    let Some((key, value)) = plain
        .split_once(": ")
        .or_else(|| Some((plain.strip_suffix(':')?, "")))
    else {
        return Line::Other;
    };
    let key = key.trim_matches(['"', '\'']);
    let is_plain = |c: char| c.is_alphanumeric() || "_-./@ ".contains(c);
    match !key.is_empty() && key.chars().all(is_plain) {
        true => Line::Key(key, value.trim()),
        false => Line::Other,
    }
}

/// Mappings that are written a key a line are understood; what could hide a key that is looked for is not.
fn of_yaml(
    text: &str,
    pointers: &[&str],
    gone: &mut BTreeSet<String>,
) -> Result<String, Unreadable> {
    let even = |key: &str| key.replace('_', "-").to_ascii_lowercase();
    let wanted: Vec<Vec<String>> = pointers
        .iter()
        .map(|pointer| steps(pointer).iter().map(|step| even(step)).collect())
        .collect();
    let fits = |wanted: &[String], path: &[(usize, String)]| {
        let mut both = wanted.iter().zip(path);
        both.all(|(wanted, (_, key))| wanted == "*" || wanted == key)
    };
    let mut out = String::new();
    // The keys above, each with how far in it stands.
    let mut path: Vec<(usize, String)> = Vec::new();
    // How far in stands what is being left out, and a text of several lines that is no mapping.
    let (mut left_out, mut scalar): (Option<usize>, Option<usize>) = (None, None);
    for line in text.lines() {
        let plain = line.trim();
        let depth = line.len() - line.trim_start_matches(' ').len();
        let is_blank = plain.is_empty() || plain.starts_with('#');
        let is_below = |at: usize| depth > at || (depth == at && plain.starts_with('-'));
        if left_out.is_some_and(|at| is_blank || is_below(at)) {
            continue;
        }
        left_out = None;
        let is_text = scalar.is_some_and(|at| plain.is_empty() || depth > at);
        if !is_text && !is_blank {
            scalar = None;
            if line[depth..].starts_with('\t') || plain.starts_with("<<") || plain.starts_with("? ")
            {
                return Err(Unreadable);
            }
            let is_item = matches!(line_of(plain), Line::Item);
            path.retain(|(at, key)| *at < depth || (*at == depth && is_item && key != "-"));
            match line_of(plain) {
                Line::Item => path.push((depth, "-".to_owned())),
                Line::Key(key, value) => {
                    path.push((depth, even(key)));
                    let at = |w: &&Vec<String>| fits(w, &path);
                    let found = wanted.iter().position(|w| w.len() == path.len() && at(&w));
                    if let Some(pointer) = found.and_then(|n| pointers.get(n)) {
                        gone.insert(told(pointer));
                        left_out = Some(depth);
                        path.pop();
                        continue;
                    }
                    let is_above = wanted.iter().any(|w| w.len() > path.len() && at(&w));
                    if is_above && value.starts_with(['{', '*']) {
                        return Err(Unreadable);
                    }
                    if value.starts_with(['|', '>']) {
                        scalar = Some(depth);
                    }
                }
                // A value that goes on stands further in than its key.
                Line::Other if path.is_empty() && plain != "---" => return Err(Unreadable),
                Line::Other => {}
            }
        }
        out.push_str(line);
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
#[path = "cut_tests.rs"]
mod tests;
