//! What codelicious costs beside engine and checks, measured side by side in one run.
//!
//! `cargo bench --bench cost` prints one table; with names behind `--` (`start`, `plan`, `chunks`, `verification`, `walled`) only
//! those parts of it. Absolute numbers belong to the machine; the column beside
//! them, measured in the same minute, is what they are compared with. Linux only: it reads `/proc`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark starts programs and prints"
)]

#[path = "cost/verification.rs"]
mod verification;
#[path = "cost/walled.rs"]
mod walled;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Chunks of one run.
const CHUNKS: usize = 100;
/// Rounds; the median counts.
const ROUNDS: usize = 5;

/// A part of the table, and what measures it.
type Part = (&'static str, fn(&World, &mut Table));

fn main() {
    // `cargo test --benches` only wants to know that it builds and starts.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let parts: [Part; 5] = [
        ("start", start_up),
        ("plan", planning),
        ("chunks", chunks),
        ("verification", verification::measure),
        ("walled", walled::measure),
    ];
    // Cargo adds flags of its own.
    let named: Vec<String> = std::env::args().skip(1).collect();
    let named: Vec<&String> = named.iter().filter(|a| !a.starts_with('-')).collect();
    for name in &named {
        assert!(
            parts.iter().any(|(part, _)| part == name),
            "there is no part {name}"
        );
    }
    let world = World::new();
    let mut table = Table::default();
    for (name, measure) in parts {
        if named.is_empty() || named.iter().any(|n| *n == name) {
            measure(&world, &mut table);
        }
    }
    println!("{}", table.render());
}

fn start_up(world: &World, table: &mut Table) {
    let help = median(ROUNDS * 4, || {
        world.time(&mut world.codelicious(&world.dir, &["--help"]))
    });
    let bare = median(ROUNDS * 4, || world.time(Command::new("true").env_clear()));
    table.row(
        "start (`--help`)",
        ms(help),
        &format!("`true`: {}", ms(bare)),
    );
}

fn planning(world: &World, table: &mut Table) {
    let repo = world.repo("plan", false);
    for i in 0..50_000 {
        let dir = repo.join(format!("src/d{}/e{}", i % 100, i % 37));
        if i < 3_700 {
            fs::create_dir_all(&dir).expect("made");
        }
        fs::write(dir.join(format!("f{i}.rs")), "x\n").expect("written");
    }
    for i in 0..500 {
        let dir = repo.join(format!("specs/area{}", i % 20));
        fs::create_dir_all(&dir).expect("made");
        fs::write(dir.join(format!("s{i}.md")), spec(10)).expect("written");
    }
    world.commit_all(&repo);
    let time = |verb: &str| {
        median(ROUNDS, || {
            world.time(&mut world.codelicious(&repo, &[verb, "--json"]))
        })
    };
    let plan = time("plan");
    let status = median(ROUNDS, || {
        world.time(
            Command::new("git")
                .arg("status")
                .arg("--short")
                .current_dir(&repo),
        )
    });
    table.row(
        "plan, 50,000 files and 500 specs",
        ms(plan),
        &format!("`git status`: {}", ms(status)),
    );
    table.row("lint of the same", ms(time("lint")), "");

    // Half of them with documents that tasks refer to.
    for i in 0..250 {
        fs::remove_file(repo.join(format!("specs/area{}/s{i}.md", i % 20))).expect("removed");
        let dir = repo.join(format!(".kiro/specs/feature{i}"));
        fs::create_dir_all(&dir).expect("made");
        for (name, text) in kiro() {
            fs::write(dir.join(name), text).expect("written");
        }
    }
    world.commit_all(&repo);
    table.row(
        "plan, half of them Kiro's, with requirements and designs",
        ms(time("plan")),
        "",
    );
    table.row("lint of the same", ms(time("lint")), "");
}

/// A list of ten tasks, with requirements and a design of 4 and 10 KB.
fn kiro() -> [(&'static str, String); 3] {
    let mut all = [String::new(), String::new(), String::new()];
    for i in 1..=10 {
        let [tasks, requirements, design] = &mut all;
        tasks.push_str(&format!(
            "- [ ] {i}. Build piece {i}\n  - It must hold\n  - _Requirements: {i}.1, {i}.2_\n"
        ));
        requirements.push_str(&format!(
            "### Requirement {i}: Piece {i}\n\n**User Story:** As a user, I want piece {i}, so that it is there.\n\n#### \
             Acceptance Criteria\n\n1. WHEN piece {i} is asked for THE SYSTEM SHALL answer with it\n2. IF it is not there \
             THEN THE SYSTEM SHALL say so, and name what is\n\n"
        ));
        design.push_str(&format!(
            "## Piece {i}\n\n{}\n\n",
            "It keeps what it is told in order, and gives it back when asked. ".repeat(16)
        ));
    }
    let [tasks, requirements, design] = all;
    [
        ("tasks.md", tasks),
        ("requirements.md", requirements),
        ("design.md", design),
    ]
}

fn chunks(world: &World, table: &mut Table) {
    let per_chunk = |d: Duration| d / u32::try_from(CHUNKS).expect("small");
    let mut rounds: Vec<[Duration; 4]> = Vec::new();
    let mut peak = 0;
    for round in 0..ROUNDS {
        let local = world.spec_repo(&format!("local-{round}"), false);
        let (own, kib) =
            world.time_and_peak(&mut world.codelicious(&local, &["--engine", &world.tape()]));
        world.expect_built(&local, CHUNKS);
        peak = peak.max(kib);
        let remote = world.spec_repo(&format!("remote-{round}"), true);
        let pushed = world.time(&mut world.codelicious(&remote, &["--engine", &world.tape()]));
        world.expect_built(&remote, CHUNKS);
        let agent = world.spec_repo(&format!("agent-{round}"), false);
        let with_agent = world.time(&mut world.codelicious(&agent, &["--engine", "claude"]));
        world.expect_built(&agent, CHUNKS);
        let shell = world.spec_repo(&format!("shell-{round}"), false);
        let bare = world.time(
            Command::new("sh")
                .arg(world.shell_loop())
                .current_dir(&shell),
        );
        rounds.push([own, pushed, with_agent, bare]);
    }
    let column = |i: usize| {
        let mut times: Vec<Duration> = rounds.iter().map(|r| per_chunk(r[i])).collect();
        times.sort();
        times[times.len() / 2]
    };
    let bare = column(3);
    let beside = |d: Duration| {
        format!(
            "shell loop (agent, git add, git commit): {} → ×{:.2}",
            ms(bare),
            d.as_secs_f64() / bare.as_secs_f64()
        )
    };
    table.row(
        "a chunk, in-process engine, no remote",
        ms(column(0)),
        &beside(column(0)),
    );
    table.row(
        "a chunk, in-process engine, pushed to a bare origin",
        ms(column(1)),
        &beside(column(1)),
    );
    table.row(
        "a chunk, agent process, no remote",
        ms(column(2)),
        &beside(column(2)),
    );
    table.row(
        "peak resident memory",
        format!("{:.1} MiB", peak as f64 / 1024.0),
        "",
    );

    let counted = world.spec_repo("counted", true);
    let log = world.dir.join("spawned.log");
    let mut command = world.codelicious(&counted, &["--engine", &world.tape()]);
    let path = format!(
        "{}:{}",
        world.shims(&log).display(),
        std::env::var("PATH").unwrap_or_default()
    );
    world.time(command.env("PATH", path));
    let spawned = fs::read_to_string(&log).unwrap_or_default().lines().count();
    table.row(
        "processes spawned a chunk beside engine and checks",
        format!("{:.2}", spawned as f64 / CHUNKS as f64),
        "with a remote; pushes coalesce",
    );
}

struct World {
    _temp: tempfile::TempDir,
    dir: PathBuf,
}

impl World {
    fn new() -> Self {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let dir = temp.path().canonicalize().expect("it is there");
        for name in ["home", "bin", "cache", "config/codelicious"] {
            fs::create_dir_all(dir.join(name)).expect("made");
        }
        let program = PathBuf::from(env!("CARGO_BIN_EXE_codelicious"));
        let fake = program
            .parent()
            .expect("a folder")
            .join("examples/fake-claude");
        if !fake.exists() {
            // A benchmark has its own program built, and no examples.
            let built = std::process::Command::new(env!("CARGO"))
                .args(["build", "--release", "--example", "fake-claude"])
                .status();
            assert!(built.is_ok_and(|s| s.success()), "the fake agent is built");
        }
        std::os::unix::fs::symlink(fake, dir.join("bin/claude")).expect("linked");
        fs::write(
            dir.join("tape.jsonl"),
            concat!(
                r#"{"chunk": "*", "calls": [{"name": "write_file", "arguments": {"path": "work/{chunk}.txt", "content": "{title}\n"}}, "#,
                r#"{"name": "complete_chunk", "arguments": {"summary": "done", "confidence": 1, "rationale": "done"}}]}"#
            ),
        )
        .expect("written");
        fs::write(
            dir.join("loop.sh"),
            format!(
                "i=0\nwhile [ $i -lt {CHUNKS} ]; do i=$((i+1))\n  printf 'Spec: x\\nChunk: x:%s\\nTask: t\\n' $i | {} -p --output-format stream-json --verbose --permission-mode acceptEdits >/dev/null\n  git add -A\n  git commit -qm \"chunk $i\"\ndone\n",
                dir.join("bin/claude").display()
            ),
        )
        .expect("written");
        Self { _temp: temp, dir }
    }

    fn tape(&self) -> String {
        format!("replay:{}", self.dir.join("tape.jsonl").display())
    }

    fn shell_loop(&self) -> PathBuf {
        self.dir.join("loop.sh")
    }

    /// A folder of programs that log their start and hand over to the real ones.
    fn shims(&self, log: &Path) -> PathBuf {
        let dir = self.dir.join("shims");
        fs::create_dir_all(&dir).expect("made");
        for name in ["git", "sh"] {
            let real = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .map(|d| d.join(name))
                .find(|p| p.exists())
                .expect("it is on PATH");
            let shim = dir.join(name);
            let text = format!(
                "#!{}\necho {name} >> {}\nexec {} \"$@\"\n",
                "/bin/sh",
                log.display(),
                real.display()
            );
            fs::write(&shim, text).expect("written");
            fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).expect("set");
        }
        dir
    }

    fn codelicious(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codelicious"));
        let path = format!(
            "{}:{}",
            self.dir.join("bin").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        command
            .args(args)
            .current_dir(dir)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.dir.join("home"))
            .env("XDG_CACHE_HOME", self.dir.join("cache"))
            .env("XDG_CONFIG_HOME", self.dir.join("config"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
    }

    fn git(&self, dir: &Path, args: &[&str]) {
        let done = Command::new("git")
            .args(args)
            .current_dir(dir)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdout(Stdio::null())
            .status()
            .expect("git starts");
        assert!(done.success(), "git {args:?}");
    }

    fn repo(&self, name: &str, remote: bool) -> PathBuf {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).expect("made");
        self.git(&dir, &["init", "-q", "--initial-branch=main"]);
        self.git(&dir, &["config", "user.name", "Ada"]);
        self.git(&dir, &["config", "user.email", "ada@localhost"]);
        if remote {
            let origin = self.dir.join(format!("{name}.git"));
            self.git(
                &self.dir,
                &["init", "-q", "--bare", &origin.display().to_string()],
            );
            self.git(
                &dir,
                &["remote", "add", "origin", &origin.display().to_string()],
            );
        }
        dir
    }

    fn commit_all(&self, dir: &Path) {
        self.git(dir, &["add", "-A"]);
        self.git(dir, &["commit", "-qm", "First commit"]);
    }

    fn spec_repo(&self, name: &str, remote: bool) -> PathBuf {
        let dir = self.repo(name, remote);
        fs::create_dir_all(dir.join("specs")).expect("made");
        fs::write(dir.join("specs/work.md"), spec(CHUNKS)).expect("written");
        self.commit_all(&dir);
        dir
    }

    fn expect_built(&self, dir: &Path, chunks: usize) {
        let out = Command::new("git")
            .args(["log", "--oneline", "--all", "--grep=Codelicious-Chunk"])
            .current_dir(dir)
            .output()
            .expect("git starts");
        let commits = String::from_utf8_lossy(&out.stdout).lines().count();
        assert_eq!(commits, chunks, "{}", dir.display());
    }

    fn time(&self, command: &mut Command) -> Duration {
        self.time_and_peak(command).0
    }

    /// Wall time, and the highest resident size seen, in KiB.
    fn time_and_peak(&self, command: &mut Command) -> (Duration, u64) {
        let start = Instant::now();
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        let status = format!("/proc/{}/status", child.id());
        let watcher = std::thread::spawn(move || {
            let mut peak = 0;
            while let Ok(text) = fs::read_to_string(&status) {
                let Some(line) = text.lines().find(|l| l.starts_with("VmHWM:")) else {
                    break;
                };
                peak = line
                    .split_whitespace()
                    .nth(1)
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(peak);
                std::thread::park_timeout(Duration::from_millis(20));
            }
            peak
        });
        let done = child.wait().expect("it ends");
        let took = start.elapsed();
        assert!(done.success(), "{command:?} ended with {done}");
        (took, watcher.join().unwrap_or(0))
    }
}

fn spec(tasks: usize) -> String {
    let mut out = String::from("# Work\n\n");
    for i in 1..=tasks {
        out.push_str(&format!("- [ ] T{i:03} Build piece {i}\n"));
    }
    out
}

fn median(rounds: usize, mut measure: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..rounds).map(|_| measure()).collect();
    times.sort();
    times[times.len() / 2]
}

fn ms(d: Duration) -> String {
    format!("{:.2} ms", d.as_secs_f64() * 1000.0)
}

#[derive(Default)]
struct Table(Vec<[String; 3]>);

impl Table {
    fn row(&mut self, what: &str, ours: impl Into<String>, beside: &str) {
        self.0
            .push([what.to_owned(), ours.into(), beside.to_owned()]);
    }

    fn render(&self) -> String {
        let mut out = String::from("| what | codelicious | measured beside it |\n|---|---:|---|\n");
        for [what, ours, beside] in &self.0 {
            out.push_str(&format!("| {what} | {ours} | {beside} |\n"));
        }
        out
    }
}
