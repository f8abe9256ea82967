//! Listing one folder, with what is in it.

use std::path::Path;

/// How deep folders are looked into.
const MAX_DEPTH: usize = 4;

/// The files below the folder at `relative` whose name ends so, as sorted paths below `root` with `/`, at most `most`.
/// Links are not followed; what cannot be listed, or is not UTF-8, is left out.
pub fn list_beneath(root: &Path, relative: &Path, ends: &str, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    let is_folder = root.join(relative).symlink_metadata();
    if is_folder.is_ok_and(|meta| meta.is_dir()) {
        list(root, relative, ends, MAX_DEPTH, &mut found);
    }
    found.sort_unstable();
    found.truncate(most);
    found
}

fn list(root: &Path, relative: &Path, ends: &str, depth: usize, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(root.join(relative)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let (Some(name), Ok(kind)) = (name.to_str(), entry.file_type()) else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let path = relative.join(name);
        if kind.is_dir() && depth > 0 {
            list(root, &path, ends, depth - 1, found);
        } else if kind.is_file() && name.ends_with(ends) {
            found.extend(path.to_str().map(str::to_owned));
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
            "docs/b/z.md",
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
        let all = ["docs/1/2/3/4/deep.md", "docs/b/z.md", "docs/c.md"];
        assert_eq!(list("docs", 9), all);
        assert_eq!(list("docs", 2), all[..2]);
        for nothing in ["linked", "docs/file.md", "docs/c.md", "missing"] {
            assert_eq!(list(nothing, 9), [""; 0], "{nothing}");
        }
    }
}
