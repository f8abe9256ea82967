//! A spec as a table of contents, and its sections as text.

use crate::model::{Spec, TaskMark};
use std::fmt::Write as _;

/// Headings and task titles with their state, one a line, for an engine's context.
pub fn outline(spec: &Spec) -> String {
    let mut out = String::new();
    let mut tasks = spec.tasks.iter().peekable();
    for (index, section) in spec.sections.iter().enumerate() {
        let own = tasks.next_if(|task| spec.prose && task.section == index);
        if let Some(heading) = section.headings.last() {
            let hashes = "#".repeat(usize::from(section.level));
            let state = own.map_or("", |task| box_of(&task.mark));
            let gap = if state.is_empty() { "" } else { " " };
            out.push_str(format!("{hashes} {state}{gap}{heading}").trim_end());
            out.push('\n');
        } else if let Some(task) = own {
            let _ = writeln!(out, "{} {}", box_of(&task.mark), task.title);
        }
        while let Some(task) = tasks.next_if(|task| task.section == index) {
            let indent = "  ".repeat(task.depth.min(8));
            let label = task.label.as_deref().unwrap_or("");
            let gap = if label.is_empty() { "" } else { " " };
            let _ = writeln!(
                out,
                "{indent}- {} {label}{gap}{}",
                box_of(&task.mark),
                task.title
            );
        }
    }
    out
}

fn box_of(mark: &TaskMark) -> &'static str {
    match mark {
        TaskMark::Open | TaskMark::Noted { .. } => "[ ]",
        TaskMark::Done => "[x]",
        TaskMark::Partial { .. } => "[~]",
    }
}

/// The text of one section, heading included; empty where there is no such section.
pub fn section_text<'a>(spec: &Spec, bytes: &'a [u8], index: usize) -> &'a str {
    spec.sections
        .get(index)
        .and_then(|section| bytes.get(section.span.clone()))
        .and_then(|text| std::str::from_utf8(text).ok())
        .unwrap_or("")
}
