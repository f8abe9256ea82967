//! The process for the next command, started while the one before it runs.
//!
//! Loading this program and entering namespaces take longer than the rest of a wall, and need nothing of the command.
//! So a helper is always one ahead, as long as commands come: it waits for its request, and ends when nobody can ask any
//! more, since its input ends then.
//!
//! One belongs to the thread that started it, because the kernel ends the command that it becomes with that one, and to
//! the thread's runtime, which holds its pipes.

use super::group::Group;
use super::spawn;
use super::walled::Start;
use std::cell::RefCell;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Child;
use tokio::runtime::{Handle, Id};

/// What one that is not wanted any more gets to be gone.
const MILLIS: u32 = 2_000;

thread_local! {
    static NEXT: RefCell<Option<Standby>> = const { RefCell::new(None) };
}

struct Standby {
    child: Child,
    group: Group,
    start: Start,
    runtime: Option<Id>,
}

/// The one that waits, when it was started the same way.
pub(super) fn take(start: &Start) -> Option<(Child, Group)> {
    let mut next = NEXT.take().filter(|next| next.is_for(start))?;
    // Where walls keep no signals in, somebody may have stopped it.
    next.group.go_on();
    let is_there = matches!(next.child.try_wait(), Ok(None));
    is_there.then_some((next.child, next.group))
}

/// Starts one for a command that is started the same way.
pub(super) fn make(start: &Start) {
    if NEXT.with_borrow(|next| next.as_ref().is_some_and(|next| next.is_for(start))) {
        return;
    }
    // The next command finds that there is none, and what keeps it from being started.
    let Ok((child, group)) = spawn(start, Stdio::piped()) else {
        return;
    };
    let next = Standby {
        child,
        group,
        start: start.clone(),
        runtime: runtime(),
    };
    // What waited for something else ends here.
    NEXT.set(Some(next));
}

/// Ends the one of this thread, and waits until it is gone.
pub(super) fn end() {
    let Some(mut next) = NEXT.take() else { return };
    let _ = next.child.start_kill();
    for _ in 0..MILLIS {
        if !matches!(next.child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn runtime() -> Option<Id> {
    Handle::try_current().ok().map(|handle| handle.id())
}

impl Standby {
    fn is_for(&self, start: &Start) -> bool {
        self.start == *start && self.runtime == runtime()
    }
}
