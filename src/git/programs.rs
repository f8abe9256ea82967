//! What of git's configuration starts programs, or sends work elsewhere.

use std::collections::BTreeSet;
use std::path::Path;

/// Configuration that starts programs or sends work elsewhere, with its values.
pub(super) type Things = BTreeSet<(String, String)>;

/// Of a configuration file.
pub(super) fn runs_things(config: &Path) -> Things {
    const KEYS: [&str; 18] = [
        "core.hookspath",
        "core.askpass",
        "core.alternaterefscommand",
        "core.fsmonitor",
        "core.sshcommand",
        "core.gitproxy",
        "core.editor",
        "core.pager",
        "core.attributesfile",
        "core.worktree",
        "core.bare",
        "commit.gpgsign",
        "sequence.editor",
        "interactive.difffilter",
        "user.signingkey",
        "init.templatedir",
        "extensions.worktreeconfig",
        "gc.recentobjectshook",
    ];
    const SECTIONS: [&str; 20] = [
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
        // The signers of every format, and what names a key to them.
        "gpg.",
        "pager.",
        // Proxies, certificates, whether they are looked at, and cookies.
        "http.",
        // Which transports are allowed.
        "protocol.",
        // Hooks that newer versions read from the configuration.
        "hook.",
        "difftool.",
        "mergetool.",
        "trailer.",
        "browser.",
        "man.",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_programs_or_leads_elsewhere_is_known_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let known = [
            "core.askPass",
            "core.hooksPath",
            "credential.https://example.org.helper",
            "filter.lfs.smudge",
            "gpg.openpgp.program",
            "gpg.program",
            "gpg.ssh.defaultKeyCommand",
            "gpg.ssh.program",
            "gpg.x509.program",
            "http.https://example.org.proxy",
            "http.proxy",
            "http.sslVerify",
            "pager.log",
            "sequence.editor",
            "url.git@example.org:.insteadOf",
            "user.signingKey",
        ];
        let others = ["branch.main.remote", "core.autocrlf", "user.name"];
        crate::fsx::atomic::write(&path, b"").unwrap();
        let mut config = git2::Config::open(&path).unwrap();
        for name in known.iter().chain(&others) {
            config.set_str(name, "x").unwrap();
        }
        let found: BTreeSet<String> = runs_things(&path)
            .into_iter()
            .map(|(name, _)| name.to_lowercase())
            .collect();
        let wanted = known.map(str::to_lowercase).into_iter().collect();
        assert_eq!(found, wanted);
    }
}
