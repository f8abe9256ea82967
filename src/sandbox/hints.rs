//! What in the output of a failed command looks like the wall's doing, and what would let it through. Pure.
//!
//! A guess from words: programs tell of a refusal as they like, and some of what is said here the machine would have
//! refused without a wall as well. So it is told beside the output, and decides nothing.

use crate::model::policy::{Network, SandboxPolicy, Wall};
use std::path::Path;

/// Most bytes from the end of an output that are looked at.
const MOST: usize = 64 << 10;

/// One kind of refusal.
struct Rule {
    /// Whether the wall can be the reason.
    applies: fn(&Wall) -> bool,
    /// Each inner list: words that have to stand in one line, in any case of letters.
    words: &'static [&'static [&'static str]],
    /// What is said of it; `{preset}` stands for the preset's word.
    says: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        applies: |wall| !wall.unix_sockets,
        words: &[
            &["socket", "operation not permitted"],
            &["socket", "eperm"],
            &["listen eperm", "/"],
            &["connect eperm", "/"],
            &["socket.socket(getattr(socket, family))"],
            &["socket.socket(socket.af_unix"],
            &["af_unix", "not permitted"],
            &["unix socket", "permitted"],
        ],
        says: "sockets of the Unix domain are refused: `unix_sockets = true` allows them",
    },
    Rule {
        applies: |wall| !matches!(wall.network, Network::Full),
        words: &[
            &["could not resolve host"],
            &["couldn't resolve host"],
            &["temporary failure in name resolution"],
            &["name or service not known"],
            &["failed to lookup address information"],
            &["getaddrinfo enotfound"],
            &["getaddrinfo eai_again"],
            &["lookup ", "server misbehaving"],
            &["lookup ", "no such host"],
            &["lookup ", "connection refused"],
            &["network is unreachable"],
            &["enetunreach"],
            &["unknownhostexception"],
            &["forbidden by the sandbox"],
            &["--offline was specified"],
            &["using offline mode"],
            &["module lookup disabled"],
        ],
        says: "{network}: packages are fetched by `[worktree] setup`, and `hosts = [\"name:port\"]` allows single hosts",
    },
    Rule {
        applies: |_| true,
        words: &[
            &["pty devices"],
            &["pseudo-terminal"],
            &["pseudoterminal"],
            &["/dev/ptmx"],
            &["openpty"],
            &["forkpty"],
            &["posix_openpt"],
        ],
        says: "there is no pseudo-terminal: `write = [\"/dev/ptmx\", \"/dev/pts\"]` allows the machine's",
    },
    Rule {
        applies: |_| true,
        words: &[&["cross-device link"], &["exdev"]],
        says: "the lane and the folder for temporary files and caches are mounts of their own: a file is copied from \
               one to the other, not renamed or linked",
    },
    Rule {
        applies: |wall| wall.limits.memory.is_some(),
        words: &[
            &["cannot allocate memory"],
            &["out of memory"],
            &["memory allocation of", "failed"],
            &["memoryerror"],
            &["signal: 9, sigkill"],
        ],
        says: "memory is bounded: `memory = \"16 GiB\"` raises it",
    },
    Rule {
        applies: |wall| wall.limits.processes.is_some(),
        words: &[
            &["fork", "resource temporarily unavailable"],
            &["spawn", "eagain"],
            &["can't start new thread"],
            &["failed to create new os thread"],
        ],
        says: "processes and threads are bounded: `processes = 4096` raises it",
    },
    Rule {
        applies: |wall| wall.limits.open_files.is_some(),
        words: &[&["too many open files"], &["emfile"]],
        says: "open files are bounded: `open_files = 16384` raises it",
    },
    Rule {
        applies: |wall| wall.limits.file_size.is_some(),
        words: &[
            &["file too large"],
            &["efbig"],
            &["file size limit exceeded"],
        ],
        says: "the size of a file is bounded: `file_size = \"16 GiB\"` raises it",
    },
];

/// Words of a refusal that names, in its line, the file that was refused.
const OF_FILES: &[&str] = &[
    "read-only file system",
    "erofs",
    "permission denied",
    "eacces",
];

/// What may be said of a command that failed with this output; nothing where it had no wall, or nothing in it looks
/// like a refusal.
pub fn of(policy: &SandboxPolicy, output: &str) -> Vec<String> {
    let SandboxPolicy::Walled(wall) = policy else {
        return Vec::new();
    };
    let mut from = output.len().saturating_sub(MOST);
    while !output.is_char_boundary(from) {
        from += 1;
    }
    let output = &output[from..];
    let lower = output.to_ascii_lowercase();
    let has = |words: &[&str]| {
        let mut lines = lower.lines();
        lines.any(|line| words.iter().all(|word| line.contains(word)))
    };
    let network = match wall.network {
        Network::None | Network::Full => "there is no network",
        Network::Loopback => "the network is the loopback alone",
        Network::Hosts(_) => "of the network only the hosts that are named can be reached",
    };
    let mut hints: Vec<String> = RULES
        .iter()
        .filter(|rule| (rule.applies)(wall) && rule.words.iter().any(|words| has(words)))
        .map(|rule| rule.says.replace("{network}", network))
        .collect();
    hints.extend(of_files(wall, output));
    if hints.is_empty() {
        return hints;
    }
    let preset = wall.preset;
    let mut said: Vec<String> = hints
        .into_iter()
        .map(|hint| format!("sandbox: {hint}"))
        .collect();
    said.push(format!(
        "sandbox: such a line stands below `[sandbox.{preset}]`, or below a `[[sandbox.command]]`, in the user's own \
         configuration file; `codelicious sandbox explain --preset {preset} -- COMMAND` tells what there is"
    ));
    said
}

/// A file that a refusal names and that the wall does not grant.
fn of_files(wall: &Wall, output: &str) -> Option<String> {
    let refused = output.lines().filter(|line| {
        let line = line.to_ascii_lowercase();
        OF_FILES.iter().any(|words| line.contains(words))
    });
    // Who tells of it stands before what was refused, in whatever language.
    let mut last = refused.filter_map(|line| paths(line).last());
    let path = last.find(|path| {
        let mut writable = wall.files.write.iter();
        !writable.any(|granted| path.starts_with(granted))
    })?;
    let path = path.display();
    Some(format!(
        "`{path}` may be refused by it: `read`, `write` or `execute = [\"{path}\"]` allows it, and `TMPDIR` and `HOME` name \
         folders that can be written"
    ))
}

/// Absolute paths in a line.
fn paths(line: &str) -> impl Iterator<Item = &Path> {
    let is_end = |c: char| c.is_whitespace() || "'\"`:,;()[]<>‘’=".contains(c);
    line.split(is_end)
        .filter(|word| word.len() > 1 && word.starts_with('/') && !word.starts_with("//"))
        .map(|word| Path::new(word.trim_end_matches(['.', '!'])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::{FileAccess, Preset, ResourceLimits};
    use std::sync::Arc;

    fn policy(change: impl FnOnce(&mut Wall)) -> SandboxPolicy {
        let mut wall = Wall {
            preset: Preset::Verify,
            files: FileAccess {
                write: vec!["/lane".into()],
                ..FileAccess::default()
            },
            network: Network::Loopback,
            unix_sockets: false,
            limits: ResourceLimits {
                memory: Some(1),
                processes: Some(1),
                open_files: Some(1),
                file_size: Some(1),
                ..ResourceLimits::default()
            },
            env: Vec::new(),
        };
        change(&mut wall);
        SandboxPolicy::Walled(Arc::new(wall))
    }

    #[test]
    fn what_programs_say_of_a_refusal_is_known() {
        for (output, hint) in [
            (
                "listen unix /tmp/s: socket: operation not permitted",
                "unix_sockets = true",
            ),
            (
                "Error: listen EPERM: operation not permitted /box/tmp/s",
                "unix_sockets = true",
            ),
            (
                "    self._socket = socket.socket(getattr(socket, family))\nPermissionError: [Errno 1] Operation not permitted",
                "unix_sockets = true",
            ),
            (
                "curl: (6) Could not resolve host: example.org",
                "`hosts = [\"name:port\"]`",
            ),
            (
                "npm error network request to https://r/ failed, reason: getaddrinfo EAI_AGAIN r",
                "the loopback alone",
            ),
            (
                "  attempting to make an HTTP request, but --offline was specified",
                "[worktree] setup",
            ),
            (
                "dial tcp: lookup proxy.example.org on [::1]:53: connection refused",
                "hosts",
            ),
            ("OSError: out of pty devices", "/dev/ptmx"),
            (
                "script: failed to create pseudo-terminal: Permission denied",
                "/dev/ptmx",
            ),
            (
                "OSError: [Errno 18] Invalid cross-device link: '/box/tmp/a' -> 'b'",
                "copied",
            ),
            (
                "EXDEV: cross-device link not permitted, rename '/a' -> 'b'",
                "copied",
            ),
            (
                "/bin/sh: 1: cannot create /srv/out: Read-only file system",
                "`/srv/out` may be refused",
            ),
            (
                "/repo/.git/hooks/pre-push: 2: cannot create /srv/pushed: Read-only file system",
                "`/srv/pushed` may be refused",
            ),
            (
                "PermissionError: [Errno 13] Permission denied: '/home/ada/data/x.csv'",
                "`/home/ada/data/x.csv` may be refused",
            ),
            (
                "ls: cannot open directory '/root/': Permission denied",
                "`/root/` may be refused",
            ),
            ("memory allocation of 99 bytes failed", "memory ="),
            (
                "sh: 1: Cannot fork: Resource temporarily unavailable",
                "processes =",
            ),
            (
                "OSError: [Errno 24] Too many open files: 'a'",
                "open_files =",
            ),
            ("dd: error writing 'x': File too large", "file_size ="),
        ] {
            let said = of(&policy(|_| ()), output).join("\n");
            assert!(said.contains(hint), "{output}: {said}");
            assert!(said.contains("[sandbox.verify]"), "{said}");
        }
    }

    #[test]
    fn what_is_no_refusal_or_is_let_through_is_passed_over() {
        for output in [
            "",
            "assertion failed: 1 == 2",
            "cp: cannot create '/lane/a/b': Permission denied",
            "Permission denied (publickey)",
            "connect ECONNREFUSED 127.0.0.1:80",
            "test socket ... ok",
        ] {
            assert_eq!(
                of(&policy(|_| ()), output),
                Vec::<String>::new(),
                "{output}"
            );
        }
        let open = policy(|wall| {
            wall.unix_sockets = true;
            wall.network = Network::Full;
            wall.limits = ResourceLimits::default();
        });
        for output in [
            "socket: operation not permitted",
            "Could not resolve host: example.org",
            "Cannot allocate memory",
            "Too many open files",
        ] {
            assert_eq!(of(&open, output), Vec::<String>::new(), "{output}");
        }
        let refused = "socket: operation not permitted";
        for policy in [SandboxPolicy::Trusted, SandboxPolicy::Unsandboxed] {
            assert_eq!(of(&policy, refused), Vec::<String>::new());
        }
    }

    #[test]
    fn only_the_end_of_a_long_output_is_read_and_no_character_is_cut() {
        let long = "ä".repeat(MOST);
        assert!(of(&policy(|_| ()), &long).is_empty());
        let said = of(&policy(|_| ()), &format!("{long}\nEXDEV"));
        assert_eq!(said.len(), 2);
    }
}
