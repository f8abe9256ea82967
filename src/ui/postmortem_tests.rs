use super::*;
use crate::model::effect::PushFailureKind;
use crate::model::policy::WallState;
use crate::model::report::{StateCounts, StoppedChunk};
use crate::model::{ChunkState, ExitCode, RunId};

use chrono::DateTime;

#[test]
fn the_wall_is_said() {
    for state in [WallState::Up, WallState::NetworkOpen, WallState::Off] {
        let page = render(&PostmortemReport {
            sandbox: state,
            ..sample()
        });
        let line = format!("- {}", state.word());
        assert_eq!(page.lines().filter(|l| *l == line).count(), 1, "{page}");
    }
}

fn sample() -> PostmortemReport {
    let failed = ChunkState::Failed {
        why: "tests fail".to_owned(),
    };
    PostmortemReport {
        version: "0.1.0".to_owned(),
        run: RunId::new("20231114T221320Z-abcdef"),
        ended: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        exit: ExitCode::Terminated,
        reason: "SIGTERM".to_owned(),
        engine: "claude".to_owned(),
        forge: "local".to_owned(),
        sandbox: WallState::Off,
        counts: [&ChunkState::Pending, &failed]
            .into_iter()
            .collect::<StateCounts>(),
        in_flight: vec!["todo:T003 engine at work, attempt 1".to_owned()],
        stopped: vec![
            StoppedChunk::of(
                &"todo".into(),
                "specs/todo.md",
                &"T002".into(),
                "t",
                &failed,
            )
            .unwrap(),
        ],
        undelivered: vec![Undelivered {
            branch: "codelicious/todo".to_owned(),
            tip: None,
            failure: Some(PushFailureKind::Protected),
            message: "GH006:\nProtected branch".to_owned(),
            remedy: Some(PushFailureKind::Protected.remedy().to_owned()),
            remote: Some("origin".to_owned()),
        }],
        log_tail: vec![
            "first".to_owned(),
            "```` a fence\x1b[2J\r".to_owned(),
            "::error::no".to_owned(),
        ],
        log_path: ".codelicious/logs/x.log".to_owned(),
        next: "codelicious .".to_owned(),
    }
}

#[test]
fn the_page() {
    insta::assert_snapshot!(render(&sample()).replace('\u{200b}', "<break>"), @r"
    # Run 20231114T221320Z-abcdef ended early

    2023-11-14 22:13:20 UTC: exit 143, ended by SIGTERM.

    ## Reason

    ```text
    SIGTERM
    ```

    ## Go on

    ```sh
    codelicious .
    ```

    ## Chunks

    | state | chunks |
    |---|---|
    | pending | 1 |
    | failed | 1 |

    ## In flight

    ```text
    todo:T003 engine at work, attempt 1
    ```

    ## Stopped

    ```text
    todo:T002 failed: tests fail
        to go on: codelicious retry todo:T002, and run again
        or say more in its task in specs/todo.md, and run again
        or codelicious skip todo:T002 leaves it out
    ```

    ## Not pushed

    ```text
    codelicious/todo: GH006: Protected branch
        to mend it: let this account push to branches named codelicious/* in the remote's rules for branches
        or type git push origin codelicious/todo
    ```

    ## Run

    - codelicious 0.1.0
    - engine claude
    - forge local
    - unsandboxed

    ## Last log lines

    The whole log: .codelicious/logs/x.log

    `````text
    first
    ```` a fence␛[2J
    :\:error::no
    `````
    ");
}

#[test]
fn the_log_is_bounded() {
    let mut report = sample();
    report.log_tail = (0..1000)
        .map(|i| format!("{i} {}", "é".repeat(10_000)))
        .collect();
    report.in_flight.clear();
    report.stopped.clear();
    let text = render(&report);
    assert!(text.contains("\n999 é") && !text.contains("\n799 é"));
    assert!(text.chars().count() < (LOG_COLUMNS + 2) * LOG_LINES + 2000);
    assert!(text.contains("## In flight\n\nNothing.\n"));
}
