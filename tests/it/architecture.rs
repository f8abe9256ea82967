//! The rules of direction, held by reading the sources: who may use whom, who may name what, how much there
//! is. ARCHITECTURE.md says why; a breach fails here and says it again.
//!
//! Reads tokens, not types: a path that a macro puts together is not seen. `clippy.toml` shuts the doors
//! that only a compiler can see.

mod reader;

use codelicious::model::ExitCode;
use reader::{Rules, Source, root, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// A room may use these rooms, and the reason is what a breach is told.
const DIRECTIONS: &[(&str, &[&str], &str)] = &[
    (
        "model",
        &[],
        "everything speaks in its types, so it may know nobody",
    ),
    ("spec", &["model"], "it is pure: text in, positions out"),
    (
        "pattern",
        &[],
        "it is pure, and says only how expressions are spelled",
    ),
    (
        "markdown",
        &["model", "pattern"],
        "it is pure: text in, text out",
    ),
    (
        "core",
        &["model", "spec", "pattern"],
        "decisions are pure, so that tables can test them",
    ),
    (
        "config",
        &["model"],
        "settings are merged before any shell exists",
    ),
    (
        "ports",
        &["model"],
        "a port that knew an implementation would be no port",
    ),
    (
        "ui",
        &["model", "ports", "markdown"],
        "reporters see events and reports, never what made them",
    ),
    ("crash", &[], "it stands below everything that can fail"),
    (
        "fsx",
        &["model", "crash"],
        "it knows paths and bytes, not what they mean",
    ),
    ("sandbox", &["model", "fsx"], "it stands below the spawner"),
    (
        "proc",
        &["model", "ports", "sandbox", "fsx", "crash"],
        "it starts what it is told and judges nothing",
    ),
    (
        "net",
        &["model", "config", "crash"],
        "it sends and receives; what an answer means is for who asked",
    ),
    ("ledger", SHELL, SHELL_REASON),
    ("engines", SHELL, SHELL_REASON),
    ("git", SHELL, SHELL_REASON),
    ("verify", SHELL, SHELL_REASON),
    ("forge", SHELL, SHELL_REASON),
    (
        "driver",
        &[
            "model", "ports", "core", "spec", "config", "fsx", "sandbox", "proc", "ledger",
            "engines", "git", "verify", "forge", "crash",
        ],
        "it performs through the shells; what people see and how it is wired is app's",
    ),
    (
        "cli",
        &["model", "config"],
        "words in, a Request out; what is done with it is app's",
    ),
    (
        "app",
        &[
            "model", "ports", "core", "spec", "config", "fsx", "sandbox", "proc", "ledger",
            "engines", "git", "verify", "forge", "driver", "ui", "crash", "markdown",
        ],
        "it wires everything below the command line, and the command line is read before it",
    ),
    (
        "main",
        &["app", "cli", "config", "model", "sandbox"],
        "it parses, calls app and exits, or is the sandbox's helper",
    ),
];

const SHELL: &[&str] = &[
    "model", "ports", "core", "spec", "config", "fsx", "sandbox", "proc", "net", "crash",
    "markdown", "pattern",
];
const SHELL_REASON: &str =
    "shells never know each other: the driver carries results from one to the next";

/// Names that only some rooms may use: path, rooms, reason.
const DOORS: &[(&str, &[&str], &str)] = &[
    ("fs2", &["fsx"], "one lock, one way to take it"),
    (
        "git2",
        &["git"],
        "git work has a thread of its own, never the runtime's",
    ),
    (
        "libgit2_sys",
        &["git"],
        "git work has a thread of its own, never the runtime's",
    ),
    (
        "std::process::Command",
        &["proc", "sandbox"],
        "one spawner: groups, bounds and environments are its business; the sandbox's helper becomes the command",
    ),
    (
        "tokio::process",
        &["proc"],
        "one spawner: groups, bounds and environments are its business",
    ),
    ("std::env::var", &["config"], "the environment is read once"),
    (
        "std::env::vars",
        &["config"],
        "the environment is read once",
    ),
    (
        "std::env::var_os",
        &["config"],
        "the environment is read once",
    ),
    (
        "std::env::vars_os",
        &["config"],
        "the environment is read once",
    ),
    ("Utc::now", &["app"], "time comes through ports::Clock"),
    (
        "SystemTime::now",
        &["app"],
        "time comes through ports::Clock",
    ),
    ("rand", &["app"], "randomness comes through ports::Rng"),
    ("clap", &["cli"], "flags become a Request at once"),
    ("indicatif", &["ui"], "only reporters move the cursor"),
    ("anyhow", &["app"], "errors are typed until the last moment"),
];

/// Names that only one file may use: path, file, reason.
const FILE_DOORS: &[(&str, &str, &str)] = &[
    (
        "reqwest",
        "src/net/client.rs",
        "one client builder: no redirects, no proxies of the environment, checked addresses",
    ),
    (
        "rustls",
        "src/net/client.rs",
        "encryption is set up where the one client is",
    ),
];

/// Rooms without a world around them, and what they may not name.
const PURE: [&str; 5] = ["model", "spec", "core", "markdown", "pattern"];
const IMPURE: &[&str] = &[
    "tokio",
    "rustix",
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::thread",
    "std::io",
    "Utc::now",
    "Local::now",
    "SystemTime",
    "Instant",
    "rand",
    "reqwest",
    "git2",
    "fs2",
];
const PURE_REASON: &str = "a decision that looks at the world cannot be tested by a table";

/// Files of more than [`LONG`] lines, with the most that each may have and why it is one file. Tests are not
/// counted. The numbers go down, or up with a reason.
const LONG: usize = 500;
const LONG_FILES: &[(&str, usize, &str)] = &[
    (
        "src/app/survey.rs",
        640,
        "one look at tree, base, lanes and ledgers; the steps share what they found",
    ),
    ("src/cli/args.rs", 610, "the flags as one table"),
    (
        "src/config/env_names.rs",
        600,
        "every variable in one place",
    ),
    ("src/config/keys.rs", 600, "every setting in one table"),
    (
        "src/core/absorb.rs",
        860,
        "every result of every effect, in one exhaustive match and its helpers",
    ),
    (
        "src/ledger/wire.rs",
        800,
        "the durable shape, field by field, both ways",
    ),
];

/// Packages in Cargo.lock, ourselves included. A new one earns its place by this number going up.
/// Of the client for HTTP and its encryption there are 87; most of them are data of Unicode for host names, and what
/// only Windows and Android need.
const PACKAGES: usize = 258;

fn rules() -> Rules {
    DIRECTIONS
        .iter()
        .map(|(room, may, why)| (*room, (*may, *why)))
        .collect()
}

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let rules = rules();
    let mut breaches = Vec::new();
    for file in sources() {
        let (may, why) = rules[file.room.as_str()];
        for (line, used) in file.rooms_used(&rules) {
            if used != file.room && !may.contains(&used.as_str()) {
                let Source { path, room, .. } = &file;
                breaches.push(format!(
                    "{path}:{line}: `{room}` may not use `{used}`: {why}"
                ));
            }
        }
    }
    assert!(
        breaches.is_empty(),
        "see \"Directions\" in ARCHITECTURE.md\n{}",
        breaches.join("\n")
    );
}

#[test]
fn pure_rooms_name_nothing_that_acts() {
    let mut breaches = Vec::new();
    for file in sources().iter().filter(|f| PURE.contains(&f.room.as_str())) {
        for name in IMPURE {
            for line in file.names(name) {
                breaches.push(format!(
                    "{}:{line}: `{}` names `{name}`: {PURE_REASON}",
                    file.path, file.room
                ));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn every_effect_has_one_door() {
    let mut breaches = Vec::new();
    for file in sources() {
        for (name, rooms, why) in DOORS
            .iter()
            .filter(|(_, rooms, _)| !rooms.contains(&file.room.as_str()))
        {
            for line in file.names(name) {
                let (path, only) = (&file.path, rooms.join(", "));
                breaches.push(format!(
                    "{path}:{line}: only {only} may name `{name}`: {why}"
                ));
            }
        }
        for (name, only, why) in FILE_DOORS.iter().filter(|(_, only, _)| *only != file.path) {
            for line in file.names(name) {
                let path = &file.path;
                breaches.push(format!(
                    "{path}:{line}: only {only} may name `{name}`: {why}"
                ));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn every_room_has_a_rule_and_no_rule_goes_in_a_circle() {
    let rooms: BTreeSet<String> = sources().into_iter().map(|f| f.room).collect();
    let ruled: BTreeSet<String> = DIRECTIONS
        .iter()
        .map(|(room, ..)| (*room).to_owned())
        .collect();
    assert_eq!(
        rooms, ruled,
        "rooms below src/ and rules in this file differ"
    );

    // Each room may only use rooms that are settled before it.
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    while settled.len() < DIRECTIONS.len() {
        let next: Vec<&str> = DIRECTIONS
            .iter()
            .filter(|(room, may, _)| {
                !settled.contains(room) && may.iter().all(|m| settled.contains(m))
            })
            .map(|(room, ..)| *room)
            .collect();
        assert!(
            !next.is_empty(),
            "the rules have a circle; settled are {settled:?}"
        );
        settled.extend(next);
    }
}

#[test]
fn long_files_are_few_and_known() {
    let mut problems = Vec::new();
    let lengths: BTreeMap<String, usize> =
        sources().into_iter().map(|f| (f.path, f.lines)).collect();
    for (path, lines) in lengths.iter().filter(|(_, lines)| **lines > LONG) {
        match LONG_FILES.iter().find(|(known, ..)| known == path) {
            None => problems.push(format!(
                "{path} has {lines} lines: split it, or say in LONG_FILES why it is one file"
            )),
            Some((_, most, _)) if lines > most => {
                problems.push(format!(
                    "{path} has {lines} lines, and {most} is its bound: split it"
                ));
            }
            Some(_) => {}
        }
    }
    for (path, ..) in LONG_FILES {
        match lengths.get(*path) {
            None => problems.push(format!("{path} is gone: take it out of LONG_FILES")),
            Some(lines) if *lines <= LONG => {
                problems.push(format!(
                    "{path} is down to {lines} lines: take it out of LONG_FILES"
                ));
            }
            Some(_) => {}
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_lock_file_holds_no_more_packages_than_its_budget() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is there");
    let found = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(
        found <= PACKAGES,
        "Cargo.lock holds {found} packages and the budget is {PACKAGES}: is the new dependency less code than it \
         saves? Then raise the budget in this file and say so in the commit."
    );
}

/// Files that may look into a secret, and what for.
const SECRETS_ARE_OPENED: &[(&str, &str)] = &[
    (
        "src/config/environment.rs",
        "secrets of files join those of variables, longest first",
    ),
    (
        "src/core/redact/known.rs",
        "what is not to be written is searched for",
    ),
    (
        "src/net/client.rs",
        "the header that carries it is made here",
    ),
    (
        "src/sandbox/gateway/proxy.rs",
        "the machine's own proxy wants the user's login",
    ),
];

#[test]
fn secrets_are_opened_in_few_places() {
    let mut opened = BTreeSet::new();
    for file in sources() {
        let text = fs::read_to_string(root().join(&file.path)).expect("it is there");
        // Tests of a file stand at its end, or in files of their own.
        let own = ["#[cfg(test)]\nmod ", "#[cfg(test)]\n#[allow("]
            .iter()
            .filter_map(|start| text.find(start))
            .min()
            .map_or(text.as_str(), |end| &text[..end]);
        let is_test = file.path.contains("tests");
        if !is_test && own.contains("expose_secret") {
            opened.insert(file.path.clone());
        }
    }
    let known: BTreeSet<String> = SECRETS_ARE_OPENED
        .iter()
        .map(|(p, _)| (*p).to_owned())
        .collect();
    assert_eq!(
        opened, known,
        "only these files may call expose_secret: whoever holds the text of a secret can print it"
    );
}

#[test]
fn the_documents_name_every_room_and_every_exit_code() {
    let read = |name: &str| fs::read_to_string(root().join(name)).expect("it is there");
    let (map, readme) = (read("ARCHITECTURE.md"), read("README.md"));
    for (room, ..) in DIRECTIONS {
        let is_row = |line: &str| line.starts_with('|') && line.contains(&format!("`{room}"));
        assert!(
            map.lines().any(is_row),
            "the code map of ARCHITECTURE.md has no row for `{room}`"
        );
    }
    for exit in ExitCode::ALL {
        let row = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(readme.contains(&row), "the README has no row `{row}`");
    }
}

#[test]
fn the_reader_of_paths_sees_through_groups_comments_and_tests() {
    let text = r##"
        use crate::{fsx, git::{self, Repo}, model::*};
        // crate::ui is only mentioned
        /* nor is /* crate::forge */ used */
        const TEXT: &str = "crate::verify";
        const RAW: &str = r#"crate::verify "quoted""#;
        fn f<'a>(c: char) -> &'a str { if c == '"' { crate::spec::text() } else { super::super::proc::x() } }
        #[cfg(test)]
        mod tests { use crate::driver::Driver; }
        #[cfg(test)]
        #[path = "x.rs"]
        mod other;
        fn g() { let fs = std::fs::read("x"); chrono::Utc::now(); let e = crate::core::rand::x(); }
    "##;
    let file = Source::new("src/ledger/log.rs".to_owned(), text);
    let used: BTreeSet<(usize, String)> = file.rooms_used(&rules()).into_iter().collect();
    let expected = [
        (2, "fsx"),
        (2, "git"),
        (2, "model"),
        (7, "proc"),
        (7, "spec"),
        (13, "core"),
    ];
    assert_eq!(
        used,
        expected.map(|(line, room)| (line, room.to_owned())).into()
    );
    assert_eq!(file.names("std::fs"), [13]);
    assert_eq!(file.names("Utc::now"), [13]);
    assert_eq!(
        file.names("rand"),
        Vec::<usize>::new(),
        "a module of ours is not the crate"
    );
    assert_eq!(file.test_modules, ["x.rs"]);
}
