//! How it is told that a request came to nothing: what was asked, what came back, what to do.

use super::judge::{Meaning, judge, words};
use super::{Ask, Method, Raw, Web};
use crate::net::{NetError, one_line};
use crate::ports::{ForgeError, ForgeErrorKind};
use chrono::{DateTime, Utc};

/// Bytes of a foreign text in a message.
const MAX_SHOWN: usize = 400;

/// What to do about a host that nothing is sent to.
pub(super) const OWN_NETWORK: &str = "where its certificate is of an authority of your own, name that one's file in `SSL_CERT_FILE`; where its address \
     is a private one, name its host in `[network] private_hosts`";

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::forge) struct Failure {
    pub error: ForgeError,
    /// None where there was no answer.
    pub status: Option<u16>,
    /// The forge's own words; empty where it gave none.
    pub words: String,
    /// The forge may have done it all the same: look before asking again.
    pub perhaps_done: bool,
    /// The same request may succeed later.
    pub(super) is_passing: bool,
    /// Nothing is to be asked before.
    pub(super) until: Option<DateTime<Utc>>,
}

impl Failure {
    /// True for an answer about what was asked, and not about when.
    pub fn is_said(&self) -> bool {
        match self.error.kind {
            ForgeErrorKind::Auth
            | ForgeErrorKind::Forbidden
            | ForgeErrorKind::NotFound
            | ForgeErrorKind::Refused => true,
            ForgeErrorKind::Limited { .. }
            | ForgeErrorKind::Transient
            | ForgeErrorKind::Protocol
            | ForgeErrorKind::Unsupported => false,
        }
    }
}

impl From<Failure> for ForgeError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Web {
    pub(super) fn unanswered(&self, ask: &Ask<'_>, error: &NetError) -> Failure {
        let (kind, is_passing) = match error {
            NetError::NotStarted { .. } => (ForgeErrorKind::Protocol, false),
            NetError::Token { .. } => (ForgeErrorKind::Auth, false),
            NetError::TooLong { .. } => (ForgeErrorKind::Protocol, false),
            NetError::NoConnection { .. }
            | NetError::Unreachable { .. }
            | NetError::NoAnswer { .. }
            | NetError::Stalled { .. }
            | NetError::Broken { .. } => (ForgeErrorKind::Transient, true),
        };
        let meaning = Meaning {
            kind,
            until: None,
            is_passing,
            perhaps_done: ask.method != Method::Get && !error.is_unsent(),
        };
        let message = format!("{}: {error}", self.asked(ask));
        let mut failure = self.failure(meaning, None, message, String::new());
        if let NetError::NotStarted { .. } = error {
            failure.error.remedy = OWN_NETWORK.to_owned();
        }
        failure
    }

    pub(super) fn refused(&self, ask: &Ask<'_>, raw: &Raw) -> Failure {
        let words = self.shown(&words(&raw.body));
        let mut meaning = judge(raw.status, &raw.headers, &words, self.clock.now());
        meaning.perhaps_done &= ask.method != Method::Get;
        let said = match (words.as_str(), raw.headers.get("location")) {
            ("", Some(to)) => format!(": it redirects to {}", self.shown(to)),
            ("", None) => String::new(),
            (words, _) => format!(": {words}"),
        };
        let message = format!("{}: it answered {}{said}", self.asked(ask), raw.status);
        self.failure(meaning, Some(raw.status), message, words)
    }

    pub(super) fn protocol(&self, ask: &Ask<'_>, why: &str) -> Failure {
        let meaning = Meaning::of(ForgeErrorKind::Protocol);
        let message = format!("{}: {why}", self.asked(ask));
        self.failure(meaning, None, message, String::new())
    }

    /// What the token may not do, found out without asking.
    pub(in crate::forge) fn forbidden(&self, why: &str, remedy: &str) -> Failure {
        let meaning = Meaning::of(ForgeErrorKind::Forbidden);
        let message = format!("{}: {why}", self.dialect.name);
        let mut failure = self.failure(meaning, None, message, String::new());
        failure.error.remedy = remedy.to_owned();
        failure
    }

    /// `GitHub, GET /repos/o/r`
    fn asked(&self, ask: &Ask<'_>) -> String {
        let (name, method) = (self.dialect.name, ask.method.word());
        format!("{name}, {method} {}", self.shown(&ask.what))
    }

    pub(super) fn failure(
        &self,
        meaning: Meaning,
        status: Option<u16>,
        message: String,
        words: String,
    ) -> Failure {
        let remedy = self.remedy(meaning.kind);
        Failure {
            error: ForgeError {
                kind: meaning.kind,
                message,
                remedy,
            },
            status,
            words,
            perhaps_done: meaning.perhaps_done,
            is_passing: meaning.is_passing,
            until: meaning.until,
        }
    }

    pub(super) fn remedy(&self, kind: ForgeErrorKind) -> String {
        let (name, repository) = (self.dialect.name, &self.repository);
        match kind {
            ForgeErrorKind::Auth if self.token.is_none() => {
                format!("no token was found: give one for {name}")
            }
            ForgeErrorKind::Auth => format!(
                "the token is wrong, over or not of this {name}: make a new one; `codelicious doctor` says where \
                 the one in use comes from"
            ),
            ForgeErrorKind::Forbidden => {
                format!(
                    "give the token the right to write pull requests and issues of {repository}"
                )
            }
            ForgeErrorKind::NotFound => format!(
                "look whether it is there, and whether the token may see {repository}: what it may not see is not \
                 found"
            ),
            ForgeErrorKind::Refused => {
                format!("change what {name} names; nothing was written")
            }
            ForgeErrorKind::Protocol => {
                format!(
                    "look whether `[forge] api` is where the API of {name} is: {}",
                    self.api
                )
            }
            ForgeErrorKind::Limited { .. }
            | ForgeErrorKind::Transient
            | ForgeErrorKind::Unsupported => String::new(),
        }
    }

    /// A foreign text without secrets, on one line.
    pub(super) fn shown(&self, text: &str) -> String {
        one_line(&self.redactor.redact(text), MAX_SHOWN)
    }
}
