//! Whether a command that failed may have failed because of its wall, told by what it printed. Pure.
//!
//! A guess: programs say that something is not permitted, and not by whom.

use crate::model::policy::{Network, Preset, SandboxPolicy, Wall};
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

/// What programs say where they get no pseudo-terminal.
const NO_TERMINAL: &[&str] = &[
    "pty devices",
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
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " _-./:=@%+,".contains(c);
    let command = match command {
        long if long.chars().count() > SHOWN => "COMMAND".to_owned(),
        plain if plain.chars().all(is_plain) => plain.to_owned(),
        odd => format!("'{}'", odd.replace('\'', r"'\''")),
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
    if says(NO_TERMINAL) {
        return Some(Suspect::Terminal);
    }
    let has_both = |words: &[&str; 2]| words.iter().all(|word| lower.contains(word));
    if !wall.unix_sockets && NO_SOCKET.iter().any(has_both) {
        return Some(Suspect::Sockets);
    }
    if says(NO_SHARED_MEMORY) && lies_in_shared_memory(wall) {
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

/// As the wall on Linux decides whether a command gets a folder of its own there.
fn lies_in_shared_memory(wall: &Wall) -> bool {
    let place = Path::new("/dev/shm");
    let mut granted = wall.files.write.iter();
    granted.any(|path| path.starts_with(place) && path != place)
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
mod tests {
    use super::*;
    use crate::model::policy::{FileAccess, ResourceLimits};
    use std::sync::Arc;

    fn wall() -> Wall {
        Wall {
            preset: Preset::Verify,
            files: FileAccess {
                read: vec!["/etc".into()],
                execute: vec!["/usr".into()],
                write: vec!["/lanes/a".into(), "/lanes/a@box".into(), "/dev/null".into()],
                kept: Vec::new(),
            },
            network: Network::Loopback,
            unix_sockets: false,
            limits: ResourceLimits {
                memory: Some(1),
                processes: Some(1),
                open_files: Some(1),
                file_size: Some(1),
                disk: Some(1),
                cpu_seconds: None,
            },
            env: Vec::new(),
        }
    }

    #[test]
    fn what_points_to_the_wall() {
        use Suspect::{Call, Host, Limit, Move, Path, Service, Sockets, Terminal};
        for (output, want) in [
            (
                "touch: cannot touch '/opt/x': Permission denied",
                Some(Path("/opt/x")),
            ),
            (
                "sh: 1: cannot create /etc/x: Read-only file system\nmore",
                Some(Path("/etc/x")),
            ),
            (
                "PermissionError: [Errno 13] Permission denied: '/home/ada/.netrc'",
                Some(Path("/home/ada/.netrc")),
            ),
            (
                "Error: EACCES: permission denied, open '/root/.npm/x'",
                Some(Path("/root/.npm/x")),
            ),
            (
                "chmod: changing permissions of '/usr/bin/a': Operation not permitted",
                Some(Path("/usr/bin/a")),
            ),
            // What it may write to is refused by somebody else.
            ("rm: cannot remove '/lanes/a/x': Permission denied", None),
            ("rm: cannot remove 'x': Permission denied", None),
            ("/lanes/ab: Permission denied", Some(Path("/lanes/ab"))),
            ("see https://example.org/denied: permission denied", None),
            (
                "dial unix /var/run/docker.sock: connect: permission denied",
                Some(Sockets),
            ),
            (
                "Error: listen EPERM: operation not permitted /box/tmp/s",
                Some(Sockets),
            ),
            (
                "    self._socket = socket.socket(getattr(socket, family))\nPermissionError: [Errno 1] Operation not permitted",
                Some(Sockets),
            ),
            ("/usr/lib/python3/synchronize.py:57: PermissionError", None),
            (
                "/app/a.js:1:2 EACCES: permission denied, open /opt/x",
                Some(Path("/opt/x")),
            ),
            ("sl = _multiprocessing.SemLock(", None),
            ("test socket ... ok", None),
            ("OSError: out of pty devices", Some(Terminal)),
            (
                "/repo/.git/hooks/pre-push: 2: cannot create /srv/pushed: Read-only file system",
                Some(Path("/srv/pushed")),
            ),
            (
                "attempting to make an HTTP request, but --offline was specified",
                Some(Host),
            ),
            (
                "strace: ptrace(PTRACE_TRACEME): Operation not permitted",
                Some(Call("ptrace")),
            ),
            (
                "unshare: unshare failed: Operation not permitted",
                Some(Call("unshare")),
            ),
            ("amount: operation not permitted", None),
            ("curl: (6) Could not resolve host: example.org", Some(Host)),
            ("npm error code EAI_AGAIN", Some(Host)),
            ("OSError: [Errno 101] Network is unreachable", Some(Host)),
            (
                "curl: (56) CONNECT tunnel failed: 403 Forbidden by the sandbox",
                Some(Host),
            ),
            (
                "psql: connection to server at \"127.0.0.1\", port 5432 failed: Connection refused",
                Some(Service),
            ),
            ("connect ECONNREFUSED localhost:6379", Some(Service)),
            ("connection refused by the matchmaker", None),
            (
                "mv: cannot move 'a' to 'b': Invalid cross-device link",
                Some(Move),
            ),
            ("fatal error: runtime: out of memory", Some(Limit("memory"))),
            (
                "fork: Resource temporarily unavailable",
                Some(Limit("processes")),
            ),
            (
                "error: Too many open files (os error 24)",
                Some(Limit("open_files")),
            ),
            ("write: File too large", Some(Limit("file_size"))),
            ("assertion `left == right` failed", None),
            ("", None),
        ] {
            assert_eq!(suspect(&wall(), 1, output), want, "{output}");
        }
        let far = format!("/opt/x: Permission denied\n{}", "line\n".repeat(LINES));
        assert_eq!(suspect(&wall(), 1, &far), None);
    }

    #[test]
    fn what_a_wall_leaves_open_is_not_its_doing() {
        let open = Wall {
            network: Network::Full,
            unix_sockets: true,
            limits: ResourceLimits::default(),
            ..wall()
        };
        for output in [
            "curl: (6) Could not resolve host: example.org",
            "connect ECONNREFUSED 127.0.0.1:6379",
            "out of memory",
            "Too many open files",
        ] {
            assert_eq!(suspect(&open, 137, output), None, "{output}");
        }
        let socket = "/run/x.sock: permission denied";
        assert_eq!(
            suspect(&open, 1, socket),
            Some(Suspect::Path("/run/x.sock"))
        );
    }

    #[test]
    fn locks_that_a_lane_in_shared_memory_cannot_have_are_told() {
        let mut there = wall();
        there.files.write = vec!["/dev/shm".into(), "/dev/shm/a/lane".into()];
        let said = "    sl = self._semlock = _multiprocessing.SemLock(\nPermissionError: [Errno 13] Permission denied\n/usr/lib/synchronize.py:57: PermissionError";
        assert_eq!(suspect(&there, 1, said), Some(Suspect::SharedMemory));
    }

    #[test]
    fn signals_of_limits_are_known() {
        for (exit, want) in [
            (137, Some(Suspect::Limit("memory"))),
            (153, Some(Suspect::Limit("file_size"))),
            // Nothing bounds it.
            (152, None),
            (1, None),
        ] {
            assert_eq!(suspect(&wall(), exit, "no words"), want, "{exit}");
        }
    }

    #[test]
    fn the_sentence_says_what_to_type() {
        let walled = |preset| SandboxPolicy::Walled(Arc::new(Wall { preset, ..wall() }));
        let said = |preset, command: &str| hint(&walled(preset), command, 137, "");
        assert_eq!(
            said(Preset::Verify, "npm test").as_deref(),
            Some(
                "its sandbox may be why (it may have come to its bound of `memory`): \
                 `codelicious sandbox explain -- npm test` shows what it may"
            )
        );
        let odd = said(Preset::Setup, "a && echo 'b'").unwrap();
        assert!(
            odd.contains(r"`codelicious sandbox explain --preset setup -- 'a && echo '\''b'\'''`"),
            "{odd}"
        );
        let long = said(Preset::Verify, &"x".repeat(SHOWN + 1)).unwrap();
        assert!(long.contains("-- COMMAND`"), "{long}");
        for policy in [SandboxPolicy::Trusted, SandboxPolicy::Unsandboxed] {
            assert_eq!(hint(&policy, "npm test", 137, ""), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_output_is_looked_at(exit: i32, output in ".{0,400}", command in ".{0,200}") {
            let policy = SandboxPolicy::Walled(Arc::new(wall()));
            let _ = hint(&policy, &command, exit, &output);
        }
    }
}
