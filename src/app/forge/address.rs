//! Where a forge's API and pages are, and what the repository is called there.

use super::{Known, OR_FILES, variables};
use crate::app::error::AppError;
use crate::config::{Endpoint, Environment, Settings};
use crate::core::remote_address::{RemoteAddress, Scheme};
use crate::model::ForgeKind;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub api: Endpoint,
    pub graphql: Option<Endpoint>,
    /// Without a slash at its end.
    pub web: String,
    pub repository: String,
}

pub(super) fn addresses(
    settings: &Settings,
    env: &Environment,
    known: &Known,
) -> Result<Addresses, AppError> {
    let kind = known.kind;
    let remote = known.remote.as_ref();
    let (api_variable, graphql_variable) = match remote {
        Some(remote) => {
            let (api, graphql) = variables::apis(env, kind);
            (agreeing(api, remote), agreeing(graphql, remote))
        }
        None => (None, None),
    };
    let set = settings.forge.api.value.clone();
    let api = match (set.or(api_variable), remote) {
        (Some(api), _) => api,
        (None, Some(remote)) => usual_api(kind, remote)?,
        // `known` asked for one.
        (None, None) => return Err(AppError::setup("there is no address of an API", OR_FILES)),
    };
    let below = below(&api);
    let web = match remote {
        Some(remote) => format!("{}{below}", remote.origin()),
        None => format!("{}{below}", origin_of(&api)),
    };
    let graphql = match kind {
        ForgeKind::GitHub => {
            let set = settings.forge.graphql.value.clone();
            Some(match set.or(graphql_variable) {
                Some(graphql) => graphql,
                None => beside(&api)?,
            })
        }
        ForgeKind::GitLab | ForgeKind::Gitea => None,
    };
    let repository = match &*settings.forge.repository {
        Some(repository) => repository.clone(),
        None => repository(env, kind, remote, &below)?,
    };
    Ok(Addresses {
        api,
        graphql,
        web,
        repository,
    })
}

/// What a variable holds, where it is on the remote's host or on the host that GitHub has for the API of that: no token
/// goes elsewhere because of a variable.
fn agreeing(text: Option<&str>, remote: &RemoteAddress) -> Option<Endpoint> {
    let endpoint = Endpoint::parse(text?.trim()).ok()?;
    let host = endpoint.host();
    let is_there = host == remote.host || host == format!("api.{}", remote.host);
    is_there.then_some(endpoint)
}

fn usual_api(kind: ForgeKind, remote: &RemoteAddress) -> Result<Endpoint, AppError> {
    let (host, origin) = (&remote.host, remote.origin());
    let address = match kind {
        ForgeKind::GitHub if is_github_cloud(host) => format!("https://api.{host}"),
        ForgeKind::GitHub => format!("{origin}/api/v3"),
        ForgeKind::GitLab => format!("{origin}/api/v4"),
        ForgeKind::Gitea => format!("{origin}/api/v1"),
    };
    Endpoint::parse(&address).map_err(|why| {
        AppError::setup(
            format!("the API of {} cannot be at {address}: {why}", kind.title()),
            format!("say where it is with CODELICIOUS_FORGE_API; {OR_FILES}"),
        )
    })
}

/// GitHub's own hosts have the API on a host of its own.
pub(super) fn is_github_cloud(host: &str) -> bool {
    host == "github.com" || host.ends_with(".ghe.com")
}

/// GraphQL beside an API of GitHub: `/graphql`, on Enterprise Server `/api/graphql` beside `/api/v3`.
fn beside(api: &Endpoint) -> Result<Endpoint, AppError> {
    let text = api.to_string();
    let above = text.strip_suffix("/v3").unwrap_or(&text);
    Endpoint::parse(&format!("{above}/graphql"))
        .map_err(|why| AppError::setup(why.to_string(), "set CODELICIOUS_FORGE_GRAPHQL"))
}

/// The path that a forge is below, on a host that it shares: `/gitlab` of `https://git.example/gitlab/api/v4`.
fn below(api: &Endpoint) -> String {
    let ends = ["/api/v1", "/api/v3", "/api/v4"];
    let below = ends.iter().find_map(|end| api.path().strip_suffix(end));
    below.unwrap_or_default().to_owned()
}

/// Scheme, host and port of where people look, by where the API is.
fn origin_of(api: &Endpoint) -> String {
    of_api(api).origin()
}

/// The forge's place, by its API's.
pub(super) fn of_api(api: &Endpoint) -> RemoteAddress {
    let host = api.host();
    let cloud = host
        .strip_prefix("api.")
        .filter(|host| is_github_cloud(host));
    RemoteAddress {
        scheme: match api.is_encrypted() {
            true => Scheme::Https,
            false => Scheme::Http,
        },
        host: cloud.map_or_else(|| host.clone(), str::to_owned),
        port: Some(api.port()),
        path: String::new(),
    }
}

fn repository(
    env: &Environment,
    kind: ForgeKind,
    remote: Option<&RemoteAddress>,
    below: &str,
) -> Result<String, AppError> {
    let nameless = |what: String| {
        AppError::setup(
            what,
            format!(
                "correct it with `git remote set-url`, or set CODELICIOUS_FORGE_REPOSITORY to owner/name; {OR_FILES}"
            ),
        )
    };
    let Some(remote) = remote else {
        return Err(nameless("the remote names no repository".to_owned()));
    };
    let path = remote.path.as_str();
    let is_of_job = |name: &&str| {
        path.strip_suffix(name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    if let Some(name) = variables::repository(env, kind, remote).filter(is_of_job) {
        return Ok(name.to_owned());
    }
    let shared = below.trim_matches('/');
    let path = match path.strip_prefix(shared) {
        Some(rest) if !shared.is_empty() => rest.strip_prefix('/').unwrap_or(path),
        Some(_) | None => path,
    };
    let names = path.split('/').count();
    let fits = match kind {
        ForgeKind::GitHub | ForgeKind::Gitea => names == 2,
        ForgeKind::GitLab => names >= 2,
    };
    if fits {
        Ok(path.to_owned())
    } else {
        Err(nameless(format!(
            "`{path}` at {} is no repository of {}, where one is {}",
            remote.host,
            kind.title(),
            match kind {
                ForgeKind::GitHub | ForgeKind::Gitea => "owner/name",
                ForgeKind::GitLab => "group/name, or further groups between them",
            }
        )))
    }
}
