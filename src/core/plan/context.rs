//! What surrounds a task in its spec, for the engine's orientation.

use super::library::Library;
use crate::core::tokens::{Tally, cut};
use crate::model::{Document, MarkSite, Spec, Task, TaskMark};
use std::borrow::Cow;
use std::ops::Range;

/// Most tokens of one chunk's own context, whatever the budget leaves.
const MAX_CONTEXT: u64 = 9000;
/// Most tokens of a whole task's text beside one of its parts.
const MAX_WHOLE: u64 = 800;
/// Most tokens of the text of one task around it, and of its section.
const MAX_AROUND: u64 = 2000;
/// Most tokens of a spec's outline.
const MAX_OUTLINE: u64 = 1500;
/// Neighbouring tasks named on each side.
const NEIGHBOURS: usize = 3;
/// Longest title shown in lists, in characters.
const TITLE_CHARS: usize = 100;

/// The surroundings of all tasks of one spec.
pub(super) struct Surroundings<'a> {
    spec: &'a Spec,
    library: Library<'a>,
    bytes: &'a [u8],
    /// Every task in one line: state, label, title.
    lines: Vec<String>,
    /// Spans of the tasks that have no parent, ascending.
    top: Vec<Range<usize>>,
    /// Prose of sections, found when first wanted.
    prose: Vec<Option<String>>,
}

impl<'a> Surroundings<'a> {
    pub fn new(spec: &'a Spec, bytes: &'a [u8], documents: &'a [Document], done: &[bool]) -> Self {
        let mut top: Vec<Range<usize>> = spec
            .tasks
            .iter()
            .filter(|t| t.parent.is_none())
            .map(|t| t.span.clone())
            .collect();
        top.sort_unstable_by_key(|s| s.start);
        let lines = spec
            .tasks
            .iter()
            .zip(done)
            .map(|(t, done)| line(t, *done))
            .collect();
        Self {
            spec,
            library: Library::new(documents),
            bytes,
            lines,
            top,
            prose: vec![None; spec.sections.len()],
        }
    }

    /// Context of the leaf at `place` in `leaves` within `room` tokens, most specific first: the whole task
    /// where only a part of it is built, the requirements it names, its parents' text, the prose of its section, its
    /// neighbours, passages of documents that are about it, what holds for all work. What
    /// does not fit is cut at a line, and everything less specific is left out. With its estimated tokens.
    pub fn of(
        &mut self,
        leaves: &[usize],
        place: usize,
        whole: Option<&str>,
        room: u64,
    ) -> (String, u64) {
        let spec = self.spec;
        let task = &spec.tasks[leaves[place]];
        let mut pieces = Pieces::within(room.min(MAX_CONTEXT));
        if let Some(text) = whole {
            pieces.add(
                "The whole task, of which this is one part:",
                &cut(text, MAX_WHOLE),
            );
        }
        let around: Vec<&Task> = spec.around(leaves[place]).map(|p| &spec.tasks[p]).collect();
        let mut named: Vec<&str> = Vec::new();
        for reference in std::iter::once(&task).chain(&around).flat_map(|t| &t.meets) {
            if !named.contains(&reference.as_str()) {
                named.push(reference);
            }
        }
        let criteria = self.library.criteria(&named);
        pieces.add("What it has to meet:", &criteria);
        for above in around {
            let own = tidy(&above.text, false);
            let own = if own.is_empty() { &above.title } else { &own };
            pieces.add("Belongs to the task:", &cut(own, MAX_AROUND));
        }
        // What stands between records is no prose.
        if !matches!(task.site, MarkSite::Value { .. }) {
            let prose = self.prose(task.section);
            pieces.add("From the same section:", &cut(prose, MAX_AROUND));
        }
        let first = place.saturating_sub(NEIGHBOURS);
        let last = (place + NEIGHBOURS + 1).min(leaves.len());
        if last - first > 1 {
            let mut near = String::with_capacity(512);
            for (l, &leaf) in leaves.iter().enumerate().take(last).skip(first) {
                near.push_str(&self.lines[leaf]);
                near.push_str(if l == place { " (this one)\n" } else { "\n" });
            }
            pieces.add("Neighbouring tasks:", &near);
        }
        let passages = self.library.passages(task, !criteria.is_empty());
        pieces.add("From the documents beside the spec:", &passages);
        pieces.add("What holds for all work here:", self.library.conventions());
        (pieces.text, pieces.used.tokens())
    }

    /// Headings and task titles with their state, in document order, bounded by [`MAX_OUTLINE`].
    pub fn outline(&self) -> String {
        let mut out = String::new();
        let mut sections = self.spec.sections.iter().peekable();
        let most = usize::try_from(MAX_OUTLINE * 8).unwrap_or(usize::MAX);
        for (i, task) in self.spec.tasks.iter().enumerate() {
            while let Some(section) = sections.next_if(|s| s.span.start <= task.span.start) {
                if let Some(heading) = section.headings.last() {
                    let marks = "#".repeat(usize::from(section.level.clamp(1, 6)));
                    out.push_str(&format!("{marks} {}\n", shown(heading)));
                }
            }
            // In a prose spec the heading is the task and has just been named.
            if !self.spec.prose {
                out.push_str(&"  ".repeat(task.depth.min(6)));
                out.push_str(&self.lines[i]);
                out.push('\n');
            }
            if out.len() > most {
                break;
            }
        }
        cut(out.trim_end(), MAX_OUTLINE).into_owned()
    }

    /// Text of a section without its heading and its tasks; empty where there is none.
    fn prose(&mut self, section: usize) -> &str {
        let Some(s) = self.spec.sections.get(section) else {
            return "";
        };
        if self.prose[section].is_none() {
            let mut raw = Vec::new();
            let mut from = s.span.start;
            let first = self.top.partition_point(|t| t.end <= s.span.start);
            for task in self.top[first..]
                .iter()
                .take_while(|t| t.start < s.span.end)
            {
                raw.extend_from_slice(self.bytes.get(from..task.start).unwrap_or_default());
                from = from.max(task.end);
            }
            raw.extend_from_slice(self.bytes.get(from..s.span.end).unwrap_or_default());
            self.prose[section] =
                Some(tidy(&String::from_utf8_lossy(&raw), !s.headings.is_empty()));
        }
        self.prose[section].as_deref().unwrap_or_default()
    }
}

fn line(task: &Task, done: bool) -> String {
    let state = match (&task.mark, done) {
        (_, true) => "[x] ",
        (TaskMark::Partial { .. }, false) => "[~] ",
        (TaskMark::Open | TaskMark::Done | TaskMark::Noted { .. }, false) => "[ ] ",
    };
    let (label, gap) = task.label.as_deref().map_or(("", ""), |l| (l, " "));
    [state, label, gap, &shown(&task.title)].concat()
}

/// A title fit for a list.
pub(super) fn shown(title: &str) -> Cow<'_, str> {
    match title.char_indices().nth(TITLE_CHARS) {
        Some((end, _)) => format!("{}…", title[..end].trim_end()).into(),
        None => title.into(),
    }
}

/// Takes the heading off, and joins runs of blank lines and rules.
fn tidy(raw: &str, heading: bool) -> String {
    let mut lines = raw
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim_end)
        .skip_while(|l| l.is_empty())
        .peekable();
    if heading {
        let first = lines.next().unwrap_or_default();
        if !first.trim_start().starts_with('#') {
            lines.next_if(|l| {
                !l.is_empty() && (l.chars().all(|c| c == '=') || l.chars().all(|c| c == '-'))
            });
        }
    }
    let mut out = String::new();
    let mut blank = false;
    for line in lines {
        if line.is_empty() || line == "---" {
            blank = true;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if blank { "\n\n" } else { "\n" });
        }
        out.push_str(line);
        blank = false;
    }
    out
}

struct Pieces {
    text: String,
    /// Of `text`.
    used: Tally,
    limit: u64,
    full: bool,
}

impl Pieces {
    fn within(limit: u64) -> Self {
        Self {
            text: String::new(),
            used: Tally::default(),
            limit,
            full: false,
        }
    }

    fn add(&mut self, title: &str, body: &str) {
        let body = body.trim_end();
        if self.full || body.is_empty() {
            return;
        }
        let gap = if self.text.is_empty() { "" } else { "\n\n" };
        let before = [gap, title, "\n"]
            .iter()
            .fold(self.used, |sum, t| sum.plus(Tally::of(t)));
        // Two roundings: what is there already, and what is added.
        let kept = cut(body, self.limit.saturating_sub(before.tokens() + 1));
        self.full = kept.len() != body.len();
        if !kept.is_empty() {
            self.used = before.plus(Tally::of(&kept));
            self.text.reserve(gap.len() + title.len() + 1 + kept.len());
            for piece in [gap, title, "\n", &kept] {
                self.text.push_str(piece);
            }
        }
    }
}
