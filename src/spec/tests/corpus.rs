//! Lists by many authors, held against a count that knows nothing of this parser.
//!
//! `CODELICIOUS_CORPUS` names a folder with the files that `tests/corpus/SOURCES.tsv` lists, each below its `dir`, and
//! with `COUNTS.tsv`, which `tests/corpus/count.py` makes of them. CONTRIBUTING.md says how to get both.

use super::formats::every_tick_is_its_own;
use crate::model::{Document, DocumentKind, MarkSite, Place, Spec, SpecId, TaskMark};
use crate::spec::text::{Lines, beginning};
use crate::spec::{Criteria, ParseOptions, parse, reader, tick};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

#[allow(
    clippy::disallowed_methods,
    reason = "the corpus is not the project's, and only its tests ask for it"
)]
fn corpus() -> Option<PathBuf> {
    let Some(dir) = std::env::var_os("CODELICIOUS_CORPUS").map(PathBuf::from) else {
        eprintln!("SKIPPED: CODELICIOUS_CORPUS names no corpus");
        return None;
    };
    assert!(
        dir.join("COUNTS.tsv").is_file(),
        "{} has no counts",
        dir.display()
    );
    Some(dir)
}

/// A task as it was counted.
struct Counted {
    line: usize,
    state: String,
    title: String,
    heading: String,
}

/// What was counted, by folder.
fn counts(dir: &Path) -> BTreeMap<String, Vec<Counted>> {
    let table = std::fs::read_to_string(dir.join("COUNTS.tsv")).unwrap();
    let mut counts: BTreeMap<String, Vec<Counted>> = BTreeMap::new();
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        counts
            .entry(columns[0].to_owned())
            .or_default()
            .push(Counted {
                line: columns[2].parse().unwrap(),
                state: columns[4].to_owned(),
                title: columns[5].to_owned(),
                heading: columns.get(6).copied().unwrap_or_default().to_owned(),
            });
    }
    counts
}

/// What of a format was found.
#[derive(Default)]
struct Tally {
    files: usize,
    counted: usize,
    found: usize,
    both: usize,
    /// Why counted tasks are none, and why tasks were not counted, and how often.
    missed: BTreeMap<&'static str, usize>,
    added: BTreeMap<&'static str, usize>,
}

#[test]
fn lists_of_many_authors_are_read_as_they_count() {
    let Some(dir) = corpus() else { return };
    let counts = counts(&dir);
    let sources = std::fs::read_to_string(dir.join("SOURCES.tsv")).unwrap();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut odd = Vec::new();
    for row in sources.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (format, path, folder) = (columns[0], columns[3], columns[4]);
        let bytes = std::fs::read(dir.join(folder).join(path)).unwrap();
        let none = Vec::new();
        let counted = counts.get(folder).unwrap_or(&none);
        let tally = tallies.entry(format.to_owned()).or_default();
        tally.files += 1;
        let spec = match parse(SpecId::new("s"), path, &bytes, named()) {
            Ok(spec) => spec,
            Err(why) => {
                tally.counted += counted.len();
                *tally.missed.entry("in a file that is refused").or_default() += counted.len();
                eprintln!("{folder}: {}: {}", why.line, why.message);
                continue;
            }
        };
        let text = std::str::from_utf8(&bytes).unwrap();
        compare(format, folder, &spec, text, counted, tally, &mut odd);
    }
    eprintln!("format       files counted  found   both  recall  precision");
    for (format, t) in &tallies {
        let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        eprintln!(
            "{format:<12} {:>5} {:>7} {:>6} {:>6} {:>6.2}%    {:>6.2}%",
            t.files,
            t.counted,
            t.found,
            t.both,
            share(t.both, t.counted),
            share(t.both, t.found),
        );
        for (why, n) in &t.missed {
            eprintln!("    counted and no task: {n:>4} {why}");
        }
        for (why, n) in &t.added {
            eprintln!("    a task and not counted: {n:>4} {why}");
        }
    }
    assert!(
        odd.is_empty(),
        "{} places nobody explains:\n{}",
        odd.len(),
        odd.join("\n")
    );
}

#[test]
fn each_task_of_many_authors_is_ticked_by_itself() {
    let Some(dir) = corpus() else { return };
    let sources = std::fs::read_to_string(dir.join("SOURCES.tsv")).unwrap();
    let files: Vec<(String, PathBuf)> = sources
        .lines()
        .skip(1)
        .map(|row| {
            let columns: Vec<&str> = row.split('\t').collect();
            (columns[3].to_owned(), dir.join(columns[4]).join(columns[3]))
        })
        .collect();
    let (next, ticked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |n| n.get()) {
            threads.spawn(|| {
                while let Some((path, file)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let bytes = std::fs::read(file).unwrap();
                    let Ok(spec) = parse(SpecId::new("s"), path, &bytes, named()) else {
                        continue;
                    };
                    let open = spec.tasks.iter().filter(|t| t.mark != TaskMark::Done);
                    ticked.fetch_add(open.count(), Ordering::Relaxed);
                    every_tick_is_its_own(&spec, &bytes, named());
                }
            });
        }
    });
    eprintln!("{} tasks ticked one by one", ticked.into_inner());
}

/// Writes each list with each one of its open tasks ticked into the folder that `CODELICIOUS_TICKED` names: what
/// `tests/corpus/tools.py` has the tools themselves read.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "files for other programs, in a folder that only this test asks for"
)]
fn ticked_lists_are_kept_for_the_tools_that_own_them() {
    let to = std::env::var_os("CODELICIOUS_TICKED");
    let (Some(dir), Some(to)) = (corpus(), to) else {
        eprintln!("SKIPPED: CODELICIOUS_TICKED names no folder");
        return;
    };
    let sources = std::fs::read_to_string(dir.join("SOURCES.tsv")).unwrap();
    for row in sources.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (path, folder) = (columns[3], columns[4]);
        let bytes = std::fs::read(dir.join(folder).join(path)).unwrap();
        let Ok(spec) = parse(SpecId::new("s"), path, &bytes, named()) else {
            continue;
        };
        let to = Path::new(&to).join(folder);
        std::fs::create_dir_all(&to).unwrap();
        std::fs::write(to.join("before"), &bytes).unwrap();
        for (index, task) in spec.tasks.iter().enumerate() {
            if task.mark != TaskMark::Done {
                std::fs::write(to.join(index.to_string()), tick(&bytes, &spec, index)).unwrap();
            }
        }
    }
}

/// What of the references to requirements, stories and criteria has a text, where the documents are there.
#[test]
fn references_of_many_authors_are_resolved() {
    let Some(dir) = corpus() else { return };
    let sources = std::fs::read_to_string(dir.join("SOURCES.tsv")).unwrap();
    let mut tallies: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in sources.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (format, path, folder) = (columns[0], columns[3], dir.join(columns[4]));
        let bytes = std::fs::read(folder.join(path)).unwrap();
        let Ok(spec) = parse(SpecId::new("s"), path, &bytes, ParseOptions::default()) else {
            continue;
        };
        let criteria = spec
            .beside
            .iter()
            .filter(|b| b.kind == DocumentKind::Criteria);
        let documents: Vec<Document> = criteria
            .filter_map(|beside| match &beside.place {
                Place::File(path) => Some(Document {
                    path: path.clone(),
                    kind: beside.kind,
                    text: std::fs::read_to_string(folder.join(path)).ok()?.into(),
                }),
                Place::Folder { .. } => None,
            })
            .collect();
        if documents.is_empty() {
            continue;
        }
        let criteria = Criteria::read(documents.iter());
        let (known, all) = tallies.entry(format).or_default();
        for reference in spec.tasks.iter().flat_map(|t| &t.meets) {
            *all += 1;
            match criteria.resolve(reference) {
                Some(text) => {
                    assert!(!text.trim().is_empty(), "{path}: {reference}");
                    *known += 1;
                }
                None => eprintln!("MISS {format} {} {reference}", columns[4]),
            }
        }
    }
    for (format, (known, all)) in tallies {
        eprintln!("{format}: {known} of {all} references have a text");
    }
}

/// As for a file that somebody names.
fn named() -> ParseOptions {
    ParseOptions {
        prose: true,
        ..ParseOptions::default()
    }
}

/// Holds one file against its count.
fn compare(
    format: &str,
    folder: &str,
    spec: &Spec,
    text: &str,
    counted: &[Counted],
    tally: &mut Tally,
    odd: &mut Vec<String>,
) {
    let lines: Vec<&str> = text.lines().collect();
    if spec.path.ends_with(".json") {
        return compare_records(folder, spec, counted, tally, odd);
    }
    let context = context_lines(text);
    let rows: BTreeMap<usize, &Counted> = counted.iter().map(|row| (row.line, row)).collect();
    let found: BTreeSet<usize> = spec.tasks.iter().map(|t| t.line).collect();
    tally.counted += rows.len();
    tally.found += found.len();
    for (line, row) in &rows {
        let Some(task) = spec.tasks.iter().find(|t| t.line == *line) else {
            let why = match context.contains(line) {
                true => Some("below words such as \"acceptance criteria\""),
                false => why_no_task(format, row, &lines),
            };
            *tally.missed.entry(why.unwrap_or("?")).or_default() += 1;
            if why.is_none() {
                odd.push(format!(
                    "{folder}:{line}: no task: {} {} [{}]",
                    row.state, row.title, row.heading
                ));
            }
            continue;
        };
        tally.both += 1;
        let state = row
            .state
            .trim_start_matches("step-")
            .trim_start_matches("optional-");
        let state = state.split('-').next().unwrap_or_default();
        let is_done = matches!(state, "done" | "completed");
        if is_done != (task.mark == TaskMark::Done) && task.children.is_empty() {
            odd.push(format!(
                "{folder}:{line}: counted as {}, read as {:?}",
                row.state, task.mark
            ));
        }
    }
    for task in spec.tasks.iter().filter(|t| !rows.contains_key(&t.line)) {
        let line = lines[task.line - 1].trim_start();
        let why = match (&task.site, &task.mark) {
            (MarkSite::Heading { .. }, _) => {
                Some("a heading that is called a task, or prose that was named")
            }
            (_, TaskMark::Noted { .. }) => Some("a sign that the tool itself passes over"),
            _ if line.starts_with("- - ") => Some("a box in an item on the same line"),
            _ => None,
        };
        *tally.added.entry(why.unwrap_or("?")).or_default() += 1;
        if why.is_none() {
            odd.push(format!(
                "{folder}:{}: not counted: {}",
                task.line, task.title
            ));
        }
    }
}

/// Holds one file of records against its count: records have no line of their own, so their titles are compared.
fn compare_records(
    folder: &str,
    spec: &Spec,
    counted: &[Counted],
    tally: &mut Tally,
    odd: &mut Vec<String>,
) {
    let key = |title: &str| {
        title
            .split_whitespace()
            .collect::<String>()
            .chars()
            .take(40)
            .collect()
    };
    let mut left: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for task in &spec.tasks {
        let is_done = task.mark == TaskMark::Done;
        left.entry(key(&task.title)).or_default().push(is_done);
    }
    tally.counted += counted.len();
    tally.found += spec.tasks.len();
    for row in counted {
        let is_done = row.state.starts_with("done") || row.state.starts_with("completed");
        let same = left
            .get_mut(&key(&row.title))
            .filter(|same| !same.is_empty());
        let Some(same) = same else {
            if row.state.starts_with("open") && spec.tasks.is_empty() {
                *tally.missed.entry("records without a state").or_default() += 1;
                continue;
            }
            *tally.missed.entry("?").or_default() += 1;
            odd.push(format!(
                "{folder}:{}: no task: {} {}",
                row.line, row.state, row.title
            ));
            continue;
        };
        tally.both += 1;
        match same.iter().position(|done| *done == is_done) {
            Some(at) => {
                same.remove(at);
            }
            // The count knows one word for a story's state.
            None if spec.format == "Ralph" && row.state == "open" => {
                same.clear();
            }
            None => odd.push(format!("{folder}:{}: counted as {}", row.line, row.state)),
        }
    }
    for (title, _) in left.iter().filter(|(_, rest)| !rest.is_empty()) {
        *tally.added.entry("?").or_default() += 1;
        odd.push(format!("{folder}: not counted: {title}"));
    }
}

/// Lines of boxes that say how to judge the work.
fn context_lines(text: &str) -> BTreeSet<usize> {
    let lines = Lines::new(text.as_bytes());
    let outline = reader::read(text, beginning(text), &lines);
    let boxes = outline.boxes.iter().filter(|b| b.context);
    boxes.map(|b| lines.number(b.tick)).collect()
}

/// Why a counted line is no task.
fn why_no_task(format: &str, row: &Counted, lines: &[&str]) -> Option<&'static str> {
    let line = lines.get(row.line - 1).copied().unwrap_or_default();
    let state = row.state.as_str();
    if state.contains("-fence") {
        return Some("in a code fence");
    }
    if state.contains("-quoted") {
        return Some("in a quotation");
    }
    if state.starts_with("other") {
        return Some("a sign that no tool knows");
    }
    let _ = (format, line);
    None
}
