//! How much of a run its checks take, with everything checked after each chunk and with what the chunk can reach.
//!
//! Two repositories with 240 tests each, in modules that do not know of each other, and an engine that answers at
//! once: in a real run the share is smaller, and what is saved a chunk is the same.

use super::{Table, World, ms};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Chunks of one run; each changes one module.
const CHUNKS: usize = 4;
/// Rounds; the median counts.
const ROUNDS: usize = 3;

struct Suite {
    name: &'static str,
    /// Must succeed for it to be measured.
    needs: &'static [&'static str],
    modules: usize,
    write: fn(&Path, usize),
    /// What an engine writes for a chunk; `{chunk}` is its id.
    work: (&'static str, fn() -> String),
}

const SUITES: [Suite; 2] = [
    Suite {
        name: "pytest, 24 modules of 10 tests",
        needs: &["python3", "-m", "pytest", "--version"],
        modules: 24,
        write: python,
        work: ("small/m_{chunk}.py", || python_module("2 * n")),
    },
    Suite {
        name: "cargo, 12 crates of 20 tests",
        needs: &["cargo", "--version"],
        modules: 12,
        write: rust,
        work: ("crates/{chunk}/src/lib.rs", || rust_module("2 * n")),
    },
];

/// What one run took.
#[derive(Clone, Copy)]
struct Took {
    run: Duration,
    /// Checks on the base and on chunks.
    checks: Duration,
    /// Those on chunks alone.
    on_chunks: Duration,
}

impl Took {
    fn share(self) -> f64 {
        self.checks.as_secs_f64() / self.run.as_secs_f64()
    }

    fn a_chunk(self) -> Duration {
        self.on_chunks / u32::try_from(CHUNKS).expect("small")
    }
}

pub fn measure(world: &World, table: &mut Table) {
    for suite in &SUITES {
        let there = Command::new(suite.needs[0])
            .args(&suite.needs[1..])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|s| s.success()) {
            table.row(suite.name, "SKIPPED", &suite.needs.join(" "));
            continue;
        }
        // Side by side: what else the machine does meets both.
        let (mut all, mut changed) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            all.push(run(world, suite, "all", round));
            changed.push(run(world, suite, "changed", round));
        }
        let (all, changed) = (median(all), median(changed));
        table.row(
            &format!("a chunk's checks, {}, `scope = \"changed\"`", suite.name),
            ms(changed.a_chunk()),
            &format!(
                "`scope = \"all\"`: {} → ×{:.2}",
                ms(all.a_chunk()),
                changed.a_chunk().as_secs_f64() / all.a_chunk().as_secs_f64()
            ),
        );
        table.row(
            &format!(
                "checks' share of a run of {CHUNKS} chunks with its baseline, {}, `scope = \"changed\"`",
                suite.name
            ),
            shown(changed),
            &format!("`scope = \"all\"`: {}", shown(all)),
        );
    }
}

fn shown(took: Took) -> String {
    format!(
        "{:.0} %, {} of {}",
        took.share() * 100.0,
        ms(took.checks),
        ms(took.run)
    )
}

/// The run whose checks on chunks took the middle time.
fn median(mut runs: Vec<Took>) -> Took {
    runs.sort_by_key(|t| t.on_chunks);
    runs[runs.len() / 2]
}

fn run(world: &World, suite: &Suite, scope: &str, round: usize) -> Took {
    let language = suite.needs[0];
    let repo = world.repo(&format!("{language}-{scope}-{round}"), false);
    (suite.write)(&repo, suite.modules);
    fs::create_dir_all(repo.join("specs")).expect("made");
    fs::write(repo.join("specs/work.md"), super::spec(CHUNKS)).expect("written");
    fs::write(
        repo.join("codelicious.toml"),
        format!("[verify]\nscope = \"{scope}\"\n"),
    )
    .expect("written");
    world.commit_all(&repo);
    let (path, text) = &suite.work;
    let tape = world.dir.join(format!("{language}.jsonl"));
    let line = json!({"chunk": "*", "calls": [
        {"name": "write_file", "arguments": {"path": path, "content": text()}},
        {"name": "complete_chunk", "arguments": {"summary": "done", "confidence": 1, "rationale": "done"}},
    ]});
    fs::write(&tape, line.to_string()).expect("written");
    let mut command =
        world.codelicious(&repo, &["--engine", &format!("replay:{}", tape.display())]);
    for (name, folder) in [
        ("CARGO_HOME", ".cargo"),
        ("RUSTUP_HOME", ".rustup"),
        ("PYENV_ROOT", ".pyenv"),
    ] {
        let home = std::env::var("HOME").unwrap_or_default();
        command.env(
            name,
            std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}")),
        );
    }
    command
        .env("CARGO_NET_OFFLINE", "true")
        .env("CODELICIOUS_ENV_PASS", "CARGO_*,RUSTUP_*,PYENV_*");
    world.time(&mut command);
    world.expect_built(&repo, CHUNKS);
    read(&repo)
}

/// Times of a run's events.
fn read(repo: &Path) -> Took {
    let text = fs::read_to_string(repo.join(".codelicious/events.jsonl")).expect("it has events");
    let events: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).expect("a JSON line"))
        .collect();
    let at = |event: &Value| -> DateTime<Utc> {
        let ts = event["ts"].as_str().expect("it has a time");
        ts.parse().expect("a time")
    };
    let between = |from: &Value, to: &Value| (at(to) - at(from)).to_std().unwrap_or_default();
    let first = events.first().expect("it has a first");
    let last = events.last().expect("it has a last");
    let mut took = Took {
        run: between(first, last),
        checks: Duration::ZERO,
        on_chunks: Duration::ZERO,
    };
    let mut started = None;
    for event in &events {
        match event["kind"].as_str() {
            Some("check_started") => started = Some(event),
            Some("check_finished") => {
                let one = started.take().map(|from| between(from, event));
                let one = one.expect("a check starts before it ends");
                took.checks += one;
                if event["chunk"].is_string() {
                    took.on_chunks += one;
                }
            }
            _ => {}
        }
    }
    took
}

fn id(module: usize) -> String {
    format!("T{:03}", module + 1)
}

fn python(repo: &Path, modules: usize) {
    for dir in ["small", "tests"] {
        fs::create_dir_all(repo.join(dir)).expect("made");
    }
    let write = |path: String, text: String| fs::write(repo.join(path), text).expect("written");
    write("small/__init__.py".to_owned(), String::new());
    write(
        "pytest.ini".to_owned(),
        "[pytest]\npythonpath = .\ntestpaths = tests\n".to_owned(),
    );
    write(".gitignore".to_owned(), "__pycache__/\n".to_owned());
    for module in (0..modules).map(id) {
        write(format!("small/m_{module}.py"), python_module("n * 2"));
        let mut tests = format!("import hashlib\n\nfrom small.m_{module} import double\n");
        for i in 0..10 {
            // A test does something: some milliseconds, as in a suite of quick ones.
            tests.push_str(&format!(
                "\n\ndef test_{i}():\n    data = b'{i}'\n    for _ in range(2000):\n        data = hashlib.sha256(data).digest()\n    assert double({i}) == {}\n",
                i * 2
            ));
        }
        write(format!("tests/test_m_{module}.py"), tests);
    }
}

fn python_module(expression: &str) -> String {
    format!("def double(n):\n    return {expression}\n")
}

fn rust(repo: &Path, modules: usize) {
    let write = |path: String, text: &str| fs::write(repo.join(path), text).expect("written");
    write(
        "Cargo.toml".to_owned(),
        "[workspace]\nresolver = \"2\"\nmembers = [\"crates/*\"]\n",
    );
    write(".gitignore".to_owned(), "/target\n/Cargo.lock\n");
    for (i, module) in (0..modules).map(id).enumerate() {
        fs::create_dir_all(repo.join(format!("crates/{module}/src"))).expect("made");
        let manifest =
            format!("[package]\nname = \"small{i}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
        write(format!("crates/{module}/Cargo.toml"), &manifest);
        write(format!("crates/{module}/src/lib.rs"), &rust_module("n * 2"));
    }
}

fn rust_module(expression: &str) -> String {
    let mut text = format!(
        "pub fn double(n: u64) -> u64 {{\n    {expression}\n}}\n\n#[cfg(test)]\nmod tests {{\n    use super::*;\n"
    );
    for i in 0..20 {
        text.push_str(&format!(
            "\n    #[test]\n    fn doubles_{i}() {{\n        assert_eq!(double({i}), {});\n    }}\n",
            i * 2
        ));
    }
    text.push_str("}\n");
    text
}
