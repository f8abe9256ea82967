//! A run: lock, look, build every lane, sum up.

use super::engine::{self, Chosen};
use super::error::AppError;
use super::reports;
use super::survey::{Scope, Survey, survey, survey_one};
use super::world::{SystemClock, SystemRng, World, new_run_id, print, ui_options};
use crate::config::{Environment, Format, Output, Restart, Verbosity};
use crate::core::decide::{lane_exit, undelivered};
use crate::core::lane::{Halt, Lane};
use crate::core::recover::Resume;
use crate::core::redact::Redactor;
use crate::driver::{Control, LaneSettings, Shells, Stop, lanes_dir, run_lane};
use crate::forge::local::LocalForge;
use crate::fsx::lock::{LockInfo, RunLock};
use crate::git::{Worker, fetch, resolve_base};
use crate::ledger::{EventLog, Loaded, Store};
use crate::model::ledger::SpecBase;
use crate::model::report::{PostmortemReport, REPORT_SCHEMA, Spent, StateCounts, SummaryReport};
use crate::model::{
    ChunkId, ChunkState, EventKind, ExitCode, Ledger, Oid, PrState, RunId, Severity, SpecId,
    SpecPlan,
};
use crate::ports::Clock;
use crate::ui::{self, Reporter, UiOptions};
use crate::verify::{ConfiguredCheck, Verifier, VerifyConfig};
use crate::{fsx, proc, sandbox};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Cycles in a row without a commit after which `--continuous` ends.
const IDLE_CYCLES: u32 = 3;
/// Longest pause between cycles that got nothing done.
const MAX_PAUSE: Duration = Duration::from_secs(3600);
/// Log lines that a postmortem repeats.
const LOG_TAIL: usize = 50;

/// What to run.
pub struct RunPlan {
    pub engine: Chosen,
    pub specs: Vec<PathBuf>,
    pub restart: Restart,
    pub output: Output,
}

/// Runs until nothing is left to build.
///
/// # Errors
/// Set-up errors, before any engine was paid; a bug.
pub fn run(world: &World, env: &Environment, plan: RunPlan) -> Result<ExitCode, AppError> {
    proc::adopt_orphans();
    #[cfg(debug_assertions)]
    if let Some(point) = env.get(crate::config::env_names::CRASH) {
        crate::driver::arm(point);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| AppError::setup(format!("cannot start: {e}"), ""))?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut session = Session::open(world, env, plan)?;
        session.run().await
    })
}

/// Where events go.
type Recorder = Rc<dyn Fn(Option<&SpecId>, Option<ChunkId>, EventKind)>;

struct Session<'w> {
    world: &'w World,
    env: &'w Environment,
    run: RunId,
    engine_label: String,
    shells: Rc<Shells>,
    control: Control,
    recorder: Recorder,
    reporter: Rc<RefCell<Reporter>>,
    options: UiOptions,
    output: Output,
    scope: Scope,
    specs: Vec<PathBuf>,
    restart: Restart,
    log: PathBuf,
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
    fn open(world: &'w World, env: &'w Environment, plan: RunPlan) -> Result<Self, AppError> {
        let clock = SystemClock;
        let run = new_run_id(&clock, &SystemRng);
        let settings = &world.settings;
        let dir = world.dir();
        let lock = RunLock::acquire(&dir, &world.info.common_dir, lock_info(&run, &clock))?;
        fsx::root::ensure_codelicious_dir(&world.info.root)?;

        let redactor = Arc::new(Redactor::new(env.secrets(settings)));
        let level = if plan.output.verbosity >= Verbosity::Debug {
            tracing::Level::TRACE
        } else {
            tracing::Level::DEBUG
        };
        let log = crate::ledger::log::start(&dir, &run, Arc::clone(&redactor), level)
            .map_err(|e| AppError::setup(e.to_string(), ""))?;
        let events = EventLog::open(&dir, run.clone(), Arc::clone(&redactor))
            .map_err(|e| AppError::setup(e.to_string(), ""))?;
        let options = ui_options(env, plan.output);
        let reporter = match plan.output.format {
            Format::Json => Reporter::json(Box::new(std::io::stdout())),
            Format::Human => Reporter::human(&options, Box::new(std::io::stderr())),
        };
        let reporter = Rc::new(RefCell::new(reporter));
        let recorder = recorder(events, Rc::clone(&reporter));
        end_orphans(world, &run, &recorder);

        let store = Store::open(&dir);
        if plan.restart.rebuild_ledger {
            for moved in store.move_all_aside(clock.now())? {
                recorder(
                    None,
                    None,
                    EventKind::Repaired {
                        what: format!("moved the ledger aside to {}", moved.display()),
                    },
                );
            }
        }
        let (control, stop_engines, stop_everything) = Control::new(*settings.deadline)
            .map_err(|e| AppError::setup(format!("cannot listen for signals: {e}"), ""))?;
        let git = Worker::start(world.info.root.clone())?;
        let lane_settings = lane_settings(world, env, &run, &plan.engine)?;
        let shells = Rc::new(Shells {
            root: world.info.root.clone(),
            git,
            store,
            engine: plan.engine.engine,
            forge: Box::new(LocalForge::new(&world.info.root)),
            verifier: verifier(world, &lane_settings.env)?,
            clock: Box::new(SystemClock),
            redactor,
            settings: lane_settings,
            stop_engines,
            stop_everything,
            events: RefCell::new(Box::new({
                let recorder = Rc::clone(&recorder);
                move |spec, chunk, kind| recorder(spec, chunk, kind)
            })),
            baseline: RefCell::new(None),
            lock_guard: lock_guard(lock, Rc::clone(&recorder)),
        });
        Ok(Self {
            world,
            env,
            run,
            engine_label: plan.engine.label,
            shells,
            control,
            recorder,
            reporter,
            options,
            output: plan.output,
            scope: Scope::default(),
            specs: plan.specs,
            restart: plan.restart,
            log,
            started: tokio::time::Instant::now(),
        })
    }

    async fn run(&mut self) -> Result<ExitCode, AppError> {
        self.say(EventKind::RunStarted {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            root: self.world.info.root.display().to_string(),
            engine: self.engine_label.clone(),
            forge: self.shells.forge.name().to_owned(),
            sandbox: sandbox::word().to_owned(),
        });
        let done = self.cycles().await;
        let exit = match &done {
            Ok(cycle) => cycle.exit,
            Err(error) => error.exit,
        };
        let committed = done.as_ref().map_or(0, |c| c.committed);
        let (lanes, diagnostics) = match &done {
            Ok(cycle) => (cycle.lanes.as_slice(), cycle.diagnostics.clone()),
            Err(_) => (&[][..], Vec::new()),
        };
        let reason = match &done {
            Ok(cycle) => cycle
                .lanes
                .iter()
                .find_map(|l| l.halt.as_ref())
                .map(|h| h.why.clone()),
            Err(error) => Some(error.message.clone()),
        };
        self.say(EventKind::RunFinished {
            exit,
            committed,
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
            Some(reason) => self.postmortem(exit, &reason, lanes),
            None if exit >= ExitCode::Deadline && exit != ExitCode::Setup => {
                self.postmortem(exit, exit.meaning(), lanes)
            }
            None => None,
        };
        let cycle = done?;
        self.summary(&cycle, diagnostics, postmortem);
        if let Some(halt) = cycle
            .lanes
            .iter()
            .find_map(|l| l.halt.as_ref())
            .filter(|h| h.exit == ExitCode::Setup || h.exit == ExitCode::NoEngine)
        {
            return Err(AppError {
                message: halt.why.clone(),
                hint: halt.remedy.clone(),
                exit,
            });
        }
        Ok(exit)
    }

    /// One cycle, or with `--continuous` as many as there is something to build.
    async fn cycles(&mut self) -> Result<Cycle, AppError> {
        let mut idle = 0;
        let mut committed = 0;
        loop {
            let mut cycle = self.cycle().await?;
            // A cycle counts what the whole run has committed so far.
            let new = cycle.committed.saturating_sub(committed);
            committed = committed.max(cycle.committed);
            cycle.committed = committed;
            if !*self.world.settings.continuous {
                return Ok(cycle);
            }
            idle = if new > 0 { 0 } else { idle + 1 };
            // What was committed took time, in which specs may have changed: only a look that finds nothing ends.
            let goes_on = new > 0 || cycle.lanes.iter().any(is_buildable_again);
            let ends = !goes_on
                || idle >= IDLE_CYCLES
                || self.control.stop().is_some()
                || cycle.exit == ExitCode::Setup;
            if ends {
                return Ok(cycle);
            }
            let pause = pause(*self.world.settings.cycle_sleep, idle);
            let until = self.shells.clock.now() + pause;
            self.say(EventKind::Waiting {
                until,
                why: "looking again for work (--continuous)".to_owned(),
            });
            if let Some(stop) = self.control.sleep(pause).await {
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

    async fn cycle(&mut self) -> Result<Cycle, AppError> {
        let (found, mut ledgers, base) = self.look().await?;
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
            self.say(EventKind::Warning {
                message: warning.message.clone(),
            });
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
        for plan in &found.plan.specs {
            let halted = lanes.iter().find_map(|l| l.halt.clone());
            let Some(mut lane) = self.lane(plan, &found, &mut ledgers, &base, &lanes).await? else {
                continue;
            };
            if let Some(halt) = halted.or_else(|| self.stopped()) {
                lane.halt = Some(halt);
            } else if plan.not_built.is_none() && has_work(&lane) {
                self.build(&mut lane).await?;
            }
            if lane.plan.not_built.is_none() {
                exit = exit.max(lane_exit(&lane));
            }
            lanes.push(lane);
        }
        let committed = lanes.iter().map(|l| committed_by(l, &self.run)).sum();
        Ok(Cycle {
            lanes,
            exit,
            diagnostics: found.plan.diagnostics,
            committed,
        })
    }

    /// Fetches, then surveys.
    async fn look(&mut self) -> Result<(Survey, BTreeMap<SpecId, Ledger>, SpecBase), AppError> {
        let (world, specs) = (self.world, self.specs.clone());
        let remote = self
            .shells
            .git
            .call(|repo| Ok(repo.default_remote()))
            .await?;
        if let Some(remote) = &remote {
            let (root, vars, stop) = (
                &self.shells.root,
                &self.shells.settings.git_env,
                self.shells.stop_everything.clone(),
            );
            if let Err(e) = fetch(root, remote, vars, stop).await {
                self.say(EventKind::Warning {
                    message: format!("{e}; going on with what is known of it"),
                });
            }
        }
        let named = super::survey::below_root(&world.info.root, self.env.cwd(), &specs)?;
        self.scope = Scope {
            named,
            configured: world.settings.specs.paths.to_vec(),
            exclude: world.settings.specs.exclude.to_vec(),
            remote: remote.clone(),
            budget_tokens: world
                .settings
                .budget
                .chunk_tokens(engine::kind(&world.settings)),
            max_spec_bytes: *world.settings.budget.max_spec_bytes,
            fresh: self.restart.fresh,
        };
        let ledgers = self.load_ledgers()?;
        let (scope, wanted, all) = (
            self.scope.clone(),
            world.settings.base.clone(),
            ledgers.clone(),
        );
        let found = self
            .shells
            .git
            .call(move |repo| {
                crate::git::identity(repo)?;
                crate::git::room_for_branches(repo, remote.as_deref())?;
                let base = resolve_base(repo, wanted.as_deref(), remote.as_deref())?;
                survey(repo, &base, &scope, &all)
            })
            .await?;
        // A second cycle must not start the lanes over once more.
        self.restart.fresh = false;
        let base = found.base.clone();
        Ok((found, ledgers, base))
    }

    fn load_ledgers(&self) -> Result<BTreeMap<SpecId, Ledger>, AppError> {
        let mut ledgers = BTreeMap::new();
        for id in self.shells.store.list()? {
            match self.shells.store.load(&id, self.shells.clock.now())? {
                Loaded::Absent => {}
                Loaded::Found(ledger) => {
                    ledgers.insert(id, *ledger);
                }
                Loaded::MovedAside { to, why } => {
                    let what = format!(
                        "the ledger of {id} was damaged ({why}); moved to {} and rebuilt from git",
                        to.display()
                    );
                    self.say(EventKind::Repaired { what });
                }
            }
        }
        Ok(ledgers)
    }

    /// The lane of one spec, on the tip of the specs it depends on.
    async fn lane(
        &self,
        plan: &SpecPlan,
        found: &Survey,
        ledgers: &mut BTreeMap<SpecId, Ledger>,
        base: &SpecBase,
        before: &[Lane],
    ) -> Result<Option<Lane>, AppError> {
        let stacked = match stacked_base(plan, before) {
            Ok(stacked) => stacked,
            Err(why) => {
                let Some(spec) = found.specs.get(&plan.id) else {
                    return Ok(None);
                };
                let plan = SpecPlan {
                    not_built: Some(why),
                    ..plan.clone()
                };
                let (lane, _) = reports::lane(
                    self.policy(),
                    spec,
                    &plan,
                    ledgers.get(&plan.id),
                    self.resume(),
                )?;
                return Ok(Some(lane));
            }
        };
        let again = match stacked.filter(|b| b != base) {
            None => None,
            Some(on) => {
                let (scope, id, path) = (
                    self.scope.clone(),
                    plan.id.clone(),
                    found.specs.get(&plan.id).map(|s| s.path.clone()),
                );
                let Some(path) = path else { return Ok(None) };
                let ledger = ledgers.get(&plan.id).cloned();
                self.shells
                    .git
                    .call(move |repo| survey_one(repo, &on, &scope, &id, &path, ledger.as_ref()))
                    .await?
                    .map_err(|d| {
                        AppError::setup(format!("{}:{}: {}", d.path, d.line, d.message), d.remedy)
                    })?
            }
        };
        let (spec, plan) = match (&again, found.specs.get(&plan.id)) {
            (Some((spec, alone)), _) => (
                spec,
                SpecPlan {
                    depends_on: plan.depends_on.clone(),
                    ..alone.clone()
                },
            ),
            (None, Some(spec)) => (spec, plan.clone()),
            (None, None) => return Ok(None),
        };
        let (lane, mut repairs) = reports::lane(
            self.policy(),
            spec,
            &plan,
            ledgers.get(&plan.id),
            self.resume(),
        )?;
        repairs.extend(self.catch_up(&lane).await?);
        for what in repairs {
            (self.recorder)(Some(&plan.id), None, EventKind::Repaired { what });
        }
        Ok(Some(lane))
    }

    /// Branches follow the lane; a crash may have come in between. A lane that is not here yet (a fresh clone)
    /// has no branches to keep.
    async fn catch_up(&self, lane: &Lane) -> Result<Vec<String>, AppError> {
        if lane.start.lane_ref.is_none() {
            return Ok(Vec::new());
        }
        let open = lane
            .ledger
            .prs
            .iter()
            .filter(|p| !lane.part_is_merged(p.part) && p.state != PrState::Merged);
        let parts: Vec<(String, Oid)> = open.map(|p| (p.branch.clone(), p.tip.clone())).collect();
        let caught_up = self
            .shells
            .git
            .call(move |repo| {
                let mut said = Vec::new();
                for (branch, tip) in &parts {
                    if repo.catch_up(branch, tip)? {
                        said.push(format!(
                            "the branch {branch} lagged behind the lane; it is at {} now",
                            tip.short()
                        ));
                    }
                }
                Ok(said)
            })
            .await?;
        Ok(caught_up)
    }

    async fn build(&mut self, lane: &mut Lane) -> Result<(), AppError> {
        let (done, total) = lane.progress();
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
            done,
            total,
        };
        (self.recorder)(Some(&lane.ledger.spec), None, started);
        run_lane(lane, &self.shells, &mut self.control).await?;
        Ok(())
    }

    fn policy(&self) -> crate::core::lane::Policy {
        reports::policy(
            self.world,
            self.run.clone(),
            self.shells.engine.name(),
            self.scope.remote.as_deref(),
        )
    }

    fn resume(&self) -> Resume {
        if self.restart.forget_failures {
            Resume::Forgetful
        } else {
            Resume::Remembered
        }
    }

    fn stopped(&self) -> Option<Halt> {
        self.control.stop().map(|stop| {
            let (exit, why) = stop_words(stop);
            Halt {
                exit,
                why,
                remedy: String::new(),
            }
        })
    }

    fn say(&self, kind: EventKind) {
        (self.recorder)(None, None, kind);
    }

    fn postmortem(&self, exit: ExitCode, reason: &str, lanes: &[Lane]) -> Option<String> {
        let now = self.shells.clock.now();
        let mut counts = StateCounts::default();
        for lane in lanes {
            lane.plan
                .chunks
                .iter()
                .for_each(|c| counts.add(&lane.state(&c.id)));
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

    fn summary(
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
            Format::Json => print(&ui::json_line(&ui::summary::json(&report))),
            Format::Human
                if self.output.verbosity > Verbosity::Quiet || cycle.exit != ExitCode::Done =>
            {
                use std::io::Write;
                let _ = std::io::stderr()
                    .lock()
                    .write_all(ui::summary::render(&report, &self.options).as_bytes());
            }
            Format::Human => {}
        }
    }
}

fn recorder(events: EventLog, reporter: Rc<RefCell<Reporter>>) -> Recorder {
    Rc::new(move |spec, chunk, kind| {
        match events.record(spec, chunk.as_ref(), kind, SystemClock.now()) {
            Ok(event) => {
                tracing::info!(kind = ?event.kind, spec = ?event.spec, chunk = ?event.chunk);
                reporter.borrow_mut().event(&event);
            }
            // Events are for people; a run does not end because one could not be written.
            Err(e) => tracing::error!("event not recorded: {e}"),
        }
    })
}

fn lock_guard(lock: RunLock, recorder: Recorder) -> Box<dyn Fn()> {
    let lock = RefCell::new(lock);
    Box::new(move || match lock.borrow_mut().restore() {
        Ok(false) => {}
        Ok(true) => {
            let what = "something removed or replaced the lock file; it is ours again".to_owned();
            recorder(None, None, EventKind::Repaired { what });
        }
        Err(e) => recorder(
            None,
            None,
            EventKind::Warning {
                message: e.to_string(),
            },
        ),
    })
}

/// Ends what a killed run left running and clears what that left locked, before anything else happens.
fn end_orphans(world: &World, run: &RunId, recorder: &Recorder) {
    for pid in proc::end_foreign(&token(world), run.as_str()) {
        let what = format!("ended process {pid}, which an earlier run had left behind");
        recorder(None, None, EventKind::Repaired { what });
    }
    for path in crate::git::remove_stale_locks(&world.info.common_dir) {
        let what = format!(
            "removed {}, a lock that an earlier run had left behind",
            path.display()
        );
        recorder(None, None, EventKind::Repaired { what });
    }
}

/// Marks this repository's processes, whichever path it was opened through.
fn token(world: &World) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(world.info.common_dir.as_os_str().as_encoded_bytes());
    hash.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

fn lock_info(run: &RunId, clock: &dyn Clock) -> LockInfo {
    LockInfo {
        pid: std::process::id(),
        run: run.clone(),
        start: clock.now(),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
    }
}

fn lane_settings(
    world: &World,
    env: &Environment,
    run: &RunId,
    chosen: &Chosen,
) -> Result<LaneSettings, AppError> {
    let settings = &world.settings;
    let dir = match &*settings.worktree.dir {
        Some(dir) => dir.clone(),
        None => {
            let cache = env.cache_dir().ok_or_else(|| {
                AppError::setup(
                    "there is no cache folder: neither HOME nor XDG_CACHE_HOME is set",
                    "set HOME, or `[worktree] dir` in your user configuration",
                )
            })?;
            lanes_dir(&cache, &world.info.root)
        }
    };
    let marked = |mut vars: Vec<(String, String)>| {
        vars.push((
            proc::RUN_TOKEN.to_owned(),
            format!("{}/{run}", token(world)),
        ));
        vars
    };
    Ok(LaneSettings {
        lanes_dir: dir,
        env: marked(env.children(settings)),
        git_env: marked(env.git_env(settings)),
        engine_env: marked(env.engine_env(settings, chosen.kind)),
        setup: settings.worktree.setup.to_vec(),
        copy: settings.worktree.copy.to_vec(),
        link: settings.worktree.link.to_vec(),
        agent_timeout: *settings.agent_timeout,
        stall_timeout: *settings.stall_timeout,
        model: (*settings.model).clone(),
        system_prompt: engine::system_prompt(chosen.kind),
        commit_template: settings
            .commit
            .template
            .as_ref()
            .map(|t| t.as_str().to_owned()),
        max_fixes: *settings.max_fix_attempts,
    })
}

fn verifier(world: &World, env: &[(String, String)]) -> Result<Verifier, AppError> {
    let verify = &world.settings.verify;
    let commands = verify.commands.iter().map(|c| ConfiguredCheck {
        name: c.name.clone(),
        run: c.run.clone(),
        dir: c.dir.clone(),
        when: c.when.clone(),
        timeout: c.timeout,
    });
    Ok(Verifier::new(VerifyConfig {
        commands: commands.collect(),
        detect: *verify.detect,
        timeout: *verify.timeout,
        allow_unverified: *verify.allow_unverified,
        env: env.to_vec(),
    })?)
}

/// Where a spec that depends on others starts: on the tip of the one that is not merged yet. `Err` says why
/// it cannot be built now.
fn stacked_base(plan: &SpecPlan, before: &[Lane]) -> Result<Option<SpecBase>, String> {
    let mut on = None;
    for id in &plan.depends_on {
        let Some(lane) = before.iter().find(|l| l.ledger.spec == *id) else {
            continue;
        };
        let (done, total) = lane.progress();
        if done < total {
            return Err(format!(
                "it depends on {id}, of which {done} of {total} tasks are done"
            ));
        }
        let open = lane
            .ledger
            .prs
            .iter()
            .rfind(|p| !lane.part_is_merged(p.part));
        if let Some(part) = open {
            on = Some(SpecBase {
                branch: part.branch.clone(),
                commit: part.tip.clone(),
            });
        }
    }
    Ok(on)
}

/// True when the lane has something to build or to deliver.
fn has_work(lane: &Lane) -> bool {
    let effects = crate::core::decide::decide(
        lane,
        &std::collections::BTreeSet::new(),
        chrono::DateTime::<chrono::Utc>::MIN_UTC,
    );
    !effects.is_empty()
}

/// True when another cycle may get further in this lane.
fn is_buildable_again(lane: &Lane) -> bool {
    let failed = lane.plan.chunks.iter().any(|c| match lane.state(&c.id) {
        ChunkState::Failed { .. } => lane
            .record(&c.id)
            .is_some_and(|r| r.counted_attempts() < lane.policy.max_attempts),
        ChunkState::Pending => !c.done && lane.plan.not_built.is_none(),
        _ => false,
    });
    failed || undelivered(lane)
}

fn committed_by(lane: &Lane, run: &RunId) -> usize {
    let records = lane.ledger.chunks.values();
    records
        .filter(|r| matches!(r.state, ChunkState::Committed { .. }))
        .filter(|r| {
            r.attempts
                .last()
                .is_some_and(|a| a.run == *run && a.end == crate::model::AttemptEnd::Committed)
        })
        .count()
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

/// Cycles that got nothing done are further and further apart.
fn pause(cycle_sleep: Duration, idle: u32) -> Duration {
    let longer = cycle_sleep
        .max(Duration::from_secs(1))
        .saturating_mul(1 << idle.min(10));
    if idle == 0 {
        cycle_sleep
    } else {
        longer.min(MAX_PAUSE)
    }
}

fn stop_words(stop: Stop) -> (ExitCode, String) {
    match stop {
        Stop::Deadline => (
            ExitCode::Deadline,
            "the deadline was reached (--deadline)".to_owned(),
        ),
        Stop::Signal(exit) => (exit, exit.meaning().to_owned()),
    }
}
