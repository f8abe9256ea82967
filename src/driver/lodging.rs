//! An agent's home inside the wall: made ready before its run, cleared and given back after it.

use super::perform::Failure;
use super::shells::{EngineSetup, Shells};
use crate::model::policy::SandboxPolicy;
use crate::ports::EngineJob;
use crate::sandbox::Sandbox;
use crate::sandbox::homes::{self, Facts, Prepared};

/// Points the job's agent to the lane's private home and lets it reach what it needs. None where there is no wall,
/// or no agent behind the engine.
pub(super) fn move_in(
    shells: &Shells,
    engine: &EngineSetup,
    job: &mut EngineJob,
) -> Result<Option<Prepared>, Failure> {
    let Some(agent) = engine.agent.filter(|_| !shells.sandbox.is_off()) else {
        return Ok(None);
    };
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
    Ok(Some(prepared))
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
