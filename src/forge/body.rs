//! What a pull request says: title and body from facts, the same for every forge.
//!
//! The body stands between two markers, so that what people write around it survives every update. All
//! foreign text is neutralised and everything is bounded. Redaction is the caller's: whoever sends a
//! body passes it through the redactor first.

use super::safe::{cell_code, code, inline, link, plain};
use crate::model::report::{BodyChunk, BodyInput, BodyLink, EngineSpent, Spent};
use crate::model::{ChunkState, Cost, SkippedBy};
use std::fmt::Write as _;

/// First line of what is ours in a body.
pub const BEGIN: &str = "<!-- codelicious:begin -->";
/// Last line of what is ours in a body.
pub const END: &str = "<!-- codelicious:end -->";

/// Most characters of a rendered body. GitHub takes 65,536; the rest is room for what people add.
pub const MAX_BODY: usize = 60_000;

/// Most characters of a title, well below what any forge takes (GitHub and GitLab: 255).
const MAX_TITLE: usize = 120;
/// Shares of [`MAX_BODY`] for the lists; head and foot stay below what is left.
const TABLE_SHARE: usize = 30_000;
const QUESTIONS_SHARE: usize = 12_000;
const CHECKS_SHARE: usize = 6_000;
const DEPENDENCIES_SHARE: usize = 3_000;
const ENGINES_SHARE: usize = 2_000;

/// Title and body of a part's pull request. The body includes the markers.
pub fn render(input: &BodyInput) -> (String, String) {
    (title(input), body(input))
}

fn title(input: &BodyInput) -> String {
    let name = match plain(&input.title, MAX_TITLE) {
        empty if empty.is_empty() => plain(&input.spec_path, MAX_TITLE),
        name => name,
    };
    if input.part > 1 {
        format!("{name} (part {})", input.part)
    } else {
        name
    }
}

fn body(input: &BodyInput) -> String {
    let mut out = format!("{BEGIN}\n");
    warnings(&mut out, input);
    let spec = match &input.spec_url {
        Some(url) => link(&input.spec_path, Some(url), 200),
        None => code(&input.spec_path, 200),
    };
    line(
        &mut out,
        format_args!(
            "Builds {spec}, part {} of its series: {} of {}.",
            input.part,
            input.held,
            tasks(input.total)
        ),
    );
    if let Some(intro) = input.intro.as_deref().filter(|i| !i.trim().is_empty()) {
        line(
            &mut out,
            format_args!("\n> What it is: {}", inline(intro, 600)),
        );
    }
    series(&mut out, input);
    chunks(&mut out, &input.chunks, input.engines.len());
    questions(&mut out, input);
    checks(&mut out, input);
    foot(&mut out, input);
    out.push_str(END);
    out
}

fn tasks(n: usize) -> String {
    let word = if n == 1 { "task" } else { "tasks" };
    format!("{n} {word}")
}

fn warnings(out: &mut String, input: &BodyInput) {
    if input.unsandboxed {
        line(
            out,
            format_args!(
                "**unsandboxed**: what the engine and the checks ran could reach everything its user could.\n"
            ),
        );
    }
    if input.unverified {
        line(
            out,
            format_args!("**unverified**: at least one commit was not looked at by any check.\n"),
        );
    }
}

fn series(out: &mut String, input: &BodyInput) {
    let target = format_args!(
        "\n- Goes from {} into {}",
        code(&input.head, 200),
        code(&input.base, 200)
    )
    .to_string();
    out.push_str(&target);
    out.push('\n');
    if let Some(previous) = &input.previous {
        line(
            out,
            format_args!(
                "- Builds upon {}: review and merge that first",
                pointed(previous)
            ),
        );
    }
    if let Some(next) = &input.next {
        line(out, format_args!("- Goes on in {}", pointed(next)));
    }
    let deps = input
        .depends_on
        .iter()
        .map(|d| format!("- Depends on {}\n", pointed(d)));
    bounded(out, deps, DEPENDENCIES_SHARE, |n| {
        format!("- … and {n} more\n")
    });
}

/// A link to a web address; anything else (a local file) as text and code.
fn pointed(target: &BodyLink) -> String {
    match target.url.as_deref() {
        Some(url) if url.starts_with("http") => link(&target.text, Some(url), 200),
        Some(path) => format!("{} ({})", inline(&target.text, 200), code(path, 200)),
        None => inline(&target.text, 200),
    }
}

/// With more than one engine at work, the table says who built what.
fn chunks(out: &mut String, chunks: &[BodyChunk], engines: usize) {
    out.push_str("\n### Tasks\n\n");
    if chunks.is_empty() {
        out.push_str("None yet.\n");
        return;
    }
    let (head, rule, blank) = match engines {
        0 | 1 => ("", "", ""),
        _ => (" engine |", "---|", " |"),
    };
    let _ = writeln!(out, "| task | title | state | checks | lines |{head}");
    let _ = writeln!(out, "|---|---|---|---|---:|{rule}");
    let rows = chunks.iter().map(|chunk| {
        let engine = chunk
            .engine
            .as_deref()
            .map_or_else(|| "–".to_owned(), |e| inline(e, 40));
        match engines {
            0 | 1 => row(chunk),
            _ => format!("{} {engine} |\n", row(chunk).trim_end()),
        }
    });
    bounded(out, rows, TABLE_SHARE, |n| {
        format!("| … | {n} more | | | |{blank}\n")
    });
}

fn row(chunk: &BodyChunk) -> String {
    let name = chunk.label.as_deref().unwrap_or(chunk.id.as_str());
    let state = match &chunk.state {
        ChunkState::Committed { commit } => {
            let accepted = chunk.accepted_by.as_deref();
            let accepted = accepted.map(|who| format!(", accepted by {}", inline(who, 60)));
            cell_code(commit.short(), 40) + &accepted.unwrap_or_default()
        }
        ChunkState::Skipped {
            because,
            by: SkippedBy::Person,
        } => format!("skipped: {}", inline(because, 80)),
        other => other.word().replace('_', " "),
    };
    let verdict = chunk
        .verdict
        .as_deref()
        .map_or_else(|| "–".to_owned(), |v| inline(v, 40));
    let lines = if chunk.lines == 0 {
        "–".to_owned()
    } else {
        chunk.lines.to_string()
    };
    format!(
        "| {} | {} | {state} | {verdict} | {lines} |\n",
        cell_code(name, 40),
        inline(&chunk.title, 120)
    )
}

fn questions(out: &mut String, input: &BodyInput) {
    if input.questions.is_empty() {
        return;
    }
    out.push_str("\n### Waiting for a person\n\n");
    let items = input.questions.iter().map(|q| {
        let mut item = format!(
            "- {} {}: {}\n",
            code(q.chunk.as_str(), 40),
            inline(&q.title, 120),
            inline(&q.reason, 1000)
        );
        if let Some(needs) = &q.needs {
            let _ = writeln!(item, "  - Needs: {}", inline(needs, 1000));
        }
        for (i, advice) in q.next.iter().take(3).enumerate() {
            let word = if i == 0 { "To go on:" } else { "Or" };
            let _ = writeln!(item, "  - {word} {}", inline(advice, 400));
        }
        item
    });
    bounded(out, items, QUESTIONS_SHARE, |n| {
        format!("- … and {n} more\n")
    });
}

fn checks(out: &mut String, input: &BodyInput) {
    out.push_str("\n### Verification\n\n");
    if input.checks.is_empty() {
        out.push_str("No check ran.\n");
        return;
    }
    let items = input.checks.iter().map(|c| {
        format!(
            "- {}: {} ({})\n",
            inline(&c.name, 80),
            inline(&c.verdict, 80),
            code(&c.command, 200)
        )
    });
    bounded(out, items, CHECKS_SHARE, |n| format!("- … and {n} more\n"));
}

fn foot(out: &mut String, input: &BodyInput) {
    out.push_str("\n### Run\n\n");
    let alone = input.engines.len() == 1;
    bounded(
        out,
        input.engines.iter().map(|e| engine(e, alone)),
        ENGINES_SHARE,
        |n| format!("- … and {n} more\n"),
    );
    let _ = write!(
        out,
        "- {}\n- To go on: {}\n- To stop: put `status: draft` into the spec's front matter\n",
        spent(&input.spent),
        code(
            &format!("codelicious --spec {}", quoted(&input.spec_path)),
            300
        ),
    );
}

fn engine(e: &EngineSpent, alone: bool) -> String {
    let model = e
        .model
        .as_deref()
        .map_or_else(|| "unknown".to_owned(), |m| inline(m, 80));
    let name = inline(&e.engine, 80);
    let built = match e.built {
        _ if alone => String::new(),
        1 => ": built 1 task".to_owned(),
        n => format!(": built {n} tasks"),
    };
    format!("- Engine {name}, model {model}{built}\n")
}

fn spent(spent: &Spent) -> String {
    let tokens = spent
        .usage
        .total()
        .map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    let silent = match (spent.silent, spent.usage.total()) {
        (1.., Some(_)) => format!(" (without {} that did not say)", spent.silent),
        _ => String::new(),
    };
    let cost = match spent.cost {
        Cost::Unknown => "unknown".to_owned(),
        Cost::Usd(v) => format!("${v:.2}"),
    };
    format!(
        "Attempts {}, tokens {tokens}{silent}, cost {cost}",
        spent.attempts
    )
}

/// A word of a shell command, as a person would paste it.
fn quoted(word: &str) -> String {
    if !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
    {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{text}");
}

/// Adds items while they fit into `share` characters, and says how many did not.
fn bounded(
    out: &mut String,
    items: impl Iterator<Item = String>,
    share: usize,
    more: impl Fn(usize) -> String,
) {
    let mut left = share;
    let mut dropped = 0;
    for item in items {
        let size = item.chars().count();
        if dropped == 0 && size <= left {
            left -= size;
            out.push_str(&item);
        } else {
            dropped += 1;
        }
    }
    if dropped > 0 {
        out.push_str(&more(dropped));
    }
}

/// Puts `body` in the place of what is ours in `existing` and keeps every other byte. Where nothing is
/// ours yet (a person removed it), ours goes below theirs.
///
/// `body` may come with its markers or without; markers inside it are broken, so that it ends where it
/// ends.
pub fn splice(existing: &str, body: &str) -> String {
    let ours = marked(body);
    // Ours is the last start that has an end, up to the first end after it: what we wrote holds no marker
    // inside, and a person may quote one anywhere.
    let block = existing.rmatch_indices(BEGIN).find_map(|(begin, _)| {
        let end = begin + existing[begin..].find(END)? + END.len();
        Some(begin..end)
    });
    match block {
        Some(block) => format!(
            "{}{ours}{}",
            &existing[..block.start],
            &existing[block.end..]
        ),
        None if existing.trim().is_empty() => format!("{ours}\n"),
        None => format!("{}\n\n{ours}\n", existing.trim_end()),
    }
}

/// The body between its markers.
fn marked(body: &str) -> String {
    let body = body.trim();
    let body = body.strip_prefix(BEGIN).unwrap_or(body);
    let body = body.strip_suffix(END).unwrap_or(body);
    let inner = body.replace("<!-- codelicious:", "<\u{200b}!-- codelicious:");
    format!("{BEGIN}\n{}\n{END}", inner.trim())
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
