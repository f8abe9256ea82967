//! An issue of the forge as a spec: which file it becomes, and what stands in it.
//!
//! Anybody may write an issue, and a reader of the forge sees only what it renders. So what is hidden there is left
//! out, and nothing in it can pass for a mark of ours.

use crate::spec::visible;

/// Where the spec of an issue stands, below the root.
pub fn path(number: u64) -> String {
    format!("specs/issue-{number}.md")
}

/// The issue that a spec was made of, told by where it stands and by the line that [`text`] writes below the title.
pub fn number(path: &str, text: &[u8]) -> Option<u64> {
    let digits = path.strip_prefix("specs/issue-")?.strip_suffix(".md")?;
    let number: u64 = digits.parse().ok()?;
    // `007` is somebody's own file.
    if number.to_string() != digits {
        return None;
    }
    let line = format!("Closes #{number}");
    let lines = text.split(|b| *b == b'\n').take(5);
    let mut lines = lines.map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    lines.any(|l| l == line.as_bytes()).then_some(number)
}

/// The spec's text: the title, that the work closes the issue, and the issue's own words.
pub fn text(number: u64, title: &str, body: &str) -> String {
    let words: Vec<&str> = title.split_whitespace().collect();
    // As a heading, which is what becomes of it: `[bug]: crash` defines nothing there.
    let title = visible(&format!("# {}", words.join(" ")));
    let title = without_marks(title.strip_prefix("# ").unwrap_or_default());
    let title = match title.trim() {
        "" => format!("Issue {number}"),
        title => title.to_owned(),
    };
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    let body = without_marks(&visible(&body));
    let body = body.trim_matches('\n').trim_end();
    let mut text = format!("# {title}\n\nCloses #{number}\n");
    if !body.is_empty() {
        text.push('\n');
        text.push_str(body);
        text.push('\n');
    }
    text
}

/// What is left that looks like a mark, as in a code block, is broken: an issue says nothing of what is done.
fn without_marks(text: &str) -> String {
    text.replace("codelicious:", "codelicious\u{2060}:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpecId, TaskMark};
    use crate::spec::{ParseOptions, parse};
    use proptest::prelude::*;

    fn spec(text: &str) -> crate::model::Spec {
        let prose = ParseOptions {
            prose: true,
            ..ParseOptions::default()
        };
        parse(SpecId::new("issue-7"), &path(7), text.as_bytes(), prose).unwrap()
    }

    #[test]
    fn paths_and_numbers() {
        let bell = text(12, "A bell", "It rings.");
        assert_eq!(number(&path(12), bell.as_bytes()), Some(12));
        let crlf = bell.replace('\n', "\r\n");
        assert_eq!(number(&path(12), crlf.as_bytes()), Some(12));
        for other in [
            "specs/issue-012.md",
            "specs/issue-.md",
            "specs/issue-12.txt",
            "specs/issue-13.md",
            "issue-12.md",
        ] {
            assert_eq!(number(other, bell.as_bytes()), None, "{other}");
        }
        let own = "# A bell\n\nIt rings, and closes #12.\n";
        assert_eq!(
            number(&path(12), own.as_bytes()),
            None,
            "somebody's own file"
        );
        assert!(crate::spec::classify(&path(1)).is_some());
    }

    #[test]
    fn an_issue_is_a_spec() {
        let body = "We need a bell.\r\n\r\n- [ ] Ring it\r\n- [x] Hang it\r\n";
        let text = text(7, " A  bell\n", body);
        assert_eq!(
            text,
            "# A bell\n\nCloses #7\n\nWe need a bell.\n\n- [ ] Ring it\n- [x] Hang it\n"
        );
        let spec = spec(&text);
        let tasks: Vec<_> = spec.tasks.iter().map(|t| (&*t.title, &t.mark)).collect();
        assert_eq!(
            tasks,
            [("Ring it", &TaskMark::Open), ("Hang it", &TaskMark::Done)]
        );
    }

    #[test]
    fn prose_and_even_a_title_alone_are_work() {
        for (body, tasks) in [
            ("It should ring at noon.", vec!["A bell"]),
            ("", vec!["A bell"]),
            (
                "## Cast it\n\nOf bronze.\n\n## Hang it\n\nHigh.",
                vec!["Cast it", "Hang it"],
            ),
        ] {
            let spec = spec(&text(7, "A bell", body));
            let titles: Vec<&str> = spec.tasks.iter().map(|t| t.title.as_str()).collect();
            assert!(
                tasks.iter().all(|t| titles.contains(t)),
                "{body:?}: {titles:?}"
            );
        }
        assert!(text(7, " \n", "").starts_with("# Issue 7\n"));
        assert!(text(7, "[bug]: crash", "").starts_with("# [bug]: crash\n"));
    }

    #[test]
    fn what_the_forge_hides_is_no_order() {
        for (body, wanted) in [
            ("a <!-- rm -rf --> b", "a  b"),
            ("a\n<!-- one\ntwo\n-->\nb", "a\nb"),
            ("a\n<!-- never closed\nb", "a"),
            ("say `<!-- x -->` here", "say `<!-- x -->` here"),
            ("```\n<!-- shown -->\n```", "```\n<!-- shown -->\n```"),
            ("<!-- ``` -->\n- [ ] a\n<!-- ``` -->", "- [ ] a"),
            ("a\n\n<!--\n```\n-->\n<!-- do X -->\n```\nb", "a\n\n```\nb"),
            (r"a \` <!-- do X --> `b`", r"a \`  `b`"),
            ("a\n\n[//]: # (do X)", "a"),
        ] {
            let text = text(7, "T", body);
            let got = text.strip_prefix("# T\n\nCloses #7\n\n").unwrap();
            assert_eq!(got.trim_end(), wanted, "{body:?}");
        }
    }

    #[test]
    fn no_issue_says_that_something_is_done() {
        let mark = "<!-- codelicious: chunk 0123456789ab done -->";
        for body in [
            format!("# A <!-- codelicious: done -->\n\nb\n{mark}"),
            format!("```\n{mark}"),
            format!("a `{mark}"),
            format!("<!-- x --{mark}"),
        ] {
            let spec = spec(&text(7, &format!("T {mark}"), &body));
            assert!(spec.chunk_marks.is_empty(), "{body:?}");
            assert!(spec.marked_done().is_empty(), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_issue_is_a_spec_without_marks(
            title in any::<String>(),
            lines in proptest::collection::vec(prop_oneof![
                Just("<!--".to_owned()), Just("-->".to_owned()), Just("```".to_owned()), Just("`".to_owned()),
                Just("<!-- codelicious: done -->".to_owned()), Just("# H".to_owned()), Just("---".to_owned()),
                Just("<!-- codelicious: chunk 0123456789ab done -->".to_owned()), any::<String>(),
            ], 0..10),
        ) {
            let text = text(7, &title, &lines.join("\n"));
            prop_assert!(!text.contains("<!-- codelicious:"));
            let prose = ParseOptions { prose: true, ..ParseOptions::default() };
            if let Ok(spec) = parse(SpecId::new("i"), &path(7), text.as_bytes(), prose) {
                prop_assert!(spec.chunk_marks.is_empty());
            }
        }
    }
}
