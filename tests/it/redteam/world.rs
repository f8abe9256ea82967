//! The place that rows run in: a home with keys, a repository with lanes, other people's files, listeners.

use super::ears::{Bystander, Ears, own_address};
use super::{Attempt, Free, Need, Place, Seen, Sign};
use codelicious::model::policy::Abilities;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Programs of the system alone.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
const NOBODY: u32 = 65534;
/// Another user, whom nobody here is.
const OTHER: u32 = 65533;
/// Said before the twin.
const TWIN: &str = "--- the twin";
const WORKED: &str = "--- the twin worked";

/// Who a row runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    Own,
    Nobody,
}

impl User {
    pub fn becomes(self, command: &mut Command) {
        match self {
            Self::Own => {}
            Self::Nobody => {
                command.uid(NOBODY).gid(NOBODY);
            }
        }
    }

    fn is_root(self) -> bool {
        self == Self::Own && rustix::process::geteuid().is_root()
    }

    /// Root with all that rows are about; root in a container may have less of it.
    fn has_rights(self) -> bool {
        self.is_root() && rights() & ROOTS == ROOTS
    }

    /// Whether one of its processes may attach to any other of its.
    fn may_attach(self) -> bool {
        let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
        matches!(scope.trim(), "" | "0")
            || self.is_root() && rights() & SYS_PTRACE != 0 && scope.trim() != "3"
    }
}

/// Of capabilities(7) by their numbers.
const SYS_PTRACE: u64 = 1 << 19;
/// Owners, files whatever their modes, groups and users, networks, roots, processes, mounts, the end of the machine,
/// its clock, devices, the audit, and rights of files.
const ROOTS: u64 = 0b111
    | 1 << 6
    | 1 << 7
    | 1 << 12
    | 1 << 13
    | 1 << 18
    | SYS_PTRACE
    | 1 << 21
    | 1 << 22
    | 1 << 25
    | 1 << 27
    | 1 << 30
    | 1 << 31;

/// What this process is entitled to.
fn rights() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    rights.map_or(0, |digits| u64::from_str_radix(digits.trim(), 16).unwrap())
}

/// What every row gets a copy of.
pub struct Template {
    dir: tempfile::TempDir,
    user: User,
    program: PathBuf,
    blob: String,
    /// There are another user's files.
    has_others: bool,
}

/// One row's place.
pub struct World {
    base: PathBuf,
    user: User,
    program: PathBuf,
    tag: String,
    ears: Option<Ears>,
    bystander: std::cell::RefCell<Option<Bystander>>,
    blob: String,
    /// In the kernel's memory: a segment, and a queue of messages.
    kept: Option<[i64; 2]>,
}

/// Files of the template, and what stands in them.
const FILES: &[(&str, &str)] = &[
    ("home/.ssh/id_ed25519", "CANARY-ssh"),
    ("home/.aws/credentials", "CANARY-aws"),
    ("home/.netrc", "CANARY-netrc"),
    ("home/.config/gh/hosts.yml", "CANARY-gh"),
    ("home/.claude/.credentials.json", "CANARY-claude"),
    ("home/.bash_history", "CANARY-history"),
    (
        "home/.mozilla/firefox/a.default/logins.json",
        "CANARY-browser",
    ),
    ("home/.gnupg/private-keys-v1.d/a.key", "CANARY-gnupg"),
    (
        "home/.git-credentials",
        "https://user:CANARY-git@git.example.org",
    ),
    ("home/.gitconfig", "[credential]\n\thelper = store\n"),
    ("home/.docker/config.json", "CANARY-tool"),
    ("home/.kube/config", "CANARY-tool"),
    ("home/.npmrc", "CANARY-tool"),
    ("home/.pypirc", "CANARY-tool"),
    ("home/.cargo/credentials.toml", "CANARY-tool"),
    ("home/.cargo/bin/tool", "#!/bin/sh\n"),
    ("home/.cargo/registry/cache/index/a.crate", "a crate"),
    ("home/.config/gcloud/access_tokens.db", "CANARY-tool"),
    ("home/.bashrc", "# mine\n"),
    ("home/.profile", "# mine\n"),
    ("home/.local/bin/.keep", ""),
    ("home/other-project/notes.txt", "CANARY-project"),
    ("others/notes.txt", "CANARY-others"),
    ("others/tool", "#!/bin/sh\necho CANARY-program\n"),
    ("outside/file", "as it was\n"),
    ("outside/folder/deeper", "as it was\n"),
    ("outside/inherited", "as it was\n"),
    ("run/github_env", ""),
    ("run/github_path", ""),
    ("cache/.keep", ""),
    ("project/README.md", "# Project\n"),
    (
        "project/codelicious.toml",
        "[verify]\ncommands = [\"true\"]\n",
    ),
    ("project/.gitignore", "/.env\n"),
    ("private/secret.txt", "CANARY-repository\n"),
];

/// What rows in Python have in common.
const TOOLS: &str = r#"
import ctypes, os, platform, resource, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)

def call(x86, arm, *args):
    number = x86 if platform.machine() == "x86_64" else arm
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    result = libc.syscall(ctypes.c_long(number), *wide)
    return result, ctypes.get_errno()

def tell(result, errno):
    # Refused for want of a right, or not known here.
    print("refused" if result == -1 and errno in (1, 13, 38) else "GOT-" + "OUT", result, errno)

def send(host, port):
    s = socket.create_connection((host, port), 5)
    s.sendall(b"leak")
    s.close()

def proxied(target, then=b"leak"):
    # Through the proxy that the environment names; without one directly.
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    if not proxy:
        host, port = target.rsplit(":", 1)
        return send(host.strip("[]"), int(port))
    host, port = proxy.split("://")[-1].strip("/").rsplit(":", 1)
    s = socket.create_connection((host, int(port)), 10)
    s.sendall(("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target, target)).encode())
    answer = s.recv(4096)
    # Any answer but one tells that it was asked for.
    first = answer.split(b"\r\n")[0]
    print("refused" if b" 403 " in first else "GOT-" + "OUT", first.decode())
    s.sendall(then)
    s.close()

def spot(pid, name):
    # A variable in another's memory: its value, and not what this process was asked for.
    import re
    print(re.findall(name.encode() + rb"=[A-Za-z-]+", memory_of(pid)))

def memory_of(pid):
    for line in open("/proc/%s/maps" % pid):
        if "[stack]" in line:
            start, end = (int(n, 16) for n in line.split()[0].split("-"))
            with open("/proc/%s/mem" % pid, "rb", 0) as f:
                f.seek(start)
                return f.read(end - start)
"#;

/// Makes what another program keeps in the kernel, with the tag in the name of what has one.
const KEEPS: &str = r#"
import ctypes, os, platform, sys
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(0, 4096, 0o1666)
ctypes.memmove(libc.shmat(segment, None, 0), b"CANARY-segment", 14)
queue = libc.msgget(0, 0o1666)
libc.msgsnd(queue, ctypes.create_string_buffer((1).to_bytes(8, sys.byteorder) + b"CANARY-queue"), 12, 0)
opens, sends = (240, 242) if platform.machine() == "x86_64" else (180, 182)
named = libc.syscall(opens, sys.argv[1].encode() + b"-queue", os.O_CREAT | os.O_RDWR, 0o666, 0)
libc.syscall(sends, named, b"CANARY-posix", 12, 0, 0)
print(segment, queue)
"#;

/// Takes it away.
const REMOVES: &str = r#"
import ctypes, platform, sys
libc = ctypes.CDLL(None)
libc.shmctl(int(sys.argv[2]), 0, 0)
libc.msgctl(int(sys.argv[3]), 0, 0)
libc.syscall(241 if platform.machine() == "x86_64" else 181, sys.argv[1].encode() + b"-queue")
"#;

/// Gives a folder to another user, with a program in it that runs as its owner. False where there is nobody to give it
/// to.
fn give_away(folder: &Path) -> bool {
    fs::copy(find("id"), folder.join("id")).unwrap();
    let files = ["", "notes.txt", "tool", "id"].map(|name| folder.join(name));
    let given = files
        .iter()
        .all(|file| std::os::unix::fs::chown(file, Some(OTHER), Some(OTHER)).is_ok());
    let mode = if given { 0o4755 } else { 0o755 };
    fs::set_permissions(folder.join("id"), fs::Permissions::from_mode(mode)).unwrap();
    given
}

/// A program of the system.
fn find(name: &str) -> PathBuf {
    let dirs = PATH.split(':').map(|dir| Path::new(dir).join(name));
    dirs.into_iter().find(|path| path.exists()).unwrap()
}

impl Template {
    pub fn new(user: User) -> Self {
        // Not in `/tmp`, which is another one inside.
        let above = [Path::new("/var/tmp"), Path::new("/tmp")];
        let above = above.into_iter().find(|dir| dir.is_dir()).unwrap();
        let dir = tempfile::Builder::new()
            .prefix("red-team-")
            .tempdir_in(above.canonicalize().unwrap())
            .unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = dir.path().join("codelicious");
        fs::copy(crate::support::program(), &program).unwrap();
        let base = dir.path().join("template");
        for (path, text) in FILES {
            let path = base.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for program in ["home/.cargo/bin/tool", "others/tool"] {
            let may_run = fs::Permissions::from_mode(0o755);
            fs::set_permissions(base.join(program), may_run).unwrap();
        }
        fs::create_dir_all(base.join("config/codelicious")).unwrap();
        let git = |dir: &str, args: &[&str]| {
            let done = Command::new("git")
                .args(["-c", "user.name=Ada", "-c", "user.email=ada@localhost"])
                .args(args)
                .current_dir(base.join(dir))
                .env_clear()
                .env("PATH", PATH)
                .env("HOME", base.join("run"))
                .output()
                .unwrap();
            assert!(
                done.status.success(),
                "{args:?}: {}",
                String::from_utf8_lossy(&done.stderr)
            );
            String::from_utf8_lossy(&done.stdout).trim().to_owned()
        };
        for repository in ["project", "private"] {
            git(repository, &["init", "-q", "-b", "main"]);
            git(repository, &["config", "user.name", "Ada"]);
            git(repository, &["config", "user.email", "ada@localhost"]);
            git(repository, &["add", "-A"]);
            git(repository, &["commit", "-qm", "First commit"]);
        }
        let blob = git("private", &["rev-parse", "HEAD:secret.txt"]);
        git(".", &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        git("project", &["remote", "add", "origin", "../origin.git"]);
        // Every row copies them.
        for place in ["project/.git", "private/.git", "origin.git"] {
            for sample in fs::read_dir(base.join(place).join("hooks")).unwrap() {
                fs::remove_file(sample.unwrap().path()).unwrap();
            }
        }
        for lane in ["lane", "other"] {
            let at = base.join("lanes").join(lane);
            git(
                "project",
                &["worktree", "add", "-q", "-b", lane, at.to_str().unwrap()],
            );
        }
        // As the first verb that runs something makes it.
        codelicious::fsx::root::ensure_layout(&base.join("project/.codelicious")).unwrap();
        for (path, text) in [
            ("project/.env", "CANARY-untracked"),
            ("project/.codelicious/ledger.jsonl", "CANARY-ledger"),
            ("project/.codelicious/events.jsonl", "CANARY-events"),
            ("lanes/other/draft.txt", "CANARY-lane"),
            ("lanes/other@box/home/.bashrc", "# theirs\n"),
            ("lanes/lane/tools.py", TOOLS),
            ("lanes/lane/sub/own.txt", "own\n"),
        ] {
            let path = base.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for (link, to) in [
            ("way-out", "../../outside"),
            ("way-home", "../../home/.ssh"),
        ] {
            std::os::unix::fs::symlink(to, base.join("lanes/lane").join(link)).unwrap();
        }
        if user == User::Nobody {
            let owner = format!("{NOBODY}:{NOBODY}");
            let done = Command::new("chown")
                .args(["-R", &owner])
                .arg(&base)
                .status()
                .unwrap();
            assert!(done.success());
        }
        Self {
            user,
            program,
            blob,
            has_others: give_away(&base.join("others")),
            dir,
        }
    }

    pub fn who(&self) -> &'static str {
        match (self.user, self.user.is_root()) {
            (User::Own, true) => "root",
            (User::Own, false) => "the user of the tests",
            (User::Nobody, _) => "an unprivileged user",
        }
    }

    /// Each user begins with another preset.
    pub fn turn(&self) -> usize {
        match self.user {
            User::Own => 0,
            User::Nobody => 2,
        }
    }

    /// What the machine can enforce for this user.
    pub fn abilities(&self) -> Abilities {
        let mut command = Command::new(&self.program);
        command
            .args(["__sandbox", "probe"])
            .current_dir("/")
            .env_clear();
        self.user.becomes(&mut command);
        let said = command.output().unwrap();
        let mut found: Abilities = serde_json::from_slice(&said.stdout).unwrap();
        if self.user.is_root() {
            codelicious::sandbox::set_helper(crate::support::program());
            found.control_group = codelicious::sandbox::probe::abilities().control_group;
        }
        found
    }

    /// Why a row cannot run here.
    pub fn lacks(&self, abilities: &Abilities, need: &Need) -> Option<String> {
        let (there, what) = match need {
            Need::Program(name) => {
                let there = PATH
                    .split(':')
                    .any(|dir| Path::new(dir).join(name).exists());
                (there, format!("there is no {name}"))
            }
            Need::Landlock(version) => (
                abilities.landlock >= *version,
                format!("Landlock is of version {}", abilities.landlock),
            ),
            Need::Namespaces => (
                abilities.network_namespace,
                "there are no namespaces".to_owned(),
            ),
            Need::ControlGroup => (
                abilities.control_group.is_some(),
                "no control group can be made".to_owned(),
            ),
            Need::ProcessBounds => (
                abilities.control_group.is_some()
                    || !self.user.is_root() && abilities.network_namespace,
                "no control group can be made, nor a user namespace with a count of its own"
                    .to_owned(),
            ),
            Need::Root => (
                self.user.is_root(),
                "permissions hold it as well, and it changes the machine".to_owned(),
            ),
            Need::OthersFiles => (
                self.has_others
                    && rustix::fs::statvfs(self.dir.path())
                        .is_ok_and(|fs| !fs.f_flag.contains(rustix::fs::StatVfsMountFlags::NOSUID)),
                "no file here runs as another user".to_owned(),
            ),
            Need::Version6 => (
                std::net::TcpListener::bind("[::1]:0").is_ok(),
                "there is no IPv6".to_owned(),
            ),
            Need::X86 => (
                cfg!(target_arch = "x86_64"),
                "its instructions are others".to_owned(),
            ),
            Need::Address => (
                own_address().is_some(),
                "there is the loopback alone".to_owned(),
            ),
        };
        (!there).then_some(what)
    }

    /// A copy for one row.
    pub fn world(&self, number: usize, row: &Attempt) -> World {
        let base = self.dir.path().join(format!("row-{number}"));
        let copied = Command::new("cp")
            .arg("-a")
            .args([&self.dir.path().join("template"), &base])
            .status()
            .unwrap();
        assert!(copied.success());
        for lane in ["lane", "other"] {
            let dot_git = base.join("lanes").join(lane).join(".git");
            let own = base.join("project/.git/worktrees").join(lane);
            fs::write(own.join("gitdir"), format!("{}\n", dot_git.display())).unwrap();
            fs::write(&dot_git, format!("gitdir: {}\n", own.display())).unwrap();
        }
        // By a relative path git would look from wherever it is.
        let config = base.join("project/.git/config");
        let text = fs::read_to_string(&config).unwrap();
        let origin = base.join("origin.git").display().to_string();
        fs::write(&config, text.replace("../origin.git", &origin)).unwrap();
        let tag = format!("red-{}-{number}-{:?}", std::process::id(), self.user);
        let text = [row.attack, row.twin, row.settings].concat();
        let is_named = |names: &[&str]| names.iter().any(|n| text.contains(n));
        let hears = matches!(row.sign, Sign::Heard) || is_named(&["{tcp}", "{unix}"]);
        let sees = matches!(row.sign, Sign::Harms) || is_named(&["{pid}"]);
        let mut world = World {
            user: self.user,
            program: self.program.clone(),
            blob: self.blob.clone(),
            ears: hears.then(|| Ears::new(&base.join("run"), &base.join("lanes/lane"), &tag)),
            bystander: sees
                .then(|| Bystander::new(self.user, &base.join("home")))
                .into(),
            tag,
            base,
            kept: None,
        };
        if is_named(&["/dev/shm/{tag}", "{segment}", "{queue}", "{tag}-queue"]) {
            world.share();
        }
        let settings = "# CANARY-settings\n[env]\npass = [\"CANARY_PASSED\"]\n";
        let settings = format!("{settings}{}", world.fill(row.settings));
        let at = world.base.join("config/codelicious/config.toml");
        fs::write(&at, settings).unwrap();
        if self.user == User::Nobody {
            std::os::unix::fs::chown(&at, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        world
    }
}

impl World {
    /// A row's text with what stands in braces: `{w}` the place, `{home}`, `{repo}`, `{lane}`, `{other}` another lane,
    /// `{out}` somebody else's folder, `{pid}` the bystander, `{tcp}`, `{tcp2}`, `{tcp6}`, `{ip}`, `{ipport}`, `{udp}`
    /// ports and addresses of listeners, `{tag}` a name of this row's own, `{host}` the machine's name,
    /// `{blob}` an object of another repository, `{segment}` and `{queue}` what another program keeps in the kernel.
    pub fn fill(&self, text: &str) -> String {
        let at = |below: &str| self.base.join(below).display().to_string();
        let mut out = text
            .replace("{w}", &self.base.display().to_string())
            .replace("{home}", &at("home"))
            .replace("{repo}", &at("project"))
            .replace("{lane}", &at("lanes/lane"))
            .replace("{other}", &at("lanes/other"))
            .replace("{out}", &at("outside"))
            .replace("{tag}", &self.tag)
            .replace("{host}", &host_name())
            .replace("{blob}", &self.blob);
        if let Some([segment, queue]) = self.kept {
            out = out
                .replace("{segment}", &segment.to_string())
                .replace("{queue}", &queue.to_string());
        }
        if let Some(bystander) = self.bystander.borrow().as_ref() {
            out = out.replace("{pid}", &bystander.pid().to_string());
        }
        if let Some(ears) = &self.ears {
            let port = |ear: &super::ears::Tcp| ear.at.port().to_string();
            out = out
                .replace("{tcp}", &port(&ears.tcp))
                .replace("{tcp2}", &port(&ears.other))
                .replace("{udp}", &ears.udp.local_addr().unwrap().port().to_string())
                .replace(
                    "{tcp6}",
                    &ears.version6.as_ref().map(port).unwrap_or_default(),
                );
            if let Some(ear) = &ears.address {
                out = out
                    .replace("{ip}", &ear.at.ip().to_string())
                    .replace("{ipport}", &port(ear));
            }
        }
        out
    }

    /// Something of another program's in shared memory.
    fn share(&mut self) {
        let secret = PathBuf::from(format!("/dev/shm/{}-secret", self.tag));
        fs::write(&secret, "CANARY-shared").unwrap();
        if self.user == User::Nobody {
            std::os::unix::fs::chown(&secret, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        // Without Python nothing asks for it.
        let said = self.python(KEEPS, &[&self.tag]);
        let numbers: Vec<i64> = said.split_whitespace().flat_map(str::parse).collect();
        self.kept = numbers.try_into().ok();
    }

    /// A line of Python as the row's user; what it says.
    fn python(&self, text: &str, args: &[&str]) -> String {
        let mut command = Command::new("python3");
        command
            .args(["-c", text])
            .args(args)
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/");
        self.user.becomes(&mut command);
        let done = command.output();
        done.map_or_else(
            |_| String::new(),
            |done| String::from_utf8_lossy(&done.stdout).into_owned(),
        )
    }

    /// Runs the row with a wall and without, and looks from outside at what came of it.
    pub fn judge(&self, name: &str, row: &Attempt, preset: &str) -> Seen {
        if matches!(row.sign, Sign::Outlives) {
            self.see_what_is_left();
        }
        let before = self.trace(row.sign);
        let attack = format!("(\n{}\n)\n", self.fill(row.attack));
        let twin = format!(
            "echo\necho '{TWIN}'\n(\n{}\n) && echo '{WORKED}'",
            self.fill(row.twin)
        );
        let line = format!("{attack}{twin}");
        let mut inside = match row.apart {
            true => self.run(&attack, row, preset, true),
            false => self.run(&line, row, preset, true),
        };
        let escaped = self.escaped(row.sign, &before, &inside);
        if row.apart {
            let twin = self.run(&twin, row, preset, true);
            inside.stdout += &twin.stdout;
            inside.stderr += &twin.stderr;
        }
        let worked = inside.stdout.contains(WORKED);
        let said = format!(
            "--- line\n{line}\n--- ended with {}\n{}\n--- errors\n{}",
            inside.code, inside.stdout, inside.stderr
        );
        let must = match row.free {
            Free::Works => true,
            Free::ForRoot => self.user.has_rights(),
            Free::Attaching => self.user.may_attach(),
            Free::Perhaps | Free::Never(_) => false,
        };
        let free = match row.free {
            Free::Never(why) => Err(why.to_owned()),
            // After an escape the place is not as it was.
            Free::Works | Free::ForRoot | Free::Attaching | Free::Perhaps => {
                let before = self.trace(row.sign);
                let outside = self.run(&self.fill(row.attack), row, preset, false);
                if must && matches!(row.sign, Sign::Harms) {
                    // A signal is on its way for a moment.
                    let start = std::time::Instant::now();
                    while !self.escaped(row.sign, &before, &outside)
                        && start.elapsed().as_secs() < 20
                    {
                        std::thread::yield_now();
                    }
                }
                match self.escaped(row.sign, &before, &outside) {
                    true => Ok(()),
                    false => Err(format!(
                        "{} {} {}",
                        outside.code,
                        outside.stdout.trim(),
                        outside.stderr.trim()
                    )),
                }
            }
        };
        self.tidy();
        Seen {
            name: name.to_owned(),
            escaped,
            worked,
            free,
            must,
            said,
        }
    }

    /// One command through the program; `walled` or with the sandbox switched off by name.
    fn run(&self, line: &str, row: &Attempt, preset: &str, walled: bool) -> Done {
        let at = |below: &str| self.base.join(below);
        let cwd = match row.place {
            Place::Lane => at("lanes/lane"),
            Place::Main => at("project"),
        };
        // Whoever starts the program has files open and secrets in the environment. The bound is for what would hang.
        let launch = "exec 9>>\"$1\"; shift; exec timeout -k 5 600 \"$@\"";
        let mut words: Vec<String> = vec![
            self.program.display().to_string(),
            "sandbox".into(),
            "run".into(),
            "--preset".into(),
            preset.into(),
            "--".into(),
            line.into(),
        ];
        if row.terminal {
            let words_in_one: Vec<String> = words
                .iter()
                .map(|w| format!("'{}'", w.replace('\'', r"'\''")))
                .collect();
            words = vec![
                "script".into(),
                "-qec".into(),
                words_in_one.join(" "),
                "/dev/null".into(),
            ];
        }
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", launch, "launch"])
            .arg(at("outside/inherited"))
            .args(&words)
            .current_dir(cwd)
            .env_clear()
            .env(
                "PATH",
                format!("{PATH}:{}", at("home/.local/bin").display()),
            )
            .env("HOME", at("home"))
            .env("XDG_CACHE_HOME", at("cache"))
            .env("XDG_CONFIG_HOME", at("config"))
            .env("SHELL", "/bin/sh")
            .env("AWS_SECRET_ACCESS_KEY", "CANARY-env")
            .env("GITHUB_TOKEN", "CANARY-env")
            .env("SSH_AUTH_SOCK", at("run/docker.sock"))
            .env("CANARY_PASSED", "yes")
            .stdin(Stdio::null());
        if !walled {
            command.env("CODELICIOUS_SANDBOX", "off");
        }
        self.user.becomes(&mut command);
        let done = command.output().unwrap();
        Done {
            code: done
                .status
                .code()
                .unwrap_or_else(|| 128 + done.status.signal().unwrap_or(0)),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    /// What is to be compared with later.
    fn trace(&self, sign: Sign) -> String {
        match sign {
            Sign::Changes(path) => {
                let mut out = String::new();
                fingerprint(Path::new(&self.fill(path)), &mut out);
                out
            }
            Sign::Heard => {
                if let Some(ears) = &self.ears {
                    ears.heard();
                }
                String::new()
            }
            Sign::Says(_) | Sign::Harms | Sign::Outlives | Sign::EndsProgram => String::new(),
        }
    }

    fn escaped(&self, sign: Sign, before: &str, done: &Done) -> bool {
        match sign {
            Sign::Says(text) => {
                let attack = done.stdout.split(TWIN).next().unwrap_or_default();
                attack.contains(text) || done.stderr.contains(text)
            }
            Sign::Changes(_) => self.trace(sign) != before,
            Sign::Heard => self.ears.as_ref().is_some_and(Ears::heard),
            Sign::Harms => {
                let mut bystander = self.bystander.borrow_mut();
                bystander.as_mut().is_some_and(Bystander::is_harmed)
            }
            Sign::Outlives => !self.left_behind().is_empty(),
            Sign::EndsProgram => done.code == 137,
        }
    }

    /// That a process which outlives the program would be seen.
    fn see_what_is_left(&self) {
        let mut command = Command::new("tail");
        command
            .args(["-f", "/dev/null", &self.tag])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.user.becomes(&mut command);
        let mut child = command.spawn().unwrap();
        crate::support::wait_until("a process to be seen", || {
            let pid = i32::try_from(child.id()).unwrap();
            self.left_behind().contains(&pid)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(self.left_behind().is_empty());
    }

    /// Processes with the row's tag in their command lines.
    fn left_behind(&self) -> Vec<i32> {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(&self.tag)
        })
        .collect()
    }

    /// Takes away what a row may have left in places that it does not have to itself.
    fn tidy(&self) {
        if let Some(ears) = &self.ears {
            ears.end();
        }
        if let Some([segment, queue]) = self.kept {
            let (segment, queue) = (segment.to_string(), queue.to_string());
            self.python(REMOVES, &[&self.tag, &segment, &queue]);
        }
        let planted = format!("/var/spool/cron/crontabs/{}", self.tag);
        for path in [
            planted.as_str(),
            "/etc/cron.d/codelicious-red-team",
            "/usr/local/bin/codelicious-red-team",
        ] {
            let _ = fs::remove_file(path);
        }
        for pid in self.left_behind() {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        for dir in ["/tmp", "/var/tmp", "/dev/shm"] {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(&self.tag) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        let _ = fs::remove_dir_all(&self.base);
    }
}

/// What this machine calls itself; most know that name as their own address.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

/// How a run ended.
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Everything below a path that a process outside could notice.
fn fingerprint(path: &Path, out: &mut String) {
    use std::fmt::Write;
    let Ok(about) = path.symlink_metadata() else {
        let _ = writeln!(out, "{} is not there", path.display());
        return;
    };
    let _ = write!(
        out,
        "{} {:o} {} {} {}.{}",
        path.display(),
        about.mode(),
        about.uid(),
        about.gid(),
        about.mtime(),
        about.mtime_nsec()
    );
    let mut names = [0; 1024];
    if let Ok(length) = rustix::fs::llistxattr(path, &mut names[..]) {
        let _ = write!(out, " {:?}", String::from_utf8_lossy(&names[..length]));
    }
    if about.is_file() {
        let mut hasher = DefaultHasher::new();
        fs::read(path).ok().hash(&mut hasher);
        let _ = write!(out, " {} {:016x}", about.len(), hasher.finish());
    }
    if about.is_symlink() {
        let _ = write!(out, " {:?}", fs::read_link(path).ok());
    }
    out.push('\n');
    if about.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .collect();
        entries.sort();
        for entry in entries {
            fingerprint(&entry, out);
        }
    }
}

impl Template {
    /// A world for what has rows of its own kind.
    pub fn plain(&self) -> World {
        self.world(usize::MAX, &super::row("", Sign::Says(""), "", ""))
    }

    pub fn has_rights(&self) -> bool {
        self.user.has_rights()
    }

    /// Presets under which something runs here, or what is said where nothing does: named hosts need namespaces, and
    /// without any a lane's link to git cannot be kept from being changed.
    pub fn presets(&self) -> Result<Vec<&'static str>, String> {
        let world = self.plain();
        let row = super::row("", Sign::Says(""), "", "");
        let mut had = Vec::new();
        let mut said = String::new();
        for preset in ["verify", "engine-tool", "setup", "agent-cli"] {
            let done = world.run("true", &row, preset, true);
            match done.code {
                0 => had.push(preset),
                _ if said.is_empty() => said = done.stderr,
                _ => {}
            }
        }
        world.tidy();
        match had.is_empty() {
            true => Err(said),
            false => Ok(had),
        }
    }
}

impl World {
    /// Runs a line in the lane; what it says on standard output.
    pub fn say(&self, line: &str, walled: bool) -> String {
        let row = super::row("", Sign::Says(""), "", "");
        let done = self.run(&self.fill(line), &row, "verify", walled);
        assert!(!done.stdout.is_empty(), "{line}: {}", done.stderr);
        done.stdout
    }
}
