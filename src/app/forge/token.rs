//! The forge's token, and to whom it may go.
//!
//! What the settings say and what stands in variables belongs to no host by itself. It is sent where a variable names
//! the host, where the host is the public one of the forge, or where the user said for this run what the host is; that
//! the repository's file says so, or that a host answers like a forge, is not enough. Programs that keep tokens by host
//! (`gh`, `glab`, git's credential helpers) are asked for the host's own.

use super::address::{self, Addresses};
use super::{Known, OR_FILES, variables};
use crate::app::error::AppError;
use crate::app::programs::{Ask, token_printed};
use crate::config::env_names as names;
use crate::config::{Environment, Settings, Token, TokenError};
use crate::core::remote_address::{Guess, Remote, RemoteAddress, Scheme, platform_of};
use crate::model::ForgeKind;
use secrecy::SecretString;
use std::path::Path;
use std::time::Duration;

/// Bounds on programs that know tokens: an own command line answers from a file or a keyring, a credential helper may
/// ask another machine.
const TOOL: Duration = Duration::from_secs(10);
const HELPER: Duration = Duration::from_secs(20);

pub(super) struct Found {
    pub secret: SecretString,
    /// Where, for people.
    pub from: String,
    /// Tokens that are there and not used, and why.
    pub kept_back: Vec<String>,
}

/// Looks where the settings say, in variables, at the forge's own command line, and at git's credential helpers.
///
/// # Errors
/// There is none, or it is not where it should be.
pub(super) fn find(
    settings: &Settings,
    env: &Environment,
    known: &Known,
    addresses: &Addresses,
) -> Result<Found, AppError> {
    let target = Target::of(settings, env, known, addresses);
    let mut kept_back = Vec::new();
    let found = |(secret, from)| Found {
        secret,
        from,
        kept_back: Vec::new(),
    };
    if let Some(source) = &*settings.forge.token {
        if target.trust == Trust::None {
            return Err(AppError::setup(
                format!(
                    "{}: the token is not sent to {}: nothing of yours says that it is for that host",
                    settings.forge.token.origin, target.address.host
                ),
                format!("{}; {OR_FILES}", target.remedy()),
            ));
        }
        let token = source
            .token(env)
            .map_err(|why| unusable(&why.to_string()))?;
        let token = match token {
            Token::Command(words) => {
                let text = token_printed(settings, env, &words).map_err(|why| unusable(&why))?;
                let program = words.first().map_or("", String::as_str);
                Token::printed(&text, program).map_err(|why| unusable(&why.to_string()))?
            }
            known @ (Token::Known { .. } | Token::None) => known,
        };
        if let Some(token) = known_of(token) {
            return Ok(found(token));
        }
    }
    let (usable, kept) = target.variables(env);
    for name in usable {
        if let Some(text) = env.get(name) {
            let token = Token::in_variable(text, name)
                .map_err(|why: TokenError| unusable(&why.to_string()))?;
            if let Some(token) = known_of(token) {
                return Ok(found(token));
            }
        }
    }
    let elsewhere = || own_tool(settings, env, &target).or_else(|| helper(settings, env, &target));
    kept_back.extend(kept.iter().map(|name| {
        format!(
            "{name} is set and not sent: nothing says that it is for {}",
            target.address.host
        )
    }));
    match elsewhere() {
        Some(token) => Ok(Found {
            kept_back,
            ..found(token)
        }),
        None => Err(none(env, &target, &kept)),
    }
}

/// Why a token may go to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// A variable names the host.
    Named(&'static str),
    /// It is the kind's public host.
    Public,
    /// The user said what it is.
    Said,
    None,
}

/// Where a token would go.
struct Target {
    kind: ForgeKind,
    address: RemoteAddress,
    trust: Trust,
}

impl Target {
    fn of(settings: &Settings, env: &Environment, known: &Known, addresses: &Addresses) -> Target {
        let kind = known.kind;
        // An address that the user set is where it goes, whatever the remote is; any other one is on the remote's host.
        let (address, is_said) = match (&known.remote, settings.forge.api.is_some()) {
            (Some(remote), false) => (remote.clone(), known.is_said),
            (Some(_) | None, _) => (address::of_api(&addresses.api), true),
        };
        let trust = match variables::naming_of(env, kind, &address) {
            Some(name) => Trust::Named(name),
            None if platform_of(&Remote::Host(address.clone())) == Guess::Known(kind) => {
                Trust::Public
            }
            None if is_said => Trust::Said,
            None => Trust::None,
        };
        Target {
            kind,
            address,
            trust,
        }
    }

    /// Variables whose tokens may go there, in the order in which they count, and those that are set and may not.
    fn variables(&self, env: &Environment) -> (Vec<&'static str>, Vec<&'static str>) {
        const ENTERPRISE: [&str; 2] = [names::GH_ENTERPRISE_TOKEN, names::GITHUB_ENTERPRISE_TOKEN];
        let is_gitea = variables::is_gitea_workflow(env);
        // A variable that names another host says that the token is for that one.
        let is_elsewhere = !variables::sites(env, self.kind).is_empty();
        let is_ours = match self.trust {
            Trust::Named(_) => true,
            Trust::Public | Trust::Said => !is_elsewhere,
            Trust::None => false,
        };
        let mut all: Vec<&'static str> = Vec::new();
        let mut usable: Vec<&'static str> = Vec::new();
        match self.kind {
            ForgeKind::GitHub => {
                let github: Vec<&str> = match is_gitea {
                    true => vec![names::GH_TOKEN],
                    false => vec![names::GH_TOKEN, names::GITHUB_TOKEN],
                };
                // These two are for github.com by themselves, whatever is said of other hosts.
                let is_cloud = address::is_github_cloud(&self.address.host);
                if !is_cloud {
                    all.extend(ENTERPRISE);
                }
                all.extend(&github);
                let is_workflows = self.trust == Trust::Named(names::GITHUB_SERVER_URL);
                let is_here = self.trust == Trust::Said && self.is_this_machine();
                if !is_cloud && is_ours {
                    usable.extend(ENTERPRISE);
                }
                if is_cloud || is_workflows || is_here {
                    usable.extend(github);
                }
            }
            ForgeKind::GitLab => {
                all.extend([names::GITLAB_TOKEN, names::GITLAB_ACCESS_TOKEN]);
                if is_ours {
                    usable.clone_from(&all);
                }
            }
            ForgeKind::Gitea => {
                all.extend([names::GITEA_TOKEN, names::FORGEJO_TOKEN]);
                if is_ours {
                    usable.clone_from(&all);
                }
                if is_gitea {
                    all.push(names::GITHUB_TOKEN);
                    if self.trust == Trust::Named(names::GITHUB_SERVER_URL) {
                        usable.push(names::GITHUB_TOKEN);
                    }
                }
            }
        }
        all.retain(|name| env.get(name).is_some() && !usable.contains(name));
        (usable, all)
    }

    fn is_this_machine(&self) -> bool {
        let host = self.address.host.as_str();
        host == "localhost" || host == "::1" || host.starts_with("127.")
    }

    /// Host and port as programs that keep tokens by host write them.
    fn host_port(&self) -> String {
        let origin = self.address.origin();
        origin
            .split_once("://")
            .map_or(origin.clone(), |(_, rest)| rest.to_owned())
    }

    /// How to say that the host is what it is taken for.
    fn remedy(&self) -> String {
        let variable = match self.kind {
            ForgeKind::GitHub => names::GH_HOST,
            ForgeKind::GitLab => names::GITLAB_HOST,
            ForgeKind::Gitea => names::GITEA_SERVER_URL,
        };
        let value = match self.kind {
            ForgeKind::GitHub | ForgeKind::GitLab => self.host_port(),
            ForgeKind::Gitea => self.address.origin(),
        };
        format!(
            "say it with --platform {}, or set {variable}={value}",
            self.kind.word()
        )
    }
}

fn known_of(token: Token) -> Option<(SecretString, String)> {
    match token {
        Token::Known { secret, from } => Some((secret, from)),
        Token::Command(_) | Token::None => None,
    }
}

fn unusable(why: &str) -> AppError {
    AppError::setup(
        format!("the forge's token cannot be used: {why}"),
        format!("correct it where `[forge]` or the variable says that it is; {OR_FILES}"),
    )
}

/// Asks the forge's own command line for the token that it keeps for the host.
fn own_tool(
    settings: &Settings,
    env: &Environment,
    target: &Target,
) -> Option<(SecretString, String)> {
    let host = target.host_port();
    let ways: &[(&str, &[&str])] = match target.kind {
        ForgeKind::GitHub => &[("gh", &["auth", "token", "--hostname"])],
        ForgeKind::GitLab => &[
            ("glab", &["auth", "token", "--hostname"]),
            // Before it had that word.
            ("glab", &["config", "get", "token", "--host"]),
        ],
        ForgeKind::Gitea => &[],
    };
    // The variables are not theirs to answer from: whose they are was judged above.
    let mut vars: Vec<(String, String)> = ["GH_CONFIG_DIR", "GLAB_CONFIG_DIR"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), env.get(name)?.to_owned())))
        .collect();
    let quiet = [
        ("GH_PROMPT_DISABLED", "1"),
        ("GH_NO_UPDATE_NOTIFIER", "1"),
        ("GLAB_CHECK_UPDATE", "false"),
        ("NO_PROMPT", "1"),
        ("NO_COLOR", "1"),
    ];
    vars.extend(quiet.map(|(name, value)| (name.to_owned(), value.to_owned())));
    ways.iter().find_map(|(program, words)| {
        let mut args: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        args.push(host.clone());
        let from = format!("{program} {}", words[..2].join(" "));
        let ask = Ask {
            program,
            dir: None,
            args,
            env: vars.clone(),
            stdin: String::new(),
            bound: TOOL,
        };
        let said = ask.answer(settings, env).ok()?;
        let (secret, _) = known_of(Token::printed(&said, program).ok()?)?;
        Some((secret, from))
    })
}

/// Asks git's credential helpers, as git would before it pushes by https.
fn helper(
    settings: &Settings,
    env: &Environment,
    target: &Target,
) -> Option<(SecretString, String)> {
    let protocol = match target.address.scheme {
        Scheme::Http => "http",
        Scheme::Https | Scheme::Ssh | Scheme::Git => "https",
    };
    let mut stdin = format!("protocol={protocol}\nhost={}\n", target.host_port());
    if !target.address.path.is_empty() {
        stdin.push_str(&format!("path={}.git\n", target.address.path));
    }
    stdin.push('\n');
    let args = [
        "-c",
        "credential.interactive=false",
        "-c",
        "core.askPass=",
        "credential",
        "fill",
    ];
    // Empty words: whoever would ask a person is not to be started.
    let quiet = [
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ASKPASS", ""),
        ("SSH_ASKPASS", ""),
        ("GCM_INTERACTIVE", "never"),
    ];
    let ask = Ask {
        program: "git",
        // Where no repository's configuration counts: an engine may have written into this one's.
        dir: Some(Path::new("/")),
        args: args.map(str::to_owned).into(),
        env: quiet
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        stdin,
        bound: HELPER,
    };
    let said = ask.answer(settings, env).ok()?;
    let password = said
        .lines()
        .find_map(|line| line.strip_prefix("password="))?;
    let (secret, _) = known_of(Token::printed(password, "git credential fill").ok()?)?;
    Some((secret, "git's credential helper".to_owned()))
}

/// No token anywhere: what there is instead, and every way to give one.
fn none(env: &Environment, target: &Target, kept: &[&str]) -> AppError {
    let (kind, host) = (target.kind, &target.address.host);
    let mut message = format!(
        "there is no token for {} at {host}, so no pull request could be opened there",
        kind.title()
    );
    let mut ways = Vec::new();
    if !kept.is_empty() {
        message.push_str(&format!(
            "; {} set, and nothing says that it is for {host}",
            match kept {
                [one] => format!("{one} is"),
                _ => format!("{} are", kept.join(" and ")),
            }
        ));
        ways.push(target.remedy());
    }
    if kind == ForgeKind::GitLab && env.get(names::CI_JOB_TOKEN).is_some() {
        message.push_str(
            "; CI_JOB_TOKEN is there, but GitLab lets no job's token open merge requests",
        );
        ways.push(
            "give the job a project access token with the scope `api` as GITLAB_TOKEN".to_owned(),
        );
    }
    if ways.is_empty() {
        ways.push(match kind {
            ForgeKind::GitHub if address::is_github_cloud(host) => {
                format!("set GH_TOKEN, or run `gh auth login --hostname {host}`")
            }
            ForgeKind::GitHub => format!(
                "set GH_ENTERPRISE_TOKEN and GH_HOST={host}, or run `gh auth login --hostname {host}`"
            ),
            ForgeKind::GitLab if host == "gitlab.com" => {
                "set GITLAB_TOKEN, or run `glab auth login`".to_owned()
            }
            ForgeKind::GitLab => format!(
                "set GITLAB_TOKEN and GITLAB_HOST={host}, or run `glab auth login --hostname {host}`"
            ),
            ForgeKind::Gitea => format!(
                "set GITEA_TOKEN and GITEA_SERVER_URL={}",
                target.address.origin()
            ),
        });
    }
    ways.push(
        "or say where the token is: CODELICIOUS_FORGE_TOKEN_ENV, _FILE or _COMMAND".to_owned(),
    );
    ways.push(OR_FILES.to_owned());
    AppError::setup(message, ways.join("; "))
}
