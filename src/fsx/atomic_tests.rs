use super::*;
use std::os::unix::fs::PermissionsExt;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn writes_and_replaces_without_leftovers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    write(&path, b"one").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    write(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(names(dir.path()), ["a.json"]);
}

#[test]
fn a_failed_write_keeps_the_old_content() {
    let dir = tempfile::tempdir().unwrap();
    // Renaming a file over a folder fails after the temporary file was written.
    let target = dir.path().join("folder");
    fs::create_dir(&target).unwrap();
    fs::create_dir(target.join("full")).unwrap();
    let error = write(&target, b"x").unwrap_err();
    assert_eq!(error.path, target);
    assert_eq!(names(dir.path()), ["folder"]);
    assert!(write(&dir.path().join("none/f"), b"x").is_err());
}

#[test]
fn a_link_is_replaced_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users");
    write(&users, b"theirs").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&users, &link).unwrap();
    write(&link, b"ours").unwrap();
    assert_eq!(fs::read(&users).unwrap(), b"theirs");
    assert_eq!(fs::read(&link).unwrap(), b"ours");
}

#[test]
fn long_names_fit() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["x".repeat(255), "日".repeat(85)] {
        write(&dir.path().join(&name), b"x").unwrap();
    }
    let error = write(&dir.path().join("x".repeat(256)), b"x").unwrap_err();
    assert!(error.to_string().contains("shorten the name"), "{error}");
}

#[test]
fn folders_are_made_with_their_parents() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b/c");
    create_dir_all_durable(&deep).unwrap();
    create_dir_all_durable(&deep).unwrap();
    assert!(deep.is_dir());
    write(&dir.path().join("file"), b"").unwrap();
    assert!(create_dir_all_durable(&dir.path().join("file/below")).is_err());
    assert!(create_dir_all_durable(&dir.path().join("file")).is_err());
}

#[test]
fn links_are_swapped() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("latest.log");
    swap_symlink(Path::new("one.log"), &link).unwrap();
    swap_symlink(Path::new("two.log"), &link).unwrap();
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("two.log"));
    assert_eq!(names(dir.path()), ["latest.log"]);
}

#[test]
fn moving_aside_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("aside");
    for (content, goes_to) in [("1", "aside"), ("2", "aside-2"), ("3", "aside-3")] {
        let from = dir.path().join("f");
        write(&from, content.as_bytes()).unwrap();
        assert_eq!(move_aside(&from, &to).unwrap(), dir.path().join(goes_to));
    }
    assert_eq!(fs::read(dir.path().join("aside-2")).unwrap(), b"2");
}

#[test]
fn only_dead_temporary_files_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let ours = std::process::id();
    let dead = i32::MAX; // Above every system's largest process id.
    let living = Temp::claim(dir.path(), OsStr::new("living"));
    fs::File::create(&living.path).unwrap();
    let stale = [
        format!(".tmp-{dead}-1-x"),
        format!(".tmp-{ours}-{}-reused-id", u64::MAX),
    ];
    let kept = [".tmp-notes", ".tmp-12", ".tmp-1-1-init", "plain"];
    for name in stale.iter().map(String::as_str).chain(kept) {
        fs::File::create(dir.path().join(name)).unwrap();
    }
    let mut removed = remove_stale_temps(dir.path()).unwrap();
    removed.sort();
    let mut expected: Vec<_> = stale.iter().map(|n| dir.path().join(n)).collect();
    expected.sort();
    assert_eq!(removed, expected);
    assert!(living.path.exists());
    assert!(kept.iter().all(|n| dir.path().join(n).exists()));
    assert!(
        remove_stale_temps(&dir.path().join("none"))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn temporary_names_are_recognised() {
    for (name, parsed) in [
        (".tmp-12-3-a-b.json", Some((12, 3))),
        (".tmp-12-3-", Some((12, 3))),
        (".tmp-12-3", None),
        (".tmp-x-3-a", None),
        ("tmp-12-3-a", None),
    ] {
        assert_eq!(parse_temp(name), parsed, "{name}");
    }
}

#[test]
fn of_several_who_make_a_file_one_does_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("first");
    let made: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u8)
            .map(|i| {
                let path = &path;
                scope.spawn(move || create(path, &[i; 100]).unwrap())
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let winner = made.iter().position(|m| *m).unwrap();
    assert_eq!(made.iter().filter(|m| **m).count(), 1);
    assert_eq!(
        fs::read(&path).unwrap(),
        vec![u8::try_from(winner).unwrap(); 100]
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert!(create(&dir.path().join("no/such/folder"), b"x").is_err());
}
