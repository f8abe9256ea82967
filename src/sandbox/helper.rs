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
    let asked = args.next().unwrap_or_default();
    if asked == launch::PROBE {
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
    let Some((token, failure)) = enter(&asked) else {
        return Some(ExitCode::SUCCESS);
    };
    let said = launch::line(&token, &failure);
    let _ = writeln!(std::io::stderr(), "{said}");
    Some(ExitCode::from(launch::FAILED))
}

/// Does not come back from success. None: nothing was asked for.
#[cfg(target_os = "linux")]
fn enter(network: &OsString) -> Option<(String, launch::Failure)> {
    use std::os::unix::process::CommandExt;

    let failed = |token: String, why: String| Some((token, launch::Failure { why, exec: None }));
    let own_network = match network.to_str() {
        Some(launch::OWN_NETWORK) => true,
        Some(launch::NETWORK) => false,
        Some(_) | None => {
            return failed(String::new(), "not a request for a sandbox".to_owned());
        }
    };
    // Before a request comes: who asks later does not wait for it.
    let entered = super::linux::enter(own_network);
    let (request, target) = match launch::read(&mut Input) {
        Ok(None) => return None,
        Ok(Some(asked)) => asked,
        Err(e) => return failed(String::new(), format!("not a request for a sandbox: {e}")),
    };
    if let Err(error) = std::env::set_current_dir(&target.cwd) {
        let why = format!("{} cannot be entered: {error}", target.cwd.display());
        return failed(request.token, why);
    }
    if let Err(why) = super::linux::put_up(&request, entered) {
        return failed(request.token, why);
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "nothing is spawned: this process becomes it"
    )]
    let error = std::process::Command::new(&target.program)
        .arg0(&target.name)
        .args(&target.args)
        .env_clear()
        .envs(request.env)
        .exec();
    let why = format!("{}: {error}", target.program.display());
    let exec = error.raw_os_error().or(Some(0));
    Some((request.token, launch::Failure { why, exec }))
}

/// Standard input without a buffer: what follows a request is the command's.
#[cfg(target_os = "linux")]
struct Input;

#[cfg(target_os = "linux")]
impl std::io::Read for Input {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match rustix::io::read(std::io::stdin(), &mut *into) {
                Err(rustix::io::Errno::INTR) => {}
                done => return Ok(done?),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn enter(_: &OsString) -> Option<(String, launch::Failure)> {
    let why = "this system has no helper for sandboxes".to_owned();
    Some((String::new(), launch::Failure { why, exec: None }))
}
