//! The command line: raw flags become a validated [`Request`] at once.
//!
//! Everything wrong with the words themselves ends here, as a clap error with exit code 2. What needs
//! the file system, such as whether a path exists, is the application's to judge. Reads no environment:
//! variables are a layer of `config`.

mod evidence;
mod later;
mod lint;
mod moves;
mod output;
mod plan;
mod prompt;
mod sandbox;
mod values;
mod verification;

use crate::config::{
    BuildRequest, DemoRequest, DoctorRequest, EngineChoice, EventsRequest, Flags, Format,
    GcRequest, InitRequest, IssueRef, MoveVerb, PLATFORMS, PlanRequest, Request, Restart, Shell,
    StatusRequest, VERBS, mistyped_verb,
};
use crate::model::ExitCode;
use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use later::LaterArgs;
use output::{JsonArg, Loudness, MoreArgs, OutputArgs};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use values::{dollars, one_word, seconds, tokens};
use verification::VerificationArgs;

/// Turns specs into small, verified pull requests, unattended.
///
/// Without a verb, builds what is open in the specs of the repository at PATH:
/// each task becomes one commit that the repository's own checks have passed, on a
/// branch of its own. Your working tree is not touched.
#[derive(Debug, Parser)]
#[command(
    name = "codelicious",
    version,
    max_term_width = 80,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "'codelicious --help' says more, with examples and exit codes.",
    after_long_help = epilogue(),
    override_usage = "codelicious [OPTIONS] [PATH]\n       codelicious <VERB> [OPTIONS]",
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs"
)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    specs: SpecArgs,
    #[command(flatten)]
    issues: IssueArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    verification: VerificationArgs,
    #[command(flatten)]
    pulls: PullArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what a run would build, and change nothing
    Plan {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        specs: SpecArgs,
        #[command(flatten)]
        engine: EngineArg,
        #[command(flatten)]
        pulls: CapArgs,
        #[command(flatten)]
        output: plan::PlanOutput,
    },
    /// Show what an engine would be sent for a chunk, and how much it is
    Prompt(prompt::PromptArgs),
    /// Say what a builder would trip over in specs
    Lint(lint::LintArgs),
    /// Show how far each spec is
    Status {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: MoreArgs,
    },
    /// Show what happened, oldest first
    Events {
        #[command(flatten)]
        place: Place,
        /// Only the events of this run
        #[arg(long, value_name = "ID")]
        run: Option<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Build a stopped chunk again, whatever its attempts came to
    #[command(override_usage = moves::RETRY_USAGE)]
    Retry(moves::RetryArgs),
    /// Answer the question of a blocked chunk, which then goes on
    Answer(moves::AnswerArgs),
    /// Verify and commit the saved work of a needs_review chunk
    Accept(moves::ChunkArgs),
    /// Leave a chunk out, and what depends on it
    Skip(moves::ChunkArgs),
    /// Show how a chunk was proven, or verify a branch by it
    #[command(override_usage = evidence::USAGE)]
    Evidence(evidence::EvidenceArgs),
    /// Check that everything a run needs is there
    Doctor {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        engine: EngineArg,
        #[command(flatten)]
        platform: PlatformArg,
        #[command(flatten)]
        skip: SkipArgs,
        #[command(flatten)]
        output: JsonArg,
    },
    /// Write a commented codelicious.toml and a first spec
    Init {
        #[command(flatten)]
        place: Place,
    },
    /// Remove what nothing needs any more; without --yes only say what
    Gc {
        #[command(flatten)]
        place: Place,
        /// Remove it
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show the wall of a command, or run one inside
    #[command(override_usage = sandbox::USAGE)]
    Sandbox(sandbox::SandboxArgs),
    /// Build a small sample project, offline and free
    Demo {
        /// Folder for the sample, new or empty [default: a temporary one]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
        #[command(flatten)]
        output: Loudness,
    },
    /// Write completions for a shell to stdout
    Completions {
        #[arg(value_enum)]
        shell: ShellArg,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// A folder in the repository [default: .]
    #[arg(value_name = "PATH", default_value = ".", hide_default_value = true, value_hint = ValueHint::DirPath)]
    path: PathBuf,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Specs")]
struct SpecArgs {
    /// Build only this spec, also when it is prose; repeatable
    #[arg(long = "spec", value_name = "PATH", value_hint = ValueHint::FilePath)]
    specs: Vec<PathBuf>,
    /// Build also the tasks that specs call optional
    #[arg(long)]
    include_optional: bool,
    /// Branch to start from [default: the repository's]
    #[arg(long, value_name = "BRANCH", value_parser = one_word)]
    base: Option<String>,
    /// Who plans prose: auto, tasks (nobody) or llm [default: auto]
    #[arg(long, value_name = "STRATEGY", value_parser = ["auto", "tasks", "llm"], hide_possible_values = true)]
    chunk_strategy: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Specs")]
struct IssueArgs {
    /// Build this issue of the forge, by number or address; repeatable
    #[arg(long = "from-issue", value_name = "ISSUE", value_hint = ValueHint::Url)]
    from_issues: Vec<IssueRef>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Engine")]
struct EngineArg {
    /// Engines in the order they are tried: auto, or names and replay:FILE with
    /// commas between them [default: auto]
    #[arg(long, value_name = "ENGINE")]
    engine: Option<EngineChoice>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Engine")]
struct EngineArgs {
    #[command(flatten)]
    engine: EngineArg,
    /// Model for the first engine of the chain only [default: its own choice]
    #[arg(long, value_name = "MODEL", value_parser = one_word)]
    model: Option<String>,
    /// Address of the chain's first chat provider [default: its own]
    // A parser here would repeat a bad address, with the key in it.
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    endpoint: Option<String>,
    /// Go on with this session of the first engine's program in the first
    /// chunk that is built
    #[arg(long, value_name = "SESSION", value_parser = one_word, conflicts_with_all = ["no_resume", "dry_run"])]
    resume: Option<String>,
    /// Bound on one engine run [default: 1800]
    #[arg(long, value_name = "SECONDS", value_parser = seconds::<1, { 7 * 86_400 }>)]
    agent_timeout: Option<Duration>,
    /// Bound on an engine's silence [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = seconds::<1, { 7 * 86_400 }>)]
    stall_timeout: Option<Duration>,
    /// The wall around engines and checks: on, or off by name [default: on]
    #[arg(long, value_name = "MODE", value_parser = ["on", "off"], hide_possible_values = true)]
    sandbox: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Budget")]
struct BudgetArgs {
    /// Stop, resumably, when the run has cost so many dollars
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_cost_usd: Option<f64>,
    /// Stop, resumably, when the run has taken so many tokens
    #[arg(long, value_name = "N", value_parser = tokens())]
    max_tokens: Option<u64>,
    /// Dollars per chunk
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_cost_usd_per_chunk: Option<f64>,
    /// Tokens per chunk
    #[arg(long, value_name = "N", value_parser = tokens())]
    max_tokens_per_chunk: Option<u64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pull requests")]
struct CapArgs {
    /// Commits per pull request, 1 to 100 [default: 8]
    #[arg(long = "max-commits-per-pr", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    max_commits: Option<u32>,
    /// Changed lines per pull request, 50 to 5000 [default: 250]
    #[arg(long = "max-loc-per-pr", value_name = "N", value_parser = clap::value_parser!(u32).range(50..=5000))]
    max_lines: Option<u32>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pull requests")]
struct PullArgs {
    #[command(flatten)]
    caps: CapArgs,
    #[command(flatten)]
    platform: PlatformArg,
}

#[derive(Debug, Args)]
struct SkipArgs {
    /// Begin without asking first whether engines, remote and forge are
    /// there and take us
    #[arg(long)]
    skip_auth_check: bool,
    /// Begin without asking first whether commits can be signed and ssh keys
    /// be used
    #[arg(long)]
    skip_credential_probe: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pull requests")]
struct PlatformArg {
    /// Where pull requests go: auto, local, github, gitlab or gitea
    /// [default: auto]
    #[arg(long, value_name = "PLATFORM", value_parser = PossibleValuesParser::new(PLATFORMS), hide_possible_values = true)]
    platform: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
struct RunArgs {
    /// Show what would be built, and change nothing
    #[arg(long, conflicts_with_all = ["no_resume", "reset_ledger", "fresh"])]
    dry_run: bool,
    /// Stop after this long, resumably: 90, 90s, 30m, 8h
    #[arg(long, value_name = "DURATION", value_parser = seconds::<1, { 35 * 86_400 }>)]
    deadline: Option<Duration>,
    /// Look again when all is built; end when nothing is left
    #[arg(long)]
    continuous: bool,
    /// Pause between two looks, 0 to 3600 [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds::<0, 3_600>)]
    cycle_sleep_s: Option<Duration>,
    /// Where all engines are limited, wait for the first that is free again
    /// [default: with --continuous]
    #[arg(long, overrides_with = "no_wait_for_reset")]
    wait_for_reset: bool,
    /// End there instead, resumably [default: without --continuous]
    #[arg(long, overrides_with = "wait_for_reset")]
    no_wait_for_reset: bool,
    /// Forget earlier failures, sessions, stored plans and limits of engines
    #[arg(long)]
    no_resume: bool,
    #[command(flatten)]
    skip: SkipArgs,
    /// Build what the repository's policy forbids: its maintainers allow it
    #[arg(long)]
    i_have_permission: bool,
    /// Rebuild the ledgers from git and the forge; the old ones are kept aside
    #[arg(long)]
    reset_ledger: bool,
    /// Start again from the base; the old work is archived
    #[arg(long)]
    fresh: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShellArg {
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
}

/// Reads a command line, program name first. The error is also how `--help` and `--version` come
/// back: `clap::Error::exit_code` is 0 for them and 2 for a usage error, and `clap::Error::print`
/// knows where it goes.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, clap::Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    let matches = LaterArgs::augment_args(Cli::command())
        .try_get_matches_from(&args)
        .map_err(|error| about_verb(&args, error))?;
    if let Some((flag, why)) = LaterArgs::from_arg_matches(&matches)?.refused() {
        return Err(usage(format!(
            "{flag} is not supported by this version yet: {why}"
        )));
    }
    let cli = Cli::from_arg_matches(&matches)?;
    match cli.verb {
        Some(verb) => verb.request(),
        None => build(cli),
    }
}

/// The script that completes our command line in a shell.
pub fn completions(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Elvish => clap_complete::Shell::Elvish,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::PowerShell => clap_complete::Shell::PowerShell,
        Shell::Zsh => clap_complete::Shell::Zsh,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "codelicious", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// What `--help` prints, without styles, at 80 columns: for the generated reference. `verb` empty
/// for the program itself, and may have a second word; None comes back for words that are no verb.
pub fn help(verb: &str) -> Option<String> {
    let mut program = Cli::command().term_width(80);
    program.build();
    let mut command = &mut program;
    for word in verb.split_whitespace() {
        command = command.find_subcommand_mut(word)?;
    }
    Some(command.render_long_help().to_string())
}

/// The verbs that a verb has below it.
pub fn verbs_below(verb: &str) -> Vec<String> {
    let program = Cli::command();
    let below = program.find_subcommand(verb).into_iter();
    below
        .flat_map(clap::Command::get_subcommands)
        .map(|below| below.get_name().to_owned())
        .collect()
}

fn build(cli: Cli) -> Result<Request, clap::Error> {
    let path = &cli.place.path;
    if let Some(verb) = VERBS.into_iter().find(|verb| path.as_os_str() == *verb) {
        return Err(usage(misplaced(verb)));
    }
    let on = |given: bool| given.then_some(true);
    Ok(Request::Build(BuildRequest {
        path: cli.place.path,
        specs: cli.specs.specs,
        from_issues: cli.issues.from_issues,
        dry_run: cli.run.dry_run,
        restart: Restart {
            forget_failures: cli.run.no_resume,
            rebuild_ledger: cli.run.reset_ledger,
            fresh: cli.run.fresh,
        },
        resume: cli.engine.resume,
        output: cli.output.output(),
        flags: Flags {
            engine: cli.engine.engine.engine,
            model: cli.engine.model,
            endpoint: cli.engine.endpoint,
            agent_timeout: cli.engine.agent_timeout,
            stall_timeout: cli.engine.stall_timeout,
            deadline: cli.run.deadline,
            base: cli.specs.base,
            continuous: on(cli.run.continuous),
            cycle_sleep: cli.run.cycle_sleep_s,
            wait_for_reset: on(cli.run.wait_for_reset)
                .or(cli.run.no_wait_for_reset.then_some(false)),
            max_fix_attempts: cli.verification.max_fix_attempts,
            sandbox: cli.engine.sandbox,
            i_have_permission: on(cli.run.i_have_permission),
            max_commits: cli.pulls.caps.max_commits,
            max_lines: cli.pulls.caps.max_lines,
            platform: cli.pulls.platform.platform,
            chunk_strategy: cli.specs.chunk_strategy,
            max_cost_usd: cli.budget.max_cost_usd,
            max_tokens: cli.budget.max_tokens,
            chunk_max_cost_usd: cli.budget.max_cost_usd_per_chunk,
            chunk_max_tokens: cli.budget.max_tokens_per_chunk,
            skip_auth_check: cli.run.skip.skip_auth_check,
            skip_credential_probe: cli.run.skip.skip_credential_probe,
            include_optional: on(cli.specs.include_optional),
            allow_unverified: on(cli.verification.allow_unverified),
            require_proof: cli.verification.require_proof,
            min_coverage: cli.verification.min_coverage,
        },
    }))
}

impl Verb {
    fn request(self) -> Result<Request, clap::Error> {
        Ok(match self {
            Self::Plan {
                place,
                specs,
                engine,
                pulls,
                output,
            } => Request::Plan(PlanRequest {
                path: place.path,
                specs: specs.specs,
                shape: output.shape(),
                output: output.output(),
                flags: Flags {
                    engine: engine.engine,
                    base: specs.base,
                    include_optional: specs.include_optional.then_some(true),
                    chunk_strategy: specs.chunk_strategy,
                    max_commits: pulls.max_commits,
                    max_lines: pulls.max_lines,
                    ..Flags::default()
                },
            }),
            Self::Prompt(args) => args.request(),
            Self::Lint(args) => args.request(),
            Self::Status { place, output } => Request::Status(StatusRequest {
                path: place.path,
                output: output.output(),
            }),
            Self::Events { place, run, output } => Request::Events(EventsRequest {
                path: place.path,
                run,
                output: output.output(),
            }),
            Self::Retry(args) => Request::Move(args.request()?),
            Self::Answer(args) => Request::Move(args.request()),
            Self::Accept(args) => Request::Move(args.request(MoveVerb::Accept)),
            Self::Skip(args) => Request::Move(args.request(MoveVerb::Skip)),
            Self::Evidence(args) => args.request(),
            Self::Doctor {
                place,
                engine,
                platform,
                skip,
                output,
            } => Request::Doctor(DoctorRequest {
                path: place.path,
                output: output.output(),
                flags: Flags {
                    engine: engine.engine,
                    platform: platform.platform,
                    skip_auth_check: skip.skip_auth_check,
                    skip_credential_probe: skip.skip_credential_probe,
                    ..Flags::default()
                },
            }),
            Self::Init { place } => Request::Init(InitRequest { path: place.path }),
            Self::Gc { place, yes, output } => Request::Gc(GcRequest {
                path: place.path,
                yes,
                output: output.output(),
            }),
            Self::Sandbox(args) => args.request(),
            Self::Demo { dir, output } => Request::Demo(DemoRequest {
                dir,
                output: output.output(Format::Human),
            }),
            Self::Completions { shell } => Request::Completions(match shell {
                ShellArg::Bash => Shell::Bash,
                ShellArg::Elvish => Shell::Elvish,
                ShellArg::Fish => Shell::Fish,
                ShellArg::PowerShell => Shell::PowerShell,
                ShellArg::Zsh => Shell::Zsh,
            }),
        })
    }
}

/// Says more where clap takes a second word for a misplaced verb: what the first word was probably
/// meant to be, or that one path is all there is room for.
fn about_verb(args: &[OsString], error: clap::Error) -> clap::Error {
    let stray = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => word.clone(),
        _ => return error,
    };
    let first = args.get(1).map(Path::new);
    if VERBS.contains(&stray.as_str()) {
        return usage(misplaced(&stray));
    }
    match first.and_then(|word| Some((word.display(), mistyped_verb(word)?))) {
        Some((word, verb)) => usage(format!(
            "no verb is called '{word}'; did you mean '{verb}'?"
        )),
        None => usage(format!(
            "'{stray}' is one word too many: a run takes one PATH, and specs with --spec"
        )),
    }
}

fn misplaced(verb: &str) -> String {
    format!(
        "'{verb}' is a verb and comes first: codelicious {verb} …; a folder of that name is written ./{verb}"
    )
}

fn usage(message: String) -> clap::Error {
    Cli::command().error(ErrorKind::ValueValidation, message)
}

/// Examples and the table of exit codes.
fn epilogue() -> String {
    let mut text = String::from(
        "Examples:\n  \
         codelicious plan                    what would be built\n  \
         codelicious --spec docs/todo.md     build one spec\n  \
         codelicious --continuous --deadline 8h --max-loc-per-pr 400\n\n\
         Settings also come from CODELICIOUS_… variables, codelicious.toml at the\n\
         repository's root, and ~/.config/codelicious/config.toml, in this order.\n\n\
         Exit codes, the first that applies:\n",
    );
    for exit in ExitCode::ALL {
        let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests;
