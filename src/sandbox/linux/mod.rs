//! The wall on Linux: what a process puts up around itself before it becomes the command.
//!
//! Layers, each of which holds by itself where it can: Landlock for files (landlock(7)), namespaces for the network and
//! for what Landlock does not see, seccomp for system calls (seccomp(2)), no capabilities, limits.

mod calls;
mod files;
mod limits;
mod own;
mod spaces;

use super::launch::Request;
use crate::model::policy::{Abilities, Network};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
pub(super) use spaces::Entered;
use spaces::Frozen;
use std::io;
use std::path::Path;

/// What every wall begins with, and no request is needed for. This process must have one thread.
pub(super) fn enter(own_network: bool) -> Result<Entered, String> {
    close_inherited().map_err(|e| format!("open files cannot be looked at: {e}"))?;
    spaces::enter(own_network)
}

/// Puts the wall up around this process, which must have one thread, and takes its input away where it is to have none.
///
/// # Errors
/// A layer could not be put up; the words say which. This process must then end.
pub(super) fn put_up(request: &Request, entered: Result<Entered, String>) -> Result<(), String> {
    let wall = &request.wall;
    let entered = entered?;
    if !request.has_input {
        no_input().map_err(|e| format!("/dev/null cannot be opened: {e}"))?;
    }
    for group in &request.groups {
        write_control(&super::groups::entrance(group), "0")
            .map_err(|e| format!("cannot enter the control group {}: {e}", group.display()))?;
    }
    entered.give(&wall.network)?;
    if let (Network::Hosts(endpoints), Some(socket)) = (&wall.network, &request.gateway) {
        super::gateway::hand_over(socket, endpoints)
            .map_err(|e| format!("the gateway to the network cannot be reached: {e}"))?;
    }
    let mut files = wall.files.clone();
    // Where it is not to be had, the probe says so.
    let frozen = match &entered.lacks {
        None => spaces::freeze(&wall.files)?,
        Some(why) => Frozen::No(format!("the kernel gives no mount namespace: {why}")),
    };
    match (frozen, wall.files.kept.first()) {
        (Frozen::Yes, _) => {
            let own = own::mount_own(wall, request.temporary.as_deref());
            files.execute.extend(own.iter().cloned());
            files.write.extend(own);
        }
        (Frozen::No(_), None) => {}
        (Frozen::No(why), Some(path)) => {
            return Err(format!(
                "{} would be writable, because it lies in a folder that is: {why}",
                path.display()
            ));
        }
    }
    if own::names_shared_memory(wall) {
        // What lies beside is somebody's.
        files
            .write
            .retain(|path| path != Path::new(own::SHARED_MEMORY));
    }
    limits::apply(&wall.limits, entered.users)?;
    set_no_new_privs(true).map_err(|e| format!("no_new_privs is refused: {e}"))?;
    drop_capabilities()?;
    follow(request.parent)?;
    files::restrict(&files, &wall.network)?;
    calls::restrict(&wall.network, wall.unix_sockets)
}

/// What this machine can enforce, found by doing it to this process, which is to end afterwards.
pub(super) fn probe() -> Abilities {
    let mut found = Abilities::default();
    let mut lacking = Vec::new();
    match spaces::enter(true).and_then(|entered| entered.give(&Network::Loopback)) {
        Ok(()) => {
            found.network_namespace = true;
            let frozen = spaces::freeze(&Default::default());
            if let Err(why) = own::share_nothing(None) {
                lacking.push(format!(
                    "what programs keep in /dev/shm cannot be protected: {why}"
                ));
            }
            if let Ok(Frozen::No(why)) | Err(why) = frozen {
                lacking.push(format!(
                    "modes, owners and times of files outside cannot be protected: {why}"
                ));
            }
        }
        Err(why) => lacking.push(format!("no network but none or all of it: {why}")),
    }
    if let Err(why) = set_no_new_privs(true)
        .map_err(|e| e.to_string())
        .and_then(|()| drop_capabilities())
    {
        lacking.push(format!("capabilities cannot be dropped: {why}"));
    }
    match files::restrict(&Default::default(), &Network::None) {
        Ok(version) => found.landlock = version,
        Err(why) => lacking.push(why),
    }
    if matches!(found.landlock, 1..6) {
        lacking.push(format!(
            "signals to the user's other processes are not refused: Landlock is of version {} here, and 6 does it",
            found.landlock
        ));
    }
    match calls::restrict(&Network::None, false) {
        Ok(()) => found.seccomp = true,
        Err(why) => lacking.push(why),
    }
    found.lacking = lacking;
    found
}

/// Makes this process end with the one that started it. What it starts itself is found by the next run.
fn follow(parent: u32) -> Result<(), String> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| format!("it cannot be tied to its parent: {e}"))?;
    let now = getppid().map(|p| p.as_raw_nonzero().get().unsigned_abs());
    match now == Some(parent) {
        true => Ok(()),
        false => Err("who started it is gone".to_owned()),
    }
}

/// Puts a device that is always at its end in the place of the pipe that the request came through.
fn no_input() -> io::Result<()> {
    let nothing = std::fs::File::open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdin(nothing)?)
}

/// Closes what this process was started with beyond the three standard streams.
fn close_inherited() -> io::Result<()> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in open {
        // The listing's own is closed already.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

/// Takes away what makes root more than any other user (capabilities(7)).
fn drop_capabilities() -> Result<(), String> {
    for bit in 0..u64::BITS {
        // Refused to who may not, who then has none to gain either, since no_new_privs is set.
        if remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)).is_err() {
            break;
        }
    }
    let _ = clear_ambient_capability_set();
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(|e| format!("capabilities cannot be dropped: {e}"))
}

/// Writes to a file of the kernel's.
fn write_control(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}
