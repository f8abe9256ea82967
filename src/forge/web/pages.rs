//! Where the next page of a list is: pure.

use crate::config::Endpoint;
use crate::net::Headers;

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
        assert!(is_at(
            "https://API.github.com:443/repositories/1/x?p=2",
            &api
        ));
    }
}
