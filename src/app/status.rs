//! `status`: how far the specs are, also while a run goes on.

use super::error::AppError;
use super::reports;
use super::world::{World, ui_options};
use crate::config::{Environment, Flags, Format, StatusRequest};
use crate::fsx::lock::peek;
use crate::model::report::LockHolder;
use crate::model::{ExitCode, RunId};
use crate::ui;

pub fn run(request: &StatusRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let world = World::open(&request.path, Flags::default(), env)?;
    let repo = world.repo(env)?;
    let scope = world.scope(&repo, &[], env)?;
    let lock = peek(&world.dir(), &world.info.common_dir)?.map(|holder| match holder.info() {
        Some(info) => LockHolder {
            pid: info.pid,
            run: info.run.clone(),
            host: info.host.clone(),
            started: Some(info.start),
        },
        None => LockHolder {
            pid: 0,
            run: RunId::new("unknown"),
            host: "unknown".to_owned(),
            started: None,
        },
    });
    let (found, ledgers) = world.look(&repo, &scope)?;
    let report = reports::status(&world, &found, &ledgers, lock, scope.remote.as_deref())?;
    match request.output.format {
        Format::Json => world.print(env, &ui::json_text(&ui::status::json(&report))),
        Format::Human => {
            let text = ui::status::render(&report, &ui_options(env, request.output));
            world.print(env, &text);
        }
    }
    Ok(ExitCode::Done)
}
