//! How a look before a run tells what it found.

use super::web::Failure;
use crate::ports::{ForgeErrorKind, ForgeProblem};

pub(super) fn problem(message: &str, remedy: &str) -> ForgeProblem {
    ForgeProblem {
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    }
}

/// A repository that is elsewhere now: reading follows it there, writing is refused or finds nothing.
pub(super) fn moved(from: &str, to: &str) -> ForgeProblem {
    problem(
        &format!("{from} is now {to}, and only reading follows it there"),
        "set the remote's address anew: `git remote set-url` with the name of the remote and its address there",
    )
}

/// Tells an answer that is a problem of the user's from a forge that could not be asked.
///
/// # Errors
/// It could not be asked.
pub(super) fn said<T>(result: Result<T, Failure>) -> Result<Result<T, ForgeProblem>, Failure> {
    let failure = match result {
        Ok(value) => return Ok(Ok(value)),
        Err(failure) => failure,
    };
    match failure.error.kind {
        ForgeErrorKind::Auth
        | ForgeErrorKind::Forbidden
        | ForgeErrorKind::NotFound
        | ForgeErrorKind::Refused => {
            Ok(Err(problem(&failure.error.message, &failure.error.remedy)))
        }
        ForgeErrorKind::Limited { .. }
        | ForgeErrorKind::Transient
        | ForgeErrorKind::Protocol
        | ForgeErrorKind::Unsupported => Err(failure),
    }
}
