//! Agent OS: `.agent-os/specs/<date>-<name>/tasks.md`, `agent-os/specs/…` from its second version on.
//!
//! An outermost task is built as a whole, its first step writing tests and its last one running them; the boxes of
//! the steps are ticked with it (`execute-task` of `buildermethods/agent-os`). What its agents gave up has a line
//! below it that begins `⚠️ Blocking issue`.

use crate::model::{Aside, Beside, Diagnostic, DocumentKind, Meaning, Spec, TaskMark};
use crate::spec::dialect::{Dialect, Units};
use crate::spec::format::{Confidence, Format};
use crate::spec::list;
use crate::spec::parse::{Notes, ParseOptions, Source};
use crate::spec::places::{self, Around};

pub(in crate::spec) struct AgentOs;

const DIALECT: Dialect = Dialect {
    units: Units::Outermost,
    dash: Meaning::Started,
    tilde: Meaning::Started,
    is_list: true,
    numbers_nest: true,
};

impl Format for AgentOs {
    fn name(&self) -> &'static str {
        "Agent OS"
    }

    fn detect(&self, path: &str, _text: Option<&str>) -> Confidence {
        let hidden = places::below(path, ".agent-os");
        let Some(inside) = hidden.or_else(|| places::below(path, "agent-os")) else {
            return Confidence::No;
        };
        match inside.as_slice() {
            ["specs", "archive", ..] => Confidence::NotWork,
            ["specs", _, file] if places::is(file, "tasks.md") => Confidence::Sure,
            _ => Confidence::NotWork,
        }
    }

    fn beside(&self, path: &str) -> Vec<Beside> {
        let folder = [".agent-os", "agent-os"].into_iter();
        let mut folder = folder.filter(|name| places::below(path, name).is_some());
        let name = folder.next().unwrap_or(".agent-os");
        let root = format!("{}{name}", places::above(path, name));
        Around::of(path)
            .files(
                DocumentKind::Criteria,
                &["spec.md", "planning/requirements.md"],
            )
            .below(DocumentKind::Design, "sub-specs", ".md")
            .all_in(
                DocumentKind::Conventions,
                format!("{root}/standards"),
                ".md",
            )
            .files_in(
                &root,
                DocumentKind::Background,
                &["product/mission-lite.md"],
            )
            .done()
    }

    fn parse(
        &self,
        source: Source<'_>,
        options: ParseOptions,
        notes: &mut Notes<'_>,
    ) -> Result<Spec, Diagnostic> {
        let mut spec = list::read(source, self.name(), &DIALECT, options, notes);
        for task in &mut spec.tasks {
            let lines = task.text.lines();
            let mut lines = lines.map(|l| l.trim_start_matches([' ', '\t', '-', '*']));
            let blocked = lines.any(|l| l.starts_with("⚠️ Block") || l.starts_with("⚠️ **Block"));
            if blocked && task.mark != TaskMark::Done {
                task.aside = Some(Aside::Waits {
                    said: "⚠️ Blocking issue".to_owned(),
                });
            }
        }
        Ok(spec)
    }
}
