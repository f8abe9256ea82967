//! What agents print: any bytes come to a report; what people watching are told is a line of text and no order to their
//! terminal; lines of a later version change nothing.
//!
//! An input is standard output, and standard error behind it.

use super::{lines_of, parts};
use codelicious::engines::fuzz::{Printed, Run, agents, claude};
use codelicious::model::{Cost, EngineOutcome};
use codelicious::proc::Ended;

/// A line of Claude Code as a later version may print it.
const LATER: &[u8] =
    b"{\"type\":\"kind_of_a_later_version\",\"uuid\":\"u\",\"usage\":{\"input_tokens\":9}}\n";

const ENDS: [(Ended, i32); 4] = [
    (Ended::Itself, 0),
    (Ended::Itself, 1),
    (Ended::TimedOut, 143),
    (Ended::Stopped, 143),
];

pub fn check(bytes: &[u8]) {
    let [stdout, stderr] = parts(bytes);
    let stderr = String::from_utf8_lossy(stderr);
    for (ended, code) in ENDS {
        let printed = Printed {
            stdout,
            stderr: &stderr,
            ended,
            code,
        };
        let run = claude(printed);
        sound(&run, "claude");
        if ended == Ended::Itself {
            let mut mixed = LATER.to_vec();
            lines_of(stdout).for_each(|line| mixed.extend([line, LATER].concat()));
            // A last line without its end would be another one.
            if stdout.ends_with(b"\n") {
                assert_eq!(
                    claude(Printed {
                        stdout: &mixed,
                        ..printed
                    }),
                    run,
                    "later kinds of lines"
                );
            }
            let crlf = lines_of(stdout).map(|l| match l.strip_suffix(b"\n") {
                Some(line) => [line, b"\r\n"].concat(),
                None => l.to_vec(),
            });
            let crlf: Vec<u8> = crlf.collect::<Vec<_>>().concat();
            assert_eq!(
                claude(Printed {
                    stdout: &crlf,
                    ..printed
                }),
                run,
                "line ends"
            );
        }
        for (name, run) in agents(printed) {
            sound(&run, name);
        }
    }
}

fn sound(run: &Run, name: &str) {
    for step in &run.steps {
        assert!(
            !step.chars().any(char::is_control),
            "{name}: {step:?} is plain"
        );
        assert!(
            step.chars().count() < 20_000,
            "{name}: {} characters",
            step.len()
        );
    }
    if let Cost::Usd(usd) = run.report.cost {
        assert!(
            usd.is_finite() && usd >= 0.0,
            "{name}: {usd} is no amount of money"
        );
    }
    if let EngineOutcome::Failed(error) = &run.report.outcome {
        assert!(!error.to_string().is_empty(), "{name}");
    }
}
