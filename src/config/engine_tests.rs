use super::fields::{ENGINE_FIELDS, For, PRICE_FIELDS, Wall};
use super::tests::{Case, REPO, USER, repo, user};
use super::*;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

fn names(settings: &Settings) -> Vec<&str> {
    settings.chain().iter().map(EngineRef::name).collect()
}

#[test]
fn a_chain_is_written_in_several_ways() {
    let named = |name: &str| EngineRef::Named(name.to_owned());
    let table: [(&str, &[EngineRef]); 11] = [
        ("engine = 'auto'", &[]),
        ("engine = ['auto']", &[]),
        ("engine = 'claude'", &[named("claude")]),
        ("engine = ['claude']", &[named("claude")]),
        (
            "engine = ' claude , huggingface'",
            &[named("claude"), named("huggingface")],
        ),
        (
            "engine = ['claude', 'codex', 'gemini', 'opencode', 'aider']",
            &["claude", "codex", "gemini", "opencode", "aider"].map(named),
        ),
        (
            "engine = 'replay:a.json,openai,replay:b c.json'",
            &[
                EngineRef::Replay("/repo/a.json".into()),
                named("openai"),
                EngineRef::Replay("/repo/b c.json".into()),
            ],
        ),
        // In a list a path may hold commas.
        (
            "engine = ['replay:a,b.json']",
            &[EngineRef::Replay("/repo/a,b.json".into())],
        ),
        (
            "engine.chain = ['claude', 'codex']",
            &[named("claude"), named("codex")],
        ),
        (
            "[engine]\nchain = 'mine,claude'\n[engine.mine]\ntype = 'anthropic'",
            &[named("mine"), named("claude")],
        ),
        ("[engine.mine]\ntype = 'anthropic'", &[]),
    ];
    for (text, chain) in table {
        assert_eq!(repo(text).settings().chain(), chain, "{text}");
    }
    let env = [("CODELICIOUS_ENGINE", "codex,claude")];
    let case = Case {
        env: &env,
        ..Case::default()
    };
    assert_eq!(names(&case.settings()), ["codex", "claude"]);
    assert_eq!(
        case.settings().engine.origin.to_string(),
        "CODELICIOUS_ENGINE"
    );
}

#[test]
fn chains_that_cannot_be_are_refused() {
    let table = [
        ("engine = ''", "`engine` cannot be \"\""),
        ("engine = []", "a chain names at least one engine"),
        ("engine = 'claude,,codex'", "an engine's name is missing"),
        ("engine = ['claude', ' ']", "`engine` cannot be \" \""),
        ("engine = 'claude,claude'", "claude is named twice"),
        ("engine = 'auto,claude'", "auto stands alone"),
        ("engine = 'replay'", "replay needs a file: replay:FILE"),
        ("engine = 'replay: '", "replay needs a file"),
        (
            "engine = 'replay:t.json,replay:./t.json'",
            "replay:/repo/t.json is named twice",
        ),
        (
            "engine = 'Claude'",
            "`Claude` is no engine's name: known are auto, claude,",
        ),
        ("engine = 'chain'", "`chain` is no engine's name"),
        ("engine = ['a,b']", "`a,b` is no engine's name"),
        (
            "engine = ['claude',\n 3]",
            "codelicious.toml:2: `engine` is a whole number",
        ),
        ("engine = 7", "it must be auto, or engines in the order"),
        (
            "engine = 'claude,codx'",
            "codelicious.toml:1: unknown engine `codx`; did you mean `codex`?",
        ),
        (
            "engine = 'somebody'",
            "known are auto, claude, huggingface, openai, anthropic, codex, gemini, opencode, aider and replay:FILE; \
             others are named by `[engine.<name>]` tables",
        ),
        (
            "engine.chain = 'mne'\n[engine.mine]\ntype = 'openai'",
            "did you mean `mine`?",
        ),
        (
            "[engine]\nchian = 'claude'",
            "codelicious.toml:2: unknown key `engine.chian`; did you mean `engine.chain`?",
        ),
        (
            "engine = 'mine'\n[engine.mine]\ntype = 'openai'",
            "beside `[engine.<name>]` tables the chain is written `chain = …` below `[engine]`",
        ),
    ];
    for (text, part) in table {
        let error = repo(text).error();
        assert!(error.contains(part), "{text}\n{error}");
        assert!(error.starts_with(REPO), "{error}");
    }
}

#[test]
fn only_the_chain_that_counts_has_to_be_known() {
    // A repository's chain may be for machines that have tables this one lacks.
    let case = Case {
        repo: "engine = 'of-the-team'",
        env: &[("CODELICIOUS_ENGINE", "claude")],
        ..Case::default()
    };
    assert_eq!(names(&case.settings()), ["claude"]);
}

#[test]
fn every_built_in_engine_is_there() {
    let settings = Case::default().settings();
    let kinds: Vec<(&str, EngineKind)> = settings
        .engines
        .iter()
        .map(|(name, engine)| (name.as_str(), engine.kind))
        .collect();
    let mut known = BUILT_IN.to_vec();
    known.sort();
    assert_eq!(kinds, known);
    for (name, engine) in &settings.engines {
        assert_eq!(*engine.prompt_tokens, 60_000, "{name}");
        assert!(engine.prompt_tokens.origin.is_default());
        let chat = (*engine.chat.max_output_tokens, *engine.chat.max_turns);
        let expected = if engine.kind.is_chat() {
            (16_384, 60)
        } else {
            (0, 0)
        };
        assert_eq!(chat, expected, "{name}");
        let preset = engine.command.preset.as_deref();
        let is_command = engine.kind == EngineKind::Command;
        assert_eq!(preset, is_command.then_some(name.as_str()));
        let table = &engine.command.table;
        assert_eq!(table.get("preset").and_then(toml::Value::as_str), preset);
    }
}

#[test]
fn every_field_is_read_for_the_engines_it_is_for() {
    let head = |kind: EngineKind| match kind {
        EngineKind::Replay => "[engine.replay]\n".to_owned(),
        EngineKind::Command => "[engine.mine]\ntype = 'command'\nprogram = 'agent'\n".to_owned(),
        EngineKind::Claude
        | EngineKind::HuggingFace
        | EngineKind::OpenAi
        | EngineKind::Anthropic => format!("[engine.mine]\ntype = '{}'\n", kind.name()),
    };
    for field in ENGINE_FIELDS {
        for kind in [
            EngineKind::Claude,
            EngineKind::Replay,
            EngineKind::HuggingFace,
            EngineKind::OpenAi,
            EngineKind::Anthropic,
            EngineKind::Command,
        ] {
            let head = head(kind);
            if head.contains(&format!("\n{} =", field.name)) {
                continue;
            }
            let text = format!("{head}{} = {}\n", field.name, field.example);
            let line = text.lines().count();
            match (field.of.includes(kind), user(&text).resolve()) {
                (true, Ok(settings)) => {
                    let place = format!("{USER}:{line}");
                    let is_it = |set: &&SetValue| set.origin.to_string() == place;
                    let set = settings.set.iter().find(is_it);
                    let set = set.unwrap_or_else(|| panic!("{text}: not listed"));
                    assert!(set.key.ends_with(&format!(".{}", field.name)), "{set:?}");
                }
                (false, Err(error)) if field.name == "type" => {
                    assert!(
                        error.to_string().contains("a recording is no type"),
                        "{error}"
                    );
                }
                (false, Err(error)) => {
                    let says = format!("means nothing for an engine of the type {}", kind.name());
                    let error = error.to_string();
                    assert!(error.starts_with(&format!("{USER}:{line}: ")), "{error}");
                    assert!(error.contains(&says), "{error}");
                }
                (expected, found) => panic!("{text}: {expected}, but {found:?}"),
            }
        }
        assert!(
            field.doc.ends_with('.') || field.doc.ends_with(')'),
            "{}",
            field.name
        );
    }
}

#[test]
fn an_engine_has_what_its_table_says() {
    let text = "
[engine.openai]
model = 'big'
planner_model = 'small'
base_url = 'https://me.openai.azure.com/openai/v1/chat/completions?api-version=2024-10-21'
token_env = 'AZURE_KEY'
max_output_tokens = 4096
context_tokens = 128_000
max_turns = 10
prompt_tokens = 20_000

[engine.local]
type = 'openai'
base_url = 'http://127.0.0.1:11434/v1/'
token_file = 'token'

[engine.hf]
type = 'huggingface'
token_command = ['pass', 'show', 'hf token']

[engine.opus]
type = 'claude'
model = 'opus'
";
    let settings = user(text).settings();
    let openai = &settings.engines["openai"];
    assert_eq!(openai.kind, EngineKind::OpenAi);
    assert_eq!(openai.model.as_deref(), Some("big"));
    assert_eq!(openai.model.origin.to_string(), format!("{USER}:3"));
    assert_eq!(openai.chat.planner_model.as_deref(), Some("small"));
    assert_eq!(
        openai.chat.base_url.as_ref().map(ToString::to_string),
        Some("https://me.openai.azure.com/openai/v1?api-version=2024-10-21".to_owned())
    );
    assert_eq!(
        *openai.chat.token,
        Some(TokenSource::Variable("AZURE_KEY".to_owned()))
    );
    assert_eq!(*openai.chat.max_output_tokens, 4_096);
    assert_eq!(*openai.chat.context_tokens, Some(128_000));
    assert_eq!(
        (*openai.chat.max_turns, *openai.prompt_tokens),
        (10, 20_000)
    );

    let local = &settings.engines["local"];
    assert_eq!(
        local.chat.base_url.as_ref().map(Endpoint::is_loopback),
        Some(true)
    );
    let token = PathBuf::from("/home/ann/.config/codelicious/token");
    assert_eq!(*local.chat.token, Some(TokenSource::File(token)));
    assert_eq!(local.chat.token.origin.to_string(), format!("{USER}:15"));
    let words = ["pass", "show", "hf token"].map(str::to_owned).to_vec();
    assert_eq!(
        *settings.engines["hf"].chat.token,
        Some(TokenSource::Command(words))
    );
    let opus = &settings.engines["opus"];
    assert_eq!(
        (opus.kind, opus.model.as_deref()),
        (EngineKind::Claude, Some("opus"))
    );
}

#[test]
fn the_lower_of_two_files_bounds_the_turns() {
    for (user, repo, want, origin) in [
        ("max_turns = 5", "max_turns = 9", 5, format!("{USER}:2")),
        ("max_turns = 5", "max_turns = 3", 3, format!("{REPO}:2")),
        ("model = 'u'", "max_turns = 90", 90, format!("{REPO}:2")),
    ] {
        let case = Case {
            user: &format!("[engine.openai]\n{user}"),
            repo: &format!("[engine.openai]\n{repo}"),
            ..Case::default()
        };
        let settings = case.settings();
        let turns = &settings.engines["openai"].chat.max_turns;
        assert_eq!((**turns, turns.origin.to_string()), (want, origin.clone()));
        let key = "engine.openai.max_turns";
        let listed = settings.set.iter().find(|set| set.key == key).unwrap();
        assert_eq!(
            (listed.value.clone(), listed.origin.to_string()),
            (want.to_string(), origin)
        );
    }
}

#[test]
fn files_are_merged_key_by_key() {
    let case = Case {
        user: "[engine.openai]\nmodel = 'u'\nmax_turns = 5\ntoken_env = 'K'",
        repo: "[engine.openai]\nmodel = 'r'\nplanner_model = 'p'",
        ..Case::default()
    };
    let settings = case.settings();
    let openai = &settings.engines["openai"];
    assert_eq!(openai.model.as_deref(), Some("r"));
    assert_eq!(openai.model.origin.to_string(), format!("{REPO}:2"));
    assert_eq!(openai.chat.planner_model.as_deref(), Some("p"));
    assert_eq!(*openai.chat.max_turns, 5);
    assert!(openai.chat.token.is_some());
    let listed: Vec<&str> = settings.set.iter().map(|set| set.key.as_str()).collect();
    assert_eq!(
        listed,
        [
            "engine.openai.model",
            "engine.openai.planner_model",
            "engine.openai.token_env",
            "engine.openai.max_turns"
        ]
    );
}

#[test]
fn a_command_is_kept_for_who_runs_it() {
    let text = "
[engine.mine]
type = 'command'
program = 'bin/agent'
args = ['run', ['--model', '{model}'], '']
prompt = 'stdin'
model = 'm'
env = { A = 'b', N = 'x' }

[[engine.mine.events]]
when = { type = 'done' }
done = true
";
    let settings = user(text).settings();
    let mine = &settings.engines["mine"];
    assert_eq!(
        (mine.kind, mine.model.as_deref()),
        (EngineKind::Command, Some("m"))
    );
    let program = PathBuf::from("/home/ann/.config/codelicious/bin/agent");
    assert_eq!(mine.command.program.as_ref(), Some(&program));
    assert_eq!(mine.command.at.to_string(), format!("{USER}:2"));
    let expected: toml::Table = "
program = '/home/ann/.config/codelicious/bin/agent'
args = ['run', ['--model', '{model}'], '']
prompt = 'stdin'
env = { A = 'b', N = 'x' }
[[events]]
when = { type = 'done' }
done = true
"
    .parse()
    .expect("a table");
    assert_eq!(mine.command.table, expected);
    let listed: Vec<&str> = settings.set.iter().map(|set| set.key.as_str()).collect();
    assert!(listed.contains(&"engine.mine.events"), "{listed:?}");

    // A key that is set for the program is shown nowhere.
    let case =
        user("[engine.codex]\nenv = { CODEX_API_KEY = 'sk-hunter22', PLAIN = 'plain-value' }");
    let settings = case.settings();
    assert_eq!(settings.set[0].value, "{ … }");
    let secrets = case.environment().secrets(&settings);
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets, ["sk-hunter22"]);

    let settings =
        user("[engine.codex]\nprogram = 'codex-next'\nextra_args = ['-c', 'x=1']").settings();
    let codex = &settings.engines["codex"].command;
    assert_eq!(codex.preset.as_deref(), Some("codex"));
    assert_eq!(codex.program.as_deref(), Some(Path::new("codex-next")));
    assert_eq!(
        codex.table.keys().collect::<Vec<_>>(),
        ["extra_args", "preset", "program"]
    );
    let like = user("[engine.mine]\ntype = 'command'\npreset = 'gemini'").settings();
    assert_eq!(
        like.engines["mine"].command.preset.as_deref(),
        Some("gemini")
    );
}

#[test]
fn tables_that_are_wrong_say_where_and_what_to_do() {
    let table = [
        (
            "[engine.mine]\nmodel = 'x'",
            ":1: `engine.mine.type` cannot be missing; it must be one of claude, huggingface, openai, anthropic, command",
        ),
        (
            "[engine.mine]\ntype = 'gpt'",
            ":2: `engine.mine.type` cannot be \"gpt\"; it must be one of claude,",
        ),
        (
            "[engine.mine]\ntype = 3",
            ":2: `engine.mine.type` is a whole number",
        ),
        (
            "[engine.openai]\ntype = 'anthropic'",
            ":2: `engine.openai.type` cannot be \"anthropic\"; it must be \"openai\", as the name says; give the table another name",
        ),
        (
            "[engine.Mine]\ntype = 'openai'",
            ":1: `engine.Mine` cannot be used: an engine's name is lower-case letters",
        ),
        ("[engine.auto]\ntype = 'openai'", "is not auto or chain"),
        ("[engine.chain]\ntype = 'openai'", "is not auto or chain"),
        ("[engine.9]\ntype = 'openai'", "begins with a letter"),
        (
            "[engine]\nmine = 'x'",
            ":2: `engine.mine` is a text; it must be a table: [engine.<name>]",
        ),
        (
            "[engine.openai]\nmodle = 'x'",
            ":2: unknown key `engine.openai.modle`; did you mean `engine.openai.model`?",
        ),
        (
            "[engine.claude]\nzzzzzz = 1",
            ":2: unknown key `engine.claude.zzzzzz`; remove it",
        ),
        (
            "[engine.claude]\nbase_url = 'https://x/v1'",
            ":2: `engine.claude.base_url` means nothing for an engine of the type claude; take it out",
        ),
        (
            "[engine.openai]\nbase_url = 'http://there/v1'",
            ":2: `engine.openai.base_url` cannot be used: http:// sends the key in the clear",
        ),
        (
            "[engine.openai]\nbase_url = 3",
            "an https address without user name",
        ),
        (
            "[engine.openai]\ntoken_env = 'A B'",
            "`engine.openai.token_env` cannot be \"A B\"; it must be the name of an environment variable",
        ),
        (
            "[engine.openai]\ntoken_command = []",
            "`engine.openai.token_command` cannot be []",
        ),
        (
            "[engine.openai]\ntoken_command = 'pass show'",
            "is a text; it must be a list of arguments",
        ),
        (
            "[engine.openai]\ntoken_env = 'A'\n\ntoken_file = 'f'",
            ":4: `engine.openai.token_env` and `engine.openai.token_file` both say where the token is; keep one of them",
        ),
        (
            "[engine.openai]\nmax_output_tokens = 0",
            "from 256 to 1000000",
        ),
        ("[engine.openai]\nmax_turns = 0", "from 1 to 10000"),
        (
            "[engine.replay]\nprompt_tokens = 999",
            "from 1000 to 1000000",
        ),
        (
            "[engine.mine]\ntype = 'command'\nargs = ['x']",
            ":1: `engine.mine.program` cannot be missing; it must be the name or path of a program, unless there is a `preset`",
        ),
        (
            "[engine.mine]\ntype = 'command'\npreset = 'cdx'",
            "one of codex, gemini, opencode, aider",
        ),
        (
            "[engine.codex]\nargs = ['x', [3]]",
            "`engine.codex.args` is a whole number; it must be a list of arguments, some of them in lists",
        ),
        (
            "[engine.codex]\nargs = [[['x']]]",
            "`engine.codex.args` is a list",
        ),
        (
            "[engines.mine]\ntype = 'openai'",
            "unknown table `engines`; did you mean `engine`?",
        ),
        (
            "[price.x]\noutput = 1\ndate = '2026-11-01'",
            ":1: `price.\"x\".input` cannot be missing; it must be US dollars for a million tokens",
        ),
        (
            "[price.x]\ninput = 1\noutput = 1",
            "`price.\"x\".date` cannot be missing; it must be a day as",
        ),
        (
            "[price.x]\ninput = -1\noutput = 1\ndate = '2026-11-01'",
            ":2: `price.\"x\".input` cannot be -1",
        ),
        (
            "[price.x]\ninput = nan\noutput = 1\ndate = '2026-11-01'",
            "`price.\"x\".input` cannot be NaN",
        ),
        (
            "[price.x]\ninput = 1\noutput = inf\ndate = '2026-11-01'",
            "`price.\"x\".output` cannot be inf",
        ),
        (
            "[price.x]\ninput = '1'\noutput = 1\ndate = '2026-11-01'",
            "`price.\"x\".input` is a text",
        ),
        (
            "[price.x]\ninput = 1\noutput = 1\ndate = '2026-02-30'",
            ":4: `price.\"x\".date` cannot be \"2026-02-30\"",
        ),
        (
            "[price.x]\ninput = 1\noutput = 1\ndate = '2026-1-1'",
            "cannot be \"2026-1-1\"",
        ),
        (
            "[price.x]\ninput = 1\noutput = 1\ndate = 'today'",
            "cannot be \"today\"",
        ),
        (
            "[price.x]\ninput = 1\noutput = 1\ndate = 2026-11-01T00:00:00Z",
            "`price.\"x\".date` cannot be 2026",
        ),
        (
            "[price.x]\ninput = 1\noutputs = 1\ndate = '2026-11-01'",
            ":3: unknown key `price.\"x\".outputs`; did you mean `price.\"x\".output`?",
        ),
        (
            "[price.gpt-4.1]\ninput = 1",
            "a price holds no tables; a model's name with a dot stands in quotes: [price.\"gpt-4.1\"]",
        ),
        (
            "[price]\nx = 3",
            ":2: `price.x` is a whole number; it must be a table: [price.\"<model>\"]",
        ),
        ("price = 3", "it must be a table: [price.\"<model>\"]"),
        (
            "[price.'a*b']\ninput = 1\noutput = 1\ndate = '2026-11-01'",
            "one word that may end in *",
        ),
        (
            "[price.'']\ninput = 1\noutput = 1\ndate = '2026-11-01'",
            "one word that may end in *",
        ),
        (
            "[plan]\nwindow_tokens = 1000\noverlap_tokens = 1000",
            "`plan.overlap_tokens` cannot be 1000; it must be less than `plan.window_tokens`, which is 1000",
        ),
        (
            "plan.window_tokens = 1000",
            ":1: `plan.overlap_tokens` cannot be 1000",
        ),
        ("plan.strategy = 'llms'", "one of auto, tasks, llm"),
        ("retry.max_retries = 21", "from 0 to 20"),
        ("retry.base_s = 0", "seconds from 1 to 3600"),
        ("retry.max_wait_s = '25h'", "seconds from 0 to 86400"),
        ("max_wait_total_s = 59", "seconds from 60 to 2592000"),
        ("budget.max_cost_usd = 0", "above 0 and up to 100000"),
        ("budget.max_tokens = 999", "from 1000 to"),
        (
            "network.private_hosts = ['https://x']",
            "names or addresses of hosts, without port",
        ),
        ("network.private_hosts = ['x:80']", "without port"),
        ("network.private_hosts = ['10.0.0.0/8']", "without port"),
    ];
    for (text, part) in table {
        let error = user(text).error();
        assert!(error.contains(part), "{text}\n{error}");
        assert!(error.starts_with(USER), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let hosts = "network.private_hosts = ['llm.internal', '10.0.0.7', 'fd00::7']";
    assert_eq!(user(hosts).settings().network.private_hosts.len(), 3);
}

#[test]
fn what_an_address_holds_is_not_repeated() {
    for text in [
        "[engine.openai]\nbase_url = 'https://ann:hunter2@there/v1'",
        "[engine.openai]\nbase_url = 'https://there/v1?key=hunter2'",
        "endpoint = 'https://hunter2@there/v1'",
        "endpoint = 'hunter2'",
    ] {
        let error = user(text).error();
        assert!(error.contains("cannot be used: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let env = [("CODELICIOUS_ENDPOINT", "https://there/v1#hunter2")];
    let error = Case {
        env: &env,
        ..Case::default()
    }
    .error();
    assert!(
        error.starts_with("CODELICIOUS_ENDPOINT: `endpoint` cannot be used: "),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_repository_chooses_no_address_token_program_or_price() {
    for field in ENGINE_FIELDS {
        let head = match field.of {
            For::Command => "[engine.codex]",
            For::All | For::Models | For::Chat => "[engine.openai]",
        };
        let text = format!("{head}\n{} = {}\n", field.name, field.example);
        match field.wall {
            Wall::Closed => {
                let error = repo(&text).error();
                let says = "may not be set in the repository's file, because it would let a repository weaken \
                            what protects its user; set it in your own file";
                assert!(error.starts_with(&format!("{REPO}:2: `engine.")), "{error}");
                assert!(error.contains(says) && error.ends_with(USER), "{error}");
                user(&text).settings();
            }
            Wall::Open | Wall::OfUsers => {
                repo(&text).settings();
            }
        }
    }
    // Keys that only the runner of commands knows.
    let error = repo("[engine.codex]\nenv_pass = ['*']").error();
    assert!(
        error.contains("`engine.codex.env_pass` may not be set"),
        "{error}"
    );
    // A slip is told as one.
    let error = repo("[engine.codex]\nmodle = 'x'").error();
    assert!(
        error.contains("did you mean `engine.codex.model`?"),
        "{error}"
    );
    let error = repo("[price.x]\ninput = 0\noutput = 0\ndate = '2026-11-01'").error();
    assert!(
        error.starts_with(&format!(
            "{REPO}:1: `price.\"x\"` may not be set in the repository's file"
        )),
        "{error}"
    );
    assert!(PRICE_FIELDS.iter().all(|field| field.wall == Wall::Closed));
}

#[test]
fn what_the_user_described_does_not_become_something_else() {
    // Else the user's token would go to another provider, or the user's program get other arguments.
    let table = [
        (
            "[engine.mine]\ntoken_env = 'K'\ntype = 'openai'",
            "[engine.mine]\ntype = 'huggingface'",
        ),
        (
            "[engine.mine]\ntoken_env = 'K'",
            "[engine.mine]\ntype = 'openai'",
        ),
        (
            "[engine.codex]\nprogram = 'mine'",
            "[engine.codex]\npreset = 'aider'",
        ),
    ];
    for (user, repo) in table {
        let case = Case {
            user,
            repo,
            ..Case::default()
        };
        let error = case.error();
        assert!(error.contains(&format!("{REPO}:2: ")), "{error}");
        assert!(
            error.contains("may not be set in the repository's file"),
            "{error}"
        );
    }
    // One of its own is the repository's to describe, and the same as a preset it may be called.
    let own =
        repo("engine.chain = 'team'\n[engine.team]\ntype = 'huggingface'\nmodel = 'm'").settings();
    assert_eq!(own.engines["team"].kind, EngineKind::HuggingFace);
    let own = repo("[engine.team]\ntype = 'command'\npreset = 'codex'").settings();
    assert_eq!(own.engines["team"].command.preset.as_deref(), Some("codex"));
}

#[test]
fn prompts_have_two_names_for_two_engines() {
    let tokens = |case: &Case<'_>, name: &str| {
        let tokens = case.settings().engines[name].prompt_tokens.clone();
        (tokens.value, tokens.origin.to_string())
    };
    let case = user("budget.claude = 2000\nbudget.replay = 3000");
    assert_eq!(tokens(&case, "claude"), (2_000, format!("{USER}:1")));
    assert_eq!(tokens(&case, "replay"), (3_000, format!("{USER}:2")));
    assert_eq!(tokens(&case, "codex"), (60_000, "default".to_owned()));
    let both = "budget.claude = 2000\n[engine.claude]\nprompt_tokens = 4000";
    assert_eq!(tokens(&user(both), "claude"), (4_000, format!("{USER}:3")));
    let case = Case {
        user: both,
        env: &[("CODELICIOUS_BUDGET_CLAUDE", "5000")],
        ..Case::default()
    };
    assert_eq!(
        tokens(&case, "claude"),
        (5_000, "CODELICIOUS_BUDGET_CLAUDE".to_owned())
    );
    let case = Case {
        user: both,
        repo: "budget.claude = 6000",
        ..Case::default()
    };
    assert_eq!(tokens(&case, "claude"), (6_000, format!("{REPO}:1")));
}

#[test]
fn a_model_is_for_the_first_engine() {
    let seen = |case: &Case<'_>| {
        let s = case.settings();
        ["claude", "openai"].map(|name| {
            [true, false].map(|first| s.model_of(name, first).unwrap_or("-").to_owned())
        })
    };
    let flag = |model: &str| Flags {
        model: Some(model.to_owned()),
        ..Flags::default()
    };
    // Each engine as the first, and as a later one.
    assert_eq!(seen(&user("model = 'top'")), [["top", "-"], ["top", "-"]]);
    let own = "model = 'top'\n[engine.openai]\nmodel = 'own'";
    assert_eq!(seen(&user(own)), [["top", "-"], ["own", "own"]]);
    let case = Case {
        user: own,
        flags: flag("flag"),
        ..Case::default()
    };
    assert_eq!(seen(&case), [["flag", "-"], ["flag", "own"]]);
    let case = Case {
        user: "[engine.openai]\nmodel = 'own'",
        repo: "model = 'top'",
        ..Case::default()
    };
    assert_eq!(seen(&case), [["top", "-"], ["top", "own"]]);
    let case = Case {
        user: "model = 'top'",
        repo: "[engine.openai]\nmodel = 'own'",
        ..Case::default()
    };
    assert_eq!(seen(&case), [["top", "-"], ["own", "own"]]);
    assert_eq!(seen(&Case::default()), [["-", "-"], ["-", "-"]]);
    assert_eq!(Case::default().settings().model_of("nobody", false), None);
}

#[test]
fn an_endpoint_is_the_first_chat_provider_s_or_refused() {
    let flag = |engine: Option<&str>, endpoint: bool| Flags {
        engine: engine.map(|e| e.parse().expect("a chain")),
        endpoint: endpoint.then(|| "https://there/v1".to_owned()),
        ..Flags::default()
    };
    let address = |settings: &Settings, name: &str| {
        let url = &settings.engines[name].chat.base_url;
        (
            url.as_ref().map(ToString::to_string),
            url.origin.to_string(),
        )
    };
    let own = "[engine.openai]\nbase_url = 'https://own/v1'";
    let case = Case {
        user: own,
        flags: flag(Some("claude,openai,huggingface"), true),
        ..Case::default()
    };
    let settings = case.settings();
    assert_eq!(
        address(&settings, "openai"),
        (Some("https://there/v1".to_owned()), "--endpoint".to_owned())
    );
    assert_eq!(
        address(&settings, "huggingface"),
        (None, "default".to_owned())
    );

    for (engine, name) in [(None, "auto"), (Some("claude,codex"), "claude,codex")] {
        let error = Case {
            flags: flag(engine, true),
            ..Case::default()
        }
        .error();
        let says = format!(
            "--endpoint: an endpoint has no effect here, because the engine is {name}: name a chat"
        );
        assert!(error.starts_with(&says), "{error}");
    }
    // A chain of a higher layer overrides what was said for another one.
    let env = [("CODELICIOUS_ENDPOINT", "https://there/v1")];
    let case = Case {
        env: &env,
        flags: flag(Some("claude"), false),
        ..Case::default()
    };
    assert_eq!(address(&case.settings(), "openai").0, None);
    let error = Case {
        user: "engine = 'claude'",
        env: &env,
        ..Case::default()
    }
    .error();
    assert!(
        error.starts_with("CODELICIOUS_ENDPOINT: an endpoint has no effect"),
        "{error}"
    );
    let own = user("engine = 'huggingface'\nendpoint = 'http://localhost:1'").settings();
    assert_eq!(
        address(&own, "huggingface").0.as_deref(),
        Some("http://localhost:1")
    );
}

#[test]
fn waiting_follows_continuous_where_nobody_said() {
    let table = [
        ("", false, "default"),
        ("continuous = true", true, "default"),
        (
            "continuous = true\nwait_for_reset = false",
            false,
            "codelicious.toml:2",
        ),
        ("wait_for_reset = true", true, "codelicious.toml:1"),
    ];
    for (text, waits, origin) in table {
        let wait = repo(text).settings().wait_for_reset;
        assert_eq!(*wait, waits, "{text}");
        assert!(
            wait.origin.to_string().ends_with(origin),
            "{text}: {}",
            wait.origin
        );
    }
    let flags = Flags {
        wait_for_reset: Some(false),
        ..Flags::default()
    };
    let case = Case {
        repo: "continuous = true\nwait_for_reset = true",
        flags,
        ..Case::default()
    };
    let wait = case.settings().wait_for_reset;
    assert_eq!(
        (*wait, wait.origin.to_string()),
        (false, "--no-wait-for-reset".to_owned())
    );
}

#[test]
fn a_repository_lowers_caps_and_never_raises_them() {
    let cap = |user: &str, repo: &str, env: &str| {
        let set = |value: &str| match value {
            "" => String::new(),
            value => format!("budget.max_tokens = {value}\nbudget.chunk_max_cost_usd = {value}.5"),
        };
        let (user, repo) = (set(user), set(repo));
        let env = [("CODELICIOUS_BUDGET_MAX_TOKENS", env)];
        let settings = Case {
            user: &user,
            repo: &repo,
            env: &env,
            ..Case::default()
        }
        .settings();
        let usd = settings
            .budget
            .chunk_max_cost_usd
            .map(|usd| usd.map(|usd| usd as u64));
        (settings.budget.max_tokens.value, usd.value)
    };
    assert_eq!(cap("2000", "3000", ""), (Some(2_000), Some(2_000)));
    assert_eq!(cap("3000", "2000", ""), (Some(2_000), Some(2_000)));
    assert_eq!(cap("", "2000", ""), (Some(2_000), Some(2_000)));
    assert_eq!(cap("2000", "", ""), (Some(2_000), Some(2_000)));
    assert_eq!(cap("2000", "1500", "9000"), (Some(9_000), Some(1_500)));
    assert_eq!(cap("", "", ""), (None, None));
    let both = Case {
        user: "budget.max_cost_usd = 2.0",
        repo: "budget.max_cost_usd = 2.0",
        ..Case::default()
    };
    assert_eq!(
        both.settings().budget.max_cost_usd.origin.to_string(),
        format!("{USER}:1")
    );
}

#[test]
fn the_most_exact_price_counts() {
    let price = |name: &str, input: u32| {
        format!("[price.'{name}']\ninput = {input}\noutput = {input}.5\ndate = '2026-11-01'\n")
    };
    let text = [
        price("openai:gpt-5", 1),
        price("gpt-5", 2),
        price("gpt-5*", 3),
        price("gpt-*", 4),
        price("openai:*", 5),
        price("llama3:8b", 6),
        price("free", 0),
    ]
    .concat();
    let settings = user(&text).settings();
    let table = [
        ("openai", "gpt-5", Some(1.0)),
        ("azure", "gpt-5", Some(2.0)),
        ("azure", "gpt-5-mini", Some(3.0)),
        ("azure", "gpt-4", Some(4.0)),
        // The longest beginning, whichever of the two it is of.
        ("openai", "gpt-4", Some(5.0)),
        ("openai", "o3", Some(5.0)),
        ("local", "llama3:8b", Some(6.0)),
        ("local", "free", Some(0.0)),
        ("local", "gpt", None),
        ("local", "free2", None),
        ("open", "ai", None),
    ];
    for (engine, model, input) in table {
        let found = settings.price_of(engine, model);
        assert_eq!(found.map(|p| p.price.input), input, "{engine} {model}");
    }
    let any = user(&price("*", 9)).settings();
    assert_eq!(any.price_of("x", "y").map(|p| p.price.output), Some(9.5));
    assert_eq!(Case::default().settings().price_of("openai", "gpt-5"), None);
}

#[test]
fn a_price_has_a_day_and_cached_input_a_price() {
    let text = "[price.a]\ninput = 3\ncached = 0.3\noutput = 15.5\ndate = '2026-11-01'\n\
                [price.b]\ninput = 3\noutput = 15\ndate = 2024-02-29";
    let settings = user(text).settings();
    let [a, b] = ["a", "b"].map(|name| &settings.prices[name]);
    assert_eq!(
        (a.price.input, a.price.cached, a.price.output),
        (3.0, 0.3, 15.5)
    );
    assert_eq!((b.price.input, b.price.cached), (3.0, 3.0));
    assert_eq!(
        [a, b].map(|p| p.date.to_string()),
        ["2026-11-01", "2024-02-29"]
    );
    assert_eq!(a.origin.to_string(), format!("{USER}:1"));
    let listed: Vec<&str> = settings.set.iter().map(|set| set.key.as_str()).collect();
    assert!(listed.contains(&"price.\"a\".cached"), "{listed:?}");
}

#[test]
fn tokens_reach_no_child_but_who_is_named() {
    let env = [
        ("PATH", "/bin"),
        ("HF_TOKEN", "hf_12345678"),
        ("OPENAI_API_KEY", "sk-12345678"),
        ("ANTHROPIC_API_KEY", "sk-ant-12345678"),
        ("LLM_API_KEY", "llm-12345678"),
        ("TEAM_ACCESS", "team"),
        ("TEAM_NAME", "blue"),
        ("OPENAI_ORGANIZATION", "org"),
        (
            "CODELICIOUS_ENV_PASS",
            "HF_*,OPENAI_*,LLM_*,TEAM_*,ANTHROPIC_*",
        ),
    ];
    let case = Case {
        user: "[engine.team]\ntype = 'openai'\ntoken_env = 'TEAM_ACCESS'",
        env: &env,
        ..Case::default()
    };
    let (environment, settings) = (case.environment(), case.settings());
    let names = |vars: Vec<(String, String)>| vars.into_iter().map(|v| v.0).collect::<Vec<_>>();
    let plain = ["HOME", "OPENAI_ORGANIZATION", "PATH", "TEAM_NAME"];
    assert_eq!(names(environment.children(&settings)), plain);
    assert_eq!(names(environment.git_env(&settings)), plain);
    for kind in [
        EngineKind::Replay,
        EngineKind::HuggingFace,
        EngineKind::OpenAi,
        EngineKind::Anthropic,
        EngineKind::Command,
    ] {
        assert_eq!(
            names(environment.engine_env(&settings, kind)),
            plain,
            "{kind:?}"
        );
    }
    let claude = names(environment.engine_env(&settings, EngineKind::Claude));
    assert!(claude.contains(&"ANTHROPIC_API_KEY".to_owned()));
    assert!(
        !claude.contains(&"OPENAI_API_KEY".to_owned())
            && !claude.contains(&"LLM_API_KEY".to_owned())
    );
    let asked = ["OPENAI_*".to_owned()];
    let codex = names(environment.command_env(&settings, &asked));
    assert!(codex.contains(&"OPENAI_API_KEY".to_owned()));
    assert!(
        !codex.contains(&"HF_TOKEN".to_owned()) && !codex.contains(&"ANTHROPIC_API_KEY".to_owned())
    );

    // All are secrets, whatever their names.
    let secrets = environment.secrets(&settings);
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(
        secrets,
        [
            "sk-ant-12345678",
            "llm-12345678",
            "hf_12345678",
            "sk-12345678",
            "team"
        ]
    );

    // What a user names in full is the user's word.
    let env = [
        ("HF_TOKEN", "hf_12345678"),
        ("CODELICIOUS_ENV_PASS", "HF_TOKEN"),
    ];
    let case = Case {
        env: &env,
        ..Case::default()
    };
    assert_eq!(
        names(case.environment().children(&case.settings())),
        ["HF_TOKEN", "HOME"]
    );
}

fn found(case: &Case<'_>, name: &str) -> Result<Option<(String, String)>, TokenError> {
    Ok(
        match case.settings().engines[name].token(&case.environment())? {
            Token::Known { secret, from } => Some((secret.expose_secret().to_owned(), from)),
            Token::Command(words) => Some((words.join(" "), "command".to_owned())),
            Token::None => None,
        },
    )
}

#[test]
fn a_token_is_looked_for_by_kind_and_where_the_table_says() {
    let all = [
        ("HF_TOKEN", "hf"),
        ("OPENAI_API_KEY", "oa"),
        ("ANTHROPIC_API_KEY", "an"),
        ("LLM_API_KEY", "llm"),
    ];
    let with = |env| Case {
        env,
        ..Case::default()
    };
    let pair = |token: &str, from: &str| Some((token.to_owned(), from.to_owned()));
    for (name, token, from) in [
        ("huggingface", "hf", "HF_TOKEN"),
        ("openai", "oa", "OPENAI_API_KEY"),
        ("anthropic", "an", "ANTHROPIC_API_KEY"),
    ] {
        assert_eq!(found(&with(&all), name), Ok(pair(token, from)));
        assert_eq!(
            found(&with(&all[3..]), name),
            Ok(pair("llm", "LLM_API_KEY"))
        );
        assert_eq!(found(&with(&[]), name), Ok(None));
    }
    assert_eq!(found(&with(&all), "claude"), Ok(None));
    assert_eq!(found(&with(&all), "codex"), Ok(None));

    let named = |env| Case {
        user: "[engine.openai]\ntoken_env = 'MINE'\n[engine.anthropic]\ntoken_command = ['pass', 'x']",
        env,
        ..Case::default()
    };
    assert_eq!(
        found(&named(&[("MINE", " abc\n")]), "openai"),
        Ok(pair("abc", "MINE"))
    );
    assert_eq!(
        found(&named(&all), "anthropic"),
        Ok(pair("pass x", "command"))
    );
    let error = found(&named(&all), "openai").expect_err("another variable was named");
    assert!(
        error
            .to_string()
            .starts_with("the variable MINE is not set"),
        "{error}"
    );
    for bad in ["two words", "two\nlines", "tab\there", "ümlaut", " "] {
        let env = [("MINE", bad)];
        let case = Case {
            user: "[engine.openai]\ntoken_env = 'MINE'",
            env: &env,
            ..Case::default()
        };
        let error = found(&case, "openai").expect_err(bad).to_string();
        assert!(error.starts_with("MINE does not hold a token: "), "{error}");
        assert!(
            !error.contains(bad.trim()) || bad.trim().is_empty(),
            "{error}"
        );
    }
    let printed = Token::printed("tok\n", "pass").expect("a token");
    assert!(!format!("{printed:?}").contains("tok"), "{printed:?}");
    let error = Token::printed("", "pass").expect_err("nothing").to_string();
    assert!(
        error.starts_with("what `pass` printed does not hold a token: it is empty"),
        "{error}"
    );
}

#[test]
fn a_token_s_file_is_its_owner_s_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let put = |name: &str, text: &[u8], mode: u32| {
        use std::io::Write as _;
        let mut file = std::fs::File::create(at(name)).expect("made");
        file.write_all(text).expect("written");
        file.set_permissions(std::fs::Permissions::from_mode(mode))
            .expect("set");
    };
    put("good", b"sk-good\r\n", 0o600);
    put("read-only", b"sk-good", 0o400);
    symlink(at("good"), at("link")).expect("linked");
    put("group", b"sk-bad", 0o640);
    put("world", b"sk-bad", 0o604);
    put("writable", b"sk-bad", 0o620);
    put("empty", b"", 0o600);
    put("lines", b"sk-bad\nsk-worse\n", 0o600);
    put("latin", b"sk-\xff", 0o600);
    put("huge", &[b'x'; 17 * 1024], 0o600);
    symlink(at("world"), at("link-to-world")).expect("linked");
    std::fs::create_dir(at("folder")).expect("made");
    rustix::fs::mkfifoat(rustix::fs::CWD, at("it's a pipe"), rustix::fs::Mode::RUSR)
        .expect("a pipe");
    let token = |name: &str| {
        let text = format!("[engine.openai]\ntoken_file = {:?}", at(name));
        found(&user(&text), "openai")
    };
    // What is found there appears nowhere; what is not used has no say.
    for (name, secrets) in [("good", &["sk-good"][..]), ("world", &[]), ("missing", &[])] {
        let text = format!("[engine.openai]\ntoken_file = {:?}", at(name));
        let case = user(&text);
        let found = case.environment().secrets(&case.settings());
        let found: Vec<&str> = found.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(found, secrets, "{name}");
    }
    for name in ["good", "read-only", "link"] {
        let path = at(name).display().to_string();
        assert_eq!(token(name), Ok(Some(("sk-good".to_owned(), path))));
    }
    let table = [
        ("group", "others can read the token in it; run: chmod 600 '"),
        ("world", "others can read"),
        ("writable", "others can read"),
        ("link-to-world", "others can read"),
        ("empty", "does not hold a token: it is empty"),
        (
            "lines",
            "does not hold a token: it has spaces, several lines",
        ),
        ("latin", "cannot be read: "),
        ("huge", "it is too long"),
        ("folder", "cannot be read: it is not a file"),
        ("it's a pipe", "cannot be read: it is not a file"),
        ("missing", "cannot be read: No such file"),
    ];
    for (name, part) in table {
        let error = token(name).expect_err(name).to_string();
        assert!(
            error.contains(part) && error.contains(name),
            "{name}: {error}"
        );
        assert!(!error.contains("sk-"), "{name}: {error}");
    }
}

/// Words that tables are made of, sound and not.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9_-]{0,6}",
        Just("claude".to_owned()),
        Just("openai".to_owned()),
        Just("codex".to_owned()),
        Just("replay:t".to_owned()),
        Just("auto".to_owned()),
        ".{0,12}",
    ]
}

proptest! {
    #[test]
    fn no_chain_panics_and_a_sound_one_reads_back(words in proptest::collection::vec(word(), 0..5)) {
        let text = words.join(",");
        if let Ok(choice) = text.parse::<EngineChoice>() {
            prop_assert_eq!(choice.to_string().parse::<EngineChoice>(), Ok(choice));
        }
        let list: Vec<&str> = words.iter().map(String::as_str).collect();
        let _ = EngineChoice::of(&list);
    }

    #[test]
    fn no_table_panics(
        names in proptest::collection::vec(word(), 1..4),
        fields in proptest::collection::vec((0..ENGINE_FIELDS.len() + PRICE_FIELDS.len(), super::tests::value()), 0..6),
        is_price in any::<bool>(),
    ) {
        let mut text = String::new();
        for name in names {
            let family = if is_price { "price" } else { "engine" };
            text.push_str(&format!("[{family}.{}]\n", toml::Value::String(name)));
            for (at, value) in &fields {
                let field = ENGINE_FIELDS.iter().chain(PRICE_FIELDS).nth(*at).expect("a field");
                text.push_str(&format!("{} = {value}\n", field.name));
            }
        }
        for case in [repo(&text), user(&text)] {
            let _ = case.resolve().map_err(|error| error.to_string());
        }
    }

    #[test]
    fn any_price_is_found_by_its_own_name(name in "[a-z:.-]{1,12}", engine in "[a-z]{1,4}") {
        let text = format!("[price.{name:?}]\ninput = 1\noutput = 1\ndate = '2026-11-01'");
        let settings = user(&text).settings();
        prop_assert!(settings.price_of(&engine, &name).is_some());
    }
}
