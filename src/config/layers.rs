//! Layers: settings as each source wrote them, checked for known keys and walls, not yet decoded.

use super::env_names;
use super::environment::Environment;
use super::error::Problem;
use super::keys::{self, FAMILIES, KEYS, SECTIONS};
use super::raw::{Item, Lines, Raw, item};
use super::request::Flags;
use super::value::Origin;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A setting in one layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    pub item: Item,
    pub origin: Origin,
}

/// What one source sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layer {
    /// By full key.
    pub keys: BTreeMap<&'static str, Given>,
    /// Tables whose names people choose; only files have some.
    pub tables: Vec<Named>,
}

/// A table whose name somebody chose, not yet looked into.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    pub family: &'static str,
    pub name: String,
    /// The line of its heading.
    pub at: Origin,
    pub fields: Vec<(String, Given)>,
}

/// The chain of engines, in a file whose `engine` is a table: TOML has no room for a value of that name beside it.
pub(super) const CHAIN: &str = "chain";

/// The list of tables about single commands.
pub(super) const COMMAND: &str = "sandbox.command";

/// A configuration file's text and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum File {
    User { path: PathBuf, text: String },
    Repo { path: PathBuf, text: String },
}

impl File {
    fn text(&self) -> &str {
        match self {
            Self::User { text, .. } | Self::Repo { text, .. } => text,
        }
    }

    fn at(&self, line: usize) -> Origin {
        match self {
            Self::User { path, .. } => Origin::UserFile {
                path: path.clone(),
                line,
            },
            Self::Repo { path, .. } => Origin::RepoFile {
                path: path.clone(),
                line,
            },
        }
    }
}

/// Reads a file's layer. Keys that are unknown, or behind a wall, are reported and left out.
/// `user_file` is where the user may set what the repository may not.
pub(super) fn from_file(
    file: &File,
    user_file: Option<&Path>,
    problems: &mut Vec<Problem>,
) -> Layer {
    let lines = Lines::new(file.text());
    let table = match DeTable::parse(file.text()) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let line = lines.of(error.span().map_or(0, |span| span.start));
            let mut message = error.message().to_owned();
            if has_engine_twice(file.text()) {
                message.push_str(
                    "; beside `[engine.<name>]` tables the chain is written `chain = …` below `[engine]`",
                );
            }
            problems.push(Problem::Syntax {
                at: file.at(line),
                message,
            });
            return Layer::default();
        }
    };
    let mut reader = FileReader {
        file,
        lines,
        user_file,
        problems,
        layer: Layer::default(),
    };
    reader.table("", &table);
    reader.layer
}

struct FileReader<'a> {
    file: &'a File,
    lines: Lines,
    user_file: Option<&'a Path>,
    problems: &'a mut Vec<Problem>,
    layer: Layer,
}

impl FileReader<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let line = self.lines.of(name.span().start);
            let written = name.get_ref().as_ref();
            let key = if section.is_empty() {
                written.to_owned()
            } else {
                format!("{section}.{written}")
            };
            let is_section = section.is_empty() && SECTIONS.iter().any(|(s, _)| *s == written);
            let family = FAMILIES
                .iter()
                .find(|(f, _)| section.is_empty() && *f == written);
            if let (Some((family, heading)), DeValue::Table(tables)) = (family, value.get_ref()) {
                self.family(family, heading, tables);
                continue;
            }
            match (keys::find(&key), value.get_ref()) {
                // A dotted name in quotes is no path into a table.
                (Some(doc), _) if !written.contains('.') => self.key(doc, line, value),
                (_, DeValue::Table(inner)) if is_section => self.table(written, inner),
                (None, other) if is_section || family.is_some() => {
                    self.problems.push(Problem::WrongType {
                        at: self.file.at(line),
                        key,
                        found: item(value, &self.lines, other).raw.kind(),
                        allowed: match family {
                            Some((_, heading)) => format!("a table: {heading}"),
                            None => format!("a table: [{written}]"),
                        },
                    });
                }
                (_, other) => self.unknown(
                    line,
                    key,
                    matches!(other, DeValue::Table(_)) && section.is_empty(),
                ),
            }
        }
    }

    /// Takes tables of a family over as they are: what they may hold depends on all files together.
    fn family(&mut self, family: &'static str, heading: &'static str, tables: &DeTable<'_>) {
        for (name, value) in tables {
            let line = self.lines.of(name.span().start);
            let written = name.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Table(fields) => {
                    let fields = fields.iter().map(|(field, value)| {
                        let origin = self.file.at(self.lines.of(field.span().start));
                        let item = item(value, &self.lines, value.get_ref());
                        (field.get_ref().to_string(), Given { item, origin })
                    });
                    self.layer.tables.push(Named {
                        family,
                        name: written.to_owned(),
                        fields: fields.collect(),
                        at: self.file.at(line),
                    });
                }
                DeValue::Array(entries) if format!("{family}.{written}") == COMMAND => {
                    self.commands(entries);
                }
                _ if keys::find(&format!("{family}.{written}")).is_some() => {
                    if let Some(doc) = keys::find(&format!("{family}.{written}")) {
                        self.key(doc, line, value);
                    }
                }
                _ if family == "engine" && written == CHAIN => {
                    if let Some(doc) = keys::find("engine") {
                        self.key(doc, line, value);
                    }
                }
                _ if family == "engine"
                    && keys::nearest(written, [CHAIN].into_iter()).is_some() =>
                {
                    self.problems.push(Problem::Unknown {
                        at: self.file.at(line),
                        what: "key",
                        key: format!("{family}.{written}"),
                        nearest: Some(format!("{family}.{CHAIN}")),
                    });
                }
                other => self.problems.push(Problem::WrongType {
                    at: self.file.at(line),
                    key: format!("{family}.{written}"),
                    found: item(value, &self.lines, other).raw.kind(),
                    allowed: format!("a table: {heading}"),
                }),
            }
        }
    }

    /// Takes the entries about single commands over, each as a table without a name.
    fn commands(&mut self, entries: &[Spanned<DeValue<'_>>]) {
        for entry in entries {
            let at = self.file.at(self.lines.of(entry.span().start));
            let item = item(entry, &self.lines, entry.get_ref());
            let Raw::Table(fields) = item.raw else {
                self.problems.push(Problem::WrongType {
                    at,
                    key: COMMAND.to_owned(),
                    found: item.raw.kind(),
                    allowed: "tables: [[sandbox.command]]".to_owned(),
                });
                continue;
            };
            let fields = fields.into_iter().map(|(name, item)| {
                let origin = at.at_line(item.line);
                (name, Given { item, origin })
            });
            self.layer.tables.push(Named {
                family: COMMAND,
                name: String::new(),
                fields: fields.collect(),
                at: at.clone(),
            });
        }
    }

    fn key(&mut self, doc: &'static keys::KeyDoc, line: usize, value: &Spanned<DeValue<'_>>) {
        let at = self.file.at(line);
        if doc.wall && matches!(self.file, File::Repo { .. }) {
            self.problems.push(Problem::Wall {
                at,
                key: doc.key.to_owned(),
                env: Some(doc.env),
                flag: doc.flag,
                user_file: self.user_file.map(Path::to_path_buf),
            });
            return;
        }
        let item = item(value, &self.lines, value.get_ref());
        self.layer.keys.insert(doc.key, Given { item, origin: at });
    }

    fn unknown(&mut self, line: usize, key: String, is_table: bool) {
        let nearest = if is_table {
            keys::nearest(&key, SECTIONS.iter().chain(&FAMILIES).map(|(s, _)| *s))
        } else {
            keys::nearest(&key, KEYS.iter().map(|doc| doc.key))
        };
        self.problems.push(Problem::Unknown {
            at: self.file.at(line),
            what: if is_table { "table" } else { "key" },
            nearest: nearest.map(str::to_owned),
            key,
        });
    }
}

/// True for a text that gives `engine` a value and has tables of that name as well.
fn has_engine_twice(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start);
    let is_value = |line: &str| {
        line.strip_prefix("engine")
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    lines.clone().any(is_value) && lines.any(|line| line.starts_with("[engine"))
}

/// Reads the environment's layer. An empty variable sets nothing; one with our prefix that is not
/// known is an error.
pub(super) fn from_environment(env: &Environment, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    for (name, value) in env
        .vars()
        .filter(|(name, _)| name.starts_with(env_names::PREFIX))
    {
        match KEYS.iter().find(|doc| doc.env == name) {
            Some(_) if value.is_empty() => {}
            Some(doc) => {
                let item = Item {
                    raw: Raw::Text(value.to_owned()),
                    line: 0,
                };
                layer.keys.insert(
                    doc.key,
                    Given {
                        item,
                        origin: Origin::Env {
                            name: name.to_owned(),
                        },
                    },
                );
            }
            None if env_names::INTERNAL.contains(&name) => {}
            None => problems.push(Problem::Unknown {
                at: Origin::Env {
                    name: name.to_owned(),
                },
                what: "variable",
                key: name.to_owned(),
                nearest: nearest_variable(name),
            }),
        }
    }
    for name in env
        .unreadable()
        .iter()
        .filter(|name| name.starts_with(env_names::PREFIX))
    {
        problems.push(Problem::Unreadable {
            path: PathBuf::from(name),
            message: "it is not valid UTF-8".to_owned(),
        });
    }
    layer
}

fn nearest_variable(name: &str) -> Option<String> {
    let tail = |name: &'static str| name.strip_prefix(env_names::PREFIX).unwrap_or(name);
    let known = KEYS.iter().map(|doc| tail(doc.env));
    let found = keys::nearest(name.strip_prefix(env_names::PREFIX)?, known)?;
    Some(format!("{}{found}", env_names::PREFIX))
}

/// The layer of the command line. Names every field, so that a new flag cannot be forgotten here.
pub(super) fn from_flags(flags: Flags) -> Layer {
    let Flags {
        engine,
        model,
        endpoint,
        agent_timeout,
        stall_timeout,
        deadline,
        base,
        continuous,
        cycle_sleep,
        wait_for_reset,
        max_fix_attempts,
        sandbox,
        i_have_permission,
        max_commits,
        max_lines,
        platform,
        chunk_strategy,
        max_cost_usd,
        max_tokens,
        chunk_max_cost_usd,
        chunk_max_tokens,
        include_optional,
        allow_unverified,
        require_proof,
        min_coverage,
        // No settings: they are about this run alone.
        skip_auth_check: _,
        skip_credential_probe: _,
    } = flags;
    let seconds = |d: std::time::Duration| Raw::Int(i128::from(d.as_secs()));
    let count = |n: u32| Raw::Int(i128::from(n));
    let tokens = |n: u64| Raw::Int(i128::from(n));
    let given = [
        ("engine", engine.map(|e| Raw::Text(e.to_string()))),
        ("model", model.map(Raw::Text)),
        ("endpoint", endpoint.map(Raw::Text)),
        ("agent_timeout_s", agent_timeout.map(seconds)),
        ("stall_timeout_s", stall_timeout.map(seconds)),
        ("deadline_s", deadline.map(seconds)),
        ("base", base.map(Raw::Text)),
        ("continuous", continuous.map(Raw::Bool)),
        ("cycle_sleep_s", cycle_sleep.map(seconds)),
        ("wait_for_reset", wait_for_reset.map(Raw::Bool)),
        ("max_fix_attempts", max_fix_attempts.map(count)),
        ("i_have_permission", i_have_permission.map(Raw::Bool)),
        ("sandbox.mode", sandbox.map(Raw::Text)),
        ("pr.max_commits", max_commits.map(count)),
        ("pr.max_lines", max_lines.map(count)),
        ("pr.platform", platform.map(Raw::Text)),
        ("plan.strategy", chunk_strategy.map(Raw::Text)),
        ("budget.max_cost_usd", max_cost_usd.map(Raw::Float)),
        ("budget.max_tokens", max_tokens.map(tokens)),
        (
            "budget.chunk_max_cost_usd",
            chunk_max_cost_usd.map(Raw::Float),
        ),
        ("budget.chunk_max_tokens", chunk_max_tokens.map(tokens)),
        ("specs.optional", include_optional.map(Raw::Bool)),
        ("verify.allow_unverified", allow_unverified.map(Raw::Bool)),
        (
            "verify.require",
            require_proof.then(|| Raw::Text("proven".to_owned())),
        ),
        ("coverage.min", min_coverage.map(Raw::Float)),
    ];
    let keys = given.into_iter().filter_map(|(key, raw)| {
        let raw = raw?;
        let name = match raw {
            Raw::Bool(false) if key == "wait_for_reset" => NO_WAIT_FOR_RESET,
            _ => keys::find(key)?.flag?,
        };
        let given = Given {
            item: Item { raw, line: 0 },
            origin: Origin::Flag { name },
        };
        Some((key, given))
    });
    Layer {
        keys: keys.collect(),
        tables: Vec::new(),
    }
}

/// The flag that says no to `wait_for_reset`.
pub(super) const NO_WAIT_FOR_RESET: &str = "--no-wait-for-reset";
