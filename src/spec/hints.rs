//! What a task's text says about other tasks and about files.

use super::label::{is_reference, number_len};

/// At most this many paths are taken from one task.
const MAX_FILES: usize = 32;
/// At most this many dependencies are taken from one task.
const MAX_DEPENDS: usize = 64;

/// Words that announce dependencies. The last two need their colon.
const ANNOUNCE: [&str; 7] = [
    "depends on",
    "depends upon",
    "depends_on",
    "depends:",
    "blocked by",
    "dependencies:",
    "dependency:",
];

/// Labels a task depends on: `(depends on T004, T005)`, `**Depends on**: T004 and 2.1`, `Depends: T001-T003`.
///
/// As written, in order, each once. A lone number counts only where nothing else can be meant ("depends on
/// 3, 4", "depends on task 3"), not before a word ("depends on 3 services").
pub(super) fn depends_on(text: &str) -> Vec<String> {
    // Most tasks say nothing of the kind.
    if !text.as_bytes().windows(4).any(|w| {
        [b"depe", b"bloc"]
            .iter()
            .any(|start| w.eq_ignore_ascii_case(*start))
    }) {
        return Vec::new();
    }
    // ASCII lower case keeps every byte offset.
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    for _ in 0..MAX_DEPENDS {
        let next = ANNOUNCE
            .iter()
            .filter_map(|w| lower[at..].find(w).map(|i| (at + i, *w)))
            .min();
        let Some((start, word)) = next else { break };
        at = start + word.len();
        for label in labels(&text[at..]) {
            if found.len() < MAX_DEPENDS && !found.contains(&label) {
                found.push(label);
            }
        }
    }
    found
}

/// The labels at the start of `text`, up to the first word that is none.
fn labels(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest =
            rest.trim_start_matches([' ', '\t', ':', '*', '_', ',', '&', '+', '`', '[', ']', '#']);
        if let Some(after) = filler(rest) {
            rest = after;
            continue;
        }
        let len = rest
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
            .count();
        let token = rest[..len].trim_end_matches(['.', '-', '_']);
        let after = &rest[token.len()..];
        let lone = !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
        let closed = after
            .trim_start_matches(' ')
            .chars()
            .next()
            .is_none_or(|c| ",;.)]\r\n".contains(c));
        if let Some(range) = range_of(token, after) {
            rest = &after[range.1..];
            found.extend(range.0);
        } else if let Some((first, last)) = token
            .split_once('-')
            .filter(|(a, b)| is_reference(a) && is_reference(b))
        {
            found.extend(expand(first, last));
            rest = after;
        } else if is_reference(token) || (lone && closed) {
            found.push(token.to_owned());
            rest = after;
        } else {
            return found;
        }
        if found.len() > MAX_DEPENDS {
            return found;
        }
    }
}

/// "and", "or", "task", "tasks" and the like between labels.
fn filler(text: &str) -> Option<&str> {
    let len = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let word = text[..len].to_ascii_lowercase();
    let blank = text[len..].starts_with([' ', '\t', '#']);
    (blank
        && matches!(
            word.as_str(),
            "and" | "or" | "task" | "tasks" | "the" | "on" | "by"
        ))
    .then(|| &text[len..])
}

/// `T001 – T003` written with a long dash; with how much of `after` it takes.
fn range_of(first: &str, after: &str) -> Option<(Vec<String>, usize)> {
    let tail = after
        .trim_start_matches(' ')
        .strip_prefix(['–', '—'])?
        .trim_start_matches(' ');
    let len = tail.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let last = &tail[..len];
    (is_reference(first) && is_reference(last))
        .then(|| (expand(first, last), after.len() - tail.len() + len))
}

/// `T001`, `T003` -> all three; the two ends where they do not share a prefix or lie far apart.
fn expand(first: &str, last: &str) -> Vec<String> {
    let split = |label: &str| {
        let prefix = label.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &label[prefix.len()..];
        digits
            .parse::<u32>()
            .ok()
            .map(|n| (prefix.to_owned(), n, digits.len()))
    };
    match (split(first), split(last)) {
        (Some((prefix, from, width)), Some((other, to, _)))
            if prefix == other && from < to && to - from <= 50 =>
        {
            (from..=to)
                .map(|n| format!("{prefix}{n:0width$}"))
                .collect()
        }
        _ => vec![first.to_owned(), last.to_owned()],
    }
}

/// At most this many references are taken from one task.
const MAX_MEETS: usize = 64;

/// Prefixes of ids that documents give to requirements, stories and criteria.
const REQUIREMENT_PREFIXES: [&str; 8] = ["AC", "FR", "NFR", "R", "REQ", "SC", "STORY", "US"];

/// What the text says it is for: `_Requirements: 1.2, 2.1-2.3_` in any language, `(AC: 1, 3)`, `[US1]`, `FR-003`,
/// "Validates: Requirements 1.1". Numbers as written, each once, in order.
pub(super) fn meets(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |reference: String| {
        if found.len() < MAX_MEETS && !found.contains(&reference) {
            found.push(reference);
        }
    };
    for line in text.lines() {
        if let Some(list) = announced(line) {
            references(list).into_iter().for_each(&mut add);
        }
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        for word in words.filter(|w| is_requirement_id(w)) {
            add(word.to_owned());
        }
    }
    found
}

/// Beginnings of what people call requirements, in lower case, where a line of emphasis says which it is for.
const REQUIREMENT_WORDS: [&str; 24] = [
    "requirement",
    "req",
    "validates",
    "covers",
    "anforderung",
    "exigence",
    "requisito",
    "requerimiento",
    "requis",
    "krav",
    "eisen",
    "vereiste",
    "wymagani",
    "требовани",
    "вимог",
    "gereksinim",
    "yêu cầu",
    "要件",
    "要求",
    "需求",
    "요구사항",
    "요구",
    "ความต้องการ",
    "आवश्यकता",
];

/// What stands behind `Requirements:` and its like: in a line of emphasis alone behind its word in any language that
/// is known, or behind any word where numbers are dotted as criteria are; else behind words that say so.
fn announced(line: &str) -> Option<&str> {
    let line = line.trim().trim_start_matches(['-', '*', '+', ' ']);
    if let Some(inner) = line
        .strip_prefix('_')
        .and_then(|l| l.trim_end().strip_suffix('_'))
    {
        let (word, list) = inner.split_once([':', '：'])?;
        let word = word.trim().to_lowercase();
        let is_other = [
            "depend", "boundar", "block", "parallel", "effort", "estimate", "version", "since",
        ];
        if is_other.iter().any(|w| word.starts_with(w)) {
            return None;
        }
        let is_known = REQUIREMENT_WORDS.iter().any(|w| word.starts_with(w));
        return (is_known || list.trim_start().split([',', ' ']).next()?.contains('.'))
            .then_some(list);
    }
    // Most lines say nothing of the kind.
    if !(line.contains("equirement") || line.contains("REQUIREMENT") || line.contains('(')) {
        return None;
    }
    let lower = line.to_ascii_lowercase();
    let split = |text: &'static str| lower.find(text).map(|at| &line[at + text.len()..]);
    split("(ac:")
        .or_else(|| split("(ac "))
        .or_else(|| split("requirements:"))
        .or_else(|| split("requirements "))
        .or_else(|| split("requirement "))
}

/// The numbers at the start of a list such as `1.2, 2.1-2.3 and 4`; empty where something else stands there.
fn references(list: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in list.split([',', '、', '，', ';', '&']) {
        let words = piece.split_whitespace();
        let words = words.filter(|w| {
            !matches!(
                w.to_ascii_lowercase().as_str(),
                "and" | "ac" | "requirement"
            )
        });
        for word in words {
            let word = word.trim_matches(['(', ')', '[', ']', '*', '_', '#', '.', ':']);
            let word = word.strip_prefix("AC").unwrap_or(word);
            let (first, last) = word.split_once(['-', '–', '~']).unwrap_or((word, ""));
            let is_number = |n: &str| !n.is_empty() && number_len(n) == n.len();
            if is_number(first) && is_number(last) {
                found.extend(between(first, last));
            } else if is_number(word) {
                found.push(word.to_owned());
            } else {
                return found;
            }
        }
    }
    found
}

/// `1.2` to `1.4`: all of them; the two ends where they lie in different chapters or far apart.
fn between(first: &str, last: &str) -> Vec<String> {
    let split = |n: &str| {
        let (chapter, n) = n.rsplit_once('.').unwrap_or(("", n));
        n.parse::<u32>().ok().map(|n| (chapter.to_owned(), n))
    };
    match (split(first), split(last)) {
        (Some((chapter, from)), Some((other, to)))
            if chapter == other && from < to && to - from <= 50 =>
        {
            let dot = if chapter.is_empty() { "" } else { "." };
            (from..=to).map(|n| format!("{chapter}{dot}{n}")).collect()
        }
        _ => vec![first.to_owned(), last.to_owned()],
    }
}

/// `FR-003`, `US1`, `AC-2`.
fn is_requirement_id(word: &str) -> bool {
    let digits = word.trim_start_matches(|c: char| !c.is_ascii_digit());
    let prefix = &word[..word.len() - digits.len()];
    let letters = prefix.trim_end_matches(['-', '_']);
    let is_known = REQUIREMENT_PREFIXES.contains(&letters);
    is_known
        && (1..=5).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (letters.len() > 1 || prefix.len() > letters.len())
}

/// Endings of files people name without a folder.
const EXTENSIONS: [&str; 62] = [
    "bash", "bat", "c", "cc", "cfg", "conf", "cpp", "cs", "css", "csv", "dart", "ex", "exs", "go",
    "gql", "gradle", "graphql", "h", "hpp", "html", "ini", "ipynb", "java", "jl", "js", "json",
    "jsx", "kt", "kts", "less", "lock", "lua", "md", "mjs", "mod", "nix", "php", "proto", "ps1",
    "py", "pyi", "rb", "rs", "rst", "sass", "scala", "scss", "sh", "sol", "sql", "svelte", "swift",
    "tf", "toml", "ts", "tsx", "txt", "vue", "xml", "yaml", "yml", "zig",
];

/// Paths named in the text, as written but for line numbers: relative, below the root, each once.
///
/// A token in backticks needs a `/` or a known ending; a bare one needs a known ending, and where it has no
/// `/` it must not begin like a product's name (`Node.js`).
pub(super) fn files(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (i, piece) in text.split('`').enumerate() {
        let quoted = i % 2 == 1;
        if quoted && piece.contains(char::is_whitespace) {
            continue;
        }
        // Chinese and Japanese text has no spaces around a path.
        let stops =
            |c: char| c.is_whitespace() || matches!(c, '，' | '、' | '。' | '；' | '（' | '）');
        for word in piece.split(stops).filter(|w| w.contains(['/', '.'])) {
            if found.len() == MAX_FILES {
                return found;
            }
            if let Some(path) = path(word, quoted)
                && !found.iter().any(|f| f == path)
            {
                found.push(path.to_owned());
            }
        }
    }
    found
}

fn path(word: &str, quoted: bool) -> Option<&str> {
    let outer = |c: char| {
        matches!(
            c,
            '(' | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '<'
                | '>'
                | '"'
                | '\''
                | '*'
                | ','
                | ';'
                | ':'
                | '!'
                | '?'
        )
    };
    let word = word.trim_matches(outer).trim_end_matches('.');
    let word = word.strip_prefix("./").unwrap_or(word);
    // `src/lib.rs:12` and `src/lib.rs#L3` name the file.
    let word = match word.split_once([':', '#']) {
        Some((path, place)) if place.starts_with(|c: char| c.is_ascii_digit() || c == 'L') => path,
        Some(_) => return None,
        None => word,
    };
    if word.is_empty() || word.len() > 240 || word.starts_with(['/', '-', '~', '@']) {
        return None;
    }
    let good = |c: char| {
        c.is_alphanumeric()
            || matches!(
                c,
                '/' | '.' | '_' | '-' | '+' | '@' | '[' | ']' | '(' | ')' | '$'
            )
    };
    if !word.chars().all(good) {
        return None;
    }
    let folders = word.contains('/');
    let parts: Vec<&str> = word.trim_end_matches('/').split('/').collect();
    if parts
        .iter()
        .any(|p| p.is_empty() || matches!(*p, "." | ".."))
    {
        return None;
    }
    let last = parts.last()?;
    let known = last.rsplit_once('.').is_some_and(|(stem, ext)| {
        !stem.is_empty() && EXTENSIONS.contains(&ext.to_ascii_lowercase().as_str())
    });
    let first = parts.first()?;
    if !known {
        const MEDIA: [&str; 6] = [
            "application",
            "audio",
            "image",
            "multipart",
            "text",
            "video",
        ];
        let number = number_len(first) == first.len();
        return (quoted && folders && !number && !MEDIA.contains(first)).then_some(word);
    }
    let product =
        !quoted && !folders && word.starts_with(char::is_uppercase) && word.ends_with(".js");
    (!product).then_some(word)
}
