//! Starting and ending: what a caller of the spawner sees is what it would see without a wall.

use super::*;
use codelicious::proc::{Ended, Stream};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;

#[test]
fn output_exit_codes_and_signals_are_the_commands_own() {
    let Some(site) = site() else { return };
    let done = site.sh("echo out; echo err >&2; exit 3");
    assert_eq!((done.ended, done.code), (Ended::Itself, 3));
    assert_eq!(
        (done.stdout.text(), done.stderr.text()),
        ("out\n".into(), "err\n".into())
    );
    assert_eq!(site.sh("kill -9 $$").code, 137);
    assert_eq!(
        site.sh("exit 125").code,
        125,
        "the helper's own code is nobody's secret"
    );
    // A pipe that nobody reads ends who writes to it, as ever.
    assert_eq!(site.works("(yes; echo $? >&2) | head -1"), "y\n");
    let input = site.command("wc", &["-c"]).stdin("x".repeat(300_000));
    assert_eq!(finish(&input).unwrap().stdout.text().trim(), "300000");
}

#[test]
fn the_environment_is_the_one_that_was_given_under_that_of_the_wall() {
    let Some(mut site) = site() else { return };
    site.wall.env = vec![
        ("HOME".into(), "/private".into()),
        ("TMPDIR".into(), "/t".into()),
    ];
    let command = site.command("env", &[]).env([
        ("HOME".to_owned(), "/users".to_owned()),
        ("LD_BIND_NOW".to_owned(), "1".to_owned()),
    ]);
    let done = finish(&command).unwrap();
    let text = done.stdout.text();
    let mut seen: Vec<&str> = text.lines().collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            "HOME=/private",
            "LD_BIND_NOW=1",
            &format!("PATH={PATH}"),
            "TMPDIR=/t"
        ]
    );
}

#[test]
fn a_program_keeps_the_name_that_it_was_called_by() {
    let Some(site) = site() else { return };
    assert_eq!(site.works("echo $0").trim(), "sh");
    let tool = site.lane.join("tool");
    std::fs::write(&tool, "#!/bin/sh\necho $0\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut site = site;
    site.wall.files.execute.push(site.lane.clone());
    assert!(
        site.start("./tool", &[])
            .unwrap()
            .stdout
            .text()
            .ends_with("/tool\n")
    );
}

#[test]
fn what_cannot_be_started_says_so_and_is_no_result_of_the_command() {
    let Some(mut site) = site() else { return };
    let error = site.start("no-such-program-here", &[]).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(site.start("./absent", &[]).unwrap_err().is_not_found());
    std::fs::write(site.lane.join("plain"), "text").unwrap();
    let error = site.start("./plain", &[]).unwrap_err();
    assert_eq!(error.source.kind(), std::io::ErrorKind::PermissionDenied);

    // Outside the wall, or with an interpreter that is not there.
    let tool = site.lane.join("tool");
    std::fs::copy("/bin/true", &tool).unwrap();
    let error = site.start("./tool", &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the sandbox does not let it be executed"),
        "{error}"
    );
    assert!(!error.is_not_found());
    std::fs::write(&tool, "#!/no/such/interpreter\n").unwrap();
    site.wall.files.execute.push(site.lane.clone());
    let error = site.start("./tool", &[]).unwrap_err();
    assert!(error.is_not_found(), "{error}");

    let mut gone = site.command("true", &[]);
    gone.cwd = site.lane.join("gone");
    assert!(finish(&gone).is_err());
}

#[test]
fn a_helper_that_is_not_asked_properly_says_so() {
    sandbox::set_helper(crate::support::program());
    for (args, input) in [
        (vec!["__sandbox"], ""),
        (vec!["__sandbox", "{}", "--", "true"], ""),
        (vec!["__sandbox", "own-network"], "{}"),
        (
            vec!["__sandbox", "network"],
            "{\"token\":\"codelicious-1\"} and more than the lengths",
        ),
    ] {
        let out = helper(&args, input.as_bytes()).wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(125), "{args:?}");
        assert!(
            String::from_utf8_lossy(&out.stderr).contains("not a request"),
            "{args:?}"
        );
    }
    // Nobody asks any more.
    let out = helper(&["__sandbox", "own-network"], b"");
    let out = out.wait_with_output().unwrap();
    assert!(out.status.success(), "{out:?}");
    assert!(out.stderr.is_empty(), "{out:?}");
}

/// A helper that was given such input, and has more to read as long as it is held.
fn helper(args: &[&str], input: &[u8]) -> std::process::Child {
    use std::process::Stdio;
    let mut child = std::process::Command::new(crate::support::program())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its arguments does not read.
    let _ = std::io::Write::write_all(child.stdin.as_mut().unwrap(), input);
    child
}

#[test]
fn what_a_command_says_cannot_pass_for_the_helpers_words() {
    let Some(site) = site() else { return };
    let done = site.sh(
        "tr '\\0' '\\n' < /proc/self/cmdline >&2; tr '\\0' '\\n' < /proc/$$/cmdline >&2; exit 125",
    );
    assert_eq!(done.code, 125);
    assert!(
        !done.stderr.text().contains("codelicious-"),
        "{}",
        done.stderr.text()
    );
    // What this process had open is not open inside.
    let open = site.works("ls /proc/self/fd | wc -l");
    assert!(open.trim().parse::<u32>().unwrap() <= 4, "{open}");
}

#[test]
fn it_ends_when_it_is_told_to_and_leaves_nothing() {
    let Some(mut site) = site() else { return };
    site.wall.limits.processes = Some(100);
    let mut seen = Vec::new();
    // Two that leave the group and close everything.
    let line = "for i in 1 2; do setsid sh -c 'echo $$; exec tail -f /dev/null' & done; wait";
    let command = site.command("sh", &["-c", line]);
    let done = block_on(async {
        let (_handle, stop) = StopSignal::new();
        proc::run(&command, bounds(), stop, &mut |stream, line| {
            assert_eq!(stream, Stream::Out);
            seen.push(String::from_utf8_lossy(line).into_owned());
            match seen.len() {
                2 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })
        .await
        .unwrap()
    });
    assert_eq!(done.ended, Ended::ByCaller);
    if lacks("control groups", abilities().control_group.is_some()) {
        // Without one, what left the group is found by who adopts it.
        for pid in seen
            .iter()
            .filter_map(|p| p.parse().ok())
            .filter_map(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        return;
    }
    for pid in seen {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(
            stat.is_empty() || stat.contains(") Z") || stat.contains(") X"),
            "{stat}"
        );
    }
}

#[test]
fn it_ends_with_the_one_that_started_it() {
    let Some(site) = site() else { return };
    let request = sandbox::launch::Request {
        token: sandbox::launch::token(),
        parent: std::process::id(),
        wall: site.wall.clone(),
        env: Vec::new(),
        groups: Vec::new(),
        temporary: None,
        gateway: None,
        has_input: false,
    };
    let target = sandbox::launch::Target {
        cwd: site.lane.clone(),
        program: "/bin/sh".into(),
        name: "sh".into(),
        args: vec!["-c".into(), "echo ready; exec tail -f /dev/null".into()],
    };
    let start = |request: &sandbox::launch::Request| {
        let message = sandbox::launch::message(request, &target).unwrap();
        helper(&["__sandbox", "own-network"], &message)
    };
    // A parent is a thread, as the kernel sees it.
    let started = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut child = start(&request);
            let mut ready = [0; 6];
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
            child
        });
        thread.join().unwrap()
    });
    let mut started = started;
    let status = started.wait().unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9)
    );

    let late = sandbox::launch::Request {
        parent: 1,
        ..request
    };
    let out = start(&late).wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&out.stderr).contains("is gone"));

    // One that waits has nobody to wait for.
    let mut waiting = helper(&["__sandbox", "network"], b"");
    drop(waiting.stdin.take());
    assert!(waiting.wait().unwrap().success());
}

/// The helpers that this thread has waiting.
fn waiting() -> Vec<i32> {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap();
    let pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|b| *b == 0).any(|word| word == b"__sandbox")
    })
    .collect()
}

fn is_gone(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z")
}

#[test]
fn the_next_command_finds_its_helper_waiting() {
    let Some(mut site) = site() else { return };
    site.wall.network = Network::Loopback;
    let run = |command: &Command| {
        let command = command.clone();
        async move {
            let (_handle, stop) = StopSignal::new();
            let done = proc::output(&command, bounds(), stop).await.unwrap();
            assert_eq!(done.code, 0, "{}", done.stderr.text());
            done.stdout.text().trim().to_owned()
        }
    };
    let number = site.command("sh", &["-c", "echo $$"]);
    let one_of = |waiting: Vec<i32>| match waiting.as_slice() {
        [pid] => *pid,
        other => panic!("{other:?}"),
    };
    let last = std::thread::scope(|scope| {
        let here = scope.spawn(|| {
            assert!(waiting().is_empty());
            let last = block_on(async {
                run(&number).await;
                let next = one_of(waiting());
                // With another command, folder, environment and input.
                let mut other = site
                    .command("sh", &["-c", "echo $$ $(pwd) $A $(cat)"])
                    .env([("A".to_owned(), "b".to_owned())])
                    .stdin("typed");
                other.cwd = "/usr".into();
                assert_eq!(run(&other).await, format!("{next} /usr b typed"));

                // One that something else ended is not waited for.
                let next = one_of(waiting());
                let pid = rustix::process::Pid::from_raw(next).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
                while !is_gone(next) {
                    std::thread::yield_now();
                }
                assert_ne!(run(&number).await, next.to_string());

                // Nor is one that has another network, and it ends.
                let next = one_of(waiting());
                let mut open = site.wall.clone();
                open.network = Network::Full;
                let mut open_number = number.clone();
                open_number.policy = SandboxPolicy::Walled(Arc::new(open));
                assert_ne!(run(&open_number).await, next.to_string());
                while !is_gone(next) {
                    std::thread::yield_now();
                }
                one_of(waiting())
            });
            // Its pipes belong to who is no more.
            block_on(async {
                assert_ne!(run(&number).await, last.to_string());
                one_of(waiting())
            })
        });
        here.join().unwrap()
    });
    while !is_gone(last) {
        std::thread::yield_now();
    }
}
