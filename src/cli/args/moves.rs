//! The words of `retry`, `answer`, `accept` and `skip`.

use super::output::JsonArg;
use super::{Place, usage};
use crate::config::{MoveRequest, MoveVerb, Wanted};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// How `retry` is typed: its two forms say nothing of each other.
pub(super) const RETRY_USAGE: &str = "codelicious retry [OPTIONS] <CHUNK> [PATH]\n       \
     codelicious retry [OPTIONS] --all-failed [PATH]";

#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    /// <spec>:<id>, or the id where it is unique; see 'codelicious status'
    #[arg(value_name = "CHUNK", required_unless_present = "all_failed")]
    chunk: Option<String>,
    /// A folder in the repository [default: .]
    #[arg(value_name = "PATH", value_hint = ValueHint::DirPath)]
    path: Option<PathBuf>,
    /// Every chunk that failed, in all specs
    #[arg(long)]
    all_failed: bool,
    #[command(flatten)]
    output: JsonArg,
}

#[derive(Debug, Args)]
pub(super) struct AnswerArgs {
    #[command(flatten)]
    chunk: ChunkArg,
    /// The answer; - reads it from stdin
    #[arg(value_name = "TEXT")]
    text: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: JsonArg,
}

#[derive(Debug, Args)]
pub(super) struct ChunkArgs {
    #[command(flatten)]
    chunk: ChunkArg,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: JsonArg,
}

#[derive(Debug, Args)]
struct ChunkArg {
    /// <spec>:<id>, or the id where it is unique; see 'codelicious status'
    #[arg(value_name = "CHUNK")]
    chunk: String,
}

impl RetryArgs {
    /// With `--all-failed` the one word that may stand there is the folder.
    pub(super) fn request(self) -> Result<MoveRequest, clap::Error> {
        let (wanted, path) = match (self.all_failed, self.chunk, self.path) {
            (true, _, Some(_)) => {
                return Err(usage(
                    "--all-failed takes every chunk that failed: no CHUNK beside it".to_owned(),
                ));
            }
            (true, folder, None) => (Wanted::AllFailed, folder.map(PathBuf::from)),
            (false, chunk, path) => (Wanted::Chunk(chunk.unwrap_or_default()), path),
        };
        Ok(MoveRequest {
            path: path.unwrap_or_else(|| PathBuf::from(".")),
            verb: MoveVerb::Retry,
            wanted,
            output: self.output.output(),
        })
    }
}

impl AnswerArgs {
    pub(super) fn request(self) -> MoveRequest {
        MoveRequest {
            path: self.place.path,
            verb: MoveVerb::Answer(self.text),
            wanted: Wanted::Chunk(self.chunk.chunk),
            output: self.output.output(),
        }
    }
}

impl ChunkArgs {
    pub(super) fn request(self, verb: MoveVerb) -> MoveRequest {
        MoveRequest {
            path: self.place.path,
            verb,
            wanted: Wanted::Chunk(self.chunk.chunk),
            output: self.output.output(),
        }
    }
}
