use super::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Place {
    _root: tempfile::TempDir,
    dir: PathBuf,
    git: PathBuf,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let git = root.path().join(".git");
        fs::create_dir(&git).unwrap();
        Self {
            dir: root.path().join(".codelicious"),
            git,
            _root: root,
        }
    }

    fn acquire(&self, run: &str) -> Result<RunLock, LockError> {
        RunLock::acquire(&self.dir, &self.git, info(run))
    }

    fn peek(&self) -> Option<Holder> {
        peek(&self.dir, &self.git).unwrap()
    }
}

fn info(run: &str) -> LockInfo {
    LockInfo {
        pid: 7,
        run: run.into(),
        start: DateTime::UNIX_EPOCH,
        host: "h".into(),
    }
}

fn held_by(result: Result<RunLock, LockError>) -> Holder {
    match result {
        Err(LockError::Held(holder)) => holder,
        other => panic!("expected a held lock: {other:?}"),
    }
}

#[test]
fn one_holds_it_and_is_named() {
    let place = Place::new();
    assert_eq!(place.peek(), None);
    assert!(!place.dir.exists(), "looking creates nothing");
    let lock = place.acquire("first").unwrap();
    assert!(lock.is_ours());
    assert_eq!(place.peek(), Some(Holder::Known(info("first"))));
    let error = place.acquire("second").unwrap_err().to_string();
    assert_eq!(
        error,
        "another run works on this repository: run first (process 7 on h, since 1970-01-01T00:00:00Z); \
         wait until it has ended, or stop it"
    );
    drop(lock);
    assert_eq!(place.peek(), None);
    let lock = place.acquire("x").unwrap();
    assert_eq!(
        place.peek(),
        Some(Holder::Known(info("x"))),
        "a shorter name leaves nothing of the longer"
    );
    assert_eq!(
        fs::read_to_string(place.dir.join(LOCK_FILE))
            .unwrap()
            .lines()
            .count(),
        1
    );
    drop(lock);
}

#[test]
fn of_eight_at_once_one_runs() {
    let place = Place::new();
    // The name of a run that was killed must not be taken for the holder's.
    drop(place.acquire("killed").unwrap());
    let (start, end) = (Barrier::new(8), Barrier::new(8));
    let got = AtomicUsize::new(0);
    let named: Vec<Option<Holder>> = std::thread::scope(|s| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let (place, start, end, got) = (&place, &start, &end, &got);
                s.spawn(move || {
                    start.wait();
                    let result = place.acquire(&format!("run-{n}"));
                    if result.is_ok() {
                        got.fetch_add(1, Ordering::SeqCst);
                    }
                    end.wait();
                    result.err().map(|e| held_by(Err(e)))
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(got.load(Ordering::SeqCst), 1);
    let winner = named.iter().position(Option::is_none).unwrap();
    let expected = Holder::Known(info(&format!("run-{winner}")));
    assert!(named.iter().flatten().all(|h| *h == expected), "{named:?}");
}

#[test]
fn onlookers_never_keep_a_run_out() {
    let place = Place::new();
    let stop = AtomicUsize::new(0);
    std::thread::scope(|s| {
        s.spawn(|| {
            while stop.load(Ordering::SeqCst) == 0 {
                place.peek();
            }
        });
        for n in 0..200 {
            place.acquire(&n.to_string()).unwrap();
        }
        stop.store(1, Ordering::SeqCst);
    });
}

#[test]
fn a_deleted_lock_lets_nobody_in() {
    let place = Place::new();
    let mut lock = place.acquire("first").unwrap();
    for deleted in [place.dir.join(LOCK_FILE), place.dir.clone()] {
        if deleted.is_dir() {
            fs::remove_dir_all(&deleted).unwrap();
        } else {
            fs::remove_file(&deleted).unwrap();
        }
        assert!(!lock.is_ours());
        assert_eq!(place.peek(), Some(Holder::Unknown));
        assert_eq!(held_by(place.acquire("second")), Holder::Unknown);
        assert!(lock.restore().unwrap());
        assert!(!lock.restore().unwrap(), "nothing amiss any more");
        assert!(lock.is_ours());
        assert!(place.dir.join(".gitignore").exists());
        assert_eq!(
            held_by(place.acquire("second")),
            Holder::Known(info("first"))
        );
    }
}

#[test]
fn a_forged_lock_file_names_nobody_until_it_is_restored() {
    let place = Place::new();
    let mut lock = place.acquire("first").unwrap();
    let path = place.dir.join(LOCK_FILE);
    let forged = serde_json::to_vec(&info("forged")).unwrap();
    crate::fsx::atomic::write(&path, &forged).unwrap();
    assert_eq!(
        place.peek(),
        Some(Holder::Unknown),
        "the new file is not locked"
    );
    assert!(lock.restore().unwrap());
    assert_eq!(place.peek(), Some(Holder::Known(info("first"))));
}

#[test]
fn a_link_in_the_lock_s_place_is_not_written_through() {
    let place = Place::new();
    let users = place.git.join("config");
    crate::fsx::atomic::write(&users, b"theirs").unwrap();
    let mut lock = place.acquire("first").unwrap();
    let path = place.dir.join(LOCK_FILE);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&users, &path).unwrap();
    assert!(lock.restore().unwrap());
    assert_eq!(fs::read(&users).unwrap(), b"theirs");
    assert!(lock.is_ours());
}

#[test]
fn a_lock_file_held_by_a_stranger_counts() {
    let place = Place::new();
    drop(place.acquire("first").unwrap());
    let stranger = File::open(place.dir.join(LOCK_FILE)).unwrap();
    let _guard = guard(&stranger, 1).unwrap().unwrap();
    assert_eq!(
        held_by(place.acquire("second")),
        Holder::Known(info("first"))
    );
    assert_eq!(place.peek(), None, "the git directory decides");
}

#[test]
fn what_cannot_be_told_is_an_error() {
    let place = Place::new();
    fs::remove_dir(&place.git).unwrap();
    assert!(matches!(place.acquire("first"), Err(LockError::Io(_))));
    assert!(peek(&place.dir, &place.git).is_err());
    fs::create_dir(&place.git).unwrap();
    fs::create_dir_all(place.dir.join(LOCK_FILE)).unwrap();
    assert!(matches!(place.acquire("first"), Err(LockError::Io(_))));
    assert_eq!(place.peek(), None, "a failed attempt holds nothing");
}

#[test]
fn guards_exclude_and_release() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    crate::fsx::atomic::write(&path, b"").unwrap();
    let (a, b) = (File::open(&path).unwrap(), File::open(&path).unwrap());
    let held = guard(&a, 1).unwrap().unwrap();
    assert!(guard(&b, 3).unwrap().is_none());
    drop(held);
    assert!(guard(&b, 1).unwrap().is_some());
}
