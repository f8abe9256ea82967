//! A source as the rules read it: masked, with its brackets paired and its functions found.

use super::language::{self, Compiled, Shape};
use super::lexer::{Masked, is_word, mask};
use std::ops::Range;

/// Functions deeper than this in others are not looked at: each is read with those around it.
const DEEPEST: usize = 24;

/// Opening bracket without a closing one, or the other way round.
const ALONE: u32 = u32::MAX;

pub(super) struct Source<'a> {
    pub path: &'a str,
    pub text: &'a str,
    pub masked: Masked,
    pub language: &'static Compiled,
    lines: Vec<usize>,
    /// For each byte that is a bracket: where the other one is.
    mates: Vec<u32>,
    /// Opening braces that have an end: offset, and the index of the one around it.
    braces: Vec<(usize, Option<usize>)>,
    pub functions: Vec<Function>,
}

/// A function, or what declares one.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub name: String,
    /// From the first mark before it to its end.
    pub whole: Range<usize>,
    /// What stands before it: attributes, decorators, annotations.
    pub marks: Range<usize>,
    pub head: Range<usize>,
    /// Without the braces.
    pub body: Range<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        let language = language::of(path);
        let masked = mask(text, &language.row.lexis);
        let mut source = Self {
            path,
            text,
            masked,
            language,
            lines: line_starts(text),
            mates: Vec::new(),
            braces: Vec::new(),
            functions: Vec::new(),
        };
        source.pair();
        source.functions = source.find_functions();
        source
    }

    pub(super) fn code(&self) -> &str {
        &self.masked.code
    }

    pub(super) fn bare(&self) -> &str {
        &self.masked.bare
    }

    /// The line of an offset, from 1.
    pub(super) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.lines.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    /// Where the line of an offset begins and ends, without its newline.
    pub(super) fn line_range(&self, offset: usize) -> Range<usize> {
        let index = self.lines.partition_point(|start| *start <= offset).max(1) - 1;
        let end = self
            .lines
            .get(index + 1)
            .map_or(self.text.len(), |next| next - 1);
        self.lines[index]..end
    }

    /// Lines with where they begin.
    pub(super) fn line_starts(&self) -> &[usize] {
        &self.lines
    }

    /// The bracket that belongs to the one at an offset.
    pub(super) fn mate(&self, offset: usize) -> Option<usize> {
        match self.mates.get(offset) {
            None | Some(&ALONE) => None,
            Some(mate) => Some(*mate as usize),
        }
    }

    /// The innermost braces around an offset, themselves included.
    pub(super) fn braces_around(&self, offset: usize) -> Option<Range<usize>> {
        let mut index = self
            .braces
            .partition_point(|(open, _)| *open < offset)
            .checked_sub(1);
        for _ in 0..256 {
            let (open, outer) = self.braces[index?];
            match self.mate(open) {
                Some(close) if close >= offset => return Some(open..close + 1),
                _ => index = outer,
            }
        }
        None
    }

    /// The innermost function around an offset.
    pub(super) fn function_at(&self, offset: usize) -> Option<&Function> {
        let index = self.functions.partition_point(|f| f.whole.start <= offset);
        let before = self.functions[..index].iter().rev().take(512);
        before
            .filter(|f| f.whole.end > offset)
            .min_by_key(|f| f.whole.len())
    }

    fn pair(&mut self) {
        let code = self.masked.code.as_bytes();
        let mut mates = vec![ALONE; code.len()];
        let mut open: Vec<(u8, usize)> = Vec::new();
        for (at, byte) in code.iter().enumerate() {
            match byte {
                b'(' | b'[' | b'{' => open.push((*byte, at)),
                b')' | b']' | b'}' => {
                    let wanted = match byte {
                        b')' => b'(',
                        b']' => b'[',
                        _ => b'{',
                    };
                    // What was left open inside is given up, but only for a bracket that is near.
                    let near = open.iter().rev().take(8).position(|(o, _)| *o == wanted);
                    if let Some(above) = near {
                        open.truncate(open.len() - above);
                        if let Some((_, start)) = open.pop() {
                            mates[start] = u32::try_from(at).unwrap_or(ALONE);
                            mates[at] = u32::try_from(start).unwrap_or(ALONE);
                        }
                    }
                }
                _ => {}
            }
        }
        let mut braces: Vec<(usize, Option<usize>)> = Vec::new();
        let mut around: Vec<usize> = Vec::new();
        for (at, byte) in code.iter().enumerate() {
            if mates[at] == ALONE {
                continue;
            }
            if *byte == b'{' {
                braces.push((at, around.last().copied()));
                around.push(braces.len() - 1);
            } else if *byte == b'}' {
                around.pop();
            }
        }
        self.mates = mates;
        self.braces = braces;
    }

    fn find_functions(&self) -> Vec<Function> {
        let mut found: Vec<Function> = Vec::new();
        let mut around: Vec<usize> = Vec::new();
        for captures in self.language.function.captures_iter(&self.masked.code) {
            let Some(name) = captures.iter().skip(1).flatten().next() else {
                continue;
            };
            if NOT_FUNCTIONS.contains(&name.as_str()) {
                continue;
            }
            let whole = captures.get(0).map_or(name.range(), |m| m.range());
            let start = self.masked.code[whole.start..]
                .find(|c: char| !c.is_whitespace())
                .map_or(whole.start, |skip| whole.start + skip);
            around.retain(|end| *end > start);
            if around.len() >= DEEPEST {
                continue;
            }
            let Some((body, end)) = self.body_of(start, name.end()) else {
                continue;
            };
            around.push(end);
            let first = self.marks_before(start);
            found.push(Function {
                name: name.as_str().to_owned(),
                whole: first..end,
                marks: first..start,
                head: start..body.start,
                body,
            });
        }
        found
    }

    /// The body of what is declared at `start` with a name that ends at `named`, and where all of it ends.
    fn body_of(&self, start: usize, named: usize) -> Option<(Range<usize>, usize)> {
        let code = self.masked.code.as_bytes();
        if self.language.row.shape == Shape::Indented {
            return self.indented_body(start);
        }
        let bound = (named + 4_000).min(code.len());
        let mut at = named;
        while at < bound {
            match code[at] {
                b'(' | b'[' => at = self.mate(at)? + 1,
                b'{' => {
                    let close = self.mate(at)?;
                    return Some((at + 1..close, close + 1));
                }
                b';' => return None,
                b'=' if code.get(at + 1) == Some(&b'>') => {
                    let rest = &self.masked.code[at + 2..];
                    let begin = at + 2 + rest.find(|c: char| !c.is_whitespace())?;
                    if code[begin] == b'{' {
                        let close = self.mate(begin)?;
                        return Some((begin + 1..close, close + 1));
                    }
                    let end = self.expression_end(begin);
                    return Some((begin..end, end));
                }
                _ => at += 1,
            }
        }
        None
    }

    /// Where an expression ends: at a `;`, at a bracket that it did not open, or at the end of its line.
    fn expression_end(&self, start: usize) -> usize {
        let code = self.masked.code.as_bytes();
        let mut at = start;
        while at < code.len() {
            match code[at] {
                b'(' | b'[' | b'{' => at = self.mate(at).map_or(at + 1, |mate| mate + 1),
                b';' | b')' | b']' | b'}' | b',' | b'\n' => break,
                _ => at += 1,
            }
        }
        at
    }

    fn indented_body(&self, start: usize) -> Option<(Range<usize>, usize)> {
        let code = self.masked.code.as_bytes();
        let line = self.line_range(start);
        let indent = start - line.start;
        let mut at = start;
        let colon = loop {
            match code.get(at)? {
                b'(' | b'[' | b'{' => at = self.mate(at)? + 1,
                b':' => break at,
                b'\n' if at > start + 8_000 => return None,
                _ => at += 1,
            }
        };
        let rest = self.line_range(colon);
        if !self.masked.code[colon + 1..rest.end].trim().is_empty() {
            return Some((colon + 1..rest.end, rest.end));
        }
        let index = self.lines.partition_point(|s| *s <= colon);
        let mut end = rest.end;
        for line in index..self.lines.len() {
            let range = self.line_range(self.lines[line]);
            let text = &self.masked.code[range.clone()];
            let content = text.trim_start();
            if content.is_empty() {
                continue;
            }
            let inside_text = self.in_text(range.start);
            if text.len() - content.len() <= indent
                && !inside_text
                && !content.starts_with([')', ']', '}'])
            {
                break;
            }
            end = range.end;
        }
        Some(((colon + 1).min(end)..end, end))
    }

    /// Where the block of a declaration ends that is indented below it.
    pub(super) fn block_end(&self, start: usize) -> Option<usize> {
        self.indented_body(start).map(|(_, end)| end)
    }

    /// What stands before a declaration: attributes, decorators, annotations.
    pub(super) fn marks_range(&self, start: usize) -> Range<usize> {
        self.marks_before(start)..start
    }

    /// True where an offset lies within a text, as a line of a docstring does.
    pub(super) fn in_text(&self, offset: usize) -> bool {
        within(&self.masked.texts, offset)
    }

    /// True where an offset lies within a comment.
    pub(super) fn in_comment(&self, offset: usize) -> bool {
        within(&self.masked.comments, offset)
    }

    /// Where the attributes, decorators or annotations before a declaration begin.
    fn marks_before(&self, start: usize) -> usize {
        let code = self.masked.code.as_bytes();
        let mut first = start;
        for _ in 0..64 {
            let before = code[..first].iter().rposition(|b| !b.is_ascii_whitespace());
            let Some(mut at) = before else { break };
            match self.language.row.shape {
                Shape::Rust => {
                    let open = (code[at] == b']').then(|| self.mate(at)).flatten();
                    match open {
                        Some(open) if open > 0 && code[open - 1] == b'#' => first = open - 1,
                        _ => break,
                    }
                }
                Shape::Annotated | Shape::Indented => {
                    if code[at] == b')' {
                        match self.mate(at) {
                            Some(open) if open > 0 => at = open - 1,
                            _ => break,
                        }
                    }
                    let name = code[..=at].iter().rposition(|b| !is_word(*b) && *b != b'.');
                    match name {
                        Some(name) if code[name] == b'@' => first = name,
                        _ => break,
                    }
                }
                Shape::Braces => break,
            }
        }
        first
    }
}

/// Words that stand before parentheses and braces, and declare nothing.
const NOT_FUNCTIONS: &[&str] = &[
    "if",
    "for",
    "while",
    "switch",
    "catch",
    "return",
    "else",
    "new",
    "do",
    "try",
    "with",
    "synchronized",
];

fn within(ranges: &[Range<usize>], offset: usize) -> bool {
    let index = ranges.partition_point(|r| r.start < offset);
    index > 0 && ranges[index - 1].end > offset
}

fn line_starts(text: &str) -> Vec<usize> {
    let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect()
}
