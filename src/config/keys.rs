//! The one table of settings. The reader's unknown-key check, its types and ranges, the defaults, the
//! commented template and the reference all come from here.

use super::audit_keys as audit;
use super::env_names as env;
pub(super) use super::nearest::nearest;
use super::proof_keys as proof;
use super::spec_keys as spec;

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Bool,
    /// A whole number in a range, both ends included.
    Int {
        min: u64,
        max: u64,
    },
    /// Whole seconds in a range, or a duration such as `30m` within it.
    Seconds {
        min: u64,
        max: u64,
    },
    /// More than nothing, at most `max` US dollars.
    Dollars {
        max: u64,
    },
    /// A number of percent, or of points, from 0 to 100.
    Percent,
    /// A line for a shell.
    Command,
    /// One word that cannot be taken for a flag by a program that gets it as an argument.
    Word,
    OneOf(&'static [&'static str]),
    Engine,
    /// One engine, or none.
    OneEngine,
    /// A path; relative ones start at the file's folder, or where the program was started.
    Path,
    /// A program's name or path.
    Program,
    /// Text with the placeholders of [`super::CommitTemplate`].
    Template,
    List(Of),
    /// Commands, each a text or a table.
    Checks,
    /// The address of a chat model.
    Endpoint,
    /// Nothing or more, at most `max` US dollars, for a million tokens.
    Rate {
        max: u64,
    },
    /// A day that there is.
    Date,
    /// The name of an environment variable.
    Variable,
    /// Arguments, some of them in lists.
    Arguments,
    /// A path below the repository's root.
    Inside,
    /// A repository as its forge names it.
    Repository,
    /// Which issues are specs.
    Issues,
    /// What a walled process reaches.
    Network,
    /// Bytes in a range, or a size such as `4 GiB` within it.
    Size {
        min: u64,
        max: u64,
    },
}

/// What the items of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Names of environment variables.
    Variable,
    /// The same, where a trailing `*` stands for any ending.
    Pattern,
    /// Paths below the repository's root.
    Inside,
    /// Globs as in `.gitignore`.
    Glob,
    Command,
    Argument,
    /// Names or addresses of hosts.
    Host,
    Label,
    /// Names of checks.
    Check,
    /// Users, and teams behind `team:`.
    Reviewer,
    /// Paths on this machine.
    Place,
    /// Hosts, each perhaps with a port.
    Endpoint,
    /// Rules of `lint`.
    Rule,
}

impl Kind {
    /// What is allowed, so that it reads on after "it must be".
    pub fn allowed(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Int { min, max } => format!("a whole number from {min} to {max}"),
            Self::Seconds { min, max } => {
                format!("seconds from {min} to {max}, or a duration such as 90s, 30m or 8h")
            }
            Self::Dollars { max } => format!("a number of US dollars above 0 and up to {max}"),
            Self::Percent => "a number from 0 to 100".to_owned(),
            Self::Command => "a shell command".to_owned(),
            Self::Word => "one word that does not start with a dash".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Engine => "auto, or engines in the order in which they are tried, each once: built-in names, \
                             names of `[engine.<name>]` tables, or replay:FILE"
                .to_owned(),
            Self::OneEngine => "none, or one engine: a built-in name, the name of an `[engine.<name>]` table, or replay:FILE".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Program => "the name or path of a program".to_owned(),
            Self::Template => {
                "text that is not empty, with no placeholders but {spec}, {id}, {title} and {body} ({{ and }} \
                 stand for braces)"
                    .to_owned()
            }
            Self::List(of) => format!("a list of {}", of.words()),
            Self::Checks => {
                "a list of shell commands, or of tables with run and, where wanted, name, dir, when, timeout_s, reads, report and only"
                    .to_owned()
            }
            Self::Endpoint => {
                "an https address without user name and parameters, or http on this machine".to_owned()
            }
            Self::Rate { max } => {
                format!("US dollars for a million tokens, a number from 0 to {max}")
            }
            Self::Date => "a day as \"2026-11-01\"".to_owned(),
            Self::Variable => "the name of an environment variable".to_owned(),
            Self::Arguments => "a list of arguments, some of them in lists of their own".to_owned(),
            Self::Inside => "a path below the repository's root, relative to it".to_owned(),
            Self::Repository => {
                "owner/name, on GitLab with all groups, without the address of the forge".to_owned()
            }
            Self::Issues => {
                "a table as { label = \"codelicious\" }, in a variable the label alone".to_owned()
            }
            Self::Network => {
                format!("\"none\", \"loopback\", \"full\", or a list of {}", Of::Endpoint.words())
            }
            Self::Size { min, max } => format!(
                "a number of bytes, or a size such as \"512 MiB\" or \"4 GiB\", from {} to {}",
                in_units(*min),
                in_units(*max)
            ),
        }
    }
}

impl Of {
    fn words(self) -> &'static str {
        match self {
            Self::Variable => "names of environment variables",
            Self::Pattern => "names of environment variables, which may end in *",
            Self::Inside => "paths below the repository's root, relative to it",
            Self::Glob => "globs as in .gitignore",
            Self::Command => "shell commands",
            Self::Argument => "arguments",
            Self::Host => "names or addresses of hosts, without port",
            Self::Label => "labels, each of at most 255 characters and without commas",
            Self::Check => "names of checks, which may end in @ and a folder",
            Self::Reviewer => "user names without @, or team:NAME for a team, at most 50 of them",
            Self::Place => "paths, absolute, below ~/, or relative to the lane without ..",
            Self::Endpoint => "hosts, such as api.example.org, *.example.org or 127.0.0.1:5432",
            Self::Rule => "rules of `codelicious lint`, such as vague",
        }
    }

    /// Items that a list may have.
    pub(super) fn most(self) -> usize {
        match self {
            Self::Reviewer => 50,
            Self::Label => 100,
            Self::Variable
            | Self::Pattern
            | Self::Inside
            | Self::Glob
            | Self::Command
            | Self::Argument
            | Self::Check
            | Self::Place
            | Self::Endpoint
            | Self::Rule
            | Self::Host => super::decode::MAX_ITEMS,
        }
    }

    /// What separates the items when the list stands in an environment variable.
    pub(super) fn separator(self) -> char {
        match self {
            Self::Variable
            | Self::Pattern
            | Self::Inside
            | Self::Host
            | Self::Label
            | Self::Check
            | Self::Endpoint
            | Self::Rule
            | Self::Reviewer => ',',
            Self::Place | Self::Glob | Self::Command | Self::Argument => '\n',
        }
    }
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyDoc {
    /// Dotted: `pr.max_lines`.
    pub key: &'static str,
    pub kind: Kind,
    /// As TOML; empty when the setting is optional and not set.
    pub default: &'static str,
    pub env: &'static str,
    /// With its dashes.
    pub flag: Option<&'static str>,
    pub doc: &'static str,
    /// True when the repository's file may not set it: it would weaken a wall or redirect a secret.
    pub wall: bool,
    /// As TOML: what the template shows for an optional setting.
    pub example: &'static str,
}

impl KeyDoc {
    pub(super) const fn new(
        key: &'static str,
        kind: Kind,
        default: &'static str,
        env: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            key,
            kind,
            default,
            env,
            flag: None,
            doc,
            wall: false,
            example: default,
        }
    }

    pub(super) const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn wall(mut self) -> Self {
        self.wall = true;
        self
    }

    pub(super) const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// The table the key stands in; empty for the top.
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// The key within its table.
    pub fn leaf(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, leaf)| leaf)
    }
}

/// The tables of the file, in the order of the template, each with a line about it.
pub const SECTIONS: [(&str, &str); 21] = [
    (
        "sandbox",
        "The wall around everything that a model or the repository causes.",
    ),
    ("pr", "How big pull requests get and where they go."),
    (
        "forge",
        "The forge that pull requests go to, where the remote does not tell.",
    ),
    ("sources", "Work that comes from elsewhere than files."),
    ("specs", "What is a spec."),
    ("plan", "How specs become chunks."),
    ("lint", "What `lint` makes of its rules."),
    (
        "budget",
        "What a run and a chunk may put before an engine, and what they may spend.",
    ),
    (
        "retry",
        "How often and how long what failed for a moment is tried again.",
    ),
    ("network", "What our own requests may reach."),
    (
        "worktree",
        "Where the work happens, outside your own tree, and what it needs there.",
    ),
    ("env", "What engines and checks see of your environment."),
    ("verify", "How a chunk is proven."),
    (
        "review",
        "A second engine that reads verified work. It decides nothing: its remarks are shown, and grave ones get the work one more fix turn.",
    ),
    (
        "audit",
        "What becomes of what the audit of a diff finds: fail (back to the engine), needs_review (a person looks first), or note (listed in the pull request).",
    ),
    ("coverage", "How much of the code the tests run."),
    ("evidence", "What is kept of how a chunk was proven."),
    ("commit", "How commits look."),
    ("log", "What is kept out of every output."),
    (
        "gc",
        "How long `codelicious gc` keeps what nothing needs any more.",
    ),
    ("claude", "Claude Code."),
];

/// Tables whose names people choose, each with the name as it stands in a heading.
pub(super) const FAMILIES: [(&str, &str); 3] = [
    ("engine", "[engine.<name>]"),
    ("sandbox", "[sandbox] with mode, or [sandbox.<preset>]"),
    ("price", "[price.\"<model>\"]"),
];

/// The words of `pr.platform`.
pub const PLATFORMS: &[&str] = &["auto", "local", "github", "gitlab", "gitea"];

const WEEK: u64 = 7 * 86_400;
const DAY: u64 = 86_400;
/// Above what any plan or account has room for.
const MAX_TOKENS: u64 = 1_000_000_000_000;
const MAX_DOLLARS: u64 = 100_000;
/// Ten years.
const MAX_KEEP: u64 = 3_650 * 86_400;

/// Every setting, in the order of the template.
pub const KEYS: &[KeyDoc] = &[
    KeyDoc::new("engine", Kind::Engine, "\"auto\"", env::ENGINE,
        "What writes code: auto (what is installed), or a chain such as \"claude,huggingface\" or [\"claude\", \"codex\"]; when one is limited, refused its key or cannot be reached, the next takes over. Built in: claude, huggingface, openai, anthropic, codex, gemini, opencode, aider; replay:FILE plays a recording, and its path ends at a comma. In a file that has `[engine.<name>]` tables it is written `chain = …` below `[engine]`.")
        .flag("--engine"),
    KeyDoc::new("model", Kind::Word, "", env::MODEL, "The model that the first engine of the chain is asked to use. Where it is not set: the own choice of Claude Code and agents, Qwen/Qwen3-Coder-480B-A35B-Instruct for huggingface; openai and anthropic need one.")
        .flag("--model").example("\"sonnet\""),
    KeyDoc::new("endpoint", Kind::Endpoint, "", env::ENDPOINT,
        "The address of the first chat provider of the chain, in place of its `base_url`; refused where the chain has none.")
        .flag("--endpoint").example("\"http://127.0.0.1:8080/v1\"").wall(),
    KeyDoc::new("agent_timeout_s", Kind::Seconds { min: 1, max: WEEK }, "1800", env::AGENT_TIMEOUT_S,
        "Bound on one engine run.")
        .flag("--agent-timeout"),
    KeyDoc::new("stall_timeout_s", Kind::Seconds { min: 1, max: WEEK }, "600", env::STALL_TIMEOUT_S,
        "Bound on an engine's silence within a run.")
        .flag("--stall-timeout"),
    KeyDoc::new("deadline_s", Kind::Seconds { min: 1, max: 5 * WEEK }, "", env::DEADLINE_S,
        "Bound on the whole run; it stops there and can be resumed.")
        .flag("--deadline").example("\"8h\""),
    KeyDoc::new("base", Kind::Word, "", env::BASE,
        "The branch that work starts from and pull requests go to; the repository's default branch when not set.")
        .flag("--base").example("\"main\""),
    KeyDoc::new("continuous", Kind::Bool, "false", env::CONTINUOUS,
        "Build, look again for new work, and end when nothing is left that may be built.")
        .flag("--continuous"),
    KeyDoc::new("cycle_sleep_s", Kind::Seconds { min: 0, max: 3600 }, "60", env::CYCLE_SLEEP_S,
        "Pause between two looks of a continuous run.")
        .flag("--cycle-sleep-s"),
    KeyDoc::new("wait_for_reset", Kind::Bool, "", env::WAIT_FOR_RESET,
        "Where all engines are limited, wait for the first that is free again; as `continuous` when not set.")
        .flag("--wait-for-reset").example("true"),
    KeyDoc::new("max_wait_total_s", Kind::Seconds { min: 60, max: 30 * DAY }, "\"24h\"", env::MAX_WAIT_TOTAL_S,
        "Such waits end at the latest this long after the run began, where it has no deadline."),
    KeyDoc::new("max_attempts", Kind::Int { min: 1, max: 10 }, "3", env::MAX_ATTEMPTS,
        "Engine attempts per chunk, over all runs."),
    KeyDoc::new("max_fix_attempts", Kind::Int { min: 0, max: 10 }, "3", env::MAX_FIX_ATTEMPTS,
        "Times an engine may repair what verification refused, per attempt.")
        .flag("--max-fix-attempts"),
    KeyDoc::new("sandbox.mode", Kind::OneOf(&["on", "off"]), "\"on\"", env::SANDBOX,
        "The operating system's wall around engines, checks, hooks and set-up commands. On: where the machine cannot put it up, nothing runs. Off: every run and pull request says so.")
        .flag("--sandbox").wall(),
    KeyDoc::new("i_have_permission", Kind::Bool, "false", env::I_HAVE_PERMISSION,
        "Build although the repository forbids work of models or work that nobody watches (AI_POLICY or CONTRIBUTING at the base): its maintainers allowed it. Without, such a run ends with exit code 2 before an engine is paid.")
        .flag("--i-have-permission").wall(),
    KeyDoc::new("pr.max_commits", Kind::Int { min: 1, max: 100 }, "8", env::PR_MAX_COMMITS,
        "Commits per pull request; then a continuation is stacked on it.")
        .flag("--max-commits-per-pr"),
    KeyDoc::new("pr.max_lines", Kind::Int { min: 50, max: 5000 }, "250", env::PR_MAX_LINES,
        "Changed lines per pull request; then a continuation is stacked on it.")
        .flag("--max-loc-per-pr"),
    KeyDoc::new("pr.platform", Kind::OneOf(PLATFORMS), "\"auto\"", env::PR_PLATFORM,
        "Where pull requests go: auto (what the remote's address calls for), local (files in `.codelicious/prs`), or the forge that the remote is on; gitea is Forgejo as well.")
        .flag("--platform"),
    KeyDoc::new("pr.mode", Kind::OneOf(&["part", "chunk", "spec"]), "\"part\"", env::PR_MODE,
        "What one pull request holds: part (chunks up to the two bounds above), chunk (one), or spec (all of it, whatever its size)."),
    KeyDoc::new("pr.max_open", Kind::Int { min: 1, max: 100 }, "5", env::PR_MAX_OPEN,
        "Open pull requests per spec; with so many it waits for a person. Without effect on local."),
    KeyDoc::new("pr.labels", Kind::List(Of::Label), "[]", env::PR_LABELS,
        "Labels of every pull request; none is taken away. Without effect on local.")
        .example("[\"codelicious\"]"),
    KeyDoc::new("pr.reviewers", Kind::List(Of::Reviewer), "[]", env::PR_REVIEWERS,
        "Who is asked to review what is ready. Without effect on local.")
        .example("[\"octocat\", \"team:core\"]"),
    KeyDoc::new("pr.template", Kind::Inside, "", env::PR_TEMPLATE,
        "A text in the repository that says how a pull request's body is laid out.")
        .example("\".github/codelicious.md\""),
    KeyDoc::new("pr.uncounted", Kind::List(Of::Glob), "[]", env::PR_UNCOUNTED,
        "Files whose lines do not count, beside lock files and what is known to be generated.")
        .example("[\"schema/generated/**\"]"),
    KeyDoc::new("forge.repository", Kind::Repository, "", env::FORGE_REPOSITORY,
        "The repository on the forge, where the remote's address does not tell.")
        .example("\"octocat/hello\"").wall(),
    KeyDoc::new("forge.api", Kind::Endpoint, "", env::FORGE_API,
        "Where the forge's API is; by its kind and the remote's host when not set.")
        .example("\"https://git.example.com/api/v4\"").wall(),
    KeyDoc::new("forge.graphql", Kind::Endpoint, "", env::FORGE_GRAPHQL,
        "Where GitHub's GraphQL is; beside the API when not set.")
        .example("\"https://git.example.com/api/graphql\"").wall(),
    KeyDoc::new("forge.token_env", Kind::Variable, "", env::FORGE_TOKEN_ENV,
        "The variable that holds the forge's token, in place of those below. It is kept from engines and checks.")
        .example("\"MY_FORGE_TOKEN\"").wall(),
    KeyDoc::new("forge.token_file", Kind::Path, "", env::FORGE_TOKEN_FILE,
        "The file that holds it, which nobody else may read (chmod 600).")
        .example("\"~/.config/codelicious/forge-token\"").wall(),
    KeyDoc::new("forge.token_command", Kind::List(Of::Argument), "", env::FORGE_TOKEN_COMMAND,
        "The program that prints it, with its arguments; run without a shell.")
        .example("[\"pass\", \"show\", \"forge\"]").wall(),
    KeyDoc::new("sources.issues", Kind::Issues, "", env::SOURCES_ISSUES,
        "Open issues of the forge that bear this label are specs. Who may set labels there decides what is built.")
        .example("{ label = \"codelicious\" }"),
    spec::SPECS_PATHS,
    spec::SPECS_EXCLUDE,
    spec::SPECS_INCLUDE,
    spec::SPECS_OPTIONAL,
    spec::LINT_ALLOW,
    spec::LINT_DENY,
    spec::PLAN_STRATEGY,
    spec::PLAN_WINDOW_TOKENS,
    spec::PLAN_OVERLAP_TOKENS,
    spec::PLAN_MAX_WINDOWS,
    KeyDoc::new("budget.max_cost_usd", Kind::Dollars { max: MAX_DOLLARS }, "", env::BUDGET_MAX_COST_USD,
        "Dollars per run; it stops there, resumably. The repository's file may only lower what yours says, here and for the other three caps.")
        .flag("--max-cost-usd").example("20.0"),
    KeyDoc::new("budget.max_tokens", Kind::Int { min: 1_000, max: MAX_TOKENS }, "", env::BUDGET_MAX_TOKENS,
        "Tokens per run, input and output.")
        .flag("--max-tokens").example("5000000"),
    KeyDoc::new("budget.chunk_max_cost_usd", Kind::Dollars { max: MAX_DOLLARS }, "", env::BUDGET_CHUNK_MAX_COST_USD,
        "Dollars per chunk.")
        .flag("--max-cost-usd-per-chunk").example("2.0"),
    KeyDoc::new("budget.chunk_max_tokens", Kind::Int { min: 1_000, max: MAX_TOKENS }, "", env::BUDGET_CHUNK_MAX_TOKENS,
        "Tokens per chunk, input and output.")
        .flag("--max-tokens-per-chunk").example("1000000"),
    KeyDoc::new("budget.claude", Kind::Int { min: 1_000, max: 1_000_000 }, "", env::BUDGET_CLAUDE,
        "Prompt tokens per chunk when Claude builds; a task that needs more is split. The same as `prompt_tokens` of `[engine.claude]`.")
        .example("60000"),
    KeyDoc::new("budget.replay", Kind::Int { min: 1_000, max: 1_000_000 }, "", env::BUDGET_REPLAY,
        "The same when recorded answers are replayed, and as `prompt_tokens` of `[engine.replay]`.")
        .example("60000"),
    KeyDoc::new("budget.max_spec_bytes", Kind::Int { min: 1_024, max: 2_162_688 }, "2162688", env::BUDGET_MAX_SPEC_BYTES,
        "Largest spec that is read, in bytes; a larger one is an error that names it."),
    KeyDoc::new("retry.max_retries", Kind::Int { min: 0, max: 20 }, "5", env::RETRY_MAX_RETRIES,
        "Further tries of a request or an engine run that failed for a moment, before the next engine takes over."),
    KeyDoc::new("retry.base_s", Kind::Seconds { min: 1, max: 3_600 }, "2", env::RETRY_BASE_S,
        "The first pause is at most this long; each further one at most twice the one before."),
    KeyDoc::new("retry.max_pause_s", Kind::Seconds { min: 1, max: 3_600 }, "60", env::RETRY_MAX_PAUSE_S,
        "No pause of our own choice is longer; what a provider asks for is never undercut."),
    KeyDoc::new("retry.max_wait_s", Kind::Seconds { min: 0, max: DAY }, "120", env::RETRY_MAX_WAIT_S,
        "What a provider asks for beyond this is not waited for on the spot: the engine counts as limited until then."),
    KeyDoc::new("network.private_hosts", Kind::List(Of::Host), "[]", env::NETWORK_PRIVATE_HOSTS,
        "Hosts of chat models that may resolve to private addresses; this machine always may.")
        .example("[\"llm.internal\"]").wall(),
    KeyDoc::new("network.answer_timeout_s", Kind::Seconds { min: 1, max: 3_600 }, "60", env::NETWORK_ANSWER_TIMEOUT_S,
        "Bound on one answer of the forge; engines have bounds of their own."),
    KeyDoc::new("worktree.dir", Kind::Path, "", env::WORKTREE_DIR,
        "The folder that holds the worktrees, in a folder of their own for each repository, outside of it; `codelicious` in your cache folder when not set.")
        .example("\"../lanes\""),
    KeyDoc::new("worktree.setup", Kind::List(Of::Command), "[]", env::WORKTREE_SETUP,
        "Shell commands that make a new worktree usable.")
        .example("[\"npm ci\"]"),
    KeyDoc::new("worktree.copy", Kind::List(Of::Inside), "[]", env::WORKTREE_COPY,
        "Files that git does not track, copied from your tree into a new worktree.")
        .example("[\".env.test\"]"),
    KeyDoc::new("worktree.link", Kind::List(Of::Inside), "[]", env::WORKTREE_LINK,
        "Folders that git does not track, linked from your tree into a new worktree; what writes there writes to yours.")
        .example("[\"node_modules\"]"),
    KeyDoc::new("env.pass", Kind::List(Of::Pattern), "[]", env::ENV_PASS,
        "Variables that engines and checks may see beside the built-in list.")
        .example("[\"DATABASE_URL\"]").wall(),
    KeyDoc::new("verify.commands", Kind::Checks, "[]", env::VERIFY_COMMANDS,
        "Shell commands that must pass, beside what is detected. A table says more: run, name, dir, when (globs), timeout_s, reads (the format of its results), report (where it leaves them), only (a line with {tests}).")
        .example("[\"make check\", { run = \"npm test\", dir = \"web\", when = [\"web/**\"] }]"),
    KeyDoc::new("verify.detect", Kind::Bool, "true", env::VERIFY_DETECT,
        "Find the repository's own checks by looking at it."),
    KeyDoc::new("verify.disable", Kind::List(Of::Check), "[]", env::VERIFY_DISABLE,
        "Detected checks that do not run, by the names that doctor shows; `name@folder` for one folder's.")
        .example("[\"ruff check\", \"npm test@web\"]"),
    KeyDoc::new("verify.scope", Kind::OneOf(&["changed", "all"]), "\"changed\"", env::VERIFY_SCOPE,
        "Whether a check that the changes call for runs narrowed to what they can reach, where its tool allows it, or whole."),
    KeyDoc::new("verify.timeout_s", Kind::Seconds { min: 1, max: 86_400 }, "900", env::VERIFY_TIMEOUT_S,
        "Bound on one check."),
    KeyDoc::new("verify.allow_unverified", Kind::Bool, "false", env::VERIFY_ALLOW_UNVERIFIED,
        "Build although a check cannot start; what it did not look at is said to be unverified.")
        .flag("--allow-unverified"),
    KeyDoc::new("verify.require", Kind::OneOf(&["passing", "proven"]), "\"passing\"", env::VERIFY_REQUIRE,
        "What a chunk needs to be committed: that nothing broke, or that a test proves it, which is red or absent without \
         the change and green with it.")
        .flag("--require-proof"),
    KeyDoc::new("verify.prove", Kind::OneOf(&["after", "tests-first", "off"]), "\"after\"", env::VERIFY_PROVE,
        "How tests are shown to need the work: they are run once more without it, or the engine writes them first and they \
         are seen to be red."),
    KeyDoc::new("review.engine", Kind::OneEngine, "\"none\"", env::REVIEW_ENGINE,
        "Who reads each chunk's work once its checks pass, on a copy that is thrown away; it sees task, diff and evidence. What it uses is charged to the chunk.")
        .example("\"codex\""),
    KeyDoc::new("review.model", Kind::Word, "", env::REVIEW_MODEL,
        "The model that it is asked to use; that of its own table, or its own choice, when not set.")
        .example("\"opus\""),
    KeyDoc::new("review.max_rounds", Kind::Int { min: 0, max: 5 }, "1", env::REVIEW_MAX_ROUNDS,
        "Fix turns that its high remarks may start, per attempt, within `max_fix_attempts`; what was repaired is read once more. 0: remarks are only shown."),
    KeyDoc::new("review.on", Kind::OneOf(&["every", "unproven"]), "\"every\"", env::REVIEW_ON,
        "Which chunks it reads: every one, or those that no test proves (unproven)."),
    audit::DELETED_TEST,
    audit::SKIPPED_TEST,
    audit::RENAMED_TEST,
    audit::EMPTIED_TEST,
    audit::WEAKENED_TEST,
    audit::TEST_NOT_RUN,
    audit::SUPPRESSION,
    audit::TESTING_BRANCH,
    audit::HARD_CODED_ANSWER,
    audit::COVERAGE_THRESHOLD,
    audit::VERIFY_CONFIG,
    audit::IGNORED_FILE,
    audit::BINARY_BLOB,
    audit::GENERATED_GIANT,
    audit::STUB_BODY,
    audit::COMMENTED_OUT_CODE,
    audit::PROTECTED_PATH,
    audit::NEW_DEPENDENCY,
    audit::PROTECT,
    audit::MAX_ADDED_LINES,
    proof::COVERAGE_MIN,
    proof::COVERAGE_CHANGED_MIN,
    proof::COVERAGE_TOLERANCE,
    proof::COVERAGE_MEASURE,
    proof::COVERAGE_COMMAND,
    proof::COVERAGE_REPORT,
    proof::COVERAGE_FORMAT,
    proof::EVIDENCE_NOTES,
    proof::EVIDENCE_PUSH,
    KeyDoc::new("commit.template", Kind::Template, "", env::COMMIT_TEMPLATE,
        "Text of commit messages, trailers excepted, with {spec}, {id}, {title} and {body}.")
        .example("\"{title}\\n\\n{body}\""),
    KeyDoc::new("log.redact", Kind::List(Of::Variable), "[]", env::LOG_REDACT,
        "Variables whose values are secrets, beside those whose names say so. Lists of all files count together.")
        .example("[\"LICENSE_BLOB\"]"),
    KeyDoc::new("gc.keep", Kind::Seconds { min: 0, max: MAX_KEEP }, "\"30d\"", env::GC_KEEP,
        "Logs, postmortems, rotated events, ledgers that were moved aside, what git remembers of lanes whose folder is gone, and lanes whose repository is gone."),
    KeyDoc::new("gc.keep_attempts", Kind::Seconds { min: 0, max: MAX_KEEP }, "\"7d\"", env::GC_KEEP_ATTEMPTS,
        "Work that was set aside, once its task is done; before that it stays."),
    KeyDoc::new("gc.keep_archives", Kind::Seconds { min: 0, max: MAX_KEEP }, "\"90d\"", env::GC_KEEP_ARCHIVES,
        "Lanes that --fresh, a restack or another version replaced, once their tasks are done; before that they stay. What another lane or branch of yours holds as well goes at once."),
    KeyDoc::new("claude.path", Kind::Program, "\"claude\"", env::CLAUDE_PATH,
        "The program that is started as Claude Code.")
        .wall(),
    KeyDoc::new("claude.args", Kind::List(Of::Argument), "[]", env::CLAUDE_ARGS,
        "Further arguments for it.")
        .wall(),
    KeyDoc::new("claude.max_turns", Kind::Int { min: 1, max: 10_000 }, "", env::CLAUDE_MAX_TURNS,
        "Turns per Claude run.")
        .example("100"),
    KeyDoc::new("claude.max_budget_usd", Kind::Dollars { max: 100_000 }, "", env::CLAUDE_MAX_BUDGET_USD,
        "Dollars per Claude run.")
        .example("5.0"),
];

/// The setting of this dotted name.
pub(super) fn find(key: &str) -> Option<&'static KeyDoc> {
    KEYS.iter().find(|doc| doc.key == key)
}

/// Bytes in the greatest unit that has no rest.
fn in_units(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units
        .iter()
        .find(|(shift, _)| bytes.is_multiple_of(1 << shift) && bytes > 0);
    match unit {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}
