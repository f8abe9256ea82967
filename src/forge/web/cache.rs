//! Answers that are kept with their ETags, for as long as the process lives. A forge that is asked whether one still
//! holds answers 304 where it does, which at GitHub counts against no limit.

use crate::net::Headers;
use std::cell::RefCell;
use std::collections::HashMap;

/// Bytes that are kept in all; beyond them everything is forgotten, and asked for anew.
const MAX_BYTES: usize = 8 << 20;

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub etag: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// The kept answers by address.
#[derive(Debug, Default)]
pub(super) struct Cache(RefCell<HashMap<String, Kept>>);

impl Cache {
    pub fn get(&self, url: &str) -> Option<Kept> {
        self.0.borrow().get(url).cloned()
    }

    /// Keeps an answer that has an ETag.
    pub fn keep(&self, url: &str, headers: &Headers, body: &[u8]) {
        let mut kept = self.0.borrow_mut();
        kept.remove(url);
        let Some(etag) = headers.get("etag").filter(|etag| !etag.is_empty()) else {
            return;
        };
        let held: usize = kept.values().map(|k| k.body.len()).sum();
        if held + body.len() > MAX_BYTES {
            kept.clear();
        }
        if body.len() <= MAX_BYTES {
            let answer = Kept {
                etag: etag.to_owned(),
                headers: headers.clone(),
                body: body.to_vec(),
            };
            kept.insert(url.to_owned(), answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_and_what_is_forgotten() {
        let cache = Cache::default();
        let with = |etag| Headers::new([("ETag", etag)]);
        cache.keep("a", &with("\"1\""), b"one");
        assert_eq!(cache.get("a").unwrap().body, b"one");
        cache.keep("a", &with("W/\"2\""), b"two");
        let kept = cache.get("a").unwrap();
        assert_eq!(
            (kept.etag.as_str(), kept.body.as_slice()),
            ("W/\"2\"", &b"two"[..])
        );
        cache.keep("a", &Headers::default(), b"three");
        assert_eq!(
            cache.get("a"),
            None,
            "an answer without one takes the place of the one with"
        );
        cache.keep("a", &with("\"1\""), b"one");
        cache.keep("b", &with("\"1\""), &vec![b'x'; MAX_BYTES - 2]);
        assert_eq!(cache.get("a"), None, "there was no room for both");
        assert!(cache.get("b").is_some());
        cache.keep("c", &with("\"1\""), &vec![b'x'; MAX_BYTES + 1]);
        assert_eq!(cache.get("c"), None);
    }
}
