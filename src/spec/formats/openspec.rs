//! OpenSpec: `openspec/changes/<id>/tasks.md`, beside `proposal.md`, `design.md` and the deltas below `specs/`.
//!
//! OpenSpec counts the boxes of a list, whatever they are nested in, and has no states but open and done
//! (`src/utils/task-progress.ts` of `Fission-AI/OpenSpec`). Groups are headings, one after the other. What is archived
//! is built; `openspec/specs/` says what there is.

use crate::model::{Beside, Diagnostic, DocumentKind, Spec};
use crate::spec::dialect::Dialect;
use crate::spec::format::{Confidence, Format};
use crate::spec::list;
use crate::spec::parse::{Notes, ParseOptions, Source};
use crate::spec::places::{self, Around};

pub(in crate::spec) struct OpenSpec;

const DIALECT: Dialect = Dialect {
    is_list: true,
    ..Dialect::PLAIN
};

impl Format for OpenSpec {
    fn name(&self) -> &'static str {
        "OpenSpec"
    }

    fn detect(&self, path: &str, _text: Option<&str>) -> Confidence {
        let Some(inside) = places::below(path, "openspec") else {
            return Confidence::No;
        };
        match inside.as_slice() {
            ["changes", "archive", ..] => Confidence::NotWork,
            ["changes", change, .., file]
                if !change.starts_with('.') && places::is(file, "tasks.md") =>
            {
                Confidence::Sure
            }
            [
                "changes" | "specs" | "schemas" | "explorations" | "initiatives",
                ..,
            ]
            | ["project.md" | "AGENTS.md"] => Confidence::NotWork,
            // Anybody may have a folder of this name.
            _ => Confidence::No,
        }
    }

    fn beside(&self, path: &str) -> Vec<Beside> {
        let root = format!("{}openspec", places::above(path, "openspec"));
        Around::of(path)
            .below(DocumentKind::Criteria, "specs", "spec.md")
            .files(DocumentKind::Design, &["design.md"])
            .files(DocumentKind::Background, &["proposal.md"])
            .files_in(
                &root,
                DocumentKind::Conventions,
                &["config.yaml", "project.md"],
            )
            .done()
    }

    fn parse(
        &self,
        source: Source<'_>,
        options: ParseOptions,
        notes: &mut Notes<'_>,
    ) -> Result<Spec, Diagnostic> {
        Ok(list::read(source, self.name(), &DIALECT, options, notes))
    }
}
