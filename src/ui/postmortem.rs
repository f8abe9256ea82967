//! What is left behind after an abnormal end: a page that says what happened and what to type.

use super::status::push_commands;
use super::text::{clean, one_line};
use crate::model::report::{PostmortemReport, Undelivered};

/// Most log lines that go into a postmortem; the rest is in the log.
const LOG_LINES: usize = 200;
/// Longest log line, in characters.
const LOG_COLUMNS: usize = 500;

/// The postmortem as Markdown.
pub fn render(report: &PostmortemReport) -> String {
    let mut out = format!(
        "# Run {} ended early\n\n{}: exit {}, {}.\n\n## Reason\n\n{}\n",
        one_line(report.run.as_str()),
        report.ended.format("%Y-%m-%d %H:%M:%S UTC"),
        report.exit.code(),
        report.exit.meaning(),
        fenced("text", &report.reason),
    );
    out.push_str(&format!("## Go on\n\n{}\n", fenced("sh", &report.next)));
    out.push_str("## Chunks\n\n| state | chunks |\n|---|---|\n");
    for (word, n) in report.counts.by_word() {
        if n > 0 {
            out.push_str(&format!("| {} | {n} |\n", word.replace('_', " ")));
        }
    }
    out.push_str("\n## In flight\n\n");
    if report.in_flight.is_empty() {
        out.push_str("Nothing.\n");
    } else {
        out.push_str(&fenced(
            "text",
            &report
                .in_flight
                .iter()
                .map(|l| one_line(l))
                .collect::<Vec<_>>()
                .join("\n"),
        ));
    }
    if !report.stopped.is_empty() {
        let mut text = String::new();
        for s in &report.stopped {
            text.push_str(&one_line(&format!(
                "{}:{} {}: {}",
                s.spec,
                s.chunk,
                s.status.replace('_', " "),
                s.reason
            )));
            text.push('\n');
            for (i, advice) in s.next.iter().enumerate() {
                let word = if i == 0 { "to go on:" } else { "or" };
                text.push_str(&format!("    {word} {}\n", one_line(advice)));
            }
        }
        out.push_str(&format!("\n## Stopped\n\n{}", fenced("text", &text)));
    }
    if !report.undelivered.is_empty() {
        let text: String = report.undelivered.iter().map(undelivered).collect();
        out.push_str(&format!("\n## Not pushed\n\n{}", fenced("text", &text)));
    }
    out.push_str(&format!(
        "\n## Run\n\n- codelicious {}\n- engine {}\n- forge {}\n- {}\n",
        one_line(&report.version),
        one_line(&report.engine),
        one_line(&report.forge),
        report.sandbox.word(),
    ));
    let skipped = report.log_tail.len().saturating_sub(LOG_LINES);
    let tail: Vec<String> = report.log_tail[skipped..]
        .iter()
        .map(|l| bounded(l))
        .collect();
    out.push_str(&format!(
        "\n## Last log lines\n\nThe whole log: {}\n\n{}",
        one_line(&report.log_path),
        fenced("text", &tail.join("\n"))
    ));
    out
}

/// Branch, reason and what to do about it.
fn undelivered(work: &Undelivered) -> String {
    let mut out = format!(
        "{}: {}\n",
        one_line(&work.branch),
        bounded(&one_line(&work.message))
    );
    if let Some(remedy) = &work.remedy {
        out.push_str(&format!("    to mend it: {}\n", one_line(remedy)));
    }
    for (i, command) in push_commands(work).iter().enumerate() {
        let word = if i == 0 { "or type" } else { "then" };
        out.push_str(&format!("    {word} {}\n", one_line(command)));
    }
    out
}

fn bounded(line: &str) -> String {
    let line = line.trim_end();
    match line.char_indices().nth(LOG_COLUMNS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// A code block whose fence is longer than any run of backticks inside.
fn fenced(language: &str, text: &str) -> String {
    let text = clean(text.trim_end());
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}\n")
}

#[cfg(test)]
#[path = "postmortem_tests.rs"]
mod tests;
