//! `demo`: the main job on a small repository, offline and without a key.
//!
//! Everything is real but the model's words: git, lanes, checks, commits, pushes to a bare origin and pull
//! request files. The words are a recording that is embedded in the binary.

use super::engine::{Chosen, from_cassette};
use super::error::AppError;
use super::forge::Opened;
use super::run::{self, RunPlan};
use super::world::{SystemClock, SystemRng, World, new_run_id, print};
use crate::config::{DemoRequest, EngineKind, Environment, Flags, REPLAY, Restart};
use crate::fsx::atomic;
use crate::model::ExitCode;
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Command, Limits};
use std::path::{Path, PathBuf};

const SPEC: &str = include_str!("demo/greeter.md");
const CHECK: &str = include_str!("demo/check.sh");
const CONFIG: &str = include_str!("demo/codelicious.toml");
const CASSETTE: &str = include_str!("demo/cassette.jsonl");

pub fn run(request: &DemoRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let dir = folder(request, env)?;
    let repository = dir.join("greeter");
    let shell = Shell { env };
    shell.make(&dir, &repository)?;
    let world = World::open(&repository, Flags::default(), env)?;
    let plan = RunPlan {
        engines: vec![Chosen {
            env: env.engine_env(&world.settings, EngineKind::Replay),
            ..from_cassette(REPLAY, "demo", CASSETTE)?
        }],
        left_out: Vec::new(),
        reviewer: None,
        resume: None,
        from_issues: Vec::new(),
        forge: Opened::local(&world.info.root),
        specs: Vec::new(),
        restart: Restart::default(),
        output: request.output,
        actions: None,
    };
    let exit = run::run(&world, env, plan)?;
    // The recording blocks one task with a question, so a person is waited for.
    if exit != ExitCode::WaitsForPerson {
        return Err(AppError {
            message: format!(
                "the demo ended otherwise than it should: {}",
                exit.meaning()
            ),
            hint: format!(
                "look at {}",
                repository.join(".codelicious/logs/latest.log").display()
            ),
            exit: if exit == ExitCode::Done {
                ExitCode::Bug
            } else {
                exit
            },
        });
    }
    print(&shell.tour(&repository)?);
    Ok(ExitCode::Done)
}

fn folder(request: &DemoRequest, env: &Environment) -> Result<PathBuf, AppError> {
    let dir = match &request.dir {
        Some(dir) => env.cwd().join(dir),
        None => {
            let temp = env
                .get("TMPDIR")
                .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
            temp.join(format!(
                "codelicious-demo-{}",
                new_run_id(&SystemClock, &SystemRng)
            ))
        }
    };
    if std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(AppError::setup(
            format!("{} is not empty", dir.display()),
            "name a new folder with --dir",
        ));
    }
    atomic::create_dir_all_durable(&dir)?;
    dir.canonicalize().map_err(|e| {
        AppError::setup(
            format!("{}: {e}", dir.display()),
            "name another folder with --dir",
        )
    })
}

struct Shell<'e> {
    env: &'e Environment,
}

impl Shell<'_> {
    fn make(&self, dir: &Path, repository: &Path) -> Result<(), AppError> {
        for (name, text) in [
            ("specs/greeter.md", SPEC),
            ("check.sh", CHECK),
            ("codelicious.toml", CONFIG),
        ] {
            let path = repository.join(name);
            if let Some(parent) = path.parent() {
                atomic::create_dir_all_durable(parent)?;
            }
            atomic::write(&path, text.as_bytes())?;
        }
        let steps: [&[&str]; 8] = [
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=main",
                "../origin.git",
            ],
            &["init", "--quiet", "--initial-branch=main"],
            &["config", "user.name", "codelicious demo"],
            &["config", "user.email", "demo@localhost"],
            &["config", "commit.gpgsign", "false"],
            &["remote", "add", "origin", "../origin.git"],
            &["add", "--all"],
            &[
                "commit",
                "--quiet",
                "--message=Start with a spec and a check",
            ],
        ];
        for step in steps {
            self.git(repository, step)?;
        }
        self.git(
            repository,
            &["push", "--quiet", "--set-upstream", "origin", "main"],
        )?;
        tracing::debug!("demo repository in {}", dir.display());
        Ok(())
    }

    fn git(&self, dir: &Path, args: &[&str]) -> Result<String, AppError> {
        let vars = self.env.vars().map(|(k, v)| (k.to_owned(), v.to_owned()));
        let command = Command::new("git", dir, SandboxPolicy::Trusted)
            .args(args.iter().copied())
            .env(vars);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| AppError::setup(format!("cannot start: {e}"), ""))?;
        let (_handle, stop) = StopSignal::new();
        let done = runtime
            .block_on(proc::output(&command, Limits::default(), stop))
            .map_err(|e| AppError::setup(e.to_string(), "the demo needs git on PATH"))?;
        if done.success() {
            return Ok(done.stdout.text());
        }
        Err(AppError::setup(
            format!(
                "git {} failed: {}",
                args.join(" "),
                done.stderr.text().trim()
            ),
            "the demo needs git 2.28 or later",
        ))
    }

    /// What there is to see now.
    fn tour(&self, repository: &Path) -> Result<String, AppError> {
        let log = self.git(
            repository,
            &[
                "log",
                "--oneline",
                "--graph",
                "--decorate",
                "--branches",
                "--remotes=origin",
            ],
        )?;
        let mut prs: Vec<String> = std::fs::read_dir(repository.join(".codelicious/prs"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| format!(".codelicious/prs/{}", e.file_name().to_string_lossy()))
            .collect();
        prs.sort();
        let at = repository.display();
        Ok(format!(
            "\nWhat happened, in {at}:\n\n{log}\n\
             Pull requests, as files:\n\n  {}\n\n\
             Look around:\n\n  \
             cd {at}\n  \
             cat {}\n  \
             git show codelicious/specs-greeter\n  \
             codelicious status\n",
            prs.join("\n  "),
            prs.first().map_or(".codelicious/prs", String::as_str),
        ))
    }
}
