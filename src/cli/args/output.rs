//! How much is said, and in which form: each verb has the words that change something there.

use crate::config::{Format, Output, Verbosity};
use clap::{ArgAction, Args};

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    #[command(flatten)]
    json: JsonArg,
    #[command(flatten)]
    loudness: Loudness,
}

/// Where nothing can be said at more or less length.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct JsonArg {
    /// Results as JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Where nothing can be left out.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct MoreArgs {
    #[command(flatten)]
    json: JsonArg,
    /// Say more
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
}

/// Where everything is said as it is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct LessArgs {
    #[command(flatten)]
    json: JsonArg,
    /// Say only what is amiss
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Loudness {
    /// Say more; twice: every step, and more in the log
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Say only what is amiss
    #[arg(short, long)]
    quiet: bool,
}

impl JsonArg {
    fn format(&self) -> Format {
        match self.json {
            true => Format::Json,
            false => Format::Human,
        }
    }

    pub(super) fn output(&self) -> Output {
        Output {
            format: self.format(),
            verbosity: Verbosity::Normal,
        }
    }
}

impl MoreArgs {
    pub(super) fn output(&self) -> Output {
        let loudness = Loudness {
            verbose: self.verbose,
            quiet: false,
        };
        loudness.output(self.json.format())
    }
}

impl LessArgs {
    pub(super) fn output(&self) -> Output {
        let loudness = Loudness {
            verbose: 0,
            quiet: self.quiet,
        };
        loudness.output(self.json.format())
    }
}

impl OutputArgs {
    pub(super) fn output(&self) -> Output {
        self.loudness.output(self.json.format())
    }
}

impl Loudness {
    pub(super) fn output(&self, format: Format) -> Output {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        };
        Output { format, verbosity }
    }
}
