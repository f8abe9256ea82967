//! What writes code: agent CLIs, by code or by a table, and our own loop over a chat model, which providers answer over
//! HTTP. Each is an [`crate::ports::Engine`].

pub mod agent;
mod charge;
pub mod claude_code;
pub mod command;
#[doc(hidden)]
pub mod fuzz;
pub mod http;
