//! What is said of what the probes saw, before an engine is paid. Pure.

use crate::model::effect::{PushFailure, PushFailureKind};
use crate::model::preflight::{
    Agent, Answer, BaseFacts, Facts, Finding, Identity, RemoteFacts, SignFormat, SignState,
    Signing, There, Verdict,
};

/// One finding for each thing that was looked at, in the order in which a run needs them. A [`Verdict::Problem`]
/// comes with something to type.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![identity(&facts.identity)];
    match &facts.remote {
        None => found.push(note(
            "remote",
            "none: work stays on branches here",
            "git remote add origin <url>",
        )),
        Some(remote) => {
            found.push(reach(remote));
            found.extend(push(remote));
            found.push(base(&facts.base, &remote.name));
        }
    }
    found.push(signing(&facts.signing));
    found
}

/// True when something was found that a run should not begin with.
pub fn is_refused(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.verdict == Verdict::Problem)
}

fn ok(what: &'static str, found: impl Into<String>) -> Finding {
    finding(what, Verdict::Ok, found, "")
}

fn note(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    finding(what, Verdict::Note, found, remedy)
}

fn problem(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    finding(what, Verdict::Problem, found, remedy)
}

fn finding(
    what: &'static str,
    verdict: Verdict,
    found: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    Finding {
        what,
        verdict,
        found: found.into(),
        remedy: remedy.into(),
    }
}

fn identity(identity: &Identity) -> Finding {
    match identity {
        Identity::Known { name, email } => ok("identity", format!("{name} <{email}>")),
        Identity::NotAsked => note("identity", "not asked", ""),
        Identity::Missing(keys) => {
            let value = |key: &&str| match *key {
                "user.email" => "git config --global user.email you@example.com".to_owned(),
                key => format!("git config --global {key} 'Your Name'"),
            };
            let commands: Vec<String> = keys.iter().map(value).collect();
            problem(
                "identity",
                format!("nobody to commit as: {} not set", keys.join(" and ")),
                commands.join(" && "),
            )
        }
    }
}

const WITHOUT_REMOTE: &str = "; to build without asking it: --skip-auth-check";

fn reach(remote: &RemoteFacts) -> Finding {
    let RemoteFacts { name, address, .. } = remote;
    match &remote.reach {
        Answer::NotAsked => note("remote", format!("{name} {address}: not asked"), ""),
        Answer::Fine => ok("remote", format!("{name} {address}")),
        Answer::Failed(failure) => problem(
            "remote",
            format!("{name} {address} cannot be read: {}", words(failure)),
            mend(failure, remote),
        ),
    }
}

fn push(remote: &RemoteFacts) -> Option<Finding> {
    let name = &remote.name;
    match &remote.push {
        Answer::NotAsked => None,
        // Nothing was sent, so nobody could refuse a branch or a commit.
        Answer::Fine => Some(ok(
            "push",
            format!("{name} lets these credentials push; its rules and hooks were not asked"),
        )),
        Answer::Failed(failure) => Some(problem(
            "push",
            format!("{name} does not let us push: {}", words(failure)),
            mend(failure, remote),
        )),
    }
}

/// The failure in one line.
fn words(failure: &PushFailure) -> String {
    let words: Vec<&str> = failure.message.split_whitespace().collect();
    words.join(" ")
}

fn mend(failure: &PushFailure, remote: &RemoteFacts) -> String {
    let first = match (&remote.agent, failure.kind) {
        (Some(agent), PushFailureKind::Auth) => format!(
            "{}; {}, and see that the server knows the key's public half",
            told(agent),
            load(agent, None)
        ),
        _ => failure.kind.remedy().to_owned(),
    };
    format!("{first}{WITHOUT_REMOTE}")
}

fn base(base: &BaseFacts, remote: &str) -> Finding {
    let BaseFacts { branch, commit, .. } = base;
    let here = format!("{branch} at {}", commit.short());
    match &base.there {
        There::NotAsked => ok("base", here),
        There::Same => ok("base", format!("{here}, as on {remote}")),
        There::Missing => note(
            "base",
            format!("{here}; {remote} has no branch {branch} that pull requests could go to"),
            format!("git push {remote} {}", quoted(branch)),
        ),
        There::Ahead(there) => note(
            "base",
            format!(
                "{here}; {remote} is further, at {}: that is not built upon",
                there.short()
            ),
            format!("git fetch {remote}, or name another --base"),
        ),
        There::Behind(there) => note(
            "base",
            format!(
                "{here}; {remote} is at {}: pull requests will show what it lacks",
                there.short()
            ),
            format!("git push {remote} {}", quoted(branch)),
        ),
        There::Diverged(there) => note(
            "base",
            format!(
                "{here}; {remote} went another way, to {}: pull requests will show both",
                there.short()
            ),
            format!("git pull --rebase {remote} {}", quoted(branch)),
        ),
    }
}

/// Signs a commit that nothing names.
const SIGN: &str = "git commit-tree -S -m x HEAD^{tree}";
const WITHOUT_SIGNING: &str = "; to build all the same: --skip-credential-probe";

fn signing(signing: &Signing) -> Finding {
    let (format, key, state) = match signing {
        Signing::NotAsked => return note("signing", "not tried", ""),
        Signing::Off => return ok("signing", "commits are not signed"),
        Signing::On { format, key, state } => (*format, key.as_deref(), state),
    };
    let by = match format {
        SignFormat::OpenPgp => "OpenPGP",
        SignFormat::Ssh => "ssh",
        SignFormat::X509 => "X.509",
    };
    let with = key.map_or_else(|| by.to_owned(), |key| format!("{by}, {}", shown(key)));
    let (found, remedy) = match state {
        SignState::Works => return ok("signing", format!("works ({with})")),
        SignState::NotTried => {
            return note(
                "signing",
                format!("commits are to be signed ({with}); not tried, it may want to ask somebody"),
                "",
            );
        }
        SignState::NoProgram(program) => (
            format!("there is no program `{program}`"),
            match format {
                SignFormat::OpenPgp => "install gnupg, or set gpg.program".to_owned(),
                SignFormat::Ssh => "install an OpenSSH of 8.2 or newer".to_owned(),
                SignFormat::X509 => "install it, or set gpg.x509.program".to_owned(),
            },
        ),
        SignState::NoKey => (
            "no key is configured".to_owned(),
            match format {
                SignFormat::Ssh => {
                    "git config --global user.signingkey ~/.ssh/id_ed25519.pub".to_owned()
                }
                SignFormat::OpenPgp | SignFormat::X509 => {
                    "git config --global user.signingkey <key id>".to_owned()
                }
            },
        ),
        SignState::NoFile(file) => (
            format!("the key {file} is not there"),
            "git config --global user.signingkey <path of a public key>, or put it back".to_owned(),
        ),
        SignState::Locked { file, agent } => {
            let kept = match file {
                Some(_) => "the key has a passphrase and",
                None => "the private key is not in reach:",
            };
            (format!("{kept} {}", told(agent)), load(agent, file.as_deref()))
        }
        SignState::NoSecretKey => (
            "there is no secret key of that name".to_owned(),
            "gpg --list-secret-keys shows those that are there; git config --global user.signingkey <key id>".to_owned(),
        ),
        SignState::Cold => (
            "the key has a passphrase, and gpg-agent does not know it now".to_owned(),
            "echo | gpg --clearsign >/dev/null asks for it once; default-cache-ttl in gpg-agent.conf says how long it is kept".to_owned(),
        ),
        SignState::Doubtful { program, words } => {
            return note(
                "signing",
                format!("commits are to be signed ({with}) by `{program}`, which did not in a trial: {words}"),
                format!("see that this works: {SIGN}"),
            );
        }
        SignState::Failed(words) => (
            words.clone(),
            format!("mend it until this works: {SIGN}"),
        ),
    };
    problem(
        "signing",
        format!("commits cannot be signed ({with}): {found}"),
        format!("{remedy}{WITHOUT_SIGNING}"),
    )
}

/// The agent in words.
fn told(agent: &Agent) -> String {
    match agent {
        Agent::None => "no ssh-agent is running (SSH_AUTH_SOCK is not set)".to_owned(),
        Agent::Dead(socket) => format!("no ssh-agent answers at SSH_AUTH_SOCK, {socket}"),
        Agent::Empty => "the ssh-agent holds no key".to_owned(),
        Agent::Loaded { keys, has_key } => {
            let keys = match keys {
                1 => "1 key".to_owned(),
                n => format!("{n} keys"),
            };
            match has_key {
                Some(true) => format!("the ssh-agent holds it beside others ({keys} in all)"),
                Some(false) => format!("the ssh-agent holds {keys}, but not this one"),
                None => format!("the ssh-agent holds {keys}"),
            }
        }
    }
}

/// How the agent comes to hold a key.
fn load(agent: &Agent, file: Option<&str>) -> String {
    let add = match file {
        Some(file) => format!("ssh-add {}", quoted(file)),
        None => "ssh-add <private key>".to_owned(),
    };
    match agent {
        // It lives in the shell that it was started from.
        Agent::None | Agent::Dead(_) => {
            format!("eval \"$(ssh-agent -s)\" && {add}, and run again from that shell")
        }
        Agent::Empty
        | Agent::Loaded {
            has_key: Some(false) | None,
            ..
        } => add,
        Agent::Loaded {
            has_key: Some(true),
            ..
        } => "ssh-add -T <public key> says whether it can be used".to_owned(),
    }
}

/// A configured key as it may be shown in a line: public keys are long.
fn shown(key: &str) -> String {
    const LONGEST: usize = 60;
    match key.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

/// A word of a POSIX shell command.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=+,@%~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
