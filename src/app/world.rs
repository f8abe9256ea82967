//! What every verb needs: the repository, the settings, the terminal, the clock.

use super::error::AppError;
use super::survey::{Scope, Survey, below_root, survey};
use crate::config::{self, Color, Environment, Flags, Output, Settings, Verbosity};
use crate::core::uncounted::Uncounted;
use crate::fsx::lock::LockInfo;
use crate::git::{CommandSettings, Repo, RepoInfo, resolve_base};
use crate::ledger::Store;
use crate::model::{Ledger, RunId, SpecId};
use crate::ports::{Clock, Rng, StopSignal};
use crate::ui::{self, UiOptions};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// A repository with its settings.
pub struct World {
    pub info: RepoInfo,
    pub settings: Settings,
    /// The folder the command was typed for.
    pub started_in: PathBuf,
    /// Settings typed with it.
    pub flags: Flags,
    /// The repository as a shell's word, for commands typed from outside it; empty within.
    pub folder: String,
}

impl World {
    /// # Errors
    /// No repository at `path`, or settings that cannot be used.
    pub fn open(path: &Path, flags: Flags, env: &Environment) -> Result<Self, AppError> {
        let started_in = env.cwd().join(path);
        let info = RepoInfo::discover(&started_in).map_err(|e| {
            let mistyped = config::mistyped_verb(path).filter(|_| !started_in.exists());
            match mistyped {
                Some(verb) => AppError::setup(
                    format!("there is no folder `{}`", path.display()),
                    format!("did you mean `codelicious {verb}`?"),
                ),
                None => e.into(),
            }
        })?;
        let settings = config::load(&info.root, flags.clone(), env)?;
        // `components` leaves out the `.` of a typed path.
        let is_here = started_in.components().eq(env.cwd().components());
        let is_within =
            is_here || RepoInfo::discover(env.cwd()).is_ok_and(|here| here.root == info.root);
        let folder = match is_within {
            true => String::new(),
            false => ui::shell_quote(&info.root.display().to_string()),
        };
        Ok(Self {
            folder,
            info,
            settings,
            started_in,
            flags,
        })
    }

    /// The repository, to look at. What a partial clone lacks is fetched while it is looked at.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn repo(&self, env: &Environment) -> Result<Repo, AppError> {
        let mut repo = Repo::open(&self.info.root)?;
        let (_, stop) = StopSignal::new();
        repo.set_command(CommandSettings {
            env: env.git_env(&self.settings),
            stop,
        });
        repo.set_uncounted(self.uncounted()?);
        Ok(repo)
    }

    /// The files whose lines count for no cap.
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn uncounted(&self) -> Result<Uncounted, AppError> {
        let globs = &self.settings.pr.uncounted;
        Uncounted::new(globs).map_err(|e| {
            AppError::setup(
                format!("{}: {e}", globs.origin),
                "write each pattern of `[pr] uncounted` as a line of .gitignore",
            )
        })
    }

    /// Writes a result that repeats what stands in specs, ledgers or configuration to stdout, without the secrets
    /// that are known.
    pub fn print(&self, env: &Environment, text: &str) {
        let redactor = super::secrets::redactor(self, env);
        print(&redactor.redact(text));
    }

    /// Our folder in the repository. May not exist.
    pub fn dir(&self) -> PathBuf {
        self.info.root.join(crate::fsx::root::DIR_NAME)
    }

    /// The folder that holds the repository's lanes. May not exist; None where nothing says where it would be.
    pub fn lanes_dir(&self, env: &Environment) -> Option<PathBuf> {
        let configured = (*self.settings.worktree.dir).clone();
        let above = configured.or_else(|| Some(env.cache_dir()?.join("codelicious")))?;
        Some(crate::driver::lanes_dir(&above, &self.info.root))
    }

    /// What a survey looks for.
    ///
    /// # Errors
    /// Specs named on the command line that are not there.
    pub fn scope(
        &self,
        repo: &Repo,
        specs: &[PathBuf],
        env: &Environment,
    ) -> Result<Scope, AppError> {
        Ok(Scope {
            named: below_root(&self.info.root, env.cwd(), "--spec", specs)?,
            configured: self.settings.specs.paths.to_vec(),
            handed: Default::default(),
            exclude: self.settings.specs.exclude.to_vec(),
            remote: repo.default_remote(),
            budget_tokens: super::engine::prompt_tokens(&self.settings),
            max_spec_bytes: *self.settings.budget.max_spec_bytes,
            include: self.settings.specs.include.to_vec(),
            with_optional: *self.settings.specs.optional,
            fresh: false,
            redactor: None,
        })
    }

    /// Looks at everything as it stands, without fetching. Changes nothing.
    ///
    /// # Errors
    /// As [`survey`].
    pub fn look(
        &self,
        repo: &Repo,
        scope: &Scope,
    ) -> Result<(Survey, BTreeMap<SpecId, Ledger>), AppError> {
        let base = resolve_base(repo, self.settings.base.as_deref(), scope.remote.as_deref())?;
        let ledgers = read_ledgers(&self.dir());
        let found = survey(repo, &base, scope, &ledgers)?;
        Ok((found, ledgers))
    }
}

/// The ledgers as they can be read; damaged ones are a run's to repair.
pub fn read_ledgers(dir: &Path) -> BTreeMap<SpecId, Ledger> {
    let store = Store::open(dir);
    let specs = store.list().unwrap_or_default();
    specs
        .into_iter()
        .filter_map(|id| Some((id.clone(), store.read(&id).ok()??)))
        .collect()
}

/// What the terminal can do, and how much is wanted.
pub fn ui_options(env: &Environment, output: Output) -> UiOptions {
    let terminal = std::io::stderr().is_terminal();
    UiOptions {
        terminal,
        color: match env.color() {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal,
        },
        quiet: u8::from(output.verbosity == Verbosity::Quiet),
        verbose: match output.verbosity {
            Verbosity::Quiet | Verbosity::Normal => 0,
            Verbosity::Verbose => 1,
            Verbosity::Debug => 2,
        },
        width: env
            .get("COLUMNS")
            .and_then(|c| c.parse().ok())
            .unwrap_or(if terminal { 100 } else { 80 }),
    }
}

/// Writes a result to stdout. A closed pipe is the reader's choice, not an error.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
}

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The system's randomness.
pub struct SystemRng;

impl Rng for SystemRng {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one source of randomness"
    )]
    fn bytes(&self) -> [u8; 16] {
        rand::random()
    }
}

/// What the lock file is to say of this process.
pub fn lock_info(run: &RunId, clock: &dyn Clock) -> LockInfo {
    LockInfo {
        pid: std::process::id(),
        run: run.clone(),
        start: clock.now(),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
    }
}

/// A word that nobody can guess.
pub fn random_word(rng: &dyn Rng) -> String {
    rng.bytes().iter().map(|b| format!("{b:02x}")).collect()
}

/// A new run's id.
pub fn new_run_id(clock: &dyn Clock, rng: &dyn Rng) -> RunId {
    let [a, b, c, ..] = rng.bytes();
    RunId::new(format!(
        "{}-{a:02x}{b:02x}{c:02x}",
        clock.now().format("%Y%m%dT%H%M%SZ")
    ))
}
