//! One file of credentials that a private home holds a copy of, and the way of refreshed tokens back.

use super::agent::{Item, Refresh, What};
use super::beneath::Beneath;
use super::cut;
use super::own::{self, MAX_FILE, Place};
use super::tokens::{self, Before};
use crate::fsx::read::open_flags;
use crate::fsx::{FsError, atomic, lock, read_bounded};
use rustix::fs::OFlags;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How often a lock that somebody holds is tried for; whoever holds it writes one small file.
const LOCK_TRIES: u32 = 1_000_000;

/// A copy that a run has.
pub(super) struct Lent {
    /// Below the private folder.
    at: String,
    /// The user's file, links followed.
    from: PathBuf,
    /// What was copied.
    copied: Vec<u8>,
    rule: Option<&'static Refresh>,
}

/// Why credentials are not there.
pub(super) enum Problem {
    /// The user's own cannot be used.
    Own(String),
    /// The private folder cannot be.
    Private(FsError),
}

/// What became of a copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Unchanged,
    Refreshed(PathBuf),
    /// It changed, and does not go back.
    Kept(String),
}

/// How an attempt to write the user's file ended.
enum Handed {
    Over,
    /// The user's is not what was copied any more.
    Overtaken,
    Not(String),
}

impl Lent {
    /// Puts the user's credentials into the private folder, unless there are newer ones of an earlier run, which
    /// are given back first. None where the user has none; there are none then in the private folder either. Settings
    /// that stand beside them are cut as others are, with `programs` as there.
    pub(super) fn lend(
        root: &Beneath,
        at: String,
        place: &Place,
        item: &Item,
        programs: bool,
        left_out: &mut Vec<String>,
    ) -> Result<Option<Self>, Problem> {
        let rule = match item.what {
            What::Credentials(rule) => rule,
            What::File | What::Tree | What::Keys(_) => None,
        };
        let roots = place.roots();
        let path = place.folder.join(item.path);
        let read = || own::file(&path, &roots).map_err(Problem::Own);
        let left = root.read(&at, MAX_FILE).map_err(Problem::Private)?;
        let mut own = read()?;
        let bytes = own.as_ref().map(|(_, bytes)| bytes.as_slice());
        let mut decision = tokens::before(bytes, left.as_deref(), rule);
        // Somebody logged in since: whose tokens last longer says nothing then.
        if let (Before::GiveBack(_), Some((from, _))) = (&decision, &own) {
            let theirs = from.symlink_metadata().map(|m| (m.ctime(), m.ctime_nsec()));
            let ours = root.changed(&at).map_err(Problem::Private)?;
            if theirs.ok() > ours {
                decision = Before::Copy;
            }
        }
        if let (Before::GiveBack(text), Some((from, copied))) = (&decision, &own) {
            let own_again = match hand_over(from, copied, text) {
                Handed::Over | Handed::Overtaken => read()?,
                // The lane's are good, and the next run's end is another chance; until then they stay here.
                Handed::Not(_) => {
                    return Ok(Some(Self {
                        at,
                        from: from.clone(),
                        copied: copied.clone(),
                        rule,
                    }));
                }
            };
            own = own_again;
        }
        let Some((from, copied)) = own else {
            root.remove(&at).map_err(Problem::Private)?;
            return Ok(None);
        };
        let Some(lent) = own::trimmed(item, &path, copied.clone(), programs, left_out) else {
            root.remove(&at).map_err(Problem::Private)?;
            return Ok(None);
        };
        if decision != Before::Keep || lent != copied {
            root.write(&at, &lent, false).map_err(Problem::Private)?;
        }
        Ok(Some(Self {
            at,
            from,
            copied,
            rule,
        }))
    }

    /// After a run.
    ///
    /// # Errors
    /// The private folder cannot be read.
    pub(super) fn give_back(&self, root: &Beneath) -> Result<Outcome, FsError> {
        let Some(left) = root.read(&self.at, MAX_FILE)? else {
            return Ok(Outcome::Unchanged);
        };
        if left == self.copied {
            return Ok(Outcome::Unchanged);
        }
        let Some(rule) = self.rule else {
            // Settings beside a key, as often as not; they are the user's again with the next run.
            return Ok(Outcome::Unchanged);
        };
        let stays = |why: &str| {
            let name = self.from.display();
            Outcome::Kept(format!(
                "the agent's changed credentials were not given back to {name}: {why}"
            ))
        };
        let text = match tokens::refreshed(&self.copied, &left, rule) {
            Ok(text) => text,
            Err(strange) => return Ok(stays(strange.why())),
        };
        Ok(match hand_over(&self.from, &self.copied, &text) {
            Handed::Over => Outcome::Refreshed(self.from.clone()),
            Handed::Overtaken => {
                // Or the next run would take them for something that was not given back yet.
                root.remove(&self.at)?;
                stays("the user's changed meanwhile, and stay as they are")
            }
            Handed::Not(why) => stays(&why),
        })
    }

    /// What the providers are called that it has entries for.
    pub(super) fn logins(&self) -> Vec<String> {
        let read = std::str::from_utf8(&self.copied).ok().and_then(cut::json);
        let Some(serde_json::Value::Object(map)) = read else {
            return Vec::new();
        };
        let inner = map.get("providers").and_then(|p| p.as_object());
        let inner = inner.into_iter().flat_map(|p| p.keys());
        map.keys().chain(inner).cloned().collect()
    }
}

/// Writes the user's file, if it is still what was `expected`: whole or not at all, under a lock that everyone of us
/// takes, with the mode that it has. Who does not know the lock, such as the agent in the user's own terminal, is
/// seen by what the file holds.
fn hand_over(path: &Path, expected: &[u8], text: &[u8]) -> Handed {
    let held = match lock_file(path) {
        Ok(file) => file,
        Err(e) => return Handed::Not(e.to_string()),
    };
    match lock::guard(&held, LOCK_TRIES) {
        Ok(Some(_guard)) => replace(path, expected, text),
        Ok(None) => Handed::Not("somebody holds the lock beside them".to_owned()),
        Err(e) => Handed::Not(e.to_string()),
    }
}

fn replace(path: &Path, expected: &[u8], text: &[u8]) -> Handed {
    match read_bounded(path, MAX_FILE) {
        Ok(now) if now == expected => {}
        Ok(_) => return Handed::Overtaken,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Handed::Overtaken,
        Err(e) => return Handed::Not(e.to_string()),
    }
    let owner = path.symlink_metadata().map(|m| m.uid());
    if !owner.is_ok_and(|uid| uid == rustix::process::geteuid().as_raw()) {
        return Handed::Not("they belong to another user".to_owned());
    }
    match atomic::write(path, text) {
        Ok(()) => Handed::Over,
        Err(e) => Handed::Not(e.to_string()),
    }
}

/// The file beside the credentials whose lock whoever replaces them holds. It stays: one that is removed while
/// somebody waits for it guards nothing.
fn lock_file(path: &Path) -> Result<File, FsError> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".codelicious-lock");
    let at = path.with_file_name(name);
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(open_flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(&at)
        .map_err(|e| FsError::new("lock", &at, e))
}

/// Addresses that settings name as those of an API: values of keys that end in `base_url`, in JSON or TOML.
pub(super) fn addresses(rel: &str, bytes: &[u8]) -> Vec<String> {
    let value = match rel.rsplit('.').next() {
        Some("json" | "jsonc") => std::str::from_utf8(bytes).ok().and_then(cut::json),
        Some("toml") => std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| toml::from_str::<serde_json::Value>(text).ok()),
        _ => None,
    };
    let mut found = Vec::new();
    let mut open: Vec<serde_json::Value> = value.into_iter().collect();
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    let key = key.to_ascii_lowercase().replace('_', "");
                    match value {
                        serde_json::Value::String(text) if key.ends_with("baseurl") => {
                            found.push(text);
                        }
                        other => open.push(other),
                    }
                }
            }
            serde_json::Value::Array(items) => open.extend(items),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => {}
        }
    }
    found
}
