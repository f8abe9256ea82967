//! The words of `sandbox`.

use super::output::JsonArg;
use crate::config::{Flags, Format, Output, Request, SandboxRequest};
use crate::model::policy::Preset;
use clap::{Args, Subcommand};

/// How `sandbox` is typed.
pub(super) const USAGE: &str = "codelicious sandbox explain [OPTIONS] -- <COMMAND>...\n       \
     codelicious sandbox run [OPTIONS] -- <COMMAND>...";

#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    #[command(subcommand)]
    verb: SandboxVerb,
}

#[derive(Debug, Subcommand)]
enum SandboxVerb {
    /// Show what a command would get: files, network, limits, variables
    Explain {
        #[command(flatten)]
        subject: SubjectArgs,
        #[command(flatten)]
        output: JsonArg,
    },
    /// Run a command inside the wall, in the folder that you are in
    Run {
        #[command(flatten)]
        subject: SubjectArgs,
    },
}

#[derive(Debug, Args)]
struct SubjectArgs {
    /// Whose wall: engine-tool, verify, setup or agent-cli [default: verify]
    #[arg(long, value_name = "PRESET", value_parser = preset)]
    preset: Option<Preset>,
    /// A command and its arguments, or one line for the shell
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<String>,
}

fn preset(word: &str) -> Result<Preset, String> {
    let known = Preset::ALL.map(Preset::word).join(", ");
    let found = Preset::ALL.into_iter().find(|preset| preset.word() == word);
    found.ok_or_else(|| format!("it must be one of {known}"))
}

impl SandboxArgs {
    pub(super) fn request(self) -> Request {
        let (runs, subject, output) = match self.verb {
            SandboxVerb::Explain { subject, output } => (false, subject, output.output()),
            SandboxVerb::Run { subject } => {
                let output = Output {
                    format: Format::Human,
                    ..Output::default()
                };
                (true, subject, output)
            }
        };
        Request::Sandbox(SandboxRequest {
            runs,
            preset: subject.preset,
            command: subject.command,
            output,
            flags: Flags::default(),
        })
    }
}
