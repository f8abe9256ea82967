//! Choosing the forge that pull requests go to: from settings, the address that is pushed to, and what forges' own
//! tools have in the environment.
//!
//! A token goes to no host that neither the remote nor the user names; [`token`] says how that is held.

mod address;
mod alias;
mod open;
mod token;
mod variables;

pub use open::{Opened, open};

use crate::app::error::AppError;
use crate::app::reports;
use crate::config::{Endpoint, Environment, Origin, Platform, Settings};
use crate::core::remote_address::{self, Guess, Remote, RemoteAddress};
use crate::forge::{Hosted, probe};
use crate::model::ForgeKind;
use std::time::Duration;

/// Bound on getting a connection.
const CONNECT: Duration = Duration::from_secs(15);

/// What keeps pull requests as files in any case.
const OR_FILES: &str = "`--platform local` keeps pull requests as files";

/// Where pull requests go.
#[derive(Debug)]
pub enum Choice {
    /// Files, and why.
    Local {
        because: String,
    },
    Hosted(Box<Place>),
}

/// A repository on a forge.
#[derive(Debug)]
pub struct Place {
    pub kind: ForgeKind,
    /// Its token is there.
    pub hosted: Hosted,
    /// Where the token was found, for people: a variable's name, a path, a program.
    pub token_from: String,
    /// What the choice rests on, for people.
    pub because: String,
    /// Worth knowing, and stops nothing.
    pub notes: Vec<String>,
}

/// What forge a remote is on, and who says so.
struct Known {
    kind: ForgeKind,
    /// None where the remote has no host.
    remote: Option<RemoteAddress>,
    /// The user said it for this run, by flag or variable.
    is_said: bool,
    because: String,
}

/// Chooses the forge of a repository. `push_url` is the address that git would push to, if there is a
/// remote. May start programs that know tokens, and where `may_ask` a host that nobody vouches for is asked which forge
/// it is, each within bounds; not for use on an async runtime's thread.
///
/// # Errors
/// It is not to be told which forge the remote is on, or there is no token for it: nothing is paid for work that cannot
/// be delivered.
pub fn choose(
    settings: &Settings,
    env: &Environment,
    push_url: Option<&str>,
    may_ask: bool,
) -> Result<Choice, AppError> {
    let platform = &settings.pr.platform;
    if **platform == Platform::Local {
        return Ok(Choice::Local {
            because: said_by(&platform.origin),
        });
    }
    let known = match known(settings, env, push_url, may_ask)? {
        Ok(known) => known,
        Err(because) => return Ok(Choice::Local { because }),
    };
    let addresses = address::addresses(settings, env, &known)?;
    let found = token::find(settings, env, &known, &addresses)?;
    let mut private_hosts = settings.network.private_hosts.to_vec();
    // The user pushes there: it may be on their own network.
    private_hosts.extend([addresses.api.host()]);
    private_hosts.extend(addresses.graphql.as_ref().map(|graphql| graphql.host()));
    private_hosts.sort_unstable();
    private_hosts.dedup();
    Ok(Choice::Hosted(Box::new(Place {
        kind: known.kind,
        hosted: Hosted {
            api: addresses.api,
            graphql: addresses.graphql,
            web: addresses.web,
            repository: addresses.repository,
            token: Some(found.secret),
            private_hosts,
            retry: reports::retry(settings),
            connect_timeout: CONNECT,
            answer_timeout: *settings.network.answer_timeout,
        },
        token_from: found.from,
        because: known.because,
        notes: found.kept_back,
    })))
}

impl Choice {
    /// For people: `local`, or `GitHub octo/hello at https://api.github.com`.
    pub fn label(&self) -> String {
        match self {
            Self::Local { .. } => "local".to_owned(),
            Self::Hosted(place) => format!(
                "{} {} at {}",
                place.kind.title(),
                place.hosted.repository,
                place.hosted.api
            ),
        }
    }

    /// What the choice rests on.
    pub fn because(&self) -> &str {
        match self {
            Self::Local { because } => because,
            Self::Hosted(place) => &place.because,
        }
    }

    /// What is worth knowing: settings without an effect here, tokens that are not used.
    pub fn notes(&self, settings: &Settings) -> Vec<String> {
        let (notes, idle): (&[String], &[&str]) = match self {
            Self::Local { .. } => (
                &[],
                &[
                    "pr.max_open",
                    "pr.labels",
                    "pr.reviewers",
                    "forge.repository",
                    "forge.api",
                    "forge.graphql",
                    "forge.token_env",
                    "forge.token_file",
                    "forge.token_command",
                    "sources.issues",
                ],
            ),
            Self::Hosted(place) => (
                &place.notes,
                match place.kind {
                    ForgeKind::GitHub => &[],
                    ForgeKind::GitLab | ForgeKind::Gitea => &["forge.graphql"],
                },
            ),
        };
        let name = match self {
            Self::Local { .. } => "local",
            Self::Hosted(place) => place.kind.title(),
        };
        let set = settings.set.iter().filter(|set| idle.contains(&&*set.key));
        let without_effect =
            set.map(|set| format!("`{}` ({}) has no effect on {name}", set.key, set.origin));
        notes.iter().cloned().chain(without_effect).collect()
    }
}

/// The forge that settings and remote name. The inner error is why there is none, which is no error where nobody asked
/// for one.
fn known(
    settings: &Settings,
    env: &Environment,
    push_url: Option<&str>,
    may_ask: bool,
) -> Result<Result<Known, String>, AppError> {
    let platform = &settings.pr.platform;
    let wanted = match **platform {
        Platform::Forge(kind) => Some(kind),
        Platform::Auto | Platform::Local => None,
    };
    let remote = match push_url {
        None => None,
        Some(url) => match remote_address::parse(url) {
            Ok(remote) => Some(remote),
            Err(why) => {
                return match wanted {
                    None => Ok(Err(format!(
                        "the remote's address leads to no forge: {why}"
                    ))),
                    Some(_) => Err(AppError::setup(
                        format!("the remote's address leads to no forge: {why}"),
                        format!("correct it with `git remote set-url`; {OR_FILES}"),
                    )),
                };
            }
        },
    };
    let is_said = matches!(platform.origin, Origin::Env { .. } | Origin::Flag { .. });
    let address = match remote {
        None | Some(Remote::Folder) => {
            let what = match push_url {
                None => "there is no remote",
                Some(_) => "the remote is a folder",
            };
            let Some(kind) = wanted else {
                return Ok(Err(what.to_owned()));
            };
            if settings.forge.api.is_none() || settings.forge.repository.is_none() {
                return Err(AppError::setup(
                    format!(
                        "{}: pull requests on {} are asked for, and {what}",
                        platform.origin,
                        kind.title()
                    ),
                    format!(
                        "add one with `git remote add origin <url>`, or set CODELICIOUS_FORGE_API and \
                         CODELICIOUS_FORGE_REPOSITORY; {OR_FILES}"
                    ),
                ));
            }
            return Ok(Ok(Known {
                kind,
                remote: None,
                is_said,
                because: said_by(&platform.origin),
            }));
        }
        Some(Remote::Host(address)) => alias::resolved(settings, env, address),
    };
    let guess = remote_address::platform_of(&Remote::Host(address.clone()));
    let host = address.host.clone();
    if let Some(kind) = wanted {
        let other = match guess {
            Guess::Known(other) if other != kind => Some(other.title()),
            Guess::Unsupported(name) => Some(name),
            Guess::Known(_) | Guess::AskHost(_) | Guess::Local => None,
        };
        return match other.filter(|_| settings.forge.api.is_none()) {
            None => Ok(Ok(Known {
                kind,
                remote: Some(address),
                is_said,
                because: said_by(&platform.origin),
            })),
            Some(other) => Err(AppError::setup(
                format!(
                    "{}: pull requests on {} are asked for, and the remote is on {host}, which is {other}",
                    platform.origin,
                    kind.title()
                ),
                format!("leave --platform out, or correct the remote; {OR_FILES}"),
            )),
        };
    }
    let known = |kind, because| {
        Ok(Ok(Known {
            kind,
            remote: Some(address.clone()),
            is_said: false,
            because,
        }))
    };
    match guess {
        Guess::Known(kind) => known(kind, format!("the remote is on {host}")),
        Guess::Local => Ok(Err("the remote is a folder".to_owned())),
        Guess::Unsupported(name) => Err(AppError::setup(
            format!(
                "the remote is on {host}, and {name} is no forge that pull requests can be opened on"
            ),
            OR_FILES,
        )),
        Guess::AskHost(hint) => match variables::kind_of(env, &address) {
            Some((kind, name)) => known(kind, format!("{name} names {host}")),
            None if !may_ask => Err(cannot_tell(&host, hint, "")),
            None => match answers_there(settings, &address) {
                Ok(Some(kind)) => known(kind, format!("{} answers at {host}", kind.title())),
                Ok(None) => Err(cannot_tell(&host, hint, "")),
                Err(why) => Err(cannot_tell(
                    &host,
                    hint,
                    &format!(", and it was asked in vain: {why}"),
                )),
            },
        },
    }
}

/// Asks a host that nobody vouches for which forge it is. It is sent no token for that, and gets none for its answer
/// unless somebody says so elsewhere.
fn answers_there(
    settings: &Settings,
    address: &RemoteAddress,
) -> Result<Option<ForgeKind>, String> {
    let web = Endpoint::parse(&address.origin()).map_err(|e| e.to_string())?;
    let mut hosts = settings.network.private_hosts.to_vec();
    // The user pushes there: it may be on their own network.
    hosts.push(web.host());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let bound = CONNECT.min(*settings.network.answer_timeout);
    runtime
        .block_on(probe::probe(&web, &hosts, bound))
        .map_err(|e| e.to_string())
}

fn cannot_tell(host: &str, hint: Option<ForgeKind>, asked: &str) -> AppError {
    let words: Vec<&str> = match hint {
        Some(kind) => vec![kind.word()],
        None => ForgeKind::ALL.iter().map(|kind| kind.word()).collect(),
    };
    let looks = hint.map(|kind| format!(" (its name suggests {})", kind.title()));
    AppError::setup(
        format!(
            "it is not to be told which forge {host} is{}{asked}",
            looks.unwrap_or_default()
        ),
        format!(
            "say it with --platform {} or CODELICIOUS_PR_PLATFORM; where its API is in an unusual place, set \
             CODELICIOUS_FORGE_API as well; {OR_FILES}",
            words.join("|")
        ),
    )
}

fn said_by(origin: &Origin) -> String {
    format!("{origin} says so")
}

#[cfg(test)]
mod tests;
