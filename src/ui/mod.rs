//! What people see: progress, JSON lines, plans, status, summaries, postmortems and errors.
//!
//! This room turns events and reports into text. It never asks the environment or the clock and opens
//! nothing: it is told what the terminal can do ([`UiOptions`]) and is handed the writers. Texts of
//! models, repositories and specs pass [`clean`] on their way out, so that none of them can move a
//! cursor or speak to a CI system. Secrets are redacted before they get here.

mod clean;
pub mod error;
pub mod evidence;
pub mod gc;
pub mod github;
mod lines;
pub mod lint;
mod live;
pub mod moves;
pub mod plan;
pub mod postmortem;
pub mod prompt;
mod reporter;
pub mod status;
pub mod summary;
mod text;
pub mod walls;

pub use reporter::{Reporter, Writer};
pub use text::{clean, json_line, json_text, shell_quote, shell_quote_path};

/// How to talk to the person at the other end. Read once by `app`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UiOptions {
    /// True when human output goes to a terminal: progress may move the cursor.
    pub terminal: bool,
    /// True when colour is wanted and possible.
    pub color: bool,
    /// 0: everything; 1: problems only; 2 and more: nothing.
    pub quiet: u8,
    /// 0: what matters; 1: checks and engine runs too; 2 and more: every engine step.
    pub verbose: u8,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for UiOptions {
    /// A plain log of 80 columns without colour.
    fn default() -> Self {
        Self {
            terminal: false,
            color: false,
            quiet: 0,
            verbose: 0,
            width: 80,
        }
    }
}
