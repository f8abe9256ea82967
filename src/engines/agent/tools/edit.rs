//! Exact replacement, and what to say when it is not exact. Pure.

use regex::bytes::RegexBuilder;
use std::fmt;

/// Lines looked at for something similar, and bytes of each.
const MAX_SCAN: usize = 5000;
const MAX_COMPARE: usize = 200;
/// Lines shown of a near miss.
const MAX_SHOWN: usize = 12;

/// A text after its replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edited {
    pub bytes: Vec<u8>,
    /// Line of each replacement in the old text, from 1.
    pub lines: Vec<usize>,
}

/// Why nothing was replaced: a sentence for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    EmptyOld,
    Same,
    TooLong,
    /// Lines of the occurrences.
    Several(Vec<usize>),
    /// First line and text of a place that differs in white space only.
    WhiteSpace(usize, String),
    /// First line and text of the most similar place.
    Similar(usize, String),
    Nowhere,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyOld => {
                f.write_str("`old` is empty; give the text to replace, or use write_file")
            }
            Self::Same => f.write_str("`old` and `new` are the same"),
            Self::TooLong => {
                f.write_str("`old` is too long; a few lines are enough, or use write_file")
            }
            Self::Several(lines) => {
                let shown: Vec<String> = lines.iter().take(10).map(ToString::to_string).collect();
                write!(
                    f,
                    "`old` stands there {} times, at lines {}; add lines around it until it is the only one, or set `all`",
                    lines.len(),
                    shown.join(", ")
                )
            }
            Self::WhiteSpace(line, text) => write!(
                f,
                "`old` differs in white space from line {line} on, where the file says exactly:\n{text}"
            ),
            Self::Similar(line, text) => {
                write!(
                    f,
                    "`old` is not in the file. The most similar place is at line {line}:\n{text}"
                )
            }
            Self::Nowhere => {
                f.write_str("`old` is not in the file, nor anything like it; read the file again")
            }
        }
    }
}

/// Replaces `old` by `new` once, or everywhere with `all`. Works on bytes, so that what is not UTF-8 stays
/// as it is. In a file with CRLF line ends, `old` and `new` may be given with LF.
///
/// # Errors
/// [`Miss`], when `old` is not there, or is there more than once without `all`.
pub(super) fn replace(text: &[u8], old: &str, new: &str, all: bool) -> Result<Edited, Miss> {
    if old.is_empty() {
        return Err(Miss::EmptyOld);
    }
    if old == new {
        return Err(Miss::Same);
    }
    let mut at = occurrences(text, old)?;
    let (mut old, mut new) = (old.to_owned(), new.to_owned());
    if at.is_empty() && old.contains('\n') && !old.contains('\r') {
        let crlf = old.replace('\n', "\r\n");
        at = occurrences(text, &crlf)?;
        if !at.is_empty() {
            old = crlf;
            new = new.replace("\r\n", "\n").replace('\n', "\r\n");
        }
    }
    if at.is_empty() {
        return Err(near(&String::from_utf8_lossy(text), &old));
    }
    let lines: Vec<usize> = at.iter().map(|pos| line_of(text, *pos)).collect();
    if at.len() > 1 && !all {
        return Err(Miss::Several(lines));
    }
    let mut bytes = Vec::with_capacity(text.len() + new.len());
    let mut from = 0;
    for pos in at {
        bytes.extend_from_slice(&text[from..pos]);
        bytes.extend_from_slice(new.as_bytes());
        from = pos + old.len();
    }
    bytes.extend_from_slice(&text[from..]);
    Ok(Edited { bytes, lines })
}

/// Where `needle` begins, without overlaps. In linear time, which a naive search is not.
fn occurrences(text: &[u8], needle: &str) -> Result<Vec<usize>, Miss> {
    let literal = RegexBuilder::new(&regex::escape(needle))
        .size_limit(64 << 20)
        .build()
        .map_err(|_| Miss::TooLong)?;
    Ok(literal.find_iter(text).map(|m| m.start()).collect())
}

fn line_of(text: &[u8], pos: usize) -> usize {
    1 + text[..pos].iter().filter(|b| **b == b'\n').count()
}

/// The place that was probably meant.
fn near(text: &str, old: &str) -> Miss {
    let lines: Vec<&str> = text.lines().take(MAX_SCAN).collect();
    let wanted: Vec<String> = old.trim().lines().map(squeezed).collect();
    let Some(first) = wanted.iter().find(|l| !l.is_empty()) else {
        return Miss::Nowhere;
    };
    let squeezed_lines: Vec<String> = lines.iter().map(|l| squeezed(l)).collect();
    if let Some(at) = squeezed_lines
        .windows(wanted.len())
        .position(|w| w == wanted)
    {
        return Miss::WhiteSpace(at + 1, excerpt(&lines, at, wanted.len()));
    }
    let score = |line: &String| strsim::normalized_levenshtein(head(line), head(first));
    let best = squeezed_lines
        .iter()
        .map(score)
        .enumerate()
        .max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)));
    match best {
        Some((at, score)) if score >= 0.6 => {
            Miss::Similar(at + 1, excerpt(&lines, at, wanted.len()))
        }
        _ => Miss::Nowhere,
    }
}

/// A line with its white space folded.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn head(line: &str) -> &str {
    &line[..line.floor_char_boundary(MAX_COMPARE)]
}

fn excerpt(lines: &[&str], at: usize, count: usize) -> String {
    let shown: Vec<&str> = lines
        .iter()
        .skip(at)
        .take(count.clamp(1, MAX_SHOWN))
        .map(|l| &l[..l.floor_char_boundary(500)])
        .collect();
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, old: &str, new: &str, all: bool) -> Result<String, Miss> {
        replace(text.as_bytes(), old, new, all).map(|e| String::from_utf8(e.bytes).unwrap())
    }

    #[test]
    fn replacements() {
        for (text, old, new, all, want) in [
            ("a b c", "b", "x", false, Ok("a x c")),
            ("a\nb\n", "a\nb", "", false, Ok("\n")),
            ("b b b", "b", "bb", true, Ok("bb bb bb")),
            ("aaa", "aa", "x", true, Ok("xa")),
            (
                "a\r\nb\r\n",
                "a\nb",
                "x\ny\nz",
                false,
                Ok("x\r\ny\r\nz\r\n"),
            ),
            ("b\nb\n", "b", "x", false, Err(Miss::Several(vec![1, 2]))),
            ("a", "", "x", false, Err(Miss::EmptyOld)),
            ("a", "a", "a", false, Err(Miss::Same)),
            ("a", "zzz", "x", false, Err(Miss::Nowhere)),
            ("", "zzz", "x", false, Err(Miss::Nowhere)),
            ("a", " \n ", "x", false, Err(Miss::Nowhere)),
        ] {
            assert_eq!(
                after(text, old, new, all),
                want.map(str::to_owned),
                "{text:?} {old:?}"
            );
        }
    }

    #[test]
    fn near_misses_show_the_text_that_is_there() {
        let text = "fn one() {\n    let x = 1;\n}\n\nfn two() {\n\tlet y = 2;\n}\n";
        let miss = after(text, "fn two() {\n    let y = 2;\n}", "", false).unwrap_err();
        assert_eq!(
            miss,
            Miss::WhiteSpace(5, "fn two() {\n\tlet y = 2;\n}".into())
        );
        let miss = after(text, "    let x = 10;", "", false).unwrap_err();
        assert_eq!(miss, Miss::Similar(2, "    let x = 1;".into()));
        assert!(miss.to_string().contains("line 2"), "{miss}");
    }

    #[test]
    fn bytes_that_are_not_utf8_stay() {
        let edited = replace(b"caf\xe9 one", "one", "two", false).unwrap();
        assert_eq!(edited.bytes, b"caf\xe9 two");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in proptest::collection::vec(0u8.., 0..200), old in "\\PC{0,8}", new in "\\PC{0,8}", all: bool) {
            if let Ok(edited) = replace(&text, &old, &new, all) {
                proptest::prop_assert_eq!(edited.bytes.len() + edited.lines.len() * old.len(), text.len() + edited.lines.len() * new.len());
            }
        }

        #[test]
        fn what_is_there_once_is_replaced(before in "[a-c\n]{0,20}", after_text in "[a-c\n]{0,20}") {
            let text = format!("{before}NEEDLE{after_text}");
            proptest::prop_assert_eq!(after(&text, "NEEDLE", "x", false).unwrap(), format!("{before}x{after_text}"));
        }
    }
}
