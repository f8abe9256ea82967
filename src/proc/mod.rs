//! The only spawner. Every process that codelicious starts goes through [`run`].
//!
//! A child leads a process group of its own, gets exactly the environment it is given, and is bounded in
//! time, silence and output. However it ends, everything it started is ended too: the group first, then
//! whatever left the group and was re-parented to us.
//!
//! Not for: deciding what a failure means. Callers read [`Finished`] and decide.

mod capture;
pub mod cgroup;
mod group;
mod reap;
mod standby;
mod terminal;
mod walled;

pub use capture::Captured;
pub use reap::{Spared, adopt_orphans, end_foreign, end_leftovers, push_mark};
pub use terminal::at_terminal;

use crate::crash::{self, Point};
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use capture::LineReader;
use group::{Group, end_child};
use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::process::{Child, ChildStdin};
use tokio::time::{Instant, sleep_until};
use walled::{Around, Plan, Start};

/// How long pipes are read after the process that was started is gone.
const DRAIN: Duration = Duration::from_millis(250);

/// What the system says of a file that is no program of a kind that it knows, such as a script without `#!`.
const NO_FORMAT: i32 = rustix::io::Errno::NOEXEC.raw_os_error();

/// Name of the variable that marks everything a run starts: `<repository>/<run id>`.
pub const RUN_TOKEN: &str = "CODELICIOUS_RUN";

/// Name of the variable that marks a push. One that a killed run left behind is given time to end by itself: cut
/// off at the wrong moment, it leaves a lock on the remote that nobody here can remove.
pub const PUSH_MARK: &str = "CODELICIOUS_PUSH";

/// What to start.
#[derive(Clone, Debug)]
pub struct Command {
    pub program: OsString,
    pub args: Vec<OsString>,
    pub cwd: PathBuf,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Bytes for standard input; empty closes it at once.
    pub stdin: Vec<u8>,
    pub policy: SandboxPolicy,
}

impl Command {
    /// A command with an empty environment and no input.
    pub fn new(
        program: impl Into<OsString>,
        cwd: impl Into<PathBuf>,
        policy: SandboxPolicy,
    ) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            cwd: cwd.into(),
            env: Vec::new(),
            stdin: Vec::new(),
            policy,
        }
    }

    /// `sh -c LINE`, as checks and set-up commands are written.
    pub fn shell(line: &str, cwd: impl Into<PathBuf>, policy: SandboxPolicy) -> Self {
        Self::new("sh", cwd, policy).args(["-c", line])
    }

    #[must_use]
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn env(mut self, env: impl IntoIterator<Item = (String, String)>) -> Self {
        self.env.extend(env);
        self
    }

    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }
}

/// Bounds on one process.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Wall time.
    pub total: Option<Duration>,
    /// Time without a byte on either stream.
    pub idle: Option<Duration>,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Bytes of a line that are kept; the rest of that line is dropped.
    pub max_line: usize,
    /// Bytes of each stream that are kept, half from the head and half from the tail.
    pub capture: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: None,
            idle: None,
            grace: Duration::from_secs(3),
            max_line: 1 << 20,
            capture: 64 << 10,
        }
    }
}

/// Which stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// Why the process is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself; see the exit.
    Itself,
    /// We ended it: [`Limits::total`].
    TimedOut,
    /// We ended it: [`Limits::idle`].
    Stalled,
    /// We ended it: the run stops.
    Stopped,
    /// We ended it: the line callback asked for it.
    ByCaller,
    /// We ended it: the disk's free room shrank by more than the wall allows.
    DiskSpent,
}

/// What [`Ended::DiskSpent`] is to a reader.
pub const DISK_SPENT: &str =
    "it was ended: it took more of the disk than its sandbox allows (`disk`)";

/// A process that is over.
#[derive(Clone, Debug)]
pub struct Finished {
    pub ended: Ended,
    /// Exit code, or 128 + signal as a shell would say.
    pub code: i32,
    pub stdout: Captured,
    pub stderr: Captured,
    /// Hosts that its wall kept it from, each with the reason; bounded.
    pub refused: Vec<String>,
}

impl Finished {
    /// Ended by itself with exit code 0.
    pub fn success(&self) -> bool {
        self.ended == Ended::Itself && self.code == 0
    }

    /// The exit code for whoever asks what the process came to its end by; 0 where it was ended from here, and the
    /// code tells of that alone.
    pub fn own_code(&self) -> i32 {
        match self.ended {
            Ended::Itself => self.code,
            Ended::TimedOut
            | Ended::Stalled
            | Ended::DiskSpent
            | Ended::Stopped
            | Ended::ByCaller => 0,
        }
    }
}

/// The process could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start `{program}` in {}: {source}", cwd.display())]
pub struct SpawnError {
    pub program: String,
    pub cwd: PathBuf,
    #[source]
    pub source: std::io::Error,
}

impl SpawnError {
    /// True when the program does not exist on PATH.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == std::io::ErrorKind::NotFound
    }
}

/// Starts a process, feeds it, reads it and sees it to its end.
///
/// `on_line` gets every line without its line end, cut at [`Limits::max_line`]; breaking ends the process.
/// When this future is dropped, the process group is killed.
///
/// # Errors
/// Only when the process cannot be started; everything after that is a [`Finished`].
pub async fn run(
    command: &Command,
    limits: Limits,
    stop: StopSignal,
    on_line: &mut dyn FnMut(Stream, &[u8]) -> ControlFlow<()>,
) -> Result<Finished, SpawnError> {
    see_to_its_end(start(command)?, command, limits, stop, on_line).await
}

/// A process that was started, and what goes with it.
struct Running {
    child: Child,
    group: Group,
    /// Bytes for its standard input.
    input: Vec<u8>,
    around: Around,
    /// How one is started ahead for the next command.
    next: Option<Start>,
}

async fn see_to_its_end(
    running: Running,
    command: &Command,
    limits: Limits,
    mut stop: StopSignal,
    on_line: &mut dyn FnMut(Stream, &[u8]) -> ControlFlow<()>,
) -> Result<Finished, SpawnError> {
    let Running {
        mut child,
        mut group,
        input,
        mut around,
        next,
    } = running;
    let mut told = around.told();
    let mut on_line = |stream: Stream, line: &[u8]| match stream {
        Stream::Err if told.takes(line) => ControlFlow::Continue(()),
        Stream::Out | Stream::Err => on_line(stream, line),
    };
    let gateway = around.gateway(child.id());
    let disk_spent = around.disk_spent();
    tokio::pin!(gateway, disk_spent);
    let mut out = LineReader::new(child.stdout.take(), limits);
    let mut err = LineReader::new(child.stderr.take(), limits);
    let feeder = feed(child.stdin.take(), input);
    tokio::pin!(feeder);
    let mut fed = false;

    let started = Instant::now();
    let mut last_byte = started;
    let (ended, status) = loop {
        let total_at = limits.total.map(|d| started + d);
        let idle_at = limits.idle.map(|d| last_byte + d);
        tokio::select! {
            biased;
            () = stop.raised() => break (Ended::Stopped, None),
            () = at(total_at) => break (Ended::TimedOut, None),
            () = at(idle_at) => break (Ended::Stalled, None),
            () = &mut disk_spent => break (Ended::DiskSpent, None),
            () = &mut gateway => {}
            () = &mut feeder, if !fed => {
                fed = true;
                if let Some(next) = &next { standby::make(next) }
            }
            read = out.fill(), if !out.is_done() => {
                last_byte = Instant::now();
                if read && out.lines(|l| on_line(Stream::Out, l)).is_break() { break (Ended::ByCaller, None) }
            }
            read = err.fill(), if !err.is_done() => {
                last_byte = Instant::now();
                if read && err.lines(|l| on_line(Stream::Err, l)).is_break() { break (Ended::ByCaller, None) }
            }
            status = child.wait() => break (Ended::Itself, status.ok()),
        }
    };

    let status = match status {
        Some(status) => Some(status),
        None if ended == Ended::Itself => None,
        None => end_child(&mut child, &group, limits.grace).await,
    };
    drain(&mut out, &mut err, &mut on_line).await;
    // Somebody who was just started may not have left the group yet.
    match ended == Ended::Itself && is_push(command) {
        true => group.let_go(),
        false => group.kill_rest(),
    }
    if let Some(error) = told.error() {
        return Err(walled::failed(command, error));
    }
    let refused = around.refused();
    if !refused.is_empty() {
        let program = command.program.to_string_lossy();
        tracing::debug!(%program, ?refused, "a sandbox kept it from hosts");
    }
    Ok(Finished {
        ended,
        code: exit_code(status),
        stdout: out.into_captured(),
        stderr: err.into_captured(),
        refused,
    })
}

/// [`run`] for callers that only want the captured output.
///
/// # Errors
/// As [`run`].
pub async fn output(
    command: &Command,
    limits: Limits,
    stop: StopSignal,
) -> Result<Finished, SpawnError> {
    run(command, limits, stop, &mut |_, _| ControlFlow::Continue(())).await
}

/// Finds a program on the PATH of `env`, as execvp would.
pub fn find_program(program: &str, env: &[(String, String)]) -> Option<PathBuf> {
    if program.contains('/') {
        let path = PathBuf::from(program);
        return is_executable(&path).then_some(path);
    }
    let path = env
        .iter()
        .find(|(k, _)| k == "PATH")
        .map(|(_, v)| v.as_str())?;
    std::env::split_paths(OsStr::new(path))
        .map(|dir| dir.join(program))
        .find(|p| is_executable(p))
}

fn is_executable(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

fn start(command: &Command) -> Result<Running, SpawnError> {
    let failed = |source| walled::failed(command, source);
    let name = command.program.to_string_lossy();
    crash::named(Point::SpawnBefore, &name).map_err(failed)?;
    let running = carry_out(command, walled::plan(command).map_err(failed)?)?;
    // Only an end can come here: what runs cannot be taken back by an error.
    let _ = crash::named(Point::SpawnAfter, &name);
    Ok(running)
}

fn carry_out(command: &Command, plan: Plan) -> Result<Running, SpawnError> {
    let Plan {
        start,
        input,
        around,
    } = plan;
    let spawned = match around.waits() {
        true => standby::take(&start),
        false => None,
    };
    let (child, group) = match spawned {
        Some(spawned) => spawned,
        None => {
            let stdin = || match input.is_empty() {
                true => Stdio::null(),
                false => Stdio::piped(),
            };
            let spawned = match spawn(&start, stdin()) {
                Err(e) if e.raw_os_error() == Some(NO_FORMAT) => spawn(&start.by_shell(), stdin()),
                spawned => spawned,
            };
            spawned.map_err(|e| walled::failed(command, around.judge(&command.cwd, e)))?
        }
    };
    Ok(Running {
        child,
        group,
        input,
        next: around.waits().then_some(start),
        around,
    })
}

#[allow(clippy::disallowed_methods, reason = "this is the one spawner")]
fn spawn(start: &Start, stdin: Stdio) -> std::io::Result<(Child, Group)> {
    let name = start.name.as_deref();
    let mut command = tokio::process::Command::new(&start.program);
    command
        .arg0(name.unwrap_or(start.program.as_os_str()))
        .args(&start.args)
        .current_dir(&start.cwd)
        .env_clear()
        .envs(start.env.iter().map(|(k, v)| (k, v)))
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let child = reap::starting(|| command.spawn())?;
    let group = Group::of(&child);
    Ok((child, group))
}

/// True for git's own push, which may start a remote's processes where the remote is a folder here. A repository's hook
/// is none.
fn is_push(command: &Command) -> bool {
    let is_ours = matches!(command.policy, SandboxPolicy::Trusted);
    is_ours && command.env.iter().any(|(name, _)| name == PUSH_MARK)
}

/// Reads what is left in the pipes; a grandchild that holds them open is not waited for.
async fn drain<O: AsyncRead + Unpin, E: AsyncRead + Unpin>(
    out: &mut LineReader<O>,
    err: &mut LineReader<E>,
    on_line: &mut dyn FnMut(Stream, &[u8]) -> ControlFlow<()>,
) {
    let deadline = Instant::now() + DRAIN;
    while !(out.is_done() && err.is_done()) {
        tokio::select! {
            biased;
            read = out.fill(), if !out.is_done() => if read { let _ = out.lines(|l| on_line(Stream::Out, l)); },
            read = err.fill(), if !err.is_done() => if read { let _ = err.lines(|l| on_line(Stream::Err, l)); },
            () = sleep_until(deadline) => break,
        }
    }
    let _ = out.last_line(|l| on_line(Stream::Out, l));
    let _ = err.last_line(|l| on_line(Stream::Err, l));
}

async fn feed(stdin: Option<ChildStdin>, bytes: Vec<u8>) {
    if let Some(mut stdin) = stdin {
        // EPIPE: the child does not want its input; its exit tells the rest.
        let _ = stdin.write_all(&bytes).await;
        let _ = stdin.shutdown().await;
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(t) => sleep_until(t).await,
        None => std::future::pending().await,
    }
}

fn exit_code(status: Option<ExitStatus>) -> i32 {
    match status {
        Some(s) => s.code().unwrap_or_else(|| 128 + s.signal().unwrap_or(0)),
        None => -1,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests;
