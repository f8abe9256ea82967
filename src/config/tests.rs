use super::layers::File;
use super::*;
use crate::model::{FindingSeverity, ForgeKind, PrMode};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::time::Duration;

pub(super) const USER: &str = "/home/ann/.config/codelicious/config.toml";
pub(super) const REPO: &str = "/repo/codelicious.toml";

/// One configuration in all its layers.
#[derive(Default)]
pub(super) struct Case<'a> {
    pub user: &'a str,
    pub repo: &'a str,
    pub env: &'a [(&'a str, &'a str)],
    pub flags: Flags,
}

impl Case<'_> {
    pub fn environment(&self) -> Environment {
        Environment::from_vars(
            "/cwd",
            [("HOME", "/home/ann")].iter().chain(self.env).copied(),
        )
    }

    pub fn resolve(&self) -> Result<Settings, ConfigError> {
        let files = [
            Some(File::User {
                path: USER.into(),
                text: self.user.to_owned(),
            }),
            Some(File::Repo {
                path: REPO.into(),
                text: self.repo.to_owned(),
            }),
        ];
        merge(
            Path::new("/repo"),
            files,
            self.flags.clone(),
            &self.environment(),
            Vec::new(),
        )
    }

    pub fn settings(&self) -> Settings {
        self.resolve().unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn error(&self) -> String {
        self.resolve().expect_err("an error").to_string()
    }
}

pub(super) fn repo(text: &str) -> Case<'_> {
    Case {
        repo: text,
        ..Case::default()
    }
}

pub(super) fn user(text: &str) -> Case<'_> {
    Case {
        user: text,
        ..Case::default()
    }
}

#[test]
fn defaults_are_those_of_the_table() {
    let s = Case::default().settings();
    assert_eq!(*s.engine, EngineChoice::Auto);
    assert_eq!(s.model.value, None);
    assert_eq!(*s.agent_timeout, Duration::from_secs(1800));
    assert_eq!(*s.stall_timeout, Duration::from_secs(600));
    assert_eq!(s.deadline.value, None);
    assert_eq!((*s.max_attempts, *s.max_fix_attempts), (3, 3));
    assert_eq!(
        (*s.pr.max_commits, *s.pr.max_lines, *s.pr.platform),
        (8, 250, Platform::Auto)
    );
    assert_eq!((*s.pr.mode, *s.pr.max_open), (PrMode::Part, 5));
    assert!(s.pr.labels.is_empty() && s.pr.reviewers.is_empty() && s.pr.uncounted.is_empty());
    assert_eq!((s.pr.template.value, s.sources.issues.value), (None, None));
    assert_eq!(s.forge, ForgeSettings::default());
    assert_eq!(*s.engines["claude"].prompt_tokens, 60_000);
    assert_eq!(*s.plan.strategy, PlanStrategy::Auto);
    assert_eq!(
        (
            *s.plan.window_tokens,
            *s.plan.overlap_tokens,
            *s.plan.max_windows
        ),
        (12_000, 1_000, 8)
    );
    assert_eq!(*s.retry.max_retries, 5);
    assert_eq!(
        [
            *s.retry.base,
            *s.retry.max_pause,
            *s.retry.max_wait,
            *s.max_wait_total
        ],
        [2, 60, 120, 86_400].map(Duration::from_secs)
    );
    assert_eq!(
        (s.budget.max_cost_usd.value, s.budget.max_tokens.value),
        (None, None)
    );
    assert!(!*s.wait_for_reset && s.network.private_hosts.is_empty() && s.prices.is_empty());
    assert_eq!(*s.verify.timeout, Duration::from_secs(900));
    assert!(*s.verify.detect && !*s.verify.allow_unverified && !*s.continuous);
    assert!(
        !s.coverage.is_wanted() && *s.coverage.tolerance == 0.1 && *s.coverage.format == "auto"
    );
    assert_eq!(*s.audit.rules["deleted_test"], FindingSeverity::Fail);
    assert_eq!(*s.audit.max_added_lines, 2_000);
    assert!(*s.evidence.notes && !*s.evidence.push);
    assert_eq!(s.claude.path.value, PathBuf::from("claude"));
    assert!(s.set.is_empty() && s.engine.origin.is_default());
}

#[test]
fn the_table_is_consistent() {
    let mut previous = Vec::new();
    for doc in KEYS {
        // Of the sandbox only its mode has a variable.
        let name = match doc.key {
            "sandbox.mode" => "SANDBOX".to_owned(),
            key => key.to_uppercase().replace('.', "_"),
        };
        let env = format!("CODELICIOUS_{name}");
        assert_eq!(doc.env, env, "the variable follows from the key");
        assert!(!previous.contains(&doc.key), "{} stands twice", doc.key);
        previous.push(doc.key);
        assert!(
            doc.section().is_empty() || SECTIONS.iter().any(|(s, _)| *s == doc.section()),
            "{}",
            doc.key
        );
        assert!(
            doc.doc.ends_with('.') || doc.doc.ends_with(')'),
            "{}",
            doc.key
        );
        assert!(!doc.example.is_empty(), "{} needs an example", doc.key);
        assert!(!env_names::INTERNAL.contains(&doc.env));

        // Default and example are sound, and the key is asked for.
        for text in [doc.default, doc.example]
            .into_iter()
            .filter(|text| !text.is_empty())
        {
            let file = format!("{} = {text}\n", doc.key);
            // An endpoint alone is refused: it needs a chat provider.
            let case = Case {
                user: &file,
                env: match doc.kind {
                    Kind::Endpoint => &[("CODELICIOUS_ENGINE", "openai")],
                    _ => &[],
                },
                ..Case::default()
            };
            let mut settings = case.settings();
            settings.set.retain(|set| set.origin.rank() == 1);
            assert_eq!(settings.set.len(), 1, "{file}");
            assert_eq!(settings.set[0].key, doc.key);
            assert_eq!(settings.set[0].origin.to_string(), format!("{USER}:1"));
        }
    }
}

#[test]
fn the_higher_layer_wins_and_is_named() {
    let mut case = Case {
        user: "\nmodel = 'u'",
        ..Case::default()
    };
    let seen = |case: &Case<'_>| {
        let model = case.settings().model;
        (model.value.expect("set"), model.origin.to_string())
    };
    assert_eq!(seen(&case), ("u".into(), format!("{USER}:2")));
    case.repo = "model = 'r'";
    assert_eq!(seen(&case), ("r".into(), format!("{REPO}:1")));
    case.env = &[("CODELICIOUS_MODEL", "e")];
    assert_eq!(seen(&case), ("e".into(), "CODELICIOUS_MODEL".into()));
    case.flags.model = Some("f".into());
    assert_eq!(seen(&case), ("f".into(), "--model".into()));
    case.env = &[("CODELICIOUS_MODEL", "")];
    case.flags.model = None;
    assert_eq!(seen(&case).0, "r", "an empty variable sets nothing");
}

#[test]
fn the_audit_is_set_by_every_layer() {
    let seen = |case: &Case<'_>| {
        let audit = case.settings().audit;
        let of = |word: &str| (*audit.rules[word]).word();
        (
            of("deleted_test"),
            of("suppression"),
            *audit.max_added_lines,
        )
    };
    let mut case = Case {
        user: "[audit]\ndeleted_test = 'needs_review'\nsuppression = 'fail'",
        ..Case::default()
    };
    assert_eq!(seen(&case), ("needs_review", "fail", 2_000));
    case.repo = "[audit]\ndeleted_test = 'note'\nmax_added_lines = 5000";
    assert_eq!(
        seen(&case),
        ("note", "fail", 5_000),
        "a repository may lower its own"
    );
    case.env = &[("CODELICIOUS_AUDIT_DELETED_TEST", "fail")];
    assert_eq!(seen(&case), ("fail", "fail", 5_000));
}

#[test]
fn every_flag_reaches_its_setting() {
    let second = Some(Duration::from_secs(7));
    let flags = Flags {
        engine: Some("replay:tape,openai".parse().expect("a chain")),
        model: Some("m".into()),
        endpoint: Some("https://there/v1".into()),
        agent_timeout: second,
        stall_timeout: second,
        deadline: second,
        base: Some("b".into()),
        continuous: Some(true),
        cycle_sleep: second,
        wait_for_reset: Some(true),
        max_fix_attempts: Some(7),
        sandbox: Some("off".into()),
        max_commits: Some(7),
        max_lines: Some(77),
        platform: Some("gitea".into()),
        chunk_strategy: Some("llm".into()),
        max_cost_usd: Some(7.5),
        max_tokens: Some(7_000),
        chunk_max_cost_usd: Some(0.75),
        chunk_max_tokens: Some(7_001),
        include_optional: Some(true),
        allow_unverified: Some(true),
        require_proof: true,
        min_coverage: Some(81.5),
        i_have_permission: Some(true),
        skip_auth_check: true,
        skip_credential_probe: true,
    };
    let s = Case {
        flags,
        ..Case::default()
    }
    .settings();
    assert_eq!(
        s.chain(),
        [
            EngineRef::Replay("/cwd/tape".into()),
            EngineRef::Named("openai".into())
        ]
    );
    assert_eq!(
        s.endpoint.as_ref().map(ToString::to_string),
        Some("https://there/v1".into())
    );
    assert_eq!(s.engines["openai"].chat.base_url.value, s.endpoint.value);
    assert_eq!(*s.plan.strategy, PlanStrategy::Llm);
    assert!(*s.i_have_permission);
    assert_eq!(
        (s.budget.max_cost_usd.value, s.budget.max_tokens.value),
        (Some(7.5), Some(7_000))
    );
    assert_eq!(
        (
            s.budget.chunk_max_cost_usd.value,
            s.budget.chunk_max_tokens.value
        ),
        (Some(0.75), Some(7_001))
    );
    assert_eq!(
        (s.model.as_deref(), s.base.as_deref()),
        (Some("m"), Some("b"))
    );
    assert_eq!(
        [*s.agent_timeout, *s.stall_timeout, *s.cycle_sleep],
        [Duration::from_secs(7); 3]
    );
    assert_eq!(s.deadline.value, second);
    assert_eq!(
        (*s.max_fix_attempts, *s.pr.max_commits, *s.pr.max_lines),
        (7, 7, 77)
    );
    assert_eq!(
        (*s.pr.platform, *s.sandbox),
        (Platform::Forge(ForgeKind::Gitea), SandboxMode::Off)
    );
    assert!(*s.continuous && *s.wait_for_reset && *s.verify.allow_unverified);
    assert_eq!(s.coverage.min.value, Some(81.5));
    assert!(s.coverage.is_wanted());
    let flagged: Vec<String> = s.set.iter().map(|set| set.origin.to_string()).collect();
    let known: Vec<&str> = KEYS.iter().filter_map(|doc| doc.flag).collect();
    assert_eq!(flagged, known);
}

#[test]
fn unknown_names_are_errors_with_the_nearest() {
    let table = [
        (
            "modle = 'x'",
            "codelicious.toml:1: unknown key `modle`; did you mean `model`?",
        ),
        (
            "\n\n[pr]\nmax_line = 3",
            "codelicious.toml:4: unknown key `pr.max_line`; did you mean `pr.max_lines`?",
        ),
        (
            "max_lines = 300",
            "unknown key `max_lines`; did you mean `pr.max_lines`?",
        ),
        ("max-attempts = 3", "did you mean `max_attempts`?"),
        (
            "[prs]\nmax_lines = 3",
            "codelicious.toml:1: unknown table `prs`; did you mean `pr`?",
        ),
        (
            "[tool.codelicious]\nengine = 'auto'",
            "unknown table `tool`; remove it",
        ),
        ("zzzzzzzzzz = 1", "unknown key `zzzzzzzzzz`; remove it"),
        ("'pr.max_lines' = 300", "unknown key `pr.max_lines`"),
        (
            "pr.max_lines.x = 300",
            "`pr.max_lines` is a table; it must be a whole number",
        ),
        (
            "[[verify.commands]]\nrun = 'x'\ndirr = 'y'",
            "codelicious.toml:3: unknown key `verify.commands.dirr`; did you mean `dir`?",
        ),
    ];
    for (text, part) in table {
        let error = repo(text).error();
        assert!(error.contains(part), "{text}\n{error}");
    }
    let env = [
        ("CODELICIOUS_MAXLINES", "3"),
        ("CODELICIOUS_RUN", "x"),
        ("CODELICIOUS_MODLE", "x"),
    ];
    let error = Case {
        env: &env,
        ..Case::default()
    }
    .error();
    assert!(error.contains(
        "CODELICIOUS_MODLE: unknown variable `CODELICIOUS_MODLE`; did you mean `CODELICIOUS_MODEL`?"
    ));
    assert!(
        error.contains("CODELICIOUS_MAXLINES") && !error.contains("CODELICIOUS_RUN:"),
        "{error}"
    );
}

#[test]
fn wrong_types_and_values_say_what_is_allowed() {
    let table = [
        (
            "model = 3",
            "codelicious.toml:1: `model` is a whole number; it must be one word",
        ),
        ("model = '--dangerous'", "`model` cannot be \"--dangerous\""),
        (
            "continuous = 'yes'",
            "`continuous` is a text; it must be true or false",
        ),
        ("pr = 3", "`pr` is a whole number; it must be a table: [pr]"),
        (
            "pr.max_lines = 49",
            "`pr.max_lines` cannot be 49; it must be a whole number from 50 to 5000",
        ),
        ("pr.max_lines = 5001", "from 50 to 5000"),
        ("pr.max_lines = '100'", "is a text"),
        ("pr.max_commits = -1", "cannot be -1"),
        (
            "pr.max_commits = 99999999999999999999999999999999999999999999",
            "must be a whole number from 1 to 100",
        ),
        ("max_attempts = 0", "from 1 to 10"),
        ("max_fix_attempts = 11", "from 0 to 10"),
        ("[coverage]\nmin = 100.5", "a number from 0 to 100"),
        ("[coverage]\ntolerance = -1", "a number from 0 to 100"),
        (
            "[coverage]\nformat = \"clover\"",
            "one of auto, lcov, cobertura, llvm, coverage.py, istanbul, go",
        ),
        (
            "[audit]\nsuppression = \"off\"",
            "`audit.suppression` cannot be \"off\"; it must be one of note, needs_review, fail",
        ),
        (
            "[audit]\ndeleted_tests = \"note\"",
            "did you mean `audit.deleted_test`",
        ),
        ("[audit]\nmax_added_lines = 99", "from 100 to 1000000"),
        (
            "cycle_sleep_s = 3601",
            "seconds from 0 to 3600, or a duration",
        ),
        ("agent_timeout_s = 1.5", "a number with a fraction"),
        ("deadline_s = 'soon'", "cannot be \"soon\""),
        ("deadline_s = 1979-05-27", "a date or time"),
        (
            "engine = 'gpt'",
            "codelicious.toml:1: unknown engine `gpt`; known are auto, claude,",
        ),
        (
            "pr.platform = 'svn'",
            "one of auto, local, github, gitlab, gitea",
        ),
        (
            "specs.paths = ['../x']",
            "paths below the repository's root",
        ),
        ("specs.paths = ['/etc/passwd']", "cannot be \"/etc/passwd\""),
        ("worktree.copy = ['a/.git/config']", "cannot be"),
        (
            "worktree.copy = [\n 'fine',\n 3,\n]",
            "codelicious.toml:3: `worktree.copy` is a whole number",
        ),
        ("specs.exclude = ['a{b']", "globs as in .gitignore"),
        ("worktree.dir = 'lanes'", "a folder outside the repository"),
        (
            "worktree.dir = '../repo/lanes'",
            "a folder outside the repository",
        ),
        ("verify.commands = ['']", "cannot be \"\""),
        (
            "verify.commands = [{ dir = 'x' }]",
            "`verify.commands.run` cannot be missing",
        ),
        (
            "verify.commands = [{ run = 'x', dir = '..' }]",
            "`verify.commands.dir` cannot be \"..\"",
        ),
        (
            "verify.commands = [{ run = 'x', reads = 'xml' }]",
            "`verify.commands.reads` cannot be \"xml\"",
        ),
        (
            "verify.commands = [{ run = 'x', only = 'y' }]",
            "`verify.commands.only` cannot be \"y\"",
        ),
        (
            "verify.commands = [{ run = 'x', timeout_s = 0 }]",
            "`verify.commands.timeout_s` cannot be 0",
        ),
        (
            "commit.template = '{titel}'",
            "no placeholders but {spec}, {id}, {title} and {body}",
        ),
        (
            "claude.max_budget_usd = 0",
            "a number of US dollars above 0",
        ),
        (
            "claude.max_budget_usd = nan",
            "a number of US dollars above 0",
        ),
        ("log.redact = ['A B']", "names of environment variables"),
        ("model =", "codelicious.toml:1: not valid TOML"),
        (
            "a = 1\nmodel = 'x'\nmodel = 'y'",
            "codelicious.toml:3: not valid TOML: duplicate key",
        ),
    ];
    for (text, part) in table {
        let error = repo(text).error();
        assert!(error.contains(part), "{text}\n{error}");
    }
    let error = Case {
        env: &[("CODELICIOUS_PR_MAX_LINES", "lots")],
        ..Case::default()
    }
    .error();
    assert_eq!(
        error,
        "CODELICIOUS_PR_MAX_LINES: `pr.max_lines` cannot be \"lots\"; it must be a whole number from 50 to 5000"
    );
}

#[test]
fn all_errors_come_at_once_in_order() {
    let case = Case {
        user: "\nmodel = 1",
        repo: "x = 1\nbase = 2",
        env: &[("CODELICIOUS_X", "")],
        ..Case::default()
    };
    let error = case.resolve().expect_err("errors");
    let lines: Vec<String> = error
        .to_string()
        .lines()
        .map(|l| l.split(": ").next().unwrap_or_default().into())
        .collect();
    assert_eq!(
        lines,
        [
            format!("{USER}:2"),
            format!("{REPO}:1"),
            format!("{REPO}:2"),
            "CODELICIOUS_X".into()
        ]
    );
    assert_eq!(error.problems().len(), 4);
}

#[test]
fn a_mistake_shows_although_a_higher_layer_overrides_it() {
    let flags = Flags {
        max_lines: Some(100),
        ..Flags::default()
    };
    let error = Case {
        repo: "pr.max_lines = 1",
        flags,
        ..Case::default()
    }
    .error();
    assert!(error.starts_with(REPO));
}

#[test]
fn walls_are_the_users_alone() {
    let table = [
        (
            "endpoint",
            "'https://evil/v1'",
            "set it with --endpoint or CODELICIOUS_ENDPOINT, or in your own file",
        ),
        (
            "sandbox.mode",
            "'off'",
            "set it with --sandbox or CODELICIOUS_SANDBOX",
        ),
        (
            "i_have_permission",
            "true",
            "set it with --i-have-permission or CODELICIOUS_I_HAVE_PERMISSION",
        ),
        (
            "forge.repository",
            "'a/b'",
            "set it with CODELICIOUS_FORGE_REPOSITORY, or in your own file",
        ),
        ("forge.api", "'https://evil/v4'", "CODELICIOUS_FORGE_API"),
        (
            "forge.graphql",
            "'https://evil/graphql'",
            "CODELICIOUS_FORGE_GRAPHQL",
        ),
        (
            "forge.token_env",
            "'AWS_SECRET_ACCESS_KEY'",
            "CODELICIOUS_FORGE_TOKEN_ENV",
        ),
        (
            "forge.token_file",
            "'/etc/shadow'",
            "CODELICIOUS_FORGE_TOKEN_FILE",
        ),
        (
            "forge.token_command",
            "['./evil']",
            "CODELICIOUS_FORGE_TOKEN_COMMAND",
        ),
        (
            "network.private_hosts",
            "['llm.internal']",
            "CODELICIOUS_NETWORK_PRIVATE_HOSTS",
        ),
        (
            "env.pass",
            "['SECRET_THING']",
            "set it with CODELICIOUS_ENV_PASS",
        ),
        (
            "audit.protected_path",
            "'note'",
            "CODELICIOUS_AUDIT_PROTECTED_PATH",
        ),
        ("claude.path", "'./evil'", "CODELICIOUS_CLAUDE_PATH"),
        ("claude.args", "['--x']", "CODELICIOUS_CLAUDE_ARGS"),
    ];
    for (key, value, part) in table {
        let text = format!("{key} = {value}\n");
        let error = repo(&text).error();
        let start = format!("{REPO}:1: `{key}` may not be set in the repository's file");
        assert!(
            error.starts_with(&start) && error.contains(part) && error.ends_with(USER),
            "{error}"
        );
        let chain = [("CODELICIOUS_ENGINE", "openai")];
        let own = Case {
            user: &text,
            env: if key == "endpoint" { &chain } else { &[] },
            ..Case::default()
        };
        assert!(own.settings().set.iter().any(|set| set.key == key));
    }
    let barred: Vec<&str> = KEYS
        .iter()
        .filter(|doc| doc.wall)
        .map(|doc| doc.key)
        .collect();
    assert_eq!(barred, table.map(|(key, ..)| key));
}

#[test]
fn the_sandbox_is_on_until_the_user_says_otherwise() {
    let mode = |case: &Case| {
        let settings = case.settings();
        assert_eq!(settings.walls.off, *settings.sandbox == SandboxMode::Off);
        *settings.sandbox
    };
    assert_eq!(mode(&Case::default()), SandboxMode::On);
    assert_eq!(mode(&user("[sandbox]\nmode = 'off'")), SandboxMode::Off);
    let case = Case {
        user: "sandbox.mode = 'on'",
        env: &[("CODELICIOUS_SANDBOX", "off")],
        ..Case::default()
    };
    assert_eq!(mode(&case), SandboxMode::Off);
    let flags = Flags {
        sandbox: Some("on".into()),
        ..Flags::default()
    };
    let case = Case {
        flags,
        user: "sandbox.mode = 'off'",
        ..Case::default()
    };
    assert_eq!(mode(&case), SandboxMode::On);
    let error = user("sandbox = 'off'").error();
    assert!(error.contains("[sandbox] with mode"), "{error}");
}

#[test]
fn relative_paths_start_where_they_were_written() {
    let table = [
        (
            user("worktree.dir = 'w'"),
            "/home/ann/.config/codelicious/w",
        ),
        (repo("worktree.dir = '../w'"), "/w"),
        (
            repo("worktree.dir = '.codelicious/w'"),
            "/repo/.codelicious/w",
        ),
        (repo("worktree.dir = '~/w'"), "/home/ann/w"),
        (repo("worktree.dir = '/abs/./w'"), "/abs/w"),
        (
            Case {
                env: &[("CODELICIOUS_WORKTREE_DIR", "w")],
                ..Case::default()
            },
            "/cwd/w",
        ),
    ];
    for (case, path) in table {
        assert_eq!(
            case.settings().worktree.dir.as_deref(),
            Some(Path::new(path))
        );
    }
    let program = |text: &str| {
        user(&format!("claude.path = '{text}'"))
            .settings()
            .claude
            .path
            .value
    };
    assert_eq!(program("claude-next"), PathBuf::from("claude-next"));
    assert_eq!(
        program("./bin/claude"),
        PathBuf::from("/home/ann/.config/codelicious/bin/claude")
    );
    assert_eq!(
        program("~/bin/claude"),
        PathBuf::from("/home/ann/bin/claude")
    );
    assert_eq!(
        repo("engine = 'replay:t.json'").settings().chain(),
        [EngineRef::Replay("/repo/t.json".into())]
    );
}

#[test]
fn checks_are_commands_or_tables() {
    let text = "[verify]\ncommands = ['make check', { run = 'npm test', name = 'web', dir = 'web', \
                when = ['web/**'], timeout_s = '2m', reads = 'junit', report = 'out/report.xml', \
                only = 'npm test -- {tests}' }]";
    let table = CheckCommand {
        name: "web".into(),
        run: "npm test".into(),
        dir: "web".into(),
        when: vec!["web/**".into()],
        timeout: Some(Duration::from_secs(120)),
        reads: Some("junit".into()),
        report: Some("out/report.xml".into()),
        only: Some("npm test -- {tests}".into()),
    };
    assert_eq!(
        *repo(text).settings().verify.commands,
        [CheckCommand::shell("make check"), table]
    );
    let env = [("CODELICIOUS_VERIFY_COMMANDS", "a, b\n c \n\n")];
    let commands = Case {
        env: &env,
        ..Case::default()
    }
    .settings()
    .verify
    .commands;
    assert_eq!(
        *commands,
        [CheckCommand::shell("a, b"), CheckCommand::shell("c")]
    );
}

#[test]
fn variables_are_read_as_words() {
    let env = [
        ("CODELICIOUS_CONTINUOUS", "YES"),
        ("CODELICIOUS_VERIFY_DETECT", "0"),
        ("CODELICIOUS_DEADLINE_S", "8h"),
        ("CODELICIOUS_AGENT_TIMEOUT_S", " 90 "),
        ("CODELICIOUS_CLAUDE_MAX_BUDGET_USD", "2.5"),
        ("CODELICIOUS_SPECS_PATHS", "a.md, b.md,"),
        ("CODELICIOUS_CLAUDE_ARGS", "--add-dir\n/x y"),
    ];
    let s = Case {
        env: &env,
        ..Case::default()
    }
    .settings();
    assert!(*s.continuous && !*s.verify.detect);
    assert_eq!(s.deadline.value, Some(Duration::from_secs(28_800)));
    assert_eq!(*s.agent_timeout, Duration::from_secs(90));
    assert_eq!(s.claude.max_budget_usd.value, Some(2.5));
    assert_eq!(*s.specs.paths, ["a.md", "b.md"]);
    assert_eq!(*s.claude.args, ["--add-dir", "/x y"]);
}

#[test]
fn the_lower_of_two_files_bounds_a_claude_run() {
    let (low, high) = (
        "claude.max_turns = 5\nclaude.max_budget_usd = 1.5",
        "claude.max_turns = 9\nclaude.max_budget_usd = 20",
    );
    for (user, repo, turns, usd) in [
        (low, high, 5, 1.5),
        (high, low, 5, 1.5),
        ("", high, 9, 20.0),
        (high, "", 9, 20.0),
    ] {
        let s = Case {
            user,
            repo,
            ..Case::default()
        }
        .settings();
        let got = (s.claude.max_turns.value, s.claude.max_budget_usd.value);
        assert_eq!(got, (Some(turns), Some(usd)), "{user:?} {repo:?}");
    }
    let s = Case {
        user: low,
        env: &[("CODELICIOUS_CLAUDE_MAX_TURNS", "70")],
        ..Case::default()
    }
    .settings();
    assert_eq!(s.claude.max_turns.value, Some(70), "the environment wins");
}

#[test]
fn protective_lists_add_up() {
    let case = Case {
        user: "log.redact = ['A']\nenv.pass = ['P']",
        repo: "log.redact = ['B', 'A']",
        env: &[
            ("CODELICIOUS_LOG_REDACT", "C"),
            ("CODELICIOUS_ENV_PASS", "Q_*"),
        ],
        ..Case::default()
    };
    let s = case.settings();
    assert_eq!(*s.log.redact, ["A", "B", "C"]);
    assert_eq!(*s.env.pass, ["P", "Q_*"]);
}

#[test]
fn only_the_user_takes_protection_away() {
    let case = Case {
        user: "audit.protect = ['!LICENSE', '/deploy/']",
        repo: "audit.protect = ['LICENSE', '/infra/']",
        env: &[("CODELICIOUS_AUDIT_PROTECT", "!/deploy/\n!LICENSE")],
        ..Case::default()
    };
    assert_eq!(
        *case.settings().audit.protect,
        ["/deploy/", "LICENSE", "/infra/", "!/deploy/", "!LICENSE"],
        "in the order in which they are said, the user's last word behind the repository's"
    );
    let problem = repo("audit.protect = ['/infra/', '!LICENSE']").error();
    for word in ["audit.protect", "!LICENSE", "in your own file"] {
        assert!(problem.contains(word), "{problem}");
    }
}

#[test]
fn durations() {
    let table = [
        ("90", Some(90)),
        ("90s", Some(90)),
        ("30m", Some(1_800)),
        ("8h", Some(28_800)),
        ("1d", Some(86_400)),
        ("1h30m", Some(5_400)),
        ("0", Some(0)),
        ("", None),
        ("s", None),
        ("-1", None),
        ("+1", None),
        ("1.5h", None),
        ("30m8h", None),
        ("1h30", None),
        ("5é", None),
        ("99999999999999999999", None),
        ("99999999999999999d", None),
    ];
    for (text, seconds) in table {
        assert_eq!(
            parse_duration(text),
            seconds.map(Duration::from_secs),
            "{text}"
        );
    }
}

#[test]
fn commit_templates_know_their_placeholders() {
    for good in ["{id}: {title} ({spec})\n\n{body}", "plain", ""] {
        assert_eq!(CommitTemplate::parse(good).expect("sound").as_str(), good);
    }
    for bad in ["{", "}", "{nope}", "{title", "a } b", "{{id}}"] {
        assert_eq!(CommitTemplate::parse(bad), None, "{bad}");
    }
}

#[test]
fn the_template_sets_nothing_and_each_line_may() {
    let text = template();
    assert!(repo(&text).settings().set.is_empty());
    assert!(
        text.lines().all(|line| line.chars().count() <= 120),
        "{text}"
    );
    let lines: Vec<&str> = text.lines().collect();
    let mut offered = 0;
    for (i, line) in lines.iter().enumerate() {
        let Some(setting) = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
        else {
            assert!(
                line.is_empty() || line.starts_with("# ") || line.starts_with('['),
                "{line}"
            );
            continue;
        };
        let mut edited = lines.clone();
        edited[i] = setting;
        let settings = repo(&edited.join("\n")).settings();
        assert_eq!(settings.set.len(), 1, "{setting}");
        offered += 1;
    }
    assert_eq!(offered, KEYS.iter().filter(|doc| !doc.wall).count());
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(repo(&all).settings().set.len(), offered);
}

#[test]
fn the_tables_that_the_template_shows_are_sound() {
    let text = template();
    let shown: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("#   "))
        .map(|line| format!("{line}\n"))
        .collect();
    let joined = [super::template::REPO_EXAMPLE, super::template::USER_EXAMPLE].concat();
    assert_eq!(shown, joined.replace("\n\n", "\n"));
    let case = Case {
        user: super::template::USER_EXAMPLE,
        repo: super::template::REPO_EXAMPLE,
        ..Case::default()
    };
    let settings = case.settings();
    assert_eq!(settings.engine.to_string(), "claude,team");
    assert_eq!(settings.engines["local"].kind, EngineKind::OpenAi);
    let price = settings.price_of("work", "claude-sonnet-4-5");
    assert_eq!(price.map(|p| p.price.cached), Some(0.3));
}

#[test]
fn the_reference_names_every_key_and_variable() {
    let text = reference();
    for doc in KEYS {
        assert!(text.contains(&format!("| `{}` |", doc.key)) && text.contains(doc.env));
    }
    let mut columns = 0;
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let found = row.matches('|').count();
        if row.starts_with("| key |") || row.starts_with("| variable |") {
            columns = found;
        }
        assert_eq!(found, columns, "{row}");
    }
    let sandbox = SANDBOX_FIELDS.iter().chain(COMMAND_FIELDS);
    for field in ENGINE_FIELDS.iter().chain(PRICE_FIELDS).chain(sandbox) {
        assert!(
            text.contains(&format!("| `{}` |", field.name)),
            "{}",
            field.name
        );
    }
    for name in env_names::TOKENS.iter().chain(env_names::FORGE_TOKENS) {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn children_see_the_allowed_and_engines_their_own() {
    let env = [
        ("PATH", "/bin"),
        ("LC_ALL", "C"),
        ("GITHUB_TOKEN", "ghp_1234567890"),
        ("ANTHROPIC_API_KEY", "sk-ant-123456"),
        ("ANTHROPIC_BASE_URL", "http://localhost"),
        ("CLAUDE_CONFIG_DIR", "/c"),
        ("CLAUDE_CODE_ENTRYPOINT", "cli"),
        ("CLAUDECODE", "1"),
        ("AWS_PROFILE", "p"),
        ("GIT_AUTHOR_NAME", "Ann"),
        ("GIT_DIR", "/elsewhere"),
        ("APP_A", "1"),
        ("CODELICIOUS_ENV_PASS", "APP_*,A*"),
    ];
    let case = Case {
        env: &env,
        ..Case::default()
    };
    let (environment, settings) = (case.environment(), case.settings());
    let names =
        |vars: Vec<(String, String)>| vars.into_iter().map(|(name, _)| name).collect::<Vec<_>>();

    // `A*` does not reach an engine's credentials.
    let children = names(environment.children(&settings));
    assert_eq!(children, ["APP_A", "HOME", "LC_ALL", "PATH"]);
    assert_eq!(
        names(environment.engine_env(&settings, EngineKind::Replay)),
        children
    );
    assert_eq!(
        names(environment.engine_env(&settings, EngineKind::Claude)),
        [
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_BASE_URL",
            "APP_A",
            "CLAUDE_CONFIG_DIR",
            "HOME",
            "LC_ALL",
            "PATH"
        ]
    );
    assert_eq!(
        names(environment.git_env(&settings)),
        ["APP_A", "GIT_AUTHOR_NAME", "HOME", "LC_ALL", "PATH"]
    );

    let env = [
        ("CLAUDE_CODE_USE_BEDROCK", "1"),
        ("AWS_PROFILE", "p"),
        ("CODELICIOUS_ENV_PASS", "ANTHROPIC_API_KEY"),
    ];
    let case = Case {
        env: &env,
        ..Case::default()
    };
    let claude = names(
        case.environment()
            .engine_env(&case.settings(), EngineKind::Claude),
    );
    assert!(claude.contains(&"AWS_PROFILE".to_owned()));
}

#[test]
fn our_own_commands_start_and_load_nothing_from_the_folder_that_they_are_in() {
    for (name, value, wanted) in [
        ("PATH", ".:/usr/bin:/bin", Some("/usr/bin:/bin")),
        ("PATH", "node_modules/.bin:/bin::~/bin:", Some("/bin")),
        ("PATH", ".", None),
        ("LD_LIBRARY_PATH", ":/opt/lib", Some("/opt/lib")),
        ("LD_LIBRARY_PATH", "", None),
        ("PYTHONPATH", "src", None),
        ("LANG", "C", Some("C")),
    ] {
        let env = [(name, value)];
        let case = Case {
            env: &env,
            ..Case::default()
        };
        let (environment, settings) = (case.environment(), case.settings());
        let of = |vars: Vec<(String, String)>| {
            let mut vars = vars.into_iter();
            vars.find(|(n, _)| n == name).map(|(_, value)| value)
        };
        let git = of(environment.git_env(&settings));
        assert_eq!(git.as_deref(), wanted, "{name}={value}");
        // Checks have it as their user has.
        let children = of(environment.children(&settings));
        assert_eq!(children.as_deref(), Some(value), "{name}={value}");
    }
}

#[test]
fn certificates_of_ones_own_reach_everybody() {
    let env: Vec<(&str, &str)> = CERTIFICATES
        .iter()
        .map(|name| (*name, "/own.pem"))
        .collect();
    let case = Case {
        env: &env,
        ..Case::default()
    };
    let children = case.environment().children(&case.settings());
    for name in ["PIP_CERT", "CARGO_HTTP_CAINFO", "SSL_CERT_FILE"] {
        assert!(children.iter().any(|(n, _)| n == name), "{name}");
    }
}

#[test]
fn secrets_are_found_by_name_and_in_addresses() {
    let env = [
        ("GITHUB_TOKEN", "ghp_1234567890"),
        ("OPENAI_API_KEY", "sk-abcdefgh"),
        ("PGPASSWORD", "hunter2hunter2"),
        ("AWS_SECRET_ACCESS_KEY", "aws-secret-value"),
        ("SHORT_TOKEN", "on"),
        ("PWD", "/home/ann/project"),
        ("KEYBOARD", "qwertz-layout"),
        ("PATH", "/usr/bin:/bin"),
        ("SSH_AUTH_SOCK", "/tmp/agent.sock"),
        ("https_proxy", "http://ann:proxy-pass-1@proxy:3128"),
        ("DATABASE_URL", "postgres://u:pw12@db/x"),
        ("SIGNING_KEY", "line-one-of-key\nline-two-of-key"),
        ("GIT_CONFIG_VALUE_0", "AUTHORIZATION: basic abcdef"),
        ("LICENSE", "abcd"),
        ("CODELICIOUS_LOG_REDACT", "LICENSE"),
        // Names of ours that only sound like secrets.
        ("CODELICIOUS_ENV_PASS", "DATABASE_URL"),
        ("CODELICIOUS_BUDGET_MAX_TOKENS", "123456789"),
    ];
    let case = Case {
        env: &env,
        ..Case::default()
    };
    let secrets = case.environment().secrets(&case.settings());
    let mut found: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert!(
        found.is_sorted_by_key(|v| std::cmp::Reverse(v.len())),
        "longest first"
    );
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "AUTHORIZATION: basic abcdef",
            "abcd",
            "aws-secret-value",
            "ghp_1234567890",
            "hunter2hunter2",
            "line-one-of-key",
            "line-one-of-key\nline-two-of-key",
            "line-two-of-key",
            "proxy-pass-1",
            "sk-abcdefgh",
        ]
    );
    let shown = format!("{:?}", case.environment());
    assert!(shown.contains("GITHUB_TOKEN") && !shown.contains("ghp_"));
}

#[test]
fn folders_and_colour_follow_their_conventions() {
    let env = |vars: &[(&str, &str)]| Environment::from_vars("/", vars.iter().copied());
    let home = env(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "relative")]);
    assert_eq!(
        home.user_file(),
        Some("/h/.config/codelicious/config.toml".into())
    );
    assert_eq!(
        env(&[("XDG_CONFIG_HOME", "/c")]).user_file(),
        Some("/c/codelicious/config.toml".into())
    );
    assert_eq!(
        env(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]).cache_dir(),
        Some("/x".into())
    );
    assert_eq!(env(&[]).cache_dir(), None);
    assert_eq!(env(&[("HOME", "")]).home(), None);
    if cfg!(target_os = "linux") {
        assert_eq!(home.cache_dir(), Some("/h/.cache".into()));
    }
    let table: [(&[(&str, &str)], Color); 7] = [
        (&[], Color::Auto),
        (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], Color::Never),
        (&[("NO_COLOR", "")], Color::Auto),
        (&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], Color::Always),
        (&[("CLICOLOR_FORCE", "0")], Color::Auto),
        (&[("CLICOLOR", "0")], Color::Never),
        (&[("TERM", "dumb")], Color::Never),
    ];
    for (vars, color) in table {
        assert_eq!(env(vars).color(), color, "{vars:?}");
    }
}

#[test]
fn load_reads_both_files_and_survives_odd_ones() {
    let home = tempfile::tempdir().expect("a folder");
    let root = tempfile::tempdir().expect("a folder");
    let env = Environment::from_vars(
        root.path(),
        [("XDG_CONFIG_HOME", home.path().to_str().expect("text"))],
    );
    let load = || load(root.path(), Flags::default(), &env);
    assert!(load().expect("no files are fine").set.is_empty());

    let user = home.path().join("codelicious");
    std::fs::create_dir(&user).expect("a folder");
    put(&user.join("config.toml"), b"model = 'u'\nbase = 'b'");
    put(&root.path().join(REPO_FILE), b"model = 'r'");
    let settings = load().expect("sound");
    assert_eq!(
        (settings.model.as_deref(), settings.base.as_deref()),
        (Some("r"), Some("b"))
    );

    put(&root.path().join(REPO_FILE), b"\n# \xff");
    assert!(
        load()
            .expect_err("latin-1")
            .to_string()
            .contains("line 2 is not valid UTF-8")
    );
    put(&root.path().join(REPO_FILE), &vec![b'#'; 1024 * 1024 + 1]);
    assert!(
        load()
            .expect_err("too big")
            .to_string()
            .contains("larger than")
    );
    std::fs::remove_file(root.path().join(REPO_FILE)).expect("removed");
    std::fs::create_dir(root.path().join(REPO_FILE)).expect("a folder");
    assert!(
        load()
            .expect_err("a folder")
            .to_string()
            .contains("codelicious.toml: cannot be read: it is not a file")
    );
}

fn put(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    std::fs::File::create(path)
        .and_then(|mut file| file.write_all(bytes))
        .expect("written");
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}", prefix in 0..4usize) {
        let start = ["", "[pr]\n", "verify.commands = ", "model = \""][prefix];
        let text = format!("{start}{text}");
        let _ = repo(&text).resolve().map_err(|error| error.to_string());
    }

    #[test]
    fn no_toml_panics(
        entries in proptest::collection::vec((0..KEYS.len(), value()), 0..5),
        section in proptest::option::of("[a-z]{1,8}"),
    ) {
        let mut text = section.map(|s| format!("[{s}.x]\n[{s}]\n")).unwrap_or_default();
        for (key, value) in entries {
            text.push_str(&format!("{} = {value}\n", KEYS[key].key));
        }
        for case in [repo(&text), user(&text)] {
            let _ = case.resolve().map_err(|error| error.to_string());
        }
    }

    #[test]
    fn no_variable_panics(key in 0..KEYS.len(), value in any::<String>()) {
        let case = Case { env: &[(KEYS[key].env, value.as_str())], ..Case::default() };
        let _ = case.resolve().map(|settings| (case.environment().secrets(&settings), case.environment().children(&settings)));
    }

    #[test]
    fn whole_hours_and_minutes_read_back(hours in 1u64..1000, minutes in 0u64..60) {
        let text = format!("{hours}h{minutes}m");
        prop_assert_eq!(parse_duration(&text), Some(Duration::from_secs(hours * 3600 + minutes * 60)));
    }
}

/// Any TOML value, nested a little.
pub(super) fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<f64>().prop_map(|n| format!("{n:?}")),
        any::<String>().prop_map(|s| toml::Value::String(s).to_string()),
        Just("1979-05-27T07:32:00Z".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            ("(name|run|dir|when|timeout_s|other)", inner)
                .prop_map(|(key, v)| format!("{{ {key} = {v} }}")),
        ]
    })
}
