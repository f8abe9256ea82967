//! Specs: positions fit the text, a mark changes itself and nothing else and can be taken back, and what two people did
//! adds up.
//!
//! An input is a text, or up to three: the one both sides come from, the lane's, the user's.

use super::parts;
use codelicious::model::{ChunkId, MarkSite, Role, Spec, SpecId, Task, TaskMark};
use codelicious::spec::{self, ParseOptions};
use std::collections::BTreeMap;

/// Tasks of one text whose marks are tried.
const TRIED: usize = 5;

/// Where lists stand that are read in ways of their own.
const LISTS: [&str; 5] = [
    "specs/s.md",
    ".kiro/specs/s/tasks.md",
    "specs/001-s/tasks.md",
    "openspec/changes/s/tasks.md",
    ".agent-os/specs/s/tasks.md",
];
const RECORDS: [&str; 2] = [".taskmaster/tasks/tasks.json", "prd.json"];

pub fn check(bytes: &[u8]) {
    let [text, lane, theirs] = parts(bytes);
    for prose in [false, true] {
        every_way(
            text,
            Way {
                path: LISTS[0],
                prose,
            },
        );
    }
    // One more way for each text: those of fuzzing are many.
    let others: &[&'static str] = match text.trim_ascii_start().first() {
        Some(b'{' | b'[') => &RECORDS,
        _ => &LISTS[1..],
    };
    let path = others[text.len() % others.len()];
    every_way(text, Way { path, prose: false });
    let _ = spec::intro(text);
    if let Ok(text) = std::str::from_utf8(text) {
        spec::visible(text);
        spec::said(text);
        spec::injection::warnings("specs/s.md", text, &|t| t.into());
    }
    let way = Way {
        path: LISTS[0],
        prose: true,
    };
    let both = way.parse(lane).and(way.parse(theirs));
    if both.is_some() && bytes.contains(&0xFF) {
        for ancestor in [Some(text), None] {
            if let Ok(merged) = spec::merge_specs("specs/s.md", ancestor, lane, theirs) {
                way.parse(&merged).expect("what was merged is a spec");
            }
        }
    }
}

/// How a text is read.
#[derive(Clone, Copy)]
struct Way {
    path: &'static str,
    prose: bool,
}

impl Way {
    fn parse(self, bytes: &[u8]) -> Option<Spec> {
        let options = ParseOptions {
            prose: self.prose,
            ..ParseOptions::default()
        };
        spec::parse(SpecId::new("s"), self.path, bytes, options).ok()
    }
}

fn every_way(text: &[u8], way: Way) {
    let Some(parsed) = way.parse(text) else {
        return;
    };
    positions(text, &parsed);
    marks(text, &parsed, way);
    if !way.path.ends_with(".json") {
        chunk_marks(text, &parsed, way);
    }
    merges(text, &parsed, way);
    spec::outline(&parsed);
    for i in 0..parsed.sections.len() {
        spec::section_text(&parsed, text, i);
    }
}

/// What a task is, whatever its mark. The text of one with steps shows theirs.
fn ids(spec: &Spec) -> Vec<(&ChunkId, &str, &str)> {
    fn text(task: &Task) -> &str {
        match task.children.is_empty() {
            true => task.text.as_str(),
            false => "",
        }
    }
    let tasks = spec.tasks.iter();
    tasks
        .map(|t| (&t.id, t.fingerprint.as_str(), text(t)))
        .collect()
}

fn positions(bytes: &[u8], parsed: &Spec) {
    let text = std::str::from_utf8(bytes).expect("only text is a spec");
    let mut ids: Vec<&ChunkId> = parsed.tasks.iter().map(|t| &t.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), parsed.tasks.len(), "every id is one task's");
    for (index, task) in parsed.tasks.iter().enumerate() {
        assert!(
            text.get(task.span.clone()).is_some(),
            "{task:?} stands in the text"
        );
        assert!(
            task.section < parsed.sections.len() && !task.title.is_empty(),
            "{task:?}"
        );
        for child in &task.children {
            let inner = &parsed.tasks[*child];
            assert!(
                inner.parent == Some(index) && inner.depth > task.depth,
                "{inner:?} in {task:?}"
            );
            assert!(task.span.start <= inner.span.start && inner.span.end <= task.span.end);
        }
        if let MarkSite::Checkbox { tick, line_end, .. } = task.site {
            assert!(task.span.contains(&tick) && tick < line_end && line_end <= bytes.len());
            // Steps say it for their task.
            let has_steps = parsed.inside(index).any(|t| t.role == Role::Step);
            assert!(
                has_steps || matches!(bytes[tick], b'x' | b'X') == (task.mark == TaskMark::Done)
            );
        }
    }
    for pair in parsed.sections.windows(2) {
        assert_eq!(
            pair[0].span.end, pair[1].span.start,
            "sections leave nothing out"
        );
    }
}

fn marks(bytes: &[u8], parsed: &Spec, way: Way) {
    let before = ids(parsed);
    let same = |marked: &[u8], what: &str| {
        let again = way
            .parse(marked)
            .unwrap_or_else(|| panic!("{what}: it is a spec still"));
        assert_eq!(
            ids(&again),
            before,
            "{what}: no task is lost, and none is another one"
        );
        again
    };
    for (index, task) in parsed.tasks.iter().enumerate().take(TRIED) {
        let splice = spec::mark_done(bytes, task);
        let is_box = matches!(task.site, MarkSite::Checkbox { .. });
        let has_steps = parsed.inside(index).any(|t| t.role == Role::Step);
        if task.mark == TaskMark::Open && is_box && !has_steps {
            assert_eq!(
                (splice.range.len(), splice.replacement.len()),
                (1, 1),
                "a tick is a byte"
            );
        }
        let ticked = spec::tick(bytes, parsed, index);
        let again = same(&ticked, "ticked");
        for (i, (new, old)) in again.tasks.iter().zip(&parsed.tasks).enumerate() {
            let is_step = task.role == Role::Work
                && old.role == Role::Step
                && task.span.contains(&old.span.start);
            // A step may be the last one of its task.
            let is_around = (old.role == Role::Group || task.role == Role::Step)
                && parsed.around(index).any(|g| g == i);
            if i == index || is_step {
                assert_eq!(new.mark, TaskMark::Done, "it is done with its steps");
            } else if !is_around {
                assert_eq!(new.mark, old.mark, "a tick is one task's");
            } else if new.mark != old.mark {
                let inside: Vec<_> = again.inside(i).collect();
                let mut work = inside.iter().filter(|t| t.role == Role::Work);
                assert!(
                    work.all(|t| t.mark == TaskMark::Done || t.aside.is_some()),
                    "a group is done with the last work in it"
                );
            }
        }
        assert_eq!(
            spec::tick(&ticked, &again, index),
            ticked,
            "a second tick changes nothing"
        );
        // Steps say it for their task and have no parts of their own, and a record has no place for parts.
        let is_step = task.role == Role::Step;
        if has_steps || is_step || matches!(task.site, MarkSite::Value { .. }) {
            continue;
        }
        let done = spec::apply(bytes, &splice);
        let again = same(&done, "ticked alone");
        let cleared = spec::apply(&done, &spec::clear(&done, &again.tasks[index]));
        assert_eq!(
            cleared,
            spec::apply(bytes, &spec::clear(bytes, task)),
            "a tick can be taken back"
        );
        if task.mark == TaskMark::Open {
            assert_eq!(cleared, bytes, "and leaves the text as it was");
        }

        let splice = spec::mark_partial(bytes, task, 2, 5, "a,9").expect("bounds that are safe");
        let part = spec::apply(bytes, &splice);
        let again = same(&part, "a part");
        let (done, of, bounds) = (2, 5, "a,9".to_owned());
        assert_eq!(
            again.tasks[index].mark,
            TaskMark::Partial { done, of, bounds }
        );
        assert_eq!(
            spec::apply(&part, &spec::clear(&part, &again.tasks[index])),
            cleared
        );
    }
    let now: BTreeMap<ChunkId, TaskMark> = parsed
        .tasks
        .iter()
        .map(|t| (t.id.clone(), t.mark.clone()))
        .collect();
    assert_eq!(
        spec::with_marks(bytes, parsed, &now),
        bytes,
        "marks that stand stay as they are"
    );
    let all: BTreeMap<ChunkId, TaskMark> = parsed
        .tasks
        .iter()
        .map(|t| (t.id.clone(), TaskMark::Done))
        .collect();
    let done = spec::with_marks(bytes, parsed, &all);
    let again = same(&done, "all ticked");
    assert!(again.tasks.iter().all(|t| t.mark == TaskMark::Done));
    let plain = spec::without_marks(bytes, parsed);
    assert_eq!(spec::without_marks(&done, &again), plain);
    assert_eq!(
        spec::text_hash(&done, &again),
        spec::text_hash(bytes, parsed)
    );
    let open = same(&plain, "without marks");
    assert!(open.tasks.iter().all(|t| t.mark == TaskMark::Open) && open.chunk_marks.is_empty());
}

/// A mark behind the text comes and goes and touches nothing else.
fn chunk_marks(bytes: &[u8], parsed: &Spec, way: Way) {
    let id = ChunkId::new("0f1e2d3c4b5a");
    let is_there = parsed.chunk_marks.iter().any(|c| c.id == id);
    let set = |bytes: &[u8], spec: &Spec, mark| {
        spec::mark_chunk(bytes, spec, &id, mark).expect("a mark that can be written")
    };
    let done = set(bytes, parsed, &TaskMark::Done);
    let again = way.parse(&done).expect("it is a spec still");
    assert_eq!(again.chunk_mark(&id), TaskMark::Done);
    assert_eq!(
        ids(&again),
        ids(parsed),
        "a mark behind the text is no task's"
    );
    if !is_there {
        assert_eq!(
            set(&done, &again, &TaskMark::Open),
            bytes,
            "it can be taken back"
        );
    }
}

fn merges(bytes: &[u8], parsed: &Spec, way: Way) {
    let (Some(first), Some(last)) = (parsed.tasks.first(), parsed.tasks.last()) else {
        return;
    };
    // Marks are merged with the text read as prose where it has no boxes.
    let as_prose = Way { prose: true, ..way };
    if way.path == LISTS[0] && way.prose != as_prose.parse(bytes).is_some_and(|s| s.prose) {
        return;
    }
    if parsed.tasks.iter().any(|t| t.role != Role::Work) {
        return;
    }
    let last_index = parsed.tasks.len() - 1;
    let (lane, user) = (
        spec::tick(bytes, parsed, 0),
        spec::tick(bytes, parsed, last_index),
    );
    for ancestor in [Some(bytes), None] {
        let merged =
            spec::merge_specs(way.path, ancestor, &lane, &user).expect("ticks are no conflict");
        let merged = way.parse(&merged).expect("what was merged is a spec");
        assert_eq!(ids(&merged), ids(parsed));
        for (new, old) in merged.tasks.iter().zip(&parsed.tasks) {
            let is_ticked = old.id == first.id || old.id == last.id;
            let expected = if is_ticked {
                &TaskMark::Done
            } else {
                &old.mark
            };
            assert_eq!(&new.mark, expected, "ticks of both sides add up");
        }
    }
    let one_side = spec::merge_specs(way.path, Some(bytes), &lane, bytes);
    assert_eq!(one_side.expect("one side changed nothing"), lane);
}
