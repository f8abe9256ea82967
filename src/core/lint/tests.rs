use super::*;
use crate::core::plan::{PlanInput, SpecInput, plan};
use crate::model::{DocumentKind, SpecId};
use crate::spec::{ParseOptions, parse};

/// Files of a repository; specs first, what else there is behind them.
struct Files<'a> {
    specs: &'a [(&'a str, &'a str)],
    others: &'a [(&'a str, &'a str)],
}

fn findings(files: &Files<'_>, levels: &Levels) -> Vec<Diagnostic> {
    let mut specs = Vec::new();
    for (path, text) in files.specs {
        let id = SpecId::new(path.replace('/', "-"));
        let spec = parse(id, path, text.as_bytes(), ParseOptions::default()).unwrap();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let beside = files.others.iter().filter(|(p, _)| p.starts_with(folder));
        let documents: Vec<Document> = beside
            .map(|(path, text)| Document {
                path: (*path).to_owned(),
                kind: DocumentKind::Criteria,
                text: (*text).into(),
            })
            .collect();
        specs.push((spec, *text, documents));
    }
    let none = BTreeSet::new();
    let inputs: Vec<SpecInput<'_>> = specs
        .iter()
        .map(|(spec, text, documents)| SpecInput {
            spec,
            bytes: text.as_bytes(),
            documents,
            done: &none,
            withdrawn: false,
        })
        .collect();
    let plan = plan(&PlanInput {
        specs: &inputs,
        budget_tokens: 6_000,
        reserve_tokens: 1_000,
        file_tokens: &|_| None,
    });
    let specs: Vec<LintSpec<'_>> = specs
        .iter()
        .map(|(spec, text, documents)| LintSpec {
            spec,
            text,
            documents,
        })
        .collect();
    let exists = |path: &str| {
        let mut all = files.specs.iter().chain(files.others);
        all.any(|(p, _)| *p == path)
    };
    lint(&LintInput {
        specs: &specs,
        plan: &plan,
        exists: &exists,
        redact: &|text| text.replace("hunter2hunter2", "***"),
        levels,
    })
}

/// `rule:line` of each finding of one Markdown spec that says how it is judged.
fn of(text: &str) -> Vec<String> {
    let text = format!("{text}\n## Acceptance criteria\n\nAll of it works.\n");
    one("specs/a.md", &text)
}

fn one(path: &str, text: &str) -> Vec<String> {
    let files = Files {
        specs: &[(path, text)],
        others: &[("src/old.rs", ""), ("docs/design.md", "")],
    };
    let found = findings(&files, &Levels::default());
    shown(&found)
}

fn shown(found: &[Diagnostic]) -> Vec<String> {
    found
        .iter()
        .map(|d| format!("{}:{}", d.rule.id(), d.line))
        .collect()
}

#[test]
fn each_rule_finds_what_it_is_for_and_nothing_else() {
    let wide: String = (0..13).map(|n| format!("`src/f{n}.rs` ")).collect();
    let cases: Vec<(String, &[&str])> = [
        // Nothing amiss.
        ("- [ ] T1 Keep sessions in `src/session.rs`\n- [ ] T2 Expire them after 30 minutes (depends on T1)\n", &[][..]),
        // Vague.
        ("- [ ] Update documentation\n- [ ] Fix bugs\n- [ ] Misc\n", &["vague:1", "vague:2", "vague:3"]),
        ("- [ ] Fix bugs\n  - the cart loses items when two tabs are open\n", &[]),
        ("- [ ] Write tests in `tests/cart.rs`\n", &[]),
        ("- [ ] The cart\n  - [ ] Write tests\n", &[]),
        ("- [ ] 修复登录\n", &[]),
        ("- [x] Fix bugs\n- [ ] ~~Fix bugs~~ and the cart\n", &[]),
        // Open questions.
        ("- [ ] Use the TBD store for sessions\n", &["undecided:1"]),
        ("- [ ] Store sessions\n  - where: [NEEDS CLARIFICATION: memory or disk?]\n", &["undecided:2"]),
        ("- [ ] Show the [PRODUCT NAME] in the title bar\n", &["undecided:1"]),
        ("- [ ] Remove TODO comments from the [P] parser\n", &[]),
        // What nobody can check.
        ("- [ ] Make the sign-in form user-friendly\n", &["untestable:1"]),
        ("- [ ] Parse dates\n  - and so on, times, zones etc.\n", &["untestable:2"]),
        ("- [ ] Answer with good performance: p99 < 200 ms\n", &[]),
        ("- [ ] Fetch etchings of the gallery\n", &[]),
        ("- [ ] Read /etc/hosts and lacks sufficient permissions\n  ```\n  cp a /etc/nginx etc\n  ```\n", &[]),
        ("- [ ] Answer 99% of requests with good performance, in 3 hours\n", &[]),
        ("- [ ] Allow roles to be defined by admins, see [API DOCS](../docs/design.md)\n", &[]),
        ("- [ ] Read the columns `[NOT NULL]` and remove every FIXME comment\n", &[]),
        ("- [ ] The store is to be decided\n", &["undecided:1"]),
        // References.
        ("- [ ] T1 Keep a list (depends on T9)\n", &["unknown-dependency:1"]),
        ("- [ ] T1 Keep it (depends on T2)\n- [ ] T2 Show it (depends on T1)\n", &["circular-dependency:1"]),
        ("- [ ] T1 Keep a list\n- [ ] T1 Show a list\n", &["duplicate-id:1"]),
        ("- [ ] Rename the parser\n  - Modify: `src/gone.rs:1-20`\n  - Modify: `src/old.rs`\n", &["missing-file:2"]),
        ("- [ ] Rename it\n  - Modify: `src/gone.rs`\n- [ ] Move it\n  - Modify: `src/gone.rs`\n", &["missing-file:2"]),
        ("- [ ] T1 Create `src/gone.rs`\n- [ ] T2 Rename it\n  - Modify: `src/gone.rs`\n", &[]),
        ("- [ ] Follow [the design](../docs/design.md#store) and [the plan](plan.md)\n", &["missing-file:1"]),
        // Twice.
        ("## A\n\n- [ ] Show the newest album first\n\n## B\n\n- [ ] Show the newest album first.\n", &["duplicate-task:7"]),
        ("- [ ] Albums\n  - [ ] Write the code and its tests\n- [ ] Photos\n  - [ ] Write the code and its tests\n", &[]),
        ("- [ ] T001 Show the newest album first\n- [ ] T002 Show the newest album first\n", &["duplicate-task:2"]),
        ("- [ ] Convert JSON files into YAML files\n- [ ] Convert YAML files into JSON files\n", &[]),
        // Contradictions.
        ("- [x] T1 Albums\n  - [ ] T2 Show the newest first\n", &["contradiction:1"]),
        ("- [ ] Show it\n- [] Sort it\n", &["not-a-box:2"]),
        // A pull request of one commit.
        (&format!("- [ ] Rename the crate in {wide}\n"), &["too-wide:1"]),
    ]
    .into_iter()
    .map(|(text, expected): (&str, &[&str])| (text.to_owned(), expected))
    .collect();
    for (text, expected) in cases {
        assert_eq!(of(&text), expected, "{text}");
    }
}

/// A spec does not speak for those who guard its builder from it, and many small doubts hide no grave one.
#[test]
fn guards_are_not_silenced_from_within() {
    let mut text = "- [] x\n".repeat(60);
    text.push_str("- [ ] T1 Keep the albums\n- [ ] T1 Show the albums\n");
    let allow = Levels {
        allow: [Rule::NotABox, Rule::NoCriteria].into(),
        ..Levels::default()
    };
    let files = Files {
        specs: &[("specs/a.md", &text)],
        others: &[],
    };
    assert_eq!(shown(&findings(&files, &allow)), ["duplicate-id:61"]);
    let told = shown(&findings(&files, &Levels::default()));
    assert_eq!(
        told.iter().filter(|f| f.starts_with("not-a-box")).count(),
        51
    );
}

/// What is cut looks like no secret any more, so that it is taken out before.
#[test]
fn secrets_are_taken_out_before_words_are_cut() {
    let secret = "hunter2hunter2";
    for before in 0..90 {
        let words = "x".repeat(before);
        let text = format!("- [ ] {words}{secret} [NEEDS CLARIFICATION: {words}{secret}]\n");
        let specs = &[("specs/a.md", text.as_str())];
        let found = findings(&Files { specs, others: &[] }, &Levels::default());
        let rules: Vec<Rule> = found.iter().map(|d| d.rule).collect();
        // One that quotes words of the text, and one that names the task.
        assert_eq!(rules, [Rule::Undecided, Rule::NoCriteria]);
        for finding in found {
            assert!(!finding.message.contains("hunt"), "{finding:?}");
        }
    }
}

#[test]
fn what_fits_no_chunk_is_told() {
    let long = format!(
        "- [ ] T1 Keep it\n\n  ```\n{}  ```\n",
        "  x\n".repeat(20_000)
    );
    assert!(
        of(&long).contains(&"too-large:1".to_owned()),
        "{:?}",
        of(&long)
    );
}

#[test]
fn criteria_are_looked_for_in_the_whole_spec() {
    let silent = "- [ ] Keep sessions in memory\n- [ ] Show sessions in a list\n";
    assert_eq!(one("specs/a.md", silent), ["no-criteria:1"]);
    for said in [
        "- [ ] Keep sessions in memory; a restart must drop them\n- [ ] Show them\n",
        "- [ ] Keep sessions\n  - Verify: `cargo test sessions`\n- [ ] Show them\n",
        "- [ ] Keep sessions in memory\n\n**Acceptance criteria**\n\n- they are kept\n",
        "- [ ] セッションを保存する\n- [ ] 一覧を表示する\n",
        "---\nstatus: done\n---\n- [ ] Keep sessions in memory\n",
    ] {
        assert_eq!(one("specs/a.md", said), Vec::<String>::new(), "{said}");
    }
}

#[test]
fn requirements_have_to_be_there() {
    let tasks = "- [ ] 1. Store\n  - [ ] 1.1 Write the store\n    - _Requirements: 1.1, 1.9_\n  - [ ] 1.2 Show the store\n    - _Requirements: 7.1_\n";
    let path = ".kiro/specs/x/tasks.md";
    let text = "### Requirement 1: Store\n\n#### Acceptance Criteria\n\n1. It keeps\n";
    let requirements = [(".kiro/specs/x/requirements.md", text)];
    let with = |others| {
        let specs = &[(path, tasks)];
        shown(&findings(&Files { specs, others }, &Levels::default()))
    };
    assert_eq!(
        with(&requirements),
        ["unknown-requirement:3", "unknown-requirement:5"]
    );
    // Where nothing is there, that is said once.
    assert_eq!(with(&[]), ["unknown-requirement:3"]);
    let open = [(
        requirements[0].0,
        "### Requirement 1\n\n1. [NEEDS CLARIFICATION: which?]\n\n## Requirement 7\n1. a\n",
    )];
    let found = findings(
        &Files {
            specs: &[(path, tasks)],
            others: &open,
        },
        &Levels::default(),
    );
    let asked = found.iter().find(|d| d.rule == Rule::Undecided).unwrap();
    assert_eq!((asked.path.as_str(), asked.line), (open[0].0, 3));
}

const TWINS: [(&str, &str); 2] = [
    (
        ".kiro/specs/albums/tasks.md",
        "- [ ] 1. Keep the albums\n- [ ] 2. Show the newest first\n- [ ] 3. Share by a link\n- [ ] 4. Delete\n",
    ),
    (
        "specs/albums.md",
        "# Albums\n\nIt must hold.\n\n- [ ] Keep the albums.\n- [ ] Show the newest first\n- [ ] share by a link\n",
    ),
];

#[test]
fn one_change_in_two_formats_is_built_once() {
    let twins = |specs: &[(&str, &str)]| -> Vec<String> {
        let found = findings(&Files { specs, others: &[] }, &Levels::default());
        let twins = found.iter().filter(|d| d.rule == Rule::TwinList);
        twins.map(|d| d.path.clone()).collect()
    };
    let (kiro, plain) = (TWINS[0], TWINS[1]);
    assert_eq!(twins(&TWINS), [plain.0], "what a tool wrote counts");
    // Somebody works with the other one.
    let begun = plain.1.replacen("[ ]", "[x]", 1);
    let same = kiro.1.replace("- [ ] 4. Delete\n", "");
    assert_eq!(twins(&[(kiro.0, &same), (plain.0, &begun)]), [kiro.0]);
    // One that holds the other one and more is built.
    assert_eq!(twins(&[kiro, (plain.0, &begun)]), [plain.0]);
    let roadmap = format!(
        "{}- [ ] Print them all\n- [ ] Ship it to the shops\n",
        plain.1
    );
    assert_eq!(twins(&[(kiro.0, &same), (plain.0, &roadmap)]), [kiro.0]);
    // What stands nowhere else is built.
    let more = format!("{}- [ ] Print them all\n", plain.1);
    assert_eq!(twins(&[kiro, (plain.0, &more)]), Vec::<String>::new());
    let optional = kiro.1.replace("- [ ] 3.", "- [ ]* 3.");
    assert_eq!(twins(&[(kiro.0, &optional), plain]), Vec::<String>::new());
    // Lists with names of their own are of different things.
    assert_eq!(
        twins(&[kiro, ("specs/payments.md", plain.1)]),
        Vec::<String>::new()
    );
    assert_eq!(
        twins(&[kiro, ("specs/roadmap.md", plain.1)]),
        ["specs/roadmap.md"]
    );
    // Titles that every list has tell nothing.
    assert_eq!(
        twins(&[kiro, plain, ("specs/all-albums.md", plain.1)]),
        Vec::<String>::new()
    );
    // What was built from one list is not built again from the other one.
    let built = kiro.1.replace("[ ]", "[x]");
    assert_eq!(twins(&[(kiro.0, &built), plain]), [plain.0]);
    // Chance, packages with the same list, a list that its owner ended.
    let other = plain
        .1
        .replace("Show the newest first", "Sort")
        .replace("share by", "Print as");
    assert_eq!(twins(&[kiro, (plain.0, &other)]), Vec::<String>::new());
    assert_eq!(
        twins(&[plain, ("b/specs/albums.md", plain.1)]),
        Vec::<String>::new()
    );
    let ended = format!("---\nstatus: done\n---\n{}", plain.1);
    assert_eq!(twins(&[kiro, (plain.0, &ended)]), Vec::<String>::new());
}

/// Who waits for a list waits for the one that is built in its stead.
#[test]
fn a_twin_is_waited_for_as_the_one_that_is_built() {
    let later = (
        "specs/later.md",
        "---\ndepends_on: [albums.md]\n---\n- [ ] Print every album; it must be on paper\n",
    );
    let specs = &[TWINS[0], TWINS[1], later];
    let found = findings(&Files { specs, others: &[] }, &Levels::default());
    let of_later = found.iter().filter(|d| d.path == later.0);
    assert_eq!(of_later.count(), 0, "{found:?}");
}

#[test]
fn rules_are_allowed_denied_and_silenced() {
    let text = "- [ ] Fix bugs <!-- lint-allow: vague -->\n<!-- lint-allow: untestable, undecided -->\n- [ ] Make the TBD form user-friendly\n- [ ] Misc\n\n## Acceptance criteria\n\nnone\n";
    // A line of nothing else at the very beginning is about the whole file, and one that ends a task's is not.
    let whole = format!("<!-- lint-allow: vague untestable undecided -->\n{text}");
    let files = Files {
        specs: &[("specs/a.md", &whole)],
        others: &[],
    };
    assert_eq!(findings(&files, &Levels::default()), []);
    let files = Files {
        specs: &[("specs/a.md", text)],
        others: &[],
    };
    let with = |levels: &Levels| findings(&files, levels);
    assert_eq!(shown(&with(&Levels::default())), ["vague:4"]);
    let allow = Levels {
        allow: [Rule::Vague].into(),
        ..Levels::default()
    };
    assert_eq!(with(&allow), []);
    let deny = Levels {
        deny: [Rule::Vague].into(),
        ..Levels::default()
    };
    for levels in [
        deny,
        Levels {
            strict: true,
            ..Levels::default()
        },
    ] {
        assert_eq!(with(&levels)[0].severity, Severity::Error);
    }
}

proptest::proptest! {
    /// Any text has findings in its own lines, and none makes the rules stumble.
    #[test]
    fn lines_are_of_the_file(text in "(- \\[[ x-]\\] (T[0-9] )?[a-zA-Z .:`/\\]\\[(]{0,30}(TBD|etc\\.|\\]\\(a\\.md\\)|é)?\n|## A\n|  - Modify: `x`\n|\r\n){0,12}") {
        for path in ["specs/a.md", ".kiro/specs/x/tasks.md", "specs/001-a/tasks.md", "openspec/changes/a/tasks.md"] {
            let files = Files { specs: &[(path, &text)], others: &[] };
            for found in findings(&files, &Levels::default()) {
                proptest::prop_assert!(found.line <= text.lines().count(), "{found:?}");
                proptest::prop_assert!(!found.message.is_empty() && !found.remedy.is_empty(), "{found:?}");
            }
        }
    }
}
