//! Reading what is somebody else's.

use super::{Attempt, Free, Need, PYTHON, Sign, row};

/// The kernel gives it to root without the wall, where the machine has it at all.
const DEVICE: Free = Free::Perhaps;

pub const ROWS: &[Attempt] = &[
    row(
        "a key of ssh",
        Sign::Says("CANARY-ssh"),
        "cat {home}/.ssh/id_ed25519",
        "mkdir -p ~/.ssh && echo own > ~/.ssh/key && grep -q own ~/.ssh/key",
    ),
    row(
        "a key through a link that lay in the lane",
        Sign::Says("CANARY-ssh"),
        "cat way-home/id_ed25519",
        "ln -s sub inside && cat inside/own.txt",
    ),
    row(
        "credentials of a cloud",
        Sign::Says("CANARY-aws"),
        "cat {home}/.aws/credentials",
        "test ! -e ~/.aws && mkdir ~/.aws && echo x > ~/.aws/config && cat ~/.aws/config",
    ),
    row(
        "passwords in .netrc",
        Sign::Says("CANARY-netrc"),
        "cat {home}/.netrc",
        "echo own > ~/.netrc && grep -q own ~/.netrc",
    ),
    row(
        "the forge's token",
        Sign::Says("CANARY-gh"),
        "cat {home}/.config/gh/hosts.yml",
        "mkdir -p ~/.config/gh && echo own > ~/.config/gh/hosts.yml && cat ~/.config/gh/hosts.yml",
    ),
    row(
        "an agent's credentials, from a check",
        Sign::Says("CANARY-claude"),
        "cat {home}/.claude/.credentials.json",
        "mkdir -p ~/.claude && echo own > ~/.claude/x && cat ~/.claude/x",
    )
    .preset("verify"),
    row(
        "an agent's credentials, from a model's command",
        Sign::Says("CANARY-claude"),
        "find {home}/.claude -type f -exec cat {} +",
        "find sub -type f -exec cat {} + | grep -q own",
    )
    .preset("engine-tool"),
    row(
        "the program's own settings",
        Sign::Says("CANARY-settings"),
        "cat {w}/config/codelicious/config.toml",
        "cat codelicious.toml",
    ),
    row(
        "the history of a shell",
        Sign::Says("CANARY-history"),
        "cat {home}/.bash_history",
        "echo own > ~/.bash_history && cat ~/.bash_history",
    ),
    row(
        "passwords of a browser",
        Sign::Says("CANARY-browser"),
        "grep -rh . {home}/.mozilla",
        "grep -rh own sub",
    ),
    row(
        "keys of gnupg",
        Sign::Says("CANARY-gnupg"),
        "tar cf - -C {home} .gnupg | tr -d '\\0'",
        "tar cf - sub | tar tf - | grep -q own.txt",
    ),
    row(
        "tokens of package managers, containers and clouds",
        Sign::Says("CANARY-tool"),
        "cd {home}; cat .docker/config.json .kube/config .npmrc .pypirc .cargo/credentials.toml .config/gcloud/access_tokens.db",
        "echo own > ~/.npmrc && cat ~/.npmrc",
    ),
    row(
        "what git knows of passwords",
        Sign::Says("CANARY-git"),
        "printf 'protocol=https\\nhost=git.example.org\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill",
        "printf 'https://u:own@h.example.org\\n' > ~/.git-credentials; printf 'protocol=https\\nhost=h.example.org\\n\\n' | git -c credential.helper=store credential fill | grep -q own",
    ),
    row(
        "the user's file of passwords for git",
        Sign::Says("CANARY-git"),
        "git -c credential.helper='store --file {home}/.git-credentials' credential fill <<E\nprotocol=https\nhost=git.example.org\n\nE",
        "git config --get user.name",
    ),
    row(
        "another project in the home",
        Sign::Says("CANARY-project"),
        "cat {home}/other-project/notes.txt",
        "cat README.md",
    ),
    row(
        "a listing of the home",
        Sign::Says("other-project"),
        "ls -a {home}",
        "ls -a . | grep -q README.md",
    ),
    row(
        "another user's file that everybody may read",
        Sign::Says("CANARY-others"),
        "stat -c 'of %u' {w}/others/notes.txt; cat {w}/others/notes.txt",
        "cat /etc/passwd > /dev/null",
    ),
    row(
        "up from the lane",
        Sign::Says("CANARY-netrc"),
        "cat ../../home/.netrc",
        "cat sub/../README.md",
    ),
    row(
        "through the root of its own process",
        Sign::Says("CANARY-netrc"),
        "cat /proc/self/root{home}/.netrc",
        "cat /proc/self/root{lane}/README.md",
    ),
    row(
        "through the folder of its own process",
        Sign::Says("CANARY-netrc"),
        "cat /proc/self/cwd/../../home/.netrc",
        "cat /proc/self/cwd/README.md",
    ),
    row(
        "a hard link to a key",
        Sign::Says("CANARY-netrc"),
        "ln {home}/.netrc mine && cat mine",
        "ln README.md mine-too && cat mine-too",
    ),
    row(
        "a handle of a file in the place of its name",
        Sign::Says("CANARY-netrc"),
        r#"python3 -c '
from tools import *
handle = ctypes.create_string_buffer(256)
ctypes.cast(handle, ctypes.POINTER(ctypes.c_uint))[0] = 128
mount = ctypes.c_int()
call(303, 264, -100, b"{home}/.netrc", handle, ctypes.byref(mount), 0)
folder = os.open("/", os.O_RDONLY)
fd, errno = call(304, 265, folder, handle, os.O_RDONLY)
print(os.read(fd, 99) if fd >= 0 else errno)
'"#,
        "python3 -c 'import os; print(os.read(os.open(\"README.md\", os.O_RDONLY), 99))'",
    )
    .free(Free::Perhaps)
    .needs(PYTHON),
    row(
        "what the user did not commit",
        Sign::Says("CANARY-untracked"),
        "cat {repo}/.env",
        "git show main:README.md",
    ),
    row(
        "the user's worktree",
        Sign::Says("# Project"),
        "cat {repo}/README.md",
        "test -s README.md",
    ),
    row(
        "another lane",
        Sign::Says("CANARY-lane"),
        "cat {other}/draft.txt",
        "echo draft > draft.txt && cat draft.txt",
    ),
    row(
        "another lane's home",
        Sign::Says("# theirs"),
        "cat {other}@box/home/.bashrc",
        "echo own > ~/.bashrc && cat ~/.bashrc",
    ),
    row(
        "the ledger",
        Sign::Says("CANARY-ledger"),
        "cat {repo}/.codelicious/ledger.jsonl",
        "git log -1 --format=%s",
    ),
    row(
        "events",
        Sign::Says("CANARY-events"),
        "cat {repo}/.codelicious/events.jsonl",
        "git status --short",
    ),
    row(
        "another repository by its objects",
        Sign::Says("CANARY-repository"),
        "git init -q x && echo {w}/private/.git/objects > x/.git/objects/info/alternates && git -C x cat-file -p {blob}",
        "git init -q y && echo $(git rev-parse --git-common-dir)/objects > y/.git/objects/info/alternates && git -C y cat-file -p $(git rev-parse HEAD:README.md)",
    ),
    row(
        "another repository by git",
        Sign::Says("CANARY-repository"),
        "git --git-dir={w}/private/.git log -p",
        "git log -p | grep -q Project",
    ),
    row(
        "branches of another repository",
        Sign::Says("refs/heads/main"),
        "git ls-remote {w}/private",
        "git for-each-ref | grep -q refs/heads/main",
    ),
    row(
        "secrets in its own environment",
        Sign::Says("CANARY-env"),
        "env; cat /proc/self/environ",
        "test \"$CANARY_PASSED\" = yes",
    )
    .free(Free::Never("variables are chosen by name without a wall too")),
    row(
        "the environment of the program that started it",
        Sign::Says("CANARY-env"),
        "tr '\\0' '\\n' < /proc/$PPID/environ",
        "tr '\\0' '\\n' < /proc/$$/environ | grep -q ^HOME=",
    ),
    row(
        "the memory of the program that started it",
        Sign::Says("CANARY-env"),
        "P=$PPID python3 -c 'from tools import *; spot(os.environ[\"P\"], \"AWS_SECRET_ACCESS_KEY\")'",
        "python3 -c 'from tools import *; assert b\"HOME=\" in memory_of(os.getpid())'",
    )
    .free(Free::Attaching)
    .needs(PYTHON),
    row(
        "the environment of another process",
        Sign::Says("CANARY-bystander"),
        "tr '\\0' '\\n' < /proc/{pid}/environ",
        "sh -c 'tr \"\\0\" \"\\n\" < /proc/$$/environ' | grep -q ^PATH=",
    ),
    row(
        "the memory of another process",
        Sign::Says("CANARY-bystander"),
        "python3 -c 'from tools import *; spot({pid}, \"TOKEN\")'",
        "python3 -c 'from tools import *; print(len(memory_of(\"self\")))'",
    )
    .free(Free::Attaching)
    .needs(PYTHON),
    row(
        "the layout of another process",
        Sign::Says("[stack]"),
        "cat /proc/{pid}/maps",
        "grep -q stack /proc/self/maps",
    ),
    row(
        "through the folder of another process",
        Sign::Says("CANARY-netrc"),
        "cat /proc/{pid}/cwd/.netrc",
        "cat /proc/$$/cwd/README.md",
    ),
    row(
        "through the root of another process",
        Sign::Says("CANARY-netrc"),
        "cat /proc/{pid}/root{home}/.netrc",
        "cat /proc/$$/root{lane}/README.md",
    ),
    row(
        "a file that another process has open",
        Sign::Says("CANARY-netrc"),
        "cat /proc/{pid}/fd/0",
        "cat < README.md; cat /proc/self/fd/0 < README.md",
    ),
    row(
        "the system's passwords",
        Sign::Says("root:"),
        "cat /etc/shadow",
        "grep -q root /etc/passwd",
    )
    .free(Free::ForRoot),
    row(
        "the machine's memory",
        Sign::Says("GOT-OUT"),
        "head -c 1 /dev/mem > /dev/null && echo GOT-OUT",
        "head -c 1 /dev/zero > /dev/null",
    )
    .free(DEVICE),
    row(
        "the machine's disks",
        Sign::Says("GOT-OUT"),
        "for d in /dev/sda /dev/vda /dev/xvda /dev/nvme0n1; do head -c 1 $d > /dev/null && echo GOT-OUT; done",
        "df . > /dev/null",
    )
    .free(DEVICE),
    row(
        "the kernel's memory",
        Sign::Says("GOT-OUT"),
        "head -c 4 /proc/kcore | grep -q ELF && echo GOT-OUT",
        "head -c 4 /proc/version > /dev/null",
    )
    .free(DEVICE),
    row(
        "the kernel's log",
        Sign::Says("GOT-OUT"),
        "head -c 1 /dev/kmsg > /dev/null && echo GOT-OUT; timeout 1 head -c 1 /proc/kmsg > /dev/null && echo GOT-OUT",
        "cat /proc/uptime",
    )
    .free(DEVICE),
    row(
        "the kernel's log by its call",
        Sign::Says("GOT-OUT"),
        "dmesg > /dev/null && echo GOT-OUT",
        "cat /proc/loadavg",
    )
    .free(DEVICE)
    .needs(&[Need::Program("dmesg")]),
    row(
        "dumps of what crashes",
        Sign::Says("GOT-OUT"),
        "ulimit -c unlimited && ulimit -c 1 && echo GOT-OUT",
        "ulimit -c 0; sh -c 'kill -SEGV $$'; test $? -ge 128",
    )
    .free(DEVICE),
    row(
        "what other programs keep in shared memory",
        Sign::Says("CANARY-shared"),
        "cat /dev/shm/{tag}-secret",
        "echo own > /dev/shm/own && cat /dev/shm/own",
    )
    .needs(&[Need::Namespaces]),
    row(
        "another program's segment of memory",
        Sign::Says("CANARY-segment"),
        "python3 -c 'from tools import *; libc.shmat.restype = ctypes.c_void_p; p = libc.shmat({segment}, None, 0o10000); print(\"refused\" if p == 2 ** 64 - 1 else ctypes.string_at(p, 14))'",
        "python3 -c 'from tools import *; libc.shmat.restype = ctypes.c_void_p; i = libc.shmget(0, 4096, 0o1600); p = libc.shmat(i, None, 0); ctypes.memmove(p, b\"own\", 3); libc.shmctl(i, 0, 0); assert ctypes.string_at(p, 3) == b\"own\"'",
    )
    .needs(&[Need::Program("python3"), Need::Namespaces]),
    row(
        "another program's queue of messages",
        Sign::Says("CANARY-queue"),
        "python3 -c 'from tools import *; b = ctypes.create_string_buffer(64); print(libc.msgrcv({queue}, b, 12, 0, 0o4000), b.raw)'",
        "python3 -c 'from tools import *; q = libc.msgget(0, 0o1600); b = ctypes.create_string_buffer(b\"\\1\" * 8 + b\"own\"); assert libc.msgsnd(q, b, 3, 0) == 0; assert libc.msgrcv(q, b, 3, 0, 0o4000) == 3; libc.msgctl(q, 0, 0)'",
    )
    .needs(&[Need::Program("python3"), Need::Namespaces]),
    row(
        "another program's queue with a name",
        Sign::Says("CANARY-posix"),
        "python3 -c 'from tools import *; q, e = call(240, 180, b\"{tag}-queue\", os.O_RDONLY | os.O_NONBLOCK, 0, 0); b = ctypes.create_string_buffer(8192); print(e, call(243, 183, q, b, 8192, 0, 0), b.raw[:12])'",
        // Landlock lets nobody make a queue with a name; one without has to do.
        "python3 -c 'from tools import *; q = libc.msgget(0, 0o1600); assert q >= 0; libc.msgctl(q, 0, 0)'",
    )
    .needs(&[Need::Program("python3"), Need::Namespaces])
    .free(Free::Perhaps),
    row(
        "a key by a library in every program",
        Sign::Says("CANARY-ssh"),
        "printf '#include <stdio.h>\n__attribute__((constructor)) static void go(void) { char t[99]; FILE *f = fopen(\"{home}/.ssh/id_ed25519\", \"r\"); if (f && fgets(t, 99, f)) puts(t); }\n' > evil.c && cc -shared -fPIC -o evil.so evil.c && LD_PRELOAD=$PWD/evil.so cat README.md",
        "printf '#include <stdio.h>\n__attribute__((constructor)) static void go(void) { puts(\"own\"); }\n' > own.c && cc -shared -fPIC -o own.so own.c && LD_PRELOAD=$PWD/own.so cat README.md | grep -q own",
    )
    .needs(&[Need::Program("cc")]),
    row(
        "another user by a program of theirs",
        Sign::Says("65533"),
        "{w}/others/id -u",
        "id -u",
    )
    .needs(&[Need::OthersFiles]),
    row(
        "another user by a program of theirs that may be run",
        Sign::Says("65533"),
        "{w}/others/id -u",
        "{w}/others/id -ru",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nexecute = [\"{w}/others\"]\n")
    .needs(&[Need::OthersFiles]),
    row(
        "running another user's program",
        Sign::Says("CANARY-program"),
        "{w}/others/tool",
        "printf '#!/bin/sh\\necho own\\n' > own-tool && chmod 755 own-tool && ./own-tool",
    ),
    row(
        "running another user's program by its interpreter",
        Sign::Says("CANARY-program"),
        "sh {w}/others/tool",
        "printf 'echo own\\n' > own-words && sh own-words",
    ),
];
