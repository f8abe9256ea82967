//! Cutting a long text into overlapping windows.

use crate::core::split::fenced_lines;
use crate::core::tokens::Tally;
use std::ops::Range;

/// How a text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Most estimated tokens of one window.
    pub size_tokens: u64,
    /// Most tokens that a window repeats of the one before; at most half a window.
    pub overlap_tokens: u64,
    /// Most windows of one text.
    pub max: usize,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            size_tokens: 24_000,
            overlap_tokens: 1_000,
            max: 12,
        }
    }
}

/// One piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Bytes of the text.
    pub span: Range<usize>,
}

/// The text is too long for the windows that it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the spec has about {tokens} tokens, which is more than {max} windows of {size} hold: split it, or raise \
     `[plan] max_windows` or `[plan] window_tokens`"
)]
pub struct TooLong {
    pub tokens: u64,
    pub max: usize,
    pub size: u64,
}

/// Smallest window: anything smaller would be cut amid every sentence.
const MIN_SIZE: u64 = 64;

/// Cuts `text` into windows that together hold all of it, in order: before a heading where there is one in a window's
/// second half, else before a paragraph, else before a line. Lines too long for a window are cut amid.
///
/// # Errors
/// More windows would be needed than there may be.
pub fn windows(text: &str, how: Windows) -> Result<Vec<Window>, TooLong> {
    let size = how.size_tokens.max(MIN_SIZE);
    let overlap = how.overlap_tokens.min(size / 2);
    let units = units(text, size / 4);
    let total = units.last().map_or(Tally::default(), |u| u.until);
    let sum = |from: usize, to: usize| match (from, to) {
        (_, 0) => 0,
        (0, to) => units[to - 1].until.tokens(),
        (from, to) => units[to - 1].until.since(units[from - 1].until).tokens(),
    };
    let mut windows = Vec::new();
    let (mut from, mut covered) = (0, 0);
    while covered < units.len() {
        let mut end = covered + 1;
        while end < units.len() && sum(from, end + 1) <= size {
            end += 1;
        }
        if end < units.len() {
            end = best_cut(&units, from, covered, end, |to| sum(from, to) * 2 >= size);
        }
        if windows.len() == how.max {
            return Err(TooLong {
                tokens: total.tokens(),
                max: how.max,
                size,
            });
        }
        windows.push(Window {
            span: units[from].span.start..units[end - 1].span.end,
        });
        covered = end;
        // What stood last stands first once more, from the beginning of something where that fits.
        let fits = (from + 1..end)
            .rev()
            .take_while(|at| sum(*at, end) <= overlap);
        let repeated: Vec<usize> = fits.collect();
        let good = repeated
            .iter()
            .rev()
            .find(|at| units[**at].opens != Opens::Nothing);
        from = good.or(repeated.last()).copied().unwrap_or(end);
    }
    Ok(windows)
}

/// The last heading to cut before, else the last paragraph, else `end`.
fn best_cut(
    units: &[Unit],
    from: usize,
    covered: usize,
    end: usize,
    is_far: impl Fn(usize) -> bool,
) -> usize {
    let candidates = (covered.max(from) + 1..=end)
        .rev()
        .take_while(|at| is_far(*at));
    let candidates: Vec<usize> = candidates.collect();
    let of = |kind: Opens| {
        candidates
            .iter()
            .copied()
            .find(|at| units[*at].opens == kind)
    };
    of(Opens::Section).or(of(Opens::Paragraph)).unwrap_or(end)
}

/// What begins with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opens {
    Section,
    Paragraph,
    Nothing,
}

/// A line with its line end, or a piece of one that is too long.
struct Unit {
    span: Range<usize>,
    opens: Opens,
    /// Of the text up to its end.
    until: Tally,
}

fn units(text: &str, most: u64) -> Vec<Unit> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let fenced = fenced_lines(&lines);
    let mut units = Vec::with_capacity(lines.len());
    let (mut at, mut until) = (0, Tally::default());
    let mut after_blank = true;
    for (line, is_code) in lines.iter().zip(fenced) {
        let is_heading = line.starts_with('#') && !is_code;
        let mut opens = match (is_heading, after_blank && !is_code) {
            (true, _) => Opens::Section,
            (false, true) => Opens::Paragraph,
            (false, false) => Opens::Nothing,
        };
        after_blank = line.trim().is_empty() && !is_code;
        let mut rest = *line;
        while !rest.is_empty() {
            let piece = first_piece(rest, most);
            until = until.plus(Tally::of(piece));
            units.push(Unit {
                span: at..at + piece.len(),
                opens,
                until,
            });
            at += piece.len();
            rest = &rest[piece.len()..];
            opens = Opens::Nothing;
        }
    }
    units
}

/// The beginning of a text that comes to at most `most` tokens, and to one character at least.
fn first_piece(text: &str, most: u64) -> &str {
    if Tally::of(text).tokens() <= most {
        return text;
    }
    let mut used = Tally::default();
    let mut end = 0;
    for c in text.chars() {
        let piece = &text[end..end + c.len_utf8()];
        used = used.plus(Tally::of(piece));
        if end > 0 && used.tokens() > most {
            break;
        }
        end += c.len_utf8();
    }
    &text[..end]
}
