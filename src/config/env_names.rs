//! Every environment variable that codelicious reads, sets or hands on, in one place.

/// What all of our own variables start with. One that starts so and is not listed here is a mistyped name: an error.
pub const PREFIX: &str = "CODELICIOUS_";

/// `auto`, or engines separated by commas.
pub const ENGINE: &str = "CODELICIOUS_ENGINE";
/// Model the engine is asked to use.
pub const MODEL: &str = "CODELICIOUS_MODEL";
/// Address of the chain's first chat provider.
pub const ENDPOINT: &str = "CODELICIOUS_ENDPOINT";
/// Bound on one engine run, in seconds or as a duration (`30m`).
pub const AGENT_TIMEOUT_S: &str = "CODELICIOUS_AGENT_TIMEOUT_S";
/// Bound on an engine's silence, in seconds or as a duration.
pub const STALL_TIMEOUT_S: &str = "CODELICIOUS_STALL_TIMEOUT_S";
/// Bound on the whole run, in seconds or as a duration.
pub const DEADLINE_S: &str = "CODELICIOUS_DEADLINE_S";
/// Branch that lanes start from.
pub const BASE: &str = "CODELICIOUS_BASE";
/// `true` to look again when everything is built.
pub const CONTINUOUS: &str = "CODELICIOUS_CONTINUOUS";
/// Pause between two looks, in seconds.
pub const CYCLE_SLEEP_S: &str = "CODELICIOUS_CYCLE_SLEEP_S";
/// `true` to wait where all engines are limited.
pub const WAIT_FOR_RESET: &str = "CODELICIOUS_WAIT_FOR_RESET";
/// Bound on such waits together, in seconds or as a duration.
pub const MAX_WAIT_TOTAL_S: &str = "CODELICIOUS_MAX_WAIT_TOTAL_S";
/// Engine attempts per chunk over all runs.
pub const MAX_ATTEMPTS: &str = "CODELICIOUS_MAX_ATTEMPTS";
/// Fix turns per attempt.
pub const MAX_FIX_ATTEMPTS: &str = "CODELICIOUS_MAX_FIX_ATTEMPTS";
/// `off`: the user accepts that nothing is walled in.
pub const SANDBOX: &str = "CODELICIOUS_SANDBOX";
/// `true` where maintainers allowed what their policy forbids.
pub const I_HAVE_PERMISSION: &str = "CODELICIOUS_I_HAVE_PERMISSION";
/// Commits per pull request.
pub const PR_MAX_COMMITS: &str = "CODELICIOUS_PR_MAX_COMMITS";
/// Changed lines per pull request.
pub const PR_MAX_LINES: &str = "CODELICIOUS_PR_MAX_LINES";
/// Where pull requests go.
pub const PR_PLATFORM: &str = "CODELICIOUS_PR_PLATFORM";
/// `part`, `chunk` or `spec`.
pub const PR_MODE: &str = "CODELICIOUS_PR_MODE";
/// Open pull requests per spec.
pub const PR_MAX_OPEN: &str = "CODELICIOUS_PR_MAX_OPEN";
/// Labels of pull requests, separated by commas.
pub const PR_LABELS: &str = "CODELICIOUS_PR_LABELS";
/// Reviewers of pull requests, separated by commas.
pub const PR_REVIEWERS: &str = "CODELICIOUS_PR_REVIEWERS";
/// The text that pull requests are made from, in the repository.
pub const PR_TEMPLATE: &str = "CODELICIOUS_PR_TEMPLATE";
/// Globs of files whose lines do not count, one a line.
pub const PR_UNCOUNTED: &str = "CODELICIOUS_PR_UNCOUNTED";
/// The repository on its forge.
pub const FORGE_REPOSITORY: &str = "CODELICIOUS_FORGE_REPOSITORY";
/// Address of the forge's API.
pub const FORGE_API: &str = "CODELICIOUS_FORGE_API";
/// Address of GitHub's GraphQL.
pub const FORGE_GRAPHQL: &str = "CODELICIOUS_FORGE_GRAPHQL";
/// Name of the variable that holds the forge's token.
pub const FORGE_TOKEN_ENV: &str = "CODELICIOUS_FORGE_TOKEN_ENV";
/// File that holds it.
pub const FORGE_TOKEN_FILE: &str = "CODELICIOUS_FORGE_TOKEN_FILE";
/// Program that prints it, and its arguments, one a line.
pub const FORGE_TOKEN_COMMAND: &str = "CODELICIOUS_FORGE_TOKEN_COMMAND";
/// Label of the issues that are specs.
pub const SOURCES_ISSUES: &str = "CODELICIOUS_SOURCES_ISSUES";
/// Prose specs to build, separated by commas.
pub const SPECS_PATHS: &str = "CODELICIOUS_SPECS_PATHS";
/// Globs of files that are no specs, one a line.
pub const SPECS_EXCLUDE: &str = "CODELICIOUS_SPECS_EXCLUDE";
/// Globs of files that are specs as well, one a line.
pub const SPECS_INCLUDE: &str = "CODELICIOUS_SPECS_INCLUDE";
/// `true` to build what specs call optional.
pub const SPECS_OPTIONAL: &str = "CODELICIOUS_SPECS_OPTIONAL";
/// Rules of `lint` that are not told, with commas between them.
pub const LINT_ALLOW: &str = "CODELICIOUS_LINT_ALLOW";
/// Rules of `lint` whose findings are errors, with commas between them.
pub const LINT_DENY: &str = "CODELICIOUS_LINT_DENY";
/// `auto`, `tasks` or `llm`.
pub const PLAN_STRATEGY: &str = "CODELICIOUS_PLAN_STRATEGY";
/// Tokens of a spec that a model plans at a time.
pub const PLAN_WINDOW_TOKENS: &str = "CODELICIOUS_PLAN_WINDOW_TOKENS";
/// Tokens that two such windows have in common.
pub const PLAN_OVERLAP_TOKENS: &str = "CODELICIOUS_PLAN_OVERLAP_TOKENS";
/// Windows of one spec.
pub const PLAN_MAX_WINDOWS: &str = "CODELICIOUS_PLAN_MAX_WINDOWS";
/// Dollars per run.
pub const BUDGET_MAX_COST_USD: &str = "CODELICIOUS_BUDGET_MAX_COST_USD";
/// Tokens per run.
pub const BUDGET_MAX_TOKENS: &str = "CODELICIOUS_BUDGET_MAX_TOKENS";
/// Dollars per chunk.
pub const BUDGET_CHUNK_MAX_COST_USD: &str = "CODELICIOUS_BUDGET_CHUNK_MAX_COST_USD";
/// Tokens per chunk.
pub const BUDGET_CHUNK_MAX_TOKENS: &str = "CODELICIOUS_BUDGET_CHUNK_MAX_TOKENS";
/// Prompt tokens per chunk for Claude.
pub const BUDGET_CLAUDE: &str = "CODELICIOUS_BUDGET_CLAUDE";
/// Prompt tokens per chunk for the replay engine.
pub const BUDGET_REPLAY: &str = "CODELICIOUS_BUDGET_REPLAY";
/// Largest spec that is read, in bytes.
pub const BUDGET_MAX_SPEC_BYTES: &str = "CODELICIOUS_BUDGET_MAX_SPEC_BYTES";
/// Further tries of what failed for a moment.
pub const RETRY_MAX_RETRIES: &str = "CODELICIOUS_RETRY_MAX_RETRIES";
/// Longest first pause, in seconds or as a duration.
pub const RETRY_BASE_S: &str = "CODELICIOUS_RETRY_BASE_S";
/// Longest pause of our own choice, in seconds or as a duration.
pub const RETRY_MAX_PAUSE_S: &str = "CODELICIOUS_RETRY_MAX_PAUSE_S";
/// Longest wait on the spot that a provider may ask for, in seconds or as a duration.
pub const RETRY_MAX_WAIT_S: &str = "CODELICIOUS_RETRY_MAX_WAIT_S";
/// Hosts that may resolve to private addresses, separated by commas.
pub const NETWORK_PRIVATE_HOSTS: &str = "CODELICIOUS_NETWORK_PRIVATE_HOSTS";
/// Bound on one answer of the forge, in seconds or as a duration.
pub const NETWORK_ANSWER_TIMEOUT_S: &str = "CODELICIOUS_NETWORK_ANSWER_TIMEOUT_S";
/// Folder that holds the lanes' worktrees.
pub const WORKTREE_DIR: &str = "CODELICIOUS_WORKTREE_DIR";
/// Shell commands that make a new worktree usable, one a line.
pub const WORKTREE_SETUP: &str = "CODELICIOUS_WORKTREE_SETUP";
/// Files copied into a new worktree, separated by commas.
pub const WORKTREE_COPY: &str = "CODELICIOUS_WORKTREE_COPY";
/// Folders linked into a new worktree, separated by commas.
pub const WORKTREE_LINK: &str = "CODELICIOUS_WORKTREE_LINK";
/// Further variables that engines and checks may see, separated by commas.
pub const ENV_PASS: &str = "CODELICIOUS_ENV_PASS";
/// How a chunk is proven, as the keys of these names say.
pub const VERIFY_COMMANDS: &str = "CODELICIOUS_VERIFY_COMMANDS";
pub const VERIFY_DETECT: &str = "CODELICIOUS_VERIFY_DETECT";
pub const VERIFY_DISABLE: &str = "CODELICIOUS_VERIFY_DISABLE";
pub const VERIFY_SCOPE: &str = "CODELICIOUS_VERIFY_SCOPE";
pub const VERIFY_TIMEOUT_S: &str = "CODELICIOUS_VERIFY_TIMEOUT_S";
pub const VERIFY_ALLOW_UNVERIFIED: &str = "CODELICIOUS_VERIFY_ALLOW_UNVERIFIED";
pub const VERIFY_REQUIRE: &str = "CODELICIOUS_VERIFY_REQUIRE";
pub const VERIFY_PROVE: &str = "CODELICIOUS_VERIFY_PROVE";
/// The reviewer of verified work, as the keys of these names say.
pub const REVIEW_ENGINE: &str = "CODELICIOUS_REVIEW_ENGINE";
pub const REVIEW_MODEL: &str = "CODELICIOUS_REVIEW_MODEL";
pub const REVIEW_MAX_ROUNDS: &str = "CODELICIOUS_REVIEW_MAX_ROUNDS";
pub const REVIEW_ON: &str = "CODELICIOUS_REVIEW_ON";
/// Coverage and evidence, as the keys of these names say.
pub const COVERAGE_MIN: &str = "CODELICIOUS_COVERAGE_MIN";
pub const COVERAGE_CHANGED_MIN: &str = "CODELICIOUS_COVERAGE_CHANGED_MIN";
pub const COVERAGE_TOLERANCE: &str = "CODELICIOUS_COVERAGE_TOLERANCE";
pub const COVERAGE_MEASURE: &str = "CODELICIOUS_COVERAGE_MEASURE";
pub const COVERAGE_COMMAND: &str = "CODELICIOUS_COVERAGE_COMMAND";
pub const COVERAGE_REPORT: &str = "CODELICIOUS_COVERAGE_REPORT";
pub const COVERAGE_FORMAT: &str = "CODELICIOUS_COVERAGE_FORMAT";
pub const EVIDENCE_NOTES: &str = "CODELICIOUS_EVIDENCE_NOTES";
pub const EVIDENCE_PUSH: &str = "CODELICIOUS_EVIDENCE_PUSH";
/// Text of commit messages.
pub const COMMIT_TEMPLATE: &str = "CODELICIOUS_COMMIT_TEMPLATE";
/// Further variables whose values are secrets, separated by commas.
pub const LOG_REDACT: &str = "CODELICIOUS_LOG_REDACT";
pub const GC_KEEP: &str = "CODELICIOUS_GC_KEEP";
pub const GC_KEEP_ATTEMPTS: &str = "CODELICIOUS_GC_KEEP_ATTEMPTS";
pub const GC_KEEP_ARCHIVES: &str = "CODELICIOUS_GC_KEEP_ARCHIVES";
/// Program that is started as Claude Code.
pub const CLAUDE_PATH: &str = "CODELICIOUS_CLAUDE_PATH";
/// Further arguments for it, one a line.
pub const CLAUDE_ARGS: &str = "CODELICIOUS_CLAUDE_ARGS";
/// Turns per Claude run.
pub const CLAUDE_MAX_TURNS: &str = "CODELICIOUS_CLAUDE_MAX_TURNS";
/// Dollars per Claude run.
pub const CLAUDE_MAX_BUDGET_USD: &str = "CODELICIOUS_CLAUDE_MAX_BUDGET_USD";

/// Hugging Face's token, under the name that its own tools use.
pub const HF_TOKEN: &str = "HF_TOKEN";
/// OpenAI's.
pub const OPENAI_API_KEY: &str = "OPENAI_API_KEY";
/// Anthropic's. Claude Code reads it too, and is the one engine that sees it.
pub const ANTHROPIC_API_KEY: &str = "ANTHROPIC_API_KEY";
/// The token of any provider that has no variable of its own set.
pub const LLM_API_KEY: &str = "LLM_API_KEY";
/// Tokens that our own requests carry. Children see one only when the user names it in full.
pub const TOKENS: &[&str] = &[HF_TOKEN, OPENAI_API_KEY, ANTHROPIC_API_KEY, LLM_API_KEY];

/// GitHub's token, under the names that its own tools and its Actions use.
pub const GITHUB_TOKEN: &str = "GITHUB_TOKEN";
pub const GH_TOKEN: &str = "GH_TOKEN";
/// The same for GitHub Enterprise Server.
pub const GH_ENTERPRISE_TOKEN: &str = "GH_ENTERPRISE_TOKEN";
pub const GITHUB_ENTERPRISE_TOKEN: &str = "GITHUB_ENTERPRISE_TOKEN";
/// The host of GitHub Enterprise Server that the GitHub command line is set to.
pub const GH_HOST: &str = "GH_HOST";
/// Where GitHub (or Gitea, which sets the same names in its Actions) is, for people and for programs.
pub const GITHUB_SERVER_URL: &str = "GITHUB_SERVER_URL";
pub const GITHUB_API_URL: &str = "GITHUB_API_URL";
pub const GITHUB_GRAPHQL_URL: &str = "GITHUB_GRAPHQL_URL";
/// The repository that a workflow runs in.
pub const GITHUB_REPOSITORY: &str = "GITHUB_REPOSITORY";
/// Set in workflows of Gitea and of Forgejo, beside GitHub's names.
pub const GITEA_ACTIONS: &str = "GITEA_ACTIONS";
pub const FORGEJO_ACTIONS: &str = "FORGEJO_ACTIONS";
/// GitLab's token, under the names that its command line takes.
pub const GITLAB_TOKEN: &str = "GITLAB_TOKEN";
pub const GITLAB_ACCESS_TOKEN: &str = "GITLAB_ACCESS_TOKEN";
/// The token that every job of GitLab has. It cannot open merge requests.
pub const CI_JOB_TOKEN: &str = "CI_JOB_TOKEN";
/// The host that the GitLab command line is set to, as a name or an address.
pub const GITLAB_HOST: &str = "GITLAB_HOST";
/// Where GitLab is, as its jobs are told.
pub const CI_SERVER_URL: &str = "CI_SERVER_URL";
pub const CI_API_V4_URL: &str = "CI_API_V4_URL";
/// The project that a job runs in.
pub const CI_PROJECT_PATH: &str = "CI_PROJECT_PATH";
/// Gitea's token, and Forgejo's.
pub const GITEA_TOKEN: &str = "GITEA_TOKEN";
pub const FORGEJO_TOKEN: &str = "FORGEJO_TOKEN";
/// Where Gitea is.
pub const GITEA_SERVER_URL: &str = "GITEA_SERVER_URL";
pub const FORGEJO_SERVER_URL: &str = "FORGEJO_SERVER_URL";
/// Tokens of forges. No engine and no check sees one, unless the user names it in full.
pub const FORGE_TOKENS: &[&str] = &[
    GITHUB_TOKEN,
    GH_TOKEN,
    GH_ENTERPRISE_TOKEN,
    GITHUB_ENTERPRISE_TOKEN,
    GITLAB_TOKEN,
    GITLAB_ACCESS_TOKEN,
    CI_JOB_TOKEN,
    GITEA_TOKEN,
    FORGEJO_TOKEN,
];

/// What is read of the variables of forges, and what for.
pub const FORGE_VARIABLES: &[(&str, &str)] = &[
    (
        GH_TOKEN,
        "A token for github.com, hosts below ghe.com and the host of `GITHUB_SERVER_URL`.",
    ),
    (
        GITHUB_TOKEN,
        "The same. In workflows of Gitea and Forgejo, where `GITEA_ACTIONS` or `FORGEJO_ACTIONS` is `true`, it is Gitea's.",
    ),
    (
        GH_ENTERPRISE_TOKEN,
        "A token for the host of `GH_HOST` or `GITHUB_SERVER_URL`; where neither is set, for the host that you say is GitHub.",
    ),
    (GITHUB_ENTERPRISE_TOKEN, "The same."),
    (
        GH_HOST,
        "The host of GitHub Enterprise Server. It is then known to be GitHub.",
    ),
    (
        GITHUB_SERVER_URL,
        "Where the GitHub (or Gitea) of a workflow is. In a workflow its host is then known to be that.",
    ),
    (
        GITHUB_API_URL,
        "Where its API is. Counts where it is on the remote's host, or on the host that GitHub has for the API of that.",
    ),
    (
        GITHUB_GRAPHQL_URL,
        "Where its GraphQL is. Counts as the line above.",
    ),
    (
        GITHUB_REPOSITORY,
        "The repository of a workflow. Counts where `GITHUB_SERVER_URL` is on the remote's host and the remote's path ends so.",
    ),
    (GITEA_ACTIONS, "`true` in workflows of Gitea."),
    (FORGEJO_ACTIONS, "`true` in workflows of Forgejo."),
    (
        GITLAB_TOKEN,
        "A token for the host of `GITLAB_HOST` or `CI_SERVER_URL`; where neither is set, for gitlab.com and the host that you say is GitLab.",
    ),
    (GITLAB_ACCESS_TOKEN, "The same."),
    (
        CI_JOB_TOKEN,
        "Never sent: GitLab lets no job's token open merge requests. Where it is all there is, the error says so.",
    ),
    (
        GITLAB_HOST,
        "The host of GitLab, as a name or an address. It is then known to be GitLab.",
    ),
    (
        CI_SERVER_URL,
        "Where the GitLab of a job is. Its host is then known to be GitLab.",
    ),
    (
        CI_API_V4_URL,
        "Where its API is. Counts where it is on the remote's host.",
    ),
    (
        CI_PROJECT_PATH,
        "The project of a job. Counts where `CI_SERVER_URL` is on the remote's host and the remote's path ends so.",
    ),
    (
        GITEA_TOKEN,
        "A token for the host of `GITEA_SERVER_URL`, `FORGEJO_SERVER_URL` or a workflow's `GITHUB_SERVER_URL`; where none is set, for gitea.com, codeberg.org and the host that you say is Gitea.",
    ),
    (FORGEJO_TOKEN, "The same."),
    (
        GITEA_SERVER_URL,
        "Where Gitea is. Its host is then known to be Gitea.",
    ),
    (FORGEJO_SERVER_URL, "The same for Forgejo."),
];

/// `true` for a step of GitHub Actions, and of what behaves like it (Gitea, Forgejo).
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>
pub const GITHUB_ACTIONS: &str = "GITHUB_ACTIONS";
/// The file to which a step appends its outputs.
pub const GITHUB_OUTPUT: &str = "GITHUB_OUTPUT";
/// The file to which a step appends its summary, in Markdown.
pub const GITHUB_STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Set for every process that a run starts: the token by which it is told from a stranger with the same
/// pid after a crash.
pub const RUN: &str = "CODELICIOUS_RUN";
/// The user's login name, where git knows no name.
pub const LOGNAME: &str = "LOGNAME";
/// The same on other systems.
pub const USER: &str = "USER";
/// Where a debug build dies or fails, for tests (see `crate::crash`).
#[cfg(debug_assertions)]
pub const CRASH: &str = "CODELICIOUS_CRASH";
/// Ours but no settings: ignored when they are set for us, as happens when an engine runs codelicious.
pub const INTERNAL: &[&str] = &[
    RUN,
    #[cfg(debug_assertions)]
    CRASH,
];

/// The user's home folder.
pub const HOME: &str = "HOME";
/// Base of the user's configuration; `~/.config` without it (XDG Base Directory Specification).
pub const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// Base of the user's caches; `~/.cache` without it, `~/Library/Caches` on macOS.
pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// Set and not empty: no colour (<https://no-color.org>).
pub const NO_COLOR: &str = "NO_COLOR";
/// Set and not `0`: colour even when output is no terminal (<https://bixense.com/clicolors/>).
pub const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";
/// `0`: no colour (<https://bixense.com/clicolors/>).
pub const CLICOLOR: &str = "CLICOLOR";
/// `dumb`: no colour.
pub const TERM: &str = "TERM";

/// What engines, checks and set-up commands may see of the user's environment. A trailing `*` stands
/// for any ending. Nothing here holds credentials by convention, except that a proxy's address may
/// (it is redacted) and that the SSH agent signs for whoever reaches its socket.
pub const PASS: &[&str] = &[
    // Who and where.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "COLORTERM",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TMPDIR",
    "TMP",
    "TEMP",
    "CI",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_DIRS",
    "XDG_DATA_DIRS",
    "XDG_BIN_HOME",
    // Reaching the network.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "ftp_proxy",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    // Where toolchains and their caches live.
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_JOBS",
    "CARGO_NET_OFFLINE",
    "CARGO_INCREMENTAL",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTFLAGS",
    "SCCACHE_DIR",
    "GOPATH",
    "GOROOT",
    "GOBIN",
    "GOCACHE",
    "GOMODCACHE",
    "GOFLAGS",
    "GOTOOLCHAIN",
    "NVM_DIR",
    "FNM_DIR",
    "VOLTA_HOME",
    "PNPM_HOME",
    "BUN_INSTALL",
    "DENO_DIR",
    "COREPACK_HOME",
    "NODE_PATH",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PIP_CACHE_DIR",
    "UV_CACHE_DIR",
    "UV_PYTHON",
    "PYTHONPATH",
    "RBENV_ROOT",
    "GEM_HOME",
    "GEM_PATH",
    "BUNDLE_PATH",
    "COMPOSER_HOME",
    "JAVA_HOME",
    "GRADLE_USER_HOME",
    "MAVEN_HOME",
    "ANDROID_HOME",
    "SDKMAN_DIR",
    "DOTNET_ROOT",
    "NUGET_PACKAGES",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "HOMEBREW_PREFIX",
    "NIX_PATH",
    "NIX_PROFILES",
    "LOCALE_ARCHIVE",
    "CC",
    "CXX",
    "AR",
    "PKG_CONFIG_PATH",
    "LIBRARY_PATH",
    "LD_LIBRARY_PATH",
    "CPATH",
    "SDKROOT",
    "DEVELOPER_DIR",
];

/// What Claude Code alone sees beside [`PASS`]: its own key, address and switches, and the cloud
/// accounts it can be pointed at. Checks never see these through a pattern.
pub const CLAUDE: &[&str] = &[
    "ANTHROPIC_*",
    "CLAUDE_*",
    "AWS_*",
    "CLOUD_ML_REGION",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    "GCLOUD_PROJECT",
    "VERTEX_REGION_*",
    "API_TIMEOUT_MS",
    "MAX_THINKING_TOKENS",
    "BASH_DEFAULT_TIMEOUT_MS",
    "BASH_MAX_TIMEOUT_MS",
    "MCP_TIMEOUT",
    "MCP_TOOL_TIMEOUT",
    "DISABLE_AUTOUPDATER",
    "DISABLE_ERROR_REPORTING",
    "DISABLE_TELEMETRY",
];

/// Tell of a Claude Code session around us; the one we start would take itself for a part of it.
pub const CLAUDE_NOT: &[&str] = &[
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_CODE_CHILD_SESSION",
];

/// The cloud accounts of [`CLAUDE`] are handed over only when one of these says that they are used.
pub const CLAUDE_CLOUD: &[&str] = &["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"];

/// What our own git commands see beside [`PASS`]: identity, signing, ways to ask for credentials.
/// Not the variables that would point git at another repository (`GIT_DIR` and its like).
pub const GIT: &[&str] = &[
    "GIT_AUTHOR_*",
    "GIT_COMMITTER_*",
    "EMAIL",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_*",
    "GIT_CONFIG_VALUE_*",
    "GIT_CONFIG_PARAMETERS",
    "GIT_EXEC_PATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "GIT_TERMINAL_PROMPT",
    "GIT_SSL_*",
    "GIT_HTTP_*",
    "GIT_TRACE*",
    "GNUPGHOME",
    "GPG_TTY",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS",
];
