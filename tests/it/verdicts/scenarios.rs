//! The pieces of work of the matrix, and what is to become of each.

use super::kits::{Case, Code, Does, Module};
use codelicious::model::Verdict;

/// One piece of work at one module.
pub struct Scenario {
    /// As in the table.
    pub name: &'static str,
    /// The module that it changes.
    pub fruit: &'static str,
    /// The task; `{red}` stands for the name of the test that is red before.
    pub title: &'static str,
    pub base: fn(&'static str) -> Module,
    pub work: fn(&mut Module),
    /// The next run of `once.sh` is to fail, and no later one.
    pub arms: bool,
    pub expected: Expected,
}

pub struct Expected {
    pub verdict: Option<Verdict>,
    pub state: State,
    pub exit: i32,
    pub shows: Shows,
    /// Stands in the pull request, or for work that has none in `codelicious status`.
    pub said: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Committed,
    Failed,
    NeedsReview,
    /// No engine was asked.
    Untouched,
}

impl State {
    pub fn words(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Failed => "failed",
            Self::NeedsReview => "needs review",
            Self::Untouched => "no engine asked",
        }
    }

    pub fn fits(self, word: &str) -> bool {
        match self {
            Self::Committed => word == "committed",
            Self::Failed => word == "failed",
            Self::NeedsReview => word == "needs_review",
            Self::Untouched => word == "pending",
        }
    }
}

/// What the evidence holds beside the verdict.
#[derive(Clone, Copy)]
pub enum Shows {
    Nothing,
    /// The test of this verb proves the work.
    Proves(&'static str),
    /// The test of this verb is new and proves nothing.
    Idle(&'static str),
    /// The test of this verb fails.
    Fails(&'static str),
    /// A check failed, and its repetition did not.
    Flaky,
    FailedBefore,
    TimedOut,
    /// The audit refuses the work by one of these rules.
    Found(&'static [&'static str]),
    NotAvailable,
}

fn doubling(name: &'static str) -> Module {
    Module {
        name,
        functions: vec![("double", Code::Expression("n * 2"))],
        cases: vec![case("doubles", "double", Does::Equals(&[(3, 6), (5, 10)]))],
        apart: false,
    }
}

fn with_script(name: &'static str, script: &'static str) -> Module {
    Module {
        cases: vec![case("doubles", "double", Does::Runs(script))],
        ..doubling(name)
    }
}

/// A second test, so that the file stays one with tests when the first is taken away.
fn doubling_apart(name: &'static str) -> Module {
    let mut module = doubling(name);
    let kept = case("keeps_zero_of", "double", Does::Equals(&[(0, 0)]));
    module.cases.push(kept);
    module.apart = true;
    module
}

/// Its test fails, and the code is to blame.
pub fn red(name: &'static str) -> Module {
    Module {
        functions: vec![("double", Code::Expression("n * 3"))],
        ..doubling(name)
    }
}

/// A second test is red, in the same file: however few tests are run for it, that one is among them.
fn half_red(name: &'static str) -> Module {
    let mut module = doubling(name);
    let wrong = case("sums_up", "double", Does::Equals(&[(7, 15)]));
    module.cases.push(wrong);
    module
}

fn untested(name: &'static str) -> Module {
    Module {
        cases: Vec::new(),
        ..doubling(name)
    }
}

fn case(verb: &'static str, function: &'static str, does: Does) -> Case {
    Case {
        verb,
        function,
        does,
        skipped: false,
    }
}

/// The answers stay. Not `n + n`: a compiler makes the same of it.
fn rewrites(module: &mut Module) {
    module.functions[0].1 = Code::Expression("(n * 4) >> 1");
}

/// The old test would be red.
fn breaks(module: &mut Module) {
    module.functions[0].1 = Code::Expression("n * 3");
}

fn triples(module: &mut Module, code: Code) {
    const ANSWERS: &[(i32, i32)] = &[(4, 12), (7, 21)];
    module.functions.push(("triple", code));
    let new = case("triples", "triple", Does::Equals(ANSWERS));
    module.cases.push(new);
}

const REGRESSION_ONLY: Expected = Expected {
    verdict: Some(Verdict::RegressionOnly),
    state: State::Committed,
    exit: 0,
    shows: Shows::Nothing,
    said: &[],
};

const TAMPERED: Expected = Expected {
    verdict: Some(Verdict::Failed),
    state: State::NeedsReview,
    exit: 3,
    shows: Shows::Nothing,
    said: &["needs review"],
};

const FAILED: Expected = Expected {
    verdict: Some(Verdict::Failed),
    state: State::Failed,
    exit: 1,
    shows: Shows::Nothing,
    said: &["failed"],
};

pub const PROVEN: Scenario = Scenario {
    name: "good change, new test that needs it",
    fruit: "apples",
    title: "Triple apples",
    base: doubling,
    work: |m| triples(m, Code::Expression("n * 3")),
    arms: false,
    expected: Expected {
        verdict: Some(Verdict::Proven),
        shows: Shows::Proves("triples"),
        ..REGRESSION_ONLY
    },
};

pub const UNTESTED: Scenario = Scenario {
    name: "good change, no new test",
    fruit: "pears",
    title: "Double pears in another way",
    base: doubling,
    work: rewrites,
    arms: false,
    expected: REGRESSION_ONLY,
};

pub const IDLE: Scenario = Scenario {
    name: "good change, new test that passes without it",
    fruit: "plums",
    title: "Double plums in another way",
    base: doubling,
    work: |m| {
        rewrites(m);
        let new = case("doubles_more", "double", Does::Equals(&[(4, 8)]));
        m.cases.push(new);
    },
    arms: false,
    expected: Expected {
        shows: Shows::Idle("doubles_more"),
        ..REGRESSION_ONLY
    },
};

pub const IDLE_REFUSED: Scenario = Scenario {
    name: "the same with `--require-proof`",
    expected: Expected {
        verdict: Some(Verdict::RegressionOnly),
        state: State::NeedsReview,
        exit: 3,
        said: &["needs review", "no test proves the work"],
        ..IDLE.expected
    },
    ..IDLE
};

pub const FLAKY: Scenario = Scenario {
    name: "a test that fails once and passes when it is run again",
    fruit: "melons",
    title: "Double melons in another way",
    base: |name| with_script(name, "once.sh"),
    work: rewrites,
    arms: true,
    expected: Expected {
        shows: Shows::Flaky,
        said: &["flaky"],
        ..REGRESSION_ONLY
    },
};

pub const DAEMON: Scenario = Scenario {
    name: "a test that leaves a daemon behind",
    fruit: "dates",
    title: "Double dates in another way",
    base: |name| with_script(name, "daemon.sh"),
    work: rewrites,
    arms: false,
    expected: REGRESSION_ONLY,
};

pub const WEAKENED: Scenario = Scenario {
    name: "weakens a test",
    fruit: "limes",
    title: "Double limes in another way",
    base: doubling,
    work: |m| {
        breaks(m);
        m.cases[0].does = Does::IsPositive;
    },
    arms: false,
    expected: Expected {
        shows: Shows::Found(&["weakened_test"]),
        ..TAMPERED
    },
};

pub const SKIPPED: Scenario = Scenario {
    name: "skips a test",
    fruit: "kiwis",
    title: "Double kiwis in another way",
    base: doubling,
    work: |m| {
        breaks(m);
        m.cases[0].skipped = true;
    },
    arms: false,
    expected: Expected {
        shows: Shows::Found(&["skipped_test"]),
        ..TAMPERED
    },
};

pub const DELETED: Scenario = Scenario {
    name: "deletes a test",
    fruit: "mangos",
    title: "Double mangos in another way",
    base: doubling_apart,
    work: |m| {
        breaks(m);
        m.cases.remove(0);
    },
    arms: false,
    expected: Expected {
        shows: Shows::Found(&["deleted_test"]),
        ..TAMPERED
    },
};

pub const HARD_CODED: Scenario = Scenario {
    name: "hard-codes the answers of its test",
    fruit: "grapes",
    title: "Triple grapes",
    base: doubling,
    work: |m| triples(m, Code::Answers(&[(4, 12), (7, 21)])),
    arms: false,
    expected: Expected {
        shows: Shows::Found(&["hard_coded_answer"]),
        ..TAMPERED
    },
};

pub const BREAKING: Scenario = Scenario {
    name: "breaks a test",
    fruit: "cherries",
    title: "Double cherries in another way",
    base: doubling,
    work: breaks,
    arms: false,
    expected: Expected {
        shows: Shows::Fails("doubles"),
        ..FAILED
    },
};

pub const HANGING: Scenario = Scenario {
    name: "a test that hangs",
    fruit: "quinces",
    title: "Double quinces in another way",
    base: doubling,
    work: |m| {
        rewrites(m);
        let new = case("doubles_long", "double", Does::Runs("hang.sh"));
        m.cases.push(new);
    },
    arms: false,
    expected: Expected {
        shows: Shows::TimedOut,
        ..FAILED
    },
};

/// The module whose test is red before.
pub const RED: &str = "olives";

pub const RED_UNTOUCHED: Scenario = Scenario {
    name: "red before, and not what the task is about",
    fruit: "figs",
    title: "Double figs in another way",
    base: half_red,
    work: rewrites,
    arms: false,
    expected: Expected {
        shows: Shows::FailedBefore,
        said: &["failed before"],
        ..REGRESSION_ONLY
    },
};

pub const RED_MENDED: Scenario = Scenario {
    name: "red before, the task asks to mend it: mended",
    fruit: RED,
    title: "Make the failing test `{red}` pass",
    base: red,
    work: |m| m.functions[0].1 = Code::Expression("n * 2"),
    arms: false,
    expected: Expected {
        verdict: Some(Verdict::Proven),
        shows: Shows::Proves("doubles"),
        ..REGRESSION_ONLY
    },
};

pub const RED_UNMENDED: Scenario = Scenario {
    name: "red before, the task asks to mend it: not mended",
    fruit: "figs",
    title: "Make the failing test `{red}` pass",
    base: doubling,
    work: rewrites,
    arms: false,
    expected: FAILED,
};

pub const WITHOUT_TESTS: Scenario = Scenario {
    name: "no tests at all",
    fruit: "pears",
    title: "Double pears in another way",
    base: untested,
    work: rewrites,
    arms: false,
    expected: REGRESSION_ONLY,
};

/// The same where no check of any kind looks.
pub const WITHOUT_CHECKS: Scenario = Scenario {
    expected: Expected {
        verdict: Some(Verdict::Unverified),
        said: &["unverified"],
        ..REGRESSION_ONLY
    },
    ..WITHOUT_TESTS
};

pub const WITHOUT_TOOL: Scenario = Scenario {
    name: "the test runner is missing",
    expected: Expected {
        verdict: None,
        state: State::Untouched,
        exit: 2,
        shows: Shows::Nothing,
        said: &[],
    },
    ..UNTESTED
};

pub const TOOL_ALLOWED: Scenario = Scenario {
    name: "the same with `--allow-unverified`",
    expected: Expected {
        verdict: Some(Verdict::Unverified),
        shows: Shows::NotAvailable,
        said: &["unverified"],
        ..REGRESSION_ONLY
    },
    ..UNTESTED
};
