//! The text of docs/agents.md, from the tables that the program goes by.

use super::keys::PARTS;
use super::presets;
use super::template::SLOTS;
use std::fmt::Write as _;

/// The page: keys, placeholders and presets.
pub fn page() -> String {
    let mut out = String::from(
        "# Agent CLIs\n\n\
         Written by a test from the tables in the code; `BLESS=1 cargo test --test it agents` writes it anew.\n\n\
         Besides Claude Code, any agent that is started from a command line can build. What has to be known of it stands in a\n\
         table: how it is started, what its lines mean, what its failures are. Codex, Gemini CLI, opencode and aider are such\n\
         tables, written out below. Because a table says which program gets your credentials, what names a program, arguments\n\
         or variables counts from your own configuration (`~/.config/codelicious/config.toml`) only.\n\n\
         ```toml\n\
         [engine]\n\
         chain = \"mine\"\n\n\
         [engine.mine]\n\
         type = \"command\"\n\
         program = \"my-agent\"\n\
         args = [\"--yes\", [\"--model\", \"{model}\"], \"--prompt-file\", \"{prompt_file}\"]\n\
         prompt = \"file\"\n\
         ```\n\n\
         That is enough for an agent that exits with 0 when it is done: its work then counts when the repository's checks\n\
         pass. The agent runs in the lane's worktree. A table that has the name of a preset changes only the keys that it\n\
         has; one of another name starts from a preset with `preset = \"codex\"`.\n\n\
         Inside [the sandbox](sandbox.md) an agent that the program does not know has an empty home and reaches no host but\n\
         those that variables such as `…_BASE_URL` name, and programs are executed where the system, `PATH` and toolchains\n\
         have them. Say what else it needs:\n\n\
         ```toml\n\
         [sandbox.agent-cli]\n\
         hosts = [\"api.example.org\"]\n\
         read = [\"/home/you/.my-agent\"]\n\
         execute = [\"/home/you/tools\"]     # a program outside of PATH\n\
         ```\n\n",
    );
    out.push_str("## Keys\n");
    for (part, keys) in PARTS {
        let _ = write!(
            out,
            "\n### `{part}`\n\n| key | may be | meaning |\n|---|---|---|\n"
        );
        for (key, kind, meaning) in *keys {
            let _ = writeln!(out, "| `{key}` | {kind} | {meaning} |");
        }
    }
    out.push_str(
        "\nA path names a field of a JSON line, with dots: `item.changes.0.path`. Lines that are no JSON object, and lines that\n\
         no rule fits, are skipped. A cost of nothing beside tokens counts as unknown, unless `price` says what they cost.\n\
         \n## Placeholders\n\n\
         In `args` and `resume_args`. A list inside the list is a group: `[\"--model\", \"{model}\"]` drops out as a whole when there\n\
         is no model. `{{` and `}}` stand for braces.\n\n\
         | placeholder | value |\n|---|---|\n",
    );
    for (name, _, meaning) in SLOTS {
        let _ = writeln!(out, "| `{{{name}}}` | {meaning} |");
    }
    out.push_str("| `{extra}` | alone as an argument: the items of `extra_args` |\n");
    out.push_str(
        "\n## How a run ends\n\n\
         - With an exit code of `success.exit_codes`, with a `done` line where `success.done` asks for one, and without a `final`\n\
         \x20 failure after the last `done`: well. What the agent declared by schema is read; without that the run counts with a\n\
         \x20 change and passing checks only.\n\
         - A failure that is not `final` is forgotten when the agent goes on. One that is `auth` or `credit` ends the run at\n\
         \x20 once.\n\
         - A session that is gone is begun anew with the whole prompt.\n\
         - A bound in dollars or tokens is looked at with every line that tells of them. Where a CLI cannot tell, a run under\n\
         \x20 such a bound is refused before it starts. Codex and Gemini CLI tell at the end only.\n\
         - Prompt, schema and answer lie in a folder of their own below `TMPDIR` that only you can read; it is removed after\n\
         \x20 the run.\n\
         \n## Presets\n",
    );
    for name in presets::NAMES {
        if let Some(text) = presets::written(name) {
            let _ = write!(out, "\n### {name}\n\n```toml\n{text}```\n");
        }
    }
    out
}
