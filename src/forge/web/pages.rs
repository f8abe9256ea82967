//! Lists: page after page, and where the next one is.

use super::{Ask, Failure, MAX_PAGES, Method, Paging, Route, Web};
use crate::config::Endpoint;
use crate::net::Headers;
use serde::de::DeserializeOwned;

impl Web {
    /// Reads a whole list, page by page.
    pub async fn list<T: DeserializeOwned>(&self, route: Route) -> Result<Vec<T>, Failure> {
        match self.dialect.paging {
            Paging::Told => self.list_as_told(route).await,
            Paging::Numbered => self.list_by_number(route, true).await,
        }
    }

    /// Reads a whole list by the number of its pages; `has_total` is false where `x-total-count` counts the page only.
    /// What stands for an empty page may be null.
    pub async fn list_by_number<T: DeserializeOwned>(
        &self,
        route: Route,
        has_total: bool,
    ) -> Result<Vec<T>, Failure> {
        let mut found: Vec<T> = Vec::new();
        for page in 1..=MAX_PAGES {
            let route = route.clone().query("page", page);
            let got = self.get_with_headers::<Option<Vec<T>>>(route).await?;
            let entries = got.value.unwrap_or_default();
            let is_empty = entries.is_empty();
            found.extend(entries);
            let total = got.headers.get("x-total-count").filter(|_| has_total);
            let total: Option<usize> = total.and_then(|n| n.parse().ok());
            if is_empty || total.is_some_and(|total| found.len() >= total) {
                return Ok(found);
            }
        }
        let ask = self.ask(Method::Get, &route, None)?;
        Err(self.endless(&ask))
    }

    async fn list_as_told<T: DeserializeOwned>(&self, route: Route) -> Result<Vec<T>, Failure> {
        let mut found = Vec::new();
        let mut ask = self.ask(Method::Get, &route, None)?;
        for _ in 0..MAX_PAGES {
            let raw = self.exchange(&ask).await?;
            let next = next(&raw.headers, &self.api);
            found.extend(self.read::<Vec<T>>(&ask, raw)?.value);
            match next {
                Next::None => return Ok(found),
                Next::Page(n) => {
                    ask = self.ask(Method::Get, &route.clone().query("page", n), None)?;
                }
                Next::Url(url) => ask.url = url,
                Next::Foreign(url) => {
                    let why = format!("its next page is at another host: {}", self.shown(&url));
                    return Err(self.protocol(&ask, &why));
                }
            }
        }
        Err(self.endless(&ask))
    }

    fn endless(&self, ask: &Ask<'_>) -> Failure {
        self.protocol(ask, &format!("the list has more than {MAX_PAGES} pages"))
    }
}

/// The next page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This was the last one.
    None,
    /// The same request, for this page (GitLab's `x-next-page`).
    Page(u64),
    /// A whole address (`Link` with `rel="next"`).
    Url(String),
    /// Another host, to which no token goes.
    Foreign(String),
}

pub(super) fn next(headers: &Headers, api: &Endpoint) -> Next {
    if let Some(page) = headers.get("x-next-page") {
        // Empty on the last page.
        return page.parse().map_or(Next::None, Next::Page);
    }
    match headers.get("link").and_then(rel_next) {
        None => Next::None,
        Some(url) if is_at(url, api) => Next::Url(url.to_owned()),
        Some(url) => Next::Foreign(url.to_owned()),
    }
}

/// The target of the link whose relation is `next` (RFC 8288).
fn rel_next(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, target)) = rest.split_once('<') {
        let (url, behind) = target.split_once('>')?;
        let end = behind.find('<').unwrap_or(behind.len());
        let is_next = behind[..end].split(';').any(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_end_matches(',').trim();
            key.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim_matches('"')
                    .split_ascii_whitespace()
                    .any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(url);
        }
        rest = &behind[end..];
    }
    None
}

/// Where a redirect leads: a whole address, or a path at the host that said it.
pub(super) fn resolved(location: &str, from: &str) -> Option<String> {
    match location.as_bytes() {
        // Another host, or what some readers take for one.
        [b'/', b'/' | b'\\', ..] => None,
        [b'/', ..] => {
            let (scheme, rest) = from.split_once("://")?;
            let host = rest.split('/').next()?;
            Some(format!("{scheme}://{host}{location}"))
        }
        _ => Some(location.to_owned()),
    }
}

/// True where an address is at the host, port and scheme of the API.
pub(super) fn is_at(url: &str, api: &Endpoint) -> bool {
    let is_plain = url
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'#' && b != b'\\');
    let base = url.split('?').next().unwrap_or_default();
    // The path is the server's own; only where it leads counts.
    let authority = base
        .split_once("://")
        .map(|(scheme, rest)| (scheme, rest.split('/').next().unwrap_or_default()));
    is_plain
        && authority
            .and_then(|(scheme, host)| Endpoint::parse(&format!("{scheme}://{host}")).ok())
            .is_some_and(|found| {
                found.host() == api.host()
                    && found.port() == api.port()
                    && found.is_encrypted() == api.is_encrypted()
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_and_where_it_may_be() {
        let api = Endpoint::parse("https://api.github.com").unwrap();
        let url = |u: &str| Next::Url(u.to_owned());
        for (name, value, want) in [
            ("x-next-page", "3", Next::Page(3)),
            ("x-next-page", "", Next::None),
            ("x-next-page", "x", Next::None),
            ("link", "", Next::None),
            (
                "link",
                r#"<https://api.github.com/a?page=1>; rel="prev", <https://api.github.com/a?page=3>; rel="next", <https://api.github.com/a?page=9>; rel="last""#,
                url("https://api.github.com/a?page=3"),
            ),
            (
                "link",
                "<https://api.github.com/a?q=a,b;c>;rel=next",
                url("https://api.github.com/a?q=a,b;c"),
            ),
            (
                "link",
                r#"<https://api.github.com/a?page=2>; title="x"; rel="last next""#,
                url("https://api.github.com/a?page=2"),
            ),
            (
                "link",
                r#"<https://api.github.com/a>; rel="nextish""#,
                Next::None,
            ),
            ("link", "<https://api.github.com/a", Next::None),
            (
                "link",
                r#"<https://evil.example/a>; rel="next""#,
                Next::Foreign("https://evil.example/a".into()),
            ),
        ] {
            let headers = Headers::new([(name, value)]);
            assert_eq!(next(&headers, &api), want, "{name}: {value}");
        }
        for foreign in [
            "http://api.github.com/a",
            "https://api.github.com:444/a",
            "https://api.github.com@evil.example/a",
            "https://evil.example\\@api.github.com/a",
            "https://api.github.com.evil.example/a",
            "//api.github.com/a",
            "/a",
            "https://api.github.com/a#b",
            "https://api.github.com/a b",
        ] {
            assert!(!is_at(foreign, &api), "{foreign}");
        }
        let from = "https://api.github.com:444/repos/o/r?x=/y";
        for (location, want) in [
            ("/a?b=//c", Some("https://api.github.com:444/a?b=//c")),
            ("/", Some("https://api.github.com:444/")),
            ("https://evil.example/a", Some("https://evil.example/a")),
            ("a", Some("a")),
            ("", Some("")),
            ("//evil.example/a", None),
            ("/\\evil.example/a", None),
        ] {
            assert_eq!(resolved(location, from).as_deref(), want, "{location}");
        }
        assert!(is_at(
            "https://API.github.com:443/repositories/1/x?p=2",
            &api
        ));
    }
}
