//! Running a branch's checks once more, in a copy of the repository that is thrown away.

use crate::app::checks::verifier;
use crate::app::error::AppError;
use crate::app::stoppable::stoppable;
use crate::app::walls;
use crate::app::world::{SystemClock, SystemRng, World, new_run_id, random_word};
use crate::config::Environment;
use crate::fsx::Temporary;
use crate::git::{Repo, files_of_tree};
use crate::model::evidence::{RerunCheck, RerunReport};
use crate::model::policy::{Preset, SandboxPolicy};
use crate::model::{CheckOutcome, Evidence, Oid};
use crate::ports::StopSignal;
use crate::proc::{self, Command, Limits};
use crate::sandbox::{Sandbox, Subject, caches};
use crate::verify::baseline::{self, Judging};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bound on making a copy, and on one command that sets it up.
const COPY_TIME: Duration = Duration::from_secs(1_800);

/// Runs every check at the tip, judged against the base.
pub(super) fn rerun(
    world: &World,
    repo: &Repo,
    env: &Environment,
    base: &Oid,
    tip: &Oid,
) -> Result<RerunReport, AppError> {
    let above = env
        .get("TMPDIR")
        .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let name = new_run_id(&SystemClock, &SystemRng);
    let dir = Temporary::new(&above, "codelicious-evidence-", name.as_str())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let sandbox = walls::sandbox(world, env, &walls::uses(world, []))?;
    // A check's daemons come back to us, and end with it.
    proc::adopt_orphans(random_word(&SystemRng));
    let checks = verifier(&world.settings, &env.children(&world.settings))?.walled(sandbox.clone());
    let work = async |stop: StopSignal| {
        let copies = Copies {
            world,
            env,
            dir: dir.path(),
            sandbox: &sandbox,
            stop: stop.clone(),
        };
        let mut found = Vec::new();
        for (name, commit) in [("base", base), ("tip", tip)] {
            let lane = copies.make(name, commit).await?;
            let files = files_of_tree(repo, commit)?;
            let ran = checks.baseline(&lane, &files, &|_| {}, stop.clone()).await;
            found.push(ran.map_err(|e| AppError::setup(e.to_string(), "run it again"))?);
        }
        let now = found.pop().unwrap_or_default();
        Ok::<(Evidence, Evidence), AppError>((found.pop().unwrap_or_default(), now))
    };
    let (done, signal) = runtime.block_on(stoppable(work))?;
    if let Some(exit) = signal {
        proc::end_leftovers();
        return Err(AppError {
            message: "the checks were stopped".to_owned(),
            hint: "run it again".to_owned(),
            exit,
        });
    }
    let (before, now) = done?;
    let allowed = *world.settings.verify.allow_unverified;
    let judged = baseline::judge(
        Judging {
            base: &before,
            task: "",
        },
        &now,
        allowed,
    );
    let redactor = crate::app::secrets::redactor(world, env);
    Ok(RerunReport {
        passed: judged.passed(),
        checks: judged
            .checks
            .iter()
            .map(|check| RerunCheck {
                name: check.name.clone(),
                dir: check.dir.clone(),
                command: redactor.redact(&check.command).into_owned(),
                outcome: check.outcome.word().to_owned(),
                millis: check.millis,
                output: match check.outcome {
                    CheckOutcome::Passed => String::new(),
                    _ => redactor.redact(&check.output).into_owned(),
                },
            })
            .collect(),
    })
}

struct Copies<'a> {
    world: &'a World,
    env: &'a Environment,
    dir: &'a Path,
    sandbox: &'a Sandbox,
    stop: StopSignal,
}

impl Copies<'_> {
    /// A copy at a commit, set up as a lane is. It borrows the repository's objects and writes nothing there.
    async fn make(&self, name: &str, commit: &Oid) -> Result<PathBuf, AppError> {
        let root = &self.world.info.root;
        let git_env = self.env.git_env(&self.world.settings);
        let git = |cwd: &Path, args: &[&str]| {
            let plain = [
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "advice.detachedHead=false",
            ];
            Command::new("git", cwd, SandboxPolicy::Trusted)
                .args(plain)
                .args(args.iter().copied())
                .env(git_env.clone())
        };
        let from = root.display().to_string();
        let copy = git(
            self.dir,
            &["clone", "--quiet", "--shared", "--no-checkout", &from, name],
        );
        self.must("copying the repository", copy).await?;
        let lane = self.dir.join(name);
        let at = git(&lane, &["checkout", "--quiet", "--detach", commit.as_str()]);
        self.must("checking out", at).await?;
        caches::prepare(self.sandbox, &lane)?;
        let env = self.env.children(&self.world.settings);
        for line in self.world.settings.worktree.setup.iter() {
            let policy = self.sandbox.policy(&Subject {
                preset: Preset::Setup,
                lane: &lane,
                command: line,
                env: &env,
            });
            let setup = Command::shell(line, &lane, policy).env(env.iter().cloned());
            self.must(&format!("setting up with `{line}`"), setup)
                .await?;
        }
        Ok(lane)
    }

    async fn must(&self, what: &str, command: Command) -> Result<(), AppError> {
        let limits = Limits {
            total: Some(COPY_TIME),
            ..Limits::default()
        };
        let done = proc::output(&command, limits, self.stop.clone())
            .await
            .map_err(|e| AppError::setup(format!("{what}: {e}"), "install it"))?;
        if done.success() {
            return Ok(());
        }
        let words = done.stderr.text();
        Err(AppError::setup(
            format!("{what}: {}", words.trim()),
            "look at what it says",
        ))
    }
}
