//! Starting a process inside its wall, and what is held beside it meanwhile.

use super::{Command, SpawnError};
use crate::model::policy::{SandboxPolicy, Wall};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often the free room of the disk is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What is to be started, and with what around it.
pub(super) struct Start {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env: Vec<(String, String)>,
    pub around: Around,
}

/// Held while the process runs; on drop, what is left inside is ended.
#[derive(Default)]
pub(super) struct Around {
    wall: Option<Arc<Wall>>,
    /// The helper that becomes the command, and the token that its own words carry.
    helper: Option<(PathBuf, String)>,
    #[cfg(target_os = "linux")]
    _bounds: Vec<crate::sandbox::groups::Bounds>,
    #[cfg(target_os = "linux")]
    gateway: Option<crate::sandbox::gateway::Gateway>,
    /// Hosts that the gateway refused, for as long as it is asked.
    #[cfg(target_os = "linux")]
    refused: crate::sandbox::gateway::Refusals,
}

/// Decides how a command is started under its policy.
pub(super) fn start(command: &Command) -> io::Result<Start> {
    match &command.policy {
        SandboxPolicy::Trusted | SandboxPolicy::Unsandboxed => Ok(Start {
            program: PathBuf::from(&command.program),
            args: command.args.clone(),
            env: command.env.clone(),
            around: Around::default(),
        }),
        SandboxPolicy::Walled(wall) => walled(command, wall),
    }
}

#[cfg(target_os = "linux")]
fn walled(command: &Command, wall: &Arc<Wall>) -> io::Result<Start> {
    use crate::model::policy::{Network, ResourceLimits};
    use crate::sandbox::{gateway::Gateway, groups::Bounds, launch};

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
        Network::Hosts(endpoints) => Some(Gateway::open(endpoints, &std::env::temp_dir())?),
        Network::None | Network::Loopback | Network::Full => None,
    };
    let (late_env, env) = env.into_iter().partition(|(name, _)| launch::is_late(name));
    let request = launch::Request {
        token: launch::token(),
        parent: std::process::id(),
        wall: inner,
        late_env,
        groups: bounds.iter().flat_map(Bounds::groups).cloned().collect(),
        gateway: gateway.as_ref().map(|g| g.socket().to_path_buf()),
    };
    let args = launch::arguments(&request, &program, &command.program, &command.args)?;
    let helper = launch::helper().to_path_buf();
    Ok(Start {
        program: helper.clone(),
        args,
        env,
        around: Around {
            wall: Some(Arc::clone(wall)),
            helper: Some((helper, request.token)),
            _bounds: bounds,
            refused: gateway.as_ref().map(Gateway::refused).unwrap_or_default(),
            gateway,
        },
    })
}

#[cfg(not(target_os = "linux"))]
fn walled(_: &Command, _: &Arc<Wall>) -> io::Result<Start> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no sandbox: run with --sandbox=off",
    ))
}

impl Around {
    /// A failure to start the helper is not one to find the command.
    pub(super) fn judge(&self, cwd: &Path, error: io::Error) -> io::Error {
        match &self.helper {
            Some((helper, _)) if cwd.is_dir() => io::Error::other(format!(
                "the sandbox's helper {} cannot be started: {error}",
                helper.display()
            )),
            Some(_) | None => error,
        }
    }

    /// Listens for the helper's own words.
    pub(super) fn told(&self) -> Told {
        Told {
            token: self.helper.as_ref().map(|(_, token)| token.clone()),
            error: None,
        }
    }

    /// Serves the way out of the process with this number while it is polled; never ends.
    pub(super) fn gateway(&mut self, pid: Option<u32>) -> impl Future<Output = ()> + use<> {
        #[cfg(target_os = "linux")]
        let gateway = self.gateway.take().map(|g| match pid {
            Some(pid) => g.only_from(pid),
            None => g,
        });
        #[cfg(not(target_os = "linux"))]
        let _ = pid;
        async move {
            #[cfg(target_os = "linux")]
            if let Some(gateway) = gateway {
                let refused = gateway.refused();
                let error = gateway.serve().await.err();
                tracing::warn!(?error, refused = ?refused.list(), "the way out of a sandbox is closed");
            }
            std::future::pending::<()>().await;
        }
    }

    /// What the process tried to reach and could not, as sentences.
    pub(super) fn refused(&self) -> Vec<String> {
        #[cfg(target_os = "linux")]
        let refused = self.refused.list();
        #[cfg(not(target_os = "linux"))]
        let refused: Vec<crate::sandbox::gateway::Refusal> = Vec::new();
        refused
            .into_iter()
            .map(|r| format!("{}: {}", r.target, r.why))
            .collect()
    }

    /// Ends when the free room of the disk shrank by more than the wall allows.
    pub(super) fn disk_spent(&self) -> impl Future<Output = ()> + use<> {
        let limits = self
            .wall
            .as_ref()
            .map(|w| (w.limits.disk, w.files.write.clone()));
        async move {
            let Some((Some(bound), folders)) = limits else {
                return std::future::pending().await;
            };
            let before: Vec<(PathBuf, u64)> = folders
                .into_iter()
                .filter_map(|f| free_room(&f).map(|room| (f, room)))
                .collect();
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
#[cfg(target_os = "linux")]
fn resolve(command: &Command, env: &[(String, String)]) -> io::Result<PathBuf> {
    let given = Path::new(&command.program);
    let candidates: Vec<PathBuf> = if given.components().count() > 1 || given.has_root() {
        vec![command.cwd.join(given)]
    } else {
        let path = env.iter().find(|(name, _)| name == "PATH");
        let path = path.map_or("/bin:/usr/bin", |(_, value)| value.as_str());
        std::env::split_paths(path)
            .map(|folder| command.cwd.join(folder).join(given))
            .collect()
    };
    if let Some(found) = candidates.iter().find(|p| super::is_executable(p)) {
        return Ok(found.clone());
    }
    Err(match candidates.iter().any(|p| p.exists()) {
        true => io::ErrorKind::PermissionDenied,
        false => io::ErrorKind::NotFound,
    }
    .into())
}

/// Bytes that this user can still write to a folder's file system.
fn free_room(folder: &Path) -> Option<u64> {
    let room = rustix::fs::statvfs(folder).ok()?;
    Some(room.f_bavail.saturating_mul(room.f_frsize))
}
