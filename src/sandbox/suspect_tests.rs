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
    use Suspect::{Call, Host, Limit, Move, Path, Service, Sockets};
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
        // They are its own.
        ("OSError: out of pty devices", None),
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
    // Whatever is granted there takes the place away.
    for grant in [
        |files: &mut FileAccess| files.read.push("/dev/shm/a".into()),
        |files: &mut FileAccess| files.execute.push("/dev/shm/a".into()),
    ] {
        let mut there = wall();
        grant(&mut there.files);
        assert_eq!(suspect(&there, 1, said), Some(Suspect::SharedMemory));
    }
    assert_eq!(suspect(&wall(), 1, said), None);
}

#[test]
fn terminals_are_missed_only_where_there_may_be_none_and_something_failed() {
    let failed = "OSError: out of pty devices";
    let denied = "openpty: /dev/ptmx: Permission denied";
    for network in [Network::None, Network::Full] {
        let bare = Wall { network, ..wall() };
        for said in [failed, denied] {
            assert_eq!(suspect(&bare, 1, said), Some(Suspect::Terminal), "{said}");
        }
        for said in ["test openpty ... ok", "import pty # pseudo-terminal"] {
            assert_eq!(suspect(&bare, 1, said), None, "{said}");
        }
        let mut granted = bare.clone();
        granted
            .files
            .write
            .extend(["/dev/ptmx".into(), "/dev/pts".into()]);
        assert_eq!(suspect(&granted, 1, failed), None);
    }
    assert_eq!(suspect(&wall(), 1, "test openpty ... ok"), None);
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
