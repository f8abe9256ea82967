//! A chat model that plays a file: scripted engines for tests, demos and dry runs of a set-up.
//!
//! # The cassette
//!
//! A cassette is a text of JSON lines, UTF-8; empty lines are skipped, unknown keys are errors. The first
//! line may be a header:
//!
//! ```text
//! {"cassette": 1, "model": "replay", "note": "builds a greeting"}
//! ```
//!
//! `cassette` is the version of this format (1), `model` the name that the ledger shows, `note` is for
//! people. Every other line is one answer of the model, or the error that comes in its place:
//!
//! ```text
//! {"chunk": "T001", "calls": [{"name": "write_file", "arguments": {"path": "a.txt", "content": "hi\n"}}]}
//! {"chunk": "T001", "text": "Done.", "calls": [{"name": "complete_chunk", "arguments": {"summary": "wrote a.txt", "confidence": 0.9, "rationale": "it says hi"}}], "usage": {"input": 900, "output": 40}, "cost_usd": 0.01}
//! {"title_contains": "payment", "attempt": 1, "error": {"kind": "rate_limited", "until": "2030-01-01T00:00:00Z", "message": "slow down"}}
//! ```
//!
//! | key | what |
//! |---|---|
//! | `chunk` | whose answer it is: a chunk's id, `<spec>:<id>`, its whole title, or `*` for any chunk |
//! | `title_contains` | instead of `chunk`: any chunk whose title contains this |
//! | `attempt` | only in this attempt, from 1 |
//! | `fixes` | only in this turn of an attempt: 0 is the build turn, 1 the first fix turn |
//! | `text` | what the model says |
//! | `calls` | the tools it calls, in order: `name` and `arguments` (default `{}`) |
//! | `usage` | tokens: `input`, `cached`, `output`; what is not given is unknown |
//! | `cost_usd` | what the answer cost; unknown when not given |
//! | `error` | instead of `text` and `calls`: `kind`, `message`, and `until` (RFC 3339) with `rate_limited` |
//!
//! A line needs one of `chunk` and `title_contains`, and something to say: `text` (which may be empty),
//! `calls` or `error`. The kinds of `error` are `rate_limited`, `overloaded`, `credit`, `auth`,
//! `context_too_long`, `invalid_request`, `refusal`, `budget`, `transient`, `protocol`, `not_started`, and
//! `hang`, which never answers.
//!
//! **Which line plays.** Of the lines that fit the chunk, the attempt and the fix turn, only those count
//! that fit best: an id beats a title, which beats `title_contains`, which beats `*`; then a line that
//! names `fixes` beats one that does not; then one that names `attempt`. Of these, in the order of the
//! file, the first answers the first request of the engine run, the second the second, and so on. The
//! place depends on nothing but the request, so a run that was killed plays on as if it had not been. When
//! the lines run out the engine run fails, and the message says where.
//!
//! **Plans.** A request for a plan of a spec asks for the chunk `plan` with the title `Plan <path>`; its attempt is the
//! window of the text, from 1, and it is answered by a call of `propose_chunks`.
//!
//! **Placeholders.** In lines for `*` and `title_contains`, `{spec}`, `{chunk}` and `{title}` are replaced in
//! `text` and in every string of the arguments. Lines for one chunk are played as they stand.
//!
//! ```
//! use codelicious::engines::agent::replay::Cassette;
//!
//! let cassette = Cassette::parse("hello", r#"{"chunk": "*", "text": "I build {title}."}"#)?;
//! assert_eq!(cassette.model(), "replay");
//! let error = Cassette::parse("hello", "\n{\"chunk\": 7}").unwrap_err();
//! assert!(error.to_string().starts_with("hello:2: "));
//! # Ok::<(), codelicious::engines::agent::replay::CassetteError>(())
//! ```

mod wire;

use crate::model::{ChunkId, Cost, EngineError, Price, SpecId, Usage};
use crate::ports::{ChatModel, ChatReply, ChatRequest, Finish, LocalBoxFuture, ToolCall};
use serde_json::Value;

/// The version of the format.
const VERSION: u64 = 1;

/// A line that is not a cassette's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}: {message}")]
pub struct CassetteError {
    /// Of the cassette, as given to [`Cassette::parse`].
    pub name: String,
    /// From 1.
    pub line: usize,
    pub message: String,
}

/// A cassette that was read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Cassette {
    name: String,
    model: String,
    lines: Vec<Line>,
}

/// One answer, and when it is given.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    whose: Whose,
    attempt: Option<u32>,
    fixes: Option<u32>,
    plays: Plays,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    Any,
    TitleContains(String),
    /// An id, `spec:id` or a title.
    Named(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Plays {
    Reply {
        text: String,
        /// Name and arguments.
        calls: Vec<(String, Value)>,
        usage: Usage,
        cost: Cost,
    },
    Error(EngineError),
    Hang,
}

/// How well a line fits; the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    whose: u8,
    fixes: bool,
    attempt: bool,
}

impl Cassette {
    /// Reads a cassette; `name` is its path or name, for messages.
    ///
    /// # Errors
    /// [`CassetteError`] for the first line that does not fit the format.
    pub fn parse(name: &str, text: &str) -> Result<Self, CassetteError> {
        wire::parse(name, text)
    }

    /// The model's name for the ledger.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The line that answers `request`.
    ///
    /// # Errors
    /// `Protocol`, when the lines for it have run out.
    fn find(&self, request: &ChatRequest) -> Result<&Line, EngineError> {
        let best = self.lines.iter().filter_map(|l| l.fit(request)).max();
        let script = self
            .lines
            .iter()
            .filter(|l| best.is_some() && l.fit(request) == best);
        let turn = request.turn as usize;
        script.clone().nth(turn).ok_or_else(|| EngineError::Protocol {
            message: format!(
                "the cassette `{}` has no line for turn {} of {}:{} (attempt {}, fix turn {}): {} of its lines fit there",
                self.name,
                turn + 1,
                request.spec,
                request.chunk,
                request.attempt,
                request.fixes,
                script.count()
            ),
        })
    }
}

impl Line {
    /// None when it is not for this request.
    fn fit(&self, request: &ChatRequest) -> Option<Fit> {
        let whose = self
            .whose
            .fit(&request.spec, &request.chunk, &request.title)?;
        if self.attempt.is_some_and(|n| n != request.attempt)
            || self.fixes.is_some_and(|n| n != request.fixes)
        {
            return None;
        }
        Some(Fit {
            whose,
            fixes: self.fixes.is_some(),
            attempt: self.attempt.is_some(),
        })
    }
}

impl Whose {
    fn fit(&self, spec: &SpecId, chunk: &ChunkId, title: &str) -> Option<u8> {
        match self {
            Self::Any => Some(0),
            Self::TitleContains(part) => title.contains(part.as_str()).then_some(1),
            Self::Named(name) => {
                let qualified = || name.strip_prefix(spec.as_str())?.strip_prefix(':');
                if name == chunk.as_str() || qualified() == Some(chunk.as_str()) {
                    Some(3)
                } else {
                    (name == title).then_some(2)
                }
            }
        }
    }
}

/// Plays a [`Cassette`].
#[derive(Clone, Debug)]
pub struct ReplayModel {
    cassette: Cassette,
}

impl ReplayModel {
    /// A model that plays `cassette`.
    pub fn new(cassette: Cassette) -> Self {
        Self { cassette }
    }

    /// None when the line never answers.
    fn play(&self, request: &ChatRequest) -> Result<Option<ChatReply>, EngineError> {
        let line = self.cassette.find(request)?;
        let (text, calls, usage, cost) = match &line.plays {
            Plays::Hang => return Ok(None),
            Plays::Error(error) => return Err(error.clone()),
            Plays::Reply {
                text,
                calls,
                usage,
                cost,
            } => (text, calls, *usage, *cost),
        };
        let fills = match line.whose {
            Whose::Any | Whose::TitleContains(_) => true,
            Whose::Named(_) => false,
        };
        let filled = |text: &str| {
            if fills {
                fill(text, request)
            } else {
                text.to_owned()
            }
        };
        let calls = calls
            .iter()
            .enumerate()
            .map(|(n, (name, arguments))| {
                let mut arguments = arguments.clone();
                each_string(&mut arguments, &|text| *text = filled(text));
                ToolCall {
                    id: format!("call_{}_{}_{n}", request.fixes, request.turn),
                    name: name.clone(),
                    arguments,
                }
            })
            .collect();
        Ok(Some(ChatReply {
            text: filled(text),
            calls,
            finish: Finish::Whole,
            usage,
            cost,
        }))
    }
}

impl ChatModel for ReplayModel {
    fn model(&self) -> &str {
        self.cassette.model()
    }

    fn max_output(&self) -> Option<u64> {
        None
    }

    /// A recording costs what it says, and nothing of its own.
    fn price(&self) -> Option<Price> {
        Some(Price {
            input: 0.0,
            cached: 0.0,
            output: 0.0,
        })
    }

    fn context(&self) -> Option<u64> {
        None
    }

    fn reply<'a>(
        &'a self,
        request: &'a ChatRequest,
    ) -> LocalBoxFuture<'a, Result<ChatReply, EngineError>> {
        Box::pin(async move {
            match self.play(request)? {
                Some(reply) => Ok(reply),
                None => {
                    tokio::time::sleep(request.stall).await;
                    Err(EngineError::Stalled {
                        seconds: request.stall.as_secs(),
                    })
                }
            }
        })
    }
}

/// Puts in the placeholders, in one pass: what was put in is not looked at again.
fn fill(text: &str, request: &ChatRequest) -> String {
    let known = [
        ("{spec}", request.spec.as_str()),
        ("{chunk}", request.chunk.as_str()),
        ("{title}", request.title.as_str()),
    ];
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let (name, value) = known
            .into_iter()
            .find(|(name, _)| rest.starts_with(name))
            .unwrap_or(("{", "{"));
        filled.push_str(value);
        rest = &rest[name.len()..];
    }
    filled.push_str(rest);
    filled
}

fn each_string(value: &mut Value, change: &dyn Fn(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|v| each_string(v, change)),
        Value::Object(fields) => fields.values_mut().for_each(|v| each_string(v, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests;
