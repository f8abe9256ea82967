//! The words of `prompt`.

use super::output::LessArgs;
use super::{EngineArg, Place, SpecArgs};
use crate::config::{Flags, PromptRequest, Request};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct PromptArgs {
    /// <spec>:<id>, or the id where it is unique; see 'codelicious plan'
    #[arg(value_name = "CHUNK")]
    chunk: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    specs: SpecArgs,
    #[command(flatten)]
    engine: EngineArg,
    #[command(flatten)]
    output: LessArgs,
}

impl PromptArgs {
    pub(super) fn request(self) -> Request {
        Request::Prompt(PromptRequest {
            path: self.place.path,
            chunk: self.chunk,
            specs: self.specs.specs,
            output: self.output.output(),
            flags: Flags {
                engine: self.engine.engine,
                base: self.specs.base,
                include_optional: self.specs.include_optional.then_some(true),
                chunk_strategy: self.specs.chunk_strategy,
                ..Flags::default()
            },
        })
    }
}
