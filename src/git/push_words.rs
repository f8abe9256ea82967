//! What git and remotes say when a push fails, and which kind of failure that is. Pure.
//!
//! Git has no codes for this: it exits with 1 or 128, prints a line for each ref (git-push(1), "OUTPUT") and passes
//! on what the server said. So words decide, those that only one party says before those that anybody may, and the
//! whole text is read in the locale C. What nobody here knows is [`PushFailureKind::Other`], never a guess.

use crate::model::effect::PushFailureKind;

/// A ref that was not updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused<'t> {
    /// Its name on the remote.
    pub(super) to: &'t str,
    /// `[remote rejected] (hook declined)`.
    pub(super) why: &'t str,
}

/// Refs that porcelain output says were not updated.
pub(super) fn refused(out: &str) -> Vec<Refused<'_>> {
    let lines = out.lines().filter_map(|line| {
        let (refspec, why) = line.strip_prefix("!\t")?.split_once('\t')?;
        let (_, to) = refspec.split_once(':')?;
        Some(Refused {
            to,
            why: why.trim(),
        })
    });
    lines.collect()
}

/// What a person is told of it: without git's hints, which speak to somebody at a terminal, without the askpass
/// that we set, and without the line that only repeats the address.
pub(super) fn told(err: &str) -> String {
    const SAID: [&str; 3] = [
        "hint: ",
        "error: failed to push some refs to ",
        "error: unable to read askpass response from 'false'",
    ];
    let lines = err.lines().map(str::trim_end);
    let more = lines.filter(|l| !l.is_empty() && !SAID.iter().any(|s| l.starts_with(s)));
    more.collect::<Vec<_>>().join("\n")
}

/// A file, the push or the whole repository is larger than the server takes.
const TOO_LARGE: [&str; 11] = [
    "file size limit",
    "gh001",
    "larger than the allowed size",
    "pack exceeds maximum allowed size",
    "exceeds maximum allowed",
    "above its size limit",
    "exceeded its size limit",
    "over its size limit",
    "exceed its allocated storage",
    "push size exceeds",
    "413",
];
const LFS: [&str; 9] = [
    "gh008",
    "lfs objects are missing",
    "unknown git lfs object",
    "git-lfs' was not found",
    "git-lfs: command not found",
    "git-lfs: not found",
    "'lfs' is not a git command",
    "missing or corrupt local objects",
    "over its data quota",
];
const PROTECTED: [&str; 9] = [
    "protected branch",
    "gh006",
    "gh013",
    "repository rule violations",
    "branch is currently checked out",
    "is protected from",
    "pushes to this branch are not permitted",
    "pre-receive hook declined: protected",
    "tf402455",
];
/// A rule that looks at contents, whichever number it comes with.
const CONTENTS: [&str; 2] = ["push cannot contain secrets", "email privacy"];
const CONFLICT: [&str; 4] = [
    "non-fast-forward",
    "fetch first",
    "stale info",
    "needs force",
];
/// Another push was there at the same moment, perhaps that of a run that was killed.
const RACE: [&str; 5] = [
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
    "reference already exists",
    "failed to lock",
];
const UNTRUSTED: [&str; 8] = [
    "host key verification failed",
    "remote host identification has changed",
    "no matching host key type",
    "ssl certificate problem",
    "server certificate verification failed",
    "certificate subject name",
    "no alternative certificate subject name",
    "unable to get local issuer certificate",
];
const AUTH: [&str; 22] = [
    "authentication failed",
    "could not read username",
    "could not read password",
    "permission denied",
    "too many authentication failures",
    "returned error: 401",
    "returned error: 403",
    "http 401",
    "http 403",
    "invalid username or",
    "terminal prompts disabled",
    "access denied",
    "refusing to allow a",
    "not allowed to push code to this project",
    "not allowed to push to this repository",
    "user permission denied",
    "denied to ",
    "write access to repository not granted",
    "marked as read only",
    "archived so it is read-only",
    "saml sso",
    "deploy key is not allowed",
];
const NOT_FOUND: [&str; 9] = [
    "repository not found",
    "does not appear to be a git repository",
    "could not be found or you don't have permission",
    "cannot find repository",
    "returned error: 404",
    "http 404",
    "returned error: 410",
    "' not found",
    "no such device or address",
];
const NETWORK: [&str; 29] = [
    "could not resolve host",
    "temporary failure in name resolution",
    "connection refused",
    "connection timed out",
    "connection reset",
    "connection closed by",
    "connection to",
    "operation timed out",
    "network is unreachable",
    "no route to host",
    "broken pipe",
    "failed to connect",
    "couldn't connect to server",
    "empty reply from server",
    "hung up unexpectedly",
    "unexpected disconnect",
    "early eof",
    "rpc failed",
    "recv failure",
    "send failure",
    "transfer closed",
    "not closed cleanly",
    "ssl_error_syscall",
    "tls connection was non-properly terminated",
    "operation too slow",
    "returned error: 5",
    "returned error: 429",
    "returned error: 408",
    "internal server error",
];

/// The kind of a failure: `refused` is what git says of the ref that was not updated, where it got so far, `err`
/// what it wrote to standard error, the server's words included.
pub(super) fn kind_of(refused: Option<&str>, err: &str) -> PushFailureKind {
    use PushFailureKind::{
        Auth, Conflict, HookDeclined, Lfs, NotFound, Other, Protected, TooLarge, Transient,
        Untrusted,
    };
    let (why, err) = (
        refused.unwrap_or_default().to_lowercase(),
        err.to_lowercase(),
    );
    let says = |text: &str, words: &[&str]| words.iter().any(|w| has(text, w));
    let both = |words: &[&str]| says(&why, words) || says(&err, words);
    if says(&why, &CONFLICT) {
        Conflict
    } else if says(&why, &CONTENTS) || says(&err, &CONTENTS) {
        HookDeclined
    } else if both(&TOO_LARGE) {
        TooLarge
    } else if both(&LFS) {
        Lfs
    } else if both(&PROTECTED) {
        Protected
    } else if says(&why, &RACE) {
        Transient
    } else if says(&why, &["hook declined"]) {
        // A hook that tells about rights says more than that it declined.
        if says(
            &err,
            &["not allowed to push", "permission denied for writing"],
        ) {
            Auth
        } else {
            HookDeclined
        }
    } else if says(&err, &UNTRUSTED) {
        Untrusted
    } else if both(&AUTH) {
        Auth
    } else if both(&NOT_FOUND) {
        NotFound
    } else if both(&RACE) || both(&NETWORK) {
        Transient
    } else if err.contains("hook declined") || is_own_hook(refused, &err) {
        HookDeclined
    } else {
        Other
    }
}

/// A number stands for itself only as a whole word that follows `error: ` or `http `: hashes and sizes hold digits.
fn has(text: &str, word: &str) -> bool {
    if word.bytes().all(|b| b.is_ascii_digit()) {
        return [format!("returned error: {word}"), format!("http {word}")]
            .iter()
            .any(|w| text.contains(w));
    }
    text.contains(word)
}

/// The repository's own pre-push hook ends a push before any ref is judged, and git says only that it failed.
fn is_own_hook(refused: Option<&str>, err: &str) -> bool {
    refused.is_none() && err.contains("failed to push some refs") && !err.contains("fatal:")
}

#[cfg(test)]
#[path = "push_words_tests.rs"]
mod tests;
