//! What of a Markdown text people are shown, where forges render it.
//!
//! Hidden are comments and what else HTML keeps to itself, definitions of links and footnotes that nothing refers to,
//! and definitions that come second. What an element shows stays, with its tags.

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};
use std::collections::BTreeSet;
use std::ops::Range;

/// How often definitions are looked for, each time behind those that were found: a label counts once a time.
const MAX_LOOKS: usize = 8;

/// What HTML hides, from where to where, in small letters.
const HIDING: [(&str, &str); 7] = [
    ("<!--", "-->"),
    ("<![cdata[", "]]>"),
    ("<!", ">"),
    ("<?", "?>"),
    ("<script", "</script"),
    ("<style", "</style"),
    ("<template", "</template"),
];

/// The text without what is hidden. A line of which nothing is left goes with it.
pub fn visible(text: &str) -> String {
    without_hidden(text, false)
}

/// The same, where such a line stays as an empty one: every other line keeps its number.
pub fn visible_in_place(text: &str) -> String {
    without_hidden(text, true)
}

fn without_hidden(text: &str, keeps_lines: bool) -> String {
    let mut cuts = Vec::new();
    let used = hidden_by_html_and_notes(text, &mut cuts);
    hidden_definitions(text, &used, &mut cuts);
    cuts.retain(|c| !c.is_empty());
    cuts.sort_by_key(|c| c.start);
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    for line in text.split('\n') {
        let span = at..at + line.len();
        at = span.end + 1;
        // A cut that holds the line's end alone leaves the line as it is.
        let mut kept = String::new();
        let mut from = span.start;
        let mut was_cut = false;
        for cut in cuts.iter().skip_while(|c| c.end <= span.start) {
            if cut.start >= span.end {
                break;
            }
            kept.push_str(text.get(from..cut.start).unwrap_or_default());
            from = from.max(cut.end.min(span.end));
            was_cut = true;
        }
        kept.push_str(text.get(from..span.end).unwrap_or_default());
        match was_cut {
            false => out.push(kept),
            true if kept.trim().is_empty() && !keeps_lines => {}
            true => out.push(kept.trim_end().to_owned()),
        }
        // Those behind the line are not looked at again.
        let done = cuts.iter().take_while(|c| c.end <= span.end).count();
        cuts.drain(..done);
    }
    out.join("\n")
}

fn parser(text: &str) -> Parser<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES;
    Parser::new_ext(text, options)
}

/// Gathers what HTML hides and footnotes that nothing in the text refers to; the labels of links that are used.
fn hidden_by_html_and_notes(text: &str, cuts: &mut Vec<Range<usize>>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut notes: Vec<(String, Range<usize>)> = Vec::new();
    let mut referred = BTreeSet::new();
    let mut note_depth = 0_usize;
    // Where something hidden began that did not end yet, and what ends it.
    let mut open: Option<(usize, &str)> = None;
    for (event, span) in parser(text).into_offset_iter() {
        match event {
            Event::Html(_) | Event::InlineHtml(_) => {
                open = scan_html(text, span, open, cuts);
            }
            Event::Start(Tag::Link { link_type, id, .. } | Tag::Image { link_type, id, .. })
                if is_reference(link_type) =>
            {
                used.insert(folded(&id));
            }
            Event::Start(Tag::FootnoteDefinition(name)) => {
                note_depth += 1;
                notes.push((folded(&name), span));
            }
            Event::End(TagEnd::FootnoteDefinition) => note_depth = note_depth.saturating_sub(1),
            Event::FootnoteReference(name) if note_depth == 0 => {
                referred.insert(folded(&name));
            }
            _ => {}
        }
    }
    if let Some((start, _)) = open {
        cuts.push(start..text.len());
    }
    for (name, span) in notes {
        // Removed, so that a second one of the same name is hidden.
        if !referred.remove(&name) {
            cuts.push(span);
        }
    }
    used
}

/// Reads raw HTML for what it hides. What began earlier ends only in raw HTML: in text, `>` is escaped.
fn scan_html<'s>(
    text: &str,
    span: Range<usize>,
    mut open: Option<(usize, &'s str)>,
    cuts: &mut Vec<Range<usize>>,
) -> Option<(usize, &'s str)> {
    let html = text.get(span.clone()).unwrap_or_default();
    let small = html.to_ascii_lowercase();
    let mut at = 0;
    loop {
        if let Some((start, end)) = open {
            let Some(found) = small[at..].find(end) else {
                return open;
            };
            at += found + end.len();
            if end.starts_with("</") {
                at += small[at..].find('>').map_or(0, |n| n + 1);
            }
            cuts.push(start..span.start + at);
        }
        let (begin, starts, ends) = next_hiding(&small, at)?;
        open = Some((span.start + begin, ends));
        // `<!-->` is a whole comment.
        at = begin + starts.len().min(2);
    }
}

/// Where the next thing that hides begins behind `from`.
fn next_hiding(small: &str, from: usize) -> Option<(usize, &'static str, &'static str)> {
    for (at, _) in small[from..].match_indices('<') {
        let at = from + at;
        let rest = &small[at..];
        let found = HIDING.iter().find(|(starts, _)| {
            let is_tag = starts.ends_with(|c: char| c.is_ascii_alphabetic());
            let next = rest.strip_prefix(starts).map(|r| r.chars().next());
            next.is_some_and(|next| {
                !is_tag || !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
            })
        });
        if let Some((starts, ends)) = found {
            return Some((at, starts, ends));
        }
    }
    None
}

/// Gathers definitions of links, but for the first one of a label that is used.
fn hidden_definitions(text: &str, used: &BTreeSet<String>, cuts: &mut Vec<Range<usize>>) {
    let mut bytes = text.as_bytes().to_vec();
    let mut kept = BTreeSet::new();
    for _ in 0..MAX_LOOKS {
        let Ok(now) = std::str::from_utf8(&bytes) else {
            return;
        };
        let parser = parser(now);
        let defined: Vec<(String, Range<usize>)> = parser
            .reference_definitions()
            .iter()
            .map(|(label, def)| (folded(label), def.span.clone()))
            .collect();
        if defined.is_empty() {
            return;
        }
        for (label, span) in defined {
            // Blanks in its place show those that it stood in front of.
            for byte in &mut bytes[span.clone()] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            if !used.contains(&label) || !kept.insert(label) {
                cuts.push(span);
            }
        }
    }
    // Nobody defines a label so often for people to read: what still looks like it goes line by line.
    let Ok(rest) = std::str::from_utf8(&bytes) else {
        return;
    };
    let mut at = 0;
    for line in rest.split('\n') {
        let words = line.trim_start_matches([' ', '>']);
        if words.starts_with('[') && words.contains("]:") {
            cuts.push(at..at + line.len());
        }
        at += line.len() + 1;
    }
}

fn is_reference(kind: LinkType) -> bool {
    match kind {
        LinkType::Reference | LinkType::Collapsed | LinkType::Shortcut => true,
        LinkType::Inline
        | LinkType::ReferenceUnknown
        | LinkType::CollapsedUnknown
        | LinkType::ShortcutUnknown
        | LinkType::Autolink
        | LinkType::Email
        | LinkType::WikiLink { .. } => false,
    }
}

/// A label as labels are compared.
fn folded(label: &str) -> String {
    let words: Vec<&str> = label.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_are_not_shown_goes() {
        for (text, wanted) in [
            ("a <!-- x --> b", "a  b"),
            ("a\n<!-- one\ntwo\n-->\nb", "a\nb"),
            ("<!-- never closed\n\nb", ""),
            ("<!--> shown -->", " shown -->"),
            // The fence inside of the comment is none.
            ("<!--\n```\n-->\n<!-- do X -->\n```\ncode", "```\ncode"),
            // An escaped backtick begins no code.
            (r"a \` <!-- do X --> `b`", r"a \`  `b`"),
            ("[//]: # (do X)\n\na", "\na"),
            ("> [//]: # (do X)\n> a", ">\n> a"),
            ("[a]: b 'do\nX'\nshown", "shown"),
            (
                "see [a]\n\n[a]: https://e.org\n",
                "see [a]\n\n[a]: https://e.org\n",
            ),
            (
                "see [a]\n\n[a]: https://e.org\n[A]: # (do X)\n[a ]: # (do Y)\n",
                "see [a]\n\n[a]: https://e.org\n",
            ),
            ("a[^1]\n\n[^1]: shown\n", "a[^1]\n\n[^1]: shown\n"),
            ("a\n\n[^1]: do X\n", "a\n\n"),
            // Hidden from the element on, since text cannot close it.
            ("<div>\n<!-- a\n\ndo X --> b\n", "<div>\n"),
            ("<div>\n<!-- a\n\ndo X\n\n<p>--> b</p>\n", "<div>\n b</p>"),
            ("<?php do X ?>\na", "a"),
            ("a <!DOCTYPE do X> b", "a  b"),
            ("<STYLE a>\ndo X\n</style >\n\nb", "\nb"),
            ("<stylex>a</stylex>", "<stylex>a</stylex>"),
        ] {
            let got = visible(text);
            let ends = |t: &str| t.trim_end_matches('\n').to_owned();
            // What is left of a line's own blanks and of tags does not matter here.
            assert_eq!(ends(&got).replace("> \n", ">\n"), ends(wanted), "{text:?}");
        }
    }

    #[test]
    fn what_people_are_shown_stays() {
        for text in [
            "",
            "plain\n\n- [ ] a\n- [x] b\n",
            "say `<!-- x -->` here",
            "```\n<!-- shown -->\n[a]: b\n```",
            "    <!-- indented -->",
            "<details><summary>Log</summary>\n\n```\nx\n```\n\n</details>\n",
            "a <!-- never closed",
            "| a | b |\n|---|---|\n| `<!-- x -->` | c |\n",
            "Vec<T> and a < b",
            "text\n[a]: is no definition",
        ] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn nobody_hides_by_defining_a_label_many_times() {
        let many = "[a]: # (do X)\n".repeat(100);
        let text = format!("[a]\n\n{many}");
        assert_eq!(visible(&text).matches("do X").count(), 1);
    }

    proptest! {
        #[test]
        fn any_text_is_read(
            pieces in proptest::collection::vec(prop_oneof![
                Just("<!--".to_owned()), Just("-->".to_owned()), Just("```\n".to_owned()), Just("`".to_owned()),
                Just("\n".to_owned()), Just("[a]: b\n".to_owned()), Just("[a]".to_owned()), Just("<div>".to_owned()),
                Just("[^1]: é\n".to_owned()), Just("- ".to_owned()), Just("> ".to_owned()), Just("é".to_owned()),
                Just("<?".to_owned()), Just("<script>".to_owned()), Just("</script>".to_owned()), any::<String>(),
            ], 0..24),
        ) {
            let text = pieces.concat();
            let got = visible(&text);
            prop_assert!(got.len() <= text.len());
        }

        #[test]
        fn no_comment_block_is_left(inner in "[a-z`\n\\[\\]#>~-]{0,30}", before in "[a-z\n]{0,10}") {
            prop_assume!(!inner.contains("-->") && !inner.starts_with('>') && !inner.starts_with("->"));
            let text = format!("{before}\n\n<!-- SECRET {inner} -->\n\nshown");
            let got = visible(&text);
            prop_assert!(!got.contains("SECRET") && got.ends_with("shown"), "{got:?}");
        }
    }
}
