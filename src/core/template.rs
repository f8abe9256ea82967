//! A repository's own layout of pull requests: Markdown with places for what is known of a part.

use sha2::{Digest, Sha256};

/// Most bytes of a template: what it says stands in every pull request, beside what is filled in.
const MAX_TEMPLATE: usize = 16_000;

/// What can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// What is unproven or out of bounds.
    Warnings,
    /// What the spec is about.
    What,
    /// Neighbours in the series, branches, dependencies.
    Series,
    Tasks,
    Verification,
    /// What waits for a person.
    Questions,
    /// Engines, money, time; how to go on and to stop.
    Run,
    Reproduce,
    /// Issues that are closed by merging.
    Closes,
    /// The spec's title, on one line.
    Title,
    /// The spec's path, on one line.
    Spec,
}

impl Slot {
    pub const ALL: [Self; 11] = [
        Self::Warnings,
        Self::What,
        Self::Series,
        Self::Tasks,
        Self::Verification,
        Self::Questions,
        Self::Run,
        Self::Reproduce,
        Self::Closes,
        Self::Title,
        Self::Spec,
    ];

    /// The word between the braces.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warnings => "warnings",
            Self::What => "what",
            Self::Series => "series",
            Self::Tasks => "tasks",
            Self::Verification => "verification",
            Self::Questions => "questions",
            Self::Run => "run",
            Self::Reproduce => "reproduce",
            Self::Closes => "closes",
            Self::Title => "title",
            Self::Spec => "spec",
        }
    }
}

/// A layout that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    fingerprint: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

/// A layout that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TemplateError {
    /// 1-based.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Template {
    /// Reads a layout. A brace that is to be shown is written twice.
    ///
    /// # Errors
    /// A place that is not known, a brace alone, or a text that is too long.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > MAX_TEMPLATE {
            return Err(TemplateError {
                line: 1,
                message: format!(
                    "the template has {} bytes, and {MAX_TEMPLATE} are the most: shorten it",
                    text.len()
                ),
            });
        }
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let line = || text[..text.len() - rest.len() + at].matches('\n').count() + 1;
            plain.push_str(&rest[..at]);
            let brace = &rest[at..];
            if let Some(after) = brace.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else {
                let word = brace.strip_prefix('{').and_then(|b| b.split_once('}'));
                let Some((word, after)) = word.filter(|(word, _)| !word.contains(['{', '\n']))
                else {
                    return Err(TemplateError {
                        line: line(),
                        message:
                            "a brace stands alone: write `{{` or `}}` for one that is to be shown"
                                .to_owned(),
                    });
                };
                let Some(slot) = Slot::ALL.into_iter().find(|s| s.word() == word.trim()) else {
                    let known = Slot::ALL.map(|s| format!("`{{{}}}`", s.word())).join(", ");
                    return Err(TemplateError {
                        line: line(),
                        message: format!(
                            "`{{{word}}}` is not known; known are {known} (`{{{{` and `}}}}` are braces)"
                        ),
                    });
                };
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Slot(slot));
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        let hash = Sha256::digest(text.as_bytes());
        Ok(Self {
            pieces,
            fingerprint: hash.iter().take(6).map(|b| format!("{b:02x}")).collect(),
        })
    }

    /// The same text has the same fingerprint.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The layout with what `of` says in its places. A line that held nothing but places without content goes.
    pub fn fill(&self, of: impl Fn(Slot) -> String) -> String {
        let mut out = String::new();
        // The line at work: whether it has places, and whether anything of it is to be seen.
        let (mut line, mut has_slot) = (String::new(), false);
        for piece in &self.pieces {
            match piece {
                Piece::Slot(slot) => {
                    has_slot = true;
                    line.push_str(of(*slot).trim_matches('\n'));
                }
                Piece::Text(text) => {
                    for part in text.split_inclusive('\n') {
                        line.push_str(part);
                        if part.ends_with('\n') {
                            if !(has_slot && line.trim().is_empty()) {
                                out.push_str(&line);
                            }
                            line.clear();
                            has_slot = false;
                        }
                    }
                }
            }
        }
        out + &line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(text: &str) -> String {
        Template::parse(text).unwrap().fill(|slot| match slot {
            Slot::Closes => String::new(),
            Slot::Tasks => "| a |\n| b |\n".to_owned(),
            other => format!("<{}>", other.word()),
        })
    }

    #[test]
    fn places_are_filled() {
        for (text, expected) in [
            ("", ""),
            ("no places", "no places"),
            ("# {title}\n\n{what}\n", "# <title>\n\n<what>\n"),
            ("{ run }", "<run>"),
            ("a {{b}} {spec}", "a {b} <spec>"),
            ("{tasks}\nend", "| a |\n| b |\nend"),
            ("a\n{closes}\nb", "a\nb"),
            ("a\n{closes}", "a\n"),
            ("a {closes} b", "a  b"),
            ("{closes} {title}\n", " <title>\n"),
            ("x\r\ny", "x\ny"),
        ] {
            assert_eq!(filled(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let error = Template::parse("a\n\n{task}").unwrap_err();
        assert_eq!(error.line, 3);
        for slot in Slot::ALL {
            assert!(error.message.contains(&format!("`{{{}}}`", slot.word())));
        }
        for (text, line) in [
            ("{", 1),
            ("a\n}", 2),
            ("{a\nb}", 1),
            ("{title", 1),
            ("{a{b}}", 1),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error}");
            assert!(error.message.contains("`{{`"), "{text:?}: {error}");
        }
        assert!(Template::parse(&"a".repeat(MAX_TEMPLATE + 1)).is_err());
    }

    #[test]
    fn fingerprints_tell_templates_apart() {
        let print = |text: &str| Template::parse(text).unwrap().fingerprint().to_owned();
        assert_eq!(print("{what}"), print("{what}"));
        assert_ne!(print("{what}"), print("{what} "));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.fill(|s| s.word().to_owned());
            }
        }

        #[test]
        fn text_without_braces_stays(text in "[a-z #*\n]{0,60}") {
            prop_assert_eq!(filled(&text), text);
        }
    }
}
