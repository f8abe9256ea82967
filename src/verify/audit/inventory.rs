//! The tests that a source declares, and what looks like one and is none.

use super::language::Shape;
use super::source::Source;
use std::collections::BTreeSet;
use std::ops::Range;

/// Tests of one file beyond these are not looked at.
const MOST_TESTS: usize = 5_000;

/// A test, as its source declares it.
#[derive(Clone, Debug)]
pub(super) struct Test {
    /// As its runner names it, without what it stands in.
    pub name: String,
    /// Class, or groups; empty where there is none.
    pub group: String,
    /// With what stands before it.
    pub whole: Range<usize>,
    pub marks: Range<usize>,
    pub body: Range<usize>,
    /// What keeps it from running, as written.
    pub skip: Option<String>,
}

/// All tests of a source, and the other functions of it.
pub(super) struct Inventory {
    pub tests: Vec<Test>,
    /// Functions that the runner does not take for tests: index into the source's functions.
    pub others: Vec<usize>,
    /// What keeps the whole file from running, as written, and where.
    pub file_skip: Option<(String, usize)>,
}

pub(super) fn inventory(source: &Source<'_>) -> Inventory {
    let language = source.language;
    let mut found = Inventory {
        tests: Vec::new(),
        others: Vec::new(),
        file_skip: None,
    };
    if !language.has_tests() {
        return found;
    }
    let text = if language.is("go") {
        source.text
    } else {
        source.bare()
    };
    let skip = language.skip_file.find(text);
    found.file_skip = skip.map(|m| (m.as_str().trim().to_owned(), m.start()));
    if language.row.tests.call != super::language::NEVER {
        calls(source, &mut found);
        found.others = (0..source.functions.len()).collect();
        return found;
    }
    let collected = language.collected.is_match(source.path);
    let classes = Classes::of(source);
    for (index, function) in source.functions.iter().enumerate() {
        let marks = &source.bare()[function.marks.clone()];
        let class = classes.around(function.whole.start);
        let is_test = match language.row.shape {
            Shape::Rust | Shape::Annotated => language.attribute.is_match(marks),
            Shape::Indented => {
                language.name.is_match(&function.name)
                    && class.is_none_or(|c| c.collected)
                    && !is_nested(source, index)
            }
            Shape::Braces => language.name.is_match(&function.name),
        };
        let is_test = is_test && (collected || class.is_some_and(|c| c.is_case));
        if !is_test || found.tests.len() >= MOST_TESTS {
            found.others.push(index);
            continue;
        }
        let skip = mark_skip(source, marks)
            .or_else(|| class.and_then(|c| c.skip.clone()))
            .or_else(|| inside_skip(source, &function.body));
        found.tests.push(Test {
            name: function.name.clone(),
            group: class.map_or_else(String::new, |c| c.name.clone()),
            whole: function.whole.clone(),
            marks: function.marks.clone(),
            body: function.body.clone(),
            skip,
        });
    }
    found
}

/// What before a test keeps it from running. In Rust a plain `cfg(test)` does not.
fn mark_skip(source: &Source<'_>, marks: &str) -> Option<String> {
    let language = source.language;
    for found in language.skip_mark.find_iter(marks) {
        let rest = &marks[found.start()..];
        let line = rest.lines().next().unwrap_or_default().trim();
        let is_usual =
            language.is("rust") && RUST_USUAL.iter().any(|usual| line.starts_with(usual));
        if !is_usual {
            return Some(shown(line));
        }
    }
    None
}

const RUST_USUAL: &[&str] = &[
    "#[cfg(test)]",
    "#[cfg(all(test",
    "#[cfg(unix)]",
    "#[cfg(windows)]",
];

/// What in a test's body ends it before its assertions.
fn inside_skip(source: &Source<'_>, body: &Range<usize>) -> Option<String> {
    let text = &source.bare()[body.clone()];
    let found = source.language.skip_inside.find(text)?;
    let line = source.line_range(body.start + found.start());
    Some(shown(source.text[line].trim()))
}

/// A line for a message, of bounded length.
pub(super) fn shown(line: &str) -> String {
    let near = line
        .char_indices()
        .nth(400)
        .map_or(line, |(cut, _)| &line[..cut]);
    let line = near.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(100) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// True for a function within a function, which no runner finds.
fn is_nested(source: &Source<'_>, index: usize) -> bool {
    let start = source.functions[index].head.start;
    let before = source.functions[..index].iter().rev().take(64);
    before.into_iter().any(|f| f.body.contains(&start))
}

/// Classes and modules of a source.
struct Classes(Vec<Class>);

struct Class {
    name: String,
    whole: Range<usize>,
    /// A runner looks for tests in it.
    collected: bool,
    /// It says itself that it holds tests, wherever its file is.
    is_case: bool,
    skip: Option<String>,
}

static CLASS: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
    super::language::pattern(
        r"(?m)^[ \t]*(?:(?:public|private|protected|abstract|final|static|open|internal|pub)[ \t]+)*(?:class|mod)[ \t]+(\w+)([^\n{:]*)",
    )
});

impl Classes {
    fn of(source: &Source<'_>) -> Self {
        let code = source.code();
        let mut found = Vec::new();
        for captures in CLASS.captures_iter(code).take(2_000) {
            let (Some(whole), Some(name)) = (captures.get(0), captures.get(1)) else {
                continue;
            };
            let bases = captures.get(2).map_or("", |m| m.as_str());
            let start = whole.start() + (whole.as_str().len() - whole.as_str().trim_start().len());
            let Some(end) = class_end(source, start, whole.end()) else {
                continue;
            };
            let marks = source.marks_range(start);
            let is_case =
                source.language.is("python") && bases.contains("Test") && bases.contains("Case");
            let text = &source.bare()[start..end];
            let collected = !source.language.is("python")
                || is_case
                || (name.as_str().starts_with("Test") && !text.contains("def __init__"))
                || bases.contains("Test");
            let off = text.contains("__test__ = False");
            let skip = mark_skip(source, &source.bare()[marks.clone()])
                .or_else(|| off.then(|| "__test__ = False".to_owned()));
            found.push(Class {
                name: name.as_str().to_owned(),
                whole: marks.start..end,
                collected,
                is_case,
                skip,
            });
        }
        Self(found)
    }

    fn around(&self, offset: usize) -> Option<&Class> {
        let index = self.0.partition_point(|c| c.whole.start <= offset);
        let before = self.0[..index].iter().rev().take(64);
        before
            .filter(|c| c.whole.end > offset)
            .min_by_key(|c| c.whole.len())
    }
}

fn class_end(source: &Source<'_>, start: usize, named: usize) -> Option<usize> {
    if source.language.row.shape == Shape::Indented {
        return source.block_end(start);
    }
    let rest = source.code().get(named..)?;
    let open = named + rest.find(['{', ';'])?;
    source.mate(open).map(|close| close + 1)
}

/// Tests that are declared by calls.
fn calls(source: &Source<'_>, found: &mut Inventory) {
    let language = source.language;
    let mut groups: Vec<(Range<usize>, String, Option<String>)> = Vec::new();
    for call in language.group.captures_iter(source.code()).take(MOST_TESTS) {
        let (Some(all), Some(callee)) = (call.get(0), call.get(1)) else {
            continue;
        };
        let Some(args) = call_args(source, all.end() - 1) else {
            continue;
        };
        let skip = skipped_call(source, callee.as_str(), &args);
        let name = first_text(source, &args).unwrap_or_default();
        groups.push((callee.start()..args.end + 1, name, skip));
    }
    for call in language.call.captures_iter(source.code()).take(MOST_TESTS) {
        let (Some(all), Some(callee)) = (call.get(0), call.get(1)) else {
            continue;
        };
        let Some(args) = call_args(source, all.end() - 1) else {
            continue;
        };
        let Some(name) = first_text(source, &args) else {
            continue;
        };
        let named = source.code()[args.clone()].find(',').unwrap_or(0);
        let start = callee.start();
        let index = groups.partition_point(|(range, ..)| range.start <= start);
        let mut around: Vec<_> = groups[..index]
            .iter()
            .rev()
            .take(64)
            .filter(|(range, ..)| range.end > start)
            .collect();
        around.reverse();
        let skip = skipped_call(source, callee.as_str(), &args)
            .or_else(|| around.iter().find_map(|(_, _, skip)| skip.clone()))
            .or_else(|| inside_skip(source, &args));
        let names: Vec<_> = around.iter().map(|(_, name, _)| name.as_str()).collect();
        // A table in front of the name belongs to the test, and the name is no part of what it does.
        found.tests.push(Test {
            name,
            group: names.join(" > "),
            whole: start..args.end + 1,
            marks: start..callee.end(),
            body: args.start + named.min(args.len())..args.end,
            skip,
        });
    }
    only(source, found, &groups);
}

/// `only` on some tests keeps all others of the file from running.
fn only(
    source: &Source<'_>,
    found: &mut Inventory,
    groups: &[(Range<usize>, String, Option<String>)],
) {
    let is_only = |range: &Range<usize>| {
        let end = (range.start + 60).min(source.code().len());
        let callee = source.code().get(range.start..end).unwrap_or_default();
        let callee = callee.split(['(', '`']).next().unwrap_or_default();
        callee.contains(".only") || callee.starts_with("fit") || callee.starts_with("fdescribe")
    };
    let mut chosen: Vec<Range<usize>> = groups
        .iter()
        .map(|g| g.0.clone())
        .filter(|r| is_only(r))
        .collect();
    chosen.extend(
        found
            .tests
            .iter()
            .map(|t| t.whole.clone())
            .filter(|r| is_only(r)),
    );
    let Some(first) = chosen.first().cloned() else {
        return;
    };
    let words = shown(source.text[source.line_range(first.start)].trim());
    for test in &mut found.tests {
        let runs = chosen
            .iter()
            .take(64)
            .any(|r| r.contains(&test.whole.start));
        if !runs && test.skip.is_none() {
            test.skip = Some(words.clone());
        }
    }
}

fn skipped_call(source: &Source<'_>, callee: &str, args: &Range<usize>) -> Option<String> {
    let skip = &source.language.skip_mark;
    if skip.is_match(callee) {
        return Some(format!("{callee}(…)"));
    }
    // Options stand before the function.
    let head = &source.bare()[args.clone()];
    let head = head.split(['=', '{']).next().unwrap_or_default().len();
    let options =
        &source.bare()[args.start..(args.start + head + 80).min(args.end).max(args.start)];
    let options = options.split("=>").next().unwrap_or_default();
    let options = options.split("function").next().unwrap_or_default();
    skip.find(options).map(|m| shown(m.as_str()))
}

/// What stands in the last parentheses of a call that opens at an offset: `each(table)(name, run)` has two.
fn call_args(source: &Source<'_>, open: usize) -> Option<Range<usize>> {
    let code = source.code().as_bytes();
    let mut args = if code[open] == b'`' {
        let close = open + 1 + source.code()[open + 1..].find('`')?;
        open..close
    } else {
        open..source.mate(open)?
    };
    for _ in 0..3 {
        let next = code[args.end + 1..]
            .iter()
            .position(|b| !b.is_ascii_whitespace());
        let next = next.map(|skip| args.end + 1 + skip);
        match next {
            Some(next) if code[next] == b'(' => args = next..source.mate(next)?,
            _ => break,
        }
    }
    (code[args.start] == b'(').then(|| args.start + 1..args.end)
}

fn first_text(source: &Source<'_>, args: &Range<usize>) -> Option<String> {
    let texts = &source.masked.texts;
    let index = texts.partition_point(|t| t.start < args.start);
    let text = texts.get(index).filter(|t| t.end <= args.end)?;
    let between = source.code()[args.start..text.start].trim();
    let inner = source
        .text
        .get(text.start + 1..text.end.saturating_sub(1))?;
    between.is_empty().then(|| inner.to_owned())
}

/// Words of a piece of code: names, numbers and texts, each as often as it stands there.
pub(super) fn words(source: &Source<'_>, range: &Range<usize>) -> BTreeSet<String> {
    let text = &source.bare()[range.clone()];
    let mut found = BTreeSet::new();
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        if !word.is_empty() && found.len() < 2_000 {
            found.insert(word.to_owned());
        }
    }
    found
}

/// How much two pieces of code have in common, from 0 to 1.
pub(super) fn likeness(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 0.0;
    }
    let common = a.intersection(b).count();
    common as f64 / (a.len() + b.len() - common) as f64
}
