//! Named places at which a debug build can be made to die or to fail, so that tests can look at what is left.
//!
//! A release build has none of this: the functions here are empty there, and the names are gone. A debug build
//! reads `CODELICIOUS_CRASH=<action>@<place>[#<chunks>]`: the action is done the first time that the run comes
//! by the place after it has begun so many chunks (0 without a number).
//!
//! | action | what happens |
//! |---|---|
//! | `kill` | the process sends itself SIGKILL |
//! | `error` | the operation fails with an input/output error |
//! | `full` | it fails because the disk is full, and so does every later one that writes |
//! | `panic` | a bug |
//! | `trace` | nothing; every place that is come by is appended to the file that stands where the place would |
//!
//! A place is a [`Point`], for files and refs with what they are (`write.half/state`), or the surroundings of an
//! effect (`land.before_intent`): see [`Around`].

use std::io;
use std::path::Path;

macro_rules! points {
    ($($name:ident $text:literal $kind:ident $then:literal)*) => {
        /// A place inside an effect, or in what every effect uses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point { $(#[doc = $then] $name,)* }

        #[cfg(debug_assertions)]
        impl Point {
            /// Every place.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What the place is called.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What stands when the run comes by.
            pub fn then(self) -> &'static str {
                match self { $(Self::$name => $then,)* }
            }

            /// What kind of place it is.
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }
        }
    };
}

/// What can go wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something is about to be written: the disk may be full.
    Disk,
    /// Something else may fail here.
    Step,
    /// Nothing can fail here, only end.
    Moment,
}

points! {
    LockHeld     "lock.held"       Step   "the git folder is locked; the lock file does not name the run yet"
    LockNamed    "lock.named"      Step   "the run holds the lock and is named; its folders may be missing"
    FolderMade   "folder.made"     Disk   "a folder was made and not synced"
    WriteHalf    "write.half"      Disk   "half of the new content is in a temporary file"
    WriteSynced  "write.synced"    Disk   "the temporary file is whole; the old file still stands"
    WriteRenamed "write.renamed"   Step   "the new file stands; its folder is not synced"
    MovedAside   "aside.moved"     Step   "a file was moved aside; the folders are not synced"
    EventHalf    "event.half"      Disk   "half a line is in the event log"
    RunOpened    "run.opened"      Step   "lock, logs and git are open; nothing was looked at"
    RunFetched   "run.fetched"     Step   "the remote was fetched"
    RunSurveyed  "run.surveyed"    Step   "specs, lanes and ledgers were read"
    PlanAnswered "plan.answered"   Step   "a model planned a spec; the plan is not kept"
    RunRecovered "run.recovered"   Step   "a lane was held against git; nothing of that is written"
    RunEnded     "run.ended"       Moment "all lanes are over; nothing was said about it"
    SpawnBefore  "spawn.before"    Step   "a program is about to be started"
    SpawnAfter   "spawn.after"     Moment "the program runs"
    WorktreeMade "worktree.made"   Step   "git made the lane's worktree; it was never opened"
    LaneOpened   "lane.opened"     Step   "the lane is open, with an object store of its own"
    LaneHead     "lane.head"       Disk   "the lane's HEAD stands at the new commit; its files and indexes do not"
    LaneFiles    "lane.files"      Disk   "the lane's files stand; its indexes do not"
    LaneIndex    "lane.index"      Disk   "our index is written; git's own is the old one"
    LaneCaptured "lane.captured"   Step   "the lane's changes are a tree in the lane's own store"
    ObjectsMade  "objects.made"    Disk   "the commit is in the lane's own store, unsynced"
    ObjectsSynced "objects.synced" Disk   "its objects are synced; the repository has none of them"
    ObjectsHalf  "objects.half"    Disk   "the repository has the first of its objects"
    ObjectsKept  "objects.kept"    Step   "the repository has the commit; no ref names it"
    RefMoving    "ref.moving"      Disk   "a ref of ours is about to be moved"
    RefMoved     "ref.moved"       Step   "the ref is moved"
    SetupRan     "setup.ran"       Step   "the lane's set-up ran; nothing says so yet"
    EngineWatched "engine.watched" Step   "the repository around the lane is remembered; the engine was not started"
    EngineEnded  "engine.ended"    Step   "the engine is over; what it did beside its work stands"
    EngineUndone "engine.undone"   Step   "what it did beside its work is undone; its own commits still are HEAD"
    ChecksRan    "checks.ran"      Step   "the checks are over; what they left behind stands"
    SealStaged   "seal.staged"     Disk   "work and mark are staged for the git command"
    SealRan      "seal.ran"        Step   "the git command made the commit; nobody read it"
    NoteWritten  "note.written"    Moment "the commit landed and has its note; nobody took that in"
    ForgeFound   "forge.found"     Step   "the forge was asked for the pull request; nothing was written"
    ForgeDid     "forge.did"       Moment "the forge did what it was asked to; nobody took its answer in"
}

/// Where around an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// Decided; the ledger does not say so.
    BeforeIntent,
    /// The ledger says what is about to happen; nothing has.
    AfterIntent,
    /// It happened; the ledger does not say so.
    AfterEffect,
    /// The ledger says that it happened.
    AfterRecord,
}

impl Around {
    pub const ALL: [Self; 4] = [
        Self::BeforeIntent,
        Self::AfterIntent,
        Self::AfterEffect,
        Self::AfterRecord,
    ];
}

#[cfg(not(debug_assertions))]
mod act {
    use super::{Around, Path, Point, io};

    #[inline(always)]
    pub fn point(_: Point) -> io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    pub fn file(_: Point, _: &Path) -> io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    pub fn named(_: Point, _: &str) -> io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    pub fn effect(_: &str, _: Around) -> io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    pub fn half<'b>(_: Point, _: &Path, bytes: &'b [u8]) -> (&'b [u8], io::Result<()>) {
        (bytes, Ok(()))
    }

    #[inline(always)]
    pub fn chunk_begun() {}
}

#[cfg(debug_assertions)]
mod act {
    use super::{Around, Kind, Path, Point, io};
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::sync::{Mutex, PoisonError};

    #[derive(Debug, PartialEq)]
    enum Action {
        Kill,
        Error,
        Full,
        Panic,
    }

    #[derive(Debug, PartialEq)]
    enum Armed {
        Trace(PathBuf),
        Once {
            action: Action,
            place: String,
            chunks: u32,
        },
    }

    /// Looked at everywhere, armed in few processes.
    static IS_ARMED: AtomicBool = AtomicBool::new(false);
    static ARMED: Mutex<Option<Armed>> = Mutex::new(None);
    static CHUNKS: AtomicU32 = AtomicU32::new(0);
    static IS_FULL: AtomicBool = AtomicBool::new(false);

    /// Arms one place, as the environment variable describes it.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn arm(text: &str) -> Result<(), String> {
        let armed = parse(text)?;
        *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(armed);
        IS_ARMED.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn parse(text: &str) -> Result<Armed, String> {
        let (action, place) = text
            .split_once('@')
            .ok_or_else(|| format!("`{text}` is not <action>@<place>[#<chunks>]"))?;
        let (place, chunks) = place.split_once('#').unwrap_or((place, "0"));
        let action = match action {
            "trace" => return Ok(Armed::Trace(place.into())),
            "kill" => Action::Kill,
            "error" => Action::Error,
            "full" => Action::Full,
            "panic" => Action::Panic,
            other => return Err(format!("there is no action `{other}`")),
        };
        let chunks = chunks
            .parse()
            .map_err(|_| format!("`{chunks}` is no number of chunks"))?;
        let known = |p: &&Point| place.split('/').next() == Some(p.name());
        let around = place.split_once('.').is_some_and(|(_, around)| {
            matches!(
                around,
                "before_intent" | "after_intent" | "after_effect" | "after_record"
            )
        });
        if !around && !Point::ALL.iter().any(|p| known(&p)) {
            return Err(format!("there is no place `{place}`"));
        }
        Ok(Armed::Once {
            action,
            place: place.to_owned(),
            chunks,
        })
    }

    /// Comes by a place.
    ///
    /// # Errors
    /// Only the one that is armed.
    pub fn point(point: Point) -> io::Result<()> {
        come_by(|| point.name().to_owned(), point.kind())
    }

    /// Comes by a place that has to do with a file.
    ///
    /// # Errors
    /// Only the one that is armed.
    pub fn file(point: Point, path: &Path) -> io::Result<()> {
        come_by(
            || format!("{}/{}", point.name(), folder(path)),
            point.kind(),
        )
    }

    /// Comes by a place that has to do with a ref or a program: what matters of its name is said.
    ///
    /// # Errors
    /// Only the one that is armed.
    pub fn named(point: Point, name: &str) -> io::Result<()> {
        let short = name
            .strip_prefix("refs/codelicious/")
            .or_else(|| name.strip_prefix("refs/"))
            .and_then(|n| n.split('/').next())
            .unwrap_or_else(|| name.rsplit('/').next().unwrap_or(name));
        come_by(|| format!("{}/{short}", point.name()), point.kind())
    }

    /// Comes by the surroundings of an effect.
    ///
    /// # Errors
    /// Only the one that is armed.
    pub fn effect(name: &str, around: Around) -> io::Result<()> {
        let place = match around {
            Around::BeforeIntent => "before_intent",
            Around::AfterIntent => "after_intent",
            Around::AfterEffect => "after_effect",
            Around::AfterRecord => "after_record",
        };
        come_by(|| format!("{name}.{place}"), Kind::Step)
    }

    /// How much of `bytes` is written before the run comes by a place in the middle, and what happens there.
    /// Everything, unless that place is armed.
    pub fn half<'b>(point: Point, path: &Path, bytes: &'b [u8]) -> (&'b [u8], io::Result<()>) {
        if !IS_ARMED.load(Ordering::Relaxed) {
            return (bytes, Ok(()));
        }
        let place = format!("{}/{}", point.name(), folder(path));
        if is_due(&place, point.kind()) {
            (&bytes[..bytes.len() / 2], come_by(|| place, point.kind()))
        } else {
            (bytes, come_by(|| place, point.kind()))
        }
    }

    /// Another chunk was begun.
    pub fn chunk_begun() {
        CHUNKS.fetch_add(1, Ordering::Relaxed);
    }

    fn is_due(here: &str, kind: Kind) -> bool {
        let armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        if IS_FULL.load(Ordering::Relaxed) && kind == Kind::Disk {
            return true;
        }
        matches!(armed.as_ref(), Some(Armed::Once { place, chunks, .. })
            if place == here && CHUNKS.load(Ordering::Relaxed) >= *chunks)
    }

    fn come_by(here: impl FnOnce() -> String, kind: Kind) -> io::Result<()> {
        if !IS_ARMED.load(Ordering::Relaxed) {
            return Ok(());
        }
        let here = here();
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Armed::Trace(path)) = armed.as_ref() {
            let line = format!("{here}#{}\n", CHUNKS.load(Ordering::Relaxed));
            let file = OpenOptions::new().append(true).create(true).open(path);
            return file.and_then(|mut f| f.write_all(line.as_bytes()));
        }
        if IS_FULL.load(Ordering::Relaxed) {
            return if kind == Kind::Disk { full() } else { Ok(()) };
        }
        let due = matches!(armed.as_ref(), Some(Armed::Once { place, chunks, .. })
            if *place == here && CHUNKS.load(Ordering::Relaxed) >= *chunks);
        if !due {
            return Ok(());
        }
        let Some(Armed::Once { action, .. }) = armed.take() else {
            return Ok(());
        };
        drop(armed);
        match action {
            Action::Kill => die(),
            Action::Full => {
                IS_FULL.store(true, Ordering::Relaxed);
                full()
            }
            Action::Error => Err(io::Error::from_raw_os_error(
                rustix::io::Errno::IO.raw_os_error(),
            )),
            Action::Panic => panic!("a bug, as asked for at {here}"),
        }
    }

    fn full() -> io::Result<()> {
        Err(io::Error::from_raw_os_error(
            rustix::io::Errno::NOSPC.raw_os_error(),
        ))
    }

    fn die() -> ! {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // The signal may take a moment to reach this thread, which must do nothing more.
        loop {
            std::thread::park();
        }
    }

    /// What kind of file a path names: our folder's subfolder, `home` for what stands in our folder itself,
    /// `admin` for git's folder of a worktree, `git` for the rest of git's, `lane` for what is worked on.
    fn folder(path: &Path) -> String {
        let names: Vec<&str> = path.iter().filter_map(|n| n.to_str()).collect();
        if let Some(at) = names.iter().rposition(|n| *n == ".codelicious") {
            return match names[at + 1..] {
                [] | [_] => "home".to_owned(),
                [sub, ..] => sub.to_owned(),
            };
        }
        let is_in = |name: &str| names.contains(&name);
        match (is_in(".git"), is_in("worktrees")) {
            (true, true) => "admin",
            (true, false) if names.last() != Some(&".git") => "git",
            _ => "lane",
        }
        .to_owned()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_armed_is_said_in_full() {
            let once = |action, place: &str, chunks| {
                let place = place.to_owned();
                Ok(Armed::Once {
                    action,
                    place,
                    chunks,
                })
            };
            assert_eq!(
                parse("kill@land.after_intent#3"),
                once(Action::Kill, "land.after_intent", 3)
            );
            assert_eq!(
                parse("full@write.half/state"),
                once(Action::Full, "write.half/state", 0)
            );
            assert_eq!(parse("trace@/x"), Ok(Armed::Trace("/x".into())));
            for wrong in [
                "kill@land.after_intnet",
                "",
                "land",
                "burn@lock.held",
                "kill@land",
                "kill@lock.held#x",
            ] {
                assert!(parse(wrong).is_err(), "{wrong}");
            }
        }

        #[test]
        fn files_are_told_apart_by_what_they_are() {
            for (path, is) in [
                ("/r/.codelicious/state/a.json", "state"),
                ("/r/.codelicious/postmortem-1.md", "home"),
                ("/r/.codelicious", "home"),
                ("/r/.git/worktrees/a/codelicious-setup", "admin"),
                ("/r/.git/config", "git"),
                ("/cache/codelicious/r-1/a/.git", "lane"),
                ("/cache/codelicious/r-1/a/specs/work.md", "lane"),
            ] {
                assert_eq!(folder(Path::new(path)), is, "{path}");
            }
        }

        #[test]
        fn names_are_words_of_their_own() {
            let mut names: Vec<&str> = Point::ALL.iter().map(|p| p.name()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), Point::ALL.len());
            assert!(Point::ALL.iter().all(|p| !p.then().is_empty()));
        }
    }
}

#[cfg(debug_assertions)]
pub use act::arm;
pub(crate) use act::{chunk_begun, effect, file, half, named, point};
