//! Listing one folder, with what is in it.

use std::io::ErrorKind;
use std::path::Path;

/// How deep folders are looked into.
const MAX_DEPTH: usize = 4;

/// What a folder holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted paths below the root, with `/`.
    pub paths: Vec<String>,
    /// Something is there that was not looked at: a link, a folder that cannot be read or lies too deep, a name that is
    /// not UTF-8, more files than were wanted.
    pub skipped: bool,
}

/// The files below the folder at `relative` whose name ends so in any case, at most `most`. Links are not followed, and
/// hidden files are not there.
pub fn list_beneath(root: &Path, relative: &Path, ends: &str, most: usize) -> Listing {
    let mut found = Listing::default();
    match root.join(relative).symlink_metadata() {
        Ok(meta) if meta.is_dir() => list(root, relative, ends, MAX_DEPTH, &mut found),
        Ok(meta) => found.skipped = meta.is_symlink(),
        Err(e) => found.skipped = e.kind() != ErrorKind::NotFound,
    }
    found.paths.sort_unstable();
    found.skipped |= found.paths.len() > most;
    found.paths.truncate(most);
    found
}

fn list(root: &Path, relative: &Path, ends: &str, depth: usize, found: &mut Listing) {
    let Ok(entries) = std::fs::read_dir(root.join(relative)) else {
        found.skipped = true;
        return;
    };
    for entry in entries {
        let kind = entry.and_then(|entry| Ok((entry.file_type()?, entry.file_name())));
        let Ok((kind, name)) = kind else {
            found.skipped = true;
            continue;
        };
        let Some(name) = name.to_str() else {
            found.skipped = true;
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let path = relative.join(name);
        let is_wanted = name.to_lowercase().ends_with(ends);
        if kind.is_dir() && depth > 0 {
            list(root, &path, ends, depth - 1, found);
        } else if kind.is_file() {
            found
                .paths
                .extend(path.to_str().filter(|_| is_wanted).map(str::to_owned));
        } else if kind.is_dir() || kind.is_symlink() {
            found.skipped = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::list_beneath;
    use crate::fsx::atomic;
    use std::path::Path;

    #[test]
    fn files_are_listed_in_order_and_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let deep = "docs/1/2/3/4";
        for folder in [
            "elsewhere",
            "docs/b",
            "docs/.hidden",
            deep,
            "docs/1/2/3/4/5",
        ] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in [
            "elsewhere/secret.md",
            "docs/c.md",
            "docs/b/z.MD",
            "docs/b/z.txt",
            "docs/.hidden/x.md",
            "docs/.x.md",
            "docs/1/2/3/4/deep.md",
            "docs/1/2/3/4/5/deeper.md",
        ] {
            atomic::write(&root.join(file), b"x").unwrap();
        }
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.join(at)).unwrap();
        link("../elsewhere", "docs/folder");
        link("../elsewhere/secret.md", "docs/file.md");
        link("docs", "linked");
        let list = |folder: &str, most: usize| list_beneath(root, Path::new(folder), ".md", most);
        let all = ["docs/1/2/3/4/deep.md", "docs/b/z.MD", "docs/c.md"];
        // Links, and what lies deep.
        assert_eq!(
            (list("docs", 9).paths, list("docs", 9).skipped),
            (all.map(str::to_owned).to_vec(), true)
        );
        assert_eq!(list("docs", 2).paths, all[..2]);
        for (folder, paths, skipped) in [
            ("docs/b", &all[1..2], false),
            ("docs/.hidden", &["docs/.hidden/x.md"], false),
            ("linked", &[], true),
            ("docs/file.md", &[], true),
            ("docs/c.md", &[], false),
            ("missing", &[], false),
        ] {
            let found = list(folder, 9);
            assert_eq!(
                (found.paths.as_slice(), found.skipped),
                (
                    paths
                        .iter()
                        .map(|p| (*p).to_owned())
                        .collect::<Vec<_>>()
                        .as_slice(),
                    skipped
                ),
                "{folder}"
            );
        }
        assert!(list("docs/b", 0).skipped, "more than are wanted");
    }
}
