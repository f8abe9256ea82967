//! Setting a run up: lock, records, shells.

use super::{Recorder, RunPlan, Session};
use crate::app::checks;
use crate::app::engine::{self, Chosen};
use crate::app::error::AppError;
use crate::app::survey::Scope;
use crate::app::walls;
use crate::app::world::{SystemClock, SystemRng, World, lock_info, new_run_id, ui_options};
use crate::config::{Environment, Format, Verbosity};
use crate::core::budget::Charge;
use crate::core::redact::Redactor;
use crate::core::roster::Roster;
use crate::crash::{self, Point};
use crate::driver::{Control, EngineSetup, LaneSettings, Shells};
use crate::fsx::lock::RunLock;
use crate::git::{CommandSettings, Worker};
use crate::ledger::{EventLog, Mailbox, Store};
use crate::model::{EventKind, PlanningSpent, RunId};
use crate::ports::Clock;
use crate::proc::cgroup::Membership;
use crate::sandbox::homes;
use crate::ui::Reporter;
use crate::{fsx, proc};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

impl<'w> Session<'w> {
    pub(super) fn open(
        world: &'w World,
        env: &'w Environment,
        plan: RunPlan<'w>,
    ) -> Result<Self, AppError> {
        let clock = SystemClock;
        let run = new_run_id(&clock, &SystemRng);
        let settings = &world.settings;
        let dir = world.dir();
        let reviewers = plan.reviewer.iter().flatten();
        let kinds = plan.engines.iter().chain(reviewers).map(|e| e.kind);
        let sandbox = walls::sandbox(world, env, &walls::uses(world, kinds))?;
        let lock = RunLock::acquire(&dir, &world.info.common_dir, lock_info(&run, &clock))?;
        fsx::root::ensure_codelicious_dir(&world.info.root)?;

        let mut secrets = crate::app::secrets::all(world, env);
        let reviewer = plan.reviewer.iter().flatten();
        for engine in plan.engines.iter().chain(reviewer) {
            secrets.extend(engine.secret.clone());
            if let Some(agent) = engine.agent {
                secrets.extend(homes::secrets(agent, &engine.env));
            }
        }
        secrets.extend(plan.forge.token);
        let reviewer = plan.reviewer.iter().flatten();
        let of_engines = plan.engines.iter().chain(reviewer);
        for redactor in of_engines.filter_map(|e| e.redactor.as_ref()) {
            redactor.add(secrets.iter().cloned());
        }
        let redactor = Arc::new(Redactor::new(secrets));
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
        let group = end_orphans(world, &run, &recorder);

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
        let lane_settings = lane_settings(world, env, &run)?;
        // A deadline bounds every wait by itself, so that what ends after it is not waited for at all.
        let patience = settings
            .wait_for_reset
            .then(|| (*settings.deadline).unwrap_or(*settings.max_wait_total));
        let waits_until = patience.and_then(|p| {
            let p = chrono::TimeDelta::from_std(p).ok()?;
            clock.now().checked_add_signed(p)
        });
        let label = plan
            .engines
            .iter()
            .map(|e| e.label.clone())
            .collect::<Vec<_>>()
            .join(", ");
        let mut notes = plan.forge.notes;
        let mut reviewed_by = String::new();
        let reviewer = plan.reviewer.and_then(|found| {
            // It never decides, so nothing stops without it either.
            let chosen = found
                .map_err(|out| {
                    notes.push(format!("no work is reviewed: {}; {}", out.why, out.remedy))
                })
                .ok()?;
            notes.extend(engine::reviews_its_own(&chosen, &plan.engines));
            reviewed_by = format!(", reviewed by {}", chosen.label);
            Some(EngineSetup {
                system_prompt: engine::review_prompt(chosen.ending),
                ..set_up(world, &run, chosen)
            })
        });
        let label = label + &reviewed_by;
        let planner = plan.engines.iter().find_map(|e| {
            let model = e.planner.clone()?;
            Some((e.engine.name().to_owned(), model))
        });
        let chain = plan.engines.into_iter();
        let chain = chain.map(|chosen| set_up(world, &run, chosen));
        let command = CommandSettings {
            env: lane_settings.git_env.clone(),
            stop: stop_everything.clone(),
        };
        let git = Worker::start(world.info.root.clone(), command, world.uncounted()?)?;
        let shells = Rc::new(Shells {
            root: world.info.root.clone(),
            git,
            store,
            mailbox: Mailbox::open(&dir),
            engines: chain.collect(),
            reviewer,
            forge: plan.forge.forge,
            verifier: checks::measuring(&world.settings, &lane_settings.env)?
                .walled(sandbox.clone()),
            sandbox,
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
            told: RefCell::default(),
            lock_guard: lock_guard(lock, Rc::clone(&recorder)),
            unsaved: RefCell::new(None),
        });
        crash::point(Point::RunOpened)?;
        Ok(Self {
            _group: group,
            world,
            env,
            run,
            engine_label: label,
            roster: None,
            reviewer_roster: Roster::default(),
            charged: BTreeMap::new(),
            resume: plan.resume,
            left_out: plan.left_out,
            waits_until,
            shells,
            control: Some(control),
            recorder,
            reporter,
            options,
            output: plan.output,
            actions: plan.actions,
            scope: Scope::default(),
            specs: plan.specs,
            from_issues: plan.from_issues,
            said: BTreeSet::new(),
            forge_notes: notes,
            token_from: plan.forge.token_from,
            template: None,
            is_first_look: true,
            restart: plan.restart,
            again_for_moves: false,
            planner,
            asked: BTreeSet::new(),
            planning_spent: PlanningSpent::default(),
            planning_charged: Charge::default(),
            log,
            at_work: Vec::new(),
            started: tokio::time::Instant::now(),
        })
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
            Err(e) => {
                tracing::error!("event not recorded: {}", e.why);
                reporter.borrow_mut().event(&e.event);
            }
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

/// Ends what a killed run left running and clears what that left locked, before anything else happens. Gives this run
/// a control group of its own, where the machine has such.
fn end_orphans(world: &World, run: &RunId, recorder: &Recorder) -> Option<Membership> {
    let token = token(world);
    let mut ended = proc::end_foreign(&token, run.as_str());
    let (group, hidden) = proc::cgroup::enter(&token, run.as_str());
    ended.extend(hidden);
    for pid in ended {
        let what = format!("ended process {pid}, which an earlier run had left behind");
        recorder(None, None, EventKind::Repaired { what });
    }
    // Half-written files of ours. What cannot be removed hurts nobody.
    let ours = world.dir();
    for dir in [
        ours.clone(),
        ours.join("state"),
        ours.join("prs"),
        ours.join("logs"),
        ours.join("moves"),
        crate::verify::cache::folder(&ours),
    ] {
        let _ = fsx::atomic::remove_stale_temps(&dir);
    }
    for path in crate::git::remove_stale(&world.info.common_dir, SystemClock.now().into()) {
        let what = format!(
            "removed {}, a lock or an empty ref that an earlier run had left behind",
            path.display()
        );
        recorder(None, None, EventKind::Repaired { what });
    }
    group
}

/// Marks this repository's processes, whichever path it was opened through.
fn token(world: &World) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(world.info.common_dir.as_os_str().as_encoded_bytes());
    hash.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

/// An environment with the token by which what this run starts is known.
fn marked(world: &World, run: &RunId, mut vars: Vec<(String, String)>) -> Vec<(String, String)> {
    vars.push((
        proc::RUN_TOKEN.to_owned(),
        format!("{}/{run}", token(world)),
    ));
    vars
}

fn set_up(world: &World, run: &RunId, chosen: Chosen) -> EngineSetup {
    EngineSetup {
        preset: walls::preset_of(chosen.kind),
        agent: chosen.agent,
        engine: chosen.engine,
        env: marked(world, run, chosen.env),
        model: chosen.model,
        names_sessions: chosen.names_sessions,
        system_prompt: engine::system_prompt(chosen.ending),
    }
}

fn lane_settings(world: &World, env: &Environment, run: &RunId) -> Result<LaneSettings, AppError> {
    let settings = &world.settings;
    let dir = world.lanes_dir(env).ok_or_else(|| {
        AppError::setup(
            "there is no cache folder: neither HOME nor XDG_CACHE_HOME is set",
            "set HOME, or say where lanes go: CODELICIOUS_WORKTREE_DIR, or `[worktree] dir` in codelicious.toml",
        )
    })?;
    let marked = |vars| marked(world, run, vars);
    Ok(LaneSettings {
        lanes_dir: dir,
        env: marked(env.children(settings)),
        git_env: marked(env.git_env(settings)),
        setup: settings.worktree.setup.to_vec(),
        copy: settings.worktree.copy.to_vec(),
        link: settings.worktree.link.to_vec(),
        agent_timeout: *settings.agent_timeout,
        stall_timeout: *settings.stall_timeout,
        commit_template: settings
            .commit
            .template
            .as_ref()
            .map(|t| t.as_str().to_owned()),
        max_fixes: *settings.max_fix_attempts,
        prove: *settings.verify.prove,
        audit: checks::audit_policy(settings),
        notes: *settings.evidence.notes,
        push_notes: *settings.evidence.notes && *settings.evidence.push,
    })
}
