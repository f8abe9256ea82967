//! From a value as written to a value of its type, or the fault that it has.

mod tables;

pub(super) use tables::{checks, issues};

use super::endpoint::Endpoint;
use super::engine::{EngineChoice, EngineRef};
use super::keys::{Kind, Of};
use super::raw::{Item, Raw};
use super::request::parse_duration;
use super::settings::CommitTemplate;
use crate::model::policy::Network;
use chrono::NaiveDate;
use std::path::{Component, Path};
use std::time::Duration;

/// Longest text and longest list that a setting may be.
const MAX_TEXT: usize = 64 * 1024;
pub(super) const MAX_ITEMS: usize = 1_000;

/// What is wrong with a value. `line` is the line of the faulty part, 0 for the whole value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub line: usize,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Type(&'static str),
    /// The offending part as written.
    Value(String),
    /// Why it cannot be used, where the part itself may be a secret or the reason says more.
    Reason(String),
    /// A field of a table that is not known, and the nearest one that is.
    Field {
        name: String,
        nearest: Option<&'static str>,
    },
    /// A field of a table, with what it may be.
    FieldValue {
        name: &'static str,
        given: String,
        allowed: String,
    },
}

pub(super) type Decoded<T> = Result<T, Fault>;

/// Whether numbers, booleans and lists may stand as text, as in environment variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Toml,
    Words,
}

fn wrong_type<T>(item: &Item) -> Decoded<T> {
    Err(Fault {
        line: item.line,
        what: What::Type(item.raw.kind()),
    })
}

fn bad_value<T>(item: &Item) -> Decoded<T> {
    Err(Fault {
        line: item.line,
        what: What::Value(shown(&item.raw.to_string())),
    })
}

/// At most 80 characters of a value, for an error.
fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

pub(super) fn boolean(item: &Item, _: Kind, form: Form) -> Decoded<bool> {
    match (&item.raw, form) {
        (Raw::Bool(value), _) => Ok(*value),
        (Raw::Text(text), Form::Words) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => bad_value(item),
        },
        _ => wrong_type(item),
    }
}

pub(super) fn int(item: &Item, kind: Kind, form: Form) -> Decoded<u64> {
    let (min, max) = match kind {
        Kind::Int { min, max } | Kind::Seconds { min, max } => (min, max),
        _ => (0, u64::MAX),
    };
    let number = match (&item.raw, form) {
        (Raw::Int(number), _) => u64::try_from(*number).ok(),
        (Raw::Text(text), Form::Words) => text.trim().parse().ok(),
        _ => return wrong_type(item),
    };
    match number {
        Some(number) if (min..=max).contains(&number) => Ok(number),
        _ => bad_value(item),
    }
}

/// A count that fits 32 bits, as every range of counts does.
pub(super) fn count(item: &Item, kind: Kind, form: Form) -> Decoded<u32> {
    u32::try_from(int(item, kind, form)?).or_else(|_| bad_value(item))
}

pub(super) fn seconds(item: &Item, kind: Kind, form: Form) -> Decoded<Duration> {
    let (Raw::Text(text), Kind::Seconds { min, max }) = (&item.raw, kind) else {
        return int(item, kind, form).map(Duration::from_secs);
    };
    match parse_duration(text) {
        Some(duration) if (min..=max).contains(&duration.as_secs()) => Ok(duration),
        _ => bad_value(item),
    }
}

fn number(item: &Item, form: Form, fits: impl Fn(f64) -> bool) -> Decoded<f64> {
    let number = match (&item.raw, form) {
        (Raw::Float(number), _) => Some(*number),
        (Raw::Int(number), _) => i32::try_from(*number).ok().map(f64::from),
        (Raw::Text(text), Form::Words) => text.trim().parse().ok(),
        _ => return wrong_type(item),
    };
    match number {
        Some(number) if fits(number) => Ok(number),
        _ => bad_value(item),
    }
}

pub(super) fn dollars(item: &Item, kind: Kind, form: Form) -> Decoded<f64> {
    let max = match kind {
        Kind::Dollars { max } => max as f64,
        _ => f64::MAX,
    };
    number(item, form, |amount| amount > 0.0 && amount <= max)
}

pub(super) fn rate(item: &Item, kind: Kind, form: Form) -> Decoded<f64> {
    let max = match kind {
        Kind::Rate { max } => max as f64,
        _ => f64::MAX,
    };
    number(item, form, |rate| (0.0..=max).contains(&rate))
}

pub(super) fn percent(item: &Item, _: Kind, form: Form) -> Decoded<f64> {
    number(item, form, |percent| (0.0..=100.0).contains(&percent))
}

/// A day as a text, or as TOML writes dates.
pub(super) fn date(item: &Item, _: Kind, _: Form) -> Decoded<NaiveDate> {
    let text = match &item.raw {
        Raw::Text(text) | Raw::Time(text) => text,
        _ => return wrong_type(item),
    };
    // Chrono alone would take days and months of one digit.
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) if date.to_string() == *text => Ok(date),
        _ => bad_value(item),
    }
}

/// The error of an address never repeats it: it may hold a key.
pub(super) fn endpoint(item: &Item, _: Kind, _: Form) -> Decoded<Endpoint> {
    match &item.raw {
        Raw::Text(text) => Endpoint::parse(text.trim()).map_err(|error| Fault {
            line: item.line,
            what: What::Reason(error.to_string()),
        }),
        _ => wrong_type(item),
    }
}

/// Any text that is not blank, too long, or cut by a NUL.
pub(super) fn text(item: &Item, _: Kind, _: Form) -> Decoded<String> {
    match &item.raw {
        Raw::Text(text)
            if text.trim().is_empty() || text.len() > MAX_TEXT || text.contains('\0') =>
        {
            bad_value(item)
        }
        Raw::Text(text) => Ok(text.clone()),
        _ => wrong_type(item),
    }
}

pub(super) fn word(item: &Item, kind: Kind, form: Form) -> Decoded<String> {
    let word = text(item, kind, form)?;
    let fits =
        !word.starts_with('-') && !word.contains(|c: char| c.is_whitespace() || c.is_control());
    if fits { Ok(word) } else { bad_value(item) }
}

pub(super) fn one_of(item: &Item, kind: Kind, form: Form) -> Decoded<String> {
    let word = text(item, kind, form)?;
    match kind {
        Kind::OneOf(words) if !words.contains(&word.as_str()) => bad_value(item),
        _ => Ok(word),
    }
}

/// A chain as one text, or as a list of engines.
pub(super) fn engine(item: &Item, kind: Kind, form: Form) -> Decoded<EngineChoice> {
    let choice = match &item.raw {
        Raw::List(items) => {
            let words = items
                .iter()
                .map(|item| text(item, kind, form))
                .collect::<Decoded<Vec<String>>>()?;
            EngineChoice::of(&words.iter().map(|w| w.trim()).collect::<Vec<_>>())
        }
        _ => text(item, kind, form)?.parse(),
    };
    choice.map_err(|why| Fault {
        line: item.line,
        what: What::Reason(why),
    })
}

/// One engine, or `none`.
pub(super) fn one_engine(item: &Item, kind: Kind, form: Form) -> Decoded<Option<EngineRef>> {
    let word = text(item, kind, form)?;
    match word.trim() {
        "none" => Ok(None),
        // What is installed is not said by one name.
        "auto" => bad_value(item),
        word => word.parse().map(Some).map_err(|why| Fault {
            line: item.line,
            what: What::Reason(why),
        }),
    }
}

pub(super) fn template(item: &Item, kind: Kind, form: Form) -> Decoded<CommitTemplate> {
    match CommitTemplate::parse(&text(item, kind, form)?) {
        Some(template) => Ok(template),
        None => bad_value(item),
    }
}

pub(super) fn list(item: &Item, kind: Kind, form: Form) -> Decoded<Vec<String>> {
    let Kind::List(of) = kind else {
        return wrong_type(item);
    };
    at_most(of.most(), item, of.separator(), form)?
        .iter()
        .map(|item| list_item(item, of))
        .collect()
}

pub(super) fn variable(item: &Item, kind: Kind, form: Form) -> Decoded<String> {
    let name = text(item, kind, form)?;
    if is_variable(&name) {
        Ok(name)
    } else {
        bad_value(item)
    }
}

/// A path below the repository's root.
pub(super) fn inside(item: &Item, kind: Kind, form: Form) -> Decoded<String> {
    let path = text(item, kind, form)?;
    if is_inside(&path) {
        Ok(path)
    } else {
        bad_value(item)
    }
}

/// A repository as its forge names it.
pub(super) fn repository(item: &Item, kind: Kind, form: Form) -> Decoded<String> {
    let path = text(item, kind, form)?;
    if is_repository(&path) {
        Ok(path)
    } else {
        bad_value(item)
    }
}

/// What a walled process reaches: a word, or a list of hosts.
pub(super) fn network(item: &Item, _: Kind, form: Form) -> Decoded<Network> {
    match &item.raw {
        Raw::List(_) => endpoints(item, Kind::List(Of::Endpoint), form).map(Network::Hosts),
        Raw::Text(text) => match text.as_str() {
            "none" => Ok(Network::None),
            "loopback" => Ok(Network::Loopback),
            "full" => Ok(Network::Full),
            _ => bad_value(item),
        },
        _ => wrong_type(item),
    }
}

pub(super) fn endpoints(
    item: &Item,
    kind: Kind,
    form: Form,
) -> Decoded<Vec<crate::model::policy::Endpoint>> {
    let hosts = list(item, kind, form)?;
    let hosts = hosts
        .iter()
        .map(|host| crate::model::policy::Endpoint::parse(host));
    hosts.collect::<Result<_, _>>().or_else(|_| bad_value(item))
}

/// Bytes as a number, or as a text with a unit.
pub(super) fn size(item: &Item, kind: Kind, _: Form) -> Decoded<u64> {
    let (min, max) = match kind {
        Kind::Size { min, max } => (min, max),
        _ => (0, u64::MAX),
    };
    let bytes = match &item.raw {
        Raw::Int(number) => u64::try_from(*number).ok(),
        Raw::Text(text) => bytes_of(text),
        _ => return wrong_type(item),
    };
    match bytes {
        Some(bytes) if (min..=max).contains(&bytes) => Ok(bytes),
        _ => bad_value(item),
    }
}

fn bytes_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A command that is run without a shell: a program, and its arguments.
pub(super) fn command(item: &Item, kind: Kind, form: Form) -> Decoded<Vec<String>> {
    let words = list(item, kind, form)?;
    match words.first() {
        Some(program) if !program.trim().is_empty() => Ok(words),
        _ => bad_value(item),
    }
}

/// Arguments, of which some stand in lists of their own, as TOML.
pub(super) fn arguments(item: &Item, _: Kind, form: Form) -> Decoded<toml::Value> {
    for part in items(item, '\n', form)? {
        match part.raw {
            Raw::List(_) => list(&part, Kind::List(Of::Argument), form).map(drop)?,
            _ => list_item(&part, Of::Argument).map(drop)?,
        }
    }
    toml_value(item)
}

/// Any value, for somebody else to read.
pub(super) fn toml_value(item: &Item) -> Decoded<toml::Value> {
    item.to_toml().map_or_else(|| bad_value(item), Ok)
}

fn list_item(item: &Item, of: Of) -> Decoded<String> {
    let value = match of {
        // An empty argument is an argument.
        Of::Argument => match &item.raw {
            Raw::Text(text) if text.contains('\0') => return bad_value(item),
            Raw::Text(text) => text.clone(),
            _ => return wrong_type(item),
        },
        _ => text(item, Kind::Word, Form::Toml)?,
    };
    let fits = match of {
        Of::Variable => is_variable(&value),
        Of::Pattern => is_variable(value.strip_suffix('*').unwrap_or(&value)),
        Of::Inside => is_inside(&value),
        Of::Glob => is_glob(&value),
        Of::Host => is_host(&value),
        Of::Label => is_label(&value),
        Of::Reviewer => is_reviewer(&value),
        Of::Place => is_place(&value),
        Of::Endpoint => crate::model::policy::Endpoint::parse(&value).is_ok(),
        Of::Rule => crate::model::Rule::named(&value).is_some(),
        Of::Command | Of::Argument | Of::Check => true,
    };
    if fits { Ok(value) } else { bad_value(item) }
}

/// The items of a list, or of a text that stands for one.
fn items(item: &Item, separator: char, form: Form) -> Decoded<Vec<Item>> {
    at_most(MAX_ITEMS, item, separator, form)
}

fn at_most(most: usize, item: &Item, separator: char, form: Form) -> Decoded<Vec<Item>> {
    let items = match (&item.raw, form) {
        (Raw::List(items), _) => items.clone(),
        (Raw::Text(text), Form::Words) => text
            .split(separator)
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| Item {
                raw: Raw::Text(part.to_owned()),
                line: 0,
            })
            .collect(),
        _ => return wrong_type(item),
    };
    if items.len() > most {
        return Err(Fault {
            line: item.line,
            what: What::Value(format!("a list of {} items", items.len())),
        });
    }
    Ok(items)
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// True for a name or an address, as [`Endpoint::host`] gives it back.
fn is_host(host: &str) -> bool {
    let address = match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("https://[{address}]"),
        Err(_) => format!("https://{host}"),
    };
    Endpoint::parse(&address).is_ok_and(|endpoint| endpoint.host() == host)
}

/// True for a relative path that cannot leave the folder it starts in, nor reach into git's own.
fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some()
        && parts.all(|part| match part {
            Component::Normal(name) => !name.eq_ignore_ascii_case(".git"),
            Component::CurDir => true,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => false,
        })
        && !path.contains(char::is_control)
}

/// True for what every forge takes for a label: GitLab separates them by commas.
fn is_label(label: &str) -> bool {
    label.trim() == label
        && (1..=255).contains(&label.chars().count())
        && !label.contains(|c: char| c == ',' || c.is_control())
}

/// True for a name that can stand in an address and in a list.
fn is_reviewer(name: &str) -> bool {
    let bare = name.strip_prefix("team:").unwrap_or(name);
    (1..=100).contains(&bare.len())
        && bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.[]".contains(&b))
}

/// True for a repository's path on a forge: two names or more, none of which could leave its place in an address.
fn is_repository(path: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.chars().all(|c| c == '.')
            && !name
                .contains(|c: char| c.is_whitespace() || c.is_control() || "?#%\\:@".contains(c))
    };
    path.len() <= 1_024 && path.contains('/') && path.split('/').all(is_name)
}

/// True for a path that says by itself where it leads.
fn is_place(path: &str) -> bool {
    !path.contains(char::is_control)
        && Path::new(path).components().all(|part| match part {
            Component::ParentDir | Component::Prefix(_) => false,
            Component::Normal(_) | Component::CurDir | Component::RootDir => true,
        })
}

fn is_glob(glob: &str) -> bool {
    ignore::gitignore::GitignoreBuilder::new("")
        .add_line(None, glob)
        .is_ok()
}
