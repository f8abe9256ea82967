//! Pull requests as files: `.codelicious/prs/<n>.md`, no network.
//!
//! ```text
//! ---
//! number: 1
//! head: "codelicious/todo"
//! base: "main"
//! state: draft
//! title: "Todo list"
//! ---
//!
//! <!-- codelicious:begin -->
//! …
//! <!-- codelicious:end -->
//! ```
//!
//! The front block is one `key: value` a line; texts are JSON strings (which YAML reads as well), `state`
//! is `draft`, `ready`, `merged` or `closed`. The number is the file's name. A person may change the
//! state, add lines to the block and write around the markers: all of that is kept.

use super::body::splice;
use crate::crash::{self, Point};
use crate::fsx::{FsError, atomic, read_bounded};
use crate::model::PrState;
use crate::ports::{
    CommentRequest, Forge, ForgeCheck, ForgeError, ForgeErrorKind, ForgeIssue, ForgePr,
    LocalBoxFuture, PrRequest, PutPr, Wanted,
};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where the files lie, below the root.
const DIR: &str = ".codelicious/prs";
/// Largest file that is read back: a body and a lot of a person's own words.
const MAX_FILE: u64 = 1 << 20;

/// The forge of repositories without one.
#[derive(Clone, Debug)]
pub struct LocalForge {
    root: PathBuf,
}

/// A pull request as read from its file.
struct Stored {
    number: u64,
    text: String,
    front: Front,
    /// Everything below the front block, as it stands.
    rest: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Front {
    head: String,
    base: String,
    state: PrState,
    title: String,
    /// Lines of the block that are not ours.
    extra: Vec<String>,
}

impl LocalForge {
    /// What it is called.
    pub const NAME: &str = "local";

    /// A forge that keeps its files below `root`, the main worktree's root.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn dir(&self) -> PathBuf {
        self.root.join(DIR)
    }

    fn file(&self, number: u64) -> PathBuf {
        self.dir().join(format!("{number}.md"))
    }

    /// Numbers of the files that are there, ascending.
    fn numbers(&self) -> Result<Vec<u64>, ForgeError> {
        let dir = self.dir();
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(broken(FsError::new("read the folder", &dir, e))),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| broken(FsError::new("read the folder", &dir, e)))?;
            let name = entry.file_name();
            let stem = name.to_str().and_then(|n| n.strip_suffix(".md"));
            // `01.md` is somebody's own file: it would stand beside `1.md`.
            numbers.extend(stem.and_then(|s| s.parse::<u64>().ok().filter(|n| n.to_string() == s)));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn load(&self, number: u64) -> Result<Stored, ForgeError> {
        let path = self.file(number);
        let link =
            std::fs::symlink_metadata(&path).map_err(|e| broken(FsError::new("read", &path, e)))?;
        if !link.is_file() {
            return Err(malformed(
                &self.shown(number),
                0,
                "it is not a regular file",
            ));
        }
        let bytes = read_bounded(&path, MAX_FILE).map_err(broken)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| malformed(&self.shown(number), 0, "it is not UTF-8"))?;
        let (front, rest) =
            parse(&text).map_err(|(line, why)| malformed(&self.shown(number), line, &why))?;
        Ok(Stored {
            number,
            rest: rest.to_owned(),
            front,
            text,
        })
    }

    /// The lowest-numbered pull request for a head, and the highest number in use.
    ///
    /// A file that cannot be read stops only what it might be about: a head that no other file names.
    fn locate(&self, head: &str) -> Result<(Option<Stored>, u64), ForgeError> {
        let numbers = self.numbers()?;
        let last = numbers.last().copied().unwrap_or(0);
        let mut unread = None;
        for number in numbers {
            match self.load(number) {
                Ok(stored) if stored.front.head == head => return Ok((Some(stored), last)),
                Ok(_) => {}
                Err(e) => unread = unread.or(Some(e)),
            }
        }
        match unread {
            Some(error) => Err(error),
            None => Ok((None, last)),
        }
    }

    fn put_now(&self, request: &PrRequest) -> Result<ForgePr, ForgeError> {
        let (found, last) = self.locate(&request.head)?;
        crash::point(Point::ForgeFound)
            .map_err(|e| broken(FsError::new("read the folder", &self.dir(), e)))?;
        let Some(old) = found else {
            let front = Front {
                head: request.head.clone(),
                base: request.base.clone(),
                state: if request.ready {
                    PrState::Ready
                } else {
                    PrState::Draft
                },
                title: request.title.clone(),
                extra: Vec::new(),
            };
            let number = last
                .checked_add(1)
                .ok_or_else(|| malformed(&self.shown(last), 0, "its number is too large"))?;
            self.write(
                number,
                &compose(number, &front, &format!("\n{}", splice("", &request.body))),
            )?;
            return Ok(self.seen(number, &front));
        };
        let state = match old.front.state {
            // What is over is history: later work has a head of its own.
            PrState::Merged | PrState::Closed => return Ok(self.seen(old.number, &old.front)),
            // A person may have said ready before us; nobody takes that back but they.
            PrState::Ready => PrState::Ready,
            PrState::Draft if request.ready => PrState::Ready,
            PrState::Draft => PrState::Draft,
        };
        let front = Front {
            base: request.base.clone(),
            title: request.title.clone(),
            state,
            ..old.front
        };
        let text = compose(old.number, &front, &splice(&old.rest, &request.body));
        if text != old.text {
            self.write(old.number, &text)?;
        }
        Ok(self.seen(old.number, &front))
    }

    fn write(&self, number: u64, text: &str) -> Result<(), ForgeError> {
        let dir = self.dir();
        if std::fs::symlink_metadata(&dir).is_ok_and(|m| !m.is_dir()) {
            return Err(malformed(DIR, 0, "it is not a folder"));
        }
        if text.len() as u64 > MAX_FILE {
            return Err(malformed(
                &self.shown(number),
                0,
                "it would be larger than 1 MiB",
            ));
        }
        atomic::create_dir_all_durable(&dir).map_err(broken)?;
        atomic::write(&self.file(number), text.as_bytes()).map_err(broken)
    }

    fn shown(&self, number: u64) -> String {
        format!("{DIR}/{number}.md")
    }

    fn seen(&self, number: u64, front: &Front) -> ForgePr {
        ForgePr {
            number,
            url: self.shown(number),
            state: front.state,
            base: front.base.clone(),
        }
    }

    /// Path of the file behind an address this forge gave.
    pub fn path_of(&self, url: &str) -> PathBuf {
        self.root.join(Path::new(url))
    }
}

impl Forge for LocalForge {
    fn name(&self) -> &str {
        Self::NAME
    }

    /// Files need nobody's leave. Labels and reviewers are no part of them.
    fn check<'a>(
        &'a self,
        wanted: &'a Wanted,
    ) -> LocalBoxFuture<'a, Result<ForgeCheck, ForgeError>> {
        let mut check = ForgeCheck {
            repository: DIR.to_owned(),
            ..ForgeCheck::default()
        };
        if !wanted.labels.is_empty() || !wanted.reviewers.is_empty() {
            let note = "pull requests as files have no labels and no reviewers";
            check.notes.push(note.to_owned());
        }
        Box::pin(async move { Ok(check) })
    }

    fn find<'a>(
        &'a self,
        head: &'a str,
    ) -> LocalBoxFuture<'a, Result<Option<ForgePr>, ForgeError>> {
        Box::pin(async move {
            let (found, _) = self.locate(head)?;
            Ok(found.map(|s| self.seen(s.number, &s.front)))
        })
    }

    fn put<'a>(&'a self, request: &'a PrRequest) -> LocalBoxFuture<'a, Result<PutPr, ForgeError>> {
        Box::pin(async move {
            let pr = self.put_now(request)?;
            let notes = Vec::new();
            Ok(PutPr { pr, notes })
        })
    }

    fn issue(&self, number: u64) -> LocalBoxFuture<'_, Result<ForgeIssue, ForgeError>> {
        Box::pin(async move { Err(no_issues(&format!("issue {number} cannot be read"))) })
    }

    fn issues<'a>(
        &'a self,
        label: &'a str,
    ) -> LocalBoxFuture<'a, Result<Vec<ForgeIssue>, ForgeError>> {
        Box::pin(async move {
            Err(no_issues(&format!(
                "issues labelled `{label}` cannot be read"
            )))
        })
    }

    fn comment<'a>(
        &'a self,
        request: &'a CommentRequest,
    ) -> LocalBoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let what = format!("issue {} cannot be commented", request.issue);
            Err(no_issues(&what))
        })
    }

    fn file_url(&self, _branch: &str, _path: &str) -> Option<String> {
        None
    }
}

fn compose(number: u64, front: &Front, rest: &str) -> String {
    let text = |s: &str| serde_json::Value::from(s).to_string();
    let mut out = format!(
        "---\nnumber: {number}\nhead: {}\nbase: {}\nstate: {}\ntitle: {}\n",
        text(&front.head),
        text(&front.base),
        state_word(front.state),
        text(&front.title),
    );
    for line in &front.extra {
        out.push_str(line);
        out.push('\n');
    }
    out.push_str("---\n");
    out.push_str(rest);
    out
}

/// Reads a file; an error is a line number and what is wrong there.
fn parse(text: &str) -> Result<(Front, &str), (usize, String)> {
    let mut lines = text.split_inclusive('\n');
    let mut offset = 0;
    let opened = lines
        .next()
        .inspect(|l| offset += l.len())
        .is_some_and(|l| l.trim_end() == "---");
    if !opened {
        return Err((1, "the first line is not `---`".to_owned()));
    }
    let (mut head, mut base, mut state, mut title) = (None, None, None, None);
    let mut extra = Vec::new();
    for (at, line) in lines.enumerate() {
        offset += line.len();
        let number = at + 2;
        let line = line.trim_end();
        if line == "---" {
            let missing = |key: &str| (number, format!("`{key}:` is missing"));
            let front = Front {
                head: head.ok_or_else(|| missing("head"))?,
                base: base.ok_or_else(|| missing("base"))?,
                state: state.ok_or_else(|| missing("state"))?,
                title: title.ok_or_else(|| missing("title"))?,
                extra,
            };
            return Ok((front, &text[offset..]));
        }
        let value = |v: &str| {
            unquoted(v.trim()).ok_or_else(|| (number, "the quoted text is broken".to_owned()))
        };
        match line.split_once(':') {
            Some(("number", _)) => {}
            Some(("head", v)) => head = Some(value(v)?),
            Some(("base", v)) => base = Some(value(v)?),
            Some(("title", v)) => title = Some(value(v)?),
            Some(("state", v)) => {
                let word = value(v)?;
                let known = state_of(&word);
                state = Some(known.ok_or_else(|| {
                    (
                        number,
                        format!("the state is `{word}`, not draft, ready, merged or closed"),
                    )
                })?);
            }
            _ => extra.push(line.to_owned()),
        }
    }
    Err((
        text.lines().count(),
        "the closing `---` is missing".to_owned(),
    ))
}

/// A JSON string, or bare words as a person would type them.
fn unquoted(value: &str) -> Option<String> {
    if value.starts_with('"') {
        serde_json::from_str(value).ok()
    } else {
        Some(value.to_owned())
    }
}

fn state_word(state: PrState) -> &'static str {
    match state {
        PrState::Draft => "draft",
        PrState::Ready => "ready",
        PrState::Merged => "merged",
        PrState::Closed => "closed",
    }
}

fn state_of(word: &str) -> Option<PrState> {
    [
        PrState::Draft,
        PrState::Ready,
        PrState::Merged,
        PrState::Closed,
    ]
    .into_iter()
    .find(|s| state_word(*s) == word)
}

fn broken(error: FsError) -> ForgeError {
    ForgeError {
        kind: ForgeErrorKind::Refused,
        message: error.to_string(),
        remedy: String::new(),
    }
}

fn no_issues(what: &str) -> ForgeError {
    ForgeError {
        kind: ForgeErrorKind::Unsupported,
        message: format!("{what}: a repository without a forge has no issues"),
        remedy: "choose the forge with --platform".to_owned(),
    }
}

fn malformed(path: &str, line: usize, why: &str) -> ForgeError {
    let place = if line == 0 {
        path.to_owned()
    } else {
        format!("{path}:{line}")
    };
    ForgeError {
        kind: ForgeErrorKind::Refused,
        message: format!("{place}: {why}; repair the file or move it away"),
        remedy: String::new(),
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
