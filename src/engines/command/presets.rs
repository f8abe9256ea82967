//! The agent CLIs that are known by name, each a table as anybody could write it.

use super::config::CommandConfig;
use super::table::CommandTable;

/// Names of the presets, in the order in which they are looked for.
pub const NAMES: &[&str] = &["codex", "gemini", "opencode", "aider"];

/// The text of a preset's table, as it would stand below `[engine.<name>]`.
pub fn text(name: &str) -> Option<&'static str> {
    Some(match name {
        "codex" => include_str!("presets/codex.toml"),
        "gemini" => include_str!("presets/gemini.toml"),
        "opencode" => include_str!("presets/opencode.toml"),
        "aider" => include_str!("presets/aider.toml"),
        _ => return None,
    })
}

/// The same as it is written into a configuration file.
pub fn written(name: &str) -> Option<String> {
    let text = text(name)?
        .replace("[[", &format!("[[engine.{name}."))
        .replace("\n[env]", &format!("\n[engine.{name}.env]"));
    Some(format!("[engine.{name}]\n{text}"))
}

/// A preset's table.
pub(super) fn table(name: &str) -> Option<CommandTable> {
    // Each is read by a test, so none fails here.
    CommandTable::parse(text(name)?).ok()
}

impl CommandConfig {
    /// The preset of this name.
    pub fn preset(name: &str) -> Option<CommandConfig> {
        table(name)?.resolve(name).ok()
    }
}
