use super::*;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::sync::atomic::AtomicBool;

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn read(file: Result<OwnedFd, BeneathError>) -> Result<String, BeneathError> {
    let mut text = String::new();
    File::from(file?).read_to_string(&mut text)?;
    Ok(text)
}

/// A folder with links in and out.
fn folder() -> (tempfile::TempDir, Beneath) {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("in");
    put(&inside.join("a/b/file"), "inside");
    put(&dir.path().join("out/file"), "outside");
    let absolute = inside.join("a").canonicalize().unwrap();
    for (target, link) in [
        ("a", "link"),
        ("../out", "up"),
        ("a/../../out/file", "upfile"),
        ("link/b", "link2"),
        ("../a/b/file", "a/back"),
        ("loop", "loop"),
        ("missing/x", "dangling"),
        ("/proc/self/root", "magic"),
        (absolute.to_str().unwrap(), "absolute"),
    ] {
        symlink(target, inside.join(link)).unwrap();
    }
    let beneath = Beneath::open(&inside).unwrap();
    (dir, beneath)
}

#[test]
fn both_ways_of_opening_agree() {
    let (_dir, beneath) = folder();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    for (path, wanted) in [
        ("a/b/file", Ok("inside")),
        ("./a//b/file", Ok("inside")),
        ("link/b/file", Ok("inside")),
        ("link2/file", Ok("inside")),
        ("a/back", Ok("inside")),
        ("a/../a/b/file", Ok("inside")),
        ("up/file", Err(true)),
        ("upfile", Err(true)),
        ("..", Err(true)),
        ("../out/file", Err(true)),
        ("a/../../out/file", Err(true)),
        ("/etc/passwd", Err(true)),
        ("absolute/b/file", Err(true)),
        ("magic/etc/passwd", Err(true)),
        ("loop", Err(false)),
        ("loop/x", Err(false)),
        ("dangling", Err(false)),
        ("a/b/file/x", Err(false)),
        ("a\0b", Err(false)),
        ("missing", Err(false)),
    ] {
        let path = Path::new(path);
        let mut ways = vec![read(beneath.open_by_walk(path, flags))];
        #[cfg(target_os = "linux")]
        ways.extend(beneath.open_at_once(path, flags).map(read));
        for found in ways {
            let shown = format!("{}: {found:?}", path.display());
            match (found, wanted) {
                (Ok(text), Ok(wanted)) => assert_eq!(text, wanted, "{shown}"),
                (Err(e), Err(is_outside)) => {
                    assert_eq!(matches!(e, BeneathError::Outside), is_outside, "{shown}");
                }
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("{shown}"),
            }
        }
    }
}

#[test]
fn writing_makes_folders_and_leaves_other_names_alone() {
    let (dir, beneath) = folder();
    let inside = dir.path().join("in");
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let place = beneath.place(Path::new("link/new/x"), true).unwrap();
    assert_eq!(place.real, Path::new("a/new/x"));
    place.write(b"one").unwrap();
    place.write(b"two").unwrap();
    assert_eq!(text(&inside.join("a/new/x")), "two");
    // A link that appeared where the file goes is replaced, not followed.
    symlink("../../out/file", inside.join("a/late")).unwrap();
    let place = beneath.place(Path::new("a/late"), true).unwrap();
    place.write(b"three").unwrap();
    std::fs::hard_link(dir.path().join("out/file"), inside.join("twin")).unwrap();
    let place = beneath.place(Path::new("twin"), true).unwrap();
    place.write(b"four").unwrap();
    assert_eq!(text(&inside.join("a/late")), "three");
    assert_eq!(text(&dir.path().join("out/file")), "outside");
    for path in [
        "up/x",
        "up/new/x",
        "absolute/x",
        "../x",
        "dangling/../../../x",
    ] {
        let place = beneath.place(Path::new(path), true);
        assert!(place.is_err(), "{path}");
    }
    assert_eq!(dir.path().read_dir().unwrap().count(), 2);
    assert_eq!(dir.path().join("out").read_dir().unwrap().count(), 1);
    let left = inside.join("a").read_dir().unwrap().flatten();
    let temps = left.filter(|e| e.file_name().as_bytes().starts_with(b".tmp-"));
    assert_eq!(temps.count(), 0);
}

/// While a thread swaps a folder for a link that leads out and back again, nothing outside is read or written.
#[test]
fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
    let (dir, beneath) = folder();
    let (inside, out) = (dir.path().join("in"), dir.path().join("out"));
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let (is_over, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let (here, aside) = (inside.join("a/b"), inside.join("aside"));
            let link = inside.join("to-out");
            symlink("../../out", &link).unwrap();
            while !is_over.load(Ordering::Relaxed) {
                std::fs::rename(&here, &aside).unwrap();
                std::fs::rename(&link, &here).unwrap();
                std::fs::rename(&here, &link).unwrap();
                std::fs::rename(&aside, &here).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let path = Path::new("a/b/file");
        let mut written = 0;
        // Both sides made some way.
        while written < 2000 || swaps.load(Ordering::Relaxed) < 2000 {
            let file = beneath.open_any(path).map(OwnedFd::from);
            for found in [read(beneath.open_by_walk(path, flags)), read(file)] {
                assert_ne!(found.ok().as_deref(), Some("outside"));
            }
            let place = beneath.place(Path::new("a/b/new"), false);
            if place.is_ok_and(|p| p.write(b"mine").is_ok()) {
                written += 1;
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(
        std::fs::read_to_string(out.join("file")).unwrap(),
        "outside"
    );
    assert_eq!(out.read_dir().unwrap().count(), 1);
}
