//! Starting a process inside its wall, and what is held beside it meanwhile.

use super::{Command, SpawnError};
use crate::model::policy::{Network, SandboxPolicy, Wall};
#[cfg(target_os = "linux")]
use crate::sandbox::gateway::Gateway;
use crate::sandbox::gateway::{Beside, Refusals};
use crate::sandbox::presets::at_port;
use crate::sandbox::seatbelt;
use rustix::io::Errno;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often the free room of the disk is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How a process is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// Looked up already: who starts a bare name with a PATH of its own has all of its memory's pages copied for it.
    pub program: PathBuf,
    /// What it finds as its own name.
    pub name: Option<OsString>,
    pub args: Vec<OsString>,
    pub cwd: PathBuf,
    pub env: Vec<(String, String)>,
}

impl Start {
    /// The same as a script of the shell: what execvp does with a program that the system knows no format of.
    pub(super) fn by_shell(&self) -> Self {
        let script = self.program.as_os_str().to_owned();
        Self {
            program: PathBuf::from("/bin/sh"),
            name: None,
            args: std::iter::once(script)
                .chain(self.args.iter().cloned())
                .collect(),
            ..self.clone()
        }
    }
}

/// What is to be started, what it is told, and what is around it.
pub(super) struct Plan {
    pub start: Start,
    /// Bytes for standard input; empty closes it at once.
    pub input: Vec<u8>,
    pub around: Around,
}

/// Held while the process runs; on drop, what is left inside is ended.
#[derive(Default)]
pub(super) struct Around {
    wall: Option<Arc<Wall>>,
    /// Folders that can be written to, with the free room that each had before anything was started.
    room: Vec<(PathBuf, u64)>,
    /// The program that puts the wall up and becomes the command.
    helper: Option<PathBuf>,
    /// What the helper's own words carry, where it has words: such a one waits for its request.
    token: Option<String>,
    #[cfg(target_os = "linux")]
    _bounds: Vec<crate::sandbox::groups::Bounds>,
    way: Option<Way>,
    /// Hosts that were refused, for as long as it is asked.
    refused: Refusals,
}

/// The way out to some hosts.
enum Way {
    /// From a network of its own.
    #[cfg(target_os = "linux")]
    Through(Gateway),
    Beside(Beside),
}

/// Decides how a command is started under its policy.
pub(super) fn plan(command: &Command) -> io::Result<Plan> {
    match &command.policy {
        SandboxPolicy::Trusted | SandboxPolicy::Unsandboxed => Ok(Plan {
            start: Start {
                program: resolve(command, &command.env)?,
                name: Some(command.program.clone()),
                args: command.args.clone(),
                cwd: command.cwd.clone(),
                env: command.env.clone(),
            },
            input: command.stdin.clone(),
            around: Around::default(),
        }),
        SandboxPolicy::Walled(wall) => match seatbelt::program() {
            Some(program) => by_profile(program, command, wall),
            None => walled(command, wall),
        },
    }
}

/// What lets further hosts through the wall.
fn setting_of(wall: &Wall) -> String {
    format!("`[sandbox.{}] hosts`", wall.preset)
}

/// Starts it by a program that takes the wall as a profile.
pub(super) fn by_profile(program: &Path, command: &Command, wall: &Arc<Wall>) -> io::Result<Plan> {
    let mut inner = Wall::clone(wall);
    let way = match &wall.network {
        Network::Hosts(endpoints) => {
            let way = Beside::open(endpoints)?.setting(setting_of(wall));
            inner.env = at_port(&wall.env, way.port());
            Some(way)
        }
        Network::None | Network::Loopback | Network::Full => None,
    };
    let inner = Arc::new(inner);
    let env = SandboxPolicy::Walled(Arc::clone(&inner)).environment(&command.env);
    let resolved = resolve(command, &env)?;
    Ok(Plan {
        start: Start {
            program: program.to_path_buf(),
            name: None,
            args: seatbelt::arguments(&inner, &resolved, &command.args),
            cwd: command.cwd.clone(),
            env,
        },
        input: command.stdin.clone(),
        around: Around {
            room: room_of(wall),
            wall: Some(inner),
            helper: Some(program.to_path_buf()),
            refused: way.as_ref().map(Beside::refused).unwrap_or_default(),
            way: way.map(Way::Beside),
            ..Around::default()
        },
    })
}

#[cfg(target_os = "linux")]
fn walled(command: &Command, wall: &Arc<Wall>) -> io::Result<Plan> {
    use crate::model::policy::ResourceLimits;
    use crate::sandbox::{groups::Bounds, launch};

    if !command.cwd.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let env = command.policy.environment(&command.env);
    let program = resolve(command, &env)?;
    let mut inner = Wall::clone(wall);
    // What the variables are is in the environment already.
    inner.env.clear();
    let mut bounds = Vec::new();
    let only = |memory, processes| ResourceLimits {
        memory,
        processes,
        ..ResourceLimits::default()
    };
    for limits in [
        only(None, wall.limits.processes),
        only(wall.limits.memory, None),
    ] {
        if limits == ResourceLimits::default() {
            continue;
        }
        match Bounds::make(&limits) {
            Ok(made) => {
                inner.limits.memory = inner.limits.memory.filter(|_| !made.memory);
                inner.limits.processes = inner.limits.processes.filter(|_| !made.processes);
                bounds.push(made);
            }
            Err(why) => tracing::debug!(why, "limits hold for each process by itself"),
        }
    }
    let gateway = match &wall.network {
        Network::Hosts(endpoints) => {
            let gateway = Gateway::open(endpoints, &std::env::temp_dir())?;
            Some(gateway.setting(setting_of(wall)))
        }
        Network::None | Network::Loopback | Network::Full => None,
    };
    let temporary = wall.env.iter().find(|(name, _)| name == "TMPDIR");
    let marks = env.iter().filter(|(name, _)| name == super::RUN_TOKEN);
    let marks = marks.cloned().collect();
    let request = launch::Request {
        token: launch::token(),
        parent: std::process::id(),
        wall: inner,
        env,
        groups: bounds.iter().flat_map(Bounds::groups).cloned().collect(),
        temporary: temporary.map(|(_, folder)| PathBuf::from(folder)),
        gateway: gateway.as_ref().map(|g| g.socket().to_path_buf()),
        has_input: !command.stdin.is_empty(),
    };
    let target = launch::Target {
        cwd: command.cwd.clone(),
        program,
        name: command.program.clone(),
        args: command.args.clone(),
    };
    let mut input = launch::message(&request, &target)?;
    input.extend_from_slice(&command.stdin);
    let network = match wall.network {
        Network::Full => launch::NETWORK,
        Network::None | Network::Loopback | Network::Hosts(_) => launch::OWN_NETWORK,
    };
    let helper = launch::helper().to_path_buf();
    Ok(Plan {
        start: Start {
            program: helper.clone(),
            name: None,
            args: [launch::VERB, network].map(OsString::from).into(),
            cwd: PathBuf::from("/"),
            env: marks,
        },
        input,
        around: Around {
            room: room_of(wall),
            wall: Some(Arc::clone(wall)),
            helper: Some(helper),
            token: Some(request.token),
            _bounds: bounds,
            refused: gateway.as_ref().map(Gateway::refused).unwrap_or_default(),
            way: gateway.map(Way::Through),
        },
    })
}

#[cfg(not(target_os = "linux"))]
fn walled(_: &Command, _: &Arc<Wall>) -> io::Result<Plan> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no sandbox: run with --sandbox=off",
    ))
}

impl Around {
    /// True where what is started waits for a request, and may be started before there is one.
    pub(super) fn waits(&self) -> bool {
        self.token.is_some()
    }

    /// A failure to start the helper is not one to find the command.
    pub(super) fn judge(&self, cwd: &Path, error: io::Error) -> io::Error {
        match &self.helper {
            Some(helper) if cwd.is_dir() => io::Error::other(format!(
                "the sandbox's helper {} cannot be started: {error}",
                helper.display()
            )),
            Some(_) | None => error,
        }
    }

    /// Listens for the helper's own words.
    pub(super) fn told(&self) -> Told {
        Told {
            token: self.token.clone(),
            error: None,
        }
    }

    /// Serves the way out of the process with this number while it is polled; never ends.
    pub(super) fn gateway(&mut self, pid: Option<u32>) -> impl Future<Output = ()> + use<> {
        let way = self.way.take();
        let refused = self.refused.clone();
        async move {
            let closed = match way {
                #[cfg(target_os = "linux")]
                Some(Way::Through(gateway)) => match pid {
                    Some(pid) => gateway.only_from(pid).serve().await,
                    None => gateway.serve().await,
                },
                Some(Way::Beside(beside)) => {
                    // Who connects says no number.
                    let _ = pid;
                    beside.serve().await
                }
                None => std::future::pending().await,
            };
            let error = closed.err();
            tracing::warn!(?error, refused = ?refused.list(), "the way out of a sandbox is closed");
            std::future::pending::<()>().await;
        }
    }

    /// What the process tried to reach and could not, as sentences.
    pub(super) fn refused(&self) -> Vec<String> {
        self.refused
            .list()
            .into_iter()
            .map(|r| format!("{}: {}", r.target, r.why))
            .collect()
    }

    /// Ends when the free room of the disk shrank by more than the wall allows.
    pub(super) fn disk_spent(&self) -> impl Future<Output = ()> + use<> {
        let limits = self.wall.as_ref().map(|wall| wall.limits.disk);
        let before = self.room.clone();
        async move {
            let Some(Some(bound)) = limits else {
                return std::future::pending().await;
            };
            let is_spent = || {
                let shrank = |(folder, before): &(PathBuf, u64)| {
                    free_room(folder).is_some_and(|now| before.saturating_sub(now) > bound)
                };
                before.iter().any(shrank)
            };
            while !is_spent() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Hears what the helper says of itself.
pub(super) struct Told {
    token: Option<String>,
    error: Option<io::Error>,
}

impl Told {
    /// Takes a line of standard error; true when it was the helper's. Only the first can be.
    pub(super) fn takes(&mut self, line: &[u8]) -> bool {
        let Some(token) = self.token.take() else {
            return false;
        };
        let Some(failure) = crate::sandbox::launch::failure_in(&token, line) else {
            return false;
        };
        let error = failure.exec.map(io::Error::from_raw_os_error);
        self.error = Some(match error {
            Some(e) if e.kind() == io::ErrorKind::PermissionDenied => io::Error::new(
                e.kind(),
                format!(
                    "the sandbox does not let it be executed ({}): see `codelicious sandbox explain`",
                    failure.why
                ),
            ),
            Some(e) => e,
            None => io::Error::other(format!("the sandbox cannot be put up: {}", failure.why)),
        });
        true
    }

    pub(super) fn error(self) -> Option<io::Error> {
        self.error
    }
}

pub(super) fn failed(command: &Command, source: io::Error) -> SpawnError {
    SpawnError {
        program: command.program.to_string_lossy().into_owned(),
        cwd: command.cwd.clone(),
        source,
    }
}

/// The program's path, as execvp would find it in the command's folder and environment: the helper is to start what
/// would have been started without it, and a missing one is to be told as ever.
fn resolve(command: &Command, env: &[(String, String)]) -> io::Result<PathBuf> {
    let given = Path::new(&command.program);
    let cwd = std::path::absolute(&command.cwd)?;
    let candidates: Vec<PathBuf> = if given.components().count() > 1 || given.has_root() {
        vec![cwd.join(given)]
    } else {
        let path = env.iter().find(|(name, _)| name == "PATH");
        let path = path.map_or("/bin:/usr/bin", |(_, value)| value.as_str());
        std::env::split_paths(path)
            .map(|folder| cwd.join(folder).join(given))
            .collect()
    };
    if let Some(found) = candidates.iter().find(|p| super::is_executable(p)) {
        return Ok(found.clone());
    }
    Err(match candidates.iter().any(|p| p.exists()) {
        true => Errno::ACCESS,
        false => Errno::NOENT,
    }
    .into())
}

/// The free room of what a wall lets be written to, where that is bounded.
fn room_of(wall: &Wall) -> Vec<(PathBuf, u64)> {
    let folders = wall.limits.disk.into_iter().flat_map(|_| &wall.files.write);
    folders
        .filter_map(|folder| Some((folder.clone(), free_room(folder)?)))
        .collect()
}

/// Bytes that this user can still write to a folder's file system.
fn free_room(folder: &Path) -> Option<u64> {
    let room = rustix::fs::statvfs(folder).ok()?;
    Some(room.f_bavail.saturating_mul(room.f_frsize))
}
