//! Clearing what was planted in a private home away: out of an agent's folders before its run, and among what
//! configures shells and tools after it.

use super::beneath::{Beneath, Kind};
use crate::fsx::FsError;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

/// Deeper than this nothing is kept.
const MAX_DEPTH: usize = 16;
/// What is remembered of one place at most; a larger one is left alone.
const MAX_FILES: usize = 256;
const MAX_BYTES: u64 = 2 << 20;

/// Files and folders of a home that shells and tools read by themselves and that can run commands or lead a tool
/// elsewhere.
const STARTUP: &[&str] = &[
    ".bash_login",
    ".bash_logout",
    ".bash_profile",
    ".bashrc",
    ".bunfig.toml",
    ".cargo/config",
    ".cargo/config.toml",
    ".condarc",
    ".config/autostart",
    ".config/direnv",
    ".config/environment.d",
    ".config/fish",
    ".config/git",
    ".config/go",
    ".config/pip",
    ".config/systemd",
    ".config/uv",
    ".cshrc",
    ".curlrc",
    ".env",
    ".envrc",
    ".gdbinit",
    ".gemrc",
    ".gitconfig",
    ".gnupg",
    ".gradle/gradle.properties",
    ".gradle/init.d",
    ".gradle/init.gradle",
    ".gradle/init.gradle.kts",
    ".inputrc",
    ".irbrc",
    ".kshrc",
    ".lldbinit",
    ".login",
    ".m2/settings.xml",
    ".mavenrc",
    ".mkshrc",
    ".netrc",
    ".npmrc",
    ".pip",
    ".pnpmrc",
    ".profile",
    ".pydistutils.cfg",
    ".pypirc",
    ".pythonrc",
    ".rspec",
    ".ssh",
    ".tcshrc",
    ".wgetrc",
    ".xprofile",
    ".yarnrc",
    ".yarnrc.yml",
    ".zlogin",
    ".zlogout",
    ".zprofile",
    ".zshenv",
    ".zshrc",
];

/// Folders of a home that are often on PATH. What is in them is too large to be remembered; what comes or changes
/// there is removed.
const PROGRAMS: &[&str] = &[".cargo/bin", ".local/bin", "bin", "go/bin"];

/// True when a path below a folder is one of those that the pattern names.
pub(super) fn matches(pattern: &str, rel: &str) -> bool {
    fit(pattern, rel) == Fit::Whole
}

#[derive(PartialEq, Eq)]
enum Fit {
    No,
    /// Something below it may.
    Above,
    Whole,
}

fn fit(pattern: &str, rel: &str) -> Fit {
    let mut wanted = pattern.split('/');
    for step in rel.split('/') {
        match wanted.next() {
            None => return Fit::No,
            Some("**") => return Fit::Whole,
            Some(want) if is_like(want, step) => {}
            Some(_) => return Fit::No,
        }
    }
    match wanted.next() {
        None => Fit::Whole,
        Some(_) => Fit::Above,
    }
}

/// `*` stands for anything.
fn is_like(want: &str, name: &str) -> bool {
    let Some((start, rest)) = want.split_once('*') else {
        return want == name;
    };
    let Some(mut left) = name.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or("");
    for part in parts {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.len() >= end.len() && left.ends_with(end)
}

/// Removes everything in the folder but what is `wanted` and what matches a pattern of `kept`; of the latter nothing
/// but plain files.
pub(super) fn tidy(
    folder: &Beneath,
    wanted: &BTreeSet<String>,
    kept: &[&str],
) -> Result<(), FsError> {
    tidy_below(folder, "", wanted, kept, 0)
}

fn tidy_below(
    folder: &Beneath,
    above: &str,
    wanted: &BTreeSet<String>,
    kept: &[&str],
    depth: usize,
) -> Result<(), FsError> {
    for (name, kind) in folder.entries()? {
        let rel = name.to_str().map(|name| format!("{above}{name}"));
        let stays = match (&rel, kind) {
            (None, _) | (_, Kind::Other) => false,
            (Some(rel), Kind::File) => wanted.contains(rel) || kept.iter().any(|k| matches(k, rel)),
            (Some(rel), Kind::Folder) => {
                let below = format!("{rel}/");
                let leads = wanted.iter().any(|w| w.starts_with(&below))
                    || kept.iter().any(|k| fit(k, rel) != Fit::No);
                if leads && depth < MAX_DEPTH {
                    tidy_below(&folder.child(&name)?, &below, wanted, kept, depth + 1)?;
                }
                leads && depth < MAX_DEPTH
            }
        };
        if !stays {
            folder.remove_name(&name)?;
        }
    }
    Ok(())
}

/// What configures shells and tools in a home, as it was.
#[derive(Default)]
pub(super) struct Startup {
    files: BTreeMap<&'static str, Seen>,
    programs: BTreeMap<&'static str, BTreeMap<OsString, Stamp>>,
}

/// Which file it is, and when it last changed; ctime cannot be set.
type Stamp = (u64, i64, i64, i64);

#[derive(PartialEq, Eq)]
enum Seen {
    Nothing,
    File {
        bytes: Vec<u8>,
        executable: bool,
    },
    Folder(BTreeMap<OsString, Seen>),
    /// A link or the like, or more than is remembered.
    Unknown,
}

impl Startup {
    pub(super) fn of(home: &Beneath) -> Result<Self, FsError> {
        let mut files = BTreeMap::new();
        for rel in STARTUP {
            files.insert(*rel, look(home, rel)?);
        }
        let mut programs = BTreeMap::new();
        for rel in PROGRAMS {
            programs.insert(*rel, stamps(home, rel)?);
        }
        Ok(Self { files, programs })
    }

    /// Makes it so again. What was planted, by path.
    pub(super) fn restore(&self, home: &Beneath) -> Result<Vec<String>, FsError> {
        let mut undone = Vec::new();
        for (rel, was) in &self.files {
            if *was == Seen::Unknown || look(home, rel)? == *was {
                continue;
            }
            home.remove(rel)?;
            if let Some((above, name)) = rel.rsplit_once('/').or(Some(("", rel)))
                && *was != Seen::Nothing
            {
                put(&home.folder(above)?, OsStr::new(name), was)?;
            }
            undone.push((*rel).to_owned());
        }
        for (rel, were) in &self.programs {
            for (name, stamp) in stamps(home, rel)? {
                if were.get(&name) != Some(&stamp) {
                    if let Some(folder) = home.existing(rel)? {
                        folder.remove_name(&name)?;
                    }
                    undone.push(format!("{rel}/{}", name.to_string_lossy().escape_debug()));
                }
            }
        }
        Ok(undone)
    }
}

fn look(home: &Beneath, rel: &str) -> Result<Seen, FsError> {
    let (above, name) = rel.rsplit_once('/').unwrap_or(("", rel));
    let Some(folder) = home.existing(above)? else {
        return Ok(Seen::Nothing);
    };
    let mut left = (MAX_FILES, MAX_BYTES);
    see(&folder, OsStr::new(name), &mut left, 0)
}

fn see(
    folder: &Beneath,
    name: &OsStr,
    left: &mut (usize, u64),
    depth: usize,
) -> Result<Seen, FsError> {
    match folder.kind(name)? {
        None => Ok(Seen::Nothing),
        Some(Kind::Other) => Ok(Seen::Unknown),
        Some(Kind::File) => {
            let Some(bytes) = folder.read_name(name, left.1)? else {
                return Ok(Seen::Unknown);
            };
            if left.0 == 0 {
                return Ok(Seen::Unknown);
            }
            *left = (left.0 - 1, left.1 - bytes.len() as u64);
            let executable = folder.is_executable(name)?;
            Ok(Seen::File { bytes, executable })
        }
        Some(Kind::Folder) => {
            if depth == MAX_DEPTH {
                return Ok(Seen::Unknown);
            }
            let child = folder.child(name)?;
            let mut found = BTreeMap::new();
            for (inner, _) in child.entries()? {
                let seen = see(&child, &inner, left, depth + 1)?;
                if seen == Seen::Unknown {
                    return Ok(Seen::Unknown);
                }
                found.insert(inner, seen);
            }
            Ok(Seen::Folder(found))
        }
    }
}

fn put(folder: &Beneath, name: &OsStr, was: &Seen) -> Result<(), FsError> {
    match was {
        Seen::Nothing | Seen::Unknown => Ok(()),
        Seen::File { bytes, executable } => folder.write_name(name, bytes, *executable),
        Seen::Folder(inner) => {
            let child = folder.child(name)?;
            inner
                .iter()
                .try_for_each(|(name, was)| put(&child, name, was))
        }
    }
}

fn stamps(home: &Beneath, rel: &str) -> Result<BTreeMap<OsString, Stamp>, FsError> {
    let Some(folder) = home.existing(rel)? else {
        return Ok(BTreeMap::new());
    };
    let mut found = BTreeMap::new();
    for (name, _) in folder.entries()? {
        if let Some(stamp) = folder.stamp(&name)? {
            found.insert(name, stamp);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn patterns() {
        for (pattern, rel, fits) in [
            ("projects/*/*.jsonl", "projects/a-b/1.jsonl", true),
            ("projects/*/*.jsonl", "projects/a-b/memory/1.jsonl", false),
            ("projects/*/*.jsonl", "projects/a-b/MEMORY.md", false),
            ("sessions/**", "sessions/2026/01/x.jsonl", true),
            ("sessions/**", "sessions", false),
            ("state_*.sqlite*", "state_5.sqlite-wal", true),
            ("state_*.sqlite*", "state.sqlite", false),
            ("a", "a/b", false),
            ("*", "", true),
            ("*a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, rel), fits, "{pattern} {rel}");
        }
    }

    #[test]
    fn only_what_is_wanted_or_kept_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Beneath::open(&dir.path().join("f")).unwrap();
        for rel in [
            "settings.json",
            "settings.local.json",
            "agents/mine.md",
            "agents/planted.md",
            "projects/p/s.jsonl",
            "projects/p/memory/MEMORY.md",
            "plugins/evil/hooks.json",
            "shell-snapshots/snapshot.sh",
        ] {
            folder.write(rel, b"x", false).unwrap();
        }
        let at = |rel: &str| dir.path().join("f").join(rel);
        symlink("/etc/passwd", at("projects/p/link.jsonl")).unwrap();
        symlink("/etc", at("hooks")).unwrap();
        fs::create_dir(at("settings.bak")).unwrap();
        let wanted = ["settings.json", "agents/mine.md"];
        let wanted = wanted.map(str::to_owned).into();
        tidy(&folder, &wanted, &["projects/*/*.jsonl"]).unwrap();
        let mut left = Vec::new();
        let mut open = vec![at("")];
        while let Some(path) = open.pop() {
            for entry in fs::read_dir(path).unwrap().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => open.push(entry.path()),
                    false => left.push(entry.path()),
                }
            }
        }
        left.sort();
        let stay = ["agents/mine.md", "projects/p/s.jsonl", "settings.json"];
        assert_eq!(left, stay.map(at));
    }

    #[test]
    fn start_up_files_are_as_before() {
        let dir = tempfile::tempdir().unwrap();
        let home = Beneath::open(&dir.path().join("home")).unwrap();
        let at = |rel: &str| dir.path().join("home").join(rel);
        home.write(".gitconfig", b"[user]\n", false).unwrap();
        home.write(".config/git/ignore", b"x\n", false).unwrap();
        home.write(".local/bin/tool", b"#!", true).unwrap();
        let before = Startup::of(&home).unwrap();
        assert_eq!(before.restore(&home).unwrap(), [""; 0]);

        home.write(".gitconfig", b"[core]\nfsmonitor = evil\n", false)
            .unwrap();
        home.write(".bashrc", b"evil", false).unwrap();
        home.write(".config/git/hooks/pre-commit", b"evil", true)
            .unwrap();
        symlink("/etc/passwd", at(".netrc")).unwrap();
        home.write(".local/bin/git", b"evil", true).unwrap();
        home.write(".cache/pip/wheel", b"fine", false).unwrap();
        let undone = before.restore(&home).unwrap();
        let planted = [
            ".bashrc",
            ".config/git",
            ".gitconfig",
            ".netrc",
            ".local/bin/git",
        ];
        assert_eq!(undone, planted);
        assert_eq!(fs::read(at(".gitconfig")).unwrap(), b"[user]\n");
        assert_eq!(fs::read(at(".config/git/ignore")).unwrap(), b"x\n");
        assert!(!at(".config/git/hooks").exists() && !at(".bashrc").exists());
        assert!(at(".local/bin/tool").exists() && at(".cache/pip/wheel").exists());
        assert_eq!(before.restore(&home).unwrap(), [""; 0]);
    }
}
