//! An agent's home inside the wall: made ready before its run, cleared and given back after it.

use super::perform::Failure;
use super::shells::{EngineSetup, Shells};
use crate::core::redact::Redactor;
use crate::model::policy::SandboxPolicy;
use crate::ports::EngineJob;
use crate::sandbox::caches;
use crate::sandbox::homes::{self, Agent, Facts, Prepared};
use crate::sandbox::{Sandbox, Subject};
use std::path::Path;

/// The home of a running agent; of one without a wall, and of an engine without an agent behind it, nothing.
pub(super) struct Lodging<'a> {
    prepared: Option<Prepared>,
    redactor: &'a Redactor,
}

/// Makes the job's private folders, points its agent to a home there and lets it reach what it needs.
pub(super) fn move_in<'a>(
    shells: &'a Shells,
    engine: &EngineSetup,
    job: &mut EngineJob,
) -> Result<Lodging<'a>, Failure> {
    caches::make_for(&shells.sandbox, &subject(engine, &job.lane))
        .map_err(|e| Failure::new(e.to_string(), "make room there, or see `[worktree] dir`"))?;
    let prepared = match engine.agent.filter(|_| !shells.sandbox.is_off()) {
        Some(agent) => Some(home_of(agent, shells, engine, job)?),
        None => None,
    };
    // What the engine puts down for what it starts has to lie where that may look.
    job.env = job.policy.environment(&job.env);
    let lodging = Lodging {
        prepared,
        redactor: &shells.redactor,
    };
    lodging.learn();
    Ok(lodging)
}

/// An engine at work in a lane, for whom a wall is wanted.
pub(super) fn subject<'a>(engine: &'a EngineSetup, lane: &'a Path) -> Subject<'a> {
    Subject {
        preset: engine.preset,
        lane,
        command: engine.engine.name(),
        env: &engine.env,
    }
}

/// The agent's home, which the job then points to.
fn home_of(
    agent: &'static Agent,
    shells: &Shells,
    engine: &EngineSetup,
    job: &mut EngineJob,
) -> Result<Prepared, Failure> {
    let own = Sandbox::own_dir(&job.lane, engine.preset, engine.engine.name());
    let facts = Facts {
        env: &engine.env,
        programs: shells.sandbox.brings_programs(&subject(engine, &job.lane)),
    };
    let prepared = homes::prepare(agent, &facts, &own).map_err(|e| {
        let remedy = format!("remove {}, then run again", own.display());
        Failure::new(e.to_string(), remedy)
    })?;
    for left_out in &prepared.left_out {
        tracing::warn!("{} does not see {left_out}", agent.name);
    }
    prepared.apply(&mut job.env);
    let policy = std::mem::replace(&mut job.policy, SandboxPolicy::Unsandboxed);
    job.policy = prepared.admit(policy);
    Ok(prepared)
}

impl Lodging<'_> {
    /// Makes known which tokens the agent has now, so that none it got meanwhile is written anywhere. Looks at times of
    /// files alone where nothing changed.
    pub(super) fn learn(&self) {
        if let Some(prepared) = &self.prepared {
            let fresh = prepared.fresh_secrets();
            if !fresh.is_empty() {
                self.redactor.add(fresh);
            }
        }
    }

    /// After the agent's run and the end of whatever it left running. Returns what it left behind and does not get.
    ///
    /// A failure here ends nothing: the work is done, and the next run clears the home before it begins.
    pub(super) fn move_out(self) -> Vec<String> {
        self.learn();
        let Some(prepared) = self.prepared else {
            return Vec::new();
        };
        match prepared.give_back() {
            Ok(given) => {
                for path in &given.refreshed {
                    tracing::info!(
                        "{} holds the tokens that the agent refreshed",
                        path.display()
                    );
                }
                given.undone
            }
            Err(e) => vec![format!("the agent's private home was not cleared: {e}")],
        }
    }
}
