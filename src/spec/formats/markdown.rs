//! Markdown as people write it who follow no tool: boxes below headings, or prose.

use crate::model::{Diagnostic, Rule, Severity, Spec};
use crate::spec::dialect::Dialect;
use crate::spec::format::{Confidence, Format};
use crate::spec::list;
use crate::spec::parse::{Notes, ParseOptions, Source};
use crate::spec::places;

pub(in crate::spec) struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "Markdown"
    }

    fn detect(&self, _path: &str, _text: Option<&str>) -> Confidence {
        // It reads what nobody claims; which of that is a spec, `discover` says.
        Confidence::No
    }

    fn parse(
        &self,
        source: Source<'_>,
        options: ParseOptions,
        notes: &mut Notes<'_>,
    ) -> Result<Spec, Diagnostic> {
        let is_json = places::is_json(source.path);
        if is_json && options.prose {
            return Err(Diagnostic {
                rule: Rule::Unreadable,
                severity: Severity::Error,
                path: source.path.to_owned(),
                line: 0,
                message: "is JSON of no shape that is known".to_owned(),
                remedy:
                    "name a list of Task Master or of a Ralph loop, or write the tasks as Markdown"
                        .to_owned(),
            });
        }
        // Boxes in JSON are words of somebody's.
        let text = if is_json { "" } else { source.text };
        Ok(list::read(
            Source { text, ..source },
            self.name(),
            &Dialect::PLAIN,
            options,
            notes,
        ))
    }
}
