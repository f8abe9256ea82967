//! Named places at which a debug build can be made to die, so that tests can look at what is left.
//!
//! A release build has none of this. `CODELICIOUS_CRASH=<effect>:<place>[:<n>]` kills the process with
//! SIGKILL the n-th time (default 1) it comes by; places are `before` (intent recorded, nothing done) and
//! `after` (done, not recorded).

/// Where around an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Before,
    After,
}

#[cfg(debug_assertions)]
mod armed {
    use super::Place;
    use crate::model::Effect;
    use std::sync::Mutex;

    static POINT: Mutex<Option<(String, u32)>> = Mutex::new(None);

    /// Arms one place, as the environment variable describes it. Nonsense arms nothing.
    pub fn arm(text: &str) {
        let mut words = text.splitn(3, ':');
        if let (Some(effect), Some(place)) = (words.next(), words.next()) {
            let n = words.next().and_then(|n| n.parse().ok()).unwrap_or(1);
            if let Ok(mut point) = POINT.lock() {
                *point = Some((format!("{effect}:{place}"), n));
            }
        }
    }

    pub(in crate::driver) fn come_by(effect: &Effect, place: Place) {
        let here = match place {
            Place::Before => format!("{}:before", effect.name()),
            Place::After => format!("{}:after", effect.name()),
        };
        let Ok(mut point) = POINT.lock() else { return };
        if let Some((wanted, n)) = point.as_mut().filter(|(wanted, _)| *wanted == here) {
            if *n > 1 {
                *n -= 1;
                return;
            }
            tracing::warn!("dying at {wanted}");
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
        }
    }
}

#[cfg(debug_assertions)]
pub use armed::arm;
#[cfg(debug_assertions)]
pub(super) use armed::come_by;

#[cfg(not(debug_assertions))]
pub(super) fn come_by(_: &crate::model::Effect, _: Place) {}
