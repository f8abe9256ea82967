//! What is a task, and that ticking it changes nothing else.

use super::{done, index, prose, spec, task, titles};
use crate::model::spec::SpecStatus;
use crate::model::{MarkSite, Severity, SpecId, TaskMark};
use crate::spec::{
    MAX_SPEC_BYTES, MarkError, ParseOptions, apply, clear, mark_done, mark_partial, outline, parse,
    section_text, tick,
};

/// Ticks one task by title and shows what the file became.
fn ticked(text: &str, title: &str) -> String {
    let spec = spec(text);
    String::from_utf8(tick(text.as_bytes(), &spec, index(&spec, title))).unwrap()
}

#[test]
fn boxes_of_every_kind_are_tasks() {
    let cases: [(&str, &[&str]); 25] = [
        (
            "- [ ] a\n* [ ] b\n+ [ ] c\n1. [ ] d\n",
            &["a", "b", "c", "d"],
        ),
        ("1) [ ] a\n2) [x] b\n", &["a", "b"]),
        ("- [x] a\n- [X] b\n- [ ] c\n", &["a", "b", "c"]),
        ("- [-] a\n- [~] b\n- [/] d\n- [y] c\n", &["a", "b", "d"]),
        ("- [ ]* a\n- [x]\\* b\n", &["a", "b"]),
        (
            "- [ ] a\n  - [ ] b\n    - [ ] c\n- [ ] d\n",
            &["a", "b", "c", "d"],
        ),
        ("- plain\n  - [ ] inside\n", &["inside"]),
        ("```\n- [ ] a\n```\n- [ ] b\n", &["b"]),
        ("~~~md\n- [ ] a\n~~~\n", &[]),
        ("- [ ] a\n  ```\n  - [ ] not\n  ```\n- [ ] b\n", &["a", "b"]),
        ("<!--\n- [ ] a\n\n- [ ] b\n-->\n\n- [ ] c\n", &["c"]),
        ("- [ ] a\n  <!--\n  - [ ] not\n  -->\n", &["a"]),
        ("> - [ ] a\n\n- [ ] b\n", &["b"]),
        ("- [ ] a\n  > - [ ] not\n", &["a"]),
        ("text\n\n    - [ ] a\n\n- [ ] b\n", &["b"]),
        ("- [ ]\n- [ ] b\n- [ ] \n- [x]\n", &["b"]),
        ("- [ ]\ta\n-\t[ ] b\n\t- [ ] c\n", &["a", "b", "c"]),
        ("- [ ] a\r\n- [ ] b\r\n", &["a", "b"]),
        ("\u{feff}- [ ] a\n  - [ ] b\n", &["a", "b"]),
        ("- [ ]a\n- [](x)\n- [x](y)\n- [ ]*c\n", &[]),
        ("- [ ] a\n---\n- [ ] b\n", &["a", "b"]),
        ("Title\n=====\n- [ ] a\n\nSub\n---\n- [ ] b\n", &["a", "b"]),
        ("<details>\n\n- [ ] a\n\n</details>\n", &["a"]),
        (
            "- [ ] <!-- nothing but this -->\n- [ ] b <!-- a note -->\n",
            &["b"],
        ),
        ("", &[]),
    ];
    for (text, want) in cases {
        assert_eq!(titles(&spec(text)), want, "{text:?}");
    }
}

/// A line that nothing ends is read as it will be once a mark stands below it.
#[test]
fn a_box_that_ends_the_file_is_the_same_with_and_without_a_line_end() {
    for text in [
        "- [x] a\n  - [x]",
        "- [ ] a\n- [ ]",
        "- [ ] a\n  - [ ] b",
        "- [ ] a\n-",
        "a\n=",
    ] {
        let (without, with) = (spec(text), spec(&format!("{text}\n")));
        assert_eq!(titles(&without), titles(&with), "{text:?}");
        let hashes = |s: &crate::model::Spec| -> Vec<_> {
            s.tasks.iter().map(|t| t.fingerprint.clone()).collect()
        };
        assert_eq!(hashes(&without), hashes(&with), "{text:?}");
        for task in &without.tasks {
            assert!(task.span.end <= text.len(), "{text:?}");
        }
    }
}

#[test]
fn a_tick_is_one_byte_and_hits_the_right_box() {
    let cases = [
        (
            "- [ ] Add login\n- [ ] Add login endpoint tests\n",
            "Add login",
        ),
        (
            "- [ ] Add login endpoint tests\n- [ ] Add login\n",
            "Add login",
        ),
        ("* [ ] a\r\n* [ ] b\r\n", "b"),
        ("\u{feff}# T\r\n\r\n1. [ ] a\r\n2. [ ] b", "b"),
        (
            "+ [ ] a\n\n  text [ ] with\n\n      - [ ] code\n+ [ ] b",
            "a",
        ),
        ("-\t[ ]\ta\n", "a"),
        ("- [\t] a\n", "a"),
        (
            "- [ ] 日本語の仕事\n- [ ] 日本語の仕事 二\n",
            "日本語の仕事",
        ),
        ("- [ ] parent\n  - [ ] child\n", "parent"),
        ("- [ ] parent\n  - [ ] child\n  - [ ] other\n", "child"),
        ("---\nstatus: ready\n---\n- [ ] a\n", "a"),
    ];
    for (text, title) in cases {
        let after = ticked(text, title);
        assert_eq!(after.len(), text.len(), "{text:?}");
        let changed = after
            .bytes()
            .zip(text.bytes())
            .filter(|(a, b)| a != b)
            .count();
        assert_eq!(changed, 1, "{text:?}");
        assert_eq!(done(&spec(&after)), [title], "{text:?}");
    }
}

#[test]
fn duplicates_are_ticked_one_by_one() {
    let text = "- [ ] Write tests\n- [ ] Write tests\n";
    let first = spec(text);
    assert_ne!(first.tasks[0].id, first.tasks[1].id);
    let after = tick(text.as_bytes(), &first, 1);
    assert_eq!(after, b"- [ ] Write tests\n- [x] Write tests\n");
}

#[test]
fn titles_keep_their_words_whatever_their_length() {
    let long = "word ".repeat(40);
    let parsed = spec(&format!("- [ ] {long}\n  and a second line\n"));
    assert_eq!(parsed.tasks[0].title, long.trim());
    let cases = [
        (
            "- [ ] T007: Add `login`  now\n",
            Some("T007"),
            "Add `login` now",
        ),
        (
            "- [ ] **T001** [P] Create it\n",
            Some("T001"),
            "[P] Create it",
        ),
        ("- [ ] **1.1 Create** it\n", Some("1.1"), "**Create** it"),
        (
            "- [ ] a <!-- note --> b <!-- codelicious: part 1/2 3,4 -->\n",
            None,
            "a b",
        ),
        ("- [ ] ```\n  code\n  ```\n", None, "```"),
        ("- [ ] T007\n", Some("T007"), "T007"),
    ];
    for (text, label, title) in cases {
        let parsed = spec(text);
        assert_eq!(parsed.tasks[0].label.as_deref(), label, "{text:?}");
        assert_eq!(parsed.tasks[0].title, title, "{text:?}");
    }
}

#[test]
fn what_stands_below_a_box_belongs_to_it() {
    let text = "## Login\n\n- [ ] Add login\n  with a form\n\n  Second paragraph.\n  - plain\n  - [ ] child\n    its text\n\n  ```sh\n  - [ ] no\n    run\n  ```\n- [ ] Next\n";
    let parsed = spec(text);
    assert_eq!(
        task(&parsed, "Add login").text,
        "Add login\nwith a form\n\nSecond paragraph.\n- plain\n\n```sh\n- [ ] no\n  run\n```"
    );
    assert_eq!(task(&parsed, "child").text, "child\nits text");
    assert_eq!(task(&parsed, "child").parent, Some(0));
    assert_eq!(task(&parsed, "child").depth, 1);
    assert_eq!(parsed.tasks[0].children, [1]);
    assert_eq!(task(&parsed, "Next").line, 15);
    assert_eq!(&text[parsed.tasks[2].span.clone()], "- [ ] Next\n");
}

#[test]
fn a_parent_is_done_when_its_children_are() {
    let parsed =
        spec("- [ ] a\n  - [x] b\n    - [ ] deep\n  - [x] c\n- [x] d\n  - [x] e\n- [x] f\n");
    let states: Vec<bool> = (0..8).map(|i| parsed.is_done(i)).collect();
    assert_eq!(states, [false, false, false, true, true, true, true, false]);
}

#[test]
fn criteria_and_checklists_are_context() {
    let cases: [(&str, &[&str]); 16] = [
        (
            "# S\n## Tasks\n- [ ] a\n## Acceptance Criteria\n- [ ] b\n",
            &["a"],
        ),
        (
            "## ✅ 2. **Test plan** (manual)\n- [ ] b\n### More\n- [ ] c\n## Work\n- [ ] a\n",
            &["a"],
        ),
        (
            "## Review checklist\n- [ ] b\n## Implementation checklist\n- [ ] a\n",
            &["a"],
        ),
        (
            "# Specification Quality Checklist: Login\n## Content\n- [ ] b\n",
            &[],
        ),
        ("## Acceptance criteria editor\n- [ ] a\n", &["a"]),
        (
            "# S\n## Verification\n- [ ] b\n## 5. Verification\n- [ ] a\n",
            &["a"],
        ),
        ("# S\n## Phase 5: Verification\n- [ ] a\n", &["a"]),
        ("## 验收标准\n- [ ] b\n## 任务\n- [ ] a\n", &["a"]),
        (
            "### Login\n**Acceptance Criteria**:\n\n- [ ] b\n\nSteps:\n- [ ] a\n",
            &["a"],
        ),
        ("### Login\n**File**: x\n**Acceptance**:\n- [ ] b\n", &[]),
        (
            "- [ ] a\n  Acceptance criteria:\n  - [ ] b\n- [ ] c\n",
            &["a", "c"],
        ),
        (
            "- [ ] a\n  - Acceptance criteria:\n    - [ ] b\n      - [ ] deep\n",
            &["a"],
        ),
        (
            "- [ ] 4. Verification\n  - [ ] run the tests\n",
            &["Verification", "run the tests"],
        ),
        (
            "- [ ] Verification\n  - [ ] run the tests\n",
            &["Verification", "run the tests"],
        ),
        ("## Testing\n- [ ] a\n## Validation\n- [ ] b\n", &["a", "b"]),
        (
            "## Out of scope\n- [ ] b\n## Non-Goals\n- [ ] c\n## Open questions\n- [ ] d?\n",
            &[],
        ),
    ];
    for (text, want) in cases {
        assert_eq!(titles(&spec(text)), want, "{text:?}");
    }
}

#[test]
fn near_boxes_and_empty_ones_are_pointed_at() {
    let parsed = spec("- [ ]\n- [ ]text\n- [✓] text\n- [] text\n  - [ ]* more\n- [ ] real\n- [ ]");
    let lines: Vec<(usize, &str)> = parsed
        .diagnostics
        .iter()
        .map(|d| (d.line, d.message.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (1, "an empty box is no task"),
            (7, "an empty box is no task"),
            (2, "looks like a box and is none"),
            (3, "looks like a box and is none"),
            (4, "looks like a box and is none"),
        ]
    );
    let wide =
        spec("- [ x ] a\n- [  ] b\n- [?] c\n- [!] d\n- [1] is a note\n- [a link](b) e\n- [ ] f\n");
    let lines: Vec<usize> = wide.diagnostics.iter().map(|d| d.line).collect();
    assert_eq!(lines, [1, 2, 3, 4]);
    let context = spec("# T\n## Acceptance criteria\n- [ ] a\n");
    assert_eq!(context.diagnostics[0].line, 3);
}

#[test]
fn many_warnings_are_bounded() {
    assert_eq!(spec(&"- [ ]\n".repeat(500)).diagnostics.len(), 51);
}

#[test]
fn files_that_cannot_be_read_say_where() {
    let read = |bytes: &[u8]| parse(SpecId::new("s"), "s.md", bytes, ParseOptions::default());
    let bad = read(b"- [ ] a\n\n- [ ] \xe9t\xe9\n").unwrap_err();
    assert_eq!((bad.severity, bad.line), (Severity::Error, 3));
    let bad = read(b"- [ ] a\r\n- [ ] \0\r\n").unwrap_err();
    assert_eq!(bad.line, 2);
    let bad = read(&vec![b'a'; MAX_SPEC_BYTES + 1]).unwrap_err();
    assert_eq!(bad.line, 0);
}

#[test]
fn front_matter_is_read_and_is_no_markdown() {
    let text = "---\ntitle: x\n# note\ndepends_on: [auth, \"specs/db.md\"] # both\npriority: 5\nstatus: Draft\n---\n# Real\n- [ ] a\n";
    let parsed = spec(text);
    assert_eq!(parsed.title, "Real");
    assert_eq!(parsed.front.depends_on, ["auth", "specs/db.md"]);
    assert_eq!(parsed.front.priority, Some(5));
    assert_eq!(parsed.front.status, SpecStatus::Draft);
    assert_eq!(parsed.tasks[0].line, 9);
    assert!(parsed.diagnostics.is_empty());

    let listed = spec(
        "\u{feff}---\r\ndepends-on:\r\n  - auth\r\n- 'db'\r\nstatus: done\r\n---\r\n- [ ] a\r\n",
    );
    assert_eq!(listed.front.depends_on, ["auth", "db"]);
    assert_eq!(listed.front.status, SpecStatus::Done);
    assert_eq!(titles(&listed), ["a"]);

    let bad =
        spec("---\ndepends_on: [a, b\npriority: high\nstatus: maybe\nother: {}\n---\n- [ ] a\n");
    let lines: Vec<usize> = bad.diagnostics.iter().map(|d| d.line).collect();
    assert_eq!(lines, [2, 3, 4]);
    assert_eq!(bad.front, Default::default());

    // A rule, and front matter without an end, are markdown.
    assert_eq!(titles(&spec("---\n- [ ] a\n---\n- [ ] b\n")), ["a", "b"]);
    assert_eq!(titles(&spec("---\nstatus: done\n\n- [ ] a\n")), ["a"]);
}

#[test]
fn part_marks_come_go_and_become_ticks() {
    for end in ["\n", "\r\n", ""] {
        let text = format!("# T\n\n- [ ] T1: Big one{end}");
        let open = spec(&text);
        let first = mark_partial(text.as_bytes(), &open.tasks[0], 1, 3, "2,4-7").unwrap();
        let after = apply(text.as_bytes(), &first);
        let want = format!("# T\n\n- [ ] T1: Big one <!-- codelicious: part 1/3 2,4-7 -->{end}");
        assert_eq!(String::from_utf8(after.clone()).unwrap(), want);

        let one = spec(&want);
        assert_eq!(
            one.tasks[0].mark,
            TaskMark::Partial {
                done: 1,
                of: 3,
                bounds: "2,4-7".into()
            }
        );
        assert_eq!(
            (&one.tasks[0].id, &one.tasks[0].fingerprint),
            (&open.tasks[0].id, &open.tasks[0].fingerprint)
        );
        assert_eq!(one.tasks[0].text, open.tasks[0].text);

        let second = mark_partial(&after, &one.tasks[0], 2, 3, "2,4-7").unwrap();
        assert_eq!(second.replacement, b"2");
        let done = apply(&after, &mark_done(&after, &one.tasks[0]));
        assert_eq!(String::from_utf8(done).unwrap(), text.replace("[ ]", "[x]"));
        assert_eq!(
            apply(&after, &clear(&after, &one.tasks[0])),
            text.as_bytes()
        );
    }
    let parsed = spec("- [ ] a\n");
    for bounds in ["a b", "-->", "1/2", "ü"] {
        assert!(matches!(
            mark_partial(b"- [ ] a\n", &parsed.tasks[0], 1, 2, bounds),
            Err(MarkError::UnsafeBounds { .. })
        ));
    }
    assert!(mark_partial(b"- [ ] a\n", &parsed.tasks[0], 3, 2, "").is_err());
}

#[test]
fn a_comment_that_is_only_talked_about_is_no_mark() {
    let text = "- [ ] Write `<!-- codelicious: part 1/2 x -->`\n- [ ] b <!-- codelicious: done -->\n- [ ] c <!-- codelicious: part 5/2 x -->\n";
    assert!(spec(text).tasks.iter().all(|t| t.mark == TaskMark::Open));
}

#[test]
fn clearing_gives_back_the_open_box() {
    let text = "- [X] a\n- [x] b <!-- codelicious: part 1/2 k -->  \n- [ ] c\n";
    let parsed = spec(text);
    let cleared: Vec<Vec<u8>> = parsed
        .tasks
        .iter()
        .map(|t| apply(text.as_bytes(), &clear(text.as_bytes(), t)))
        .collect();
    assert_eq!(cleared[0], text.replace("[X]", "[ ]").as_bytes());
    assert_eq!(cleared[1], b"- [X] a\n- [ ] b  \n- [ ] c\n");
    assert_eq!(cleared[2], text.as_bytes());
}

#[test]
fn prose_sections_are_tasks_only_when_asked_for() {
    let text = "# App\n\nIntro.\n\n## Overview\n\nWhat it is.\n\n## 1. Login\n\nBuild `src/login.rs`.\n\n## Empty\n\n## Outer\n\nSome text.\n\n### Inner ##\n\nDo it.\n\n## Non-goals\n\nNothing.\n";
    assert!(spec(text).tasks.is_empty());
    let parsed = prose(text);
    assert!(parsed.prose);
    assert_eq!(titles(&parsed), ["Login", "Inner"]);
    let login = task(&parsed, "Login");
    assert_eq!(login.label.as_deref(), Some("1"));
    assert!(!login.named);
    assert_eq!(login.line, 9);
    assert_eq!(login.text, "1. Login\n\nBuild `src/login.rs`.");
    assert_eq!(login.files, ["src/login.rs"]);

    for title in ["Login", "Inner"] {
        let after = tick(text.as_bytes(), &parsed, index(&parsed, title));
        let again = prose(std::str::from_utf8(&after).unwrap());
        assert_eq!(done(&again), [title]);
        let ids = |s: &crate::model::Spec| s.tasks.iter().map(|t| t.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&again), ids(&parsed));
        assert_eq!(
            apply(&after, &clear(&after, task(&again, title))),
            text.as_bytes()
        );
    }
    // Boxes win over prose, wherever they stand.
    assert!(!prose("## A\n\ntext\n\n- [ ] b\n").prose);
}

#[test]
fn prose_marks_go_on_the_heading_line() {
    let cases = [
        (
            "Title\r\n=====\r\n\r\ntext\r\n",
            "Title <!-- codelicious: done -->\r\n=====\r\n\r\ntext\r\n",
        ),
        (
            "# Title #\ntext",
            "# Title # <!-- codelicious: done -->\ntext",
        ),
        (
            "Just words.\nMore.\n",
            "Just words. <!-- codelicious: done -->\nMore.\n",
        ),
        (
            "# Overview\n\nBuild it.\n",
            "# Overview <!-- codelicious: done -->\n\nBuild it.\n",
        ),
    ];
    for (text, want) in cases {
        let parsed = prose(text);
        assert_eq!(parsed.tasks.len(), 1, "{text:?}");
        let after = String::from_utf8(tick(text.as_bytes(), &parsed, 0)).unwrap();
        assert_eq!(after, want);
        let again = prose(&after);
        assert_eq!(again.tasks[0].mark, TaskMark::Done);
        assert_eq!(
            (&again.tasks[0].id, &again.title),
            (&parsed.tasks[0].id, &parsed.title)
        );
        assert!(matches!(
            again.tasks[0].site,
            MarkSite::Heading {
                comment: Some(_),
                ..
            }
        ));
    }
    let split = prose("# A\ntext\n");
    let part = mark_partial(b"# A\ntext\n", &split.tasks[0], 1, 2, "9").unwrap();
    assert_eq!(
        apply(b"# A\ntext\n", &part),
        b"# A <!-- codelicious: part 1/2 9 -->\ntext\n"
    );
}

#[test]
fn outline_and_sections_show_the_spec() {
    let text = "Before.\n\n# App\n\n## Login\n\n- [x] T1: a\n  - [ ] b\n\n## Rest\n- [ ] c <!-- codelicious: part 1/2 4 -->\n";
    let parsed = spec(text);
    assert_eq!(
        outline(&parsed),
        "# App\n## Login\n- [x] T1 a\n  - [ ] b\n## Rest\n- [~] c\n"
    );
    assert_eq!(section_text(&parsed, text.as_bytes(), 0), "Before.\n\n");
    assert_eq!(section_text(&parsed, text.as_bytes(), 1), "# App\n\n");
    assert_eq!(parsed.sections[2].headings, ["App", "Login"]);
    assert_eq!(section_text(&parsed, text.as_bytes(), 9), "");
    let joined: String = (0..4)
        .map(|i| section_text(&parsed, text.as_bytes(), i))
        .collect();
    assert_eq!(joined, text);
    assert_eq!(outline(&prose("# A\n\nx\n")), "# [ ] A\n");
}

#[test]
fn files_and_dependencies_are_found() {
    let text = "- [ ] T006 Change `src/a.rs`, docs/b.md, `../up.rs`, /etc/passwd, https://x.y/z.md, and/or Node.js \
                in `src/a.rs:12` and `src/ui/` (depends on T004, T005 and 2.1)\n\
                - [ ] b **Depends on**: T001-T003\n- [ ] c depends on 3 services\n- [ ] d (depends on task 3, 4)\n\
                - [ ] e Depends: T1–T3.\n- [ ] `application/json` v1.2 main.rs e.g. x\n";
    let parsed = spec(text);
    assert_eq!(parsed.tasks[0].files, ["src/a.rs", "docs/b.md", "src/ui/"]);
    let depends: Vec<Vec<String>> = parsed.tasks.iter().map(|t| t.depends_on.clone()).collect();
    assert_eq!(depends[0], ["T004", "T005", "2.1"]);
    assert_eq!(depends[1], ["T001", "T002", "T003"]);
    assert!(depends[2].is_empty());
    assert_eq!(depends[3], ["3", "4"]);
    assert_eq!(depends[4], ["T1", "T2", "T3"]);
    assert_eq!(parsed.tasks[5].files, ["main.rs"]);
}

#[test]
fn big_specs_are_read_whole() {
    let many: String = (0..250).map(|i| format!("- [ ] task {i}\n")).collect();
    assert_eq!(spec(&many).tasks.len(), 250);

    let japanese = format!(
        "- [ ] 長い\n  {}\n- [ ] 次\n",
        "仕様を読む。".repeat(10_000)
    );
    assert_eq!(spec(&japanese).tasks.len(), 2);

    let body = "words ".repeat(13);
    let mut large = String::new();
    for i in 0..20_000 {
        if i % 100 == 0 {
            large.push_str(&format!("## Part {i}\n"));
        }
        large.push_str(&format!("- [ ] {i}. same start {body}\n"));
    }
    assert!(large.len() > 2_000_000 && large.len() < MAX_SPEC_BYTES);
    assert_eq!(spec(&large).tasks.len(), 20_000);
}

#[test]
fn odd_shapes_end_soon() {
    let shapes = [
        "- ".repeat(50_000),
        "- [ ] depends on ".to_owned() + &"depends on ".repeat(25_000),
        "## a\n".repeat(50_000),
        (0..500)
            .map(|i| format!("{}- [ ] x\n", "  ".repeat(i)))
            .collect(),
        "- [ ]\n".repeat(50_000),
        "<!-- ".repeat(50_000),
        "> ".repeat(25_000) + "- [ ] a",
        "- [ ] ".repeat(25_000),
        "`".repeat(100_000),
    ];
    for shape in shapes {
        spec(&shape);
        prose(&shape);
    }
}
