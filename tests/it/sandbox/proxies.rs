//! What a walled command is told of hosts that it may not reach, and the machine's own proxy.

use super::{abilities, has_program, lacks, site};
use crate::support::{Repo, spec_of};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};

/// Asks the proxy of the wall for a tunnel and prints what it answers.
const ASK: &str = "\
import socket, sys
for host in sys.argv[1:]:
  s = socket.create_connection(('127.0.0.1', 3128), 10)
  s.sendall(f'CONNECT {host} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n'.encode())
  s.settimeout(20)
  said = b''
  while b'\\r\\n\\r\\n' not in said or b' 200 ' not in said.split(b'\\r\\n')[0]:
    more = s.recv(4096)
    if not more: break
    said += more
  print(host, said.decode().replace('\\r\\n', ' ').strip())
";

/// A proxy that says yes to everybody; the heads of what it was asked come out.
fn upstream() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (told, heads) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let _ = told.send(String::from_utf8_lossy(&head).into_owned());
            let _ = stream.write_all(b"HTTP/1.1 200 Yes\r\n\r\n");
            // Until the other side has gone.
            let _ = stream.read(&mut byte);
        }
    });
    (at, heads)
}

fn is_possible() -> bool {
    site().is_some()
        && has_program("python3")
        && !lacks("network namespaces", abilities().network_namespace)
}

fn ask(envs: &[(&str, &str)], hosts: &[&str]) -> String {
    let repo = Repo::new();
    let mut args = vec![
        "sandbox", "run", "--preset", "setup", "--", "python3", "-c", ASK,
    ];
    args.extend(hosts);
    let envs: Vec<_> = [("CODELICIOUS_SANDBOX", "on")]
        .into_iter()
        .chain(envs.iter().copied())
        .collect();
    repo.run_with(&args, &envs).expect(0).stdout
}

#[test]
fn the_gateway_goes_through_the_proxy_of_the_machine() {
    if !is_possible() {
        return;
    }
    let (at, heads) = upstream();
    let proxy = format!("http://ada:s3cret@{at}");
    let said = ask(
        &[("HTTPS_PROXY", &proxy), ("NO_PROXY", "10.0.0.0/8")],
        &["index.crates.io:443", "evil.example:443"],
    );
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("index.crates.io:443 HTTP/1.1 200"),
        "{said}"
    );
    assert!(
        lines[1].contains("evil.example:443 is not among the hosts")
            && lines[1].contains("`evil.example` in `[sandbox.setup] hosts`"),
        "{said}"
    );
    let head = heads.recv().unwrap();
    assert!(
        head.starts_with("CONNECT index.crates.io:443 HTTP/1.1\r\n"),
        "{head}"
    );
    // `ada:s3cret`.
    assert!(
        head.contains("\r\nProxy-Authorization: Basic YWRhOnMzY3JldA==\r\n"),
        "{head}"
    );
    assert!(heads.try_recv().is_err(), "nobody else was asked for");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn nothing_goes_past_a_proxy_that_cannot_be_gone_through() {
    if !is_possible() {
        return;
    }
    let said = ask(
        &[("ALL_PROXY", "socks5://ada:s3cret@127.0.0.1:9")],
        &["index.crates.io:443"],
    );
    assert!(said.contains("502") && said.contains("`socks5`"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_check_that_its_wall_fails_says_where_to_look() {
    if site().is_none() || lacks("network namespaces", abilities().network_namespace) {
        return;
    }
    let repo = Repo::new();
    repo.write(
        "check.sh",
        "[ -e work/T001.txt ] || exit 0\ntouch /opt/not-mine\n",
    );
    repo.write("specs/work.md", spec_of(1, 1));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A check that writes elsewhere"]);
    repo.git(&["push", "-q"]);
    let ended = repo.run_with(
        &["--engine", &repo.cassette()],
        &[("CODELICIOUS_SANDBOX", "on")],
    );
    assert_ne!(ended.code, 0, "{}", ended.stderr);
    let events = repo.events();
    let of_kind = |kind: &str| events.iter().find(|e| e["kind"] == kind);
    let told = of_kind("sandbox_refused").unwrap_or_else(|| panic!("{events:?}"));
    let hint = told["payload"]["hint"].as_str().unwrap();
    assert!(hint.contains("/opt/not-mine is closed to it"), "{hint}");
    assert!(
        hint.contains("`codelicious sandbox explain -- sh check.sh`"),
        "{hint}"
    );
    let stopped = of_kind("chunk_stopped").unwrap();
    let reason = stopped["payload"]["reason"].as_str().unwrap();
    assert!(reason.contains(hint), "{reason}");
    assert!(
        ended.stderr.contains(hint) || ended.stdout.contains(hint),
        "{}{}",
        ended.stdout,
        ended.stderr
    );
}

#[test]
fn who_mends_a_check_is_told_of_its_wall_and_the_output_is_the_checks() {
    if site().is_none() || lacks("network namespaces", abilities().network_namespace) {
        return;
    }
    let repo = Repo::new();
    repo.write(
        "check.sh",
        "[ -e work/T001.txt ] || exit 0\ntouch /opt/not-mine\n",
    );
    repo.write("specs/work.md", spec_of(1, 1));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A check that writes elsewhere"]);
    repo.git(&["push", "-q"]);
    let ended = repo.run(&["--engine", "claude"]);
    assert_ne!(ended.code, 0, "{}", ended.stderr);
    let calls = repo.calls();
    let prompt = calls[1]["prompt"].as_str().unwrap();
    let told = "its sandbox may be why (/opt/not-mine is closed to it";
    assert!(prompt.contains(told), "{prompt}");
    let ledger = repo.read(".codelicious/state/specs-work.json");
    let ledger: serde_json::Value = serde_json::from_str(&ledger).unwrap();
    let check = &ledger["chunks"]["T001"]["evidence"]["checks"][0];
    let output = check["output"].as_str().unwrap();
    assert!(
        output.contains("/opt/not-mine") && !output.contains("sandbox"),
        "{output}"
    );
}

#[test]
fn a_set_up_command_that_its_wall_fails_is_told_of_it_once() {
    if site().is_none() || lacks("network namespaces", abilities().network_namespace) {
        return;
    }
    let repo = Repo::new();
    let settings =
        "[verify]\ncommands = [\"sh check.sh\"]\n[worktree]\nsetup = [\"touch /opt/not-mine\"]\n";
    repo.write("codelicious.toml", settings);
    repo.write("specs/work.md", spec_of(1, 1));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A set-up command that writes elsewhere"]);
    repo.git(&["push", "-q"]);
    let ended = repo.run(&["--engine", "claude"]).expect(2);
    let error = ended.stderr.split("error: ").nth(1).unwrap();
    assert_eq!(
        error.matches("its sandbox may be why").count(),
        1,
        "{error}"
    );
}

#[test]
fn a_set_up_command_that_is_kept_from_a_host_says_so() {
    if !is_possible() {
        return;
    }
    let repo = Repo::new();
    repo.write("ask.py", ASK);
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"sh check.sh\"]\n[worktree]\nsetup = [\"python3 ask.py evil.example:443\"]\n",
    );
    repo.write("specs/work.md", spec_of(1, 1));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A set-up command that asks elsewhere"]);
    repo.git(&["push", "-q"]);
    repo.run_with(
        &["--engine", &repo.cassette()],
        &[("CODELICIOUS_SANDBOX", "on")],
    )
    .expect(0);
    let events = repo.events();
    let told = events.iter().find(|e| e["kind"] == "sandbox_refused");
    let told = told.unwrap_or_else(|| panic!("{events:?}"));
    assert_eq!(
        told["payload"],
        serde_json::json!({
            "what": "python3 ask.py evil.example:443",
            "hosts": ["evil.example:443: not listed in `[sandbox.setup] hosts`"],
            "hint": null,
        })
    );
}
