//! What of a spec people do not see, and commands whose shape tells what they do.

use super::{Suspect, Suspicion, shown};

/// Characters of an encoded text that nobody reads.
const LONG: usize = 160;
/// Who is spoken to where people cannot read it.
const MODELS: &[&str] = &[
    "ai",
    "llm",
    "llms",
    "assistant",
    "assistants",
    "agent",
    "agents",
    "claude",
    "codex",
    "copilot",
    "chatgpt",
    "gemini",
    "model",
    "models",
];
const ORDERS: &[&str] = &[
    "must", "should", "please", "always", "never", "ignore", "don't", "instead", "run", "execute",
    "you", "your",
];
/// Marks with which conversations are put together.
const ROLES: &[&str] = &[
    "<|im_start|>",
    "<|im_end|>",
    "<|system|>",
    "<|assistant|>",
    "[inst]",
    "[/inst]",
    "<<sys>>",
    "<system>",
    "</system>",
    "<system-reminder>",
    "<|endoftext|>",
];
const SHELLS: &[&str] = &[
    "sh", "bash", "zsh", "dash", "python", "python3", "perl", "ruby", "node", "php", "pwsh",
];
/// A line with none of these runs nothing that comes from elsewhere.
pub(super) const PROGRAMS: &[&str] = &[
    "curl",
    "wget",
    "base64",
    "eval",
    "bash",
    "sh",
    "nc",
    "iex",
    "powershell",
    "exec",
    "/dev/tcp",
    "os.system",
    "python",
    "python3",
    "perl",
    "ruby",
    "node",
    "php",
    "-c",
    "-i",
];
/// What runs at once what it gets, or opens a connection for somebody.
const RUNNERS: &[&str] = &[
    "eval \"$(curl",
    "eval $(curl",
    "eval \"$(wget",
    "bash <(curl",
    "sh <(curl",
    "bash <(wget",
    "bash -c \"$(curl",
    "sh -c \"$(curl",
    "sh -c \"$(wget",
    "bash -c \"$(wget",
    "-c \"exec(",
    "-c 'exec(",
    "/dev/tcp/",
    "bash -i >&",
    "nc -e ",
    "iex (iwr",
    "iex(iwr",
    "iex (irm",
    "powershell -enc",
    "os.system(base64",
    "exec(base64",
];

/// Shown to nobody by any program. Joiners and selectors that scripts and emoji need are none.
pub(super) fn is_invisible(c: char) -> bool {
    is_direction(c) || is_tag(c) || is_blank(c)
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0000}'..='\u{e007f}')
}

fn is_blank(c: char) -> bool {
    matches!(c,
        '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{180e}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        | '\u{feff}' | '\u{e0100}'..='\u{e01ef}')
}

/// Lines with characters that nobody sees and that spell, turn round or part words.
pub(super) fn invisible(text: &str) -> Vec<Suspicion> {
    if text.is_ascii() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        let line = line.trim_start_matches('\u{feff}');
        let is_hiding = line.contains(|c| is_direction(c) || is_tag(c)) || parts_a_word(line);
        if is_hiding {
            found.push(Suspicion {
                line: number + 1,
                what: Suspect::Hidden,
                words: shown(&spelled(line)),
            });
        }
    }
    found
}

/// True where something invisible stands within a word of plain letters, or where there is a row of it.
fn parts_a_word(line: &str) -> bool {
    let (mut before, mut run) = (' ', 0);
    for c in line.chars() {
        if is_blank(c) {
            run += 1;
            continue;
        }
        if run >= 4 || (run > 0 && before.is_ascii_alphanumeric() && c.is_ascii_alphanumeric()) {
            return true;
        }
        (before, run) = (c, 0);
    }
    run >= 4
}

/// Tags as the letters that they stand for, everything else by its number.
fn spelled(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        match u32::from(c) {
            tag @ 0xe0020..=0xe007e => out.extend(char::from_u32(tag - 0xe0000)),
            code if is_invisible(c) => out.push_str(&format!("\\u{{{code:x}}}")),
            _ => out.push(c),
        }
    }
    out
}

/// Places that are told by their shape. `lines` are those that name a program, in order.
pub(super) fn places(text: &str, lines: &[usize]) -> Vec<Suspicion> {
    let mut found = comments(text);
    let mut fence: Option<&str> = None;
    let mut lines = lines.iter().peekable();
    for (number, line) in text.split('\n').enumerate() {
        let number = number + 1;
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|m| start.starts_with(m));
        fence = match (fence, mark) {
            (None, mark) => mark,
            (Some(open), Some(mark)) if open == mark => None,
            (open, _) => open,
        };
        let mut names_program = false;
        while lines.next_if(|n| **n <= number).is_some() {
            names_program = true;
        }
        let is_plain = fence.is_none() && line.contains(['<', '[']) && !line.contains('`');
        let mut say = |what, words: &str| {
            found.push(Suspicion {
                line: number,
                what,
                words: shown(words),
            });
        };
        if let Some(blob) = encoded(line) {
            say(Suspect::RunsForeignCode, &format!("{}…", &blob[..40]));
        }
        if !names_program && !is_plain {
            continue;
        }
        let small = line.to_ascii_lowercase();
        if names_program && runs_foreign_code(&small) {
            say(Suspect::RunsForeignCode, line.trim());
        }
        if is_plain && ROLES.iter().any(|r| small.contains(r)) {
            say(Suspect::SpeaksToModels, line.trim());
        }
        if is_plain && hides_by_style(&small) {
            say(Suspect::Hidden, line.trim());
        }
    }
    found
}

fn runs_foreign_code(small: &str) -> bool {
    if RUNNERS.iter().any(|r| small.contains(r)) {
        return true;
    }
    let fetches = ["curl ", "wget ", "base64 -d", "base64 --decode"];
    let Some(at) = fetches.iter().filter_map(|f| small.find(f)).min() else {
        return false;
    };
    // What only writes the line down for people is work like any other.
    let before = small[..at].trim_start_matches(|c: char| !c.is_alphabetic());
    let is_told = ["document", "describe", "explain", "mention"]
        .iter()
        .any(|w| before.contains(w));
    let mut pipes = small[at..].split('|').skip(1);
    let is_run = pipes.any(|next| {
        let mut words =
            next.split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | ')' | ';'));
        let word = words.find(|w| !w.is_empty() && !matches!(*w, "sudo" | "-e" | "env"));
        word.is_some_and(|w| SHELLS.contains(&w.trim_matches(['.', ',', ':'])))
    });
    is_run && !is_told && !small.contains("readme")
}

/// A long text in base64 that is no picture and no address.
fn encoded(line: &str) -> Option<&str> {
    if line.len() < LONG {
        return None;
    }
    let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let mut at = 0;
    line.split(|c| !is_one(c)).find(|piece| {
        let start = at;
        at += piece.len()
            + line[at + piece.len()..]
                .chars()
                .next()
                .map_or(0, char::len_utf8);
        let has = |f: fn(&u8) -> bool| piece.as_bytes().iter().any(f);
        let is_known =
            line[..start].ends_with("base64,") || line[..start].ends_with(['.', ':', '-']);
        piece.len() >= LONG
            && !is_known
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_digit)
    })
}

fn hides_by_style(small: &str) -> bool {
    let Some(style) = small.split("style=").nth(1) else {
        return false;
    };
    let style: String = style
        .split('>')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    [
        "display:none",
        "visibility:hidden",
        "font-size:0",
        "font-size:1px",
        "opacity:0;",
        "opacity:0\"",
        "opacity:0'",
        "color:white",
        "color:#fff",
        "color:transparent",
    ]
    .iter()
    .any(|hiding| style.contains(hiding))
}

/// Comments, and definitions that serve as such, in which a model is told something.
fn comments(text: &str) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let mut say = |at: usize, words: &str| {
        let is_ours = words.trim_start().starts_with("codelicious:");
        if !is_ours && speaks_to_models(words) {
            let line = text[..at].matches('\n').count() + 1;
            found.push(Suspicion {
                line,
                what: Suspect::Hidden,
                words: shown(words),
            });
        }
    };
    let mut from = 0;
    while let Some(open) = text[from..].find("<!--").map(|n| from + n) {
        let inner = open + 4;
        let end = text[inner..].find("-->").map_or(text.len(), |n| inner + n);
        say(open, &text[inner..end]);
        from = end;
    }
    let mut at = 0;
    for line in text.split('\n') {
        let start = line.trim_start();
        if let Some((label, words)) = start.strip_prefix('[').and_then(|l| l.split_once("]: "))
            && (matches!(label, "//" | "comment" | "_") || words.starts_with('#'))
        {
            say(at, words);
        }
        at += line.len() + 1;
    }
    found
}

fn speaks_to_models(text: &str) -> bool {
    let words = || text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    let any = |of: &[&str]| words().any(|w| of.iter().any(|o| o.eq_ignore_ascii_case(w)));
    any(MODELS) && any(ORDERS)
}
