//! The words of `lint`.

use super::output::LessArgs;
use crate::config::{Flags, LintRequest, LintShape, Request};
use clap::{Args, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct LintArgs {
    /// Specs, documents beside specs, or folders to tell of [default: all]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Read only this spec, also when it is prose; repeatable
    #[arg(long = "spec", value_name = "PATH", value_hint = ValueHint::FilePath)]
    specs: Vec<PathBuf>,
    /// Look also at the tasks that specs call optional
    #[arg(long)]
    include_optional: bool,
    /// Make every warning an error
    #[arg(long)]
    strict: bool,
    /// Findings as SARIF 2.1.0 on stdout, for code scanning
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    sarif: bool,
    #[command(flatten)]
    output: LessArgs,
}

impl LintArgs {
    pub(super) fn request(self) -> Request {
        let output = self.output.output();
        Request::Lint(LintRequest {
            paths: self.paths,
            specs: self.specs,
            strict: self.strict,
            shape: match (self.sarif, output.format) {
                (true, _) => LintShape::Sarif,
                (false, crate::config::Format::Json) => LintShape::Json,
                (false, crate::config::Format::Human) => LintShape::Human,
            },
            output,
            flags: Flags {
                include_optional: self.include_optional.then_some(true),
                ..Flags::default()
            },
        })
    }
}
