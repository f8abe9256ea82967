//! Starting the program that plays the providers of models, and tests of what it plays.

use crate::support::{program, wait_until};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use tempfile::TempDir;

/// A running server; it ends with this value.
pub struct ModelServer {
    child: Child,
    /// Open for as long as the server is to live.
    stdin: Option<ChildStdin>,
    dir: TempDir,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

/// The program itself.
pub fn fake_model_server() -> PathBuf {
    let dir = program()
        .parent()
        .expect("the program is in a folder")
        .to_path_buf();
    let fake = dir.join("examples/fake-model-server");
    assert!(
        fake.exists(),
        "{} is not built; `cargo test` builds it, `cargo test --test it` needs `--examples` too",
        fake.display()
    );
    fake
}

impl ModelServer {
    /// A server that plays `script`; see the head of `tests/fakes/model_server.rs`.
    pub fn start(script: &Value) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        fs::write(dir.path().join("script.json"), script.to_string()).expect("written");
        let mut child = command(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdin = child.stdin.take();
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut url)
            .expect("read");
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url:?}");
        Self {
            child,
            stdin,
            dir,
            url,
        }
    }

    /// Its host and port.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Every line of its log. One that it is at is not one yet.
    pub fn log(&self) -> Vec<Value> {
        let mut bytes = fs::read(self.dir.path().join("log.jsonl")).unwrap_or_default();
        let whole = bytes
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        bytes.truncate(whole);
        let text = String::from_utf8(bytes).expect("text");
        text.lines()
            .map(|l| serde_json::from_str(l).expect("a JSON line"))
            .collect()
    }

    /// What it was asked as a model, in order.
    pub fn asked(&self) -> Vec<Value> {
        let mut lines = self.log();
        lines.retain(|l| l["n"].is_u64());
        lines
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(fake_model_server());
    command
        .arg("--script")
        .arg(dir.join("script.json"))
        .arg("--log")
        .arg(dir.join("log.jsonl"))
        .env_clear();
    command
}

/// Sends a request and reads all that comes back until the connection ends.
fn raw(server: &ModelServer, path: &str, body: &Value) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).expect("connected");
    let body = body.to_string();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: dummy\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    // A half-closed connection says that no further request comes, so that the server closes its half too.
    stream
        .shutdown(std::net::Shutdown::Write)
        .expect("half closed");
    let mut answer = Vec::new();
    // A connection that the script cuts may end in a reset.
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Head and body, chunks put together.
fn post(server: &ModelServer, path: &str, body: &Value) -> (String, String) {
    let (head, body, _) = chunks(&raw(server, path, body));
    (head, body)
}

/// Head, body, and the sizes of its chunks.
fn chunks(answer: &[u8]) -> (String, String, Vec<usize>) {
    let at = answer
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map_or(answer.len(), |at| at + 4);
    let (head, mut rest) = answer.split_at(at);
    let head = String::from_utf8_lossy(head).into_owned();
    if !head.contains("transfer-encoding: chunked") {
        return (
            head,
            String::from_utf8_lossy(rest).into_owned(),
            vec![rest.len()],
        );
    }
    let (mut body, mut sizes) = (Vec::new(), Vec::new());
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        sizes.push(size);
        let data = rest.get(end + 2..end + 2 + size).expect("a whole chunk");
        body.extend_from_slice(data);
        rest = &rest[(end + size + 4).min(rest.len())..];
    }
    (head, String::from_utf8(body).expect("UTF-8"), sizes)
}

/// The data of every event.
fn events(body: &str) -> Vec<Value> {
    body.lines()
        .filter_map(|l| l.strip_prefix("data: "))
        .filter(|d| *d != "[DONE]")
        .map(|d| serde_json::from_str(d).expect("JSON"))
        .collect()
}

fn asks(text: &str, stream: bool, tools: Value) -> Value {
    json!({"model": "m-1", "stream": stream, "tools": tools, "messages": [{"role": "user", "content": text}]})
}

const MESSAGES: &str = "/v1/messages?beta=true";
const COMPLETIONS: &str = "/v1/chat/completions";

#[test]
fn both_protocols_say_the_same_whole_and_streamed() {
    let text = "grüße 日本 🎉";
    let server = ModelServer::start(&json!({"default": {
        "text": text, "split": 3, "usage": {"input": 10, "cached": 5, "output": 7},
        "calls": [{"name": "a", "arguments": {"x": "日本語"}}, {"write": {"path": "w.txt", "text": "{model}"}}],
    }}));
    let (_, whole) = post(&server, MESSAGES, &asks("hi", false, json!([])));
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["content"][0]["text"], text);
    assert_eq!(whole["content"][1]["input"], json!({"x": "日本語"}));
    assert_eq!(whole["content"][2]["input"]["content"], "m-1");
    assert_eq!(whole["stop_reason"], "tool_use");

    let answer = raw(&server, MESSAGES, &asks("hi", true, json!([])));
    let (_, body, sizes) = chunks(&answer);
    assert!(sizes.iter().all(|s| *s <= 3), "pieces of three bytes");
    let streamed = events(&body);
    let join = |kind: &str, index: u64| -> String {
        let of = |e: &&Value| e["index"] == index && e["delta"][kind].is_string();
        let parts = streamed.iter().filter(of);
        parts.map(|e| e["delta"][kind].as_str().unwrap()).collect()
    };
    assert_eq!(join("text", 0), text);
    assert_eq!(join("partial_json", 1), r#"{"x":"日本語"}"#);
    assert_eq!(
        streamed[0]["message"]["usage"]["cache_read_input_tokens"],
        5
    );
    assert_eq!(streamed[streamed.len() - 2]["usage"]["output_tokens"], 7);

    let (_, whole) = post(&server, COMPLETIONS, &asks("hi", false, json!([])));
    let whole: Value = serde_json::from_str(&whole).unwrap();
    let message = &whole["choices"][0]["message"];
    assert_eq!(message["content"], text);
    assert_eq!(
        message["tool_calls"][0]["function"]["arguments"],
        r#"{"x":"日本語"}"#
    );
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(
        (
            &whole["usage"]["prompt_tokens"],
            &whole["usage"]["prompt_tokens_details"]["cached_tokens"]
        ),
        (&json!(15), &json!(5))
    );
    let mut ask = asks("hi", true, json!([]));
    ask["stream_options"] = json!({"include_usage": true});
    let (_, body) = post(&server, COMPLETIONS, &ask);
    let said: String = events(&body)
        .iter()
        .filter_map(|e| {
            e["choices"][0]["delta"]["content"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(said, text);
    assert_eq!(
        events(&body).last().unwrap()["usage"]["completion_tokens"],
        7
    );
    assert!(body.ends_with("data: [DONE]\n\n"));
}

#[test]
fn rules_see_chunk_turn_and_number() {
    let server = ModelServer::start(&json!({"rules": [
        {"nth": 1, "answer": {"text": "first of all"}},
        {"chunk": "s:T1", "turn": 1, "answer": {"text": "{title}, second turn of {chunk}"}},
        {"match": "again", "answers": [{"text": "one"}, {"text": "two"}]},
        {"anywhere": "needle", "model": "m-1", "stream": false, "answer": {"text": "found"}},
        {"path": "/elsewhere", "answer": {"body": {"own": true}}},
    ], "default": {"text": "default", "stop": null, "usage": null}}));
    let said = |body: Value| {
        let (_, answer) = post(&server, MESSAGES, &body);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["content"][0]["text"].as_str().unwrap().to_owned()
    };
    let prompt = "Build.\n\nSpec: s.md\nChunk: s:T1\nTask: Add login\n";
    let mut talk = asks(prompt, false, json!([]));
    assert_eq!(said(talk.clone()), "first of all");
    assert_eq!(said(talk.clone()), "default");
    talk["messages"] = json!([
        {"role": "user", "content": [{"type": "text", "text": prompt}]},
        {"role": "assistant", "content": "calls"},
        {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "again"}]}]},
    ]);
    assert_eq!(said(talk.clone()), "Add login, second turn of T1");
    talk["messages"][0]["content"] = json!("no prompt of ours");
    assert_eq!(said(talk.clone()), "one");
    assert_eq!(said(talk.clone()), "two");
    talk["system"] = json!("a needle");
    assert_eq!(said(talk), "found");
    let (_, elsewhere) = post(&server, "/elsewhere", &json!({}));
    assert_eq!(elsewhere, r#"{"own":true}"#);
    let (head, _) = post(&server, "/nowhere", &json!({}));
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");

    let log = server.asked();
    assert_eq!(log.len(), 6);
    assert_eq!(log[0]["headers"]["x-api-key"], "dummy");
    assert_eq!(
        (&log[2]["chunk"], &log[2]["turn"], &log[2]["rule"]),
        (&json!("T1"), &json!(1), &json!(1))
    );
    assert_eq!(log[1]["nth_of_chunk"], 2);
    assert_eq!(server.log().len(), 8, "other requests are told too");
}

#[test]
fn without_a_script_a_chunk_is_built_by_the_tools_that_are_offered() {
    let server = ModelServer::start(&json!({}));
    let prompt = "Chunk: s:T1\nTask: Add login\n";
    let call = |body: &Value| {
        let (_, answer) = post(&server, MESSAGES, body);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["content"][0].clone()
    };
    let ours = json!([{"name": "write_file"}, {"name": "complete_chunk"}]);
    let first = call(&asks(prompt, false, ours));
    assert_eq!(first["name"], "write_file");
    assert_eq!(
        first["input"],
        json!({"path": "work/T1.txt", "content": "Add login\n"})
    );
    let mut theirs = asks(
        prompt,
        false,
        json!([{"name": "Write"}, {"name": "StructuredOutput"}]),
    );
    theirs["system"] =
        json!([{"type": "text", "text": " - Primary working directory: /lane\n - more"}]);
    assert_eq!(call(&theirs)["input"]["file_path"], "/lane/work/T1.txt");
    theirs["messages"] = json!([{"role": "user", "content": prompt}, {"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}]);
    let last = call(&theirs);
    assert_eq!(last["name"], "StructuredOutput");
    assert_eq!(
        (&last["input"]["kind"], &last["input"]["summary"]),
        (&json!("complete_chunk"), &json!("built Add login"))
    );
    let plain = call(&asks("hello", false, json!([])));
    assert_eq!(plain["text"], "ok");
}

#[test]
fn everything_that_can_go_wrong_goes_wrong() {
    let script = json!({"rules": [
        {"match": "limited", "answer": {"status": 429, "headers": {"retry-after": "{date+5s}", "x-reset": ["{epoch+1h}", "{rfc3339-1s}"]}, "error": {"message": "slow down", "code": "rate_limit_exceeded"}}},
        {"match": "moved", "answer": {"status": 302, "headers": {"location": "http://x/"}, "body": ""}},
        {"match": "event", "answer": {"text": "abc", "split": 1, "error_event": {"after": 4}}},
        {"match": "cut", "answer": {"text": "abc", "cut": {"events": 3}}},
        {"match": "clean", "answer": {"text": "abc", "cut": {"bytes": 30, "clean": true}}},
        {"match": "nothing", "answer": {"cut": true}},
        {"match": "garbage", "answer": {"garbage": true}},
        {"match": "broken", "answer": {"text": "abc", "garbage": {"after": 1}}},
        {"match": "huge", "answer": {"huge": 200_000}},
        {"match": "drip", "answer": {"text": "a", "drip": 0}},
        {"match": "raw", "answer": {"calls": [{"name": "t", "raw": "{\"x\": "}]}},
        {"match": "refused", "answer": {"refusal": "I will not."}},
    ]});
    let server = ModelServer::start(&script);
    let streamed =
        |text: &str, path: &str| chunks_or_rest(&raw(&server, path, &asks(text, true, json!([]))));
    let (head, body) = streamed("limited", COMPLETIONS);
    assert!(head.starts_with("HTTP/1.1 429 Too Many Requests"), "{head}");
    let date = regex::Regex::new(
        r"retry-after: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
    )
    .unwrap();
    assert!(date.is_match(&head), "{head}");
    let date = head
        .lines()
        .find_map(|l| l.strip_prefix("retry-after: "))
        .unwrap();
    let told = chrono::DateTime::parse_from_rfc2822(date).unwrap();
    let stamps: Vec<&str> = head
        .lines()
        .filter_map(|l| l.strip_prefix("x-reset: "))
        .collect();
    let an_hour = stamps[0].parse::<i64>().unwrap() - told.timestamp();
    assert!((3590..=3600).contains(&an_hour), "{head}");
    let past = chrono::DateTime::parse_from_rfc3339(stamps[1]).unwrap();
    assert!((4..=8).contains(&(told - past).num_seconds()), "{head}");
    let error: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    let (_, body) = streamed("limited", MESSAGES);
    let error: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&error["type"], &error["error"]["type"]),
        (&json!("error"), &json!("rate_limit_error"))
    );
    let (head, body) = streamed("moved", MESSAGES);
    assert!(
        head.contains("302 Found\r\n") && head.contains("location: http://x/") && body.is_empty(),
        "{head}"
    );

    let (_, body) = streamed("event", MESSAGES);
    assert!(
        body.contains("event: error\n") && body.contains("overloaded_error"),
        "{body}"
    );
    assert!(!body.contains("message_stop"));
    let whole = |text: &str| raw(&server, MESSAGES, &asks(text, true, json!([])));
    assert!(!String::from_utf8_lossy(&whole("cut")).ends_with("0\r\n\r\n"));
    let (_, body, sizes) = chunks(&whole("clean"));
    assert_eq!(
        (body.len(), sizes.last()),
        (30, Some(&0)),
        "the framing is whole"
    );
    assert_eq!(whole("nothing"), b"");
    assert!(streamed("garbage", MESSAGES).1.starts_with("<html>"));
    let (_, body) = streamed("broken", COMPLETIONS);
    assert!(body.contains("{\"delta\"\n\n") && body.ends_with("[DONE]\n\n"));
    assert!(streamed("huge", COMPLETIONS).1.len() > 200_000);
    let (_, _, sizes) = chunks(&whole("drip"));
    assert!(sizes.iter().all(|s| *s <= 1) && sizes.len() > 100);
    let (_, body) = streamed("raw", COMPLETIONS);
    assert!(body.contains(r#""arguments":"{\"x\": ""#), "{body}");
    let (_, body) = streamed("refused", COMPLETIONS);
    assert!(
        body.contains(r#""refusal":"I will not.""#) && body.contains("content_filter"),
        "{body}"
    );
}

/// As [`post`]; what is no whole chunk is given as it is.
fn chunks_or_rest(answer: &[u8]) -> (String, String) {
    let (head, body, _) = chunks(answer);
    (head, body)
}

#[test]
fn a_stall_lasts_until_the_client_leaves() {
    let server = ModelServer::start(&json!({"default": {"text": "abc", "stall": {"events": 2}}}));
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let body = asks("hi", true, json!([])).to_string();
    write!(
        stream,
        "POST {MESSAGES} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("ping\"}\n\n") {
        let mut piece = [0; 512];
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "{seen:?}");
        seen.extend_from_slice(&piece[..n]);
    }
    assert!(!server.log().iter().any(|l| l["gone"] == 1));
    drop(stream);
    wait_until("the server hears of it", || {
        server.log().iter().any(|l| l["gone"] == 1)
    });
}

#[test]
fn signs_go_both_ways() {
    let signs = TempDir::new().unwrap();
    let at = |name: &str| signs.path().join(name);
    let server = ModelServer::start(
        &json!({"default": {"touch": at("here"), "wait_for": at("go"), "text": "went"}}),
    );
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| post(&server, MESSAGES, &asks("hi", false, json!([]))).1);
        wait_until("the request is there", || at("here").exists());
        assert!(!answer.is_finished());
        fs::write(at("go"), "").unwrap();
        assert!(answer.join().unwrap().contains("went"));
    });
}

#[test]
fn a_mistake_in_the_script_is_told_at_the_start() {
    let dir = TempDir::new().unwrap();
    for (script, says) in [
        (
            json!({"rule": []}),
            "unknown field `rule`, expected one of `rules`",
        ),
        (
            json!({"rules": [{"answer": {"txt": "x"}}]}),
            "rule 0: unknown field `txt`",
        ),
        (
            json!({"rules": [{"chunks": "x", "answer": {}}]}),
            "unknown field `chunks`",
        ),
        (json!({"rules": [{"chunk": "x"}]}), "it has no answer"),
        (
            json!({"rules": [{"api": "gemini", "answer": {}}]}),
            "`anthropic` or `openai`",
        ),
        (
            json!({"default": {"calls": [{"wirte": {}}]}}),
            "write, edit, read",
        ),
        (
            json!({"default": {"calls": [{"write": {"path": "x"}}]}}),
            "it wants \"text\"",
        ),
        (json!({"default": {"split": 0}}), "at least 1"),
        (json!({"default": {"cut": {}}}), "a place is true"),
        (
            json!({"default": {"status": 500, "text": "x"}}),
            "says nothing but",
        ),
    ] {
        fs::write(dir.path().join("script.json"), script.to_string()).unwrap();
        let output = command(dir.path()).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(99), "{script}: {said}");
        assert!(said.contains(says), "{script}: {said}");
    }
}

#[test]
fn it_ends_with_whoever_started_it() {
    let mut server = ModelServer::start(&json!({}));
    drop(server.stdin.take());
    assert!(server.child.wait().unwrap().success());
    assert!(TcpStream::connect(server.address()).is_err());
}
