use super::*;
use crate::fsx::atomic;
use secrecy::SecretString;
use std::fs;

fn redactor() -> Arc<Redactor> {
    Arc::new(Redactor::new([SecretString::from("hunter22")]))
}

fn open(dir: &Path) -> EventLog {
    EventLog::open(dir, "run".into(), redactor()).unwrap()
}

fn warn(log: &EventLog, message: &str) -> Event {
    let kind = EventKind::Warning {
        message: message.into(),
    };
    log.record(
        Some(&"s".into()),
        Some(&"c".into()),
        kind,
        DateTime::UNIX_EPOCH,
    )
    .unwrap()
}

fn seqs(dir: &Path) -> Vec<u64> {
    read(dir).unwrap().iter().map(|e| e.seq).collect()
}

#[test]
fn lines_have_the_documented_shape() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let event = warn(&log, "a \"hunter22\"");
    assert_eq!(
        event.kind,
        EventKind::Warning {
            message: "a \"[redacted]\"".into()
        }
    );
    assert_eq!(
        fs::read_to_string(dir.path().join(FILE_NAME)).unwrap(),
        "{\"seq\":1,\"ts\":\"1970-01-01T00:00:00Z\",\"run\":\"run\",\"spec\":\"s\",\"chunk\":\"c\",\
         \"kind\":\"warning\",\"payload\":{\"message\":\"a \\\"[redacted]\\\"\"}}\n"
    );
    assert_eq!(read(dir.path()).unwrap(), [event]);
}

#[test]
fn an_empty_place_has_no_events() {
    let dir = tempfile::tempdir().unwrap();
    assert!(read(dir.path()).unwrap().is_empty());
}

#[test]
fn numbers_go_on_across_processes() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (open(dir.path()), open(dir.path()));
    for log in [&a, &b, &b, &a] {
        warn(log, "x");
    }
    warn(&open(dir.path()), "x");
    assert_eq!(seqs(dir.path()), [1, 2, 3, 4, 5]);
}

#[test]
fn many_writers_neither_mix_nor_skip() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        max_bytes: 5_000,
        keep: 3,
    };
    let last = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                let log =
                    EventLog::with_limits(dir.path(), "run".into(), redactor(), limits).unwrap();
                for _ in 0..100 {
                    let event = warn(&log, &"x".repeat(50));
                    last.fetch_max(event.seq, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(last.into_inner(), 400);
    let seqs = seqs(dir.path());
    let first = seqs[0];
    assert_eq!(seqs, (first..=400).collect::<Vec<_>>());
    assert!(first > 1, "the oldest generation fell away");
    assert!(!dir.path().join("events-4.jsonl").exists());
}

#[test]
fn a_torn_line_is_cut_away_and_told() {
    for torn in ["{\"seq\":2,\"ts", "x"] {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path());
        warn(&log, "one");
        let path = dir.path().join(FILE_NAME);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(torn.as_bytes());
        atomic::write(&path, &bytes).unwrap();
        assert_eq!(seqs(dir.path()), [1], "reading passes over it");
        for (log, seq) in [(&log, 3), (&open(dir.path()), 4)] {
            assert_eq!(warn(log, "next").seq, seq);
        }
        let events = read(dir.path()).unwrap();
        let EventKind::Repaired { what } = &events[1].kind else {
            panic!("{events:?}");
        };
        assert!(what.contains(&format!("{} bytes", torn.len())), "{what}");
        assert_eq!(seqs(dir.path()), [1, 2, 3, 4]);
    }
}

#[test]
fn a_torn_line_longer_than_the_first_window() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    warn(&log, "one");
    let path = dir.path().join(FILE_NAME);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(std::iter::repeat_n(b'x', 200_000));
    atomic::write(&path, &bytes).unwrap();
    assert_eq!(warn(&log, "two").seq, 3);
    atomic::write(&path, &vec![b'x'; 100_000]).unwrap();
    assert_eq!(
        warn(&log, "three").seq,
        5,
        "after the event that tells of the repair"
    );
}

#[test]
fn a_deleted_log_goes_on_counting() {
    let dir = tempfile::tempdir().unwrap();
    let ours = dir.path().join(".codelicious");
    let log = open(&ours);
    warn(&log, "one");
    fs::remove_dir_all(&ours).unwrap();
    assert_eq!(warn(&log, "two").seq, 2);
    assert!(ours.join(".gitignore").exists());
    assert_eq!(seqs(&ours), [2]);
}

#[test]
fn scribbles_do_not_move_the_count() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    warn(&log, "one");
    let path = dir.path().join(FILE_NAME);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{\"seq\":18446744073709551615}\nscribble\n");
    atomic::write(&path, &bytes).unwrap();
    assert_eq!(warn(&log, "two").seq, 2);
    let error = read(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("events.jsonl line 2: missing field"),
        "{error}"
    );
}

#[test]
fn an_unknown_kind_is_refused_by_name_and_place() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    warn(&log, "one");
    let path = dir.path().join(FILE_NAME);
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("warning", "tomorrow");
    atomic::write(&path, text.as_bytes()).unwrap();
    let error = read(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("events.jsonl line 1: unknown event kind `tomorrow`"),
        "{error}"
    );
}

#[test]
fn generations_are_rotated_and_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        max_bytes: 1,
        keep: 2,
    };
    let log = EventLog::with_limits(dir.path(), "run".into(), redactor(), limits).unwrap();
    for _ in 0..4 {
        warn(&log, "x");
    }
    assert_eq!(seqs(dir.path()), [2, 3, 4]);
    fs::remove_file(dir.path().join(FILE_NAME)).unwrap();
    let anew = EventLog::with_limits(dir.path(), "run".into(), redactor(), limits).unwrap();
    assert_eq!(
        warn(&anew, "x").seq,
        4,
        "counted on from the generation before"
    );
}

#[test]
fn a_lock_that_is_never_released_costs_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let stranger = File::open(dir.path().join(FILE_NAME)).unwrap();
    let held = lock::guard(&stranger, 1).unwrap().unwrap();
    let kind = EventKind::Warning {
        message: "hunter22".into(),
    };
    let error = log
        .record(None, None, kind, DateTime::UNIX_EPOCH)
        .unwrap_err();
    assert!(matches!(error.why, EventError::Busy { .. }), "{error}");
    assert_eq!(
        error.event.kind,
        EventKind::Warning {
            message: "[redacted]".into()
        }
    );
    drop(held);
    assert_eq!(warn(&log, "x").seq, 1);
}
