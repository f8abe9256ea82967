use super::testkit::Document;
use super::*;
use crate::core::prompt;
use crate::model::spec::SpecStatus;
use crate::model::{Diagnostic, Severity};
use proptest::prelude::*;

const BUDGET: u64 = 24_000;

fn planned_with(
    docs: &[Document],
    done: &[&str],
    budget: u64,
    file: &(dyn Fn(&str) -> Option<u64> + Sync),
) -> Plan {
    let done: BTreeSet<ChunkId> = done.iter().map(|d| ChunkId::from(*d)).collect();
    let specs: Vec<SpecInput<'_>> = docs
        .iter()
        .map(|d| SpecInput {
            spec: &d.spec,
            bytes: d.bytes(),
            documents: &[],
            done: &done,
            withdrawn: false,
        })
        .collect();
    plan(&PlanInput {
        specs: &specs,
        budget_tokens: budget,
        reserve_tokens: 0,
        file_tokens: file,
    })
}

fn planned(docs: &[Document]) -> Plan {
    planned_with(docs, &[], BUDGET, &|_| None)
}

fn one(doc: Document) -> Plan {
    planned(&[doc])
}

fn ids(spec: &SpecPlan) -> Vec<&str> {
    spec.chunks.iter().map(|c| c.id.as_str()).collect()
}

fn waits<'a>(plan: &'a Plan, chunk: &str) -> Vec<&'a str> {
    let found = plan.specs[0]
        .chunks
        .iter()
        .find(|c| c.id.as_str() == chunk)
        .unwrap();
    found.depends_on.iter().map(ChunkId::as_str).collect()
}

#[test]
fn sections_come_in_order_and_siblings_are_free() {
    let plan = one(Document::new("a.md")
        .section("Setup", "")
        .open("T1", "one")
        .open("T2", "two")
        .section("Nothing here", "words")
        .section("Build", "")
        .open("T3", "three")
        .open("T4", "four"));
    assert_eq!(ids(&plan.specs[0]), ["T1", "T2", "T3", "T4"]);
    assert!(waits(&plan, "T2").is_empty());
    assert_eq!(waits(&plan, "T4"), ["T1", "T2"]);
    assert!(plan.warnings.is_empty());
}

#[test]
fn parents_are_context_and_never_chunks() {
    let doc = Document::new("a.md")
        .section("Work", "Prose of the section.")
        .task(0, "P1", "Parent one\nWith a reason.", TaskMark::Done)
        .task(1, "C1", "child one", TaskMark::Open)
        .task(1, "C2", "child two", TaskMark::Done)
        .task(0, "P2", "Parent two", TaskMark::Open)
        .task(1, "C3", "child three", TaskMark::Open);
    let plan = one(doc);
    assert_eq!(ids(&plan.specs[0]), ["C1", "C2", "C3"]);
    assert!(plan.specs[0].chunks.iter().all(|c| c.depends_on.is_empty()));
    assert_eq!(
        plan.specs[0]
            .chunks
            .iter()
            .map(|c| c.done)
            .collect::<Vec<_>>(),
        [false, true, false]
    );
    let context = &plan.specs[0].chunks[0].context;
    let places: Vec<usize> = [
        "Parent one\nWith a reason.",
        "Prose of the section.",
        "[x] C2 child two",
    ]
    .iter()
    .map(|t| context.find(t).unwrap())
    .collect();
    assert!(places.is_sorted(), "most specific first: {context}");
    assert!(
        !context.contains("- [ ]"),
        "the section's prose holds no boxes: {context}"
    );
    assert_eq!(
        plan.specs[0].outline,
        "## Work\n[ ] P1 Parent one\n  [ ] C1 child one\n  [x] C2 child two\n[ ] P2 Parent two\n  [ ] C3 child three"
    );
}

#[test]
fn what_a_task_says_replaces_the_order_of_sections() {
    let plan = one(Document::new("a.md")
        .section("A", "")
        .open("T1", "one")
        .needs(&["t3"])
        .open("T2", "two")
        .section("B", "")
        .open("T3", "three")
        .open("T4", "four")
        .needs(&["T2"]));
    assert_eq!(ids(&plan.specs[0]), ["T2", "T3", "T1", "T4"]);
    assert_eq!(waits(&plan, "T1"), ["T3"]);
    assert_eq!(
        waits(&plan, "T3"),
        ["T2"],
        "T1 waits for T3, so that T3 cannot wait for T1"
    );
    assert_eq!(waits(&plan, "T4"), ["T2"]);
    assert!(plan.warnings.is_empty());
}

#[test]
fn parents_pass_dependencies_on() {
    let plan = one(Document::new("a.md")
        .task(0, "P1", "one", TaskMark::Open)
        .task(1, "C1", "c", TaskMark::Open)
        .task(1, "C2", "c", TaskMark::Open)
        .task(0, "P2", "two", TaskMark::Open)
        .needs(&["P1"])
        .task(1, "C3", "c", TaskMark::Open)
        .open("T4", "four")
        .needs(&["P2"]));
    assert_eq!(waits(&plan, "C3"), ["C1", "C2"]);
    assert_eq!(waits(&plan, "T4"), ["C3"]);
}

#[test]
fn numbers_that_one_task_has_are_what_it_is_called() {
    let called = |doc: Document| -> Vec<Option<String>> {
        let chunks = one(doc).specs.remove(0).chunks.into_iter();
        chunks.map(|c| c.label).collect()
    };
    let numbered = |labels: &[&str]| {
        let mut doc = Document::new("a.md");
        for (n, label) in labels.iter().enumerate() {
            doc = doc.open(label, &format!("Task {n}"));
        }
        for task in &mut doc.spec.tasks {
            task.named = false;
        }
        doc
    };
    let some = |words: &[&str]| -> Vec<Option<String>> {
        words
            .iter()
            .map(|w| Some((*w).to_owned()).filter(|w| !w.is_empty()))
            .collect()
    };
    assert_eq!(
        called(numbered(&["1.1", "1.2", "2"])),
        some(&["1.1", "1.2", "2"])
    );
    assert_eq!(called(numbered(&["1.1", "1.1", "2"])), some(&["", "", "2"]));
    // The numbers of lists begin anew, and change when something is put between.
    assert_eq!(called(numbered(&["1", "2"])), some(&["", ""]));
}

#[test]
fn doubtful_dependencies_are_warned_of() {
    let plan = one(Document::new("a.md")
        .open("T1", "one")
        .needs(&["T2"])
        .open("T2", "two")
        .needs(&["T1", "T9"])
        .open("T3", "three")
        .needs(&["T3"]));
    assert_eq!(ids(&plan.specs[0]), ["T1", "T2", "T3"]);
    assert!(plan.specs[0].chunks.iter().all(|c| c.depends_on.is_empty()));
    let messages: Vec<&str> = plan.warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(messages.len(), 3);
    assert!(
        messages[0].contains("\"T9\"") && messages[0].contains("ignored"),
        "{messages:?}"
    );
    assert!(
        messages[1].contains("T3") && messages[1].contains("itself"),
        "{messages:?}"
    );
    assert!(messages[2].contains("T1 -> T2 -> T1"), "{messages:?}");
}

#[test]
fn big_sections_keep_their_order_with_few_edges() {
    let mut doc = Document::new("a.md").section("A", "");
    for i in 0..300 {
        doc = doc.open(&format!("A{i}"), "x");
    }
    doc = doc.section("B", "").done("B0", "x");
    for i in 1..300 {
        doc = doc.open(&format!("B{i}"), "x");
    }
    let plan = one(doc);
    assert_eq!(
        waits(&plan, "B1").len(),
        300,
        "the first open one waits for the whole section"
    );
    assert_eq!(waits(&plan, "B299"), ["B1"]);
}

#[test]
fn done_comes_from_marks_and_from_the_base() {
    let doc = Document::new("a.md")
        .done("T1", "one")
        .open("T2", "two")
        .open("T3", "three");
    let plan = planned_with(&[doc], &["T2"], BUDGET, &|_| None);
    assert_eq!(
        plan.specs[0]
            .chunks
            .iter()
            .map(|c| c.done)
            .collect::<Vec<_>>(),
        [true, true, false]
    );
    assert_eq!(plan.specs[0].chunks[1].tokens, 0);
    assert_eq!(
        parts_preview(&plan.specs[0], PrMode::Part, 8),
        [[ChunkId::from("T3")]]
    );
}

#[test]
fn specs_are_ordered() {
    let docs = [
        Document::new("z/last.md").open("T1", "x"),
        Document::new("b/first.md")
            .open("T1", "x")
            .priority(1)
            .after(&["specs/base"]),
        Document::new("b/second.md").open("T1", "x").priority(2),
        Document::new("x/specs/base.md").open("T1", "x"),
        Document::new("a.md")
            .open("T1", "x")
            .after(&["last", "nowhere.md"]),
    ];
    let plan = planned(&docs);
    let paths: Vec<&str> = plan.specs.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "x/specs/base.md",
            "b/first.md",
            "b/second.md",
            "z/last.md",
            "a.md"
        ]
    );
    assert_eq!(plan.specs[1].depends_on, [plan.specs[0].id.clone()]);
    assert!(plan.specs.iter().all(|s| s.not_built.is_none()));
    assert_eq!(plan.diagnostics.len(), 1);
    assert!(plan.diagnostics[0].message.contains("nowhere.md"));
}

#[test]
fn specs_are_found_by_what_people_call_them() {
    for (entry, found) in [
        ("backend/specs/01_api.md", vec!["backend-specs-01_api"]),
        ("./backend/specs/01_api.md", vec!["backend-specs-01_api"]),
        ("backend-specs-01_api", vec!["backend-specs-01_api"]),
        ("01_api", vec!["frontend-specs-01_api"]),
        ("01_api.md", vec!["frontend-specs-01_api"]),
        (
            "../../backend/specs/01_api.md",
            vec!["backend-specs-01_api"],
        ),
        ("002-login", vec!["specs-002-login-tasks"]),
        ("002-login/tasks", vec!["specs-002-login-tasks"]),
        ("02_ui", vec![]),
        ("api", vec![]),
        ("../../../../etc", vec![]),
        ("", vec![]),
        ("twin", vec!["a-twin", "b-twin"]),
    ] {
        let docs = [
            Document::new("frontend/specs/02_ui.md").after(&[entry]),
            Document::new("frontend/specs/01_api.md"),
            Document::new("backend/specs/01_api.md"),
            Document::new("specs/002-login/tasks.md"),
            Document::new("a/twin.md"),
            Document::new("b/twin.md"),
        ];
        let plan = planned(&docs);
        let spec = plan
            .specs
            .iter()
            .find(|s| s.path == "frontend/specs/02_ui.md")
            .unwrap();
        let ids: Vec<&str> = spec.depends_on.iter().map(|d| d.as_str()).collect();
        assert_eq!(ids, found, "{entry:?}");
        assert_eq!(
            plan.diagnostics.is_empty(),
            found.len() == 1,
            "{entry:?}: {:?}",
            plan.diagnostics
        );
    }
}

#[test]
fn circles_of_specs_are_named_and_not_built() {
    let docs = [
        Document::new("a.md").open("T1", "x").after(&["b.md"]),
        Document::new("b.md").open("T1", "x").after(&["a.md"]),
        Document::new("c.md").open("T1", "x").after(&["b"]),
        Document::new("d.md").open("T1", "x"),
    ];
    let plan = planned(&docs);
    let built: Vec<bool> = plan.specs.iter().map(|s| s.not_built.is_none()).collect();
    assert_eq!(
        plan.specs
            .iter()
            .map(|s| s.path.as_str())
            .collect::<Vec<_>>(),
        ["a.md", "b.md", "c.md", "d.md"]
    );
    assert_eq!(built, [false, false, false, true]);
    let errors: Vec<&Diagnostic> = plan
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .collect();
    assert_eq!(
        errors.iter().map(|d| d.path.as_str()).collect::<Vec<_>>(),
        ["a.md", "b.md"]
    );
    assert!(errors[0].message.contains("a.md -> b.md -> a.md"));
    assert!(plan.specs[2].not_built.as_deref().unwrap().contains("b.md"));
    assert!(parts_preview(&plan.specs[0], PrMode::Part, 8).is_empty());
}

#[test]
fn drafts_are_listed_and_finished_specs_satisfy() {
    let docs = [
        Document::new("a.md")
            .open("T1", "x")
            .status(SpecStatus::Draft),
        Document::new("b.md")
            .open("T1", "x")
            .status(SpecStatus::Done),
        Document::new("c.md").open("T1", "x").after(&["a.md"]),
        Document::new("d.md").open("T1", "x").after(&["b.md"]),
    ];
    let plan = planned(&docs);
    let reasons: Vec<Option<&str>> = plan.specs.iter().map(|s| s.not_built.as_deref()).collect();
    assert!(reasons[0].unwrap().contains("draft") && reasons[1].unwrap().contains("done"));
    assert!(reasons[2].unwrap().contains("a.md"));
    assert_eq!(reasons[3], None);
    assert!(plan.specs.iter().all(|s| s.chunks.len() == 1));
    assert_eq!(plan.specs[0].chunks[0].tokens, 0);
}

#[test]
fn context_gives_way_before_the_task_is_split() {
    let long = "words and more words\n".repeat(100);
    let doc = || {
        Document::new("a.md")
            .section("S", &long)
            .open("T1", "Do it")
            .open("T2", "And this")
    };
    let rich = one(doc());
    let poor = planned_with(&[doc()], &[], FRAME_TOKENS + 60, &|_| None);
    let bare = planned_with(&[doc()], &[], FRAME_TOKENS + 14, &|_| None);
    let [rich, poor, bare] = [rich, poor, bare].map(|p| {
        assert!(p.warnings.is_empty(), "{:?}", p.warnings);
        p.specs[0].chunks[0].clone()
    });
    assert!(rich.context.contains("Neighbouring") && rich.outline_tokens > 0);
    assert!(poor.context.contains("left out") && !poor.context.contains("Neighbouring"));
    assert!(bare.context.is_empty());
    assert!(bare.part.is_none() && bare.tokens <= FRAME_TOKENS + 14);
}

fn big_doc(mark: TaskMark) -> Document {
    let items: String = (0..8)
        .map(|i| format!("\n- item {i} {}", "aaaa ".repeat(40)))
        .collect();
    Document::new("a.md")
        .open("T1", "first")
        .task(0, "T2", &format!("Big{items}"), mark)
        .needs(&["T1"])
        .open("T3", "last")
        .needs(&["T2"])
}

#[test]
fn big_tasks_become_parts_that_follow_each_other() {
    let plan = planned_with(&[big_doc(TaskMark::Open)], &[], FRAME_TOKENS + 250, &|_| {
        None
    });
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    assert_eq!(ids(&plan.specs[0]), ["T1", "T2+1", "T2+2", "T3"]);
    assert_eq!(waits(&plan, "T2+1"), ["T1"]);
    assert_eq!(waits(&plan, "T2+2"), ["T2+1"]);
    assert_eq!(waits(&plan, "T3"), ["T2+2"]);
    let part = &plan.specs[0].chunks[2];
    assert_eq!(
        (part.title.as_str(), part.task.as_str()),
        ("Big (2/2)", "T2")
    );
    assert_eq!(part.part.as_ref().map(|p| (p.index, p.of)), Some((2, 2)));
}

#[test]
fn a_split_is_frozen_by_its_bounds() {
    let plan = planned_with(&[big_doc(TaskMark::Open)], &[], FRAME_TOKENS + 250, &|_| {
        None
    });
    let part = plan.specs[0].chunks[1].part.clone().unwrap();
    let mark = |bounds: &str| TaskMark::Partial {
        done: 1,
        of: 2,
        bounds: bounds.to_owned(),
    };
    for budget in [BUDGET, FRAME_TOKENS + 250, FRAME_TOKENS + 100, 10] {
        let again = planned_with(&[big_doc(mark(&part.bounds))], &[], budget, &|_| None);
        let texts = |p: &Plan| {
            p.specs[0]
                .chunks
                .iter()
                .map(|c| (c.id.clone(), c.text.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(&again), texts(&plan), "budget {budget}");
        assert_eq!(
            again.specs[0]
                .chunks
                .iter()
                .map(|c| c.done)
                .collect::<Vec<_>>(),
            [false, true, false, false]
        );
    }
    let changed = planned_with(
        &[big_doc(mark("0123456789ab:0-4;4-9"))],
        &[],
        BUDGET,
        &|_| None,
    );
    assert_eq!(ids(&changed.specs[0]), ["T1", "T2", "T3"]);
    assert!(
        changed.warnings[0].message.contains("text changed"),
        "{:?}",
        changed.warnings
    );
    assert!(changed.specs[0].chunks[1].text.contains("1 of 2 parts"));
    let reopened = TaskMark::Partial {
        done: 2,
        of: 2,
        bounds: part.bounds,
    };
    assert_eq!(
        ids(&planned(&[big_doc(reopened)]).specs[0]),
        ["T1", "T2", "T3"]
    );
}

#[test]
fn json_tasks_are_never_split() {
    let mut doc = big_doc(TaskMark::Open);
    doc.spec.path = "tasks.json".to_owned();
    let plan = planned_with(&[doc], &[], FRAME_TOKENS + 250, &|_| None);
    assert_eq!(ids(&plan.specs[0]), ["T1", "T2", "T3"]);
    assert!(plan.warnings[0].message.contains("budget"));
}

#[test]
fn big_files_are_shared_out_and_asked_for_once() {
    let asked = std::sync::Mutex::new(Vec::new());
    let size = |path: &str| {
        asked.lock().unwrap().push(path.to_owned());
        (path != "new.rs").then_some(900)
    };
    let doc = Document::new("a.md")
        .open("T1", "Change a.rs, b.rs, new.rs")
        .files(&["a.rs", "b.rs", "new.rs"])
        .open("T2", "Look at a.rs")
        .files(&["a.rs"]);
    let plan = planned_with(&[doc], &[], FRAME_TOKENS + 1000, &size);
    let chunks = &plan.specs[0].chunks;
    assert_eq!(ids(&plan.specs[0]), ["T1+1", "T1+2", "T2"]);
    assert_eq!(chunks[0].files, ["a.rs"]);
    assert_eq!(chunks[1].files, ["b.rs", "new.rs"]);
    assert!(chunks[1].text.contains("these files only: b.rs, new.rs"));
    assert_eq!(asked.into_inner().unwrap(), ["a.rs", "b.rs", "new.rs"]);
}

#[test]
fn what_cannot_fit_is_said() {
    let doc = || Document::new("a.md").open("T1", &"word ".repeat(2000));
    let plan = planned_with(&[doc()], &[], FRAME_TOKENS + 100, &|_| None);
    assert_eq!(plan.warnings.len(), 1);
    assert_eq!(plan.warnings[0].chunk, Some(ChunkId::from("T1")));
    let none = planned_with(&[doc()], &[], 100, &|_| None);
    assert!(
        none.warnings.len() == 1 && none.warnings[0].chunk.is_none(),
        "{:?}",
        none.warnings
    );
}

#[test]
fn forecast_of_pull_requests() {
    let plan = one(Document::new("a.md")
        .done("T0", "x")
        .open("T1", "x")
        .open("T2", "x")
        .open("T3", "x"));
    let sizes = |mode, n| {
        parts_preview(&plan.specs[0], mode, n)
            .iter()
            .map(Vec::len)
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(PrMode::Part, 2), [2, 1]);
    assert_eq!(sizes(PrMode::Part, 8), [3]);
    assert_eq!(sizes(PrMode::Part, 0), [1, 1, 1]);
    assert_eq!(sizes(PrMode::Chunk, 8), [1, 1, 1]);
    assert_eq!(sizes(PrMode::Spec, 1), [3]);
}

#[derive(Clone, Debug)]
struct Item {
    depth: usize,
    section: bool,
    done: bool,
    lines: Vec<String>,
    needs: Vec<usize>,
    file: bool,
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let item = (
        0usize..3,
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.2),
        prop::collection::vec("(- |  - |)[a-z日 ]{0,60}", 1..8),
        prop::collection::vec(0usize..14, 0..2),
        any::<bool>(),
    );
    let item = item.prop_map(|(depth, section, done, lines, needs, file)| Item {
        depth,
        section,
        done,
        lines,
        needs,
        file,
    });
    prop::collection::vec(item, 1..12)
}

fn document(items: &[Item]) -> Document {
    let mut doc = Document::new("specs/generated.md").section("Start", "Some prose.");
    let mut depth = 0;
    let mut fresh = true;
    for (i, item) in items.iter().enumerate() {
        if item.section {
            doc = doc.section(&format!("Section {i}"), "Prose of it.");
            fresh = true;
        }
        depth = if fresh { 0 } else { item.depth.min(depth + 1) };
        fresh = false;
        let mark = if item.done {
            TaskMark::Done
        } else {
            TaskMark::Open
        };
        let text = format!(
            "title {i}\n{}{}",
            item.lines.join("\n"),
            if item.file {
                "\nsee f1.rs and f2.rs"
            } else {
                ""
            }
        );
        let needs: Vec<String> = item.needs.iter().map(|n| format!("T{n}")).collect();
        doc = doc
            .task(depth, &format!("T{i}"), &text, mark)
            .needs(&needs.iter().map(String::as_str).collect::<Vec<_>>())
            .files(if item.file { &["f1.rs", "f2.rs"] } else { &[] });
    }
    doc
}

proptest! {
    #[test]
    fn plans_hold_together(items in items(), room in 0u64..400, size in 0u64..300) {
        let doc = document(&items);
        let budget = FRAME_TOKENS + room;
        let file = |path: &str| (path == "f1.rs").then_some(size).or(Some(size / 2));
        let docs = [doc];
        let plan = planned_with(&docs, &[], budget, &file);
        let again = planned_with(&docs, &[], budget, &file);
        prop_assert_eq!(&plan, &again);
        let spec = &plan.specs[0];

        // Every leaf is one chunk or one series of parts, whose text is all of the task's.
        for task in &docs[0].spec.tasks {
            let own: Vec<&Chunk> = spec.chunks.iter().filter(|c| c.task == task.id).collect();
            if !task.children.is_empty() {
                prop_assert!(own.is_empty());
                continue;
            }
            prop_assert!(!own.is_empty());
            if own[0].part.is_none() {
                prop_assert_eq!(own.len(), 1);
                prop_assert_eq!(&own[0].text, &task.text);
                continue;
            }
            let all: String = own.iter().map(|c| c.text.as_str()).collect::<Vec<_>>().join("\n");
            for line in task.text.lines() {
                prop_assert!(all.contains(line));
            }
            for (i, chunk) in own.iter().enumerate() {
                let part = chunk.part.as_ref().unwrap();
                prop_assert_eq!((part.index, part.of), (i + 1, own.len()));
                prop_assert_eq!(chunk.id.as_str(), format!("{}+{}", task.id, i + 1));
                let pieces = split::restore(&task.text, task.files.len(), &part.bounds, part.of);
                prop_assert!(chunk.text.starts_with(&split::piece_text(&task.text, &pieces.unwrap()[i])));
            }
        }

        // What a chunk waits for comes before it; no id occurs twice.
        let mut seen: BTreeSet<&ChunkId> = BTreeSet::new();
        for chunk in &spec.chunks {
            prop_assert!(chunk.depends_on.iter().all(|d| seen.contains(d)), "{} {:?}", chunk.id, chunk.depends_on);
            prop_assert!(seen.insert(&chunk.id));
        }

        // The budget is kept, or the plan says that it is not; and the prompt is what was counted.
        for chunk in spec.chunks.iter().filter(|c| !c.done) {
            let warned = plan.warnings.iter().any(|w| w.chunk.is_none() || w.chunk.as_ref() == Some(&chunk.id));
            prop_assert!(chunk.tokens <= budget || warned, "{} > {budget}", chunk.tokens);
            let files: u64 = chunk.files.iter().filter_map(|f| file(f)).sum();
            let prompt = prompt::build("", spec, chunk, "cargo test", prompt::Before::default());
            let said = estimate(&prompt.user);
            prop_assert!(said <= chunk.tokens - files, "{said} > {} - {files}:\n{}", chunk.tokens, prompt.user);
        }
    }
}

/// The bounds travel through a real file: parse, split, mark the first part, parse again.
#[test]
fn a_split_survives_its_spec_file() {
    let items: String = (0..8)
        .map(|i| format!("  - item {i} {}\n", "aaaa ".repeat(40)))
        .collect();
    let boxes =
        format!("# Work\n\n- [ ] T001 Big one in `src/a.rs`\n\n  Why.\n{items}- [ ] T002 Next\n");
    for text in [boxes.clone(), boxes.replace('\n', "\r\n")] {
        let read = |bytes: &[u8]| {
            let id = crate::model::SpecId::from("a");
            crate::spec::parse(id, "a.md", bytes, crate::spec::ParseOptions::default()).unwrap()
        };
        let none = BTreeSet::new();
        let planned = |spec: &Spec, bytes: &[u8], budget: u64| {
            let specs = [SpecInput {
                spec,
                bytes,
                documents: &[],
                done: &none,
                withdrawn: false,
            }];
            let input = PlanInput {
                specs: &specs,
                budget_tokens: budget,
                reserve_tokens: 0,
                file_tokens: &|_| None,
            };
            plan(&input).specs.remove(0)
        };
        let before = read(text.as_bytes());
        let fresh = planned(&before, text.as_bytes(), FRAME_TOKENS + 300);
        assert_eq!(ids(&fresh), ["T001+1", "T001+2", "T002"]);
        let part = fresh.chunks[0].part.clone().unwrap();
        let splice =
            crate::spec::mark_partial(text.as_bytes(), &before.tasks[0], 1, part.of, &part.bounds)
                .unwrap();
        let marked = crate::spec::apply(text.as_bytes(), &splice);
        let after = planned(&read(&marked), &marked, BUDGET);
        assert_eq!(ids(&after), ids(&fresh));
        assert_eq!(
            after.chunks.iter().map(|c| c.done).collect::<Vec<_>>(),
            [true, false, false]
        );
        assert_eq!(after.chunks[1].text, fresh.chunks[1].text);
    }
}
