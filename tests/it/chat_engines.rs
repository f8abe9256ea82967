//! Our own loop over providers, with the built program: real HTTP to a server that plays them.

use crate::model_server::ModelServer;
use crate::support::{Repo, spec_of};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A repository with one spec of `tasks` tasks.
fn repo(tasks: usize) -> Repo {
    let repo = Repo::new();
    repo.write("specs/todo.md", spec_of(tasks, tasks));
    repo
}

/// More of the user's own configuration.
fn user_config(repo: &Repo, text: &str) {
    repo.other_settings(text);
}

fn done(repo: &Repo) -> Vec<String> {
    let commits = repo.commits("codelicious/specs-todo");
    commits.into_iter().filter_map(|(_, chunk)| chunk).collect()
}

fn attempts(repo: &Repo, chunk: &str) -> Vec<Value> {
    let text = repo.read(".codelicious/state/specs-todo.json");
    let ledger: Value = serde_json::from_str(&text).unwrap();
    ledger["chunks"][chunk]["attempts"]
        .as_array()
        .unwrap()
        .clone()
}

const KEY: &str = "sk-dummy-4711-zQ8f";

#[test]
fn each_provider_builds_a_spec() {
    for (engine, suffix, header, value) in [
        ("openai", "/v1", "authorization", format!("Bearer {KEY}")),
        (
            "openai",
            "/v1/chat/completions",
            "authorization",
            format!("Bearer {KEY}"),
        ),
        (
            "huggingface",
            "/v1",
            "authorization",
            format!("Bearer {KEY}"),
        ),
        ("anthropic", "", "x-api-key", KEY.to_owned()),
    ] {
        let server = ModelServer::start(&json!({}));
        let repo = repo(2);
        let endpoint = format!("{}{suffix}", server.url);
        let args = [
            "--engine",
            engine,
            "--endpoint",
            &endpoint,
            "--model",
            "m-1",
        ];
        let ended = repo.run_with(&args, &[("LLM_API_KEY", KEY)]).expect(0);
        assert_eq!(done(&repo), ["T001", "T002"], "{engine}");
        for asked in server.asked() {
            assert_eq!(asked["headers"][header], value.as_str(), "{engine}");
            assert_eq!(asked["body"]["model"], "m-1", "{engine}");
            assert_eq!(asked["body"]["stream"], true, "{engine}");
        }
        let attempt = &attempts(&repo, "T001")[0];
        assert_eq!(
            (&attempt["engine"], &attempt["model"]),
            (&json!(engine), &json!("m-1"))
        );
        assert!(attempt["usage"]["input"].as_u64().unwrap() > 0, "{attempt}");
        assert_eq!(
            attempt["cost_usd"],
            Value::Null,
            "no price is known: unknown is not zero"
        );
        for text in [
            &ended.stdout,
            &ended.stderr,
            &repo.read(".codelicious/logs/latest.log"),
        ] {
            assert!(!text.contains(KEY), "{text}");
        }
    }
}

#[test]
fn engines_of_the_configuration_stand_beside_each_other() {
    let (first, second) = (
        ModelServer::start(&json!({})),
        ModelServer::start(&json!({})),
    );
    let repo = repo(1);
    let file = repo.base().join("token");
    fs::write(&file, format!("{KEY}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let config = |token: &str| {
        format!(
            "engine = [\"near\", \"far\"]\n[engine.near]\ntype = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"small\"\n{token}\n\
             [engine.far]\ntype = \"anthropic\"\nbase_url = \"{}\"\nmodel = \"big\"\n\
             [price.small]\ninput = 100000.0\noutput = 100000.0\ndate = \"2026-11-01\"\n",
            first.url, second.url
        )
        .replace("engine = [", "[engine]\nchain = [")
    };
    for token in [
        "token_env = \"NEAR_KEY\"".to_owned(),
        format!("token_file = \"{}\"", file.display()),
        format!("token_command = [\"printf\", \"{KEY}\"]"),
    ] {
        user_config(&repo, &config(&token));
        repo.run_with(&["--fresh"], &[("NEAR_KEY", KEY)]).expect(0);
        let asked = first.asked();
        let last = asked.last().unwrap();
        assert_eq!(
            last["headers"]["authorization"],
            format!("Bearer {KEY}"),
            "{token}"
        );
        assert_eq!(last["body"]["model"], "small");
        let attempt = attempts(&repo, "T001").pop().unwrap();
        assert_eq!(attempt["engine"], "near");
        assert!(
            attempt["cost_usd"].as_f64().unwrap() > 1.0,
            "by its price: {attempt}"
        );
    }
    assert!(second.asked().is_empty());
    // A token that others can read is not used.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    user_config(
        &repo,
        &config(&format!("token_file = \"{}\"", file.display())).replace(", \"far\"", ""),
    );
    let ended = repo.run(&["--fresh"]).expect(2);
    assert!(ended.stderr.contains("chmod 600"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(KEY), "{}", ended.stderr);
}

#[test]
fn a_limited_provider_hands_over_and_nothing_of_its_work_is_seen_by_the_next() {
    let limited = ModelServer::start(&json!({"rules": [
        {"chunk": "T002", "turn": 0, "answer": {"calls": [{"write": {"path": "work/half.txt", "text": "CUT-OFF-WORK"}}]}},
        {"chunk": "T002", "turn": 1, "answer": {"status": 429, "headers": {"retry-after": "3600"}, "error": {"message": "slow down", "type": "rate_limit_error"}}},
    ]}));
    let next = ModelServer::start(&json!({"rules": [
        {"turn": 0, "answer": {"calls": [{"run": "ls work"}, {"write": {"path": "work/{chunk}.txt", "text": "x"}}, {"complete": {}}]}},
    ]}));
    let repo = repo(3);
    user_config(
        &repo,
        &format!(
            "[engine.a]\ntype = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"a\"\n[engine.b]\ntype = \"anthropic\"\nbase_url = \"{}\"\nmodel = \"b\"\n",
            limited.url, next.url
        ),
    );
    let ended = repo.run(&["--engine", "a,b"]).expect(0);
    assert!(ended.stderr.contains("a is out until"), "{}", ended.stderr);
    assert_eq!(done(&repo), ["T001", "T002", "T003"]);
    assert_eq!(
        limited
            .asked()
            .iter()
            .filter(|a| a["chunk"] == "T003")
            .count(),
        0,
        "not before its time"
    );
    let asked = next.asked();
    let of = |chunk: &str| asked.iter().filter(|a| a["chunk"] == chunk).count();
    assert!(
        of("T002") > 0 && of("T003") > 0 && of("T001") == 0,
        "{asked:?}"
    );
    for request in &asked {
        let text = request["body"].to_string();
        assert!(
            !text.contains("half.txt") && !text.contains("CUT-OFF-WORK"),
            "{text}"
        );
    }
    let ends: Vec<Value> = attempts(&repo, "T002")
        .iter()
        .map(|a| json!([a["engine"], a["end"]]))
        .collect();
    assert_eq!(ends, [json!(["a", "limited"]), json!(["b", "committed"])]);
    let kept = repo.git(&[
        "show",
        "refs/codelicious/attempts/specs-todo/T002/1:work/half.txt",
    ]);
    assert_eq!(kept, "CUT-OFF-WORK");
}

#[test]
fn a_short_limit_is_waited_for_within_the_conversation() {
    let server = ModelServer::start(&json!({"rules": [
        {"chunk": "T001", "nth_of_chunk": 1, "answer": {"calls": [{"write": {"path": "work/one.txt", "text": "x"}}]}},
        {"chunk": "T001", "nth_of_chunk": 2, "answer": {"status": 429, "headers": {"retry-after": "1"}}},
        {"chunk": "T001", "nth_of_chunk": 3, "answer": {"status": 503}},
    ]}));
    let repo = repo(1);
    let endpoint = format!("{}/v1", server.url);
    repo.run(&[
        "--engine",
        "openai",
        "--endpoint",
        &endpoint,
        "--model",
        "m",
    ])
    .expect(0);
    let at: Vec<u64> = server
        .asked()
        .iter()
        .map(|a| a["at"].as_u64().unwrap())
        .collect();
    assert!(at[2] - at[1] >= 1_000, "not before Retry-After: {at:?}");
    assert_eq!(
        attempts(&repo, "T001").len(),
        1,
        "one attempt, one conversation"
    );
    let files = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "codelicious/specs-todo",
        "work",
    ]);
    assert!(files.contains("work/one.txt"), "{files}");
}

#[test]
fn addresses_that_would_leak_a_token_are_refused_before_anything_else() {
    for (address, says) in [
        ("http://models.example.com/v1", "https"),
        ("https://me:s3cret@models.example.com/v1", "user"),
        ("https:///v1", "host"),
        ("https://models.example.com/v1#s3cret", "#"),
        ("ftp://models.example.com", "https"),
        ("models.example.com/v1", "https://"),
    ] {
        let repo = repo(1);
        let args = ["--engine", "openai", "--endpoint", address, "--model", "m"];
        let ended = repo.run_with(&args, &[("OPENAI_API_KEY", KEY)]).expect(2);
        assert!(ended.stderr.contains(says), "{address}: {}", ended.stderr);
        assert!(
            !ended.stderr.contains("s3cret"),
            "{address}: {}",
            ended.stderr
        );
        assert!(
            !repo.root.join(".codelicious").exists(),
            "{address}: before anything is opened"
        );
    }
    // A repository may not say where the user's token goes.
    let repo = repo(1);
    repo.write(
        "codelicious.toml",
        "[engine.openai]\nbase_url = \"https://evil.example.com/v1\"\nmodel = \"m\"\n",
    );
    let ended = repo
        .run_with(&["--engine", "openai"], &[("OPENAI_API_KEY", KEY)])
        .expect(2);
    assert!(
        ended.stderr.contains("codelicious.toml:2"),
        "{}",
        ended.stderr
    );
}

#[test]
fn without_a_token_or_a_model_it_says_what_to_set() {
    let repo = repo(1);
    for (args, says) in [
        (
            vec!["--engine", "openai", "--model", "m"],
            "OPENAI_API_KEY or LLM_API_KEY",
        ),
        (vec!["--engine", "huggingface"], "HF_TOKEN or LLM_API_KEY"),
        (
            vec!["--engine", "anthropic", "--model", "m"],
            "ANTHROPIC_API_KEY or LLM_API_KEY",
        ),
    ] {
        let ended = repo.run(&args).expect(2);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    let ended = repo
        .run_with(&["--engine", "openai"], &[("LLM_API_KEY", KEY)])
        .expect(2);
    assert!(ended.stderr.contains("--model"), "{}", ended.stderr);
}

#[test]
fn a_budget_in_dollars_needs_a_price_and_is_not_passed_by_a_request() {
    let server = ModelServer::start(&json!({}));
    let repo = repo(2);
    let endpoint = format!("{}/v1", server.url);
    let args = [
        "--engine",
        "openai",
        "--endpoint",
        &endpoint,
        "--model",
        "m",
        "--max-cost-usd",
        "1",
    ];
    let ended = repo.run(&args).expect(2);
    assert!(ended.stderr.contains("[price.\"m\"]"), "{}", ended.stderr);
    assert!(server.asked().is_empty(), "nothing is paid for");
    // Its worst case alone is dearer than what may be spent.
    let price = |output: f64| {
        format!("[price.m]\ninput = 0.01\noutput = {output:.1}\ndate = \"2026-11-01\"\n")
    };
    user_config(&repo, &price(1000.0));
    let ended = repo.run(&args).expect(5);
    assert!(
        server.asked().is_empty(),
        "the worst case of a request is counted before it is made"
    );
    assert!(ended.stderr.contains("budget"), "{}", ended.stderr);
    // Cheap enough.
    user_config(&repo, &price(0.1));
    repo.run(&args).expect(0);
    assert_eq!(done(&repo), ["T001", "T002"]);
    let status = repo.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["specs"][0]["engines"][0]["engine"], "openai");
}
