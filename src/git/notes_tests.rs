use super::*;
use crate::config::Environment;
use crate::model::policy::SandboxPolicy;
use crate::ports::StopSignal;
use crate::proc;
use std::path::Path;

struct Place {
    dir: tempfile::TempDir,
    commits: Vec<Oid>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let git = git2::Repository::init(dir.path()).unwrap();
        let mut config = git.config().unwrap();
        config.set_str("user.name", "Ada").unwrap();
        config.set_str("user.email", "ada@localhost").unwrap();
        let who = git2::Signature::now("Ada", "ada@localhost").unwrap();
        let empty = git.treebuilder(None).unwrap().write().unwrap();
        let tree = git.find_tree(empty).unwrap();
        let commits = (0..3)
            .map(|n| {
                let name = format!("refs/heads/c{n}");
                let message = format!("commit {n}");
                to_oid(
                    git.commit(Some(&name), &who, &who, &message, &tree, &[])
                        .unwrap(),
                )
            })
            .collect();
        Self { dir, commits }
    }

    fn repo(&self) -> Repo {
        Repo::open(self.dir.path()).unwrap()
    }

    fn write(&self, n: usize, text: &str) -> NoteWritten {
        let ours = |bytes: &[u8]| bytes.starts_with(b"{");
        self.repo()
            .write_note(&self.commits[n], text.as_bytes(), ours)
            .unwrap()
    }

    fn read(&self, n: usize) -> Option<String> {
        let note = self.repo().read_note(&self.commits[n]).unwrap();
        note.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    /// What git itself reads.
    fn shown(&self, n: usize) -> String {
        git(
            self.dir.path(),
            &["notes", "--ref", NOTES, "show", self.commits[n].as_str()],
        )
    }
}

fn git(dir: &Path, args: &[&str]) -> String {
    let path = Environment::capture().get("PATH").unwrap().to_owned();
    let env = [
        ("PATH", path.as_str()),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let command = proc::Command::new("git", dir, SandboxPolicy::Trusted)
        .args(args.iter().copied())
        .env(env);
    let (_handle, stop) = StopSignal::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limits = proc::Limits::default();
    let done = runtime
        .block_on(proc::output(&command, limits, stop))
        .unwrap();
    assert!(done.success(), "{args:?}: {}", done.stderr.text());
    done.stdout.text()
}

#[test]
fn a_note_is_written_once_and_git_reads_it() {
    let place = Place::new();
    assert_eq!(place.read(0), None);
    assert_eq!(place.write(0, "{1}\n"), NoteWritten::Written);
    let tip = place.repo().ref_target(NOTES).unwrap();
    assert_eq!(place.write(0, "{1}\n"), NoteWritten::Stood);
    assert_eq!(place.repo().ref_target(NOTES).unwrap(), tip);
    assert_eq!(place.shown(0), "{1}\n");
    assert_eq!(place.write(0, "{2}\n"), NoteWritten::Written);
    assert_eq!(place.read(0).as_deref(), Some("{2}\n"));
    let commits = &place.commits;
    assert_eq!(place.repo().without_note(commits).unwrap(), commits[1..]);
}

#[test]
fn somebodys_note_stays() {
    let place = Place::new();
    git(
        place.dir.path(),
        &[
            "notes",
            "--ref",
            NOTES,
            "add",
            "-m",
            "by hand",
            place.commits[1].as_str(),
        ],
    );
    assert_eq!(place.write(1, "{1}\n"), NoteWritten::Foreign);
    assert_eq!(place.shown(1), "by hand\n");
}

#[test]
fn what_is_too_large_is_refused() {
    let place = Place::new();
    let text = "{".repeat(MAX_NOTE + 1);
    let error = place
        .repo()
        .write_note(&place.commits[0], text.as_bytes(), |_| true);
    assert!(error.unwrap_err().message.contains("at most"));
    crate::fsx::atomic::write(&place.dir.path().join("big"), text.as_bytes()).unwrap();
    let big = place.dir.path().join("big").display().to_string();
    git(
        place.dir.path(),
        &[
            "notes",
            "--ref",
            NOTES,
            "add",
            "-F",
            &big,
            place.commits[0].as_str(),
        ],
    );
    assert!(place.repo().read_note(&place.commits[0]).is_err());
}

#[test]
fn notes_of_two_places_come_together() {
    let place = Place::new();
    let (repo, dir) = (place.repo(), place.dir.path());
    assert_eq!(repo.merge_notes().unwrap(), NotesMerged::Nothing);
    // Theirs: notes on 0 and 1, made by git itself.
    for (n, text) in [(0, "{theirs 0}"), (1, "{theirs 1}")] {
        git(
            dir,
            &[
                "notes",
                "--ref",
                NOTES,
                "add",
                "-m",
                text,
                place.commits[n].as_str(),
            ],
        );
    }
    git(dir, &["update-ref", REMOTE_NOTES, NOTES]);
    git(dir, &["update-ref", "-d", NOTES]);
    assert_eq!(
        place.read(1).as_deref(),
        Some("{theirs 1}\n"),
        "read as fetched"
    );
    // Ours: notes on 0 and 2.
    place.write(0, "{ours 0}\n");
    place.write(2, "{ours 2}\n");
    let ours = place.repo().ref_target(NOTES).unwrap().unwrap();
    assert_eq!(place.repo().merge_notes().unwrap(), NotesMerged::United(1));
    let texts: Vec<String> = (0..3).map(|n| place.shown(n)).collect();
    assert_eq!(texts, ["{ours 0}\n", "{theirs 1}\n", "{ours 2}\n"]);
    // What goes to the remote is a fast-forward of both.
    let merged = place.repo().ref_target(NOTES).unwrap().unwrap();
    let theirs = place.repo().ref_target(REMOTE_NOTES).unwrap().unwrap();
    for old in [&ours, &theirs] {
        assert!(place.repo().is_ancestor(old, &merged).unwrap());
    }
    assert_eq!(place.repo().merge_notes().unwrap(), NotesMerged::Nothing);
    // Git goes on with the flat tree, and we with what git makes of it.
    git(
        dir,
        &[
            "notes",
            "--ref",
            NOTES,
            "append",
            "-m",
            "more",
            place.commits[1].as_str(),
        ],
    );
    assert_eq!(place.read(1).as_deref(), Some("{theirs 1}\n\nmore\n"));
    git(dir, &["update-ref", REMOTE_NOTES, NOTES]);
    git(dir, &["update-ref", NOTES, merged.as_str()]);
    assert_eq!(place.repo().merge_notes().unwrap(), NotesMerged::Followed);
}

#[test]
fn the_first_notes_are_the_remotes() {
    let place = Place::new();
    place.write(0, "{1}\n");
    git(place.dir.path(), &["update-ref", REMOTE_NOTES, NOTES]);
    git(place.dir.path(), &["update-ref", "-d", NOTES]);
    assert_eq!(place.repo().merge_notes().unwrap(), NotesMerged::Followed);
    assert_eq!(place.shown(0), "{1}\n");
}
