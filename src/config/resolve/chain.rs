//! The chain of engines against what is known of engines, and the endpoint that stands for one of them.

use super::Resolver;
use crate::config::decode;
use crate::config::engine::{EngineChoice, EngineRef, EngineSettings, twice};
use crate::config::error::Problem;
use crate::config::keys;
use crate::config::settings::Settings;
use crate::config::value::Value;
use std::collections::BTreeMap;

type Engines = BTreeMap<String, EngineSettings>;

impl Resolver<'_> {
    /// The chain, with recordings found from where they were written. Whether its engines are known is asked of
    /// the layer that wins: a chain that another one overrides may be for another machine.
    pub(super) fn chain(&mut self, engines: &Engines) -> Value<EngineChoice> {
        let given = self.get("engine", decode::engine);
        let chain = match given.value {
            EngineChoice::Auto => return given,
            EngineChoice::Chain(chain) => chain,
        };
        let found = chain.into_iter().map(|engine| match engine {
            EngineRef::Replay(file) => EngineRef::Replay(self.absolute(&file, &given.origin)),
            EngineRef::Named(name) => EngineRef::Named(name),
        });
        let chain: Vec<EngineRef> = found.collect();
        for engine in &chain {
            if !engines.contains_key(engine.name()) {
                let nearest = keys::nearest(engine.name(), engines.keys().map(String::as_str));
                self.problems.push(Problem::UnknownEngine {
                    at: given.origin.clone(),
                    name: engine.name().to_owned(),
                    nearest: nearest.map(str::to_owned),
                });
            }
        }
        if let Some(engine) = twice(&chain) {
            self.problems.push(Problem::Unusable {
                at: given.origin.clone(),
                key: "engine".to_owned(),
                why: format!("{engine} is named twice"),
            });
        }
        Value {
            value: EngineChoice::Chain(chain),
            origin: given.origin,
        }
    }

    /// Who reviews: an engine that is known, as of a chain.
    pub(super) fn reviewer(&mut self, engines: &Engines) -> Value<Option<EngineRef>> {
        let given = self.get("review.engine", decode::one_engine);
        let engine = given.value.map(|engine| match engine {
            EngineRef::Replay(file) => EngineRef::Replay(self.absolute(&file, &given.origin)),
            EngineRef::Named(name) => EngineRef::Named(name),
        });
        if let Some(engine) = &engine
            && !engines.contains_key(engine.name())
        {
            let nearest = keys::nearest(engine.name(), engines.keys().map(String::as_str));
            self.problems.push(Problem::UnknownEngine {
                at: given.origin.clone(),
                name: engine.name().to_owned(),
                nearest: nearest.map(str::to_owned),
            });
        }
        Value {
            value: engine,
            origin: given.origin,
        }
    }

    /// Puts the endpoint in the place of the first chat provider's own. Where the chain has none, it would have
    /// no effect, and is refused; unless the chain comes from a higher layer, which overrides it as a whole.
    pub(super) fn apply_endpoint(&mut self, settings: &mut Settings) {
        let Some(endpoint) = settings.endpoint.value.clone() else {
            return;
        };
        let is_chat = |engine: &&EngineRef| {
            let engine = settings.engines.get(engine.name());
            engine.is_some_and(|engine| engine.kind.is_chat())
        };
        let first = settings.chain().iter().find(is_chat);
        let first = first.map(|engine| engine.name().to_owned());
        match first.and_then(|name| settings.engines.get_mut(&name)) {
            Some(engine) => {
                engine.chat.base_url = Value {
                    value: Some(endpoint),
                    origin: settings.endpoint.origin.clone(),
                }
            }
            None if settings.engine.origin.rank() > settings.endpoint.origin.rank() => {}
            None => self.problems.push(Problem::Unsupported {
                at: settings.endpoint.origin.clone(),
                message: format!(
                    "an endpoint has no effect here, because the engine is {}: name a chat provider, such as \
                     --engine openai or huggingface, or leave the endpoint out",
                    *settings.engine
                ),
            }),
        }
    }
}
