//! Changing what is somebody else's.

use super::{Attempt, Free, Need, PYTHON, Sign, row};

/// Files that belong to the machine and not to this test.
const MACHINE: Free = Free::Never("it would change the machine");

pub const ROWS: &[Attempt] = &[
    row(
        "a new file by its whole name",
        Sign::Changes("{out}"),
        "echo x > {out}/new",
        "echo x > {lane}/new && test -s new",
    ),
    row(
        "up from the lane",
        Sign::Changes("{out}"),
        "echo x >> ../../outside/file",
        "echo x >> sub/../own.txt && cat own.txt",
    ),
    row(
        "through a link that lay in the lane",
        Sign::Changes("{out}"),
        "echo x >> way-out/file",
        "ln -s sub within && echo x >> within/own.txt",
    ),
    row(
        "through a link that it makes",
        Sign::Changes("{out}"),
        "ln -s {out} l && echo x > l/new",
        "ln -s sub l2 && echo x > l2/new && test -s sub/new",
    ),
    row(
        "through a link that changes while it writes",
        Sign::Changes("{out}"),
        r#"python3 -c '
import os, signal
os.system("rm -rf race trap aside"); os.mkdir("race"); os.symlink("{out}", "trap")
swapper = os.fork()
while swapper == 0:
    os.rename("race", "aside"); os.rename("trap", "race")
    os.rename("race", "trap"); os.rename("aside", "race")
for n in range(30000):
    try: open("race/won", "w").write("x")
    except OSError: pass
    if n % 50 == 0 and os.path.exists("{out}/won"): break
os.kill(swapper, signal.SIGKILL); os.waitpid(swapper, 0)
'"#,
        "python3 -c 'import os; os.mkdir(\"calm\"); os.rename(\"calm\", \"calmer\"); open(\"calmer/f\", \"w\").write(\"x\")'",
    )
    .needs(PYTHON),
    row(
        "through a hard link",
        Sign::Changes("{out}"),
        "ln {out}/file h && echo x >> h",
        "ln README.md h2 && echo x >> h2",
    ),
    row(
        "by moving a file out",
        Sign::Changes("{out}"),
        "echo x > f && mv f {out}/f",
        "echo x > g && mv g sub/g",
    ),
    row(
        "by moving a file in",
        Sign::Changes("{out}"),
        "mv {out}/file taken",
        "mv sub/own.txt taken-too && mv taken-too sub/own.txt",
    ),
    row(
        "by exchanging two names",
        Sign::Changes("{out}"),
        "echo x > f && python3 -c 'from tools import *; print(call(316, 276, -100, b\"f\", -100, b\"{out}/file\", 2))'",
        "echo a > a && echo b > b && python3 -c 'from tools import *; assert call(316, 276, -100, b\"a\", -100, b\"b\", 2)[0] == 0' && grep -q b a",
    )
    .needs(PYTHON),
    row(
        "through the root of its own process",
        Sign::Changes("{out}"),
        "echo x > /proc/self/root{out}/new",
        "echo x > /proc/self/root{lane}/by-root && test -s by-root",
    ),
    row(
        "through the folder of its own process",
        Sign::Changes("{out}"),
        "echo x > /proc/self/cwd/../../outside/new",
        "echo x > /proc/self/cwd/by-cwd && test -s by-cwd",
    ),
    row(
        "through the folder of another process",
        Sign::Changes("{home}"),
        "echo x > /proc/{pid}/cwd/new",
        "echo x > /proc/$$/cwd/by-own",
    ),
    row(
        "through a file that it inherits",
        Sign::Changes("{out}/inherited"),
        "python3 -c 'import os; os.write(9, b\"x\")'",
        "exec 9> own-handle && echo x >&9 && test -s own-handle",
    )
    .needs(PYTHON),
    row(
        "through a file that who started it has open",
        Sign::Changes("{out}/inherited"),
        "echo x > /proc/$PPID/fd/9",
        "exec 7> seven; echo x > /proc/self/fd/7; test -s seven",
    ),
    row(
        "a file without a name that gets one outside",
        Sign::Changes("{out}"),
        "python3 -c 'from tools import *; f = os.open(\".\", os.O_TMPFILE | os.O_RDWR); os.write(f, b\"x\"); print(call(265, 37, -100, b\"/proc/self/fd/%d\" % f, -100, b\"{out}/new\", 0x400))'",
        "python3 -c 'from tools import *; f = os.open(\".\", os.O_TMPFILE | os.O_RDWR); os.write(f, b\"x\"); call(265, 37, -100, b\"/proc/self/fd/%d\" % f, -100, b\"named\", 0x400)' && test -s named",
    )
    .free(Free::Perhaps)
    .needs(PYTHON),
    row(
        "by mounting the folder into the lane",
        Sign::Changes("{out}"),
        "mkdir -p m; mount --bind {out} m && { echo x > m/new; umount m; }",
        "mkdir n && echo x > n/new",
    )
    .free(Free::Perhaps),
    row(
        "by mounting it in namespaces of its own",
        Sign::Changes("{out}"),
        "mkdir -p m; unshare -m sh -c 'mount --bind {out} m && echo x > m/new'",
        "mkdir n && sh -c 'echo x > n/new'",
    )
    .free(Free::Perhaps),
    row(
        "by becoming root in a user namespace",
        Sign::Changes("{out}"),
        "mkdir -p m; unshare -Urm sh -c 'mount --bind {out} m && echo x > m/new'",
        "mkdir n && sh -c 'cd n && echo x > new'",
    )
    .free(Free::Perhaps),
    row(
        "by laying a file system over it",
        Sign::Says("CANARY-netrc"),
        "mkdir -p u k m; unshare -Urm sh -c 'mount -t overlay o -o lowerdir={home},upperdir=u,workdir=k m && cat m/.netrc'",
        "mkdir v && cp README.md v && cat v/README.md",
    )
    .free(Free::Perhaps),
    row(
        "by another root",
        Sign::Changes("{out}"),
        "python3 -c 'import os; os.chroot(\"{w}\"); open(\"/outside/new\", \"w\").write(\"x\")'",
        "python3 -c 'import os; os.chdir(\"sub\"); open(\"new2\", \"w\").write(\"x\")'",
    )
    .free(Free::ForRoot)
    .needs(PYTHON),
    row(
        "cutting a file short",
        Sign::Changes("{out}"),
        "truncate -s 0 {out}/file || : > {out}/file",
        "truncate -s 1 sub/own.txt",
    ),
    row(
        "removing a file",
        Sign::Changes("{out}"),
        "rm -f {out}/file",
        "echo x > gone && rm gone",
    ),
    row(
        "removing a folder",
        Sign::Changes("{out}"),
        "rm -rf {out}/folder",
        "mkdir gone && rmdir gone",
    ),
    row(
        "a pipe with a name",
        Sign::Changes("{out}"),
        "mkfifo {out}/pipe",
        "mkfifo pipe && test -p pipe",
    ),
    row(
        "modes",
        Sign::Changes("{out}"),
        "chmod 777 {out}/file",
        "chmod 755 README.md && test -x README.md",
    )
    .needs(&[Need::Namespaces]),
    row(
        "modes by an open handle",
        Sign::Changes("{out}"),
        "python3 -c 'import os; os.chmod(\"../../outside/folder\", 0o777)'",
        "python3 -c 'import os; os.chmod(\"sub\", 0o700)'",
    )
    .needs(&[Need::Program("python3"), Need::Namespaces]),
    row(
        "owners",
        Sign::Changes("{out}"),
        "chown 1:1 {out}/file",
        "chown $(id -u):$(id -g) README.md",
    )
    .free(Free::ForRoot)
    .needs(&[Need::Namespaces]),
    row(
        "times",
        Sign::Changes("{out}"),
        "touch -d 2001-01-01 {out}/file",
        "touch -d 2001-01-01 README.md",
    )
    .needs(&[Need::Namespaces]),
    row(
        "attributes",
        Sign::Changes("{out}"),
        "python3 -c 'import os; os.setxattr(\"{out}/file\", \"user.evil\", b\"x\")'",
        // Some file systems have none (ENOTSUP).
        "python3 -c 'import os\ntry: os.setxattr(\"README.md\", \"user.own\", b\"x\")\nexcept OSError as e: assert e.errno == 95, e'",
    )
    .free(Free::Perhaps)
    .needs(&[Need::Program("python3"), Need::Namespaces]),
    row(
        "what a shell runs at its start",
        Sign::Changes("{home}"),
        "for f in .bashrc .profile .zshrc .bash_profile .zshenv; do echo evil >> {home}/$f; done",
        "for f in .bashrc .profile .zshrc; do echo mine >> ~/$f; done",
    ),
    row(
        "a program in the user's PATH",
        Sign::Changes("{home}"),
        "printf '#!/bin/sh\\n' > {home}/.local/bin/git",
        "mkdir -p ~/.local/bin && printf '#!/bin/sh\\n' > ~/.local/bin/own && sh ~/.local/bin/own",
    ),
    row(
        "a program of the user's toolchain",
        Sign::Changes("{home}"),
        "echo evil >> {home}/.cargo/bin/tool",
        "{home}/.cargo/bin/tool",
    ),
    row(
        "the user's cache of packages",
        Sign::Changes("{home}"),
        "echo evil >> {home}/.cargo/registry/cache/index/a.crate",
        "test -n \"$CARGO_HOME\" && echo more >> \"$CARGO_HOME/own\"",
    ),
    row(
        "a service of the user's session",
        Sign::Changes("{home}"),
        "mkdir -p {home}/.config/systemd/user/default.target.wants && printf '[Service]\\nExecStart=/bin/true\\n' > {home}/.config/systemd/user/evil.service",
        "mkdir -p ~/.config/systemd/user && echo > ~/.config/systemd/user/own.service",
    ),
    row(
        "what starts with the desktop",
        Sign::Changes("{home}"),
        "mkdir -p {home}/.config/autostart && printf '[Desktop Entry]\\nExec=/bin/true\\n' > {home}/.config/autostart/evil.desktop",
        "mkdir -p ~/.config/autostart && echo > ~/.config/autostart/own.desktop",
    ),
    row(
        "keys that may log in",
        Sign::Changes("{home}"),
        "echo 'ssh-ed25519 AAAA evil' >> {home}/.ssh/authorized_keys",
        "mkdir -p ~/.ssh && echo own >> ~/.ssh/authorized_keys",
    ),
    row(
        "what an agent runs in its next session",
        Sign::Changes("{home}"),
        "printf '{\"hooks\":{}}' > {home}/.claude/settings.json",
        "mkdir -p ~/.claude && echo > ~/.claude/settings.json",
    ),
    row(
        "the program's own settings",
        Sign::Changes("{w}/config"),
        "echo 'sandbox = \"off\"' >> {w}/config/codelicious/config.toml",
        "echo >> codelicious.toml",
    ),
    row(
        "a library for every program of the user's session",
        Sign::Changes("{home}"),
        "mkdir -p {home}/.config/environment.d; echo LD_PRELOAD={lane}/evil.so >> {home}/.config/environment.d/evil.conf; echo 'LD_PRELOAD DEFAULT={lane}/evil.so' >> {home}/.pam_environment; echo export LD_PRELOAD={lane}/evil.so >> {home}/.profile",
        "mkdir -p ~/.config/environment.d && echo OWN=1 > ~/.config/environment.d/own.conf && echo export OWN=1 >> ~/.profile",
    ),
    row(
        "what a CI runner gives to the steps that follow",
        Sign::Changes("{w}/run"),
        "echo LD_PRELOAD={lane}/evil.so >> {w}/run/github_env; echo {lane} >> {w}/run/github_path",
        "test -z \"$GITHUB_ENV\" && echo OWN=1 > own_env",
    ),
    row(
        "the timetable of the machine",
        Sign::Changes("/etc/cron.d/codelicious-red-team"),
        "echo '* * * * * root true' > /etc/cron.d/codelicious-red-team",
        "echo x > cron.d",
    )
    .free(MACHINE)
    .needs(&[Need::Root]),
    row(
        "the timetable of the user",
        Sign::Changes("/var/spool/cron/crontabs/{tag}"),
        "mkdir -p /var/spool/cron/crontabs; echo '* * * * * true' > /var/spool/cron/crontabs/{tag}",
        "mkdir -p spool && echo x > spool/cron",
    )
    .free(MACHINE)
    .needs(&[Need::Root]),
    row(
        "what the loader puts into every program",
        Sign::Changes("/etc/ld.so.preload"),
        "echo /nowhere/evil.so > /etc/ld.so.preload",
        "LD_BIND_NOW=1 true",
    )
    .free(MACHINE)
    .needs(&[Need::Root]),
    row(
        "a folder of programs of the system",
        Sign::Changes("/usr/local/bin/codelicious-red-team"),
        "cp /bin/true /usr/local/bin/codelicious-red-team",
        "cp /bin/true own-true && ./own-true",
    )
    .free(MACHINE)
    .needs(&[Need::Root]),
    row(
        "git's configuration of the system",
        Sign::Changes("/etc/gitconfig"),
        "git config --system core.fsmonitor evil",
        "git config --file own.config core.pager cat",
    )
    .free(MACHINE)
    .needs(&[Need::Root]),
    row(
        "temporary files of everybody",
        Sign::Changes("/tmp/{tag}"),
        "echo x > /tmp/{tag}",
        "echo x > \"$TMPDIR/x\" && test -s \"$TMPDIR/x\" && python3 -c 'import tempfile; tempfile.TemporaryFile().write(b\"x\")'",
    )
    .needs(PYTHON),
    row(
        "lasting temporary files of everybody",
        Sign::Changes("/var/tmp/{tag}"),
        "echo x > /var/tmp/{tag}",
        "f=$(mktemp) && echo x > $f && rm $f",
    ),
    row(
        "shared memory of everybody",
        Sign::Changes("/dev/shm/{tag}"),
        "echo x > /dev/shm/{tag}",
        "echo x > /dev/shm/{tag}-own && test -s /dev/shm/{tag}-own",
    )
    .needs(&[Need::Namespaces]),
    row(
        "what another program keeps in shared memory",
        Sign::Changes("/dev/shm/{tag}-secret"),
        "echo x >> /dev/shm/{tag}-secret",
        "python3 -c 'import multiprocessing as m; l = m.Lock(); l.acquire(); l.release()'",
    )
    .needs(&[Need::Program("python3"), Need::Namespaces]),
    row(
        "another lane",
        Sign::Changes("{other}"),
        "echo x > {other}/new",
        "echo x > new",
    ),
    row(
        "another lane's home",
        Sign::Changes("{w}/lanes/other@box"),
        "echo evil >> {other}@box/home/.bashrc",
        "echo own >> ~/.bashrc",
    ),
    row(
        "beside the lane",
        Sign::Changes("{w}/lanes/planted"),
        "mkdir ../planted && echo x > ../planted/new",
        "mkdir planted",
    ),
    row(
        "a file that runs as who owns it",
        Sign::Says("GOT-OUT"),
        "cp /bin/true s && chmod u+s s && test -u s && echo GOT-OUT",
        "cp /bin/true t && chmod 755 t && ./t",
    ),
    row(
        "a file that is made to run as who owns it",
        Sign::Says("GOT-OUT"),
        "python3 -c 'import os; os.umask(0); os.close(os.open(\"s\", os.O_CREAT | os.O_WRONLY, 0o4755))'; test -u s && echo GOT-OUT",
        "python3 -c 'import os; os.umask(0); os.close(os.open(\"t\", os.O_CREAT | os.O_WRONLY, 0o755))'; test -x t",
    )
    .needs(PYTHON),
    row(
        "a file with a right of root's",
        Sign::Says("GOT-OUT"),
        "cp /bin/true s && setcap cap_sys_admin+ep s && echo GOT-OUT",
        "cp /bin/true t && ./t",
    )
    .free(Free::ForRoot)
    .needs(&[Need::Program("setcap")]),
    row(
        "a device of its own",
        Sign::Says("GOT-OUT"),
        "mknod d c 1 1 && echo GOT-OUT",
        "mknod p p && test -p p",
    )
    .free(Free::ForRoot),
    row(
        "the terminal of who started it",
        Sign::Says("typed-it"),
        "printf 'typed-%s' it > /dev/tty",
        "printf 'said' | cat",
    )
    .in_terminal()
    .needs(&[Need::Program("script")]),
    row(
        "a terminal of somebody",
        Sign::Says("GOT-OUT"),
        "for t in /dev/pts/[0-9]* /dev/console; do (: >> $t) && echo GOT-OUT; done",
        ": >> /dev/null",
    )
    .in_terminal()
    .needs(&[Need::Program("script")]),
    row(
        "a setting of the kernel's",
        Sign::Says("GOT-OUT"),
        "v=$(cat /proc/sys/kernel/core_pattern) && printf '%s' \"$v\" > /proc/sys/kernel/core_pattern && echo GOT-OUT",
        "cat /proc/sys/kernel/core_pattern",
    )
    .free(Free::Perhaps),
    row(
        "out of its control group",
        Sign::Says("GOT-OUT"),
        "for f in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do (echo 0 > $f) && echo GOT-OUT; done",
        "cat /proc/self/cgroup",
    )
    .free(Free::Perhaps),
    row(
        "who is ended when memory runs out",
        Sign::Says("GOT-OUT"),
        "echo 1000 > /proc/{pid}/oom_score_adj && echo GOT-OUT",
        "cat /proc/self/oom_score_adj",
    ),
    row(
        "a format of programs for the whole machine",
        Sign::Says("GOT-OUT"),
        "(: >> /proc/sys/fs/binfmt_misc/register) && echo GOT-OUT",
        "cat /proc/filesystems > /dev/null",
    )
    .free(Free::Perhaps),
    row(
        "an order to the kernel",
        Sign::Says("GOT-OUT"),
        "(: >> /proc/sysrq-trigger) && echo GOT-OUT",
        "cat /proc/cmdline > /dev/null",
    )
    .free(Free::Perhaps),
];
