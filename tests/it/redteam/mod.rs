//! Escape attempts on the machine, through the program's own way in: `codelicious sandbox run`.
//!
//! A row is an attempt and its legitimate twin, which is the same kind of act on what is one's own. Whether an attempt
//! succeeded is seen from outside: a secret that was said, a file that changed, a listener that heard something, a
//! process that ended. Inside the wall it must not succeed while its twin works; without a wall the same line must
//! succeed, because an attempt that fails for another reason proves nothing.
//!
//! Every row runs as whoever runs the tests and, where that is root, as an unprivileged user too.

mod calls;
mod ears;
mod network;
mod processes;
mod reading;
mod repository;
mod resources;
mod world;
mod writing;

use codelicious::model::policy::Abilities;
use std::fs::File;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use world::{Template, User};

/// One attempt to get out, and its twin. Lines are for `sh`; [`world::World::fill`] says what stands in braces.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    pub name: &'static str,
    pub attack: &'static str,
    /// Ends with 0 when it worked.
    pub twin: &'static str,
    pub sign: Sign,
    pub free: Free,
    /// None: the presets take turns.
    pub preset: Option<&'static str>,
    pub needs: &'static [Need],
    /// Added to the user's own configuration.
    pub settings: &'static str,
    pub place: Place,
    /// Started in a terminal.
    pub terminal: bool,
    /// Not beside other rows.
    pub alone: bool,
    /// The attempt is expected to end the whole run: its twin has one of its own.
    pub apart: bool,
}

/// How it is seen from outside that an attempt succeeded.
#[derive(Clone, Copy, Debug)]
pub enum Sign {
    /// It says this.
    Says(&'static str),
    /// This file or folder is not as it was.
    Changes(&'static str),
    /// A listener outside heard `leak`.
    Heard,
    /// The bystander was ended, stopped or limited.
    Harms,
    /// A process with the row's tag in its command line lives on when the program has ended.
    Outlives,
    /// The program that put up the wall was ended.
    EndsProgram,
}

/// Whether the attempt succeeds where there is no wall.
#[derive(Clone, Copy, Debug)]
pub enum Free {
    /// It must.
    Works,
    /// It must for root with all rights; others are held by permissions as well.
    ForRoot,
    /// It must where a process may attach to others of its user's, which some kernels keep to its own children.
    Attaching,
    /// That depends on the machine: tried and counted.
    Perhaps,
    /// Not to be tried, and why.
    Never(&'static str),
}

/// The folder that the command runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A worktree of the repository.
    Lane,
    /// The user's own worktree.
    Main,
}

/// What a row needs of the machine.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    Program(&'static str),
    Landlock(u32),
    /// Namespaces for the network and for mounts.
    Namespaces,
    /// Bounds on everything together.
    ControlGroup,
    /// Bounds on the number of processes: a control group, or a user namespace of anybody's but root.
    ProcessBounds,
    /// Root: others are held by permissions alone.
    Root,
    /// Files of another user's, which only root can make, on a file system where they may run as who owns them.
    OthersFiles,
    /// A loopback address of version 6.
    Version6,
    /// The instructions of x86-64.
    X86,
    /// An address of this machine beside the loopback's.
    Address,
}

pub const PYTHON: &[Need] = &[Need::Program("python3")];

/// A row with nothing special.
pub const fn row(
    name: &'static str,
    sign: Sign,
    attack: &'static str,
    twin: &'static str,
) -> Attempt {
    Attempt {
        name,
        attack,
        twin,
        sign,
        free: Free::Works,
        preset: None,
        needs: &[],
        settings: "",
        place: Place::Lane,
        terminal: false,
        alone: false,
        apart: false,
    }
}

impl Attempt {
    pub const fn free(mut self, free: Free) -> Self {
        self.free = free;
        self
    }

    pub const fn preset(mut self, preset: &'static str) -> Self {
        self.preset = Some(preset);
        self
    }

    pub const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    pub const fn settings(mut self, settings: &'static str) -> Self {
        self.settings = settings;
        self
    }

    pub const fn in_main(mut self) -> Self {
        self.place = Place::Main;
        self
    }

    pub const fn in_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    pub const fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    pub const fn apart(mut self) -> Self {
        self.apart = true;
        self
    }
}

/// What became of the rows.
#[derive(Debug, Default)]
pub struct Tally {
    pub attempts: usize,
    /// Attempts that got out. None may.
    pub successes: Vec<String>,
    pub twins: usize,
    /// Twins that did not work. All must.
    pub broken: Vec<String>,
    /// Attempts that succeeded without a wall.
    pub real: usize,
    /// Those that had to and did not.
    pub vacuous: Vec<String>,
    /// Not tried without a wall, or held by something else too.
    pub unproven: Vec<String>,
    pub skipped: Vec<String>,
}

impl Tally {
    /// Takes what became of one row: `escaped` and `worked` inside, `free` without a wall where that was tried.
    fn add(&mut self, row: &Seen) {
        let Seen {
            name,
            escaped,
            worked,
            free,
            must,
            said,
        } = row;
        self.attempts += 1;
        if *escaped {
            self.successes.push(format!("{name}\n{said}"));
        }
        match worked {
            true => self.twins += 1,
            false => self.broken.push(format!("{name}\n{said}")),
        }
        match (free, must) {
            (Ok(_), _) => self.real += 1,
            (Err(why), true) => self.vacuous.push(format!("{name}: {why}")),
            (Err(why), false) => self.unproven.push(format!("{name}: {why}")),
        }
    }

    /// `rows`: how many there are in all, where all were to run.
    fn check(&self, who: &str, rows: Option<usize>) {
        let list = |title: &str, of: &[String]| match of {
            [] => String::new(),
            of => format!("\n{title}:\n  {}", of.join("\n  ")),
        };
        let text = format!(
            "red team as {who}: {} attempts, {} successes; {} twins worked, {} did not; {} succeeded without a wall; {} skipped{}{}{}{}{}",
            self.attempts,
            self.successes.len(),
            self.twins,
            self.broken.len(),
            self.real,
            self.skipped.len(),
            list("SKIPPED", &self.skipped),
            list(
                "held by more than the wall, or not to be tried without",
                &self.unproven
            ),
            list("GOT OUT", &self.successes),
            list("TWIN BROKEN", &self.broken),
            list(
                "VACUOUS: does not succeed without a wall either",
                &self.vacuous
            ),
        );
        eprintln!("{text}");
        let bad = self.successes.len() + self.broken.len() + self.vacuous.len();
        assert_eq!(bad, 0, "{text}");
        if let Some(rows) = rows {
            let seen = self.attempts + self.skipped.len();
            assert_eq!(seen, rows, "rows that nobody accounts for: {text}");
            assert!(rows >= LEAST, "rows went missing: {text}");
        }
    }
}

/// What was seen of a row.
pub struct Seen {
    pub name: String,
    pub escaped: bool,
    pub worked: bool,
    /// Succeeded without a wall, or why that is not known.
    pub free: Result<(), String>,
    /// It had to.
    pub must: bool,
    pub said: String,
}

const GROUPS: &[(&str, &[Attempt])] = &[
    ("reading", reading::ROWS),
    ("writing", writing::ROWS),
    ("repository", repository::ROWS),
    ("network", network::ROWS),
    ("processes", processes::ROWS),
    ("resources", resources::ROWS),
];

/// Says that something is not to be had here; fails where `REDTEAM=must` says that it is.
#[track_caller]
pub fn lack(what: &str) {
    let must = std::env::var("REDTEAM").is_ok_and(|word| word == "must");
    assert!(!must, "{what}, and REDTEAM=must");
    eprintln!("SKIPPED: {what}");
}

/// Rows at the same time.
const WORKERS: usize = 6;
/// Rows of the table. One that is taken away is taken away here as well.
const LEAST: usize = 305;

#[test]
fn nothing_gets_out_as_whoever_runs_the_tests() {
    run(User::Own);
}

#[test]
fn nothing_gets_out_as_an_unprivileged_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user; the other test runs unprivileged");
        return;
    }
    run(User::Nobody);
}

fn run(user: User) {
    let only = std::env::var("REDTEAM_ONLY").unwrap_or_default();
    let template = Template::new(user);
    let abilities = template.abilities();
    if abilities.landlock == 0 || !abilities.seccomp {
        lack(&format!("no sandbox here: {:?}", abilities.lacking));
        return;
    }
    let presets = match template.presets() {
        Ok(presets) => presets,
        Err(said) => {
            lack(&format!("nothing runs in the sandbox here: {said}"));
            return;
        }
    };
    let here = Here { abilities, presets };
    let tally = Mutex::new(Tally::default());
    let names = GROUPS
        .iter()
        .flat_map(|(group, rows)| rows.iter().map(move |row| (*group, row)));
    let rows: Vec<(usize, &str, &Attempt)> = names
        .enumerate()
        .map(|(number, (group, row))| (number, group, row))
        .filter(|(_, group, row)| format!("{group}: {}", row.name).contains(&only))
        .collect();
    let next = AtomicUsize::new(0);
    let beside: Vec<_> = rows.iter().filter(|(_, _, row)| !row.alone).collect();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((number, group, row)) =
                    beside.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    one(&template, &here, *number, group, row, &tally);
                }
            });
        }
    });
    // What one row frees hides what another takes, and the other table runs at the same time.
    let turn = File::open(std::env::current_exe().unwrap()).unwrap();
    for (number, group, row) in rows.iter().filter(|(_, _, row)| row.alone) {
        turn.lock().unwrap();
        one(&template, &here, *number, group, row, &tally);
        turn.unlock().unwrap();
    }
    if only.is_empty() || only == "calls" {
        calls::run(&template, &tally);
    }
    let tally = tally.into_inner().unwrap();
    let all = GROUPS.iter().map(|(_, rows)| rows.len()).sum::<usize>() + calls::HOW_MANY;
    tally.check(template.who(), only.is_empty().then_some(all));
}

/// What can be had here.
struct Here {
    abilities: Abilities,
    presets: Vec<&'static str>,
}

fn one(
    template: &Template,
    here: &Here,
    number: usize,
    group: &str,
    row: &Attempt,
    tally: &Mutex<Tally>,
) {
    let name = format!("{group}: {}", row.name);
    let Here { abilities, presets } = here;
    let turn = presets[(number + template.turn()) % presets.len()];
    let preset = row.preset.unwrap_or(turn);
    let lacks = |need: &Need| template.lacks(abilities, need);
    let absent = (!presets.contains(&preset)).then(|| format!("there is no wall of {preset}"));
    if let Some(why) = absent.or_else(|| row.needs.iter().find_map(lacks)) {
        let mut tally = tally.lock().unwrap();
        tally.skipped.push(format!("{name}: {why}"));
        return;
    }
    let world = template.world(number, row);
    let seen = world.judge(&format!("{name} ({preset})"), row, preset);
    tally.lock().unwrap().add(&seen);
}
