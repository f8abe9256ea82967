//! Control groups that bound one process and everything that it starts (cgroups(7)).
//!
//! Of version 1 the hierarchies `pids` and `memory`, or one group of version 2 with both controllers; wherever this
//! process may make one below its own. A group's name says whose it is, so that the next run finds what a killed one
//! left.

use crate::model::policy::ResourceLimits;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// First part of every group's name.
pub const PREFIX: &str = "codelicious-";

/// What processes of a group get to disappear after they were killed.
const MILLIS: u32 = 2_000;

/// The group holds processes.
const BUSY: i32 = rustix::io::Errno::BUSY.raw_os_error();

static OWNER: OnceLock<String> = OnceLock::new();
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Names whose the groups are that are made from now on: `<repository>-<run>`.
pub fn set_owner(owner: &str) {
    // One run is one process; a second one in it is a test's.
    let _ = OWNER.set(owner.to_owned());
}

/// Groups for one process; what is left in them is killed and they are removed on drop.
#[derive(Debug)]
pub struct Bounds {
    groups: Vec<PathBuf>,
    /// What they bound.
    pub memory: bool,
    pub processes: bool,
}

impl Bounds {
    /// Makes groups for the limits of memory and processes, as far as the machine gives some.
    ///
    /// # Errors
    /// None can be made for one of the limits; there may be one for the other if `self` is made with that alone.
    pub fn make(limits: &ResourceLimits) -> Result<Self, String> {
        let owner = OWNER
            .get()
            .cloned()
            .unwrap_or_else(|| format!("pid{}", std::process::id()));
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{owner}@{number}");
        // Our own group is another one once a run begins, and the place for groups the same.
        static PLACES: OnceLock<Places> = OnceLock::new();
        let places = PLACES.get_or_init(Places::read);
        let mut bounds = Self {
            groups: Vec::new(),
            memory: false,
            processes: false,
        };
        if let Some(limit) = limits.processes {
            bounds.add(places.pids.as_ref(), "pids", &name, |place, group| {
                place.set(group, "pids.max", limit)
            })?;
            bounds.processes = true;
        }
        if let Some(limit) = limits.memory {
            bounds.add(places.memory.as_ref(), "memory", &name, |place, group| {
                place.set_memory(group, limit)
            })?;
            bounds.memory = true;
        }
        Ok(bounds)
    }

    fn add(
        &mut self,
        place: Option<&Place>,
        controller: &str,
        name: &str,
        set: impl Fn(&Place, &Path) -> io::Result<()>,
    ) -> Result<(), String> {
        let place =
            place.ok_or_else(|| format!("no hierarchy of control groups has `{controller}`"))?;
        let group = place.folder.join(name);
        if !self.groups.contains(&group) {
            place.give(controller);
            fs::create_dir(&group)
                .map_err(|e| format!("{} cannot be made: {e}", group.display()))?;
            self.groups.push(group.clone());
        }
        set(place, &group).map_err(|e| {
            format!(
                "`{controller}` cannot be bounded in {}: {e}",
                group.display()
            )
        })
    }

    /// The groups' folders; see [`entrance`].
    pub fn groups(&self) -> &[PathBuf] {
        &self.groups
    }

    /// What they are, for people.
    pub fn describe(&self) -> String {
        let folders = self.groups.iter().filter_map(|g| g.parent());
        let folders: Vec<String> = folders.map(|p| p.display().to_string()).collect();
        format!("made below {}", folders.join(" and "))
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        for group in &self.groups {
            end(group);
        }
    }
}

/// The file to which a process that has one thread writes `0` to enter a group.
///
/// To move a whole process the kernel waits until no other one starts or ends anywhere, some ten milliseconds after a
/// pause; for a thread that moves itself it does not. Groups of version 2 take no single threads.
pub fn entrance(group: &Path) -> PathBuf {
    let of_threads = group.join("tasks");
    match of_threads.exists() {
        true => of_threads,
        false => group.join("cgroup.procs"),
    }
}

/// Kills what is in a group and those below it, and removes them. Returns whom it killed.
pub fn end(group: &Path) -> Vec<i32> {
    let mut ended = Vec::new();
    for _ in 0..MILLIS {
        match remove(group) {
            Err(e) if e.raw_os_error() == Some(BUSY) => {}
            // Gone, or not ours to remove.
            Ok(()) | Err(_) => break,
        }
        // Read first: who is killed may be gone at once, and would not be told of.
        let members = members(group);
        // Takes the groups below along; version 2 only.
        let _ = write(&group.join("cgroup.kill"), "1");
        for pid in members {
            if let Some(process) = Pid::from_raw(pid) {
                let _ = kill_process(process, Signal::KILL);
            }
            if !ended.contains(&pid) {
                ended.push(pid);
            }
        }
        // The dead leave when they have ended.
        std::thread::park_timeout(Duration::from_millis(1));
    }
    ended
}

/// Ends what groups of this process' neighbours hold whose name begins so, and the empty ones of processes that are
/// gone. Returns whom it killed.
pub fn end_earlier(prefix: &str) -> Vec<i32> {
    let places = Places::read();
    let mut ended: Vec<i32> = Vec::new();
    for place in [places.pids, places.memory].into_iter().flatten() {
        let groups = fs::read_dir(&place.folder).into_iter().flatten().flatten();
        for group in groups {
            let name = group.file_name().to_string_lossy().into_owned();
            if name.starts_with(prefix) {
                ended.extend(end(&group.path()));
            } else if is_orphan(&name) {
                // Refused while somebody is in it.
                let _ = fs::remove_dir(group.path());
            }
        }
    }
    ended.sort_unstable();
    ended.dedup();
    ended
}

fn is_orphan(name: &str) -> bool {
    let pid = name
        .strip_prefix(PREFIX)
        .and_then(|n| n.strip_prefix("pid"))
        .and_then(|n| n.split_once('@'))
        .and_then(|(pid, _)| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

/// Removes an empty group, with the groups below it.
pub fn remove(group: &Path) -> io::Result<()> {
    for below in fs::read_dir(group).into_iter().flatten().flatten() {
        if below.file_type().is_ok_and(|t| t.is_dir()) {
            remove(&below.path())?;
        }
    }
    fs::remove_dir(group)
}

/// Processes in a group and in those below it.
pub fn members(group: &Path) -> Vec<i32> {
    let below = fs::read_dir(group).into_iter().flatten().flatten();
    let below = below.filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
    let mut pids: Vec<i32> = below.flat_map(|e| members(&e.path())).collect();
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    pids.extend(text.lines().filter_map(|l| l.trim().parse::<i32>().ok()));
    pids
}

/// A control file: written at once, nothing to tear.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(file)?;
    file.write_all(text.as_bytes())
}

/// The folder that a group can be made in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    folder: PathBuf,
    version: u8,
}

impl Place {
    fn set(&self, group: &Path, file: &str, value: u64) -> io::Result<()> {
        write(&group.join(file), &value.to_string())
    }

    fn set_memory(&self, group: &Path, bytes: u64) -> io::Result<()> {
        if self.version == 1 {
            self.set(group, "memory.limit_in_bytes", bytes)?;
            // Not there where swap is not accounted for.
            let _ = self.set(group, "memory.memsw.limit_in_bytes", bytes);
            return Ok(());
        }
        self.set(group, "memory.max", bytes)?;
        let _ = self.set(group, "memory.swap.max", 0);
        let _ = self.set(group, "memory.oom.group", 1);
        Ok(())
    }

    /// Of version 2 a group has the controllers that the one above gives. Refused where that one has processes
    /// itself; then the limit's file is not there.
    fn give(&self, controller: &str) {
        if self.version == 2 {
            let _ = write(
                &self.folder.join("cgroup.subtree_control"),
                &format!("+{controller}"),
            );
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    pids: Option<Place>,
    memory: Option<Place>,
}

impl Places {
    fn read() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::of(&mounts, &own)
    }

    /// By where hierarchies are mounted (proc_pid_mountinfo(5)) and which groups a process is in (cgroups(7)).
    fn of(mounts: &str, own: &str) -> Self {
        let find = |controller: &str| {
            place(mounts, own, Some(controller)).or_else(|| place(mounts, own, None))
        };
        Self {
            pids: find("pids"),
            memory: find("memory"),
        }
    }
}

/// The place in the hierarchy of a controller, or in that of version 2.
fn place(mounts: &str, own: &str, controller: Option<&str>) -> Option<Place> {
    let path = own.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_it = match controller {
            Some(wanted) => controllers.split(',').any(|c| c == wanted),
            None => controllers.is_empty(),
        };
        is_it.then_some(path)
    })?;
    let (root, mount) = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let is_it = match (kind.next()?, controller) {
            ("cgroup", Some(wanted)) => kind.next_back()?.split(',').any(|o| o == wanted),
            ("cgroup2", None) => true,
            _ => false,
        };
        let mut place = place.split(' ').skip(3);
        is_it.then_some((place.next()?, place.next()?))
    })?;
    let below = Path::new(path).strip_prefix(root).ok()?;
    let mut folder = Path::new(mount).join(below);
    // A run's own group holds processes, and then none below it may have bounds.
    let is_own = folder
        .file_name()
        .is_some_and(|n| n.to_string_lossy().starts_with(PREFIX));
    if is_own {
        folder.pop();
    }
    Some(Place {
        folder,
        version: if controller.is_some() { 1 } else { 2 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_made_where_hierarchies_are_mounted() {
        let mounts = "36 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             39 31 0:36 /box /sys/fs/cgroup/pids rw - cgroup cgroup rw,cpu,pids\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let own = "8:cpu,pids:/box/inner\n4:memory:/deep/er\n0::/codelicious-r-1\n";
        let found = Places::of(mounts, own);
        let first = |folder: &str| {
            Some(Place {
                folder: folder.into(),
                version: 1,
            })
        };
        assert_eq!(found.memory, first("/sys/fs/cgroup/memory/deep/er"));
        assert_eq!(found.pids, first("/sys/fs/cgroup/pids/inner"));

        let found = Places::of(mounts, "0::/a/codelicious-r-1\n");
        let second = Some(Place {
            folder: "/sys/fs/cgroup/unified/a".into(),
            version: 2,
        });
        assert_eq!((&found.memory, &found.pids), (&second, &second));

        // A path that does not lie below what is mounted.
        assert_eq!(Places::of(mounts, "8:pids:/elsewhere\n"), Places::default());
        assert_eq!(Places::of("", own), Places::default());
    }

    #[test]
    fn a_group_of_a_process_that_is_gone_is_an_orphan() {
        assert!(!is_orphan(&format!("{PREFIX}pid{}@3", std::process::id())));
        assert!(is_orphan(&format!("{PREFIX}pid4294967295@3")));
        assert!(!is_orphan("codelicious-0a1b2c-run"));
        assert!(!is_orphan("session-1"));
    }
}
