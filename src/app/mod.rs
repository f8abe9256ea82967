//! The composition root: builds the shells for each verb and calls the driver. One file a verb.

mod actions;
mod bug;
mod build;
mod checks;
mod demo;
mod doctor;
mod engine;
mod error;
mod events;
mod evidence;
mod find;
mod forge;
mod gc;
mod init;
mod issues;
mod lint;
mod moves;
mod plan;
mod planning;
mod preflight;
mod programs;
mod prompt;
mod reports;
mod run;
mod sandbox;
mod secrets;
mod status;
mod stoppable;
mod survey;
mod walls;
mod world;

use actions::Actions;
pub use error::AppError;
pub use world::{SystemClock, SystemRng};

use crate::config::{Environment, Flags, Request, Settings, Shell};
use crate::core::redact::Redactor;
use crate::model::ExitCode;
use crate::ui;
use std::cell::Cell;
use std::io::Write;
use std::path::PathBuf;
use world::World;

/// Carries out one request, says what there is to say, and returns how the process ends, after a panic too.
/// `completions` makes the script for a shell: only the command line knows its own words.
pub fn run(request: Request, env: &Environment, completions: impl FnOnce(Shell) -> String) -> Exit {
    bug::listen();
    let actions = Actions::of(env, &request);
    let place = place(&request, env);
    let told = actions.as_ref();
    let commands = Cell::new(None);
    let done = bug::caught(|| match request {
        Request::Build(request) => build::run(&request, env, told),
        Request::Plan(request) => plan::run(&request, env, told),
        Request::Prompt(request) => prompt::run(&request, env),
        Request::Lint(request) => lint::run(&request, env, told),
        Request::Status(request) => status::run(&request, env),
        Request::Events(request) => events::run(&request, env),
        Request::Move(request) => moves::run(&request, env),
        Request::Doctor(request) => doctor::run(&request, env),
        Request::Init(request) => init::run(&request, env),
        Request::Evidence(request) => evidence::run(&request, env),
        Request::Audit(request) => evidence::verify(&request, env),
        Request::Gc(request) => gc::run(&request, env),
        Request::Sandbox(request) => sandbox::run(&request, env).map(|code| {
            commands.set(code);
            ExitCode::Done
        }),
        Request::Demo(request) => demo::run(&request, env),
        Request::Completions(shell) => {
            world::print(&completions(shell));
            Ok(ExitCode::Done)
        }
    });
    let (error, exit) = match done {
        Ok(exit) => (None, exit),
        Err(error) => {
            let exit = error.exit;
            (Some(error.redacted(&redactor(place, env))), exit)
        }
    };
    if let Some(error) = &error {
        let options = world::ui_options(env, crate::config::Output::default());
        let hint = (!error.hint.is_empty()).then_some(error.hint.as_str());
        let text = ui::error::render(&error.message, hint, options.color);
        // A closed stderr leaves nobody to tell.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
    if let Some(actions) = actions {
        actions.finish(error.as_ref(), exit);
    }
    match commands.get() {
        Some(code) => Exit::Commands(code),
        None => Exit::Ours(exit),
    }
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ours(ExitCode),
    /// With the code of the command that was run for the user.
    Commands(u8),
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Ours(exit) => exit.code(),
            Self::Commands(code) => code,
        }
    }
}

/// Where settings are to be found, and those that were typed; None for what needs no repository.
fn place(request: &Request, env: &Environment) -> Option<(PathBuf, Flags)> {
    let (path, flags) = match request {
        Request::Build(r) => (&r.path, r.flags.clone()),
        Request::Plan(r) => (&r.path, r.flags.clone()),
        Request::Prompt(r) => (&r.path, r.flags.clone()),
        Request::Lint(r) => return Some((lint::folder(r, env), r.flags.clone())),
        Request::Doctor(r) => (&r.path, r.flags.clone()),
        Request::Status(r) => (&r.path, Flags::default()),
        Request::Events(r) => (&r.path, Flags::default()),
        Request::Move(r) => (&r.path, Flags::default()),
        Request::Init(r) => (&r.path, Flags::default()),
        Request::Evidence(r) => (&r.path, Flags::default()),
        Request::Audit(r) => (&r.path, Flags::default()),
        Request::Gc(r) => (&r.path, Flags::default()),
        Request::Sandbox(r) => return Some((PathBuf::from("."), r.flags.clone())),
        Request::Demo(_) | Request::Completions(_) => return None,
    };
    Some((path.clone(), flags))
}

/// What keeps secrets out of the last word. Where the settings cannot be read, those that the environment names.
fn redactor(place: Option<(PathBuf, Flags)>, env: &Environment) -> Redactor {
    let world = place.and_then(|(path, flags)| World::open(&path, flags, env).ok());
    match world {
        Some(world) => secrets::redactor(&world, env),
        None => Redactor::new(secrets::of_user(&Settings::default(), env)),
    }
}
