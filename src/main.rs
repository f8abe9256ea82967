//! Parses the command line, calls the application, exits.

use codelicious::config::Environment;
use codelicious::{app, cli, sandbox};

fn main() -> std::process::ExitCode {
    if let Some(exit) = sandbox::helper::main(std::env::args_os().skip(1)) {
        return exit;
    }
    let request = match cli::args::parse(std::env::args_os()) {
        Ok(request) => request,
        Err(error) => error.exit(),
    };
    let env = Environment::capture();
    let exit = app::run(request, &env, cli::args::completions);
    std::process::ExitCode::from(exit.code())
}
