//! What tasks name, and whether it is there.

use super::Open;
use crate::model::{Diagnostic, DocumentKind, Place, Rule};
use crate::spec::Criteria;
use std::collections::BTreeSet;

pub(super) fn look(open: &Open<'_>, exists: &dyn Fn(&str) -> bool, found: &mut Vec<Diagnostic>) {
    requirements(open, found);
    files(open, exists, found);
}

/// Requirements that no document knows; where there is no document, that is told once.
fn requirements(open: &Open<'_>, found: &mut Vec<Diagnostic>) {
    let spec = open.spec();
    let documents = open.from.documents.iter();
    let texts: Vec<_> = documents
        .filter(|d| d.kind == DocumentKind::Criteria)
        .collect();
    let mut expected = spec
        .beside
        .iter()
        .filter(|b| b.kind == DocumentKind::Criteria);
    let Some(place) = expected.next() else {
        return;
    };
    let criteria = Criteria::read(texts.iter().copied());
    for (index, task) in open.tasks() {
        for reference in &task.meets {
            // The first line has the task's own number.
            let mut lines = open.lines(index).skip(1);
            let line = lines.find(|(_, line)| line.contains(reference.as_str()));
            let line = line.map_or(task.line, |(number, _)| number);
            if texts.is_empty() {
                let (Place::File(path) | Place::Folder { path, .. }) = &place.place;
                found.push(open.finding(
                    Rule::UnknownRequirement,
                    line,
                    format!(
                        "{} names {reference}, and there is no {path}",
                        open.name(task)
                    ),
                    "write down what has to hold there, or in the task",
                ));
                return;
            }
            if criteria.resolve(reference).is_none() {
                let path = &texts[0].path;
                found.push(open.finding(
                    Rule::UnknownRequirement,
                    line,
                    format!(
                        "{} names {reference}, which {path} does not have",
                        open.name(task)
                    ),
                    "name a requirement that is there; engines are shown the text of what is named",
                ));
            }
        }
    }
}

/// Words after which a file need not be there yet.
const MAKES: [&str; 14] = [
    "add",
    "build",
    "create",
    "document",
    "draft",
    "emit",
    "generate",
    "implement",
    "init",
    "make",
    "new",
    "produce",
    "scaffold",
    "write",
];

/// Words before a list of files that have to be there.
const CHANGES: [&str; 4] = ["modify", "edit", "change", "delete"];

/// Files to be changed, and documents that are linked to, which nobody has and no task makes.
fn files(open: &Open<'_>, exists: &dyn Fn(&str) -> bool, found: &mut Vec<Diagnostic>) {
    let spec = open.spec();
    let folder = spec.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_there = |path: &str| exists(&joined("", path)) || exists(&joined(folder, path));
    let mut told = BTreeSet::new();
    let mut made: Option<BTreeSet<&str>> = None;
    for (index, task) in open.tasks() {
        for (number, line) in open.lines(index) {
            for path in changed(line).into_iter().chain(linked(line)) {
                if !told.insert(path) || is_there(path) {
                    continue;
                }
                if made
                    .get_or_insert_with(|| made_by_tasks(open))
                    .contains(path)
                {
                    continue;
                }
                found.push(open.finding(
                    Rule::MissingFile,
                    number,
                    format!("{} names {path}, which is not there", open.name(task)),
                    "mend the path, or say which task makes it",
                ));
            }
        }
    }
}

/// Files that stand in a line of any task with a word of who makes something.
fn made_by_tasks<'a>(open: &Open<'a>) -> BTreeSet<&'a str> {
    let tasks = open.spec().tasks.iter().enumerate();
    let files = tasks.flat_map(|(index, task)| {
        let lines: Vec<&str> = open
            .lines(index)
            .map(|(_, line)| line)
            .filter(|l| makes(l))
            .collect();
        let is_made = move |file: &&String| lines.iter().any(|line| line.contains(file.as_str()));
        task.files.iter().filter(is_made)
    });
    files.map(String::as_str).collect()
}

fn makes(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.any(|w| MAKES.contains(&w))
}

/// Paths in a line such as ``- Modify: `src/a.rs:12-30` ``.
fn changed(line: &str) -> Vec<&str> {
    let plain = line.trim_start_matches([' ', '\t', '-', '*', '+']);
    let Some((word, rest)) = plain.split_once(':') else {
        return Vec::new();
    };
    let word = word.trim_end_matches('*').to_ascii_lowercase();
    if !CHANGES.contains(&word.as_str()) {
        return Vec::new();
    }
    rest.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(path)
        .collect()
}

/// Documents that a line links to, in a line that makes nothing.
fn linked(line: &str) -> Vec<&str> {
    if !line.contains("](") || makes(line) {
        return Vec::new();
    }
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|t| t.split(['#', '?', ' ']).next().unwrap_or(t));
    let is_document = |t: &&str| {
        [".md", ".mdx", ".txt", ".yaml", ".yml"]
            .iter()
            .any(|e| t.ends_with(e))
    };
    targets.filter(is_document).filter_map(path).collect()
}

/// A path as written, without line numbers; None for what is no path of this repository.
fn path(text: &str) -> Option<&str> {
    let path = text.split(':').next().unwrap_or(text).trim();
    let is_other = text.contains("://")
        || text.starts_with("mailto:")
        || path.starts_with(['/', '~', '$'])
        || path.contains(['*', '<', '{', '%', ' ', '…'])
        || path.contains("...")
        || !path.contains('.');
    (!is_other && !path.is_empty()).then_some(path)
}

/// `../a.md` from `docs/specs` is `docs/a.md`.
fn joined(folder: &str, path: &str) -> String {
    let mut names: Vec<&str> = folder.split('/').filter(|n| !n.is_empty()).collect();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    names.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_people_write_them() {
        let cases: [(&str, &[&str]); 9] = [
            ("  - Modify: `src/a.rs:12-30`", &["src/a.rs"]),
            ("- **Modify:** `a.rs`, `b/c.rs`", &["a.rs", "b/c.rs"]),
            ("- Create: `src/new.rs`", &[]),
            ("- Modify: the parser", &[]),
            ("see [the design](../design.md#store)", &["../design.md"]),
            ("see [the site](https://example.org/a.md) and [a](#b)", &[]),
            ("- [ ] Write [the guide](docs/guide.md)", &[]),
            ("[code](src/a.rs)", &[]),
            ("Modify: `src/*.rs` and `<name>.rs`", &[]),
        ];
        for (line, expected) in cases {
            let found: Vec<&str> = changed(line).into_iter().chain(linked(line)).collect();
            assert_eq!(found, expected, "{line}");
        }
        assert_eq!(joined("docs/specs", "../a.md"), "docs/a.md");
        assert_eq!(joined("", "./a.md"), "a.md");
        assert_eq!(joined("a", "../../../b.md"), "b.md");
    }
}
