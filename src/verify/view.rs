//! The repository's files as detection sees them: a listing, and a way to read the small ones.

use std::collections::HashSet;

/// A listing of paths below the root (`/`-separated, no ignored files) and a reader for manifests.
pub struct FileView<'a> {
    paths: Vec<&'a str>,
    known: HashSet<&'a str>,
    read: &'a dyn Fn(&str) -> Option<String>,
    has_tool: &'a dyn Fn(&str) -> bool,
}

impl<'a> FileView<'a> {
    /// `read` answers `None` for a file that is missing, too large or not text.
    pub fn new(
        paths: impl IntoIterator<Item = &'a str>,
        read: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let mut paths: Vec<&str> = paths.into_iter().collect();
        paths.sort_unstable();
        paths.dedup();
        Self {
            known: paths.iter().copied().collect(),
            paths,
            read,
            has_tool: &|_| false,
        }
    }

    /// The same, on a machine that has the programs for which `has_tool` is true.
    #[must_use]
    pub fn with_tools(self, has_tool: &'a dyn Fn(&str) -> bool) -> Self {
        Self { has_tool, ..self }
    }

    /// True when a program can be started. Where two tools would do, the one that is there is taken.
    pub fn has_tool(&self, program: &str) -> bool {
        (self.has_tool)(program)
    }

    /// Every path, sorted, each once.
    pub fn paths(&self) -> &[&'a str] {
        &self.paths
    }

    pub fn has(&self, path: &str) -> bool {
        self.known.contains(path)
    }

    /// The text of a file of the listing.
    pub fn read(&self, path: &str) -> Option<String> {
        if self.has(path) {
            (self.read)(path)
        } else {
            None
        }
    }
}

/// The folder of a path; empty for the root.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// The last segment of a path.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// What follows the last dot of the name; empty for `.env` and `Makefile`.
pub(super) fn extension(path: &str) -> &str {
    match base_name(path).rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() => ext,
        _ => "",
    }
}

pub(super) fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

/// The path as seen from `dir`; `None` when it is not below it.
pub(super) fn below<'p>(dir: &str, path: &'p str) -> Option<&'p str> {
    if dir.is_empty() {
        return Some(path);
    }
    path.strip_prefix(dir)?.strip_prefix('/')
}

/// The folders above a path, nearest first, ending with the root.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(parent(path)), |dir| {
        (!dir.is_empty()).then(|| parent(dir))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(ancestors("a/b/c.rs").collect::<Vec<_>>(), ["a/b", "a", ""]);
        assert_eq!(ancestors("c.rs").collect::<Vec<_>>(), [""]);
        assert_eq!(below("a", "a/b/c.rs"), Some("b/c.rs"));
        assert_eq!(below("a", "ab/c.rs"), None);
        assert_eq!(below("", "c.rs"), Some("c.rs"));
        assert_eq!(
            (
                extension("a/b.tar.gz"),
                extension(".env"),
                extension("a.d/Makefile")
            ),
            ("gz", "", "")
        );
    }
}
