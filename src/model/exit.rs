//! Exit codes: the one table.

use serde::Serialize;

/// Why the process ends. Ordered: where several apply, the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitCode {
    Done,
    WaitsForPerson,
    Incomplete,
    Deadline,
    Budget,
    NoEngine,
    Setup,
    Locked,
    Bug,
    Hangup,
    Interrupted,
    Terminated,
}

impl ExitCode {
    /// Every code, highest precedence first, as printed in `--help` and the README.
    pub const ALL: [ExitCode; 12] = [
        Self::Terminated,
        Self::Interrupted,
        Self::Hangup,
        Self::Bug,
        Self::Locked,
        Self::Setup,
        Self::NoEngine,
        Self::Budget,
        Self::Deadline,
        Self::Incomplete,
        Self::WaitsForPerson,
        Self::Done,
    ];

    /// The number the process exits with. 75 is EX_TEMPFAIL and 70 EX_SOFTWARE of sysexits.h; 128 + n is a
    /// shell's word for signal n.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Incomplete => 1,
            Self::Setup => 2,
            Self::WaitsForPerson => 3,
            Self::Deadline => 4,
            Self::Budget => 5,
            Self::NoEngine => 6,
            Self::Bug => 70,
            Self::Locked => 75,
            Self::Hangup => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Its name in JSON and in the outputs of a CI step.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::WaitsForPerson => "waits_for_person",
            Self::Incomplete => "incomplete",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::NoEngine => "no_engine",
            Self::Setup => "setup",
            Self::Locked => "locked",
            Self::Bug => "bug",
            Self::Hangup => "hangup",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// What it means, in a line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "everything asked for is done and delivered",
            Self::Incomplete => "finished, but some chunks failed or work could not be delivered",
            Self::Setup => "usage, configuration, spec or set-up error",
            Self::WaitsForPerson => {
                "what is left waits for a person (blocked, needs review, approval)"
            }
            Self::Deadline => "the deadline was reached",
            Self::Budget => "the budget was reached",
            Self::NoEngine => "no engine left (rate limits, credits, authentication)",
            Self::Bug => "a bug in codelicious",
            Self::Locked => "another run holds the lock",
            Self::Hangup => "ended by SIGHUP",
            Self::Interrupted => "ended by SIGINT",
            Self::Terminated => "ended by SIGTERM",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_json() {
        for exit in ExitCode::ALL {
            assert_eq!(serde_json::to_value(exit).unwrap(), exit.word());
        }
    }
}
