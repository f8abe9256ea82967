use super::*;
use crate::model::report::{
    PrReport, REPORT_SCHEMA, Spent, StoppedChunk, SummarySpec, Undelivered,
};
use crate::model::{ChunkState, Cost, PrState, RunId, SpecId, Usage};

fn sample() -> SummaryReport {
    let failed = ChunkState::Failed { why: "cargo test failed after 2 fixes:\nassertion `left == right` failed at src/lib.rs:12, which was green before".to_owned() };
    let mut spent = Spent::default();
    spent.add(
        Usage {
            input: Some(12_000),
            cached: None,
            output: Some(345),
        },
        Cost::Usd(0.336),
    );
    SummaryReport {
        schema: REPORT_SCHEMA,
        run: RunId::new("20231114T221320Z-abcdef"),
        exit: ExitCode::Incomplete,
        specs: vec![SummarySpec {
            id: SpecId::new("todo"),
            path: "specs/todo.md".to_owned(),
            title: "Todo".to_owned(),
            branch: "codelicious/todo".to_owned(),
            done: 3,
            total: 4,
            prs: vec![PrReport {
                part: 1,
                branch: "codelicious/todo".to_owned(),
                base: "main".to_owned(),
                number: Some(1),
                url: Some(".codelicious/prs/1.md".to_owned()),
                state: PrState::Draft,
            }],
            stopped: vec![
                StoppedChunk::of(
                    &"todo".into(),
                    "specs/todo.md",
                    &"T004".into(),
                    "Add logout",
                    &failed,
                )
                .unwrap(),
            ],
            undelivered: Some(Undelivered {
                branch: "codelicious/todo".to_owned(),
                tip: None,
                failure: None,
                message: String::new(),
                remedy: None,
                remote: None,
            }),
            unverified: 2,
        }],
        committed: 3,
        diagnostics: Vec::new(),
        sandbox: WallState::Off,
        spent,
        millis: 133_000,
        postmortem: None,
        next: Some("codelicious .".to_owned()),
    }
}

#[test]
fn a_summary_for_people() {
    let text = render(&sample(), &UiOptions::default());
    insta::assert_snapshot!(text, @r"
    specs/todo.md  Todo  3/4 done
      branch codelicious/todo
      PR #1 part 1, draft: .codelicious/prs/1.md
      failed  T004  Add logout
          cargo test failed after 2 fixes: assertion `left == right` failed at
          src/lib.rs:12, which was green before
          to go on: codelicious retry todo:T004, and run again
          or say more in its task in specs/todo.md, and run again
          or codelicious skip todo:T004 leaves it out
      not pushed codelicious/todo
          there is no remote
          type git remote add origin <url>
          then git push origin codelicious/todo
      unverified: no check looked at 2 of the commits

    unsandboxed: what the engine and the checks ran could reach everything you can
    3 chunks committed in 2 min 13 s; 1 attempt: 12,345 tokens, $0.34
    exit 1: finished, but some chunks failed or work could not be delivered
    next: codelicious .
    ");
    assert!(text.lines().all(|l| l.len() <= 80), "{text}");
}

#[test]
fn all_is_well() {
    let mut report = sample();
    report.exit = ExitCode::Done;
    report.sandbox = WallState::Up;
    report.next = None;
    let spec = &mut report.specs[0];
    (spec.done, spec.unverified, spec.undelivered) = (4, 0, None);
    spec.stopped.clear();
    spec.prs[0].state = PrState::Ready;
    spec.prs[0].url = Some("https://example.org/1".to_owned());
    insta::assert_snapshot!(render(&report, &UiOptions::default()), @r"
    specs/todo.md  Todo  4/4 done
      branch codelicious/todo
      PR #1 part 1, ready: https://example.org/1

    3 chunks committed in 2 min 13 s; 1 attempt: 12,345 tokens, $0.34
    exit 0: everything asked for is done and delivered
    ");
}

#[test]
fn an_open_network_is_said() {
    let report = SummaryReport {
        sandbox: WallState::NetworkOpen,
        ..sample()
    };
    let text = render(&report, &UiOptions::default());
    let line = text.lines().find(|l| l.starts_with("sandboxed"));
    insta::assert_snapshot!(line.unwrap_or_default(), @"sandboxed, network open: some of what was run could reach every host");
    let json = json(&report);
    assert_eq!(json["sandbox"], WallState::NetworkOpen.word());
    assert_eq!(json["unsandboxed"], false);
}

#[test]
fn json_says_the_code() {
    let json = json(&sample());
    assert_eq!(json["exit"], "incomplete");
    assert_eq!(json["code"], 1);
    assert_eq!(json["meaning"], ExitCode::Incomplete.meaning());
    assert_eq!(
        json["specs"][0]["undelivered"]["failure"],
        serde_json::Value::Null
    );
    assert_eq!(json["spent"]["cost"]["usd"], 0.336);
}
