//! What a wall adds to the start of a process.

use super::{Table, median, ms};
use codelicious::model::policy::{
    Endpoint, FileAccess, Network, Preset, ResourceLimits, SandboxPolicy, Wall,
};
use codelicious::ports::StopSignal;
use codelicious::proc::{self, Command, Limits};
use codelicious::sandbox;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 200;

pub fn measure(world: &super::World, table: &mut Table) {
    sandbox::set_helper(PathBuf::from(env!("CARGO_BIN_EXE_codelicious")));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let spawn = |policy: &SandboxPolicy| {
        let command = Command::new("/bin/true", &world.dir, policy.clone());
        let start = Instant::now();
        let done = runtime.block_on(async {
            let (_handle, stop) = StopSignal::new();
            proc::output(&command, Limits::default(), stop).await
        });
        assert!(done.expect("it starts").success());
        start.elapsed()
    };
    let bounded = ResourceLimits {
        memory: Some(4 << 30),
        processes: Some(4096),
        open_files: Some(1024),
        ..ResourceLimits::default()
    };
    let hosts = vec![Endpoint::parse("api.example.org").expect("a host")];
    for (name, network, limits) in [
        ("no network", Network::None, ResourceLimits::default()),
        ("loopback", Network::Loopback, ResourceLimits::default()),
        (
            "loopback, memory and processes bounded",
            Network::Loopback,
            bounded,
        ),
        (
            "hosts, memory and processes bounded",
            Network::Hosts(hosts),
            bounded,
        ),
    ] {
        let walled = SandboxPolicy::Walled(Arc::new(wall(&world.dir, network, limits)));
        // In turns, so that both see the same machine.
        let mut plain = Vec::new();
        let inside = median(ROUNDS, || {
            plain.push(spawn(&SandboxPolicy::Trusted));
            spawn(&walled)
        });
        let plain = median_of(plain);
        table.row(
            &format!("a walled `true`, {name}"),
            ms(inside),
            &format!(
                "plain: {} → ×{:.2}, {:.2} ms more",
                ms(plain),
                inside.as_secs_f64() / plain.as_secs_f64(),
                (inside.as_secs_f64() - plain.as_secs_f64()) * 1000.0
            ),
        );
    }
}

fn median_of(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn wall(dir: &Path, network: Network, limits: ResourceLimits) -> Wall {
    Wall {
        preset: Preset::Verify,
        files: FileAccess {
            read: vec!["/etc".into(), "/proc".into()],
            execute: vec!["/usr".into(), "/bin".into(), "/lib".into(), "/lib64".into()],
            write: vec![dir.join("home"), "/dev/null".into()],
            ..FileAccess::default()
        },
        network,
        unix_sockets: false,
        limits,
        env: Vec::new(),
    }
}
