//! Lists as each tool writes them: what is work, in what order, and how it is ticked.

use crate::model::{Role, Spec, SpecId, TaskMark};
use crate::spec::{ParseOptions, parse, tick, without_marks};

/// Ticks each open task of a spec by itself: it, its steps and the groups that lack nothing else become done, and
/// nothing else changes, neither in what is read nor among the bytes.
pub(super) fn every_tick_is_its_own(spec: &Spec, bytes: &[u8], options: ParseOptions) {
    for (index, task) in spec.tasks.iter().enumerate() {
        if task.mark == TaskMark::Done {
            continue;
        }
        let at = format!("{}:{}", spec.path, task.line);
        let after = tick(bytes, spec, index);
        let again = parse(SpecId::new("s"), &spec.path, &after, options).unwrap();
        assert_eq!(again.tasks.len(), spec.tasks.len(), "{at}");
        let inside: Vec<_> = spec.inside(index).map(|t| &t.id).collect();
        let around: Vec<usize> = spec.around(index).collect();
        let mut changed = 0;
        for (i, (new, old)) in again.tasks.iter().zip(&spec.tasks).enumerate() {
            assert_eq!(
                (&new.id, &new.fingerprint),
                (&old.id, &old.fingerprint),
                "{at}"
            );
            let is_step =
                task.role == Role::Work && old.role == Role::Step && inside.contains(&&old.id);
            if i == index || is_step {
                assert_eq!(new.mark, TaskMark::Done, "{at}");
            } else if new.mark != old.mark {
                let is_group = old.role == Role::Group;
                let completes = is_group && around.contains(&i) && again.is_done(i);
                let by_steps = task.role == Role::Step && around.contains(&i);
                assert!(completes || by_steps, "{at} changed line {}", old.line);
            }
            let has_box = matches!(old.site, crate::model::MarkSite::Checkbox { .. });
            changed += usize::from(new.mark != old.mark && has_box);
        }
        let is_box = matches!(task.site, crate::model::MarkSite::Checkbox { .. });
        if bytes.len() == after.len() && is_box {
            let bytes = after.iter().zip(bytes).filter(|(a, b)| a != b).count();
            assert!(
                bytes <= changed.max(1),
                "{at}: {bytes} bytes for {changed} marks"
            );
        }
    }
}

fn read(path: &str, text: &str) -> Spec {
    parse(
        SpecId::new("s"),
        path,
        text.as_bytes(),
        ParseOptions::default(),
    )
    .unwrap()
}

/// Label (or title), role, and why it is not built, of each task.
fn shown(spec: &Spec) -> Vec<String> {
    let name = |t: &crate::model::Task| t.label.clone().unwrap_or_else(|| t.title.clone());
    let tasks = spec.tasks.iter().map(|t| {
        let role = match t.role {
            Role::Work => "",
            Role::Group => " group",
            Role::Step => " step",
        };
        let done = if t.mark == TaskMark::Done {
            " done"
        } else {
            ""
        };
        let aside = t.aside.as_ref().map(|a| format!(": {a}"));
        format!("{}{role}{done}{}", name(t), aside.unwrap_or_default())
    });
    tasks.collect()
}

/// What the text becomes when the task that is called so is done.
fn ticked(spec: &Spec, text: &str, label: &str) -> String {
    let index = spec
        .tasks
        .iter()
        .position(|t| t.label.as_deref() == Some(label) || t.title == label);
    String::from_utf8(tick(text.as_bytes(), spec, index.unwrap())).unwrap()
}

const KIRO: &str = "# Implementation Plan\n\n- [x] 1. Set up\n- [ ] 2. Store things\n  - [-] 2.1 Write the store\n    - _Requirements: 1.2, 2.1-2.3_\n  - [ ]* 2.2 Test it\n- [ ] 3. Ship\n- [~] 3.1 Pack it\n- [ ]\\* 3.2 Measure it\n- [ ] 4. Checkpoint\n  - [ ]* 4.1 Only this, and nobody needs it\n";

#[test]
fn kiro_knows_begun_queued_and_optional() {
    let spec = read(".kiro/specs/store/tasks.md", KIRO);
    assert_eq!(spec.format, "Kiro");
    assert_eq!(
        shown(&spec),
        [
            "1 done",
            "2 group",
            "2.1",
            "2.2: it is optional",
            "3 group",
            "3.1",
            "3.2: it is optional",
            "4",
            "4.1: it is optional",
        ]
    );
    assert_eq!(spec.tasks[2].meets, ["1.2", "2.1", "2.2", "2.3"]);
    // What is required in a group completes it; the star stays.
    assert_eq!(
        ticked(&spec, KIRO, "2.1"),
        KIRO.replace("[ ] 2. ", "[x] 2. ")
            .replace("[-] 2.1", "[x] 2.1")
    );
    assert_eq!(
        ticked(&spec, KIRO, "2.2"),
        KIRO.replace("[ ]* 2.2", "[x]* 2.2")
    );
    // Numbers make the tree, not indentation.
    assert_eq!(
        ticked(&spec, KIRO, "3.1"),
        KIRO.replace("[ ] 3. ", "[x] 3. ")
            .replace("[~] 3.1", "[x] 3.1")
    );
    // A task with nothing but optional parts is work of its own.
    assert_eq!(ticked(&spec, KIRO, "4"), KIRO.replace("[ ] 4. ", "[x] 4. "));
    assert_eq!(
        ticked(&spec, KIRO, "4.1"),
        KIRO.replace("[ ]* 4.1", "[x]* 4.1")
    );

    let all = ParseOptions {
        optional: true,
        ..ParseOptions::default()
    };
    let all = parse(SpecId::new("s"), &spec.path, KIRO.as_bytes(), all).unwrap();
    assert!(all.tasks.iter().all(|t| t.aside.is_none()));
    assert_eq!(all.tasks.len(), spec.tasks.len());
}

#[test]
fn kiros_waves_say_what_comes_before_what() {
    let graph = |graph: &str| {
        format!(
            "- [ ] 1. One\n- [ ] 2. Two\n  - [ ] 2.1 A\n  - [ ] 2.2 B\n- [ ] 3. Three\n\n## Task Dependency Graph\n\n```json\n{graph}\n```\n"
        )
    };
    let stages = |text: &str| -> Vec<usize> {
        let spec = read(".kiro/specs/x/tasks.md", text);
        spec.work().map(|t| t.stage).collect()
    };
    for waves in [
        r#"{"waves": [{"id": 0, "tasks": ["2"]}, {"id": 1, "tasks": ["1"]}]}"#,
        r#"{"waves": [{"wave": 1, "tasks": [2]}, {"wave": 2, "tasks": ["1."]}]}"#,
        r#"{"waves": [["2.1", "2.2"], ["1"]]}"#,
    ] {
        assert_eq!(stages(&graph(waves)), [1, 0, 0, 2], "{waves}");
    }
    for broken in [r#"{"waves": 3}"#, r#"{"waves": ["#] {
        let spec = read(".kiro/specs/x/tasks.md", &graph(broken));
        assert!(spec.diagnostics[0].message.contains("graph"), "{broken}");
        assert!(spec.work().all(|t| t.stage == 0), "the order of the text");
    }
    let unknown = graph(r#"{"waves": [{"id": 0, "tasks": ["9"]}]}"#);
    let spec = read(".kiro/specs/x/tasks.md", &unknown);
    assert!(spec.diagnostics[0].message.contains("names 1 tasks"));
    assert!(spec.work().all(|t| t.stage == 0), "the order of the text");
}

#[test]
fn numbers_make_the_tree_where_nothing_is_indented() {
    let cases = [
        // Three levels, side by side.
        (
            "- [ ] 1. A\n- [ ] 1.1 B\n- [ ] 1.1.1 C\n- [ ] 1.1.2 D\n- [ ] 1.2 E\n- [ ] 2. F\n",
            "1>-, 1.1>1, 1.1.1>1.1, 1.1.2>1.1, 1.2>1, 2>-",
        ),
        // What is inside a task follows it.
        ("- [ ] 1. A\n- [ ] 2. B\n- [ ] 1.1 C\n", "1>-, 2>-, 1.1>-"),
        (
            "- [ ] 1. A\n- [ ] by the way\n- [ ] 1.1 C\n",
            "1>-, by the way>-, 1.1>-",
        ),
        // Many write the first of a group as one.
        (
            "- [ ] 2.0 A\n- [ ] 2.1 B\n- [ ] 2.10 C\n",
            "2.0>-, 2.1>2.0, 2.10>2.0",
        ),
        ("- [ ] 1. A\n- [ ] 10.1 B\n", "1>-, 10.1>-"),
        ("- [ ] 1. A\n\n## More\n\n- [ ] 1.1 B\n", "1>-, 1.1>-"),
    ];
    for (text, expected) in cases {
        let spec = read(".kiro/specs/x/tasks.md", text);
        let name = |i: usize| {
            let task = &spec.tasks[i];
            task.label.clone().unwrap_or_else(|| task.title.clone())
        };
        let tree = (0..spec.tasks.len()).map(|i| {
            let parent = spec.tasks[i].parent.map(name);
            format!("{}>{}", name(i), parent.as_deref().unwrap_or("-"))
        });
        assert_eq!(tree.collect::<Vec<_>>().join(", "), expected, "{text}");
        for (i, task) in spec.tasks.iter().enumerate() {
            assert!(spec.inside(i).all(|inner| task.span.end >= inner.span.end));
        }
    }
}

/// What a record lacks is written when it is ticked: that makes no other text of it.
#[test]
fn a_tick_that_adds_words_is_a_tick() {
    let prd = r#"{"userStories": [{"id": "US-1", "title": "One", "acceptanceCriteria": []}, {"id": "US-2", "title": "Two", "acceptanceCriteria": [], "passes": false}]}"#;
    for (path, text) in [("prd.json", prd), (".taskmaster/tasks/tasks.json", TASKS)] {
        let spec = read(path, text);
        let plain = without_marks(text.as_bytes(), &spec);
        for index in 0..spec.tasks.len() {
            let after = tick(text.as_bytes(), &spec, index);
            let again = parse(SpecId::new("s"), path, &after, ParseOptions::default()).unwrap();
            let line = spec.tasks[index].line;
            assert_eq!(without_marks(&after, &again), plain, "{path}:{line}");
        }
        let other = text.replace("One", "Another").replace("Write", "Rewrite");
        let other_spec = read(path, &other);
        assert_ne!(
            without_marks(other.as_bytes(), &other_spec),
            plain,
            "{path}"
        );
    }
}

#[test]
fn cc_sdds_marks_are_its_own() {
    let text = "# 実装計画\n\n- [ ] 1. 基盤\n- [ ] 1.1 (P) 型を作る\n  - _Requirements: 1.1_\n  - _Boundary: Types_\n- [ ] 1.2 保存する（P）\n  - _Depends: 1.1_\n- [ ] 1.3 送る\n  - _Blocked: no access to the queue_\n- [ ]* 1.4 試す\n";
    let spec = read(".kiro/specs/queue/tasks.md", text);
    assert_eq!(spec.format, "cc-sdd");
    assert_eq!(
        shown(&spec),
        [
            "1 group",
            "1.1",
            "1.2",
            "1.3: the spec says `_Blocked`",
            "1.4: it is optional",
        ]
    );
    assert_eq!(spec.tasks[1].title, "型を作る");
    assert!(spec.tasks[1].parallel && !spec.tasks[3].parallel);
    assert_eq!(spec.tasks[2].depends_on, ["1.1"]);
    assert_eq!(spec.tasks[2].meets, Vec::<String>::new());
}

#[test]
fn spec_kits_phases_are_barriers_and_its_stories_are_not() {
    let text = "# Tasks: Albums\n\n## Phase 1: Setup\n\n- [X] T001 Make the project\n- [ ] T002 [P] Set up linting\n\n## Phase 2: Foundational\n\n- [ ] T003 Make the schema\n\n## Phase 3: User Story 1 - See (P1)\n\n### Tests\n\n- [ ] T004 [P] [US1] Test it in tests/see.py\n\n### Code\n\n- [ ] T005 [US1] Show it (depends on T004)\n  - [ ] sorted by date\n  - [ ] with names\n\n## Phase 4: User Story 2 - Sort (P2)\n\n- [ ] T006 [US2] Sort them\n- [~] T020a DROPPED sort twice\n\n## Phase 5: Polish\n\n- [ ] T007 [P] Words in README.md\n\n## Validation Checklist\n\n- [ ] All stories have tests\n";
    let spec = read("specs/001-albums/tasks.md", text);
    assert_eq!(spec.format, "Spec Kit");
    assert_eq!(
        shown(&spec),
        [
            "T001 done",
            "T002",
            "T003",
            "T004",
            "T005",
            "sorted by date step",
            "with names step",
            "T006",
            "T020a: the spec says `~`",
            "T007",
        ]
    );
    assert!(
        spec.tasks
            .iter()
            .filter(|t| t.role != Role::Step)
            .all(|t| t.named)
    );
    let titles: Vec<&str> = spec.tasks.iter().map(|t| t.title.as_str()).collect();
    assert_eq!(titles[1], "Set up linting");
    assert_eq!(titles[3], "Test it in tests/see.py");
    assert_eq!(spec.tasks[3].meets, ["US1"]);
    let after: Vec<Vec<usize>> = spec.stages.iter().map(|s| s.after.clone()).collect();
    assert_eq!(after, [vec![], vec![0], vec![1], vec![1], vec![2, 3]]);
    assert!(spec.stages.iter().all(|s| s.in_turn));
    let stages: Vec<usize> = spec.tasks.iter().map(|t| t.stage).collect();
    assert_eq!(stages, [0, 0, 1, 2, 2, 2, 2, 3, 3, 4]);
    assert_eq!(
        ticked(&spec, text, "T005"),
        text.replace("[ ] T005", "[x] T005")
            .replace("[ ] sorted", "[x] sorted")
            .replace("[ ] with", "[x] with")
    );
}

#[test]
fn openspec_counts_boxes_and_knows_no_other_signs() {
    let text = "## 1. Set up\n\n- [ ] 1.1 Add the table\n- [x] 1.2 Add the model\n\n## 2. Use it\n\n- [ ] 2.1 Add the route\n  - [ ] 2.1.1 with a test\n- [~] 2.2 Maybe later\n";
    let spec = read("openspec/changes/add-table/tasks.md", text);
    assert_eq!(spec.format, "OpenSpec");
    assert_eq!(
        shown(&spec),
        [
            "1.1",
            "1.2 done",
            "2.1 group",
            "2.1.1",
            "2.2: the spec says `~`"
        ]
    );
    // Numbers are positions.
    assert!(
        spec.tasks
            .iter()
            .all(|t| !t.named && t.id.as_str().len() == 12)
    );
    assert_eq!(
        ticked(&spec, text, "2.1.1"),
        text.replace("[ ] 2.1", "[x] 2.1")
    );
    let whole = "# Tasks\n## Checklist\n- [ ] a\n- [ ] b\n";
    assert_eq!(
        shown(&read("openspec/changes/x/tasks.md", whole)),
        ["a", "b"]
    );
    assert!(shown(&read("specs/x.md", whole)).is_empty());
}

#[test]
fn agent_os_builds_a_task_with_its_steps() {
    let text = "# Spec Tasks\n\n- [ ] 1. Add the client\n  - [x] 1.1 Write tests for it\n  - [ ] 1.2 Write it\n  - [ ] 1.3 Verify all tests pass\n\n- [ ] 2. Use it\n  - [ ] 2.1 Call it\n  ⚠️ Blocking issue: no server\n- [x] 3.0 Done\n  - [x] 3.1 All of it\n";
    for path in [
        ".agent-os/specs/2026-01-02-x/tasks.md",
        "agent-os/specs/x/tasks.md",
    ] {
        let spec = read(path, text);
        assert_eq!(spec.format, "Agent OS");
        assert_eq!(
            shown(&spec),
            [
                "1",
                "1.1 step done",
                "1.2 step",
                "1.3 step",
                "2: the spec says `⚠️ Blocking issue`",
                "2.1 step: the spec says `⚠️ Blocking issue`",
                "3.0 done",
                "3.1 step done",
            ]
        );
        assert!(
            spec.tasks[0].text.contains("- [x] 1.1") && spec.tasks[0].text.contains("1.3 Verify")
        );
        let after = ticked(&spec, text, "1");
        assert_eq!(after.matches("[x]").count(), 6, "{after}");
        assert!(after.contains("- [ ] 2. Use it"));
    }
}

/// Steps that stand beside their task say as much as steps inside it.
#[test]
fn a_flat_task_of_agent_os_holds_what_its_steps_say() {
    let flat = "- [ ] 1. Build the login\n- [ ] 1.1 Write tests for `src/form.rs`\n- [x] 1.2 Hash with bcrypt\n  - twelve rounds\n- [ ] 2. Ship\n";
    let spec = read(".agent-os/specs/2026-01-02-x/tasks.md", flat);
    assert_eq!(shown(&spec), ["1", "1.1 step", "1.2 step done", "2"]);
    let task = &spec.tasks[0];
    assert_eq!(
        task.text,
        "1. Build the login\n- [ ] 1.1 Write tests for `src/form.rs`\n- [x] 1.2 Hash with bcrypt\n  - twelve rounds"
    );
    assert_eq!(task.files, ["src/form.rs"]);
    let of = |text: &str| {
        read(".agent-os/specs/2026-01-02-x/tasks.md", text).tasks[0]
            .fingerprint
            .clone()
    };
    assert_eq!(
        of(&flat.replace("[x]", "[ ]")),
        task.fingerprint,
        "a tick is no change"
    );
    assert_ne!(of(&flat.replace("bcrypt", "argon2")), task.fingerprint);
    every_tick_is_its_own(&spec, flat.as_bytes(), ParseOptions::default());
    let blocked = flat.replace(
        "  - twelve rounds",
        "  - \u{26a0}\u{fe0f} Blocking issue: no library",
    );
    let spec = read(".agent-os/specs/2026-01-02-x/tasks.md", &blocked);
    assert!(spec.tasks[0].aside.is_some(), "{:?}", spec.tasks[0]);
}

#[test]
fn a_heading_that_is_called_a_task_is_one_with_its_steps() {
    let text = "# Plan\n\n## Global Constraints\n\nNone.\n\n### Task 1: Routes\n\n**Files:**\n- Create: `src/routes.rs`\n- Modify: `src/main.rs:12-30`\n\n- [ ] **Step 1: Write the failing test**\n\n```md\n### Task 9: no\n- [ ] no\n```\n\n- [ ] **Step 2: Commit**\n\n### Task 2：Words\n\n**Step 1: Write them**\n\n## Self-review\n\nText.\n";
    let spec = read("specs/plan.md", text);
    assert_eq!(
        shown(&spec),
        ["Task 1", "Step 1 step", "Step 2 step", "Task 2",]
    );
    assert_eq!(spec.tasks[0].files, ["src/routes.rs", "src/main.rs"]);
    assert_eq!(spec.tasks[3].text.lines().next(), Some("Task 2：Words"));
    let after = ticked(&spec, text, "Task 1");
    assert_eq!(after, text.replace("- [ ] **Step", "- [x] **Step"));
    let after = ticked(&spec, text, "Task 2");
    assert!(after.contains("### Task 2：Words <!-- codelicious: done -->\n"));
    // Stories that have boxes for their criteria alone.
    let prd = "# PRD\n\n### US-001: Add it\n\n**Acceptance Criteria:**\n- [ ] it is there\n- [ ] tests pass\n\n### US-002: Show it\n\n**Acceptance Criteria:**\n- [x] it shows\n";
    let spec = read("specs/prd.md", prd);
    let works: Vec<String> = shown(&spec)
        .into_iter()
        .filter(|t| !t.contains(" step"))
        .collect();
    assert_eq!(works, ["US-001", "US-002 done"]);
}

const TASKS: &str = r#"{
  "master": {
    "tasks": [
      {
        "id": 1,
        "title": "Set up",
        "description": "The project.",
        "status": "done",
        "dependencies": [],
        "priority": "low",
        "subtasks": []
      },
      {
        "id": "2",
        "title": "Store",
        "details": "In `src/store.rs`.",
        "testStrategy": "Unit tests.",
        "status": "in-progress",
        "dependencies": [1],
        "priority": "high",
        "subtasks": [
          {"id": 1, "title": "Write", "status": "pending"},
          {"id": 2, "title": "Read", "status": "pending", "dependencies": [1, "1"]},
          {"id": 3, "title": "Old", "status": "cancelled"}
        ]
      },
      {"id": 3, "title": "Later", "status": "deferred"},
      {"id": 4, "title": "No status", "dependencies": ["2.1"]}
    ],
    "metadata": {"created": "2026-01-02"}
  },
  "web": {"tasks": [{"id": 1, "title": "Page", "status": "pending", "priority": "medium"}]}
}"#;

#[test]
fn task_masters_records_are_edited_in_place() {
    let spec = read(".taskmaster/tasks/tasks.json", TASKS);
    assert_eq!(spec.format, "Task Master");
    assert_eq!(
        shown(&spec),
        [
            "1 done",
            "2 group",
            "2.1",
            "2.2",
            "2.3: the spec says `cancelled`",
            "3: the spec says `deferred`",
            "4",
            "1",
        ]
    );
    let ids: Vec<&str> = spec.tasks.iter().map(|t| t.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "2.1", "2.2", "2.3", "3", "4", "web.1"]);
    assert_eq!(spec.tasks[3].depends_on, ["2.1"]);
    assert_eq!(spec.tasks[6].depends_on, ["2.1"]);
    assert_eq!(spec.tasks[1].files, ["src/store.rs"]);
    assert!(spec.tasks[1].text.contains("Test strategy:\nUnit tests."));
    let priorities: Vec<Option<i64>> = spec.tasks.iter().map(|t| t.priority).collect();
    assert_eq!(priorities[..4], [Some(4), Some(2), Some(2), Some(2)]);
    every_tick_is_its_own(&spec, TASKS.as_bytes(), ParseOptions::default());
    assert_eq!(
        ticked(&spec, TASKS, "Write"),
        TASKS.replace(
            r#""Write", "status": "pending""#,
            r#""Write", "status": "done""#
        )
    );
    assert_eq!(
        ticked(&spec, TASKS, "No status"),
        TASKS.replace(r#"{"id": 4, "#, r#"{"id": 4, "status": "done", "#)
    );
    // The last of a group completes it.
    let first = ticked(&spec, TASKS, "Write");
    let again = read(".taskmaster/tasks/tasks.json", &first);
    let both = ticked(&again, &first, "Read");
    assert!(
        both.contains("\"status\": \"done\",\n        \"dependencies\": [1]"),
        "{both}"
    );

    let bare =
        "[\n\t{\n\t\t\"id\": 1,\n\t\t\"title\": \"Alone\",\n\t\t\"status\": \"todo\"\n\t}\n]\n";
    let spec = read("tasks/tasks.json", bare);
    assert_eq!(ticked(&spec, bare, "1"), bare.replace("todo", "done"));
    let broken = parse(
        SpecId::new("s"),
        ".taskmaster/tasks/tasks.json",
        b"{\n\"a\": }",
        ParseOptions::default(),
    );
    assert_eq!(broken.unwrap_err().line, 2);
    // What others call so is nothing to build.
    let other = r#"{"version": "2.0.0", "tasks": [{"label": "build", "type": "shell"}]}"#;
    assert!(read("tasks/tasks.json", other).tasks.is_empty());
}

/// A list that somebody broke is told, and never taken for no list.
#[test]
fn broken_records_are_errors_with_a_line() {
    let nested = format!(
        "{{\"tasks\": [{}{}]}}",
        "{\"id\": 1, \"title\": \"t\", \"subtasks\": [".repeat(3_000),
        "]}".repeat(3_000)
    );
    let own = ".taskmaster/tasks/tasks.json";
    let cases = [
        (
            own,
            "{\"tasks\": [\n{\"id\": 1, \"title\": \"a\"},\n{\"id\": 2}]}",
            3,
        ),
        (
            own,
            "{\"tasks\": [\n{\"id\": 1, \"id\": 2, \"title\": \"a\"}]}",
            2,
        ),
        (own, "{\"master\": {\"tasks\": [{\"id\": 1}]}}", 1),
        (own, "{\"task\": []}", 0),
        (own, "{\"tasks\": {}}", 1),
        (own, &nested, 1),
        (
            "tasks/tasks.json",
            "[{\"id\": 1, \"title\": \"a\", \"status\": \"pending\"},]",
            1,
        ),
        (
            "prd.json",
            "[{\"description\": \"a\", \"passes\": false},]",
            1,
        ),
        (
            "prd.json",
            "{\"stories\": [{\"id\": \"a\", \"passes\": true}, {\"id\": \"b\"}]}",
            0,
        ),
    ];
    for (path, text, line) in cases {
        let read = parse(
            SpecId::new("s"),
            path,
            text.as_bytes(),
            ParseOptions::default(),
        );
        let shown: String = text.chars().take(80).collect();
        assert_eq!(read.expect_err(&shown).line, line, "{path}: {shown}");
    }
    // Others call their files so, too.
    for (path, text) in [
        ("tasks/tasks.json", "{\"jobs\": []"),
        ("prd.json", "{\"product\": 1,}"),
    ] {
        assert!(read(path, text).tasks.is_empty());
    }
}

#[test]
fn ralphs_stories_pass_or_do_not() {
    let text = r#"{
  "project": "Inbox",
  "branchName": "ralph/inbox",
  "userStories": [
    {
      "id": "US-002",
      "title": "Mark as read",
      "description": "As a user, I want it.",
      "acceptanceCriteria": ["It is marked", "Typecheck passes"],
      "priority": 2,
      "passes": false,
      "notes": "",
      "dependsOn": ["US-001"]
    },
    {"id": "US-001", "title": "List", "acceptanceCriteria": [], "priority": 1, "passes": true},
    {"id": "US-003", "title": "Sort", "acceptanceCriteria": ["Sorted"], "priority": 3}
  ]
}
"#;
    for path in ["prd.json", "scripts/ralph/prd.json"] {
        let spec = read(path, text);
        assert_eq!((spec.format, spec.title.as_str()), ("Ralph", "Inbox"));
        assert_eq!(shown(&spec), ["US-002", "US-001 done", "US-003"]);
        assert_eq!(spec.tasks[0].depends_on, ["US-001"]);
        assert!(
            spec.tasks[0]
                .text
                .contains("- It is marked\n- Typecheck passes")
        );
        assert_eq!(
            ticked(&spec, text, "US-002"),
            text.replace("\"passes\": false", "\"passes\": true")
        );
        assert_eq!(
            ticked(&spec, text, "US-003"),
            text.replace(
                "\"id\": \"US-003\",",
                "\"id\": \"US-003\", \"passes\": true,"
            )
        );
        every_tick_is_its_own(&spec, text.as_bytes(), ParseOptions::default());
    }
    let list = "[{\"category\": \"a\", \"description\": \"Do it\", \"steps\": [\"one\"], \"passes\": false}]";
    let spec = read("plans/prd.json", list);
    assert_eq!(spec.tasks[0].title, "Do it");
    assert_eq!(ticked(&spec, list, "Do it"), list.replace("false", "true"));
    assert!(
        read("prd.json", "{\"product\": \"a prd of another kind\"}")
            .tasks
            .is_empty()
    );
    let slip = parse(
        SpecId::new("s"),
        "prd.json",
        b"{\"userStories\": [\n}",
        ParseOptions::default(),
    );
    assert_eq!(slip.unwrap_err().line, 2);
}

#[test]
fn marks_of_both_sides_meet_in_every_format() {
    use crate::spec::merge_specs;
    let cases = [
        (".kiro/specs/x/tasks.md", KIRO.to_owned(), "2.1", "3.1"),
        (
            ".taskmaster/tasks/tasks.json",
            TASKS.to_owned(),
            "Write",
            "No status",
        ),
    ];
    for (path, text, lane, user) in cases {
        let spec = read(path, &text);
        let by_lane = ticked(&spec, &text, lane);
        let by_user = ticked(&spec, &text, user).replace("Later", "Much later");
        let merged = merge_specs(
            path,
            Some(text.as_bytes()),
            by_lane.as_bytes(),
            by_user.as_bytes(),
        );
        let merged = String::from_utf8(merged.unwrap()).unwrap();
        let again = read(path, &merged);
        let done = |name: &str| {
            let named =
                |t: &&crate::model::Task| t.title == name || t.label.as_deref() == Some(name);
            again.tasks.iter().find(named).unwrap().mark == TaskMark::Done
        };
        assert!(done(lane) && done(user), "{merged}");
        assert_eq!(merged.contains("Much later"), text.contains("Later"));
        // States that say more stay as they are.
        assert_eq!(merged.contains("cancelled"), text.contains("cancelled"));
        assert_eq!(
            merged.matches("[~]").count(),
            by_user.matches("[~]").count()
        );
    }
}
