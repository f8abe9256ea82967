//! Which part of a credentials file that an agent refreshed goes back to the user. Pure.
//!
//! The file comes out of a folder in which a model could write. Only the values that a refresh changes are taken
//! over, into the user's own text, each only where the user's has one of the same kind; and only where the whole
//! still looks like the file that was copied.

use super::agent::Refresh;
use serde_json::Value;

/// Longest token.
const MAX_TOKEN: usize = 32 << 10;

/// Why what an agent left as its credentials does not go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strange {
    NotJson,
    /// Something that the copied file had is gone, or of another kind.
    OtherShape,
    /// A value that no refresh changes is another one: another account.
    OtherAccount,
    /// It does not last longer than what was copied.
    NotNewer,
    /// The user's own file is not what this agent refreshes.
    NotRefreshable,
}

impl Strange {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::NotJson => "they are not JSON any more",
            Self::OtherShape => "something in them is gone or of another kind",
            Self::OtherAccount => "they are of another account",
            Self::NotNewer => "they are no newer than the user's",
            Self::NotRefreshable => "the user's hold no token that is refreshed",
        }
    }
}

/// The user's text with the tokens that were refreshed.
///
/// # Errors
/// None of it is to be used.
pub(super) fn refreshed(own: &[u8], left: &[u8], rule: &Refresh) -> Result<Vec<u8>, Strange> {
    let mut own_value: Value = serde_json::from_slice(own).map_err(|_| Strange::NotRefreshable)?;
    let left: Value = serde_json::from_slice(left).map_err(|_| Strange::NotJson)?;
    let (Value::Object(had), Value::Object(has)) = (&own_value, &left) else {
        return Err(Strange::OtherShape);
    };
    if !had.keys().all(|key| has.contains_key(key)) {
        return Err(Strange::OtherShape);
    }
    for path in rule.same {
        for exact in places(&own_value, path) {
            if own_value.pointer(&exact) != left.pointer(&exact) {
                return Err(Strange::OtherAccount);
            }
        }
    }
    let mut found = Vec::new();
    for path in rule.fields {
        for exact in places(&own_value, path) {
            let (Some(had), Some(has)) = (own_value.pointer(&exact), left.pointer(&exact)) else {
                return Err(Strange::OtherShape);
            };
            if !is_alike(had, has) {
                return Err(Strange::OtherShape);
            }
            found.push((exact, has.clone()));
        }
    }
    if found.is_empty() {
        return Err(Strange::NotRefreshable);
    }
    if let Some(path) = rule.newer {
        let mut newer = false;
        for exact in places(&own_value, path) {
            match order(own_value.pointer(&exact), left.pointer(&exact)) {
                Some(std::cmp::Ordering::Greater) => newer = true,
                Some(std::cmp::Ordering::Equal) => {}
                Some(std::cmp::Ordering::Less) | None => return Err(Strange::NotNewer),
            }
        }
        if !newer {
            return Err(Strange::NotNewer);
        }
    }
    for (exact, value) in found {
        if let Some(place) = own_value.pointer_mut(&exact) {
            *place = value;
        }
    }
    let text = match own.trim_ascii().contains(&b'\n') {
        true => serde_json::to_vec_pretty(&own_value),
        false => serde_json::to_vec(&own_value),
    };
    text.map_err(|_| Strange::OtherShape)
}

/// What to do about credentials in the private folder before a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// The user has none.
    Remove,
    /// The user's are to be put there.
    Copy,
    /// They are the user's.
    Keep,
    /// An earlier run refreshed them and did not come to giving them back: this is to be the user's text.
    GiveBack(Vec<u8>),
}

/// The decision, given the user's own and what the private folder holds.
pub(super) fn before(own: Option<&[u8]>, left: Option<&[u8]>, rule: Option<&Refresh>) -> Before {
    match (own, left) {
        (None, _) => Before::Remove,
        (Some(own), Some(left)) if own == left => Before::Keep,
        (Some(own), Some(left)) => {
            // Without a time in it nothing says which is newer, and the user's are the user's.
            let rule = rule.filter(|r| r.newer.is_some());
            match rule.map(|rule| refreshed(own, left, rule)) {
                Some(Ok(text)) => Before::GiveBack(text),
                Some(Err(_)) | None => Before::Copy,
            }
        }
        (Some(_), None) => Before::Copy,
    }
}

/// The places that a pointer names, `*` standing for every key.
fn places(value: &Value, path: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for step in path.split('/').skip(1) {
        let mut next = Vec::new();
        for place in found {
            let Some(Value::Object(map)) = value.pointer(&place) else {
                continue;
            };
            let keys: Vec<&String> = match step {
                "*" => map.keys().collect(),
                name => map.keys().filter(|key| *key == name).collect(),
            };
            let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
            next.extend(keys.iter().map(|key| format!("{place}/{}", escaped(key))));
        }
        found = next;
    }
    found
}

/// Two values of one kind, neither of them larger than a token is.
fn is_alike(had: &Value, has: &Value) -> bool {
    match (had, has) {
        (Value::String(_), Value::String(token)) => {
            !token.is_empty()
                && token.len() <= MAX_TOKEN
                && token.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        }
        (Value::Number(_), Value::Number(_)) | (Value::Null, Value::Null) => true,
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            _,
        ) => false,
    }
}

/// How a time that is new stands to one that is old: numbers, or texts of RFC 3339 in UTC.
fn order(had: Option<&Value>, has: Option<&Value>) -> Option<std::cmp::Ordering> {
    match (had?, has?) {
        (Value::Number(had), Value::Number(has)) => has.as_f64()?.partial_cmp(&had.as_f64()?),
        (Value::String(had), Value::String(has)) => {
            let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok();
            Some(time(has)?.cmp(&time(had)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::refresh::{CLAUDE, CODEX, OPENCODE};
    use super::*;
    use proptest::prelude::*;

    fn claude(access: &str, refresh: &str, expires: i64) -> String {
        format!(
            r#"{{"claudeAiOauth":{{"accessToken":"{access}","refreshToken":"{refresh}","expiresAt":{expires},"scopes":["user:inference"],"subscriptionType":"max"}}}}"#
        )
    }

    fn text(result: Result<Vec<u8>, Strange>) -> Value {
        serde_json::from_slice(&result.unwrap()).unwrap()
    }

    #[test]
    fn a_refresh_is_taken_over_and_nothing_else() {
        let own = claude("a1", "r1", 10);
        let left = claude("a2", "r2", 20).replace("user:inference", "everything");
        let left = left.replacen('{', r#"{"mcpOAuth":{"evil":{}},"#, 1);
        let merged = text(refreshed(own.as_bytes(), left.as_bytes(), &CLAUDE));
        let expected: Value = serde_json::from_str(&claude("a2", "r2", 20)).unwrap();
        assert_eq!(merged, expected);
    }

    #[test]
    fn what_is_strange_stays() {
        let own = claude("a1", "r1", 10);
        for (left, why) in [
            (claude("a2", "r2", 10), Strange::NotNewer),
            (claude("a2", "r2", 9), Strange::NotNewer),
            ("{".to_owned(), Strange::NotJson),
            ("{}".to_owned(), Strange::OtherShape),
            ("[]".to_owned(), Strange::OtherShape),
            (r#"{"claudeAiOauth":{}}"#.to_owned(), Strange::OtherShape),
            (claude("", "r2", 20), Strange::OtherShape),
            (claude("a\\nb", "r2", 20), Strange::OtherShape),
            (
                claude("a2", "r2", 20).replace("\"a2\"", "{}"),
                Strange::OtherShape,
            ),
            (claude(&"a".repeat(40_000), "r2", 20), Strange::OtherShape),
        ] {
            let result = refreshed(own.as_bytes(), left.as_bytes(), &CLAUDE);
            assert_eq!(result, Err(why), "{left:.80}");
        }
        let key = br#"{"OPENAI_API_KEY":"sk-1"}"#;
        let other = br#"{"OPENAI_API_KEY":"sk-2"}"#;
        assert_eq!(refreshed(key, other, &CODEX), Err(Strange::NotRefreshable));
    }

    #[test]
    fn another_account_does_not_come_back() {
        let file = |account: &str, access: &str, at: &str| {
            format!(
                r#"{{"OPENAI_API_KEY":null,"tokens":{{"id_token":"i","access_token":"{access}","refresh_token":"r","account_id":"{account}"}},"last_refresh":"{at}"}}"#
            )
        };
        let own = file("me", "a1", "2026-01-01T00:00:00.5Z");
        let fine = file("me", "a2", "2026-01-02T00:00:00Z");
        let merged = text(refreshed(own.as_bytes(), fine.as_bytes(), &CODEX));
        assert_eq!(merged["tokens"]["access_token"], "a2");
        assert_eq!(merged["last_refresh"], "2026-01-02T00:00:00Z");
        let other = file("them", "a2", "2026-01-02T00:00:00Z");
        assert_eq!(
            refreshed(own.as_bytes(), other.as_bytes(), &CODEX),
            Err(Strange::OtherAccount)
        );
    }

    #[test]
    fn every_provider_of_a_file_on_its_own() {
        let own = r#"{"a/b":{"type":"oauth","access":"1","refresh":"1","expires":1},"k":{"type":"api","key":"K"}}"#;
        let left = r#"{"a/b":{"type":"oauth","access":"2","refresh":"2","expires":2},"k":{"type":"api","key":"EVIL"}}"#;
        let merged = text(refreshed(own.as_bytes(), left.as_bytes(), &OPENCODE));
        assert_eq!(merged["a/b"]["access"], "2");
        assert_eq!(merged["k"]["key"], "K");
    }

    #[test]
    fn before_a_run() {
        let (old, new) = (claude("a1", "r1", 10), claude("a2", "r2", 20));
        let (old, new) = (old.as_bytes(), new.as_bytes());
        let rule = Some(&CLAUDE);
        assert_eq!(before(None, Some(old), rule), Before::Remove);
        assert_eq!(before(Some(old), None, rule), Before::Copy);
        assert_eq!(before(Some(old), Some(old), rule), Before::Keep);
        assert_eq!(before(Some(new), Some(old), rule), Before::Copy);
        assert!(matches!(
            before(Some(old), Some(new), rule),
            Before::GiveBack(_)
        ));
        assert_eq!(before(Some(old), Some(new), None), Before::Copy);
    }

    /// JSON of a few names and depths, much of it like the real files.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            (0..30_i64).prop_map(Value::from),
            "[a-c]{0,3}".prop_map(Value::from),
        ];
        let name = prop_oneof![
            Just("claudeAiOauth"),
            Just("accessToken"),
            Just("refreshToken"),
            Just("expiresAt"),
            Just("access"),
            Just("refresh"),
            Just("expires"),
            Just("type"),
            Just("a/b~"),
        ];
        leaf.prop_recursive(3, 24, 5, move |inner| {
            proptest::collection::btree_map(name.clone(), inner, 0..5).prop_map(|map| {
                let own = map.into_iter().map(|(k, v)| (k.to_owned(), v));
                Value::Object(own.collect())
            })
        })
    }

    proptest! {
        /// Whatever an agent leaves, only tokens and their times become the user's.
        #[test]
        fn nothing_but_tokens_comes_back(own in json(), left in json(), which in any::<bool>()) {
            let rule = if which { &CLAUDE } else { &OPENCODE };
            let own_text = own.to_string();
            if let Ok(text) = refreshed(own_text.as_bytes(), left.to_string().as_bytes(), rule) {
                let mut merged: Value = serde_json::from_slice(&text).unwrap();
                for path in rule.fields {
                    for exact in places(&own, path) {
                        *merged.pointer_mut(&exact).unwrap() = own.pointer(&exact).unwrap().clone();
                    }
                }
                prop_assert_eq!(merged, own);
            }
        }

        #[test]
        fn no_bytes_are_too_strange(own in any::<Vec<u8>>(), left in any::<Vec<u8>>()) {
            prop_assert!(refreshed(&own, &left, &CODEX).is_err());
            before(Some(&own), Some(&left), Some(&CODEX));
        }
    }
}
