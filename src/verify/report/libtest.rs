//! `cargo test`: cargo's lines on stderr, the test programs' on stdout.

use super::collect::{Collect, failure};
use super::compilers::Rustc;
use super::kind::kind_or;
use super::traces::{Panic, cut};
use super::{Lines, Read, Redness};
use crate::model::TestStatus;
use std::collections::BTreeMap;

/// One `running N tests` with what followed.
#[derive(Debug, Default)]
struct Block {
    announced: usize,
    seen: usize,
    ended: bool,
    /// The target that was announced last when it began.
    target: Option<usize>,
}

/// A test of a block, until the block's target is known.
type Key = (usize, String);

/// Sections below `failures:` and `successes:`.
#[derive(Debug, Default)]
enum Section {
    #[default]
    None,
    /// A test's output.
    Output(String, Panic),
    /// The output of a test that passed.
    Success,
    /// The list of names that closes `failures:`.
    Names,
}

#[derive(Debug, Default)]
pub struct Libtest {
    out: Collect,
    rustc: Rustc,
    targets: Vec<String>,
    blocks: Vec<Block>,
    results: BTreeMap<Key, TestStatus>,
    /// Documentation tests by item and line: several of an item are numbered.
    told: Vec<(Key, Panic)>,
    section: Section,
    succeeding: bool,
    /// `test x ... ` whose result comes later, and the last line since.
    pending: Option<(String, String)>,
    /// More than is kept: then no list is given.
    overflow: bool,
}

const MAX_RESULTS: usize = 100_000;
const MAX_TARGETS: usize = 10_000;

impl Lines for Libtest {
    fn line(&mut self, line: &str) {
        if let Some(target) = target(line) {
            self.rustc.close(None, &mut self.out);
            if self.targets.len() < MAX_TARGETS {
                self.targets.push(target);
            }
            return;
        }
        if let Some(count) = running(line) {
            self.end_block(false);
            if self.blocks.len() < MAX_TARGETS {
                self.blocks.push(Block {
                    announced: count,
                    target: self.targets.len().checked_sub(1),
                    ..Block::default()
                });
            }
            return;
        }
        if line.starts_with("test result: ") {
            self.end_block(true);
            return;
        }
        // Cargo's own words may fall anywhere among the test programs'.
        let cargo = line
            .strip_prefix("error: ")
            .is_some_and(|l| l.ends_with(" failed:") || l.contains(" failed, to rerun pass "));
        let told = !matches!(self.section, Section::None) || self.pending.is_some();
        if cargo || line == "Caused by:" || (told && builds(line)) {
            return;
        }
        if self.died(line) || self.heading(line) {
            return;
        }
        match &mut self.section {
            Section::Output(_, panic) => panic.line(line),
            Section::Success => {}
            Section::Names => {
                // Cargo lists targets that failed in the same way, but quotes them.
                if let Some(name) = line.strip_prefix("    ").filter(|n| !n.starts_with('`')) {
                    let name = bare(name.trim_end()).to_owned();
                    self.result(&name, TestStatus::Failed, false);
                }
            }
            Section::None => self.plain(line),
        }
    }

    fn finish(mut self: Box<Self>) -> Read {
        self.end_block(false);
        self.rustc.close(None, &mut self.out);
        let certain = !self.blocks.is_empty();
        let all_named = !self.overflow
            && self
                .blocks
                .iter()
                .all(|b| !b.ended || b.seen >= b.announced);
        self.out.nothing = certain && self.blocks.iter().all(|b| b.announced == 0);
        // Cargo and the test programs write to two pipes: as long as each target has one block, their order
        // tells which is which, whatever came through first.
        let paired = self.targets.len() == self.blocks.len();
        let targets: Vec<String> = self
            .blocks
            .iter()
            .enumerate()
            .map(|(i, b)| {
                let index = if paired { Some(i) } else { b.target };
                index
                    .and_then(|i| self.targets.get(i))
                    .cloned()
                    .unwrap_or_default()
            })
            .collect();
        let names = full_names(self.results.keys(), &targets);
        for (key, status) in &self.results {
            self.out.test(&names[key], *status);
        }
        for (key, panic) in std::mem::take(&mut self.told) {
            let (place, message) = panic.finish();
            let Some(name) = names.get(&key) else {
                continue;
            };
            if self.results.get(&key) == Some(&TestStatus::Failed) {
                let kind = kind_or(&message, Redness::Crash);
                self.out.fail(failure(Some(name), place, &message, kind));
            }
        }
        Read {
            report: self.out.finish(all_named),
            certain,
        }
    }
}

impl Libtest {
    /// Headings of sections, which end one another.
    fn heading(&mut self, line: &str) -> bool {
        let named = line
            .strip_prefix("---- ")
            .and_then(|r| r.strip_suffix(" ----"))
            .and_then(|r| {
                r.strip_suffix(" stdout")
                    .or_else(|| r.strip_suffix(" stderr"))
            });
        if let Some(name) = named {
            self.close_section();
            self.section = if self.succeeding {
                Section::Success
            } else {
                Section::Output(bare(name).to_owned(), Panic::default())
            };
            return true;
        }
        match line {
            "failures:" => {
                self.resolve_pending();
                self.close_section();
                self.succeeding = false;
                self.section = Section::Names;
            }
            "successes:" => {
                self.resolve_pending();
                self.close_section();
                self.succeeding = true;
                self.section = Section::Success;
            }
            _ => return false,
        }
        true
    }

    /// A line outside of sections.
    fn plain(&mut self, line: &str) {
        if let Some(name) = line.strip_suffix(" --- FAILED") {
            // `--quiet` names only these.
            let name = bare(name).to_owned();
            self.result(&name, TestStatus::Failed, true);
            return;
        }
        let started = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "));
        if let Some((name, rest)) = started {
            self.resolve_pending();
            let name = bare(name).to_owned();
            match word(rest) {
                Some(status) => self.result(&name, status, true),
                None => self.pending = Some((name, cut(rest, 200).to_owned())),
            }
            return;
        }
        if let Some((name, last)) = &mut self.pending {
            if let Some(status) = word(line) {
                let name = name.clone();
                self.pending = None;
                self.result(&name, status, true);
            } else if !line.is_empty() {
                cut(line, 200).clone_into(last);
                let key = (self.blocks.len().saturating_sub(1), name.clone());
                if line.starts_with("thread '") && line.contains(" panicked at ") {
                    let mut panic = Panic::default();
                    panic.line(line);
                    self.tell(key, panic);
                } else if let Some((told, panic)) = self.told.last_mut()
                    && *told == key
                {
                    panic.line(line);
                }
            }
            return;
        }
        self.rustc.line(line, &mut self.out);
    }

    /// A test program that ended by a signal: cargo says so.
    fn died(&mut self, line: &str) -> bool {
        let Some((_, why)) = line
            .trim_start()
            .strip_prefix("process didn't exit successfully: ")
            .and_then(|rest| rest.rsplit_once(" (signal: "))
        else {
            return false;
        };
        let target = self.targets.last().cloned();
        let why = why.trim_end_matches(')');
        let message = format!("the test program ended by signal {why}");
        let place = target.map(|t| (t, None));
        self.out
            .broken(failure(None, place, &message, Redness::Crash));
        true
    }

    /// What `test x ... ` came to, where the test's own output ate the line end.
    fn resolve_pending(&mut self) {
        if let Some((name, last)) = self.pending.take() {
            if last.ends_with("FAILED") {
                self.result(&name, TestStatus::Failed, true);
            } else if last.ends_with("ok") {
                self.result(&name, TestStatus::Passed, true);
            }
        }
    }

    fn end_block(&mut self, ended: bool) {
        if !ended && let Some((name, last)) = self.pending.take() {
            // The program died in it.
            let status = if last.ends_with("ok") {
                TestStatus::Passed
            } else {
                TestStatus::Failed
            };
            self.result(&name, status, true);
        }
        self.resolve_pending();
        self.close_section();
        self.succeeding = false;
        if let Some(block) = self.blocks.last_mut().filter(|_| ended) {
            block.ended = true;
        }
    }

    fn close_section(&mut self) {
        if let Section::Output(name, panic) = std::mem::take(&mut self.section) {
            let key = (self.blocks.len().saturating_sub(1), name);
            self.tell(key, panic);
        }
    }

    fn tell(&mut self, key: Key, panic: Panic) {
        if self.told.len() < super::collect::MAX_FAILURES {
            self.told.push((key, panic));
        }
    }

    fn result(&mut self, name: &str, status: TestStatus, counts: bool) {
        if name.is_empty() || self.results.len() >= MAX_RESULTS {
            self.overflow |= !name.is_empty();
            return;
        }
        if let Some(block) = self.blocks.last_mut().filter(|_| counts) {
            block.seen += 1;
        }
        let key = (
            self.blocks.len().saturating_sub(1),
            cut(name, 1_000).to_owned(),
        );
        let kept = self.results.entry(key).or_insert(status);
        if status == TestStatus::Failed {
            *kept = status;
        }
    }
}

/// What cargo says before it runs anything, aligned to the right of twelve columns.
fn builds(line: &str) -> bool {
    line.starts_with("   Compiling ") || line.starts_with("    Finished ")
}

/// `     Running unittests src/lib.rs (target/debug/deps/small-d0cd676913dc3413)`, `   Doc-tests small`.
fn target(line: &str) -> Option<String> {
    let text = line.trim_start();
    if let Some(name) = text
        .strip_prefix("Doc-tests ")
        .filter(|_| line.starts_with("   "))
    {
        return Some(format!("doc {name}"));
    }
    let rest = text
        .strip_prefix("Running ")
        .filter(|_| line.starts_with("  "))?;
    let (what, program) = match rest.rsplit_once(" (") {
        Some((what, program)) => (what, program.strip_suffix(')')?),
        // Older cargos name the program only.
        None => ("", rest),
    };
    let file = program.rsplit(['/', '\\']).next().unwrap_or(program);
    let stem = file.rsplit_once('-').map_or(file, |(stem, _)| stem);
    let path = what.replace('\\', "/");
    Some(match path.strip_prefix("unittests") {
        Some(source) if source.trim().is_empty() => stem.to_owned(),
        Some(source) => format!("{}::{stem}", source.trim()),
        None if path.is_empty() => stem.to_owned(),
        None => path,
    })
}

fn running(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("running ")?;
    let count = rest
        .strip_suffix(" tests")
        .or_else(|| rest.strip_suffix(" test"))?;
    count.parse().ok()
}

/// A result as libtest prints it, alone or at the end of its line.
fn word(rest: &str) -> Option<TestStatus> {
    let rest = match rest.rsplit_once(" <") {
        // `--report-time`.
        Some((before, time)) if time.ends_with("s>") => before,
        _ => rest,
    };
    match rest {
        "ok" => Some(TestStatus::Passed),
        "FAILED" | "FAILED (time limit exceeded)" => Some(TestStatus::Failed),
        "ignored" => Some(TestStatus::Skipped),
        _ if rest.starts_with("ignored, ") => Some(TestStatus::Skipped),
        _ if rest.starts_with("bench: ") => Some(TestStatus::Passed),
        _ => None,
    }
}

/// A name without what libtest appends to it.
fn bare(name: &str) -> &str {
    let ends = [" - should panic", " - compile fail", " - compile"];
    ends.iter()
        .find_map(|e| name.strip_suffix(e))
        .unwrap_or(name)
}

/// Names with their targets. Documentation tests lose their lines: the ones of an item are numbered in order.
fn full_names<'k>(
    keys: impl Iterator<Item = &'k Key>,
    targets: &[String],
) -> BTreeMap<Key, String> {
    let mut names = BTreeMap::new();
    let mut documented: BTreeMap<(usize, String), Vec<(u32, Key)>> = BTreeMap::new();
    for key in keys {
        let target = targets.get(key.0).map_or("", String::as_str);
        let line = key
            .1
            .strip_suffix(')')
            .and_then(|n| n.rsplit_once(" (line "))
            .and_then(|(item, line)| Some((item, line.parse::<u32>().ok()?)));
        if let Some((item, line)) = line {
            documented
                .entry((key.0, item.to_owned()))
                .or_default()
                .push((line, key.clone()));
        } else if target.is_empty() {
            names.insert(key.clone(), key.1.clone());
        } else {
            names.insert(key.clone(), format!("{target}::{}", key.1));
        }
    }
    for ((block, item), mut found) in documented {
        found.sort();
        let target = targets.get(block).map_or("", String::as_str);
        let prefix = if target.is_empty() { "doc" } else { target };
        for (i, (_, key)) in found.into_iter().enumerate() {
            let number = if i == 0 {
                String::new()
            } else {
                format!(" #{}", i + 1)
            };
            names.insert(key, format!("{prefix}::{item}{number}"));
        }
    }
    names
}
