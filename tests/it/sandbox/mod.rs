//! The wall around a process, driven through the one spawner with walls written by hand.

mod door;
mod files;
mod limits;
mod network;
mod others;
mod proxies;
mod run;

use codelicious::model::policy::{
    FileAccess, Network, Preset, ResourceLimits, SandboxPolicy, Wall,
};
use codelicious::ports::StopSignal;
use codelicious::proc::{self, Command, Finished, Limits, SpawnError};
use codelicious::sandbox;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A folder that may be written to, one beside it that may not, and a wall.
struct Site {
    _temp: tempfile::TempDir,
    lane: PathBuf,
    outside: PathBuf,
    wall: Wall,
}

/// None, loudly, where the machine has no Landlock.
fn site() -> Option<Site> {
    sandbox::set_helper(crate::support::program());
    let abilities = abilities();
    if abilities.landlock == 0 {
        eprintln!("SKIPPED: no sandbox here: {:?}", abilities.lacking);
        return None;
    }
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap();
    let (lane, outside) = (root.join("lane"), root.join("outside"));
    for dir in [&lane, &outside] {
        std::fs::create_dir(dir).unwrap();
    }
    std::fs::write(outside.join("secret"), "a secret\n").unwrap();
    let wall = Wall {
        preset: Preset::Verify,
        files: FileAccess {
            read: paths(&["/etc", "/proc", "/dev/zero", "/dev/urandom", "/dev/full"]),
            execute: paths(&["/usr", "/bin", "/lib", "/lib64", "/no/such/folder"]),
            write: vec![lane.clone(), "/dev/null".into()],
            ..FileAccess::default()
        },
        network: Network::None,
        unix_sockets: false,
        limits: ResourceLimits::default(),
        env: Vec::new(),
    };
    Some(Site {
        _temp: temp,
        lane,
        outside,
        wall,
    })
}

fn abilities() -> &'static codelicious::model::policy::Abilities {
    static FOUND: std::sync::OnceLock<codelicious::model::policy::Abilities> =
        std::sync::OnceLock::new();
    FOUND.get_or_init(|| {
        sandbox::set_helper(crate::support::program());
        sandbox::probe::abilities()
    })
}

/// Says loudly that a test leaves something out; for use as a condition.
fn lacks(what: &str, there: bool) -> bool {
    if !there {
        eprintln!("SKIPPED: {what}: {:?}", abilities().lacking);
    }
    !there
}

fn has_program(name: &str) -> bool {
    let found = proc::find_program(name, &[("PATH".to_owned(), PATH.to_owned())]).is_some();
    !lacks(&format!("{name} is not there"), found)
}

fn paths(texts: &[&str]) -> Vec<PathBuf> {
    texts.iter().map(PathBuf::from).collect()
}

fn block_on<T>(f: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(f)
}

fn bounds() -> Limits {
    Limits {
        total: Some(Duration::from_secs(60)),
        grace: Duration::from_millis(200),
        ..Limits::default()
    }
}

impl Site {
    fn command(&self, program: &str, args: &[&str]) -> Command {
        Command::new(
            program,
            &self.lane,
            SandboxPolicy::Walled(Arc::new(self.wall.clone())),
        )
        .args(args.iter().copied())
        .env([("PATH".to_owned(), PATH.to_owned())])
    }

    fn start(&self, program: &str, args: &[&str]) -> Result<Finished, SpawnError> {
        finish(&self.command(program, args))
    }

    fn sh(&self, line: &str) -> Finished {
        self.start("sh", &["-c", line]).unwrap()
    }

    fn python(&self, text: &str) -> Finished {
        self.start("python3", &["-c", text]).unwrap()
    }

    /// Runs it inside, where it must be refused, and outside, where it must work: a case that fails for another
    /// reason is no proof.
    fn only_outside(&self, line: &str) {
        let inside = self.sh(line);
        assert!(!inside.success(), "{line}: it worked inside");
        let free = Command::shell(line, &self.lane, SandboxPolicy::Trusted)
            .env([("PATH".to_owned(), PATH.to_owned())]);
        let free = finish(&free).unwrap();
        assert!(free.success(), "{line}: {}", free.stderr.text());
    }

    fn works(&self, line: &str) -> String {
        let done = self.sh(line);
        assert!(
            done.success(),
            "{line}: {} {}",
            done.code,
            done.stderr.text()
        );
        done.stdout.text()
    }
}

fn finish(command: &Command) -> Result<Finished, SpawnError> {
    block_on(async {
        let (_handle, stop) = StopSignal::new();
        proc::output(command, bounds(), stop).await
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
