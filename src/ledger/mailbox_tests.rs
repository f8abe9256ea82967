use super::*;
use crate::model::{Chunk, ChunkId};
use crate::model::{ChunkState, MoveKind, Seen, SkippedBy, spec::SpecStatus};
use chrono::TimeDelta;
use proptest::prelude::*;

/// A move as schema 1 wrote it. Never edit.
const SCHEMA_1: &str = include_str!("fixtures/move-1.json");

fn time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_323_045, 250_000_000).unwrap()
}

fn asked(chunk: &str, n: u32, who: &str) -> Move {
    Move {
        spec: "specs-work".into(),
        chunk: chunk.into(),
        n,
        kind: MoveKind::Skip,
        who: who.to_owned(),
        when: time(),
        seen: Seen {
            state: "pending".to_owned(),
            attempts: 0,
        },
    }
}

fn place() -> (tempfile::TempDir, Mailbox) {
    let root = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::open(&root.path().join(".codelicious"));
    (root, mailbox)
}

fn plan(ids: &[&str]) -> SpecPlan {
    let chunk = |id: &&str| Chunk {
        id: ChunkId::from(*id),
        task: ChunkId::from(*id),
        part: None,
        label: None,
        title: format!("Build {id}"),
        text: String::new(),
        headings: Vec::new(),
        fingerprint: "f".to_owned(),
        line: 1,
        depends_on: Vec::new(),
        files: Vec::new(),
        tokens: 1,
        context: String::new(),
        outline_tokens: 0,
        done: false,
    };
    SpecPlan {
        id: "specs-work".into(),
        path: "specs/work.md".to_owned(),
        title: "Work".to_owned(),
        status: SpecStatus::Ready,
        depends_on: Vec::new(),
        priority: None,
        not_built: None,
        waits_for: None,
        chunks: ids.iter().map(chunk).collect(),
        format: "Markdown",
        left_out: Vec::new(),
        outline: String::new(),
    }
}

fn ledger() -> Ledger {
    Ledger::new(
        "specs-work".into(),
        "specs/work.md",
        "codelicious/specs-work",
    )
}

const CARRIER: Carrier<'static> = Carrier {
    at_work: false,
    run: None,
};

#[test]
fn schema_1_is_read_and_written() {
    let answer = Move {
        kind: MoveKind::Answer {
            text: "In \"green\".\n".to_owned(),
        },
        seen: Seen {
            state: "blocked".to_owned(),
            attempts: 2,
        },
        ..asked("T001", 3, "Ada")
    };
    assert_eq!(String::from_utf8(encode_move(&answer)).unwrap(), SCHEMA_1);
    assert_eq!(decode_move(SCHEMA_1.as_bytes()).unwrap(), answer);
}

#[test]
fn refusals_say_where_and_what() {
    let edit = |from: &str, to: &str| {
        assert!(SCHEMA_1.contains(from), "{from}");
        SCHEMA_1.replacen(from, to, 1)
    };
    for (bytes, says) in [
        (
            edit("\"schema\": 1", "\"schema\": 2"),
            "newer codelicious (schema 2, this one knows 1); upgrade codelicious",
        ),
        (
            edit("\"schema\": 1", "\"schema\": 0"),
            "0 was never written",
        ),
        (edit("\"n\": 3", "\"n\": 3, \"m\": 1"), "unknown field `m`"),
        (
            edit("\"attempts\": 2", "\"attempts\": 2, \"m\": 1"),
            "unknown field `m`",
        ),
        (
            edit("\"kind\": \"answer\"", "\"kind\": \"retry\""),
            "the move Retry does not go with",
        ),
        (edit("\"kind\": \"answer\"", "\"kind\": \"leap\""), "`leap`"),
        (SCHEMA_1[..40].to_owned(), "EOF"),
        (String::new(), "EOF"),
    ] {
        let error = decode_move(bytes.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn of_many_at_once_one_is_first_and_the_others_see_whose_it_is() {
    let (_root, mailbox) = place();
    let posted: Vec<(String, Posted)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|i| {
                let mailbox = mailbox.clone();
                scope.spawn(move || {
                    let who = format!("person {i}");
                    let posted = mailbox.post(&asked("T001", 1, &who)).unwrap();
                    (who, posted)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let firsts: Vec<&str> = posted
        .iter()
        .filter(|(_, p)| *p == Posted::Ours)
        .map(|(who, _)| who.as_str())
        .collect();
    let [first] = firsts[..] else {
        panic!("{firsts:?}");
    };
    for (_, posted) in &posted {
        if let Posted::Taken(letter) = posted {
            assert_eq!(letter.content.as_ref().unwrap().who, first);
        }
    }
    let names: Vec<_> = fs::read_dir(&mailbox.dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        names,
        ["specs-work--T001.1.json"],
        "no temporary file is left"
    );
}

#[test]
fn delivery_saves_before_it_removes_and_knows_what_was_done() {
    let (_root, mailbox) = place();
    let plan = plan(&["T001", "T002"]);
    mailbox.post(&asked("T001", 1, "Ada")).unwrap();
    mailbox.post(&asked("T002", 1, "Bob")).unwrap();
    let mut kept = ledger();
    // The disk is full: nothing is lost.
    let full = |_: &mut Ledger| {
        Err(FsError::refused("write", Path::new("x"), "full".into(), "".into()).into())
    };
    let failed = mailbox.deliver(&mut kept.clone(), &plan, CARRIER, time(), full);
    assert!(failed.is_err());
    assert_eq!(mailbox.all().unwrap().len(), 2);
    // The process dies after the ledger is safe: the files still stand.
    let save = |l: &mut Ledger| {
        assert_eq!(mailbox.all().unwrap().len(), 2, "saved first");
        assert_eq!(l.chunks.len(), 2);
        Ok(())
    };
    let first = mailbox
        .deliver(&mut kept, &plan, CARRIER, time(), save)
        .unwrap();
    assert_eq!(first.moves.len(), 2);
    assert_eq!(first.events.len(), 2);
    assert!(mailbox.all().unwrap().is_empty());
    mailbox.post(&asked("T001", 1, "Ada")).unwrap();
    let never = |_: &mut Ledger| panic!("there is nothing to save");
    let second = mailbox
        .deliver(&mut kept, &plan, CARRIER, time(), never)
        .unwrap();
    assert_eq!(second.moves[0].1, Carried::Known);
    assert!(second.events.is_empty());
    assert!(mailbox.all().unwrap().is_empty());
    let state = &kept.chunks[&"T002".into()].state;
    let by_bob = ChunkState::Skipped {
        because: "Bob said so".to_owned(),
        by: SkippedBy::Person,
    };
    assert_eq!(*state, by_bob);
}

#[test]
fn what_cannot_be_used_gets_out_of_the_way_or_is_left_to_who_can() {
    let (_root, mailbox) = place();
    mailbox.post(&asked("T001", 1, "Ada")).unwrap();
    let there = |name: &str| mailbox.dir.join(name);
    for (name, bytes) in [
        ("specs-work--T002.1.json", "{\"schema\": 1"),
        (
            "specs-work--T003.1.json",
            "{\"schema\": 2, \"all\": \"else is new\"}",
        ),
        ("specs-work--T004.1.json", SCHEMA_1),
    ] {
        atomic::write(&there(name), bytes.as_bytes()).unwrap();
    }
    fs::create_dir(there("specs-work--T005.1.json")).unwrap();
    let plan = plan(&["T001"]);
    let mut kept: Ledger = ledger();
    let done = mailbox
        .deliver(&mut kept, &plan, CARRIER, time(), |_| Ok(()))
        .unwrap();
    assert_eq!(done.moves.len(), 1);
    let said: Vec<String> = done.events.iter().map(|(_, e)| format!("{e:?}")).collect();
    let count = |word: &str| said.iter().filter(|s| s.contains(word)).count();
    assert_eq!(count("Repaired"), 3, "{said:#?}");
    assert_eq!(count("upgrade codelicious"), 1, "{said:#?}");
    assert!(there("specs-work--T003.1.json").exists());
    assert!(there("specs-work--T002.1.json.corrupt-20260102T030405Z").exists());
    // It is said once more at the next look, and nothing else is.
    let again = mailbox
        .deliver(&mut kept, &plan, CARRIER, time(), |_| Ok(()))
        .unwrap();
    assert_eq!(again.events.len(), 1);
}

#[test]
fn a_look_at_the_folder_misses_nothing() {
    let (_root, mailbox) = place();
    let mut looked = Looked::default();
    let later = || {
        let meta = fs::symlink_metadata(&mailbox.dir).unwrap();
        DateTime::from_timestamp(meta.ctime(), 0).unwrap() + TimeDelta::seconds(60)
    };
    assert!(
        !mailbox.may_have_mail(&mut looked, time()),
        "there is no folder"
    );
    mailbox.post(&asked("T001", 1, "Ada")).unwrap();
    let now = later() - TimeDelta::seconds(60);
    assert!(mailbox.may_have_mail(&mut looked, now));
    assert!(
        mailbox.may_have_mail(&mut looked, now),
        "a second change may hide behind the first"
    );
    assert!(!mailbox.may_have_mail(&mut looked, later()));
    fs::remove_file(mailbox.path_of(&asked("T001", 1, "Ada"))).unwrap();
    mailbox.post(&asked("T002", 1, "Ada")).unwrap();
    let _ = mailbox.may_have_mail(&mut looked, later());
    assert!(!mailbox.may_have_mail(&mut looked, later()));
}

#[test]
fn a_folder_of_somebody_else_s_is_not_written_through() {
    let (root, mailbox) = place();
    let elsewhere = root.path().join("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    root::ensure_layout(&mailbox.ours).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &mailbox.dir).unwrap();
    assert!(mailbox.post(&asked("T001", 1, "Ada")).is_err());
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
}

proptest! {
    /// Names stay in their folder, and ids that differ have names that differ.
    #[test]
    fn names_are_safe_and_tell_chunks_apart(a in "\\PC{0,40}", b in "\\PC{0,40}") {
        for id in [&a, &b] {
            let name = name_of(&asked(id, 1, "Ada"));
            prop_assert!(!name.contains('/') && !name.starts_with('.') && name.len() < 255, "{name}");
        }
        prop_assert_eq!(a == b, folded(&a) == folded(&b));
    }

    #[test]
    fn any_damage_is_survived(at in 0..SCHEMA_1.len(), byte: u8, cut in 0..SCHEMA_1.len()) {
        let mut bytes = SCHEMA_1.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = decode_move(&bytes);
        bytes.truncate(cut);
        let _ = decode_move(&bytes);
    }
}
