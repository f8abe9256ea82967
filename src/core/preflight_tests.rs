use super::*;
use crate::model::Oid;

fn oid(c: char) -> Oid {
    Oid::new(c.to_string().repeat(40))
}

fn all_is_well() -> Facts {
    Facts {
        remote: Some(RemoteFacts {
            name: "origin".to_owned(),
            address: "https://h.example/o/r.git".to_owned(),
            reach: Answer::Fine,
            push: Answer::Fine,
            agent: None,
        }),
        base: BaseFacts {
            branch: "main".to_owned(),
            commit: oid('a'),
            there: There::Same,
        },
        identity: Identity::Known {
            name: "Ada".to_owned(),
            email: "ada@localhost".to_owned(),
        },
        signing: Signing::Off,
    }
}

fn lines(facts: &Facts) -> String {
    let line = |f: &Finding| {
        let verdict = match f.verdict {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Problem => "PROBLEM",
        };
        let remedy = match f.remedy.as_str() {
            "" => String::new(),
            remedy => format!("\n  -> {remedy}"),
        };
        format!("{verdict} {}: {}{remedy}", f.what, f.found)
    };
    let lines: Vec<String> = findings(facts).iter().map(line).collect();
    lines.join("\n")
}

fn failed(kind: PushFailureKind, message: &str) -> Answer {
    Answer::Failed(PushFailure {
        kind,
        message: message.to_owned(),
    })
}

#[test]
fn nothing_is_amiss() {
    insta::assert_snapshot!(lines(&all_is_well()), @r"
    ok identity: Ada <ada@localhost>
    ok remote: origin https://h.example/o/r.git
    ok push: origin lets these credentials push; its rules and hooks were not asked
    ok base: main at aaaaaaaaaa, as on origin
    ok signing: commits are not signed
    ");
    assert!(!is_refused(&findings(&all_is_well())));
}

#[test]
fn nothing_was_asked() {
    let mut facts = all_is_well();
    let remote = facts.remote.as_mut().unwrap();
    (remote.reach, remote.push) = (Answer::NotAsked, Answer::NotAsked);
    facts.base.there = There::NotAsked;
    facts.signing = Signing::NotAsked;
    insta::assert_snapshot!(lines(&facts), @r"
    ok identity: Ada <ada@localhost>
    note remote: origin https://h.example/o/r.git: not asked
    ok base: main at aaaaaaaaaa
    note signing: not tried
    ");
    facts.remote = None;
    facts.identity = Identity::Missing(vec!["user.name", "user.email"]);
    insta::assert_snapshot!(lines(&facts), @r"
    PROBLEM identity: nobody to commit as: user.name and user.email not set
      -> git config --global user.name 'Your Name' && git config --global user.email you@example.com
    note remote: none: work stays on branches here
      -> git remote add origin <url>
    note signing: not tried
    ");
}

#[test]
fn what_keeps_a_push_out() {
    let mut out = String::new();
    let mut say = |reach: Answer, push: Answer, agent: Option<Agent>| {
        let mut facts = all_is_well();
        let remote = facts.remote.as_mut().unwrap();
        (remote.reach, remote.push, remote.agent) = (reach, push, agent);
        assert!(is_refused(&findings(&facts)));
        let problem = lines(&facts);
        let from = problem.find("PROBLEM").unwrap();
        let to = problem[from..]
            .find("\nok")
            .map_or(problem.len(), |n| from + n);
        out.push_str(&format!("{}\n", &problem[from..to]));
    };
    let auth = |words: &str| failed(PushFailureKind::Auth, words);
    say(Answer::Fine, auth("remote: read only\nfatal: 403"), None);
    say(
        failed(PushFailureKind::Transient, "Could not resolve host: h"),
        Answer::NotAsked,
        None,
    );
    say(
        auth("Permission denied"),
        Answer::NotAsked,
        Some(Agent::None),
    );
    say(
        auth("Permission denied"),
        Answer::NotAsked,
        Some(Agent::Empty),
    );
    insta::assert_snapshot!(out, @r#"
    PROBLEM push: origin does not let us push: remote: read only fatal: 403
      -> renew the credentials that git uses for this remote (its credential helper, ssh key or token) and see that they may write: `git push --dry-run` tells; to build without asking it: --skip-auth-check
    PROBLEM remote: origin https://h.example/o/r.git cannot be read: Could not resolve host: h
      -> run again when the remote can be reached; nothing is built a second time; to build without asking it: --skip-auth-check
    PROBLEM remote: origin https://h.example/o/r.git cannot be read: Permission denied
      -> no ssh-agent is running (SSH_AUTH_SOCK is not set); eval "$(ssh-agent -s)" && ssh-add <private key>, and run again from that shell, and see that the server knows the key's public half; to build without asking it: --skip-auth-check
    PROBLEM remote: origin https://h.example/o/r.git cannot be read: Permission denied
      -> the ssh-agent holds no key; ssh-add <private key>, and see that the server knows the key's public half; to build without asking it: --skip-auth-check
    "#);
}

#[test]
fn where_the_base_stands() {
    let mut out = String::new();
    for there in [
        There::Missing,
        There::Ahead(oid('b')),
        There::Behind(oid('b')),
        There::Diverged(oid('b')),
    ] {
        let mut facts = all_is_well();
        facts.base.there = there;
        let all = lines(&facts);
        assert!(!is_refused(&findings(&facts)));
        let from = all.find("note base").unwrap();
        out.push_str(&format!(
            "{}\n",
            &all[from..all.find("\nok signing").unwrap()]
        ));
    }
    insta::assert_snapshot!(out, @r#"
    note base: main at aaaaaaaaaa; origin has no branch main that pull requests could go to
      -> git push origin main
    note base: main at aaaaaaaaaa; origin is further, at bbbbbbbbbb: that is not built upon
      -> git fetch origin, or name another --base
    note base: main at aaaaaaaaaa; origin is at bbbbbbbbbb: pull requests will show what it lacks
      -> git push origin main
    note base: main at aaaaaaaaaa; origin went another way, to bbbbbbbbbb: pull requests will show both
      -> git pull --rebase origin main
    "#);
}

#[test]
fn every_state_of_a_signer() {
    let loaded = |has_key| Agent::Loaded { keys: 2, has_key };
    let locked = |file: Option<&str>, agent| SignState::Locked {
        file: file.map(str::to_owned),
        agent,
    };
    let file = Some("/home/ada/my key");
    let mut out = String::new();
    for (format, state) in [
        (SignFormat::Ssh, SignState::Works),
        (SignFormat::X509, SignState::NotTried),
        (
            SignFormat::Ssh,
            SignState::NoProgram("ssh-keygen".to_owned()),
        ),
        (SignFormat::Ssh, SignState::NoKey),
        (SignFormat::OpenPgp, SignState::NoKey),
        (
            SignFormat::Ssh,
            SignState::NoFile("/home/ada/gone".to_owned()),
        ),
        (SignFormat::Ssh, locked(file, Agent::None)),
        (
            SignFormat::Ssh,
            locked(file, Agent::Dead("/run/agent".to_owned())),
        ),
        (SignFormat::Ssh, locked(file, Agent::Empty)),
        (SignFormat::Ssh, locked(file, loaded(Some(false)))),
        (SignFormat::Ssh, locked(None, loaded(Some(true)))),
        (SignFormat::Ssh, locked(None, loaded(None))),
        (SignFormat::OpenPgp, SignState::NoProgram("gpg".to_owned())),
        (SignFormat::OpenPgp, SignState::NoSecretKey),
        (SignFormat::OpenPgp, SignState::Cold),
        (
            SignFormat::OpenPgp,
            SignState::Failed("key expired".to_owned()),
        ),
    ] {
        let works = matches!(state, SignState::Works | SignState::NotTried);
        let mut facts = all_is_well();
        facts.signing = Signing::On {
            format,
            key: Some("KEY".to_owned()),
            state,
        };
        assert_eq!(is_refused(&findings(&facts)), !works);
        let said = findings(&facts).pop().unwrap();
        assert_eq!(said.remedy.is_empty(), works, "{said:?}");
        out.push_str(&format!("{}\n", said.found));
        if !works {
            out.push_str(&format!("  -> {}\n", said.remedy));
        }
    }
    insta::assert_snapshot!(out, @r#"
    works (ssh, KEY)
    commits are to be signed (X.509, KEY); not tried, it may want to ask somebody
    commits cannot be signed (ssh, KEY): there is no program `ssh-keygen`
      -> install an OpenSSH of 8.2 or newer; to build all the same: --skip-credential-probe
    commits cannot be signed (ssh, KEY): no key is configured
      -> git config --global user.signingkey ~/.ssh/id_ed25519.pub; to build all the same: --skip-credential-probe
    commits cannot be signed (OpenPGP, KEY): no key is configured
      -> git config --global user.signingkey <key id>; to build all the same: --skip-credential-probe
    commits cannot be signed (ssh, KEY): the key /home/ada/gone is not there
      -> git config --global user.signingkey <path of a public key>, or put it back; to build all the same: --skip-credential-probe
    commits cannot be signed (ssh, KEY): the key has a passphrase and no ssh-agent is running (SSH_AUTH_SOCK is not set)
      -> eval "$(ssh-agent -s)" && ssh-add '/home/ada/my key', and run again from that shell; to build all the same: --skip-credential-probe
    commits cannot be signed (ssh, KEY): the key has a passphrase and no ssh-agent answers at SSH_AUTH_SOCK, /run/agent
      -> eval "$(ssh-agent -s)" && ssh-add '/home/ada/my key', and run again from that shell; to build all the same: --skip-credential-probe
    commits cannot be signed (ssh, KEY): the key has a passphrase and the ssh-agent holds no key
      -> ssh-add '/home/ada/my key'; to build all the same: --skip-credential-probe
    commits cannot be signed (ssh, KEY): the key has a passphrase and the ssh-agent holds 2 keys, but not this one
      -> ssh-add '/home/ada/my key'; to build all the same: --skip-credential-probe
    commits cannot be signed (ssh, KEY): the private key is not in reach: the ssh-agent holds it beside others (2 keys in all)
      -> ssh-add -T <public key> says whether it can be used; to build all the same: --skip-credential-probe
    commits cannot be signed (ssh, KEY): the private key is not in reach: the ssh-agent holds 2 keys
      -> ssh-add <private key>; to build all the same: --skip-credential-probe
    commits cannot be signed (OpenPGP, KEY): there is no program `gpg`
      -> install gnupg, or set gpg.program; to build all the same: --skip-credential-probe
    commits cannot be signed (OpenPGP, KEY): there is no secret key of that name
      -> gpg --list-secret-keys shows those that are there; git config --global user.signingkey <key id>; to build all the same: --skip-credential-probe
    commits cannot be signed (OpenPGP, KEY): the key has a passphrase, and gpg-agent does not know it now
      -> echo | gpg --clearsign >/dev/null asks for it once; default-cache-ttl in gpg-agent.conf says how long it is kept; to build all the same: --skip-credential-probe
    commits cannot be signed (OpenPGP, KEY): key expired
      -> mend it until this works: git commit-tree -S -m x HEAD^{tree}; to build all the same: --skip-credential-probe
    "#);
}

#[test]
fn a_stopped_probe_is_no_answer() {
    let mut facts = all_is_well();
    let remote = facts.remote.as_mut().unwrap();
    (remote.reach, remote.push) = (Answer::NotAsked, Answer::NotAsked);
    facts.base.there = There::NotAsked;
    (facts.identity, facts.signing) = (Identity::NotAsked, Signing::NotAsked);
    assert!(!is_refused(&findings(&facts)), "{}", lines(&facts));
}

#[test]
fn a_signer_of_somebodys_own_is_not_judged() {
    let mut facts = all_is_well();
    facts.signing = Signing::On {
        format: SignFormat::OpenPgp,
        key: None,
        state: SignState::Doubtful {
            program: "/bin/false".to_owned(),
            words: "it ended with exit code 1 and said nothing".to_owned(),
        },
    };
    assert!(!is_refused(&findings(&facts)));
    let said = findings(&facts).pop().unwrap();
    assert_eq!(
        said.found,
        "commits are to be signed (OpenPGP) by `/bin/false`, which did not in a trial: it ended with exit code 1 and said nothing"
    );
    assert_eq!(
        said.remedy,
        "see that this works: git commit-tree -S -m x HEAD^{tree}"
    );
}

#[test]
fn a_long_key_is_cut() {
    let mut facts = all_is_well();
    facts.signing = Signing::On {
        format: SignFormat::Ssh,
        key: Some(format!("key::ssh-ed25519 {}", "ä".repeat(100))),
        state: SignState::Works,
    };
    let found = findings(&facts).pop().unwrap().found;
    assert!(
        found.ends_with("…)") && found.chars().count() < 90,
        "{found}"
    );
}
