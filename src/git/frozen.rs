//! Git's configuration as it stood before any engine ran: read once, and written out again for where it is used
//! (`git_place`).

use super::error::GitError;
use super::git_place;
use super::repo::Repo;
use std::sync::Arc;

/// Major and minor.
pub(super) type Version = (u32, u32);

/// Where a setting stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// On the machine or with the user.
    User,
    Repository,
    /// With the main worktree alone (`config.worktree`); others have their own.
    Worktree,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    of: Scope,
    key: String,
    /// None where only the key stands, which means true.
    value: Option<String>,
}

/// The configuration.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) version: Version,
    settings: Vec<Setting>,
}

impl Repo {
    /// The configuration as it stood when this was first called.
    ///
    /// # Errors
    /// Git cannot be started or cannot read it.
    pub(super) fn frozen(&self) -> Result<Arc<Frozen>, GitError> {
        if let Some(frozen) = self.frozen.get() {
            return Ok(Arc::clone(frozen));
        }
        let version = version(&self.ask_git(&["version"])?);
        let listed = self.ask_git(&["config", "--list", "-z", "--show-scope"])?;
        let frozen = Arc::new(Frozen {
            version,
            settings: settings(&listed),
        });
        git_place::clear_rests(&self.info.common_dir);
        Ok(Arc::clone(self.frozen.get_or_init(|| frozen)))
    }
}

/// Whose settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    User,
    Repository,
    Worktree,
    /// All of these, for what the repository causes: without credentials.
    All,
}

impl Frozen {
    /// All of it in one file, without credentials.
    pub(super) fn for_hooks(&self) -> String {
        self.text(Whose::All)
    }

    /// The last value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        let last = self.settings.iter().rev().find(|s| s.key == key)?;
        Some(last.value.as_deref().unwrap_or("true"))
    }

    /// True where a setting's name begins so.
    pub(super) fn has(&self, beginning: &str) -> bool {
        self.settings.iter().any(|s| s.key.starts_with(beginning))
    }

    pub(super) fn text(&self, whose: Whose) -> String {
        let mut text = String::new();
        for setting in &self.settings {
            let is_wanted = match whose {
                Whose::User => setting.of == Scope::User,
                Whose::Repository => setting.of == Scope::Repository,
                Whose::Worktree => setting.of == Scope::Worktree,
                Whose::All => !is_credential(&setting.key),
            };
            if !is_wanted || is_placed(&setting.key) {
                continue;
            }
            let value = setting.value.as_deref().map(|v| match whose {
                Whose::User | Whose::Repository | Whose::Worktree => v.into(),
                Whose::All => super::without_credentials(v),
            });
            write(&mut text, &setting.key, value.as_deref());
        }
        text
    }
}

/// True for what the copy has spelled out, and for what its place says otherwise.
fn is_placed(key: &str) -> bool {
    let is_include = key.starts_with("include.") || key.starts_with("includeif.");
    is_include || matches!(key, "core.worktree" | "core.bare" | "core.hookspath")
}

/// True for what names or is a credential.
fn is_credential(key: &str) -> bool {
    key.starts_with("credential.")
        || key.starts_with("sendemail.")
        || (key.starts_with("http.") && key.ends_with(".extraheader"))
        || key == "http.extraheader"
        || [
            "cookiefile",
            "sslkey",
            "sslcert",
            "proxy",
            "sslcertpasswordprotected",
        ]
        .iter()
        .any(|k| key.starts_with("http.") && key.ends_with(k))
}

/// One setting as a section of its own (git-config(1), "Syntax").
fn write(text: &mut String, key: &str, value: Option<&str>) {
    let (Some((section, _)), Some((_, name))) = (key.split_once('.'), key.rsplit_once('.')) else {
        return;
    };
    let between = key
        .get(section.len() + 1..key.len() - name.len())
        .and_then(|b| b.strip_suffix('.'));
    text.push('[');
    text.push_str(section);
    if let Some(between) = between {
        let between = between.replace('\\', "\\\\").replace('"', "\\\"");
        text.push_str(&format!(" \"{between}\""));
    }
    text.push_str("]\n\t");
    text.push_str(name);
    if let Some(value) = value {
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
            .replace('\t', "\\t");
        text.push_str(&format!(" = \"{value}\""));
    }
    text.push('\n');
}

/// Reads `git config --list -z --show-scope`: scope, NUL, key, newline, value, NUL.
fn settings(listed: &str) -> Vec<Setting> {
    let mut words = listed.split('\0');
    let mut found = Vec::new();
    while let (Some(scope), Some(entry)) = (words.next(), words.next()) {
        let of = match scope {
            "system" | "global" => Scope::User,
            "local" => Scope::Repository,
            "worktree" => Scope::Worktree,
            // Given by our own options and variables, which are given each time.
            _ => continue,
        };
        let (key, value) = match entry.split_once('\n') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (entry, None),
        };
        found.push(Setting {
            of,
            key: key.to_owned(),
            value,
        });
    }
    found
}

/// Reads `git version 2.47.3`. What cannot be read is as old as can be.
fn version(said: &str) -> Version {
    let number = said.split_whitespace().nth(2).unwrap_or_default();
    let mut parts = number.split('.').map(|p| p.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::git_place::put;

    #[test]
    fn versions_are_read() {
        for (said, wanted) in [
            ("git version 2.47.3\n", (2, 47)),
            ("git version 2.39.5 (Apple Git-154)", (2, 39)),
            ("git version 3.0.rc1", (3, 0)),
            ("git", (0, 0)),
            ("", (0, 0)),
        ] {
            assert_eq!(version(said), wanted, "{said}");
        }
    }

    #[test]
    fn a_copy_says_what_the_configuration_said() {
        let listed = "system\0http.proxy\nhttp://u:p@proxy\0global\0user.name\nAda \"L\" \\ \ttab\0\
            global\0include.path\n/x\0local\0remote.origin.url\nhttps://me:secret@host/r.git\0\
            local\0branch.a.b\"c\\d.merge\nrefs/heads/x\0local\0core.flag\0\
            local\0alias.two\nline one\nline two ; # \0command\0gc.auto\n0\0\
            local\0http.https://h/.extraheader\nAUTHORIZATION: basic x\0local\0core.worktree\n../x\0\
            worktree\0core.sparsecheckout\ntrue\0";
        let frozen = Frozen {
            version: (2, 47),
            settings: settings(listed),
        };
        let read = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("config");
            put(&path, text.as_bytes()).unwrap();
            let config = git2::Config::open(&path).unwrap().snapshot().unwrap();
            let mut entries = config.entries(None).unwrap();
            let mut found = Vec::new();
            while let Some(entry) = entries.next() {
                let entry = entry.unwrap();
                let value = entry.has_value().then(|| entry.value().unwrap().to_owned());
                found.push((entry.name().unwrap().to_owned(), value));
            }
            found.sort();
            found
        };
        let pair = |k: &str, v: &str| (k.to_owned(), Some(v.to_owned()));
        assert_eq!(
            read(&frozen.text(Whose::User)),
            [
                pair("http.proxy", "http://u:p@proxy"),
                pair("user.name", "Ada \"L\" \\ \ttab")
            ]
        );
        assert_eq!(
            read(&frozen.text(Whose::Repository)),
            [
                pair("alias.two", "line one\nline two ; # "),
                pair("branch.a.b\"c\\d.merge", "refs/heads/x"),
                ("core.flag".to_owned(), None),
                pair("http.https://h/.extraheader", "AUTHORIZATION: basic x"),
                pair("remote.origin.url", "https://me:secret@host/r.git"),
            ]
        );
        assert_eq!(
            read(&frozen.text(Whose::Worktree)),
            [pair("core.sparsecheckout", "true")]
        );
        let for_hooks = frozen.for_hooks();
        for secret in ["secret", "AUTHORIZATION", "u:p"] {
            assert!(!for_hooks.contains(secret), "{for_hooks}");
        }
        assert_eq!(
            read(&for_hooks)
                .iter()
                .find(|(k, _)| k == "remote.origin.url"),
            Some(&pair("remote.origin.url", "https://host/r.git"))
        );
        assert_eq!(frozen.value("core.flag"), Some("true"));
        assert_eq!(frozen.value("gc.auto"), None);
    }
}
