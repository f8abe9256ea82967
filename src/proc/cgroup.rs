//! A control group of the run's own.
//!
//! What a run starts cannot leave it, whatever it does to its session, its parent or its environment. So when a run
//! was killed, the next one finds in the group's name whose it was, and in the group who is left. Only where the
//! kernel has control groups of version 2 (cgroups(7)) and lets us make one below our own; elsewhere the token in
//! the environment has to do.

use crate::sandbox::groups::{self, PREFIX};
use std::fs;
use std::path::{Path, PathBuf};

/// Our place in a group; left, and the group removed, on drop.
#[derive(Debug)]
pub struct Membership {
    above: PathBuf,
    group: PathBuf,
}

/// Ends what is left in groups of earlier runs in this repository, and puts this process, with everything that it
/// starts from now on, into a group of its own. To be called with the run lock held, before anything is started.
///
/// Returns the membership (None where the machine gives no group) and the pids that were ended.
pub fn enter(repository: &str, run: &str) -> (Option<Membership>, Vec<i32>) {
    let mut ended = groups::end_earlier(&format!("{PREFIX}{repository}-"));
    groups::set_owner(&format!("{repository}-{run}"));
    let Some(above) = own_group() else {
        return (None, ended);
    };
    ended.extend(end_earlier(&above, repository));
    let group = above.join(format!("{PREFIX}{repository}-{run}"));
    let entered = fs::create_dir(&group).and_then(|()| move_to(&group));
    match entered {
        Ok(()) => {
            // It was started outside.
            super::standby::end();
            (Some(Membership { above, group }), ended)
        }
        Err(_) => {
            let _ = fs::remove_dir(&group);
            (None, ended)
        }
    }
}

/// True where a run gets a group of its own.
pub fn is_available() -> bool {
    own_group().is_some_and(|above| {
        let probe = above.join(format!("{PREFIX}probe-{}", std::process::id()));
        let made = fs::create_dir(&probe).is_ok();
        let _ = fs::remove_dir(&probe);
        made
    })
}

impl Drop for Membership {
    fn drop(&mut self) {
        super::standby::end();
        // A group that stays is empty, and removed by the next run.
        let _ = move_to(&self.above);
        let _ = fs::remove_dir(&self.group);
    }
}

fn move_to(group: &Path) -> std::io::Result<()> {
    // A control file: written at once, nothing to tear.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(group.join("cgroup.procs"))?;
    std::io::Write::write_all(&mut file, std::process::id().to_string().as_bytes())
}

/// Kills what earlier runs in this repository left in their groups, and removes those.
fn end_earlier(above: &Path, repository: &str) -> Vec<i32> {
    let prefix = format!("{PREFIX}{repository}-");
    let groups = fs::read_dir(above).into_iter().flatten().flatten();
    groups
        .filter(|g| g.file_name().to_string_lossy().starts_with(&prefix))
        .flat_map(|g| groups::end(&g.path()))
        .collect()
}

/// The folder of the group that this process is in: where the hierarchy is mounted (proc(5), mountinfo), and the
/// path in it (cgroups(7), `/proc/self/cgroup`).
fn own_group() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    group_in(&mounts, &own)
}

fn group_in(mounts: &str, own: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|l| l.strip_prefix("0::/"))?;
    let mount = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ")
            .then(|| place.split(' ').nth(4))?
    })?;
    Some(Path::new(mount).join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_group_is_where_the_mount_and_the_path_say() {
        let mounts = "31 1 0:25 / /sys rw - sysfs sysfs rw\n41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let hybrid = "9:name=systemd:/\n4:memory:/x\n0::/\n";
        assert_eq!(
            group_in(mounts, hybrid),
            Some(PathBuf::from("/sys/fs/cgroup/unified/"))
        );
        let session = "0::/user.slice/session-1.scope\n";
        let there = "/sys/fs/cgroup/unified/user.slice/session-1.scope";
        assert_eq!(group_in(mounts, session), Some(PathBuf::from(there)));
        assert_eq!(group_in("", session), None);
        assert_eq!(group_in(mounts, "4:memory:/x\n"), None, "version 1 only");
    }
}
