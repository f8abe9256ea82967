//! What walls depend on of this machine: toolchains, caches, registries.

use super::programs;
use crate::app::world::World;
use crate::config::{CERTIFICATES, Environment};
use crate::fsx::read_bounded;
use crate::model::policy::Endpoint;
use crate::sandbox::homes::settings;
use crate::sandbox::presets::{Machine, endpoint_of};
use std::path::{Path, PathBuf};

/// Largest settings file of another tool that is read.
const MOST: u64 = 1 << 20;

/// Toolchains and caches by variable, and where they are below the home without it; empty for nowhere.
const TOOLS: &[(&str, &str)] = &[
    ("CARGO_HOME", ".cargo"),
    ("RUSTUP_HOME", ".rustup"),
    ("GOROOT", ""),
    ("GOMODCACHE", ""),
    ("NVM_DIR", ".nvm"),
    ("FNM_DIR", ".local/share/fnm"),
    ("VOLTA_HOME", ".volta"),
    ("PNPM_HOME", ".local/share/pnpm"),
    ("BUN_INSTALL", ".bun"),
    ("COREPACK_HOME", ".cache/node/corepack"),
    ("PYENV_ROOT", ".pyenv"),
    ("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python"),
    ("CONDA_PREFIX", ""),
    ("VIRTUAL_ENV", ""),
    ("RBENV_ROOT", ".rbenv"),
    ("GEM_HOME", ".gem"),
    ("JAVA_HOME", ""),
    ("MAVEN_HOME", ""),
    ("MAVEN_REPOSITORY", ".m2/repository"),
    ("GRADLE_USER_HOME", ".gradle"),
    ("SDKMAN_DIR", ".sdkman"),
    ("ANDROID_HOME", ""),
    ("DOTNET_ROOT", ".dotnet"),
    ("ASDF_DIR", ".asdf"),
    ("ASDF_DATA_DIR", ".asdf"),
    ("MISE_DATA_DIR", ".local/share/mise"),
    ("HOMEBREW_PREFIX", ""),
    ("PLAYWRIGHT_BROWSERS_PATH", ".cache/ms-playwright"),
];

/// Variables that name registries.
const REGISTRY_VARIABLES: &[&str] = &[
    "npm_config_registry",
    "NPM_CONFIG_REGISTRY",
    "YARN_NPM_REGISTRY_SERVER",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "GOPROXY",
    "GOSUMDB",
];

/// npm's settings file below the home, and those of who installs for Python.
const NPM: &str = ".npmrc";
const PYTHON: [&str; 3] = [
    ".config/pip/pip.conf",
    ".pip/pip.conf",
    ".config/uv/uv.toml",
];

pub(super) fn read(world: &World, env: &Environment) -> Machine {
    let home = env.home();
    let tools = tools(env, home.as_deref());
    let git_dir = real(&world.info.common_dir);
    let linked = world.settings.worktree.link.iter();
    let linked = linked.map(|name| world.info.root.join(name));
    let go_env = home
        .as_deref()
        .map(|home| text(&home.join(".config/go/env")))
        .unwrap_or_default();
    let go_proxy = value_of(&go_env, "GOPROXY").map(str::to_owned);
    Machine {
        path: programs::folders(env.get("PATH").unwrap_or_default(), home.as_deref(), &tools),
        root: world.info.root.clone(),
        git_dir,
        codelicious_dir: world.dir(),
        linked: linked
            .filter(|path| path.exists())
            .map(|path| real(&path))
            .collect(),
        registries: registries(env, home.as_deref(), &tools, go_proxy.as_deref()),
        certificates: certificates(env, home.as_deref()),
        go_proxy: env.get("GOPROXY").map(str::to_owned).or(go_proxy),
        tools,
        home,
        uses: Vec::new(),
    }
}

/// The path with links followed, as far as it exists.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn tools(env: &Environment, home: Option<&Path>) -> Vec<(String, PathBuf)> {
    let below_home = |below: &str| Some(home?.join(below)).filter(|_| !below.is_empty());
    let named = |name: &str| env.get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let go_modules = || {
        let go = named("GOPATH").or_else(|| below_home("go"))?;
        Some(go.join("pkg/mod"))
    };
    let tools = TOOLS.iter().filter_map(|(name, below)| {
        let path = named(name).or_else(|| match *name {
            "GOMODCACHE" => go_modules(),
            _ => below_home(below),
        })?;
        path.is_dir().then(|| ((*name).to_owned(), real(&path)))
    });
    tools.collect()
}

/// Files and folders of certificates that TLS is told to trust: where a network looks into what passes, nothing can be
/// fetched without.
fn certificates(env: &Environment, home: Option<&Path>) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for name in CERTIFICATES {
        // A list of folders in one of them (SSL_CERT_DIR).
        let listed = env.get(name).unwrap_or_default().split(':');
        paths.extend(listed.map(PathBuf::from));
    }
    let of_home = home.map(|home| {
        [".npmrc", ".config/pip/pip.conf", ".pip/pip.conf"].map(|name| text(&home.join(name)))
    });
    let system = ["/etc/pip.conf", "/etc/npmrc"].map(|name| text(Path::new(name)));
    for text in of_home.into_iter().flatten().chain(system) {
        let named = ["cafile", "cert"]
            .iter()
            .filter_map(|key| value_of(&text, key));
        paths.extend(named.map(|path| PathBuf::from(path.trim_matches('"'))));
    }
    paths.retain(|path| path.is_absolute() && path.exists());
    let mut paths: Vec<PathBuf> = paths.iter().map(|path| real(path)).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Registries that the user's own settings name. Those of the repository do not count: whoever can push there would
/// choose what may be reached.
fn registries(
    env: &Environment,
    home: Option<&Path>,
    tools: &[(String, PathBuf)],
    go_proxy: Option<&str>,
) -> Vec<Endpoint> {
    let mut addresses: Vec<String> = Vec::new();
    let mut add = |words: &str| {
        let words = words.split([' ', ',', '|', '\t']);
        addresses.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
    };
    for name in REGISTRY_VARIABLES {
        add(env.get(name).unwrap_or_default());
    }
    add(go_proxy.unwrap_or_default());
    for (name, value) in env.vars() {
        // CARGO_REGISTRIES_<name>_INDEX
        if name.starts_with("CARGO_REGISTRIES_") && name.ends_with("_INDEX") {
            add(value);
        }
    }
    let cargo = tools.iter().find(|(name, _)| name == "CARGO_HOME");
    if let Some((_, cargo)) = cargo {
        for name in ["config.toml", "config"] {
            of_cargo(&text(&cargo.join(name)), &mut add);
        }
    }
    if let Some(home) = home {
        for file in [NPM].into_iter().chain(PYTHON) {
            let text = text(&home.join(file));
            let named = settings(&text).into_iter().filter(|setting| match file {
                NPM => setting.name().ends_with("registry"),
                _ => {
                    let name = setting.name();
                    name.contains("index") || matches!(name, "url" | "find-links")
                }
            });
            for setting in named {
                setting.words().for_each(&mut add);
            }
        }
    }
    let mut found: Vec<Endpoint> = addresses.iter().filter_map(|a| endpoint_of(a)).collect();
    found.sort();
    found.dedup();
    found
}

/// Indexes and registries anywhere in cargo's settings: `[registries.<name>] index`, `[source.<name>] registry`.
fn of_cargo(text: &str, add: &mut impl FnMut(&str)) {
    let Ok(table) = text.parse::<toml::Table>() else {
        return;
    };
    for (section, key) in [("registries", "index"), ("source", "registry")] {
        let tables = table.get(section).and_then(toml::Value::as_table);
        for (_, entry) in tables.into_iter().flatten() {
            add(entry
                .get(key)
                .and_then(toml::Value::as_str)
                .unwrap_or_default());
        }
    }
}

fn text(path: &Path) -> String {
    let bytes = read_bounded(path, MOST).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// The value in lines of `name=value`.
fn value_of<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;

    #[test]
    fn registries_of_the_user_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        for (name, text) in [
            (
                ".cargo/config.toml",
                "[registries.own]\nindex = 'sparse+https://crates.example.org/i/'\n[source.m]\nregistry = 'https://mirror.example.org/index'\n",
            ),
            (
                ".npmrc",
                "@team:registry=https://npm.example.org/x\n//npm.example.org/:_authToken=secret\n",
            ),
            (
                ".config/pip/pip.conf",
                "[global]\nextra-index-url = https://py.example.org/simple\n    https://more.example.org/simple\nfind-links =\n    https://wheels.example.org/\n",
            ),
            (
                ".config/uv/uv.toml",
                "extra-index-url = [\n  \"https://uv.example.org/simple\",\n]\n[[index]]\nurl = \"https://uv2.example.org\"\n",
            ),
        ] {
            let path = home.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let env = Environment::from_vars(
            "/",
            [
                ("HOME", home.to_str().unwrap()),
                ("PIP_INDEX_URL", "https://u:p@pip.example.org:8443/simple"),
                ("GOPROXY", "https://go.example.org|direct"),
                ("CARGO_REGISTRIES_X_INDEX", "https://x.example.org/git"),
            ],
        );
        let tools = tools(&env, Some(&home));
        assert_eq!(tools, [("CARGO_HOME".to_owned(), home.join(".cargo"))]);
        let found = registries(&env, Some(&home), &tools, None);
        let found: Vec<String> = found.iter().map(Endpoint::to_string).collect();
        assert_eq!(
            found,
            [
                "crates.example.org:443",
                "go.example.org:443",
                "mirror.example.org:443",
                "more.example.org:443",
                "npm.example.org:443",
                "pip.example.org:8443",
                "py.example.org:443",
                "uv.example.org:443",
                "uv2.example.org:443",
                "wheels.example.org:443",
                "x.example.org:443"
            ]
        );
    }
}
