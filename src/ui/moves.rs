//! How a person's moves came out.

use super::UiOptions;
use super::status::value;
use super::text::{Paint, one_line, plural, wrap};
use crate::model::moves::{MoveOutcome, MoveReport, MovesReport};
use serde_json::Value;

/// The documented JSON of `retry`, `answer`, `accept` and `skip`.
pub fn json(report: &MovesReport) -> Value {
    value(report)
}

/// The same for people.
pub fn render(report: &MovesReport, options: &UiOptions) -> String {
    let mut out: String = report.moves.iter().map(|m| one(m, options)).collect();
    match report.moves.len() {
        0 => out.push_str("no chunk has failed\n"),
        1 => {}
        n => {
            let count = |outcome| report.moves.iter().filter(|m| m.outcome == outcome).count();
            let counts = [
                (count(MoveOutcome::Done), "done"),
                (count(MoveOutcome::Recorded), "recorded"),
                (count(MoveOutcome::Refused), "refused"),
            ];
            let counts: Vec<String> = counts
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, word)| format!("{n} {word}"))
                .collect();
            out.push_str(&format!("{}: {}\n", plural(n, "chunk"), counts.join(", ")));
        }
    }
    if let Some(next) = &report.next {
        out.push_str(&format!("next: {}\n", one_line(next)));
    }
    out
}

fn one(report: &MoveReport, options: &UiOptions) -> String {
    let name = one_line(&format!("{}:{}", report.spec, report.chunk));
    let head = Paint::Strong.on(options.color, &name);
    let mut out = format!("{head}  {}\n", one_line(&report.title));
    let mut text = format!("{} by {}: {}", report.verb, report.who, report.message);
    if !report.remedy.is_empty() {
        text.push_str(&format!("; {}", report.remedy));
    }
    out.push_str(&wrap(&text, 2, options.width));
    out
}
