//! Settings that are tables, or lists of them.

use super::{
    Decoded, Fault, Form, What, is_label, items, list, list_item, seconds, text, wrong_type,
};
use crate::config::keys::{self, Kind, Of};
use crate::config::raw::{Item, Raw};
use crate::config::settings::{CHECK_FORMATS, CheckCommand, IssueSource};

pub(in crate::config) fn checks(item: &Item, _: Kind, form: Form) -> Decoded<Vec<CheckCommand>> {
    items(item, '\n', form)?.iter().map(check).collect()
}

fn check(item: &Item) -> Decoded<CheckCommand> {
    const FIELDS: [&str; 8] = [
        "name",
        "run",
        "dir",
        "when",
        "timeout_s",
        "reads",
        "report",
        "only",
    ];
    let fields = match &item.raw {
        Raw::Table(fields) => fields,
        _ => return Ok(CheckCommand::shell(text(item, Kind::Word, Form::Toml)?)),
    };
    let (mut name, mut run, mut dir, mut when, mut timeout) =
        (None, None, String::new(), Vec::new(), None);
    let (mut reads, mut report, mut only) = (None, None, None);
    for (key, value) in fields {
        match key.as_str() {
            "name" => {
                name = Some(field(
                    "name",
                    "a text",
                    text(value, Kind::Word, Form::Toml),
                )?)
            }
            "run" => {
                run = Some(field(
                    "run",
                    "a shell command",
                    text(value, Kind::Word, Form::Toml),
                )?)
            }
            "dir" => {
                dir = field(
                    "dir",
                    "a folder below the repository's root",
                    list_item(value, Of::Inside),
                )?
            }
            "when" => {
                let globs = list(value, Kind::List(Of::Glob), Form::Toml);
                when = field("when", "a list of globs as in .gitignore", globs)?;
            }
            "timeout_s" => {
                let kind = Kind::Seconds {
                    min: 1,
                    max: 86_400,
                };
                timeout = Some(field(
                    "timeout_s",
                    &kind.allowed(),
                    seconds(value, kind, Form::Toml),
                )?);
            }
            "reads" => {
                let allowed = format!("one of {}", CHECK_FORMATS.join(", "));
                let word = text(value, Kind::Word, Form::Toml).and_then(|word| match CHECK_FORMATS
                    .contains(&word.as_str())
                {
                    true => Ok(word),
                    false => super::bad_value(value),
                });
                reads = Some(field("reads", &allowed, word)?);
            }
            "report" => {
                report = Some(field(
                    "report",
                    "a file or folder below the check's folder",
                    list_item(value, Of::Inside),
                )?)
            }
            "only" => {
                let line = text(value, Kind::Word, Form::Toml).and_then(|line| {
                    match line.contains("{tests}") {
                        true => Ok(line),
                        false => super::bad_value(value),
                    }
                });
                only = Some(field("only", "a shell command with {tests} in it", line)?);
            }
            other => {
                let nearest = keys::nearest(other, FIELDS.into_iter());
                return Err(Fault {
                    line: value.line,
                    what: What::Field {
                        name: other.to_owned(),
                        nearest,
                    },
                });
            }
        }
    }
    let Some(run) = run else {
        let given = "missing".to_owned();
        let allowed = "a shell command".to_owned();
        return Err(Fault {
            line: item.line,
            what: What::FieldValue {
                name: "run",
                given,
                allowed,
            },
        });
    };
    Ok(CheckCommand {
        name: name.unwrap_or_else(|| run.clone()),
        run,
        dir,
        when,
        timeout,
        reads,
        report,
        only,
    })
}

/// Names the field in a fault of its value.
fn field<T>(name: &'static str, allowed: &str, decoded: Decoded<T>) -> Decoded<T> {
    decoded.map_err(|fault| {
        let what = match fault.what {
            What::Type(found) => What::FieldValue {
                name,
                given: found.to_owned(),
                allowed: allowed.to_owned(),
            },
            What::Value(given) | What::Reason(given) => What::FieldValue {
                name,
                given,
                allowed: allowed.to_owned(),
            },
            other => other,
        };
        Fault {
            line: fault.line,
            what,
        }
    })
}

/// Which issues are specs: a table, or in a variable the label alone.
pub(in crate::config) fn issues(item: &Item, kind: Kind, form: Form) -> Decoded<IssueSource> {
    const ALLOWED: &str = "a label of at most 255 characters, without commas";
    let label_of = |value: &Item| {
        let label = text(value, kind, Form::Toml)?;
        if is_label(&label) {
            Ok(label)
        } else {
            super::bad_value(value)
        }
    };
    let label = match (&item.raw, form) {
        (Raw::Text(_), Form::Words) => label_of(item)?,
        (Raw::Table(fields), _) => {
            let mut label = None;
            for (key, value) in fields {
                match key.as_str() {
                    "label" => label = Some(field("label", ALLOWED, label_of(value))?),
                    other => {
                        return Err(Fault {
                            line: value.line,
                            what: What::Field {
                                name: other.to_owned(),
                                nearest: keys::nearest(other, ["label"].into_iter()),
                            },
                        });
                    }
                }
            }
            label.ok_or_else(|| Fault {
                line: item.line,
                what: What::FieldValue {
                    name: "label",
                    given: "missing".to_owned(),
                    allowed: ALLOWED.to_owned(),
                },
            })?
        }
        _ => return wrong_type(item),
    };
    Ok(IssueSource { label })
}
