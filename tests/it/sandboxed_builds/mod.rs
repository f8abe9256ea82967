//! Honest work inside the wall: small real projects of several languages, built and tested by their own tools.
//!
//! What a hostile build is refused stands elsewhere; here everything has to work, for whoever runs the tests and, where
//! that is root, for an ordinary user as well.

mod projects;
mod registries;
mod runs;

use crate::support::program;
use codelicious::sandbox;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The user that owns nothing.
const NOBODY: u32 = 65_534;

/// Who a command runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Me,
    /// An ordinary user, where the tests run as root.
    Nobody,
}

/// A project's folder of somebody's own, outside of `/tmp`, with a home and a cache beside it.
struct Site {
    _temp: tempfile::TempDir,
    base: PathBuf,
    project: PathBuf,
    who: Who,
    /// Toolchains in somebody's home, and where an ordinary user finds them.
    tools: Vec<(PathBuf, PathBuf)>,
    /// More of the environment, for tools.
    vars: Vec<(String, String)>,
    path: Vec<PathBuf>,
}

struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "--- stdout\n{}\n--- stderr\n{}",
            self.out, self.err
        );
        self
    }

    #[track_caller]
    fn lacks(self, what: &str) -> Self {
        let said = format!("{}{}", self.out, self.err);
        assert!(!said.contains(what), "{said}");
        self
    }

    #[track_caller]
    fn says(self, what: &str) -> Self {
        assert!(
            self.out.contains(what) || self.err.contains(what),
            "no `{what}`\n--- stdout\n{}\n--- stderr\n{}",
            self.out,
            self.err
        );
        self
    }
}

/// Everybody that a project is to be built by; nobody at all, loudly, where there is no sandbox.
fn everybody() -> Vec<Site> {
    sandbox::set_helper(program());
    let found = sandbox::probe::abilities();
    if found.landlock < 2 || !found.seccomp || !found.network_namespace {
        crate::redteam::lack(&format!("no sandbox here: {:?}", found.lacking));
        return Vec::new();
    }
    let mut sites = vec![Site::new(Who::Me)];
    match rustix::process::geteuid().is_root() && has("setpriv") && has("unshare") {
        true => sites.push(Site::new(Who::Nobody)),
        false => eprintln!("SKIPPED: an ordinary user beside the one that runs the tests"),
    }
    sites
}

/// True where the machine has a program.
fn has(program: &str) -> bool {
    find(program).is_some()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// The same, said loudly where it is missing; for use as a condition.
fn lacks(program: &str) -> bool {
    let is_missing = !has(program);
    if is_missing {
        eprintln!("SKIPPED: {program} is not there");
    }
    is_missing
}

impl Site {
    fn new(who: Who) -> Self {
        let place = Path::new("/var/tmp");
        let temp = match place.is_dir() {
            true => tempfile::tempdir_in(place),
            false => tempfile::tempdir(),
        };
        let temp = temp.unwrap();
        let base = temp.path().canonicalize().unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["project", "home", "cache", "config", "bin"] {
            fs::create_dir(base.join(name)).unwrap();
        }
        let binary = base.join("bin/codelicious");
        fs::hard_link(program(), &binary)
            .or_else(|_| fs::copy(program(), &binary).map(|_| ()))
            .unwrap();
        let project = base.join("project");
        let site = Self {
            _temp: temp,
            base,
            project,
            who,
            tools: Vec::new(),
            vars: Vec::new(),
            path: ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
                .map(PathBuf::from)
                .to_vec(),
        };
        site.trusted("git init -q --initial-branch=main && git config user.name Ada && git config user.email ada@localhost");
        site
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.project.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// A folder of the machine's that the site's user is to reach; where it is then. In the ordinary user's case it is
    /// mounted where they may go, because the way to it may be closed to them.
    fn reach(&mut self, folder: &Path, name: &str) -> PathBuf {
        if self.who == Who::Me {
            return folder.to_path_buf();
        }
        let here = self.base.join(name);
        fs::create_dir(&here).unwrap();
        self.tools.push((folder.to_path_buf(), here.clone()));
        here
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.vars.push((name.to_owned(), value.into()));
    }

    /// The folder's programs are found before all others.
    fn search(&mut self, folder: PathBuf) {
        self.path.insert(0, folder);
    }

    fn environment(&self) -> Vec<(String, String)> {
        let at = |name: &str| self.base.join(name).display().to_string();
        let path = std::env::join_paths(&self.path).unwrap();
        let mut vars = vec![
            ("PATH".to_owned(), path.into_string().unwrap()),
            ("HOME".to_owned(), at("home")),
            ("XDG_CACHE_HOME".to_owned(), at("cache")),
            ("XDG_CONFIG_HOME".to_owned(), at("config")),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ];
        vars.extend(self.vars.iter().cloned());
        vars
    }

    /// Starts a program as the site's user, in the project.
    fn start(&self, words: &[&str]) -> Done {
        let mut command = match self.who {
            Who::Me => {
                let mut command = Command::new(words[0]);
                command.args(&words[1..]);
                command
            }
            Who::Nobody => {
                let mounts: String = self
                    .tools
                    .iter()
                    .map(|(from, to)| {
                        format!("mount --bind '{}' '{}' && ", from.display(), to.display())
                    })
                    .collect();
                let line = format!(
                    "chown -R {NOBODY}:{NOBODY} project home cache config && {mounts} cd project && \
                     exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups \"$@\""
                );
                let mut command = Command::new("unshare");
                command
                    .args(["-m", "sh", "-c", &line, "sh"])
                    .args(words)
                    .current_dir(&self.base);
                command
            }
        };
        if self.who == Who::Me {
            command.current_dir(&self.project);
        }
        let output = command
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Done {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A line for the shell inside the wall, under a preset.
    fn under(&self, preset: &str, line: &str) -> Done {
        let program = self.base.join("bin/codelicious").display().to_string();
        self.start(&[&program, "sandbox", "run", "--preset", preset, "--", line])
    }

    fn run(&self, line: &str) -> Done {
        self.under("verify", line)
    }

    #[track_caller]
    fn works(&self, line: &str) -> Done {
        let done = self.run(line);
        assert!(
            done.code == 0,
            "{line} as {:?}: exit {}\n--- stdout\n{}\n--- stderr\n{}",
            self.who,
            done.code,
            done.out,
            done.err
        );
        done
    }

    /// The same line outside.
    #[track_caller]
    fn trusted(&self, line: &str) -> Done {
        self.start(&["sh", "-c", line]).expect(0)
    }

    /// Cargo and rustc, which may stand in somebody's home. False, loudly, where there are none.
    fn rust(&mut self) -> bool {
        let home = std::env::var("HOME").unwrap_or_default();
        let folder = |variable: &str, below: &str| {
            let named = std::env::var(variable).map(PathBuf::from);
            named.unwrap_or_else(|_| Path::new(&home).join(below))
        };
        let (cargo, rustup) = (
            folder("CARGO_HOME", ".cargo"),
            folder("RUSTUP_HOME", ".rustup"),
        );
        if !cargo.join("bin/cargo").exists() || !rustup.join("toolchains").is_dir() {
            eprintln!("SKIPPED: no toolchain of rustup's");
            return false;
        }
        if self.who == Who::Nobody {
            // Links inside lead to where it stands for its owner.
            let is_closed = fs::read_dir(rustup.join("toolchains"))
                .into_iter()
                .flatten()
                .flatten()
                .any(|entry| {
                    entry.path().is_symlink()
                        && fs::read_link(entry.path()).is_ok_and(|to| to.is_absolute())
                });
            if is_closed {
                self.set("RUSTUP_TOOLCHAIN", "stable");
            }
        }
        let cargo = self.reach(&cargo, "cargo");
        let rustup = self.reach(&rustup, "rustup");
        self.search(cargo.join("bin"));
        self.set("CARGO_HOME", cargo.display().to_string());
        self.set("RUSTUP_HOME", rustup.display().to_string());
        true
    }

    /// A Python that has pytest. False, loudly, where there is none.
    fn pytest(&mut self) -> bool {
        let text = "import os, sys, pytest\nprint(sys.prefix)\nprint(os.path.dirname(os.path.dirname(pytest.__file__)))";
        let found = Command::new("python3")
            .args(["-c", text])
            .current_dir("/")
            .output();
        let Some(found) = found.ok().filter(|o| o.status.success()) else {
            eprintln!("SKIPPED: no pytest");
            return false;
        };
        let found = String::from_utf8(found.stdout).unwrap();
        let (prefix, packages) = found.trim().split_once('\n').unwrap();
        if prefix == "/usr" {
            return true;
        }
        if self.who == Who::Me {
            self.search(Path::new(prefix).join("bin"));
            return true;
        }
        // A Python in somebody's home has their paths built in: the system's takes its packages, from the lane.
        if !Path::new("/usr/bin/python3").exists() {
            eprintln!("SKIPPED: no python3 in /usr/bin for an ordinary user");
            return false;
        }
        let packages = self.reach(Path::new(packages), "project/packages");
        self.set("PYTHONPATH", packages.display().to_string());
        true
    }
}
