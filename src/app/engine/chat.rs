//! Our own loop over the chat models of providers.

use super::{Chosen, Of, Tells, Why};
use crate::app::programs::token_printed;
use crate::app::reports;
use crate::app::secrets;
use crate::app::world::{SystemClock, SystemRng};
use crate::config::{ANTHROPIC, Endpoint, EngineKind, EngineSettings, HUGGINGFACE, OPENAI, Token};
use crate::core::prompt::Ending;
use crate::core::redact::Redactor;
use crate::engines::agent::{AgentEngine, Bounds};
use crate::engines::http::{AnthropicModel, Discreet, HttpConfig, OpenAiModel};
use crate::model::EngineError;
use crate::ports::ChatModel;
use secrecy::SecretString;
use std::rc::Rc;
use std::sync::Arc;

/// The models that a token of Hugging Face alone leads to: one that codes, one that plans.
const HUGGINGFACE_MODEL: &str = "Qwen/Qwen3-Coder-480B-A35B-Instruct";
const HUGGINGFACE_PLANNER: &str = "deepseek-ai/DeepSeek-V3-0324";

pub(super) fn engine(of: Of<'_>, own: &EngineSettings) -> Result<Chosen, Why> {
    let model = of.model.clone().or_else(|| default_model(own.kind));
    let config = config(&of, own, model)?;
    let name = of.name;
    let label = format!("{name} ({})", config.model);
    let secret = config.token.clone();
    let tells = Tells {
        cost: config.price.is_some(),
        tokens: true,
    };
    let model = config.model.clone();
    let bounds = Bounds {
        turns: *own.chat.max_turns,
        ..Bounds::default()
    };
    let redactor = Arc::new(Redactor::new(secrets::of_user(of.settings, of.env)));
    let planner = planner(&of, own, &config, &redactor);
    let engine = chat_model(&redactor, own.kind, config)?;
    let engine = AgentEngine::new(name, engine, Rc::new(SystemClock), Rc::new(SystemRng))
        .with_bounds(bounds)
        .with_retry(reports::retry(of.settings));
    Ok(Chosen {
        engine: Box::new(engine),
        kind: own.kind,
        agent: None,
        ending: Ending::Tools,
        model: Some(model),
        env: of.env.engine_env(of.settings, own.kind),
        tells,
        names_sessions: false,
        resumes: false,
        secret,
        redactor: Some(redactor),
        label,
        planner,
    })
}

fn default_model(kind: EngineKind) -> Option<String> {
    (kind == EngineKind::HuggingFace).then(|| HUGGINGFACE_MODEL.to_owned())
}

/// The chat model that plans: a model of its own, where one is named or known, at the same provider.
fn planner(
    of: &Of<'_>,
    own: &EngineSettings,
    engine: &HttpConfig,
    redactor: &Arc<Redactor>,
) -> Option<Rc<dyn ChatModel>> {
    let set = (*own.chat.planner_model)
        .clone()
        .or_else(|| of.model.clone());
    let default = (own.kind == EngineKind::HuggingFace).then(|| HUGGINGFACE_PLANNER.to_owned());
    let model = set.or(default).unwrap_or_else(|| engine.model.clone());
    let config = HttpConfig {
        price: of.settings.price_of(of.name, &model).map(|p| p.price),
        model,
        ..engine.clone()
    };
    chat_model(redactor, own.kind, config).ok().map(Rc::from)
}

fn chat_model(
    redactor: &Arc<Redactor>,
    kind: EngineKind,
    config: HttpConfig,
) -> Result<Box<dyn ChatModel>, Why> {
    let failed = |e: EngineError| {
        let remedy = "look at the machine's certificates, and at `codelicious doctor`";
        (e.to_string(), remedy.to_owned())
    };
    let clock = Rc::new(SystemClock);
    let model: Box<dyn ChatModel> = match kind {
        EngineKind::Anthropic => Box::new(AnthropicModel::new(config, clock).map_err(failed)?),
        EngineKind::HuggingFace
        | EngineKind::OpenAi
        | EngineKind::Claude
        | EngineKind::Replay
        | EngineKind::Command => Box::new(OpenAiModel::new(config, clock).map_err(failed)?),
    };
    Ok(Box::new(Discreet::new(model, Arc::clone(redactor))))
}

fn config(of: &Of<'_>, own: &EngineSettings, model: Option<String>) -> Result<HttpConfig, Why> {
    let name = of.name;
    let Some(model) = model else {
        return Err((
            format!("the engine `{name}` has no model"),
            format!("name one with --model, or with `model` below [engine.{name}]"),
        ));
    };
    let home = match own.kind {
        EngineKind::HuggingFace => HUGGINGFACE,
        EngineKind::Anthropic => ANTHROPIC,
        EngineKind::OpenAi | EngineKind::Claude | EngineKind::Replay | EngineKind::Command => {
            OPENAI
        }
    };
    let endpoint = match &*own.chat.base_url {
        Some(endpoint) => endpoint.clone(),
        None => Endpoint::parse(home).map_err(|e| (e.to_string(), String::new()))?,
    };
    let token = token(of, own)?;
    if token.is_none() && !endpoint.is_loopback() && !of.skip_probe {
        return Err((
            format!("the engine `{name}` has no token for {}", endpoint.host()),
            format!(
                "set {}, or say where the token is below [engine.{name}] in your user configuration: token_env, \
                 token_file or token_command",
                own.kind.token_variables().join(" or ")
            ),
        ));
    }
    let price = of.settings.price_of(name, &model).map(|p| p.price);
    Ok(HttpConfig {
        token,
        max_output: *own.chat.max_output_tokens,
        context: *own.chat.context_tokens,
        price,
        private_hosts: of.settings.network.private_hosts.to_vec(),
        first_byte_timeout: *of.settings.stall_timeout,
        ..HttpConfig::new(name, endpoint, model)
    })
}

fn token(of: &Of<'_>, own: &EngineSettings) -> Result<Option<SecretString>, Why> {
    let name = of.name;
    let refused = |why: String| {
        let remedy = format!("correct where [engine.{name}] says that the token is");
        (why, remedy)
    };
    let found = own.token(of.env).map_err(|e| refused(e.to_string()))?;
    let found = match found {
        Token::Command(words) => {
            let text = token_printed(of.settings, of.env, &words).map_err(refused)?;
            let program = words.first().map_or("", String::as_str);
            Token::printed(&text, program).map_err(|e| refused(e.to_string()))?
        }
        known @ (Token::Known { .. } | Token::None) => known,
    };
    Ok(match found {
        Token::Known { secret, .. } => Some(secret),
        Token::Command(_) | Token::None => None,
    })
}
