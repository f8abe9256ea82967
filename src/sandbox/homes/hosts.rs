//! Whom an agent talks to: its own API's hosts, those that variables name instead, and those of the providers that it
//! has keys for. Pure.

use super::agent::Agent;
use crate::model::policy::Endpoint;
use crate::sandbox::presets::endpoint_of;

/// A provider of models: what agents call it in their credentials, the variables that hold its keys, its hosts.
struct Provider {
    names: &'static [&'static str],
    keys: &'static [&'static str],
    hosts: &'static [&'static str],
}

/// As each provider's reference of its API names its host and litellm's and opencode's lists of providers the keys.
const PROVIDERS: &[Provider] = &[
    Provider {
        names: &["anthropic"],
        keys: &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
        hosts: &[
            "api.anthropic.com",
            "console.anthropic.com",
            "platform.claude.com",
        ],
    },
    Provider {
        names: &["openai"],
        keys: &["OPENAI_API_KEY"],
        hosts: &["api.openai.com", "auth.openai.com", "chatgpt.com"],
    },
    Provider {
        names: &["google", "gemini"],
        keys: &[
            "GEMINI_API_KEY",
            "GOOGLE_API_KEY",
            "GOOGLE_GENERATIVE_AI_API_KEY",
        ],
        hosts: &["generativelanguage.googleapis.com"],
    },
    Provider {
        names: &["openrouter"],
        keys: &["OPENROUTER_API_KEY"],
        hosts: &["openrouter.ai"],
    },
    Provider {
        names: &["deepseek"],
        keys: &["DEEPSEEK_API_KEY"],
        hosts: &["api.deepseek.com"],
    },
    Provider {
        names: &["groq"],
        keys: &["GROQ_API_KEY"],
        hosts: &["api.groq.com"],
    },
    Provider {
        names: &["mistral"],
        keys: &["MISTRAL_API_KEY"],
        hosts: &["api.mistral.ai"],
    },
    Provider {
        names: &["xai"],
        keys: &["XAI_API_KEY"],
        hosts: &["api.x.ai"],
    },
    Provider {
        names: &["cerebras"],
        keys: &["CEREBRAS_API_KEY"],
        hosts: &["api.cerebras.ai"],
    },
    Provider {
        names: &["cohere"],
        keys: &["COHERE_API_KEY"],
        hosts: &["api.cohere.com"],
    },
    Provider {
        names: &["huggingface"],
        keys: &["HF_TOKEN", "HUGGINGFACE_API_KEY"],
        hosts: &["router.huggingface.co"],
    },
    Provider {
        names: &["github-copilot"],
        keys: &[],
        hosts: &["*.githubcopilot.com", "api.github.com"],
    },
    Provider {
        names: &["opencode", "zen"],
        keys: &["OPENCODE_API_KEY"],
        hosts: &["opencode.ai"],
    },
];

impl Agent {
    /// The hosts that it needs, given its environment and the providers that its credentials are for.
    pub fn endpoints(&self, env: &[(String, String)], logins: &[String]) -> Vec<Endpoint> {
        let set = |name: &str| {
            let found = env.iter().rev().find(|(n, _)| n == name);
            found.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
        };
        let mut found: Vec<Endpoint> = Vec::new();
        let mut add = |host: &str| found.extend(Endpoint::parse(host).ok());
        self.hosts.iter().for_each(|host| add(host));
        if self.any_provider {
            for provider in PROVIDERS {
                let has_key = provider.keys.iter().any(|key| set(key).is_some());
                let has_login = provider.names.iter().any(|n| logins.iter().any(|l| l == n));
                if has_key || has_login {
                    provider.hosts.iter().for_each(|host| add(host));
                }
            }
        }
        // code.claude.com/docs: amazon-bedrock, google-vertex-ai. Only the one service's host: others of a cloud would
        // take anything from anybody.
        if self.name == "claude" {
            if set("CLAUDE_CODE_USE_BEDROCK").is_some_and(|v| v != "0") {
                let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
                let region = region.unwrap_or("us-east-1");
                for service in ["bedrock-runtime", "bedrock", "sts"] {
                    add(&format!("{service}.{region}.amazonaws.com"));
                }
            }
            if set("CLAUDE_CODE_USE_VERTEX").is_some_and(|v| v != "0") {
                let region = set("CLOUD_ML_REGION").unwrap_or("global");
                add(&format!("{region}-aiplatform.googleapis.com"));
                add("aiplatform.googleapis.com");
                add("oauth2.googleapis.com");
            }
        }
        found.extend(self.addresses.iter().filter_map(|name| of_url(set(name)?)));
        found.sort();
        found.dedup();
        found
    }
}

/// Host and port of an address; one without a scheme may be a host alone.
pub(super) fn of_url(text: &str) -> Option<Endpoint> {
    if text.contains("://") {
        return endpoint_of(text);
    }
    let place = text.split(['/', '?', '#']).next()?;
    let endpoint = Endpoint::parse(place.rsplit('@').next()?).ok()?;
    // A name with a star would open more than one host.
    (!endpoint.host.starts_with('*')).then_some(endpoint)
}

#[cfg(test)]
mod tests {
    use super::super::table::{AGENTS, find};
    use super::*;

    fn hosts(name: &str, env: &[(&str, &str)], logins: &[&str]) -> Vec<String> {
        let own = |pair: &(&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
        let env: Vec<_> = env.iter().map(own).collect();
        let logins: Vec<String> = logins.iter().map(|l| (*l).to_owned()).collect();
        let endpoints = find(name).unwrap().endpoints(&env, &logins);
        endpoints.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_agent_reaches_its_api_and_what_variables_name() {
        let plain = [
            "api.anthropic.com",
            "console.anthropic.com",
            "platform.claude.com",
        ];
        assert_eq!(hosts("claude", &[], &[]), plain);
        let base = [(
            "ANTHROPIC_BASE_URL",
            "http://user:pw@127.0.0.1:8080/v1?x=a@b",
        )];
        assert_eq!(hosts("claude", &base, &[])[0], "127.0.0.1:8080");
        let bedrock = [
            ("CLAUDE_CODE_USE_BEDROCK", "1"),
            ("AWS_REGION", "eu-central-1"),
        ];
        let bedrock = hosts("claude", &bedrock, &[]);
        assert!(bedrock.contains(&"bedrock-runtime.eu-central-1.amazonaws.com".to_owned()));
        assert!(!bedrock.iter().any(|h| h.starts_with('*')));
    }

    #[test]
    fn only_providers_with_a_key_or_a_login() {
        assert_eq!(hosts("aider", &[], &[]), [""; 0]);
        assert_eq!(
            hosts("aider", &[("GROQ_API_KEY", "k"), ("XAI_API_KEY", "")], &[]),
            ["api.groq.com"]
        );
        assert_eq!(
            hosts("opencode", &[], &["xai"]),
            ["api.x.ai", "models.dev", "models.opencode.ai"]
        );
        assert_eq!(hosts("codex", &[("GROQ_API_KEY", "k")], &["groq"]).len(), 3);
    }

    #[test]
    fn addresses() {
        for (text, endpoint) in [
            ("https://api.example.org/v1", Some("api.example.org:443")),
            ("http://[::1]:11434", Some("[::1]:11434")),
            ("localhost:11434", Some("localhost:11434")),
            ("api.example.org", Some("api.example.org")),
            ("ftp://example.org", None),
            ("https://*.example.org", None),
            ("", None),
            ("https://", None),
        ] {
            let read = of_url(text).map(|e| e.to_string());
            assert_eq!(read.as_deref(), endpoint, "{text}");
        }
        assert!(AGENTS.len() >= 11);
    }
}
