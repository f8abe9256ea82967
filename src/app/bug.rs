//! Panics: what the hook heard of one, until somebody tells it.
//!
//! A panic is a bug in the program. It ends what was being done, never the telling: the hook keeps quiet, so
//! that nothing is printed unredacted into a moving display, and whoever catches the panic says what it was.

use super::error::AppError;
use crate::model::ExitCode;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// What to do about a bug.
pub const REMEDY: &str = "this is a bug in codelicious: \"Reporting a bug\" in its CONTRIBUTING.md says what to send; \
                      run again: git holds all finished work";

/// The first panic that nobody told yet, on whichever thread.
static HEARD: Mutex<Option<String>> = Mutex::new(None);

/// Keeps what panics say from now on, with their places, in place of printing it.
pub fn listen() {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map(|l| format!(" at {}:{}", l.file(), l.line()))
            .unwrap_or_default();
        let said = format!("{}{place}", words(info.payload()));
        tracing::error!("panicked: {said}");
        let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get_or_insert(said);
    }));
}

/// The panic that was heard since the last call, as the error that ends a verb; None when there was none.
pub fn heard() -> Option<AppError> {
    let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    heard.take().map(|said| error(&said))
}

/// Does something; a panic in it becomes the error of a bug.
///
/// # Errors
/// Its own, or the panic.
pub fn caught<T>(act: impl FnOnce() -> Result<T, AppError>) -> Result<T, AppError> {
    catch_unwind(AssertUnwindSafe(act))
        .unwrap_or_else(|payload| Err(heard().unwrap_or_else(|| error(&words(payload.as_ref())))))
}

fn error(said: &str) -> AppError {
    AppError {
        message: format!("internal error: {said}"),
        hint: REMEDY.to_owned(),
        exit: ExitCode::Bug,
    }
}

/// What `panic!` was given.
fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_the_error_of_a_bug() {
        let n = 7;
        for (act, says) in [
            (
                (&|| -> Result<(), AppError> { panic!("plain") }) as &dyn Fn() -> _,
                "internal error: plain",
            ),
            (&|| panic!("made of {n}"), "internal error: made of 7"),
            (
                &|| std::panic::panic_any(n),
                "internal error: a panic without words",
            ),
        ] {
            let error = caught(act).unwrap_err();
            assert_eq!(error.exit, ExitCode::Bug);
            assert!(error.message.starts_with(says), "{}", error.message);
            assert!(error.hint.contains("CONTRIBUTING.md"), "{}", error.hint);
        }
    }

    #[test]
    fn what_does_not_panic_is_passed_on() {
        assert_eq!(caught(|| Ok(3)).unwrap(), 3);
        let error = caught::<()>(|| Err(AppError::setup("no", ""))).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.exit),
            ("no", ExitCode::Setup)
        );
    }
}
