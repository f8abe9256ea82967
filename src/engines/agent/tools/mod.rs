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
pub(super) use schema::offered;

use super::lane::{Lane, PathError};
use crate::core::ending;
use crate::core::review::answer;
use crate::model::{BlockRequest, Completion, Remark};
use crate::ports::{EngineJob, EngineProgress, StopSignal, ToolCall, ToolSpec};
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
    Report(Vec<Remark>),
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
    /// Reads a call of one of the tools that were offered.
    ///
    /// # Errors
    /// A sentence for the model, with the schema that it missed.
    pub(super) fn read(call: &ToolCall, offered: &[ToolSpec]) -> Result<Self, String> {
        let args = &call.arguments;
        let tool = offered
            .iter()
            .find(|t| t.name == call.name)
            .ok_or_else(|| {
                let names: Vec<&str> = offered.iter().map(|t| t.name).collect();
                format!(
                    "there is no tool `{}`; the tools are {}",
                    call.name,
                    names.join(", ")
                )
            })?;
        let read = match tool.name {
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
            schema::REPORT => answer::read(args).map(Self::Report),
            name => Err(format!("nobody carries `{name}` out")),
        };
        read.map_err(|e| {
            format!(
                "the arguments of `{}` do not fit: {e}. They must match this schema: {}",
                tool.name,
                (tool.schema)()
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
            Self::Report(_) => "reports its review".to_owned(),
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
    Report(Vec<Remark>),
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
        Request::Search(r) => search::search(site, r, stop).await?,
        Request::RunCommand(r) => command::run(site, &r, stop).await?,
        Request::Complete(completion) => return Ok(Done::Complete(completion)),
        Request::Block(block) => return Ok(Done::Block(block)),
        Request::Report(remarks) => return Ok(Done::Report(remarks)),
    };
    Ok(Done::Answer(output))
}

#[cfg(test)]
mod tests;
