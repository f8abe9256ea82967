//! What writes code: agent CLIs and our own loop over a chat model. Each is an [`crate::ports::Engine`].

pub mod agent;
pub mod claude_code;
pub mod http;
