//! Folders of a lane's own, and packages in them that the user has already.
//!
//! Copies, never links: a write through a hard link would change what the user's next build reads. What lies in the
//! private folder was perhaps put there by a process of the lane, so nothing there is followed: a folder that is none is
//! removed, and files are only ever made anew.

use super::presets::{CACHES, HOMES};
use super::{Sandbox, Subject};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Most bytes that are copied from one of the user's caches.
const MOST: u64 = 2 << 30;
/// Most files, the same.
const MOST_FILES: usize = 200_000;
/// Largest settings file of cargo that is read.
const MOST_CONFIG: u64 = 1 << 20;

/// What is copied: the user's cache by its variable, the folder in the private one, and what of it.
const SEEDS: &[(&str, &str, &[&str])] = &[
    (
        "CARGO_HOME",
        "cargo",
        &["registry/index", "registry/cache", "git/db"],
    ),
    ("GRADLE_USER_HOME", "gradle", &["wrapper/dists"]),
];

/// A private folder could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {}, which the lane's processes need: {source}", path.display())]
pub struct CacheError {
    pub path: PathBuf,
    source: io::Error,
}

/// Makes a lane's private folders, empty where they are not there yet. Does nothing where there is no wall.
///
/// # Errors
/// They cannot be made.
pub fn make(sandbox: &Sandbox, lane: &Path) -> Result<(), CacheError> {
    if sandbox.is_off() {
        return Ok(());
    }
    make_all(folders(&Sandbox::private_dir(lane)))
}

/// The same, and those that an agent has for itself.
///
/// # Errors
/// They cannot be made.
pub fn make_for(sandbox: &Sandbox, subject: &Subject<'_>) -> Result<(), CacheError> {
    if sandbox.is_off() {
        return Ok(());
    }
    make(sandbox, subject.lane)?;
    let own = Sandbox::own_dir(subject.lane, subject.preset, subject.command);
    let cache = own.join("cache");
    make_all(of_one(&own).into_iter().chain([cache]))
}

fn make_all(folders: impl IntoIterator<Item = PathBuf>) -> Result<(), CacheError> {
    for path in folders {
        folder(&path).map_err(|source| CacheError { path, source })?;
    }
    Ok(())
}

/// Makes a lane's private folders and fills what caches it has. Quick where that was done before and the user's caches
/// are as they were. Does nothing where there is no wall.
///
/// # Errors
/// The folders cannot be made. That something could not be copied is none: it is fetched then, or missed.
pub fn prepare(sandbox: &Sandbox, lane: &Path) -> Result<(), CacheError> {
    let Some(machine) = sandbox.machine() else {
        return Ok(());
    };
    let cache = Sandbox::private_dir(lane).join("cache");
    make(sandbox, lane)?;
    if let Some(home) = &machine.home {
        // Without them packages are looked for elsewhere, or missed.
        let path = Sandbox::private_dir(lane).join("home");
        if let Err(error) = super::homes::hand_on(home, &path) {
            tracing::warn!("settings of package managers are not handed on: {error}");
        }
    }
    for (variable, below, parts) in SEEDS {
        let Some(from) = machine.tool(variable) else {
            continue;
        };
        let to = cache.join(below);
        let stamp = cache.join(format!(".{below}-as-of"));
        let now = state(from, parts);
        if read_small(&stamp).is_some_and(|text| text == now) {
            continue;
        }
        let mut room = Room {
            bytes: MOST,
            files: MOST_FILES,
        };
        for part in *parts {
            copy_tree(from, &to, Path::new(part), &mut room);
        }
        if *variable == "CARGO_HOME" {
            cargo_settings(from, &to);
        }
        let _ = write_new(&stamp, now.as_bytes());
    }
    Ok(())
}

/// The private folders of a lane, each after those that it lies in.
pub fn folders(private: &Path) -> Vec<PathBuf> {
    let cache = private.join("cache");
    let mut all = of_one(private);
    all.push(cache.clone());
    all.extend(CACHES.iter().map(|(_, below)| cache.join(below)));
    all
}

/// Those that only one of whom a lane's processes are started for has.
fn of_one(own: &Path) -> Vec<PathBuf> {
    let home = own.join("home");
    let mut all = vec![own.to_path_buf(), home.clone(), own.join("tmp")];
    for (_, below) in HOMES {
        let mut path = home.clone();
        for part in Path::new(below) {
            path.push(part);
            all.push(path.clone());
        }
    }
    all
}

struct Room {
    bytes: u64,
    files: usize,
}

/// Makes a folder of what stands there, which only we and our children may enter.
fn folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => return Ok(()),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// The same for all folders between one that there is and a path below it.
fn folders_between(top: &Path, below: &Path) -> io::Result<()> {
    let mut path = top.to_path_buf();
    for part in below {
        path.push(part);
        folder(&path)?;
    }
    Ok(())
}

/// How the user's cache looks from above: what is added to it changes the time of a folder up here.
fn state(from: &Path, parts: &[&str]) -> String {
    fn look(path: &Path, depth: usize, out: &mut Vec<String>) {
        let Ok(about) = fs::symlink_metadata(path) else {
            return;
        };
        let time = about
            .modified()
            .ok()
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        out.push(format!(
            "{} {}",
            path.display(),
            time.unwrap_or_default().as_nanos()
        ));
        if depth == 0 || !about.is_dir() {
            return;
        }
        let Ok(entries) = fs::read_dir(path) else {
            return;
        };
        for entry in entries.flatten().take(1_000) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                look(&entry.path(), depth - 1, out);
            }
        }
    }
    let mut out = Vec::new();
    for part in parts {
        look(&from.join(part), 2, &mut out);
    }
    for name in ["config.toml", "config"] {
        look(&from.join(name), 0, &mut out);
    }
    out.sort();
    out.join("\n")
}

/// Copies what is new below `part`. Links are left out: they may lead anywhere.
fn copy_tree(from: &Path, to: &Path, part: &Path, room: &mut Room) {
    if !from.join(part).is_dir() || folders_between(to, part).is_err() {
        return;
    }
    let mut folders = vec![part.to_path_buf()];
    while let Some(below) = folders.pop() {
        let Ok(entries) = fs::read_dir(from.join(&below)) else {
            continue;
        };
        for entry in entries.flatten() {
            let place = below.join(entry.file_name());
            let Ok(about) = entry.metadata() else {
                continue;
            };
            if about.is_dir() {
                if folder(&to.join(&place)).is_ok() {
                    folders.push(place);
                }
            } else if about.is_file() {
                if room.files == 0 || about.len() > room.bytes {
                    return;
                }
                if let Ok(true) = copy_file(&entry.path(), &about, &to.join(&place)) {
                    room.files -= 1;
                    room.bytes -= about.len();
                }
            }
        }
    }
}

/// True when the file was copied; false when it is there already.
fn copy_file(from: &Path, about: &fs::Metadata, to: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(to) {
        Ok(there) if there.is_file() && there.len() == about.len() && is_as_new(&there, about) => {
            return Ok(false);
        }
        Ok(there) if there.is_dir() => fs::remove_dir_all(to)?,
        Ok(_) => fs::remove_file(to)?,
        Err(_) => {}
    }
    let mut source = File::open(from)?;
    let mut copy = OpenOptions::new().write(true).create_new(true).open(to)?;
    io::copy(&mut source, &mut copy)?;
    copy.set_permissions(about.permissions())?;
    // Cargo compares times of files in its index.
    if let Ok(time) = about.modified() {
        copy.set_modified(time)?;
    }
    Ok(true)
}

fn is_as_new(there: &fs::Metadata, about: &fs::Metadata) -> bool {
    match (there.modified(), about.modified()) {
        (Ok(there), Ok(of_user)) => there >= of_user,
        _ => false,
    }
}

/// Cargo's settings without what is a secret, and without what leads out of the lane.
fn cargo_settings(from: &Path, to: &Path) {
    let text = ["config.toml", "config"]
        .iter()
        .find_map(|name| crate::fsx::read_bounded(&from.join(name), MOST_CONFIG).ok());
    let Some(text) = text.and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return;
    };
    let _ = write_new(&to.join("config.toml"), without_secrets(&text).as_bytes());
}

/// The text without tokens and without how to get them; nothing of it where it cannot be read as TOML.
fn without_secrets(text: &str) -> String {
    fn prune(table: &mut toml::Table) {
        const OUT: [&str; 6] = [
            "token",
            "secret-key",
            "secret-key-subject",
            "credential-provider",
            "global-credential-providers",
            "target-dir",
        ];
        table.retain(|key, _| !OUT.contains(&key));
        for (_, value) in table.iter_mut() {
            if let toml::Value::Table(inner) = value {
                prune(inner);
            }
        }
    }
    let Ok(mut table) = text.parse::<toml::Table>() else {
        return String::new();
    };
    // Variables of the user's own: some hold keys, and what the lane needs of them it is given.
    table.remove("env");
    table.remove("credential-alias");
    prune(&mut table);
    table.to_string()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path)?,
        Ok(_) => fs::remove_file(path)?,
        Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)
}

/// A stamp of ours; None where something else stands there.
fn read_small(path: &Path) -> Option<String> {
    let about = fs::symlink_metadata(path).ok()?;
    if !about.is_file() || about.len() > MOST_CONFIG {
        return None;
    }
    fs::read_to_string(path).ok()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;
    use crate::model::policy::{Abilities, Preset, SandboxSettings};
    use crate::sandbox::presets::Machine;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn sandbox(cargo: &Path) -> Sandbox {
        let machine = Machine {
            tools: vec![("CARGO_HOME".to_owned(), cargo.to_path_buf())],
            ..Machine::default()
        };
        let abilities = Abilities {
            landlock: 7,
            seccomp: true,
            network_namespace: true,
            ..Abilities::default()
        };
        Sandbox::new(SandboxSettings::default(), machine, abilities).unwrap()
    }

    fn users(dir: &Path) -> PathBuf {
        let cargo = dir.join("user/.cargo");
        for (path, text) in [
            ("registry/index/a/.cache/se/rd/serde", "index"),
            ("registry/cache/a/serde-1.0.0.crate", "crate"),
            ("registry/src/a/serde-1.0.0/lib.rs", "source"),
            ("git/db/x/HEAD", "ref"),
            ("credentials.toml", "[registry]\ntoken = 'cio-secret'\n"),
            (
                "config.toml",
                "[registries.own]\nindex = 'sparse+https://crates.example.org/'\ntoken = 'cio-secret'\n\
                 [env]\nKEY = 'cio-secret'\n[build]\njobs = 2\ntarget-dir = '/elsewhere'\n",
            ),
        ] {
            let path = cargo.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        symlink("/etc", cargo.join("registry/cache/out")).unwrap();
        cargo
    }

    #[test]
    fn cargo_gets_copies_without_credentials() {
        let dir = tempfile::tempdir().unwrap();
        let cargo = users(dir.path());
        let lane = dir.path().join("lane");
        prepare(&sandbox(&cargo), &lane).unwrap();
        let own = dir.path().join("lane@box/cache/cargo");
        let krate = own.join("registry/cache/a/serde-1.0.0.crate");
        assert_eq!(fs::read_to_string(&krate).unwrap(), "crate");
        assert_eq!(fs::metadata(&krate).unwrap().nlink(), 1);
        assert!(own.join("registry/index/a/.cache/se/rd/serde").is_file());
        assert!(own.join("git/db/x/HEAD").is_file());
        for absent in ["credentials.toml", "registry/src", "registry/cache/out"] {
            assert!(own.join(absent).symlink_metadata().is_err(), "{absent}");
        }
        let config = fs::read_to_string(own.join("config.toml")).unwrap();
        assert!(
            config.contains("crates.example.org") && config.contains("jobs = 2"),
            "{config}"
        );
        assert!(
            !config.contains("secret") && !config.contains("elsewhere"),
            "{config}"
        );

        // A second time takes over what is new, and leaves what is there alone.
        fs::write(cargo.join("registry/cache/a/log-1.crate"), "new").unwrap();
        fs::write(&krate, "other").unwrap();
        prepare(&sandbox(&cargo), &lane).unwrap();
        assert!(own.join("registry/cache/a/log-1.crate").is_file());
        assert_eq!(fs::read_to_string(&krate).unwrap(), "other");
    }

    #[test]
    fn links_that_were_planted_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let cargo = users(dir.path());
        let lane = dir.path().join("lane");
        let outside = dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "mine").unwrap();
        let cache = dir.path().join("lane@box/cache");
        fs::create_dir_all(cache.join("cargo/registry/cache/a")).unwrap();
        symlink(&outside, cache.join("cargo/registry/index")).unwrap();
        symlink(&outside, cache.join("go-mod")).unwrap();
        symlink(
            outside.join("file"),
            cache.join("cargo/registry/cache/a/serde-1.0.0.crate"),
        )
        .unwrap();
        symlink(outside.join("file"), cache.join("cargo/config.toml")).unwrap();
        symlink(outside.join("file"), cache.join(".cargo-as-of")).unwrap();
        prepare(&sandbox(&cargo), &lane).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "mine");
        assert!(cache.join("go-mod").symlink_metadata().unwrap().is_dir());
        assert!(
            cache
                .join("cargo/registry/index/a/.cache/se/rd/serde")
                .is_file()
        );
    }

    #[test]
    fn an_agent_has_folders_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let lane = dir.path().join("lane");
        let subject = Subject {
            preset: Preset::AgentCli,
            lane: &lane,
            command: "claude",
            env: &[],
        };
        make_for(&sandbox(dir.path()), &subject).unwrap();
        for folder in [
            "home/.config",
            "tmp",
            "cache/npm",
            "agent-claude/home/.config",
            "agent-claude/tmp",
            "agent-claude/cache",
        ] {
            let path = dir.path().join("lane@box").join(folder);
            assert!(path.is_dir(), "{folder}");
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        }
        assert!(!dir.path().join("lane@box/agent-claude/cache/npm").exists());
    }

    #[test]
    fn without_a_wall_nothing_is_made() {
        let dir = tempfile::tempdir().unwrap();
        prepare(&Sandbox::off(), &dir.path().join("lane")).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
