//! Escape attempts through whole runs: what an engine, a file that it wrote, a repository or a model's words try while
//! `codelicious .` builds. Each attempt is a row: what is done, what must be unharmed, and the honest twin that works.
//!
//! An attempt leaves a sign that it was made. Where only the operating system's wall stands against it, the same row is
//! run once more without a wall, where it has to succeed: an attempt that fails for another reason is no proof.

mod agents;
mod around;
mod bombs;
mod carried;
mod chat;
mod git;
mod left;
mod secrets;
mod text;
mod world;

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
pub use world::{Who, World};

/// A row: something that an engine does in its chunk, or makes the checks do.
#[derive(Clone, Copy)]
pub struct Attempt {
    pub name: &'static str,
    /// What the engine writes, by path in the lane. Texts: see [`filled`].
    pub files: &'static [(&'static str, &'static str)],
    /// What the engine runs in the lane.
    pub runs: &'static str,
    /// The repository's own check of the chunk, which stands at the base. It passes when the honest half was done.
    pub check: &'static str,
    /// Programs, and modules of Python as `python:NAME`, without which there is nothing to attempt.
    pub needs: &'static [&'static str],
    /// An honest line in the lane that has to work there as well, before the attempt.
    pub twin: &'static str,
    /// Its sign is its own: it is made after the engine, or it has to find something first.
    pub is_later: bool,
    /// Why it starts nothing where there is no wall either; empty where it does.
    pub inert: &'static str,
}

impl Attempt {
    const NONE: Self = Self {
        name: "",
        files: &[],
        runs: "",
        check: "",
        needs: &[],
        twin: "",
        is_later: false,
        inert: "",
    };
}

/// What the lines of rows may name; what they say of their failures is of no interest.
const NAMES: &str = "exec 2>/dev/null; mkdir -p ignored; A=\"sh $PWD/attack.sh {name}\"; C=$(git rev-parse --path-format=absolute --git-common-dir); G=$(git rev-parse --absolute-git-dir)\n";

/// Puts in what a row names: `{attack}` is the attack in a shell, from a folder `c/<name>`, `{here}` the same from the
/// lane's root; `{name}` is the row's name, `{home}`, `{project}` and `{out}` are folders.
fn filled(text: &str, name: &str, world: &World) -> String {
    text.replace("{attack}", &format!("sh ../../attack.sh {name}"))
        .replace("{here}", &format!("sh attack.sh {name}"))
        .replace("{evil}", git::EVIL)
        .replace("{asks}", &world.asks.to_string())
        .replace("{name}", name)
        .replace("{home}", &world.at("home"))
        .replace("{project}", &world.repo.root.display().to_string())
        .replace("{out}", &world.at("out"))
        .replace("{program}", &world.program.display().to_string())
}

/// How a group ended.
#[derive(Default)]
pub struct Tally {
    pub attempts: usize,
    pub successes: Vec<String>,
    pub twins: usize,
    pub skipped: Vec<&'static str>,
    /// How many there are in all, where that is known.
    pub rows: Option<usize>,
    /// Twins that do not work.
    pub broken: Vec<String>,
}

impl Tally {
    /// Says the counts; panics when one succeeded, or when a twin did not work.
    #[track_caller]
    pub fn settle(&self, group: &str) {
        let mut line = format!(
            "red team, runs, {group}: {} attempts, {} successes, {} twins work",
            self.attempts,
            self.successes.len(),
            self.twins
        );
        if !self.skipped.is_empty() {
            let _ = write!(line, "; SKIPPED: {}", self.skipped.join(", "));
        }
        eprintln!("{line}");
        assert!(
            self.successes.is_empty(),
            "{group}: {}\ntwins that do not work: {:?}",
            self.successes.join("\n"),
            self.broken
        );
        assert!(self.attempts > 0, "{group}: nothing was attempted");
        if let Some(rows) = self.rows {
            let seen = self.attempts + self.skipped.len();
            assert_eq!(seen, rows, "{group}: rows that nobody accounts for");
        }
        assert!(
            self.broken.is_empty() && self.twins == self.attempts,
            "{group}: twins that do not work: {:?}",
            self.broken
        );
    }

    /// One more row, judged in another way than by [`played`].
    pub fn row(&mut self, name: &str, harm: Option<String>, twin: bool) {
        self.attempts += 1;
        if let Some(harm) = harm {
            self.successes.push(format!("{name}: {harm}"));
        }
        match twin {
            true => self.twins += 1,
            false => self.broken.push(name.to_owned()),
        }
    }
}

/// Whether rows are to be stopped, or shown to be attempts at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wall {
    On,
    /// No wall: they must succeed.
    Off,
}

/// Builds one chunk for each row with an engine that makes the attempt, and judges what came of it. None where this
/// machine has no wall.
pub fn played(rows: &[Attempt], who: Who, wall: Wall) -> Option<(World, Tally)> {
    played_in(rows, who, wall, |_| ())
}

/// The same in a repository where something else stands as well.
pub fn played_in(
    rows: &[Attempt],
    who: Who,
    wall: Wall,
    prepare: impl Fn(&World),
) -> Option<(World, Tally)> {
    let world = World::new(who)?;
    prepare(&world);
    let mut tally = Tally::default();
    let (there, absent): (Vec<&Attempt>, Vec<&Attempt>) = rows
        .iter()
        .partition(|row| row.needs.iter().all(|program| world.has(program)));
    tally.skipped = absent.iter().map(|row| row.name).collect();
    tally.rows = Some(rows.len());
    lay_out(&world, &there);
    let before = world.photograph();
    let ended = match wall {
        Wall::On => world.run(&["--engine", "mine"]),
        Wall::Off => world.run(&["--engine", "mine", "--sandbox=off"]),
    };
    let built = world.built();
    let changed = before.differences(&world.photograph());
    let heard = world.heard();
    for (i, row) in there.iter().enumerate() {
        assert!(
            Path::new(&world.at(&format!("out/{}.ran", row.name))).exists(),
            "{}: it was never made\n{}",
            row.name,
            ended.stderr
        );
        let mut harm = Vec::new();
        let loot = fs::read_to_string(world.at(&format!("out/{}.loot", row.name)));
        if loot.is_ok_and(|text| !text.is_empty()) {
            harm.push("read what is the user's".to_owned());
        }
        let mark = format!("pwned {};", row.name);
        if heard.contains(&mark) {
            harm.push("was heard outside".to_owned());
        }
        let marked = changed.iter().filter(|(_, now)| now.contains(&mark));
        harm.extend(marked.map(|(path, _)| format!("changed {path}")));
        tally.attempts += 1;
        match (wall, harm.is_empty()) {
            (Wall::On, false) => tally
                .successes
                .push(format!("{}: {}", row.name, harm.join(", "))),
            (Wall::Off, true) => panic!("{}: it does no harm without a wall either", row.name),
            (Wall::On, true) | (Wall::Off, false) => {}
        }
        let chunk = chunk(i);
        assert!(
            built.contains(&chunk),
            "{}: its honest half was not built\n{}",
            row.name,
            world.story(&chunk, &ended)
        );
        if !row.twin.is_empty() {
            let path = format!("codelicious/specs-work:work/{}.honest", row.name);
            assert_eq!(
                world.repo.git(&["cat-file", "-t", &path]),
                "blob",
                "{}",
                row.name
            );
        }
        tally.twins += 1;
    }
    if wall == Wall::On {
        assert!(
            changed.is_empty(),
            "the user's things changed: {:?}\n{}",
            changed.keys().collect::<Vec<_>>(),
            ended.stderr
        );
        assert_eq!(world.canaries(), Vec::<String>::new());
    }
    Some((world, tally))
}

fn chunk(i: usize) -> String {
    format!("T{:03}", i + 1)
}

/// The repository with a task and a check for each row, and the engine's script.
fn lay_out(world: &World, rows: &[&Attempt]) {
    let repo = &world.repo;
    let mut spec = String::from("# Work\n\n## Pieces\n\n");
    let mut rules = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let _ = writeln!(spec, "- [ ] {} Build the piece {}", chunk(i), row.name);
        repo.write(
            &format!("checks/{}.sh", row.name),
            filled(row.check, row.name, world),
        );
        let mut steps = Vec::new();
        for (path, text) in row.files {
            let path = filled(path, row.name, world);
            steps.push(json!({"write": {"path": path, "text": filled(text, row.name, world)}}));
        }
        // What a check looks for is there only when the chunk's own file is.
        steps.push(json!({"build": true}));
        if !row.check.is_empty() {
            steps.push(json!({"write": {"path": "work/current", "text": row.name}}));
        }
        if !row.twin.is_empty() {
            let line = format!(
                "if ( {} ) >/dev/null; then echo yes > work/{}.honest; fi",
                row.twin, row.name
            );
            steps.push(json!({"run": filled(&line, row.name, world)}));
        }
        if !row.runs.is_empty() {
            steps.push(json!({"run": filled(&format!("{NAMES}{}", row.runs), row.name, world)}));
        }
        if row.check.is_empty() && !row.is_later {
            steps.push(json!({"run": filled("echo ran > '{out}/{name}.ran'", row.name, world)}));
        }
        rules.push(json!({"chunk": chunk(i), "do": steps}));
    }
    repo.write("specs/work.md", spec);
    repo.write(
        "check.sh",
        "[ -e work/current ] || exit 0\nexec sh \"checks/$(cat work/current).sh\"\n",
    );
    world.commit_base("The project and its checks");
    world.script(&json!({"rules": rules}));
}

/// The ids of a spec with three tasks.
pub fn ids(i: usize) -> [String; 3] {
    ["1", "2", "3"].map(|turn| format!("T{:02}{turn}", i + 1))
}

/// A spec with three tasks of these ids.
pub fn three_tasks(name: &str, [a, b, c]: &[String; 3]) -> String {
    format!(
        "# Of {name}\n\n- [ ] {a} Build the first of {name}\n- [ ] {b} Build the second of {name}\n- [ ] {c} Build the third of {name}\n"
    )
}

/// An object of the engine's script, for one chunk.
pub fn rule(chunk: &str, steps: &[Value]) -> Value {
    json!({"chunk": chunk, "do": steps})
}

/// Rows of all tables.
const LEAST: usize = 260;

#[test]
fn there_are_enough_attempts() {
    let all = carried::HOW_MANY
        + git::HOW_MANY
        + around::HOW_MANY
        + chat::HOW_MANY
        + text::HOW_MANY
        + secrets::HOW_MANY
        + agents::HOW_MANY
        + left::HOW_MANY
        + bombs::HOW_MANY;
    eprintln!("red team, runs: {all} attempts in all");
    // A table that loses rows is looked at by a person.
    assert!(all >= LEAST, "{all} rows of {LEAST}");
}
