//! Asking the forge what a run asks it before an engine is paid.

use crate::config::Settings;
use crate::model::ledger::SpecBase;
use crate::model::preflight::{Finding, Verdict};
use crate::ports::{Forge, ForgeCheck, ForgeError, ForgeErrorKind, Wanted};

/// Asks about token, repository, base, and whom the settings name.
///
/// # Errors
/// The forge's own.
pub async fn ask_forge(
    forge: &dyn Forge,
    settings: &Settings,
    base: &SpecBase,
) -> Result<ForgeCheck, ForgeError> {
    let wanted = Wanted {
        labels: settings.pr.labels.to_vec(),
        reviewers: settings.pr.reviewers.to_vec(),
        base: base.branch.clone(),
    };
    forge.check(&wanted).await
}

/// What a forge said, thing by thing.
pub fn of_check(check: ForgeCheck) -> Vec<Finding> {
    let note = |found| Finding {
        what: "forge",
        verdict: Verdict::Note,
        found,
        remedy: String::new(),
    };
    let problems = check.problems.into_iter().map(|p| Finding {
        what: "forge",
        verdict: Verdict::Problem,
        found: p.message,
        remedy: p.remedy,
    });
    check.notes.into_iter().map(note).chain(problems).collect()
}

/// A forge that could not be asked. `token_from` is where its token was found.
pub fn of_error(error: &ForgeError, token_from: &str) -> Finding {
    let token = match error.kind {
        ForgeErrorKind::Auth => format!(" (the token is from {token_from})"),
        ForgeErrorKind::Forbidden
        | ForgeErrorKind::NotFound
        | ForgeErrorKind::Refused
        | ForgeErrorKind::Limited { .. }
        | ForgeErrorKind::Transient
        | ForgeErrorKind::Protocol
        | ForgeErrorKind::Unsupported => String::new(),
    };
    let remedy = match error.remedy.as_str() {
        "" => "try again when the forge answers, or leave the question out with --skip-auth-check",
        remedy => remedy,
    };
    Finding {
        what: "forge",
        verdict: Verdict::Problem,
        found: format!("{}{token}", error.message),
        remedy: remedy.to_owned(),
    }
}
