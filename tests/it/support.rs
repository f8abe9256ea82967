//! A repository of its own for every test: a bare origin, a home, a cache, and programs that play engines.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A repository with a bare origin. Nothing of the machine's configuration reaches it.
///
/// Its runs have the sandbox on where the machine has one; [`Repo::without_wall`] takes it away.
pub struct Repo {
    temp: TempDir,
    pub root: PathBuf,
    pub origin: PathBuf,
    is_walled: bool,
}

/// What the user's own settings say in every test.
const SETTINGS: &str = "[env]\npass = [\"FAKE_CLAUDE_*\", \"CANARY_*\"]\n";

/// True where the sandbox can be put up. `IT_SANDBOX=off` runs all tests without, to compare.
fn has_wall() -> bool {
    static HAS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *HAS.get_or_init(|| {
        std::env::var("IT_SANDBOX").as_deref() != Ok("off") && {
            codelicious::sandbox::set_helper(program());
            let found = codelicious::sandbox::probe::abilities();
            let has = found.landlock >= 2 && found.seccomp && found.network_namespace;
            if !has {
                eprintln!(
                    "SKIPPED: no sandbox around the runs of tests: {:?}",
                    found.lacking
                );
            }
            has
        }
    })
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn new(output: &Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self {
            code: output
                .status
                .code()
                .unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Panics with all output unless the exit code is `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| {
            panic!(
                "{e}:\n--- stdout\n{}\n--- stderr\n{}",
                self.stdout, self.stderr
            )
        })
    }
}

/// A folder that goes with the test: in memory, where that is a place for programs too, since many small files are made
/// and synced there.
fn own_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let takes_programs = rustix::fs::statvfs(memory)
        .is_ok_and(|fs| !fs.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
    let in_memory = takes_programs.then(|| TempDir::new_in(memory).ok());
    let folder = in_memory.flatten().map_or_else(TempDir::new, Ok);
    folder.expect("a temporary folder")
}

/// The built program.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_codelicious"))
}

/// The program that plays Claude Code.
pub fn fake_claude() -> PathBuf {
    let dir = program()
        .parent()
        .expect("the program is in a folder")
        .to_path_buf();
    let fake = dir.join("examples/fake-claude");
    assert!(
        fake.exists(),
        "{} is not built; `cargo test` builds it, `cargo test --test it` needs `--examples` too",
        fake.display()
    );
    fake
}

/// Settings for programs that play engines, checks and hooks, and tell what they saw in files beside the lane. The folder
/// around all lanes is not let through to a hook that may not write in its lane; the home and the state are.
fn let_through(base: &Path) -> String {
    let fakes = fake_claude();
    let fakes = fakes.parent().expect("it is in a folder").display();
    let (base, program) = (base.display(), program());
    let program = program.display();
    ["engine-tool", "verify", "setup", "agent-cli"]
        .iter()
        .map(|preset| {
            format!(
                "[sandbox.{preset}]\nwrite = [\"{base}\", \"{base}/home\", \"{base}/state\"]\nexecute = [\"{base}\", \"{fakes}\", \"{program}\"]\n"
            )
        })
        .collect()
}

impl Repo {
    /// A repository with one commit (`README.md` and a check that passes when no `work/*.bad` exists),
    /// pushed to a bare origin.
    pub fn new() -> Self {
        let repo = Self::bare_bones();
        repo.write("README.md", "# Project\n");
        repo.write(
            "check.sh",
            "for f in work/*.bad; do [ -e \"$f\" ] && { echo \"$f is bad\"; exit 1; }; done; exit 0\n",
        );
        repo.write(
            "codelicious.toml",
            "[verify]\ncommands = [\"sh check.sh\"]\n",
        );
        repo.write(".gitignore", "/ignored/\n");
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-qm", "First commit"]);
        repo.git(&["push", "-q", "-u", "origin", "main"]);
        repo
    }

    /// A repository without a commit, with an empty bare origin.
    pub fn bare_bones() -> Self {
        Self::bare_bones_in(own_folder())
    }

    /// The same where users have theirs. What is walled in there has a folder of its own for shared memory, which it
    /// has not where its lane lies in that folder.
    pub fn bare_bones_on_disk() -> Self {
        Self::bare_bones_in(TempDir::new().expect("a temporary folder"))
    }

    fn bare_bones_in(temp: TempDir) -> Self {
        let base = temp.path().canonicalize().expect("it is there");
        let (root, origin) = (base.join("project"), base.join("origin.git"));
        for dir in [
            "project",
            "home",
            "cache",
            "bin",
            "state",
            "config/codelicious",
        ] {
            fs::create_dir_all(base.join(dir)).expect("made");
        }
        std::os::unix::fs::symlink(fake_claude(), base.join("bin/claude")).expect("linked");
        let is_walled = has_wall();
        let repo = Self {
            temp,
            root,
            origin,
            is_walled,
        };
        repo.settings("");
        repo.git_in(
            &base,
            &[
                "init",
                "-q",
                "--bare",
                "--initial-branch=main",
                "origin.git",
            ],
        );
        // The remote's own housekeeping is nobody's here.
        repo.git_in(&repo.origin, &["config", "receive.autogc", "false"]);
        repo.git(&["init", "-q", "--initial-branch=main"]);
        repo.git(&["config", "user.name", "Ada"]);
        repo.git(&["config", "user.email", "ada@localhost"]);
        repo.git(&["remote", "add", "origin", "../origin.git"]);
        repo
    }

    /// The same once more, as it stands, with everything around it.
    pub fn copy(&self) -> Self {
        let temp = own_folder();
        let base = temp.path().canonicalize().expect("it is there");
        let copied = Command::new("cp")
            .arg("-a")
            .arg(format!("{}/.", self.base().display()))
            .arg(&base)
            .status()
            .expect("cp starts");
        assert!(copied.success());
        let (root, origin) = (base.join("project"), base.join("origin.git"));
        let copy = Self {
            temp,
            root,
            origin,
            is_walled: self.is_walled,
        };
        // What is let through is told by its path, which is another now.
        let file = copy.user_file();
        let old = self.base().display().to_string();
        let text = fs::read_to_string(&file).expect("read");
        fs::write(&file, text.replace(&old, &base.display().to_string())).expect("written");
        copy
    }

    /// The same with no sandbox around what its runs start: for what a wall rightly refuses, or where machines
    /// would differ in what is said of it.
    #[must_use]
    pub fn without_wall(mut self) -> Self {
        self.is_walled = false;
        self.settings("");
        self
    }

    /// True where its runs have the sandbox on.
    pub fn has_wall(&self) -> bool {
        self.is_walled
    }

    /// Writes the user's own settings: what all tests have, and `more`.
    pub fn settings(&self, more: &str) {
        self.other_settings(&format!("{SETTINGS}{more}"));
    }

    /// Writes the user's own settings, without what all tests have but for what the sandbox lets through.
    pub fn other_settings(&self, text: &str) {
        let walls = match self.is_walled {
            true => let_through(&self.base()),
            false => String::new(),
        };
        fs::write(self.user_file(), format!("{walls}{text}")).expect("written");
    }

    /// Leaves the walls of its runs as they are for a user without settings.
    pub fn bare_walls(&self) {
        fs::write(self.user_file(), "").expect("written");
    }

    /// The user's own settings file.
    pub fn user_file(&self) -> PathBuf {
        self.base().join("config/codelicious/config.toml")
    }

    /// The folder around repository, origin, home and cache.
    pub fn base(&self) -> PathBuf {
        self.root.parent().expect("it has one").to_path_buf()
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let full = self.root.join(path);
        fs::create_dir_all(full.parent().expect("it has one")).expect("made");
        fs::write(full, text).expect("written");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Writes an executable script.
    pub fn script(&self, path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("set");
    }

    /// What the fake `claude` is to do from now on; see the head of `tests/fakes/claude.rs`.
    pub fn fake(&self, script: &Value) {
        fs::write(self.base().join("script.json"), script.to_string()).expect("written");
    }

    /// Calls of the fake `claude` so far.
    pub fn calls(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.base().join("calls.jsonl")).unwrap_or_default();
        text.lines()
            .map(|l| serde_json::from_str(l).expect("a JSON line"))
            .collect()
    }

    /// Chunk ids in the order in which the fake `claude` was asked for them.
    pub fn asked_for(&self) -> Vec<String> {
        let chunk = |c: &Value| c["chunk"].as_str().unwrap_or_default().to_owned();
        self.calls().iter().map(chunk).collect()
    }

    /// The environment of everything that is started here.
    pub fn envs(&self) -> BTreeMap<String, String> {
        let base = self.base();
        let at = |name: &str| base.join(name).display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut envs = BTreeMap::from([
            ("PATH".to_owned(), format!("{}:{path}", at("bin"))),
            ("HOME".to_owned(), at("home")),
            ("XDG_CACHE_HOME".to_owned(), at("cache")),
            ("XDG_CONFIG_HOME".to_owned(), at("config")),
            ("GIT_CONFIG_GLOBAL".to_owned(), "/dev/null".to_owned()),
            ("GIT_CONFIG_SYSTEM".to_owned(), "/dev/null".to_owned()),
            ("FAKE_CLAUDE_LOG".to_owned(), at("calls.jsonl")),
            ("FAKE_CLAUDE_STATE".to_owned(), at("state")),
        ]);
        if !self.is_walled {
            envs.insert("CODELICIOUS_SANDBOX".to_owned(), "off".to_owned());
        }
        if base.join("script.json").exists() {
            envs.insert("FAKE_CLAUDE_SCRIPT".to_owned(), at("script.json"));
        }
        envs
    }

    /// The program in the repository's root, with a clean environment.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(program());
        command
            .args(args)
            .current_dir(&self.root)
            .env_clear()
            .envs(self.envs())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ended {
        Ended::new(&self.command(args).output().expect("it starts"))
    }

    /// Runs it with more environment.
    pub fn run_with<S: AsRef<OsStr>>(&self, args: &[S], envs: &[(&str, &str)]) -> Ended {
        Ended::new(
            &self
                .command(args)
                .envs(envs.iter().copied())
                .output()
                .expect("it starts"),
        )
    }

    /// Starts it and lets it run.
    pub fn start<S: AsRef<OsStr>>(&self, args: &[S]) -> Child {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    }

    /// Git in the repository's root; standard output, trimmed.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root, args)
    }

    #[track_caller]
    pub fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let envs: Vec<(String, String)> = self.envs().into_iter().collect();
        // A bare name beside a PATH of its own has this process forked, with all that the tests hold in memory.
        let git = codelicious::proc::find_program("git", &envs).expect("git is there");
        let output = Command::new(git)
            .args(args)
            .current_dir(dir)
            .env_clear()
            .envs(envs)
            .output()
            .expect("git starts");
        let ended = Ended::new(&output).expect(0);
        ended.stdout.trim_end().to_owned()
    }

    /// Clones the origin beside the repository, as somebody else's machine would have it.
    pub fn fresh_clone(&self, name: &str) -> Clone_<'_> {
        self.clone_with(name, &[])
    }

    /// The same with more options of `git clone`.
    pub fn clone_with(&self, name: &str, options: &[&str]) -> Clone_<'_> {
        let base = self.base();
        let url = format!("file://{}", self.origin.display());
        let args = [&["clone", "-q"], options, &[&url, name]].concat();
        self.git_in(&base, &args);
        let root = base.join(name);
        self.git_in(&root, &["config", "user.name", "Ada"]);
        self.git_in(&root, &["config", "user.email", "ada@localhost"]);
        Clone_ { repo: self, root }
    }

    /// Commits on `branch` that main lacks, oldest first, as `(subject, chunk trailer)`.
    pub fn commits(&self, branch: &str) -> Vec<(String, Option<String>)> {
        let format = "--format=%s%x09%(trailers:key=Codelicious-Chunk,valueonly,separator=%x2C)";
        let log = self.git(&["log", "--reverse", format, &format!("main..{branch}")]);
        log.lines()
            .map(|line| {
                let (subject, chunk) = line.split_once('\t').unwrap_or((line, ""));
                (
                    subject.to_owned(),
                    (!chunk.is_empty()).then(|| chunk.to_owned()),
                )
            })
            .collect()
    }

    /// Everything of the user's that a run must leave alone, as one comparable text.
    pub fn users_things(&self) -> String {
        let mut out = String::new();
        let mut files = Vec::new();
        collect(&self.root, &mut files);
        files.sort();
        for path in files {
            let below = path.strip_prefix(&self.root).expect("below");
            let first = below.components().next().map(|c| c.as_os_str().to_owned());
            if matches!(
                first.as_deref().and_then(OsStr::to_str),
                Some(".codelicious" | ".git")
            ) {
                continue;
            }
            let meta = path.symlink_metadata().expect("there");
            let content = if meta.is_symlink() {
                fs::read_link(&path)
                    .expect("read")
                    .as_os_str()
                    .as_bytes()
                    .to_vec()
            } else {
                fs::read(&path).expect("read")
            };
            out.push_str(&format!(
                "{} {:o} {}\n",
                below.display(),
                meta.permissions().mode(),
                hash(&content)
            ));
        }
        let dot_git = self.root.join(".git");
        for name in ["HEAD", "index", "config"] {
            let bytes = fs::read(dot_git.join(name)).unwrap_or_default();
            out.push_str(&format!(".git/{name} {}\n", hash(&bytes)));
        }
        let refs = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        for line in refs.lines() {
            let ours = [
                "refs/codelicious/",
                "refs/heads/codelicious/",
                "refs/notes/codelicious ",
                "refs/remotes/",
            ];
            if !ours.iter().any(|p| line.starts_with(p)) {
                out.push_str(line);
                out.push('\n');
            }
        }
        out.push_str(&self.git(&["stash", "list"]));
        out
    }

    /// Contents of our folder's files with their names, for looking for what must not be there.
    pub fn our_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.root.join(".codelicious"), &mut files);
        files
            .into_iter()
            .filter_map(|p| Some((p.clone(), fs::read(&p).ok()?)))
            .collect()
    }

    /// The lanes' worktrees.
    pub fn lanes(&self) -> Vec<PathBuf> {
        let (_, lanes) = self.boxes_and_lanes();
        lanes
    }

    /// The folders beside them that are their processes' own.
    pub fn boxes(&self) -> Vec<PathBuf> {
        let (boxes, _) = self.boxes_and_lanes();
        boxes
    }

    fn boxes_and_lanes(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let repositories = fs::read_dir(self.base().join("cache/codelicious"));
        let lanes = repositories.into_iter().flatten().flatten();
        lanes
            .flat_map(|r| fs::read_dir(r.path()).into_iter().flatten().flatten())
            .map(|l| l.path())
            .partition(|path| path.as_os_str().as_bytes().ends_with(b"@box"))
    }

    /// Keeps the folder for a look after a failure.
    #[allow(dead_code, reason = "for debugging")]
    pub fn keep(self) -> PathBuf {
        self.temp.keep()
    }
}

/// A clone of the origin, with the test's environment.
pub struct Clone_<'r> {
    repo: &'r Repo,
    pub root: PathBuf,
}

impl Clone_<'_> {
    pub fn run(&self, args: &[&str]) -> Ended {
        let output = self
            .repo
            .command(args)
            .current_dir(&self.root)
            .output()
            .expect("it starts");
        Ended::new(&output)
    }

    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.repo.git_in(&self.root, args)
    }
}

/// Waits until `met` holds; panics after a minute. Not a sleep: the bound is for a test that would hang.
#[track_caller]
pub fn wait_until(what: &str, mut met: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !met() {
        assert!(
            start.elapsed().as_secs() < 60,
            "waited a minute for: {what}"
        );
        std::thread::yield_now();
        let pause = std::time::Duration::from_millis(2);
        std::thread::park_timeout(pause);
    }
}

/// A spec of `n` tasks `T001`… below one heading each `per_section` tasks.
pub fn spec_of(n: usize, per_section: usize) -> String {
    let mut out = String::from("# Work\n");
    for i in 1..=n {
        if (i - 1) % per_section == 0 {
            out.push_str(&format!("\n## Section {}\n\n", (i - 1) / per_section + 1));
        }
        out.push_str(&format!("- [ ] T{i:03} Build piece {i}\n"));
    }
    out
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_dir = path.symlink_metadata().is_ok_and(|m| m.is_dir());
        if is_dir {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}-{}", hasher.finish(), bytes.len())
}

/// A pipe that is open for writing exactly as long as some process of an engine lives.
pub struct Held {
    file: fs::File,
}

impl Held {
    /// True while anything holds it.
    #[track_caller]
    pub fn is_held(&self) -> bool {
        use std::io::Read;
        match (&self.file).read(&mut [0; 64]) {
            Ok(n) => n > 0,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => true,
            Err(e) => panic!("the pipe cannot be read: {e}"),
        }
    }
}

impl Repo {
    /// Makes `claude` a program that does `shell` and becomes the fake (unless it left), all of it holding
    /// a pipe that every process it starts inherits.
    pub fn hold_engines(&self, shell: &str) -> Held {
        let held = self.held();
        let claude = self.base().join("bin/claude");
        fs::remove_file(&claude).expect("removed");
        let text = format!(
            "#!/bin/sh\nexec 9>'{}'\n{shell}\nexec '{}' \"$@\"\n",
            self.base().join("held").display(),
            fake_claude().display()
        );
        self.script(&claude, &text);
        held
    }

    /// The pipe `held` beside the repository, for programs to hold by opening it for writing.
    pub fn held(&self) -> Held {
        let pipe = self.base().join("held");
        let made = Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("mkfifo starts");
        assert!(made.success());
        let flags =
            rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
        let file = rustix::fs::open(&pipe, flags, rustix::fs::Mode::empty())
            .expect("opened")
            .into();
        Held { file }
    }

    /// A path beside the repository, for programs of a test to tell each other where they are.
    pub fn sign(&self, name: &str) -> String {
        self.base().join(name).display().to_string()
    }

    /// Waits until the sign is there.
    #[track_caller]
    pub fn wait_for_sign(&self, name: &str) {
        let path = self.base().join(name);
        wait_until(&format!("the sign {name}"), || path.exists());
    }

    /// Makes the sign.
    pub fn give_sign(&self, name: &str) {
        fs::write(self.base().join(name), "").expect("written");
    }

    /// Recorded events, oldest first.
    pub fn events(&self) -> Vec<Value> {
        let text =
            fs::read_to_string(self.root.join(".codelicious/events.jsonl")).unwrap_or_default();
        text.lines()
            .map(|l| serde_json::from_str(l).expect("a JSON line"))
            .collect()
    }

    /// Postmortems, as text.
    pub fn postmortems(&self) -> Vec<String> {
        let is_one = |p: &Path| {
            let name = p.file_name().and_then(OsStr::to_str).unwrap_or_default();
            name.starts_with("postmortem-") && name.ends_with(".md")
        };
        self.our_files()
            .into_iter()
            .filter(|(path, _)| is_one(path))
            .map(|(_, bytes)| String::from_utf8(bytes).expect("UTF-8"))
            .collect()
    }
}

/// Sends a signal to a program that was started.
pub fn send(child: &Child, signal: rustix::process::Signal) {
    let pid = i32::try_from(child.id()).expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, signal).expect("sent");
}

/// Waits for a program's end.
pub fn finish(child: Child) -> Ended {
    Ended::new(&child.wait_with_output().expect("it ends"))
}

impl Repo {
    /// What a program said, without what differs between machines and days, for snapshots.
    pub fn shown(&self, ended: &Ended) -> String {
        let mut out = format!("exit {}\n", ended.code);
        for (name, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
            if !text.is_empty() {
                out.push_str(&format!(
                    "--- {name}\n{}\n",
                    self.normalise(text).trim_end()
                ));
            }
        }
        out
    }

    /// Placeholders for paths of this test, object ids, run ids, times and durations.
    pub fn normalise(&self, text: &str) -> String {
        let base = self.base().display().to_string();
        let mut out = text.replace(&base, "<base>");
        for (pattern, placeholder) in [
            (r"\b\d{8}T\d{6}Z-[0-9a-f]{6}\b", "<run>"),
            (r"\b\d{8}T\d{6}Z\b", "<stamp>"),
            (
                r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)",
                "<time>",
            ),
            (r"\b\d\d:\d\d:\d\d\b", "<time>"),
            (r"\b[0-9a-f]{40}\b", "<oid>"),
            (r"\b[0-9a-f]{10}\b", "<short>"),
            (r"\bproject-[0-9a-f]{8,16}\b", "project-<hash>"),
            (r"\bpid \d+\b", "pid <pid>"),
            (r"\b\d+ min( \d+ s)?|\b\d+(\.\d+)? (ms|s)\b", "<duration>"),
        ] {
            let pattern = regex::Regex::new(pattern).expect("it is one");
            out = pattern.replace_all(&out, placeholder).into_owned();
        }
        out
    }

    /// A recording that builds every chunk: `work/<chunk>.txt` with the title in it.
    pub fn cassette(&self) -> String {
        let lines = [
            serde_json::json!({"chunk": "*", "calls": [{"name": "write_file", "arguments": {"path": "work/{chunk}.txt", "content": "{title}\n"}}]}),
            serde_json::json!({"chunk": "*", "calls": [{"name": "complete_chunk", "arguments": {"summary": "wrote {chunk}", "confidence": 0.9, "rationale": "it is there"}}]}),
        ];
        let at = self.base().join("tape.jsonl");
        fs::write(&at, lines.map(|l| l.to_string()).join("\n")).expect("written");
        format!("replay:{}", at.display())
    }
}
