//! Namespaces: a network of one's own, and a view of the file system that cannot be changed.
//!
//! Landlock does not see modes, owners, times and attributes of files. In a mount namespace everything but the writable
//! folders is mounted read-only, which covers them. Root needs no more; others make a user namespace first, in which
//! they stay who they are (user_namespaces(7)).

use super::write_control;
use crate::model::policy::{FileAccess, Network};
use crate::sandbox::Sandbox;
use nix::sched::{CloneFlags, unshare};
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount_bind_recursive, mount_change, mount_remount,
};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};
use rustix::process::{Gid, Uid};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// What was entered.
pub(in crate::sandbox) struct Entered {
    pub users: bool,
    own_network: bool,
    /// Why there are no mounts and no network of this process' own.
    pub lacks: Option<String>,
}

/// Whether files outside the writable folders are protected from changes of mode, owner and time.
pub(super) enum Frozen {
    Yes,
    /// Everything is as it was; Landlock protects what files hold all the same.
    No(String),
}

/// Set where who makes a user namespace may do nothing in it, not even say who they are there: then it is too late.
const NO_USER_SPACES: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

/// Makes a user namespace; nothing has changed when it cannot.
fn make_users(flags: CloneFlags) -> Result<(), String> {
    let forbidden = std::fs::read_to_string(NO_USER_SPACES).is_ok_and(|s| s.trim() == "1");
    if forbidden {
        return Err("AppArmor restricts user namespaces; `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` as root allows them".to_owned());
    }
    unshare(flags | CloneFlags::CLONE_NEWUSER)
        .map_err(|e| format!("{e} (unprivileged user namespaces may be switched off)"))
}

/// Stays who one was, in a user namespace that was just made.
fn stay_the_same(user: Uid, group: Gid) -> Result<(), String> {
    let stay = |what: &str, id: u32| {
        write_control(&Path::new("/proc/self").join(what), &format!("{id} {id} 1"))
    };
    write_control(Path::new("/proc/self/setgroups"), "deny")
        .and_then(|()| stay("uid_map", user.as_raw()))
        .and_then(|()| stay("gid_map", group.as_raw()))
        .map_err(|e| format!("the user namespace cannot be set up: {e}"))
}

/// Enters namespaces of this process' own, as far as the kernel gives some.
pub(super) fn enter(own_network: bool) -> Result<Entered, String> {
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC;
    if own_network {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let (users, lacks) = match user.is_root() && unshare(flags).is_ok() {
        true => (false, None),
        false => match make_users(flags) {
            Ok(()) => {
                stay_the_same(user, group)?;
                (true, None)
            }
            Err(why) => (false, Some(why)),
        },
    };
    Ok(Entered {
        users,
        own_network,
        lacks,
    })
}

impl Entered {
    /// Makes of the network what a wall wants. Without one of this process' own, calls for sockets can still be refused.
    pub(super) fn give(&self, network: &Network) -> Result<(), String> {
        if self.own_network == (*network == Network::Full) {
            return Err("it was started for another network".to_owned());
        }
        match (network, &self.lacks) {
            (Network::None | Network::Full, _) => Ok(()),
            (Network::Loopback | Network::Hosts(_), Some(why)) => {
                Err(format!("the kernel gives no network namespace: {why}"))
            }
            (Network::Loopback | Network::Hosts(_), None) => {
                raise_loopback().map_err(|e| format!("the loopback cannot be brought up: {e}"))
            }
        }
    }
}

/// Asks the kernel to bring up the first interface of this namespace, which is its loopback (rtnetlink(7)).
fn raise_loopback() -> io::Result<()> {
    const LENGTH: usize = 32;
    const RTM_NEWLINK: u16 = 16;
    const REQUEST_AND_ACK: u16 = 0x1 | 0x4;
    const NLMSG_ERROR: u16 = 2;
    const IFF_UP: u32 = 1;
    let mut message = Vec::with_capacity(LENGTH);
    message.extend((LENGTH as u32).to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(REQUEST_AND_ACK.to_ne_bytes());
    message.extend([0; 8]); // sequence, port
    message.extend([0; 4]); // family, type of device
    message.extend(1_i32.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());

    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // NETLINK_ROUTE has the number 0.
        None,
    )?;
    sendto(
        &socket,
        &message,
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut answer = [0_u8; 256];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    // Behind the header of sixteen bytes: 0, or the error's number below it.
    let kind = answer.get(4..6).map(|b| u16::from_ne_bytes([b[0], b[1]]));
    match answer.get(16..20) {
        Some(b) if length >= 20 && kind == Some(NLMSG_ERROR) => {
            match i32::from_ne_bytes([b[0], b[1], b[2], b[3]]) {
                0 => Ok(()),
                error => Err(io::Error::from_raw_os_error(error.saturating_neg())),
            }
        }
        _ => Err(io::Error::other("the kernel's answer is not understood")),
    }
}

/// Mounts everything but the writable folders and files read-only, in this process' own mount namespace, and of those
/// what is to be kept.
pub(super) fn freeze(files: &FileAccess) -> Result<Frozen, String> {
    let writable = &files.write;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    if let Err(e) = mount_change("/", private) {
        return Ok(Frozen::No(format!("mounts cannot be made private: {e}")));
    }
    let mut kept: Vec<PathBuf> = Vec::new();
    let mut shut: Vec<PathBuf> = Vec::new();
    if let Some(pair) = pair_in(writable)
        && bind(&pair.around).is_ok()
    {
        for beside in &pair.beside {
            // What went meanwhile needs no mount, and what cannot have one would stay writable.
            match bind(beside) {
                Ok(()) => shut.push(beside.clone()),
                Err(_) if beside.symlink_metadata().is_err() => {}
                Err(e) => {
                    let beside = beside.display();
                    return Ok(Frozen::No(format!("{beside} cannot be shut: {e}")));
                }
            }
        }
        kept.push(pair.around);
    }
    for path in writable {
        // One inside another may have been replaced by a link; the outer one holds it anyway.
        if writable.iter().any(|w| path.starts_with(w) && w != path) {
            continue;
        }
        let Ok(path) = path.canonicalize() else {
            continue;
        };
        // A device is written to whatever its mount says.
        if !path.metadata().is_ok_and(|m| m.is_dir() || m.is_file()) {
            continue;
        }
        let is_shut = shut.iter().any(|s| path.starts_with(s));
        if !is_shut && kept.iter().any(|k| path.starts_with(k)) {
            continue;
        }
        if path == Path::new("/") {
            kept.push(path);
            continue;
        }
        if let Err(e) = bind(&path) {
            let path = path.display();
            return Ok(Frozen::No(format!("{path} cannot be kept writable: {e}")));
        }
        kept.push(path);
    }
    // A folder that something is mounted on can be neither moved nor removed.
    for path in &files.kept {
        let Ok(path) = path.canonicalize() else {
            continue;
        };
        let bind_it = |path: &Path| {
            bind(path).map_err(|e| format!("{} cannot be kept as it is: {e}", path.display()))
        };
        // Nor may a folder above it, which could be moved with it and be made anew.
        let holding = kept.iter().filter(|all| path.starts_with(all));
        let outer = holding.max_by_key(|all| all.as_os_str().len()).cloned();
        let is_inner = |above: &&Path| {
            outer
                .as_ref()
                .is_some_and(|o| *above != o && above.starts_with(o))
        };
        let above: Vec<PathBuf> = path
            .ancestors()
            .skip(1)
            .take_while(is_inner)
            .map(Path::to_path_buf)
            .collect();
        for folder in above.into_iter().rev() {
            bind_it(&folder)?;
            kept.push(folder);
        }
        bind_it(&path)?;
        shut.push(path);
    }
    let cwd =
        std::env::current_dir().map_err(|e| format!("the working folder is not there: {e}"))?;
    let mounts = mount_table().map_err(|e| format!("/proc/self/mountinfo cannot be read: {e}"))?;
    for line in mounts.split(|b| *b == b'\n') {
        let Some((place, flags)) = mount_in(line) else {
            continue;
        };
        // Of all that hold it, the innermost says what it is.
        let holds = |all: &[PathBuf]| {
            let holding = all.iter().filter(|a| place.starts_with(a));
            holding.map(|a| a.as_os_str().len()).max()
        };
        let is_kept = match (holds(&kept), holds(&shut)) {
            (Some(kept), Some(shut)) => kept > shut,
            (kept, _) => kept.is_some(),
        };
        if flags.contains(MountFlags::RDONLY) || is_kept {
            continue;
        }
        let frozen = mount_remount(&place, flags | MountFlags::BIND | MountFlags::RDONLY, c"");
        // One that something else is mounted over cannot be named, and cannot be reached either.
        let must = place == Path::new("/") || files.kept.contains(&place);
        if let (Err(e), true) = (frozen, must) {
            let place = place.display();
            return Err(format!("{place} cannot be mounted read-only: {e}"));
        }
    }
    // The working folder was looked up in the mounts as they were.
    std::env::set_current_dir(&cwd)
        .map_err(|e| format!("{} cannot be entered: {e}", cwd.display()))?;
    Ok(Frozen::Yes)
}

fn bind(path: &Path) -> rustix::io::Result<()> {
    mount_bind_recursive(path, path)
}

/// A lane and what is granted of its private folder, under one mount: nothing can be renamed or linked from one mount
/// into another. The price is that the modes of the folders around them are theirs to change.
struct Pair {
    /// The folder that both lie in.
    around: PathBuf,
    /// What else lies there.
    beside: Vec<PathBuf>,
}

/// Folders beside a lane, other than lanes and what is theirs, up to which it shares a mount with its private folder.
const MAX_BESIDE: usize = 64;
/// The same for all of them, since each takes a mount of its own.
const MAX_MOUNTS: usize = 4_096;

/// The lane and its private folder, where both are folders of a folder that is all lanes: elsewhere what a person
/// keeps beside it would have to be shut entry by entry.
fn pair_in(writable: &[PathBuf]) -> Option<Pair> {
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|m| m.is_dir());
    let lane = writable.iter().find_map(|granted| {
        let (private, lane) = granted
            .ancestors()
            .find_map(|above| Some((above, Sandbox::lane_of(above)?)))?;
        (writable.contains(&lane) && is_folder(&lane) && is_folder(private)).then_some(lane)
    })?;
    let around = lane.parent()?.canonicalize().ok()?;
    let granted: Vec<PathBuf> = writable
        .iter()
        .filter_map(|path| Some(around.join(path.strip_prefix(lane.parent()?).ok()?)))
        .collect();
    let mut beside: Vec<PathBuf> = Vec::new();
    let mut others = 0;
    let mut open = vec![around.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).ok()? {
            let path = entry.ok()?.path();
            if granted.contains(&path) {
                continue;
            }
            // A link cannot be mounted over, and a file is nothing of lanes.
            if !is_folder(&path) {
                return None;
            }
            let is_of_lanes =
                Sandbox::lane_of(&path).is_some() || is_folder(&Sandbox::private_dir(&path));
            others += usize::from(!is_of_lanes);
            if others > MAX_BESIDE || beside.len() == MAX_MOUNTS {
                return None;
            }
            match granted.iter().any(|granted| granted.starts_with(&path)) {
                true => open.push(path),
                false => beside.push(path),
            }
        }
    }
    Some(Pair { around, beside })
}

/// Read in few pieces: the kernel writes each anew.
fn mount_table() -> io::Result<Vec<u8>> {
    let mut table = Vec::with_capacity(1 << 14);
    io::Read::read_to_end(&mut File::open("/proc/self/mountinfo")?, &mut table)?;
    Ok(table)
}

/// A mount's place and its own flags (proc_pid_mountinfo(5)), which a remount must not take away.
fn mount_in(line: &[u8]) -> Option<(PathBuf, MountFlags)> {
    let mut fields = line.split(|b| *b == b' ').skip(4);
    let place = unescape(fields.next()?);
    let options = std::str::from_utf8(fields.next()?).ok()?;
    let flags = options.split(',').fold(MountFlags::empty(), |flags, word| {
        flags
            | match word {
                "ro" => MountFlags::RDONLY,
                "nosuid" => MountFlags::NOSUID,
                "nodev" => MountFlags::NODEV,
                "noexec" => MountFlags::NOEXEC,
                "noatime" => MountFlags::NOATIME,
                "nodiratime" => MountFlags::NODIRATIME,
                "relatime" => MountFlags::RELATIME,
                _ => MountFlags::empty(),
            }
    });
    Some((place, flags))
}

/// Blanks and their like stand as three octal digits behind a backslash.
fn unescape(text: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, more)) = rest.split_first() {
        let digits = more
            .get(..3)
            .filter(|d| *first == b'\\' && d.iter().all(|b| matches!(b, b'0'..=b'7')));
        match digits {
            Some(digits) => {
                out.push(
                    digits
                        .iter()
                        .fold(0_u8, |n, d| n.wrapping_mul(8).wrapping_add(d - b'0')),
                );
                rest = &more[3..];
            }
            None => {
                out.push(*first);
                rest = more;
            }
        }
    }
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;

    /// A lane among others, and folders that are none.
    fn beside(lanes: usize, others: usize) -> Option<usize> {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: String| {
            let path = dir.path().canonicalize().unwrap().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let own = [at("own".to_owned()), at("own@box".to_owned())];
        for n in 0..lanes {
            at(format!("lane-{n}"));
            at(format!("lane-{n}@box"));
        }
        for n in 0..others {
            at(format!("other-{n}"));
        }
        pair_in(&own).map(|pair| pair.beside.len())
    }

    #[test]
    fn a_lane_and_its_private_folder_are_one_mount_however_many_lanes_there_are() {
        assert_eq!(beside(0, 0), Some(0));
        assert_eq!(beside(100, 0), Some(200));
        assert_eq!(beside(100, MAX_BESIDE), Some(200 + MAX_BESIDE));
        assert_eq!(beside(1, MAX_BESIDE + 1), None);
    }

    #[test]
    fn mounts_are_read_with_their_flags_and_blanks() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402\134x rw,nosuid,noatime master:1 - ext3 /dev/root rw,errors=continue";
        let (place, flags) = mount_in(line).unwrap();
        assert_eq!(place, Path::new(r"/mnt 2\x"));
        assert_eq!(flags, MountFlags::NOSUID | MountFlags::NOATIME);
        assert!(mount_in(b"").is_none());
        assert!(mount_in(b"1 2 3 4 /x").is_none());
        assert_eq!(unescape(br"a\9\04"), Path::new(r"a\9\04"));
    }
}
