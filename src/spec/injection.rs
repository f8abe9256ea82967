//! What in a spec reads like an order to whoever builds it instead of like work: to set rules aside, to weaken
//! checks, to push, to show secrets, to run what comes from elsewhere, or words that people do not see.
//!
//! A report for people and no wall: whoever wants to can say the same in other words. So it is quick, it names line
//! and words, and it stops nothing. What the rules look for stands in [`rules`].

mod hidden;
mod rules;

use crate::model::{self, Diagnostic, Severity};
use rules::{NEGATIONS, Negated, RULES, Rule, TURNED_DOWN};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Most reports about one spec: whoever reads ten looks at it.
const MOST: usize = 10;
/// Most words of a report, in characters.
const SHOWN: usize = 100;
/// Lines from which such words may come.
const NEAR: usize = 4;

/// What a place in a spec looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suspect {
    DropsRules,
    WeakensChecks,
    Delivers,
    TakesSecrets,
    RunsForeignCode,
    KeepsQuiet,
    SpeaksToModels,
    OpensWalls,
    Hidden,
}

impl Suspect {
    fn words(self) -> &'static str {
        match self {
            Self::DropsRules => "asks to set rules aside",
            Self::WeakensChecks => "asks to weaken tests or checks",
            Self::Delivers => "asks to push or merge what nobody looked at",
            Self::TakesSecrets => "asks to show or send what is secret",
            Self::RunsForeignCode => "has code from elsewhere run",
            Self::KeepsQuiet => "asks to keep something from people",
            Self::SpeaksToModels => "speaks to a model instead of to people",
            Self::OpensWalls => "asks to open walls, or to touch what guards the work",
            Self::Hidden => "holds words that people do not see",
        }
    }
}

/// One place that a person should read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// From 1.
    pub line: usize,
    pub what: Suspect,
    /// The words, invisible ones spelled out.
    pub words: String,
}

/// The suspicions about the text at `path`, as warnings. `redact` takes secrets out of what is quoted, as long as it is
/// whole: of one that was cut nobody would know what the rest is.
pub fn warnings(
    path: &str,
    text: &str,
    redact: &dyn for<'t> Fn(&'t str) -> Cow<'t, str>,
) -> Vec<Diagnostic> {
    let one = |s: Suspicion| {
        let lines: Vec<&str> = text.split('\n').skip(s.line - 1).take(NEAR).collect();
        let near = lines.join("\n");
        let near = without_invisible(&near);
        let words = match redact(&near) {
            Cow::Owned(safe) if safe != *near => shown(&safe),
            _ => s.words,
        };
        Diagnostic {
            rule: model::Rule::SuspiciousWords,
            severity: Severity::Warning,
            path: path.to_owned(),
            line: s.line,
            message: format!("this {}: \u{201c}{words}\u{201d}", s.what.words()),
            remedy: "read it before it is built; a run goes on, and what a spec says opens no wall"
                .to_owned(),
        }
    };
    suspicions(text).into_iter().map(one).collect()
}

/// What of `text` a person should read, in the order of lines, each kind once a line.
pub fn suspicions(text: &str) -> Vec<Suspicion> {
    let mut found = hidden::invisible(text);
    let plain = without_invisible(text);
    let tokens = tokens(&plain);
    let mut lines = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(entry) = TABLE.find(token.word) else {
            continue;
        };
        if entry.is_program {
            lines.push(token.line);
        }
        for rule in &entry.rules {
            if let Some(end) = matches(rule, &tokens, at) {
                found.push(Suspicion {
                    line: token.line,
                    what: rule.what,
                    words: words(&plain, &tokens[at..=end]),
                });
            }
        }
    }
    found.extend(hidden::places(&plain, &lines));
    found.sort_by_key(|s| (s.line, s.what));
    found.dedup_by_key(|s| (s.line, s.what));
    found.truncate(MOST);
    found
}

/// What begins with a word.
#[derive(Debug, Default)]
struct Entry {
    rules: Vec<&'static Rule>,
    /// A line that holds it may run something.
    is_program: bool,
}

/// The words that are looked for, and what tells quickly that another is none of them.
struct Table {
    entries: HashMap<&'static str, Entry>,
    /// Bits for the lengths of words, by their first byte.
    lengths: [u32; 256],
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut entries: HashMap<&'static str, Entry> = HashMap::new();
    for rule in RULES {
        for word in rule.first {
            entries.entry(word).or_default().rules.push(rule);
        }
    }
    for word in hidden::PROGRAMS {
        entries.entry(word).or_default().is_program = true;
    }
    let mut lengths = [0; 256];
    for word in entries.keys() {
        lengths[usize::from(word.as_bytes()[0])] |= 1 << word.len();
    }
    Table { entries, lengths }
});

impl Table {
    fn find(&self, word: &str) -> Option<&Entry> {
        let mut small = [0; 24];
        let small = small.get_mut(..word.len())?;
        small.copy_from_slice(word.as_bytes());
        small.make_ascii_lowercase();
        if self.lengths[usize::from(*small.first()?)] & (1 << small.len()) == 0 {
            return None;
        }
        self.entries.get(std::str::from_utf8(small).ok()?)
    }
}

/// A word of a spec and where it stands.
#[derive(Clone, Copy, Debug)]
struct Token<'t> {
    word: &'t str,
    /// Offset of the word.
    at: usize,
    line: usize,
    sentence: usize,
    /// It begins a sentence or a clause.
    begins: bool,
    /// A sentence or a clause ends behind it.
    ends: bool,
}

fn is_word(c: char) -> bool {
    match u8::try_from(c) {
        Ok(b) if b.is_ascii() => {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'_' | b'-' | b'/' | b'.' | b'~' | b'$' | b'\'' | b':' | b'@'
                )
        }
        _ => c == '\u{2019}' || c.is_alphanumeric(),
    }
}

/// The words of a text. A list item, a heading, a row and an empty line begin a sentence.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out: Vec<Token<'_>> = Vec::with_capacity(text.len() / 6);
    let (mut sentence, mut begins, mut offset) = (0, true, 0);
    for (number, line) in text.split('\n').enumerate() {
        let body = line.trim_start_matches([' ', '\t', '>']);
        let rest = without_marker(body);
        if rest.len() != body.len() || rest.trim().is_empty() {
            sentence += 1;
            begins = true;
            if let Some(last) = out.last_mut() {
                last.ends = true;
            }
        }
        let start = offset + (line.len() - rest.len());
        for (at, piece) in pieces(rest) {
            let word = piece.trim_matches(['.', ':', '\'', '\u{2019}', '/']);
            // A path, a switch and a variable keep what they begin with.
            let word = match piece.starts_with(['.', '/'])
                && word.contains(|c: char| c.is_alphanumeric())
            {
                true => piece.trim_end_matches(['.', ':', '\'', '\u{2019}']),
                false => word,
            };
            if !word.contains(|c: char| c.is_alphanumeric()) {
                continue;
            }
            out.push(Token {
                word,
                at: start + at + (word.as_ptr() as usize - piece.as_ptr() as usize),
                line: number + 1,
                sentence,
                begins,
                ends: false,
            });
            let behind = &rest[at + piece.len()..];
            let gap = &behind[..behind.find(is_word).unwrap_or(behind.len())];
            let stops = piece.ends_with(['.', ':']) || gap.contains(['!', '?', ';', '|']);
            begins = stops || gap.contains([',', '(', ')', '\u{2014}', '\u{2013}']);
            if let Some(last) = out.last_mut() {
                last.ends = begins;
            }
            sentence += usize::from(stops);
        }
        offset += line.len() + 1;
    }
    if let Some(last) = out.last_mut() {
        last.ends = true;
    }
    out
}

/// Runs of what words are made of, each with its offset.
fn pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(|c| !is_word(c))
        .filter(|p| !p.is_empty())
        .map(|p| (p.as_ptr() as usize - text.as_ptr() as usize, p))
}

/// A line without the mark of a list, a box, a heading or a row.
fn without_marker(line: &str) -> &str {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let item = match digits.len() < line.len() {
        true => digits
            .strip_prefix(['.', ')'])
            .and_then(|r| r.strip_prefix(' ')),
        false => line
            .strip_prefix(['-', '*', '+'])
            .and_then(|r| r.strip_prefix(' '))
            .or_else(|| line.strip_prefix('#').map(|r| r.trim_start_matches('#')))
            .or_else(|| line.strip_prefix('|')),
    };
    let Some(item) = item.map(str::trim_start) else {
        return line;
    };
    let boxed = ["[ ]", "[x]", "[X]"]
        .iter()
        .find_map(|b| item.strip_prefix(b));
    boxed.unwrap_or(item).trim_start()
}

/// Where the match that begins at a token ends.
fn matches(rule: &Rule, tokens: &[Token<'_>], at: usize) -> Option<usize> {
    if rule.orders && !is_order(tokens, at) {
        return None;
    }
    let end = follow(rule, rule.then, tokens, at)?;
    let fits = match rule.negated {
        Negated::Never => !is_turned_down(tokens, at, end),
        Negated::Always => is_forbidden(tokens, at),
        Negated::Either => true,
    };
    fits.then_some(end)
}

/// Follows the steps of a rule, wherever each fits.
fn follow(
    rule: &Rule,
    steps: &[(usize, &[&str])],
    tokens: &[Token<'_>],
    at: usize,
) -> Option<usize> {
    let Some(((gap, words), rest)) = steps.split_first() else {
        let sentence = tokens[at].sentence;
        let behind = tokens[at + 1..].iter().take(2);
        let mut behind = behind.take_while(|t| t.sentence == sentence);
        let is_other = behind.any(|t| rule.unless.iter().any(|w| is(t.word, w)));
        let is_whole = !rule.ends || tokens[at].ends;
        return (!is_other && is_whole).then_some(at);
    };
    let sentence = tokens[at].sentence;
    let near = tokens.iter().enumerate().skip(at + 1).take(gap + 1);
    near.take_while(|(_, t)| t.sentence == sentence)
        .filter(|(_, t)| words.iter().any(|w| is(t.word, w)))
        .find_map(|(next, _)| follow(rule, rest, tokens, next))
}

/// `pattern` in small letters; with `*` at its end it is a beginning.
fn is(word: &str, pattern: &str) -> bool {
    let (word, pattern) = (word.as_bytes(), pattern.as_bytes());
    // Most words differ at once.
    if word.first().map(|b| b | 0x20) != pattern.first().copied() {
        return false;
    }
    match pattern.strip_suffix(b"*") {
        Some(start) => word
            .get(..start.len())
            .is_some_and(|w| w.eq_ignore_ascii_case(start)),
        None => word.eq_ignore_ascii_case(pattern),
    }
}

/// True for a verb that tells somebody to do it, as against one of a sentence about what a program does.
fn is_order(tokens: &[Token<'_>], at: usize) -> bool {
    let token = &tokens[at];
    let Some(before) = at.checked_sub(1).map(|at| &tokens[at]) else {
        return true;
    };
    if token.begins || before.sentence != token.sentence {
        return true;
    }
    let is_label = before.word.len() <= 6
        && before
            .word
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '.' || c == '-');
    is_label || rules::LEADS.iter().any(|w| is(before.word, w))
}

fn sentence_before<'t, 's>(
    tokens: &'s [Token<'t>],
    at: usize,
    most: usize,
) -> impl Iterator<Item = &'s Token<'t>> {
    let sentence = tokens[at].sentence;
    tokens[..at]
        .iter()
        .rev()
        .take(most)
        .take_while(move |t| t.sentence == sentence)
}

fn is_negation(word: &str) -> bool {
    NEGATIONS.iter().any(|n| is(word, n)) || word.ends_with("n't") || word.ends_with("n\u{2019}t")
}

/// True where the sentence forbids it, or says that it is refused.
fn is_turned_down(tokens: &[Token<'_>], at: usize, end: usize) -> bool {
    let sentence = tokens[at].sentence;
    let mut around = tokens[end + 1..]
        .iter()
        .take(12)
        .take_while(|t| t.sentence == sentence);
    sentence_before(tokens, at, 6).any(|t| is_negation(t.word))
        || around.any(|t| TURNED_DOWN.iter().any(|w| is(t.word, w)))
}

/// True where somebody is told not to do it: `do not`, `never`, `without`.
fn is_forbidden(tokens: &[Token<'_>], at: usize) -> bool {
    let before: Vec<&str> = sentence_before(tokens, at, 3).map(|t| t.word).collect();
    before.iter().enumerate().any(|(i, word)| {
        let told = before
            .get(i + 1)
            .is_some_and(|w| ["do", "must", "should", "please"].iter().any(|p| is(w, p)));
        match word {
            w if ["never", "without", "don't", "don\u{2019}t", "dont"]
                .iter()
                .any(|p| is(w, p)) =>
            {
                true
            }
            w => is(w, "not") && told,
        }
    })
}

/// The words from the first to the last token on one line, and a little of what follows.
fn words(text: &str, tokens: &[Token<'_>]) -> String {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
        return String::new();
    };
    shown(
        text.get(first.at..last.at + last.word.len())
            .unwrap_or_default(),
    )
}

fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    match words.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// The text as a model may read it in spite of what stands between its letters.
fn without_invisible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(hidden::is_invisible) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !hidden::is_invisible(*c)).collect())
}
