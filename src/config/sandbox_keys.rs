//! The keys of `[sandbox.<preset>]` and of `[[sandbox.command]]`.

use super::fields::{Field, For, Wall};
use super::keys::{Kind, Of};

/// The presets, as tables are called.
pub(super) const PRESETS: &[&str] = &["engine-tool", "verify", "setup", "agent-cli"];

const TIB: u64 = 1 << 40;

/// What both kinds of tables hold. What a repository's file may set it may only tighten with.
pub const SANDBOX_FIELDS: &[Field] = &[
    Field::new("read", Kind::List(Of::Place), For::All, "[\"~/data\"]",
        "Files and folders that may be read, beside the preset's. Relative ones lie in the lane.")
        .wall(Wall::Closed),
    Field::new("execute", Kind::List(Of::Place), For::All, "[\"~/tools\"]",
        "The same, whose programs may be started as well.")
        .wall(Wall::Closed),
    Field::new("write", Kind::List(Of::Place), For::All, "[\"/var/tmp/build\"]",
        "The same, that may be read and written.")
        .wall(Wall::Closed),
    Field::new("network", Kind::Network, For::All, "\"none\"",
        "What may be reached, in place of the preset's: nothing, a loopback of its own, everything, or hosts. The repository's file may say none or loopback, and it counts where it is less."),
    Field::new("hosts", Kind::List(Of::Endpoint), For::All, "[\"127.0.0.1:5432\"]",
        "Hosts that may be reached, beside those of `network`; without a port its 80 and 443.")
        .wall(Wall::Closed),
    Field::new("unix_sockets", Kind::Bool, For::All, "true",
        "Sockets of the Unix domain: all that file permissions allow, those of daemons and agents as well.")
        .wall(Wall::Closed),
    Field::new("agent_programs", Kind::Bool, For::All, "true",
        "Below `agent-cli`: hooks, MCP servers and plugins of the agent's own configuration come along. They run inside the wall, so say as well what they read and reach.")
        .wall(Wall::Closed),
    Field::new("memory", Kind::Size { min: 1 << 20, max: TIB * 64 }, For::All, "\"4 GiB\"",
        "Memory of all processes together where control groups can be made, else of each. Of two files the lower bound counts."),
    Field::new("processes", Kind::Int { min: 1, max: 4_000_000 }, For::All, "512",
        "Processes and threads at once. Of two files the lower bound counts."),
    Field::new("open_files", Kind::Int { min: 16, max: 1_000_000 }, For::All, "1024",
        "Open files of one process. Of two files the lower bound counts."),
    Field::new("file_size", Kind::Size { min: 1 << 10, max: TIB * 64 }, For::All, "\"1 GiB\"",
        "Size of one file that is written. Of two files the lower bound counts."),
    Field::new("disk", Kind::Size { min: 1 << 20, max: TIB * 64 }, For::All, "\"10 GiB\"",
        "By how much the free room of the disk may shrink. Of two files the lower bound counts."),
];

/// What `[[sandbox.command]]` holds beside them.
pub const COMMAND_FIELDS: &[Field] = &[
    Field::new(
        "command",
        Kind::Command,
        For::All,
        "\"npm ci\"",
        "The words that the command begins with. A line that a shell makes several commands of has to stand here as a whole.",
    ),
    Field::new(
        "preset",
        Kind::OneOf(PRESETS),
        For::All,
        "\"verify\"",
        "The preset that it runs under, in place of its usual one. The repository's file may say engine-tool or verify.",
    ),
];
