use super::*;
use crate::model::policy::SandboxPolicy;
use crate::model::{ChunkId, SpecId, Usage};
use crate::ports::Prompt;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

struct Silent;

impl EngineProgress for Silent {
    fn step(&self, _: &str) {}
    fn usage(&self, _: Usage) {}
    fn log(&self, _: &str) {}
}

fn job(lane: &Path) -> EngineJob {
    EngineJob {
        spec: SpecId::from("shop"),
        chunk: ChunkId::from("T1"),
        title: "Add pay".into(),
        lane: lane.to_owned(),
        spec_path: "specs/shop.md".into(),
        ends: crate::model::Ends::Build,
        prompt: Prompt {
            system: String::new(),
            user: String::new(),
        },
        attempt: 1,
        fixes: 0,
        session: crate::model::Session::Begin("11111111-2222-4333-8444-000000000001".into()),
        model: None,
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(600),
        allowance: Default::default(),
        env: vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("GREETING".into(), "hello".into()),
        ],
        policy: SandboxPolicy::Unsandboxed,
    }
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(bytes).unwrap();
}

fn call(name: &str, arguments: Value) -> ToolCall {
    ToolCall {
        id: "c".into(),
        name: name.into(),
        arguments,
    }
}

/// Carries out one call in `lane` as the loop does.
fn tool(lane: &Path, name: &str, arguments: Value) -> Output {
    let request = match Request::read(&call(name, arguments), TOOLS) {
        Ok(request) => request,
        Err(why) => return Output::error(why),
    };
    let job = job(lane);
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let site = Site {
                lane: Lane::open(lane, &job.spec_path).unwrap(),
                job: &job,
                progress: &Silent,
                deadline: Instant::now() + job.timeout,
            };
            let (_handle, stop) = StopSignal::new();
            perform(request, &site, &stop).await
        });
    match done.unwrap() {
        Done::Answer(output) => output,
        other => panic!("{other:?}"),
    }
}

/// The text of an answer that is no error.
fn ok(lane: &Path, name: &str, arguments: Value) -> String {
    let output = tool(lane, name, arguments);
    assert!(!output.is_error, "{name}: {}", output.text);
    output.text
}

fn err(lane: &Path, name: &str, arguments: Value) -> String {
    let output = tool(lane, name, arguments);
    assert!(output.is_error, "{name}: {}", output.text);
    assert_eq!(output.changed, Changed::No);
    output.text
}

#[test]
fn every_schema_fits_its_reader() {
    for tool in TOOLS {
        let schema = (tool.schema)();
        assert_eq!(
            schema["additionalProperties"],
            json!(false),
            "{}",
            tool.name
        );
        let value = |name: &str| match schema["properties"][name]["type"].as_str() {
            Some("string") => json!("x"),
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(true),
            other => panic!("{}: {name} is {other:?}", tool.name),
        };
        let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let full: Value = names.iter().map(|n| ((*n).clone(), value(n))).collect();
        Request::read(&call(tool.name, full.clone()), TOOLS).unwrap();

        let required: Vec<&str> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap())
            .collect();
        let least: Value = required
            .iter()
            .map(|n| ((*n).to_owned(), value(n)))
            .collect();
        Request::read(&call(tool.name, least.clone()), TOOLS).unwrap();
        for missing in &required {
            let mut args = least.clone();
            args.as_object_mut().unwrap().remove(*missing);
            let why = Request::read(&call(tool.name, args), TOOLS).unwrap_err();
            assert!(
                why.contains(missing) && why.contains("additionalProperties"),
                "{why}"
            );
        }
        let mut extra = full;
        extra["surprise"] = json!(1);
        assert!(
            Request::read(&call(tool.name, extra), TOOLS)
                .unwrap_err()
                .contains("surprise")
        );
        for odd in [json!(["x", "y", "z"]), json!("x"), json!(null)] {
            assert!(
                Request::read(&call(tool.name, odd.clone()), TOOLS).is_err(),
                "{} {odd}",
                tool.name
            );
        }
    }
    let why = Request::read(&call("rm", json!({})), TOOLS).unwrap_err();
    assert!(why.contains("`rm`") && why.contains("run_command"), "{why}");
}

#[test]
fn steps_are_short_and_plain() {
    for (name, arguments, want) in [
        (
            "edit_file",
            json!({"path": "src/lib.rs", "old": "a", "new": "b"}),
            "edits src/lib.rs",
        ),
        (
            "run_command",
            json!({"command": "cargo test\nrm x"}),
            "runs cargo test…",
        ),
        (
            "run_command",
            json!({"command": "a\u{1b}[31mb"}),
            "runs a[31mb…",
        ),
        ("list_dir", json!({"path": "."}), "lists ."),
    ] {
        assert_eq!(
            Request::read(&call(name, arguments), TOOLS).unwrap().step(),
            want
        );
    }
}

#[test]
fn reading_is_paged_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let lane = dir.path();
    let long: String = (1..=5000).map(|n| format!("line {n}\n")).collect();
    put(&lane.join("long"), long.as_bytes());
    put(&lane.join("wide"), "ü".repeat(200_000).as_bytes());
    put(
        &lane.join("heavy"),
        format!("{}\n", "x".repeat(1900)).repeat(100).as_bytes(),
    );
    put(&lane.join("latin"), b"caf\xe9\n");
    put(&lane.join("bin"), b"a\0b");
    put(&lane.join("empty"), b"");
    put(&lane.join("small"), b"a\r\nb");
    File::create(lane.join("huge"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();

    let read = |arguments| ok(lane, "read_file", arguments);
    assert_eq!(read(json!({"path": "small"})), "a\r\nb");
    let text = read(json!({"path": "long", "offset": 4999}));
    assert_eq!(text, "line 4999\nline 5000\n[lines 4999-5000 of 5000]");
    let text = read(json!({"path": "long", "offset": 2, "limit": 1}));
    assert_eq!(text, "line 2\n[lines 2-2 of 5000; read on with offset 3]");
    let text = read(json!({"path": "long", "limit": 1_000_000}));
    assert!(text.ends_with("line 2000\n[lines 1-2000 of 5000; read on with offset 2001]"));
    let text = read(json!({"path": "wide"}));
    assert!(
        text.len() < 2200 && text.contains("1 long lines are cut"),
        "{}",
        text.len()
    );
    let text = read(json!({"path": "heavy"}));
    assert!(
        text.len() < 66_000 && text.contains("lines 1-34 of 100; read on with offset 35"),
        "{}",
        text.len()
    );
    assert!(read(json!({"path": "latin"})).contains("not UTF-8"));
    assert!(read(json!({"path": "empty"})).contains("empty"));

    for (arguments, why) in [
        (json!({"path": "bin"}), "binary"),
        (json!({"path": "huge"}), "more than"),
        (json!({"path": "long", "offset": 5001}), "5000 lines"),
        (json!({"path": "."}), "folder"),
        (json!({"path": "../x"}), "goes up"),
        (json!({"path": "long", "offset": -1}), "invalid value"),
    ] {
        let text = err(lane, "read_file", arguments);
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn writing_and_editing() {
    let dir = tempfile::tempdir().unwrap();
    let lane = dir.path();
    put(&lane.join("specs/shop.md"), b"- [ ] pay\n");
    let output = tool(
        lane,
        "write_file",
        json!({"path": "src/a.rs", "content": "one\ntwo\n"}),
    );
    assert_eq!(
        (output.text.as_str(), output.changed),
        ("created src/a.rs: 2 lines, 8 bytes", Changed::Yes)
    );
    let output = tool(
        lane,
        "write_file",
        json!({"path": "src/a.rs", "content": "one\ntwo\n"}),
    );
    assert_eq!((output.is_error, output.changed), (false, Changed::No));
    let output = tool(
        lane,
        "edit_file",
        json!({"path": "src/a.rs", "old": "two", "new": "three"}),
    );
    assert_eq!(
        (output.text.as_str(), output.changed),
        ("edited src/a.rs: replaced 1, at line 2", Changed::Yes)
    );
    assert_eq!(
        std::fs::read_to_string(lane.join("src/a.rs")).unwrap(),
        "one\nthree\n"
    );
    let text = ok(
        lane,
        "edit_file",
        json!({"path": "src/a.rs", "old": "e\n", "new": "E\n", "all": true}),
    );
    assert!(text.ends_with("replaced 2, at lines 1, 2"), "{text}");

    let big = "x".repeat((2 << 20) + 1);
    for (name, arguments, why) in [
        (
            "write_file",
            json!({"path": "big", "content": big}),
            "more than",
        ),
        (
            "edit_file",
            json!({"path": "src/a.rs", "old": "onE", "new": big}),
            "more than",
        ),
        (
            "edit_file",
            json!({"path": "src/a.rs", "old": "  onE", "new": ""}),
            "white space",
        ),
        (
            "edit_file",
            json!({"path": "src/a.rs", "old": "thrEe", "new": ""}),
            "similar place is at line 2",
        ),
        (
            "edit_file",
            json!({"path": "src/b.rs", "old": "a", "new": ""}),
            "No such file",
        ),
        (
            "edit_file",
            json!({"path": "specs/shop.md", "old": "[ ]", "new": "[x]"}),
            "the spec belongs",
        ),
        (
            "write_file",
            json!({"path": "specs/shop.md", "content": ""}),
            "the spec belongs",
        ),
        (
            "write_file",
            json!({"path": ".git/config", "content": ""}),
            "must not be written",
        ),
    ] {
        let text = err(lane, name, arguments);
        assert!(text.contains(why), "{text}");
    }
    assert!(!lane.join("big").exists());
}

#[test]
fn listing_is_sorted_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let lane = dir.path();
    put(&lane.join(".git/HEAD"), b"");
    put(&lane.join("b/x"), b"");
    put(&lane.join("a"), b"");
    put(&lane.join("new\nline"), b"");
    std::os::unix::fs::symlink("/etc", lane.join("etc")).unwrap();
    std::fs::create_dir(lane.join("void")).unwrap();
    assert_eq!(
        ok(lane, "list_dir", json!({"path": "."})),
        "a\nb/\netc -> /etc\nnew\\nline\nvoid/"
    );
    assert!(ok(lane, "list_dir", json!({"path": "void"})).contains("empty"));
    assert!(err(lane, "list_dir", json!({"path": "etc"})).contains("leads out"));
    assert!(err(lane, "list_dir", json!({"path": "a"})).contains("Not a directory"));
    for n in 0..600 {
        File::create(lane.join("void").join(n.to_string())).unwrap();
    }
    let text = ok(lane, "list_dir", json!({"path": "void"}));
    assert!(
        text.lines().count() == 501 && text.contains("500 of 600"),
        "{text}"
    );
}

#[test]
fn searching_honours_git_ignore_and_its_bounds() {
    let dir = tempfile::tempdir().unwrap();
    // A parent folder that ignores everything has no say.
    put(&dir.path().join(".gitignore"), b"*\n");
    let lane = &dir.path().join("lane");
    put(&lane.join(".gitignore"), b"target/\n*.log\n");
    put(
        &lane.join("src/a.rs"),
        b"fn needle() {}\r\n// no\nlet x = needle;\n",
    );
    put(&lane.join("src/b.py"), b"needle\n");
    put(&lane.join("src/latin.rs"), b"caf\xe9 needle\n");
    put(&lane.join(".github/x.yml"), b"needle: 1\n");
    put(&lane.join("target/out.rs"), b"needle\n");
    put(&lane.join("x.log"), b"needle\n");
    put(&lane.join("bin.rs"), b"needle\0");
    put(&lane.join(".git/needle"), b"needle\n");
    std::os::unix::fs::symlink("../..", lane.join("up")).unwrap();
    File::create(lane.join("huge.rs"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();

    let search = |arguments| ok(lane, "search", arguments);
    let text = search(json!({"pattern": "needle"}));
    let want = ".github/x.yml:1: needle: 1\nsrc/a.rs:1: fn needle() {}\nsrc/a.rs:3: let x = needle;\nsrc/b.py:1: needle\n\
                src/latin.rs:1: caf\u{fffd} needle\n[1 files over 1048576 bytes or unreadable were not searched]";
    assert_eq!(text, want);
    assert_eq!(
        search(json!({"pattern": r"\{\}$", "path": "src"})),
        "src/a.rs:1: fn needle() {}"
    );
    assert_eq!(
        search(json!({"pattern": "needle", "path": "src/b.py"})),
        "src/b.py:1: needle"
    );
    assert_eq!(
        search(json!({"pattern": "^needle", "path": "src", "glob": "*.py"})),
        "src/b.py:1: needle"
    );
    assert!(search(json!({"pattern": "needle", "glob": "*.log"})).contains("no line matches"));
    assert!(search(json!({"pattern": "needle", "path": "target"})).contains("no line matches"));

    // Somebody else's rules, and where they cannot be read without waiting for a writer.
    put(&lane.join("src/.git/info/exclude"), b"b.py\n");
    put(&lane.join(".git/info/exclude"), b"*\n");
    std::fs::create_dir_all(lane.join("sub/.git/info")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        lane.join("sub/.git/info/exclude"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    put(&lane.join("sub/c.rs"), b"needle\n");
    assert_eq!(
        search(json!({"pattern": "^needle"})),
        ".github/x.yml:1: needle: 1\nsrc/b.py:1: needle\nsub/c.rs:1: needle\n[1 files over 1048576 bytes or unreadable were not searched]"
    );
    std::fs::remove_dir_all(lane.join("sub")).unwrap();

    put(&lane.join("many.txt"), "many\n".repeat(500).as_bytes());
    put(&lane.join("wide.txt"), "wide".repeat(500).as_bytes());
    let text = search(json!({"pattern": "many"}));
    assert_eq!(
        text.lines().filter(|l| l.starts_with("many.txt:")).count(),
        100
    );
    assert!(text.contains("more than 100 lines match"), "{text}");
    let text = search(json!({"pattern": "wide", "path": "wide.txt"}));
    assert!(text.len() < 330 && text.ends_with('…'), "{text}");

    for (arguments, why) in [
        (json!({"pattern": "("}), "no regular expression"),
        (json!({"pattern": "x{1000}{1000}"}), "no regular expression"),
        (json!({"pattern": "x", "glob": "[a"}), "glob"),
        (json!({"pattern": "x", "path": "../.."}), "goes up"),
        (json!({"pattern": "x", "path": "up"}), "leads out"),
    ] {
        let text = err(lane, "search", arguments);
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_search_ends_with_the_time_of_the_run() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("a"), b"needle\n");
    let job = job(dir.path());
    let search = call("search", json!({"pattern": "needle"}));
    // The one thread for such work is taken, so that the search waits.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (release, taken) = std::sync::mpsc::channel::<()>();
    let done = runtime.block_on(async {
        let _busy = tokio::task::spawn_blocking(move || taken.recv());
        let site = Site {
            lane: Lane::open(dir.path(), &job.spec_path).unwrap(),
            job: &job,
            progress: &Silent,
            deadline: Instant::now() + Duration::from_millis(20),
        };
        let (_handle, stop) = StopSignal::new();
        perform(Request::read(&search, TOOLS).unwrap(), &site, &stop).await
    });
    drop(release);
    let Ok(Done::Answer(output)) = done else {
        panic!("{done:?}");
    };
    assert!(
        output.is_error && output.text.contains("the time is up"),
        "{}",
        output.text
    );
}

#[test]
fn commands_get_the_lane_the_environment_and_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let lane = dir.path();
    put(&lane.join("here"), b"");
    let run = |arguments| ok(lane, "run_command", arguments);
    assert_eq!(
        run(json!({"command": "ls; echo $GREETING $HOME"})),
        "exit code 0\n--- stdout\nhere\nhello"
    );
    assert_eq!(
        run(json!({"command": "echo bad >&2; exit 3"})),
        "exit code 3\n--- stderr\nbad"
    );
    assert_eq!(run(json!({"command": "true"})), "exit code 0, no output");
    let text = run(
        json!({"command": "echo first; head -c 300000 /dev/zero | tr '\\0' x; echo; echo last"}),
    );
    assert!(
        text.len() < 25_000 && text.contains("first") && text.ends_with("last"),
        "{}",
        text.len()
    );
    assert!(text.contains("bytes cut"));

    let output = tool(
        lane,
        "run_command",
        json!({"command": "exec tail -f /dev/null", "timeout_s": 1}),
    );
    assert!(
        output.is_error && output.text.contains("after 1 s"),
        "{}",
        output.text
    );
    for (arguments, why) in [
        (
            json!({"command": "true", "timeout_s": 601}),
            "between 1 and 600",
        ),
        (
            json!({"command": "true", "timeout_s": 0}),
            "between 1 and 600",
        ),
        (json!({"command": "a\0b"}), "NUL"),
    ] {
        let text = err(lane, "run_command", arguments);
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn what_a_command_leaves_running_is_ended() {
    use std::io::Read;
    let dir = tempfile::tempdir().unwrap();
    let lane = dir.path();
    ok(lane, "run_command", json!({"command": "mkfifo pipe"}));
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let reader = rustix::fs::open(lane.join("pipe"), flags, rustix::fs::Mode::empty()).unwrap();
    // The grandchild inherits the pipe's open end, so the pipe is closed only once it is gone.
    let command = "exec 9>pipe; (trap '' HUP TERM; exec tail -f /dev/null) & echo started";
    assert!(ok(lane, "run_command", json!({"command": command})).contains("started"));
    rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::empty()).unwrap();
    let mut rest = Vec::new();
    File::from(reader).read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

proptest::proptest! {
    #[test]
    fn any_arguments_are_survived(tool in 0..TOOLS.len(), key in "(path|old|command|pattern|summary|x)", value in "\\PC{0,10}", odd in 0..4) {
        let value = match odd { 0 => json!(value), 1 => json!(7), 2 => json!([value]), _ => json!({"a": null}) };
        let _ = Request::read(&call(TOOLS[tool].name, json!({key: value})), TOOLS);
    }
}
