//! What an engine or a check leaves in the lane for the program itself, which stands outside of every wall and puts the
//! lane's files back.

use super::{Tally, Who, World, filled, ids, rule, three_tasks};
use serde_json::json;

/// A spec with three tasks: the first commits a file that says `pwned`, the second leaves something and is refused, the
/// third is honest.
struct Left {
    name: &'static str,
    /// Lines in the lane. `$F` is the file of the first task.
    runs: &'static str,
    /// A check does it, instead of the engine.
    by_check: bool,
}

const fn left(name: &'static str, runs: &'static str) -> Left {
    Left {
        name,
        runs,
        by_check: false,
    }
}

const fn by_check(name: &'static str, runs: &'static str) -> Left {
    Left {
        name,
        runs,
        by_check: true,
    }
}

const LEFT: &[Left] = &[
    left("link-in-place-of-a-file", "ln -sf {home}/.bashrc $F"),
    left("link-to-what-is-not-there", "ln -sf {home}/.planted $F"),
    left(
        "link-into-git",
        "ln -sf {project}/.git/hooks/post-checkout $F",
    ),
    left(
        "link-into-our-folder",
        "ln -sf {project}/.codelicious/planted $F",
    ),
    left(
        "link-in-place-of-a-folder",
        "rm -rf work/{name}; ln -s {home}/other work/{name}",
    ),
    left("link-far-above", "rm -rf work; ln -s {home}/other work"),
    left(
        "link-in-place-of-the-specs-folder",
        "rm -rf specs; ln -s {home}/other specs",
    ),
    left(
        "link-in-place-of-the-spec",
        "ln -sf {home}/.planted specs/{name}.md",
    ),
    left(
        "link-in-place-of-a-hook",
        "ln -sf {home}/.planted .githooks/pre-commit",
    ),
    left(
        "link-in-place-of-the-hooks",
        "rm -rf .githooks; ln -s {home}/other .githooks",
    ),
    left(
        "link-in-place-of-rules",
        "rm -f .gitignore; ln -s {home}/.planted .gitignore",
    ),
    left("pipe-in-place-of-a-file", "rm -f $F; mkfifo $F"),
    left("pipe-in-place-of-a-folder", "rm -rf work; mkfifo work"),
    left(
        "pipe-of-ignore-rules",
        "rm -f .gitignore; mkfifo .gitignore work/.gitignore",
    ),
    left(
        "pipe-of-attributes",
        "rm -f .gitattributes; mkfifo .gitattributes work/.gitattributes",
    ),
    left("pipe-of-modules", "mkfifo .gitmodules"),
    left(
        "pipe-in-place-of-the-spec",
        "rm -f specs/{name}.md; mkfifo specs/{name}.md",
    ),
    left(
        "pipe-in-place-of-the-settings",
        "rm -f codelicious.toml; mkfifo codelicious.toml",
    ),
    left(
        "pipe-behind-a-link",
        "mkdir -p ignored; mkfifo ignored/p; rm -f .gitignore; ln -s ignored/p .gitignore",
    ),
    by_check("check-link-in-place-of-a-file", "ln -sf {home}/.bashrc $F"),
    by_check(
        "check-link-in-place-of-a-folder",
        "rm -rf work/{name}; ln -s {home}/other work/{name}",
    ),
    by_check("check-pipe-in-place-of-a-file", "rm -f $F; mkfifo $F"),
    by_check(
        "check-pipe-of-ignore-rules",
        "rm -f .gitignore; mkfifo .gitignore",
    ),
];

fn leave(who: Who) -> Option<Tally> {
    let world = World::new(who)?;
    let repo = &world.repo;
    repo.write(
        "check.sh",
        "[ -e work/current ] && . \"checks/$(cat work/current).sh\"\nexit 0\n",
    );
    repo.write(".gitattributes", "*.txt text\n");
    repo.write("work/README", "here\n");
    repo.script(
        &repo.root.join(".githooks/pre-commit"),
        "#!/bin/sh\nexit 0\n",
    );
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    let mut rules = Vec::new();
    for (i, row) in LEFT.iter().enumerate() {
        let spec = three_tasks(row.name, &ids(i));
        repo.write(&format!("specs/{}.md", row.name), spec);
        let [a, b, c] = ids(i);
        let file = filled("work/{name}/file.txt", row.name, &world);
        let first =
            json!({"write": {"path": file, "text": filled("# pwned {name};\n", row.name, &world)}});
        let line = filled(&format!("F={file}\n{}", row.runs), row.name, &world);
        // An owner's file is a person's to change: the whole task is refused.
        let refused = json!({"write": {"path": "CODEOWNERS", "text": "* @mallory\n"}});
        let second = match row.by_check {
            true => {
                repo.write(&format!("checks/{}.sh", row.name), &line);
                json!({"write": {"path": "work/current", "text": row.name}})
            }
            false => json!({"run": line}),
        };
        rules.push(rule(&a, &[first]));
        rules.push(rule(&b, &[refused, second]));
        let third =
            json!({"write": {"path": format!("third/{}.txt", row.name), "text": "hello\n"}});
        rules.push(rule(&c, &[third]));
    }
    world.commit_base("The project");
    world.script(&json!({"rules": rules}));
    let before = world.photograph();
    let ended = world.run(&["--engine", "mine"]);
    let changed = before.differences(&world.photograph());
    let mut tally = Tally::default();
    for (i, row) in LEFT.iter().enumerate() {
        let [a, b, c] = ids(i);
        let branch = format!("codelicious/specs-{}", row.name);
        let built = world.built_in(&branch);
        let mut harm = Vec::new();
        let mark = format!("pwned {};", row.name);
        let marked = changed.iter().filter(|(_, now)| now.contains(&mark));
        harm.extend(marked.map(|(path, _)| format!("{path} was written to")));
        for (path, bytes) in repo.our_files() {
            if path.ends_with("planted") && !bytes.is_empty() {
                harm.push(format!("{} was written to", path.display()));
            }
        }
        if built.contains(&b) {
            harm.push(format!("{b} was committed"));
        }
        if built.contains(&c) {
            let of_third = repo.git(&["show", "--name-only", "--format=", &branch]);
            let own = [
                format!("specs/{}.md", row.name),
                format!("third/{}.txt", row.name),
            ];
            let others: Vec<&str> = of_third
                .lines()
                .filter(|l| !own.contains(&(*l).to_owned()))
                .collect();
            if !others.is_empty() {
                harm.push(format!("refused work is in the next commit: {others:?}"));
            }
        }
        let twin = built.contains(&a) && built.contains(&c);
        if !twin {
            eprintln!("{}: {built:?}\n{}", row.name, world.story(&c, &ended));
        }
        tally.row(row.name, (!harm.is_empty()).then(|| harm.join(", ")), twin);
    }
    if !changed.is_empty() {
        tally
            .successes
            .push(format!("the user's things changed: {:?}", changed.keys()));
    }
    Some(tally)
}

#[test]
fn what_is_left_in_a_lane_leads_nowhere() {
    if let Some(tally) = leave(Who::Me) {
        tally.settle("left in a lane");
    }
}

#[test]
fn what_is_left_in_a_lane_leads_an_ordinary_user_nowhere() {
    if let Some(tally) = leave(Who::Nobody) {
        tally.settle("left in a lane, as an ordinary user");
    }
}

pub const HOW_MANY: usize = LEFT.len();
