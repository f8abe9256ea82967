//! Output without an end, from an engine and from a check: it is read, and neither kept nor gathered in memory.

use super::{Tally, Who, World, rule};
use serde_json::json;
use std::fs;
use std::time::Duration;

/// What is said, after an honest line, and whether a check says it.
const SAID: &[(&str, &str, bool)] = &[
    (
        "engine-output-bomb",
        "head -c {n} /dev/zero | tr '\\0' x",
        false,
    ),
    (
        "engine-output-bomb-of-lines",
        "yes \"$(printf '%01000d' 0)\" | head -c {lines}",
        false,
    ),
    (
        "check-output-bomb",
        "head -c {n} /dev/zero | tr '\\0' x",
        true,
    ),
    (
        "check-output-bomb-of-lines",
        "yes \"$(printf '%01000d' 0)\" | head -c {lines} >&2",
        true,
    ),
];
/// Bytes of one without lines, which is far more than the program may have taken in memory at once, and of one with.
const BYTES: u64 = 300_000_000;
const OF_LINES: u64 = 20_000_000;
const MEMORY: u64 = 160 << 20;
/// Bytes that may be kept of what all of them say.
const KEPT: usize = 32 << 20;

#[test]
fn output_without_an_end_is_not_kept() {
    let Some(world) = World::new(Who::Me) else {
        return;
    };
    let repo = &world.repo;
    repo.write(
        "check.sh",
        "[ -e work/current ] || exit 0\n. \"checks/$(cat work/current).sh\"\n",
    );
    let mut spec = String::from("# Work\n\n- [ ] T000 Build it quietly\n");
    let mut rules = vec![rule("T000", &[json!({"build": true})])];
    for (i, (name, line, is_check)) in SAID.iter().enumerate() {
        let id = format!("T{:03}", i + 1);
        spec.push_str(&format!("- [ ] {id} Build {name}\n"));
        let line = format!(
            "echo 'honest {name}'; {}",
            line.replace("{n}", &BYTES.to_string())
                .replace("{lines}", &OF_LINES.to_string())
        );
        let second = match is_check {
            true => {
                repo.write(&format!("checks/{name}.sh"), &line);
                format!("echo {name} > work/current")
            }
            false => format!("rm -f work/current; {line}"),
        };
        rules.push(rule(&id, &[json!({"build": true}), json!({"run": second})]));
    }
    repo.write("specs/work.md", spec);
    world.commit_base("The project");
    world.script(&json!({"rules": rules}));
    let (ended, most) = memory_of(&world, &["--engine", "mine", "-v", "-v"]);
    let built = world.built();
    let ours = repo.our_files();
    let kept: usize = ours.iter().map(|(_, bytes)| bytes.len()).sum();
    let log: String = ours
        .iter()
        .filter(|(path, _)| path.display().to_string().contains("/logs/"))
        .map(|(path, _)| fs::read_to_string(path).unwrap_or_default())
        .collect();
    eprintln!("red team, runs: {kept} bytes kept, {most} bytes of memory at most");
    let mut harm = Vec::new();
    if kept > KEPT {
        harm.push(format!("{kept} bytes were kept"));
    }
    if most > MEMORY {
        harm.push(format!("{most} bytes were in memory"));
    }
    let mut tally = Tally::default();
    for (i, (name, _, _)) in SAID.iter().enumerate() {
        let id = format!("T{:03}", i + 1);
        let twin = built.contains(&id) && log.contains(&format!("honest {name}"));
        if !twin {
            eprintln!("{}", world.story(&id, &ended));
        }
        tally.row(name, (!harm.is_empty()).then(|| harm.join(", ")), twin);
    }
    tally.settle("output bombs");
}

/// Runs the program to its end; the most memory of its own that it had (proc_pid_status(5)).
fn memory_of(world: &World, args: &[&str]) -> (crate::support::Ended, u64) {
    let child = world.start(args);
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        // When it has ended it has no memory, even before anybody asks how it ended.
        while let Ok(text) = fs::read_to_string(&status) {
            let Some(line) = text.lines().find_map(|l| l.strip_prefix("VmHWM:")) else {
                break;
            };
            let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
            most = most.max(kib << 10);
            std::thread::park_timeout(Duration::from_millis(2));
        }
        most
    });
    let ended = crate::support::Ended::new(&child.wait_with_output().unwrap());
    (ended, watch.join().unwrap())
}

pub const HOW_MANY: usize = SAID.len();
