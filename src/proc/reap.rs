//! Ending what left its process group.
//!
//! On Linux the process becomes a child subreaper, so a daemonised grandchild is re-parented to us and
//! shows up among our children; those that we did not start ourselves are leftovers. A process of an
//! earlier run that was killed is found by the run token in its environment and a start time before ours,
//! never by pid alone.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use tokio::process::Child;

/// Set once orphans come to us: before that, children we did not start are somebody else's.
static ADOPTING: AtomicBool = AtomicBool::new(false);
/// What marks a push and everything that it started.
static PUSH: OnceLock<String> = OnceLock::new();
/// What marks the hooks that run now.
static HOOKS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static LIVE: Mutex<Option<HashSet<i32>>> = Mutex::new(None);

fn live() -> MutexGuard<'static, Option<HashSet<i32>>> {
    LIVE.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Starts a child. Nobody takes it for a stranger meanwhile, whichever thread looks.
pub(super) fn starting(spawn: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
    let mut live = live();
    let child = spawn()?;
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        live.get_or_insert_default().insert(pid);
    }
    Ok(child)
}

pub(super) fn ended(pid: Option<Pid>) {
    if let (Some(pid), Some(set)) = (pid, live().as_mut()) {
        set.remove(&pid.as_raw_nonzero().get());
    }
}

/// Makes orphaned descendants our children. Call once, before anything is spawned. `push_mark` is what pushes carry
/// in [`PUSH_MARK`](super::PUSH_MARK), and nobody else knows: what a remote on this machine started is not ours to end.
pub fn adopt_orphans(push_mark: String) {
    // Said once in a process; a second time changes nothing.
    let _ = PUSH.set(push_mark);
    #[cfg(target_os = "linux")]
    {
        let me = rustix::process::getpid();
        // Only an old kernel refuses; then groups are all we have.
        let _ = rustix::process::set_child_subreaper(Some(me));
        ADOPTING.store(true, Ordering::Relaxed);
    }
}

/// The value that a push is to carry in its environment.
pub fn push_mark() -> &'static str {
    PUSH.get().map_or("1", String::as_str)
}

/// Keeps what carries its mark from being ended as a leftover, for as long as it is held: the processes of a hook that
/// runs beside an engine. Then it ends what of them is left, and nothing else: the engine may still run.
#[derive(Debug)]
pub struct Spared(String);

impl Spared {
    /// A mark that nobody else has.
    pub fn begin() -> Self {
        let mark = crate::sandbox::launch::token();
        hooks().push(mark.clone());
        Self(mark)
    }

    /// The variable that carries it.
    pub fn variable(&self) -> (String, String) {
        (super::PUSH_MARK.to_owned(), self.0.clone())
    }
}

impl Drop for Spared {
    fn drop(&mut self) {
        hooks().retain(|mark| *mark != self.0);
        #[cfg(target_os = "linux")]
        end_strangers(|pid| {
            let path = std::path::PathBuf::from(format!("/proc/{pid}"));
            foreign::variable(&path, super::PUSH_MARK).as_ref() == Some(&self.0)
        });
    }
}

fn hooks() -> MutexGuard<'static, Vec<String>> {
    HOOKS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Ends every descendant that outlived the process that started it; returns how many there were. Does
/// nothing before [`adopt_orphans`].
pub fn end_leftovers() -> usize {
    end_strangers(|pid| !is_spared(pid))
}

fn end_strangers(is_meant: impl Fn(i32) -> bool) -> usize {
    let mut ended = 0;
    if !ADOPTING.load(Ordering::Relaxed) {
        return ended;
    }
    // Ending one may hand us its own children: repeat, bounded, until none is left.
    for _ in 0..64 {
        let strangers: Vec<Pid> = strangers()
            .into_iter()
            .filter(|pid| is_meant(*pid))
            .filter_map(Pid::from_raw)
            .collect();
        if strangers.is_empty() {
            break;
        }
        for pid in strangers {
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
            ended += 1;
        }
    }
    ended
}

/// Children that we did not start.
fn strangers() -> Vec<i32> {
    let live = live();
    let is_known = |pid: &i32| live.as_ref().is_some_and(|known| known.contains(pid));
    let mut children = children_of_self();
    children.retain(|pid| !is_known(pid));
    children
}

/// True for what a push started, such as the housekeeping of a remote that is a folder here, and for what a hook that
/// runs did.
#[cfg(target_os = "linux")]
fn is_spared(pid: i32) -> bool {
    let path = std::path::PathBuf::from(format!("/proc/{pid}"));
    foreign::settle(&path);
    foreign::variable(&path, super::PUSH_MARK)
        .is_some_and(|mark| PUSH.get() == Some(&mark) || hooks().contains(&mark))
}

#[cfg(not(target_os = "linux"))]
fn is_spared(_: i32) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn children_of_self() -> Vec<i32> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|w| w.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn children_of_self() -> Vec<i32> {
    Vec::new()
}

/// Ends processes of earlier runs in this repository: those whose run token starts with `repository/` and
/// names another run than `own_run`, and which started before this process. Returns their pids.
pub fn end_foreign(repository: &str, own_run: &str) -> Vec<i32> {
    #[cfg(target_os = "linux")]
    {
        foreign::end(repository, own_run)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (repository, own_run);
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
mod foreign {
    use super::{Pid, Signal, kill_process};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    /// What processes of a killed run get between SIGTERM and SIGKILL, all together.
    const GRACE_MILLIS: u32 = 1_500;
    /// What its pushes get before that, all together.
    const PUSH_MILLIS: u32 = 10_000;
    /// What a process gets to have an environment.
    const SETTLE_MILLIS: u32 = 20;

    pub(super) fn end(repository: &str, own_run: &str) -> Vec<i32> {
        let Some(own_start) = start_time(Path::new("/proc/self")) else {
            return Vec::new();
        };
        let mut older: Vec<(Pid, PathBuf)> = processes()
            .filter(|(_, path)| is_foreign(path, repository, own_run))
            .filter(|(_, path)| start_time(path).is_some_and(|t| t <= own_start))
            .collect();
        let mut patience = PUSH_MILLIS;
        older.retain(|(_, path)| {
            let is_push = variable(path, super::super::PUSH_MARK).is_some();
            !is_push || wait(path, &mut patience)
        });
        // Asked first, and all at once: what is cut off in the middle takes its locks away with it, if it is
        // given the time.
        for (pid, _) in &older {
            let _ = kill_process(*pid, Signal::TERM);
        }
        let mut patience = GRACE_MILLIS;
        for (pid, path) in &older {
            wait(path, &mut patience);
            // Looked at again: the number may be somebody else's by now.
            if is_foreign(path, repository, own_run) {
                let _ = kill_process(*pid, Signal::KILL);
                wait_gone(path);
            }
        }
        older
            .iter()
            .map(|(pid, _)| pid.as_raw_nonzero().get())
            .collect()
    }

    /// Waits while a process runs and patience lasts; true when it still runs.
    fn wait(process: &Path, patience: &mut u32) -> bool {
        while *patience > 0 && is_running(process) {
            std::thread::park_timeout(Duration::from_millis(1));
            *patience -= 1;
        }
        is_running(process)
    }

    fn processes() -> impl Iterator<Item = (Pid, PathBuf)> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
            Some((Pid::from_raw(pid)?, entry.path()))
        })
    }

    fn is_foreign(process: &Path, repository: &str, own_run: &str) -> bool {
        variable(process, super::super::RUN_TOKEN).is_some_and(|t| {
            t.split_once('/')
                .is_some_and(|(repo, run)| repo == repository && run != own_run)
        })
    }

    pub(super) fn variable(process: &Path, name: &str) -> Option<String> {
        let environ = std::fs::read(process.join("environ")).ok()?;
        let prefix = format!("{name}=");
        environ
            .split(|b| *b == 0)
            .find_map(|v| v.strip_prefix(prefix.as_bytes()))
            .map(|v| String::from_utf8_lossy(v).into_owned())
    }

    /// Waits while a process becomes another program: for a moment it has no environment then. Some never have one.
    pub(super) fn settle(process: &Path) {
        for _ in 0..SETTLE_MILLIS {
            let environ = std::fs::read(process.join("environ"));
            if !environ.is_ok_and(|e| e.is_empty()) || !is_running(process) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Field 22 of `/proc/<pid>/stat` (proc(5)): start time in clock ticks since boot. The second field may
    /// hold spaces and brackets, so fields are counted from its closing one.
    fn start_time(process: &Path) -> Option<u64> {
        let stat = std::fs::read_to_string(process.join("stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        rest.split_whitespace().nth(19)?.parse().ok()
    }

    /// A killed process is gone, or a zombie that holds nothing, within a moment; bounded all the same.
    fn wait_gone(process: &Path) {
        for _ in 0..2_000 {
            if !is_running(process) {
                return;
            }
            std::thread::yield_now();
        }
    }

    fn is_running(process: &Path) -> bool {
        let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        let state = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.trim_start().chars().next());
        !matches!(state, None | Some(None | Some('Z' | 'X')))
    }
}
