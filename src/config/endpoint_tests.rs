//! What is taken for an address, and what is refused.

use super::*;
use proptest::prelude::*;

#[test]
fn addresses_come_to_one_form() {
    for (text, base, chat) in [
        (
            HUGGINGFACE,
            "https://router.huggingface.co/v1",
            "https://router.huggingface.co/v1/chat/completions",
        ),
        (
            "https://openrouter.ai/api/v1/",
            "https://openrouter.ai/api/v1",
            "https://openrouter.ai/api/v1/chat/completions",
        ),
        (
            "HTTPS://API.OpenAI.com:443/v1/chat/completions",
            "https://api.openai.com/v1",
            "https://api.openai.com/v1/chat/completions",
        ),
        (
            "https://api.openai.com/v1/chat/completions/",
            "https://api.openai.com/v1",
            "https://api.openai.com/v1/chat/completions",
        ),
        (
            "https://me.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
            "https://me.openai.azure.com/openai/deployments/gpt-4o?api-version=2024-10-21",
            "https://me.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
        (
            "http://localhost:11434/v1",
            "http://localhost:11434/v1",
            "http://localhost:11434/v1/chat/completions",
        ),
        (
            "http://127.8.9.1:80",
            "http://127.8.9.1",
            "http://127.8.9.1/chat/completions",
        ),
        (
            "http://[0:0::1]:8080/a%20b",
            "http://[::1]:8080/a%20b",
            "http://[::1]:8080/a%20b/chat/completions",
        ),
        (
            "https://my_host-1.local:8443",
            "https://my_host-1.local:8443",
            "https://my_host-1.local:8443/chat/completions",
        ),
    ] {
        let endpoint = Endpoint::parse(text).unwrap();
        assert_eq!(endpoint.to_string(), base, "{text}");
        assert_eq!(endpoint.operation("chat/completions"), chat, "{text}");
        assert_eq!(Endpoint::parse(base), Ok(endpoint), "{text}");
    }
    let full = Endpoint::parse("https://api.anthropic.com/v1/messages").unwrap();
    assert_eq!(
        (full.path(), full.host().as_str(), full.port()),
        ("/v1", "api.anthropic.com", 443)
    );
    let address = Endpoint::parse("https://[fd00::1]/messages").unwrap();
    assert_eq!(
        (address.host().as_str(), address.path()),
        ("fd00::1", "/messages"),
        "only /v1/messages is an operation"
    );
}

#[test]
fn what_is_no_address_of_a_provider_is_refused() {
    use EndpointError::{
        Clear, Fragment, Host, NoHost, Path, Port, Query, Scheme, Space, TooLong, UserInfo,
    };
    let clear = |host: &str| Clear { host: host.into() };
    for (text, error) in [
        ("", Scheme),
        ("api.openai.com/v1", Scheme),
        ("ftp://api.openai.com", Scheme),
        ("file:///etc/passwd", Scheme),
        ("http://api.openai.com/v1", clear("api.openai.com")),
        (
            "http://localhost.evil.example",
            clear("localhost.evil.example"),
        ),
        ("http://10.0.0.1/v1", clear("10.0.0.1")),
        ("http://0.0.0.0:1", clear("0.0.0.0")),
        ("http://[::ffff:127.0.0.1]", clear("[::ffff:127.0.0.1]")),
        ("http://127.0.0.1.nip.io", clear("127.0.0.1.nip.io")),
        ("https://user:hunter22@api.openai.com", UserInfo),
        ("https://hunter22@api.openai.com/v1", UserInfo),
        ("https://api.openai.com/v1#hunter22", Fragment),
        ("https://", NoHost),
        ("https:///v1", NoHost),
        ("https://:443/v1", NoHost),
        ("https://a..b", Host),
        ("https://a.b.", Host),
        ("https://exämple.org", Host),
        ("https://a%2eb", Host),
        ("https://a\\b", Host),
        ("https://127.1", Host),
        ("https://0x7f.0.0.1", Host),
        ("https://0x7f000001", Host),
        ("https://2130706433", Host),
        ("https://0177.0.0.1", Host),
        ("https://1.2.3.4.5", Host),
        ("https://[::1", Host),
        ("https://[::1]8080", Host),
        ("https://[fe80::1%25eth0]", Host),
        ("https://::1/v1", Port),
        ("https://a:0", Port),
        ("https://a:65536", Port),
        ("https://a:+80", Port),
        ("https://a:", Port),
        ("https://a:80:90", Port),
        ("https://a/v1/../admin", Path),
        ("https://a/v1/%2E%2e/admin", Path),
        ("https://a//v1", Path),
        ("https://a/v1%2", Path),
        ("https://a/v1/<x>", Path),
        ("https://a/v1?key=hunter22", Query),
        ("https://a/v1?hunter22", Query),
        ("https://a/v1?api-version=2024-10-21&key=hunter22", Query),
        ("https://a/v1?api-version=", Query),
        ("https://a/v1?api-version=hunter22/", Query),
        (" https://a/v1", Space),
        ("https://a/v1\n", Space),
        ("https://a/v\u{7f}1", Space),
        ("https://a/v1\r\nHost: b", Space),
    ] {
        assert_eq!(Endpoint::parse(text), Err(error.clone()), "{text}");
        assert!(!error.to_string().contains("hunter22"), "{text}: {error}");
    }
    let long = format!("https://a/{}", "x".repeat(MAX_BYTES));
    assert_eq!(Endpoint::parse(&long), Err(TooLong));
}

proptest! {
    #[test]
    fn any_text_is_survived_and_a_good_one_is_read_again(text in "(https?://)?[a-z0-9.:\\[\\]@/?#%=_ -]{0,30}\\PC{0,6}") {
        if let Ok(endpoint) = Endpoint::parse(&text) {
            prop_assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint.clone()));
            prop_assert_eq!(Endpoint::parse(&endpoint.operation("chat/completions")), Ok(endpoint.clone()));
            prop_assert!(endpoint.is_encrypted() || endpoint.is_loopback());
        }
    }
}
