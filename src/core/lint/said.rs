//! What tasks say: enough to be built, nothing open, something that can be checked, no more than a person reads.
//!
//! The words of [`UNTESTABLE`] are those that ISO/IEC/IEEE 29148:2018 (5.2.7) warns of: subjective language, loopholes,
//! open-ended lists, comparisons without a measure. English only.

use super::Open;
use crate::model::{Diagnostic, DocumentKind, Role, Rule, Task};
use crate::spec;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// More files or steps than that in one commit are not read with care.
const MAX_FILES: usize = 12;
const MAX_STEPS: usize = 20;

/// Words that say nothing of what is to be done.
const GENERIC: &[&str] = &[
    "a",
    "add",
    "all",
    "an",
    "and",
    "any",
    "as",
    "better",
    "bug",
    "bugs",
    "case",
    "cases",
    "change",
    "changes",
    "clean",
    "cleanup",
    "code",
    "complete",
    "create",
    "do",
    "docs",
    "documentation",
    "edge",
    "error",
    "errors",
    "etc",
    "everything",
    "feature",
    "features",
    "final",
    "finalize",
    "finish",
    "fix",
    "fixes",
    "for",
    "general",
    "handle",
    "handling",
    "implement",
    "implementation",
    "improve",
    "improvements",
    "in",
    "issue",
    "issues",
    "it",
    "make",
    "minor",
    "misc",
    "miscellaneous",
    "more",
    "necessary",
    "needed",
    "of",
    "optimize",
    "or",
    "other",
    "performance",
    "polish",
    "quality",
    "refactor",
    "refactoring",
    "remaining",
    "rest",
    "set",
    "setup",
    "small",
    "some",
    "stuff",
    "test",
    "testing",
    "tests",
    "that",
    "the",
    "things",
    "this",
    "to",
    "todo",
    "tweaks",
    "up",
    "update",
    "various",
    "with",
    "work",
    "write",
];

static UNTESTABLE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)(?:^|[^\w/.])(user[- ]friendly|easy to use|intuitive(?:ly)?|seamless(?:ly)?|state[- ]of[- ]the[- ]art|world[- ]class|production[- ]ready|high[- ]quality|best effort|blazing(?:ly)?|performant|as appropriate|appropriately|as (?:needed|necessary|required|applicable|possible)|if (?:possible|necessary|needed|appropriate)|(?:where|when|whenever|wherever) (?:possible|appropriate|necessary|needed)|and so on|etc|reasonabl[ey]|sufficiently|adequate(?:ly)?|good (?:performance|ux|design)|fast enough|more (?:efficient(?:ly)?|robust|readable)|nicely|looks? good|works? (?:well|fine|properly))(?:[^\w/]|$)",
    )
});

/// A measure makes much of that precise.
static MEASURE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)[<>≤≥]\s*=?\s*\d|\d+(\.\d+)?\s*(%|(ms|s|secs?|seconds?|mins?|minutes?|h|hours?|days?|kb|kib|mb|mib|gb|gib|px|rps|fps|requests|times)\b)",
    )
});

static UNDECIDED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\[NEEDS CLARIFICATION:[^\]]*\]?|\b(TBD|TBC)\b|\b(TODO|FIXME):|\?\?\?|\[[A-Z]+(?: [A-Z]+)+\](?:[^(\[]|$)|(?i:\b(?:is|are|remains?|still|yet) to be (?:decided|determined|defined|clarified)\b)",
    )
});

/// Words of who says how work is judged.
static CHECKED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)\b(accept(s|ance|ed)?|assert|check(s|ed)?|criteri(a|on)|demo|ensure(s)?|expect(s|ed)?|given|if|exit(s)? (code|with|0|1)|must|pass(es|ing)?|print(s|ed)?|reject(s|ed)?|return(s|ed)?|shall|should|so that|test(s|ed|ing)?|until|validat(e|es|ion)|verif(y|ies|ied)|when|without|covers?)\b",
    )
});

#[allow(
    clippy::expect_used,
    reason = "the patterns above are constants, and every test compiles them"
)]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

pub(super) fn look(open: &Open<'_>, found: &mut Vec<Diagnostic>) {
    for (index, task) in open.tasks() {
        found.extend(vague(open, index, task));
        found.extend(undecided(open, index));
        found.extend(untestable(open, index));
        found.extend(too_wide(open, index, task));
    }
    found.extend(no_criteria(open));
    for document in open.from.documents {
        if document.kind == DocumentKind::Criteria && !open.tasks.is_empty() {
            let lines = document.text.lines().enumerate();
            // What a template says of such marks is none.
            let asks = lines.filter(|(_, line)| {
                line.contains("[NEEDS CLARIFICATION:") && !line.contains("specific question")
            });
            found.extend(asks.map(|(n, line)| Diagnostic {
                path: document.path.clone(),
                ..undecided_at(open, n + 1, line.trim())
            }));
        }
    }
}

/// Nothing but general words, and no more text, file or requirement that says more.
fn vague(open: &Open<'_>, index: usize, task: &Task) -> Option<Diagnostic> {
    let has_more = task.text.trim().lines().count() > 1
        || !task.files.is_empty()
        || !task.meets.is_empty()
        || spec_around_says_more(open, index);
    (!has_more && is_generic(&task.title)).then(|| {
        open.finding(
            Rule::Vague,
            task.line,
            format!(
                "{} says too little to be built: an engine will guess",
                open.name(task)
            ),
            "name what is to change, where, and how one sees that it works",
        )
    })
}

/// `Write tests` inside of `Sign-in form` is about that form.
fn spec_around_says_more(open: &Open<'_>, index: usize) -> bool {
    let spec = open.spec();
    let has_steps = spec.inside(index).any(|t| t.role == Role::Step);
    has_steps
        || spec
            .around(index)
            .any(|t| !is_generic(&spec.tasks[t].title))
}

fn is_generic(title: &str) -> bool {
    let words: Vec<&str> = title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    // Scripts without blanks say much in a word.
    words
        .iter()
        .all(|w| w.is_ascii() && GENERIC.contains(&w.to_ascii_lowercase().as_str()))
}

fn undecided(open: &Open<'_>, index: usize) -> Option<Diagnostic> {
    let (line, words) = prose(open, index).find_map(|(number, line)| {
        let words = UNDECIDED.find(&line)?.as_str().to_owned();
        Some((number, words))
    })?;
    Some(undecided_at(open, line, words.trim()))
}

/// A task's lines without code, which means what it says.
fn prose<'a>(open: &Open<'a>, index: usize) -> impl Iterator<Item = (usize, Cow<'a, str>)> {
    let mut is_code = false;
    let lines = open.lines(index).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.map(|(number, line)| (number, without_spans(line)))
}

/// A line without what stands between backticks.
fn without_spans(line: &str) -> Cow<'_, str> {
    let pieces: Vec<&str> = line.split('`').collect();
    match pieces.len() {
        0..3 => line.into(),
        len => {
            // The last one is open where their number is odd.
            let is_text =
                |at: usize| at.is_multiple_of(2) || (at + 1 == len && len.is_multiple_of(2));
            let kept = pieces.iter().enumerate().filter(|(at, _)| is_text(*at));
            let kept: Vec<&str> = kept.map(|(_, piece)| *piece).collect();
            kept.join("`").into()
        }
    }
}

fn undecided_at(open: &Open<'_>, line: usize, words: &str) -> Diagnostic {
    open.finding(
        Rule::Undecided,
        line,
        format!("is still open: {}", open.quoted(words, 80)),
        "decide it and write down what was decided: a builder cannot ask before it builds",
    )
}

fn untestable(open: &Open<'_>, index: usize) -> Option<Diagnostic> {
    let mut prose = prose(open, index);
    let (number, words) = prose.find_map(|(number, line)| {
        let found = UNTESTABLE.captures(&line)?.get(1)?.as_str().to_owned();
        (!MEASURE.is_match(&line)).then_some((number, found))
    })?;
    Some(open.finding(
        Rule::Untestable,
        number,
        format!("\u{201c}{words}\u{201d} can be read in more than one way"),
        "say what is seen, measured or compared when it holds",
    ))
}

fn too_wide(open: &Open<'_>, index: usize, task: &Task) -> Option<Diagnostic> {
    let steps = open
        .spec()
        .inside(index)
        .filter(|t| t.role == Role::Step)
        .count();
    let what = match (task.files.len(), steps) {
        (files, _) if files > MAX_FILES => format!("names {files} files"),
        (_, steps) if steps > MAX_STEPS => format!("has {steps} steps"),
        _ => return None,
    };
    let message = format!(
        "{} {what} and becomes one commit: more than is reviewed with care",
        open.name(task)
    );
    Some(open.finding(
        Rule::TooWide,
        task.line,
        message,
        "cut it into tasks that each can be built, checked and reviewed alone",
    ))
}

/// Once a spec: most of its tasks say nothing that can be checked, and nothing around them does.
fn no_criteria(open: &Open<'_>) -> Option<Diagnostic> {
    let spec = open.spec();
    let documents = open.from.documents;
    let has_own = documents.iter().any(|d| d.kind == DocumentKind::Criteria);
    let mut lines = open.from.text.lines();
    // Words of other languages are not known here.
    let letters = open.from.text.chars().filter(|c| c.is_alphabetic());
    let (ascii, all) = letters.fold((0, 0), |(ascii, all), c| {
        (ascii + usize::from(c.is_ascii()), all + 1)
    });
    if has_own || ascii * 10 < all * 9 || lines.any(spec::announces_criteria) {
        return None;
    }
    let says = |index: usize, task: &Task| {
        let around = spec.around(index).map(|t| &spec.tasks[t].text);
        let mut texts = std::iter::once(&task.text).chain(around);
        let steps = spec.inside(index).any(|t| CHECKED.is_match(&t.text));
        !task.meets.is_empty() || steps || texts.any(|text| CHECKED.is_match(text))
    };
    let silent: Vec<&Task> = open
        .tasks()
        .filter(|(i, t)| !says(*i, t))
        .map(|(_, t)| t)
        .collect();
    let first = silent.first()?;
    let all = open.tasks.len();
    (silent.len() * 2 > all).then(|| {
        open.finding(
            Rule::NoCriteria,
            first.line,
            format!(
                "{} of {all} open tasks, from {} on, say nothing that shows when they are done",
                silent.len(),
                open.name(first)
            ),
            "say in each what must hold, or add a section \"Acceptance criteria\"",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_words_are_sorted_and_patterns_compile() {
        assert!(GENERIC.is_sorted());
        for pattern in [&UNTESTABLE, &MEASURE, &UNDECIDED, &CHECKED] {
            assert!(
                !pattern.is_match("Keep sessions in memory"),
                "{}",
                pattern.as_str()
            );
        }
    }
}
