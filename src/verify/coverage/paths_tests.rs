use super::*;
use crate::verify::coverage::Lines;
use proptest::prelude::*;

const KNOWN: [&str; 7] = [
    "src/a.py",
    "web/src/app.js",
    "web/lib/src/app.js",
    "go/pkg/file.go",
    "main.go",
    "odd\\name.py",
    "pkg/src/a.py",
];

fn find(dir: &str, path: &str, sources: &[&str]) -> Option<String> {
    let known = KNOWN.into_iter().collect();
    let modules = [
        ("example.org/small".to_owned(), String::new()),
        ("example.org/small/go".to_owned(), "go".to_owned()),
    ];
    let whereabouts = Whereabouts {
        roots: &["/cache/lane", "/private/cache/lane/"],
        dir,
        known: &known,
        modules: &modules,
    };
    let file = ReportedFile {
        path: path.to_owned(),
        sources: sources.iter().map(|s| (*s).to_owned()).collect(),
        lines: Lines::from([(1, true)]),
    };
    let placed = place(vec![file], &whereabouts);
    assert_eq!(placed.measured.files.len() + placed.lost.len(), 1, "{path}");
    placed.measured.files.into_keys().next()
}

#[test]
fn files_are_found_however_they_are_named() {
    for (dir, path, sources, expected) in [
        ("", "src/a.py", &[][..], Some("src/a.py")),
        ("", "./src/a.py", &[], Some("src/a.py")),
        ("", "web/../src//a.py", &[], Some("src/a.py")),
        ("", "src\\a.py", &[], Some("src/a.py")),
        ("", "odd\\name.py", &[], Some("odd\\name.py")),
        // From the folder of the check first, then from the root.
        ("web", "src/app.js", &[], Some("web/src/app.js")),
        ("web", "../src/a.py", &[], Some("src/a.py")),
        ("pkg", "src/a.py", &[], Some("pkg/src/a.py")),
        ("web", "src/a.py", &[], Some("src/a.py")),
        // From a source folder.
        ("", "a.py", &["/cache/lane/src"], Some("src/a.py")),
        (
            "",
            "a.py",
            &["/elsewhere", "/private/cache/lane/src"],
            Some("src/a.py"),
        ),
        ("pkg", "a.py", &["src"], Some("pkg/src/a.py")),
        ("web", "app.js", &["lib/src"], Some("web/lib/src/app.js")),
        // Absolutely, by either name of the lane.
        ("", "/cache/lane/src/a.py", &[], Some("src/a.py")),
        (
            "web",
            "/private/cache/lane/./web/src/app.js",
            &[],
            Some("web/src/app.js"),
        ),
        (
            "",
            "/cache/lane/made/by/a/tool.py",
            &[],
            Some("made/by/a/tool.py"),
        ),
        ("", "/cache/lane2/src/a.py", &[], None),
        ("", "/usr/lib/src/a.py", &[], None),
        ("", "C:\\work\\src\\a.py", &[], None),
        // By import path, the innermost module.
        ("", "example.org/small/main.go", &[], Some("main.go")),
        (
            "go",
            "example.org/small/go/pkg/file.go",
            &[],
            Some("go/pkg/file.go"),
        ),
        ("", "example.org/smaller/main.go", &[], None),
        // Nowhere, and out of the lane.
        ("", "a.py", &[], None),
        ("", "../../etc/passwd", &[], None),
        ("", "", &[], None),
        ("", "/", &[], None),
    ] {
        assert_eq!(
            find(dir, path, sources).as_deref(),
            expected,
            "{dir}: {path}"
        );
    }
}

#[test]
fn two_names_of_a_file_are_one_file() {
    let known = ["a.py"].into_iter().collect();
    let whereabouts = Whereabouts {
        roots: &["/lane"],
        dir: "",
        known: &known,
        modules: &[],
    };
    let file = |path: &str, line, ran| ReportedFile {
        path: path.to_owned(),
        sources: Vec::new(),
        lines: Lines::from([(1, false), (line, ran)]),
    };
    let files = vec![
        file("a.py", 1, true),
        file("/lane/a.py", 2, false),
        file("gone.py", 3, true),
    ];
    let placed = place(files, &whereabouts);
    assert_eq!(
        placed.measured.files["a.py"],
        Lines::from([(1, true), (2, false)])
    );
    assert_eq!(placed.lost, ["gone.py"]);
    assert_eq!(placed.measured.elsewhere["gone.py"].len(), 2);
}

#[test]
fn modules_of_go() {
    for (text, module) in [
        (
            "module example.org/small\n\ngo 1.22\n",
            Some("example.org/small"),
        ),
        (
            "// a note\nmodule \"example.org/small\" // here\n",
            Some("example.org/small"),
        ),
        ("go 1.22\n", None),
        ("module a b\n", None),
    ] {
        assert_eq!(go_module(text).as_deref(), module, "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_found_never_leads_out(path in "[./\\\\a-c:]{0,20}", dir in "[a-c]{0,2}", source in "[./a-c]{0,8}") {
        if let Some(found) = find(&dir, &path, &[&source]) {
            prop_assert!(!found.starts_with('/'));
            prop_assert!(found.split('/').all(|s| !matches!(s, "" | "." | "..")), "{found}");
        }
    }
}
