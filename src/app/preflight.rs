//! Asking the forge what a run asks it before an engine is paid.

use crate::config::Settings;
use crate::model::ledger::SpecBase;
use crate::model::preflight::{Finding, Verdict};
use crate::ports::{Forge, ForgeCheck, ForgeError, ForgeErrorKind, Wanted};
use chrono::{DateTime, NaiveDate, Utc};

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

/// Days before its end at which a token's last day is news.
const SOON: i64 = 14;
/// How the forges begin a note of a token's last day.
const LAST_DAY: &str = "the token is good until ";

/// What a forge said, thing by thing. `base` is the branch that was asked about.
pub fn of_check(check: ForgeCheck, base: &str, now: DateTime<Utc>) -> Vec<Finding> {
    let said = |verdict, found| Finding {
        what: "forge",
        verdict,
        found,
        remedy: String::new(),
    };
    let who = check.user.map(|user| format!(" as {user}"));
    let who = who.unwrap_or_default();
    let named = (!check.repository.is_empty())
        .then(|| said(Verdict::Ok, format!("{}{who}", check.repository)));
    let base = check
        .base_is_protected
        .map(|is_protected| match is_protected {
            true => format!("base {base} is protected: work goes through pull requests"),
            false => format!("base {base} is not protected"),
        });
    let base = base.map(|found| said(Verdict::Ok, found));
    let note = |found: String| match is_far_off(&found, now) {
        true => said(Verdict::Ok, found),
        false => said(Verdict::Note, found),
    };
    let problems = check.problems.into_iter().map(|p| Finding {
        what: "forge",
        verdict: Verdict::Problem,
        found: p.message,
        remedy: p.remedy,
    });
    let notes = check.notes.into_iter().map(note);
    named
        .into_iter()
        .chain(base)
        .chain(notes)
        .chain(problems)
        .collect()
}

/// True for the note of a last day that is no news yet.
fn is_far_off(note: &str, now: DateTime<Utc>) -> bool {
    let day = note.strip_prefix(LAST_DAY).and_then(|rest| rest.get(..10));
    let day = day.and_then(|day| day.parse::<NaiveDate>().ok());
    day.is_some_and(|day| (day - now.date_naive()).num_days() > SOON)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::ForgeProblem;
    use chrono::TimeZone as _;

    #[test]
    fn everything_that_a_forge_said_is_told() {
        let check = ForgeCheck {
            repository: "o/r at github.com".to_owned(),
            user: Some("robot".to_owned()),
            base_is_protected: Some(true),
            notes: vec![
                "what it may do is not told".to_owned(),
                "the token is good until 2026-03-15".to_owned(),
                "the token is good until 2026-03-16".to_owned(),
                "the token is good until further notice".to_owned(),
            ],
            problems: vec![ForgeProblem {
                message: "no such label".to_owned(),
                remedy: "make it".to_owned(),
            }],
        };
        let now = Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap();
        let told: Vec<(Verdict, String)> = of_check(check, "main", now)
            .into_iter()
            .map(|f| (f.verdict, f.found))
            .collect();
        let told: Vec<(Verdict, &str)> = told.iter().map(|(v, f)| (*v, f.as_str())).collect();
        assert_eq!(
            told,
            [
                (Verdict::Ok, "o/r at github.com as robot"),
                (
                    Verdict::Ok,
                    "base main is protected: work goes through pull requests"
                ),
                (Verdict::Note, "what it may do is not told"),
                (Verdict::Note, "the token is good until 2026-03-15"),
                (Verdict::Ok, "the token is good until 2026-03-16"),
                (Verdict::Note, "the token is good until further notice"),
                (Verdict::Problem, "no such label"),
            ]
        );
        assert_eq!(of_check(ForgeCheck::default(), "main", now), []);
    }
}
