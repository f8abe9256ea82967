//! A program that plays GitHub, GitLab or Gitea: a real HTTP server with a memory, in front of a real bare
//! repository where one is given; a script decides what goes wrong.
//!
//! ```text
//! fake-forge --dialect github|gitlab|gitea [--port 0] [--prefix /path] [--repo owner/name] [--git-dir BARE]
//!            [--token dummy-token] [--user robot] [--scopes a,b] [--read-only] [--page-size 100]
//!            [--script FILE] [--log FILE] [--state FILE]
//! ```
//!
//! It listens on loopback, prints `http://127.0.0.1:PORT/path` as the first line of its standard output, and ends when
//! its standard input is closed or on SIGTERM, so that whoever started it cannot leave it behind.
//! (With `</dev/null` it ends at once; in a shell, `sleep 600 | fake-forge …`.)
//!
//! | dialect | its interface is at |
//! |---|---|
//! | `github` | the printed address and, as in Enterprise, `/api/v3`; GraphQL at `/graphql` and `/api/graphql` |
//! | `gitlab` | `/api/v4` |
//! | `gitea` | `/api/v1` |
//!
//! `--prefix` is a path below which all of it lives. `--page-size` is how many items a page has at most, whatever is
//! asked for. `--state` is read at the start where the file is there, and written after every request that changed
//! something, so that another server can go on; its form is what `/_control/state` tells, each key optional.
//! A mistake in the arguments or in a file: exit 99 with a sentence on standard error.
//!
//! # The world
//!
//! `{"repo": {path, moved_from, default_branch, protected, branches, archived, private, drafts, issues, pull_requests, permission}, "tokens": [{value, user, scopes,
//! expired, read_only, kind, expires_at}], "users": [{id, login, may_review}], "teams", "labels": [{id, name, exclusive}], "prs": [{number, id,
//! head, fork, base, title, body, draft, state, author, labels, requested, requested_teams, asked, taken_off, reviews, head_sha, merge_commit}],
//! "issues", "comments", "effects": {name: times}, "most_reviewers", "version", "last"}`; `state.rs` says what each is.
//!
//! In the beginning there are the users `robot` (whose token `dummy-token` is), `ada` and `grace`, the team
//! `reviewers`, and the labels `codelicious` and `bug`. Without `--git-dir` every branch is there, unless
//! `repo.branches` lists those that are. With it branches are the repository's; a pull request for a branch that is
//! not there, or that has nothing which its base has not, is refused in the forge's words.
//!
//! # Control: what people and tests do
//!
//! | `POST /_control/…` | with | does |
//! |---|---|---|
//! | `state` | | tells the world (also by `GET`) |
//! | `set` | a part of the world | merges it over what is there (RFC 7386: lists are replaced) |
//! | `script` | a script | takes it in place of the present one |
//! | `merge` | `{number, how: merge\|squash\|rebase, delete_branch: bool}` | merges in the bare repository; 409 on a conflict or for a draft. Where the branch goes away, open pull requests into it are retargeted to where it was merged: all of them, on GitLab four |
//! | `delete_branch` | `{branch}` | deletes it; GitHub and Gitea close what goes from it or into it |
//! | `close`, `reopen` | `{number}` | a person closes or reopens a pull request |
//! | `review` | `{number, user, state, team}` | a person reviews, for their team where one is named: no longer asked to |
//! | `take_off` | `{number, name}` | a person takes somebody (`team:slug`) off the list of who is asked to review |
//! | `edit` | `{number, title, body, base, draft}` | a person writes |
//! | `issue` | `{title, body, labels, author, closed}` | opens an issue; answers `{number}` |
//! | `comment` | `{issue, body, author}` | comments on it; answers `{id}` |
//!
//! # Script
//!
//! ```json
//! { "rules": [ { "method": "POST", "path_end": "/pulls", "times": 1, "after": true, "cut": true },
//!              { "path": "/labels", "nth": 2, "status": 403, "headers": { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "{epoch+2s}" } } ] }
//! ```
//!
//! The first rule that fits and is due is played. It fits when all of these hold:
//!
//! | key | holds when |
//! |---|---|
//! | `method` | it is the request's |
//! | `path` | this stands in path and query |
//! | `path_end` | the path without its query ends so |
//! | `contains` | this stands in the body |
//!
//! `nth`: it is due for the nth request that it fits, from 1. `times`: at most so often. Then:
//!
//! | key | meaning |
//! |---|---|
//! | `status`, `headers`, `body`, `content_type` | the answer; a text body is HTML unless `content_type` says otherwise, any other value JSON. `{epoch+5s}` in a header: seconds since 1970 |
//! | `garbage` | a text that is sent as JSON and is none |
//! | `cut` | `true`: the connection is closed without a byte; `{bytes: n}`: after so many of the body |
//! | `stall` | the same places, but the connection stays open and silent until the client leaves |
//! | `before` | the forge does nothing: so it is when nothing else is said |
//! | `after` | the forge does what it was asked, and then the answer goes wrong |
//! | `delay_ms` | before the answer |
//! | `touch`, `wait_for` | a file that is made when the forge has acted (or not); a file that is waited for before the answer, at most 60 s |
//! | `comment` | is for people |
//!
//! A rule with only `headers`, `delay_ms`, `touch` or `wait_for` lets the forge do and answer as always, with the headers added.
//!
//! # Log
//!
//! One line for each request but control's, before its answer is sent: `{"n", "at" (ms since 1970), "method", "path", "query" (as it came), "headers"
//! (names in small letters; of a token only its form), "auth": {"form", "user", "known"}, "body" (JSON, else text), "status", "response" (JSON, else
//! text), "rule" (number from 0, or null), "acted", "effects": {name: times}}`. A client that left before its answer was whole
//! is told by a further line `{"gone": n, "at"}`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program of its own: it has no doors to keep, and printing is its job"
)]

#[path = "forge_server/call.rs"]
mod call;
#[path = "forge_server/control.rs"]
mod control;
#[path = "forge_server/git.rs"]
mod git;
#[path = "forge_server/gitea.rs"]
mod gitea;
#[path = "forge_server/github.rs"]
mod github;
#[path = "forge_server/gitlab.rs"]
mod gitlab;
#[path = "model_server/http.rs"]
#[allow(dead_code, reason = "it is shared; streams are for models alone")]
mod http;
#[path = "forge_server/script.rs"]
mod script;
#[path = "forge_server/state.rs"]
mod state;

use call::{Auth, Call, Reply};
use git::Git;
use http::{Body, Request, Response};
use script::{Rule, Script};
use serde_json::{Value, json};
use state::{Forge, World};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::exit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Which forge is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Github,
    Gitlab,
    Gitea,
}

fn main() {
    let options = Options::parse();
    let Some(dialect) = options.dialect else {
        mistake("--dialect github, gitlab or gitea is wanted");
    };
    let script = options
        .script
        .as_ref()
        .map_or_else(Script::default, |path| {
            Script::read(&text_of(path)).unwrap_or_else(|e| mistake(&format!("{path}: {e}")))
        });
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
    let forge = Forge {
        world: options.world(),
        git: Git {
            dir: options.git_dir.as_ref().map(Into::into),
        },
        page_size: options.page_size,
        numbers_apart: dialect == Dialect::Gitlab,
        draft_title: match dialect {
            Dialect::Github => None,
            Dialect::Gitlab => Some(gitlab::says_draft),
            Dialect::Gitea => Some(gitea::says_draft),
        },
    };
    println!("http://{address}{}", options.prefix);
    let _ = io::stdout().flush();
    let server = Arc::new(Server {
        dialect,
        prefix: options.prefix,
        state_file: options.state,
        inner: Mutex::new(Inner {
            forge,
            script,
            n: 0,
        }),
        log: log.map(Mutex::new),
    });
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let server = Arc::clone(&server);
            std::thread::spawn(move || server.serve(stream));
        }
    });
    // Whoever holds the other end of it wants us; an error is as good as an end.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
}

/// The command line or a file is wrong: nothing may pass unnoticed.
fn mistake(why: &str) -> ! {
    eprintln!("fake forge: {why}");
    exit(99)
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| mistake(&format!("{path}: {e}")))
}

#[derive(Default)]
struct Options {
    dialect: Option<Dialect>,
    port: u16,
    prefix: String,
    repo: Option<String>,
    git_dir: Option<String>,
    token: Option<String>,
    user: Option<String>,
    scopes: Option<Vec<String>>,
    read_only: bool,
    page_size: usize,
    script: Option<String>,
    log: Option<String>,
    state: Option<String>,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self {
            page_size: 100,
            ..Self::default()
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .unwrap_or_else(|| mistake(&format!("{arg} wants a value")))
            };
            match arg.as_str() {
                "--dialect" => {
                    options.dialect = Some(match value().as_str() {
                        "github" => Dialect::Github,
                        "gitlab" => Dialect::Gitlab,
                        "gitea" => Dialect::Gitea,
                        other => mistake(&format!("--dialect {other}: github, gitlab or gitea")),
                    });
                }
                "--port" => options.port = number(&arg, &value()),
                "--page-size" => options.page_size = number(&arg, &value()),
                "--prefix" => {
                    let path = value();
                    let path = path.trim_matches('/');
                    options.prefix = match path.is_empty() {
                        true => String::new(),
                        false => format!("/{path}"),
                    };
                }
                "--repo" => options.repo = Some(value()),
                "--git-dir" => options.git_dir = Some(value()),
                "--token" => options.token = Some(value()),
                "--user" => options.user = Some(value()),
                "--scopes" => {
                    options.scopes = Some(value().split(',').map(str::to_owned).collect());
                }
                "--read-only" => options.read_only = true,
                "--script" => options.script = Some(value()),
                "--log" => options.log = Some(value()),
                "--state" => options.state = Some(value()),
                _ => mistake(&format!(
                    "unknown argument {arg:?}; the head of the source lists those that are"
                )),
            }
        }
        options
    }

    /// The world of the beginning: the state file's where there is one, and what the arguments say.
    fn world(&self) -> World {
        let path = self.state.as_ref().filter(|p| Path::new(p).exists());
        let mut world = path.map_or_else(World::default, |path| {
            serde_json::from_str(&text_of(path))
                .unwrap_or_else(|e| mistake(&format!("{path}: {e}")))
        });
        if let Some(repo) = &self.repo {
            world.repo.path.clone_from(repo);
        }
        if let Some(token) = world.tokens.first_mut() {
            if let Some(value) = &self.token {
                token.value.clone_from(value);
            }
            if let Some(user) = &self.user {
                token.user.clone_from(user);
            }
            if let Some(scopes) = &self.scopes {
                token.scopes.clone_from(scopes);
            }
            token.read_only |= self.read_only;
        }
        world
    }
}

fn number<T: std::str::FromStr<Err: std::fmt::Display>>(arg: &str, text: &str) -> T {
    text.parse()
        .unwrap_or_else(|e| mistake(&format!("{arg} {text}: {e}")))
}

struct Server {
    dialect: Dialect,
    prefix: String,
    state_file: Option<String>,
    inner: Mutex<Inner>,
    log: Option<Mutex<File>>,
}

struct Inner {
    forge: Forge,
    script: Script,
    /// Requests, but control's.
    n: u64,
}

impl Server {
    /// One connection, kept alive as long as both sides like.
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(mut connection) = http::Connection::new(stream) else {
            return;
        };
        while let Ok(Some(request)) = connection.request() {
            let (n, response, rule) = self.answer(&request);
            if let Some(rule) = &rule {
                wait(rule);
            }
            let sent = connection.send(&response);
            if let (Err(_), Some(n)) = (&sent, n) {
                self.write_log(&json!({"gone": n, "at": now_ms()}));
            }
            if !matches!(sent, Ok(http::After::Open)) {
                return;
            }
        }
    }

    /// The number of the request (none for control), its answer, and the rule that is played.
    fn answer(&self, request: &Request) -> (Option<u64>, Response, Option<Rule>) {
        let mut inner = lock(&self.inner);
        let inner = &mut *inner;
        if let Some(what) = request.path.strip_prefix("/_control/") {
            return (None, self.control(inner, what, request), None);
        }
        inner.n += 1;
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let chosen = inner.script.choose(&request.method, &request.path, &body);
        let call = Call::read(request, &self.prefix, &inner.forge.world.tokens);
        let acts = chosen.as_ref().is_none_or(|(_, rule)| rule.acts());
        let before = inner.forge.world.effects.clone();
        let real = (acts || call.is_none()).then(|| match &call {
            Some(call) => self.dialect(&mut inner.forge, call).response(),
            None => {
                Reply::json(404, json!({"message": "nothing lives outside the prefix"})).response()
            }
        });
        let response = match (&chosen, real) {
            (Some((_, rule)), real) => rule.apply(real),
            (None, Some(real)) => real,
            (None, None) => Response::bare(500, Body::None),
        };
        let had = |(name, times): (&String, &u64)| {
            let new = times - before.get(name).copied().unwrap_or(0);
            (new > 0).then(|| (name.clone(), Value::from(new)))
        };
        let effects: serde_json::Map<String, Value> =
            inner.forge.world.effects.iter().filter_map(had).collect();
        if !effects.is_empty() {
            self.save(&inner.forge.world);
        }
        if let Some((
            _,
            Rule {
                touch: Some(path), ..
            },
        )) = &chosen
            && let Err(e) = File::create(path)
        {
            mistake(&format!("{path}: {e}"));
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        self.write_log(&json!({
            "n": inner.n,
            "at": now_ms(),
            "method": request.method,
            "path": path,
            "query": query,
            "headers": headers(request),
            "auth": call.as_ref().map(|c| auth(&c.auth)),
            "body": json_or_text(&request.body),
            "status": response.status,
            "response": match &response.body {
                Body::Whole(bytes) => json_or_text(bytes),
                Body::None | Body::Events(_) => Value::Null,
            },
            "rule": chosen.as_ref().map(|(at, _)| at),
            "acted": acts,
            "effects": effects,
        }));
        (Some(inner.n), response, chosen.map(|(_, rule)| rule))
    }

    fn dialect(&self, forge: &mut Forge, call: &Call) -> Reply {
        forge.refresh();
        let reply = match self.dialect {
            Dialect::Github => github::answer(forge, call),
            Dialect::Gitlab => gitlab::answer(forge, call),
            Dialect::Gitea => gitea::answer(forge, call),
        };
        reply.tagged(call)
    }

    fn control(&self, inner: &mut Inner, what: &str, request: &Request) -> Response {
        let text = String::from_utf8_lossy(&request.body);
        let what = what.split('?').next().unwrap_or_default();
        if what == "script" {
            return match Script::read(&text) {
                Ok(script) => {
                    inner.script = script;
                    Response::json(200, &json!({}))
                }
                Err(e) => Response::json(400, &json!({"error": e})),
            };
        }
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let reply = control::answer(&mut inner.forge, self.dialect, what, &body);
        self.save(&inner.forge.world);
        reply.response()
    }

    /// Whole or not at all: a reader never sees half a world.
    fn save(&self, world: &World) {
        let Some(path) = &self.state_file else {
            return;
        };
        let text = serde_json::to_string_pretty(world).unwrap_or_default();
        let new = format!("{path}.new");
        let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
        if let Err(e) = written {
            mistake(&format!("{path}: {e}"));
        }
    }

    fn write_log(&self, line: &Value) {
        if let Some(log) = &self.log {
            // One write to a file opened for appending: readers never see half a line.
            let written = lock(log).write_all(format!("{line}\n").as_bytes());
            if let Err(e) = written {
                mistake(&format!("the log: {e}"));
            }
        }
    }
}

/// What is to pass before the answer begins.
fn wait(rule: &Rule) {
    if let Some(path) = &rule.wait_for {
        let started = Instant::now();
        while !Path::new(path).exists() {
            if started.elapsed() > Duration::from_secs(60) {
                mistake(&format!("waited 60 s for {path}"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    if let Some(ms) = rule.delay_ms {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

/// Headers for the log, without the token.
fn headers(request: &Request) -> Value {
    let shown = request.headers.iter().map(|(name, value)| {
        let value = match name.as_str() {
            "authorization" => {
                let scheme = value.split(' ').next().unwrap_or_default();
                format!("{scheme} …")
            }
            "private-token" | "job-token" => "…".to_owned(),
            _ => value.clone(),
        };
        (name.clone(), Value::from(value))
    });
    Value::Object(shown.collect())
}

fn auth(auth: &Auth) -> Value {
    match auth {
        Auth::Nobody => Value::Null,
        Auth::Unknown { form } => json!({"form": form.word(), "known": false}),
        Auth::Expired { form, token } => {
            json!({"form": form.word(), "known": false, "user": token.user, "expired": true})
        }
        Auth::Known { form, token } => {
            json!({"form": form.word(), "known": true, "user": token.user})
        }
    }
}

fn json_or_text(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes).into_owned()))
}

/// What is known stays right when a thread that held it is gone.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Reads bounded: nobody sends more than this to a forge.
fn read_bounded(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
