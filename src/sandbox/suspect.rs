//! Whether a command that failed may have failed because of its wall, told by what it printed. Pure.
//!
//! A guess: programs say that something is not permitted, and not by whom.

use crate::model::policy::{Network, Preset, SandboxPolicy, Wall};
use crate::model::shell;
use std::path::Path;

/// Lines that are looked at, from the last one back.
const LINES: usize = 200;

/// Characters of a path and of a command that are repeated.
const SHOWN: usize = 160;

/// What programs say where files are closed to them, in lower case.
const DENIED: &[&str] = &[
    "permission denied",
    "operation not permitted",
    "read-only file system",
    "permissionerror",
    "eacces",
    "eperm",
    "erofs",
];

/// Calls that the filter refuses, by the words that stand beside "not permitted".
const CALLS: &[&str] = &[
    "ptrace",
    "unshare",
    "clone",
    "mount",
    "setns",
    "chroot",
    "bpf",
    "perf_event",
    "io_uring",
    "userfaultfd",
    "keyctl",
];

/// What programs say where a host is not reached.
const UNREACHED: &[&str] = &[
    "network is unreachable",
    "enetunreach",
    "could not resolve host",
    "temporary failure in name resolution",
    "name or service not known",
    "nodename nor servname",
    "no such host",
    "eai_again",
    "getaddrinfo enotfound",
    "forbidden by the sandbox",
    "couldn't resolve host",
    "failed to lookup address information",
    "unknownhostexception",
    "--offline was specified",
    "module lookup disabled",
];

/// What programs say where they get no socket of the Unix domain, in one line.
const NO_SOCKET: &[[&str; 2]] = &[
    ["socket", "operation not permitted"],
    ["socket", "eperm"],
    ["listen eperm", "/"],
    ["connect eperm", "/"],
    ["af_unix", "not permitted"],
    ["socket.socket(", "family)"],
    ["socket.socket(", "af_unix"],
];

/// What programs say where there is no pseudo-terminal left, and what they call one.
const OUT_OF_TERMINALS: &[&str] = &["out of pty", "no more pty"];
const TERMINAL: &[&str] = &[
    "pseudo-terminal",
    "pseudoterminal",
    "/dev/ptmx",
    "openpty",
    "forkpty",
    "posix_openpt",
];

/// What programs say where they cannot make a lock or memory that processes share by name.
const NO_SHARED_MEMORY: &[&str] = &["_multiprocessing.semlock(", "sem_open", "shm_open"];

/// Names of this machine as programs write them.
const LOOPBACK: &[&str] = &["127.0.0.1", "localhost", "[::1]", "::1:"];

/// What the wall did, perhaps.
#[derive(Debug, PartialEq, Eq)]
enum Suspect<'a> {
    Path(&'a str),
    Call(&'static str),
    Host,
    /// A service of this machine, where the loopback is the command's own.
    Service,
    Sockets,
    Terminal,
    /// The lane lies where programs share memory, so that there is no such place of its own.
    SharedMemory,
    /// Something was moved from one writable folder into another.
    Move,
    /// The setting of a limit.
    Limit(&'static str),
}

/// A sentence for people where a command that ended so may have met its wall; None where nothing points to it.
pub fn hint(policy: &SandboxPolicy, command: &str, exit: i32, output: &str) -> Option<String> {
    let SandboxPolicy::Walled(wall) = policy else {
        return None;
    };
    let what = words(suspect(wall, exit, output)?, wall.preset);
    Some(format!(
        "its sandbox may be why ({what}): `{}` shows what it may",
        explain(wall.preset, command)
    ))
}

/// What a person types to see what a command may.
fn explain(preset: Preset, command: &str) -> String {
    let preset = match preset {
        Preset::Verify => String::new(),
        other => format!(" --preset {other}"),
    };
    // Words that mean nothing more to a shell need no quotes.
    let is_plain = |c: char| c == ' ' || shell::is_plain(c);
    let command = match command {
        long if long.chars().count() > SHOWN => "COMMAND".to_owned(),
        plain if plain.chars().all(is_plain) => plain.to_owned(),
        odd => shell::quote(odd),
    };
    format!("codelicious sandbox explain{preset} -- {command}")
}

fn words(suspect: Suspect<'_>, preset: Preset) -> String {
    match suspect {
        Suspect::Path(path) => {
            let path: String = path.chars().take(SHOWN).collect();
            format!("{path} is closed to it, or may only be read")
        }
        Suspect::Call(call) => format!("it refuses the system call `{call}`"),
        Suspect::Host => format!(
            "hosts are reached only as `[sandbox.{preset}] hosts` says, and packages fetched by `[worktree] setup`"
        ),
        Suspect::Service => format!(
            "its loopback is its own, and services of this machine are reached only as `[sandbox.{preset}] hosts` says"
        ),
        Suspect::Sockets => {
            format!(
                "sockets of the Unix domain are closed without `[sandbox.{preset}] unix_sockets`"
            )
        }
        Suspect::Terminal => format!(
            "the machine's pseudo-terminals are closed without `[sandbox.{preset}] write = [\"/dev/ptmx\", \"/dev/pts\"]`"
        ),
        Suspect::SharedMemory => {
            "a repository or state folder in /dev/shm leaves no shared memory to its commands: one on a disk does"
                .to_owned()
        }
        Suspect::Move => "nothing is moved from one of its folders into another".to_owned(),
        Suspect::Limit(setting) => format!("it may have come to its bound of `{setting}`"),
    }
}

fn suspect<'a>(wall: &Wall, exit: i32, output: &'a str) -> Option<Suspect<'a>> {
    let of_line = output
        .lines()
        .rev()
        .take(LINES)
        .find_map(|line| in_line(wall, line));
    of_line.or_else(|| by_exit(wall, exit).map(Suspect::Limit))
}

/// A shell says 128 and the signal: SIGKILL, SIGXCPU, SIGXFSZ (signal(7)).
fn by_exit(wall: &Wall, exit: i32) -> Option<&'static str> {
    let limits = &wall.limits;
    match exit {
        137 => limits.memory.map(|_| "memory"),
        152 => limits.cpu_seconds.map(|_| "cpu_seconds"),
        153 => limits.file_size.map(|_| "file_size"),
        _ => None,
    }
}

fn in_line<'a>(wall: &Wall, line: &'a str) -> Option<Suspect<'a>> {
    let lower = line.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let lacks_terminal = says(OUT_OF_TERMINALS) || (says(TERMINAL) && says(DENIED));
    if lacks_terminal && !has_terminals(wall) {
        return Some(Suspect::Terminal);
    }
    let has_both = |words: &[&str; 2]| words.iter().all(|word| lower.contains(word));
    if !wall.unix_sockets && NO_SOCKET.iter().any(has_both) {
        return Some(Suspect::Sockets);
    }
    if says(NO_SHARED_MEMORY) && wall.files.reaches_below(Path::new("/dev/shm")) {
        return Some(Suspect::SharedMemory);
    }
    if says(DENIED) {
        // Who tells of it stands before what was refused, in whatever language.
        let path = paths(line).filter(|path| !may_write(wall, path)).last();
        if let Some(path) = path {
            return Some(match path.ends_with(".sock") && !wall.unix_sockets {
                true => Suspect::Sockets,
                false => Suspect::Path(path),
            });
        }
        let is_word = |call: &&&str| lower.split(|c: char| !is_of_word(c)).any(|w| w == **call);
        if says(&["not permitted", "eperm"])
            && let Some(call) = CALLS.iter().find(is_word)
        {
            return Some(Suspect::Call(call));
        }
    }
    if wall.network != Network::Full {
        if says(UNREACHED) {
            return Some(Suspect::Host);
        }
        if says(&["connection refused", "econnrefused"]) && says(LOOPBACK) {
            return Some(Suspect::Service);
        }
    }
    if says(&["invalid cross-device link", "exdev"]) {
        return Some(Suspect::Move);
    }
    let limits = &wall.limits;
    let limit = |words: &[&str], bound: Option<u64>, setting| {
        (bound.is_some() && says(words)).then_some(Suspect::Limit(setting))
    };
    limit(
        &[
            "cannot allocate memory",
            "out of memory",
            "memoryerror",
            "enomem",
            "memory allocation of",
        ],
        limits.memory,
        "memory",
    )
    .or_else(|| {
        limit(
            &[
                "resource temporarily unavailable",
                "cannot fork",
                "can't start new thread",
                "failed to create new os thread",
                "spawn eagain",
            ],
            limits.processes,
            "processes",
        )
    })
    .or_else(|| {
        limit(
            &["too many open files", "emfile"],
            limits.open_files,
            "open_files",
        )
    })
    .or_else(|| limit(&["file too large", "efbig"], limits.file_size, "file_size"))
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// True where pseudo-terminals are to be had: the machine's, where they are granted, or a command's own, which come with
/// the namespaces that a loopback of its own needs. Without such a network there may be no namespace.
fn has_terminals(wall: &Wall) -> bool {
    let is_granted = may_write(wall, "/dev/ptmx") && may_write(wall, "/dev/pts");
    is_granted
        || match wall.network {
            Network::Loopback | Network::Hosts(_) => true,
            Network::None | Network::Full => false,
        }
}

/// Absolute paths that a line names, but not places in a source text (`/a.py:12`), which only say who tells of it.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| c.is_whitespace() || "'\"`‘’“”()[]{}<>,;".contains(c);
    line.split(is_between)
        .map(|word| word.trim_end_matches([':', '.', '!', '?']))
        .filter(|word| word.len() > 1 && word.starts_with('/') && !word.starts_with("//"))
        .filter(|word| {
            let number = word.rsplit_once(':').map_or("", |(_, number)| number);
            number.is_empty() || number.contains(|c: char| !c.is_ascii_digit())
        })
}

/// Devices are opened whatever their mount says, and not made.
fn may_write(wall: &Wall, path: &str) -> bool {
    wall.files
        .write
        .iter()
        .any(|granted| Path::new(path).starts_with(granted))
}

#[cfg(test)]
#[path = "suspect_tests.rs"]
mod tests;
