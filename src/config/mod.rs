//! Settings: flags over environment over the repository's file over the user's file over defaults.
//!
//! Layers and their merge are pure; [`load`] reads the two files, [`Environment::capture`] the
//! environment, and nothing else in the program reads either. Every value knows its origin, every
//! error names it, and all errors come at once. What would weaken a wall or redirect a secret is
//! refused in the repository's file: whoever can push there must not choose it for those who run it.

mod audit_keys;
mod decode;
mod endpoint;
mod engine;
#[cfg(test)]
mod engine_tests;
pub mod env_names;
mod environment;
mod error;
mod fields;
#[cfg(test)]
mod forge_tests;
mod keys;
mod layers;
mod nearest;
mod proof_keys;
mod raw;
mod request;
mod resolve;
mod sandbox_keys;
#[cfg(test)]
mod sandbox_tests;
mod settings;
mod spec_keys;
mod template;
#[cfg(test)]
mod tests;
mod token;
mod value;

pub use endpoint::{ANTHROPIC, Endpoint, EndpointError, HUGGINGFACE, OPENAI};
pub use engine::{
    BUILT_IN, ChatSettings, CommandSettings, EngineChoice, EngineKind, EngineRef, EngineSettings,
    PRESETS, REPLAY, TokenSource,
};
pub use environment::{CERTIFICATES, Color, Environment, GithubStep};
pub use error::{ConfigError, Problem};
pub use fields::{ENGINE_FIELDS, Field, For, PRICE_FIELDS, Wall};
pub use keys::{KEYS, KeyDoc, Kind, Of, PLATFORMS, SECTIONS};
pub use request::{
    AuditRequest, BuildRequest, DemoRequest, DoctorRequest, EventsRequest, EvidenceRequest, Flags,
    Format, GcRequest, InitRequest, IssueRef, LintRequest, LintShape, MoveRequest, MoveVerb,
    Output, PlanRequest, PlanShape, PromptRequest, Request, Restart, SandboxRequest, Shell,
    StatusRequest, VERBS, Verbosity, Wanted, mistyped_verb, parse_duration,
};
pub use sandbox_keys::{COMMAND_FIELDS, SANDBOX_FIELDS};
pub use settings::{
    AuditSettings, BudgetSettings, CHECK_FORMATS, CheckCommand, CheckScope, ClaudeSettings,
    CommitSettings, CommitTemplate, CoverageSettings, EnvSettings, EvidenceSettings, ForgeSettings,
    GcSettings, IssueSource, LintSettings, LogSettings, NetworkSettings, PlanSettings,
    PlanStrategy, Platform, PrSettings, PriceSetting, RetrySettings, SandboxMode, SetValue,
    Settings, SourceSettings, SpecSettings, VerifySettings, WorktreeSettings,
};
pub use template::{reference, template};
pub use token::{Token, TokenError};
pub use value::{Origin, Value};

use layers::{File, Layer};
use std::io::Read;
use std::path::Path;

/// The configuration file at a repository's root.
pub const REPO_FILE: &str = "codelicious.toml";

/// Largest configuration file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads and merges all layers for the repository whose root is `root`. Files that do not exist set
/// nothing; everything else that is wrong, in any layer, is in the error.
pub fn load(root: &Path, flags: Flags, env: &Environment) -> Result<Settings, ConfigError> {
    let mut problems = Vec::new();
    let user_file = env.user_file();
    let user = user_file.as_deref().and_then(|path| {
        let text = read(path, &mut problems)?;
        Some(File::User {
            path: path.to_path_buf(),
            text,
        })
    });
    let path = root.join(REPO_FILE);
    let repo = read(&path, &mut problems).map(|text| File::Repo { path, text });
    merge(root, [user, repo], flags, env, problems)
}

/// Merges the files' texts, the environment and the flags. Pure.
fn merge(
    root: &Path,
    files: [Option<File>; 2],
    flags: Flags,
    env: &Environment,
    mut problems: Vec<Problem>,
) -> Result<Settings, ConfigError> {
    let user_file = env.user_file();
    let [user, repo] = files.map(|file| match file {
        Some(file) => layers::from_file(&file, user_file.as_deref(), &mut problems),
        None => Layer::default(),
    });
    let variables = layers::from_environment(env, &mut problems);
    resolve::resolve(
        root,
        env,
        [user, repo, variables, layers::from_flags(flags)],
        problems,
    )
}

/// A file's text; None when there is none, or when it cannot be read, which is then a problem.
fn read(path: &Path, problems: &mut Vec<Problem>) -> Option<String> {
    match read_bounded(path) {
        Ok(text) => text,
        Err(message) => {
            problems.push(Problem::Unreadable {
                path: path.to_path_buf(),
                message,
            });
            None
        }
    }
}

fn read_bounded(path: &Path) -> Result<Option<String>, String> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let about = match std::fs::metadata(path) {
        Ok(about) => about,
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    // A pipe or device here would block or never end.
    if !about.is_file() {
        return Err("it is not a file; move it away".to_owned());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it is larger than {MAX_FILE_BYTES} bytes"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..good]
                .iter()
                .filter(|b| **b == b'\n')
                .count();
            Err(format!(
                "line {line} is not valid UTF-8; save the file as UTF-8"
            ))
        }
    }
}
