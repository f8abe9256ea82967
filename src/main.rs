//! Parses the command line, calls the application, exits.

use codelicious::config::Environment;
use codelicious::model::ExitCode;
use codelicious::{app, cli};

fn main() -> std::process::ExitCode {
    let request = match cli::args::parse(std::env::args_os()) {
        Ok(request) => request,
        Err(error) => error.exit(),
    };
    let env = Environment::capture();
    // A panic is a bug: it gets its own exit code, after the hook has said where it was.
    let exit = std::panic::catch_unwind(|| app::run(request, &env, cli::args::completions))
        .unwrap_or(ExitCode::Bug);
    std::process::ExitCode::from(exit.code())
}
