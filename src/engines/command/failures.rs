//! Which failure it was: the rules of a table, applied to what a line told, to the exit code and, last, to words.
//! Pure.
//!
//! Rules that look at a field of the failing line decide first, then an HTTP status, then the other rules: words change
//! between releases, and anybody can print them. Otherwise the order of the table counts.

use super::events::{Told, When};
use super::fields::{Paths, Scalar};
use super::table::{FailureKind, FailureTable};
use super::{until, words};
use crate::model::EngineError;
use chrono::{DateTime, Local, Utc};

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    is: FailureKind,
    field: When,
    exit_codes: Vec<i32>,
    message: Vec<String>,
    stderr: Vec<String>,
    until_after: Vec<String>,
    remedy: Option<String>,
}

/// The failures of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FailureMap {
    rules: Vec<Rule>,
    status_after: Vec<String>,
}

/// What is known of a failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs<'a> {
    pub told: Option<&'a Told>,
    /// None while the process runs.
    pub code: Option<i32>,
    pub stderr: &'a str,
    pub now: DateTime<Utc>,
}

/// A failure that a rule or a status explains.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub is: FailureKind,
    pub message: String,
    pub until: Option<DateTime<Utc>>,
}

impl FailureMap {
    /// Understands the rules; the fields they look at go into `paths`.
    ///
    /// # Errors
    /// A sentence naming the rule.
    pub(super) fn new(
        paths: &mut Paths,
        rules: &[FailureTable],
        status_after: &[String],
    ) -> Result<FailureMap, String> {
        let mut known = Vec::new();
        for (at, table) in rules.iter().enumerate() {
            let wrong = |why: &str| format!("rule {} of `failures`: {why}", at + 1);
            let rule = Rule {
                is: table.is,
                field: When::new(paths, &table.field).map_err(|why| wrong(&why))?,
                exit_codes: table.exit_codes.clone(),
                message: table.message.clone(),
                stderr: table.stderr.clone(),
                until_after: table.until_after.clone(),
                remedy: table.remedy.clone(),
            };
            if rule.field.is_empty()
                && rule.exit_codes.is_empty()
                && rule.message.is_empty()
                && rule.stderr.is_empty()
            {
                return Err(wrong(
                    "it says nothing about when; give it `field`, `exit_codes`, `message` or `stderr`",
                ));
            }
            known.push(rule);
        }
        Ok(FailureMap {
            rules: known,
            status_after: status_after.to_vec(),
        })
    }

    /// The failure that the signs speak of, if any rule or status knows it.
    pub(super) fn explain(&self, signs: Signs<'_>) -> Option<Known> {
        let by = |has_field: bool| {
            let rules = self
                .rules
                .iter()
                .filter(|r| r.field.is_empty() != has_field);
            rules.into_iter().find_map(|r| r.explains(signs))
        };
        by(true)
            .or_else(|| self.by_status(signs))
            .or_else(|| by(false))
    }

    fn by_status(&self, signs: Signs<'_>) -> Option<Known> {
        let told = signs.told?;
        let status = told
            .status
            .or_else(|| words::status_after(&self.status_after, &told.message))?;
        Some(Known {
            is: of_status(status)?,
            message: words::clip(&told.message),
            until: told
                .until
                .as_ref()
                .and_then(|v| until::in_field(v, signs.now)),
        })
    }
}

impl Rule {
    /// Holds when all that the rule names holds.
    fn explains(&self, signs: Signs<'_>) -> Option<Known> {
        let told = signs.told;
        let fits =
            |patterns: &[String], text: &str| patterns.iter().any(|p| words::matches(p, text));
        if !self.field.is_empty() && !told.is_some_and(|t| self.field.fits(&t.fields)) {
            return None;
        }
        if !self.exit_codes.is_empty() && !signs.code.is_some_and(|c| self.exit_codes.contains(&c))
        {
            return None;
        }
        if !self.message.is_empty() && !told.is_some_and(|t| fits(&self.message, t.message.trim()))
        {
            return None;
        }
        let line = signs
            .stderr
            .lines()
            .map(str::trim)
            .find(|line| fits(&self.stderr, line));
        if !self.stderr.is_empty() && line.is_none() {
            return None;
        }
        let said = match (line, told) {
            (Some(line), _) => line,
            (None, Some(told)) => told.message.trim(),
            (None, None) => "",
        };
        Some(self.known(said, signs))
    }

    fn known(&self, said: &str, signs: Signs<'_>) -> Known {
        let field = signs.told.and_then(|t| t.until.as_ref());
        let until = field
            .and_then(|v: &Scalar| until::in_field(v, signs.now))
            .or_else(|| until::in_words(&self.until_after, said, signs.now, &Local));
        let mut message = match (said, signs.code) {
            ("", Some(code)) => format!("{}it exited with code {code}", lead(signs.stderr)),
            (said, _) => words::clip(said),
        };
        if let Some(remedy) = &self.remedy {
            message = format!("{}; {remedy}", message.trim_end_matches(['.', ';']));
        }
        Known {
            is: self.is,
            message,
            until,
        }
    }
}

/// What stands on standard error, before what we have to say.
fn lead(stderr: &str) -> String {
    match words::tail(stderr) {
        text if text.is_empty() => text,
        text => format!("{}; ", text.trim_end_matches('.')),
    }
}

/// HTTP statuses as providers of models use them.
fn of_status(status: u16) -> Option<FailureKind> {
    Some(match status {
        401 | 403 => FailureKind::Auth,
        402 => FailureKind::Credit,
        408 | 409 | 500 | 502 | 504 => FailureKind::Transient,
        413 => FailureKind::ContextTooLong,
        429 => FailureKind::RateLimited,
        503 | 529 => FailureKind::Overloaded,
        501 | 505..=599 => FailureKind::Transient,
        400..=499 => FailureKind::InvalidRequest,
        _ => return None,
    })
}

impl Known {
    /// The failure as everybody knows it. A session that is gone has no variant of its own: the engine begins it
    /// anew and nobody hears of it.
    pub(super) fn into_error(self) -> EngineError {
        let Known { is, message, until } = self;
        match is {
            FailureKind::RateLimited => EngineError::RateLimited { until, message },
            FailureKind::Overloaded => EngineError::Overloaded { until, message },
            FailureKind::Transient => EngineError::Transient { until, message },
            FailureKind::Credit => EngineError::Credit { message },
            FailureKind::Auth => EngineError::Auth { message },
            FailureKind::ContextTooLong => EngineError::ContextTooLong { message },
            FailureKind::InvalidRequest => EngineError::InvalidRequest { message },
            FailureKind::Refusal => EngineError::Refusal { message },
            FailureKind::Budget => EngineError::Budget { message },
            // How many turns it had is not known.
            FailureKind::TurnLimit => EngineError::TurnLimit { turns: 0 },
            FailureKind::NotStarted => EngineError::NotStarted { message },
            FailureKind::SessionLost | FailureKind::Protocol => EngineError::Protocol { message },
        }
    }

    /// Trying on within the same process cannot help.
    pub(super) fn is_hopeless(&self) -> bool {
        matches!(self.is, FailureKind::Auth | FailureKind::Credit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn table(is: FailureKind) -> FailureTable {
        FailureTable {
            is,
            field: BTreeMap::new(),
            exit_codes: Vec::new(),
            message: Vec::new(),
            stderr: Vec::new(),
            until_after: Vec::new(),
            remedy: None,
        }
    }

    fn told(message: &str) -> Told {
        Told {
            message: message.to_owned(),
            is_final: true,
            status: None,
            until: None,
            fields: Default::default(),
        }
    }

    fn map(rules: &[FailureTable]) -> FailureMap {
        FailureMap::new(&mut Paths::default(), rules, &["status: ".to_owned()]).unwrap()
    }

    fn kind(map: &FailureMap, told: Option<&Told>, code: i32, stderr: &str) -> Option<FailureKind> {
        let signs = Signs {
            told,
            code: Some(code),
            stderr,
            now: DateTime::UNIX_EPOCH,
        };
        map.explain(signs).map(|k| k.is)
    }

    #[test]
    fn fields_and_statuses_decide_first_and_then_the_order() {
        let words = |t: &[&str]| t.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let map = map(&[
            FailureTable {
                exit_codes: vec![42],
                stderr: words(&["*gone*"]),
                ..table(FailureKind::SessionLost)
            },
            FailureTable {
                exit_codes: vec![41, 42],
                ..table(FailureKind::Auth)
            },
            FailureTable {
                message: words(&["*limit*"]),
                ..table(FailureKind::RateLimited)
            },
            FailureTable {
                stderr: words(&["*denied*"]),
                ..table(FailureKind::NotStarted)
            },
        ]);
        assert_eq!(
            kind(&map, Some(&told("a limit, status: 503")), 41, "denied"),
            Some(FailureKind::Overloaded)
        );
        assert_eq!(
            kind(&map, Some(&told("a limit")), 41, "denied"),
            Some(FailureKind::Auth)
        );
        assert_eq!(
            kind(&map, Some(&told("a limit")), 42, "is gone"),
            Some(FailureKind::SessionLost)
        );
        assert_eq!(
            kind(&map, Some(&told("a limit")), 42, "denied"),
            Some(FailureKind::Auth)
        );
        assert_eq!(
            kind(&map, Some(&told("a limit")), 1, "denied"),
            Some(FailureKind::RateLimited)
        );
        assert_eq!(
            kind(&map, None, 1, "first\n access denied \nlast"),
            Some(FailureKind::NotStarted)
        );
        assert_eq!(
            kind(&map, None, 1, "a limit"),
            None,
            "a message rule does not look at stderr"
        );
        let field = Told {
            status: Some(429),
            ..told("status: 401")
        };
        assert_eq!(
            kind(&map, Some(&field), 1, ""),
            Some(FailureKind::RateLimited)
        );
        assert_eq!(
            kind(
                &map,
                Some(&Told {
                    status: Some(200),
                    ..told("x")
                }),
                1,
                ""
            ),
            None
        );
    }

    #[test]
    fn a_remedy_and_a_time_are_told() {
        let map = map(&[
            FailureTable {
                exit_codes: vec![41],
                remedy: Some("log in".to_owned()),
                ..table(FailureKind::Auth)
            },
            FailureTable {
                message: vec!["limit*".to_owned()],
                until_after: vec!["again in".to_owned()],
                ..table(FailureKind::RateLimited)
            },
        ]);
        let signs = Signs {
            told: None,
            code: Some(41),
            stderr: "no key.\n",
            now: DateTime::UNIX_EPOCH,
        };
        let known = map.explain(signs).unwrap();
        assert_eq!(known.message, "no key; it exited with code 41; log in");
        let told = told("limit, again in 5 minutes");
        let known = map.explain(Signs {
            told: Some(&told),
            ..signs
        });
        assert_eq!(known.unwrap().is, FailureKind::Auth, "as the table has it");
        let known = map
            .explain(Signs {
                told: Some(&told),
                code: None,
                ..signs
            })
            .unwrap();
        assert_eq!(known.until.map(|t| t.timestamp()), Some(300));
    }

    #[test]
    fn a_rule_needs_a_condition() {
        let why =
            FailureMap::new(&mut Paths::default(), &[table(FailureKind::Auth)], &[]).unwrap_err();
        assert!(
            why.contains("rule 1") && why.contains("exit_codes"),
            "{why}"
        );
    }
}
