//! Starting the program that plays a forge, in front of a repository's origin.

use crate::forges::server::ForgeServer;
use crate::support::{Ended, Repo};
use crate::{forges, github_traffic};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The path of the repository there; GitLab's with a group below a group.
pub fn repository(dialect: &str) -> &'static str {
    match dialect {
        "gitlab" => "team/sub/project",
        _ => "team/project",
    }
}

/// A running forge; it ends with this value. What it knows outlives it, beside the repository.
pub struct FakeForge {
    server: ForgeServer,
    dialect: &'static str,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl FakeForge {
    /// A forge of this dialect, with the branches of the repository's origin.
    pub fn start(repo: &Repo, dialect: &'static str) -> Self {
        let dir = repo.base().join("forge");
        fs::create_dir_all(&dir).expect("made");
        let state = dir.join("state.json");
        let text = |path: &Path| path.to_str().expect("text").to_owned();
        let (origin, state) = (text(&repo.origin), text(&state));
        let server = ForgeServer::start_in(
            &dir,
            dialect,
            &[
                "--repo",
                repository(dialect),
                "--git-dir",
                &origin,
                "--state",
                &state,
                "--page-size",
                "2",
            ],
        );
        let url = server.url.clone();
        Self {
            server,
            dialect,
            url,
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
        self.server.control(what, with)
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
        self.server.log()
    }
}
