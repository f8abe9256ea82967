//! The output of failing checks as a fix prompt carries it. Pure.

use super::transcript::clean;
use crate::model::{CheckOutcome, CheckResult, Evidence};
use std::fmt::Write as _;

/// Bytes of the whole text, about 3,000 tokens.
const MAX_FEEDBACK: usize = 12 << 10;

/// Failing checks with the command that reproduces each and its real output, bounded; empty when nothing
/// failed that the work is to blame for.
pub fn feedback(evidence: &Evidence) -> String {
    let failing: Vec<(&CheckResult, String)> = evidence
        .checks
        .iter()
        .filter_map(|c| Some((c, verdict(c, evidence.unverified)?)))
        .collect();
    // Heads and fences take a part as well; a very long list of checks is cut at the end.
    let share = MAX_FEEDBACK / failing.len().max(1);
    let mut text = String::new();
    for (check, verdict) in failing {
        let output = clip(
            clean(&check.output).trim_end(),
            share.saturating_sub(400).max(200),
        );
        let fence = fence_for(&output);
        let place = if check.dir.is_empty() {
            String::new()
        } else {
            format!(" in `{}`", check.dir)
        };
        let _ = writeln!(
            text,
            "The check `{}`{place} {verdict}. Command: `{}`",
            check.name,
            clip(&check.command, 200)
        );
        if output.is_empty() {
            text.push_str("It printed nothing.\n\n");
        } else {
            let _ = write!(text, "{fence}\n{output}\n{fence}\n\n");
        }
    }
    clip(text.trim_end(), MAX_FEEDBACK)
}

fn verdict(check: &CheckResult, unverified: bool) -> Option<String> {
    match &check.outcome {
        CheckOutcome::Passed | CheckOutcome::FailedBefore { .. } | CheckOutcome::Flaky { .. } => {
            None
        }
        CheckOutcome::NotAvailable { .. } if unverified => None,
        CheckOutcome::Failed { exit } => Some(format!("failed with exit code {exit}")),
        CheckOutcome::TimedOut { seconds } => {
            Some(format!("did not end within {seconds} s and was ended"))
        }
        CheckOutcome::NotAvailable { why } => Some(format!("could not run: {why}")),
    }
}

/// A third of the head, the rest from the tail, cut at characters.
fn clip(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(40);
    let head = text.floor_char_boundary(room / 3);
    let tail = text.ceil_char_boundary(text.len() - (room - room / 3));
    format!(
        "{}\n[… {} bytes cut …]\n{}",
        &text[..head],
        tail - head,
        &text[tail..]
    )
}

/// A fence that the output does not contain.
fn fence_for(output: &str) -> String {
    let longest = output
        .lines()
        .map(|l| l.trim_start().chars().take_while(|c| *c == '`').count())
        .max();
    "`".repeat(longest.unwrap_or(0).max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str, outcome: CheckOutcome, output: &str) -> CheckResult {
        CheckResult {
            name: name.to_owned(),
            command: format!("run {name}"),
            dir: "web".to_owned(),
            outcome,
            millis: 1,
            output: output.to_owned(),
            ..CheckResult::default()
        }
    }

    #[test]
    fn only_failing_checks_are_told_with_their_output() {
        let evidence = Evidence {
            checks: vec![
                result("good", CheckOutcome::Passed, "all well"),
                result("old", CheckOutcome::FailedBefore { exit: 1 }, "was broken"),
                result(
                    "bad",
                    CheckOutcome::Failed { exit: 3 },
                    "\u{1b}[31mboom\u{1b}[0m\u{7}\n```\n",
                ),
                result("slow", CheckOutcome::TimedOut { seconds: 9 }, ""),
            ],
            ..Evidence::default()
        };
        insta::assert_snapshot!(feedback(&evidence), @r"
        The check `bad` in `web` failed with exit code 3. Command: `run bad`
        ````
        boom
        ```
        ````

        The check `slow` in `web` did not end within 9 s and was ended. Command: `run slow`
        It printed nothing.
        ");
        assert_eq!(feedback(&Evidence::default()), "");
    }

    #[test]
    fn feedback_is_bounded_and_keeps_both_ends() {
        let long = format!("first\n{}\nlast", "ü".repeat(100_000));
        for count in [1, 3, 200] {
            let checks = (0..count)
                .map(|i| result(&format!("c{i}"), CheckOutcome::Failed { exit: 1 }, &long))
                .collect();
            let text = feedback(&Evidence {
                checks,
                ..Evidence::default()
            });
            assert!(text.len() <= MAX_FEEDBACK, "{}", text.len());
            assert!(text.contains("first\n") && text.contains("last\n"));
        }
    }
}
