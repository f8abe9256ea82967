//! The tools as they are offered to a model.

use crate::core::ending;
use crate::core::review::answer;
use crate::model::Ends;
use crate::ports::ToolSpec;
use serde_json::{Value, json};

pub(super) const COMPLETE: &str = "complete_chunk";
pub(super) const BLOCK: &str = "block_chunk";
pub(super) const REPORT: &str = "report_review";

const READ_FILE: ToolSpec = ToolSpec {
    name: "read_file",
    description: "Reads a text file. Long files are cut, and the answer says where to read on.",
    schema: read_file,
};

const LIST_DIR: ToolSpec = ToolSpec {
    name: "list_dir",
    description: "Lists a folder: folders end in `/`.",
    schema: list_dir,
};

const SEARCH: ToolSpec = ToolSpec {
    name: "search",
    description: "Searches text files line by line with a regular expression. Files that git ignores are not searched.",
    schema: search,
};

/// The tools of a run that builds, the two endings last.
pub static TOOLS: &[ToolSpec] = &[
    READ_FILE,
    ToolSpec {
        name: "write_file",
        description: "Writes a whole file, new or old, and makes the folders above it. To change part of a file use edit_file.",
        schema: write_file,
    },
    ToolSpec {
        name: "edit_file",
        description: "Replaces text in a file. `old` must stand in the file exactly, with its indentation, and only once unless `all` is true.",
        schema: edit_file,
    },
    LIST_DIR,
    SEARCH,
    ToolSpec {
        name: "run_command",
        description: "Runs a shell command in the project's root, without a terminal. Whatever it leaves running is ended. \
                      Long output is cut in the middle.",
        schema: run_command,
    },
    ToolSpec {
        name: COMPLETE,
        description: "Ends your work: the task is built. The project's own checks decide whether it is accepted.",
        schema: ending::complete_schema,
    },
    ToolSpec {
        name: BLOCK,
        description: "Ends your work: the task cannot be built until a person answers a question or provides something.",
        schema: ending::block_schema,
    },
];

/// The tools of a run that reviews: nothing that changes or starts anything, the ending last.
static READING: &[ToolSpec] = &[
    READ_FILE,
    LIST_DIR,
    SEARCH,
    ToolSpec {
        name: REPORT,
        description: "Ends your review, with your remarks; with none where you found nothing.",
        schema: answer::schema,
    },
];

/// What a run is offered that may end so.
pub(in crate::engines::agent) fn offered(ends: Ends) -> &'static [ToolSpec] {
    match ends {
        Ends::Build => TOOLS,
        Ends::Review => READING,
    }
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn path() -> Value {
    json!({"type": "string", "description": "Relative to the project's root."})
}

fn read_file() -> Value {
    object(
        &["path"],
        json!({
            "path": path(),
            "offset": {"type": "integer", "minimum": 1, "description": "First line, from 1."},
            "limit": {"type": "integer", "minimum": 1, "maximum": super::files::MAX_LINES, "description": "Number of lines."}
        }),
    )
}

fn write_file() -> Value {
    object(
        &["path", "content"],
        json!({"path": path(), "content": {"type": "string", "description": "The whole new content."}}),
    )
}

fn edit_file() -> Value {
    object(
        &["path", "old", "new"],
        json!({
            "path": path(),
            "old": {"type": "string", "minLength": 1, "description": "Text to replace, exactly as it stands in the file."},
            "new": {"type": "string", "description": "Text to put there."},
            "all": {"type": "boolean", "description": "Replace every occurrence."}
        }),
    )
}

fn list_dir() -> Value {
    object(
        &["path"],
        json!({"path": {"type": "string", "description": "Relative to the project's root, which is `.`."}}),
    )
}

fn search() -> Value {
    object(
        &["pattern"],
        json!({
            "pattern": {"type": "string", "description": "Regular expression in Rust's syntax, matched within a line."},
            "path": {"type": "string", "description": "Only in this file or below this folder."},
            "glob": {"type": "string", "description": "Only files that match, such as `*.rs` or `src/**/*.ts`."}
        }),
    )
}

fn run_command() -> Value {
    object(
        &["command"],
        json!({
            "command": {"type": "string", "description": "For `sh -c`."},
            "timeout_s": {"type": "integer", "minimum": 1, "maximum": super::command::MAX_SECONDS,
                          "description": "Seconds after which it is ended; 120 unless told."}
        }),
    )
}
