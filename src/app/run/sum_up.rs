//! The end of a run: its summary.

use super::{Cycle, Session};
use crate::app::reports;
use crate::app::world::print;
use crate::config::{Format, Verbosity};
use crate::core::lane::Lane;
use crate::model::report::{REPORT_SCHEMA, Spent, SummaryReport};
use crate::model::{Cost, Diagnostic, ExitCode};
use crate::ui;
use crate::ui::github::Lines;
use std::sync::Arc;

impl Session<'_> {
    pub(super) fn summary(
        &self,
        cycle: &Cycle,
        diagnostics: Vec<Diagnostic>,
        postmortem: Option<String>,
    ) {
        let report = self.report(
            &cycle.lanes,
            cycle.exit,
            cycle.committed,
            diagnostics,
            postmortem,
        );
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
        self.tell_actions(report, &cycle.lanes);
    }

    /// What the run came to.
    pub(super) fn report(
        &self,
        lanes: &[Lane],
        exit: ExitCode,
        committed: usize,
        diagnostics: Vec<Diagnostic>,
        postmortem: Option<String>,
    ) -> SummaryReport {
        let mut spent = Spent::default();
        for lane in lanes {
            spent.merge(&reports::spent(lane, Some(&self.run)));
        }
        spent.add_planning(&self.planning_spent);
        SummaryReport {
            schema: REPORT_SCHEMA,
            run: self.run.clone(),
            exit,
            specs: lanes
                .iter()
                .map(|l| reports::spec_summary(l, self.scope.remote.as_deref(), &self.world.folder))
                .collect(),
            committed,
            diagnostics,
            sandbox: self.shells.sandbox.state(),
            spent,
            millis: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            postmortem,
            next: (exit != ExitCode::Done)
                .then(|| reports::command(self.world, &self.specs, &self.from_issues)),
        }
    }

    /// The same for a step of GitHub Actions.
    pub(super) fn tell_actions(&self, report: SummaryReport, lanes: &[Lane]) {
        let Some(actions) = self.actions else { return };
        let mut lines = Lines::new();
        for lane in lanes {
            let spec = &lane.ledger.spec;
            let chunks = lane.plan.chunks.iter();
            lines.extend(chunks.map(|c| ((spec.clone(), c.id.clone()), c.line)));
        }
        let nobody_asked = report.spent.attempts == 0 && self.planning_spent.asks == 0;
        let cost = match report.spent.cost {
            Cost::Usd(usd) => Some(usd),
            Cost::Unknown => nobody_asked.then_some(0.0),
        };
        actions.run(report, &lines, cost, Arc::clone(&self.shells.redactor));
    }
}
