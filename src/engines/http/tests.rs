//! Requests as bytes, and both models against a real server on loopback.

use super::*;
use crate::engines::charge::watched;
use crate::model::{ChunkId, SpecId};
use crate::ports::{ChatModel, ChatReply, ChatRequest, Clock, Finish, ToolSpec};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::rc::Rc;
use std::thread::JoinHandle;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }
}

static TOOLS: &[ToolSpec] = &[ToolSpec {
    name: "read_file",
    description: "Reads.",
    schema: || json!({"type": "object", "required": ["path"]}),
}];

fn request(messages: Vec<ChatMessage>) -> ChatRequest {
    ChatRequest {
        spec: SpecId::from("shop"),
        chunk: ChunkId::from("T1"),
        title: "Add pay".into(),
        attempt: 1,
        fixes: 0,
        turn: 3,
        system: "Be brief.".into(),
        messages,
        tools: TOOLS,
        stall: Duration::from_secs(20),
    }
}

fn call(id: &str, arguments: Value) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: "read_file".into(),
        arguments,
    }
}

fn result(id: &str, content: &str, is_error: bool) -> ChatMessage {
    ChatMessage::ToolResult {
        id: id.into(),
        content: content.into(),
        is_error,
    }
}

fn user(text: &str) -> ChatMessage {
    ChatMessage::User(text.into())
}

fn said(text: &str, calls: Vec<ToolCall>) -> ChatMessage {
    ChatMessage::Assistant {
        text: text.into(),
        calls,
    }
}

/// Two calls at once, one of them with arguments that were no JSON.
fn conversation() -> Vec<ChatMessage> {
    vec![
        user("build it"),
        said(
            "I look.\n",
            vec![call("a", json!({"path": "x"})), call("b", json!("{\"pa"))],
        ),
        result("a", "text", false),
        result("b", "no JSON", true),
        user("go on"),
        said("", vec![call("c", json!({}))]),
        result("c", "", false),
    ]
}

fn config(address: &str) -> HttpConfig {
    HttpConfig {
        max_output: 512,
        token: Some(SecretString::from("key-of-the-user")),
        first_byte_timeout: Duration::from_secs(20),
        ..HttpConfig::new("test", Endpoint::parse(address).unwrap(), "the-model")
    }
}

#[test]
fn a_request_as_openai_takes_it() {
    let dialect = openai::Dialect {
        usage_on_request: true,
        completion_tokens: false,
    };
    let body = openai::request::body(&request(conversation()), "the-model", 512, dialect).unwrap();
    let calls = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "read_file", "arguments": arguments}});
    let want = json!({
        "model": "the-model", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 512,
        "tools": [{"type": "function", "function": {"name": "read_file", "description": "Reads.",
                   "parameters": {"type": "object", "required": ["path"]}}}],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "build it"},
            {"role": "assistant", "content": "I look.\n",
             "tool_calls": [calls("a", "{\"path\":\"x\"}"), calls("b", "{\"invalid_arguments\":\"{\\\"pa\"}")]},
            {"role": "tool", "tool_call_id": "a", "content": "text"},
            {"role": "tool", "tool_call_id": "b", "content": "ERROR: no JSON"},
            {"role": "user", "content": "go on"},
            {"role": "assistant", "content": null, "tool_calls": [calls("c", "{}")]},
            {"role": "tool", "tool_call_id": "c", "content": ""},
        ]
    });
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), want);
}

#[test]
fn a_request_as_anthropic_takes_it() {
    let body = anthropic::request::body(&request(conversation()), "the-model", 512).unwrap();
    let uses = |id: &str, input: Value| json!({"type": "tool_use", "id": id, "name": "read_file", "input": input});
    let want = json!({
        "model": "the-model", "max_tokens": 512, "stream": true,
        "tools": [{"name": "read_file", "description": "Reads.", "input_schema": {"type": "object", "required": ["path"]}}],
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "build it"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "I look."}, uses("a", json!({"path": "x"})),
                uses("b", json!({"invalid_arguments": "{\"pa"}))]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "text"},
                {"type": "tool_result", "tool_use_id": "b", "content": "no JSON", "is_error": true},
                {"type": "text", "text": "go on"}]},
            {"role": "assistant", "content": [uses("c", json!({}))]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c", "content": "", "cache_control": {"type": "ephemeral"}}]},
        ]
    });
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), want);
}

#[test]
fn a_conversation_keeps_its_bytes_from_turn_to_turn() {
    let dialect = openai::Dialect {
        usage_on_request: true,
        completion_tokens: false,
    };
    let mut asked = request(vec![user("build it")]);
    asked.tools = crate::engines::agent::TOOLS;
    let mut before: Option<[Vec<u8>; 2]> = None;
    for turn in 0..20 {
        let bodies = [
            openai::request::body(&asked, "the-model", 512, dialect).unwrap(),
            anthropic::request::body(&asked, "the-model", 512).unwrap(),
        ];
        if let Some(before) = before {
            for (api, before, now) in [
                ("openai", &before[0], &bodies[0]),
                ("anthropic", &before[1], &bodies[1]),
            ] {
                let same = before.iter().zip(now).take_while(|(a, b)| a == b).count();
                assert!(
                    same * 10 >= before.len() * 9,
                    "{api}, turn {turn}: {same} of {}",
                    before.len()
                );
                // Only the end differs: closing brackets, and where the cache is to hold on to.
                let mark = r#","cache_control":{"type":"ephemeral"}}]}]}"#.len();
                assert!(
                    same + mark >= before.len(),
                    "{api}, turn {turn}: {same} of {}",
                    before.len()
                );
            }
        }
        before = Some(bodies);
        let id = format!("c{turn}");
        // Fields in another order than they are sent in.
        let arguments = json!({"path": "src/lib.rs", "offset": turn, "limit": 7});
        asked
            .messages
            .push(said("I read on.", vec![call(&id, arguments)]));
        asked
            .messages
            .push(result(&id, &"line\n".repeat(turn), false));
    }
}

struct Nothing;

impl crate::ports::EngineProgress for Nothing {
    fn step(&self, _: &str) {}
    fn usage(&self, _: Usage) {}
    fn log(&self, _: &str) {}
}

impl crate::ports::Rng for Nothing {
    fn bytes(&self) -> [u8; 16] {
        [0; 16]
    }
}

#[test]
fn the_loop_sends_what_it_sent_before_and_adds_to_it() {
    let openai_call = |n: usize, name: &str, arguments: &str| {
        let call = json!({"index": 0, "id": format!("c{n}"), "function": {"name": name, "arguments": arguments}});
        let chunk = json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]});
        answer(
            "200 OK",
            STREAM,
            &format!("data: {chunk}\n\ndata: [DONE]\n\n"),
        )
    };
    let anthropic_call = |n: usize, name: &str, arguments: &str| {
        let block = json!({"type": "tool_use", "id": format!("c{n}"), "name": name, "input": {}});
        let events = [
            json!({"type": "content_block_start", "index": 0, "content_block": block}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": arguments}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
            json!({"type": "message_stop"}),
        ];
        answer(
            "200 OK",
            STREAM,
            &events.map(|e| format!("data: {e}\n\n")).concat(),
        )
    };
    type Answer<'a> = &'a dyn Fn(usize, &str, &str) -> Vec<u8>;
    for (api, call) in [
        ("openai", &openai_call as Answer<'_>),
        ("anthropic", &anthropic_call),
    ] {
        let mut answers: Vec<Vec<u8>> = (0..8)
            .map(|n| {
                call(
                    n,
                    "write_file",
                    &format!(
                        "{{\"path\": \"{n}.txt\", \"content\": \"{}\"}}",
                        "x".repeat(n * 50)
                    ),
                )
            })
            .collect();
        answers.push(call(
            8,
            "complete_chunk",
            r#"{"summary": "s", "rationale": "r", "confidence": 1}"#,
        ));
        let server = Server::new(answers);
        let lane = tempfile::tempdir().unwrap();
        let config = config(&server.address);
        let model: Box<dyn ChatModel> = match api {
            "openai" => Box::new(openai(config)),
            _ => Box::new(AnthropicModel::new(config, Rc::new(Fixed)).unwrap()),
        };
        let engine =
            crate::engines::agent::AgentEngine::new(api, model, Rc::new(Fixed), Rc::new(Nothing));
        let job = crate::ports::EngineJob {
            spec: SpecId::from("shop"),
            chunk: ChunkId::from("T1"),
            title: "Add pay".into(),
            lane: lane.path().to_owned(),
            spec_path: "specs/shop.md".into(),
            ends: crate::model::Ends::Build,
            prompt: crate::ports::Prompt {
                system: "You build.".into(),
                user: "Build it.".into(),
            },
            attempt: 1,
            fixes: 0,
            session: crate::model::Session::Begin("s".into()),
            model: None,
            timeout: Duration::from_secs(60),
            stall: Duration::from_secs(20),
            allowance: crate::model::Allowance::default(),
            env: vec![],
            policy: crate::model::policy::SandboxPolicy::Unsandboxed,
        };
        let (_handle, stop) = crate::ports::StopSignal::new();
        let report = block_on(crate::ports::Engine::run(&engine, &job, &Nothing, stop));
        assert!(
            matches!(report.outcome, crate::model::EngineOutcome::Completed(_)),
            "{api}: {report:?}"
        );
        let requests = server.requests();
        let bodies: Vec<&str> = requests
            .iter()
            .map(|r| r.split_once("\r\n\r\n").unwrap().1)
            .collect();
        assert_eq!(bodies.len(), 9);
        for (turn, pair) in bodies.windows(2).enumerate() {
            let same = pair[0]
                .bytes()
                .zip(pair[1].bytes())
                .take_while(|(a, b)| a == b)
                .count();
            assert!(
                same * 10 >= pair[0].len() * 9,
                "{api}, turn {turn}: {same} of {}",
                pair[0].len()
            );
            assert!(pair[1].len() > pair[0].len(), "{api}, turn {turn}");
        }
    }
}

#[test]
fn names_and_ids_that_providers_take_back() {
    let odd = |name: &str| {
        name_of(&ToolCall {
            name: name.into(),
            ..call("a", json!({}))
        })
    };
    assert_eq!(odd("read_file"), "read_file");
    assert_eq!(odd("read file/é"), "read_file__");
    assert_eq!(odd(""), "unknown");
    assert_eq!(odd(&"x".repeat(99)).len(), 64);

    let mut calls = [
        call("", json!({})),
        call("c", json!({})),
        call("new", json!({})),
        call("new", json!({})),
    ];
    with_own_ids(&mut calls, &conversation(), 3);
    let ids: Vec<&str> = calls.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["call_3_0", "call_3_1", "new", "call_3_3"]);
}

/// A server that answers as many requests as there are answers, each on a connection of its own, and gives back what
/// it was sent.
struct Server {
    address: String,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    fn new(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                requests.push(read_request(&stream));
                // The client may hang up first.
                let _ = stream.write_all(&answer);
            }
            requests
        });
        Self { address, thread }
    }

    fn requests(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

fn read_request(stream: &std::net::TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    text + &String::from_utf8(body).unwrap()
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const STREAM: &str = "content-type: text/event-stream\r\n";
const JSON: &str = "content-type: application/json\r\n";

fn ok_stream() -> Vec<u8> {
    let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n\
                data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
    answer("200 OK", STREAM, body)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn ask(model: &dyn ChatModel) -> Result<ChatReply, EngineError> {
    block_on(model.reply(&request(vec![user("build it")])))
}

fn openai(config: HttpConfig) -> OpenAiModel {
    OpenAiModel::new(config, Rc::new(Fixed)).unwrap()
}

fn openai_answers(answers: Vec<Vec<u8>>) -> (Result<ChatReply, EngineError>, Vec<String>) {
    let server = Server::new(answers);
    let reply = ask(&openai(config(&server.address)));
    (reply, server.requests())
}

#[test]
fn a_reply_and_the_headers_it_was_asked_with() {
    let server = Server::new(vec![ok_stream()]);
    let mut config = config(&server.address);
    config.price = Some(Price {
        input: 1.0,
        cached: 0.1,
        output: 10.0,
    });
    let reply = ask(&openai(config)).unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), ("hi", Finish::Whole));
    assert_eq!(
        reply.usage,
        Usage {
            input: Some(5),
            cached: None,
            output: Some(2)
        }
    );
    assert_eq!(reply.cost, Cost::Usd(25.0 / 1e6));
    let sent = &server.requests()[0];
    assert!(
        sent.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
        "{sent}"
    );
    let head = sent.to_ascii_lowercase();
    for line in [
        "authorization: bearer key-of-the-user\r\n",
        "content-type: application/json\r\n",
        "user-agent: codelicious/",
    ] {
        assert!(head.contains(line), "{line} is not in {sent}");
    }

    let body = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5}}}\n\n\
                event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n\
                event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let server = Server::new(vec![answer("200 OK", STREAM, body)]);
    let model = AnthropicModel::new(self::config(&server.address), Rc::new(Fixed)).unwrap();
    assert_eq!(ask(&model).unwrap().usage.total(), Some(7));
    let sent = server.requests()[0].to_ascii_lowercase();
    assert!(sent.starts_with("post /v1/messages http/1.1\r\n"), "{sent}");
    assert!(
        sent.contains("x-api-key: key-of-the-user\r\n")
            && sent.contains("anthropic-version: 2023-06-01\r\n"),
        "{sent}"
    );
}

#[test]
fn azure_has_a_header_of_its_own() {
    let server = Server::new(vec![ok_stream()]);
    let address = format!("{}?api-version=2024-10-21", server.address);
    ask(&openai(config(&address))).unwrap();
    let sent = server.requests()[0].to_ascii_lowercase();
    assert!(
        sent.starts_with("post /v1/chat/completions?api-version=2024-10-21 http/1.1\r\n"),
        "{sent}"
    );
    assert!(
        sent.contains("api-key: key-of-the-user\r\n") && !sent.contains("authorization"),
        "{sent}"
    );
}

#[test]
fn what_a_server_refuses_once_is_remembered() {
    let no_options = r#"{"error":{"message":"Unknown field","param":"stream_options"}}"#;
    let no_max = r#"{"error":{"message":"Use 'max_completion_tokens' instead.","param":"max_tokens","code":"unsupported_parameter"}}"#;
    let server = Server::new(vec![
        answer("400 Bad Request", JSON, no_options),
        answer("400 Bad Request", JSON, no_max),
        ok_stream(),
        ok_stream(),
        answer("400 Bad Request", JSON, no_options),
    ]);
    let model = openai(config(&server.address));
    block_on(async {
        let asked = request(vec![user("build it")]);
        assert_eq!(model.reply(&asked).await.unwrap().text, "hi");
        assert_eq!(model.reply(&asked).await.unwrap().text, "hi");
        // A server that says so again is not asked again.
        assert!(matches!(
            model.reply(&asked).await,
            Err(EngineError::InvalidRequest { .. })
        ));
    });
    let requests = server.requests();
    let has: Vec<[bool; 2]> = requests
        .iter()
        .map(|r| {
            [
                r.contains("stream_options"),
                r.contains("\"max_completion_tokens\":512"),
            ]
        })
        .collect();
    assert_eq!(
        has,
        [
            [true, false],
            [false, false],
            [false, true],
            [false, true],
            [false, true]
        ]
    );
}

#[test]
fn failures_of_a_server() {
    type Check = fn(&EngineError) -> bool;
    let limited: Check = |e| {
        e.until() == Some(Fixed.now() + TimeDelta::seconds(7))
            && matches!(e, EngineError::RateLimited { .. })
    };
    let protocol: Check = |e| matches!(e, EngineError::Protocol { .. });
    let transient: Check = |e| matches!(e, EngineError::Transient { until: None, .. });
    let cut = {
        let mut whole = ok_stream();
        whole.truncate(whole.len() - 120);
        whole
    };
    let chunked = |body: &str| {
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{STREAM}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
    };
    let huge = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(crate::net::MAX_ANSWER)
    );
    for (what, answered, check) in [
        (
            "limited",
            answer("429 Too Many Requests", "retry-after: 7\r\n", "{}"),
            limited,
        ),
        ("cut", cut, transient),
        (
            "ended early, politely",
            chunked("data: {\"choices\":[]}\n\n"),
            transient,
        ),
        ("nothing at all", vec![], transient),
        (
            "garbage in an event",
            chunked("data: {\"choices\": [{]\n\n"),
            protocol,
        ),
        ("garbage", answer("200 OK", STREAM, "it works!"), protocol),
        (
            "a page",
            answer(
                "200 OK",
                "content-type: text/html\r\n",
                "<html>login</html>",
            ),
            protocol,
        ),
        (
            "JSON without a reply",
            answer("200 OK", JSON, "{\"object\":\"list\"}"),
            protocol,
        ),
        ("too much", answer("200 OK", STREAM, &huge), protocol),
        (
            "an error with a good status",
            answer(
                "200 OK",
                JSON,
                r#"{"error":{"code":402,"message":"no credits"}}"#,
            ),
            |e| matches!(e, EngineError::Credit { .. }),
        ),
        (
            "a redirect",
            answer(
                "308 Permanent Redirect",
                "location: https://evil.example/v1\r\n",
                "",
            ),
            |e| matches!(e, EngineError::InvalidRequest { message } if message.contains("`evil.example`")),
        ),
        (
            "the key in an error",
            answer(
                "401 Unauthorized",
                JSON,
                r#"{"error":"no key-of-the-user"}"#,
            ),
            |e| matches!(e, EngineError::Auth { message } if message == "127.0.0.1 answered 401: no [redacted]"),
        ),
        (
            "filtered",
            chunked(
                "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\ndata: [DONE]\n\n",
            ),
            |e| matches!(e, EngineError::Refusal { .. }),
        ),
        (
            "a refusal in words",
            chunked(
                "data: {\"choices\":[{\"delta\":{\"refusal\":\"I won't\"},\"finish_reason\":\"stop\"}]}\n\n",
            ),
            |e| matches!(e, EngineError::Refusal { message } if message == "I won't"),
        ),
    ] {
        let (reply, _) = openai_answers(vec![answered]);
        let error = reply.expect_err(what);
        assert!(check(&error), "{what}: {error:?}");
    }
}

#[test]
fn an_answer_that_had_begun_may_be_charged_whatever_it_ends_with() {
    let openai_begins = "data: {\"choices\":[{\"delta\":{\"content\":\"I be\"}}]}\n\n";
    let openai_error = "data: {\"error\":{\"code\":529,\"message\":\"busy\"}}\n\n";
    let begins = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":900}}}\n\n";
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let full = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"model_context_window_exceeded\"}}\n\n\
                event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    type Check = fn(&EngineError) -> bool;
    let overloaded: Check = |e| matches!(e, EngineError::Overloaded { .. });
    let too_long: Check = |e| matches!(e, EngineError::ContextTooLong { .. });
    for (is_openai, kind, body, check, charged) in [
        (
            true,
            STREAM,
            format!("{openai_begins}{openai_error}"),
            overloaded,
            true,
        ),
        (true, STREAM, openai_error.to_owned(), overloaded, false),
        (false, STREAM, format!("{begins}{error}"), overloaded, true),
        (false, STREAM, error.to_owned(), overloaded, false),
        (
            false,
            JSON,
            r#"{"type":"error","error":{"type":"overloaded_error"}}"#.to_owned(),
            overloaded,
            false,
        ),
        (false, STREAM, format!("{begins}{full}"), too_long, true),
        (
            false,
            JSON,
            r#"{"content":[],"stop_reason":"model_context_window_exceeded"}"#.to_owned(),
            too_long,
            true,
        ),
    ] {
        let server = Server::new(vec![answer("200 OK", kind, &body)]);
        let config = config(&server.address);
        let model: Box<dyn ChatModel> = match is_openai {
            true => Box::new(openai(config)),
            false => Box::new(AnthropicModel::new(config, Rc::new(Fixed)).unwrap()),
        };
        let asked = request(vec![user("build it")]);
        let watched = block_on(watched(model.reply(&asked)));
        assert_eq!(watched.may_be_charged(), charged, "{body}");
        let error = watched.result.expect_err("no reply");
        assert!(check(&error), "{body}: {error:?}");
        server.requests();
    }
}

#[test]
fn an_error_that_is_all_of_a_good_answer_is_read_with_its_head() {
    let limited = r#"{"error":{"code":429,"message":"slow down"}}"#;
    let event = format!("data: {limited}\n\n");
    let late = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"I be\"}}}}]}}\n\n{event}");
    // A quarter of an hour behind the clock here, which says 08:00:00.
    let dated =
        "date: Fri, 15 Jan 2027 07:45:00 GMT\r\nretry-after: Fri, 15 Jan 2027 07:45:30 GMT\r\n";
    for (kind, body, headers, seconds) in [
        (JSON, limited, "retry-after: 7\r\n", Some(7)),
        (
            JSON,
            limited,
            "x-ratelimit-reset-tokens: 6m0s\r\n",
            Some(360),
        ),
        (JSON, limited, dated, Some(30)),
        (STREAM, &event, "retry-after: 7\r\n", Some(7)),
        // What stood in the head was said of the answer's beginning.
        (STREAM, &late, "retry-after: 7\r\n", None),
    ] {
        let server = Server::new(vec![answer("200 OK", &format!("{kind}{headers}"), body)]);
        let error = ask(&openai(config(&server.address))).expect_err("no reply");
        let until = seconds.map(|s| Fixed.now() + TimeDelta::seconds(s));
        assert!(
            matches!(error, EngineError::RateLimited { .. }),
            "{error:?}"
        );
        assert_eq!(error.until(), until, "{body} {headers}");
        server.requests();
    }
}

#[test]
fn a_reply_that_was_not_streamed_and_one_without_its_last_words() {
    let whole = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let (reply, _) = openai_answers(vec![answer("200 OK", JSON, whole)]);
    let reply = reply.unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish, reply.usage.total()),
        ("hi", Finish::Cut, Some(2))
    );

    let mut cut = ok_stream();
    cut.truncate(cut.len() - 4);
    let (reply, _) = openai_answers(vec![cut]);
    assert_eq!(reply.unwrap().text, "hi", "only the last mark is missing");
}

#[test]
fn a_server_that_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    // Takes the connection and says nothing; then begins an answer and stops.
    let thread = std::thread::spawn(move || {
        let mut kept = Vec::new();
        for begin in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ",
        ] {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&stream);
            stream.write_all(begin.as_bytes()).unwrap();
            kept.push(stream);
        }
        // Until the client hangs up.
        for mut stream in kept {
            let _ = stream.read(&mut [0]);
        }
    });
    let mut config = config(&address);
    config.first_byte_timeout = Duration::from_millis(60);
    assert_eq!(
        ask(&openai(config.clone())),
        Err(EngineError::NoAnswer { seconds: 0 })
    );
    config.first_byte_timeout = Duration::from_secs(20);
    let model = openai(config);
    let mut asked = request(vec![user("build it")]);
    asked.stall = Duration::from_millis(1500);
    assert_eq!(
        block_on(model.reply(&asked)),
        Err(EngineError::Stalled { seconds: 1 })
    );
    drop(model);
    thread.join().unwrap();
}

#[test]
fn a_server_that_is_not_there() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let error = ask(&openai(config(&format!(
            "http://{host}:{}/v1",
            free.port()
        ))))
        .unwrap_err();
        let EngineError::Transient {
            until: None,
            message,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert!(
            message.starts_with(&format!("no connection to {host}:")),
            "{message}"
        );
    }
}

#[test]
fn addresses_that_nothing_is_sent_to() {
    for address in [
        "https://169.254.169.254/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "https://192.168.0.9",
        "https://0.0.0.0",
    ] {
        let model = OpenAiModel::new(config(address), Rc::new(Fixed));
        let Err(EngineError::NotStarted { message }) = model.map(|_| ()) else {
            panic!("{address}")
        };
        assert!(message.contains("private_hosts"), "{message}");
    }
}

#[test]
fn a_name_that_leads_to_this_machine() {
    // The machine's own name is known to its resolver without a network.
    let name = std::fs::read_to_string("/etc/hostname")
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    let is_known = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 1)).is_ok();
    let Ok(endpoint) = Endpoint::parse(&format!("https://{name}:1/v1")) else {
        return;
    };
    if !is_known || endpoint.is_loopback() {
        eprintln!("SKIPPED: this machine's resolver does not know its own name `{name}`");
        return;
    }
    let mut named = config("https://127.0.0.1:1/v1");
    named.endpoint = endpoint;
    let is_refused = |error: &EngineError| matches!(error, EngineError::NotStarted { message } if message.contains("leads to"));
    let error = ask(&openai(named.clone())).unwrap_err();
    assert!(is_refused(&error), "{error:?}");
    named.private_hosts = vec![name];
    let error = ask(&openai(named)).unwrap_err();
    assert!(!is_refused(&error), "{error:?}");
}

#[test]
fn a_token_that_no_header_can_carry() {
    let mut config = config("http://127.0.0.1:1/v1");
    config.token = Some(SecretString::from("a\nb: c"));
    assert!(!format!("{config:?}").contains("b: c"));
    let Err(EngineError::Auth { message }) = ask(&openai(config)) else {
        panic!()
    };
    assert!(
        message.contains("token") && !message.contains("b: c"),
        "{message}"
    );
}

#[test]
fn another_protocol_where_encryption_is_expected() {
    let server = Server::new(vec![]);
    let address = server.address.replace("http://127", "https://127");
    drop(server.requests());
    // Nobody listens any more; the client is built with the system's certificates all the same.
    let model = OpenAiModel::new(config(&address), Rc::new(Fixed));
    match model {
        Ok(model) => assert!(matches!(ask(&model), Err(EngineError::Transient { .. }))),
        Err(error) => assert!(matches!(error, EngineError::NotStarted { .. }), "{error:?}"),
    }
}
