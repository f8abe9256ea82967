//! The real Claude Code, driven through whole runs against a scripted model server on loopback.
//!
//! No key and no account: the program talks to `fake-model-server` with a dummy key, in a home of its own. What is shown
//! is that our arguments, our reading of its lines and our ending of its processes hold for the program itself,
//! and not only for the fake of `tests/fakes/claude.rs`.
//!
//! `REAL_CLAUDE` says where the program is:
//!
//! - unset: below `target/tmp`, where `tests/real/install-claude` puts it once (npm and network needed);
//!   where that is not possible these tests say SKIPPED
//! - a folder: `claude` in it, installed there when it is missing; what fails then fails the tests
//! - `no`: these tests say SKIPPED

#[cfg(target_os = "linux")]
mod walled;

use crate::model_server::ModelServer;
use crate::support::{Ended, Held, Repo, finish, send, spec_of};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const BRANCH: &str = "codelicious/specs-work";

/// The program; None where there is none, which was said.
fn installed() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let wanted = std::env::var_os("REAL_CLAUDE");
    if wanted.as_deref().is_some_and(|w| w == "no") {
        eprintln!("SKIPPED: the real Claude Code: REAL_CLAUDE=no");
        return None;
    }
    let dir = wanted.as_ref().map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("claude-code"),
        PathBuf::from,
    );
    // With a folder that was named, what is there is taken as it is, whichever version it has.
    let there = dir.join("claude");
    if wanted.is_some() && there.exists() {
        return Some(there);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/install-claude");
    let output = Command::new("sh")
        .arg(script)
        .arg(&dir)
        .stdin(Stdio::null())
        .output()
        .expect("sh starts");
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Some(there);
    }
    assert!(
        wanted.is_none(),
        "Claude Code cannot be installed in {}: {said}",
        dir.display()
    );
    eprintln!("SKIPPED: the real Claude Code cannot be installed: {said}");
    None
}

/// A repository whose `claude` is the real one, and the server that plays its model.
struct Real {
    repo: Repo,
    server: ModelServer,
}

impl Real {
    /// None where the program is not there.
    fn new(tasks: usize, script: &Value) -> Option<Self> {
        let program = installed()?;
        let repo = Repo::new();
        let claude = repo.base().join("bin/claude");
        fs::remove_file(&claude).expect("removed");
        std::os::unix::fs::symlink(program, &claude).expect("linked");
        repo.write("specs/work.md", spec_of(tasks, tasks));
        let server = ModelServer::start(script);
        Some(Self { repo, server })
    }

    fn envs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ANTHROPIC_BASE_URL", self.server.url.clone()),
            ("ANTHROPIC_API_KEY", "sk-ant-dummy".to_owned()),
            // Its scratch folder is in the system's temporary one unless told.
            ("CLAUDE_CODE_TMPDIR", self.at("scratch")),
        ]
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = self.repo.command(&[&CLAUDE[..], more].concat());
        command.envs(self.envs());
        command
    }

    fn run(&self) -> Ended {
        self.run_with(&[])
    }

    fn run_with(&self, more: &[&str]) -> Ended {
        finish(self.start(more))
    }

    fn start(&self, more: &[&str]) -> Child {
        self.command(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    }

    /// A path beside the repository.
    fn at(&self, name: &str) -> String {
        self.repo.base().join(name).display().to_string()
    }

    fn ledger(&self) -> Value {
        serde_json::from_str(&self.repo.read(".codelicious/state/specs-work.json")).expect("JSON")
    }

    /// Chunks on the branch, in order.
    fn built(&self) -> Vec<String> {
        let head = format!("refs/heads/{BRANCH}");
        if self.repo.git(&["for-each-ref", &head]).is_empty() {
            return Vec::new();
        }
        let commits = self.repo.commits(BRANCH);
        commits.into_iter().filter_map(|(_, chunk)| chunk).collect()
    }

    fn show(&self, path: &str) -> String {
        self.repo.git(&["show", &format!("{BRANCH}:{path}")])
    }

    fn files(&self) -> String {
        self.repo.git(&["ls-tree", "-r", "--name-only", BRANCH])
    }
}

/// All texts of a request's conversation.
fn conversation(asked: &Value) -> String {
    asked["body"]["messages"].to_string()
}

#[test]
fn a_spec_is_built_with_a_repair_in_the_resumed_session() {
    let script = json!({"rules": [
        // Two parallel writes, streamed in pieces of five bytes: one of them breaks the check.
        {"chunk": "T001", "prompts": 1, "turn": 0, "answer": {"text": "I write two files. Größe: 日本", "split": 5, "calls": [
            {"write": {"path": "work/T001.txt", "text": "größer\n"}},
            {"write": {"path": "work/T001.bad", "text": "oops\n"}}]}},
        {"chunk": "T001", "prompts": 1, "turn": 1, "answer": {"calls": [{"run": "cat work/T001.txt"}]}},
        {"chunk": "T001", "prompts": 1, "turn": 2, "answer": {"calls": [{"complete": {"summary": "first try"}}]}},
        {"chunk": "T001", "prompts": 2, "turn": 0, "prompt": "work/T001.bad is bad", "answer": {"calls": [{"run": "rm work/T001.bad"}]}},
        {"chunk": "T001", "prompts": 2, "turn": 1, "answer": {"calls": [{"edit": {"path": "work/T001.txt", "old": "größer", "new": "am größten"}}]}},
        {"chunk": "T001", "prompts": 2, "turn": 2, "answer": {"calls": [{"complete": {"summary": "repaired it"}}], "usage": {"input": 70, "cached": 900, "written": 30, "output": 40}}},
    ]});
    let Some(real) = Real::new(2, &script) else {
        return;
    };
    let before = real.repo.users_things();
    let ended = real.run().expect(0);
    assert_eq!(real.built(), ["T001", "T002"], "{}", ended.stderr);
    assert_eq!(real.show("work/T001.txt"), "am größten");
    assert_eq!(real.show("work/T002.txt"), "Build piece 2");
    assert!(!real.files().contains(".bad"), "{}", real.files());
    let spec = real.show("specs/work.md");
    assert!(
        spec.contains("- [x] T001") && spec.contains("- [x] T002"),
        "{spec}"
    );
    assert_eq!(real.repo.users_things(), before);

    // The repair went on in the conversation of the first try.
    let asked = real.server.asked();
    let of = |chunk: &str, prompts: u64| -> Vec<&Value> {
        let fits = |a: &&Value| a["chunk"] == chunk && a["prompts"] == prompts;
        asked.iter().filter(fits).collect()
    };
    let (first, repair) = (of("T001", 1), of("T001", 2));
    assert_eq!((first.len(), repair.len()), (3, 3), "{asked:#?}");
    let session = |a: &Value| a["headers"]["x-claude-code-session-id"].clone();
    assert_eq!(session(first[0]), session(repair[0]));
    let ledger = real.ledger();
    let attempts = &ledger["chunks"]["T001"]["attempts"];
    assert_eq!(attempts.as_array().map(Vec::len), Some(1), "{attempts:#}");
    assert_eq!(attempts[0]["session"], session(repair[0]));
    assert_eq!(attempts[0]["fixes"], 1);
    let resumed = conversation(repair[0]);
    for part in [
        "Build this task of a spec.",
        "I write two files. Größe: 日本",
        "first try",
        "Fix turn 1 of",
        "work/T001.bad is bad",
    ] {
        assert!(resumed.contains(part), "{part}: {resumed}");
    }
    let rules = "Leave git alone";
    assert_eq!(
        resumed.matches(rules).count(),
        1,
        "the rules are not repeated"
    );
    // The second task knows nothing of the first one's conversation.
    let second = of("T002", 1);
    assert_eq!(second.len(), 2);
    assert_ne!(session(second[0]), session(first[0]));
    assert!(!conversation(second[0]).contains("first try"));
    // Only what is needed is offered, and only the model is asked for anything.
    let tools = second[0]["body"]["tools"].to_string();
    assert!(tools.contains("\"StructuredOutput\"") && !tools.contains("\"WebFetch\""));
    let mut others = real.server.log();
    others.retain(|l| !l["n"].is_u64() && l["path"] != "/");
    assert!(others.is_empty(), "{others:#?}");

    // What it used is known, and what its cache gave is told apart.
    let usage = &attempts[0]["usage"];
    assert_eq!(usage["cached"], 900, "{usage}");
    assert!(usage["input"].as_u64() > Some(100) && usage["output"].as_u64() > Some(40));
    assert!(
        attempts[0]["cost_usd"].as_f64() > Some(0.0),
        "{}",
        attempts[0]
    );

    let pr = real.repo.read(".codelicious/prs/1.md");
    assert!(
        pr.contains("2 of 2 tasks") && pr.contains("Engine claude"),
        "{pr}"
    );
    let log = real.repo.git(&["log", "--format=%B", BRANCH]);
    assert!(log.contains("repaired it"), "{log}");
    let remote = real
        .repo
        .git(&["ls-remote", "origin", &format!("refs/heads/{BRANCH}")]);
    assert!(remote.starts_with(&real.repo.git(&["rev-parse", BRANCH])));
    // Shown with --nocapture: what a person would have seen.
    eprintln!("{}{}", ended.stdout, ended.stderr);
}

#[test]
fn a_limit_that_is_too_long_for_it_ends_the_run_resumably() {
    let script = json!({"rules": [
        {"chunk": "T002", "times": 1, "answer": {"status": 429, "headers": {"retry-after": "3600"}}},
    ]});
    let Some(real) = Real::new(2, &script) else {
        return;
    };
    let ended = real.run().expect(6);
    assert!(ended.stderr.contains("rate limited"), "{}", ended.stderr);
    assert_eq!(real.built(), ["T001"]);
    let ledger = real.ledger();
    let last = &ledger["chunks"]["T002"]["attempts"][0];
    assert_eq!(last["end"], "limited", "{last:#}");
    let requests = real.server.asked().len();
    assert_eq!(requests, 3, "it was asked once and not again");
}

#[test]
fn a_short_limit_is_waited_out_by_the_program_itself() {
    let script = json!({"rules": [
        {"chunk": "T001", "times": 1, "answer": {"status": 429, "headers": {"retry-after": "1"}}},
        {"chunk": "T001", "turn": 1, "times": 1, "answer": {"text": "cut off", "cut": {"events": 4}}},
    ]});
    let Some(real) = Real::new(1, &script) else {
        return;
    };
    real.run().expect(0);
    assert_eq!(real.built(), ["T001"]);
    let waited = |e: &Value| e.to_string().contains("rate limited, try 1 of");
    assert!(
        real.repo.events().iter().any(waited),
        "{:#?}",
        real.repo.events()
    );
}

#[test]
fn a_refused_key_ends_the_run_at_once() {
    let Some(real) = Real::new(2, &json!({"default": {"status": 401}})) else {
        return;
    };
    let ended = real.run().expect(6);
    assert!(ended.stderr.contains("key is refused"), "{}", ended.stderr);
    // Left to itself it would ask eleven times, for minutes.
    let asked = real.server.asked().len();
    assert!(asked <= 2, "it was asked {asked} times");
}

/// A repository whose first chunk's first answer calls a tool that hangs: what it started holds the pipe, in sessions and
/// groups of its own, deaf to what asks it to end.
fn hangs_in_its_tool() -> Option<(Real, Held)> {
    let tool = "exec 9>\"$HOME/../held\"; trap '' TERM HUP INT; setsid sleep 1000 & (sleep 1000 &); \
                : > \"$HOME/../in-tool\"; sleep 1000";
    let script = json!({"rules": [
        {"chunk": "T001", "turn": 0, "times": 1, "answer": {"calls": [{"run": tool}]}},
    ]});
    let Real { repo, server } = Real::new(1, &script)?;
    let repo = repo.without_wall();
    let real = Real { repo, server };
    let held = real.repo.held();
    Some((real, held))
}

#[test]
fn a_stop_leaves_nothing_of_its_tools_behind() {
    let Some((real, held)) = hangs_in_its_tool() else {
        return;
    };
    let run = real.start(&[]);
    real.repo.wait_for_sign("in-tool");
    assert!(held.is_held());
    send(&run, Signal::TERM);
    finish(run).expect(143);
    assert!(!held.is_held(), "something of the tool lives on");
    real.run().expect(0);
    assert_eq!(real.built(), ["T001"]);
}

#[test]
fn what_a_killed_run_left_of_its_tools_is_ended_by_the_next() {
    let Some((real, held)) = hangs_in_its_tool() else {
        return;
    };
    let run = real.start(&[]);
    real.repo.wait_for_sign("in-tool");
    send(&run, Signal::KILL);
    finish(run).expect(137);
    real.run().expect(0);
    assert!(!held.is_held(), "something of the tool lives on");
    assert_eq!(real.built(), ["T001"]);
    // Its conversation is gone on with: it was cut off within a tool call.
    let asked = real.server.asked();
    let session = |a: &Value| a["headers"]["x-claude-code-session-id"].clone();
    assert_eq!(session(&asked[0]), session(&asked[1]));
    assert!(
        conversation(&asked[1]).contains("You may have been at this before"),
        "{:#}",
        asked[1]["body"]["messages"]
    );
}

/// Bounds what a run may spend.
fn budget(real: &Real, line: &str) {
    let path = real.repo.root.join("codelicious.toml");
    let text = fs::read_to_string(&path).expect("read") + "[budget]\n" + line + "\n";
    fs::write(path, text).expect("written");
    real.repo.git(&["commit", "-qam", "A budget"]);
    real.repo.git(&["push", "-q"]);
}

#[test]
fn it_is_ended_when_its_tokens_are_spent() {
    let script = json!({"rules": [
        {"turn": 0, "answer": {"calls": [{"write": {"path": "work/{chunk}.txt", "text": "x\n"}}], "usage": {"input": 700, "cached": 100, "output": 20}}},
        {"turn": 1, "answer": {"text": "on and on", "calls": [{"read": "README.md"}], "usage": {"input": 100, "output": 90}}},
        // It may have asked once more before it is gone.
        {"turn": 2, "answer": {"stall": true}},
    ]});
    let Some(real) = Real::new(1, &script) else {
        return;
    };
    budget(&real, "max_tokens = 1000");
    let ended = real.run().expect(5);
    assert_eq!(real.built(), Vec::<String>::new(), "{}", ended.stderr);
    let ledger = real.ledger();
    let attempt = &ledger["chunks"]["T001"]["attempts"][0];
    assert_eq!(attempt["end"], "over_budget", "{attempt:#}");
    // 1,010 tokens, each message counted once and to its end: one response more than fitted.
    assert_eq!(
        attempt["usage"],
        json!({"input": 800, "cached": 100, "output": 110})
    );
    assert!(real.server.asked().len() <= 3, "{:#?}", real.server.asked());
}

#[test]
fn it_ends_itself_when_its_dollars_are_spent() {
    let script = json!({"rules": [
        {"turn": 0, "answer": {"calls": [{"write": {"path": "work/{chunk}.txt", "text": "x\n"}}], "usage": {"input": 100_000, "output": 5_000}}},
    ]});
    let Some(real) = Real::new(1, &script) else {
        return;
    };
    budget(&real, "max_cost_usd = 0.05");
    let ended = real.run().expect(5);
    assert_eq!(real.built(), Vec::<String>::new(), "{}", ended.stderr);
    let ledger = real.ledger();
    let attempt = &ledger["chunks"]["T001"]["attempts"][0];
    assert_eq!(attempt["end"], "over_budget", "{attempt:#}");
    assert_eq!(real.server.asked().len(), 1);
}

#[test]
fn work_whose_end_is_declared_by_the_last_response_that_it_may_pay_for_counts() {
    let script = json!({"rules": [
        {"turn": 1, "answer": {"calls": [{"complete": {}}], "usage": {"input": 100_000, "output": 5_000}}},
    ]});
    let Some(real) = Real::new(2, &script) else {
        return;
    };
    budget(&real, "max_cost_usd = 0.1");
    let ended = real.run().expect(5);
    assert_eq!(real.built(), ["T001"], "{}", ended.stderr);
}

#[test]
fn an_ending_that_is_never_declared_counts_by_its_work() {
    let script = json!({"rules": [
        {"chunk": "T001", "turn": 0, "answer": {"calls": [{"write": {"path": "work/a.txt", "text": "a\n"}}]}},
        {"answer": {"text": "All done, believe me."}},
    ]});
    let Some(real) = Real::new(2, &script) else {
        return;
    };
    let ended = real.run().expect(3);
    assert_eq!(
        real.built(),
        ["T001"],
        "with a change and passing checks: {}",
        ended.stderr
    );
    let ledger = real.ledger();
    let second = &ledger["chunks"]["T002"];
    assert_eq!(second["status"], "needs_review", "{second:#}");
    // The program itself asks once more for the declared ending.
    let asked = real.server.asked();
    assert!(
        conversation(asked.last().expect("asked")).contains("StructuredOutput"),
        "{asked:#?}"
    );
}

#[test]
fn what_it_writes_outside_of_its_lane_is_refused() {
    let outside = tempfile::tempdir().expect("a folder");
    let at = |name: &str| outside.path().join(name).display().to_string();
    let script = json!({"rules": [
        {"chunk": "T001", "turn": 0, "answer": {"calls": [
            {"write": {"path": at("absolute.txt"), "text": "x"}},
            {"write": {"path": "../above.txt", "text": "x"}},
            {"write": {"path": "{cwd}/../../../../sideways.txt", "text": "x"}},
            {"write": {"path": ".git", "text": "gitdir: /nowhere\n"}},
            {"write": {"path": ".claude/settings.json", "text": "{}"}},
            {"write": {"path": "work/inside.txt", "text": "x\n"}},
        ]}},
    ]});
    let Some(real) = Real::new(1, &script) else {
        return;
    };
    real.run().expect(0);
    assert_eq!(real.built(), ["T001"]);
    let files = real.files();
    assert!(
        files.contains("work/inside.txt") && !files.contains(".claude"),
        "{files}"
    );
    assert_eq!(
        fs::read_dir(outside.path()).expect("there").count(),
        0,
        "outside"
    );
    for name in ["above.txt", "sideways.txt"] {
        let found = Command::new("find")
            .arg(real.repo.base())
            .args(["-name", name])
            .output()
            .expect("find starts");
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "{name}");
    }
    // It was told, five times, and went on.
    let asked = real.server.asked();
    let results = asked[1]["body"]["messages"].as_array().expect("messages");
    let refused = results
        .iter()
        .flat_map(|m| m["content"].as_array().cloned().unwrap_or_default())
        .filter(|b| b["type"] == "tool_result" && b["is_error"] == true)
        .count();
    assert_eq!(refused, 5, "{:#}", asked[1]["body"]["messages"]);
}

#[test]
fn a_session_that_is_gone_is_begun_anew() {
    let script = json!({"rules": [
        {"chunk": "T001", "turn": 0, "prompt": "Build this task of a spec.", "answer": {"calls": [{"write": {"path": "work/T001.bad", "text": "x\n"}}]}},
        {"chunk": "T001", "turn": 0, "prompt": "Repair your work", "answer": {"calls": [{"run": "mv work/T001.bad work/T001.txt"}]}},
    ]});
    let Some(mut real) = Real::new(1, &script) else {
        return;
    };
    // A check reaches no sessions where there is one.
    real.repo = real.repo.without_wall();
    // Sessions are cleaned up between the two turns.
    let sessions = real.at("home/.claude/projects");
    real.repo.write(
        "check.sh",
        format!("rm -rf '{sessions}'; [ ! -e work/T001.bad ] || {{ echo 'it is bad'; exit 1; }}\n"),
    );
    real.repo.git(&["add", "-A"]);
    real.repo.git(&["commit", "-qm", "Another check"]);
    real.repo.git(&["push", "-q"]);
    real.run().expect(0);
    assert_eq!(real.built(), ["T001"]);
    let asked = real.server.asked();
    let repair = asked
        .iter()
        .find(|a| conversation(a).contains("Repair your work"))
        .expect("a repair");
    assert_eq!(repair["prompts"], 1, "a fresh conversation");
    assert!(
        conversation(repair).contains("Leave git alone"),
        "with the rules again"
    );
}
