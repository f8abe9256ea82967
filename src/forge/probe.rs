//! Which forge answers at a host that its name does not tell. No token is sent: the host is not known yet.
//!
//! Each forge is asked at an address of its own; what needs a token there answers 401 or 403, and in its own manner.
//!
//! | forge | asked | is told by |
//! |---|---|---|
//! | GitLab | `/api/v4/version` | a JSON answer with `version`, or 401 with a header of GitLab's |
//! | Gitea, Forgejo | `/api/v1/version` | a JSON answer with `version` |
//! | GitHub Enterprise | `/api/v3/meta` | a header of GitHub's |

use crate::config::Endpoint;
use crate::model::ForgeKind;
use crate::net::{Client, Headers, Method, NetError, Target};
use serde_json::Value;
use std::time::Duration;

/// Bytes of an answer that are looked at.
const MAX_LOOKED_AT: usize = 64 << 10;

/// In this order: what GitLab and Gitea answer tells more than a header.
const ASKED: [ForgeKind; 3] = [ForgeKind::GitLab, ForgeKind::Gitea, ForgeKind::GitHub];

/// Where a forge is asked what it is.
fn path(kind: ForgeKind) -> &'static str {
    match kind {
        ForgeKind::GitHub => "api/v3/meta",
        ForgeKind::GitLab => "api/v4/version",
        ForgeKind::Gitea => "api/v1/version",
    }
}

/// Asks which forge is at `web`, the address that people have of it. None where no known one answers.
///
/// # Errors
/// Nothing answers there at all.
pub async fn probe(
    web: &Endpoint,
    private_hosts: &[String],
    timeout: Duration,
) -> Result<Option<ForgeKind>, NetError> {
    let client = Client::new(Target {
        name: "the forge",
        endpoint: web,
        private_hosts,
        connect_timeout: timeout,
        first_byte_timeout: timeout,
    })?;
    let mut silent = None;
    for kind in ASKED {
        match ask(&client, &web.operation(path(kind)), timeout).await {
            Ok((status, headers, body)) => {
                if is_told(kind, status, &headers, &body) {
                    return Ok(Some(kind));
                }
            }
            // Nobody is there: the other questions would fare no better.
            Err(error) if error.is_unsent() => return Err(error),
            Err(error) => silent = Some(error),
        }
    }
    silent.map_or(Ok(None), Err)
}

async fn ask(
    client: &Client,
    url: &str,
    timeout: Duration,
) -> Result<(u16, Headers, Vec<u8>), NetError> {
    let mut answer = client.send(Method::Get, url, &[], None, timeout).await?;
    let mut body = Vec::new();
    while body.len() < MAX_LOOKED_AT {
        match answer.piece(timeout).await? {
            Some(piece) => body.extend_from_slice(piece.as_ref()),
            None => break,
        }
    }
    Ok((answer.status, answer.headers, body))
}

/// Whether an answer to the question that is `kind`'s is one of `kind`.
fn is_told(kind: ForgeKind, status: u16, headers: &Headers, body: &[u8]) -> bool {
    let has_version = || {
        let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
        value.get("version").is_some_and(Value::is_string)
    };
    match (kind, status) {
        (ForgeKind::GitLab, 200) | (ForgeKind::Gitea, 200) => has_version(),
        (ForgeKind::GitLab, 401 | 403) => ["x-gitlab-meta", "gitlab-lb"]
            .iter()
            .any(|name| headers.get(name).is_some()),
        // A Gitea that shows nothing to strangers says so in its own words.
        (ForgeKind::Gitea, 401 | 403) => {
            let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
            let url = value.get("url").and_then(Value::as_str);
            url.is_some_and(|url| url.ends_with("/api/swagger"))
        }
        (ForgeKind::GitHub, 200 | 401 | 403) => ["x-github-request-id", "x-github-media-type"]
            .iter()
            .any(|name| headers.get(name).is_some()),
        (ForgeKind::GitHub | ForgeKind::GitLab | ForgeKind::Gitea, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_a_forge() {
        type Row<'a> = (ForgeKind, u16, &'a [(&'a str, &'a str)], &'a str, bool);
        let rows: &[Row<'_>] = &[
            (ForgeKind::GitLab, 200, &[], r#"{"version":"17.5.0"}"#, true),
            (
                ForgeKind::GitLab,
                401,
                &[("X-Gitlab-Meta", "{}")],
                r#"{"message":"401 Unauthorized"}"#,
                true,
            ),
            (ForgeKind::GitLab, 401, &[], r#"{"message":"no"}"#, false),
            (
                ForgeKind::GitLab,
                404,
                &[("x-gitlab-meta", "{}")],
                "",
                false,
            ),
            (ForgeKind::GitLab, 200, &[], "<html>", false),
            (ForgeKind::Gitea, 200, &[], r#"{"version":"1.22.3"}"#, true),
            (
                ForgeKind::Gitea,
                403,
                &[],
                r#"{"message":"Only signed in user is allowed","url":"https://h/api/swagger"}"#,
                true,
            ),
            (ForgeKind::Gitea, 401, &[], "{}", false),
            (ForgeKind::Gitea, 200, &[], r#"{"version":7}"#, false),
            (
                ForgeKind::GitHub,
                401,
                &[("X-GitHub-Request-Id", "A:B")],
                "{}",
                true,
            ),
            (
                ForgeKind::GitHub,
                200,
                &[("x-github-media-type", "github.v3")],
                "{}",
                true,
            ),
            (ForgeKind::GitHub, 200, &[], "{}", false),
            (
                ForgeKind::GitHub,
                302,
                &[("x-github-request-id", "A")],
                "",
                false,
            ),
        ];
        for (kind, status, headers, body, want) in rows {
            let headers = Headers::new(headers.iter().copied());
            let found = is_told(*kind, *status, &headers, body.as_bytes());
            assert_eq!(found, *want, "{kind:?} {status} {body}");
        }
    }
}
