//! The wall on macOS, by the system's own sandbox-exec. Elsewhere profiles are only read, in unit tests.

use codelicious::model::policy::{
    Endpoint, FileAccess, Network, Preset, ResourceLimits, SandboxPolicy, Wall,
};
use codelicious::ports::StopSignal;
use codelicious::proc::{self, Finished, Limits};
use codelicious::sandbox::{probe, seatbelt};
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

/// A lane, and a folder beside it that is nobody's business.
struct Bench {
    _dir: tempfile::TempDir,
    lane: PathBuf,
    outside: PathBuf,
}

impl Bench {
    /// None, said loudly, where there is no sandbox-exec.
    fn new() -> Option<Self> {
        if !Path::new(seatbelt::PROGRAM).exists() {
            eprintln!("SKIPPED: there is no {} on this system", seatbelt::PROGRAM);
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        let (lane, outside) = (at.join("a lane (\"one\")"), at.join("outside"));
        fs::create_dir(&lane).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::File::create(outside.join("key")).unwrap();
        Some(Self {
            lane,
            outside,
            _dir: dir,
        })
    }

    fn wall(&self, network: Network) -> Wall {
        Wall {
            preset: Preset::Verify,
            files: FileAccess {
                write: vec![self.lane.clone()],
                ..FileAccess::default()
            },
            network,
            unix_sockets: false,
            limits: ResourceLimits::default(),
            env: Vec::new(),
        }
    }

    fn run(&self, network: Network, line: &str) -> Output {
        let wall = self.wall(network);
        let args: Vec<OsString> = vec!["-c".into(), line.into()];
        let args = seatbelt::arguments(&wall, Path::new("/bin/sh"), &args);
        Command::new(seatbelt::PROGRAM)
            .args(args)
            .current_dir(&self.lane)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("OUTSIDE", &self.outside)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn works(&self, network: Network, line: &str) {
        let output = self.run(network, line);
        assert!(output.status.success(), "{line}: {output:?}");
    }

    #[track_caller]
    fn fails(&self, network: Network, line: &str) {
        let output = self.run(network, line);
        assert!(!output.status.success(), "{line}: {output:?}");
    }
}

#[test]
fn the_lane_is_writable_and_nothing_else_is() {
    let Some(bench) = Bench::new() else { return };
    bench.works(
        Network::None,
        "echo x > f && cat f && mkdir d && mv f d/ && rm -r d",
    );
    bench.works(Network::None, "echo x > /dev/null; ls -l .; pwd; id -u");
    for line in [
        "cat \"$OUTSIDE/key\"",
        "echo x > \"$OUTSIDE/new\"",
        "rm \"$OUTSIDE/key\"",
        "ln -s \"$OUTSIDE\" out && cat out/key",
        "ls /Users",
        "printf '#!/bin/sh\\n' > t && chmod +x t && ./t",
    ] {
        bench.fails(Network::None, line);
    }
    let left: Vec<_> = fs::read_dir(&bench.outside).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn only_the_ports_that_are_allowed_are_reached() {
    let Some(bench) = Bench::new() else { return };
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let shut = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let to = |listener| format!("nc -z -G 5 127.0.0.1 {}", port(listener));
    let host = Endpoint::parse(&format!("127.0.0.1:{}", port(&open))).unwrap();
    bench.works(Network::Loopback, &to(&open));
    bench.works(Network::Full, &to(&open));
    bench.works(Network::Hosts(vec![host.clone()]), &to(&open));
    bench.fails(Network::Hosts(vec![host]), &to(&shut));
    bench.fails(Network::None, &to(&open));
}

/// Starts a shell as whatever a run starts.
fn through_the_door(bench: &Bench, wall: Wall, line: &str) -> Finished {
    let command = proc::Command::shell(line, &bench.lane, SandboxPolicy::Walled(Arc::new(wall)))
        .env([
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("OUTSIDE".to_owned(), bench.outside.display().to_string()),
        ]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_handle, stop) = StopSignal::new();
    runtime
        .block_on(proc::output(&command, Limits::default(), stop))
        .unwrap()
}

#[test]
fn the_machine_says_that_it_has_it_and_the_door_puts_it_up() {
    let Some(bench) = Bench::new() else { return };
    let abilities = probe::abilities();
    assert!(abilities.seatbelt, "{:?}", abilities.lacking);
    let wall = || Wall {
        limits: ResourceLimits {
            open_files: Some(64),
            ..ResourceLimits::default()
        },
        ..bench.wall(Network::Loopback)
    };
    let done = through_the_door(&bench, wall(), "echo x > f && cat f && ulimit -n");
    assert_eq!((done.code, done.stdout.text().as_str()), (0, "x\n64\n"));
    for line in ["cat \"$OUTSIDE/key\"", "echo x > \"$OUTSIDE/new\""] {
        let done = through_the_door(&bench, wall(), line);
        assert_ne!(done.code, 0, "{line}");
    }
}

#[test]
fn a_host_that_is_not_listed_is_refused_by_the_proxy_and_told() {
    let Some(bench) = Bench::new() else { return };
    let proxy = "http://127.0.0.1:3128".to_owned();
    let wall = Wall {
        env: vec![("HTTPS_PROXY".to_owned(), proxy)],
        ..bench.wall(Network::Hosts(vec![Endpoint::parse("a.example").unwrap()]))
    };
    let line = "curl -sS --max-time 20 https://b.example/ && exit 9; exit 0";
    let done = through_the_door(&bench, wall, line);
    assert_eq!(done.code, 0, "{}", done.stderr.text());
    let is_told = |r: &String| r.contains("b.example:443");
    assert!(done.refused.iter().any(is_told), "{:?}", done.refused);
}
