//! What ends a run before it is done, and listening for it.

use super::Session;
use crate::core::lane::Halt;
use crate::driver::{Control, Stop};
use crate::model::ExitCode;
use std::time::Duration;

/// What programs get to end when the run is stopped while it looks.
const GRACE: Duration = Duration::from_secs(2);

impl Session<'_> {
    /// Does this work while listening for what ends the run, which then is not waited for.
    pub(super) async fn listening<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> T,
    ) -> Result<T, Stop> {
        let Some(mut control) = self.control.take() else {
            return Ok(work(self).await);
        };
        let done = {
            let mut work = std::pin::pin!(work(self));
            tokio::select! {
                biased;
                done = &mut work => Ok(done),
                _ = control.next() => {
                    // Programs are told to end, and get the time for it; what a server is asked is not waited for.
                    let _ = tokio::time::timeout(GRACE, &mut work).await;
                    Err(())
                }
            }
        };
        let stop = control.stop();
        self.control = Some(control);
        done.map_err(|()| stop.unwrap_or(Stop::Deadline))
    }

    pub(super) fn stop(&self) -> Option<Stop> {
        self.control.as_ref().and_then(Control::stop)
    }

    pub(super) async fn sleep(&mut self, time: Duration) -> Option<Stop> {
        match &mut self.control {
            Some(control) => control.sleep(time).await,
            None => None,
        }
    }

    pub(super) fn stopped(&self) -> Option<Halt> {
        self.stop().map(|stop| {
            let (exit, why) = stop_words(stop);
            Halt {
                exit,
                why,
                remedy: String::new(),
            }
        })
    }
}

/// The exit code of a stop, and why the run ends.
pub(super) fn stop_words(stop: Stop) -> (ExitCode, String) {
    match stop {
        Stop::Deadline => (
            ExitCode::Deadline,
            "the deadline was reached (--deadline)".to_owned(),
        ),
        Stop::Signal(exit) => (exit, exit.meaning().to_owned()),
    }
}
