//! One request as a dialect sees it, and what it answers; pages and ETags, which all dialects have.

use crate::http::{Body, Fault, Request, Response};
use crate::state::Token;
use serde_json::Value;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// A request, taken apart.
#[derive(Debug)]
pub struct Call {
    pub method: String,
    /// Decoded, without what `--prefix` says.
    pub path: Vec<String>,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Path as it came, without the query.
    pub raw_path: String,
    /// Null when there is none or when it is not JSON.
    pub body: Value,
    pub headers: Vec<(String, String)>,
    pub auth: Auth,
    /// `http://127.0.0.1:PORT/prefix`, as the client called us.
    pub base: String,
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Auth {
    /// No token was sent.
    Nobody,
    /// A token that nobody gave out.
    Unknown {
        form: Form,
    },
    Expired {
        form: Form,
        token: Token,
    },
    Known {
        form: Form,
        token: Token,
    },
}

/// How the token was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `Authorization: Bearer …`
    Bearer,
    /// `Authorization: token …`
    Token,
    /// `Authorization: Basic …`
    Basic,
    /// `PRIVATE-TOKEN: …`
    PrivateToken,
    /// `JOB-TOKEN: …`
    JobToken,
}

impl Form {
    pub fn word(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Token => "token",
            Self::Basic => "basic",
            Self::PrivateToken => "private-token",
            Self::JobToken => "job-token",
        }
    }
}

impl Call {
    /// Takes a request apart; `prefix` is what stands before every path, without a slash at its end.
    /// None where the path does not begin with it.
    pub fn read(request: &Request, prefix: &str, tokens: &[Token]) -> Option<Self> {
        let (raw_path, raw_query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let rest = raw_path.strip_prefix(prefix)?;
        let path = rest.split('/').filter(|s| !s.is_empty()).map(decode);
        let query = raw_query.split('&').filter(|p| !p.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decode(&key.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        });
        let header = |name: &str| {
            let found = request.headers.iter().find(|(k, _)| k == name);
            found.map(|(_, v)| v.as_str())
        };
        Some(Self {
            method: request.method.clone(),
            path: path.collect(),
            query: query.collect(),
            raw_path: raw_path.to_owned(),
            body: serde_json::from_slice(&request.body).unwrap_or(Value::Null),
            auth: auth(&header, tokens),
            base: format!("http://{}{prefix}", header("host").unwrap_or("127.0.0.1")),
            headers: request.headers.clone(),
        })
    }

    /// Method and path, to be matched: `("GET", ["user"])`.
    pub fn at(&self) -> (&str, Vec<&str>) {
        (&self.method, self.path.iter().map(String::as_str).collect())
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(k, _)| k == name);
        found.map(|(_, v)| v.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(k, _)| k == name);
        found.map(|(_, v)| v.as_str())
    }

    /// A text of the body.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// A list of texts of the body, or one text with commas between.
    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.body.get(name)? {
            Value::Array(items) => Some(
                items
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            ),
            Value::String(text) => Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
            _ => None,
        }
    }

    /// A list of whole numbers of the body.
    pub fn numbers(&self, name: &str) -> Option<Vec<u64>> {
        let items = self.body.get(name)?.as_array()?;
        Some(items.iter().filter_map(Value::as_u64).collect())
    }

    /// Who asks, when the token is good.
    pub fn token(&self) -> Option<&Token> {
        match &self.auth {
            Auth::Known { token, .. } => Some(token),
            Auth::Nobody | Auth::Unknown { .. } | Auth::Expired { .. } => None,
        }
    }

    /// The page that is asked for, from 1, and how many are on it: what the query names, at most `most`.
    pub fn page(&self, size_name: &str, usual: usize, most: usize) -> (usize, usize) {
        let number = |name: &str| self.query(name).and_then(|v| v.parse::<usize>().ok());
        let size = number(size_name).filter(|n| *n > 0).unwrap_or(usual);
        (number("page").unwrap_or(1).max(1), size.min(most).max(1))
    }

    /// The query as it may stand in an address, with its question mark; empty where there is none.
    pub fn query_text(&self) -> String {
        let pairs: Vec<String> = self
            .query
            .iter()
            .map(|(k, v)| format!("{}={}", encode(k), encode(v)))
            .collect();
        match pairs.is_empty() {
            true => String::new(),
            false => format!("?{}", pairs.join("&")),
        }
    }

    /// This address with another page.
    fn page_url(&self, page: usize) -> String {
        let mut pairs: Vec<String> = self
            .query
            .iter()
            .filter(|(k, _)| k != "page")
            .map(|(k, v)| format!("{}={}", encode(k), encode(v)))
            .collect();
        pairs.push(format!("page={page}"));
        let host = self
            .base
            .splitn(4, '/')
            .take(3)
            .collect::<Vec<_>>()
            .join("/");
        format!("{host}{}?{}", self.raw_path, pairs.join("&"))
    }
}

/// One page of a list.
pub struct Page {
    pub items: Vec<Value>,
    pub number: usize,
    pub size: usize,
    pub total: usize,
}

impl Page {
    pub fn of(all: Vec<Value>, (number, size): (usize, usize)) -> Self {
        let total = all.len();
        let items = all
            .into_iter()
            .skip((number - 1) * size)
            .take(size)
            .collect();
        Self {
            items,
            number,
            size,
            total,
        }
    }

    pub fn pages(&self) -> usize {
        self.total.div_ceil(self.size).max(1)
    }

    /// The list, with `Link` where there is more than one page.
    pub fn reply(self, call: &Call) -> Reply {
        let last = self.pages();
        let mut links = Vec::new();
        let mut link = |page: usize, rel: &str| {
            links.push(format!("<{}>; rel=\"{rel}\"", call.page_url(page)));
        };
        if self.number > 1 {
            link(1, "first");
            link(self.number - 1, "prev");
        }
        if self.number < last {
            link(self.number + 1, "next");
            link(last, "last");
        }
        let reply = Reply::json(200, Value::Array(self.items));
        match links.is_empty() {
            true => reply,
            false => reply.header("link", &links.join(", ")),
        }
    }
}

/// What is answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Option<Value>,
}

impl Reply {
    pub fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Some(body),
        }
    }

    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With an ETag where it is a good answer to a GET; 304 where the client has it.
    pub fn tagged(mut self, call: &Call) -> Self {
        if call.method != "GET" || self.status != 200 {
            return self;
        }
        let mut hasher = DefaultHasher::new();
        self.body.as_ref().map(Value::to_string).hash(&mut hasher);
        // A page's links are part of the answer.
        self.headers.hash(&mut hasher);
        let tag = format!("W/\"{:016x}\"", hasher.finish());
        if call.header("if-none-match") == Some(&tag) {
            self.status = 304;
            self.body = None;
        }
        self.header("etag", &tag)
    }

    pub fn response(&self) -> Response {
        let mut response = match &self.body {
            None => Response::bare(self.status, Body::None),
            Some(body) => Response::json(self.status, body),
        };
        response.headers.extend(self.headers.iter().cloned());
        response.fault = Fault::None;
        response
    }
}

fn auth<'a>(header: &impl Fn(&str) -> Option<&'a str>, tokens: &[Token]) -> Auth {
    let sent = if let Some(value) = header("private-token") {
        Some((Form::PrivateToken, value.to_owned()))
    } else if let Some(value) = header("job-token") {
        Some((Form::JobToken, value.to_owned()))
    } else {
        header("authorization").and_then(|value| {
            let (scheme, rest) = value.split_once(' ')?;
            match scheme.to_ascii_lowercase().as_str() {
                "bearer" => Some((Form::Bearer, rest.to_owned())),
                "token" => Some((Form::Token, rest.to_owned())),
                "basic" => Some((Form::Basic, rest.to_owned())),
                _ => None,
            }
        })
    };
    let Some((form, value)) = sent else {
        return Auth::Nobody;
    };
    match tokens.iter().find(|t| t.value == value) {
        None => Auth::Unknown { form },
        Some(token) if token.expired => Auth::Expired {
            form,
            token: token.clone(),
        },
        Some(token) => Auth::Known {
            form,
            token: token.clone(),
        },
    }
}

/// Percent-encoded text; what is not valid stays as it is.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// As it may stand in a query.
pub fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
