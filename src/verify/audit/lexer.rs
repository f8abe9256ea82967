//! Which bytes of a source are code, and which are comments or texts.
//!
//! A light reader, not a parser: enough that a rule never takes a word in a comment or in a string for code.
//! What a language does differently is data of its [`Lexis`]. Offsets in the masked texts are those of the source.

use std::ops::Range;

/// How a language writes comments and texts.
pub(super) struct Lexis {
    pub line_comments: &'static [&'static str],
    /// `#` begins a comment only at the start of a word, as in shells.
    pub hash_after_space: bool,
    pub blocks: &'static [Block],
    /// Longer openings before shorter ones.
    pub quotes: &'static [Quote],
    /// `'` may begin a lifetime, and `r#"` a raw text.
    pub rust: bool,
    /// `/` may begin a regular expression.
    pub regexes: bool,
}

/// A comment with an end of its own.
pub(super) struct Block {
    pub open: &'static str,
    pub close: &'static str,
    pub nests: bool,
}

/// A kind of text.
pub(super) struct Quote {
    pub mark: &'static str,
    pub escapes: bool,
    pub lines: bool,
    /// Code may stand in `${…}`.
    pub holes: bool,
}

impl Quote {
    pub(super) const fn plain(mark: &'static str) -> Self {
        Self {
            mark,
            escapes: true,
            lines: false,
            holes: false,
        }
    }

    pub(super) const fn lines(mark: &'static str) -> Self {
        Self {
            mark,
            escapes: true,
            lines: true,
            holes: false,
        }
    }
}

/// A source with its comments and texts told apart.
pub(super) struct Masked {
    /// Without comments and without what stands between quotes.
    pub code: String,
    /// Without comments only.
    pub bare: String,
    pub comments: Vec<Range<usize>>,
    /// Quotes included.
    pub texts: Vec<Range<usize>>,
}

pub(super) fn mask(text: &str, lexis: &Lexis) -> Masked {
    let mut reader = Reader {
        text: text.as_bytes(),
        lexis,
        at: 0,
        comments: Vec::new(),
        texts: Vec::new(),
        holes: Vec::new(),
    };
    reader.read();
    let Reader {
        comments, texts, ..
    } = reader;
    let mut bare = text.as_bytes().to_vec();
    for range in &comments {
        blank(&mut bare[range.clone()]);
    }
    let mut code = bare.clone();
    for range in &texts {
        let edge = usize::from(range.len() > 1);
        // A text without an end may end in the middle of nothing in particular: then there is no quote to keep.
        let tail = if code[range.end - 1].is_ascii() {
            edge
        } else {
            0
        };
        blank(&mut code[range.start + edge..range.end - tail]);
    }
    Masked {
        code: string(code),
        bare: string(bare),
        comments,
        texts,
    }
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// The ranges begin and end at ASCII marks or at ends of lines, so that no character is cut.
fn string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| {
        let ascii = e.into_bytes().into_iter();
        ascii
            .map(|b| if b.is_ascii() { char::from(b) } else { ' ' })
            .collect()
    })
}

struct Reader<'a> {
    text: &'a [u8],
    lexis: &'a Lexis,
    at: usize,
    comments: Vec<Range<usize>>,
    texts: Vec<Range<usize>>,
    /// Of each template that code stands in: open braces in it, and its quote.
    holes: Vec<(usize, &'a Quote)>,
}

impl<'a> Reader<'a> {
    fn read(&mut self) {
        while self.at < self.text.len() {
            if self.comment() || self.raw() || self.quoted() || self.single() || self.regex() {
                continue;
            }
            self.brace();
            self.at += 1;
        }
    }

    fn starts(&self, mark: &str) -> bool {
        self.text[self.at..].starts_with(mark.as_bytes())
    }

    fn before(&self) -> u8 {
        match self.at {
            0 => b'\n',
            at => self.text[at - 1],
        }
    }

    fn comment(&mut self) -> bool {
        let start = self.at;
        let shell = self.lexis.hash_after_space && !self.before().is_ascii_whitespace();
        let is_line = |mark: &&str| !(shell && **mark == *"#") && self.starts(mark);
        if self.lexis.line_comments.iter().any(is_line) {
            while self.at < self.text.len() && self.text[self.at] != b'\n' {
                self.at += 1;
            }
            self.comments.push(start..self.at);
            return true;
        }
        let Some(block) = self.lexis.blocks.iter().find(|b| self.starts(b.open)) else {
            return false;
        };
        let mut depth = 0usize;
        while self.at < self.text.len() {
            if self.starts(block.close) && depth > 0 {
                self.at += block.close.len();
                depth -= 1;
                if depth == 0 {
                    break;
                }
            } else if self.starts(block.open) && (block.nests || depth == 0) {
                self.at += block.open.len();
                depth += 1;
            } else {
                self.at += 1;
            }
        }
        self.comments.push(start..self.at);
        true
    }

    /// A raw text of Rust, with as many `#` at its end as at its beginning.
    fn raw(&mut self) -> bool {
        if !self.lexis.rust || is_word(self.before()) {
            return false;
        }
        let rest = &self.text[self.at..];
        let prefix = [&b"r"[..], b"br", b"cr"];
        let Some(prefix) = prefix.iter().find(|p| rest.starts_with(p)) else {
            return false;
        };
        let hashes = rest[prefix.len()..]
            .iter()
            .take_while(|b| **b == b'#')
            .count();
        let open = prefix.len() + hashes;
        if rest.get(open) != Some(&b'"') {
            return false;
        }
        let start = self.at;
        self.at += open + 1;
        while self.at < self.text.len() {
            let close = &self.text[self.at..];
            self.at += 1;
            let ends = close[0] == b'"'
                && close.len() > hashes
                && close[1..=hashes].iter().all(|b| *b == b'#');
            if ends {
                self.at += hashes;
                break;
            }
        }
        self.texts.push(start..self.at);
        true
    }

    fn quoted(&mut self) -> bool {
        let Some(quote) = self.lexis.quotes.iter().find(|q| self.starts(q.mark)) else {
            return false;
        };
        let start = self.at;
        self.at += quote.mark.len();
        self.inside(quote, start);
        true
    }

    /// Reads on within a text, to its end or to the next hole.
    fn inside(&mut self, quote: &'a Quote, start: usize) {
        while self.at < self.text.len() {
            let byte = self.text[self.at];
            if byte == b'\\' && quote.escapes {
                self.at = (self.at + 2).min(self.text.len());
            } else if byte == b'\n' && !quote.lines {
                break;
            } else if self.starts(quote.mark) {
                self.at += quote.mark.len();
                break;
            } else if quote.holes && self.starts("${") && self.holes.len() < 64 {
                self.at += 2;
                self.holes.push((0, quote));
                break;
            } else {
                self.at += 1;
            }
        }
        self.texts.push(start..self.at);
    }

    /// Braces in holes of templates: the last one leads back into the text.
    fn brace(&mut self) {
        let Some((depth, quote)) = self.holes.last_mut() else {
            return;
        };
        match self.text[self.at] {
            b'{' => *depth += 1,
            b'}' if *depth > 0 => *depth -= 1,
            b'}' => {
                let (quote, start) = (*quote, self.at);
                self.holes.pop();
                self.at += 1;
                self.inside(quote, start);
                // The caller steps over one byte.
                self.at -= 1;
            }
            _ => {}
        }
    }

    /// A character of Rust, as opposed to a lifetime.
    fn single(&mut self) -> bool {
        if !self.lexis.rust || self.text[self.at] != b'\'' {
            return false;
        }
        let rest = &self.text[self.at + 1..];
        let len = match rest.first() {
            Some(b'\\') => rest
                .iter()
                .skip(2)
                .take(12)
                .position(|b| *b == b'\'')
                .map(|p| p + 4),
            Some(first) => {
                let width = match first {
                    0xf0.. => 4,
                    0xe0.. => 3,
                    0xc0.. => 2,
                    _ => 1,
                };
                (rest.get(width) == Some(&b'\'')).then_some(width + 2)
            }
            None => None,
        };
        let Some(len) = len else { return false };
        self.texts.push(self.at..self.at + len);
        self.at += len;
        true
    }

    fn regex(&mut self) -> bool {
        if !self.lexis.regexes || self.text[self.at] != b'/' {
            return false;
        }
        let behind = &self.text[self.at.saturating_sub(64)..self.at];
        let last = behind.iter().rposition(|b| !b.is_ascii_whitespace());
        let may = match last {
            None => true,
            Some(at) => {
                b"(,=:[!&|?{};+-*%<>~^".contains(&behind[at]) || behind[..=at].ends_with(b"return")
            }
        };
        if !may {
            return false;
        }
        let (mut at, mut in_class) = (self.at + 1, false);
        loop {
            match self.text.get(at).filter(|_| at < self.at + 1_000) {
                None | Some(b'\n') => return false,
                Some(b'\\') => at += 1,
                Some(b'[') => in_class = true,
                Some(b']') => in_class = false,
                Some(b'/') if !in_class => break,
                Some(_) => {}
            }
            at += 1;
        }
        self.texts.push(self.at..at + 1);
        self.at = at + 1;
        true
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
