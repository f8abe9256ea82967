//! Memory, processes, files, the disk and time.

use super::*;
use codelicious::proc::Ended;

#[test]
fn memory_is_bounded() {
    let Some(mut site) = site() else { return };
    if !has_program("python3") {
        return;
    }
    site.wall.limits.memory = Some(200 << 20);
    let small = site.python("b = bytearray(20 << 20); print(len(b))");
    assert!(small.success(), "{}", small.stderr.text());
    let big = site.python("b = bytearray(600 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1");
    assert!(!big.success() && big.ended == Ended::Itself);
    // Address space that is only reserved is not memory.
    let reserved = site.python("import mmap; mmap.mmap(-1, 4 << 30, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)");
    assert!(reserved.success(), "{}", reserved.stderr.text());
}

#[test]
fn a_bomb_of_processes_stays_small() {
    let Some(mut site) = site() else { return };
    let possible = abilities().control_group.is_some() || !rustix::process::geteuid().is_root();
    if lacks("bounds on processes", possible) || !has_program("python3") {
        return;
    }
    site.wall.limits.processes = Some(20);
    let bomb = "import os, sys\nn = 0\ntry:\n  while n < 200:\n    if os.fork() == 0:\n      import signal; signal.pause()\n    n += 1\nexcept OSError: pass\nprint(n)";
    let done = site.python(bomb);
    let started: u32 = done.stdout.text().trim().parse().unwrap();
    assert!((1..20).contains(&started), "{started}");
    assert_eq!(site.works("true & true & wait; echo fine"), "fine\n");
}

#[test]
fn files_and_the_disk_are_bounded() {
    let Some(mut site) = site() else { return };
    site.wall.limits.file_size = Some(1 << 20);
    site.wall.limits.open_files = Some(64);
    site.only_outside("head -c 3000000 /dev/zero > big");
    assert!(site.lane.join("big").metadata().unwrap().len() == 3_000_000);
    site.works(
        "head -c 1000000 /dev/zero > fits && test $(ulimit -n) = 64 && test $(ulimit -c) = 0",
    );
    site.wall.limits = ResourceLimits {
        disk: Some(1 << 30),
        ..ResourceLimits::default()
    };
    site.works("head -c 1000000 /dev/zero > fits");
    // Others write and remove at the same time: it grows until it is ended, or until it met its other bound.
    site.wall.limits.disk = Some(4 << 20);
    site.wall.limits.file_size = Some(4 << 30);
    let done = site.sh("while head -c 1000000 /dev/zero >> more; do :; done");
    assert_eq!(done.ended, Ended::DiskSpent);
}

#[test]
fn processor_time_is_bounded() {
    let Some(mut site) = site() else { return };
    site.wall.limits.cpu_seconds = Some(1);
    let done = site.sh("while :; do :; done");
    assert_eq!(
        (done.ended, done.code),
        (Ended::Itself, 128 + 24),
        "SIGXCPU"
    );
}

#[test]
fn groups_are_gone_when_the_process_is() {
    let Some(mut site) = site() else { return };
    if lacks("control groups", abilities().control_group.is_some()) {
        return;
    }
    site.wall.limits.processes = Some(50);
    site.wall.limits.memory = Some(1 << 30);
    let groups = site.works("cat /proc/self/cgroup");
    let own: Vec<&str> = groups
        .lines()
        .filter(|l| l.contains("codelicious-pid"))
        .filter_map(|l| l.rsplit_once('/'))
        .map(|(_, name)| name)
        .collect();
    assert!(
        own.len() == 2 || groups.contains("0::/codelicious"),
        "{groups}"
    );
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let places = mounts.lines().filter(|l| l.contains(" - cgroup"));
    for place in places.filter_map(|l| l.split(' ').nth(4)) {
        for name in &own {
            assert!(!Path::new(place).join(name).exists(), "{place}/{name}");
        }
    }
}

#[test]
fn what_a_killed_run_left_in_its_group_is_ended_by_the_next() {
    let Some(_site) = site() else { return };
    if lacks("control groups", abilities().control_group.is_some()) {
        return;
    }
    let limits = ResourceLimits {
        processes: Some(10),
        ..ResourceLimits::default()
    };
    let bounds = sandbox::groups::Bounds::make(&limits).unwrap();
    let group = bounds.groups()[0].clone();
    std::mem::forget(bounds);
    let mut left = std::process::Command::new("tail")
        .args(["-f", "/dev/null"])
        .spawn()
        .unwrap();
    std::fs::write(group.join("cgroup.procs"), left.id().to_string()).unwrap();
    let name = group.file_name().unwrap().to_string_lossy().into_owned();
    let ended = sandbox::groups::end_earlier(&name);
    assert_eq!(ended, [i32::try_from(left.id()).unwrap()]);
    assert!(!group.exists());
    left.wait().unwrap();
}
