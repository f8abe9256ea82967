//! What Claude Code is started with: arguments, environment and standard input. Pure.

use super::ClaudeConfig;
use super::meter::Bounds;
use crate::core::ending;
use crate::model::{Ends, Session};
use crate::ports::EngineJob;
use std::ffi::OsString;
use std::path::Path;

/// The tools it is offered. A shorter list than its own sends a fraction of the definitions with every
/// request, and leaves out what reaches beyond the lane: web access, scheduling, subagents.
const TOOLS: &str = "Read,Edit,Write,Bash,Glob,Grep";

/// What a reviewer is offered: nothing that changes or starts anything.
const READING: [&str; 3] = ["Read", "Glob", "Grep"];

/// No traffic but the model's, and no update of the program under a running build.
const QUIET: [&str; 4] = [
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_AUTOUPDATER",
    "DISABLE_TELEMETRY",
    "DISABLE_ERROR_REPORTING",
];

/// The arguments, without the program. The prompt is not among them: it goes through [`stdin`], since one
/// argument may not be longer than 128 KiB on Linux (`MAX_ARG_STRLEN`).
pub(super) fn argv(config: &ClaudeConfig, job: &EngineJob, talk: Talk<'_>) -> Vec<OsString> {
    let mut args: Vec<OsString> = [
        "-p",
        "--output-format",
        "stream-json",
        "--verbose",
        "--permission-mode",
        match job.ends {
            Ends::Build => "acceptEdits",
            Ends::Review => "default",
        },
    ]
    .map(OsString::from)
    .into();
    let (tools, rules) = match job.ends {
        Ends::Build => (TOOLS.to_owned(), allowed(&job.lane)),
        Ends::Review => (READING.join(","), READING.map(str::to_owned).into()),
    };
    // The two options that take lists come before one that does not, so that nothing else is read as
    // their item.
    args.extend(["--tools".into(), tools.into(), "--allowedTools".into()]);
    args.extend(rules.into_iter().map(OsString::from));
    args.extend([
        "--json-schema".into(),
        ending::object_schema(job.ends).to_string().into(),
    ]);
    if let Some(model) = &job.model {
        args.extend(["--model".into(), model.into()]);
    }
    if let Some(turns) = config.max_turns {
        args.extend(["--max-turns".into(), turns.to_string().into()]);
    }
    if let (Some(usd), _) = dollars(config, job) {
        args.extend(["--max-budget-usd".into(), usd.to_string().into()]);
    }
    if bounds(config, job).are_watched() {
        args.push("--include-partial-messages".into());
    }
    match talk {
        Talk::New => {}
        Talk::Begin(session) => args.extend(["--session-id".into(), session.into()]),
        Talk::Resume(session) => args.extend(["--resume".into(), session.into()]),
    }
    args.extend(config.extra_args.iter().map(OsString::from));
    args
}

/// Dollars at which the program stops itself, after the response that exceeds them, and whether that is what the job may
/// spend rather than its configuration.
fn dollars(config: &ClaudeConfig, job: &EngineJob) -> (Option<f64>, bool) {
    match (config.max_budget_usd, job.allowance.usd) {
        (Some(own), Some(allowed)) => (Some(own.min(allowed)), allowed <= own),
        (own, allowed) => (allowed.or(own), allowed.is_some()),
    }
}

/// What the job may use, for who watches the stream.
pub(super) fn bounds(config: &ClaudeConfig, job: &EngineJob) -> Bounds {
    Bounds {
        tokens: job.allowance.tokens,
        usd: job.allowance.usd,
        price: config.price,
        usd_is_allowance: dollars(config, job).1,
    }
}

/// Permission rules: edits inside the lane only, reading and commands freely.
///
/// An `Edit` rule covers every tool that edits files; its pattern is a gitignore one, and `//` starts an
/// absolute path (Claude Code documentation, "Permissions", Read and Edit). A bare `Edit` or `Write` would allow
/// writing anywhere. A path that the rule's own syntax cannot carry gets no rule: the mode `acceptEdits`
/// already accepts edits below the working directory.
fn allowed(lane: &Path) -> Vec<String> {
    let mut rules: Vec<String> = ["Read", "Glob", "Grep", "Bash"].map(str::to_owned).into();
    rules.extend(edit_rule(lane));
    rules
}

fn edit_rule(lane: &Path) -> Option<String> {
    let path = lane.to_str().filter(|p| p.starts_with('/'))?;
    if path.contains(|c: char| matches!(c, '(' | ')' | ',') || c.is_control()) {
        return None;
    }
    let mut pattern = String::with_capacity(path.len() + 16);
    for c in path.trim_matches('/').chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '!' | '#') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    Some(format!("Edit(//{pattern}/**)"))
}

/// The job's environment and the quiet switches that it leaves open.
pub(super) fn environment(job: &EngineJob) -> Vec<(String, String)> {
    let mut env = job.env.clone();
    for name in QUIET {
        if !env.iter().any(|(k, _)| k == name) {
            env.push((name.to_owned(), "1".to_owned()));
        }
    }
    env
}

/// What it reads as its prompt. In a fix turn a resumed session has heard the system text already.
pub(super) fn stdin(job: &EngineJob, talk: Talk<'_>) -> Vec<u8> {
    let mut text = String::with_capacity(job.prompt.system.len() + job.prompt.user.len() + 16);
    let has_heard = job.fixes > 0 && matches!(talk, Talk::Resume(_));
    if !has_heard && !job.prompt.system.is_empty() {
        text.push_str(&job.prompt.system);
        text.push_str("\n\n");
    }
    text.push_str(&job.prompt.user);
    if text.trim_start().starts_with('/') {
        // A prompt that begins with a slash would be taken for one of the program's own commands.
        text.insert_str(0, "Assignment:\n");
    }
    text.into_bytes()
}

/// Which session a process talks in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk<'a> {
    /// One that it names itself.
    New,
    Begin(&'a str),
    Resume(&'a str),
}

impl<'a> Talk<'a> {
    pub(super) fn of(session: &'a Session) -> Self {
        match session {
            Session::Begin(id) if is_uuid(id) => Self::Begin(id),
            Session::Continue(id) if is_session_id(id) => Self::Resume(id),
            Session::Begin(_) | Session::Continue(_) => Self::New,
        }
    }
}

/// The only form in which it takes an id for a new session.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|g| g.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A session id that cannot be mistaken for an option.
pub(super) fn is_session_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_rules() {
        for (lane, rule) in [
            (
                "/home/u/.cache/codelicious/r-1/api",
                Some("Edit(//home/u/.cache/codelicious/r-1/api/**)"),
            ),
            (
                "/Users/Jane Doe/lane",
                Some("Edit(//Users/Jane Doe/lane/**)"),
            ),
            ("/a/[x]*?/!b/#c", Some(r"Edit(//a/\[x\]\*\?/\!b/\#c/**)")),
            ("/a/b (copy)/lane", None),
            ("/a,b/lane", None),
            ("relative/lane", None),
        ] {
            assert_eq!(edit_rule(Path::new(lane)).as_deref(), rule, "{lane}");
        }
    }

    #[test]
    fn session_ids() {
        assert!(is_session_id("11111111-2222-4333-8444-555555555556"));
        for bad in ["", "--dangerously-skip-permissions", "a b", "a\n"] {
            assert!(!is_session_id(bad), "{bad:?}");
        }
    }
}
