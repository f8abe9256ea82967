//! The fault script: which request goes wrong, and how. The head of `forge_server.rs` documents it.

use crate::http::{Body, Fault, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A place in an answer, as the HTTP of the fakes knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub at: At,
    pub clean: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "answers here are whole documents; the HTTP of the fakes knows events too"
)]
pub enum At {
    Nothing,
    Events(usize),
    Bytes(usize),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    rules: Vec<Rule>,
    #[serde(rename = "comment")]
    _comment: Value,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    method: Option<String>,
    path: Option<String>,
    path_end: Option<String>,
    contains: Option<String>,
    nth: Option<u64>,
    times: Option<u64>,
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    content_type: Option<String>,
    garbage: Option<String>,
    after: bool,
    before: bool,
    cut: Option<Break>,
    stall: Option<Break>,
    pub delay_ms: Option<u64>,
    pub touch: Option<String>,
    pub wait_for: Option<String>,
    /// Requests that this rule's conditions held for, and how often it was played.
    #[serde(skip)]
    seen: u64,
    #[serde(skip)]
    played: u64,
    #[serde(rename = "comment")]
    _comment: Value,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Break {
    Nothing(bool),
    After { bytes: usize },
}

impl Break {
    fn place(self) -> Option<Place> {
        let at = match self {
            Self::Nothing(false) => return None,
            Self::Nothing(true) => At::Nothing,
            Self::After { bytes } => At::Bytes(bytes),
        };
        Some(Place { at, clean: false })
    }
}

impl Script {
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let script: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        for (at, rule) in script.rules.iter().enumerate() {
            if rule.before && rule.after {
                return Err(format!("rule {at}: it has both `before` and `after`"));
            }
        }
        Ok(script)
    }

    /// The rule that is played for a request, and its number. Every rule whose conditions hold counts it.
    pub fn choose(&mut self, method: &str, path: &str, body: &str) -> Option<(usize, Rule)> {
        let mut chosen = None;
        for (at, rule) in self.rules.iter_mut().enumerate() {
            if !rule.holds(method, path, body) {
                continue;
            }
            rule.seen += 1;
            let due = rule.nth.is_none_or(|n| n == rule.seen)
                && rule.times.is_none_or(|most| rule.played < most);
            if due && chosen.is_none() {
                rule.played += 1;
                chosen = Some((at, rule.clone()));
            }
        }
        chosen
    }
}

impl Rule {
    fn holds(&self, method: &str, path: &str, body: &str) -> bool {
        let bare = path.split('?').next().unwrap_or_default();
        self.method
            .as_ref()
            .is_none_or(|m| m.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|p| path.contains(p.as_str()))
            && self
                .path_end
                .as_ref()
                .is_none_or(|p| bare.ends_with(p.as_str()))
            && self
                .contains
                .as_ref()
                .is_none_or(|c| body.contains(c.as_str()))
    }

    /// The forge does what it was asked.
    pub fn acts(&self) -> bool {
        let wrong = self.status.is_some()
            || self.body.is_some()
            || self.garbage.is_some()
            || self.cut.is_some()
            || self.stall.is_some();
        self.after || !(self.before || wrong)
    }

    /// What is answered: `real`, where the forge acted, changed as the rule says.
    pub fn apply(&self, real: Option<Response>) -> Response {
        let says = self.status.is_some() || self.body.is_some() || self.garbage.is_some();
        let status = self.status.unwrap_or(match &real {
            Some(real) => real.status,
            None if says => 200,
            None => 500,
        });
        let mut response = match (real, says) {
            (Some(real), false) => real,
            (Some(_) | None, _) => self.made(status),
        };
        for (name, value) in &self.headers {
            response
                .headers
                .retain(|(k, _)| !k.eq_ignore_ascii_case(name));
            response.headers.push((name.clone(), fill(value)));
        }
        if let Some(place) = self.cut.and_then(Break::place) {
            response.fault = Fault::Cut(place);
        }
        if let Some(place) = self.stall.and_then(Break::place) {
            response.fault = Fault::Stall(place);
        }
        response
    }

    fn made(&self, status: u16) -> Response {
        let (bytes, kind) = match (&self.garbage, &self.body) {
            (Some(text), _) => (text.clone(), "application/json"),
            (None, Some(Value::String(text))) => (text.clone(), "text/html"),
            (None, Some(value)) => (value.to_string(), "application/json"),
            (None, None) => (json!({"message": "fault"}).to_string(), "application/json"),
        };
        let kind = self.content_type.as_deref().unwrap_or(kind);
        let mut response = Response::bare(status, Body::whole(bytes.into_bytes()));
        response
            .headers
            .push(("content-type".to_owned(), kind.to_owned()));
        response
    }
}

/// `{epoch}` and `{epoch+5s}`: seconds since 1970, so far from now.
fn fill(text: &str) -> String {
    let now = crate::now_ms().div_ceil(1000);
    let Some((before, rest)) = text.split_once("{epoch") else {
        return text.to_owned();
    };
    let Some((distance, after)) = rest.split_once('}') else {
        return text.to_owned();
    };
    let seconds: u64 = distance
        .trim_start_matches('+')
        .trim_end_matches('s')
        .parse()
        .unwrap_or(0);
    format!("{before}{}{after}", now + seconds)
}
