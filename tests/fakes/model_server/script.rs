//! The script: which rule fits, and what its answer is to be. The head of `model_server.rs` documents it.

use crate::ask::Ask;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// How often each rule was played, in all or for a chunk.
pub type Plays = HashMap<(usize, String), usize>;

#[derive(Default)]
pub struct Script {
    rules: Vec<Rule>,
    default: Option<Value>,
    models: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rules: Vec<Rule>,
    default: Option<Value>,
    #[serde(default)]
    models: Vec<String>,
    #[serde(default, rename = "comment")]
    _comment: Value,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rule {
    #[serde(rename = "match")]
    newest: OneOrMore,
    prompt: OneOrMore,
    anywhere: OneOrMore,
    chunk: Option<String>,
    turn: Option<u64>,
    prompts: Option<u64>,
    nth: Option<u64>,
    nth_of_chunk: Option<u64>,
    api: Option<String>,
    path: Option<String>,
    model: Option<String>,
    stream: Option<bool>,
    tool: Option<Tool>,
    has: Option<String>,
    answer: Option<Value>,
    answers: Option<Vec<Value>>,
    repeat: Option<Repeat>,
    times: Option<usize>,
    per_chunk: bool,
    #[serde(rename = "comment")]
    _comment: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl OneOrMore {
    fn all_in(&self, text: &str) -> bool {
        match self {
            Self::One(part) => text.contains(part),
            Self::More(parts) => parts.iter().all(|p| text.contains(p)),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Tool {
    Named(String),
    Any(bool),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Repeat {
    All(bool),
    Only(Last),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Last {
    Last,
}

impl Script {
    /// Reads and checks a script, every answer of it.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|e| e.to_string())?;
        for (at, rule) in file.rules.iter().enumerate() {
            let wrong = |e: String| format!("rule {at}: {e}");
            match (&rule.answer, &rule.answers) {
                (Some(_), Some(_)) => {
                    return Err(wrong(
                        "it has both an answer and answers: one of them is wanted".to_owned(),
                    ));
                }
                (None, None) => return Err(wrong("it has no answer".to_owned())),
                (Some(_), None) if rule.repeat.is_some() => {
                    return Err(wrong(
                        "`repeat` is for `answers`: one answer is played every time".to_owned(),
                    ));
                }
                (Some(_), None) | (None, Some(_)) => {}
            }
            if let Some(api) = &rule.api
                && !["anthropic", "openai"].contains(&api.as_str())
            {
                return Err(wrong(format!(
                    "the api is `anthropic` or `openai`, not {api:?}"
                )));
            }
            for answer in rule.answer.iter().chain(rule.answers.iter().flatten()) {
                Answer::read(answer).map_err(wrong)?;
            }
        }
        if let Some(answer) = &file.default {
            Answer::read(answer).map_err(|e| format!("default: {e}"))?;
        }
        Ok(Self {
            rules: file.rules,
            default: file.default,
            models: file.models,
        })
    }

    pub fn models(&self) -> Vec<String> {
        match self.models.is_empty() {
            true => vec!["fake-1".to_owned()],
            false => self.models.clone(),
        }
    }

    /// The name of what is played for the log, and the answer; None where no rule fits and no model is asked.
    pub fn choose(&self, ask: &Ask, plays: &mut Plays) -> (Value, Option<Value>) {
        for (at, rule) in self.rules.iter().enumerate() {
            // Other requests are none of a rule's business unless it names their path.
            if (ask.api.is_none() && rule.path.is_none()) || !rule.fits(ask) {
                continue;
            }
            let of = match rule.per_chunk {
                true => ask.place(),
                false => String::new(),
            };
            let played = plays.entry((at, of)).or_default();
            if let Some(answer) = rule.next(*played) {
                *played += 1;
                return (json!(at), Some(answer.clone()));
            }
        }
        match (ask.api, &self.default) {
            (None, _) => (Value::Null, None),
            (Some(_), Some(answer)) => (json!("default"), Some(answer.clone())),
            (Some(_), None) => (json!("default"), Some(default_way(ask))),
        }
    }
}

impl Rule {
    fn fits(&self, ask: &Ask) -> bool {
        let is = |wanted: &Option<u64>, there: u64| wanted.is_none_or(|w| w == there);
        self.newest.all_in(&ask.newest)
            && self.prompt.all_in(&ask.prompt)
            && self.anywhere.all_in(&ask.raw)
            && self
                .chunk
                .as_ref()
                .is_none_or(|c| *c == ask.chunk || *c == ask.place())
            && is(&self.turn, ask.turn)
            && is(&self.prompts, ask.prompts)
            && is(&self.nth, ask.n.unwrap_or(0))
            && is(&self.nth_of_chunk, ask.nth_of_chunk)
            && self
                .api
                .as_ref()
                .is_none_or(|a| ask.api.is_some_and(|api| api.name() == a))
            && self.path.as_ref().is_none_or(|p| ask.path.contains(p))
            && self.model.as_ref().is_none_or(|m| *m == ask.model)
            && self.stream.is_none_or(|s| s == ask.stream)
            && self.has.as_ref().is_none_or(|k| ask.body.get(k).is_some())
            && match &self.tool {
                None => true,
                Some(Tool::Named(name)) => ask.offers(name),
                Some(Tool::Any(any)) => *any != ask.tools.is_empty(),
            }
    }

    /// What is played after so many times.
    fn next(&self, played: usize) -> Option<&Value> {
        if self.times.is_some_and(|t| played >= t) {
            return None;
        }
        let Some(answers) = &self.answers else {
            return self.answer.as_ref();
        };
        match self.repeat {
            Some(Repeat::All(true)) => answers.get(played % answers.len().max(1)),
            Some(Repeat::Only(Last::Last)) => answers.get(played).or(answers.last()),
            Some(Repeat::All(false)) | None => answers.get(played),
        }
    }
}

/// Builds the chunk and says so.
fn default_way(ask: &Ask) -> Value {
    if ask.tools.is_empty() || ask.chunk.is_empty() {
        return json!({"text": "ok"});
    }
    if ask.turn == 0 {
        let path = format!("work/{}.txt", ask.chunk.replace('/', "_"));
        let text = match ask.prompts {
            0 | 1 => "{title}\n",
            _ => "{title}\nfixed\n",
        };
        return json!({"calls": [{"write": {"path": path, "text": text}}]});
    }
    json!({"calls": [{"complete": {}}]})
}

/// What is answered, as the script says it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    pub text: Option<String>,
    pub thinking: Option<String>,
    pub calls: Vec<Call>,
    pub refusal: Option<String>,
    #[serde(deserialize_with = "given")]
    pub stop: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    pub usage: Option<Option<Usage>>,
    pub model: Option<String>,
    pub id: Option<String>,
    pub huge: Option<usize>,
    pub status: Option<u16>,
    pub headers: BTreeMap<String, Lines>,
    pub error: Option<Problem>,
    #[serde(deserialize_with = "given")]
    pub body: Option<Value>,
    pub content_type: Option<String>,
    pub error_event: Option<ErrorEvent>,
    pub garbage: Option<Garbage>,
    pub cut: Option<Place>,
    pub stall: Option<Place>,
    pub split: Option<usize>,
    pub drip: Option<u64>,
    pub delay_ms: Option<u64>,
    pub touch: Option<String>,
    pub wait_for: Option<String>,
    #[serde(rename = "comment")]
    _comment: Value,
}

impl Answer {
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read(value: &Value) -> Result<Self, String> {
        let answer: Self = serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
        if answer.split == Some(0) {
            return Err("`split` is at least 1".to_owned());
        }
        if answer.cut.is_some() && answer.stall.is_some() {
            return Err("it cannot both be cut and stall".to_owned());
        }
        if answer
            .status
            .is_some_and(|s| (400..600).contains(&s) && answer.says_something())
        {
            return Err("an error status says nothing but `error` or `body`".to_owned());
        }
        Ok(answer)
    }

    fn says_something(&self) -> bool {
        self.text.is_some()
            || self.thinking.is_some()
            || self.refusal.is_some()
            || !self.calls.is_empty()
    }
}

/// Tells `null` from nothing.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    pub input: Option<u64>,
    pub cached: Option<u64>,
    pub written: Option<u64>,
    pub output: Option<u64>,
}

/// A header that comes once or several times.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Lines {
    One(String),
    More(Vec<String>),
}

/// What an error says, in the frame of the API.
#[derive(Debug, Deserialize)]
#[serde(from = "Words")]
pub struct Problem {
    pub message: Option<String>,
    pub kind: Option<String>,
    pub code: Option<Value>,
    pub param: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    Message(String),
    Fields(Fields),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    message: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<Value>,
    param: Option<Value>,
}

impl From<Words> for Problem {
    fn from(words: Words) -> Self {
        match words {
            Words::Message(message) => Self {
                message: Some(message),
                kind: None,
                code: None,
                param: None,
            },
            Words::Fields(f) => Self {
                message: f.message,
                kind: f.kind,
                code: f.code,
                param: f.param,
            },
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorEvent {
    #[serde(default)]
    pub after: usize,
    pub message: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub code: Option<Value>,
    pub body: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Garbage {
    Whole(bool),
    Text(String),
    Event(BrokenEvent),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokenEvent {
    pub after: usize,
    pub text: Option<String>,
}

/// A place in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawPlace")]
pub struct Place {
    pub at: At,
    /// The framing of HTTP is whole all the same.
    pub clean: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before the status line.
    Nothing,
    Events(usize),
    Bytes(usize),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawPlace {
    Nothing(bool),
    At(RawAt),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAt {
    events: Option<usize>,
    bytes: Option<usize>,
    #[serde(default)]
    clean: bool,
}

impl TryFrom<RawPlace> for Place {
    type Error = String;

    fn try_from(raw: RawPlace) -> Result<Self, String> {
        let wrong = "a place is true, {\"events\": n} or {\"bytes\": n}";
        match raw {
            RawPlace::Nothing(true) => Ok(Self {
                at: At::Nothing,
                clean: false,
            }),
            RawPlace::Nothing(false) => Err(wrong.to_owned()),
            RawPlace::At(at) => match (at.events, at.bytes) {
                (Some(n), None) => Ok(Self {
                    at: At::Events(n),
                    clean: at.clean,
                }),
                (None, Some(n)) => Ok(Self {
                    at: At::Bytes(n),
                    clean: at.clean,
                }),
                (None, None) | (Some(_), Some(_)) => Err(wrong.to_owned()),
            },
        }
    }
}

/// A tool call: one by name, or one that is named by the tools that are offered.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub enum Call {
    Named {
        name: String,
        id: Option<String>,
        /// The arguments as they are sent: JSON, or not.
        arguments: String,
    },
    Write {
        path: String,
        text: String,
    },
    Edit {
        path: String,
        old: String,
        new: String,
    },
    Read(String),
    Run(String),
    Complete(Map<String, Value>),
    Block(Map<String, Value>),
}

impl TryFrom<Map<String, Value>> for Call {
    type Error = String;

    fn try_from(map: Map<String, Value>) -> Result<Self, String> {
        let shown = Value::Object(map.clone());
        let wrong = |why: &str| format!("the call {shown}: {why}");
        if let Some(name) = map.get("name") {
            only(&map, &["name", "arguments", "raw", "id"]).map_err(|e| wrong(&e))?;
            let arguments = match (map.get("arguments"), map.get("raw")) {
                (Some(arguments), None) => arguments.to_string(),
                (None, Some(Value::String(raw))) => raw.clone(),
                (None, None) => "{}".to_owned(),
                _ => return Err(wrong("`arguments`, or `raw` as a text")),
            };
            return Ok(Self::Named {
                name: name
                    .as_str()
                    .ok_or_else(|| wrong("the name is a text"))?
                    .to_owned(),
                id: map.get("id").and_then(Value::as_str).map(str::to_owned),
                arguments,
            });
        }
        let mut entries = map.iter();
        let (Some((verb, what)), None) = (entries.next(), entries.next()) else {
            return Err(wrong(
                "it has a name, or one key that says what is to be done",
            ));
        };
        let text = || {
            what.as_str()
                .map(str::to_owned)
                .ok_or_else(|| wrong("a text is wanted"))
        };
        let fields = |known: &[&str]| -> Result<Map<String, Value>, String> {
            let map = what
                .as_object()
                .ok_or_else(|| wrong("an object is wanted"))?;
            only(map, known).map_err(|e| wrong(&e))?;
            Ok(map.clone())
        };
        let part = |key: &str| {
            what[key]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| wrong(&format!("it wants {key:?}")))
        };
        Ok(match verb.as_str() {
            "write" => {
                fields(&["path", "text"])?;
                Self::Write {
                    path: part("path")?,
                    text: part("text")?,
                }
            }
            "edit" => {
                fields(&["path", "old", "new"])?;
                Self::Edit {
                    path: part("path")?,
                    old: part("old")?,
                    new: part("new")?,
                }
            }
            "read" => Self::Read(text()?),
            "run" => Self::Run(text()?),
            "complete" => Self::Complete(fields(&[
                "summary",
                "confidence",
                "rationale",
                "no_change_needed",
            ])?),
            "block" => Self::Block(fields(&["reason", "needs"])?),
            _ => {
                return Err(wrong(
                    "write, edit, read, run, complete and block are known, or a name with arguments",
                ));
            }
        })
    }
}

fn only(map: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match map.keys().find(|k| !known.contains(&k.as_str())) {
        Some(key) => Err(format!("unknown key {key:?}; known: {known:?}")),
        None => Ok(()),
    }
}
