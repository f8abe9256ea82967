//! The one HTTP client: one request, one answer in pieces, every wait bounded, every failure typed.
//!
//! It follows no redirect, reads no proxy from the environment (which only the configuration reads), keeps no cookies,
//! repeats nothing, and connects to addresses that [`super::resolve`] has looked at. Certificates are checked against
//! the system's store, which `SSL_CERT_FILE` may name.

use super::NetError;
use super::resolve::{Reach, Refused, look_up};
use super::retry_after::Headers;
use crate::config::Endpoint;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of an answer; a longer one is cut off and refused.
pub const MAX_ANSWER: usize = 16 << 20;

/// Connections to one server that are kept for the next request.
const MAX_IDLE: usize = 4;

/// A client for one endpoint.
pub struct Client {
    inner: reqwest::Client,
    connect: Duration,
    first_byte: Duration,
    /// Host and port, for messages.
    target: String,
    /// Whose token it is, for messages.
    name: String,
}

/// What a client sends to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The name of the engine or forge, for messages.
    pub name: &'a str,
    pub endpoint: &'a Endpoint,
    /// Hosts that may lead to private addresses.
    pub private_hosts: &'a [String],
    /// Bound on getting a connection, encryption included.
    pub connect_timeout: Duration,
    /// Bound on the time from the request to the head of the answer, connection included.
    pub first_byte_timeout: Duration,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Patch,
    Put,
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    fn wire(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Post => reqwest::Method::POST,
            Self::Patch => reqwest::Method::PATCH,
            Self::Put => reqwest::Method::PUT,
            Self::Delete => reqwest::Method::DELETE,
        }
    }
}

/// An answer whose body has not been read.
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    body: reqwest::Response,
    read: usize,
    target: String,
}

/// A header of a request.
pub enum Header {
    Plain(&'static str, &'static str),
    /// A value that another answer gave, such as an ETag; left out where a header cannot carry it.
    Told(&'static str, String),
    /// `name: prefix value`, which nothing prints.
    Secret(&'static str, &'static str, SecretString),
}

impl Client {
    /// A client that sends to the endpoint of `to` and nowhere else.
    ///
    /// # Errors
    /// `NotStarted`, when the endpoint is an address that nothing is sent to, or no certificates can be read.
    pub fn new(to: Target<'_>) -> Result<Self, NetError> {
        let endpoint = to.endpoint;
        let (host, reach) = (endpoint.host(), Reach::of(endpoint, to.private_hosts));
        // A host that is an address is never looked up.
        reach
            .check(&host, endpoint.address())
            .map_err(|refused| not_started(&refused))?;
        same_host(endpoint)?;
        let connect = to.connect_timeout.min(to.first_byte_timeout);
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
            first_byte: to.first_byte_timeout,
            target: format!("{host}:{}", endpoint.port()),
            name: to.name.to_owned(),
        })
    }

    /// Sends JSON, or nothing, and waits for the head of the answer, at most the time to the first byte or `stall`,
    /// whichever is less. Dropping the future closes the connection.
    ///
    /// # Errors
    /// Anything but `Stalled` and `TooLong`, which come with the body.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[Header],
        body: Option<Vec<u8>>,
        stall: Duration,
    ) -> Result<Answer, NetError> {
        let mut fields = self.header_map(headers)?;
        let mut request = self.inner.request(method.wire(), url);
        if let Some(body) = body {
            fields.insert(
                reqwest::header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            request = request.body(body);
        }
        let request = request.headers(fields);
        let patience = self.first_byte.min(stall);
        let sent = match timeout(patience, request.send()).await {
            Ok(sent) => sent,
            Err(_) => {
                return Err(NetError::NoAnswer {
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

    fn header_map(&self, headers: &[Header]) -> Result<HeaderMap, NetError> {
        let mut map = HeaderMap::new();
        for header in headers {
            match header {
                Header::Plain(name, value) => {
                    map.insert(
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    );
                }
                Header::Told(name, value) => {
                    if let Ok(value) = HeaderValue::from_str(value) {
                        map.insert(HeaderName::from_static(name), value);
                    }
                }
                Header::Secret(name, prefix, secret) => {
                    let text = format!("{prefix}{}", secret.expose_secret().trim());
                    let mut value =
                        HeaderValue::from_str(&text).map_err(|_| NetError::Token {
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

    fn failed(&self, error: &reqwest::Error) -> NetError {
        if let Some(refused) = source::<Refused>(error) {
            return not_started(refused);
        }
        if let Some(rustls::Error::InvalidCertificate(why)) = source(error) {
            return NetError::NotStarted {
                message: format!("the certificate of {} is not trusted: {why:?}", self.target),
            };
        }
        if error.is_connect() && error.is_timeout() {
            return NetError::NoConnection {
                seconds: self.connect.as_secs(),
            };
        }
        let why = root(error);
        if error.is_connect() {
            NetError::Unreachable {
                message: format!("no connection to {}: {why}", self.target),
            }
        } else {
            NetError::Broken {
                message: format!("no answer of {}: {why}", self.target),
            }
        }
    }
}

impl Answer {
    /// The next piece of the body; None at its end.
    ///
    /// # Errors
    /// `Stalled` after `stall` without one, `Broken` when the connection breaks, `TooLong` when the answer gets
    /// longer than [`MAX_ANSWER`].
    pub async fn piece(
        &mut self,
        stall: Duration,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, NetError> {
        let Ok(piece) = timeout(stall, self.body.chunk()).await else {
            return Err(NetError::Stalled {
                seconds: stall.as_secs(),
            });
        };
        let piece = piece.map_err(|e| NetError::Broken {
            message: format!(
                "the answer of {} broke off after {} bytes: {}",
                self.target,
                self.read,
                root(&e)
            ),
        })?;
        self.read += piece.as_ref().map_or(0, |bytes| bytes.len());
        if self.read > MAX_ANSWER {
            return Err(NetError::TooLong {
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
fn same_host(endpoint: &Endpoint) -> Result<(), NetError> {
    let url = reqwest::Url::parse(&endpoint.operation("x")).map_err(|e| not_started(&e))?;
    let found = url.host_str().unwrap_or_default();
    if found.trim_matches(['[', ']']) == endpoint.host()
        && url.port_or_known_default() == Some(endpoint.port())
    {
        Ok(())
    } else {
        Err(NetError::NotStarted {
            message: format!("`{endpoint}` can be read in two ways; write its host plainly"),
        })
    }
}

/// For plain connections to this machine, which need no certificates to be read.
fn trusts_nobody() -> Result<rustls::ClientConfig, NetError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| not_started(&e))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

fn not_started(error: &dyn std::fmt::Display) -> NetError {
    NetError::NotStarted {
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
