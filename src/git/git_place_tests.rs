use super::*;
use crate::config::Environment;
use crate::git::{CommandSettings, add_worktree, fetch};
use crate::model::Oid;
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc::{self, Limits};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

fn env(home: &Path) -> Vec<(String, String)> {
    let path = Environment::capture().get("PATH").unwrap().to_owned();
    let home = home.to_string_lossy().into_owned();
    [
        ("PATH", path),
        ("HOME", home),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn block_on<T>(f: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(f)
}

#[track_caller]
fn git(dir: &Path, home: &Path, args: &[&str]) -> String {
    let command = proc::Command::new("git", dir, SandboxPolicy::Trusted)
        .args(args.iter().copied())
        .env(env(home));
    let (_handle, stop) = StopSignal::new();
    let done = block_on(proc::output(&command, Limits::default(), stop)).unwrap();
    assert!(done.success(), "{args:?}: {}", done.stderr.text());
    done.stdout.text().trim().to_owned()
}

/// A clone with a commit, and the remote with one more.
struct Site {
    dir: tempfile::TempDir,
    root: PathBuf,
}

impl Site {
    fn new(name: &OsStr) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let (home, origin, root) = (base.join("home"), base.join("origin"), base.join(name));
        std::fs::create_dir(&home).unwrap();
        std::fs::create_dir(&origin).unwrap();
        git(&origin, &home, &["init", "-q", "-b", "main"]);
        git(&origin, &home, &["config", "user.name", "Ada"]);
        git(&origin, &home, &["config", "user.email", "ada@localhost"]);
        std::fs::write(origin.join(".gitattributes"), "*.up filter=up\n").unwrap();
        std::fs::write(origin.join("a.up"), "text\n").unwrap();
        git(&origin, &home, &["add", "-A"]);
        git(&origin, &home, &["commit", "-qm", "One"]);
        // The clone's name may be none that an argument can have.
        std::fs::create_dir(&root).unwrap();
        let of = origin.display().to_string();
        git(&root, &home, &["clone", "-q", &of, "."]);
        git(&root, &home, &["config", "filter.up.clean", "cat"]);
        git(&root, &home, &["config", "filter.up.smudge", "tr a-z A-Z"]);
        git(
            &origin,
            &home,
            &["commit", "-q", "--allow-empty", "-m", "Two"],
        );
        Self { dir, root }
    }

    fn home(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("home")
    }

    fn repo(&self) -> Repo {
        let mut repo = Repo::open(&self.root).unwrap();
        repo.set_command(CommandSettings {
            env: env(&self.home()),
            stop: StopSignal::new().1,
        });
        repo
    }

    /// What whoever is at work meanwhile does to the configuration: programs that would leave a file, another remote.
    fn plant(&self) {
        let mark = self.home().join("PWNED");
        let evil = format!("touch '{}'; cat", mark.display());
        let mut config = git2::Config::open(&self.root.join(".git/config")).unwrap();
        for key in ["filter.up.smudge", "filter.up.clean", "core.fsmonitor"] {
            config.set_str(key, &evil).unwrap();
        }
        config.set_str("remote.origin.url", "/nowhere").unwrap();
        config.set_str("remote.origin.uploadpack", &evil).unwrap();
        let users =
            format!("[core]\n\tsshCommand = {evil:?}\n[url \"/nowhere/\"]\n\tinsteadOf = /\n");
        std::fs::write(self.home().join(".gitconfig"), users).unwrap();
    }

    fn is_clean(&self) {
        assert!(!self.home().join("PWNED").exists());
        let left = std::fs::read_dir(self.root.join(".git").join(FOLDER)).unwrap();
        assert_eq!(left.count(), 0);
    }

    fn fetches_and_makes_lanes(&self) {
        let mut repo = self.repo();
        repo.frozen().unwrap();
        self.plant();
        let env = env(&self.home());
        let there = git(
            &self.root.with_file_name("origin"),
            &self.home(),
            &["rev-parse", "HEAD"],
        );
        block_on(async {
            let place = repo.git_place().unwrap();
            fetch(&place, "origin", &env, false, StopSignal::new().1)
                .await
                .unwrap();
        });
        let fetched = repo.ref_target("refs/remotes/origin/main").unwrap();
        assert_eq!(fetched, Some(Oid::new(&there)));
        let lane = self.root.with_file_name("lane");
        block_on(async {
            let place = repo.git_place().unwrap();
            let stop = StopSignal::new().1;
            add_worktree(&place, &lane, &Oid::new(&there), &env, stop)
                .await
                .unwrap();
        });
        assert_eq!(std::fs::read(lane.join("a.up")).unwrap(), b"TEXT\n");
        let crate::git::LaneDir::Ready(paths) = repo.find_lane(&lane).unwrap() else {
            panic!("no lane")
        };
        assert_eq!(paths.admin, self.root.join(".git/worktrees/lane"));
        repo.open_lane(&paths, &[]).unwrap();
        // Git itself writes what a filter makes.
        std::fs::write(lane.join("a.up"), "gone").unwrap();
        repo.reset_lane(&Oid::new(&there)).unwrap();
        assert_eq!(std::fs::read(lane.join("a.up")).unwrap(), b"TEXT\n");
        let link = std::fs::read(lane.join(".git")).unwrap();
        let admin = self.root.join(".git/worktrees/lane");
        assert_eq!(
            link,
            [b"gitdir: ", admin.as_os_str().as_bytes(), b"\n"].concat()
        );
        self.is_clean();
    }
}

#[test]
fn nothing_that_was_configured_since_is_used() {
    Site::new(OsStr::new("clone")).fetches_and_makes_lanes();
}

#[test]
fn nor_in_a_folder_whose_name_is_not_utf8() {
    let name = OsStr::from_bytes(b"cl\xffone");
    let probe = tempfile::tempdir().unwrap();
    if std::fs::create_dir(probe.path().join(name)).is_err() {
        eprintln!("SKIPPED: this file system knows UTF-8 only");
        return;
    }
    Site::new(name).fetches_and_makes_lanes();
}

#[test]
fn what_a_process_left_behind_goes_and_what_one_uses_stays() {
    let site = Site::new(OsStr::new("clone"));
    let folder = site.root.join(".git").join(FOLDER);
    let own = folder.join(format!("{}.99999", std::process::id()));
    // A number that no process has: they end before it (proc(5), pid_max).
    let dead = folder.join("2000000000.1");
    let former = site.root.join(".git").join(FORMER);
    for dir in [&own, &dead, &folder.join("7"), &former.join("2000000000.1")] {
        std::fs::create_dir_all(dir).unwrap();
    }
    site.repo().frozen().unwrap();
    let left: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(left, [own]);
    assert!(!former.exists());
}

#[test]
fn a_lane_whose_link_leads_elsewhere_is_opened_where_it_is() {
    let site = Site::new(OsStr::new("clone"));
    let home = site.home();
    let lane = site.root.with_file_name("lane");
    git(
        &site.root,
        &home,
        &["worktree", "add", "-q", "--detach", "../lane"],
    );
    let mut repo = site.repo();
    let crate::git::LaneDir::Ready(paths) = repo.find_lane(&lane).unwrap() else {
        panic!("no lane")
    };
    // A repository of somebody's own, and the lane's link to it.
    let other = site.root.with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    git(&other, &home, &["init", "-q"]);
    std::fs::write(lane.join(".git"), "gitdir: ../other/.git\n").unwrap();
    let common = site.root.join(".git");
    let opened = paths.open(&common).unwrap();
    assert_eq!(opened.commondir().canonicalize().unwrap(), common);
    assert_eq!(opened.workdir().unwrap().canonicalize().unwrap(), lane);
    // Git's own folder for it leads elsewhere: it is not opened.
    for (file, text) in [
        ("commondir", "../../../../other/.git\n"),
        ("gitdir", "/nowhere/.git\n"),
    ] {
        let path = paths.admin.join(file);
        let was = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        assert!(paths.open(&common).is_err(), "{file}");
        assert!(repo.open_lane(&paths, &[]).is_err(), "{file}");
        let link = std::fs::read(lane.join(".git")).unwrap();
        assert_eq!(
            link, b"gitdir: ../other/.git\n",
            "{file}: nothing is touched"
        );
        std::fs::write(&path, was).unwrap();
    }
    assert!(repo.open_lane(&paths, &[]).is_ok());
}
