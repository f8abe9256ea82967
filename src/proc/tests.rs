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
fn programs_are_found_and_started_as_execvp_does() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    let put = |folder: &Path, name: &str, mode: u32, text: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir_all(folder).unwrap();
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // No `#!`: the shell reads it, with the arguments behind its path.
    put(&second, "plain", 0o755, "echo \"${0##*/} $1\"\n");
    put(&second, "both", 0o755, "#!/bin/sh\necho second\n");
    put(&first, "both", 0o644, "#!/bin/sh\necho first\n");
    std::fs::create_dir_all(first.join("plain")).unwrap();
    put(&first, "locked", 0o644, "#!/bin/sh\n");
    let path = format!("first:{}", second.display());
    let run = |program: &str| {
        let command = Command::new(program, dir.path(), SandboxPolicy::Trusted)
            .args(["x"])
            .env([("PATH".to_owned(), path.clone())]);
        block_on(async {
            let (_handle, stop) = StopSignal::new();
            output(&command, Limits::default(), stop).await
        })
    };
    let says = |program: &str| run(program).unwrap().stdout.text().trim().to_owned();
    assert_eq!(says("plain"), "plain x");
    assert_eq!(says("second/plain"), "plain x");
    assert_eq!(says("both"), "second");
    let error = run("locked").unwrap_err();
    assert!(!error.is_not_found(), "{error}");
    assert!(error.to_string().contains("ermission denied"), "{error}");
}

/// What a repository's program carries does not keep its children.
#[cfg(target_os = "linux")]
#[test]
fn only_a_push_of_our_own_leaves_its_group_alone() {
    let pids = |policy: SandboxPolicy| {
        let command = Command::shell("sleep 600 > /dev/null 2>&1 & echo $!", "/", policy).env([
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            (PUSH_MARK.to_owned(), push_mark().to_owned()),
        ]);
        let done = block_on(async {
            let (_handle, stop) = StopSignal::new();
            output(&command, Limits::default(), stop).await.unwrap()
        });
        done.stdout.text().trim().parse::<i32>().unwrap()
    };
    let runs = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
        state.is_some_and(|state| !b"ZX".contains(&state))
    };
    let ours = pids(SandboxPolicy::Trusted);
    assert!(runs(ours));
    let ours = rustix::process::Pid::from_raw(ours).unwrap();
    rustix::process::kill_process(ours, rustix::process::Signal::KILL).unwrap();
    let theirs = pids(SandboxPolicy::Unsandboxed);
    // Killed already; the kernel may need a moment.
    for _ in 0..5_000 {
        if !runs(theirs) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("{theirs} still runs");
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

/// A stand-in for sandbox-exec: notes what it is given and becomes the command.
fn stand_in(dir: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let program = dir.join("sandbox-exec");
    let script = "#!/bin/sh\nprintf '%s\\n' \"$1\" \"$3\" >> \"${0%/*}/args\"\nprintf '%s' \"$2\" > \"${0%/*}/profile\"\n\
                  shift 3\nprintf '%s\\n' \"$@\" >> \"${0%/*}/args\"\nexec \"$@\"\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn wall(lane: &Path, network: crate::model::policy::Network) -> crate::model::policy::Wall {
    use crate::model::policy::{FileAccess, Preset, ResourceLimits, Wall};
    let proxy = "http://127.0.0.1:3128".to_owned();
    Wall {
        preset: Preset::Verify,
        files: FileAccess {
            write: vec![lane.to_path_buf()],
            ..FileAccess::default()
        },
        network,
        unix_sockets: false,
        limits: ResourceLimits {
            open_files: Some(77),
            file_size: Some(5 << 20),
            ..ResourceLimits::default()
        },
        env: vec![
            ("HTTPS_PROXY".to_owned(), proxy),
            ("HOME".to_owned(), "/box/home".to_owned()),
        ],
    }
}

/// Starts a command as on a system whose walls are profiles.
async fn by_profile(command: &Command, program: &Path) -> Finished {
    let SandboxPolicy::Walled(wall) = &command.policy else {
        panic!("no wall")
    };
    let plan = walled::by_profile(program, command, wall).unwrap();
    let (_handle, stop) = StopSignal::new();
    let running = carry_out(command, plan).unwrap();
    let limits = Limits {
        total: Some(Duration::from_secs(60)),
        ..Limits::default()
    };
    let mut on_line = |_: Stream, _: &[u8]| ControlFlow::Continue(());
    see_to_its_end(running, command, limits, stop, &mut on_line)
        .await
        .unwrap()
}

#[test]
fn a_wall_that_is_a_profile_is_put_up_by_the_program_that_takes_one() {
    use crate::model::policy::Network;
    let dir = tempfile::tempdir().unwrap();
    let program = stand_in(dir.path());
    let lane = dir.path().join("lane");
    std::fs::create_dir(&lane).unwrap();
    let policy = SandboxPolicy::Walled(std::sync::Arc::new(wall(&lane, Network::Loopback)));
    let command = Command::new("sh", &lane, policy)
        .args([
            "-c",
            "pwd; echo $HOME $MINE; ulimit -n; echo \"$@\"",
            "sh",
            "a  b",
            "*",
        ])
        .env([
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("HOME".to_owned(), "/home/ann".to_owned()),
            ("MINE".to_owned(), "1".to_owned()),
        ]);
    let done = block_on(by_profile(&command, &program));
    assert_eq!(done.code, 0, "{}", done.stderr.text());
    let real = lane.canonicalize().unwrap();
    let wanted = format!("{}\n/box/home 1\n77\na  b *\n", real.display());
    assert_eq!(done.stdout.text(), wanted);
    let args = std::fs::read_to_string(dir.path().join("args")).unwrap();
    assert!(args.starts_with("-p\n--\n/bin/sh\n-c\n"), "{args}");
    for line in ["ulimit -c 0", "ulimit -f 10240 2>/dev/null"] {
        assert!(args.lines().any(|l| l == line), "{args}");
    }
    let profile = std::fs::read_to_string(dir.path().join("profile")).unwrap();
    assert!(profile.starts_with("(version 1)\n(deny default)\n"));
    assert!(
        profile.contains(&format!("(subpath \"{}\")", lane.display())),
        "{profile}"
    );

    // What is not there is told as without a wall.
    let missing = Command::new("no-such-program", &lane, command.policy.clone()).env(command.env);
    let SandboxPolicy::Walled(wall) = &missing.policy else {
        panic!("no wall")
    };
    let error = walled::by_profile(&program, &missing, wall).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn named_hosts_are_reached_by_a_port_that_the_profile_allows() {
    use crate::model::policy::{Endpoint, Network};
    let dir = tempfile::tempdir().unwrap();
    let program = stand_in(dir.path());
    let hosts = vec![Endpoint::parse("api.example.org").unwrap()];
    let policy =
        SandboxPolicy::Walled(std::sync::Arc::new(wall(dir.path(), Network::Hosts(hosts))));
    // Waits for the answer that the test gets.
    let line = "echo $HTTPS_PROXY > port.half; mv port.half port; until test -e asked; do sleep 0.01; done";
    let command = Command::shell(line, dir.path(), policy)
        .env([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    let asks = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let address = loop {
            match std::fs::read_to_string(dir.path().join("port")) {
                Ok(text) => break text.trim().trim_start_matches("http://").to_owned(),
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let ask = b"CONNECT other.example.org:443 HTTP/1.1\r\nHost: other.example.org:443\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        std::fs::write(dir.path().join("asked"), "").unwrap();
        (address, String::from_utf8_lossy(&answer).into_owned())
    };
    let (done, (address, answer)) =
        block_on(async { tokio::join!(by_profile(&command, &program), asks) });
    assert_eq!(done.code, 0, "{}", done.stderr.text());
    assert_eq!(answer, "HTTP/1.1 403");
    assert!(
        done.refused
            .iter()
            .any(|r| r.contains("other.example.org:443") && r.contains("`[sandbox.verify] hosts`")),
        "{:?}",
        done.refused
    );
    let port = address.rsplit(':').next().unwrap();
    assert_ne!(port, "3128");
    let profile = std::fs::read_to_string(dir.path().join("profile")).unwrap();
    assert!(
        profile.contains(&format!("(remote ip \"localhost:{port}\")")),
        "{profile}"
    );
    assert!(!profile.contains("3128"), "{profile}");
}
