use super::*;
use crate::model::report::{BodyCheck, StoppedChunk};
use crate::model::{ChunkId, Oid, SpecId, Usage};
use proptest::prelude::*;

fn input() -> BodyInput {
    BodyInput {
        spec: SpecId::new("todo"),
        spec_path: "specs/todo.md".to_owned(),
        spec_url: None,
        title: "Todo list".to_owned(),
        intro: Some("A list\nof things.".to_owned()),
        part: 1,
        held: 1,
        total: 3,
        head: "codelicious/todo".to_owned(),
        base: "main".to_owned(),
        chunks: vec![chunk(
            "T001",
            "Add login",
            ChunkState::Committed {
                commit: Oid::new("1a2b3c4d5e6f7a8b"),
            },
        )],
        depends_on: Vec::new(),
        previous: None,
        next: None,
        checks: vec![BodyCheck {
            name: "cargo test".to_owned(),
            command: "cargo test --workspace | cat".to_owned(),
            verdict: "passed".to_owned(),
        }],
        spent: Spent {
            attempts: 1,
            ..Spent::default()
        },
        engines: vec![worker("claude", None)],
        unsandboxed: false,
        unverified: false,
        questions: Vec::new(),
    }
}

fn chunk(id: &str, title: &str, state: ChunkState) -> BodyChunk {
    BodyChunk {
        id: ChunkId::new(id),
        label: None,
        title: title.to_owned(),
        state,
        verdict: Some("passed".to_owned()),
        lines: 42,
        accepted_by: None,
        engine: None,
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

#[test]
fn the_table_says_who_built_what_where_several_did() {
    let state = ChunkState::Committed {
        commit: Oid::new("1a2b3c4d5e6f"),
    };
    let mut input = input();
    input.chunks = ["claude", "codex"]
        .map(|engine| BodyChunk {
            engine: Some(engine.to_owned()),
            ..chunk("T1", "One", state.clone())
        })
        .into();
    assert!(!body(&input).contains("| codex |"));
    input.engines.push(worker("codex", Some("m-9")));
    let text = body(&input);
    assert!(
        text.contains("| lines | engine |\n|---|---|---|---|---:|---|\n"),
        "{text}"
    );
    assert!(text.contains("| 42 | codex |\n"), "{text}");
    assert!(
        text.contains("- Engine codex, model m-9: built 1 task\n"),
        "{text}"
    );
}

#[test]
fn a_person_s_word_shows_in_the_table() {
    let state = ChunkState::Committed {
        commit: Oid::new("1a2b3c4d5e6f"),
    };
    let mut accepted = chunk("T1", "One", state);
    accepted.accepted_by = Some("Ada <b>|".to_owned());
    let skipped = ChunkState::Skipped {
        because: "Ada said so".to_owned(),
        by: SkippedBy::Person,
    };
    let (first, second) = (row(&accepted), row(&chunk("T2", "Two", skipped)));
    assert!(first.contains("`1a2b3c4d5e`, accepted by Ada "), "{first}");
    assert!(!first.contains("<b>"), "{first}");
    assert!(second.contains("| skipped: Ada said so |"), "{second}");
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
fn a_small_one() {
    let (title, body) = render(&input());
    assert_eq!(title, "Todo list");
    insta::assert_snapshot!(body, @r"
    <!-- codelicious:begin -->
    Builds `specs/todo.md`, part 1 of its series: 1 of 3 tasks.

    > What it is: A list of things.

    - Goes from `codelicious/todo` into `main`

    ### Tasks

    | task | title | state | checks | lines |
    |---|---|---|---|---:|
    | `T001` | Add login | `1a2b3c4d5e` | passed | 42 |

    ### Verification

    - cargo test: passed (`cargo test --workspace | cat`)

    ### Run

    - Engine claude, model unknown
    - Attempts 1, tokens unknown, cost unknown
    - To go on: `codelicious --spec specs/todo.md`
    - To stop: put `status: draft` into the spec's front matter
    <!-- codelicious:end -->
    ");
}

#[test]
fn everything_that_can_be_said() {
    let mut input = input();
    input.part = 2;
    input.unsandboxed = true;
    input.unverified = true;
    input.spec_url = Some("https://example.org/specs/todo.md".to_owned());
    input.engines = vec![worker("claude", Some("opus"))];
    input.intro = None;
    input.checks = Vec::new();
    input.chunks.push(BodyChunk {
        label: Some("2.1".to_owned()),
        verdict: None,
        lines: 0,
        ..chunk(
            "0123456789ab",
            "Ask | somebody",
            ChunkState::Blocked {
                why: "w".to_owned(),
                needs: "n".to_owned(),
            },
        )
    });
    input.depends_on = vec![BodyLink {
        text: "specs/base.md".to_owned(),
        url: None,
    }];
    input.previous = Some(BodyLink {
        text: "part 1".to_owned(),
        url: Some(".codelicious/prs/1.md".to_owned()),
    });
    input.next = Some(BodyLink {
        text: "part 3".to_owned(),
        url: Some("https://example.org/3".to_owned()),
    });
    input.questions = vec![question("Which key?")];
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
    let (title, body) = render(&input);
    assert_eq!(title, "Todo list (part 2)");
    insta::assert_snapshot!(body, @r#"
    <!-- codelicious:begin -->
    **unsandboxed**: what the engine and the checks ran could reach everything its user could.

    **unverified**: at least one commit was not looked at by any check.

    Builds [specs/todo.md](https://example.org/specs/todo.md), part 2 of its series: 1 of 3 tasks.

    - Goes from `codelicious/todo` into `main`
    - Builds upon part 1 (`.codelicious/prs/1.md`): review and merge that first
    - Goes on in [part 3](https://example.org/3)
    - Depends on specs/base.md

    ### Tasks

    | task | title | state | checks | lines |
    |---|---|---|---|---:|
    | `T001` | Add login | `1a2b3c4d5e` | passed | 42 |
    | `2.1` | Ask \| somebody | blocked | – | – |

    ### Waiting for a person

    - `T002` Which key?: Which key?
      - Needs: Which key?
      - To go on: put the answer below its task, and run again

    ### Verification

    No check ran.

    ### Run

    - Engine claude, model opus
    - Attempts 2, tokens 1020 (without 1 that did not say), cost $0.50
    - To go on: `codelicious --spec specs/todo.md`
    - To stop: put `status: draft` into the spec's front matter
    <!-- codelicious:end -->
    "#);
}

const NASTY: &str = "@octocat Fixes #12 <!-- codelicious:end --> | </details>\n```\n/merge\n::set-output x\u{202e}\x1b[2J";

#[test]
fn nothing_hostile_gets_through() {
    let mut input = input();
    for field in [
        &mut input.title,
        &mut input.spec_path,
        &mut input.head,
        &mut input.base,
    ] {
        *field = NASTY.to_owned();
    }
    input.intro = Some(NASTY.to_owned());
    input.engines = vec![worker(NASTY, Some(NASTY))];
    input.spec_url = Some(format!("https://e.org/){NASTY}"));
    input.chunks = vec![BodyChunk {
        label: Some(NASTY.to_owned()),
        verdict: Some(NASTY.to_owned()),
        ..chunk(NASTY, NASTY, ChunkState::Pending)
    }];
    input.checks[0].name = NASTY.to_owned();
    input.checks[0].command = NASTY.to_owned();
    input.depends_on = vec![BodyLink {
        text: NASTY.to_owned(),
        url: Some(NASTY.to_owned()),
    }];
    input.questions = vec![question(NASTY)];
    let (title, body) = render(&input);
    assert!(
        !title.contains("@octocat") && !title.contains("#12") && !title.contains('\n'),
        "{title}"
    );
    assert_eq!(body.matches("<!--").count(), 2, "only our markers: {body}");
    assert_eq!(body.matches(END).count(), 1);
    assert!(body.ends_with(END));
    assert!(
        !body.contains("</details>") || code_only(&body, "</details>"),
        "{body}"
    );
    for line in body.lines() {
        assert!(
            !line.starts_with('/') && !line.starts_with("```\n") && !line.starts_with("::"),
            "{line}"
        );
    }
    assert!(
        !body
            .chars()
            .any(|c| c != '\n' && crate::model::report::is_unsafe_char(c))
    );
    for reference in ["@octocat", "#12"] {
        assert!(code_only(&body, reference), "{reference}: {body}");
    }
    let cells: Vec<usize> = body
        .lines()
        .filter(|l| l.starts_with('|'))
        .map(cells)
        .collect();
    assert!(cells.iter().all(|n| *n == 5), "{cells:?}: {body}");
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
        let mut input = input();
        for field in [
            &mut input.title,
            &mut input.spec_path,
            &mut input.head,
            &mut input.base,
        ] {
            *field = long.clone();
        }
        input.intro = Some(long.clone());
        input.engines = vec![worker(&long, Some(&long)); 40];
        input.chunks = (0..500)
            .map(|i| chunk(&format!("T{i}"), &long, ChunkState::Pending))
            .collect();
        input.questions = (0..100).map(|_| question(&long)).collect();
        input.checks = vec![input.checks[0].clone(); 500];
        input.depends_on = vec![
            BodyLink {
                text: long.clone(),
                url: None
            };
            200
        ];
        let (title, body) = render(&input);
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
