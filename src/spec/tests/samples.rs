//! Real specs of other projects, where they are at hand.

use super::{ParseOptions, parse};
use crate::model::{SpecId, TaskMark};
use crate::spec::tick;
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

/// Boxes by a simple look at lines: open, done, and those with a `*` behind the box. Fences are left out.
fn count(text: &str) -> (usize, usize, usize) {
    let (mut open, mut done, mut optional) = (0, 0, 0);
    let mut fenced = false;
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with("```") || line.starts_with("~~~") {
            fenced = !fenced;
        }
        let bullet = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let Some(rest) = bullet.strip_prefix(['-', '*', '+', '.', ')']) else {
            continue;
        };
        let rest = rest.trim_start();
        if fenced {
            continue;
        }
        if rest.starts_with("[ ]* ") || rest.starts_with("[x]* ") {
            optional += 1;
        } else if rest.starts_with("[ ] ") {
            open += 1;
        } else if rest.starts_with("[x] ") || rest.starts_with("[X] ") {
            done += 1;
        }
    }
    (open, done, optional)
}

/// What the parser leaves out on purpose: boxes below acceptance criteria, review checklists and the like.
const CONTEXT: [(&str, usize); 7] = [
    ("openspec/006.md", 160),
    ("openspec/012.md", 14),
    ("speckit/008.md", 10),
    ("speckit/012.md", 77),
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
        let file = columns[0];
        if !file.ends_with(".md") {
            continue;
        }
        let bytes = std::fs::read(dir.join(file)).unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        let spec = parse(SpecId::new("s"), file, &bytes, ParseOptions::default()).unwrap();
        let done = spec
            .tasks
            .iter()
            .filter(|t| t.mark == TaskMark::Done)
            .count();
        let open = spec.tasks.len() - done;
        let (seen_open, seen_done, optional) = count(text);
        let listed: (usize, usize) = (columns[7].parse().unwrap(), columns[8].parse().unwrap());
        let context = CONTEXT
            .iter()
            .find(|(name, _)| *name == file)
            .map_or(0, |(_, n)| *n);
        // The table counts lines too: fences count there, and so does what is marked optional.
        if listed != (open, done) {
            eprintln!(
                "{file}: {open} open and {done} done tasks; listed {listed:?}: {context} context, {optional} optional"
            );
        }
        assert_eq!(
            listed.0 + listed.1,
            seen_open + seen_done + optional,
            "{file}"
        );
        let left_out = (seen_open + seen_done) - (open + done);
        if left_out != context {
            wrong.push(format!("{file}: {left_out} boxes left out, not {context}"));
        }

        for (index, task) in spec
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, t)| t.mark == TaskMark::Open)
        {
            let after = tick(&bytes, task);
            let changed = after.iter().zip(&bytes).filter(|(a, b)| a != b).count();
            assert_eq!(
                (changed, after.len()),
                (1, bytes.len()),
                "{file} {}",
                task.line
            );
            let again = parse(SpecId::new("s"), file, &after, ParseOptions::default()).unwrap();
            for (i, (a, b)) in again.tasks.iter().zip(&spec.tasks).enumerate() {
                assert_eq!(
                    (&a.id, &a.fingerprint, &a.text),
                    (&b.id, &b.fingerprint, &b.text)
                );
                assert_eq!(a.mark == b.mark, i != index, "{file} {}", task.line);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
