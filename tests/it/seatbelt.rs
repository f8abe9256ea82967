//! The wall on macOS, by the system's own sandbox-exec. Elsewhere profiles are only read, in unit tests.

use codelicious::model::policy::{Endpoint, FileAccess, Network, Preset, ResourceLimits, Wall};
use codelicious::sandbox::seatbelt;
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

    fn run(&self, network: Network, line: &str) -> Output {
        let wall = Wall {
            preset: Preset::Verify,
            files: FileAccess {
                write: vec![self.lane.clone()],
                ..FileAccess::default()
            },
            network,
            unix_sockets: false,
            limits: ResourceLimits::default(),
            env: Vec::new(),
        };
        let args: Vec<OsString> = vec!["-c".into(), line.into()];
        let (program, args) = seatbelt::command(&wall, Path::new("/bin/sh"), &args);
        Command::new(program)
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
