//! Stopping: signals and the deadline.

use crate::model::ExitCode;
use crate::ports::{StopHandle, StopSignal};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// Why the run stops before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Deadline,
    /// The exit code of the signal.
    Signal(ExitCode),
}

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Stop(Stop),
    /// A second signal.
    Again,
}

/// Listens for what ends a run, and raises the stop of what is in flight.
pub struct Control {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    deadline: Option<Instant>,
    engines: StopHandle,
    everything: StopHandle,
    reported: Option<Stop>,
}

impl Control {
    /// Starts listening. The stop signals are for engines and checks (first), and for pushes and pull
    /// requests (second): a deadline lets those finish.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn new(deadline: Option<Duration>) -> std::io::Result<(Self, StopSignal, StopSignal)> {
        let (engines, stop_engines) = StopSignal::new();
        let (everything, stop_everything) = StopSignal::new();
        let control = Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            deadline: deadline.map(|d| Instant::now() + d),
            engines,
            everything,
            reported: None,
        };
        Ok((control, stop_engines, stop_everything))
    }

    /// Ends engines and checks, whatever the reason.
    pub fn stop_engines(&self) {
        self.engines.raise();
    }

    /// What stopped the run, if anything did.
    pub fn stop(&self) -> Option<Stop> {
        self.reported
    }

    /// Waits for the next thing that stops the run. The first one stops what is in flight; a signal after that
    /// means that the person does not want to wait.
    pub async fn next(&mut self) -> Heard {
        let deadline = self.deadline.filter(|_| self.reported.is_none());
        let stop = tokio::select! {
            _ = self.interrupt.recv() => Stop::Signal(ExitCode::Interrupted),
            _ = self.terminate.recv() => Stop::Signal(ExitCode::Terminated),
            _ = self.hangup.recv() => Stop::Signal(ExitCode::Hangup),
            () = at(deadline) => Stop::Deadline,
        };
        let was = self.reported.replace(stop);
        self.engines.raise();
        if matches!(stop, Stop::Signal(_)) {
            self.everything.raise();
        }
        match was {
            // A signal while the last pushes of a deadline are going out is a first one.
            Some(Stop::Signal(_)) => Heard::Again,
            Some(Stop::Deadline) | None => Heard::Stop(stop),
        }
    }

    /// Sleeps unless something stops the run; says what did.
    pub async fn sleep(&mut self, time: Duration) -> Option<Stop> {
        if let Some(stop) = self.stop() {
            return Some(stop);
        }
        tokio::select! {
            _ = self.next() => self.stop(),
            () = tokio::time::sleep(time) => None,
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(t) => tokio::time::sleep_until(t).await,
        None => std::future::pending().await,
    }
}
