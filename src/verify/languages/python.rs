//! Python: pytest, unittest, ruff and mypy, through uv or poetry where a project is locked with them.

use super::{CheckRow, Language, PLAIN, Plan};
use crate::verify::check::{CheckKind, Narrow, Only, Parser, Reads};
use crate::verify::conditions::Ground;
use crate::verify::reading::Format;
use crate::verify::view::{ancestors, base_name, below, join};

pub(super) const PYTHON: Language = Language {
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
        "mypy.ini",
        ".mypy.ini",
        "uv.lock",
        "poetry.lock",
    ],
    folders: &["tests", "test", "src"],
    loose: true,
    is_test: |path| {
        let name = base_name(path);
        (name.starts_with("test_") && name.ends_with(".py")) || name.ends_with("_test.py")
    },
    test_marks: &["def test", "unittest", "pytest"],
    parser: Some(&PYTHON_PARSER),
    checks: &[
        CheckRow {
            names: &["ruff check"],
            kind: CheckKind::Lint,
            optional: true,
            no_tests_exit: None,
            env: &[],
            plan: |g| {
                let configured = g.has_one_of(&["ruff.toml", ".ruff.toml"])
                    || g.read("pyproject.toml").contains("[tool.ruff");
                configured.then(|| {
                    // Files that are named are checked even where the configuration leaves them out.
                    Plan::line(
                        "ruff check --no-cache --force-exclude --output-format concise",
                        "ruff --version",
                    )
                    .narrow(Narrow::Files(&["py", "pyi"]))
                })
            },
        },
        CheckRow {
            names: &["mypy"],
            kind: CheckKind::Lint,
            optional: true,
            no_tests_exit: None,
            env: &[],
            plan: mypy,
        },
        CheckRow {
            names: &["pytest"],
            kind: CheckKind::Test,
            optional: false,
            // https://docs.pytest.org/en/stable/reference/exit-codes.html: 5 is "no tests were collected".
            no_tests_exit: Some(5),
            env: &[],
            plan: pytest,
        },
        CheckRow {
            names: &["unittest"],
            kind: CheckKind::Test,
            optional: false,
            no_tests_exit: None,
            env: &[],
            plan: |g| {
                let line = unittest(g)?;
                Some(
                    Plan::line(line, format!("{} --version", python(g)))
                        .reads(Reads::printed(Format::Unittest))
                        .only(Only::Unittest),
                )
            },
        },
    ],
    ..PLAIN
};

/// Isolated (`-I`): a `sys.py` of the repository must not be imported. Bytes are compiled, so that a file's
/// own coding line counts.
static PYTHON_PARSER: Parser = Parser {
    name: "python syntax",
    program: "python3",
    args: &[
        "-I",
        "-B",
        "-W",
        "ignore",
        "-c",
        include_str!("../parse.py"),
    ],
    extensions: &["py"],
};

/// Texts in which a Python project may say that it uses pytest.
pub(in crate::verify) const PYTHON_CONFIGS: &[&str] = &[
    "pyproject.toml",
    "setup.cfg",
    "tox.ini",
    "pytest.ini",
    "setup.py",
    "requirements.txt",
    "requirements-dev.txt",
];

/// The interpreter with the project's packages: that of the tool that locked them, where it is installed.
fn python(g: &Ground<'_>) -> &'static str {
    let here = join(g.dir, "pyproject.toml");
    let locked = |name: &str| ancestors(&here).any(|dir| g.view.has(&join(dir, name)));
    // What is locked is not locked anew by a check.
    if locked("uv.lock") && g.view.has_tool("uv") {
        "uv run --frozen python"
    } else if locked("poetry.lock") && g.view.has_tool("poetry") {
        "poetry run python"
    } else {
        "python3"
    }
}

fn mypy(g: &Ground<'_>) -> Option<Plan> {
    let manifest = g.read("pyproject.toml");
    let configured = g.has_one_of(&["mypy.ini", ".mypy.ini"])
        || manifest.contains("[tool.mypy")
        || g.read("setup.cfg").contains("[mypy]");
    // No cache in the lane.
    let line = format!(
        "{} -m mypy --no-color-output --cache-dir=/dev/null",
        python(g)
    );
    let configs = ["mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg"];
    let texts: String = configs.iter().map(|name| g.read(name)).collect();
    let says_what = texts.lines().any(|l| {
        let key = l.split('=').next().unwrap_or_default().trim();
        matches!(key, "files" | "packages" | "modules")
    });
    configured.then(|| {
        Plan::line(line, format!("{} -m mypy --version", python(g))).whole(if says_what {
            ""
        } else {
            "."
        })
    })
}

fn pytest(g: &Ground<'_>) -> Option<Plan> {
    let configs: String = PYTHON_CONFIGS.iter().map(|name| g.read(name)).collect();
    let configured = g.has("pytest.ini")
        || g.has("conftest.py")
        || ["[tool.pytest", "[tool:pytest]", "[pytest]"]
            .iter()
            .any(|s| configs.contains(s));
    if !configured && (g.tests.is_empty() || unittest(g).is_some()) {
        return None;
    }
    // The summary names every test, whatever the project's own options say of quietness; `-v` names them
    // while they run as well, for a run that does not come to its end.
    // The cache would be a dropping in the lane; a project that uses it cannot do without the plugin.
    let uses_cache = [
        "cache_dir",
        "--lf",
        "--ff",
        "--nf",
        "--sw",
        "--last-failed",
        "--failed-first",
        "--new-first",
        "--stepwise",
        "--cache",
    ]
    .iter()
    .any(|s| configs.contains(s));
    let cache = if uses_cache {
        ""
    } else {
        " -p no:cacheprovider"
    };
    let python = python(g);
    Some(
        Plan::line(
            format!(
                "{python} -m pytest -v -rfEpsxX{cache} --color=no --continue-on-collection-errors --maxfail=0"
            ),
            format!("{python} -m pytest --version"),
        )
        .reads(Reads::printed(Format::Pytest))
        .only(Only::Pytest)
        .narrow(Narrow::PythonTests),
    )
}

/// Tests that need nothing but the standard library, and that `unittest discover` finds: it looks below
/// its start folder only into packages.
fn unittest(g: &Ground<'_>) -> Option<String> {
    let mentions_pytest = PYTHON_CONFIGS
        .iter()
        .any(|name| g.read(name).contains("pytest"))
        || g.has("conftest.py");
    let first = g.tests.first()?;
    let only_unittest = || {
        g.tests.iter().all(|path| {
            base_name(path).starts_with("test")
                && g.view
                    .read(path)
                    .is_some_and(|text| text.contains("unittest") && !text.contains("pytest"))
        })
    };
    if mentions_pytest || !only_unittest() {
        return None;
    }
    let start = ancestors(first).find(|dir| g.tests.iter().all(|t| below(dir, t).is_some()))?;
    let is_package = |dir: &str| g.view.has(&join(dir, "__init__.py"));
    let found = g
        .tests
        .iter()
        .all(|t| ancestors(t).take_while(|dir| *dir != start).all(is_package));
    let from_here = below(g.dir, start).filter(|s| !s.is_empty() && start != g.dir);
    let line = format!("{} -m unittest discover -v", python(g));
    match from_here {
        _ if !found => None,
        None => Some(line),
        Some(s)
            if s.contains(|c: char| !(c.is_ascii_alphanumeric() || "/_.-".contains(c)))
                || s.starts_with('-') =>
        {
            None
        }
        // A package may import its siblings relatively: then the project's folder is the top level.
        Some(s) if is_package(start) && !s.contains('/') => Some(format!("{line} -s {s} -t .")),
        Some(s) => Some(format!("{line} -s {s}")),
    }
}
