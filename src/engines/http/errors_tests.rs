//! One row for each refusal that providers are known to send.

use super::*;
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::json;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn judged(status: u16, headers: &[(&str, &str)], body: &str) -> EngineError {
    let redactor = Redactor::new([SecretString::from("key-of-the-user")]);
    let speaker = Speaker {
        host: "api.example.com",
        redactor: &redactor,
    };
    let headers = Headers::new(headers.iter().map(|(n, v)| (*n, *v)));
    of_status(
        status,
        &headers,
        &Said::read(body.as_bytes()),
        &speaker,
        now(),
    )
}

fn kind(error: &EngineError) -> &'static str {
    match error {
        EngineError::RateLimited { until: None, .. } => "limited",
        EngineError::RateLimited { until: Some(_), .. } => "limited until",
        EngineError::Overloaded { until: None, .. } => "overloaded",
        EngineError::Overloaded { until: Some(_), .. } => "overloaded until",
        EngineError::Transient { until: None, .. } => "transient",
        EngineError::Transient { until: Some(_), .. } => "transient until",
        EngineError::Credit { .. } => "credit",
        EngineError::Auth { .. } => "auth",
        EngineError::ContextTooLong { .. } => "context",
        EngineError::InvalidRequest { .. } => "invalid",
        EngineError::Refusal { .. } => "refusal",
        EngineError::TimedOut { .. }
        | EngineError::Stalled { .. }
        | EngineError::NoConnection { .. }
        | EngineError::NoAnswer { .. }
        | EngineError::TurnLimit { .. }
        | EngineError::Budget { .. }
        | EngineError::AllowanceSpent { .. }
        | EngineError::Protocol { .. }
        | EngineError::NotStarted { .. } => "another",
    }
}

#[test]
fn every_refusal_has_its_meaning() {
    let openai = |kind: &str, code: &str, message: &str| {
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            .to_string()
    };
    let anthropic = |kind: &str, message: &str| {
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
            .to_string()
    };
    let router = |code: u16, metadata: Value| {
        json!({"error": {"code": code, "message": "from the router", "metadata": metadata}})
            .to_string()
    };
    let after = &[("retry-after", "7")][..];
    for (status, headers, body, want) in [
        (401, &[][..], openai("invalid_request_error", "invalid_api_key", "Incorrect API key"), "auth"),
        (401, &[], r#"{"error":"Invalid username or password."}"#.into(), "auth"),
        (401, &[], anthropic("authentication_error", "invalid x-api-key"), "auth"),
        (403, &[], anthropic("permission_error", "no access"), "auth"),
        (403, &[], router(403, json!({"reasons": ["violence"], "flagged_input": "…"})), "refusal"),
        (402, &[], r#"{"error":"You have exceeded your monthly included credits"}"#.into(), "credit"),
        (402, &[], anthropic("billing_error", "add credits"), "credit"),
        (429, after, openai("insufficient_quota", "insufficient_quota", "You exceeded your quota"), "credit"),
        (400, &[], anthropic("invalid_request_error", "Your credit balance is too low to access the API."), "credit"),
        (429, &[], openai("requests", "rate_limit_exceeded", "slow down"), "limited"),
        (429, after, openai("tokens", "rate_limit_exceeded", "slow down"), "limited until"),
        (429, &[], openai("tokens", "rate_limit_exceeded", "Please try again in 6.2s."), "limited until"),
        (429, after, anthropic("rate_limit_error", "slow down"), "limited until"),
        (429, &[], "<html>Too many requests</html>".into(), "limited"),
        (429, &[], router(429, json!({"headers": {"X-RateLimit-Reset": "1800000042000"}})), "limited until"),
        (529, &[], anthropic("overloaded_error", "Overloaded"), "overloaded"),
        (529, after, anthropic("overloaded_error", "Overloaded"), "overloaded until"),
        (503, &[], String::new(), "overloaded"),
        (500, &[], anthropic("overloaded_error", "Overloaded"), "overloaded"),
        (500, &[], anthropic("api_error", "Internal server error"), "transient"),
        (500, after, openai("server_error", "", "try later"), "transient until"),
        (502, &[], "<html>Bad gateway</html>".into(), "transient"),
        (504, &[], String::new(), "transient"),
        (408, &[], String::new(), "transient"),
        // How full a limit is says nothing about a server that is down.
        (500, &[("x-ratelimit-reset-tokens", "6m0s")], String::new(), "transient"),
        (400, &[], openai("invalid_request_error", "context_length_exceeded", "too many tokens"), "context"),
        (400, &[], anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), "context"),
        (413, &[], anthropic("request_too_large", "Request exceeds the maximum size"), "context"),
        (400, &[], r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#.into(), "context"),
        (422, &[], r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096","error_type":"validation"}"#.into(), "context"),
        (400, &[], openai("", "content_filter", "The response was filtered"), "refusal"),
        (400, &[], anthropic("invalid_request_error", "messages: at least one message is required"), "invalid"),
        (404, &[], openai("invalid_request_error", "model_not_found", "no such model"), "invalid"),
        (422, &[], r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#.into(), "invalid"),
        (418, &[], String::new(), "invalid"),
        // A message of a model or a person decides nothing.
        (400, &[], openai("invalid_request_error", "", "rate_limit_exceeded 429 insufficient_quota"), "invalid"),
    ] {
        let error = judged(status, headers, &body);
        assert_eq!(kind(&error), want, "{status} {body}: {error:?}");
    }
}

#[test]
fn an_error_within_a_stream_means_what_its_status_would() {
    let redactor = Redactor::new([]);
    let speaker = Speaker {
        host: "h",
        redactor: &redactor,
    };
    for (body, want) in [
        (
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            "overloaded",
        ),
        (
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "try again in 5m"}}),
            "limited until",
        ),
        (
            json!({"type": "error", "error": {"type": "api_error", "message": "x"}}),
            "transient",
        ),
        (
            json!({"error": {"code": 502, "message": "provider down"}}),
            "transient",
        ),
        (
            json!({"error": {"code": 402, "message": "no credits"}}),
            "credit",
        ),
        (
            json!({"error": {"code": "server_error", "message": "provider down"}}),
            "transient",
        ),
        (json!({"error": "boom"}), "transient"),
        (
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}),
            "context",
        ),
    ] {
        assert_eq!(
            kind(&within_stream(
                &Said::of(&body),
                Headers::default(),
                &speaker,
                now()
            )),
            want,
            "{body}"
        );
    }
}

#[test]
fn messages_name_the_host_and_hold_no_key() {
    let error = judged(
        401,
        &[],
        r#"{"error":{"message":"no such key: key-of-the-user\u001b[31m\n(sk-abcdefghijklmnopqrstuvwxyz)","type":"key-of-the-user"}}"#,
    );
    let EngineError::Auth { message } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        message,
        "api.example.com answered 401 ([redacted]): no such key: [redacted][31m ([redacted])"
    );
    let EngineError::Transient { message, .. } = judged(500, &[], &"é".repeat(5000)) else {
        panic!()
    };
    assert!(message.len() < MAX_MESSAGE + 60, "{}", message.len());
}

#[test]
fn a_kind_of_error_is_as_foreign_as_its_words() {
    let body = "{\"error\": {\"type\": \"m\\ness\\u001b[2Jage\", \"code\": \"KEY-of-the-user\\r\", \"message\": \"no\"}}";
    let EngineError::InvalidRequest { message } = judged(400, &[], body) else {
        panic!()
    };
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(!message.contains("key-of-the-user"), "{message}");
    let long = format!("{{\"error\": {{\"type\": \"{}\"}}}}", "a".repeat(100_000));
    let EngineError::InvalidRequest { message } = judged(400, &[], &long) else {
        panic!()
    };
    assert!(message.len() < 2 * MAX_MESSAGE + 60, "{}", message.len());
}

#[test]
fn a_redirect_names_its_host_only() {
    for (location, want) in [
        (
            "https://user:key-of-the-user@evil.example/v1?x=1",
            "a redirect to `evil.example`, ",
        ),
        ("//other.example", "a redirect to `other.example`, "),
        ("/v2/chat", "a redirect to another path of the same host, "),
        ("", "a redirect to another path of the same host, "),
    ] {
        let error = judged(307, &[("Location", location)], "");
        let EngineError::InvalidRequest { message } = error else {
            panic!("{error:?}")
        };
        assert!(
            message.contains(want) && message.contains("api.example.com answered 307"),
            "{message}"
        );
    }
}

proptest! {
    #[test]
    fn any_body_is_survived(status in 300u16..700, body in "\\PC{0,60}|[{}\\[\\]\":,a-z0-9]{0,40}") {
        judged(status, &[], &body);
    }
}
