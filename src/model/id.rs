//! Identifiers. Each is a distinct type, so that a spec is never passed where a chunk is meant.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a value that is known to be well formed.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }
    };
}

string_id! {
    /// A spec's slug: its path below the root without extension, safe as a file and ref name.
    SpecId
}
string_id! {
    /// A chunk within its spec: the task's explicit id, or 12 hex digits; `+n` for part n of a split task.
    ChunkId
}
string_id! {
    /// One run: `YYYYMMDDTHHMMSSZ-xxxxxx`, sortable by time.
    RunId
}
string_id! {
    /// A git object id in hex.
    Oid
}

impl Oid {
    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}
