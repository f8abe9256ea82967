//! What the folders of PATH need: themselves, where their links lead, and what is installed with it.
//!
//! A program in a user's home is often a link into a folder of a tool manager, and loads the rest from there.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Folders that hold the system's programs; every wall has them.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/snap",
    "/System",
];
/// Most entries of one folder, and most folders, that are looked at.
const MOST_ENTRIES: usize = 2_000;
const MOST_FOLDERS: usize = 100;
/// What a folder has that programs were installed to as a whole.
const SIGNS: &[&str] = &[
    "lib",
    "lib64",
    "libexec",
    "include",
    "pyvenv.cfg",
    "VERSION",
    "jre",
    "release",
];

/// What is to be executed of PATH, links followed, outside of the system's own folders.
pub(super) fn folders(
    path: &str,
    home: Option<&Path>,
    tools: &[(String, PathBuf)],
) -> Vec<PathBuf> {
    let cargo = tools.iter().find(|(name, _)| name == "CARGO_HOME");
    let finder = Finder {
        home,
        cargo: cargo.map(|(_, path)| path.as_path()),
    };
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<PathBuf> = path
        .split(':')
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute())
        .rev()
        .collect();
    while let Some(dir) = open.pop() {
        let Ok(dir) = dir.canonicalize() else {
            continue;
        };
        let is_big = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
            .iter()
            .any(|big| dir == Path::new(big));
        if is_big || !dir.is_dir() || seen.len() >= MOST_FOLDERS || !seen.insert(dir.clone()) {
            continue;
        }
        if !is_systems(&dir) {
            found.insert(finder.whole_of(&dir).unwrap_or_else(|| dir.clone()));
        }
        for target in links(&dir) {
            if is_systems(&target) || found.iter().any(|known| target.starts_with(known)) {
                continue;
            }
            let bin = target.parent().filter(|parent| is_bin(parent));
            let whole = bin.and_then(|bin| finder.whole_of(bin));
            if let (Some(bin), Some(_)) = (bin, &whole) {
                // Its own links lead on: to an interpreter, for one.
                open.push(bin.to_path_buf());
            }
            found.insert(whole.or_else(|| modules(&target)).unwrap_or(target));
        }
    }
    found.into_iter().collect()
}

struct Finder<'a> {
    home: Option<&'a Path>,
    cargo: Option<&'a Path>,
}

impl Finder<'_> {
    /// The installation that a folder of programs is part of; None where it stands alone, or among what else a user
    /// has.
    fn whole_of(&self, bin: &Path) -> Option<PathBuf> {
        if bin.file_name().is_some_and(|name| name == ".bin") {
            return modules(bin);
        }
        let above = bin.parent().filter(|_| is_bin(bin))?;
        let is_personal = self
            .home
            .is_some_and(|home| home.starts_with(above) || above == home.join(".local"));
        // Beside its `bin` lie the user's credentials.
        if is_personal || self.cargo == Some(above) || above.parent().is_none() {
            return None;
        }
        let has_sign = SIGNS.iter().any(|sign| above.join(sign).exists());
        has_sign.then(|| above.to_path_buf())
    }
}

fn is_bin(dir: &Path) -> bool {
    dir.file_name()
        .is_some_and(|name| name == "bin" || name == "sbin")
}

fn is_systems(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

/// The outermost `node_modules` that a path lies in: what packages there need of each other is in it.
fn modules(path: &Path) -> Option<PathBuf> {
    let mut above = PathBuf::new();
    for part in path.components() {
        above.push(part);
        if part == Component::Normal("node_modules".as_ref()) {
            return Some(above);
        }
    }
    None
}

/// Where the links of a folder lead.
fn links(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let links = entries
        .flatten()
        .take(MOST_ENTRIES)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    links
        .filter_map(|entry| entry.path().canonicalize().ok())
        .filter(|target| target.is_file())
        .collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn programs_bring_what_they_were_installed_with() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap().join("ann");
        let file = |name: &str| {
            let path = home.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        file(".ssh/id_ed25519");
        file(".cargo/bin/cargo");
        file(".cargo/credentials.toml");
        file(".cargo/lib/x");
        file(".local/share/keyrings/x");
        file(".local/lib/x");
        file("node/bin/node");
        file("node/lib/node_modules/npm/x");
        fs::create_dir_all(home.join(".local/bin")).unwrap();
        let into_bin = |name: &str, target: &Path| {
            symlink(target, home.join(".local/bin").join(name)).unwrap()
        };
        // A tool in an environment of its own, whose interpreter lies elsewhere.
        file(".local/share/uv/tools/ruff/pyvenv.cfg");
        into_bin("ruff", &file(".local/share/uv/tools/ruff/bin/ruff"));
        file(".local/share/uv/python/3.13/lib/x");
        symlink(
            file(".local/share/uv/python/3.13/bin/python3.13"),
            home.join(".local/share/uv/tools/ruff/bin/python"),
        )
        .unwrap();
        into_bin("claude", &file(".local/share/claude/versions/2.0.1"));
        into_bin(
            "codex",
            &file(".npm-global/lib/node_modules/@openai/codex/bin/codex.js"),
        );
        into_bin("gone", &home.join("nowhere"));
        file("work/scripts/run");

        let at = |below: &str| home.join(below).display().to_string();
        let path = [
            at(".cargo/bin"),
            at(".local/bin"),
            at("node/bin"),
            at("work/scripts"),
            "relative".to_owned(),
            "/usr/bin".to_owned(),
            at("missing"),
        ]
        .join(":");
        let tools = [("CARGO_HOME".to_owned(), home.join(".cargo"))];
        let found = folders(&path, Some(&home), &tools);
        let expected = [
            ".cargo/bin",
            ".local/bin",
            ".local/share/claude/versions/2.0.1",
            ".local/share/uv/python/3.13",
            ".local/share/uv/tools/ruff",
            ".npm-global/lib/node_modules",
            "node",
            "work/scripts",
        ];
        assert_eq!(found, expected.map(|below| home.join(below)));
    }

    #[test]
    fn a_home_is_never_taken_for_an_installation() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        for name in ["bin", "lib", ".local/bin", ".local/lib"] {
            fs::create_dir_all(home.join(name)).unwrap();
        }
        let path = format!("{0}/bin:{0}/.local/bin", home.display());
        let found = folders(&path, Some(&home), &[]);
        assert_eq!(found, [home.join(".local/bin"), home.join("bin")]);
    }
}
