//! From a file's bytes to a [`Spec`], or to the reason why not.

use super::front;
use super::lines as mark_lines;
use super::reader;
use super::tasks;
use super::text::{Lines, beginning};
use crate::model::spec::SpecStatus;
use crate::model::{Diagnostic, Severity, Spec, SpecId};

/// Largest file that is parsed: two mebibytes, and some room so that a spec of "2 MB" by any count fits.
pub const MAX_SPEC_BYTES: usize = (2 << 20) + (64 << 10);

/// At most this many warnings are kept for one file.
const MAX_NOTES: usize = 50;

/// How a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParseOptions {
    /// The spec was named by `--spec` or in the configuration: without any box, its sections are tasks.
    pub prose: bool,
}

/// Parses one markdown spec. All offsets of the result index `bytes` as they are.
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
        dropped: 0,
    };

    // The byte order mark and front matter are not markdown: reading begins behind them.
    // Marks of planned chunks are no part of either one, wherever they stand.
    let (end, chunk_marks) = mark_lines::read(text);
    let plain = mark_lines::Plain::new(&text[..end], Lines::new(&bytes[..end]), &chunk_marks);
    let (text, lines) = (&*plain.text, &plain.lines);
    let (front, base) = front::read(text, beginning(text), lines, &mut notes);
    let outline = reader::read(text, base, lines);

    let mut tasks = tasks::from_boxes(text, lines, &outline, &mut notes);
    let mut prose = false;
    if tasks.is_empty() && options.prose {
        tasks = tasks::from_sections(text, lines, &outline, &mut notes);
        prose = !tasks.is_empty();
    }
    if !prose && front.status == SpecStatus::Ready && outline.open_context > tasks.len() {
        notes.warn(
            outline.first_context_line,
            format!(
                "{} open boxes stand below words such as \"acceptance criteria\" and are no tasks",
                outline.open_context
            ),
            "name the file with --spec to build its sections, or move boxes that are work below another heading",
        );
    }
    let title = outline
        .parts
        .iter()
        .find_map(|part| part.section.headings.last())
        .filter(|heading| !heading.is_empty())
        .cloned()
        .unwrap_or_else(|| stem(path).to_owned());
    let mut spec = Spec {
        id,
        path: path.to_owned(),
        title,
        front,
        tasks,
        sections: outline.parts.into_iter().map(|part| part.section).collect(),
        diagnostics: notes.finish(),
        prose,
        planned: false,
        chunk_marks,
    };
    plain.restore(&mut spec);
    Ok(spec)
}

/// The bytes as text, where they are fit to be a spec.
fn readable<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, Diagnostic> {
    let line_of = |at: usize| Lines::new(&bytes[..at]).number(at);
    let error = |line, message: String, remedy: &str| Diagnostic {
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

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// Collects warnings about one file, within a bound.
pub(super) struct Notes<'a> {
    path: &'a str,
    list: Vec<Diagnostic>,
    dropped: usize,
}

impl Notes<'_> {
    pub(super) fn warn(&mut self, line: usize, message: String, remedy: &str) {
        if self.list.len() == MAX_NOTES {
            self.dropped += 1;
            return;
        }
        self.list.push(Diagnostic {
            severity: Severity::Warning,
            path: self.path.to_owned(),
            line,
            message,
            remedy: remedy.to_owned(),
        });
    }

    fn finish(mut self) -> Vec<Diagnostic> {
        if self.dropped > 0 {
            self.list.push(Diagnostic {
                severity: Severity::Warning,
                path: self.path.to_owned(),
                line: 0,
                message: format!("{} more warnings are not shown", self.dropped),
                remedy: "mend the ones above first".to_owned(),
            });
        }
        self.list
    }
}
