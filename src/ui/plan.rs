//! Plans for people and programs.

use super::UiOptions;
use super::error;
use super::lines::place;
use super::text::{Paint, clean, count, cut, one_line, pad, plural, report_text, width, wrap};
use crate::model::ledger::SpecBase;
use crate::model::report::{PlanChunk, PlanLeftOut, PlanReport, PlanSpec, REPORT_SCHEMA};
use crate::model::{
    Aside, Chunk, ChunkId, ChunkState, Diagnostic, LeftOut, Plan, PlanWarning, Severity, SpecId,
    SpecPlan,
};
use std::collections::{BTreeMap, HashMap};

/// What a plan alone does not know about a spec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpecFacts {
    /// First part's branch.
    pub branch: String,
    /// States from the ledger; a chunk without one is pending.
    pub states: BTreeMap<ChunkId, ChunkState>,
    /// Predicted pull requests, each a list of chunks.
    pub parts: Vec<Vec<ChunkId>>,
    /// Number of the first predicted part, from 1; 0 means 1.
    pub first_part: u32,
    /// Why nothing of it is built, where that is not in the plan.
    pub not_built: Option<String>,
}

/// Joins a plan with what is known beside it. `next` is the command that builds it.
pub fn report(
    plan: &Plan,
    base: Option<SpecBase>,
    facts: &BTreeMap<SpecId, SpecFacts>,
    next: Option<String>,
) -> PlanReport {
    let none = SpecFacts::default();
    let specs = plan
        .specs
        .iter()
        .map(|s| spec_report(s, facts.get(&s.id).unwrap_or(&none)))
        .collect();
    PlanReport {
        schema: REPORT_SCHEMA,
        base,
        specs,
        diagnostics: plan.diagnostics.clone(),
        warnings: plan.warnings.clone(),
        next,
    }
}

fn spec_report(spec: &SpecPlan, facts: &SpecFacts) -> PlanSpec {
    let mut part_of = BTreeMap::new();
    for (part, ids) in (facts.first_part.max(1)..).zip(&facts.parts) {
        part_of.extend(ids.iter().map(|id| (id, part)));
    }
    let not_built = spec.not_built.as_ref().or(facts.not_built.as_ref());
    let chunks = spec.chunks.iter().map(|c| {
        chunk_report(
            not_built.map(String::as_str),
            c,
            facts,
            part_of.get(&c.id).copied(),
        )
    });
    PlanSpec {
        id: spec.id.clone(),
        path: spec.path.clone(),
        title: spec.title.clone(),
        status: spec.status,
        priority: spec.priority,
        depends_on: spec.depends_on.clone(),
        format: spec.format,
        left_out: spec.left_out.iter().map(left_out_report).collect(),
        not_built: not_built.cloned(),
        branch: facts.branch.clone(),
        done: spec.chunks.iter().filter(|c| c.done).count(),
        total: spec.chunks.len(),
        chunks: chunks.collect(),
        parts: facts.parts.clone(),
    }
}

fn left_out_report(task: &LeftOut) -> PlanLeftOut {
    PlanLeftOut {
        because: task.because.to_string(),
        id: task.id.clone(),
        label: task.label.clone(),
        line: task.line,
        title: task.title.clone(),
        why: task.because.word(),
    }
}

fn chunk_report(
    spec_not_built: Option<&str>,
    chunk: &Chunk,
    facts: &SpecFacts,
    part: Option<u32>,
) -> PlanChunk {
    let state = facts.states.get(&chunk.id).unwrap_or(&ChunkState::Pending);
    let (status, reason) = if chunk.done {
        ("done", None)
    } else {
        (
            state.word(),
            spec_not_built.or(state.reason()).map(str::to_owned),
        )
    };
    PlanChunk {
        id: chunk.id.clone(),
        task: chunk.task.clone(),
        label: chunk.label.clone(),
        title: chunk.title.clone(),
        line: chunk.line,
        status: status.to_owned(),
        reason,
        done: chunk.done,
        depends_on: chunk.depends_on.clone(),
        files: chunk.files.clone(),
        tokens: chunk.tokens,
        part,
        split: chunk.part.as_ref().map(|p| (p.index, p.of)),
    }
}

/// The documented JSON of `plan --json`: [`PlanReport`] with every field present, as text.
pub fn json(report: &PlanReport) -> String {
    report_text(report)
}

/// The plan for people.
pub fn render(report: &PlanReport, options: &UiOptions) -> String {
    let mut out = match &report.base {
        Some(base) => format!("base {} {}\n", one_line(&base.branch), base.commit.short()),
        None => "no commit to build on yet\n".to_owned(),
    };
    for spec in &report.specs {
        out.push('\n');
        out.push_str(&spec_text(spec, options));
    }
    if report.specs.is_empty() {
        out.push_str("\nno specs found; `codelicious init` writes a first one\n");
    }
    let doubts = doubts(&report.diagnostics, &report.warnings, options.color);
    if !doubts.is_empty() {
        out.push_str(&format!("\n{doubts}"));
    }
    out.push('\n');
    out.push_str(&wrap(&totals(report), 0, options.width));
    if let Some(next) = &report.next {
        out.push_str(&format!("next: {}\n", clean(next)));
    }
    out
}

fn totals(report: &PlanReport) -> String {
    let buildable = || {
        report
            .specs
            .iter()
            .flat_map(|s| &s.chunks)
            .filter(|c| !c.done && c.reason.is_none())
    };
    let all: usize = report.specs.iter().map(|s| s.total).sum();
    let done: usize = report.specs.iter().map(|s| s.done).sum();
    let open = buildable().count();
    let mut text = format!("{}: {done}/{all} done", plural(report.specs.len(), "spec"));
    if open == 0 {
        text.push_str(", nothing to build");
        return text;
    }
    text.push_str(&format!(", {} to build", plural(open, "chunk")));
    let parts: usize = report.specs.iter().map(|s| s.parts.len()).sum();
    if parts > 0 {
        text.push_str(&format!(" in {}", plural(parts, "pull request")));
    }
    text.push_str(&format!(
        ", about {} prompt tokens",
        count(buildable().map(|c| c.tokens).sum())
    ));
    text
}

fn spec_text(spec: &PlanSpec, options: &UiOptions) -> String {
    let head = format!("{}  {}", one_line(&spec.path), one_line(&spec.title));
    let tally = format!("{}/{} done", spec.done, spec.total);
    let room = options.width.saturating_sub(width(&tally) + 2);
    let mut out = format!(
        "{}  {tally}\n",
        Paint::Strong.on(options.color, &cut(&head, room))
    );
    let mut facts = Vec::new();
    if let Some(why) = &spec.not_built {
        facts.push(format!("not built: {why}"));
    }
    if !spec.branch.is_empty() {
        facts.push(format!("branch {}", one_line(&spec.branch)));
    }
    if let Some(priority) = spec.priority {
        facts.push(format!("priority {priority}"));
    }
    if !spec.depends_on.is_empty() {
        facts.push(format!(
            "after {}",
            join(spec.depends_on.iter().map(SpecId::as_str))
        ));
    }
    if !facts.is_empty() {
        out.push_str(&wrap(&facts.join(", "), 2, options.width));
    }
    let words = spec
        .chunks
        .iter()
        .map(|c| c.status.len())
        .max()
        .unwrap_or(0);
    let ids = spec
        .chunks
        .iter()
        .map(|c| width(&named(c)))
        .max()
        .unwrap_or(0)
        .min(24);
    let called: HashMap<&ChunkId, &str> = spec
        .chunks
        .iter()
        .map(|c| (&c.id, c.label.as_deref().filter(|_| c.split.is_none())))
        .map(|(id, label)| (id, label.unwrap_or(id.as_str())))
        .collect();
    for chunk in &spec.chunks {
        let said = chunk.reason.is_some() && chunk.reason == spec.not_built;
        out.push_str(&chunk_text(chunk, said, words, ids, &called, options));
    }
    out.push_str(&left_out(&spec.left_out, options));
    out
}

/// What a chunk waits for, named one by one.
const AFTER: usize = 6;

/// Tasks named one by one among those that are left out.
const NAMED: usize = 5;

/// What a spec leaves out, and how to have it built.
fn left_out(tasks: &[PlanLeftOut], options: &UiOptions) -> String {
    let mut out = String::new();
    for task in tasks.iter().take(NAMED) {
        let label = task.label.as_deref().map(|l| format!("{l} "));
        let title = one_line(&format!("{}{}", label.unwrap_or_default(), task.title));
        let words = format!("left out: {}: {}", cut(&title, 60), task.because);
        out.push_str(&wrap(&words, 2, options.width));
    }
    if tasks.len() > NAMED {
        let words = format!("left out: {} more", tasks.len() - NAMED);
        out.push_str(&wrap(&words, 2, options.width));
    }
    if tasks.iter().any(|t| t.why == Aside::Optional.word()) {
        out.push_str(&wrap(
            "build what is optional with --include-optional",
            2,
            options.width,
        ));
    }
    out
}

/// `said`: the reason already stands at the spec.
fn chunk_text(
    chunk: &PlanChunk,
    said: bool,
    words: usize,
    ids: usize,
    called: &HashMap<&ChunkId, &str>,
    options: &UiOptions,
) -> String {
    let paint = match (chunk.done, chunk.reason.is_some()) {
        (true, _) => Paint::Good,
        (false, true) => Paint::Bad,
        (false, false) => Paint::Plain,
    };
    let status = pad(&chunk.status.replace('_', " "), words);
    let name = pad(&named(chunk), ids);
    let room = options
        .width
        .saturating_sub(6 + words + width(&name))
        .max(20);
    let title = one_line(&chunk.title);
    let mut out = format!(
        "  {}  {name}  {}\n",
        paint.on(options.color, &status),
        cut(&title, room)
    );
    if chunk.done {
        return out;
    }
    let mut facts = vec![
        format!("line {}", chunk.line),
        format!("~{} tokens", count(chunk.tokens)),
    ];
    if let Some((index, of)) = chunk.split {
        facts.push(format!("piece {index} of {of}"));
    }
    if let Some(part) = chunk.part {
        facts.push(format!("PR part {part}"));
    }
    if !chunk.depends_on.is_empty() {
        // The last ones are those that it waits for longest.
        let more = chunk.depends_on.len().saturating_sub(AFTER);
        let last = chunk.depends_on.iter().skip(more);
        let last = join(last.map(|id| called.get(id).copied().unwrap_or(id.as_str())));
        facts.push(match more {
            0 => format!("after {last}"),
            _ => format!("after {more} others and {last}"),
        });
    }
    let indent = 4 + words;
    out.push_str(&wrap(&facts.join(", "), indent, options.width));
    if let Some(reason) = chunk.reason.as_ref().filter(|_| !said) {
        out.push_str(&wrap(
            &format!("not built: {reason}"),
            indent,
            options.width,
        ));
    }
    out
}

/// The id, and the label where it says something else.
fn named(chunk: &PlanChunk) -> String {
    match &chunk.label {
        Some(label) if label != chunk.id.as_str() && label != chunk.task.as_str() => {
            format!("{} {}", one_line(chunk.id.as_str()), one_line(label))
        }
        _ => one_line(chunk.id.as_str()),
    }
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(one_line).collect::<Vec<_>>().join(", ")
}

/// Diagnostics of specs and doubts about the plan, one below the other.
pub fn doubts(diagnostics: &[Diagnostic], warnings: &[PlanWarning], color: bool) -> String {
    let mut out = String::new();
    for d in diagnostics {
        let text = format!("{}: {}", place(&d.path, d.line), one_line(&d.message));
        let remedy = one_line(&d.remedy);
        match d.severity {
            Severity::Error => out.push_str(&error::render(&text, Some(&remedy), color)),
            Severity::Warning if remedy.is_empty() => out.push_str(&error::warning(&text, color)),
            Severity::Warning => out.push_str(&error::warning(&format!("{text}\n{remedy}"), color)),
        }
    }
    for w in warnings {
        let line = match w.line {
            0 => String::new(),
            line => format!(" (line {line})"),
        };
        let place = match (&w.spec, &w.chunk) {
            (Some(spec), Some(chunk)) => format!("{spec}:{chunk}{line}: "),
            (Some(spec), None) => format!("{spec}: "),
            (None, _) => String::new(),
        };
        out.push_str(&error::warning(
            &one_line(&format!("{place}{}", w.message)),
            color,
        ));
    }
    out
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
