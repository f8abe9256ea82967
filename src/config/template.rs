//! Texts generated from the table of keys.

use super::env_names;
use super::keys::{KEYS, KeyDoc, SECTIONS};
use std::fmt::Write;

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
    out
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
    let _ = writeln!(
        out,
        "\nEngines and checks see these variables, and those of `env.pass`:"
    );
    for name in env_names::PASS {
        let _ = write!(out, " `{name}`");
    }
    out.push('\n');
    out
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
