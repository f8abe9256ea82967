//! Runs pieces of work through the built program, and reads what became of them.

use super::kits::{Files, Kit, Module};
use super::scenarios::{RED, Scenario, Shows, State};
use crate::support::{Ended, Held, Repo};
use codelicious::ledger::Store;
use codelicious::model::{
    CheckOutcome, ChunkId, ChunkRecord, Evidence, FindingSeverity, Ledger, SpecId,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What makes a run of several pieces of work: they share a repository and a baseline, and each has a module.
pub struct Bench {
    pub kit: &'static Kit,
    pub repo: Repo,
    scenarios: Vec<&'static Scenario>,
    /// Open only where a daemon is expected.
    held: Option<Held>,
}

/// The folder beside the repository that tests know as `VERDICT_DIR`: what fails once is armed there.
const ONCE: &str = "if [ -e \"$VERDICT_DIR/armed\" ]; then rm \"$VERDICT_DIR/armed\"; exit 1; fi\n";

const HANG: &str = "exec tail -f /dev/null\n";

/// Holds a pipe, leaves group and session, and ignores what asks it to end.
const DAEMON: &str = "exec 9>\"$VERDICT_DIR/held\"\n\
    (setsid sh -c 'trap \"\" TERM HUP INT; exec tail -f /dev/null' >/dev/null 2>&1 </dev/null &)\n\
    : > \"$VERDICT_DIR/daemon\"\n";

/// Whether the language can be tried here; says so when it cannot.
pub fn is_there(kit: &Kit) -> bool {
    let runs = |words: &&[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|s| s.success())
    };
    let all = kit.needs.iter().all(runs);
    if !all {
        eprintln!("SKIPPED: {} needs {:?}", kit.name, kit.needs);
    }
    all
}

impl Bench {
    /// A repository with the base of each piece of work and these modules beside them, and one task for each.
    pub fn new(
        kit: &'static Kit,
        scenarios: &[&'static Scenario],
        beside: &[Module],
        config: &str,
    ) -> Self {
        let repo = Repo::bare_bones();
        let bases: Vec<Module> = scenarios.iter().map(|s| (s.base)(s.fruit)).collect();
        let modules: Vec<Module> = bases.iter().chain(beside).cloned().collect();
        for (path, text) in kit.project(&modules) {
            repo.write(&path, text);
        }
        repo.write("README.md", "# Small\n");
        if !config.is_empty() {
            repo.write("codelicious.toml", config);
        }
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-qm", "First commit"]);
        repo.git(&["push", "-q", "-u", "origin", "main"]);

        let mut spec = String::from("# Work\n\n");
        let mut rules = Vec::new();
        for (i, (scenario, base)) in scenarios.iter().zip(&bases).enumerate() {
            let red = (kit.test)("doubles", RED);
            let title = scenario.title.replace("{red}", &red);
            spec.push_str(&format!("- [ ] {} {title}\n", id(i)));
            let mut work = base.clone();
            (scenario.work)(&mut work);
            let mut steps = changed(&kit.module(base), &kit.module(&work));
            if scenario.arms {
                steps.push(json!({"touch": repo.sign("armed")}));
            }
            rules.push(json!({"chunk": id(i), "steps": steps}));
        }
        repo.write("specs/work.md", spec);
        repo.fake(&json!({"rules": rules}));
        for (name, text) in [("once.sh", ONCE), ("hang.sh", HANG), ("daemon.sh", DAEMON)] {
            std::fs::write(repo.base().join(name), text).expect("written");
        }
        Self {
            kit,
            repo,
            scenarios: scenarios.to_vec(),
            held: None,
        }
    }

    /// The same with a pipe for daemons to hold.
    pub fn with_pipe(mut self) -> Self {
        self.held = Some(self.repo.held());
        self
    }

    /// Runs it with the machine's toolchains, whose caches go where the tests are.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.run_in(args, None)
    }

    /// The same where only these folders are searched for programs.
    pub fn run_in(&self, args: &[&str], path: Option<&Path>) -> Ended {
        let mut envs = toolchains().clone();
        let bin = self.repo.base().join("bin");
        let path = path.map_or_else(machine_path, |p| p.display().to_string());
        envs.insert("PATH", format!("{}:{path}", bin.display()));
        envs.insert("VERDICT_DIR", self.repo.base().display().to_string());
        let envs: Vec<(&str, &str)> = envs.iter().map(|(n, v)| (*n, v.as_str())).collect();
        self.repo.run_with(args, &envs)
    }

    /// A folder with what git and shells need, and no language.
    pub fn plain_tools(&self) -> PathBuf {
        let dir = self.repo.base().join("tools");
        std::fs::create_dir_all(&dir).expect("made");
        let folders = std::env::var_os("PATH").unwrap_or_default();
        for name in [
            "git", "sh", "bash", "env", "cat", "ls", "cp", "rm", "mkdir", "sed", "grep", "uname",
            "tail",
        ] {
            let found = std::env::split_paths(&folders).map(|d| d.join(name));
            if let Some(real) = found.into_iter().find(|p| p.is_file()) {
                std::os::unix::fs::symlink(real, dir.join(name)).expect("linked");
            }
        }
        dir
    }

    /// Where the program differs from what is expected of it, a line each: `(scenario, difference)`.
    pub fn differences(&self, ended: &Ended) -> Vec<(&'static Scenario, String)> {
        let ledger = Store::open(&self.repo.root.join(".codelicious"))
            .read(&SpecId::new("specs-work"))
            .expect("it can be read");
        let status = self.run(&["status"]).expect(0).stdout;
        let json = self.run(&["status", "--json"]).expect(0).json();
        let mut all = Vec::new();
        for (i, scenario) in self.scenarios.iter().copied().enumerate() {
            let record = ledger.as_ref().and_then(|l| record(l, i));
            let mut differs = Differs(Vec::new());
            differs.unless(ended.code == scenario.expected.exit, || {
                format!("exit {}, not {}", ended.code, scenario.expected.exit)
            });
            self.record(scenario, record, &mut differs);
            self.told(scenario, i, &status, &json, &mut differs);
            all.extend(differs.0.into_iter().map(|d| (scenario, d)));
        }
        all
    }

    fn record(&self, scenario: &Scenario, record: Option<&ChunkRecord>, differs: &mut Differs) {
        let expected = &scenario.expected;
        let word = record.map_or("pending", |r| r.state.word());
        let reason = record.and_then(|r| r.state.reason()).unwrap_or_default();
        differs.unless(expected.state.fits(word), || {
            format!("{word} ({reason}), not {}", expected.state.words())
        });
        let evidence = record.and_then(|r| r.evidence.as_ref());
        let verdict = evidence.map(Evidence::verdict);
        differs.unless(verdict == expected.verdict, || {
            let words =
                |v: Option<codelicious::model::Verdict>| v.map_or("no verdict", |v| v.words());
            let shown = evidence.map(evidence_shown).unwrap_or_default();
            format!(
                "verdict `{}`, not `{}`: {shown}",
                words(verdict),
                words(expected.verdict)
            )
        });
        let none = Evidence::default();
        self.shows(scenario, evidence.unwrap_or(&none), differs);
        // Only a runner whose words are known tells how many there were.
        let has_tests = !(scenario.base)(scenario.fruit).cases.is_empty();
        let is_counted = expected.state == State::Committed
            && has_tests
            && !matches!(expected.shows, Shows::NotAvailable);
        if is_counted {
            let counts = evidence.and_then(Evidence::test_counts);
            differs.unless(counts.is_some_and(|c| c.total() > 0), || {
                format!("nobody counted the tests: {counts:?}")
            });
        }
    }

    fn shows(&self, scenario: &Scenario, evidence: &Evidence, differs: &mut Differs) {
        let names = |verb: &str| (self.kit.test)(verb, scenario.fruit);
        let has = |all: &[String], verb: &str| all.iter().any(|n| n.contains(&names(verb)));
        let any = |is: fn(&CheckOutcome) -> bool| evidence.checks.iter().any(|c| is(&c.outcome));
        let (good, what) = match scenario.expected.shows {
            Shows::Nothing => (true, String::new()),
            Shows::Proves(verb) => (
                has(&evidence.proof.proving, verb),
                format!("`{}` does not prove it: {:?}", names(verb), evidence.proof),
            ),
            Shows::Idle(verb) => (
                has(&evidence.proof.idle, verb) && evidence.proof.proving.is_empty(),
                format!(
                    "`{}` is not told as idle: {:?}",
                    names(verb),
                    evidence.proof
                ),
            ),
            Shows::Fails(verb) => {
                let failing: Vec<String> = evidence
                    .checks
                    .iter()
                    .flat_map(|c| c.failing.clone())
                    .collect();
                (
                    has(&failing, verb),
                    format!("`{}` is not told as failing: {failing:?}", names(verb)),
                )
            }
            Shows::Flaky => (
                evidence.checks.iter().any(|c| {
                    matches!(c.outcome, CheckOutcome::Flaky { .. })
                        && c.rerun.as_ref().is_some_and(|r| r.exit == 0)
                }),
                format!("not told as flaky: {}", evidence_shown(evidence)),
            ),
            Shows::FailedBefore => (
                any(|o| matches!(o, CheckOutcome::FailedBefore { .. })),
                format!("not told as failed before: {}", evidence_shown(evidence)),
            ),
            Shows::TimedOut => (
                any(|o| matches!(o, CheckOutcome::TimedOut { .. })),
                format!("not told as timed out: {}", evidence_shown(evidence)),
            ),
            Shows::NotAvailable => (
                any(|o| matches!(o, CheckOutcome::NotAvailable { .. })),
                format!("not told as missing: {}", evidence_shown(evidence)),
            ),
            Shows::Found(rules) => (
                evidence.findings.iter().any(|f| {
                    f.severity == FindingSeverity::Fail && rules.contains(&f.rule.as_str())
                }),
                format!("not found by {rules:?}: {:?}", evidence.findings),
            ),
        };
        differs.unless(good, || what);
    }

    /// Pull request and status.
    fn told(
        &self,
        scenario: &Scenario,
        i: usize,
        status: &str,
        json: &Value,
        differs: &mut Differs,
    ) {
        let id = id(i);
        let stopped = json["specs"][0]["stopped"].as_array();
        let stopped = stopped
            .into_iter()
            .flatten()
            .find(|s| s["chunk"] == id.as_str());
        let commits = self.commits();
        let is_committed = commits.contains(&id);
        match scenario.expected.state {
            State::Committed => {
                let body = self.bodies();
                let row = body.lines().find(|l| l.starts_with('|') && l.contains(&id));
                let verdict = scenario.expected.verdict.map_or("–", |v| v.words());
                differs.unless(
                    row.is_some_and(|r| r.contains(&format!("| {verdict}"))),
                    || format!("the pull request's row does not say `{verdict}`: {row:?}"),
                );
                for said in scenario.expected.said {
                    differs.unless(body.contains(said), || {
                        format!("the pull request does not say `{said}`")
                    });
                }
                differs.unless(is_committed, || format!("no commit: {commits:?}"));
                differs.unless(stopped.is_none(), || {
                    format!("told as stopped: {stopped:?}")
                });
            }
            State::Failed | State::NeedsReview => {
                differs.unless(!is_committed, || format!("committed: {commits:?}"));
                differs.unless(stopped.is_some(), || "not told as stopped".to_owned());
                for said in scenario.expected.said {
                    differs.unless(status.contains(said), || {
                        format!("`codelicious status` does not say `{said}`:\n{status}")
                    });
                }
                if let Shows::Found(rules) = scenario.expected.shows {
                    let reason = stopped
                        .and_then(|s| s["reason"].as_str())
                        .unwrap_or_default();
                    let named =
                        rules.iter().any(|r| reason.contains(r)) || reason.contains(scenario.fruit);
                    differs.unless(named, || {
                        format!("the reason names neither rule nor file: {reason}")
                    });
                }
            }
            State::Untouched => {
                differs.unless(commits.is_empty(), || format!("committed: {commits:?}"));
                let calls = self.repo.calls().len();
                differs.unless(calls == 0, || format!("{calls} engines were asked"));
            }
        }
    }

    /// True when the daemon was started and is gone.
    pub fn daemon_is_gone(&self) -> Result<(), String> {
        let held = self.held.as_ref().expect("it has a pipe");
        if !self.repo.base().join("daemon").exists() {
            return Err("the daemon was never started".to_owned());
        }
        match held.is_held() {
            true => Err("the daemon still lives".to_owned()),
            false => Ok(()),
        }
    }

    fn bodies(&self) -> String {
        let mut files = self.repo.our_files();
        files.retain(|(path, _)| {
            path.extension().is_some_and(|e| e == "md")
                && path.parent().is_some_and(|p| p.ends_with("prs"))
        });
        let texts = files
            .iter()
            .map(|(_, bytes)| String::from_utf8_lossy(bytes));
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Ids of the chunks that stand on the lane's branch.
    fn commits(&self) -> Vec<String> {
        let branches = self.repo.git(&[
            "for-each-ref",
            "--format=%(refname:short)",
            "refs/heads/codelicious",
        ]);
        let of = |branch: &str| self.repo.commits(branch);
        let chunks = branches.lines().flat_map(of).filter_map(|(_, chunk)| chunk);
        chunks
            .map(|c| c.rsplit(':').next().unwrap_or(&c).to_owned())
            .collect()
    }
}

struct Differs(Vec<String>);

impl Differs {
    fn unless(&mut self, good: bool, what: impl FnOnce() -> String) {
        if !good {
            self.0.push(what());
        }
    }
}

fn id(i: usize) -> String {
    format!("T{:03}", i + 1)
}

fn record(ledger: &Ledger, i: usize) -> Option<&ChunkRecord> {
    ledger.chunks.get(&ChunkId::new(id(i)))
}

fn evidence_shown(evidence: &Evidence) -> String {
    let checks = evidence.checks.iter().map(|c| {
        let output = match c.outcome {
            CheckOutcome::Passed => String::new(),
            _ => format!("\n{}", c.output.trim_end()),
        };
        format!("{}: {} {:?}{output}", c.command, c.outcome.word(), c.counts)
    });
    let checks: Vec<String> = checks.collect();
    format!("{}; {:?}", checks.join("; "), evidence.findings)
}

/// Steps of an engine that make one of the other.
fn changed(before: &Files, after: &Files) -> Vec<Value> {
    let old: BTreeMap<_, _> = before.iter().cloned().collect();
    let new: BTreeMap<_, _> = after.iter().cloned().collect();
    let written = new
        .iter()
        .filter(|(path, text)| old.get(*path) != Some(*text));
    let mut steps: Vec<Value> = written
        .map(|(path, text)| json!({"write": {"path": path, "text": text}}))
        .collect();
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    steps.extend(gone.map(|path| json!({"delete": path})));
    steps
}

/// The machine's folders of programs, before them the one of the real Python: a shim that looks for it takes longer
/// than most tests here.
fn machine_path() -> String {
    static PATH: OnceLock<String> = OnceLock::new();
    let find = || {
        let path = std::env::var("PATH").unwrap_or_default();
        let asked = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output();
        let python = asked
            .ok()
            .map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        let dir = python.as_deref().and_then(|p| Path::new(p.trim()).parent());
        match dir {
            Some(dir) if dir.is_absolute() => format!("{}:{path}", dir.display()),
            _ => path,
        }
    };
    PATH.get_or_init(find).clone()
}

/// Where the toolchains live: in the machine's home. One cache of Go's serves all tests: it is made for that.
fn toolchains() -> &'static BTreeMap<&'static str, String> {
    static ENVS: OnceLock<BTreeMap<&'static str, String>> = OnceLock::new();
    ENVS.get_or_init(|| {
        let mut envs = BTreeMap::new();
        let home = std::env::var("HOME").unwrap_or_default();
        for (name, folder) in [
            ("CARGO_HOME", ".cargo"),
            ("RUSTUP_HOME", ".rustup"),
            ("PYENV_ROOT", ".pyenv"),
            ("NVM_DIR", ".nvm"),
            ("VOLTA_HOME", ".volta"),
        ] {
            let usual = format!("{home}/{folder}");
            let set = std::env::var(name).ok();
            if let Some(value) = set.or_else(|| Path::new(&usual).is_dir().then_some(usual)) {
                envs.insert(name, value);
            }
        }
        let go_cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache");
        envs.insert("GOCACHE", go_cache.display().to_string());
        for (name, value) in [
            ("CARGO_NET_OFFLINE", "true"),
            ("GOFLAGS", "-mod=mod"),
            ("GOPROXY", "off"),
            ("GOTOOLCHAIN", "local"),
            (
                "CODELICIOUS_ENV_PASS",
                "CARGO_*,RUSTUP_*,PYENV_*,GO*,NVM_*,VOLTA_*,FAKE_CLAUDE_*,VERDICT_*",
            ),
        ] {
            envs.insert(name, value.to_owned());
        }
        envs
    })
}

/// Compiles Go's own packages once: on a new machine that takes longer than a hanging test is given.
pub fn warm_go() {
    static WARM: OnceLock<()> = OnceLock::new();
    WARM.get_or_init(|| {
        let dir = tempfile::TempDir::new().expect("a temporary folder");
        let files = [
            ("go.mod", "module example.org/warm\n\ngo 1.18\n"),
            (
                "warm_test.go",
                "package warm\n\nimport (\n\t\"os\"\n\t\"os/exec\"\n\t\"testing\"\n)\n\nfunc TestWarm(t *testing.T) {\n\tif os.Getenv(\"NEVER\") != \"\" {\n\t\texec.Command(\"true\").Run()\n\t}\n}\n",
            ),
        ];
        for (path, text) in files {
            std::fs::write(dir.path().join(path), text).expect("written");
        }
        for verb in ["vet", "test"] {
            let done = Command::new("go")
                .args([verb, "./..."])
                .current_dir(dir.path())
                .envs(toolchains())
                .stdout(Stdio::null())
                .status();
            assert!(done.expect("go starts").success(), "go {verb}");
        }
    });
}
