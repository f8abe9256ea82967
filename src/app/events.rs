//! `events`: what happened, from `events.jsonl`.

use super::error::AppError;
use super::world::{World, print, ui_options};
use crate::config::{Environment, EventsRequest, Flags, Format};
use crate::ledger;
use crate::model::ExitCode;
use crate::ui::Reporter;

pub fn run(request: &EventsRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let world = World::open(&request.path, Flags::default(), env)?;
    let mut events =
        ledger::events::read(&world.dir()).map_err(|e| AppError::setup(e.to_string(), ""))?;
    if let Some(run) = &request.run {
        events.retain(|e| e.run.as_str() == run);
        if events.is_empty() {
            return Err(AppError::setup(
                format!("there is no event of a run `{run}`"),
                "`codelicious events --json` shows the runs there are",
            ));
        }
    }
    if events.is_empty() {
        if request.output.format == Format::Human {
            print("nothing has happened here yet");
        }
        return Ok(ExitCode::Done);
    }
    let out: crate::ui::Writer = Box::new(std::io::stdout());
    let mut reporter = match request.output.format {
        Format::Json => Reporter::json(out),
        Format::Human => {
            let options = ui_options(env, request.output);
            let options = crate::ui::UiOptions {
                terminal: false,
                verbose: options.verbose.saturating_add(1),
                ..options
            };
            Reporter::human(&options, out)
        }
    };
    for event in &events {
        reporter.event(event);
    }
    reporter.finish();
    Ok(ExitCode::Done)
}
