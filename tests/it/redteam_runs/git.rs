//! Attempts on git: what an engine leaves for git to run or to believe, and what the repository's hooks run of its work.

use super::{Attempt, NAMES, Tally, Wall, Who, World, filled, played, played_in};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says a key of git's configuration wherever configuration can be said, with a value `$V` under which git starts the
/// attack; what comes before makes the value, and what the key needs beside it.
macro_rules! key {
    ($name:literal, $before:literal, $key:literal, $section:literal) => {
        Attempt {
            name: $name,
            runs: concat!(
                "say() { for to in --local --worktree --global --system \"--file $C/config\" \"--file $G/config.worktree\" \"--file $G/config\"; do\n",
                "  git config $to \"$@\"; done; }\n",
                $before, "\nsay \"", $key, "\" \"$V\"\n",
                "printf '\\n", $section, "\\n' \"$V\" | tee -a \"$C/config\" \"$G/config.worktree\" {home}/.gitconfig {home}/.config/git/config\n",
                "mv \"$C/config\" \"$C/config.old\"; cp \"$C/config.old\" ignored/config; ln -sf \"$PWD/ignored/config\" \"$C/config\"\n",
            ),
            twin: "git config --get user.name | grep -q Ada",
            ..Attempt::NONE
        }
    };
}

/// A folder that is a repository of the attacker's, with everything in it that starts programs.
pub const EVIL: &str = "mkdir -p ignored; rm -rf ignored/evil; git init -q ignored/evil; E=$PWD/ignored/evil/.git\n\
    for key in core.fsmonitor core.sshCommand core.pager core.editor filter.x.clean filter.x.smudge filter.x.process diff.external gpg.program alias.status credential.helper; do\n\
      git --git-dir=\"$E\" config $key \"$A\"; done\n\
    git --git-dir=\"$E\" config core.hooksPath \"$E/hooks\"; git --git-dir=\"$E\" config commit.gpgSign true\n\
    for hook in post-index-change post-checkout pre-commit reference-transaction pre-push post-commit; do\n\
      printf '#!/bin/sh\\n%s\\n' \"$A\" > \"$E/hooks/$hook\"; chmod +x \"$E/hooks/$hook\"; done\n\
    echo '* filter=x' > \"$E/info/attributes\"\n";

/// `$A` is the attack as a command, `$C` git's common folder and `$G` the lane's own, `$E` that of [`EVIL`]. Without a
/// wall, in an ordinary worktree, git starts what these leave.
const STARTED: &[Attempt] = &[
    Attempt {
        name: "git-file-is-a-repository",
        runs: "{evil}rm -f .git; mv ignored/evil/.git .git",
        twin: "git status --short",
        ..Attempt::NONE
    },
    Attempt {
        name: "git-file-leads-elsewhere",
        runs: "{evil}echo \"gitdir: $E\" > .git",
        twin: "git log -1 --format=%s | grep -q .",
        ..Attempt::NONE
    },
    Attempt {
        name: "git-file-is-a-link",
        runs: "{evil}rm -f .git; ln -s \"$E\" .git",
        twin: "git diff --stat HEAD",
        ..Attempt::NONE
    },
    Attempt {
        name: "git-file-is-gone",
        runs: "{evil}rm -f .git; mv ignored/evil/.git ../.git; true",
        twin: "test -f .git",
        ..Attempt::NONE
    },
    Attempt {
        name: "attributes-and-filter",
        files: &[("c/{name}/.gitattributes", "* filter=x diff=x merge=x\n")],
        runs: "for what in filter.x.clean filter.x.smudge filter.x.process diff.x.command diff.x.textconv merge.x.driver; do\n\
               git config $what \"$A\"; git config --file \"$C/config\" $what \"$A\"; done; echo '* filter=x' >> \"$C/info/attributes\"",
        twin: "git check-attr -a c/{name}/.gitattributes | grep -q filter",
        ..Attempt::NONE
    },
    key!(
        "fsmonitor",
        "V=$A",
        "core.fsmonitor",
        "[core]\\n\\tfsmonitor = %s"
    ),
    key!(
        "hooks-path",
        "V=$PWD/ignored/hooks; mkdir -p ignored/hooks; for hook in pre-commit post-checkout post-index-change pre-push; do printf '#!/bin/sh\\n%s\\n' \"$A\" > ignored/hooks/$hook; done; chmod +x ignored/hooks/*",
        "core.hooksPath",
        "[core]\\n\\thooksPath = %s"
    ),
    key!(
        "ssh-command",
        "V=$A; say remote.origin.pushurl ssh://localhost/x",
        "core.sshCommand",
        "[core]\\n\\tsshCommand = %s"
    ),
    Attempt {
        inert: "git runs no alias that has the name of a command of its own, and no other one is called",
        ..key!(
            "alias",
            "V=\"!$A\"",
            "alias.rev-parse",
            "[alias]\\n\\trev-parse = %s"
        )
    },
    key!(
        "include",
        "V=$PWD/ignored/included; printf '[core]\\n\\tfsmonitor = %s\\n' \"$A\" > ignored/included",
        "include.path",
        "[include]\\n\\tpath = %s"
    ),
    key!(
        "redirected-address",
        "V=$(git config --get remote.origin.url); git init -q --bare ignored/evil.git; printf '#!/bin/sh\\n%s\\n' \"$A\" > ignored/evil.git/hooks/pre-receive; chmod +x ignored/evil.git/hooks/pre-receive",
        "url.$PWD/ignored/evil.git.insteadOf",
        "[url \"ignored/evil.git\"]\\n\\tinsteadOf = %s"
    ),
    key!(
        "credential-helper",
        "V=\"!$A\"; say remote.origin.pushurl http://127.0.0.1:{asks}/x",
        "credential.helper",
        "[credential]\\n\\thelper = %s"
    ),
    key!(
        "signer",
        "V=$PWD/ignored/signer; printf '#!/bin/sh\\n%s\\n' \"$A\" > ignored/signer; chmod +x ignored/signer; say commit.gpgSign true",
        "gpg.program",
        "[commit]\\n\\tgpgSign = true\\n[gpg]\\n\\tprogram = %s"
    ),
    key!(
        "push-url",
        "V=\"ext::$A\"; say protocol.ext.allow always",
        "remote.origin.pushurl",
        "[protocol \"ext\"]\\n\\tallow = always\\n[remote \"origin\"]\\n\\tpushurl = %s"
    ),
    key!(
        "receive-pack",
        "V=$A",
        "remote.origin.receivepack",
        "[remote \"origin\"]\\n\\treceivepack = %s"
    ),
    key!(
        "pager-and-editor",
        "V=$A; say core.pager \"$A\"",
        "core.editor",
        "[core]\\n\\tpager = false\\n\\teditor = %s"
    ),
    Attempt {
        name: "planted-hooks",
        runs: "rm -rf \"$C/hooks\"; mv ignored \"$C/hooks\"; mkdir -p ignored \"$C/hooks\"\n\
               for hook in pre-commit post-commit post-checkout pre-push reference-transaction post-index-change fsmonitor-watchman; do\n\
               printf '#!/bin/sh\\n%s\\n' \"$A\" > \"$C/hooks/$hook\"; chmod +x \"$C/hooks/$hook\"; done",
        twin: "test -d \"$(git rev-parse --git-common-dir)\"",
        ..Attempt::NONE
    },
];

/// What git, or the program, could be made to believe.
const BELIEVED: &[Attempt] = &[
    Attempt {
        name: "git-file-is-a-pipe",
        runs: "rm -f .git; mkfifo .git",
        twin: "git rev-parse --show-toplevel",
        ..Attempt::NONE
    },
    Attempt {
        name: "submodule",
        files: &[(
            ".gitmodules",
            "[submodule \"x\"]\n\tpath = sub\n\turl = ../nowhere\n\tupdate = !sh attack.sh {name}\n",
        )],
        runs: "git submodule init; git submodule update; git config submodule.x.update \"!$A\"; git config submodule.x.url ext::sh",
        twin: "git config --file .gitmodules --get submodule.x.path | grep -q sub",
        ..Attempt::NONE
    },
    Attempt {
        name: "branches-and-tags",
        runs: "git branch -f main HEAD~1; git update-ref refs/heads/main \"$(git rev-parse HEAD~1)\"; git branch evil; git tag evil\n\
               git symbolic-ref HEAD refs/heads/main; git --git-dir=\"$C\" symbolic-ref HEAD refs/heads/evil\n\
               git rev-parse HEAD~1 > \"$C/refs/heads/main\"; echo \"$(git rev-parse HEAD) refs/heads/evil\" >> \"$C/packed-refs\"; git pack-refs --all",
        twin: "git branch --list main | grep -q main",
        ..Attempt::NONE
    },
    Attempt {
        name: "stash",
        runs: "git stash push -u -m mine; git stash store -m theirs \"$(git rev-parse HEAD)\"; git stash drop; git stash clear; rm -f \"$C/refs/stash\" \"$C/logs/refs/stash\"",
        twin: "git stash list",
        ..Attempt::NONE
    },
    Attempt {
        name: "notes-and-our-refs",
        runs: "git notes --ref codelicious add -f -m forged HEAD; git notes add -f -m forged HEAD; git update-ref refs/codelicious/lanes/specs-work HEAD~1; git update-ref -d refs/heads/codelicious/specs-work; git push -q origin HEAD:main HEAD:evil --force",
        twin: "git notes list; true",
        ..Attempt::NONE
    },
    Attempt {
        name: "locks-left-behind",
        runs: "touch \"$G/index.lock\" \"$G/HEAD.lock\" \"$C/index.lock\" \"$C/config.lock\" \"$C/packed-refs.lock\" \"$C/refs/heads/main.lock\" \"$C/objects/maintenance.lock\"",
        twin: "test ! -e \"$(git rev-parse --git-dir)/index.lock\"",
        ..Attempt::NONE
    },
    Attempt {
        name: "alternates",
        runs: "{evil}echo \"$E/objects\" > \"$C/objects/info/alternates\"; git config core.alternateRefsCommand \"$A\"",
        twin: "test ! -e \"$(git rev-parse --git-common-dir)/objects/info/alternates\"",
        ..Attempt::NONE
    },
    Attempt {
        name: "objects-thrown-away",
        runs: "git gc --prune=now -q; git prune --expire=now; rm -rf \"$C\"/objects/??",
        twin: "git cat-file -e HEAD:README.md",
        ..Attempt::NONE
    },
    Attempt {
        name: "grafts-and-replacements",
        runs: "git replace -f HEAD HEAD~1; git rev-parse HEAD > \"$C/info/grafts\"; git rev-parse HEAD > \"$C/shallow\"",
        twin: "test \"$(git rev-list --count HEAD)\" -ge 1",
        ..Attempt::NONE
    },
    Attempt {
        name: "other-worktrees",
        runs: "git worktree add -q ../evil HEAD; git worktree prune; git worktree remove --force {project}; rm -rf \"$C/worktrees\"; echo {project} > \"$G/gitdir\"; echo ../../../x > \"$G/commondir\"",
        twin: "git worktree list | grep -q .",
        ..Attempt::NONE
    },
    Attempt {
        name: "own-commit-and-marks",
        runs: "git add -A; git commit -qm \"Forged\n\nCodelicious-Spec: specs/work.md\nCodelicious-Chunk: T999\"; git commit --amend -qm x; git rebase -q HEAD~1; git checkout -q main; git push -q origin HEAD:refs/heads/main",
        twin: "git show -s --format=%H HEAD",
        ..Attempt::NONE
    },
    Attempt {
        name: "index-that-lies",
        runs: "git update-index --assume-unchanged README.md; git update-index --skip-worktree check.sh; git rm -q --cached README.md; cp \"$G/index\" ignored/; printf junk > \"$G/index\"",
        twin: "git ls-files | grep -q README.md",
        ..Attempt::NONE
    },
];

/// Programs that the repository's own hooks run of its tree, as husky, pre-commit and scripts of their own do.
const HOOKED: &[Attempt] = &[
    hooked(
        "hook-pre-commit",
        &[("hook.d/pre-commit/{name}.sh", "{here}\n")],
    ),
    hooked(
        "hook-prepare-commit-msg",
        &[("hook.d/prepare-commit-msg/{name}.sh", "{here}\n")],
    ),
    hooked(
        "hook-commit-msg",
        &[("hook.d/commit-msg/{name}.sh", "{here}\n")],
    ),
    hooked(
        "hook-post-commit",
        &[("hook.d/post-commit/{name}.sh", "{here}\n")],
    ),
    hooked(
        "hook-pre-push",
        &[("hook.d/pre-push/{name}.sh", "{here}\n")],
    ),
];

const fn hooked(name: &'static str, files: &'static [(&'static str, &'static str)]) -> Attempt {
    Attempt {
        name,
        files,
        is_later: true,
        ..Attempt::NONE
    }
}

/// The user's hooks, which run what the tree holds.
fn put_hooks(world: &World) {
    for hook in [
        "pre-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "pre-push",
    ] {
        let path = world.repo.root.join(".git/hooks").join(hook);
        let text = format!(
            "#!/bin/sh\nfor file in hook.d/{hook}/*.sh; do [ -e \"$file\" ] && sh \"$file\"; done\n\
             exit 0\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    world.repo.write("hook.d/README", "What the hooks run\n");
}

/// What a person does with git afterwards, in the lane and in the repository, starts nothing of the engine's.
fn used_afterwards(world: &World, tally: &mut Tally) {
    let before = world.photograph();
    for lane in world.repo.lanes() {
        if !lane.join(".git").exists() {
            continue;
        }
        for args in [
            &["status", "--short"][..],
            &["log", "-1"],
            &["diff", "HEAD"],
            &["add", "-A"],
        ] {
            world.repo.git_in(&lane, args);
        }
    }
    world.repo.git(&["status", "--short"]);
    world.repo.git(&["fetch", "-q"]);
    world.repo.git(&["push", "-q", "origin", "main"]);
    world.run(&["status"]).expect(0);
    for (path, now) in before.differences(&world.photograph()) {
        if now.contains("pwned") {
            tally
                .successes
                .push(format!("git, used afterwards, wrote {path}"));
        }
    }
    if world.heard().contains("pwned") {
        tally
            .successes
            .push("git, used afterwards, called out".to_owned());
    }
    let heads = world.repo.git_in(
        &world.repo.origin,
        &["for-each-ref", "--format=%(refname)", "refs/heads"],
    );
    let foreign: Vec<&str> = heads
        .lines()
        .filter(|head| !head.starts_with("refs/heads/codelicious/") && *head != "refs/heads/main")
        .collect();
    assert!(foreign.is_empty(), "the remote has {foreign:?}");
    let mains = ["main", "origin/main"].map(|name| world.repo.git(&["rev-parse", name]));
    assert_eq!(mains[0], mains[1]);
    let files = world.repo.git(&[
        "ls-tree",
        "-r",
        "--format=%(objecttype) %(path)",
        "codelicious/specs-work",
    ]);
    assert!(
        !files.contains("commit "),
        "a repository in the repository: {files}"
    );
}

fn leaves_for_git(who: Who) {
    let rows = [STARTED, BELIEVED].concat();
    let Some((world, mut tally)) = played(&rows, who, Wall::On) else {
        return;
    };
    used_afterwards(&world, &mut tally);
    tally.settle(&format!("git, {who:?}"));
}

#[test]
fn nothing_that_an_engine_leaves_for_git_is_run_or_believed() {
    leaves_for_git(Who::Me);
}

#[test]
fn git_as_an_ordinary_user() {
    leaves_for_git(Who::Nobody);
}

/// The same lines and files in a worktree of somebody without a wall, who goes on to use git.
#[test]
fn without_a_wall_git_starts_what_is_left_for_it() {
    let Some(world) = World::new(Who::Me) else {
        return;
    };
    world.commit_base("The project");
    let origin = world.repo.origin.display().to_string();
    let mut silent = Vec::new();
    for row in STARTED {
        let base = PathBuf::from(world.at(&format!("free/{}", row.name)));
        fs::create_dir_all(&base).unwrap();
        let shell = |dir: &Path, line: &str| {
            // Nothing of this machine's configuration is read, and none can be written.
            let done = Command::new("sh")
                .args(["-c", line])
                .current_dir(dir)
                .env_clear()
                .env("PATH", std::env::var("PATH").unwrap_or_default())
                .env("HOME", world.at("home"))
                .env("GIT_CONFIG_GLOBAL", world.at("nowhere/global"))
                .env("GIT_CONFIG_SYSTEM", world.at("nowhere/system"))
                .env("GIT_TERMINAL_PROMPT", "0")
                .stdin(Stdio::null())
                .output()
                .unwrap();
            String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
        };
        let line = format!(
            "git clone -q '{origin}' project && cd project && git config user.name Ada && git config user.email a@localhost && git worktree add -q -b lane ../lane"
        );
        let mut said = shell(&base, &line);
        let lane = base.join("lane");
        for (path, text) in row.files {
            let path = lane.join(filled(path, row.name, &world));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let runs = filled(&format!("{NAMES}{}", row.runs), row.name, &world);
        said += &shell(&lane, &runs.replace("exec 2>/dev/null;", ""));
        let loot = world.at(&format!("out/{}.loot", row.name));
        assert!(
            !fs::exists(&loot).unwrap(),
            "{}: it started itself",
            row.name
        );
        // What a run does, and a person afterwards.
        said += &shell(
            &lane,
            "echo more > more; git status --short; git add -A; git commit -qm more; git diff HEAD; git log -1; git fetch -q; git push -q origin HEAD:more; git rev-parse HEAD; git commit --allow-empty",
        );
        let started = fs::read_to_string(&loot).is_ok_and(|text| !text.is_empty());
        match (started, row.inert) {
            (true, "") => {}
            (true, why) => panic!("{}: it starts after all, though {why}", row.name),
            (false, "") => silent.push(format!("{}: {said}", row.name)),
            (false, why) => eprintln!("{}: {why}", row.name),
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    eprintln!(
        "red team, runs: without a wall git starts what {} rows leave",
        STARTED.len()
    );
}

#[test]
fn what_hooks_run_of_an_engines_work_is_walled_in() {
    let Some((_, tally)) = played_in(HOOKED, Who::Me, Wall::On, put_hooks) else {
        return;
    };
    tally.settle("hooks");
    played_in(HOOKED, Who::Me, Wall::Off, put_hooks).unwrap();
    if let Some((_, tally)) = played_in(HOOKED, Who::Nobody, Wall::On, put_hooks) {
        tally.settle("hooks, as an ordinary user");
    }
}

pub const HOW_MANY: usize = STARTED.len() + BELIEVED.len() + HOOKED.len();
