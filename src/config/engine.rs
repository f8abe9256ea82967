//! Engines as settings know them: their kinds, the words that choose them, and what is set of each.

use super::endpoint::Endpoint;
use super::env_names as env;
use super::value::{Origin, Value};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What an engine is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum EngineKind {
    /// Claude Code, the command line agent.
    #[default]
    Claude,
    /// Our own loop over recorded answers.
    Replay,
    /// Our own loop over the Hugging Face router.
    HuggingFace,
    /// Our own loop over any endpoint that speaks OpenAI's chat completions.
    OpenAi,
    /// Our own loop over Anthropic's Messages API.
    Anthropic,
    /// Another agent's command line, described by a table.
    Command,
}

impl EngineKind {
    /// The word for it in settings, ledger and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Replay => "replay",
            Self::HuggingFace => "huggingface",
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Command => "command",
        }
    }

    /// The kind that a `type` names. A recording is chosen by its file, never by a type.
    pub fn of_type(word: &str) -> Option<EngineKind> {
        TYPES
            .contains(&word)
            .then(|| KINDS.into_iter().find(|kind| kind.name() == word))
            .flatten()
    }

    /// True where our own loop talks to a provider over HTTP.
    pub fn is_chat(self) -> bool {
        match self {
            Self::HuggingFace | Self::OpenAi | Self::Anthropic => true,
            Self::Claude | Self::Replay | Self::Command => false,
        }
    }

    /// The variables that hold its token where the settings name no other place, the first one first.
    pub fn token_variables(self) -> &'static [&'static str] {
        match self {
            Self::HuggingFace => &[env::HF_TOKEN, env::LLM_API_KEY],
            Self::OpenAi => &[env::OPENAI_API_KEY, env::LLM_API_KEY],
            Self::Anthropic => &[env::ANTHROPIC_API_KEY, env::LLM_API_KEY],
            Self::Claude | Self::Replay | Self::Command => &[],
        }
    }
}

const KINDS: [EngineKind; 6] = [
    EngineKind::Claude,
    EngineKind::Replay,
    EngineKind::HuggingFace,
    EngineKind::OpenAi,
    EngineKind::Anthropic,
    EngineKind::Command,
];

/// What `type` may say.
pub const TYPES: &[&str] = &["claude", "huggingface", "openai", "anthropic", "command"];

/// Engines that need no table, in the order in which people are told of them. `replay` is chosen with its file.
pub const BUILT_IN: [(&str, EngineKind); 9] = [
    ("claude", EngineKind::Claude),
    ("huggingface", EngineKind::HuggingFace),
    ("openai", EngineKind::OpenAi),
    ("anthropic", EngineKind::Anthropic),
    ("codex", EngineKind::Command),
    ("gemini", EngineKind::Command),
    ("opencode", EngineKind::Command),
    ("aider", EngineKind::Command),
    (REPLAY, EngineKind::Replay),
];

/// The command lines that are described already.
pub const PRESETS: &[&str] = &["codex", "gemini", "opencode", "aider"];

/// The name that all recordings have in common.
pub const REPLAY: &str = "replay";

/// The kind of an engine that needs no table.
pub(super) fn built_in(name: &str) -> Option<EngineKind> {
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, kind)| *kind)
}

/// True for a name that an `[engine.<name>]` table may have.
pub(super) fn is_engine_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
        && name.len() <= 64
        && !RESERVED.contains(&name)
}

/// Words that mean something else where an engine is named.
const RESERVED: [&str; 2] = ["auto", super::layers::CHAIN];

/// Which engines the user wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// What is installed and can be used.
    #[default]
    Auto,
    /// These, in the order in which they are tried; never empty, none twice.
    Chain(Vec<EngineRef>),
}

/// One engine of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineRef {
    /// Recorded answers from this file.
    Replay(PathBuf),
    /// A built-in engine, or an `[engine.<name>]` table.
    Named(String),
}

impl EngineRef {
    /// Its key in [`super::Settings::engines`].
    pub fn name(&self) -> &str {
        match self {
            Self::Replay(_) => REPLAY,
            Self::Named(name) => name,
        }
    }
}

impl EngineChoice {
    /// The choice of these words, each an engine or, alone, `auto`.
    ///
    /// # Errors
    /// What is wrong with them, so that it reads on after "it cannot be used: ".
    pub fn of(words: &[&str]) -> Result<EngineChoice, String> {
        if words == ["auto"] {
            return Ok(Self::Auto);
        }
        let chain = words
            .iter()
            .map(|word| word.parse())
            .collect::<Result<Vec<EngineRef>, String>>()?;
        if chain.is_empty() {
            return Err("a chain names at least one engine".to_owned());
        }
        match twice(&chain) {
            Some(engine) => Err(format!("{engine} is named twice")),
            None => Ok(Self::Chain(chain)),
        }
    }
}

/// The first engine that a chain names a second time.
pub(super) fn twice(chain: &[EngineRef]) -> Option<&EngineRef> {
    chain
        .iter()
        .enumerate()
        .find(|(i, engine)| chain[..*i].contains(engine))
        .map(|(_, engine)| engine)
}

impl FromStr for EngineChoice {
    type Err = String;

    /// Reads `auto`, or a chain separated by commas; a recording's file ends at a comma too.
    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        Self::of(&words)
    }
}

impl FromStr for EngineRef {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let is_blank = |file: &str| file.trim().is_empty();
        match word.split_once(':') {
            Some((REPLAY, file)) if !is_blank(file) => Ok(Self::Replay(PathBuf::from(file))),
            Some((REPLAY, _)) => Err("replay needs a file: replay:FILE".to_owned()),
            None if word == REPLAY => Err("replay needs a file: replay:FILE".to_owned()),
            None if word == "auto" => Err("auto stands alone: it is a chain of its own".to_owned()),
            None if word.is_empty() => Err("an engine's name is missing".to_owned()),
            None if is_engine_name(word) => Ok(Self::Named(word.to_owned())),
            Some(_) | None => Err(format!(
                "`{word}` is no engine's name: known are {}",
                known_words()
            )),
        }
    }
}

/// What may be chosen without a table, for errors.
pub(super) fn known_words() -> String {
    let names = BUILT_IN
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| *name != REPLAY);
    let mut words = vec!["auto"];
    words.extend(names);
    format!("{} and replay:FILE", words.join(", "))
}

impl fmt::Display for EngineRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replay(file) => write!(f, "{REPLAY}:{}", file.display()),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Chain(chain) => {
                for (i, engine) in chain.iter().enumerate() {
                    write!(f, "{}{engine}", if i > 0 { "," } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

/// What is set of one engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineSettings {
    pub kind: EngineKind,
    /// Its own; [`super::Settings::model_of`] says what it is asked to use.
    pub model: Value<Option<String>>,
    /// Prompt tokens per chunk.
    pub prompt_tokens: Value<u64>,
    /// Of an engine for which [`EngineKind::is_chat`] holds; defaults elsewhere.
    pub chat: ChatSettings,
    /// Of [`EngineKind::Command`]; empty elsewhere.
    pub command: CommandSettings,
}

/// How our own loop talks to a provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatSettings {
    /// None for the provider's own address.
    pub base_url: Value<Option<Endpoint>>,
    /// For planning; the engine's model where there is none.
    pub planner_model: Value<Option<String>>,
    /// None for the variables of [`EngineKind::token_variables`].
    pub token: Value<Option<TokenSource>>,
    /// Most tokens of one answer.
    pub max_output_tokens: Value<u64>,
    /// Tokens that the model takes, where that is known.
    pub context_tokens: Value<Option<u64>>,
    /// Turns of one engine run.
    pub max_turns: Value<u32>,
}

/// Where the user keeps a provider's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The name of an environment variable.
    Variable(String),
    /// Absolute where the environment knows its folder.
    File(PathBuf),
    /// A program and its arguments, run without a shell; the token is what it prints.
    Command(Vec<String>),
}

/// How another agent's command line is run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandSettings {
    pub preset: Value<Option<String>>,
    /// A bare name is looked up in `PATH`.
    pub program: Value<Option<PathBuf>>,
    /// Everything that describes the command line, for who runs it: `preset`, `program` (as resolved) and `args`
    /// where they are set, and all keys that are not known here. From the user's own file, `preset` excepted.
    pub table: toml::Table,
    /// Where the table begins; the default where there is none.
    pub at: Origin,
}
