//! Doors for what `fuzz/` checks: what engines print, read as a run reads it. For nothing else.

use super::{claude_code, command, http};
use crate::model::EngineReport;
use crate::ports::Clock;
use crate::proc::Ended;
use chrono::{DateTime, Utc};

pub use http::Answer;

/// A process that has ended, by what it printed.
#[derive(Clone, Copy, Debug)]
pub struct Printed<'a> {
    pub stdout: &'a [u8],
    pub stderr: &'a str,
    pub ended: Ended,
    pub code: i32,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What people watching were told.
    pub steps: Vec<String>,
    /// Lines that were not of the protocol.
    pub foreign: u64,
    pub report: EngineReport,
}

/// A clock that stands still.
pub struct Still;

impl Clock for Still {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

/// A run of Claude Code.
pub fn claude(printed: Printed<'_>) -> Run {
    claude_code::fuzz(printed)
}

/// The same of each agent that a preset describes, with the preset's name.
pub fn agents(printed: Printed<'_>) -> Vec<(&'static str, Run)> {
    command::fuzz::runs(printed)
}

/// A chat provider's answer that came in these pieces.
pub fn answer(pieces: &[&[u8]]) -> Answer {
    http::fuzz(pieces)
}

/// What refusals with this body mean, as people are told, by status. `secret` is the key that was sent.
pub fn refusals(body: &[u8], secret: &str) -> Vec<(u16, String)> {
    http::fuzz_refusals(body, secret)
}
