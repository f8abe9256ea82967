//! Which passages of a spec's documents a task is about: Okapi BM25 over their words.
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the usual k1 and b. A
//! word is a run of letters and digits, in lower case, names also by their parts (`readFile`, `read_file`); Chinese,
//! Japanese and Korean text, which has no blanks, by pairs of characters.

use std::collections::HashMap;

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// Words of many passages, ready to be asked.
pub(super) struct Index {
    /// Places in `held_by`.
    words: HashMap<String, usize>,
    /// For every word the passages that have it, ascending, and how often.
    held_by: Vec<Vec<(usize, f64)>>,
    lengths: Vec<f64>,
    mean: f64,
}

impl Index {
    pub(super) fn new<'t>(passages: impl Iterator<Item = &'t str>) -> Self {
        let mut words: HashMap<String, usize> = HashMap::new();
        let mut held_by: Vec<Vec<(usize, f64)>> = Vec::new();
        let mut lengths = Vec::new();
        for (index, passage) in passages.enumerate() {
            let mut length = 0.0;
            each_word(passage, &mut |word| {
                length += 1.0;
                let Some(&known) = words.get(word) else {
                    words.insert(word.to_owned(), held_by.len());
                    held_by.push(vec![(index, 1.0)]);
                    return;
                };
                match held_by[known].last_mut() {
                    Some((last, times)) if *last == index => *times += 1.0,
                    _ => held_by[known].push((index, 1.0)),
                }
            });
            lengths.push(length);
        }
        let mean = lengths.iter().sum::<f64>() / (lengths.len().max(1) as f64);
        Self {
            words,
            held_by,
            lengths,
            mean: mean.max(1.0),
        }
    }

    /// Of the passages that fit the `most` that speak most of `query`, best first; of equal ones the earlier.
    pub(super) fn rank(
        &self,
        query: &str,
        most: usize,
        fits: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let mut asked: Vec<usize> = Vec::new();
        each_word(query, &mut |word| asked.extend(self.words.get(word)));
        asked.sort_unstable();
        asked.dedup();
        let count = self.lengths.len() as f64;
        let mut scores = vec![0.0; self.lengths.len()];
        for word in asked {
            let places = &self.held_by[word];
            let held = places.len() as f64;
            let weight = ((count - held + 0.5) / (held + 0.5) + 1.0).ln();
            for (index, times) in places {
                let length = self.lengths[*index] / self.mean;
                scores[*index] +=
                    weight * times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length));
            }
        }
        let mut ranked: Vec<usize> = (0..scores.len())
            .filter(|&i| scores[i] > 0.0 && fits(i))
            .collect();
        let better = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
        if most < ranked.len() {
            ranked.select_nth_unstable_by(most, better);
            ranked.truncate(most);
        }
        ranked.sort_unstable_by(better);
        ranked
    }
}

/// True for words that say nothing of what a text is about.
fn is_common(word: &str) -> bool {
    matches!(
        word,
        "a" | "add"
            | "all"
            | "an"
            | "and"
            | "are"
            | "as"
            | "at"
            | "be"
            | "by"
            | "for"
            | "from"
            | "in"
            | "is"
            | "it"
            | "its"
            | "must"
            | "of"
            | "on"
            | "or"
            | "should"
            | "that"
            | "the"
            | "this"
            | "to"
            | "when"
            | "will"
            | "with"
    )
}

/// Shows `see` the words of a text.
fn each_word(text: &str, see: &mut dyn FnMut(&str)) {
    // Made anew for each word, in the same place.
    let mut word = String::new();
    let mut say = |word: &str| {
        if !word.is_empty() && !is_common(word) {
            see(word);
        }
    };
    for run in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        if !run.is_ascii() && run.chars().any(is_unspaced) {
            pairs(run, &mut word, &mut say);
            continue;
        }
        if has_parts(run) {
            parts(run, &mut word, &mut say);
        }
        word.clear();
        lower(run, &mut word);
        say(&word);
    }
}

/// Adds `text` in lower case.
fn lower(text: &str, out: &mut String) {
    match text.is_ascii() {
        true => {
            let from = out.len();
            out.push_str(text);
            out[from..].make_ascii_lowercase();
        }
        false => out.extend(text.chars().flat_map(char::to_lowercase)),
    }
}

/// Characters of scripts that put no blanks between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// Every two neighbours of such characters, and the words of other scripts between them.
fn pairs(run: &str, word: &mut String, say: &mut impl FnMut(&str)) {
    word.clear();
    let mut chars = run.chars().peekable();
    while let Some(c) = chars.next() {
        if !is_unspaced(c) {
            word.extend(c.to_lowercase());
            continue;
        }
        say(word);
        word.clear();
        if let Some(next) = chars.peek().filter(|n| is_unspaced(**n)) {
            word.extend([c, *next]);
            say(word);
            word.clear();
        }
    }
    say(word);
}

/// True for `readFile` and `read_file`.
fn has_parts(run: &str) -> bool {
    let is_joint = |pair: &[u8]| !pair[0].is_ascii_uppercase() && pair[1].is_ascii_uppercase();
    match run.is_ascii() {
        true => run.contains('_') || run.as_bytes().windows(2).any(is_joint),
        false => true,
    }
}

/// `readFile` and `read_file` as `read`, `file`; nothing of what is a single part.
fn parts(run: &str, word: &mut String, say: &mut impl FnMut(&str)) {
    let mut was_lower = false;
    let joints = run.char_indices().filter_map(|(at, c)| {
        let begins = c == '_' || (c.is_uppercase() && was_lower);
        was_lower = c.is_lowercase() || c.is_ascii_digit();
        begins.then_some(at)
    });
    let mut from = 0;
    for to in joints.chain([run.len()]) {
        let part = run[from..to].trim_start_matches('_');
        from = to;
        if part.len() < run.len() {
            word.clear();
            lower(part, word);
            say(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        each_word(text, &mut |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn names_are_known_by_their_parts_and_unspaced_text_by_pairs() {
        let found = words("Add the readFile to store_v2");
        assert_eq!(
            found,
            ["read", "file", "readfile", "store", "v2", "store_v2"]
        );
        assert_eq!(words("保存する API"), ["保存", "存す", "する", "api"]);
        assert_eq!(words("用JWT登录"), ["jwt", "登录"]);
        assert_eq!(
            words("_private Über_Maß HTTPServer"),
            [
                "private",
                "_private",
                "über",
                "maß",
                "über_maß",
                "httpserver"
            ]
        );
        assert_eq!(
            words("v2Api, A_b, __, it"),
            ["v2", "api", "v2api", "b", "a_b", "__"]
        );
    }

    #[test]
    fn what_has_the_rarer_words_comes_first() {
        let passages = [
            "The store keeps users. The store keeps sessions.",
            "Routes speak JSON.",
            "Sessions expire after an hour, and expired sessions are refused.",
            "",
        ];
        let index = Index::new(passages.into_iter());
        assert_eq!(index.rank("refuse expired sessions", 9, |_| true), [2, 0]);
        assert_eq!(index.rank("refuse expired sessions", 1, |_| true), [2]);
        assert_eq!(index.rank("refuse expired sessions", 1, |i| i != 2), [0]);
        assert_eq!(index.rank("the JSON routes", 9, |_| true), [1]);
        assert!(index.rank("nothing of it", 9, |_| true).is_empty());
        assert!(
            Index::new(std::iter::empty())
                .rank("a b", 9, |_| true)
                .is_empty()
        );
    }

    #[test]
    fn a_long_passage_does_not_win_by_its_length() {
        let long = format!("session {}", "filler words of no use ".repeat(200));
        let index = Index::new([long.as_str(), "A session is a cookie."].into_iter());
        assert_eq!(index.rank("session", 9, |_| true), [1, 0]);
    }
}
