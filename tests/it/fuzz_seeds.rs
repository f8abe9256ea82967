//! Every seed of the fuzz targets, and every input that once failed, through the targets' properties.
//!
//! Seeds lie in `fuzz/seeds`, a folder for each target, and where other tests keep theirs.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/properties/mod.rs"]
mod properties;

/// Folders beside `fuzz/seeds/<target>`.
const ELSEWHERE: [(&str, &str); 4] = [
    ("ledger", "src/ledger/fixtures"),
    ("reports", "tests/reports"),
    ("spec", "specs"),
    ("cassette", "src/app/demo"),
];

/// Folders beside the repository, which are not there for everybody.
const SHARED: [(&str, &str); 4] = [
    ("engines", "../shared/streams/claude"),
    ("engines", "../shared/streams/codex"),
    ("engines", "../shared/streams/other"),
    ("spec", "../shared/specs_samples"),
];

/// Larger files take long without optimisation, and say no more.
const MAX_BYTES: u64 = 64 << 10;

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files_below(&entry));
        } else if entry.metadata().unwrap().len() <= MAX_BYTES {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn replay(name: &str) {
    let (_, check) = properties::ALL
        .into_iter()
        .find(|(n, _)| *n == name)
        .unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("fuzz/seeds").join(name)];
    let mine = |all: &[(&str, &str)]| -> Vec<PathBuf> {
        let mine = all.iter().filter(|(target, _)| *target == name);
        mine.map(|(_, dir)| root.join(dir)).collect()
    };
    folders.extend(mine(&ELSEWHERE));
    for shared in mine(&SHARED) {
        match shared.is_dir() {
            true => folders.push(shared),
            false => eprintln!("SKIPPED: {} is not there", shared.display()),
        }
    }
    let files: Vec<PathBuf> = folders.iter().flat_map(|f| files_below(f)).collect();
    assert!(files.len() >= 3, "{name} has {} seeds", files.len());
    for file in files {
        // The test's own words name the property; which seed it was stands on the line before.
        eprintln!("{}", file.display());
        check(&fs::read(&file).unwrap());
    }
}

#[test]
fn every_target_is_built_and_has_seeds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, _) in properties::ALL {
        assert!(root.join("seeds").join(name).is_dir(), "fuzz/seeds/{name}");
        assert!(
            root.join("fuzz_targets")
                .join(name)
                .with_extension("rs")
                .is_file(),
            "{name}"
        );
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is built"
        );
    }
    assert_eq!(manifest.matches("[[bin]]").count(), properties::ALL.len());
}

macro_rules! replayed {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*
    };
}

mod seeds_of {
    use super::replay;

    replayed! { answers cassette coverage engines events ledger long redact reports spec }
}
