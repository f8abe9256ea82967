//! Cassettes: how a line is spaced does not matter, errors name a line that is there, and what is played depends on
//! nothing but the request.

use codelicious::engines::agent::replay::{Cassette, ReplayModel};
use codelicious::model::{ChunkId, EngineError, SpecId};
use codelicious::ports::{ChatModel, ChatReply, ChatRequest};
use serde_json::Value;
use std::time::Duration;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
}

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let cassette = match Cassette::parse("tape", text) {
        Ok(cassette) => cassette,
        Err(error) => {
            assert!((1..=text.lines().count()).contains(&error.line), "{error}");
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("tape:{}: ", error.line))
            );
            return;
        }
    };
    let read = text.strip_prefix('\u{feff}').unwrap_or(text);
    let spaced = format!(
        "\u{feff}\r\n{}\r\n",
        read.lines().collect::<Vec<_>>().join("\r\n \r\n")
    );
    assert_eq!(
        Cassette::parse("tape", &spaced).as_ref(),
        Ok(&cassette),
        "empty lines and line ends"
    );
    let values = read.lines().filter(|l| !l.trim().is_empty());
    let values: Vec<Value> = values
        .map(|l| serde_json::from_str(l).expect("it was read"))
        .collect();
    // The last digit of a fraction may change when it is written anew.
    if !values.iter().any(has_fraction) {
        let written: String = values.iter().map(|v| format!("{v}\n")).collect();
        assert_eq!(
            Cassette::parse("tape", &written).as_ref(),
            Ok(&cassette),
            "written anew, it is the same"
        );
    }

    let model = ReplayModel::new(cassette.clone());
    for (chunk, attempt, fixes) in [
        ("T001", 1, 0),
        ("T001", 2, 1),
        ("other", 1, 0),
        ("plan", 1, 0),
    ] {
        for turn in 0..4 {
            let request = request(chunk, attempt, fixes, turn);
            let first = reply(&model, &request);
            let again = reply(&ReplayModel::new(cassette.clone()), &request);
            assert_eq!(
                format!("{first:?}"),
                format!("{again:?}"),
                "a run that was killed plays on"
            );
            if let Ok(reply) = first {
                let ids: std::collections::BTreeSet<&str> =
                    reply.calls.iter().map(|c| c.id.as_str()).collect();
                assert_eq!(
                    ids.len(),
                    reply.calls.len(),
                    "every call has an id of its own"
                );
            }
        }
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn request(chunk: &str, attempt: u32, fixes: u32, turn: u32) -> ChatRequest {
    ChatRequest {
        spec: SpecId::new("spec"),
        chunk: ChunkId::new(chunk),
        title: "Add the {chunk} payment".to_owned(),
        attempt,
        fixes,
        turn,
        system: String::new(),
        messages: Vec::new(),
        tools: &[],
        stall: Duration::ZERO,
    }
}

fn reply(model: &ReplayModel, request: &ChatRequest) -> Result<ChatReply, EngineError> {
    RUNTIME.with(|runtime| runtime.block_on(model.reply(request)))
}
