//! Other processes, and the kernel.

use super::*;

#[test]
fn processes_outside_are_neither_signalled_nor_looked_into() {
    let Some(site) = site() else { return };
    let me = std::process::id();
    if !lacks("scopes of signals", abilities().landlock >= 6) {
        site.only_outside(&format!("kill -0 {me}"));
    }
    site.works("sh -c 'exec tail -f /dev/null' & kill -0 $! && kill $!");
    site.only_outside(&format!("cat /proc/{me}/environ > /dev/null"));
    site.only_outside(&format!("readlink /proc/{me}/fd/0 > /dev/null"));
    site.only_outside(&format!("ls /proc/{me}/root/ > /dev/null"));
    site.works("cat /proc/self/environ > /dev/null && ls /proc/self/fd");
}

#[test]
fn calls_that_reach_around_the_wall_are_refused() {
    let Some(site) = site() else { return };
    if !has_program("python3") {
        return;
    }
    // Numbers of calls on x86-64 and aarch64; what a kernel without it says is no proof.
    let call = |x86: u32, arm: u32, args: &str| {
        let number = match std::env::consts::ARCH {
            "x86_64" => x86,
            _ => arm,
        };
        let text = format!(
            "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nr = l.syscall({number}{args})\nprint(r, ctypes.get_errno())"
        );
        site.python(&text).stdout.text().trim().to_owned()
    };
    for (name, x86, arm, args) in [
        ("ptrace", 101, 117, ", 0, 0, 0, 0"),
        ("process_vm_readv", 310, 270, ", 1, 0, 0, 0, 0, 0"),
        ("mount", 165, 40, ", 0, 0, 0, 0, 0"),
        ("unshare", 272, 97, ", 0"),
        ("setns", 308, 268, ", 0, 0"),
        ("chroot", 161, 51, ", b'.'"),
        ("bpf", 321, 280, ", 0, 0, 0"),
        ("keyctl", 250, 219, ", 0, -3, 0"),
        ("io_uring_setup", 425, 425, ", 1, 0"),
        ("userfaultfd", 323, 282, ", 0"),
        ("perf_event_open", 298, 241, ", 0, 0, 0, 0, 0"),
        (
            "clone with a user namespace",
            56,
            220,
            ", 0x10000011, 0, 0, 0, 0",
        ),
        ("open_by_handle_at", 304, 265, ", 0, 0, 0"),
        (
            "prlimit of another",
            302,
            261,
            ", 1, 7, b'0123456789abcdef', 0",
        ),
        ("TIOCSTI", 16, 29, ", 0, 0x5412, b'x'"),
    ] {
        assert_eq!(call(x86, arm, args), "-1 1", "{name}");
    }
    assert_eq!(call(435, 435, ", 0, 0"), "-1 38", "clone3 is not there");
    if std::env::consts::ARCH == "x86_64" {
        assert_eq!(
            call(0x4000_0000 + 39, 0, ""),
            "-1 38",
            "the second numbering"
        );
    }
    // What everybody uses still works.
    let ok = site.python("import threading, subprocess, resource\nt = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\nsubprocess.run(['true'], check=True)\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))");
    assert!(ok.success(), "{}", ok.stderr.text());
}

#[test]
fn nobody_inside_has_capabilities_or_gains_any() {
    let Some(site) = site() else { return };
    let status = site.works("cat /proc/self/status");
    let line = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(line(set), "0000000000000000", "{set}");
    }
    assert_eq!(line("NoNewPrivs:"), "1");
    assert_eq!(line("Seccomp:"), "2");
    assert_eq!(site.works("id -u"), free_id());
}

fn free_id() -> String {
    let id = Command::new("id", "/", SandboxPolicy::Trusted)
        .args(["-u"])
        .env([("PATH".to_owned(), PATH.to_owned())]);
    finish(&id).unwrap().stdout.text()
}
