//! Anthropic's Messages API.

mod fold;
pub(super) mod request;
mod wire;

use super::exchange::{Exchange, Failed};
use super::{HttpConfig, cost_of, protocol, with_own_ids};
use crate::config::Endpoint;
use crate::model::{Cost, EngineError, Price};
use crate::net::Header;
use crate::ports::{ChatModel, ChatReply, ChatRequest, Clock, Finish, LocalBoxFuture};
use fold::Folded;
use std::rc::Rc;

/// The version of the API that this speaks.
const VERSION: &str = "2023-06-01";

/// What a token that is written to the cache costs, in tokens of input (Anthropic, "Prompt caching": five minutes).
const WRITTEN: f64 = 1.25;

/// A model behind Anthropic's Messages API.
pub struct AnthropicModel {
    config: HttpConfig,
    exchange: Exchange,
    url: String,
}

impl AnthropicModel {
    /// A model that is asked at `config.endpoint`, with or without its `/v1`.
    ///
    /// # Errors
    /// `NotStarted`, when the endpoint is one that nothing is sent to.
    pub fn new(config: HttpConfig, clock: Rc<dyn Clock>) -> Result<Self, EngineError> {
        Ok(Self {
            exchange: Exchange::new(&config, clock)?,
            url: address(&config.endpoint),
            config,
        })
    }

    async fn ask(&self, request: &ChatRequest) -> Result<ChatReply, EngineError> {
        let mut folded = Folded::default();
        let sent = self.send(request, &mut folded).await;
        sent.map_err(|failed| self.exchange.meaning(failed))?;
        self.reply(folded, request)
    }

    async fn send(&self, request: &ChatRequest, folded: &mut Folded) -> Result<(), Failed> {
        let body = request::body(request, &self.config.model, self.config.max_output)
            .map_err(|e| protocol(format!("the conversation is no JSON: {e}")))?;
        let mut headers = vec![Header::Plain("anthropic-version", VERSION)];
        if let Some(token) = &self.config.token {
            headers.push(Header::Secret("x-api-key", "", token.clone()));
        }
        self.exchange
            .ask(&self.url, &headers, body, request.stall, folded)
            .await
    }

    fn reply(&self, mut folded: Folded, request: &ChatRequest) -> Result<ChatReply, EngineError> {
        let finish = match folded.stop_reason.as_deref() {
            Some("refusal") => {
                let words = "the model refused and gives no reason";
                return Err(self.exchange.refusal(&folded.text, words));
            }
            Some("model_context_window_exceeded") => {
                return Err(EngineError::ContextTooLong {
                    message: "the reply ran into the end of the model's context window".to_owned(),
                });
            }
            Some("max_tokens") => Finish::Cut,
            Some(_) | None => Finish::Whole,
        };
        let mut calls = folded.take_calls();
        with_own_ids(&mut calls, &request.messages, request.turn);
        let usage = folded.usage();
        let cost = match (cost_of(self.config.price, usage), self.config.price) {
            (Cost::Usd(usd), Some(price)) => {
                let more = price.dollars(folded.written(), 0, 0) * (WRITTEN - 1.0);
                Cost::Usd(usd + more)
            }
            (cost, _) => cost,
        };
        Ok(ChatReply {
            text: folded.text,
            calls,
            finish,
            usage,
            cost,
        })
    }
}

fn address(endpoint: &Endpoint) -> String {
    if endpoint.path().ends_with("/v1") {
        endpoint.operation("messages")
    } else {
        endpoint.operation("v1/messages")
    }
}

impl ChatModel for AnthropicModel {
    fn model(&self) -> &str {
        &self.config.model
    }

    fn max_output(&self) -> Option<u64> {
        Some(self.config.max_output)
    }

    /// Every request asks for what is new in it to be written to the cache.
    fn price(&self) -> Option<Price> {
        self.config.price.map(|price| Price {
            input: price.input * WRITTEN,
            ..price
        })
    }

    fn context(&self) -> Option<u64> {
        self.config.context
    }

    fn reply<'a>(
        &'a self,
        request: &'a ChatRequest,
    ) -> LocalBoxFuture<'a, Result<ChatReply, EngineError>> {
        Box::pin(self.ask(request))
    }
}

/// What comes of these events, or of this body; see `engines::fuzz`.
pub(super) fn fuzz(events: &[super::sse::Event], body: Option<&[u8]>) -> String {
    use super::exchange::Fold as _;
    let mut folded = fold::Folded::default();
    let mut broken = body.and_then(|body| folded.body(body).err());
    for event in events {
        if broken.is_some() || folded.is_over() {
            break;
        }
        broken = folded.event(event).err();
    }
    let is_whole = folded.is_whole();
    let calls = folded.take_calls();
    let usage = folded.usage();
    let said = (folded.text, folded.stop_reason, usage);
    format!("{:?}", (is_whole, calls, broken, said))
}
