//! Arguments with placeholders. Pure.
//!
//! A group of arguments drops out as a whole when one of its placeholders has no value, so that a flag never stands
//! without what belongs to it. A placeholder that may be without a value is allowed in a group only.

use super::table::ArgTable;
use crate::engines::command::nearest;
use std::ffi::{OsStr, OsString};

/// What an argument may have filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Prompt,
    PromptFile,
    Model,
    Lane,
    Session,
    SchemaFile,
    AnswerFile,
    Temp,
    Walled,
    Unwalled,
}

/// Name, slot and meaning: the table of the documentation.
pub(super) const SLOTS: &[(&str, Slot, &str)] = &[
    (
        "prompt",
        Slot::Prompt,
        "the prompt, with `prompt = \"arg\"`; up to 100 KiB",
    ),
    (
        "prompt_file",
        Slot::PromptFile,
        "path of a file with the prompt, with `prompt = \"file\"`",
    ),
    (
        "model",
        Slot::Model,
        "the model of `--model`; in a group, because there may be none",
    ),
    (
        "lane",
        Slot::Lane,
        "path of the worktree; the CLI is started there anyway",
    ),
    (
        "session",
        Slot::Session,
        "in `resume_args` the session to go on with; in `args` the id under which to begin one, in a group",
    ),
    (
        "schema_file",
        Slot::SchemaFile,
        "path of a file with the JSON schema of the typed ending",
    ),
    (
        "answer_file",
        Slot::AnswerFile,
        "path of the file in which the CLI leaves its ending, with `answer = \"answer-file\"`",
    ),
    (
        "temp",
        Slot::Temp,
        "path of a private folder outside the worktree that is removed after the run",
    ),
    (
        "walled",
        Slot::Walled,
        "nothing, and its group stays inside codelicious' own sandbox only: for agents whose sandbox cannot stand in another one",
    ),
    (
        "unwalled",
        Slot::Unwalled,
        "nothing, and its group stays only where codelicious' own sandbox is off",
    ),
];

/// Stands alone as an argument; the items of `extra_args` take its place.
pub(super) const EXTRA: &str = "{extra}";

impl Slot {
    fn of(name: &str) -> Option<Slot> {
        let found = SLOTS.iter().find(|(known, ..)| *known == name);
        found.map(|(_, slot, _)| *slot)
    }

    fn name(self) -> &'static str {
        let found = SLOTS.iter().find(|(_, slot, _)| *slot == self);
        found.map_or("", |(name, ..)| name)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

#[derive(Clone, Debug, PartialEq)]
struct Item {
    args: Vec<Vec<Piece>>,
    /// Drops out without a value.
    is_group: bool,
}

/// Arguments that were understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Template(Vec<Item>);

/// Values of a run; None drops the groups that need it.
#[derive(Debug, Default)]
pub(super) struct Values<'a> {
    pub prompt: Option<&'a OsStr>,
    pub prompt_file: Option<&'a OsStr>,
    pub model: Option<&'a OsStr>,
    pub lane: Option<&'a OsStr>,
    pub session: Option<&'a OsStr>,
    pub schema_file: Option<&'a OsStr>,
    pub answer_file: Option<&'a OsStr>,
    pub temp: Option<&'a OsStr>,
    /// Whether the program runs inside a wall of ours.
    pub is_walled: bool,
}

impl<'a> Values<'a> {
    fn get(&self, slot: Slot) -> Option<&'a OsStr> {
        match slot {
            Slot::Prompt => self.prompt,
            Slot::PromptFile => self.prompt_file,
            Slot::Model => self.model,
            Slot::Lane => self.lane,
            Slot::Session => self.session,
            Slot::SchemaFile => self.schema_file,
            Slot::AnswerFile => self.answer_file,
            Slot::Temp => self.temp,
            Slot::Walled => self.is_walled.then_some(OsStr::new("")),
            Slot::Unwalled => (!self.is_walled).then_some(OsStr::new("")),
        }
    }
}

impl Template {
    /// Reads arguments as a table has them; `key` is where they stand, for errors.
    ///
    /// # Errors
    /// A sentence: a placeholder that is not known, or a brace that belongs to none.
    pub(super) fn parse(
        key: &str,
        args: &[ArgTable],
        extra: &[String],
    ) -> Result<Template, String> {
        let mut items = Vec::new();
        for arg in args {
            match arg {
                ArgTable::One(text) if text == EXTRA => {
                    items.extend(extra.iter().map(|text| Item {
                        args: vec![vec![Piece::Text(text.clone())]],
                        is_group: false,
                    }));
                }
                ArgTable::One(text) => items.push(Item {
                    args: vec![pieces(key, text)?],
                    is_group: false,
                }),
                ArgTable::Group(texts) => items.push(Item {
                    args: texts
                        .iter()
                        .map(|text| pieces(key, text))
                        .collect::<Result<_, _>>()?,
                    is_group: true,
                }),
            }
        }
        let template = Template(items);
        for item in template.0.iter().filter(|item| item.is_group) {
            if slots(item).next().is_none() {
                return Err(format!(
                    "`{key}` has a group without a placeholder; write its arguments without the inner brackets"
                ));
            }
        }
        Ok(template)
    }

    pub(super) fn uses(&self, slot: Slot) -> bool {
        self.0.iter().any(|item| slots(item).any(|s| s == slot))
    }

    /// True when `slot` stands outside of a group, and so needs a value.
    pub(super) fn needs(&self, slot: Slot) -> bool {
        let plain = self.0.iter().filter(|item| !item.is_group);
        plain.into_iter().any(|item| slots(item).any(|s| s == slot))
    }

    /// The arguments.
    pub(super) fn fill(&self, values: &Values<'_>) -> Vec<OsString> {
        let mut filled = Vec::new();
        for item in &self.0 {
            let args: Option<Vec<OsString>> =
                item.args.iter().map(|arg| join(arg, values)).collect();
            filled.extend(args.into_iter().flatten());
        }
        filled
    }
}

fn slots(item: &Item) -> impl Iterator<Item = Slot> {
    item.args.iter().flatten().filter_map(|piece| match piece {
        Piece::Slot(slot) => Some(*slot),
        Piece::Text(_) => None,
    })
}

fn join(arg: &[Piece], values: &Values<'_>) -> Option<OsString> {
    let mut out = OsString::new();
    for piece in arg {
        match piece {
            Piece::Text(text) => out.push(text),
            Piece::Slot(slot) => out.push(values.get(*slot)?),
        }
    }
    Some(out)
}

fn pieces(key: &str, text: &str) -> Result<Vec<Piece>, String> {
    let parts = split(text).map_err(|at| {
        format!("`{key}` has `{text}`, in which the brace at `{at}` belongs to no placeholder; `{{{{` and `}}}}` stand for braces")
    })?;
    parts
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => Ok(Piece::Text(text)),
            Part::Name(name) if name == "extra" => Err(format!(
                "`{key}` has `{text}`, but `{{extra}}` stands alone as an argument: the items of `extra_args` take its place"
            )),
            Part::Name(name) => Slot::of(&name).map(Piece::Slot).ok_or_else(|| {
                let known = SLOTS.iter().map(|(name, ..)| *name);
                let meant = match nearest(&name, known.clone()) {
                    Some(near) => format!("did you mean `{{{near}}}`?"),
                    None => format!("known are {}", known.map(|n| format!("`{{{n}}}`")).collect::<Vec<_>>().join(", ")),
                };
                format!("`{key}` has `{{{name}}}`, which is no placeholder; {meant} (`{{{{` and `}}}}` stand for braces)")
            }),
        })
        .collect()
}

/// A part of a text with placeholders.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Name(String),
}

/// Cuts a text at its placeholders; two braces stand for one.
///
/// # Errors
/// The rest of the text from a brace that belongs to no placeholder.
pub(super) fn split(text: &str) -> Result<Vec<Part>, &str> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..];
        if brace.starts_with("{{") || brace.starts_with("}}") {
            plain.push_str(&brace[..1]);
            rest = &brace[2..];
            continue;
        }
        let (name, after) = brace
            .strip_prefix('{')
            .and_then(|b| b.split_once('}'))
            .filter(|(name, _)| !name.is_empty() && !name.contains('{'))
            .ok_or(brace)?;
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Name(name.to_owned()));
        rest = after;
    }
    plain.push_str(rest);
    // An empty argument is an argument.
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

/// Refuses a placeholder that may be without a value where it would leave a flag alone.
pub(super) fn grouped(key: &str, template: &Template, slot: Slot) -> Result<(), String> {
    match template.needs(slot) {
        true => {
            let name = slot.name();
            Err(format!(
                "`{key}` has `{{{name}}}` outside of a group, and it may be without a value: write `[\"--flag\", \"{{{name}}}\"]` \
                 with its flag, and both drop out together"
            ))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> ArgTable {
        ArgTable::One(text.to_owned())
    }

    fn group(texts: &[&str]) -> ArgTable {
        ArgTable::Group(texts.iter().map(|t| (*t).to_owned()).collect())
    }

    fn filled(args: &[ArgTable], values: &Values<'_>) -> Vec<String> {
        let extra = ["-c".to_owned(), "x={}".to_owned()];
        let template = Template::parse("args", args, &extra).unwrap();
        let filled = template.fill(values).into_iter();
        filled.map(|a| a.into_string().unwrap()).collect()
    }

    #[test]
    fn groups_drop_out_together() {
        let args = [
            one("run"),
            group(&["--model", "{model}"]),
            group(&["--both", "{model}", "--in={lane}/{session}"]),
            one("--dir={lane}"),
            one(EXTRA),
            one(""),
            one("{{}} {{{lane}}}"),
        ];
        let lane = Some(OsStr::new("/l"));
        let all = Values {
            lane,
            model: Some(OsStr::new("m {lane}")),
            session: Some(OsStr::new("s")),
            ..Values::default()
        };
        assert_eq!(
            filled(&args, &all),
            [
                "run",
                "--model",
                "m {lane}",
                "--both",
                "m {lane}",
                "--in=/l/s",
                "--dir=/l",
                "-c",
                "x={}",
                "",
                "{} {/l}"
            ]
        );
        let without = Values {
            lane,
            ..Values::default()
        };
        assert_eq!(
            filled(&args, &without),
            ["run", "--dir=/l", "-c", "x={}", "", "{} {/l}"]
        );
        let half = Values {
            model: Some(OsStr::new("m")),
            lane,
            ..Values::default()
        };
        assert_eq!(filled(&args, &half)[..3], ["run", "--model", "m"]);
        assert!(!filled(&args, &half).contains(&"--both".to_owned()));
    }

    #[test]
    fn some_arguments_depend_on_the_wall() {
        let args = [
            one("run"),
            group(&["--sandbox", "off{walled}"]),
            group(&["--sandbox", "own{unwalled}"]),
        ];
        for (is_walled, value) in [(true, "off"), (false, "own")] {
            let values = Values {
                is_walled,
                ..Values::default()
            };
            assert_eq!(filled(&args, &values), ["run", "--sandbox", value]);
        }
    }

    #[test]
    fn faults_are_told_when_the_table_is_read() {
        for (arg, said) in [
            (one("{modle}"), "did you mean `{model}`?"),
            (one("{prompt-file}"), "did you mean `{prompt_file}`?"),
            (one("{zzzzzzzzz}"), "known are `{prompt}`"),
            (one("{"), "belongs to no placeholder"),
            (one("a}b"), "belongs to no placeholder"),
            (one("{}"), "belongs to no placeholder"),
            (one("{a{model}"), "belongs to no placeholder"),
            (one("x{extra}"), "stands alone"),
            (group(&["--json"]), "group without a placeholder"),
            (group(&[]), "group without a placeholder"),
        ] {
            let why = Template::parse("args", std::slice::from_ref(&arg), &[]).unwrap_err();
            assert!(
                why.contains(said) && why.contains("`args`"),
                "{arg:?}: {why}"
            );
        }
        let template = Template::parse("args", &[one("--model={model}")], &[]).unwrap();
        assert!(
            grouped("args", &template, Slot::Model)
                .unwrap_err()
                .contains("drop out together")
        );
        let template = Template::parse("args", &[group(&["--model={model}"])], &[]).unwrap();
        assert!(template.uses(Slot::Model) && grouped("args", &template, Slot::Model).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn text_without_braces_stays_as_it_is(text in "[^{}]{0,20}", any in ".{0,20}") {
            proptest::prop_assert_eq!(filled(&[one(&text)], &Values::default()), [text]);
            let _ = split(&any);
        }
    }
}
