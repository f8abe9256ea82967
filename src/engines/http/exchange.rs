//! One request and its answer: sent, read in pieces, fed to a fold.

use super::HttpConfig;
use super::errors::{Said, Speaker, of_status, shown, within_stream};
use super::sse::{Decoder, Event};
use crate::core::redact::Redactor;
use crate::engines::charge::answer_began;
use crate::model::EngineError;
use crate::net::{Answer, Client, Header, Headers, Method, NetError, Target};
use crate::ports::Clock;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a refusal that are read.
const MAX_REFUSAL: usize = 256 << 10;

/// How long the body of a refusal is waited for, and what follows a reply that is whole but for its closing words.
const FORMALITIES: Duration = Duration::from_secs(10);

/// Bytes of a broken event that are shown.
const SHOWN: usize = 120;

/// Makes a reply out of the events of a stream.
pub(super) trait Fold {
    /// Takes one event in.
    fn event(&mut self, event: &Event) -> Result<(), Broken>;
    /// True once nothing more has to come.
    fn is_over(&self) -> bool;
    /// True once all that matters is there, though more may come.
    fn is_whole(&self) -> bool;
    /// Takes a whole body in, where the server does not stream.
    fn body(&mut self, body: &[u8]) -> Result<(), Broken>;
}

/// Why a fold cannot go on.
#[derive(Debug)]
pub(super) enum Broken {
    /// An error that the provider sends in place of the rest.
    Said(Box<Said>),
    /// Not what the API says; the text that was not understood, and why.
    NotUnderstood(String, String),
}

/// Why there is no reply.
pub(super) enum Failed {
    /// The provider refused, with a status.
    Refused {
        status: u16,
        headers: Headers,
        said: Box<Said>,
    },
    Error(EngineError),
}

impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Self {
        Self::Error(error)
    }
}

impl From<NetError> for Failed {
    fn from(error: NetError) -> Self {
        Self::Error(error.into())
    }
}

/// A provider that can be asked.
pub(super) struct Exchange {
    client: Client,
    redactor: Redactor,
    clock: Rc<dyn Clock>,
    host: String,
}

impl Exchange {
    pub(super) fn new(config: &HttpConfig, clock: Rc<dyn Clock>) -> Result<Self, EngineError> {
        Ok(Self {
            client: Client::new(Target {
                name: &config.name,
                endpoint: &config.endpoint,
                private_hosts: &config.private_hosts,
                connect_timeout: config.connect_timeout,
                first_byte_timeout: config.first_byte_timeout,
            })?,
            redactor: Redactor::new(config.token.clone()),
            clock,
            host: config.endpoint.host(),
        })
    }

    /// Sends `body` and feeds the answer to `fold` until it is whole.
    pub(super) async fn ask(
        &self,
        url: &str,
        headers: &[Header],
        body: Vec<u8>,
        stall: Duration,
        fold: &mut dyn Fold,
    ) -> Result<(), Failed> {
        let mut answer = self
            .client
            .send(Method::Post, url, headers, Some(body), stall)
            .await?;
        if !(200..300).contains(&answer.status) {
            return Err(Failed::Refused {
                status: answer.status,
                headers: answer.headers.clone(),
                said: Box::new(Said::read(&refusal(&mut answer, stall).await)),
            });
        }
        let kind = answer.headers.get("content-type").unwrap_or_default();
        let kind = kind.to_ascii_lowercase();
        if kind.contains("json") {
            self.whole(&mut answer, stall, fold).await?;
        } else if kind.is_empty() || kind.contains("event-stream") {
            self.stream(&mut answer, stall, fold).await?;
        } else {
            let kind = shown(&kind, &self.redactor);
            return Err(Failed::Error(super::protocol(format!(
                "{} answered with `{kind}`, which is no stream of events: is `base_url` where its API is?",
                self.host
            ))));
        }
        Ok(())
    }

    /// What a refusal means.
    pub(super) fn meaning(&self, failed: Failed) -> EngineError {
        match failed {
            Failed::Refused {
                status,
                headers,
                said,
            } => of_status(status, &headers, &said, &self.speaker(), self.clock.now()),
            Failed::Error(error) => error,
        }
    }

    /// A refusal in words of the model.
    pub(super) fn refusal(&self, words: &str, otherwise: &str) -> EngineError {
        let words = shown(words, &self.redactor);
        EngineError::Refusal {
            message: if words.is_empty() {
                otherwise.to_owned()
            } else {
                words
            },
        }
    }

    async fn stream(
        &self,
        answer: &mut Answer,
        stall: Duration,
        fold: &mut dyn Fold,
    ) -> Result<(), EngineError> {
        let mut decoder = Decoder::default();
        let mut has_begun = false;
        while !fold.is_over() {
            let patience = if fold.is_whole() {
                stall.min(FORMALITIES)
            } else {
                stall
            };
            let piece = match answer.piece(patience).await {
                Ok(Some(piece)) => piece,
                Ok(None) if fold.is_whole() => break,
                Ok(None) if decoder.is_foreign() => {
                    return Err(super::protocol(format!(
                        "what {} sent is no stream of events",
                        self.host
                    )));
                }
                Ok(None) => {
                    return Err(EngineError::Transient {
                        until: None,
                        message: format!("the answer of {} ended before it was whole", self.host),
                    });
                }
                // What broke off were only the last formalities.
                Err(NetError::Broken { .. } | NetError::Stalled { .. }) if fold.is_whole() => {
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            for event in decoder.feed(piece.as_ref()) {
                if fold.is_over() {
                    break;
                }
                // What the answer's head says is about its first words.
                let head = match has_begun {
                    false => Some(&answer.headers),
                    true => None,
                };
                fold.event(&event).map_err(|e| self.broken(e, head))?;
                has_begun = true;
                answer_began();
            }
        }
        Ok(())
    }

    /// An answer in one piece: of a server that does not stream, or an error that came with a good status.
    async fn whole(
        &self,
        answer: &mut Answer,
        stall: Duration,
        fold: &mut dyn Fold,
    ) -> Result<(), EngineError> {
        let mut body = Vec::new();
        while let Some(piece) = answer.piece(stall).await? {
            body.extend_from_slice(piece.as_ref());
        }
        let head = Some(&answer.headers);
        fold.body(&body).map_err(|e| self.broken(e, head))?;
        answer_began();
        if fold.is_whole() {
            Ok(())
        } else {
            Err(super::protocol(format!(
                "the answer of {} holds no reply",
                self.host
            )))
        }
    }

    /// What ended a fold; `head` is what the answer began with, where nothing else of it came.
    fn broken(&self, broken: Broken, head: Option<&Headers>) -> EngineError {
        match broken {
            Broken::Said(said) => {
                let head = head.cloned().unwrap_or_default();
                within_stream(&said, head, &self.speaker(), self.clock.now())
            }
            Broken::NotUnderstood(text, why) => {
                let text = &text[..text.floor_char_boundary(SHOWN)];
                super::protocol(format!(
                    "{} sent what its API does not say ({why}): {}",
                    self.host,
                    shown(text, &self.redactor)
                ))
            }
        }
    }

    fn speaker(&self) -> Speaker<'_> {
        Speaker {
            host: &self.host,
            redactor: &self.redactor,
        }
    }
}

/// What can be read of a refusal's body; the status counts when nothing can.
async fn refusal(answer: &mut Answer, stall: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    let end = Instant::now() + FORMALITIES;
    while body.len() < MAX_REFUSAL {
        let left = end.saturating_duration_since(Instant::now());
        match answer.piece(stall.min(left)).await {
            Ok(Some(piece)) => body.extend_from_slice(piece.as_ref()),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(MAX_REFUSAL);
    body
}
