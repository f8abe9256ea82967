//! The default verb: build what is open.

use super::actions::Actions;
use super::error::AppError;
use super::run::{self, RunPlan};
use super::world::World;
use super::{engine, plan};
use crate::config::{BuildRequest, Environment, PlanRequest, PlanShape, Platform, Settings};
use crate::model::ExitCode;

pub fn run(
    request: &BuildRequest,
    env: &Environment,
    actions: Option<&Actions>,
) -> Result<ExitCode, AppError> {
    if request.dry_run {
        no_issues(request)?;
        let as_plan = PlanRequest {
            path: request.path.clone(),
            specs: request.specs.clone(),
            shape: PlanShape::Report,
            output: request.output,
            flags: request.flags.clone(),
        };
        return plan::run(&as_plan, env, actions);
    }
    let world = World::open(&request.path, request.flags.clone(), env)?;
    on_files_only(request, &world.settings)?;
    let chain = engine::chain(&world.settings, env, request.flags.skip_auth_check)?;
    if let Some(session) = &request.resume {
        can_resume(&chain, session)?;
    }
    run::run(
        &world,
        env,
        RunPlan {
            engines: chain.engines,
            left_out: chain.left_out,
            resume: request.resume.clone(),
            specs: request.specs.clone(),
            from_issues: Vec::new(),
            restart: request.restart,
            output: request.output,
            actions,
        },
    )
}

/// Refuses what needs a forge that this version does not open yet: nothing is paid for work that cannot be
/// delivered where it was asked for.
fn on_files_only(request: &BuildRequest, settings: &Settings) -> Result<(), AppError> {
    no_issues(request)?;
    let platform = &settings.pr.platform;
    if let Platform::Forge(kind) = **platform {
        let (at, name) = (&platform.origin, kind.title());
        return Err(AppError::setup(
            format!("{at}: {name} pull requests are not supported by this version yet"),
            "use --platform local, which keeps pull requests as files",
        ));
    }
    match &settings.sources.issues.value {
        Some(_) => Err(AppError::setup(
            format!(
                "{}: issues are not read by this version yet",
                settings.sources.issues.origin
            ),
            "take `sources.issues` out",
        )),
        None => Ok(()),
    }
}

fn no_issues(request: &BuildRequest) -> Result<(), AppError> {
    match request.from_issues.first() {
        Some(_) => Err(AppError::setup(
            "--from-issue is not supported by this version yet: issues are not read",
            "write the issue's text into a spec below specs/",
        )),
        None => Ok(()),
    }
}

/// Refuses a conversation that the first engine could not go on with.
fn can_resume(chain: &engine::Chain, session: &str) -> Result<(), AppError> {
    match chain.engines.first() {
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
