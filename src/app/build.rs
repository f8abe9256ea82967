//! The default verb: build what is open.

use super::actions::Actions;
use super::error::AppError;
use super::run::{self, RunPlan};
use super::world::World;
use super::{engine, forge, plan};
use crate::config::{BuildRequest, Environment, PlanRequest, PlanShape};
use crate::model::ExitCode;

pub fn run(
    request: &BuildRequest,
    env: &Environment,
    actions: Option<&Actions>,
) -> Result<ExitCode, AppError> {
    if request.dry_run {
        let as_plan = PlanRequest {
            path: request.path.clone(),
            specs: request.specs.clone(),
            shape: PlanShape::Report,
            output: request.output,
            flags: request.flags.clone(),
        };
        return plan::run_with(&as_plan, env, actions, &request.from_issues);
    }
    let world = World::open(&request.path, request.flags.clone(), env)?;
    let chain = engine::chain(&world.settings, env, request.flags.skip_auth_check)?;
    let reviewer = engine::reviewer(&world.settings, env, request.flags.skip_auth_check);
    if let Some(session) = &request.resume {
        can_resume(&chain.engines, session)?;
    }
    // Who knows tokens is asked before there is a runtime.
    let forge = forge::open(&world, env)?;
    run::run(
        &world,
        env,
        RunPlan {
            engines: chain.engines,
            left_out: chain.left_out,
            reviewer,
            resume: request.resume.clone(),
            specs: request.specs.clone(),
            from_issues: forge.issue_numbers(&request.from_issues)?,
            forge,
            restart: request.restart,
            output: request.output,
            actions,
        },
    )
}

/// Refuses a conversation that the first engine could not go on with.
fn can_resume(chain: &[engine::Chosen], session: &str) -> Result<(), AppError> {
    match chain.first() {
        Some(first) if !first.resumes => Err(AppError::setup(
            format!(
                "--resume {session}: the engine {} keeps no conversations that a later run could go on with",
                first.label
            ),
            "leave --resume out, or put an engine that does first, such as claude",
        )),
        _ => Ok(()),
    }
}
