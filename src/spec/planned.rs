//! A model's plan as the tasks of a prose spec.
//!
//! A plan speaks for the sections that it was made of, as they were worded then. While the text is the same its
//! chunks are the tasks. When the text changed, what the plan says of untouched sections still holds, and a section
//! that is new or worded anew is a task by itself until a model has planned it. Chunks that are done stay done.

use super::identity;
use super::lines;
use super::marks::{self, Splice, apply_all};
use super::text::{collapse, digest, hex};
use crate::model::{
    ChunkId, ChunkPlan, Diagnostic, MarkSite, PlannedChunk, Role, Rule, Severity, Spec, Stage,
    Task, TaskMark,
};
use std::collections::{BTreeSet, HashMap};

/// The id of a planned chunk: 12 hex digits over its title as [`normal_title`] has it, and its ordinal among chunks
/// that would have the same one. Where the chunk's section stands, and what it is called, does not matter.
pub fn chunk_id(title: &str, ordinal: u64) -> ChunkId {
    let key = digest(&[b"planned", normal_title(title).as_bytes()]);
    ChunkId::new(hex(&digest(&[&key, &ordinal.to_le_bytes()]), 12))
}

/// A title as two plans share it: lower case, words with single spaces, without what stands around them.
pub fn normal_title(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect();
    match words.as_slice() {
        // A title of signs alone.
        [] => collapse(title),
        words => words.join(" "),
    }
}

/// True for what [`chunk_id`] makes.
pub fn is_chunk_id(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// 12 hex digits over the text without any mark, whatever its line ends. `spec` is what `bytes` says, without a
/// plan.
pub fn text_hash(bytes: &[u8], spec: &Spec) -> String {
    let plain: Vec<u8> = without_marks(bytes, spec)
        .into_iter()
        .filter(|b| *b != b'\r')
        .collect();
    hex(&digest(&[plain.trim_ascii_end()]), 12)
}

/// The text without any mark.
pub fn cleared(bytes: &[u8], spec: &Spec) -> Vec<u8> {
    let tasks = spec.tasks.iter().map(|task| marks::clear(bytes, task));
    let mut splices: Vec<Splice> = tasks.chain(lines::clear_all(spec)).collect();
    splices.sort_by_key(|s| s.range.start);
    apply_all(bytes, &splices)
}

/// The text as it is whatever its marks are, to be compared: as [`cleared`], and a record that says nothing of its
/// state counts as one that says that it is open, since ticking it adds the words.
pub fn without_marks(bytes: &[u8], spec: &Spec) -> Vec<u8> {
    let tasks = spec.tasks.iter().map(|task| marks::opened(bytes, task));
    let mut splices: Vec<Splice> = tasks.chain(lines::clear_all(spec)).collect();
    splices.sort_by_key(|s| s.range.start);
    apply_all(bytes, &splices)
}

/// Takes a plan's chunks for the tasks of a prose spec. `bytes` is the file that `spec` was parsed from.
pub fn apply_plan(mut spec: Spec, bytes: &[u8], plan: &ChunkPlan) -> Spec {
    let is_current = plan.text == text_hash(bytes, &spec);
    let sections = std::mem::take(&mut spec.tasks);
    let places: HashMap<&[String], usize> = spec
        .sections
        .iter()
        .enumerate()
        .rev()
        .map(|(index, s)| (s.headings.as_slice(), index))
        .collect();
    let reworded: BTreeSet<usize> = sections
        .iter()
        .filter(|t| !plan.covers.contains(&t.fingerprint))
        .map(|t| t.section)
        .collect();
    let stands = |chunk: &PlannedChunk, mark: &TaskMark| {
        let place = places.get(chunk.headings.as_slice());
        is_current
            || *mark != TaskMark::Open
            || chunk.headings.is_empty()
            || place.is_some_and(|place| !reworded.contains(place))
    };
    let chunks: Vec<(&PlannedChunk, TaskMark)> = plan
        .chunks
        .iter()
        .map(|chunk| (chunk, spec.chunk_mark(&chunk.id)))
        .filter(|(chunk, mark)| stands(chunk, mark))
        .collect();
    let known: BTreeSet<&ChunkId> = chunks.iter().map(|(chunk, _)| &chunk.id).collect();
    let mut tasks: Vec<Task> = chunks
        .iter()
        .map(|(chunk, mark)| {
            let section = places.get(chunk.headings.as_slice()).copied().unwrap_or(0);
            let needs = chunk.depends_on.iter().filter(|id| known.contains(id));
            task(
                &spec,
                chunk,
                mark,
                section,
                needs.map(|id| id.as_str().to_owned()).collect(),
            )
        })
        .collect();
    tasks.extend(
        sections
            .into_iter()
            .filter(|t| reworded.contains(&t.section)),
    );
    spec.tasks = tasks;
    // A plan says itself what comes before what.
    spec.stages = vec![Stage::default()];
    spec.tasks.iter_mut().for_each(|task| task.stage = 0);
    spec.prose = false;
    spec.planned = true;
    spec
}

fn task(
    spec: &Spec,
    chunk: &PlannedChunk,
    mark: &TaskMark,
    section: usize,
    depends_on: Vec<String>,
) -> Task {
    let (start, line) = spec
        .sections
        .get(section)
        .map_or((0, 1), |s| (s.span.start, s.line));
    let text = words(chunk);
    let own_line = spec.chunk_marks.iter().find(|c| c.id == chunk.id);
    Task {
        id: chunk.id.clone(),
        label: None,
        named: false,
        title: chunk.title.clone(),
        fingerprint: identity::fingerprint(&text),
        text,
        // Nothing of the section is the chunk's alone.
        span: start..start,
        line,
        section,
        stage: 0,
        depth: 0,
        parent: None,
        children: Vec::new(),
        role: Role::Work,
        mark: mark.clone(),
        site: MarkSite::Line {
            span: own_line.map(|c| c.span.clone()),
        },
        optional: false,
        aside: None,
        parallel: false,
        priority: None,
        depends_on,
        files: chunk.files.clone(),
        meets: Vec::new(),
    }
}

/// What an engine is told of a chunk.
fn words(chunk: &PlannedChunk) -> String {
    let mut text = chunk.title.clone();
    for part in [&chunk.text, &bullets(&chunk.acceptance)] {
        if !part.trim().is_empty() {
            text.push_str("\n\n");
            text.push_str(part.trim());
        }
    }
    text
}

fn bullets(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let items: Vec<String> = lines.iter().map(|l| format!("- {l}")).collect();
    format!("It is done when:\n{}", items.join("\n"))
}

/// Warns of marks of chunks that nobody knows. They stay as they are.
pub fn note_unknown_marks(spec: &mut Spec) {
    let known: BTreeSet<&ChunkId> = spec.tasks.iter().map(|t| &t.id).collect();
    let unknown: BTreeSet<&str> = spec
        .chunk_marks
        .iter()
        .filter(|c| !known.contains(&c.id))
        .map(|c| c.id.as_str())
        .collect();
    if unknown.is_empty() {
        return;
    }
    let names: Vec<&str> = unknown.iter().take(8).copied().collect();
    let more = match unknown.len() - names.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    spec.diagnostics.push(Diagnostic {
        rule: Rule::KeptPlan,
        severity: Severity::Warning,
        path: spec.path.clone(),
        line: 0,
        message: format!(
            "is marked with planned chunks that no plan knows ({}{more}); the marks stay",
            names.join(", ")
        ),
        remedy: "fetch refs/codelicious/plans from where the spec was planned, or remove the marks to have the work done again"
            .to_owned(),
    });
}
