//! What passes between the spawner and the helper that puts a wall up around itself.
//!
//! The helper is this program, started as `__sandbox <request> -- <program> <name> <arguments>`. It becomes the
//! command, or says on its first line of standard error, behind a token that nobody else knows, why not.

use crate::model::policy::Wall;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The first argument that makes this program the helper.
pub const VERB: &str = "__sandbox";
/// In the place of a request: say what this machine can enforce.
pub const PROBE: &str = "probe";
/// Exit code of a helper that did not become the command.
pub const FAILED: u8 = 125;

static HELPER: OnceLock<PathBuf> = OnceLock::new();

/// Names the program that is started as the helper, in the place of the one that runs. For tests, whose own program
/// is another one. The first call counts.
pub fn set_helper(program: PathBuf) {
    let _ = HELPER.set(program);
}

/// The program that is started as the helper. The link stays right when the file is replaced meanwhile.
pub fn helper() -> &'static Path {
    HELPER
        .get()
        .map_or(Path::new("/proc/self/exe"), PathBuf::as_path)
}

/// What the helper is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Precedes the helper's own words.
    pub token: String,
    /// The process that starts the helper.
    pub parent: u32,
    /// With those limits only that no control group holds.
    pub wall: Wall,
    /// Variables that are set when the command is started: they would change how the helper itself is loaded, before
    /// there is a wall.
    pub late_env: Vec<(String, String)>,
    /// Control groups to enter.
    pub groups: Vec<PathBuf>,
    /// The folder that is to be found as `/tmp` as well.
    #[serde(default)]
    pub temporary: Option<PathBuf>,
    /// The gateway's socket, where the network is a list of hosts.
    pub gateway: Option<PathBuf>,
}

/// Why the helper did not become the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub why: String,
    /// The wall stood, and the command could not be executed: the system's number of the error.
    pub exec: Option<i32>,
}

/// True for a variable that changes how a program is loaded.
pub fn is_late(name: &str) -> bool {
    ["LD_", "GLIBC_", "MALLOC_"]
        .iter()
        .any(|p| name.starts_with(p))
}

/// A token that cannot be guessed: the standard library's hasher is seeded by the system.
pub fn token() -> String {
    let word = || {
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u8(0);
        hasher.finish()
    };
    format!("codelicious-{:016x}{:016x}", word(), word())
}

/// The helper's arguments. `name` is what the command is to find as its own name.
///
/// # Errors
/// A path beside those of the wall is not Unicode.
pub fn arguments(
    request: &Request,
    program: &Path,
    name: &OsStr,
    args: &[OsString],
) -> std::io::Result<Vec<OsString>> {
    let request = serde_json::to_string(request).map_err(std::io::Error::other)?;
    let mut all: Vec<OsString> = vec![
        VERB.into(),
        request.into(),
        "--".into(),
        program.into(),
        name.into(),
    ];
    all.extend_from_slice(args);
    Ok(all)
}

/// The helper's words as a line.
pub fn line(token: &str, failure: &Failure) -> String {
    let text = serde_json::to_string(failure).unwrap_or_default();
    format!("{token} {text}")
}

/// Reads the helper's words, where a line holds them.
pub fn failure_in(token: &str, line: &[u8]) -> Option<Failure> {
    let text = line.strip_prefix(token.as_bytes())?.strip_prefix(b" ")?;
    Some(serde_json::from_slice(text).unwrap_or(Failure {
        why: String::from_utf8_lossy(text).into_owned(),
        exec: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_the_token_is_heard() {
        let failure = Failure {
            why: "no\nway".to_owned(),
            exec: Some(13),
        };
        let token = token();
        let said = line(&token, &failure);
        assert!(!said.contains('\n'));
        assert_eq!(failure_in(&token, said.as_bytes()), Some(failure.clone()));
        assert_eq!(failure_in(&super::token(), said.as_bytes()), None);
        let broken = format!("{token} half");
        let heard = failure_in(&token, broken.as_bytes()).unwrap();
        assert_eq!((heard.why.as_str(), heard.exec), ("half", None));
    }

    #[test]
    fn what_changes_loading_is_late() {
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "GLIBC_TUNABLES",
            "MALLOC_PERTURB_",
        ] {
            assert!(is_late(name), "{name}");
        }
        for name in ["PATH", "HOME", "BUILD_LD_FLAGS", "ld_preload"] {
            assert!(!is_late(name), "{name}");
        }
    }
}
