//! What a wall adds to the start of a process.

use super::{Table, ms};
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

/// Before each command of the last row: commands of a run do not come one upon the other, and the kernel does some
/// things faster the second time.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSED_ROUNDS: usize = 40;

pub fn measure(world: &super::World, table: &mut Table) {
    sandbox::set_helper(PathBuf::from(env!("CARGO_BIN_EXE_codelicious")));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let spawn = |policy: &SandboxPolicy, pause: Duration| {
        std::thread::sleep(pause);
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
    let resident = peak();
    for (name, network, limits, pause) in [
        (
            "no network",
            Network::None,
            ResourceLimits::default(),
            Duration::ZERO,
        ),
        (
            "loopback",
            Network::Loopback,
            ResourceLimits::default(),
            Duration::ZERO,
        ),
        (
            "loopback, memory and processes bounded",
            Network::Loopback,
            bounded,
            Duration::ZERO,
        ),
        (
            "hosts, memory and processes bounded",
            Network::Hosts(hosts),
            bounded,
            Duration::ZERO,
        ),
        (
            "loopback, memory and processes bounded, after a pause",
            Network::Loopback,
            bounded,
            PAUSE,
        ),
    ] {
        let walled = SandboxPolicy::Walled(Arc::new(wall(&world.dir, network, limits)));
        let rounds = match pause.is_zero() {
            true => ROUNDS,
            false => PAUSED_ROUNDS,
        };
        // In turns, so that both see the same machine.
        let pairs: Vec<(Duration, Duration)> = (0..rounds)
            .map(|_| (spawn(&SandboxPolicy::Trusted, pause), spawn(&walled, pause)))
            .collect();
        let plain = median_of(pairs.iter().map(|(plain, _)| plain.as_secs_f64()));
        let inside = median_of(pairs.iter().map(|(_, inside)| inside.as_secs_f64()));
        let more = pairs.iter().map(|(p, i)| i.as_secs_f64() - p.as_secs_f64());
        table.row(
            &format!("a walled `true`, {name}"),
            ms(Duration::from_secs_f64(inside)),
            &format!(
                "plain: {} → ×{:.2}, {:.2} ms more",
                ms(Duration::from_secs_f64(plain)),
                inside / plain,
                median_of(more) * 1000.0
            ),
        );
    }
    table.row(
        "memory that walls take of who puts them up",
        format!("{:.1} MiB", (peak() - resident) / 1024.0),
        &format!("before: {:.1} MiB", resident / 1024.0),
    );
}

fn median_of(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The highest resident size of this process so far, in KiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).expect("a number")
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
