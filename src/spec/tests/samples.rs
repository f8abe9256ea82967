//! Real specs of other projects, where they are at hand.

use super::{ParseOptions, parse};
use crate::model::{MarkSite, SpecId};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) fn samples() -> Option<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/specs_samples");
    if dir.join("SOURCES.tsv").is_file() {
        return Some(dir);
    }
    eprintln!("SKIPPED: no sample specs at {}", dir.display());
    None
}

/// The samples that are Markdown, by name.
pub(super) fn texts(dir: &Path) -> Vec<(String, String)> {
    let table = std::fs::read_to_string(dir.join("SOURCES.tsv")).unwrap();
    let names = table
        .lines()
        .skip(1)
        .filter_map(|row| row.split('\t').next());
    names
        .filter(|name| name.ends_with(".md"))
        .map(|name| {
            (
                name.to_owned(),
                std::fs::read_to_string(dir.join(name)).unwrap(),
            )
        })
        .collect()
}

/// Lines of boxes by a simple look, fences left out, and how many of them are open.
fn boxes(text: &str) -> (BTreeSet<usize>, usize) {
    let (mut lines, mut open, mut fenced) = (BTreeSet::new(), 0, false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("```") || line.starts_with("~~~") {
            fenced = !fenced;
        }
        let bullet = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let Some(rest) = bullet.strip_prefix(['-', '*', '+', '.', ')']) else {
            continue;
        };
        let rest = rest.trim_start();
        let marks = ["[ ]", "[x]", "[X]", "[-]", "[~]"];
        let after = marks.iter().find_map(|mark| rest.strip_prefix(mark));
        let is_box = after.is_some_and(|after| after.starts_with([' ', '*']));
        if is_box && !fenced {
            lines.insert(number + 1);
            open += usize::from(!(rest.starts_with("[x]") || rest.starts_with("[X]")));
        }
    }
    (lines, open)
}

/// What the parser leaves out on purpose: boxes below acceptance criteria, review checklists and the like.
const CONTEXT: [(&str, usize); 6] = [
    ("openspec/012.md", 14),
    ("speckit/008.md", 10),
    ("speckit/012.md", 9),
    ("speckit/021.md", 10),
    ("docs_specs/016.md", 5),
    ("docs_specs/017.md", 5),
];

#[test]
fn samples_have_the_tasks_they_show() {
    let Some(dir) = samples() else { return };
    let table = std::fs::read_to_string(dir.join("SOURCES.tsv")).unwrap();
    let mut wrong = Vec::new();
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (file, path) = (columns[0], columns[4]);
        if !file.ends_with(".md") {
            continue;
        }
        let bytes = std::fs::read(dir.join(file)).unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        let spec = parse(SpecId::new("s"), path, &bytes, ParseOptions::default()).unwrap();
        let (seen, open) = boxes(text);
        let listed: (usize, usize) = (columns[7].parse().unwrap(), columns[8].parse().unwrap());
        if listed != (open, seen.len() - open) {
            eprintln!(
                "{file}: {open} of {} boxes open; listed {listed:?}",
                seen.len()
            );
        }
        let boxed = spec.tasks.iter();
        let boxed = boxed.filter(|t| matches!(t.site, MarkSite::Checkbox { .. }));
        let found: BTreeSet<usize> = boxed.map(|t| t.line).collect();
        let made_up: Vec<&usize> = found.difference(&seen).collect();
        let left_out = seen.difference(&found).count();
        let context = CONTEXT
            .iter()
            .find(|(name, _)| *name == file)
            .map_or(0, |(_, n)| *n);
        if left_out != context || !made_up.is_empty() {
            wrong.push(format!(
                "{file} ({}): {left_out} boxes left out, not {context}; made up: {made_up:?}",
                spec.format
            ));
        }
        super::formats::every_tick_is_its_own(&spec, &bytes, ParseOptions::default());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
