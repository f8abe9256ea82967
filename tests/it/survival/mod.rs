//! Whatever dies or fails, wherever: the next run comes to the same end.
//!
//! The walk takes every place that a run comes by (see `codelicious::crash`) and lets it die there, or fail, in
//! the first, a middle and the last chunk. What comes out after another run is compared, byte for byte where it
//! matters, with what a run comes to that nobody disturbs.

mod elsewhere;
mod outcome;
mod page;
mod stories;
mod storm;

use crate::fake_forge::FakeForge;
use crate::support::{Ended, Repo, program};
use codelicious::crash::{Kind, Point};
use outcome::{builds, check_clean, outcome};
use page::Page;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const KILLED: i32 = 137;

/// A repository and the runs that build it to its end.
struct Story {
    name: &'static str,
    repo: Repo,
    /// The forge that its pull requests go to; None for files.
    forge: Option<&'static str>,
    phases: Vec<Phase>,
    /// What must hold at the end beside what is compared.
    check: fn(&Scene),
}

/// A repository of its own for one telling of a story, with the forge in front of its origin.
struct Scene {
    repo: Repo,
    forge: Option<FakeForge>,
}

impl Scene {
    fn of(story: &Story) -> Self {
        let repo = story.repo.copy();
        let forge = story.forge.map(|dialect| {
            let forge = FakeForge::start(&repo, dialect);
            stories::furnish(&forge);
            forge
        });
        Self { repo, forge }
    }

    fn run(&self, args: &[&str], more: &[(&str, &str)]) -> Ended {
        match &self.forge {
            Some(forge) => forge.run_with(&self.repo, args, more),
            None => self.repo.run_with(args, more),
        }
    }
}

impl std::ops::Deref for Scene {
    type Target = Repo;

    fn deref(&self) -> &Repo {
        &self.repo
    }
}

/// One run, and what happens before it.
struct Phase {
    before: fn(&Scene),
    args: &'static [&'static str],
    exit: i32,
    /// How it may end as well when it is done again.
    again: &'static [i32],
    /// Nothing in it is not in another story too: only places that are new are struck.
    is_plain: bool,
}

/// What a run looks at before an engine is paid changes nothing, and takes a third of its time: the stories with a
/// forge have it, the others leave it out.
const BUILD: &[&str] = &[
    "--engine",
    "claude",
    "--skip-auth-check",
    "--skip-credential-probe",
];

impl Phase {
    fn armed(&self, scene: &Scene, crash: &str) -> Ended {
        scene.run(self.args, &[("CODELICIOUS_CRASH", crash)])
    }

    #[track_caller]
    fn run(&self, scene: &Scene, is_again: bool) -> Ended {
        let ended = scene.run(self.args, &[]);
        if is_again && self.again.contains(&ended.code) {
            return ended;
        }
        ended.expect(self.exit)
    }
}

/// One way to be struck.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Strike {
    story: &'static str,
    phase: usize,
    action: &'static str,
    place: String,
    /// Chunks that the run must have begun before.
    chunks: u32,
    /// Runs in a row that are struck.
    times: usize,
}

impl Strike {
    fn armed(&self) -> String {
        format!("{}@{}#{}", self.action, self.place, self.chunks)
    }
}

/// How much is tried at a place.
#[derive(Clone, Copy)]
enum Force {
    None,
    OneKill,
    Full,
}

/// Which chunks are struck, and how often.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The first, a middle and the last one, and runs twice in a row.
    All,
    /// One of them, which differs from place to place and is the same every time. Every place is killed at; it fails in
    /// other ways at some places only, as what one story was struck at is tried in others.
    OneChunk,
}

/// Of the places that another story has struck already, so many are one strike.
const KNOWN_ONE_IN: usize = 6;
/// Of the places that can fail in one of the other ways, so many are one strike.
const FAILS_ONE_IN: usize = 3;

/// A number below `count` that the name decides.
fn one_of(name: &str, count: usize) -> usize {
    name.bytes().map(usize::from).sum::<usize>() % count
}

/// Places by phase, with the numbers of chunks that a run had begun when it came by.
type Places = BTreeMap<(usize, String), BTreeSet<u32>>;

/// What a story comes by when nobody disturbs it, and what it comes to.
struct Straight {
    story: Story,
    outcome: String,
    places: Places,
    /// Engine runs that it takes, fix turns not counted.
    builds: usize,
}

impl Straight {
    fn new(story: Story) -> Self {
        let repo = Scene::of(&story);
        let mut places = Places::new();
        for (n, phase) in story.phases.iter().enumerate() {
            (phase.before)(&repo);
            let trace = repo.sign(&format!("trace-{n}"));
            phase
                .armed(&repo, &format!("trace@{trace}"))
                .expect(phase.exit);
            for line in fs::read_to_string(trace).unwrap_or_default().lines() {
                let (place, chunks) = line.split_once('#').unwrap();
                places
                    .entry((n, place.to_owned()))
                    .or_default()
                    .insert(chunks.parse().unwrap());
            }
        }
        check_clean(&repo);
        (story.check)(&repo);
        Self {
            outcome: outcome(&repo, repo.forge.as_ref()),
            builds: builds(&repo),
            story,
            places,
        }
    }

    fn names(&self) -> BTreeSet<&str> {
        self.places
            .keys()
            .map(|(_, place)| place.as_str())
            .collect()
    }

    /// Every strike that is to be tried: at places that are not `known` from another story, in the first, a middle
    /// and the last chunk and with everything that can happen there, at others one kill.
    fn strikes(&self, known: &BTreeSet<&str>, extent: Extent) -> Vec<Strike> {
        let mut strikes = BTreeSet::new();
        for ((phase, place), seen) in &self.places {
            let most = seen.last().copied().unwrap_or(0);
            // A number that the place was not seen at would strike where the next greater one does.
            let first_from = |n: u32| seen.range(n..).next().copied();
            let wanted = [0, 1, most.div_ceil(2), most];
            let mut chosen: Vec<u32> = wanted.into_iter().filter_map(first_from).collect();
            chosen.sort_unstable();
            chosen.dedup();
            let middle = match extent {
                Extent::All => chosen[chosen.len() / 2],
                Extent::OneChunk => chosen[one_of(place, chosen.len())],
            };
            let force = self.force(known, *phase, place);
            let is_its_turn = match extent {
                Extent::All => true,
                Extent::OneChunk => one_of(&format!("{place}{phase}"), KNOWN_ONE_IN) == 0,
            };
            for chunks in chosen {
                for action in ["kill", "error", "full"] {
                    for times in [1, 2] {
                        let is_middle = chunks == middle;
                        let is_wanted = match (force, extent) {
                            (Force::None, _) => false,
                            (Force::OneKill, _) => {
                                action == "kill" && times == 1 && is_middle && is_its_turn
                            }
                            (Force::Full, Extent::All) => {
                                is_possible(action, place) && (times == 1 || is_middle)
                            }
                            (Force::Full, Extent::OneChunk) => {
                                let is_tried = action == "kill"
                                    || one_of(&format!("{action}{place}"), FAILS_ONE_IN) == 0;
                                is_tried && is_possible(action, place) && times == 1 && is_middle
                            }
                        };
                        if is_wanted {
                            strikes.insert(Strike {
                                story: self.story.name,
                                phase: *phase,
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

    /// What is tried at a place, given the places that earlier stories come by.
    fn force(&self, known: &BTreeSet<&str>, phase: usize, place: &str) -> Force {
        let mut effects = ["put_pr.", "comment.", "forge."].iter();
        match self.story.forge {
            None if !known.contains(place) => Force::Full,
            None if self.story.phases[phase].is_plain => Force::None,
            None => Force::OneKill,
            // What goes over the network is struck wherever it is met; forges differ in what they are asked.
            Some(_) if !effects.any(|effect| place.starts_with(effect)) => Force::None,
            Some(stories::FIRST_FORGE) => Force::Full,
            Some(_) => Force::OneKill,
        }
    }

    /// Strikes, goes on, and compares.
    fn try_out(&self, strike: &Strike, page: &Page) {
        let repo = Scene::of(&self.story);
        let mut struck = 0;
        let mut last = String::new();
        for (n, phase) in self.story.phases.iter().enumerate() {
            (phase.before)(&repo);
            if n == strike.phase {
                let users = repo.users_things();
                for time in 1..=strike.times {
                    let ended = phase.armed(&repo, &strike.armed());
                    struck += usize::from(check_struck(strike, phase, &ended, time == 1));
                    assert_eq!(repo.users_things(), users, "the user's things");
                }
            }
            last = phase.run(&repo, n == strike.phase).stderr;
        }
        check_kept(&repo, strike);
        check_clean(&repo);
        (self.story.check)(&repo);
        let now = outcome(&repo, repo.forge.as_ref());
        assert!(
            now == self.outcome,
            "it came to another end:\n{}\n--- stderr\n{last}",
            first_difference(&self.outcome, &now)
        );
        // An error gives the attempt back, and what fails by itself is tried again by every run.
        let is_kill = strike.action == "kill" && self.story.phases.len() == 1;
        let tries = if self.story.phases.len() > 1 { 2 } else { 1 };
        let cost = if is_kill {
            page.cost(&strike.place)
        } else {
            tries
        };
        let paid = builds(&repo);
        assert!(
            paid <= self.builds + cost * strike.times,
            "{paid} builds where {} do and {cost} more may be, {struck} strikes: {:?}",
            self.builds,
            repo.asked_for()
        );
    }
}

/// Where an engine's work lies in the lane and nowhere else.
const WORK_LIES_THERE: [&str; 6] = [
    "engine.ended",
    "engine.undone",
    "run_engine.after_effect",
    "verify.after_intent",
    "checks.ran",
    "verify.after_effect",
];

/// What an engine had done when its run was killed is kept.
#[track_caller]
fn check_kept(repo: &Repo, strike: &Strike) {
    let is_it = strike.action == "kill" && strike.story == "six chunks" && strike.chunks > 0;
    if !is_it || !WORK_LIES_THERE.contains(&strike.place.as_str()) {
        return;
    }
    let chunk = format!("T{:03}", strike.chunks);
    let below = format!("refs/codelicious/attempts/specs-work/{chunk}/1");
    let kept = repo.git(&["for-each-ref", "--format=%(refname)", &below]);
    assert_eq!(kept, below, "the attempt that was cut off");
    let files = repo.git(&["ls-tree", "-r", "--name-only", &kept]);
    assert!(files.contains(&format!("work/{chunk}.txt")), "{files}");
}

/// True for an action that can happen at the place.
fn is_possible(action: &str, place: &str) -> bool {
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
fn check_struck(strike: &Strike, phase: &Phase, ended: &Ended, must: bool) -> bool {
    // How often a text is written anew depends on which push was faster.
    let is_rewrite = ["forge.did/put-", "forge.did/patch-"]
        .iter()
        .any(|write| strike.place.starts_with(write));
    let is_past =
        (!must || is_rewrite) && (ended.code == phase.exit || phase.again.contains(&ended.code));
    if strike.action == "kill" {
        assert!(
            ended.code == KILLED || is_past,
            "exit {}: {}",
            ended.code,
            ended.stderr
        );
        return ended.code == KILLED;
    }
    // What only people look at is not worth an end, nor is what a cache lacks, and a remote that cannot be fetched is
    // gone on without.
    let is_tolerated = ended.code == phase.exit
        && (strike.place.ends_with("/cache")
            || matches!(
                (strike.place.as_str(), strike.chunks),
                ("event.half/home", _) | ("spawn.before/git", 0)
            ));
    if is_past || is_tolerated {
        return false;
    }
    let says = match strike.action {
        "full" => "No space left on device",
        _ => "Input/output error",
    };
    assert!(
        matches!(ended.code, 1 | 2) && ended.stderr.contains(says),
        "exit {}, and it does not say why: {}",
        ended.code,
        ended.stderr
    );
    true
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
    let stories: Vec<Straight> = stories::all().into_iter().map(Straight::new).collect();
    let only = std::env::var("WALK");
    let extent = match only {
        Ok(_) => Extent::All,
        Err(_) => Extent::OneChunk,
    };
    let mut strikes = Vec::new();
    let mut known = BTreeSet::new();
    for straight in &stories {
        strikes.extend(straight.strikes(&known, extent));
        known.extend(straight.names());
    }
    check_complete(&known);
    let page = Page::read();
    page.check(&known);
    // One place, by name, for whoever looks into a failure.
    if let Some(only) = only.ok().filter(|only| only != "all") {
        strikes.retain(|s| format!("{s:?} {}", s.armed()).contains(&only));
    }
    // What depends on who is faster shows when it is tried often.
    let times = std::env::var("WALK_TIMES")
        .ok()
        .and_then(|t| t.parse().ok());
    let strikes = vec![strikes; times.unwrap_or(1)].concat();
    eprintln!(
        "{} stories, {} places, {} strikes, {} runs",
        stories.len(),
        known.len(),
        strikes.len(),
        strikes
            .iter()
            .map(|s| s.times
                + stories
                    .iter()
                    .find(|t| t.story.name == s.story)
                    .map_or(0, |t| t.story.phases.len()))
            .sum::<usize>()
    );
    for_all(&strikes, |strike| {
        let straight = stories.iter().find(|s| s.story.name == strike.story);
        straight.expect("it is one of them").try_out(strike, &page);
    });
}

/// Every place that the code has is come by in some story, and every effect with all its surroundings: a new one
/// needs a story that reaches it.
#[track_caller]
fn check_complete(seen: &BTreeSet<&str>) {
    let mut missing: Vec<String> = Vec::new();
    for point in Point::ALL {
        let is_it = |name: &&str| name.split('/').next() == Some(point.name());
        if !seen.iter().any(is_it) {
            missing.push(point.name().to_owned());
        }
    }
    for effect in effects() {
        for around in ["after_intent", "after_effect", "after_record"] {
            let name = format!("{effect}.{around}");
            if !seen.contains(name.as_str()) {
                missing.push(name);
            }
        }
    }
    assert!(missing.is_empty(), "no story comes by {missing:?}");
}

/// Names of all effects, from the source of their type.
fn effects() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/model/effect.rs");
    let text = fs::read_to_string(path).unwrap();
    let (_, body) = text
        .split_once("pub fn name(&self) -> &'static str {")
        .unwrap();
    let (body, _) = body.split_once("\n    }\n").unwrap();
    let names = body.split('"').skip(1).step_by(2).map(str::to_owned);
    let names: Vec<String> = names.collect();
    assert!(names.contains(&"land".to_owned()), "{names:?}");
    names
}

#[test]
fn a_bug_ends_like_any_other_stop_and_the_next_run_goes_on() {
    let straight = Straight::new(stories::six_chunks());
    for place in ["run_engine.after_intent#3", "objects.made#3"] {
        let repo = Scene::of(&straight.story);
        let before = repo.users_things();
        let phase = &straight.story.phases[0];
        let ended = phase.armed(&repo, &format!("panic@{place}")).expect(70);
        assert!(ended.stderr.contains("as asked for at"), "{}", ended.stderr);
        let pages = repo.postmortems();
        assert!(pages.len() == 1 && pages[0].contains("a bug"), "{pages:#?}");
        assert_eq!(repo.users_things(), before);
        phase.run(&repo, true);
        check_clean(&repo);
        let now = outcome(&repo, None);
        assert!(
            now == straight.outcome,
            "{place}: {}",
            first_difference(&straight.outcome, &now)
        );
    }
}

/// A release build has no crash points. Looks at the module as a release build compiles it, and at the program that
/// `RELEASE_PROGRAM` names, or that stands beside the one under test, when it is not older than the sources.
#[test]
fn a_release_build_has_none_of_it() {
    let debug = program();
    let named = std::env::var_os("RELEASE_PROGRAM").map(std::path::PathBuf::from);
    let beside = debug.parent().and_then(std::path::Path::parent);
    let release = named.or_else(|| Some(beside?.join("release/codelicious")));
    let modified = |path: &std::path::Path| path.metadata().and_then(|m| m.modified()).ok();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/crash.rs");
    let release = release.filter(|r| modified(r) >= modified(source.as_ref()));
    let holds = |bytes: &[u8], text: &str| {
        let text = regex::bytes::Regex::new(&regex::escape(text)).unwrap();
        text.is_match(bytes)
    };
    let names = [
        "before_intent",
        "objects.synced",
        "lane.captured",
        "as asked for at",
    ];
    // The module by itself. What is armed needs a crate that is not there.
    let temp = tempfile::tempdir().unwrap();
    let (root, compiled) = (temp.path().join("root.rs"), temp.path().join("root.s"));
    let uses = "pub fn uses(p: crash::Point, at: &std::path::Path) {\n    \
                let _ = (crash::point(p), crash::file(p, at), crash::named(p, \"x\"));\n    \
                let _ = (crash::effect(\"land\", crash::Around::BeforeIntent), crash::half(p, at, b\"x\"));\n    \
                crash::chunk_begun();\n}\n";
    fs::write(
        &root,
        format!("#[path = {source:?}]\npub mod crash;\n{uses}"),
    )
    .unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let done = std::process::Command::new(rustc)
        .args([
            "--edition=2024",
            "--crate-type=lib",
            "--emit=asm",
            "-Cdebug-assertions=off",
            "-o",
        ])
        .args([&compiled, &root])
        .output()
        .expect("rustc starts");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let compiled = fs::read(compiled).unwrap();
    assert!(holds(&compiled, "uses"));
    for name in names {
        assert!(!holds(&compiled, name), "{name} is in a release build");
    }
    let Some(release) = release else {
        eprintln!(
            "SKIPPED: a whole release build: there is none newer than src/crash.rs; `cargo build --release` makes one"
        );
        return;
    };
    let (debug, release) = (fs::read(debug).unwrap(), fs::read(release).unwrap());
    for name in names.into_iter().chain(["CODELICIOUS_CRASH"]) {
        assert!(
            holds(&debug, name),
            "{name} is not in the debug build: look for another"
        );
        assert!(!holds(&release, name), "{name} is in the release build");
    }
}
