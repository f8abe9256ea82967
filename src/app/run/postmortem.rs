//! The page that an abnormal end leaves behind.

use super::Session;
use crate::app::reports;
use crate::core::lane::Lane;
use crate::model::report::{PostmortemReport, StateCounts};
use crate::model::{AttemptEnd, ChunkState, EventKind, ExitCode, Intent, RunId};
use crate::{fsx, ui};
use std::path::{Path, PathBuf};

/// Log lines that a postmortem repeats.
const LOG_TAIL: usize = 50;

impl Session<'_> {
    /// Writes it and returns its path below the root; None when it cannot be written, which is said.
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
        let summary =
            |l: &Lane| reports::spec_summary(l, l.policy.remote.as_deref(), &self.world.folder);
        let summaries: Vec<_> = lanes.iter().map(summary).collect();
        let report = PostmortemReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run: self.run.clone(),
            ended: now,
            exit,
            reason: self.shells.redactor.redact(reason).into_owned(),
            engine: self.engine_label.clone(),
            forge: self.shells.forge.name().to_owned(),
            sandbox: self.shells.sandbox.state(),
            counts,
            in_flight: lanes.iter().flat_map(|l| in_flight(l, &self.run)).collect(),
            stopped: summaries.iter().flat_map(|s| s.stopped.clone()).collect(),
            undelivered: summaries
                .iter()
                .filter_map(|s| s.undelivered.clone())
                .collect(),
            log_tail: crate::ledger::log::tail(&self.log, LOG_TAIL).unwrap_or_default(),
            log_path: self.log.display().to_string(),
            next: reports::command(self.world, &self.specs, &self.from_issues),
        };
        let stamp = now.format("%Y%m%dT%H%M%SZ").to_string();
        let path = free_page(&self.world.dir(), &stamp);
        let text = ui::postmortem::render(&report);
        let text = self.shells.redactor.redact(&text);
        match fsx::atomic::write(&path, text.as_bytes()) {
            Ok(()) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                Some(format!(".codelicious/{name}"))
            }
            Err(e) => {
                self.say(EventKind::Warning {
                    message: format!("the postmortem could not be written: {e}"),
                });
                None
            }
        }
    }

    /// The lanes of a cycle that was broken off, with what their ledgers say now; one that could not be written
    /// as it should stand.
    pub(super) fn as_recorded(&self) -> Vec<Lane> {
        let unsaved = self.shells.unsaved.borrow();
        let now = |lane: &Lane| {
            let mut lane = lane.clone();
            let spec = &lane.ledger.spec;
            let known = unsaved.clone().filter(|ledger| ledger.spec == *spec);
            let recorded = || self.shells.store.read(spec).ok().flatten();
            if let Some(ledger) = known.or_else(recorded) {
                lane.ledger = ledger;
            }
            lane
        };
        self.at_work.iter().map(now).collect()
    }
}

/// Where a page of this moment goes: an earlier one of the same second stays.
fn free_page(dir: &Path, stamp: &str) -> PathBuf {
    let first = dir.join(format!("postmortem-{stamp}.md"));
    let others = (2..u32::MAX).map(|n| dir.join(format!("postmortem-{stamp}-{n}.md")));
    std::iter::once(first.clone())
        .chain(others)
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or(first)
}

/// What a lane was at when the run ended, and what was recorded as about to happen.
fn in_flight(lane: &Lane, run: &RunId) -> Vec<String> {
    let spec = &lane.ledger.spec;
    let moving = lane.plan.chunks.iter().filter_map(|c| {
        let state = lane.state(&c.id);
        let what = match state {
            ChunkState::InProgress { .. }
            | ChunkState::Verifying { .. }
            | ChunkState::Fixing { .. } => state.word().replace('_', " "),
            // Given back in good order, and still what the end came upon.
            ChunkState::Pending => {
                let last = lane
                    .record(&c.id)?
                    .attempts
                    .last()
                    .filter(|a| a.run == *run)?;
                match &last.end {
                    AttemptEnd::Interrupted => format!("interrupted in attempt {}", last.n),
                    AttemptEnd::Limited { .. } => {
                        format!("given back in attempt {}: its engine was limited", last.n)
                    }
                    AttemptEnd::OverBudget { .. } => {
                        format!("given back in attempt {}: the budget was used up", last.n)
                    }
                    AttemptEnd::Running
                    | AttemptEnd::Committed
                    | AttemptEnd::Failed { .. }
                    | AttemptEnd::Blocked { .. }
                    | AttemptEnd::NeedsReview { .. } => return None,
                }
            }
            ChunkState::Committed { .. }
            | ChunkState::Failed { .. }
            | ChunkState::NeedsReview { .. }
            | ChunkState::Blocked { .. }
            | ChunkState::AwaitingApproval { .. }
            | ChunkState::Skipped { .. } => return None,
        };
        Some(format!("{spec}:{} {what}: {}", c.id, c.title))
    });
    let intents = lane.ledger.intents.iter();
    moving
        .chain(intents.map(|i| format!("{spec}: {}", about_to(i))))
        .collect()
}

/// An intent in words.
fn about_to(intent: &Intent) -> String {
    match intent {
        Intent::Engine {
            chunk,
            attempt,
            tip,
        } => format!(
            "an engine was at work on {chunk}, attempt {attempt}, upon {}",
            tip.short()
        ),
        Intent::TakeUp { chunk, attempt } => {
            format!("the saved work of {chunk}, attempt {attempt}, was about to be put back")
        }
        Intent::Land {
            chunk,
            part,
            old,
            new,
        } => format!(
            "the commit {} of {chunk} was about to follow {} in part {part}",
            new.short(),
            old.short()
        ),
        Intent::Push { branch, tip } => {
            format!("{branch} was about to be pushed at {}", tip.short())
        }
        Intent::Pr { part, head } => {
            format!("the pull request of part {part}, from {head}, was about to be written")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::run::{Cycle, RunPlan};
    use crate::app::world::World;
    use crate::app::{bug, engine};
    use crate::config::{Environment, Flags, Output, Restart, Verbosity};
    use crate::model::policy::SandboxPolicy;
    use crate::ports::StopSignal;
    use crate::proc;

    /// The one test of this process that opens a session, because a process has one debug log.
    #[test]
    fn a_panic_leaves_a_page_that_says_that_it_is_a_bug() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("it's here");
        std::fs::create_dir(&root).unwrap();
        let home = dir.path().display().to_string();
        let path = Environment::capture().get("PATH").unwrap().to_owned();
        let env = Environment::from_vars(
            &root,
            [
                ("PATH", path.as_str()),
                ("HOME", &home),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("MY_TOKEN", "hunter22hunter22"),
                // The helper of a sandbox is the program, which a test's own is not.
                ("CODELICIOUS_SANDBOX", "off"),
            ],
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let made = proc::Command::shell("git init --quiet", &root, SandboxPolicy::Trusted)
            .env(env.vars().map(|(k, v)| (k.to_owned(), v.to_owned())));
        let (_handle, stop) = StopSignal::new();
        let made = runtime.block_on(proc::output(&made, proc::Limits::default(), stop));
        assert!(made.unwrap().success());

        let world = World::open(&root, Flags::default(), &env).unwrap();
        let plan = RunPlan {
            engines: vec![engine::from_cassette("replay", "tape", "{\"cassette\": 1}\n").unwrap()],
            left_out: Vec::new(),
            reviewer: None,
            resume: None,
            from_issues: Vec::new(),
            forge: crate::app::forge::Opened::local(&root),
            specs: Vec::new(),
            restart: Restart::default(),
            output: Output {
                verbosity: Verbosity::Quiet,
                ..Output::default()
            },
            actions: None,
        };
        let local = tokio::task::LocalSet::new();
        let opened = local.block_on(&runtime, async { Session::open(&world, &env, plan) });
        let mut session = opened.unwrap();
        let done = bug::caught(|| -> Result<Cycle, _> { panic!("lost hunter22hunter22") });
        let error = session.end(done).unwrap_err();
        assert_eq!(error.exit, ExitCode::Bug);
        assert!(!error.message.contains("hunter22"), "{}", error.message);

        let ours = root.join(".codelicious");
        let names = std::fs::read_dir(&ours).unwrap();
        let pages: Vec<String> = names
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.starts_with("postmortem-"))
            .collect();
        let [name] = pages.as_slice() else {
            panic!("{pages:?}")
        };
        assert!(error.hint.contains(name), "{}", error.hint);
        let page = std::fs::read_to_string(ours.join(name)).unwrap();
        for wanted in [
            "exit 70, a bug in codelicious",
            "internal error: lost [redacted]",
            "\"Reporting a bug\" in its CONTRIBUTING.md",
            "codelicious '",
            r"/it'\''s here'",
        ] {
            assert!(page.contains(wanted), "{wanted}: {page}");
        }
        assert!(!page.contains("hunter22"), "{page}");
    }

    #[test]
    fn two_pages_of_one_second_stand_beside_each_other() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "postmortem-20260102T030405Z.md",
            "postmortem-20260102T030405Z-2.md",
            "postmortem-20260102T030405Z-3.md",
        ] {
            let path = free_page(dir.path(), "20260102T030405Z");
            assert_eq!(path, dir.path().join(name));
            fsx::atomic::write(&path, b"").unwrap();
        }
    }

    #[test]
    fn intents_are_told_in_words() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let (old, new) = (a.as_str().into(), b.as_str().into());
        let said = [
            Intent::Engine {
                chunk: "T001".into(),
                attempt: 2,
                tip: old,
            },
            Intent::Land {
                chunk: "T001".into(),
                part: 1,
                old: a.as_str().into(),
                new,
            },
            Intent::Push {
                branch: "codelicious/a".to_owned(),
                tip: b.as_str().into(),
            },
            Intent::Pr {
                part: 2,
                head: "codelicious/a-part-2".to_owned(),
            },
        ];
        let said: Vec<String> = said.iter().map(about_to).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        an engine was at work on T001, attempt 2, upon aaaaaaaaaa
        the commit bbbbbbbbbb of T001 was about to follow aaaaaaaaaa in part 1
        codelicious/a was about to be pushed at bbbbbbbbbb
        the pull request of part 2, from codelicious/a-part-2, was about to be written
        ");
    }
}
