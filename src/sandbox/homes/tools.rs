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

/// Writes them into a private home. What the user does not have is left as it is there.
///
/// # Errors
/// Something cannot be written.
pub fn hand_on(user: &Path, private: &Path) -> Result<(), FsError> {
    for tool in TOOLS {
        if let Some(text) = tool.of(user) {
            Beneath::open(private)?.write(tool.file, text.as_bytes(), false)?;
        }
    }
    Ok(())
}

/// The same for a home in which nothing else of theirs is to be: what the user does not have is removed.
pub(super) fn hand_on_alone(user: &Path, private: &Beneath) -> Result<(), FsError> {
    for tool in TOOLS {
        match tool.of(user) {
            Some(text) => private.write(tool.file, text.as_bytes(), false)?,
            None => private.remove(tool.file)?,
        }
    }
    Ok(())
}

impl Tool {
    /// What of the user's file counts, if anything does.
    fn of(&self, user: &Path) -> Option<String> {
        let bytes = read_bounded(&user.join(self.file), MOST).ok()?;
        let text = kept(&String::from_utf8_lossy(&bytes), self.keeps);
        (!text.is_empty()).then_some(text)
    }
}

/// A setting of a file in lines (`name = value`), with the lines in which its value goes on.
pub struct Setting<'t> {
    /// Which header it stands below, counted from 1; 0 above all of them.
    part: usize,
    /// In lower case, as the name.
    section: String,
    name: String,
    lines: Vec<&'t str>,
}

impl Setting<'_> {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Words of its value, without quotes and what lists are made of.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let first = self.lines.first().and_then(|line| line.split_once('='));
        let values = first.map(|(_, value)| value).into_iter();
        let is_between = |c: char| c.is_whitespace() || ",|\"'[]".contains(c);
        values
            .chain(self.lines.iter().skip(1).copied())
            .flat_map(move |line| line.split(is_between))
            .filter(|word| !word.is_empty())
    }
}

/// All of a file, comments left out. A value goes on in lines that stand further in than its name (pip, uv).
pub fn settings(text: &str) -> Vec<Setting<'_>> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut found: Vec<Setting<'_>> = Vec::new();
    let (mut section, mut part) = (String::new(), 0);
    // How far in the setting stands whose value may go on.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let plain = line.trim();
        if plain.is_empty() || plain.starts_with(['#', ';']) {
            continue;
        }
        let goes_on = open.is_some_and(|above| depth(line) > above)
            && (!plain.contains('=') || plain.contains("://"));
        if let (true, Some(last)) = (goes_on, found.last_mut()) {
            last.lines.push(line);
        } else if let Some(name) = plain.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).trim().to_ascii_lowercase();
            (part, open) = (part + 1, None);
        } else if let Some((name, _)) = plain.split_once('=') {
            open = Some(depth(line));
            found.push(Setting {
                part,
                section: section.clone(),
                name: name.trim().to_ascii_lowercase(),
                lines: vec![line],
            });
        } else {
            open = None;
        }
    }
    found
}

/// The lines that count, each below its section, without names and passwords in addresses.
fn kept(text: &str, keeps: fn(&str, &str) -> bool) -> String {
    let mut out = String::new();
    let mut told = 0;
    for setting in settings(text) {
        if !keeps(&setting.section, &setting.name) {
            continue;
        }
        if setting.part != told {
            out.push_str(&format!("[{}]\n", setting.section));
            told = setting.part;
        }
        for line in &setting.lines {
            out.push_str(&without_logins(line.trim_end()));
            out.push('\n');
        }
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
        let word = address
            .find(|c: char| c.is_whitespace() || ",|".contains(c))
            .unwrap_or(address.len());
        let login = match address[..place].rfind('@') {
            Some(at) => at + 1,
            // A password may hold any of these as well, unescaped: the last `@` of the word counts then. Behind a host
            // and its port it is a part of the path.
            None if !is_host(&address[..place]) => {
                address[..word].rfind('@').map_or(0, |at| at + 1)
            }
            None => 0,
        };
        rest = &address[login..];
    }
    out + rest
}

/// True for what can be a host with or without a port, rather than a name and the beginning of a password.
fn is_host(place: &str) -> bool {
    // An address of the sixth version has colons of its own.
    let behind = match place.starts_with('[') {
        true => place.rsplit_once(']').map_or(place, |(_, behind)| behind),
        false => place,
    };
    behind
        .rsplit_once(':')
        .is_none_or(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
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
    fn values_go_on_where_they_stand_further_in() {
        let text = "[global]\nextra-index-url =\n    https://a.example.org/x?y=1\n  # no\n    https://b.example.org\ntrusted-host = a\n    b\n\
                    [[index]]\nurl = \"https://c.example.org\"\nmore = [\n  'https://d.example.org',\n]\n[user]\n\tname = x\n\t\tsigningkey = s\n";
        let found: Vec<(String, Vec<String>)> = settings(text)
            .iter()
            .map(|s| (s.name().to_owned(), s.words().map(str::to_owned).collect()))
            .collect();
        let own = |name: &str, words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            (name.to_owned(), words)
        };
        assert_eq!(
            found,
            [
                own(
                    "extra-index-url",
                    &["https://a.example.org/x?y=1", "https://b.example.org"]
                ),
                own("trusted-host", &["a", "b"]),
                own("url", &["https://c.example.org"]),
                own("more", &["https://d.example.org"]),
                own("name", &["x"]),
                own("signingkey", &["s"]),
            ]
        );
        assert_eq!(kept(text, keeps_of_git), "[user]\n\tname = x\n");
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
            (
                "registry=https://pkgs.example.com/org/feed@Release/npm/registry/",
                "registry=https://pkgs.example.com/org/feed@Release/npm/registry/",
            ),
            ("a=https://h:8443/f@x/", "a=https://h:8443/f@x/"),
            ("a=https://u:p@h:8443/f@x/", "a=https://h:8443/f@x/"),
            ("a=https://[::1]:80/f@x", "a=https://[::1]:80/f@x"),
            ("a=https://[::1]/f@x", "a=https://[::1]/f@x"),
            ("a=https://u:/p@h", "a=https://h"),
            ("a=https://u:p#q@h/f", "a=https://h/f"),
            ("a=https://h?x=u@v", "a=https://h?x=u@v"),
        ] {
            assert_eq!(without_logins(line), clean);
        }
    }
}
