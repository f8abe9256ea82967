//! Looking, before an engine is paid, whether what will be built can be committed and delivered.
//!
//! Every probe is bounded, changes nothing in the repository and on the remote, and asks nobody, unless the caller says
//! that a person is at the terminal. `core::preflight` says what the answers mean.

use super::address::without_credentials;
use super::push_words::{kind_of, told};
use super::remote::git;
use crate::model::Oid;
use crate::model::effect::{PushFailure, PushFailureKind};
use crate::model::ledger::SpecBase;
use crate::model::policy::SandboxPolicy;
use crate::model::preflight::{Answer, BaseFacts, Facts, Identity, RemoteFacts, Signing, There};
use crate::ports::StopSignal;
use crate::proc::{self, Command, Ended, Finished, Limits};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

mod agent;
mod signing;

/// Bound on one question to the remote, and on one trial of a signer.
const BOUND: Duration = Duration::from_secs(60);

/// What may be asked.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The remote may be asked; not with `--skip-auth-check`.
    pub remote: bool,
    /// The signer may be tried; not with `--skip-credential-probe`.
    pub signing: bool,
    /// A person is at the terminal and may be asked for a passphrase, once.
    pub may_prompt: bool,
}

/// Where the probes work: the repository's root, and what our git commands see of the environment.
struct Place<'a> {
    root: &'a Path,
    env: &'a [(String, String)],
    stop: StopSignal,
    /// Git's whole configuration, names in small letters where git does not care. Empty where it cannot be read.
    config: BTreeMap<String, String>,
}

/// Looks at the remote, the base, the identity and the signer. `base` is what will be built upon, as a fetch left
/// it. What cannot be found out is a failed answer, never an error: a preflight must not be what ends a run.
pub async fn probe(
    root: &Path,
    remote: Option<&str>,
    base: &SpecBase,
    env: &[(String, String)],
    options: Options,
    stop: StopSignal,
) -> Facts {
    let mut place = Place {
        root,
        env,
        stop,
        config: BTreeMap::new(),
    };
    place.config = place.read_config().await;
    let (asked, signing) = tokio::join!(place.ask(remote, base, options), async {
        match options.signing {
            true => place.signing(options.may_prompt).await,
            false => Signing::NotAsked,
        }
    });
    let (remote, there) = asked;
    Facts {
        remote,
        base: BaseFacts {
            branch: base.branch.clone(),
            commit: base.commit.clone(),
            there,
        },
        identity: place.identity(),
        signing,
    }
}

/// How a command ended, or why not.
enum Said {
    Well(String),
    Badly(Finished),
    /// The bound was reached.
    Silent(&'static str),
    /// The run stops: no answer.
    Stopped,
    NotThere(String),
}

impl Place<'_> {
    async fn read_config(&self) -> BTreeMap<String, String> {
        // As it is, without what is set for our own commands.
        let command = unasked(git(self.root, self.env, SandboxPolicy::Trusted));
        let command = command.args(["config", "--list", "-z"]);
        let Said::Well(text) = self.say(&command).await else {
            return BTreeMap::new();
        };
        let entries = text.split('\0').filter(|e| !e.is_empty());
        // A name without a value is true; of several the last counts.
        entries
            .map(|e| e.split_once('\n').unwrap_or((e, "true")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn config(&self, name: &str) -> Option<&str> {
        let value = self.config.get(name).map(String::as_str);
        value.filter(|v| !v.is_empty())
    }

    fn var(&self, name: &str) -> Option<&str> {
        let found = self.env.iter().find(|(k, _)| k == name);
        found.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    fn git(&self) -> Command {
        let git = unasked(git(self.root, self.env, SandboxPolicy::Trusted));
        git.args(["-c", "core.askPass="])
    }

    /// Another program, which may ask nobody either.
    fn program(&self, program: &str) -> Command {
        let command = Command::new(program, self.root, SandboxPolicy::Trusted);
        let plain = [("LC_ALL".to_owned(), "C".to_owned())];
        unasked(command.env(self.env.iter().cloned()).env(plain))
    }

    async fn finished(&self, command: &Command) -> Result<Finished, proc::SpawnError> {
        let limits = Limits {
            total: Some(BOUND),
            ..Limits::default()
        };
        proc::output(command, limits, self.stop.clone()).await
    }

    async fn say(&self, command: &Command) -> Said {
        match self.finished(command).await {
            Ok(done) if done.success() => Said::Well(done.stdout.text()),
            Ok(done) => match done.ended {
                Ended::Itself => Said::Badly(done),
                Ended::TimedOut | Ended::Stalled => Said::Silent("it did not answer in time"),
                Ended::Stopped | Ended::ByCaller | Ended::DiskSpent => Said::Stopped,
            },
            Err(e) => Said::NotThere(e.to_string()),
        }
    }

    fn identity(&self) -> Identity {
        let wanted = ["user.name", "user.email"];
        match wanted.map(|key| self.config(key)) {
            [Some(name), Some(email)] => Identity::Known {
                name: name.to_owned(),
                email: email.to_owned(),
            },
            _ if self.stop.is_raised() => Identity::NotAsked,
            _ => {
                let is_missing = |key: &&str| self.config(key).is_none();
                Identity::Missing(wanted.into_iter().filter(is_missing).collect())
            }
        }
    }

    async fn ask(
        &self,
        remote: Option<&str>,
        base: &SpecBase,
        options: Options,
    ) -> (Option<RemoteFacts>, There) {
        let Some(name) = remote else {
            return (None, There::NotAsked);
        };
        let own = |key: &str| self.config(&format!("remote.{name}.{key}"));
        let url = own("pushurl").or_else(|| own("url")).unwrap_or_default();
        let mut facts = RemoteFacts {
            name: name.to_owned(),
            address: without_credentials(url).into_owned(),
            reach: Answer::NotAsked,
            push: Answer::NotAsked,
            agent: None,
        };
        let mut there = There::NotAsked;
        if options.remote {
            let head = format!("refs/heads/{}", base.branch);
            let look = self.git().args(["ls-remote", "--quiet", name, &head]);
            match self.say(&look).await {
                Said::Well(text) => {
                    facts.reach = Answer::Fine;
                    there = self.compare(&text, &head, base).await;
                    facts.push = self.ask_to_push(name, base).await;
                }
                other => facts.reach = self.failed(other),
            }
            if self.stop.is_raised() {
                there = There::NotAsked;
            }
        }
        let is_auth =
            |a: &Answer| matches!(a, Answer::Failed(f) if f.kind == PushFailureKind::Auth);
        if is_ssh(url) && (is_auth(&facts.reach) || is_auth(&facts.push)) {
            facts.agent = Some(self.agent(None).await);
        }
        (Some(facts), there)
    }

    /// Asks the server as a push asks it, and sends nothing. Over HTTP and ssh this proves that the credentials are
    /// let in to push; rules about branches and the server's hooks come only with a real push.
    async fn ask_to_push(&self, remote: &str, base: &SpecBase) -> Answer {
        // No name that a push of ours ever has, so that nothing there can be in the way of it.
        let refspec = format!(
            "{}:refs/heads/codelicious/preflight-{}",
            base.commit,
            base.commit.short()
        );
        let push = self.git().args([
            "push",
            "--dry-run",
            "--no-verify",
            "--porcelain",
            "--no-follow-tags",
            remote,
            &refspec,
        ]);
        match self.say(&push).await {
            Said::Well(_) => Answer::Fine,
            other => self.failed(other),
        }
    }

    /// What did not work. Where git has a program to ask for credentials with, which may not ask now, that nobody was
    /// let in says nothing.
    fn failed(&self, said: Said) -> Answer {
        let asks = self.var("GIT_ASKPASS").or(self.config("core.askpass"));
        match failed(said) {
            Answer::Failed(f) if f.kind == PushFailureKind::Auth && asks.is_some() => {
                Answer::NotAsked
            }
            answer => answer,
        }
    }

    /// The base beside what `ls-remote` told of it.
    async fn compare(&self, listing: &str, head: &str, base: &SpecBase) -> There {
        let mut lines = listing.lines().filter_map(|l| l.split_once('\t'));
        let Some((id, _)) = lines.find(|(_, name)| *name == head) else {
            return There::Missing;
        };
        let there = Oid::new(id);
        if there == base.commit {
            return There::Same;
        }
        let holds = async |old: &Oid, new: &Oid| {
            let args = ["merge-base", "--is-ancestor", old.as_str(), new.as_str()];
            matches!(self.say(&self.git().args(args)).await, Said::Well(_))
        };
        // A commit that is not here is one that was not fetched.
        let known = self.git().args(["cat-file", "-e", id]);
        let is_here = matches!(self.say(&known).await, Said::Well(_));
        if !is_here || holds(&base.commit, &there).await {
            There::Ahead(there)
        } else if holds(&there, &base.commit).await {
            There::Behind(there)
        } else {
            There::Diverged(there)
        }
    }
}

/// A command that cannot ask anybody, whatever the environment offers to ask with.
fn unasked(command: Command) -> Command {
    let set = [
        ("GIT_TERMINAL_PROMPT", "0"),
        // Set and empty: git looks no further for a program to ask with.
        ("GIT_ASKPASS", ""),
        ("SSH_ASKPASS", "false"),
        ("SSH_ASKPASS_REQUIRE", "force"),
    ];
    command.env(set.map(|(k, v)| (k.to_owned(), v.to_owned())))
}

fn is_ssh(url: &str) -> bool {
    match url.split_once("://") {
        Some((scheme, _)) => scheme.ends_with("ssh"),
        // git-push(1), "GIT URLS": a colon before the first slash makes an address of it.
        None => url
            .split_once(':')
            .is_some_and(|(host, _)| !host.contains('/')),
    }
}

/// What did not work, in the kinds of a push.
fn failed(said: Said) -> Answer {
    let (kind, message) = match said {
        Said::Well(_) => return Answer::Fine,
        Said::Badly(done) => {
            let err = done.stderr.text();
            let words = match told(&err) {
                words if words.is_empty() => format!("git ended with exit code {}", done.code),
                words => without_credentials(&words).into_owned(),
            };
            (kind_of(None, &err), words)
        }
        Said::Silent(why) => (PushFailureKind::Transient, why.to_owned()),
        Said::Stopped => return Answer::NotAsked,
        Said::NotThere(why) => (PushFailureKind::Other, why),
    };
    Answer::Failed(PushFailure { kind, message })
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
