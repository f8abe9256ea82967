//! What `plan` prints.

use super::output::LessArgs;
use crate::config::{Format, Output, PlanShape};
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct PlanOutput {
    /// What is printed; github-matrix: one line of JSON with the specs that
    /// have open tasks, for a job's matrix [default: human]
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true,
        conflicts_with = "json"
    )]
    format: Option<PlanFormat>,
    #[command(flatten)]
    output: LessArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    Human,
    Json,
    GithubMatrix,
}

impl PlanOutput {
    pub(super) fn shape(&self) -> PlanShape {
        match self.format {
            Some(PlanFormat::GithubMatrix) => PlanShape::GithubMatrix,
            None | Some(PlanFormat::Human | PlanFormat::Json) => PlanShape::Report,
        }
    }

    pub(super) fn output(&self) -> Output {
        match self.format {
            Some(PlanFormat::Json) => Output {
                format: Format::Json,
                ..self.output.output()
            },
            None | Some(PlanFormat::Human | PlanFormat::GithubMatrix) => self.output.output(),
        }
    }
}
