//! Git's folder of the repository, from a lane and from the user's own worktree.

use super::{Attempt, Need, Sign, row};

const GIT: Sign = Sign::Changes("{repo}/.git");
const ORIGIN: Sign = Sign::Changes("{w}/origin.git");
const SPACES: &[Need] = &[Need::Namespaces];

pub const ROWS: &[Attempt] = &[
    row(
        "a program that git starts to look at files",
        GIT,
        "git config core.fsmonitor 'touch {out}/evil'",
        "git -c core.fsmonitor=false status --short",
    ),
    row(
        "another folder of hooks",
        GIT,
        "git config core.hooksPath {lane}/sub",
        "git -c core.hooksPath=sub status --short",
    ),
    row(
        "a filter",
        GIT,
        "git config filter.evil.clean 'touch {out}/evil' && git config filter.evil.smudge cat",
        "git -c filter.own.clean=cat check-attr filter README.md",
    ),
    row(
        "an alias",
        GIT,
        "git config alias.st '!touch {out}/evil'",
        "git -c alias.st=status st --short",
    ),
    row(
        "the configuration by its file",
        GIT,
        "printf '[core]\\n\\tsshCommand = evil\\n' >> {repo}/.git/config",
        "git config --list > /dev/null",
    ),
    row(
        "a configuration for this worktree",
        GIT,
        "git config extensions.worktreeConfig true; echo '[core]' > $(git rev-parse --git-dir)/config.worktree",
        "git rev-parse --git-dir",
    ),
    row(
        "a hook",
        GIT,
        "printf '#!/bin/sh\\n' > {repo}/.git/hooks/pre-commit && chmod +x {repo}/.git/hooks/pre-commit",
        "mkdir hooks && printf '#!/bin/sh\\n' > hooks/pre-commit && sh hooks/pre-commit",
    ),
    row(
        "attributes for everybody",
        GIT,
        "mkdir -p {repo}/.git/info && echo '* filter=evil' >> {repo}/.git/info/attributes",
        "echo '* text' > .gitattributes && git check-attr text README.md",
    ),
    row(
        "a branch",
        GIT,
        "git update-ref refs/heads/evil HEAD",
        "git rev-parse main",
    ),
    row(
        "the user's branch",
        GIT,
        "git branch -D main || git update-ref -d refs/heads/main || rm {repo}/.git/refs/heads/main",
        "git branch --list main | grep -q main",
    ),
    row(
        "an object",
        GIT,
        "echo new | git hash-object -w --stdin",
        "echo new | git hash-object --stdin",
    ),
    row(
        "the index",
        GIT,
        "echo x > new && git add new",
        "echo x > new2 && GIT_INDEX_FILE={lane}/own.index git ls-files > /dev/null; git status --short | grep -q new2",
    ),
    row(
        "a commit",
        GIT,
        "git commit --allow-empty -qm evil",
        "git log -1 --format=%H",
    ),
    row(
        "where the lane's HEAD points",
        GIT,
        "echo 'ref: refs/heads/main' > $(git rev-parse --git-dir)/HEAD",
        "git symbolic-ref HEAD",
    ),
    row(
        "another worktree",
        GIT,
        "git worktree add {lane}/more",
        "git worktree list | grep -q lane",
    ),
    row(
        "packing and pruning",
        GIT,
        "git gc --prune=now -q || rm -rf {repo}/.git/objects",
        "git count-objects > /dev/null",
    ),
    row(
        "a stash",
        GIT,
        "echo x >> README.md; git stash",
        "git diff > /dev/null",
    ),
    row(
        "the user's configuration of git by its file",
        Sign::Changes("{home}"),
        "mkdir -p {home}/.config/git && printf '[core]\\n\\tpager = evil\\n' > {home}/.config/git/config",
        "mkdir -p ~/.config/git && printf '[core]\\n\\tpager = cat\\n' > ~/.config/git/config && git config --global core.pager",
    ),
    row(
        "the user's configuration of git by git",
        Sign::Changes("{home}"),
        "git config --global core.pager evil",
        "git config --global core.editor own && test $(git config --global core.editor) = own",
    ),
    row(
        "configuration by variables, written down",
        GIT,
        "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.repositoryFormatVersion GIT_CONFIG_VALUE_0=0 git init -q {repo} && GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=evil git commit --allow-empty -qm evil",
        "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=a.b GIT_CONFIG_VALUE_0=c git config a.b",
    ),
    row(
        "a push to the origin in another folder",
        ORIGIN,
        "git push -q {w}/origin.git HEAD:refs/heads/evil",
        "git init -q --bare own.git && git push -q {lane}/own.git HEAD:refs/heads/own",
    ),
    row(
        "a push by the remote's name",
        ORIGIN,
        "git push -q origin HEAD:refs/heads/evil",
        "git remote get-url origin",
    ),
    row(
        "what a fetch brings from elsewhere",
        GIT,
        "git fetch -q {w}/private main:refs/heads/taken",
        "git init -q d && git -C d fetch -q {repo}/.git main",
    ),
    row(
        "the ledger",
        Sign::Changes("{repo}/.codelicious"),
        "echo '{}' >> {repo}/.codelicious/ledger.jsonl || rm {repo}/.codelicious/ledger.jsonl",
        "mkdir .codelicious && echo x > .codelicious/own",
    ),
    row(
        "the user's worktree",
        Sign::Changes("{repo}"),
        "echo evil > {repo}/evil.sh; echo evil >> {repo}/codelicious.toml",
        "echo own > own.sh; echo >> codelicious.toml",
    ),
    row(
        "what names the lane's git folder",
        Sign::Changes("{lane}/.git"),
        "echo 'gitdir: {w}/private/.git' > .git",
        "cat .git > /dev/null && git status --short",
    )
    .needs(SPACES),
    row(
        "another file in the place of what names it",
        Sign::Changes("{lane}/.git"),
        "cp .git mine; echo >> mine; mv -f mine .git || { rm -f .git && git init -q .; }",
        "cp .git mine-too && mv -f mine-too mine-three",
    )
    .needs(SPACES),
    // In the user's own worktree, whose files are what the command is for.
    row(
        "in the user's worktree: configuration",
        GIT,
        "git config core.fsmonitor 'touch {out}/evil' || echo evil >> .git/config",
        "echo x > file && cat file && git status --short | grep -q file",
    )
    .in_main()
    .needs(SPACES),
    row(
        "in the user's worktree: a hook",
        GIT,
        "printf '#!/bin/sh\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit",
        "mkdir hooks && echo x > hooks/pre-commit",
    )
    .in_main()
    .needs(SPACES),
    row(
        "in the user's worktree: another folder in git's place",
        GIT,
        "mv .git aside && mkdir .git && echo evil > .git/config",
        "mkdir a && mv a b && rmdir b",
    )
    .in_main()
    .needs(SPACES),
    row(
        "in the user's worktree: removing git's folder",
        GIT,
        "rm -rf .git",
        "mkdir a && rm -rf a",
    )
    .in_main()
    .needs(SPACES),
    row(
        "in the user's worktree: modes and times of git's files",
        GIT,
        "chmod 777 .git/hooks; touch -d 2001-01-01 .git/config; chmod +x .git/config",
        "chmod 755 README.md; touch -d 2001-01-01 README.md",
    )
    .in_main()
    .needs(SPACES),
    row(
        "in the user's worktree: through a hard link",
        GIT,
        "ln .git/config c && echo evil >> c",
        "ln README.md own && echo own >> own",
    )
    .in_main()
    .needs(SPACES),
    row(
        "in the user's worktree: a commit",
        GIT,
        "git commit --allow-empty -qm evil",
        "git log -1 --format=%H",
    )
    .in_main()
    .needs(SPACES),
    row(
        "in the user's worktree: the ledger",
        Sign::Changes("{repo}/.codelicious"),
        "echo '{}' >> .codelicious/ledger.jsonl; mv .codelicious aside",
        "echo x > ledger && mv ledger aside2",
    )
    .in_main()
    .needs(SPACES),
];

/// Folders in which everything that a wall protects could be written to.
#[test]
fn where_a_wall_would_hold_nothing_nothing_runs() {
    let repo = crate::support::Repo::new();
    let (home, root) = (repo.base().join("home"), repo.root.clone());
    repo.git_in(&home, &["init", "-q"]);
    for (dir, said) in [(&home, "holds your home"), (&root.join(".git/info"), "git")] {
        std::fs::create_dir_all(dir).unwrap();
        let mut command = repo.command(&["sandbox", "run", "--", "echo it ran"]);
        let done = command.current_dir(dir).output().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{}: {errors}", dir.display());
        assert!(errors.contains(said), "{errors}");
        assert!(done.stdout.is_empty());
    }
}
