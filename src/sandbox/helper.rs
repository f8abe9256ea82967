//! The program as its own helper: puts a wall up around itself and becomes the command.

use super::launch;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Acts as the helper when the arguments, without the program's name, ask for it; None: they ask for something else.
/// To be called before anything else, since namespaces want a process with one thread.
pub fn main(args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args;
    if args.next()? != launch::VERB {
        return None;
    }
    let request = args.next().unwrap_or_default();
    if request == launch::PROBE {
        #[cfg(target_os = "linux")]
        let found = super::linux::probe();
        #[cfg(not(target_os = "linux"))]
        let found = crate::model::policy::Abilities::default();
        let said = serde_json::to_writer(std::io::stdout(), &found);
        return Some(ExitCode::from(if said.is_ok() {
            0
        } else {
            launch::FAILED
        }));
    }
    let (token, failure) = enter(&request, args);
    let said = launch::line(&token, &failure);
    let _ = writeln!(std::io::stderr(), "{said}");
    Some(ExitCode::from(launch::FAILED))
}

/// Does not come back from success.
#[cfg(target_os = "linux")]
fn enter(
    request: &OsString,
    mut args: impl Iterator<Item = OsString>,
) -> (String, launch::Failure) {
    use std::os::unix::process::CommandExt;

    let failure = |why: String| launch::Failure { why, exec: None };
    let request = request.to_str().unwrap_or_default();
    let request: launch::Request = match serde_json::from_str(request) {
        Ok(request) => request,
        Err(e) => {
            return (
                String::new(),
                failure(format!("not a request for a sandbox: {e}")),
            );
        }
    };
    let token = request.token.clone();
    let (Some(_), Some(program), Some(name)) = (args.next(), args.next(), args.next()) else {
        return (token, failure("no command was named".to_owned()));
    };
    if let Err(why) = super::linux::put_up(&request) {
        return (token, failure(why));
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "nothing is spawned: this process becomes it"
    )]
    let error = std::process::Command::new(&program)
        .arg0(&name)
        .args(args)
        .envs(request.late_env)
        .exec();
    let why = format!("{}: {error}", program.to_string_lossy());
    let exec = error.raw_os_error().or(Some(0));
    (token, launch::Failure { why, exec })
}

#[cfg(not(target_os = "linux"))]
fn enter(_: &OsString, _: impl Iterator<Item = OsString>) -> (String, launch::Failure) {
    let why = "this system has no helper for sandboxes".to_owned();
    (String::new(), launch::Failure { why, exec: None })
}
