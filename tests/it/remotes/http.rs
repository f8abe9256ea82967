//! Starting the program that serves git over HTTP.

use crate::support::program;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A running server; it ends with this value.
pub struct GitServer {
    child: Child,
    /// Open for as long as the server is to live.
    stdin: Option<ChildStdin>,
    dir: PathBuf,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

impl GitServer {
    /// Serves the repositories of a folder as `script` says; see the head of `tests/fakes/git_http.rs`.
    pub fn start(root: &Path, script: &Value) -> Self {
        let fake = program()
            .parent()
            .expect("the program is in a folder")
            .join("examples/fake-git-http");
        assert!(fake.exists(), "{} is not built", fake.display());
        let dir = root.join("git-server");
        fs::create_dir_all(&dir).expect("made");
        fs::write(dir.join("script.json"), script.to_string()).expect("written");
        let mut child = Command::new(fake)
            .arg("--root")
            .arg(root)
            .arg("--script")
            .arg(dir.join("script.json"))
            .arg("--log")
            .arg(dir.join("log.jsonl"))
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
        let address = line.trim().strip_prefix("http://");
        let address = address.expect("an address comes first").to_owned();
        Self {
            child,
            stdin,
            dir,
            address,
        }
    }

    /// From now on it does as this script says.
    pub fn play(&self, script: &Value) {
        let (new, path) = (self.dir.join("new.json"), self.dir.join("script.json"));
        fs::write(&new, script.to_string()).expect("written");
        fs::rename(new, path).expect("renamed");
    }

    /// Every line of its log.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.join("log.jsonl")).unwrap_or_default();
        text.lines()
            .map(|l| serde_json::from_str(l).expect("a JSON line"))
            .collect()
    }

    /// Statuses of the requests that sent commits; null for an answer that was lost.
    pub fn pushes(&self) -> Vec<Value> {
        let is_push = |l: &Value| {
            let path = l["path"].as_str().expect("text");
            path.ends_with("/git-receive-pack") && l["method"] == "POST"
        };
        let lines = self.log().into_iter().filter(is_push);
        lines.map(|mut l| l["status"].take()).collect()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
