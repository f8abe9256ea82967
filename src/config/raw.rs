//! TOML as it was written: values with their lines, before anybody judges them.

use std::fmt;
use toml::Spanned;
use toml::de::DeValue;

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

impl Item {
    /// The value as TOML again, for who reads a part of the file that is not known here. None for a number that
    /// TOML has no room for.
    pub fn to_toml(&self) -> Option<toml::Value> {
        Some(match &self.raw {
            Raw::Text(text) => toml::Value::String(text.clone()),
            Raw::Int(number) => toml::Value::Integer(i64::try_from(*number).ok()?),
            Raw::Float(number) => toml::Value::Float(*number),
            Raw::Bool(value) => toml::Value::Boolean(*value),
            Raw::List(items) => {
                toml::Value::Array(items.iter().map(Item::to_toml).collect::<Option<_>>()?)
            }
            Raw::Table(entries) => toml::Value::Table(
                entries
                    .iter()
                    .map(|(key, item)| Some((key.clone(), item.to_toml()?)))
                    .collect::<Option<_>>()?,
            ),
            Raw::Time(text) => toml::Value::Datetime(text.parse().ok()?),
        })
    }
}

/// Takes a parsed value over, with the lines of all its parts.
pub(super) fn item(spanned: &Spanned<DeValue<'_>>, lines: &Lines, value: &DeValue<'_>) -> Item {
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

/// Line numbers of byte offsets.
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub fn new(text: &str) -> Lines {
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
    pub fn of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }
}
