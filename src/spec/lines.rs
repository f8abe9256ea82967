//! Marks of chunks that a model planned: a line each, behind the text.
//!
//! Such a chunk belongs to no box, and its section may hold several or be worded anew. So its mark has no place in
//! the text: it stands at the end, `<!-- codelicious: chunk 3f2a9c0b1d4e done -->`, and whoever reads the file
//! knows it without knowing the plan. One that ended up amid the text, because somebody wrote on below it, counts
//! as well, unless it is part of a code block; the text is read as if it were not there.

use super::front;
use super::marks::{MarkError, Says, Splice, apply_all, is_safe, part_words};
use super::planned::is_chunk_id;
use super::text::{Lines, beginning, cut};
use crate::model::{ChunkId, ChunkMark, MarkSite, Spec, TaskMark};
use std::borrow::Cow;
use std::ops::Range;

/// What every such line has, and few other texts.
const INTRO: &str = "codelicious: chunk ";

/// Where the text ends and nothing but marks follows, and all marks.
pub(super) fn read(text: &str) -> (usize, Vec<ChunkMark>) {
    if !text.contains(INTRO) {
        return (text.len(), Vec::new());
    }
    let (base, mut marks) = in_front(text);
    let mut fence = Fence::default();
    let mut lines: Vec<Line> = Vec::new();
    let mut at = base;
    while at < text.len() {
        let line = first_line(&text[at..]);
        let span = at..at + line.len();
        at = span.end;
        let is_code = fence.holds(line);
        lines.push(Line {
            says: says(line),
            is_blank: line.trim().is_empty(),
            is_code,
            span,
        });
    }
    let is_behind = |line: &&Line| line.is_blank || line.says.is_some();
    let behind = lines.iter().rev().take_while(is_behind);
    let first_behind = behind
        .filter(|line| line.says.is_some())
        .last()
        .map_or(text.len(), |line| line.span.start);
    let is_bare = !text.ends_with(['\n', '\r']);
    let below = lines
        .into_iter()
        .filter(|line| line.span.start >= first_behind || !line.is_code)
        .filter_map(|line| {
            let (id, mark) = line.says?;
            let is_behind = line.span.start >= first_behind;
            let span = if is_bare && is_behind {
                let end = line.span.start + text[line.span.clone()].trim_end().len();
                // The line end before it came with it, be it that of the front matter.
                let before = &text[..line.span.start];
                let ends = ["\r\n", "\n", "\r"].iter();
                let before = ends.filter_map(|e| before.strip_suffix(e)).next();
                before.map_or(line.span.start, str::len)..end
            } else {
                line.span
            };
            Some(ChunkMark { id, mark, span })
        });
    marks.extend(below);
    (first_behind, marks)
}

/// Where front matter ends, and the marks above and in it: there is no code there.
fn in_front(text: &str) -> (usize, Vec<ChunkMark>) {
    let mut marks = Vec::new();
    let bom = beginning(text);
    let mut at = bom;
    while at < text.len() {
        let line = first_line(&text[at..]);
        let span = at..at + line.len();
        at = span.end;
        marks.extend(says(line).map(|(id, mark)| ChunkMark { id, mark, span }));
    }
    let plain = Plain::new(text, Lines::new(text.as_bytes()), &marks);
    let Some((_, end)) = front::extent(&plain.text, beginning(&plain.text), &plain.lines) else {
        return (bom, Vec::new());
    };
    let before = plain.gaps.partition_point(|gap| gap.at < end);
    marks.truncate(before);
    (
        end + marks.iter().map(|m| m.span.len()).sum::<usize>(),
        marks,
    )
}

/// A text without the marks amid it. Markdown takes such a line for a block, which ends paragraphs and comments and
/// keeps a heading from its underline: taking the mark off would make other tasks of the text.
pub(super) struct Plain<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) lines: Lines,
    gaps: Vec<Gap>,
}

/// Where a mark was taken out.
struct Gap {
    /// Offset and line of what follows it, in the plain text.
    at: usize,
    line: usize,
    /// Bytes taken out up to here.
    taken: usize,
}

impl<'t> Plain<'t> {
    /// `text` ends where [`read`] says, and `lines` are its own.
    pub(super) fn new(text: &'t str, lines: Lines, marks: &[ChunkMark]) -> Self {
        let amid = marks.iter().filter(|m| m.span.end <= text.len());
        let holes: Vec<Range<usize>> = amid.map(|m| m.span.clone()).collect();
        if holes.is_empty() {
            return Self {
                text: Cow::Borrowed(text),
                lines,
                gaps: Vec::new(),
            };
        }
        let mut taken = 0;
        let gaps = holes.iter().enumerate().map(|(before, hole)| {
            let (at, line) = (hole.start - taken, lines.number(hole.start) - before);
            taken += hole.len();
            Gap { at, line, taken }
        });
        let gaps = gaps.collect();
        let plain = cut(text, 0..text.len(), &holes);
        Self {
            lines: Lines::new(plain.as_bytes()),
            text: Cow::Owned(plain),
            gaps,
        }
    }

    fn offset(&self, at: &mut usize) {
        let before = self.gaps.partition_point(|gap| gap.at <= *at);
        *at += self.gaps[..before].last().map_or(0, |gap| gap.taken);
    }

    fn range(&self, range: &mut Range<usize>) {
        self.offset(&mut range.start);
        self.offset(&mut range.end);
    }

    pub(super) fn line(&self, line: &mut usize) {
        *line += self.gaps.partition_point(|gap| gap.line <= *line);
    }

    /// Brings everything that was read off the plain text to where it stands in the file.
    pub(super) fn restore(&self, spec: &mut Spec) {
        for section in &mut spec.sections {
            self.range(&mut section.span);
            self.line(&mut section.line);
        }
        for task in &mut spec.tasks {
            self.range(&mut task.span);
            self.line(&mut task.line);
            match &mut task.site {
                MarkSite::Checkbox {
                    tick,
                    line_end,
                    comment,
                } => {
                    self.offset(tick);
                    self.offset(line_end);
                    comment.iter_mut().for_each(|c| self.range(c));
                }
                MarkSite::Heading { line_end, comment } => {
                    self.offset(line_end);
                    comment.iter_mut().for_each(|c| self.range(c));
                }
                // No task of a markdown text itself.
                MarkSite::Line { span: _ } | MarkSite::Value { .. } => {}
            }
        }
    }
}

/// The first line of a text with its end, which is LF, CRLF or a lone CR.
fn first_line(text: &str) -> &str {
    let bytes = text.as_bytes();
    let end = bytes.iter().position(|b| matches!(b, b'\n' | b'\r'));
    let end = end.map_or(text.len(), |at| match bytes.get(at..at + 2) {
        Some(b"\r\n") => at + 2,
        Some(_) | None => at + 1,
    });
    &text[..end]
}

struct Line {
    says: Option<(ChunkId, TaskMark)>,
    is_blank: bool,
    is_code: bool,
    span: Range<usize>,
}

/// What a line says, where it is a mark and nothing else.
fn says(line: &str) -> Option<(ChunkId, TaskMark)> {
    let comment = line.trim_end().strip_prefix("<!--")?.strip_suffix("-->")?;
    let (id, says) = comment.trim().strip_prefix(INTRO)?.split_once(' ')?;
    if !is_chunk_id(id) {
        return None;
    }
    Some((ChunkId::new(id), Says::read(says.trim())?.mark()))
}

/// Code blocks between lines of three or more backticks or tildes.
#[derive(Default)]
struct Fence(Option<(char, usize)>);

impl Fence {
    /// True for a line of a code block, its first and last one included.
    fn holds(&mut self, line: &str) -> bool {
        let rest = line.trim();
        let run = |c: char| rest.chars().take_while(|x| *x == c).count();
        match self.0 {
            Some((c, len)) => {
                if run(c) >= len && rest.chars().all(|x| x == c) {
                    self.0 = None;
                }
                true
            }
            None => {
                let opens = ['`', '~'].into_iter().map(|c| (c, run(c)));
                self.0 = opens.into_iter().find(|(_, n)| *n >= 3);
                self.0.is_some()
            }
        }
    }
}

/// `bytes` with each of these chunks brought to its mark; the others keep theirs. `spec` is what `bytes` says.
pub fn with_chunk_marks(bytes: &[u8], spec: &Spec, marks: &[(ChunkId, TaskMark)]) -> Vec<u8> {
    let mut splices: Vec<Splice> = Vec::new();
    for (id, mark) in marks {
        let mut there = spec.chunk_marks.iter().filter(|c| c.id == *id);
        let first = there.next();
        if first.map_or(TaskMark::Open, |c| c.mark.clone()) != *mark {
            splices.push(set(bytes, id, first.map(|c| c.span.clone()), mark));
        }
        // What a merge of somebody's doubled.
        splices.extend(there.map(|c| set(bytes, id, Some(c.span.clone()), &TaskMark::Open)));
    }
    splices.sort_by_key(|s| s.range.start);
    apply_all(bytes, &splices)
}

/// `bytes` with one chunk brought to its mark.
///
/// # Errors
/// A mark that cannot stand in a comment.
pub fn mark_chunk(
    bytes: &[u8],
    spec: &Spec,
    id: &ChunkId,
    mark: &TaskMark,
) -> Result<Vec<u8>, MarkError> {
    if let TaskMark::Partial { bounds, .. } = mark
        && !is_safe(bounds)
    {
        let bounds = bounds.clone();
        return Err(MarkError::UnsafeBounds { bounds });
    }
    Ok(with_chunk_marks(bytes, spec, &[(id.clone(), mark.clone())]))
}

/// The changes that take every such mark off, in order.
pub(super) fn clear_all(spec: &Spec) -> impl Iterator<Item = Splice> {
    spec.chunk_marks.iter().map(|c| Splice {
        range: c.span.clone(),
        replacement: Vec::new(),
    })
}

/// The change that brings a chunk's line, which stands at `span` if anywhere, to `mark`.
pub(super) fn set(
    bytes: &[u8],
    id: &ChunkId,
    span: Option<Range<usize>>,
    mark: &TaskMark,
) -> Splice {
    let range = span.unwrap_or(bytes.len()..bytes.len());
    let words = match mark {
        // A line says that something is done, or nothing.
        TaskMark::Open | TaskMark::Noted { .. } => {
            return Splice {
                range,
                replacement: Vec::new(),
            };
        }
        TaskMark::Done => "done".to_owned(),
        TaskMark::Partial { done, of, bounds } => part_words(*done, *of, bounds),
    };
    let end = match bytes.iter().position(|b| matches!(b, b'\n' | b'\r')) {
        Some(at) if bytes[at..].starts_with(b"\r\n") => "\r\n",
        Some(at) if bytes[at] == b'\r' => "\r",
        Some(_) | None => "\n",
    };
    let is_ended = |text: &[u8]| matches!(text.last(), Some(b'\n' | b'\r'));
    let old = bytes.get(range.clone()).unwrap_or_default();
    let is_after_line_end = if old.is_empty() {
        bytes.is_empty() || is_ended(bytes)
    } else {
        is_ended(old)
    };
    let comment = format!("<!-- {INTRO}{id} {words} -->");
    let line = if is_after_line_end {
        format!("{comment}{end}")
    } else if old.starts_with(b"<") {
        comment
    } else {
        format!("{end}{comment}")
    };
    Splice {
        range,
        replacement: line.into_bytes(),
    }
}
