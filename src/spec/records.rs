//! Task lists that are JSON: records of tasks become the tasks of a spec.

use super::identity::{self, Identity};
use super::label::Label;
use super::parse::{Notes, Source};
use super::slug::is_ref_safe;
use super::text::Lines;
use super::{hints, json};
use crate::model::spec::{FrontMatter, Section, Words};
use crate::model::{MarkSite, Role, Spec, Stage, Task, TaskMark};
use std::ops::Range;

/// A task as a record says it, before it has its id.
pub(super) struct Record {
    /// What names it for good, where the record has such a thing; unique in the file where the tool says so.
    pub(super) id: Option<String>,
    /// What other records call it.
    pub(super) label: Option<String>,
    pub(super) title: String,
    /// All that the engine is told of it.
    pub(super) text: String,
    pub(super) span: Range<usize>,
    pub(super) section: usize,
    /// Index of the record around it.
    pub(super) parent: Option<usize>,
    pub(super) mark: TaskMark,
    pub(super) site: MarkSite,
    pub(super) priority: Option<i64>,
    pub(super) depends_on: Vec<String>,
    pub(super) files: Vec<String>,
}

/// A spec of records in document order. `sections` are the lists they stand in, each built for itself.
pub(super) fn spec(
    source: Source<'_>,
    format: &'static str,
    title: Option<String>,
    sections: Vec<Section>,
    records: Vec<Record>,
    notes: &mut Notes<'_>,
) -> Spec {
    let lines = Lines::new(source.text.as_bytes());
    let mut identities: Vec<Identity> = Vec::with_capacity(records.len());
    for record in &records {
        let outer = match record.parent {
            Some(parent) => identities[parent].key,
            None => identity::place(&sections[record.section].headings),
        };
        // An id that cannot be part of a ref's name is known by its hash.
        let words = record.id.as_deref().unwrap_or(&record.title);
        let named = record.id.as_deref().filter(|id| is_ref_safe(id));
        let label = named.map(|id| Label {
            text: id.to_owned(),
            named: true,
        });
        identities.push(Identity {
            key: identity::key(&outer, label.as_ref(), words),
            label,
            line: lines.number(record.span.start),
        });
    }
    let ids = identity::assign(&identities, notes);
    let mut tasks: Vec<Task> = Vec::with_capacity(records.len());
    for (index, (record, (id, named))) in records.into_iter().zip(ids).enumerate() {
        if let Some(parent) = record.parent {
            tasks[parent].children.push(index);
            tasks[parent].role = Role::Group;
        }
        let mut depends_on: Vec<String> = Vec::new();
        for label in record.depends_on {
            if !depends_on.contains(&label) {
                depends_on.push(label);
            }
        }
        let mut files = record.files;
        for file in hints::files(&record.text) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
        tasks.push(Task {
            id,
            label: record.label,
            named,
            fingerprint: identity::fingerprint(&record.text),
            files,
            meets: hints::meets(&record.text),
            title: record.title,
            text: record.text,
            line: lines.number(record.span.start),
            span: record.span,
            section: record.section,
            stage: record.section,
            depth: record.parent.map_or(0, |parent| tasks[parent].depth + 1),
            parent: record.parent,
            children: Vec::new(),
            role: Role::Work,
            mark: record.mark,
            site: record.site,
            optional: false,
            aside: None,
            parallel: false,
            priority: record.priority,
            depends_on,
        });
    }
    Spec {
        title: title.unwrap_or_else(|| source.stem().to_owned()),
        id: source.id,
        path: source.path.to_owned(),
        format,
        front: FrontMatter::default(),
        stages: sections.iter().map(|_| Stage::default()).collect(),
        tasks,
        sections,
        diagnostics: Vec::new(),
        beside: Vec::new(),
        held: None,
        prose: false,
        planned: false,
        chunk_marks: Vec::new(),
    }
}

/// A list of records as a section of the spec.
pub(super) fn section(lines: &Lines, headings: Vec<String>, span: Range<usize>) -> Section {
    Section {
        level: u8::try_from(headings.len()).unwrap_or(6),
        line: lines.number(span.start),
        headings,
        span,
    }
}

/// Where a record's state stands, or would: in the member `name`, else behind the member `after` or one of the
/// others.
pub(super) fn site(object: &json::Object<'_>, name: &str, after: &str, words: Words) -> MarkSite {
    if let Some(value) = object.get(name) {
        return MarkSite::Value {
            span: value.span(),
            before: String::new(),
            words,
        };
    }
    let any = object.members().last().map(|(name, _)| name.to_owned());
    let place = object.place_for(name, after);
    let place = place.or_else(|| object.place_for(name, &any?));
    let (at, before) = place.unwrap_or_else(|| {
        let end = object.value.span().end;
        (end.saturating_sub(1), format!("\"{name}\": "))
    });
    MarkSite::Value {
        span: at..at,
        before,
        words,
    }
}
