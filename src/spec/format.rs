//! What a format is, and which one a file has.
//!
//! A format is one file below `formats/` and one line in [`FORMATS`]. It says of a path, and of a text where that is
//! at hand, how sure it is to be the one; it reads the text into a spec whose tasks know where their marks stand, so
//! that nobody else need know the format to tick one.

use super::formats::{agentos, ccsdd, kiro, markdown, openspec, ralph, speckit, taskmaster};
use super::parse::{Notes, ParseOptions, Source};
use crate::model::{Beside, Diagnostic, Document, Spec};

/// One way in which specs are written.
pub(super) trait Format: Sync {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// How sure it is that the file at `path` (below the root, with `/`) is one of its own. `text` is None while
    /// paths alone are looked at; what is sure then must stay sure whatever the text says, so that no edit changes
    /// how a spec is read.
    fn detect(&self, path: &str, text: Option<&str>) -> Confidence;

    /// What stands beside the spec at `path` and says more of its tasks, weightiest first.
    fn beside(&self, _path: &str) -> Vec<Beside> {
        Vec::new()
    }

    /// Takes up what the documents of kind [`crate::model::DocumentKind::State`] say: which tasks are worked on, and
    /// whether any may be.
    fn attend(&self, _spec: &mut Spec, _documents: &[Document]) {}

    /// Reads the text. Offsets of the result index [`Source::text`].
    ///
    /// # Errors
    /// A text that is none of this format, where it has to be one.
    fn parse(
        &self,
        source: Source<'_>,
        options: ParseOptions,
        notes: &mut Notes<'_>,
    ) -> Result<Spec, Diagnostic>;
}

/// How sure a format is of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Confidence {
    /// It is none of this format.
    No,
    /// The text looks like it, wherever it stands.
    Looks,
    /// It stands where the tool keeps its own, and is nothing to build: context, a template, an archive.
    NotWork,
    /// It is called as the tool calls its own, where anybody may call something so.
    Likely,
    /// It stands where only this tool puts what is to be built.
    Sure,
}

/// All formats; of equally sure ones the first counts. Markdown reads what nobody else claims.
const FORMATS: [&dyn Format; 8] = [
    &ccsdd::CcSdd,
    &kiro::Kiro,
    &openspec::OpenSpec,
    &agentos::AgentOs,
    &speckit::SpecKit,
    &taskmaster::TaskMaster,
    &ralph::Ralph,
    &markdown::Markdown,
];

/// The format of a text.
pub(super) fn choose(path: &str, text: &str) -> &'static dyn Format {
    best(path, Some(text)).1
}

/// How sure the surest format is of a path, before anything is read.
pub(super) fn by_path(path: &str) -> Confidence {
    best(path, None).0
}

fn best(path: &str, text: Option<&str>) -> (Confidence, &'static dyn Format) {
    let mut best: (Confidence, &'static dyn Format) = (Confidence::No, &markdown::Markdown);
    for format in FORMATS {
        let confidence = match format.detect(path, text) {
            // Named all the same, it is read for what it is.
            Confidence::NotWork if text.is_some() => Confidence::No,
            confidence => confidence,
        };
        if confidence > best.0 {
            best = (confidence, format);
        }
    }
    best
}

/// Takes up what stands beside a spec, once it is read.
pub fn attend(spec: &mut Spec, documents: &[Document]) {
    let format = FORMATS.iter().find(|f| f.name() == spec.format);
    if let Some(format) = format {
        format.attend(spec, documents);
    }
}
