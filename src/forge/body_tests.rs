use super::*;
use crate::model::policy::WallState;
use crate::model::report::{
    BodyCheck, BodyChunk, BodyLink, BodyNeighbour, EngineSpent, IssueRef, Oversized, Spent,
    StoppedChunk,
};
use crate::model::{
    ChunkId, ChunkState, Cost, Coverage, Covered, Finding, FindingSeverity, LineCount, Oid,
    PrState, Remark, RemarkSeverity, SkippedBy, SpecId, Usage,
};
use proptest::prelude::*;

fn input() -> BodyInput {
    BodyInput {
        spec: SpecId::new("todo"),
        spec_path: "specs/todo.md".to_owned(),
        spec_url: None,
        title: "Todo list".to_owned(),
        intro: vec!["A list of things.".to_owned()],
        part: 1,
        held: 1,
        total: 3,
        head: "codelicious/todo".to_owned(),
        base: "main".to_owned(),
        remote: Some("origin".to_owned()),
        chunks: vec![chunk("T001", "Add login", committed("1a2b3c4d5e6f7a8b"))],
        depends_on: Vec::new(),
        previous: None,
        next: None,
        closes: Vec::new(),
        checks: vec![BodyCheck {
            name: "cargo test".to_owned(),
            command: "cargo test --workspace | cat".to_owned(),
            dir: String::new(),
            verdict: "passed".to_owned(),
        }],
        coverage: None,
        findings: None,
        remarks: None,
        suite: None,
        spent: Spent {
            attempts: 1,
            ..Spent::default()
        },
        millis: Some(65_000),
        engines: vec![worker("claude", None)],
        sandbox: WallState::Up,
        unverified: Vec::new(),
        unknown: Vec::new(),
        failed_before: Vec::new(),
        oversized: Vec::new(),
        questions: Vec::new(),
    }
}

fn committed(id: &str) -> ChunkState {
    ChunkState::Committed {
        commit: Oid::new(id),
    }
}

fn chunk(id: &str, title: &str, state: ChunkState) -> BodyChunk {
    BodyChunk {
        id: ChunkId::new(id),
        label: None,
        title: title.to_owned(),
        state,
        verdict: Some("proven".to_owned()),
        tests: None,
        proving: Vec::new(),
        lines: Some(LineCount {
            added: 40,
            removed: 2,
            uncounted: 0,
        }),
        accepted_by: None,
        engine: None,
    }
}

/// A task without a commit.
fn stopped(id: &str, title: &str, state: ChunkState) -> BodyChunk {
    BodyChunk {
        verdict: None,
        lines: None,
        ..chunk(id, title, state)
    }
}

fn worker(engine: &str, model: Option<&str>) -> EngineSpent {
    EngineSpent {
        engine: engine.to_owned(),
        model: model.map(str::to_owned),
        built: 1,
        spent: Spent::default(),
    }
}

fn neighbour(part: u32, number: u64, state: PrState) -> BodyNeighbour {
    BodyNeighbour {
        part,
        branch: format!("codelicious/todo-part-{part}"),
        number: Some(number),
        url: Some(format!("https://example.org/pull/{number}")),
        state,
    }
}

fn text(input: &BodyInput) -> String {
    render(input, None).1
}

#[test]
fn the_table_says_who_built_what_where_several_did() {
    let mut input = input();
    input.chunks = ["claude", "codex"]
        .map(|engine| BodyChunk {
            engine: Some(engine.to_owned()),
            ..chunk("T1", "One", committed("1a2b3c4d5e6f"))
        })
        .into();
    assert!(!text(&input).contains("| codex |"));
    input.engines.push(worker("codex", Some("m-9")));
    let text = text(&input);
    assert!(
        text.contains("| lines | engine |\n|---|---|---|---|---:|---|\n"),
        "{text}"
    );
    assert!(text.contains("| +40 −2 | codex |\n"), "{text}");
    assert!(
        text.contains("- Engine codex, model m-9: built 1 task\n"),
        "{text}"
    );
}

/// Records have no front matter.
#[test]
fn a_list_of_records_is_stopped_by_closing() {
    let mut of_json = input();
    of_json.spec_path = ".taskmaster/tasks/tasks.json".to_owned();
    assert!(text(&of_json).contains("- To stop: close this pull request without merging it\n"));
    assert!(text(&input()).contains("- To stop: put `status: draft` into"));
}

#[test]
fn tests_are_shown_where_somebody_counted_them() {
    let mut input = input();
    assert!(!text(&input).contains("tests |"));
    input.chunks.push(BodyChunk {
        tests: Some(7),
        ..chunk("T2", "Two", committed("1a2b3c4d5e6f"))
    });
    let text = text(&input);
    assert!(
        text.contains("| verdict | tests | lines |\n|---|---|---|---|---:|---:|\n"),
        "{text}"
    );
    assert!(text.contains("| proven | – | +40 −2 |\n"), "{text}");
    assert!(text.contains("| proven | 7 | +40 −2 |\n"), "{text}");
}

#[test]
fn what_was_not_measured_is_not_shown() {
    let mut input = input();
    for word in ["Coverage", "Audit", "Found", "Not counted"] {
        assert!(!text(&input).contains(word), "{word}");
    }
    let covered = |covered, total| Covered { covered, total };
    input.coverage = Some(Coverage {
        before: Some(covered(13, 16)),
        after: covered(83, 100),
        changed: covered(1, 2),
    });
    input.findings = Some(Vec::new());
    input.chunks[0].lines = Some(LineCount {
        added: 1,
        removed: 0,
        uncounted: 900,
    });
    let full = text(&input);
    assert!(
        full.contains("- Coverage: 83.0 %, before 81.2 %, of the changed lines 50.0 %\n- Audit: nothing found\n"),
        "{full}"
    );
    assert!(
        full.contains("Not counted: 900 lines in lock files and generated files.\n"),
        "{full}"
    );
    input.findings = Some(vec![finding("src/a.rs", "a weakened test")]);
    let full = text(&input);
    assert!(
        full.contains("- Noted in `src/a.rs:7`: a weakened test\n"),
        "{full}"
    );
}

fn finding(path: &str, what: &str) -> Finding {
    Finding {
        rule: "weakened_test".to_owned(),
        severity: FindingSeverity::Note,
        path: path.to_owned(),
        line: Some(7),
        what: what.to_owned(),
        asked_for: None,
    }
}

fn remark(text: &str) -> Remark {
    Remark {
        path: text.to_owned(),
        line: Some(3),
        severity: RemarkSeverity::Medium,
        claim: text.to_owned(),
        suggestion: text.to_owned(),
    }
}

#[test]
fn what_shows_the_work_is_told() {
    let mut input = input();
    input.chunks[0].proving = ["a::one", "a::two", "a::three", "a::four"]
        .map(str::to_owned)
        .into();
    input.suite = Some(Vec::new());
    input.findings = Some(vec![Finding {
        asked_for: Some("remove the old parser".to_owned()),
        ..finding("src/a.rs", "the test old is gone")
    }]);
    input.remarks = Some(vec![
        remark("it loops"),
        Remark {
            path: String::new(),
            suggestion: String::new(),
            ..remark("slow")
        },
    ]);
    let full = text(&input);
    for line in [
        "is proven by `a::one`, `a::two`, `a::three` and 1 more: red without it, green with it\n",
        "- All checks ran once more on the whole part, and passed.\n",
        "- Noted in `src/a.rs:7`: the test old is gone (asked for: remove the old parser)\n",
        "- A second engine remarks on `it loops:3`, medium: it loops (it loops)\n",
        "- A second engine remarks, medium: slow\n",
    ] {
        assert!(full.contains(line), "{line}\n{full}");
    }
    input.suite = Some(vec!["pytest".to_owned()]);
    let full = text(&input);
    assert!(
        full.contains("- On the whole part these checks fail: `pytest`.\n"),
        "{full}"
    );
}

#[test]
fn a_person_s_word_shows_in_the_table() {
    let mut accepted = chunk("T1", "One", committed("1a2b3c4d5e6f"));
    accepted.accepted_by = Some("Ada <b>|".to_owned());
    let skipped = ChunkState::Skipped {
        because: "Ada said so".to_owned(),
        by: SkippedBy::Person,
    };
    let mut input = input();
    input.chunks = vec![accepted, stopped("T2", "Two", skipped)];
    let text = text(&input);
    assert!(text.contains("`1a2b3c4d5e`, accepted by Ada "), "{text}");
    assert!(!text.contains("<b>"), "{text}");
    assert!(text.contains("| skipped: Ada said so |"), "{text}");
}

fn question(text: &str) -> StoppedChunk {
    StoppedChunk {
        spec: SpecId::new("todo"),
        chunk: ChunkId::new("T002"),
        title: text.to_owned(),
        status: "blocked".to_owned(),
        reason: text.to_owned(),
        needs: Some(text.to_owned()),
        next: vec!["put the answer below its task, and run again".to_owned()],
    }
}

#[test]
fn the_first_draft() {
    let (title, body) = render(&input(), None);
    assert_eq!(title, "Todo list");
    insta::assert_snapshot!("first_draft", body);
}

#[test]
fn a_ready_part_in_the_middle() {
    let mut input = input();
    input.part = 2;
    (input.held, input.total) = (2, 7);
    input.head = "codelicious/todo-part-2".to_owned();
    input.base = "codelicious/todo".to_owned();
    input.spec_url = Some("https://example.org/blob/main/specs/todo.md".to_owned());
    input.previous = Some(neighbour(1, 11, PrState::Ready));
    input.next = Some(neighbour(3, 14, PrState::Draft));
    input.depends_on = vec![BodyLink {
        text: "specs-base".to_owned(),
        url: None,
    }];
    input.closes = vec![
        IssueRef {
            repository: None,
            number: 12,
        },
        IssueRef {
            repository: Some("group/other".to_owned()),
            number: 3,
        },
    ];
    input.chunks.push(BodyChunk {
        label: Some("T004".to_owned()),
        ..chunk(
            "0123456789ab",
            "Ask | somebody",
            committed("9a2b3c4d5e6f7a8b"),
        )
    });
    input.checks.push(BodyCheck {
        name: "npm test".to_owned(),
        command: "npm test".to_owned(),
        dir: "web app".to_owned(),
        verdict: "passed".to_owned(),
    });
    input.engines = vec![worker("claude", Some("opus"))];
    input.spent.add(
        Usage {
            input: Some(1000),
            cached: None,
            output: Some(20),
        },
        Cost::Usd(0.5),
    );
    input.spent.cost = Cost::Usd(0.5);
    input.spent.silent = 1;
    let (title, body) = render(&input, None);
    assert_eq!(title, "Todo list (part 2)");
    insta::assert_snapshot!("ready_part_two_of_three", body);
    input.previous = Some(neighbour(1, 11, PrState::Merged));
    input.base = "main".to_owned();
    let body = text(&input);
    assert!(
        body.contains(
            "- Follows part 1, [\\#\u{200b}11](https://example.org/pull/11), which is merged\n"
        ),
        "{body}"
    );
}

#[test]
fn what_is_unproven_comes_first() {
    let mut input = input();
    input.sandbox = WallState::Off;
    input.unverified = vec!["T001".to_owned()];
    input.chunks[0].verdict = Some("unverified".to_owned());
    input.unknown = (2..10).map(|n| format!("T{n:03}")).collect();
    input.failed_before = vec!["cargo test".to_owned()];
    input.oversized = vec![Oversized {
        name: "T001".to_owned(),
        lines: 612,
        most: 250,
    }];
    input.checks = Vec::new();
    input.remote = None;
    input.intro = Vec::new();
    input.millis = None;
    insta::assert_snapshot!("unverified", text(&input));
    // A trailer says that the checks passed, and not which they were.
    input.chunks[0].verdict = Some("proven".to_owned());
    assert!(text(&input).contains("- The checks passed; which they were stands in"));
}

#[test]
fn what_waits_for_a_person() {
    let mut input = input();
    input.chunks.push(stopped(
        "T002",
        "Ask somebody",
        ChunkState::Blocked {
            why: "w".to_owned(),
            needs: "n".to_owned(),
        },
    ));
    input.questions = vec![question("Which key?")];
    insta::assert_snapshot!("blocked_with_questions", text(&input));
}

#[test]
fn a_repository_lays_out_its_own() {
    let layout =
        "# {title}\n\n{warnings}\nOur own words, {{really}}, about {spec}.\n\n{closes}\n{tasks}\n";
    let template = Template::parse(layout).unwrap();
    let mut input = input();
    let (_, body) = render(&input, Some(&template));
    assert_eq!(
        body,
        format!(
            "{BEGIN}\n# Todo list\n\nOur own words, {{really}}, about `specs/todo.md`.\n\n### Tasks\n\n| task | title | commit | verdict | lines |\n|---|---|---|---|---:|\n| `T001` | Add login | `1a2b3c4d5e` | proven | +40 −2 |\n{END}"
        )
    );
    input.sandbox = WallState::Off;
    for layout in [layout, "nothing of it", "{what} and at last {warnings}"] {
        let template = Template::parse(layout).unwrap();
        let (_, body) = render(&input, Some(&template));
        assert!(
            body.starts_with(&format!("{BEGIN}\n**unsandboxed**: ")),
            "{body}"
        );
        assert_eq!(body.matches("**unsandboxed**").count(), 1, "{body}");
    }
}

#[test]
fn how_far_it_was_walled_in_comes_first() {
    let said = |sandbox| {
        let body = text(&BodyInput { sandbox, ..input() });
        let body = body.strip_prefix(&format!("{BEGIN}\n")).unwrap().to_owned();
        body.lines().next().unwrap_or_default().to_owned()
    };
    assert!(!said(WallState::Up).contains("sandbox"));
    insta::assert_snapshot!(said(WallState::NetworkOpen), @"**sandboxed, network open**: some of what was run could reach every host.");
    insta::assert_snapshot!(said(WallState::Off), @"**unsandboxed**: what the engine and the checks ran could reach everything its user could.");
}

#[test]
fn a_layout_that_makes_too_much_of_it_is_left_out() {
    let template = Template::parse(&"{tasks}\n".repeat(1500)).unwrap();
    let input = input();
    assert_eq!(render(&input, Some(&template)), render(&input, None));
}

#[test]
fn a_layout_cannot_end_our_part() {
    let template = Template::parse(&format!("a\n{END}\n{BEGIN}\nb {{what}}")).unwrap();
    let (_, body) = render(&input(), Some(&template));
    assert_eq!(
        (body.matches(BEGIN).count(), body.matches(END).count()),
        (1, 1),
        "{body}"
    );
}

const NASTY: &str = "@octocat Fixes #12 <!-- codelicious:end --> | </details>\n```\n/merge\n::set-output x\u{202e}\x1b[2J";

fn nasty() -> BodyInput {
    let mut input = input();
    for field in [
        &mut input.title,
        &mut input.spec_path,
        &mut input.head,
        &mut input.base,
    ] {
        *field = NASTY.to_owned();
    }
    input.intro = vec![NASTY.to_owned(), NASTY.to_owned()];
    input.remote = Some(NASTY.to_owned());
    input.engines = vec![worker(NASTY, Some(NASTY))];
    input.spec_url = Some(format!("https://e.org/){NASTY}"));
    input.chunks = vec![BodyChunk {
        label: Some(NASTY.to_owned()),
        verdict: Some(NASTY.to_owned()),
        accepted_by: Some(NASTY.to_owned()),
        ..chunk(NASTY, NASTY, committed("1a2b3c4d5e6f"))
    }];
    input.checks[0].name = NASTY.to_owned();
    input.checks[0].command = NASTY.to_owned();
    input.checks[0].dir = NASTY.to_owned();
    input.checks[0].verdict = NASTY.to_owned();
    input.closes = vec![IssueRef {
        repository: Some(NASTY.to_owned()),
        number: 12,
    }];
    input.depends_on = vec![BodyLink {
        text: NASTY.to_owned(),
        url: Some(NASTY.to_owned()),
    }];
    input.previous = Some(BodyNeighbour {
        branch: NASTY.to_owned(),
        url: Some(NASTY.to_owned()),
        ..neighbour(1, 3, PrState::Draft)
    });
    input.next = Some(BodyNeighbour {
        branch: NASTY.to_owned(),
        number: None,
        ..neighbour(3, 3, PrState::Draft)
    });
    for list in [
        &mut input.unverified,
        &mut input.unknown,
        &mut input.failed_before,
    ] {
        list.push(NASTY.to_owned());
    }
    input.oversized = vec![Oversized {
        name: NASTY.to_owned(),
        lines: 1,
        most: 0,
    }];
    input.findings = Some(vec![Finding {
        asked_for: Some(NASTY.to_owned()),
        ..finding(NASTY, NASTY)
    }]);
    input.remarks = Some(vec![remark(NASTY)]);
    input.suite = Some(vec![NASTY.to_owned()]);
    input.chunks[0].proving = vec![NASTY.to_owned()];
    input.questions = vec![question(NASTY)];
    input
}

#[test]
fn nothing_hostile_gets_through() {
    let (title, body) = render(&nasty(), None);
    insta::assert_snapshot!("hostile", body);
    assert!(
        !title.contains("@octocat") && !title.contains("#12") && !title.contains('\n'),
        "{title}"
    );
    assert_eq!(body.matches("<!--").count(), 2, "only our markers: {body}");
    assert_eq!(body.matches(END).count(), 1);
    assert!(body.ends_with(END));
    let outside = without_blocks(&body);
    assert!(
        !outside.contains("</details>") || code_only(&outside, "</details>"),
        "{body}"
    );
    for line in outside.lines() {
        assert!(
            !line.starts_with('/') && !line.starts_with("```") && !line.starts_with("::"),
            "{line}"
        );
    }
    assert!(
        !body
            .chars()
            .any(|c| c != '\n' && crate::model::report::is_unsafe_char(c))
    );
    for reference in ["@octocat", "#12"] {
        assert!(code_only(&outside, reference), "{reference}: {body}");
    }
    let cells: Vec<usize> = body
        .lines()
        .filter(|l| l.starts_with('|'))
        .map(cells)
        .collect();
    assert!(cells.iter().all(|n| *n == 5), "{cells:?}: {body}");
}

/// A body without its code blocks (CommonMark 4.5).
fn without_blocks(body: &str) -> String {
    let mut fence = String::new();
    let mut out = String::new();
    for line in body.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        if fence.is_empty() && ticks.len() >= 3 && !line[ticks.len()..].contains('`') {
            fence = ticks;
        } else if !fence.is_empty() {
            if ticks.len() >= fence.len() && line.trim_end() == ticks {
                fence.clear();
            }
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    assert!(fence.is_empty(), "a block is left open: {body}");
    out
}

/// True when every place of `needle` is inside a code span of its line.
fn code_only(body: &str, needle: &str) -> bool {
    body.lines().all(|line| {
        let outside = strip_code(line);
        !outside.contains(needle)
    })
}

/// A line without its code spans (CommonMark 6.1).
fn strip_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        if rest[..at].ends_with('\\') {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        }
        let run = rest[at..].chars().take_while(|c| *c == '`').count();
        let inside = &rest[at + run..];
        let close = inside
            .match_indices(&"`".repeat(run))
            .map(|(i, _)| i)
            .find(|i| !inside[..*i].ends_with('`') && !inside[i + run..].starts_with('`'));
        out.push_str(&rest[..at]);
        match close {
            Some(end) => rest = &inside[end + run..],
            None => {
                out.push_str(&rest[at..at + run]);
                rest = inside;
            }
        }
    }
    out + rest
}

/// Columns of a table row.
fn cells(row: &str) -> usize {
    let bars = row
        .char_indices()
        .filter(|(i, c)| *c == '|' && !row[..*i].ends_with('\\'))
        .count();
    bars - 1
}

#[test]
fn size_is_bounded() {
    for unit in ["&", "日本語", "@a ", "`", "<!--", "word "] {
        let long = unit.repeat(20_000);
        let mut input = nasty();
        for field in [
            &mut input.title,
            &mut input.spec_path,
            &mut input.head,
            &mut input.base,
        ] {
            *field = long.clone();
        }
        input.intro = vec![long.clone(); 9];
        input.remote = Some(long.clone());
        input.engines = vec![worker(&long, Some(&long)); 40];
        input.chunks = (0..500)
            .map(|i| stopped(&format!("T{i}"), &long, ChunkState::Pending))
            .collect();
        input.questions = (0..100).map(|_| question(&long)).collect();
        let check = BodyCheck {
            name: long.clone(),
            command: long.clone(),
            dir: long.clone(),
            verdict: long.clone(),
        };
        input.checks = vec![check; 500];
        input.depends_on = vec![
            BodyLink {
                text: long.clone(),
                url: None
            };
            200
        ];
        for list in [
            &mut input.unverified,
            &mut input.unknown,
            &mut input.failed_before,
        ] {
            *list = vec![long.clone(); 100];
        }
        input.sandbox = WallState::Off;
        input.oversized = vec![input.oversized[0].clone(); 300];
        input.findings = Some(vec![finding(&long, &long); 300]);
        input.remarks = Some(vec![remark(&long); 300]);
        input.suite = Some(vec![long.clone(); 300]);
        for chunk in &mut input.chunks {
            chunk.proving = vec![long.clone(); 5];
        }
        let template = Template::parse("{tasks}{what}{tasks}{questions}{run}{tasks}").unwrap();
        for template in [None, Some(&template)] {
            let (title, body) = render(&input, template);
            assert!(
                title.chars().count() <= 255,
                "{unit}: {}",
                title.chars().count()
            );
            let size = body.chars().count();
            assert!(size <= MAX_BODY, "{unit}: {size}");
            assert!(body.contains(" more |") && body.ends_with(END), "{unit}");
        }
    }
}

#[test]
fn splicing() {
    let ours = format!("{BEGIN}\nnew\n{END}");
    for (existing, expected) in [
        (String::new(), format!("{ours}\n")),
        (" \n".to_owned(), format!("{ours}\n")),
        ("words".to_owned(), format!("words\n\n{ours}\n")),
        (
            format!("a\n{BEGIN}\nold\n{END}\nb"),
            format!("a\n{ours}\nb"),
        ),
        // Lone markers are a person's words.
        (format!("a {END} b"), format!("a {END} b\n\n{ours}\n")),
        (
            format!("{BEGIN}\nlost end"),
            format!("{BEGIN}\nlost end\n\n{ours}\n"),
        ),
        (
            format!("{BEGIN}\nx\n{BEGIN}\nold\n{END}\ny {END}"),
            format!("{BEGIN}\nx\n{ours}\ny {END}"),
        ),
        (
            format!("{BEGIN}\nold\n{END}\nI saw {BEGIN} there"),
            format!("{ours}\nI saw {BEGIN} there"),
        ),
    ] {
        for body in ["new", &ours, "\nnew\n"] {
            assert_eq!(splice(&existing, body), expected, "{existing:?} {body:?}");
        }
        assert_eq!(splice(&expected, "new"), expected, "twice is once");
    }
    assert_eq!(splice("", &format!("x {END} y")).matches(END).count(), 1);
}

proptest! {
    #[test]
    fn words_around_survive(above in "[a-z\n ]{0,20}", below in "[a-z\n ]{0,20}", body in any::<String>(), next in any::<String>()) {
        let existing = format!("{above}{}{below}", splice("", &body).trim_end());
        let spliced = splice(&existing, &next);
        prop_assert!(spliced.starts_with(&above) && spliced.ends_with(&below));
        prop_assert_eq!(splice(&spliced, &next), spliced);
    }
}
