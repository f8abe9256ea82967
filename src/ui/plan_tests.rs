use super::*;
use crate::model::spec::SpecStatus;
use crate::model::{ChunkPart, Oid, Rule};

fn chunk(id: &str, title: &str, line: usize, done: bool) -> Chunk {
    Chunk {
        id: ChunkId::new(id),
        task: ChunkId::new(id),
        part: None,
        label: Some(id.to_owned()),
        title: title.to_owned(),
        text: title.to_owned(),
        headings: Vec::new(),
        fingerprint: "f".to_owned(),
        line,
        depends_on: Vec::new(),
        files: Vec::new(),
        tokens: 1234,
        context: String::new(),
        outline_tokens: 0,
        done,
    }
}

fn spec(id: &str, chunks: Vec<Chunk>) -> SpecPlan {
    SpecPlan {
        id: SpecId::new(id),
        path: format!("specs/{id}.md"),
        title: format!("The {id}"),
        status: SpecStatus::Ready,
        depends_on: Vec::new(),
        priority: None,
        not_built: None,
        waits_for: None,
        chunks,
        format: "Markdown",
        left_out: Vec::new(),
        outline: String::new(),
    }
}

fn sample() -> PlanReport {
    let long = "Write a title that is so long that no terminal of eighty columns could ever hold it in one line";
    let mut hashed = chunk("0123456789ab+1", "日本語のタスク", 9, false);
    hashed.task = ChunkId::new("0123456789ab");
    hashed.label = Some("2.1".to_owned());
    hashed.part = Some(ChunkPart {
        index: 1,
        of: 3,
        bounds: "x".to_owned(),
    });
    let mut dependent = chunk("T004", long, 8, false);
    dependent.depends_on = vec!["T002".into(), "T003".into()];
    let mut todo = spec(
        "todo",
        vec![
            chunk("T001", "Add login", 5, true),
            chunk("T002", "Add logout\x1b[2J", 6, false),
            chunk("T003", "Ask for the key", 7, false),
            dependent,
            hashed,
        ],
    );
    todo.priority = Some(1);
    todo.depends_on = vec!["base".into()];
    let mut draft = spec("later", vec![chunk("L1", "Some day", 3, false)]);
    draft.status = SpecStatus::Draft;
    draft.not_built = Some("it is a draft".to_owned());
    let plan = Plan {
        specs: vec![todo, draft],
        diagnostics: vec![Diagnostic {
            rule: Rule::Unreadable,
            severity: Severity::Error,
            path: "specs/bad.md".to_owned(),
            line: 12,
            message: "the fence is never closed".to_owned(),
            remedy: "close it with ```".to_owned(),
        }],
        warnings: vec![PlanWarning {
            spec: Some("todo".into()),
            chunk: Some("T004".into()),
            rule: None,
            line: 0,
            message: "T009 is not in this spec".to_owned(),
        }],
    };
    let facts = SpecFacts {
        branch: "codelicious/todo".to_owned(),
        states: [(
            ChunkId::new("T003"),
            ChunkState::Blocked {
                why: "the key is not in the repository".to_owned(),
                needs: "which key?".to_owned(),
            },
        )]
        .into(),
        parts: vec![
            vec!["T002".into(), "T004".into()],
            vec!["0123456789ab+1".into()],
        ],
        first_part: 2,
        not_built: None,
    };
    let base = SpecBase {
        branch: "main".to_owned(),
        commit: Oid::new("1a2b3c4d5e6f7a8b"),
    };
    report(
        &plan,
        Some(base),
        &[(SpecId::new("todo"), facts)].into(),
        Some("codelicious .".to_owned()),
    )
}

#[test]
fn a_plan_for_people() {
    let text = render(&sample(), &UiOptions::default());
    insta::assert_snapshot!(text, @r"
    base main 1a2b3c4d5e

    specs/todo.md  The todo  1/5 done
      branch codelicious/todo, priority 1, after base
      done     T001                Add login
      pending  T002                Add logout␛[2J
               line 6, ~1,234 tokens, PR part 2
      blocked  T003                Ask for the key
               line 7, ~1,234 tokens
               not built: the key is not in the repository
      pending  T004                Write a title that is so long that no terminal o…
               line 8, ~1,234 tokens, PR part 2, after T002, T003
      pending  0123456789ab+1 2.1  日本語のタスク
               line 9, ~1,234 tokens, piece 1 of 3, PR part 3

    specs/later.md  The later  0/1 done
      not built: it is a draft
      pending  L1  Some day
               line 3, ~1,234 tokens

    error: specs/bad.md:12: the fence is never closed
    hint: close it with ```
    warning: todo:T004: T009 is not in this spec

    2 specs: 1/6 done, 3 chunks to build in 2 pull requests, about 3,702 prompt
    tokens
    next: codelicious .
    ");
    assert!(text.lines().all(|l| width(l) <= 80), "{text}");
}

#[test]
fn nothing_to_plan() {
    let empty = report(&Plan::default(), None, &BTreeMap::new(), None);
    insta::assert_snapshot!(render(&empty, &UiOptions::default()), @r"
    no commit to build on yet

    no specs found; `codelicious init` writes a first one

    0 specs: 0/0 done, nothing to build
    ");
}

#[test]
fn the_documented_shape() {
    let mut report = sample();
    report.specs.truncate(1);
    report.specs[0].chunks.drain(..3);
    report.specs[0].chunks.truncate(1);
    insta::assert_snapshot!(json(&report), @r#"
    {
      "base": {
        "branch": "main",
        "commit": "1a2b3c4d5e6f7a8b"
      },
      "diagnostics": [
        {
          "line": 12,
          "message": "the fence is never closed",
          "path": "specs/bad.md",
          "remedy": "close it with ```",
          "rule": "unreadable",
          "severity": "error"
        }
      ],
      "next": "codelicious .",
      "schema": 1,
      "specs": [
        {
          "branch": "codelicious/todo",
          "chunks": [
            {
              "depends_on": [
                "T002",
                "T003"
              ],
              "done": false,
              "files": [],
              "id": "T004",
              "label": "T004",
              "line": 8,
              "part": 2,
              "reason": null,
              "split": null,
              "status": "pending",
              "task": "T004",
              "title": "Write a title that is so long that no terminal of eighty columns could ever hold it in one line",
              "tokens": 1234
            }
          ],
          "depends_on": [
            "base"
          ],
          "done": 1,
          "format": "Markdown",
          "id": "todo",
          "left_out": [],
          "not_built": null,
          "parts": [
            [
              "T002",
              "T004"
            ],
            [
              "0123456789ab+1"
            ]
          ],
          "path": "specs/todo.md",
          "priority": 1,
          "status": "ready",
          "title": "The todo",
          "total": 5
        }
      ],
      "warnings": [
        {
          "chunk": "T004",
          "line": 0,
          "message": "T009 is not in this spec",
          "rule": null,
          "spec": "todo"
        }
      ]
    }
    "#);
}

/// Fields that stood in another order than that of their names would be written so.
#[test]
fn names_stand_in_order() {
    let report = sample();
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(json(&report), crate::ui::json_text(&value));
}

#[test]
fn colour_marks_states() {
    let color = UiOptions {
        color: true,
        ..UiOptions::default()
    };
    assert!(render(&sample(), &color).contains("\x1b[32mdone"));
}
