//! Secrets stay: planted at every source, looked for at every sink. What one is, docs/secrets.md says, written from the
//! code's own tables.

use crate::fake_forge::FakeForge;
use crate::model_server::ModelServer;
use crate::support::{Ended, Repo, spec_of};
use codelicious::config::Token;
use codelicious::core::redact::{Redactor, StreamRedactor};
use codelicious::model::secret::{NAMES, RULES};
use secrecy::SecretString;
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A variable's, a credential file's, one that the repository's configuration of git holds.
const PLANTED: [&str; 3] = [
    "v4riable-Zq81-Xv77/Kw03-Lp55",
    "f1le-Rm28-Bn46-Ht90-Yc12",
    "g1t-Wd63-Js71-Qx05-Uk38",
];

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = text.as_bytes().chunks(3).map(|group| {
        let bits = (0..3).fold(0u32, |sum, i| {
            sum << 8 | u32::from(*group.get(i).unwrap_or(&0))
        });
        let letter = |i| char::from(LETTERS[(bits >> (18 - 6 * i) & 63) as usize]);
        let written: String = (0..=group.len()).map(letter).collect();
        written + &"="[..usize::from(group.len() == 2)]
    });
    groups.collect()
}

/// How a tool, an engine or a server may say one of them.
fn said(secret: &str) -> String {
    let percent = secret.replace('/', "%2F").replace('-', "%2d");
    let json = secret.replace('-', "\\u002d");
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    format!("{secret} {percent} {json} {hex} {}", base64(secret))
}

#[track_caller]
fn check(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in PLANTED {
        for spelling in said(secret).split(' ') {
            // The last characters of base64 depend on what follows.
            let spelling = &spelling[..spelling.len() - 4];
            if let Some(at) = text.find(spelling) {
                let (from, to) = (
                    text.floor_char_boundary(at.saturating_sub(200)),
                    text.ceil_char_boundary((at + 120).min(text.len())),
                );
                panic!("{what} holds {spelling}: {}", &text[from..to]);
            }
        }
    }
}

/// A repository whose user has a secret in a variable, in the file where `gh` keeps tokens, and in git's configuration.
fn planted(tasks: usize) -> Repo {
    let repo = Repo::new();
    let all: Vec<String> = PLANTED.iter().map(|s| said(s)).collect();
    let all = all.join(" ");
    let spec = spec_of(tasks, tasks).replace("Build piece 1", &format!("Build piece 1 with {all}"));
    repo.write("specs/todo.md", spec);
    // What a person brought to the base is theirs to answer for.
    repo.git(&["add", "specs/todo.md"]);
    repo.git(&["commit", "-qm", "A spec"]);
    repo.git(&["push", "-q"]);
    let home = repo.base().join("home");
    fs::create_dir_all(home.join(".config/gh")).unwrap();
    fs::write(
        home.join(".config/gh/hosts.yml"),
        format!("github.com:\n    oauth_token: {}\n", PLANTED[1]),
    )
    .unwrap();
    repo.git(&[
        "config",
        "http.https://forge.invalid/.extraheader",
        &format!("AUTHORIZATION: basic {}", PLANTED[2]),
    ]);
    fs::write(repo.base().join("said.txt"), format!("{all}\n")).unwrap();
    repo
}

fn env() -> [(&'static str, &'static str); 2] {
    [
        ("MY_SERVICE_TOKEN", PLANTED[0]),
        ("LLM_API_KEY", "sk-dummy-4711-zQ8f"),
    ]
}

#[track_caller]
fn check_every_sink(repo: &Repo, ended: &[Ended], forge: &FakeForge, server: &ModelServer) {
    for e in ended {
        check("stdout", e.stdout.as_bytes());
        check("stderr", e.stderr.as_bytes());
    }
    let files = repo.our_files();
    let holds = |name: &str| {
        files
            .iter()
            .any(|(p, _)| p.to_string_lossy().contains(name))
    };
    for name in ["events.jsonl", "logs/", "state/"] {
        assert!(holds(name), "there is no {name}: {files:?}");
    }
    for (path, bytes) in &files {
        check(&path.display().to_string(), bytes);
    }
    // Every branch, note, lane, plan and set-aside attempt: names, messages and what was written. The specs are the
    // user's own text, which is not touched.
    let refs = repo.git(&["for-each-ref", "--format=%(refname)"]);
    check("names of refs", refs.as_bytes());
    let messages = repo.git(&["log", "--all", "--format=%an %ae %cn %s %b %N"]);
    check("messages", messages.as_bytes());
    for (what, dir) in [("the repository", &repo.root), ("the remote", &repo.origin)] {
        let written = repo.git_in(
            dir,
            &[
                "log",
                "-p",
                "--all",
                "--format=%s%b",
                "--",
                ".",
                ":(exclude,glob)**/specs/**",
            ],
        );
        check(what, written.as_bytes());
    }
    check("the forge's world", forge.world().to_string().as_bytes());
    for asked in server.asked() {
        check(
            "a request to the model",
            asked["body"].to_string().as_bytes(),
        );
    }
}

#[test]
fn what_is_planted_at_every_source_reaches_no_sink() {
    let repo = planted(3);
    let told = said(PLANTED[0]) + " " + &said(PLANTED[1]) + " " + &said(PLANTED[2]);
    repo.write(
        "codelicious.toml",
        format!(
            "[verify]\ncommands = [\"cat {}; sh check.sh\"]\n",
            repo.base().join("said.txt").display()
        ),
    );
    let print = json!({"name": "run_command", "arguments": {"command": format!("cat {}", repo.base().join("said.txt").display())}});
    let done = |said: &str| {
        json!({"calls": [{"name": "complete_chunk", "arguments": {
        "summary": format!("done {said}"), "rationale": said, "confidence": 0.9, "no_change_needed": false}}]})
    };
    let server = ModelServer::start(&json!({"rules": [
        {"chunk": "T001", "turn": 0, "answer": {"text": told, "calls": [print,
            {"name": "write_file", "arguments": {"path": "work/T001.txt", "content": "x\n"}}]}},
        {"chunk": "T001", "answer": done(&told)},
        {"chunk": "T002", "turn": 0, "answer": {"calls": [{"name": "block_chunk", "arguments": {"reason": told, "needs": told}}]}},
        {"chunk": "T003", "answer": {"status": 401, "error": {"message": format!("no such key {told}"), "type": told}}},
    ]}));
    let forge = FakeForge::start(&repo, "github");
    let endpoint = format!("{}/v1", server.url);
    let args = [
        "--engine",
        "openai",
        "--endpoint",
        &endpoint,
        "--model",
        "m-1",
        "-v",
        "-v",
    ];
    let mut ended = vec![forge.run_with(&repo, &args, &env())];
    assert_ne!(ended[0].code, 0, "something stopped: {}", ended[0].stderr);
    assert!(
        !forge.pulls().is_empty(),
        "T001 is in a pull request: {}",
        ended[0].stderr
    );
    for verb in [
        &["status"][..],
        &["status", "--json"],
        &["events"],
        &["events", "--json"],
        &["plan"],
        &["plan", "--json"],
    ] {
        ended.push(repo.run_with(verb, &env()));
    }
    check_every_sink(&repo, &ended, &forge, &server);
}

#[test]
fn what_git_and_the_forge_say_when_they_refuse_reaches_no_sink() {
    let repo = planted(1);
    let told = said(PLANTED[0]) + " " + &said(PLANTED[1]) + " " + &said(PLANTED[2]);
    let server = ModelServer::start(&json!({}));
    let forge = FakeForge::start(&repo, "github");
    let endpoint = format!("{}/v1", server.url);
    let args = [
        "--engine",
        "openai",
        "--endpoint",
        &endpoint,
        "--model",
        "m-1",
    ];
    // The remote's hook says it while it refuses the push.
    let hook = repo.origin.join("hooks/pre-receive");
    repo.script(
        &hook,
        &format!(
            "#!/bin/sh\ncat '{}' >&2; exit 1\n",
            repo.base().join("said.txt").display()
        ),
    );
    let mut ended = vec![forge.run_with(&repo, &args, &env())];
    assert_ne!(ended[0].code, 0, "{}", ended[0].stderr);
    fs::remove_file(hook).unwrap();
    forge.play(&json!([{"method": "POST", "path_end": "/pulls", "status": 422, "body": {"message": told}}]));
    ended.push(forge.run_with(&repo, &args, &env()));
    for verb in [&["status"][..], &["events", "--json"]] {
        ended.push(repo.run_with(verb, &env()));
    }
    check_every_sink(&repo, &ended, &forge, &server);
}

/// Implemented for every type, and once more for those with the trait that is asked about: which of the two is meant
/// can then not be told, and the program is no program.
macro_rules! lacks {
    ($check:ident, $($bound:tt)+) => {
        mod $check {
            pub trait Lacks<Which> {
                fn it() {}
            }
            pub enum Has {}
            impl<T: ?Sized> Lacks<()> for T {}
            impl<T: ?Sized + $($bound)+> Lacks<Has> for T {}
        }
    };
}
lacks!(display, std::fmt::Display);
lacks!(serialize, serde::Serialize);

macro_rules! says_nothing {
    ($($type:ty),+) => {
        $(
            <$type as display::Lacks<_>>::it();
            <$type as serialize::Lacks<_>>::it();
        )+
    };
}

#[test]
fn types_that_hold_secrets_cannot_be_printed() {
    says_nothing!(
        SecretString,
        Redactor,
        StreamRedactor,
        Token,
        codelicious::config::Environment
    );
    let secret = "never-to-be-seen-4711";
    let token = Token::Known {
        secret: SecretString::from(secret),
        from: "a test".to_owned(),
    };
    let redactor = Redactor::new([SecretString::from(secret)]);
    let env = codelicious::config::Environment::from_vars("/", [("A_TOKEN", secret)]);
    for shown in [
        format!("{token:?}"),
        format!("{redactor:?}"),
        format!("{env:?}"),
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn the_page_is_what_the_code_says() {
    const BEGIN: &str = "<!-- begin: written by a test -->\n";
    const END: &str = "<!-- end -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/secrets.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut text = String::new();
    for rule in RULES {
        writeln!(text, "- {rule}").unwrap();
    }
    text.push_str("\n| variable | of |\n|---|---|\n");
    for (name, whose) in NAMES {
        writeln!(text, "| `{name}` | {whose} |").unwrap();
    }
    let expected = format!("{before}{BEGIN}{text}{END}{after}");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == expected,
        "docs/secrets.md is not what the code says; BLESS=1 cargo test --test it secrets writes it anew"
    );
}
