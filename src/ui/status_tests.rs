use super::*;
use crate::model::effect::PushFailureKind;
use crate::model::report::{
    ChunkSpent, EngineSpent, LockHolder, REPORT_SCHEMA, Spent, StateCounts,
};
use crate::model::{ChunkId, ChunkState, Cost, Oid, RunId, SkippedBy, SpecId, Usage};
use chrono::DateTime;

fn sample() -> StatusReport {
    let states = [
        ChunkState::Committed {
            commit: Oid::new("1a2b3c4d5e6f"),
        },
        ChunkState::Pending,
        ChunkState::Blocked {
            why: "the key is missing".to_owned(),
            needs: "Which key opens the door to the staging system, and who may have it?"
                .to_owned(),
        },
        ChunkState::NeedsReview {
            why: "no change and no reason".to_owned(),
        },
        ChunkState::Skipped {
            because: "T003 did not commit".to_owned(),
            by: SkippedBy::Dependency,
        },
    ];
    let id = SpecId::new("todo");
    let stopped = states
        .iter()
        .enumerate()
        .filter_map(|(i, s)| {
            StoppedChunk::of(
                &id,
                "specs/todo.md",
                &ChunkId::new(format!("T00{}", i + 1)),
                "Open the door",
                s,
            )
        })
        .collect();
    let mut spent = Spent::default();
    spent.add(
        Usage {
            input: Some(12_000),
            cached: Some(300),
            output: Some(45),
        },
        Cost::Usd(0.34),
    );
    spent.add(Usage::default(), Cost::Unknown);
    spent.lost = 1;
    spent.charged.usd = Some(2.0);
    let worker = |engine: &str, spent| EngineSpent {
        engine: engine.to_owned(),
        model: None,
        built: 1,
        spent,
    };
    StatusReport {
        schema: REPORT_SCHEMA,
        lock: Some(LockHolder {
            pid: 4711,
            run: RunId::new("20231114T221320Z-abcdef"),
            host: "box\x1b[31m".to_owned(),
            started: DateTime::from_timestamp(1_700_000_000, 0),
        }),
        specs: vec![StatusSpec {
            id,
            path: "specs/todo.md".to_owned(),
            title: "Todo".to_owned(),
            branch: "codelicious/todo".to_owned(),
            done: 1,
            total: 5,
            counts: states.iter().collect::<StateCounts>(),
            stopped,
            spent,
            engines: vec![worker("claude", spent), worker("codex", Spent::default())],
            chunks: vec![ChunkSpent {
                chunk: ChunkId::new("T001"),
                title: "Build the door".to_owned(),
                spent,
            }],
            prs: vec![PrReport {
                part: 1,
                branch: "codelicious/todo".to_owned(),
                base: "main".to_owned(),
                number: Some(1),
                url: Some(".codelicious/prs/1.md".to_owned()),
                state: PrState::Draft,
            }],
            undelivered: Some(Undelivered {
                branch: "codelicious/todo".to_owned(),
                tip: None,
                failure: Some(PushFailureKind::Auth),
                message: "the remote refused the key".to_owned(),
                remedy: Some("renew the key".to_owned()),
                remote: Some("origin".to_owned()),
            }),
            unverified: 1,
        }],
        diagnostics: Vec::new(),
        next: Some("codelicious .".to_owned()),
    }
}

#[test]
fn a_status_for_people() {
    let text = render(&sample(), &UiOptions::default());
    insta::assert_snapshot!(text, @r"
    run 20231114T221320Z-abcdef is going on: pid 4711 on box␛[31m since 2023-11-14
    22:13:20 UTC

    specs/todo.md  Todo  1/5 done
      1 pending, 1 committed, 1 needs review, 1 blocked, 1 skipped
      2 attempts: 12,345 tokens (1 did not say), cost unknown; 1 lost in a crash,
      charged $2.00
        claude: 2 attempts: 12,345 tokens (1 did not say), cost unknown; 1 lost in a
        crash, charged $2.00
        codex: no engine run
      branch codelicious/todo
      PR #1 part 1, draft: .codelicious/prs/1.md
      blocked  T003  Open the door
          the key is missing
          needs: Which key opens the door to the staging system, and who may have
          it?
          to go on: codelicious answer todo:T003 TEXT, and run again
          or put the answer below its task in specs/todo.md, and run again
          or codelicious skip todo:T003 leaves it out
      needs review  T004  Open the door
          no change and no reason
          to go on: codelicious accept todo:T004 takes the work as it is
          or codelicious retry todo:T004 has it built anew
          or say more in its task in specs/todo.md, and run again
      skipped  T005  Open the door
          T003 did not commit
      not pushed codelicious/todo
          the remote refused the key
          to mend it: renew the key
          type git push origin codelicious/todo
      unverified: no check looked at 1 of the commits

    next: codelicious .
    ");
    assert!(text.lines().all(|l| width(l) <= 80), "{text}");
}

#[test]
fn nothing_known() {
    let empty = StatusReport {
        schema: REPORT_SCHEMA,
        lock: None,
        specs: Vec::new(),
        diagnostics: Vec::new(),
        next: None,
    };
    insta::assert_snapshot!(render(&empty, &UiOptions::default()), @"no specs found; `codelicious init` writes a first one");
}

#[test]
fn the_documented_shape() {
    let mut report = sample();
    report.specs[0].stopped.truncate(1);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&report)).unwrap(), @r#"
    {
      "diagnostics": [],
      "lock": {
        "host": "box\u001b[31m",
        "pid": 4711,
        "run": "20231114T221320Z-abcdef",
        "started": "2023-11-14T22:13:20Z"
      },
      "next": "codelicious .",
      "schema": 1,
      "specs": [
        {
          "branch": "codelicious/todo",
          "chunks": [
            {
              "chunk": "T001",
              "spent": {
                "attempts": 2,
                "charged": {
                  "tokens": null,
                  "usd": 2.0
                },
                "cost": "unknown",
                "lost": 1,
                "silent": 1,
                "usage": {
                  "cached": 300,
                  "input": 12000,
                  "output": 45
                }
              },
              "title": "Build the door"
            }
          ],
          "counts": {
            "awaiting_approval": 0,
            "blocked": 1,
            "committed": 1,
            "failed": 0,
            "fixing": 0,
            "in_progress": 0,
            "needs_review": 1,
            "pending": 1,
            "skipped": 1,
            "verifying": 0
          },
          "done": 1,
          "engines": [
            {
              "built": 1,
              "engine": "claude",
              "model": null,
              "spent": {
                "attempts": 2,
                "charged": {
                  "tokens": null,
                  "usd": 2.0
                },
                "cost": "unknown",
                "lost": 1,
                "silent": 1,
                "usage": {
                  "cached": 300,
                  "input": 12000,
                  "output": 45
                }
              }
            },
            {
              "built": 1,
              "engine": "codex",
              "model": null,
              "spent": {
                "attempts": 0,
                "charged": {
                  "tokens": null,
                  "usd": null
                },
                "cost": "unknown",
                "lost": 0,
                "silent": 0,
                "usage": {
                  "cached": null,
                  "input": null,
                  "output": null
                }
              }
            }
          ],
          "id": "todo",
          "path": "specs/todo.md",
          "prs": [
            {
              "base": "main",
              "branch": "codelicious/todo",
              "number": 1,
              "part": 1,
              "state": "draft",
              "url": ".codelicious/prs/1.md"
            }
          ],
          "spent": {
            "attempts": 2,
            "charged": {
              "tokens": null,
              "usd": 2.0
            },
            "cost": "unknown",
            "lost": 1,
            "silent": 1,
            "usage": {
              "cached": 300,
              "input": 12000,
              "output": 45
            }
          },
          "stopped": [
            {
              "chunk": "T003",
              "needs": "Which key opens the door to the staging system, and who may have it?",
              "next": [
                "codelicious answer todo:T003 TEXT, and run again",
                "put the answer below its task in specs/todo.md, and run again",
                "codelicious skip todo:T003 leaves it out"
              ],
              "reason": "the key is missing",
              "spec": "todo",
              "status": "blocked",
              "title": "Open the door"
            }
          ],
          "title": "Todo",
          "total": 5,
          "undelivered": {
            "branch": "codelicious/todo",
            "failure": "auth",
            "message": "the remote refused the key",
            "remedy": "renew the key",
            "remote": "origin",
            "tip": null
          },
          "unverified": 1
        }
      ]
    }
    "#);
}

#[test]
fn what_to_do_about_stopped_chunks_works_in_this_version() {
    let s = str::to_owned;
    let of = |state: &ChunkState| StoppedChunk::of(&"a".into(), "a.md", &"T1".into(), "t", state);
    for (state, first) in [
        (
            ChunkState::Failed { why: s("w") },
            Some("codelicious retry a:T1, and run again"),
        ),
        (
            ChunkState::NeedsReview { why: s("w") },
            Some("codelicious accept a:T1 takes the work as it is"),
        ),
        (
            ChunkState::Blocked {
                why: s("w"),
                needs: s("n"),
            },
            Some("codelicious answer a:T1 TEXT, and run again"),
        ),
        (
            ChunkState::AwaitingApproval { gate: s("g") },
            Some("codelicious retry a:T1, and run again"),
        ),
        (
            ChunkState::Skipped {
                because: s("b"),
                by: SkippedBy::Dependency,
            },
            None,
        ),
        (
            ChunkState::Skipped {
                because: s("b"),
                by: SkippedBy::Person,
            },
            Some("codelicious retry a:T1 takes it back"),
        ),
    ] {
        let stopped = of(&state).unwrap();
        assert_eq!(stopped.next.first().map(String::as_str), first);
        assert_eq!(stopped.status, state.word());
    }
    // Typed from outside the repository, the commands name it.
    let state = ChunkState::Blocked {
        why: s("w"),
        needs: s("n"),
    };
    let there = StoppedChunk::of_elsewhere(&"a".into(), "a.md", &"T1".into(), "t", &state, "/r");
    let next = there.unwrap().next;
    assert_eq!(next[0], "codelicious answer a:T1 TEXT /r, and run again");
    assert_eq!(next[2], "codelicious skip a:T1 /r leaves it out");
    for going_on in [ChunkState::Pending, ChunkState::InProgress { attempt: 1 }] {
        assert_eq!(of(&going_on), None);
    }
}

#[test]
fn push_commands_can_be_pasted() {
    let work = |tip: Option<&str>, remote: Option<&str>, branch: &str| Undelivered {
        branch: branch.to_owned(),
        tip: tip.map(Oid::new),
        failure: None,
        message: String::new(),
        remedy: None,
        remote: remote.map(str::to_owned),
    };
    for (work, commands) in [
        (
            work(None, Some("origin"), "c/a"),
            vec!["git push origin c/a"],
        ),
        (
            work(Some("abc"), Some("up"), "c/a"),
            vec!["git push up abc:refs/heads/c/a"],
        ),
        (
            work(None, None, "c/a b"),
            vec!["git remote add origin <url>", "git push origin 'c/a b'"],
        ),
    ] {
        assert_eq!(push_commands(&work), commands);
    }
}
