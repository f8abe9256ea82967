//! Plans of a model: their chunks as tasks, and the marks behind the text.

use super::prose;
use crate::model::{ChunkId, ChunkPlan, PlannedChunk, Spec, TaskMark};
use crate::spec::{
    apply_plan, chunk_id, mark_chunk, merge_specs, note_unknown_marks, text_hash, tick,
    with_chunk_marks, with_marks, without_marks,
};
use proptest::prelude::*;

const TEXT: &str = "# Shop\n\n## Cart\n\nOne can put things in.\n\n## Till\n\nOne can pay.\n";

fn chunk(title: &str, heading: &str, needs: &[&str]) -> PlannedChunk {
    let headings: Vec<String> = match heading {
        "" => Vec::new(),
        heading => vec!["Shop".to_owned(), heading.to_owned()],
    };
    PlannedChunk {
        id: chunk_id(title, 0),
        title: title.to_owned(),
        text: format!("Build {title}."),
        acceptance: vec!["It works.".to_owned()],
        headings,
        files: vec!["src/shop.rs".to_owned()],
        depends_on: needs.iter().map(|t| chunk_id(t, 0)).collect(),
    }
}

/// A plan of `text` with these chunks.
fn plan_of(text: &str, chunks: Vec<PlannedChunk>) -> ChunkPlan {
    let spec = prose(text);
    ChunkPlan {
        text: text_hash(text.as_bytes(), &spec),
        model: "m".to_owned(),
        covers: spec.tasks.iter().map(|t| t.fingerprint.clone()).collect(),
        chunks,
    }
}

fn shop() -> ChunkPlan {
    plan_of(
        TEXT,
        vec![
            chunk("Add a cart", "Cart", &[]),
            chunk("Show the cart", "Cart", &["Add a cart"]),
            chunk("Take money", "Till", &["Show the cart"]),
        ],
    )
}

fn planned(text: &str, plan: &ChunkPlan) -> Vec<(String, TaskMark)> {
    let spec = apply_plan(prose(text), text.as_bytes(), plan);
    spec.tasks.into_iter().map(|t| (t.title, t.mark)).collect()
}

fn marked(text: &str, marks: &[(&str, TaskMark)]) -> String {
    let marks: Vec<(ChunkId, TaskMark)> = marks
        .iter()
        .map(|(title, mark)| (chunk_id(title, 0), mark.clone()))
        .collect();
    let bytes = with_chunk_marks(text.as_bytes(), &prose(text), &marks);
    String::from_utf8(bytes).unwrap()
}

fn part(done: usize) -> TaskMark {
    TaskMark::Partial {
        done,
        of: 3,
        bounds: "0123456789ab:0-1;1-2;2-3".to_owned(),
    }
}

#[test]
fn a_plan_of_this_text_is_what_there_is_to_build() {
    let plan = shop();
    let text = marked(TEXT, &[("Add a cart", TaskMark::Done)]);
    let spec = apply_plan(prose(&text), text.as_bytes(), &plan);
    assert!(spec.planned && !spec.prose);
    let seen: Vec<_> = spec
        .tasks
        .iter()
        .map(|t| (t.title.as_str(), t.line, &t.mark, t.depends_on.len()))
        .collect();
    assert_eq!(
        seen,
        [
            ("Add a cart", 3, &TaskMark::Done, 0),
            ("Show the cart", 3, &TaskMark::Open, 1),
            ("Take money", 7, &TaskMark::Open, 1),
        ]
    );
    assert_eq!(
        spec.tasks[0].text,
        "Add a cart\n\nBuild Add a cart.\n\nIt is done when:\n- It works."
    );
}

#[test]
fn an_id_is_the_titles_and_nothing_elses() {
    let id = chunk_id("Add a cart", 0);
    for same in ["add a cart", " Add  a  CART. ", "`Add` a *cart*"] {
        assert_eq!(chunk_id(same, 0), id, "{same}");
    }
    assert_ne!(chunk_id("Add a card", 0), id);
    assert_ne!(chunk_id("Add a cart", 1), id);
    // It stands in people's files: what it is made of does not change.
    assert_eq!(id.as_str(), "3e6813720720");
}

#[test]
fn what_changed_is_a_task_by_itself_until_it_is_planned_anew() {
    let plan = shop();
    let done = TaskMark::Done;
    let open = TaskMark::Open;
    let own = |title: &str, mark: &TaskMark| (title.to_owned(), mark.clone());
    for (what, text, tasks) in [
        (
            "a section was worded anew: its open chunks are off, what landed stays",
            marked(
                &TEXT.replace("put things in", "put many things in"),
                &[("Add a cart", TaskMark::Done)],
            ),
            vec![
                own("Add a cart", &done),
                own("Take money", &open),
                own("Cart", &open),
            ],
        ),
        (
            "a section came, in the same words as ever otherwise",
            format!("{TEXT}\n## Bell\n\nIt rings.\n"),
            vec![
                own("Add a cart", &open),
                own("Show the cart", &open),
                own("Take money", &open),
                own("Bell", &open),
            ],
        ),
        (
            "a section went",
            TEXT.replace("## Till\n\nOne can pay.\n", ""),
            vec![own("Add a cart", &open), own("Show the cart", &open)],
        ),
        (
            "only what stands around the sections changed",
            TEXT.replace("# Shop\n", "# Shop\n\nA word before.\n"),
            vec![
                own("Add a cart", &open),
                own("Show the cart", &open),
                own("Take money", &open),
            ],
        ),
        (
            "line ends and marks are no change",
            marked(TEXT, &[("Take money", part(1))]).replace('\n', "\r\n"),
            vec![
                own("Add a cart", &open),
                own("Show the cart", &open),
                own("Take money", &part(1)),
            ],
        ),
    ] {
        assert_eq!(planned(&text, &plan), tasks, "{what}");
    }
}

#[test]
fn sections_that_were_built_before_the_plan_stay_done() {
    let text = TEXT.replace("## Cart\n", "## Cart <!-- codelicious: done -->\n");
    let mut plan = plan_of(&text, vec![chunk("Take money", "Till", &[])]);
    let open = prose(&text).tasks.into_iter();
    let open = open.filter(|t| t.mark == TaskMark::Open);
    plan.covers = open.map(|t| t.fingerprint).collect();
    let tasks = planned(&text, &plan);
    let expected = [("Take money", TaskMark::Open), ("Cart", TaskMark::Done)];
    assert_eq!(tasks, expected.map(|(t, m)| (t.to_owned(), m)));
    // Somebody wants it once more.
    let again = planned(TEXT, &plan);
    assert_eq!(again[1], ("Cart".to_owned(), TaskMark::Open));
}

#[test]
fn marks_stand_behind_the_text_whatever_its_ends() {
    let id = chunk_id("Add a cart", 0);
    let line = format!("<!-- codelicious: chunk {id} done -->");
    for (text, wanted) in [
        ("# A\n\nb\n", format!("# A\n\nb\n{line}\n")),
        ("# A\n\nb", format!("# A\n\nb\n{line}")),
        ("# A\r\n\r\nb\r\n", format!("# A\r\n\r\nb\r\n{line}\r\n")),
        ("# A\r\n\r\nb", format!("# A\r\n\r\nb\r\n{line}")),
        (
            "# A\n\n```\nnever closed\n",
            format!("# A\n\n```\nnever closed\n{line}\n"),
        ),
        ("", format!("{line}\n")),
        ("---\n---", format!("---\n---\n{line}")),
        (
            "\u{feff}---\r\n---",
            format!("\u{feff}---\r\n---\r\n{line}"),
        ),
        (
            "---\nstatus: draft\n---\n",
            format!("---\nstatus: draft\n---\n{line}\n"),
        ),
    ] {
        let done = mark_chunk(text.as_bytes(), &prose(text), &id, &TaskMark::Done).unwrap();
        let done = String::from_utf8(done).unwrap();
        assert_eq!(done, wanted);
        let spec = prose(&done);
        assert_eq!(spec.chunk_mark(&id), TaskMark::Done, "{done:?}");
        let again = mark_chunk(done.as_bytes(), &spec, &id, &TaskMark::Done).unwrap();
        assert_eq!(again, done.as_bytes(), "twice is once");
        let gone = mark_chunk(done.as_bytes(), &spec, &id, &TaskMark::Open).unwrap();
        assert_eq!(gone, text.as_bytes());
        // The last section neither has the line nor changes with it.
        let prints = |spec: &Spec| -> Vec<_> {
            let tasks = spec.tasks.iter();
            tasks
                .map(|t| (t.text.clone(), t.fingerprint.clone()))
                .collect()
        };
        assert_eq!(prints(&spec), prints(&prose(text)));
    }
}

#[test]
fn what_is_and_what_is_no_mark() {
    let id = "0123456789ab";
    for (text, found) in [
        (format!("a\n<!-- codelicious: chunk {id} done -->\n"), true),
        (
            format!("a\n<!-- codelicious: chunk {id} done -->\nwritten on below\n"),
            true,
        ),
        (
            format!("a\n<!--codelicious: chunk {id}  part 1/3 -->  \n\n\n"),
            true,
        ),
        (
            format!("a\n```\n<!-- codelicious: chunk {id} done -->\n```\n"),
            false,
        ),
        (
            format!("a\nsee <!-- codelicious: chunk {id} done -->\n"),
            false,
        ),
        (
            format!("a\n<!-- codelicious: chunk {id} done --> so\n"),
            false,
        ),
        (format!("a\n<!-- codelicious: chunk {id} -->\n"), false),
        (
            format!("a\n<!-- codelicious: chunk {id} part 4/3 -->\n"),
            false,
        ),
        (
            "a\n<!-- codelicious: chunk T001 done -->\n".to_owned(),
            false,
        ),
        (
            "a\n<!-- codelicious: chunk ../../heads/x done -->\n".to_owned(),
            false,
        ),
    ] {
        assert_eq!(
            prose(&text).chunk_marks.len(),
            usize::from(found),
            "{text:?}"
        );
    }
}

#[test]
fn a_text_is_read_as_if_marks_amid_it_were_not_there() {
    let id = "0123456789ab";
    for end in ["\n", "\r\n", "\r"] {
        for text in [
            "# Shop\n\nWords.\nMARK\nMore.\n",
            "MARK\n# Shop\n\nWords.\nMARK\nMARK\n\n## Till\nMARK\nMore.\n",
            // A line of its own, where it stays, would keep the heading from its underline, and end the comment.
            "# Shop\n\nTill\nMARK\n---\n\nMore.\n",
            "# Shop\n\nWords.\n\n<!-- open\nMARK\n\n## Till\n\nMore.\n",
            // It would end the list, and make `late` a task outside of its parent.
            "- [ ] one\nMARK\n  - [ ] late\n\n    MORE\n- [ ]* may be\n",
            "---\nstatus: ready\n---\nMARK\nWords.\nMARK\nMore.\nMARK\n",
            "---\nMARK\na:\n```\n---\nMARK\nWords.\nMARK\nMore.\n",
            "MARK\n---\nMARK\npriority: high\nstatus: draft\n---\n# Shop\n\nWords.\n",
        ] {
            let line = format!("<!-- codelicious: chunk {id} done -->");
            let marked = text.replace("MARK", &line).replace('\n', end);
            let plain = text.replace("MARK\n", "").replace('\n', end);
            let (spec, expected) = (prose(&marked), prose(&plain));
            assert_eq!(spec.chunk_marks.len(), text.matches("MARK").count());
            assert_eq!(without_marks(marked.as_bytes(), &spec), plain.as_bytes());
            let says = |spec: &Spec| -> Vec<_> {
                let tasks = spec.tasks.iter();
                tasks
                    .map(|t| (t.id.clone(), t.text.clone(), t.fingerprint.clone(), t.depth))
                    .collect()
            };
            assert_eq!(says(&spec), says(&expected), "{marked:?}");
            assert_eq!(spec.front, expected.front, "{marked:?}");
            // Where things stand is told of the file as it is.
            let whole = |text: &str, at: usize| text.split(end).nth(at - 1).map(str::to_owned);
            let places = |text: &str, spec: &Spec| -> Vec<_> {
                let tasks = spec.tasks.iter().map(|t| t.line);
                let sections = spec.sections.iter().skip(1).map(|s| s.line);
                let notes = spec.diagnostics.iter().map(|d| d.line);
                let lines = tasks.chain(sections).chain(notes);
                lines.map(|line| whole(text, line)).collect()
            };
            assert_eq!(places(&marked, &spec), places(&plain, &expected));
            for index in 0..spec.tasks.len() {
                let done = tick(marked.as_bytes(), &spec, index);
                let wanted = tick(plain.as_bytes(), &expected, index);
                assert_eq!(without_lines(&done, &line, end), wanted, "{marked:?}");
            }
        }
    }
}

/// A text without these lines.
fn without_lines(text: &[u8], line: &str, end: &str) -> Vec<u8> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    text.replace(&format!("{line}{end}"), "").into_bytes()
}

#[test]
fn a_part_that_landed_is_marked_and_gives_way_to_the_whole() {
    let text = marked(
        TEXT,
        &[("Add a cart", TaskMark::Done), ("Take money", part(1))],
    );
    let text = marked(&text, &[("Take money", part(2))]);
    assert_eq!(text.matches("Take money").count(), 0);
    assert_eq!(prose(&text).chunk_mark(&chunk_id("Take money", 0)), part(2));
    let text = marked(&text, &[("Take money", TaskMark::Done)]);
    assert_eq!(prose(&text).chunk_marks.len(), 2);
    let unsafe_bounds = TaskMark::Partial {
        done: 1,
        of: 2,
        bounds: "--> oops".to_owned(),
    };
    let id = chunk_id("Add a cart", 0);
    mark_chunk(TEXT.as_bytes(), &prose(TEXT), &id, &unsafe_bounds).unwrap_err();
}

#[test]
fn a_planned_spec_takes_marks_as_any_other() {
    let spec = apply_plan(prose(TEXT), TEXT.as_bytes(), &shop());
    let ids: Vec<ChunkId> = spec.tasks.iter().map(|t| t.id.clone()).collect();
    let marks = [(ids[0].clone(), TaskMark::Done), (ids[2].clone(), part(1))];
    let text = with_marks(TEXT.as_bytes(), &spec, &marks.clone().into_iter().collect());
    let text = String::from_utf8(text).unwrap();
    assert_eq!(
        text,
        marked(
            TEXT,
            &[("Add a cart", TaskMark::Done), ("Take money", part(1))]
        )
    );
    let spec = apply_plan(prose(&text), text.as_bytes(), &shop());
    let none = ids.into_iter().map(|id| (id, TaskMark::Open)).collect();
    assert_eq!(with_marks(text.as_bytes(), &spec, &none), TEXT.as_bytes());
}

#[test]
fn marks_of_chunks_are_merged_like_ticks() {
    let done = |titles: &[&str]| {
        let marks: Vec<_> = titles.iter().map(|t| (*t, TaskMark::Done)).collect();
        marked(TEXT, &marks)
    };
    let both = |titles: &[&str]| done(titles).replace("One can pay.", "One can pay in coins.");
    for (what, ancestor, lane, theirs, wanted) in [
        (
            "a person writes on while the lane builds",
            Some(TEXT.to_owned()),
            done(&["Add a cart"]),
            both(&[]),
            both(&["Add a cart"]),
        ),
        (
            "a person appends behind what has no marks there",
            Some(TEXT.to_owned()),
            done(&["Add a cart"]),
            format!("{TEXT}\n## Bell\n\nIt rings.\n"),
            marked(
                &format!("{TEXT}\n## Bell\n\nIt rings.\n"),
                &[("Add a cart", TaskMark::Done)],
            ),
        ),
        (
            "a person takes a mark away",
            Some(done(&["Add a cart", "Take money"])),
            done(&["Add a cart", "Take money"]),
            done(&["Take money"]),
            done(&["Take money"]),
        ),
        (
            "a squash merge brings the lane's own marks back",
            Some(TEXT.to_owned()),
            done(&["Add a cart", "Take money"]),
            done(&["Add a cart"]),
            done(&["Add a cart", "Take money"]),
        ),
        (
            "nobody knows where both come from",
            None,
            done(&["Add a cart"]),
            done(&["Take money"]),
            done(&["Add a cart", "Take money"]),
        ),
        (
            "marks of plans that nobody knows stay",
            Some(done(&["Lost"])),
            done(&["Lost", "Add a cart"]),
            both(&["Lost"]),
            both(&["Lost", "Add a cart"]),
        ),
    ] {
        let merged = merge_specs(
            "specs/s.md",
            ancestor.as_deref().map(str::as_bytes),
            lane.as_bytes(),
            theirs.as_bytes(),
        );
        assert_eq!(
            String::from_utf8(merged.unwrap()).unwrap(),
            wanted,
            "{what}"
        );
    }
}

#[test]
fn marks_that_nobody_knows_are_told() {
    let text = marked(
        TEXT,
        &[("Lost", TaskMark::Done), ("Add a cart", TaskMark::Done)],
    );
    let mut spec = apply_plan(prose(&text), text.as_bytes(), &shop());
    note_unknown_marks(&mut spec);
    let [note] = spec.diagnostics.as_slice() else {
        panic!("{:?}", spec.diagnostics)
    };
    let lost = chunk_id("Lost", 0);
    assert!(note.message.contains(lost.as_str()), "{}", note.message);
    assert!(!note.message.contains(chunk_id("Add a cart", 0).as_str()));
}

fn any_text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => "[a-c# ]{0,6}", 1 => Just("```".to_owned()), 1 => Just("~~~~".to_owned()),
        1 => Just("## H".to_owned()), 1 => Just("- [ ] t".to_owned()), 1 => Just("<!-- x -->".to_owned()),
        1 => Just("---".to_owned()),
    ];
    let end = prop_oneof![3 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    (proptest::collection::vec(line, 0..12), end, any::<bool>())
        .prop_map(|(lines, end, last)| lines.join(end) + if last { end } else { "" })
}

proptest! {
    #[test]
    fn marks_go_on_and_off_without_a_trace(text in any_text(), titles in proptest::collection::btree_set("[a-f]{1,3}", 0..5)) {
        let marks: Vec<(ChunkId, TaskMark)> =
            titles.iter().map(|t| (chunk_id(t, 0), TaskMark::Done)).collect();
        let on = with_chunk_marks(text.as_bytes(), &prose(&text), &marks);
        let on = String::from_utf8(on).unwrap();
        let spec = prose(&on);
        for (id, mark) in &marks {
            prop_assert_eq!(&spec.chunk_mark(id), mark);
        }
        prop_assert_eq!(text_hash(on.as_bytes(), &spec), text_hash(text.as_bytes(), &prose(&text)));
        let off: Vec<_> = marks.iter().map(|(id, _)| (id.clone(), TaskMark::Open)).collect();
        prop_assert_eq!(with_chunk_marks(on.as_bytes(), &spec, &off), text.as_bytes());
    }

    #[test]
    fn any_plan_fits_any_text(text in any_text(), current in any::<bool>(), headings in proptest::collection::vec("[aH]", 0..2)) {
        let mut chunks = vec![chunk("Add a cart", "", &[]), chunk("Take money", "", &["Add a cart"])];
        chunks[1].headings = headings;
        let mut plan = plan_of(&text, chunks);
        if !current {
            plan.text = "0".repeat(12);
        }
        let spec = apply_plan(prose(&text), text.as_bytes(), &plan);
        prop_assert!(spec.tasks.iter().all(|t| t.section < spec.sections.len()));
        let kept = plan.chunks.iter().filter(|c| spec.tasks.iter().any(|t| t.id == c.id)).count();
        prop_assert!(!current || kept == 2);
    }
}
