//! Whether a hook of pytest that sees the collected tests leaves all of them to run: it may mark, sort and read them.
//!
//! Not for: what else a `conftest.py` does; its lines are judged in `configuration`.

use crate::verify::audit::language::pattern;
use crate::verify::audit::source::{Function, Source};
use regex::Regex;
use std::sync::LazyLock;

const HOOK: &str = "pytest_collection_modifyitems";

/// The name as code may use it without taking anything out of the list or giving the list away.
static KEEPS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\bfor\s+[\w, ()]+\s+in\s+items\s*:|\bin\s+(?:enumerate|list|reversed|sorted)\(items\)\s*:|\blen\(items\)|(?m:^[ \t]*)items\.(?:sort|reverse)\(|\bshuffle\(items\)|\.items\(\)",
    )
});
static ITEMS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bitems\b"));
/// `items[:] = sorted(items, …)`, up to the parenthesis that opens.
static SORTED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^[ \t]*items\[:\]\s*=\s*sorted(\()\s*(items)\b"));
/// Keeps a test from running as it was written: a mark that skips, another body, another way to look things up.
static STOPS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)skip|xfail|exit|deselect|outcome|filterwarnings|usefixtures|\b(?:[gs]et|del)attr\b|__(?:dict|class|code|call|import|delitem|setattr|builtins)__|\b(?:exec|eval|globals|locals|vars)\b|\bdel\b|\braise\b|\bimport\b|\bmonkeypatch\b|\w\s*\.\s*\w+\s*=[^=]|\]\s*=[^=]",
    )
});
static ADDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\badd_marker\s*\("));
/// A mark that is written out; one in a variable may be any.
static MARK: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\badd_marker\s*\(\s*(?:pytest\.mark\.\w+|["']\w+["']\s*[,)])"#));

/// True for a line that is suspect only as part of a hook, where the hook leaves every test in the run.
pub(super) fn keeps_all(source: &Source<'_>, at: usize, line: &str) -> bool {
    // The line of a decorator or of a body; the offset of a line is that of its indent.
    let at = at + source.text[source.line_range(at)].len()
        - source.text[source.line_range(at)].trim_start().len();
    let hook = source.function_at(at).filter(|f| f.name == HOOK);
    let is_of_hook = line.contains(HOOK) || line.starts_with("items[:]");
    is_of_hook && hook.is_some_and(|hook| is_kept(source, hook))
}

fn is_kept(source: &Source<'_>, hook: &Function) -> bool {
    let (code, bare) = (
        &source.code()[hook.body.clone()],
        &source.bare()[hook.body.clone()],
    );
    let sorts: Vec<_> = SORTED
        .captures_iter(code)
        .filter_map(|found| {
            let (all, open) = (found.get(0)?, found.get(1)?);
            let close = source.mate(hook.body.start + open.start())? - hook.body.start;
            let rest = code.get(close + 1..)?.lines().next().unwrap_or_default();
            rest.trim().is_empty().then(|| all.range())
        })
        .collect();
    let kept: Vec<_> = KEEPS.find_iter(code).map(|m| m.range()).collect();
    let is_read = ITEMS.find_iter(code).all(|m| {
        kept.iter()
            .chain(&sorts)
            .any(|range| range.start <= m.start() && m.end() <= range.end)
    });
    let stops = STOPS
        .find_iter(bare)
        .any(|m| !sorts.iter().any(|range| range.contains(&m.start())));
    let marks = ADDS.find_iter(bare).count() == MARK.find_iter(bare).count();
    is_read && !stops && marks
}
