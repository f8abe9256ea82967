//! Commit messages, and the trailers that tie a commit to its chunk.
//!
//! Titles come from specs and summaries from models, so neither is trusted: what would be read as a trailer,
//! as a mention of a person or as an order to close an issue is put between backticks, and what a runner of CI would
//! obey is broken up. Our trailers are always
//! the last paragraph and are read from there only. (Trailers as in `git-interpret-trailers(1)`.)

use super::prompt::one_line;
use crate::model::{ChunkId, SpecId, Verdict};
use crate::pattern::pattern;
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Longest subject and longest body line, in characters.
pub const WIDTH: usize = 72;
/// Longest summary taken over from a model, in characters.
const MAX_SUMMARY: usize = 4000;

/// What a chunk's commit message is made of.
#[derive(Clone, Copy, Debug)]
pub struct MessageInput<'a> {
    pub spec: &'a SpecId,
    pub chunk: &'a ChunkId,
    /// The task's explicit id, where it has one.
    pub label: Option<&'a str>,
    pub title: &'a str,
    /// The engine's own words; may be empty.
    pub summary: &'a str,
    /// Part of the pull request series, from 1.
    pub part: u32,
    /// Who accepted the work, where a person had to.
    pub accepted_by: Option<&'a str>,
    /// How the work was verified, for those who do not have the ledger.
    pub verdict: Option<Verdict>,
    /// `[commit] template` of the configuration: `{spec}`, `{id}`, `{title}` and `{body}` are filled in,
    /// everything else stays. Trailers are appended whatever it says.
    pub template: Option<&'a str>,
}

/// What [`parse_trailers`] found. All None for a commit that is not ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailers {
    pub spec: Option<SpecId>,
    pub chunk: Option<ChunkId>,
    pub part: Option<u32>,
    pub verdict: Option<Verdict>,
    /// Set on commits that only bring the spec up to date.
    pub sync: Option<SpecId>,
}

/// The message of a chunk's commit.
///
/// ```
/// use codelicious::core::commit_message::{MessageInput, message};
/// use codelicious::model::{ChunkId, SpecId, Verdict};
/// let (spec, chunk) = (SpecId::from("login"), ChunkId::from("T007"));
/// let input = MessageInput {
///     spec: &spec, chunk: &chunk, label: Some("T007"), title: "Add the form", summary: "Adds it.", part: 1,
///     accepted_by: None, verdict: Some(Verdict::Proven), template: None,
/// };
/// assert_eq!(
///     message(&input),
///     "[login] T007 Add the form\n\nAdds it.\n\n\
///      Codelicious-Spec: login\nCodelicious-Chunk: T007\nCodelicious-Part: 1\nCodelicious-Verdict: proven\n"
/// );
/// ```
pub fn message(input: &MessageInput<'_>) -> String {
    let label = input.label.map(harmless_line).unwrap_or_default();
    let title = harmless_line(input.title);
    let title = if title.is_empty() {
        input.chunk.to_string()
    } else {
        title
    };
    let summary = harmless_body(input.summary);
    let rendered = match input.template {
        Some(template) => fill(template, input.spec.as_str(), &label, &title, &summary),
        None => fill(
            "[{spec}] {id} {title}\n\n{body}",
            input.spec.as_str(),
            &label,
            &title,
            &summary,
        ),
    };
    let rendered = plain_lines(&rendered);
    let (first, rest) = rendered
        .trim_start()
        .split_once('\n')
        .unwrap_or((rendered.trim(), ""));
    let subject = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let subject = if subject.is_empty() {
        format!("[{}] {title}", input.spec)
    } else {
        subject
    };
    let subject = plain_subject(&inert(&subject));
    let mut paragraphs = vec![shortened(&subject)];
    if paragraphs[0] != subject && !rest.contains(&title) {
        paragraphs.push(inert(&plain_lines(&wrap(&title))));
    }
    let rest = rest.trim_matches('\n').trim_end();
    if !rest.is_empty() {
        paragraphs.push(inert(rest));
    }
    let accepted = input
        .accepted_by
        .map(|who| format!("\nCodelicious-Accepted-By: {}", one_line(who)));
    let verdict = input
        .verdict
        .map(|v| format!("\nCodelicious-Verdict: {}", v.word()));
    paragraphs.push(format!(
        "Codelicious-Spec: {}\nCodelicious-Chunk: {}\nCodelicious-Part: {}{}{}",
        one_line(input.spec.as_str()),
        one_line(input.chunk.as_str()),
        input.part,
        accepted.unwrap_or_default(),
        verdict.unwrap_or_default()
    ));
    paragraphs.join("\n\n") + "\n"
}

/// The message of a commit that brings a lane's spec up to date with what people changed in it.
pub fn sync_message(spec: &SpecId) -> String {
    let subject = shortened(&format!("[{}] Sync the spec", one_line(spec.as_str())));
    format!(
        "{subject}\n\nTakes over what was changed in the spec outside this branch.\n\nCodelicious-Sync: {}\n",
        one_line(spec.as_str())
    )
}

/// The message of a commit that keeps a spec's plan.
pub fn plan_message(spec: &SpecId) -> String {
    shortened(&format!("[{}] Plan the spec", one_line(spec.as_str()))) + "\n"
}

/// Reads our trailers from the last paragraph of a commit message that has any; a message of one paragraph
/// has none. A hook may have added paragraphs behind ours. Names count without regard to case, and the first
/// of a name counts.
pub fn parse_trailers(message: &str) -> Trailers {
    let lines: Vec<&str> = message.trim_end().lines().map(str::trim_end).collect();
    let mut paragraphs = lines.rsplit(|l| l.is_empty()).peekable();
    while let Some(paragraph) = paragraphs.next() {
        let is_subject = paragraphs.peek().is_none();
        let found = trailers_of(paragraph);
        if !is_subject && found != Trailers::default() {
            return found;
        }
    }
    Trailers::default()
}

fn trailers_of(paragraph: &[&str]) -> Trailers {
    let mut found = Trailers::default();
    for line in paragraph {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        match name.to_ascii_lowercase().as_str() {
            "codelicious-spec" => found.spec = found.spec.or_else(|| Some(SpecId::from(value))),
            "codelicious-chunk" => found.chunk = found.chunk.or_else(|| Some(ChunkId::from(value))),
            "codelicious-part" => found.part = found.part.or_else(|| value.parse().ok()),
            "codelicious-verdict" => {
                found.verdict = found.verdict.or_else(|| {
                    // What failed is not committed.
                    Verdict::read(value).filter(|v| *v != Verdict::Failed)
                });
            }
            "codelicious-sync" => found.sync = found.sync.or_else(|| Some(SpecId::from(value))),
            _ => {}
        }
    }
    found
}

/// Fills a template in one pass, so that a title that reads `{body}` stays a title.
fn fill(template: &str, spec: &str, id: &str, title: &str, body: &str) -> String {
    static FIELD: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{(spec|id|title|body)\}"));
    FIELD
        .replace_all(template, |found: &Captures<'_>| match &found[1] {
            "spec" => one_line(spec),
            "id" => id.to_owned(),
            "title" => title.to_owned(),
            _ => body.to_owned(),
        })
        .into_owned()
}

/// What may stand after the subject: no trailer of ours, no line that ends a message for mail tools, and none that git
/// takes for a comment or for scissors when somebody edits the message.
fn plain_lines(text: &str) -> String {
    static OURS: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?im)^([ \t]*)(codelicious-[a-z0-9-]*)([ \t]*:)"));
    let text = OURS.replace_all(text, "$1`$2`$3");
    let lines: Vec<String> = text
        .lines()
        .map(|l| {
            let cuts = ["---", "#", "diff -", "Index: ", "From "];
            if is_scissors(l) {
                format!(" `{}`", l.trim())
            } else if l.trim_start().starts_with("::") {
                without_command(l)
            } else if cuts.iter().any(|c| l.starts_with(c)) {
                format!(" {l}")
            } else {
                l.trim_end().to_owned()
            }
        })
        .collect();
    lines.join("\n")
}

/// A first line that is neither a comment nor a cut to who edits the message, nor a runner's command.
fn plain_subject(line: &str) -> String {
    match line.starts_with('#') || is_scissors(line) {
        true => format!("\\{line}"),
        false => without_command(line),
    }
}

/// A line of dashes with scissors in it, as `git-mailinfo(1)` reads them.
fn is_scissors(line: &str) -> bool {
    let has = [">8", "8<", ">%", "%<"].iter().any(|s| line.contains(s));
    has && line
        .chars()
        .all(|c| c.is_whitespace() || matches!(c, '-' | '>' | '8' | '<' | '%'))
}

fn harmless_line(text: &str) -> String {
    let text = harmless(&one_line(text));
    without_command(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A line that no runner of CI takes for one of its commands, where a job's output shows it.
fn without_command(line: &str) -> String {
    match line.trim_start().strip_prefix("::") {
        Some(rest) => format!(":\\:{rest}"),
        None => line.to_owned(),
    }
}

fn harmless_body(text: &str) -> String {
    let text: String = text.chars().take(MAX_SUMMARY).collect();
    let lines: Vec<String> = text
        .replace("\r\n", "\n")
        .split([
            '\n', '\r', '\u{2028}', '\u{2029}', '\u{85}', '\u{b}', '\u{c}',
        ])
        .map(|line| wrap(&harmless(&one_line(line))))
        .collect();
    let mut out = String::new();
    for line in lines {
        // Runs of blank lines say no more than one.
        if !(line.is_empty() && (out.is_empty() || out.ends_with("\n\n"))) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out.trim_end().to_owned()
}

/// Puts between backticks what a forge or git would act on in one line: trailer names, mentions, references
/// to issues and merge requests in the ways GitHub, GitLab and Gitea read them.
///
/// Backticks that stood there go where they could undo this: when they do not pair up, and on any line that
/// holds such a thing, since forges look for closing words in the raw text, code or not.
fn harmless(text: &str) -> String {
    static TICKS: LazyLock<Regex> = LazyLock::new(|| pattern("`{2,}"));
    static TRAILER: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)(^|[^\w-])((?:codelicious|signed-off|co-authored|reviewed|acked|approved|tested|reported|suggested|helped|merged|co-developed|skip|on-behalf)-[a-z0-9-]*|change-id|cc)([ \t]*:)",
        )
    });
    // One pattern for both, so that a name within an address is not taken for a mention.
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r"(?i)(^|[^\w/])(https?://\S*(?:/(?:issues|pulls?|merge_requests|work_items|commit)/\w|@\w|[#!&]\d)(?:\S*[\w/])?",
            r"|(?:[\w.-]+(?:/[\w.-]+)+)?[#!&]\d+\w*|gh-\d+\w*)",
            r"|(^|[^\w@.])(@\w(?:[\w.-]*\w)?(?:/\w(?:[\w.-]*\w)?)*)",
        ))
    });
    // Closing words in front of the key of a tracker elsewhere, as GitLab reads them.
    static TRACKER: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b((?i:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?):?[ \t]+)([A-Z][A-Z0-9_]+-[0-9]+)",
        )
    });
    let text = TICKS.replace_all(text, "`");
    let bare = text.replace('`', "");
    let odd = text.matches('`').count() % 2 == 1;
    let acts = [&*TRAILER, &*REFERENCE]
        .into_iter()
        .any(|p| p.is_match(&bare) || p.is_match(&text));
    let text = match (acts, odd) {
        (false, false) => text.into_owned(),
        (false, true) => bare,
        (true, _) => {
            let text = TRAILER.replace_all(&bare, "$1`$2`$3");
            REFERENCE.replace_all(&text, "$1$3`$2$4`").into_owned()
        }
    };
    TRACKER.replace_all(&text, "$1`$2`").into_owned()
}

/// Text that no runner of CI obeys, and that does not keep it from looking at the commit: marks that do stand in round
/// brackets, which none reads. The last that is done to a text, since whatever is taken out of one may join what stood
/// on both sides of it.
fn inert(text: &str) -> String {
    // Read wherever they stand in a line.
    static COMMAND: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)#(#(?:vso|teamcity)?\[)"));
    static SKIP: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\[[ \t]*(skip[ \t_-][\w \t-]{1,30}|no[ \t_-]?ci|[\w \t-]{1,30}[ \t_-]skip|cf-pages-skip)[ \t]*\]|\*{3}[ \t]*(no_ci)[ \t]*\*{3}",
        )
    });
    let text = SKIP.replace_all(text, "($1$2)");
    COMMAND.replace_all(&text, "#\\$1").into_owned()
}

/// The first [`WIDTH`] characters, the last of them `…` where something was cut off.
fn shortened(subject: &str) -> String {
    if subject.chars().count() <= WIDTH {
        return subject.to_owned();
    }
    let kept: String = subject.chars().take(WIDTH - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Breaks one line at blanks so that no line is longer than [`WIDTH`]. A word that is longer itself (an
/// address) stays whole, unless it is in a script that is written without blanks.
fn wrap(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for word in line.split_whitespace() {
        let breakable = !word.is_ascii() && word.chars().count() > WIDTH;
        let pieces: Vec<String> = if breakable {
            word.chars()
                .collect::<Vec<_>>()
                .chunks(WIDTH)
                .map(|c| c.iter().collect())
                .collect()
        } else {
            vec![word.to_owned()]
        };
        for piece in pieces {
            let len = piece.chars().count();
            if used > 0 && used + 1 + len > WIDTH {
                out.push('\n');
                used = 0;
            } else if used > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(&piece);
            used += len;
        }
    }
    out
}

#[cfg(test)]
mod tests;
