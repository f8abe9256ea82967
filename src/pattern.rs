//! Regular expressions of this program's own: words of any script at the price of ASCII ones.
//!
//! `\w` of the expression library is a list of seven hundred ranges of Unicode, and each of its repetitions is compiled
//! anew: most of a short run went into that. Here a word is made of ASCII letters, digits, `_` and whatever is no ASCII.
//! What is no ASCII counts as outside of words as well, where that is asked for (`\W`, `[^\w]`): no script's dash or
//! quotation mark keeps something from being found that stands behind it.

use regex::Regex;
use std::ops::Deref;
use std::sync::OnceLock;

/// An expression of a table's row, compiled when it is first looked for: most rows are of no use to most runs.
///
/// # Panics
/// On first use, where it does not compile. Tests use every one.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    /// Of a constant, as [`pattern`] reads it.
    pub const fn new(source: &'static str) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }
}

impl Deref for Pattern {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        self.compiled.get_or_init(|| pattern(self.source))
    }
}

const WORD: &str = "0-9A-Za-z_";
/// With the case of letters looked at: to fold that of a million characters takes longer than all the rest.
const OR_BEYOND_ASCII: &str = r"|(?-i:[^\x00-\x7F]))";

/// Compiles an expression of this program's own, with words as they are here and `\d` for ASCII digits.
///
/// # Panics
/// It does not compile. For constants, which tests compile.
pub fn pattern(source: &str) -> Regex {
    Regex::new(&spelled(source)).expect("a constant that a test compiles")
}

/// The expression with `\w`, `\W` and `\d` spelled out.
pub fn spelled(source: &str) -> String {
    let mut out = String::with_capacity(source.len() * 2);
    let mut chars = source.chars().peekable();
    let mut class: Option<Class> = None;
    while let Some(c) = chars.next() {
        match (c, &mut class) {
            ('\\', class) => match (chars.next(), class) {
                (Some('w'), None) => out.push_str(&format!("(?:[{WORD}]{OR_BEYOND_ASCII}")),
                (Some('w'), Some(class)) => {
                    class.has_words = true;
                    out.push_str(WORD);
                }
                (Some('W'), _) => out.push_str(&format!("[^{WORD}]")),
                (Some('d'), None) => out.push_str("[0-9]"),
                (Some('d'), Some(_)) => out.push_str("0-9"),
                (other, _) => out.extend([c].into_iter().chain(other)),
            },
            ('[', None) => {
                let mut begun = Class {
                    at: out.len(),
                    is_negated: false,
                    has_words: false,
                };
                out.push(c);
                if let Some(not) = chars.next_if_eq(&'^') {
                    begun.is_negated = true;
                    out.push(not);
                }
                // The first one is itself.
                out.extend(chars.next_if_eq(&']'));
                class = Some(begun);
            }
            (']', Some(ended)) => {
                out.push(c);
                if ended.has_words && !ended.is_negated {
                    out.insert_str(ended.at, "(?:");
                    out.push_str(OR_BEYOND_ASCII);
                }
                class = None;
            }
            _ => out.push(c),
        }
    }
    out
}

/// A class of characters that is being read.
struct Class {
    /// Where it begins in what is written.
    at: usize,
    is_negated: bool,
    has_words: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_digits_are_spelled_out() {
        for (source, want) in [
            (
                r"\bfn\s+(\w+)",
                r"\bfn\s+((?:[0-9A-Za-z_]|(?-i:[^\x00-\x7F]))+)",
            ),
            (r"[\w.-]{2}", r"(?:[0-9A-Za-z_.-]|(?-i:[^\x00-\x7F])){2}"),
            (r"[^\w.-]", r"[^0-9A-Za-z_.-]"),
            (r"\W\d[\d,][^\d]", r"[^0-9A-Za-z_][0-9][0-9,][^0-9]"),
            (r"[\W]", r"[[^0-9A-Za-z_]]"),
            (
                r"[]\w][^]\d]",
                r"(?:[]0-9A-Za-z_]|(?-i:[^\x00-\x7F]))[^]0-9]",
            ),
            (
                r"\\w \[\w\]",
                r"\\w \[(?:[0-9A-Za-z_]|(?-i:[^\x00-\x7F]))\]",
            ),
            (r"[\]\w]", r"(?:[\]0-9A-Za-z_]|(?-i:[^\x00-\x7F]))"),
            (r"\D\S\b\.", r"\D\S\b\."),
            ("\\", "\\"),
        ] {
            assert_eq!(spelled(source), want, "{source}");
        }
    }

    #[test]
    fn a_row_is_compiled_once_it_is_looked_for() {
        let row = Pattern::new(r"^\w$");
        assert!(row.compiled.get().is_none());
        assert!(row.is_match("a") && !row.is_match("ab"));
        assert!(row.compiled.get().is_some());
    }

    #[test]
    fn words_of_any_script_are_words_and_may_be_none() {
        let word = pattern(r"^\w+$");
        for (text, want) in [
            ("größe_2", true),
            ("试验", true),
            ("a b", false),
            ("a-b", false),
        ] {
            assert_eq!(word.is_match(text), want, "{text}");
        }
        for text in ["“#1", "é#1", "—#1", " #1"] {
            assert!(pattern(r"\W#\d").is_match(text), "{text}");
            assert!(pattern(r"[^\w]#\d").is_match(text), "{text}");
        }
        assert!(!pattern(r"[^\w]#\d").is_match("a#1"));
    }

    proptest::proptest! {
        /// In ASCII nothing is different.
        #[test]
        fn ascii_is_read_as_ever(text in "[ -~\n]{0,40}") {
            for source in [r"\b(\w+)\W(\d*)", r"[\w.]{2,5}[^\w\s]", r"(?m)^[^\d]*\d[\d.]*$"] {
                let ours = pattern(source);
                let theirs = Regex::new(source).unwrap();
                let ours: Vec<_> = ours.find_iter(&text).map(|m| m.range()).collect();
                let theirs: Vec<_> = theirs.find_iter(&text).map(|m| m.range()).collect();
                proptest::prop_assert_eq!(ours, theirs, "{}", source);
            }
        }
    }
}
