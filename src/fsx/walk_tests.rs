use super::*;
use crate::fsx::atomic::create_dir_all_durable;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Makes a tree: a path ending in `/` is a folder, `name = text` a file with content.
fn tree(entries: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for entry in entries {
        let (path, text) = entry.split_once(" = ").unwrap_or((entry, ""));
        let full = root.path().join(path);
        if path.ends_with('/') {
            fs::create_dir_all(full).unwrap();
        } else {
            fs::create_dir_all(full.parent().unwrap()).unwrap();
            crate::fsx::atomic::write(&full, text.as_bytes()).unwrap();
        }
    }
    root
}

fn md(root: &Path) -> WalkResult {
    walk(
        root,
        &Wanted {
            file: &|name: &str| name.ends_with(".md"),
            hidden: &|name: &str| name == ".tool",
            skipped: &|name: &str| name == "vendor",
        },
    )
}

#[test]
fn finds_what_git_would_and_nothing_else() {
    for (what, entries, found) in [
        (
            "plain files, sorted",
            &["b.md", "a/z.md", "a.md", "a/x.txt"][..],
            &["a.md", "a/z.md", "b.md"][..],
        ),
        (
            ".gitignore",
            &[".gitignore = *.md\n!keep.md\n", "a.md", "d/keep.md"],
            &["d/keep.md"],
        ),
        (
            "anchored",
            &[".gitignore = /a.md", "a.md", "d/a.md"],
            &["d/a.md"],
        ),
        (
            "a deeper file wins",
            &[
                ".gitignore = *.md",
                "d/.gitignore = !a.md",
                "d/a.md",
                "a.md",
            ],
            &["d/a.md"],
        ),
        (
            "an anchored rule of a deeper file",
            &["d/.gitignore = /a.md", "d/a.md", "d/e/a.md", "a.md"],
            &["a.md", "d/e/a.md"],
        ),
        (
            "nothing comes back from an ignored folder",
            &[".gitignore = venv/\n!venv/a.md", "venv/a.md", "a.md"],
            &["a.md"],
        ),
        (
            "rules for folders only",
            &[".gitignore = a.md/", "a.md"],
            &["a.md"],
        ),
        (
            "info/exclude",
            &[".git/info/exclude = a.md", "a.md", "b.md"],
            &["b.md"],
        ),
        (
            ".gitignore goes before info/exclude",
            &[".git/info/exclude = a.md", ".gitignore = !a.md", "a.md"],
            &["a.md"],
        ),
        (
            "with a byte order mark",
            &[".gitignore = \u{feff}a.md\r\n", "a.md", "b.md"],
            &["b.md"],
        ),
        (
            "a broken rule",
            &[".gitignore = a[\nb.md", "a.md", "b.md"],
            &["a.md"],
        ),
        (
            "hidden",
            &[".h.md", ".hidden/a.md", ".gitignore = !.hidden", "a.md"],
            &["a.md"],
        ),
        (
            "vendored",
            &["vendor/a.md", "d/vendor/a.md", "vendored/a.md"],
            &["vendored/a.md"],
        ),
        (
            "nested repositories",
            &[".git/HEAD", "n/.git/HEAD", "n/a.md", "n/d/a.md", "a.md"],
            &["a.md"],
        ),
        (
            "submodules and worktrees",
            &["s/.git = gitdir: ../.git/modules/s", "s/a.md", "a.md"],
            &["a.md"],
        ),
        (
            "other ignore files say nothing",
            &[".ignore = a.md", "a.md"],
            &["a.md"],
        ),
        (
            "odd names",
            &["-A.md", "a b\"'.md", "x:y\nz.md", "日本.md"],
            &["-A.md", "a b\"'.md", "x:y\nz.md", "日本.md"],
        ),
        ("a folder with a wanted name", &["d.md/x.txt"], &[]),
    ] {
        let root = tree(entries);
        let result = md(root.path());
        assert_eq!(result.paths, found, "{what}");
        assert!(
            result.errors.is_empty() && result.not_utf8.is_empty(),
            "{what}: {result:?}"
        );
    }
}

#[test]
fn ignore_files_above_the_root_do_not_count() {
    let outer = tree(&[".gitignore = *.md", "inner/a.md"]);
    assert_eq!(md(&outer.path().join("inner")).paths, ["a.md"]);
}

#[test]
fn a_linked_worktree_has_the_main_one_s_excludes() {
    let outer = tree(&[
        "main/.git/info/exclude = a.md",
        "main/.git/worktrees/w/commondir = ../..",
        "w/a.md",
        "w/b.md",
    ]);
    let pointer = format!(
        "gitdir: {}\n",
        outer.path().join("main/.git/worktrees/w").display()
    );
    crate::fsx::atomic::write(&outer.path().join("w/.git"), pointer.as_bytes()).unwrap();
    assert_eq!(md(&outer.path().join("w")).paths, ["b.md"]);
}

#[test]
fn links_are_reported_not_followed() {
    let root = tree(&["real/a.md", ".gitignore = ignored.md"]);
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, root.path().join(name)).unwrap()
    };
    link("real/a.md", "link.md");
    link("real", "folder");
    link("..", "loop.md");
    link("real/a.md", "ignored.md");
    let result = md(root.path());
    assert_eq!(result.paths, ["real/a.md"]);
    assert_eq!(result.symlinks, ["link.md", "loop.md"]);
}

#[test]
fn names_that_are_not_utf8_are_told() {
    let root = tree(&["a.md"]);
    let file = root.path().join(OsStr::from_bytes(b"bad\xff.md"));
    if fs::File::create(file).is_err() {
        return; // The file system itself wants UTF-8.
    }
    let dir = root.path().join(OsStr::from_bytes(b"d\xff"));
    create_dir_all_durable(&dir).unwrap();
    fs::File::create(dir.join("in.md")).unwrap();
    let result = md(root.path());
    assert_eq!(result.paths, ["a.md"]);
    assert_eq!(result.not_utf8, ["bad\u{fffd}.md", "d\u{fffd}/in.md"]);
}

#[test]
fn a_missing_root_is_an_error() {
    let root = tree(&[]);
    let result = md(&root.path().join("none"));
    assert_eq!(result.errors.len(), 1);
    assert!(result.paths.is_empty());
}

#[test]
fn many_folders_are_shared_out_and_none_is_lost() {
    let mut entries = Vec::new();
    for a in 0..40 {
        for b in 0..10 {
            entries.push(format!("a{a:02}/b{b}/f.md"));
        }
    }
    let root = tempfile::tempdir().unwrap();
    for entry in &entries {
        let path = root.path().join(entry);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap();
    }
    assert_eq!(md(root.path()).paths, entries);
}

#[test]
fn a_panicking_predicate_does_not_hang_the_walk() {
    let root = tempfile::tempdir().unwrap();
    for n in 0..100 {
        fs::create_dir_all(root.path().join(format!("d{n}/e"))).unwrap();
        fs::File::create(root.path().join(format!("d{n}/e/f"))).unwrap();
    }
    let result = std::panic::catch_unwind(|| {
        walk(
            root.path(),
            &Wanted {
                file: &|_: &str| panic!("predicate"),
                hidden: &|_: &str| false,
                skipped: &|_: &str| false,
            },
        )
    });
    assert!(result.is_err());
}
