//! What stands in each place of a body.

use crate::markdown::{block, cell_code, code, inline, link};
use crate::model::policy::WallState;
use crate::model::report::{
    BodyChunk, BodyInput, BodyLink, BodyNeighbour, EngineSpent, IssueRef, Spent,
};
use crate::model::{ChunkState, Cost, LineCount, PrState, SkippedBy};
use std::fmt::Write as _;

/// Shares of the longest body, in characters. Together they stay below it.
const WARNINGS_SHARE: usize = 3_000;
const WHAT_SHARE: usize = 5_000;
const DEPENDENCIES_SHARE: usize = 2_000;
const TABLE_SHARE: usize = 18_000;
const QUESTIONS_SHARE: usize = 9_000;
const ENGINES_SHARE: usize = 2_000;
const COMMANDS_SHARE: usize = 3_000;

/// Names that one warning lists.
const MAX_NAMES: usize = 5;

pub(super) fn warnings(out: &mut String, input: &BodyInput) {
    let mut items = Vec::new();
    let mut say = |word: &str, text: String| items.push(format!("**{word}**: {text}\n\n"));
    let reached = match input.sandbox {
        WallState::Up => None,
        WallState::NetworkOpen => Some("some of what was run could reach every host."),
        WallState::Off => {
            Some("what the engine and the checks ran could reach everything its user could.")
        }
    };
    if let Some(reached) = reached {
        say(input.sandbox.word(), reached.to_owned());
    }
    if !input.unverified.is_empty() {
        say(
            "unverified",
            format!(
                "no check looked at {}, or not every one that should have.",
                names(&input.unverified)
            ),
        );
    }
    if !input.unknown.is_empty() {
        say(
            "unknown",
            format!(
                "how {} was verified is not known here; the run that built it knew.",
                names(&input.unknown)
            ),
        );
    }
    if !input.failed_before.is_empty() {
        say(
            "failing",
            format!(
                "{} failed before this work and still does.",
                names(&input.failed_before)
            ),
        );
    }
    for large in &input.oversized {
        say(
            "large",
            format!(
                "{} is one task alone: {} changed lines, above the bound of {}.",
                code(&large.name, 40),
                large.lines,
                large.most
            ),
        );
    }
    bounded(out, items.into_iter(), WARNINGS_SHARE, |n| {
        format!("… and {n} more warnings.\n\n")
    });
}

pub(super) fn names(all: &[String]) -> String {
    let mut shown: Vec<String> = all.iter().take(MAX_NAMES).map(|n| code(n, 40)).collect();
    if all.len() > MAX_NAMES {
        shown.push(format!("{} more", all.len() - MAX_NAMES));
    }
    shown.join(", ")
}

pub(super) fn what(out: &mut String, input: &BodyInput) {
    let spec = match &input.spec_url {
        Some(url) => link(&input.spec_path, Some(url), 200),
        None => code(&input.spec_path, 200),
    };
    let word = if input.total == 1 { "task" } else { "tasks" };
    let _ = writeln!(
        out,
        "Builds {} of {} {word} of {spec}, part {} of its series.",
        input.held, input.total, input.part
    );
    let paragraphs = input.intro.iter().map(|p| inline(p, 600));
    let paragraphs: Vec<String> = paragraphs.filter(|p| !p.is_empty()).collect();
    let quoted = paragraphs.into_iter().enumerate().map(|(i, p)| match i {
        0 => format!("\n> {p}\n"),
        _ => format!(">\n> {p}\n"),
    });
    bounded(out, quoted, WHAT_SHARE, |_| ">\n> …\n".to_owned());
}

pub(super) fn series(out: &mut String, input: &BodyInput) {
    let _ = writeln!(
        out,
        "- Goes from {} into {}",
        code(&input.head, 200),
        code(&input.base, 200)
    );
    if let Some(previous) = &input.previous {
        let _ = match previous.state {
            PrState::Draft | PrState::Ready => writeln!(
                out,
                "- Builds upon {}: review and merge that first",
                named(previous)
            ),
            PrState::Merged => writeln!(out, "- Follows {}, which is merged", named(previous)),
            PrState::Closed => writeln!(out, "- Follows {}, which is closed", named(previous)),
        };
    }
    if let Some(next) = &input.next {
        let state = match next.state {
            PrState::Draft | PrState::Ready => "",
            PrState::Merged => ", which is merged",
            PrState::Closed => ", which is closed",
        };
        let _ = writeln!(out, "- Goes on in {}{state}", named(next));
    }
    let deps = input.depends_on.iter();
    let deps = deps.map(|d| format!("- Depends on {}\n", pointed(d)));
    bounded(out, deps, DEPENDENCIES_SHARE, |n| {
        format!("- … and {n} more\n")
    });
}

/// `part 1, #12`, the number a link to its page.
fn named(pr: &BodyNeighbour) -> String {
    let what = match pr.number {
        Some(number) => BodyLink {
            text: format!("#{number}"),
            url: pr.url.clone(),
        },
        None => return format!("part {}, {}", pr.part, code(&pr.branch, 200)),
    };
    format!("part {}, {}", pr.part, pointed(&what))
}

/// A link to a web address; anything else (a local file) as text and code.
fn pointed(target: &BodyLink) -> String {
    match target.url.as_deref() {
        Some(url) if url.starts_with("http") => link(&target.text, Some(url), 200),
        Some(path) => format!("{} ({})", inline(&target.text, 200), code(path, 200)),
        None => inline(&target.text, 200),
    }
}

/// The only references that stand as they are: a person wrote them into the spec to this end.
pub(super) fn closes(out: &mut String, input: &BodyInput) {
    for issue in input.closes.iter().filter(|i| is_plain(i)).take(20) {
        let _ = writeln!(out, "Closes {issue}");
    }
}

/// True where a reference can be read as nothing else.
fn is_plain(issue: &IssueRef) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let repository = issue.repository.as_deref();
    repository.is_none_or(|r| r.len() <= 200 && !r.is_empty() && r.chars().all(is_word))
}

/// Which columns a table has beside those that every one has.
struct Columns {
    /// With more than one engine at work, the table says who built what.
    engine: bool,
    tests: bool,
}

pub(super) fn tasks(out: &mut String, input: &BodyInput) {
    out.push_str("### Tasks\n\n");
    if input.chunks.is_empty() {
        out.push_str("None yet.\n");
        return;
    }
    let columns = Columns {
        engine: input.engines.len() > 1,
        tests: input.chunks.iter().any(|c| c.tests.is_some()),
    };
    let (tests, tests_rule) = if columns.tests {
        (" tests |", "---:|")
    } else {
        ("", "")
    };
    let (engine, engine_rule) = if columns.engine {
        (" engine |", "---|")
    } else {
        ("", "")
    };
    let _ = writeln!(
        out,
        "| task | title | commit | verdict |{tests} lines |{engine}"
    );
    let _ = writeln!(out, "|---|---|---|---|{tests_rule}---:|{engine_rule}");
    let rows = input.chunks.iter().map(|c| row(c, &columns));
    bounded(out, rows, TABLE_SHARE, |n| {
        let blank = |is_there: bool| if is_there { " |" } else { "" };
        format!(
            "| … | {n} more | | |{} |{}\n",
            blank(columns.tests),
            blank(columns.engine)
        )
    });
    let uncounted = input.chunks.iter().filter_map(|c| c.lines);
    let uncounted = uncounted.fold(0, |sum: u32, l| sum.saturating_add(l.uncounted));
    if uncounted > 0 {
        let _ = writeln!(
            out,
            "\nNot counted: {uncounted} lines in lock files and generated files."
        );
    }
}

fn row(chunk: &BodyChunk, columns: &Columns) -> String {
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
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let verdict = or_dash(chunk.verdict.as_deref().map(|v| inline(v, 60)));
    let lines = or_dash(
        chunk
            .lines
            .map(|LineCount { added, removed, .. }| format!("+{added} −{removed}")),
    );
    let mut row = format!(
        "| {} | {} | {state} | {verdict} |",
        cell_code(name, 40),
        inline(&chunk.title, 120)
    );
    if columns.tests {
        let _ = write!(row, " {} |", or_dash(chunk.tests.map(|n| n.to_string())));
    }
    let _ = write!(row, " {lines} |");
    if columns.engine {
        let engine = chunk.engine.as_deref().map(|e| inline(e, 40));
        let _ = write!(row, " {} |", or_dash(engine));
    }
    row + "\n"
}

pub(super) fn questions(out: &mut String, input: &BodyInput) {
    if input.questions.is_empty() {
        return;
    }
    out.push_str("### Waiting for a person\n\n");
    let items = input.questions.iter().map(|q| {
        let mut item = format!(
            "- {} {}: {}\n",
            code(q.chunk.as_str(), 40),
            inline(&q.title, 120),
            inline(&q.reason, 800)
        );
        if let Some(needs) = &q.needs {
            let _ = writeln!(item, "  - Needs: {}", inline(needs, 800));
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

pub(super) fn run(out: &mut String, input: &BodyInput) {
    out.push_str("### Run\n\n");
    let alone = input.engines.len() == 1;
    bounded(
        out,
        input.engines.iter().map(|e| engine(e, alone)),
        ENGINES_SHARE,
        |n| format!("- … and {n} more\n"),
    );
    let took = input.millis.filter(|_| input.spent.attempts > 0);
    let took = took.map(|ms| format!(", time {}", duration(ms)));
    let stop = match input.spec_path.to_ascii_lowercase().ends_with(".json") {
        true => "close this pull request without merging it",
        false => "put `status: draft` into the spec's front matter",
    };
    let _ = write!(
        out,
        "- {}{}\n- To go on: {}\n- To stop: {stop}\n",
        spent(&input.spent),
        took.unwrap_or_default(),
        code(
            &format!("codelicious --spec {}", quoted(&input.spec_path)),
            300
        ),
    );
}

/// `42 s`, `3 min 5 s`, `2 h 10 min`.
fn duration(millis: u64) -> String {
    let seconds = millis.div_ceil(1000);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
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
    // A ledger that was rebuilt knows of none.
    if spent.attempts == 0 {
        return "Attempts, tokens and cost unknown".to_owned();
    }
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

/// Commands that bring the work to a reviewer's machine and run its checks.
pub(super) fn reproduce(out: &mut String, input: &BodyInput) {
    out.push_str("### By hand\n\n");
    let head = quoted(&input.head);
    let fetch = match &input.remote {
        Some(remote) => format!(
            "git fetch {} {head} && git switch --detach FETCH_HEAD",
            quoted(remote)
        ),
        None => format!("git switch --detach {head}"),
    };
    let checks = input.checks.iter().map(|c| match c.dir.as_str() {
        "" | "." => c.command.clone(),
        dir => format!("(cd {} && {})", quoted(dir), c.command),
    });
    let mut lines: Vec<String> = Vec::new();
    let mut left = COMMANDS_SHARE;
    for command in std::iter::once(fetch).chain(checks) {
        let size = command.chars().count() + 1;
        // A command that was cut short would do something else.
        if size > left {
            lines.push("# … and more".to_owned());
            break;
        }
        left -= size;
        if !lines.contains(&command) {
            lines.push(command);
        }
    }
    out.push_str(&block("sh", &lines));
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

/// Adds items while they fit into `share` characters, and says how many did not.
pub(super) fn bounded(
    out: &mut String,
    mut items: impl ExactSizeIterator<Item = String>,
    share: usize,
    more: impl Fn(usize) -> String,
) {
    let mut left = share;
    while let Some(item) = items.next() {
        let size = item.chars().count();
        if size > left {
            // The others are counted and not rendered.
            out.push_str(&more(items.len() + 1));
            return;
        }
        left -= size;
        out.push_str(&item);
    }
}
