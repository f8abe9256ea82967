//! What ends a verb early: a message, what to do, and the exit code.

use super::bug;
use crate::config::ConfigError;
use crate::core::redact::Redactor;
use crate::driver::DriverError;
use crate::fsx::FsError;
use crate::fsx::lock::LockError;
use crate::git::GitError;
use crate::ledger::mailbox::MailError;
use crate::ledger::store::StoreError;
use crate::model::ExitCode;
use crate::verify::VerifyConfigError;

/// An error for the person who typed the command.
#[derive(Debug)]
pub struct AppError {
    pub message: String,
    /// What to do about it; empty when the message says it.
    pub hint: String,
    pub exit: ExitCode,
}

impl AppError {
    /// A usage, configuration or set-up error: exit code 2.
    pub fn setup(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
            exit: ExitCode::Setup,
        }
    }

    /// The same without secrets.
    #[must_use]
    pub fn redacted(self, redactor: &Redactor) -> Self {
        Self {
            message: redactor.redact(&self.message).into_owned(),
            hint: redactor.redact(&self.hint).into_owned(),
            exit: self.exit,
        }
    }
}

impl From<GitError> for AppError {
    fn from(e: GitError) -> Self {
        Self::setup(e.to_string(), e.remedy)
    }
}

impl From<ConfigError> for AppError {
    fn from(e: ConfigError) -> Self {
        Self::setup(e.to_string(), "")
    }
}

impl From<FsError> for AppError {
    fn from(e: FsError) -> Self {
        Self::setup(e.to_string(), "")
    }
}

impl From<std::io::Error> for AppError {
    fn from(e: std::io::Error) -> Self {
        Self::setup(e.to_string(), "run again")
    }
}

impl From<StoreError> for AppError {
    fn from(e: StoreError) -> Self {
        Self::setup(e.to_string(), "")
    }
}

impl From<MailError> for AppError {
    fn from(e: MailError) -> Self {
        match &e {
            MailError::Fs(_) | MailError::Store(_) => Self::setup(e.to_string(), ""),
            MailError::Illegal(_) => Self {
                message: e.to_string(),
                hint: bug::REMEDY.to_owned(),
                exit: ExitCode::Bug,
            },
        }
    }
}

impl From<VerifyConfigError> for AppError {
    fn from(e: VerifyConfigError) -> Self {
        Self::setup(e.to_string(), "see `[verify]` in codelicious.toml")
    }
}

impl From<LockError> for AppError {
    fn from(e: LockError) -> Self {
        let (hint, exit) = match &e {
            LockError::Held(_) => ("`codelicious status` shows how far it is", ExitCode::Locked),
            LockError::Io(_) => ("", ExitCode::Setup),
        };
        Self {
            message: e.to_string(),
            hint: hint.to_owned(),
            exit,
        }
    }
}

impl From<DriverError> for AppError {
    fn from(e: DriverError) -> Self {
        let (hint, exit) = match &e {
            DriverError::Ledger(_) | DriverError::Mail(MailError::Fs(_) | MailError::Store(_)) => {
                ("run again: git holds all finished work", ExitCode::Setup)
            }
            DriverError::Mail(MailError::Illegal(_))
            | DriverError::Illegal(_)
            | DriverError::Lost(_) => (bug::REMEDY, ExitCode::Bug),
        };
        Self {
            message: e.to_string(),
            hint: hint.to_owned(),
            exit,
        }
    }
}
