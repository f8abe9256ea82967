//! JavaScript and TypeScript: the scripts of a `package.json`, and the runners behind them.

use super::{CheckRow, Language, Links, PLAIN, Plan};
use crate::verify::check::{CheckKind, Narrow, Only, Parser, REPORT_VARIABLE, Reads};
use crate::verify::conditions::Ground;
use crate::verify::reading::Format;
use crate::verify::view::{FileView, ancestors, join};
use serde_json::Value;

pub(super) const NODE: Language = Language {
    name: "node",
    manifests: &["package.json"],
    extensions: &[
        "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue", "svelte",
    ],
    names: &[
        "package.json",
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        "bun.lock",
        "bun.lockb",
        "tsconfig*.json",
        ".eslintrc*",
        ".babelrc*",
        ".mocharc*",
        ".npmrc",
    ],
    folders: &["src", "lib", "test", "tests", "__tests__"],
    loose: true,
    is_test: |path| {
        path.contains(".test.") || path.contains(".spec.") || path.contains("__tests__/")
    },
    parser: Some(&NODE_PARSER),
    dialect: compiled_javascript,
    links,
    checks: &[
        CheckRow {
            names: &[
                "npm run lint",
                "pnpm run lint",
                "yarn run lint",
                "bun run lint",
            ],
            kind: CheckKind::Lint,
            optional: true,
            no_tests_exit: None,
            env: NODE_ENV,
            plan: |g| {
                script(g, "lint")?;
                let manager = Manager::of(g);
                Some(Plan {
                    name: Some(manager.lint),
                    ..Plan::line(manager.lint, manager.probe)
                })
            },
        },
        CheckRow {
            names: &["eslint"],
            kind: CheckKind::Lint,
            optional: true,
            no_tests_exit: None,
            env: NODE_ENV,
            plan: |g| {
                let configured = g.has_one_of(ESLINT_CONFIGS) && depends_on(g, "eslint");
                let exec = Manager::of(g).exec;
                (configured && script(g, "lint").is_none()).then(|| {
                    Plan::line(
                        format!("{exec} eslint --no-warn-ignored"),
                        format!("{exec} eslint --version"),
                    )
                    .whole(".")
                    .narrow(Narrow::Files(SCRIPTS))
                })
            },
        },
        CheckRow {
            names: &["tsc"],
            kind: CheckKind::Lint,
            optional: true,
            no_tests_exit: None,
            env: NODE_ENV,
            plan: |g| {
                let typed = g.has("tsconfig.json") && depends_on(g, "typescript");
                let exec = Manager::of(g).exec;
                typed.then(|| {
                    Plan::line(
                        format!("{exec} tsc --noEmit --pretty false"),
                        format!("{exec} tsc --version"),
                    )
                })
            },
        },
        CheckRow {
            names: &["npm test", "pnpm test", "yarn test", "bun run test"],
            kind: CheckKind::Test,
            optional: false,
            no_tests_exit: None,
            env: NODE_ENV,
            plan: tests,
        },
    ],
    ..PLAIN
};

/// Test runners that watch files unless told otherwise would never end.
const NODE_ENV: &[(&str, &str)] = &[
    ("CI", "true"),
    ("npm_config_update_notifier", "false"),
    ("npm_config_fund", "false"),
];

/// `vm.SourceTextModule` is the one way to parse a module without running it, and stands behind this flag.
static NODE_PARSER: Parser = Parser {
    name: "javascript syntax",
    program: "node",
    args: &[
        "--experimental-vm-modules",
        "--no-warnings",
        "--input-type=commonjs",
        "-e",
        include_str!("../parse.js"),
    ],
    extensions: &["js", "mjs", "cjs"],
};

/// Extensions that eslint looks at.
const SCRIPTS: &[&str] = &["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];

/// The configuration of version 9 and later; before, linting was a script's business.
const ESLINT_CONFIGS: &[&str] = &[
    "eslint.config.js",
    "eslint.config.mjs",
    "eslint.config.cjs",
    "eslint.config.ts",
];

/// How a package manager is spoken to.
struct Manager {
    test: &'static str,
    lint: &'static str,
    /// Between the script and arguments of ours.
    arguments: &'static str,
    /// Runs a program of the project's, and installs none.
    exec: &'static str,
    probe: &'static str,
    names: &'static str,
    locks: &'static [&'static str],
}

/// The first one is what is taken where nothing names another.
const MANAGERS: &[Manager] = &[
    Manager {
        test: "npm test",
        lint: "npm run lint",
        arguments: " --",
        exec: "npx --no-install",
        probe: "npm --version",
        names: "npm",
        locks: &["package-lock.json", "npm-shrinkwrap.json"],
    },
    Manager {
        test: "pnpm test",
        lint: "pnpm run lint",
        arguments: "",
        exec: "pnpm exec",
        probe: "pnpm --version",
        names: "pnpm",
        locks: &["pnpm-lock.yaml"],
    },
    Manager {
        test: "yarn test",
        lint: "yarn run lint",
        arguments: "",
        exec: "yarn run",
        probe: "yarn --version",
        names: "yarn",
        locks: &["yarn.lock"],
    },
    Manager {
        test: "bun run test",
        lint: "bun run lint",
        arguments: "",
        exec: "bun run",
        probe: "bun --version",
        names: "bun",
        locks: &["bun.lock", "bun.lockb"],
    },
];

impl Manager {
    /// By the `packageManager` of the nearest package that has one, else by the nearest lock file.
    fn of(g: &Ground<'_>) -> &'static Self {
        let own = join(g.dir, "package.json");
        let named = ancestors(&own).find_map(|dir| {
            let manifest = manifest(g.view, dir)?;
            let name = manifest
                .get("packageManager")?
                .as_str()?
                .split('@')
                .next()?;
            MANAGERS.iter().find(|m| m.names == name)
        });
        let locked = || {
            ancestors(&own).find_map(|dir| {
                MANAGERS
                    .iter()
                    .find(|m| m.locks.iter().any(|lock| g.view.has(&join(dir, lock))))
            })
        };
        named.or_else(locked).unwrap_or(&MANAGERS[0])
    }
}

fn tests(g: &Ground<'_>) -> Option<Plan> {
    let script = script(g, "test")?;
    // What `npm init` writes where nobody wrote a test yet.
    if script.contains("no test specified") {
        return None;
    }
    let manager = Manager::of(g);
    let Manager {
        test, arguments, ..
    } = manager;
    let plan = |start: String| Plan {
        name: Some(manager.test),
        ..Plan::line(start, manager.probe)
    };
    let words = plain_words(&script).unwrap_or_default();
    let is_bare = words.iter().skip(1).all(|w| w.starts_with('-'));
    let says = |flags: &[&str]| words.iter().any(|w| flags.iter().any(|f| w.starts_with(f)));
    Some(match words[..] {
        ["jest", ..] if is_bare && !says(&["--json", "--outputFile", "--watch"]) => {
            let report = format!("--json --outputFile=\"${REPORT_VARIABLE}\"");
            let plan = plan(format!("{test}{arguments} {report}"))
                .reads(Reads::asked_for(Format::JestJson))
                .only(Only::Jest);
            match says(&["--coverage", "--findRelatedTests", "--onlyChanged"]) {
                true => plan,
                false => plan.narrow(Narrow::JestRelated),
            }
        }
        ["vitest"] | ["vitest", "run" | "--run"] => {
            let report = vitest_report();
            plan(format!("{test}{arguments} {report}"))
                .reads(Reads::asked_for(Format::JestJson))
                .only(Only::Vitest)
                .narrow(Narrow::VitestRelated)
        }
        ["vitest", ..] if !says(&["--reporter", "--outputFile", "watch", "dev", "bench"]) => {
            plan(format!("{test}{arguments} {}", vitest_report()))
                .reads(Reads::asked_for(Format::JestJson))
                .only(Only::Vitest)
        }
        // Where a script names files, arguments of ours would be taken for more of them.
        ["node", "--test", ..] if is_bare => plan(test.to_string())
            .reads(Reads::printed(Format::Auto))
            .only(Only::NodeTest)
            .narrow(Narrow::NodeTests),
        ["mocha", ..] => plan(test.to_string())
            .reads(Reads::printed(Format::Auto))
            .only(Only::Mocha),
        _ => plan(test.to_string()).reads(Reads::printed(Format::Auto)),
    })
}

/// For people as before, and for us in a file.
pub(in crate::verify) fn vitest_report() -> String {
    format!("--reporter=default --reporter=json --outputFile.json=\"${REPORT_VARIABLE}\"")
}

/// A line of a script to which arguments can be added: npm keeps for itself what does not stand behind `--`.
pub(in crate::verify) fn open_line(start: &str) -> String {
    match start.starts_with("npm ") && !start.contains(" -- ") {
        true => format!("{start} --"),
        false => start.to_owned(),
    }
}

/// How a program of the project's own is run.
pub(in crate::verify) fn exec(view: &FileView<'_>, dir: &str) -> &'static str {
    Manager::of(&Ground {
        view,
        dir,
        sources: Vec::new(),
        tests: Vec::new(),
    })
    .exec
}

/// The words of a script that is one command, without what is set before it; `None` for more than that.
fn plain_words(script: &str) -> Option<Vec<&str>> {
    if script.contains(['&', '|', ';', '`', '$', '<', '>', '\n', '(']) {
        return None;
    }
    let words = script.split_whitespace().skip_while(|word| {
        let is_assignment = word.contains('=') && !word.starts_with('-');
        is_assignment || *word == "cross-env" || *word == "npx"
    });
    Some(words.collect())
}

fn manifest(view: &FileView<'_>, dir: &str) -> Option<Value> {
    serde_json::from_str(&view.read(&join(dir, "package.json"))?).ok()
}

pub(in crate::verify) fn script(g: &Ground<'_>, name: &str) -> Option<String> {
    let manifest = manifest(g.view, g.dir)?;
    let line = manifest.get("scripts")?.get(name)?.as_str()?;
    (!line.trim().is_empty()).then(|| line.to_owned())
}

/// Packages that a manifest names.
fn packages(manifest: &Value) -> impl Iterator<Item = &String> {
    ["dependencies", "devDependencies", "peerDependencies"]
        .into_iter()
        .filter_map(|key| manifest.get(key)?.as_object())
        .flat_map(|packages| packages.keys())
}

/// True when this package, or the workspace above it, has the other one.
fn depends_on(g: &Ground<'_>, package: &str) -> bool {
    let own = join(g.dir, "package.json");
    ancestors(&own)
        .filter_map(|dir| manifest(g.view, dir))
        .any(|manifest| packages(&manifest).any(|name| name == package))
}

/// Packages of one workspace name each other.
fn links(view: &FileView<'_>, dir: &str) -> Links {
    let Some(manifest) = manifest(view, dir) else {
        return Links::default();
    };
    Links {
        name: manifest
            .get("name")
            .and_then(Value::as_str)
            .map(str::to_owned),
        needs: packages(&manifest).cloned().collect(),
    }
}

/// Packages whose users write JSX or types into `.js` files.
const COMPILERS: &[&str] = &[
    "react",
    "react-native",
    "react-scripts",
    "preact",
    "solid-js",
    "inferno",
    "next",
    "gatsby",
    "expo",
    "flow-bin",
    "@babel/core",
    "babel-core",
    "@swc/core",
    "@docusaurus/core",
    "@wordpress/scripts",
];

fn compiled_javascript(g: &Ground<'_>) -> bool {
    COMPILERS.iter().any(|compiler| depends_on(g, compiler))
}
