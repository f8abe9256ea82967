//! What a repository says to who contributes with a model's help: whether it forbids what codelicious does.
//!
//! Looked at is the text of a policy or of a guide for contributors, sentence by sentence. A sentence forbids when it
//! speaks of models, of work that is handed in, and of not taking it; one that makes conditions (say so, understand it,
//! test it), or that is about comments, pictures or names of authors, does not. Work that nobody watches is meant by
//! "autonomous", "fully generated" and "written by people" as well.

use crate::pattern::pattern;
use regex::Regex;
use std::sync::LazyLock;

/// Longest sentence that is shown, in characters.
const SHOWN: usize = 240;

/// Where the texts stand that are looked at, below the root.
pub const FOLDERS: [&str; 3] = ["", ".github", "docs"];

/// A sentence that forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// From 1.
    pub line: usize,
    pub sentence: String,
}

/// True for the name of a file that may hold such a policy.
pub fn is_policy_file(name: &str) -> bool {
    let small = name.to_ascii_lowercase().replace(['-', ' '], "_");
    let stem = match small.rsplit_once('.') {
        Some((stem, "md" | "markdown" | "rst" | "adoc" | "txt" | "org")) => stem,
        Some(_) => return false,
        None => &small,
    };
    matches!(
        stem,
        "ai_policy"
            | "ai_usage_policy"
            | "llm_policy"
            | "ai_contribution_policy"
            | "ai_contributing"
            | "contributing"
    )
}

/// The first sentence that forbids work of a model's, or work that nobody watches.
pub fn ban(text: &str) -> Option<Ban> {
    // Most guides never speak of it.
    if !MODELS.is_match(text) && !ONLY_PEOPLE.is_match(text) {
        return None;
    }
    let sentences = sentences(text);
    let mut asked = None;
    for (line, sentence) in sentences {
        let forbids = forbids(&sentence) || asked.take().is_some_and(|()| is_refusal(&sentence));
        if forbids {
            return Some(Ban {
                line,
                sentence: shown(&sentence),
            });
        }
        // As in a list of questions and answers.
        asked = (sentence.ends_with('?')
            && MODELS.is_match(&sentence)
            && WORK.is_match(&sentence)
            && !ASIDE.is_match(&sentence))
        .then_some(());
    }
    None
}

fn is_refusal(answer: &str) -> bool {
    let first = answer
        .split(|c: char| !c.is_alphanumeric())
        .find(|w| !w.is_empty());
    first.is_some_and(|w| w.eq_ignore_ascii_case("no"))
}

fn forbids(sentence: &str) -> bool {
    if ONLY_PEOPLE.is_match(sentence) && !CONDITION.is_match(sentence) {
        return true;
    }
    if !MODELS.is_match(sentence) || sentence.ends_with('?') || TAKEN_BACK.is_match(sentence) {
        return false;
    }
    let is_short = sentence.split_whitespace().count() <= 6;
    if NO_MODELS.is_match(sentence)
        && (is_short || WORK.is_match(sentence))
        && !NOT_NEEDED.is_match(sentence)
    {
        return !ASIDE.is_match(sentence);
    }
    let is_refused =
        REFUSED.is_match(sentence) || (UNWATCHED.is_match(sentence) && CLOSED.is_match(sentence));
    let is_work = WORK.is_match(sentence) || UNWATCHED.is_match(sentence);
    let is_approved = APPROVAL.is_match(sentence);
    is_refused
        && is_work
        && !ASIDE.is_match(sentence)
        && (is_approved || !CONDITION.is_match(sentence))
}

/// Sentences with the lines that they begin on. Items of lists, headings and paragraphs end one; code is left out.
fn sentences(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut fence = false;
    for (number, line) in text.lines().enumerate() {
        let body = line.trim().trim_start_matches(['>', ' ']);
        if body.starts_with("```") || body.starts_with("~~~") {
            fence = !fence;
            out.extend(open.take());
            continue;
        }
        let digits = body.trim_start_matches(|c: char| c.is_ascii_digit());
        let begins = body.is_empty()
            || body.starts_with(['#', '|'])
            || ["- ", "* ", "+ "].iter().any(|m| body.starts_with(m))
            || (digits.len() < body.len() && digits.starts_with(['.', ')']));
        if begins || fence {
            out.extend(open.take());
        }
        if fence {
            continue;
        }
        let plain: String = body
            .chars()
            .filter(|c| !matches!(c, '*' | '_' | '`' | '#' | '~'))
            .collect();
        for piece in plain.split_inclusive(['.', '!', '?', ';']) {
            // `AI_POLICY.md` and `e.g.` end nothing.
            let (_, sentence) = open.get_or_insert((number + 1, String::new()));
            if !sentence.is_empty() && !sentence.ends_with('.') {
                sentence.push(' ');
            }
            sentence.push_str(piece);
            let is_end = piece.ends_with(['.', '!', '?', ';'])
                && !piece.ends_with("e.g.")
                && !piece.ends_with("i.e.");
            if is_end {
                out.extend(open.take());
            }
        }
        if body.starts_with('#') {
            out.extend(open.take());
        }
    }
    out.extend(open);
    let joined = |s: String| {
        s.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace('\u{2019}', "'")
    };
    out.into_iter()
        .map(|(line, s)| (line, joined(s)))
        .filter(|(_, s)| !s.is_empty())
        .collect()
}

fn shown(sentence: &str) -> String {
    match sentence.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &sentence[..end]),
        None => sentence.to_owned(),
    }
}

macro_rules! pattern {
    ($name:ident, $source:expr) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| pattern($source));
    };
}

pattern!(
    MODELS,
    r"(?i)\b(a\.?i|ais|gen-?ai|llms?|large language models?|language models?|generative|artificial intelligence|chat-?gpt|copilot|claude|codex|gemini|cursor|chatbots?|machine[- ]generated|vibe[- ]cod(?:ed|ing)|autonomous(?:ly)?|agentic|coding agents?|agents?|bots?|automated contributions|fully automated)\b"
);
pattern!(
    WORK,
    r"(?i)\b(contribut\w*|pull[- ]requests?|merge[- ]requests?|prs?|mrs?|patch(?:es)?|code|commits?|committed|commit|submissions?|submit\w*|submitted|changes|content|work|documentation)\b"
);
pattern!(
    REFUSED,
    r"(?i)\b(not|\w+n't|never|no longer|cannot|can't|won't) (?:\w+ ){0,2}?(accept\w*|allow\w*|permit\w*|welcome\w*|merge[d]?|take[n]?|consider(?:ed)?|tolerat\w*|contain|include|be (?:used|included|submitted|committed|part)|use|submit|send|open|contribute|create|make|derive|acceptable)\b|\b(forbid\w*|forbidden|prohibit\w*|ban|bans|banned|disallow\w*|declin\w*|unacceptable|off[- ]limits|refrain from|reject(?:s|ed)?|refuse[sd]?|unwelcome|not ok(?:ay)?|tainted)\b"
);
// Said of what nobody watches, closing is refusing.
pattern!(
    CLOSED,
    r"(?i)\b(will be closed|are closed|be banned|not|no|never|\w+n't)\b"
);
pattern!(
    UNWATCHED,
    r"(?i)\b(autonomous(?:ly)?|unsupervised|unattended|fully automated|(?:fully|entirely|predominantly|wholly|purely|completely)[- ](?:\w+[- ])?(?:ai|llm|machine)[- ]?(?:generated|written|authored)?|agentic (?:tools?|contributions?))\b"
);
pattern!(
    NO_MODELS,
    r"(?i)(?:^|[^\w'])no (?:use of )?(?:\w+ )?(?:ai|llms?|llm/ai|generative ai|large language models?|copilot|chatgpt|ai[- ]generated|llm[- ]generated|ai-assisted|vibe[- ]cod(?:ed|ing)|bots|agents|autonomous)\b"
);
pattern!(
    NOT_NEEDED,
    r"(?i)\b(required|needed|necessary|knowledge|experience|matter|obligation|problem with|issue with|objection)\b"
);
pattern!(
    ONLY_PEOPLE,
    r"(?i)\b(?:must|should|has to|have to|only) (?:\w+ ){0,3}?(?:be |come |are )?(?:entirely |solely |fully )?(?:(?:written|authored|created|made|produced)(?: and \w+)? (?:\w+ )?by|from) (?:a )?(?:humans?|people|human beings?)\b"
);
// Conditions are no ban: say it, understand it, test it.
pattern!(
    CONDITION,
    r"(?i)\b(disclos\w*|undisclosed|unless|unreviewed|unverified|untested|low[- ](?:effort|quality)|without (?:\w+ ){0,3}?(?:review\w*|understand\w*|disclos\w*|test\w*|verif\w*|human|an? human|oversight|credit|attribution|reading|checking)|(?:not|\w+n't) (?:\w+ )?(?:been )?(?:understand|understood|explain|review(?:ed)?|test(?:ed)?|verif(?:y|ied)|disclosed?|read|have|own|know|run|label(?:l?ed)?|ready|yourself)|blindly|as[- ]is|just because|solely because|if (?:you|it|they|we|the)|provided (?:that|you|it)|as long as|who (?:can|do|have)|who cannot|slop)\b"
);
// Where leave can be had, the rest is forbidden.
pattern!(
    APPROVAL,
    r"(?i)\bwithout (?:\w+ ){0,3}?(?:approval|permission|consent|authori[sz]ation)\b|\bunless (?:\w+ ){0,6}?(?:approved|permitted|permission|authori[sz]ed)\b"
);
pattern!(
    TAKEN_BACK,
    r"(?i)\b(?:not|\w+n't|no|nor|never|neither) (?:\w+ ){0,2}?(?:forbid\w*|prohibit\w*|ban|bans|banned|disallow\w*|reject\w*|against|declin\w*|refuse[sd]?)\b|\b(?:is|are) (?:allowed|welcome|permitted|fine)\b"
);
// About something else than the work itself.
pattern!(
    ASIDE,
    r"(?i)\b(co-?author\w*|signed-off\w*|sign off|credit(?:ed)?|train(?:ed|ing)?|scrap\w*|paste|upload|feed|images?|artwork|art|media|logos?|videos?|audio|music|translations?|comments?|descriptions?|titles?|discussions?|replies|reply|respond\w*|responses?|security reports?|bug reports?|vulnerabilit\w+|features?|integrations?|crawlers?|user[- ]agents?|review (?:bots?|agents?)|secrets?|credentials|keys|confidential|proprietary)\b"
);

#[cfg(test)]
#[path = "ai_policy_tests.rs"]
mod tests;
