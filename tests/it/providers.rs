//! The loop and the chat providers over HTTP, against a real server on loopback that does everything providers do.
//!
//! The table "What an engine's failure leads to" in docs/engines.md has a row for each case here and says what is
//! to come of it; neither has a row that the other lacks.

use crate::model_server::ModelServer;
use chrono::{DateTime, Utc};
use codelicious::config::Endpoint;
use codelicious::core::retry::{Decision, RetryPolicy, StopReason, should_retry};
use codelicious::engines::agent::{AgentEngine, Bounds};
use codelicious::engines::http::{AnthropicModel, HttpConfig, OpenAiModel};
use codelicious::model::policy::SandboxPolicy;
use codelicious::model::{
    Allowance, ChunkId, Cost, EngineError, EngineOutcome, EngineReport, Price, Session, SpecId,
    Usage,
};
use codelicious::ports::{
    ChatModel, Clock, Engine, EngineJob, EngineProgress, Prompt, Rng, StopSignal,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tempfile::TempDir;

const KEY: &str = "dummy-key-of-the-test";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    OpenAi,
    Anthropic,
}

/// One row of the table.
struct Case {
    name: &'static str,
    /// What the first requests get, in order; a list for both APIs, or one each.
    answers: Answers,
    /// What becomes of it where that is an error.
    error: Option<fn(&EngineError) -> bool>,
    /// Least milliseconds between the first two requests.
    floor_ms: u64,
    change: fn(&mut Setup),
}

enum Answers {
    Both(Vec<Value>),
    Each(fn(Api) -> Vec<Value>),
}

/// What a case may change.
struct Setup {
    stall: Duration,
    first_byte: Duration,
    turns: u32,
    allowance: Allowance,
    /// The last answer comes again and again.
    repeats: bool,
    nobody_listens: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(30),
            first_byte: Duration::from_secs(30),
            turns: 20,
            allowance: Allowance::default(),
            repeats: false,
            nobody_listens: false,
        }
    }
}

fn case(name: &'static str, answers: Vec<Value>) -> Case {
    Case {
        name,
        answers: Answers::Both(answers),
        error: None,
        floor_ms: 0,
        change: |_| {},
    }
}

impl Case {
    fn each(name: &'static str, answers: fn(Api) -> Vec<Value>) -> Self {
        Self {
            answers: Answers::Each(answers),
            ..case(name, vec![])
        }
    }

    fn error(mut self, error: fn(&EngineError) -> bool) -> Self {
        self.error = Some(error);
        self
    }

    fn floor_ms(mut self, floor_ms: u64) -> Self {
        self.floor_ms = floor_ms;
        self
    }

    fn with(mut self, change: fn(&mut Setup)) -> Self {
        self.change = change;
        self
    }
}

fn write(path: &str) -> Value {
    json!({"write": {"path": path, "text": "grüße {\"a\": [1]}\n"}})
}

fn limited(headers: Value) -> Value {
    json!({"status": 429, "headers": headers})
}

fn status(status: u16, error: Value) -> Value {
    json!({"status": status, "error": error})
}

#[allow(clippy::too_many_lines, reason = "it is a table")]
fn cases() -> Vec<Case> {
    use EngineError as E;
    let list = json!({"calls": [{"name": "list_dir", "arguments": {"path": "."}}]});
    let both = json!({"calls": [write("a.txt"), write("b.txt"), {"read": "a.txt"}]});
    let built = json!({"text": "I write.", "calls": [write("a.txt")]});
    let quick =
        |name, answer: Value| case(name, vec![answer]).error(|e| matches!(e, E::Transient { .. }));
    vec![
        case("success", vec![built]),
        case("split deltas", vec![json!({"text": "Ich schreibe Grüße.", "calls": [write("a.txt")], "split": 3})]),
        case("parallel calls", vec![both]),
        case("slow drip", vec![json!({"calls": [{"read": "a.txt"}], "drip": 1})]),
        Case::each("no stream", |api| match api {
            Api::OpenAi => vec![json!({"body": {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant",
                "content": null, "tool_calls": [{"id": "x", "type": "function", "function": {"name": "list_dir", "arguments": "{\"path\": \".\"}"}}]}}]},
                "content_type": "application/json"})],
            Api::Anthropic => vec![json!({"body": {"type": "message", "stop_reason": "tool_use",
                "content": [{"type": "tool_use", "id": "x", "name": "list_dir", "input": {"path": "."}}]}, "content_type": "application/json"})],
        }),
        case("10 MB answer", vec![json!({"huge": 10 << 20, "calls": [write("a.txt")]})]),
        case("429 with seconds", vec![limited(json!({"retry-after": "1"}))]).floor_ms(1000),
        case("429 with a date", vec![limited(json!({"retry-after": "{date+2s}"}))]).floor_ms(1001),
        Case::each("429 with a reset header", |api| {
            vec![limited(match api {
                Api::OpenAi => json!({"x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "0",
                    "x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "149984"}),
                Api::Anthropic => json!({"anthropic-ratelimit-requests-reset": "{rfc3339+2s}", "anthropic-ratelimit-requests-remaining": "0",
                    "anthropic-ratelimit-tokens-reset": "{rfc3339+2h}", "anthropic-ratelimit-tokens-remaining": "9"}),
            })]
        })
        .floor_ms(1000),
        case("429 in words", vec![status(429, json!("Rate limit reached. Please try again in 0.9s. Thanks."))]).floor_ms(900),
        case("429 with nothing", vec![limited(json!({}))]),
        case("429 with an absurd value", vec![limited(json!({"retry-after": "99999999999999999999999"}))])
            .error(|e| matches!(e, E::RateLimited { until: Some(_), .. })),
        case("429 for an hour", vec![limited(json!({"retry-after": ["-7", "garbage", "3600"], "retry-after-ms": "12"}))])
            .error(|e| matches!(e, E::RateLimited { until: Some(until), .. } if (*until - System.now()).num_minutes() >= 58)),
        case("429 again and again", vec![limited(json!({}))])
            .with(|s| s.repeats = true)
            .error(|e| matches!(e, E::RateLimited { until: None, .. })),
        quick("500", status(500, json!(null))),
        quick("502", json!({"status": 502, "body": "<html>bad gateway</html>", "content_type": "text/html"})),
        case("503", vec![json!({"status": 503, "headers": {"retry-after": "1"}, "body": "", "content_type": "text/plain"})]).floor_ms(1000),
        quick("504", json!({"status": 504})),
        case("529", vec![json!({"status": 529})]),
        quick("500 again and again", json!({"status": 500})).with(|s| s.repeats = true),
        case("overloaded within a stream", vec![json!({"text": "I be", "error_event": {"after": 3}})]),
        quick("cut stream", json!({"calls": [write("cut.txt")], "cut": {"events": 3}})),
        quick("stream that ends early", json!({"calls": [write("cut.txt")], "cut": {"events": 3, "clean": true}})),
        quick("no answer at all", json!({"cut": true})),
        case("stalled stream", vec![json!({"calls": [write("cut.txt")], "stall": {"events": 3}})])
            .with(|s| s.stall = Duration::from_millis(1500)),
        case("no first byte", vec![json!({"stall": true})]).with(|s| s.first_byte = Duration::from_millis(1500)),
        case("nobody listens", vec![])
            .with(|s| s.nobody_listens = true)
            .error(|e| matches!(e, E::Transient { message, .. } if message.contains("no connection to 127.0.0.1:"))),
        case("garbage", vec![json!({"garbage": true})]).error(|e| matches!(e, E::Protocol { .. })),
        case("garbage JSON", vec![json!({"text": "hi", "garbage": {"after": 2}})]).error(|e| matches!(e, E::Protocol { .. })),
        case("20 MB answer", vec![json!({"huge": 20 << 20})]).error(|e| matches!(e, E::Protocol { message } if message.contains("longer than"))),
        case("wrong tool name", vec![json!({"calls": [{"name": "tick the box", "arguments": {}}]})]),
        case("wrong arguments", vec![json!({"calls": [{"name": "read_file", "arguments": {"file": "a"}}]})]),
        case("arguments that are no JSON", vec![json!({"calls": [{"name": "read_file", "raw": "{\"path\": "}]})]),
        case("answer cut at its limit", vec![json!({"calls": [{"name": "write_file", "raw": "{\"path\": \"a\", \"content\": \"half"}], "stop": "max_tokens"})]),
        case("prose once", vec![json!({"text": "All done!"})]),
        case("prose instead of a tool", vec![json!({"text": "All done!"})]).with(|s| s.repeats = true),
        case("endless loop", vec![list]).with(|s| s.repeats = true),
        case("too many turns", vec![json!({"calls": [{"run": "echo {n}"}]})])
            .with(|s| (s.repeats, s.turns) = (true, 4))
            .error(|e| *e == E::TurnLimit { turns: 4 }),
        Case::each("context overflow", |api| {
            vec![match api {
                Api::OpenAi => status(400, json!({"message": "too long", "code": "context_length_exceeded"})),
                Api::Anthropic => status(400, json!("prompt is too long: 250000 tokens > 200000 maximum")),
            }]
        })
        .error(|e| matches!(e, E::ContextTooLong { .. })),
        case("refusal", vec![json!({"refusal": "I won't do that."})]).error(|e| matches!(e, E::Refusal { .. })),
        case("invalid request", vec![json!({"status": 400})]).error(|e| matches!(e, E::InvalidRequest { .. })),
        case("unknown model", vec![json!({"status": 404})]).error(|e| matches!(e, E::InvalidRequest { .. })),
        case("redirect", vec![json!({"status": 307, "headers": {"location": "https://elsewhere.example/v1"}, "body": ""})])
            .error(|e| matches!(e, E::InvalidRequest { message } if message.contains("`elsewhere.example`"))),
        // The key comes back in the message, and goes no further.
        case("wrong key", vec![status(401, json!(format!("no such key: {KEY}")))])
            .error(|e| matches!(e, E::Auth { message } if message.contains("no such key: [redacted]"))),
        case("no permission", vec![json!({"status": 403})]).error(|e| matches!(e, E::Auth { .. })),
        case("no credit", vec![json!({"status": 402})]).error(|e| matches!(e, E::Credit { .. })),
        case("quota used up", vec![json!({"status": 429, "headers": {"retry-after": "1"},
            "error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}})])
            .error(|e| matches!(e, E::Credit { .. })),
        case("no budget left", vec![json!({"calls": [write("a.txt")], "usage": {"input": 5000, "output": 100}})])
            .with(|s| s.allowance.tokens = Some(6000))
            .error(|e| matches!(e, E::AllowanceSpent { .. })),
    ]
}

/// The names and decisions of the table in the documents.
fn table() -> BTreeMap<String, String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/engines.md"))
        .expect("it is there");
    let (_, section) = page
        .split_once("## What an engine's failure leads to")
        .expect("the section is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, _, decision] = cells[..] else {
                return None;
            };
            Some((
                name.strip_prefix('`')?.strip_suffix('`')?.to_owned(),
                decision.to_owned(),
            ))
        })
        .collect()
}

#[test]
fn the_table_in_the_documents_has_every_case() {
    let table: BTreeSet<String> = table().into_keys().collect();
    let cases: BTreeSet<String> = cases().iter().map(|c| c.name.to_owned()).collect();
    assert_eq!(table, cases);
}

#[test]
fn what_every_failure_leads_to_with_openai() {
    play_all(Api::OpenAi);
}

#[test]
fn what_every_failure_leads_to_with_anthropic() {
    play_all(Api::Anthropic);
}

/// Plays all cases, some of them side by side: much of the time goes by in waiting.
fn play_all(api: Api) {
    let table = table();
    let cases = cases();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            play(api, case, &table[case.name]);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// Quick pauses of our own, and nothing waited for that is longer than some seconds.
fn policy() -> RetryPolicy {
    RetryPolicy {
        max_retries: 2,
        base: Duration::from_millis(10),
        cap: Duration::from_millis(20),
        max_wait: Duration::from_secs(5),
    }
}

fn play(api: Api, case: &Case, want: &str) {
    let name = format!("{api:?}, {}", case.name);
    let mut setup = Setup::default();
    (case.change)(&mut setup);
    let answers = match &case.answers {
        Answers::Both(answers) => answers.clone(),
        Answers::Each(answers) => answers(api),
    };
    let mut rule = json!({"answers": answers});
    if setup.repeats {
        rule["repeat"] = json!("last");
    }
    let server =
        ModelServer::start(&json!({"rules": [rule], "default": {"calls": [{"complete": {}}]}}));
    let address = match setup.nobody_listens {
        false => server.url.clone(),
        true => {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", free.local_addr().unwrap())
        }
    };
    let mut config = config(&address);
    config.first_byte_timeout = setup.first_byte;
    let lane = Lane::new();
    let job = EngineJob {
        stall: setup.stall,
        allowance: setup.allowance,
        ..lane.job()
    };
    let engine = engine(api, config).with_bounds(Bounds {
        turns: setup.turns,
        ..Bounds::default()
    });
    let (report, seen) = run(&engine, &job);
    let asked = server.asked();
    let failures = seen
        .steps
        .borrow()
        .iter()
        .filter(|s| s.starts_with("waits "))
        .count();
    let got = match &report.outcome {
        EngineOutcome::Completed(_) if failures > 0 => "asks again".to_owned(),
        EngineOutcome::Completed(_) => "goes on".to_owned(),
        EngineOutcome::Undeclared { .. } => "undeclared".to_owned(),
        EngineOutcome::Failed(error) => {
            let is_it = case.error.unwrap_or_else(|| panic!("{name}: {error:?}"));
            assert!(is_it(error), "{name}: {error:?}");
            let row = u32::try_from(failures).unwrap() + 1;
            decision(should_retry(row, error, &policy(), System.now(), 0.5))
        }
        EngineOutcome::Blocked(_) | EngineOutcome::Reviewed(_) | EngineOutcome::Interrupted => {
            panic!("{name}: {report:?}")
        }
    };
    assert_eq!(got, want, "{name}: {report:?}\n{:?}", seen.steps);
    assert!(
        !format!("{report:?} {:?} {:?}", seen.steps, seen.log).contains(KEY),
        "{name}: {report:?}"
    );
    assert!(
        !lane.path().join("cut.txt").exists(),
        "{name}: half a call was carried out"
    );
    assert_requests(api, &name, &asked, case.floor_ms);
}

/// Every request is one that the provider takes: its key, its frame, every call answered; and in time.
fn assert_requests(api: Api, name: &str, asked: &[Value], floor_ms: u64) {
    for line in asked {
        let (header, key) = match api {
            Api::OpenAi => ("authorization", format!("Bearer {KEY}")),
            Api::Anthropic => ("x-api-key", KEY.to_owned()),
        };
        assert_eq!(line["headers"][header], key, "{name}");
        let messages = line["body"]["messages"].as_array().expect("messages");
        let (mut open, mut last_role) = (Vec::new(), String::new());
        for message in messages {
            let role = message["role"].as_str().unwrap_or_default();
            let ids = |value: &Value, key: &str| -> Vec<String> {
                let items = value.as_array().into_iter().flatten();
                items
                    .filter_map(|i| i[key].as_str().map(str::to_owned))
                    .collect()
            };
            match (api, role) {
                (Api::OpenAi, "assistant") => {
                    assert!(open.is_empty(), "{name}: {messages:?}");
                    open = ids(&message["tool_calls"], "id");
                }
                (Api::OpenAi, "tool") => {
                    let id = message["tool_call_id"].as_str().unwrap_or_default();
                    assert_eq!(open.first().map(String::as_str), Some(id), "{name}");
                    open.remove(0);
                }
                (Api::OpenAi, _) => {
                    assert!(open.is_empty() && role != last_role, "{name}: {messages:?}")
                }
                (Api::Anthropic, "assistant") => {
                    assert!(
                        last_role == "user" && open.is_empty(),
                        "{name}: {messages:?}"
                    );
                    open = ids(&message["content"], "id");
                }
                (Api::Anthropic, _) => {
                    assert_ne!(last_role, "user", "{name}");
                    assert_eq!(open, ids(&message["content"], "tool_use_id"), "{name}");
                    open.clear();
                }
            }
            last_role = role.to_owned();
        }
        assert!(open.is_empty(), "{name}: {messages:?}");
    }
    if floor_ms > 0 {
        let at = |n: usize| asked[n]["at"].as_u64().expect("a time");
        assert!(
            at(1) >= at(0) + floor_ms,
            "{name}: asked at {} and {}",
            at(0),
            at(1)
        );
    }
}

fn decision(decision: Decision) -> String {
    let reason = match decision {
        Decision::Retry(_) => return "asks again".to_owned(),
        Decision::SwitchEngine => return "another engine".to_owned(),
        Decision::WaitUntil(_) => return "waits".to_owned(),
        Decision::Stop(reason) => reason,
    };
    let reason = match reason {
        StopReason::ContextTooLong => "context too long",
        StopReason::InvalidRequest => "invalid request",
        StopReason::Refusal => "refusal",
        StopReason::TimeIsUp => "the time is up",
        StopReason::TurnLimit => "turn limit",
        StopReason::Budget => "budget",
        StopReason::Protocol => "protocol",
        StopReason::NotStarted => "not started",
    };
    format!("stops: {reason}")
}

#[test]
fn a_chunk_is_built_and_its_fix_goes_on_in_the_same_conversation() {
    for api in [Api::OpenAi, Api::Anthropic] {
        let usage = json!({"input": 60, "written": 40, "cached": 1000, "output": 10});
        let server = ModelServer::start(&json!({"rules": [
            {"answers": [
                {"calls": [write("src/a.txt"), {"run": "cat src/a.txt"}], "usage": usage},
                {"calls": [{"complete": {"summary": "wrote it", "confidence": 0.7}}], "usage": usage},
                {"calls": [{"edit": {"path": "src/a.txt", "old": "grüße", "new": "Grüße"}}], "usage": usage},
                {"calls": [{"block": {"reason": "no", "needs": "which?"}}], "usage": usage},
            ]}
        ]}));
        let mut config = config(&server.url);
        config.price = Some(Price {
            input: 10.0,
            cached: 1.0,
            output: 100.0,
        });
        let (engine, lane) = (engine(api, config), Lane::new());
        let (build, seen) = run(&engine, &lane.job());
        assert!(
            matches!(&build.outcome, EngineOutcome::Completed(c) if c.summary == "wrote it"),
            "{build:?}"
        );
        assert_eq!(
            build.usage,
            Usage {
                input: Some(200),
                cached: Some(2000),
                output: Some(20)
            }
        );
        // Two replies; what is written to Anthropic's cache costs a quarter more.
        let written = if api == Api::Anthropic {
            2.0 * 40.0 * 10.0 / 4.0
        } else {
            0.0
        };
        let Cost::Usd(cost) = build.cost else {
            panic!("{build:?}")
        };
        assert!(
            (cost * 1e6 - (2000.0 + 2000.0 + 2000.0 + written)).abs() < 1e-3,
            "{cost}"
        );
        assert_eq!(build.model.as_deref(), Some("the-model"));
        assert_eq!(
            seen.steps.borrow()[..2],
            ["writes src/a.txt", "runs cat src/a.txt"]
        );

        let mut fix = lane.job();
        fix.prompt.user = "A check failed: it is not capitalised.".into();
        (fix.fixes, fix.session) = (1, Session::Continue(build.session.clone().unwrap()));
        let (report, _) = run(&engine, &fix);
        assert!(
            matches!(&report.outcome, EngineOutcome::Blocked(b) if b.needs == "which?"),
            "{report:?}"
        );
        let text = std::fs::read_to_string(lane.path().join("src/a.txt")).unwrap();
        assert_eq!(text, "Grüße {\"a\": [1]}\n");

        let asked = server.asked();
        assert_eq!(asked.len(), 4);
        assert_requests(api, "fix turn", &asked, 0);
        let last = asked[3]["body"]["messages"].to_string();
        for text in [
            "Build the thing.",
            "exit code 0",
            "A check failed: it is not capitalised.",
        ] {
            assert!(last.contains(text), "{text} is not in {last}");
        }
        for line in &asked {
            let body = line["body"].to_string();
            let session = build.session.as_deref().unwrap();
            let folder = lane.path().canonicalize().unwrap();
            assert!(
                !body.contains(session) && !body.contains(folder.to_str().unwrap()),
                "{body}"
            );
        }
    }
}

#[test]
fn a_server_that_does_not_know_an_option_is_learned_from() {
    let server = ModelServer::start(&json!({"rules": [
        {"has": "stream_options", "answer": {"status": 400, "error": {"message": "unknown field", "param": "stream_options"}}},
        {"answers": [{"calls": [{"run": "true"}]}, {"calls": [{"complete": {}}]}]}
    ]}));
    let (report, _) = run(
        &engine(Api::OpenAi, config(&server.url)),
        &Lane::new().job(),
    );
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
    assert_eq!(
        (report.usage, report.cost),
        (Usage::default(), Cost::Unknown),
        "nobody said what was used"
    );
    let has: Vec<bool> = server
        .asked()
        .iter()
        .map(|l| l["body"].get("stream_options").is_some())
        .collect();
    assert_eq!(has, [true, false, false]);
}

#[test]
fn a_stop_hangs_up() {
    let server = ModelServer::start(&json!({"default": {"stall": {"events": 2}}}));
    let (engine, lane) = (engine(Api::Anthropic, config(&server.url)), Lane::new());
    let (job, seen) = (lane.job(), Seen::default());
    let (handle, stop) = StopSignal::new();
    let report = block_on(async {
        let run = engine.run(&job, &seen, stop);
        let raise = async {
            while server.asked().is_empty() {
                tokio::task::yield_now().await;
            }
            handle.raise();
        };
        tokio::join!(run, raise).0
    });
    assert_eq!(
        (report.outcome, report.cost),
        (EngineOutcome::Interrupted, Cost::Unknown)
    );
    // The connection is gone with its runtime at the latest.
    crate::support::wait_until("the server sees us leave", || {
        server.log().iter().any(|l| l.get("gone").is_some())
    });
}

/// Run alone in a process of its own by the test below, which looks at its memory.
#[test]
#[ignore = "started by what_ten_megabytes_cost"]
fn ten_megabytes_alone() {
    let server = ModelServer::start(
        &json!({"rules": [{"answers": [{"huge": 10 << 20}]}], "default": {"calls": [{"complete": {}}]}}),
    );
    for api in [Api::OpenAi, Api::Anthropic] {
        let (engine, job) = (engine(api, config(&server.url)), Lane::new());
        let (report, _) = run(&engine, &job.job());
        assert!(
            matches!(report.outcome, EngineOutcome::Completed(_)),
            "{report:?}"
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .unwrap_or("0 kB");
    println!("peak:{}", peak.trim().trim_end_matches(" kB"));
}

#[test]
fn what_ten_megabytes_cost() {
    if !Path::new("/proc/self/status").exists() {
        eprintln!("SKIPPED: this system does not tell how much memory a process had");
        return;
    }
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "providers::ten_megabytes_alone",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&alone.stdout);
    assert!(alone.status.success(), "{text}");
    let peak = text
        .split("peak:")
        .nth(1)
        .and_then(|t| t.split_whitespace().next());
    let peak: u64 = peak
        .and_then(|t| t.parse().ok())
        .unwrap_or_else(|| panic!("{text}"));
    assert!(peak < 100 << 10, "10 MB took {peak} KiB");
}

/// The clock of the system: the server's times are real ones.
pub struct System;

impl Clock for System {
    fn now(&self) -> DateTime<Utc> {
        std::time::SystemTime::now().into()
    }
}

struct Half;

impl Rng for Half {
    fn bytes(&self) -> [u8; 16] {
        [0x80; 16]
    }
}

#[derive(Default)]
pub struct Seen {
    pub steps: RefCell<Vec<String>>,
    log: RefCell<Vec<String>>,
}

impl EngineProgress for Seen {
    fn step(&self, text: &str) {
        self.steps.borrow_mut().push(text.to_owned());
    }
    fn usage(&self, _: Usage) {}
    fn log(&self, line: &str) {
        self.log.borrow_mut().push(line.to_owned());
    }
}

/// A folder to build in.
pub struct Lane(TempDir);

impl Lane {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn job(&self) -> EngineJob {
        EngineJob {
            spec: SpecId::from("shop"),
            chunk: ChunkId::from("T1"),
            title: "Add pay".into(),
            lane: self.path().to_owned(),
            spec_path: "specs/shop.md".into(),
            ends: codelicious::model::Ends::Build,
            prompt: Prompt {
                system: "You build.".into(),
                user: "Build the thing.".into(),
            },
            attempt: 1,
            fixes: 0,
            session: Session::Begin("0d9c4b2a-1111-4222-8333-944445555666".into()),
            model: None,
            timeout: Duration::from_secs(120),
            stall: Duration::from_secs(30),
            allowance: Allowance::default(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            policy: SandboxPolicy::Unsandboxed,
        }
    }
}

pub fn config(address: &str) -> HttpConfig {
    HttpConfig {
        token: Some(SecretString::from(KEY)),
        max_output: 500,
        ..HttpConfig::new(
            "test",
            Endpoint::parse(&format!("{address}/v1")).unwrap(),
            "the-model",
        )
    }
}

pub fn engine(api: Api, config: HttpConfig) -> AgentEngine {
    let model: Box<dyn ChatModel> = match api {
        Api::OpenAi => Box::new(OpenAiModel::new(config, Rc::new(System)).unwrap()),
        Api::Anthropic => Box::new(AnthropicModel::new(config, Rc::new(System)).unwrap()),
    };
    AgentEngine::new("test", model, Rc::new(System), Rc::new(Half)).with_retry(policy())
}

pub fn run(engine: &AgentEngine, job: &EngineJob) -> (EngineReport, Seen) {
    let seen = Seen::default();
    let (_handle, stop) = StopSignal::new();
    (block_on(engine.run(job, &seen, stop)), seen)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
