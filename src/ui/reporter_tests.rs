use super::*;
use crate::model::{ChunkId, Cost, EventKind, ExitCode, Oid, RunId, SpecId, Usage};
use chrono::DateTime;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn event(spec: Option<&str>, chunk: Option<&str>, kind: EventKind) -> Event {
    Event {
        seq: 1,
        ts: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        run: RunId::new("20231114T221320Z-abcdef"),
        spec: spec.map(SpecId::new),
        chunk: chunk.map(ChunkId::new),
        kind,
    }
}

fn story(sandbox: &str) -> Vec<Event> {
    let todo = Some("todo");
    let t3 = Some("T003");
    let usage = Usage {
        input: Some(12_000),
        cached: None,
        output: Some(345),
    };
    let oid = || Oid::new("1a2b3c4d5e6f");
    let s = str::to_owned;
    vec![
        event(
            None,
            None,
            EventKind::RunStarted {
                version: s("0.1.0"),
                root: s("/r"),
                engine: s("claude"),
                forge: s("local"),
                sandbox: s(sandbox),
            },
        ),
        event(
            None,
            None,
            EventKind::Planned {
                specs: 1,
                chunks: 2,
                done: 0,
            },
        ),
        event(
            None,
            None,
            EventKind::SpecRejected {
                path: s("specs/bad.md"),
                line: 3,
                message: s("not UTF-8"),
            },
        ),
        event(
            todo,
            None,
            EventKind::SpecStarted {
                path: s("specs/todo.md"),
                title: s("Todo"),
                branch: s("codelicious/todo"),
                base: s("main"),
                done: 0,
                total: 2,
                interrupted: 0,
                retried: 0,
                failed: 0,
                waiting: 0,
                next: Some(s("T003")),
                next_title: Some(s("Add login")),
            },
        ),
        event(todo, None, EventKind::BaselineStarted {}),
        event(
            todo,
            None,
            EventKind::BaselineFinished {
                verdict: s("passed"),
            },
        ),
        event(
            todo,
            t3,
            EventKind::ChunkStarted {
                title: s("Add login\u{1b}[2J"),
                attempt: 1,
            },
        ),
        event(
            todo,
            t3,
            EventKind::EngineStarted {
                engine: s("claude"),
                fixes: 0,
            },
        ),
        event(
            todo,
            t3,
            EventKind::EngineStep {
                step: s("edits src/lib.rs"),
            },
        ),
        event(
            todo,
            t3,
            EventKind::EngineUsage {
                usage,
                cost: Cost::Usd(0.25),
            },
        ),
        event(
            todo,
            t3,
            EventKind::EngineEnded {
                outcome: s("completed"),
                usage,
                cost: Cost::Usd(0.25),
            },
        ),
        event(
            todo,
            t3,
            EventKind::CheckStarted {
                name: s("cargo test"),
            },
        ),
        event(
            todo,
            t3,
            EventKind::CheckFinished {
                name: s("cargo test"),
                verdict: s("passed"),
                millis: 1234,
            },
        ),
        event(
            todo,
            t3,
            EventKind::ChunkCommitted {
                title: s("Add login"),
                commit: oid(),
                part: 1,
                lines: 42,
            },
        ),
        event(
            todo,
            Some("T004"),
            EventKind::ChunkStarted {
                title: s("Add logout"),
                attempt: 2,
            },
        ),
        event(
            todo,
            Some("T004"),
            EventKind::EngineStarted {
                engine: s("claude"),
                fixes: 1,
            },
        ),
        event(
            todo,
            Some("T004"),
            EventKind::ChunkStopped {
                title: s("Add logout"),
                status: s("needs_review"),
                reason: s("tests\n::set-output name=x::y"),
            },
        ),
        event(
            todo,
            Some("T004"),
            EventKind::WorkSaved {
                reference: s("refs/codelicious/attempts/todo/T004/2"),
            },
        ),
        event(
            todo,
            None,
            EventKind::PushFailed {
                branch: s("codelicious/todo"),
                failure: Some(crate::model::effect::PushFailureKind::Other),
                message: s("no remote"),
                remedy: s("add one"),
            },
        ),
        event(
            todo,
            None,
            EventKind::PrPut {
                part: 1,
                branch: s("codelicious/todo"),
                state: s("draft"),
                url: Some(s(".codelicious/prs/1.md")),
            },
        ),
        event(todo, None, EventKind::SpecFinished { done: 1, total: 2 }),
        event(
            None,
            None,
            EventKind::RunFinished {
                exit: ExitCode::WaitsForPerson,
                committed: 1,
                stopped: 1,
                undelivered: 1,
            },
        ),
    ]
}

fn told(options: &UiOptions, events: &[Event]) -> String {
    let out = Buffer::default();
    let mut reporter = Reporter::human(options, Box::new(out.clone()));
    events.iter().for_each(|e| reporter.event(e));
    reporter.finish();
    out.text()
}

#[test]
fn plain_lines() {
    insta::assert_snapshot!(told(&UiOptions::default(), &story("unsandboxed")), @r"
    codelicious 0.1.0  engine claude  forge local  unsandboxed
    1 spec, 2 chunks, 0 done
    specs/bad.md:3  rejected: not UTF-8
    specs/todo.md  Todo: 2 tasks, starting with T003 Add login; on codelicious/todo from main
    specs/todo.md  checks on the base: passed
    specs/todo.md  T003  started: Add login␛[2J
    specs/todo.md  T003  committed 1a2b3c4d5e: Add login  (42 lines, part 1)
    specs/todo.md  T004  started, attempt 2: Add logout
    specs/todo.md  T004  fix 1 with claude
    specs/todo.md  T004  needs review: Add logout: tests ::set-output name=x::y
    specs/todo.md  T004  work kept at refs/codelicious/attempts/todo/T004/2
    specs/todo.md  not pushed codelicious/todo: no remote -> add one
    specs/todo.md  pull request, part 1: draft .codelicious/prs/1.md
    specs/todo.md  1/2 done
    ");
}

#[test]
fn verbose_and_quiet() {
    let with = |verbose, quiet| UiOptions {
        verbose,
        quiet,
        ..UiOptions::default()
    };
    let lines = |o| told(&o, &story("trusted")).lines().count();
    let loudness = [with(2, 0), with(1, 0), with(0, 0), with(0, 1), with(0, 2)].map(lines);
    assert!(loudness.is_sorted_by(|a, b| a > b), "{loudness:?}");
    assert!(told(&with(2, 0), &story("trusted")).contains("edits src/lib.rs"));
    insta::assert_snapshot!(told(&with(0, 1), &story("unsandboxed")), @r"
    codelicious 0.1.0  engine claude  forge local  unsandboxed
    specs/bad.md:3  rejected: not UTF-8
    specs/todo.md  T004  needs review: Add logout: tests ::set-output name=x::y
    specs/todo.md  not pushed codelicious/todo: no remote -> add one
    ");
    assert_eq!(told(&with(2, 2), &story("unsandboxed")), "");
    // A run without a wall says so to whoever hears anything at all.
    assert!(!told(&with(0, 1), &story("trusted")).contains("codelicious 0.1.0"));
}

#[test]
fn colour_only_when_wanted() {
    let color = UiOptions {
        color: true,
        ..UiOptions::default()
    };
    assert!(told(&color, &story("trusted")).contains("\x1b[32mspecs/todo.md  T003  committed"));
    assert!(!told(&UiOptions::default(), &story("trusted")).contains('\x1b'));
}

#[test]
fn json_lines_are_the_events() {
    let out = Buffer::default();
    let mut reporter = Reporter::json(Box::new(out.clone()));
    let story = story("trusted");
    story.iter().for_each(|e| reporter.event(e));
    reporter.finish();
    let text = out.text();
    let read: Vec<Event> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(read, story);
    assert!(!text.contains('\x1b'));
    let odd = event(
        None,
        None,
        EventKind::Warning {
            message: "\u{9b}2J \u{202e} \u{e0041} é".to_owned(),
        },
    );
    let line = escape_unsafe(serde_json::to_string(&odd).unwrap());
    assert!(line.contains(r"\u009b2J \u202e \udb40\udc41 é"), "{line}");
    assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), odd);
}

#[test]
fn live_draws_and_cleans_up() {
    let out = Buffer::default();
    let options = UiOptions {
        terminal: true,
        width: 80,
        ..UiOptions::default()
    };
    let mut reporter = Reporter::Live(Live::with_ticks(&options, Box::new(out.clone()), false));
    for e in story("unsandboxed") {
        reporter.event(&e);
    }
    reporter.finish();
    reporter.finish();
    let text = out.text();
    for part in [
        "forge local  unsandboxed",
        "specs/todo.md  chunk 1 of 2  12,345 tokens  $0.25",
        "T003 Add login␛[2J: edits src/lib.rs",
        "T003 Add login␛[2J: checks: cargo test",
        "specs/todo.md  T003  committed 1a2b3c4d5e",
        "T004 Add logout: claude fixes (1)",
    ] {
        assert!(text.contains(part), "{part}: {text:?}");
    }
    assert!(
        !text.contains("started: Add login"),
        "the moving lines say it: {text:?}"
    );
    let mut screen = Screen::default();
    screen.feed(&text);
    let left: Vec<&str> = screen.lines.iter().map(|l| l.trim_end()).collect();
    insta::assert_snapshot!(left.join("\n"), @r"
    codelicious 0.1.0  engine claude  forge local  unsandboxed
    1 spec, 2 chunks, 0 done
    specs/bad.md:3  rejected: not UTF-8
    specs/todo.md  Todo: 2 tasks, starting with T003 Add login; on codelicious/todo from main
    specs/todo.md  checks on the base: passed
    specs/todo.md  T003  committed 1a2b3c4d5e: Add login  (42 lines, part 1)
    specs/todo.md  T004  needs review: Add logout: tests ::set-output name=x::y
    specs/todo.md  T004  work kept at refs/codelicious/attempts/todo/T004/2
    specs/todo.md  not pushed codelicious/todo: no remote -> add one
    specs/todo.md  pull request, part 1: draft .codelicious/prs/1.md
    specs/todo.md  1/2 done
    ");
    assert!(
        screen.column == 0 && screen.lines.get(screen.row).is_none_or(String::is_empty),
        "what follows starts on a line of its own"
    );
}

/// Just enough of a terminal to see what is left on it.
#[derive(Default)]
struct Screen {
    lines: Vec<String>,
    row: usize,
    column: usize,
}

impl Screen {
    fn feed(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            while self.lines.len() <= self.row {
                self.lines.push(String::new());
            }
            match c {
                '\n' => (self.row, self.column) = (self.row + 1, 0),
                '\r' => self.column = 0,
                '\x1b' => {
                    let code: Vec<char> = chars.by_ref().skip(1).take(2).collect();
                    match code[..] {
                        [n, 'A'] => self.row -= n.to_digit(10).unwrap() as usize,
                        [n, 'B'] => self.row += n.to_digit(10).unwrap() as usize,
                        ['2', 'K'] => self.lines[self.row].clear(),
                        _ => panic!("not known here: {code:?}"),
                    }
                }
                c => {
                    let line: Vec<char> = self.lines[self.row].chars().collect();
                    let kept: String = line.iter().take(self.column).collect();
                    let after: String = line.iter().skip(self.column + 1).collect();
                    self.lines[self.row] = format!("{kept}{c}{after}");
                    self.column += 1;
                }
            }
        }
    }
}

#[test]
fn a_closed_pipe_ends_nothing() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    for mut reporter in [
        Reporter::json(Box::new(Broken)),
        Reporter::human(&UiOptions::default(), Box::new(Broken)),
        Reporter::Live(Live::with_ticks(
            &UiOptions::default(),
            Box::new(Broken),
            false,
        )),
        Reporter::Quiet,
    ] {
        for e in story("trusted") {
            reporter.event(&e);
        }
        reporter.finish();
    }
}

#[test]
fn the_first_line_about_a_spec_says_where_it_stands() {
    let s = str::to_owned;
    let line = |done, [interrupted, retried, failed, waiting]: [usize; 4], next: Option<&str>| {
        let mut narrator = super::super::lines::Narrator::default();
        let kind = EventKind::SpecStarted {
            path: s("specs/todo.md"),
            title: s("Todo"),
            branch: s("codelicious/todo"),
            base: s("main"),
            done,
            total: 12,
            interrupted,
            retried,
            failed,
            waiting,
            next: next.map(s),
            next_title: next.map(|id| format!("Build {id}")),
        };
        narrator
            .tell(&event(Some("todo"), None, kind))
            .unwrap()
            .text
    };
    let lines = [
        line(0, [0, 0, 0, 0], Some("T001")),
        line(0, [1, 0, 0, 0], Some("T001")),
        line(5, [1, 0, 0, 0], Some("T006")),
        line(5, [1, 2, 1, 3], Some("T006")),
        line(5, [0, 0, 0, 0], Some("T006")),
        line(12, [0, 0, 0, 0], None),
        line(0, [0, 0, 0, 0], None),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    specs/todo.md  Todo: 12 tasks, starting with T001 Build T001; on codelicious/todo from main
    specs/todo.md  Todo: 0 of 12 done, 1 interrupted, continuing with T001 Build T001; on codelicious/todo from main
    specs/todo.md  Todo: 5 of 12 done, 1 interrupted, continuing with T006 Build T006; on codelicious/todo from main
    specs/todo.md  Todo: 5 of 12 done, 1 interrupted, 2 tried again, 1 failed, 3 waiting for a person, continuing with T006 Build T006; on codelicious/todo from main
    specs/todo.md  Todo: 5 of 12 done, continuing with T006 Build T006; on codelicious/todo from main
    specs/todo.md  Todo: 12 of 12 done, nothing to build; on codelicious/todo from main
    specs/todo.md  Todo: 12 tasks, nothing to build; on codelicious/todo from main
    ");
}

#[test]
fn what_a_wall_refused_is_a_problem() {
    let refused = |hosts: &[&str], hint: Option<&str>| {
        let kind = EventKind::SandboxRefused {
            what: "cargo test".to_owned(),
            hosts: hosts.iter().map(|h| (*h).to_owned()).collect(),
            hint: hint.map(str::to_owned),
        };
        event(Some("todo"), Some("T003"), kind)
    };
    let events = [
        refused(&["a.example:443: not listed"], None),
        refused(
            &["a.example:443: not listed", "b.example:80: no"],
            Some("its \x1b[2Jsandbox"),
        ),
        refused(&[], Some("its sandbox may be why")),
    ];
    let quiet = UiOptions {
        quiet: 1,
        ..UiOptions::default()
    };
    let said = told(&quiet, &events);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].ends_with("T003  cargo test was kept from a.example:443: not listed"),
        "{said}"
    );
    assert!(
        lines[1].ends_with(
            "cargo test was kept from a.example:443: not listed and 1 more; its ␛[2Jsandbox"
        ),
        "{said}"
    );
    assert!(
        lines[2].ends_with("cargo test: its sandbox may be why"),
        "{said}"
    );
}
