use super::*;
use std::io::Read;
use std::os::unix::net::UnixListener;

fn block_on<T>(f: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(f)
}

fn sh(line: &str) -> Command {
    Command::shell(line, "/", SandboxPolicy::Trusted)
        .env([("PATH".to_owned(), "/usr/bin:/bin".to_owned())])
}

fn finish(line: &str, limits: Limits) -> Finished {
    block_on(async {
        let (_handle, stop) = StopSignal::new();
        output(&sh(line), limits, stop).await.unwrap()
    })
}

#[test]
fn exit_code_output_and_environment() {
    let done = finish(
        "echo out; echo err >&2; env | sort | cut -d= -f1 | tr '\\n' ' '; exit 3",
        Limits::default(),
    );
    assert_eq!((done.ended, done.code), (Ended::Itself, 3));
    assert_eq!(done.stderr.text(), "err\n");
    let out = done.stdout.text();
    assert!(out.starts_with("out\n"), "{out}");
    for name in out.lines().nth(1).unwrap_or_default().split_whitespace() {
        assert!(
            ["PATH", "PWD", "_", "SHLVL", "OLDPWD"].contains(&name),
            "inherited {name}"
        );
    }
}

#[test]
fn a_signal_is_told_as_a_shell_would() {
    assert_eq!(finish("kill -9 $$", Limits::default()).code, 137);
}

#[test]
fn input_arrives_and_a_child_that_does_not_want_it_is_no_error() {
    let text = "x".repeat(300_000);
    let done = block_on(async {
        let (_handle, stop) = StopSignal::new();
        output(&sh("wc -c").stdin(text.clone()), Limits::default(), stop)
            .await
            .unwrap()
    });
    assert_eq!(done.stdout.text().trim(), "300000");
    let done = block_on(async {
        let (_handle, stop) = StopSignal::new();
        output(&sh("exit 0").stdin(text), Limits::default(), stop)
            .await
            .unwrap()
    });
    assert!(done.success());
}

#[test]
fn time_and_silence_are_bounded() {
    let limits = Limits {
        total: Some(Duration::from_millis(80)),
        ..Limits::default()
    };
    assert_eq!(
        finish("while :; do echo x; done", limits).ended,
        Ended::TimedOut
    );
    let limits = Limits {
        idle: Some(Duration::from_millis(80)),
        ..Limits::default()
    };
    assert_eq!(
        finish("echo x; exec tail -f /dev/null", limits).ended,
        Ended::Stalled
    );
}

#[test]
fn a_child_that_ignores_sigterm_is_killed() {
    let limits = Limits {
        idle: Some(Duration::from_millis(50)),
        grace: Duration::from_millis(50),
        ..Limits::default()
    };
    let done = finish(
        "trap '' TERM; while :; do read x < /dev/zero & wait; done",
        limits,
    );
    assert_eq!(done.code, 137);
}

#[test]
fn a_grandchild_that_holds_the_pipe_does_not_hold_us_and_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    let script = format!(
        "python3 -c 'import socket,time,sys; s=socket.socket(socket.AF_UNIX); s.connect(\"{}\"); s.send(b\"x\"); time.sleep(600)' & exit 0",
        path.display()
    );
    if find_program("python3", &[("PATH".into(), "/usr/bin:/bin".into())]).is_none() {
        eprintln!("SKIPPED: python3 is not there");
        return;
    }
    let done = finish(&script, Limits::default());
    assert!(done.success());
    listener.set_nonblocking(true).unwrap();
    // Either it was ended before it connected, or its socket closes.
    if let Ok((mut peer, _)) = listener.accept() {
        peer.set_nonblocking(false).unwrap();
        let mut bytes = Vec::new();
        let _ = peer.read_to_end(&mut bytes);
    }
}

#[test]
fn one_giant_line_is_cut_and_the_next_one_is_whole() {
    let limits = Limits {
        max_line: 1000,
        capture: 4096,
        ..Limits::default()
    };
    let (seen, done) = block_on(async {
        let (_handle, stop) = StopSignal::new();
        let mut seen = Vec::new();
        let command = sh("head -c 5000000 /dev/zero | tr '\\0' a; echo; echo next; printf last");
        let done = run(&command, limits, stop, &mut |_, line| {
            seen.push(line.to_vec());
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
        (seen, done)
    });
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [1000, 4, 4]);
    assert!(done.stdout.text().len() < 5000);
    assert!(done.stdout.text().contains("bytes cut"));
    assert!(done.stdout.text().ends_with("next\nlast"));
}

#[test]
fn the_caller_and_a_stop_end_it() {
    let done = block_on(async {
        let (_handle, stop) = StopSignal::new();
        run(
            &sh("while :; do echo x; done"),
            Limits::default(),
            stop,
            &mut |_, _| ControlFlow::Break(()),
        )
        .await
        .unwrap()
    });
    assert_eq!(done.ended, Ended::ByCaller);
    let done = block_on(async {
        let (handle, stop) = StopSignal::new();
        let mut handle = Some(handle);
        run(
            &sh("echo ready; exec tail -f /dev/null"),
            Limits::default(),
            stop,
            &mut |_, _| {
                if let Some(h) = handle.as_ref() {
                    h.raise();
                }
                ControlFlow::Continue(())
            },
        )
        .await
        .inspect(|_| drop(handle.take()))
        .unwrap()
    });
    assert_eq!(done.ended, Ended::Stopped);
}

#[test]
fn a_missing_program_says_so() {
    let error = block_on(async {
        let (_handle, stop) = StopSignal::new();
        output(
            &Command::new("no-such-program-here", "/", SandboxPolicy::Trusted),
            Limits::default(),
            stop,
        )
        .await
        .unwrap_err()
    });
    assert!(error.is_not_found());
    assert!(error.to_string().contains("no-such-program-here"));
}

proptest::proptest! {
    #[test]
    fn capture_keeps_head_and_tail(pieces in proptest::collection::vec(proptest::collection::vec(0u8.., 0..50), 0..20), limit in 2usize..64) {
        let mut captured = Captured::new(limit);
        let mut all = Vec::new();
        for p in &pieces {
            captured.push(p);
            all.extend_from_slice(p);
        }
        proptest::prop_assert_eq!(captured.total, all.len() as u64);
        if all.len() <= limit / 2 * 2 {
            proptest::prop_assert_eq!(captured.text(), String::from_utf8_lossy(&all).into_owned());
        }
    }
}
