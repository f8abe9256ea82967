//! Spec Kit: `specs/<number>-<name>/tasks.md`, beside `spec.md`, `plan.md` and their like.
//!
//! Nothing but prompts reads these lists (`templates/commands/` of `github/spec-kit`): ids such as `T012` and `T020a`
//! are names, `[P]` may be built beside the tasks around it, `[US1]` belongs to a story. Phases are barriers: set-up
//! before the foundation, both before any story, all stories before the polish; stories do not wait for each other.
//! In a phase, what is not `[P]` waits for what is not `[P]` before it. A box without an id below a task that has one
//! is part of that task.

use crate::model::{Beside, Diagnostic, Document, DocumentKind, Role, Spec, Stage, Task};
use crate::spec::dialect::Dialect;
use crate::spec::format::{Confidence, Format};
use crate::spec::list;
use crate::spec::parse::{Notes, ParseOptions, Source};
use crate::spec::places::{self, Around};
use crate::spec::reader;
use crate::spec::text::{Lines, beginning};

pub(in crate::spec) struct SpecKit;

impl Format for SpecKit {
    fn name(&self) -> &'static str {
        "Spec Kit"
    }

    fn detect(&self, path: &str, text: Option<&str>) -> Confidence {
        if places::below(path, ".specify").is_some() {
            return Confidence::NotWork;
        }
        let numbered = places::below(path, "specs").map(|inside| match inside.as_slice() {
            [feature, file] if is_numbered(feature) => places::is(file, "tasks.md"),
            _ => false,
        });
        match (numbered, text) {
            (Some(true), _) => Confidence::Sure,
            (_, Some(text)) if has_stories(text) => Confidence::Looks,
            (_, Some(_) | None) => Confidence::No,
        }
    }

    fn beside(&self, path: &str) -> Vec<Beside> {
        let constitution = format!("{}.specify/memory", places::above(path, "specs"));
        Around::of(path)
            .files(DocumentKind::Criteria, &["spec.md"])
            .files(DocumentKind::Design, &["plan.md", "data-model.md"])
            .below(DocumentKind::Design, "contracts", "")
            .files(DocumentKind::Background, &["research.md", "quickstart.md"])
            .files_in(
                &constitution,
                DocumentKind::Conventions,
                &["constitution.md"],
            )
            .below(DocumentKind::State, "checklists", ".md")
            .done()
    }

    /// Its prompts stop at a checklist that is not complete, and ask.
    fn attend(&self, spec: &mut Spec, documents: &[Document]) {
        let lists = documents.iter().filter(|d| d.kind == DocumentKind::State);
        let open = |list: &Document| {
            let lines = Lines::new(list.text.as_bytes());
            let boxes = reader::read(&list.text, beginning(&list.text), &lines).boxes;
            let is_open = |tick: usize| !matches!(list.text.as_bytes()[tick], b'x' | b'X');
            boxes.iter().filter(|b| is_open(b.tick)).count()
        };
        let incomplete = lists.map(|list| (open(list), list)).find(|(n, _)| *n > 0);
        if let Some((n, list)) = incomplete {
            spec.held = Some(match n {
                1 => format!("an item of its checklist {} is open", list.path),
                _ => format!("{n} items of its checklist {} are open", list.path),
            });
        }
    }

    fn parse(
        &self,
        source: Source<'_>,
        options: ParseOptions,
        notes: &mut Notes<'_>,
    ) -> Result<Spec, Diagnostic> {
        let mut spec = list::read(source, self.name(), &Dialect::IDS, options, notes);
        let stories: Vec<bool> = spec.tasks.iter_mut().map(strip_tags).collect();
        phases(&mut spec, &stories);
        Ok(spec)
    }
}

/// `001-photo-albums`, `20260821-143022-photo-albums`.
fn is_numbered(feature: &str) -> bool {
    let digits = feature.bytes().take_while(u8::is_ascii_digit).count();
    let name = feature[digits..].strip_prefix('-').unwrap_or_default();
    // Others begin with a date: `2026-08-21-photo-albums`.
    let mut words = name.split('-');
    let is_month = words
        .next()
        .is_some_and(|w| w.len() == 2 && w.parse::<u8>().is_ok());
    let is_date = digits == 4 && is_month && words.next().is_some_and(|w| w.parse::<u8>().is_ok());
    digits >= 3 && !name.is_empty() && !is_date
}

/// A line of the shape that only Spec Kit's prompts ask for: `- [ ] T014 [P] [US1] …`.
fn has_stories(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start);
    let is_own = |line: &str| {
        let words = line
            .strip_prefix("- [ ] ")
            .or_else(|| line.strip_prefix("- [x] "));
        let words = words.or_else(|| line.strip_prefix("- [X] "));
        words.is_some_and(|w| w.starts_with("T0") && (w.contains(" [P] ") || w.contains(" [US")))
    };
    lines.any(is_own)
}

/// Takes `[P]` and `[US1]` off the front of a title. True for a task of a story.
fn strip_tags(task: &mut Task) -> bool {
    let mut rest = task.title.as_str();
    let (mut parallel, mut of_story) = (false, false);
    loop {
        rest = rest.trim_start();
        let Some((tag, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) else {
            break;
        };
        let digits = tag.strip_prefix("US").unwrap_or_default();
        let is_story = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if !(tag == "P" || is_story) {
            break;
        }
        parallel |= tag == "P";
        of_story |= is_story;
        rest = after;
    }
    // Headings carry it at their end.
    if let Some(before) = rest.strip_suffix("[P]") {
        (parallel, rest) = (true, before.trim_end());
    }
    task.parallel = parallel;
    if !rest.is_empty() && rest.len() < task.title.len() {
        task.title = rest.to_owned();
    }
    of_story
}

/// What a phase waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// All phases before it; and all behind it wait for it.
    Barrier,
    /// The barriers before it.
    Story,
}

/// Puts the tasks of a phase, with those below its sub-headings, into one stage. A phase is a story's when its
/// tasks say so, whatever language its heading is in.
fn phases(spec: &mut Spec, stories: &[bool]) {
    let mut stages: Vec<Stage> = Vec::new();
    let mut kinds: Vec<Phase> = Vec::new();
    let mut phases: Vec<(Vec<String>, bool)> = Vec::new();
    for (index, is_of_story) in stories.iter().enumerate() {
        let task = &spec.tasks[index];
        let stage = if task.role == Role::Step {
            task.parent.map_or(0, |parent| spec.tasks[parent].stage)
        } else {
            let phase = phase_of(&spec.sections[task.section].headings);
            if phases.last().is_none_or(|(last, _)| last != phase) {
                phases.push((phase.to_vec(), false));
            }
            phases.len() - 1
        };
        if let Some((_, of_story)) = phases.get_mut(stage) {
            *of_story |= is_of_story;
        }
        spec.tasks[index].stage = stage;
    }
    for (_, of_story) in phases {
        let kind = match of_story {
            true => Phase::Story,
            false => Phase::Barrier,
        };
        stages.push(Stage {
            after: waits_for(&kinds, kind),
            in_turn: true,
        });
        kinds.push(kind);
    }
    spec.stages = stages;
}

/// A story waits for the barrier before it; a barrier for that, or for all stories since.
fn waits_for(before: &[Phase], kind: Phase) -> Vec<usize> {
    let barrier = before.iter().rposition(|k| *k == Phase::Barrier);
    let since = barrier.map_or(0, |at| at + 1);
    match kind {
        Phase::Barrier if since < before.len() => (since..before.len()).collect(),
        Phase::Barrier | Phase::Story => barrier.into_iter().collect(),
    }
}

/// The headings down to the one that names the phase: one called so, else the one below the title.
fn phase_of(headings: &[String]) -> &[String] {
    let words = [
        "phase",
        "fase",
        "фаза",
        "этап",
        "フェーズ",
        "阶段",
        "階段",
        "단계",
    ];
    let is_phase = |heading: &String| {
        let lower = heading.to_lowercase();
        words.iter().any(|word| lower.starts_with(word))
    };
    let named = headings.iter().position(is_phase);
    let last = named.unwrap_or(1).min(headings.len().saturating_sub(1));
    headings.get(..=last).unwrap_or_default()
}
