//! What is asked: the facts of a request that rules look at.

use crate::http::Request;
use serde_json::{Value, json};

/// Which protocol a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Anthropic,
    OpenAi,
}

impl Api {
    /// None when no model is asked.
    pub fn of(method: &str, path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default();
        match () {
            () if method != "POST" => None,
            () if path.ends_with("/chat/completions") => Some(Self::OpenAi),
            () if path.ends_with("/messages") => Some(Self::Anthropic),
            () => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
        }
    }
}

/// A request as rules see it.
#[derive(Debug, Default)]
pub struct Ask {
    pub api: Option<Api>,
    pub path: String,
    pub n: Option<u64>,
    pub nth_of_chunk: u64,
    pub body: Value,
    /// The body as it came, for what is looked for anywhere in it.
    pub raw: String,
    pub model: String,
    pub stream: bool,
    pub tools: Vec<String>,
    /// What came after the model's last answer.
    pub newest: String,
    /// The newest message with a `Chunk:` line.
    pub prompt: String,
    pub prompts: u64,
    pub turn: u64,
    pub spec: String,
    pub chunk: String,
    pub title: String,
    pub cwd: String,
}

impl Ask {
    pub fn read(request: &Request, api: Option<Api>) -> Self {
        let raw = String::from_utf8_lossy(&request.body).into_owned();
        let body: Value = serde_json::from_str(&raw).unwrap_or(Value::Null);
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let mut ask = Self {
            api,
            path: request.path.clone(),
            model: text("model"),
            stream: body["stream"] == true,
            tools: tools(&body),
            cwd: working_directory(&body),
            ..Self::default()
        };
        for message in body["messages"].as_array().into_iter().flatten() {
            ask.take(message);
        }
        ask.raw = raw;
        ask.body = body;
        ask
    }

    fn take(&mut self, message: &Value) {
        if message["role"] == "assistant" {
            self.newest.clear();
            self.turn += 1;
            return;
        }
        // OpenAI's system message is one among the others.
        if message["role"] == "system" || message["role"] == "developer" {
            return;
        }
        let mut text = String::new();
        texts(&message["content"], &mut text);
        if let Some(place) = field(&text, "Chunk: ") {
            let (spec, chunk) = place.split_once(':').unwrap_or(("", place));
            self.spec = spec.to_owned();
            self.chunk = chunk.to_owned();
            self.title = field(&text, "Task: ").unwrap_or("untitled").to_owned();
            self.prompts += 1;
            self.turn = 0;
            self.prompt.clone_from(&text);
        }
        self.newest.push_str(&text);
        self.newest.push('\n');
    }

    /// `<spec>:<id>`, or nothing for requests that belong to no chunk.
    pub fn place(&self) -> String {
        match self.chunk.is_empty() {
            true => String::new(),
            false => format!("{}:{}", self.spec, self.chunk),
        }
    }

    pub fn offers(&self, tool: &str) -> bool {
        self.tools.iter().any(|t| t == tool)
    }

    /// A plausible number of input tokens.
    pub fn tokens(&self) -> u64 {
        self.raw.len() as u64 / 4 + 1
    }

    pub fn log_line(&self, request: &Request, rule: &Value, at: u64) -> Value {
        let headers: serde_json::Map<String, Value> = request
            .headers
            .iter()
            .map(|(k, v)| (k.clone(), json!(v)))
            .collect();
        let body = match &self.body {
            Value::Null => json!(self.raw),
            body => body.clone(),
        };
        json!({"n": self.n, "nth_of_chunk": self.nth_of_chunk, "at": at, "method": request.method, "path": request.path,
            "headers": headers, "body": body, "chunk": self.chunk, "spec": self.spec, "prompts": self.prompts, "turn": self.turn, "rule": rule})
    }
}

/// Names of offered tools, in either API's shape.
fn tools(body: &Value) -> Vec<String> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools
        .filter_map(|t| {
            t["name"]
                .as_str()
                .or_else(|| t["function"]["name"].as_str())
        })
        .map(str::to_owned)
        .collect()
}

/// All texts of a message's content, tool results too, each on lines of its own.
fn texts(content: &Value, out: &mut String) {
    match content {
        Value::String(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Value::Array(blocks) => {
            for block in blocks {
                texts(&block["text"], out);
                texts(&block["content"], out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines()
        .find_map(|l| l.strip_prefix(name))
        .map(str::trim)
}

/// Where Claude Code works, as it tells its model.
fn working_directory(body: &Value) -> String {
    let mut all = String::new();
    texts(&body["system"], &mut all);
    for message in body["messages"].as_array().into_iter().flatten() {
        texts(&message["content"], &mut all);
    }
    let line = all
        .lines()
        .find_map(|l| l.split_once("orking directory: ").map(|(_, path)| path));
    line.unwrap_or_default().trim().to_owned()
}
