//! Layers: settings as each source wrote them, checked for known keys and walls, not yet decoded.

use super::env_names;
use super::environment::Environment;
use super::error::Problem;
use super::keys::{self, KEYS, SECTIONS};
use super::request::Flags;
use super::value::Origin;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value as written, with the 1-based line it stands on (0 outside files).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub raw: Raw,
    pub line: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Text(String),
    /// Clamped to 128 bits, far outside of every allowed range.
    Int(i128),
    Float(f64),
    Bool(bool),
    List(Vec<Item>),
    Table(Vec<(String, Item)>),
    /// A date or time: no setting is one.
    Time(String),
}

impl Raw {
    /// The type in words, for "is …".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Time(_) => "a date or time",
        }
    }
}

/// As TOML on one line.
impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{}", if i > 0 { ", " } else { "" }, item.raw)?;
                }
                f.write_str("]")
            }
            Self::Table(entries) => {
                f.write_str("{ ")?;
                for (i, (key, item)) in entries.iter().enumerate() {
                    write!(f, "{}{key} = {}", if i > 0 { ", " } else { "" }, item.raw)?;
                }
                f.write_str(" }")
            }
            Self::Time(text) => f.write_str(text),
        }
    }
}

/// A setting in one layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    pub item: Item,
    pub origin: Origin,
}

/// What one source sets, by full key.
pub(super) type Layer = BTreeMap<&'static str, Given>;

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
            problems.push(Problem::Syntax {
                at: file.at(line),
                message: error.message().to_owned(),
            });
            return Layer::new();
        }
    };
    let mut reader = FileReader {
        file,
        lines,
        user_file,
        problems,
        layer: Layer::new(),
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
            match (keys::find(&key), value.get_ref()) {
                // A dotted name in quotes is no path into a table.
                (Some(doc), _) if !written.contains('.') => self.key(doc, line, value),
                (_, DeValue::Table(inner)) if is_section => self.table(written, inner),
                (_, other) if is_section => self.problems.push(Problem::WrongType {
                    at: self.file.at(line),
                    key,
                    found: item(value, &self.lines, other).raw.kind(),
                    allowed: format!("a table: [{written}]"),
                }),
                (_, other) => self.unknown(
                    line,
                    key,
                    matches!(other, DeValue::Table(_)) && section.is_empty(),
                ),
            }
        }
    }

    fn key(&mut self, doc: &'static keys::KeyDoc, line: usize, value: &Spanned<DeValue<'_>>) {
        let at = self.file.at(line);
        if doc.wall && matches!(self.file, File::Repo { .. }) {
            self.problems.push(Problem::Wall {
                at,
                key: doc.key,
                env: doc.env,
                flag: doc.flag,
                user_file: self.user_file.map(Path::to_path_buf),
            });
            return;
        }
        let item = item(value, &self.lines, value.get_ref());
        self.layer.insert(doc.key, Given { item, origin: at });
    }

    fn unknown(&mut self, line: usize, key: String, is_table: bool) {
        let nearest = if is_table {
            keys::nearest(&key, SECTIONS.iter().map(|(s, _)| *s))
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

fn item(spanned: &Spanned<DeValue<'_>>, lines: &Lines, value: &DeValue<'_>) -> Item {
    let raw = match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str();
            let clamped = if digits.starts_with('-') {
                i128::MIN
            } else {
                i128::MAX
            };
            Raw::Int(i128::from_str_radix(digits, number.radix()).unwrap_or(clamped))
        }
        DeValue::Float(number) => Raw::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Raw::Bool(*value),
        DeValue::Datetime(time) => Raw::Time(time.to_string()),
        DeValue::Array(items) => {
            Raw::List(items.iter().map(|i| item(i, lines, i.get_ref())).collect())
        }
        DeValue::Table(table) => Raw::Table(
            table
                .iter()
                .map(|(key, value)| {
                    let mut entry = item(value, lines, value.get_ref());
                    entry.line = lines.of(key.span().start);
                    (key.get_ref().to_string(), entry)
                })
                .collect(),
        ),
    };
    Item {
        raw,
        line: lines.of(spanned.span().start),
    }
}

/// Reads one value as TOML, as defaults in the table of keys are written.
pub(super) fn from_text(text: &str) -> Option<Item> {
    let value = DeValue::parse(text).ok()?;
    Some(item(&value, &Lines::new(text), value.get_ref()))
}

/// Reads the environment's layer. An empty variable sets nothing; one with our prefix that is not
/// known is an error.
pub(super) fn from_environment(env: &Environment, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new();
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
                layer.insert(
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
        agent_timeout,
        stall_timeout,
        deadline,
        base,
        continuous,
        cycle_sleep,
        max_fix_attempts,
        sandbox,
        max_commits,
        max_lines,
        platform,
        allow_unverified,
    } = flags;
    let seconds = |d: std::time::Duration| Raw::Int(i128::from(d.as_secs()));
    let count = |n: u32| Raw::Int(i128::from(n));
    let given = [
        ("engine", engine.map(|e| Raw::Text(e.to_string()))),
        ("model", model.map(Raw::Text)),
        ("agent_timeout_s", agent_timeout.map(seconds)),
        ("stall_timeout_s", stall_timeout.map(seconds)),
        ("deadline_s", deadline.map(seconds)),
        ("base", base.map(Raw::Text)),
        ("continuous", continuous.map(Raw::Bool)),
        ("cycle_sleep_s", cycle_sleep.map(seconds)),
        ("max_fix_attempts", max_fix_attempts.map(count)),
        ("sandbox", sandbox.map(Raw::Text)),
        ("pr.max_commits", max_commits.map(count)),
        ("pr.max_lines", max_lines.map(count)),
        ("pr.platform", platform.map(Raw::Text)),
        ("verify.allow_unverified", allow_unverified.map(Raw::Bool)),
    ];
    given
        .into_iter()
        .filter_map(|(key, raw)| {
            let name = keys::find(key)?.flag?;
            Some((
                key,
                Given {
                    item: Item { raw: raw?, line: 0 },
                    origin: Origin::Flag { name },
                },
            ))
        })
        .collect()
}

/// Line numbers of byte offsets.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Lines {
        let after = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(i, _)| i + 1);
        Lines {
            starts: std::iter::once(0).chain(after).collect(),
        }
    }

    /// 1-based.
    fn of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }
}
