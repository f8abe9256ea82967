//! What `prompt` prints.

use super::UiOptions;
use super::error;
use super::text::{clean, count, wrap};
use crate::model::report::PromptReport;

/// The report as JSON, in the shape that docs/json.md has.
pub fn json(report: &PromptReport) -> String {
    super::text::report_text(report)
}

/// Both prompts as they are sent, each below a line that says which one it is.
pub fn text(report: &PromptReport) -> String {
    format!(
        "=== system prompt ===\n{}\n=== prompt ===\n{}",
        clean(&report.system),
        clean(&report.user)
    )
}

/// How much that is.
pub fn sizes(report: &PromptReport, options: &UiOptions) -> String {
    let engine = match &report.engine {
        Some(engine) => format!("for {engine}"),
        None => "no engine can be used here, so that this is as for claude".to_owned(),
    };
    let words = format!(
        "{}:{}, {engine}: about {} tokens of system prompt and {} of prompt, {} of them around the task; files that it \
         names have {}; a chunk may have {}",
        report.spec,
        report.chunk,
        count(report.system_tokens),
        count(report.user_tokens),
        count(report.context_tokens),
        count(report.file_tokens),
        count(report.budget_tokens),
    );
    let mut out = wrap(&words, 0, options.width);
    let all = report.system_tokens + report.user_tokens + report.file_tokens;
    if all > report.budget_tokens {
        out.push_str(&error::warning(
            "that is more than it may have",
            options.color,
        ));
    }
    out
}
