//! HTTP as the shells need it: one client, what it may connect to, and until when a server asks for no request.
//!
//! - [`client`] sends one request and gives back the answer in pieces, every wait bounded
//! - [`resolve`] says which addresses a name may lead to
//! - [`retry_after`] reads until when a server wants to be left alone: pure
//! - [`duration`] reads durations as servers and programs write them: pure
//!
//! Nothing here knows what an answer means, and nothing is sent twice: both are for the rooms above.

pub mod client;
pub mod duration;
mod resolve;
pub mod retry_after;

pub use client::{Answer, Client, Header, MAX_ANSWER, Method, Target};
pub use retry_after::Headers;

/// Why there is no answer, or no whole one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// Nothing is sent there, or nothing can be: the address, its certificate, the system's store.
    #[error("{message}")]
    NotStarted { message: String },
    /// The token cannot stand in a header.
    #[error("{message}")]
    Token { message: String },
    /// No connection came about within the bound.
    #[error("no connection within {seconds} s")]
    NoConnection { seconds: u64 },
    /// No connection: nothing was sent.
    #[error("{message}")]
    Unreachable { message: String },
    /// The request may have arrived, and the head of an answer did not come within the bound.
    #[error("no answer within {seconds} s")]
    NoAnswer { seconds: u64 },
    /// The answer began and then nothing came for this long.
    #[error("the answer stopped for {seconds} s")]
    Stalled { seconds: u64 },
    /// The connection broke after the request may have arrived.
    #[error("{message}")]
    Broken { message: String },
    /// The answer is longer than its bound.
    #[error("{message}")]
    TooLong { message: String },
}

impl NetError {
    /// True where the server surely saw nothing of the request.
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::NotStarted { .. }
            | Self::Token { .. }
            | Self::NoConnection { .. }
            | Self::Unreachable { .. } => true,
            Self::NoAnswer { .. }
            | Self::Stalled { .. }
            | Self::Broken { .. }
            | Self::TooLong { .. } => false,
        }
    }
}

/// A foreign text on one line: without control characters, cut after `max` bytes.
pub fn one_line(text: &str, max: usize) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    if line.len() > max {
        line.truncate(line.floor_char_boundary(max));
        line.push('…');
    }
    line
}
