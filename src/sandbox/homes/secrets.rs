//! The values in an agent's credentials that no output may repeat.

use super::agent::{Agent, What};
use super::beneath::Beneath;
use super::own::{self, MAX_FILE};
use super::{folder_of, place_of};
use secrecy::SecretString;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Shorter ones are words and numbers, not tokens.
const SHORTEST: usize = 12;

/// Tokens and keys in the user's credentials and settings for this agent, as far as they are written down in files.
/// Those that an agent gets while it runs are not among them: [`Watched`] finds these.
pub fn secrets(agent: &'static Agent, env: &[(String, String)]) -> Vec<SecretString> {
    let mut found = BTreeSet::new();
    let Some(home) = folder_of(env, "HOME") else {
        return Vec::new();
    };
    for folder in agent.folders {
        let place = place_of(env, folder, home.clone());
        let roots = place.roots();
        for item in folder.copied {
            let is_credentials = match item.what {
                What::Credentials(_) => true,
                What::File | What::Keys(_) if item.path.ends_with(".json") => false,
                What::File | What::Keys(_) | What::Tree => continue,
            };
            if let Ok(Some((_, bytes))) = own::file(&place.of(item), &roots) {
                let mut own = values(&bytes);
                // Settings name programs that tell a key, addresses, and models.
                own.retain(|value| is_credentials || is_like_a_token(value));
                found.extend(own);
            }
        }
    }
    found.into_iter().map(SecretString::from).collect()
}

fn is_like_a_token(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit())
        && !value.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '$' | '~' | '{'))
}

/// Files of credentials in a private home, looked at again only where they changed.
#[derive(Default)]
pub(super) struct Watched {
    files: Vec<(String, Cell<Option<Stamp>>)>,
}

/// Which file it is, its size, and its ctime.
type Stamp = (u64, u64, i64, i64);

impl Watched {
    /// A path below the private folder.
    pub(super) fn add(&mut self, at: &str) {
        self.files.push((at.to_owned(), Cell::new(None)));
    }

    /// Values in those that changed since they were last asked for.
    pub(super) fn fresh(&self, private: &Path) -> Vec<SecretString> {
        let mut found = BTreeSet::new();
        for (at, seen) in &self.files {
            // A hint only, which may be led astray by links; what is read is opened beneath the folder.
            let now = private.join(at).symlink_metadata().ok();
            let now = now.map(|m| (m.ino(), m.len(), m.ctime(), m.ctime_nsec()));
            if now.is_none() || now == seen.get() {
                continue;
            }
            let read = Beneath::open(private).and_then(|root| root.read(at, MAX_FILE));
            if let Ok(Some(bytes)) = read {
                found.extend(values(&bytes));
            }
            seen.set(now);
        }
        found.into_iter().map(SecretString::from).collect()
    }
}

/// Values of JSON by the names of their keys; of `name=value` and `name: value` lines all that are long enough.
fn values(bytes: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(value) => of_json(value, &mut found),
        Err(_) => {
            for line in String::from_utf8_lossy(bytes).lines() {
                let value = line.split_once(['=', ':']).map(|(_, value)| value);
                let value = value.unwrap_or("").trim().trim_matches(['"', '\'']);
                if value.len() >= SHORTEST && !line.trim_start().starts_with('#') {
                    found.insert(value.to_owned());
                }
            }
        }
    }
    found
}

fn of_json(value: serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let key = key.to_ascii_lowercase();
                let secret = ["token", "key", "secret", "access", "refresh", "password"];
                match value {
                    serde_json::Value::String(text) => {
                        if text.len() >= SHORTEST && secret.iter().any(|word| key.contains(word)) {
                            found.insert(text);
                        }
                    }
                    other => of_json(other, found),
                }
            }
        }
        serde_json::Value::Array(items) => items.into_iter().for_each(|v| of_json(v, found)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_by_their_names() {
        let found = |text: &str| values(text.as_bytes()).into_iter().collect::<Vec<_>>();
        let json = r#"{"claudeAiOauth":{"accessToken":"sk-ant-oat01-x","refreshToken":"sk-ant-ort01-x",
            "scopes":["user:inference"],"subscriptionType":"enterprise-x"},"keys":[{"api_key":"0123456789ab"}]}"#;
        assert_eq!(
            found(json),
            ["0123456789ab", "sk-ant-oat01-x", "sk-ant-ort01-x"]
        );
        let lines = "# OLD=sk-old-0123456789\nGEMINI_API_KEY=\"AIza0123456789\"\nopenai: sk-0123456789ab\nX=1\n";
        assert_eq!(found(lines), ["AIza0123456789", "sk-0123456789ab"]);
        assert_eq!(found("\u{0}\u{1}"), [""; 0]);
    }
}
