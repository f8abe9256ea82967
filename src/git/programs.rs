//! What of git's configuration starts programs, or sends work elsewhere.

use std::collections::BTreeSet;
use std::path::Path;

/// Configuration that starts programs or sends work elsewhere, with its values.
pub(super) type Things = BTreeSet<(String, String)>;

/// Of a configuration file.
pub(super) fn runs_things(config: &Path) -> Things {
    const KEYS: [&str; 13] = [
        "core.hookspath",
        "core.fsmonitor",
        "core.sshcommand",
        "core.gitproxy",
        "core.editor",
        "core.pager",
        "core.attributesfile",
        "core.worktree",
        "core.bare",
        "commit.gpgsign",
        "gpg.program",
        "init.templatedir",
        "extensions.worktreeconfig",
    ];
    const SECTIONS: [&str; 10] = [
        "alias.",
        "filter.",
        "include.",
        "includeif.",
        "credential.",
        "url.",
        "remote.",
        "diff.",
        "merge.",
        "submodule.",
    ];
    let mut found = BTreeSet::new();
    if let Ok(entries) = git2::Config::open(config).and_then(|mut c| c.snapshot())
        && let Ok(mut entries) = entries.entries(None)
    {
        while let Some(Ok(entry)) = entries.next() {
            let (Ok(name), value) = (entry.name(), entry.value().unwrap_or_default()) else {
                continue;
            };
            let lower = name.to_lowercase();
            if KEYS.contains(&lower.as_str()) || SECTIONS.iter().any(|s| lower.starts_with(s)) {
                found.insert((name.to_owned(), value.to_owned()));
            }
        }
    }
    found
}

/// Serialises them behind their pointer.
pub(super) mod shared_things {
    use super::Things;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub fn serialize<S: Serializer>(things: &Arc<Things>, to: S) -> Result<S::Ok, S::Error> {
        things.as_ref().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Things>, D::Error> {
        Things::deserialize(from).map(Arc::new)
    }
}
