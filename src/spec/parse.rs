//! From a file's bytes to a [`Spec`], or to the reason why not.

use super::contradictions;
use super::format::choose;
use super::places;
use super::text::Lines;
use super::units;
use crate::model::{Diagnostic, Rule, Severity, Spec, SpecId};
use std::collections::BTreeMap;

/// Largest file that is parsed: two mebibytes, and some room so that a spec of "2 MB" by any count fits.
pub const MAX_SPEC_BYTES: usize = (2 << 20) + (64 << 10);

/// At most this many warnings of one kind are kept for one file.
const MAX_NOTES: usize = 50;

/// How a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParseOptions {
    /// The spec was named by `--spec` or in the configuration: without any box, its sections are tasks.
    pub prose: bool,
    /// Tasks that the spec calls optional are built.
    pub optional: bool,
}

/// Parses one spec, in the format that its path and text show. All offsets of the result index `bytes` as they are.
///
/// # Errors
/// A file that is too large, holds a NUL byte or is not UTF-8. Doubts about a file that can be read are
/// in [`Spec::diagnostics`].
pub fn parse(
    id: SpecId,
    path: &str,
    bytes: &[u8],
    options: ParseOptions,
) -> Result<Spec, Diagnostic> {
    let text = readable(path, bytes)?;
    let mut notes = Notes {
        path,
        list: Vec::new(),
        dropped: BTreeMap::new(),
    };
    let source = Source { id, path, text };
    let format = choose(path, text);
    let mut spec = format.parse(source, options, &mut notes)?;
    spec.beside = format.beside(path);
    spec.beside.extend(places::for_all_work());
    units::set_aside(&mut spec.tasks, options.optional);
    contradictions::note(&spec, &mut notes);
    spec.diagnostics = notes.finish();
    Ok(spec)
}

/// A text to be parsed.
pub(super) struct Source<'a> {
    pub(super) id: SpecId,
    pub(super) path: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// What the file is called without its ending.
    pub(super) fn stem(&self) -> &str {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        file.rsplit_once('.').map_or(file, |(stem, _)| stem)
    }
}

/// The bytes as text, where they are fit to be a spec.
fn readable<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, Diagnostic> {
    let line_of = |at: usize| Lines::new(&bytes[..at]).number(at);
    let error = |line, message: String, remedy: &str| Diagnostic {
        rule: Rule::Unreadable,
        severity: Severity::Error,
        path: path.to_owned(),
        line,
        message,
        remedy: remedy.to_owned(),
    };
    if bytes.len() > MAX_SPEC_BYTES {
        return Err(error(
            0,
            format!(
                "{} bytes are more than the {MAX_SPEC_BYTES} a spec may have",
                bytes.len()
            ),
            "split the spec into several files",
        ));
    }
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        return Err(error(
            line_of(at),
            "holds a NUL byte and is no text".to_owned(),
            "save the file as UTF-8 text (UTF-16 looks like this), or exclude it",
        ));
    }
    std::str::from_utf8(bytes).map_err(|e| {
        error(
            line_of(e.valid_up_to()),
            "is not UTF-8".to_owned(),
            "save the file as UTF-8",
        )
    })
}

/// Collects warnings about one file, within a bound.
pub(super) struct Notes<'a> {
    path: &'a str,
    list: Vec<Diagnostic>,
    dropped: BTreeMap<Rule, usize>,
}

impl Notes<'_> {
    pub(super) fn warn(&mut self, rule: Rule, line: usize, message: String, remedy: &str) {
        if self.list.iter().filter(|note| note.rule == rule).count() == MAX_NOTES {
            *self.dropped.entry(rule).or_default() += 1;
            return;
        }
        self.list.push(Diagnostic {
            rule,
            severity: Severity::Warning,
            path: self.path.to_owned(),
            line,
            message,
            remedy: remedy.to_owned(),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Brings the lines of what was noted since to where they stand in the file.
    pub(super) fn moved_since(&mut self, from: usize, place: impl Fn(&mut usize)) {
        for note in &mut self.list[from..] {
            place(&mut note.line);
        }
    }

    fn finish(mut self) -> Vec<Diagnostic> {
        for (rule, dropped) in self.dropped {
            self.list.push(Diagnostic {
                rule,
                severity: Severity::Warning,
                path: self.path.to_owned(),
                line: 0,
                message: format!(
                    "{dropped} more of the same kind ({}) are not shown",
                    rule.id()
                ),
                remedy: "mend the ones above first".to_owned(),
            });
        }
        self.list
    }
}
