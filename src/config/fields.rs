//! What may stand in the tables that people name themselves: `[engine.<name>]` and `[price."<model>"]`.

use super::engine::{EngineKind, PRESETS, TYPES};
use super::keys::{Kind, Of};

/// A key of such a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// As TOML; empty when there is none.
    pub default: &'static str,
    pub of: For,
    pub wall: Wall,
    pub doc: &'static str,
    /// As TOML.
    pub example: &'static str,
}

/// Which engines a field means something to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    All,
    /// All but recordings.
    Models,
    Chat,
    Command,
}

impl For {
    pub fn includes(self, kind: EngineKind) -> bool {
        match self {
            Self::All => true,
            Self::Models => kind != EngineKind::Replay,
            Self::Chat => kind.is_chat(),
            Self::Command => kind == EngineKind::Command,
        }
    }

    /// In words, for the reference.
    pub fn words(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Models => "all but replay",
            Self::Chat => "huggingface, openai, anthropic",
            Self::Command => "command",
        }
    }
}

/// Whether the repository's file may set a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    Open,
    /// Only for engines of its own: what the user described must not become something else, with the user's
    /// token or program.
    OfUsers,
    Closed,
}

impl Field {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        of: For,
        example: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            default: "",
            of,
            wall: Wall::Open,
            doc,
            example,
        }
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    pub(super) const fn wall(mut self, wall: Wall) -> Self {
        self.wall = wall;
        self
    }
}

/// The keys of `[engine.<name>]`, beside those that describe a command line.
pub const ENGINE_FIELDS: &[Field] = &[
    Field::new("type", Kind::OneOf(TYPES), For::Models, "\"openai\"",
        "What it is. The built-in engines have theirs; codex, gemini, opencode and aider are commands.")
        .wall(Wall::OfUsers),
    Field::new("model", Kind::Word, For::Models, "\"gpt-oss-120b\"",
        "The model it is asked to use; --model and the top-level `model` count for the first engine of the chain."),
    Field::new("prompt_tokens", Kind::Int { min: 1_000, max: 1_000_000 }, For::All, "60000",
        "Prompt tokens per chunk; a task that needs more is split. Of a chain the lowest counts; of `auto` that of claude.")
        .default("60000"),
    Field::new("base_url", Kind::Endpoint, For::Chat, "\"http://127.0.0.1:11434/v1\"",
        "Where the provider is; its own address when not set.")
        .wall(Wall::Closed),
    Field::new("planner_model", Kind::Word, For::Chat, "\"gpt-oss-20b\"",
        "The model that plans prose specs; `model` when not set, and deepseek-ai/DeepSeek-V3-0324 for huggingface without both."),
    Field::new("token_env", Kind::Variable, For::Chat, "\"MY_PROVIDER_KEY\"",
        "The variable that holds the token, in place of HF_TOKEN, OPENAI_API_KEY or ANTHROPIC_API_KEY and then LLM_API_KEY. It is kept from engines and checks.")
        .wall(Wall::Closed),
    Field::new("token_file", Kind::Path, For::Chat, "\"~/.config/codelicious/token\"",
        "The file that holds the token, which nobody else may read (chmod 600).")
        .wall(Wall::Closed),
    Field::new("token_command", Kind::List(Of::Argument), For::Chat, "[\"pass\", \"show\", \"provider\"]",
        "The program that prints the token, with its arguments; run without a shell.")
        .wall(Wall::Closed),
    Field::new("max_output_tokens", Kind::Int { min: 256, max: 1_000_000 }, For::Chat, "16384",
        "Most tokens of one answer.")
        .default("16384"),
    Field::new("context_tokens", Kind::Int { min: 4_000, max: 100_000_000 }, For::Chat, "131072",
        "Tokens of conversation and answer that the model takes; older turns are shortened to stay below."),
    Field::new("max_turns", Kind::Int { min: 1, max: 10_000 }, For::Chat, "60",
        "Turns per engine run.")
        .default("60"),
    Field::new("preset", Kind::OneOf(PRESETS), For::Command, "\"codex\"",
        "The command line it is like; what else the table says is changed of it.")
        .wall(Wall::OfUsers),
    Field::new("program", Kind::Program, For::Command, "\"~/bin/agent\"",
        "The program that is started.")
        .wall(Wall::Closed),
    Field::new("args", Kind::Arguments, For::Command, "[\"run\", [\"--model\", \"{model}\"]]",
        "Its arguments; those of an inner list are left out together.")
        .wall(Wall::Closed),
];

const MAX_RATE: u64 = 100_000;

/// The keys of `[price."<model>"]`, in US dollars for a million tokens.
pub const PRICE_FIELDS: &[Field] = &[
    Field::new(
        "input",
        Kind::Rate { max: MAX_RATE },
        For::All,
        "3.0",
        "Input tokens. Needed.",
    )
    .wall(Wall::Closed),
    Field::new(
        "cached",
        Kind::Rate { max: MAX_RATE },
        For::All,
        "0.3",
        "Input tokens read from the provider's cache; as `input` when not set.",
    )
    .wall(Wall::Closed),
    Field::new(
        "output",
        Kind::Rate { max: MAX_RATE },
        For::All,
        "15.0",
        "Output tokens. Needed.",
    )
    .wall(Wall::Closed),
    Field::new(
        "date",
        Kind::Date,
        For::All,
        "\"2026-11-01\"",
        "The day on which the price was looked up. Needed, because prices change.",
    )
    .wall(Wall::Closed),
];

pub(super) fn engine_field(name: &str) -> Option<&'static Field> {
    ENGINE_FIELDS.iter().find(|field| field.name == name)
}
