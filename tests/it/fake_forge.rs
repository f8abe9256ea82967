//! Starting the program that plays a forge, in front of a repository's origin.

use crate::support::{Ended, Repo, program};
use crate::{forges, github_traffic};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The path of the repository there; GitLab's with a group below a group.
pub fn repository(dialect: &str) -> &'static str {
    match dialect {
        "gitlab" => "team/sub/project",
        _ => "team/project",
    }
}

/// A running forge; it ends with this value. What it knows outlives it, beside the repository.
pub struct FakeForge {
    child: Child,
    /// Open for as long as the server is to live.
    stdin: Option<ChildStdin>,
    dialect: &'static str,
    dir: PathBuf,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl FakeForge {
    /// A forge of this dialect, with the branches of the repository's origin.
    pub fn start(repo: &Repo, dialect: &'static str) -> Self {
        let fake = program()
            .parent()
            .expect("the program is in a folder")
            .join("examples/fake-forge");
        assert!(fake.exists(), "{} is not built", fake.display());
        let dir = repo.base().join("forge");
        fs::create_dir_all(&dir).expect("made");
        let mut child = Command::new(fake)
            .args(["--dialect", dialect, "--repo", repository(dialect)])
            .arg("--git-dir")
            .arg(&repo.origin)
            .arg("--state")
            .arg(dir.join("state.json"))
            .arg("--log")
            .arg(dir.join("log.jsonl"))
            .args(["--page-size", "2"])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdin = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("read");
        assert!(line.starts_with("http://"), "{line:?}");
        Self {
            child,
            stdin,
            dialect,
            dir,
            url: line.trim().to_owned(),
        }
    }

    /// What tells a run where the forge is, and who asks.
    pub fn envs(&self) -> Vec<(&'static str, String)> {
        let api = match self.dialect {
            "gitlab" => "/api/v4",
            "gitea" => "/api/v1",
            _ => "",
        };
        vec![
            ("CODELICIOUS_PR_PLATFORM", self.dialect.to_owned()),
            (
                "CODELICIOUS_FORGE_REPOSITORY",
                repository(self.dialect).to_owned(),
            ),
            ("CODELICIOUS_FORGE_API", format!("{}{api}", self.url)),
            ("CODELICIOUS_FORGE_TOKEN_ENV", "THE_TOKEN".to_owned()),
            ("THE_TOKEN", "dummy-token".to_owned()),
            // What has to be tried again is soon tried again.
            ("CODELICIOUS_RETRY_BASE_S", "1".to_owned()),
            ("CODELICIOUS_RETRY_MAX_PAUSE_S", "1".to_owned()),
            ("CODELICIOUS_NETWORK_ANSWER_TIMEOUT_S", "3".to_owned()),
        ]
    }

    /// Runs the program against it.
    pub fn run(&self, repo: &Repo, args: &[&str]) -> Ended {
        self.run_with(repo, args, &[])
    }

    pub fn run_with(&self, repo: &Repo, args: &[&str], more: &[(&str, &str)]) -> Ended {
        let envs = self.envs();
        let mut envs: Vec<(&str, &str)> = envs.iter().map(|(n, v)| (*n, v.as_str())).collect();
        envs.extend_from_slice(more);
        repo.run_with(args, &envs)
    }

    /// Has a person, or the test, do something there; see "Control" in the head of `tests/fakes/forge_server.rs`.
    #[track_caller]
    pub fn control(&self, what: &str, with: &Value) -> Value {
        let address = self.url.strip_prefix("http://").expect("it begins so");
        let mut stream = TcpStream::connect(address).expect("connected");
        let body = with.to_string();
        write!(
            stream,
            "POST /_control/{what} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("half closed");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 2"), "{what}: {answer}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    /// From now on this goes wrong.
    #[track_caller]
    pub fn play(&self, rules: &Value) {
        self.control("script", &json!({ "rules": rules }));
    }

    pub fn world(&self) -> Value {
        self.control("state", &json!({}))
    }

    /// The pull requests there, by number.
    pub fn pulls(&self) -> Vec<Value> {
        let mut pulls = self.world()["prs"].as_array().expect("a list").clone();
        pulls.sort_by_key(|p| p["number"].as_u64());
        pulls
    }

    /// How often it did this.
    pub fn times(&self, effect: &str) -> u64 {
        self.world()["effects"][effect].as_u64().unwrap_or(0)
    }

    /// Everything that was asked here is what the forge documents, and on GitHub every answer too.
    pub fn is_documented(&self) {
        // Other lines tell that a client left.
        let mut log = self.log();
        log.retain(|line| line["method"].is_string());
        assert!(!log.is_empty());
        match self.dialect {
            "github" => github_traffic::is_described(&log),
            other => forges::fields::is_documented(other, &log),
        }
    }

    /// Every line of its log.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.join("log.jsonl")).unwrap_or_default();
        text.lines()
            .map(|l| serde_json::from_str(l).expect("a JSON line"))
            .collect()
    }
}

impl Drop for FakeForge {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
