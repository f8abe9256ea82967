//! Reads sources as tokens, as far as it takes to know which paths they name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rules by room.
pub type Rules = BTreeMap<&'static str, (&'static [&'static str], &'static str)>;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the program, with what is compiled for tests only left out.
pub struct Source {
    /// Below the root, with `/`.
    pub path: String,
    pub room: String,
    pub lines: usize,
    /// Every path in the code with its line, groups taken apart.
    paths: Vec<(usize, Vec<String>)>,
    /// Files that hold test-only modules of this one, below its folder of modules.
    pub test_modules: Vec<String>,
}

/// All sources but `lib.rs`, which names every room by trade, and test-only modules.
pub fn sources() -> Vec<Source> {
    let root = root();
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    let all: Vec<Source> = files
        .iter()
        .map(|path| {
            let below = path
                .strip_prefix(&root)
                .expect("it is below")
                .display()
                .to_string();
            Source::new(below, &fs::read_to_string(path).expect("sources are UTF-8"))
        })
        .collect();
    let tests: Vec<String> = all.iter().flat_map(Source::test_paths).collect();
    assert!(all.len() > 50, "only {} sources were found", all.len());
    all.into_iter()
        .filter(|f| f.path != "src/lib.rs")
        .filter(|f| {
            !tests.iter().any(|t| {
                f.path == *t
                    || f.path
                        .starts_with(&format!("{}/", t.trim_end_matches(".rs")))
            })
        })
        .collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .expect("a folder")
        .map(|e| e.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    pub fn new(path: String, text: &str) -> Self {
        let first = path
            .trim_start_matches("src/")
            .split('/')
            .next()
            .unwrap_or_default();
        let room = first.trim_end_matches(".rs").to_owned();
        let (tokens, test_modules) = without_tests(tokens(text));
        Self {
            lines: text.lines().count(),
            paths: paths(&tokens),
            path,
            room,
            test_modules,
        }
    }

    /// Where its test-only modules are, as files; each may be a folder too.
    fn test_paths(&self) -> Vec<String> {
        let (folder, file) = self.path.rsplit_once('/').expect("it is below src/");
        let own = match file {
            "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
            _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
        };
        let place = |name: &String| {
            // An explicit path starts at the file's own folder.
            if name.ends_with(".rs") {
                format!("{folder}/{name}")
            } else {
                format!("{own}/{name}.rs")
            }
        };
        self.test_modules.iter().map(place).collect()
    }

    /// Rooms that the file's paths lead to, with lines.
    pub fn rooms_used(&self, rooms: &Rules) -> Vec<(usize, String)> {
        let depth = self.path.trim_end_matches("/mod.rs").matches('/').count();
        let mut used = Vec::new();
        for (line, path) in &self.paths {
            let supers = path.iter().take_while(|s| *s == "super").count();
            let room = match path.first().map(String::as_str) {
                Some("crate" | "codelicious") => path.get(1),
                Some("super") if supers >= depth => path.get(supers),
                _ => None,
            };
            used.extend(
                room.filter(|r| rooms.contains_key(r.as_str()))
                    .map(|r| (*line, r.clone())),
            );
            let is_glob = path.len() == 2 && path[1] == "*";
            assert!(
                !(is_glob && path[0] == "crate"),
                "{}:{line}: `crate::*` hides what is used",
                self.path
            );
        }
        used
    }

    /// Lines that name `name`: a crate's name or full path at the start of a path, or a type's function anywhere.
    pub fn names(&self, name: &str) -> Vec<usize> {
        let wanted: Vec<&str> = name.split("::").collect();
        let starts_with_type = name.starts_with(char::is_uppercase);
        let is_it = |path: &[String]| {
            let fits = |part: &[String]| part.iter().map(String::as_str).eq(wanted.iter().copied());
            if starts_with_type {
                path.windows(wanted.len()).any(fits)
            } else {
                path.len() >= wanted.len()
                    && fits(&path[..wanted.len()])
                    && (path.len() > 1 || wanted.len() > 1)
            }
        };
        self.paths
            .iter()
            .filter(|(_, path)| is_it(path))
            .map(|(line, _)| *line)
            .collect()
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    /// `::`
    Colons,
    Mark(char),
}

/// Words, texts and marks with their lines; comments are left out.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut i, mut line, mut out) = (0, 1, Vec::new());
    while i < chars.len() {
        let (start, first) = (i, line);
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                while i < chars.len() {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            '"' => {
                i += 1;
                while i < chars.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
                out.push((
                    first,
                    Token::Text(chars[start + 1..(i - 1).min(chars.len())].iter().collect()),
                ));
            }
            '\'' => {
                // A lifetime has no closing quote; a char has one, after an escape or a single char.
                i += 1;
                if at(i) == '\\' {
                    i += 2;
                    while i < chars.len() && at(i) != '\'' {
                        i += 1;
                    }
                    i += 1;
                } else if at(i + 1) == '\'' {
                    i += 2;
                }
            }
            c if is_word(c) => {
                while is_word(at(i)) {
                    i += 1;
                }
                let word: String = chars[start..i].iter().collect();
                let raw = matches!(word.as_str(), "r" | "br" | "cr") && matches!(at(i), '"' | '#');
                let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
                if raw && at(i + hashes) == '"' {
                    i += hashes + 1;
                    let ends = |i: usize| at(i) == '"' && (1..=hashes).all(|k| at(i + k) == '#');
                    while i < chars.len() && !ends(i) {
                        i += 1;
                    }
                    i += hashes + 1;
                } else {
                    out.push((first, Token::Word(word)));
                }
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                out.push((first, Token::Colons));
            }
            c => {
                i += 1;
                if !c.is_whitespace() {
                    out.push((first, Token::Mark(c)));
                }
            }
        }
        line += chars[start..i.min(chars.len())]
            .iter()
            .filter(|c| **c == '\n')
            .count();
    }
    out
}

/// Takes out what stands behind `#[cfg(test)]`, and says in which files modules there are.
fn without_tests(tokens: Vec<(usize, Token)>) -> (Vec<(usize, Token)>, Vec<String>) {
    let kinds: Vec<&Token> = tokens.iter().map(|(_, t)| t).collect();
    let word = |w: &str| Token::Word(w.to_owned());
    let cfg_test = [
        Token::Mark('#'),
        Token::Mark('['),
        word("cfg"),
        Token::Mark('('),
        word("test"),
        Token::Mark(')'),
        Token::Mark(']'),
    ];
    let (mut kept, mut modules, mut i) = (Vec::new(), Vec::new(), 0);
    while i < kinds.len() {
        if !kinds[i..]
            .iter()
            .take(cfg_test.len())
            .copied()
            .eq(cfg_test.iter())
        {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        // The item ends at a semicolon outside all brackets, or with the block that closes.
        let (mut depth, mut file, mut name) = (0i32, None, None);
        i += cfg_test.len();
        while i < kinds.len() {
            match kinds[i] {
                Token::Mark('{' | '(' | '[') => depth += 1,
                Token::Mark('}' | ')' | ']') => depth -= 1,
                Token::Text(text) if name.is_none() => file = Some(text.clone()),
                Token::Word(w) if w == "mod" && depth == 0 => {
                    if let Some(Token::Word(n)) = kinds.get(i + 1) {
                        name = Some(n.clone());
                    }
                }
                _ => {}
            }
            let ends = depth == 0 && matches!(kinds[i], Token::Mark(';' | '}'));
            i += 1;
            if ends {
                let in_file = matches!(kinds[i - 1], Token::Mark(';'));
                modules.extend(name.filter(|_| in_file).map(|n| file.unwrap_or(n)));
                break;
            }
        }
    }
    (kept, modules)
}

/// Every path, groups taken apart: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(tokens: &[(usize, Token)]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let goes_on = i > 0 && matches!(tokens[i - 1].1, Token::Colons | Token::Mark('.'));
        if matches!(tokens[i].1, Token::Word(_)) && !goes_on {
            i = path(tokens, i, &[], &mut found);
        } else {
            i += 1;
        }
    }
    found
}

/// Reads the path that starts at `i`, and returns where it ends.
fn path(
    tokens: &[(usize, Token)],
    mut i: usize,
    before: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut here = before.to_vec();
    let line = tokens[i].0;
    loop {
        match tokens.get(i).map(|(_, t)| t) {
            Some(Token::Word(word)) => here.push(word.clone()),
            Some(Token::Mark('*')) if !here.is_empty() => here.push("*".to_owned()),
            Some(Token::Mark('{')) => {
                i += 1;
                while let Some((_, token)) = tokens.get(i) {
                    match token {
                        Token::Mark('}') => return i + 1,
                        Token::Word(_) => i = path(tokens, i, &here, found),
                        _ => i += 1,
                    }
                }
                return i;
            }
            _ => break,
        }
        i += 1;
        if !matches!(tokens.get(i), Some((_, Token::Colons))) {
            break;
        }
        i += 1;
    }
    found.push((line, here));
    i
}
