//! Issues that a spec's own words say are closed by a task: `Closes #12`, `fixes owner/name#3`, `Resolves GH-4`.
//!
//! Strict, because what is found here closes issues when a pull request is merged: a keyword, a blank, and at once
//! the reference. `Closes issue 12`, `closes the gap in #12` and `does not fix #12` name nothing.

use crate::model::report::IssueRef;
use regex::Regex;
use std::sync::LazyLock;

/// Most issues that one text may name.
const MAX_ISSUES: usize = 20;

/// The keywords are those that every forge knows:
/// <https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue>
static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:close[sd]?|fix(?:es|ed)?|resolve[sd]?):?[ \t]+(?:GH-|((?:[a-z0-9][a-z0-9_.-]*/)+[a-z0-9_.-]+)?#)([1-9][0-9]{0,8})",
    )
    .expect("the pattern is a constant")
});

/// Words before a keyword that turn it round.
const NEGATIONS: &[&str] = &[
    "not", "never", "no", "without", "cannot", "can't", "don't", "doesn't", "didn't", "won't",
    "nor", "neither",
];

/// The issues that `text` closes, each once, in order. `text` is prose: code has been taken out.
pub fn closes(text: &str) -> Vec<IssueRef> {
    let mut found: Vec<IssueRef> = Vec::new();
    for line in text.lines() {
        for hit in CLOSING.captures_iter(line) {
            let Some(whole) = hit.get(0) else { continue };
            let (before, after) = (&line[..whole.start()], &line[whole.end()..]);
            if !stands_free(before, after) {
                continue;
            }
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

/// True where the statement is no part of a longer word or number, and nothing before it turns it round.
fn stands_free(before: &str, after: &str) -> bool {
    let glued = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '#' | '@' | '`');
    if before.ends_with(glued) {
        return false;
    }
    let mut next = after.chars();
    let ends = match next.next() {
        None => true,
        // `#12.` ends a sentence, `#12.5` is something else.
        Some('.' | ',') => !next.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => !glued(c),
    };
    let last = before.split_whitespace().next_back().unwrap_or_default();
    let last = last.replace('\u{2019}', "'").to_lowercase();
    ends && !NEGATIONS.contains(&last.as_str())
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
