//! One exchange for all forges: typed JSON over [`crate::net`], every request bounded, tried again as
//! [`crate::core::retry`] says, limits obeyed.
//!
//! What may be sent again after its answer was lost is sent again: everything but a POST. A POST is repeated where the
//! forge surely did nothing (no connection, a limit); else its failure says [`Failure::perhaps_done`], and
//! [`Web::create_once`] looks before it asks again.
//!
//! - [`route`]: paths and queries, percent-encoded
//! - [`judge`]: what an answer means; [`failure`]: how that is told
//! - [`graphql`]: GitHub's other API
//! - [`pages`]: where the next page is
//! - [`cache`]: answers with their ETags, so that what did not change costs nothing of a limit
//!
//! Dropping a future ends whatever it waits for.

mod cache;
mod failure;
mod graphql;
mod judge;
mod pages;
mod route;

pub(super) use failure::Failure;
pub(super) use route::Route;

use super::Hosted;
use crate::config::Endpoint;
use crate::core::redact::Redactor;
use crate::core::retry::{Decision, RetryPolicy, again, fraction};
use crate::crash::{self, Point};
pub(super) use crate::net::Method;
use crate::net::{Answer, Client, Header, Headers, NetError, Target};
use crate::ports::{Clock, ForgeError, ForgeErrorKind, Rng};
use cache::{Cache, Kept};
use chrono::{DateTime, Utc};
use judge::Meaning;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Pages of one list that are read; with a hundred entries each that is more than a person reads.
const MAX_PAGES: usize = 50;

/// Redirects that one request follows. They lead to where a renamed repository is now.
const MAX_REDIRECTS: usize = 3;

/// How a forge takes its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    /// `Authorization: Bearer …`
    Bearer,
    /// `Authorization: token …`
    Token,
}

impl Auth {
    fn header(self, token: SecretString) -> Header {
        match self {
            Self::Bearer => Header::Secret("authorization", "Bearer ", token),
            Self::Token => Header::Secret("authorization", "token ", token),
        }
    }
}

/// How the pages of a list follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paging {
    /// Headers tell where the next one is.
    Told,
    /// By number, until `x-total-count` entries are there or a page is empty: not every list tells more, and whoever
    /// is told wrongly where it lives (`ROOT_URL`) tells a wrong address.
    Numbered,
}

/// What a forge's HTTP has of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// The forge's name, for messages: `GitHub`.
    pub name: &'static str,
    pub auth: Auth,
    /// Headers of every request.
    pub headers: &'static [(&'static str, &'static str)],
    pub paging: Paging,
}

/// An answer with what stood above it.
#[derive(Clone, Debug)]
pub(super) struct Got<T> {
    pub value: T,
    pub headers: Headers,
}

/// A forge that can be asked.
pub(super) struct Web {
    dialect: Dialect,
    api: Endpoint,
    client: Client,
    /// GitHub's GraphQL.
    graphql: Option<(Endpoint, Client)>,
    token: Option<SecretString>,
    repository: String,
    redactor: Redactor,
    retry: RetryPolicy,
    answer_timeout: Duration,
    clock: Rc<dyn Clock>,
    rng: Rc<dyn Rng>,
    cache: Cache,
    /// Nothing is sent before: a limit that is too far away to be waited for was told.
    limited: Cell<Option<DateTime<Utc>>>,
}

/// A request that can be sent any number of times.
struct Ask<'a> {
    method: Method,
    client: &'a Client,
    url: String,
    /// For messages: the path.
    what: String,
    body: Option<Vec<u8>>,
    /// Doing it twice is doing it once.
    is_repeatable: bool,
}

/// An answer as it came.
struct Raw {
    status: u16,
    headers: Headers,
    body: Vec<u8>,
}

impl Web {
    /// An exchange with the forge at `hosted.api`.
    ///
    /// # Errors
    /// Addresses that nothing is sent to, and a system without certificates.
    pub fn new(
        hosted: &Hosted,
        dialect: Dialect,
        clock: Rc<dyn Clock>,
        rng: Rc<dyn Rng>,
    ) -> Result<Self, ForgeError> {
        let client = |endpoint: &Endpoint| {
            Client::new(Target {
                name: dialect.name,
                endpoint,
                private_hosts: &hosted.private_hosts,
                connect_timeout: hosted.connect_timeout,
                first_byte_timeout: hosted.answer_timeout,
            })
            .map_err(|e| ForgeError {
                kind: ForgeErrorKind::Refused,
                message: format!("{} cannot be asked: {e}", dialect.name),
                remedy: format!(
                    "look at the address of its API, `[forge] api`; {}",
                    failure::OWN_NETWORK
                ),
            })
        };
        let graphql = match &hosted.graphql {
            Some(endpoint) => Some((endpoint.clone(), client(endpoint)?)),
            None => None,
        };
        Ok(Self {
            dialect,
            client: client(&hosted.api)?,
            api: hosted.api.clone(),
            graphql,
            token: hosted.token.clone(),
            repository: hosted.repository.clone(),
            redactor: Redactor::new(hosted.token.clone()),
            retry: hosted.retry.clone(),
            answer_timeout: hosted.answer_timeout,
            clock,
            rng,
            cache: Cache::default(),
            limited: Cell::default(),
        })
    }

    /// Reads one thing.
    pub async fn get<T: DeserializeOwned>(&self, route: Route) -> Result<T, Failure> {
        Ok(self.get_with_headers(route).await?.value)
    }

    /// Reads one thing and what stands above it.
    pub async fn get_with_headers<T: DeserializeOwned>(
        &self,
        route: Route,
    ) -> Result<Got<T>, Failure> {
        let ask = self.ask(Method::Get, &route, None)?;
        let raw = self.exchange(&ask).await?;
        self.read(&ask, raw)
    }

    /// Reads one thing that may not be there: None for 404.
    pub async fn get_if_there<T: DeserializeOwned>(
        &self,
        route: Route,
    ) -> Result<Option<T>, Failure> {
        match self.get(route).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.error.kind == ForgeErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Writes what may be written any number of times: PUT, PATCH, DELETE, or a POST that adds what is there already.
    pub async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        route: Route,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let mut ask = self.ask(method, &route, Some(self.bytes(body)?))?;
        ask.is_repeatable = true;
        let raw = self.exchange(&ask).await?;
        Ok(self.read(&ask, raw)?.value)
    }

    /// Posts once. A failure that says [`Failure::perhaps_done`] is the caller's to look into.
    pub async fn post<T: DeserializeOwned>(
        &self,
        route: Route,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let ask = self.ask(Method::Post, &route, Some(self.bytes(body)?))?;
        let raw = self.exchange(&ask).await?;
        Ok(self.read(&ask, raw)?.value)
    }

    /// Posts what must come to be once: after a lost answer `look` tells whether it is there, before it is asked for
    /// again.
    pub async fn create_once<T: DeserializeOwned>(
        &self,
        route: Route,
        body: &impl Serialize,
        look: impl AsyncFn() -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let mut failures = 0;
        loop {
            let failure = match self.post(route.clone(), body).await {
                Err(failure) if failure.perhaps_done => failure,
                done => return done,
            };
            failures += 1;
            let pause = self.pause_after(failures, &failure);
            tokio::time::sleep(self.before_look(pause)).await;
            match look().await {
                Ok(Some(found)) => return Ok(found),
                // Whoever cannot look must not ask again.
                Err(_) => return Err(self.given_up(failures, failure)),
                Ok(None) if pause.is_none() => return Err(self.given_up(failures, failure)),
                Ok(None) => {}
            }
        }
    }

    fn ask(
        &self,
        method: Method,
        route: &Route,
        body: Option<Vec<u8>>,
    ) -> Result<Ask<'_>, Failure> {
        let Some(operation) = route.operation() else {
            let meaning = Meaning::of(ForgeErrorKind::Refused);
            let message = format!(
                "{} cannot be asked for {}: a name in it is empty or consists of dots",
                self.dialect.name,
                self.shown(route.path())
            );
            return Err(self.failure(meaning, None, message, String::new()));
        };
        Ok(Ask {
            method,
            client: &self.client,
            url: self.api.operation(&operation),
            what: route.path().to_owned(),
            body,
            is_repeatable: match method {
                Method::Get | Method::Put | Method::Patch | Method::Delete => true,
                Method::Post => false,
            },
        })
    }

    /// Sends until there is an answer, or no use in asking.
    async fn exchange(&self, ask: &Ask<'_>) -> Result<Raw, Failure> {
        if let Some(failure) = self.held_back(ask) {
            return Err(failure);
        }
        let mut failures = 0;
        loop {
            let failure = match self.once(ask).await {
                Ok(raw) => return Ok(raw),
                Err(failure) => failure,
            };
            failures += 1;
            if failure.perhaps_done && !ask.is_repeatable {
                return Err(failure);
            }
            match self.pause_after(failures, &failure) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(self.given_up(failures, failure)),
            }
        }
    }

    /// How long to wait after the `failures`-th failure in a row; None when asking again is no use now.
    fn pause_after(&self, failures: u32, failure: &Failure) -> Option<Duration> {
        if !failure.is_passing {
            return None;
        }
        let (now, jitter) = (self.clock.now(), fraction(self.rng.bytes()));
        match again(failures, failure.until, &self.retry, now, jitter) {
            Decision::Retry(pause) => Some(pause),
            Decision::SwitchEngine | Decision::WaitUntil(_) | Decision::Stop(_) => None,
        }
    }

    /// How long what was cut off is given to come about before it is looked for: a pause of chance may be none at all.
    fn before_look(&self, pause: Option<Duration>) -> Duration {
        pause.unwrap_or_default().max(self.retry.base)
    }

    /// Why nothing is sent now, if that is so.
    fn held_back(&self, ask: &Ask<'_>) -> Option<Failure> {
        let now = self.clock.now();
        let until = self.limited.get().filter(|until| *until > now)?;
        let kind = ForgeErrorKind::Limited { until: Some(until) };
        let mut failure = self.protocol(ask, "it was not asked, as its limit is used up");
        failure.error.kind = kind;
        failure.error.remedy = self.remedy(kind);
        failure.until = Some(until);
        Some(failure)
    }

    /// A failure that is told: a time that was asked for and is too far away to be waited for makes it a limit.
    fn given_up(&self, failures: u32, mut failure: Failure) -> Failure {
        let now = self.clock.now();
        if let Some(until) = failure.until.filter(|t| failure.is_passing && *t > now) {
            failure.error.kind = ForgeErrorKind::Limited { until: Some(until) };
            if (until - now)
                .to_std()
                .is_ok_and(|d| d > self.retry.max_wait)
            {
                self.limited.set(Some(until));
            }
        }
        if failures > 1 {
            failure.error.message += &format!(" (asked {failures} times)");
        }
        failure
    }

    /// Sends once, and follows redirects to the same host. An answer is a success, or one that was kept and still holds.
    async fn once(&self, ask: &Ask<'_>) -> Result<Raw, Failure> {
        let mut url = ask.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let kept = match ask.method {
                Method::Get => self.cache.get(&url),
                Method::Post | Method::Patch | Method::Put | Method::Delete => None,
            };
            let raw = self.send(ask, &url, kept.as_ref()).await?;
            match raw.status {
                200..=299 => {
                    if ask.method == Method::Get {
                        self.cache.keep(&url, &raw.headers, &raw.body);
                        return Ok(raw);
                    }
                    let place = crash_name(ask);
                    return match crash::named(Point::ForgeDid, &place) {
                        Ok(()) => Ok(raw),
                        Err(e) => Err(self.protocol(ask, &e.to_string())),
                    };
                }
                304 => match kept {
                    Some(kept) => {
                        return Ok(Raw {
                            status: 200,
                            headers: kept.headers,
                            body: kept.body,
                        });
                    }
                    None => return Err(self.refused(ask, &raw)),
                },
                301 | 302 | 307 | 308 => match self.target_of(ask, &url, &raw) {
                    Some(target) => url = target,
                    None => return Err(self.refused(ask, &raw)),
                },
                _ => return Err(self.refused(ask, &raw)),
            }
        }
        Err(self.protocol(ask, "it redirects in a circle"))
    }

    /// Where a redirect leads, if the same request may be sent there.
    fn target_of(&self, ask: &Ask<'_>, from: &str, raw: &Raw) -> Option<String> {
        let keeps_method = ask.method == Method::Get || matches!(raw.status, 307 | 308);
        let location = raw.headers.get("location").filter(|_| keeps_method)?;
        let target = pages::resolved(location, from)?;
        pages::is_at(&target, &self.api).then_some(target)
    }

    async fn send(&self, ask: &Ask<'_>, url: &str, kept: Option<&Kept>) -> Result<Raw, Failure> {
        let mut headers: Vec<Header> = self
            .dialect
            .headers
            .iter()
            .map(|(name, value)| Header::Plain(name, value))
            .collect();
        headers.extend(
            self.token
                .clone()
                .map(|token| self.dialect.auth.header(token)),
        );
        headers.extend(kept.map(|kept| Header::Told("if-none-match", kept.etag.clone())));
        let exchange = async {
            let stall = self.answer_timeout;
            let mut answer = ask
                .client
                .send(ask.method, url, &headers, ask.body.clone(), stall)
                .await?;
            let body = whole(&mut answer, stall).await?;
            Ok(Raw {
                status: answer.status,
                headers: answer.headers.clone(),
                body,
            })
        };
        let sent = tokio::time::timeout(self.answer_timeout, exchange).await;
        sent.unwrap_or(Err(NetError::NoAnswer {
            seconds: self.answer_timeout.as_secs(),
        }))
        .map_err(|e| self.unanswered(ask, &e))
    }

    fn read<T: DeserializeOwned>(&self, ask: &Ask<'_>, raw: Raw) -> Result<Got<T>, Failure> {
        // `204 No Content` is read as null.
        let body = if raw.body.is_empty() {
            b"null"
        } else {
            raw.body.as_slice()
        };
        match serde_json::from_slice(body) {
            Ok(value) => Ok(Got {
                value,
                headers: raw.headers,
            }),
            Err(e) => {
                let mut failure =
                    self.protocol(ask, &format!("its answer is not what it documents: {e}"));
                failure.status = Some(raw.status);
                failure.perhaps_done = ask.method != Method::Get;
                Err(failure)
            }
        }
    }

    fn bytes(&self, body: &impl Serialize) -> Result<Vec<u8>, Failure> {
        serde_json::to_vec(body).map_err(|e| {
            let meaning = Meaning::of(ForgeErrorKind::Refused);
            let message = format!("a request to {} cannot be written: {e}", self.dialect.name);
            self.failure(meaning, None, message, String::new())
        })
    }
}

async fn whole(answer: &mut Answer, stall: Duration) -> Result<Vec<u8>, NetError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.piece(stall).await? {
        body.extend_from_slice(piece.as_ref());
    }
    Ok(body)
}

/// What a write is called among the places at which a run may die: `post-pulls`, `patch-pulls`.
fn crash_name(ask: &Ask<'_>) -> String {
    let is_word = |s: &&str| !s.is_empty() && !s.bytes().any(|b| b.is_ascii_digit());
    let word = ask.what.rsplit('/').find(is_word).unwrap_or_default();
    format!("{}-{word}", ask.method.word().to_ascii_lowercase())
}

#[cfg(test)]
#[path = "web_tests.rs"]
mod tests;
