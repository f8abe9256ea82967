//! Profiles, read back by a reader of S-expressions.

use super::*;
use crate::model::policy::{Endpoint, Preset, ResourceLimits};
use proptest::prelude::*;
use std::os::unix::ffi::OsStringExt;

/// A profile's expressions.
#[derive(Clone, Debug, PartialEq)]
enum Form {
    Word(String),
    Text(String),
    List(Vec<Form>),
}

/// All forms of a text; an error where it is not balanced.
fn read(text: &str) -> Result<Vec<Form>, String> {
    let mut open: Vec<Vec<Form>> = vec![Vec::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let form = match c {
            '(' => {
                open.push(Vec::new());
                continue;
            }
            ')' => Form::List(open.pop().ok_or("closed too often")?),
            '"' => {
                let mut string = String::new();
                loop {
                    match chars.next().ok_or("a string without end")? {
                        '"' => break,
                        '\\' => string.push(chars.next().ok_or("a lonely backslash")?),
                        '\n' => return Err("a line break in a string".to_owned()),
                        c => string.push(c),
                    }
                }
                Form::Text(string)
            }
            ';' => return Err("a comment".to_owned()),
            c if c.is_whitespace() => continue,
            c => {
                let mut word = String::from(c);
                while let Some(c) = chars.peek() {
                    if c.is_whitespace() || matches!(c, '(' | ')' | '"') {
                        break;
                    }
                    word.push(*c);
                    chars.next();
                }
                Form::Word(word)
            }
        };
        open.last_mut().ok_or("closed too often")?.push(form);
    }
    match (open.pop(), open.is_empty()) {
        (Some(forms), true) => Ok(forms),
        _ => Err("not closed".to_owned()),
    }
}

/// The filters of every rule for an operation.
fn allowed(profile: &str, operation: &str) -> Vec<Form> {
    let word = |text: &str| Form::Word(text.to_owned());
    let mut found = Vec::new();
    for form in read(profile).unwrap() {
        let Form::List(items) = form else {
            panic!("{form:?} stands alone");
        };
        if items[0] == word("allow") && items[1] == word(operation) {
            found.extend_from_slice(&items[2..]);
        }
    }
    found
}

fn subpaths(profile: &str, operation: &str) -> Vec<String> {
    let of = |form: Form| match form {
        Form::List(items) => match items.as_slice() {
            [Form::Word(kind), Form::Text(path)] if kind == "subpath" => Some(path.clone()),
            _ => None,
        },
        Form::Word(_) | Form::Text(_) => None,
    };
    allowed(profile, operation)
        .into_iter()
        .filter_map(of)
        .collect()
}

fn wall(network: Network) -> Wall {
    Wall {
        preset: Preset::Verify,
        files: FileAccess::default(),
        network,
        unix_sockets: false,
        limits: ResourceLimits::default(),
        env: Vec::new(),
    }
}

fn writing(paths: &[PathBuf]) -> Wall {
    Wall {
        files: FileAccess {
            write: paths.to_vec(),
            ..FileAccess::default()
        },
        ..wall(Network::None)
    }
}

fn outbound(wall: &Wall) -> Vec<String> {
    allowed(&profile(wall), "network-outbound")
        .iter()
        .map(|form| {
            format!("{form:?}")
                .replace("Word(", "")
                .replace("Text(", "")
                .replace("List(", "")
        })
        .map(|text| text.chars().filter(|c| !"()[]\",".contains(*c)).collect())
        .collect()
}

#[test]
fn a_profile() {
    let wall = Wall {
        files: FileAccess {
            read: vec!["/Users/u/src".into()],
            execute: vec!["/opt/homebrew".into()],
            write: vec!["/Users/u/lanes/one".into(), "/var/folders/x".into()],
            ..FileAccess::default()
        },
        ..wall(Network::Loopback)
    };
    insta::assert_snapshot!(profile(&wall));
}

#[test]
fn what_is_kept_is_denied_after_the_folder_that_it_lies_in_was_allowed() {
    let wall = Wall {
        files: FileAccess {
            write: vec!["/Users/u/project".into()],
            kept: vec!["/Users/u/project/.git".into()],
            ..FileAccess::default()
        },
        ..wall(Network::None)
    };
    let profile = profile(&wall);
    let allowed = profile.find("(allow file-write*\n  (subpath \"/Users/u/project\"))");
    let denied = profile.find("(deny file-write* (subpath \"/Users/u/project/.git\"))");
    assert!(allowed.is_some() && allowed < denied, "{profile}");
}

#[test]
fn files_by_what_may_be_done_with_them() {
    let wall = Wall {
        files: FileAccess {
            read: vec!["/a/read".into()],
            execute: vec!["/a/execute".into()],
            write: vec!["/tmp/write".into()],
            ..FileAccess::default()
        },
        ..wall(Network::None)
    };
    let profile = profile(&wall);
    assert_eq!(
        subpaths(&profile, "file-write*"),
        ["/private/tmp/write", "/tmp/write"]
    );
    assert!(!profile.contains("deny file-write*"));
    let run = subpaths(&profile, "process-exec");
    assert!(run.contains(&"/a/execute".to_owned()) && run.contains(&"/usr/bin".to_owned()));
    assert!(
        !run.iter()
            .any(|p| p.contains("write") || p.contains("read"))
    );
    let seen = subpaths(&profile, "file-read*");
    for path in ["/a/read", "/a/execute", "/private/tmp/write", "/usr/lib"] {
        assert!(seen.contains(&path.to_owned()), "{path}");
    }
    assert!(
        !seen
            .iter()
            .any(|p| ["/", "/a", "/Users", "/private", "/private/var"].contains(&&**p))
    );
}

#[test]
fn the_network() {
    assert_eq!(outbound(&wall(Network::None)), [""; 0]);
    assert_eq!(
        outbound(&wall(Network::Loopback)),
        ["remote ip localhost:*"]
    );
    let hosts = [
        "api.example.org",
        "127.0.0.1:5432",
        "10.0.0.1:22",
        "localhost",
    ];
    let hosts = hosts.map(|h| Endpoint::parse(h).unwrap());
    let mut some = wall(Network::Hosts(hosts.to_vec()));
    let ports = |ports: [u16; 4]| ports.map(|port| format!("remote ip localhost:{port}"));
    assert_eq!(outbound(&some), ports([80, 443, 3128, 5432]));
    some.env = vec![(
        "HTTPS_PROXY".to_owned(),
        "http://127.0.0.1:4711/".to_owned(),
    )];
    assert_eq!(outbound(&some), ports([80, 443, 4711, 5432]));
    assert_eq!(outbound(&wall(Network::Full))[0], "remote ip");
    let full = profile(&wall(Network::Full));
    assert!(full.contains("(allow system-socket)"));
    for network in [Network::None, Network::Loopback] {
        assert!(!profile(&wall(network)).contains("trustd"));
    }
    assert!(!full.contains("SecurityServer") && !full.contains("securityd"));
}

#[test]
fn unix_sockets_are_asked_for() {
    let mut wall = wall(Network::Loopback);
    assert!(!profile(&wall).contains("unix-socket"));
    wall.unix_sockets = true;
    assert!(outbound(&wall).contains(&"remote unix-socket".to_owned()));
}

#[test]
fn paths_that_cannot_be_said_are_granted_nothing() {
    let bytes = |b: &[u8]| PathBuf::from(OsString::from_vec(b.to_vec()));
    let paths = [
        bytes(b"/a\nb"),
        bytes(b"/a\0b"),
        bytes(b"/a\x1bb"),
        bytes(b"/a\xff"),
        bytes(b"relative"),
        bytes(b"/a/../b"),
        bytes(b""),
    ];
    let profile = profile(&writing(&paths));
    assert!(!profile.contains("file-write*"), "{profile}");
    let fine = [bytes(b"/a//b/./c/"), bytes(b"/q\"uo\\te) (allow default)")];
    let profile = super::profile(&writing(&fine));
    let expected = ["/a/b/c", "/q\"uo\\te) (allow default)"];
    assert_eq!(subpaths(&profile, "file-write*"), expected);
}

#[test]
fn the_command_is_passed_as_it_is() {
    let wall = wall(Network::None);
    let args = ["-p".into(), "(allow default)".into()];
    let all = arguments(&wall, Path::new("/bin/echo"), &args);
    let lines = "ulimit -c 0\nexec \"$@\"";
    let expected = [
        "-p",
        &profile(&wall),
        "--",
        "/bin/sh",
        "-c",
        lines,
        "sh",
        "/bin/echo",
    ];
    let expected: Vec<OsString> = expected
        .map(OsString::from)
        .into_iter()
        .chain(args)
        .collect();
    assert_eq!(all, expected);
}

#[test]
fn limits_that_a_shell_can_set_are_lowered() {
    let mut wall = wall(Network::None);
    wall.limits = ResourceLimits {
        memory: Some(1 << 30),
        processes: Some(64),
        open_files: Some(100),
        file_size: Some(1_000),
        disk: None,
        cpu_seconds: Some(9),
    };
    let all = arguments(&wall, Path::new("/bin/echo"), &[]);
    let wanted = "ulimit -c 0\nulimit -n 100 2>/dev/null\nulimit -f 2 2>/dev/null\nulimit -t 9 2>/dev/null\nexec \"$@\"";
    assert_eq!(all[5], OsString::from(wanted));
}

proptest! {
    /// Whatever a path is called, the profile has the same rules, and every string of it is a path that was given or
    /// one of its own.
    #[test]
    fn no_path_breaks_out_of_its_string(paths in proptest::collection::vec("/(\\PC|[\"\\\\()#;\n\t ]){0,24}", 0..4)) {
        let given: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let text = profile(&writing(&given));
        let forms = read(&text).map_err(TestCaseError::fail)?;
        let plain = read(&profile(&writing(&[]))).unwrap();
        let heads = |forms: &[Form]| -> Vec<Form> {
            let word = |form: &Form| match form {
                Form::List(items) => Form::List(items.iter().take(2).cloned().collect()),
                other => other.clone(),
            };
            let write = Form::List(vec![Form::Word("allow".into()), Form::Word("file-write*".into())]);
            forms.iter().map(word).filter(|form| *form != write).collect()
        };
        prop_assert_eq!(heads(&forms), heads(&plain));
        let known: BTreeSet<String> = given.iter().flat_map(|path| real(path)).collect();
        for path in subpaths(&text, "file-write*") {
            prop_assert!(known.contains(&path), "{}", path);
        }
    }
}
