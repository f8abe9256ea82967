//! Secrets in files that keep credentials: of agents, forges' command lines, package registries, clouds.

use crate::model::secret::{is_ordinary_value, is_secret_name};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeSet;

/// Values shorter than this are not taken for secrets: a switch, a port.
const SHORTEST: usize = 8;

/// Depth to which JSON is followed.
const DEPTH: usize = 32;

/// The secrets in such a file, whatever its format: JSON, or lines of `name = value`, `name: value` and `name value`,
/// and passwords in addresses. What it cannot read it passes over.
pub fn secrets_in_file(text: &str) -> Vec<SecretString> {
    let mut found = BTreeSet::new();
    match serde_json::from_str::<Value>(text) {
        Ok(value) => of_json("", &value, DEPTH, &mut found),
        Err(_) => of_lines(text, &mut found),
    }
    for (at, _) in text.match_indices("://") {
        let rest = &text[at + 3..];
        let authority = rest.split(['/', '?', '#', '"', '\'', '\n', ' ']).next();
        let user = authority
            .and_then(|a| a.rsplit_once('@'))
            .map(|(user, _)| user);
        if let Some((_, password)) = user.and_then(|u| u.split_once(':')) {
            add("password", password, &mut found);
        }
    }
    found.into_iter().map(SecretString::from).collect()
}

fn of_json(name: &str, value: &Value, depth: usize, found: &mut BTreeSet<String>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::String(text) => {
            if is_secret(name) {
                add(name, text, found);
            }
        }
        Value::Array(all) => all.iter().for_each(|v| of_json(name, v, depth - 1, found)),
        Value::Object(fields) => {
            for (own, value) in fields {
                of_json(own, value, depth - 1, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn of_lines(text: &str, found: &mut BTreeSet<String>) {
    for line in text.lines() {
        let line = line.trim().trim_start_matches("- ");
        if line.starts_with(['#', ';']) && !line.contains("_authToken") {
            continue;
        }
        let cut = line.find(['=', ':']);
        // `//registry.example.org/:_authToken=…`: the name ends at the last one before the value.
        let cut = line
            .find("_authToken=")
            .map(|i| i + "_authToken".len())
            .or(cut);
        if let Some(at) = cut {
            let name = line[..at].trim().trim_matches(['"', '\'']);
            let name = name.rsplit([':', '/', ' ', '.']).next().unwrap_or(name);
            if is_secret(name) {
                add(name, line[at + 1..].trim(), found);
            }
        }
        // A header that git is told to send, as CI systems leave it in a repository's configuration.
        if line.to_ascii_lowercase().contains("authorization:") {
            add(
                "password",
                line.rsplit(' ').next().unwrap_or_default(),
                found,
            );
        }
        // netrc: `machine example.org login ann password …`.
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            if matches!(pair[0], "password" | "account") {
                add("password", pair[1], found);
            }
        }
    }
}

/// Names as variables have them, and as JSON does: `accessToken`, `id_token`, `_authToken`, `auth`.
fn is_secret(name: &str) -> bool {
    const NOT: [&str; 8] = [
        "uri",
        "url",
        "type",
        "expires",
        "expiry",
        "expires_at",
        "at",
        "id",
    ];
    const OWN: [&str; 6] = [
        "auth",
        "key",
        "access",
        "refresh",
        "id_token",
        "identitytoken",
    ];
    let mut words = String::with_capacity(name.len() + 4);
    let mut was_small = false;
    for c in name.chars() {
        if c.is_uppercase() && was_small {
            words.push('_');
        }
        was_small = c.is_lowercase();
        words.push(c);
    }
    let lower = words.to_ascii_lowercase();
    let last = lower.rsplit(['_', '-']).next().unwrap_or_default();
    if NOT.contains(&last) && !lower.ends_with("access_key_id") {
        return false;
    }
    is_secret_name(&words) || OWN.contains(&name.to_ascii_lowercase().as_str())
}

fn add(name: &str, value: &str, found: &mut BTreeSet<String>) {
    let value = value
        .trim_end_matches([',', ';'])
        .trim()
        .trim_matches(['"', '\'']);
    if value.chars().count() < SHORTEST || is_ordinary_value(name, value) {
        return;
    }
    let lines = value.lines().map(str::trim).chain([value]);
    found.extend(
        lines
            .filter(|l| l.len() >= SHORTEST && !l.starts_with("-----"))
            .map(str::to_owned),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn every_usual_format_is_read() {
        let cases: [(&str, &[&str]); 10] = [
            (
                r#"{"claudeAiOauth": {"accessToken": "aaaa-bbbb", "refreshToken": "cccc-dddd", "expiresAt": 17, "scopes": ["user:inference"]}}"#,
                &["aaaa-bbbb", "cccc-dddd"],
            ),
            (
                r#"{"OPENAI_API_KEY": "eeee-ffff", "tokens": {"id_token": "gggg-hhhh", "account_id": "not-this-one"}, "last_refresh": "2025-01-01"}"#,
                &["eeee-ffff", "gggg-hhhh"],
            ),
            (
                "github.com:\n    user: someone-else\n    oauth_token: iiii-jjjj\n    git_protocol: https\n",
                &["iiii-jjjj"],
            ),
            (
                "machine example.org\n  login someone-else\n  password kkkk-llll\n",
                &["kkkk-llll"],
            ),
            ("https://someone:mmmm-nnnn@example.org\n", &["mmmm-nnnn"]),
            (
                "//registry.npmjs.org/:_authToken=oooo-pppp\nregistry=https://registry.npmjs.org/\n",
                &["oooo-pppp"],
            ),
            (
                "[registry]\ntoken = \"qqqq-rrrr\"\n# token = \"not-this-one\"\n",
                &["qqqq-rrrr"],
            ),
            (
                "[default]\naws_access_key_id = ssss-tttt\naws_secret_access_key = uuuu-vvvv\nregion = eu-central-1\n",
                &["ssss-tttt", "uuuu-vvvv"],
            ),
            (
                r#"{"auths": {"https://index.docker.io/v1/": {"auth": "d3d3OnNlY3JldA=="}}}"#,
                &["d3d3OnNlY3JldA=="],
            ),
            (
                "[pypi]\nusername = __token__\npassword = wwww-xxxx\n",
                &["wwww-xxxx"],
            ),
        ];
        for (text, expected) in cases {
            let found = secrets_in_file(text);
            let found: Vec<&str> = found.iter().map(ExposeSecret::expose_secret).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_holds_no_secret_gives_none() {
        for text in [
            "",
            "{",
            "{}",
            "[[[",
            "token:",
            "= =",
            "\u{0}",
            "key: short",
            "password = postgres",
        ] {
            assert!(secrets_in_file(text).is_empty(), "{text}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(secrets_in_file(&deep).is_empty());
    }
}
