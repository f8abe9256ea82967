//! What a process has of its own behind names that programs know by heart: `/tmp`, shared memory, and pseudo-terminals.
//!
//! Mounted once everything else is mounted read-only, in this process' own mount namespace. Where it cannot be, the names
//! lead where they always did, and nobody inside is let through.

use crate::model::policy::Wall;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{MountFlags, mount, mount_bind};
use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

const TMP: &str = "/tmp";
/// Where programs share memory by name (shm_overview(7)).
pub(super) const SHARED_MEMORY: &str = "/dev/shm";

/// Mounts what can be, and returns what is to be granted of it.
pub(super) fn mount_own(wall: &Wall, temporary: Option<&Path>) -> Vec<PathBuf> {
    let mut own = Vec::new();
    if let Some(folder) = temporary
        && !needs_the_systems(wall)
        && mount_temporary(wall, folder).is_some()
    {
        own.push(PathBuf::from(TMP));
    }
    if !names_shared_memory(wall) {
        // Everybody's otherwise, as the probe says.
        let _ = share_nothing(wall.limits.memory);
    }
    let options = c"newinstance,ptmxmode=0666,mode=0620";
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    // The device beside it opens terminals of the instance that is mounted here (devpts in the kernel's own pages).
    if mount("devpts", "/dev/pts", "devpts", flags, options).is_ok() {
        own.extend(["/dev/pts", "/dev/ptmx"].map(PathBuf::from));
    }
    own
}

/// Puts an empty folder in memory in the place of the one that programs share. `room`: bytes that fit into it; None: as
/// many as its control group allows.
pub(super) fn share_nothing(room: Option<u64>) -> io::Result<()> {
    let room = room.map_or_else(String::new, |bytes| format!(",size={bytes}"));
    let options = CString::new(format!("mode=1777{room}"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount("tmpfs", SHARED_MEMORY, "tmpfs", flags, &*options)?)
}

/// True where something lies there that is granted or worked in: nothing below a mount can be reached.
pub(super) fn names_shared_memory(wall: &Wall) -> bool {
    let place = Path::new(SHARED_MEMORY);
    let is_there = |path: &Path| path.starts_with(place) && path != place;
    wall.files.reaches_below(place) || std::env::current_dir().map_or(true, |cwd| is_there(&cwd))
}

/// True where something lies in the system's `/tmp` that is granted or worked in, or a daemon's socket might.
fn needs_the_systems(wall: &Wall) -> bool {
    let is_there = |path: &Path| path.starts_with(TMP) && path != Path::new(TMP);
    let files = &wall.files;
    let leads_there = |path: &PathBuf| path.canonicalize().is_ok_and(|path| is_there(&path));
    wall.unix_sockets
        || files.reaches_below(Path::new(TMP))
        || files.write.iter().any(leads_there)
        || files.write.iter().any(|path| path == Path::new(TMP))
        || std::env::current_dir().map_or(true, |cwd| is_there(&cwd))
}

/// Who writes in the lane's private folder may have put a link in this one's place: none is followed.
fn mount_temporary(wall: &Wall, folder: &Path) -> Option<()> {
    let mut writable = wall.files.write.iter();
    let above = writable.find(|above| folder.starts_with(above))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top = openat2(
        CWD,
        above,
        flags,
        Mode::empty(),
        ResolveFlags::NO_MAGICLINKS,
    )
    .ok()?;
    // Itself where the folder is granted by its own name.
    let below = match folder.strip_prefix(above).ok()? {
        below if below.as_os_str().is_empty() => Path::new("."),
        below => below,
    };
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let folder = openat2(top, below, flags, Mode::empty(), inside).ok()?;
    mount_bind(format!("/proc/self/fd/{}", folder.as_raw_fd()), TMP).ok()
}
