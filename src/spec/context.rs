//! Headings and lead-in lines below which boxes merely look like work.
//!
//! Acceptance criteria, test plans and checklists say how to judge the work; building them as tasks would
//! do the same work twice. The lists are short on purpose: a heading that is not on them keeps its boxes.
//! Names are compared whole, after numbers, emphasis, emoji and what follows `:`, `(`, a dash or " for "
//! are taken away, never as substrings: "Test plan editor" is work.

use super::label::skip_number;
use super::text::{collapse, without_comments};

/// Always context.
const CRITERIA: [&str; 54] = [
    "acceptance",
    "acceptance criteria",
    "acceptance criterion",
    "acceptance scenarios",
    "acceptance tests",
    "completion criteria",
    "criteria for acceptance",
    "definition of done",
    "definition of ready",
    "dod",
    "done criteria",
    "done when",
    "entry criteria",
    "exit criteria",
    "exit criterion",
    "manual test plan",
    "non goals",
    "non-goals",
    "nongoals",
    "not in scope",
    "open questions",
    "out of scope",
    "qa plan",
    "quality criteria",
    "review criteria",
    "success criteria",
    "success criterion",
    "success metrics",
    "test plan",
    "test plans",
    "testing plan",
    "what is not in scope",
    "won't do",
    "wont do",
    "criterios de aceptación",
    "critères d'acceptation",
    "akzeptanzkriterien",
    "критерии приемки",
    "受け入れ基準",
    "受入基準",
    "受け入れ条件",
    "受入条件",
    "完了条件",
    "完了の定義",
    "テスト計画",
    "チェックリスト",
    "验收标准",
    "验收条件",
    "验收清单",
    "成功标准",
    "完成标准",
    "完成条件",
    "测试计划",
    "检查清单",
];

/// Context when it stands alone, work when it is a numbered step or phase ("## 5. Verification") or the
/// title of the whole file.
const UNLESS_NUMBERED: [&str; 10] = [
    "how to test",
    "how to verify",
    "manual qa",
    "manual testing",
    "manual tests",
    "manual verification",
    "testing instructions",
    "verification",
    "verification criteria",
    "verification steps",
];

/// Words before "checklist" that make it a list of work: "Implementation checklist".
const WORK_LISTS: [&str; 14] = [
    "build",
    "coding",
    "development",
    "feature",
    "features",
    "implementation",
    "migration",
    "project",
    "refactoring",
    "setup",
    "task",
    "tasks",
    "todo",
    "work",
];

/// Sections of a prose spec that explain and ask for nothing.
const BACKGROUND: [&str; 18] = [
    "appendix",
    "background",
    "change log",
    "changelog",
    "contents",
    "context",
    "glossary",
    "introduction",
    "motivation",
    "overview",
    "problem statement",
    "rationale",
    "references",
    "related work",
    "revision history",
    "status",
    "summary",
    "table of contents",
];

/// How surely boxes below a heading are context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Context {
    /// They are work.
    No,
    /// They are, unless a heading below says that they are tasks.
    Likely,
    /// They are.
    Sure,
}

impl Context {
    /// What a heading makes of the boxes below it, itself below one of the kind `outer`. `level` is 1 for `#`.
    pub(super) fn of(heading: &str, level: u8, outer: Self) -> Self {
        let (name, numbered) = normalise(heading);
        let name = head(&name);
        if outer == Self::Likely && (name.starts_with("task ") || name.starts_with("phase ")) {
            return Self::No;
        }
        let own = match is_criteria(name) {
            true => Self::Sure,
            false if !numbered && level > 1 && UNLESS_NUMBERED.contains(&name) => Self::Likely,
            false => Self::No,
        };
        own.max(outer)
    }
}

/// True for a heading, or a line above a list, that says how work is judged.
pub fn announces_criteria(line: &str) -> bool {
    line.len() <= 160 && is_criteria(head(&normalise(line).0))
}

/// True when a list directly below this line is context ("**Acceptance criteria**:"). The line of a list
/// item is a weaker sign than a line of its own: an item called "Verification" is a step.
pub(super) fn is_context_line(line: &str, list_item: bool) -> bool {
    // No name on the lists is nearly as long; most lines end here, unread.
    if line.len() > 160 {
        return false;
    }
    let (name, numbered) = normalise(line);
    let name = name.split(['(', '（']).next().unwrap_or("").trim();
    // "Write the release checklist" is something to do.
    if list_item && !CRITERIA.contains(&name) && name.split(' ').count() > 3 {
        return false;
    }
    is_criteria(name) || (!numbered && !list_item && UNLESS_NUMBERED.contains(&name))
}

/// True for sections of a prose spec that are never built.
pub(super) fn is_background(heading: &str) -> bool {
    BACKGROUND.contains(&head(&normalise(heading).0))
}

fn is_criteria(name: &str) -> bool {
    if CRITERIA.contains(&name) {
        return true;
    }
    match name
        .strip_suffix("checklist")
        .or_else(|| name.strip_suffix("checklists"))
    {
        Some("") => true,
        Some(before) if before.ends_with(' ') => {
            let last = before.split_whitespace().next_back().unwrap_or("");
            !WORK_LISTS.contains(&last)
        }
        _ => false,
    }
}

/// Lower case, without emphasis, emoji and number; and whether there was a number.
fn normalise(line: &str) -> (String, bool) {
    let plain = without_comments(line).replace(['*', '_', '`'], "");
    let plain = plain.trim_start_matches(|c: char| !c.is_alphanumeric());
    let rest = skip_number(plain);
    let numbered = rest.len() < plain.len();
    let name = rest.trim_matches(|c: char| !(c.is_alphanumeric() || matches!(c, '(' | ')')));
    (collapse(&name.to_lowercase()), numbered)
}

/// What stands before `:`, `(`, a dash or " for ".
fn head(name: &str) -> &str {
    let mut end = name.len();
    for stop in [":", "：", "(", "（", " - ", " – ", " — ", " for "] {
        end = end.min(name.find(stop).unwrap_or(end));
    }
    name[..end].trim()
}
