//! Everything that speaks OpenAI's chat completions.

mod fold;
pub(super) mod request;
mod wire;

use super::exchange::{Exchange, Failed};
use super::{HttpConfig, cost_of, with_own_ids};
use crate::model::{Cost, EngineError, Price};
use crate::net::Header;
use crate::ports::{ChatModel, ChatReply, ChatRequest, Clock, Finish, LocalBoxFuture};
use fold::{End, Folded};
use std::cell::Cell;
use std::rc::Rc;

/// A model behind an endpoint that speaks OpenAI's chat completions.
pub struct OpenAiModel {
    config: HttpConfig,
    exchange: Exchange,
    url: String,
    dialect: Cell<Dialect>,
}

/// What servers differ in, as far as it is known: from their host at first, then from what they refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// `stream_options` is taken, by which the last piece says what was used.
    pub usage_on_request: bool,
    /// The bound is called `max_completion_tokens`; most servers know it as `max_tokens` only.
    pub completion_tokens: bool,
}

impl OpenAiModel {
    /// A model that is asked at `config.endpoint`.
    ///
    /// # Errors
    /// `NotStarted`, when the endpoint is one that nothing is sent to.
    pub fn new(config: HttpConfig, clock: Rc<dyn Clock>) -> Result<Self, EngineError> {
        let is_openai = config.endpoint.host() == "api.openai.com";
        Ok(Self {
            exchange: Exchange::new(&config, clock)?,
            url: config.endpoint.operation("chat/completions"),
            dialect: Cell::new(Dialect {
                usage_on_request: true,
                completion_tokens: is_openai,
            }),
            config,
        })
    }

    async fn ask(&self, request: &ChatRequest) -> Result<ChatReply, EngineError> {
        let sent = self.dialect.get();
        let mut folded = Folded::default();
        let mut asked = self.send(request, sent, &mut folded).await;
        // At most one request more for each difference: what was learned is not tried again.
        while let Err(failed) = &asked
            && self.learns(failed)
        {
            folded = Folded::default();
            asked = self.send(request, self.dialect.get(), &mut folded).await;
        }
        asked.map_err(|failed| self.exchange.meaning(failed))?;
        self.reply(folded, request)
    }

    async fn send(
        &self,
        request: &ChatRequest,
        dialect: Dialect,
        folded: &mut Folded,
    ) -> Result<(), Failed> {
        let body = request::body(request, &self.config.model, self.config.max_output, dialect)
            .map_err(|e| super::protocol(format!("the conversation is no JSON: {e}")))?;
        let headers = self.headers();
        self.exchange
            .ask(&self.url, &headers, body, request.stall, folded)
            .await
    }

    fn headers(&self) -> Vec<Header> {
        let Some(token) = &self.config.token else {
            return vec![];
        };
        // An address with a version is Azure's, whose keys have a header of their own.
        vec![match self.config.endpoint.api_version() {
            Some(_) => Header::Secret("api-key", "", token.clone()),
            None => Header::Secret("authorization", "Bearer ", token.clone()),
        }]
    }

    /// Takes a refusal for what it says about the server; true when another request may pass.
    fn learns(&self, failed: &Failed) -> bool {
        let Failed::Refused {
            status: 400 | 422,
            said,
            ..
        } = failed
        else {
            return false;
        };
        let known = self.dialect.get();
        let mut learned = known;
        if known.usage_on_request && said.is_about("stream_options") {
            learned.usage_on_request = false;
        } else if !known.completion_tokens && said.is_about("max_completion_tokens") {
            learned.completion_tokens = true;
        }
        self.dialect.set(learned);
        learned != known
    }

    fn reply(&self, mut folded: Folded, request: &ChatRequest) -> Result<ChatReply, EngineError> {
        if folded.finish == Some(End::Filtered) {
            let words = "the provider's content filter took the answer away";
            return Err(self.exchange.refusal("", words));
        }
        if !folded.refusal.is_empty() {
            return Err(self.exchange.refusal(&folded.refusal, ""));
        }
        let mut calls = folded.take_calls();
        with_own_ids(&mut calls, &request.messages, request.turn);
        let says_cost = self.config.endpoint.host() == "openrouter.ai";
        let cost = match folded.cost.filter(|_| says_cost) {
            Some(usd) => Cost::Usd(usd),
            None => cost_of(self.config.price, folded.usage),
        };
        Ok(ChatReply {
            text: folded.text,
            calls,
            finish: match folded.finish {
                Some(End::Reply(finish)) => finish,
                Some(End::Filtered) | None => Finish::Whole,
            },
            usage: folded.usage,
            cost,
        })
    }
}

impl ChatModel for OpenAiModel {
    fn model(&self) -> &str {
        &self.config.model
    }

    fn max_output(&self) -> Option<u64> {
        Some(self.config.max_output)
    }

    fn price(&self) -> Option<Price> {
        self.config.price
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
    let said = (
        folded.text,
        folded.refusal,
        folded.finish,
        folded.usage,
        folded.cost,
    );
    format!("{:?}", (is_whole, calls, broken, said))
}
