//! Real ssh-agents, keys and gpg, each in a home of its own.

use super::*;
use crate::config::Environment;
use crate::model::preflight::{Agent, SignFormat, SignState};
use std::path::PathBuf;

/// A repository in a folder that is the home of everything that is started here.
struct Home {
    dir: tempfile::TempDir,
    root: PathBuf,
    env: Vec<(String, String)>,
    agents: Vec<String>,
}

impl Drop for Home {
    fn drop(&mut self) {
        for pid in std::mem::take(&mut self.agents) {
            self.sh(&format!("kill {pid} || true"));
        }
        self.sh("gpgconf --kill gpg-agent >/dev/null 2>&1 || true");
    }
}

impl Home {
    fn new() -> Self {
        // A socket's path must be short.
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let home = dir.path().canonicalize().unwrap();
        let root = home.join("project");
        crate::fsx::atomic::write(&home.join(".there"), b"").unwrap();
        std::fs::create_dir_all(&root).unwrap();
        let path = Environment::capture().get("PATH").unwrap().to_owned();
        let at = |name: &str| home.join(name).display().to_string();
        let env = [
            ("PATH", path),
            ("HOME", home.display().to_string()),
            ("GNUPGHOME", at("gnupg")),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ];
        let this = Self {
            dir,
            root,
            env: env.map(|(k, v)| (k.to_owned(), v)).to_vec(),
            agents: Vec::new(),
        };
        this.sh("git init -q --initial-branch=main . && git config user.name Ada && git config user.email ada@localhost && git commit -q --allow-empty -m First");
        this
    }

    /// A line of shell in the repository; what it printed, which must have gone well.
    #[track_caller]
    fn sh(&self, line: &str) -> String {
        let command = Command::shell(line, &self.root, SandboxPolicy::Trusted);
        let command = command.env(self.env.clone());
        let (_handle, stop) = StopSignal::new();
        let done = proc::output(&command, Limits::default(), stop);
        let done = on_runtime(done).unwrap();
        assert!(done.success(), "{line}: {}", done.stderr.text());
        done.stdout.text().trim_end().to_owned()
    }

    fn has(&self, program: &str) -> bool {
        let found = proc::find_program(program, &self.env).is_some();
        if !found {
            eprintln!("SKIPPED: there is no {program} here");
        }
        found
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(k, _)| k != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Starts an agent that ends with this value.
    fn start_agent(&mut self) {
        let socket = self.dir.path().join("agent").display().to_string();
        let said = self.sh(&format!("ssh-agent -s -a {socket}"));
        let pid = said.split("SSH_AGENT_PID=").nth(1).unwrap();
        self.agents.push(pid.split(';').next().unwrap().to_owned());
        self.set("SSH_AUTH_SOCK", &socket);
    }

    fn facts(&self, may_prompt: bool) -> Facts {
        let base = SpecBase {
            branch: "main".to_owned(),
            commit: Oid::new(self.sh("git rev-parse HEAD")),
        };
        let options = Options {
            remote: true,
            signing: true,
            may_prompt,
        };
        let (_handle, stop) = StopSignal::new();
        let remotes = self.sh("git remote");
        let remote = Some(remotes.as_str()).filter(|r| !r.is_empty());
        on_runtime(probe(&self.root, remote, &base, &self.env, options, stop))
    }

    fn signing(&self) -> SignState {
        self.signing_asked(false)
    }

    #[track_caller]
    fn signing_asked(&self, may_prompt: bool) -> SignState {
        match self.facts(may_prompt).signing {
            Signing::On { state, .. } => state,
            other => panic!("{other:?}"),
        }
    }
}

fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

#[test]
fn who_commits_and_whether_signatures_are_wanted() {
    let home = Home::new();
    let facts = home.facts(false);
    assert_eq!((facts.remote, facts.signing), (None, Signing::Off));
    assert_eq!(
        facts.identity,
        Identity::Known {
            name: "Ada".to_owned(),
            email: "ada@localhost".to_owned()
        }
    );
    home.sh("git config --unset user.email && git config commit.gpgsign no");
    let facts = home.facts(false);
    assert_eq!(facts.identity, Identity::Missing(vec!["user.email"]));
    assert_eq!(facts.signing, Signing::Off);
}

#[test]
fn ssh_keys_and_agents_are_told_apart() {
    let mut home = Home::new();
    if !(home.has("ssh-keygen") && home.has("ssh-agent") && home.has("ssh-add")) {
        return;
    }
    home.sh("git config commit.gpgsign true && git config gpg.format ssh");
    home.sh("ssh-keygen -q -t ed25519 -N '' -f ../plain && ssh-keygen -q -t ed25519 -N opensesame -f ../locked");
    assert_eq!(home.signing(), SignState::NoKey);
    home.sh("git config user.signingkey '~/gone.pub'");
    assert_eq!(home.signing(), SignState::NoFile("~/gone.pub".to_owned()));
    for path in ["~/plain", "~/plain.pub"] {
        home.sh(&format!("git config user.signingkey '{path}'"));
        assert_eq!(home.signing(), SignState::Works, "{path}");
    }
    home.sh("git config user.signingkey '~/locked.pub'");
    let file = home.dir.path().canonicalize().unwrap().join("locked");
    let locked = |agent| SignState::Locked {
        file: Some(file.display().to_string()),
        agent,
    };
    assert_eq!(home.signing(), locked(Agent::None));
    let nowhere = home.dir.path().join("nowhere").display().to_string();
    home.set("SSH_AUTH_SOCK", &nowhere);
    assert_eq!(home.signing(), locked(Agent::Dead(nowhere)));
    home.start_agent();
    assert_eq!(home.signing(), locked(Agent::Empty));
    home.sh("ssh-add -q ../plain");
    let loaded = |keys, has_key| Agent::Loaded { keys, has_key };
    assert_eq!(home.signing(), locked(loaded(1, Some(false))));

    // A key that stands in the configuration itself comes from the agent alone.
    for (key, state) in [
        ("plain", SignState::Works),
        (
            "locked",
            SignState::Locked {
                file: None,
                agent: loaded(1, Some(false)),
            },
        ),
    ] {
        home.sh(&format!(
            "git config user.signingkey \"key::$(cat ../{key}.pub)\""
        ));
        assert_eq!(home.signing(), state, "{key}");
    }

    // A person who may be asked is asked once, by what the environment has for it.
    home.sh("git config user.signingkey '~/locked.pub'");
    home.sh("printf '#!/bin/sh\\necho opensesame\\n' > ../ask && chmod +x ../ask");
    let ask = home.dir.path().join("ask").display().to_string();
    home.set("SSH_ASKPASS", &ask);
    home.set("SSH_ASKPASS_REQUIRE", "force");
    assert_eq!(
        home.signing(),
        locked(loaded(1, Some(false))),
        "nobody was asked"
    );
    assert_eq!(home.signing_asked(true), SignState::Works);
    assert_eq!(home.signing(), SignState::Works, "the agent holds it now");
    home.sh("git config gpg.ssh.program ssh-keygen-of-nobody");
    assert_eq!(
        home.signing(),
        SignState::NoProgram("ssh-keygen-of-nobody".to_owned())
    );
}

#[test]
fn gpg_keys_and_agents_are_told_apart() {
    let home = Home::new();
    if !(home.has("gpg") && home.has("gpgconf")) {
        return;
    }
    home.sh("mkdir -m 700 ../gnupg && git config commit.gpgsign 1");
    assert_eq!(home.signing(), SignState::NoSecretKey);
    home.sh("gpg --batch --quiet --pinentry-mode loopback --passphrase opensesame --quick-gen-key 'Ada <ada@localhost>' ed25519 sign never && gpgconf --kill gpg-agent");
    assert_eq!(home.signing(), SignState::Cold);
    home.sh("echo x | gpg --batch --quiet --pinentry-mode loopback --passphrase opensesame -bsa -o ../sig");
    assert_eq!(home.signing(), SignState::Works);
    home.sh("git config user.signingkey 0123456789ABCDEF");
    assert_eq!(home.signing(), SignState::NoSecretKey);
    home.sh("git config gpg.program gpg-of-nobody");
    let state = home.signing();
    assert_eq!(state, SignState::NoProgram("gpg-of-nobody".to_owned()));
    home.sh("git config gpg.format x509");
    let Signing::On { format, state, .. } = home.facts(false).signing else {
        panic!("it is on")
    };
    assert_eq!((format, state), (SignFormat::X509, SignState::NotTried));
}

#[test]
fn a_signer_is_started_as_git_starts_it() {
    let home = Home::new();
    // What git gives it, beside what we give it, at every one of its calls.
    home.sh(r#"printf '#!/bin/sh\n{ for a; do case $a in /*|*/text) a=FILE;; esac; echo "$a"; done; echo .; } >>"$HOME/said"\nfor last; do :; done\n[ -f "$last" ] && cp "$last" "$last.sig"\ncat >/dev/null\nprintf "\\n[GNUPG:] SIG_CREATED D\\n" >&2\n' > ../signer && chmod +x ../signer"#);
    let said = |home: &Home| {
        let said = home.sh("cat ../said");
        home.sh("rm ../said");
        let calls: Vec<String> = said
            .split(".\n")
            .map(|c| c.trim().trim_end_matches('.').trim().to_owned())
            .collect();
        calls
    };
    home.sh("touch ../key && git config commit.gpgsign true && git config gpg.program ~/signer && git config gpg.ssh.program ~/signer");
    for (format, key) in [
        ("openpgp", "ABCDEF"),
        ("ssh", "~/key"),
        ("ssh", "key::ssh-ed25519 AAAA"),
    ] {
        home.sh(&format!(
            "git config gpg.format {format} && git config user.signingkey '{key}'"
        ));
        assert_eq!(home.signing(), SignState::Works, "{format} {key}");
        let ours = said(&home);
        home.sh("echo | git commit -q -S --allow-empty -m Signed");
        assert_eq!(ours, said(&home), "{format} {key}");
    }
    // One that fails is not judged, and never fails without a word.
    home.sh("git config gpg.program false && git config gpg.ssh.program false");
    for format in ["openpgp", "ssh"] {
        home.sh(&format!(
            "git config gpg.format {format} && git config user.signingkey '~/key'"
        ));
        assert_eq!(
            home.signing(),
            SignState::Doubtful {
                program: "false".to_owned(),
                words: "it ended with exit code 1 and said nothing".to_owned(),
            }
        );
    }
}

#[test]
fn a_stopped_probe_is_told_apart() {
    let home = Home::new();
    home.sh("git init -q --bare ../origin.git && git remote add origin ../origin.git && git config commit.gpgsign true");
    let base = SpecBase {
        branch: "main".to_owned(),
        commit: Oid::new(home.sh("git rev-parse HEAD")),
    };
    let options = Options {
        remote: true,
        signing: true,
        may_prompt: false,
    };
    let (handle, stop) = StopSignal::new();
    handle.raise();
    let asked = probe(&home.root, Some("origin"), &base, &home.env, options, stop);
    let facts = on_runtime(asked);
    let findings = crate::core::preflight::findings(&facts);
    assert!(
        !crate::core::preflight::is_refused(&findings),
        "{findings:?}"
    );
}

/// A server that lets nobody in; its address. It goes on until the tests end.
fn closed_door() -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/o/r.git", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = [0; 4096];
            let _ = stream.read(&mut bytes);
            let _ = stream.write_all(
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    address
}

#[test]
fn no_program_asks_for_credentials() {
    let mut home = Home::new();
    home.sh(&format!("git remote add origin {}", closed_door()));
    let reach = |home: &Home| home.facts(false).remote.unwrap().reach;
    let Answer::Failed(failure) = reach(&home) else {
        panic!("nobody is let in")
    };
    assert_eq!(failure.kind, PushFailureKind::Auth, "{}", failure.message);
    home.sh("printf '#!/bin/sh\\ntouch \"$HOME/asked\"; echo x\\n' > ../ask && chmod +x ../ask");
    let ask = home.dir.path().canonicalize().unwrap().join("ask");
    let ask = ask.display().to_string();
    home.sh(&format!("git config core.askPass {ask}"));
    assert_eq!(reach(&home), Answer::NotAsked, "it may know the answer");
    home.sh("git config --unset core.askPass");
    home.set("GIT_ASKPASS", &ask);
    assert_eq!(reach(&home), Answer::NotAsked);
    home.sh("test ! -e ../asked");
}

#[test]
fn the_base_beside_the_remotes() {
    let home = Home::new();
    home.sh("git init -q --bare --initial-branch=main ../origin.git && git remote add origin ../origin.git");
    let there = |home: &Home| {
        let facts = home.facts(false);
        let remote = facts.remote.unwrap();
        assert_eq!((remote.reach, remote.push), (Answer::Fine, Answer::Fine));
        facts.base.there
    };
    assert_eq!(there(&home), There::Missing);
    home.sh("git push -q origin main");
    assert_eq!(there(&home), There::Same);
    let first = Oid::new(home.sh("git rev-parse HEAD"));
    home.sh("git commit -q --allow-empty -m Second");
    assert_eq!(there(&home), There::Behind(first));
    home.sh("git push -q origin main");
    let second = Oid::new(home.sh("git rev-parse HEAD"));
    home.sh("git reset -q --hard HEAD~1");
    assert_eq!(there(&home), There::Ahead(second.clone()));
    home.sh("git commit -q --allow-empty -m Another");
    assert_eq!(there(&home), There::Diverged(second));
    // Somebody's commit that was never fetched.
    home.sh("git clone -q ../origin.git ../clone && cd ../clone && git -c user.name=B -c user.email=b@localhost commit -q --allow-empty -m Third && git push -q");
    let third = Oid::new(home.sh("git -C ../clone rev-parse HEAD"));
    assert_eq!(there(&home), There::Ahead(third));
    assert_eq!(
        home.sh("git ls-remote origin 'refs/heads/codelicious/*'"),
        "",
        "nothing was sent"
    );
    home.sh("mv ../origin.git ../away.git");
    let facts = home.facts(false);
    let Answer::Failed(failure) = facts.remote.unwrap().reach else {
        panic!("it is gone")
    };
    assert_eq!(failure.kind, PushFailureKind::NotFound);
    assert_eq!(facts.base.there, There::NotAsked);
}

#[test]
fn addresses_by_ssh() {
    for (url, is) in [
        ("ssh://git@h:22/o", true),
        ("git+ssh://h/o", true),
        ("git@h:o/r.git", true),
        ("h:o", true),
        ("https://h/o", false),
        ("../origin.git", false),
        ("./a:b", false),
        ("/srv/o.git", false),
        ("", false),
    ] {
        assert_eq!(is_ssh(url), is, "{url}");
    }
}
