//! Token estimates, for planning only. Real usage is what the provider reports.

use std::borrow::Cow;

/// Estimated tokens of a text: four ASCII characters a token, every other character one token.
///
/// Common tokenizers come to about four characters a token for English and code, and to about one token
/// a character for Chinese, Japanese and Korean; other alphabets lie between and are overestimated here,
/// which errs towards smaller chunks. The sum over the pieces of a text exceeds the estimate of the whole by
/// at most one a cut, and never falls below it.
///
/// ```
/// use codelicious::core::tokens::estimate;
/// assert_eq!(estimate("fn main() {}"), 3);
/// assert_eq!(estimate("設計"), 2);
/// ```
pub fn estimate(text: &str) -> u64 {
    Tally::of(text).tokens()
}

/// Estimated tokens of a file of `len` bytes whose content is not at hand.
pub fn for_bytes(len: u64) -> u64 {
    len.div_ceil(4)
}

/// Characters of a text by the two kinds that [`estimate`] tells apart; tallies of pieces add up exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    ascii: u64,
    other: u64,
}

impl Tally {
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        // Most text is, and that is told many bytes at a time.
        if bytes.is_ascii() {
            return Self {
                ascii: bytes.len() as u64,
                other: 0,
            };
        }
        Self {
            ascii: bytes.iter().filter(|b| b.is_ascii()).count() as u64,
            // Lead bytes of multi-byte sequences; continuation bytes are below 0xC0.
            other: bytes.iter().filter(|b| **b >= 0xC0).count() as u64,
        }
    }

    /// A single ASCII character, such as a line end.
    pub(crate) const ASCII: Self = Self { ascii: 1, other: 0 };

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            ascii: self.ascii + other.ascii,
            other: self.other + other.other,
        }
    }

    /// What must be added to `earlier` to come to `self`, where `earlier` is a tally of a prefix.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            ascii: self.ascii - earlier.ascii,
            other: self.other - earlier.other,
        }
    }

    pub(crate) fn tokens(self) -> u64 {
        self.ascii.div_ceil(4) + self.other
    }
}

/// The leading whole lines of `text` that come to at most `tokens`, with a closing line that says that
/// something was left out; empty where not even one line fits.
pub(crate) fn cut(text: &str, tokens: u64) -> Cow<'_, str> {
    if estimate(text) <= tokens {
        return Cow::Borrowed(text);
    }
    const CLOSING: u64 = 8;
    let room = tokens.saturating_sub(CLOSING);
    let mut used = Tally::default();
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        used = used.plus(Tally::of(line));
        if used.tokens() > room {
            break;
        }
        end += line.len();
    }
    if end == 0 {
        return Cow::Borrowed("");
    }
    Cow::Owned(format!(
        "{}\n… (the rest is left out)",
        text[..end].trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_estimates() {
        for (text, tokens) in [
            ("", 0),
            ("a", 1),
            ("abcd", 1),
            ("abcde", 2),
            ("é", 1),
            ("日本語", 3),
            ("ab日", 2),
            ("🎯", 1),
        ] {
            assert_eq!(estimate(text), tokens, "{text:?}");
        }
        assert_eq!(for_bytes(0), 0);
        assert_eq!(for_bytes(9), 3);
    }

    proptest! {
        #[test]
        fn pieces_add_up(a in "\\PC{0,40}", b in "\\PC{0,40}") {
            let whole = estimate(&format!("{a}{b}"));
            let pieces = estimate(&a) + estimate(&b);
            prop_assert!(whole <= pieces && pieces <= whole + 1);
        }

        #[test]
        fn a_cut_text_fits(text in "([a-z日 ]{0,30}\n){0,12}", tokens in 0u64..80) {
            let kept = cut(&text, tokens);
            prop_assert!(estimate(&kept) <= tokens, "{} > {tokens}: {kept:?}", estimate(&kept));
        }
    }
}
