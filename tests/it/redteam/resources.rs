//! Taking more than one's share. Bounds are set low, so that an attempt that succeeded would harm nobody. `sandbox::limits`
//! has the processor.

use super::{Attempt, Need, PYTHON, Sign, row};

const PROCESSES: &[Need] = &[Need::Program("python3"), Need::ProcessBounds];
const GROUP: &[Need] = &[Need::Program("python3"), Need::ControlGroup];

pub const ROWS: &[Attempt] = &[
    row(
        "a bomb of processes",
        Sign::Says("GOT-OUT"),
        r#"python3 -c '
import os, signal
made = []
try:
    while len(made) < 150:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        made.append(pid)
except OSError as e: print(e)
for pid in made: os.kill(pid, 9)
for pid in made: os.waitpid(pid, 0)
print("GOT-" + "OUT" if len(made) == 150 else len(made))
'"#,
        "for i in 1 2 3 4 5; do true & done; wait",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nprocesses = 40\n")
    .needs(PROCESSES)
    .alone(),
    row(
        "a bomb of threads",
        Sign::Says("GOT-OUT"),
        r#"python3 -c '
import threading
stop = threading.Event()
made = []
try:
    while len(made) < 150:
        t = threading.Thread(target=stop.wait); t.start(); made.append(t)
except RuntimeError as e: print(e)
stop.set()
print("GOT-" + "OUT" if len(made) == 150 else len(made))
'"#,
        "python3 -c 'import threading; t = [threading.Thread(target=print) for _ in range(5)]; [x.start() for x in t]; [x.join() for x in t]'",
    )
    .preset("engine-tool")
    .settings("[sandbox.engine-tool]\nprocesses = 40\n")
    .needs(PROCESSES)
    .alone(),
    row(
        "a bomb of memory",
        Sign::Says("GOT-OUT"),
        "python3 -c 'b = bytearray(300 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1\nprint(\"GOT-\" + \"OUT\")'",
        "python3 -c 'b = bytearray(10 << 20); print(len(b))'",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nmemory = \"100 MiB\"\n")
    .needs(PYTHON)
    .alone()
    .apart(),
    row(
        "a bomb of memory that is shared",
        Sign::Says("GOT-OUT"),
        "python3 -c 'import mmap\nb = mmap.mmap(-1, 300 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1\nprint(\"GOT-\" + \"OUT\")'",
        "python3 -c 'import mmap; b = mmap.mmap(-1, 10 << 20); b[5] = 1'",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nmemory = \"100 MiB\"\n")
    .needs(GROUP)
    .alone()
    .apart(),
    row(
        "a bomb of memory of many processes",
        Sign::Says("GOT-OUT"),
        r#"python3 -c '
import os
made = []
for n in range(6):
    r, w = os.pipe(); asked, ask = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r); os.close(ask)
        for other in made: os.close(other[2])
        b = bytearray(50 << 20)
        for i in range(0, len(b), 4096): b[i] = 1
        os.write(w, b"x")
        while os.read(asked, 1): os.write(w, b"y")
        os._exit(0)
    os.close(w); os.close(asked)
    if os.read(r, 1) != b"x": break
    made.append((pid, r, ask))
# Each has all of its memory; who was ended for it answers no more.
import signal
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
answers = 0
for pid, r, ask in made:
    try: os.write(ask, b"x"); answers += os.read(r, 1) == b"y"
    except OSError: pass
for pid, r, ask in made: os.kill(pid, 9)
print("GOT-" + "OUT" if answers == 6 else answers)
'
"#,
        "python3 -c 'import os; (os.fork() or os._exit(0)) and os.wait()'",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nmemory = \"150 MiB\"\n")
    .needs(GROUP)
    .alone()
    .apart(),
    row(
        "a bomb of files in shared memory",
        Sign::Says("GOT-OUT"),
        "for i in 1 2 3 4 5 6; do head -c 50000000 /dev/zero > /dev/shm/{tag}-$i || break; done; test -s /dev/shm/{tag}-6 && test $(stat -c %s /dev/shm/{tag}-6) = 50000000 && echo GOT-OUT",
        "head -c 1000000 /dev/zero > /dev/shm/{tag}-own; rm -f /dev/shm/{tag}-*",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nmemory = \"100 MiB\"\n")
    .needs(&[Need::Namespaces])
    .alone()
    .apart(),
    row(
        "one large file",
        Sign::Says("GOT-OUT"),
        "head -c 3000000 /dev/zero > big && echo GOT-OUT",
        "head -c 900000 /dev/zero > fits",
    )
    .preset("setup")
    .settings("[sandbox.setup]\nfile_size = \"1 MiB\"\n"),
    row(
        "one large file without anything in it",
        Sign::Says("GOT-OUT"),
        "truncate -s 3000000 big && echo GOT-OUT",
        "truncate -s 900000 fits",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nfile_size = \"1 MiB\"\n"),
    row(
        "a disk that fills up",
        Sign::Says("GOT-OUT"),
        // Inside it has a home of its own, and waits for its end. What others free meanwhile is less.
        "for n in 1 2 3 4; do fallocate -l 500000000 big$n || exit 1; done; if [ \"$HOME\" != {home} ]; then timeout 30 tail -f /dev/null; fi; echo GOT-OUT",
        "head -c 1000000 /dev/zero > fits",
    )
    .preset("verify")
    .settings("[sandbox.verify]\ndisk = \"16 MiB\"\n")
    .alone()
    .needs(&[Need::Program("fallocate")])
    .apart(),
    row(
        "many open files",
        Sign::Says("GOT-OUT"),
        "python3 -c 'import os; f = [os.open(\"/dev/null\", 0) for _ in range(200)]; print(\"GOT-\" + \"OUT\")'",
        "python3 -c 'import os; f = [os.open(\"/dev/null\", 0) for _ in range(30)]'",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nopen_files = 64\n")
    .needs(PYTHON),
    row(
        "higher limits than it has",
        Sign::Says("GOT-OUT"),
        "ulimit -n 100 && echo GOT-OUT",
        "ulimit -n 32",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nopen_files = 64\n"),
];
