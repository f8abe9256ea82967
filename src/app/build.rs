//! The default verb: build what is open.

use super::error::AppError;
use super::run::{self, RunPlan};
use super::world::World;
use super::{engine, plan};
use crate::config::{BuildRequest, Environment, PlanRequest};
use crate::model::ExitCode;

pub fn run(request: &BuildRequest, env: &Environment) -> Result<ExitCode, AppError> {
    if request.dry_run {
        let as_plan = PlanRequest {
            path: request.path.clone(),
            specs: request.specs.clone(),
            output: request.output,
            flags: request.flags.clone(),
        };
        return plan::run(&as_plan, env);
    }
    let world = World::open(&request.path, request.flags.clone(), env)?;
    let chosen = engine::choose(&world.settings, env)?;
    run::run(
        &world,
        env,
        RunPlan {
            engines: vec![chosen],
            resume: None,
            specs: request.specs.clone(),
            restart: request.restart,
            output: request.output,
        },
    )
}
