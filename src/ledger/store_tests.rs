use super::*;
use crate::model::{ChunkRecord, ChunkState};

fn ledger(spec: &str) -> Ledger {
    let mut ledger = Ledger::new(
        spec.into(),
        format!("specs/{spec}.md"),
        format!("codelicious/{spec}"),
    );
    ledger
        .chunks
        .insert("T001".into(), ChunkRecord::new("Add", "f"));
    ledger
}

fn time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_323_045, 0).unwrap()
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join(".codelicious");
    (root, dir)
}

#[test]
fn looking_creates_nothing() {
    let (_root, dir) = place();
    let store = Store::open(&dir);
    assert_eq!(store.load(&"a".into(), time()).unwrap(), Loaded::Absent);
    assert!(store.list().unwrap().is_empty());
    assert!(store.move_all_aside(time()).unwrap().is_empty());
    assert!(!dir.exists());
}

#[test]
fn what_is_saved_is_loaded_and_versions_go_up() {
    let (_root, dir) = place();
    let store = Store::open(&dir);
    let mut ledger = ledger("a");
    for version in 1..=3 {
        let saved = store.save(&mut ledger).unwrap();
        assert_eq!(
            saved,
            Saved {
                version,
                overwrote_foreign: false
            }
        );
    }
    let again = Store::open(&dir);
    assert_eq!(
        again.load(&"a".into(), time()).unwrap(),
        Loaded::Found(Box::new(ledger.clone()))
    );
    assert!(!again.save(&mut ledger).unwrap().overwrote_foreign);
    assert!(dir.join(".gitignore").exists());
}

#[test]
fn what_somebody_else_did_is_overwritten_and_told() {
    let (_root, dir) = place();
    let store = Store::open(&dir);
    let mut ours = ledger("a");
    store.save(&mut ours).unwrap();
    let path = dir.join("state/a.json");

    let mut lie = ours.clone();
    lie.version = 99;
    for chunk in lie.chunks.values_mut() {
        chunk.state = ChunkState::Committed { commit: "1".into() };
    }
    let lies: [&dyn Fn(); 3] = [
        &|| atomic::write(&path, &codec::encode(&lie)).unwrap(),
        &|| fs::remove_file(&path).unwrap(),
        &|| fs::remove_dir_all(&dir).unwrap(),
    ];
    for lie in lies {
        let before = ours.version;
        lie();
        let saved = store.save(&mut ours).unwrap();
        assert_eq!(
            saved,
            Saved {
                version: before + 1,
                overwrote_foreign: true
            }
        );
        assert_eq!(store.read(&"a".into()).unwrap().unwrap(), ours);
        assert!(!store.save(&mut ours).unwrap().overwrote_foreign);
    }

    // A ledger that is there though we never loaded one is somebody else's too.
    assert!(Store::open(&dir).save(&mut ours).unwrap().overwrote_foreign);
}

#[test]
fn a_damaged_ledger_is_moved_aside() {
    let (_root, dir) = place();
    let store = Store::open(&dir);
    let path = dir.join("state/a.json");
    let other = codec::encode(&ledger("b"));
    for (n, (bytes, says)) in [
        (&b"{\n!"[..], "line 2, column 1: key must be"),
        (&other, "it is the ledger of b"),
    ]
    .into_iter()
    .enumerate()
    {
        store.save(&mut ledger("a")).unwrap();
        atomic::write(&path, bytes).unwrap();
        let looked = store.read(&"a".into()).unwrap_err().to_string();
        assert!(looked.contains(says), "{looked}");
        assert!(path.exists(), "looking moves nothing");
        let Loaded::MovedAside { to, why } = store.load(&"a".into(), time()).unwrap() else {
            panic!("not moved");
        };
        assert!(why.contains(says), "{why}");
        let name = if n == 0 {
            "a.json.corrupt-20260102T030405Z"
        } else {
            "a.json.corrupt-20260102T030405Z-2"
        };
        assert_eq!(to, dir.join("state").join(name));
        assert_eq!(fs::read(to).unwrap(), bytes);
        assert_eq!(store.load(&"a".into(), time()).unwrap(), Loaded::Absent);
        assert!(store.list().unwrap().is_empty());
        assert!(!store.save(&mut ledger("a")).unwrap().overwrote_foreign);
    }
}

#[test]
fn a_newer_ledger_is_left_alone() {
    let (_root, dir) = place();
    let store = Store::open(&dir);
    store.save(&mut ledger("a")).unwrap();
    let path = dir.join("state/a.json");
    atomic::write(&path, br#"{"schema": 6}"#).unwrap();
    let error = store.load(&"a".into(), time()).unwrap_err().to_string();
    assert!(error.ends_with("upgrade codelicious"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), br#"{"schema": 6}"#);
}

#[test]
fn a_failed_write_keeps_the_version() {
    let (_root, dir) = place();
    let store = Store::open(&dir);
    let mut ledger = ledger("a");
    fs::create_dir_all(dir.join("state/a.json/full")).unwrap();
    assert!(store.save(&mut ledger).is_err());
    assert_eq!(ledger.version, 0);
}

#[test]
fn resetting_moves_all() {
    let (_root, dir) = place();
    let store = Store::open(&dir);
    for round in ["aside-20260102T030405Z", "aside-20260102T030405Z-2"] {
        for spec in ["b", "a"] {
            store.save(&mut ledger(spec)).unwrap();
        }
        atomic::write(&dir.join("state/.tmp-1-1-a.json"), b"").unwrap();
        assert_eq!(store.list().unwrap(), ["a".into(), "b".into()]);
        let state = dir.join("state").join(round);
        assert_eq!(
            store.move_all_aside(time()).unwrap(),
            [state.join("a.json"), state.join("b.json")]
        );
        assert!(store.list().unwrap().is_empty());
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let (_root, dir) = place();
    let store = Store::open(&dir);
    for name in ["", "../a", "a/b", ".a", "a\0"] {
        assert!(
            matches!(
                store.load(&name.into(), time()),
                Err(StoreError::Name { .. })
            ),
            "{name}"
        );
        assert!(
            matches!(store.save(&mut ledger(name)), Err(StoreError::Name { .. })),
            "{name}"
        );
    }
}
