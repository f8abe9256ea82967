//! A git server over HTTP: `git http-backend` behind accounts, and everything that goes wrong on the way to it.
//!
//! ```text
//! fake-git-http --root DIR [--script FILE] [--port 0] [--log FILE]
//! ```
//!
//! It serves every repository below DIR, with the hooks and the configuration that it has there, so that what a
//! server's git refuses is refused by git itself. It listens on loopback, prints `http://127.0.0.1:PORT` as the
//! first line of its standard output, and ends when its standard input is closed or on SIGTERM, so that whoever
//! started it cannot leave it behind. (With `</dev/null` it ends at once; in a shell: `sleep 600 | fake-git-http --root .`,
//! then `git clone http://127.0.0.1:PORT/project.git`.)
//!
//! # Script
//!
//! Read again with every request, so that writing another file changes what the server does. Without one, everybody
//! may read and write.
//!
//! ```json
//! { "accounts": [ { "user": "ada", "password": "…", "may": "write" },
//!                 { "user": "bob", "password": "…", "may": "read" },
//!                 { "user": "cid", "password": "…", "expired": true } ],
//!   "max_body": 1048576,
//!   "rules": [ { "on": "push", "step": "send", "status": 503, "text": "later", "times": 2 } ] }
//! ```
//!
//! | key | meaning |
//! |---|---|
//! | `accounts` | who is let in, by HTTP Basic authentication; a wrong password, an unknown user and an `expired` account are told 401, one that `may` only `read` is told 403 when it pushes |
//! | `max_body` | a request with a longer body is told 413, as a proxy in front of a server does |
//! | `rules` | what happens in place of the usual; the first that fits and is not used up |
//!
//! | key of a rule | meaning |
//! |---|---|
//! | `on` | `push` or `fetch`; without it both |
//! | `step` | `ask` (the first request, for the refs) or `send` (what follows); without it both |
//! | `times` | how often it fits at most; counted anew when the script changes |
//! | `status`, `text`, `headers` | this is the answer, and git is not asked |
//! | `cut` | `"before"`: the connection is closed without an answer, and git is not asked; `"after"`: git does it, and the answer is lost; a number: git does it, and so many bytes of the answer's body come through |
//! | `delay_ms` | a pause before anything else |
//! | `comment` | for people |
//!
//! An unknown key is an error, told as a 500 with a sentence and on standard error.
//!
//! # Log
//!
//! A line for each request: `{"at" (ms since 1970), "method", "path", "user" (as given, null without), "status" (null when there
//! was no answer), "rule" (number from 0, or null), "git" (what http-backend wrote to standard error)}`. Passwords are not logged.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program of its own: it has no doors to keep, and printing is its job"
)]

#[allow(dead_code, reason = "it is written for more than what is needed here")]
#[path = "model_server/http.rs"]
mod http;

/// Where an answer is cut, in the words of the HTTP that is shared.
#[allow(dead_code, reason = "the same")]
mod script {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Place {
        pub at: At,
        pub clean: bool,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum At {
        Nothing,
        Events(usize),
        Bytes(usize),
    }
}

use http::{Body, Fault, Request, Response};
use script::{At, Place};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio, exit};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() {
    let options = Options::parse();
    let log = options.log.as_ref().map(|path| {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap_or_else(|e| mistake(&format!("{path}: {e}")))
    });
    let listener = TcpListener::bind(("127.0.0.1", options.port))
        .unwrap_or_else(|e| mistake(&format!("port {}: {e}", options.port)));
    let address = listener
        .local_addr()
        .unwrap_or_else(|e| mistake(&e.to_string()));
    let root = std::fs::canonicalize(&options.root)
        .unwrap_or_else(|e| mistake(&format!("--root {}: {e}", options.root)));
    let server = Arc::new(Server {
        root,
        script: options.script.map(PathBuf::from),
        plays: Mutex::default(),
        log: log.map(Mutex::new),
    });
    println!("http://{address}");
    let _ = io::stdout().flush();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let server = Arc::clone(&server);
            std::thread::spawn(move || server.serve(stream));
        }
    });
    // Whoever holds the other end of it wants us; an error is as good as an end.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
}

/// The command line is wrong: nothing may pass unnoticed.
fn mistake(why: &str) -> ! {
    eprintln!("fake git server: {why}");
    exit(99)
}

#[derive(Default)]
struct Options {
    root: String,
    script: Option<String>,
    log: Option<String>,
    port: u16,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self::default();
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .unwrap_or_else(|| mistake(&format!("{arg} wants a value")))
            };
            match arg.as_str() {
                "--root" => options.root = value(),
                "--script" => options.script = Some(value()),
                "--log" => options.log = Some(value()),
                "--port" => {
                    let port = value();
                    options.port = port
                        .parse()
                        .unwrap_or_else(|e| mistake(&format!("--port {port}: {e}")));
                }
                _ => mistake(&format!(
                    "unknown argument {arg:?}; --root DIR, --script FILE, --port N and --log FILE are known"
                )),
            }
        }
        if options.root.is_empty() {
            mistake("--root DIR is wanted");
        }
        options
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    accounts: Vec<Account>,
    max_body: Option<usize>,
    rules: Vec<Rule>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    user: String,
    password: String,
    #[serde(default)]
    may: May,
    #[serde(default)]
    expired: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum May {
    Read,
    #[default]
    Write,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rule {
    on: Option<On>,
    step: Option<Step>,
    times: Option<u64>,
    status: Option<u16>,
    text: Option<String>,
    headers: BTreeMap<String, String>,
    cut: Option<Cut>,
    delay_ms: u64,
    #[allow(dead_code, reason = "for people")]
    comment: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum On {
    Push,
    Fetch,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Ask,
    Send,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Cut {
    Word(CutWord),
    Bytes(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CutWord {
    Before,
    After,
}

struct Server {
    root: PathBuf,
    script: Option<PathBuf>,
    plays: Mutex<Plays>,
    log: Option<Mutex<File>>,
}

/// How often each rule of the script with this text was played.
#[derive(Default)]
struct Plays {
    text: String,
    of_rule: HashMap<usize, u64>,
}

/// A request as a client of git means it.
struct Asked<'r> {
    request: &'r Request,
    path: &'r str,
    query: &'r str,
    on: On,
    step: Step,
    user: Option<String>,
    password: Option<String>,
}

impl<'r> Asked<'r> {
    fn of(request: &'r Request) -> Self {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let is_push = path.ends_with("/git-receive-pack") || query.contains("git-receive-pack");
        let given = header(request, "authorization").and_then(|a| a.strip_prefix("Basic "));
        let given = given
            .and_then(base64)
            .and_then(|b| String::from_utf8(b).ok());
        let (user, password) = match given.as_deref().and_then(|g| g.split_once(':')) {
            Some((user, password)) => (Some(user.to_owned()), Some(password.to_owned())),
            None => (None, None),
        };
        Self {
            request,
            path,
            query,
            on: if is_push { On::Push } else { On::Fetch },
            step: if path.ends_with("/info/refs") {
                Step::Ask
            } else {
                Step::Send
            },
            user,
            password,
        }
    }

    /// Why the script does not let this request in.
    fn refused(&self, script: &Script) -> Option<Response> {
        if script.accounts.is_empty() {
            return None;
        }
        let account = script
            .accounts
            .iter()
            .find(|a| Some(&a.user) == self.user.as_ref())
            .filter(|a| Some(&a.password) == self.password.as_ref());
        let challenge = |text: &str| {
            let mut response = text_response(401, text);
            let header = ("www-authenticate", "Basic realm=\"git\"");
            response.headers.push((header.0.into(), header.1.into()));
            response
        };
        match account {
            None if self.user.is_none() => Some(challenge("who are you?")),
            None => Some(challenge("wrong user or password")),
            Some(a) if a.expired => Some(challenge("the token has expired")),
            Some(a) if a.may == May::Read && self.on == On::Push => Some(text_response(
                403,
                &format!("{} may not write here", a.user),
            )),
            Some(_) => None,
        }
    }
}

impl Server {
    /// One connection, kept alive as long as both sides like.
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(mut connection) = http::Connection::new(stream) else {
            return;
        };
        while let Ok(Some(request)) = connection.request() {
            let response = self.answer(&request);
            if !matches!(connection.send(&response), Ok(http::After::Open)) {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> Response {
        let asked = Asked::of(request);
        let mut git = String::new();
        let (rule, response) = match self.chosen(&asked) {
            Ok((script, rule)) => {
                let n = rule.as_ref().map(|(n, _)| *n);
                let rule = rule.map(|(_, rule)| rule).unwrap_or_default();
                (n, self.play(&asked, &script, &rule, &mut git))
            }
            Err(why) => {
                eprintln!("fake git server: {why}");
                (None, text_response(500, &why))
            }
        };
        let lost = matches!(
            response.fault,
            Fault::Cut(Place {
                at: At::Nothing,
                ..
            })
        );
        self.write_log(&json!({
            "at": now_ms(),
            "method": request.method,
            "path": request.path,
            "user": asked.user,
            "status": (!lost).then_some(response.status),
            "rule": rule,
            "git": git.trim(),
        }));
        response
    }

    /// The script as it stands now, and its rule for this request.
    fn chosen(&self, asked: &Asked<'_>) -> Result<(Script, Option<(usize, Rule)>), String> {
        let Some(path) = &self.script else {
            return Ok((Script::default(), None));
        };
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let script: Script =
            serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut plays = lock(&self.plays);
        if plays.text != text {
            *plays = Plays {
                text,
                of_rule: HashMap::new(),
            };
        }
        let found = script.rules.iter().enumerate().find(|(n, rule)| {
            let played = plays.of_rule.get(n).copied().unwrap_or(0);
            rule.on.is_none_or(|on| on == asked.on)
                && rule.step.is_none_or(|step| step == asked.step)
                && rule.times.is_none_or(|times| played < times)
        });
        let found = found.map(|(n, rule)| (n, rule.clone()));
        if let Some((n, _)) = &found {
            *plays.of_rule.entry(*n).or_default() += 1;
        }
        Ok((script, found))
    }

    fn play(&self, asked: &Asked<'_>, script: &Script, rule: &Rule, git: &mut String) -> Response {
        std::thread::sleep(Duration::from_millis(rule.delay_ms));
        let lost = |mut response: Response, at| {
            response.fault = Fault::Cut(Place { at, clean: false });
            response
        };
        if matches!(rule.cut, Some(Cut::Word(CutWord::Before))) {
            return lost(Response::bare(200, Body::None), At::Nothing);
        }
        if let Some(status) = rule.status {
            let mut response = text_response(status, rule.text.as_deref().unwrap_or_default());
            response.headers.extend(rule.headers.clone());
            return response;
        }
        if let Some(response) = asked.refused(script) {
            return response;
        }
        if script
            .max_body
            .is_some_and(|most| asked.request.body.len() > most)
        {
            return text_response(413, "the request is too large");
        }
        let response = self
            .ask_git(asked, git)
            .unwrap_or_else(|e| text_response(500, &format!("git http-backend: {e}")));
        match rule.cut {
            Some(Cut::Word(_)) => lost(response, At::Nothing),
            Some(Cut::Bytes(n)) => lost(response, At::Bytes(n)),
            None => response,
        }
    }

    /// The common gateway interface of git-http-backend(1).
    fn ask_git(&self, asked: &Asked<'_>, said: &mut String) -> io::Result<Response> {
        let request = asked.request;
        let mut command = Command::new("git");
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("LC_ALL", "C")
            .env("PATH_INFO", asked.path)
            .env("QUERY_STRING", asked.query)
            .env("REQUEST_METHOD", &request.method)
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("REMOTE_ADDR", "127.0.0.1")
            // Who has a name may push; what an account may was looked at before.
            .env("REMOTE_USER", asked.user.as_deref().unwrap_or("anybody"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, variable) in [
            ("content-type", "CONTENT_TYPE"),
            ("content-encoding", "HTTP_CONTENT_ENCODING"),
            ("git-protocol", "GIT_PROTOCOL"),
        ] {
            if let Some(value) = header(request, name) {
                command.env(variable, value);
            }
        }
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let body = request.body.clone();
        let feeder = std::thread::spawn(move || {
            if let Some(mut stdin) = stdin {
                // It may have had enough before the end.
                let _ = stdin.write_all(&body);
            }
        });
        let output = child.wait_with_output()?;
        let _ = feeder.join();
        *said = String::from_utf8_lossy(&output.stderr).into_owned();
        read_cgi(&output.stdout)
    }

    fn write_log(&self, line: &serde_json::Value) {
        if let Some(log) = &self.log {
            // One write to a file opened for appending: readers never see half a line.
            let written = lock(log).write_all(format!("{line}\n").as_bytes());
            if let Err(e) = written {
                mistake(&format!("the log: {e}"));
            }
        }
    }
}

/// What a gateway program wrote (RFC 3875, section 6), as an answer.
fn read_cgi(bytes: &[u8]) -> io::Result<Response> {
    let end = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .ok_or_else(|| io::Error::other("it answered without a head"))?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut response = Response::bare(200, Body::whole(bytes[end + 4..].to_vec()));
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "status" => {
                let code = value.split(' ').next().unwrap_or_default();
                response.status = code.parse().map_err(io::Error::other)?;
            }
            "content-length" => {}
            name => response.headers.push((name.to_owned(), value.to_owned())),
        }
    }
    Ok(response)
}

/// Git shows the words of an error when they are plain text.
fn text_response(status: u16, text: &str) -> Response {
    let mut response = Response::bare(status, Body::whole(format!("{text}\n").into_bytes()));
    let kind = ("content-type", "text/plain; charset=utf-8");
    response.headers.push((kind.0.into(), kind.1.into()));
    response
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let found = request.headers.iter().find(|(k, _)| k == name);
    found.map(|(_, v)| v.as_str())
}

/// RFC 4648, section 4; None for what is none.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for byte in text.trim().trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(out)
}

/// Counts stay right when a thread that held them is gone.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Reads bounded, for the HTTP that is shared.
fn read_bounded(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
