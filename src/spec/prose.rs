//! The plain words of a spec: what it says of itself before its first task, and what a text says outside of code.

use super::front;
use super::text::{Lines, beginning, collapse};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Most paragraphs of an introduction, and most bytes that are looked at for them.
const MAX_PARAGRAPHS: usize = 3;
const MAX_LOOK: usize = 64 << 10;

/// What a spec says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intro {
    /// Its first paragraphs, as people read them.
    pub paragraphs: Vec<String>,
    /// The same and its front matter, without code: where it states things. An empty line stands behind each.
    pub said: String,
}

/// The introduction of a spec; empty where there is none, and for what is no text.
pub fn intro(bytes: &[u8]) -> Intro {
    let bytes = &bytes[..bytes.len().min(MAX_LOOK)];
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
    };
    let start = beginning(text);
    let (rows, base) =
        front::extent(text, start, &Lines::new(text.as_bytes())).unwrap_or((Vec::new(), start));
    let mut intro = Intro::default();
    for (_, row) in rows {
        intro.said.push_str(&row.replace(['"', '\''], ""));
        intro.said.push_str("\n\n");
    }
    let mut walk = Words::default();
    // How deep in lists and quotes, whose paragraphs are no introduction.
    let mut depth = 0_usize;
    for event in Parser::new_ext(&text[base..], Options::ENABLE_TASKLISTS) {
        let has_some = !intro.paragraphs.is_empty();
        match &event {
            Event::TaskListMarker(_) => break,
            Event::Start(Tag::Heading { .. } | Tag::List(_)) if has_some && depth == 0 => break,
            Event::Start(Tag::List(_) | Tag::BlockQuote(_)) => depth += 1,
            Event::End(TagEnd::List(_) | TagEnd::BlockQuote(_)) => {
                depth = depth.saturating_sub(1);
            }
            Event::Start(Tag::Paragraph) => walk = Words::default(),
            Event::End(TagEnd::Paragraph) if depth == 0 => {
                let shown = collapse(&walk.shown);
                if !shown.is_empty() {
                    intro.paragraphs.push(shown);
                    intro.said.push_str(&walk.said);
                    intro.said.push_str("\n\n");
                }
                if intro.paragraphs.len() == MAX_PARAGRAPHS {
                    break;
                }
            }
            _ => walk.event(&event),
        }
    }
    intro
}

/// The words of a Markdown text without its code, comments and quotations: what it states itself. An empty line
/// stands between blocks.
pub fn said(markdown: &str) -> String {
    let mut walk = Words::default();
    let mut quotes = 0_usize;
    let mut code = 0_usize;
    for event in Parser::new_ext(markdown, Options::ENABLE_TASKLISTS) {
        match &event {
            Event::Start(Tag::BlockQuote(_)) => quotes += 1,
            Event::End(TagEnd::BlockQuote(_)) => quotes = quotes.saturating_sub(1),
            Event::Start(Tag::CodeBlock(_)) => code += 1,
            Event::End(TagEnd::CodeBlock) => code = code.saturating_sub(1),
            Event::Start(Tag::Paragraph | Tag::Item | Tag::Heading { .. })
            | Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::Heading(_)) => {
                walk.said.push_str("\n\n");
            }
            _ if quotes == 0 && code == 0 => walk.event(&event),
            _ => {}
        }
    }
    walk.said
}

/// Words of inline text, as shown and as stated.
#[derive(Default)]
struct Words {
    shown: String,
    said: String,
}

impl Words {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Text(text) => {
                self.shown.push_str(text);
                self.said.push_str(text);
            }
            // A statement does not go on behind code.
            Event::Code(text) => {
                self.shown.push_str(text);
                self.said.push('`');
            }
            Event::SoftBreak => {
                self.shown.push(' ');
                self.said.push('\n');
            }
            Event::HardBreak => {
                self.shown.push(' ');
                self.said.push('\n');
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn introductions() {
        for (text, paragraphs) in [
            ("", vec![]),
            ("# Todo\n\n- [ ] one\n", vec![]),
            (
                "# Todo\n\nA *list* of\n`things`.\n\nMore.\n\n## Tasks\n\nNot this.\n",
                vec!["A list of things.", "More."],
            ),
            ("---\npriority: 1\n---\nBare words.\n", vec!["Bare words."]),
            (
                "# T\n\n## Why\n\nBecause.\n\n- [ ] one\n\nLater.\n",
                vec!["Because."],
            ),
            ("# T\n\n> quoted\n\n- item\n\nText.\n", vec!["Text."]),
            ("# T\n\n- [ ] one\n\nAfter the first task.\n", vec![]),
            ("a\n\nb\n\nc\n\nd\n", vec!["a", "b", "c"]),
            (
                "# T\n\n```\ncode\n```\n\n<!-- no -->\n\nText.\n",
                vec!["Text."],
            ),
        ] {
            assert_eq!(intro(text.as_bytes()).paragraphs, paragraphs, "{text:?}");
        }
        assert_eq!(intro(b"ok\n\xff").paragraphs, ["ok"]);
    }

    #[test]
    fn front_matter_that_does_not_end_within_what_is_looked_at_is_none() {
        assert_eq!(intro(b"---\na: b\n\xff\nc: d\n").paragraphs, ["a: b"]);
        // The bound falls within a character, and lines go on behind it.
        let long = format!("---\na: b\n{}\n---\nText.\n", "\u{e9}".repeat(MAX_LOOK));
        assert_eq!(intro(long.as_bytes()).paragraphs.len(), 1);
    }

    #[test]
    fn what_is_said_is_not_code() {
        let spec =
            "---\ncloses: \"#4\"\n---\n# T\n\nCloses #5, not `closes #6`.\n\n- [ ] a closes #7\n";
        let said_there = intro(spec.as_bytes()).said;
        assert!(said_there.contains("closes: #4\n"), "{said_there}");
        assert!(said_there.contains("Closes #5, not `."), "{said_there}");
        assert!(!said_there.contains("#6") && !said_there.contains("#7"));
        assert_eq!(said("- a\n  - b\n    c"), "\n\na\n\nb\nc\n\n\n\n");
        let task = "Add it (closes #1)\n\n- `closes #2`\n- fixes #3\n\n> closes #4\n\n```\ncloses #5\n```\n<!-- closes #6 -->\n";
        let stated = said(task);
        for (words, stands) in [
            ("#1", true),
            ("#2", false),
            ("#3", true),
            ("#4", false),
            ("#5", false),
            ("#6", false),
        ] {
            assert_eq!(stated.contains(words), stands, "{words}: {stated}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
            prop_assert!(intro(&bytes).paragraphs.len() <= MAX_PARAGRAPHS);
            prop_assert!(intro(text.as_bytes()).paragraphs.len() <= MAX_PARAGRAPHS);
            let _ = said(&text);
        }
    }
}
