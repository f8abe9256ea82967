//! The process's environment, read once, and what each kind of child may see of it.
//!
//! Nothing else in the program reads environment variables: what a child or a secret filter gets is
//! therefore decided here alone.

use super::engine::{EngineKind, TokenSource};
use super::env_names as names;
use super::settings::Settings;
use crate::model::secret::{is_ordinary_value, is_secret_name};
use secrecy::{ExposeSecret, SecretString};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// Values shorter than this are not taken for secrets by their name alone: redacting `on` or `1`
/// would make every output unreadable.
const SHORTEST_SECRET: usize = 8;
/// The same for what is known by name: variables in `[log] redact`, tokens of engines and forges.
const SHORTEST_NAMED_SECRET: usize = 4;

/// Files and folders of certificates that TLS is told to trust. Seen by whoever sees [`names::PASS`], and what they name can be
/// read inside a wall.
pub const CERTIFICATES: &[&str] = &[
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NIX_SSL_CERT_FILE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
];

/// Lists of folders in which programs, or what they load, are looked for.
const SEARCHED: &[&str] = &[
    "PATH",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "NODE_PATH",
    "GEM_PATH",
];

/// A snapshot of the environment and the folder the program was started in.
///
/// Variables whose name or value is not Unicode are left out and listed in [`Environment::unreadable`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    vars: BTreeMap<String, String>,
    cwd: PathBuf,
    unreadable: Vec<String>,
}

/// What the environment says about colour. `Auto` leaves it to whether output is a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Never,
    Always,
    Auto,
}

/// The files of a step of GitHub Actions. Not every runner that behaves like it has both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GithubStep {
    /// Where outputs are appended.
    pub output: Option<PathBuf>,
    /// Where the summary is appended.
    pub summary: Option<PathBuf>,
}

impl Environment {
    /// Reads the process's environment and working folder.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn capture() -> Environment {
        let mut env = Environment {
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            ..Environment::default()
        };
        for (name, value) in std::env::vars_os() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => {
                    env.vars.insert(name, value);
                }
                (Ok(name), Err(_)) => env.unreadable.push(name),
                (Err(name), _) => env.unreadable.push(name.to_string_lossy().into_owned()),
            }
        }
        env
    }

    /// An environment of these variables and no others.
    pub fn from_vars<N: Into<String>, V: Into<String>>(
        cwd: impl Into<PathBuf>,
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Environment {
        Environment {
            vars: vars
                .into_iter()
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
            cwd: cwd.into(),
            unreadable: Vec::new(),
        }
    }

    /// The value of a variable; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    /// All variables, by name.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Names of variables that were left out because they are not Unicode.
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// The folder the program was started in.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// The user's home folder, where it is known.
    pub fn home(&self) -> Option<PathBuf> {
        self.folder(names::HOME)
    }

    /// The name the user is logged in with, where it is known.
    pub fn login(&self) -> Option<&str> {
        self.get(names::LOGNAME).or_else(|| self.get(names::USER))
    }

    /// The proxy that this machine goes out through and what goes past it, as `HTTPS_PROXY` and `NO_PROXY` have them
    /// or their kin.
    pub fn proxy(&self) -> Option<(&str, &str)> {
        let first = |names: &[&str]| names.iter().find_map(|name| self.get(name));
        let proxy = first(&[
            "https_proxy",
            "HTTPS_PROXY",
            "http_proxy",
            "HTTP_PROXY",
            "all_proxy",
            "ALL_PROXY",
        ])?;
        Some((proxy, first(&["no_proxy", "NO_PROXY"]).unwrap_or_default()))
    }

    /// The base of the user's cache folders. A relative `XDG_CACHE_HOME` is ignored, as its
    /// specification asks.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        let below_home = if cfg!(target_os = "macos") {
            "Library/Caches"
        } else {
            ".cache"
        };
        self.folder(names::XDG_CACHE_HOME)
            .or_else(|| Some(self.home()?.join(below_home)))
    }

    /// Path of the user's own configuration file, whether it exists or not.
    pub fn user_file(&self) -> Option<PathBuf> {
        let base = self
            .folder(names::XDG_CONFIG_HOME)
            .or_else(|| Some(self.home()?.join(".config")))?;
        Some(base.join("codelicious").join("config.toml"))
    }

    /// What GitHub Actions, or what behaves like it, offers the step that we are; None outside of one.
    pub fn github_step(&self) -> Option<GithubStep> {
        (self.get(names::GITHUB_ACTIONS) == Some("true")).then(|| GithubStep {
            output: self.folder(names::GITHUB_OUTPUT),
            summary: self.folder(names::GITHUB_STEP_SUMMARY),
        })
    }

    /// Whether the user asked for colour or against it; against wins.
    pub fn color(&self) -> Color {
        let is = |name, word| self.get(name) == Some(word);
        if self.get(names::NO_COLOR).is_some() {
            Color::Never
        } else if self.get(names::CLICOLOR_FORCE).is_some_and(|v| v != "0") {
            Color::Always
        } else if is(names::CLICOLOR, "0") || is(names::TERM, "dumb") {
            Color::Never
        } else {
            Color::Auto
        }
    }

    /// What checks, set-up commands and other programs of the repository see: the built-in list and
    /// `[env] pass`. Engine credentials are never reached by a pattern, only by their full name.
    pub fn children(&self, settings: &Settings) -> Vec<(String, String)> {
        self.select(|name| passes(settings, name))
    }

    /// What an engine sees: the same, and that engine's own credentials and switches.
    pub fn engine_env(&self, settings: &Settings, engine: EngineKind) -> Vec<(String, String)> {
        match engine {
            EngineKind::Claude => {
                self.select(|name| passes(settings, name) || self.is_for_claude(name))
            }
            // The tokens of our own requests are nothing that a tool of the model needs to see.
            EngineKind::Replay
            | EngineKind::HuggingFace
            | EngineKind::OpenAi
            | EngineKind::Anthropic => self.children(settings),
            EngineKind::Command => self.command_env(settings, &[]),
        }
    }

    /// What another agent's command line sees: the same as checks, and what its table or preset asks for by name
    /// or pattern, tokens included: it makes its own requests.
    pub fn command_env(&self, settings: &Settings, pass: &[String]) -> Vec<(String, String)> {
        self.select(|name| passes(settings, name) || pass.iter().any(|p| matches(p, name)))
    }

    /// What our own git commands see: the same as checks, and identity, signing and credential helpers.
    /// For commands that no model and no repository caused. They run in lanes too, so that none of what they start or
    /// load is looked for in the folder that they are in.
    pub fn git_env(&self, settings: &Settings) -> Vec<(String, String)> {
        let own = self.select(|name| passes(settings, name) || matches_any(names::GIT, name));
        own.into_iter().filter_map(anchored).collect()
    }

    /// Values that must not appear in any output: those of variables that are secret by their name
    /// or are named in `[log] redact`, also of those that a table sets for a command line; tokens of engines
    /// in variables and files; and credentials inside addresses.
    /// What a `token_command` prints is known only to who runs it. Longest first, so that a secret
    /// that contains another is replaced whole; a value of several lines comes line by line as well,
    /// because output is filtered by line.
    pub fn secrets(&self, settings: &Settings) -> Vec<SecretString> {
        let mut found = BTreeSet::new();
        let in_files = super::token::in_files(settings);
        let in_files = in_files.iter().map(ExposeSecret::expose_secret);
        found.extend(in_files.filter(|v| v.chars().count() >= SHORTEST_NAMED_SECRET));
        for (name, value) in self.vars().chain(set_for_commands(settings)) {
            let named = settings.log.redact.iter().any(|n| n == name)
                || names::FORGE_TOKENS.contains(&name)
                || is_token_variable(settings, name);
            // Our own settings hold none, whatever `…_MAX_TOKENS` sounds like.
            let is_secret = is_secret_name(name)
                && !name.starts_with(names::PREFIX)
                && !is_ordinary_value(name, value);
            if named || is_secret || has_authorization(value) {
                let shortest = if named {
                    SHORTEST_NAMED_SECRET
                } else {
                    SHORTEST_SECRET
                };
                let parts = value.lines().chain([value]).map(str::trim);
                found.extend(parts.filter(|v| v.chars().count() >= shortest));
            }
            found.extend(address_credentials(value));
        }
        let mut found: Vec<&str> = found.into_iter().collect();
        found.sort_by_key(|v| std::cmp::Reverse(v.len()));
        found.into_iter().map(SecretString::from).collect()
    }

    fn folder(&self, name: &str) -> Option<PathBuf> {
        self.get(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    }

    fn select(&self, mut keep: impl FnMut(&str) -> bool) -> Vec<(String, String)> {
        self.vars
            .iter()
            .filter(|(n, _)| keep(n))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    }

    fn is_for_claude(&self, name: &str) -> bool {
        if matches_any(names::CLAUDE_NOT, name) || !matches_any(names::CLAUDE, name) {
            return false;
        }
        let cloud =
            name.starts_with("AWS_") || name.starts_with("GOOGLE_") || name.starts_with("GCLOUD_");
        !cloud
            || names::CLAUDE_CLOUD
                .iter()
                .any(|switch| self.get(switch).is_some_and(|v| v != "0"))
    }
}

/// A variable without the folders in it that are meant from wherever a program runs; None where no other is left, since
/// an empty list means that very folder.
fn anchored((name, value): (String, String)) -> Option<(String, String)> {
    if !SEARCHED.contains(&name.as_str()) {
        return Some((name, value));
    }
    let is_anchored = |folder: &&str| folder.starts_with('/');
    let folders: Vec<&str> = value.split(':').filter(is_anchored).collect();
    (!folders.is_empty()).then(|| (name, folders.join(":")))
}

/// Names only: values may be secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("names", &self.vars.keys().collect::<Vec<_>>())
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

fn passes(settings: &Settings, name: &str) -> bool {
    let extra = &settings.env.pass;
    let is_credential = || {
        matches_any(names::CLAUDE, name)
            || names::TOKENS.contains(&name)
            || names::FORGE_TOKENS.contains(&name)
            || is_token_variable(settings, name)
    };
    let is_named = extra.iter().any(|p| p == name);
    let is_for_everybody = matches_any(names::PASS, name) || CERTIFICATES.contains(&name);
    is_named
        || (is_for_everybody && !is_token_variable(settings, name))
        || (extra.iter().any(|p| matches(p, name)) && !is_credential())
}

/// Variables that tables of agents' command lines set for them.
fn set_for_commands(settings: &Settings) -> impl Iterator<Item = (&str, &str)> {
    let tables = settings.engines.values().map(|e| &e.command.table);
    let env = tables.filter_map(|table| table.get("env")?.as_table());
    env.flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// True for a variable that a `token_env` names.
fn is_token_variable(settings: &Settings, name: &str) -> bool {
    super::token::sources(settings)
        .any(|source| matches!(source, TokenSource::Variable(variable) if variable == name))
}

fn matches_any(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|p| matches(p, name))
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

/// A header that git or curl is told to send, as CI systems put it into `GIT_CONFIG_VALUE_n`.
fn has_authorization(value: &str) -> bool {
    value.to_ascii_lowercase().contains("authorization:")
}

/// The password of `scheme://user:password@host`, or the whole `user:password` where it is short.
fn address_credentials(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    [password, user]
        .into_iter()
        .find(|v| v.chars().count() >= SHORTEST_SECRET)
}
