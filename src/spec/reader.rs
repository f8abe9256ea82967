//! One walk over the markdown: where headings and boxes stand, and what encloses them.

use super::context::{Context, is_context_line};
use super::label::number_len;
use super::marks::{Comment, comment_at_end};
use super::text::{Lines, collapse, cut, line_end};
use crate::model::spec::Section;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::borrow::Cow;
use std::ops::Range;

/// What stands where in one file.
pub(super) struct Outline {
    pub(super) parts: Vec<Part>,
    /// In document order: an enclosing box comes before those inside it.
    pub(super) boxes: Vec<RawBox>,
    /// Lines of items that look like a box and are none (`[ ]text`, an empty `[ ]`).
    pub(super) near: Vec<(usize, Near)>,
    /// The markdown begins with a plain paragraph.
    pub(super) opens_with_text: bool,
}

/// A section with what only the parser needs to know of it.
pub(super) struct Part {
    pub(super) section: Section,
    pub(super) context: bool,
    kind: Context,
    /// Bytes of the text below the heading.
    pub(super) body: Range<usize>,
    /// End of the heading's first line, and our comment there.
    pub(super) line_end: usize,
    pub(super) comment: Option<Comment>,
}

/// A box as it stands, before it is known to be a task.
pub(super) struct RawBox {
    /// Bytes of the item, children included.
    pub(super) span: Range<usize>,
    pub(super) tick: usize,
    /// The item is marked optional: `[ ]* text`.
    pub(super) optional: bool,
    /// Where the text behind the box begins.
    pub(super) text: usize,
    /// End of the first paragraph.
    pub(super) first_end: usize,
    /// The first paragraph, should there be one, goes up to a list.
    pub(super) list_first: bool,
    /// Index of the enclosing box.
    pub(super) parent: Option<usize>,
    pub(super) section: usize,
    pub(super) context: bool,
}

/// What people take for a box and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Near {
    /// `[ ]text`, `[] text` or `[✓] text`.
    Malformed,
    /// `[ ]` and nothing else.
    Empty,
}

/// What is open around the current event.
enum Frame {
    List {
        context: bool,
    },
    Item {
        span: Range<usize>,
        boxed: Option<usize>,
        parent: Option<usize>,
        context: bool,
    },
    Quote,
}

struct Walk<'a> {
    text: &'a str,
    lines: &'a Lines,
    /// Where markdown begins; offsets of events count from here.
    base: usize,
    frames: Vec<Frame>,
    quotes: usize,
    /// Indexes of the parts whose headings enclose what follows, outermost first.
    enclosing: Vec<usize>,
    out: Outline,
}

/// Reads the markdown of `text` from `base` on.
pub(super) fn read(text: &str, base: usize, lines: &Lines) -> Outline {
    let mut walk = Walk {
        text,
        lines,
        base,
        frames: Vec::new(),
        quotes: 0,
        enclosing: Vec::new(),
        out: Outline {
            parts: vec![preamble(base)],
            boxes: Vec::new(),
            near: Vec::new(),
            opens_with_text: false,
        },
    };
    // A box at the very end is one only once its line ends, and a mark that is written below ends it.
    let markdown = match text[base..].ends_with('\n') {
        true => Cow::Borrowed(&text[base..]),
        false => Cow::Owned(format!("{}\n", &text[base..])),
    };
    let events = Parser::new_ext(&markdown, Options::ENABLE_TASKLISTS).into_offset_iter();
    for (index, (event, range)) in events.enumerate() {
        if index == 0 {
            walk.out.opens_with_text = matches!(event, Event::Start(Tag::Paragraph));
        }
        let at = |offset: usize| (base + offset).min(text.len());
        walk.event(&event, at(range.start)..at(range.end));
    }
    walk.finish()
}

/// The section before the first heading.
fn preamble(base: usize) -> Part {
    Part {
        section: Section {
            headings: Vec::new(),
            level: 0,
            span: base..base,
            line: 1,
        },
        context: false,
        kind: Context::No,
        body: base..base,
        line_end: base,
        comment: None,
    }
}

impl Walk<'_> {
    fn event(&mut self, event: &Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) if self.frames.is_empty() => {
                self.heading(*level, range);
            }
            Event::Start(Tag::List(_)) => {
                let start = self.bullet(range.start);
                self.block(start);
                if let Some(Frame::Item {
                    boxed: Some(index), ..
                }) = self.frames.last()
                {
                    let open = &mut self.out.boxes[*index];
                    open.list_first |= open.first_end == start;
                }
                let context = self.in_context() || self.led_into_context(start);
                self.frames.push(Frame::List { context });
            }
            Event::Start(Tag::Item) => self.item(&range),
            Event::TaskListMarker(_) => self.boxed(&range),
            Event::Start(Tag::BlockQuote(_)) => {
                self.block(range.start);
                self.quotes += 1;
                self.frames.push(Frame::Quote);
            }
            Event::End(TagEnd::BlockQuote(_)) => {
                self.quotes -= 1;
                self.frames.pop();
            }
            Event::End(TagEnd::List(_) | TagEnd::Item) => {
                self.frames.pop();
            }
            Event::Start(
                Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::Heading { .. } | Tag::Table(_),
            )
            | Event::Rule => self.block(range.start),
            Event::End(TagEnd::Paragraph) => self.block(range.end),
            _ => {}
        }
    }

    /// A block begins at `at`, or a paragraph ends there: the first paragraph of the innermost item is over.
    fn block(&mut self, at: usize) {
        if let Some(Frame::Item {
            boxed: Some(index), ..
        }) = self.frames.last()
        {
            let open = &mut self.out.boxes[*index];
            open.first_end = open.first_end.min(at.max(open.text));
        }
    }

    fn in_context(&self) -> bool {
        match self.frames.last() {
            Some(Frame::List { context } | Frame::Item { context, .. }) => *context,
            Some(Frame::Quote) => false,
            None => self.out.parts.last().is_some_and(|part| part.context),
        }
    }

    fn heading(&mut self, level: HeadingLevel, range: Range<usize>) {
        let level = level as u8;
        let bytes = self.text.as_bytes();
        let start = self.lines.start(range.start).max(self.base);
        let first_end = line_end(bytes, range.start);
        let comment = comment_at_end(self.text, range.start, first_end);
        let name = heading_text(self.text, &range, comment.as_ref().map(|c| c.range.clone()));

        self.close_section(start);
        while self
            .enclosing
            .last()
            .is_some_and(|&i| self.out.parts[i].section.level >= level)
        {
            self.enclosing.pop();
        }
        let mut headings: Vec<String> = Vec::new();
        let mut around = Context::No;
        if let Some(&outer) = self.enclosing.last() {
            headings.clone_from(&self.out.parts[outer].section.headings);
            around = self.out.parts[outer].kind;
        }
        let kind = Context::of(&name, level, around);
        headings.push(name);
        self.enclosing.push(self.out.parts.len());
        let body = line_end(bytes, range.end.saturating_sub(1).max(first_end));
        self.out.parts.push(Part {
            section: Section {
                headings,
                level,
                span: start..self.text.len(),
                line: self.lines.number(range.start),
            },
            context: kind != Context::No,
            kind,
            body: body..self.text.len(),
            line_end: first_end,
            comment,
        });
    }

    fn close_section(&mut self, at: usize) {
        if let Some(last) = self.out.parts.last_mut() {
            last.section.span.end = at;
            last.body.end = at.max(last.body.start);
        }
    }

    /// Where an item's bullet stands. The parser begins items and lists at their indentation, and where a
    /// tab is part of it, up to a byte before their line.
    fn bullet(&self, start: usize) -> usize {
        let bytes = &self.text.as_bytes()[start..];
        start + bytes.iter().take_while(|b| b.is_ascii_whitespace()).count()
    }

    fn item(&mut self, range: &Range<usize>) {
        let start = self.bullet(range.start);
        let parent = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Item { boxed, parent, .. } => Some(boxed.or(*parent)),
            Frame::List { .. } | Frame::Quote => None,
        });
        let context = self.in_context();
        self.frames.push(Frame::Item {
            span: start..range.end.max(start),
            boxed: None,
            parent: parent.flatten(),
            context,
        });
        if self.quotes > 0 {
            return;
        }
        match odd_box(&self.text[start..]) {
            Some(Odd::Box { sign, star }) => self.push_box(start + sign, star),
            Some(Odd::Near(near)) => self.out.near.push((self.lines.number(start), near)),
            None => {}
        }
    }

    fn boxed(&mut self, marker: &Range<usize>) {
        if self.quotes == 0
            && let Some(open) = self.text[marker.clone()].find('[')
        {
            self.push_box(marker.start + open + 1, 0);
        }
    }

    /// The innermost item has a box whose sign stands at `tick`, with so long a star behind it.
    fn push_box(&mut self, tick: usize, star: usize) {
        let index = self.out.boxes.len();
        let Some(Frame::Item {
            span,
            boxed,
            parent,
            context,
        }) = self.frames.last_mut()
        else {
            return;
        };
        *boxed = Some(index);
        self.out.boxes.push(RawBox {
            span: span.clone(),
            tick,
            optional: star > 0,
            text: tick + 2 + star,
            first_end: usize::MAX,
            list_first: false,
            parent: *parent,
            section: self.out.parts.len() - 1,
            context: *context,
        });
    }

    /// True when the line before the list at `at` says that its boxes are context. An item speaks only for lists
    /// inside it, not for another list that follows.
    fn led_into_context(&self, at: usize) -> bool {
        let start = self.lines.start(at).max(self.base);
        if !self.text[start..at].trim().is_empty() {
            return false;
        }
        let number = self.lines.number(at);
        // The lead-in stands directly above, or above one blank line.
        for above in 1..=2 {
            let Some(from) = number
                .checked_sub(above)
                .and_then(|n| self.lines.start_of(n))
            else {
                return false;
            };
            let line = self
                .text
                .get(from.max(self.base)..line_end(self.text.as_bytes(), from));
            match line.map(str::trim) {
                Some("") => {}
                Some(line) => {
                    let (content, list_item) = without_bullet(line);
                    let nested = matches!(self.frames.last(), Some(Frame::Item { .. }));
                    return (nested || !list_item) && is_context_line(content, list_item);
                }
                None => return false,
            }
        }
        false
    }

    fn finish(mut self) -> Outline {
        self.close_section(self.text.len());
        // Without text before the first heading there is no section there.
        if let [first, _, ..] = self.out.parts.as_slice()
            && self.text[first.section.span.clone()].trim().is_empty()
        {
            self.out.parts.remove(0);
            for raw in &mut self.out.boxes {
                raw.section -= 1;
            }
        }
        self.out
    }
}

/// The heading's words on one line, inline markdown as written, without our comment and closing `#`.
fn heading_text(text: &str, range: &Range<usize>, comment: Option<Range<usize>>) -> String {
    let holes: Vec<Range<usize>> = comment.into_iter().collect();
    let raw = cut(text, range.clone(), &holes);
    let raw = raw.trim();
    if let Some(atx) = raw.strip_prefix('#') {
        let inner = super::text::without_comments(atx.trim_start_matches('#'));
        let inner = inner.trim();
        let open = inner.trim_end_matches('#');
        let closed = open.is_empty() || open.ends_with([' ', '\t']);
        return collapse(if closed { open } else { inner });
    }
    // Setext: the last line is the underline.
    let words = raw.trim_end_matches(['=', '-', ' ', '\t']);
    let words = if words.ends_with(['\n', '\r']) {
        words
    } else {
        raw
    };
    collapse(&super::text::without_comments(words))
}

/// An item's first line without bullets, number and box; and whether there was a bullet.
fn without_bullet(line: &str) -> (&str, bool) {
    let (mut content, mut list_item) = (line, false);
    while let Some(rest) = behind_bullet(content) {
        (content, list_item) = (rest, true);
    }
    let boxed = ["[ ]", "[x]", "[X]", "[-]", "[~]", "[/]"]
        .iter()
        .find_map(|b| content.strip_prefix(b));
    (
        boxed.filter(|_| list_item).unwrap_or(content).trim_start(),
        list_item,
    )
}

fn behind_bullet(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = match digits {
        0 => line.strip_prefix(['-', '*', '+'])?,
        _ => line[digits..].strip_prefix(['.', ')'])?,
    };
    rest.starts_with([' ', '\t']).then(|| rest.trim_start())
}

/// An item that looks like a box and is none to Markdown.
enum Odd {
    /// A box of those who write more than open and done; `sign` is where its sign stands, `star` how long the star is.
    Box {
        sign: usize,
        star: usize,
    },
    Near(Near),
}

/// Signs beside a blank and `x` that boxes have; what they mean is in [`super::states`].
const SIGNS: [char; 3] = ['-', '~', '/'];

/// True behind the bracket of a box with blanks beside its sign, or with several: `[ x ]`, `[  ]`.
fn is_wide(inner: &str) -> bool {
    let Some((sign, after)) = inner.split_once(']') else {
        return false;
    };
    sign.len() <= 4
        && matches!(sign.trim(), "" | "x" | "X" | "-" | "~")
        && after.starts_with([' ', '\t'])
}

/// Judges an item that Markdown may not read as a box by the first bytes of its first line.
fn odd_box(item: &str) -> Option<Odd> {
    // Enough for any bullet and box; a longer look would be quadratic where items nest on one line.
    let near = item
        .char_indices()
        .take_while(|(i, c)| *i < 48 && !matches!(c, '\n' | '\r'));
    let line = near
        .last()
        .map_or("", |(i, c)| &item[..i + c.len_utf8()])
        .trim_end();
    let bullet = match number_len(line) {
        0 => 1,
        n => n + 1,
    };
    let rest = line.get(bullet..)?;
    // Five blanks begin a code block.
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let inner = rest[blanks..].strip_prefix('[').filter(|_| blanks <= 4)?;
    let (sign, after) = match inner.strip_prefix(']') {
        Some(after) => {
            return after
                .starts_with([' ', '\t'])
                .then_some(Odd::Near(Near::Malformed));
        }
        None => {
            let sign = inner.chars().next()?;
            match inner[sign.len_utf8()..].strip_prefix(']') {
                Some(after) => (sign, after),
                None => return is_wide(inner).then_some(Odd::Near(Near::Malformed)),
            }
        }
    };
    let plain = matches!(sign, ' ' | 'x' | 'X');
    if !plain && !SIGNS.contains(&sign) {
        let is_known = matches!(
            sign,
            '✓' | '✔' | '√' | '✅' | 'v' | 'V' | '*' | '?' | '!' | '>' | '<' | '+'
        );
        let spaced = after.starts_with([' ', '\t']);
        return (is_known && spaced).then_some(Odd::Near(Near::Malformed));
    }
    // Formatters escape the star.
    let stars = ["*", "\\*"].into_iter();
    let star = stars.filter(|star| {
        let words = after.strip_prefix(star);
        words.is_some_and(|w| w.starts_with([' ', '\t']))
    });
    let star = star.map(str::len).next().unwrap_or(0);
    let words = &after[star..];
    let here = Odd::Box {
        sign: bullet + blanks + 1,
        star,
    };
    match words.chars().next() {
        None if plain => Some(Odd::Near(Near::Empty)),
        Some(c) if c.is_whitespace() => (!plain || star > 0).then_some(here),
        // A link, or words that begin at once.
        Some('(' | '[' | ':') => None,
        // Chinese and Japanese words begin without a blank.
        Some(c) if !c.is_ascii() => Some(here),
        Some(_) => plain.then_some(Odd::Near(Near::Malformed)),
        None => None,
    }
}
