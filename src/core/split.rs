//! Cutting a task that is too big for one prompt into parts, and cutting it the same way again later.
//!
//! A part is a run of lines of the task's text, or the same lines for some of the files they name. How a
//! task was cut is written down as *bounds*, which stand in the spec once the first part has landed, so that
//! another budget or engine cuts it no differently. Bounds hold a hash of the text: a text that changed is
//! never cut by old bounds.
//!
//! Form: `<12 hex digits>:<part>;<part>…` with part = `<first line>-<line after the last>`, followed by
//! `.<file number>` for each file where the part is limited to some. Numbers count from 0. Only characters of
//! `[a-z0-9.;:-]` occur and never two dashes in a row, so that bounds can stand in an HTML comment.

use super::tokens::Tally;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ops::Range;

/// More parts than this are no help to anyone: such a task wants a person.
pub const MAX_PARTS: usize = 32;

/// How often a piece may be cut again: by sub-items, by hinted files, by paragraphs.
const MAX_DEPTH: usize = 3;

/// One part of a task's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Lines of the text, counted from 0.
    pub lines: Range<usize>,
    /// Indexes of the only files this part is about; None where its lines say it all.
    pub files: Option<Vec<usize>>,
}

/// Why bounds do not describe the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    #[error("the task's text changed since it was split")]
    Changed,
    #[error("the noted split is damaged")]
    Malformed,
}

/// What a task costs and what it may cost, in estimated tokens.
#[derive(Clone, Copy, Debug)]
pub struct Room<'a> {
    /// What every prompt of the task holds besides text and files.
    pub fixed: u64,
    /// The most a part may come to.
    pub limit: u64,
    /// Size of each hinted file; 0 for one that does not exist yet.
    pub files: &'a [u64],
}

/// Cuts a text into as few parts as fit `room`, in order, together holding every line: at sub-items where
/// there are two or more, else between the hinted files, else at paragraphs; a piece still too big is cut
/// again, three levels deep. A part may still be too big when nothing is left to cut at. None when the text
/// cannot be cut at all or only into more than [`MAX_PARTS`].
pub fn split(text: &str, files: &[String], room: Room<'_>) -> Option<Vec<Piece>> {
    let cutter = Cutter::new(text, files, room);
    let mut pieces = Vec::new();
    cutter.cut(0..cutter.lines.len(), MAX_DEPTH, &mut pieces);
    let pieces = cutter.pack(pieces);
    (2..=MAX_PARTS).contains(&pieces.len()).then_some(pieces)
}

/// The bounds that [`restore`] reads.
pub fn bounds(text: &str, pieces: &[Piece]) -> String {
    let parts: Vec<String> = pieces
        .iter()
        .map(|p| {
            let mut part = format!("{}-{}", p.lines.start, p.lines.end);
            for file in p.files.iter().flatten() {
                part.push_str(&format!(".{file}"));
            }
            part
        })
        .collect();
    format!("{}:{}", text_hash(text), parts.join(";"))
}

/// Cuts `text` as `bounds` say. `files` is how many files the task names, `of` how many parts there must be.
///
/// # Errors
/// When the text is another one than when the bounds were made, or the bounds do not cover it.
pub fn restore(
    text: &str,
    files: usize,
    bounds: &str,
    of: usize,
) -> Result<Vec<Piece>, BoundsError> {
    let (hash, parts) = bounds.split_once(':').ok_or(BoundsError::Malformed)?;
    if hash != text_hash(text) {
        return Err(BoundsError::Changed);
    }
    let pieces: Vec<Piece> = parts
        .split(';')
        .map(parse_piece)
        .collect::<Option<_>>()
        .ok_or(BoundsError::Malformed)?;
    let mut end = 0;
    for (i, piece) in pieces.iter().enumerate() {
        let repeats = i > 0
            && piece.files.is_some()
            && pieces[i - 1].files.is_some()
            && pieces[i - 1].lines == piece.lines;
        let in_order = piece.lines.start == end || repeats;
        let known = piece.files.iter().flatten().all(|f| *f < files);
        if !in_order || !known || piece.lines.is_empty() {
            return Err(BoundsError::Malformed);
        }
        end = piece.lines.end;
    }
    if end != text.lines().count() || pieces.len() != of {
        return Err(BoundsError::Malformed);
    }
    Ok(pieces)
}

fn parse_piece(part: &str) -> Option<Piece> {
    let mut fields = part.split('.');
    let (start, end) = fields.next()?.split_once('-')?;
    let files: Vec<usize> = fields.map(|f| f.parse().ok()).collect::<Option<_>>()?;
    Some(Piece {
        lines: start.parse().ok()?..end.parse().ok()?,
        files: (!files.is_empty()).then_some(files),
    })
}

/// The text of a part, lines joined by `\n`.
pub fn piece_text(text: &str, piece: &Piece) -> String {
    let lines: Vec<&str> = text
        .lines()
        .skip(piece.lines.start)
        .take(piece.lines.len())
        .collect();
    lines.join("\n")
}

/// Indexes of the files a part is about: those it is limited to, else those its lines name. A file that no
/// line of the whole text names belongs to the first line.
pub fn piece_files(text: &str, files: &[String], piece: &Piece) -> Vec<usize> {
    match &piece.files {
        Some(only) => only.clone(),
        None => {
            let own = piece_text(text, piece);
            let first = piece.lines.start == 0;
            (0..files.len())
                .filter(|&i| own.contains(&files[i]) || (first && !text.contains(&files[i])))
                .collect()
        }
    }
}

/// 12 hex digits over the text's lines without trailing blanks and without our own mark comments, neither of
/// which changes what a task says.
fn text_hash(text: &str) -> String {
    let mut hasher = Sha256::new();
    for line in text.lines() {
        hasher.update(without_mark(line).trim_end().as_bytes());
        hasher.update(b"\n");
    }
    hasher
        .finalize()
        .iter()
        .take(6)
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn without_mark(line: &str) -> String {
    let Some(start) = line.find("<!-- codelicious:") else {
        return line.to_owned();
    };
    let after = line[start..]
        .find("-->")
        .map_or(line.len(), |end| start + end + "-->".len());
    format!("{}{}", line[..start].trim_end(), &line[after..])
}

struct Cutter<'a> {
    lines: Vec<&'a str>,
    /// Lines inside a fenced code block, fences included; nothing is cut there.
    fenced: Vec<bool>,
    /// `tallies[n]`: the first n lines with their line ends.
    tallies: Vec<Tally>,
    /// Files that each line names.
    named: Vec<Vec<usize>>,
    room: Room<'a>,
}

impl<'a> Cutter<'a> {
    fn new(text: &'a str, files: &[String], room: Room<'a>) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut tallies = vec![Tally::default()];
        let mut sum = Tally::default();
        for line in &lines {
            sum = sum.plus(Tally::of(line)).plus(Tally::ASCII);
            tallies.push(sum);
        }
        let named = lines
            .iter()
            .enumerate()
            .map(|(n, line)| {
                let unplaced = |i: usize| n == 0 && !text.contains(&files[i]);
                (0..files.len())
                    .filter(|&i| line.contains(&files[i]) || unplaced(i))
                    .collect()
            })
            .collect();
        Self {
            fenced: fenced_lines(&lines),
            lines,
            tallies,
            named,
            room,
        }
    }

    fn text_cost(&self, lines: &Range<usize>) -> u64 {
        self.room.fixed
            + self.tallies[lines.end]
                .since(self.tallies[lines.start])
                .tokens()
    }

    fn files_in(&self, lines: &Range<usize>) -> BTreeSet<usize> {
        self.named[lines.clone()]
            .iter()
            .flatten()
            .copied()
            .collect()
    }

    fn file_cost(&self, file: usize) -> u64 {
        self.room.files.get(file).copied().unwrap_or(0)
    }

    fn cost(&self, lines: &Range<usize>, files: &BTreeSet<usize>) -> u64 {
        self.text_cost(lines) + files.iter().map(|f| self.file_cost(*f)).sum::<u64>()
    }

    /// Appends `lines`, cut into pieces where they are too big.
    fn cut(&self, lines: Range<usize>, depth: usize, out: &mut Vec<Piece>) {
        let files = self.files_in(&lines);
        if depth == 0 || self.cost(&lines, &files) <= self.room.limit {
            out.push(Piece { lines, files: None });
            return;
        }
        if let Some(starts) = self.item_starts(&lines) {
            self.cut_at(lines, &starts, depth, out);
        } else if let Some(groups) = self.file_groups(&lines, &files) {
            out.extend(groups.into_iter().map(|g| Piece {
                lines: lines.clone(),
                files: Some(g),
            }));
        } else {
            let starts = self.paragraph_starts(&lines);
            self.cut_at(
                lines,
                &starts,
                if starts.is_empty() { 1 } else { depth },
                out,
            );
        }
    }

    /// Cuts `lines` before each of `starts` and goes on with the pieces.
    fn cut_at(&self, lines: Range<usize>, starts: &[usize], depth: usize, out: &mut Vec<Piece>) {
        let mut from = lines.start;
        for &to in starts.iter().chain([&lines.end]) {
            self.cut(from..to, depth - 1, out);
            from = to;
        }
    }

    /// First lines of the second and later list items of the outermost level that has several; what
    /// precedes the first item stays with it.
    fn item_starts(&self, lines: &Range<usize>) -> Option<Vec<usize>> {
        let items: Vec<(usize, usize)> = lines
            .clone()
            .filter(|&n| !self.fenced[n])
            .filter_map(|n| item_indent(self.lines[n]).map(|indent| (indent, n)))
            .collect();
        let indents: BTreeSet<usize> = items.iter().map(|(indent, _)| *indent).collect();
        indents.into_iter().find_map(|level| {
            let starts: Vec<usize> = items
                .iter()
                .filter(|(indent, _)| *indent == level)
                .map(|(_, n)| *n)
                .skip(1)
                .collect();
            (!starts.is_empty()).then_some(starts)
        })
    }

    /// Groups of the named files that fit beside the text; None where that is no help.
    fn file_groups(
        &self,
        lines: &Range<usize>,
        files: &BTreeSet<usize>,
    ) -> Option<Vec<Vec<usize>>> {
        let text = self.text_cost(lines);
        if text >= self.room.limit {
            return None;
        }
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut filled = 0;
        for &file in files {
            let cost = self.file_cost(file);
            match groups.last_mut() {
                Some(group) if text + filled + cost <= self.room.limit => {
                    group.push(file);
                    filled += cost;
                }
                _ => {
                    groups.push(vec![file]);
                    filled = cost;
                }
            }
        }
        (groups.len() > 1).then_some(groups)
    }

    /// First lines after blank ones, outside fences.
    fn paragraph_starts(&self, lines: &Range<usize>) -> Vec<usize> {
        let blank = |n: usize| self.lines[n].trim().is_empty() && !self.fenced[n];
        (lines.start + 1..lines.end)
            .filter(|&n| !blank(n) && blank(n - 1))
            .collect()
    }

    /// Joins neighbours that fit one part together. Pieces that are limited to files stay alone.
    fn pack(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        let mut packed: Vec<Piece> = Vec::new();
        let mut held: BTreeSet<usize> = BTreeSet::new();
        for piece in pieces {
            let own = self.files_in(&piece.lines);
            if let Some(last) = packed.last_mut()
                && last.files.is_none()
                && piece.files.is_none()
            {
                let joined = last.lines.start..piece.lines.end;
                let both: BTreeSet<usize> = held.union(&own).copied().collect();
                if self.cost(&joined, &both) <= self.room.limit {
                    last.lines = joined;
                    held = both;
                    continue;
                }
            }
            held = own;
            packed.push(piece);
        }
        packed
    }
}

/// Indent of a list item's line in columns (a tab counts as four); None for any other line.
fn item_indent(line: &str) -> Option<usize> {
    let rest = line.trim_start_matches([' ', '\t']);
    let indent = line[..line.len() - rest.len()]
        .chars()
        .map(|c| if c == '\t' { 4 } else { 1 })
        .sum();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let marker = if digits == 0 {
        rest.strip_prefix(['-', '*', '+'])
    } else {
        rest[digits..].strip_prefix(['.', ')'])
    };
    marker
        .filter(|after| after.starts_with([' ', '\t']))
        .map(|_| indent)
}

/// For each line, whether it lies in a fenced code block (its fences included).
pub(super) fn fenced_lines(lines: &[&str]) -> Vec<bool> {
    let mut open: Option<(char, usize)> = None;
    lines
        .iter()
        .map(|line| {
            let rest = line.trim();
            let run = |c: char| rest.chars().take_while(|x| *x == c).count();
            match open {
                Some((c, len)) => {
                    if run(c) >= len && rest.chars().all(|x| x == c) {
                        open = None;
                    }
                    true
                }
                None => {
                    open = ['`', '~']
                        .into_iter()
                        .map(|c| (c, run(c)))
                        .find(|(_, n)| *n >= 3);
                    open.is_some()
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
