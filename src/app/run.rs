//! A run: lock, look, build every lane, sum up.

mod engines;
mod forge;
mod issues;
mod look;
pub(super) mod open;
mod planning;
mod postmortem;
mod preflight;
mod stops;
mod sum_up;

use stops::stop_words;

use super::actions::Actions;
use super::bug;
use super::engine::{Chosen, Unusable};
use super::error::AppError;
use super::forge::Opened;
use super::reports;
use super::survey::Scope;
use super::world::{SystemRng, World, random_word};
use crate::config::{Environment, Output, Restart};
use crate::core::budget::{Charge, of_run};
use crate::core::cycle::{committed_by, has_work, may_get_further, pause};
use crate::core::decide::{counts, lane_exit, undelivered};
use crate::core::lane::{Halt, Lane};
use crate::core::recover::Resume;
use crate::core::roster::Roster;
use crate::core::standing::standing;
use crate::core::template::Template;
use crate::crash::{self, Point};
use crate::driver::{Control, Shells, run_lane};
use crate::model::{ChunkId, EventKind, ExitCode, PlanningSpent, RunId, Severity, SpecId};
use crate::ports::ChatModel;
use crate::proc;
use crate::ui::{Reporter, UiOptions};
use chrono::{DateTime, Utc};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// Cycles in a row without a commit after which `--continuous` ends.
const IDLE_CYCLES: u32 = 3;
/// What to run.
pub struct RunPlan<'a> {
    /// The chain; never empty.
    pub engines: Vec<Chosen>,
    /// What the chain was asked to have and cannot be used.
    pub left_out: Vec<Unusable>,
    /// Who reviews, where somebody is asked to, or why not.
    pub reviewer: Option<Result<Chosen, Unusable>>,
    /// A conversation of the first engine that the first chunk goes on with.
    pub resume: Option<String>,
    pub specs: Vec<PathBuf>,
    /// Issues that are built as specs.
    pub from_issues: Vec<u64>,
    pub forge: Opened,
    pub restart: Restart,
    pub output: Output,
    /// Whom the end is told as well, in a step of GitHub Actions.
    pub actions: Option<&'a Actions>,
}

/// Runs until nothing is left to build.
///
/// # Errors
/// Set-up errors, before any engine was paid; a bug.
pub fn run(world: &World, env: &Environment, plan: RunPlan<'_>) -> Result<ExitCode, AppError> {
    // Lanes are made, and work is sent, by the command.
    if proc::find_program("git", &env.git_env(&world.settings)).is_none() {
        return Err(AppError::setup(
            "there is no program `git` on PATH",
            "install git and make sure that it is on PATH",
        ));
    }
    proc::adopt_orphans(random_word(&SystemRng));
    #[cfg(debug_assertions)]
    if let Some(point) = env.get(crate::config::env_names::CRASH) {
        crate::crash::arm(point).map_err(|why| AppError::setup(why, ""))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| AppError::setup(format!("cannot start: {e}"), ""))?;
    let local = tokio::task::LocalSet::new();
    let mut session = local.block_on(&runtime, async { Session::open(world, env, plan) })?;
    session.begin();
    let done = bug::caught(|| local.block_on(&runtime, session.cycles()));
    // What a panic, hooks and checks left going on ends here, before anything is said about it.
    drop(local);
    proc::end_leftovers();
    session.end(done)
}

/// Where events go.
type Recorder = Rc<dyn Fn(Option<&SpecId>, Option<ChunkId>, EventKind)>;

struct Session<'w> {
    /// Left before the lock is let go, which the shells hold: the next run ends what it finds in there.
    _group: Option<proc::cgroup::Membership>,
    world: &'w World,
    env: &'w Environment,
    run: RunId,
    engine_label: String,
    /// Which engines are of use; None until the ledgers of earlier runs were looked at.
    roster: Option<Roster>,
    /// Whether the reviewer is of use.
    reviewer_roster: Roster,
    /// What this run spent so far, by spec.
    charged: BTreeMap<SpecId, Charge>,
    resume: Option<String>,
    left_out: Vec<Unusable>,
    /// Limits that end before this are waited for.
    waits_until: Option<DateTime<Utc>>,
    shells: Rc<Shells>,
    /// Taken out while something is waited for beside it.
    control: Option<Control>,
    recorder: Recorder,
    reporter: Rc<RefCell<Reporter>>,
    options: UiOptions,
    output: Output,
    actions: Option<&'w Actions>,
    scope: Scope,
    specs: Vec<PathBuf>,
    from_issues: Vec<u64>,
    /// What the preflight said already.
    said: BTreeSet<String>,
    /// What is to be said of the choice of the forge.
    forge_notes: Vec<String>,
    /// Where the forge's token was found.
    token_from: String,
    /// The repository's own layout of bodies, as it stands at the base.
    template: Option<Arc<Template>>,
    /// Nothing was looked at in this run yet: what is wrong ends it before anything is paid.
    is_first_look: bool,
    restart: Restart,
    /// This look is for what persons asked for while the last one was built.
    again_for_moves: bool,
    /// Who plans specs without tasks.
    planner: Option<(String, Rc<dyn ChatModel>)>,
    /// Specs that it was asked about, each with the hash of its text.
    asked: BTreeSet<(SpecId, String)>,
    /// What that used.
    planning_spent: PlanningSpent,
    /// What it counts for against the run's budget.
    planning_charged: Charge,
    log: PathBuf,
    /// Lanes of this cycle as they were taken up, should it be broken off.
    at_work: Vec<Lane>,
    started: tokio::time::Instant,
}

/// What one cycle came to.
struct Cycle {
    lanes: Vec<Lane>,
    exit: ExitCode,
    diagnostics: Vec<crate::model::Diagnostic>,
    committed: usize,
}

impl<'w> Session<'w> {
    fn begin(&self) {
        for note in &self.forge_notes {
            self.warn(note.clone());
        }
        for out in &self.left_out {
            self.say(EventKind::Warning {
                message: format!(
                    "{} is left out of the chain: {}; {}",
                    out.name, out.why, out.remedy
                ),
            });
        }
        self.say(EventKind::RunStarted {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            root: self.world.info.root.display().to_string(),
            engine: self.engine_label.clone(),
            forge: self.shells.forge.name().to_owned(),
            sandbox: self.shells.sandbox.word().to_owned(),
        });
    }

    /// Says how the run ended, and after an abnormal end writes the postmortem.
    fn end(&mut self, done: Result<Cycle, AppError>) -> Result<ExitCode, AppError> {
        // Only an end can come here: there is nothing left to fail.
        let _ = crash::point(Point::RunEnded);
        // A panic on another thread came back as some error or other; what it was counts.
        let done = match bug::heard() {
            Some(bug) => Err(bug),
            None => done,
        };
        let broken_off = match &done {
            Ok(_) => Vec::new(),
            Err(_) => self.as_recorded(),
        };
        let (lanes, exit, reason) = match &done {
            Ok(cycle) => {
                let halt = cycle.lanes.iter().find_map(|l| l.halt.as_ref());
                (&cycle.lanes, cycle.exit, halt.map(|h| h.why.clone()))
            }
            Err(error) => {
                let reason = format!("{}\n{}", error.message, error.hint);
                (&broken_off, error.exit, Some(reason))
            }
        };
        self.say(EventKind::RunFinished {
            exit,
            committed: lanes.iter().map(|l| committed_by(l, &self.run)).sum(),
            stopped: lanes
                .iter()
                .map(|l| {
                    l.plan
                        .chunks
                        .iter()
                        .filter(|c| l.state(&c.id).reason().is_some())
                        .count()
                })
                .sum(),
            undelivered: lanes.iter().filter(|l| undelivered(l)).count(),
        });
        self.reporter.borrow_mut().finish();
        let postmortem = match reason {
            Some(reason) => self.postmortem(exit, reason.trim_end(), lanes),
            None if exit >= ExitCode::Deadline && exit != ExitCode::Setup => {
                self.postmortem(exit, exit.meaning(), lanes)
            }
            None => None,
        };
        if let Err(error) = &done {
            let committed = lanes.iter().map(|l| committed_by(l, &self.run)).sum();
            let report = self.report(lanes, error.exit, committed, Vec::new(), postmortem.clone());
            self.tell_actions(report, lanes);
        }
        let cycle = done.map_err(|error| self.told(error, postmortem.as_deref()))?;
        let diagnostics = cycle.diagnostics.clone();
        self.summary(&cycle, diagnostics, postmortem);
        if let Some(halt) = cycle
            .lanes
            .iter()
            .find_map(|l| l.halt.as_ref())
            .filter(|h| {
                matches!(
                    h.exit,
                    ExitCode::Setup | ExitCode::NoEngine | ExitCode::Budget
                )
            })
        {
            return Err(AppError {
                message: halt.why.clone(),
                hint: halt.remedy.clone(),
                exit,
            });
        }
        Ok(exit)
    }

    /// An error that ended the run, as it is told on the terminal: without secrets, and with the way to the
    /// postmortem.
    fn told(&self, error: AppError, postmortem: Option<&str>) -> AppError {
        // Where nothing had begun, the message says all that the page does.
        let is_told = error.exit != ExitCode::Setup || !self.at_work.is_empty();
        let page = postmortem
            .filter(|_| is_told)
            .map(|path| format!("postmortem: {path}"));
        let hint: Vec<String> = [error.hint]
            .into_iter()
            .chain(page)
            .filter(|t| !t.is_empty())
            .collect();
        AppError {
            message: self.shells.redactor.redact(&error.message).into_owned(),
            hint: hint.join("\n"),
            exit: error.exit,
        }
    }

    /// One cycle, or with `--continuous` as many as there is something to build.
    async fn cycles(&mut self) -> Result<Cycle, AppError> {
        let mut idle = 0;
        let mut committed = 0;
        loop {
            let mut cycle = Box::pin(self.cycle()).await?;
            // A cycle counts what the whole run has committed so far.
            let new = cycle.committed.saturating_sub(committed);
            committed = committed.max(cycle.committed);
            cycle.committed = committed;
            self.again_for_moves = self.is_asked_again(&cycle)?;
            if self.again_for_moves {
                continue;
            }
            if !*self.world.settings.continuous {
                return Ok(cycle);
            }
            idle = if new > 0 { 0 } else { idle + 1 };
            // What was committed took time, in which specs may have changed: only a look that finds nothing ends.
            let goes_on = new > 0 || cycle.lanes.iter().any(may_get_further);
            let ends = !goes_on
                || idle >= IDLE_CYCLES
                || self.stop().is_some()
                // Nothing in this run brings money or an engine back.
                || matches!(
                    cycle.exit,
                    ExitCode::Setup | ExitCode::NoEngine | ExitCode::Budget
                );
            if ends {
                return Ok(cycle);
            }
            let pause = pause(*self.world.settings.cycle_sleep, idle);
            let until = self.shells.clock.now() + pause;
            self.say(EventKind::Waiting {
                until,
                why: "looking again for work (--continuous)".to_owned(),
            });
            if let Some(stop) = self.sleep(pause).await {
                let (exit, why) = stop_words(stop);
                cycle.exit = cycle.exit.max(exit);
                if let Some(lane) = cycle.lanes.first_mut() {
                    lane.halt.get_or_insert(Halt {
                        exit,
                        why,
                        remedy: String::new(),
                    });
                }
                return Ok(cycle);
            }
        }
    }

    /// True when persons made moves in lanes that were done with. Bounded by them: a look takes all in that wait.
    fn is_asked_again(&self, cycle: &Cycle) -> Result<bool, AppError> {
        let goes_on = self.stop().is_none() && cycle.lanes.iter().all(|l| l.halt.is_none());
        Ok(goes_on && self.has_mail(&cycle.lanes)?)
    }

    async fn cycle(&mut self) -> Result<Cycle, AppError> {
        let (found, mut ledgers, base) = match Box::pin(self.look()).await? {
            Ok(looked) => looked,
            Err(stop) => {
                return Ok(Cycle {
                    lanes: Vec::new(),
                    exit: stop_words(stop).0,
                    diagnostics: Vec::new(),
                    committed: 0,
                });
            }
        };
        for diagnostic in &found.plan.diagnostics {
            let (path, line) = (diagnostic.path.clone(), diagnostic.line);
            match diagnostic.severity {
                Severity::Error => {
                    self.say(EventKind::SpecRejected {
                        path,
                        line,
                        message: format!("{}; {}", diagnostic.message, diagnostic.remedy),
                    });
                }
                Severity::Warning => self.say(EventKind::Warning {
                    message: match line {
                        0 => format!("{path}: {}", diagnostic.message),
                        _ => format!("{path}:{line}: {}", diagnostic.message),
                    },
                }),
            }
        }
        for warning in &found.plan.warnings {
            let message = reports::warning(&found, warning);
            self.say(EventKind::Warning { message });
        }
        if let Some(message) = reports::unbuilt_upon(&found) {
            self.say(EventKind::Warning { message });
        }
        let chunks = found.plan.specs.iter().flat_map(|s| &s.chunks);
        self.say(EventKind::Planned {
            specs: found.plan.specs.len(),
            chunks: chunks.clone().count(),
            done: chunks.filter(|c| c.done).count(),
        });

        let mut exit = ExitCode::Done;
        if found
            .plan
            .diagnostics
            .iter()
            .any(|d| d.severity == Severity::Error)
        {
            exit = ExitCode::Setup;
        }
        let mut lanes: Vec<Lane> = Vec::new();
        self.at_work.clear();
        for plan in &found.plan.specs {
            let halted = lanes.iter().find_map(|l| l.halt.clone());
            let taken = self.lane(plan, &found, &mut ledgers, &base, &lanes).await?;
            let Some((mut lane, notes)) = taken else {
                continue;
            };
            crash::point(Point::RunRecovered)?;
            crate::driver::make_notes_good(&self.shells, &lane).await;
            let halted = halted.or_else(|| self.stopped());
            let builds = halted.is_none()
                && lane.plan.not_built.is_none()
                && has_work(&lane, self.shells.clock.now());
            if builds {
                lane = self.build(lane, notes).await?;
            } else {
                lane.halt = halted;
                self.tell(&lane, notes);
            }
            if counts(&lane) {
                exit = exit.max(lane_exit(&lane));
            }
            lanes.push(lane);
        }
        self.refuse_strays(&found, &ledgers)?;
        let committed = lanes.iter().map(|l| committed_by(l, &self.run)).sum();
        Ok(Cycle {
            lanes,
            exit,
            diagnostics: found.plan.diagnostics,
            committed,
        })
    }

    /// Builds one lane, after saying where it stands and what had to be repaired in it.
    async fn build(&mut self, lane: Lane, notes: Vec<EventKind>) -> Result<Lane, AppError> {
        let standing = standing(&lane);
        let (next, next_title) = standing
            .next
            .map(|(id, title)| (id.as_str().to_owned(), title))
            .unzip();
        let started = EventKind::SpecStarted {
            path: lane.ledger.path.clone(),
            title: lane.plan.title.clone(),
            branch: lane.ledger.branch.clone(),
            base: lane
                .ledger
                .base
                .as_ref()
                .map(|b| b.branch.clone())
                .unwrap_or_default(),
            done: standing.done,
            total: standing.total,
            interrupted: standing.interrupted,
            retried: standing.retried,
            failed: standing.failed,
            waiting: standing.waiting,
            next,
            next_title,
        };
        (self.recorder)(Some(&lane.ledger.spec), None, started);
        self.tell(&lane, notes);
        let lane = self.with_engines(lane);
        self.at_work.push(lane.clone());
        let Some(control) = self.control.as_mut() else {
            return Err(AppError {
                message: "internal error: nobody listens for signals".to_owned(),
                hint: bug::REMEDY.to_owned(),
                exit: ExitCode::Bug,
            });
        };
        let ran = run_lane(lane, &self.shells, control).await;
        let close = |repo: &mut crate::git::Repo| {
            repo.close_lane();
            Ok(())
        };
        self.shells.git.call(close).await?;
        let lane = ran?;
        self.roster = Some(lane.roster.clone());
        self.reviewer_roster.clone_from(&lane.reviews.roster);
        self.resume.clone_from(&lane.resume);
        let spent = of_run(&lane.ledger, &self.run);
        self.charged.insert(lane.ledger.spec.clone(), spent);
        Ok(lane)
    }

    /// Says what taking the lane up brought to light.
    fn tell(&self, lane: &Lane, notes: Vec<EventKind>) {
        for kind in notes {
            (self.recorder)(Some(&lane.ledger.spec), None, kind);
        }
    }

    fn resume(&self) -> Resume {
        if self.again_for_moves {
            Resume::SameRun
        } else if self.restart.forget_failures {
            Resume::Forgetful
        } else {
            Resume::Remembered
        }
    }

    fn say(&self, kind: EventKind) {
        (self.recorder)(None, None, kind);
    }
}
