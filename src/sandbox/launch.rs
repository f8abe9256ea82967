//! What passes between the spawner and the helper that puts a wall up around itself.
//!
//! The helper is this program, started as `__sandbox own-network` or `__sandbox network`. It does what needs no request,
//! reads one from its standard input, and becomes the command; or it says on its first line of standard error, behind a
//! token that nobody else knows, why not. When its input ends before a request came, nobody wants it, and it ends.

use crate::model::policy::Wall;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The first argument that makes this program the helper.
pub const VERB: &str = "__sandbox";
/// In the place of a network: say what this machine can enforce.
pub const PROBE: &str = "probe";
/// The second argument: the command gets a network of its own, which may lead nowhere.
pub const OWN_NETWORK: &str = "own-network";
/// The second argument: the command uses this machine's network.
pub const NETWORK: &str = "network";
/// Exit code of a helper that did not become the command.
pub const FAILED: u8 = 125;

static HELPER: OnceLock<PathBuf> = OnceLock::new();

/// Names the program that is started as the helper, in the place of the one that runs. For tests, whose own program
/// is another one. The first call counts.
pub fn set_helper(program: PathBuf) {
    let _ = HELPER.set(program);
}

/// The program that is started as the helper. The link stays right when the file is replaced meanwhile.
pub fn helper() -> &'static Path {
    HELPER
        .get()
        .map_or(Path::new("/proc/self/exe"), PathBuf::as_path)
}

/// What the helper is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Precedes the helper's own words.
    pub token: String,
    /// The process that starts the helper.
    pub parent: u32,
    /// With those limits only that no control group holds.
    pub wall: Wall,
    /// The command's whole environment. The helper has none of it: some variables change how a program is loaded, and
    /// the helper is loaded before there is a wall.
    pub env: Vec<(String, String)>,
    /// Control groups to enter.
    pub groups: Vec<PathBuf>,
    /// The folder that is to be found as `/tmp` as well.
    #[serde(default)]
    pub temporary: Option<PathBuf>,
    /// The gateway's socket, where the network is a list of hosts.
    pub gateway: Option<PathBuf>,
    /// The command reads what follows the request; otherwise it has no input.
    pub has_input: bool,
}

/// What the helper becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub cwd: PathBuf,
    pub program: PathBuf,
    /// What the command is to find as its own name.
    pub name: OsString,
    pub args: Vec<OsString>,
}

/// Why the helper did not become the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub why: String,
    /// The wall stood, and the command could not be executed: the system's number of the error.
    pub exec: Option<i32>,
}

/// A token that cannot be guessed: the standard library's hasher is seeded by the system.
pub fn token() -> String {
    let word = || {
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u8(0);
        hasher.finish()
    };
    format!("codelicious-{:016x}{:016x}", word(), word())
}

/// A request as the helper reads it: how many bytes each of the two parts has, eight bytes each, lowest first; the request
/// as JSON; folder, program, name and arguments, each with a zero behind it.
///
/// # Errors
/// A path of the request is not Unicode, or there is a zero in the command or in its environment.
pub fn message(request: &Request, target: &Target) -> io::Result<Vec<u8>> {
    let zero = |what: &str| {
        let why = format!("there is a zero byte in {what}");
        io::Error::new(io::ErrorKind::InvalidInput, why)
    };
    let has_zero = |(name, value): &&(String, String)| name.contains('\0') || value.contains('\0');
    if let Some((name, _)) = request.env.iter().find(has_zero) {
        return Err(zero(&format!("the variable {}", name.escape_debug())));
    }
    let request = serde_json::to_vec(request).map_err(io::Error::other)?;
    let first: [&OsStr; 3] = [
        target.cwd.as_os_str(),
        target.program.as_os_str(),
        &target.name,
    ];
    let mut words = Vec::new();
    for word in first.into_iter().chain(target.args.iter().map(|a| &**a)) {
        let word = word.as_bytes();
        if word.contains(&0) {
            return Err(zero("the command"));
        }
        words.extend_from_slice(word);
        words.push(0);
    }
    let mut all = Vec::with_capacity(2 * size_of::<u64>() + request.len() + words.len());
    all.extend((request.len() as u64).to_le_bytes());
    all.extend((words.len() as u64).to_le_bytes());
    all.extend(request);
    all.extend(words);
    Ok(all)
}

/// Reads a request, and not a byte of what follows it. None: there is none, since the other side is gone.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read(from: &mut impl Read) -> io::Result<Option<(Request, Target)>> {
    let mut lengths = [0; 2 * size_of::<u64>()];
    let mut read = 0;
    while let Some(rest) = lengths.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 if read == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => read += more,
        }
    }
    let (json, words) = lengths.split_at(size_of::<u64>());
    let mut part = |length: &[u8]| {
        let length = length.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
        // In few pieces, without believing a length that nothing stands behind.
        let mut part = Vec::with_capacity(usize::try_from(length.min(1 << 20)).unwrap_or(0));
        from.take(length).read_to_end(&mut part)?;
        match part.len() as u64 == length {
            true => Ok(part),
            false => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    };
    let request = serde_json::from_slice(&part(json)?)?;
    let words = part(words)?;
    let mut words = words
        .split_inclusive(|b| *b == 0)
        .map(|word| OsString::from_vec(word.strip_suffix(&[0]).unwrap_or(word).to_vec()));
    match (words.next(), words.next(), words.next()) {
        (Some(cwd), Some(program), Some(name)) => {
            let target = Target {
                cwd: cwd.into(),
                program: program.into(),
                name,
                args: words.collect(),
            };
            Ok(Some((request, target)))
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no command was named",
        )),
    }
}

/// The helper's words as a line.
pub fn line(token: &str, failure: &Failure) -> String {
    let text = serde_json::to_string(failure).unwrap_or_default();
    format!("{token} {text}")
}

/// Reads the helper's words, where a line holds them.
pub fn failure_in(token: &str, line: &[u8]) -> Option<Failure> {
    let text = line.strip_prefix(token.as_bytes())?.strip_prefix(b" ")?;
    Some(serde_json::from_slice(text).unwrap_or(Failure {
        why: String::from_utf8_lossy(text).into_owned(),
        exec: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_the_token_is_heard() {
        let failure = Failure {
            why: "no\nway".to_owned(),
            exec: Some(13),
        };
        let token = token();
        let said = line(&token, &failure);
        assert!(!said.contains('\n'));
        assert_eq!(failure_in(&token, said.as_bytes()), Some(failure.clone()));
        assert_eq!(failure_in(&super::token(), said.as_bytes()), None);
        let broken = format!("{token} half");
        let heard = failure_in(&token, broken.as_bytes()).unwrap();
        assert_eq!((heard.why.as_str(), heard.exec), ("half", None));
    }

    fn asked() -> (Request, Target) {
        use crate::model::policy::{FileAccess, Network, Preset, ResourceLimits};
        let request = Request {
            token: token(),
            parent: 7,
            wall: Wall {
                preset: Preset::Verify,
                files: FileAccess::default(),
                network: Network::Loopback,
                unix_sockets: false,
                limits: ResourceLimits::default(),
                env: Vec::new(),
            },
            env: vec![("LD_PRELOAD".to_owned(), "x\"\n".to_owned())],
            groups: Vec::new(),
            temporary: None,
            gateway: None,
            has_input: true,
        };
        let target = Target {
            cwd: "/a b".into(),
            program: "/bin/sh".into(),
            name: OsString::from_vec(vec![0xff, b'\n']),
            args: vec!["".into(), "-c".into(), "".into()],
        };
        (request, target)
    }

    /// Gives one byte at a time, as a pipe may.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = into.len().min(1);
            self.0.read(&mut into[..most])
        }
    }

    #[test]
    fn a_request_is_read_as_it_was_written_and_nothing_behind_it() {
        let (request, target) = asked();
        let mut message = message(&request, &target).unwrap();
        let whole = message.len();
        message.extend(b"input");
        for slow in [true, false] {
            let mut rest = message.as_slice();
            let found = match slow {
                true => {
                    let mut slow = Slow(rest);
                    let found = read(&mut slow);
                    rest = slow.0;
                    found
                }
                false => read(&mut rest),
            };
            let found = found.unwrap().expect("there is one");
            assert_eq!(found, (request.clone(), target.clone()));
            assert_eq!(rest, b"input");
        }
        assert_eq!(read(&mut &[][..]).unwrap(), None);
        for cut in 1..whole {
            assert!(read(&mut &message[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let (request, mut target) = asked();
        for bytes in [&b"{}"[..], &[0xff; 64], &[0; 64]] {
            assert!(read(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
        target.args.push(OsString::from_vec(vec![b'a', 0]));
        let error = message(&request, &target).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        target.args.pop();
        assert!(message(&request, &target).is_ok());
        for (name, value) in [("A\0", ""), ("A", "b\0")] {
            let mut request = request.clone();
            request.env.push((name.to_owned(), value.to_owned()));
            let error = message(&request, &target).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
