//! What of tools' own settings a lane needs as well: where packages come from, and who commits. Of each file the named
//! lines alone, and never what logs in.

use super::beneath::Beneath;
use crate::fsx::{FsError, read_bounded};
use std::path::Path;

/// Largest settings file that is read.
const MOST: u64 = 1 << 20;

/// A settings file below the home.
struct Tool {
    file: &'static str,
    /// Whether a line counts, by the section that it stands in and its key, both in lower case.
    keeps: fn(&str, &str) -> bool,
}

const TOOLS: &[Tool] = &[
    Tool {
        file: ".npmrc",
        keeps: |_, key| {
            key == "registry"
                || (key.starts_with('@') && key.ends_with(":registry"))
                || [
                    "auto-install-peers",
                    "cafile",
                    "engine-strict",
                    "ignore-scripts",
                    "legacy-peer-deps",
                    "node-linker",
                    "omit-lockfile-registry-resolved",
                    "strict-ssl",
                ]
                .contains(&key)
        },
    },
    Tool {
        file: ".config/pip/pip.conf",
        keeps: keeps_of_pip,
    },
    Tool {
        file: ".pip/pip.conf",
        keeps: keeps_of_pip,
    },
    Tool {
        file: ".config/go/env",
        keeps: |_, key| {
            [
                "cgo_enabled",
                "goflags",
                "goinsecure",
                "gonoproxy",
                "gonosumdb",
                "goprivate",
                "goproxy",
                "gosumdb",
                "gotoolchain",
            ]
            .contains(&key)
        },
    },
    // Tests of many tools make repositories of their own and commit in them.
    Tool {
        file: ".gitconfig",
        keeps: keeps_of_git,
    },
    Tool {
        file: ".config/git/config",
        keeps: keeps_of_git,
    },
];

fn keeps_of_pip(_: &str, key: &str) -> bool {
    [
        "cert",
        "extra-index-url",
        "find-links",
        "index-url",
        "no-index",
        "only-binary",
        "prefer-binary",
        "timeout",
        "trusted-host",
    ]
    .contains(&key)
}

fn keeps_of_git(section: &str, key: &str) -> bool {
    matches!(
        (section, key),
        ("user", "name" | "email") | ("init", "defaultbranch")
    )
}

/// Writes them into the private home. What the user does not have is left as it is there.
///
/// # Errors
/// Something cannot be written.
pub fn hand_on(user: &Path, private: &Path) -> Result<(), FsError> {
    for tool in TOOLS {
        let Ok(bytes) = read_bounded(&user.join(tool.file), MOST) else {
            continue;
        };
        let text = kept(&String::from_utf8_lossy(&bytes), tool.keeps);
        if !text.is_empty() {
            Beneath::open(private)?.write(tool.file, text.as_bytes(), false)?;
        }
    }
    Ok(())
}

/// The lines that count, each below its section, without names and passwords in addresses.
fn kept(text: &str, keeps: fn(&str, &str) -> bool) -> String {
    let (mut out, mut section, mut is_told, mut goes_on) =
        (String::new(), String::new(), true, false);
    for line in text.lines() {
        let plain = line.trim();
        if plain.is_empty() || plain.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = plain.strip_prefix('[') {
            section = name.trim_end_matches(']').trim().to_ascii_lowercase();
            (is_told, goes_on) = (false, false);
            continue;
        }
        let counts = match plain.split_once('=') {
            // A value goes on in lines that begin with a blank; git begins all of its lines so.
            _ if goes_on && line.starts_with([' ', '\t']) && plain.contains("://") => true,
            Some((key, _)) => keeps(&section, &key.trim().to_ascii_lowercase()),
            None => false,
        };
        goes_on = counts;
        if !counts {
            continue;
        }
        if !is_told {
            out.push_str(&format!("[{section}]\n"));
            is_told = true;
        }
        out.push_str(&without_logins(line.trim_end()));
        out.push('\n');
    }
    out
}

/// What stands between `://` and `@` of an address is left out.
fn without_logins(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + 3);
        out.push_str(before);
        let is_end = |c: char| c.is_whitespace() || "/?#,|\"'".contains(c);
        let place = address.find(is_end).unwrap_or(address.len());
        // A password may hold any of these as well, unescaped: the last `@` of the word counts.
        let word = address
            .find(|c: char| c.is_whitespace() || ",|".contains(c))
            .unwrap_or(address.len());
        let login = match address[..place].rfind('@') {
            Some(at) => at + 1,
            None => address[..word].rfind('@').map_or(0, |at| at + 1),
        };
        rest = &address[login..];
    }
    out + rest
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lines_that_count_are_handed_on_without_what_logs_in() {
        let dir = tempfile::tempdir().unwrap();
        let (user, private) = (dir.path().join("user"), dir.path().join("private"));
        for (name, text) in [
            (
                ".npmrc",
                "# mine\nregistry=https://npm.example.org/\n@team:registry = https://u:secret@npm.example.org/t/\n\
                 //npm.example.org/:_authToken=secret\n_auth=secret\nscript-shell=/evil\n",
            ),
            (
                ".config/pip/pip.conf",
                "[global]\nindex-url = https://u:secret@py.example.org/simple\nextra-index-url =\n    https://a.example.org/x\n    \
                 https://v:secret@b.example.org/y\npassword = secret\n[install]\nuser = true\n",
            ),
            (
                ".config/go/env",
                "GOPROXY=https://u:secret@go.example.org,direct\nGOPRIVATE=example.org/*\nGOAUTH=netrc secret\n",
            ),
            (
                ".gitconfig",
                "[user]\n\tname = Ada\n\temail = ada@localhost\n\tsigningkey = secret\n[core]\n\tpager = evil\n\
                 [credential]\n\thelper = secret\n[init]\n\tdefaultBranch = main\n[url \"https://u:secret@x/\"]\n\tinsteadOf = https://x/\n",
            ),
        ] {
            let path = user.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        hand_on(&user, &private).unwrap();
        let read = |name: &str| fs::read_to_string(private.join(name)).unwrap();
        assert_eq!(
            read(".npmrc"),
            "registry=https://npm.example.org/\n@team:registry = https://npm.example.org/t/\n"
        );
        assert_eq!(
            read(".config/pip/pip.conf"),
            "[global]\nindex-url = https://py.example.org/simple\nextra-index-url =\n    https://a.example.org/x\n    \
             https://b.example.org/y\n"
        );
        assert_eq!(
            read(".config/go/env"),
            "GOPROXY=https://go.example.org,direct\nGOPRIVATE=example.org/*\n"
        );
        assert_eq!(
            read(".gitconfig"),
            "[user]\n\tname = Ada\n\temail = ada@localhost\n[init]\n\tdefaultBranch = main\n"
        );
        assert!(!private.join(".config/git/config").exists());
    }

    #[test]
    fn nothing_that_logs_in_stays_in_an_address() {
        for (line, clean) in [
            ("a=https://h/p", "a=https://h/p"),
            ("a=https://u:p@h/p", "a=https://h/p"),
            ("a=https://u:p/q@h/p", "a=https://h/p"),
            ("a=https://u@h, https://v:w@i", "a=https://h, https://i"),
            ("a=u@h", "a=u@h"),
            ("a=://", "a=://"),
            ("a=https://ü:ä@h", "a=https://h"),
        ] {
            assert_eq!(without_logins(line), clean);
        }
    }
}
