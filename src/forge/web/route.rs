//! Paths and queries of requests, every part of them percent-encoded. Pure.

use std::fmt::{self, Write as _};

/// A path below a forge's API with its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::forge) struct Route {
    path: String,
    query: String,
    /// Holds a segment that would be read as another path.
    is_odd: bool,
}

impl Route {
    /// A path of these segments: each is encoded whole, so that a slash in a name stays in its segment.
    pub fn new<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> Self {
        let none = Self {
            path: String::new(),
            query: String::new(),
            is_odd: false,
        };
        segments.into_iter().fold(none, |route, s| route.push(s))
    }

    /// A path such as `owner/name`, each part of which is a segment.
    pub fn of_path(path: &str) -> Self {
        Self::new(path.split('/'))
    }

    /// One more segment.
    pub fn push(mut self, segment: impl AsRef<str>) -> Self {
        let segment = segment.as_ref();
        // Readers of addresses take these for steps, encoded or not.
        self.is_odd |= matches!(segment, "" | "." | "..");
        self.path.push('/');
        encode(&mut self.path, segment);
        self
    }

    /// More segments.
    pub fn join<S: AsRef<str>>(self, segments: impl IntoIterator<Item = S>) -> Self {
        segments.into_iter().fold(self, |route, s| route.push(s))
    }

    /// One more parameter of the query.
    pub fn query(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.query
            .push(if self.query.is_empty() { '?' } else { '&' });
        encode(&mut self.query, key);
        self.query.push('=');
        encode(&mut self.query, &value.to_string());
        self
    }

    /// The path, for messages.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Behind the base of an API, without a slash in front; None where a name in it is none.
    pub(super) fn operation(&self) -> Option<String> {
        (!self.is_odd).then(|| format!("{}{}", self.path.trim_start_matches('/'), self.query))
    }
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_stay_in_their_segment() {
        for (segments, query, want) in [
            (&["user"][..], None, Some("user")),
            (
                &["repos", "o", "r", "pulls"],
                Some(("head", "o:codelicious/a b")),
                Some("repos/o/r/pulls?head=o%3Acodelicious%2Fa%20b"),
            ),
            (
                &["projects", "group/sub/name"],
                None,
                Some("projects/group%2Fsub%2Fname"),
            ),
            (
                &["labels", "c# & é"],
                None,
                Some("labels/c%23%20%26%20%C3%A9"),
            ),
            (&["users", ".."], None, None),
            (&["users", "."], None, None),
            (&["users", ""], None, None),
            (&["users", "%2e%2e"], None, Some("users/%252e%252e")),
        ] {
            let mut route = Route::new(segments);
            if let Some((key, value)) = query {
                route = route.query(key, value);
            }
            assert_eq!(route.operation().as_deref(), want, "{segments:?}");
        }
        let repo = Route::of_path("o/r")
            .join(["pulls", "7"])
            .query("a", 1)
            .query("b", 2);
        assert_eq!(repo.operation().unwrap(), "o/r/pulls/7?a=1&b=2");
        assert_eq!(repo.path(), "/o/r/pulls/7");
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_segment(name in any::<String>(), value in any::<String>()) {
            let route = Route::new(["a", &name, "b"]).query("q", &value);
            if let Some(text) = route.operation() {
                prop_assert_eq!(text.matches('/').count(), 2);
                prop_assert_eq!(text.matches('?').count(), 1);
                prop_assert!(!text.contains(['&', '#', ' ']) && text.is_ascii());
            }
        }
    }
}
