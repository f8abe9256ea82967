//! Real folders: what a private home holds, what survives in it, and what comes back out of it.

use super::table::AGENTS;
use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

/// A user's home and a lane's private folder.
struct Bench {
    _dir: tempfile::TempDir,
    home: PathBuf,
    private: PathBuf,
    env: Vec<(String, String)>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        let home = at.join("user");
        fs::create_dir(&home).unwrap();
        let env = vec![("HOME".to_owned(), home.to_str().unwrap().to_owned())];
        Self {
            private: at.join("lanes/one@box"),
            home,
            env,
            _dir: dir,
        }
    }

    fn own(&self, rel: &str, text: &str) {
        put(&self.home.join(rel), text);
    }

    fn secret(&self, rel: &str, text: &str) {
        self.own(rel, text);
        chmod(&self.home.join(rel), 0o600);
    }

    fn at(&self, rel: &str) -> PathBuf {
        self.private.join("home").join(rel)
    }

    fn text(&self, rel: &str) -> Option<String> {
        fs::read_to_string(self.at(rel)).ok()
    }

    fn own_text(&self, rel: &str) -> String {
        fs::read_to_string(self.home.join(rel)).unwrap()
    }

    fn prepare(&self, agent: &str) -> Prepared {
        self.prepare_with(agent, false)
    }

    fn prepare_with(&self, agent: &str, programs: bool) -> Prepared {
        let facts = Facts {
            env: &self.env,
            programs,
        };
        prepare(find(agent).unwrap(), &facts, &self.private).unwrap()
    }

    /// The files of the private home.
    fn files(&self) -> Vec<String> {
        let top = self.private.join("home");
        let mut found = Vec::new();
        let mut open = vec![top.clone()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).unwrap().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => open.push(entry.path()),
                    false => {
                        let rel = entry.path().strip_prefix(&top).unwrap().to_owned();
                        found.push(rel.to_str().unwrap().to_owned());
                    }
                }
            }
        }
        found.sort();
        found
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    crate::fsx::atomic::write(path, text.as_bytes()).unwrap();
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn tokens(n: u32) -> String {
    format!(
        "{{\n  \"claudeAiOauth\": {{\n    \"accessToken\": \"access-{n}\",\n    \"expiresAt\": {n},\n    \"refreshToken\": \"refresh-{n}\"\n  }}\n}}"
    )
}

const TOKENS: &str = ".claude/.credentials.json";

#[test]
fn settings_come_along_and_the_users_past_does_not() {
    let b = Bench::new();
    b.own(
        ".claude/settings.json",
        r#"{"model":"opus","env":{"ANTHROPIC_BASE_URL":"https://gate.example.org/x"}}"#,
    );
    b.own(".claude/CLAUDE.md", "be brief");
    b.own(".claude/agents/reviewer.md", "reviews");
    b.own(".claude/hooks/pre.sh", "#!/bin/sh");
    chmod(&b.home.join(".claude/hooks/pre.sh"), 0o755);
    b.own(".claude/skills/x/node_modules/y.js", "big");
    b.own(".claude/projects/-other/1.jsonl", "private");
    b.own(".claude/history.jsonl", "private");
    b.own(".claude/todos/1.json", "private");
    b.own(
        ".claude.json",
        r#"{"userID":"u","projects":{"/secret":{}},"mcpServers":{"m":{}},"tipsHistory":{}}"#,
    );
    b.own(".ssh/id_ed25519", "key");
    b.secret(TOKENS, &tokens(1));
    b.own(".claude/plugins/installed_plugins.json", "{}");
    let prepared = b.prepare("claude");
    assert_eq!(prepared.left_out.len(), 2, "{:?}", prepared.left_out);
    for left_out in &prepared.left_out {
        assert!(left_out.contains("agent_programs = true"), "{left_out}");
    }
    assert_eq!(
        b.files(),
        [
            ".claude/.claude.json",
            ".claude/.credentials.json",
            ".claude/CLAUDE.md",
            ".claude/agents/reviewer.md",
            ".claude/settings.json",
        ]
    );
    let json: serde_json::Value =
        serde_json::from_str(&b.text(".claude/.claude.json").unwrap()).unwrap();
    assert_eq!(json, serde_json::json!({"userID": "u"}));
    assert_eq!(mode(&b.at(TOKENS)), 0o600);
    for dir in ["", ".claude", ".claude/agents"] {
        assert_eq!(mode(&b.at(dir)), 0o700, "{dir}");
    }
    assert_eq!(mode(&b.private), 0o700);
    let home = b.at("").to_str().unwrap().trim_end_matches('/').to_owned();
    let expected = [
        ("HOME".to_owned(), home.clone()),
        ("CLAUDE_CONFIG_DIR".to_owned(), format!("{home}/.claude")),
    ];
    assert_eq!(prepared.env, expected);
    let hosts: Vec<String> = prepared.hosts.iter().map(ToString::to_string).collect();
    assert!(
        hosts.contains(&"gate.example.org:443".to_owned()),
        "{hosts:?}"
    );
    assert!(hosts.contains(&"api.anthropic.com".to_owned()));

    // What starts programs, where the user asks for it; and not any more, where not.
    let asked = b.prepare_with("claude", true);
    assert_eq!(asked.left_out, [""; 0]);
    assert_eq!(mode(&b.at(".claude/hooks/pre.sh")), 0o700);
    let json: serde_json::Value =
        serde_json::from_str(&b.text(".claude/.claude.json").unwrap()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"userID": "u", "mcpServers": {"m": {}}})
    );
    b.prepare("claude");
    assert!(!b.at(".claude/hooks").exists());
    assert!(b.private.join("tmp").is_dir() && b.private.join("cache").is_dir());
}

#[test]
fn of_permissions_only_denials_come_along() {
    let b = Bench::new();
    b.own(
        ".claude/settings.json",
        r#"{"model":"opus","hooks":{"Stop":[]},"enabledPlugins":{"p@m":true},"permissions":{"deny":["Read(.env)"],
            "allow":["Bash(*)"],"defaultMode":"bypassPermissions","additionalDirectories":["/"]}}"#,
    );
    let text = |programs| {
        b.prepare_with("claude", programs);
        serde_json::from_str::<serde_json::Value>(&b.text(".claude/settings.json").unwrap())
            .unwrap()
    };
    let mut expected =
        serde_json::json!({"model": "opus", "permissions": {"deny": ["Read(.env)"]}});
    assert_eq!(text(false), expected);
    expected["hooks"] = serde_json::json!({"Stop": []});
    assert_eq!(text(true), expected);

    let toml = "model = \"o\"\nnotify = [\"x\"]\n\n[mcp_servers.m]\ncommand = \"m\"\n";
    b.own(".codex/config.toml", toml);
    b.prepare("codex");
    assert_eq!(
        b.text(".codex/config.toml").as_deref(),
        Some("model = \"o\"\n")
    );
    b.prepare_with("codex", true);
    assert_eq!(b.text(".codex/config.toml").as_deref(), Some(toml));
    // Of what cannot be read nobody knows what it starts.
    b.own(".codex/config.toml", "notify = [");
    let prepared = b.prepare("codex");
    assert_eq!(b.text(".codex/config.toml"), None);
    assert!(
        prepared.left_out[0].contains("config.toml: it cannot be read"),
        "{:?}",
        prepared.left_out
    );
}

/// A row a file: the agent, what the user has, and what of it is there without and with programs.
#[test]
fn of_every_agents_settings_nothing_starts_programs_or_permits_more() {
    let servers = r#"{"x":{"command":"x"}}"#;
    for (agent, file, text, without, with) in [
        (
            "claude",
            ".claude/settings.json",
            r#"{"model":"m","apiKeyHelper":"/x","enableAllProjectMcpServers":true}"#.to_owned(),
            r#"{"model":"m"}"#,
            r#"{"model":"m","apiKeyHelper":"/x"}"#,
        ),
        (
            "gemini",
            ".gemini/settings.json",
            format!(
                "// mine\n{{\"ui\":{{\"theme\":\"x\"}},\"mcpServers\":{servers},\"tools\":{{\"allowed\":[\"run_shell_command\"],}},}}"
            ),
            r#"{"ui":{"theme":"x"},"tools":{}}"#,
            r#"{"ui":{"theme":"x"},"mcpServers":{"x":{"command":"x"}},"tools":{}}"#,
        ),
        (
            "qwen",
            ".qwen/settings.json",
            format!(
                "{{\"model\":1,/* x */\"hooks\":{servers},\"permissions\":{{\"allow\":[\"x\"],\"deny\":[\"y\"]}}}}"
            ),
            r#"{"model":1,"permissions":{"deny":["y"]}}"#,
            r#"{"model":1,"hooks":{"x":{"command":"x"}},"permissions":{"deny":["y"]}}"#,
        ),
        (
            "opencode",
            ".config/opencode/opencode.jsonc",
            format!(
                "{{\"model\":\"m\", // mine\n\"mcp\":{servers},\"formatter\":false,\"permission\":{{\"bash\":\"allow\",\"edit\":\"deny\"}}}}"
            ),
            r#"{"model":"m","formatter":false,"permission":{"edit":"deny"}}"#,
            r#"{"model":"m","mcp":{"x":{"command":"x"}},"formatter":false,"permission":{"edit":"deny"}}"#,
        ),
        (
            "amp",
            ".config/amp/settings.json",
            format!(
                "{{\"amp.mcpServers\":{servers},\"amp.dangerouslyAllowAll\":true,\"amp.permissions\":[{{\"tool\":\"*\",\"action\":\"delegate\",\"to\":\"x\"}}],\"amp.x\":1}}"
            ),
            r#"{"amp.x":1}"#,
            r#"{"amp.mcpServers":{"x":{"command":"x"}},"amp.x":1}"#,
        ),
        (
            "copilot",
            ".copilot/settings.json",
            format!("{{\"model\":\"m\",\"hooks\":{servers},\"allowedUrls\":[\"*\"],}}"),
            r#"{"model":"m"}"#,
            r#"{"model":"m","hooks":{"x":{"command":"x"}}}"#,
        ),
        (
            "crush",
            ".config/crush/crush.json",
            format!(
                "{{\"lsp\":{servers},\"providers\":{{\"p\":{{\"api_key\":\"$(pass p)\",\"id\":\"p\"}}}},\"permissions\":{{\"allowed_tools\":[\"bash\"]}}}}"
            ),
            r#"{"providers":{"p":{"id":"p"}},"permissions":{}}"#,
            r#"{"lsp":{"x":{"command":"x"}},"providers":{"p":{"api_key":"$(pass p)","id":"p"}},"permissions":{}}"#,
        ),
        (
            "cursor-agent",
            ".cursor/cli-config.json",
            r#"{"version":1,"permissions":{"allow":["Shell(*)"],"deny":["Shell(rm)"]}}"#.to_owned(),
            r#"{"version":1,"permissions":{"deny":["Shell(rm)"]}}"#,
            r#"{"version":1,"permissions":{"deny":["Shell(rm)"]}}"#,
        ),
    ] {
        let b = Bench::new();
        b.own(file, &text);
        for (programs, wanted) in [(false, without), (true, with)] {
            let prepared = b.prepare_with(agent, programs);
            let has = b.text(file).unwrap();
            let has: serde_json::Value = serde_json::from_str(&has).unwrap();
            let wanted: serde_json::Value = serde_json::from_str(wanted).unwrap();
            assert_eq!(has, wanted, "{agent}, {programs}");
            let is_told = prepared
                .left_out
                .iter()
                .any(|l| l.contains("agent_programs"));
            assert_eq!(
                is_told,
                !programs && with != without,
                "{agent}: {:?}",
                prepared.left_out
            );
        }
        // Cut short it starts nothing, and says so.
        b.own(file, &text[..text.len() - 1]);
        let prepared = b.prepare(agent);
        assert_eq!(b.text(file), None, "{agent}");
        assert!(
            prepared
                .left_out
                .iter()
                .any(|l| l.contains("cannot be read")),
            "{agent}"
        );
    }
    for (agent, file, text, without) in [
        (
            "goose",
            ".config/goose/config.yaml",
            "GOOSE_MODEL: m\nextensions:\n  x:\n    cmd: x\nGOOSE_MODE: approve\n",
            Some("GOOSE_MODEL: m\nGOOSE_MODE: approve\n"),
        ),
        (
            "goose",
            ".config/goose/permission.yaml",
            "user:\n  always_allow:\n  - shell\n  never_allow:\n  - rm\n",
            Some("user:\n  never_allow:\n  - rm\n"),
        ),
        (
            "aider",
            ".aider.conf.yml",
            "model: m\nlint-cmd: x\n",
            Some("model: m\n"),
        ),
        (
            "aider",
            ".env",
            "KEY=k\nAIDER_TEST_CMD=x\n",
            Some("KEY=k\n"),
        ),
        ("crush", ".config/crush/crushrc", "x", None),
        ("copilot", ".copilot/permissions-config.json", "{}", None),
    ] {
        let b = Bench::new();
        b.own(file, text);
        b.prepare(agent);
        assert_eq!(b.text(file).as_deref(), without, "{file}");
    }
}

#[test]
fn tools_find_the_users_settings_in_an_agents_home_and_no_planted_ones() {
    let b = Bench::new();
    b.own(".gitconfig", "[user]\n\tname = Ada\n[core]\n\tpager = x\n");
    b.own(".npmrc", "registry=https://u:p@npm.example.org/\n");
    put(
        &b.at(".config/pip/pip.conf"),
        "[global]\nindex-url = https://evil.example\n",
    );
    b.prepare("claude");
    assert_eq!(
        b.text(".gitconfig").as_deref(),
        Some("[user]\n\tname = Ada\n")
    );
    assert_eq!(
        b.text(".npmrc").as_deref(),
        Some("registry=https://npm.example.org/\n")
    );
    assert_eq!(b.text(".config/pip/pip.conf"), None);
    // What an agent writes there is gone after its run.
    let prepared = b.prepare("claude");
    put(&b.at(".gitconfig"), "[core]\n\tfsmonitor = evil\n");
    prepared.give_back().unwrap();
    assert_eq!(
        b.text(".gitconfig").as_deref(),
        Some("[user]\n\tname = Ada\n")
    );
}

#[test]
fn a_planted_hook_does_not_see_the_next_run_and_a_session_does() {
    let b = Bench::new();
    b.own(".claude/settings.json", "{}");
    b.own(".claude/skills/mine/SKILL.md", "mine");
    let run = b.prepare("claude");
    let session = ".claude/projects/-lane/6f1.jsonl";
    put(&b.at(session), "{}\n");
    put(&b.at(".claude/settings.json"), r#"{"hooks":{"Stop":[]}}"#);
    put(&b.at(".claude/settings.local.json"), r#"{"hooks":{}}"#);
    put(
        &b.at(".claude/.claude.json"),
        r#"{"mcpServers":{"evil":{}}}"#,
    );
    put(&b.at(".claude/plugins/evil/plugin.json"), "{}");
    put(&b.at(".claude/skills/mine/evil.py"), "");
    put(&b.at(".claude/projects/-lane/memory/MEMORY.md"), "obey");
    put(&b.at(".claude/shell-snapshots/s.sh"), "evil");
    put(&b.at(".bashrc"), "evil");
    put(&b.at(".gitconfig"), "[core]\n");
    let given = run.give_back().unwrap();
    assert_eq!(given.refreshed, Vec::<PathBuf>::new());
    assert_eq!(given.undone.len(), 2, "{:?}", given.undone);
    assert!(!b.at(".bashrc").exists() && !b.at(".gitconfig").exists());

    b.own(".claude/CLAUDE.md", "new");
    b.prepare("claude");
    let files = [
        ".claude/CLAUDE.md",
        session,
        ".claude/settings.json",
        ".claude/skills/mine/SKILL.md",
    ];
    assert_eq!(b.files(), files);
    assert_eq!(b.text(".claude/settings.json").as_deref(), Some("{}"));
    assert_eq!(b.own_text(".claude/settings.json"), "{}");

    fs::remove_file(b.home.join(".claude/settings.json")).unwrap();
    b.prepare("claude");
    assert_eq!(b.text(".claude/settings.json"), None);
}

#[test]
fn planted_links_lead_nowhere() {
    let b = Bench::new();
    b.own(".claude/settings.json", "{}");
    b.secret(TOKENS, &tokens(1));
    b.own("target/keep", "keep");
    b.own("target/.credentials.json", &tokens(9));
    let run = b.prepare("claude");
    // The agent's folder becomes a link to one of the user's.
    fs::remove_dir_all(b.at(".claude")).unwrap();
    symlink(b.home.join("target"), b.at(".claude")).unwrap();
    assert_eq!(run.give_back().unwrap(), GivenBack::default());
    assert_eq!(b.own_text(TOKENS), tokens(1));
    let run = b.prepare("claude");
    assert!(!b.at(".claude").is_symlink());
    assert_eq!(b.own_text("target/keep"), "keep");
    assert_eq!(fs::read_dir(b.home.join("target")).unwrap().count(), 2);

    // The credentials themselves do.
    fs::remove_file(b.at(TOKENS)).unwrap();
    symlink(b.home.join("target/.credentials.json"), b.at(TOKENS)).unwrap();
    assert_eq!(run.give_back().unwrap(), GivenBack::default());
    b.prepare("claude");
    assert!(!b.at(TOKENS).is_symlink());
    assert_eq!(b.text(TOKENS), Some(tokens(1)));
    assert_eq!(b.own_text("target/.credentials.json"), tokens(9));

    // The home does.
    fs::remove_dir_all(b.private.join("home")).unwrap();
    symlink(&b.home, b.private.join("home")).unwrap();
    b.prepare("claude");
    assert!(!b.private.join("home").is_symlink());
    assert_eq!(b.own_text("target/keep"), "keep");
    assert_eq!(b.own_text(TOKENS), tokens(1));
}

#[test]
fn refreshed_tokens_come_back_with_their_mode() {
    let b = Bench::new();
    b.secret(TOKENS, &tokens(1));
    let run = b.prepare("claude");
    put(&b.at(TOKENS), &tokens(2));
    let given = run.give_back().unwrap();
    assert_eq!(given.refreshed, [b.home.join(TOKENS)]);
    assert_eq!(b.own_text(TOKENS), tokens(2));
    assert_eq!(mode(&b.home.join(TOKENS)), 0o600);
    let names: Vec<_> = fs::read_dir(b.home.join(".claude"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n != ".credentials.json")
        .collect();
    assert_eq!(names, ["..credentials.json.codelicious-lock"]);
    assert_eq!(
        b.prepare("claude").give_back().unwrap(),
        GivenBack::default()
    );
}

fn words(secrets: Vec<SecretString>) -> Vec<String> {
    use secrecy::ExposeSecret;
    secrets
        .iter()
        .map(|s| s.expose_secret().to_owned())
        .collect()
}

#[test]
fn tokens_that_an_agent_gets_meanwhile_are_told_once() {
    let b = Bench::new();
    let of = |n: u32| {
        tokens(n)
            .replace("access-", "access-token-")
            .replace("refresh-", "refresh-token-")
    };
    b.secret(TOKENS, &of(1));
    let run = b.prepare("claude");
    let told = || words(run.fresh_secrets());
    assert_eq!(told(), ["access-token-1", "refresh-token-1"]);
    assert_eq!(told(), [""; 0]);
    put(&b.at(TOKENS), &of(2));
    assert_eq!(told(), ["access-token-2", "refresh-token-2"]);
    assert_eq!(told(), [""; 0]);
    // One that is cut short, gone, or a link out of the folder.
    put(&b.at(TOKENS), r#"{"accessToken":"access-tok"#);
    told();
    fs::remove_file(b.at(TOKENS)).unwrap();
    assert_eq!(told(), [""; 0]);
    symlink(b.home.join(TOKENS), b.at(TOKENS)).unwrap();
    assert_eq!(told(), [""; 0]);

    // Who logs in from inside has none to begin with.
    let b = Bench::new();
    let run = b.prepare("codex");
    assert_eq!(words(run.fresh_secrets()), [""; 0]);
    put(
        &b.at(".codex/auth.json"),
        r#"{"OPENAI_API_KEY":"key-of-somebody-1"}"#,
    );
    assert_eq!(words(run.fresh_secrets()), ["key-of-somebody-1"]);
}

#[test]
fn keys_in_settings_are_secrets_and_what_fetches_them_is_none() {
    let b = Bench::new();
    b.own(
        ".claude/settings.json",
        r#"{"apiKeyHelper":"/opt/keys/helper-1 --now","model":"opus-4-key","env":{"ANTHROPIC_AUTH_TOKEN":"gate-token-12345","KEY_FILE":"~/keys/gate-1.pem"}}"#,
    );
    b.own(
        ".claude.json",
        r#"{"primaryApiKey":"sk-of-settings-1","mcpServers":{"m":{"env":{"M_TOKEN":"token-of-m-123"}}}}"#,
    );
    let found = secrets(find("claude").unwrap(), &b.env);
    assert_eq!(
        words(found),
        ["gate-token-12345", "sk-of-settings-1", "token-of-m-123"]
    );
}

#[test]
fn a_login_or_refresh_of_the_users_own_wins() {
    let b = Bench::new();
    b.secret(TOKENS, &tokens(1));
    let run = b.prepare("claude");
    put(&b.at(TOKENS), &tokens(3));
    b.secret(TOKENS, &tokens(2));
    let given = run.give_back().unwrap();
    assert_eq!(given.refreshed, Vec::<PathBuf>::new());
    assert!(
        given.undone[0].contains("changed meanwhile"),
        "{:?}",
        given.undone
    );
    assert_eq!(b.own_text(TOKENS), tokens(2));

    // Not with the next run either.
    let run = b.prepare("claude");
    assert_eq!(b.text(TOKENS), Some(tokens(2)));
    assert_eq!(b.own_text(TOKENS), tokens(2));

    // Nor where the run before was cut off, and the user logged in after it.
    put(&b.at(TOKENS), &tokens(8));
    // Times of files go by ticks of the kernel.
    let changed = |path: &Path| fs::metadata(path).map(|m| (m.ctime(), m.ctime_nsec()));
    while changed(&b.home.join(TOKENS)).unwrap() <= changed(&b.at(TOKENS)).unwrap() {
        b.secret(TOKENS, &tokens(3));
    }
    drop(run);
    let run = b.prepare("claude");
    assert_eq!(b.own_text(TOKENS), tokens(3));
    assert_eq!(b.text(TOKENS), Some(tokens(3)));

    fs::remove_file(b.home.join(TOKENS)).unwrap();
    put(&b.at(TOKENS), &tokens(9));
    assert_eq!(run.give_back().unwrap().refreshed, Vec::<PathBuf>::new());
    assert!(!b.home.join(TOKENS).exists());
    b.prepare("claude");
    assert_eq!(
        b.text(TOKENS),
        None,
        "who logged out is logged out here too"
    );
}

#[test]
fn tokens_of_a_run_that_was_cut_off_are_not_lost() {
    let b = Bench::new();
    b.secret(TOKENS, &tokens(1));
    drop(b.prepare("claude"));
    put(&b.at(TOKENS), &tokens(2));
    let run = b.prepare("claude");
    assert_eq!(b.own_text(TOKENS), tokens(2));
    assert_eq!(b.text(TOKENS), Some(tokens(2)));
    assert_eq!(run.give_back().unwrap(), GivenBack::default());
    // And where the user's are newer they are taken.
    b.secret(TOKENS, &tokens(5));
    b.prepare("claude");
    assert_eq!(b.text(TOKENS), Some(tokens(5)));
}

#[test]
fn planted_credentials_stay_where_they_are() {
    let b = Bench::new();
    b.secret(TOKENS, &tokens(1));
    for planted in [
        "",
        "{}",
        "null",
        "{\"claudeAiOauth\":{\"accessToken\":\"x\"}}",
    ] {
        let run = b.prepare("claude");
        put(&b.at(TOKENS), planted);
        let given = run.give_back().unwrap();
        assert_eq!(given.refreshed, Vec::<PathBuf>::new(), "{planted}");
        assert_eq!(given.undone.len(), 1, "{planted}");
        assert_eq!(b.own_text(TOKENS), tokens(1));
    }
    let run = b.prepare("claude");
    put(&b.at(TOKENS), &"x".repeat((1 << 20) + 1));
    assert_eq!(run.give_back().unwrap(), GivenBack::default());
    b.prepare("claude");
    assert_eq!(b.text(TOKENS), Some(tokens(1)));
}

#[test]
fn lanes_at_once_never_tear_the_users_file() {
    let b = Bench::new();
    b.secret(TOKENS, &tokens(1));
    let lanes: Vec<PathBuf> = (0..8).map(|n| b.private.join(format!("lane{n}"))).collect();
    let written: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let work = |n: u32, private: &Path| {
            let mut written = Vec::new();
            for _ in 0..10 {
                let facts = Facts {
                    env: &b.env,
                    programs: false,
                };
                let run = prepare(find("claude").unwrap(), &facts, private).unwrap();
                let at = private.join("home").join(TOKENS);
                let next = number(&fs::read_to_string(&at).unwrap()) + 1 + n;
                put(&at, &tokens(next));
                if !run.give_back().unwrap().refreshed.is_empty() {
                    written.push(next);
                }
            }
            written
        };
        let lanes = (0..).zip(&lanes);
        let started: Vec<_> = lanes
            .map(|(n, private)| scope.spawn(move || work(n, private)))
            .collect();
        started.into_iter().map(|t| t.join().unwrap()).collect()
    });
    // Each that came back stood on the one before, so that they only grow, and the last is the greatest.
    let last = number(&b.own_text(TOKENS));
    assert_eq!(b.own_text(TOKENS), tokens(last));
    assert_eq!(written.iter().flatten().max(), Some(&last), "{written:?}");
    assert_eq!(mode(&b.home.join(TOKENS)), 0o600);
}

/// Which tokens these are.
fn number(text: &str) -> u32 {
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let n = json["claudeAiOauth"]["expiresAt"].as_u64().unwrap();
    u32::try_from(n).unwrap()
}

#[test]
fn variables_of_the_user_are_followed_and_replaced() {
    let mut b = Bench::new();
    let config = b.home.join("elsewhere");
    let set = |b: &mut Bench, name: &str, path: &Path| {
        b.env
            .push((name.to_owned(), path.to_str().unwrap().to_owned()));
    };
    set(&mut b, "XDG_CONFIG_HOME", &config);
    put(
        &config.join("opencode/opencode.json"),
        r#"{"provider":{"x":{"options":{"baseURL":"http://127.0.0.1:9/v1"}}}}"#,
    );
    b.own(".config/opencode/AGENTS.md", "not this one");
    b.secret(
        ".local/share/opencode/auth.json",
        r#"{"groq":{"type":"api","key":"k"}}"#,
    );
    let run = b.prepare("opencode");
    assert_eq!(
        b.files(),
        [
            ".config/opencode/opencode.json",
            ".local/share/opencode/auth.json"
        ]
    );
    let mut env = b.env.clone();
    run.apply(&mut env);
    let home = b.private.join("home").to_str().unwrap().to_owned();
    assert_eq!(
        env,
        [
            ("HOME".to_owned(), home.clone()),
            ("XDG_CONFIG_HOME".to_owned(), format!("{home}/.config")),
        ]
    );
    let hosts: Vec<String> = run.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(
        hosts,
        [
            "127.0.0.1:9",
            "api.groq.com",
            "models.dev",
            "models.opencode.ai"
        ]
    );

    let work = b.home.join("work");
    set(&mut b, "CLAUDE_CONFIG_DIR", &work);
    put(&work.join(".claude.json"), r#"{"userID":"work"}"#);
    b.own(".claude.json", r#"{"userID":"home"}"#);
    b.prepare("claude");
    assert!(b.text(".claude/.claude.json").unwrap().contains("work"));
}

#[test]
fn links_of_the_user_are_followed_inside_only() {
    let b = Bench::new();
    let outside = b.home.parent().unwrap().join("outside");
    put(&outside.join("secret.md"), "secret");
    b.own("dotfiles/settings.json", r#"{"model":"opus"}"#);
    b.own(".ssh/id", "key");
    b.own(".claude/agents/own.md", "own");
    symlink(
        b.home.join("dotfiles/settings.json"),
        b.home.join(".claude/settings.json"),
    )
    .unwrap();
    symlink(outside.join("secret.md"), b.home.join(".claude/CLAUDE.md")).unwrap();
    symlink(b.home.join(".ssh"), b.home.join(".claude/agents/ssh")).unwrap();
    symlink(
        b.home.join(".claude/agents"),
        b.home.join(".claude/agents/loop"),
    )
    .unwrap();
    symlink(&outside, b.home.join(".claude/commands")).unwrap();
    let run = b.prepare("claude");
    let files = b.files();
    assert!(files.contains(&".claude/settings.json".to_owned()));
    assert!(files.contains(&".claude/agents/own.md".to_owned()));
    for file in &files {
        let text = b.text(file).unwrap();
        assert!(text != "key" && text != "secret", "{file}");
    }
    assert!(run.left_out.len() >= 3, "{:?}", run.left_out);
    assert!(files.len() < 20, "{files:?}");
}

#[test]
fn a_file_behind_a_link_is_written_where_it_is() {
    let b = Bench::new();
    b.secret("dotfiles/credentials.json", &tokens(1));
    fs::create_dir(b.home.join(".claude")).unwrap();
    symlink("../dotfiles/credentials.json", b.home.join(TOKENS)).unwrap();
    let run = b.prepare("claude");
    put(&b.at(TOKENS), &tokens(2));
    assert_eq!(run.give_back().unwrap().refreshed.len(), 1);
    assert!(b.home.join(TOKENS).is_symlink());
    assert_eq!(b.own_text("dotfiles/credentials.json"), tokens(2));
}

#[test]
fn what_belongs_to_another_user_is_not_replaced() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give a file away");
        return;
    }
    let b = Bench::new();
    b.secret(TOKENS, &tokens(1));
    std::os::unix::fs::chown(b.home.join(TOKENS), Some(65534), Some(65534)).unwrap();
    let run = b.prepare("claude");
    put(&b.at(TOKENS), &tokens(2));
    let given = run.give_back().unwrap();
    assert!(given.undone[0].contains("another user"), "{given:?}");
    assert_eq!(b.own_text(TOKENS), tokens(1));
    // Until somebody can, the lane goes on with its own.
    b.prepare("claude");
    assert_eq!(b.text(TOKENS), Some(tokens(2)));
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let b = Bench::new();
    b.secret(TOKENS, &tokens(1));
    let lock = b.home.join(".claude/..credentials.json.codelicious-lock");
    symlink(b.home.join("new"), &lock).unwrap();
    let run = b.prepare("claude");
    put(&b.at(TOKENS), &tokens(2));
    let given = run.give_back().unwrap();
    assert!(
        given.refreshed.is_empty() && given.undone.len() == 1,
        "{given:?}"
    );
    assert!(!b.home.join("new").exists());
    assert_eq!(b.own_text(TOKENS), tokens(1));
}

#[test]
fn what_is_too_large_is_left_out_and_said() {
    let b = Bench::new();
    b.own(".codex/config.toml", &"#".repeat((1 << 20) + 1));
    for n in 0..1200 {
        let path = b.home.join(format!(".codex/prompts/{n}.md"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap();
    }
    let run = b.prepare("codex");
    assert_eq!(b.text(".codex/config.toml"), None);
    assert!(
        run.left_out[0].contains("larger than"),
        "{:?}",
        run.left_out
    );
    assert_eq!(b.files().len(), 1000);
}

#[test]
fn without_a_user_there_is_a_home_all_the_same() {
    let mut b = Bench::new();
    b.env.clear();
    for agent in AGENTS {
        let facts = Facts {
            env: &b.env,
            programs: false,
        };
        let run = prepare(agent, &facts, &b.private).unwrap();
        assert!(run.env.iter().any(|(n, _)| n == "HOME"));
        assert_eq!(run.give_back().unwrap(), GivenBack::default());
    }
    assert_eq!(b.files(), [""; 0]);
}

#[test]
fn a_wall_admits_what_the_agent_needs() {
    use crate::model::policy::{FileAccess, Preset, ResourceLimits, Wall};
    let b = Bench::new();
    b.own(".local/share/claude/versions/2.1.0", "program");
    let run = b.prepare("claude");
    let wall = |network| Wall {
        preset: Preset::AgentCli,
        files: FileAccess::default(),
        network,
        unix_sockets: false,
        limits: ResourceLimits::default(),
        env: vec![("HOME".to_owned(), "/elsewhere".to_owned())],
    };
    let own = Endpoint::parse("registry.npmjs.org").unwrap();
    let policy = SandboxPolicy::Walled(Arc::new(wall(Network::Hosts(vec![own.clone()]))));
    let SandboxPolicy::Walled(admitted) = run.admit(policy) else {
        panic!("the wall is gone");
    };
    assert_eq!(admitted.env, run.env);
    assert_eq!(admitted.files.execute, [b.home.join(".local/share/claude")]);
    assert_eq!(admitted.files.write, vec![b.private.clone()]);
    let Network::Hosts(hosts) = &admitted.network else {
        panic!("the network is another one");
    };
    assert!(hosts.contains(&own) && hosts.len() == run.hosts.len() + 1);
    let closed = SandboxPolicy::Walled(Arc::new(wall(Network::None)));
    let SandboxPolicy::Walled(closed) = run.admit(closed) else {
        panic!("the wall is gone");
    };
    assert_eq!(closed.network, Network::None);
    assert_eq!(
        run.admit(SandboxPolicy::Unsandboxed),
        SandboxPolicy::Unsandboxed
    );
}
