//! What forges' own variables say of hosts.

use crate::config::Environment;
use crate::config::env_names as names;
use crate::core::remote_address::{self, Remote, RemoteAddress, Scheme};
use crate::model::ForgeKind;

/// A place that a variable names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    address: RemoteAddress,
    /// It is an address, and not only a host's name.
    has_scheme: bool,
}

impl Site {
    /// Reads `https://git.example/sub`, `git.example` or `git.example:8443`.
    pub fn parse(text: &str) -> Option<Site> {
        let has_scheme = text.contains("://");
        // The reader wants a path, as remotes have one.
        let text = format!("{}/-", text.trim_end_matches('/'));
        let text = match has_scheme {
            true => text,
            false => format!("https://{text}"),
        };
        match remote_address::parse(&text) {
            Ok(Remote::Host(address)) => Some(Site {
                address,
                has_scheme,
            }),
            Ok(Remote::Folder) | Err(_) => None,
        }
    }

    /// True where the remote is there. Ports count where both are the web's.
    pub fn is(&self, remote: &RemoteAddress) -> bool {
        let says_port = self.has_scheme || self.address.port.is_some();
        let same_port = || match remote.scheme {
            Scheme::Https | Scheme::Http => web_port(remote) == web_port(&self.address),
            Scheme::Ssh | Scheme::Git => true,
        };
        self.address.host == remote.host && (!says_port || same_port())
    }
}

fn web_port(address: &RemoteAddress) -> u16 {
    match address.scheme {
        Scheme::Http => address.port.unwrap_or(80),
        Scheme::Https | Scheme::Ssh | Scheme::Git => address.port.unwrap_or(443),
    }
}

/// True in a workflow of Gitea or Forgejo, which sets GitHub's names for itself.
pub(super) fn is_gitea_workflow(env: &Environment) -> bool {
    [names::GITEA_ACTIONS, names::FORGEJO_ACTIONS]
        .iter()
        .any(|name| env.get(name) == Some("true"))
}

/// Variables that say where a forge of the kind is.
fn naming(env: &Environment, kind: ForgeKind) -> Vec<&'static str> {
    let is_gitea = is_gitea_workflow(env);
    match kind {
        ForgeKind::GitHub if is_gitea => vec![names::GH_HOST],
        ForgeKind::GitHub => vec![names::GH_HOST, names::GITHUB_SERVER_URL],
        ForgeKind::GitLab => vec![names::GITLAB_HOST, names::CI_SERVER_URL],
        ForgeKind::Gitea if is_gitea => vec![
            names::GITEA_SERVER_URL,
            names::FORGEJO_SERVER_URL,
            names::GITHUB_SERVER_URL,
        ],
        ForgeKind::Gitea => vec![names::GITEA_SERVER_URL, names::FORGEJO_SERVER_URL],
    }
}

/// The places that variables name for a kind, each with the variable.
pub(super) fn sites(env: &Environment, kind: ForgeKind) -> Vec<(&'static str, Site)> {
    naming(env, kind)
        .into_iter()
        .filter_map(|name| Some((name, Site::parse(env.get(name)?)?)))
        .collect()
}

/// The variable that names the remote's host as one of the kind.
pub(super) fn naming_of(
    env: &Environment,
    kind: ForgeKind,
    remote: &RemoteAddress,
) -> Option<&'static str> {
    let sites = sites(env, kind);
    sites
        .into_iter()
        .find(|(_, site)| site.is(remote))
        .map(|(name, _)| name)
}

/// What the remote's host is, and the variable that says so. None where none does, or two disagree.
pub(super) fn kind_of(
    env: &Environment,
    remote: &RemoteAddress,
) -> Option<(ForgeKind, &'static str)> {
    let mut said = ForgeKind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, naming_of(env, kind, remote)?)));
    let first = said.next()?;
    said.next().is_none().then_some(first)
}

/// Variables that hold the address of a kind's API, and of GitHub's GraphQL.
pub(super) fn apis(env: &Environment, kind: ForgeKind) -> (Option<&str>, Option<&str>) {
    match kind {
        ForgeKind::GitHub if is_gitea_workflow(env) => (None, None),
        ForgeKind::GitHub => (
            env.get(names::GITHUB_API_URL),
            env.get(names::GITHUB_GRAPHQL_URL),
        ),
        ForgeKind::GitLab => (env.get(names::CI_API_V4_URL), None),
        ForgeKind::Gitea if is_gitea_workflow(env) => (env.get(names::GITHUB_API_URL), None),
        ForgeKind::Gitea => (None, None),
    }
}

/// The repository that a job or workflow on the remote's host runs in.
pub(super) fn repository<'a>(
    env: &'a Environment,
    kind: ForgeKind,
    remote: &RemoteAddress,
) -> Option<&'a str> {
    let (server, repository) = match kind {
        ForgeKind::GitHub | ForgeKind::Gitea => {
            (names::GITHUB_SERVER_URL, names::GITHUB_REPOSITORY)
        }
        ForgeKind::GitLab => (names::CI_SERVER_URL, names::CI_PROJECT_PATH),
    };
    let site = Site::parse(env.get(server)?)?;
    if site.is(remote) {
        env.get(repository)
    } else {
        None
    }
}
