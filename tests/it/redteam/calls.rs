//! System calls that reach around the wall or wide into the kernel. All of them are tried in one process, each in a
//! child of its own: "refused" is `EPERM`, `EACCES`, `ENOSYS`, or for sockets `EAFNOSUPPORT`. Arguments are such that a call which the kernel
//! takes up does nothing.

use super::world::Template;
use super::{Seen, Tally};
use std::sync::Mutex;

struct Call {
    name: &'static str,
    /// Its numbers on x86-64 and on aarch64.
    numbers: (i64, i64),
    arguments: &'static str,
    /// An expression of Python that has to be true inside.
    twin: &'static str,
    /// The kernel takes it up from root without a wall.
    works_for_root: bool,
}

const fn call(
    name: &'static str,
    numbers: (i64, i64),
    arguments: &'static str,
    twin: &'static str,
) -> Call {
    Call {
        name,
        numbers,
        arguments,
        twin,
        works_for_root: true,
    }
}

/// Depends on how the kernel was built and what the container may do.
const fn perhaps(mut call: Call) -> Call {
    call.works_for_root = false;
    call
}

const CHILD: &str = "os.waitpid(os.fork() or os._exit(0), 0)[1] == 0";
const READS: &str = "len(open('/proc/self/mounts').read()) > 0";
const PAIR: &str = "[a.send(b'x') for a, b in [socket.socketpair()]] == [1]";
const CLOCK: &str = "time.time() > 0 and time.monotonic() > 0";
const RANDOM: &str = "len(os.urandom(8)) == 8";
const MAPS: &str = "len(__import__('mmap').mmap(-1, 4096)) == 4096";
const NAME: &str = "len(os.uname().nodename) > 0";
const OPENS: &str = "os.close(os.open('README.md', os.O_RDONLY)) is None";
const LOOP: &str = "socket.socket(socket.AF_INET, socket.SOCK_STREAM).close() is None";

const CALLS: &[Call] = &[
    call("ptrace", (101, 117), "0, 0, 0, 0", CHILD),
    call(
        "process_vm_readv",
        (310, 270),
        "os.getpid(), 0, 0, 0, 0, 0",
        READS,
    ),
    call(
        "process_vm_writev",
        (311, 271),
        "os.getpid(), 0, 0, 0, 0, 0",
        READS,
    ),
    call(
        "pidfd_getfd",
        (438, 438),
        "-1, 0, 0",
        "os.close(os.pidfd_open(os.getpid())) is None",
    ),
    perhaps(call(
        "kcmp",
        (312, 272),
        "os.getpid(), os.getpid(), 0, 0, 0",
        CHILD,
    )),
    perhaps(call("move_pages", (279, 239), "0, 0, 0, 0, 0, 0", MAPS)),
    perhaps(call("migrate_pages", (256, 238), "0, 0, 0, 0", MAPS)),
    call(
        "mount",
        (165, 40),
        "b'none', b'/nowhere/at/all', b'tmpfs', 0, 0",
        READS,
    ),
    call("umount2", (166, 39), "b'/nowhere/at/all', 0", READS),
    call("move_mount", (429, 429), "-1, b'', -1, b'', 0", READS),
    call("open_tree", (428, 428), "-1, b'/nowhere/at/all', 0", OPENS),
    call("fsopen", (430, 430), "b'no-such-system', 0", OPENS),
    call("fsconfig", (431, 431), "-1, 0, 0, 0, 0", OPENS),
    call("fsmount", (432, 432), "-1, 0, 0", OPENS),
    call("fspick", (433, 433), "-1, b'/nowhere/at/all', 0", OPENS),
    call(
        "mount_setattr",
        (442, 442),
        "-1, b'/nowhere/at/all', 0, 0, 0",
        READS,
    ),
    call(
        "pivot_root",
        (155, 41),
        "b'/nowhere/at/all', b'/nowhere/at/all'",
        READS,
    ),
    call(
        "chroot",
        (161, 51),
        "b'/nowhere/at/all'",
        "os.chdir('.') is None",
    ),
    call("open_by_handle_at", (304, 265), "-1, 0, 0", OPENS),
    perhaps(call("fanotify_init", (300, 262), "0x80000000, 0", OPENS)),
    perhaps(call(
        "quotactl",
        (179, 60),
        "-1, 0, 0, 0",
        "os.statvfs('.').f_bsize > 0",
    )),
    perhaps(call(
        "quotactl_fd",
        (443, 443),
        "-1, -1, 0, 0",
        "os.statvfs('.').f_bsize > 0",
    )),
    call("unshare", (272, 97), "0", CHILD),
    call(
        "setns",
        (308, 268),
        "-1, 0",
        "os.readlink('/proc/self/ns/net') != ''",
    ),
    call(
        "clone with a user namespace",
        (56, 220),
        "0x10000011, 0, 0, 0, 0",
        CHILD,
    ),
    call(
        "clone with a mount namespace",
        (56, 220),
        "0x00020011, 0, 0, 0, 0",
        CHILD,
    ),
    call(
        "clone with a network namespace",
        (56, 220),
        "0x40000011, 0, 0, 0, 0",
        CHILD,
    ),
    call(
        "clone with a process namespace",
        (56, 220),
        "0x20000011, 0, 0, 0, 0",
        CHILD,
    ),
    call(
        "clone3",
        (435, 435),
        "0, 0",
        "threading.Thread(target=int).start() is None",
    ),
    perhaps(call("io_uring_setup", (425, 425), "0, 0", OPENS)),
    perhaps(call(
        "io_uring_enter",
        (426, 426),
        "-1, 0, 0, 0, 0, 0",
        OPENS,
    )),
    perhaps(call("io_uring_register", (427, 427), "-1, 0, 0, 0", OPENS)),
    perhaps(call(
        "add_key",
        (248, 217),
        "b'user', b'', b'', 0, -4",
        RANDOM,
    )),
    perhaps(call(
        "request_key",
        (249, 218),
        "b'user', b'red-team', 0, -4",
        RANDOM,
    )),
    perhaps(call("keyctl", (250, 219), "0, -4, 0, 0, 0", RANDOM)),
    perhaps(call("bpf", (321, 280), "99, 0, 0", RANDOM)),
    perhaps(call(
        "perf_event_open",
        (298, 241),
        "0, 0, -1, -1, 0",
        "time.perf_counter() > 0",
    )),
    perhaps(call("userfaultfd", (323, 282), "0x1000", MAPS)),
    perhaps(call("init_module", (175, 105), "0, 0, b''", READS)),
    perhaps(call("finit_module", (313, 273), "-1, b'', 0", READS)),
    perhaps(call(
        "delete_module",
        (176, 106),
        "b'no_such_module', 0",
        READS,
    )),
    perhaps(call("kexec_load", (246, 104), "0, 99, 0, 0x1000", READS)),
    call(
        "reboot with a wrong number",
        (169, 142),
        "0, 0, 0, 0",
        CLOCK,
    ),
    call("swapon", (167, 224), "b'/nowhere/at/all', 0", READS),
    call("swapoff", (168, 225), "b'/nowhere/at/all'", READS),
    perhaps(call("acct", (163, 89), "b'/nowhere/at/all'", READS)),
    perhaps(call("syslog", (103, 116), "10, 0, 0", READS)),
    call("settimeofday", (164, 170), "0, 0", CLOCK),
    call("clock_settime", (227, 112), "99, 0", CLOCK),
    call("clock_adjtime", (305, 266), "99, 0", CLOCK),
    call("adjtimex", (159, 171), "0", CLOCK),
    call("sethostname", (170, 161), "0, -1", NAME),
    call("setdomainname", (171, 162), "0, -1", NAME),
    call(
        "prlimit64 of another",
        (302, 261),
        "os.getppid(), 7, b'\\xff' * 8 + b'\\0' * 8, 0",
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0",
    ),
    call(
        "TIOCSTI",
        (16, 29),
        "0, 0x5412, b'x'",
        "os.isatty(0) is False",
    ),
    call(
        "TIOCLINUX",
        (16, 29),
        "0, 0x541c, b'\\x03'",
        "os.isatty(0) is False",
    ),
    perhaps(call("a raw socket", (41, 198), "2, 3, 1", LOOP)),
    perhaps(call(
        "a raw socket of version 6",
        (41, 198),
        "10, 3, 58",
        LOOP,
    )),
    perhaps(call("a packet socket", (41, 198), "17, 3, 0x0300", LOOP)),
    perhaps(call(
        "a packet socket of the old kind",
        (41, 198),
        "2, 10, 0x0300",
        LOOP,
    )),
    call(
        "netlink of the audit",
        (41, 198),
        "16, 3, 9",
        "len(socket.if_nameindex()) > 0",
    ),
    call(
        "netlink of devices",
        (41, 198),
        "16, 3, 15",
        "len(socket.if_nameindex()) > 0",
    ),
    call(
        "netlink of the firewall",
        (41, 198),
        "16, 3, 12",
        "len(socket.if_nameindex()) > 0",
    ),
    perhaps(call(
        "a socket of virtual machines",
        (41, 198),
        "40, 1, 0",
        LOOP,
    )),
    perhaps(call(
        "a socket of the kernel's ciphers",
        (41, 198),
        "38, 5, 0",
        LOOP,
    )),
    perhaps(call("a socket of Bluetooth", (41, 198), "31, 3, 1", LOOP)),
    perhaps(call("a socket of CAN", (41, 198), "29, 3, 1", LOOP)),
    perhaps(call(
        "a socket of express data paths",
        (41, 198),
        "44, 3, 0",
        LOOP,
    )),
    call("a Unix socket", (41, 198), "1, 1, 0", PAIR),
    call(
        "a pair of datagram sockets",
        (53, 199),
        "1, 2, 0, b'\\0' * 8",
        PAIR,
    ),
    perhaps(call(
        "the second numbering: getpid",
        (0x4000_0000 + 39, 9999),
        "",
        "os.getpid() > 0",
    )),
    perhaps(call(
        "the second numbering: mount",
        (0x4000_0000 + 165, 9999),
        "0, 0, 0, 0, 0",
        READS,
    )),
    perhaps(call(
        "kexec_file_load",
        (320, 294),
        "-1, -1, 0, 0, 0x1000",
        READS,
    )),
    perhaps(call("iopl", (172, 9999), "3", RANDOM)),
    // What runs as who owns it, made by calls whose mode is an argument, or lies in memory.
    call(
        "openat2 of what runs as its owner",
        (437, 437),
        "-100, b'owned-1', (ctypes.c_uint64 * 3)(0o101, 0o4755, 0), 24",
        OPENS,
    ),
    perhaps(call(
        "fchmodat2 to what runs as its owner",
        (452, 452),
        "-100, b'README.md', 0o4755, 0",
        "os.chmod('README.md', 0o644) is None",
    )),
    call(
        "mknodat of what runs as its owner",
        (259, 33),
        "-100, b'owned-2', 0o104755, 0",
        "os.mkfifo('pipe-2') is None",
    ),
    perhaps(call("ioperm", (173, 9999), "0x80, 1, 1", RANDOM)),
];

pub const HOW_MANY: usize = CALLS.len();

/// Tries all calls inside and outside, and counts each as an attempt.
pub fn run(template: &Template, tally: &Mutex<Tally>) {
    let python = std::process::Command::new("/usr/bin/env")
        .args(["python3", "-c", "import os; os.pidfd_open"])
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output();
    if !python.is_ok_and(|done| done.status.success()) {
        let without =
            |call: &Call| format!("calls: {}: there is no python3 of 3.9 or later", call.name);
        let mut tally = tally.lock().unwrap();
        tally.skipped.extend(CALLS.iter().map(without));
        return;
    }
    let world = template.plain();
    let inside = answers(&world.say(&script(true), true));
    let outside = answers(&world.say(&script(false), false));
    let mut tally = tally.lock().unwrap();
    for call in CALLS {
        let of = |answers: &[(String, String)]| {
            let found = answers.iter().find(|(name, _)| name == call.name);
            found.map_or_else(|| "nothing".to_owned(), |(_, said)| said.clone())
        };
        let (walled, free) = (of(&inside), of(&outside));
        let seen = Seen {
            name: format!("calls: {}", call.name),
            escaped: !walled.starts_with("refused"),
            worked: walled.ends_with("twin"),
            free: match free.starts_with("through") {
                true => Ok(()),
                false => Err(free),
            },
            must: call.works_for_root && template.has_rights(),
            said: walled,
        };
        tally.add(&seen);
    }
}

/// Lines of a name, a tab and an answer.
fn answers(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines
        .map(|(name, said)| (name.to_owned(), said.to_owned()))
        .collect()
}

/// An attempt in a child, and its twin in it; where the attempt ended the child, in another one.
const TRY: &str = r#"
def child(act):
    sys.stdout.flush()
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(w, act().encode()); os._exit(0)
    os.close(w)
    said = b""
    while True:
        more = os.read(r, 4096)
        if not more: break
        said += more
    os.close(r)
    return said.decode(), os.waitpid(pid, 0)[1]

def works(twin):
    try: return "twin" if twin is None or twin() else "no"
    except Exception as e: return repr(e)

def one(name, attempt, twin):
    def both():
        result, errno = attempt()
        return "%s %d %s" % ("refused" if result == -1 and errno in (1, 13, 38, 97) else "through", errno, works(twin))
    said, status = child(both)
    if status != 0:
        ended = "refused by a signal" if os.WIFSIGNALED(status) else "through with an error"
        said = "%s %d %s" % (ended, status, child(lambda: works(twin))[0])
    print(name + "\t" + said)

"#;

fn script(with_twins: bool) -> String {
    let mut out = String::from("python3 - <<'END'\nfrom tools import *\n");
    out.push_str(TRY);
    for call in CALLS {
        let (x86, arm) = call.numbers;
        let comma = if call.arguments.is_empty() { "" } else { ", " };
        let twin = match with_twins {
            true => format!("lambda: {}", call.twin),
            false => "None".to_owned(),
        };
        out.push_str(&format!(
            "one({:?}, lambda: call({x86}, {arm}{comma}{}), {twin})\n",
            call.name, call.arguments
        ));
    }
    out.push_str("END\n");
    out
}
