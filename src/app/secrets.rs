//! What must not appear in anything that we write, gathered from everywhere it may come from: the environment and the
//! settings, the files in which agents, forges' command lines, package registries and clouds keep credentials, and the
//! repository's own configuration of git. An engine or a check may come upon any of them and say it.

use super::world::World;
use crate::config::{Environment, Settings};
use crate::core::redact::{Redactor, secrets_in_file};
use secrecy::SecretString;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Larger files keep no credentials.
const LARGEST: u64 = 256 * 1024;

/// Files below the home folder, unless a variable names their folder.
const FILES: &[(Option<&str>, &str, &str)] = &[
    (Some("CLAUDE_CONFIG_DIR"), ".claude", ".credentials.json"),
    (Some("CODEX_HOME"), ".codex", "auth.json"),
    (None, ".gemini", "oauth_creds.json"),
    (None, ".qwen", "oauth_creds.json"),
    (None, ".local/share/opencode", "auth.json"),
    (None, ".local/share/amp", "secrets.json"),
    (None, ".config/github-copilot", "apps.json"),
    (None, ".config/github-copilot", "hosts.json"),
    (Some("HF_HOME"), ".cache/huggingface", "token"),
    (Some("GH_CONFIG_DIR"), ".config/gh", "hosts.yml"),
    (Some("GLAB_CONFIG_DIR"), ".config/glab-cli", "config.yml"),
    (None, ".config/tea", "config.yml"),
    (None, "", ".git-credentials"),
    (None, ".config/git", "credentials"),
    (None, "", ".gitconfig"),
    (None, "", ".netrc"),
    (None, "", ".npmrc"),
    (None, "", ".yarnrc.yml"),
    (None, "", ".pypirc"),
    (Some("CARGO_HOME"), ".cargo", "credentials.toml"),
    (None, ".gem", "credentials"),
    (None, ".m2", "settings.xml"),
    (Some("DOCKER_CONFIG"), ".docker", "config.json"),
    (None, ".aws", "credentials"),
    (
        None,
        ".config/gcloud",
        "application_default_credentials.json",
    ),
    (None, "", ".pgpass"),
    (None, "", ".my.cnf"),
    (None, "", ".vault-token"),
];

/// What keeps secrets out of what is said of a repository.
pub(super) fn redactor(world: &World, env: &Environment) -> Redactor {
    Redactor::new(all(world, env))
}

/// Every secret that is known before anything was asked.
pub(super) fn all(world: &World, env: &Environment) -> Vec<SecretString> {
    let mut found = of_user(&world.settings, env);
    found.extend(in_file(&world.info.common_dir.join("config")));
    found
}

/// The same without a repository.
pub(super) fn of_user(settings: &Settings, env: &Environment) -> Vec<SecretString> {
    let mut found = env.secrets(settings);
    for path in files(env) {
        found.extend(in_file(&path));
    }
    found
}

fn files(env: &Environment) -> impl Iterator<Item = PathBuf> {
    let home = env.home();
    FILES.iter().filter_map(move |(variable, folder, name)| {
        let named = variable.and_then(|v| env.get(v)).map(PathBuf::from);
        let folder = named.or_else(|| Some(home.as_ref()?.join(folder)))?;
        Some(folder.join(name))
    })
}

/// A file that cannot be read keeps nothing that could be said: its owner could not read it either.
fn in_file(path: &Path) -> Vec<SecretString> {
    let is_file = path
        .metadata()
        .is_ok_and(|m| m.is_file() && m.len() <= LARGEST);
    if !is_file {
        return Vec::new();
    }
    let mut text = Vec::new();
    match std::fs::File::open(path).and_then(|f| f.take(LARGEST).read_to_end(&mut text)) {
        Ok(_) => {
            let text = String::from_utf8_lossy(&text);
            let mut found = secrets_in_file(&text);
            // A token by itself, as `vault login` and `huggingface-cli login` keep it.
            let is_alone = text.trim().lines().count() == 1 && text.trim().len() >= 20;
            if is_alone && text.trim().bytes().all(|b| b.is_ascii_graphic()) {
                found.push(SecretString::from(text.trim()));
            }
            found
        }
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::fs;

    #[test]
    fn credential_files_are_found_where_they_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let elsewhere = home.path().join("elsewhere");
        let write = |path: PathBuf, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            home.path().join(".config/gh/hosts.yml"),
            "github.com:\n  oauth_token: aaaa-bbbb\n",
        );
        write(
            home.path().join(".vault-token"),
            "cccc-dddd-eeee-ffff-gggg\n",
        );
        write(
            home.path().join(".codex/auth.json"),
            "{\"OPENAI_API_KEY\": \"not-this-one\"}",
        );
        write(
            elsewhere.join("auth.json"),
            "{\"OPENAI_API_KEY\": \"hhhh-iiii\"}",
        );
        write(home.path().join(".npmrc"), &"x".repeat(300 * 1024));
        fs::create_dir_all(home.path().join(".netrc")).unwrap();
        let vars = [
            ("HOME", home.path().to_str().unwrap()),
            ("CODEX_HOME", elsewhere.to_str().unwrap()),
            ("A_TOKEN", "jjjj-kkkk"),
        ];
        let env = Environment::from_vars(home.path(), vars);
        let found = of_user(&Settings::default(), &env);
        let mut found: Vec<&str> = found.iter().map(ExposeSecret::expose_secret).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "aaaa-bbbb",
                "cccc-dddd-eeee-ffff-gggg",
                "hhhh-iiii",
                "jjjj-kkkk"
            ]
        );
    }
}
