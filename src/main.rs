//! Parses the command line, calls the application, exits.

use codelicious::config::Environment;
use codelicious::{app, cli};

fn main() -> std::process::ExitCode {
    let request = match cli::args::parse(std::env::args_os()) {
        Ok(request) => request,
        Err(error) => error.exit(),
    };
    let env = Environment::capture();
    let exit = app::run(request, &env, cli::args::completions);
    std::process::ExitCode::from(exit.code())
}
