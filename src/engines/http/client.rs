//! The one HTTP client: one request, one answer in pieces, every wait bounded, every failure typed.
//!
//! It follows no redirect, reads no proxy from the environment (which only the configuration reads), keeps no cookies,
//! repeats nothing, and connects to addresses that [`super::resolve`] has looked at. Certificates are checked against
//! the system's store, which `SSL_CERT_FILE` may name.

use super::HttpConfig;
use super::resolve::{Reach, Refused, look_up};
use super::retry_after::Headers;
use crate::config::Endpoint;
use crate::model::EngineError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of an answer; a longer one is cut off and refused.
pub(super) const MAX_ANSWER: usize = 16 << 20;

/// Connections to one provider that are kept for the next request.
const MAX_IDLE: usize = 4;

/// A client for one endpoint.
pub(super) struct Client {
    inner: reqwest::Client,
    connect: Duration,
    first_byte: Duration,
    /// Host and port, for messages.
    target: String,
    /// The engine's name, for messages.
    name: String,
}

/// An answer whose body has not been read.
pub(super) struct Answer {
    pub status: u16,
    pub headers: Headers,
    body: reqwest::Response,
    read: usize,
    target: String,
}

/// A header of a request.
pub(super) enum Header {
    Plain(&'static str, &'static str),
    /// `name: prefix value`, which nothing prints.
    Secret(&'static str, &'static str, SecretString),
}

impl Client {
    /// A client that sends to the endpoint of `config` and nowhere else.
    ///
    /// # Errors
    /// `NotStarted`, when the endpoint is an address that nothing is sent to, or no certificates can be read.
    pub(super) fn new(config: &HttpConfig) -> Result<Self, EngineError> {
        let endpoint = &config.endpoint;
        let (host, reach) = (endpoint.host(), Reach::of(endpoint, &config.private_hosts));
        // A host that is an address is never looked up.
        reach
            .check(&host, endpoint.address())
            .map_err(|refused| not_started(&refused))?;
        same_host(endpoint)?;
        let connect = config.connect_timeout.min(config.first_byte_timeout);
        #[allow(clippy::disallowed_methods, reason = "this is the one HTTP client")]
        let builder = reqwest::Client::builder()
            .user_agent(concat!("codelicious/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .https_only(endpoint.is_encrypted())
            .connect_timeout(connect)
            .pool_max_idle_per_host(MAX_IDLE)
            .dns_resolver(CheckedResolver { reach });
        let builder = if endpoint.is_encrypted() {
            // Fails when there is one already, which is then as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            builder
        } else {
            builder.tls_backend_preconfigured(trusts_nobody()?)
        };
        Ok(Self {
            inner: builder.build().map_err(|e| not_started(&Chain(&e)))?,
            connect,
            first_byte: config.first_byte_timeout,
            target: format!("{host}:{}", endpoint.port()),
            name: config.name.clone(),
        })
    }

    /// Posts JSON and waits for the head of the answer, at most the time to the first byte or `stall`, whichever is
    /// less. Dropping the future closes the connection.
    pub(super) async fn post(
        &self,
        url: &str,
        headers: &[Header],
        body: Vec<u8>,
        stall: Duration,
    ) -> Result<Answer, EngineError> {
        let request = self
            .inner
            .post(url)
            .headers(self.header_map(headers)?)
            .body(body);
        let patience = self.first_byte.min(stall);
        let sent = match timeout(patience, request.send()).await {
            Ok(sent) => sent,
            Err(_) => {
                return Err(EngineError::NoAnswer {
                    seconds: patience.as_secs(),
                });
            }
        };
        let body = sent.map_err(|e| self.failed(&e))?;
        let headers = body
            .headers()
            .iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(value.as_bytes())));
        Ok(Answer {
            status: body.status().as_u16(),
            headers: Headers::new(headers),
            body,
            read: 0,
            target: self.target.clone(),
        })
    }

    fn header_map(&self, headers: &[Header]) -> Result<HeaderMap, EngineError> {
        let mut map = HeaderMap::new();
        map.insert(
            reqwest::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        for header in headers {
            match header {
                Header::Plain(name, value) => {
                    map.insert(
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    );
                }
                Header::Secret(name, prefix, secret) => {
                    let text = format!("{prefix}{}", secret.expose_secret().trim());
                    let mut value =
                        HeaderValue::from_str(&text).map_err(|_| EngineError::Auth {
                            message: format!(
                                "the token of `{}` holds characters that a header cannot carry; look at where it comes from",
                                self.name
                            ),
                        })?;
                    value.set_sensitive(true);
                    map.insert(HeaderName::from_static(name), value);
                }
            }
        }
        Ok(map)
    }

    fn failed(&self, error: &reqwest::Error) -> EngineError {
        if let Some(refused) = source::<Refused>(error) {
            return not_started(refused);
        }
        if let Some(rustls::Error::InvalidCertificate(why)) = source(error) {
            return EngineError::NotStarted {
                message: format!("the certificate of {} is not trusted: {why:?}", self.target),
            };
        }
        if error.is_connect() && error.is_timeout() {
            return EngineError::NoConnection {
                seconds: self.connect.as_secs(),
            };
        }
        let what = if error.is_connect() {
            "no connection to"
        } else {
            "no answer of"
        };
        EngineError::Transient {
            until: None,
            message: format!("{what} {}: {}", self.target, root(error)),
        }
    }
}

impl Answer {
    /// The next piece of the body; None at its end.
    ///
    /// # Errors
    /// `Stalled` after `stall` without one, `Transient` when the connection breaks, `Protocol` when the answer gets
    /// longer than [`MAX_ANSWER`].
    pub(super) async fn piece(
        &mut self,
        stall: Duration,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, EngineError> {
        let Ok(piece) = timeout(stall, self.body.chunk()).await else {
            return Err(EngineError::Stalled {
                seconds: stall.as_secs(),
            });
        };
        let piece = piece.map_err(|e| EngineError::Transient {
            until: None,
            message: format!(
                "the answer of {} broke off after {} bytes: {}",
                self.target,
                self.read,
                root(&e)
            ),
        })?;
        self.read += piece.as_ref().map_or(0, |bytes| bytes.len());
        if self.read > MAX_ANSWER {
            return Err(EngineError::Protocol {
                message: format!(
                    "the answer of {} is longer than {MAX_ANSWER} bytes",
                    self.target
                ),
            });
        }
        Ok(piece)
    }
}

/// Looks names up on a thread of its own, so that a resolver that hangs holds up nobody's end.
struct CheckedResolver {
    reach: Reach,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach.clone();
        Box::pin(async move {
            let (tx, rx) = tokio::sync::oneshot::channel();
            std::thread::Builder::new()
                .name("resolver".to_owned())
                .spawn(move || {
                    // Nobody waits any more when this fails.
                    let _ = tx.send(look_up(name.as_str(), &reach));
                })?;
            let found = rx.await??;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Both readers of the address must have found the same host in it.
fn same_host(endpoint: &Endpoint) -> Result<(), EngineError> {
    let url = reqwest::Url::parse(&endpoint.operation("x")).map_err(|e| not_started(&e))?;
    let found = url.host_str().unwrap_or_default();
    if found.trim_matches(['[', ']']) == endpoint.host()
        && url.port_or_known_default() == Some(endpoint.port())
    {
        Ok(())
    } else {
        Err(EngineError::NotStarted {
            message: format!("`{endpoint}` can be read in two ways; write its host plainly"),
        })
    }
}

/// For plain connections to this machine, which need no certificates to be read.
fn trusts_nobody() -> Result<rustls::ClientConfig, EngineError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| not_started(&e))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

fn not_started(error: &dyn std::fmt::Display) -> EngineError {
    EngineError::NotStarted {
        message: error.to_string(),
    }
}

/// The errors below an error, the error itself first.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |e: &&'a (dyn Error + 'static)| (*e).source())
}

/// The error of a type among the causes. What an `io::Error` wraps is not among its sources, and it may wrap another one.
fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|mut e| {
        loop {
            if let Some(found) = e.downcast_ref::<E>() {
                return Some(found);
            }
            e = e.downcast_ref::<std::io::Error>()?.get_ref()?;
        }
    })
}

/// The last cause: the others say only that something failed, and repeat the address.
fn root(error: &(dyn Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}

/// An error with all its causes on one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let causes: Vec<String> = chain(self.0).map(ToString::to_string).collect();
        f.write_str(&causes.join(": "))
    }
}
