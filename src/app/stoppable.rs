//! Work of verbs that have no run around it, which a signal ends.

use crate::driver::{Control, Stop};
use crate::model::ExitCode;
use crate::ports::StopSignal;

/// Does this work, which is told to stop by SIGINT, SIGTERM and SIGHUP, and waits for its end all the same: whoever was
/// started ends first. The exit code of the signal comes beside what the work said.
///
/// # Errors
/// Signals cannot be listened for.
pub(super) async fn stoppable<T>(
    work: impl AsyncFnOnce(StopSignal) -> T,
) -> std::io::Result<(T, Option<ExitCode>)> {
    let (mut control, stop, _deliveries) = Control::new(None)?;
    let mut work = std::pin::pin!(work(stop));
    let done = loop {
        tokio::select! {
            biased;
            done = &mut work => break done,
            _ = control.next() => {}
        }
    };
    let exit = control.stop().map(|stop| match stop {
        Stop::Signal(code) => code,
        Stop::Deadline => ExitCode::Deadline,
    });
    Ok((done, exit))
}
