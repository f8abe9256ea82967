//! `plan` and `--dry-run`: what a run would do. Changes nothing, not even a folder.

use super::actions::Actions;
use super::error::AppError;
use super::issues::{self, Issues};
use super::world::{World, ui_options};
use super::{engine, forge, planning, reports, secrets};
use crate::config::{Environment, Format, IssueRef, Output, PlanRequest, PlanShape, Verbosity};
use crate::model::report::PlanReport;
use crate::model::{ExitCode, Severity};
use crate::ui;
use std::io::Write;
use std::sync::Arc;

pub fn run(
    request: &PlanRequest,
    env: &Environment,
    actions: Option<&Actions>,
) -> Result<ExitCode, AppError> {
    run_with(request, env, actions, &[])
}

/// The same with issues that somebody named: they are asked for, which changes nothing either.
pub(super) fn run_with(
    request: &PlanRequest,
    env: &Environment,
    actions: Option<&Actions>,
    from_issues: &[IssueRef],
) -> Result<ExitCode, AppError> {
    let world = World::open(&request.path, request.flags.clone(), env)?;
    let repo = world.repo(env)?;
    let mut scope = world.scope(&repo, &request.specs, env)?;
    if !from_issues.is_empty() {
        let handed = ask(&world, env, from_issues)?;
        scope.named.extend(handed.keys().cloned());
        scope.handed = Arc::new(handed);
    }
    scope.redactor = Some(Arc::new(secrets::redactor(&world, env)));
    let (mut found, ledgers) = world.look(&repo, &scope)?;
    let can_ask = engine::can_plan(&world.settings, env);
    let strategy = *world.settings.plan.strategy;
    found
        .plan
        .warnings
        .extend(planning::notes(&found, strategy, can_ask));
    let issues: Vec<u64> = scope.handed.values().map(|h| h.issue.number).collect();
    let report = reports::plan(&world, &found, &ledgers, &request.specs, &issues)?;
    match (request.shape, request.output.format) {
        (PlanShape::GithubMatrix, _) => matrix(&world, env, request.output, &report),
        (PlanShape::Report, Format::Json) => world.print(env, &ui::plan::json(&report)),
        (PlanShape::Report, Format::Human) => {
            let text = ui::plan::render(&report, &ui_options(env, request.output));
            world.print(env, &text);
        }
    }
    if let Some(actions) = actions {
        let redactor = secrets::redactor(&world, env);
        actions.plan(&report.diagnostics, &redactor);
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

/// Prints the matrix, and to stderr what it does not show: a job that reads it sees nothing else.
fn matrix(world: &World, env: &Environment, output: Output, report: &PlanReport) {
    let (line, left_out) = ui::github::matrix(report);
    world.print(env, &line);
    let options = ui_options(env, output);
    let mut text = ui::plan::doubts(&report.diagnostics, &report.warnings, options.color);
    if left_out > 0 {
        text.push_str(&ui::error::warning(
            &format!(
                "{left_out} more specs have open tasks: a matrix has {} jobs at most",
                ui::github::MATRIX_JOBS
            ),
            options.color,
        ));
    }
    if output.verbosity == Verbosity::Quiet && report.diagnostics.is_empty() && left_out == 0 {
        return;
    }
    let redactor = secrets::redactor(world, env);
    let _ = std::io::stderr()
        .lock()
        .write_all(redactor.redact(&text).as_bytes());
}

/// The issues, from the forge.
fn ask(world: &World, env: &Environment, from_issues: &[IssueRef]) -> Result<Issues, AppError> {
    let opened = forge::open(world, env)?;
    let numbers = opened.issue_numbers(from_issues)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| AppError::setup(format!("cannot start: {e}"), ""))?;
    runtime.block_on(async {
        let mut found = Issues::new();
        for number in numbers {
            found.extend([issues::named(opened.forge.as_ref(), number).await?]);
        }
        Ok(found)
    })
}
