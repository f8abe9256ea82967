//! Requirements, stories and criteria that a task names, as text.
//!
//! `1.2` is the second criterion of the first requirement: a heading that bears the number, and the ordered list below
//! it. `FR-003` and its like are the item that begins with them; `US1` is the section of the first user story.

use super::label::number_len;
use super::reader;
use super::text::{Lines, beginning, dedent};
use crate::model::Document;
use std::collections::HashMap;

/// Longest text that one reference stands for, in characters.
const MAX_CHARS: usize = 2_000;

/// Documents that are read, so that many references can be looked up in them.
pub struct Criteria<'a> {
    documents: Vec<Numbers<'a>>,
}

/// The sections of one document, and what is numbered in it: of two that bear one number the first counts.
struct Numbers<'a> {
    sections: Vec<Passage<'a>>,
    /// Sections by the number of their heading: `3`, `2.1`.
    headings: HashMap<String, usize>,
    /// Items of lists whose numbers are dotted.
    items: HashMap<String, String>,
}

impl<'a> Criteria<'a> {
    pub fn read(documents: impl Iterator<Item = &'a Document>) -> Self {
        Self {
            documents: documents.map(|d| Numbers::read(&d.text)).collect(),
        }
    }

    /// What `reference` stands for in the first of the documents that knows it.
    pub fn resolve(&self, reference: &str) -> Option<String> {
        self.documents.iter().find_map(|document| {
            let found = match number_len(reference) == reference.len() {
                true => document.numbered(reference),
                false => named(&document.sections, reference),
            };
            found.map(|text| text.chars().take(MAX_CHARS).collect())
        })
    }
}

impl<'a> Numbers<'a> {
    fn read(text: &'a str) -> Self {
        let sections = sections(text);
        let (mut headings, mut all) = (HashMap::new(), HashMap::new());
        for (index, section) in sections.iter().enumerate() {
            let heading = section.headings.last().map_or("", String::as_str);
            if let Some(number) = number_of(heading) {
                headings.entry(number.to_owned()).or_insert(index);
            }
            for (number, text) in items(section.own) {
                if number.contains('.') {
                    all.entry(number).or_insert(text);
                }
            }
        }
        Self {
            sections,
            headings,
            items: all,
        }
    }

    /// `3` or `1.2`.
    fn numbered(&self, reference: &str) -> Option<String> {
        // Some number their criteria in full.
        if let Some(text) = self.items.get(reference) {
            return Some(text.clone());
        }
        let heading = |number: &str| {
            let section = &self.sections[*self.headings.get(number)?];
            Some((section.headings.last().map_or("", String::as_str), section))
        };
        if let Some((title, section)) = heading(reference) {
            return Some(format!("{title}\n{}", dedent(section.whole)));
        }
        let (chapter, item) = reference.split_once('.')?;
        let (title, section) = heading(chapter)?;
        let (_, text) = items(section.whole).into_iter().find(|(n, _)| n == item)?;
        Some(format!("{title}: {text}"))
    }
}

/// A heading and what stands below it, sub-sections included.
pub struct Passage<'a> {
    pub headings: Vec<String>,
    /// Below the heading, up to the next one of any level.
    pub own: &'a str,
    /// The same with the sections inside it.
    pub whole: &'a str,
}

/// The sections of a Markdown text, in its order; a text of another kind is one.
pub fn sections(text: &str) -> Vec<Passage<'_>> {
    let lines = Lines::new(text.as_bytes());
    let parts = reader::read(text, beginning(text), &lines).parts;
    let end_of = |index: usize| {
        let level = parts[index].section.level;
        let behind = parts[index + 1..].iter();
        let len = behind.take_while(|p| p.section.level > level).count();
        parts[index + len].section.span.end
    };
    let passage = |index: usize| {
        let part = &parts[index];
        let start = part.body.start.min(part.section.span.end);
        Passage {
            headings: part.section.headings.clone(),
            own: &text[start..part.section.span.end],
            whole: &text[start..end_of(index)],
        }
    };
    (0..parts.len()).map(passage).collect()
}

/// The number of `Requirement 3: …`, `要件3`, `3. …`, `### 3 …` and `1.2 …`; nothing for one that stands amid words.
fn number_of(heading: &str) -> Option<&str> {
    let rest = heading.trim_start_matches(|c: char| !c.is_alphanumeric());
    let digits = rest.find(|c: char| c.is_ascii_digit())?;
    // At most one word before it.
    let is_first = rest[..digits].split_whitespace().count() <= 1;
    let number = &rest[digits..];
    let len = number
        .bytes()
        .take_while(|b| b.is_ascii_digit() || *b == b'.')
        .count();
    is_first.then(|| number[..len].trim_end_matches('.'))
}

/// The items of numbered lists with their numbers, each with the lines that belong to it.
fn items(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let inner = line.trim_start().trim_start_matches(['-', '*', ' ']);
        let len = number_len(inner);
        let after = &inner[len..];
        let words = after.trim_start_matches(['.', ')', ':', '*']);
        let is_item = len > 0
            && words.starts_with(' ')
            && (words.len() < after.len() || inner[..len].contains('.'));
        if is_item {
            found.push((inner[..len].to_owned(), words.trim().to_owned()));
        } else if line.starts_with([' ', '\t']) && !line.trim().is_empty() {
            if let Some((_, last)) = found.last_mut() {
                last.push('\n');
                last.push_str(line.trim());
            }
        } else if line.starts_with('#') {
            // A number counts from one again below another heading.
            found.push((String::new(), String::new()));
        }
    }
    found
}

/// What people call a story in its heading, in lower case.
const STORY: [&str; 11] = [
    "story",
    "storia",
    "historia",
    "história",
    "histoire",
    "geschichte",
    "истори",
    "故事",
    "ストーリー",
    "스토리",
    "kullanıcı",
];

/// `FR-003`, `US1`, `AC-2`.
fn named(sections: &[Passage<'_>], reference: &str) -> Option<String> {
    let starts = |line: &str| {
        let words = line.trim_start_matches(|c: char| !c.is_alphanumeric());
        let rest = words.strip_prefix(reference);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    for section in sections {
        let heading = section.headings.last().map_or("", String::as_str);
        let story = reference.strip_prefix("US").filter(|n| !n.starts_with('-'));
        let lower = heading.to_lowercase();
        let first = heading
            .split(|c: char| !c.is_ascii_digit())
            .find(|n| !n.is_empty());
        let is_story =
            story.is_some_and(|n| first == Some(n)) && STORY.iter().any(|w| lower.contains(w));
        if is_story || starts(heading) {
            return Some(format!("{heading}\n{}", dedent(section.whole)));
        }
        let mut lines = section.own.lines();
        if let Some(first) = lines.by_ref().find(|line| starts(line)) {
            let inner = lines.take_while(|line| line.starts_with([' ', '\t']));
            let all: Vec<&str> = std::iter::once(first).chain(inner).collect();
            return Some(dedent(&all.join("\n")));
        }
    }
    None
}
