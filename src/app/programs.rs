//! Asking the user's own programs for something short: a token, a host's name.

use crate::config::{Environment, Settings};
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Command, Ended, Limits};
use std::path::Path;
use std::time::Duration;

/// Most that such a program may say.
const CAPTURE: usize = 32 << 10;

/// A program to ask.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub program: &'a str,
    /// Where it is started; None for where we were.
    pub dir: Option<&'a Path>,
    pub args: Vec<String>,
    /// Set beside what the user's git and its credential helpers see.
    pub env: Vec<(String, String)>,
    pub stdin: String,
    pub bound: Duration,
}

/// Why there is no answer. Never holds what the program said, which may be a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is no such program on PATH.
    NotThere,
    /// It said no, with this exit code.
    Refused(i32),
    TimedOut,
    /// It did not start, and why.
    Failed(String),
}

impl Ask<'_> {
    /// What the program prints. Nobody is there to be asked for anything, and its input ends where ours does.
    ///
    /// Not for use on an async runtime's thread.
    ///
    /// # Errors
    /// It is not there, refuses, or takes too long.
    pub fn answer(&self, settings: &Settings, env: &Environment) -> Result<String, NoAnswer> {
        let mut vars = env.git_env(settings);
        let found = proc::find_program(self.program, &vars).ok_or(NoAnswer::NotThere)?;
        vars.extend(self.env.iter().cloned());
        let dir = self.dir.unwrap_or(env.cwd());
        let command = Command::new(found, dir, SandboxPolicy::Trusted)
            .args(&self.args)
            .env(vars)
            .stdin(self.stdin.as_bytes());
        let limits = Limits {
            total: Some(self.bound),
            capture: CAPTURE,
            ..Limits::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| NoAnswer::Failed(e.to_string()))?;
        // Keep the handle alive until the end: it is short and not to be stopped.
        let (_handle, stop) = StopSignal::new();
        let finished = runtime
            .block_on(proc::output(&command, limits, stop))
            .map_err(|e| NoAnswer::Failed(e.to_string()))?;
        match finished.ended {
            Ended::Itself if finished.code == 0 => Ok(finished.stdout.text()),
            Ended::Itself => Err(NoAnswer::Refused(finished.code)),
            Ended::TimedOut
            | Ended::Stalled
            | Ended::Stopped
            | Ended::ByCaller
            | Ended::DiskSpent => Err(NoAnswer::TimedOut),
        }
    }
}

/// What a `token_command` prints.
///
/// # Errors
/// A sentence without anything that it said.
pub fn token_printed(
    settings: &Settings,
    env: &Environment,
    words: &[String],
) -> Result<String, String> {
    const SECONDS: u64 = 30;
    let Some((program, args)) = words.split_first() else {
        return Err("`token_command` is empty".to_owned());
    };
    let ask = Ask {
        program,
        dir: None,
        args: args.to_vec(),
        env: Vec::new(),
        stdin: String::new(),
        bound: Duration::from_secs(SECONDS),
    };
    ask.answer(settings, env).map_err(|why| match why {
        NoAnswer::NotThere => {
            format!("`token_command`: there is no program `{program}` on PATH")
        }
        NoAnswer::Failed(why) => format!("`{program}` of `token_command` did not start: {why}"),
        NoAnswer::Refused(code) => {
            format!("`{program}` of `token_command` ended with exit code {code}")
        }
        NoAnswer::TimedOut => {
            format!("`{program}` of `token_command` took more than {SECONDS} s")
        }
    })
}
