//! Other processes.

use super::{Attempt, Free, Need, PYTHON, Sign, row};

const SIGNALS: &[Need] = &[Need::Landlock(6)];
const PYTHON_SIGNALS: &[Need] = &[Need::Program("python3"), Need::Landlock(6)];

pub const ROWS: &[Attempt] = &[
    row(
        "ending another process",
        Sign::Harms,
        "kill -9 {pid}",
        "tail -f /dev/null & kill -9 $!",
    )
    .needs(SIGNALS),
    row(
        "stopping another process",
        Sign::Harms,
        "kill -STOP {pid}",
        "tail -f /dev/null & kill -STOP $! && kill -9 $!",
    )
    .needs(SIGNALS),
    row(
        "ending another process group",
        Sign::Harms,
        "kill -TERM -{pid}",
        "setsid tail -f /dev/null & p=$!; kill -TERM -$p 2> /dev/null || kill -9 $p",
    )
    .needs(SIGNALS),
    row(
        "ending another process by a handle of it",
        Sign::Harms,
        "python3 -c 'import os, signal; signal.pidfd_send_signal(os.pidfd_open({pid}), 9)'",
        "python3 -c 'import os, signal, subprocess; p = subprocess.Popen([\"tail\", \"-f\", \"/dev/null\"]); signal.pidfd_send_signal(os.pidfd_open(p.pid), 9); assert p.wait() == -9'",
    )
    .needs(PYTHON_SIGNALS),
    row(
        "ending another process with a queued signal",
        Sign::Harms,
        "python3 -c 'from tools import *; info = ctypes.create_string_buffer(128); ctypes.cast(info, ctypes.POINTER(ctypes.c_int))[2] = -1; print(call(129, 138, {pid}, 9, info))'",
        "python3 -c 'import os, signal; signal.pthread_kill(__import__(\"threading\").get_ident(), 0)'",
    )
    .needs(PYTHON_SIGNALS),
    row(
        "another process's limits",
        Sign::Harms,
        "python3 -c 'import resource; resource.prlimit({pid}, resource.RLIMIT_NOFILE, (4, 4))'",
        "python3 -c 'import os, resource; resource.prlimit(0, resource.RLIMIT_NOFILE, (64, 64))'",
    )
    .needs(PYTHON),
    row(
        "another process's limits by a command",
        Sign::Harms,
        "prlimit --pid {pid} --fsize=0",
        "sh -c 'ulimit -f 100'",
    )
    .needs(&[Need::Program("prlimit")]),
    row(
        "ending the program that put up the wall",
        Sign::EndsProgram,
        "kill -9 $PPID",
        "sh -c 'kill -9 $$'; test $? = 137",
    )
    .needs(SIGNALS),
    row(
        "a handle of another process's open file",
        Sign::Says("CANARY-netrc"),
        "python3 -c 'from tools import *; fd, e = call(438, 438, os.pidfd_open({pid}), 0, 0); print(os.pread(fd, 99, 0) if fd >= 0 else e)'",
        "python3 -c 'import os; print(os.pread(os.dup(os.open(\"README.md\", os.O_RDONLY)), 99, 0))'",
    )
    .free(Free::Perhaps)
    .needs(PYTHON),
    row(
        "another process's memory by a call",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *; tell(*call(310, 270, {pid}, 0, 0, 0, 0, 0))'",
        "python3 -c 'open(\"/proc/self/mem\", \"rb\").close()'",
    )
    .free(Free::Perhaps)
    .needs(PYTHON),
    row(
        "following another process's steps",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *; tell(*call(101, 117, 0x4206, {pid}, 0, 0))'",
        "python3 -c 'import os; p = os.fork() or os._exit(3); assert os.waitpid(p, 0)[1] == 3 << 8'",
    )
    .free(Free::Perhaps)
    .needs(PYTHON),
    row(
        "into another process's view of files",
        Sign::Says("CANARY-netrc"),
        "nsenter -t {pid} -m cat {home}/.netrc",
        "sh -c 'cat README.md'",
    )
    .free(Free::Perhaps)
    .needs(&[Need::Program("nsenter")]),
    row(
        "into the network of who started it",
        Sign::Heard,
        "nsenter -t $PPID -n python3 -c 'from tools import *; send(\"127.0.0.1\", {tcp})' # {tcp}",
        "readlink /proc/self/ns/net",
    )
    .free(Free::ForRoot)
    .preset("verify")
    .needs(&[Need::Program("nsenter"), Need::Program("python3"), Need::Namespaces]),
    row(
        "a child in a session of its own",
        Sign::Outlives,
        "setsid tail -f /dev/null {tag} > /dev/null 2>&1 < /dev/null &",
        "setsid sh -c 'echo own > own' & wait; test -s own",
    )
    .free(Free::Perhaps),
    row(
        "a child whose parents are gone",
        Sign::Outlives,
        r#"python3 -c '
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
        os.execve("/usr/bin/tail", ["tail", "-f", "/dev/null", "{tag}"], {"PATH": "/usr/bin"})
    os._exit(0)
os.wait()
'"#,
        "python3 -c 'import os; (os.fork() or os._exit(0)) and os.wait()'",
    )
    .free(Free::Perhaps)
    .needs(PYTHON),
    row(
        "a child that hears no signal",
        Sign::Outlives,
        "(trap '' TERM INT HUP QUIT; exec setsid tail -f /dev/null {tag} > /dev/null 2>&1) &",
        "sh -c \"trap '' TERM; kill -TERM \\$\\$; exit 0\"",
    )
    .free(Free::Perhaps),
    row(
        "a child with another name and no environment",
        Sign::Outlives,
        "setsid env -i /bin/sh -c 'exec tail -f /dev/null {tag}' > /dev/null 2>&1 < /dev/null &",
        "env -i /bin/sh -c true",
    )
    .free(Free::Perhaps),
    row(
        "the calls of 32-bit programs",
        Sign::Says("GOT-OUT"),
        // mov eax, 20 (getpid); int 0x80; ret
        r#"python3 -c '
import ctypes, mmap, os
m = mmap.mmap(-1, 4096, prot=7)
m.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))
print("GOT-" + "OUT" if f() == os.getpid() else "refused")
'"#,
        "python3 -c 'import os; assert os.getpid() > 0'",
    )
    .free(Free::Perhaps)
    .needs(&[Need::Program("python3"), Need::X86]),
    row(
        "capabilities anew",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *; h = (ctypes.c_uint * 2)(0x20080522, 0); d = (ctypes.c_uint * 6)(0x200000, 0x200000, 0, 0, 0, 0); tell(*call(126, 91, h, d))'",
        "grep -q NoNewPrivs:.1 /proc/self/status",
    )
    .free(Free::ForRoot)
    .needs(PYTHON),
    row(
        "another user by a program that may become one",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *; os.setgroups([]); os.setuid(1); print(\"GOT-\" + \"OUT\")'",
        "id -u",
    )
    .free(Free::ForRoot)
    .needs(PYTHON),
    row(
        "ending another process by a pipe that becomes ready",
        Sign::Harms,
        r#"python3 -c '
import fcntl, os
r, w = os.pipe()
fcntl.fcntl(r, 10, 9)  # F_SETSIG
fcntl.fcntl(r, fcntl.F_SETOWN, {pid})
fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
os.write(w, b"x")
'"#,
        r#"python3 -c '
import fcntl, os, signal
signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
r, w = os.pipe()
fcntl.fcntl(r, 10, int(signal.SIGUSR1))
fcntl.fcntl(r, fcntl.F_SETOWN, os.getpid())
fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
os.write(w, b"x")
signal.pause()
'"#,
    )
    .needs(PYTHON_SIGNALS),
    row(
        "writing to another process's memory",
        Sign::Says("GOT-OUT"),
        "python3 -c 'open(\"/proc/{pid}/mem\", \"r+b\"); print(\"GOT-\" + \"OUT\")'",
        "python3 -c 'open(\"/proc/self/mem\", \"rb\")'",
    )
    .free(Free::Attaching)
    .needs(PYTHON),
    row(
        "following the steps of the program that started it",
        Sign::Says("GOT-OUT"),
        "P=$PPID python3 -c 'from tools import *; tell(*call(101, 117, 0x4206, int(os.environ[\"P\"]), 0, 0))'",
        "python3 -c 'import os; p = os.fork() or os._exit(3); assert os.waitpid(p, 0)[1] == 3 << 8'",
    )
    .free(Free::Attaching)
    .needs(PYTHON),
];
