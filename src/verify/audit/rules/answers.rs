//! Answers that the code knows by heart: the inputs and expected values of tests, as conditions and results.

use crate::model::Finding;
use crate::verify::audit::assertion::{assertions, helpers, is_common, literals};
use crate::verify::audit::diff::{Changed, Diff, Side};
use crate::verify::audit::inventory::{inventory, shown};
use crate::verify::audit::language::{self, pattern};
use crate::verify::audit::regions::is_test_file;
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::source::Source;
use regex::Regex;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::LazyLock;

/// Test files that the diff does not have are read up to here.
const MOST_FILES: usize = 60;
const MOST_BYTES: usize = 1024 * 1024;

/// An input of a test, and what is expected for it.
type Pairs = HashMap<String, BTreeSet<String>>;

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let is_code =
        |file: &Changed<'_>, side: &Side<'_>| !file.is_test && side.source.language.has_tests();
    let changed: Vec<_> = diff
        .afters()
        .filter(|(f, s)| is_code(f, s) && s.fresh.contains(&true))
        .collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let known = known(diff);
    if known.is_empty() {
        return Vec::new();
    }
    changed
        .into_iter()
        .flat_map(|(file, side)| one(diff, file, side, &known))
        .collect()
}

/// What the tests hold: those of the diff, and those of the repository that look at the changed files by their names.
fn known(diff: &Diff<'_>) -> Pairs {
    let mut known = Pairs::new();
    for (_, side) in diff.afters() {
        of_tests(&side.source, &mut known);
    }
    // What the tests were before counts as well: they may have gone together.
    for side in diff.files.iter().filter_map(|f| f.before.as_ref()) {
        of_tests(&side.source, &mut known);
    }
    let changed: BTreeSet<&str> = diff.files.iter().map(|f| f.change.path).collect();
    let languages: BTreeSet<&str> = diff
        .afters()
        .filter(|(f, _)| !f.is_test)
        .map(|(_, s)| s.source.language.row.name)
        .collect();
    let mut others: Vec<&str> = diff
        .input
        .tracked
        .iter()
        .map(String::as_str)
        .filter(|p| {
            !changed.contains(p)
                && is_test_file(p)
                && language::of(p).has_tests()
                && languages.contains(language::of(p).row.name)
        })
        .collect();
    let stems: Vec<&str> = diff
        .files
        .iter()
        .filter(|f| !f.is_test)
        .filter_map(|f| f.change.path.rsplit('/').next()?.split('.').next())
        .collect();
    others.sort_by_key(|p| {
        (
            !stems
                .iter()
                .any(|s| p.to_lowercase().contains(&s.to_lowercase())),
            *p,
        )
    });
    let mut bytes = 0;
    for path in others.into_iter().take(MOST_FILES) {
        let Some(text) = (diff.input.read)(path) else {
            continue;
        };
        bytes += text.len();
        if bytes > MOST_BYTES {
            break;
        }
        of_tests(&Source::new(path, &text), &mut known);
    }
    known
}

fn of_tests(source: &Source<'_>, known: &mut Pairs) {
    let inventory = inventory(source);
    if inventory.tests.is_empty() {
        return;
    }
    let named = helpers(source, &inventory.others);
    let mut add = |values: Vec<String>| {
        for (index, value) in values.iter().enumerate().take(8) {
            let others = values
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != index)
                .take(8)
                .map(|(_, v)| v.clone());
            known.entry(value.clone()).or_default().extend(others);
        }
    };
    for test in &inventory.tests {
        for assertion in assertions(source, &test.body, &named) {
            add(assertion.literals);
        }
        // Values in names and in rows of tables stand in lines of their own.
        for start in lines_of(source, &test.whole) {
            let found = literals(source, &source.line_range(start));
            if (2..=8).contains(&found.len()) {
                add(found);
            }
        }
        for captures in GROUP
            .find_iter(&source.code()[test.whole.clone()])
            .take(500)
        {
            let range = test.whole.start + captures.start()..test.whole.start + captures.end();
            let found = literals(source, &range);
            if (2..=6).contains(&found.len()) {
                add(found);
            }
        }
    }
}

/// A group of values: `("IV", 4)`.
static GROUP: LazyLock<Regex> = LazyLock::new(|| pattern(r"[(\[{][^()\[\]{}]{1,300}[)\]}]"));

fn lines_of<'s>(
    source: &'s Source<'_>,
    range: &std::ops::Range<usize>,
) -> impl Iterator<Item = usize> + 's {
    let (start, end) = (range.start, range.end);
    let first = source
        .line_starts()
        .partition_point(|s| *s <= start)
        .saturating_sub(1);
    source.line_starts()[first..]
        .iter()
        .copied()
        .take_while(move |s| *s < end)
        .take(2_000)
}

/// A line that gives an answer for an input, with both as values: conditions, arms, cases, entries of tables.
static ANSWERS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // A comparison with a value, and a value given back within two lines.
        r"(?:if|elif|when|else if)\b[^\n]*?(?:===?|\.equals\(|\.is_\w+\(|\bin\b|\bis\b|matches!|==)[^\n]*(?:\n[ \t]*)?[^\n]*(?:\n[ \t]*)?[^\n]*(?:return\b|=>|:|\{|->|Ok\()[^\n]*",
        // An arm.
        r"(?m)^[^\n=]*[^\n=<>!]=>[^\n]*(?:\n[^\n]*)?",
        r"\bcase\b[^\n]*(?:\n[^\n]*return[^\n]*)?",
        // A choice in a line.
        r"[^\n]*===?[^\n]*\?[^\n]*:[^\n]*|return[^\n]*\bif\b[^\n]*==[^\n]*else[^\n]*",
    ]
    .iter()
    .map(|text| pattern(text))
    .collect()
});
/// Where a pattern matches, one match a line at most: answers in neighbouring lines are several, and a match that
/// takes in the line after the next must not hide them.
fn from_every_line(pattern: &Regex, code: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while found.len() < 5_000
        && let Some(next) = pattern.find_at(code, at)
    {
        found.push(next.range());
        let line = code[next.start()..].find('\n');
        at = line.map_or(code.len(), |end| next.start() + end + 1);
    }
    found
}

/// The first of them, which takes in several lines.
const COMPARISON: usize = 0;
/// The last of them.
const CHOICE: usize = 3;
static ENTRY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)(?:\x22[ ]*\x22|'[ ]*'|-?\d[\d_.]*|\([^()\n]*\)|\[[^\[\]\n]*\])\s*(?::|=>)\s*(?:\x22[ ]*\x22|'[ ]*'|-?\d[\d_.]*|true|false|True|False|None|\[[^\[\]\n]*\]|\([^()\n]*\))|^\s*[(\[{]\s*(?:\x22[ ]*\x22|'[ ]*'|-?\d[\d_.]*|\([^()\n]*\)|\[[^\[\]\n]*\])\s*,\s*(?:\x22[ ]*\x22|'[ ]*'|-?\d[\d_.]*|true|false|True|False|None|\[[^\[\]\n]*\]|\([^()\n]*\))\s*[)\]}]\s*,?",
    )
});

fn one(diff: &Diff<'_>, file: &Changed<'_>, side: &Side<'_>, known: &Pairs) -> Vec<Finding> {
    let source = &side.source;
    let code = source.code();
    let mut hits: Vec<(usize, Vec<String>)> = Vec::new();
    let mut consider = |range: std::ops::Range<usize>, of_table: bool| -> bool {
        let values = literals(source, &range);
        if values.len() < 2 || values.len() > 12 {
            return false;
        }
        let (Some((answer, inputs)), false) = (values.split_last(), of_table && values.len() > 8)
        else {
            return false;
        };
        let pair = inputs.iter().find(|input| {
            let telling = !is_common(input) || !is_common(answer);
            *input != answer && telling && known.get(*input).is_some_and(|k| k.contains(answer))
        });
        let all = inputs.iter().all(|input| known.contains_key(input));
        if let Some(input) = pair.filter(|_| all) {
            hits.push((range.start, vec![input.clone(), answer.clone()]));
            return true;
        }
        false
    };
    let mut conditions = 0;
    for (index, pattern) in ANSWERS.iter().enumerate() {
        let found: Vec<Range<usize>> = match index {
            COMPARISON => from_every_line(pattern, code),
            _ => pattern
                .find_iter(code)
                .take(5_000)
                .map(|m| m.range())
                .collect(),
        };
        for found in found {
            if side.touches(&found) && !side.is_test(found.start) && side.is_fresh(found.start) {
                let first_two = bounded(code, found);
                // In a choice in one line the answer may stand first.
                if index == CHOICE || answers(source, &first_two) {
                    conditions += usize::from(consider(first_two, false));
                }
            }
        }
    }
    let mut entries = (0, 0);
    for found in ENTRY.find_iter(code).take(5_000) {
        if side.is_fresh(found.start()) && !side.is_test(found.start()) {
            entries.0 += 1;
            entries.1 += usize::from(consider(found.range(), true));
        }
    }
    // A table that has much more than the tests ask for is data.
    let is_table = entries.1 >= 2 && entries.1 * 2 >= entries.0;
    hits.sort();
    hits.dedup();
    let mut distinct: BTreeSet<&Vec<String>> = BTreeSet::new();
    distinct.extend(hits.iter().map(|(_, pair)| pair));
    let arms = hits.len();
    let telling = distinct
        .iter()
        .filter(|p| p.iter().all(|v| !is_common(v)))
        .count();
    let strong = distinct.len() >= 2 && (is_table || conditions >= 2) && telling >= 2;
    let special = conditions >= 1 && distinct.len() == 1;
    if !strong && !special {
        return Vec::new();
    }
    let (at, pair) = &hits[0];
    // Values that the task states are the work itself.
    let told = |pair: &Vec<String>| {
        pair.iter()
            .all(|v| is_common(v) || diff.task.states(v).is_some())
    };
    let asked = distinct
        .iter()
        .all(|p| told(p))
        .then(|| diff.task.states(pair.iter().find(|v| !is_common(v))?))
        .flatten();
    let weak = special && pair.iter().any(|v| is_common(v));
    let exact = special && pair.iter().all(|v| v.len() > 2 && !is_common(v));
    // Names of a protocol with their numbers, say: nothing that anybody computes.
    let vocabulary = conditions == 0
        && distinct
            .iter()
            .all(|p| NAME.is_match(&p[0]) && p[1].bytes().all(|b| b.is_ascii_digit()));
    let grade = if vocabulary {
        Grade::Least
    } else if strong || exact {
        Grade::Main
    } else if weak {
        Grade::Least
    } else {
        Grade::Lesser
    };
    let line = source.line_range(*at);
    let what = format!(
        "`{}` gives what the tests expect for what they pass in ({arms} such places here); compute it",
        shown(source.text[line].trim())
    );
    vec![diff.finding(
        Rule::HardCodedAnswer,
        grade,
        (file.change.path, Some(source.line(*at))),
        what,
        asked,
    )]
}

static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[a-z]+(?:_[a-z]+)+$"));

/// True where something is given back, behind the condition or the pattern: two values of one pattern are no answers
/// of each other.
fn answers(source: &Source<'_>, range: &std::ops::Range<usize>) -> bool {
    let text = &source.code()[range.clone()];
    let first = |words: &[&str]| words.iter().filter_map(|word| text.find(word)).min();
    let at = first(&["=>", "return", "->", "Ok("]).or_else(|| first(&["{", ":"]));
    at.is_none_or(|at| !literals(source, &(range.start + at..range.end)).is_empty())
}

/// Cut where the first given answer ends.
fn bounded(code: &str, range: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let text = &code[range.clone()];
    let answer = text
        .find("return")
        .map(|at| at + text[at..].find(['\n', ';', '}']).unwrap_or(text.len() - at));
    let end = answer.unwrap_or_else(|| {
        text.find('\n')
            .filter(|at| text[..*at].trim_end().ends_with([',', ';', '}']))
            .unwrap_or(text.len())
    });
    range.start..range.start + end
}
