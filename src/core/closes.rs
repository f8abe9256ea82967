//! Issues that a spec's own words say are closed by a task: `Closes #12`, `fixes owner/name#3`, `Resolves GH-4`.
//!
//! Strict, because what is found here closes issues when a pull request is merged: a keyword, a blank, and at once
//! the reference; at the start of a line, a sentence or a parenthesis, or joined to a statement that counts; and
//! nothing around it that takes it back. `Closes issue 12`, `partly fixes #12` and `Fixes #12 once that is merged`
//! close nothing.

use crate::model::report::IssueRef;
use crate::pattern::pattern;
use regex::Regex;
use std::sync::LazyLock;

/// Most issues that one text may name.
const MAX_ISSUES: usize = 20;

/// The keywords are those that every forge knows:
/// <https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue>
static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:close[sd]?|fix(?:es|ed)?|resolve[sd]?):?[ \t]+(?:GH-|((?:[a-z0-9][a-z0-9_.-]*/)+[a-z0-9_.-]+)?#)([1-9][0-9]{0,8})",
    )
});

/// Words that take a statement back, or put it off, wherever they stand in its clause.
const DOUBTS: &[&str] = &[
    "not",
    "never",
    "no",
    "without",
    "cannot",
    "nor",
    "neither",
    "hardly",
    "partly",
    "partially",
    "part",
    "half",
    "almost",
    "mostly",
    "maybe",
    "perhaps",
    "once",
    "when",
    "whenever",
    "if",
    "unless",
    "until",
    "till",
    "yet",
    "after",
    "later",
    "eventually",
];

/// Shortenings that end in a full stop and end no sentence.
const SHORTENED: &[&str] = &["e.g.", "i.e.", "etc.", "cf.", "vs."];

/// The issues that `text` closes, each once, in order. `text` is prose: code has been taken out, and an empty line
/// stands between its blocks.
pub fn closes(text: &str) -> Vec<IssueRef> {
    let mut found: Vec<IssueRef> = Vec::new();
    for block in text.split("\n\n") {
        // Where the last statement that counts ended.
        let mut counted = None;
        for hit in CLOSING.captures_iter(block) {
            let Some(whole) = hit.get(0) else { continue };
            let (before, after) = (&block[..whole.start()], &block[whole.end()..]);
            let joined = counted.is_some_and(|end| is_joint(&block[end..whole.start()]));
            let begins = joined || is_beginning(before, whole.as_str());
            if !begins || !ends(after) || is_doubted(after) {
                continue;
            }
            counted = Some(whole.end());
            let Some(number) = hit.get(2).and_then(|n| n.as_str().parse().ok()) else {
                continue;
            };
            let issue = IssueRef {
                repository: hit.get(1).map(|r| r.as_str().to_owned()),
                number,
            };
            if found.len() < MAX_ISSUES && !found.contains(&issue) {
                found.push(issue);
            }
        }
    }
    found
}

/// True for what may stand between two statements.
fn is_joint(between: &str) -> bool {
    let is_line = between.contains('\n');
    match between.trim() {
        "" => is_line,
        "," | ";" | "and" | "&" | ", and" | ",and" => between.ends_with(char::is_whitespace),
        _ => false,
    }
}

/// True where a line, a sentence or a parenthesis begins behind `before`.
fn is_beginning(before: &str, statement: &str) -> bool {
    let words = before.trim_end();
    let blank = &before[words.len()..];
    if words.is_empty() || words.ends_with('(') {
        return true;
    }
    if words.ends_with(['.', '!', '?']) {
        let last = words.rsplit([' ', '\n', '\t', '(']).next();
        let last = last.unwrap_or_default().to_lowercase();
        return !blank.is_empty() && !SHORTENED.contains(&last.as_str());
    }
    // A sentence may have been broken there, and what it says before turn it round.
    let line = words.rsplit('\n').next().unwrap_or_default();
    let is_marker = matches!(line.trim_start(), "-" | "*" | "+" | "- [ ]" | "- [x]");
    is_marker || (blank.contains('\n') && statement.starts_with(|c: char| c.is_uppercase()))
}

/// True where the reference is no part of a longer word or number.
fn ends(after: &str) -> bool {
    let mut next = after.chars();
    match next.next() {
        None => true,
        // `#12.` ends a sentence, `#12.5` is something else.
        Some('.' | ',') => !next.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => {
            let is_glue = matches!(c, '-' | '_' | '/' | '#' | '@' | '`' | '\'' | '\u{2019}');
            !c.is_alphanumeric() && !is_glue
        }
    }
}

/// True where what follows in the same clause takes the statement back, or asks.
fn is_doubted(after: &str) -> bool {
    let mut end = after.len();
    for (at, c) in after.char_indices() {
        let next = &after[at + c.len_utf8()..];
        let is_end = match c {
            // What follows says what the issue is about.
            ':' | ';' | ')' => true,
            '.' | '!' | '?' => next.chars().next().is_none_or(char::is_whitespace),
            '\n' => !next.trim_start().starts_with(char::is_lowercase),
            _ => false,
        };
        if is_end {
            if c == '?' {
                return true;
            }
            end = at;
            break;
        }
    }
    let clause = after[..end].replace('\u{2019}', "'").to_lowercase();
    let mut words = clause.split(|c: char| !c.is_alphanumeric() && c != '\'');
    words.any(|word| DOUBTS.contains(&word) || word.ends_with("n't"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<String> {
        closes(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_closes_an_issue() {
        for (text, issues) in [
            ("Closes #12", vec!["#12"]),
            ("T001 Add login (closes #12)", vec!["#12"]),
            ("fix #1", vec!["#1"]),
            ("FIXED: #1", vec!["#1"]),
            ("Resolves GH-4.", vec!["#4"]),
            (
                "resolved owner/repo#3, closes #3",
                vec!["owner/repo#3", "#3"],
            ),
            (
                "Closes group/sub.x/pro-ject#7!",
                vec!["group/sub.x/pro-ject#7"],
            ),
            ("Closes #12\nCloses #12\ncloses gh-12", vec!["#12"]),
            ("closes #5 and fixes #6", vec!["#5", "#6"]),
            ("closes\t#5", vec!["#5"]),
            ("Add it\nCloses #5", vec!["#5"]),
            ("Add it.\ncloses #5", vec!["#5"]),
            ("Add it\n\ncloses #5", vec!["#5"]),
            ("- closes #5", vec!["#5"]),
            (
                "It works! Fixes #5; fixes #6, and fixes #7.",
                vec!["#5", "#6", "#7"],
            ),
            ("Fixes #5: it crashes when the list is empty", vec!["#5"]),
            ("Fixes #5. Not so #6.", vec!["#5"]),
            ("(Fixes #5) after a while", vec!["#5"]),
        ] {
            assert_eq!(shown(text), issues, "{text:?}");
        }
    }

    #[test]
    fn what_closes_nothing() {
        for text in [
            "",
            "#12",
            "see #12",
            "Closes issue #12",
            "closes the gap in #12",
            "Closes#12",
            "closes\n#12",
            "closes #012",
            "closes #0",
            "closes #12345678901",
            "closes #12a",
            "closes #12-3",
            "closes #12.5",
            "closes #12/3",
            "closes /#12",
            "closes owner/#12",
            "closes https://github.com/o/r/issues/12",
            "closes JIRA-12",
            "prefix #12",
            "re-fixes #12",
            "_fixes #12",
            "does not fix #12",
            "doesn’t close #12",
            "Never closes #12",
            "does not fully fix #12",
            "does not yet fix #12",
            "does not yet\nfix #12",
            "partially fixes #12",
            "don't let this ever close #12",
            "follow-up once we fix #12",
            "Follow-up, once we fix #12",
            "this closes #12",
            "e.g. fixes #12",
            "title: Fix #12",
            "(not yet) closes #12",
            "see #1, closes #12",
            "Not here: closes #11, closes #12",
            "Fixes #12 once #13 is merged",
            "Fixes #12 if it rings",
            "Fixes #12\nonly when it rings",
            "Fixes #12, but not all of it",
            "Fixes #12 partially",
            "Fix #12?",
            "Fixes #12's first half",
            "closing #12",
            "fixing #12",
            "closes !12",
            "closes @owner/repo#1",
        ] {
            assert_eq!(shown(text), Vec::<String>::new(), "{text:?}");
        }
    }

    #[test]
    fn the_number_of_issues_is_bounded() {
        let text: String = (1..100).map(|n| format!("closes #{n}\n")).collect();
        assert_eq!(closes(&text).len(), MAX_ISSUES);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(text in "((close|fix|x|not|#|GH-|o/r|[0-9]|[ .\n]){1,3} ?){0,12}") {
            let found = closes(&text);
            let again: String = found.iter().map(|i| format!("Closes {i}\n")).collect();
            prop_assert_eq!(closes(&again), found);
        }

        #[test]
        fn any_text_is_read(text in any::<String>()) {
            prop_assert!(closes(&text).len() <= MAX_ISSUES);
        }
    }
}
