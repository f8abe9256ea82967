//! Limits that the kernel holds for each process (setrlimit(2)).

use crate::model::policy::ResourceLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lowers this process' limits. `own_users`: it is in a user namespace of its own, so that its processes are counted
/// apart from the user's others.
pub(super) fn apply(limits: &ResourceLimits, own_users: bool) -> Result<(), String> {
    // A dump would be written by the kernel, past the wall.
    lower(Resource::Core, 0, 0)?;
    // Address space that is only reserved does not count as data: Go, node and Java reserve plenty.
    for (resource, bound) in [
        (Resource::Data, limits.memory),
        (Resource::Nofile, limits.open_files),
        (Resource::Fsize, limits.file_size),
    ] {
        if let Some(bound) = bound {
            lower(resource, bound, bound)?;
        }
    }
    if let Some(bound) = limits.cpu_seconds {
        // SIGXCPU first, which can be told from other ends; SIGKILL for who ignores it.
        lower(Resource::Cpu, bound, bound.saturating_add(1))?;
    }
    // Elsewhere everything that the user runs counts, and it may be more already.
    if let (Some(bound), true) = (limits.processes, own_users) {
        lower(Resource::Nproc, bound, bound)?;
    }
    Ok(())
}

/// Never raises: a limit that stands already may be lower.
fn lower(resource: Resource, soft: u64, hard: u64) -> Result<(), String> {
    let now = getrlimit(resource);
    let least = |now: Option<u64>, wanted: u64| Some(now.map_or(wanted, |n| n.min(wanted)));
    let new = Rlimit {
        current: least(now.current, soft),
        maximum: least(now.maximum, hard),
    };
    setrlimit(resource, new).map_err(|e| format!("the limit {resource:?} cannot be set: {e}"))
}
