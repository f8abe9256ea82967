//! What is known about languages, a row each. A new language is a new row.
//!
//! No check passes a network flag: a check sees the network that the sandbox leaves it, as at the user's
//! own prompt. All of a project's tests run even after the first failure, because a test that did not run
//! cannot be judged against the baseline.

use super::check::{CheckKind, Parser};
use super::conditions::{
    Ground, cargo_root, compiled_javascript, pytest, script, unittest, wants_clippy, workspace_flag,
};
use super::view::{FileView, base_name, extension, parent};

/// A language and its checks.
pub struct Language {
    pub name: &'static str,
    /// File names that make a folder a project.
    pub manifests: &'static [&'static str],
    /// File names that make a folder a project only when no other project of the language encloses it,
    /// and not in a folder for tests or documentation.
    pub weak_manifests: &'static [&'static str],
    /// Extensions of its sources.
    pub extensions: &'static [&'static str],
    /// Other files that call for its checks; one `*` stands for anything.
    pub names: &'static [&'static str],
    /// Folders of a project in which any file calls for its checks: fixtures, templates, embedded data.
    pub folders: &'static [&'static str],
    /// True when sources outside any project form one at the root.
    pub loose: bool,
    /// The folder whose checks cover a manifest's folder: the workspace's root.
    pub root: fn(&FileView<'_>, &str) -> String,
    /// True for a file that holds tests, by its path.
    pub is_test: fn(&str) -> bool,
    /// Texts of which a file that holds tests has at least one; empty when the path alone tells.
    pub test_marks: &'static [&'static str],
    pub parser: Option<&'static Parser>,
    /// True when sources with the parser's main extension are not plain: they need a compiler first.
    pub dialect: fn(&Ground<'_>) -> bool,
    pub checks: &'static [CheckRow],
}

/// A check of a language.
pub struct CheckRow {
    pub name: &'static str,
    pub kind: CheckKind,
    pub optional: bool,
    /// See [`super::check::Check::no_tests_exit`]; counts only in a project without tests.
    pub no_tests_exit: Option<i32>,
    pub env: &'static [(&'static str, &'static str)],
    /// The shell line, or `None` where the project does not call for this check.
    pub command: fn(&Ground<'_>) -> Option<String>,
}

/// Segments of paths below which nothing is a project or a source of its own: samples, often broken on
/// purpose, and other people's code.
pub const SAMPLES: &[&str] = &[
    "fixtures",
    "__fixtures__",
    "testdata",
    "test-data",
    "vendor",
    "third_party",
    "node_modules",
];

/// Documents: they call for no language's checks.
pub const DOCUMENTS: &[&str] = &["md", "markdown", "rst", "adoc", "txt"];

pub static LANGUAGES: &[Language] = &[RUST, PYTHON, NODE, GO];

const RUST: Language = Language {
    name: "rust",
    manifests: &["Cargo.toml"],
    weak_manifests: &[],
    extensions: &["rs"],
    names: &[
        "Cargo.toml",
        "Cargo.lock",
        "clippy.toml",
        ".clippy.toml",
        "rust-toolchain",
        "rust-toolchain.toml",
    ],
    folders: &["src", "tests", "benches", "examples", ".cargo"],
    loose: false,
    root: cargo_root,
    is_test: |path| path.contains("tests/"),
    test_marks: &[],
    parser: None,
    dialect: |_| false,
    checks: &[
        CheckRow {
            name: "cargo clippy",
            kind: CheckKind::Lint,
            optional: true,
            no_tests_exit: None,
            env: &[],
            command: |g| {
                wants_clippy(g)
                    .then(|| format!("cargo clippy --quiet --all-targets{}", workspace_flag(g)))
            },
        },
        CheckRow {
            name: "cargo test",
            kind: CheckKind::Test,
            optional: false,
            no_tests_exit: None,
            env: &[],
            command: |g| {
                Some(format!(
                    "cargo test --quiet --no-fail-fast{}",
                    workspace_flag(g)
                ))
            },
        },
    ],
};

const PYTHON: Language = Language {
    name: "python",
    manifests: &[
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "tox.ini",
        "pytest.ini",
    ],
    weak_manifests: &["requirements.txt"],
    extensions: &["py", "pyi"],
    names: &[
        "pyproject.toml",
        "setup.cfg",
        "tox.ini",
        "pytest.ini",
        "requirements*.txt",
        "ruff.toml",
        ".ruff.toml",
        "uv.lock",
        "poetry.lock",
    ],
    folders: &["tests", "test", "src"],
    loose: true,
    root: |_, dir| dir.to_owned(),
    is_test: |path| {
        let name = base_name(path);
        (name.starts_with("test_") && name.ends_with(".py")) || name.ends_with("_test.py")
    },
    test_marks: &["def test", "unittest", "pytest"],
    parser: Some(&PYTHON_PARSER),
    dialect: |_| false,
    checks: &[
        CheckRow {
            name: "ruff check",
            kind: CheckKind::Lint,
            optional: true,
            no_tests_exit: None,
            env: &[],
            command: |g| {
                let configured = g.has("ruff.toml")
                    || g.has(".ruff.toml")
                    || g.read("pyproject.toml").contains("[tool.ruff");
                configured.then(|| "ruff check --no-cache --output-format concise".to_owned())
            },
        },
        CheckRow {
            name: "pytest",
            kind: CheckKind::Test,
            optional: false,
            // https://docs.pytest.org/en/stable/reference/exit-codes.html: 5 is "no tests were collected".
            no_tests_exit: Some(5),
            env: &[],
            command: pytest,
        },
        CheckRow {
            name: "unittest",
            kind: CheckKind::Test,
            optional: false,
            no_tests_exit: None,
            env: &[],
            command: unittest,
        },
    ],
};

const NODE: Language = Language {
    name: "node",
    manifests: &["package.json"],
    weak_manifests: &[],
    extensions: &[
        "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue", "svelte",
    ],
    names: &[
        "package.json",
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "tsconfig*.json",
        ".eslintrc*",
        ".babelrc*",
        ".npmrc",
    ],
    folders: &["src", "lib", "test", "tests", "__tests__"],
    loose: true,
    root: |_, dir| dir.to_owned(),
    is_test: |path| {
        path.contains(".test.") || path.contains(".spec.") || path.contains("__tests__/")
    },
    test_marks: &[],
    parser: Some(&NODE_PARSER),
    dialect: compiled_javascript,
    checks: &[
        CheckRow {
            name: "npm run lint",
            kind: CheckKind::Lint,
            optional: true,
            no_tests_exit: None,
            env: NODE_ENV,
            command: |g| script(g, "lint").map(|_| "npm run lint".to_owned()),
        },
        CheckRow {
            name: "npm test",
            kind: CheckKind::Test,
            optional: false,
            no_tests_exit: None,
            env: NODE_ENV,
            command: |g| {
                // What `npm init` writes where nobody wrote a test yet.
                let real = !script(g, "test")?.contains("no test specified");
                real.then(|| "npm test".to_owned())
            },
        },
    ],
};

const GO: Language = Language {
    name: "go",
    manifests: &["go.mod"],
    weak_manifests: &[],
    extensions: &["go"],
    names: &["go.mod", "go.sum", "go.work"],
    folders: &["testdata"],
    loose: false,
    root: |_, dir| dir.to_owned(),
    is_test: |path| path.ends_with("_test.go"),
    test_marks: &[],
    parser: None,
    dialect: |_| false,
    checks: &[
        // Without a package both commands complain or fail: there is nothing to check.
        CheckRow {
            name: "go vet",
            kind: CheckKind::Lint,
            optional: false,
            no_tests_exit: None,
            env: &[],
            command: |g| (!g.sources.is_empty()).then(|| "go vet ./...".to_owned()),
        },
        CheckRow {
            name: "go test",
            kind: CheckKind::Test,
            optional: false,
            no_tests_exit: None,
            env: &[],
            command: |g| (!g.sources.is_empty()).then(|| "go test ./...".to_owned()),
        },
    ],
};

/// Test runners that watch files unless told otherwise would never end.
const NODE_ENV: &[(&str, &str)] = &[
    ("CI", "true"),
    ("npm_config_update_notifier", "false"),
    ("npm_config_fund", "false"),
];

/// Isolated (`-I`): a `sys.py` of the repository must not be imported. Bytes are compiled, so that a file's
/// own coding line counts.
static PYTHON_PARSER: Parser = Parser {
    name: "python syntax",
    program: "python3",
    args: &["-I", "-B", "-W", "ignore", "-c", include_str!("parse.py")],
    extensions: &["py"],
};

/// `vm.SourceTextModule` is the one way to parse a module without running it, and stands behind this flag.
static NODE_PARSER: Parser = Parser {
    name: "javascript syntax",
    program: "node",
    args: &[
        "--experimental-vm-modules",
        "--no-warnings",
        "--input-type=commonjs",
        "-e",
        include_str!("parse.js"),
    ],
    extensions: &["js", "mjs", "cjs"],
};

impl Language {
    /// True when the file calls for this language's checks by its name alone.
    pub fn names_file(&self, path: &str) -> bool {
        self.extensions.contains(&extension(path))
            || self.names.iter().any(|n| name_matches(n, base_name(path)))
    }

    /// True when the file (a path below the project) stands in a folder whose files all count.
    pub fn counts_folder(&self, path: &str) -> bool {
        parent(path)
            .split('/')
            .any(|segment| self.folders.contains(&segment))
    }
}

fn name_matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            name.len() >= pattern.len() - 1 && name.starts_with(start) && name.ends_with(end)
        }
        None => pattern == name,
    }
}

/// True when a segment of the path's folder is one of [`SAMPLES`], or a template's placeholder.
pub(super) fn is_sample(path: &str) -> bool {
    parent(path)
        .split('/')
        .any(|segment| SAMPLES.contains(&segment) || segment.contains("{{"))
}
