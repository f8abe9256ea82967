//! The process group that a child leads.

use super::reap;
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Child;

/// A child's process group; killed when dropped, so that a cancelled future leaves nothing running.
pub(super) struct Group {
    pid: Option<Pid>,
}

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Self { pid }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // ESRCH: the group is gone, which is what we want.
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Lets members that were stopped go on.
    pub(super) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Leaves members that outlived the leader alone.
    pub(super) fn let_go(&mut self) {
        reap::ended(self.pid.take());
    }

    /// Ends members that outlived the leader.
    pub(super) fn kill_rest(&self) {
        self.signal(Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        reap::ended(self.pid);
    }
}

pub(super) async fn end_child(
    child: &mut Child,
    group: &Group,
    grace: Duration,
) -> Option<ExitStatus> {
    group.signal(Signal::TERM);
    if let Ok(status) = tokio::time::timeout(grace, child.wait()).await {
        return status.ok();
    }
    group.signal(Signal::KILL);
    child.wait().await.ok()
}
