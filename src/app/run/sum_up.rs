//! The end of a run: summary and postmortem.

use super::{Cycle, Session};
use crate::app::reports;
use crate::app::world::print;
use crate::config::{Format, Verbosity};
use crate::core::lane::Lane;
use crate::model::report::{PostmortemReport, REPORT_SCHEMA, Spent, StateCounts, SummaryReport};
use crate::model::{ChunkState, EventKind, ExitCode};
use crate::{fsx, sandbox, ui};

/// Log lines that a postmortem repeats.
const LOG_TAIL: usize = 50;

impl Session<'_> {
    pub(super) fn postmortem(
        &self,
        exit: ExitCode,
        reason: &str,
        lanes: &[Lane],
    ) -> Option<String> {
        let now = self.shells.clock.now();
        let mut counts = StateCounts::default();
        for lane in lanes {
            lane.plan
                .chunks
                .iter()
                .for_each(|c| counts.add(lane.state(&c.id)));
        }
        let report = PostmortemReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run: self.run.clone(),
            ended: now,
            exit,
            reason: self.shells.redactor.redact(reason).into_owned(),
            engine: self.engine_label.clone(),
            forge: self.shells.forge.name().to_owned(),
            unsandboxed: sandbox::untrusted().is_unsandboxed(),
            counts,
            in_flight: lanes.iter().flat_map(in_flight).collect(),
            stopped: lanes
                .iter()
                .flat_map(|l| reports::spec_summary(l, None).stopped)
                .collect(),
            log_tail: crate::ledger::log::tail(&self.log, LOG_TAIL).unwrap_or_default(),
            log_path: self.log.display().to_string(),
            next: reports::command(self.world, &self.specs),
        };
        let name = format!("postmortem-{}.md", now.format("%Y%m%dT%H%M%SZ"));
        let text = ui::postmortem::render(&report);
        let text = self.shells.redactor.redact(&text);
        match fsx::atomic::write(&self.world.dir().join(&name), text.as_bytes()) {
            Ok(()) => Some(format!(".codelicious/{name}")),
            Err(e) => {
                self.say(EventKind::Warning {
                    message: format!("the postmortem could not be written: {e}"),
                });
                None
            }
        }
    }

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
        let report = SummaryReport {
            schema: REPORT_SCHEMA,
            run: self.run.clone(),
            exit: cycle.exit,
            specs: cycle
                .lanes
                .iter()
                .map(|l| reports::spec_summary(l, self.scope.remote.as_deref()))
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

fn in_flight(lane: &Lane) -> Vec<String> {
    let moving = lane.plan.chunks.iter().filter_map(|c| {
        let state = lane.state(&c.id);
        match state {
            ChunkState::InProgress { .. }
            | ChunkState::Verifying { .. }
            | ChunkState::Fixing { .. } => Some(format!(
                "{}:{} {}: {}",
                lane.ledger.spec,
                c.id,
                state.word(),
                c.title
            )),
            _ => None,
        }
    });
    moving
        .chain(
            lane.ledger
                .intents
                .iter()
                .map(|i| format!("{}: {i:?}", lane.ledger.spec)),
        )
        .collect()
}
