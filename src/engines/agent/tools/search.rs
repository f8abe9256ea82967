//! `search`: a bounded grep that honours git's ignore files.

use super::super::lane::{Lane, open_regular};
use super::files::is_binary;
use super::{Changed, Output, Search, Site, Stopped};
use crate::fsx::Beneath;
use crate::ports::StopSignal;
use ignore::WalkBuilder;
use ignore::overrides::{Override, OverrideBuilder};
use regex::bytes::{Regex, RegexBuilder};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Matching lines in one answer, and bytes of each.
const MAX_MATCHES: usize = 100;
const MAX_LINE: usize = 300;
/// Bytes of a file that is searched at all, and of all files together.
const MAX_FILE: u64 = 1 << 20;
const MAX_BYTES: u64 = 256 << 20;
/// Files looked at.
const MAX_FILES: usize = 50_000;

/// Searches on a thread of its own, so that a big tree does not hold up the run; a stop ends it, and so does the end of
/// the run's time.
pub(super) async fn search(
    site: &Site<'_>,
    request: Search,
    stop: &StopSignal,
) -> Result<Output, Stopped> {
    let query = match Query::new(&site.lane, &request) {
        Ok(query) => query,
        Err(why) => return Ok(Output::error(why)),
    };
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancelled);
    let mut stop = stop.clone();
    tokio::select! {
        biased;
        () = stop.raised() => {
            cancelled.store(true, Ordering::Relaxed);
            Err(Stopped)
        }
        () = tokio::time::sleep_until(site.deadline) => {
            cancelled.store(true, Ordering::Relaxed);
            Ok(Output::error("the search was ended: the time is up"))
        }
        found = tokio::task::spawn_blocking(move || query.run(&flag)) => {
            Ok(found.map_or_else(|e| Output::error(format!("the search broke off: {e}")), |f| f.output()))
        }
    }
}

/// A search that was checked.
struct Query {
    root: PathBuf,
    beneath: Beneath,
    /// Canonical; a file or a folder.
    target: PathBuf,
    pattern: Regex,
    glob: Option<Override>,
}

/// Whether a folder's ignore rules can be opened: the walk would wait at a pipe forever.
fn has_plain_rules(folder: &Path) -> bool {
    let rules = folder.join(".gitignore").metadata();
    rules.map_or(true, |meta| meta.is_file())
}

impl Query {
    fn new(lane: &Lane, request: &Search) -> Result<Self, String> {
        let target = match request.path.as_deref() {
            Some(path) => lane.existing(path).map_err(|e| e.to_string())?,
            None => lane.root().to_owned(),
        };
        let pattern = RegexBuilder::new(&request.pattern)
            .size_limit(1 << 20)
            .build()
            .map_err(|e| format!("the pattern is no regular expression: {e}"))?;
        let glob = match request.glob.as_deref() {
            Some(glob) => Some(
                matcher(lane.root(), glob).map_err(|e| format!("the glob cannot be read: {e}"))?,
            ),
            None => None,
        };
        // The walk's own root is not filtered.
        if !has_plain_rules(lane.root()) {
            return Err("`.gitignore` is no file; remove it".to_owned());
        }
        Ok(Self {
            root: lane.root().to_owned(),
            beneath: lane.beneath().clone(),
            target,
            pattern,
            glob,
        })
    }

    fn run(&self, cancelled: &AtomicBool) -> Found {
        let mut found = Found::default();
        for path in self.files() {
            if cancelled.load(Ordering::Relaxed) || found.is_full() {
                break;
            }
            let relative = path.strip_prefix(&self.root).unwrap_or(&path);
            let wanted = |glob: &Override| glob.matched(relative, false).is_whitelist();
            if self.glob.as_ref().is_none_or(wanted) {
                self.look(relative, &relative.to_string_lossy(), &mut found);
            }
        }
        found
    }

    /// The files below the target. The walk begins at the root, because that is where the ignore files
    /// are read from.
    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let target = self.target.clone();
        WalkBuilder::new(&self.root)
            .hidden(false)
            .ignore(false)
            // Nothing outside of the lane has a say: neither its parent folders nor the user's settings.
            .parents(false)
            .git_global(false)
            // Nor what stands in a folder of git's, which anybody in the lane can make: at a pipe it would wait forever.
            .git_exclude(false)
            .require_git(false)
            .filter_entry(move |entry| {
                let path = entry.path();
                let ours = entry.file_name() == ".git"
                    || (entry.depth() == 1 && entry.file_name() == ".codelicious");
                let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
                !ours
                    && (path.starts_with(&target) || target.starts_with(path))
                    && (!is_dir || has_plain_rules(path))
            })
            .sort_by_file_name(std::ffi::OsStr::cmp)
            .build()
            .flatten()
            .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
            .map(ignore::DirEntry::into_path)
    }

    fn look(&self, path: &Path, shown: &str, found: &mut Found) {
        found.files += 1;
        let mut bytes = Vec::new();
        let read = open_regular(&self.beneath, path, shown)
            .is_ok_and(|(file, _)| file.take(MAX_FILE + 1).read_to_end(&mut bytes).is_ok());
        found.bytes += bytes.len() as u64;
        if !read || bytes.len() as u64 > MAX_FILE {
            found.skipped += 1;
            return;
        }
        if is_binary(&bytes) {
            return;
        }
        for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if self.pattern.is_match(line) {
                if found.matches.len() == MAX_MATCHES {
                    found.more = true;
                    return;
                }
                let cut = &line[..line.len().min(MAX_LINE)];
                let mark = if cut.len() < line.len() { "…" } else { "" };
                let text = String::from_utf8_lossy(cut);
                let line = format!("{shown}:{}: {}{mark}", number + 1, text.trim_end());
                found.matches.push(line);
            }
        }
    }
}

fn matcher(root: &Path, glob: &str) -> Result<Override, ignore::Error> {
    OverrideBuilder::new(root).add(glob)?.build()
}

/// What a search found, within its bounds.
#[derive(Debug, Default)]
struct Found {
    matches: Vec<String>,
    files: usize,
    bytes: u64,
    /// Too large, or not to be read.
    skipped: usize,
    more: bool,
}

impl Found {
    fn is_full(&self) -> bool {
        self.more || self.is_exhausted()
    }

    fn is_exhausted(&self) -> bool {
        self.files >= MAX_FILES || self.bytes >= MAX_BYTES
    }

    fn output(self) -> Output {
        let exhausted = self.is_exhausted();
        let mut lines = self.matches;
        if lines.is_empty() {
            lines.push("[no line matches]".to_owned());
        }
        if self.more {
            lines.push(format!(
                "[more than {MAX_MATCHES} lines match; narrow the pattern, the path or the glob]"
            ));
        } else if exhausted {
            lines.push(format!(
                "[ended after {} files; narrow the path or the glob]",
                self.files
            ));
        }
        if self.skipped > 0 {
            lines.push(format!(
                "[{} files over {MAX_FILE} bytes or unreadable were not searched]",
                self.skipped
            ));
        }
        Output::ok(lines.join("\n"), Changed::No)
    }
}
