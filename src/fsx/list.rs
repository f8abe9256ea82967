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
