//! cc-sdd: Kiro's folder and shape of list, with marks of its own: `(P)` at what may be built beside the tasks around
//! it, `_Boundary: …_`, `_Depends: 1.1, 2.1_`, and `_Blocked: why_` below what it gave up.
//!
//! The marks stay English in every language it writes (its rules for tasks, `gotalab/cc-sdd`). A task `2` is but the
//! name of `2.1`, `2.2`.

use crate::model::{Aside, Beside, Diagnostic, Document, DocumentKind, Spec};
use crate::spec::dialect::Dialect;
use crate::spec::format::{Confidence, Format};
use crate::spec::list;
use crate::spec::parse::{Notes, ParseOptions, Source};
use crate::spec::places::{self, Around};
use serde_json::Value;

pub(in crate::spec) struct CcSdd;

impl Format for CcSdd {
    fn name(&self) -> &'static str {
        "cc-sdd"
    }

    fn detect(&self, path: &str, text: Option<&str>) -> Confidence {
        match text {
            Some(text) if has_marks(text) => places::in_kiro(path).unwrap_or(Confidence::Looks),
            Some(_) | None => Confidence::No,
        }
    }

    fn beside(&self, path: &str) -> Vec<Beside> {
        let steering = format!("{}.kiro/steering", places::above(path, ".kiro"));
        Around::of(path)
            .files(DocumentKind::Criteria, &["requirements.md"])
            .files(DocumentKind::Design, &["design.md"])
            .files(DocumentKind::Background, &["research.md", "brief.md"])
            .all_in(DocumentKind::Conventions, steering, ".md")
            .files(DocumentKind::State, &["spec.json"])
            .done()
    }

    fn attend(&self, spec: &mut Spec, documents: &[Document]) {
        hold_until_approved(spec, documents);
    }

    fn parse(
        &self,
        source: Source<'_>,
        options: ParseOptions,
        notes: &mut Notes<'_>,
    ) -> Result<Spec, Diagnostic> {
        let mut spec = list::read(source, self.name(), &Dialect::NUMBERED, options, notes);
        for task in &mut spec.tasks {
            if let Some(title) = without_parallel(&task.title) {
                task.parallel = true;
                task.title = title;
            }
            if task.text.lines().any(|line| is_mark(line, "_Blocked:")) {
                task.aside = Some(Aside::Waits {
                    said: "_Blocked".to_owned(),
                });
            }
        }
        Ok(spec)
    }
}

/// Its prompts stop where a person has not approved the tasks. What is no JSON approves nothing. A list without any of
/// its marks looks like Kiro's, which has no such file itself.
pub(super) fn hold_until_approved(spec: &mut Spec, documents: &[Document]) {
    let state = documents.iter().find(|d| d.kind == DocumentKind::State);
    let Some(state) = state else { return };
    spec.held = match serde_json::from_str::<Value>(&state.text) {
        Err(e) => Some(format!(
            "{}, which says whether its tasks are approved, is no JSON: {e}",
            state.path
        )),
        Ok(json) if json.pointer("/approvals/tasks/approved") == Some(&Value::Bool(false)) => {
            Some(format!("its tasks are not approved in {}", state.path))
        }
        Ok(_) => None,
    };
}

/// Marks that neither Kiro nor people write: one of its lines below a box, or `(P)` at one.
fn has_marks(text: &str) -> bool {
    let own = ["_Boundary:", "_Depends:", "_Blocked:"];
    // Most texts have none of them anywhere.
    let may = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    let has_line = || {
        text.lines()
            .any(|line| own.iter().any(|m| is_mark(line, m)))
    };
    let mut boxes = text
        .lines()
        .filter(|line| line.trim_start().starts_with("- ["));
    (may(&own) && has_line())
        || (may(&["(P)", "（P）"]) && boxes.any(|line| without_parallel(line).is_some()))
}

fn is_mark(line: &str, mark: &str) -> bool {
    line.trim_start_matches([' ', '\t', '-', '*'])
        .starts_with(mark)
}

/// The words without `(P)`, where it stands among them as one.
fn without_parallel(words: &str) -> Option<String> {
    let is_parallel = |word: &&str| matches!(*word, "(P)" | "（P）");
    let kept: Vec<&str> = words
        .split_whitespace()
        .filter(|w| !is_parallel(w))
        .collect();
    (kept.len() < words.split_whitespace().count()).then(|| kept.join(" "))
}
