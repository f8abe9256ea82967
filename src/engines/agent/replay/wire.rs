//! The cassette as it is written: JSON lines to a [`Cassette`]. Pure.

use super::{Cassette, CassetteError, Line, Plays, VERSION, Whose};
use crate::model::{Cost, EngineError, Usage};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderWire {
    cassette: u64,
    model: Option<String>,
    /// For people; read so that it is not unknown.
    #[serde(rename = "note")]
    _note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineWire {
    chunk: Option<String>,
    title_contains: Option<String>,
    attempt: Option<u32>,
    fixes: Option<u32>,
    text: Option<String>,
    calls: Option<Vec<CallWire>>,
    usage: Option<UsageWire>,
    cost_usd: Option<f64>,
    error: Option<ErrorWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallWire {
    name: String,
    arguments: Option<Map<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageWire {
    input: Option<u64>,
    cached: Option<u64>,
    output: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorWire {
    kind: Kind,
    until: Option<DateTime<Utc>>,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    RateLimited,
    Overloaded,
    Credit,
    Auth,
    ContextTooLong,
    InvalidRequest,
    Refusal,
    Budget,
    Transient,
    Protocol,
    NotStarted,
    Hang,
}

pub(super) fn parse(name: &str, text: &str) -> Result<Cassette, CassetteError> {
    let mut cassette = Cassette {
        name: name.to_owned(),
        model: "replay".to_owned(),
        lines: Vec::new(),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let written = text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty());
    for (position, (index, line)) in written.enumerate() {
        let fail = |message: String| CassetteError {
            name: name.to_owned(),
            line: index + 1,
            message,
        };
        let value: Value = serde_json::from_str(line).map_err(|e| fail(not_json(&e)))?;
        if !value.is_object() {
            return Err(fail("a line is a JSON object".to_owned()));
        }
        if value.get("cassette").is_none() {
            let wire: LineWire = serde_json::from_value(value).map_err(|e| fail(e.to_string()))?;
            cassette.lines.push(line_of(wire).map_err(fail)?);
        } else if position == 0 {
            let wire: HeaderWire =
                serde_json::from_value(value).map_err(|e| fail(e.to_string()))?;
            if wire.cassette != VERSION {
                let message = format!(
                    "cassette version {} is not known; this program plays {VERSION}",
                    wire.cassette
                );
                return Err(fail(message));
            }
            cassette.model = wire.model.unwrap_or(cassette.model);
        } else {
            return Err(fail("a header can only be the first line".to_owned()));
        }
    }
    Ok(cassette)
}

/// The parser's message with the place in this line: it has seen one line only.
fn not_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    format!("not JSON at column {}: {what}", error.column())
}

fn line_of(wire: LineWire) -> Result<Line, String> {
    let whose = match (wire.chunk, wire.title_contains) {
        (Some(_), Some(_)) => return Err("give `chunk` or `title_contains`, not both".to_owned()),
        (None, None) => {
            return Err("whose answer is it? give `chunk` or `title_contains`".to_owned());
        }
        (Some(name), None) if name == "*" => Whose::Any,
        (Some(name), None) => Whose::Named(name),
        (None, Some(part)) => Whose::TitleContains(part),
    };
    if wire.attempt == Some(0) {
        return Err("`attempt` counts from 1".to_owned());
    }
    let has_reply = wire.text.is_some() || wire.calls.is_some();
    let plays = match wire.error {
        Some(_) if has_reply || wire.usage.is_some() || wire.cost_usd.is_some() => {
            return Err(
                "an `error` comes in place of `text`, `calls`, `usage` and `cost_usd`".to_owned(),
            );
        }
        Some(error) => error_of(error)?,
        None if !has_reply => {
            return Err("the line says nothing: give `text`, `calls` or `error`".to_owned());
        }
        None => Plays::Reply {
            text: wire.text.unwrap_or_default(),
            calls: wire
                .calls
                .unwrap_or_default()
                .into_iter()
                .map(call_of)
                .collect(),
            usage: usage_of(&wire.usage.unwrap_or_default()),
            cost: cost_of(wire.cost_usd)?,
        },
    };
    Ok(Line {
        whose,
        attempt: wire.attempt,
        fixes: wire.fixes,
        plays,
    })
}

fn call_of(wire: CallWire) -> (String, Value) {
    (wire.name, Value::Object(wire.arguments.unwrap_or_default()))
}

fn usage_of(wire: &UsageWire) -> Usage {
    Usage {
        input: wire.input,
        cached: wire.cached,
        output: wire.output,
    }
}

fn cost_of(usd: Option<f64>) -> Result<Cost, String> {
    match usd {
        None => Ok(Cost::Unknown),
        Some(usd) if usd >= 0.0 => Ok(Cost::Usd(usd)),
        Some(usd) => Err(format!("`cost_usd` is an amount of money, not {usd}")),
    }
}

fn error_of(wire: ErrorWire) -> Result<Plays, String> {
    let ErrorWire {
        kind,
        until,
        message,
    } = wire;
    if until.is_some() && !matches!(kind, Kind::RateLimited) {
        return Err("`until` belongs to `rate_limited` only".to_owned());
    }
    Ok(Plays::Error(match kind {
        Kind::RateLimited => EngineError::RateLimited { until, message },
        Kind::Overloaded => EngineError::Overloaded {
            until: None,
            message,
        },
        Kind::Credit => EngineError::Credit { message },
        Kind::Auth => EngineError::Auth { message },
        Kind::ContextTooLong => EngineError::ContextTooLong { message },
        Kind::InvalidRequest => EngineError::InvalidRequest { message },
        Kind::Refusal => EngineError::Refusal { message },
        Kind::Budget => EngineError::Budget { message },
        Kind::Transient => EngineError::Transient {
            until: None,
            message,
        },
        Kind::Protocol => EngineError::Protocol { message },
        Kind::NotStarted => EngineError::NotStarted { message },
        Kind::Hang => return Ok(Plays::Hang),
    }))
}
