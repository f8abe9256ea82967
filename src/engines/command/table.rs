//! `[engine.<name>]` as it is written, and what it comes to. Presets are tables of this same kind, and a table that
//! has the name of one, or names it as `preset`, changes only the keys that it has.
//!
//! What each key means stands in `keys`; docs/agents.md is written from there.

use super::config::{Answer, CommandConfig, Format, PromptBy, Success};
use super::events::EventMap;
use super::failures::FailureMap;
use super::fields::Paths;
use super::keys;
use super::presets;
use super::template::{EXTRA, Slot, Template, grouped};
use crate::model::Price;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An agent CLI as a configuration has it. None is a key that is not set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandTable {
    pub preset: Option<String>,
    pub program: Option<String>,
    pub version_args: Option<Vec<String>>,
    pub install: Option<String>,
    pub args: Option<Vec<ArgTable>>,
    pub resume_args: Option<Vec<ArgTable>>,
    pub extra_args: Option<Vec<String>>,
    pub prompt: Option<PromptBy>,
    pub format: Option<Format>,
    pub answer: Option<Answer>,
    pub success: Option<SuccessTable>,
    pub events: Option<Vec<EventTable>>,
    pub failures: Option<Vec<FailureTable>>,
    pub status_after: Option<Vec<String>>,
    pub env: Option<BTreeMap<String, String>>,
    pub env_pass: Option<Vec<String>>,
    pub litter: Option<Vec<String>>,
    pub price: Option<PriceTable>,
}

/// An argument, or several that drop out together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "an argument must be a text, or a list of texts that drop out together"
)]
pub enum ArgTable {
    One(String),
    Group(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuccessTable {
    #[serde(default = "zero")]
    pub exit_codes: Vec<i32>,
    #[serde(default)]
    pub done: bool,
}

fn zero() -> Vec<i32> {
    vec![0]
}

/// A rule: which lines it fits, and what they mean.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventTable {
    #[serde(default)]
    pub when: BTreeMap<String, Want>,
    pub session: Option<String>,
    pub model: Option<String>,
    pub text: Option<String>,
    #[serde(default)]
    pub delta: bool,
    pub step: Option<String>,
    pub usage: Option<UsageTable>,
    pub cost: Option<CostTable>,
    pub error: Option<String>,
    #[serde(default, rename = "final")]
    pub is_final: bool,
    pub status: Option<String>,
    pub until: Option<String>,
    #[serde(default)]
    pub done: bool,
}

/// What a field has to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "a field is compared with a text, in which * stands for anything, a whole number, true or false"
)]
pub enum Want {
    Text(String),
    Flag(bool),
    Whole(i64),
}

/// Where tokens stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageTable {
    pub input: Vec<String>,
    #[serde(default)]
    pub cached: Vec<String>,
    pub output: Vec<String>,
    #[serde(default)]
    pub input_includes_cached: bool,
    #[serde(default)]
    pub counts: Counts,
}

/// Where dollars stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostTable {
    pub usd: String,
    #[serde(default)]
    pub counts: Counts,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// This line's part: they are added up.
    #[default]
    Event,
    /// All since the process began: the last one counts.
    Run,
    /// All since the session began: what earlier runs of it had is taken away.
    Session,
}

/// A rule: what speaks for which failure.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureTable {
    pub is: FailureKind,
    #[serde(default)]
    pub field: BTreeMap<String, Want>,
    #[serde(default)]
    pub exit_codes: Vec<i32>,
    #[serde(default)]
    pub message: Vec<String>,
    #[serde(default)]
    pub stderr: Vec<String>,
    #[serde(default)]
    pub until_after: Vec<String>,
    pub remedy: Option<String>,
}

/// The failures that make a difference to what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    RateLimited,
    Overloaded,
    Transient,
    Credit,
    Auth,
    ContextTooLong,
    InvalidRequest,
    Refusal,
    Budget,
    TurnLimit,
    NotStarted,
    SessionLost,
    Protocol,
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    pub input: f64,
    /// As `input` where it is not set.
    pub cached: Option<f64>,
    pub output: f64,
}

impl CommandTable {
    /// Reads a table.
    ///
    /// # Errors
    /// A sentence: a key that is not known, with the nearest one that is, or a value of another kind.
    pub fn read(table: toml::Table) -> Result<CommandTable, String> {
        keys::check(&table)?;
        CommandTable::deserialize(table).map_err(|e| e.message().trim().to_owned())
    }

    /// [`read`](Self::read) for text.
    ///
    /// # Errors
    /// As there, and when it is no TOML.
    pub fn parse(text: &str) -> Result<CommandTable, String> {
        Self::read(text.parse::<toml::Table>().map_err(|e| e.to_string())?)
    }

    /// The CLI that the table `[engine.<name>]` describes: on top of a preset where it names one, or is called like
    /// one.
    ///
    /// # Errors
    /// A sentence naming the key that is wrong or missing, without the table's name before it.
    pub fn resolve(self, name: &str) -> Result<CommandConfig, String> {
        let base = match &self.preset {
            Some(preset) => Some(presets::table(preset).ok_or_else(|| unknown_preset(preset))?),
            None => presets::table(name),
        };
        let table = match base {
            Some(base) => self.over(base),
            None => self,
        };
        table.build(name)
    }

    /// These keys, and those of `base` where they are not set.
    fn over(self, base: CommandTable) -> CommandTable {
        CommandTable {
            preset: None,
            program: self.program.or(base.program),
            version_args: self.version_args.or(base.version_args),
            install: self.install.or(base.install),
            args: self.args.or(base.args),
            resume_args: self.resume_args.or(base.resume_args),
            extra_args: self.extra_args.or(base.extra_args),
            prompt: self.prompt.or(base.prompt),
            format: self.format.or(base.format),
            answer: self.answer.or(base.answer),
            success: self.success.or(base.success),
            events: self.events.or(base.events),
            failures: self.failures.or(base.failures),
            status_after: self.status_after.or(base.status_after),
            env: self.env.or(base.env),
            env_pass: self.env_pass.or(base.env_pass),
            litter: self.litter.or(base.litter),
            price: self.price.or(base.price),
        }
    }

    fn build(self, name: &str) -> Result<CommandConfig, String> {
        let program = self.program.filter(|p| !p.trim().is_empty());
        let program =
            program.ok_or("`program` is missing: the name or path of the program to start")?;
        let prompt = self.prompt.unwrap_or_default();
        let format = self.format.unwrap_or_default();
        let answer = self.answer.unwrap_or_default();
        let extra = self.extra_args.unwrap_or_default();
        let args = self.args.unwrap_or_default();
        let resume = self.resume_args.filter(|args| !args.is_empty());
        let takes_extra = |args: &[ArgTable]| args.contains(&ArgTable::One(EXTRA.to_owned()));
        if !extra.is_empty() && !takes_extra(&args) {
            return Err(format!(
                "`extra_args` has no place: put `\"{EXTRA}\"` among `args`"
            ));
        }
        let args = arguments("args", &args, &extra, prompt, answer)?;
        grouped("args", &args, Slot::Session)?;
        let resume_args = match &resume {
            None => None,
            Some(resume) => {
                let template = arguments("resume_args", resume, &extra, prompt, answer)?;
                if !template.needs(Slot::Session) {
                    return Err(
                        "`resume_args` has no `{session}`: it would begin a new one".to_owned()
                    );
                }
                Some(template)
            }
        };
        let mut paths = Paths::default();
        let failures = FailureMap::new(
            &mut paths,
            &self.failures.unwrap_or_default(),
            &self.status_after.unwrap_or_default(),
        )?;
        let events = EventMap::new(format, paths, &self.events.unwrap_or_default())?;
        let success = self.success.map_or_else(
            || Success {
                exit_codes: zero(),
                done: false,
            },
            |s| Success {
                exit_codes: s.exit_codes,
                done: s.done,
            },
        );
        if success.exit_codes.is_empty() {
            return Err("`success.exit_codes` is empty: no run could end well".to_owned());
        }
        if success.done && !events.tells_done() {
            return Err(
                "`success.done` asks for a line that no rule of `events` calls `done`".to_owned(),
            );
        }
        let env: Vec<(String, String)> = self.env.unwrap_or_default().into_iter().collect();
        if let Some((name, _)) = env
            .iter()
            .find(|(n, v)| !is_variable(n) || v.contains('\0'))
        {
            return Err(format!(
                "`env` has `{name}`, which cannot be set: a name has letters, digits and underscores"
            ));
        }
        if let Some((name, _)) = env.iter().find(|(n, _)| n.starts_with("CODELICIOUS_")) {
            return Err(format!(
                "`env` has `{name}`, which is how what a run starts is found again; leave it out"
            ));
        }
        let env_pass = self.env_pass.unwrap_or_default();
        if let Some(name) = env_pass
            .iter()
            .find(|n| !is_variable(n.strip_suffix('*').unwrap_or(n)))
        {
            return Err(format!(
                "`env_pass` has `{name}`, which is no name of a variable; one may end in `*`"
            ));
        }
        let litter = self.litter.unwrap_or_default();
        if let Some(name) = litter.iter().find(|n| !is_litter(n)) {
            return Err(format!(
                "`litter` has `{name}`; it takes names at the top of the worktree that begin with a dot, such as `.tool.cache*`"
            ));
        }
        Ok(CommandConfig {
            name: name.to_owned(),
            program: PathBuf::from(program),
            version_args: self
                .version_args
                .unwrap_or_else(|| vec!["--version".to_owned()]),
            install: self.install.unwrap_or_default(),
            args,
            resume_args,
            prompt,
            format,
            events,
            failures,
            success,
            answer,
            env,
            env_pass,
            litter,
            price: self.price.map(price).transpose()?,
        })
    }
}

/// Arguments in which what belongs to prompt and ending stands, and nothing else of it.
fn arguments(
    key: &str,
    args: &[ArgTable],
    extra: &[String],
    prompt: PromptBy,
    answer: Answer,
) -> Result<Template, String> {
    let template = Template::parse(key, args, extra)?;
    for slot in [Slot::Model, Slot::Walled, Slot::Unwalled] {
        grouped(key, &template, slot)?;
    }
    let file = [
        (
            Slot::Prompt,
            prompt == PromptBy::Arg,
            "prompt",
            "prompt = \"arg\"",
        ),
        (
            Slot::PromptFile,
            prompt == PromptBy::File,
            "prompt_file",
            "prompt = \"file\"",
        ),
        (
            Slot::SchemaFile,
            answer != Answer::None,
            "schema_file",
            "an `answer`",
        ),
        (
            Slot::AnswerFile,
            answer == Answer::AnswerFile,
            "answer_file",
            "answer = \"answer-file\"",
        ),
    ];
    for (slot, wanted, name, setting) in file {
        match (wanted, template.needs(slot), template.uses(slot)) {
            (true, false, _) => {
                return Err(format!(
                    "`{key}` has no `{{{name}}}`, which {setting} calls for (outside of a group)"
                ));
            }
            (false, _, true) => {
                return Err(format!(
                    "`{key}` has `{{{name}}}`, which only {setting} gives a value"
                ));
            }
            (true, true, _) | (false, _, false) => {}
        }
    }
    Ok(template)
}

fn unknown_preset(name: &str) -> String {
    let known = presets::NAMES.iter().copied();
    match super::nearest(name, known.clone()) {
        Some(near) => format!("there is no preset `{name}`; did you mean `{near}`?"),
        None => format!(
            "there is no preset `{name}`; there are {}",
            known.collect::<Vec<_>>().join(", ")
        ),
    }
}

fn price(table: PriceTable) -> Result<Price, String> {
    let price = Price {
        input: table.input,
        cached: table.cached.unwrap_or(table.input),
        output: table.output,
    };
    match [price.input, price.cached, price.output]
        .iter()
        .all(|p| p.is_finite() && *p >= 0.0)
    {
        true => Ok(price),
        false => Err("`price` takes US dollars for a million tokens, zero or more".to_owned()),
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A hidden name, and not one of git's.
fn is_litter(name: &str) -> bool {
    name.len() > 2
        && name.starts_with('.')
        && !name.contains(['/', '\0'])
        && name.as_bytes()[1].is_ascii_alphanumeric()
        && !name.to_ascii_lowercase().starts_with(".git")
        && !super::words::matches(name, ".git")
}
