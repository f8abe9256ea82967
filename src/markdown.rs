//! Foreign text inside Markdown that a forge or a CI system renders: words of specs, models and repositories
//! must stay words. Pure: text in, text out.
//!
//! What they could do otherwise: notify people (`@name`), link or close things (`#12`, `GH-12`, `!12`,
//! addresses, `Fixes …`), run GitLab quick actions (`/merge` at the start of a line), break out of a
//! table or a code span, hide text in HTML comments or forge our markers.

use crate::model::report::{is_hidden_char, is_unsafe_char};
use crate::pattern::pattern;
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Invisible, and enough that a forge no longer sees a reference. Escapes of Markdown do not do: forges
/// look for references in the rendered text.
const BREAK: char = '\u{200b}';

/// What forges act on, wherever it stands in a text. Each match is broken after its first character.
/// <https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls>
/// and <https://docs.gitlab.com/user/markdown/#gitlab-specific-references>
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)@[\w\[-]|#\w|[!&%~][0-9]|[%~][a-z\x22]|\^alert|\[(?:issue|epic|work_item|merge_request|vulnerability|feature_flag|cadence|contact|wiki_page|snippet|alert):|\bGH-[0-9]|://|\bwww\.|\bmailto:|\bxmpp:",
    )
});

/// A closing keyword before something that looks like a reference, a Jira key included.
/// <https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue>
static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?)(\s*:?\s+)([^\s]*#|https?:|GH-|[A-Z][A-Z0-9_]+-[0-9])",
    )
});

/// What keeps CI from looking at a commit. A squash merge makes the message of title and body.
static SKIP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\[[ \t]*(?:(?:skip|no)[ _-]?ci|skip[ _-][\w -]{1,30}|[\w -]{1,30}[ _-]skip)[ \t]*\]|\*{3}no_ci|skip-checks:",
    )
});

/// What a runner of CI obeys where a job's output shows such a message.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^::|##(?:vso|teamcity)?\["));

/// What makes a title say that the work is not ready yet, or that CI may pass it by.
static DRAFT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^\W{0,3}(?:draft|wip|work in progress)\b"));

/// A title from somewhere else. Forges read from its beginning whether it is a draft.
pub fn title(text: &str, max: usize) -> String {
    let text = plain(text, max);
    DRAFT
        .replace(&text, |c: &Captures<'_>| {
            let word = c[0].trim_start_matches(|c: char| !c.is_alphanumeric());
            let start = &c[0][..c[0].len() - word.len()];
            format!("{start}{}", broken(word))
        })
        .into_owned()
}

/// One line of plain text, at most `max` characters before neutralising: for titles, which no forge
/// renders as Markdown but some read for references and closing keywords.
pub fn plain(text: &str, max: usize) -> String {
    let orders = without_orders(&visible(text, max));
    REFERENCE
        .replace_all(&orders, |c: &Captures<'_>| broken(&c[0]))
        .into_owned()
}

/// Breaks what is obeyed even in code, where a title or a body becomes a commit's message.
fn without_orders(text: &str) -> String {
    let closing = CLOSING.replace_all(text, |c: &Captures<'_>| {
        format!("{}{}{}", broken(&c[1]), &c[2], &c[3])
    });
    let skips = SKIP.replace_all(&closing, |c: &Captures<'_>| broken(&c[0]));
    COMMAND
        .replace_all(&skips, |c: &Captures<'_>| broken(&c[0]))
        .into_owned()
}

/// One line of Markdown that shows `text` as it is, also inside a table cell.
pub fn inline(text: &str, max: usize) -> String {
    let text = plain(text, max);
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', c]),
            // Only at the start of a line: lists, headings, rules, quick actions.
            '/' | '+' | '-' | '=' | '#' if at == 0 => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A code span that shows `text` as it is. Forges see no references in code.
pub fn code(text: &str, max: usize) -> String {
    let visible = visible(text, max);
    if visible.is_empty() {
        return "–".to_owned();
    }
    let inner = without_orders(&visible).replace("<!", &broken("<!"));
    let longest = inner.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let gap = if inner.starts_with('`') || inner.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{gap}{inner}{gap}{fence}")
}

/// A code block that shows each text on a line of its own. Forges see no references in code.
pub fn block(language: &str, lines: &[String]) -> String {
    let shown = |text: &String| {
        let text = without_orders(&visible(text, 2_000)).replace("<!", &broken("<!"));
        text.trim().to_owned()
    };
    let lines: Vec<String> = lines.iter().map(shown).collect();
    let text = lines.join("\n");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{text}\n{fence}\n")
}

/// [`code`] for a table cell. Tables split at a pipe even inside code, and turn `\|` back into a pipe (GFM
/// 4.10); a backslash of the text before the pipe is kept from taking that escape away.
pub fn cell_code(text: &str, max: usize) -> String {
    code(text, max)
        .replace(r"\|", &format!("\\{BREAK}|"))
        .replace('|', r"\|")
}

/// A link where `url` is a plain web address, else the text alone.
pub fn link(text: &str, url: Option<&str>, max: usize) -> String {
    let harmless = |u: &str| {
        (u.starts_with("https://") || u.starts_with("http://"))
            && u.len() <= 500
            && u.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._~:/?#&=%+@,;".contains(c))
    };
    match url.filter(|u| harmless(u)) {
        Some(url) => format!("[{}]({url})", inline(text, max)),
        None => inline(text, max),
    }
}

fn broken(text: &str) -> String {
    let mut chars = text.chars();
    let mut out: String = chars.next().into_iter().collect();
    out.push(BREAK);
    out.extend(chars);
    out
}

/// The words of a text on one line, unsafe characters made visible, cut after `max` characters. Looks at no
/// more of a long text than it shows.
fn visible(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut size = 0;
    for word in text.split_whitespace() {
        let gap = if out.is_empty() { None } else { Some(' ') };
        for c in gap.into_iter().chain(word.chars()) {
            if size == max {
                out.push('…');
                return out;
            }
            match is_unsafe_char(c) || is_hidden_char(c) {
                true => out.extend(c.escape_unicode()),
                false => out.push(c),
            }
            size += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_are_broken() {
        for (hostile, harmless) in [
            ("nothing special", "nothing special"),
            ("ask @octocat", "ask @\u{200b}octocat"),
            ("see #12 and o/r#3", "see #\u{200b}12 and o/r#\u{200b}3"),
            ("GH-12", "G\u{200b}H-12"),
            ("merge !7", "merge !\u{200b}7"),
            ("Fixes #12", "F\u{200b}ixes #\u{200b}12"),
            ("closes: PROJ-9", "c\u{200b}loses: PROJ-9"),
            ("fixes the login", "fixes the login"),
            (
                "https://github.com/o/r/issues/1",
                "https:\u{200b}//github.com/o/r/issues/1",
            ),
            ("a\nb\t c\r\n", "a b c"),
            ("\x1b[31m\u{202e}x", "\\u{1b}[31m\\u{202e}x"),
            ("in\u{200b}visible\u{e0041}", "in\\u{200b}visible\\u{e0041}"),
            ("C# and a@", "C# and a@"),
            (
                "closing #1, implements #2",
                "c\u{200b}losing #\u{200b}1, i\u{200b}mplements #\u{200b}2",
            ),
            (
                "Closes #4, #6 and #7",
                "C\u{200b}loses #\u{200b}4, #\u{200b}6 and #\u{200b}7",
            ),
            ("fix o/r#1", "f\u{200b}ix o/r#\u{200b}1"),
            (
                "Resolves https://e.org/o/r/issues/1",
                "R\u{200b}esolves https:\u{200b}//e.org/o/r/issues/1",
            ),
            (
                "&12 %3 ~4 $5 !6",
                "&\u{200b}12 %\u{200b}3 ~\u{200b}4 $5 !\u{200b}6",
            ),
            (
                "%v1 ~bug ^alert#1",
                "%\u{200b}v1 ~\u{200b}bug ^\u{200b}alert#\u{200b}1",
            ),
            ("[epic:7] [a:7]", "[\u{200b}epic:7] [a:7]"),
            ("5 % of a & b ~ c", "5 % of a & b ~ c"),
            ("Tune [skip ci]", "Tune [\u{200b}skip ci]"),
            ("[no ci] [ci-skip]", "[\u{200b}no ci] [\u{200b}ci-skip]"),
            ("***NO_CI***", "*\u{200b}**NO_CI***"),
            ("skip-checks: true", "s\u{200b}kip-checks: true"),
            ("a [link] to skip", "a [link] to skip"),
        ] {
            assert_eq!(plain(hostile, 200), harmless, "{hostile:?}");
        }
        assert_eq!(plain("abcdef", 3), "abc…");
    }

    #[test]
    fn markdown_is_escaped() {
        for (hostile, harmless) in [
            ("a|b", r"a\|b"),
            ("**b** _i_ `c`", r"\*\*b\*\* \_i\_ \`c\`"),
            ("<!-- x -->", "&lt;!-- x --&gt;"),
            ("[x](javascript:1)", r"\[x\](javascript:1)"),
            ("/merge", r"\/merge"),
            ("# big", r"\# big"),
            ("&#64;me", "&amp;#\u{200b}64;me"),
        ] {
            assert_eq!(inline(hostile, 200), harmless, "{hostile:?}");
        }
        for (hostile, harmless) in [
            (
                "![x](https://e.org/p.png)",
                "!\\[x\\](https:\u{200b}//e.org/p.png)",
            ),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[a]: https://e.org", "\\[a\\]: https:\u{200b}//e.org"),
            ("<!-- codelicious:end -->", "&lt;!-- codelicious:end --&gt;"),
            ("- [x] done", r"\- \[x\] done"),
            ("> quote", "&gt; quote"),
            ("a\n\n# b", "a # b"),
            ("```\nx\n```", r"\`\`\` x \`\`\`"),
        ] {
            assert_eq!(inline(hostile, 200), harmless, "{hostile:?}");
        }
        for (hostile, harmless) in [
            ("Draft: a bell", "D\u{200b}raft: a bell"),
            ("[WIP] a bell", "[W\u{200b}IP] a bell"),
            ("(draft) a bell", "(d\u{200b}raft) a bell"),
            ("A draft of a bell", "A draft of a bell"),
            ("Drafts", "Drafts"),
            ("@bob WIP", "@\u{200b}bob WIP"),
        ] {
            assert_eq!(title(hostile, 200), harmless, "{hostile:?}");
        }
        assert_eq!(
            code("fixes #1 [skip ci]", 99),
            "`f\u{200b}ixes #1 [\u{200b}skip ci]`"
        );
        assert_eq!(cell_code("a|b", 9), r"`a\|b`");
        assert_eq!(cell_code(r"a\|b", 9), "`a\\\u{200b}\\|b`");
        assert_eq!(code("a | b", 9), "`a | b`");
        assert_eq!(code("`x``", 9), "``` `x`` ```");
        assert_eq!(
            code("<!-- codelicious:end -->", 50),
            "`<\u{200b}!-- codelicious:end -->`"
        );
        assert_eq!(code("", 9), "–");
        assert_eq!(
            link("t", Some("https://e.org/a"), 9),
            "[t](https://e.org/a)"
        );
        for bad in [
            "javascript:1",
            "https://e.org/a b",
            "https://e.org/)",
            ".codelicious/prs/1.md",
        ] {
            assert_eq!(link("t", Some(bad), 9), "t", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_stays_on_its_line(text in any::<String>()) {
            for shown in [plain(&text, 80), inline(&text, 80), code(&text, 80), cell_code(&text, 80)] {
                prop_assert!(!shown.contains(is_unsafe_char));
            }
            for shown in [inline(&text, 80), code(&text, 80)] {
                prop_assert!(!shown.contains("<!"));
            }
        }

        #[test]
        fn no_table_cell_is_left(text in "[a|`\\\\ ]{0,30}") {
            for shown in [inline(&text, 80), cell_code(&text, 80)] {
                let mut backslashes = 0;
                for c in shown.chars() {
                    prop_assert!(c != '|' || backslashes % 2 == 1, "{}", shown);
                    backslashes = if c == '\\' { backslashes + 1 } else { 0 };
                }
            }
        }
    }
}
