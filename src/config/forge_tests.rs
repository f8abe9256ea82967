//! Settings of pull requests, forges and sources, and what is read of forges' variables.

use super::tests::{Case, REPO, USER, repo, user};
use super::*;
use crate::model::{ForgeKind, PrMode};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::path::PathBuf;

#[test]
fn every_platform_and_mode_has_its_word() {
    let platforms = [
        ("auto", Platform::Auto),
        ("local", Platform::Local),
        ("github", Platform::Forge(ForgeKind::GitHub)),
        ("gitlab", Platform::Forge(ForgeKind::GitLab)),
        ("gitea", Platform::Forge(ForgeKind::Gitea)),
    ];
    assert_eq!(platforms.map(|(word, _)| word), PLATFORMS);
    for (word, platform) in platforms {
        let text = format!("pr.platform = '{word}'");
        let given = repo(&text).settings().pr.platform;
        assert_eq!((given.value, given.origin.rank()), (platform, 2), "{word}");
    }
    for mode in [PrMode::Part, PrMode::Chunk, PrMode::Spec] {
        let text = format!("pr.mode = '{}'", mode.word());
        assert_eq!(*repo(&text).settings().pr.mode, mode);
    }
}

#[test]
fn what_a_repository_says_of_its_pull_requests_counts() {
    let s = repo(
        "[pr]\nmax_open = 2\nlabels = ['ai', 'needs review']\nreviewers = ['ann', 'team:core', 'x[bot]']\n\
         template = '.github/pr.md'\nuncounted = ['gen/**']\n[sources]\nissues = { label = 'todo' }\n",
    )
    .settings();
    assert_eq!(*s.pr.max_open, 2);
    assert_eq!(*s.pr.labels, ["ai", "needs review"]);
    assert_eq!(*s.pr.reviewers, ["ann", "team:core", "x[bot]"]);
    assert_eq!(s.pr.template.as_deref(), Some(".github/pr.md"));
    assert_eq!(*s.pr.uncounted, ["gen/**"]);
    assert_eq!(
        s.sources.issues.value,
        Some(IssueSource {
            label: "todo".to_owned()
        })
    );
    assert_eq!(s.sources.issues.origin.to_string(), format!("{REPO}:8"));
}

#[test]
fn variables_say_the_same_in_words() {
    let s = Case {
        env: &[
            ("CODELICIOUS_PR_MODE", "chunk"),
            ("CODELICIOUS_PR_MAX_OPEN", "9"),
            ("CODELICIOUS_PR_LABELS", "ai, needs review"),
            ("CODELICIOUS_PR_REVIEWERS", "ann,team:core"),
            ("CODELICIOUS_PR_TEMPLATE", "a/b.md"),
            ("CODELICIOUS_PR_UNCOUNTED", "*.gen\n/x"),
            ("CODELICIOUS_FORGE_REPOSITORY", "group/sub/name"),
            ("CODELICIOUS_FORGE_API", "https://git.example/api/v4/"),
            ("CODELICIOUS_FORGE_TOKEN_COMMAND", "pass\nshow\nforge"),
            ("CODELICIOUS_SOURCES_ISSUES", "to do"),
        ],
        ..Case::default()
    }
    .settings();
    assert_eq!((*s.pr.mode, *s.pr.max_open), (PrMode::Chunk, 9));
    assert_eq!(*s.pr.labels, ["ai", "needs review"]);
    assert_eq!(*s.pr.reviewers, ["ann", "team:core"]);
    assert_eq!(s.pr.template.as_deref(), Some("a/b.md"));
    assert_eq!(*s.pr.uncounted, ["*.gen", "/x"]);
    assert_eq!(s.forge.repository.as_deref(), Some("group/sub/name"));
    let api = s.forge.api.as_ref().map(ToString::to_string);
    assert_eq!(api.as_deref(), Some("https://git.example/api/v4"));
    assert_eq!(
        s.forge.token.value,
        Some(TokenSource::Command(
            ["pass", "show", "forge"].map(str::to_owned).into()
        ))
    );
    assert_eq!(
        s.sources.issues.value.map(|i| i.label).as_deref(),
        Some("to do")
    );
}

#[test]
fn wrong_values_say_what_is_allowed() {
    let long = "x".repeat(256);
    let many = format!("[{}]", "'a', ".repeat(51));
    let table = [
        (
            "pr.mode = 'parts'",
            "`pr.mode` cannot be \"parts\"; it must be one of part, chunk, spec",
        ),
        ("pr.max_open = 0", "a whole number from 1 to 100"),
        ("pr.max_open = 101", "a whole number from 1 to 100"),
        (
            "pr.labels = 'ai'",
            "`pr.labels` is a text; it must be a list of labels",
        ),
        ("pr.labels = ['a,b']", "without commas"),
        ("pr.labels = [' a']", "without commas"),
        ("pr.labels = ['']", "without commas"),
        (&format!("pr.labels = ['{long}']"), "at most 255"),
        ("pr.reviewers = ['@ann']", "user names without @"),
        ("pr.reviewers = ['team:']", "team:NAME"),
        ("pr.reviewers = ['org/team']", "team:NAME"),
        ("pr.reviewers = ['group:x']", "team:NAME"),
        (
            &format!("pr.reviewers = {many}"),
            "a list of 51 items; it must be a list of user names",
        ),
        (
            "pr.template = '../x.md'",
            "a path below the repository's root",
        ),
        (
            "pr.template = '/etc/passwd'",
            "a path below the repository's root",
        ),
        (
            "pr.template = '.git/config'",
            "a path below the repository's root",
        ),
        ("pr.uncounted = ['a{b']", "a list of globs"),
        (
            "sources.issues = 'codelicious'",
            "`sources.issues` is a text; it must be a table",
        ),
        (
            "sources.issues = {}",
            "`sources.issues.label` cannot be missing",
        ),
        (
            "sources.issues = { label = 3 }",
            "`sources.issues.label` cannot be a whole number",
        ),
        (
            "sources.issues = { label = 'a,b' }",
            "`sources.issues.label` cannot be \"a,b\"",
        ),
        (
            "sources.issues = { labels = 'a' }",
            "unknown key `sources.issues.labels`; did you mean `label`?",
        ),
        ("pr.reviewer = ['a']", "did you mean `pr.reviewers`?"),
    ];
    for (text, says) in table {
        let error = repo(text).error();
        assert!(
            error.starts_with(&format!("{REPO}:1: ")) && error.contains(says),
            "{text}: {error}"
        );
    }
    let repositories = [
        "name",
        "a//b",
        "/a/b",
        "a/b/",
        "a/..",
        "a b/c",
        "a/b?c",
        "https://h/a/b",
        "a/b#1",
        "a/%2e%2e",
    ];
    for bad in repositories {
        let error = user(&format!("forge.repository = '{bad}'")).error();
        assert!(error.contains("owner/name"), "{bad}: {error}");
    }
    for good in ["a/b", "a/b/c/d", "o.o/n_n-1.x"] {
        let text = format!("forge.repository = '{good}'");
        assert_eq!(
            user(&text).settings().forge.repository.as_deref(),
            Some(good)
        );
    }
    // What is wrong with an address is told without it.
    let error = user("forge.api = 'https://me:hunter2@git.example/api/v4'").error();
    assert!(error.contains("no user name or password") && !error.contains("hunter2"));
    let error = user("forge.api = 'http://git.example/api/v4'").error();
    assert!(error.contains("write https://git.example"), "{error}");
}

#[test]
fn a_token_is_kept_in_one_place_and_the_higher_layer_says_where() {
    let token = |case: &Case<'_>| {
        let token = case.settings().forge.token;
        (token.value, token.origin.to_string())
    };
    let file = user("[forge]\ntoken_file = 'secrets/forge'");
    let beside = PathBuf::from("/home/ann/.config/codelicious/secrets/forge");
    assert_eq!(
        token(&file),
        (Some(TokenSource::File(beside)), format!("{USER}:2"))
    );
    let over = Case {
        env: &[("CODELICIOUS_FORGE_TOKEN_ENV", "MINE")],
        ..file
    };
    assert_eq!(
        token(&over),
        (
            Some(TokenSource::Variable("MINE".to_owned())),
            "CODELICIOUS_FORGE_TOKEN_ENV".to_owned()
        )
    );
    let twice = user("[forge]\ntoken_env = 'A'\ntoken_command = ['b']").error();
    assert_eq!(
        twice,
        format!(
            "{USER}:3: `forge.token_env` and `forge.token_command` both say where the token is; keep one of them"
        )
    );
    assert!(
        user("forge.token_command = []")
            .error()
            .contains("a list of arguments")
    );
    assert!(
        user("forge.token_env = 'A B'")
            .error()
            .contains("the name of an environment variable")
    );
}

#[test]
fn tokens_of_forges_reach_nobody_and_stand_in_no_output() {
    let mut env: Vec<(&str, &str)> = env_names::FORGE_TOKENS
        .iter()
        .map(|name| (*name, "dum1"))
        .collect();
    env.extend([
        ("MY_FORGE", "own-token"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("CODELICIOUS_FORGE_TOKEN_ENV", "MY_FORGE"),
        ("CODELICIOUS_ENV_PASS", "G*,MY_*,CI_*,FORGEJO_*"),
    ]);
    let case = Case {
        env: &env,
        ..Case::default()
    };
    let (environment, settings) = (case.environment(), case.settings());
    let everybody = [
        environment.children(&settings),
        environment.git_env(&settings),
        environment.command_env(&settings, &["OPENAI_*".to_owned()]),
    ];
    let engines = [
        EngineKind::Claude,
        EngineKind::Replay,
        EngineKind::HuggingFace,
        EngineKind::OpenAi,
        EngineKind::Anthropic,
        EngineKind::Command,
    ];
    let engines = engines.map(|kind| environment.engine_env(&settings, kind));
    for seen in everybody.iter().chain(&engines) {
        let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["GITHUB_SERVER_URL", "HOME"]);
    }
    let secrets = environment.secrets(&settings);
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets, ["own-token", "dum1"]);

    // By its full name it is the user's will.
    let case = Case {
        env: &[("GH_TOKEN", "dum1"), ("CODELICIOUS_ENV_PASS", "GH_TOKEN")],
        ..Case::default()
    };
    let seen = case.environment().children(&case.settings());
    assert!(seen.iter().any(|(name, _)| name == "GH_TOKEN"));
}

#[test]
fn every_token_is_in_the_table_of_variables() {
    for name in env_names::FORGE_TOKENS {
        assert!(
            env_names::FORGE_VARIABLES
                .iter()
                .any(|(known, _)| known == name),
            "{name}"
        );
    }
    for (name, meaning) in env_names::FORGE_VARIABLES {
        assert!(meaning.ends_with('.') && !meaning.contains('|'), "{name}");
        assert!(reference().contains(&format!("| `{name}` | {meaning} |")));
    }
}

proptest! {
    #[test]
    fn no_issue_panics_and_what_is_read_reads_back(text in "#?[0-9]{0,20}|https?://.{0,40}|.{0,20}") {
        if let Ok(issue) = text.parse::<IssueRef>() {
            prop_assert_eq!(issue.to_string().parse::<IssueRef>(), Ok(issue));
        }
    }

    #[test]
    fn a_repository_that_is_taken_cannot_leave_its_place(text in "[a-z./%? ]{0,20}") {
        let toml = format!("forge.repository = {text:?}");
        if let Ok(settings) = user(&toml).resolve() {
            let path = settings.forge.repository.value.unwrap_or_default();
            prop_assert!(path.split('/').count() >= 2);
            prop_assert!(path.split('/').all(|name| !name.is_empty() && name != "." && name != ".."));
        }
    }
}
