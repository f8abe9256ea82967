//! Remotes, hooks, signers, worktrees, and engines that do to git what they should not.

use crate::support::{Ended, Repo, spec_of};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BRANCH: &str = "codelicious/specs-work";
const CLAUDE: [&str; 2] = ["--engine", "claude"];

/// A repository with an untracked spec of `n` tasks.
fn repo_of(n: usize) -> Repo {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(n, n.max(1)));
    repo
}

fn git_status(dir: &Path, args: &[&str]) -> bool {
    let done = Command::new("git")
        .args(args)
        .current_dir(dir)
        .output()
        .expect("git starts");
    done.status.success()
}

fn tip(repo: &Repo, branch: &str) -> String {
    repo.git(&["rev-parse", &format!("refs/heads/{branch}")])
}

fn sent(repo: &Repo, branch: &str) -> String {
    repo.git_in(
        &repo.origin,
        &["rev-parse", &format!("refs/heads/{branch}")],
    )
}

fn chunks(repo: &Repo, branch: &str) -> Vec<String> {
    repo.commits(branch)
        .into_iter()
        .filter_map(|(_, chunk)| chunk)
        .collect()
}

/// Names and contents of a commit's files, without the spec.
fn work_of(repo: &Repo, rev: &str) -> Vec<(String, String)> {
    let names = repo.git(&["ls-tree", "-r", "--name-only", rev, "work/"]);
    names
        .lines()
        .map(|n| (n.to_owned(), repo.git(&["show", &format!("{rev}:{n}")])))
        .collect()
}

// Remotes.

#[test]
fn without_a_remote_the_work_is_done_and_the_summary_says_how_to_push_it() {
    let repo = repo_of(2);
    repo.git(&["remote", "remove", "origin"]);
    let ended = repo.run(&CLAUDE).expect(0);
    assert!(ended.stderr.contains("not pushed"), "{}", ended.stderr);
    assert!(ended.stderr.contains("git push"), "{}", ended.stderr);
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002"]);
    assert!(repo.root.join(".codelicious/prs/1.md").exists());
    assert_eq!(repo.run(&CLAUDE).expect(0).code, 0);
    assert_eq!(repo.calls().len(), 2);
}

#[test]
fn a_remote_that_is_gone_leaves_the_work_undelivered_until_it_is_back() {
    let repo = repo_of(2);
    let away = repo.base().join("away.git");
    fs::rename(&repo.origin, &away).expect("moved");
    let ended = repo.run(&CLAUDE).expect(2);
    assert!(ended.stderr.contains("cannot be read"), "{}", ended.stderr);
    assert!(repo.calls().is_empty(), "nothing is paid");
    let ended = repo
        .run(&["--engine", "claude", "--skip-auth-check"])
        .expect(1);
    assert!(ended.stderr.contains("not pushed"), "{}", ended.stderr);
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002"], "the work is kept");
    let status = repo.run(&["status"]).expect(0);
    assert!(status.stdout.contains("not pushed"), "{}", status.stdout);
    // With nothing left to build nobody is asked beforehand.
    repo.run(&CLAUDE).expect(1);

    fs::rename(&away, &repo.origin).expect("moved");
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 2, "nothing is built twice");
    assert_eq!(sent(&repo, BRANCH), tip(&repo, BRANCH));
    let status = repo.run(&["status"]).expect(0);
    assert!(!status.stdout.contains("not pushed"), "{}", status.stdout);
}

#[test]
fn a_branch_that_diverged_on_the_remote_is_never_overwritten() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    let other = repo.fresh_clone("other");
    other.git(&["checkout", "-q", "--detach", "origin/main"]);
    fs::write(other.root.join("theirs.txt"), "theirs\n").expect("written");
    other.git(&["add", "-A"]);
    other.git(&["commit", "-qm", "Theirs"]);
    other.git(&["push", "-q", "--force", "origin", &format!("HEAD:{BRANCH}")]);
    let theirs = sent(&repo, BRANCH);

    repo.write("specs/work.md", spec_of(2, 2));
    let ended = repo.run(&CLAUDE).expect(1);
    assert!(ended.stderr.contains("not pushed"), "{}", ended.stderr);
    assert_eq!(sent(&repo, BRANCH), theirs);
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002"]);

    repo.git_in(
        &repo.origin,
        &["update-ref", "-d", &format!("refs/heads/{BRANCH}")],
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 2);
    assert_eq!(sent(&repo, BRANCH), tip(&repo, BRANCH));
}

#[test]
fn a_persons_commit_on_our_branch_is_built_upon() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    let other = repo.fresh_clone("other");
    other.git(&["checkout", "-q", BRANCH]);
    fs::write(other.root.join("theirs.txt"), "theirs\n").expect("written");
    other.git(&["add", "-A"]);
    other.git(&["commit", "-qm", "A reviewer's correction"]);
    other.git(&["push", "-q", "origin", BRANCH]);

    repo.write("specs/work.md", spec_of(2, 2));
    repo.run(&CLAUDE).expect(0);
    let subjects: Vec<String> = repo.commits(BRANCH).into_iter().map(|(s, _)| s).collect();
    assert!(
        subjects.contains(&"A reviewer's correction".to_owned()),
        "{subjects:?}"
    );
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002"]);
    assert_eq!(sent(&repo, BRANCH), tip(&repo, BRANCH));
}

#[test]
fn a_remote_that_declines_is_reported_and_delivered_to_later() {
    let repo = repo_of(1);
    let hook = repo.origin.join("hooks/pre-receive");
    repo.script(
        &hook,
        "#!/bin/sh\necho 'branches are protected here' >&2\nexit 1\n",
    );
    let ended = repo.run(&CLAUDE).expect(1);
    assert!(
        ended.stderr.contains("branches are protected here"),
        "{}",
        ended.stderr
    );
    assert!(!git_status(
        &repo.origin,
        &[
            "rev-parse",
            "--verify",
            "-q",
            &format!("refs/heads/{BRANCH}")
        ]
    ));
    fs::remove_file(hook).expect("removed");
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 1);
    assert_eq!(sent(&repo, BRANCH), tip(&repo, BRANCH));
}

#[test]
fn a_pre_push_hook_runs_and_may_decline() {
    let repo = repo_of(1);
    let hook = repo.root.join(".git/hooks/pre-push");
    repo.script(&hook, "#!/bin/sh\necho 'not on a friday' >&2\nexit 1\n");
    let ended = repo.run(&CLAUDE).expect(1);
    assert!(ended.stderr.contains("not on a friday"), "{}", ended.stderr);
    repo.script(
        &hook,
        "#!/bin/sh\ncat > \"$FAKE_CLAUDE_STATE/../home/pushed.txt\"\n",
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 1);
    let pushed = fs::read_to_string(repo.base().join("home/pushed.txt")).expect("the hook ran");
    assert!(pushed.contains(BRANCH), "{pushed}");
    assert_eq!(sent(&repo, BRANCH), tip(&repo, BRANCH));
}

// Hooks and signers.

#[test]
fn what_a_pre_commit_hook_refuses_is_fixed_like_a_failed_check() {
    let repo = repo_of(1);
    let hook =
        "#!/bin/sh\nif grep -rq TODO work; then echo 'lint: TODO is not allowed'; exit 1; fi\n";
    repo.script(&repo.root.join(".git/hooks/pre-commit"), hook);
    repo.fake(&json!({"rules": [
        {"fix": true, "steps": [{"write": {"path": "work/T001.txt", "text": "done\n"}}]},
        {"steps": [{"write": {"path": "work/T001.txt", "text": "TODO\n"}}]}]}));
    let before = repo.users_things();
    repo.run(&CLAUDE).expect(0);
    let calls = repo.calls();
    assert_eq!(calls.len(), 2);
    let prompt = calls[1]["prompt"].as_str().expect("text");
    assert!(prompt.contains("lint: TODO is not allowed"), "{prompt}");
    assert_eq!(
        work_of(&repo, BRANCH),
        [("work/T001.txt".to_owned(), "done".to_owned())]
    );
    assert_eq!(chunks(&repo, BRANCH), ["T001"]);
    assert_eq!(repo.users_things(), before);
}

#[test]
fn a_hook_that_never_agrees_ends_in_a_failed_chunk() {
    let repo = repo_of(2);
    let hook = "#!/bin/sh\nif [ -e work/T001.txt ]; then echo never; exit 1; fi\n";
    repo.script(&repo.root.join(".git/hooks/pre-commit"), hook);
    let ended = repo
        .run(&["--engine", "claude", "--max-fix-attempts", "1"])
        .expect(1);
    assert!(ended.stderr.contains("commit hook"), "{}", ended.stderr);
    assert_eq!(chunks(&repo, BRANCH), ["T002"]);
    assert_eq!(repo.calls().len(), 3);
}

#[test]
fn what_a_formatting_hook_changed_is_verified_again_and_committed() {
    let repo = repo_of(2);
    repo.write(
        "check.sh",
        "cat work/*.txt >> \"$FAKE_CLAUDE_STATE/../home/checked.txt\" 2>/dev/null; exit 0\n",
    );
    repo.git(&["commit", "-qam", "A check that remembers what it saw"]);
    repo.git(&["push", "-q"]);
    let hook = "#!/bin/sh\nfor f in work/*.txt; do tr a-z A-Z < \"$f\" > \"$f.new\" && mv \"$f.new\" \"$f\" && git add \"$f\"; done\n";
    repo.script(&repo.root.join(".git/hooks/pre-commit"), hook);
    let before = repo.users_things();
    repo.run(&CLAUDE).expect(0);
    let first = ("work/T001.txt".to_owned(), "T001 BUILD PIECE 1".to_owned());
    let built = work_of(&repo, BRANCH);
    assert!(built[0].1.contains("BUILD PIECE 1"), "{built:?} {first:?}");
    assert_eq!(built.len(), 2, "{built:?}");
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002"]);
    let checked = fs::read_to_string(repo.base().join("home/checked.txt")).expect("checks ran");
    assert!(
        checked.contains("Build piece 1") && checked.contains("BUILD PIECE 1"),
        "{checked}"
    );
    assert_eq!(repo.users_things(), before);
}

#[test]
fn a_hook_that_changes_the_work_every_time_does_not_go_on_forever() {
    let repo = repo_of(1);
    let hook = "#!/bin/sh\nfor f in work/*.txt; do echo again >> \"$f\"; git add \"$f\"; done\n";
    repo.script(&repo.root.join(".git/hooks/pre-commit"), hook);
    let ended = repo.run(&CLAUDE).expect(1);
    assert!(ended.stderr.contains("every time"), "{}", ended.stderr);
    assert!(!git_status(
        &repo.root,
        &["rev-parse", "-q", "--verify", BRANCH]
    ));
}

/// After a hook rewrote messages, a rerun and a fresh clone still know what is done.
fn trailers_survive(hook: &str, wanted: &str) {
    let repo = repo_of(2);
    repo.script(&repo.root.join(".git/hooks/commit-msg"), hook);
    repo.run(&CLAUDE).expect(0);
    let message = repo.git(&["log", "-1", "--format=%B", BRANCH]);
    assert!(message.contains(wanted), "{message}");
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 2, "{message}");
    let clone = repo.fresh_clone("fresh");
    let plan = clone.run(&["plan", "--json"]).expect(0).json();
    assert_eq!(plan["specs"][0]["done"], 2, "{message}\n{plan:#}");
    clone.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 2, "{message}");
    assert_eq!(
        clone.git(&[
            "for-each-ref",
            "--format=%(refname:lstrip=3)",
            "refs/remotes/origin/codelicious"
        ]),
        BRANCH
    );
}

#[test]
fn a_commit_msg_hook_may_add_a_trailer() {
    trailers_survive(
        "#!/bin/sh\ngit interpret-trailers --in-place --trailer 'Change-Id: I123' \"$1\"\n",
        "Change-Id: I123",
    );
}

#[test]
fn a_commit_msg_hook_may_change_the_subject() {
    trailers_survive(
        "#!/bin/sh\nsed -i '1s/^/PROJ-1 /' \"$1\"\n",
        "PROJ-1 [specs-work]",
    );
}

#[test]
fn a_commit_msg_hook_may_append_a_paragraph() {
    trailers_survive(
        "#!/bin/sh\nprintf '\\nSeen by the hook.\\n' >> \"$1\"\n",
        "Seen by the hook.",
    );
}

#[test]
fn a_commit_msg_hook_that_refuses_is_a_failed_verification() {
    let repo = repo_of(1);
    repo.script(
        &repo.root.join(".git/hooks/commit-msg"),
        "#!/bin/sh\necho 'no ticket number' >&2\nexit 1\n",
    );
    repo.run(&["--engine", "claude", "--max-fix-attempts", "1"])
        .expect(1);
    let prompt = repo.calls()[1]["prompt"].to_string();
    assert!(prompt.contains("no ticket number"), "{prompt}");
}

#[test]
fn a_broken_signer_falls_back_to_unsigned_with_a_warning() {
    let repo = repo_of(1);
    repo.git(&["config", "commit.gpgsign", "true"]);
    repo.git(&["config", "gpg.program", "/bin/false"]);
    let ended = repo.run(&CLAUDE).expect(0);
    assert!(ended.stderr.contains("not signed"), "{}", ended.stderr);
    assert_eq!(chunks(&repo, BRANCH), ["T001"]);
    assert_eq!(sent(&repo, BRANCH), tip(&repo, BRANCH));
}

#[test]
fn a_signer_that_works_signs() {
    let repo = repo_of(1);
    // Git asks for a detached signature and for a status line on descriptor 2.
    let signer = repo.base().join("signer");
    repo.script(&signer, "#!/bin/sh\ncat >/dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\nprintf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'\n");
    repo.git(&["config", "commit.gpgsign", "true"]);
    repo.git(&["config", "gpg.program", &signer.display().to_string()]);
    let ended = repo.run(&CLAUDE).expect(0);
    assert!(!ended.stderr.contains("not signed"), "{}", ended.stderr);
    let raw = repo.git(&["cat-file", "commit", BRANCH]);
    assert!(
        raw.contains("gpgsig -----BEGIN PGP SIGNATURE-----"),
        "{raw}"
    );
    assert_eq!(chunks(&repo, BRANCH), ["T001"]);
}

#[test]
fn a_hook_through_core_hooks_path_counts() {
    let repo = repo_of(1);
    repo.script(
        &repo.root.join(".githooks/pre-commit"),
        "#!/bin/sh\necho ran >> \"$FAKE_CLAUDE_STATE/../home/hook.txt\"\n",
    );
    repo.git(&["add", "-A", ".githooks"]);
    repo.git(&["commit", "-qm", "Hooks"]);
    repo.git(&["push", "-q"]);
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    repo.run(&CLAUDE).expect(0);
    assert!(repo.base().join("home/hook.txt").exists());
}

#[test]
fn a_filter_of_the_user_changes_nothing_by_itself() {
    let repo = Repo::new();
    repo.write(".gitattributes", "*.up filter=up\n");
    repo.git(&["config", "filter.up.clean", "tr A-Z a-z"]);
    repo.git(&["config", "filter.up.smudge", "tr a-z A-Z"]);
    repo.write("data.up", "some text\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Filtered"]);
    repo.git(&["push", "-q"]);
    repo.write("specs/work.md", spec_of(2, 2));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(
        repo.git(&["show", &format!("{BRANCH}:data.up")]),
        "some text"
    );
    assert_eq!(
        repo.git(&["diff", "--name-only", "main", BRANCH, "--", "data.up"]),
        ""
    );
}

// Engines that do to git what they should not.

/// One task built before, one by an engine that runs `line` after it wrote its work, one after it. The
/// engine waits until the first task is pushed, so that nothing else reads what it does to git meanwhile.
fn misbehaves(repo: &Repo, line: &str) -> Ended {
    repo.write("specs/work.md", spec_of(3, 3));
    let pushed = repo.root.join(format!(".git/refs/remotes/origin/{BRANCH}"));
    let write = json!({"write": {"path": "work/{chunk}.txt", "text": "{title}\n"}});
    let steps = json!([write, {"wait_for": pushed}, {"run": line}]);
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": steps}]}));
    repo.run(&CLAUDE)
}

/// What the user has beside the working tree, with a stash, a branch, a hook and configuration of their own.
fn furnished() -> Repo {
    let repo = Repo::new();
    repo.write("stashed.txt", "mine\n");
    repo.git(&["stash", "-q", "-u"]);
    repo.git(&["branch", "feature"]);
    repo.git(&["config", "alias.st", "status"]);
    repo.script(
        &repo.root.join(".git/hooks/post-merge"),
        "#!/bin/sh\n# mine\n",
    );
    repo
}

/// Everything below `.git/hooks` and the files that configure git.
fn machinery(repo: &Repo) -> Vec<(PathBuf, String)> {
    let dot_git = repo.root.join(".git");
    let mut paths = vec![
        dot_git.join("config"),
        dot_git.join("config.worktree"),
        dot_git.join("info/exclude"),
        dot_git.join("info/attributes"),
    ];
    let mut hooks: Vec<PathBuf> = fs::read_dir(dot_git.join("hooks"))
        .expect("there")
        .flatten()
        .map(|e| e.path())
        .collect();
    hooks.sort();
    paths.extend(hooks);
    paths
        .into_iter()
        .map(|p| (p.clone(), fs::read_to_string(&p).unwrap_or_default()))
        .collect()
}

/// The engine's doing counts for nothing: one commit a chunk, the user's things as before, all delivered.
#[track_caller]
fn is_folded(line: &str) {
    let repo = furnished();
    let spec = repo.root.join("specs/work.md");
    repo.write("specs/work.md", spec_of(3, 3));
    let (before, machine) = (repo.users_things(), machinery(&repo));
    let main = sent(&repo, "main");
    let ended = misbehaves(&repo, line);
    let log = format!("{line}\n{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, 0, "{log}");
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002", "T003"], "{log}");
    assert_eq!(repo.commits(BRANCH).len(), 4, "{log}");
    let n = |i: usize| {
        (
            format!("work/T{i:03}.txt"),
            format!("T{i:03} Build piece {i}"),
        )
    };
    let built: Vec<(String, String)> = work_of(&repo, BRANCH);
    let names: Vec<String> = built.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, [n(1).0, n(2).0, n(3).0], "{log}");
    let files = repo.git(&[
        "diff-tree",
        "--no-commit-id",
        "--name-only",
        "-r",
        &format!("{BRANCH}~1"),
    ]);
    assert!(files.ends_with("work/T002.txt"), "{files}\n{log}");
    assert_eq!(repo.users_things(), before, "{log}");
    assert_eq!(machinery(&repo), machine, "{log}");
    assert_eq!(sent(&repo, "main"), main, "{log}");
    assert_eq!(sent(&repo, BRANCH), tip(&repo, BRANCH), "{log}");
    assert!(!repo.base().join("PWNED").exists(), "{log}");
    let heads = repo.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    assert_eq!(heads, format!("{BRANCH}\nfeature\nmain"), "{log}");
    assert!(spec.exists());
}

/// A tiny test for every way to misbehave.
macro_rules! folded {
    ($($name:ident: $line:expr;)*) => { $(#[test] fn $name() { is_folded($line); })* };
}

folded! {
    a_commit_by_the_engine_is_folded: "git add -A && git commit -qm own";
    several_commits_by_the_engine_are_folded: "git add -A && git commit -qm a && git commit -q --allow-empty -m b && git commit -q --allow-empty -m c";
    a_commit_on_a_branch_of_the_engines_is_folded: "git checkout -q -b sneaky && git add -A && git commit -qm own";
    a_commit_on_main_by_the_engine_is_folded: "git add -A && git checkout -q --ignore-other-worktrees main && git add -A && git commit -qm own";
    main_pushed_forward_locally_by_the_engine_is_put_back: "git add -A && git commit -qm own && git update-ref refs/heads/main HEAD";
    a_branch_of_the_user_that_the_engine_moves_is_put_back: "git add -A && git commit -qm own && git branch -f feature HEAD";
    a_branch_of_the_user_that_the_engine_deletes_is_put_back: "git branch -D feature";
    our_branch_moved_by_the_engine_is_put_back: "git add -A && git commit -qm own && git update-ref refs/heads/codelicious/specs-work HEAD";
    a_lane_moved_by_the_engine_is_put_back: "git add -A && git commit -qm own && git update-ref refs/codelicious/lanes/specs-work HEAD";
    a_lane_deleted_by_the_engine_is_put_back: "git update-ref -d refs/codelicious/lanes/specs-work; git update-ref -d refs/codelicious/sync/specs-work";
    a_branch_left_checked_out_by_the_engine_is_left: "git checkout -q -b other";
    our_own_branch_left_checked_out_by_the_engine_is_left: "git stash -q -u; git checkout -q codelicious/specs-work && git stash pop -q";
    an_amended_commit_is_folded: "git add -A && git commit -q --amend --no-edit";
    a_rebase_by_the_engine_is_folded: "git add -A && git commit -qm a && GIT_SEQUENCE_EDITOR='sed -i 1s/pick/edit/' git rebase -q -i HEAD~1; git commit -q --amend -m b; git rebase --continue";
    a_rebase_left_half_done_is_ended: "git add -A && git commit -qm a && GIT_SEQUENCE_EDITOR='sed -i 1s/pick/edit/' git rebase -q -i HEAD~1";
    a_merge_left_half_done_is_ended: "git add -A && git commit -qm a && git merge -q --no-commit --no-ff main; git merge --no-commit --no-ff -s ours feature; true";
    an_orphan_history_is_folded: "git checkout -q --orphan fresh && git add -A && git commit -qm fresh";
    a_stash_by_the_engine_is_dropped: "git stash -q -u && git stash apply -q";
    a_stash_on_a_branch_of_the_engines_is_dropped: "git checkout -q -b stashing && git stash -q -u && git stash apply -q";
    the_users_stash_popped_by_the_engine_is_kept: "git stash drop -q";
    a_staged_index_and_locks_of_the_engine_do_not_matter: "git add -A; touch \"$(git rev-parse --git-dir)/index.lock\" \"$(git rev-parse --git-dir)/HEAD.lock\"";
    a_broken_index_of_the_engine_does_not_matter: "echo broken > \"$(git rev-parse --git-dir)/index\"";
    a_new_repository_in_place_of_the_lane_does_not_matter: "rm .git && git init -q . && git add -A && git -c user.name=a -c user.email=a@b commit -qm own";
    a_removed_dot_git_does_not_matter: "rm .git";
    planted_hooks_are_removed: "h=$(git rev-parse --git-common-dir)/hooks; for n in pre-commit commit-msg post-commit pre-push reference-transaction post-checkout post-index-change; do printf '#!/bin/sh\\ntouch ../../../../PWNED \"%s/../../PWNED\"\\n' \"$h\" > $h/$n; chmod +x $h/$n; done";
    a_hook_of_the_users_that_the_engine_changed_is_put_back: "h=$(git rev-parse --git-common-dir)/hooks; printf '#!/bin/sh\\ntouch PWNED\\n' > $h/post-merge";
    planted_configuration_is_undone: "c=$(git rev-parse --git-common-dir); printf '#!/bin/sh\\ntouch %s/../../PWNED\\n' \"$c\" > ../evil; chmod +x ../evil; for k in core.fsmonitor core.sshCommand core.pager alias.push alias.st filter.x.clean filter.x.smudge credential.helper gpg.program core.editor diff.external; do git config $k \"$PWD/../evil\"; done; git config core.hooksPath \"$PWD/..\"; git config remote.origin.pushurl /nowhere";
    planted_configuration_of_the_worktree_is_undone: "git config extensions.worktreeConfig true && git config --worktree core.hooksPath \"$PWD/..\" && git config --worktree core.bare true";
    configuration_that_the_engine_broke_is_put_back: "echo '[broken' > \"$(git rev-parse --git-common-dir)/config\"";
    planted_attributes_and_excludes_are_undone: "c=$(git rev-parse --git-common-dir); mkdir -p $c/info; echo '* filter=x' > $c/info/attributes; echo '*' > $c/info/exclude";
    work_on_top_of_an_older_commit_is_put_on_the_tip: "git reset -q --hard HEAD~1 && mkdir -p work && printf 'T002 Build piece 2\\n' > work/T002.txt";
    a_branch_moved_before_the_engine_came_back_is_put_back: "git add -A && git commit -qm own && git branch -f feature HEAD && git reset -q --mixed HEAD~1";
}

#[test]
fn a_tag_by_the_engine_is_not_pushed() {
    let repo = Repo::new();
    misbehaves(&repo, "git tag v9").expect(0);
    assert_eq!(repo.git_in(&repo.origin, &["tag"]), "");
}

#[test]
fn attributes_and_filters_of_the_engine_run_nothing() {
    let repo = Repo::new();
    let pwned = repo.base().join("PWNED");
    let line = format!(
        "echo '* filter=x' > .gitattributes; git config filter.x.clean 'touch {0}; cat'; git config filter.x.smudge 'touch {0}; cat'; git config filter.x.process 'touch {0}'",
        pwned.display()
    );
    misbehaves(&repo, &line).expect(0);
    assert!(!pwned.exists());
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002", "T003"]);
}

#[test]
fn a_planted_hook_does_not_run_where_the_user_has_hooks_too() {
    for plant in [
        "git config core.hooksPath \"$PWD/..\"",
        "git config extensions.worktreeConfig true; git config --worktree core.hooksPath \"$PWD/..\"",
        "printf '#!/bin/sh\\ntouch \"$FAKE_CLAUDE_STATE/../home/PWNED\"\\n' > $(git rev-parse --git-common-dir)/hooks/pre-commit",
    ] {
        let repo = Repo::new();
        repo.script(
            &repo.root.join(".git/hooks/pre-commit"),
            "#!/bin/sh\necho ran >> \"$FAKE_CLAUDE_STATE/../home/hook.txt\"\n",
        );
        let evil = "printf '#!/bin/sh\\ntouch \"$FAKE_CLAUDE_STATE/../home/PWNED\"\\n' > ../pre-commit; chmod +x ../pre-commit";
        misbehaves(&repo, &format!("{evil}; {plant}")).expect(0);
        assert!(!repo.base().join("home/PWNED").exists(), "{plant}");
        let ran =
            fs::read_to_string(repo.base().join("home/hook.txt")).expect("the user's hook ran");
        assert_eq!(ran.lines().count(), 3, "{plant}");
    }
}

#[test]
fn a_nested_repository_is_refused_by_name_and_cleared_away() {
    let repo = Repo::new();
    let line = "git init -q nested && cd nested && echo x > x.txt && git add -A && git -c user.name=a -c user.email=a@b commit -qm x";
    let ended = misbehaves(&repo, line).expect(3);
    assert!(
        ended
            .stderr
            .contains("nested: a repository inside the repository"),
        "{}",
        ended.stderr
    );
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T003"]);
    let files = repo.git(&["ls-tree", "-r", "--name-only", BRANCH]);
    assert!(!files.contains("nested"), "{files}");
    for lane in repo.lanes() {
        assert!(!lane.join("nested").exists(), "{}", lane.display());
    }
}

#[test]
fn a_submodule_added_by_the_engine_is_refused_by_name() {
    let repo = Repo::new();
    let url = repo.origin.display().to_string();
    let line = format!("git -c protocol.file.allow=always submodule add -q {url} sub");
    let ended = misbehaves(&repo, &line).expect(3);
    assert!(
        ended
            .stderr
            .contains("sub: a repository inside the repository"),
        "{}",
        ended.stderr
    );
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T003"]);
    for lane in repo.lanes() {
        assert!(!lane.join("sub").exists());
    }
}

#[test]
fn work_hidden_in_a_stash_is_no_work() {
    let repo = furnished();
    let stashes = repo.git(&["stash", "list"]);
    let ended = misbehaves(&repo, "git stash -q -u").expect(3);
    assert!(ended.stderr.contains("changed nothing"), "{}", ended.stderr);
    assert_eq!(repo.git(&["stash", "list"]), stashes);
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T003"]);
}

#[test]
fn commits_of_the_engine_are_kept_for_a_look() {
    let repo = Repo::new();
    misbehaves(&repo, "git add -A && git commit -qm 'my own commit'").expect(0);
    let kept = repo.git(&[
        "for-each-ref",
        "--format=%(refname) %(subject)",
        "refs/codelicious/attempts",
    ]);
    assert_eq!(
        kept,
        "refs/codelicious/attempts/specs-work/T002/1 my own commit"
    );
}

// Where and when it is started.

#[test]
fn it_can_be_started_in_a_linked_worktree() {
    let repo = repo_of(2);
    repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = repo.base().join("side");
    let before = repo.users_things();
    let ended = repo
        .command(&CLAUDE)
        .current_dir(&side)
        .output()
        .expect("it starts");
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002"]);
    assert_eq!(repo.users_things(), before);
    assert!(!side.join(".codelicious").exists());
    assert!(
        repo.root
            .join(".codelicious/state/specs-work.json")
            .exists()
    );
    assert_eq!(repo.git_in(&side, &["status", "--porcelain"]), "");
}

#[test]
fn it_can_be_started_in_a_subfolder() {
    let repo = repo_of(1);
    let sub = repo.root.join("src/deep");
    fs::create_dir_all(&sub).expect("made");
    for args in [&["plan"][..], &CLAUDE[..]] {
        let ended = repo
            .command(args)
            .current_dir(&sub)
            .output()
            .expect("it starts");
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    assert_eq!(chunks(&repo, BRANCH), ["T001"]);
    assert!(fs::read_dir(&sub).expect("there").next().is_none());
    let named = repo
        .command(&["--engine", "claude", "--spec", "../../specs/work.md"])
        .current_dir(&sub)
        .output()
        .expect("it starts");
    assert!(
        named.status.success(),
        "{}",
        String::from_utf8_lossy(&named.stderr)
    );
    assert_eq!(repo.calls().len(), 1);
}

#[test]
fn a_branch_that_the_user_has_checked_out_does_not_move_and_is_pushed_all_the_same() {
    let repo = repo_of(1);
    repo.run(&CLAUDE).expect(0);
    fs::remove_file(repo.root.join("specs/work.md")).expect("removed");
    repo.git(&["checkout", "-q", BRANCH]);
    let mine = tip(&repo, BRANCH);
    repo.write(
        "specs/work.md",
        spec_of(2, 2).replace("[ ] T001", "[x] T001"),
    );
    let (things, status) = (repo.users_things(), repo.git(&["status", "--porcelain"]));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002"]);
    assert_eq!(tip(&repo, BRANCH), mine);
    assert_eq!(repo.users_things(), things);
    assert_eq!(repo.git(&["status", "--porcelain"]), status);
    let lane = repo.git(&["rev-parse", "refs/codelicious/lanes/specs-work"]);
    assert_ne!(lane, mine);
    assert_eq!(sent(&repo, BRANCH), lane);
    assert_eq!(repo.run(&CLAUDE).expect(0).code, 0);
    assert_eq!(repo.calls().len(), 2);
}

#[test]
fn a_checkout_behind_the_remote_is_built_on_the_remote() {
    let repo = repo_of(1);
    let other = repo.fresh_clone("other");
    fs::write(other.root.join("newer.txt"), "newer\n").expect("written");
    other.git(&["add", "-A"]);
    other.git(&["commit", "-qm", "Newer"]);
    other.git(&["push", "-q"]);
    let before = repo.users_things();
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.users_things(), before, "the local main does not move");
    assert_eq!(repo.git(&["show", &format!("{BRANCH}:newer.txt")]), "newer");
    assert_eq!(
        repo.git(&["rev-list", "--count", &format!("origin/main..{BRANCH}")]),
        "2"
    );
}

#[test]
fn commits_that_the_base_lacks_are_warned_of() {
    let repo = repo_of(1);
    repo.write("local.txt", "local\n");
    repo.git(&["add", "local.txt"]);
    repo.git(&["commit", "-qm", "Local only"]);
    let plan = repo.run(&["plan"]).expect(0);
    assert!(
        plan.stdout.contains("1 commits that the base `main` lacks")
            || plan.stdout.contains("1 commit that the base `main` lacks"),
        "{}",
        plan.stdout
    );
    let ended = repo.run(&CLAUDE).expect(0);
    assert!(
        ended.stderr.contains("that the base `main` lacks"),
        "{}",
        ended.stderr
    );
    let files = repo.git(&["ls-tree", "-r", "--name-only", BRANCH]);
    assert!(!files.contains("local.txt"), "{files}");
}

#[test]
fn a_repository_without_commits_is_a_set_up_error_with_a_remedy() {
    let repo = Repo::bare_bones();
    repo.write("specs/work.md", spec_of(1, 1));
    for args in [&["plan"][..], &CLAUDE[..]] {
        let ended = repo.run(args).expect(2);
        assert!(ended.stderr.contains("no commit yet"), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("git commit -m 'First commit'"),
            "{}",
            ended.stderr
        );
    }
    assert!(repo.calls().is_empty());
}

#[test]
fn line_ends_converted_by_git_are_no_change() {
    let repo = Repo::new();
    repo.git(&["config", "core.autocrlf", "true"]);
    repo.write("specs/work.md", spec_of(2, 2));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A spec"]);
    repo.git(&["push", "-q"]);
    fs::remove_file(repo.root.join("specs/work.md")).expect("removed");
    repo.git(&["checkout", "-q", "--", "."]);
    assert!(repo.read("specs/work.md").contains("\r\n"));
    let write = json!([{"write": {"path": "work/{chunk}.txt", "text": "one\r\ntwo\r\n"}}]);
    repo.fake(&json!({"default": {"steps": write}}));
    let before = repo.users_things();
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.users_things(), before);
    assert_eq!(
        repo.commits(BRANCH).len(),
        2,
        "no sync: the spec is the same"
    );
    for (rev, n) in [(format!("{BRANCH}~1"), 1), (BRANCH.to_owned(), 2)] {
        let files = repo.git(&["diff-tree", "--no-commit-id", "--name-status", "-r", &rev]);
        assert_eq!(files, format!("M\tspecs/work.md\nA\twork/T00{n}.txt"));
        let spec = repo.git(&[
            "diff",
            "--numstat",
            &format!("{rev}~1"),
            &rev,
            "--",
            "specs/work.md",
        ]);
        assert_eq!(spec, "1\t1\tspecs/work.md");
    }
    assert_eq!(
        repo.git(&["cat-file", "-s", &format!("{BRANCH}:work/T001.txt")]),
        "8",
        "stored with LF"
    );
}

#[test]
fn an_untracked_spec_with_converted_line_ends_is_synced_once() {
    let repo = Repo::new();
    repo.git(&["config", "core.autocrlf", "true"]);
    repo.write("specs/work.md", spec_of(2, 2).replace('\n', "\r\n"));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002"]);
    assert_eq!(repo.commits(BRANCH).len(), 3);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.commits(BRANCH).len(), 3);
    assert_eq!(repo.calls().len(), 2);
}

#[test]
fn a_branch_of_our_name_that_is_not_ours_gets_a_sibling() {
    let repo = repo_of(1);
    repo.git(&["checkout", "-q", "-b", BRANCH]);
    repo.write("mine.txt", "mine\n");
    repo.git(&["add", "mine.txt"]);
    repo.git(&["commit", "-qm", "Mine"]);
    repo.git(&["checkout", "-q", "main"]);
    let mine = tip(&repo, BRANCH);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(tip(&repo, BRANCH), mine);
    let heads = repo.git(&[
        "for-each-ref",
        "--format=%(refname:short)",
        "refs/heads/codelicious",
    ]);
    let sibling = heads
        .lines()
        .find(|h| *h != BRANCH)
        .expect("a sibling")
        .to_owned();
    assert!(sibling.starts_with(&format!("{BRANCH}-")), "{heads}");
    assert_eq!(chunks(&repo, &sibling), ["T001"]);
    assert_eq!(sent(&repo, &sibling), tip(&repo, &sibling));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 1);
    let clone = repo.fresh_clone("fresh");
    clone.run(&CLAUDE).expect(0);
    assert_eq!(repo.calls().len(), 1, "a fresh clone finds the sibling");
}

#[test]
fn a_branch_called_codelicious_is_a_clear_error_before_anything_is_paid() {
    let repo = repo_of(1);
    repo.git(&["branch", "codelicious"]);
    let ended = repo.run(&CLAUDE).expect(2);
    assert!(
        ended.stderr.contains("git branch -m codelicious"),
        "{}",
        ended.stderr
    );
    assert!(repo.calls().is_empty());
    repo.git(&["branch", "-m", "codelicious", "mine"]);
    repo.run(&CLAUDE).expect(0);
}

#[test]
fn a_detached_head_with_a_remote_is_fine() {
    let repo = repo_of(1);
    repo.git(&["checkout", "-q", "--detach"]);
    let before = repo.users_things();
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.users_things(), before);
}

#[test]
fn large_files_kept_elsewhere_stay_pointers() {
    let repo = Repo::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    repo.write(
        ".gitattributes",
        "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    );
    repo.write("model.bin", pointer);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "A pointer"]);
    repo.git(&["push", "-q"]);
    repo.write("specs/work.md", spec_of(1, 1));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(
        repo.git(&["diff", "--name-only", "main", BRANCH]),
        "specs/work.md\nwork/T001.txt"
    );
}

// Pull requests.

/// `(head, base)` of every pull request file, in order of their numbers.
fn pull_requests(repo: &Repo) -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = fs::read_dir(repo.root.join(".codelicious/prs"))
        .map(|d| {
            d.flatten()
                .map(|e| e.path())
                .filter(|p| p.extension().is_some_and(|e| e == "md"))
                .collect()
        })
        .unwrap_or_default();
    files.sort();
    let field = |text: &str, name: &str| {
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    files
        .iter()
        .map(|f| {
            let text = fs::read_to_string(f).expect("read");
            (field(&text, "head"), field(&text, "base"))
        })
        .collect()
}

fn pair(head: &str, base: &str) -> (String, String) {
    (head.to_owned(), base.to_owned())
}

fn part(n: u32) -> String {
    if n == 1 {
        BRANCH.to_owned()
    } else {
        format!("{BRANCH}-part-{n}")
    }
}

/// Every chunk writes this many lines.
fn lines_each(n: usize) -> Value {
    json!({"default": {"steps": [{"write": {"path": "work/{chunk}.txt", "text": "line\n".repeat(n)}}]}})
}

#[test]
fn parts_hold_as_many_commits_as_they_may() {
    let repo = repo_of(5);
    repo.run(&["--engine", "claude", "--max-commits-per-pr", "2"])
        .expect(0);
    assert_eq!(
        pull_requests(&repo),
        [
            pair(&part(1), "main"),
            pair(&part(2), &part(1)),
            pair(&part(3), &part(2))
        ]
    );
    assert_eq!(
        chunks(&repo, &part(1)),
        ["T001", "T002"],
        "the sync commit is not counted"
    );
    let own = |n: u32| {
        repo.git(&[
            "rev-list",
            "--count",
            &format!("{}..{}", part(n - 1), part(n)),
        ])
    };
    assert_eq!(
        (own(2).as_str(), own(3).as_str()),
        ("2", "1"),
        "parts are stacked, not cumulative"
    );
}

#[test]
fn parts_hold_as_many_lines_as_they_may() {
    let repo = repo_of(3);
    repo.fake(&lines_each(30));
    repo.run(&["--engine", "claude", "--max-loc-per-pr", "50"])
        .expect(0);
    assert_eq!(
        pull_requests(&repo),
        [
            pair(&part(1), "main"),
            pair(&part(2), &part(1)),
            pair(&part(3), &part(2))
        ]
    );
}

#[test]
fn marks_and_syncs_count_to_no_cap() {
    let mut spec = spec_of(2, 2);
    spec.push_str(&"\nA long story about the work.\n".repeat(100));
    let repo = Repo::new();
    repo.write("specs/work.md", spec);
    repo.fake(&lines_each(25));
    repo.run(&["--engine", "claude", "--max-loc-per-pr", "50"])
        .expect(0);
    assert_eq!(
        pull_requests(&repo),
        [pair(&part(1), "main")],
        "25 + 25 lines fit into 50"
    );
    assert_eq!(chunks(&repo, BRANCH), ["T001", "T002"]);
}

#[test]
fn one_chunk_over_the_cap_gets_a_part_of_its_own() {
    let repo = repo_of(2);
    repo.fake(&lines_each(300));
    repo.run(&CLAUDE).expect(0);
    assert_eq!(
        pull_requests(&repo),
        [pair(&part(1), "main"), pair(&part(2), &part(1))]
    );
}

#[test]
fn a_series_goes_on_where_it_ended_and_no_head_has_two_pull_requests() {
    let repo = repo_of(3);
    let args = ["--engine", "claude", "--max-commits-per-pr", "2"];
    repo.run(&args).expect(0);
    for n in [4, 6] {
        repo.write("specs/work.md", spec_of(n, n));
        repo.run(&args).expect(0);
        repo.run(&args).expect(0);
    }
    assert_eq!(
        pull_requests(&repo),
        [
            pair(&part(1), "main"),
            pair(&part(2), &part(1)),
            pair(&part(3), &part(2))
        ]
    );
    assert_eq!(
        chunks(&repo, &part(3)),
        ["T001", "T002", "T003", "T004", "T005", "T006"]
    );
}

#[test]
fn a_lost_folder_makes_no_second_series() {
    let repo = repo_of(3);
    let args = ["--engine", "claude", "--max-commits-per-pr", "2"];
    repo.run(&args).expect(0);
    let before = pull_requests(&repo);
    fs::remove_dir_all(repo.root.join(".codelicious")).expect("removed");
    repo.run(&args).expect(0);
    assert_eq!(repo.calls().len(), 3);
    assert_eq!(pull_requests(&repo), before);
}

#[test]
fn every_spec_has_a_series_of_its_own() {
    let repo = Repo::new();
    repo.write("specs/a.md", "- [ ] A1 One\n- [ ] A2 Two\n");
    repo.write("specs/b.md", "- [ ] B1 One\n");
    repo.run(&CLAUDE).expect(0);
    assert_eq!(
        pull_requests(&repo),
        [
            pair("codelicious/specs-a", "main"),
            pair("codelicious/specs-b", "main")
        ]
    );
    assert_eq!(
        repo.commits("codelicious/specs-b").len(),
        2,
        "nothing of the other spec is in it"
    );
}

#[test]
fn what_a_remote_starts_for_itself_is_not_ended_with_an_engine() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    let sign = |name: &str| repo.sign(name);
    // One leaves the group of who pushes, at some time or other; one stays in it.
    let daemon = |leaves: &str, nth: u32| {
        format!(
            "[ -e {began} ] || {leaves} sh -c ': > {began}; until [ -e {go} ]; do sleep 0.02; done; : > {ended}' > /dev/null 2>&1 < /dev/null &",
            began = sign(&format!("began-{nth}")),
            go = sign("go"),
            ended = sign(&format!("ended-{nth}"))
        )
    };
    repo.script(
        &repo.origin.join("hooks/post-receive"),
        &format!("#!/bin/sh\n{}\n{}\n", daemon("setsid", 1), daemon("", 2)),
    );
    let work = json!({"write": {"path": "work/{chunk}.txt", "text": "{title}"}});
    repo.fake(&json!({"rules": [
        {"chunk": "T002", "steps": [work, {"wait_for": sign("began-1")}, {"wait_for": sign("began-2")}]},
        {"chunk": "T003", "steps": [work, {"run": format!(": > {}", sign("go"))}, {"wait_for": sign("ended-1")}, {"wait_for": sign("ended-2")}]},
    ]}));
    repo.run(&CLAUDE).expect(0);
}

#[test]
fn a_commit_that_a_person_makes_on_our_branch_beside_a_run_stays_there() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(3, 3));
    let clone = repo.base().join("beside");
    let commit = format!(
        "git worktree add -q -f {0} codelicious/specs-work && cd {0} && echo mine > mine.txt && git add -A && git commit -qm 'By hand' && git checkout -q --detach",
        clone.display()
    );
    let wait =
        "until git rev-parse -q --verify codelicious/specs-work > /dev/null; do sleep 0.02; done";
    let work = json!({"write": {"path": "work/{chunk}.txt", "text": "{title}"}});
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [{"run": format!("cd {} && {wait} && env -u GIT_DIR {commit}", repo.root.display())}, work]}]}));
    repo.run(&CLAUDE);
    let theirs = repo.git(&["log", "--format=%s", "codelicious/specs-work"]);
    assert!(theirs.contains("By hand"), "{theirs}");
}
