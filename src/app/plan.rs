//! `plan` and `--dry-run`: what a run would do. Changes nothing, not even a folder.

use super::error::AppError;
use super::world::{World, ui_options};
use super::{engine, planning, reports};
use crate::config::{Environment, Format, PlanRequest};
use crate::model::{ExitCode, Severity};
use crate::ui;

pub fn run(request: &PlanRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let world = World::open(&request.path, request.flags.clone(), env)?;
    let repo = world.repo(env)?;
    let scope = world.scope(&repo, &request.specs, env)?;
    let (mut found, ledgers) = world.look(&repo, &scope)?;
    let can_ask = engine::can_plan(&world.settings, env);
    let strategy = *world.settings.plan.strategy;
    found
        .plan
        .warnings
        .extend(planning::notes(&found, strategy, can_ask));
    let report = reports::plan(&world, &found, &ledgers, &request.specs)?;
    match request.output.format {
        Format::Json => world.print(env, &ui::plan::json(&report)),
        Format::Human => {
            let text = ui::plan::render(&report, &ui_options(env, request.output));
            world.print(env, &text);
        }
    }
    let broken = report
        .diagnostics
        .iter()
        .any(|d| d.severity == Severity::Error);
    // The program ends here: piece by piece, memory is given back more slowly than by ending.
    std::mem::forget((found, ledgers, report));
    Ok(if broken {
        ExitCode::Setup
    } else {
        ExitCode::Done
    })
}
