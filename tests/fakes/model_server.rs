//! A program that plays the providers of chat models: the same HTTP, the same streams, but a script decides
//! what is said, and what goes wrong.
//!
//! ```text
//! fake-model-server [--script FILE] [--port 0] [--log FILE]
//! ```
//!
//! It listens on loopback, prints `http://127.0.0.1:PORT` as the first line of its standard output, and ends when its
//! standard input is closed or on SIGTERM, so that whoever started it cannot leave it behind.
//! (With `</dev/null` it ends at once; in a shell, `sleep 600 | fake-model-server …`.)
//!
//! | request | answer |
//! |---|---|
//! | `POST …/v1/messages` | Anthropic Messages, streamed when `stream` is true |
//! | `POST …/chat/completions` | OpenAI chat completions, streamed when `stream` is true |
//! | `POST …/messages/count_tokens` | a plausible number |
//! | `GET …/models` | the models of the script |
//! | `HEAD` or `GET` of `/` | 200 and nothing |
//! | anything else | 404, unless a rule names its `path` |
//!
//! # Script
//!
//! ```json
//! { "rules": [ { "chunk": "T001", "turn": 0, "answer": { "calls": [ { "write": { "path": "a.txt", "text": "a\n" } } ] } },
//!              { "match": "refused", "answers": [ { "status": 429, "headers": { "retry-after": "1" } }, { "text": "hello" } ] } ],
//!   "default": { "text": "ok" },
//!   "models": [ "fake-1" ] }
//! ```
//!
//! The first rule that fits is played; else `default`; else the default way: `work/<chunk>.txt` is written with the
//! title in it (after a further prompt in the same conversation, with another text) and the chunk is declared
//! complete, by whichever tools are offered; without tools the answer is `ok`.
//! An unknown key is an error at the start: exit 99 with a sentence on standard error.
//!
//! ## When a rule fits: all of these that it has
//!
//! | key | holds when |
//! |---|---|
//! | `match` | this text (of a list: all of them) stands in the newest text: what came after the model's last answer, tool results too |
//! | `prompt` | the same of the newest prompt: the newest message with a line `Chunk: <spec>:<id>` |
//! | `anywhere` | the same of the whole request body, as JSON text |
//! | `chunk` | `<id>` or `<spec>:<id>` of the newest prompt |
//! | `turn` | so many answers were given since the newest prompt, from 0; without prompts, since the beginning |
//! | `prompts` | the conversation has so many prompts: 1 in a build turn, 2 in its first fix turn when the session was resumed |
//! | `nth`, `nth_of_chunk` | it is this model request of all, of its chunk; from 1 |
//! | `api` | `anthropic` or `openai` |
//! | `path` | this stands in the path and query |
//! | `model` | the request's model is exactly this |
//! | `stream` | it is, or is not, to be streamed |
//! | `tool` | a tool of this name is offered (`false`: none at all is) |
//! | `has` | the body has this key at its top level |
//!
//! `answer` is played every time. `answers` are played one after the other, then the rule fits no more;
//! with `repeat: true` they begin again, with `repeat: "last"` the last one stays. `times` is how often a rule fits at
//! most. `per_chunk: true` counts both for each chunk. `comment` is for people.
//!
//! ## Answers
//!
//! | key | meaning |
//! |---|---|
//! | `text`, `thinking` | what the model says, what it thinks before |
//! | `calls` | tool calls, several in one answer being parallel: below |
//! | `refusal` | text of a refusal; sets `stop` too |
//! | `stop` | why it stops: `end_turn`, `tool_use`, `max_tokens`, `refusal` or `stop`, `tool_calls`, `length`, `content_filter`, each said in the API's own word; any other text as it is; `null` for none |
//! | `usage` | `{input, cached, written, output}`, each optional; `null` for none at all; plausible when absent. `cached` and `written` are beside `input` as Anthropic counts; for OpenAI `prompt_tokens` is their sum |
//! | `model`, `id` | in place of the request's model and of a made-up id |
//! | `huge` | so many bytes of text, behind `text` (or as the message of an error) |
//! | `status`, `headers`, `error` | another status; more headers, a text or a list of texts each; `error` is a message or `{message, type, code, param}` in the API's own frame |
//! | `body`, `content_type` | in place of everything said: a text as it is, any other value as JSON |
//! | `error_event` | `{after: n, message, type, code, body}`: the stream of a 200 ends with an error after n events; without streaming, the body is the error |
//! | `garbage` | `true` or a text: in place of the body; `{after: n, text}`: a broken event after n events, and the stream goes on |
//! | `cut` | `true`: the connection is closed without a byte; `{events: n}` or `{bytes: n}`: after so much of the body; with `clean: true` the HTTP framing is whole, and only what it carries is cut |
//! | `stall` | the same places, but the connection stays open and silent until the client leaves |
//! | `split` | deltas of at most n bytes (text between characters, arguments anywhere), and the body sent in pieces of n bytes, inside characters too |
//! | `drip` | milliseconds between pieces; of one byte each unless `split` says otherwise |
//! | `delay_ms` | before the first byte |
//! | `touch`, `wait_for` | a file that is made when the request is here; a file that is waited for before the answer, at most 60 s |
//!
//! An event is one `data:` of a stream. Calls are `{name, arguments}` (`raw` in place of `arguments`: a text as it
//! is, JSON or not; `id` optional), or, by whichever tools are offered, Claude Code's or codelicious' own:
//! `{"write": {path, text}}`, `{"edit": {path, old, new}}`, `{"read": path}`, `{"run": command}`,
//! `{"complete": {summary, confidence, rationale, no_change_needed}}` and `{"block": {reason, needs}}`, all fields optional.
//!
//! In every text these are replaced: `{chunk}` `{spec}` `{title}` `{n}` (model request of all) `{nth_of_chunk}`
//! `{model}` `{cwd}` (the working directory that Claude Code tells), and times, each with an optional distance (`500ms`, `5s`, `2m`, `1h`):
//! `{date+5s}` as in HTTP's dates, `{epoch+5s}` seconds, `{epoch_ms-1h}`, `{rfc3339+2m}`.
//!
//! # Log
//!
//! One line for each request, when it is here: `{"n" (null when no model is asked), "nth_of_chunk", "at" (ms since 1970), "method", "path",
//! "headers" (names in small letters), "body" (JSON, else text), "chunk", "spec", "prompts", "turn", "rule" (number from 0, "default" or null)}`. A client
//! that left before its answer was whole is told by a further line `{"gone": n, "at"}`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program of its own: it has no doors to keep, and printing is its job"
)]

#[path = "model_server/ask.rs"]
mod ask;
#[path = "model_server/fill.rs"]
mod fill;
#[path = "model_server/http.rs"]
mod http;
#[path = "model_server/script.rs"]
mod script;
#[path = "model_server/wire.rs"]
mod wire;

use ask::{Api, Ask};
use http::{Body, Request, Response};
use script::{Answer, Script};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::exit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() {
    let options = Options::parse();
    let script = match &options.script {
        None => Script::default(),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).unwrap_or_else(|e| mistake(&format!("{path}: {e}")));
            Script::read(&text).unwrap_or_else(|e| mistake(&format!("{path}: {e}")))
        }
    };
    let log = options.log.as_ref().map(|path| {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap_or_else(|e| mistake(&format!("{path}: {e}")))
    });
    let listener = TcpListener::bind(("127.0.0.1", options.port))
        .unwrap_or_else(|e| mistake(&format!("port {}: {e}", options.port)));
    let address = listener
        .local_addr()
        .unwrap_or_else(|e| mistake(&e.to_string()));
    let server = Arc::new(Server {
        script,
        counts: Mutex::default(),
        log: log.map(Mutex::new),
    });
    println!("http://{address}");
    let _ = io::stdout().flush();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let server = Arc::clone(&server);
            std::thread::spawn(move || server.serve(stream));
        }
    });
    // Whoever holds the other end of it wants us; an error is as good as an end.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
}

/// The command line or the script is wrong: nothing may pass unnoticed.
fn mistake(why: &str) -> ! {
    eprintln!("fake model server: {why}");
    exit(99)
}

#[derive(Default)]
struct Options {
    script: Option<String>,
    log: Option<String>,
    port: u16,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self::default();
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .unwrap_or_else(|| mistake(&format!("{arg} wants a value")))
            };
            match arg.as_str() {
                "--script" => options.script = Some(value()),
                "--log" => options.log = Some(value()),
                "--port" => {
                    let port = value();
                    options.port = port
                        .parse()
                        .unwrap_or_else(|e| mistake(&format!("--port {port}: {e}")));
                }
                _ => mistake(&format!(
                    "unknown argument {arg:?}; --script FILE, --port N and --log FILE are known"
                )),
            }
        }
        options
    }
}

struct Server {
    script: Script,
    counts: Mutex<Counts>,
    log: Option<Mutex<File>>,
}

/// How often what was asked and played.
#[derive(Default)]
struct Counts {
    all: u64,
    of_chunk: HashMap<String, u64>,
    plays: script::Plays,
}

impl Server {
    /// One connection, kept alive as long as both sides like.
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(mut connection) = http::Connection::new(stream) else {
            return;
        };
        while let Ok(Some(request)) = connection.request() {
            let (n, answered) = self.answer(&request, &mut connection);
            if answered.is_err() {
                self.write_log(&json!({"gone": n, "at": now_ms()}));
            }
            if !matches!(answered, Ok(http::After::Open)) {
                return;
            }
        }
    }

    /// The number of the model request, and how sending its answer went.
    fn answer(
        &self,
        request: &Request,
        connection: &mut http::Connection,
    ) -> (Option<u64>, io::Result<http::After>) {
        let api = Api::of(&request.method, &request.path);
        let mut ask = Ask::read(request, api);
        let (rule, answer) = {
            let mut counts = lock(&self.counts);
            if api.is_some() {
                counts.all += 1;
                ask.n = Some(counts.all);
                let of_chunk = counts.of_chunk.entry(ask.place()).or_default();
                *of_chunk += 1;
                ask.nth_of_chunk = *of_chunk;
            }
            let chosen = self.script.choose(&ask, &mut counts.plays);
            self.write_log(&ask.log_line(request, &chosen.0, now_ms()));
            chosen
        };
        let Some(answer) = answer else {
            return (ask.n, connection.send(&self.polite(request, &ask)));
        };
        // Texts were checked when the script was read; what placeholders bring cannot break a shape.
        let filled = fill::fill(&answer, &ask);
        let answer = Answer::read(&filled)
            .unwrap_or_else(|e| mistake(&format!("the answer of rule {rule}: {e}")));
        before(&answer);
        let response = wire::response(&ask, &answer);
        (ask.n, connection.send(&response))
    }

    /// What is answered without a rule.
    fn polite(&self, request: &Request, ask: &Ask) -> Response {
        let path = request.path.split('?').next().unwrap_or_default();
        match request.method.as_str() {
            "HEAD" => Response::bare(200, Body::None),
            "GET" if path == "/" => Response::bare(200, Body::whole(Vec::new())),
            "GET" if path.ends_with("/models") => {
                let models: Vec<Value> = self
                    .script
                    .models()
                    .iter()
                    .map(|id| json!({"id": id, "object": "model", "type": "model", "display_name": id, "created": 0, "owned_by": "fake"}))
                    .collect();
                Response::json(
                    200,
                    &json!({"object": "list", "data": models, "has_more": false}),
                )
            }
            "POST" if path.ends_with("/messages/count_tokens") => {
                Response::json(200, &json!({"input_tokens": ask.tokens()}))
            }
            method => Response::json(
                404,
                &json!({"type": "error", "error": {"type": "not_found_error", "message": format!("the fake model server has no {method} {path}")}}),
            ),
        }
    }

    fn write_log(&self, line: &Value) {
        if let Some(log) = &self.log {
            // One write to a file opened for appending: readers never see half a line.
            let written = lock(log).write_all(format!("{line}\n").as_bytes());
            if let Err(e) = written {
                mistake(&format!("the log: {e}"));
            }
        }
    }
}

/// What is to happen before the answer begins.
fn before(answer: &Answer) {
    if let Some(path) = &answer.touch
        && let Err(e) = File::create(path)
    {
        mistake(&format!("{path}: {e}"));
    }
    if let Some(path) = &answer.wait_for {
        let started = Instant::now();
        while !Path::new(path).exists() {
            if started.elapsed() > Duration::from_secs(60) {
                mistake(&format!("waited 60 s for {path}"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    if let Some(ms) = answer.delay_ms {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

/// Counts stay right when a thread that held them is gone.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Reads bounded: nobody sends more than this to a model.
fn read_bounded(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
