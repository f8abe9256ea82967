//! What a line means: the rules of a table, applied to its fields. Pure.
//!
//! Every rule that fits a line is applied, in order; of several steps the first is shown. A line that no rule
//! fits means nothing.

use super::config::Format;
use super::fields::{Fields, PathId, Paths, Scalar};
use super::table::{CostTable, Counts, EventTable, UsageTable, Want};
use super::template::{Part, split};
use super::words;
use crate::model::Usage;
use std::collections::BTreeMap;

/// The one field of a line of plain text.
const LINE: &str = "line";
/// Bytes of a text line that rules see.
const MAX_TEXT_LINE: usize = 16 << 10;

/// Conditions on fields: all of them have to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct When(Vec<(PathId, Want)>);

impl When {
    pub(super) fn new(paths: &mut Paths, when: &BTreeMap<String, Want>) -> Result<When, String> {
        let conditions = when
            .iter()
            .map(|(path, want)| Ok((paths.add(path)?, want.clone())));
        conditions.collect::<Result<_, String>>().map(When)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn fits(&self, fields: &Fields) -> bool {
        self.0
            .iter()
            .all(|(path, want)| match (want, fields.get(*path)) {
                (Want::Text(pattern), Some(Scalar::Text(text))) => words::matches(pattern, text),
                (Want::Flag(want), Some(Scalar::Flag(flag))) => want == flag,
                (Want::Whole(want), Some(Scalar::Whole(number))) => {
                    u64::try_from(*want) == Ok(*number)
                }
                (Want::Text(_) | Want::Flag(_) | Want::Whole(_), _) => false,
            })
    }
}

#[derive(Clone, Debug, PartialEq)]
enum StepPart {
    Text(String),
    Field(PathId),
}

#[derive(Clone, Debug, PartialEq)]
struct UsageRule {
    input: Vec<PathId>,
    cached: Vec<PathId>,
    output: Vec<PathId>,
    input_includes_cached: bool,
    counts: Counts,
}

#[derive(Clone, Debug, PartialEq)]
struct ErrorRule {
    message: PathId,
    is_final: bool,
    status: Option<PathId>,
    until: Option<PathId>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    when: When,
    session: Option<PathId>,
    model: Option<PathId>,
    text: Option<PathId>,
    delta: bool,
    step: Option<Vec<StepPart>>,
    usage: Option<UsageRule>,
    cost: Option<(PathId, Counts)>,
    error: Option<ErrorRule>,
    done: bool,
}

/// The rules of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EventMap {
    paths: Paths,
    rules: Vec<Rule>,
    line: PathId,
    format: Format,
}

/// A failure that a line told of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub message: String,
    /// Nothing comes after it; otherwise the CLI may get over it by itself.
    pub is_final: bool,
    /// HTTP status, where a field has one.
    pub status: Option<u16>,
    pub until: Option<Scalar>,
    /// The line that told of it, for rules that look at fields.
    pub fields: Fields,
}

/// What one line means.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Meaning {
    pub session: Option<String>,
    pub model: Option<String>,
    pub text: Option<String>,
    /// The text goes on where the last one ended.
    pub delta: bool,
    pub step: Option<String>,
    pub usage: Vec<(Usage, Counts)>,
    pub usd: Vec<(f64, Counts)>,
    pub error: Option<Told>,
    pub done: bool,
}

impl EventMap {
    /// Understands the rules. `paths` has the fields that others look at on a line of failure.
    ///
    /// # Errors
    /// A sentence naming the rule.
    pub(super) fn new(
        format: Format,
        mut paths: Paths,
        rules: &[EventTable],
    ) -> Result<EventMap, String> {
        let line = paths.add(LINE)?;
        let mut known = Vec::new();
        for (at, table) in rules.iter().enumerate() {
            let rule = Rule::new(&mut paths, table)
                .map_err(|why| format!("rule {} of `events`: {why}", at + 1))?;
            known.push(rule);
        }
        Ok(EventMap {
            paths,
            rules: known,
            line,
            format,
        })
    }

    pub(super) fn tells_usage(&self) -> bool {
        self.rules.iter().any(|r| r.usage.is_some())
    }

    pub(super) fn tells_cost(&self) -> bool {
        self.rules.iter().any(|r| r.cost.is_some())
    }

    pub(super) fn tells_text(&self) -> bool {
        self.rules.iter().any(|r| r.text.is_some())
    }

    pub(super) fn tells_done(&self) -> bool {
        self.rules.iter().any(|r| r.done)
    }

    /// What a line means; None when it is not of the CLI's protocol. `lane` is left out of paths that are shown.
    pub(super) fn read(&self, line: &[u8], lane: &str) -> Option<Meaning> {
        let fields = match self.format {
            Format::JsonLines => self.paths.read(line)?,
            Format::Text => {
                let seen = &line[..line.len().min(MAX_TEXT_LINE)];
                self.paths
                    .plain(self.line, String::from_utf8_lossy(seen).into_owned())
            }
        };
        let mut meaning = Meaning::default();
        for rule in self.rules.iter().filter(|r| r.when.fits(&fields)) {
            rule.apply(&fields, lane, &mut meaning);
        }
        Some(meaning)
    }
}

impl Rule {
    fn new(paths: &mut Paths, table: &EventTable) -> Result<Rule, String> {
        let mut path = |path: &Option<String>| path.as_ref().map(|p| paths.add(p)).transpose();
        let (session, model, text) = (
            path(&table.session)?,
            path(&table.model)?,
            path(&table.text)?,
        );
        let (status, until) = (path(&table.status)?, path(&table.until)?);
        let message = path(&table.error)?;
        let error = match message {
            Some(message) => Some(ErrorRule {
                message,
                is_final: table.is_final,
                status,
                until,
            }),
            None if table.is_final || status.is_some() || until.is_some() => {
                return Err("`final`, `status` and `until` say something about an `error`, and there is none".to_owned());
            }
            None => None,
        };
        if table.delta && text.is_none() {
            return Err("`delta` says something about a `text`, and there is none".to_owned());
        }
        Ok(Rule {
            when: When::new(paths, &table.when)?,
            session,
            model,
            text,
            delta: table.delta,
            step: table.step.as_ref().map(|s| step(paths, s)).transpose()?,
            usage: table
                .usage
                .as_ref()
                .map(|u| UsageRule::new(paths, u))
                .transpose()?,
            cost: table.cost.as_ref().map(|c| cost(paths, c)).transpose()?,
            error,
            done: table.done,
        })
    }

    fn apply(&self, fields: &Fields, lane: &str, meaning: &mut Meaning) {
        let text = |path: Option<PathId>| Some(fields.get(path?)?.text()?.to_owned());
        meaning.session = text(self.session).or(meaning.session.take());
        meaning.model = text(self.model).or(meaning.model.take());
        if let Some(said) = text(self.text) {
            meaning.text = Some(said);
            meaning.delta = self.delta;
        }
        if let (None, Some(parts)) = (&meaning.step, &self.step) {
            meaning.step = Some(show(parts, fields, lane));
        }
        meaning.usage.extend(
            self.usage
                .as_ref()
                .and_then(|u| Some((u.read(fields)?, u.counts))),
        );
        if let Some((path, counts)) = self.cost
            && let Some(usd) = fields
                .get(path)
                .and_then(Scalar::number)
                .filter(|usd| *usd >= 0.0)
        {
            meaning.usd.push((usd, counts));
        }
        if let Some(error) = &self.error {
            meaning.error = Some(error.read(fields));
        }
        meaning.done |= self.done;
    }
}

impl UsageRule {
    fn new(paths: &mut Paths, table: &UsageTable) -> Result<UsageRule, String> {
        let mut all = |list: &[String]| {
            list.iter()
                .map(|p| paths.add(p))
                .collect::<Result<Vec<_>, _>>()
        };
        let rule = UsageRule {
            input: all(&table.input)?,
            cached: all(&table.cached)?,
            output: all(&table.output)?,
            input_includes_cached: table.input_includes_cached,
            counts: table.counts,
        };
        if rule.input.is_empty() || rule.output.is_empty() {
            return Err("`usage` needs paths for `input` and for `output`".to_owned());
        }
        Ok(rule)
    }

    /// None when the line has none of the counts.
    fn read(&self, fields: &Fields) -> Option<Usage> {
        let sum = |paths: &[PathId]| {
            let counts = paths.iter().filter_map(|p| fields.get(*p)?.count());
            counts.reduce(u64::saturating_add)
        };
        let (input, cached, output) = (sum(&self.input), sum(&self.cached), sum(&self.output));
        let input = match self.input_includes_cached {
            true => input.map(|i| i.saturating_sub(cached.unwrap_or(0))),
            false => input,
        };
        (input.is_some() || output.is_some()).then_some(Usage {
            input,
            cached,
            output,
        })
    }
}

impl ErrorRule {
    fn read(&self, fields: &Fields) -> Told {
        let status = self.status.and_then(|p| fields.get(p)?.count());
        Told {
            message: fields
                .get(self.message)
                .map(Scalar::shown)
                .unwrap_or_default(),
            is_final: self.is_final,
            status: status.and_then(|s| u16::try_from(s).ok()),
            until: self.until.and_then(|p| fields.get(p).cloned()),
            fields: fields.clone(),
        }
    }
}

fn cost(paths: &mut Paths, table: &CostTable) -> Result<(PathId, Counts), String> {
    Ok((paths.add(&table.usd)?, table.counts))
}

fn step(paths: &mut Paths, text: &str) -> Result<Vec<StepPart>, String> {
    let parts = split(text).map_err(|at| {
        format!(
            "`step` has a brace at `{at}` that encloses no path; `{{{{` and `}}}}` stand for braces"
        )
    })?;
    let parts = parts.into_iter().map(|part| match part {
        Part::Text(text) => Ok(StepPart::Text(text)),
        Part::Name(path) => paths.add(&path).map(StepPart::Field),
    });
    parts.collect()
}

fn show(parts: &[StepPart], fields: &Fields, lane: &str) -> String {
    let mut shown = String::new();
    for part in parts {
        match part {
            StepPart::Text(text) => shown.push_str(text),
            StepPart::Field(path) => {
                let value = fields.get(*path).map(Scalar::shown).unwrap_or_default();
                let inside = value.strip_prefix(lane).and_then(|v| v.strip_prefix('/'));
                shown.push_str(&words::brief(inside.unwrap_or(&value)));
            }
        }
    }
    words::brief(&shown)
}
