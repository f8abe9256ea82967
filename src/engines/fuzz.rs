//! Doors for the fuzz targets in `fuzz/`: what engines print, read as a run reads it. Only there when fuzzing.

use super::{claude_code, command, http};

/// Lines of Claude Code.
pub fn claude(bytes: &[u8]) {
    claude_code::fuzz(bytes);
}

/// Lines of the agents that presets describe.
pub fn agents(bytes: &[u8]) {
    command::fuzz(bytes);
}

/// Events of a chat provider's answer. Cut anywhere, they are the same ones.
pub fn answers(bytes: &[u8], cut: usize) {
    http::fuzz(bytes, cut);
}
