//! Texts generated from the table of keys.

use super::env_names;
use super::fields::{ENGINE_FIELDS, Field, PRICE_FIELDS, Wall};
use super::keys::{KEYS, KeyDoc, SECTIONS};
use super::sandbox_keys::{COMMAND_FIELDS, SANDBOX_FIELDS};
use std::fmt::Write;

/// Tables as a repository may have them.
pub(super) const REPO_EXAMPLE: &str = r#"[engine]
chain = ["claude", "team"]

[engine.claude]
prompt_tokens = 40000

[engine.team]
type = "huggingface"
model = "openai/gpt-oss-120b"
planner_model = "openai/gpt-oss-20b"

[sandbox.verify]
network = "none"
memory = "4 GiB"

[[sandbox.command]]
command = "npm run lint"
preset = "engine-tool"
processes = 256
"#;

/// Tables that count from the user's own file alone.
pub(super) const USER_EXAMPLE: &str = r#"[engine.local]
type = "openai"
base_url = "http://127.0.0.1:11434/v1"
model = "gpt-oss:20b"

[engine.work]
type = "anthropic"
model = "claude-sonnet-4-5"
token_file = "~/.config/codelicious/work-token"

[engine.codex-next]
type = "command"
preset = "codex"
program = "~/bin/codex-next"

[sandbox.verify]
read = ["~/data"]
hosts = ["127.0.0.1:5432"]

[[sandbox.command]]
command = "npm run e2e"
unix_sockets = true
memory = "16 GiB"

[price."work:claude-*"]
input = 3.0
cached = 0.3
output = 15.0
date = "2026-11-01"
"#;

/// The commented `codelicious.toml` that `codelicious init` writes. It sets nothing; `#key = …` is one
/// step from being set, `# …` is prose. What a repository may not set is named, not offered.
pub fn template() -> String {
    let mut out = String::from(
        "# Settings of codelicious for this repository. Remove the `#` before a key to set it.\n\
         # Flags win over CODELICIOUS_… variables, those over this file, and this file over your own\n\
         # (~/.config/codelicious/config.toml).\n",
    );
    let barred: Vec<&str> = KEYS
        .iter()
        .filter(|doc| doc.wall)
        .map(|doc| doc.key)
        .collect();
    prose(
        &mut out,
        &format!(
            "Not for this file, because they protect its user: {}.",
            barred.join(", ")
        ),
    );
    keys_of(&mut out, "");
    for (section, about) in SECTIONS {
        if KEYS.iter().any(|doc| doc.section() == section && !doc.wall) {
            let _ = write!(out, "\n[{section}]\n");
            prose(&mut out, about);
            keys_of(&mut out, section);
        }
    }
    out.push('\n');
    prose(
        &mut out,
        "Engines and what is set of each are tables, and so are walls and prices; docs/reference.md of codelicious has their keys. Beside \
         such tables the chain is written below `[engine]`, because TOML knows no value of that name then:",
    );
    example(&mut out, REPO_EXAMPLE);
    out.push('\n');
    prose(
        &mut out,
        "Addresses, tokens, programs, prices and what opens a wall stand in your own file, never in this one. The \
         prices are made up:",
    );
    example(&mut out, USER_EXAMPLE);
    out
}

/// Lines that are shown and not offered: as TOML they would clash with keys above.
fn example(out: &mut String, text: &str) {
    for line in text.lines() {
        match line {
            "" => out.push('\n'),
            line => {
                let _ = writeln!(out, "#   {line}");
            }
        }
    }
}

fn keys_of(out: &mut String, section: &str) {
    for doc in KEYS
        .iter()
        .filter(|doc| doc.section() == section && !doc.wall)
    {
        out.push('\n');
        prose(out, doc.doc);
        let _ = writeln!(out, "#{} = {}", doc.leaf(), doc.example);
    }
}

/// Comment lines of at most 100 columns.
fn prose(out: &mut String, text: &str) {
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count() + 1;
        if column == 0 || column + width > 100 {
            out.push_str(if column == 0 { "#" } else { "\n#" });
            column = 1;
        }
        out.push(' ');
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}

/// A Markdown table of every setting: key, default, what it may be, variable, flag, meaning. The
/// reference in the documentation is this text.
pub fn reference() -> String {
    let mut out = String::from(
        "| key | default | allowed | variable | flag | meaning |\n|---|---|---|---|---|---|\n",
    );
    for doc in KEYS {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | `{}` | {} | {}{} |",
            doc.key,
            code(doc.default),
            doc.kind.allowed(),
            doc.env,
            doc.flag.map(|flag| format!("`{flag}`")).unwrap_or_default(),
            doc.doc,
            wall(doc),
        );
    }
    out.push_str(
        "\n### Engines\n\n\
         `[engine.<name>]`, where the name is a built-in engine or a new one: lower-case letters, digits, `-` and `_`, \
         beginning with a letter. Tables of your own file and of the repository's are merged key by key. A file that \
         has such a table writes the chain as `chain = …` below `[engine]`, since TOML has no room for a value called \
         `engine` then.\n\n",
    );
    fields(&mut out, ENGINE_FIELDS, true);
    out.push_str(
        "\nAn engine of the type command takes the keys that describe its command line as well, from your own file \
         only. A path of a recording ends at a comma where a chain is one text; in a list it may hold some. \
         Tokens are looked for in `HF_TOKEN` (huggingface), `OPENAI_API_KEY` (openai) or `ANTHROPIC_API_KEY` \
         (anthropic), then in `LLM_API_KEY`. They are kept out of every output, and neither checks nor what a model \
         runs see them, unless `env.pass` has one by its full name.\n\
         \n### Prices\n\n\
         `[price.\"<model>\"]` in your own file: the name is `engine:model`, or a model, or the beginning of either and \
         a `*`. The first of these that there is counts, and of several beginnings the longest. No prices are built \
         in.\n\n",
    );
    fields(&mut out, PRICE_FIELDS, false);
    out.push_str(
        "\n### Walls\n\n\
         `[sandbox.<preset>]`, where the preset is engine-tool, verify, setup or agent-cli, and `[[sandbox.command]]` for \
         single commands. [docs/sandbox.md](sandbox.md) says what each preset allows by itself.\n\n",
    );
    fields(&mut out, SANDBOX_FIELDS, false);
    out.push_str("\nKeys that `[[sandbox.command]]` has beside these:\n\n");
    fields(&mut out, COMMAND_FIELDS, false);
    out.push_str(
        "\n### Variables of forges\n\n\
         A token goes to no host but the remote's own (or where GitHub has the API of that), and only where it is said \
         whose it is: by a variable that names the host, by the host being the forge's public one, or by you, with \
         `--platform`, `CODELICIOUS_PR_PLATFORM` or `forge.api`. That a file names a platform, or that a host answers \
         like a forge, is not enough. Values of tokens are kept out of every output, and neither engines nor checks see \
         them, unless `env.pass` has one by its full name.\n\n\
         | variable | meaning |\n|---|---|\n",
    );
    for (name, meaning) in env_names::FORGE_VARIABLES {
        let _ = writeln!(out, "| `{name}` | {meaning} |");
    }
    let _ = writeln!(
        out,
        "\n### The environment of engines and checks\n\nEngines and checks see these variables, and those of `env.pass`:"
    );
    for name in env_names::PASS
        .iter()
        .chain(super::environment::CERTIFICATES)
    {
        let _ = write!(out, " `{name}`");
    }
    out.push('\n');
    out
}

fn fields(out: &mut String, fields: &[Field], with_types: bool) {
    let (title, rule) = match with_types {
        true => (" types |", "---|"),
        false => ("", ""),
    };
    let _ = writeln!(
        out,
        "| key | default | allowed |{title} meaning |\n|---|---|---|{rule}---|"
    );
    for field in fields {
        let types = match with_types {
            true => format!(" {} |", field.of.words()),
            false => String::new(),
        };
        let wall = match field.wall {
            // Of prices the head says it.
            Wall::Closed if !std::ptr::eq(fields, PRICE_FIELDS) => " Not in the repository's file.",
            Wall::OfUsers => {
                " Not in the repository's file where yours has a table of the same name."
            }
            Wall::Open | Wall::Closed => "",
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {} |{types} {}{wall} |",
            field.name,
            code(field.default),
            field.kind.allowed(),
            field.doc,
        );
    }
}

fn code(toml: &str) -> String {
    if toml.is_empty() {
        "not set".to_owned()
    } else {
        format!("`{toml}`")
    }
}

fn wall(doc: &KeyDoc) -> &'static str {
    if doc.wall {
        " Not in the repository's file."
    } else {
        ""
    }
}
