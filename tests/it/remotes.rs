//! Complete runs against remotes that are reached as people reach them: over HTTP with accounts, and over ssh.
//!
//! Every failure has its message, leaves the work here, and is delivered by the next run once it is mended, without
//! building anything a second time.

mod http;
mod sshd;

use crate::support::{Ended, Repo, spec_of};
use codelicious::git::preflight::{Options, probe};
use codelicious::model::Oid;
use codelicious::model::effect::PushFailureKind;
use codelicious::model::ledger::SpecBase;
use codelicious::model::preflight::Answer;
use codelicious::ports::StopSignal;
use http::GitServer;
use serde_json::{Value, json};
use sshd::Sshd;
use std::fs;

const BRANCH: &str = "codelicious/specs-work";
/// Without the look beforehand, which would not let a run begin: what is tested here is the push itself.
const RUN: [&str; 5] = [
    "--engine",
    "claude",
    "--platform",
    "local",
    "--skip-auth-check",
];
/// Long enough to be looked for everywhere.
const PASSWORD: &str = "open-sesame-4711-open";

/// A repository with one task, and the server that is its origin.
struct Remote<S = GitServer> {
    repo: Repo,
    server: S,
    /// Host and port.
    address: String,
}

impl Remote<GitServer> {
    /// The server does as `script` says; git is told `ada` and `password` by a credential helper.
    fn new(script: &Value, password: &str) -> Self {
        let repo = Repo::new();
        repo.write("specs/work.md", spec_of(1, 1));
        let server = GitServer::start(&repo.base(), script);
        repo.git(&[
            "remote",
            "set-url",
            "origin",
            &format!("http://{}/origin.git", server.address),
        ]);
        let helper = repo.base().join("home/helper.sh");
        let told = repo.base().join("home/told");
        repo.script(
            &helper,
            &format!(
                "#!/bin/sh\n[ \"$1\" = get ] && echo username=ada && echo \"password=$(cat '{}')\"\nexit 0\n",
                told.display()
            ),
        );
        fs::write(told, password).expect("written");
        repo.git(&["config", "credential.helper", &helper.display().to_string()]);
        let address = server.address.clone();
        Self {
            repo,
            server,
            address,
        }
    }

    fn password_is(&self, password: &str) {
        fs::write(self.repo.base().join("home/told"), password).expect("written");
    }
}

impl Remote<Sshd> {
    /// None where there is no sshd that can be started.
    fn over_ssh() -> Option<Self> {
        let repo = Repo::new();
        repo.write("specs/work.md", spec_of(1, 1));
        let server = Sshd::start(&repo.base())?;
        let url = format!("ssh://{}{}", server.login, repo.origin.display());
        repo.git(&["remote", "set-url", "origin", &url]);
        repo.git(&["config", "core.sshCommand", &server.client]);
        let address = server.login.clone();
        Some(Self {
            repo,
            server,
            address,
        })
    }
}

impl<S> Remote<S> {
    /// Runs; what the summary says of work that was not pushed, in steady words.
    #[track_caller]
    fn fails(&self) -> String {
        let ended = self.repo.run(&RUN).expect(1);
        self.leaks_nothing(&ended);
        assert_eq!(self.repo.calls().len(), 1);
        let status = self.repo.run(&["status"]).expect(0);
        let (told, again) = (not_pushed(&ended.stderr), not_pushed(&status.stdout));
        assert_eq!(told, again, "the ledger keeps it");
        let told = self.repo.normalise(&told);
        // Where lines are broken depends on how long addresses are.
        let words: Vec<&str> = told.split_whitespace().collect();
        let line = words.join(" ").replace(&self.address, "<server>");
        line.replace(" to mend it: ", "\nto mend it: ")
            .replace(" type git", "\ntype git")
    }

    /// Runs; everything that was built is there now, and nothing was built for that.
    #[track_caller]
    fn delivers(&self) -> Ended {
        let ended = self.repo.run(&RUN).expect(0);
        self.leaks_nothing(&ended);
        assert_eq!(self.repo.calls().len(), 1, "nothing is built twice");
        let name = format!("refs/heads/{BRANCH}");
        assert_eq!(
            self.repo.git(&["rev-parse", &name]),
            self.repo.git_in(&self.repo.origin, &["rev-parse", &name])
        );
        let status = self.repo.run(&["status"]).expect(0);
        assert_eq!(not_pushed(&status.stdout), "");
        ended
    }

    /// The password stands in no output and in no file of ours, the lane's included.
    #[track_caller]
    fn leaks_nothing(&self, ended: &Ended) {
        let files = self.repo.our_files();
        assert!(!files.is_empty());
        let outputs = [("stdout", &ended.stdout), ("stderr", &ended.stderr)];
        let outputs = outputs.map(|(name, text)| (name.into(), text.clone().into_bytes()));
        for (name, bytes) in files.into_iter().chain(outputs) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(PASSWORD), "{}: {text}", name.display());
        }
    }

    /// Kinds and remedies of the pushes that failed.
    fn failures(&self) -> Vec<(String, bool)> {
        let text = self.repo.read(".codelicious/events.jsonl");
        let events = text
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).expect("JSON"));
        let failed = events.filter(|e| e["kind"] == "push_failed");
        failed
            .map(|e| {
                let payload = &e["payload"];
                let kind = payload["failure"].as_str().expect("a kind").to_owned();
                (kind, payload["remedy"] != "")
            })
            .collect()
    }

    /// A hook of the origin.
    fn hook(&self, name: &str, body: &str) {
        let path = self.repo.origin.join("hooks").join(name);
        self.repo.script(&path, &format!("#!/bin/sh\n{body}\n"));
    }

    fn origin_config(&self, args: &[&str]) {
        self.repo
            .git_in(&self.repo.origin, &[&["config"], args].concat());
    }
}

fn accounts() -> Value {
    json!({"accounts": [{"user": "ada", "password": PASSWORD}]})
}

/// The lines about what was not pushed.
fn not_pushed(text: &str) -> String {
    let mut lines = text.lines().skip_while(|l| !l.starts_with("  not pushed"));
    let head = lines.next().map(str::to_owned);
    let rest = lines
        .take_while(|l| l.starts_with("      "))
        .map(str::to_owned);
    head.into_iter().chain(rest).collect::<Vec<_>>().join("\n")
}

#[test]
fn over_http_with_a_credential_helper() {
    let remote = Remote::new(&accounts(), PASSWORD);
    remote.delivers();
    assert_eq!(remote.failures(), []);
    assert!(remote.server.log().iter().any(|l| l["user"] == "ada"));
    // Without credentials nobody gets in.
    remote.repo.git(&["config", "--unset", "credential.helper"]);
    let asked = remote.repo.command(&RUN[..0]);
    let asked = std::process::Command::new("git")
        .args(["ls-remote", "origin"])
        .current_dir(&remote.repo.root)
        .env_clear()
        .envs(asked.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .expect("git starts");
    assert!(!asked.status.success());
}

#[test]
fn a_wrong_password() {
    let remote = Remote::new(&accounts(), "wrong");
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work remote: wrong user or password fatal: Authentication failed for 'http://<server>/origin.git/'
    to mend it: renew the credentials that git uses for this remote (its credential helper, ssh key or token) and see that they may write: `git push --dry-run` tells
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    assert_eq!(remote.failures(), [("auth".to_owned(), true)]);
    remote.password_is(PASSWORD);
    remote.delivers();
}

#[test]
fn a_token_that_has_expired() {
    let script = json!({"accounts": [{"user": "ada", "password": PASSWORD, "expired": true}]});
    let remote = Remote::new(&script, PASSWORD);
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work remote: the token has expired fatal: Authentication failed for 'http://<server>/origin.git/'
    to mend it: renew the credentials that git uses for this remote (its credential helper, ssh key or token) and see that they may write: `git push --dry-run` tells
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    assert_eq!(remote.failures(), [("auth".to_owned(), true)]);
    remote.server.play(&accounts());
    remote.delivers();
}

#[test]
fn an_account_that_may_only_read() {
    let script = json!({"accounts": [{"user": "ada", "password": PASSWORD, "may": "read"}]});
    let remote = Remote::new(&script, PASSWORD);
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work remote: ada may not write here fatal: unable to access 'http://<server>/origin.git/': The requested URL returned error: 403
    to mend it: renew the credentials that git uses for this remote (its credential helper, ssh key or token) and see that they may write: `git push --dry-run` tells
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    assert_eq!(remote.failures(), [("auth".to_owned(), true)]);
    remote.server.play(&accounts());
    remote.delivers();
}

#[test]
fn nobody_is_asked_for_a_password() {
    let remote = Remote::new(&accounts(), PASSWORD);
    let helper = remote.repo.git(&["config", "credential.helper"]);
    remote.repo.git(&["config", "--unset", "credential.helper"]);
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work fatal: could not read Username for 'http://<server>': terminal prompts disabled
    to mend it: renew the credentials that git uses for this remote (its credential helper, ssh key or token) and see that they may write: `git push --dry-run` tells
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    remote.repo.git(&["config", "credential.helper", &helper]);
    remote.delivers();
}

#[test]
fn a_repository_that_is_gone() {
    let remote = Remote::new(&accounts(), PASSWORD);
    let away = remote.repo.base().join("away.git");
    fs::rename(&remote.repo.origin, &away).expect("moved");
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work fatal: repository 'http://<server>/origin.git/' not found
    to mend it: look at the address with `git remote -v`, and see that the repository exists and that these credentials may see it
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    assert_eq!(remote.failures(), [("not_found".to_owned(), true)]);
    fs::rename(&away, &remote.repo.origin).expect("moved");
    remote.delivers();
}

#[test]
fn somebody_elses_commits() {
    overtaken(&Remote::new(&accounts(), PASSWORD));
}

/// Whatever carries them, commits of somebody else's are not overwritten.
fn overtaken<S>(remote: &Remote<S>) {
    // They come between the look and the push.
    let theirs = remote
        .repo
        .git(&["commit-tree", "-m", "Theirs", "-p", "main", "main^{tree}"]);
    remote.repo.git_in(
        &remote.repo.root,
        &[
            "push",
            "-q",
            "../origin.git",
            &format!("{theirs}:refs/heads/theirs"),
        ],
    );
    // The server has said where its branches are before it runs this.
    remote.hook(
        "pre-receive",
        &format!(
            "unset GIT_QUARANTINE_PATH $(git rev-parse --local-env-vars)\ngit -C '{}' update-ref refs/heads/{BRANCH} refs/heads/theirs",
            remote.repo.origin.display()
        ),
    );
    let told = remote.fails();
    insta::allow_duplicates! {
    insta::assert_snapshot!(told, @r"
    not pushed codelicious/specs-work [rejected] (non-fast-forward)
    to mend it: somebody else pushed to the branch, and nothing of theirs is overwritten: run again, which fetches it and builds upon it, or delete the branch on the remote
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    }
    // At first it is a race, which may cure itself; the second look tells.
    let (race, conflict) = ("transient".to_owned(), "conflict".to_owned());
    assert_eq!(remote.failures(), [(race, false), (conflict, true)]);
    let name = format!("refs/heads/{BRANCH}");
    assert_eq!(
        remote
            .repo
            .git_in(&remote.repo.origin, &["rev-parse", &name]),
        theirs
    );
    remote.hook("pre-receive", "exit 0");
    remote
        .repo
        .git_in(&remote.repo.origin, &["update-ref", "-d", &name]);
    remote.delivers();
}

#[test]
fn a_hook_of_the_server_that_declines() {
    let remote = Remote::new(&accounts(), PASSWORD);
    remote.hook("pre-receive", "echo 'not on a friday' >&2; exit 1");
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work [remote rejected] (pre-receive hook declined) remote: not on a friday
    to mend it: do what the hook asks, or change the hook; its words stand above
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    assert_eq!(remote.failures(), [("hook_declined".to_owned(), true)]);
    remote.hook("pre-receive", "exit 0");
    remote.delivers();
}

#[test]
fn a_branch_that_is_protected() {
    let remote = Remote::new(&accounts(), PASSWORD);
    remote.hook(
        "pre-receive",
        "echo 'GitLab: You are not allowed to push code to protected branches on this project.' >&2; exit 1",
    );
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work [remote rejected] (pre-receive hook declined) remote: GitLab: You are not allowed to push code to protected branches on this project.
    to mend it: let this account push to branches named codelicious/* in the remote's rules for branches
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    assert_eq!(remote.failures(), [("protected".to_owned(), true)]);
    remote.hook("pre-receive", "exit 0");
    remote.delivers();
}

#[test]
fn more_than_the_server_takes() {
    let mut script = accounts();
    script["max_body"] = json!(200);
    let remote = Remote::new(&script, PASSWORD);
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413 send-pack: unexpected disconnect while reading sideband packet fatal: the remote end hung up unexpectedly
    to mend it: raise the limit on the remote, or build the spec again without the large file: take it out of its task and run with --fresh
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    // What the server's git refuses has other words, and is the same.
    remote.server.play(&accounts());
    remote.origin_config(&["receive.maxInputSize", "100"]);
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work [remote rejected] (unpacker error) remote: fatal: pack exceeds maximum allowed size error: remote unpack failed: unpack-objects abnormal exit
    to mend it: raise the limit on the remote, or build the spec again without the large file: take it out of its task and run with --fresh
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    let too_large = ("too_large".to_owned(), true);
    assert_eq!(remote.failures(), [too_large.clone(), too_large]);
    remote.origin_config(&["--unset", "receive.maxInputSize"]);
    remote.delivers();
}

#[test]
fn a_connection_that_drops_while_commits_are_sent() {
    let mut script = accounts();
    script["rules"] = json!([{"on": "push", "step": "send", "cut": "before", "times": 1}]);
    let remote = Remote::new(&script, PASSWORD);
    remote.delivers();
    // A push that was cut off is tried again by itself; nobody has to do anything.
    let statuses = remote.server.pushes();
    assert_eq!(statuses.first(), Some(&Value::Null), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&json!(200)), "{statuses:?}");
    assert!(
        remote
            .failures()
            .iter()
            .all(|f| *f == ("transient".to_owned(), false))
    );
}

#[test]
fn an_answer_that_is_lost_after_the_server_acted() {
    let mut script = accounts();
    script["rules"] = json!([{"on": "push", "step": "send", "cut": 0, "times": 1}]);
    let remote = Remote::new(&script, PASSWORD);
    remote.delivers();
    assert_eq!(remote.failures(), [("transient".to_owned(), false)]);
}

#[test]
fn a_server_that_is_broken_for_a_moment() {
    let mut script = accounts();
    script["rules"] =
        json!([{"on": "push", "status": 503, "text": "back in a moment", "times": 1}]);
    let remote = Remote::new(&script, PASSWORD);
    remote.delivers();
    assert_eq!(remote.failures(), [("transient".to_owned(), false)]);
}

#[test]
fn a_remote_that_takes_branches_only() {
    let remote = Remote::new(&accounts(), PASSWORD);
    remote.origin_config(&["receive.hideRefs", "refs/codelicious"]);
    let ended = remote.delivers();
    assert!(
        ended.stderr.contains(
            "the remote took codelicious/specs-work but not refs/codelicious/sync/specs-work: [remote rejected] (deny updating a hidden ref)"
        ),
        "{}",
        ended.stderr
    );
    assert_eq!(remote.failures(), []);
}

#[test]
fn a_token_inside_the_address_is_never_shown() {
    let remote = Remote::new(&accounts(), PASSWORD);
    remote.repo.git(&["config", "--unset", "credential.helper"]);
    let address = &remote.server.address;
    let url = |password: &str| format!("http://ada:{password}@{address}/origin.git");
    remote
        .repo
        .git(&["remote", "set-url", "origin", &url(PASSWORD)]);
    // The server repeats whatever it is asked for, and so do hooks.
    remote.hook(
        "pre-receive",
        &format!("echo 'cannot write {}' >&2; exit 1", url(PASSWORD)),
    );
    let told = remote.fails();
    assert!(
        told.contains("cannot write http://<server>/origin.git"),
        "{told}"
    );
    for verb in [
        ["doctor", "--json"],
        ["plan", "--json"],
        ["status", "--json"],
    ] {
        let ended = remote.repo.run(&verb);
        remote.leaks_nothing(&ended);
    }
    remote.hook("pre-receive", "exit 0");
    remote.delivers();
}

#[test]
fn over_ssh() {
    let Some(remote) = Remote::over_ssh() else {
        return;
    };
    remote.hook("pre-receive", "echo 'not on a friday' >&2; exit 1");
    insta::assert_snapshot!(remote.fails(), @r"
    not pushed codelicious/specs-work [remote rejected] (pre-receive hook declined) remote: not on a friday
    to mend it: do what the hook asks, or change the hook; its words stand above
    type git push origin <oid>:refs/heads/codelicious/specs-work
    ");
    remote.hook("pre-receive", "exit 0");
    remote.delivers();
}

#[test]
fn a_key_that_the_server_does_not_know() {
    let Some(remote) = Remote::over_ssh() else {
        return;
    };
    remote.server.forget_key();
    let told = remote.fails();
    assert!(told.contains("Permission denied (publickey)"), "{told}");
    assert!(told.contains("to mend it: renew the credentials"), "{told}");
    assert_eq!(remote.failures(), [("auth".to_owned(), true)]);
    remote.server.know_key();
    remote.delivers();
}

#[test]
fn over_ssh_somebody_elses_commits() {
    if let Some(remote) = Remote::over_ssh() {
        overtaken(&remote);
    }
}

#[test]
fn a_key_that_has_expired() {
    let Some(remote) = Remote::over_ssh() else {
        return;
    };
    remote.server.key_is_over();
    let told = remote.fails();
    assert!(told.contains("Permission denied (publickey)"), "{told}");
    assert_eq!(remote.failures(), [("auth".to_owned(), true)]);
    remote.server.know_key();
    remote.delivers();
}

#[test]
fn a_connection_over_ssh_that_drops_while_commits_are_sent() {
    let Some(remote) = Remote::over_ssh() else {
        return;
    };
    // The server's side of it is gone in the middle, once.
    let once = remote.repo.base().join("dropped");
    remote.hook(
        "pre-receive",
        &format!(
            "[ -e '{0}' ] || {{ touch '{0}'; kill -9 $PPID; }}; exit 0",
            once.display()
        ),
    );
    remote.delivers();
    assert!(once.exists());
    assert_eq!(remote.failures(), [("transient".to_owned(), false)]);
}

#[test]
fn a_server_that_is_not_known() {
    let Some(remote) = Remote::over_ssh() else {
        return;
    };
    remote.server.is_not_trusted();
    let told = remote.fails();
    assert!(told.contains("Host key verification failed."), "{told}");
    assert!(
        told.contains("to mend it: check the server's host key"),
        "{told}"
    );
    assert_eq!(remote.failures(), [("untrusted".to_owned(), true)]);
    remote.server.is_trusted();
    remote.delivers();
}

/// What a preflight finds of a remote: whether it can be read, and whether a push would be let in.
fn preflight<S>(remote: &Remote<S>) -> (Answer, Answer) {
    let base = SpecBase {
        branch: "main".to_owned(),
        commit: Oid::new(remote.repo.git(&["rev-parse", "main"])),
    };
    let command = remote.repo.command(&RUN[..0]);
    let text = |s: &std::ffi::OsStr| s.to_str().expect("text").to_owned();
    let env: Vec<(String, String)> = command
        .get_envs()
        .filter_map(|(k, v)| Some((text(k), text(v?))))
        .collect();
    let options = Options {
        remote: true,
        signing: true,
        may_prompt: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (_handle, stop) = StopSignal::new();
    let facts = probe(
        &remote.repo.root,
        Some("origin"),
        &base,
        &env,
        options,
        stop,
    );
    let facts = runtime.block_on(facts).remote.expect("there is one");
    assert!(!facts.address.contains(PASSWORD), "{facts:?}");
    (facts.reach, facts.push)
}

#[track_caller]
fn failed(answer: &Answer, kind: PushFailureKind) {
    match answer {
        Answer::Failed(failure) => assert_eq!(failure.kind, kind, "{}", failure.message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_preflight_asks_as_a_push_would_and_sends_nothing() {
    let remote = Remote::new(&accounts(), PASSWORD);
    assert_eq!(preflight(&remote), (Answer::Fine, Answer::Fine));
    // Hooks run with a real push only, which is what the answer says of itself.
    remote.hook("pre-receive", "exit 1");
    assert_eq!(preflight(&remote), (Answer::Fine, Answer::Fine));
    assert_eq!(remote.server.pushes(), [] as [Value; 0]);

    let reader = json!({"accounts": [{"user": "ada", "password": PASSWORD, "may": "read"}]});
    remote.server.play(&reader);
    let (reach, push) = preflight(&remote);
    assert_eq!(reach, Answer::Fine);
    failed(&push, PushFailureKind::Auth);

    remote.password_is("wrong");
    let (reach, push) = preflight(&remote);
    failed(&reach, PushFailureKind::Auth);
    assert_eq!(push, Answer::NotAsked);

    remote.server.play(&json!({"rules": [{"status": 502}]}));
    failed(&preflight(&remote).0, PushFailureKind::Transient);
}

#[test]
fn a_run_that_could_not_deliver_is_refused_before_an_engine_is_paid() {
    let remote = Remote::new(&accounts(), "wrong");
    let ended = remote.repo.run(&RUN[..4]).expect(2);
    remote.leaks_nothing(&ended);
    assert!(
        ended.stderr.contains("wrong user or password"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("--skip-auth-check"),
        "{}",
        ended.stderr
    );
    assert_eq!(remote.repo.calls().len(), 0);
    remote.password_is(PASSWORD);
    remote.repo.run(&RUN[..4]).expect(0);
    assert_eq!(remote.server.pushes().last(), Some(&json!(200)));
}

#[test]
fn a_preflight_over_ssh() {
    let Some(remote) = Remote::over_ssh() else {
        return;
    };
    assert_eq!(preflight(&remote), (Answer::Fine, Answer::Fine));
    remote.server.forget_key();
    failed(&preflight(&remote).0, PushFailureKind::Auth);
}
