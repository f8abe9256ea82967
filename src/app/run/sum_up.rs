//! The end of a run: its summary.

use super::{Cycle, Session};
use crate::app::reports;
use crate::app::world::print;
use crate::config::{Format, Verbosity};
use crate::model::ExitCode;
use crate::model::report::{REPORT_SCHEMA, Spent, SummaryReport};
use crate::{sandbox, ui};

impl Session<'_> {
    pub(super) fn summary(
        &self,
        cycle: &Cycle,
        diagnostics: Vec<crate::model::Diagnostic>,
        postmortem: Option<String>,
    ) {
        let mut spent = Spent::default();
        for lane in &cycle.lanes {
            spent.merge(&reports::spent(lane, Some(&self.run)));
        }
        spent.add_planning(&self.planning_spent);
        let report = SummaryReport {
            schema: REPORT_SCHEMA,
            run: self.run.clone(),
            exit: cycle.exit,
            specs: cycle
                .lanes
                .iter()
                .map(|l| reports::spec_summary(l, self.scope.remote.as_deref(), &self.world.folder))
                .collect(),
            committed: cycle.committed,
            diagnostics,
            unsandboxed: sandbox::untrusted().is_unsandboxed(),
            spent,
            millis: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            postmortem,
            next: (cycle.exit != ExitCode::Done).then(|| reports::command(self.world, &self.specs)),
        };
        match self.output.format {
            Format::Json => {
                let line = ui::json_line(&ui::summary::json(&report));
                print(&self.shells.redactor.redact(&line));
            }
            Format::Human
                if self.output.verbosity > Verbosity::Quiet || cycle.exit != ExitCode::Done =>
            {
                use std::io::Write;
                let text = ui::summary::render(&report, &self.options);
                let text = self.shells.redactor.redact(&text);
                let _ = std::io::stderr().lock().write_all(text.as_bytes());
            }
            Format::Human => {}
        }
    }
}
