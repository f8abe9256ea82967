//! Whatever dies or fails, wherever: the next run comes to the same end.
//!
//! The walk takes every place that a run comes by (see `codelicious::crash`) and lets it die there, or fail, in
//! the first, a middle and the last chunk. What comes out after another run is compared, byte for byte where it
//! matters, with what a run comes to that nobody disturbs.

mod outcome;
mod storm;

use crate::support::{Ended, Repo, spec_of};
use outcome::{builds, check_clean, outcome};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const KILLED: i32 = 137;
/// Chunks of the story, and those in which the walk strikes.
const CHUNKS: usize = 6;
const STRIKES: [u32; 4] = [0, 1, 3, 6];

/// Six chunks in three pull requests, in a repository whose user has work of their own lying around. One
/// engine commits by itself, one is sent back by a check.
fn story() -> Repo {
    let repo = Repo::new();
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"sh check.sh\"]\n[pr]\nmax_commits = 2\n",
    );
    repo.write("staged.txt", "before\n");
    repo.git(&["add", "staged.txt", "codelicious.toml"]);
    repo.git(&["commit", "-qm", "A file"]);
    repo.git(&["push", "-q"]);
    repo.write("stashed.txt", "stashed\n");
    repo.git(&["stash", "-q", "-u"]);
    repo.write("README.md", "# Project\n\nedited, not staged\n");
    repo.write("new-staged.txt", "new\n");
    repo.git(&["add", "new-staged.txt"]);
    repo.write("notes.txt", "untracked notes\n");
    repo.write("ignored/cache.bin", [0u8, 1, 2, 255]);
    repo.write("specs/work.md", spec_of(CHUNKS, CHUNKS));
    let work = json!({"write": {"path": "work/{chunk}.txt", "text": "{title}"}});
    repo.fake(&json!({"rules": [
        {"chunk": "T002", "steps": [work, {"commit": "my own"}]},
        {"chunk": "T004", "fix": false, "steps": [work, {"write": {"path": "work/T004.bad", "text": "bad"}}]},
        {"chunk": "T004", "fix": true, "steps": [{"delete": "work/T004.bad"}]},
    ]}));
    repo
}

/// One way to be struck.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Strike {
    action: &'static str,
    place: String,
    chunks: u32,
    times: usize,
}

impl Strike {
    fn armed(&self) -> String {
        format!("{}@{}#{}", self.action, self.place, self.chunks)
    }
}

fn armed(repo: &Repo, crash: &str) -> Ended {
    repo.run_with(&CLAUDE, &[("CODELICIOUS_CRASH", crash)])
}

/// What an undisturbed run comes by, and what it comes to.
struct Straight {
    template: Repo,
    outcome: String,
    /// Places, with the numbers of chunks that were begun when the run came by.
    places: BTreeMap<String, BTreeSet<u32>>,
}

impl Straight {
    fn new(template: Repo) -> Self {
        let repo = template.copy();
        let trace = repo.sign("trace");
        armed(&repo, &format!("trace@{trace}")).expect(0);
        check_clean(&repo);
        let mut places: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for line in fs::read_to_string(trace).unwrap().lines() {
            let (place, chunks) = line.split_once('#').unwrap();
            places
                .entry(place.to_owned())
                .or_default()
                .insert(chunks.parse().unwrap());
        }
        assert_eq!(builds(&repo), CHUNKS);
        Self {
            outcome: outcome(&repo),
            template,
            places,
        }
    }

    /// Every strike that is to be tried.
    fn strikes(&self) -> Vec<Strike> {
        let mut strikes = BTreeSet::new();
        for (place, seen) in &self.places {
            let last = seen.last().copied().unwrap_or(0);
            // A number that the place was not seen at would strike where the next greater one does.
            let first_from = |n: u32| seen.range(n..).next().copied();
            let mut chosen: Vec<u32> = STRIKES.iter().filter_map(|n| first_from(*n)).collect();
            chosen.dedup();
            let middle = chosen.get(chosen.len() / 2).copied().unwrap_or(last);
            for chunks in chosen {
                for action in ["kill", "error", "full"] {
                    if !is_possible(action, place) {
                        continue;
                    }
                    for times in [1, 2] {
                        if times == 1 || chunks == middle {
                            strikes.insert(Strike {
                                action,
                                place: place.clone(),
                                chunks,
                                times,
                            });
                        }
                    }
                }
            }
        }
        strikes.into_iter().collect()
    }

    /// Strikes, goes on, and compares.
    fn try_out(&self, strike: &Strike) {
        let repo = self.template.copy();
        let users = repo.users_things();
        let mut struck = 0;
        for n in 1..=strike.times {
            let ended = armed(&repo, &strike.armed());
            struck += usize::from(check_struck(strike, &ended, n == 1));
            assert_eq!(repo.users_things(), users, "the user's things");
        }
        let ended = repo.run(&CLAUDE).expect(0);
        check_clean(&repo);
        let now = outcome(&repo);
        assert!(
            now == self.outcome,
            "it came to another end:\n{}\n--- stderr\n{}",
            first_difference(&self.outcome, &now),
            ended.stderr
        );
        let paid = builds(&repo);
        assert!(
            paid <= CHUNKS + struck,
            "{paid} builds for {CHUNKS} chunks and {struck} strikes: {:?}",
            repo.asked_for()
        );
    }
}

/// True for an action that can happen at the place.
fn is_possible(action: &str, place: &str) -> bool {
    use codelicious::crash::{Kind, Point};
    let name = place.split('/').next().unwrap_or(place);
    let kind = Point::ALL
        .iter()
        .find(|p| p.name() == name)
        .map_or(Kind::Step, |p| p.kind());
    match action {
        "kill" => true,
        "error" => kind != Kind::Moment,
        _ => kind == Kind::Disk,
    }
}

/// The run ended as the strike asks for; says whether it was struck.
#[track_caller]
fn check_struck(strike: &Strike, ended: &Ended, must: bool) -> bool {
    if strike.action == "kill" {
        assert!(
            ended.code == KILLED || (!must && ended.code == 0),
            "exit {}: {}",
            ended.code,
            ended.stderr
        );
        return ended.code == KILLED;
    }
    // What only people look at is not worth an end, and a remote that cannot be fetched is gone on without.
    let is_tolerated = matches!(
        (strike.place.as_str(), strike.chunks),
        ("event.half/home", _) | ("spawn.before/git", 0)
    );
    assert!(
        matches!(ended.code, 1 | 2) || (ended.code == 0 && (is_tolerated || !must)),
        "exit {}: {}",
        ended.code,
        ended.stderr
    );
    let says = match strike.action {
        "full" => "No space left on device",
        _ => "Input/output error",
    };
    assert!(
        ended.code == 0 || ended.stderr.contains(says),
        "it does not say why: {}",
        ended.stderr
    );
    ended.code != 0
}

fn first_difference(wanted: &str, found: &str) -> String {
    let (wanted, found): (Vec<&str>, Vec<&str>) =
        (wanted.lines().collect(), found.lines().collect());
    let at = (0..wanted.len().max(found.len()))
        .find(|i| wanted.get(*i) != found.get(*i))
        .unwrap_or(0);
    let near = |lines: &[&str]| {
        lines[at.saturating_sub(4).min(lines.len())..(at + 4).min(lines.len())].join("\n")
    };
    format!(
        "--- wanted, line {at}\n{}\n--- found\n{}",
        near(&wanted),
        near(&found)
    )
}

/// Runs `one` for every item on all processors; panics with every failure.
fn for_all<T: Sync + std::fmt::Debug>(items: &[T], one: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(e) = catch_unwind(AssertUnwindSafe(|| one(item))) {
                        let text = e
                            .downcast_ref::<String>()
                            .cloned()
                            .or_else(|| e.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                            .unwrap_or_default();
                        failures.lock().unwrap().push(format!("{item:?}: {text}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {} failed:\n\n{}",
        failures.len(),
        items.len(),
        failures.join("\n\n")
    );
}

#[test]
fn whatever_a_run_dies_or_fails_at_the_next_one_comes_to_the_same_end() {
    let straight = Straight::new(story());
    let mut strikes = straight.strikes();
    // One place, by name, for whoever looks into a failure.
    if let Ok(only) = std::env::var("WALK") {
        strikes.retain(|s| s.armed().contains(&only));
    }
    eprintln!(
        "{} places, {} strikes",
        straight.places.len(),
        strikes.len()
    );
    for_all(&strikes, |strike| straight.try_out(strike));
}
