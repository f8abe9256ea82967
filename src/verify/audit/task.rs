//! What the task asks for, as far as a program may conclude it from words: a verb near the words of a subject.

use super::language::pattern;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The task's text, sentence by sentence.
pub(super) struct Task {
    sentences: Vec<Sentence>,
}

struct Sentence {
    text: String,
    /// In order, as [`stem`] makes them.
    words: Vec<String>,
}

/// Longer tasks are not read to their end.
const MOST_BYTES: usize = 200_000;

pub(super) const REMOVE: &[&str] = &[
    "remove",
    "delete",
    "drop",
    "retire",
    "discard",
    "eliminate",
    "scrap",
    "obsolete",
    "purge",
    "replace",
    "merge",
    "supersede",
    "deprecate",
];
pub(super) const SKIP: &[&str] = &[
    "skip",
    "ignore",
    "disable",
    "quarantine",
    "xfail",
    "exclude",
    "guard",
    "gate",
    "mark",
];
pub(super) const CHANGE: &[&str] = &[
    "change",
    "update",
    "adjust",
    "adapt",
    "relax",
    "loosen",
    "rewrite",
    "replace",
    "regenerate",
    "refresh",
    "rename",
    "round",
    "tolerance",
    "tolerate",
    "instead",
    "now",
    "become",
    "raise",
    "lower",
    "approximate",
    "reduce",
    "increase",
    "allow",
    "accept",
    "return",
];
pub(super) const RENAME: &[&str] = &[
    "rename", "move", "remove", "delete", "drop", "replace", "convert", "turn",
];
pub(super) const SILENCE: &[&str] = &[
    "allow",
    "suppress",
    "silence",
    "ignore",
    "disable",
    "noqa",
    "nolint",
    "exempt",
    "annotate",
    "keep",
    "deprecate",
];
pub(super) const CONFIGURE: &[&str] = &[
    "lower",
    "set",
    "change",
    "raise",
    "reduce",
    "relax",
    "configure",
    "exclude",
    "ignore",
    "disable",
    "enable",
    "add",
    "remove",
    "drop",
    "allow",
    "update",
    "move",
    "switch",
    "replace",
    "turn",
    "stop",
    "skip",
    "make",
    "split",
    "run",
    "use",
    "migrate",
];
pub(super) const ADD: &[&str] = &[
    "add", "include", "vendor", "commit", "store", "check", "generate", "ship", "embed", "bundle",
    "update", "import", "use", "create", "put", "replace", "write", "record",
];
pub(super) const STUB: &[&str] = &[
    "stub", "scaffold", "leave", "declare", "sketch", "outline", "refuse", "reject",
];
pub(super) const DETECT: &[&str] = &["detect", "test", "know", "tell", "check", "use", "add"];

impl Task {
    pub(super) fn new(text: &str) -> Self {
        let mut end = text.len().min(MOST_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut sentences = Vec::new();
        for line in text[..end].lines() {
            for part in END.split(line) {
                let words: Vec<String> = split_words(part).map(|w| stem(&w)).collect();
                if !words.is_empty() {
                    sentences.push(Sentence {
                        text: part.trim().to_owned(),
                        words,
                    });
                }
            }
        }
        Self { sentences }
    }

    /// The sentence that asks for one of `verbs` on `subject`, whose words are as [`subject`] makes them.
    ///
    /// The sentence has the verb and enough of the subject's words: all where there are one or two, else at least two
    /// and a third of them. With `about`, one of these words as well, and then one word of the subject will do.
    pub(super) fn asks(
        &self,
        verbs: &[&str],
        subject: &BTreeSet<String>,
        about: &[&str],
    ) -> Option<String> {
        self.find(verbs, subject, about, false)
    }

    /// The sentence that has a subject taken away. `Remove it` speaks of what the sentence before it names; other verbs
    /// are not read so, since what is returned or changed with `it` is seldom a thing that goes.
    pub(super) fn removes(&self, subject: &BTreeSet<String>) -> Option<String> {
        self.find(REMOVE, subject, &[], true)
    }

    fn find(
        &self,
        verbs: &[&str],
        subject: &BTreeSet<String>,
        about: &[&str],
        refers: bool,
    ) -> Option<String> {
        if subject.is_empty() {
            return None;
        }
        let enough = match subject.len() {
            1 | 2 => subject.len(),
            n => 2.max(n.div_ceil(3)),
        };
        let verbs: BTreeSet<String> = verbs.iter().map(|v| stem(v)).collect();
        let about: BTreeSet<String> = about.iter().map(|v| stem(v)).collect();
        let found = self.sentences.iter().enumerate().find(|(index, s)| {
            let Some(at) = s.words.iter().position(|w| verbs.contains(w)) else {
                return false;
            };
            let negated = s.words[at.saturating_sub(3)..at]
                .iter()
                .any(|w| NEGATIONS.contains(&w.as_str()));
            let pointed = s
                .words
                .get(at + 1)
                .is_some_and(|w| POINTS.contains(&w.as_str()));
            let antecedent = (refers && pointed)
                .then(|| self.sentences.get(index.checked_sub(1)?))
                .flatten();
            let words = antecedent.map_or(&[][..], |before| &before.words);
            let named: BTreeSet<_> = s
                .words
                .iter()
                .chain(words)
                .filter(|w| subject.contains(*w))
                .collect();
            let is_about = about.is_empty() || s.words.iter().any(|w| about.contains(w));
            let enough = if about.is_empty() { enough } else { 1 };
            !negated && is_about && named.len() >= enough
        });
        found.map(|(_, s)| s.shown())
    }

    /// The sentence that holds a value, as a word of its own.
    pub(super) fn states(&self, literal: &str) -> Option<String> {
        let wanted = literal.trim();
        if wanted.is_empty() {
            return None;
        }
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let found = self.sentences.iter().find(|s| {
            let plain = s
                .text
                .replace(['_', '\u{a0}'], if wanted.contains('_') { "_" } else { "" });
            [&s.text, &plain].into_iter().any(|text| {
                text.match_indices(wanted).take(64).any(|(at, _)| {
                    let (before, after) = (&text[..at], &text[at + wanted.len()..]);
                    let mut rest = after.chars();
                    let (next, then) = (rest.next(), rest.next());
                    let goes_on = next == Some('.') && then.is_some_and(|c| c.is_ascii_digit());
                    let begins = before.ends_with('.')
                        && wanted.starts_with(|c: char| c.is_ascii_digit())
                        && before
                            .trim_end_matches('.')
                            .ends_with(|c: char| c.is_ascii_digit());
                    edge(before.chars().next_back()) && edge(next) && !goes_on && !begins
                })
            })
        });
        found.map(Sentence::shown)
    }
}

impl Sentence {
    fn shown(&self) -> String {
        super::inventory::shown(&self.text)
    }
}

static END: LazyLock<regex::Regex> = LazyLock::new(|| pattern(r"[.!?;]\s+|\s[-–—]\s"));

const NEGATIONS: &[&str] = &[
    "not", "never", "without", "no", "don", "nor", "neither", "cannot",
];

/// Stand for what was named before; as [`stem`] makes them.
const POINTS: &[&str] = &["it", "its", "them", "their", "both"];

/// The words of names, as a sentence would have them; without those that every test has.
pub(super) fn subject<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let words = names.into_iter().flat_map(split_words).map(|w| stem(&w));
    words
        .filter(|w| w.len() > 1 && !COMMON.contains(&w.as_str()))
        .take(64)
        .collect()
}

const COMMON: &[&str] = &[
    "test", "it", "the", "an", "is", "are", "be", "of", "to", "with", "for", "and", "or", "in",
    "on", "when", "return", "that", "should", "by", "from", "as", "at", "if", "not", "no", "can",
    "do", "do", "does", "has", "have", "its", "src", "lib", "mod", "main", "index", "spec", "unit",
    "py", "rs", "js", "ts", "go", "java", "check", "work", "will",
];

/// Lower-case words of a text; names of code are taken apart.
fn split_words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).flat_map(|part| {
        let mut words = Vec::new();
        let mut word = String::new();
        let mut was_lower = false;
        for c in part.chars() {
            if c.is_uppercase() && was_lower {
                words.push(std::mem::take(&mut word));
            }
            was_lower = c.is_lowercase() || c.is_ascii_digit();
            word.extend(c.to_lowercase());
        }
        words.push(word);
        words.into_iter().filter(|w| !w.is_empty())
    })
}

/// A word without its ending, so that `removes`, `removed` and `removing` are one.
fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    for ending in ["ing", "ies", "ed", "es", "s", "e", "y"] {
        if let Some(rest) = word.strip_suffix(ending)
            && rest.len() >= 3
        {
            let bytes = rest.as_bytes();
            let doubled = bytes[bytes.len() - 1] == bytes[bytes.len() - 2]
                && matches!(ending, "ing" | "ed")
                && rest.len() > 3;
            return if doubled {
                rest[..rest.len() - 1].to_owned()
            } else {
                rest.to_owned()
            };
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_asks_with_a_verb_and_a_subject() {
        let task = Task::new(
            "Remove the legacy export\nDelete `LegacyExporter` and its tests. Do not remove the summary. The limit is 5_000 now, 2.5 before.",
        );
        let asks = |names: &[&str]| {
            task.asks(REMOVE, &subject(names.iter().copied()), &[])
                .is_some()
        };
        assert!(asks(&["test_legacy_export"]));
        assert!(asks(&["legacyExporterWritesHeader"]));
        assert!(!asks(&["test_summary"]), "negated");
        assert!(!asks(&["test_parser_reads_headers"]));
        assert!(task.states("5000").is_some() && task.states("2.5").is_some());
        assert!(task.states("2").is_none() && task.states("500").is_none());
    }

    #[test]
    fn endings_do_not_count() {
        for (a, b) in [
            ("removes", "removing"),
            ("dropped", "drop"),
            ("entries", "entry"),
            ("prices", "price"),
        ] {
            assert_eq!(stem(a), stem(b));
        }
        assert_eq!(stem("é"), "é");
    }
}
