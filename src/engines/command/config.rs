//! What is known of one agent CLI: how it is started, what its lines mean, what its failures are. Made from a
//! [`CommandTable`](super::table::CommandTable); nothing here knows a CLI by name.

use super::events::EventMap;
use super::failures::FailureMap;
use super::template::Template;
use crate::model::{Allowance, Price};
use serde::Deserialize;
use std::path::PathBuf;

/// An agent CLI, ready to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandConfig {
    /// In the ledger, in output and after `--engine`.
    pub name: String,
    /// A name to be found on the job's PATH, or a path.
    pub program: PathBuf,
    /// Asks it for its version.
    pub version_args: Vec<String>,
    /// How to get it, for errors; may be empty.
    pub install: String,
    pub(super) args: Template,
    /// Goes on in an earlier session; None where the CLI cannot.
    pub(super) resume_args: Option<Template>,
    pub prompt: PromptBy,
    pub format: Format,
    pub(super) events: EventMap,
    pub(super) failures: FailureMap,
    pub success: Success,
    pub answer: Answer,
    /// Set for the CLI, over what the job's environment has.
    pub env: Vec<(String, String)>,
    /// Names of the user's variables that it needs, its credentials among them; a trailing `*` stands for any
    /// ending. Applied by who makes the job's environment.
    pub env_pass: Vec<String>,
    /// Top-level names in the lane that the CLI leaves for itself, `*` for anything: removed after a run unless
    /// they were there before.
    pub litter: Vec<String>,
    /// For CLIs that tell tokens and no cost.
    pub price: Option<Price>,
}

/// How the CLI gets its prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptBy {
    #[default]
    Stdin,
    /// As the argument `{prompt}`, up to [`MAX_ARGUMENT`](super::MAX_ARGUMENT) bytes.
    Arg,
    /// In the file `{prompt_file}`.
    File,
}

/// What the CLI prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Lines for people; rules see each as the one field `line`.
    #[default]
    Text,
    /// One JSON object a line.
    JsonLines,
}

/// When a run ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    pub exit_codes: Vec<i32>,
    /// A line whose rule says `done` is needed too.
    pub done: bool,
}

/// Where the typed ending is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It cannot give one: the run ends undeclared.
    #[default]
    None,
    /// The last text it said is the object that the schema in `{schema_file}` asks for.
    LastMessage,
    /// The object stands in `{answer_file}`.
    AnswerFile,
}

impl CommandConfig {
    /// True when it can be asked for a typed ending: its prompt then says so.
    pub fn declares(&self) -> bool {
        self.answer != Answer::None
    }

    /// True when it can go on with an earlier session.
    pub fn resumes(&self) -> bool {
        self.resume_args.is_some()
    }

    /// True when it tells what a run costs, or the price of its tokens is known.
    pub fn knows_cost(&self) -> bool {
        self.events.tells_cost() || (self.price.is_some() && self.events.tells_usage())
    }

    /// Why a run under this allowance cannot be bounded, as a sentence; None when it can.
    pub fn cannot_bound(&self, allowance: &Allowance) -> Option<String> {
        let name = &self.name;
        if allowance.usd.is_some() && !self.knows_cost() {
            return Some(format!(
                "a bound in dollars is set and `{name}` does not tell what it costs; give its tokens a price below \
                 [engine.{name}], choose another engine, or take the bound away"
            ));
        }
        if allowance.tokens.is_some() && !self.events.tells_usage() {
            return Some(format!(
                "a bound on tokens is set and `{name}` does not tell how many it uses; choose another engine, or take \
                 the bound away"
            ));
        }
        let nothing_left =
            allowance.usd.is_some_and(|usd| usd <= 0.0) || allowance.tokens == Some(0);
        nothing_left.then(|| "nothing is left of it".to_owned())
    }
}
