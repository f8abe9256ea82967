use super::*;
use crate::model::policy::WallState;
use crate::model::push::PushFailureKind;
use crate::model::report::{REPORT_SCHEMA, Spent, Undelivered};
use crate::model::{ChunkState, Cost, Rule, RunId, SkippedBy, Usage};
use proptest::prelude::*;

fn stopped_as(chunk: &str, title: &str, state: &ChunkState) -> StoppedChunk {
    StoppedChunk::of(&"todo".into(), "specs/todo.md", &chunk.into(), title, state).unwrap()
}

fn pr(part: u32, state: PrState, url: Option<&str>) -> PrReport {
    PrReport {
        part,
        branch: format!("codelicious/todo-part-{part}"),
        base: "main".to_owned(),
        number: Some(u64::from(part) + 40),
        url: url.map(str::to_owned),
        state,
    }
}

fn sample() -> SummaryReport {
    let mut spent = Spent::default();
    spent.add(
        Usage {
            input: Some(12_000),
            cached: None,
            output: Some(345),
        },
        Cost::Usd(0.336),
    );
    let failed = ChunkState::Failed {
        why: "cargo test failed:\n::error::pwned\n::stop-commands::x 100% | <b>".to_owned(),
    };
    let blocked = ChunkState::Blocked {
        why: "two ways".to_owned(),
        needs: "which one, @octocat?".to_owned(),
    };
    let skipped = ChunkState::Skipped {
        because: "T004 did not commit".to_owned(),
        by: SkippedBy::Dependency,
    };
    SummaryReport {
        schema: REPORT_SCHEMA,
        run: RunId::new("20231114T221320Z-abcdef"),
        exit: ExitCode::Incomplete,
        specs: vec![SummarySpec {
            id: SpecId::new("todo"),
            path: "specs/todo, 100%:x.md".to_owned(),
            title: "Todo | ``` #12".to_owned(),
            branch: "codelicious/todo".to_owned(),
            done: 3,
            total: 6,
            prs: vec![
                pr(1, PrState::Merged, Some("https://example.org/pull/41")),
                pr(2, PrState::Ready, Some("https://example.org/pull/42")),
                pr(3, PrState::Draft, Some(".codelicious/prs/3.md")),
                pr(4, PrState::Draft, None),
            ],
            stopped: vec![
                stopped_as("T004", "Add logout,\ntoo", &failed),
                stopped_as("T005", "Choose", &blocked),
                stopped_as("T006", "After", &skipped),
            ],
            undelivered: Some(Undelivered {
                branch: "codelicious/todo".to_owned(),
                tip: None,
                failure: Some(PushFailureKind::HookDeclined),
                message: "remote: ::add-mask::a\nno".to_owned(),
                remedy: Some("ask for the right to push".to_owned()),
                remote: Some("origin".to_owned()),
            }),
            unverified: 2,
        }],
        committed: 3,
        diagnostics: vec![Diagnostic {
            rule: Rule::Unreadable,
            severity: Severity::Error,
            path: "specs/bad.md".to_owned(),
            line: 3,
            message: "not UTF-8".to_owned(),
            remedy: "save it as UTF-8".to_owned(),
        }],
        sandbox: WallState::Off,
        spent,
        millis: 133_000,
        postmortem: Some(".codelicious/postmortem-1.md".to_owned()),
        next: Some("codelicious --endpoint https://example.org .".to_owned()),
    }
}

fn lines() -> Lines {
    [("T004", 7), ("T005", 9)]
        .map(|(chunk, line)| ((SpecId::new("todo"), ChunkId::new(chunk)), line))
        .into()
}

#[test]
fn annotations_of_a_run() {
    let text = commands(&of_summary(&sample(), &lines()));
    insta::assert_snapshot!(text);
    let said = [
        (
            ExitCode::Deadline,
            "::notice title=codelicious::the deadline",
        ),
        (
            ExitCode::Terminated,
            "::warning title=codelicious::ended by SIGTERM",
        ),
    ];
    for (exit, line) in said {
        let report = SummaryReport { exit, ..sample() };
        let text = commands(&of_summary(&report, &lines()));
        assert!(text.lines().any(|l| l.starts_with(line)), "{text}");
    }
}

#[test]
fn what_the_toolkit_escapes_is_escaped() {
    for (title, message, line) in [
        ("a", "b", "::error title=a::b"),
        ("50%", "50%", "::error title=50%25::50%25"),
        ("a:b,c", "a:b,c", "::error title=a%3Ab%2Cc::a:b,c"),
        ("a\nb", "a\nb\r\nc", "::error title=a b::a%0Ab%0Ac"),
        ("%0A", "%0A::x", "::error title=%250A::%250A::x"),
        ("\x1b[1m", "a\rb", "::error title=␛[1m::a␍b"),
    ] {
        let annotation = Annotation {
            level: Level::Error,
            title: title.to_owned(),
            place: None,
            message: message.to_owned(),
        };
        assert_eq!(commands(&[annotation]), format!("{line}\n"));
    }
    let placed = |line| Annotation {
        place: Some(("specs/a,b:c.md".to_owned(), line)),
        ..ended("no", "type this")
    };
    assert_eq!(
        commands(&[placed(0), placed(4)]),
        "::error file=specs/a%2Cb%3Ac.md,title=codelicious::no%0Atype this\n\
         ::error file=specs/a%2Cb%3Ac.md,line=4,title=codelicious::no%0Atype this\n"
    );
}

#[test]
fn ten_of_each_level_are_told_and_the_last_says_how_many_more_there_are() {
    let of = |level, n: usize| Annotation {
        level,
        title: format!("{n}"),
        place: None,
        message: "m".to_owned(),
    };
    for (there, told, last) in [
        (0, 0, None),
        (10, 10, Some("::warning title=9::m")),
        (
            11,
            10,
            Some("::warning title=codelicious::and 2 more: the log has them all"),
        ),
        (
            500,
            10,
            Some("::warning title=codelicious::and 491 more: the log has them all"),
        ),
    ] {
        let all: Vec<_> = (0..there).map(|n| of(Level::Warning, n)).collect();
        let text = commands(&all);
        assert_eq!(text.lines().count(), told, "{there}");
        assert_eq!(text.lines().last(), last);
    }
    let mixed = [
        of(Level::Notice, 1),
        of(Level::Error, 2),
        of(Level::Warning, 3),
    ];
    let text = commands(&mixed);
    let order: Vec<&str> = text.lines().filter_map(|l| l.split(' ').next()).collect();
    assert_eq!(order, ["::error", "::warning", "::notice"]);
    let long = commands(&[ended(&"é".repeat(100_000), "")]);
    assert!(long.chars().count() < LONGEST_MESSAGE + 100);
}

#[test]
fn the_summary_of_a_step() {
    insta::assert_snapshot!(step_summary(&sample(), None, SUMMARY_BYTES));
    let open = SummaryReport {
        sandbox: WallState::NetworkOpen,
        ..sample()
    };
    let page = step_summary(&open, None, SUMMARY_BYTES);
    assert!(
        page.contains(
            "\n**Sandboxed, network open**: some of what was run could reach every host.\n"
        ),
        "{page}"
    );
    let quiet = SummaryReport {
        exit: ExitCode::Setup,
        specs: Vec::new(),
        diagnostics: Vec::new(),
        sandbox: WallState::Up,
        postmortem: None,
        next: None,
        ..sample()
    };
    assert_eq!(
        step_summary(&quiet, Some("no `git` <here>\n# x"), 4_000),
        "## codelicious: usage, configuration, spec or set-up error\n\nno \\`git\\` &lt;here&gt; # x\n\n\
         3 chunks committed in 2 min 13 s; 1 attempt: 12,345 tokens, \\$0.34. Exit code 2 (`setup`).\n\n"
    );
    assert_eq!(
        broken_off(ExitCode::Locked, Some("held by 12"), 4_000),
        "## codelicious: another run holds the lock\n\nheld by 12\n\nExit code 75 (`locked`).\n\n"
    );
}

#[test]
fn a_summary_never_takes_more_than_there_is_room_for() {
    let mut report = sample();
    let spec = report.specs[0].clone();
    report.specs = vec![spec; 3_000];
    let whole = step_summary(&report, None, usize::MAX);
    assert!(whole.len() > SUMMARY_BYTES, "{}", whole.len());
    for room in [0, 1, 99, 100, 101, 1_000, 65_536, SUMMARY_BYTES] {
        let text = step_summary(&report, Some("it ended"), room);
        assert!(text.len() <= room, "{} for {room}", text.len());
        if room >= 1_000 {
            assert!(
                text.ends_with("there is no room for more here.\n\n"),
                "{room}"
            );
        }
    }
}

#[test]
fn outputs_of_a_run() {
    let of = Outputs::of(&sample(), Some(0.336));
    assert_eq!(
        outputs(&of, ExitCode::Incomplete, "W"),
        "prs<<W\n[\"https://example.org/pull/42\",\".codelicious/prs/3.md\"]\nW\n\
         status<<W\nincomplete\nW\ncost<<W\n0.3360\nW\nexit-code<<W\n1\nW\n\
         postmortem<<W\n.codelicious/postmortem-1.md\nW\n"
    );
    assert_eq!(
        outputs(&Outputs::default(), ExitCode::Setup, "W"),
        "prs<<W\n[]\nW\nstatus<<W\nsetup\nW\ncost<<W\n\nW\nexit-code<<W\n2\nW\npostmortem<<W\n\nW\n"
    );
}

#[test]
fn a_matrix_has_the_specs_with_open_work() {
    use crate::model::report::{PlanChunk, PlanSpec};
    use crate::model::spec::SpecStatus;
    let chunk = |done, reason: Option<&str>| PlanChunk {
        depends_on: Vec::new(),
        done,
        files: Vec::new(),
        id: "T001".into(),
        label: None,
        line: 1,
        part: None,
        reason: reason.map(str::to_owned),
        split: None,
        status: "pending".to_owned(),
        task: "T001".into(),
        title: "t".to_owned(),
        tokens: 1,
    };
    let spec = |id: &str, not_built: Option<&str>, chunks| PlanSpec {
        format: "Markdown",
        left_out: Vec::new(),
        branch: String::new(),
        chunks,
        depends_on: Vec::new(),
        done: 0,
        id: SpecId::new(id),
        not_built: not_built.map(str::to_owned),
        parts: Vec::new(),
        path: format!("specs/{id}.md"),
        priority: None,
        status: SpecStatus::default(),
        title: "A \"quoted\"\u{9b}\n::title".to_owned(),
        total: 1,
    };
    let plan = |specs| PlanReport {
        base: None,
        diagnostics: Vec::new(),
        next: None,
        schema: REPORT_SCHEMA,
        specs,
        warnings: Vec::new(),
    };
    let open = || vec![chunk(false, None), chunk(true, None), chunk(false, None)];
    let some = plan(vec![
        spec("a", None, open()),
        spec("done", None, vec![chunk(true, None)]),
        spec("stopped", None, vec![chunk(false, Some("failed"))]),
        spec("draft", Some("it is a draft"), open()),
    ]);
    assert_eq!(
        matrix(&some),
        (
            r#"{"include":[{"spec":"specs/a.md","id":"a","title":"A \"quoted\"\u009b\n::title","open":2}]}"#
                .to_owned(),
            0
        )
    );
    assert_eq!(matrix(&plan(Vec::new())).0, r#"{"include":[]}"#);
    let many = plan(
        (0..300)
            .map(|n| spec(&format!("s{n}"), None, open()))
            .collect(),
    );
    let (line, left_out) = matrix(&many);
    assert_eq!(left_out, 300 - MATRIX_JOBS);
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["include"].as_array().unwrap().len(), MATRIX_JOBS);
}

proptest! {
    /// Whatever text goes in, one annotation is one line, and its title and place end where they should.
    #[test]
    fn no_text_gets_out_of_its_annotation(title in any::<String>(), path in any::<String>(), message in any::<String>()) {
        let one = Annotation { level: Level::Warning, title, place: Some((path, 3)), message };
        let text = commands(&[one]);
        prop_assert_eq!(text.lines().count(), 1);
        let rest = text.strip_prefix("::warning ").expect("it begins so");
        let (properties, _) = rest.split_once("::").expect("it has a message");
        let names: Vec<&str> = properties.split(',').filter_map(|p| p.split('=').next()).collect();
        prop_assert_eq!(names, ["file", "line", "title"]);
        prop_assert!(!text.contains('\r'));
    }

    #[test]
    fn outputs_are_read_back(pr in any::<String>(), page in "[^\r\n]{0,40}") {
        let given = Outputs { prs: vec![pr.clone()], cost: None, postmortem: Some(page.clone()) };
        let text = outputs(&given, ExitCode::Done, "W0RD");
        let mut read = BTreeMap::new();
        let mut lines = text.split('\n');
        while let Some((name, word)) = lines.next().and_then(|l| l.split_once("<<")) {
            let value: Vec<&str> = lines.by_ref().take_while(|l| *l != word).collect();
            read.insert(name, value.join("\n"));
        }
        prop_assert_eq!(read.len(), 5);
        prop_assert_eq!(serde_json::from_str::<Vec<String>>(&read["prs"]).unwrap(), [pr]);
        prop_assert_eq!(&read["postmortem"], &page);
        prop_assert_eq!(&read["cost"], "");
    }
}
