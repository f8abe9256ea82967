//! Choosing and building the engines of a run.

mod chat;
mod command;

pub use command::version;

use super::error::AppError;
use super::reports::caps;
use super::world::{SystemClock, SystemRng};
use crate::config::{
    BUILT_IN, EngineChoice, EngineKind, EngineRef, Environment, REPLAY, Settings, Token,
};
use crate::core::prompt::{Ending, Rules, system};
use crate::core::redact::Redactor;
use crate::core::retry::RetryPolicy;
use crate::engines::agent::AgentEngine;
use crate::engines::agent::replay::{Cassette, ReplayModel};
use crate::engines::claude_code::{self, ClaudeCode, ClaudeConfig};
use crate::ports::{ChatModel, Engine};
use crate::sandbox::homes::{self, Agent};
use secrecy::SecretString;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Largest cassette that is read.
const MAX_CASSETTE: u64 = 64 << 20;

/// An engine that can be used.
pub struct Chosen {
    pub engine: Box<dyn Engine>,
    pub kind: EngineKind,
    /// The program behind it, where it is an agent's whose configuration is known.
    pub agent: Option<&'static Agent>,
    /// How it asks for the end of its assignment.
    pub ending: Ending,
    /// The model it is asked to use.
    pub model: Option<String>,
    /// Environment of the engine and its tools.
    pub env: Vec<(String, String)>,
    /// What it says of its spending.
    pub tells: Tells,
    /// Begins conversations under our ids and finds them again in a later run.
    pub names_sessions: bool,
    /// Goes on with a conversation of an earlier run by its id.
    pub resumes: bool,
    /// What it sends as its key, for no output to repeat.
    pub secret: Option<SecretString>,
    /// Keeps secrets out of what its provider is sent, for a run to tell it more of them.
    pub redactor: Option<Arc<Redactor>>,
    /// For people: `claude`, `replay:demo.jsonl`.
    pub label: String,
    /// Who can be asked to plan a spec that has no tasks.
    pub planner: Option<Rc<dyn ChatModel>>,
}

/// What an engine says of its spending, by itself or by a price that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tells {
    pub cost: bool,
    pub tokens: bool,
}

impl Tells {
    const ALL: Tells = Tells {
        cost: true,
        tokens: true,
    };
}

/// An engine that cannot be used, and what to do about it.
#[derive(Debug)]
pub struct Unusable {
    pub name: String,
    /// It is there, and refused all the same.
    pub is_there: bool,
    pub why: String,
    pub remedy: String,
}

/// The engines that a run tries, in order, and what was left out of the chain that was asked for.
pub struct Chain {
    /// Never empty.
    pub engines: Vec<Chosen>,
    pub left_out: Vec<Unusable>,
}

/// Builds the engines that the settings ask for. With `skip_probe` one that does not seem to be there is tried all the
/// same.
///
/// # Errors
/// None of them can be used, or a bound on spending cannot be held with one of them.
pub fn chain(settings: &Settings, env: &Environment, skip_probe: bool) -> Result<Chain, AppError> {
    let mut chain = Chain {
        engines: Vec::new(),
        left_out: Vec::new(),
    };
    for found in look(settings, env, skip_probe) {
        match found {
            Ok(engine) => chain.engines.push(engine),
            Err(why) => chain.left_out.push(why),
        }
    }
    if chain.engines.is_empty() {
        return Err(nothing_usable(settings, chain.left_out));
    }
    Ok(chain)
}

/// Every engine that the settings ask for, as it was found. With `auto` those that are not set up are nothing amiss
/// and left out in silence.
pub fn look(
    settings: &Settings,
    env: &Environment,
    skip_probe: bool,
) -> Vec<Result<Chosen, Unusable>> {
    match &*settings.engine {
        EngineChoice::Chain(chain) => {
            let mut found = Vec::new();
            let mut recordings = 0;
            for (at, engine) in chain.iter().enumerate() {
                let mut name = engine.name().to_owned();
                if matches!(engine, EngineRef::Replay(_)) {
                    recordings += 1;
                    if recordings > 1 {
                        name = format!("{name}-{recordings}");
                    }
                }
                found.push(one((settings, env, skip_probe), engine, &name, at == 0));
            }
            found
        }
        EngineChoice::Auto => {
            let known = BUILT_IN.iter().filter(|(name, _)| *name != REPLAY);
            let mut found: Vec<Result<Chosen, Unusable>> = Vec::new();
            for (name, _) in known {
                let engine = EngineRef::Named((*name).to_owned());
                let is_first = !found.iter().any(Result::is_ok);
                match one((settings, env, false), &engine, name, is_first) {
                    Err(unusable) if !unusable.is_there => {}
                    looked => found.push(looked),
                }
            }
            found
        }
    }
}

/// Who reviews verified work, as it was found; None where nobody is asked to.
pub fn reviewer(
    settings: &Settings,
    env: &Environment,
    skip_probe: bool,
) -> Option<Result<Chosen, Unusable>> {
    let engine = settings.review.engine.as_ref()?;
    let name = engine.name();
    let mut settings = settings.clone();
    // Before the model of its own table; that of the chain's first engine is not meant for it.
    if let (Some(model), Some(own)) = (&*settings.review.model, settings.engines.get_mut(name)) {
        own.model = settings.review.model.clone().map(|_| Some(model.clone()));
    }
    Some(one((&settings, env, skip_probe), engine, name, false))
}

/// What to say where a reviewer is of the same kind as one who builds: what one of them does not see, the other
/// hardly will. None where they differ.
pub fn reviews_its_own<'c>(
    reviewer: &Chosen,
    chain: impl IntoIterator<Item = &'c Chosen>,
) -> Option<String> {
    let is_same = |e: &&Chosen| e.label == reviewer.label && e.model == reviewer.model;
    chain.into_iter().find(is_same).map(|builder| {
        format!(
            "{} reviews what {} builds: a reviewer of its own kind sees less; choose another engine or model below [review]",
            reviewer.label, builder.label
        )
    })
}

/// The rules that every review by this engine starts with.
pub fn review_prompt(ending: Ending) -> String {
    crate::core::review::prompt::system(ending)
}

fn nothing_usable(settings: &Settings, left_out: Vec<Unusable>) -> AppError {
    match left_out.as_slice() {
        [] => AppError::setup(
            "no engine is usable",
            "install Claude Code (`npm install -g @anthropic-ai/claude-code`, then run `claude` once to log in), \
             set HF_TOKEN, or choose another engine with --engine; `codelicious doctor` looks again",
        ),
        [one] if settings.chain().len() <= 1 => AppError::setup(&*one.why, &*one.remedy),
        several => AppError::setup(
            format!(
                "no engine of the chain {} is usable: {}",
                *settings.engine,
                several
                    .iter()
                    .map(|u| format!("{}: {}", u.name, u.why))
                    .collect::<Vec<_>>()
                    .join("; ")
            ),
            several
                .iter()
                .map(|u| format!("{}: {}", u.name, u.remedy))
                .collect::<Vec<_>>()
                .join("\n"),
        ),
    }
}

/// One engine, called `name` in ledger and output.
fn one(
    (settings, env, skip_probe): (&Settings, &Environment, bool),
    engine: &EngineRef,
    name: &str,
    is_first: bool,
) -> Result<Chosen, Unusable> {
    let unusable = |is_there, (why, remedy): Why| Unusable {
        name: engine.to_string(),
        is_there,
        why,
        remedy,
    };
    let of = Of {
        settings,
        env,
        name,
        skip_probe,
        model: settings
            .model_of(engine.name(), is_first)
            .map(str::to_owned),
    };
    let found = match (engine, settings.engine(engine)) {
        (EngineRef::Replay(file), _) => replay(&of, file),
        (EngineRef::Named(_), None) => Err((
            format!("nothing is known of the engine `{name}`"),
            format!("describe it in a table [engine.{name}] of your user configuration"),
        )),
        (EngineRef::Named(_), Some(own)) => match own.kind {
            EngineKind::Claude => claude(of),
            EngineKind::HuggingFace | EngineKind::OpenAi | EngineKind::Anthropic => {
                chat::engine(of, own)
            }
            EngineKind::Command => command::engine(of, own),
            EngineKind::Replay => Err((
                "a recording is chosen by its file".to_owned(),
                "--engine replay:FILE".to_owned(),
            )),
        },
    };
    let chosen = found.map_err(|why| unusable(false, why))?;
    bounded(chosen, settings).map_err(|why| unusable(true, why))
}

/// Refuses an engine whose spending cannot be held to the bounds that are set: unknown is not nothing.
fn bounded(chosen: Chosen, settings: &Settings) -> Result<Chosen, Why> {
    let caps = caps(settings);
    if caps.bounds_money() && !chosen.tells.cost {
        return Err((
            format!(
                "a bound in dollars is set, and what {} costs is not known",
                chosen.label
            ),
            format!(
                "give the price of its model in your user configuration, in a table [price.\"{}\"], or take the bound away",
                chosen.model.as_deref().unwrap_or("MODEL")
            ),
        ));
    }
    if caps.bounds_tokens() && !chosen.tells.tokens {
        return Err((
            format!(
                "a bound on tokens is set, and {} does not say how many it uses",
                chosen.label
            ),
            "choose another engine, or take the bound away".to_owned(),
        ));
    }
    Ok(chosen)
}

/// Prompt tokens that a chunk may have: what the most modest engine of the chain takes, so that every one of them
/// builds the same chunks.
pub fn prompt_tokens(settings: &Settings) -> u64 {
    let tokens = |name: &str| settings.engines.get(name).map(|e| *e.prompt_tokens);
    match &*settings.engine {
        EngineChoice::Auto => tokens(EngineKind::Claude.name()),
        EngineChoice::Chain(chain) => chain.iter().filter_map(|e| tokens(e.name())).min(),
    }
    .unwrap_or(0)
}

/// True where a run would have somebody to ask for plans, as far as that can be told without asking anybody.
pub fn can_plan(settings: &Settings, env: &Environment) -> bool {
    let is_chat = |kind: EngineKind| match kind {
        EngineKind::HuggingFace | EngineKind::OpenAi | EngineKind::Anthropic => true,
        EngineKind::Claude | EngineKind::Command | EngineKind::Replay => false,
    };
    match &*settings.engine {
        EngineChoice::Chain(chain) => chain.iter().any(|engine| match engine {
            EngineRef::Replay(_) => true,
            EngineRef::Named(_) => settings.engine(engine).is_some_and(|own| is_chat(own.kind)),
        }),
        EngineChoice::Auto => settings.engines.values().any(|own| {
            let has_token = || !matches!(own.token(env), Ok(Token::None) | Err(_));
            is_chat(own.kind) && has_token()
        }),
    }
}

/// The rules that every prompt of this engine starts with.
pub fn system_prompt(ending: Ending) -> String {
    system(&Rules { ending, extra: &[] })
}

/// Why something is unusable, and what to do about it.
type Why = (String, String);

/// What every kind of engine is built from.
struct Of<'a> {
    settings: &'a Settings,
    env: &'a Environment,
    /// In ledger and output.
    name: &'a str,
    /// Nobody looks whether it is there.
    skip_probe: bool,
    /// The model it is asked to use.
    model: Option<String>,
}

fn claude(of: Of<'_>) -> Result<Chosen, Why> {
    let (settings, name) = (of.settings, of.name);
    let vars = of.env.engine_env(settings, EngineKind::Claude);
    let path = &settings.claude.path;
    let found = claude_code::find(path, &vars);
    let program = found.or_else(|| of.skip_probe.then(|| path.to_path_buf()));
    let program = program.ok_or_else(|| (
        format!("the engine `{name}` is not there: no program `{}` on PATH", path.display()),
        "install it with `npm install -g @anthropic-ai/claude-code`, or set `path` below `[claude]` in your user configuration".to_owned(),
    ))?;
    let config = ClaudeConfig {
        name: name.to_owned(),
        program,
        extra_args: settings.claude.args.to_vec(),
        max_turns: *settings.claude.max_turns,
        max_budget_usd: *settings.claude.max_budget_usd,
        price: of
            .model
            .as_deref()
            .and_then(|model| settings.price_of(name, model))
            .map(|p| p.price),
    };
    let engine = ClaudeCode::new(config, Rc::new(SystemClock));
    Ok(Chosen {
        engine: Box::new(engine),
        kind: EngineKind::Claude,
        agent: homes::find(claude_code::NAME),
        ending: Ending::Object,
        model: of.model,
        env: vars,
        tells: Tells::ALL,
        names_sessions: true,
        resumes: true,
        secret: None,
        redactor: None,
        label: name.to_owned(),
        planner: None,
    })
}

fn replay(of: &Of<'_>, file: &Path) -> Result<Chosen, Why> {
    let bytes = crate::fsx::read_bounded(file, MAX_CASSETTE).map_err(|e| {
        let remedy = "name a recording with --engine replay:FILE";
        (e.to_string(), remedy.to_owned())
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        (
            format!("{}: the cassette is not UTF-8", file.display()),
            "a cassette is one JSON object a line".to_owned(),
        )
    })?;
    let mut chosen = from_cassette(of.name, &file.display().to_string(), &text)
        .map_err(|e| (e.message, e.hint))?;
    chosen.env = of.env.engine_env(of.settings, EngineKind::Replay);
    Ok(chosen)
}

/// An engine called `name` that plays `text`, which comes from `from`.
///
/// # Errors
/// Lines that are no cassette, each with its number.
pub fn from_cassette(name: &str, from: &str, text: &str) -> Result<Chosen, AppError> {
    let cassette = Cassette::parse(from, text)
        .map_err(|e| AppError::setup(e.to_string(), "see \"Cassettes\" in the README"))?;
    let model = ReplayModel::new(cassette);
    let played = Box::new(model.clone());
    // A recorded failure is what came in the end, after all tries.
    let once = RetryPolicy {
        max_retries: 0,
        ..RetryPolicy::default()
    };
    let engine =
        AgentEngine::new(name, played, Rc::new(SystemClock), Rc::new(SystemRng)).with_retry(once);
    Ok(Chosen {
        engine: Box::new(engine),
        kind: EngineKind::Replay,
        agent: None,
        ending: Ending::Tools,
        model: None,
        env: Vec::new(),
        tells: Tells::ALL,
        names_sessions: false,
        resumes: false,
        secret: None,
        redactor: None,
        label: format!("{REPLAY}:{from}"),
        planner: Some(Rc::new(model)),
    })
}
