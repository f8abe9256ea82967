//! A trial signature, made as git makes it, and why it failed.

use super::{BOUND, Place, Said};
use crate::model::policy::SandboxPolicy;
use crate::model::preflight::{Agent, SignFormat, SignState, Signing};
use crate::proc::{self, Command, Ended, Finished};
use std::path::{Path, PathBuf};

/// What is signed, and thrown away.
const TEXT: &[u8] = b"codelicious asks whether commits can be signed\n";
/// `ssh-keygen -Y sign` as git starts it: over a file, with the signature expected beside it. A key that stands in the
/// configuration has to stand in a file as well, and its other half in an agent.
const SIGN_BY_SSH: &str = r#"d=$(mktemp -d) || exit 98
trap 'rm -rf "$d"' EXIT
trap 'exit 143' TERM
cat >"$d/text" || exit 98
case $2 in
literal) printf '%s\n' "$3" >"$d/key" || exit 98
  "$1" -Y sign -n git -f "$d/key" -U "$d/text" ;;
*) "$1" -Y sign -n git -f "$3" "$d/text" ;;
esac
c=$?
[ "$c" -ne 0 ] || [ -s "$d/text.sig" ] || { echo 'no signature was made' >&2; c=97; }
exit "$c""#;
/// gpg's error numbers, in the lower half of what it reports (libgpg-error, err-codes.h).
const NO_SECRET_KEY: u32 = 17;
const NO_PINENTRY: u32 = 85;
const CANCELED: [u32; 2] = [99, 198];

impl Place<'_> {
    pub(super) async fn signing(&self, may_prompt: bool) -> Signing {
        let is_on = self.config("commit.gpgsign").is_some_and(is_true);
        if !is_on {
            return Signing::Off;
        }
        let format = match self.config("gpg.format") {
            Some("ssh") => SignFormat::Ssh,
            Some("x509") => SignFormat::X509,
            _ => SignFormat::OpenPgp,
        };
        let key = self.config("user.signingkey");
        let mut state = self.try_to_sign(format, key).await;
        if may_prompt && self.ask_once(&state, key).await {
            state = self.try_to_sign(format, key).await;
        }
        if self.stop.is_raised() {
            return Signing::NotAsked;
        }
        Signing::On {
            format,
            key: key.map(str::to_owned),
            state,
        }
    }

    async fn try_to_sign(&self, format: SignFormat, key: Option<&str>) -> SignState {
        match format {
            SignFormat::OpenPgp => self.try_gpg(key).await,
            SignFormat::Ssh => self.try_ssh(key).await,
            // Its agents ask as they like, and no option keeps them from it.
            SignFormat::X509 => SignState::NotTried,
        }
    }

    /// `gpg` as git starts it, but for the pinentry, which may not appear. What is no gpg gets git's words alone.
    async fn try_gpg(&self, key: Option<&str>) -> SignState {
        let (program, key) = self.gpg(key);
        let quiet: &[&str] = match is_stock(&program, &["gpg", "gpg2"]) {
            true => &["--batch", "--no-tty", "--pinentry-mode", "error"],
            false => &[],
        };
        let command = self
            .program(&program)
            .args(quiet.iter().copied())
            .args(["--status-fd=2", "-bsau", &key])
            .stdin(TEXT);
        let done = match self.finished(&command).await {
            Err(e) if e.is_not_found() => return SignState::NoProgram(e.program),
            Err(e) => return SignState::Failed(e.to_string()),
            Ok(done) => done,
        };
        let err = done.stderr.text();
        let status = |word: &str| status_line(&err, word).map(str::to_owned);
        if done.success() && status("SIG_CREATED").is_some() {
            return SignState::Works;
        }
        let words = err.lines().filter(|l| !l.starts_with("[GNUPG:]"));
        let words = why(&done, &words.collect::<Vec<_>>().join(" "));
        if quiet.is_empty() {
            return SignState::Doubtful { program, words };
        }
        let failure = status("FAILURE").and_then(|f| f.split(' ').nth(1)?.parse().ok());
        match failure.map(|code: u32| code & 0xffff) {
            Some(NO_SECRET_KEY) => SignState::NoSecretKey,
            Some(NO_PINENTRY) => SignState::Cold,
            Some(code) if CANCELED.contains(&code) => SignState::Cold,
            _ => SignState::Failed(words),
        }
    }

    /// The signer and the key that git would name: without one, who commits.
    fn gpg(&self, key: Option<&str>) -> (String, String) {
        let named = self
            .config("gpg.openpgp.program")
            .or_else(|| self.config("gpg.program"));
        let committer = || {
            let name = self.config("user.name").unwrap_or_default();
            let email = self.config("user.email").unwrap_or_default();
            format!("{name} <{email}>")
        };
        let key = key.map_or_else(committer, str::to_owned);
        (self.at_home_if_said(named.unwrap_or("gpg")), key)
    }

    /// `ssh-keygen -Y sign` as git starts it; where the key comes from a command, git itself is left to ask that.
    async fn try_ssh(&self, key: Option<&str>) -> SignState {
        let Some(key) = key else {
            return match self.config("gpg.ssh.defaultkeycommand") {
                Some(_) => SignState::NotTried,
                None => SignState::NoKey,
            };
        };
        let literal = literal(key);
        let file = self.at_home(key);
        if literal.is_none() && !file.exists() {
            return SignState::NoFile(key.to_owned());
        }
        let program = self.config("gpg.ssh.program").unwrap_or("ssh-keygen");
        let program = self.at_home_if_said(program);
        let is_there = match program.contains('/') {
            true => self.root.join(&program).exists(),
            false => proc::find_program(&program, self.env).is_some(),
        };
        if !is_there {
            return SignState::NoProgram(program);
        }
        let (kind, of) = match literal {
            Some(key) => ("literal", key.to_owned()),
            None => ("file", file.display().to_string()),
        };
        let command = self
            .program("sh")
            .args(["-c", SIGN_BY_SSH, "sh", &program, kind, &of])
            .stdin(TEXT);
        let done = match self.finished(&command).await {
            Err(e) => return SignState::Failed(e.to_string()),
            Ok(done) if done.success() => return SignState::Works,
            Ok(done) => done,
        };
        let err = done.stderr.text();
        if !is_stock(&program, &["ssh-keygen"]) {
            let words = why(&done, &err);
            return SignState::Doubtful { program, words };
        }
        // ssh-keygen has one exit code for everything.
        let is_about_keys = ["passphrase", "agent", "Load key", "private key"]
            .iter()
            .any(|w| err.contains(w));
        if !is_about_keys {
            return SignState::Failed(why(&done, &err));
        }
        let public = match literal {
            Some(text) => Some(text.to_owned()),
            None => self.public_half(&file).await,
        };
        let private = self.private_file(&file).filter(|_| literal.is_none());
        SignState::Locked {
            file: private.map(|p| p.display().to_string()),
            agent: self.agent(public.as_deref()).await,
        }
    }

    /// Has the person at the terminal unlock the key; true when that may have helped.
    async fn ask_once(&self, state: &SignState, key: Option<&str>) -> bool {
        let command = match state {
            SignState::Locked {
                file: Some(file),
                agent: Agent::Empty | Agent::Loaded { .. },
            } => self.asking("ssh-add").args([file]),
            // The agent that gpg starts is to outlive us, as a push does.
            SignState::Cold => {
                let (program, key) = self.gpg(key);
                let mark = (proc::PUSH_MARK.to_owned(), proc::push_mark().to_owned());
                let words = ["-u", &key, "-bsa", "-o", "-", "/dev/null"];
                self.asking(&program).env([mark]).args(words)
            }
            SignState::Works
            | SignState::NotTried
            | SignState::NoProgram(_)
            | SignState::NoKey
            | SignState::NoFile(_)
            | SignState::Locked { .. }
            | SignState::NoSecretKey
            | SignState::Doubtful { .. }
            | SignState::Failed(_) => return false,
        };
        proc::at_terminal(&command, BOUND, self.stop.clone())
            .await
            .unwrap_or(false)
    }

    /// A program that may ask, by whatever the user's environment has for it.
    fn asking(&self, program: &str) -> Command {
        Command::new(program, self.root, SandboxPolicy::Trusted).env(self.env.iter().cloned())
    }

    /// `~/` is the user's home, as git has it in paths.
    fn at_home(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), self.var("HOME")) {
            (Some(rest), Some(home)) => Path::new(home).join(rest),
            _ => self.root.join(path),
        }
    }

    /// A program as it is configured, whose path may begin at the user's home.
    fn at_home_if_said(&self, program: &str) -> String {
        match program.starts_with("~/") {
            true => self.at_home(program).display().to_string(),
            false => program.to_owned(),
        }
    }

    /// The private key's file, when it stands beside the public one or is the one that is named.
    fn private_file(&self, file: &Path) -> Option<PathBuf> {
        let private = match file.extension() {
            Some(e) if e == "pub" => file.with_extension(""),
            _ => file.to_path_buf(),
        };
        private.exists().then_some(private)
    }

    /// The public half of a key, from beside it or from the key itself.
    async fn public_half(&self, file: &Path) -> Option<String> {
        let beside = match file.extension() {
            Some(e) if e == "pub" => file.to_path_buf(),
            _ => PathBuf::from(format!("{}.pub", file.display())),
        };
        const LONGEST: u64 = 64 << 10;
        if let Ok(bytes) = crate::fsx::read_bounded(&beside, LONGEST) {
            return String::from_utf8(bytes).ok();
        }
        let command = self.program("ssh-keygen").args(["-y", "-P", "", "-f"]);
        match self.say(&command.args([file.as_os_str()])).await {
            Said::Well(text) => Some(text),
            Said::Badly(_) | Said::Silent(_) | Said::Stopped | Said::NotThere(_) => None,
        }
    }
}

/// True for the program that git takes where nothing is configured. Another one may do under git what it does not do
/// here, and the other way round.
fn is_stock(program: &str, names: &[&str]) -> bool {
    let name = Path::new(program).file_name().and_then(|n| n.to_str());
    name.is_some_and(|name| names.contains(&name))
}

/// Why a trial failed: the program's own words, or how it ended.
fn why(done: &Finished, words: &str) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    match (done.ended, words.is_empty()) {
        (Ended::Itself, false) => words.join(" "),
        (Ended::Itself, true) => format!("it ended with exit code {} and said nothing", done.code),
        (Ended::TimedOut | Ended::Stalled, _) => "it did not answer in time".to_owned(),
        (Ended::DiskSpent, _) => "it filled the disk".to_owned(),
        (Ended::Stopped | Ended::ByCaller, _) => "the run was stopped".to_owned(),
    }
}

/// A key that stands in the configuration itself (git-config(1), `user.signingKey`).
fn literal(key: &str) -> Option<&str> {
    key.strip_prefix("key::")
        .or_else(|| Some(key).filter(|k| k.starts_with("ssh-")))
}

/// Git's words for true.
fn is_true(value: &str) -> bool {
    ["true", "yes", "on"]
        .iter()
        .any(|w| value.eq_ignore_ascii_case(w))
        || value.parse::<i64>().is_ok_and(|n| n != 0)
}

/// What follows a word on a status line of gpg's (its DETAILS, "Format of the status-fd output").
fn status_line<'t>(err: &'t str, word: &str) -> Option<&'t str> {
    let lines = err.lines().filter_map(|l| l.strip_prefix("[GNUPG:] "));
    lines
        .filter_map(|l| l.split_once(' '))
        .find(|(first, _)| *first == word)
        .map(|(_, rest)| rest)
}
