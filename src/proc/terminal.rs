//! Programs that may ask the person at the terminal.

use super::{Command, Ended, SpawnError, reap};
use crate::ports::StopSignal;
use rustix::process::Pid;
use std::process::Stdio;
use std::time::Duration;

/// Runs a program that may ask a person: it has our standard input and error, and stays in our process group, since
/// only the terminal's foreground group may read from it. What it prints is dropped. True when it ended well within
/// `bound`. Only for what a person was told about before, never for what a model or a repository caused.
///
/// # Errors
/// Only when it cannot be started.
pub async fn at_terminal(
    command: &Command,
    bound: Duration,
    mut stop: StopSignal,
) -> Result<bool, SpawnError> {
    #[allow(clippy::disallowed_methods, reason = "this is the one spawner")]
    let mut program = tokio::process::Command::new(&command.program);
    program
        .args(&command.args)
        .current_dir(&command.cwd)
        .env_clear()
        .envs(command.env.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::inherit())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let child = reap::starting(|| program.spawn());
    let mut child = child.map_err(|source| SpawnError {
        program: command.program.to_string_lossy().into_owned(),
        cwd: command.cwd.clone(),
        source,
    })?;
    let id = child.id();
    let ended = tokio::select! {
        biased;
        () = stop.raised() => Ended::Stopped,
        () = tokio::time::sleep(bound) => Ended::TimedOut,
        status = child.wait() => {
            reap::ended(pid(id));
            return Ok(status.is_ok_and(|s| s.success()));
        }
    };
    tracing::debug!(?ended, "what could have asked a person was ended");
    // It holds the terminal: it goes at once.
    let _ = child.kill().await;
    reap::ended(pid(id));
    Ok(false)
}

fn pid(id: Option<u32>) -> Option<Pid> {
    id.and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw)
}
