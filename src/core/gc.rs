//! What nothing needs any more: the decision about each thing that a run left behind.
//!
//! What holds work that is nowhere else stays, however old it is; what cannot be told stays as well. Age alone
//! removes only records: logs, pages, old events, ledgers that were moved aside.

use std::time::Duration;

/// How long things are kept although nothing needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Logs, postmortems, rotated events, ledgers that were moved aside, folders of lanes that are lost.
    pub records: Duration,
    /// Work that was set aside, of chunks that are done.
    pub attempts: Duration,
    /// Lanes that `--fresh` replaced, whose chunks are done.
    pub archives: Duration,
}

/// What is known of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facts {
    /// A lane's worktree.
    Lane {
        unmerged: Unmerged,
        /// The next run would build in it.
        has_open_chunks: bool,
        unsaved: Unsaved,
        /// A person locked it (git-worktree(1)).
        locked: bool,
    },
    /// What git remembers of a worktree whose folder is gone.
    LostLane {
        unsaved: Unsaved,
        locked: bool,
    },
    /// Part of a worktree that was being removed.
    Rest,
    /// Work that was set aside.
    Attempt {
        /// None: its chunk is in no spec that can be read.
        is_done: Option<bool>,
    },
    /// A lane that `--fresh` replaced.
    Archive {
        /// All of it is on the base, on a branch or on a lane as well.
        is_elsewhere: bool,
        /// Its commits that are nowhere else and whose chunks are not known to be done.
        unmerged: Unmerged,
    },
    /// A run's log.
    Log {
        is_latest: bool,
        /// The newest postmortem names it.
        is_named: bool,
    },
    /// Events that were rotated away.
    Events {
        /// The log of today counts on from its numbers.
        counts_on: bool,
    },
    /// A ledger that was moved aside.
    Ledger,
    Postmortem {
        is_newest: bool,
    },
    /// Lanes of a repository that is gone.
    Orphan,
}

/// Commits that are not known to be on the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmerged {
    Commits(usize),
    /// It cannot be told.
    Unknown,
}

/// Changes that no ref holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsaved {
    Nothing,
    Something,
    /// It cannot be told, and why.
    Unknown(String),
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    pub facts: Facts,
    /// Since it was last changed; None where that cannot be told.
    pub age: Option<Duration>,
}

/// What becomes of a thing, and why, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Remove(String),
    Keep(String),
}

/// Decides about one thing. `base` is the base's name, for the reasons.
pub fn judge(thing: &Thing, keep: &Retention, base: &str) -> Verdict {
    match &thing.facts {
        Facts::Lane {
            unmerged,
            has_open_chunks,
            unsaved,
            locked,
        } => lane(*unmerged, *has_open_chunks, unsaved, *locked, base),
        Facts::LostLane { unsaved, locked } => match held(unsaved, *locked) {
            Some(why) => Verdict::Keep(why),
            None => by_age(thing, keep.records, "its folder is gone"),
        },
        Facts::Rest => Verdict::Remove("left over from a removal".to_owned()),
        Facts::Attempt { is_done } => match is_done {
            Some(true) => by_age(thing, keep.attempts, "its chunk is done"),
            Some(false) => Verdict::Keep("its chunk is not done".to_owned()),
            None => Verdict::Keep("its chunk is in no spec that can be read".to_owned()),
        },
        Facts::Archive {
            is_elsewhere: true, ..
        } => Verdict::Remove("all of it is on the base, on a branch or on a lane".to_owned()),
        Facts::Archive { unmerged, .. } => match unmerged {
            Unmerged::Commits(0) => by_age(thing, keep.archives, "its chunks are done"),
            Unmerged::Commits(n) => Verdict::Keep(format!(
                "{} nowhere else, of chunks that are not done",
                commits(*n)
            )),
            Unmerged::Unknown => Verdict::Keep("its commits cannot be read".to_owned()),
        },
        Facts::Log { is_named: true, .. } => {
            Verdict::Keep("the newest postmortem names it".to_owned())
        }
        Facts::Log {
            is_latest: true, ..
        } => Verdict::Keep("it is the newest".to_owned()),
        Facts::Events { counts_on: true } => {
            Verdict::Keep("events count on from its numbers".to_owned())
        }
        Facts::Postmortem { is_newest: true } => Verdict::Keep("it is the newest".to_owned()),
        Facts::Log { .. } | Facts::Events { .. } | Facts::Ledger | Facts::Postmortem { .. } => {
            by_age(thing, keep.records, "")
        }
        Facts::Orphan => by_age(thing, keep.records, "its repository is gone"),
    }
}

fn lane(
    unmerged: Unmerged,
    has_open_chunks: bool,
    unsaved: &Unsaved,
    locked: bool,
    base: &str,
) -> Verdict {
    if let Some(why) = held(unsaved, locked) {
        return Verdict::Keep(why);
    }
    match unmerged {
        Unmerged::Unknown => Verdict::Keep("its commits cannot be read".to_owned()),
        Unmerged::Commits(0) if has_open_chunks => {
            Verdict::Keep("its spec has open tasks".to_owned())
        }
        Unmerged::Commits(0) => Verdict::Remove(format!("all of it is on {base}")),
        Unmerged::Commits(1) => Verdict::Keep(format!("1 commit is not on {base}")),
        Unmerged::Commits(n) => Verdict::Keep(format!("{n} commits are not on {base}")),
    }
}

/// Why a worktree stays whatever has become of its commits.
fn held(unsaved: &Unsaved, locked: bool) -> Option<String> {
    match unsaved {
        Unsaved::Nothing if locked => Some("it is locked".to_owned()),
        Unsaved::Nothing => None,
        Unsaved::Something => Some("it holds changes that no ref keeps".to_owned()),
        Unsaved::Unknown(why) => Some(format!("what it holds cannot be told: {why}")),
    }
}

/// Removes what is old enough; `why` says what else speaks for it.
fn by_age(thing: &Thing, keep: Duration, why: &str) -> Verdict {
    let joined = |more: String| {
        if why.is_empty() {
            more
        } else {
            format!("{why}; {more}")
        }
    };
    match thing.age {
        Some(age) if age >= keep => Verdict::Remove(joined(format!("older than {}", span(keep)))),
        Some(_) => Verdict::Keep(joined(format!("kept for {}", span(keep)))),
        None => Verdict::Keep(joined("its age cannot be told".to_owned())),
    }
}

/// A retention in words.
fn span(keep: Duration) -> String {
    let seconds = keep.as_secs();
    let (n, unit) = match seconds {
        s if s > 0 && s % 86_400 == 0 => (s / 86_400, "day"),
        s if s > 0 && s % 3_600 == 0 => (s / 3_600, "hour"),
        s => (s, "second"),
    };
    if n == 1 {
        format!("1 {unit}")
    } else {
        format!("{n} {unit}s")
    }
}

fn commits(n: usize) -> String {
    if n == 1 {
        "1 commit that is".to_owned()
    } else {
        format!("{n} commits that are")
    }
}

#[cfg(test)]
#[path = "gc_tests.rs"]
mod tests;
