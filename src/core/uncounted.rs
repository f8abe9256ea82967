//! Files whose lines nobody reviews: they do not count for the size of a pull request.
//!
//! What the configuration says of a path comes first, then the attribute `linguist-generated` that forges go by as
//! well (gitattributes(5)), then a list of names.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::Path;

/// Lock files of package managers, and what tools write by habit, as lines of a `.gitignore`.
const BUILT_IN: &[&str] = &[
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile.lock",
    "Gemfile.lock",
    "composer.lock",
    "go.sum",
    "go.work.sum",
    "flake.lock",
    "mix.lock",
    "pubspec.lock",
    "packages.lock.json",
    "gradle.lockfile",
    "Podfile.lock",
    "Package.resolved",
    "*.min.js",
    "*.min.css",
    "*.js.map",
    "*.css.map",
    "*.map",
    "*.snap",
    "*.pb.go",
    "*_pb2.py",
    "*_pb2.pyi",
    "*_pb2_grpc.py",
    "*.g.dart",
    "*.freezed.dart",
    "generated/",
    "__generated__/",
];

/// What is not counted.
#[derive(Clone, Debug)]
pub struct Uncounted {
    configured: Gitignore,
    built_in: Gitignore,
}

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pattern `{pattern}` cannot be read ({why}); write it as a line of .gitignore")]
pub struct PatternError {
    pub pattern: String,
    pub why: String,
}

impl Default for Uncounted {
    /// What is built in.
    fn default() -> Self {
        Self {
            configured: Gitignore::empty(),
            built_in: compiled(BUILT_IN).unwrap_or_else(|_| Gitignore::empty()),
        }
    }
}

impl Uncounted {
    /// What is built in, and these patterns, which are lines of a `.gitignore` file: one that begins with `!` has
    /// files counted again.
    ///
    /// # Errors
    /// The first pattern that cannot be read.
    pub fn new(configured: &[String]) -> Result<Self, PatternError> {
        let lines: Vec<&str> = configured.iter().map(String::as_str).collect();
        Ok(Self {
            configured: compiled(&lines)?,
            ..Self::default()
        })
    }

    /// True for a file that is not counted. `path` is below the root; `generated` is what the repository's
    /// attributes say of it, where they say anything.
    pub fn holds(&self, path: &Path, generated: Option<bool>) -> bool {
        if path.has_root() {
            return false;
        }
        match self.configured.matched_path_or_any_parents(path, false) {
            Match::Ignore(_) => true,
            Match::Whitelist(_) => false,
            Match::None => generated.unwrap_or_else(|| {
                let known = self.built_in.matched_path_or_any_parents(path, false);
                known.is_ignore()
            }),
        }
    }
}

fn compiled(lines: &[&str]) -> Result<Gitignore, PatternError> {
    let error = |pattern: &str, e: &ignore::Error| PatternError {
        pattern: pattern.to_owned(),
        why: e.to_string(),
    };
    let mut builder = GitignoreBuilder::new("");
    for line in lines {
        builder.add_line(None, line).map_err(|e| error(line, &e))?;
    }
    builder.build().map_err(|e| error(&lines.join(" "), &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(uncounted: &Uncounted, path: &str) -> bool {
        uncounted.holds(Path::new(path), None)
    }

    #[test]
    fn lock_files_and_generated_ones_are_known() {
        let built_in = Uncounted::default();
        for path in [
            "Cargo.lock",
            "crates/a/Cargo.lock",
            "web/package-lock.json",
            "go.sum",
            "dist/app.min.js",
            "src/__snapshots__/a.snap",
            "api/service.pb.go",
            "api/service_pb2.py",
            "src/generated/client.rs",
            "generated/a/b/c.ts",
        ] {
            assert!(holds(&built_in, path), "{path}");
        }
        for path in [
            "Cargo.toml",
            "src/lock.rs",
            "src/generated.rs",
            "package.json",
            "src/admin.js",
            "roadmap.md",
            "go.summary",
            "",
            "/etc/Cargo.lock",
        ] {
            assert!(!holds(&built_in, path), "{path}");
        }
    }

    #[test]
    fn every_built_in_pattern_holds_something() {
        assert_eq!(
            compiled(BUILT_IN).unwrap().num_ignores(),
            BUILT_IN.len() as u64
        );
    }

    #[test]
    fn the_configuration_comes_before_attributes_and_those_before_names() {
        let patterns = ["/vendor/**", "*.svg", "!logo.svg", "!Cargo.lock"];
        let uncounted = Uncounted::new(&patterns.map(str::to_owned)).unwrap();
        for (path, generated, expected) in [
            ("vendor/a/b.rs", None, true),
            ("vendor/a/b.rs", Some(false), true),
            ("lib/vendor/b.rs", None, false),
            ("a/x.svg", None, true),
            ("a/logo.svg", None, false),
            ("Cargo.lock", None, false),
            ("Cargo.lock", Some(true), false),
            ("yarn.lock", None, true),
            ("yarn.lock", Some(false), false),
            ("src/tables.rs", Some(true), true),
        ] {
            assert_eq!(
                uncounted.holds(Path::new(path), generated),
                expected,
                "{path} {generated:?}"
            );
        }
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = Uncounted::new(&["a/{b".to_owned()]).unwrap_err();
        assert_eq!(error.pattern, "a/{b");
        assert!(error.to_string().contains(".gitignore"), "{error}");
    }
}
