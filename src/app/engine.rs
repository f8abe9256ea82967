//! Choosing and building the engine.

use super::error::AppError;
use crate::config::{EngineKind, EngineRef, Environment, Settings};
use crate::core::prompt::{Ending, Rules, system};
use crate::engines::agent::AgentEngine;
use crate::engines::agent::replay::{Cassette, ReplayModel};
use crate::engines::claude_code::{self, ClaudeCode, ClaudeConfig};
use crate::ports::Engine;
use std::path::Path;

/// Largest cassette that is read.
const MAX_CASSETTE: u64 = 64 << 20;

/// The engine a run uses.
pub struct Chosen {
    pub engine: Box<dyn Engine>,
    pub kind: EngineKind,
    /// The model it is asked to use.
    pub model: Option<String>,
    /// Begins conversations under our ids and finds them again in a later run.
    pub names_sessions: bool,
    /// For people: `claude`, `replay:demo.jsonl`.
    pub label: String,
}

/// Builds the engine that the settings ask for.
///
/// # Errors
/// It cannot be used; the hint says what to set up.
pub fn choose(settings: &Settings, env: &Environment) -> Result<Chosen, AppError> {
    match settings.chain().first() {
        Some(EngineRef::Replay(file)) => replay(file),
        Some(EngineRef::Named(name)) => named(settings, env, name),
        None => claude(settings, env).ok_or_else(|| {
            AppError::setup(
                "no engine is usable",
                "install Claude Code (`npm install -g @anthropic-ai/claude-code`, then run `claude` once to log in), \
                 or play a recording with --engine replay:FILE; `codelicious doctor` looks again",
            )
        }),
    }
}

fn named(settings: &Settings, env: &Environment, name: &str) -> Result<Chosen, AppError> {
    match kind(settings) {
        EngineKind::Claude => claude(settings, env).ok_or_else(|| {
            AppError::setup(
                format!("the engine `{name}` is not there: no program `{}` on PATH", settings.claude.path.display()),
                "install it with `npm install -g @anthropic-ai/claude-code`, or set `path` below `[claude]` in your user configuration",
            )
        }),
        EngineKind::Replay
        | EngineKind::HuggingFace
        | EngineKind::OpenAi
        | EngineKind::Anthropic
        | EngineKind::Command => Err(AppError::setup(
            format!("this version cannot run the engine `{name}` yet"),
            "use --engine claude, or play a recording with --engine replay:FILE",
        )),
    }
}

/// The kind of the first engine without building it.
pub fn kind(settings: &Settings) -> EngineKind {
    let first = settings.chain().first();
    let engine = first.and_then(|engine| settings.engine(engine));
    engine.map_or(EngineKind::Claude, |engine| engine.kind)
}

/// Prompt tokens that a chunk may have for the first engine.
pub fn prompt_tokens(settings: &Settings) -> u64 {
    let engine = settings.engines.get(first_name(settings));
    engine.map_or(0, |engine| *engine.prompt_tokens)
}

/// The first engine's name in the settings.
pub fn first_name(settings: &Settings) -> &str {
    let first = settings.chain().first();
    first.map_or(EngineKind::Claude.name(), EngineRef::name)
}

/// The rules that every prompt of the run starts with.
pub fn system_prompt(kind: EngineKind) -> String {
    let ending = match kind {
        EngineKind::Claude | EngineKind::Command => Ending::Object,
        EngineKind::Replay
        | EngineKind::HuggingFace
        | EngineKind::OpenAi
        | EngineKind::Anthropic => Ending::Tools,
    };
    system(&Rules { ending, extra: &[] })
}

fn claude(settings: &Settings, env: &Environment) -> Option<Chosen> {
    let vars = env.engine_env(settings, EngineKind::Claude);
    let program = claude_code::find(&settings.claude.path, &vars)?;
    let engine = ClaudeCode::new(ClaudeConfig {
        program,
        extra_args: settings.claude.args.to_vec(),
        max_turns: *settings.claude.max_turns,
        max_budget_usd: *settings.claude.max_budget_usd,
    });
    Some(Chosen {
        engine: Box::new(engine),
        kind: EngineKind::Claude,
        model: (*settings.model).clone(),
        names_sessions: true,
        label: "claude".to_owned(),
    })
}

fn replay(file: &Path) -> Result<Chosen, AppError> {
    let bytes = crate::fsx::read_bounded(file, MAX_CASSETTE).map_err(|e| {
        AppError::setup(e.to_string(), "name a recording with --engine replay:FILE")
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        AppError::setup(
            format!("{}: the cassette is not UTF-8", file.display()),
            "a cassette is one JSON object a line",
        )
    })?;
    from_cassette(&file.display().to_string(), &text)
}

/// An engine that plays `text`.
///
/// # Errors
/// Lines that are no cassette, each with its number.
pub fn from_cassette(name: &str, text: &str) -> Result<Chosen, AppError> {
    let cassette = Cassette::parse(name, text)
        .map_err(|e| AppError::setup(e.to_string(), "see \"Cassettes\" in the README"))?;
    let engine = AgentEngine::new("replay", Box::new(ReplayModel::new(cassette)));
    Ok(Chosen {
        engine: Box::new(engine),
        kind: EngineKind::Replay,
        model: None,
        names_sessions: false,
        label: format!("replay:{name}"),
    })
}
