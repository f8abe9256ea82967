//! Kiro: `.kiro/specs/<name>/tasks.md`, beside `requirements.md` (or `bugfix.md`) and `design.md`.
//!
//! What Kiro itself does with these files is from its documentation and from the issues of `kirodotdev/Kiro`: `[-]` is
//! begun and `[~]` queued, `[ ]*` is optional and built only on request, a task `2` is done when all that is required
//! of `2.1`, `2.2` is, and is work itself where nothing of that is required. A small `x` ticks.

use super::ccsdd::hold_until_approved;
use crate::model::{Beside, Diagnostic, Document, DocumentKind, Spec};
use crate::spec::dialect::Dialect;
use crate::spec::format::{Confidence, Format};
use crate::spec::parse::{Notes, ParseOptions, Source};
use crate::spec::places::{self, Around};
use crate::spec::{list, waves};

pub(in crate::spec) struct Kiro;

impl Format for Kiro {
    fn name(&self) -> &'static str {
        "Kiro"
    }

    fn detect(&self, path: &str, text: Option<&str>) -> Confidence {
        places::in_kiro(path).unwrap_or(match text {
            Some(text) if looks_like(text) => Confidence::Looks,
            Some(_) | None => Confidence::No,
        })
    }

    fn beside(&self, path: &str) -> Vec<Beside> {
        let steering = format!("{}.kiro/steering", places::above(path, ".kiro"));
        Around::of(path)
            .files(DocumentKind::Criteria, &["requirements.md", "bugfix.md"])
            .files(DocumentKind::Design, &["design.md"])
            .files(DocumentKind::Background, &["research.md"])
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
        let text = source.text;
        let mut spec = list::read(source, self.name(), &Dialect::NUMBERED, options, notes);
        waves::apply(&mut spec, text, notes);
        Ok(spec)
    }
}

/// Boxes with requirements below them, as only Kiro's prompts ask for them.
fn looks_like(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start);
    let refers = |line: &str| line.trim_start_matches("- ").starts_with("_Requirements:");
    lines.clone().any(refers) && lines.any(|line| line.starts_with("- ["))
}
