//! What the model may do: typed requests, strictly read, each carried out in the lane.
//!
//! Every answer is bounded, and says what was cut. Whatever goes wrong is an answer to the model; the one
//! thing that ends a run from here is a stop.

mod command;
mod edit;
mod files;
mod schema;
mod search;

pub use schema::TOOLS;

use super::lane::{Lane, PathError};
use crate::core::ending;
use crate::model::{BlockRequest, Completion};
use crate::ports::{EngineJob, EngineProgress, StopSignal, ToolCall};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

/// A call that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    ReadFile(ReadFile),
    WriteFile(WriteFile),
    EditFile(EditFile),
    ListDir(ListDir),
    Search(Search),
    RunCommand(RunCommand),
    Complete(Completion),
    Block(BlockRequest),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadFile {
    path: String,
    offset: Option<usize>,
    limit: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteFile {
    path: String,
    content: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditFile {
    path: String,
    old: String,
    new: String,
    all: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListDir {
    path: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    pattern: String,
    path: Option<String>,
    glob: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunCommand {
    command: String,
    timeout_s: Option<u64>,
}

impl Request {
    /// Reads a call.
    ///
    /// # Errors
    /// A sentence for the model, with the schema that it missed.
    pub(super) fn read(call: &ToolCall) -> Result<Self, String> {
        let args = &call.arguments;
        let read = match call.name.as_str() {
            "read_file" => typed(args).map(Self::ReadFile),
            "write_file" => typed(args).map(Self::WriteFile),
            "edit_file" => typed(args).map(Self::EditFile),
            "list_dir" => typed(args).map(Self::ListDir),
            "search" => typed(args).map(Self::Search),
            "run_command" => typed(args).map(Self::RunCommand),
            schema::COMPLETE => object(args)
                .and_then(ending::read_completion)
                .map(Self::Complete),
            schema::BLOCK => object(args).and_then(ending::read_block).map(Self::Block),
            name => {
                let names: Vec<&str> = TOOLS.iter().map(|t| t.name).collect();
                return Err(format!(
                    "there is no tool `{name}`; the tools are {}",
                    names.join(", ")
                ));
            }
        };
        read.map_err(|e| {
            let schema = TOOLS
                .iter()
                .find(|t| t.name == call.name)
                .map(|t| (t.schema)());
            let schema = schema.unwrap_or(Value::Null);
            format!(
                "the arguments of `{}` do not fit: {e}. They must match this schema: {schema}",
                call.name
            )
        })
    }

    /// What this does, in a few words for people.
    pub(super) fn step(&self) -> String {
        match self {
            Self::ReadFile(r) => format!("reads {}", one_line(&r.path)),
            Self::WriteFile(r) => format!("writes {}", one_line(&r.path)),
            Self::EditFile(r) => format!("edits {}", one_line(&r.path)),
            Self::ListDir(r) => format!("lists {}", one_line(&r.path)),
            Self::Search(r) => format!("searches {}", one_line(&r.pattern)),
            Self::RunCommand(r) => format!("runs {}", one_line(&r.command)),
            Self::Complete(_) => "asks to complete".to_owned(),
            Self::Block(_) => "asks to block".to_owned(),
        }
    }
}

/// The first line, without control characters, of at most 60 characters.
fn one_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut short: String = line.chars().filter(|c| !c.is_control()).take(60).collect();
    if text.trim().chars().count() > short.chars().count() {
        short.push('…');
    }
    short
}

fn typed<T: DeserializeOwned>(arguments: &Value) -> Result<T, String> {
    serde_json::from_value(object(arguments)?.clone()).map_err(|e| e.to_string())
}

/// An array would be taken for the fields in order.
fn object(arguments: &Value) -> Result<&Value, String> {
    if arguments.is_object() {
        Ok(arguments)
    } else {
        Err("they must be an object".to_owned())
    }
}

/// Whether a call changed something in the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    No,
    /// A command: nobody looked.
    Maybe,
    Yes,
}

impl Changed {
    pub(super) fn is_certain(self) -> bool {
        self == Self::Yes
    }

    pub(super) fn is_possible(self) -> bool {
        self == Self::Maybe
    }
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub text: String,
    pub is_error: bool,
    pub changed: Changed,
}

impl Output {
    pub(super) fn ok(text: impl Into<String>, changed: Changed) -> Self {
        Self {
            text: text.into(),
            is_error: false,
            changed,
        }
    }

    pub(super) fn error(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_error: true,
            changed: Changed::No,
        }
    }
}

impl From<Result<Output, PathError>> for Output {
    fn from(result: Result<Output, PathError>) -> Self {
        result.unwrap_or_else(|e| Self::error(e.to_string()))
    }
}

/// Where and within which bounds calls are carried out.
pub(super) struct Site<'a> {
    pub lane: Lane,
    pub job: &'a EngineJob,
    pub progress: &'a dyn EngineProgress,
    /// End of the whole engine run.
    pub deadline: Instant,
}

/// The run is to stop; the call was ended or not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped;

/// A call that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Done {
    Answer(Output),
    Complete(Completion),
    Block(BlockRequest),
}

/// Carries out one request.
///
/// # Errors
/// Only [`Stopped`]; every failure is an [`Output`].
pub(super) async fn perform(
    request: Request,
    site: &Site<'_>,
    stop: &StopSignal,
) -> Result<Done, Stopped> {
    let lane = &site.lane;
    let output = match request {
        Request::ReadFile(r) => files::read(lane, &r).into(),
        Request::WriteFile(r) => files::write(lane, &r).into(),
        Request::EditFile(r) => files::edit(lane, &r).into(),
        Request::ListDir(r) => files::list(lane, &r).into(),
        Request::Search(r) => search::search(lane, r, stop).await?,
        Request::RunCommand(r) => command::run(site, &r, stop).await?,
        Request::Complete(completion) => return Ok(Done::Complete(completion)),
        Request::Block(block) => return Ok(Done::Block(block)),
    };
    Ok(Done::Answer(output))
}

#[cfg(test)]
mod tests;
