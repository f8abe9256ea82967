//! Starting the program that plays forges, and what people do there.

use crate::support::program;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use tempfile::TempDir;

/// A running server; it ends with this value.
pub struct ForgeServer {
    child: Child,
    /// Open for as long as the server is to live.
    stdin: Option<ChildStdin>,
    /// Where its log is.
    dir: PathBuf,
    /// The same, where it goes with this value.
    _own: Option<TempDir>,
    /// `http://127.0.0.1:PORT`, with the prefix.
    pub url: String,
}

/// The program itself.
pub fn fake_forge() -> PathBuf {
    let dir = program()
        .parent()
        .expect("the program is in a folder")
        .to_path_buf();
    let fake = dir.join("examples/fake-forge");
    assert!(
        fake.exists(),
        "{} is not built; `cargo test` builds it, `cargo test --test it` needs `--examples` too",
        fake.display()
    );
    fake
}

impl ForgeServer {
    /// A server with more arguments; see the head of `tests/fakes/forge_server.rs`.
    pub fn start(dialect: &str, more: &[&str]) -> Self {
        let own = TempDir::new().expect("a temporary folder");
        let mut server = Self::start_in(own.path(), dialect, more);
        server._own = Some(own);
        server
    }

    /// The same with its log in a folder that outlives it.
    pub fn start_in(dir: &Path, dialect: &str, more: &[&str]) -> Self {
        let mut command = Command::new(fake_forge());
        command
            .args(["--dialect", dialect, "--log"])
            .arg(dir.join("log.jsonl"))
            .args(more)
            .env_clear();
        // It starts git, which it is to find.
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdin = child.stdin.take();
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut url)
            .expect("read");
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url:?}");
        Self {
            child,
            stdin,
            dir: dir.to_path_buf(),
            _own: None,
            url,
        }
    }

    /// What people and tests do there; the status and the answer.
    pub fn try_control(&self, what: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.raw("POST", &format!("/_control/{what}"), &[], &body.to_string());
        (status, serde_json::from_str(&text).expect("JSON"))
    }

    /// The same, where it must succeed.
    pub fn control(&self, what: &str, body: &Value) -> Value {
        let (status, answer) = self.try_control(what, body);
        assert_eq!(status, 200, "{what} {body}: {answer}");
        answer
    }

    pub fn state(&self) -> Value {
        self.control("state", &json!({}))
    }

    pub fn rules(&self, rules: &Value) {
        self.control("script", &json!({"rules": rules}));
    }

    /// How often an effect was had.
    pub fn effects(&self, name: &str) -> u64 {
        self.state()["effects"][name].as_u64().unwrap_or(0)
    }

    /// Every line of its log.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.join("log.jsonl")).unwrap_or_default();
        text.lines()
            .map(|l| serde_json::from_str(l).expect("a JSON line"))
            .collect()
    }

    /// A request of one's own: status and body.
    pub fn raw(&self, method: &str, path: &str, headers: &[&str], body: &str) -> (u16, String) {
        let host = self.url.trim_start_matches("http://");
        let host = host.split('/').next().expect("a host");
        let mut stream = TcpStream::connect(host).expect("connected");
        let headers: String = headers.iter().map(|h| format!("{h}\r\n")).collect();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        // A half-closed connection says that no further request comes, so that the server closes its half too.
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("half closed");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        (status.expect("a status"), body.to_owned())
    }
}

impl Drop for ForgeServer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
