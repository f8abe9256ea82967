//! An agent's home inside the wall: made ready before its run, cleared and given back after it.

use super::perform::Failure;
use super::shells::{EngineSetup, Shells};
use crate::model::policy::SandboxPolicy;
use crate::ports::EngineJob;
use crate::sandbox::Sandbox;
use crate::sandbox::caches;
use crate::sandbox::homes::{self, Agent, Facts, Prepared};

/// Makes the job's private folders, points its agent to a home there and lets it reach what it needs. None where there is no wall,
/// or no agent behind the engine.
pub(super) fn move_in(
    shells: &Shells,
    engine: &EngineSetup,
    job: &mut EngineJob,
) -> Result<Option<Prepared>, Failure> {
    caches::make(&shells.sandbox, &job.lane)
        .map_err(|e| Failure::new(e.to_string(), "make room there, or see `[worktree] dir`"))?;
    let prepared = match engine.agent.filter(|_| !shells.sandbox.is_off()) {
        Some(agent) => Some(home_of(agent, engine, job)?),
        None => None,
    };
    // What the engine puts down for what it starts has to lie where that may look.
    job.env = job.policy.environment(&job.env);
    Ok(prepared)
}

/// The agent's home, which the job then points to.
fn home_of(
    agent: &'static Agent,
    engine: &EngineSetup,
    job: &mut EngineJob,
) -> Result<Prepared, Failure> {
    let private = Sandbox::private_dir(&job.lane);
    let prepared = homes::prepare(agent, &Facts { env: &engine.env }, &private).map_err(|e| {
        let remedy = format!("remove {}, then run again", private.display());
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

/// After the agent's run and the end of whatever it left running. Returns what it left behind and does not get.
///
/// A failure here ends nothing: the work is done, and the next run clears the home before it begins.
pub(super) fn move_out(prepared: Option<Prepared>) -> Vec<String> {
    let Some(prepared) = prepared else {
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
