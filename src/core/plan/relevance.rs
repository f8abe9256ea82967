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
    /// For every word the passages that have it, and how often.
    places: HashMap<String, Vec<(usize, f64)>>,
    lengths: Vec<f64>,
    mean: f64,
}

impl Index {
    pub(super) fn new<'t>(passages: impl Iterator<Item = &'t str>) -> Self {
        let mut places: HashMap<String, Vec<(usize, f64)>> = HashMap::new();
        let mut lengths = Vec::new();
        for (index, passage) in passages.enumerate() {
            let mut counts: HashMap<String, f64> = HashMap::new();
            let words = words(passage);
            lengths.push(words.len() as f64);
            for word in words {
                *counts.entry(word).or_default() += 1.0;
            }
            for (word, count) in counts {
                places.entry(word).or_default().push((index, count));
            }
        }
        let mean = lengths.iter().sum::<f64>() / (lengths.len().max(1) as f64);
        Self {
            places,
            lengths,
            mean: mean.max(1.0),
        }
    }

    /// The passages that have words of `query`, best first; of equal ones the earlier.
    pub(super) fn rank(&self, query: &str) -> Vec<usize> {
        let mut asked = words(query);
        asked.sort_unstable();
        asked.dedup();
        let count = self.lengths.len() as f64;
        let mut scores = vec![0.0; self.lengths.len()];
        for word in &asked {
            let Some(places) = self.places.get(word) else {
                continue;
            };
            let held = places.len() as f64;
            let weight = ((count - held + 0.5) / (held + 0.5) + 1.0).ln();
            for (index, times) in places {
                let length = self.lengths[*index] / self.mean;
                scores[*index] +=
                    weight * times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length));
            }
        }
        let mut ranked: Vec<usize> = (0..scores.len()).filter(|&i| scores[i] > 0.0).collect();
        ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        ranked
    }
}

/// Words that say nothing of what a text is about.
const COMMON: [&str; 28] = [
    "a", "all", "an", "and", "are", "as", "at", "be", "by", "for", "from", "in", "is", "it", "its",
    "of", "on", "or", "that", "the", "this", "to", "with", "must", "should", "will", "add", "when",
];

fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for run in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        if run.is_empty() {
            continue;
        }
        if run.chars().any(is_unspaced) {
            pairs(run, &mut found);
            continue;
        }
        let whole = run.to_lowercase();
        let parts = parts(run);
        if parts.len() > 1 {
            found.extend(parts.into_iter().filter(|p| !is_common(p)));
        }
        if !is_common(&whole) {
            found.push(whole);
        }
    }
    found
}

fn is_common(word: &str) -> bool {
    COMMON.contains(&word)
}

/// Characters of scripts that put no blanks between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// Every two neighbours of such characters, and the words of other scripts between them.
fn pairs(run: &str, found: &mut Vec<String>) {
    let chars: Vec<char> = run.chars().collect();
    let mut word = String::new();
    for (i, &c) in chars.iter().enumerate() {
        if !is_unspaced(c) {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            found.push(std::mem::take(&mut word));
        }
        if let Some(&next) = chars.get(i + 1).filter(|n| is_unspaced(**n)) {
            found.push(String::from_iter([c, next]));
        }
    }
    if !word.is_empty() {
        found.push(word);
    }
}

/// `readFile` and `read_file` as `read`, `file`.
fn parts(run: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut last_lower = false;
    for c in run.chars() {
        let begins = parts.is_empty() || c == '_' || (c.is_uppercase() && last_lower);
        if begins {
            parts.push(String::new());
        }
        if c != '_'
            && let Some(part) = parts.last_mut()
        {
            part.extend(c.to_lowercase());
        }
        last_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_by_their_parts_and_unspaced_text_by_pairs() {
        let found = words("Add the readFile to store_v2");
        assert_eq!(
            found,
            ["read", "file", "readfile", "store", "v2", "store_v2"]
        );
        assert_eq!(words("保存する API"), ["保存", "存す", "する", "api"]);
        assert_eq!(words("用JWT登录"), ["jwt", "登录"]);
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
        assert_eq!(index.rank("refuse expired sessions"), [2, 0]);
        assert_eq!(index.rank("the JSON routes"), [1]);
        assert!(index.rank("nothing of it").is_empty());
        assert!(Index::new(std::iter::empty()).rank("a b").is_empty());
    }

    #[test]
    fn a_long_passage_does_not_win_by_its_length() {
        let long = format!("session {}", "filler words of no use ".repeat(200));
        let index = Index::new([long.as_str(), "A session is a cookie."].into_iter());
        assert_eq!(index.rank("session"), [1, 0]);
    }
}
