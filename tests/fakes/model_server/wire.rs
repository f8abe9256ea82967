//! Answers in the words of the two protocols.

use crate::ask::{Api, Ask};
use crate::http::{Body, Fault, Response};
use crate::script::{Answer, Call, Garbage, Lines, Problem};
use serde_json::{Map, Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

/// Largest delta where the script does not split.
const DELTA: usize = 64 << 10;

/// The answer to a request. A request that asks no model gets `body` or `error` in Anthropic's frame.
pub fn response(ask: &Ask, answer: &Answer) -> Response {
    let says = Says::new(ask, answer);
    let status = answer.status.unwrap_or(200);
    let is_stream = ask.stream && status == 200 && answer.body.is_none() && ask.api.is_some();
    let mut body = if let Some(body) = &answer.body {
        Body::whole(text_or_json(body))
    } else if status >= 300 || answer.error.is_some() {
        Body::whole(says.error(status).to_string().into_bytes())
    } else {
        match (is_stream, says.api) {
            (true, Api::Anthropic) => Body::Events(says.anthropic_events()),
            (true, Api::OpenAi) => Body::Events(says.openai_events()),
            (false, Api::Anthropic) => Body::whole(says.anthropic_whole().to_string().into_bytes()),
            (false, Api::OpenAi) => Body::whole(says.openai_whole().to_string().into_bytes()),
        }
    };
    spoil(&says, answer, &mut body);
    let content_type = match (&answer.content_type, is_stream) {
        (Some(given), _) => given,
        (None, true) => "text/event-stream; charset=utf-8",
        (None, false) => "application/json",
    };
    let request_id = match says.api {
        Api::Anthropic => "request-id",
        Api::OpenAi => "x-request-id",
    };
    let mut headers = vec![
        ("content-type".to_owned(), content_type.to_owned()),
        (request_id.to_owned(), format!("req_{}", says.token)),
    ];
    for (name, lines) in &answer.headers {
        let lines = match lines {
            Lines::One(line) => std::slice::from_ref(line),
            Lines::More(lines) => lines,
        };
        // A header of the script replaces one of ours.
        headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        headers.extend(lines.iter().map(|l| (name.clone(), l.clone())));
    }
    Response {
        status,
        headers,
        body,
        fault: match (answer.cut, answer.stall) {
            (Some(place), _) => Fault::Cut(place),
            (None, Some(place)) => Fault::Stall(place),
            (None, None) => Fault::None,
        },
        piece: answer.split.or(answer.drip.map(|_| 1)),
        pause: answer.drip.map(Duration::from_millis),
    }
}

/// Errors within a good answer, and nonsense.
fn spoil(says: &Says<'_>, answer: &Answer, body: &mut Body) {
    if let Some(event) = &answer.error_event {
        let problem = Problem {
            message: event.message.clone(),
            kind: event.kind.clone(),
            code: event.code.clone(),
            param: None,
        };
        let error = match &event.body {
            Some(body) => body.clone(),
            None => says.framed(&problem, 529),
        };
        match body {
            Body::Events(events) => {
                events.truncate(event.after);
                events.push(match says.api {
                    Api::Anthropic => sse(Some("error"), &error),
                    Api::OpenAi => sse(None, &error),
                });
            }
            Body::None | Body::Whole(_) => *body = Body::whole(error.to_string().into_bytes()),
        }
    }
    match &answer.garbage {
        None | Some(Garbage::Whole(false)) => {}
        Some(Garbage::Whole(true)) => replace(
            body,
            "<html><body><h1>502 Bad Gateway</h1></body></html>{\"choices\": [",
        ),
        Some(Garbage::Text(text)) => replace(body, text),
        Some(Garbage::Event(broken)) => {
            let text = broken
                .text
                .as_deref()
                .unwrap_or("data: {\"choices\": [{\"delta\"\n\n");
            match body {
                Body::Events(events) => {
                    let at = broken.after.min(events.len());
                    events.insert(at, text.as_bytes().to_vec());
                }
                Body::None | Body::Whole(_) => replace(body, text),
            }
        }
    }
}

fn replace(body: &mut Body, text: &str) {
    let bytes = text.as_bytes().to_vec();
    match body {
        Body::Events(events) => *events = vec![bytes],
        Body::None | Body::Whole(_) => *body = Body::whole(bytes),
    }
}

fn text_or_json(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        other => other.to_string().into_bytes(),
    }
}

/// A tool call in the names of the tools that are offered.
struct Named {
    id: String,
    name: String,
    arguments: String,
}

/// Token counts, `input` without what a cache gave or took.
#[derive(Clone, Copy)]
struct Tokens {
    input: u64,
    cached: u64,
    written: u64,
    output: u64,
}

/// Everything that one answer says.
struct Says<'a> {
    ask: &'a Ask,
    answer: &'a Answer,
    api: Api,
    /// For ids: new with every answer.
    token: String,
    id: String,
    model: String,
    text: String,
    calls: Vec<Named>,
    stop: Option<String>,
    usage: Option<Tokens>,
    delta: usize,
}

impl<'a> Says<'a> {
    fn new(ask: &'a Ask, answer: &'a Answer) -> Self {
        let api = ask.api.unwrap_or(Api::Anthropic);
        let token = token(ask.n.unwrap_or(0));
        let mut text = answer.text.clone().unwrap_or_default();
        if answer.status.is_none_or(|s| s < 300) {
            text.push_str(&"x".repeat(answer.huge.unwrap_or(0)));
        }
        if api == Api::Anthropic
            && let Some(refusal) = &answer.refusal
        {
            text.push_str(refusal);
        }
        let calls: Vec<Named> = answer
            .calls
            .iter()
            .enumerate()
            .map(|(at, call)| named(call, ask, &call_id(api, &token, at)))
            .collect();
        let stop = match &answer.stop {
            Some(given) => given.as_deref().map(|s| stop_word(api, s)),
            None if answer.refusal.is_some() => Some(stop_word(api, "refusal")),
            None if calls.is_empty() => Some(stop_word(api, "end_turn")),
            None => Some(stop_word(api, "tool_use")),
        };
        let said = text.len() + calls.iter().map(|c| c.arguments.len()).sum::<usize>();
        let usage = match &answer.usage {
            Some(None) => None,
            given => {
                let given = given.as_ref().and_then(Option::as_ref);
                let or = |part: Option<u64>, otherwise| part.unwrap_or(otherwise);
                Some(Tokens {
                    input: or(given.and_then(|u| u.input), ask.tokens()),
                    cached: or(given.and_then(|u| u.cached), 0),
                    written: or(given.and_then(|u| u.written), 0),
                    output: or(given.and_then(|u| u.output), said as u64 / 4 + 1),
                })
            }
        };
        let id = answer.id.clone().unwrap_or_else(|| match api {
            Api::Anthropic => format!("msg_{token}"),
            Api::OpenAi => format!("chatcmpl-{token}"),
        });
        Self {
            model: answer.model.clone().unwrap_or_else(|| ask.model.clone()),
            delta: answer.split.unwrap_or(DELTA),
            ask,
            answer,
            api,
            token,
            id,
            text,
            calls,
            stop,
            usage,
        }
    }

    fn error(&self, status: u16) -> Value {
        let plain = Problem {
            message: None,
            kind: None,
            code: None,
            param: None,
        };
        let mut error = self.framed(self.answer.error.as_ref().unwrap_or(&plain), status);
        if let Some(n) = self.answer.huge {
            error["error"]["message"] = json!("x".repeat(n));
        }
        error
    }

    fn framed(&self, problem: &Problem, status: u16) -> Value {
        let message = problem
            .message
            .clone()
            .unwrap_or_else(|| default_message(status).to_owned());
        match self.api {
            Api::Anthropic => {
                let kind = problem.kind.as_deref().unwrap_or(anthropic_kind(status));
                let mut error = json!({"type": kind, "message": message});
                for (key, value) in [("code", &problem.code), ("param", &problem.param)] {
                    if let Some(value) = value {
                        error[key] = value.clone();
                    }
                }
                json!({"type": "error", "error": error, "request_id": format!("req_{}", self.token)})
            }
            Api::OpenAi => {
                let kind = problem.kind.as_deref().unwrap_or(openai_kind(status));
                json!({"error": {"message": message, "type": kind, "param": problem.param, "code": problem.code}})
            }
        }
    }

    fn anthropic_usage(&self, output: u64) -> Option<Value> {
        self.usage.map(|t| {
            json!({"input_tokens": t.input, "cache_creation_input_tokens": t.written,
                "cache_read_input_tokens": t.cached, "output_tokens": output})
        })
    }

    fn anthropic_whole(&self) -> Value {
        let mut content = Vec::new();
        if let Some(thinking) = &self.answer.thinking {
            content
                .push(json!({"type": "thinking", "thinking": thinking, "signature": "c2lnbmVk"}));
        }
        if !self.text.is_empty() {
            content.push(json!({"type": "text", "text": self.text}));
        }
        for call in &self.calls {
            let input =
                serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!(call.arguments));
            content.push(
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}),
            );
        }
        let mut message = json!({"id": self.id, "type": "message", "role": "assistant", "model": self.model,
            "content": content, "stop_reason": self.stop, "stop_sequence": null});
        if let Some(usage) = self.anthropic_usage(self.usage.map_or(0, |t| t.output)) {
            message["usage"] = usage;
        }
        message
    }

    fn anthropic_events(&self) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        let mut event = |data: Value| {
            let name = data["type"].as_str().unwrap_or_default().to_owned();
            events.push(sse(Some(&name), &data));
        };
        let mut message = json!({"id": self.id, "type": "message", "role": "assistant", "model": self.model,
            "content": [], "stop_reason": null, "stop_sequence": null});
        if let Some(usage) = self.anthropic_usage(1) {
            message["usage"] = usage;
        }
        event(json!({"type": "message_start", "message": message}));
        event(json!({"type": "ping"}));
        let mut index = 0;
        let mut block = |begin: Value, deltas: Vec<Value>| {
            event(json!({"type": "content_block_start", "index": index, "content_block": begin}));
            for delta in deltas {
                event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
            }
            event(json!({"type": "content_block_stop", "index": index}));
            index += 1;
        };
        if let Some(thinking) = &self.answer.thinking {
            let mut deltas = self.deltas(
                thinking,
                |t| json!({"type": "thinking_delta", "thinking": t}),
            );
            deltas.push(json!({"type": "signature_delta", "signature": "c2lnbmVk"}));
            block(
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                deltas,
            );
        }
        if !self.text.is_empty() {
            block(
                json!({"type": "text", "text": ""}),
                self.deltas(&self.text, |t| json!({"type": "text_delta", "text": t})),
            );
        }
        for call in &self.calls {
            block(
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}),
                self.deltas(
                    &call.arguments,
                    |t| json!({"type": "input_json_delta", "partial_json": t}),
                ),
            );
        }
        let mut end = json!({"type": "message_delta", "delta": {"stop_reason": self.stop, "stop_sequence": null}});
        if let Some(t) = self.usage {
            end["usage"] = json!({"output_tokens": t.output});
        }
        event(end);
        event(json!({"type": "message_stop"}));
        events
    }

    fn openai_usage(&self) -> Option<Value> {
        self.usage.map(|t| {
            let prompt = t.input + t.cached + t.written;
            json!({"prompt_tokens": prompt, "completion_tokens": t.output, "total_tokens": prompt + t.output,
                "prompt_tokens_details": {"cached_tokens": t.cached}})
        })
    }

    fn openai_whole(&self) -> Value {
        let mut message = json!({"role": "assistant", "content": Value::Null});
        if !self.text.is_empty() || self.calls.is_empty() {
            message["content"] = json!(self.text);
        }
        if let Some(thinking) = &self.answer.thinking {
            message["reasoning_content"] = json!(thinking);
        }
        if let Some(refusal) = &self.answer.refusal {
            message["refusal"] = json!(refusal);
        }
        if !self.calls.is_empty() {
            let calls: Vec<Value> = self
                .calls
                .iter()
                .map(|c| json!({"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}))
                .collect();
            message["tool_calls"] = json!(calls);
        }
        let mut whole = json!({"id": self.id, "object": "chat.completion", "created": crate::now_ms() / 1000, "model": self.model,
            "choices": [{"index": 0, "message": message, "finish_reason": self.stop, "logprobs": null}]});
        if let Some(usage) = self.openai_usage() {
            whole["usage"] = usage;
        }
        whole
    }

    fn openai_events(&self) -> Vec<Vec<u8>> {
        let created = crate::now_ms() / 1000;
        let chunk = |choices: Value| json!({"id": self.id, "object": "chat.completion.chunk", "created": created, "model": self.model, "choices": choices});
        let delta = |delta: Value| {
            sse(
                None,
                &chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}])),
            )
        };
        let mut events = vec![delta(json!({"role": "assistant", "content": ""}))];
        if let Some(thinking) = &self.answer.thinking {
            events.extend(
                self.deltas(thinking, |t| json!({"reasoning_content": t}))
                    .into_iter()
                    .map(delta),
            );
        }
        if let Some(refusal) = &self.answer.refusal {
            events.extend(
                self.deltas(refusal, |t| json!({"refusal": t}))
                    .into_iter()
                    .map(delta),
            );
        }
        events.extend(
            self.deltas(&self.text, |t| json!({"content": t}))
                .into_iter()
                .map(delta),
        );
        for (index, call) in self.calls.iter().enumerate() {
            events.push(delta(
                json!({"tool_calls": [{"index": index, "id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": ""}}]}),
            ));
            let pieces = self.deltas(
                &call.arguments,
                |t| json!({"tool_calls": [{"index": index, "function": {"arguments": t}}]}),
            );
            events.extend(pieces.into_iter().map(delta));
        }
        events.push(sse(
            None,
            &chunk(json!([{"index": 0, "delta": {}, "finish_reason": self.stop}])),
        ));
        // As the real ones: told in a stream only when asked for.
        if self.ask.body["stream_options"]["include_usage"] == true
            && let Some(usage) = self.openai_usage()
        {
            let mut last = chunk(json!([]));
            last["usage"] = usage;
            events.push(sse(None, &last));
        }
        events.push(b"data: [DONE]\n\n".to_vec());
        events
    }

    /// The text in deltas of at most so many bytes, cut between characters.
    fn deltas(&self, text: &str, frame: impl Fn(&str) -> Value) -> Vec<Value> {
        let mut deltas = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let mut at = rest.len().min(self.delta);
            while !rest.is_char_boundary(at) {
                at -= 1;
            }
            if at == 0 {
                at = rest.chars().next().map_or(1, char::len_utf8);
            }
            let (head, tail) = rest.split_at(at);
            deltas.push(frame(head));
            rest = tail;
        }
        deltas
    }
}

fn sse(name: Option<&str>, data: &Value) -> Vec<u8> {
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    }
    .into_bytes()
}

/// The call by the names that the request offers: Claude Code's tools, else those of codelicious' own loop.
fn named(call: &Call, ask: &Ask, id: &str) -> Named {
    let either = |theirs: &str, ours: &str, their: Value, our: Value| match ask.offers(theirs) {
        true => (theirs.to_owned(), their.to_string()),
        false => (ours.to_owned(), our.to_string()),
    };
    // Claude Code's own take absolute paths.
    let at = |path: &str| match ask.cwd.is_empty() {
        true => path.to_owned(),
        false => Path::new(&ask.cwd).join(path).display().to_string(),
    };
    let (name, arguments) = match call {
        Call::Named {
            name,
            id: given,
            arguments,
        } => {
            return Named {
                id: given.clone().unwrap_or_else(|| id.to_owned()),
                name: name.clone(),
                arguments: arguments.clone(),
            };
        }
        Call::Write { path, text } => either(
            "Write",
            "write_file",
            json!({"file_path": at(path), "content": text}),
            json!({"path": path, "content": text}),
        ),
        Call::Edit { path, old, new } => either(
            "Edit",
            "edit_file",
            json!({"file_path": at(path), "old_string": old, "new_string": new}),
            json!({"path": path, "old": old, "new": new}),
        ),
        Call::Read(path) => either(
            "Read",
            "read_file",
            json!({"file_path": at(path)}),
            json!({"path": path}),
        ),
        Call::Run(command) => either(
            "Bash",
            "run_command",
            json!({"command": command, "description": "Runs a command"}),
            json!({"command": command}),
        ),
        Call::Complete(fields) => ending("complete_chunk", fields, ask),
        Call::Block(fields) => ending("block_chunk", fields, ask),
    };
    Named {
        id: id.to_owned(),
        name,
        arguments,
    }
}

/// How a chunk ends: an object with a `kind` through Claude Code's own tool, else a tool of that name.
fn ending(kind: &str, fields: &Map<String, Value>, ask: &Ask) -> (String, String) {
    let given =
        |key: &str, otherwise: &str| fields.get(key).cloned().unwrap_or_else(|| json!(otherwise));
    let mut object = match kind {
        "complete_chunk" => json!({
            "summary": given("summary", &format!("built {}", ask.title)),
            "confidence": fields.get("confidence").cloned().unwrap_or_else(|| json!(0.9)),
            "rationale": given("rationale", "it does what the task asks")}),
        _ => json!({
            "reason": given("reason", "it needs a decision"),
            "needs": given("needs", "which way?")}),
    };
    if let Some(why) = fields.get("no_change_needed") {
        object["no_change_needed"] = why.clone();
    }
    if !ask.offers("StructuredOutput") {
        return (kind.to_owned(), object.to_string());
    }
    object["kind"] = json!(kind);
    for (key, otherwise) in [
        ("summary", json!("")),
        ("confidence", json!(0)),
        ("rationale", json!("")),
    ] {
        if object.get(key).is_none() {
            object[key] = otherwise;
        }
    }
    ("StructuredOutput".to_owned(), object.to_string())
}

/// The word of this API for a reason to stop that either of them knows.
fn stop_word(api: Api, word: &str) -> String {
    const WORDS: [(&str, &str); 4] = [
        ("end_turn", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("refusal", "content_filter"),
    ];
    let known = WORDS.iter().find(|(a, o)| *a == word || *o == word);
    match (known, api) {
        (Some((anthropic, _)), Api::Anthropic) => (*anthropic).to_owned(),
        (Some((_, openai)), Api::OpenAi) => (*openai).to_owned(),
        (None, _) => word.to_owned(),
    }
}

fn default_message(status: u16) -> &'static str {
    match status {
        401 => "invalid x-api-key",
        402 => "Your credit balance is too low to access the API.",
        403 => "Your API key does not have permission to use the specified resource.",
        404 => "model: not found",
        413 => "Request exceeds the maximum size",
        429 => "This request would exceed your account's rate limit. Please try again later.",
        529 => "Overloaded",
        500.. => "Internal server error",
        _ => "the request is invalid",
    }
}

fn anthropic_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn openai_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        402 => "insufficient_quota",
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

fn call_id(api: Api, token: &str, at: usize) -> String {
    match api {
        Api::Anthropic => format!("toolu_{token}{at:02}"),
        Api::OpenAi => format!("call_{token}{at:02}"),
    }
}

/// New with every answer of every server.
fn token(n: u64) -> String {
    let mut hasher = DefaultHasher::new();
    (n, std::process::id(), crate::now_ms()).hash(&mut hasher);
    format!("{:016x}{n:06}", hasher.finish())
}
